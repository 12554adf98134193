//! Drives of a Unified Odds Feed: each message by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use domain::{EventId, Name};
use serde_json::json;
use simulator::pacer::Speed;
use simulator::recording::{Header, Reader};
use simulator::recovery::{RecoveryRequest, desk};
use simulator::{DriveOptions, Format, ScheduleBuilder, drive, drive_and_answer};
use tokio::time::Instant;

use super::{Receiver, accept, options, run};

/// What is between these, where it is there.
fn between<'a>(line: &'a str, before: &str, behind: char) -> Option<&'a str> {
    line.split_once(before)?.1.split(behind).next()
}

/// The times of the messages about an event, by what each of them stops.
fn times(lines: &[String], event: &str) -> BTreeMap<u64, i64> {
    let of_event = lines.iter().filter(|line| line.contains(event));
    let time = |line: &String| {
        let number = between(line, "groups=\"g", '"')?.parse().ok()?;
        Some((number, between(line, "timestamp=\"", '"')?.parse().ok()?))
    };
    of_event.filter_map(time).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_moment_each_message_of_an_event_has_a_time_of_its_own_also_repeated_and_recorded() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let (mut builder, provider) = (ScheduleBuilder::default(), Name::new("uof").unwrap());
    for number in 0..41 {
        let event = format!("md:match:{}", number % 2);
        let line = format!(
            r#"hi.-.live.bet_stop.4.md:match.{}.- <bet_stop product="1" event_id="{event}" timestamp="5" groups="g{number}"/>"#,
            number % 2
        );
        // The last one is due only once the others have been asked for.
        let offset_ns = if number == 40 { 2_000_000_000 } else { 0 };
        builder.push(&provider, Format::Uof, offset_ns, line.as_bytes()).unwrap();
    }
    let schedule = Arc::new(builder.build());
    let options = DriveOptions { speed: Speed::Factor(1.0), ..options(&target) };
    let (asking, mut inbox) = desk();
    let going = tokio::spawn({
        let schedule = Arc::clone(&schedule);
        async move { drive_and_answer(schedule, &options, &mut inbox, |_| {}).await.unwrap() }
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    while receiver.lines().len() < 40 {
        assert!(Instant::now() < deadline, "all that is due at once is sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let event_id = Some(EventId::new("md:match:1").unwrap());
    let producer = Name::new("1").unwrap();
    asking.ask(RecoveryRequest { producer, event_id, after: None, request_id: 77 }).unwrap();
    let report = going.await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    let (again, sent): (Vec<String>, Vec<String>) =
        receiver.lines().into_iter().partition(|line| line.contains("request_id="));
    for event in ["md:match:0", "md:match:1"] {
        let times = times(&sent, event);
        assert!(times.len() >= 20 && times.values().is_sorted_by(|one, next| one < next), "{times:?}");
    }
    assert_eq!(times(&again, "md:match:1"), times(&sent, "md:match:1"), "the same messages again");
    let mut recording = std::io::Cursor::new(Vec::new());
    let header = Header::new(provider, Format::Uof, "a test", None);
    report.record_feed(&schedule, header, &mut recording).unwrap();
    let recorded = Reader::new(&recording.get_ref()[..]).unwrap();
    let recorded: Vec<String> =
        recorded.map(|message| String::from_utf8(message.unwrap().bytes).unwrap()).collect();
    for event in ["md:match:0", "md:match:1"] {
        assert_eq!(times(&recorded, event), times(&sent, event), "and as it was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unified_odds_feed_goes_out_message_by_message_with_its_routing_keys() {
    let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let app = {
        let seen = Arc::clone(&seen);
        Router::new().route(
            "/feeds/{provider}",
            post(async move |headers: HeaderMap, body: String| {
                let mut seen = seen.lock().unwrap();
                let key = headers["routing-key"].to_str().unwrap().to_owned();
                // The third is refused, the fifth is wanted once more.
                let status = match seen.len() {
                    2 => StatusCode::UNPROCESSABLE_ENTITY,
                    4 => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::ACCEPTED,
                };
                seen.push((key, body));
                (
                    status,
                    r#"{"accepted":1}"#
                        .replace("{\"accepted\":1}", if status == 202 { "{\"accepted\":1}" } else { "{}" }),
                )
            }),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut builder = ScheduleBuilder::default();
    let provider = Name::new("uof").unwrap();
    for number in 0..40 {
        let line = format!(
            r#"hi.-.live.bet_stop.4.md:match.{0}.- <bet_stop product="1" event_id="md:match:{0}" timestamp="{number}" groups="all"/>"#,
            number % 2
        );
        builder.push(&provider, Format::Uof, 0, line.as_bytes()).unwrap();
    }
    let report = drive(Arc::new(builder.build()), &options(&target), |_| {}).await.unwrap();
    assert_eq!(
        (report.accepted, report.refused, report.sent_again),
        (39, 1, 1),
        "{:?}",
        report.refused_first
    );
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 41);
    for (key, body) in seen.iter() {
        let number = key.split('.').nth(6).unwrap();
        assert!(
            body.starts_with(&format!(
                "<bet_stop product=\"1\" event_id=\"md:match:{number}\" timestamp=\"1"
            ))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unified_odds_feed_that_is_read_as_something_else_is_given_up_with_the_reason() {
    let malformed = "urn:matchday:problem:malformed";
    let answer = json!({ "type": malformed, "status": 400, "detail": "whatever it says" }).to_string();
    let receiver = Receiver::new(move |_, _| Some((StatusCode::BAD_REQUEST, answer.clone()).into_response()));
    let mut builder = ScheduleBuilder::default();
    let line = |number: u64| {
        format!(
            r#"hi.-.live.bet_stop.4.md:match.{number}.- <bet_stop product="1" event_id="md:match:{number}" timestamp="1767225600000" groups="all"/>"#
        )
    };
    for number in 1..=40 {
        let offset_ns = number * 1_000_000_000;
        builder.push(&Name::new("uof").unwrap(), Format::Uof, offset_ns, line(number).as_bytes()).unwrap();
    }
    let report = run(&receiver, Arc::new(builder.build()), |options| {
        (options.lanes, options.speed) = (1, Speed::Factor(10.0));
    })
    .await;
    let why = report.gave_up.unwrap();
    assert!(why.contains("`uof` is not configured") && why.contains(r#"format = "uof""#), "{why}");
    assert!(report.sent < 40 && report.undelivered > 0, "{} were sent", report.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_unified_odds_feed_each_message_is_stamped_as_it_goes_and_few_go_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let app = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        Router::new().route(
            "/feeds/{provider}",
            post(async move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                accept(1)
            }),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut builder = ScheduleBuilder::default();
    for number in 0..200 {
        let line = format!(
            r#"hi.-.live.bet_stop.4.md:match.{0}.- <bet_stop product="1" event_id="md:match:{0}" timestamp="{number}" groups="all"/>"#,
            number % 8
        );
        builder.push(&Name::new("uof").unwrap(), Format::Uof, 0, line.as_bytes()).unwrap();
    }
    let report = drive(Arc::new(builder.build()), &options(&target), |_| {}).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert!(most.load(Ordering::SeqCst) <= 32, "{most:?} at once, whatever the lanes");
    let deliveries = &report.deliveries;
    let first = deliveries.sent_micros.iter().min().unwrap();
    let later = deliveries.sent_micros.iter().filter(|sent| **sent >= first + 20_000).count();
    assert!(later >= 200 - 32, "{later} of 200 waited for those before them");
    let answered = deliveries.answered_micros.iter().zip(&deliveries.sent_micros);
    assert!(answered.clone().all(|(answered, sent)| answered - sent >= 20_000), "each by its own answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_go_one_by_one_are_given_up_together() {
    let receiver = Receiver::new(|_, _| Some(StatusCode::SERVICE_UNAVAILABLE.into_response()));
    let mut builder = ScheduleBuilder::default();
    for number in 0..200 {
        let line = format!(
            r#"hi.-.live.bet_stop.4.md:match.1.- <bet_stop product="1" event_id="md:match:1" timestamp="{number}" groups="all"/>"#
        );
        builder.push(&Name::new("uof").unwrap(), Format::Uof, 0, line.as_bytes()).unwrap();
    }
    let report = run(&receiver, Arc::new(builder.build()), |_| {}).await;
    assert!(report.gave_up.is_some(), "{report:?}");
    assert_eq!((report.undelivered, report.accepted, report.refused), (200, 0, 0));
    assert!(report.sent <= 32, "{} went out, though those before them were given up", report.sent);
}
