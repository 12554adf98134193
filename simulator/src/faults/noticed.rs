//! Whether what comes late, or never, must be noticed. It depends on when the rest of its event is due, so it is written down
//! once everything is; whoever judges a run asks the plan, and nobody else.

use std::collections::BTreeSet;

use domain::{Content, EventId, FeedMessage, Position};

use super::{Effect, FaultPlan, Kind, Outcome};
use crate::ledger::before_a_hole;
use crate::schedule::Schedule;

impl FaultPlan {
    /// Writes down what may come of messages that are missing in this schedule, for some time or for good. Where a silence holds up
    /// what waits for them, too, or nothing of their event is left to wait, nobody need notice. Where one cuts through messages that
    /// were to come in another order within the window, somebody may notice, or must.
    pub(crate) fn admit(&mut self, schedule: &Schedule) {
        let hold_ns = self.speed.scheduled_ns(u64::from(self.hold_ms) * 1_000_000);
        let refused = self.refused();
        for fault in &mut self.faults {
            let is_missing = matches!(
                fault.kind,
                Kind::Gap { .. } | Kind::GapFilled { .. } | Kind::ReorderBeyond { .. } | Kind::Reorder { .. }
            );
            let Some(event_id) = fault.event_id.as_ref().filter(|_| is_missing) else { continue };
            let waiting = Waiting::of(event_id, schedule, &refused);
            let is_noticed = waiting.is_for_good || waiting.longest_ns > hold_ns * 3 / 2;
            fault.outcomes = match fault.kind {
                Kind::Gap { .. } if !waiting.is_for_good => {
                    vec![Outcome { answers: Vec::new(), effects: Vec::new() }]
                }
                Kind::Gap { .. } => fault.kind.outcomes(),
                Kind::Reorder { .. } if is_noticed => vec![noticed()],
                Kind::Reorder { .. } if waiting.longest_ns > hold_ns / 2 => {
                    fault.kind.outcomes().into_iter().chain([noticed()]).collect()
                }
                Kind::Reorder { .. } => fault.kind.outcomes(),
                _ if is_noticed => fault.kind.outcomes(),
                _ => unnoticed(&fault.kind),
            };
        }
    }

    /// The lines of messages that are refused: nobody waits for them, or because of them.
    fn refused(&self) -> BTreeSet<u64> {
        let is_refused = |kind: &Kind| matches!(kind, Kind::Malformed { .. } | Kind::WrongSport { .. });
        let refused = self.faults.iter().filter(|fault| is_refused(&fault.kind));
        refused.flat_map(|fault| fault.messages.iter().copied()).collect()
    }
}

/// What comes of messages that others waited for so long that a gap was declared.
fn noticed() -> Outcome {
    Outcome { answers: vec![202], effects: vec![Effect::Held, Effect::GapDeclared] }
}

/// What may come of messages that are missing for some time, where nobody need notice that.
pub(crate) fn unnoticed(kind: &Kind) -> Vec<Outcome> {
    let taken = |effects: &[Effect]| Outcome { answers: vec![202], effects: effects.to_vec() };
    let mut outcomes = kind.outcomes();
    outcomes.extend([taken(&[Effect::Held]), taken(&[])]);
    outcomes
}

/// How the messages of an event wait for one another.
struct Waiting {
    /// Some wait for what never comes.
    is_for_good: bool,
    /// The longest that any waits for one before it, in nanoseconds of the schedule.
    longest_ns: u64,
}

impl Waiting {
    fn of(event_id: &EventId, schedule: &Schedule, refused: &BTreeSet<u64>) -> Self {
        let channels = schedule.channels();
        let is_of_it = |line: &usize| {
            channels[schedule.channel(*line)].event_id.as_deref() == Some(event_id.as_str())
                && !refused.contains(&(*line as u64))
        };
        let at = |message: &FeedMessage| match &message.content {
            Content::Event(event) if event.event_id == *event_id => event.position,
            _ => None,
        };
        let placed = |line: usize| Some((at(&schedule.read(line)?)?, schedule.offset_ns(line)));
        let mut due: Vec<(Position, u64)> = (0..schedule.len()).filter(is_of_it).filter_map(placed).collect();
        // Of copies the one that comes first.
        due.sort_unstable();
        due.dedup_by_key(|(position, _)| *position);
        let whole = before_a_hole(due.iter().map(|(position, _)| Some(*position)));
        let (mut first_later, mut longest_ns) = (u64::MAX, 0);
        for (_, due_ns) in due[..whole].iter().rev() {
            longest_ns = longest_ns.max(due_ns.saturating_sub(first_later));
            first_later = first_later.min(*due_ns);
        }
        Self { is_for_good: whole < due.len(), longest_ns }
    }
}
