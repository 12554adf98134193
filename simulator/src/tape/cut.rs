//! What can be cut out of a tape so that what must come of the rest still follows from it: whole events, faults, the end, and messages
//! of events that are counted, which are then counted anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{Body, Content, EventId, EventState, FeedMessage, MessageId, Name, Position};

use super::{Line, Tape};
use crate::faults::Kind;
use crate::ledger::before_a_hole;

/// A message of an event, of which there may be copies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    /// The event.
    pub event_id: EventId,
    /// The message's id.
    pub message_id: MessageId,
}

impl Tape {
    /// Only what is about these events, or about none.
    #[must_use]
    pub fn of_events(&self, events: &[EventId]) -> Self {
        let mut tape = self.clone();
        tape.lines.retain(|line| line.event_id.as_ref().is_none_or(|id| events.contains(id)));
        tape
    }

    /// The places in the plan of those faults that can be taken back and still concern somebody. What was said anew because of a fault
    /// is a message like any other.
    #[must_use]
    pub fn curable(&self) -> Vec<usize> {
        let is_curable = |number: &usize| match &self.faults.faults[*number].kind {
            Kind::Restart { .. } | Kind::SettlementRollback { .. } => false,
            _ => self.concerns(*number),
        };
        (0..self.faults.faults.len()).filter(is_curable).collect()
    }

    /// Without these faults: what was added is left out, what was moved is due when it was made, and of what was lost the rest is not
    /// missed, for it is left out, too.
    #[must_use]
    pub fn without_faults(&self, numbers: &[usize]) -> Self {
        let mut tape = self.clone();
        // Whom a silence held back is known once nothing else does.
        let is_silence = |number: &&usize| matches!(self.faults.faults[**number].kind, Kind::Silence { .. });
        let (silences, others): (Vec<&usize>, Vec<&usize>) = numbers.iter().partition(is_silence);
        for number in others.into_iter().chain(silences) {
            tape.cure(*number);
        }
        // Marks are places in the plan.
        let kept: Vec<usize> = (0..self.faults.faults.len()).filter(|it| !numbers.contains(it)).collect();
        let place = |number: &u32| kept.iter().position(|kept| *kept == *number as usize);
        for line in &mut tape.lines {
            let marks = line.faults.iter().filter_map(place).filter_map(|place| u32::try_from(place).ok());
            line.faults = marks.collect();
        }
        tape.faults.faults = kept.iter().map(|number| self.faults.faults[*number].clone()).collect();
        tape.hold_silences();
        tape.order();
        tape
    }

