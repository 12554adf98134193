//! Distribution's REST: the games that are live, and the one that is open with what is added to its log.

use std::time::Duration;

use domain::EventId;
use reqwest::Client;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{Finding, Sink, http};
use crate::game::{Game, MatchList, UpdatePage};

/// How many updates before the latest are asked for when a game is opened.
const LOG_BEFORE: u64 = 200;

/// How many updates one answer has at most.
const LOG_PAGE: u64 = 500;

/// Asks for all games that are live every `interval`.
pub(super) async fn watch_all(client: Client, rest: String, interval: Duration, sink: Sink) {
    let ask = || async {
        let list: MatchList = http::get_json(&client, http::join(&rest, "/matches/live")?).await?;
        Ok(Finding::Matches(list.matches))
    };
    sink.ask_every(interval, ask).await;
}

/// Asks for the game that is open every `interval`, and at once when another is opened.
pub(super) async fn watch_one(
    client: Client,
    rest: String,
    interval: Duration,
    mut opened: watch::Receiver<Option<EventId>>,
    sink: Sink,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The version up to which its log was read.
    let mut read_to = None;
    loop {
        tokio::select! {
            changed = opened.changed() => {
                if changed.is_err() {
                    return;
                }
                read_to = None;
            }
            _ = ticks.tick() => {}
        }
        let Some(event_id) = opened.borrow_and_update().clone() else { continue };
        if sink.report(ask(&client, &rest, &event_id, &mut read_to)).await.is_err() {
            return;
        }
    }
}

async fn ask(
    client: &Client,
    rest: &str,
    event_id: &EventId,
    read_to: &mut Option<u64>,
) -> anyhow::Result<Finding> {
    let mut url = http::join(rest, "/v1/events")?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(event_id.as_str());
    }
    let game: Game = http::get_json(client, url.clone()).await?;
    // A store that was emptied counts anew.
    *read_to = read_to.filter(|version| *version <= game.version);
    // Of a log that grows faster than it is read, what lies between is left out.
    let newest = game.version.saturating_sub(LOG_BEFORE);
    let after = read_to.map_or(newest, |version| version.max(newest));
    if let Ok(mut path) = url.path_segments_mut() {
        path.push("updates");
    }
    url.query_pairs_mut()
        .append_pair("after", &after.to_string())
        .append_pair("limit", &LOG_PAGE.to_string());
    let page: UpdatePage = http::get_json(client, url).await?;
    *read_to = Some(page.updates.last().map_or(after, |update| update.version));
    Ok(Finding::Game(Box::new(game), page.updates))
}
