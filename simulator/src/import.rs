//! Importers: recordings made of recorded games that other people publish, one file per format.
//!
//! An importer takes the score from what happened, never from fields that state a result: those are left to
//! tests, as an answer that does not come from here.

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use domain::FeedMessage;
use domain::codec::json;
use domain::id::Text;
use serde::de::DeserializeOwned;

use crate::recording::{Header, RecordingError, Writer};

pub mod betfair;
mod csv;
pub mod nba;
pub mod nhl;
pub mod slam;
pub mod sportec;
pub mod statsbomb;
mod tale;

/// A game as the messages of a feed.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What the recording says of itself.
    pub header: Header,
    /// The messages, each with its offset from the recording's start in nanoseconds, in order.
    pub messages: Vec<(u64, FeedMessage)>,
    /// Kinds of plays that have no counterpart in our feed, and how many of each were left out.
    pub left_out: BTreeMap<String, u64>,
}

/// Why a file cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {detail}")]
pub struct ImportError {
    /// Where in the file, such as `plays[3].timeInPeriod`; `.` is the file as a whole.
    pub path: String,
    /// What is wrong there.
    pub detail: String,
}

impl ImportError {
    pub(crate) fn new(path: impl Into<String>, detail: impl ToString) -> Self {
        Self { path: path.into(), detail: detail.to_string() }
    }
}

impl Imported {
    /// The same, where its first message would be taken: who plays whom is refused of a game before the time of which messages are.
    ///
    /// # Errors
    /// When it would be refused.
    pub fn checked(self) -> Result<Self, ImportError> {
        let first = self.messages.first().map_or(Ok(()), |(_, first)| domain::check_alone(first));
        first.map_err(|refusal| {
            ImportError::new(".", format!("nobody would take its first message: {refusal}"))
        })?;
        Ok(self)
    }

    /// Writes the recording.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(&self, out: impl Write + Seek) -> Result<Header, RecordingError> {
        let mut writer = Writer::new(out, self.header.clone())?;
        let mut bytes = Vec::with_capacity(1024);
        for (offset_ns, message) in &self.messages {
            bytes.clear();
            json::encode_into(message, &mut bytes);
            writer.write(*offset_ns, &bytes)?;
        }
        writer.finish()
    }
}

/// Reads a JSON file; an error says where in it.
fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, ImportError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let file = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| ImportError::new(error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| ImportError::new(".", error))?;
    Ok(file)
}

fn text(text: &str, path: impl FnOnce() -> String) -> Result<Text, ImportError> {
    Text::new(text).map_err(|error| ImportError::new(path(), error))
}
