//! `matchday demo`: games through the whole pipeline, and a verdict that a person understands.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use domain::{Sport, Timestamp};
use simulator::DriveOptions;
use simulator::drive::Progress;
use simulator::world::{Formats, Pace, Plan};

use crate::feed::Feed;
use crate::report::report;
use crate::run::run;
use crate::stack::{
    DatabaseChoice, Lifetime, Ports, Project, Say, Stack, StackConfig, StoresChoice, pipeline,
};
use crate::trial::judge_ends;

/// How much is played.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Games played at once
    #[arg(long, default_value_t = 40, value_name = "N")]
    games: u32,
    /// Messages a second, of all games together
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    rate: u32,
    /// How long they are played
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// The same seed plays the same games
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The formats in which games are sent
    #[arg(long, value_enum, default_value = "half")]
    formats: Formats,
}

/// Starts a stack, plays, judges, says the verdict and ends the stack. Whether all agreed is the answer.
///
/// # Errors
/// When there is no verdict: something did not start, could not be observed, or messages stopped arriving.
pub async fn demo(
    project: Project,
    stacks: PathBuf,
    (stores, database): (StoresChoice, DatabaseChoice),
    args: DemoArgs,
    say: Say,
) -> Result<bool> {
    let DemoArgs { games, rate, seconds, seed, formats } = args;
    ensure!(games > 0, "--games must be at least 1");
    let started = Instant::now();
    say("Starting Kafka, a database, Redis and every service");
    let config = StackConfig {
        project,
        stacks,
        name: "demo".to_owned(),
        lifetime: Lifetime::Attached,
        ports: Ports::Free,
        stores,
        database,
        is_guarded: true,
        links: Vec::new(),
        say,
    };
    let stack = Stack::up(config, pipeline(&Sport::ALL)).await?;

    let sports = Sport::ALL.map(Sport::as_str).join(", ");
    say(&format!(
        "\nPlaying {games} games of {sports} at once, {rate} messages a second for {seconds} s, seed {seed}"
    ));
    let messages = u64::from(rate) * u64::from(seconds);
    let plan = Plan {
        seed,
        sports: Sport::ALL.into(),
        games,
        formats,
        pace: Pace::Even {
            messages_per_game: u32::try_from(messages.div_ceil(u64::from(games))).unwrap_or(u32::MAX),
            duration: Duration::from_secs(u64::from(seconds)),
        },
        start: now(),
    };
    let feed = Feed::played(&plan)?;
    let token = stack.token().map(str::parse).transpose().context("a token is a header's value")?;
    let options = DriveOptions { token, ..DriveOptions::to(stack.ingestion_url()?) };
    let mut teller = Teller { say, told: Duration::ZERO };
    let outcome = run(&stack, &feed, &options, |progress| teller.tell(progress), async { Ok(()) }).await;
    let mut outcome =
        outcome.with_context(|| format!("no verdict; what went in is repeated by --seed {seed}"))?;
    // Nothing is done to this stack that could end a connection.
    judge_ends(&outcome.seen, |_| false, &mut outcome.verdict);

    say(&format!("\n{}", report(&outcome)));
    let ended = stack.down().await?;
    for name in &ended.killed {
        say(&format!("  {name} did not end within its grace time and was killed"));
    }
    say(&format!("Everything is down again. {:.0} s in all.", started.elapsed().as_secs_f64()));
    Ok(outcome.is_pass())
}

/// Tells how far it is: often to a person who watches, seldom to a log.
struct Teller {
    say: Say,
    told: Duration,
}

impl Teller {
    fn tell(&mut self, progress: &Progress) {
        let every = Duration::from_secs(if std::io::stdout().is_terminal() { 5 } else { 15 });
        if progress.elapsed < self.told + every {
            return;
        }
        self.told = progress.elapsed;
        let Progress { messages, accepted, refused, sent_again, .. } = progress;
        let seconds = progress.elapsed.as_secs();
        let mut line = format!("  {seconds:>4} s   {accepted} of {messages} accepted");
        if refused + sent_again > 0 {
            line.push_str(&format!(", {refused} refused, {sent_again} sent again"));
        }
        (self.say)(&line);
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
