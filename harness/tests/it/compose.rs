//! `docker compose up`, for real: the image is built, the stack comes up, games go through it while a service dies, and what
//! it holds is there again after it was down. `make test-compose` runs this.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use domain::{Sport, Timestamp, Topics};
use futures_util::future::try_join_all;
use harness::feed::Feed;
use harness::observe::mysql::Mysql;
use harness::observe::socket::{Client, Seen};
use harness::observe::{Places, rest};
use harness::run::{judge, settle};
use serde_json::Value;
use simulator::world::{Formats, Pace, Plan};
use simulator::{DriveOptions, drive};

use crate::support::compose::Compose;
use crate::support::{read_topic, until};

/// What is found with one seed is found again with it.
const SEED: u64 = 4_000;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Everything but the games that are always on: what is sent is judged, and nothing else may be there.
const UP: [&str; 7] = ["up", "--wait", "--wait-timeout", "300", "--no-build", "--scale", "simulator=0"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds an image: `make test-compose` runs it"]
async fn a_stack_in_containers_plays_survives_a_crash_and_keeps_its_state() {
    // The image of this tag; without one it is built, as whoever starts here does.
    let tag = std::env::var("MATCHDAY_TAG").ok();
    let compose = Compose::new("games", tag.as_deref().unwrap_or("test"));
    if tag.is_none() {
        compose.run_timed("build", &["build"]);
        let revision = std::env::var("REVISION").unwrap_or_else(|_| "unknown".to_owned());
        assert_eq!(compose.image_label("org.opencontainers.image.version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(compose.image_label("org.opencontainers.image.revision"), revision);
    }
    compose.run_timed("cold start to healthy", &UP);
    let open_to_all = ["0.0.0.0:", "[::]:"].map(|address| compose.published().contains(address));
    assert_eq!(open_to_all, [false, false], "{}", compose.published());

    let feed = feed();
    let places = places(&compose);
    let url = format!("ws://127.0.0.1:{}/v1/socket", compose.port("SOCKET_PORT"));
    let clients = subscribe(&url, &feed).await;
    let options = DriveOptions::to(format!("http://127.0.0.1:{}", compose.port("INGESTION_PORT")));
    let sending = drive(Arc::clone(&feed.schedule), &options, |_| {});
    let (report, crashed) = tokio::join!(sending, crash(&compose, &places, &feed));
    crashed.unwrap();
    assert!(report.unwrap().is_complete());
    verify(&places, &feed, clients).await;
    assert!(compose.restarts("processors-hockey") >= 1, "Docker has not started it again");
    let store = Mysql::new(&places.mysql).unwrap().store_id().await.unwrap();
    let kafka = cluster_id(&compose);

    compose.run_timed("down", &["down"]);
    compose.run_timed("warm start to healthy", &UP);
    assert_eq!(Mysql::new(&places.mysql).unwrap().store_id().await.unwrap(), store);
    assert_eq!(cluster_id(&compose), kafka);
    // Kafka answers this machine where it says that it does.
    let brokers = format!("127.0.0.1:{}", compose.port("KAFKA_PORT"));
    for sport in Sport::ALL {
        assert!(!read_topic(&brokers, &Topics::default().feed(sport)).await.is_empty(), "{sport}");
    }
    // Who subscribes now is told of games that are on, and these are over: stores and REST have them.
    verify(&places, &feed, Vec::new()).await;

    // A second stack beside it disturbs nobody.
    let other = Compose::new("beside", tag.as_deref().unwrap_or("test"));
    other.run_timed("a second stack beside it", &UP);
    assert_eq!(rest::listed(&self::places(&other).rest).await.unwrap().len(), 0);
    assert_ne!(cluster_id(&other), kafka);
    drop(other);
    assert_eq!(rest::listed(&places.rest).await.unwrap().len(), feed.expected.len());

    let more = ["--scale", "processors-football-more=1", "--scale", "distribution-more=1"];
    compose.run_timed("the simulator as well, and one more of two services", &[&UP[..5], &more].concat());
    let told = compose.top();
    let processes = |row: &Value| (row["processes"]["processes"].as_u64(), row["processes"]["of"].as_u64());
    let row = |rows: &str, place: &str| {
        told[rows].as_array().unwrap().iter().find(|row| row["place"] == place).unwrap().clone()
    };
    assert_eq!(processes(&row("sports", "football")), (Some(2), Some(2)), "{told}");
    assert_eq!(processes(&row("hops", "distribution")), (Some(2), Some(2)), "{told}");
    let address = compose.run(&["port", "distribution-more", "4003"]);
    let url = format!("ws://{}/v1/socket", address.trim());
    let client = Client::subscribe(&url, Sport::Football.as_str(), Seen::default());
    client.await.unwrap().cut().await.unwrap();
    let simulator = format!("http://127.0.0.1:{}", compose.port("SIMULATOR_PORT"));
    let metrics = reqwest::get(format!("{simulator}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("matchday_simulator_requests_total{status=\"202\"}"), "{metrics}");

    let live = format!("{}/matches/live", places.rest);
    until("games to be on without being asked for", PATIENCE, async || {
        let answer: Value = reqwest::get(&live).await?.error_for_status()?.json().await?;
        Ok(answer["matches"].as_array().is_some_and(|matches| !matches.is_empty()))
    })
    .await
    .unwrap();

    compose
        .run_timed("Prometheus", &["--profile", "observability", "up", "--wait", "--no-build", "prometheus"]);
    let targets = format!("http://127.0.0.1:{}/api/v1/targets", compose.port("PROMETHEUS_PORT"));
    until("Prometheus to have read every process", PATIENCE, async || {
        let answer: Value = reqwest::get(&targets).await?.error_for_status()?.json().await?;
        let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        Ok(targets.len() == 9 && targets.iter().all(|target| target["health"] == "up"))
    })
    .await
    .unwrap();

    assert_ne!(compose.left(), "");
    compose.run_timed("down, with volumes", &["--profile", "*", "down", "--volumes", "--remove-orphans"]);
    assert_eq!(compose.left(), "");
}

fn feed() -> Feed {
    println!("seed {SEED}");
    let plan = Plan {
        seed: SEED,
        sports: Sport::ALL.into(),
        games: 8,
        formats: Formats::Half,
        pace: Pace::Even { messages_per_game: 400, duration: Duration::from_secs(20) },
        start: Timestamp(1_767_225_600_000_000),
    };
    Feed::played(&plan).unwrap()
}

/// The addresses on this machine, with the password that the stack made for itself.
fn places(compose: &Compose) -> Places {
    let password = compose.run(&["exec", "-T", "mysql", "cat", "/run/secrets/mysql/password"]);
    let (mysql, redis, rest) =
        (compose.port("MYSQL_PORT"), compose.port("REDIS_PORT"), compose.port("REST_PORT"));
    Places {
        mysql: format!("mysql://matchday:{password}@127.0.0.1:{mysql}/matchday"),
        redis: format!("redis://127.0.0.1:{redis}"),
        rest: format!("http://127.0.0.1:{rest}"),
    }
}

/// By what processors know whether an offset is one of this Kafka's.
fn cluster_id(compose: &Compose) -> String {
    let file = compose.run(&["exec", "-T", "kafka", "cat", "/var/lib/kafka/data/meta.properties"]);
    let id = file.lines().find_map(|line| line.strip_prefix("cluster.id="));
    id.unwrap_or_else(|| panic!("no id in {file}")).to_owned()
}

async fn subscribe(url: &str, feed: &Feed) -> Vec<Client> {
    let clients = feed.sports().into_iter().map(|sport| Client::subscribe(url, sport, Seen::default()));
    try_join_all(clients).await.unwrap()
}

/// Kills a service when a third of the games is played. Every process of the container but its first, which ends with it, so
/// that Docker sees a crash and no wish of ours.
async fn crash(compose: &Compose, places: &Places, feed: &Feed) -> anyhow::Result<()> {
    let mysql = Mysql::new(&places.mysql)?;
    until("a third of the games to be played", PATIENCE, async || {
        Ok(mysql.versions().await?.values().sum::<u64>() * 3 > feed.messages())
    })
    .await?;
    ensure!(compose.restarts("processors-hockey") == 0);
    compose.try_run(&["exec", "-T", "processors-hockey", "bash", "-c", "kill -KILL -1"]);
    Ok(())
}

/// Holds every store, REST and these clients, if there are any, against what must have come of the games.
async fn verify(places: &Places, feed: &Feed, clients: Vec<Client>) {
    settle(places, feed, &clients).await.unwrap();
    let is_watched = !clients.is_empty();
    let mut seen = Seen::default();
    for client in clients {
        seen.merge(client.cut().await.unwrap());
    }
    let sockets = is_watched.then_some(("socket", &seen));
    let verdict = judge(places, feed, sockets.as_slice()).await.unwrap();
    println!("{} values compared, {} differ", verdict.compared(), verdict.anomalies.total());
    assert!(verdict.is_pass(), "{:?}", verdict.anomalies);
}

/// What `docker-compose.yml` says of a service, whatever profile it is of.
fn service(name: &str) -> Value {
    let config = Compose::new("config", "test").run(&["--profile", "*", "config", "--format", "json"]);
    serde_json::from_str::<Value>(&config).unwrap()["services"][name].take()
}

/// The settings in a file of `harness/services` that both stacks share: name and value.
fn settings<'a>(text: &'a str, separator: char, own: &'a [&str]) -> Vec<(&'a str, Option<&'a str>)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
    let settings = lines.map(|line| match line.split_once(separator) {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (line, None),
    });
    settings.filter(|(name, _)| !own.contains(name)).collect()
}

#[test]
#[ignore = "runs a container: `make test-compose` runs it"]
fn alerts_fire_when_they_should_and_not_otherwise() {
    let promtool = ["run", "--rm", "--no-deps", "-T", "--entrypoint", "promtool", "prometheus"];
    let test = ["test", "rules", "/etc/prometheus/alerts.test.yml"];
    println!("{}", Compose::new("alerts", "test").run(&[&promtool[..], &test].concat()));
}

/// Every name of a metric in these files is one that a process has.
#[test]
fn alerts_and_dashboards_speak_of_metrics_that_exist() {
    let ours = [
        include_str!("../../../simulator/src/metrics.rs"),
        include_str!("../../../ingestion/src/metrics.rs"),
        include_str!("../../../processors/src/metrics.rs"),
        include_str!("../../../distribution/src/metrics.rs"),
    ];
    let deployed = [
        include_str!("../../../deploy/prometheus/alerts.yml"),
        include_str!("../../../deploy/prometheus/alerts.test.yml"),
        include_str!("../../../deploy/grafana/dashboards/matchday.json"),
    ];
    let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let dashboard: Value = serde_json::from_str(deployed[2]).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert_eq!(panel["datasource"]["uid"], "prometheus", "{}", panel["title"]);
    }
    let mut looked_at = 0;
    for rest in deployed.iter().flat_map(|text| text.split("matchday_").skip(1)) {
        let name = format!("\"matchday_{}\"", &rest[..rest.find(|letter| !is_of_name(letter)).unwrap()]);
        assert!(ours.iter().any(|source| source.contains(&name)), "no process has {name}");
        looked_at += 1;
    }
    assert!(looked_at > 20, "{looked_at}");
}

#[test]
#[ignore = "asks Compose: `make test-compose` runs it"]
fn stores_in_containers_have_the_settings_of_those_without() {
    let kafka = service("kafka");
    // Where it listens and under which names is each stack's own.
    let own = [
        "process.roles",
        "node.id",
        "controller.listener.names",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
    ];
    for (name, value) in settings(include_str!("../../services/kafka/server.properties"), '=', &own) {
        let variable = format!("KAFKA_{}", name.replace('.', "_").to_uppercase());
        assert_eq!(kafka["environment"][&variable].as_str(), value, "{variable}");
    }

    let mysql = service("mysql");
    let command: Vec<&str> = mysql["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let files = [
        include_str!("../../services/database/common.cnf"),
        include_str!("../../services/database/mysql.cnf"),
    ];
    for (name, value) in files.iter().flat_map(|text| settings(text, '=', &["bind_address"])) {
        let option = format!("--{}", name.replace('_', "-"));
        let option = value.map_or(option.clone(), |value| format!("{option}={value}"));
        assert!(command.contains(&option.as_str()), "{option} is not among {command:?}");
    }

    let redis = service("redis");
    let command: BTreeMap<&str, &str> = redis["command"].as_array().unwrap()[1..]
        .chunks(2)
        .filter_map(|option| Some((option[0].as_str()?, option[1].as_str()?)))
        .collect();
    let own = ["bind", "daemonize", "set-proc-title"];
    for (name, value) in settings(include_str!("../../services/redis/redis.conf"), ' ', &own) {
        let value = value.map(|value| value.trim_matches('"'));
        assert_eq!(command.get(format!("--{name}").as_str()).copied(), value, "{name}");
    }
}
