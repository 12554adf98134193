//! Files that take the place of others only once they are whole: who looks meanwhile sees one of them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

/// Writes a file that takes the place of another only once it is whole. What is no file, such as `/dev/null`, is written to
/// as it is.
pub(crate) fn write<T>(
    path: &Path,
    make: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let is_replaced = std::fs::metadata(path).map_or(true, |there| there.is_file());
    let mut partial = path.as_os_str().to_owned();
    partial.push(if is_replaced { ".part" } else { "" });
    let attempt = || -> anyhow::Result<T> {
        let mut out = BufWriter::new(File::create(&partial)?);
        let written = make(&mut out)?;
        out.flush()?;
        if is_replaced {
            std::fs::rename(&partial, path)?;
        }
        Ok(written)
    };
    let written = attempt().with_context(|| format!("cannot write {}", path.display()));
    if written.is_err() && is_replaced {
        // There may be none: then there is nothing to take away.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_on_the_way_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        write(&path, |out| Ok(out.write_all(b"first")?)).unwrap();
        let failed: anyhow::Result<()> = write(&path, |out| {
            out.write_all(b"sec")?;
            anyhow::bail!("the disk is full")
        });
        assert!(format!("{:#}", failed.unwrap_err()).ends_with("plan.json: the disk is full"));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
