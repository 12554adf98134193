//! Scenarios: what is to be played, at which rates, told by whom in which format, and what goes wrong in it.
//!
//! A scenario is a TOML file; `docs/simulator.md` says what may stand in it. It is refused as a whole where anything in it is
//! not known or out of bounds, with the line. The same scenario and seed make the same bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::{Name, Sport};
use serde::Deserialize;

use crate::faults::Wanted;
use crate::format::Format;
use crate::profile::Profile;
use crate::recording::Shelf;

pub use gates::{Gates, Hop, LatencyGate, Share};
pub use lower::{LowerError, Scene};
pub use outages::{OUTAGES_MAX, Outage, OutageKind, Part, UnknownPart, When};
pub use read::ScenarioError;
pub use ready::{READY, Ready};

pub mod gates;
mod lower;
mod outages;
mod read;
mod ready;
mod tell;

/// The most producers of one scenario.
pub const PRODUCERS_MAX: usize = 4;
/// The longest run, in seconds.
pub const SECONDS_MAX: u32 = 86_400;
/// How long games at their own pace take at most.
pub const OWN_PACE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// What a file calls all that is played.
const SPORTS: &str = "sports";
/// The largest scenario file, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// What is to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it is about, in a sentence.
    pub description: String,
    /// Everything follows from it.
    pub seed: u64,
    /// Whether messages come at rates, or when their games say them.
    pub tempo: Tempo,
    /// How long it all takes; at most so long where games have their own pace.
    pub duration: Duration,
    /// Who tells it; games are dealt to them in turn.
    pub producers: Vec<Teller>,
    /// What is played, each sport once.
    pub sports: Vec<SportPlan>,
    /// What goes wrong.
    pub faults: Wanted,
    /// Where its file asks for which kind of fault, for which sport, and for all of them, `sports`: line and column.
    pub places: BTreeMap<&'static str, (usize, usize)>,
    /// What goes wrong in the stack, for whoever runs it.
    pub outages: Vec<Outage>,
    /// What a run of it must keep to.
    pub gates: Gates,
    /// What the ids of its events end in. A file says nothing of it: what is played twice is the same twice, but where other
    /// events are asked for.
    pub suffix: String,
}

/// What says when messages are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tempo {
    /// A rate that is asked for: the games' time is compressed, or stretched, to that of the run
    #[default]
    Rate,
    /// The games themselves: everything is said when it happens, and a game takes as long as a real one
    Own,
}

/// A producer, and how it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teller {
    /// Whose feed it is.
    pub provider: Name,
    /// Its name; a number where it speaks as a Unified Odds Feed.
    pub name: Name,
    /// In what it writes.
    pub format: Format,
}

/// The games of one sport.
#[derive(Debug, Clone, PartialEq)]
pub struct SportPlan {
    /// The sport.
    pub sport: Sport,
    /// How many games, all at the same time.
    pub games: u32,
    /// Messages a second of all of them together, on average; 0 where games have their own pace.
    pub rate: u32,
    /// How that rate goes.
    pub profile: Profile,
    /// The games that have most of the traffic.
    pub hot: Option<Hot>,
    /// Who of the scenario's producers tells them.
    pub producers: Vec<usize>,
}

/// Some games of which more is told than of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hot {
    /// How many; the first ones of the sport.
    pub games: u32,
    /// Their part of the sport's messages, 0 to 1.
    pub share: f64,
}

impl Scenario {
    /// The same at this tempo, where that is another one.
    ///
    /// # Errors
    /// When it has what no other tempo could keep to.
    pub fn at(mut self, tempo: Tempo) -> anyhow::Result<Self> {
        anyhow::ensure!(
            tempo == self.tempo || tempo == Tempo::Own,
            "its games have their own pace: only its file could say which rate they are to have instead"
        );
        anyhow::ensure!(
            tempo == self.tempo || self.outages.is_empty(),
            "its outages have their times, which games at their own pace would not keep to"
        );
        if tempo != self.tempo {
            (self.tempo, self.duration) = (tempo, OWN_PACE_MAX);
            for plan in &mut self.sports {
                (plan.rate, plan.profile, plan.hot) = (0, Profile::Constant, None);
            }
        }
        Ok(self)
    }

    /// The same, made shorter or longer: what goes wrong in the stack begins at the same share of it, and as much goes wrong in all.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        let factor = duration.as_secs_f64() / self.duration.as_secs_f64();
        for outage in &mut self.outages {
            outage.at = match outage.at {
                When::At(at) => When::At(at.mul_f64(factor)),
                When::Between(from, to) => When::Between(from.mul_f64(factor), to.mul_f64(factor)),
            };
        }
        Self { duration, ..self }
    }

    /// Reads a scenario from the text of its file, which names no recordings.
    ///
    /// # Errors
    /// When it is none: what is wrong, and in which line and column.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Self::parse_beside(text, None)
    }

    /// Reads a scenario from the text of its file; recordings that it names are looked for on the shelf.
    ///
    /// # Errors
    /// As those of [`Scenario::parse`]; and when a recording is not there, or says nothing of how a rate goes.
    pub fn parse_beside(text: &str, shelf: Option<&Shelf>) -> Result<Self, ScenarioError> {
        read::read(text, shelf)
    }

    /// Reads a file, or, where there is none of that name, takes the ready-made scenario that is called so.
    ///
    /// # Errors
    /// When there is neither, or what is there is no scenario.
    pub fn load(name: &str) -> anyhow::Result<Self> {
        use anyhow::{Context, bail, ensure};
        let path = Path::new(name);
        ensure!(!path.is_dir(), "{name} is a folder; a scenario is a file");
        if !path.is_file() {
            let Some(ready) = READY.iter().find(|ready| ready.name == name) else {
                let names: Vec<&str> = READY.iter().map(|ready| ready.name).collect();
                bail!(
                    "there is no file `{name}`, and no ready-made scenario of that name: {}",
                    names.join(", ")
                );
            };
            return Self::parse(ready.text).with_context(|| format!("the ready-made scenario `{name}`"));
        }
        let text = Self::text_of(path)?;
        let shelf = Shelf::of(path.parent().unwrap_or(Path::new(".")));
        // As compilers say it, so that editors jump there.
        Self::parse_beside(&text, Some(&shelf)).map_err(|error| anyhow::anyhow!("{name}:{error}"))
    }

    /// The text of a scenario's file.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or no text.
    pub fn text_of(path: &Path) -> anyhow::Result<String> {
        use anyhow::{Context, ensure};
        let name = path.display();
        let cannot = || format!("cannot read the scenario {name}");
        let bytes = std::fs::metadata(path).with_context(cannot)?.len();
        ensure!(bytes <= BYTES_MAX as u64, "{name} has {bytes} bytes; a scenario has at most {BYTES_MAX}");
        let bytes = std::fs::read(path).with_context(cannot)?;
        read::text(bytes).map_err(|error| anyhow::anyhow!("{name}:{error}"))
    }

    /// The messages that are asked for, all in all; of games at their own pace that is not known before they are played.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.sports.iter().map(|plan| u64::from(plan.rate) * self.duration.as_secs()).sum()
    }
}
