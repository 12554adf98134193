//! When a run is over: everything that was sent has arrived wherever it has to, or nothing moves any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::feed::Feed;
use crate::judge::Expected;
use crate::observe::Places;
use crate::observe::mysql::Mysql;
use crate::observe::socket::{Client, Member};

/// How long nothing may move before the rest is given up.
const STANDSTILL_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether everything has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until every event has reached its last version in MySQL and at one of the clients, if there are any, and everything
/// is published.
///
/// # Errors
/// When nothing moves for half a minute: with how far it came.
pub async fn settle(places: &Places, feed: &Feed, clients: &[Client]) -> Result<()> {
    let mut versions = || {
        let mut all = BTreeMap::new();
        clients.iter().for_each(|client| all.extend(client.versions().borrow().clone()));
        if clients.is_empty() { Vec::new() } else { vec![all] }
    };
    settle_with(places, feed, &mut versions).await
}

/// The same with clients each of which sees everything.
pub(crate) async fn settle_all(places: &Places, feed: &Feed, members: &[Member]) -> Result<()> {
    settle_with(places, feed, &mut || members.iter().map(Member::versions).collect()).await
}

async fn settle_with(
    places: &Places,
    feed: &Feed,
    clients: &mut dyn FnMut() -> Vec<BTreeMap<String, u64>>,
) -> Result<()> {
    let mysql = Mysql::new(&places.mysql)?;
    let total = feed.messages();
    let mut turns = BTreeMap::new();
    let mut best = 0;
    let mut moved = Instant::now();
    loop {
        // A database that is being restarted answers later.
        let in_mysql = mysql.versions().await.unwrap_or_default();
        let reached = count(feed, &in_mysql, &turns);
        let at_clients: Vec<u64> = clients().iter().map(|versions| count(feed, versions, &turns)).collect();
        let least = at_clients.iter().copied().min().unwrap_or(total);
        // What is published is asked once there is nothing else to wait for.
        let is_published = reached == total && least == total && mysql.is_published().await.unwrap_or(false);
        if is_published {
            // Versions that no message led to are looked for only once there is nothing else to wait for: it takes time.
            let found = mysql.turns().await.context("reading the update log")?;
            if found == turns {
                return Ok(());
            }
            (turns, best) = (found, 0);
            continue;
        }
        let now = reached + at_clients.iter().sum::<u64>() + u64::from(is_published);
        if now > best {
            (best, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STANDSTILL_MAX {
            let is_published = mysql.is_published().await.unwrap_or(false);
            bail!(
                "nothing moved for {} s: of {total} messages MySQL has {reached}, the socket {least}; {}",
                STANDSTILL_MAX.as_secs(),
                if is_published { "all that is committed is published" } else { "not all is published" }
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many messages have arrived where the events are at these versions.
fn count(feed: &Feed, versions: &BTreeMap<String, u64>, turns: &BTreeMap<String, Vec<u64>>) -> u64 {
    let reached = |id: &String, expected: &Expected| {
        let version = versions.get(id).copied().unwrap_or_default();
        let turns = turns.get(id).map_or(0, |turns| turns.partition_point(|turn| *turn <= version));
        expected.messages.min(version - turns as u64)
    };
    feed.expected.iter().map(|(id, expected)| reached(id, expected)).sum()
}
