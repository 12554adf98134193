//! Where in a recording a minute of its match is: by the game's own clock, where the sport has one, else by the time since
//! play began.

use std::io::Read;

use domain::{Content, EventId, FeedMessage};

use super::played::Played;
use super::{Reader, RecordingError};
use crate::format::Format;

/// Why there is no such minute.
#[derive(Debug, thiserror::Error)]
pub enum MinuteError {
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Its messages are in no format that is known here.
    #[error("its messages are `{0}`, which are not known here")]
    Format(String),
    /// Nobody said whose minute.
    #[error("it holds {0} and {1}: a minute is one game's, so cut that out first")]
    Events(EventId, EventId),
    /// It ends before.
    #[error("its game comes to minute {reached}, not to {minute}")]
    NotReached {
        /// The minute asked for.
        minute: u32,
        /// The last one that there is.
        reached: u32,
    },
}

/// When this minute of the match begins, in nanoseconds after the recording's start; 0 is its beginning. Of several events only one
/// that is named.
///
/// # Errors
/// When the recording cannot be read, holds several events, or ends before.
pub fn offset_ns<R: Read>(
    mut recording: Reader<R>,
    event: Option<&EventId>,
    minute: u32,
) -> Result<u64, MinuteError> {
    let header = recording.header().clone();
    let format = Format::of_content_type(&header.content_type)
        .ok_or_else(|| MinuteError::Format(header.content_type.clone()))?;
    let (mut played, mut found) = (Played::default(), event.cloned());
    for message in &mut recording {
        let message = message?;
        let Some(FeedMessage { generated_at, content: Content::Event(said), .. }) =
            format.decode(&message.bytes, &header.provider)
        else {
            continue;
        };
        match &found {
            Some(found) if *found == said.event_id => {}
            Some(_) if event.is_some() => continue,
            Some(found) => return Err(MinuteError::Events(found.clone(), said.event_id)),
            None => found = Some(said.event_id.clone()),
        }
        played.note(message.offset_ns, generated_at, &said);
    }
    let reached = |seconds| MinuteError::NotReached { minute, reached: seconds / 60 };
    played.at_ns(minute.saturating_mul(60)).map_err(reached)
}
