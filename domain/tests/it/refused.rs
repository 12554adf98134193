//! Messages that ingestion refused: what their event's processor makes of hearing so.

use std::sync::Arc;

use domain::codec::Envelope;
use domain::intake::Arrival;
use domain::letter::{LetterId, LetterMark, Redrive};
use domain::limit::{LETTERS_MAX, SOURCES_MAX};
use domain::market::Suspension;
use domain::message::{BetStop, Groups, OddsChange, Offer, StopStatus};
use domain::refused::{Asked, RefusedMessage};
use domain::update::CauseKind;
use domain::{
    Body, Content, Effect, FeedMessage, MarketKey, MarketStatus, MessageId, MessageType, Name, Position,
    Sport, Timestamp,
};

use crate::build::{market, odds, outcome};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Who, event_id};

fn offered(price: u32) -> Body {
    let offer = Offer::new(market("406"), MarketStatus::Active, vec![outcome("4", odds(price))]);
    Body::OddsChange(OddsChange::of(vec![offer]))
}

pub fn counted(sequence: u64) -> FeedMessage {
    feed::message(Who::Live, Position { epoch: 1, sequence }, 1, offered(1_500))
}

pub fn timed(who: Who, at: i64) -> FeedMessage {
    let mut message = feed::message(who, Position { epoch: 1, sequence: 1 }, at, offered(2_000));
    message.message_id = MessageId::new(format!("{who:?}-{at}")).expect("an id");
    let Content::Event(event) = &mut message.content else { panic!("a message about an event") };
    event.position = None;
    message
}

/// The mark of the letter that was said at this time.
fn letter(at: i64) -> LetterMark {
    LetterMark::of(&at.to_le_bytes())
}

/// What is told of a refused message of `who`, or of whoever it may have been.
pub fn refused(who: Option<Who>, position: Option<Position>, at: i64) -> RefusedMessage {
    let provider = Who::Live.source().provider;
    let read = Envelope {
        message_id: None,
        provider: Some(provider.clone()),
        producer: who.map(|who| who.source().producer),
        sport: Some(Sport::Hockey),
        is_of_another_sport: false,
        event_id: Some(event_id()),
        other_event_id: None,
        position,
        generated_at: Some(Timestamp(at)),
        asked: Asked::No,
    };
    let mut told = RefusedMessage::of(read, &provider, position.is_none(), letter(at), Timestamp(i64::MAX));
    assert_eq!(told.len(), 1, "it has a place");
    told.remove(0)
}

pub fn at_sequence(sequence: u64) -> RefusedMessage {
    refused(Some(Who::Live), Some(Position { epoch: 1, sequence }), 1)
}

pub fn suspension(desk: &Desk) -> Option<Suspension> {
    desk.market(&MarketKey::plain(406)).expect("the market").suspension
}

#[test]
fn a_refused_place_shuts_the_event_at_once_until_a_right_message_stands_there() {
    let mut desk = Desk::with(&[counted(1)]);
    let updates = desk.hear_of_refused(&at_sequence(2));
    assert_eq!(updates.len(), 1);
    let cause = &updates[0].cause;
    assert_eq!(
        (cause.kind, cause.position),
        (CauseKind::DeadLetter, Some(Position { epoch: 1, sequence: 2 }))
    );
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    assert_eq!(desk.hear_of_refused(&at_sequence(2)), [], "said once, however often it is sent");
    desk.restart();
    desk.take(&counted(3));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "what comes later waits");
    desk.take(&counted(2));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn what_is_put_right_ahead_of_its_turn_leaves_a_gap() {
    let mut desk = Desk::with(&[counted(1)]);
    for sequence in [3, 4] {
        desk.hear_of_refused(&at_sequence(sequence));
    }
    desk.take(&counted(3));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "the other one is not put right");
    desk.restart();
    desk.take(&counted(4));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (Some(Suspension::Gap), true));
    let cause = &desk.updates.last().expect("an update").cause;
    assert_eq!((cause.kind, cause.position), (CauseKind::Gap, Some(Position { epoch: 1, sequence: 2 })));
    assert_eq!(desk.client(), &desk.entries(), "clients have been told");
    desk.restart();
    desk.take(&counted(2));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
    assert_eq!(desk.intake.held(), 0);
}

