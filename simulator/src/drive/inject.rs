//! Faults of single messages that are asked for while a drive goes: each happens to the next message that it fits.
//!
//! What happened is written down with what may come of it, as of a fault that was planned. Only events told in JSON or XML of
//! our own have such faults. One that holds back, moves or renumbers an event's messages has that event to itself, as it has
//! where it was planned.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EventId, Timestamp};
use serde::Serialize;

use crate::faults::{Factor, Fault, FaultPlan, HOLD_MS, Kind, of_another_sport};
use crate::format::Format;
use crate::schedule::{Channel, Schedule};

use heights::Heights;

pub(crate) use fate::Fate;
pub(crate) use revision::Revisions;
pub use wish::Wish;

mod fate;
mod heights;
mod revision;
mod wish;

/// The most faults that are asked for of one drive, and silences of single producers.
pub const ORDERS_MAX: usize = 1_000;

/// What is to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How.
    pub wish: Wish,
    /// With the next message of this event; where none is named, of any.
    pub event_id: Option<EventId>,
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderRefused {
    /// There were as many as can be.
    TooMany,
    /// Its event has a fault already of which nobody could tell what both of them come to.
    Taken,
}

/// A fault that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// What it was, once it has happened.
    #[serde(flatten)]
    pub fault: Option<Fault>,
    /// What it is to be, until then.
    #[serde(flatten)]
    pub awaited: Option<Awaited>,
    /// What was sent beside the schedule's messages, once it was answered: the HTTP status, or 0 where nobody answered. Of
    /// several the first that is none of the outcomes, else the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// Whether it has happened; it may wait for a message that it fits for as long as the drive goes.
    pub has_happened: bool,
    /// Of a gap: whether somebody has asked for all that was kept back, and has taken it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_recovered: bool,
}

/// A fault that waits for a message that it fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Awaited {
    /// Of which kind it is.
    pub kind: &'static str,
    /// To which event it is to happen, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
}

/// A handle; clones are of the same drive.
#[derive(Debug, Clone, Default)]
pub struct Inject(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    entries: Mutex<Vec<Entry>>,
    /// Messages that something is still to happen to: nearly always none, and then nobody waits for the entries.
    waiting: AtomicU64,
    revisions: Revisions,
    heights: Heights,
    /// Events that have a planned fault to themselves.
    planned: BTreeSet<EventId>,
    /// The window within which messages may come in any order.
    window: Duration,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            waiting: AtomicU64::new(0),
            revisions: Revisions::default(),
            heights: Heights::default(),
            planned: BTreeSet::new(),
            window: Duration::from_millis(HOLD_MS.into()),
        }
    }
}

/// Something that was asked for.
#[derive(Debug)]
enum Entry {
    /// To go wrong with messages.
    Asked(Asked),
    /// It happens by other means, and is only written down.
    Noted(Injected),
}

#[derive(Debug)]
struct Asked {
    order: Order,
    /// Messages that it is still to happen to.
    left: u32,
    /// Of those that it has kept back, those that somebody has asked for and taken.
    recovered: BTreeSet<u64>,
    injected: Injected,
}

impl Inject {
    /// Of a drive in which this goes wrong besides.
    #[must_use]
    pub fn beside(plan: &FaultPlan) -> Self {
        let of_event =
            |fault: &Fault| fault.kind.has_its_event_to_itself().then(|| fault.event_id.clone())?;
        let planned = plan.faults.iter().filter_map(of_event).collect();
        let window = Duration::from_millis(plan.hold_ms.into());
        Self(Arc::new(Inner { planned, window, ..Inner::default() }))
    }

