//! A Unified Odds Feed: messages of our own as that feed says them, and what it cannot say left out.
//!
//! A message is written as one line: its routing key, a blank, one element. It goes out alone, the key in a header. There is
//! no sequence and no id; order is by time, so no two messages about an event are of the same millisecond. Incidents and
//! snapshots have no counterpart. The state of play comes with odds, or with none.

use domain::codec::uof::{self, Origin, RoutingKey};
use domain::message::{ProducerBody, StopStatus, Window};
use domain::{Body, Content, EventId, FeedMessage, Fixture, Name, Sport, Timestamp};

use writer::Writer;

pub(crate) use codes::{sport as sport_number, void_reason};
pub(crate) use status::part_ends;

mod codes;
mod market;
mod status;
mod writer;

/// Who tells fixtures: not a producer of odds.
pub(crate) const FIXTURES: &str = "fixtures";
/// The producer of odds before the match.
const PRE_MATCH: &str = "3";

/// A message as a line of this feed; `None` where it has no words for it.
#[must_use]
pub fn encode(message: &FeedMessage) -> Option<Vec<u8>> {
    let mut line = routing_key(message)?.into_bytes();
    line.push(b' ');
    let mut out = Writer::new(&mut line);
    match &message.content {
        Content::Producer(body) => producer(&mut out, message, body),
        Content::Event(event) => match &event.body {
            Body::Fixture(it) => fixture(&mut out, &event.event_id, event.sport, message.generated_at, it),
            body => said(&mut out, message, &event.event_id, event.sport, body),
        },
    }
    Some(line)
}

/// The key and the document of a line.
#[must_use]
pub fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let blank = line.iter().position(|byte| *byte == b' ')?;
    Some((std::str::from_utf8(&line[..blank]).ok()?, &line[blank + 1..]))
}

/// Reads a line of `provider`'s feed as ingestion would.
#[must_use]
pub fn decode(line: &[u8], provider: &Name) -> Option<FeedMessage> {
    read(line, provider).ok()
}

/// The same; or what is wrong with it, and where in the document.
pub(crate) fn read(line: &[u8], provider: &Name) -> Result<FeedMessage, String> {
    let (key, document) = split(line).ok_or("there is no routing key before the document")?;
    let key = key.parse::<RoutingKey>().map_err(|error| format!("`{key}`: {error}"))?;
    let origin = Origin { provider, routing_key: Some(&key), sport_of: &|_| None };
    uof::decode(document, &origin).map(|read| read.message).map_err(|error| error.to_string())
}

/// Whether it is the provider's API that says so, and no producer of odds.
pub(crate) fn is_of_fixtures(message: &FeedMessage) -> bool {
    message.source.producer.as_str() == FIXTURES
}

/// `priority.pre.live.type.sport.kind.event.node`.
fn routing_key(message: &FeedMessage) -> Option<String> {
    let name = name(message)?;
    let Content::Event(event) = &message.content else { return Some(format!("-.-.-.{name}.-.-.-.-")) };
    let (kind, number) = event.event_id.as_str().rsplit_once(':')?;
    let sport = codes::sport(event.sport);
    let priority = match (name, message.source.producer.as_str()) {
        ("fixture", _) => "lo.pre.-",
        (_, PRE_MATCH) => "hi.pre.-",
        _ => "hi.-.live",
    };
    Some(format!("{priority}.{name}.{sport}.{kind}.{number}.-"))
}

/// What messages of this kind are called.
fn name(message: &FeedMessage) -> Option<&'static str> {
    Some(match &message.content {
        Content::Producer(ProducerBody::Alive(_)) => "alive",
        Content::Producer(ProducerBody::SnapshotComplete(_)) => "snapshot_complete",
        Content::Event(event) => match &event.body {
            Body::Fixture(_) => "fixture",
            Body::FixtureChange(_) => "fixture_change",
            Body::EventStatus(_) | Body::OddsChange(_) => "odds_change",
            Body::BetStop(_) => "bet_stop",
            Body::Settlement(_) => "bet_settlement",
            Body::SettlementRollback(_) => "rollback_bet_settlement",
            Body::Cancel(_) => "bet_cancel",
            Body::CancelRollback(_) => "rollback_bet_cancel",
            Body::Incident(_) | Body::Snapshot(_) => return None,
        },
    })
}

