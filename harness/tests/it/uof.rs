//! A Unified Odds Feed through the real stack: what is posted as its XML is in MySQL, by REST and on a socket.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chassis::kafka::Batch;
use domain::Sport;
use harness::observe::mysql::Mysql;
use harness::observe::{Picture, rest};
use harness::stack::{INGESTION, Stack, pipeline, processors_name};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::producers::now_micros;
use crate::recovery::Provider;
use crate::support::socket::Client;
use crate::support::{guest, read_topic, until};

mod recovery;
#[path = "../../../domain/tests/it/uof_corpus/walk.rs"]
mod walk;

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

const TOKEN: &str = "the-token-of-uof-1";

const TOKEN_OF_MD: &str = "the-token-of-md-1";

const EVENT: &str = "sr:match:4001";

/// A stack to which the provider `uof` sends its XML, and whoever looks at it.
struct Desk {
    stack: Stack,
    mysql: Mysql,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// Whose `alive` is enough, so that what it offers is open at once.
    async fn new(sport: Sport) -> Self {
        Self::settled(sport, Some("uof=alive")).await
    }

    /// With which this is settled, or nothing.
    async fn settled(sport: Sport, recovery: Option<&str>) -> Self {
        Self::of(&[sport], recovery).await
    }

    async fn of(sports: &[Sport], recovery: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let providers = folder.path().join("providers.toml");
        let text = format!(
            "[providers.uof]\nformat = \"uof\"\ntokens = [\"{TOKEN}\"]\nmessages_per_second = 1000\nburst = 1000\n\
             [providers.md]\ntokens = [\"{TOKEN_OF_MD}\"]\nmessages_per_second = 1000\nburst = 1000\n"
        );
        std::fs::write(&providers, text).unwrap();
        let mut services = pipeline(sports);
        let ingestion = services.iter_mut().find(|service| service.name == INGESTION).unwrap();
        ingestion.env.push(("MATCHDAY_PROVIDERS".to_owned(), providers.display().to_string()));
        let names: Vec<String> = sports.iter().map(|sport| processors_name(*sport)).collect();
        for processors in services.iter_mut().filter(|service| names.contains(&service.name)) {
            let Some(recovery) = recovery else { continue };
            let settings = [("MATCHDAY_RECOVERY", recovery), ("MATCHDAY_RECOVERY_EVERY_MS", "100")];
            let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
            processors.env.extend(settings);
        }
        let stack = guest(folder.path().join("stacks"), "uof", services).await;
        let mysql = Mysql::new(&stack.mysql_url()).unwrap();
        Self { stack, mysql, _folder: folder }
    }

    async fn post(&self, routing_key: &str, xml: impl Into<reqwest::Body>) -> (StatusCode, String) {
        self.post_with(Some(routing_key), xml).await
    }

