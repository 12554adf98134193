//! Judging a run: what was sent and has arrived is held against what must be, place by place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use domain::Sport;
use simulator::DriveReport;

use super::{CpuUse, Outcome, Run, SportOutcome};
use crate::anomaly::{Example, Kind};
use crate::exit::is_panic;
use crate::feed::Feed;
use crate::judge::{Expected, Verdict};
use crate::latency::{Hearing, Latencies, Sources};
use crate::lateness::Lateness;
use crate::look::Looks;
use crate::monitor::{OWN, Sample};
use crate::observe::kafka::{Feeds, Kafka, Updates};
use crate::observe::mysql::{Before, Mysql};
use crate::observe::socket::{Member, Role, Seen};
use crate::oracle::{Heard, Trace, judge_letters, our_letters};
use crate::outage::Happened;
use crate::recoveries::unnumbered;
use crate::site::Site;
use crate::stack::processors_name;
use crate::stall::Stalls;
use crate::trial::{self, judge_feeds, judge_places, judge_sockets, judge_updates};
use crate::unsafe_open::{self, Patience};

impl Run<'_> {
    /// Judges what has come of it.
    pub(super) async fn judge(&self, sent: Sent) -> Result<Outcome> {
        let Self { site, feed, .. } = self;
        let Sent {
            kafka,
            heard_before,
            members,
            drive,
            stalls,
            is_answered,
            standstill,
            took,
            samples,
            hearing,
            looks,
            deaths,
        } = sent;
        let mut verdict = Verdict::default();
        judge_services(site, &deaths, &mut verdict);
        let mut seen = BTreeMap::new();
        let mut steady = Vec::new();
        for member in members {
            let (name, role) = (member.name.clone(), member.role);
            match member.end().await {
                Ok(client) => {
                    steady.extend((role == Role::Steady).then(|| name.clone()));
                    seen.insert(name, client);
                }
                // What a client of ours panicked over nobody can be accused of.
                Err(error) if is_panic(&error) => return Err(error),
                Err(error) => judge_absence(&name, &error, &mut verdict),
            }
        }
        // What was found until then holds, whatever cannot be looked at any more.
        let mut found = Found { verdict, ..Found::default() };
        let compared = self.compare((&kafka, heard_before), &drive, &seen, &looks, &mut found).await;
        let unlooked = compared.err().map(|error| format!("{error:#}"));
        let Found { mut verdict, feeds, updates, traces } = found;
        // What is wrong at a version came by the update that led there, whichever place it was seen in.
        verdict.anomalies.locate(|example| updates.record(&example.event_id, example.version?));
        let steady: Vec<&Seen> = steady.iter().filter_map(|name| seen.get(name)).collect();
        let latencies = Latencies::of(&Sources {
            feed,
            drive: &drive,
            traces: &traces,
            feeds: &feeds,
            updates: &updates.events,
            hearing: &hearing,
            seen: &steady,
            warm_up_micros: i64::try_from(self.warm_up.as_micros()).unwrap_or(i64::MAX),
        });
        let (recovering, happened) = (self.recovering(&feeds), self.happened.borrow().clone());
        let heard = self.heard(&feeds, &drive, (&recovering, &happened));
        let unsafe_times = unsafe_open::measure(feed, &drive, &traces, (&heard, &updates), &steady);
        let cpu = used(&samples, feed);
        let sports = feed.sports().into_iter().map(|sport| share(feed, sport)).collect();
        let database = site.database.clone();
        Ok(Outcome {
            verdict,
            lateness: Lateness::of(&drive, self.warm_up, &[], Some(&stalls)),
            stalls,
            drive,
            is_answered,
            standstill,
            unlooked,
            took,
            latencies,
            unsafe_times,
            cpu,
            samples,
            sports,
            seen,
            unread_outages: looks.unread,
            database,
        })
    }

    /// Holds every place against what must be, in the order of a message's way: what went wrong first is the first example.
    async fn compare(
        &self,
        (kafka, heard_before): (&Kafka, BTreeMap<(String, String), Before>),
        drive: &DriveReport,
        seen: &BTreeMap<String, Seen>,
        looks: &Looks,
        found: &mut Found,
    ) -> Result<()> {
        let Self { site, feed, .. } = self;
        let Found { verdict, feeds, updates, traces } = found;
        let mysql = Mysql::new(&site.places.mysql)?;
        *feeds = kafka.feeds().await.context("reading the feed topics")?;
        feeds.note_before(heard_before);
        judge_feeds(feed, feeds, &drive.deliveries, verdict);
        let (recovering, happened) = (self.recovering(feeds), self.happened.borrow().clone());
        let heard = self.heard(feeds, drive, (&recovering, &happened));
        *traces = trial::traces(&mysql, feed, &heard, verdict).await?;
        looks.judge(feed, traces, verdict);
        *updates = kafka.updates().await.context("reading the updates topics")?;
        judge_updates(feed, traces, &updates.events, verdict);
        let clients: Vec<(&str, &Seen)> = seen.iter().map(|(name, seen)| (name.as_str(), seen)).collect();
        let cut_short = cut_short(feed, drive);
        let is_own = !site.is_shared;
        let placed = judge_places(&site.places, feed, traces, &clients, (is_own, &cut_short), verdict).await;
        // Clients are held against what was read already.
        judge_sockets(feed, traces, &clients, verdict);
        placed?;
        let letters = (&*feed.schedule, &feed.faults, &drive.deliveries);
        let mut kept = kafka.letters().await.context("reading the dead letters")?;
        if site.is_shared {
            kept = our_letters(&feed.oracle, &feed.schedule, kept);
        }
        judge_letters(&feed.oracle, letters, &kept, verdict);
        Ok(())
    }

    /// The providers of which an `alive` is not enough. A stack of our own was told so of each whose messages have no sequence; one that
    /// is up shows it by asking.
    fn recovering(&self, feeds: &Feeds) -> Vec<String> {
        let is_told = self.site.own().is_some() && self.recoveries.is_some();
        let has_asked = |provider: &str| feeds.complete.keys().any(|(of, _)| of == provider);
        let unnumbered = unnumbered(&self.feed.schedule).into_iter().map(|provider| provider.to_string());
        unnumbered.filter(|provider| is_told || has_asked(provider)).collect()
    }

    fn heard<'a>(
        &self,
        feeds: &'a Feeds,
        drive: &'a DriveReport,
        (recovering, happened): (&'a [String], &'a Happened),
    ) -> Heard<'a> {
        let Patience { silence_micros, hold_micros, .. } = self.feed.patience;
        Heard {
            status: &drive.deliveries.status,
            alive: Some(&feeds.alive),
            appended: Some(&feeds.appended),
            complete: Some(&feeds.complete),
            recovering,
            timed: Some(&feeds.timed),
            messages: Some(&feeds.messages),
            silence_micros,
            hold_micros,
            disturbed: happened.times(),
        }
    }
}