#[test]
fn a_letter_of_an_epoch_that_was_forgotten_is_what_is_missing_once_it_is_spoken_of_again() {
    let place = |epoch, sequence| Position { epoch, sequence };
    let said = |epoch, sequence, at| feed::message(Who::Live, place(epoch, sequence), at, offered(1_500));
    let mut desk = Desk::with(&[said(1, 1, 10)]);
    let mut snapshot = refused(Some(Who::Live), Some(place(2, 1)), 20);
    snapshot.received_at = Timestamp(20);
    desk.hear_of_refused(&snapshot);
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.take(&said(1, 2, 30));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false), "the old epoch goes on");
    desk.restart();
    desk.take(&said(1, 3, 31));
    let effects = desk.take(&said(2, 2, 40));
    let [Effect::Held(_), Effect::Updated(update)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((update.cause.kind, update.cause.position), (CauseKind::DeadLetter, Some(place(2, 1))));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "at once, and no gap");
    desk.restart();
    desk.take(&said(1, 4, 50));
    assert_eq!((suspension(&desk), desk.intake.held()), (None, 0), "it is none, after all");
}

#[test]
fn letters_beyond_those_that_are_known_one_by_one_are_letters_still() {
    let last = 2 + LETTERS_MAX as u64 + 5;
    let mut desk = Desk::with(&[counted(1)]);
    for sequence in (2..=last).rev() {
        desk.hear_of_refused(&at_sequence(sequence));
    }
    for sequence in 2..=last {
        desk.restart();
        assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "before {sequence}");
        desk.take(&counted(sequence));
    }
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn nothing_is_called_missing_while_what_a_letter_had_kept_waiting_is_applied() {
    let mut desk = Desk::with(&[counted(1)]);
    desk.hear_of_refused(&at_sequence(2));
    for sequence in [3, 4, 6] {
        desk.take(&counted(sequence));
    }
    desk.restart();
    let told = desk.updates.len();
    desk.take(&counted(2));
    let shown = |update: &domain::Update| {
        let market = update.changes.iter().find_map(|change| match &change.value {
            Some(domain::Value::Market(market)) => Some(market),
            _ => None,
        });
        market.map(|market| (market.status, market.suspension))
    };
    let gap = Some((MarketStatus::Suspended, Some(Suspension::Gap)));
    let shown: Vec<_> = desk.updates[told..].iter().map(shown).collect();
    assert_eq!(shown, [None, None, gap], "5 is missing, and that is said with the last before it");
    assert_eq!(desk.client(), &desk.entries());
    desk.take(&counted(5));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn what_nobody_waits_for_shuts_nothing() {
    let mut blank = Desk::with(&[]);
    let far = 2 + PATIENT.held_max as u64;
    assert_eq!(blank.hear_of_refused(&at_sequence(far)), [], "further ahead than any may wait");
    assert!(blank.intake.state().is_blank() && !blank.intake.state().is_foreseen());
    let mut desk = Desk::with(&[counted(1), counted(4)]);
    for sequence in [1, 4, 2 + PATIENT.held_max as u64 + 1] {
        assert_eq!(desk.hear_of_refused(&at_sequence(sequence)), [], "sequence {sequence}");
    }
    assert_eq!(desk.hear_of_refused(&at_sequence(2 + PATIENT.held_max as u64)).len(), 1);
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    assert_eq!(desk.hear_of_refused(&at_sequence(1)), [], "its messages have no sequence");
    assert!(desk.take(&timed(Who::Live, 6)).len() == 1, "and need none now");
}

#[test]
fn an_event_begins_with_what_is_right_and_is_shut_by_what_was_refused_before_it() {
    let mut desk = Desk::with(&[]);
    assert_eq!(desk.hear_of_refused(&at_sequence(1)), [], "an event does not begin with what was refused");
    assert!(desk.intake.state().is_blank() && desk.intake.state().is_foreseen());
    desk.limits.wait_micros = 1_000;
    desk.restart();
    let effects = desk.take(&counted(2));
    let [Effect::Held(_), Effect::Updated(update)] = &effects[..] else { panic!("{effects:?}") };
    let first = Some(Position { epoch: 1, sequence: 1 });
    assert_eq!((update.version, update.cause.kind, update.cause.position), (1, CauseKind::DeadLetter, first));
    assert!(!desk.intake.state().is_blank() && !desk.intake.state().is_foreseen());
    desk.restart();
    assert_eq!(desk.wait(1_000), [], "that something is missing has been said");
    let feed = desk.intake.state().feed(&Who::Live.source()).expect("its feed");
    assert!(feed.gap && !feed.is_recoverable(), "it would only be refused again");
    desk.take(&counted(1));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
    assert_eq!(desk.intake.held(), 0);

    let mut desk = Desk::with(&[]);
    desk.hear_of_refused(&at_sequence(1));
    let effects = desk.take(&counted(1));
    assert!(matches!(&effects[..], [Effect::Updated(update)] if update.version == 1), "{effects:?}");
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false), "the right one stood there");
}

