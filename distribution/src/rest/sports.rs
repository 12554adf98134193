//! The sports, how much of each there is, and when each was last worked on.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chassis::problem::Problem;
use domain::{EventStatus, Sport};
use serde::Serialize;

use super::Sources;
use super::answer::by_content;
use super::problems::unavailable;
use super::request::{NoParams, Params};
use crate::store::database::sports::SportFigures;

#[derive(Debug, Serialize)]
struct SportList {
    sports: Vec<ListedSport>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ListedSport {
    sport: Sport,
    /// As the Unified Odds Feed numbers it.
    uof_id: u32,
    /// Events known.
    events: u64,
    /// Those of them that are being played.
    live: u64,
    /// When a processor of the sport last took a message; nothing where none ever did.
    last_message_at: Option<i64>,
}

pub(super) async fn list(
    State(Sources { hub, .. }): State<Sources>,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let figures = hub.store().sports().await.map_err(unavailable)?;
    let sports = Sport::ALL.iter().map(|&sport| listed(sport, &figures)).collect();
    Ok(by_content(&headers, &SportList { sports }))
}

fn listed(sport: Sport, figures: &SportFigures) -> ListedSport {
    let ours = || figures.counts.iter().filter(|count| count.sport == sport);
    let last_message = figures.last_messages.iter().find(|(of, _)| *of == sport);
    let live = ours().filter(|count| count.status.is_some_and(EventStatus::is_live));
    ListedSport {
        sport,
        uof_id: sport.rules().id,
        events: ours().map(|count| count.events).sum(),
        live: live.map(|count| count.events).sum(),
        last_message_at: last_message.map(|(_, at)| *at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::sports::EventCount;

    #[test]
    fn interrupted_events_count_as_live_and_those_without_a_status_as_known() {
        let count = |status, events| EventCount { sport: Sport::Hockey, status, events };
        let counts = vec![
            count(None, 1),
            count(Some(EventStatus::Live), 2),
            count(Some(EventStatus::Interrupted), 4),
            count(Some(EventStatus::Closed), 8),
        ];
        let figures = SportFigures { counts, last_messages: vec![(Sport::Tennis, 7), (Sport::Hockey, 5)] };
        let hockey = listed(Sport::Hockey, &figures);
        let last_message_at = Some(5);
        assert_eq!(
            hockey,
            ListedSport { sport: Sport::Hockey, uof_id: 4, events: 15, live: 6, last_message_at }
        );
        assert_eq!(listed(Sport::Football, &figures).last_message_at, None);
    }
}
