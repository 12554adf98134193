//! What makes a producer go down and come up, case by case.

use domain::market::Suspension;
use domain::message::{Alive, ProducerBody, SnapshotComplete};
use domain::producer::{Moment, Reason, Recovery, State, Terms};
use domain::{MarketStatus, Producer};
use proptest::prelude::*;

use crate::build::{at, market};
use crate::desk::{Desk, PATIENT};
use crate::feed::{Move, Provider, Who};

const SILENCE: i64 = 20_000_000;
/// Longer than a silence may last, so that the two are told apart.
const DELAY: i64 = 30_000_000;
const ALIVE: Terms = Terms { silence_micros: SILENCE, delay_micros: DELAY, recovery: Recovery::Alive };
const SNAPSHOT: Terms = Terms { recovery: Recovery::Snapshot, ..ALIVE };
const NOBODY: Terms = Terms { recovery: Recovery::Nobody, ..ALIVE };

/// What is said and heard at once.
fn on_time(micros: i64) -> Moment {
    Moment { at: at(micros), received_at: at(micros), generated_at: at(micros) }
}

/// What is older when it comes than anything may be.
fn too_old(micros: i64) -> Moment {
    Moment { generated_at: at(micros - DELAY - 1), ..on_time(micros) }
}

fn alive(subscribed: bool) -> ProducerBody {
    ProducerBody::Alive(Alive { subscribed })
}

/// The end of a recovery that was asked for at this time.
fn complete(asked_at: i64) -> ProducerBody {
    ProducerBody::SnapshotComplete(SnapshotComplete { request_id: asked_at.unsigned_abs() })
}

/// A producer that is up since second 0, at which it was first heard.
fn heard() -> Producer {
    Producer::first_heard(&Alive { subscribed: true }, on_time(0), ALIVE)
}

fn is(producer: &Producer) -> (State, Reason, i64) {
    (producer.state, producer.reason, producer.since.0)
}

#[test]
fn a_producer_is_up_from_its_first_alive_on_where_that_is_enough() {
    assert_eq!(is(&heard()), (State::Up, Reason::FirstAlive, 0));
    let lost = Producer::first_heard(&Alive { subscribed: false }, on_time(5), ALIVE);
    assert_eq!(is(&lost), (State::Down, Reason::NotSubscribed, 5));
}

#[test]
fn who_says_that_messages_were_lost_is_asked_for_them_at_once_where_a_snapshot_is_asked_for() {
    let mut producer = Producer::first_heard(&Alive { subscribed: false }, on_time(5), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::NotSubscribed, 5));
    // Saying so once more takes nothing back of what was asked for: it may do so until all has come.
    producer.hear(&alive(false), on_time(7), SNAPSHOT);
    producer.hear(&complete(4), on_time(8), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering);
    producer.hear(&complete(6), on_time(9), SNAPSHOT);
    assert_eq!(is(&producer), (State::Up, Reason::SnapshotComplete, 9));
    producer.hear(&alive(false), on_time(10), SNAPSHOT);
    assert_eq!(
        (is(&producer), producer.alive_since),
        ((State::Recovering, Reason::NotSubscribed, 10), at(10))
    );
}

#[test]
fn where_a_snapshot_is_asked_for_what_was_said_before_the_first_alive_may_be_missing() {
    let mut producer = Producer::first_heard(&Alive { subscribed: true }, on_time(5), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::FirstAlive, 5));
    assert_eq!(producer.trusted_until, at(0), "everything is to be asked for");
    producer.hear(&alive(true), on_time(6), SNAPSHOT);
    producer.hear(&complete(4), on_time(7), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering);
    producer.hear(&complete(5), on_time(8), SNAPSHOT);
    assert_eq!(is(&producer), (State::Up, Reason::SnapshotComplete, 8));
}

#[test]
fn it_is_down_once_its_silence_has_lasted_too_long() {
    let mut producer = heard();
    producer.hear(&alive(true), on_time(10_000_000), ALIVE);
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
    producer.hear(&complete(SILENCE + 1), on_time(SILENCE + 1), ALIVE);
    assert_eq!(producer.state, State::Down);
    producer.hear(&alive(true), on_time(SILENCE + 2), ALIVE);
    assert_eq!(is(&producer), (State::Up, Reason::AliveAgain, SILENCE + 2));
    producer.hear(&alive(false), on_time(SILENCE + 3), ALIVE);
    assert_eq!(is(&producer), (State::Down, Reason::NotSubscribed, SILENCE + 3));
    producer.hear(&alive(true), on_time(SILENCE + 4), ALIVE);
    assert_eq!(producer.state, State::Up);
}