    /// The window within which messages may come in any order.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.0.window
    }

    /// Asks for a fault.
    ///
    /// # Errors
    /// When there were too many, or the event that it names has one already.
    pub fn ask(&self, order: Order) -> Result<(), OrderRefused> {
        let mut entries = self.entries();
        has_room(&entries, 1)?;
        let is_taken = |event_id: &EventId| self.is_taken(&entries, event_id);
        if order.wish.has_its_event_to_itself() && order.event_id.as_ref().is_some_and(is_taken) {
            return Err(OrderRefused::Taken);
        }
        let left = order.wish.messages();
        let awaited = Some(Awaited { kind: order.wish.name(), event_id: order.event_id.clone() });
        let injected =
            Injected { fault: None, awaited, answer: None, has_happened: false, is_recovered: false };
        entries.push(Entry::Asked(Asked { order, left, recovered: BTreeSet::new(), injected }));
        self.0.waiting.fetch_add(left.into(), Ordering::Relaxed);
        Ok(())
    }

    /// Writes down what happens by other means, such as a provider that says nothing: all of it, or nothing.
    ///
    /// # Errors
    /// When there were too many; then it is not to happen.
    pub fn note(&self, faults: Vec<Fault>) -> Result<(), OrderRefused> {
        let mut entries = self.entries();
        has_room(&entries, faults.len())?;
        let noted = |fault| {
            Entry::Noted(Injected {
                fault: Some(fault),
                awaited: None,
                answer: None,
                has_happened: true,
                is_recovered: false,
            })
        };
        entries.extend(faults.into_iter().map(noted));
        Ok(())
    }

    /// All that was asked for, and what came of it.
    #[must_use]
    pub fn injected(&self) -> Vec<Injected> {
        self.entries().iter().map(|entry| entry.injected().clone()).collect()
    }

    /// How many answers are none of those that may come of it.
    #[must_use]
    pub fn unexpected(&self) -> u64 {
        self.entries().iter().filter(|entry| entry.injected().is_unexpected()).count() as u64
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an event has a fault to itself.
    fn is_taken(&self, entries: &[Entry], event_id: &EventId) -> bool {
        let is_of = |Asked { order, .. }: &Asked| {
            order.event_id.as_ref() == Some(event_id) && order.wish.has_its_event_to_itself()
        };
        self.0.planned.contains(event_id) || entries.iter().filter_map(Entry::asked).any(is_of)
    }

    /// Whether something is still to happen.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// What goes out otherwise than the schedule has it.
    pub(crate) fn revisions(&self) -> &Revisions {
        &self.0.revisions
    }

    /// The copy that goes out for an entry behind the message as it went out; `None` where there can be none.
    pub(super) fn copy(&self, number: usize, format: Format, message: &[u8]) -> Option<Vec<u8>> {
        let fault = self.entries()[number].injected().fault.clone();
        match fault.map(|fault| (fault.kind, fault.event_id)) {
            Some((Kind::Malformed { how }, _)) => how.copy(format, message),
            Some((Kind::WrongSport { sport }, _)) => of_another_sport(format, message, sport),
            _ => Some(message.to_vec()),
        }
    }

    /// A message that was sent beside the schedule's was answered with this status; 0: by nobody.
    pub(super) fn answered(&self, number: usize, status: u16) {
        let mut entries = self.entries();
        let Entry::Asked(Asked { injected, .. }) = &mut entries[number] else { return };
        if !injected.is_unexpected() {
            injected.answer = Some(status);
        }
    }

    /// A message of the schedule was sent once more, because somebody asked for it, and taken: where it was kept back, it no longer
    /// is.
    pub(crate) fn recovered(&self, line: usize) {
        for Asked { injected, recovered, .. } in self.entries().iter_mut().filter_map(Entry::asked_mut) {
            let Some(Fault { kind: Kind::Gap { .. }, messages, .. }) = &injected.fault else { continue };
            if messages.contains(&(line as u64)) {
                recovered.insert(line as u64);
            }
            injected.is_recovered = messages.iter().all(|message| recovered.contains(message));
        }
    }
}

impl Entry {
    fn injected(&self) -> &Injected {
        match self {
            Self::Asked(Asked { injected, .. }) | Self::Noted(injected) => injected,
        }
    }

    fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Asked(asked) => Some(asked),
            Self::Noted(_) => None,
        }
    }

    fn asked_mut(&mut self) -> Option<&mut Asked> {
        match self {
            Self::Asked(asked) => Some(asked),
            Self::Noted(_) => None,
        }
    }
}

/// Refuses so many more where there would be too many.
fn has_room(entries: &[Entry], more: usize) -> Result<(), OrderRefused> {
    if entries.len() + more > ORDERS_MAX { Err(OrderRefused::TooMany) } else { Ok(()) }
}

impl Injected {
    fn is_unexpected(&self) -> bool {
        let outcomes = self.fault.as_ref().map_or(&[][..], |fault| &fault.outcomes);
        let is_allowed = |answer: u16| outcomes.iter().any(|outcome| outcome.answers.contains(&answer));
        // Nobody's answer is none.
        self.answer.is_some_and(|answer| answer != 0 && !is_allowed(answer))
    }
}

/// The event and the format of a channel whose messages are counted.
fn counted(channel: &Channel) -> Option<(EventId, Format)> {
    let event_id = EventId::new(channel.event_id.as_deref()?).ok()?;
    matches!(channel.format, Format::Json | Format::Xml).then_some((event_id, channel.format))
}

/// The events of a schedule that such a fault may happen to.
#[must_use]
pub fn events(schedule: &Schedule) -> BTreeSet<EventId> {
    schedule.channels().iter().filter_map(|channel| Some(counted(channel)?.0)).collect()
}

/// What a fault has to know of a message that is due now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) line: usize,
    /// The time with which it goes out.
    pub(super) generated_at: Timestamp,
    /// How many times as fast as it was written the schedule is gone through; `None` at top speed.
    pub(super) speed: Option<Factor>,
}

#[cfg(test)]
mod tests;
