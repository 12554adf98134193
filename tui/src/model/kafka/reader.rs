//! Who reads a topic: what waits in it waits for him.

use domain::{Sport, Topics};

use super::GROWING_FROM;
use crate::model::hop::Hop;
use crate::source::Part;

/// Who reads a topic and says how far he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// A sport's processors, of its feed.
    Processors(Sport),
    /// Distribution, of a sport's updates.
    Distribution(Sport),
}

impl Reader {
    /// Who reads this topic.
    pub(super) fn of(topics: &Topics, name: &str) -> Option<Self> {
        let of = |sport| match name {
            _ if name == topics.feed(sport) => Some(Self::Processors(sport)),
            _ if name == topics.updates(sport) => Some(Self::Distribution(sport)),
            _ => None,
        };
        Sport::ALL.into_iter().find_map(of)
    }

    /// Of which sport what he reads is.
    #[must_use]
    pub fn sport(self) -> Sport {
        match self {
            Self::Processors(sport) | Self::Distribution(sport) => sport,
        }
    }

    /// The process that he is.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Processors(sport) => Part::Processors(sport),
            Self::Distribution(_) => Part::Distribution,
        }
    }

    /// The hop whose messages are what he has read.
    pub(in crate::model) fn hop(self) -> Hop {
        match self {
            Self::Processors(sport) => Hop::Processors(sport),
            Self::Distribution(_) => Hop::Distribution,
        }
    }

    /// How much must wait for it to matter that nothing passes: processors say that they live in the topics that distribution
    /// reads, and of that a little may be under way at any time.
    pub(in crate::model) fn stalls_from(self) -> f64 {
        match self {
            Self::Processors(_) => 1.0,
            Self::Distribution(_) => GROWING_FROM,
        }
    }
}
