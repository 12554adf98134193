//! Drives that are stopped, and providers that fall silent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use domain::{Name, Source};
use serde_json::{Value, json};
use simulator::drive::keep_alive;
use simulator::faults::Quiet;
use simulator::pacer::{Playhead, Speed};
use simulator::recovery::Inbox;
use simulator::{DriveOptions, Format, Patience, Schedule, ScheduleBuilder, drive};

use super::{Receiver, accept, options, problem, schedule};

/// The messages of one game that is not over, half a second long, once a millisecond.
fn unfinished() -> Arc<Schedule> {
    let plan = simulator::world::Plan {
        seed: 7,
        sports: vec![domain::Sport::Hockey],
        games: 4,
        formats: simulator::world::Formats::Half,
        pace: simulator::world::Pace::Even { messages_per_game: 500, duration: Duration::from_secs(600) },
        start: domain::Timestamp(1_767_225_600_000_000),
    };
    Arc::new(simulator::world::play(&plan).unwrap().schedule)
}

#[tokio::test(flavor = "multi_thread")]
async fn games_that_are_on_when_it_is_stopped_are_told_to_be_abandoned() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let options = DriveOptions { speed: Speed::Factor(100.0), abandons: true, ..options(&target) };
    let stop = options.stop.clone();
    let schedule = unfinished();
    let messages = schedule.len();
    let report = drive(schedule, &options, |progress| {
        if progress.sent > 0 {
            stop.begin();
        }
    })
    .await
    .unwrap();
    assert!(report.is_stopped && report.sent < messages as u64, "{report:?}");
    assert_eq!(report.abandoned, 4);
    let sent = usize::try_from(report.sent).unwrap();
    let (last_words, lines) = {
        let mut lines = receiver.lines();
        (lines.split_off(sent), lines)
    };
    assert_eq!((lines.len(), last_words.len()), (sent, 4));
    for word in last_words {
        let message = match word.starts_with('<') {
            true => domain::codec::xml::decode(word.as_bytes()).unwrap(),
            false => domain::codec::json::decode(word.as_bytes()).unwrap(),
        };
        assert_eq!(message.position().unwrap(), domain::Position { epoch: 2, sequence: 1 });
        domain::check_alone(&message).unwrap();
        let domain::Content::Event(event) = message.content else { panic!("of an event") };
        let domain::Body::Snapshot(snapshot) = event.body else { panic!("a snapshot") };
        assert!(snapshot.status.unwrap().status.is_final());
        let is_closed =
            |status| matches!(status, domain::MarketStatus::Settled | domain::MarketStatus::Cancelled);
        assert!(
            !snapshot.markets.is_empty() && snapshot.markets.iter().all(|market| is_closed(market.status))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_of_one_game_keeps_no_other_from_being_abandoned() {
    let schedule = unfinished();
    let refused = schedule.channels()[0].event_id.clone().unwrap();
    let app = {
        let of_refused = format!("{refused}:e2:abandoned");
        Router::new().route(
            "/feeds/md",
            post(async move |body: String| {
                let lines = body.lines().filter(|line| !line.ends_with("messages>"));
                let (mut count, mut problems) = (0, Vec::new());
                for (index, line) in lines.enumerate() {
                    count += 1;
                    problems.extend(line.contains(&of_refused).then(|| problem(index, 422)));
                }
                let answer = json!({"accepted": count - problems.len(), "problems": problems}).to_string();
                let status =
                    if problems.is_empty() { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
                (status, answer).into_response()
            }),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let options = DriveOptions { speed: Speed::Factor(100.0), abandons: true, ..options(&target) };
    let stop = options.stop.clone();
    let report = drive(Arc::clone(&schedule), &options, |progress| {
        if progress.sent > 0 {
            stop.begin();
        }
    })
    .await
    .unwrap();
    let mut others: Vec<&str> =
        schedule.channels().iter().filter_map(|channel| channel.event_id.as_deref()).collect();
    others.retain(|event_id| *event_id != &*refused);
    others.sort_unstable();
    let abandoned: Vec<&str> = report.abandoned_events.iter().map(domain::EventId::as_str).collect();
    assert_eq!(abandoned, others);
    assert_eq!(others.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silenced_sends_afterwards_what_was_due() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let options = DriveOptions { speed: Speed::Factor(1.0), ..options(&target) };
    let silence = Duration::from_millis(400);
    options.hush.silence(Name::new("md").unwrap(), silence);
    let report = drive(schedule(20, 2, 1_000_000), &options, |_| {}).await.unwrap();
    assert!(report.is_complete());
    let first = report.deliveries.sent_micros.iter().min().unwrap();
    assert!(*first >= 350_000, "{first} microseconds after the start");
    assert!(report.deliveries.due_micros.iter().all(|due| *due < 20_000), "they were due before");
    let last = report.deliveries.sent_micros.iter().max().unwrap();
    let late = report.lateness_micros.max() as f64 * 0.99;
    assert!(late <= (last - 350_000) as f64, "late by {late}: a silence that was asked for is no lateness");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_is_silenced_keeps_no_other_of_its_provider_waiting() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let md = Name::new("md").unwrap();
    let mut builder = ScheduleBuilder::default();
    for turn in 0..10 {
        for (event, producer) in [(1, "live"), (2, "pre")] {
            let mut message: Value = serde_json::from_slice(&bet_stop("md", event)).unwrap();
            message["producer"] = producer.into();
            message["message_id"] = format!("{producer}/{turn}").into();
            builder.push(&md, Format::Json, turn * 10_000_000, message.to_string().as_bytes()).unwrap();
        }
    }
    let options = DriveOptions { speed: Speed::Factor(1.0), lanes: 1, ..options(&target) };
    let live = Source { provider: md, producer: Name::new("live").unwrap() };
    options.hush.silence_producer(live.clone(), Duration::from_millis(500));
    // Longer than was said before, which is noticed when that is over.
    let longer = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        options.hush.silence_producer(live, Duration::from_millis(2_000));
    };
    let (report, ()) = tokio::join!(drive(Arc::new(builder.build()), &options, |_| {}), longer);
    let report = report.unwrap();
    assert!(report.is_complete());
    let id = |line: &String| serde_json::from_str::<Value>(line).unwrap()["message_id"].clone();
    let came: Vec<Value> = receiver.lines().iter().map(id).collect();
    let of = |producer: &'static str| (0..10).map(move |turn| format!("{producer}/{turn}"));
    assert_eq!(came, of("pre").chain(of("live")).collect::<Vec<_>>());
    let sent = &report.deliveries.sent_micros;
    assert!(sent.iter().step_by(2).all(|sent| *sent >= 2_200_000), "before their time: {sent:?}");
}

/// One message that can be read, of a provider's event.
fn bet_stop(provider: &str, event: u32) -> Vec<u8> {
    let golden = include_str!("../../../../domain/golden/v1/bet_stop.json").trim();
    let mut message: Value = serde_json::from_str(golden).unwrap();
    message["provider"] = provider.into();
    message["event_id"] = format!("md:match:{event}").into();
    message.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_provider_cannot_deliver_keeps_no_other_from_being_alive() {
    // Nothing of `a` is taken but what it says of itself.
    let alive: Arc<Mutex<HashMap<String, Vec<bool>>>> = Arc::default();
    let app = {
        let alive = Arc::clone(&alive);
        Router::new().route(
            "/feeds/{provider}",
            post(async move |Path(provider): Path<String>, body: String| {
                let lines: Vec<Value> =
                    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let said: Vec<bool> = lines
                    .iter()
                    .filter(|line| line["type"] == "alive")
                    .map(|line| line["body"]["subscribed"].as_bool().unwrap())
                    .collect();
                if provider == "a" && said.is_empty() {
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                }
                alive.lock().unwrap().entry(provider).or_default().extend(said);
                accept(lines.len())
            }),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut builder = ScheduleBuilder::default();
    let (a, b) = (Name::new("a").unwrap(), Name::new("b").unwrap());
    builder.push(&a, Format::Json, 0, &bet_stop("a", 1)).unwrap();
    for event in 0..20 {
        builder.push(&b, Format::Json, u64::from(event) * 100_000_000, &bet_stop("b", event)).unwrap();
    }
    let patience =
        Patience { answer_timeout: Duration::from_secs(5), give_up_after: Duration::from_millis(700) };
    let options =
        DriveOptions { alive_every: Some(Duration::from_millis(50)), patience, ..DriveOptions::to(&target) };
    let report = drive(Arc::new(builder.build()), &options, |_| {}).await.unwrap();
    assert_eq!((report.accepted, report.undelivered), (20, 1), "{report:?}");
    let alive = alive.lock().unwrap();
    assert!(alive["b"].len() > 5 && alive["b"].iter().all(|subscribed| *subscribed), "{alive:?}");
    assert!(
        !alive["a"].is_empty() && alive["a"].iter().all(|subscribed| !subscribed),
        "nothing while it waits, and then that something was lost: {alive:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_lost_something_goes_on_saying_so_behind_the_last_message() {
    let subscribed: Arc<Mutex<Vec<bool>>> = Arc::default();
    let app = {
        let subscribed = Arc::clone(&subscribed);
        Router::new().route(
            "/feeds/md",
            post(async move |body: String| {
                let message: Value = serde_json::from_str(body.lines().next().unwrap()).unwrap();
                if message["type"] != "alive" {
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                }
                subscribed.lock().unwrap().push(message["body"]["subscribed"].as_bool().unwrap());
                accept(1)
            }),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut builder = ScheduleBuilder::default();
    builder.push(&Name::new("md").unwrap(), Format::Json, 0, &bet_stop("md", 1)).unwrap();
    let schedule = Arc::new(builder.build());
    let patience =
        Patience { answer_timeout: Duration::from_secs(5), give_up_after: Duration::from_millis(100) };
    let options =
        DriveOptions { alive_every: Some(Duration::from_millis(20)), patience, ..DriveOptions::to(&target) };
    let report = drive(Arc::clone(&schedule), &options, |_| {}).await.unwrap();
    assert!(report.gave_up.is_some(), "{report:?}");
    subscribed.lock().unwrap().clear();
    let has_spoken = async {
        while subscribed.lock().unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut nobody = Inbox::of_nobody();
    tokio::select! {
        ended = keep_alive(schedule, &options, &report.past, &mut nobody) => panic!("it ended: {ended:?}"),
        spoken = tokio::time::timeout(Duration::from_secs(60), has_spoken) => spoken.unwrap(),
    }
    assert!(subscribed.lock().unwrap().iter().all(|subscribed| !subscribed));
}

#[tokio::test(flavor = "multi_thread")]
async fn last_words_come_after_all_that_was_said_also_where_that_is_ahead_of_the_clock() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let plan = simulator::world::Plan {
        seed: 7,
        sports: vec![domain::Sport::Hockey],
        games: 2,
        formats: simulator::world::Formats::Json,
        pace: simulator::world::Pace::Even { messages_per_game: 500, duration: Duration::from_secs(600) },
        // A game of tomorrow.
        start: domain::Timestamp(jiff::Timestamp::now().as_microsecond() + 86_400_000_000),
    };
    let schedule = Arc::new(simulator::world::play(&plan).unwrap().schedule);
    let options = DriveOptions { speed: Speed::Factor(100.0), raw: true, abandons: true, ..options(&target) };
    let stop = options.stop.clone();
    let report = drive(schedule, &options, |progress| {
        if progress.sent > 0 {
            stop.begin();
        }
    })
    .await
    .unwrap();
    assert_eq!(report.abandoned, 2);
    let sent = usize::try_from(report.sent).unwrap();
    let lines: Vec<Value> = receiver.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (said, last_words) = lines.split_at(sent);
    assert_eq!(last_words.len(), 2);
    for word in last_words {
        let before = said.iter().filter(|line| line["event_id"] == word["event_id"]);
        let latest = before.map(|line| line["generated_at"].as_i64().unwrap()).max().unwrap();
        assert!(word["generated_at"].as_i64().unwrap() > latest, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_silence_lasts_for_as_long_as_it_is_stood_still_in() {
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let target = receiver.listen("127.0.0.1:0").await;
    let md = Name::new("md").unwrap();
    let mut builder = ScheduleBuilder::default();
    for (event, producer) in [(1, "live"), (2, "pre")] {
        let mut message: Value = serde_json::from_slice(&bet_stop("md", event)).unwrap();
        message["producer"] = producer.into();
        builder.push(&md, Format::Json, 600_000_000_000, message.to_string().as_bytes()).unwrap();
    }
    let quiet = Quiet { provider: md, producer: Name::new("live").unwrap(), during_ns: 0..100_000_000 };
    let options = DriveOptions {
        speed: Speed::Factor(1.0),
        alive_every: Some(Duration::from_millis(10)),
        silences: vec![quiet],
        playhead: Playhead::held(),
        ..options(&target)
    };
    let alive = |producer: &str| {
        let lines = receiver.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        lines.filter(|line| line["type"] == "alive" && line["producer"] == producer).count()
    };
    let watching = async {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let until = async |what: &str, is_so: &dyn Fn() -> bool| {
            while !is_so() {
                assert!(tokio::time::Instant::now() < deadline, "{what}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Every ten milliseconds: three times as long as the silence.
        until("the other one speaks", &|| alive("pre") >= 30).await;
        assert_eq!(alive("live"), 0, "it stands in the silence");
        options.playhead.resume();
        until("the silence ends", &|| alive("live") > 0).await;
        options.stop.begin();
    };
    let (report, ()) = tokio::join!(drive(Arc::new(builder.build()), &options, |_| {}), watching);
    assert!(report.unwrap().is_stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_while_nobody_answers_is_not_complete() {
    let receiver = Receiver::new(|_, _| None);
    let target = receiver.listen("127.0.0.1:0").await;
    let (answer_timeout, give_up_after) = (Duration::from_secs(600), Duration::from_secs(600));
    let patience = Patience { answer_timeout, give_up_after };
    let progress_every = Duration::from_millis(20);
    let options = DriveOptions { patience, progress_every, ..options(&target) };
    let stop = options.stop.clone();
    let report = drive(schedule(20, 2, 0), &options, |progress| {
        if progress.sent == 20 {
            stop.begin();
        }
    })
    .await
    .unwrap();
    assert_eq!((report.sent, report.accepted, report.undelivered), (20, 0, 20), "{report:?}");
    assert!(report.is_stopped, "what became of it is not known");
}