#[test]
fn where_a_snapshot_is_asked_for_alive_alone_is_not_enough() {
    let mut producer = heard();
    producer.expire(at(SILENCE), SNAPSHOT);
    producer.hear(&complete(SILENCE + 1), on_time(SILENCE + 1), SNAPSHOT);
    assert_eq!(producer.state, State::Down, "what was complete before it was alive again may lack something");
    producer.hear(&alive(true), on_time(SILENCE + 2), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::AliveInterval, SILENCE));
    producer.hear(&alive(true), on_time(SILENCE + 3), SNAPSHOT);
    producer.hear(&complete(SILENCE + 1), on_time(SILENCE + 4), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering, "what was asked for before it was alive again may, too");
    producer.hear(&complete(SILENCE + 2), on_time(SILENCE + 5), SNAPSHOT);
    assert_eq!(is(&producer), (State::Up, Reason::SnapshotComplete, SILENCE + 5));
}

#[test]
fn a_recovery_ends_with_another_silence_and_with_a_loss() {
    let mut producer = heard();
    producer.hear(&alive(false), on_time(1), SNAPSHOT);
    producer.hear(&alive(true), on_time(2), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::AliveAgain, 1));
    assert!(producer.expire(at(2 + SILENCE), SNAPSHOT));
    assert_eq!(is(&producer), (State::Down, Reason::AliveInterval, 1), "it has not been trusted meanwhile");
    producer.hear(&alive(true), on_time(3 + SILENCE), SNAPSHOT);
    producer.hear(&alive(false), on_time(4 + SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering);
    producer.hear(&alive(true), on_time(5 + SILENCE), SNAPSHOT);
    producer.hear(&complete(3 + SILENCE), on_time(6 + SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering, "the loss came after the request");
    // A silence that nobody noticed is one all the same.
    producer.hear(&alive(true), on_time(5 + 2 * SILENCE), SNAPSHOT);
    producer.hear(&complete(5 + SILENCE), on_time(6 + 2 * SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Recovering);
    producer.hear(&complete(5 + 2 * SILENCE), on_time(7 + 2 * SILENCE), SNAPSHOT);
    assert_eq!(producer.state, State::Up);
}

#[test]
fn a_silence_that_ended_unnoticed_still_asks_for_a_snapshot() {
    let mut producer = heard();
    producer.hear(&alive(true), on_time(SILENCE), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::AliveInterval, SILENCE));
    let mut producer = heard();
    producer.hear(&alive(true), on_time(SILENCE), ALIVE);
    assert_eq!(is(&producer), (State::Up, Reason::FirstAlive, 0));
}

#[test]
fn where_nobody_asks_for_a_recovery_no_alive_is_enough_and_the_reason_says_why() {
    let mut producer = Producer::first_heard(&Alive { subscribed: true }, on_time(5), NOBODY);
    assert_eq!(is(&producer), (State::Down, Reason::RecoveryNotConfigured, 5));
    producer.hear(&alive(true), on_time(6), NOBODY);
    producer.hear(&complete(6), on_time(7), NOBODY);
    assert_eq!(is(&producer), (State::Down, Reason::RecoveryNotConfigured, 5));
    // Once somebody does, everything is asked for.
    producer.hear(&alive(true), on_time(8), SNAPSHOT);
    assert_eq!((producer.state, producer.trusted_until), (State::Recovering, at(0)));
    producer.hear(&complete(8), on_time(9), SNAPSHOT);
    assert_eq!(producer.state, State::Up);
    // And once nobody does any more, it stays up as long as it is not silent.
    producer.hear(&alive(true), on_time(10), NOBODY);
    assert_eq!(producer.state, State::Up);
    producer.hear(&alive(true), on_time(10 + SILENCE), NOBODY);
    assert_eq!((producer.state, producer.reason), (State::Down, Reason::RecoveryNotConfigured));
}

#[test]
fn what_came_up_by_alive_alone_needs_a_recovery_where_that_is_no_longer_enough() {
    let mut producer = heard();
    producer.hear(&alive(true), on_time(1), SNAPSHOT);
    assert_eq!(is(&producer), (State::Recovering, Reason::FirstAlive, 1));
    let mut producer = heard();
    producer.hear(&alive(true), on_time(1), NOBODY);
    assert_eq!(is(&producer), (State::Down, Reason::RecoveryNotConfigured, 1));
}

#[test]
fn one_that_never_said_that_it_is_alive_comes_up_as_one_that_is_heard_for_the_first_time() {
    let never = Producer::never_alive(at(3));
    assert_eq!((is(&never), never.deadline(SNAPSHOT)), ((State::Down, Reason::NeverAlive, 3), None));
    for (terms, expected) in
        [(ALIVE, (State::Up, Reason::FirstAlive, 9)), (SNAPSHOT, (State::Recovering, Reason::FirstAlive, 3))]
    {
        let mut producer = never;
        producer.hear(&complete(3), on_time(8), terms);
        producer.hear(&alive(true), on_time(9), terms);
        assert_eq!((is(&producer), producer.alive_since), (expected, at(9)));
    }
}

#[test]
fn what_is_punctual_and_old_is_not_trusted_until_it_is_new_again() {
    for terms in [ALIVE, SNAPSHOT] {
        let mut producer = Producer::first_heard(&Alive { subscribed: true }, on_time(0), terms);
        producer.hear(&complete(0), on_time(0), terms);
        let just = Moment { generated_at: at(1 - DELAY), ..on_time(1) };
        producer.hear(&alive(true), just, terms);
        assert!(producer.is_trusted(), "{terms:?}: as old as it may be");
        producer.hear(&alive(true), too_old(2), terms);
        assert_eq!(is(&producer), (State::Down, Reason::Delayed, 2), "{terms:?}");
        producer.hear(&alive(true), on_time(3), terms);
        assert_eq!(is(&producer), (State::Up, Reason::DelayOver, 3), "nothing was missed");
        producer.hear(&alive(true), too_old(4), terms);
        // Its silence is noticed all the same, and what it says first after that is too old, too.
        assert!(producer.expire(at(4 + SILENCE), terms));
        assert_eq!((producer.state, producer.reason), (State::Down, Reason::AliveInterval));
        producer.hear(&alive(true), too_old(5 + SILENCE), terms);
        assert!(!producer.is_trusted(), "{terms:?}");
    }
}

#[test]
fn a_silence_while_it_was_late_asks_for_a_snapshot_and_so_does_what_is_complete_and_old() {
    let mut producer = heard();
    producer.hear(&alive(false), on_time(1), SNAPSHOT);
    producer.hear(&alive(true), on_time(2), SNAPSHOT);
    producer.hear(&complete(2), too_old(3), SNAPSHOT);
    assert_eq!((producer.state, producer.reason), (State::Down, Reason::Delayed));
    producer.hear(&alive(true), on_time(2 + SILENCE), SNAPSHOT);
    assert_eq!((producer.state, producer.reason), (State::Recovering, Reason::AliveInterval));
}

#[test]
fn what_may_be_missing_counts_from_the_providers_own_clock() {
    let behind = |micros: i64| Moment { generated_at: at(micros - 7_000_000), ..on_time(micros) };
    let mut producer = heard();
    producer.hear(&alive(true), behind(10_000_000), ALIVE);
    producer.expire(at(10_000_000 + SILENCE), ALIVE);
    assert_eq!(producer.trusted_until, at(3_000_000));
    let mut producer = heard();
    producer.hear(&alive(true), behind(10_000_000), ALIVE);
    producer.hear(&alive(false), behind(11_000_000), ALIVE);
    assert_eq!(producer.trusted_until, at(3_000_000), "of the last that was trusted");
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
        let mut producer = Producer::first_heard(&Alive { subscribed: true }, on_time(0), terms);
        let (mut now, mut last_alive, mut back_at) = (0, 0, 0);
        let (mut owes_alive, mut owes_snapshot, mut was_lossy) = (false, true, false);
        for (pause, said) in said {
            now += pause;
            let is_late = now - last_alive >= SILENCE;
            match said {
                Said::Nothing => {
                    producer.expire(at(now), terms);
                    owes_alive |= is_late;
                    was_lossy &= !is_late;
                }
                Said::Alive(subscribed) => {
                    producer.hear(&alive(subscribed), on_time(now), terms);
                    // Who says once more that messages were lost says nothing new.
                    let tells_of_loss = !subscribed && !was_lossy && terms.recovery == Recovery::Snapshot;
                    if is_late || owes_alive || tells_of_loss {
                        back_at = now;
                        owes_snapshot = true;
                    }
                    owes_alive = !subscribed && terms.recovery == Recovery::Alive;
                    was_lossy = !subscribed;
                    last_alive = now;
                }
                Said::CompleteAskedForAgo(ago) => {
                    producer.hear(&complete((now - ago).max(0)), on_time(now), terms);
                    owes_snapshot &= owes_alive || (now - ago).max(0) < back_at;
                    was_lossy &= owes_snapshot;
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
