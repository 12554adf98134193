//! One run: a feed goes in, every store and clients are observed, a verdict and its figures come out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::Sport;
use futures_util::future::try_join_all;
use simulator::drive::{Past, Progress, keep_alive};
use simulator::recovery::Inbox;
use simulator::{DriveOptions, DriveReport, drive, drive_and_answer};
use tokio::sync::watch;

use crate::anomaly::{Example, Kind};
use crate::feed::Feed;
use crate::judge::{Expected, Verdict};
use crate::latency::{Latencies, Sources};
use crate::lateness::Lateness;
use crate::look::{Looker, Looks};
use crate::monitor::{Monitor, OWN, Sample};
use crate::observe::kafka::Kafka;
use crate::observe::mysql::Mysql;
use crate::observe::rest;
use crate::observe::socket::{Member, Role, Seen};
use crate::oracle::{Heard, judge_letters, our_letters};
use crate::recoveries::Recoveries;
use crate::settle::{settle_all, settle_still};
use crate::site::Site;
use crate::stack::{Stack, processors_name};
use crate::trial::{self, judge_feeds, judge_places, judge_sockets, judge_updates};
use crate::unsafe_open::{self, UnsafeTimes};

pub use crate::settle::settle;
pub use crate::trial::judge;

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// What agreed and what did not.
    pub verdict: Verdict,
    /// How the sending went.
    pub drive: DriveReport,
    /// How late it was.
    pub lateness: Lateness,
    /// Whether every message that was sent was answered, and as it may be.
    pub is_answered: bool,
    /// Why not everything had arrived when it was judged, where that is so.
    pub standstill: Option<String>,
    /// From the first message's due time until the last one had arrived everywhere.
    pub took: Duration,
    /// How long messages took, per hop.
    pub latencies: Latencies,
    /// How long markets were open that must not be.
    pub unsafe_times: UnsafeTimes,
    /// What each process used during the run.
    pub cpu: Vec<CpuUse>,
    /// What was seen of the stack, once a second.
    pub samples: Vec<Sample>,
    /// What came of each sport's share of the feed.
    pub sports: Vec<SportOutcome>,
    /// What each client saw, by its name.
    pub seen: BTreeMap<String, Seen>,
    /// The database server that ran: `MySQL 8.0.15`.
    pub database: String,
}

/// What a process used during a run.
#[derive(Debug, Clone)]
pub struct CpuUse {
    /// Its name in the stack.
    pub process: String,
    /// CPU time, in microseconds.
    pub micros: u64,
    /// The messages that it had to do with: a processor's are those of its sport.
    pub messages: u64,
    /// The most memory that was seen, in bytes.
    pub resident_max: u64,
}

/// One sport's share of a run.
#[derive(Debug, Clone)]
pub struct SportOutcome {
    /// Its name.
    pub sport: String,
    /// How many games of it were played.
    pub games: usize,
    /// How many messages were to be sent of them.
    pub messages: u64,
}

impl Outcome {
    /// Whether every message was answered as it may be and everything agreed.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.is_answered && self.standstill.is_none() && self.verdict.is_pass()
    }
}

/// What is run.
pub struct Run<'a> {
    /// Where.
    pub site: &'a Site<'a>,
    /// What goes in.
    pub feed: &'a Feed,
    /// How it is sent.
    pub options: &'a DriveOptions,
    /// Where its processors ask for what they lack, where they were told to.
    pub recoveries: Option<&'a Recoveries>,
    /// The clients that look.
    pub clients: &'a [Role],
    /// Until when late clients wait.
    pub late: Duration,
    /// Messages that are due before that do not count for the latency.
    pub warm_up: Duration,
    /// How many outages the stack has recovered from.
    pub recovered: watch::Receiver<u64>,
}

