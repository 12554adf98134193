//! What a drive makes of answers, and of none.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use domain::Name;
use serde_json::{Value, json};
use simulator::pacer::Speed;
use simulator::{DriveOptions, Format, ScheduleBuilder, drive};

use super::{Receiver, accept, options, problem, run, schedule};

fn number(line: &str) -> u64 {
    serde_json::from_str::<Value>(line).unwrap()["number"].as_u64().unwrap()
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
    assert_eq!(report.deliveries.unanswered, (0..4).map(|line| (line, 1)).collect());
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
    assert!(report.deliveries.unanswered.is_empty());
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
async fn what_waits_for_the_answer_to_what_went_before_is_not_late_of_the_drives_own_doing() {
    let receiver = Receiver::new(|request, lines| match request {
        1 => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        _ => Some(accept(lines)),
    });
    let report = run(&receiver, schedule(3, 1, 1_000_000), |options| {
        options.speed = Speed::Factor(1.0);
        options.batch.messages_max = 1;
    })
    .await;
    assert!(report.is_complete(), "{report:?}");
    let (of, waited, late) = (&report.deliveries, &report.waited_micros, &report.late_micros);
    for line in 0..3 {
        assert_eq!(waited[line] + late[line], of.sent_micros[line] - of.due_micros[line], "{report:?}");
    }
    assert_eq!(waited[0], 0, "nothing went before it");
    let missed = of.answered_micros.iter().zip(&of.due_micros[1..]).map(|(answered, due)| answered - due);
    for (waited, missed) in waited[1..].iter().zip(missed) {
        assert!(*waited >= missed, "{waited} of {missed}");
    }
    let backoff = 50_000;
    assert!(of.answered_micros[0] - of.sent_micros[0] >= backoff, "the first was sent again");
}

#[tokio::test]
async fn answers_that_must_not_be_are_counted_while_it_goes() {
    let receiver = Receiver::new(|_, _| {
        let problems = [problem(2, 422), problem(3, 400), problem(5, 422)];
        let answer = json!({"accepted": 5, "problems": problems}).to_string();
        Some((StatusCode::MULTI_STATUS, answer).into_response())
    });
    let target = receiver.listen("127.0.0.1:0").await;
    // 3 may be refused otherwise, 7 had to be refused.
    let planned = [(2, vec![400, 422]), (3, vec![422]), (7, vec![422])];
    let options = DriveOptions { answers: Arc::new(planned.into()), ..options(&target) };
    let mut told = None;
    let report = drive(schedule(8, 1, 0), &options, |progress| told = Some(progress.clone())).await.unwrap();
    let told = told.expect("the end is told");
    assert_eq!((report.accepted, told.refused, told.unexpected), (5, 3, 3), "of 3, 5 and 7");
}
