//! Plans what messages lead to that ingestion refused or nobody here can decode, and what becomes of their events once they are put right.

use domain::letter::Redrive;
use domain::refused::{Place, RefusedMessage};
use domain::{EventId, FeedMessage};

use super::{Planner, Speaker, note};

impl Planner<'_> {
    /// Takes note of a message that was refused before it was known what it says. Its letter is kept already; an event that nobody has heard of does not
    /// begin with it, but once it does it is shut by it.
    pub(super) fn hear_of_refused(&mut self, refused: &RefusedMessage) {
        let RefusedMessage { event_id, sport, .. } = refused;
        if *sport != self.known.sport {
            return;
        }
        let Some(working) = self.working.get_mut(event_id) else { return };
        note(&mut self.before, working);
        let (source, is_unnumbered) = (refused.source(), matches!(refused.place, Place::Time { .. }));
        let speaker = source.as_ref().map(|source| {
            let terms = self.known.producers.terms(source, is_unnumbered);
            Speaker { source, terms }
        });
        self.tell_event(event_id, speaker);
        let Some(working) = self.working.get_mut(event_id) else { return };
        for update in working.intake.hear_of_refused(refused, self.known.now, self.known.limits) {
            self.update(event_id, &update);
        }
    }

    /// A message has been sent in a dead letter's place: its event need no longer be shut for it, where it has no sequence
    /// that says so.
    pub(super) fn put_right(&mut self, event_id: &EventId, message: &FeedMessage, redrive: Redrive) {
        let Some(working) = self.working.get_mut(event_id) else { return };
        if message.position().is_none()
            && let Some(update) = working.intake.state_mut().put_right(message, redrive.mark, self.known.now)
        {
            self.update(event_id, &update);
        }
    }
}
