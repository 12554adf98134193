//! An attempt: one case driven through one stack, and the verdict on it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use domain::Timestamp;
use simulator::DriveOptions;
use simulator::faults::{Fault, Kind as FaultKind};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::bundle::write::{self, Played};
use crate::bundle::{Document, GateResult, Outage};
use crate::case::{CASE, Case, Kept};
use crate::exit::{Exit, is_panic};
use crate::gates::{self, Figures};
use crate::lateness::Lateness;
use crate::look;
use crate::observe::mysql::Mysql;
use crate::observe::socket::{Ended, Role};
use crate::outage::{self, Backlog, Happened};
use crate::recoveries::Recoveries;
use crate::run::{Outcome, Run, Step};
use crate::site::{Site, SiteArgs};
use crate::stack::{
    DatabaseChoice, Lifetime, Ports, Project, Say, ServiceSpec, Stack, StackConfig, StoresChoice,
};
use crate::trial::judge_ends;

/// What a stack is started from, and found by.
#[derive(Debug, Clone)]
pub struct Home {
    /// The project whose services are run.
    pub project: Project,
    /// The folder of all stacks.
    pub stacks: PathBuf,
    /// Where its stores run.
    pub stores: StoresChoice,
    /// Its database server.
    pub database: DatabaseChoice,
    /// The name of the stack that is attached to.
    pub up: &'static str,
}

/// Why there is no verdict.
#[derive(Debug)]
pub struct NoVerdict {
    /// What it exits with.
    pub exit: Exit,
    /// What is wrong.
    pub error: anyhow::Error,
}

/// What is wrong means this exit.
pub(crate) trait Means<T> {
    fn means(self, exit: Exit) -> Result<T, NoVerdict>;
}

impl<T, E: Into<anyhow::Error>> Means<T> for Result<T, E> {
    fn means(self, exit: Exit) -> Result<T, NoVerdict> {
        self.map_err(|error| NoVerdict { exit, error: error.into() })
    }
}

/// One case on one stack.
pub struct Attempt<'a> {
    /// What is driven.
    pub case: &'a Case,
    /// Through what.
    pub site: &'a Site<'a>,
    /// Who answers what the stack asks for.
    pub recoveries: Option<&'a Recoveries>,
    /// How many clients look, in turn of each kind.
    pub clients: u16,
}

/// What an attempt came to.
#[derive(Debug)]
pub struct Attempted {
    /// How it went.
    pub outcome: Outcome,
    /// How it was sent.
    pub options: DriveOptions,
    /// What was done to the stack.
    pub outages: Vec<Outage>,
    /// Every gate.
    pub gates: Vec<GateResult>,
    /// All that holds.
    pub holds: BTreeSet<Exit>,
}

impl Attempted {
    /// Whether all could be looked at: what only a whole verdict is good for has none otherwise.
    ///
    /// # Errors
    /// When it could not.
    pub fn whole(self) -> Result<Self, NoVerdict> {
        match &self.outcome.unlooked {
            Some(unlooked) => {
                Err(NoVerdict { exit: Exit::Environment, error: anyhow::anyhow!(unlooked.clone()) })
            }
            None => Ok(self),
        }
    }
}

