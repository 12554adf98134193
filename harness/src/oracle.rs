//! The oracle: what must be true of an event at each of its versions, as whoever sent its messages decided.
//!
//! It knows the messages that were sent, the faults that were planned and what may come of each, and an account of what every
//! event's messages say (`simulator::ledger::Account`). It shares nothing with the processors, least of all `EventState::apply`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Body, Content, FeedMessage, MessageId, Name, Position};
use simulator::Schedule;
use simulator::faults::{Effect, FaultPlan, Kind as Fault, Outcome};
use simulator::ledger::before_a_hole;
use simulator::run_ledger::RunLedger;

pub use entry::Entry;
pub use heard::{Heard, Timed};
pub use silences::judge_silences;
pub use trace::{Trace, VersionTrace, hash, hash_value};
pub use walk::walk;

mod entry;
mod gap;
mod heard;
mod letters;
mod silences;
mod trace;
mod values;
mod walk;

pub use letters::{Letter, judge_letters, our_letters};

/// What is known of everything that is sent.
#[derive(Debug, Clone)]
pub struct Oracle {
    events: BTreeMap<String, Told>,
    /// The line of the schedule of every message, by its id: of copies the first.
    lines: HashMap<String, u32>,
    /// Producers that fall silent, as planned.
    silent: BTreeSet<(String, String)>,
    /// The messages that must be refused, by the line of the schedule.
    refused: BTreeSet<u32>,
}

/// What is told of one event.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its sport's name.
    pub sport: String,
    /// Who tells it.
    pub source: (String, String),
    /// Whether its messages are counted; else they are ordered by their times, and values are judged at the end.
    pub is_counted: bool,
    /// Its messages in the order of their positions, each once, up to the first that is never sent.
    pub lines: Vec<u32>,
    /// Messages behind one that is never sent.
    pub beyond: Vec<u32>,
    /// Those that begin an epoch, and so wait for none before them.
    pub begins: BTreeSet<u32>,
    /// Whether a gap may be declared.
    may_have_gap: bool,
    /// Whether one must be.
    pub must_have_gap: bool,
}

impl Oracle {
    /// Of messages of which nothing goes wrong.
    #[must_use]
    pub fn of(schedule: &Schedule) -> Self {
        Self::with(schedule, &FaultPlan::none(0))
    }

    /// Of a scenario's messages.
    #[must_use]
    pub fn of_scenario(schedule: &Schedule, ledger: &RunLedger) -> Self {
        Self::with(schedule, &ledger.faults)
    }

    fn with(schedule: &Schedule, faults: &FaultPlan) -> Self {
        let refused: BTreeSet<u32> = faults
            .faults
            .iter()
            .filter(|fault| matches!(fault.kind, Fault::Malformed { .. } | Fault::WrongSport { .. }))
            .flat_map(|fault| &fault.messages)
            .filter_map(|line| u32::try_from(*line).ok())
            .collect();
        let mut oracle =
            Self { events: BTreeMap::new(), lines: HashMap::new(), silent: BTreeSet::new(), refused };
        let mut placed: BTreeMap<String, Vec<(Option<Position>, u32)>> = BTreeMap::new();
        for line in 0..u32::try_from(schedule.len()).unwrap_or(u32::MAX) {
            if oracle.refused.contains(&line) {
                continue;
            }
            let Some(message) = message(schedule, line) else { continue };
            let Content::Event(event) = &message.content else { continue };
            let id = message.message_id.to_string();
            if let std::collections::hash_map::Entry::Vacant(free) = oracle.lines.entry(id) {
                free.insert(line);
                placed.entry(event.event_id.to_string()).or_default().push((event.position, line));
                let source = (message.source.provider.to_string(), message.source.producer.to_string());
                let told = oracle.events.entry(event.event_id.to_string()).or_insert_with(|| Told {
                    sport: event.sport.to_string(),
                    source: source.clone(),
                    is_counted: event.position.is_some(),
                    lines: Vec::new(),
                    beyond: Vec::new(),
                    begins: BTreeSet::new(),
                    may_have_gap: false,
                    must_have_gap: false,
                });
                // Fixtures of a Unified Odds Feed are its API's: who offers odds is who may go down.
                if !told.is_counted && !matches!(event.body, Body::Fixture(_)) {
                    told.source = source;
                }
            }
        }
        for (event_id, told) in &mut oracle.events {
            let mut lines = placed.remove(event_id).unwrap_or_default();
            lines.sort_by_key(|(position, line)| (*position, *line));
            let whole = if told.is_counted {
                before_a_hole(lines.iter().map(|(position, _)| *position))
            } else {
                lines.len()
            };
            let begins = lines.iter().filter(|(position, _)| position.is_some_and(|at| at.sequence == 1));
            told.begins = begins.map(|(_, line)| *line).collect();
            let numbers: Vec<u32> = lines.into_iter().map(|(_, line)| line).collect();
            told.beyond = numbers[whole..].to_vec();
            told.lines = numbers[..whole].to_vec();
        }
        oracle.note(faults);
        oracle
    }

    /// What the plan says may come of what goes wrong.
    fn note(&mut self, faults: &FaultPlan) {
        let declares = |outcome: &Outcome| outcome.effects.contains(&Effect::GapDeclared);
        for fault in &faults.faults {
            if let Fault::Silence { provider, producer, .. } = &fault.kind {
                self.silent.insert((provider.to_string(), producer.to_string()));
            }
            let event = fault.event_id.as_ref().and_then(|id| self.events.get_mut(id.as_str()));
            if let Some(told) = event {
                told.may_have_gap |= fault.outcomes.iter().any(declares);
                told.must_have_gap |= !fault.outcomes.is_empty() && fault.outcomes.iter().all(declares);
            }
        }
    }

    /// What is told of each event, by its id.
    #[must_use]
    pub fn events(&self) -> &BTreeMap<String, Told> {
        &self.events
    }

    /// Whether the messages of every event are counted, so that none of them can be outdated when it comes.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.events.values().all(|told| told.is_counted)
    }

    /// Every message that is sent, once each: its id, and its line of the schedule.
    pub fn messages(&self) -> impl Iterator<Item = (&str, u32)> {
        self.lines.iter().map(|(id, line)| (id.as_str(), *line))
    }

    /// The line of the schedule of a message.
    #[must_use]
    pub fn line(&self, message_id: &str) -> Option<u32> {
        self.lines.get(message_id).copied()
    }

    /// The lines of the messages that must be refused.
    #[must_use]
    pub fn refused(&self) -> &BTreeSet<u32> {
        &self.refused
    }
}

/// The message of a line, where it is one.
fn message(schedule: &Schedule, line: u32) -> Option<FeedMessage> {
    let channel = &schedule.channels()[schedule.channel(line as usize)];
    channel.format.decode(schedule.message(line as usize), &channel.provider)
}

/// What the message of a line says of its event.
fn said(schedule: &Schedule, line: u32) -> Option<(MessageId, Name, Body)> {
    let message = message(schedule, line)?;
    match message.content {
        Content::Event(event) => Some((message.message_id, message.source.producer, event.body)),
        Content::Producer(_) => None,
    }
}

#[cfg(test)]
mod tests;
