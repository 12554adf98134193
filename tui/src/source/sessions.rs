//! Distribution's sessions: the sockets that keep up least.

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;

use super::{Finding, Sink, http};
use crate::text::Text;

/// How many are asked for: more than any screen has rows.
const SESSIONS: usize = 100;

/// `/sessions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SessionList {
    /// How many are open.
    pub open: usize,
    /// Those of them that keep up least, those first.
    pub sessions: Vec<Session>,
}

/// A socket, and how its client keeps up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Session {
    /// Which one, counted since distribution started.
    pub session: u64,
    /// Whose connection it is.
    pub peer: Text,
    /// Since when, in microseconds since the Unix epoch.
    pub opened_at: u64,
    /// Subscriptions open.
    pub subscriptions: u64,
    /// Events in which something is new that has not been written yet.
    pub queue: u64,
    /// Whether its client does not keep up.
    pub behind: bool,
    /// Messages written.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Updates that were merged with a later one.
    pub conflated: u64,
}

/// Asks every `interval`.
pub(super) async fn watch(client: Client, rest: String, interval: Duration, sink: Sink) {
    let path = format!("/sessions?limit={SESSIONS}");
    let ask = || async { Ok(Finding::Sessions(http::get_json(&client, http::join(&rest, &path)?).await?)) };
    sink.ask_every(interval, ask).await;
}
