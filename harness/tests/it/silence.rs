//! A processor that dies leaves no market open at a client, and one that comes back opens them again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::Sport;
use harness::stack::{DISTRIBUTION, Stack, pipeline, processors_name};
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::support::event::{Event, PATIENCE, get, served};
use crate::support::socket::Client;
use crate::support::{guest, read_topic, until};

/// After this a partition counts as silent, in milliseconds.
const SILENCE_MS: u64 = 2_500;

async fn stack(folder: &tempfile::TempDir) -> Stack {
    let mut services = pipeline(&[Sport::Hockey]);
    let distribution = services.iter_mut().find(|service| service.name == DISTRIBUTION).unwrap();
    distribution.env.push(("MATCHDAY_PARTITION_SILENCE_MS".to_owned(), SILENCE_MS.to_string()));
    guest(folder.path().join("stacks"), "silence", services).await
}

/// The next frame of the event that names its winner market.
async fn told(client: &mut Client) -> (Value, Value) {
    loop {
        let frame = client.frame().await;
        let changes = frame["changes"].as_array().cloned().unwrap_or_default();
        if let Some(change) = changes.into_iter().find(|change| change["key"] == "market:406") {
            return (frame, change["value"].clone());
        }
    }
}

/// Waits until sockets are served this version, too: REST may be ahead of them, and who lets changes be merged would wait long
/// for what his image lacks.
async fn told_on_sockets(stack: &Stack, event: &Event, version: u64) {
    let mut client = Client::connect(stack).await;
    client.say(&json!({"type": "subscribe", "id": "any", "events": [event.id]})).await;
    client.reaches(event, version).await;
}

/// What REST says of the market, with the document's tag.
async fn shown(stack: &Stack, event: &Event) -> (Value, String) {
    let answer = get(stack, &format!("/v1/events/{}", event.id)).await;
    let tag = answer.headers()[ETAG].to_str().unwrap().to_owned();
    let document: Value = answer.json().await.unwrap();
    (document["markets"][0].clone(), tag)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_is_killed_leaves_no_market_open_and_one_that_comes_opens_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack(&folder).await;
    let mut event = Event::begin(&stack, "md:match:silent").await;
    served(&stack, &event).await.unwrap();
    told_on_sockets(&stack, &event, 3).await;
    let mut client = Client::connect(&stack).await;
    let events = [event.id.clone()];
    let subscribe =
        |id: &str| json!({"type": "subscribe", "id": id, "events": events, "conflate_ms": 60_000});
    client.say(&subscribe("a")).await;
    assert_eq!(client.frame().await["type"], "subscribed");
    let (image, market) = told(&mut client).await;
    assert_eq!(
        (&market["status"], &image["to"], &image["silent"]),
        (&json!("active"), &json!(3), &Value::Null)
    );
    let (_, tag) = shown(&stack, &event).await;

    let name = processors_name(Sport::Hockey);
    stack.process(&name).unwrap().kill().unwrap();
    let killed = Instant::now();
    let (frame, market) = told(&mut client).await;
    println!("shut at the client {} ms after the processor was killed", killed.elapsed().as_millis());
    assert!(killed.elapsed() < Duration::from_millis(SILENCE_MS) + PATIENCE);
    assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("processor_silent")));
    assert_eq!((&frame["from"], &frame["to"], &frame["silent"]), (&json!(3), &json!(3), &json!(true)));
    assert_eq!(frame["cause"], "processor_silent");

    // By REST, too, whoever asks, and for who has what was shown before.
    let (market, silent_tag) = shown(&stack, &event).await;
    assert_eq!((&market["status"], &market["suspension"]), (&json!("suspended"), &json!("processor_silent")));
    assert_ne!(silent_tag, tag);
    let url = format!("{}/v1/events/{}", stack.rest_url().unwrap(), event.id);
    let answer = reqwest::Client::new().get(url).header(IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let markets: Value =
        get(&stack, &format!("/v1/events/{}/markets?status=active", event.id)).await.json().await.unwrap();
    assert_eq!(markets["markets"], json!([]));
    let live: Value = get(&stack, "/matches/live").await.json().await.unwrap();
    let one = live["matches"].as_array().unwrap().iter().find(|one| one["event_id"] == event.id).unwrap();
    assert_eq!(one["main_market"]["status"], "suspended");

    // Who comes while it lasts, to a server that has just begun.
    stack.process(DISTRIBUTION).unwrap().kill().unwrap();
    stack.restart(DISTRIBUTION).await.unwrap();
    let mut late = Client::connect(&stack).await;
    late.say(&subscribe("b")).await;
    let (frame, market) = told(&mut late).await;
    assert_eq!((&market["status"], &frame["silent"]), (&json!("suspended"), &json!(true)));

    // What came in meanwhile has been read before anything is shown as open.
    event.tell("bet_stop", json!({"groups": "all"})).await;
    stack.restart(&name).await.unwrap();
    loop {
        let (frame, market) = told(&mut late).await;
        assert_eq!(market["status"], "suspended", "{frame}");
        if market["suspension"] == "bet_stop" {
            assert_eq!(frame["to"], 4);
            break;
        }
    }
    event.tell_odds(1_900).await;
    until("REST to show it open", PATIENCE, async || Ok(shown(&stack, &event).await.0["status"] == "active"))
        .await
        .unwrap();

    told_on_sockets(&stack, &event, 5).await;

    // One that is over before anything has changed is told without a new version, and waits for no conflation.
    let mut last = Client::connect(&stack).await;
    last.say(&subscribe("c")).await;
    assert_eq!(told(&mut last).await.1["status"], "active");
    stack.process(&name).unwrap().kill().unwrap();
    assert_eq!(told(&mut last).await.1["suspension"], "processor_silent");
    stack.restart(&name).await.unwrap();
    let (frame, market) = told(&mut last).await;
    assert_eq!((&market["status"], &market["suspension"]), (&json!("active"), &Value::Null));
    assert_eq!((&frame["from"], &frame["to"], &frame["silent"]), (&json!(5), &json!(5), &Value::Null));
    assert_eq!(frame["cause"], "processor_heard");
    stack.down().await.unwrap();
}

