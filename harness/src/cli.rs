//! The command line of `matchday`.

use crate::attempt::{Home, Means, NoVerdict};
use crate::bundle;
use crate::capacity::{CapacityArgs, capacity};
use crate::compare::{CompareArgs, compare};
use crate::demo::{DemoArgs, demo};
use crate::dlq::{DlqArgs, dlq};
use crate::doctor;
use crate::exit::Exit;
use crate::init::{self, InitConfig};
use crate::load::{LoadArgs, load};
use crate::peers::{PeersArgs, bench_peers};
use crate::recoveries::of_simulator;
use crate::secrets;
use crate::shrink::{ShrinkArgs, shrink};
use crate::stack::{
    self, Address, ComposeProject, Condition, DatabaseChoice, Lifetime, Ports, Project, Stack, StackConfig,
    StoresChoice, asking, pipeline,
};
use crate::status;
use crate::verify::{VerifyArgs, verify};
use anyhow::{Context, Result, anyhow, bail, ensure};
use chassis::config::MysqlArgs;
use clap::{Args, Parser, Subcommand};
use domain::{Sport, Topics};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// The name of the stack that `matchday up` starts and `matchday down` ends.
const UP: &str = "up";

#[derive(Debug, Parser)]
#[command(name = "matchday", version, about = "Live sports-betting data on one machine")]
struct Cli {
    /// The folder of all stacks [default: .matchday in the project]
    #[arg(long, global = true, env = "MATCHDAY_STACKS", value_name = "FOLDER")]
    stacks: Option<PathBuf>,
    /// The database server of a stack: installed (whichever is), mariadb, mysql (fetched from Maven Central where none is
    /// installed), or the folder of one
    #[arg(
        long,
        global = true,
        env = "MATCHDAY_DATABASE",
        default_value = "installed",
        value_name = "SERVER"
    )]
    database: DatabaseChoice,
    /// Where Kafka, the database and Redis run: native, containers, or auto, which is containers where a Docker engine
    /// answers and no database server was chosen
    #[arg(long, global = true, env = "MATCHDAY_STORES", default_value = "auto", value_name = "WHERE")]
    stores: StoresChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play games through a stack of their own, compare every store and a client with what was sent, say the verdict
    Demo(DemoArgs),
    /// Drive a scenario through a stack, look everywhere, and say what is true. Exits with 0 pass, 10 correctness, 11 latency,
    /// 12 throughput, 13 invalid, 14 environment, 15 inconclusive; 1 internal, 2 usage
    Verify(Box<VerifyArgs>),
    /// Cut the failing run of a bundle down to the smallest one that still fails in the same way, and write its bundle and the
    /// command that repeats it. Ctrl-C leaves the smallest so far. Exits with 0 found, 15 it did not fail again, 14 environment;
    /// 1 internal, 2 usage
    Shrink(Box<ShrinkArgs>),
    /// Search for the highest rate at which a scenario holds all its gates, and say whose queue grows first beyond it. Exits with
    /// 0 found, 13 the generator was the limit, 10 something was wrong at some rate; where no rate holds, as `verify` does
    Capacity(Box<CapacityArgs>),
    /// Do the same work with our services and with other people's programs, in turn, and say how the figures compare
    BenchPeers(PeersArgs),
    /// Draw the page of a run bundle anew, with its .hgrm files, and say its verdict
    Report {
        /// The bundle's folder
        bundle: PathBuf,
    },
    /// Say whether one run is worse than another by more than repeating it makes: 0 it is not, 16 it is, 15 nobody knows
    Compare(CompareArgs),
    /// Start Kafka, a database, Redis and every service; they stay until `matchday down`
    Up(Up),
    /// End what `up` or `docker compose up` started, and whatever a crash left behind; nothing stays but Compose's volumes
    Down,
    /// Say which stacks and Compose projects are there, how each part of them is, and where they are reached
    Status,
    /// Show what the parts of the stack that is up wrote last
    Logs(Logs),
    /// Show what the stack does, live, in this terminal; `matchday top --help` says what can be set
    #[command(disable_help_flag = true)]
    Top {
        /// What `matchday-top` is called with
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        args: Vec<OsString>,
    },
    /// Say what this machine lacks for a stack, and how to install it
    Doctor,
    /// List dead letters, show them, and send them again once they are put right
    Dlq(Box<DlqArgs>),
    /// Make topics and tables where Kafka and a database already run; doing it again changes nothing
    Init(Init),
    /// Send the fixtures in a folder, as a Unified Odds Feed's API serves them, to the provider's feed, so that its events
    /// have names and its messages a sport
    LoadUof(LoadArgs),
    /// Make the passwords that containers share, a folder each; those that are there stay as they are
    Secrets {
        /// The folder of those folders
        folder: PathBuf,
    },
    /// Say whether a service can work: what containers are asked, for they have neither curl nor wget
    Healthcheck {
        /// The service's address, `http://127.0.0.1:4000`
        url: String,
    },
}

