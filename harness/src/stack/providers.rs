//! Who may push to a guarded stack: one provider, with a token of its own.

use super::folder::{Folder, write_private};
use anyhow::Result;
use std::path::PathBuf;

/// The provider that the simulator's worlds speak for.
const PROVIDER: &str = "md";

/// More than any run sends: a stack is not there to slow its simulator down.
const MESSAGES_PER_SECOND: u32 = 1_000_000;

/// A password or token that nobody needs to type.
pub(super) fn new_secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Where ingestion finds who may push.
pub(super) fn file(folder: &Folder) -> PathBuf {
    folder.path().join("providers.toml")
}

/// Lets the provider in that shows the token, which is returned.
pub(super) fn write(folder: &Folder) -> Result<String> {
    let token = new_secret();
    let text = format!(
        "[providers.{PROVIDER}]\ntokens = [\"{token}\"]\n\
         messages_per_second = {MESSAGES_PER_SECOND}\nburst = {MESSAGES_PER_SECOND}\n"
    );
    write_private(&file(folder), &text)?;
    Ok(token)
}
