//! Places in a sequence whose messages were refused: each as long as one of the dead letters there is neither put right nor closed.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use crate::letter::LetterMark;
use crate::message::Position;

/// Which letters lie where, the first places first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Places(BTreeSet<RefusedAt>);

/// A letter at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct RefusedAt {
    #[serde(flatten)]
    position: Position,
    /// Several messages may have claimed one place. Earlier releases did not note which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<LetterMark>,
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many letters there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The places, in order; one of several letters several times.
    pub(super) fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        self.0.iter().map(|letter| letter.position)
    }

    /// Whether a letter lies at this place.
    pub(super) fn contains(&self, position: Position) -> bool {
        // One without a mark is before all others.
        let first = self.0.range(RefusedAt { position, mark: None }..).next();
        first.is_some_and(|first| first.position == position)
    }

    /// Takes note of a letter. One that nobody can name is one of those that are there.
    pub(super) fn insert(&mut self, position: Position, mark: Option<LetterMark>) {
        if mark.is_some() || !self.contains(position) {
            self.0.insert(RefusedAt { position, mark });
        }
    }

    /// Something right takes this place, whatever was refused there; says whether something was.
    pub(super) fn remove(&mut self, position: Position) -> bool {
        let before = self.0.len();
        self.0.retain(|letter| letter.position != position);
        self.0.len() < before
    }

    /// One of the letters at this place is gone; says whether it was the last one there. Of one that is not known by its mark it may
    /// be the one without.
    pub(super) fn close(&mut self, position: Position, mark: Option<LetterMark>) -> bool {
        let is_gone = self.0.remove(&RefusedAt { position, mark })
            || self.0.remove(&RefusedAt { position, mark: None });
        is_gone && !self.contains(position)
    }

    /// Forgets the last letter.
    pub(super) fn pop_last(&mut self) -> Option<Position> {
        self.0.pop_last().map(|letter| letter.position)
    }

    /// Forgets the letters at other places than these.
    pub(super) fn retain(&mut self, is_kept: impl Fn(Position) -> bool) {
        self.0.retain(|letter| is_kept(letter.position));
    }
}

/// Earlier releases stored no more than one place.
impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(stored: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            One(RefusedAt),
            Several(BTreeSet<RefusedAt>),
        }
        Ok(Self(match Stored::deserialize(stored)? {
            Stored::One(letter) => BTreeSet::from([letter]),
            Stored::Several(letters) => letters,
        }))
    }
}
