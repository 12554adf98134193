//! Order by example: what becomes of a message that comes too early, too late, twice or never.

use domain::intake::HoldLimits;
use domain::market::Suspension;
use domain::message::{BetStop, Groups, OddsChange, Offer, Snapshot, StopStatus};
use domain::update::CauseKind;
use domain::{
    Body, Effect, FeedMessage, Market, MarketKey, MarketStatus, MessageId, MessageType, Name, Position,
    Refusal, Timestamp,
};

use crate::build::{odds, outcome};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{Who, message};

const WAIT_MICROS: i64 = 2_000_000;
const KEPT_MICROS: i64 = 60_000_000;
const LIMITS: HoldLimits = HoldLimits { wait_micros: WAIT_MICROS, held_max: 3, kept_micros: KEPT_MICROS };

/// A message of epoch 1.
fn at(sequence: u64, body: Body) -> FeedMessage {
    message(Who::Live, Position { epoch: 1, sequence }, 0, body)
}

fn offer(market_id: u32, thousandths: u32) -> Offer {
    let outcomes = vec![outcome("4", odds(thousandths))];
    Offer::new(MarketKey::plain(market_id), MarketStatus::Active, outcomes)
}

fn quote(market_id: u32, thousandths: u32) -> Body {
    Body::OddsChange(OddsChange::of(vec![offer(market_id, thousandths)]))
}

fn stop(groups: Groups) -> Body {
    Body::BetStop(BetStop { groups, market_status: StopStatus::Suspended })
}

fn snapshot(markets: Vec<Offer>) -> Body {
    Body::Snapshot(Snapshot { fixture: None, status: None, markets, incidents: None })
}

/// A market that is open since message 1.
fn open() -> Desk {
    let mut desk = Desk::new(LIMITS);
    desk.take(&at(1, quote(406, 1_850)));
    desk
}

fn market(desk: &Desk, id: u32) -> Market {
    desk.market(&MarketKey::plain(id)).expect("a market")
}

fn state(desk: &Desk, id: u32) -> (MarketStatus, Option<Suspension>) {
    let market = market(desk, id);
    (market.status, market.suspension)
}

const ACTIVE: (MarketStatus, Option<Suspension>) = (MarketStatus::Active, None);
const STOPPED: (MarketStatus, Option<Suspension>) = (MarketStatus::Suspended, Some(Suspension::BetStop));
const BEHIND_GAP: (MarketStatus, Option<Suspension>) = (MarketStatus::Suspended, Some(Suspension::Gap));
const BEHIND_LETTER: (MarketStatus, Option<Suspension>) =
    (MarketStatus::Suspended, Some(Suspension::DeadLetter));

/// Effects in short: the cause of each update, and what happened to messages.
fn in_short(effects: &[Effect]) -> Vec<String> {
    let short = |effect: &Effect| match effect {
        Effect::Updated(update) => format!("{} -> {}", update.cause.kind, update.version),
        Effect::Held(held) => format!("held {}", held.arrival.message.message_id),
        Effect::Released { position, .. } => format!("released {position}"),
        Effect::Refused { arrival, refusal } => format!("{}: {refusal}", arrival.message.message_id),
    };
    effects.iter().map(short).collect()
}

#[test]
fn a_message_that_comes_early_is_held_until_its_turn() {
    let mut desk = open();
    assert_eq!(in_short(&desk.take(&at(3, quote(406, 3_000)))), ["held live-1-3"]);
    assert_eq!(market(&desk, 406).outcomes[0].odds, odds(1_850));
    let effects = desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(in_short(&effects), ["odds_change -> 2", "released epoch 1 sequence 3", "odds_change -> 3"]);
    assert_eq!(market(&desk, 406).outcomes[0].odds, odds(3_000));
    assert_eq!(desk.intake.held(), 0);
}

#[test]
fn a_first_message_above_one_is_early() {
    let mut desk = Desk::new(LIMITS);
    assert_eq!(in_short(&desk.take(&at(2, quote(406, 2_000)))), ["held live-1-2"]);
    assert_eq!(in_short(&desk.wait(WAIT_MICROS)), ["gap -> 1"]);
    assert_eq!(desk.updates[0].cause.position, Some(Position { epoch: 1, sequence: 1 }));
}

