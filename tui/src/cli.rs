//! The command line of `matchday-top`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::Parser;
use domain::{Sport, Topics};
use reqwest::Url;

use crate::attach::Given;
use crate::bundle::Run;
use crate::plain;
use crate::run;
use crate::source::{Part, runs};
use crate::theme::{Palette, Theme};
use crate::watch::Watch;

/// Asked less often, a process would not have said enough within the seconds over which rates and slopes are taken.
const ASK_EVERY_MAX: Duration = Duration::from_secs(2);

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
    #[arg(long, value_name = "URL", value_parser = url)]
    simulator: Option<String>,
    /// Ingestion's address; once for each process
    #[arg(long, value_name = "URL", value_parser = url)]
    ingestion: Vec<String>,
    /// The address of a sport's processors; once for each process
    #[arg(long, value_name = "SPORT=URL", value_parser = sport_and_url)]
    processors: Vec<(Sport, String)>,
    /// The address of distribution's REST; once for each process, the first is asked for games
    #[arg(long, value_name = "URL", value_parser = url)]
    rest: Vec<String>,
    /// Kafka's bootstrap servers
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// What all topics' names begin with
    #[arg(long = "topic-prefix", env = "MATCHDAY_TOPIC_PREFIX", default_value = "", value_name = "PREFIX")]
    topics: Topics,
    /// A finished run's bundle to look at instead of a stack; a second one to compare it with
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["stack", "simulator", "ingestion", "processors", "rest", "kafka"])]
    bundle: Vec<PathBuf>,
    /// Seconds between two questions to each process, 2 at most, and between two lines where there is no terminal
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
    Ok((sport.parse().map_err(|error| format!("{error}"))?, self::url(url)?))
}

fn url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; as in http://127.0.0.1:4000"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(text.to_owned())
    } else {
        Err("must begin with http://".to_owned())
    }
}

impl Cli {
    fn given(&self) -> Given {
        let mut parts: BTreeMap<Part, Vec<String>> = BTreeMap::new();
        let processors = self.processors.iter().map(|(sport, url)| (Part::Processors(*sport), url));
        let simulator = self.simulator.iter().map(|url| (Part::Simulator, url));
        let ingestion = self.ingestion.iter().map(|url| (Part::Ingestion, url));
        let rest = self.rest.iter().map(|url| (Part::Distribution, url));
        for (part, url) in processors.chain(simulator).chain(ingestion).chain(rest) {
            parts.entry(part).or_default().push(url.clone());
        }
        Given {
            stack: self.stack.clone(),
            stacks: self.stacks.clone(),
            parts,
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
    cli.given().check()?;
    let has_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !runs.is_empty() && (cli.once || cli.json || !has_terminal) {
        return plain::verdicts(&runs, cli.json);
    }
    let interval = Duration::from_secs_f64(cli.interval);
    let watch = Watch::start(cli.given(), interval.min(ASK_EVERY_MAX))?;
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
    fn every_address_of_a_service_is_asked() {
        let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
        let arguments =
            urls.iter().flat_map(|url| [format!("--processors=hockey={url}"), format!("--rest={url}")]);
        let line = std::iter::once("matchday-top".to_owned()).chain(arguments);
        let given = Cli::try_parse_from(line).expect("a command line").given();
        assert_eq!(given.parts[&Part::Processors(Sport::Hockey)], urls);
        assert_eq!(given.parts[&Part::Distribution], urls);
        assert_eq!(given.find().rest.as_deref(), Some(urls[0]));
    }
}
