//! Faults of single messages that are asked for while a drive goes: each happens to the next message that it fits.
//!
//! What happened is written down with what may come of it, as of a fault that was planned. A copy goes out in the request
//! of its original, behind it, and counts for nothing else. Only events told in JSON or XML of our own have such faults.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EventId, Sport};
use serde::Serialize;

use crate::faults::{Effect, Fault, Kind, Malformed, Outcome, of_another_sport};
use crate::format::Format;
use crate::schedule::{Channel, Schedule};

/// The most faults that are asked for of one drive.
pub const ORDERS_MAX: usize = 1_000;

/// What is to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How.
    pub wish: Wish,
    /// With the next message of this event; where none is named, of any.
    pub event_id: Option<EventId>,
}

/// How the next message goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is sent twice.
    Duplicate,
    /// A copy of it is none any more.
    Malformed(Malformed),
    /// A copy of it names another sport.
    WrongSport,
    /// It and what follows it of its event are held up for so long, and then come in order.
    Late(Duration),
    /// It and those of its event that follow it are never sent, so many in all.
    Gap(u32),
}

/// A fault that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// What it was, once it has happened.
    #[serde(flatten)]
    pub fault: Option<Fault>,
    /// Of a copy, once it was answered: the HTTP status, or 0 where nobody answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// Whether it has happened; it may wait for a message that it fits for as long as the drive goes.
    pub has_happened: bool,
}

/// A handle; clones are of the same drive.
#[derive(Debug, Clone, Default)]
pub struct Inject(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: Mutex<Vec<Entry>>,
    /// Messages that something is still to happen to: nearly always none, and then nobody waits for the entries.
    waiting: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    order: Order,
    /// Messages that are still to be kept back.
    left: u32,
    injected: Injected,
}

/// What becomes of a message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes out, and these copies of it: each for the entry of this number.
    Goes(Vec<usize>),
    /// It never goes out.
    Dropped,
    /// It is held up, and all of its event behind it.
    Held(Duration),
}

impl Inject {
    /// Asks for a fault; `false` where that were too many.
    #[must_use]
    pub fn ask(&self, order: Order) -> bool {
        let mut entries = self.entries();
        let has_room = entries.len() < ORDERS_MAX;
        if has_room {
            let left = if let Wish::Gap(count) = order.wish { count } else { 1 };
            let injected = Injected { fault: None, answer: None, has_happened: false };
            entries.push(Entry { order, left, injected });
            self.0.waiting.fetch_add(left.into(), Ordering::Relaxed);
        }
        has_room
    }

    /// All that was asked for, and what came of it.
    #[must_use]
    pub fn injected(&self) -> Vec<Injected> {
        self.entries().iter().map(|entry| entry.injected.clone()).collect()
    }

