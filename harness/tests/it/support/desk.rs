//! One who sends messages by hand to a stack of its own, and looks what comes of them.

use std::time::Duration;

use anyhow::Result;
use chassis::kafka::{Producer, ProducerSettings, Record};
use domain::Sport;
use harness::observe::mysql::Mysql;
use harness::observe::{Picture, redis, rest};
use harness::stack::{ServiceSpec, Stack, processors_name};
use serde_json::{Value, json};

use super::until;

/// How long anything may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The market all of these tests look at.
pub const MARKET: &str = "market:406";

/// A stack, and one who sends to it by hand.
pub struct Desk {
    /// The stack.
    pub stack: Stack,
    /// Its database.
    pub mysql: Mysql,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub async fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = super::up(folder.path().join("stacks"), name).await;
        Self::at(stack, folder)
    }

    /// With these services.
    pub async fn with_services(name: &str, services: Vec<ServiceSpec>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = super::guest(folder.path().join("stacks"), name, services).await;
        Self::at(stack, folder)
    }

    /// With stores of its own.
    pub async fn with_stores(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = super::up_with_stores(folder.path().join("stacks"), name).await;
        Self::at(stack, folder)
    }

    fn at(stack: Stack, folder: tempfile::TempDir) -> Self {
        let mysql = Mysql::new(&stack.mysql_url()).unwrap();
        Self { stack, mysql, _folder: folder }
    }

    /// Posts messages in one request; all must be accepted.
    pub async fn send(&self, messages: &[Value]) {
        let body: String = messages.iter().map(|message| format!("{message}\n")).collect();
        let url = format!("{}/feeds/md", self.stack.ingestion_url().unwrap());
        let request =
            reqwest::Client::new().post(url).header("content-type", "application/x-ndjson").body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    }

    pub async fn picture(&self, event_id: &str) -> Result<Picture> {
        Ok(self.mysql.pictures().await?.remove(event_id).unwrap_or_default())
    }

    /// Waits until the market is in this state in MySQL, then finds it so in Redis and by REST.
    pub async fn expect_market(&self, event_id: &str, status: &str, suspension: Option<&str>) {
        let is_so = |picture: &Picture| {
            let market = picture.values.get(MARKET);
            market.is_some_and(|market| {
                market["status"] == status && market.get("suspension").and_then(Value::as_str) == suspension
            })
        };
        let what = format!("{event_id} to have its market {status}, suspension {suspension:?}");
        until(&what, DEADLINE, async || Ok(is_so(&self.picture(event_id).await?))).await.unwrap();
        let events = [event_id.to_owned()];
        let store_id = self.mysql.store_id().await.unwrap();
        until(&format!("{what}, in Redis and by REST"), DEADLINE, async || {
            let in_redis = redis::pictures(&self.stack.redis_url(), &store_id, &events).await?;
            let by_rest = rest::pictures(&self.stack.rest_url()?, &events).await?;
            Ok(in_redis.get(event_id).is_some_and(is_so) && by_rest.get(event_id).is_some_and(is_so))
        })
        .await
        .unwrap();
    }

    pub async fn count(&self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(self.mysql.pool()).await?)
    }

    /// What the processor answers to whether it is ready, with its reasons; nothing while it does not answer.
    pub async fn readiness(&self) -> Option<(u16, String)> {
        let url = self.stack.processor_url(Sport::Hockey).unwrap();
        let answer = reqwest::get(format!("{url}/readyz")).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Waits until the processor is not ready for this reason.
    pub async fn expect_reason(&self, reason: &str) {
        let (what, mut said) = (format!("the processor to say `{reason}`"), None);
        let expected = until(&what, DEADLINE, async || {
            said = self.readiness().await;
            Ok(said.as_ref().is_some_and(|(status, reasons)| *status == 503 && reasons.contains(reason)))
        });
        expected.await.unwrap_or_else(|error| panic!("{error}; it says {said:?}"));
    }

    /// What the database is asked at this moment, and how each statement stands.
    pub async fn statements(&self) -> Result<Vec<(Option<String>, Option<String>)>> {
        let sql = "SELECT CAST(state AS CHAR), CAST(info AS CHAR) FROM information_schema.processlist";
        Ok(sqlx::query_as(sql).fetch_all(self.mysql.pool()).await?)
    }

    pub async fn everything_is_published(&self) {
        until("everything to be published", DEADLINE, async || self.mysql.is_published().await)
            .await
            .unwrap();
    }

    pub async fn kill_and_restart(&self) {
        let name = processors_name(Sport::Hockey);
        self.stack.process(&name).unwrap().kill().unwrap();
        self.stack.restart(&name).await.unwrap();
    }
}

pub fn message(event_id: &str, sequence: u64, message_type: &str, body: Value) -> Value {
    json!({
        "schema": "1.0", "message_id": format!("{event_id}/{sequence}"), "provider": "md", "producer": "live",
        "sport": "hockey", "event_id": event_id, "epoch": 1, "sequence": sequence, "type": message_type,
        "generated_at": 1_767_225_600_000_000_i64, "body": body
    })
}

pub fn odds(event_id: &str, sequence: u64, home: u32) -> Value {
    let outcomes = json!([{"id": "4", "odds": home}, {"id": "5", "odds": 2_000}]);
    let body = json!({"markets": [{"id": 406, "status": "active", "outcomes": outcomes}]});
    message(event_id, sequence, "odds_change", body)
}

pub fn shot(event_id: &str, sequence: u64, incident_id: &str) -> Value {
    let body = json!({"incident_id": incident_id, "action": "new", "kind": "shot_on_goal", "match_status": "period_1"});
    message(event_id, sequence, "incident", body)
}

/// Puts a record into the feed topic as ingestion would, but unchecked.
pub async fn produce(desk: &Desk, event_id: &str, payload: &[u8]) {
    let producer = Producer::new(ProducerSettings::new(desk.stack.kafka(), "test")).unwrap();
    let record = Record {
        topic: desk.stack.topics().feed(Sport::Hockey).into(),
        partition: None,
        key: Some(event_id.as_bytes().to_vec().into()),
        payload: payload.to_vec().into(),
        headers: Vec::new(),
    };
    producer.send(record).await.unwrap();
}

pub fn score(event_id: &str, sequence: u64, home: u32) -> Value {
    let body = json!({"status": "live", "match_status": "period_1", "score": {"home": home, "away": 0}});
    message(event_id, sequence, "event_status", body)
}
