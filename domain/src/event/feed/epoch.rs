//! Which epoch of a source is the true one, where its messages speak of several.
//!
//! An epoch begins with its snapshot; until that is applied the one before goes on. Since epochs only grow, of two of them
//! the one in which the producer speaks last is true: that is told by the times at which it made its messages, never by how
//! large a number is. So one message with a wrong epoch shuts its event for as long as nothing contradicts it, and no longer.

use serde::{Deserialize, Serialize};

use super::Feed;
use super::far::{self, Far};
use crate::Timestamp;
use crate::limit::EPOCHS_AHEAD_MAX;
use crate::message::{Body, Content, FeedMessage, Position};

/// What is known of an epoch that has not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ahead {
    /// The last of its places that is known to exist.
    sequence: u64,
    /// What of it is said to be so far ahead that it may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    far: Option<Far>,
    /// When the last of its messages was made.
    said_at: Timestamp,
}

/// How the epoch applied took the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Began {
    /// The last place known to exist before it.
    left: Position,
    /// When the last of its own messages was made.
    said_at: Timestamp,
}

impl Feed {
    /// The last position known to exist in any epoch.
    pub(super) fn last_heard(&self) -> Position {
        let ahead = self.ahead.last_key_value();
        let ahead =
            ahead.map(|(epoch, Ahead { sequence, .. })| Position { epoch: *epoch, sequence: *sequence });
        ahead.map_or(self.heard, |ahead| self.heard.max(ahead))
    }

    /// Whether `position` begins another epoch after one that had begun.
    pub(crate) fn renews(&self, position: Position) -> bool {
        self.applied.epoch > 0 && position.epoch != self.applied.epoch
    }

    /// Takes note that there is a message at `position`, made at this time, whether or not it can be applied.
    pub(crate) fn hear(&mut self, position: Position, said_at: Timestamp) {
        if position.epoch == self.applied.epoch {
            let mut known = if self.heard.epoch == position.epoch { self.heard.sequence } else { 0 };
            far::hear(&mut known, &mut self.far, position.sequence, said_at);
            self.heard = self.heard.max(Position { epoch: position.epoch, sequence: known });
        }
        if position.epoch <= self.applied.epoch {
            return;
        }
        // Of more epochs than that only the number of one can be right: what is said in them counts as said in the last.
        let is_known = self.ahead.contains_key(&position.epoch) || self.ahead.len() < EPOCHS_AHEAD_MAX;
        if is_known {
            let ahead = self.ahead.entry(position.epoch).or_insert(Ahead { sequence: 0, far: None, said_at });
            far::hear(&mut ahead.sequence, &mut ahead.far, position.sequence, said_at);
            ahead.said_at = ahead.said_at.max(said_at);
        } else if let Some(mut last) = self.ahead.last_entry() {
            last.get_mut().said_at = last.get().said_at.max(said_at);
        }
    }

    /// Takes note of a message that is too late because of its epoch; says whether that contradicts the epoch applied: it was
    /// not known to exist when that one began, and was made after all that has been said in it.
    pub(crate) fn contradict(&mut self, position: Position, said_at: Timestamp) -> bool {
        let is_later = |began: &Began| position > began.left && said_at > began.said_at;
        let contradicts = position.epoch < self.applied.epoch && self.began.as_ref().is_some_and(is_later);
        if contradicts {
            self.doubt = self.doubt.max(Some(said_at));
        }
        contradicts
    }

    /// Whether a message is the snapshot with which a producer puts right which epoch is the true one: made after what had put
    /// that in doubt, it counts whatever its epoch is.
    pub(super) fn is_put_right_by(&self, position: Position, message: &FeedMessage) -> bool {
        let is_snapshot =
            || matches!(&message.content, Content::Event(event) if matches!(event.body, Body::Snapshot(_)));
        position.sequence == 1
            && position.epoch < self.applied.epoch
            && self.doubt.is_some_and(|since| message.generated_at > since)
            && is_snapshot()
    }

    /// Takes `position` as applied, and forgets the epochs that its message, made at this time, shows to be none: those that
    /// have been waited for in vain, and in which nothing was said since.
    pub(super) fn settle_epochs(&mut self, position: Position, said_at: Timestamp) {
        if position.epoch != self.applied.epoch {
            let left = match (self.began, self.far) {
                (Some(began), _) if position < self.applied => began.left,
                (_, Some(far)) => Position { sequence: self.heard.sequence.max(far.to), ..self.heard },
                (_, None) => self.heard,
            };
            // There is none before the first.
            self.began = (position.epoch > 1).then_some(Began { left, said_at });
            self.doubt = None;
        } else {
            if let Some(began) = &mut self.began {
                began.said_at = began.said_at.max(said_at);
            }
            self.doubt = self.doubt.filter(|since| *since >= said_at);
        }
        if self.gap {
            self.ahead.retain(|epoch, ahead| *epoch <= position.epoch || ahead.said_at >= said_at);
        }
        let ahead = self.ahead.remove(&position.epoch);
        if position.epoch != self.applied.epoch {
            self.far = ahead.and_then(|ahead| ahead.far);
        }
        let of_epoch = ahead.map_or(0, |ahead| ahead.sequence);
        let known = if self.heard.epoch == position.epoch { self.heard.sequence } else { 0 };
        let sequence = position.sequence.max(of_epoch).max(known);
        self.heard = Position { epoch: position.epoch, sequence };
        self.ahead.retain(|epoch, _| *epoch > position.epoch);
        self.applied = position;
    }
}
