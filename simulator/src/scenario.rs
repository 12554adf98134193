//! Scenarios: what is to be played, at which rates, told by whom in which format, and what goes wrong in it.
//!
//! A scenario is a TOML file; `docs/simulator.md` says what may stand in it. It is refused as a whole where anything in it is
//! not known or out of bounds, with the line. The same scenario and seed make the same bytes.

use std::path::Path;
use std::time::Duration;

use domain::{Name, Sport};

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

/// The most producers of one scenario.
pub const PRODUCERS_MAX: usize = 4;
/// The longest run, in seconds.
pub const SECONDS_MAX: u32 = 86_400;
/// The largest scenario file, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// What is to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it is about, in a sentence.
    pub description: String,
    /// Everything follows from it.
    pub seed: u64,
    /// How long it all takes.
    pub duration: Duration,
    /// Who tells it; games are dealt to them in turn.
    pub producers: Vec<Teller>,
    /// What is played, each sport once.
    pub sports: Vec<SportPlan>,
    /// What goes wrong.
    pub faults: Wanted,
    /// What goes wrong in the stack, for whoever runs it.
    pub outages: Vec<Outage>,
    /// What a run of it must keep to.
    pub gates: Gates,
    /// What the ids of its events end in. A file says nothing of it: what is played twice is the same twice, but where other
    /// events are asked for.
    pub suffix: String,
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
    /// Messages a second of all of them together, on average.
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
        let cannot = || format!("cannot read the scenario {name}");
        let bytes = std::fs::metadata(path).with_context(cannot)?.len();
        ensure!(bytes <= BYTES_MAX as u64, "{name} has {bytes} bytes; a scenario has at most {BYTES_MAX}");
        let text = std::fs::read_to_string(path).with_context(cannot)?;
        let shelf = Shelf::of(path.parent().unwrap_or(Path::new(".")));
        // As compilers say it, so that editors jump there.
        Self::parse_beside(&text, Some(&shelf)).map_err(|error| anyhow::anyhow!("{name}:{error}"))
    }

    /// The messages that are asked for, all in all.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.sports.iter().map(|plan| u64::from(plan.rate) * self.duration.as_secs()).sum()
    }
}
