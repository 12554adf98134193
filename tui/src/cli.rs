//! The command line of `matchday-top`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Parser;
use domain::{Sport, Topics};

use crate::attach::Given;
use crate::bundle::Run;
use crate::plain;
use crate::run;
use crate::source::{Part, runs};
use crate::theme::{Palette, Theme};
use crate::watch::Watch;

/// The most bundles that are looked at side by side.
const BUNDLES_MAX: usize = 2;

/// Shows what a stack does, in a terminal; `?` shows the keys
///
/// Without addresses it looks at the stack of `matchday up`, else at the documented ports, where `docker compose up` listens.
/// Where there is no terminal, it writes a line every interval.
#[derive(Debug, Parser)]
#[command(name = "matchday-top", bin_name = "matchday top", version)]
struct Cli {
    /// The stack to look at, of several: the name of its folder
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// The folder of all stacks [default: .matchday in the project]
    #[arg(long, env = "MATCHDAY_STACKS", value_name = "FOLDER")]
    stacks: Option<PathBuf>,
    /// The simulator's address, where it was told to --listen [default: that of the stack]
    #[arg(long, value_name = "URL")]
    simulator: Option<String>,
    /// Ingestion's address
    #[arg(long, value_name = "URL")]
    ingestion: Option<String>,
    /// The address of a sport's processors; once for each sport
    #[arg(long, value_name = "SPORT=URL", value_parser = sport_and_url)]
    processors: Vec<(Sport, String)>,
    /// The address of distribution's REST
    #[arg(long, value_name = "URL")]
    rest: Option<String>,
    /// Kafka's bootstrap servers
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// What all topics' names begin with
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    topics: Topics,
    /// A finished run's bundle to look at instead of a stack; a second one to compare it with
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["stack", "simulator", "ingestion", "processors", "rest", "kafka"])]
    bundle: Vec<PathBuf>,
    /// Seconds between two questions to each process
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = interval)]
    interval: f64,
    /// Write what is known after two answers, and end; fails where nothing answers
    #[arg(long)]
    once: bool,
    /// Write JSON, one document a line
    #[arg(long)]
    json: bool,
    /// How many colours to use [default: what NO_COLOR, COLORTERM and TERM say]
    #[arg(long, value_enum, value_name = "COLOURS")]
    colours: Option<Palette>,
    /// Use no signs but those of ASCII
    #[arg(long)]
    ascii: bool,
}

fn interval(text: &str) -> Result<f64, String> {
    let range = 0.2..=5.0;
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if range.contains(&seconds) { Ok(seconds) } else { Err("must be from 0.2 to 5".to_owned()) }
}

fn sport_and_url(text: &str) -> Result<(Sport, String), String> {
    let (sport, url) = text.split_once('=').ok_or("must be SPORT=URL")?;
    Ok((sport.parse().map_err(|error| format!("{error}"))?, url.to_owned()))
}

impl Cli {
    /// # Errors
    /// When a sport has two addresses: of the first nothing would be shown.
    fn check_processors(&self) -> anyhow::Result<()> {
        for (index, (sport, _)) in self.processors.iter().enumerate() {
            if self.processors[..index].iter().any(|(before, _)| before == sport) {
                bail!("--processors {sport}= is given twice: one process of each sport is asked");
            }
        }
        Ok(())
    }

    fn given(&self) -> Given {
        let mut parts: BTreeMap<Part, String> =
            self.processors.iter().map(|(sport, url)| (Part::Processors(*sport), url.clone())).collect();
        parts.extend(self.simulator.clone().map(|url| (Part::Simulator, url)));
        parts.extend(self.ingestion.clone().map(|url| (Part::Ingestion, url)));
        Given {
            stack: self.stack.clone(),
            stacks: self.stacks.clone(),
            parts,
            rest: self.rest.clone(),
            kafka: self.kafka.clone(),
            topics: self.topics.clone(),
            bundles: self.bundle.clone(),
        }
    }
}

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // One thread besides the keyboard's: what there is to do takes a few milliseconds a second.
    let done = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match done.map_err(Into::into).and_then(|runtime| {
        let done = runtime.block_on(execute(&cli));
        // A question to Kafka may still wait for its answer; nobody wants it any more.
        runtime.shutdown_background();
        done
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn execute(cli: &Cli) -> anyhow::Result<()> {
    ensure!(cli.bundle.len() <= BUNDLES_MAX, "one bundle can be looked at, or two compared");
    // Whether they are bundles is said before the screen is taken.
    let runs = cli.bundle.iter().cloned().map(runs::read).collect::<anyhow::Result<Vec<Run>>>()?;
    cli.check_processors()?;
    cli.given().check()?;
    let has_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !runs.is_empty() && (cli.once || cli.json || !has_terminal) {
        return plain::verdicts(&runs, cli.json);
    }
    let interval = Duration::from_secs_f64(cli.interval);
    let watch = Watch::start(cli.given(), interval)?;
    if cli.once {
        return plain::once(watch, interval, cli.json).await;
    }
    if cli.json || !has_terminal {
        return plain::follow(watch, interval, cli.json).await;
    }
    let theme = Theme::new(cli.colours.unwrap_or_else(Palette::detect), cli.ascii);
    run::run(watch, cli.bundle.clone(), theme).await
}

#[expect(clippy::print_stderr, reason = "the front end of a command line")]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("matchday-top: {error:#}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sport_has_one_address() {
        let check = |sports: [&str; 2]| {
            let urls = sports.map(|sport| format!("--processors={sport}=http://127.0.0.1:1"));
            let line = std::iter::once("matchday-top".to_owned()).chain(urls);
            Cli::try_parse_from(line).expect("a command line").check_processors()
        };
        assert!(check(["football", "hockey"]).is_ok());
        let refused = check(["football", "football"]).expect_err("the first would be lost").to_string();
        assert!(refused.contains("--processors football= is given twice"), "{refused}");
    }
}
