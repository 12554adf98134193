//! Distribution's REST: the producers, and whether each is trusted.

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;

use super::{Finding, Sink, http};
use crate::text::Text;

/// `/v1/producers`.
#[derive(Clone, Debug, Deserialize)]
struct ProducerList {
    producers: Vec<Producer>,
}

/// A producer, and whether it is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Producer {
    /// Whose feed it is.
    pub provider: Text,
    /// Which of its producers.
    pub producer: Text,
    /// `up`, `down`, `recovering`, `unwatched`.
    pub state: Text,
    /// Why.
    pub reason: Option<Text>,
    /// Since when, in microseconds since the Unix epoch.
    pub since: Option<i64>,
}

impl Producer {
    /// Whether it is trusted. One that is not watched says nothing of itself that could be trusted or not.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        matches!(self.state.as_str(), "up" | "unwatched")
    }

    /// How it stands and why, in words: `down: not heard in time`.
    #[must_use]
    pub fn standing(&self) -> String {
        let why = self.reason.as_ref().map(|why| match why.as_str() {
            "alive_interval" => "not heard in time".to_owned(),
            why => why.replace('_', " "),
        });
        why.map_or_else(|| self.state.to_string(), |why| format!("{}: {why}", self.state))
    }
}

/// Asks every `interval`.
pub(super) async fn watch(client: Client, rest: String, interval: Duration, sink: Sink) {
    let ask = || async {
        let list: ProducerList = http::get_json(&client, http::join(&rest, "/v1/producers")?).await?;
        Ok(Finding::Producers(list.producers))
    };
    sink.ask_every(interval, ask).await;
}
