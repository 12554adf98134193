//! Legal feeds of one hockey game: a provider that plays, told move by move, and writes what two producers say of it.
//!
//! `live` tells the game and offers markets on it; `pre` offers too, one market in common with `live`, which it hands
//! over in the end.

use std::collections::BTreeMap;

use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::market::ResultKind;
use domain::message::{
    BetStop, Cancel, CancelRollback, CancelledMarket, Certainty, Groups, OddsChange, Offer, SCHEMA,
    SettledMarket, Settlement, SettlementRollback, Snapshot, StopStatus, Window,
};
use domain::{
    Body, Clock, Content, EventId, EventMessage, EventStatus, FeedMessage, Fixture, Incident, IncidentAction,
    IncidentId, IncidentKind, MarketKey, MarketStatus, MatchStatus, MessageId, Name, Outcome, Position,
    Score, Side, Source, Sport, Status, Timestamp,
};
use proptest::prelude::*;

use crate::build::{competitor, market, odds, outcome, result, settled, status, text, urn};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Live,
    Pre,
}

impl Who {
    pub const BOTH: [Self; 2] = [Self::Live, Self::Pre];

    pub fn source(self) -> Source {
        let producer = match self {
            Self::Live => "live",
            Self::Pre => "pre",
        };
        Source { provider: Name::new("md").expect("a name"), producer: Name::new(producer).expect("a name") }
    }

    /// The markets it offers; of the last one of `live` no groups are known.
    pub fn markets(self) -> &'static [&'static str] {
        match self {
            Self::Live => &["406", "1", "412:total=5.5", "18:total=4.5", "9001:variant=top_scorer"],
            Self::Pre => &["406", "18:total=6.5"],
        }
    }

    fn market(self, index: u8) -> MarketKey {
        market(self.markets()[usize::from(index) % self.markets().len()])
    }
}

pub const SHARED: &str = "406";

/// A market's number, its status and its odds.
pub type Quote = (u8, MarketStatus, u32);

