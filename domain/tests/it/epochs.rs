//! Which epoch is the true one: a message with a wrong one shuts its event for as long as nobody contradicts it, no longer.

use domain::intake::HoldLimits;
use domain::market::Suspension;
use domain::message::{BetStop, Groups, OddsChange, Offer, Snapshot, StopStatus};
use domain::update::CauseKind;
use domain::{Body, Effect, FeedMessage, MarketKey, MarketStatus, Name, Position, Refusal};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::build::{odds, outcome};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Move, Provider, Who, message};

const LIMITS: HoldLimits = HoldLimits { wait_micros: 2_000_000, ..PATIENT };

fn offer(market_id: u32) -> Offer {
    Offer::new(MarketKey::plain(market_id), MarketStatus::Active, vec![outcome("4", odds(1_850))])
}

fn quote(market_id: u32) -> Body {
    Body::OddsChange(OddsChange::of(vec![offer(market_id)]))
}

fn snapshot(market_id: u32) -> Body {
    let markets = vec![offer(market_id)];
    Body::Snapshot(Snapshot { fixture: None, status: None, markets, incidents: None })
}

fn stop(groups: Groups) -> Body {
    Body::BetStop(BetStop { groups, market_status: StopStatus::Suspended })
}

/// A message of `live`, made at this time.
fn at(epoch: u64, sequence: u64, made: i64, body: Body) -> FeedMessage {
    message(Who::Live, Position { epoch, sequence }, made, body)
}

/// A market that is open since message 1, made at time 1.
fn open() -> Desk {
    let mut desk = Desk::new(LIMITS);
    desk.take(&at(1, 1, 1, quote(406)));
    desk
}

fn suspension(desk: &Desk, id: u32) -> Option<Suspension> {
    desk.market(&MarketKey::plain(id)).expect("the market").suspension
}

fn causes(effects: &[Effect]) -> Vec<CauseKind> {
    let kind = |effect: &Effect| match effect {
        Effect::Updated(update) => Some(update.cause.kind),
        _ => None,
    };
    effects.iter().filter_map(kind).collect()
}

#[test]
fn an_epoch_without_its_snapshot_is_forgotten_once_the_one_before_goes_on() {
    let mut desk = open();
    for wrong in [at(9_000, 7, 20, quote(406)), at(9_000, 8, 21, stop(Groups::All))] {
        desk.take(&wrong);
    }
    desk.take(&at(1, 2, 30, quote(406)));
    assert_eq!(suspension(&desk, 406), Some(Suspension::BetStop), "it may yet begin");
    assert_eq!(causes(&desk.wait(LIMITS.wait_micros)), [CauseKind::Gap]);
    desk.restart();
    desk.take(&at(1, 3, 21, quote(406)));
    assert_eq!(suspension(&desk, 406), Some(Suspension::BetStop), "this may have been made before it");
    let effects = desk.take(&at(1, 4, 31, quote(406)));
    let refused = refusals(&effects);
    let is_void =
        |refusal: &&&Refusal| matches!(refusal, Refusal::Invalid { pointer, .. } if pointer == "/epoch");
    assert_eq!(refused.iter().filter(is_void).count(), 2, "both are dead letters: {effects:?}");
    assert_eq!((suspension(&desk, 406), desk.has_gap(Who::Live), desk.intake.held()), (None, false, 0));
    desk.restart();
    assert!(refusals(&desk.take(&at(1, 5, 32, quote(406)))).is_empty());
}

#[test]
fn what_waits_for_the_true_epoch_waits_on() {
    let mut desk = open();
    desk.take(&at(9_000, 7, 20, quote(406)));
    desk.take(&at(1, 4, 30, quote(406)));
    desk.wait(LIMITS.wait_micros);
    desk.take(&at(1, 2, 25, quote(406)));
    assert_eq!((suspension(&desk, 406), desk.intake.held()), (Some(Suspension::Gap), 1), "3 is missing");
    desk.take(&at(1, 3, 26, quote(406)));
    assert_eq!((suspension(&desk, 406), desk.intake.held()), (None, 0));
}

