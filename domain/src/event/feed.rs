//! How far one source has come with one event: position, duplicates, bet stops that ran ahead, gaps.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::id::{MessageId, Source};
use crate::limit::RECENT_MAX;
use crate::message::{BetStop, Groups, Position};
use crate::sport::Rules;

/// What a source has said of an event so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Who speaks.
    pub source: Source,
    /// The last position applied; epoch 0 before the first.
    pub applied: Position,
    /// Hashes of the last message ids applied, oldest first.
    recent: VecDeque<u64>,
    /// Bet stops that came before their turn; until it comes, their markets stay shut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    barriers: Vec<Barrier>,
    /// Whether messages are missing for good or for too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
}

/// A bet stop ahead of its sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Barrier {
    position: Position,
    stop: BetStop,
}

/// Where a message stands relative to what was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the next one.
    Next,
    /// Its turn has not come.
    Early {
        /// The position whose turn it is.
        expected: Position,
    },
    /// This very message has been applied.
    Duplicate,
    /// Its turn is over.
    Stale,
}

impl Feed {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            applied: Position { epoch: 0, sequence: 0 },
            recent: VecDeque::new(),
            barriers: Vec::new(),
            gap: false,
        }
    }

    /// The position whose turn it is. Before anything was applied any epoch may begin.
    pub(crate) fn expected(&self) -> Position {
        Position { epoch: self.applied.epoch, sequence: self.applied.sequence.saturating_add(1) }
    }

    pub(crate) fn place(&self, position: Position, id: &MessageId) -> Place {
        let first_of_epoch = position.epoch > self.applied.epoch && position.sequence == 1;
        if first_of_epoch || position == self.expected() {
            Place::Next
        } else if position > self.applied {
            Place::Early { expected: self.expected_towards(position.epoch) }
        } else if self.recent.contains(&hash(id)) {
            Place::Duplicate
        } else {
            Place::Stale
        }
    }

    fn expected_towards(&self, epoch: u64) -> Position {
        if epoch == self.applied.epoch { self.expected() } else { Position { epoch, sequence: 1 } }
    }

    /// Whether `position` begins another epoch after one that had begun.
    pub(crate) fn renews(&self, position: Position) -> bool {
        self.applied.epoch > 0 && position.epoch > self.applied.epoch
    }

    /// Takes the next position; barriers of earlier ones have had their time.
    pub(crate) fn advance(&mut self, position: Position, id: &MessageId) {
        self.applied = position;
        self.barriers.retain(|barrier| barrier.position > position);
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(hash(id));
    }

    pub(crate) fn barriers(&self) -> usize {
        self.barriers.len()
    }

    pub(crate) fn has_barrier_at(&self, position: Position) -> bool {
        self.barriers.iter().any(|barrier| barrier.position == position)
    }

    pub(crate) fn raise_barrier(&mut self, position: Position, stop: BetStop) {
        self.barriers.push(Barrier { position, stop });
    }

    /// The bet stop ahead that keeps a market of this id shut.
    pub(crate) fn barrier_for(&self, rules: &Rules, market_id: u32) -> Option<&BetStop> {
        self.barriers.iter().map(|barrier| &barrier.stop).find(|stop| concerns(&stop.groups, rules, market_id))
    }
}

/// Whether a bet stop of these groups means markets of this id.
pub(crate) fn concerns(groups: &Groups, rules: &Rules, market_id: u32) -> bool {
    match groups {
        Groups::All => true,
        Groups::Named(names) => {
            let own = rules.market(market_id).map_or(&[][..], |market| market.groups);
            names.iter().any(|name| name.as_str() == "all" || own.contains(&name.as_str()))
        }
    }
}

/// FNV-1a: stable across builds, since it is stored.
fn hash(id: &MessageId) -> u64 {
    id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