/// What happens next. Moves that do not fit what came before are left out.
#[derive(Debug, Clone)]
pub enum Move {
    Fixture(i64),
    FixtureChange(i64),
    Play,
    Goal(Side),
    GoalTakenBack,
    Incident(u8, IncidentAction),
    Odds(Vec<Quote>),
    Stop(Vec<&'static str>, StopStatus),
    Settle { market: u8, certainty: Certainty, home: bool },
    RollBackSettlement(u8),
    Cancel(u8, Option<i64>),
    RollBackCancel(u8, Option<i64>),
    NewEpoch(Vec<Quote>),
}

/// Any legal feed of up to `moves_max` messages, in the order in which they were sent.
pub fn feed(moves_max: usize) -> impl Strategy<Value = Vec<FeedMessage>> {
    let who = prop_oneof![3 => Just(Who::Live), 1 => Just(Who::Pre)];
    prop::collection::vec((who, a_move()), 1..moves_max).prop_map(|moves| {
        let mut provider = Provider::default();
        let mut messages: Vec<_> = moves.iter().filter_map(|(who, next)| provider.say(*who, next)).collect();
        messages.extend(provider.say(Who::Pre, &Move::Odds(vec![(0, MarketStatus::HandedOver, 2_000)])));
        messages
    })
}

pub fn a_move() -> impl Strategy<Value = Move> {
    let action =
        prop::sample::select(vec![IncidentAction::New, IncidentAction::Amended, IncidentAction::Deleted]);
    let quotes = || prop::collection::vec(quote(), 0..5);
    prop_oneof![
        1 => (0..100_i64).prop_map(Move::Fixture),
        1 => (0..100_i64).prop_map(Move::FixtureChange),
        3 => Just(Move::Play),
        2 => prop::sample::select(vec![Side::Home, Side::Away]).prop_map(Move::Goal),
        1 => Just(Move::GoalTakenBack),
        2 => (0..4_u8, action).prop_map(|(id, action)| Move::Incident(id, action)),
        8 => quotes().prop_map(Move::Odds),
        4 => stop(),
        2 => (0..5_u8, certainty(), any::<bool>())
            .prop_map(|(market, certainty, home)| Move::Settle { market, certainty, home }),
        1 => (0..5_u8).prop_map(Move::RollBackSettlement),
        1 => (0..5_u8, window()).prop_map(|(market, window)| Move::Cancel(market, window)),
        1 => (0..5_u8, window()).prop_map(|(market, window)| Move::RollBackCancel(market, window)),
        1 => quotes().prop_map(Move::NewEpoch),
    ]
}

/// Odds and bet stops: what moves a market without deciding it.
pub fn an_offer_or_stop() -> impl Strategy<Value = Move> {
    prop_oneof![2 => prop::collection::vec(quote(), 1..5).prop_map(Move::Odds), 1 => stop()]
}

/// Not `settled` nor `cancelled`: a rollback takes back an offer's word on that, too, whenever it was said, so it would not restore
/// exactly what was said in between. Without sequences they are drawn, in `timed.rs`.
fn quote() -> impl Strategy<Value = Quote> {
    use MarketStatus::{Active, HandedOver, Inactive, Suspended};
    let others = vec![Suspended, Inactive, HandedOver];
    let status = prop_oneof![6 => Just(Active), 3 => prop::sample::select(others)];
    (0..5_u8, status, 1_000..9_000_u32)
}

fn stop() -> impl Strategy<Value = Move> {
    let groups =
        prop::sample::select(vec![vec!["all"], vec!["total"], vec!["regular_time"], vec!["no_such_group"]]);
    let status = prop_oneof![Just(StopStatus::Suspended), Just(StopStatus::Inactive)];
    (groups, status).prop_map(|(groups, status)| Move::Stop(groups, status))
}

pub fn certainty() -> impl Strategy<Value = Certainty> {
    prop::sample::select(vec![Certainty::LiveScouted, Certainty::Confirmed])
}

pub fn window() -> impl Strategy<Value = Option<i64>> {
    prop::sample::select(vec![None, Some(1_000), Some(2_000)])
}

/// Writes messages that follow from one another.
pub struct Provider {
    positions: BTreeMap<Who, Position>,
    fixture: Fixture,
    status: Status,
    incidents: BTreeMap<u8, Incident>,
    /// Markets that a snapshot told as settled, and how often they were settled since. How they stood before it is known only to
    /// who has had the messages before it, so nobody takes that settlement back.
    restated: BTreeMap<(Who, MarketKey), usize>,
    now: i64,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            positions: BTreeMap::new(),
            fixture: Fixture {
                scheduled_start: Timestamp(0),
                tournament: None,
                home: competitor("md:competitor:1", "Nordvik Bears", None),
                away: competitor("md:competitor:2", "Hämeen Karhut", None),
            },
            status: status(EventStatus::NotStarted, MatchStatus::NotStarted, 0, 0),
            incidents: BTreeMap::new(),
            restated: BTreeMap::new(),
            now: 0,
        }
    }
}

