//! `matchday verify`: a scenario is driven through a stack, or the run of a bundle once more, everything is looked at, and an exit code
//! says what is true.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use simulator::schedule::suffix_at;

use crate::again::Again;
use crate::attempt::{Attempt, Home, Means, NoVerdict};
use crate::bundle::{Document, VERDICT, write};
use crate::case::{Asked, CASE, Case, Kept, RECORDING_MIB};
use crate::exit::Exit;
use crate::live::Live;
use crate::rate;
use crate::report::{grouped, report_judged};
use crate::run::{Outcome, Step};
use crate::site::{Site, SiteArgs};
use crate::stack::{RUNS, Say};
use progress::Teller;

pub(crate) mod progress;

/// The most clients that look.
pub(crate) const CLIENTS_MAX: u16 = 256;
/// How many look where nothing is said.
const CLIENTS: u16 = 4;

/// What is verified, and where.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// A scenario's file, the name of a ready-made one (`simulator scenarios` lists them), or the bundle of a run that is to be
    /// repeated: its messages, faults and outages, held against its gates
    scenario: String,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Another length than the scenario's, at the same rates
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// Another rate than the scenario's: so many messages a second of all sports together, shared among them as its own are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Clients that look: in turn one that reads at once, a slow one, one that drops and resumes, one that comes late
    /// [default: 4, or as many as looked at the run that is repeated]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: Option<u16>,
    /// The folder to write everything into that is known of the run; must not be there yet [default: one in the folder of all
    /// stacks, `runs/<scenario>-<time>`]
    #[arg(long, value_name = "FOLDER")]
    bundle: Option<PathBuf>,
    /// How much of its messages the bundle holds, in MiB; a run of more is repeated from its scenario and seed
    #[arg(long, default_value_t = RECORDING_MIB, value_name = "N")]
    recording_mib: u32,
    /// Use the stack that is up, or the one at the addresses given, instead of starting one. Events that it has already are not
    /// sent again: choose another --seed then
    #[arg(long)]
    attach: bool,
    #[command(flatten)]
    site: SiteArgs,
}

/// Drives a scenario and says what is true.
///
/// # Errors
/// When there is no verdict.
pub async fn verify(home: Home, args: VerifyArgs, say: Say) -> Result<Exit, NoVerdict> {
    let (case, clients) = asked(&args).means(Exit::Usage)?;
    let folder = bundle_folder(&home, &args, &case.name).means(Exit::Usage)?;
    announce(&case, say);
    // They may be in the environment for something else, so that is no mistake.
    if args.site.is_said() && !args.attach {
        say(
            "A stack of its own is started: the addresses that are said (--kafka, --mysql, …) count with --attach alone.",
        );
    }
    let mut live = Live::begin(&folder, case.about()).means(Exit::Environment)?;
    let mut recoveries = match args.attach {
        true => None,
        false => case.recoveries(None).await.means(Exit::Environment)?,
    };
    let stack = match args.attach {
        true => None,
        false => {
            say("\nStarting Kafka, a database, Redis and every service");
            Some(Box::pin(case.start(&home, recoveries.as_ref(), say)).await.means(Exit::Environment)?)
        }
    };
    let site = match &stack {
        Some(stack) => Site::of(stack).means(Exit::Environment)?,
        None => case.attach(&home, &args.site).await.means(Exit::Environment)?,
    };
    live.name_stack(site.record.as_deref());
    if args.attach {
        recoveries = case.recoveries(Some(&site.ingestion)).await.means(Exit::Environment)?;
    }
    let attempt = Attempt { case: &case, site: &site, recoveries: recoveries.as_ref(), clients };
    let mut teller = Teller::new(say, case.scenario.duration);
    let hear = |step: Step| {
        live.hear(&step);
        teller.tell(step);
    };
    let attempted = attempt.go(hear).await;
    teller.end();
    let attempted = attempted.map_err(|none| attempt.kept(none, &folder))?;
    let document = attempt.write(&attempted, &folder, repeat(&args, &case, &folder)).means(Exit::Internal)?;
    drop(live);
    if !Kept::load(&folder).means(Exit::Internal)?.recorded.is_whole {
        say(&format!(
            "The recordings hold the first {} MiB of its messages: --recording-mib says how many. It can be repeated, and not cut down.",
            args.recording_mib
        ));
    }
    tell(&attempted.outcome, &document, &folder, say);
    if let Some(stack) = stack {
        let ended = stack.down().await.means(Exit::Environment)?;
        for name in &ended.killed {
            say(&format!("  {name} did not end within its grace time and was killed"));
        }
    }
    Ok(document.verdict.exit)
}

