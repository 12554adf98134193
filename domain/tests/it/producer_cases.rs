//! What makes a producer go down and come up, case by case.

use domain::market::Suspension;
use domain::message::{Alive, ProducerBody, SnapshotComplete};
use domain::producer::{Reason, Recovery, State, Terms};
use domain::{MarketStatus, Producer};
use proptest::prelude::*;

use crate::build::{at, market};
use crate::desk::{Desk, PATIENT};
use crate::feed::{Move, Provider, Who};

const SILENCE: i64 = 20_000_000;
const ALIVE: Terms = Terms { silence_micros: SILENCE, recovery: Recovery::Alive };
const SNAPSHOT: Terms = Terms { recovery: Recovery::Snapshot, ..ALIVE };

fn alive(subscribed: bool) -> ProducerBody {
    ProducerBody::Alive(Alive { subscribed })
}

/// The end of a recovery that was asked for at this time.
fn complete(asked_at: i64) -> ProducerBody {
    ProducerBody::SnapshotComplete(SnapshotComplete { request_id: asked_at.unsigned_abs() })
}

/// A producer that is up since second 0, at which it was first heard.
fn heard() -> Producer {
    Producer::first_heard(&Alive { subscribed: true }, at(0), ALIVE)
}

fn is(producer: &Producer) -> (State, Reason, i64) {
    (producer.state, producer.reason, producer.since.0)
}

#[test]
fn a_producer_is_up_from_its_first_alive_on_where_that_is_enough() {
    assert_eq!(is(&heard()), (State::Up, Reason::FirstAlive, 0));
    for terms in [ALIVE, SNAPSHOT] {
        let lost = Producer::first_heard(&Alive { subscribed: false }, at(5), terms);
        assert_eq!(is(&lost), (State::Down, Reason::NotSubscribed, 5));
    }
}

#[test]
fn where_a_snapshot_is_asked_for_what_was_said_before_the_first_alive_may_be_missing() {
    let mut producer = Producer::first_heard(&Alive { subscribed: true }, at(5), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::FirstAlive, 5));
    assert_eq!(producer.trusted_until, at(0), "everything is to be asked for");
    producer.hear(&alive(true), at(6), SNAPSHOT);
    producer.hear(&complete(4), at(7), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering);
    producer.hear(&complete(5), at(8), SNAPSHOT);
    assert_eq!(is(&producer), (State::Up, Reason::SnapshotComplete, 8));
}

#[test]
fn it_is_down_once_its_silence_has_lasted_too_long() {
    let mut producer = heard();
    producer.hear(&alive(true), at(10_000_000), ALIVE);
    assert!(!producer.expire(at(10_000_000 + SILENCE - 1), ALIVE));
    assert_eq!(is(&producer), (State::Up, Reason::FirstAlive, 0));
    assert!(producer.expire(at(10_000_000 + SILENCE), ALIVE));
    assert_eq!(is(&producer), (State::Down, Reason::AliveInterval, 10_000_000 + SILENCE));
    assert!(!producer.expire(at(i64::MAX), ALIVE), "once");
}

#[test]
fn where_alive_is_enough_it_is_up_with_the_next() {
    let mut producer = heard();
    producer.expire(at(SILENCE), ALIVE);
    producer.hear(&complete(SILENCE + 1), at(SILENCE + 1), ALIVE);
    assert_eq!(producer.state, State::Down);
    producer.hear(&alive(true), at(SILENCE + 2), ALIVE);
    assert_eq!(is(&producer), (State::Up, Reason::AliveAgain, SILENCE + 2));
    producer.hear(&alive(false), at(SILENCE + 3), ALIVE);
    assert_eq!(is(&producer), (State::Down, Reason::NotSubscribed, SILENCE + 3));
    producer.hear(&alive(true), at(SILENCE + 4), ALIVE);
    assert_eq!(producer.state, State::Up);
}

#[test]
fn where_a_snapshot_is_asked_for_alive_alone_is_not_enough() {
    let mut producer = heard();
    producer.expire(at(SILENCE), SNAPSHOT);
    producer.hear(&complete(SILENCE + 1), at(SILENCE + 1), SNAPSHOT);
    assert_eq!(producer.state, State::Down, "what was complete before it was alive again may lack something");
    producer.hear(&alive(true), at(SILENCE + 2), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::AliveInterval, SILENCE));
    producer.hear(&alive(true), at(SILENCE + 3), SNAPSHOT);
    producer.hear(&complete(SILENCE + 1), at(SILENCE + 4), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering, "what was asked for before it was alive again may, too");
    producer.hear(&complete(SILENCE + 2), at(SILENCE + 5), SNAPSHOT);
    assert_eq!(is(&producer), (State::Up, Reason::SnapshotComplete, SILENCE + 5));
}