impl Provider {
    /// The message that tells a move, where `who` can make it now.
    pub fn say(&mut self, who: Who, next: &Move) -> Option<FeedMessage> {
        let body = match next {
            Move::Odds(quotes) => Body::OddsChange(OddsChange::of(offers(who, quotes))),
            Move::Stop(groups, market_status) => stop_body(groups, *market_status),
            Move::Settle { market, certainty, home } => {
                let key = decided(who, *market)?;
                self.restated.entry((who, key.clone())).and_modify(|since| *since += 1);
                settlement(key, *certainty, *home)
            }
            Move::RollBackSettlement(market) => {
                let key = decided(who, *market)?;
                if let Some(since) = self.restated.get_mut(&(who, key.clone())) {
                    *since = since.checked_sub(1)?;
                }
                Body::SettlementRollback(SettlementRollback { markets: vec![key] })
            }
            Move::Cancel(market, from) => {
                let void_reason = from.map(|from| text(&format!("odds from {from}")));
                let markets = vec![CancelledMarket { key: decided(who, *market)?, void_reason }];
                Body::Cancel(Cancel { markets, window: since(*from), superseded_by: None })
            }
            Move::RollBackCancel(market, from) => {
                let markets = vec![decided(who, *market)?];
                Body::CancelRollback(CancelRollback { markets, window: since(*from) })
            }
            Move::NewEpoch(quotes) => {
                self.positions.get(&who)?;
                let snapshot = self.snapshot(who, quotes);
                let settled = snapshot.markets.iter().filter(|offer| offer.status == MarketStatus::Settled);
                self.restated.retain(|(other, _), _| *other != who);
                self.restated.extend(settled.map(|offer| ((who, offer.key.clone()), 0)));
                Body::Snapshot(snapshot)
            }
            _ if who == Who::Pre => return None,
            Move::Fixture(start) => {
                self.fixture.scheduled_start = Timestamp(*start);
                Body::Fixture(self.fixture.clone())
            }
            Move::FixtureChange(start) => self.change_fixture(*start),
            Move::Play => Body::EventStatus(self.play()?),
            Move::Goal(side) => Body::EventStatus(self.goal(*side)?),
            Move::GoalTakenBack => Body::EventStatus(self.take_goal_back()?),
            Move::Incident(id, action) => Body::Incident(self.incident(*id, *action)?),
        };
        Some(self.write(who, body, matches!(next, Move::NewEpoch(_))))
    }

    fn write(&mut self, who: Who, body: Body, begins_epoch: bool) -> FeedMessage {
        let nothing = Position { epoch: 1, sequence: 0 };
        let last = self.positions.get(&who).copied().unwrap_or(nothing);
        let position =
            if begins_epoch { Position { epoch: last.epoch + 1, sequence: 1 } } else { last.next() };
        self.positions.insert(who, position);
        self.now += 1_000;
        message(who, position, self.now, body)
    }

    fn change_fixture(&mut self, start: i64) -> Body {
        // Of a fixture that nobody told there is nothing to change.
        self.fixture.scheduled_start = Timestamp(start);
        Body::FixtureChange(FixtureChange {
            change: FixtureChangeKind::StartTime,
            scheduled_start: Some(Timestamp(start)),
            next_live_time: None,
        })
    }

    /// The next part of the game, or the clock a little further.
    fn play(&mut self) -> Option<Status> {
        use MatchStatus::{Break1, Break2, Ended, NotStarted, Period1, Period2, Period3};
        let clock = self.status.clock.map_or(0, |clock| clock.elapsed_seconds);
        let (part, elapsed) = match (self.status.match_status, clock) {
            (NotStarted, _) => (Period1, Some(0)),
            (part @ (Period1 | Period2 | Period3), 0..800) => (part, Some(clock + 400)),
            (Period1, _) => (Break1, None),
            (Break1, _) => (Period2, Some(0)),
            (Period2, _) => (Break2, None),
            (Break2, _) => (Period3, Some(0)),
            (Period3, _) => (Ended, None),
            _ => return None,
        };
        self.status.status = if part == Ended { EventStatus::Ended } else { EventStatus::Live };
        self.status.match_status = part;
        self.status.clock = elapsed.map(|elapsed_seconds| Clock::new(elapsed_seconds, false));
        self.status.correction = false;
        Some(self.status.clone())
    }

    fn goal(&mut self, side: Side) -> Option<Status> {
        if self.status.status != EventStatus::Live {
            return None;
        }
        match side {
            Side::Home => self.status.score.home += 1,
            Side::Away => self.status.score.away += 1,
        }
        self.status.correction = false;
        Some(self.status.clone())
    }

    fn take_goal_back(&mut self) -> Option<Status> {
        let Score { home, away } = self.status.score;
        let less = if home > 0 { home - 1 } else { away.checked_sub(1)? };
        if home > 0 {
            self.status.score.home = less;
        } else {
            self.status.score.away = less;
        }
        self.status.correction = true;
        Some(self.status.clone())
    }