/// What the arguments ask for, and how many clients look at it.
fn asked(args: &VerifyArgs) -> Result<(Case, u16)> {
    // A stack that is up waits as long as it was told.
    let silence = args.attach.then(|| args.site.silence());
    let (mut case, clients) = match bundle_of(args) {
        Some(folder) => {
            ensure!(
                args.seed.is_none() && args.seconds.is_none() && args.rate.is_none(),
                "a bundle's run is repeated as it was: leave --seed, --seconds and --rate out"
            );
            // A stack that is up may have had the run itself.
            let suffix =
                args.attach.then(|| suffix_at(domain::Timestamp(jiff::Timestamp::now().as_microsecond())));
            let (case, kept) = Case::of_bundle(folder, silence, suffix.as_deref())?;
            (case, kept.clients)
        }
        None => {
            let mut asked = Asked::load(&args.scenario, args.seed, args.seconds)?;
            if let Some(rate) = args.rate {
                rate::set(&mut asked.scenario, rate).with_context(|| args.scenario.clone())?;
            }
            (Case::of(asked, silence).with_context(|| args.scenario.clone())?, CLIENTS)
        }
    };
    if args.attach {
        args.site.fit(&mut case)?;
    }
    case.recording_bytes_max = u64::from(args.recording_mib) << 20;
    ensure!(
        case.outages.outages.is_empty() || !args.attach,
        "what `{}` does to a stack it does to one of its own only: leave --attach out",
        case.name
    );
    Ok((case, args.clients.unwrap_or(clients)))
}

/// The bundle whose run is to be repeated, where it is one.
fn bundle_of(args: &VerifyArgs) -> Option<&Path> {
    let path = Path::new(&args.scenario);
    (path.join(CASE).is_file() || path.join(VERDICT).is_file()).then_some(path)
}

/// What it is about, before it begins.
fn announce(case: &Case, say: Say) {
    let Case { scenario, feed, .. } = case;
    say(&format!("{} (seed {})", scenario.description, scenario.seed));
    say(&format!(
        "{} messages of {} games over {} s, {} faults",
        grouped(feed.schedule.len() as u64),
        feed.expected.len(),
        scenario.duration.as_secs(),
        feed.faults.faults.len()
    ));
    case.outages.outages.iter().for_each(|planned| say(&format!("  {planned}")));
    if let Some(mib) = case.recording_mib_lacking() {
        say(&format!(
            "Its messages take {mib} MiB, and its bundle holds the first {}: it can be repeated, and not cut down. For all of them say \
             --recording-mib {mib}.",
            case.recording_bytes_max >> 20
        ));
    }
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

/// The command that drives the same once more. A stack that is up has its events already: there its bundle is repeated, about others.
fn repeat(args: &VerifyArgs, case: &Case, folder: &Path) -> String {
    let again = Again::of("verify");
    let again = match (bundle_of(args), args.attach) {
        (Some(bundle), _) => again.word(&bundle.to_string_lossy()),
        (None, true) => again.word(&folder.to_string_lossy()),
        (None, false) => again
            .word(&args.scenario)
            .option("--seed", Some(case.scenario.seed))
            .option("--seconds", args.seconds)
            .option("--rate", args.rate),
    };
    let mib = Some(args.recording_mib).filter(|mib| *mib != RECORDING_MIB);
    let again = again.option("--clients", args.clients).option("--recording-mib", mib);
    let again = again.flag("--attach", args.attach);
    if args.attach { args.site.again(again).to_string() } else { again.to_string() }
}

fn tell(outcome: &Outcome, document: &Document, folder: &Path, say: Say) {
    say(&format!("\n{}", report_judged(outcome, document)));
    say(&write::gates_text(document));
    say(&document.verdict.summary);
    say(&format!("Everything that is known of it: {}", folder.display()));
    say(&format!("To repeat it: {}", document.scenario.repeat));
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: VerifyArgs,
    }

    fn repeated(arguments: &[&str]) -> String {
        let args = Command::parse_from([&["verify"], arguments].concat()).args;
        let (case, _) = asked(&args).unwrap();
        repeat(&args, &case, Path::new("runs/one run"))
    }

    #[test]
    fn the_command_that_repeats_a_run_has_all_that_it_was_given() {
        assert_eq!(repeated(&["steady-hockey"]), "matchday verify steady-hockey --seed 4");
        let asked = ["steady-hockey", "--seed", "5", "--seconds", "3", "--rate", "40", "--clients", "4"];
        assert_eq!(
            repeated(&asked),
            "matchday verify steady-hockey --seed 5 --seconds 3 --rate 40 --clients 4"
        );
        assert_eq!(
            repeated(&["steady-hockey", "--recording-mib", "8"]),
            "matchday verify steady-hockey --seed 4 --recording-mib 8"
        );
    }

    #[test]
    fn a_run_in_a_stack_that_is_up_is_repeated_from_its_bundle_there() {
        let attached = [
            "steady-hockey",
            "--attach",
            "--kafka",
            "127.0.0.1:9",
            "--mysql",
            "mysql://user:secret@127.0.0.1/db",
            "--topic-prefix",
            "t-",
            "--silence-ms",
            "3000",
        ];
        assert_eq!(
            repeated(&attached),
            "matchday verify 'runs/one run' --attach --kafka 127.0.0.1:9 --mysql \"$MATCHDAY_MYSQL\" --topic-prefix t- \
             --silence-ms 3000"
        );
    }
}
