//! What becomes of a message that is due, where something was asked for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{Content, EventId, EventMessage};

use super::revision::Added;
use super::{Asked, Due, Entry, Inject, Order, Wish, counted};
use crate::faults::{Fault, Kind};
use crate::format::Format;

/// What becomes of a message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes out, and with it what else was asked for.
    Goes {
        /// Copies of it in the same request: each for the order of this number.
        copies: Vec<usize>,
        /// What goes out before it, and what behind it, each for the order of this number.
        before: Vec<(usize, Vec<u8>)>,
        behind: Vec<(usize, Vec<u8>)>,
    },
    /// It never goes out.
    Dropped,
    /// It is held up for so long; all of its event behind it, too, or it alone.
    Held { length: Duration, with_followers: bool },
    /// It goes out once so many of its event have that come after it.
    Overtaken(u32),
}

impl Fate {
    /// As if nothing had been asked for.
    fn plain() -> Self {
        Self::Goes { copies: Vec::new(), before: Vec::new(), behind: Vec::new() }
    }
}

impl Inject {
    /// Decides what becomes of a message of the schedule that is due now.
    pub(in crate::drive) fn fate(&self, due: Due) -> Fate {
        if !self.is_waiting() {
            return Fate::plain();
        }
        let Due { schedule, line, .. } = due;
        let Some((event_id, format)) = counted(&schedule.channels()[schedule.channel(line)]) else {
            return Fate::plain();
        };
        let Some(read) = schedule.read(line) else { return Fate::plain() };
        // What cannot be read has gone wrong already.
        let Content::Event(said) = &read.content else { return Fate::plain() };
        let Some(position) = said.position else { return Fate::plain() };
        let is_meant = |entry: &Entry| entry.asked().is_some_and(|asked| asked.is_meant(&event_id, said));
        if !self.entries().iter().any(is_meant) {
            return Fate::plain();
        }
        // What does not go on from all that was said of the event before it is a copy of some of that, and waited past. To know it
        // takes a while, in which nobody waits for the entries.
        if self.0.heights.before(schedule, line) >= said.position {
            return Fate::plain();
        }
        let mut entries = self.entries();
        // What is held back or lost has no copies: those wait for another message.
        let moved_by = self.moved_by(&entries, due, said, &event_id);
        if let Some(number) = moved_by
            && let Some(asked) = entries[number].asked_mut()
        {
            let wish = asked.order.wish;
            self.happens(asked, due, wish.kind(said.sport), &event_id, position.sequence);
            match wish {
                Wish::Gap(_) => return Fate::Dropped,
                Wish::Late(length) => return Fate::Held { length, with_followers: true },
                Wish::ReorderBeyond(length) | Wish::GapFilled(_, length) => {
                    return Fate::Held { length, with_followers: false };
                }
                Wish::Reorder(count) => return Fate::Overtaken(count),
                Wish::ClockSkew(_, seconds) => self.revisions().skew(due, seconds),
                _ => {}
            }
            let (mut before, mut behind) = (Vec::new(), Vec::new());
            match self.revisions().renumber(wish, due, &read) {
                Some(Added { kind, messages, is_before }) => {
                    if let Some(fault) = &mut asked.injected.fault {
                        fault.kind = kind;
                    }
                    let added = if is_before { &mut before } else { &mut behind };
                    added.extend(messages.iter().map(|message| (number, encoded(format, message))));
                }
                None if matches!(wish, Wish::Restart | Wish::SettlementRollback) => return Fate::plain(),
                None => {}
            }
            return Fate::Goes { copies: Vec::new(), before, behind };
        }
        let (mut copies, mut behind) = (Vec::new(), Vec::new());
        for (number, entry) in entries.iter_mut().enumerate() {
            let Some(asked) = entry.asked_mut() else { continue };
            let wish = asked.order.wish;
            if wish.has_its_event_to_itself() || !asked.is_meant(&event_id, said) {
                continue;
            }
            let of_nobody = (wish == Wish::UnknownEvent).then(|| due.of_nobody(&read, number));
            // It waits for an event whose id leaves room for another.
            if let Some(None) = of_nobody {
                continue;
            }
            self.happens(asked, due, wish.kind(said.sport), &event_id, position.sequence);
            match of_nobody.flatten() {
                None => copies.push(number),
                Some((nobody, copy)) => {
                    if let Some(fault) = &mut asked.injected.fault {
                        fault.event_id = Some(nobody);
                    }
                    behind.push((number, encoded(format, &copy)));
                }
            }
        }
        Fate::Goes { copies, before: Vec::new(), behind }
    }

    /// The order that holds back, moves or renumbers this message.
    fn moved_by(
        &self,
        entries: &[Entry],
        due: Due,
        said: &EventMessage,
        event_id: &EventId,
    ) -> Option<usize> {
        let is_meant = |asked: &Asked| {
            let wish = asked.order.wish;
            let is_free = || match asked.injected.has_happened {
                // More than one message goes wrong of one event only, one behind the other.
                true => asked.order.event_id.as_ref() == Some(event_id),
                false if asked.order.event_id.is_some() => !self.has_been_taken(entries, event_id),
                // What names no event leaves those alone that others wait for.
                false => !self.is_taken(entries, event_id),
            };
            wish.has_its_event_to_itself()
                && asked.is_meant(event_id, said)
                && is_free()
                && self.has_room(wish, due)
        };
        entries.iter().position(|entry| entry.asked().is_some_and(is_meant))
    }

    /// Whether something has happened to an event already, or is to as it was planned, that has it to itself.
    fn has_been_taken(&self, entries: &[Entry], event_id: &EventId) -> bool {
        let has_taken = |Asked { order, injected, .. }: &Asked| {
            injected.has_happened
                && order.wish.has_its_event_to_itself()
                && order.event_id.as_ref() == Some(event_id)
        };
        self.0.planned.contains(event_id) || entries.iter().filter_map(Entry::asked).any(has_taken)
    }

    /// Whether what it takes beside the message itself is there.
    fn has_room(&self, wish: Wish, due: Due) -> bool {
        match wish {
            Wish::Reorder(count) => due.is_followed(count, self.0.window / 2),
            // A snapshot says what was said before.
            Wish::Restart => due.is_preceded(),
            _ => true,
        }
    }

    fn happens(&self, asked: &mut Asked, due: Due, kind: Kind, event_id: &EventId, sequence: u64) {
        asked.order.event_id.get_or_insert_with(|| event_id.clone());
        asked.left -= 1;
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        let wish = asked.order.wish;
        let fault = asked.injected.fault.get_or_insert_with(|| Fault {
            kind,
            event_id: Some(event_id.clone()),
            sequence: Some(sequence),
            at_ns: due.schedule.offset_ns(due.line),
            messages: Vec::new(),
            outcomes: wish.outcomes(),
            answer: None,
        });
        fault.messages.push(due.line as u64);
        asked.injected.is_recovered = false;
        asked.injected.awaited = None;
        asked.injected.has_happened = true;
    }
}

impl Asked {
    /// Whether it is still to happen to a message of this event that says this.
    fn is_meant(&self, event_id: &EventId, said: &EventMessage) -> bool {
        let Order { wish, event_id: wanted } = &self.order;
        let is_of_event = wanted.as_ref().is_none_or(|wanted| wanted == event_id);
        self.left > 0 && is_of_event && wish.fits(said.sport, &said.body)
    }
}

fn encoded(format: Format, message: &domain::FeedMessage) -> Vec<u8> {
    let bytes = format.encode(message).expect("a format of our own says everything");
    format.in_batch(&bytes).to_vec()
}
