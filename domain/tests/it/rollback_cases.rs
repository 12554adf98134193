//! Rollbacks by example: what they restore where a snapshot, or odds that call the market settled or cancelled, lay between,
//! and what a recovery that repeats them does not undo.

use domain::market::ResultKind;
use domain::message::{
    Cancel, CancelRollback, CancelledMarket, Certainty, OddsChange, Offer, SettledMarket, Settlement,
    SettlementRollback, Snapshot, Window,
};
use domain::{
    Body, Content, EventId, FeedMessage, Market, MarketStatus, MessageId, OutcomeResult, Position, Refusal,
};

use crate::build::{market, odds, outcome, result, settled, text};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Who, message};

fn offer(status: MarketStatus) -> Body {
    let outcomes = vec![outcome("4", odds(1_850)), outcome("5", odds(1_950))];
    Body::OddsChange(OddsChange::of(vec![Offer::new(market("406"), status, outcomes)]))
}

/// Odds that say no more than this of the market.
fn called(status: MarketStatus) -> Body {
    Body::OddsChange(OddsChange::of(vec![Offer::new(market("406"), status, Vec::new())]))
}

fn results(home: ResultKind) -> [(&'static str, OutcomeResult); 2] {
    let away = if home == ResultKind::Won { ResultKind::Lost } else { ResultKind::Won };
    [("4", result(home)), ("5", result(away))]
}

fn settle(certainty: Certainty, home: ResultKind) -> Body {
    let outcomes = results(home).map(|(id, result)| settled(id, result)).to_vec();
    let markets = vec![SettledMarket { key: market("406"), void_reason: Some(text("why")), outcomes }];
    Body::Settlement(Settlement { certainty, markets })
}

fn unsettle() -> Body {
    Body::SettlementRollback(SettlementRollback { markets: vec![market("406")] })
}

fn cancel() -> Body {
    let markets = vec![CancelledMarket { key: market("406"), void_reason: None }];
    Body::Cancel(Cancel { markets, window: Window::default(), superseded_by: None::<EventId> })
}

fn uncancel() -> Body {
    Body::CancelRollback(CancelRollback { markets: vec![market("406")], window: Window::default() })
}

/// The event anew; a settled market with its results.
fn snapshot(status: MarketStatus, home: ResultKind) -> Body {
    let mut outcomes = vec![outcome("4", odds(1_850)), outcome("5", odds(1_950))];
    if status == MarketStatus::Settled {
        outcomes
            .iter_mut()
            .zip(results(home))
            .for_each(|(outcome, (_, result))| outcome.result = Some(result));
    }
    let markets = vec![Offer::new(market("406"), status, outcomes)];
    Body::Snapshot(Snapshot { fixture: None, status: None, markets, incidents: None })
}

/// The market after each of these has been said, in sequence; a snapshot begins an epoch.
fn in_sequence(said: &[Body]) -> Vec<Option<Market>> {
    let mut desk = Desk::new(PATIENT);
    let mut position = Position { epoch: 1, sequence: 0 };
    let take = |(at, body): (i64, &Body)| {
        position = match body {
            Body::Snapshot(_) => Position { epoch: position.epoch + 1, sequence: 1 },
            _ => position.next(),
        };
        let effects = desk.take(&message(Who::Live, position, at, body.clone()));
        assert!(refusals(&effects).is_empty(), "{effects:?}");
        desk.restart();
        desk.market(&market("406"))
    };
    (1..).zip(said).map(take).collect()
}

fn timed(at: i64, request_id: Option<u64>, body: Body) -> FeedMessage {
    let mut message = message(Who::Live, Position { epoch: 1, sequence: 1 }, at, body);
    message.message_id = MessageId::new(format!("m-{at}")).expect("an id");
    message.request_id = request_id;
    let Content::Event(event) = &mut message.content else { panic!("a message about an event") };
    event.position = None;
    message
}

/// The market after these have been said at these times, in this order and in the opposite one.
fn by_time(said: &[(i64, Option<u64>, Body)]) -> Option<Market> {
    let messages: Vec<_> = said.iter().cloned().map(|(at, id, body)| timed(at, id, body)).collect();
    let backwards: Vec<_> = messages.iter().rev().cloned().collect();
    let values = Desk::with(&messages).market(&market("406"));
    assert_eq!(Desk::with(&backwards).market(&market("406")), values, "in whatever order");
    values
}

#[test]
fn odds_that_call_a_market_settled_or_cancelled_leave_nothing_behind() {
    for before in [MarketStatus::Active, MarketStatus::Suspended, MarketStatus::HandedOver] {
        for (decide, take_back, status) in [
            (settle(Certainty::Confirmed, ResultKind::Won), unsettle(), MarketStatus::Settled),
            (cancel(), uncancel(), MarketStatus::Cancelled),
        ] {
            for said in [[decide.clone(), called(status)], [called(status), decide]] {
                let all = [offer(before), said[0].clone(), said[1].clone(), take_back.clone()];
                let values = in_sequence(&all);
                assert_eq!(values[2].as_ref().map(|market| market.status), Some(status));
                assert_eq!(values[3], values[0], "{before:?}, {status:?}");
                let timed: Vec<_> = (1..).zip(all).map(|(at, body)| (at, None, body)).collect();
                assert_eq!(by_time(&timed), by_time(&timed[..1]), "{before:?}, {status:?}");
            }
        }
    }
}

#[test]
fn what_nobody_offered_is_not_offered_after_a_rollback() {
    let all = [settle(Certainty::Confirmed, ResultKind::Won), called(MarketStatus::Settled), unsettle()];
    assert_eq!(in_sequence(&all)[2], None);
    let timed: Vec<_> = (1..).zip(all).map(|(at, body)| (at, None, body)).collect();
    assert_eq!(by_time(&timed), None);
}

#[test]
fn a_rollback_restores_across_a_snapshot_what_was_before() {
    use Certainty::{Confirmed, LiveScouted};
    use ResultKind::{Lost, Won};
    let said = [offer(MarketStatus::Active), settle(Confirmed, Won), snapshot(MarketStatus::Settled, Won)];
    let values = in_sequence(&[&said[..], &[unsettle()]].concat());
    assert_eq!(values[2].as_ref().map(|market| market.status), Some(MarketStatus::Settled));
    assert_eq!(values[3], values[0]);

    let upgraded = [offer(MarketStatus::Suspended), settle(LiveScouted, Lost), settle(Confirmed, Won)];
    let undone = [snapshot(MarketStatus::Settled, Won), unsettle(), unsettle()];
    let values = in_sequence(&[&upgraded[..], &undone].concat());
    assert_eq!((&values[4], &values[5]), (&values[1], &values[0]));

    let both = [offer(MarketStatus::Active), settle(Confirmed, Won), cancel()];
    let undone = [snapshot(MarketStatus::Cancelled, Won), uncancel(), unsettle()];
    let values = in_sequence(&[&both[..], &undone].concat());
    assert_eq!(values[3].as_ref().map(|market| market.status), Some(MarketStatus::Cancelled));
    assert_eq!((&values[4], &values[5]), (&values[1], &values[0]));
}

#[test]
fn a_snapshot_with_other_results_leaves_nothing_beneath_it() {
    use Certainty::Confirmed;
    use ResultKind::{Lost, Won};
    let said = [
        offer(MarketStatus::Active),
        settle(Confirmed, Lost),
        settle(Confirmed, Lost),
        snapshot(MarketStatus::Settled, Won),
        unsettle(),
    ];
    let values = in_sequence(&said);
    assert_eq!(values[4], values[0], "nobody knows which of them it took the place of");
}

#[test]
fn a_rollback_that_a_recovery_repeats_takes_nothing_more_back() {
    use Certainty::{Confirmed, LiveScouted};
    use ResultKind::{Lost, Won};
    let said = vec![
        (1, None, offer(MarketStatus::Active)),
        (2, None, settle(LiveScouted, Lost)),
        (3, None, settle(Confirmed, Won)),
        (4, None, unsettle()),
    ];
    let stands = by_time(&said);
    let again = |rest: &[(i64, Option<u64>, Body)]| by_time(&[&said[..], rest].concat());
    assert_eq!(again(&[(9, Some(7), unsettle())]), stands);
    assert_eq!(again(&[(9, Some(7), unsettle()), (19, Some(8), unsettle())]), stands);
    let all_of_it = [
        (9, Some(7), settle(LiveScouted, Lost)),
        (10, Some(7), settle(Confirmed, Won)),
        (11, Some(7), unsettle()),
    ];
    assert_eq!(again(&all_of_it), stands);
    let another = again(&[(9, None, unsettle())]).map(|market| market.status);
    assert_eq!(another, Some(MarketStatus::Active), "one that is news takes back what was before");
    let missed =
        by_time(&[(1, None, offer(MarketStatus::Active)), (2, None, cancel()), (9, Some(7), uncancel())]);
    assert_eq!(missed.map(|market| market.status), Some(MarketStatus::Active), "or was told by it first");
}

/// A cancel of this window for this reason, and what takes one back.
fn cancel_because(reason: &str) -> Body {
    let markets = vec![CancelledMarket { key: market("406"), void_reason: Some(text(reason)) }];
    Body::Cancel(Cancel { markets, window: feed::since(Some(3)), superseded_by: None })
}

fn uncancel_window() -> Body {
    Body::CancelRollback(CancelRollback { markets: vec![market("406")], window: feed::since(Some(3)) })
}

#[test]
fn a_rollback_after_a_recovery_takes_back_the_last_decision_and_not_its_copy() {
    let settlements = [
        settle(Certainty::LiveScouted, ResultKind::Lost),
        settle(Certainty::Confirmed, ResultKind::Won),
        unsettle(),
    ];
    let cancels = [cancel_because("first"), cancel_because("second"), uncancel_window()];
    for [first, second, take_back] in [settlements, cancels] {
        let open = (1, None, offer(MarketStatus::Active));
        let said = [open.clone(), (2, None, first.clone()), (3, None, second.clone())];
        let stands = |rest: &[(i64, Option<u64>, Body)]| by_time(&[&said[..], rest].concat());
        let (none, one) = (by_time(&said[..1]), by_time(&said[..2]));
        let (both, back) = (by_time(&said), |at| (at, None, take_back.clone()));
        assert_ne!(one, both);
        let again = |at, id| [(at, Some(id), first.clone()), (at + 1, Some(id), second.clone())];
        assert_eq!(stands(&again(9, 7)), both);
        assert_eq!(stands(&[&again(9, 7)[..], &[back(11)]].concat()), one);
        assert_eq!(stands(&[&again(9, 7)[..], &[back(11), back(12)]].concat()), none);
        let thrice = [again(9, 7), again(19, 8), again(29, 9)].concat();
        assert_eq!(stands(&[&thrice[..], &[back(41)]].concat()), one);
        assert_eq!(stands(&[&thrice[..], &[back(41), back(42)]].concat()), none);
        // Taken back while the recovery still repeats, which repeats that, too.
        let meanwhile = [again(9, 7)[0].clone(), back(10), (11, Some(7), second.clone())];
        assert_eq!(stands(&[&meanwhile[..], &[(12, Some(7), take_back.clone())]].concat()), one);
        // Both taken back, and all of it repeated.
        let all = [&again(19, 7)[..], &[(21, Some(7), take_back.clone()), (22, Some(7), take_back.clone())]];
        assert_eq!(stands(&[&[back(4), back(5)][..], &all.concat()].concat()), none);
        assert_eq!(stands(&all.concat()), none, "also where that is how it is heard of");
    }
}

#[test]
fn of_two_recoveries_at_once_each_repeats_what_was_said() {
    use Certainty::{Confirmed, LiveScouted};
    use ResultKind::{Lost, Won};
    let said = [
        (1, None, offer(MarketStatus::Active)),
        (2, None, settle(LiveScouted, Lost)),
        (3, None, settle(Confirmed, Won)),
        (4, None, unsettle()),
    ];
    let both = [
        (9, Some(7), settle(LiveScouted, Lost)),
        (10, Some(7), settle(Confirmed, Won)),
        (11, Some(8), settle(LiveScouted, Lost)),
        (12, Some(7), unsettle()),
        (13, Some(8), settle(Confirmed, Won)),
        (14, Some(8), unsettle()),
    ];
    let after = [&said[..], &both].concat();
    assert_eq!(by_time(&after), by_time(&said));
    assert_eq!(by_time(&[&after[..], &[(15, None, unsettle())]].concat()), by_time(&said[..1]));
}

#[test]
fn a_correction_that_only_the_recovery_tells_stands() {
    use Certainty::Confirmed;
    use ResultKind::{Lost, Won};
    let said = [
        (1, None, offer(MarketStatus::Active)),
        (2, None, settle(Confirmed, Won)),
        (3, None, settle(Confirmed, Lost)),
    ];
    let (won, lost) = (by_time(&said[..2]), by_time(&said));
    let third = (11, Some(7), settle(Confirmed, Won));
    let whole = [(9, Some(7), settle(Confirmed, Won)), (10, Some(7), settle(Confirmed, Lost)), third.clone()];
    for told in [&whole[..], &[third]] {
        let after = |rest: &[(i64, Option<u64>, Body)]| by_time(&[&said[..], told, rest].concat());
        assert_eq!(after(&[]), won);
        assert_eq!(after(&[(12, None, unsettle())]), lost);
    }
}

#[test]
fn recoveries_take_no_room_and_change_nothing() {
    let mut desk = Desk::new(PATIENT);
    let said = [
        offer(MarketStatus::Active),
        settle(Certainty::LiveScouted, ResultKind::Lost),
        settle(Certainty::Confirmed, ResultKind::Won),
        settle(Certainty::Confirmed, ResultKind::Lost),
        unsettle(),
    ];
    (1..).zip(said.clone()).for_each(|(at, body)| drop(desk.take(&timed(at, None, body))));
    let stands = desk.market(&market("406"));
    for recovery in 1..=200_u32 {
        for (step, body) in (0..).zip(&said[1..]) {
            let repeated = timed(i64::from(recovery) * 10 + step, Some(recovery.into()), body.clone());
            let effects = desk.take(&repeated);
            assert!(refusals(&effects).is_empty(), "recovery {recovery}: {effects:?}");
        }
        assert_eq!(desk.market(&market("406")), stands, "recovery {recovery}");
    }
    let (book, _) = desk.intake.state().market(&market("406")).expect("the market");
    let stored = serde_json::to_string(book).expect("JSON");
    assert!(stored.len() < 16_384, "{} bytes", stored.len());
    desk.restart();
    for (at, status) in [(9_001, MarketStatus::Settled), (9_002, MarketStatus::Active)] {
        assert!(refusals(&desk.take(&timed(at, None, unsettle()))).is_empty());
        assert_eq!(desk.market(&market("406")).map(|market| market.status), Some(status));
    }
}

#[test]
fn a_rollback_stored_as_said_again_is_still_read() {
    let said = [
        (1, None, offer(MarketStatus::Active)),
        (2, None, settle(Certainty::LiveScouted, ResultKind::Lost)),
        (3, None, settle(Certainty::Confirmed, ResultKind::Won)),
        (4, None, unsettle()),
        (9, Some(0), unsettle()),
    ];
    let messages: Vec<_> = said.into_iter().map(|(at, id, body)| timed(at, id, body)).collect();
    let desk = Desk::with(&messages);
    let (book, _) = desk.intake.state().market(&market("406")).expect("the market");
    let stored = serde_json::to_string(book).expect("JSON");
    assert_eq!(stored.matches("\"request_id\":0").count(), 1, "{stored}");
    let before = stored.replace("\"request_id\":0", "\"again\":true");
    assert_eq!(*book, serde_json::from_str(&before).expect("a book as it was stored"));
}

#[test]
fn what_is_repeated_takes_no_room() {
    let mut desk = Desk::new(PATIENT);
    desk.take(&timed(1, None, offer(MarketStatus::Active)));
    let decisions = i64::try_from(domain::limit::DECISIONS_MAX).expect("few");
    for round in 0..3 * decisions {
        let body = settle(Certainty::Confirmed, ResultKind::Won);
        assert!(refusals(&desk.take(&timed(10 + round, Some(7), body))).is_empty(), "round {round}");
    }
    for round in 0..3 * decisions {
        let effects = desk.take(&timed(100_000 + round, Some(7), unsettle()));
        assert!(matches!(refusals(&effects)[..], [] | [Refusal::Outdated]), "round {round}: {effects:?}");
    }
    let (book, public) = desk.intake.state().market(&market("406")).expect("the market");
    assert_eq!(public.value.as_ref().map(|market| market.status), Some(MarketStatus::Active));
    let stored = serde_json::to_string(book).expect("JSON");
    assert!(stored.len() < 8_192, "{} bytes", stored.len());
}
