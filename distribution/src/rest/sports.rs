//! The sports, and how much of each there is.

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
use crate::store::database::EventCount;

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
}

pub(super) async fn list(
    State(Sources { hub, .. }): State<Sources>,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let counts = hub.store().counts().await.map_err(unavailable)?;
    let sports = Sport::ALL.iter().map(|&sport| listed(sport, &counts)).collect();
    Ok(by_content(&headers, &SportList { sports }))
}

fn listed(sport: Sport, counts: &[EventCount]) -> ListedSport {
    let ours = || counts.iter().filter(|count| count.sport == sport);
    let live = ours().filter(|count| count.status.is_some_and(EventStatus::is_live));
    ListedSport {
        sport,
        uof_id: sport.rules().id,
        events: ours().map(|count| count.events).sum(),
        live: live.map(|count| count.events).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_events_count_as_live_and_those_without_a_status_as_known() {
        let count = |status, events| EventCount { sport: Sport::Hockey, status, events };
        let counts = [
            count(None, 1),
            count(Some(EventStatus::Live), 2),
            count(Some(EventStatus::Interrupted), 4),
            count(Some(EventStatus::Closed), 8),
        ];
        let hockey = listed(Sport::Hockey, &counts);
        assert_eq!(hockey, ListedSport { sport: Sport::Hockey, uof_id: 4, events: 15, live: 6 });
    }
}