#[test]
fn what_was_refused_ahead_of_an_events_beginning_shuts_it_from_its_first_version_on() {
    let mut desk = Desk::with(&[]);
    desk.hear_of_refused(&at_sequence(3));
    desk.take(&counted(1));
    assert_eq!(desk.updates[0].changes.len(), 1);
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    let causes: Vec<CauseKind> = desk.updates.iter().skip(1).map(|update| update.cause.kind).collect();
    assert_eq!(causes, [CauseKind::DeadLetter], "and says so");
    desk.restart();
    desk.take(&counted(2));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.take(&counted(3));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn every_producers_letters_are_said_whoever_begins_the_event() {
    let of_pre = |sequence| feed::message(Who::Pre, Position { epoch: 1, sequence }, 1, offered(1_600));
    let mut desk = Desk::with(&[]);
    desk.hear_of_refused(&refused(Some(Who::Pre), Some(Position { epoch: 1, sequence: 1 }), 1));
    desk.restart();
    desk.take(&counted(1));
    let causes: Vec<_> = desk.updates.iter().map(|update| (update.version, update.cause.kind)).collect();
    assert_eq!(causes, [(1, CauseKind::Message(MessageType::OddsChange)), (2, CauseKind::DeadLetter)]);
    let said = desk.updates[1].cause.clone();
    assert_eq!(
        (said.source.producer, said.position),
        (Who::Pre.source().producer, Some(Position { epoch: 1, sequence: 1 }))
    );
    assert_eq!(suspension(&desk), None, "what the other offers is open");
    desk.restart();
    let effects = desk.take(&of_pre(2));
    assert!(
        matches!(&effects[..], [Effect::Held(_)]),
        "that something is missing has been said: {effects:?}"
    );
    desk.take(&of_pre(1));
    assert!(!desk.has_gap(Who::Pre));
}

#[test]
fn letters_alone_keep_nobody_out_who_speaks() {
    for position in [Some(Position { epoch: 1, sequence: 1 }), None] {
        let mut desk = Desk::with(&[]);
        for index in 0..SOURCES_MAX {
            let mut told = refused(Some(Who::Live), position, 7);
            told.producer = Name::new(format!("p{index}")).ok();
            told.mark = Some(letter(i64::try_from(index).expect("a few")));
            desk.hear_of_refused(&told);
        }
        assert_eq!(desk.intake.state().head().feeds.len(), SOURCES_MAX);
        desk.restart();
        let said = |who, sequence| match position {
            Some(_) => feed::message(who, Position { epoch: 1, sequence }, 1, offered(1_500)),
            None => timed(who, 8),
        };
        for who in Who::BOTH {
            assert!(refusals(&desk.take(&said(who, 1))).is_empty(), "{who:?}");
            assert_eq!(suspension(&desk), None);
            desk.restart();
        }
        let feeds = &desk.intake.state().head().feeds;
        assert_eq!(feeds.len(), SOURCES_MAX);
        assert!(Who::BOTH.iter().all(|who| feeds.iter().any(|feed| feed.source == who.source())));
    }
}

#[test]
fn who_made_room_is_shut_by_its_letters_when_it_speaks() {
    let mut desk = Desk::with(&[]);
    desk.hear_of_refused(&refused(Some(Who::Pre), None, 7));
    for index in 1..SOURCES_MAX {
        let mut other = timed(Who::Live, 5);
        other.source.producer = Name::new(format!("p{index}")).expect("a name");
        desk.take(&other);
    }
    let place = |desk: &Desk, who: Who| desk.intake.state().feed(&who.source()).is_some();
    assert!(place(&desk, Who::Pre));
    desk.take(&timed(Who::Live, 6));
    assert!(!place(&desk, Who::Pre) && place(&desk, Who::Live));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "any of them may have said it");
    assert!(desk.put_right(&timed(Who::Live, 8), Some(letter(7))).is_some());
    assert_eq!(suspension(&desk), None);
}

