//! Tapes: what is sent in a run, message by message, with what goes wrong in it, where all of it can still be cut. A tape is written as
//! recordings, and played from them.

use std::collections::BTreeSet;

use domain::{Content, EventId, FeedMessage, Name};

use crate::faults::{FaultPlan, Kind};
use crate::format::Format;
use crate::run_ledger::{RunLedger, Untold};
use crate::scenario::Scene;
use crate::schedule::{Schedule, ScheduleBuilder, ScheduleError, Sending, renamed};
use crate::strand::signed;

pub use cut::Said;
pub use files::{Reel, save};

mod cut;
mod files;
#[cfg(test)]
mod tests;

/// Messages in the order in which they are due, and what goes wrong in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    lines: Vec<Line>,
    /// The plan; which lines a fault concerns the lines say.
    faults: FaultPlan,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    provider: Name,
    /// Its producer, where it can be read.
    producer: Option<Name>,
    format: Format,
    /// When it is due, in nanoseconds after the start.
    offset_ns: u64,
    /// When it says that it was made; the same, but for faults.
    made_ns: i64,
    /// The event whose order it keeps.
    event_id: Option<EventId>,
    /// Whether it is sent byte for byte: it may be no message at all.
    is_fixed: bool,
    bytes: Vec<u8>,
    /// The faults that it is sent for, or otherwise than it would have been.
    faults: Vec<u32>,
}

/// Why a tape cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// Messages that do not fit into a schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Of what is told nothing follows that could be held against anything.
    #[error(transparent)]
    Untold(#[from] Untold),
}

impl Line {
    fn message(&self) -> Option<FeedMessage> {
        (!self.is_fixed).then(|| self.format.decode(&self.bytes, &self.provider)).flatten()
    }

    /// Its message, where that is about an event.
    fn said(&self) -> Option<FeedMessage> {
        self.message().filter(|message| matches!(message.content, Content::Event(_)))
    }

    fn is_marked(&self, number: usize) -> bool {
        self.faults.iter().any(|fault| *fault as usize == number)
    }
}

impl Tape {
    /// A schedule, and what goes wrong in it.
    #[must_use]
    pub fn of(schedule: &Schedule, faults: &FaultPlan) -> Self {
        let mut marks: Vec<Vec<u32>> = vec![Vec::new(); schedule.len()];
        for (number, fault) in (0..).zip(&faults.faults) {
            for line in &fault.messages {
                let marked = usize::try_from(*line).ok().and_then(|line| marks.get_mut(line));
                marked.into_iter().for_each(|marked| marked.push(number));
            }
        }
        let speed = faults.speed;
        let lines = marks.into_iter().enumerate().map(|(index, faults)| {
            let channel = &schedule.channels()[schedule.channel(index)];
            let (offset_ns, late_micros) = (schedule.offset_ns(index), schedule.late_micros(index));
            let mut line = Line {
                provider: channel.provider.clone(),
                producer: None,
                format: channel.format,
                offset_ns,
                made_ns: signed(offset_ns)
                    - speed.scheduled_signed_ns(late_micros.unwrap_or_default().saturating_mul(1_000)),
                event_id: channel.event_id.as_deref().and_then(|id| EventId::new(id).ok()),
                is_fixed: late_micros.is_none(),
                bytes: schedule.message(index).to_vec(),
                faults,
            };
            line.producer = line.message().map(|message| message.source.producer);
            line
        });
        let mut tape = Self { lines: lines.collect(), faults: unplaced(faults) };
        tape.order();
        tape
    }

    /// It as a schedule, with the ledger that follows from its messages alone. What went wrong and concerns none of them any more is
    /// not in its plan.
    ///
    /// # Errors
    /// When something is told of an event, and not who plays whom, or not how it stands.
    pub fn scene(&self, description: &str) -> Result<Scene, TapeError> {
        let mut builder = ScheduleBuilder::default();
        let mut faults = self.faults.clone();
        for (place, line) in (0..).zip(&self.lines) {
            let sending = Sending {
                offset_ns: line.offset_ns,
                late_ns: self.late_ns(line),
                event_id: line.event_id.as_ref().map(EventId::as_str),
                is_fixed: line.is_fixed,
            };
            builder.push_as(&line.provider, line.format, &sending, &line.bytes)?;
            for number in &line.faults {
                faults.faults[*number as usize].messages.push(place);
            }
        }
        let mut numbers = 0..;
        faults.faults.retain(|_| numbers.next().is_some_and(|number| self.concerns(number)));
        let schedule = builder.build();
        faults.admit(&schedule);
        let ledger = RunLedger::told(&schedule, faults, description.to_owned())?;
        Ok(Scene { schedule, ledger })
    }

