//! What is sent in a letter's place, from a file or an editor.

use std::fs;
use std::io::{Read as _, stdin};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::letter::Letter;

/// The largest message that ingestion takes unless told otherwise is a fraction of this.
const BODY_BYTES_MAX: u64 = 4 << 20;

/// What a file holds; `-` is standard input.
pub fn read(file: &Path) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if file.as_os_str() == "-" {
        stdin().take(BODY_BYTES_MAX + 1).read_to_end(&mut body).context("reading standard input")?;
    } else {
        let open = fs::File::open(file).with_context(|| format!("opening {}", file.display()))?;
        open.take(BODY_BYTES_MAX + 1)
            .read_to_end(&mut body)
            .with_context(|| format!("reading {}", file.display()))?;
    }
    ensure!(body.len() as u64 <= BODY_BYTES_MAX, "a message has at most {BODY_BYTES_MAX} bytes");
    Ok(body)
}

/// What somebody makes of the letter in an editor.
pub fn edit(letter: &Letter) -> Result<Vec<u8>> {
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // A folder of its own that nobody else may enter: the file's name can be foreseen.
    let folder = std::env::temp_dir().join(format!("matchday-letter-{:016x}", rand::random::<u64>()));
    {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().mode(0o700).create(&folder).context("making a folder for the letter")?;
    }
    let edited = edit_in(&folder, &editor, &letter.bytes);
    let removed = fs::remove_dir_all(&folder).context("removing the folder of the letter");
    let edited = edited?;
    removed?;
    ensure!(
        edited != letter.bytes,
        "the letter was left as it is: nothing is sent. Without --edit it is sent so"
    );
    Ok(edited)
}

fn edit_in(folder: &Path, editor: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let is_xml = bytes.trim_ascii_start().starts_with(b"<");
    let file = folder.join(if is_xml { "letter.xml" } else { "letter.json" });
    fs::write(&file, bytes).context("writing the letter")?;
    // $EDITOR may hold arguments, as in `code --wait`.
    let mut words = editor.split_whitespace();
    let program = words.next().context("$VISUAL and $EDITOR name no program")?;
    let status = Command::new(program).args(words).arg(&file).status();
    let status = status.with_context(|| format!("starting {program}"))?;
    ensure!(status.success(), "{program} ended with {status}: nothing is sent");
    let mut edited = read(&file)?;
    // Editors end the last line.
    if edited.ends_with(b"\n") && !bytes.ends_with(b"\n") {
        edited.pop();
    }
    Ok(edited)
}