#[derive(Debug, Args)]
struct Up {
    /// Added to every documented port, so that two stacks can live on one machine
    #[arg(long, default_value_t = 0, value_name = "N")]
    port_offset: u16,
    /// Start Kafka, the database and Redis alone, for services that you run yourself
    #[arg(long)]
    infrastructure: bool,
    /// Stay, and end the stack when this command ends
    #[arg(long)]
    foreground: bool,
}

#[derive(Debug, Args)]
struct Logs {
    /// One part alone: kafka, ingestion, processors-hockey
    part: Option<String>,
    /// Lines of each
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    lines: usize,
}

#[derive(Debug, Args)]
struct Init {
    /// Kafka's bootstrap servers
    #[arg(long, env = "MATCHDAY_KAFKA")]
    kafka: String,
    #[command(flatten)]
    mysql: MysqlArgs,
    /// What all topics' names begin with
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    topics: Topics,
    /// Partitions of every topic of a sport
    #[arg(long, env = "MATCHDAY_PARTITIONS", default_value_t = InitConfig::PARTITIONS, value_name = "N")]
    partitions: i32,
    /// How much a partition of them keeps before the oldest is deleted; -1 for no limit
    #[arg(long, env = "MATCHDAY_RETENTION_BYTES", default_value_t = InitConfig::RETENTION_BYTES,
        value_name = "BYTES", allow_negative_numbers = true)]
    retention_bytes: i64,
}

/// Runs the command that the arguments ask for. What goes wrong is said on standard error.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let work = async {
        match cli.command {
            // It leaves what it has found.
            Command::Shrink(_) => exit_code(cli).await,
            _ => until_interrupted(exit_code(cli)).await,
        }
    };
    match runtime.block_on(work) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// Drops the command's work where a signal asks for an end, and with it every stack that it owns.
async fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => return done,
        interrupted = interrupted() => interrupted?,
    }
    bail!("interrupted: what was started has been ended")
}

/// Waits until a signal asks for an end.
async fn interrupted() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening to Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening to SIGHUP")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// What a command exits with where it did what it had to.
async fn exit_code(cli: Cli) -> Result<ExitCode> {
    let Cli { stacks, database, stores, command } = cli;
    let home = |stacks: Option<PathBuf>, database| {
        let project = Project::find()?;
        let stacks = stacks.map_or_else(|| Ok(project.stacks()), std::path::absolute);
        let stacks = stacks.context("finding the folder of all stacks")?;
        anyhow::Ok(Home { project, stacks, stores, database, up: UP })
    };
    let judging = async {
        let home = |stacks, database| home(stacks, database).means(Exit::Usage);
        match command {
            Command::Verify(args) => verify(home(stacks, database)?, *args, say).await,
            Command::Shrink(args) => shrink(home(stacks, database)?, *args, say, interrupted()).await,
            Command::Capacity(args) => capacity(home(stacks, database)?, *args, say).await,
            Command::Compare(args) => compare(&args, say).means(Exit::Usage),
            Command::Report { bundle } => report(&bundle).map(|()| Exit::Pass).means(Exit::Usage),
            command => {
                let cli = Cli { stacks, database, stores, command };
                execute(cli).await.map(|()| Exit::Pass).means(Exit::Internal)
            }
        }
    };
    match Box::pin(judging).await {
        Ok(exit) => Ok(ExitCode::from(exit.code())),
        Err(NoVerdict { exit, error }) => {
            failed(&error);
            Ok(ExitCode::from(exit.code()))
        }
    }
}

/// Draws a run's report anew.
fn report(folder: &Path) -> Result<()> {
    let (document, series) = bundle::open(folder)?;
    bundle::draw(folder, &document, &series)?;
    say(&document.verdict.summary);
    say(&format!("{}", folder.join(bundle::REPORT).display()));
    Ok(())
}

