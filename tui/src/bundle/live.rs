//! A run of `matchday verify` that goes on: how far it has come, and what its gates have come to.

use harness::live::Standing;

use super::{Gate, Happened, after_start, fault_words};
use crate::text::Text;

pub use harness::live::Phase;

/// A run that is being verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Verifying {
    /// Its name.
    pub name: Text,
    /// The name of the record of the stack that is verified, where that is told.
    pub stack: Option<Text>,
    /// What is played.
    pub scenario: Text,
    /// The seed from which all of it follows.
    pub seed: u64,
    /// What is being done.
    pub phase: Phase,
    /// How long messages have been sent, in seconds.
    pub elapsed: f64,
    /// How long that takes.
    pub seconds: f64,
    /// Messages of the scenario.
    pub messages: u64,
    /// Accepted so far.
    pub accepted: u64,
    /// Refused for good so far.
    pub refused: u64,
    /// Sent again so far, counted each time.
    pub sent_again: u64,
    /// What stands in the way.
    pub obstacle: Option<Text>,
    /// Frames so far that did not go on where the one before had ended.
    pub breaks: u64,
    /// How often so far a client had been shown what the database did not have.
    pub ahead: u64,
    /// Messages so far that were answered otherwise than they may be.
    pub unexpected: u64,
    /// What every gate has come to.
    pub gates: Vec<Gate>,
    /// What goes wrong in it on purpose, by its time.
    pub happens: Vec<Happened>,
}

impl Verifying {
    /// Of its file.
    #[must_use]
    pub fn new(standing: &Standing) -> Self {
        let faults = standing.faults.iter().map(|fault| {
            let what = fault_words(&fault.kind, fault.event_id.as_deref());
            happening(what, fault.at_micros, fault.ended_micros, false)
        });
        let outages = standing
            .outages
            .iter()
            .map(|outage| happening(Text::new(&outage.what), outage.at_micros, outage.ended_micros, true));
        let mut happens: Vec<Happened> = faults.chain(outages).collect();
        happens.sort_by(|one, other| one.at.total_cmp(&other.at));
        Self {
            name: Text::new(&standing.name),
            stack: standing.stack.as_deref().map(Text::new),
            scenario: Text::new(&standing.scenario),
            seed: standing.seed,
            phase: standing.phase,
            elapsed: super::seconds(standing.elapsed_micros),
            seconds: standing.seconds,
            messages: standing.messages,
            accepted: standing.accepted,
            refused: standing.refused,
            sent_again: standing.sent_again,
            obstacle: standing.obstacle.as_deref().map(Text::new),
            breaks: standing.breaks,
            ahead: standing.ahead,
            unexpected: standing.unexpected,
            gates: standing.gates.iter().map(Gate::new).collect(),
            happens,
        }
    }

    /// What is being done, in a word.
    #[must_use]
    pub fn phase_word(&self) -> &'static str {
        match self.phase {
            Phase::Starting => "starting the stack",
            Phase::Sending => "sending",
            Phase::Settling => "waiting until all has arrived",
            Phase::Judging => "comparing every place",
        }
    }
}

fn happening(what: Text, at: i64, until: Option<i64>, is_outage: bool) -> Happened {
    Happened { what, at: after_start(at), until: until.map(after_start), is_outage, recovered_after: None }
}
