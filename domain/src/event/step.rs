//! One step of an event to its next version: what a checked message makes of it, and the keys that changed by it.

use std::collections::BTreeSet;

use super::group::Member;
use super::{Book, EventState, MarketEntry, Versioned};
use crate::id::{IncidentId, Source};
use crate::market::MarketKey;
use crate::message::{BetStop, Body, Cancel, CancelRollback, Settlement, SettlementRollback, Snapshot};
use crate::update::{Change, Value};
use crate::{Fixture, Incident, IncidentAction, Key, Standing, Status};

/// What one source changes in one step.
pub(super) struct Step<'a> {
    pub(super) state: &'a mut EventState,
    pub(super) source: &'a Source,
    version: u64,
    changes: Vec<Change>,
}

impl<'a> Step<'a> {
    pub(super) fn new(state: &'a mut EventState, source: &'a Source) -> Self {
        let version = state.next_version();
        Self { state, source, version, changes: Vec::new() }
    }

    /// The keys whose public value is another now, each once.
    pub(super) fn finish(self) -> Vec<Change> {
        self.changes
    }

    /// Makes of a checked body what it says.
    pub(super) fn change(&mut self, body: &Body) {
        match body {
            Body::Fixture(fixture) => self.set_fixture(fixture),
            Body::FixtureChange(change) => {
                let known = self.state.head.fixture.as_ref().map(|fixture| fixture.value.clone());
                if let (Some(fixture), Some(scheduled_start)) = (known, change.scheduled_start) {
                    self.set_fixture(&Fixture { scheduled_start, ..fixture });
                }
            }
            Body::EventStatus(status) => self.set_status(status),
            Body::Incident(incident) => self.set_incident(incident),
            Body::OddsChange(odds) => {
                if let Some(status) = &odds.status {
                    self.set_status(status);
                } else if let Some(standing) = &odds.standing {
                    self.set_standing(*standing);
                }
                for offer in &odds.markets {
                    self.edit(&offer.key, |book, source| book.offer(source, offer));
                }
            }
            Body::BetStop(stop) => self.stop(stop),
            Body::Settlement(settlement) => self.settle(settlement),
            Body::SettlementRollback(rollback) => self.roll_back_settlement(rollback),
            Body::Cancel(cancel) => self.cancel(cancel),
            Body::CancelRollback(rollback) => self.roll_back_cancel(rollback),
            Body::Snapshot(snapshot) => self.restate(snapshot),
        }
    }

    /// Derives anew every market that the source offers: what keeps them shut is another than before.
    pub(super) fn refresh_all(&mut self) {
        let Self { state, source, version, changes } = self;
        let EventState { head, sport, markets, touched, .. } = &mut **state;
        for (key, entry) in markets.iter_mut().filter(|(_, entry)| entry.book.owner() == Some(source)) {
            let shut = head.shut(*sport, &entry.book, key.id);
            if let Some(change) = entry.refresh(key, shut, *version) {
                touched.insert(change.key.clone());
                changes.push(change);
            }
        }
    }

    pub(super) fn set_fixture(&mut self, fixture: &Fixture) {
        if self.state.head.fixture.as_ref().is_none_or(|known| known.value != *fixture) {
            self.changes.push(Change { key: Key::Fixture, value: Some(Value::Fixture(fixture.clone())) });
            self.state.head.fixture = Some(Versioned { version: self.version, value: fixture.clone() });
        }
    }

    pub(super) fn set_status(&mut self, status: &Status) {
        if self.state.head.status.as_ref().is_none_or(|known| known.value != *status) {
            self.changes.push(Change { key: Key::Status, value: Some(Value::Status(status.clone())) });
            self.state.head.status = Some(Versioned { version: self.version, value: status.clone() });
        }
    }

    fn set_standing(&mut self, standing: Standing) {
        let known = self.state.head.status.as_ref().map(|known| &known.value);
        if let Some(status) = known.map_or_else(|| standing.alone(), |known| Some(standing.over(known))) {
            self.set_status(&status);
        }
    }

    fn set_incident(&mut self, incident: &Incident) {
        let value = (incident.action != IncidentAction::Deleted).then(|| incident.clone());
        self.put_incident(&incident.incident_id, value);
    }

    fn put_incident(&mut self, id: &IncidentId, value: Option<Incident>) {
        if self.state.incidents.get(id).is_some_and(|known| known.value == value) {
            return;
        }
        let key = Key::Incident(id.clone());
        self.state.touched.insert(key.clone());
        self.changes.push(Change { key, value: value.clone().map(Value::Incident) });
        self.state.incidents.insert(id.clone(), Versioned { version: self.version, value });
    }

