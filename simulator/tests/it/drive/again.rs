//! What was kept back, and is sent to whoever asks for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use domain::{EventId, Name, Timestamp};
use serde_json::Value;
use simulator::drive::{Order, Wish};
use simulator::pacer::{BatchLimits, Speed};
use simulator::recovery::{RecoveryRequest, desk};
use simulator::{DriveOptions, Format, Patience, ScheduleBuilder, drive_and_answer};

use super::{Receiver, accept, options};
use tokio::sync::Semaphore;

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The lines that answer a request.
fn answered(receiver: &Receiver, request_id: u64) -> Vec<Value> {
    let lines = receiver.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    lines
        .filter(|line| line["request_id"] == request_id || line["body"]["request_id"] == request_id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_its_own_times_keeps_them_also_when_it_is_sent_once_more() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let mut builder = ScheduleBuilder::default();
    for at_seconds in [0, 600] {
        builder
            .push(&Name::new("md").unwrap(), Format::Json, at_seconds * 1_000_000_000, golden.as_bytes())
            .unwrap();
    }
    let options = DriveOptions { speed: Speed::Factor(1.0), raw: true, ..options(&target) };
    let (desk, mut inbox) = desk();
    let driven = {
        let (options, schedule) = (options.clone(), Arc::new(builder.build()));
        tokio::spawn(async move { drive_and_answer(schedule, &options, &mut inbox, |_| {}).await })
    };
    until("the first message comes", || !receiver.lines().is_empty()).await;
    let producer = Name::new("live").unwrap();
    desk.ask(RecoveryRequest { producer, event_id: None, after: None, request_id: 77 }).unwrap();
    until("it is sent once more, and that this was all", || answered(&receiver, 77).len() == 2).await;
    let again = &answered(&receiver, 77)[0];
    let first: Value = serde_json::from_str(golden).unwrap();
    for field in ["sequence", "generated_at", "occurred_at"] {
        assert_eq!(again[field], first[field], "{field}: {again}");
    }
    options.stop.begin();
    driven.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_silent_answers_once_he_may_speak_and_keeps_no_other_from_it() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let [a, b] = ["a", "b"].map(|name| Name::new(name).unwrap());
    let mut builder = ScheduleBuilder::default();
    for provider in [&a, &b] {
        let message = golden.replacen("\"md\"", &format!("\"{provider}\""), 1);
        for at_seconds in [0, 600] {
            builder.push(provider, Format::Json, at_seconds * 1_000_000_000, message.as_bytes()).unwrap();
        }
    }
    let options = DriveOptions { speed: Speed::Factor(1.0), ..options(&target) };
    let (desk, mut inbox) = desk();
    let driven = {
        let (options, schedule) = (options.clone(), Arc::new(builder.build()));
        tokio::spawn(async move { drive_and_answer(schedule, &options, &mut inbox, |_| {}).await })
    };
    until("the first messages come", || receiver.lines().len() == 2).await;
    let ask = |request_id| {
        let producer = Name::new("live").unwrap();
        desk.ask(RecoveryRequest { producer, event_id: None, after: None, request_id }).unwrap();
    };
    let answers = |provider: &Name, request_id| {
        let answered = answered(&receiver, request_id);
        answered.iter().filter(|line| line["provider"] == provider.as_str()).count()
    };
    let (began, silence) = (Instant::now(), Duration::from_millis(500));
    options.hush.silence(a.clone(), silence);
    ask(77);
    until("it answers", || answers(&a, 77) > 0).await;
    assert!(began.elapsed() >= silence, "after {:?}", began.elapsed());
    until("all have answered", || answers(&a, 77) == 2 && answers(&b, 77) == 2).await;
    options.hush.silence(a.clone(), Duration::from_secs(3_600));
    ask(78);
    until("the other one answers", || answers(&b, 78) == 2).await;
    assert_eq!(answers(&a, 78), 0, "it is silent");
    options.stop.begin();
    driven.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_to_give_up_a_part_of_what_was_asked_for_does_not_say_that_it_was_all() {
    let said: Arc<Mutex<Vec<Value>>> = Arc::default();
    let app = {
        let said = Arc::clone(&said);
        Router::new().route(
            "/feeds/md",
            post(async move |body: String| {
                let lines: Vec<Value> =
                    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                // What answers the first request is not taken, whatever else is.
                if lines.iter().any(|line| line["request_id"] == 77) {
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                }
                let count = lines.len();
                said.lock().unwrap().extend(lines);
                accept(count)
            }),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let mut builder = ScheduleBuilder::default();
    for at_seconds in [0, 600] {
        let at_ns = at_seconds * 1_000_000_000;
        builder.push(&Name::new("md").unwrap(), Format::Json, at_ns, golden.as_bytes()).unwrap();
    }
    let alive_every = Some(Duration::from_millis(20));
    let options = DriveOptions { speed: Speed::Factor(1.0), alive_every, ..options(&target) };
    let (desk, mut inbox) = desk();
    let driven = {
        let (options, schedule) = (options.clone(), Arc::new(builder.build()));
        tokio::spawn(async move { drive_and_answer(schedule, &options, &mut inbox, |_| {}).await })
    };
    let has_said = |is_so: &dyn Fn(&Value) -> bool| said.lock().unwrap().iter().any(is_so);
    let completes =
        |line: &Value, id: u64| line["type"] == "snapshot_complete" && line["body"]["request_id"] == id;
    until("the first message comes", || has_said(&|line| line["type"] == "odds_change")).await;
    assert!(!has_said(&|line| line["body"]["subscribed"] == false), "nothing is lost yet");
    let ask = |request_id, after| {
        let producer = Name::new("live").unwrap();
        desk.ask(RecoveryRequest { producer, event_id: None, after, request_id }).unwrap();
    };
    ask(77, None);
    until("it says that something was lost", || has_said(&|line| line["body"]["subscribed"] == false)).await;
    assert!(!has_said(&|line| completes(line, 77)), "it was not all");
    ask(78, Some(Timestamp(1)));
    until("who asks again is answered", || has_said(&|line| completes(line, 78))).await;
    let has_all_again = || {
        let said = said.lock().unwrap();
        let behind = said.iter().skip_while(|line| !completes(line, 78));
        behind.filter(|line| line["body"]["subscribed"] == true).count() > 0
    };
    until("it says that nothing is missing any more", has_all_again).await;
    assert!(!has_said(&|line| completes(line, 77)), "that one was not all");
    options.stop.begin();
    driven.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_back_is_recovered_once_it_has_been_taken() {
    let takes = Arc::new(AtomicBool::new(true));
    let receiver = Receiver::new({
        let takes = Arc::clone(&takes);
        move |_, lines| match takes.load(Ordering::SeqCst) {
            true => Some(accept(lines)),
            false => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        }
    });
    let target = receiver.listen("127.0.0.1:0").await;
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let mut builder = ScheduleBuilder::default();
    for (sequence, at_seconds) in [(1, 0), (2, 0), (3, 600)] {
        let message = golden.replace("\"sequence\":60", &format!("\"sequence\":{sequence}"));
        let at_ns = at_seconds * 1_000_000_000;
        builder.push(&Name::new("md").unwrap(), Format::Json, at_ns, message.as_bytes()).unwrap();
    }
    let patience =
        Patience { answer_timeout: Duration::from_secs(10), give_up_after: Duration::from_secs(120) };
    let options = DriveOptions { speed: Speed::Factor(1.0), patience, ..options(&target) };
    let event_id = EventId::new("md:match:1001").unwrap();
    options.inject.ask(Order { wish: Wish::Gap(1), event_id: Some(event_id.clone()) }).unwrap();
    let (desk, mut inbox) = desk();
    let driven = {
        let (options, schedule) = (options.clone(), Arc::new(builder.build()));
        tokio::spawn(async move { drive_and_answer(schedule, &options, &mut inbox, |_| {}).await })
    };
    until("the second message comes", || !receiver.lines().is_empty()).await;
    assert!(receiver.lines()[0].contains("\"sequence\":2"), "the first one never came");

    takes.store(false, Ordering::SeqCst);
    let producer = Name::new("live").unwrap();
    desk.ask(RecoveryRequest { producer, event_id: Some(event_id), after: None, request_id: 77 }).unwrap();
    until("it is sent", || receiver.lines().iter().any(|line| line.contains("\"sequence\":1,"))).await;
    assert!(!options.inject.injected()[0].is_recovered, "nobody has taken it");
    takes.store(true, Ordering::SeqCst);
    until("it is taken", || options.inject.injected()[0].is_recovered).await;
    options.stop.begin();
    driven.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_top_speed_each_sends_once_more_no_more_than_it_has_come_to_itself() {
    // What `b` sends by itself is answered once it may be, so that `a` is far ahead of it.
    let (said, may_answer) = (Arc::new(Mutex::new(Vec::<Value>::new())), Arc::new(Semaphore::new(0)));
    let app = {
        let (said, may_answer) = (Arc::clone(&said), Arc::clone(&may_answer));
        let take = async move |provider: Path<String>, body: String| {
            let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let count = lines.len();
            let is_asked_for = lines[0]["request_id"].is_u64() || lines[0]["type"] == "snapshot_complete";
            said.lock().unwrap().extend(lines);
            if *provider == "b" && !is_asked_for {
                may_answer.acquire().await.unwrap().forget();
            }
            accept(count)
        };
        Router::new().route("/feeds/{provider}", post(take))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let mut builder = ScheduleBuilder::default();
    for (provider, seconds) in [("a", [0, 10, 20]), ("b", [0, 5, 15])] {
        let message = golden.replacen("\"md\"", &format!("\"{provider}\""), 1);
        for at_seconds in seconds {
            let name = Name::new(provider).unwrap();
            builder.push(&name, Format::Json, at_seconds * 1_000_000_000, message.as_bytes()).unwrap();
        }
    }
    let patience =
        Patience { answer_timeout: Duration::from_secs(60), give_up_after: Duration::from_secs(120) };
    let batch = BatchLimits { messages_max: 1, ..DriveOptions::to(&target).batch };
    let options = DriveOptions { patience, batch, alive_every: None, ..options(&target) };
    let (desk, mut inbox) = desk();
    let driven = {
        let (options, schedule) = (options.clone(), Arc::new(builder.build()));
        tokio::spawn(async move { drive_and_answer(schedule, &options, &mut inbox, |_| {}).await })
    };
    let count = |provider: &str, request_id: Option<u64>| {
        let said = said.lock().unwrap();
        let is_it = |line: &&Value| {
            line["provider"] == provider
                && line["type"] == "odds_change"
                && line["request_id"].as_u64() == request_id
        };
        said.iter().filter(is_it).count()
    };
    until("a has sent all, b one", || (count("a", None), count("b", None)) == (3, 1)).await;
    let producer = Name::new("live").unwrap();
    desk.ask(RecoveryRequest { producer, event_id: None, after: None, request_id: 77 }).unwrap();
    let has_completed = || {
        let said = said.lock().unwrap();
        let is_end = |line: &&Value| line["type"] == "snapshot_complete" && line["body"]["request_id"] == 77;
        said.iter().filter(is_end).count() == 2
    };
    until("both say that this was all", has_completed).await;
    assert_eq!(count("a", Some(77)), 3);
    assert_eq!(count("b", Some(77)), 1, "of b no more has gone");
    may_answer.add_permits(10);
    let report = driven.await.unwrap().unwrap();
    assert_eq!(report.accepted, 6);
}