    fn cure(&mut self, number: usize) {
        let fault = self.faults.faults[number].clone();
        match &fault.kind {
            Kind::Duplicate { .. }
            | Kind::Malformed { .. }
            | Kind::WrongSport { .. }
            | Kind::UnknownEvent => self.lines.retain(|line| !line.is_marked(number)),
            Kind::Reorder { .. }
            | Kind::ReorderBeyond { .. }
            | Kind::GapFilled { .. }
            | Kind::Late { .. } => {
                let marked = self.lines.iter_mut().filter(|line| line.is_marked(number));
                marked.for_each(|line| line.offset_ns = line.made_ns.max(0).unsigned_abs());
            }
            Kind::ClockSkew { ahead_ns, .. } => {
                let marked = self.lines.iter_mut().filter(|line| line.is_marked(number));
                let ahead_ns = self.faults.speed.scheduled_signed_ns(*ahead_ns);
                marked.for_each(|line| line.made_ns -= ahead_ns);
            }
            Kind::Silence { provider, producer, for_ns } => {
                let during = self.faults.during_ns(fault.at_ns, *for_ns);
                let faults = &self.faults.faults;
                let is_moved = |number: &u32| {
                    matches!(
                        faults[*number as usize].kind,
                        Kind::Reorder { .. }
                            | Kind::ReorderBeyond { .. }
                            | Kind::GapFilled { .. }
                            | Kind::Late { .. }
                    )
                };
                let ahead = |number: &u32| match faults[*number as usize].kind {
                    Kind::ClockSkew { ahead_ns, .. } => self.faults.speed.scheduled_signed_ns(ahead_ns),
                    _ => 0,
                };
                let is_back = |line: &&mut Line| {
                    line.is_of(provider, producer)
                        && line.offset_ns == during.end
                        && !line.faults.iter().any(is_moved)
                };
                for line in self.lines.iter_mut().filter(is_back) {
                    let due_ns = line.made_ns - line.faults.iter().map(ahead).sum::<i64>();
                    let due_ns = due_ns.max(0).unsigned_abs();
                    line.offset_ns = if during.contains(&due_ns) { due_ns } else { line.offset_ns };
                }
            }
            Kind::Gap { .. } => {
                let Some(event_id) = &fault.event_id else { return };
                let mut positions: Vec<_> = self.positions(event_id).into_iter().collect();
                positions.sort_unstable();
                let whole = before_a_hole(positions.iter().copied().map(Some));
                let Some(last) = whole.checked_sub(1).and_then(|last| positions.get(last)).copied() else {
                    return;
                };
                self.lines.retain(|line| {
                    line.event_id.as_ref() != Some(event_id)
                        || line.said().is_none_or(|said| said.position().is_none_or(|at| at <= last))
                });
            }
            Kind::Restart { .. } | Kind::SettlementRollback { .. } => {}
        }
        self.lines.iter_mut().for_each(|line| line.faults.retain(|fault| *fault as usize != number));
    }

    /// What is due while somebody is silent is due afterwards.
    fn hold_silences(&mut self) {
        for quiet in self.faults.silences() {
            for line in &mut self.lines {
                if line.is_of(&quiet.provider, &quiet.producer) && quiet.during_ns.contains(&line.offset_ns) {
                    line.offset_ns = quiet.during_ns.end;
                }
            }
        }
    }

    /// Only what is due by then.
    #[must_use]
    pub fn until(&self, offset_ns: u64) -> Self {
        let mut tape = self.clone();
        tape.lines.retain(|line| line.offset_ns <= offset_ns);
        tape
    }

    /// The messages that can be left out: those of counted events of which nothing has to be refused. What a rollback takes back has to
    /// stay.
    #[must_use]
    pub fn spare(&self) -> Vec<Said> {
        let refused: HashSet<&EventId> = self
            .lines
            .iter()
            .filter(|line| line.is_fixed)
            .filter_map(|line| line.event_id.as_ref())
            .collect();
        let said: Vec<FeedMessage> = self.lines.iter().filter_map(Line::said).collect();
        let is_rollback = |body: &Body| matches!(body, Body::SettlementRollback(_) | Body::CancelRollback(_));
        let taken_back: HashSet<&EventId> = said
            .iter()
            .filter_map(about)
            .filter(|(_, body)| is_rollback(body))
            .map(|(event_id, _)| event_id)
            .collect();
        let mut known = BTreeSet::new();
        let mut spare = Vec::new();
        for message in said.iter().filter(|message| message.position().is_some()) {
            let Some((event_id, body)) = about(message) else { continue };
            let is_decision = matches!(body, Body::Settlement(_) | Body::Cancel(_));
            if refused.contains(event_id) || is_decision && taken_back.contains(event_id) {
                continue;
            }
            let said = Said { event_id: event_id.clone(), message_id: message.message_id.clone() };
            if known.insert(said.clone()) {
                spare.push(said);
            }
        }
        spare
    }

