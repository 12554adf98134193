//! A run that is over, as its bundle tells of it, every text of it [safe to show](Text): what it came to, curves over its seconds, and
//! what happened when.

use std::path::PathBuf;
use std::sync::Arc;

use harness::anomaly::Kind;
use harness::bundle::{Document, GateResult, GateState, Series, Since};
use harness::compare::{self, Row};
use harness::exit::Exit;

use crate::text::Text;

mod curves;
mod figures;
mod live;

pub use curves::{Curve, Unit};
pub use figures::{Compared, Figures, Measured, SHARES};
pub use live::{Phase, Verifying};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The bundle.
    pub folder: PathBuf,
    /// The run's name.
    pub name: Text,
    /// What was played.
    pub scenario: Text,
    /// The seed from which all of it followed.
    pub seed: u64,
    /// When it began, in microseconds since the Unix epoch.
    pub started_at: u64,
    /// What it came to.
    pub exit: Exit,
    /// It in a sentence.
    pub summary: Text,
    /// Accepted messages a second.
    pub per_second: f64,
    /// What one message in a hundred exceeded on its way to a client, in seconds; none where that was not measured.
    pub p99_seconds: Option<f64>,
    /// Every gate.
    pub gates: Vec<Gate>,
    /// Every kind of anomaly.
    pub anomalies: Vec<Anomaly>,
}

/// A gate, and what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// What it is about.
    pub name: Text,
    /// What is allowed.
    pub limit: f64,
    /// What was found.
    pub found: Option<f64>,
    /// The unit of both; empty of a count.
    pub unit: Text,
    /// Whether it held.
    pub state: GateState,
}

/// A kind of anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Which.
    pub kind: Kind,
    /// How often it was looked for.
    pub checked: u64,
    /// How often it was found.
    pub found: u64,
    /// The first ones, each in a line.
    pub examples: Vec<Text>,
}

/// Something that went wrong on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// What: `kill processors-hockey`, `silence`.
    pub what: Text,
    /// When, in seconds after the start.
    pub at: f64,
    /// Until when, where it lasted.
    pub until: Option<f64>,
    /// Whether it was done to the stack; else it was in the feed.
    pub is_outage: bool,
    /// How long after its end everything worked again, in seconds; of an outage that never did, none.
    pub recovered_after: Option<f64>,
}

/// A run that is over, with its curves.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it came to.
    pub verdict: Verdict,
    /// How many seconds its curves have.
    pub seconds: usize,
    /// A value a second each.
    pub curves: Vec<Curve>,
    /// What happened, by its time.
    pub happened: Vec<Happened>,
    /// What was measured of it as a whole.
    pub figures: Figures,
    document: Arc<Document>,
}

impl Run {
    /// Of the two documents of the bundle in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, document: Document, series: &Series) -> Self {
        let verdict = Verdict::new(folder, &document);
        let (happened, figures) = (happened(&document), Figures::new(&document));
        let (seconds, curves) = (series.at_micros.len(), curves::of(series));
        Self { verdict, seconds, curves, happened, figures, document: Arc::new(document) }
    }

    /// Every figure that both runs have, the worst change first.
    ///
    /// # Errors
    /// In words, when they are of different scenarios.
    pub fn compare(&self, after: &Self) -> Result<Vec<Row>, Text> {
        let (before, after) = (&self.document, &after.document);
        if before.scenario.name != after.scenario.name {
            let why = format!(
                "{} and {} are other scenarios: their figures say nothing of each other",
                before.scenario.name, after.scenario.name
            );
            return Err(Text::new(&why));
        }
        let sides = [before, after].map(|side| std::slice::from_ref(&**side));
        let mut rows = compare::rows(sides[0], sides[1], None);
        let weight = |row: &Row| match row.change {
            compare::Change::Worse => 0,
            compare::Change::Unknown => 1,
            compare::Change::Better => 2,
            compare::Change::Same => 3,
        };
        rows.sort_by(|one, other| {
            let size = |row: &Row| row.difference.abs();
            weight(one).cmp(&weight(other)).then(size(other).total_cmp(&size(one)))
        });
        Ok(rows)
    }
}

impl Verdict {
    /// Of the document of the bundle in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, document: &Document) -> Self {
        let whole = document.latency.iter().find(|part| {
            part.hop == "at_client"
                && part.since == Since::Due
                && !part.is_warm_up
                && part.sport.is_none()
                && part.class.is_none()
        });
        let p99 = whole.and_then(|part| part.micros.get("p99")).map(|micros| seconds(*micros));
        Self {
            folder,
            name: Text::new(&document.name),
            scenario: Text::new(&document.scenario.name),
            seed: document.scenario.seed,
            started_at: u64::try_from(document.started_at).unwrap_or_default(),
            exit: document.verdict.exit,
            summary: Text::new(&document.verdict.summary),
            per_second: document.drive.messages_per_second,
            p99_seconds: p99,
            gates: document.gates.iter().map(Gate::new).collect(),
            anomalies: document
                .anomalies
                .iter()
                .map(|part| Anomaly {
                    kind: part.kind,
                    checked: part.checked,
                    found: part.found,
                    examples: part.examples.iter().map(|one| Text::new(&one.to_string())).collect(),
                })
                .collect(),
        }
    }

    /// How many anomalies were found, all kinds together.
    #[must_use]
    pub fn anomalies_found(&self) -> u64 {
        self.anomalies.iter().map(|anomaly| anomaly.found).sum()
    }
}

impl Gate {
    fn new(gate: &GateResult) -> Self {
        Self {
            name: Text::new(&gate.name.replace('_', " ")),
            limit: gate.limit,
            found: gate.found,
            unit: Text::new(&gate.unit),
            state: gate.state,
        }
    }
}

/// What goes wrong, and with which event where it is one: `gap md:match:7`.
pub(crate) fn fault_words(kind: &str, event: Option<&str>) -> Text {
    let whose = event.map(|event| format!(" {event}")).unwrap_or_default();
    Text::new(&format!("{}{whose}", kind.replace('_', " ")))
}

fn happened(document: &Document) -> Vec<Happened> {
    let faults = document.faults.iter().map(|fault| Happened {
        what: fault_words(&fault.kind, fault.event_id.as_deref()),
        at: after_start(fault.at_micros),
        until: fault.ended_micros.map(after_start),
        is_outage: false,
        recovered_after: None,
    });
    let outages = document.outages.iter().map(|outage| Happened {
        what: Text::new(&outage.what),
        at: after_start(outage.at_micros),
        until: outage.ended_micros.map(after_start),
        is_outage: true,
        recovered_after: outage.recovered_after_micros.map(seconds),
    });
    let mut happened: Vec<Happened> = faults.chain(outages).collect();
    happened.sort_by(|one, other| one.at.total_cmp(&other.at));
    happened
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people")]
fn after_start(micros: i64) -> f64 {
    micros as f64 / 1e6
}