    async fn post_with(
        &self,
        routing_key: Option<&str>,
        xml: impl Into<reqwest::Body>,
    ) -> (StatusCode, String) {
        let url = format!("{}/feeds/uof", self.stack.ingestion_url().unwrap());
        let mut request = reqwest::Client::new().post(url).bearer_auth(TOKEN);
        request = request.header("content-type", "application/xml");
        if let Some(key) = routing_key {
            request = request.header("routing-key", key);
        }
        let answer = request.body(xml).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Sends a message about the hockey game; it must be accepted.
    async fn tell(&self, kind: &str, xml: String) {
        let told = self.post(&format!("hi.-.live.{kind}.4.sr:match.4001.-"), xml).await;
        assert_eq!(told.0, StatusCode::ACCEPTED, "{}", told.1);
    }

    async fn tell_odds(&self, at: i64, odds: &str) {
        let message = format!(
            r#"<odds_change product="1" event_id="{EVENT}" timestamp="{at}">
                 <sport_event_status status="1" match_status="2" home_score="0" away_score="1"/>
                 <odds><market id="406"><outcome id="4" odds="{odds}"/><outcome id="5" odds="1.5"/></market></odds>
               </odds_change>"#
        );
        self.tell("odds_change", message).await;
    }

    async fn tell_stop(&self, at: i64) {
        let message = format!(r#"<bet_stop product="1" event_id="{EVENT}" timestamp="{at}" groups="all"/>"#);
        self.tell("bet_stop", message).await;
    }

    /// Waits until the game has this version in MySQL and by REST, where both say the same, and gives back the market.
    async fn market_at(&self, version: u64) -> Value {
        let what = format!("MySQL to have version {version}");
        until(&what, DEADLINE, async || Ok(self.picture().await?.version >= version)).await.unwrap();
        let stored = self.picture().await.unwrap();
        assert_eq!(stored.version, version);
        until("REST to say what MySQL does", DEADLINE, async || {
            let by_rest = rest::pictures(&self.stack.rest_url()?, &[EVENT.to_owned()]).await?;
            Ok(by_rest.get(EVENT) == Some(&stored))
        })
        .await
        .unwrap();
        stored.values["market:406"].clone()
    }

    async fn kill_and_restart(&self, sport: Sport) {
        let name = processors_name(sport);
        self.stack.process(&name).unwrap().kill().unwrap();
        self.stack.restart(&name).await.unwrap();
    }

    async fn picture(&self) -> anyhow::Result<Picture> {
        Ok(self.mysql.pictures().await?.remove(EVENT).unwrap_or_default())
    }
}

/// What the first producer listed says of itself: state and reason.
async fn told(desk: &Desk) -> anyhow::Result<(String, String)> {
    let url = format!("{}/v1/producers", desk.stack.rest_url()?);
    let list: Value = reqwest::get(url).await?.json().await?;
    let text = |name: &str| list["producers"][0][name].as_str().unwrap_or("none").to_owned();
    Ok((text("state"), text("reason")))
}

async fn is_told(desk: &Desk, state: &str, reason: &str) {
    let wanted = (state.to_owned(), reason.to_owned());
    let what = format!("the producer to be {state}, {reason}");
    until(&what, DEADLINE, async || Ok(told(desk).await? == wanted)).await.unwrap();
}

fn alive() -> String {
    format!(r#"<alive product="1" timestamp="{}" subscribed="1"/>"#, now_micros() / 1_000)
}

const OF_PRODUCER: &str = "-.-.-.alive.-.-.-.-";

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_of_whom_nobody_would_ask_for_what_was_lost_opens_nothing() {
    let desk = Desk::settled(Sport::Hockey, None).await;
    desk.tell_odds(1_767_204_993_250, "2.6").await;
    let market = desk.market_at(1).await;
    assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("producer_down")));
    is_told(&desk, "down", "never_alive").await;
    assert_eq!(desk.post(OF_PRODUCER, alive()).await.0, StatusCode::ACCEPTED);
    is_told(&desk, "down", "recovery_not_configured").await;
    desk.tell_odds(1_767_204_993_260, "2.7").await;
    assert_eq!(desk.market_at(2).await["status"], "suspended");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn xml_is_stored_and_served_in_the_order_of_its_times_not_of_its_arrival() {
    let desk = Desk::new(Sport::Hockey).await;
    let mut client = Client::connect(&desk.stack).await;
    client.say(&json!({"type": "subscribe", "id": "a", "sports": ["hockey"], "conflate_ms": 0})).await;
    assert_eq!(client.frame_of("subscribed").await["sports"], json!(["hockey"]));

    desk.tell_odds(1_767_204_993_250, "2.6").await;
    let market = desk.market_at(1).await;
    assert_eq!((&market["status"], &market["producer"]), (&json!("active"), &json!("1")));
    assert_eq!(market["outcomes"][0], json!({"id": "4", "odds": 2_600}));
    assert_eq!(desk.picture().await.unwrap().status().unwrap()["score"], json!({"home": 0, "away": 1}));
    assert_eq!(heard(&mut client, 1).await, market);

    desk.tell_stop(1_767_204_993_500).await;
    let market = desk.market_at(2).await;
    assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("bet_stop")));
    assert_eq!(heard(&mut client, 2).await, market);

    // Late: it was said before the stop, and after the odds that are known.
    desk.tell_odds(1_767_204_993_400, "2.7").await;
    let market = desk.market_at(3).await;
    assert_eq!((&market["status"], &market["outcomes"][0]["odds"]), (&json!("suspended"), &json!(2_700)));
    // A recovery repeats it: the same message, and nothing more.
    desk.tell_stop(1_767_204_993_500).await;
    desk.tell_odds(1_767_204_994_000, "2.8").await;
    let market = desk.market_at(4).await;
    assert_eq!((&market["status"], &market["outcomes"][0]["odds"]), (&json!("active"), &json!(2_800)));

    let settlement = format!(
        r#"<bet_settlement product="1" event_id="{EVENT}" timestamp="1767204995000" certainty="2"><outcomes>
             <market id="406"><outcome id="4" result="1" dead_heat_factor="0.5"/><outcome id="5" result="0" void_factor="0.5"/></market>
           </outcomes></bet_settlement>"#
    );
    desk.tell("bet_settlement", settlement).await;
    let market = desk.market_at(5).await;
    assert_eq!(market["status"], "settled");
    assert_eq!(market["outcomes"][0]["result"], json!({"result": "won", "dead_heat": 500_000}));
    assert_eq!(market["outcomes"][1]["result"], json!({"result": "lost", "void": "half"}));