    /// Without these messages; those behind them are counted anew.
    #[must_use]
    pub fn without(&self, left_out: &[Said]) -> Self {
        let left_out: HashSet<&Said> = left_out.iter().collect();
        let mut gone: BTreeMap<EventId, BTreeSet<Position>> = BTreeMap::new();
        let mut tape = self.clone();
        tape.lines.retain(|line| {
            let Some(message) = line.said() else { return true };
            let Some((event_id, _)) = about(&message) else { return true };
            let said = Said { event_id: event_id.clone(), message_id: message.message_id.clone() };
            let is_kept = !left_out.contains(&said);
            if let Some(at) = message.position().filter(|_| !is_kept) {
                gone.entry(said.event_id).or_default().insert(at);
            }
            is_kept
        });
        for line in &mut tape.lines {
            let Some(message) = line.said() else { continue };
            let gone = about(&message).and_then(|(event_id, _)| gone.get(event_id));
            if let Some(bytes) = gone.and_then(|gone| counted_anew(line, message, gone)) {
                line.bytes = bytes;
            }
        }
        tape
    }

    /// How many of its messages their receiver has to refuse for what was said before: more than in the tape that it was cut from means
    /// that it was cut where it does not hold together.
    #[must_use]
    pub fn refusals(&self) -> usize {
        let refused = self.told().into_values().map(|messages| {
            let whole = before_a_hole(messages.keys().copied().map(Some));
            let mut state: Option<EventState> = None;
            let mut refused = 0;
            for (_, message) in messages.into_values().take(whole) {
                let Content::Event(event) = &message.content else { continue };
                let state = state.get_or_insert_with(|| EventState::new(event.event_id.clone(), event.sport));
                refused += usize::from(state.apply(&message, message.generated_at).is_err());
            }
            refused
        });
        refused.sum()
    }

    /// Whether it goes on until what is missing must have been noticed; a run that ends before would be blamed for that.
    #[must_use]
    pub fn ends_after_its_gaps(&self) -> bool {
        let patience_ns = self.faults.speed.scheduled_ns(u64::from(self.faults.hold_ms) * 2_000_000);
        let last_ns = self.last_ns();
        self.told().into_values().all(|messages| {
            let whole = before_a_hole(messages.keys().copied().map(Some));
            let waits_from = messages.into_values().skip(whole).map(|(due_ns, _)| due_ns).min();
            waits_from.is_none_or(|due_ns| due_ns.saturating_add(patience_ns) <= last_ns)
        })
    }

    /// What is told of each counted event, by its position: when it is due first, and the message.
    fn told(&self) -> BTreeMap<EventId, BTreeMap<Position, (u64, FeedMessage)>> {
        let mut told: BTreeMap<EventId, BTreeMap<Position, (u64, FeedMessage)>> = BTreeMap::new();
        for (line, message) in self.lines.iter().filter_map(|line| Some((line, line.said()?))) {
            let (Some(at), Some((event_id, _))) = (message.position(), about(&message)) else { continue };
            told.entry(event_id.clone()).or_default().entry(at).or_insert((line.offset_ns, message));
        }
        told
    }

    fn positions(&self, event_id: &EventId) -> BTreeSet<Position> {
        let of_event = self.lines.iter().filter(|line| line.event_id.as_ref() == Some(event_id));
        let said = of_event.filter_map(Line::said);
        let is_its = |message: &FeedMessage| about(message).is_some_and(|(id, _)| id == event_id);
        said.filter(is_its).filter_map(|message| message.position()).collect()
    }
}

impl Line {
    fn is_of(&self, provider: &Name, producer: &Name) -> bool {
        self.provider == *provider && self.producer.as_ref() == Some(producer)
    }
}

/// What a message is about, and what it says.
fn about(message: &FeedMessage) -> Option<(&EventId, &Body)> {
    match &message.content {
        Content::Event(event) => Some((&event.event_id, &event.body)),
        Content::Producer(_) => None,
    }
}

/// The message with the position that it has where these are gone; `None` where that is its own.
fn counted_anew(line: &Line, mut message: FeedMessage, gone: &BTreeSet<Position>) -> Option<Vec<u8>> {
    let Content::Event(event) = &mut message.content else { return None };
    let at = event.position.as_mut()?;
    let before = gone.range(Position { sequence: 0, ..*at }..*at).count() as u64;
    if before == 0 {
        return None;
    }
    at.sequence -= before;
    let bytes = line.format.encode(&message)?;
    Some(line.format.in_batch(&bytes).to_vec())
}
