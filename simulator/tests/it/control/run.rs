//! A run that is started, steered, looked at and ended.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{DEADLINE, Desk, GAMES};

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
    // What is to be played is not even looked at.
    desk.json(Method::POST, "/v1/run", Some(json!({ "scenario": "cup" })), 409).await;

    let paused = desk.until("it stands", |run| run["state"] == "paused").await;
    assert_eq!(
        (&paused["seed"], &paused["messages"], &paused["sent"]),
        (&json!(5), &json!(120_000), &json!(0))
    );
    desk.json(Method::POST, "/v1/run/step", None, 200).await;
    desk.until("one message has been taken", |run| run["accepted"] == 1).await;
    assert_eq!(desk.receiver.lines().len(), 1);

    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    desk.until("it plays", |run| run["state"] == "playing" && run["accepted"].as_u64() > Some(50)).await;
    let faster =
        desk.json(Method::PUT, "/v1/run/rate", Some(json!({ "messages_per_second": 1000 })), 200).await;
    let speed = faster["run"]["speed"].as_f64().unwrap();
    assert!((9.9..10.1).contains(&speed), "{faster}");
    let slower = desk.json(Method::PUT, "/v1/run/speed", Some(json!({ "speed": 2 })), 200).await;
    assert!((198.0..202.0).contains(&slower["run"]["rate"].as_f64().unwrap()), "{slower}");
    let burst = json!({ "kind": "burst", "times": 5, "seconds": 4 });
    let faster = desk.json(Method::POST, "/v1/run/faults", Some(burst), 202).await;
    assert_eq!(faster["run"]["speed"], 10.0);
    let burst = json!({ "kind": "burst", "times": 2, "seconds": 4 });
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
    let few = GAMES.replace("seconds = 1200", "seconds = 60");
    let refused = json!({ "toml": few.replace("[sports", "faults.gap = 9\n[sports"), "paused": true });
    desk.json(Method::DELETE, "/v1/run", None, 202).await;
    desk.until("it has ended", |run| run["state"] == "stopped").await;
    let refused = desk.json(Method::POST, "/v1/run", Some(refused), 422).await;
    let why = refused["detail"].as_str().unwrap();
    assert!(why.contains("it cannot be played: 4:14: 4 of 9 faults `gap` found room"), "{why}");
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
async fn what_goes_wrong_in_a_later_round_is_planned_for_the_speed_that_was_set() {
    let desk = Desk::new().await;
    let toml = format!("{}[faults]\nduplicate = 1\n", GAMES.replace("seconds = 1200", "seconds = 60"));
    desk.json(Method::POST, "/v1/run", Some(json!({ "toml": toml, "endless": true })), 202).await;
    desk.until("it plays", |run| run["state"] == "playing").await;
    assert_eq!(desk.json(Method::GET, "/v1/run/faults", None, 200).await["speed"], 1.0);
    desk.json(Method::PUT, "/v1/run/speed", Some(json!({ "speed": 50 })), 200).await;
    desk.until("a later round plays", |run| run["seed"] != 5 && run["state"] == "playing").await;
    assert_eq!(desk.json(Method::GET, "/v1/run/faults", None, 200).await["speed"], 50.0);
    desk.json(Method::DELETE, "/v1/run", None, 202).await;
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
async fn top_speed_can_be_left_while_it_stands() {
    let desk = Desk::new().await;
    let start = json!({ "toml": GAMES, "paused": true, "speed": "max" });
    desk.json(Method::POST, "/v1/run", Some(start), 202).await;
    desk.until("it stands", |run| run["state"] == "paused").await;
    let slower = desk.json(Method::PUT, "/v1/run/speed", Some(json!({ "speed": 2 })), 200).await;
    assert_eq!(slower["run"]["speed"], 2.0);
    let rate = slower["run"]["rate"].as_f64().unwrap();
    let fastest = desk.json(Method::PUT, "/v1/run/speed", Some(json!({ "speed": "max" })), 200).await;
    assert_eq!((&fastest["run"]["speed"], &fastest["run"]["rate"]), (&Value::Null, &Value::Null));
    let asked = Some(json!({ "messages_per_second": rate / 2.0 }));
    let slow = desk.json(Method::PUT, "/v1/run/rate", asked, 200).await;
    assert!((slow["run"]["speed"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{slow}");
    assert_eq!(slow["run"]["sent"], 0, "nothing goes meanwhile");
}