/// How far a run has come, for whoever waits.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Messages are being sent.
    Sending(&'a Progress),
    /// The stack was looked at.
    Looked(&'a Sample),
    /// All is sent, and has to arrive.
    Settling,
    /// All that will arrive has arrived, and is compared.
    Judging,
}

/// Sends a feed into a stack, with one client that looks, and judges what comes of it. `disturb` runs beside the sending.
///
/// # Errors
/// When something cannot be observed, or messages stop arriving. What is observed and wrong is in the verdict.
pub async fn run(
    stack: &Stack,
    feed: &Feed,
    options: &DriveOptions,
    mut progress: impl FnMut(&Progress),
    disturb: impl Future<Output = Result<()>>,
) -> Result<Outcome> {
    let site = Site::of(stack)?;
    let run = Run {
        site: &site,
        feed,
        options,
        recoveries: None,
        clients: &[Role::Steady],
        late: Duration::ZERO,
        warm_up: Duration::ZERO,
        recovered: watch::channel(0).1,
    };
    let tell = |step: Step| {
        if let Step::Sending(sending) = step {
            progress(sending);
        }
    };
    let outcome = run.go(tell, disturb).await?;
    match &outcome.standstill {
        Some(standstill) => bail!("{standstill}"),
        None => Ok(outcome),
    }
}

impl Run<'_> {
    /// Runs it. `tell` hears how far it is, `disturb` runs beside the sending.
    ///
    /// # Errors
    /// When something cannot be observed. What is observed and wrong is in the verdict.
    pub async fn go(
        &self,
        tell: impl FnMut(Step),
        disturb: impl Future<Output = Result<()>>,
    ) -> Result<Outcome> {
        let Self { site, feed, options, .. } = self;
        let tell = std::cell::RefCell::new(tell);
        let sports = feed.played_sports();
        let kafka = Kafka::now(&site.kafka, &site.topics, sports.clone()).await?;
        let mut monitor = Monitor::new(site, &sports)?;
        let ahead = Arc::clone(&monitor.ahead_of_database);
        let mut looker = Looker::new(&site.places, feed, ahead, self.recovered.clone())?;
        // What cannot be reached now is no fault of what runs there.
        rest::reach(&site.places.rest).await?;
        let names: Vec<String> = feed.sports().into_iter().map(str::to_owned).collect();
        let members = (1_u32..).zip(self.clients).map(|(number, role)| {
            let name = match self.clients {
                [_] => "socket".to_owned(),
                _ => format!("socket {number} ({})", role.as_str()),
            };
            Member::join(&site.socket, name, *role, &names, Arc::clone(&monitor.breaks), self.late)
        });
        let members = try_join_all(members).await.context("subscribing on the socket")?;
        let started = Instant::now();
        let work = async {
            let sending = async {
                let schedule = Arc::clone(&feed.schedule);
                let tell = |progress: &Progress| tell.borrow_mut()(Step::Sending(progress));
                match self.recoveries {
                    Some(asked) => {
                        drive_and_answer(schedule, options, &mut *asked.inbox.lock().await, tell).await
                    }
                    None => drive(schedule, options, tell).await,
                }
            };
            let (drive, ()) = tokio::try_join!(sending, disturb)?;
            members.iter().for_each(Member::be_steady);
            let is_answered = drive.undelivered == 0 && feed.faults.unexpected(&drive.deliveries).is_empty();
            tell.borrow_mut()(Step::Settling);
            let settled = async {
                // Where something was refused or never delivered it cannot all arrive, and where messages have no sequence one may
                // be outdated when it comes. The rest has to all the same.
                match is_answered && feed.oracle.is_counted() {
                    true => settle_all(&site.places, feed, &members).await,
                    false => settle_still(site, feed, &members).await,
                }
            };
            let settled = self.while_alive(&drive.past, settled).await?;
            let standstill = settled.err().map(|error| format!("{error:#}"));
            anyhow::Ok((drive, is_answered, standstill))
        };
        let (drive, is_answered, standstill) = tokio::select! {
            done = work => done?,
            () = monitor.run(site, started, |sample| tell.borrow_mut()(Step::Looked(sample))) => {
                bail!("looking at the stack ended early")
            }
            () = looker.run(&members) => bail!("looking at clients ended early"),
        };
        let took = started.elapsed();
        looker.catch_up(&members).await;
        tell.borrow_mut()(Step::Judging);
        let (samples, looks, mut deaths) = (monitor.samples, looker.looks, monitor.deaths);
        deaths.extend(site.deaths());
        let past = drive.past.clone();
        let sent = Sent { kafka, members, drive, is_answered, standstill, took, samples, looks, deaths };
        self.while_alive(&past, self.judge(sent)).await?
    }

    /// Judges what has come of it.
    async fn judge(&self, sent: Sent) -> Result<Outcome> {
        let Self { site, feed, .. } = self;
        let Sent { kafka, members, drive, is_answered, standstill, took, samples, looks, deaths } = sent;
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
                Err(error) => judge_absence(&name, &error, &mut verdict),
            }
        }
        let mysql = Mysql::new(&site.places.mysql)?;
        let (feeds, updates) = (kafka.feeds().await?, kafka.updates().await?);
        let heard = Heard {
            status: &drive.deliveries.status,
            alive: Some(&feeds.alive),
            timed: Some(&feeds.timed),
            messages: Some(&feeds.messages),
            silence_micros: feed.patience.silence_micros,
        };
        // In the order of a message's way: what went wrong first is the first example.
        judge_feeds(feed, &feeds, &drive.deliveries, &mut verdict);
        let traces = trial::traces(&mysql, feed, &heard, &mut verdict).await?;
        looks.judge(feed, &traces, &mut verdict);
        let clients: Vec<(&str, &Seen)> = seen.iter().map(|(name, seen)| (name.as_str(), seen)).collect();
        judge_updates(feed, &traces, &updates.events, &mut verdict);
        judge_places(&site.places, feed, &traces, &clients, !site.is_shared, &mut verdict).await?;
        judge_sockets(feed, &traces, &clients, &mut verdict);
        let letters = (&*feed.schedule, &feed.faults, &drive.deliveries);
        let mut kept = kafka.letters().await?;
        if site.is_shared {
            kept = our_letters(&feed.oracle, &feed.schedule, kept);
        }
        judge_letters(&feed.oracle, letters, &kept, drive.unanswered > 0, &mut verdict);
        // What is wrong at a version came by the update that led there, whichever place it was seen in.
        verdict.anomalies.locate(|example| updates.record(&example.event_id, example.version?));
        let steady: Vec<&Seen> = steady.iter().filter_map(|name| seen.get(name)).collect();
        let mut latencies = Latencies::of(&Sources {
            feed,
            drive: &drive,
            traces: &traces,
            feeds: &feeds,
            updates: &updates.events,
            seen: &steady,
            warm_up_micros: i64::try_from(self.warm_up.as_micros()).unwrap_or(i64::MAX),
        });
        latencies.ask(site).await?;
        let unsafe_times = unsafe_open::measure(feed, &drive, &traces, (&feeds, &updates), &steady);
        let cpu = used(&samples, feed);
        let sports = feed.sports().into_iter().map(|sport| share(feed, sport)).collect();
        let database = site.database.clone();
        Ok(Outcome {
            verdict,
            lateness: Lateness::of(&drive, self.warm_up, &[]),
            drive,
            is_answered,
            standstill,
            took,
            latencies,
            unsafe_times,
            cpu,
            samples,
            sports,
            seen,
            database,
        })
    }

    /// Does something while producers go on saying that they are alive, where they did.
    async fn while_alive<T>(&self, past: &Past, work: impl Future<Output = T>) -> Result<T> {
        if self.options.alive_every.is_none() {
            return Ok(work.await);
        }
        let keep_alive = async {
            let schedule = Arc::clone(&self.feed.schedule);
            match self.recoveries {
                Some(asked) => keep_alive(schedule, self.options, past, &mut *asked.inbox.lock().await).await,
                None => keep_alive(schedule, self.options, past, &mut Inbox::of_nobody()).await,
            }
        };
        tokio::select! {
            done = work => Ok(done),
            alive = keep_alive => {
                alive?;
                bail!("producers stopped saying that they are alive")
            }
        }
    }
}