#[test]
fn when_the_wait_is_over_a_gap_is_declared_once() {
    let mut desk = open();
    desk.take(&at(3, quote(406, 3_000)));
    desk.take(&at(4, quote(406, 4_000)));
    let deadline = desk.intake.next_deadline(LIMITS).expect("something waits");
    assert_eq!(deadline, Timestamp(2_000 + WAIT_MICROS), "of what has waited longest");
    assert_eq!(in_short(&desk.wait(WAIT_MICROS - 1_001)), [""; 0]);
    assert_eq!(state(&desk, 406), ACTIVE);
    assert_eq!(in_short(&desk.wait(1)), ["gap -> 2"]);
    assert_eq!(state(&desk, 406), BEHIND_GAP);
    assert_eq!(in_short(&desk.wait(WAIT_MICROS)), [""; 0]);
    assert_eq!(desk.intake.next_deadline(LIMITS), Some(deadline.plus_micros(KEPT_MICROS)));
}

#[test]
fn what_waits_behind_a_gap_that_nobody_fills_is_a_dead_letter_in_the_end() {
    let mut desk = open();
    desk.take(&at(3, quote(406, 3_000)));
    desk.take(&at(4, quote(406, 4_000)));
    desk.wait(WAIT_MICROS);
    assert_eq!(in_short(&desk.wait(KEPT_MICROS - 1_001)), [""; 0]);
    desk.restart();
    let effects = desk.wait(1);
    assert_eq!(refusals(&effects).len(), 1, "{effects:?}");
    assert_eq!(desk.intake.held(), 1, "the later one has a millisecond more");
    let cause = desk.updates.last().expect("an update").cause.clone();
    assert_eq!(
        (cause.kind, cause.position),
        (CauseKind::DeadLetter, Some(Position { epoch: 1, sequence: 3 }))
    );
    desk.wait(1_000);
    assert_eq!((desk.intake.held(), desk.intake.next_deadline(LIMITS)), (0, None));
    for sequence in [2, 3, 4] {
        assert_ne!(state(&desk, 406), ACTIVE);
        desk.take(&at(sequence, quote(406, 5_000)));
    }
    assert_eq!(state(&desk, 406), ACTIVE, "each of them can still be sent again");
}

#[test]
fn no_more_is_given_up_at_once_than_may_be() {
    let mut desk = open();
    for sequence in 3..=5 {
        desk.take(&at(sequence, quote(406, 3_000)));
    }
    desk.wait(WAIT_MICROS + 3_000);
    let late = Timestamp(desk.now + KEPT_MICROS);
    let given_up = |effects: Vec<Effect>| refusals(&effects).len();
    assert_eq!(given_up(desk.intake.give_up_waiting(late, LIMITS, 2)), 2);
    assert_eq!(given_up(desk.intake.give_up_waiting(late, LIMITS, 2)), 1);
}

#[test]
fn a_gap_names_the_first_message_that_is_missing() {
    let mut desk = open();
    desk.take(&at(3, quote(406, 3_000)));
    desk.wait(WAIT_MICROS);
    let cause = &desk.updates[1].cause;
    assert_eq!((cause.kind, cause.position), (CauseKind::Gap, Some(Position { epoch: 1, sequence: 2 })));
    assert_eq!(cause.message_id, None);
}

#[test]
fn a_gap_before_a_new_epoch_names_its_snapshot() {
    let mut desk = open();
    desk.take(&message(Who::Live, Position { epoch: 2, sequence: 3 }, 0, quote(406, 3_000)));
    desk.wait(WAIT_MICROS);
    assert_eq!(desk.updates[1].cause.position, Some(Position { epoch: 2, sequence: 1 }));
}

#[test]
fn a_gap_ends_with_the_last_message_heard_of() {
    let mut desk = open();
    desk.take(&at(3, quote(406, 3_000)));
    desk.take(&at(5, quote(406, 5_000)));
    desk.wait(WAIT_MICROS);
    desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(state(&desk, 406), BEHIND_GAP, "message 4 is missing");
    desk.take(&at(4, quote(406, 4_000)));
    assert_eq!(state(&desk, 406), ACTIVE);
    assert_eq!(market(&desk, 406).outcomes[0].odds, odds(5_000));
}

