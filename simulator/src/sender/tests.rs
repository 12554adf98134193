use super::*;

#[test]
fn waits_grow_to_their_bound_and_stay_there() {
    let mut backoff = Backoff::default();
    let waits: Vec<Duration> = (0..1_000).map(|_| backoff.next(None)).collect();
    assert_eq!(waits[..3], [50, 100, 200].map(Duration::from_millis));
    assert!(waits[6..].iter().all(|wait| *wait == BACKOFF_MAX));
}

#[test]
fn who_asks_to_come_again_at_once_or_next_year_is_not_obeyed() {
    let asked = |seconds| Backoff::default().next(Some(Duration::from_secs(seconds)));
    assert_eq!([0, 1, u64::MAX].map(asked), [BACKOFF_MIN, Duration::from_secs(1), BACKOFF_MAX]);
}

#[test]
fn what_stands_behind_is_answered_by_itself() {
    let problem = |status| Problem { status, ..Problem::default() };
    let delivery = Delivery {
        accepted: 2,
        refused: vec![(1, problem(422)), (3, problem(400))],
        sent_again: 0,
        unanswered: 0,
        given_up: Some((vec![4], "no answer".to_owned())),
    };
    let (own, behind) = delivery.split_off(2, 3);
    assert_eq!((own.accepted, own.refused.len(), own.given_up), (1, 1, None));
    assert_eq!(behind, [202, 400, 0]);
}

#[test]
fn a_message_of_a_batch_is_read_as_it_was_written() {
    for format in [Format::Json, Format::Xml] {
        let mut batch = Batch::with_capacity(format, 2, 0);
        for message in [&b"<a/>"[..], b"<b c='d'/>"] {
            batch.bytes.extend_from_slice(message);
            batch.end_message();
        }
        assert_eq!((batch.message(0), batch.message(1)), (&b"<a/>"[..], &b"<b c='d'/>"[..]));
    }
}
