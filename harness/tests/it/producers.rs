//! Producers that fall silent and come back, at real processors: what cannot be trusted is not open, and what can be is.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use domain::Sport;
use harness::observe::mysql::Mysql;
use harness::observe::{Picture, Pictures, redis, rest};
use harness::report::report;
use harness::run::run;
use harness::stack::{Stack, processors_name};
use serde_json::{Value, json};
use simulator::DriveOptions;
use tokio::task::JoinHandle;

use crate::recovery::Provider;
use crate::support::socket::Client;
use crate::support::{games, stack_with_processors, until};

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// After which silence a producer is down, in milliseconds: short, and long against a machine that stalls.
const SILENCE_MS: &str = "10000";
/// How long before its deadline a silence is noticed, so that clients have been told by then.
const AHEAD_MS: i64 = 150;
/// How long after its deadline a silence may be noticed where nothing else comes: room for a machine that stalls. A processor
/// that can work has noticed before.
const NOTICED_WITHIN_MS: i64 = 3_000;
/// How often the producers of these tests say that they are alive.
const ALIVE_EVERY: Duration = Duration::from_millis(400);
/// The markets of the two producers.
const MARKETS: [(&str, u32); 2] = [("live", 406), ("pre", 18)];

/// A stack, and a provider of two producers who speak of the same events.
pub struct Desk {
    pub stack: Stack,
    pub mysql: Mysql,
    pub events: Vec<String>,
    sequence: u64,
    _folder: tempfile::TempDir,
}

/// A producer's sign of life, until this is dropped.
struct Heart(JoinHandle<()>);

impl Drop for Heart {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Desk {
    pub async fn new(name: &str, events: usize, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec![("MATCHDAY_PRODUCER_SILENCE_MS", SILENCE_MS)];
        all.extend(settings);
        let stack = stack_with_processors(&folder, name, &all).await;
        let mysql = Mysql::new(&stack.mysql_url()).unwrap();
        let events = (1..=events).map(|number| format!("md:match:{number}")).collect();
        Self { stack, mysql, events, sequence: 0, _folder: folder }
    }

    /// What one producer says of itself.
    async fn say(&self, producer: &str, kind: &str, body: Value) {
        post(&self.url(), &[of_producer(producer, kind, &body)]).await.unwrap();
    }

    pub fn url(&self) -> String {
        format!("{}/feeds/md", self.stack.ingestion_url().unwrap())
    }

    /// A producer is alive from now on, and everybody has heard it.
    async fn heart(&self, producer: &'static str) -> Heart {
        let alive = json!({"subscribed": true});
        self.say(producer, "alive", alive.clone()).await;
        let url = self.url();
        Heart(tokio::spawn(async move {
            loop {
                tokio::time::sleep(ALIVE_EVERY).await;
                // One that is not taken is as if it had not been said.
                drop(post(&url, &[of_producer(producer, "alive", &alive)]).await);
            }
        }))
    }

    /// Odds of these producers' markets of every event.
    async fn tell_odds(&mut self, producers: &[&str], thousandths: u32) {
        self.sequence += 1;
        let sequence = self.sequence;
        let offered = MARKETS.iter().filter(|(producer, _)| producers.contains(producer));
        let message = |event_id: &String, (producer, market): (&str, u32)| {
            let outcomes = json!([{"id": "4", "odds": thousandths}, {"id": "5", "odds": 2_000}]);
            json!({
                "schema": "1.0", "message_id": format!("{event_id}/{producer}/{sequence}"), "provider": "md",
                "producer": producer, "sport": "hockey", "event_id": event_id, "epoch": 1, "sequence": sequence,
                "type": "odds_change", "generated_at": 1_767_225_600_000_000_i64,
                "body": {"markets": [{"id": market, "status": "active", "outcomes": outcomes}]},
            })
        };
        let messages: Vec<Value> = offered
            .flat_map(|offer| self.events.iter().map(move |event_id| (event_id, *offer)))
            .map(|(event_id, offer)| message(event_id, offer))
            .collect();
        post(&self.url(), &messages).await.unwrap();
    }