#[test]
fn a_gap_of_one_producer_leaves_the_markets_of_another_open() {
    let mut desk = open();
    desk.take(&message(Who::Pre, Position { epoch: 1, sequence: 1 }, 0, quote(18, 1_900)));
    desk.take(&at(3, quote(406, 3_000)));
    desk.wait(WAIT_MICROS);
    assert_eq!((state(&desk, 406), state(&desk, 18)), (BEHIND_GAP, ACTIVE));
}

#[test]
fn when_too_many_wait_the_next_is_refused_and_shuts_the_event() {
    let mut desk = open();
    for sequence in 3..6 {
        desk.take(&at(sequence, quote(406, 2_000)));
    }
    let effects = desk.take(&at(6, quote(406, 6_000)));
    let refused =
        "live-1-6: invalid at `/sequence`: 3 messages wait for epoch 1 sequence 2 already: there is no room";
    assert_eq!(in_short(&effects), [refused, "dead_letter -> 2"]);
    desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(desk.applied(Who::Live), Some(Position { epoch: 1, sequence: 5 }));
    assert_eq!(state(&desk, 406), BEHIND_LETTER, "message 6 is a dead letter");
    desk.take(&at(6, quote(406, 6_000)));
    assert_eq!(state(&desk, 406), ACTIVE, "message 6 was sent again");
}

#[test]
fn two_messages_cannot_wait_at_one_place() {
    let mut desk = open();
    let early = at(3, quote(406, 3_000));
    desk.take(&early);
    assert_eq!(in_short(&desk.take(&early)), ["live-1-3: duplicate"]);
    let other = FeedMessage { message_id: MessageId::new("other").expect("an id"), ..early };
    let refused = "other: invalid at `/sequence`: message live-1-3 waits at epoch 1 sequence 3 already";
    assert_eq!(in_short(&desk.take(&other)), [refused]);
}

#[test]
fn the_same_message_again_is_a_duplicate_and_another_below_is_stale() {
    let mut desk = open();
    desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(in_short(&desk.take(&at(1, quote(406, 1_850)))), ["live-1-1: duplicate"]);
    let other =
        FeedMessage { message_id: MessageId::new("other").expect("an id"), ..at(1, quote(406, 1_850)) };
    assert_eq!(in_short(&desk.take(&other)), ["other: stale: epoch 1 sequence 2 has been applied"]);
}

#[test]
fn a_new_epoch_replaces_what_its_producer_said_and_leaves_the_old_one_behind() {
    let mut desk = open();
    desk.take(&at(2, quote(1, 2_500)));
    desk.take(&message(Who::Pre, Position { epoch: 1, sequence: 1 }, 0, quote(18, 1_900)));
    desk.take(&at(4, quote(406, 4_000)));
    let renewed =
        message(Who::Live, Position { epoch: 2, sequence: 1 }, 0, snapshot(vec![offer(406, 1_600)]));
    let stale = "live-1-4: stale: epoch 2 sequence 1 has been applied";
    assert_eq!(in_short(&desk.take(&renewed)), ["snapshot -> 4", "released epoch 1 sequence 4", stale]);
    assert_eq!(market(&desk, 406).outcomes[0].odds, odds(1_600));
    assert_eq!(desk.market(&MarketKey::plain(1)), None, "the snapshot does not list it");
    assert_eq!(state(&desk, 18), ACTIVE, "the other producer has not spoken");
    assert!(matches!(refusals(&desk.take(&at(3, quote(406, 9_000))))[..], [Refusal::Stale { .. }]));
}

#[test]
fn a_new_epoch_without_a_snapshot_is_refused_and_drops_nothing() {
    let mut desk = open();
    desk.take(&at(3, quote(406, 3_000)));
    let renewed = message(Who::Live, Position { epoch: 2, sequence: 1 }, 0, quote(406, 1_600));
    let refused = "live-2-1: invalid at `/type`: a new epoch begins with a snapshot, not with `odds_change`";
    assert_eq!(in_short(&desk.take(&renewed)), [refused, "dead_letter -> 2"]);
    assert_eq!(desk.intake.held(), 1);
    desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(state(&desk, 406), BEHIND_LETTER, "the new epoch has not begun");
}