#[test]
fn a_letter_without_a_sequence_may_come_before_the_event_and_before_its_producer() {
    for who in [Some(Who::Pre), None] {
        let mut desk = Desk::with(&[]);
        assert_eq!(desk.hear_of_refused(&refused(who, None, 7)), []);
        assert!(desk.intake.state().is_blank() && desk.intake.state().is_foreseen());
        desk.restart();
        desk.take(&timed(Who::Pre, 5));
        assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "{who:?}");
        desk.restart();
        assert!(desk.put_right(&timed(Who::Pre, 7), Some(letter(7))).is_some());
        assert_eq!(suspension(&desk), None);
        desk.take(&timed(Who::Live, 6));
        desk.restart();
        assert_eq!(suspension(&desk), None, "whoever speaks only now is not shut by what has been put right");
    }
    let mut desk = Desk::with(&[]);
    desk.hear_of_refused(&refused(None, None, 7));
    desk.take(&timed(Who::Live, 8));
    assert_eq!(suspension(&desk), None, "it was offered later");
}

#[test]
fn a_dead_letter_says_why_where_a_bet_stop_had_shut_it_and_keeps_it_shut_after_it() {
    let stop = |market_status| Body::BetStop(BetStop { groups: Groups::All, market_status });
    let place = |sequence| Position { epoch: 1, sequence };
    let shown = |desk: &Desk| {
        let market = desk.market(&MarketKey::plain(406)).expect("the market");
        (market.status, market.suspension)
    };
    let (stopped, letter_of) = (Some(Suspension::BetStop), Some(Suspension::DeadLetter));
    for (status, shut) in
        [(StopStatus::Suspended, MarketStatus::Suspended), (StopStatus::Inactive, MarketStatus::Inactive)]
    {
        let mut desk = Desk::with(&[counted(1), feed::message(Who::Live, place(2), 2, stop(status))]);
        assert_eq!(shown(&desk), (shut, stopped));
        let updates = desk.hear_of_refused(&at_sequence(3));
        assert_eq!((updates.len(), updates[0].changes.len()), (1, 1));
        assert_eq!(shown(&desk), (shut, letter_of));
        desk.restart();
        desk.take(&counted(4));
        assert_eq!(shown(&desk), (shut, letter_of), "what opens it waits");
        desk.take(&counted(3));
        assert_eq!(shown(&desk), (MarketStatus::Active, None));

        let ahead = feed::message(Who::Live, place(3), 3, stop(status));
        let mut desk = Desk::with(&[counted(1)]);
        desk.hear_of_refused(&at_sequence(2));
        desk.take(&ahead);
        assert_eq!(shown(&desk), (shut, letter_of), "of two the more restrictive status");
        desk.take(&counted(2));
        assert_eq!(shown(&desk), (shut, stopped));

        let mut stop_at_6 = feed::message(Who::Live, place(1), 6, stop(status));
        let Content::Event(event) = &mut stop_at_6.content else { panic!("a message about an event") };
        event.position = None;
        let mut desk = Desk::with(&[timed(Who::Live, 5), stop_at_6]);
        assert_eq!(shown(&desk), (shut, stopped));
        desk.hear_of_refused(&refused(Some(Who::Live), None, 7));
        assert_eq!(shown(&desk), (shut, letter_of));
        desk.take(&timed(Who::Live, 7));
        assert_eq!(shown(&desk), (MarketStatus::Suspended, letter_of), "its stop is over, the letter is not");
        desk.take(&timed(Who::Live, 8));
        assert_eq!(shown(&desk), (MarketStatus::Active, None));
    }
}

