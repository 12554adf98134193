//! Drives against a receiver that fails in every way a real one may.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::Name;
use serde_json::{Value, json};
use simulator::pacer::Speed;
use simulator::{DriveOptions, DriveReport, Format, Patience, Schedule, ScheduleBuilder, drive};

/// A receiver: `answer` decides on the n-th request what it answers, from the number of its lines.
#[derive(Clone)]
pub(crate) struct Receiver {
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<dyn Fn(usize, usize) -> Option<Response> + Send + Sync>,
}

#[derive(Debug, Clone)]
struct Request {
    provider: String,
    content_type: String,
    authorization: Option<String>,
    lines: Vec<String>,
}

pub(crate) fn accept(lines: usize) -> Response {
    (StatusCode::ACCEPTED, json!({ "accepted": lines }).to_string()).into_response()
}

pub(crate) fn problem(index: usize, status: u16) -> Value {
    json!({"index": index, "type": "about:blank", "title": "no", "status": status, "detail": "so it is", "pointer": "/body"})
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let mut body = str::from_utf8(&body).unwrap();
    if content_type == "application/xml" {
        // A Unified Odds Feed sends each message by itself.
        let batch = body.strip_prefix("<messages>\n").and_then(|body| body.strip_suffix("</messages>\n"));
        body = batch.unwrap_or(body);
    }
    let lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let authorization = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    let (number, count) = {
        let mut requests = receiver.requests.lock().unwrap();
        requests.push(Request { provider, content_type, authorization, lines: lines.clone() });
        (requests.len(), lines.len())
    };
    match (receiver.answer)(number, count) {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

impl Receiver {
    pub(crate) fn new(answer: impl Fn(usize, usize) -> Option<Response> + Send + Sync + 'static) -> Self {
        Self { requests: Arc::default(), answer: Arc::new(answer) }
    }

    pub(crate) async fn listen(&self, on: &str) -> String {
        let listener = tokio::net::TcpListener::bind(on).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/feeds/{provider}", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().into_iter().flat_map(|request| request.lines).collect()
    }
}

fn schedule(messages: usize, events: usize, every_ns: u64) -> Arc<Schedule> {
    let mut builder = ScheduleBuilder::default();
    for index in 0..messages {
        let line = format!(
            r#"{{"event_id":"md:match:{}","number":{index},"occurred_at":900,"generated_at":1000}}"#,
            index % events
        );
        builder
            .push(&Name::new("md").unwrap(), Format::Json, every_ns * index as u64, line.as_bytes())
            .unwrap();
    }
    Arc::new(builder.build())
}

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

fn options(target: &str) -> DriveOptions {
    let patience =
        Patience { answer_timeout: Duration::from_millis(300), give_up_after: Duration::from_millis(1_500) };
    DriveOptions { patience, speed: Speed::Max, ..DriveOptions::to(target) }
}

async fn run(
    receiver: &Receiver,
    schedule: Arc<Schedule>,
    change: impl FnOnce(&mut DriveOptions),
) -> DriveReport {
    let target = receiver.listen("127.0.0.1:0").await;
    let mut options = options(&target);
    change(&mut options);
    drive(schedule, &options, |_| {}).await.unwrap()
}

fn number(line: &str) -> u64 {
    serde_json::from_str::<Value>(line).unwrap()["number"].as_u64().unwrap()
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
async fn of_a_batch_in_xml_what_passes_is_sent_again_and_problems_find_their_messages() {
    let receiver = Receiver::new(|request, lines| {
        Some(match request {
            1 => {
                let problems = [problem(0, 503), problem(2, 422), problem(4, 429)];
                let answer = json!({"accepted": lines - 3, "problems": problems}).to_string();
                (StatusCode::MULTI_STATUS, answer).into_response()
            }
            2 => {
                let answer = json!({"accepted": lines - 1, "problems": [problem(1, 409)]}).to_string();
                (StatusCode::MULTI_STATUS, answer).into_response()
            }
            _ => accept(lines),
        })
    });
    let mut builder = ScheduleBuilder::default();
    for number in 0..6 {
        let line = format!("<alive event_id='md:match:1' number='{number}'/>");
        builder.push(&Name::new("md").unwrap(), Format::Xml, 0, line.as_bytes()).unwrap();
    }
    let report = run(&receiver, Arc::new(builder.build()), |_| {}).await;
    assert_eq!((report.accepted, report.refused, report.sent_again), (4, 2, 2));
    assert_eq!(report.refused_first.keys().copied().collect::<Vec<_>>(), [2, 4]);
    let again = &receiver.requests()[1].lines;
    assert_eq!(*again, [0, 4].map(|number| format!("<alive event_id='md:match:1' number='{number}'/>")));
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

#[tokio::test]
async fn an_overloaded_receiver_is_asked_again_after_the_time_it_names() {
    let receiver = Receiver::new(|request, lines| {
        Some(match request {
            1 => {
                let problems: Vec<Value> = (0..lines).map(|index| problem(index, 503)).collect();
                let answer = json!({"accepted": 0, "problems": problems}).to_string();
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], answer).into_response()
            }
            2 => StatusCode::TOO_MANY_REQUESTS.into_response(),
            _ => accept(lines),
        })
    });
    let report = run(&receiver, schedule(10, 1, 0), |_| {}).await;
    assert!(report.is_complete(), "{report:?}");
    assert!(report.elapsed >= Duration::from_secs(1), "{report:?}");
    assert_eq!((report.sent, report.sent_again, report.unanswered), (10, 20, 0));
}

#[tokio::test]
async fn refused_messages_are_told_once_and_passing_ones_sent_again() {
    let receiver = Receiver::new(|request, lines| {
        Some(match request {
            1 => {
                let problems = [problem(2, 422), problem(3, 503), problem(7, 503), problem(8, 400)];
                (StatusCode::MULTI_STATUS, json!({"accepted": 6, "problems": problems}).to_string())
                    .into_response()
            }
            2 => {
                let problems = [problem(1, 409)];
                (StatusCode::MULTI_STATUS, json!({"accepted": 1, "problems": problems}).to_string())
                    .into_response()
            }
            _ => accept(lines),
        })
    });
    let report = run(&receiver, schedule(10, 1, 0), |_| {}).await;
    assert_eq!((report.accepted, report.refused, report.sent_again, report.undelivered), (7, 3, 2, 0));
    assert!(!report.is_complete());
    assert_eq!(report.refused_first.keys().copied().collect::<Vec<_>>(), [2, 7, 8]);
    assert_eq!(report.refused_first[&7].status, 409);
    assert_eq!(report.refused_first[&2].to_string(), "422 no so it is (at `/body`)");
    let again: Vec<u64> = receiver.requests()[1].lines.iter().map(|line| number(line)).collect();
    assert_eq!(again, [3, 7]);
}

#[tokio::test]
async fn a_request_refused_as_a_whole_refuses_each_of_its_messages() {
    let receiver = Receiver::new(|_, _| {
        let body =
            json!({"type": "about:blank", "title": "too large", "status": 413, "detail": "over 1 MiB"});
        Some((StatusCode::PAYLOAD_TOO_LARGE, body.to_string()).into_response())
    });
    let report = run(&receiver, schedule(4, 1, 0), |_| {}).await;
    assert_eq!((report.accepted, report.refused, report.sent_again), (0, 4, 0));
    assert_eq!(report.refused_first[&3].detail, "over 1 MiB");
}

#[tokio::test]
async fn a_send_without_an_answer_is_sent_again() {
    let receiver = Receiver::new(|request, lines| (request > 1).then(|| accept(lines)));
    let report = run(&receiver, schedule(4, 1, 0), |_| {}).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.unanswered, report.sent_again), (1, 4));
    assert_eq!(receiver.lines().len(), 8);
}