/// What has been sent, and has arrived.
struct Sent {
    kafka: Kafka,
    members: Vec<Member>,
    drive: DriveReport,
    is_answered: bool,
    standstill: Option<String>,
    took: Duration,
    samples: Vec<Sample>,
    looks: Looks,
    deaths: BTreeMap<String, String>,
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

/// What each process used from the first look to the last one. A process that was started during the run counts from its start.
fn used(samples: &[Sample], feed: &Feed) -> Vec<CpuUse> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let of = |process: &String, micros: u64| {
        let before = first.processes.get(process).map_or(0, |(before, _)| *before);
        let sport = Sport::ALL.into_iter().find(|sport| process.starts_with(&processors_name(*sport)));
        let resident =
            samples.iter().filter_map(|sample| sample.processes.get(process).map(|(_, bytes)| *bytes));
        CpuUse {
            process: process.clone(),
            // Started anew, it has used less than before.
            micros: micros.checked_sub(before).unwrap_or(micros),
            messages: sport.map_or(feed.messages(), |sport| share(feed, sport.as_str()).messages),
            resident_max: resident.max().unwrap_or_default(),
        }
    };
    let mut all: Vec<CpuUse> =
        last.processes.iter().map(|(process, (micros, _))| of(process, *micros)).collect();
    all.sort_by_key(|used| order(&used.process));
    all
}

/// The order of a message's way.
fn order(process: &str) -> (usize, String) {
    let places = [OWN, "ingestion", "processors", "distribution", "kafka"];
    let place = places.iter().position(|place| process.starts_with(place)).unwrap_or(places.len());
    (place, process.to_owned())
}
