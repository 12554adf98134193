//! An event of which a test tells, and what REST says of it.

use std::time::Duration;

use anyhow::Result;
use domain::Sport;
use harness::stack::Stack;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::until;

/// How long a frame or an answer may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One event, told message by message.
pub struct Event {
    /// Its id.
    pub id: String,
    /// How many messages there were.
    pub sequence: u64,
    sport: Sport,
    feeds: String,
}

impl Event {
    /// A hockey game that is being played, with one market.
    pub async fn begin(stack: &Stack, id: &str) -> Self {
        let mut event = Self::announced(stack, Sport::Hockey, id).await;
        let score = json!({"home": 0, "away": 0});
        let status = json!({"status": "live", "match_status": "period_1", "score": score});
        event.tell("event_status", status).await;
        event.tell_odds(1_850).await;
        event
    }

    /// An event of which only the fixture is known.
    pub async fn announced(stack: &Stack, sport: Sport, id: &str) -> Self {
        let feeds = format!("{}/feeds/md", stack.ingestion_url().unwrap());
        let mut event = Self { id: id.to_owned(), feeds, sport, sequence: 0 };
        let side = |id: &str, name: &str| json!({"id": id, "name": name});
        let (home, away) = (side("md:competitor:1", "Home"), side("md:competitor:2", "Away"));
        event
            .tell("fixture", json!({"scheduled_start": 1767225600000000_i64, "home": home, "away": away}))
            .await;
        event
    }

    /// One message, accepted.
    pub async fn tell(&mut self, kind: &str, body: Value) {
        self.sequence += 1;
        let message = json!({
            "schema": "1.0", "message_id": format!("{}-{}", self.id, self.sequence), "provider": "md",
            "producer": "live", "sport": self.sport, "event_id": self.id, "epoch": 1, "sequence": self.sequence,
            "type": kind, "generated_at": 1767225600000000_i64, "body": body,
        });
        let answer = reqwest::Client::new().post(&self.feeds).json(&message).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
    }

    /// Odds of the winner.
    pub async fn tell_odds(&mut self, thousandths: u32) {
        self.tell_odds_of(406, thousandths).await;
    }

    /// Odds of any market of two outcomes.
    pub async fn tell_odds_of(&mut self, market: u32, thousandths: u32) {
        let outcomes = json!([{"id": "4", "odds": thousandths}, {"id": "5", "odds": 2_000}]);
        let market = json!({"id": market, "status": "active", "outcomes": outcomes});
        self.tell("odds_change", json!({"markets": [market]})).await;
    }

    /// News of about 100 KB.
    pub async fn tell_much(&mut self, thousandths: u32) {
        let outcomes = json!([{"id": "12", "odds": thousandths}, {"id": "13", "odds": 2_000}]);
        let market = |n: u32| json!({"id": 18, "specifiers": format!("total={n}"), "status": "active", "outcomes": outcomes});
        self.tell("odds_change", json!({"markets": (0..900).map(market).collect::<Vec<_>>()})).await;
    }
}

/// What REST answers.
pub async fn get(stack: &Stack, path: &str) -> Response {
    reqwest::get(format!("{}{path}", stack.rest_url().unwrap())).await.unwrap()
}

/// The event as REST has it.
pub async fn document(stack: &Stack, event: &Event) -> Value {
    get(stack, &format!("/v1/events/{}", event.id)).await.json().await.unwrap()
}

/// Waits until REST serves an event at the version that its feed has reached.
pub async fn served(stack: &Stack, event: &Event) -> Result<()> {
    until("the event to be served", PATIENCE, async || {
        Ok(document(stack, event).await["version"] == event.sequence)
    })
    .await
}
