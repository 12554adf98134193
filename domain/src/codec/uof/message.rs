//! Messages as they are read: the root element's attributes are the envelope.

use super::tree::Tree;
use super::{Decoded, Origin, codes, fixture, id, market, number, status};
use crate::codec::Envelope;
use crate::codec::xml::reader::{Fault, Read};
use crate::fixture::{FixtureChange, FixtureChangeKind};
use crate::id::{EventId, Name, Source};
use crate::limit::GROUPS_MAX;
use crate::message::{
    Alive, BetStop, Cancel, CancelRollback, Certainty, Groups, OddsChange, ProducerBody, SCHEMA, Settlement,
    SettlementRollback, SnapshotComplete, StopStatus, Window,
};
use crate::refused::Asked;
use crate::{Body, Content, EventMessage, FeedMessage, Sport};

/// The elements that are messages about one event.
const EVENT_MESSAGES: [&str; 7] = [
    "odds_change",
    "bet_stop",
    "bet_settlement",
    "rollback_bet_settlement",
    "bet_cancel",
    "rollback_bet_cancel",
    "fixture_change",
];

/// The elements that are messages about a producer as a whole.
const PRODUCER_MESSAGES: [&str; 2] = ["alive", "snapshot_complete"];

/// What is said where nobody can tell which of a provider's producers speaks.
const NO_PRODUCT: &str = "missing attribute `product`";

/// Reads a document that is one message.
pub(super) fn message(text: &str, origin: &Origin) -> Read<Decoded> {
    let tree = &mut Tree::new(text);
    let name = tree.reader.root()?;
    let is_fixture = name == fixture::ROOT;
    // First of all: of what is none of them nothing is missing.
    if !is_fixture && !PRODUCER_MESSAGES.contains(&name) && !EVENT_MESSAGES.contains(&name) {
        let detail = format_args!("`{name}` is no message of the Unified Odds Feed");
        return Err(Fault::schema(tree.reader.element_at(), "", detail));
    }
    let (producer, generated_at) = if is_fixture {
        (fixture::producer(), tree.date("generated_at")?.ok_or_else(|| tree.reader.lacks("generated_at"))?)
    } else {
        let made_at = tree.reader.parsed("timestamp", number::made_at)?;
        (producer(tree, origin)?, made_at.ok_or_else(|| tree.reader.lacks("timestamp"))?)
    };
    let request_id = tree.reader.optional("request_id")?;
    let mut unusable_status = None;
    let content = match name {
        _ if is_fixture => Content::Event(fixture::event(tree, origin)?),
        "alive" => Content::Producer(alive(tree)?),
        "snapshot_complete" => {
            let request_id = request_id.ok_or_else(|| tree.reader.lacks("request_id"))?;
            tree.leaf(name)?;
            Content::Producer(ProducerBody::SnapshotComplete(SnapshotComplete { request_id }))
        }
        _ => Content::Event(event(tree, name, origin, &mut unusable_status)?),
    };
    tree.reader.end()?;
    let source = Source { provider: origin.provider.clone(), producer };
    let mut message = FeedMessage {
        schema: SCHEMA,
        message_id: id::none(),
        source,
        request_id,
        occurred_at: None,
        generated_at,
        received_at: None,
        content,
    };
    message.message_id = id::of(&mut message);
    Ok(Decoded { message, unknown: tree.unknown, unusable_status })
}

/// What a message about an event says of itself; as far as that goes: it may be wrong in any part, and be none that is known. Of
/// what cannot be read its routing key may tell the rest.
pub(super) fn envelope(text: &str, origin: &Origin) -> Option<Envelope> {
    let tree = &mut Tree::new(text);
    let routed = origin.routing_key.and_then(|key| key.event_id.clone());
    let root = tree.reader.root();
    if root.as_ref().is_ok_and(|name| *name == fixture::ROOT || PRODUCER_MESSAGES.contains(name)) {
        return None;
    }
    let request_id = tree.reader.optional::<u64>("request_id");
    // Where its start tag breaks off, what is missing may have said so.
    let asked = match (root, request_id) {
        (Ok(_), Ok(None)) => Asked::No,
        (Err(_), Ok(None)) => Asked::Unknown,
        _ => Asked::Yes,
    };
    let event_id: Option<EventId> = tree.reader.optional("event_id").ok().flatten().or(routed);
    let other_event_id = event_id.as_ref().and_then(|event_id| origin.other_event(event_id)).cloned();
    // The key of another event tells nothing of this one's sport.
    let is_of_another_sport =
        other_event_id.is_none() && origin.routing_key.is_some_and(|key| key.is_of_another_sport);
    event_id.as_ref()?;
    Some(Envelope {
        message_id: None,
        provider: Some(origin.provider.clone()),
        producer: match &other_event_id {
            None => producer(tree, origin).ok(),
            // Nor of its producer.
            Some(_) => tree.reader.parsed("product", number::product).ok().flatten(),
        },
        sport: event_id.as_ref().and_then(|event_id| origin.sport(event_id).ok().flatten()),
        is_of_another_sport,
        event_id,
        other_event_id,
        position: None,
        generated_at: tree.reader.parsed("timestamp", number::made_at).ok().flatten(),
        asked,
    })
}

/// The producer's number is its name. Where it is missing, the routing key tells the two that everyone has. Where that does
/// not tell either, nobody could say whose markets a bet stop stops.
fn producer(tree: &mut Tree, origin: &Origin) -> Read<Name> {
    if let Some(product) = tree.reader.parsed("product", number::product)? {
        return Ok(product);
    }
    routed_producer(origin).ok_or_else(|| {
        let why = match origin.routing_key {
            Some(_) => "the routing key does not tell it",
            None => "there is no routing key to tell it",
        };
        tree.reader.wrong("product", format_args!("{NO_PRODUCT}, and {why}"))
    })
}

