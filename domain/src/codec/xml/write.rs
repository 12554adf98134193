//! Messages as they are written: one element on one line, attributes in the order of native JSON.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::value::Shown;
use crate::fixture::FixtureChange;
use crate::id::Name;
use crate::market::OutcomeResult;
use crate::message::{BetStop, Groups, Offer, ProducerBody, Snapshot, Window};
use crate::{
    Body, Clock, Competitor, Content, EventMessage, FeedMessage, Fixture, Incident, MarketKey, Outcome,
    Score, Standing, Statistics, Status,
};

/// A message as bytes, on one line and without a declaration: it may stand alone or in a batch.
#[must_use]
pub fn encode(message: &FeedMessage) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    encode_into(message, &mut out);
    out
}

/// Appends a message to `out`, on one line and without a line feed.
pub fn encode_into(message: &FeedMessage, out: &mut Vec<u8>) {
    let w = &mut Writer { out, is_open: false };
    let name = message.message_type().as_str();
    w.open(name);
    w.value("schema", &message.schema);
    w.value("message_id", &message.message_id);
    w.value("provider", &message.source.provider);
    w.value("producer", &message.source.producer);
    if let Content::Event(EventMessage { sport, event_id, position, .. }) = &message.content {
        w.value("sport", sport);
        w.value("event_id", event_id);
        w.maybe("epoch", position.map(|position| position.epoch).as_ref());
        w.maybe("sequence", position.map(|position| position.sequence).as_ref());
    }
    w.maybe("request_id", message.request_id.as_ref());
    w.maybe("occurred_at", message.occurred_at.as_ref());
    w.value("generated_at", &message.generated_at);
    w.maybe("received_at", message.received_at.as_ref());
    match &message.content {
        Content::Event(event) => body(w, &event.body),
        Content::Producer(ProducerBody::Alive(alive)) => w.value("subscribed", &alive.subscribed),
        Content::Producer(ProducerBody::SnapshotComplete(complete)) => {
            w.value("completed_request_id", &complete.request_id);
        }
    }
    w.close(name);
}

fn body(w: &mut Writer, body: &Body) {
    match body {
        Body::Fixture(fixture) => fixture_parts(w, fixture),
        Body::FixtureChange(change) => fixture_change(w, change),
        Body::EventStatus(status) => status_parts(w, status),
        Body::Incident(incident) => incident_parts(w, incident),
        Body::OddsChange(odds) => {
            if let Some(status) = &odds.status {
                w.element("status", |w| status_parts(w, status));
            }
            if let Some(standing) = &odds.standing {
                w.element("standing", |w| standing_parts(w, standing));
            }
            odds.markets.iter().for_each(|market| offer(w, market));
        }
        Body::BetStop(stop) => bet_stop(w, stop),
        Body::Settlement(settlement) => {
            w.value("certainty", &settlement.certainty);
            for market in &settlement.markets {
                market_of(w, &market.key, |w| {
                    w.maybe("void_reason", market.void_reason.as_ref());
                    for outcome in &market.outcomes {
                        w.element("outcome", |w| {
                            w.value("id", &outcome.id);
                            result(w, &outcome.result);
                        });
                    }
                });
            }
        }
        Body::SettlementRollback(rollback) => keys(w, &rollback.markets),
        Body::Cancel(cancel) => {
            window(w, cancel.window);
            w.maybe("superseded_by", cancel.superseded_by.as_ref());
            for market in &cancel.markets {
                market_of(w, &market.key, |w| w.maybe("void_reason", market.void_reason.as_ref()));
            }
        }
        Body::CancelRollback(rollback) => {
            window(w, rollback.window);
            keys(w, &rollback.markets);
        }
        Body::Snapshot(snapshot) => snapshot_parts(w, snapshot),
    }
}

fn fixture_parts(w: &mut Writer, fixture: &Fixture) {
    w.value("scheduled_start", &fixture.scheduled_start);
    if let Some(tournament) = &fixture.tournament {
        w.element("tournament", |w| {
            w.value("id", &tournament.id);
            w.value("name", &tournament.name);
        });
    }
    competitor(w, "home", &fixture.home);
    competitor(w, "away", &fixture.away);
}

fn competitor(w: &mut Writer, name: &str, competitor: &Competitor) {
    w.element(name, |w| {
        w.value("id", &competitor.id);
        w.value("name", &competitor.name);
        w.maybe("abbreviation", competitor.abbreviation.as_ref());
    });
}

fn fixture_change(w: &mut Writer, change: &FixtureChange) {
    w.value("change", &change.change);
    w.maybe("scheduled_start", change.scheduled_start.as_ref());
    w.maybe("next_live_time", change.next_live_time.as_ref());
}

fn status_parts(w: &mut Writer, status: &Status) {
    w.value("status", &status.status);
    w.value("match_status", &status.match_status);
    w.maybe("server", status.server.as_ref());
    w.maybe("tie_break", status.tie_break.then_some(&true));
    w.maybe("correction", status.correction.then_some(&true));
    score(w, "score", status.score);
    for period in &status.period_scores {
        w.element("period_score", |w| {
            w.value("period", &period.period);
            w.value("home", &period.home);
            w.value("away", &period.away);
        });
    }
    if let Some(clock) = status.clock {
        clock_of(w, clock);
    }
    for (name, told) in [("penalty_box", status.penalty_box), ("game_score", status.game_score)] {
        if let Some(told) = told {
            score(w, name, told);
        }
    }
    if let Some(statistics) = &status.statistics {
        w.element("statistics", |w| statistics_parts(w, statistics));
    }
}

fn standing_parts(w: &mut Writer, standing: &Standing) {
    w.value("status", &standing.status);
    w.value("match_status", &standing.match_status);
    if let Some(clock) = standing.clock {
        clock_of(w, clock);
    }
}

