//! What goes wrong because it is asked for.

use reqwest::Method;
use serde_json::{Value, json};

use simulator::drive::inject::ORDERS_MAX;
use simulator::run_ledger::RunLedger;

use super::{Desk, GAMES};

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
    let ledger = desk.json(Method::GET, "/v1/run/ledger", None, 200).await;
    let RunLedger { faults, deliveries, .. } = serde_json::from_value(ledger).unwrap();
    let unexpected = faults.unexpected(&deliveries.unwrap());
    assert!(unexpected.iter().all(|it| it.status == 0), "the schedule's messages were taken: {unexpected:?}");
    let answers: Vec<_> = faults.faults.iter().filter_map(|fault| fault.answer).collect();
    assert_eq!(answers, [202; 3], "of two copies that went wrong, and one that did not");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planned_and_what_is_asked_for_is_told_by_the_same_clock() {
    let desk = Desk::new().await;
    let toml = format!("{GAMES}[faults]\nsilence = 1\nsilence_seconds = 5\n");
    desk.json(Method::POST, "/v1/run", Some(json!({ "toml": toml, "paused": true, "speed": 20 })), 202).await;
    desk.until("it stands", |run| run["state"] == "paused").await;
    let silence = json!({ "kind": "silence", "provider": "md", "seconds": 5 });
    desk.json(Method::POST, "/v1/run/faults", Some(silence), 202).await;
    let faults = desk.json(Method::GET, "/v1/run/faults", None, 200).await;
    let (planned, asked) = (&faults["faults"][0]["for_ns"], &faults["injected"][0]["for_ns"]);
    assert_eq!((planned, asked), (&json!(5_000_000_000_u64), &json!(5_000_000_000_u64)), "{faults}");
    assert_eq!(faults["speed"], 20.0, "of the schedule it takes so many times as long");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_cannot_be_written_down_does_not_happen() {
    let desk = Desk::new().await;
    desk.json(Method::POST, "/v1/run", Some(json!({ "toml": GAMES, "paused": true })), 202).await;
    desk.until("it stands", |run| run["state"] == "paused").await;
    let silence = |seconds: u32| Some(json!({ "kind": "silence", "provider": "md", "seconds": seconds }));
    for _ in 0..ORDERS_MAX {
        desk.json(Method::POST, "/v1/run/faults", silence(1), 202).await;
    }
    let refused = desk.json(Method::POST, "/v1/run/faults", silence(3_600), 409).await;
    assert_eq!(refused["detail"], "as many faults as can be were asked for");
    desk.json(Method::POST, "/v1/run/resume", None, 200).await;
    desk.until("its provider speaks", |run| run["accepted"].as_u64() > Some(5)).await;
    let faults = desk.json(Method::GET, "/v1/run/faults", None, 200).await;
    assert_eq!(faults["injected"].as_array().unwrap().len(), ORDERS_MAX);
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
    let toml = GAMES.replace("games = 4", "games = 9").replace("seconds = 1200", "seconds = 600");
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
    let RunLedger { faults, deliveries, .. } = serde_json::from_value(ledger).unwrap();
    let unexpected = faults.unexpected(&deliveries.unwrap());
    assert!(unexpected.is_empty(), "what a gap keeps back is not sent: {unexpected:?}");
}