#[test]
fn a_refused_message_of_a_wrong_epoch_shuts_until_the_true_one_goes_on() {
    let mut desk = open();
    desk.take(&at(9_000, 1, 20, quote(406)));
    assert_eq!(suspension(&desk, 406), Some(Suspension::DeadLetter), "an epoch begins with a snapshot");
    desk.take(&at(1, 2, 30, quote(406)));
    assert_eq!((suspension(&desk, 406), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn a_snapshot_of_a_wrong_epoch_is_put_right_by_one_that_is_made_later() {
    let mut desk = open();
    desk.take(&at(9_000, 1, 20, snapshot(406)));
    assert_eq!(suspension(&desk, 406), None, "nothing contradicts it");
    let effects = desk.take(&at(1, 2, 30, quote(406)));
    assert!(matches!(refusals(&effects)[..], [Refusal::Stale { .. }]));
    assert_eq!(causes(&effects), [CauseKind::Gap]);
    assert_eq!(suspension(&desk, 406), Some(Suspension::Gap));
    desk.restart();
    assert_eq!(causes(&desk.take(&at(1, 3, 40, quote(406)))), [], "said once");
    for too_old in [at(2, 1, 39, snapshot(406)), at(2, 1, 50, quote(406))] {
        desk.take(&too_old);
        assert_eq!(suspension(&desk, 406), Some(Suspension::Gap));
    }
    assert!(refusals(&desk.take(&at(2, 1, 60, snapshot(18)))).is_empty());
    assert_eq!((suspension(&desk, 18), desk.has_gap(Who::Live)), (None, false));
    assert_eq!(desk.market(&MarketKey::plain(406)), None, "all that was said before is replaced");
    desk.restart();
    assert!(refusals(&desk.take(&at(2, 2, 61, quote(18)))).is_empty());
    assert!(matches!(refusals(&desk.take(&at(1, 3, 40, quote(406))))[..], [Refusal::Stale { .. }]));
    assert_eq!(suspension(&desk, 18), None, "what was left behind raises no doubt");
}

#[test]
fn what_an_ordinary_restart_leaves_behind_raises_no_doubt() {
    let mut desk = open();
    desk.take(&at(1, 4, 9, quote(406)));
    desk.take(&at(2, 1, 20, snapshot(406)));
    // Late, for the first time or again; told once more with another time.
    for late in [at(1, 2, 5, quote(406)), at(1, 5, 19, quote(406)), at(1, 3, 40, quote(406))] {
        assert_eq!(causes(&desk.take(&late)), []);
    }
    assert_eq!((suspension(&desk, 406), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn a_message_of_an_epoch_too_low_shuts_until_the_true_one_goes_on() {
    let mut desk = open();
    desk.take(&at(5, 1, 20, snapshot(406)));
    assert_eq!(causes(&desk.take(&at(2, 9, 30, quote(406)))), [CauseKind::Gap]);
    desk.take(&at(5, 2, 30, quote(406)));
    assert_eq!(suspension(&desk, 406), Some(Suspension::Gap), "made at the same time");
    desk.take(&at(5, 3, 31, quote(406)));
    assert_eq!((suspension(&desk, 406), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn a_stop_ahead_in_the_next_epoch_holds_for_markets_its_snapshot_tells_first() {
    let mut desk = open();
    let total = || Groups::Named(vec![Name::new("total").expect("a name")]);
    desk.take(&at(2, 3, 22, stop(total())));
    let both =
        Snapshot { fixture: None, status: None, markets: vec![offer(406), offer(18)], incidents: None };
    desk.take(&at(2, 1, 20, Body::Snapshot(both)));
    assert_eq!((suspension(&desk, 406), suspension(&desk, 18)), (None, Some(Suspension::BetStop)));
    desk.restart();
    desk.take(&at(2, 2, 21, quote(412)));
    assert_eq!(suspension(&desk, 412), Some(Suspension::BetStop), "first seen below the stop");
    desk.take(&at(2, 4, 23, quote(18)));
    assert_eq!(suspension(&desk, 18), None, "offered anew behind it");
    desk.take(&at(3, 9, 30, stop(Groups::All)));
    desk.take(&at(2, 5, 24, quote(406)));
    assert_eq!(suspension(&desk, 406), Some(Suspension::BetStop), "one of a later epoch holds, too");
    desk.take(&at(4, 1, 40, snapshot(406)));
    assert_eq!(suspension(&desk, 406), None, "it is left behind with its epoch");
}

#[test]
fn no_more_epochs_are_remembered_than_there_is_room_for() {
    let mut desk = open();
    let epochs = 2..u64::try_from(3 * domain::limit::EPOCHS_AHEAD_MAX).expect("few");
    for epoch in epochs {
        desk.take(&at(epoch, 2, 20, quote(406)));
    }
    desk.wait(LIMITS.wait_micros);
    desk.take(&at(1, 2, 30, quote(406)));
    assert_eq!((suspension(&desk, 406), desk.intake.held()), (None, 0));
}

/// What is said of a game, and after it, twice, all of it anew, as a recovery is answered.
fn told(moves: &[(Who, Move)]) -> Vec<FeedMessage> {
    let mut provider = Provider::default();
    let anew = || Move::NewEpoch(vec![(0, MarketStatus::Active, 2_000), (1, MarketStatus::Active, 3_000)]);
    let first = [(Who::Live, Move::Odds(vec![(0, MarketStatus::Active, 1_500)]))];
    let last = [(Who::Live, anew()), (Who::Live, anew())];
    let all = first.iter().chain(moves).chain(&last);
    all.filter_map(|(who, next)| provider.say(*who, next)).collect()
}

proptest! {
    #[test]
    fn no_single_message_with_a_wrong_epoch_shuts_its_event_for_good(
        moves in prop::collection::vec((prop::sample::select(Who::BOTH.to_vec()), feed::a_move()), 1..40),
        place in any::<Index>(),
        (epoch, sequence) in (2..9_000_u64, 1..4_u64),
        body in prop::sample::select(vec![snapshot(18), quote(18), stop(Groups::All)]),
    ) {
        let sent = told(&moves);
        let place = place.index(sent.len() - 2);
        let mut desk = Desk::new(LIMITS);
        for (index, message) in sent.iter().enumerate() {
            desk.take(message);
            if index == place {
                let made = message.generated_at.0 + 1;
                let mut wrong = at(10_000 + epoch, sequence, made, body.clone());
                wrong.message_id = domain::MessageId::new("wrong").expect("an id");
                desk.take(&wrong);
                desk.wait(LIMITS.wait_micros);
            }
            prop_assert_eq!(&desk.restored(), &desk.intake);
        }
        prop_assert_eq!((desk.has_gap(Who::Live), desk.intake.held()), (false, 0));
        prop_assert_eq!(desk.values(), Desk::with(&sent).values());
    }
}
