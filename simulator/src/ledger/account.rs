//! An account of one event: what is true of it after each message that one producer sends in order.
//!
//! It follows `docs/protocol.md` and shares nothing with the processors, so both can be wrong, but hardly in the same way. A
//! world keeps its own ledger; a test holds the account of all its messages against that.

use std::collections::BTreeSet;

use domain::id::Text;
use domain::market::{Market, MarketKey, Suspension, VoidWindow};
use domain::message::{BetStop, CancelledMarket, Certainty, Offer, SettledMarket, StopStatus, Window};
use domain::update::Value;
use domain::{
    Body, EventStatus, Fixture, Incident, IncidentAction, MarketStatus, MatchStatus, Name, Outcome, Sport,
    Status,
};

use super::groups::are_meant;
use super::standing;

/// What one producer's messages have come to.
#[derive(Debug, Clone)]
pub struct Account {
    producer: Name,
    sport: Sport,
    /// Who plays whom, once told.
    pub fixture: Option<Fixture>,
    /// The state of play, once told.
    pub status: Option<Status>,
    /// Every incident that stands, in the order in which they were first told; that of a snapshot where there was one.
    pub incidents: Vec<Incident>,
    markets: Vec<Dossier>,
}

/// One market: the offer that stands, and what was decided about it.
#[derive(Debug, Clone)]
struct Dossier {
    offer: Market,
    /// In which groups it is, where its offers say so.
    groups: BTreeSet<Name>,
    settlements: Vec<(Certainty, SettledMarket)>,
    cancels: Vec<(Window, Option<Text>)>,
    /// That its odds call it settled or cancelled, over the status that it has.
    called: Option<MarketStatus>,
}

impl Account {
    /// Of an event of this sport of which nothing has been said.
    #[must_use]
    pub fn new(producer: Name, sport: Sport) -> Self {
        Self { producer, sport, fixture: None, status: None, incidents: Vec::new(), markets: Vec::new() }
    }

    /// Takes what the next message says.
    pub fn enter(&mut self, body: &Body) {
        match body {
            Body::Fixture(fixture) => self.fixture = Some(fixture.clone()),
            Body::FixtureChange(change) => {
                if let (Some(fixture), Some(start)) = (&mut self.fixture, change.scheduled_start) {
                    fixture.scheduled_start = start;
                }
            }
            Body::EventStatus(status) => self.status = Some(status.clone()),
            Body::Incident(incident) => self.enter_incident(incident),
            Body::OddsChange(odds) => {
                self.status = match (&odds.status, odds.standing, &self.status) {
                    (Some(whole), ..) => Some(whole.clone()),
                    (None, Some(standing), Some(known)) => Some(standing::over(known, standing)),
                    (None, Some(standing), None) => standing::of_nothing(standing),
                    (None, None, known) => known.clone(),
                };
                odds.markets.iter().for_each(|offer| self.dossier(&offer.key).offered(offer));
            }
            Body::BetStop(stop) => self.stop(stop),
            Body::Settlement(settlement) => {
                for market in &settlement.markets {
                    let decided = (settlement.certainty, market.clone());
                    self.dossier(&market.key).settlements.push(decided);
                }
            }
            Body::SettlementRollback(rollback) => {
                for key in &rollback.markets {
                    let dossier = self.dossier(key);
                    dossier.settlements.pop();
                    dossier.called = dossier.called.filter(|called| *called != MarketStatus::Settled);
                }
            }
            Body::Cancel(cancel) => {
                for CancelledMarket { key, void_reason } in &cancel.markets {
                    self.dossier(key).cancels.push((cancel.window, void_reason.clone()));
                }
            }
            Body::CancelRollback(rollback) => {
                for key in &rollback.markets {
                    let Dossier { cancels, called, .. } = self.dossier(key);
                    let last = cancels.iter().rposition(|(window, _)| *window == rollback.window);
                    last.map(|last| cancels.remove(last));
                    if rollback.window.is_whole() {
                        *called = called.filter(|called| *called != MarketStatus::Cancelled);
                    }
                }
            }
            Body::Snapshot(snapshot) => {
                self.fixture = snapshot.fixture.clone().or(self.fixture.take());
                self.status = snapshot.status.clone().or(self.status.take());
                if let Some(incidents) = &snapshot.incidents {
                    self.incidents.clone_from(incidents);
                }
                let before = std::mem::take(&mut self.markets);
                for offer in &snapshot.markets {
                    let known = before.iter().find(|dossier| dossier.offer.key == offer.key);
                    self.dossier(&offer.key).restated(offer, known);
                }
            }
        }
    }

