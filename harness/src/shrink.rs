//! `matchday shrink`: a failing run is cut down to the smallest one that is found which still fails in the same way. Every attempt is a
//! whole run, on a stack of its own or about other events, and judged as any run is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use simulator::tape::Said;

use crate::again::Again;
use crate::attempt::{Home, Means, NoVerdict};
use crate::bundle;
use crate::case::{Asked, Kept, Shrunk};
use crate::exit::Exit;
use crate::site::SiteArgs;
use crate::stack::Say;

pub use cut::Cut;
pub use ddmin::{Answer, ddmin};
pub use failure::{Failure, Failures, Way};

use trials::{Trials, Where};

mod cut;
mod ddmin;
mod failure;
mod trials;

/// How often the time is halved.
const TIME_STEPS: u32 = 5;
/// The most runs in a row without a verdict.
const WITHOUT_VERDICT_MAX: u32 = 3;

/// What is cut down, and how long that may take.
#[derive(Debug, Clone, Args)]
pub struct ShrinkArgs {
    /// The bundle of a run that failed
    bundle: PathBuf,
    /// The folder of the smallest run's bundle; must not be there yet [default: the bundle's, and `-shrunk`]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// The most runs until the smallest is found
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// The longest time until then, in minutes
    #[arg(long = "for", default_value_t = 60, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    minutes: u32,
    /// How often the whole is run until it fails again, and the smallest to say how often it fails
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// What must be wrong each time, by its name: `lost`, `settlement wrong`, or with the place in which it was seen first: `lost in feed topic`;
    /// several may be given [default: any of what is wrong]
    #[arg(long, value_name = "NAME")]
    anomaly: Vec<String>,
    /// Use the stack that is up, or the one at the addresses given, in place of a fresh one for each run: then each is about other
    /// events
    #[arg(long)]
    attach: bool,
    #[command(flatten)]
    site: SiteArgs,
}

/// What there is to cut down.
struct Start {
    asked: Asked,
    kept: Kept,
    cut: Cut,
    way: Way,
}

/// Cuts a run down. `interrupted` is what ends it before its time: the smallest that was found by then stays.
///
/// # Errors
/// When the bundle cannot be cut down, or nothing can be said of its runs.
pub async fn shrink(
    home: Home,
    args: ShrinkArgs,
    say: Say,
    interrupted: impl Future<Output = Result<()>>,
) -> Result<Exit, NoVerdict> {
    let Start { asked, kept, cut, way } = start(&args).means(Exit::Usage)?;
    let output = output(&args).means(Exit::Usage)?;
    say(&format!("{}: {cut}", args.bundle.display()));
    say(&format!("It is cut down as long as it fails like this: {}", failure::list(way.names())));
    let place = match args.attach {
        true => Where::Attached(&args.site),
        false => Where::Own,
    };
    let mut trials = Trials {
        home: &home,
        place,
        asked,
        clients: kept.clients,
        say,
        way,
        output: &output,
        shrunk: Shrunk {
            from: args.bundle.display().to_string(),
            failures: Vec::new(),
            size_before: cut.to_string(),
            size: String::new(),
            attempts: 0,
            repeated: 0,
            failed: 0,
        },
        refusals: cut.tape.refusals(),
        smallest: None,
        attempts: 0,
        attempts_max: args.attempts,
        until: tokio::time::Instant::now() + Duration::from_secs(60) * args.minutes,
        without_verdict: 0,
        error: None,
    };
    let ended = tokio::select! {
        done = Box::pin(cut_down(&mut trials, cut, args.repeat)) => Some(done),
        signal = interrupted => {
            signal.means(Exit::Internal)?;
            None
        }
    };
    let ended = match ended {
        Some(Err(error)) => {
            if trials.smallest.is_some() {
                say("\nNo more can be said of its runs: this is the smallest so far.");
                trials.tell(None);
            }
            return Err(error);
        }
        Some(Ok(ended)) => Some(ended),
        None => None,
    };
    if ended.is_none() && trials.smallest.is_some() {
        say("\nInterrupted: this is the smallest so far.");
    }
    Ok(trials.tell(ended))
}

/// Finds the smallest, and repeats it; returns how often of how many times that failed.
async fn cut_down(trials: &mut Trials<'_>, whole: Cut, repeat: u32) -> Result<(u32, u32), NoVerdict> {
    if !trials.fails_again(&whole, repeat).await? {
        return Ok((0, repeat));
    }
    let cut = events(trials, whole).await;
    let cut = faults(trials, cut).await;
    let cut = outages(trials, cut).await;
    let cut = time(trials, cut).await;
    let cut = messages(trials, cut).await;
    if let Some(error) = trials.error.take() {
        return Err(error);
    }
    trials.repeat(&cut, repeat).await
}

