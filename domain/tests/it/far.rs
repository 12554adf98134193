//! A message with a far too large sequence shuts its event for as long as nobody contradicts it, no longer.

use domain::intake::HoldLimits;
use domain::limit::SEQUENCES_AHEAD_MAX;
use domain::market::Suspension;
use domain::message::{BetStop, Groups, OddsChange, Offer, Snapshot, StopStatus};
use domain::{Body, Effect, FeedMessage, MarketKey, MarketStatus, Position, Refusal};

use crate::build::{odds, outcome};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{Who, message};

const LIMITS: HoldLimits = HoldLimits { wait_micros: 2_000_000, ..PATIENT };
const FAR: u64 = 1_000_000_007;

fn offer() -> Offer {
    Offer::new(MarketKey::plain(406), MarketStatus::Active, vec![outcome("4", odds(1_850))])
}

fn quote() -> Body {
    Body::OddsChange(OddsChange::of(vec![offer()]))
}

fn snapshot() -> Body {
    Body::Snapshot(Snapshot { fixture: None, status: None, markets: vec![offer()], incidents: None })
}

fn stop() -> Body {
    Body::BetStop(BetStop { groups: Groups::All, market_status: StopStatus::Suspended })
}

/// A message of `live` in an epoch, made at this time.
fn of(epoch: u64, sequence: u64, made: i64, body: Body) -> FeedMessage {
    message(Who::Live, Position { epoch, sequence }, made, body)
}

fn at(sequence: u64, made: i64, body: Body) -> FeedMessage {
    of(1, sequence, made, body)
}

fn suspension(desk: &Desk) -> Option<Suspension> {
    desk.market(&MarketKey::plain(406)).expect("the market").suspension
}

fn feed(desk: &Desk) -> domain::event::Feed {
    desk.intake.state().feed(&Who::Live.source()).expect("it has spoken").clone()
}

/// A market that is open since message 1, and a message that is far.
fn with_far(body: Body) -> Desk {
    let mut desk = Desk::new(LIMITS);
    desk.take(&at(1, 1, quote()));
    desk.take(&at(FAR, 20, body));
    desk
}

/// How many messages are dead letters since no such place is.
fn void(effects: &[Effect]) -> usize {
    let refused = refusals(effects);
    let is_void = |refusal: &&&Refusal| matches!(refusal, Refusal::Invalid { pointer, detail } if pointer == "/sequence" && detail.starts_with("there is no such place"));
    refused.iter().filter(is_void).count()
}

#[test]
fn one_with_a_far_too_large_sequence_is_forgotten_once_its_producer_goes_on_where_it_was() {
    for body in [quote(), stop()] {
        let shut = if matches!(body, Body::BetStop(_)) { Suspension::BetStop } else { Suspension::Gap };
        let mut desk = with_far(body);
        desk.take(&at(2, 30, quote()));
        desk.wait(LIMITS.wait_micros);
        desk.restart();
        assert_eq!(suspension(&desk), Some(shut), "as much may be missing");
        assert!(feed(&desk).is_recoverable());
        desk.take(&at(3, 20, quote()));
        assert_eq!(suspension(&desk), Some(shut), "this may have been made before it");
        let effects = desk.take(&at(4, 21, quote()));
        assert_eq!((void(&effects), desk.intake.held()), (1, 0), "{effects:?}");
        assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
        assert!(!feed(&desk).is_recoverable(), "nobody is asked for what is not missing");
        let before = desk.intake.clone();
        desk.restart();
        assert_eq!(desk.intake, before);
        assert!(refusals(&desk.take(&at(5, 22, quote()))).is_empty());
    }
}

#[test]
fn what_is_missing_before_a_true_one_is_waited_for_however_far_that_is() {
    let mut desk = with_far(quote());
    let far = SEQUENCES_AHEAD_MAX + 2;
    let mut desk_of_true = Desk::new(LIMITS);
    desk_of_true.take(&at(1, 1, quote()));
    for sequence in far..far + 5 {
        desk_of_true.take(&at(sequence, 20, quote()));
    }
    desk_of_true.wait(LIMITS.wait_micros);
    desk_of_true.restart();
    for sequence in 2..far {
        assert_eq!(suspension(&desk_of_true), Some(Suspension::Gap), "{sequence}");
        // Made before, or said again for a recovery, which may make it anew.
        let mut again = at(sequence, if sequence % 2 == 0 { 10 } else { 99 }, quote());
        again.request_id = (sequence % 2 == 1).then_some(7);
        assert_eq!(void(&desk_of_true.take(&again)), 0);
        if sequence % 100 == 0 {
            desk_of_true.restart();
        }
    }
    assert_eq!((suspension(&desk_of_true), desk_of_true.intake.held()), (None, 0));

    // Nor is one that is near lost with it.
    desk.take(&at(4, 25, quote()));
    desk.wait(LIMITS.wait_micros);
    desk.take(&at(2, 30, quote()));
    assert_eq!((suspension(&desk), desk.intake.held()), (Some(Suspension::Gap), 1), "3 is missing");
    desk.take(&at(3, 31, quote()));
    assert_eq!((suspension(&desk), desk.intake.held()), (None, 0));
}

#[test]
fn one_that_became_a_dead_letter_is_forgotten_too() {
    let limits = HoldLimits { kept_micros: 1_000_000, ..LIMITS };
    let mut desk = Desk::new(limits);
    desk.take(&at(1, 1, quote()));
    desk.take(&at(FAR, 20, quote()));
    desk.wait(LIMITS.wait_micros);
    desk.wait(2_000_000);
    assert_eq!((suspension(&desk), desk.intake.held()), (Some(Suspension::DeadLetter), 0));
    desk.restart();
    desk.take(&at(2, 30, quote()));
    assert_eq!((suspension(&desk), feed(&desk).is_recoverable()), (None, false));
}

#[test]
fn the_first_that_comes_and_one_of_an_epoch_to_come_may_be_wrong_as_well() {
    let mut desk = Desk::new(LIMITS);
    desk.take(&at(FAR, 20, quote()));
    desk.wait(LIMITS.wait_micros);
    desk.take(&at(1, 21, quote()));
    assert_eq!(suspension(&desk), Some(Suspension::Gap), "its epoch had not begun");
    assert_eq!(void(&desk.take(&at(2, 22, quote()))), 1);
    assert_eq!(suspension(&desk), None);
    desk.take(&of(2, FAR, 30, quote()));
    desk.wait(LIMITS.wait_micros);
    desk.take(&of(2, 1, 31, snapshot()));
    desk.restart();
    desk.take(&of(2, 2, 32, quote()));
    assert_eq!((suspension(&desk), desk.intake.held()), (None, 0));
}
