//! `matchday capacity`: the highest rate at which a scenario holds all gates, and whose queue grew first where it does not.
//!
//! One stack is started, and every step is a run of its own on it: other games, the same gates. What a step left behind has to be gone
//! before the next one begins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use simulator::scenario::Hop;

use crate::again::Again;
use crate::attempt::{Attempt, Attempted, Home, Means, NoVerdict};
use crate::case::{Asked, Case};
use crate::exit::Exit;
use crate::float::count;
use crate::queues::{self, Look};
use crate::rate;
use crate::recoveries::Recoveries;
use crate::report::grouped;
use crate::run::Step as Sent;
use crate::site::Site;
use crate::stack::{DISTRIBUTION, RUNS, Say, ServiceSpec};
use crate::verify::{CLIENTS_MAX, progress::Teller};
use drain::drain;
use journal::Journal;
use paper::{Paper, Step};
use search::{Answer, Bounds, Search};

mod drain;
mod journal;
pub mod paper;
pub mod search;

/// The share of what was offered that must have been accepted: less is less than the rate.
const TAKEN_LEAST: f64 = 0.9;

/// How long distribution keeps a game that is over: longer than clients are ever behind, and not for many steps.
const KEEP_SECONDS: u32 = 60;

/// What is searched, and where.
#[derive(Debug, Clone, Args)]
pub struct CapacityArgs {
    /// A scenario's file, or the name of a ready-made one, without outages: its sports, its faults and its gates are those of each step
    #[arg(default_value = "capacity")]
    scenario: String,
    /// The first rate, in messages a second of all sports together; it is doubled until a gate fails
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    from: u32,
    /// No higher rate is tried
    #[arg(long, default_value_t = 64_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    most: u32,
    /// How closely it is searched: it ends where the lowest rate that fails is so much above the highest that holds
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    resolution: u8,
    /// How long each step lasts [default: the scenario's length]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: Option<u32>,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Clients that look: in turn one that reads at once, a slow one, one that drops and resumes, one that comes late
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
    /// The folder to write into: capacity.json, capacity.md, capacity.html, and the bundle of every step; must not be there yet
    /// [default: one in the folder of all stacks, `runs/capacity-<time>`]
    #[arg(long, value_name = "FOLDER")]
    bundle: Option<PathBuf>,
}

/// Searches, and says what was found. What was found until then is said wherever it ends.
///
/// # Errors
/// When it ended before its time.
pub async fn capacity(home: Home, args: CapacityArgs, say: Say) -> Result<Exit, NoVerdict> {
    let asked = asked(&args).means(Exit::Usage)?;
    let folder = folder(&home, &args).means(Exit::Usage)?;
    let first = case(&asked, args.from, 1).means(Exit::Usage)?;
    say(&format!("{} (seed {})", asked.scenario.description, asked.scenario.seed));
    say("\nStarting Kafka, a database, Redis and every service");
    let recoveries = first.recoveries(None).await.means(Exit::Environment)?;
    let recoveries = recoveries.as_ref();
    let stack = Box::pin(first.start_with(&home, services(&first, recoveries), say))
        .await
        .means(Exit::Environment)?;
    let mut site = Site::of(&stack).means(Exit::Environment)?;
    // Every step has games of its own, and leaves them.
    site.is_shared = true;
    let bounds = Bounds { from: args.from, most: args.most, resolution: f64::from(args.resolution) / 100.0 };
    let paper = Paper::begin(&asked, &args, bounds, &site);
    let mut journal = Journal::begin(folder, paper, say).means(Exit::Environment)?;
    let mut search = Search::new(bounds);
    let mut calm = BTreeMap::new();
    while let Some(asked_rate) = search.next() {
        let number = journal.paper.steps.len() + 1;
        let case = case(&asked, asked_rate, number).means(Exit::Usage)?;
        say(&announced(number, asked_rate, &search));
        let (mut step, looks, attempted) =
            Box::pin(attempt(&case, (&site, recoveries), &args, &mut journal, say)).await?;
        let offered = offered(&case);
        step.grown = queues::grown(&looks, offered, &calm);
        if step.answer == Answer::Held {
            calm = queues::calm(&looks, offered);
        }
        search.note(step.answer);
        say(&step.told());
        journal.note(step, &search).means(Exit::Internal)?;
        if search.next().is_some() {
            drain(&case, &attempted, (&site, recoveries), say).await.means(Exit::Environment)?;
        }
    }
    let exit = journal.finish(&search).means(Exit::Internal)?;
    let ended = stack.down().await.means(Exit::Environment)?;
    for name in &ended.killed {
        say(&format!("  {name} did not end within its grace time and was killed"));
    }
    Ok(exit)
}