#[tokio::test]
async fn an_answer_about_other_messages_is_no_answer() {
    let receiver = Receiver::new(|request, lines| Some(accept(if request == 1 { lines + 1 } else { lines })));
    let report = run(&receiver, schedule(4, 1, 0), |_| {}).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.accepted, report.unanswered), (4, 1));
}

#[tokio::test]
async fn a_receiver_that_comes_up_late_gets_everything() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let receiver = Receiver::new(|_, lines| Some(accept(lines)));
    let late = receiver.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        late.listen(&free.to_string()).await;
    });
    let report = drive(schedule(100, 5, 0), &options(&format!("http://{free}")), |_| {}).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert!(report.sent_again > 0);
    assert_eq!(report.unanswered, 0, "nobody can have taken what nobody listened to");
}

#[tokio::test]
async fn patience_ends_and_what_follows_on_the_lane_is_not_sent() {
    let receiver = Receiver::new(|request, lines| {
        Some(if request == 1 { accept(lines) } else { StatusCode::SERVICE_UNAVAILABLE.into_response() })
    });
    let report = run(&receiver, schedule(30, 1, 0), |options| options.batch.messages_max = 10).await;
    assert_eq!((report.messages, report.sent, report.accepted, report.undelivered), (30, 20, 10, 20));
    assert!(report.gave_up.as_deref().is_some_and(|why| why.contains("503")), "{report:?}");
}

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
async fn a_null_sink_takes_everything_and_nothing_goes_out() {
    let options = DriveOptions { sink: simulator::Sink::Null, ..options("http://127.0.0.1:9") };
    let report = drive(in_both_formats(1_000, 8), &options, |_| {}).await.unwrap();
    assert!(report.is_complete() && report.unanswered == 0);
    assert!(report.bytes > 50_000, "{} bytes were made", report.bytes);
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
    let detail = "unknown variant `fixtures_fixture`, expected one of `fixture`, `odds_change`";
    let answer = json!({ "status": 400, "title": "Bad", "detail": detail }).to_string();
    let receiver = Receiver::new(move |_, _| Some((StatusCode::BAD_REQUEST, answer.clone()).into_response()));
    let mut builder = ScheduleBuilder::default();
    let line = |number: u64| {
        let key = format!("lo.pre.-.fixture.4.md:match.{number}.-");
        format!(
            r#"{key} <fixtures_fixture generated_at="x"><fixture id="md:match:{number}"/></fixtures_fixture>"#
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

/// One message that can be read, of a provider's event.
fn bet_stop(provider: &str, event: u32) -> Vec<u8> {
    let golden = include_str!("../../../domain/golden/v1/bet_stop.json").trim();
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