    fn incident(&mut self, id: u8, action: IncidentAction) -> Option<Incident> {
        let known = self.incidents.contains_key(&id);
        if known == (action == IncidentAction::New) {
            return None;
        }
        let incident = Incident {
            incident_id: IncidentId::new(format!("i-{id}")).expect("an id"),
            action,
            kind: IncidentKind::Penalty,
            match_status: self.status.match_status,
            elapsed_seconds: self.status.clock.map(|clock| clock.elapsed_seconds),
            side: Some(Side::Home),
            player: None,
            detail: Some(text(&format!("at {}", self.now))),
            score: None,
        };
        if action == IncidentAction::Deleted {
            self.incidents.remove(&id);
        } else {
            self.incidents.insert(id, incident.clone());
        }
        Some(incident)
    }

    fn snapshot(&self, who: Who, quotes: &[Quote]) -> Snapshot {
        let mut markets = offers(who, quotes);
        if let Some(last) = markets.last_mut().filter(|last| who == Who::Live && last.key != market(SHARED)) {
            last.status = MarketStatus::Settled;
            if let Some(first) = last.outcomes.first_mut() {
                first.result = Some(result(ResultKind::Won));
            }
        }
        let tells = who == Who::Live;
        Snapshot {
            fixture: tells.then(|| self.fixture.clone()),
            status: tells.then(|| self.status.clone()),
            markets,
            incidents: tells.then(|| self.incidents.values().cloned().collect()),
        }
    }
}

pub fn event_id() -> EventId {
    urn("md:match:1001")
}

/// A message of `who` at `position`, whose id says where it stands.
pub fn message(who: Who, position: Position, generated_at: i64, body: Body) -> FeedMessage {
    let source = who.source();
    FeedMessage {
        schema: SCHEMA,
        message_id: MessageId::new(format!("{}-{}-{}", source.producer, position.epoch, position.sequence))
            .expect("an id"),
        source,
        request_id: None,
        occurred_at: None,
        generated_at: Timestamp(generated_at),
        received_at: None,
        content: Content::Event(EventMessage {
            sport: Sport::Hockey,
            event_id: event_id(),
            position: Some(position),
            body,
        }),
    }
}

fn offers(who: Who, quotes: &[Quote]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for &(index, status, thousandths) in quotes {
        let key = who.market(index);
        if offers.iter().all(|offer| offer.key != key) {
            offers.push(Offer::new(key, status, outcomes(thousandths)));
        }
    }
    offers
}

/// Two outcomes; none, "as before", where the odds divide by seven.
fn outcomes(thousandths: u32) -> Vec<Outcome> {
    if thousandths.is_multiple_of(7) {
        return Vec::new();
    }
    vec![outcome("4", odds(thousandths)), outcome("5", odds(10_000 - thousandths))]
}

fn stop_body(groups: &[&str], market_status: StopStatus) -> Body {
    let groups = match groups {
        ["all"] => Groups::All,
        names => Groups::Named(names.iter().map(|name| Name::new(name).expect("a name")).collect()),
    };
    Body::BetStop(BetStop { groups, market_status })
}

fn settlement(key: MarketKey, certainty: Certainty, home: bool) -> Body {
    let (first, second) =
        if home { (ResultKind::Won, ResultKind::Lost) } else { (ResultKind::Lost, ResultKind::Won) };
    let outcomes = vec![settled("4", result(first)), settled("5", result(second))];
    Body::Settlement(Settlement {
        certainty,
        markets: vec![SettledMarket { key, void_reason: None, outcomes }],
    })
}

/// The market, unless it is the one that both offer and `live` decides.
fn decided(who: Who, index: u8) -> Option<MarketKey> {
    let key = who.market(index);
    (who == Who::Live || key != market(SHARED)).then_some(key)
}

pub fn since(from: Option<i64>) -> Window {
    Window { start_time: from.map(Timestamp), end_time: from.map(|from| Timestamp(from + 500)) }
}
