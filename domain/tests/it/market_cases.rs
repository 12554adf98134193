//! A market's life by example: offers, bet stops, hand-over, settlement, cancel and what takes them back.

use domain::market::{ResultKind, Suspension};
use domain::message::{Certainty, OddsChange, Offer, Snapshot, StopStatus};
use domain::{Body, Market, MarketKey, MarketStatus, Outcome, Position, Value};

use crate::build::{odds, outcome, result};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Move, Provider, Who};

/// A provider and the desk that takes what it says, all of it about market 406.
struct Talk {
    provider: Provider,
    desk: Desk,
}

/// A status and the first outcome's odds.
type Offered = (MarketStatus, u32);

const OPEN: Offered = (MarketStatus::Active, 1_850);

impl Talk {
    fn new() -> Self {
        Self { provider: Provider::default(), desk: Desk::new(PATIENT) }
    }

    fn say(&mut self, who: Who, next: &Move) -> &mut Self {
        let message = self.provider.say(who, next).expect("a legal move");
        let effects = self.desk.take(&message);
        assert!(refusals(&effects).is_empty(), "{effects:?}");
        self
    }

    fn offer(&mut self, who: Who, (status, thousandths): Offered) -> &mut Self {
        self.say(who, &Move::Odds(vec![(0, status, thousandths)]))
    }

    fn settle(&mut self, certainty: Certainty, home: bool) -> &mut Self {
        self.say(Who::Live, &Move::Settle { market: 0, certainty, home })
    }

    fn market(&self) -> Option<Market> {
        self.desk.market(&MarketKey::plain(406))
    }

    fn status(&self) -> MarketStatus {
        self.market().expect("a market").status
    }

    fn results(&self) -> Vec<Option<ResultKind>> {
        let market = self.market().expect("a market");
        market.outcomes.iter().map(|outcome| outcome.result.map(|result| result.result)).collect()
    }
}

#[test]
fn an_offer_without_outcomes_keeps_those_it_had() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN).offer(Who::Live, (MarketStatus::Suspended, 7_000));
    let market = talk.market().expect("a market");
    assert_eq!((market.status, market.suspension), (MarketStatus::Suspended, None));
    assert_eq!(market.outcomes, [outcome("4", odds(1_850)), outcome("5", odds(8_150))]);
}

#[test]
fn a_bet_stop_says_so_until_the_next_offer() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN).say(Who::Live, &Move::Stop(vec!["all"], StopStatus::Inactive));
    let market = talk.market().expect("a market");
    assert_eq!((market.status, market.suspension), (MarketStatus::Inactive, Some(Suspension::BetStop)));
    talk.offer(Who::Live, OPEN);
    assert_eq!(talk.market().expect("a market").suspension, None);
}

#[test]
fn a_bet_stop_changes_active_markets_of_its_own_producer_only() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN).say(Who::Pre, &Move::Stop(vec!["all"], StopStatus::Suspended));
    assert_eq!(talk.status(), MarketStatus::Active);
    talk.offer(Who::Live, (MarketStatus::Suspended, 2_000))
        .say(Who::Live, &Move::Stop(vec!["all"], StopStatus::Inactive));
    assert_eq!(talk.status(), MarketStatus::Suspended);
}

#[test]
fn a_market_that_is_handed_over_belongs_to_who_still_offers_it_whoever_was_heard_first() {
    let handed_over = (MarketStatus::HandedOver, 2_000);
    let mut first = Talk::new();
    first.offer(Who::Pre, OPEN).offer(Who::Pre, handed_over);
    assert_eq!(first.status(), MarketStatus::HandedOver);
    first.offer(Who::Live, OPEN);
    let mut last = Talk::new();
    last.offer(Who::Pre, OPEN).offer(Who::Live, OPEN).offer(Who::Pre, handed_over);
    assert_eq!(first.market(), last.market());
    assert_eq!(last.market().expect("a market").producer, Who::Live.source().producer);
}

#[test]
fn pre_match_opens_nothing_that_the_games_producer_has_offered() {
    let mut talk = Talk::new();
    talk.offer(Who::Pre, OPEN).offer(Who::Live, OPEN);
    talk.say(Who::Live, &Move::Stop(vec!["all"], StopStatus::Suspended)).offer(Who::Pre, OPEN);
    let stopped = talk.market().expect("a market");
    assert_eq!((stopped.producer, stopped.status), (Who::Live.source().producer, MarketStatus::Suspended));
    // Nobody offers in the game what its producer hands over, and what pre-match says next opens it no more than what it said before.
    talk.offer(Who::Live, (MarketStatus::HandedOver, 2_000));
    for _ in 0..2 {
        let given_up = talk.market().expect("a market");
        assert_eq!(
            (given_up.producer, given_up.status),
            (Who::Live.source().producer, MarketStatus::HandedOver)
        );
        talk.offer(Who::Pre, OPEN);
    }
    talk.offer(Who::Live, OPEN);
    assert_eq!(talk.status(), MarketStatus::Active);
    // Nor what its snapshot leaves out, and so takes back.
    talk.say(Who::Live, &Move::NewEpoch(Vec::new()));
    assert_eq!(talk.status(), MarketStatus::HandedOver);
    talk.offer(Who::Pre, OPEN);
    assert_eq!(talk.status(), MarketStatus::HandedOver);
}

