//! When a run is over: everything that was sent has arrived wherever it has to, or nothing moves any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::feed::Feed;
use crate::judge::Expected;
use crate::monitor::Monitor;
use crate::observe::Places;
use crate::observe::mysql::Mysql;
use crate::observe::socket::{Client, Member};
use crate::site::Site;

/// How long nothing may move before the rest is given up.
const STANDSTILL_MAX: Duration = Duration::from_secs(30);
/// How long nothing must have moved where not everything can arrive.
const STILL: Duration = Duration::from_secs(1);
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
    let (events, total): (Vec<String>, u64) = (feed.expected.keys().cloned().collect(), feed.messages());
    let mut gaps = Gaps::of(feed);
    let mut turns = BTreeMap::new();
    let mut best = 0;
    let mut moved = Instant::now();
    loop {
        // A database that is being restarted answers later.
        let in_mysql = mysql.versions().await.unwrap_or_default();
        let reached = count(feed, &in_mysql, &turns);
        let at_clients = clients();
        let reached_there: Vec<u64> =
            at_clients.iter().map(|versions| count(feed, versions, &turns)).collect();
        let least = reached_there.iter().copied().min().unwrap_or(total);
        // What is published is asked once there is nothing else to wait for.
        let is_published = reached == total && least == total && mysql.is_published().await.unwrap_or(false);
        if is_published && !gaps.are_due(&mysql).await {
            // Versions that no message led to are looked for only once there is nothing else to wait for: it takes time.
            if let Ok(found) = mysql.turns(&events).await {
                if found != turns {
                    (turns, best) = (found, 0);
                    continue;
                }
                if is_level(feed, &in_mysql, &at_clients) {
                    return Ok(());
                }
            }
        }
        let now = reached + reached_there.iter().sum::<u64>() + u64::from(is_published);
        if now > best {
            (best, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STANDSTILL_MAX && !gaps.may_come() {
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

/// Waits until nothing moves any more, where not everything can arrive: no message waits, what is committed is published, and every
/// client has what MySQL has.
///
/// # Errors
/// When that is not so although nothing moves for half a minute: with what still waits.
pub(crate) async fn settle_still(site: &Site<'_>, feed: &Feed, members: &[Member]) -> Result<()> {
    let mysql = Mysql::new(&site.places.mysql)?;
    let monitor = Monitor::new(site, &feed.played_sports(), Duration::ZERO)?;
    let mut gaps = Gaps::of(feed);
    let (mut before, mut moved) = (None, Instant::now());
    let mut still: Option<Instant> = None;
    loop {
        let waiting = monitor.waiting().await.ok();
        let in_mysql = mysql.versions().await.unwrap_or_default();
        let at_clients: Vec<BTreeMap<String, u64>> = members.iter().map(Member::versions).collect();
        let is_level = is_level(feed, &in_mysql, &at_clients);
        let now = (ours(feed, &in_mysql), at_clients.iter().map(|at| ours(feed, at)).collect::<Vec<_>>());
        if before.as_ref() != Some(&now) {
            (before, moved, still) = (Some(now), Instant::now(), None);
        }
        let is_through = waiting.is_some_and(|waiting| waiting.feed == 0 && waiting.outbox == 0);
        still = if is_through && is_level { still.or_else(|| Some(Instant::now())) } else { None };
        if still.is_some_and(|since| since.elapsed() >= STILL) && !gaps.are_due(&mysql).await {
            return Ok(());
        }
        if moved.elapsed() > STANDSTILL_MAX && !gaps.may_come() {
            let wait = match waiting {
                Some(waiting) => format!("{} messages and {} updates wait", waiting.feed, waiting.outbox),
                None => "Kafka or the database do not say what waits".to_owned(),
            };
            let clients = if is_level { "clients have what MySQL has" } else { "clients are behind MySQL" };
            bail!("nothing moved for {} s: {wait}, {clients}", STANDSTILL_MAX.as_secs());
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

/// The events of the feed among these.
fn ours(feed: &Feed, versions: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut ours = versions.clone();
    ours.retain(|event_id, _| feed.expected.contains_key(event_id));
    ours
}

/// Whether every client has come as far as MySQL with each event.
fn is_level(feed: &Feed, in_mysql: &BTreeMap<String, u64>, at_clients: &[BTreeMap<String, u64>]) -> bool {
    let in_mysql = ours(feed, in_mysql);
    at_clients.iter().all(|versions| in_mysql.iter().all(|(id, version)| versions.get(id) == Some(version)))
}

/// Gaps that have to be declared: that nobody hears of what is missing comes to light some time after the last message.
struct Gaps {
    /// The events of which none has been declared yet.
    missing: Vec<String>,
    /// Until when one may still come: whoever waits had the last message before the waiting began.
    until: Instant,
}

impl Gaps {
    /// Of a feed that is sent.
    fn of(feed: &Feed) -> Self {
        let told = feed.oracle.events().iter().filter(|(_, told)| told.must_have_gap);
        let missing = told.map(|(event_id, _)| event_id.clone()).collect();
        let hold = Duration::from_micros(u64::try_from(feed.patience.hold_micros).unwrap_or_default());
        Self { missing, until: Instant::now() + 2 * hold }
    }

    /// Whether one that is missing may still come.
    fn may_come(&self) -> bool {
        !self.missing.is_empty() && Instant::now() < self.until
    }

    /// The same, once it was looked which have come, where the database says.
    async fn are_due(&mut self, mysql: &Mysql) -> bool {
        if self.may_come() {
            let declared = mysql.gaps(&self.missing).await.unwrap_or_default();
            self.missing.retain(|event_id| !declared.contains(event_id));
        }
        self.may_come()
    }
}

#[cfg(test)]
mod tests {
    use simulator::Schedule;

    use super::*;
    use crate::case::{Asked, Case};

    fn versions(versions: &[(&str, u64)]) -> BTreeMap<String, u64> {
        versions.iter().map(|(id, version)| ((*id).to_owned(), *version)).collect()
    }

    fn case(scenario: &str, seed: u64) -> Case {
        Case::of(Asked::load(scenario, Some(seed), None).unwrap(), None).unwrap()
    }

    #[test]
    fn clients_are_level_with_mysql_where_they_have_the_same_versions_of_our_events() {
        let feed = case("steady-hockey", 5).feed;
        let ids: Vec<&str> = feed.expected.keys().map(String::as_str).collect();
        let (one, two) = (ids[0], ids[1]);
        let mysql = versions(&[(one, 7), (two, 3), ("somebody-elses", 9)]);
        let level = versions(&[(one, 7), (two, 3)]);
        assert!(is_level(&feed, &mysql, &[level.clone(), level.clone()]));
        assert!(is_level(&feed, &mysql, &[]), "nobody looks");
        for behind in
            [versions(&[(one, 7)]), versions(&[(one, 6), (two, 3)]), versions(&[(one, 8), (two, 3)])]
        {
            assert!(!is_level(&feed, &mysql, &[level.clone(), behind.clone()]), "{behind:?}");
        }
    }

    #[test]
    fn a_gap_that_has_to_be_declared_is_waited_for_as_long_as_it_may_come() {
        let feed = case("all-faults", 3).feed;
        let mut gaps = Gaps::of(&feed);
        let told = feed.oracle.events();
        assert!(gaps.may_come() && gaps.missing.iter().all(|event_id| told[event_id].must_have_gap));
        let hold = Duration::from_micros(feed.patience.hold_micros.try_into().unwrap());
        assert!(gaps.until <= Instant::now() + 2 * hold);
        gaps.until = Instant::now();
        assert!(!gaps.may_come(), "its time is over");
        let whole = Feed::of(Schedule::clone(&case("steady-hockey", 5).feed.schedule), BTreeMap::new());
        assert!(!Gaps::of(&whole).may_come(), "nothing is missing");
    }
}