#[test]
fn a_dead_letter_says_why_where_the_producers_odds_had_suspended_it() {
    let suspended = |sequence| {
        let offer = Offer::new(market("406"), MarketStatus::Suspended, vec![outcome("4", odds(1_500))]);
        let body = Body::OddsChange(OddsChange::of(vec![offer]));
        feed::message(Who::Live, Position { epoch: 1, sequence }, 1, body)
    };
    let mut desk = Desk::with(&[suspended(1)]);
    assert_eq!(suspension(&desk), None, "its odds say that it is suspended");
    let updates = desk.hear_of_refused(&at_sequence(2));
    assert_eq!((updates.len(), updates[0].changes.len()), (1, 1));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.restart();
    desk.take(&counted(3));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "what opens it waits");
    desk.take(&suspended(2));
    let shown = desk.market(&MarketKey::plain(406)).expect("the market");
    assert_eq!((shown.status, shown.suspension), (MarketStatus::Active, None));
}

#[test]
fn a_refused_time_shuts_what_was_offered_until_then_and_nothing_later() {
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    let updates = desk.hear_of_refused(&refused(Some(Who::Live), None, 5));
    assert_eq!((updates[0].cause.kind, updates[0].cause.position), (CauseKind::DeadLetter, None));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.restart();
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.take(&timed(Who::Live, 6));
    assert_eq!(suspension(&desk), None);
    assert_eq!(desk.hear_of_refused(&refused(Some(Who::Live), None, 4)), [], "a later offer has been made");

    let mut put_right = timed(Who::Live, 5);
    put_right.message_id = MessageId::new("put-right").expect("an id");
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    desk.hear_of_refused(&refused(Some(Who::Live), None, 5));
    assert_eq!(desk.put_right(&timed(Who::Live, 4), None), None, "another's place");
    assert!(desk.put_right(&put_right, None).is_some(), "whoever tells no mark is known by his time");
    assert_eq!(suspension(&desk), None);
}

/// Since when a recovery may be asked for what the letters keep shut.
fn unasked_since(desk: &Desk, who: Who) -> Option<i64> {
    let feed = desk.intake.state().feed(&who.source())?;
    assert_eq!(feed.is_recoverable(), feed.unasked_since().is_some());
    Some(feed.unasked_since()?.0)
}

#[test]
fn what_a_letter_shuts_that_no_recovery_has_brought_may_be_asked_for_until_it_is_said_again() {
    let told = |who, at, asked| {
        let mut told = refused(who, None, at);
        told.asked = asked;
        told
    };
    let live = |at, asked| told(Some(Who::Live), at, asked);
    let open = || Desk::with(&[timed(Who::Live, 5_000)]);
    let mut desk = open();
    assert_eq!(unasked_since(&desk, Who::Live), None);
    desk.hear_of_refused(&live(4_999, Asked::No));
    assert_eq!(unasked_since(&desk, Who::Live), None, "a later offer has been made");
    // The provider's clock is two milliseconds ahead; it may be as much behind.
    desk.hear_of_refused(&live(5_000, Asked::No));
    assert_eq!(unasked_since(&desk, Who::Live), Some(3_000 + 2 * 2_000));
    desk.restart();
    assert_eq!(unasked_since(&desk, Who::Live), Some(7_000));
    desk.hear_of_refused(&live(6_000, Asked::Yes));
    assert_eq!(unasked_since(&desk, Who::Live), Some(7_000), "a recovery has brought that one");
    desk.take(&timed(Who::Live, 5_500));
    assert_eq!(unasked_since(&desk, Who::Live), None, "what was said again stands over the letter");
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "but not over the recovery's own");
    desk.restart();
    desk.hear_of_refused(&live(6_500, Asked::No));
    assert_eq!(unasked_since(&desk, Who::Live), Some(7_000), "one more was lost");

    let mut desk = open();
    desk.hear_of_refused(&live(5_000, Asked::No));
    desk.put_right(&timed(Who::Live, 4_000), Some(letter(5_000)));
    assert_eq!((unasked_since(&desk, Who::Live), suspension(&desk)), (None, None), "put right");

    let mut desk = open();
    desk.hear_of_refused(&live(6_000, Asked::Unknown));
    assert!(unasked_since(&desk, Who::Live).is_some());
    desk.take(&timed(Who::Live, 6_001));
    desk.restart();
    desk.hear_of_refused(&live(7_000, Asked::Unknown));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    assert_eq!(unasked_since(&desk, Who::Live), None, "a recovery may have brought it again");

    let mut desk = Desk::with(&[timed(Who::Pre, 4_000), timed(Who::Live, 5_000)]);
    desk.hear_of_refused(&told(None, 7_000, Asked::No));
    let of_each = [Who::Live, Who::Pre].map(|who| unasked_since(&desk, who).is_some());
    assert_eq!(of_each, [true, false], "only who has something to open");
}