#[test]
fn a_settlement_stands_whatever_is_offered_after_it() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN)
        .settle(Certainty::LiveScouted, true)
        .offer(Who::Live, (MarketStatus::Active, 3_000));
    assert_eq!(talk.status(), MarketStatus::Settled);
    assert_eq!(talk.results(), [Some(ResultKind::Won), Some(ResultKind::Lost)]);
    talk.say(Who::Live, &Move::RollBackSettlement(0));
    assert_eq!((talk.status(), talk.results()), (MarketStatus::Active, vec![None, None]));
}

#[test]
fn a_confirmed_settlement_outweighs_one_that_was_seen() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN).settle(Certainty::LiveScouted, true).settle(Certainty::Confirmed, false);
    let confirmed = [Some(ResultKind::Lost), Some(ResultKind::Won)];
    assert_eq!(talk.results(), confirmed);
    talk.settle(Certainty::LiveScouted, true);
    assert_eq!(talk.results(), confirmed);
    talk.say(Who::Live, &Move::RollBackSettlement(0));
    assert_eq!(talk.results(), confirmed, "the last one is taken back");
    talk.say(Who::Live, &Move::RollBackSettlement(0));
    assert_eq!(talk.results(), [Some(ResultKind::Won), Some(ResultKind::Lost)]);
}

#[test]
fn a_market_that_was_only_settled_goes_away_with_the_rollback() {
    let mut talk = Talk::new();
    talk.settle(Certainty::Confirmed, true);
    assert_eq!(talk.status(), MarketStatus::Settled);
    talk.say(Who::Live, &Move::RollBackSettlement(0));
    assert_eq!(talk.market(), None);
}

#[test]
fn a_rollback_of_what_was_never_said_changes_nothing() {
    let mut talk = Talk::new();
    talk.say(Who::Live, &Move::RollBackSettlement(0)).say(Who::Live, &Move::RollBackCancel(0, None));
    assert_eq!((talk.market(), talk.desk.entries().len()), (None, 0));
}

#[test]
fn a_cancel_outweighs_a_settlement_until_it_is_rolled_back() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN).say(Who::Live, &Move::Cancel(0, None)).settle(Certainty::Confirmed, true);
    assert_eq!(talk.status(), MarketStatus::Cancelled);
    talk.say(Who::Live, &Move::RollBackCancel(0, None));
    assert_eq!(talk.status(), MarketStatus::Settled);
}

#[test]
fn a_cancel_of_some_time_leaves_the_market_and_shows_the_window() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN)
        .say(Who::Live, &Move::Cancel(0, Some(1_000)))
        .say(Who::Live, &Move::Cancel(0, Some(2_000)));
    assert_eq!(talk.status(), MarketStatus::Active);
    let starts = |talk: &Talk| -> Vec<i64> {
        let windows = talk.market().expect("a market").void_windows;
        windows.iter().filter_map(|window| Some(window.start_time?.0)).collect()
    };
    assert_eq!(starts(&talk), [1_000, 2_000]);
    talk.say(Who::Live, &Move::RollBackCancel(0, Some(1_000)));
    assert_eq!(starts(&talk), [2_000], "a rollback names its window");
}

#[test]
fn a_snapshot_takes_back_what_it_leaves_out_and_settles_what_it_says_is_settled() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN).settle(Certainty::Confirmed, true);
    talk.say(Who::Live, &Move::NewEpoch(vec![(0, MarketStatus::Active, 2_400)]));
    assert_eq!((talk.status(), talk.results()), (MarketStatus::Active, vec![None, None]));
    talk.say(Who::Live, &Move::NewEpoch(vec![]));
    assert_eq!(talk.market(), None);
    // The last market of the provider's snapshots is settled.
    talk.say(Who::Live, &Move::NewEpoch(vec![(1, MarketStatus::Active, 2_400)]));
    let settled = talk.desk.market(&MarketKey::plain(1)).expect("a market");
    assert_eq!(settled.status, MarketStatus::Settled);
    assert_eq!(settled.outcomes[0].result, Some(result(ResultKind::Won)));
}