async fn execute(cli: Cli) -> Result<()> {
    let stacks =
        |project: &Project| cli.stacks.clone().map_or_else(|| Ok(project.stacks()), std::path::absolute);
    match cli.command {
        Command::Demo(args) => {
            let project = Project::find()?;
            let stacks = stacks(&project).context("finding the folder of all stacks")?;
            let agreed = demo(project, stacks, (cli.stores, cli.database), args, say).await?;
            ensure!(agreed, "the verdict is FAIL");
            Ok(())
        }
        Command::Verify(_)
        | Command::Shrink(_)
        | Command::Capacity(_)
        | Command::Compare(_)
        | Command::Report { .. } => {
            unreachable!("they have exit codes of their own")
        }
        Command::BenchPeers(args) => {
            let project = Project::find()?;
            let stacks = stacks(&project).context("finding the folder of all stacks")?;
            let home = Home { project, stacks, stores: cli.stores, database: cli.database, up: UP };
            bench_peers(&home, &args, say).await
        }
        Command::Up(args) => {
            let project = Project::find()?;
            let stacks = stacks(&project).context("finding the folder of all stacks")?;
            up(project, stacks, (cli.stores, cli.database), args).await
        }
        Command::Down => {
            let (stacks, projects) = found(&cli.stacks).await?;
            down(stacks, projects).await
        }
        Command::Status => {
            let (stacks, projects) = found(&cli.stacks).await?;
            say(blocking(move || status::status(&stacks, &projects)).await?.trim_end());
            Ok(())
        }
        Command::Logs(Logs { part, lines }) => {
            let (stacks, projects) = found(&cli.stacks).await?;
            let logs = move || status::logs((&stacks, UP), &projects, part.as_deref(), lines);
            say(blocking(logs).await?.trim_end());
            Ok(())
        }
        Command::Top { args } => Err(top(cli.stacks, args)),
        Command::Doctor => {
            let project = Project::find()?;
            let stacks = stacks(&project).context("finding the folder of all stacks")?;
            let checks = doctor::examine(&project, &stacks, (cli.stores, &cli.database));
            say(&doctor::report(&checks));
            ensure!(doctor::is_healthy(&checks), "this machine lacks something");
            Ok(())
        }
        Command::Dlq(args) => dlq(*args, (&stacks_if_any(cli.stacks), UP), say).await,
        Command::Init(args) => {
            let Init { kafka, mysql, topics, partitions, retention_bytes } = args;
            let mysql = mysql.url()?;
            init::init(&InitConfig { kafka, topics, mysql, partitions, retention_bytes }).await?;
            say("Topics and tables are there.");
            Ok(())
        }
        Command::LoadUof(args) => load(args, (&stacks_if_any(cli.stacks), UP), say).await,
        Command::Secrets { folder } => {
            let made = secrets::make(&folder)?;
            say(&format!("{} secrets are there, {made} of them new.", secrets::NAMES.len()));
            Ok(())
        }
        Command::Healthcheck { url } => stack::ask_service(&url).await.map_err(|reason| anyhow!(reason)),
    }
}

/// The folder of all stacks; where addresses are given there need be no project.
fn stacks_if_any(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| Project::find().map_or_else(|_| PathBuf::new(), |project| project.stacks()))
}

/// Becomes the dashboard, a binary of its own; returns only why that did not go.
fn top(stacks: Option<PathBuf>, args: Vec<OsString>) -> anyhow::Error {
    let binary = match stack::own_binary("matchday-top") {
        Ok(binary) => binary,
        Err(error) => return error,
    };
    let stacks = stacks.map(|stacks| ("MATCHDAY_STACKS", stacks));
    let error = process::Command::new(&binary).args(args).envs(stacks).exec();
    anyhow!(error).context(format!("running {}", binary.display()))
}

/// The folder of all stacks, and the Compose projects of this checkout. Where Docker does not say which there are, that is no
/// reason to leave the stacks alone.
async fn found(stacks: &Option<PathBuf>) -> Result<(PathBuf, Result<Vec<ComposeProject>>)> {
    let project = Project::find()?;
    let stacks = stacks.clone().map_or_else(|| Ok(project.stacks()), std::path::absolute);
    let stacks = stacks.context("finding the folder of all stacks")?;
    Ok((stacks, blocking(move || Ok(ComposeProject::of(&project))).await?))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("waiting for a thread")?
}

