//! What goes wrong on purpose in what is played now, be it planned or asked for, by its time.

use std::time::Duration;

use super::{Model, Touch};
use crate::bundle::{Phase, Verifying, fault_words};
use crate::simulator::Run;
use crate::source::{Part, Samples};
use crate::text::Text;

/// Something that goes wrong on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Mischief {
    /// When, in seconds after the start; none where it waits for a message that it fits.
    pub at: Option<f64>,
    /// What.
    pub what: Text,
    /// Whether it has happened.
    pub is_past: bool,
    /// Whether it was asked for; else it was planned.
    pub is_asked_for: bool,
}

impl Model {
    /// What is being verified on this stack, unless that has not said for a while how far it is.
    #[must_use]
    pub fn verifying(&self) -> Option<&Verifying> {
        self.runs.verifying.as_ref().filter(|run| self.is_here(run))
    }

    /// What is being verified on another stack, which is no concern of this one.
    #[must_use]
    pub fn verifying_elsewhere(&self) -> Option<&Verifying> {
        self.runs.verifying.as_ref().filter(|run| !self.is_here(run))
    }

    /// Whether a run is one of this stack.
    fn is_here(&self, run: &Verifying) -> bool {
        if self.parts.is_empty() {
            // No stack is looked at, with which it could be mixed up.
            return true;
        }
        let Some(stack) = &run.stack else {
            // It is being started, or has no record. Where the simulator of this stack plays something it is another one.
            let is_played =
                self.control.is_in_a_run() && self.control.contact.touch(self.now) == Touch::Fresh;
            return run.phase != Phase::Starting && !is_played;
        };
        self.record.as_ref() == Some(stack)
    }

    /// What a simulator plays that takes no orders.
    #[must_use]
    pub fn plays_by_itself(&self) -> Option<Text> {
        self.parts.get(&Part::Simulator)?.samples(self.now).find_map(plays)
    }

    /// Whether the simulator that was heard last takes no orders, and so is gone once what it plays is over.
    #[must_use]
    pub fn takes_no_orders(&self) -> bool {
        let simulator = self.parts.get(&Part::Simulator);
        let mut processes = simulator.into_iter().flat_map(|simulator| &simulator.processes);
        processes.any(|process| plays(&process.samples).is_some())
    }

    /// The simulator's run, where it is none of a verification, which drives the feed itself.
    #[must_use]
    pub fn playing(&self) -> Option<&Run> {
        self.control.run.as_ref().filter(|_| self.verifying().is_none())
    }

    /// What goes wrong on purpose, by its time; what waits for its message comes last. Nothing where nobody tells of it.
    #[must_use]
    pub fn faults(&self) -> Option<Vec<Mischief>> {
        if let Some(verifying) = self.verifying() {
            let is_over = matches!(verifying.phase, Phase::Settling | Phase::Judging);
            let happens = verifying.happens.iter().map(|happened| Mischief {
                at: Some(happened.at),
                what: happened.what.clone(),
                is_past: is_over || happened.at <= verifying.elapsed && verifying.phase == Phase::Sending,
                is_asked_for: false,
            });
            return Some(happens.collect());
        }
        let Some(run) = &self.control.run else {
            // Where nothing is played nothing goes wrong in it.
            let is_heard = self.control.contact.touch(self.now) == Touch::Fresh;
            return is_heard.then(Vec::new);
        };
        let told = self.control.faults.as_ref()?;
        // Plans are of the speed at which the messages were made.
        let elapsed = run.elapsed_seconds * run.speed.unwrap_or(1.0);
        let what = |kind: &Text, event: Option<&Text>| fault_words(kind.as_str(), event.map(Text::as_str));
        let planned = told.faults.iter().map(|fault| {
            let at = Duration::from_nanos(fault.at_ns).as_secs_f64();
            Mischief {
                at: Some(at),
                what: what(&fault.kind, fault.event_id.as_ref()),
                is_past: run.state.is_over() || at <= elapsed,
                is_asked_for: false,
            }
        });
        let asked = told.injected.iter().map(|injected| {
            let kind = injected.kind.as_ref().map(|kind| what(kind, injected.event_id.as_ref()));
            let answer = injected.answer.map(|answer| format!(" answered {answer}")).unwrap_or_default();
            Mischief {
                at: injected.at_ns.map(|at| Duration::from_nanos(at).as_secs_f64()),
                what: Text::new(&kind.map_or_else(
                    || "waits for a message that it fits".to_owned(),
                    |kind| format!("{kind}{answer}"),
                )),
                is_past: injected.has_happened,
                is_asked_for: true,
            }
        });
        let mut all: Vec<Mischief> = planned.chain(asked).collect();
        let time = |one: &Mischief| one.at.unwrap_or(f64::INFINITY);
        all.sort_by(|one, other| time(one).total_cmp(&time(other)));
        Some(all)
    }
}

/// What the simulator plays that has these numbers, where it takes no orders.
fn plays(samples: &Samples) -> Option<Text> {
    let (program, _) = samples.by("matchday_simulator_plays", "program").next()?;
    Some(Text::new(program))
}