#[test]
fn a_snapshot_of_a_settled_market_may_leave_an_outcome_undecided_until_it_is_offered_again() {
    let settled = |kind: ResultKind| {
        let outcomes = [(ResultKind::Won, "4"), (kind, "5")];
        let outcomes =
            outcomes.map(|(kind, id)| Outcome { result: Some(result(kind)), ..outcome(id, odds(1_850)) });
        Offer::new(MarketKey::plain(406), MarketStatus::Settled, outcomes.to_vec())
    };
    let snapshot = |offer| Snapshot { fixture: None, status: None, incidents: None, markets: vec![offer] };
    let open = || Offer::new(MarketKey::plain(406), MarketStatus::Active, vec![outcome("5", odds(1_900))]);
    let place = |epoch, sequence| Position { epoch, sequence };
    let mut desk = Desk::new(PATIENT);
    let mut say = |position, at, body| {
        let message = feed::message(Who::Live, position, at, body);
        assert!(refusals(&desk.take(&message)).is_empty(), "{message:?}");
        let market = desk.market(&MarketKey::plain(406)).expect("a market");
        let outcomes = market.outcomes.iter().map(|o| (o.active, o.result.map(|result| result.result)));
        (market.status, outcomes.collect::<Vec<_>>())
    };
    let (won, undecided) = (Some(ResultKind::Won), Some(ResultKind::Undecided));
    say(place(1, 1), 1, Body::OddsChange(OddsChange::of(vec![open()])));
    let (status, outcomes) = say(place(2, 1), 2, Body::Snapshot(snapshot(settled(ResultKind::Undecided))));
    assert_eq!((status, outcomes), (MarketStatus::Settled, vec![(false, won), (true, undecided)]));
    let (status, outcomes) = say(place(2, 2), 3, Body::OddsChange(OddsChange::of(vec![open()])));
    assert_eq!((status, outcomes), (MarketStatus::Active, vec![(true, undecided), (false, won)]));
    let (status, _) = say(place(3, 1), 4, Body::Snapshot(snapshot(settled(ResultKind::Lost))));
    assert_eq!(status, MarketStatus::Settled);
}

#[test]
fn a_snapshot_leaves_the_other_producers_offer_and_decisions() {
    let mut talk = Talk::new();
    talk.offer(Who::Pre, OPEN).settle(Certainty::Confirmed, true);
    talk.say(Who::Pre, &Move::NewEpoch(vec![]));
    assert_eq!(talk.status(), MarketStatus::Settled);
}

#[test]
fn an_event_takes_no_more_markets_outcomes_or_decisions_than_its_limits() {
    let mut talk = Talk::new();
    for _ in 0..domain::limit::DECISIONS_MAX {
        talk.say(Who::Live, &Move::Cancel(0, None));
    }
    let over = talk.provider.say(Who::Live, &Move::Cancel(0, None)).expect("a message");
    assert_eq!(refusals(&talk.desk.take(&over)).len(), 1);

    let crowd = |count: u32, outcomes: usize| {
        let outcomes: Vec<_> = (0..outcomes).map(|id| outcome(&id.to_string(), None)).collect();
        let offer =
            |id| domain::message::Offer::new(MarketKey::plain(id), MarketStatus::Active, outcomes.clone());
        let markets = (0..count).map(offer).collect();
        Body::Snapshot(Snapshot { fixture: None, status: None, markets, incidents: None })
    };
    let position = domain::Position { epoch: 9, sequence: 1 };
    for (count, outcomes, taken) in
        [(2_001, 1, false), (41, 500, false), (1, 501, false), (40, 500, true), (2_000, 10, true)]
    {
        let message = crate::feed::message(Who::Live, position, 0, crowd(count, outcomes));
        let effects = Desk::new(PATIENT).take(&message);
        assert_eq!(refusals(&effects).is_empty(), taken, "{count} markets of {outcomes}");
    }
}

#[test]
fn all_that_a_market_took_can_be_rolled_back_and_a_rollback_of_nothing_takes_no_room() {
    let mut talk = Talk::new();
    talk.offer(Who::Live, OPEN);
    let most = domain::limit::DECISIONS_MAX;
    let mut say = |next: Move| {
        let message = talk.provider.say(Who::Live, &next).expect("a message");
        assert!(refusals(&talk.desk.take(&message)).is_empty(), "{next:?}");
        talk.desk.market(&MarketKey::plain(406)).expect("the market").status
    };
    for _ in 0..2 * most {
        assert_eq!(say(Move::RollBackSettlement(0)), MarketStatus::Active);
    }
    for _ in 0..most / 2 {
        say(Move::Settle { market: 0, certainty: Certainty::Confirmed, home: true });
        assert_eq!(say(Move::Cancel(0, None)), MarketStatus::Cancelled);
    }
    for left in (0..most / 2).rev() {
        say(Move::RollBackSettlement(0));
        let status = say(Move::RollBackCancel(0, None));
        assert_eq!(status, if left == 0 { MarketStatus::Active } else { MarketStatus::Cancelled });
    }
}

#[test]
fn a_deleted_incident_leaves_a_tombstone() {
    use domain::{IncidentAction, Key};
    let mut talk = Talk::new();
    talk.say(Who::Live, &Move::Incident(1, IncidentAction::New));
    assert!(matches!(talk.desk.values().into_values().next(), Some(Value::Incident(_))));
    talk.say(Who::Live, &Move::Incident(1, IncidentAction::Deleted));
    let entries: Vec<_> = talk.desk.entries().into_iter().collect();
    assert!(matches!(&entries[..], [(Key::Incident(_), (2, None))]));
}