    fn stop(&mut self, stop: &BetStop) {
        let rules = self.state.sport.rules();
        let active: Vec<MarketKey> = self
            .state
            .markets
            .iter()
            .filter(|(key, entry)| {
                let told = entry.book.groups_of(self.source);
                entry.book.is_active(self.source)
                    && Member { rules, market_id: key.id, told }.is_meant_by(&stop.groups)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in active {
            self.edit(&key, |book, source| book.stop(source, stop.market_status));
        }
    }

    fn settle(&mut self, settlement: &Settlement) {
        for market in &settlement.markets {
            self.edit(&market.key, |book, source| book.settle(source, settlement.certainty, market));
        }
    }

    fn roll_back_settlement(&mut self, rollback: &SettlementRollback) {
        // PLANTED forget-rollback
        #[cfg(feature = "planted")]
        if crate::planted::is(crate::planted::Bug::ForgetRollback) {
            return;
        }
        for key in &rollback.markets {
            self.edit_known(key, Book::roll_back_settlement);
        }
    }

    fn cancel(&mut self, cancel: &Cancel) {
        for market in &cancel.markets {
            self.edit(&market.key, |book, source| {
                book.cancel(source, cancel.window, market.void_reason.clone())
            });
        }
    }

    fn roll_back_cancel(&mut self, rollback: &CancelRollback) {
        for key in &rollback.markets {
            self.edit_known(key, |book, source| book.roll_back_cancel(source, rollback.window));
        }
    }

    fn restate(&mut self, snapshot: &Snapshot) {
        if let Some(fixture) = &snapshot.fixture {
            self.set_fixture(fixture);
        }
        if let Some(status) = &snapshot.status {
            self.set_status(status);
        }
        let listed: BTreeSet<&MarketKey> = snapshot.markets.iter().map(|offer| &offer.key).collect();
        let unlisted: Vec<MarketKey> = self
            .state
            .markets
            .iter()
            .filter(|(key, entry)| entry.book.concerns(self.source) && !listed.contains(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in unlisted {
            self.edit(&key, Book::withdraw);
        }
        for offer in &snapshot.markets {
            self.edit(&offer.key, |book, source| book.restate(source, offer));
        }
        if let Some(incidents) = &snapshot.incidents {
            self.restate_incidents(incidents);
        }
    }

    fn restate_incidents(&mut self, incidents: &[Incident]) {
        let listed: BTreeSet<&IncidentId> = incidents.iter().map(|incident| &incident.incident_id).collect();
        let unlisted: Vec<IncidentId> =
            self.state.incidents.keys().filter(|id| !listed.contains(id)).cloned().collect();
        for id in unlisted {
            self.put_incident(&id, None);
        }
        for incident in incidents {
            self.set_incident(incident);
        }
    }

    /// Changes a market's book, where the market has one: there is nothing to take back in others.
    fn edit_known(&mut self, key: &MarketKey, edit: impl FnOnce(&mut Book, &Source)) {
        if self.state.markets.contains_key(key) {
            self.edit(key, edit);
        }
    }

    pub(super) fn edit<T>(&mut self, key: &MarketKey, edit: impl FnOnce(&mut Book, &Source) -> T) -> T {
        let EventState { head, sport, markets, outcomes, touched, .. } = &mut *self.state;
        let entry = markets.entry(key.clone()).or_insert_with(|| MarketEntry {
            book: Book::default(),
            public: Versioned { version: self.version, value: None },
        });
        let outcomes_before = entry.book.outcomes();
        let edited = edit(&mut entry.book, self.source);
        *outcomes = *outcomes + entry.book.outcomes() - outcomes_before;
        let shut = head.shut(*sport, &entry.book, key.id);
        self.changes.extend(entry.refresh(key, shut, self.version));
        touched.insert(Key::Market(key.clone()));
        edited
    }
}

impl MarketEntry {
    /// Derives the public value anew; where it is another than before, that is a change.
    fn refresh(&mut self, key: &MarketKey, shut: Option<super::Shut>, version: u64) -> Option<Change> {
        let value = self.book.value(key, shut);
        if self.public.value == value {
            return None;
        }
        self.public = Versioned { version, value: value.clone() };
        Some(Change { key: Key::Market(key.clone()), value: value.map(Value::Market) })
    }
}