/// What was read, and found in it.
#[derive(Default)]
struct Found {
    verdict: Verdict,
    feeds: Feeds,
    updates: Updates,
    traces: BTreeMap<String, Trace>,
}

/// What has been sent, and has arrived.
pub(super) struct Sent {
    pub(super) kafka: Kafka,
    /// How each producer stood before the run.
    pub(super) heard_before: BTreeMap<(String, String), Before>,
    pub(super) members: Vec<Member>,
    pub(super) drive: DriveReport,
    pub(super) stalls: Stalls,
    pub(super) is_answered: bool,
    pub(super) standstill: Option<String>,
    pub(super) took: Duration,
    pub(super) samples: Vec<Sample>,
    pub(super) hearing: Hearing,
    pub(super) looks: Looks,
    pub(super) deaths: BTreeMap<String, String>,
}

/// The events not all of whose messages were answered: where they end nobody can say.
fn cut_short(feed: &Feed, drive: &DriveReport) -> BTreeSet<String> {
    let unanswered =
        feed.faults.unexpected(&drive.deliveries).into_iter().filter(|answer| answer.status == 0);
    let channel = |line: u64| feed.schedule.channel(usize::try_from(line).unwrap_or_default());
    let events =
        unanswered.filter_map(|answer| feed.schedule.channels()[channel(answer.message)].event_id.as_deref());
    events.map(str::to_owned).collect()
}

/// A service of ours ends when it is ended, never of itself.
fn judge_services(site: &Site<'_>, deaths: &BTreeMap<String, String>, verdict: &mut Verdict) {
    const PLACE: &str = "services";
    let running = site.own().into_iter().flat_map(|_| site.processes());
    let services = running.map(|(name, _)| name).filter(|name| Site::is_service(name));
    for name in services.chain(deaths.keys().cloned()).collect::<BTreeSet<String>>() {
        let death = deaths.get(&name);
        let example = || Example {
            place: PLACE.to_owned(),
            what: name.clone(),
            expected: "running until it is ended".to_owned(),
            found: format!("gone: it ended by itself with {}", death.map_or("", String::as_str)),
            ..Example::default()
        };
        verdict.compare(Kind::Lost, None, death.is_none(), example, PLACE);
    }
}

/// A client that could not come back, however long it tried, has seen nothing that could be judged.
fn judge_absence(client: &str, error: &anyhow::Error, verdict: &mut Verdict) {
    let example = || Example {
        place: client.to_owned(),
        what: "socket".to_owned(),
        expected: "reached".to_owned(),
        found: format!("{error:#}"),
        ..Example::default()
    };
    verdict.compare(Kind::Lost, None, false, example, client);
}

fn share(feed: &Feed, sport: &str) -> SportOutcome {
    let games: Vec<&Expected> = feed.expected.values().filter(|game| game.sport == sport).collect();
    let messages = games.iter().map(|game| game.messages).sum();
    SportOutcome { sport: sport.to_owned(), games: games.len(), messages }
}

/// What each process used from the first look to the last one, also one that was gone by then. A process that was started during
/// the run counts from its start.
fn used(samples: &[Sample], feed: &Feed) -> Vec<CpuUse> {
    let mut all: BTreeMap<&str, CpuUse> = BTreeMap::new();
    let mut before: BTreeMap<&str, u64> = BTreeMap::new();
    for (index, sample) in samples.iter().enumerate() {
        for (process, (micros, resident)) in &sample.processes {
            let last = before.insert(process, *micros).unwrap_or(if index == 0 { *micros } else { 0 });
            let used = all.entry(process).or_insert_with(|| {
                let is_of = |sport: &Sport| process.starts_with(&processors_name(*sport));
                let sport = Sport::ALL.into_iter().find(is_of);
                CpuUse {
                    process: process.clone(),
                    micros: 0,
                    messages: sport.map_or(feed.messages(), |sport| share(feed, sport.as_str()).messages),
                    resident_max: 0,
                }
            });
            // Started anew, it has used less than before.
            used.micros += micros.checked_sub(last).unwrap_or(*micros);
            used.resident_max = used.resident_max.max(*resident);
        }
    }
    let mut all: Vec<CpuUse> = all.into_values().collect();
    all.sort_by_key(|used| order(&used.process));
    all
}

/// The order of a message's way.
fn order(process: &str) -> (usize, String) {
    let places = [OWN, "ingestion", "processors", "distribution", "kafka"];
    let place = places.iter().position(|place| process.starts_with(place)).unwrap_or(places.len());
    (place, process.to_owned())
}