    /// Every market as clients see it.
    #[must_use]
    pub fn markets(&self) -> Vec<Market> {
        self.markets.iter().map(Dossier::value).collect()
    }

    /// One market as clients see it; `None` where nothing was said of it.
    #[must_use]
    pub fn market(&self, key: &MarketKey) -> Option<Market> {
        self.markets.iter().find(|dossier| dossier.offer.key == *key).map(Dossier::value)
    }

    /// The keys of all markets of which something was said.
    pub fn market_keys(&self) -> impl Iterator<Item = &MarketKey> {
        self.markets.iter().map(|dossier| &dossier.offer.key)
    }

    /// The markets on which bets could still be decided, or placed.
    #[must_use]
    pub fn undecided(&self) -> Vec<MarketKey> {
        let is_undecided =
            |market: &Market| !matches!(market.status, MarketStatus::Settled | MarketStatus::Cancelled);
        self.markets().into_iter().filter(is_undecided).map(|market| market.key).collect()
    }

    /// How things stand, value by value, as clients see them.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value> {
        let fixture = self.fixture.clone().map(Value::Fixture);
        let status = self.status.clone().map(Value::Status);
        let incidents = self.incidents.iter().cloned().map(Value::Incident);
        let markets = self.markets.iter().map(|dossier| Value::Market(dossier.value()));
        fixture.into_iter().chain(status).chain(markets).chain(incidents)
    }

    /// What bet stops that are heard ahead of their turn make of what is open; what no stop means is shut for want of what is missing.
    pub(crate) fn shut(&mut self, ahead: &[&BetStop]) {
        let sport = self.sport;
        for market in self.markets.iter_mut().filter(|market| market.value().status == MarketStatus::Active) {
            let stop = ahead.iter().find(|stop| market.is_meant_by(sport, stop));
            let (status, suspension) = match stop.map(|stop| stop.market_status) {
                Some(StopStatus::Suspended) => (MarketStatus::Suspended, Suspension::BetStop),
                Some(StopStatus::Inactive) => (MarketStatus::Inactive, Suspension::BetStop),
                None => (MarketStatus::Suspended, Suspension::Gap),
            };
            (market.offer.status, market.offer.suspension) = (status, Some(suspension));
        }
    }

    /// Whether the event has begun or is to, and has not ended.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.status.is_final())
    }

    /// The state of play where it is broken off for good; where it had not begun, it will not take place.
    #[must_use]
    pub fn abandoned(&self) -> Option<Status> {
        let status = self.status.clone()?;
        let (end, part) = match status.status {
            EventStatus::NotStarted | EventStatus::Delayed | EventStatus::Postponed => {
                (EventStatus::Cancelled, MatchStatus::NotStarted)
            }
            _ => (EventStatus::Abandoned, MatchStatus::Abandoned),
        };
        Some(Status {
            status: end,
            match_status: part,
            clock: None,
            game_score: None,
            server: None,
            tie_break: false,
            penalty_box: None,
            correction: false,
            ..status
        })
    }

    /// All of it as one message, with which a producer begins anew.
    #[must_use]
    pub fn snapshot(&self) -> domain::message::Snapshot {
        let offer = |dossier: &Dossier| {
            let market = dossier.value();
            Offer {
                favourite: market.favourite,
                cashout: market.cashout,
                groups: dossier.groups.clone(),
                ..Offer::new(market.key, market.status, market.outcomes)
            }
        };
        domain::message::Snapshot {
            fixture: self.fixture.clone(),
            status: self.status.clone(),
            markets: self.markets.iter().map(offer).collect(),
            incidents: Some(self.incidents.clone()),
        }
    }

    fn enter_incident(&mut self, incident: &Incident) {
        let known = self.incidents.iter().position(|known| known.incident_id == incident.incident_id);
        match (incident.action, known) {
            (IncidentAction::Deleted, Some(known)) => drop(self.incidents.remove(known)),
            (IncidentAction::Deleted, None) => {}
            (_, Some(known)) => self.incidents[known] = incident.clone(),
            (_, None) => self.incidents.push(incident.clone()),
        }
    }

    fn stop(&mut self, stop: &BetStop) {
        let sport = self.sport;
        let active = self.markets.iter_mut().filter(|market| market.offer.status == MarketStatus::Active);
        for Dossier { offer, .. } in active.filter(|market| market.is_meant_by(sport, stop)) {
            offer.status = match stop.market_status {
                StopStatus::Suspended => MarketStatus::Suspended,
                StopStatus::Inactive => MarketStatus::Inactive,
            };
            offer.suspension = Some(Suspension::BetStop);
        }
    }

    fn dossier(&mut self, key: &MarketKey) -> &mut Dossier {
        let known = self.markets.iter().position(|dossier| dossier.offer.key == *key);
        let place = known.unwrap_or_else(|| {
            self.markets.push(Dossier::new(key.clone(), self.producer.clone()));
            self.markets.len() - 1
        });
        &mut self.markets[place]
    }
}

