//! An update as a processor published it, its values as they came.

use std::borrow::Cow;

use domain::fixture::FixtureChange;
use domain::update::CauseKind;
use domain::{EventId, Key, Sport, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::RawJson;

/// A [`domain::Update`] whose values are left as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawUpdate {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// The version after it.
    pub version: u64,
    /// The version before it.
    pub previous_version: u64,
    /// What led to it, and when.
    pub origin: Origin,
    /// What a fixture change said that led to it.
    pub fixture_change: Option<Box<FixtureChange>>,
    /// Each key that changed, with its whole new value.
    pub changes: Vec<(Key, RawJson)>,
}

/// What led to a version of an event, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The kind of message, or a gap; `None` where a later minor version has a name for it that is not known here.
    pub cause: Option<CauseKind>,
    /// When the provider made the message; absent where no message led to it.
    pub generated_at: Option<Timestamp>,
    /// When the processor applied it.
    pub applied_at: Timestamp,
}

impl Origin {
    /// Whether a client must see the update by itself and ahead of others. What is not known may be about bets.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.cause.is_none_or(CauseKind::is_urgent)
    }
}

/// Which version of which event an update leads to that cannot be read any further.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UpdateHead {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// The version after it.
    pub version: u64,
}

impl UpdateHead {
    /// Reads the payload of a record of an updates topic.
    pub fn parse(payload: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(payload)
    }
}

impl RawUpdate {
    /// Reads the payload of a record of an updates topic.
    pub fn parse(payload: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct UpdateFields<'a> {
            event_id: EventId,
            sport: Sport,
            version: u64,
            previous_version: u64,
            #[serde(borrow)]
            cause: CauseFields<'a>,
            applied_at: Timestamp,
            #[serde(borrow)]
            changes: Vec<ChangeFields<'a>>,
        }
        #[derive(Deserialize)]
        struct CauseFields<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
            generated_at: Option<Timestamp>,
            #[serde(borrow)]
            fixture_change: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct ChangeFields<'a> {
            key: Key,
            #[serde(borrow)]
            value: Option<&'a RawValue>,
        }
        // What is known to be text is not checked again, string by string.
        let fields: UpdateFields<'_> = match std::str::from_utf8(payload) {
            Ok(text) => serde_json::from_str(text)?,
            Err(_) => serde_json::from_slice(payload)?,
        };
        let changes =
            fields.changes.into_iter().map(|change| (change.key, change.value.map(|raw| raw.get().into())));
        Ok(Self {
            event_id: fields.event_id,
            sport: fields.sport,
            version: fields.version,
            previous_version: fields.previous_version,
            origin: Origin {
                cause: fields.cause.kind.parse().ok(),
                generated_at: fields.cause.generated_at,
                applied_at: fields.applied_at,
            },
            // It is told beside the values: one that says what is not known here keeps nobody from them.
            fixture_change: fields.cause.fixture_change.and_then(|raw| serde_json::from_str(raw.get()).ok()),
            changes: changes.collect(),
        })
    }
}