/// After this the database ends a connection that says nothing.
const IDLE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_with_nothing_to_do_loses_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack(&folder).await;
    let mut event = Event::begin(&stack, "md:match:idle").await;
    served(&stack, &event).await.unwrap();
    tokio::time::sleep(IDLE + Duration::from_secs(2)).await;
    event.tell_odds(1_900).await;
    served(&stack, &event).await.unwrap();
    let log = stack.process(&processors_name(Sport::Hockey)).unwrap().log();
    assert!(!log.contains("while testing the connection"), "{log}");
    stack.down().await.unwrap();
}

/// For how long everything goes on, by hand: `cargo test -p harness --test it -- --ignored --nocapture heartbeats_are_apart`.
const MEASURED: Duration = Duration::from_secs(60);
/// Threads that do nothing but run, for each processor of the machine.
const BUSY_PER_CORE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of a minute, for a person to read"]
async fn how_far_heartbeats_are_apart_on_a_busy_machine() {
    let folder = tempfile::tempdir().unwrap();
    let stack = guest(folder.path().join("stacks"), "busy", pipeline(&[Sport::Hockey])).await;
    let mut event = Event::begin(&stack, "md:match:busy").await;
    served(&stack, &event).await.unwrap();
    let end = Instant::now() + MEASURED;
    let cores = std::thread::available_parallelism().unwrap().get();
    let began_ms = crate::producers::now_micros() / 1_000;
    let busy = (0..cores * BUSY_PER_CORE).map(|_| {
        std::thread::spawn(move || {
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        })
    });
    let busy: Vec<_> = busy.collect();
    let mut told = 0;
    while Instant::now() < end {
        event.tell_odds(1_500 + told % 500).await;
        told += 1;
    }
    busy.into_iter().for_each(|thread| thread.join().unwrap());
    let mut beats: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for batch in read_topic(&stack.kafka(), &stack.topics().updates(Sport::Hockey)).await {
        let of_none = batch.iter().filter(|record| record.key().is_none());
        of_none.for_each(|beat| beats.entry(beat.partition()).or_default().extend(beat.appended_at_ms()));
    }
    for (partition, beats) in beats {
        let measured: Vec<i64> = beats.into_iter().filter(|at| i128::from(*at) >= began_ms as i128).collect();
        let mut apart: Vec<i64> = measured.windows(2).map(|pair| pair[1] - pair[0]).collect();
        apart.sort_unstable();
        println!(
            "partition {partition}: {} heartbeats, the furthest {:?} ms apart",
            measured.len(),
            apart.iter().rev().take(3).collect::<Vec<_>>()
        );
    }
    println!("{told} messages, {} busy threads on {cores} cores", cores * BUSY_PER_CORE);
    stack.down().await.unwrap();
}