/// The producer whose messages come with such a key.
fn routed_producer(origin: &Origin) -> Option<Name> {
    let key = origin.routing_key?;
    let name = match (key.is_live, key.is_pre) {
        (true, false) => "1",
        (false, true) => "3",
        _ => return None,
    };
    Some(Name::new(name).expect("digits are a name"))
}

fn alive(tree: &mut Tree) -> Read<ProducerBody> {
    let subscribed = tree.flag("subscribed")?.ok_or_else(|| tree.reader.lacks("subscribed"))?;
    tree.leaf("alive")?;
    Ok(ProducerBody::Alive(Alive { subscribed }))
}

fn event(
    tree: &mut Tree,
    name: &str,
    origin: &Origin,
    unusable_status: &mut Option<String>,
) -> Read<EventMessage> {
    let event_id: EventId = tree.reader.required("event_id")?;
    let sport = sport(tree, &event_id, origin)?;
    let body = match name {
        "odds_change" => Body::OddsChange(odds_change(tree, sport, unusable_status)?),
        "bet_stop" => Body::BetStop(bet_stop(tree)?),
        "bet_settlement" => Body::Settlement(settlement(tree)?),
        "rollback_bet_settlement" => {
            tree.end_attributes(name);
            Body::SettlementRollback(SettlementRollback { markets: market::all(tree, market::key_only)? })
        }
        "bet_cancel" => {
            let (window, superseded_by) = (window(tree)?, tree.reader.optional("superceded_by")?);
            tree.end_attributes(name);
            Body::Cancel(Cancel { markets: market::all(tree, market::cancelled)?, window, superseded_by })
        }
        "rollback_bet_cancel" => {
            let window = window(tree)?;
            tree.end_attributes(name);
            Body::CancelRollback(CancelRollback { markets: market::all(tree, market::key_only)?, window })
        }
        _ => Body::FixtureChange(fixture_change(tree)?),
    };
    Ok(EventMessage { sport, event_id, position: None, body })
}

fn sport(tree: &mut Tree, event_id: &EventId, origin: &Origin) -> Read<Sport> {
    let sport = origin.sport(event_id).and_then(|sport| {
        let unknown = match origin.routing_key {
            Some(_) => "the routing key names no sport of ours, and no fixture of this event is known",
            None => "there is no routing key to tell the sport, and no fixture of this event is known",
        };
        sport.ok_or_else(|| unknown.to_owned())
    });
    sport.map_err(|detail| tree.reader.wrong("event_id", detail))
}

fn odds_change(tree: &mut Tree, sport: Sport, unusable_status: &mut Option<String>) -> Read<OddsChange> {
    let (mut told, mut markets) = (None, None);
    tree.end_attributes("odds_change");
    tree.children(|tree, child| {
        match child {
            "sport_event_status" => {
                tree.once(&mut told, |tree| status::status(tree, sport.rules(), unusable_status))?;
            }
            "odds" => tree.once(&mut markets, |tree| {
                tree.end_attributes("odds");
                market::all(tree, market::offer)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let status::Told { status, standing } = told.unwrap_or_default();
    Ok(OddsChange { status, standing, markets: markets.unwrap_or_default() })
}

/// Without groups, or with more or other groups than can be kept, it means every market: that is the safe side.
fn bet_stop(tree: &mut Tree) -> Read<BetStop> {
    let market_status = match tree.reader.text("market_status") {
        Some("0") => StopStatus::Inactive,
        _ => StopStatus::Suspended,
    };
    let groups = tree.reader.text("groups").unwrap_or_default().split('|');
    let groups = match groups.map(Name::new).collect::<Result<Vec<Name>, _>>().ok() {
        Some(names) if names.len() <= GROUPS_MAX && names.iter().all(|name| name.as_str() != "all") => {
            Groups::Named(names)
        }
        _ => Groups::All,
    };
    tree.leaf("bet_stop")?;
    Ok(BetStop { groups, market_status })
}

/// A settlement that does not say how sure it is counts as the less sure one. One that says it in a way that is not known may
/// be none to pay by.
fn settlement(tree: &mut Tree) -> Read<Settlement> {
    let certainty = tree.reader.parsed("certainty", certainty)?.unwrap_or(Certainty::LiveScouted);
    tree.end_attributes("bet_settlement");
    let mut markets = None;
    tree.children(|tree, child| {
        if child != "outcomes" {
            return Ok(false);
        }
        tree.once(&mut markets, |tree| {
            tree.end_attributes("outcomes");
            market::all(tree, market::settled)
        })?;
        Ok(true)
    })?;
    Ok(Settlement { certainty, markets: markets.unwrap_or_default() })
}

fn certainty(text: &str) -> Result<Certainty, String> {
    let code = number::code(text).map_err(|error| error.to_string())?;
    codes::certainty(code).ok_or_else(|| format!("{code} is no certainty: 1 is live-scouted, 2 confirmed"))
}

/// A change that does not say what it changes, or says it by a code that is not known, changes the beginning if anything.
fn fixture_change(tree: &mut Tree) -> Read<FixtureChange> {
    let change = FixtureChange {
        change: tree.code("change_type", codes::fixture_change)?.unwrap_or(FixtureChangeKind::StartTime),
        scheduled_start: tree.time("start_time")?,
        next_live_time: tree.time("next_live_time")?,
    };
    tree.leaf("fixture_change")?;
    Ok(change)
}

fn window(tree: &mut Tree) -> Read<Window> {
    Ok(Window { start_time: tree.time("start_time")?, end_time: tree.time("end_time")? })
}
