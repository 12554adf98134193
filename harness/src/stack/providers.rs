//! Who may push to a guarded stack: the providers that the simulator speaks for, each with a token of its own.

use super::folder::{Folder, write_private};
use anyhow::Result;
use std::path::PathBuf;

/// The providers that the simulator's worlds and ready-made scenarios speak for, and in what they write.
const PROVIDERS: [(&str, &str); 3] = [("md", "native"), ("second", "native"), ("uof", "uof")];

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

/// Lets the providers in. Returns the token of the first; that of another is made of it by its name: `{token}-{name}`.
pub(super) fn write(folder: &Folder) -> Result<String> {
    let token = new_secret();
    let entry = |(name, format): (&str, &str)| {
        let own = if name == PROVIDERS[0].0 { token.clone() } else { format!("{token}-{name}") };
        format!(
            "[providers.{name}]\ntokens = [\"{own}\"]\nformat = \"{format}\"\n\
             messages_per_second = {MESSAGES_PER_SECOND}\nburst = {MESSAGES_PER_SECOND}\n"
        )
    };
    write_private(&file(folder), &PROVIDERS.map(entry).concat())?;
    Ok(token)
}