#[test]
fn of_several_letters_of_one_time_each_has_to_be_put_right() {
    let told = |mark| {
        let mut told = refused(Some(Who::Live), None, 7);
        told.mark = Some(letter(mark));
        told
    };
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    desk.hear_of_refused(&told(1));
    assert_eq!(desk.hear_of_refused(&told(1)), [], "the same one, sent again");
    desk.hear_of_refused(&told(2));
    desk.restart();
    let other_time = timed(Who::Live, 4);
    assert_eq!(desk.put_right(&other_time, Some(letter(1))), None, "the other letter stands");
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.restart();
    assert!(desk.put_right(&other_time, Some(letter(2))).is_some(), "with whatever time");
    assert_eq!(suspension(&desk), None);

    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    for mark in [1, 2] {
        desk.hear_of_refused(&told(mark));
    }
    assert_eq!(desk.put_right(&timed(Who::Live, 7), None), None, "one of them, and nobody says which");
    assert!(desk.put_right(&timed(Who::Live, 7), None).is_some());
}

#[test]
fn a_letter_that_may_have_been_anybodys_frees_everybody() {
    let mut desk = Desk::with(&[timed(Who::Pre, 4), timed(Who::Live, 5)]);
    desk.hear_of_refused(&refused(None, None, 7));
    assert!(desk.put_right(&timed(Who::Pre, 6), Some(letter(7))).is_some(), "it was the other's");
    assert_eq!(suspension(&desk), None);
}

#[test]
fn letters_beyond_those_that_are_kept_apart_are_not_forgotten() {
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    let times = 10..=10 + LETTERS_MAX as i64;
    for at in times.clone() {
        desk.hear_of_refused(&refused(Some(Who::Live), None, at));
    }
    for at in times {
        desk.put_right(&timed(Who::Live, 6), Some(letter(at)));
    }
    desk.restart();
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter), "one of them is not put right");
    desk.take(&timed(Who::Live, 11));
    assert_eq!(suspension(&desk), None, "what is offered later is open");
}

#[test]
fn a_letter_stored_without_a_mark_is_read_and_put_right_by_its_time() {
    let mut unmarked = refused(Some(Who::Live), None, 7);
    unmarked.mark = None;
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    desk.hear_of_refused(&unmarked);
    let head = serde_json::to_value(desk.intake.state().head()).expect("a head");
    assert_eq!(head["feeds"][0]["refused_at"], serde_json::json!([7]), "as before there were marks");
    desk.restart();
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    assert!(desk.put_right(&timed(Who::Live, 7), Some(letter(7))).is_some());
}

#[test]
fn a_message_that_is_refused_in_a_letters_place_is_no_other_letter() {
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    desk.hear_of_refused(&refused(Some(Who::Live), None, 7));
    let again = LetterId { partition: 0, offset: 1 };
    let redrive = |mark| Some(Redrive { letter: again, attempt: 1, mark });
    let arrival = |mark| Arrival {
        message: timed(Who::Live, 7),
        payload: Arc::from(*b"put right, and wrong again"),
        feed_offset: 9,
        redrive: redrive(mark),
    };
    for mark in [Some(letter(7)), None] {
        assert_eq!(desk.intake.give_up(&arrival(mark), Timestamp(9)), None);
    }
    assert!(desk.put_right(&timed(Who::Live, 8), Some(letter(7))).is_some());
    assert_eq!(suspension(&desk), None);

    let first = Arrival { redrive: None, ..arrival(None) };
    assert!(desk.intake.give_up(&first, Timestamp(9)).is_some(), "what nobody could store has a mark, too");
    assert!(desk.put_right(&timed(Who::Live, 8), Some(LetterMark::of(&first.payload))).is_some());
}

#[test]
fn where_nobody_can_tell_who_spoke_every_producer_of_the_provider_may_have() {
    let mut desk = Desk::with(&[timed(Who::Pre, 4), timed(Who::Live, 5)]);
    let updates = desk.hear_of_refused(&refused(None, None, 7));
    assert_eq!(updates.len(), 1, "of a market with two offers clients see one");
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.take(&timed(Who::Pre, 6));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.take(&timed(Who::Live, 8));
    assert_eq!(suspension(&desk), None);
}
