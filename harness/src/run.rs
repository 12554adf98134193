//! One run: a feed goes in, every store and clients are observed, a verdict and its figures come out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use simulator::drive::{Past, Progress, keep_alive};
use simulator::recovery::Inbox;
use simulator::scenario::Gates;
use simulator::{DriveOptions, DriveReport, drive, drive_and_answer};
use tokio::sync::watch;

use crate::bundle::{GateResult, GateState};
use crate::feed::Feed;
use crate::gates::{self, Figures, Gate};
use crate::judge::Verdict;
use crate::latency::Latencies;
use crate::lateness::Lateness;
use crate::look::Looker;
use crate::monitor::{Monitor, Sample};
use crate::observe::kafka::Kafka;
use crate::observe::mysql::Mysql;
use crate::observe::rest;
use crate::observe::socket::{Member, Role, Seen, Times};
use crate::outage::Happened;
use crate::recoveries::Recoveries;
use crate::settle::{settle_all, settle_still};
use crate::site::Site;
use crate::stack::Stack;
use crate::stall::{StallWatch, Stalls};
use crate::unsafe_open::UnsafeTimes;
use judging::Sent;

pub use crate::settle::settle;
pub use crate::trial::judge;

mod judging;

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// What agreed and what did not.
    pub verdict: Verdict,
    /// How the sending went.
    pub drive: DriveReport,
    /// How late it was.
    pub lateness: Lateness,
    /// When this process stood still while messages were sent, in microseconds after the start.
    pub stalls: Stalls,
    /// Whether every message that was sent was answered, and as it may be.
    pub is_answered: bool,
    /// What could not be looked at when it was judged, where that is so: nothing behind it was.
    pub unlooked: Option<String>,
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
    /// After how many outages that the stack has recovered from not every store was read.
    pub unread_outages: u64,
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
    /// Whether everything is right, for whoever has no scenario with gates: how fast it was, and for what nothing could be looked, is not
    /// asked.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        let gates = gates::judge(&Gates::RIGHT, &Figures::of(self, &[], false), |_| None);
        let is_right = |gate: &GateResult| gate.state == GateState::Pass;
        Gate::RIGHT.iter().all(|asked| gates.iter().filter(|gate| gate.is(*asked)).all(is_right))
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
    /// The outages that have begun, and when the stack had recovered from each.
    pub happened: watch::Receiver<Happened>,
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
        happened: watch::channel(Happened::default()).1,
    };
    let tell = |step: Step| {
        if let Step::Sending(sending) = step {
            progress(sending);
        }
    };
    let outcome = run.go(tell, disturb).await?;
    match outcome.standstill.as_ref().or(outcome.unlooked.as_ref()) {
        Some(trouble) => bail!("{trouble}"),
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
        // Who was silent before its first message of this run is down as that comes.
        let heard_before = Mysql::new(&site.places.mysql)?.heard().await?;
        let mut monitor = Monitor::new(site, &sports, self.warm_up)?;
        let ahead = Arc::clone(&monitor.ahead_of_database);
        let mut looker = Looker::new(&site.places, feed, ahead, self.happened.clone())?;
        // What cannot be reached now is no fault of what runs there.
        rest::reach(&site.places.rest).await?;
        let names: Vec<String> = feed.sports().into_iter().map(str::to_owned).collect();
        let members = (1_u32..).zip(self.clients).map(|(number, role)| {
            let name = match self.clients {
                [_] => "socket".to_owned(),
                _ => format!("socket {number} ({})", role.as_str()),
            };
            let breaks = Arc::clone(&monitor.breaks);
            let times = Times { late: self.late, away_max: options.patience.give_up_after };
            Member::join(&site.socket, name, *role, &names, breaks, times)
        });
        let members = try_join_all(members).await.context("subscribing on the socket")?;
        let started = Instant::now();
        let stall_watch = StallWatch::begin().context("a thread that watches this process")?;
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
            let sending = async {
                let drive = sending.await?;
                let stalls = stall_watch.since(drive.timeline.started_at);
                anyhow::Ok((drive, stalls))
            };
            let ((drive, stalls), ()) = tokio::try_join!(sending, disturb)?;
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
            anyhow::Ok((drive, stalls, is_answered, standstill))
        };
        let (drive, stalls, is_answered, standstill) = tokio::select! {
            done = work => done?,
            () = monitor.run(site, started, |sample| tell.borrow_mut()(Step::Looked(sample))) => {
                bail!("looking at the stack ended early")
            }
            () = looker.run(&members) => bail!("looking at clients ended early"),
        };
        let took = started.elapsed();
        monitor.listen(site, started).await;
        looker.finish(&members).await;
        tell.borrow_mut()(Step::Judging);
        let (samples, hearing, looks, mut deaths) =
            (monitor.samples, monitor.hearing, looker.looks, monitor.deaths);
        deaths.extend(site.deaths());
        let past = drive.past.clone();
        let sent = Sent {
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
        };
        self.while_alive(&past, self.judge(sent)).await?
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
