//! `matchday verify`: a scenario is driven through a stack, everything is looked at, and an exit code says what is true.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use domain::Sport;
use simulator::faults::Quiet;
use simulator::run_ledger::RunLedger;
use simulator::scenario::{READY, Scene};
use simulator::{DriveOptions, Scenario, Token};
use tokio::time::Instant;

use crate::bundle::Outage;
use crate::bundle::write::{self, Played};
use crate::exit::Exit;
use crate::feed::Feed;
use crate::gates::{self, Figures};
use crate::lateness::Lateness;
use crate::live::{self, Live};
use crate::observe::mysql::Mysql;
use crate::observe::socket::Role;
use crate::outage::{self, Backlog};
use crate::recoveries::{self, Recoveries, SETTING};
use crate::report::{grouped, report};
use crate::run::{Outcome, Run, Step};
use crate::site::{Site, SiteArgs};
use crate::stack::{
    DatabaseChoice, Lifetime, Ports, Project, RUNS, Say, ServiceSpec, Stack, StackConfig, StoresChoice,
    pipeline,
};
use progress::Teller;

mod progress;

/// The most clients that look.
const CLIENTS_MAX: u16 = 256;
/// The longest warm-up, and the share of the run that it takes where that is shorter.
const WARM_UP_MAX: Duration = Duration::from_secs(5);
const WARM_UP_SHARE: u32 = 10;
/// How long a producer may be silent until a stack of our own takes notice, where the scenario's silences are long enough.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// What is verified, and where.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// A scenario's file, or the name of a ready-made one: `simulator scenarios` lists them
    scenario: String,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Another length than the scenario's, at the same rates
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// Clients that look: in turn one that reads at once, a slow one, one that drops and resumes, one that comes late
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
    /// The folder to write everything into that is known of the run; must not be there yet [default: one in the folder of all
    /// stacks, `runs/<scenario>-<time>`]
    #[arg(long, value_name = "FOLDER")]
    bundle: Option<PathBuf>,
    /// Use the stack that is up, or the one at the addresses given, instead of starting one. Events that it has already are not
    /// sent again: choose another --seed then
    #[arg(long)]
    attach: bool,
    #[command(flatten)]
    site: SiteArgs,
}

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
trait Means<T> {
    fn means(self, exit: Exit) -> Result<T, NoVerdict>;
}

impl<T, E: Into<anyhow::Error>> Means<T> for Result<T, E> {
    fn means(self, exit: Exit) -> Result<T, NoVerdict> {
        self.map_err(|error| NoVerdict { exit, error: error.into() })
    }
}

/// A scenario that is ready to be driven.
struct Plan {
    name: String,
    text: String,
    scenario: Scenario,
    ledger: RunLedger,
    silences: Vec<Quiet>,
    feed: Feed,
    /// What happens to the stack meanwhile.
    outages: outage::Plan,
    /// How long the stack waits for what is not heard.
    silence: Duration,
}

