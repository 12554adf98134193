//! What a test says of itself where that has to be seen, whether it passes or not: what it skips for want of real games, and what
//! it found in them.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Something of the real games; where it is not there, that is said.
pub fn real_games(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus").join(name);
    if path.exists() {
        return Some(path);
    }
    tell(&format!("skipped: no real games, {} is not there", path.display()));
    None
}

/// What is printed by macros is kept back of a test that passes.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
