//! The judge is judged: bugs are planted into the services, and `matchday verify` names each for what it is; the services as they
//! are it accuses of nothing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::Sport;
use harness::anomaly::Kind;
use harness::observe::mysql::Mysql;
use harness::observe::socket::{Client, Seen};
use harness::stack::{INGESTION, ServiceSpec, Stack, pipeline, processors_name};
use redis::AsyncCommands;
use serde_json::Value;

use crate::support::verify::{Bundle, assert_right, verify_attached};
use crate::support::{guest, until};

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// The variable that tells a service its bug.
const VARIABLE: &str = "MATCHDAY_PLANTED";
/// The services with the bugs in them, as `make planted` builds them; beside the normal ones, so that neither takes the other's place.
const PLANTED: [(&str, &str); 3] = [
    ("ingestion", "../planted/release/ingestion"),
    ("processors", "../planted/release/processors"),
    ("distribution", "../planted/release/distribution"),
];

/// Games in which everything happens that a bug needs to be seen.
const GAMES: &str = r#"
description = "Games for the judge to be judged by"
seed = 8
seconds = 8

[sports.hockey]
games = 6
rate = 120

[faults]
settlement_rollback = 2
"#;

/// Games whose producer says nothing for long while they go on.
const SILENT_GAMES: &str = r#"
description = "Games of which nothing is heard for a while"
seed = 8
seconds = 16

[sports.hockey]
games = 6
rate = 120

[faults]
silence = 1
silence_seconds = 8
"#;

/// What `verify` must say of a bug.
struct Accusation<'a> {
    /// Of what it must accuse, and where.
    named: &'a [(Kind, &'a str)],
    /// What follows from that elsewhere.
    follows: &'a [Kind],
}

impl Accusation<'_> {
    fn assert(&self, (code, said, bundle): (i32, String, Option<Bundle>)) {
        let Bundle { document, .. } = bundle.expect(&said);
        let found: Vec<Kind> =
            document.anomalies.iter().filter(|part| part.found > 0).map(|part| part.kind).collect();
        for (kind, place) in self.named {
            let part = document.anomalies.iter().find(|part| part.kind == *kind);
            let examples = part.map_or(&[][..], |part| &part.examples);
            let is_named = examples.iter().any(|example| example.place == *place);
            assert!(is_named, "{kind} in {place} is not named, {found:?} are:\n{said}");
        }
        let named = |kind: &Kind| self.named.iter().any(|(named, _)| named == kind);
        let unfounded: Vec<&Kind> =
            found.iter().filter(|kind| !named(kind) && !self.follows.contains(kind)).collect();
        assert!(unfounded.is_empty(), "{unfounded:?} do not follow from it:\n{said}");
        assert_eq!(code, 10, "{said}");
    }
}

/// Services that have a bug.
pub fn services(bug: &str) -> Vec<ServiceSpec> {
    assert!(
        has_planted(INGESTION),
        "the services with bugs in them are not built: `make planted` builds them"
    );
    let mut services = pipeline(&[Sport::Hockey]);
    for service in &mut services {
        let (_, binary) = PLANTED.iter().find(|(name, _)| *name == service.binary).unwrap();
        service.binary = *binary;
        service.env.push((VARIABLE.to_owned(), bug.to_owned()));
    }
    services
}

/// Verifies games in a stack whose services have a bug, while something else happens to that stack.
async fn verify_planted(
    bug: &str,
    disturb: impl AsyncFnOnce(&Stack) -> Result<()>,
) -> (i32, String, Option<Bundle>) {
    verify_games(GAMES, services(bug), &[], disturb).await
}

/// Verifies these games with these services, which `verify` is told so of.
async fn verify_games(
    games: &str,
    services: Vec<ServiceSpec>,
    told: &[&str],
    disturb: impl AsyncFnOnce(&Stack) -> Result<()>,
) -> (i32, String, Option<Bundle>) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("games.toml");
    std::fs::write(&scenario, games).unwrap();
    let stack = guest(folder.path().join("stacks"), "planted", services).await;
    let arguments = [&[scenario.to_str().unwrap(), "--clients", "3"], told].concat();
    let (run, disturbed) = tokio::join!(verify_attached(&stack, &arguments), disturb(&stack));
    disturbed.unwrap();
    stack.down().await.unwrap();
    run
}