    /// Waits until every event's market of a producer is so in MySQL, then finds it so in Redis and by REST.
    async fn expect(&self, producer: &str, wanted: Wanted) {
        let what = format!("{producer} to be {wanted:?} in every event");
        let are_so = |pictures: &Pictures| {
            self.events.iter().all(|id| pictures.get(id).is_some_and(|picture| wanted.is(picture, producer)))
        };
        until(&what, DEADLINE, async || Ok(are_so(&self.mysql.pictures().await?))).await.unwrap();
        let store_id = self.mysql.store_id().await.unwrap();
        until(&format!("{what}, in Redis and by REST"), DEADLINE, async || {
            let in_redis = redis::pictures(&self.stack.redis_url(), &store_id, &self.events).await?;
            let by_rest = rest::pictures(&self.stack.rest_url()?, &self.events).await?;
            Ok(are_so(&in_redis) && are_so(&by_rest))
        })
        .await
        .unwrap();
    }

    /// Waits until these odds of a producer have been applied, whether its markets are open or not.
    async fn applies(&self, producer: &str, thousandths: u32) {
        let key = market_of(producer);
        until("the odds to be applied", DEADLINE, async || {
            let pictures = self.mysql.pictures().await?;
            let odds = |picture: &Picture| picture.values[&key]["outcomes"][0]["odds"].clone();
            Ok(pictures.values().all(|picture| odds(picture) == thousandths))
        })
        .await
        .unwrap();
    }

    /// What `/v1/producers` says: state and reason; of whom it does not list yet, that.
    async fn told(&self, producer: &str) -> Result<(String, String)> {
        let url = format!("{}/v1/producers", self.stack.rest_url()?);
        let list: Value = reqwest::get(url).await?.json().await?;
        let mut listed = list["producers"].as_array().context("a list")?.iter();
        let Some(found) = listed.find(|listed| listed["producer"] == producer) else {
            return Ok(("not listed".to_owned(), "none".to_owned()));
        };
        let text = |name: &str| found[name].as_str().unwrap_or("none").to_owned();
        Ok((text("state"), text("reason")))
    }

    pub async fn is_told(&self, producer: &str, state: &str, reason: &str) {
        let what = format!("{producer} to be told of as {state}, {reason}");
        let wanted = (state.to_owned(), reason.to_owned());
        until(&what, DEADLINE, async || Ok(self.told(producer).await? == wanted)).await.unwrap();
    }

    pub async fn metric(&self, line: &str) -> f64 {
        let url = self.stack.processor_url(Sport::Hockey).unwrap();
        let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {line}")).parse().unwrap()
    }

    /// How many updates of each event went out because a producer went down or came up.
    pub async fn turns(&self, kind: &str) -> BTreeMap<String, i64> {
        let sql = "SELECT event_id, COUNT(*) FROM updates WHERE payload LIKE ? GROUP BY event_id";
        let cause = format!("%\"cause\":{{\"type\":\"{kind}\"%");
        let rows: Vec<(String, i64)> =
            sqlx::query_as(sql).bind(cause).fetch_all(self.mysql.pool()).await.unwrap();
        rows.into_iter().collect()
    }

    /// Every event heard of the silence soon after its deadline; this partition of the feed is idle but for signs of life.
    async fn was_noticed_in_time(&self, producer: &str) {
        let last_alive = "SELECT MAX(alive_received_at) FROM producers WHERE producer = ?";
        let last_alive: i64 =
            sqlx::query_scalar(last_alive).bind(producer).fetch_one(self.mysql.pool()).await.unwrap();
        let deadline = last_alive + SILENCE_MS.parse::<i64>().unwrap() * 1_000;
        let sql = r#"SELECT payload FROM updates WHERE payload LIKE '%"cause":{"type":"producer_down"%'"#;
        let payloads: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(self.mysql.pool()).await.unwrap();
        let applied = payloads.iter().map(|payload| {
            let update: Value = serde_json::from_slice(payload).unwrap();
            update["applied_at"].as_i64().unwrap()
        });
        let late_ms = (applied.max().unwrap() - deadline) / 1_000;
        println!("the last event heard of the silence {late_ms} ms after its deadline");
        assert!((-AHEAD_MS..NOTICED_WITHIN_MS).contains(&late_ms), "{late_ms} ms");
    }

    /// Versions without a hole, as many as the events have, or more where they go on.
    pub async fn logs_are_whole(&self) {
        let pictures = self.mysql.pictures().await.unwrap();
        for (event_id, log) in self.mysql.logs().await.unwrap() {
            let last = log.versions.last().copied().unwrap_or_default();
            assert!(last >= pictures[&event_id].version, "{event_id}: {last}");
            assert_eq!(log.versions, (1..=last).collect::<Vec<_>>(), "{event_id}");
        }
    }
}

/// How a market must be.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// Open at these odds.
    Open(u32),
    /// Suspended because its producer is down.
    Shut,
}