#[test]
fn a_bet_stop_that_overtakes_suspends_at_once_and_holds_the_line() {
    let mut desk = open();
    let effects = desk.take(&at(4, stop(Groups::All)));
    assert_eq!(in_short(&effects), ["bet_stop -> 2", "held live-1-4"]);
    assert_eq!(state(&desk, 406), STOPPED);
    desk.take(&at(2, quote(406, 2_000)));
    assert_eq!((state(&desk, 406), market(&desk, 406).outcomes[0].odds), (STOPPED, odds(2_000)));
    desk.take(&at(3, quote(1, 2_500)));
    assert_eq!(state(&desk, 1), STOPPED, "a market first seen below the stop stays as shut as others");
}

#[test]
fn a_bet_stop_reached_in_order_has_no_further_effect() {
    let mut desk = open();
    desk.take(&at(3, stop(Groups::All)));
    let effects = desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(in_short(&effects), ["odds_change -> 3", "released epoch 1 sequence 3"]);
    assert_eq!(desk.applied(Who::Live), Some(Position { epoch: 1, sequence: 3 }));
    desk.take(&at(4, quote(406, 4_000)));
    assert_eq!(state(&desk, 406), ACTIVE);
}

#[test]
fn a_bet_stop_that_overtakes_stops_its_groups_only() {
    let mut desk = open();
    desk.take(&at(2, quote(18, 1_900)));
    desk.take(&at(4, stop(Groups::Named(vec![Name::new("regular_time").expect("a name")]))));
    assert_eq!((state(&desk, 406), state(&desk, 18)), (ACTIVE, STOPPED));
}

#[test]
fn a_bet_stop_below_what_is_applied_is_stale() {
    let mut desk = open();
    desk.take(&at(2, quote(406, 2_000)));
    let late = FeedMessage { message_id: MessageId::new("late").expect("an id"), ..at(1, stop(Groups::All)) };
    assert_eq!(in_short(&desk.take(&late)), ["late: stale: epoch 1 sequence 2 has been applied"]);
    assert_eq!(state(&desk, 406), ACTIVE);
}

#[test]
fn a_bet_stop_that_comes_twice_overtakes_once() {
    let mut desk = open();
    desk.take(&at(3, stop(Groups::All)));
    assert_eq!(in_short(&desk.take(&at(3, stop(Groups::All)))), ["live-1-3: duplicate"]);
    assert_eq!(desk.updates.len(), 2);
}

#[test]
fn a_bet_stop_shuts_even_where_there_is_no_room_to_hold_it() {
    let mut desk = open();
    desk.limits.held_max = 0;
    let effects = desk.take(&at(3, stop(Groups::All)));
    assert_eq!(in_short(&effects)[0], "bet_stop -> 2");
    assert_eq!(state(&desk, 406), BEHIND_LETTER, "it is a dead letter, which somebody has to put right");
}

#[test]
fn bet_stops_beyond_what_is_remembered_shut_everything() {
    let mut desk = open();
    desk.limits = PATIENT;
    let names = Groups::Named(vec![Name::new("total").expect("a name")]);
    let last = 3 + domain::limit::BARRIERS_MAX as u64;
    for sequence in 3..last {
        desk.take(&at(sequence, stop(names.clone())));
    }
    assert_eq!(state(&desk, 406), ACTIVE, "it is in no group of theirs");
    let effects = desk.take(&at(last, stop(Groups::All)));
    assert_eq!(in_short(&effects)[0], format!("gap -> {}", last - 1));
    assert_eq!(state(&desk, 406), BEHIND_GAP);
}

#[test]
fn a_refused_message_can_be_sent_again_with_what_was_wrong_put_right() {
    let mut desk = open();
    let twice = Body::OddsChange(OddsChange::of(vec![offer(406, 2_000), offer(406, 2_100)]));
    let refused = "live-1-2: invalid at `/body/markets/1`: the message names this market twice";
    assert_eq!(in_short(&desk.take(&at(2, twice))), [refused, "dead_letter -> 2"]);
    assert_eq!(state(&desk, 406), BEHIND_LETTER);
    assert_eq!(in_short(&desk.take(&at(2, quote(406, 2_000)))), ["odds_change -> 3"]);
    assert_eq!(state(&desk, 406), ACTIVE);
    assert_eq!(desk.updates[2].cause.kind, CauseKind::Message(MessageType::OddsChange));
}