    /// How many answers are none of those that may come of it.
    #[must_use]
    pub fn unexpected(&self) -> u64 {
        let is_wrong = |injected: &&Injected| {
            let outcomes = injected.fault.as_ref().map_or(&[][..], |fault| &fault.outcomes);
            injected
                .answer
                .is_some_and(|answer| !outcomes.iter().any(|outcome| outcome.answers.contains(&answer)))
        };
        self.injected().iter().filter(is_wrong).count() as u64
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something is still to happen.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// Decides what becomes of a message of the schedule that is due now.
    pub(super) fn fate(&self, schedule: &Schedule, line: usize) -> Fate {
        let mut entries = self.entries();
        let mut copies = Vec::new();
        for (number, entry) in entries.iter_mut().enumerate().filter(|(_, entry)| entry.left > 0) {
            let channel = &schedule.channels()[schedule.channel(line)];
            let Some((event_id, format)) = counted(channel) else { continue };
            if entry.order.event_id.as_ref().is_some_and(|wanted| *wanted != event_id) {
                continue;
            }
            let message = format.decode(schedule.message(line), &channel.provider);
            let sequence = message.as_ref().and_then(|message| Some(message.position()?.sequence));
            let sport = message.as_ref().and_then(|message| match &message.content {
                domain::Content::Event(event) => Some(event.sport),
                domain::Content::Producer(_) => None,
            });
            // What cannot be read has gone wrong already.
            let (Some(sequence), Some(sport)) = (sequence, sport) else { continue };
            // More than one message is missing of one event only.
            entry.order.event_id.get_or_insert(event_id.clone());
            entry.left -= 1;
            self.0.waiting.fetch_sub(1, Ordering::Relaxed);
            let fault = entry.injected.fault.get_or_insert_with(|| Fault {
                kind: kind(entry.order.wish, sport),
                event_id: Some(event_id),
                sequence: Some(sequence),
                at_ns: schedule.offset_ns(line),
                messages: Vec::new(),
                outcomes: outcomes(entry.order.wish),
            });
            fault.messages.push(line as u64);
            entry.injected.has_happened = true;
            match entry.order.wish {
                Wish::Gap(_) => return Fate::Dropped,
                Wish::Late(length) => return Fate::Held(length),
                Wish::Duplicate | Wish::Malformed(_) | Wish::WrongSport => copies.push(number),
            }
        }
        Fate::Goes(copies)
    }

    /// The copy that goes out for an entry behind the message as it went out.
    pub(super) fn copy(&self, number: usize, format: Format, message: &[u8]) -> Vec<u8> {
        let kind = self.entries()[number].injected.fault.as_ref().map(|fault| fault.kind.clone());
        match kind {
            Some(Kind::Malformed { how }) => how.copy(format, message),
            Some(Kind::WrongSport { sport }) => of_another_sport(format, message, sport),
            _ => message.to_vec(),
        }
    }

    /// A copy was answered with this status; 0: by nobody.
    pub(super) fn answered(&self, number: usize, status: u16) {
        self.entries()[number].injected.answer = Some(status);
    }
}

/// The event and the format of a channel whose messages are counted.
fn counted(channel: &Channel) -> Option<(EventId, Format)> {
    let event_id = EventId::new(channel.event_id.as_deref()?).ok()?;
    matches!(channel.format, Format::Json | Format::Xml).then_some((event_id, channel.format))
}

/// The events of a schedule that such a fault may happen to.
#[must_use]
pub fn events(schedule: &Schedule) -> std::collections::BTreeSet<EventId> {
    schedule.channels().iter().filter_map(|channel| Some(counted(channel)?.0)).collect()
}

fn kind(wish: Wish, sport: Sport) -> Kind {
    let nanos = |length: Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    match wish {
        Wish::Duplicate => Kind::Duplicate { after_ns: 0 },
        Wish::Malformed(how) => Kind::Malformed { how },
        Wish::WrongSport => {
            let other = if sport == Sport::Football { Sport::Hockey } else { Sport::Football };
            Kind::WrongSport { sport: other }
        }
        Wish::Late(length) => Kind::Late { by_ns: nanos(length) },
        Wish::Gap(count) => Kind::Gap { count },
    }
}

/// What may come of it. Of a gap, whoever asks to recover the event is sent what was kept back.
fn outcomes(wish: Wish) -> Vec<Outcome> {
    let mut outcomes = kind(wish, Sport::Football).outcomes();
    if let Wish::Gap(_) = wish {
        outcomes.push(Outcome { answers: Vec::new(), effects: vec![Effect::GapDeclared] });
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use domain::Name;

    use super::*;
    use crate::ScheduleBuilder;

    /// Messages of two events in turn, and some that are not counted.
    fn schedule() -> Schedule {
        let mut builder = ScheduleBuilder::default();
        let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim();
        let md = Name::new("md").unwrap();
        for index in 0..8_u64 {
            let id = format!("md:match:{}", 1 + index % 2);
            let message = golden
                .replace("md:match:1001", &id)
                .replace("\"sequence\":60", &format!("\"sequence\":{}", index / 2 + 1));
            builder.push(&md, Format::Json, index, message.as_bytes()).unwrap();
        }
        builder.push(&md, Format::Json, 9, b"not json").unwrap();
        builder.build()
    }

    fn fates(inject: &Inject) -> Vec<Fate> {
        let schedule = schedule();
        (0..schedule.len()).map(|line| inject.fate(&schedule, line)).collect()
    }

    #[test]
    fn a_fault_happens_to_the_next_message_that_it_fits() {
        let inject = Inject::default();
        let of = |number: u32| Some(EventId::new(format!("md:match:{number}")).unwrap());
        for (wish, event_id) in [
            (Wish::Gap(2), of(2)),
            (Wish::Duplicate, None),
            (Wish::WrongSport, of(1)),
            (Wish::Duplicate, of(3)),
        ] {
            assert!(inject.ask(Order { wish, event_id }));
        }
        let goes = || Fate::Goes(Vec::new());
        let expected = [Fate::Goes(vec![1, 2]), Fate::Dropped, goes(), Fate::Dropped];
        assert_eq!(fates(&inject)[..4], expected);
        let injected = inject.injected();
        let gap = injected[0].fault.as_ref().unwrap();
        assert_eq!((&gap.messages[..], gap.sequence, gap.at_ns), (&[1, 3][..], Some(1), 1));
        assert_eq!(gap.outcomes.len(), 2, "it stands still, or somebody recovers it");
        let other = injected[2].fault.as_ref().unwrap();
        assert_eq!(other.kind, Kind::WrongSport { sport: Sport::Football }, "the messages are of hockey");
        assert!(!injected[3].has_happened, "nothing is said of that event");
        inject.answered(1, 202);
        assert_eq!(inject.unexpected(), 0);
        inject.answered(2, 500);
        assert_eq!(inject.unexpected(), 1);
    }

    #[test]
    fn there_is_an_end_to_what_can_be_asked_for() {
        let inject = Inject::default();
        let order = Order { wish: Wish::Duplicate, event_id: None };
        assert!((0..ORDERS_MAX).all(|_| inject.ask(order.clone())));
        assert!(!inject.ask(order));
    }
}
