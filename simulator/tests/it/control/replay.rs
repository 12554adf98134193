//! Recordings, replayed by our own calls and by those of a Unified Odds Feed.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::recording::Header;
use simulator::{Format, Scenario};

use super::Desk;

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
        (
            json!({ "recordings": [{ "recording": "game.rec" }, { "recording": "game.rec", "offset_seconds": 5 }], "messages_per_second": 5 }),
            "at a rate recordings have no time of their own",
            "/replay/recordings/1/offset_seconds",
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
    let told = "sr:match:5 is in the playlist, as a made-up game of football: no recording has it<";
    assert!(made_up.contains(told), "{made_up}");
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
async fn whatever_a_recording_is_called_its_name_is_told_in_xml() {
    let (folder, recorded) = recorded();
    std::fs::rename(folder.path().join("game.rec"), folder.path().join("Home & <Away>.rec")).unwrap();
    let desk = Desk::with(Some(folder.path())).await;
    let first: Value = serde_json::from_str(&recorded[0]).unwrap();
    let event = first["event_id"].as_str().unwrap();
    let answer = desk.xml(Method::PUT, &format!("/v1/replay/events/{event}")).await;
    let name = "Home &amp; &lt;Away&gt;.rec";
    let expected = format!("<message>{event} is in the playlist, as recorded in {name}</message>");
    assert!(answer.contains(&expected), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_recorded_event_nothing_is_said_that_was_not_recorded_also_when_its_replay_is_stopped() {
    let (folder, recorded) = recorded();
    let desk = Desk::with(Some(folder.path())).await;
    let first: Value = serde_json::from_str(&recorded[0]).unwrap();
    let event = first["event_id"].as_str().unwrap();
    desk.xml(Method::PUT, &format!("/v1/replay/events/{event}")).await;
    desk.xml(Method::POST, "/v1/replay/play?speed=10&max_delay=100").await;
    let is_on = |line: &String| line.contains("home_score=");
    desk.until("it is on", |run| run["state"] == "playing" && desk.receiver.lines().iter().any(is_on)).await;
    desk.xml(Method::POST, "/v1/replay/stop").await;
    let ended = desk.until("it has ended", |run| run["state"] == "stopped").await;
    assert_eq!(ended["end"]["abandoned"], 0, "{ended}");
    let lines = desk.receiver.lines();
    assert_eq!(json!(lines.len()), ended["accepted"], "no last words");
    assert!(!lines.iter().any(|line| line.contains(r#"match_status="90""#) || line.contains("<bet_cancel ")));
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
    let names: Vec<&str> =
        scenarios.split(r#"" name=""#).skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert_eq!(names, ["many-providers", "unified-odds-feed"], "the others have nothing for such a tool");
    for (id, name) in (1..).zip(names) {
        let played = Scenario::load(name).unwrap().description;
        // As its tools say it.
        let how = "speed=10&max_delay=10000&use_replay_timestamp=true&product=1&node_id=7";
        desk.xml(Method::POST, &format!("/v1/replay/scenario/play/{id}?{how}")).await;
        let run = desk.until("a scenario plays", |run| run["state"] == "playing");
        assert_eq!(run.await["program"], played);
    }
    let (status, refused) = desk.ask(Method::POST, "/v1/replay/scenario/play/1?provider=other", None).await;
    assert_eq!(status, 422, "{refused}");
    assert!(refused.contains("unknown field `provider`"), "{refused}");
    desk.xml(Method::POST, "/v1/replay/stop").await;
}