fn clock_of(w: &mut Writer, clock: Clock) {
    w.element("clock", |w| {
        w.value("elapsed_seconds", &clock.elapsed_seconds);
        w.value("stopped", &clock.stopped);
        w.maybe("match_seconds", clock.match_seconds.as_ref());
        w.maybe("remaining_seconds", clock.remaining_seconds.as_ref());
    });
}

fn statistics_parts(w: &mut Writer, statistics: &Statistics) {
    let counts = [
        ("yellow_cards", statistics.yellow_cards),
        ("red_cards", statistics.red_cards),
        ("yellow_red_cards", statistics.yellow_red_cards),
        ("corners", statistics.corners),
    ];
    for (name, told) in counts {
        if let Some(told) = told {
            score(w, name, told);
        }
    }
}

fn score(w: &mut Writer, name: &str, score: Score) {
    w.element(name, |w| {
        w.value("home", &score.home);
        w.value("away", &score.away);
    });
}

fn incident_parts(w: &mut Writer, incident: &Incident) {
    w.value("incident_id", &incident.incident_id);
    w.value("action", &incident.action);
    w.value("kind", &incident.kind);
    w.value("match_status", &incident.match_status);
    w.maybe("elapsed_seconds", incident.elapsed_seconds.as_ref());
    w.maybe("side", incident.side.as_ref());
    w.maybe("player", incident.player.as_ref());
    w.maybe("detail", incident.detail.as_ref());
    if let Some(after) = incident.score {
        score(w, "score", after);
    }
}

fn market_of(w: &mut Writer, key: &MarketKey, parts: impl FnOnce(&mut Writer)) {
    w.element("market", |w| {
        w.value("id", &key.id);
        w.maybe("specifiers", Some(&key.specifiers).filter(|specifiers| !specifiers.is_empty()));
        parts(w);
    });
}

fn keys(w: &mut Writer, keys: &[MarketKey]) {
    for key in keys {
        market_of(w, key, |_| {});
    }
}

fn offer(w: &mut Writer, offer: &Offer) {
    market_of(w, &offer.key, |w| {
        w.value("status", &offer.status);
        w.maybe("favourite", offer.favourite.then_some(&true));
        w.maybe("cashout", offer.cashout.as_ref());
        if !offer.groups.is_empty() {
            let names: Vec<&str> = offer.groups.iter().map(Name::as_str).collect();
            w.value("groups", &names.join("|"));
        }
        for each in &offer.outcomes {
            outcome(w, each);
        }
    });
}

fn outcome(w: &mut Writer, outcome: &Outcome) {
    w.element("outcome", |w| {
        w.value("id", &outcome.id);
        w.maybe("odds", outcome.odds.as_ref());
        w.maybe("probability", outcome.probability.as_ref());
        w.maybe("active", (!outcome.active).then_some(&false));
        w.maybe("side", outcome.side.as_ref());
        if let Some(known) = &outcome.result {
            result(w, known);
        }
    });
}

fn result(w: &mut Writer, result: &OutcomeResult) {
    w.value("result", &result.result);
    w.maybe("void", result.void.as_ref());
    w.maybe("dead_heat", result.dead_heat.as_ref());
}

fn window(w: &mut Writer, window: Window) {
    w.maybe("start_time", window.start_time.as_ref());
    w.maybe("end_time", window.end_time.as_ref());
}

fn bet_stop(w: &mut Writer, stop: &BetStop) {
    w.value("groups", if matches!(stop.groups, Groups::All) { "all" } else { "named" });
    w.value("market_status", &stop.market_status);
    if let Groups::Named(names) = &stop.groups {
        for name in names {
            w.element("group", |w| w.value("name", name));
        }
    }
}

fn snapshot_parts(w: &mut Writer, snapshot: &Snapshot) {
    if let Some(fixture) = &snapshot.fixture {
        w.element("fixture", |w| fixture_parts(w, fixture));
    }
    if let Some(status) = &snapshot.status {
        w.element("status", |w| status_parts(w, status));
    }
    snapshot.markets.iter().for_each(|market| offer(w, market));
    if let Some(incidents) = &snapshot.incidents {
        w.element("incidents", |w| {
            for incident in incidents {
                w.element("incident", |w| incident_parts(w, incident));
            }
        });
    }
}

/// Elements, attributes and what must be escaped in them.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the start tag written last still takes attributes.
    is_open: bool,
}

impl Writer<'_> {
    fn element(&mut self, name: &str, parts: impl FnOnce(&mut Self)) {
        self.open(name);
        parts(self);
        self.close(name);
    }

    fn open(&mut self, name: &str) {
        if self.is_open {
            self.out.push(b'>');
        }
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.is_open = true;
    }

    fn close(&mut self, name: &str) {
        if self.is_open {
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'>');
        }
        self.is_open = false;
    }

    fn value<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        write!(Escaped(self.out), "{}", Shown(value)).expect("a value is one text, number or name");
        self.out.push(b'"');
    }

    fn maybe<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }
}

/// Writes text as the value of an attribute: what would end it, and what reading would make a space of, escaped.
struct Escaped<'o>(&'o mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while let Some((place, reference)) = first_escape(rest) {
            self.0.extend_from_slice(&rest[..place]);
            self.0.extend_from_slice(reference);
            rest = &rest[place + 1..];
        }
        self.0.extend_from_slice(rest);
        Ok(())
    }
}

fn first_escape(text: &[u8]) -> Option<(usize, &'static [u8])> {
    text.iter().enumerate().find_map(|(place, byte)| {
        let reference: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\t' => b"&#9;",
            b'\n' => b"&#10;",
            b'\r' => b"&#13;",
            _ => return None,
        };
        Some((place, reference))
    })
}