/// Drives a scenario and says what is true.
///
/// # Errors
/// When there is no verdict.
pub async fn verify(home: Home, args: VerifyArgs, say: Say) -> Result<Exit, NoVerdict> {
    let plan = Plan::of(&args).means(Exit::Usage)?;
    let folder = bundle_folder(&home, &args, &plan.name).means(Exit::Usage)?;
    let Plan { scenario, feed, .. } = &plan;
    say(&format!("{} (seed {})", scenario.description, scenario.seed));
    say(&format!(
        "{} messages of {} games over {} s, {} faults",
        grouped(feed.schedule.len() as u64),
        feed.expected.len(),
        scenario.duration.as_secs(),
        feed.faults.faults.len()
    ));
    plan.outages.outages.iter().for_each(|planned| say(&format!("  {planned}")));
    let mut live = Live::begin(&folder, plan.about()).means(Exit::Environment)?;
    let is_asked = !recoveries::unnumbered(&feed.schedule).is_empty();
    let mut recoveries = match is_asked && !args.attach {
        true => Some(Recoveries::listen(0).await.means(Exit::Environment)?),
        false => None,
    };
    let stack = match args.attach {
        true => None,
        false => {
            Some(Box::pin(start(&home, &plan, recoveries.as_ref(), say)).await.means(Exit::Environment)?)
        }
    };
    let site = match &stack {
        Some(stack) => Site::of(stack).means(Exit::Environment)?,
        None => attach(&home, &args, feed).await.means(Exit::Environment)?,
    };
    // A stack that is up asks where it was told to: where the simulator listens.
    if is_asked && args.attach {
        recoveries = Some(Recoveries::beside(&site.ingestion).await.means(Exit::Environment)?);
    }
    let options = plan.options(&site).means(Exit::Usage)?;
    let roles: Vec<Role> = Role::ALL.into_iter().cycle().take(args.clients.into()).collect();
    let run = Run {
        site: &site,
        feed,
        options: &options,
        recoveries: recoveries.as_ref(),
        clients: &roles,
        late: scenario.duration / 2,
        warm_up: (scenario.duration / WARM_UP_SHARE).min(WARM_UP_MAX),
    };
    let mut teller = Teller::new(say, scenario.duration);
    let backlog = Backlog::new(Arc::clone(&feed.schedule));
    let mut happened = Vec::new();
    let disturb = async {
        if let Some(stack) = &stack {
            happened = outage::execute(&plan.outages, stack, Instant::now(), &backlog).await?;
        }
        Ok(())
    };
    let hear = |step: Step| {
        if let Step::Sending(progress) = &step {
            backlog.tell(progress);
        }
        live.hear(&step);
        teller.tell(step);
    };
    let mut outcome = Box::pin(run.go(hear, disturb)).await.means(Exit::Environment)?;
    teller.end();
    outcome.lateness = Lateness::of(&outcome.drive, &happened);
    let outages: Vec<Outage> = happened.iter().map(Outage::from).collect();
    let (results, holds) = judge(&plan, &outcome, &outages);
    let played = Played {
        name: &plan.name,
        text: &plan.text,
        repeat: repeat(&args, &plan),
        scenario,
        ledger: &plan.ledger,
        outcome: &outcome,
        outages: &outages,
        gates: results,
        holds,
        warm_up: run.warm_up,
        site: &site,
        logs: stack.as_ref().map(Stack::folder),
    };
    let document = write::write(&folder, played).means(Exit::Internal)?;
    drop(live);
    tell(&outcome, &document, &folder, say);
    if let Some(stack) = stack {
        let ended = stack.down().await.means(Exit::Environment)?;
        for name in &ended.killed {
            say(&format!("  {name} did not end within its grace time and was killed"));
        }
    }
    Ok(document.verdict.exit)
}

impl Plan {
    fn of(args: &VerifyArgs) -> Result<Self> {
        let mut scenario = Scenario::load(&args.scenario)?;
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        scenario.duration =
            args.seconds.map_or(scenario.duration, |seconds| Duration::from_secs(seconds.into()));
        let scene = scenario.play(now())?;
        let (silences, Scene { schedule, ledger }) = (scene.silences(), scene);
        // A stack that is up waits as long as it was told.
        let silence = match args.attach {
            true => args.site.silence(),
            false => SILENCE_MAX.min(Duration::from_secs(scenario.faults.silence_seconds.into()) * 3 / 5),
        };
        let mut feed = Feed::of_scenario(Arc::new(schedule), &ledger);
        feed.patience.silence_micros = i64::try_from(silence.as_micros()).unwrap_or(i64::MAX);
        let path = Path::new(&args.scenario);
        let name = path
            .file_stem()
            .map_or_else(|| args.scenario.clone(), |name| name.to_string_lossy().into_owned());
        let ready =
            || READY.iter().find(|ready| ready.name == args.scenario).map(|ready| ready.text.to_owned());
        let text = std::fs::read_to_string(path).ok().or_else(ready).context("the scenario is gone")?;
        let outages = outage::Plan::of(&scenario)?;
        feed.oracle.is_disturbed = !outages.outages.is_empty();
        ensure!(
            outages.outages.is_empty() || !args.attach,
            "what `{name}` does to a stack it does to one of its own only: leave --attach out"
        );
        Ok(Self { name, text, scenario, ledger, silences, feed, outages, silence })
    }

    /// What is said of it while it goes.
    fn about(&self) -> live::About<'_> {
        live::About {
            name: &self.name,
            scenario: &self.scenario,
            messages: self.feed.schedule.len() as u64,
            faults: &self.ledger.faults.faults,
            outages: &self.outages.outages,
        }
    }

    fn sports(&self) -> Vec<Sport> {
        self.scenario.sports.iter().map(|plan| plan.sport).collect()
    }

    /// What its stack consists of: processors that wait as long as the scenario takes for granted.
    fn services(&self, recoveries: Option<&Recoveries>) -> Vec<ServiceSpec> {
        let asked = recoveries.map(|recoveries| (SETTING, recoveries.setting(&self.feed.schedule)));
        let settings = [
            ("MATCHDAY_HOLD_MS", self.scenario.faults.hold_ms.to_string()),
            ("MATCHDAY_PRODUCER_SILENCE_MS", self.silence.as_millis().to_string()),
        ];
        let settings: Vec<_> = settings.into_iter().chain(asked).collect();
        let mut services = pipeline(&self.sports());
        for service in services.iter_mut().filter(|service| service.name.starts_with("processors-")) {
            let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            service.env.extend(settings);
        }
        services
    }

    /// How it is sent to a stack.
    fn options(&self, site: &Site) -> Result<DriveOptions> {
        let token =
            |text: String| text.parse::<Token>().map_err(|_| anyhow::anyhow!("a token is no header's value"));
        let mut options = DriveOptions::to(&site.ingestion);
        options.silences.clone_from(&self.silences);
        options.alive_every = Some(self.silence / 4);
        options.progress_every = Backlog::TELL_EVERY;
        if let Some(first) = &site.token {
            options.token = Some(token(first.clone())?);
            // Those of our own stacks are made of the first one's.
            let others = self.scenario.producers.iter().filter(|_| site.own().is_some());
            for provider in others.map(|teller| &teller.provider).filter(|provider| provider.as_str() != "md")
            {
                options.tokens.insert(provider.clone(), token(format!("{first}-{provider}"))?);
            }
        }
        Ok(options)
    }
}