/// Tells processors how long to wait.
fn be_impatient(services: &mut [ServiceSpec]) {
    for service in services.iter_mut().filter(|service| service.name.starts_with("processors-")) {
        let settings = [("MATCHDAY_HOLD_MS", HOLD_MS), ("MATCHDAY_PRODUCER_SILENCE_MS", SILENCE_MS)];
        service.env.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

async fn nothing_else(_: &Stack) -> Result<()> {
    Ok(())
}

/// Waits until the games are well under way.
async fn under_way(mysql: &Mysql) -> Result<()> {
    until("the games to be under way", DEADLINE, async || {
        Ok(mysql.versions().await?.values().sum::<u64>() > 300)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_acknowledged_and_lost_is_named() {
    // As seldom as one in 100,000 where nothing is said; a short run has to be luckier.
    let run = verify_planted("lose-message:500", nothing_else).await;
    let named = [(Kind::Lost, "feed topic"), (Kind::Lost, "update log")];
    // What comes behind it waits for ever, and its event is shut.
    let follows = [Kind::FalseGap, Kind::Stale, Kind::WrongValueAtVersion, Kind::SettlementWrong];
    Accusation { named: &named, follows: &follows }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_guard_that_is_skipped_is_named() {
    // Whoever builds on an image that is gone has to notice.
    let forget_images = async |stack: &Stack| {
        let mysql = Mysql::new(&stack.mysql_url())?;
        under_way(&mysql).await?;
        let store = mysql.store_id().await?;
        let client = redis::Client::open(stack.redis_url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let images: Vec<String> = connection.keys(format!("{store}:event:*")).await?;
        ensure!(!images.is_empty(), "there is no image yet");
        let _: u64 = connection.del(images).await?;
        Ok(())
    };
    let run = verify_planted("skip-version-guard", forget_images).await;
    let named = [(Kind::StoreDivergence, "redis")];
    Accusation { named: &named, follows: &[Kind::Lost, Kind::WrongValueAtVersion] }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_before_it_is_committed_is_named() {
    // Killed between the two, a processor does it again, at another time.
    let kill_between = async |stack: &Stack| {
        let mysql = Mysql::new(&stack.mysql_url())?;
        under_way(&mysql).await?;
        let client = Client::subscribe(&stack.socket_url()?, "hockey", Seen::default()).await?;
        let shown = client.versions();
        let mut lock = mysql.pool().begin().await?;
        sqlx::query("SELECT * FROM feed_offsets FOR UPDATE").fetch_all(&mut *lock).await?;
        until("something to be published that is not committed", DEADLINE, async || {
            let committed = mysql.versions().await?;
            let is_ahead = |(event, shown): (&String, &u64)| committed.get(event).is_none_or(|it| it < shown);
            Ok(shown.borrow().iter().any(is_ahead))
        })
        .await?;
        let processors = processors_name(Sport::Hockey);
        stack.process(&processors)?.kill()?;
        lock.rollback().await?;
        stack.restart(&processors).await?;
        client.cut().await.map(drop)
    };
    let run = verify_planted("publish-before-commit", kill_between).await;
    let named = [(Kind::StoreDivergence, "updates topic"), (Kind::Phantom, "clients, meanwhile")];
    Accusation { named: &named, follows: &[] }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_market_that_is_reopened_is_named() {
    let run = verify_planted("reopen-suspended", nothing_else).await;
    // The next bet stop finds it open, and suspends what was off.
    let follows = [Kind::WrongValueAtVersion];
    Accusation { named: &[(Kind::MarketOpenWhileUnsafe, "update log")], follows: &follows }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_forgotten_is_named() {
    let run = verify_planted("forget-rollback", nothing_else).await;
    Accusation { named: &[(Kind::SettlementWrong, "update log")], follows: &[] }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_served_stale_is_named() {
    let run = verify_planted("serve-stale-cache", nothing_else).await;
    let named = [(Kind::Stale, "rest, meanwhile"), (Kind::StoreDivergence, "rest")];
    let follows = [Kind::Lost, Kind::WrongValueAtVersion, Kind::SettlementWrong, Kind::MarketOpenWhileUnsafe];
    Accusation { named: &named, follows: &follows }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_is_settled_wrong_is_named() {
    let run = verify_planted("settle-wrong-outcome", nothing_else).await;
    Accusation { named: &[(Kind::SettlementWrong, "update log")], follows: &[] }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_the_frame_of_a_stop_leaves_out_is_named() {
    let run = verify_planted("leave-out-stopped", nothing_else).await;
    let named = [(Kind::WrongValueAtVersion, "socket 1 (steady)")];
    // A market that never changes again stays open at the client.
    let follows = [Kind::StoreDivergence, Kind::MarketOpenWhileUnsafe];
    Accusation { named: &named, follows: &follows }.assert(run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_is_ignored_is_named() {
    let mut services = services("ignore-silence");
    be_impatient(&mut services);
    let run = verify_games(SILENT_GAMES, services, &WAITS, nothing_else).await;
    Accusation { named: &[(Kind::MarketOpenWhileUnsafe, "update log")], follows: &[] }.assert(run);
}

/// Every fault of a feed, in four sports.
const ALL_FAULTS: &str = r#"
description = "Everything that can go wrong in a feed does, in a few seconds"
seed = 1
seconds = 20

[[producers]]
provider = "md"
name = "live"
format = "json"

[[producers]]
provider = "md"
name = "live-xml"
format = "xml"

[sports.football]
games = 4
rate = 60

[sports.basketball]
games = 4
rate = 60

[sports.tennis]
games = 4
rate = 60

[sports.hockey]
games = 4
rate = 60

[faults]
duplicate = 10
reorder = 3
reorder_beyond = 1
gap = 1
gap_filled = 1
late = 1
clock_skew = 1
malformed = 8
wrong_sport = 2
unknown_event = 2
silence = 1
restart = 1
settlement_rollback = 1
hold_ms = 1000
silence_seconds = 8

[gates]
unsafe_open_ms = 3000
"#;
/// How long its stack waits for a producer: short enough that a silence must be noticed while it lasts.
const SILENCE_MS: &str = "2400";
/// How long it waits for a message.
const HOLD_MS: &str = "1000";
/// The same for `verify`.
const WAITS: [&str; 4] = ["--silence-ms", SILENCE_MS, "--hold-ms", HOLD_MS];

#[tokio::test(flavor = "multi_thread")]
async fn services_without_a_bug_are_accused_of_nothing_in_ten_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("all-faults.toml");
    std::fs::write(&scenario, ALL_FAULTS).unwrap();
    let mut services = pipeline(&Sport::ALL);
    be_impatient(&mut services);
    let stack = guest(folder.path().join("stacks"), "unmutated", services).await;
    let mysql = Mysql::new(&stack.mysql_url()).unwrap();
    for seed in 1..=10 {
        // Producers are still up from the run before, or have gone down since.
        if seed % 2 == 0 {
            let is_down = async || {
                let up = "SELECT COUNT(*) FROM producers WHERE state <> 'down'";
                Ok(sqlx::query_scalar::<_, i64>(up).fetch_one(mysql.pool()).await? == 0)
            };
            until("every producer to be down", DEADLINE, is_down).await.unwrap();
        }
        let seed = seed.to_string();
        println!("seed {seed}");
        let scenario = scenario.to_str().unwrap();
        let arguments = [&[scenario, "--seed", &seed, "--clients", "4"], &WAITS[..]].concat();
        let Bundle { document, .. } = assert_right(verify_attached(&stack, &arguments).await);
        for place in ["clients, meanwhile", "rest, meanwhile"] {
            let compared = document.places.iter().find(|part| part.place == place).map(|part| part.compared);
            assert!(compared > Some(0), "nothing was looked at of {place}");
        }
    }
    stack.down().await.unwrap();
}

/// Whether a service's binary has bugs in it.
fn has_bugs(binary: &Path) -> Result<bool> {
    let bytes = std::fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    Ok(bytes.windows(VARIABLE.len()).any(|window| window == VARIABLE.as_bytes()))
}

fn has_planted(service: &str) -> bool {
    let folder = Path::new(env!("CARGO_BIN_EXE_matchday")).parent().unwrap();
    let (_, binary) = PLANTED.iter().find(|(name, _)| *name == service).unwrap();
    has_bugs(&folder.join(binary)).unwrap_or_default()
}

#[test]
fn nothing_but_the_build_for_this_has_a_bug_in_it() {
    let folder = Path::new(env!("CARGO_BIN_EXE_matchday")).parent().unwrap();
    for (service, _) in PLANTED {
        assert!(!has_bugs(&folder.join(service)).unwrap(), "{service} is built with the feature `planted`");
        assert!(has_planted(service), "the planted {service} has no bugs: `make planted` builds it");
    }
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut with_feature = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        for (feature, turns_on) in package["features"].as_object().unwrap() {
            if feature == "planted" {
                with_feature.push(name);
            } else {
                assert!(!turns_on.to_string().contains("planted"), "`{feature}` of {name} plants bugs");
            }
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let features = dependency["features"].to_string();
            assert!(!features.contains("planted"), "{name} plants bugs in {}", dependency["name"]);
        }
    }
    with_feature.sort_unstable();
    assert_eq!(with_feature, ["distribution", "domain", "ingestion", "processors"]);
    let dockerfile = std::fs::read_to_string(folder.join("../../Dockerfile")).unwrap();
    assert!(!dockerfile.contains("features") && !dockerfile.contains("planted"), "the image has bugs in it");
}