impl Dossier {
    fn is_meant_by(&self, sport: Sport, stop: &BetStop) -> bool {
        are_meant(sport, &stop.groups, self.offer.key.id, &self.groups)
    }

    fn new(key: MarketKey, producer: Name) -> Self {
        let offer = Market {
            key,
            producer,
            status: MarketStatus::Inactive,
            suspension: None,
            favourite: false,
            cashout: None,
            outcomes: Vec::new(),
            void_reason: None,
            void_windows: Vec::new(),
        };
        Self { offer, groups: BTreeSet::new(), settlements: Vec::new(), cancels: Vec::new(), called: None }
    }

    fn offered(&mut self, offer: &Offer) {
        if matches!(offer.status, MarketStatus::Settled | MarketStatus::Cancelled) {
            self.called = Some(offer.status);
        } else {
            (self.offer.status, self.offer.suspension, self.called) = (offer.status, None, None);
        }
        self.offer.favourite = offer.favourite;
        self.offer.cashout = offer.cashout;
        if !offer.groups.is_empty() {
            self.groups.clone_from(&offer.groups);
        }
        if !offer.outcomes.is_empty() {
            self.offer.outcomes.clone_from(&offer.outcomes);
        }
    }

    /// A settled market of a snapshot has its results in its outcomes. What stood before a settlement or a cancel that the
    /// snapshot confirms is what a rollback of it brings back.
    fn restated(&mut self, offer: &Offer, known: Option<&Self>) {
        self.offered(offer);
        let Some(called) = self.called.take() else { return };
        if let Some(known) = known.filter(|known| known.offer.status != MarketStatus::HandedOver) {
            (self.offer.status, self.offer.suspension) = (known.offer.status, known.offer.suspension);
        }
        let (mut settlements, mut cancels) =
            known.map(|known| (known.settlements.clone(), known.cancels.clone())).unwrap_or_default();
        if called == MarketStatus::Cancelled {
            cancels.retain(|(window, _)| window.is_whole());
            cancels.pop();
            cancels.push((Window::default(), None));
            (self.settlements, self.cancels) = (settlements, cancels);
            return;
        }
        let mut settled = SettledMarket { key: offer.key.clone(), void_reason: None, outcomes: Vec::new() };
        for outcome in &mut self.offer.outcomes {
            if let Some(result) = outcome.result.take() {
                settled.outcomes.push(domain::message::SettledOutcome { id: outcome.id.clone(), result });
            }
        }
        let confirms = |last: &(Certainty, SettledMarket)| {
            let results = &last.1.outcomes;
            results.len() == settled.outcomes.len()
                && settled.outcomes.iter().all(|one| results.contains(one))
        };
        if settlements.last().is_some_and(confirms) {
            settlements.pop();
            self.settlements = settlements;
        }
        self.settlements.push((Certainty::LiveScouted, settled));
    }