#[test]
fn a_recovery_ends_with_another_silence_and_with_a_loss() {
    let mut producer = heard();
    producer.hear(&alive(false), at(1), SNAPSHOT);
    producer.hear(&alive(true), at(2), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::NotSubscribed, 1));
    assert!(producer.expire(at(2 + SILENCE), SNAPSHOT));
    assert_eq!(is(&producer), (State::Down, Reason::AliveInterval, 1), "it has not been trusted meanwhile");
    producer.hear(&alive(true), at(3 + SILENCE), SNAPSHOT);
    producer.hear(&alive(false), at(4 + SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Down);
    producer.hear(&alive(true), at(5 + SILENCE), SNAPSHOT);
    producer.hear(&complete(4 + SILENCE), at(6 + SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering, "the loss came after the request");
    // A silence that nobody noticed is one all the same.
    producer.hear(&alive(true), at(5 + 2 * SILENCE), SNAPSHOT);
    producer.hear(&complete(5 + SILENCE), at(6 + 2 * SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering);
    producer.hear(&complete(5 + 2 * SILENCE), at(7 + 2 * SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Up);
}

#[test]
fn a_silence_that_ended_unnoticed_still_asks_for_a_snapshot() {
    let mut producer = heard();
    producer.hear(&alive(true), at(SILENCE), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::AliveInterval, SILENCE));
    let mut producer = heard();
    producer.hear(&alive(true), at(SILENCE), ALIVE);
    assert_eq!(is(&producer), (State::Up, Reason::FirstAlive, 0));
}

#[test]
fn the_reason_of_a_bet_stop_and_of_a_gap_goes_before_that_of_a_producer() {
    let mut provider = Provider::default();
    let mut say = |next: Move| provider.say(Who::Live, &next).expect("it fits");
    let active = |thousandths| Move::Odds(vec![(0, MarketStatus::Active, thousandths)]);
    let stop = Move::Stop(vec!["all"], domain::message::StopStatus::Suspended);
    let [first, second, third] = [say(active(2_000)), say(active(3_000)), say(stop)];
    let mut desk = Desk::new(PATIENT);
    let suspension = |desk: &Desk| desk.market(&market("406")).expect("a market").suspension;
    desk.take(&first);
    desk.trusts(Who::Live, false);
    assert_eq!(suspension(&desk), Some(Suspension::ProducerDown));
    desk.limits.wait_micros = 0;
    desk.take(&third);
    assert_eq!(suspension(&desk), Some(Suspension::BetStop));
    desk.wait(0);
    desk.take(&second);
    assert_eq!(suspension(&desk), Some(Suspension::BetStop), "reached in order");
    assert_eq!(desk.trusts(Who::Live, true), None, "the bet stop keeps it shut");
}

proptest! {
    /// Up is what has proven itself since it was first heard, and since it was last silent for too long.
    #[test]
    fn only_what_has_proven_itself_is_up(
        said in prop::collection::vec((0..15_000_000_i64, prop_oneof![
            4 => Just(Said::Alive(true)), 1 => Just(Said::Alive(false)), 1 => Just(Said::Nothing),
            2 => prop_oneof![Just(0), 0..30_000_000_i64].prop_map(Said::CompleteAskedForAgo),
        ]), 0..60),
        terms in prop_oneof![Just(ALIVE), Just(SNAPSHOT)],
    ) {
        let mut producer = Producer::first_heard(&Alive { subscribed: true }, at(0), terms);
        let (mut now, mut last_alive, mut back_at, mut owes_alive, mut owes_snapshot) = (0, 0, 0, false, true);
        for (pause, said) in said {
            now += pause;
            let is_late = now - last_alive >= SILENCE;
            match said {
                Said::Nothing => {
                    producer.expire(at(now), terms);
                    owes_alive |= is_late;
                }
                Said::Alive(subscribed) => {
                    producer.hear(&alive(subscribed), at(now), terms);
                    if is_late || owes_alive {
                        back_at = now;
                        owes_snapshot = true;
                    }
                    owes_alive = !subscribed;
                    last_alive = now;
                }
                Said::CompleteAskedForAgo(ago) => {
                    producer.hear(&complete((now - ago).max(0)), at(now), terms);
                    owes_snapshot &= owes_alive || (now - ago).max(0) < back_at;
                }
            }
            let owes_snapshot = owes_snapshot && terms.recovery == Recovery::Snapshot;
            prop_assert_eq!(producer.is_trusted(), !owes_alive && !owes_snapshot, "{:?}", producer);
        }
    }
}

/// What a producer says next.
#[derive(Debug, Clone, Copy)]
enum Said {
    Nothing,
    Alive(bool),
    /// The end of a recovery that was asked for so many microseconds ago.
    CompleteAskedForAgo(i64),
}