/// What the stack consists of: a distribution that forgets games that are over before there are many of them, so that a step costs what
/// the first one did.
fn services(case: &Case, recoveries: Option<&Recoveries>) -> Vec<ServiceSpec> {
    let mut services = case.services(recoveries);
    for service in services.iter_mut().filter(|service| service.name == DISTRIBUTION) {
        service.env.push(("MATCHDAY_KEEP_FINAL_SECONDS".to_owned(), KEEP_SECONDS.to_string()));
    }
    services
}

/// Drives one step and writes its bundle.
async fn attempt(
    case: &Case,
    (site, recoveries): (&Site<'_>, Option<&Recoveries>),
    args: &CapacityArgs,
    journal: &mut Journal,
    say: Say,
) -> Result<(Step, Vec<Look>, Attempted), NoVerdict> {
    let attempt = Attempt { case, site, recoveries, clients: args.clients };
    let mut teller = Teller::new(say, case.scenario.duration);
    let (number, asked) = (journal.paper.steps.len() + 1, rate::rate(&case.scenario));
    let bundle = format!("steps/{number:02}-{asked}");
    let attempted = attempt.go(|sent: Sent| teller.tell(sent)).await;
    teller.end();
    let attempted = attempted
        .and_then(Attempted::whole)
        .map_err(|none| attempt.kept(none, &journal.folder.join(&bundle)))?;
    // Its games, its gate on throughput and its clients are in the bundle.
    let folder = journal.folder.join(&bundle);
    let repeat = Again::of("verify").word(&folder.to_string_lossy()).to_string();
    attempt.write(&attempted, &folder, repeat).means(Exit::Internal)?;
    let mut looks = queues::looks(&attempted.outcome);
    // Behind that everything only drains.
    let sent_by = i64::try_from(attempted.outcome.drive.elapsed.as_micros()).unwrap_or(i64::MAX);
    looks.retain(|look| look.at_micros <= sent_by);
    Ok((Step::of(asked, &attempted, offered(case), bundle), looks, attempted))
}

/// What is played, at which rate is not said yet.
fn asked(args: &CapacityArgs) -> Result<Asked> {
    ensure!(args.from <= args.most, "it cannot go from {} up to {}", args.from, args.most);
    let asked = Asked::load(&args.scenario, args.seed, args.seconds)?;
    // What cannot be made is said before anything is started.
    rate::set(&mut asked.scenario.clone(), args.most).with_context(|| format!("--most {}", args.most))?;
    ensure!(
        asked.scenario.outages.is_empty(),
        "`{}` does things to the stack: what that costs is no matter of its rate",
        asked.name
    );
    let latency = &asked.scenario.gates.latency;
    let told = latency.iter().find(|gate| matches!(gate.hop, Hop::Committed | Hop::Written));
    ensure!(
        told.is_none(),
        "`{}` has a gate on {}, which services measure over about a minute, so over several steps: one on published or at_client \
         says the same of each",
        asked.name,
        told.map_or("", |gate| gate.hop.as_str())
    );
    Ok(asked)
}

/// A step of this rate, with games of its own.
fn case(asked: &Asked, asked_rate: u32, number: usize) -> Result<Case> {
    let mut asked = asked.clone();
    rate::set(&mut asked.scenario, asked_rate).with_context(|| asked.name.clone())?;
    asked.scenario.suffix = format!("-step{number}");
    let mut case = Case::of(asked, None)?;
    let least = TAKEN_LEAST * offered(&case);
    let gate = &mut case.scenario.gates.messages_per_second_min;
    *gate = Some(gate.map_or(least, |own| own.min(least)));
    Ok(case)
}

/// How many messages a second are due: games in which much happens have more than were asked for.
fn offered(case: &Case) -> f64 {
    count(case.feed.schedule.len() as u64) / case.scenario.duration.as_secs_f64()
}

fn announced(number: usize, asked_rate: u32, search: &Search) -> String {
    let so_far = match (search.held(), search.missed()) {
        (None, None) => String::new(),
        (Some(held), None) => format!("; {} hold", grouped(held.into())),
        (None, Some((missed, _))) => format!("; {} do not hold", grouped(missed.into())),
        (Some(held), Some((missed, _))) => {
            format!("; {} hold, {} do not", grouped(held.into()), grouped(missed.into()))
        }
    };
    let again = if search.is_repeating() { ", once more, for one failure alone is not believed" } else { "" };
    format!("\nStep {number}: {} messages a second{again}{so_far}", grouped(asked_rate.into()))
}

/// Where it is written to: nothing that is there is overwritten.
fn folder(home: &Home, args: &CapacityArgs) -> Result<PathBuf> {
    let folder = args.bundle.clone().unwrap_or_else(|| {
        let name = format!("capacity-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S"));
        home.stacks.join(RUNS).join(name)
    });
    ensure!(!folder.exists(), "{} is there already: name another --bundle", folder.display());
    Ok(folder)
}
