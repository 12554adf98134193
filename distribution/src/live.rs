//! The list of matches being played: what a scoreboard shows of each.

use std::sync::Arc;

use domain::{Fixture, Key, MarketKey, Status};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cell::Cell;
use crate::image::{Image, write_json};

/// One match on the scoreboard.
#[derive(Serialize)]
struct Match<'a> {
    event_id: &'a domain::EventId,
    sport: domain::Sport,
    version: u64,
    home: Option<&'a str>,
    away: Option<&'a str>,
    scheduled_start: Option<domain::Timestamp>,
    status: domain::EventStatus,
    match_status: domain::MatchStatus,
    score: domain::Score,
    clock: Option<domain::Clock>,
    /// The first of its sport's markets without specifiers that is on offer, as everywhere else.
    main_market: Option<&'a RawValue>,
}

/// Appends `{"matches":[…]}`: every event that is live, in the order of their ids.
pub fn write_matches(cells: &[Arc<Cell>], out: &mut Vec<u8>) {
    let mut cells: Vec<&Arc<Cell>> = cells.iter().collect();
    cells.sort_unstable_by_key(|cell| cell.event_id());
    out.extend_from_slice(b"{\"matches\":[");
    let start = out.len();
    for cell in cells {
        let before = out.len();
        if before > start {
            out.push(b',');
        }
        if !cell.with_image(|image| write_match(image, out)) {
            out.truncate(before);
        }
    }
    out.extend_from_slice(b"]}");
}

/// Appends a match that is live; says whether it is.
fn write_match(image: &Image, out: &mut Vec<u8>) -> bool {
    if !image.status().is_some_and(domain::EventStatus::is_live) {
        return false;
    }
    let Some(status) = image.value(&Key::Status).and_then(|json| serde_json::from_str::<Status>(json).ok())
    else {
        return false;
    };
    let fixture = image.value(&Key::Fixture).and_then(|json| serde_json::from_str::<Fixture>(json).ok());
    let markets = image.sport().rules().markets;
    let mut on_offer = markets.iter().filter_map(|market| {
        let key = Key::Market(MarketKey::plain(market.id));
        Some(image.shown(&key, image.value(&key)?))
    });
    let main_market = on_offer.next();
    let main_market = main_market.as_deref().and_then(|json| serde_json::from_str(json).ok());
    write_json(
        out,
        &Match {
            event_id: image.event_id(),
            sport: image.sport(),
            version: image.version(),
            home: fixture.as_ref().map(|fixture| fixture.home.name.as_str()),
            away: fixture.as_ref().map(|fixture| fixture.away.name.as_str()),
            scheduled_start: fixture.as_ref().map(|fixture| fixture.scheduled_start),
            status: status.status,
            match_status: status.match_status,
            score: status.score,
            clock: status.clock,
            main_market,
        },
    );
    true
}

#[cfg(test)]
mod tests {
    use domain::Sport;
    use tokio::time::Instant;

    use super::*;
    use crate::cell::FrameBudget;
    use crate::image::Entry;

    fn cell(id: &str, status: &str) -> Arc<Cell> {
        let value = format!(
            r#"{{"status":"{status}","match_status":"period_2","score":{{"home":3,"away":1}},"clock":{{"elapsed_seconds":61}}}}"#
        );
        let entries = [
            (Key::Status, Entry { version: 2, value: Some(value.into()) }),
            ("market:406".parse().expect("a key"), Entry { version: 1, value: Some("{\"id\":406}".into()) }),
        ];
        Cell::new(
            Image::stored(id.parse().expect("a URN"), Sport::Hockey, 2, entries),
            1,
            FrameBudget::new(1 << 20),
            Instant::now(),
        )
    }

    #[test]
    fn only_what_is_being_played_is_listed_in_order() {
        let cells =
            [cell("md:match:2", "live"), cell("md:match:3", "ended"), cell("md:match:1", "interrupted")];
        let mut out = Vec::new();
        write_matches(&cells, &mut out);
        let list: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        let ids: Vec<_> =
            list["matches"].as_array().expect("a list").iter().map(|one| &one["event_id"]).collect();
        assert_eq!(ids, ["md:match:1", "md:match:2"]);
        assert_eq!(list["matches"][1]["score"]["home"], 3);
        assert_eq!(list["matches"][1]["main_market"]["id"], 406);
    }
}
