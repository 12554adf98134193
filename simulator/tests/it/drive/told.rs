//! What a drive tells of itself: its progress, what became of each message, a recording.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::{Name, Sport, Timestamp};
use serde_json::json;
use simulator::drive::{Inject, Order, Wish};
use simulator::pacer::{Playhead, Speed};
use simulator::world::{self, Formats, Pace, Plan};
use simulator::{DriveOptions, Format, Patience, Sink, drive};

use super::{Receiver, accept, options, problem, run, schedule};

#[tokio::test]
async fn progress_is_told_and_ends_with_everything() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let mut told = Vec::new();
    let options = DriveOptions { speed: Speed::Factor(1.0), ..options(&target) };
    drive(schedule(12, 3, 100_000_000), &options, |progress| told.push(progress.clone())).await.unwrap();
    assert!(told.len() >= 2, "once a second and at the end");
    assert_eq!(told.last().map(|last| (last.sent, last.accepted)), Some((12, 12)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_up_does_not_go_while_it_stands_still() {
    const HELD: Duration = Duration::from_secs(2);
    let plan = Plan {
        seed: 7,
        sports: vec![Sport::Hockey],
        games: 1,
        formats: Formats::Json,
        pace: Pace::Even { messages_per_game: 100, duration: Duration::from_millis(500) },
        start: Timestamp(1_800_000_000_000_000),
    };
    let schedule = world::play(&plan).unwrap().schedule;
    let (playhead, inject) = (Playhead::default(), Inject::default());
    inject.ask(Order { wish: Wish::Late(HELD), event_id: None }).unwrap();
    let hand = {
        let (playhead, inject) = (playhead.clone(), inject.clone());
        tokio::spawn(async move {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !inject.injected()[0].has_happened {
                assert!(Instant::now() < deadline, "nothing was held up");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            playhead.pause();
            // What was held up could go by then.
            tokio::time::sleep(2 * HELD).await;
            let resumed_at = Instant::now();
            playhead.resume();
            resumed_at
        })
    };
    let begun_at = Instant::now();
    let options = DriveOptions {
        speed: Speed::Factor(1.0),
        sink: Sink::Null,
        playhead,
        inject,
        ..DriveOptions::to("http://127.0.0.1:9")
    };
    let report = drive(schedule.into(), &options, |_| {}).await.unwrap();
    assert_eq!(report.accepted, report.messages);
    let stood_micros = i64::try_from((hand.await.unwrap() - begun_at).as_micros()).unwrap();
    let first = *report.deliveries.sent_micros.iter().min().unwrap();
    // Its clock begins after this one.
    assert!(
        first > stood_micros - 1_000_000,
        "the first went after {first} us, let go after {stood_micros} us"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_message_it_is_known_when_it_went_and_what_was_answered() {
    let receiver = Receiver::new(|number, lines| {
        if number > 1 {
            return Some(accept(lines));
        }
        let answer = json!({"accepted": lines - 1, "problems": [problem(lines - 1, 422)]});
        Some((StatusCode::MULTI_STATUS, answer.to_string()).into_response())
    });
    let target = receiver.listen("127.0.0.1:0").await;
    let report = drive(schedule(6, 1, 0), &options(&target), |_| {}).await.unwrap();
    let deliveries = &report.deliveries;
    assert_eq!(deliveries.status, [202, 202, 202, 202, 202, 422]);
    assert_eq!(deliveries.events, ["md:match:0".into()]);
    assert!(deliveries.sent_micros.iter().all(|sent| *sent >= 0));
    assert!(
        deliveries
            .answered_micros
            .iter()
            .zip(&deliveries.sent_micros)
            .all(|(answered, sent)| answered >= sent)
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deliveries.json");
    deliveries.save(&path).unwrap();
    assert_eq!(simulator::ledger::Deliveries::load(&path).unwrap(), *deliveries);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_at_once_and_when_it_is_ended() {
    let options = DriveOptions {
        patience: Patience { answer_timeout: Duration::from_secs(1), give_up_after: Duration::from_secs(60) },
        ..options("http://127.0.0.1:1")
    };
    let mut told = Vec::new();
    let report = drive(schedule(3, 1, 0), &options, |progress| {
        told.extend(progress.obstacle.clone());
        options.stop.begin();
    })
    .await
    .unwrap();
    assert!(told[0].contains("onnect"), "{told:?}");
    assert!(report.obstacle.is_some() && report.gave_up.is_none(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_a_drive_is_what_went_when_it_did() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let schedule = schedule(20, 2, 10_000_000);
    let report = run(&receiver, Arc::clone(&schedule), |options| options.speed = Speed::Factor(2.0)).await;
    let header = simulator::recording::Header::new(Name::new("md").unwrap(), Format::Json, "a drive", None);
    let mut file = std::io::Cursor::new(Vec::new());
    report.record_feed(&schedule, header, &mut file).unwrap();
    file.set_position(0);
    let recorded = simulator::recording::Reader::new(file).unwrap();
    let recorded: Vec<_> = recorded.collect::<Result<_, _>>().unwrap();
    let lines = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let bytes = recorded.iter().map(|it| String::from_utf8(it.bytes.to_vec()).unwrap()).collect();
    assert_eq!(lines(bytes), lines(receiver.lines()));
    let mut sent: Vec<u64> = report.deliveries.sent_micros.iter().map(|sent| *sent as u64 * 1_000).collect();
    sent.sort_unstable();
    assert_eq!(recorded.iter().map(|it| it.offset_ns).collect::<Vec<_>>(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_it_is_steered_it_is_known_when_each_message_was_due() {
    // More steps than a playhead remembers.
    let (messages, second_ns) = (4_200, 1_000_000_000);
    let options = DriveOptions {
        sink: simulator::Sink::Null,
        playhead: Playhead::held(),
        speed: Speed::Factor(1.0),
        ..options("http://127.0.0.1:9")
    };
    let (playhead, gauge) = (options.playhead.clone(), options.gauge.clone());
    let steps = tokio::spawn(async move {
        let deadline = Instant::now() + Duration::from_secs(60);
        for step in 1..=messages {
            while !playhead.step() {
                assert!(Instant::now() < deadline, "step {step}");
                tokio::task::yield_now().await;
            }
            while gauge.read(Duration::ZERO, 0).is_none_or(|progress| progress.sent < step) {
                assert!(Instant::now() < deadline, "message {step}");
                tokio::task::yield_now().await;
            }
        }
    });
    let report = drive(schedule(messages as usize, 1, second_ns), &options, |_| {}).await.unwrap();
    steps.await.unwrap();
    let deliveries = &report.deliveries;
    let mut before = 0;
    for (due, sent) in deliveries.due_micros.iter().zip(&deliveries.sent_micros) {
        assert!(
            (before..=*sent).contains(due),
            "due after {due}, sent after {sent}, the one before after {before}"
        );
        before = *sent;
    }
}
