//! Files that take the place of others only once they are whole: who looks meanwhile sees one of them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};

/// Writes a file that takes the place of another only once it is whole. What is no file, such as `/dev/null`, is written to
/// as it is.
pub(crate) fn write<T>(
    path: &Path,
    make: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (partial, is_replaced) = partial(path);
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

/// Whether a file can be written there, for whoever has much to do before it writes.
pub(crate) fn check(path: &Path) -> anyhow::Result<()> {
    let (partial, is_replaced) = partial(path);
    let attempt = || -> anyhow::Result<()> {
        ensure!(!path.is_dir(), "it is a folder");
        File::create(&partial)?;
        if is_replaced {
            std::fs::remove_file(&partial)?;
        }
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

/// Where what is not whole yet is written, and whether it takes the other's place then.
fn partial(path: &Path) -> (OsString, bool) {
    let is_replaced = std::fs::metadata(path).map_or(true, |there| there.is_file());
    let mut partial = path.as_os_str().to_owned();
    partial.push(if is_replaced { ".part" } else { "" });
    (partial, is_replaced)
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

    #[test]
    fn a_place_is_looked_at_before_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        check(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and left as it was");
        check(Path::new("/dev/null")).unwrap();
        for wrong in [folder.path().join("none/plan.json"), folder.path().to_owned()] {
            let error = format!("{:#}", check(&wrong).unwrap_err());
            assert!(error.starts_with("cannot write "), "{error}");
        }
    }
}
