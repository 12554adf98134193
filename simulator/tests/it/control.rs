//! Control over HTTP, on a simulator that sends to a receiver.

use std::path::Path;
use std::time::Duration;

use chassis::http::{Limits, serve};
use chassis::lifecycle::Shutdown;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::control::{Control, routes};
use simulator::recording::{Header, Shelf};
use simulator::recovery::Inbox;
use simulator::{DriveOptions, Format};
use tokio::time::Instant;

use super::drive::{Receiver, accept};

const DEADLINE: Duration = Duration::from_secs(30);

/// A simulator under control, and what it sends to.
struct Desk {
    url: String,
    receiver: Receiver,
    client: reqwest::Client,
}

impl Desk {
    async fn new() -> Self {
        Self::with(None).await
    }

    /// One that has recordings, too.
    async fn with(recordings: Option<&Path>) -> Self {
        let receiver = Receiver::new(|_, lines| Some(accept(lines)));
        let target = receiver.listen("127.0.0.1:0").await;
        let shelf = recordings.map(Shelf::of);
        let control = Control::new(DriveOptions::to(target), Inbox::of_nobody(), None, shelf);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let limits = Limits { connections: 16, head_seconds: 5, head_bytes: 16 << 10, write_seconds: 5 };
        tokio::spawn(serve(listener, routes(control), limits, Shutdown::default()));
        Self { url, receiver, client: reqwest::Client::new() }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// The answer in JSON, which must have this status.
    async fn json(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let (found, text) = self.ask(method, path, body).await;
        assert_eq!(found, status, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn xml(&self, method: Method, path: &str) -> String {
        let (status, text) = self.ask(method, path, None).await;
        assert_eq!(status, 200, "{path}: {text}");
        text.split_once("?>\n").unwrap().1.trim_end().to_owned()
    }

    /// Sends what is due next, once there is something to step to.
    async fn step(&self) {
        let deadline = Instant::now() + DEADLINE;
        while self.ask(Method::POST, "/v1/run/step", None).await.0 != 200 {
            assert!(Instant::now() < deadline, "its messages are made at some time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The run, once it is as it should be.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let run = self.json(Method::GET, "/v1/run", None, 200).await["run"].clone();
            if is_so(&run) {
                return run;
            }
            assert!(Instant::now() < deadline, "{what}: {run}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const GAMES: &str =
    "description = \"Games\"\nseed = 5\nseconds = 3600\n[sports.hockey]\ngames = 4\nrate = 100\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_started_steered_and_ended() {
    let desk = Desk::new().await;
    assert_eq!(desk.json(Method::GET, "/v1/run", None, 200).await, json!({ "run": null }));
    assert_eq!(desk.json(Method::DELETE, "/v1/run", None, 409).await["type"], "urn:matchday:problem:idle");

    let start = json!({ "toml": GAMES, "paused": true });
    let begun = desk.json(Method::POST, "/v1/run", Some(start.clone()), 202).await;
    assert_eq!((&begun["run"]["number"], &begun["run"]["program"]), (&json!(1), &json!("Games")));
    let busy = desk.json(Method::POST, "/v1/run", Some(start), 409).await;
    assert_eq!(busy["detail"], "run 1 is on: end it first");

    let paused = desk.until("it stands", |run| run["state"] == "paused").await;
    assert_eq!(
        (&paused["seed"], &paused["messages"], &paused["sent"]),
        (&json!(5), &json!(360_000), &json!(0))
    );
    desk.step().await;
    desk.until("one message has gone", |run| run["sent"] == 1).await;
    assert_eq!(desk.receiver.lines().len(), 1);

    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    desk.until("it plays", |run| run["state"] == "playing" && run["accepted"].as_u64() > Some(50)).await;
    let faster =
        desk.json(Method::PUT, "/v1/run/rate", Some(json!({ "messages_per_second": 1000 })), 200).await;
    let speed = faster["run"]["speed"].as_f64().unwrap();
    assert!((9.9..10.1).contains(&speed), "{faster}");
    let slower = desk.json(Method::PUT, "/v1/run/speed", Some(json!({ "speed": 2 })), 200).await;
    assert!((198.0..202.0).contains(&slower["run"]["rate"].as_f64().unwrap()), "{slower}");
    let burst = json!({ "kind": "burst", "times": 5, "seconds": 1 });
    let faster = desk.json(Method::POST, "/v1/run/faults", Some(burst), 202).await;
    assert_eq!(faster["run"]["speed"], 10.0);
    let burst = json!({ "kind": "burst", "times": 2, "seconds": 1 });
    let second = desk.json(Method::POST, "/v1/run/faults", Some(burst), 409).await;
    assert_eq!(second["detail"], "there is a burst already");
    desk.until("the burst is over", |run| run["speed"] == 2.0).await;
    let silence = json!({ "kind": "silence", "provider": "nobody", "seconds": 1 });
    let unknown = desk.json(Method::POST, "/v1/run/faults", Some(silence), 422).await;
    assert_eq!(
        (&unknown["detail"], &unknown["pointer"]),
        (&json!("this run sends nothing of `nobody`"), &json!("/provider"))
    );
    let silence = json!({ "kind": "silence", "provider": "md", "seconds": 3600 });
    desk.json(Method::POST, "/v1/run/faults", Some(silence), 202).await;
    assert_eq!(desk.json(Method::GET, "/v1/run/faults", None, 200).await["faults"], json!([]));

    desk.json(Method::DELETE, "/v1/run", None, 202).await;
    let ended = desk.until("it has ended", |run| run["state"] == "stopped").await;
    assert_eq!((&ended["end"]["abandoned"], &ended["end"]["unexpected"]), (&json!(4), &json!(0)));
    let abandoned = desk.receiver.lines().iter().filter(|line| line.contains(":abandoned\"")).count();
    assert_eq!(abandoned, 4);
}

/// The sequences of an event's messages, as they came.
fn sequences(lines: &[String], event_id: &str) -> Vec<u64> {
    let of_event = format!("\"event_id\":\"{event_id}\"");
    let sequence = |line: &String| serde_json::from_str::<Value>(line).ok()?["sequence"].as_u64();
    lines.iter().filter(|line| line.contains(&of_event)).filter_map(sequence).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn single_messages_go_wrong_when_it_is_asked_for_and_it_is_written_down() {
    let desk = Desk::new().await;
    let start = json!({ "toml": GAMES, "paused": true, "speed": 20 });
    desk.json(Method::POST, "/v1/run", Some(start), 202).await;
    desk.until("it stands", |run| run["state"] == "paused").await;
    let ask =
        async |fault: Value, status| desk.json(Method::POST, "/v1/run/faults", Some(fault), status).await;
    let [twice, gap, late, bad] = [1, 2, 3, 4].map(|game| format!("md:match:1000000160{game:03}"));
    ask(json!({ "kind": "duplicate", "event": twice }), 202).await;
    ask(json!({ "kind": "gap", "event": gap, "count": 2 }), 202).await;
    ask(json!({ "kind": "late", "event": late, "seconds": 1 }), 202).await;
    ask(json!({ "kind": "malformed", "event": bad, "how": "sequence_in_words" }), 202).await;
    ask(json!({ "kind": "wrong_sport", "event": bad }), 202).await;
    let unknown = ask(json!({ "kind": "gap", "event": "md:match:1" }), 422).await;
    assert_eq!(
        (&unknown["detail"], &unknown["pointer"]),
        (&json!("this run counts no messages of `md:match:1`"), &json!("/event"))
    );
    let beyond = ask(json!({ "kind": "gap", "count": 0 }), 422).await;
    assert_eq!(beyond["pointer"], "/count");

    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    let has_come = |event: &str| !sequences(&desk.receiver.lines(), event).is_empty();
    desk.until("what was held up has come", |_| has_come(&late)).await;
    let lines = desk.receiver.lines();
    assert_eq!(sequences(&lines, &twice)[..3], [1, 1, 2]);
    assert_eq!(sequences(&lines, &gap)[..2], [3, 4], "the first two never came");
    let in_order = sequences(&lines, &late);
    assert!((1..).zip(&in_order).all(|(expected, found)| expected == *found), "{in_order:?}");
    let first = lines.iter().position(|line| line.contains(&late)).unwrap();
    let others = sequences(&lines[..first], &twice).len();
    assert!(others > 100, "at 500 messages a second each, {others} came before what was held up");
    assert!(lines.iter().any(|line| line.contains(r#""sequence":"seven""#)));
    desk.until("a state of play is told of another sport", |_| {
        let lines = desk.receiver.lines();
        lines.iter().any(|line| line.contains(&bad) && line.contains(r#""sport":"tennis""#))
    })
    .await;

    let faults = desk.json(Method::GET, "/v1/run/faults", None, 200).await;
    let injected = faults["injected"].as_array().unwrap();
    assert!(injected.iter().all(|injected| injected["has_happened"] == true), "{faults}");
    let kinds: Vec<&str> = injected.iter().map(|injected| injected["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["duplicate", "gap", "late", "malformed", "wrong_sport"]);
    assert_eq!((&injected[1]["sequence"], injected[1]["messages"].as_array().unwrap().len()), (&json!(1), 2));
    assert_eq!(injected[1]["outcomes"][0]["effects"], json!(["gap_declared", "stalled"]));
    assert_eq!((&injected[0]["answer"], &injected[3]["answer"]), (&json!(202), &json!(202)));

    desk.json(Method::DELETE, "/v1/run", None, 202).await;
    let ended = desk.until("it has ended", |run| run["state"] == "stopped").await;
    assert_eq!(ended["end"]["unexpected"], 1, "a malformed message must not be taken");
    let after = desk.json(Method::GET, "/v1/run/faults", None, 200).await;
    assert_eq!(after["injected"].as_array().unwrap().len(), 5, "it can be looked at afterwards");
}

/// The positions of an event's messages, as they came.
fn positions(lines: &[String], event_id: &str) -> Vec<(u64, u64)> {
    let of_event = format!("\"event_id\":\"{event_id}\"");
    let position = |line: &String| {
        let message = serde_json::from_str::<Value>(line).ok()?;
        Some((message["epoch"].as_u64()?, message["sequence"].as_u64()?))
    };
    lines.iter().filter(|line| line.contains(&of_event)).filter_map(position).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_can_be_planned_can_be_asked_for_and_the_ledger_says_what_must_result() {
    let desk = Desk::new().await;
    let toml = GAMES.replace("games = 4", "games = 9").replace("seconds = 3600", "seconds = 600");
    desk.json(Method::POST, "/v1/run", Some(json!({ "toml": toml, "paused": true, "speed": 60 })), 202).await;
    let ask =
        async |fault: Value, status| desk.json(Method::POST, "/v1/run/faults", Some(fault), status).await;
    let games: Vec<String> = (1..=9).map(|game| format!("md:match:1000000160{game:03}")).collect();
    // Far enough for every game to have offered something.
    let has_offered = |lines: &[String], game: &String| {
        lines.iter().any(|line| line.contains(&format!("{game}\"")) && line.contains("\"odds_change\""))
    };
    for _ in 0..200 {
        desk.step().await;
        let lines = desk.receiver.lines();
        if games.iter().all(|game| has_offered(&lines, game)) {
            break;
        }
    }
    ask(json!({ "kind": "restart", "event": games[0] }), 202).await;
    ask(json!({ "kind": "settlement_rollback", "event": games[1] }), 202).await;
    ask(json!({ "kind": "reorder", "event": games[2], "overtaken_by": 2 }), 202).await;
    ask(json!({ "kind": "clock_skew", "event": games[3], "ahead_seconds": 3600, "count": 2 }), 202).await;
    ask(json!({ "kind": "gap_filled", "event": games[4], "count": 2, "seconds": 4 }), 202).await;
    ask(json!({ "kind": "reorder_beyond", "event": games[5], "seconds": 4 }), 202).await;
    ask(json!({ "kind": "gap", "event": games[6], "count": 3 }), 202).await;
    ask(json!({ "kind": "unknown_event", "event": games[7] }), 202).await;
    let taken = ask(json!({ "kind": "late", "event": games[6], "seconds": 1 }), 409).await;
    assert!(taken["detail"].as_str().unwrap().contains("has a fault already"), "{taken}");
    let short = ask(json!({ "kind": "gap_filled", "seconds": 3 }), 422).await;
    assert_eq!(short["pointer"], "/seconds");
    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    let over = desk.until("all has been sent", |run| run["state"] == "complete").await;
    assert_eq!(over["end"]["unexpected"], 0, "{over}");

    let lines = desk.receiver.lines();
    let faults = desk.json(Method::GET, "/v1/run/faults", None, 200).await;
    let injected = faults["injected"].as_array().unwrap();
    assert!(injected.iter().all(|injected| injected["has_happened"] == true), "{faults}");
    let first = |number: usize| injected[number]["sequence"].as_u64().unwrap();

    let restarted = positions(&lines, &games[0]);
    let anew = restarted.iter().position(|(epoch, _)| *epoch == 2).unwrap() as u64;
    assert_eq!(anew, first(0) - 1, "what came before keeps its place");
    assert!(
        restarted[anew as usize..]
            .iter()
            .copied()
            .eq((1..).map(|it| (2, it)).take(restarted.len() - anew as usize))
    );
    let rolled_back: Vec<u64> =
        positions(&lines, &games[1]).into_iter().map(|(_, sequence)| sequence).collect();
    assert!((1..).take(rolled_back.len()).eq(rolled_back.iter().copied()), "{rolled_back:?}");
    let reordered = sequences(&lines, &games[2]);
    let from = first(2);
    let at = reordered.iter().position(|sequence| *sequence == from).unwrap();
    assert_eq!(reordered[at - 2..=at], [from + 1, from + 2, from]);
    let filled = sequences(&lines, &games[4]);
    let at = |sequence: u64| filled.iter().position(|it| *it == sequence).unwrap();
    assert!(at(first(4)) > at(first(4) + 2) && at(first(4) + 1) > at(first(4) + 2), "{filled:?}");
    assert!(lines.iter().any(|line| line.contains("-unannounced-now-")));

    let ledger = desk.json(Method::GET, "/v1/run/ledger", None, 200).await;
    let kinds: Vec<&str> = ledger["faults"]["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    let events = ledger["producers"][0]["events"].as_array().unwrap();
    for game in [0, 1, 2, 3, 4, 5] {
        let event = events.iter().find(|event| event["event_id"] == games[game]).unwrap();
        let sent = positions(&lines, &games[game]).len();
        assert_eq!(
            (&event["messages"], event["due_ns"].as_array().unwrap().len()),
            (&json!(sent), sent),
            "{game}"
        );
    }
    let stalled = events.iter().find(|event| event["event_id"] == games[6]).unwrap();
    assert_eq!(stalled["messages"].as_u64(), Some(first(6) - 1), "it stands before what never came");
    let markets = stalled["markets"].as_array().unwrap();
    assert!(!markets.is_empty() && markets.iter().all(|market| market["status"] != "active"), "{markets:?}");
    assert_eq!(ledger["stalled"], json!([games[6]]));
    assert_eq!(ledger["unannounced"].as_array().unwrap().len(), 1);
    assert_eq!(
        ledger["deliveries"]["status"].as_array().unwrap().len() as u64,
        over["messages"].as_u64().unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn how_it_stands_is_of_now_and_does_not_count_the_time_in_which_it_stands() {
    let desk = Desk::new().await;
    desk.json(Method::POST, "/v1/run", Some(json!({ "toml": GAMES, "paused": true, "speed": 10 })), 202)
        .await;
    desk.step().await;
    let stands = desk.json(Method::GET, "/v1/run", None, 200).await["run"].clone();
    let again = desk.until("some time has passed", |_| true).await;
    assert_eq!(stands["elapsed_seconds"], again["elapsed_seconds"], "it stands still");
    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    let goes = desk.until("it goes", |run| run["accepted"].as_u64() > Some(10)).await;
    assert!(goes["elapsed_seconds"].as_f64() > again["elapsed_seconds"].as_f64(), "{goes}");
    let refused = json!({ "toml": GAMES.replace("[sports", "faults.gap = 9\n[sports"), "paused": true });
    desk.json(Method::DELETE, "/v1/run", None, 202).await;
    desk.until("it has ended", |run| run["state"] == "stopped").await;
    let refused = desk.json(Method::POST, "/v1/run", Some(refused), 422).await;
    let why = refused["detail"].as_str().unwrap();
    assert!(why.contains("it cannot be played: 4:14: 4 of 9 faults `gap` found room"), "{why}");
}

/// A folder with a recording of a game of hockey, and its messages.
fn recorded() -> (tempfile::TempDir, Vec<String>) {
    use simulator::world::{self, Formats, Pace, Plan};
    let plan = Plan {
        seed: 9,
        sports: vec![domain::Sport::Hockey],
        games: 1,
        formats: Formats::Json,
        pace: Pace::Even { messages_per_game: 600, duration: Duration::from_secs(3_600) },
        start: domain::Timestamp(1_767_225_600_000_000),
    };
    let schedule = world::play(&plan).unwrap().schedule;
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("game.rec")).unwrap();
    let md = domain::Name::new("md").unwrap();
    schedule.record(Header::new(md, Format::Json, "a game", Some(9)), file).unwrap();
    let line = |index| String::from_utf8(schedule.message(index).to_vec()).unwrap();
    let lines = (0..schedule.len()).map(line).collect();
    (folder, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_replayed_from_a_minute_step_by_step_and_as_other_games() {
    let (folder, recorded) = recorded();
    let desk = Desk::with(Some(folder.path())).await;
    let listed = desk.json(Method::GET, "/v1/recordings", None, 200).await;
    let [game] = listed["recordings"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&game["name"], &game["messages"]), (&json!("game.rec"), &json!(recorded.len())));

    // From minute 30 on, as it was: all that was before comes with the first step, each further step is one moment.
    let replay = json!({ "recordings": [{ "recording": "game.rec", "from_minute": 30 }], "raw": true });
    let start = json!({ "replay": replay, "paused": true });
    desk.json(Method::POST, "/v1/run", Some(start), 202).await;
    assert_eq!(desk.receiver.lines().len(), 0);
    desk.step().await;
    let sought = desk.until("it is at minute 30", |run| run["accepted"].as_u64() > Some(0)).await;
    let sought = sought["accepted"].as_u64().unwrap() as usize;
    let before = desk.receiver.lines();
    assert_eq!(before, recorded[..sought], "the same bytes in the same order");
    let period_2 = before.iter().rfind(|line| line.contains("\"elapsed_seconds\"")).unwrap();
    assert!(period_2.contains("\"period_2\""), "minute 30 is in the second period: {period_2}");
    for step in 1..=3 {
        desk.json(Method::POST, "/v1/run/step", None, 200).await;
        desk.until("one moment more", |run| run["accepted"] == sought + step).await;
    }
    let faster = desk.json(Method::PUT, "/v1/run/speed", Some(json!({ "speed": "max" })), 200).await;
    assert_eq!(faster["run"]["state"], "paused");
    assert_eq!(desk.receiver.lines().len(), sought + 3, "it stands");
    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    desk.until("all has come", |run| run["state"] == "complete").await;
    assert_eq!(desk.receiver.lines(), recorded);

    // Two at once, the second one later, as games of their own.
    let entry = json!({ "recording": "game.rec" });
    let replay = json!({ "recordings": [entry], "fresh": true, "messages_per_second": 100_000 });
    desk.json(Method::POST, "/v1/run", Some(json!({ "replay": replay })), 202).await;
    desk.until("all has come again", |run| run["number"] == 2 && run["state"] == "complete").await;
    let lines = desk.receiver.lines();
    let event_id = |line: &String| serde_json::from_str::<Value>(line).unwrap()["event_id"].to_string();
    assert_eq!(lines.len(), 2 * recorded.len());
    let (first, second) = (event_id(&lines[0]), event_id(&lines[recorded.len()]));
    assert!(second.starts_with(first.trim_end_matches('"')) && second.len() > first.len(), "{second}");

    for (replay, detail, pointer) in [
        (json!({ "recordings": [] }), "1 to 100 recordings", "/replay/recordings"),
        (
            json!({ "recordings": [{ "recording": "../game.rec" }] }),
            "`../game.rec` is no name of a recording",
            "/replay/recordings/0/recording",
        ),
        (
            json!({ "recordings": [{ "recording": "night.rec" }] }),
            "cannot read night.rec",
            "/replay/recordings/0/recording",
        ),
        (
            json!({ "recordings": [{ "recording": "game.rec" }], "raw": true, "fresh": true }),
            "what is sent as it was has no ids of its own",
            "/replay/raw",
        ),
    ] {
        let refused = desk.json(Method::POST, "/v1/run", Some(json!({ "replay": replay })), 422).await;
        assert!(refused["detail"].as_str().unwrap().contains(detail), "{refused}");
        assert_eq!(refused["pointer"], pointer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_replay_of_a_unified_odds_feed_plays_an_event_as_it_was_recorded() {
    let (folder, recorded) = recorded();
    let desk = Desk::with(Some(folder.path())).await;
    let first: Value = serde_json::from_str(&recorded[0]).unwrap();
    let event = first["event_id"].as_str().unwrap();
    let answer = desk.xml(Method::PUT, &format!("/v1/replay/events/{event}")).await;
    assert!(answer.contains(&format!("{event} is in the playlist, as recorded in game.rec")), "{answer}");
    let made_up = desk.xml(Method::PUT, "/v1/replay/events/sr:match:5").await;
    assert!(made_up.contains("sr:match:5 is in the playlist<"), "{made_up}");
    desk.xml(Method::DELETE, "/v1/replay/events/sr:match:5").await;
    desk.xml(Method::POST, "/v1/replay/play?speed=10000&max_delay=1").await;
    desk.until("all was played", |run| run["state"] == "complete").await;
    let lines = desk.receiver.lines();
    assert!(lines.len() > 200, "{} messages", lines.len());
    assert!(lines.iter().all(|line| line.contains(event)), "no other event is played");
    // It ends as the recording does.
    let last = |of: &str| {
        let status = recorded.iter().rev().map(|line| serde_json::from_str::<Value>(line).unwrap());
        status.into_iter().find_map(|message| message["body"]["score"][of].as_u64()).unwrap()
    };
    let score = format!(r#"home_score="{}" away_score="{}""#, last("home"), last("away"));
    let ended = lines.iter().rfind(|line| line.contains("home_score=")).unwrap();
    assert!(ended.contains(&score), "{ended}, not {score}");
    let odds = |line: &&String| line.contains("<odds_change ");
    let priced = recorded.iter().filter(|line| line.contains("\"type\":\"odds_change\"")).count();
    assert!(lines.iter().filter(odds).count() >= priced, "every price is told");
    // Times are those of then.
    assert!(lines.iter().filter(odds).all(|line| line.contains(r#"timestamp="17672"#)), "{}", lines[5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_can_be_looked_at_and_another_one_started() {
    let desk = Desk::new().await;
    let games = json!({ "games": 2, "rate": 500, "seconds": 1, "sports": ["tennis"], "formats": "half" });
    let start = json!({ "games": games, "seed": 3, "speed": "max" });
    for number in 1..=2 {
        desk.json(Method::POST, "/v1/run", Some(start.clone()), 202).await;
        let over =
            desk.until("it is complete", |run| run["state"] == "complete" && run["number"] == number).await;
        assert_eq!(
            (&over["accepted"], &over["refused"], &over["end"]["lateness_ms"]),
            (&over["messages"], &json!(0), &Value::Null)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_for_ever_keeps_its_speed_and_never_plays_the_same_games() {
    let desk = Desk::new().await;
    let games = json!({ "games": 1, "rate": 300, "seconds": 1, "sports": ["tennis"] });
    let start = json!({ "games": games, "endless": true, "seed": 3 });
    desk.json(Method::POST, "/v1/run", Some(start), 202).await;
    let speed = json!({ "speed": 20 });
    let deadline = Instant::now() + DEADLINE;
    while desk.ask(Method::PUT, "/v1/run/speed", Some(speed.clone())).await.0 != 200 {
        assert!(Instant::now() < deadline, "its messages are made at some time");
    }
    let later = desk.until("some rounds are over", |run| {
        desk.receiver.lines().len() > 2_000 && run["state"] == "playing"
    });
    assert_eq!(later.await["speed"], 20.0, "of a later round, too");
    desk.json(Method::DELETE, "/v1/run", None, 202).await;
    desk.until("it has ended", |run| run["state"] == "stopped" || run["state"] == "complete").await;
    let lines = desk.receiver.lines();
    let ids: std::collections::HashSet<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message_id"].to_string())
        .collect();
    assert_eq!(ids.len(), lines.len(), "no message is said twice, however short a round is");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_what_is_wrong_where() {
    let desk = Desk::new().await;
    for (method, path, body, status, detail, pointer) in [
        (Method::POST, "/v1/run", json!({}), 422, "name what is to be played by one of", Value::Null),
        (
            Method::POST,
            "/v1/run",
            json!({ "scenario": "cup" }),
            422,
            "no scenario is called `cup`",
            json!("/scenario"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "toml": "seed = 1\nsede = 2" }),
            422,
            "2:1: unknown field `sede`",
            json!("/toml"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "scenario": "final", "speed": 0 }),
            422,
            "`0` is not a speed",
            json!("/speed"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "sceanrio": "final" }),
            422,
            "unknown field `sceanrio`",
            json!("/sceanrio"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "games": { "games": 0, "rate": 1, "seconds": 1 } }),
            422,
            "0 is outside 1 to 999",
            json!("/games/games"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "games": { "games": 1, "rate": 1, "seconds": 1, "sports": ["football", "curling"] } }),
            422,
            "unknown variant `curling`",
            json!("/games/sports/1"),
        ),
        (
            Method::POST,
            "/v1/run",
            json!({ "games": { "games": 1, "rate": 1, "seconds": 1, "sports": ["football", "football"] } }),
            422,
            "name each sport once",
            json!("/games/sports"),
        ),
        (Method::POST, "/v1/replay/stop?node=1", Value::Null, 422, "unknown field `node`", Value::Null),
        (
            Method::PUT,
            "/v1/run/rate",
            json!({ "messages_per_second": -1 }),
            422,
            "-1 messages a second: it must be more than 0",
            json!("/messages_per_second"),
        ),
        (
            Method::POST,
            "/v1/run/faults",
            json!({ "kind": "flood" }),
            422,
            "unknown variant `flood`",
            json!("/kind"),
        ),
        (Method::POST, "/v1/run/pause", Value::Null, 409, "nothing is being played", Value::Null),
        (Method::GET, "/v1/scenarios/cup", Value::Null, 404, "no scenario is called `cup`", Value::Null),
        (Method::GET, "/v1/games", Value::Null, 404, "there is nothing at /v1/games", Value::Null),
        (Method::GET, "/v1/run/pause", Value::Null, 405, "GET /openapi.json says what there is", Value::Null),
        (Method::PUT, "/v1/replay/events/final", Value::Null, 404, "", Value::Null),
        (
            Method::PUT,
            "/v1/replay/events/sr:match:final",
            Value::Null,
            422,
            "`sr:match:final` is no event that can be played",
            Value::Null,
        ),
        (
            Method::DELETE,
            "/v1/replay/events/sr:match:1",
            Value::Null,
            404,
            "`sr:match:1` is not in the playlist",
            Value::Null,
        ),
        (Method::POST, "/v1/replay/play", Value::Null, 422, "the playlist is empty", Value::Null),
        (
            Method::POST,
            "/v1/replay/scenario/play/99",
            Value::Null,
            404,
            "there are scenarios 1 to ",
            Value::Null,
        ),
    ] {
        let body = (!body.is_null()).then_some(body);
        let problem = desk.json(method.clone(), path, body, status).await;
        let found = problem["detail"].as_str().unwrap();
        assert!(found.contains(detail), "{method} {path}: {problem}");
        if pointer != json!("/kind") {
            assert_eq!(
                problem.get("pointer").cloned().unwrap_or_default(),
                pointer,
                "{method} {path}: {problem}"
            );
        }
    }
    let huge =
        desk.client.post(format!("{}/v1/run", desk.url)).body("x".repeat(2 << 20)).send().await.unwrap();
    assert_eq!(huge.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_replay_of_a_unified_odds_feed_is_driven_as_its_tools_drive_it() {
    let desk = Desk::new().await;
    assert_eq!(desk.xml(Method::GET, "/v1/replay/").await, "<replay_set_content></replay_set_content>");
    assert_eq!(desk.xml(Method::GET, "/v1/replay/status").await, r#"<player_status status="not_started"/>"#);
    desk.xml(Method::PUT, "/v1/replay/events/sr:match:123?start_time=5&node_id=1").await;
    desk.xml(Method::PUT, "/v1/replay/events/sr:match:124?sport=hockey").await;
    desk.xml(Method::DELETE, "/v1/replay/events/sr:match:123?node_id=1").await;
    desk.xml(Method::PUT, "/v1/replay/events/sr:match:123?start_time=100").await;
    let listed = desk.xml(Method::GET, "/v1/replay/").await;
    let expected = r#"<event id="sr:match:124" position="1" start_time="0"/><event id="sr:match:123" position="2" start_time="100"/>"#;
    assert_eq!(listed, format!("<replay_set_content>{expected}</replay_set_content>"));

    let play = "/v1/replay/play?speed=0.5&max_delay=100&run_parallel=true&use_replay_timestamp=true&node_id=7&product=1";
    desk.xml(Method::POST, play).await;
    desk.until("it plays", |run| run["accepted"].as_u64() > Some(5)).await;
    assert_eq!(desk.xml(Method::GET, "/v1/replay/status").await, r#"<player_status status="playing"/>"#);
    desk.xml(Method::POST, play).await;
    desk.until("it plays anew", |run| run["number"] == 2 && run["accepted"].as_u64() > Some(5)).await;
    desk.xml(Method::POST, "/v1/replay/reset?node_id=1").await;
    assert_eq!(desk.xml(Method::GET, "/v1/replay/status").await, r#"<player_status status="stopped"/>"#);
    assert_eq!(desk.xml(Method::GET, "/v1/replay").await, "<replay_set_content></replay_set_content>");
    let lines = desk.receiver.lines();
    assert!(lines.iter().any(|line| line.starts_with("<fixtures_fixture ")));
    assert!(lines.iter().any(|line| line.contains(r#"event_id="sr:match:123""#)));
    let abandoned = lines
        .iter()
        .filter(|line| line.contains(r#"match_status="90""#) || line.contains(r#"status="5""#))
        .count();
    assert_eq!(abandoned, 4, "both games were on, both times");

    let scenarios = desk.xml(Method::GET, "/v1/replay/scenario").await;
    assert!(scenarios.contains(r#"<replay_scenario id="4" name="final" "#), "{scenarios}");
    desk.xml(Method::POST, "/v1/replay/scenario/play/4?speed=10").await;
    desk.until("a scenario plays", |run| {
        run["state"] == "playing" && run["program"].as_str().unwrap().starts_with("A final")
    })
    .await;
    desk.xml(Method::POST, "/v1/replay/stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_document_names_every_path_and_every_path_is_there() {
    let desk = Desk::new().await;
    let document = desk.json(Method::GET, "/openapi.json", None, 200).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["schemas"]["Sport"]["enum"][0], "football");
    for (path, operations) in document["paths"].as_object().unwrap() {
        if path.ends_with("initiate_request") {
            continue;
        }
        let there = path.replace("{event_id}", "sr:match:1").replace("{id}", "99").replace("{name}", "final");
        for method in ["get", "put", "post", "delete", "patch"] {
            let (status, text) = desk.ask(method.to_uppercase().parse().unwrap(), &there, None).await;
            let described = &operations[method];
            match described.is_null() {
                true => assert_eq!(status, 405, "{method} {path}: {text}"),
                false => assert!(
                    !described["responses"][status.as_str()].is_null(),
                    "{method} {path}: {status} {text}"
                ),
            }
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_the_same() {
    let desk = Desk::new().await;
    let ctl = async |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_simulator"));
        command.args(["ctl", "--at", &desk.url]).args(args);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, _, error) = ctl(&["stop"]).await;
    assert_eq!(error, "error: nothing is being played\n");
    let (is_started, _, error) =
        ctl(&["start", "final", "--paused", "--fresh", "--seed", "8", "--speed", "2"]).await;
    assert!(is_started, "{error}");
    desk.until("it stands", |run| run["state"] == "paused" && run["seed"] == 8 && run["speed"] == 2.0).await;
    let (_, faults, _) = ctl(&["faults"]).await;
    assert!(faults.contains("\"faults\": []"), "{faults}");
    assert!(ctl(&["resume"]).await.0 && ctl(&["stop"]).await.0);
    desk.until("it has ended", |run| run["state"] == "stopped").await;
    let (is_started, _, error) =
        ctl(&["games", "--sport", "tennis", "--games", "1", "--formats", "xml", "--paused"]).await;
    assert!(is_started, "{error}");
    desk.until("games stand", |run| {
        run["state"] == "paused" && run["program"].as_str().unwrap().starts_with("1 games of tennis")
    })
    .await;
    let (_, answer, error) = ctl(&["uof", "add", "sr:match:77", "--sport", "hockey"]).await;
    assert!(answer.contains("sr:match:77 is in the playlist"), "{error}");
    assert!(ctl(&["uof", "play", "--speed", "0.5", "--run-parallel", "--node-id", "3"]).await.0);
    desk.until("the replay plays", |run| run["program"] == "a replay of 1 events").await;
    assert!(ctl(&["uof", "reset"]).await.1.contains("the playlist is empty"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two.toml");
    std::fs::write(
        &file,
        "description = \"d\"\nseed = 1\nseconds = 5\n[sports.hockey]\ngames = 1000\nrate = 5\n",
    )
    .unwrap();
    let file = file.display().to_string();
    let (_, _, error) = ctl(&["start", &file]).await;
    assert_eq!(error, format!("error: {file}:5:9: games: 1000 is outside 1 to 999\n"));
    let (_, _, error) = ctl(&["start", "cup"]).await;
    assert_eq!(error, "error: no scenario is called `cup` (at `/scenario`)\n");
}