/// As few games as possible.
async fn events(trials: &mut Trials<'_>, base: Cut) -> Cut {
    let all: Vec<_> = base.tape.events().into_iter().cloned().collect();
    let of = |events: &[_]| base.with(base.tape.of_events(events));
    let kept = ddmin(&all, async |events: &[_]| trials.attempt(&of(events)).await).await;
    of(&kept)
}

/// As little as possible that goes wrong in the feed.
async fn faults(trials: &mut Trials<'_>, base: Cut) -> Cut {
    let all = base.tape.curable();
    let of = |kept: &[usize]| {
        let cured: Vec<usize> = all.iter().filter(|number| !kept.contains(number)).copied().collect();
        base.with(base.tape.without_faults(&cured))
    };
    let kept = ddmin(&all, async |kept: &[usize]| trials.attempt(&of(kept)).await).await;
    if kept.len() == all.len() { base } else { of(&kept) }
}

/// As little as possible that happens to the stack.
async fn outages(trials: &mut Trials<'_>, base: Cut) -> Cut {
    let all: Vec<usize> = (0..base.outages.outages.len()).collect();
    let kept = ddmin(&all, async |kept: &[usize]| trials.attempt(&base.with_outages(kept)).await).await;
    base.with_outages(&kept)
}

/// As early an end as possible: where a run fails, a longer one does, too, but for chance.
async fn time(trials: &mut Trials<'_>, base: Cut) -> Cut {
    let (mut low, mut high) = base.ends();
    let mut cut = base;
    for _ in 0..TIME_STEPS {
        let end = low + (high - low) / 2;
        let next = cut.with(cut.tape.until(end));
        if next.tape.len() == cut.tape.len() {
            high = end;
            continue;
        }
        match trials.attempt(&next).await {
            Answer::Fails => (cut, high) = (next, end),
            Answer::Passes => low = end,
            Answer::Over => break,
        }
    }
    cut
}

/// As few messages of each game as possible.
async fn messages(trials: &mut Trials<'_>, base: Cut) -> Cut {
    let all = base.tape.spare();
    let of = |kept: &[Said]| {
        let kept: HashSet<&Said> = kept.iter().collect();
        let left_out: Vec<_> = all.iter().filter(|said| !kept.contains(said)).cloned().collect();
        base.with(base.tape.without(&left_out))
    };
    let kept = ddmin(&all, async |kept: &[Said]| trials.attempt(&of(kept)).await).await;
    if kept.len() == all.len() { base } else { of(&kept) }
}

fn start(args: &ShrinkArgs) -> Result<Start> {
    let (document, _) = bundle::open(&args.bundle)?;
    let kept = Kept::load(&args.bundle)?;
    let asked = Asked::of_bundle(&args.bundle, &kept)?;
    ensure!(
        kept.recorded.is_whole,
        "the recordings of {} are not whole: verify it once more with more --recording-mib",
        args.bundle.display()
    );
    ensure!(
        kept.outages.outages.is_empty() || !args.attach,
        "what `{}` does to a stack it does to one of its own only: leave --attach out",
        asked.name
    );
    let tape = kept.recorded.load(&args.bundle)?;
    let way = Way::of(failure::of_document(&document), &args.anomaly)?;
    let cut = Cut { tape, outages: kept.outages.clone() };
    Ok(Start { asked, kept, cut, way })
}

/// Where the smallest goes: nothing that is there is overwritten.
fn output(args: &ShrinkArgs) -> Result<PathBuf> {
    let beside = || -> Result<PathBuf> {
        let bundle = std::path::absolute(&args.bundle).context("finding the bundle's folder")?;
        let name = bundle.file_name().context("the bundle has no name")?.to_string_lossy().into_owned();
        Ok(bundle.with_file_name(format!("{name}-shrunk")))
    };
    let folder = args.output.clone().map_or_else(beside, Ok)?;
    ensure!(!folder.exists(), "{} is there already: name another --output", folder.display());
    Ok(folder)
}

/// The command that repeats a bundle's run, in the stack in which it was found where that is not its own.
fn command(bundle: &Path, attached: Option<&SiteArgs>) -> String {
    let again = Again::of("verify").word(&bundle.to_string_lossy());
    match attached {
        Some(site) => site.again(again.flag("--attach", true)).to_string(),
        None => again.to_string(),
    }
}
