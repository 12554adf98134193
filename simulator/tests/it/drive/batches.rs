//! What goes out: every message once, in order, in batches of its format, with its times.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Name;
use serde_json::Value;
use simulator::drive::{Order, Wish};
use simulator::pacer::{BatchLimits, Speed};
use simulator::{DriveOptions, Format, Schedule, ScheduleBuilder, drive};

use super::{Receiver, accept, options, run, schedule};

/// Messages of which those of every second event are XML.
fn in_both_formats(messages: usize, events: usize) -> Arc<Schedule> {
    let mut builder = ScheduleBuilder::default();
    for index in 0..messages {
        let event = index % events;
        let (format, line) = if event.is_multiple_of(2) {
            (
                Format::Json,
                format!(r#"{{"event_id":"md:match:{event}","number":{index},"generated_at":1000}}"#),
            )
        } else {
            (
                Format::Xml,
                format!(r#"<alive event_id="md:match:{event}" number="{index}" generated_at="1000"/>"#),
            )
        };
        builder.push(&Name::new("md").unwrap(), format, 0, line.as_bytes()).unwrap();
    }
    Arc::new(builder.build())
}

/// The number that follows `key` in a line of either format.
fn value(line: &str, key: &str) -> u64 {
    let rest = line.split_once(key).unwrap().1.trim_start_matches(['"', ':', '=']);
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..digits].parse().unwrap()
}

#[tokio::test]
async fn every_message_arrives_once_and_an_events_messages_in_order() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let report = run(&receiver, schedule(5_000, 7, 0), |options| options.batch.messages_max = 64).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.sent, report.sent_again, report.lateness_micros.len()), (5_000, 0, 0));

    let mut per_event: HashMap<String, Vec<u64>> = HashMap::new();
    for line in receiver.lines() {
        let value: Value = serde_json::from_str(&line).unwrap();
        per_event.entry(value["event_id"].to_string()).or_default().push(value["number"].as_u64().unwrap());
    }
    assert_eq!(per_event.values().map(Vec::len).sum::<usize>(), 5_000);
    assert!(per_event.values().all(|numbers| numbers.is_sorted()));
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.lines.len() <= 64));
    assert!(requests.iter().all(|request| request.content_type == "application/x-ndjson"));
    assert!(requests.iter().all(|request| request.provider == "md"));
}

#[tokio::test]
async fn each_format_goes_in_batches_of_its_own_and_every_event_in_order() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let report = run(&receiver, in_both_formats(3_000, 9), |options| options.batch.messages_max = 64).await;
    assert!(report.is_complete(), "{report:?}");
    let requests = receiver.requests();
    for request in &requests {
        let (content_type, start) = match request.lines[0].starts_with('<') {
            true => ("application/xml", "<alive "),
            false => ("application/x-ndjson", "{"),
        };
        assert_eq!(request.content_type, content_type);
        assert!(request.lines.len() <= 64 && request.lines.iter().all(|line| line.starts_with(start)));
        assert_eq!(request.authorization, None);
    }
    let mut per_event: HashMap<u64, Vec<u64>> = HashMap::new();
    for line in receiver.lines() {
        assert!(value(&line, "generated_at") >= report.timeline.started_at.0 as u64, "{line}");
        per_event.entry(value(&line, "md:match:")).or_default().push(value(&line, "number"));
    }
    assert_eq!((per_event.len(), per_event.values().map(Vec::len).sum::<usize>()), (9, 3_000));
    assert!(per_event.values().all(|numbers| numbers.is_sorted()));
}

#[tokio::test]
async fn a_token_is_shown_with_every_request_and_told_to_nobody_else() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    run(&receiver, schedule(4, 4, 0), |options| options.token = Some("s3cret".parse().unwrap())).await;
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.authorization.as_deref() == Some("Bearer s3cret")));
    assert!(!requests.is_empty());
    let options = DriveOptions { token: Some("s3cret".parse().unwrap()), ..options("http://127.0.0.1:1") };
    assert!(!format!("{options:?}").contains("s3cret"));
}

#[tokio::test]
async fn times_become_those_of_the_schedule_unless_raw() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let paced = schedule(3, 1, 20_000_000);
    let report = run(&receiver, Arc::clone(&paced), |options| options.speed = Speed::Factor(2.0)).await;
    assert_eq!(report.lateness_micros.len(), 3);
    for (index, line) in receiver.lines().iter().enumerate() {
        let value: Value = serde_json::from_str(line).unwrap();
        let due = report.timeline.started_at.0 + 10_000 * index as i64;
        assert_eq!(
            (value["generated_at"].as_i64(), value["occurred_at"].as_i64()),
            (Some(due), Some(due - 100))
        );
    }

    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    run(&receiver, Arc::clone(&paced), |options| options.raw = true).await;
    let sent: Vec<String> = receiver.lines();
    let written: Vec<String> =
        (0..3).map(|index| String::from_utf8(paced.message(index).to_vec()).unwrap()).collect();
    assert_eq!(sent, written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_sink_takes_everything_and_nothing_goes_out() {
    let options = DriveOptions { sink: simulator::Sink::Null, ..options("http://127.0.0.1:9") };
    let report = drive(in_both_formats(1_000, 8), &options, |_| {}).await.unwrap();
    assert!(report.is_complete() && report.unanswered == 0);
    assert!(report.bytes > 50_000, "{} bytes were made", report.bytes);
}

#[tokio::test]
async fn what_was_held_up_keeps_to_the_limits_of_a_request_too() {
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let held_up = async |batch: BatchLimits| {
        let receiver = Receiver::new(|_, lines| Some(accept(lines)));
        let mut builder = ScheduleBuilder::default();
        for sequence in 1..=12 {
            let message = golden.replace("\"sequence\":60", &format!("\"sequence\":{sequence}"));
            builder.push(&Name::new("md").unwrap(), Format::Json, 0, message.as_bytes()).unwrap();
        }
        let report = run(&receiver, Arc::new(builder.build()), |options| {
            options.batch = batch;
            let late = Wish::Late(std::time::Duration::from_millis(50));
            options.inject.ask(Order { wish: late, event_id: None }).unwrap();
        })
        .await;
        assert!(report.is_complete(), "{report:?}");
        let sequence = |line: String| serde_json::from_str::<Value>(&line).unwrap()["sequence"].as_u64();
        assert!(receiver.lines().into_iter().filter_map(sequence).eq(1..=12), "in order");
        receiver.requests().iter().map(|request| request.lines.len()).collect::<Vec<usize>>()
    };
    let bytes_max = 1 << 20;
    assert_eq!(held_up(BatchLimits { messages_max: 5, bytes_max }).await, [5, 5, 2]);
    let bytes_max = golden.len() * 4 + 100;
    assert_eq!(held_up(BatchLimits { messages_max: 500, bytes_max }).await, [4, 4, 4]);
}