async fn start(home: &Home, plan: &Plan, recoveries: Option<&Recoveries>, say: Say) -> Result<Stack> {
    say("\nStarting Kafka, a database, Redis and every service");
    let config = StackConfig {
        project: home.project.clone(),
        stacks: home.stacks.clone(),
        name: "verify".to_owned(),
        lifetime: Lifetime::Attached,
        ports: Ports::Free,
        stores: home.stores,
        database: home.database.clone(),
        is_guarded: true,
        links: plan.outages.links(&plan.sports()),
        say,
    };
    Stack::up(config, plan.services(recoveries)).await
}

/// The stack that is up, if it has none of the events that are to be sent.
async fn attach<'a>(home: &Home, args: &VerifyArgs, feed: &Feed) -> Result<Site<'a>> {
    let site = Site::attach(&args.site, Stack::find(&home.stacks, home.up))?;
    let known =
        Mysql::new(&site.places.mysql)?.versions().await.context("asking the database for its events")?;
    let there = feed.oracle.events().keys().find(|id| known.contains_key(*id));
    if let Some(event_id) = there {
        anyhow::bail!("the stack has {event_id} already, from an earlier run: choose another --seed");
    }
    Ok(site)
}

/// What the run came to: every gate, and all that holds.
fn judge(
    plan: &Plan,
    outcome: &Outcome,
    outages: &[Outage],
) -> (Vec<crate::bundle::GateResult>, std::collections::BTreeSet<Exit>) {
    let services = outcome.cpu.iter().filter(|used| Site::is_service(&used.process));
    let unsafe_times = &outcome.unsafe_times;
    let figures = Figures {
        anomalies: &outcome.verdict.anomalies,
        undelivered: outcome.drive.undelivered,
        is_settled: outcome.standstill.is_none(),
        late_micros: outcome.lateness.own.p99_micros,
        unsafe_open_micros: (unsafe_times.checked > 0).then_some(unsafe_times.longest_micros),
        messages_per_second: outcome.drive.rate(),
        outages,
        resident_bytes: services.map(|used| (used.process.clone(), used.resident_max)).collect(),
    };
    let results =
        gates::judge(&plan.scenario.gates, &figures, |gate| outcome.latencies.share(gate.hop, gate.share));
    let holds = gates::holds(&results);
    (results, holds)
}

/// Where the bundle goes: nothing that is there is overwritten.
fn bundle_folder(home: &Home, args: &VerifyArgs, name: &str) -> Result<PathBuf> {
    let folder = match &args.bundle {
        Some(folder) => folder.clone(),
        None => home
            .stacks
            .join(RUNS)
            .join(format!("{name}-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S"))),
    };
    ensure!(!folder.exists(), "{} is there already: name another --bundle", folder.display());
    Ok(folder)
}

/// The command that drives the same once more.
fn repeat(args: &VerifyArgs, plan: &Plan) -> String {
    let mut command = format!("matchday verify {} --seed {}", args.scenario, plan.scenario.seed);
    if let Some(seconds) = args.seconds {
        command.push_str(&format!(" --seconds {seconds}"));
    }
    if args.clients != 4 {
        command.push_str(&format!(" --clients {}", args.clients));
    }
    command
}

fn tell(outcome: &Outcome, document: &crate::bundle::Document, folder: &Path, say: Say) {
    say(&format!("\n{}", report(outcome)));
    say(&write::gates_text(document));
    say(&document.verdict.summary);
    say(&format!("Everything that is known of it: {}", folder.display()));
    say(&format!("To repeat it: {}", document.scenario.repeat));
}

fn now() -> domain::Timestamp {
    domain::Timestamp(jiff::Timestamp::now().as_microsecond())
}