    /// The offer, what was settled over it, what was cancelled over that.
    fn value(&self) -> Market {
        let mut market = self.offer.clone();
        if let Some(called) = self.called {
            (market.status, market.suspension) = (called, None);
        }
        // Of equally sure ones the last.
        if let Some((_, settled)) = self.settlements.iter().max_by_key(|(certainty, _)| *certainty) {
            market.status = MarketStatus::Settled;
            market.suspension = None;
            market.void_reason.clone_from(&settled.void_reason);
            for domain::message::SettledOutcome { id, result } in &settled.outcomes {
                match market.outcomes.iter_mut().find(|outcome| outcome.id == *id) {
                    Some(outcome) => outcome.result = Some(*result),
                    None => {
                        market.outcomes.push(Outcome { result: Some(*result), ..Outcome::new(id.clone()) })
                    }
                }
            }
        }
        for (window, void_reason) in &self.cancels {
            if window.is_whole() {
                market.status = MarketStatus::Cancelled;
                market.suspension = None;
                market.void_reason.clone_from(void_reason);
            } else {
                let Window { start_time, end_time } = *window;
                market.void_windows.push(VoidWindow {
                    start_time,
                    end_time,
                    void_reason: void_reason.clone(),
                });
            }
        }
        market
    }
}

#[cfg(test)]
mod tests {
    use domain::message::{Groups, OddsChange};

    use super::*;

    #[test]
    fn a_bet_stop_of_groups_stops_their_markets_and_no_others() {
        let mut account = Account::new(Name::new("live").unwrap(), Sport::Football);
        let offer = |id: u32, groups: &[&str]| Offer {
            groups: groups.iter().map(|name| Name::new(*name).unwrap()).collect(),
            ..Offer::new(MarketKey { id, specifiers: Default::default() }, MarketStatus::Active, Vec::new())
        };
        let markets = vec![offer(1, &[]), offer(18, &[]), offer(8, &["mine"]), offer(777, &[])];
        account.enter(&Body::OddsChange(OddsChange::of(markets)));
        let stop = |names: &[&str]| BetStop {
            groups: Groups::Named(names.iter().map(|name| Name::new(*name).unwrap()).collect()),
            market_status: StopStatus::Suspended,
        };
        let stopped = |account: &Account| -> Vec<u32> {
            let is_stopped = |market: &Market| market.suspension == Some(Suspension::BetStop);
            account.markets().into_iter().filter(is_stopped).map(|market| market.key.id).collect()
        };
        let mut shut = account.clone();
        account.enter(&Body::BetStop(stop(&["total"])));
        assert_eq!(stopped(&account), [18, 777], "of the last one nothing is known");
        // What stands keeps its groups in what an event begins anew with.
        let mut anew = Account::new(Name::new("live").unwrap(), Sport::Football);
        anew.enter(&Body::Snapshot(account.snapshot()));
        anew.enter(&Body::BetStop(stop(&["mine"])));
        assert_eq!(anew.markets()[2].suspension, Some(Suspension::BetStop));
        shut.shut(&[&stop(&["total"])]);
        assert_eq!(stopped(&shut), [18, 777]);
        assert_eq!(shut.markets()[0].suspension, Some(Suspension::Gap));
    }
}
