//! What was lost is asked for: by one process, again until it is there, and of the simulator as of any provider.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use domain::Sport;
use harness::observe::Picture;
use harness::stack::{pipeline, processors_name};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sqlx::{Connection, MySqlConnection};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::producers::{Desk, of_producer, post};
use crate::support::until;

/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A provider that is asked: so many times it does not take what it is asked for, then it answers 202.
pub struct Provider {
    pub address: String,
    /// The path of each request, and when it came.
    asked: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Provider {
    pub async fn busy(times: usize) -> Self {
        Self::refusing(times, "503 Busy").await
    }

    /// With this status, and the headers behind it.
    async fn refusing(times: usize, refusal: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let (mut first, mut line) = (String::new(), String::new());
                stream.read_line(&mut first).await.unwrap();
                while stream.read_line(&mut line).await.unwrap() > 2 {
                    line.clear();
                }
                let before = {
                    let mut noted = noted.lock().unwrap();
                    noted.push((first.split(' ').nth(1).unwrap_or_default().to_owned(), Instant::now()));
                    noted.len() - 1
                };
                let status = if before < times { refusal } else { "202 Accepted" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<(String, Instant)> {
        self.asked.lock().unwrap().clone()
    }

    /// The id of the last request for everything of a producer that was made at or after this time.
    pub async fn asked_since(&self, producer: &str, micros: u128) -> u64 {
        let path = format!("/v1/{producer}/recovery/initiate_request?");
        let last = || {
            let asked = self.asked();
            let paths = asked.iter().rev().filter(|(asked, _)| asked.starts_with(&path));
            let mut ids = paths.filter_map(|(asked, _)| {
                let (_, id) = asked.split_once("request_id=")?;
                id.parse().ok()
            });
            ids.find(|id: &u64| u128::from(*id) >= micros)
        };
        until(&format!("{producer} to be asked"), DEADLINE, async || Ok(last().is_some())).await.unwrap();
        last().unwrap()
    }
}

fn odds(sequence: u64, thousandths: u32) -> Value {
    let outcomes = json!([{"id": "4", "odds": thousandths}, {"id": "5", "odds": 2_000}]);
    json!({
        "schema": "1.0", "message_id": format!("odds-{sequence}"), "provider": "md", "producer": "live",
        "sport": "hockey", "event_id": "md:match:1", "epoch": 1, "sequence": sequence, "type": "odds_change",
        "generated_at": 1_767_225_600_000_000_i64,
        "body": {"markets": [{"id": 406, "status": "active", "outcomes": outcomes}]},
    })
}

async fn market_is(desk: &Desk, status: &str, suspension: Option<&str>) {
    until(&format!("the market to be {status}"), DEADLINE, async || {
        let pictures = desk.mysql.pictures().await?;
        let is_so = |picture: &Picture| {
            let market = &picture.values["market:406"];
            market["status"] == status && market["suspension"].as_str() == suspension
        };
        Ok(pictures.get("md:match:1").is_some_and(is_so))
    })
    .await
    .unwrap();
}

/// As many events with a gap as one round looks at, of a producer whom nobody can ask, and before any other by their ids.
async fn stuck(desk: &Desk) {
    let state = r#"{"version":1,"feeds":[{"source":{"provider":"md","producer":"gone"},"applied":{"epoch":1,"sequence":1},"heard":{"epoch":1,"sequence":3},"recent":[],"gap":true}]}"#;
    let row = |number: u32| format!("('md:match:0{number}','hockey',0,'2026-01-01',1,TRUE,'{state}')");
    let rows = (0..1_000).map(row).collect::<Vec<_>>().join(",");
    let sql = format!(
        "INSERT INTO events (event_id, sport, kafka_partition, first_seen_day, version, has_gap, state) VALUES {rows}"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(desk.mysql.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_that_are_stuck_hide_no_gap() {
    let provider = Provider::busy(0).await;
    let settled = format!("md=alive@http://{}", provider.address);
    let settings = [
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ("MATCHDAY_HOLD_MS", "200"),
    ];
    let desk = Desk::new("stuck", 0, &settings).await;
    stuck(&desk).await;
    post(&desk.url(), &[odds(1, 1_500)]).await.unwrap();
    market_is(&desk, "active", None).await;
    post(&desk.url(), &[odds(3, 1_700)]).await.unwrap();
    until("the request", DEADLINE, async || Ok(!provider.asked().is_empty())).await.unwrap();
    assert!(provider.asked()[0].0.contains("/md:match:1/"), "{:?}", provider.asked());
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_a_gap_for_too_long_is_a_dead_letter() {
    let desk = Desk::new("in vain", 0, &[("MATCHDAY_HOLD_MS", "200"), ("MATCHDAY_HELD_SECONDS", "1")]).await;
    post(&desk.url(), &[odds(1, 1_500), odds(3, 1_700)]).await.unwrap();
    market_is(&desk, "suspended", Some("gap")).await;
    market_is(&desk, "suspended", Some("dead_letter")).await;
    let count = async |table: &str| -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(desk.mysql.pool()).await.unwrap()
    };
    assert_eq!((count("held_messages").await, count("dead_letters").await), (0, 1));
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_a_gap_is_asked_for_until_the_provider_takes_it_and_not_once_more() {
    let provider = Provider::busy(2).await;
    let settled = format!("md=alive@http://{}/base/", provider.address);
    let settings = [
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ("MATCHDAY_HOLD_MS", "200"),
    ];
    let desk = Desk::new("asked", 0, &settings).await;
    // Nobody works on tennis any more: what was last true of the producer there keeps no other sport waiting.
    let dead = "INSERT INTO producers (sport, kafka_partition, provider, producer, last_message_at, state, reason, since, \
                alive_at, alive_since, trusted_until) VALUES ('tennis', 0, 'md', 'live', 1, 'down', 'alive_interval', 1, 1, 1, 1)";
    sqlx::query(dead).execute(desk.mysql.pool()).await.unwrap();
    post(&desk.url(), &[odds(1, 1_500)]).await.unwrap();
    market_is(&desk, "active", None).await;
    post(&desk.url(), &[odds(3, 1_700)]).await.unwrap();
    market_is(&desk, "suspended", Some("gap")).await;
    until("the third request", DEADLINE, async || Ok(provider.asked().len() == 3)).await.unwrap();
    let asked = provider.asked();
    let ids: Vec<u64> = asked
        .iter()
        .map(|(path, _)| {
            let id = path.strip_prefix("/base/v1/live/odds/events/md:match:1/initiate_request?request_id=");
            id.unwrap_or_else(|| panic!("{path}")).parse().unwrap()
        })
        .collect();
    assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    let waits: Vec<Duration> = asked.windows(2).map(|two| two[1].1 - two[0].1).collect();
    println!("asked again after {waits:?}");
    assert!(waits[0] > Duration::from_millis(900) && waits[1] > Duration::from_millis(1_900), "{waits:?}");
    let metric = |outcome| {
        format!(
            "matchday_processor_recovery_requests_total{{provider=\"md\",producer=\"live\",outcome=\"{outcome}\"}}"
        )
    };
    assert_eq!(desk.metric(&metric("failed")).await, 2.0);
    assert_eq!(desk.metric(&metric("taken")).await, 1.0);

    // What says that it answers the request shows that it delivers, also where nothing is new in it.
    let mut known = odds(1, 1_500);
    known["request_id"] = json!(ids[2]);
    post(&desk.url(), &[known]).await.unwrap();
    until("the delivery to be noted", DEADLINE, async || {
        let noted: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM recovery_requests WHERE event_id = 'md:match:1' AND recovered_at >= asked_at",
        )
        .fetch_one(desk.mysql.pool())
        .await?;
        Ok(noted == 1)
    })
    .await
    .unwrap();

    let mut missing = odds(2, 1_600);
    missing["request_id"] = json!(ids[2]);
    post(&desk.url(), &[missing]).await.unwrap();
    market_is(&desk, "active", None).await;
    until("the request to be forgotten", DEADLINE, async || {
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM recovery_requests").fetch_one(desk.mysql.pool()).await?;
        Ok(left == 0)
    })
    .await
    .unwrap();
    assert_eq!(provider.asked().len(), 3);
    desk.logs_are_whole().await;
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_slower_than_it_is_asked_again_completes_the_recovery_with_its_first_answer() {
    let provider = Provider::busy(0).await;
    let settled = format!("md=snapshot@http://{}", provider.address);
    let settings = [
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ("MATCHDAY_RECOVERY_SILENCE_MS", "500"),
        ("MATCHDAY_PRODUCER_SILENCE_MS", "120000"),
    ];
    let desk = Desk::new("slow provider", 0, &settings).await;
    let alive = of_producer("live", "alive", &json!({"subscribed": true}));
    post(&desk.url(), &[alive]).await.unwrap();
    desk.is_told("live", "recovering", "first_alive").await;
    // Those made since all partitions have heard it: what was asked for before completes nothing.
    let ids = async || {
        let heard_at: i64 =
            sqlx::query_scalar("SELECT MAX(alive_since) FROM producers").fetch_one(desk.mysql.pool()).await?;
        let asked = provider.asked().into_iter();
        let ids = asked.map(|(path, _)| path.rsplit('=').next().unwrap().parse().unwrap());
        anyhow::Ok(ids.filter(|id| *id >= heard_at).collect::<Vec<i64>>())
    };
    // Then the second has been taken, too.
    until("the third request", DEADLINE, async || Ok(ids().await?.len() >= 3)).await.unwrap();
    let ids = ids().await.unwrap();
    let open: Vec<i64> = sqlx::query_scalar("SELECT asked_at FROM recovery_requests ORDER BY asked_at")
        .fetch_all(desk.mysql.pool())
        .await
        .unwrap();
    assert!(ids[..2].iter().all(|id| open.contains(id)), "{open:?} of {ids:?}");
    let complete = of_producer("live", "snapshot_complete", &json!({"request_id": ids[0]}));
    post(&desk.url(), &[complete]).await.unwrap();
    desk.is_told("live", "up", "snapshot_complete").await;
    until("the requests to be forgotten", DEADLINE, async || {
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM recovery_requests").fetch_one(desk.mysql.pool()).await?;
        Ok(left == 0)
    })
    .await
    .unwrap();
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_until_another_held_the_lease_asks_for_nothing() {
    let provider = Provider::busy(0).await;
    let settled = format!("md=alive@http://{}", provider.address);
    let settings = [
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ("MATCHDAY_HOLD_MS", "200"),
    ];
    let desk = Desk::new("fenced", 0, &settings).await;
    let pool = desk.mysql.pool();
    post(&desk.url(), &[odds(1, 1_500)]).await.unwrap();
    market_is(&desk, "active", None).await;
    // From here on a round stands still between taking the lease and asking: it cannot see what has been asked for.
    let mut still = MySqlConnection::connect(&desk.stack.mysql_url()).await.unwrap();
    sqlx::raw_sql("LOCK TABLES recovery_requests WRITE").execute(&mut still).await.unwrap();
    post(&desk.url(), &[odds(3, 1_700)]).await.unwrap();
    market_is(&desk, "suspended", Some("gap")).await;
    let held_until = async || {
        let held_until: i64 =
            sqlx::query_scalar("SELECT held_until FROM recovery_lease").fetch_one(pool).await?;
        anyhow::Ok(held_until)
    };
    let before = held_until().await.unwrap();
    until("a round that knows of the gap", DEADLINE, async || Ok(held_until().await? != before))
        .await
        .unwrap();
    sqlx::query(
        "UPDATE recovery_lease SET holder = 'another', \
         held_until = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) + 3000000",
    )
    .execute(pool)
    .await
    .unwrap();
    let others_until = held_until().await.unwrap();
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut still).await.unwrap();
    until("the request", DEADLINE, async || Ok(!provider.asked().is_empty())).await.unwrap();
    let (path, _) = &provider.asked()[0];
    let asked_at: i64 = path.rsplit('=').next().unwrap().parse().unwrap();
    assert!(asked_at >= others_until, "{path} while another held it until {others_until}");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_process_that_asks_is_killed_another_one_asks() {
    let provider = Provider::busy(usize::MAX).await;
    let settled = format!("md=alive@http://{}", provider.address);
    let settings = [
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ("MATCHDAY_HOLD_MS", "200"),
    ];
    let desk = Desk::new("lease", 0, &settings).await;
    post(&desk.url(), &[odds(1, 1_500), odds(3, 1_700)]).await.unwrap();
    market_is(&desk, "suspended", Some("gap")).await;
    until("the first request", DEADLINE, async || Ok(!provider.asked().is_empty())).await.unwrap();

    // Another sport's processor is there, too, and leaves the asking to the first.
    let mut services = pipeline(&[Sport::Football]);
    services.retain(|service| service.name == processors_name(Sport::Football));
    for service in &mut services {
        service.env.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    }
    desk.stack.start_services(services).await.unwrap();
    let holder = async || {
        let holder: String =
            sqlx::query_scalar("SELECT holder FROM recovery_lease").fetch_one(desk.mysql.pool()).await?;
        anyhow::Ok(holder)
    };
    let first = holder().await.unwrap();
    let asked = provider.asked().len();
    until("another request", DEADLINE, async || Ok(provider.asked().len() > asked)).await.unwrap();
    assert_eq!(holder().await.unwrap(), first);

    desk.stack.process(&processors_name(Sport::Hockey)).unwrap().kill().unwrap();
    until("the other to hold the lease", DEADLINE, async || Ok(holder().await? != first)).await.unwrap();
    let asked = provider.asked().len();
    until("a request of the other", DEADLINE, async || Ok(provider.asked().len() > asked)).await.unwrap();
    let asked = provider.asked();
    let ids: Vec<u64> =
        asked.iter().map(|(path, _)| path.rsplit('=').next().unwrap().parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    desk.stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_process_that_asks_leaves_a_provider_alone_for_as_long_as_it_wants() {
    let provider = Provider::refusing(1, "429 Too Many Requests\r\nretry-after: 600").await;
    let settled = format!("md=alive@http://{}", provider.address);
    let settings = [
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "100"),
        ("MATCHDAY_HOLD_MS", "200"),
    ];
    let desk = Desk::new("rest", 0, &settings).await;
    post(&desk.url(), &[odds(1, 1_500), odds(3, 1_700)]).await.unwrap();
    let resting = "SELECT COUNT(*) FROM recovery_rests \
                   WHERE provider = 'md' AND until > (UNIX_TIMESTAMP() + 500) * 1000000";
    until("the rest to be noted", DEADLINE, async || {
        Ok(sqlx::query_scalar::<_, i64>(resting).fetch_one(desk.mysql.pool()).await? == 1)
    })
    .await
    .unwrap();
    let url = format!("{}/v1/producers", desk.stack.rest_url().unwrap());
    let listed: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let rest = &listed["producers"][0]["recovery_rest"];
    assert_eq!((&rest["reason"], rest["until"].is_i64()), (&json!("rate_limited"), true), "{listed}");
    let holder = async || {
        let holder = sqlx::query_scalar("SELECT holder FROM recovery_lease");
        anyhow::Ok(holder.fetch_one(desk.mysql.pool()).await?)
    };
    let first: String = holder().await.unwrap();
    let mut services = pipeline(&[Sport::Football]);
    services.retain(|service| service.name == processors_name(Sport::Football));
    for service in &mut services {
        service.env.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    }
    desk.stack.start_services(services).await.unwrap();
    desk.stack.process(&processors_name(Sport::Hockey)).unwrap().kill().unwrap();
    until("the other to hold the lease", DEADLINE, async || Ok(holder().await? != first)).await.unwrap();

    // It would have asked by now, or would soon.
    let (shortened_at, left) = (Instant::now(), Duration::from_secs(3));
    let shorten = "UPDATE recovery_rests SET until = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) + ?";
    sqlx::query(shorten).bind(left.as_micros() as i64).execute(desk.mysql.pool()).await.unwrap();
    until("a request of the other", DEADLINE, async || Ok(provider.asked().len() > 1)).await.unwrap();
    let (_, at) = provider.asked().swap_remove(1);
    assert!(
        at.saturating_duration_since(shortened_at) >= left,
        "{:?}",
        at.checked_duration_since(shortened_at)
    );
    desk.stack.down().await.unwrap();
}

/// The simulator as a process, so that it can be stopped.
struct Simulator(std::process::Child);

impl Simulator {
    fn play(target: &str, listen: &str) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_matchday")).with_file_name("simulator");
        let play = ["play", "--sport", "hockey", "--games", "4", "--rate", "400", "--seconds", "120"];
        let ways = ["--seed", "41", "--to", target, "--listen", listen, "--alive-seconds", "1"];
        let child = std::process::Command::new(program)
            .args(play)
            .args(ways)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn tell(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_is_asked_for_everything_at_first_and_for_what_was_lost_once_it_fell_silent() {
    let listen = free_address().unwrap();
    let settled = format!("md=snapshot@http://{listen}");
    let settings = [
        ("MATCHDAY_PRODUCER_SILENCE_MS", "4000"),
        ("MATCHDAY_RECOVERY", settled.as_str()),
        ("MATCHDAY_RECOVERY_EVERY_MS", "200"),
    ];
    let desk = Desk::new("recovered", 0, &settings).await;
    let simulator = Simulator::play(&desk.stack.ingestion_url().unwrap(), &listen);
    until("the games to be under way", DEADLINE, async || {
        Ok(desk.mysql.versions().await?.values().sum::<u64>() > 1_000)
    })
    .await
    .unwrap();
    desk.is_told("live", "up", "snapshot_complete").await;
    let before = desk.turns("producer_down").await;
    simulator.tell(Signal::SIGSTOP);
    desk.is_told("live", "down", "alive_interval").await;
    until("games to be shut", DEADLINE, async || Ok(desk.turns("producer_down").await != before))
        .await
        .unwrap();
    simulator.tell(Signal::SIGCONT);
    desk.is_told("live", "up", "snapshot_complete").await;
    until("markets to be open again", DEADLINE, async || {
        let turns = desk.turns("producer_up").await;
        let pictures = desk.mysql.pictures().await?;
        let is_free =
            |picture: &Picture| picture.markets().all(|(_, market)| market["suspension"] != "producer_down");
        Ok(!turns.is_empty() && pictures.values().all(is_free))
    })
    .await
    .unwrap();
    let taken =
        "matchday_processor_recovery_requests_total{provider=\"md\",producer=\"live\",outcome=\"taken\"}";
    // Each time once more where a partition heard of it only after the request.
    let requests = desk.metric(taken).await;
    assert!((2.0..=6.0).contains(&requests), "{requests} requests");
    desk.logs_are_whole().await;
    drop(simulator);
    desk.stack.down().await.unwrap();
}