fn producer(out: &mut Writer, message: &FeedMessage, body: &ProducerBody) {
    match body {
        ProducerBody::Alive(alive) => {
            out.open("alive");
            out.attribute("product", &message.source.producer);
            out.attribute("timestamp", &milliseconds(message.generated_at));
            out.attribute("subscribed", &u8::from(alive.subscribed));
        }
        ProducerBody::SnapshotComplete(complete) => {
            out.open("snapshot_complete");
            out.attribute("request_id", &complete.request_id);
            out.attribute("product", &message.source.producer);
            out.attribute("timestamp", &milliseconds(message.generated_at));
        }
    }
    out.close();
}

fn said(out: &mut Writer, message: &FeedMessage, event_id: &EventId, sport: Sport, body: &Body) {
    out.open(name(message).unwrap_or_default());
    out.attribute("product", &message.source.producer);
    out.attribute("event_id", event_id);
    out.attribute("timestamp", &milliseconds(message.generated_at));
    out.optional("request_id", message.request_id.as_ref());
    match body {
        Body::FixtureChange(change) => {
            out.attribute("change_type", &codes::fixture_change(change.change));
            out.optional("start_time", change.scheduled_start.map(milliseconds).as_ref());
            out.optional("next_live_time", change.next_live_time.map(milliseconds).as_ref());
        }
        Body::EventStatus(state) => status::status(out, state, sport),
        Body::OddsChange(odds) => {
            if let Some(state) = &odds.status {
                status::status(out, state, sport);
            } else if let Some(standing) = &odds.standing {
                status::standing(out, standing, sport);
            }
            out.open("odds");
            odds.markets.iter().for_each(|offer| market::offer(out, offer));
            out.close();
        }
        Body::BetStop(stop) => {
            let groups = match &stop.groups {
                domain::message::Groups::All => "all".to_owned(),
                domain::message::Groups::Named(names) => {
                    names.iter().map(Name::as_str).collect::<Vec<_>>().join("|")
                }
            };
            out.attribute("groups", &groups);
            // What is not told is suspended.
            if stop.market_status == StopStatus::Inactive {
                out.attribute("market_status", &0);
            }
        }
        Body::Settlement(settlement) => {
            out.attribute("certainty", &codes::certainty(settlement.certainty));
            out.open("outcomes");
            settlement.markets.iter().for_each(|settled| market::settled(out, settled));
            out.close();
        }
        Body::SettlementRollback(rollback) => rollback.markets.iter().for_each(|key| market::key(out, key)),
        Body::Cancel(cancel) => {
            window(out, cancel.window);
            out.optional("superceded_by", cancel.superseded_by.as_ref());
            cancel.markets.iter().for_each(|cancelled| market::cancelled(out, cancelled));
        }
        Body::CancelRollback(rollback) => {
            window(out, rollback.window);
            rollback.markets.iter().for_each(|key| market::key(out, key));
        }
        Body::Fixture(_) | Body::Incident(_) | Body::Snapshot(_) => {}
    }
    out.close();
}

fn window(out: &mut Writer, Window { start_time, end_time }: Window) {
    out.optional("start_time", start_time.map(milliseconds).as_ref());
    out.optional("end_time", end_time.map(milliseconds).as_ref());
}

/// As the provider's API tells it.
fn fixture(out: &mut Writer, event_id: &EventId, sport: Sport, at: Timestamp, fixture: &Fixture) {
    let Fixture { scheduled_start, tournament, home, away } = fixture;
    out.open("fixtures_fixture");
    out.attribute("generated_at", &date(at));
    out.open("fixture");
    out.attribute("id", event_id);
    out.attribute("start_time", &date(*scheduled_start));
    if let Some(tournament) = tournament {
        out.open("tournament");
        out.attribute("id", &tournament.id);
        out.attribute("name", &tournament.name);
        out.open("sport");
        out.attribute("id", &format!("sr:sport:{}", codes::sport(sport)));
        out.attribute("name", &sport);
        out.close();
        out.close();
    }
    out.open("competitors");
    for (side, competitor) in [("home", home), ("away", away)] {
        out.open("competitor");
        out.attribute("id", &competitor.id);
        out.attribute("name", &competitor.name);
        out.optional("abbreviation", competitor.abbreviation.as_ref());
        out.attribute("qualifier", &side);
        out.close();
    }
    out.close();
    out.close();
    out.close();
}

pub(crate) fn milliseconds(time: Timestamp) -> i64 {
    time.0.div_euclid(1_000)
}

/// What is beyond the calendar, as a time in milliseconds may be that somebody has recorded, is its first or last moment.
fn date(time: Timestamp) -> String {
    let last = if time.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let time = jiff::Timestamp::from_microsecond(time.0).unwrap_or(last);
    time.to_string().replace('Z', "+00:00")
}

#[cfg(test)]
mod tests;