impl Wanted {
    fn is(self, picture: &Picture, producer: &str) -> bool {
        let Some(market) = picture.values.get(&market_of(producer)) else { return false };
        match self {
            Self::Open(odds) => market["status"] == "active" && market["outcomes"][0]["odds"] == odds,
            Self::Shut => market["status"] == "suspended" && market["suspension"] == "producer_down",
        }
    }
}

/// What a producer of the provider `md` says of itself.
pub fn of_producer(producer: &str, kind: &str, body: &Value) -> Value {
    // Two signs of life are two messages.
    let id = format!("{producer}-{kind}-{}", now_micros());
    json!({
        "schema": "1.0", "message_id": id, "provider": "md", "producer": producer, "type": kind,
        "generated_at": now_micros(), "body": body,
    })
}

fn market_of(producer: &str) -> String {
    let (_, id) = MARKETS.into_iter().find(|(name, _)| *name == producer).unwrap();
    format!("market:{id}")
}

pub fn now_micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

/// Posts messages in one request; all must be accepted.
pub async fn post(url: &str, messages: &[Value]) -> Result<()> {
    let answer = reqwest::Client::new().post(url).json(&json!(messages)).send().await?;
    anyhow::ensure!(answer.status() == 202, "{}", answer.text().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_markets_of_a_silent_producer_are_shut_everywhere_and_reopen_with_its_last_odds() {
    let mut desk = Desk::new("silent", 12, &[]).await;
    let (live, pre) = (desk.heart("live").await, desk.heart("pre").await);
    desk.tell_odds(&["live", "pre"], 1_500).await;
    desk.expect("live", Wanted::Open(1_500)).await;
    desk.expect("pre", Wanted::Open(1_500)).await;
    desk.is_told("live", "up", "first_alive").await;
    let mut client = Client::connect(&desk.stack).await;
    client.say(&json!({"type": "subscribe", "id": "a", "events": desk.events})).await;
    while client.frame().await["type"] != "image" {}

    drop(live);
    desk.expect("live", Wanted::Shut).await;
    desk.expect("pre", Wanted::Open(1_500)).await;
    desk.is_told("live", "down", "alive_interval").await;
    desk.is_told("pre", "up", "first_alive").await;
    desk.was_noticed_in_time("live").await;
    let up = |producer| format!("matchday_processor_producer_up{{provider=\"md\",producer=\"{producer}\"}}");
    assert_eq!((desk.metric(&up("live")).await, desk.metric(&up("pre")).await), (0.0, 1.0));
    let once_each = desk.events.iter().map(|id| (id.clone(), 1)).collect::<BTreeMap<_, _>>();
    assert_eq!(desk.turns("producer_down").await, once_each);
    let (mut waited_for, mut is_told) = (desk.events.clone(), false);
    while !(waited_for.is_empty() && is_told) {
        let frame = client.any_frame().await;
        if frame["type"] == "status" {
            let expected = json!({"subject": "producer", "producer": "live", "state": "down"});
            let is_so = |(name, value): (&String, &Value)| frame[name] == *value;
            assert!(expected.as_object().unwrap().iter().all(is_so), "{frame}");
            is_told = true;
        }
        if frame["cause"] == "producer_down" {
            let values = frame["changes"].as_array().unwrap().iter().map(|change| &change["value"]);
            assert!(values.clone().any(|value| value["id"] == 406 && value["suspension"] == "producer_down"));
            waited_for.retain(|id| frame["event_id"] != *id);
        }
    }

    desk.tell_odds(&["live"], 1_700).await;
    desk.applies("live", 1_700).await;
    desk.expect("live", Wanted::Shut).await;

    let _live = desk.heart("live").await;
    desk.expect("live", Wanted::Open(1_700)).await;
    desk.is_told("live", "up", "alive_again").await;
    assert_eq!(desk.metric(&up("live")).await, 1.0);
    assert_eq!(desk.turns("producer_up").await, once_each);

    drop(pre);
    // Again and again: a last sign of life may still be on its way.
    until("pre to be down by its own word", DEADLINE, async || {
        desk.say("pre", "alive", json!({"subscribed": false})).await;
        Ok(desk.told("pre").await? == ("down".to_owned(), "not_subscribed".to_owned()))
    })
    .await
    .unwrap();
    desk.expect("pre", Wanted::Shut).await;
    let _pre = desk.heart("pre").await;
    desk.expect("pre", Wanted::Open(1_500)).await;
    desk.logs_are_whole().await;
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_killed_in_the_middle_of_a_sweep_leaves_nothing_open_and_recovery_opens_all() {
    let asked = Provider::busy(0).await;
    let settled = format!("md=snapshot@http://{}", asked.address);
    let settings = [("MATCHDAY_RECOVERY", settled.as_str()), ("MATCHDAY_RECOVERY_EVERY_MS", "100")];
    let mut desk = Desk::new("sweep", 24, &settings).await;
    let (live, _pre) = (desk.heart("live").await, desk.heart("pre").await);
    for producer in ["live", "pre"] {
        desk.is_told(producer, "recovering", "first_alive").await;
        let request_id = asked.asked_since(producer, 0).await;
        desk.say(producer, "snapshot_complete", json!({"request_id": request_id})).await;
        desk.is_told(producer, "up", "snapshot_complete").await;
    }
    desk.tell_odds(&["live", "pre"], 1_500).await;
    desk.expect("live", Wanted::Open(1_500)).await;

    // The sweep comes to this event's partition last, and waits there for its row.
    let last = "SELECT event_id FROM events ORDER BY kafka_partition DESC, event_id LIMIT 1";
    let pool = desk.mysql.pool();
    let last: String = sqlx::query_scalar(last).fetch_one(pool).await.unwrap();
    let mut lock = pool.begin().await.unwrap();
    let held = "SELECT 1 FROM events WHERE event_id = ? FOR UPDATE";
    sqlx::query(held).bind(&last).execute(&mut *lock).await.unwrap();
    drop(live);
    until("some events to be shut and the rest to wait", DEADLINE, async || {
        let shut = desk.turns("producer_down").await.len();
        let waiting: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO events%'",
        )
        .fetch_one(desk.mysql.pool())
        .await?;
        Ok(shut > 0 && shut < desk.events.len() && waiting > 0)
    })
    .await
    .unwrap();
    let name = processors_name(Sport::Hockey);
    desk.stack.process(&name).unwrap().kill().unwrap();
    lock.rollback().await.unwrap();
    desk.stack.restart(&name).await.unwrap();
    desk.expect("live", Wanted::Shut).await;
    let once_each = desk.events.iter().map(|id| (id.clone(), 1)).collect::<BTreeMap<_, _>>();
    assert_eq!(
        desk.turns("producer_down").await,
        once_each,
        "what was told before the end is not told again"
    );
    desk.expect("pre", Wanted::Open(1_500)).await;

    let too_early = asked.asked_since("live", 0).await;
    desk.say("live", "snapshot_complete", json!({"request_id": too_early})).await;
    let back_at = now_micros();
    let _live = desk.heart("live").await;
    desk.is_told("live", "recovering", "alive_interval").await;
    let request_id = asked.asked_since("live", back_at).await;
    // Neither what was asked for before it was alive again, nor what somebody else asks for.
    for request_id in [too_early, request_id + 1] {
        desk.say("live", "snapshot_complete", json!({"request_id": request_id})).await;
    }
    desk.tell_odds(&["live"], 1_600).await;
    desk.applies("live", 1_600).await;
    desk.expect("live", Wanted::Shut).await;
    desk.say("live", "snapshot_complete", json!({"request_id": request_id})).await;
    desk.expect("live", Wanted::Open(1_600)).await;
    desk.is_told("live", "up", "snapshot_complete").await;
    assert_eq!(desk.turns("producer_up").await, once_each);
    desk.logs_are_whole().await;
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_punctual_with_what_is_old_is_shut_until_it_is_new_again() {
    let mut desk = Desk::new("delayed", 4, &[("MATCHDAY_PRODUCER_DELAY_MS", "5000")]).await;
    let alive = async |age_micros: u128| {
        let mut alive = of_producer("live", "alive", &json!({"subscribed": true}));
        alive["generated_at"] = json!(now_micros() - age_micros);
        post(&desk.url(), &[alive]).await.unwrap();
    };
    alive(0).await;
    desk.is_told("live", "up", "first_alive").await;
    alive(6_000_000).await;
    desk.is_told("live", "down", "delayed").await;
    alive(1_000_000).await;
    desk.is_told("live", "up", "delay_over").await;
    desk.tell_odds(&["live"], 1_500).await;
    desk.expect("live", Wanted::Open(1_500)).await;
    let mut late = of_producer("live", "alive", &json!({"subscribed": true}));
    late["generated_at"] = json!(now_micros() - 6_000_000);
    post(&desk.url(), &[late]).await.unwrap();
    desk.expect("live", Wanted::Shut).await;
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sport_without_a_processor_said_of_a_producer_is_told_as_old() {
    let desk = Desk::new("old-word", 1, &[]).await;
    let _live = desk.heart("live").await;
    desk.is_told("live", "up", "first_alive").await;
    let silent = async || {
        let list: Value =
            reqwest::get(format!("{}/v1/producers", desk.stack.rest_url()?)).await?.json().await?;
        anyhow::Ok(list["producers"][0]["silent"].clone())
    };
    until("all sports to speak", DEADLINE, async || Ok(silent().await? == json!([]))).await.unwrap();
    let name = processors_name(Sport::Hockey);
    desk.stack.process(&name).unwrap().kill().unwrap();
    until("the sport to be told of as silent", DEADLINE, async || Ok(silent().await? != json!([])))
        .await
        .unwrap();
    let old = silent().await.unwrap();
    assert_eq!(old[0]["sport"], "hockey", "{old}");
    let heard = "SELECT MIN(last_message_at) FROM producers WHERE producer = 'live'";
    let heard: i64 = sqlx::query_scalar(heard).fetch_one(desk.mysql.pool()).await.unwrap();
    assert_eq!(old[0]["last_message_at"], heard, "{old}");
    desk.is_told("live", "up", "first_alive").await;
    desk.stack.restart(&name).await.unwrap();
    until("all sports to speak again", DEADLINE, async || Ok(silent().await? == json!([]))).await.unwrap();
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_makes_nobody_silent() {
    let mut desk = Desk::new("backlog", 12, &[]).await;
    let (_live, _pre) = (desk.heart("live").await, desk.heart("pre").await);
    desk.tell_odds(&["live", "pre"], 1_500).await;
    desk.expect("live", Wanted::Open(1_500)).await;
    let name = processors_name(Sport::Hockey);
    desk.stack.process(&name).unwrap().kill().unwrap();
    // Twice as long as a silence may last: this is what is waited for.
    let silence: u64 = SILENCE_MS.parse().unwrap();
    tokio::time::sleep(Duration::from_millis(silence * 2)).await;
    desk.tell_odds(&["live", "pre"], 1_600).await;
    desk.stack.restart(&name).await.unwrap();
    desk.expect("live", Wanted::Open(1_600)).await;
    desk.expect("pre", Wanted::Open(1_600)).await;
    // The backlog is behind us once something that was sent after it has come through.
    desk.tell_odds(&["live", "pre"], 1_700).await;
    desk.expect("live", Wanted::Open(1_700)).await;
    assert_eq!(desk.turns("producer_down").await, BTreeMap::new());
    for producer in ["live", "pre"] {
        assert_eq!(desk.told(producer).await.unwrap(), ("up".to_owned(), "first_alive".to_owned()));
    }
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn games_with_a_silence_in_the_middle_end_as_they_must() {
    let desk = Desk::new("judged", 0, &[("MATCHDAY_PRODUCER_SILENCE_MS", "2000")]).await;
    let mut feed = games(31, 6, 1_500, Duration::from_secs(20));
    let games: Vec<String> = feed.expected.keys().cloned().collect();
    feed.patience.silence_micros = 2_000_000;
    let options = DriveOptions::to(desk.stack.ingestion_url().unwrap());
    let live = desk.heart("live").await;
    let mut back = None;
    let disturb = async {
        until("the games to be under way", DEADLINE, async || {
            Ok(desk.mysql.versions().await?.values().sum::<u64>() * 4 > feed.messages())
        })
        .await?;
        drop(live);
        until("games to be shut", DEADLINE, async || Ok(!desk.mysql.turns(&games).await?.is_empty())).await?;
        back = Some(desk.heart("live").await);
        Ok(())
    };
    let outcome = run(&desk.stack, &feed, &options, |_| {}, disturb).await.unwrap();
    assert!(outcome.is_pass(), "{}", report(&outcome));
    let turns = desk.mysql.turns(&games).await.unwrap();
    println!("{} updates of {} games because of the silence", turns.values().flatten().count(), turns.len());
    desk.stack.down().await.unwrap();
}
