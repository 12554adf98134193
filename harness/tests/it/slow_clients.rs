//! Clients that do not read what they subscribed to, or show no sign of life.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Sport;
use harness::stack::Stack;
use serde_json::{Value, json};

use crate::support::contract::Contract;
use crate::support::event::{Event, PATIENCE, get, served};
use crate::support::metric::{metric, metric_is, metric_reaches, resident_bytes};
use crate::support::socket::Client;
use crate::support::stack_with;

/// How long clients that do not read are waited for here.
const WRITE_SECONDS: u64 = 10;
/// How many of them there are.
const SILENT: usize = 20;
/// What waits for all of them may take. Were it messages, 50 rounds of 100 KB would be 100 MB.
const GROWTH_BYTES_MAX: u64 = 50 << 20;
/// How long a round may take on a busy machine while others do not read.
const ROUND_MAX: Duration = Duration::from_secs(3);

/// Subscribes to an event, and knows its image.
async fn reader(stack: &Stack, contract: &Arc<Contract>, event: &Event, more: Value) -> Client {
    let mut client = Client::judged_by(stack, contract).await;
    let mut subscribe = json!({"type": "subscribe", "id": "a", "events": [event.id]});
    subscribe.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.say(&subscribe).await;
    client.reaches(event, 3).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_closed_and_others_feel_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("WRITE_SECONDS", WRITE_SECONDS), ("SLOW_MS", 100), ("SEND_BUFFER_BYTES", 64 << 10)];
    let stack = stack_with(&folder, &[Sport::Hockey], &settings).await;
    let contract = Arc::new(Contract::of(&stack).await);
    let mut event = Event::begin(&stack, "md:match:slow").await;
    served(&stack, &event).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        let mut client = Client::with_little_room(&stack, &contract).await;
        client.say(&json!({"type": "subscribe", "id": "a", "events": [event.id]})).await;
        silent.push(client);
    }
    let mut readers = [
        reader(&stack, &contract, &event, json!({})).await,
        reader(&stack, &contract, &event, json!({})).await,
        reader(&stack, &contract, &event, json!({"markets": [18]})).await,
    ];

    // Each round is more than the kernel keeps for a client. The first ones fill what any feed fills.
    let (mut slowest, mut before) = (Duration::ZERO, 0);
    for round in 0..60 {
        if round == 10 {
            before = resident_bytes(&stack);
            // They have news of the event that they do not take.
            metric_reaches(&stack, "matchday_distribution_queue", 1.0).await;
        }
        event.tell_much(1_500 + round).await;
        let told = Instant::now();
        for reader in &mut readers {
            let frame = reader.reaches(&event, event.sequence).await;
            let step = (frame["from"].as_u64().unwrap(), frame["to"].as_u64().unwrap());
            assert_eq!(step, (event.sequence - 1, event.sequence), "nothing is merged for those who read");
        }
        slowest = slowest.max(told.elapsed());
    }
    let grown = resident_bytes(&stack).saturating_sub(before);
    println!("slowest round of three readers {slowest:?}, grown by {} KiB", grown >> 10);
    assert!(slowest < ROUND_MAX, "{slowest:?}: readers waited for those who do not read");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");

    let closed = r#"matchday_distribution_closed_total{reason="the client does not read"}"#;
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    metric_reaches(&stack, closed, SILENT as f64).await;
    metric_is(&stack, "matchday_distribution_sessions_behind", 0.0).await;
    for client in &mut silent[..2] {
        let (code, reason) = client.closed().await.unwrap();
        assert_eq!(code, 4008);
        assert!(reason["reconnect_after_ms"].is_u64(), "{reason}");
    }
    // Later, for they are hung up on soon after they were told.
    metric_is(&stack, "matchday_distribution_queue", 0.0).await;
    metric_is(&stack, r#"matchday_distribution_lag{sport="hockey",partition="0"}"#, 0.0).await;
    event.tell_odds(1_700).await;
    readers[0].reaches(&event, event.sequence).await;
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_again_in_time_is_told_what_was_merged_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let stack =
        stack_with(&folder, &[Sport::Hockey], &[("SLOW_MS", 50), ("SEND_BUFFER_BYTES", 16 << 10)]).await;
    let contract = Arc::new(Contract::of(&stack).await);
    let mut event = Event::begin(&stack, "md:match:pausing").await;
    served(&stack, &event).await.unwrap();
    let mut pausing = Client::with_little_room(&stack, &contract).await;
    pausing.say(&json!({"type": "subscribe", "id": "a", "events": [event.id]})).await;
    pausing.reaches(&event, 3).await;
    let mut reader = reader(&stack, &contract, &event, json!({})).await;

    event.tell_much(1_500).await;
    metric_is(&stack, "matchday_distribution_sessions_behind", 1.0).await;
    for odds in 1_501..=1_510 {
        event.tell_odds(odds).await;
    }
    reader.reaches(&event, event.sequence).await;
    let listed: Value = get(&stack, "/sessions").await.json().await.unwrap();
    assert_eq!(listed["open"], 2, "{listed}");
    let [slow, prompt] = listed["sessions"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    let state = |of: &Value| (of["behind"].clone(), of["queue"].clone(), of["subscriptions"].clone());
    assert_eq!(state(slow), (json!(true), json!(1), json!(1)), "ten updates of one event wait: {listed}");
    assert_eq!(state(prompt), (json!(false), json!(0), json!(1)), "{listed}");
    assert!(slow["frames"].as_u64() < prompt["frames"].as_u64(), "{listed}");

    let first = pausing.reaches(&event, 4).await;
    assert_eq!((&first["from"], &first["to"]), (&json!(3), &json!(4)), "it was on its way");
    let began = pausing.frame().await;
    assert_eq!(
        (&began["type"], &began["subject"], &began["state"]),
        (&json!("status"), &json!("conflation"), &json!("began"))
    );
    assert_eq!(began["reason"], "slow_client");
    let merged = pausing.frame().await;
    assert_eq!((&merged["from"], &merged["to"]), (&json!(4), &json!(14)), "ten updates in one");
    let ended = pausing.frame().await;
    assert_eq!(
        (&ended["state"], &ended["merged"], &ended["since"]),
        (&json!("ended"), &json!(9), &began["since"])
    );
    metric_is(&stack, "matchday_distribution_sessions_behind", 0.0).await;
    stack.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shows_no_sign_of_life_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack_with(&folder, &[Sport::Hockey], &[("IDLE_SECONDS", 2)]).await;
    let contract = Arc::new(Contract::of(&stack).await);
    let mut dead = Client::judged_by(&stack, &contract).await;
    let mut idle = Client::judged_by(&stack, &contract).await;
    idle.say(&json!({"type": "subscribe", "id": "a", "sport": "hockey", "heartbeat_ms": 500})).await;
    // One reads and so answers pings, the other does neither.
    let start = Instant::now();
    while metric(&stack, r#"matchday_distribution_closed_total{reason="idle"}"#).await.unwrap() < Some(1.0) {
        assert!(start.elapsed() < PATIENCE);
        idle.next().await.unwrap().expect("it answers");
    }
    for _ in 0..6 {
        idle.next().await.unwrap().expect("it goes on answering");
    }
    assert_eq!(dead.closed().await.unwrap().0, 4408);
    stack.down().await.unwrap();
}
