//! Letters that somebody has closed: what their event makes of it.

use domain::market::Suspension;
use domain::message::{OddsChange, Offer};
use domain::refused::RefusedMessage;
use domain::update::CauseKind;
use domain::{Body, Content, MarketKey, MarketStatus, Position};

use crate::build::{market, odds, outcome};
use crate::desk::{Desk, PATIENT};
use crate::feed::Who;
use crate::refused::{at_sequence, counted, refused, suspension, timed};

/// The same once its letter is closed.
fn closed(refused: RefusedMessage) -> RefusedMessage {
    let mut closed = refused;
    closed.closed = true;
    closed
}

#[test]
fn a_closed_letter_shuts_nothing_that_comes_later_however_early_it_was_offered() {
    for who in [Some(Who::Live), None] {
        let mut desk = Desk::with(&[timed(Who::Live, 50)]);
        assert_eq!(desk.hear_of_refused(&refused(who, None, 40)), [], "what is offered is later");
        desk.restart();
        assert_eq!(desk.hear_of_refused(&closed(refused(who, None, 40))), []);
        desk.restart();
        let mut early = timed(Who::Live, 30);
        let Content::Event(event) = &mut early.content else { panic!("a message about an event") };
        let offer = Offer::new(market("18"), MarketStatus::Active, vec![outcome("4", odds(1_500))]);
        event.body = Body::OddsChange(OddsChange::of(vec![offer]));
        desk.take(&early);
        assert_eq!(desk.market(&MarketKey::plain(18)).expect("the market").suspension, None, "{who:?}");
    }
}

#[test]
fn what_a_letter_shuts_when_it_is_closed_is_open_again() {
    let mut desk = Desk::with(&[timed(Who::Live, 5)]);
    desk.hear_of_refused(&refused(Some(Who::Live), None, 9));
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    let updates = desk.hear_of_refused(&closed(refused(Some(Who::Live), None, 9)));
    assert_eq!((updates.len(), suspension(&desk)), (1, None));
    assert_eq!(desk.client(), &desk.entries(), "clients have been told");
}

#[test]
fn an_event_of_which_every_letter_is_closed_is_none_and_begins_as_any_other() {
    let place = |sequence| refused(Some(Who::Live), Some(Position { epoch: 1, sequence }), 9);
    let told = [place(1), place(4), refused(Some(Who::Pre), None, 9), refused(None, None, 10)];
    for count in 0..told.len() {
        let mut desk = Desk::new(PATIENT);
        told.iter().for_each(|refused| assert_eq!(desk.hear_of_refused(refused), []));
        told[..count]
            .iter()
            .for_each(|refused| assert_eq!(desk.hear_of_refused(&closed(refused.clone())), []));
        desk.restart();
        assert!(desk.intake.state().is_foreseen(), "{count} are closed");
    }
    let mut desk = Desk::new(PATIENT);
    told.iter().for_each(|refused| assert_eq!(desk.hear_of_refused(refused), []));
    told.iter().for_each(|refused| assert_eq!(desk.hear_of_refused(&closed(refused.clone())), []));
    assert!(!desk.intake.state().is_foreseen() && desk.intake.state().is_blank());
    assert_eq!(desk.intake.state().head(), &domain::event::Head::default(), "nothing of it is left");
    desk.take(&counted(1));
    assert_eq!(suspension(&desk), None);
}

#[test]
fn a_closed_place_is_missing_as_any_other() {
    let mut desk = Desk::with(&[counted(1)]);
    desk.hear_of_refused(&at_sequence(2));
    let updates = desk.hear_of_refused(&closed(at_sequence(2)));
    assert_eq!(updates[0].cause.kind, CauseKind::Gap);
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (Some(Suspension::Gap), true));
    desk.restart();
    desk.take(&counted(2));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn a_place_of_several_letters_is_one_until_the_last_of_them_is_closed() {
    let told = [1, 2].map(|mark| refused(Some(Who::Live), Some(Position { epoch: 1, sequence: 2 }), mark));
    for order in [[0, 1], [1, 0]] {
        let (first, last) = (closed(told[order[0]].clone()), closed(told[order[1]].clone()));
        let mut desk = Desk::with(&[counted(1)]);
        told.iter().for_each(|refused| drop(desk.hear_of_refused(refused)));
        desk.restart();
        for _ in 0..2 {
            assert_eq!(desk.hear_of_refused(&first), [], "the other one is still there");
            assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
        }
        desk.restart();
        assert_eq!(desk.hear_of_refused(&last).len(), 1);
        assert_eq!(suspension(&desk), Some(Suspension::Gap));

        let mut unbegun = Desk::new(PATIENT);
        told.iter().for_each(|refused| assert_eq!(unbegun.hear_of_refused(refused), []));
        unbegun.hear_of_refused(&first);
        unbegun.restart();
        assert!(unbegun.intake.state().is_foreseen());
        unbegun.hear_of_refused(&last);
        assert_eq!(unbegun.intake.state().head(), &domain::event::Head::default(), "nothing of it is left");
    }
}

#[test]
fn a_right_message_takes_a_place_of_several_letters() {
    let mut desk = Desk::with(&[counted(1)]);
    for mark in [1, 2] {
        desk.hear_of_refused(&refused(Some(Who::Live), Some(Position { epoch: 1, sequence: 3 }), mark));
    }
    desk.take(&counted(3));
    assert_eq!(suspension(&desk), Some(Suspension::Gap), "it waits for the one before it");
    desk.take(&counted(2));
    assert_eq!((suspension(&desk), desk.has_gap(Who::Live)), (None, false));
}

#[test]
fn a_place_stored_without_marks_is_read_and_closed_by_any_letter() {
    let mut unmarked = at_sequence(2);
    unmarked.mark = None;
    let mut desk = Desk::with(&[counted(1)]);
    desk.hear_of_refused(&unmarked);
    let head = serde_json::to_value(desk.intake.state().head()).expect("a head");
    let place = serde_json::json!({ "epoch": 1, "sequence": 2 });
    assert_eq!(head["feeds"][0]["refused"], serde_json::json!([place]), "as before there were marks");
    desk.restart();
    assert_eq!(suspension(&desk), Some(Suspension::DeadLetter));
    desk.hear_of_refused(&closed(at_sequence(2)));
    assert_eq!(suspension(&desk), Some(Suspension::Gap));
}