    /// The same about other events: ids end in `suffix`.
    ///
    /// # Errors
    /// When an id would be too long.
    pub fn afresh(&self, suffix: &str) -> Result<Self, ScheduleError> {
        let mut tape = self.clone();
        let other = |id: &EventId| {
            let text = format!("{id}{suffix}");
            EventId::new(text).map_err(|_| ScheduleError::IdTooLong(id.to_string()))
        };
        let ids: Vec<String> = self.events().iter().map(ToString::to_string).collect();
        let events = ids.iter().map(String::as_str).collect();
        for line in &mut tape.lines {
            match renamed(line.format, &line.bytes, suffix, &events) {
                Ok(bytes) => line.bytes = bytes,
                // What must be refused may have any id.
                Err(_) if line.is_fixed => {}
                Err(error) => return Err(error),
            }
            line.event_id = line.event_id.as_ref().map(other).transpose()?;
        }
        for fault in &mut tape.faults.faults {
            fault.event_id = fault.event_id.as_ref().map(other).transpose()?;
        }
        Ok(tape)
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The events whose messages these are.
    #[must_use]
    pub fn events(&self) -> BTreeSet<&EventId> {
        self.lines.iter().filter_map(|line| line.event_id.as_ref()).collect()
    }

    /// How many faults concern any of its messages.
    #[must_use]
    pub fn faults(&self) -> usize {
        (0..self.faults.faults.len()).filter(|number| self.concerns(*number)).count()
    }

    /// When the last message is due, in nanoseconds after the start.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.offset_ns)
    }

    /// When nobody is silent any more, in nanoseconds after the start.
    #[must_use]
    pub fn quiet_until_ns(&self) -> u64 {
        let silences = self.faults.faults.iter().enumerate().filter_map(|(number, fault)| match fault.kind {
            Kind::Silence { for_ns, .. } if self.concerns(number) => {
                Some(self.faults.during_ns(fault.at_ns, for_ns).end)
            }
            _ => None,
        });
        silences.max().unwrap_or_default()
    }

    /// When nothing more is due, and nobody is silent any more, in nanoseconds after the start.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.last_ns().max(self.quiet_until_ns())
    }

    /// How long before it is due a message says that it was made, by the clock of whoever receives it.
    fn late_ns(&self, line: &Line) -> i64 {
        self.faults.speed.real_signed_ns(signed(line.offset_ns) - line.made_ns)
    }

    /// Whether a fault concerns anything that is still there.
    fn concerns(&self, number: usize) -> bool {
        let fault = &self.faults.faults[number];
        match &fault.kind {
            Kind::Silence { provider, producer, .. } => self.is_heard(provider, producer),
            Kind::Gap { .. } => fault.event_id.as_ref().is_some_and(|id| self.events().contains(id)),
            _ => self.lines.iter().any(|line| line.is_marked(number)),
        }
    }

    fn is_heard(&self, provider: &Name, producer: &Name) -> bool {
        self.lines
            .iter()
            .any(|line| line.provider == *provider && line.producer.as_ref().is_none_or(|it| it == producer))
    }

    /// In the order in which they are due, of what is due at once one feed before the other: as it can be read again from a recording
    /// of each feed.
    fn order(&mut self) {
        let feeds: BTreeSet<(Name, Format)> =
            self.lines.iter().map(|line| (line.provider.clone(), line.format)).collect();
        let feeds: Vec<_> = feeds.into_iter().collect();
        let place = |line: &Line| {
            feeds.iter().position(|(provider, format)| line.provider == *provider && line.format == *format)
        };
        self.lines.sort_by_cached_key(|line| (line.offset_ns, place(line)));
    }
}

/// The plan without the places of messages, which are others once there are other messages.
fn unplaced(faults: &FaultPlan) -> FaultPlan {
    let mut faults = faults.clone();
    faults.faults.iter_mut().for_each(|fault| fault.messages.clear());
    faults
}