impl Attempt<'_> {
    /// Drives it and judges what comes of it. `hear` is told how far it is.
    ///
    /// # Errors
    /// When there is no verdict.
    pub async fn go(&self, mut hear: impl FnMut(Step)) -> Result<Attempted, NoVerdict> {
        let Self { case, site, recoveries, clients } = *self;
        let options = case.options(site).means(Exit::Usage)?;
        let roles: Vec<Role> = Role::ALL.into_iter().cycle().take(clients.into()).collect();
        let course = watch::Sender::new(Happened::default());
        let run = Run {
            site,
            feed: &case.feed,
            options: &options,
            recoveries,
            clients: &roles,
            late: case.scenario.duration / 2,
            warm_up: case.warm_up(),
            happened: course.subscribe(),
        };
        let backlog = Backlog::new(Arc::clone(&case.feed.schedule));
        let mut happened = Vec::new();
        let disturb = async {
            if let Some(stack) = site.own() {
                happened = outage::execute(&case.outages, stack, Instant::now(), &backlog, &course).await?;
            }
            Ok(())
        };
        let hear = |step: Step| {
            if let Step::Sending(progress) = &step {
                backlog.tell(progress);
            }
            hear(step);
        };
        let outcome = Box::pin(run.go(hear, disturb)).await;
        let mut outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.without_verdict(error).await),
        };
        outcome.lateness = Lateness::of(&outcome.drive, case.warm_up(), &happened, Some(&outcome.stalls));
        let started = outcome.drive.timeline.started_at.0;
        let may_end = |ended: &Ended| {
            let (at_micros, is_told_slow) = (ended.at_micros - started, ended.end.is_told_slow());
            happened.iter().any(|outage| outage.may_end_connection(at_micros, is_told_slow))
        };
        judge_ends(&outcome.seen, may_end, &mut outcome.verdict);
        look::PLACES.iter().for_each(|place| outcome.verdict.look_at(place));
        if !happened.is_empty() {
            look::RECOVERED.iter().for_each(|place| outcome.verdict.look_at(place));
        }
        let outages: Vec<Outage> = happened.iter().map(Outage::from).collect();
        let gates = judge(case, &outcome, &outages);
        let mut holds = gates::holds(&gates);
        holds.extend(outcome.unlooked.as_ref().map(|_| Exit::Environment));
        Ok(Attempted { outcome, options, outages, gates, holds })
    }

    /// Why there is no verdict: what panicked here is our own fault. A service that has ended by itself is the pipeline's fault, unless a store is gone, too.
    async fn without_verdict(&self, error: anyhow::Error) -> NoVerdict {
        if is_panic(&error) {
            return NoVerdict { exit: Exit::Internal, error };
        }
        let (mut died, mut gone) = (Vec::new(), Vec::new());
        for process in self.site.own().map(Stack::processes).unwrap_or_default() {
            let name = process.name();
            let death = process.death().map(|how| format!("{name} ended by itself with {how}"));
            match (Site::is_service(name), death) {
                (true, death) => died.extend(death),
                (false, Some(death)) => gone.push(death),
                (false, None) => gone.extend(process.trouble().await),
            }
        }
        let is_ours = !died.is_empty() && gone.is_empty();
        let exit = if is_ours { Exit::Correctness } else { Exit::Environment };
        died.append(&mut gone);
        match died.is_empty() {
            true => NoVerdict { exit, error },
            false => NoVerdict { exit, error: error.context(died.join("; ")) },
        }
    }

    /// Keeps what there is of an attempt without a verdict, and says where.
    #[must_use]
    pub fn kept(&self, NoVerdict { exit, error }: NoVerdict, folder: &Path) -> NoVerdict {
        let said = match self.keep(folder) {
            Ok(()) => format!("no verdict; its case and the logs are in {}", folder.display()),
            Err(error) => format!("no verdict, and nothing of it could be kept ({error:#})"),
        };
        NoVerdict { exit, error: error.context(said) }
    }

    /// Writes its case, so that it can be repeated, and the logs of our own stack into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        let Self { case, site, clients, .. } = *self;
        Kept::save(case, clients, Timestamp(jiff::Timestamp::now().as_microsecond()), folder)?;
        let scenario = folder.join("scenario.toml");
        std::fs::write(&scenario, &case.text).with_context(|| format!("writing {}", scenario.display()))?;
        match site.own() {
            Some(stack) => write::copy_logs(stack.folder(), &folder.join("logs")),
            None => Ok(()),
        }
    }

    /// Writes all that is known of it into a new folder. `repeat` is the command that repeats it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, attempted: &Attempted, folder: &Path, repeat: String) -> Result<Document> {
        let Self { case, site, clients, .. } = *self;
        let started_at = attempted.outcome.drive.timeline.started_at;
        let kept = Kept::save(case, clients, started_at, folder)?;
        let recordings =
            kept.recorded.recordings.iter().map(|file| (format!("recording {file}"), file.clone()));
        let played = Played {
            name: &case.name,
            text: &case.text,
            repeat,
            scenario: &case.scenario,
            ledger: &case.ledger,
            outcome: &attempted.outcome,
            outages: &attempted.outages,
            gates: attempted.gates.clone(),
            holds: attempted.holds.clone(),
            warm_up: case.warm_up(),
            site,
            logs: site.own().map(Stack::folder),
            case: [("case".to_owned(), CASE.to_owned())].into_iter().chain(recordings).collect(),
        };
        write::write(folder, played)
    }
}

impl Case {
    /// Starts a stack of its own, which ends when it is dropped, and is told who answers it.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&self, home: &Home, recoveries: Option<&Recoveries>, say: Say) -> Result<Stack> {
        self.start_with(home, self.services(recoveries), say).await
    }

    /// The same of these services.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_with(&self, home: &Home, services: Vec<ServiceSpec>, say: Say) -> Result<Stack> {
        let config = StackConfig {
            project: home.project.clone(),
            stacks: home.stacks.clone(),
            name: "verify".to_owned(),
            lifetime: Lifetime::Attached,
            ports: Ports::Free,
            stores: home.stores,
            database: home.database.clone(),
            is_guarded: true,
            links: self.outages.links(&self.sports()),
            say,
        };
        Stack::up(config, services).await
    }

    /// The stack that is up, if it has none of the events that are to be sent.
    ///
    /// # Errors
    /// When none is up, its database does not answer, or it has one of them.
    pub async fn attach<'a>(&self, home: &Home, site: &SiteArgs) -> Result<Site<'a>> {
        let site = Site::attach(site, home.up, Stack::find(&home.stacks, home.up))?;
        let asking = || format!("asking the database at {} for its events", site.places.database());
        let known = Mysql::new(&site.places.mysql)?.versions().await.with_context(asking)?;
        let there = self.feed.oracle.events().keys().find(|id| known.contains_key(*id));
        if let Some(event_id) = there {
            anyhow::bail!("the stack has {event_id} already, from an earlier run: choose another --seed");
        }
        Ok(site)
    }
}

/// Whether markets have to be shut for a fault of the feed: something is missing for longer than may be waited.
fn must_shut(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Silence { .. }
            | FaultKind::Gap { .. }
            | FaultKind::GapFilled { .. }
            | FaultKind::ReorderBeyond { .. }
    )
}

/// What the run came to: every gate.
fn judge(case: &Case, outcome: &Outcome, outages: &[Outage]) -> Vec<GateResult> {
    let must_shut = case.feed.faults.faults.iter().any(must_shut);
    let figures = Figures::of(outcome, outages, must_shut);
    gates::judge(&case.scenario.gates, &figures, |gate| outcome.latencies.share(gate.hop, gate.share))
}