#[test]
fn a_message_that_could_not_be_stored_is_missing_until_it_comes_again() {
    let mut desk = open();
    let lost = at(3, quote(406, 1_900));
    let update = desk.give_up(&lost, Timestamp(9_000)).expect("a gap");
    assert_eq!(update.cause.kind, CauseKind::DeadLetter);
    assert_eq!(update.cause.position, lost.position());
    assert_eq!(state(&desk, 406), BEHIND_LETTER);
    assert_eq!(desk.give_up(&lost, Timestamp(9_000)), None, "said once");
    desk.take(&at(2, quote(410, 1_500)));
    assert_eq!(state(&desk, 406), BEHIND_LETTER, "the message before it does not take its place");
    desk.take(&lost);
    assert_eq!(state(&desk, 406), ACTIVE);
    assert_eq!(desk.give_up(&at(1, quote(406, 1_850)), Timestamp(9_000)), None, "its turn is over");
}

#[test]
fn a_gap_says_what_it_is_known_to_come_from() {
    let mut desk = open();
    desk.take(&at(5, quote(406, 2_000)));
    assert_eq!(in_short(&desk.wait(WAIT_MICROS)), ["gap -> 2"]);
    assert_eq!(state(&desk, 406), BEHIND_GAP);
    let twice = Body::OddsChange(OddsChange::of(vec![offer(406, 2_000), offer(406, 2_100)]));
    assert_eq!(in_short(&desk.take(&at(2, twice.clone())))[1..], ["dead_letter -> 3"]);
    assert_eq!(state(&desk, 406), BEHIND_LETTER);
    desk.take(&at(2, quote(406, 2_000)));
    assert_eq!(
        state(&desk, 406),
        BEHIND_GAP,
        "the letter's place is taken, messages 3 and 4 are missing still"
    );
    assert_eq!(in_short(&desk.take(&at(3, twice)))[1..], ["dead_letter -> 5"]);
    desk.take(&at(3, quote(406, 2_000)));
    desk.take(&at(4, quote(406, 2_000)));
    assert_eq!(state(&desk, 406), ACTIVE);
}

#[test]
fn more_producers_than_an_event_can_have_are_refused() {
    let mut desk = open();
    let of = |index: usize| {
        let mut message = at(1, quote(406, 1_500));
        message.source.producer = Name::new(format!("p{index}")).expect("a name");
        message
    };
    for index in 1..domain::limit::SOURCES_MAX {
        assert!(refusals(&desk.take(&of(index))).is_empty());
    }
    let mut early = of(99);
    early.clone_from(&FeedMessage { content: at(7, stop(Groups::All)).content, ..early.clone() });
    for refused in [of(99), early] {
        assert!(matches!(refusals(&desk.take(&refused))[..], [Refusal::Invalid { .. }]));
    }
    assert_eq!(desk.intake.state().head().feeds.len(), domain::limit::SOURCES_MAX);
}

#[test]
fn a_gap_that_closed_and_opened_again_is_as_old_as_its_second_declaration() {
    let since = |desk: &Desk| {
        let feed = desk.intake.state().feed(&Who::Live.source()).unwrap();
        (feed.gap, feed.gap_since())
    };
    let mut desk = open();
    desk.take(&at(3, quote(406, 1_870)));
    desk.wait(WAIT_MICROS);
    let first = Timestamp(desk.now);
    assert_eq!(since(&desk), (true, first));
    desk.take(&at(5, quote(406, 1_890)));
    desk.wait(WAIT_MICROS);
    assert_eq!(since(&desk), (true, first), "it lasts");
    desk.take(&at(2, quote(406, 1_860)));
    desk.take(&at(4, quote(406, 1_880)));
    assert_eq!(since(&desk), (false, Timestamp(0)));
    desk.take(&at(7, quote(406, 1_910)));
    desk.wait(WAIT_MICROS);
    assert_eq!(since(&desk), (true, Timestamp(desk.now)));
    assert!(first < Timestamp(desk.now));
}
