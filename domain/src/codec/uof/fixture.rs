//! A fixture as the provider's API tells it: who plays whom and when, and of which sport the event is.
//!
//! Only that is read; what else the API knows of an event is neither kept nor counted.

use super::Origin;
use super::codes;
use super::tree::Tree;
use crate::codec::xml::reader::{Fault, Read};
use crate::fixture::{Competitor, Fixture, Tournament};
use crate::id::{EventId, Name, Urn};
use crate::{Body, EventMessage, Side, Sport};

/// The element that holds it.
pub(super) const ROOT: &str = "fixtures_fixture";

/// Who says so: the API is no producer of odds.
pub(super) fn producer() -> Name {
    Name::new("fixtures").expect("letters are a name")
}

/// Reads the children of [`ROOT`].
pub(super) fn event(tree: &mut Tree, origin: &Origin) -> Read<EventMessage> {
    let root_at = tree.reader.element_at();
    let mut event = None;
    tree.pick_all("fixture", |tree| tree.once(&mut event, |tree| fixture(tree, origin)))?;
    event.ok_or_else(|| Fault::schema(root_at, "fixture", "missing element `fixture`"))
}

fn fixture(tree: &mut Tree, origin: &Origin) -> Read<EventMessage> {
    let at = tree.reader.element_at();
    let event_id: EventId = tree.reader.required("id")?;
    let start = match tree.date("start_time")? {
        Some(start) => Some(start),
        None => tree.date("scheduled")?,
    };
    let scheduled_start = start.ok_or_else(|| tree.reader.lacks("start_time"))?;
    let (mut tournament, mut sport) = (None, None);
    let (mut home, mut away) = (None, None);
    tree.pick(|tree, child| {
        match child {
            "tournament" => tree.once(&mut tournament, |tree| self::tournament(tree, &mut sport))?,
            "competitors" => tree.pick_all("competitor", |tree| {
                let (side, competitor) = competitor(tree)?;
                let slot = if side == Side::Home { &mut home } else { &mut away };
                tree.once(slot, |_| Ok(competitor))
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let missing = |what: &str| Fault::schema(at, "", format_args!("the fixture names no {what}"));
    let sport = match sport {
        Some(sport) => Some(sport),
        None => origin.sport(&event_id).map_err(|detail| Fault::schema(at, "", detail))?,
    };
    let sport = sport.ok_or_else(|| missing("sport of ours"))?;
    let fixture = Fixture {
        scheduled_start,
        tournament,
        home: home.ok_or_else(|| missing("competitor at home"))?,
        away: away.ok_or_else(|| missing("competitor away"))?,
    };
    Ok(EventMessage { sport, event_id, position: None, body: Body::Fixture(fixture) })
}

/// A competition, and the sport that stands in it.
fn tournament(tree: &mut Tree, sport: &mut Option<Sport>) -> Read<Tournament> {
    let tournament = Tournament { id: tree.reader.required("id")?, name: tree.reader.required("name")? };
    tree.pick_all("sport", |tree| {
        let id: Urn = tree.reader.required("id")?;
        *sport = id.as_str().rsplit(':').next().and_then(|number| codes::sport(number.parse().ok()?));
        tree.reader.close()
    })?;
    Ok(tournament)
}

fn competitor(tree: &mut Tree) -> Read<(Side, Competitor)> {
    let side = match tree.reader.text("qualifier") {
        Some("home") => Side::Home,
        Some("away") => Side::Away,
        _ => return Err(tree.reader.wrong("qualifier", "this competitor plays neither at home nor away")),
    };
    let competitor = Competitor {
        id: tree.reader.required("id")?,
        name: tree.reader.required("name")?,
        abbreviation: tree.reader.optional("abbreviation")?,
    };
    tree.reader.close()?;
    Ok((side, competitor))
}