    let rollback = format!(
        r#"<rollback_bet_settlement product="1" event_id="{EVENT}" timestamp="1767204996000"><market id="406"/></rollback_bet_settlement>"#
    );
    desk.tell("rollback_bet_settlement", rollback).await;
    let market = desk.market_at(6).await;
    assert_eq!((&market["status"], market["outcomes"][0].get("result")), (&json!("active"), None));
    assert_eq!(heard(&mut client, 6).await, market);

    // Nobody knows what it would have said of the market, until somebody has put it right.
    let odds_change = |price: &str| {
        let head = format!(r#"product="1" event_id="{EVENT}" timestamp="1767204997000""#);
        format!(
            r#"<odds_change {head}><odds><market id="406"><outcome id="4" odds="{price}"/></market></odds></odds_change>"#
        )
    };
    let key = "hi.-.live.odds_change.4.sr:match.4001.-";
    let (status, problem) = desk.post(key, odds_change("cheap")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let market = desk.market_at(7).await;
    assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("dead_letter")));
    assert_eq!(heard(&mut client, 7).await, market);
    desk.kill_and_restart(Sport::Hockey).await;
    let url = format!("{}/feeds/uof", desk.stack.ingestion_url().unwrap());
    let again = reqwest::Client::new().post(url).bearer_auth(TOKEN).header("content-type", "application/xml");
    let again = again.header("routing-key", key).header("redrive", "0/0/00c0ffee00c0ffee");
    let answer = again.body(odds_change("2.9")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let market = desk.market_at(9).await;
    assert_eq!((&market["status"], &market["outcomes"][0]["odds"]), (&json!("active"), &json!(2_900)));
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_place_shuts_the_event_that_it_names_and_is_kept() {
    let desk = Desk::of(&[Sport::Hockey, Sport::Tennis], Some("uof=alive")).await;
    desk.tell_odds(1_767_204_993_250, "2.6").await;
    assert_eq!(desk.market_at(1).await["status"], "active");
    let message = |kind: &str, at: i64| {
        format!(r#"<{kind} product="1" event_id="{EVENT}" timestamp="{at}"><odds/></{kind}>"#)
    };
    let (tennis, hockey) =
        ("hi.-.live.odds_change.5.sr:match.4001.-", "hi.-.live.odds_change.4.sr:match.4001.-");
    let (accepted, invalid) = (StatusCode::ACCEPTED, StatusCode::UNPROCESSABLE_ENTITY);
    // Another sport's routing key, a message that is none, a routing key that is none, a time in seconds.
    for (count, (key, kind, at, status)) in [
        (tennis, "odds_change", 1_767_204_994_000, accepted),
        (hockey, "odds_changed", 1_767_204_996_000, invalid),
        ("hockey", "odds_change", 1_767_204_998_000, StatusCode::BAD_REQUEST),
        (hockey, "odds_change", 1_767_204_999, invalid),
    ]
    .into_iter()
    .enumerate()
    {
        let told = desk.post(key, message(kind, at)).await;
        assert_eq!(told.0, status, "{}", told.1);
        let version = 2 * (count as u64 + 1);
        let market = desk.market_at(version).await;
        assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("dead_letter")));
        until("the letter to be kept", DEADLINE, async || {
            let letters = read_topic(&desk.stack.kafka(), &desk.stack.topics().dead_letters()).await;
            Ok(letters.iter().map(Batch::len).sum::<usize>() == count + 1)
        })
        .await
        .unwrap();
        if at < 1_767_204_993_250 {
            // Its time is not known: it may have been made up to 10 s after it came.
            break;
        }
        desk.tell_odds(at + 1_000, "2.7").await;
        assert_eq!(desk.market_at(version + 1).await["status"], "active");
    }
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_before_the_event_began_shuts_what_was_not_offered_later() {
    let desk = Desk::new(Sport::Hockey).await;
    let wrong = format!(
        r#"<odds_change product="1" event_id="{EVENT}" timestamp="2000">
             <odds><market id="406"><outcome id="4" odds="much"/></market></odds>
           </odds_change>"#
    );
    // Neither its routing key nor a fixture tells the sport: it is noted wherever it may be known.
    let refused = desk.post("hi.-.live.odds_change.-.sr:match.4001.-", wrong).await;
    assert_eq!(refused.0, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.1);
    until("the letter to be noted", DEADLINE, async || {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM foreseen_events WHERE sport = 'hockey'")
            .fetch_one(desk.mysql.pool())
            .await?;
        Ok(count == 1)
    })
    .await
    .unwrap();
    desk.kill_and_restart(Sport::Hockey).await;
    desk.tell_odds(1_999, "1.7").await;
    let market = desk.market_at(1).await;
    assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("dead_letter")));
    desk.tell_odds(2_001, "1.8").await;
    assert_eq!(desk.market_at(2).await["status"], "active");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_lives_through_hand_over_stops_results_and_cancels_whoever_is_killed_between() {
    let desk = Desk::new(Sport::Hockey).await;
    let mut said = Teller { desk: &desk, now: 1_767_204_990_000, version: 0 };
    let odds = |status: i32, price: &str| {
        format!(
            r#"<odds><market id="406" status="{status}"><outcome id="4" odds="{price}"/></market></odds>"#
        )
    };
    let results = |result: u8| {
        format!(r#"<outcomes><market id="406"><outcome id="4" result="{result}"/></market></outcomes>"#)
    };
    let market = r#"<market id="406"/>"#;

    // Pre-match hands over to live; what it stops afterwards is no longer its own.
    let open = said.hear(3, "odds_change", "", &odds(1, "2.0")).await;
    assert_eq!((&open["producer"], &open["status"]), (&json!("3"), &json!("active")));
    let handed_over = said.hear(3, "odds_change", "", &odds(-2, "2.0")).await;
    assert_eq!(handed_over["status"], "handed_over");
    let live = said.hear(1, "odds_change", "", &odds(1, "2.2")).await;
    assert_eq!((&live["producer"], &live["status"]), (&json!("1"), &json!("active")));
    assert_eq!(said.hear(3, "bet_stop", r#"groups="all""#, "").await, live);

    // A stop by groups means whom it names.
    assert_eq!(said.hear(1, "bet_stop", r#"groups="total""#, "").await, live);
    let stopped = said.hear(1, "bet_stop", r#"groups="total|whole_game" market_status="0""#, "").await;
    assert_eq!((&stopped["status"], &stopped["suspension"]), (&json!("inactive"), &json!("bet_stop")));
    let live = said.hear(1, "odds_change", "", &odds(1, "2.4")).await;
    assert_eq!(live["status"], "active");

    // Seen, confirmed otherwise, repeated, rolled back twice, with odds and a killed processor in between.
    let lost = said.hear(1, "bet_settlement", r#"certainty="1""#, &results(0)).await;
    assert_eq!(
        (&lost["status"], &lost["outcomes"][0]["result"]),
        (&json!("settled"), &json!({"result": "lost"}))
    );
    let won = said.hear(1, "bet_settlement", r#"certainty="2""#, &results(1)).await;
    assert_eq!(won["outcomes"][0]["result"], json!({"result": "won"}));
    desk.kill_and_restart(Sport::Hockey).await;
    assert_eq!(said.hear(1, "bet_settlement", r#"certainty="2""#, &results(1)).await, won);
    said.hear(1, "odds_change", "", &odds(1, "2.6")).await;
    let back = said.hear(1, "rollback_bet_settlement", "", market).await;
    assert_eq!(back["outcomes"][0], json!({"id": "4", "odds": 2_600, "result": {"result": "lost"}}));
    let live = said.hear(1, "rollback_bet_settlement", "", market).await;
    assert_eq!(
        (&live["status"], &live["outcomes"][0]),
        (&json!("active"), &json!({"id": "4", "odds": 2_600}))
    );

    // Cancelled for a while, then as a whole, both taken back.
    let window = r#"start_time="1767204991000" end_time="1767204992000""#;
    let partly = said.hear(1, "bet_cancel", window, r#"<market id="406" void_reason="12"/>"#).await;
    assert_eq!(
        (&partly["status"], &partly["void_windows"][0]["void_reason"]),
        (&json!("active"), &json!("12"))
    );
    let cancelled = said.hear(1, "bet_cancel", "", market).await;
    assert_eq!(cancelled["status"], "cancelled");
    desk.kill_and_restart(Sport::Hockey).await;
    assert_eq!(said.hear(1, "rollback_bet_cancel", "", market).await, partly);
    assert_eq!(said.hear(1, "rollback_bet_cancel", window, market).await, live);
    desk.stack.down().await.unwrap();
}

/// One message of a lifecycle.
enum Step {
    /// As Unified Odds Feed XML: the product, the kind, attributes besides those of the envelope, and what is in it.
    Uof(u8, &'static str, &'static str, &'static str),
    /// As native JSON: type and body.
    Native(&'static str, &'static str),
}

use Step::{Native, Uof};

const ODDS: &str = "odds_change";
const SETTLEMENT: &str = "bet_settlement";
const MARKET: &str = r#"<market id="406"/>"#;
const WINDOW: &str = r#"start_time="1767204991000" end_time="1767204992000""#;

const fn odds(content: &'static str) -> Step {
    Uof(1, ODDS, "", content)
}

const OFFERED: Step =
    odds(r#"<odds><market id="406" status="1"><outcome id="4" odds="2.4"/></market></odds>"#);
const OFFERED_AGAIN: Step =
    odds(r#"<odds><market id="406" status="1"><outcome id="4" odds="2.6"/></market></odds>"#);
const LOST: &str = r#"<outcomes><market id="406"><outcome id="4" result="0"/></market></outcomes>"#;
const WON: &str =
    r#"<outcomes><market id="406"><outcome id="4" result="1" dead_heat_factor="0.5"/></market></outcomes>"#;

/// What can become of a market or of a game, message by message; each makes a version.
const LIFECYCLES: [(&str, &[Step]); 6] = [
    (
        "six statuses",
        &[
            OFFERED,
            odds(r#"<odds><market id="406" status="0"/></odds>"#),
            odds(r#"<odds><market id="406" status="-1"/></odds>"#),
            odds(r#"<odds><market id="406" status="-3"/></odds>"#),
            odds(r#"<odds><market id="406" status="-4"/></odds>"#),
            OFFERED_AGAIN,
            odds(r#"<odds><market id="406" status="-2"/></odds>"#),
        ],
    ),
    (
        "hand-over",
        &[
            Uof(
                3,
                ODDS,
                "",
                r#"<odds><market id="406" status="1"><outcome id="4" odds="2.0"/></market></odds>"#,
            ),
            Uof(3, ODDS, "", r#"<odds><market id="406" status="-2"/></odds>"#),
            OFFERED,
            Uof(3, "bet_stop", r#"groups="all""#, ""),
            Uof(
                3,
                ODDS,
                "",
                r#"<odds><market id="406" status="1"><outcome id="4" odds="9.0"/></market></odds>"#,
            ),
        ],
    ),
    (
        "bet stop by groups",
        &[
            OFFERED,
            Uof(1, "bet_stop", r#"groups="total""#, ""),
            Uof(1, "bet_stop", r#"groups="total|whole_game" market_status="0""#, ""),
            OFFERED_AGAIN,
            Uof(1, "bet_stop", r#"groups="all""#, ""),
        ],
    ),
    (
        "settlement upgraded, repeated and rolled back",
        &[
            OFFERED,
            Uof(1, SETTLEMENT, r#"certainty="1""#, LOST),
            Uof(1, SETTLEMENT, r#"certainty="2""#, WON),
            Uof(1, SETTLEMENT, r#"certainty="2""#, WON),
            OFFERED_AGAIN,
            Uof(1, "rollback_bet_settlement", "", MARKET),
            Uof(1, "rollback_bet_settlement", "", MARKET),
            Uof(1, SETTLEMENT, r#"certainty="2""#, WON),
        ],
    ),
    (
        "cancel with a window and as a whole, rolled back",
        &[
            OFFERED,
            Uof(1, "bet_cancel", WINDOW, r#"<market id="406" void_reason="12"/>"#),
            Uof(1, "bet_cancel", "", MARKET),
            OFFERED_AGAIN,
            Uof(1, "rollback_bet_cancel", "", MARKET),
            Uof(1, "rollback_bet_cancel", WINDOW, MARKET),
            Uof(1, "bet_cancel", WINDOW, MARKET),
        ],
    ),
    (
        "corrections",
        &[
            Native(
                "event_status",
                r#"{"status":"live","match_status":"period_1","score":{"home":0,"away":0}}"#,
            ),
            Native(
                "incident",
                r#"{"incident_id":"g-1","action":"new","kind":"goal","match_status":"period_1","side":"home"}"#,
            ),
            Native(
                "event_status",
                r#"{"status":"live","match_status":"period_1","score":{"home":1,"away":0}}"#,
            ),
            Native(
                "incident",
                r#"{"incident_id":"g-2","action":"new","kind":"goal","match_status":"period_1","side":"away"}"#,
            ),
            Native(
                "incident",
                r#"{"incident_id":"g-1","action":"amended","kind":"goal","match_status":"period_1","side":"away"}"#,
            ),
            Native(
                "event_status",
                r#"{"status":"live","match_status":"period_1","score":{"home":0,"away":1},"correction":true}"#,
            ),
            Native(
                "incident",
                r#"{"incident_id":"g-2","action":"deleted","kind":"goal","match_status":"period_1","side":"away"}"#,
            ),
        ],
    ),
];

impl Desk {
    /// Sends the message of a lifecycle that has this number, from 0.
    async fn say(&self, event_id: &str, number: i64, step: &Step) {
        let at = 1_767_204_990_000 + 1_000 * number;
        let answer = match step {
            Uof(product, kind, attributes, content) => {
                let head =
                    format!(r#"product="{product}" event_id="{event_id}" timestamp="{at}" {attributes}"#);
                let key = format!("hi.-.live.{kind}.4.{}.-", event_id.replacen("match:", "match.", 1));
                self.post(&key, format!("<{kind} {head}>{content}</{kind}>")).await
            }
            Native(kind, body) => {
                let message = json!({
                    "schema": "1.0", "message_id": format!("{event_id}/{number}"), "provider": "md", "producer": "live",
                    "sport": "hockey", "event_id": event_id, "epoch": 1, "sequence": number + 1, "type": kind,
                    "generated_at": at * 1_000, "body": serde_json::from_str::<Value>(body).unwrap(),
                });
                let url = format!("{}/feeds/md", self.stack.ingestion_url().unwrap());
                let request = reqwest::Client::new().post(url).bearer_auth(TOKEN_OF_MD).json(&message);
                let answer = request.send().await.unwrap();
                (answer.status(), answer.text().await.unwrap())
            }
        };
        assert_eq!(answer.0, StatusCode::ACCEPTED, "{event_id} {number}: {}", answer.1);
    }

    async fn comes_to(&self, event_id: &str, version: u64) -> Picture {
        let picture = async || anyhow::Ok(self.mysql.pictures().await?.remove(event_id).unwrap_or_default());
        let what = format!("{event_id} to have version {version}");
        until(&what, DEADLINE, async || Ok(picture().await?.version >= version)).await.unwrap();
        picture().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lifecycle_ends_the_same_wherever_in_it_its_processor_is_killed() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let desk = Desk::new(Sport::Hockey).await;
    let name = processors_name(Sport::Hockey);
    for (index, (lifecycle, steps)) in LIFECYCLES.iter().enumerate() {
        let (undisturbed, killed) =
            (format!("sr:match:{}", 100 + index), format!("sr:match:{}", 200 + index));
        for (number, step) in (0..).zip(*steps) {
            desk.say(&undisturbed, number, step).await;
        }
        let expected = desk.comes_to(&undisturbed, steps.len() as u64).await;
        assert_eq!(expected.version, steps.len() as u64, "{lifecycle}: each message is a version");

        let (at, wait_ms) = (random.random_range(0..steps.len()), random.random_range(0..40));
        println!("{lifecycle}: killed {wait_ms} ms after message {at}");
        for (number, step) in (0..).zip(*steps) {
            desk.say(&killed, number, step).await;
            if usize::try_from(number) == Ok(at) {
                // Before it has taken the message, within that, or after it: whichever, what follows is the same.
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                desk.stack.process(&name).unwrap().kill().unwrap();
            }
        }
        desk.stack.restart(&name).await.unwrap();
        let found = desk.comes_to(&killed, expected.version).await;
        assert_eq!(found, expected, "{lifecycle}");
        until("REST to say so, too", DEADLINE, async || {
            let by_rest = rest::pictures(&desk.stack.rest_url()?, std::slice::from_ref(&killed)).await?;
            Ok(by_rest.get(&killed) == Some(&expected))
        })
        .await
        .unwrap();
    }
    for (event_id, log) in desk.mysql.logs().await.unwrap() {
        let version = desk.mysql.pictures().await.unwrap()[&event_id].version;
        assert_eq!(log.versions, (1..=version).collect::<Vec<_>>(), "{event_id}");
    }
    desk.stack.down().await.unwrap();
}

/// Tells of the game, a second after the message before.
struct Teller<'a> {
    desk: &'a Desk,
    now: i64,
    version: u64,
}

impl Teller<'_> {
    /// Sends a message that leads to the next version, and gives back the market as it stands then.
    async fn hear(&mut self, product: u8, kind: &str, attributes: &str, content: &str) -> Value {
        let Self { desk, now, version } = self;
        *now += 1_000;
        *version += 1;
        let head = format!(r#"product="{product}" event_id="{EVENT}" timestamp="{now}" {attributes}"#);
        desk.tell(kind, format!("<{kind} {head}>{content}</{kind}>")).await;
        desk.market_at(*version).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loaded_fixtures_give_events_names_and_messages_a_sport_also_after_a_restart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/uof");
    if !folder.exists() {
        println!("SKIPPED: there are no real fixtures in {}", folder.display());
        return;
    }
    let desk = Desk::new(Sport::Football).await;
    let feed = format!("{}/feeds/uof", desk.stack.ingestion_url().unwrap());
    let mut load = tokio::process::Command::new(env!("CARGO_BIN_EXE_matchday"));
    load.arg("load-uof").arg(&folder).args(["--to", &feed]).env("MATCHDAY_TOKEN", TOKEN);
    let output = load.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("4 fixtures are loaded.\n11 market descriptions are loaded.\n"), "{said}");
    assert!(said.contains("14 are neither, and were left alone: bet_cancel.xml, "), "{said}");

    let named = "sr:match:18001015";
    until("the event to have its names", DEADLINE, async || {
        let by_rest = rest::pictures(&desk.stack.rest_url()?, &[named.to_owned()]).await?;
        let fixture = by_rest.get(named).and_then(|picture| picture.values.get("fixture"));
        let names = fixture.map(|fixture| [&fixture["home"]["name"], &fixture["away"]["name"]]);
        Ok(names == Some([&json!("Ajax Amsterdam"), &json!("Tottenham Hotspur")]))
    })
    .await
    .unwrap();

    // Who starts anew knows it, too.
    desk.stack.process(INGESTION).unwrap().kill().unwrap();
    desk.stack.restart(INGESTION).await.unwrap();
    let odds = std::fs::read(folder.join("inline-odds_change.xml")).unwrap();
    let told = desk.post_with(None, odds).await;
    assert_eq!(told.0, StatusCode::ACCEPTED, "{}", told.1);
    until("the odds to be stored", DEADLINE, async || {
        let stored = desk.mysql.pictures().await?;
        Ok(stored.get(named).is_some_and(|picture| picture.values.contains_key("market:1")))
    })
    .await
    .unwrap();
    desk.stack.down().await.unwrap();
}

/// Market 406 and one that the sport does not know, in groups of their own.
const DESCRIPTIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<market_descriptions response_code="OK">
  <market id="406" name="Winner (incl. overtime and penalties)" groups="all|score|incl_ot_and_pen">
    <outcomes><outcome id="4" name="{$competitor1}"/><outcome id="5" name="{$competitor2}"/></outcomes>
  </market>
  <market id="9406" name="Next penalty" groups="all|penalties"/>
</market_descriptions>"#;

#[tokio::test(flavor = "multi_thread")]
async fn loaded_descriptions_tell_which_markets_a_bet_stop_means_also_after_a_restart() {
    let desk = Desk::new(Sport::Hockey).await;
    let statuses = async |version: u64| {
        desk.market_at(version).await;
        let values = desk.picture().await.unwrap().values;
        ["406", "9406"].map(|id| values[&format!("market:{id}")]["status"].clone())
    };
    let offer = |at: i64| {
        let market = |id: u32| {
            format!(r#"<market id="{id}"><outcome id="4" odds="2"/><outcome id="5" odds="2"/></market>"#)
        };
        let head = format!(r#"product="1" event_id="{EVENT}" timestamp="{at}""#);
        format!("<odds_change {head}><odds>{}{}</odds></odds_change>", market(406), market(9406))
    };
    let stop = |at: i64, groups: &str| {
        format!(r#"<bet_stop product="1" event_id="{EVENT}" timestamp="{at}" groups="{groups}"/>"#)
    };
    let first = 1_767_225_600_000;
    desk.tell("odds_change", offer(first)).await;
    assert_eq!(statuses(1).await, ["active", "active"]);
    // Nobody knows this group: any market may be in it.
    desk.tell("bet_stop", stop(first + 1, "penalties")).await;
    assert_eq!(statuses(2).await, ["suspended", "suspended"]);

    let url = format!("{}/feeds/uof/descriptions", desk.stack.ingestion_url().unwrap());
    let describe = async |body: &str| {
        let request = reqwest::Client::new().post(&url).bearer_auth(TOKEN);
        let answer =
            request.header("content-type", "application/xml").body(body.to_owned()).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let (status, problem) = describe(&DESCRIPTIONS.replace(r#"id="9406""#, "")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        problem.contains("missing attribute `id` at line 6 column 3 (`/market_descriptions/market[2]/@id`)"),
        "{problem}"
    );
    assert_eq!(describe(DESCRIPTIONS).await, (StatusCode::ACCEPTED, r#"{"accepted":2}"#.to_owned()));
    let described = json!({"descriptions": [{
        "provider": "uof", "id": 406, "name": "Winner (incl. overtime and penalties)",
        "groups": ["all", "incl_ot_and_pen", "score"],
        "outcomes": [{"id": "4", "name": "{$competitor1}"}, {"id": "5", "name": "{$competitor2}"}],
    }], "next": 406});
    let url = format!("{}/v1/descriptions?provider=uof&limit=1", desk.stack.rest_url().unwrap());
    until("REST to tell the names", DEADLINE, async || {
        Ok(reqwest::get(&url).await?.json::<Value>().await? == described)
    })
    .await
    .unwrap();
    desk.tell("odds_change", offer(first + 2)).await;
    assert_eq!(statuses(3).await, ["active", "active"]);
    desk.tell("bet_stop", stop(first + 3, "penalties")).await;
    assert_eq!(statuses(4).await, ["active", "suspended"]);

    desk.stack.process(INGESTION).unwrap().kill().unwrap();
    desk.stack.restart(INGESTION).await.unwrap();
    desk.tell("odds_change", offer(first + 4)).await;
    assert_eq!(statuses(5).await, ["active", "active"]);
    // A stop that is heard before the offer that it means.
    desk.tell("bet_stop", stop(first + 6, "score|incl_ot_and_pen")).await;
    assert_eq!(statuses(6).await, ["suspended", "active"]);
    desk.tell("odds_change", offer(first + 5)).await;
    assert_eq!(statuses(7).await, ["suspended", "active"]);
    // No description knows this group: any market may be in it.
    desk.tell("bet_stop", stop(first + 7, "score|corners")).await;
    assert_eq!(statuses(8).await, ["suspended", "suspended"]);
    desk.stack.down().await.unwrap();
}

/// The market as a client has it once its event is at `version`; one of the frames to there must tell it.
async fn heard(client: &mut Client, version: u64) -> Value {
    let mut market = Value::Null;
    loop {
        let frame = client.frame().await;
        if frame["event_id"] != EVENT {
            continue;
        }
        let mut changes = frame["changes"].as_array().unwrap().iter();
        if let Some(change) = changes.rfind(|change| change["key"] == "market:406") {
            market = change["value"].clone();
        }
        if frame["to"].as_u64() >= Some(version) {
            return market;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_real_message_is_stored_with_every_attribute_and_none_becomes_a_dead_letter() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/uof");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("SKIPPED: there are no real messages in {}", folder.display());
        return;
    };
    let desk = Desk::new(Sport::Football).await;
    let (mut messages, mut attributes, mut seen) = (0, 0, BTreeSet::new());
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // What describes fixtures and markets is no message.
        if name.starts_with("fixture-") || name.starts_with("markets-") {
            continue;
        }
        // One of them has no product: its key must tell. What is about a producer names no event.
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let event =
            text.split_once("event_id=\"").and_then(|(_, rest)| rest.split('"').next()?.rsplit_once(':'));
        let (kind, number) = event.unwrap_or(("-", "-"));
        let told = desk.post(&format!("hi.-.live.-.1.{kind}.{number}.-"), bytes.clone()).await;
        assert_eq!(told.0, StatusCode::ACCEPTED, "{name}: {}", told.1);
        messages += 1;
        // Answered 202, it is stored: each of its attributes, in one record or, of a producer, in one for each partition.
        let mut stored = Vec::new();
        for batch in read_topic(&desk.stack.kafka(), &desk.stack.topics().feed(Sport::Football)).await {
            let new = batch.iter().filter(|record| seen.insert((record.partition(), record.offset())));
            stored.extend(new.map(|record| serde_json::from_slice::<Value>(record.payload()).unwrap()));
        }
        assert!(!stored.is_empty(), "{name} is stored");
        for message in &stored {
            attributes += walk::find(&walk::tree(&bytes), "", "", message, name);
        }
    }
    assert!(messages >= 14 && attributes >= 800, "{messages} messages, {attributes} attributes");

    let events =
        ["sr:match:123", "sr:match:4444", "sr:match:13369905", "sr:match:16807109", "sr:match:18001015"];
    until("the events to be stored", DEADLINE, async || {
        let stored = desk.mysql.pictures().await?;
        Ok(events.iter().chain(&["vhc:stage:18361597"]).all(|event| stored.contains_key(*event)))
    })
    .await
    .unwrap();
    until("all of it to be published", DEADLINE, async || desk.mysql.is_published().await).await.unwrap();
    let letters = read_topic(&desk.stack.kafka(), &desk.stack.topics().dead_letters()).await;
    assert!(letters.is_empty(), "{letters:?}");
    desk.stack.down().await.unwrap();
}
