//! Places so far ahead that their number may be wrong.
//!
//! A number alone does not tell: as many messages may be lost. So such a place shuts its event as any that is ahead does, until what
//! is missing before it has come; but a producer that goes on where it was, by the times at which it makes its messages, shows that
//! the number was wrong.

use serde::{Deserialize, Serialize};

use super::Feed;
use crate::Timestamp;
use crate::limit::SEQUENCES_AHEAD_MAX;
use crate::message::FeedMessage;

/// What is known of them, of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Far {
    /// The first of them.
    pub(super) from: u64,
    /// The last of them.
    pub(super) to: u64,
    /// When the last of their messages was made.
    said_at: Timestamp,
}

/// Takes note of a place of an epoch that is known as far as `known`: of that, or of those that are far.
pub(super) fn hear(known: &mut u64, far: &mut Option<Far>, sequence: u64, said_at: Timestamp) {
    let is_far = sequence > known.saturating_add(SEQUENCES_AHEAD_MAX);
    if !is_far && far.is_none_or(|far| sequence < far.from) {
        *known = sequence.max(*known);
        return;
    }
    let before = far.unwrap_or(Far { from: sequence, to: sequence, said_at });
    *far = Some(Far {
        from: before.from.min(sequence),
        to: before.to.max(sequence),
        said_at: before.said_at.max(said_at),
    });
}

impl Feed {
    /// Whether there may yet be a message of the epoch applied at this place: nothing has shown that there is none.
    pub(super) fn is_known_place(&self, sequence: u64) -> bool {
        sequence <= self.heard.sequence || self.far.is_some_and(|far| sequence >= far.from)
    }

    /// The message is the next one of its epoch. Where it was made after those that are far, though these have been waited for
    /// in vain, they are none. A repetition tells nothing of where its producer is: it may be made anew.
    pub(super) fn forget_far(&mut self, message: &FeedMessage) {
        let is_later = |far: &Far| message.generated_at > far.said_at;
        let is_repetition = message.request_id.is_some();
        let Some(far) = self.far.filter(is_later).filter(|_| self.gap && !is_repetition) else { return };
        self.far = None;
        let epoch = self.applied.epoch;
        self.refused.retain(|place| place.epoch != epoch || place.sequence < far.from);
        // Which of those for which there was no room were far is not known.
        if let Some(last) = self.refused_to.get_mut(&epoch) {
            *last = self.heard.sequence.min(*last);
        }
    }

    /// The first of those that are far has been reached in its turn: they are as true as any.
    pub(super) fn reach_far(&mut self) {
        if let Some(far) = self.far.take_if(|far| far.from <= self.applied.sequence) {
            self.heard.sequence = self.heard.sequence.max(far.to);
        }
    }
}
