//! An update as it stands in the update log, read without the types of those who wrote it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One row of the update log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event's version.
    pub version: u64,
    /// The update as it was published.
    pub payload: Vec<u8>,
}

/// What an update says, as far as it is judged.
#[derive(Deserialize)]
pub(super) struct Payload<'a> {
    pub(super) version: u64,
    pub(super) previous_version: u64,
    #[serde(borrow)]
    pub(super) cause: Cause<'a>,
    pub(super) applied_at: i64,
    #[serde(borrow)]
    pub(super) changes: Vec<Change<'a>>,
}

/// What led to it.
#[derive(Deserialize)]
pub(super) struct Cause<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) provider: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) producer: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) message_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) reason: Option<Cow<'a, str>>,
    pub(super) generated_at: Option<i64>,
    pub(super) received_at: Option<i64>,
}

/// A key that changed, and its value.
#[derive(Deserialize)]
pub(super) struct Change<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) value: &'a RawValue,
}