async fn up(
    project: Project,
    stacks: PathBuf,
    (stores, database): (StoresChoice, DatabaseChoice),
    args: Up,
) -> Result<()> {
    let start = Instant::now();
    if !args.foreground && is_up_already(&stacks).await? {
        return Ok(());
    }
    let of_compose = project.clone();
    // Where Docker does not say, nothing of it is in the way.
    let projects = blocking(move || ComposeProject::of(&of_compose)).await.unwrap_or_default();
    for ComposeProject { name, .. } in projects.iter().filter(|project| project.is_own) {
        say(&format!("The Compose project {name} is there as well; `matchday down` will end both."));
    }
    say("Starting a stack");
    let config = StackConfig {
        project,
        stacks,
        name: UP.to_owned(),
        lifetime: if args.foreground { Lifetime::Attached } else { Lifetime::Detached },
        ports: Ports::Documented { offset: args.port_offset },
        stores,
        database,
        // Whoever tries it out pushes by hand.
        is_guarded: false,
        links: Vec::new(),
        say,
    };
    let stack = if args.infrastructure {
        Stack::infrastructure(config).await?
    } else {
        let services = asking(pipeline(&Sport::ALL), &of_simulator(args.port_offset));
        Stack::up(config, services).await?
    };
    let seconds = start.elapsed().as_secs_f64();
    let end = if args.foreground { "Ctrl-C ends it" } else { "`matchday down` (or `make down`) ends it" };
    say(&format!("Up after {seconds:.1} s; {end}.\n"));
    show(&stack.addresses(), stack.folder());
    if args.foreground {
        std::future::pending::<()>().await;
    }
    stack.leave_running()
}

/// Whether nothing is left to do. One that is broken is not cleared away unasked: its data would go with it.
async fn is_up_already(stacks: &Path) -> Result<bool> {
    let Some(record) = Stack::find(stacks, UP) else { return Ok(false) };
    let found = record.clone();
    match blocking(move || Ok(found.condition())).await? {
        Condition::Up => {
            say("The stack is already up.\n");
            show(&record.addresses, &stacks.join(UP));
            Ok(true)
        }
        Condition::Broken { dead } => bail!(
            "the stack is broken, these do not run: {}. What they said is in {}/*.log. `matchday down` (or `make down`) \
             ends the rest and deletes its data; then it can be started again",
            dead.join(", "),
            stacks.join(UP).display()
        ),
        Condition::Unknown { parts } => bail!(
            "a stack is there, and Docker does not say whether its containers run: {}. `docker version` says why",
            parts.join(", ")
        ),
        Condition::Owned { pid } => bail!("process {pid} is just starting the stack"),
        Condition::LeftOver => {
            say("An earlier stack was never complete, or nothing of it runs; ending the rest of it");
            down(stacks.to_owned(), Ok(Vec::new())).await?;
            Ok(false)
        }
    }
}

async fn down(stacks: PathBuf, projects: Result<Vec<ComposeProject>>) -> Result<()> {
    let start = Instant::now();
    let ended = blocking(move || stack::down(&stacks, UP)).await?;
    match ended {
        None if projects.is_err() => say("No stack of `matchday up` is up."),
        None if projects.iter().flatten().any(|project| project.is_own) => {}
        None => say("No stack is up."),
        Some(ended) => {
            for name in &ended.killed {
                say(&format!("  {name} did not end within its grace time and was killed"));
            }
            say(&format!("Ended {} processes in {:.1} s.", ended.processes, start.elapsed().as_secs_f64()));
        }
    }
    // An engine that was never started has nothing to end.
    if let Err(error) = &projects
        && blocking(|| Ok(stack::docker::engine())).await?.is_none()
    {
        say(&format!("Whether a Compose project of this folder is up is not known: {error:#}"));
        return Ok(());
    }
    let projects = projects.context("whether a Compose project of this folder is up is not known")?;
    let (own, others): (Vec<_>, Vec<_>) = projects.into_iter().partition(|project| project.is_own);
    for ComposeProject { name, .. } in others {
        say(&format!(
            "The Compose project {name} was started here under another name than this folder's and stays: \
             `docker compose --project-name {name} --profile '*' down` ends it."
        ));
    }
    for project in own {
        let name = project.name.clone();
        blocking(move || project.down()).await?;
        say(&format!(
            "Ended the Compose project {name}; `docker compose --project-name {name} down --volumes` removes its data, too."
        ));
    }
    Ok(())
}

fn show(addresses: &[Address], folder: &Path) {
    for Address { what, url } in addresses {
        say(&format!("  {what:<22} {url}"));
    }
    say(&format!("  {:<22} {}/*.log", "logs", folder.display()));
}

/// Whoever reads may have gone, as `head` does; that is no reason to leave anything undone.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

#[expect(clippy::print_stderr, reason = "the front end of a command line")]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("matchday: {error:#}");
    ExitCode::FAILURE
}
