//! Faults of the feed: what goes wrong on its way, chosen from a seed before anything is sent, each with what may come of it.
//!
//! A fault changes what is sent and when, never the game. Which outcomes are right follows from `docs/protocol.md`; the state
//! that must result is in the ledger, which is changed with it. Only events told in JSON or XML of our own have faults of
//! single messages: they are counted, so that what is missing can be noticed at all.

use std::path::Path;

use anyhow::Context;
use domain::{EventId, Name, Sport};
use serde::{Deserialize, Serialize};

use crate::ledger::Deliveries;

pub use choose::TooFewEvents;
pub(crate) use choose::{choose, is_rolled_back, is_unannounced, sport_that_refuses};
pub use clock::Factor;
pub(crate) use inflict::{Inflicted, inflict};
pub use malformed::Malformed;
pub(crate) use malformed::of_another_sport;
pub(crate) use noticed::unnoticed;
pub(crate) use renumber::{another, id_after, position_of, restarted, rolled_back, unannounced_id};
pub(crate) use stall::stall;

mod choose;
mod clock;
mod inflict;
mod malformed;
mod noticed;
mod renumber;
mod stall;

/// The most faults of one kind.
pub const KIND_MAX: u32 = 10_000;
/// How long a processor waits for what is missing, where nothing else is said: `MATCHDAY_HOLD_MS`.
pub const HOLD_MS: u32 = 3_000;
/// How long a silence lasts, where nothing else is said: longer than a producer may be silent.
pub const SILENCE_SECONDS: u32 = 25;

/// How many faults of each kind a run is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each counts the kind of the same name")]
pub struct Wanted {
    pub duplicate: u32,
    pub reorder: u32,
    pub reorder_beyond: u32,
    pub gap: u32,
    pub gap_filled: u32,
    pub late: u32,
    pub clock_skew: u32,
    pub malformed: u32,
    pub wrong_sport: u32,
    pub unknown_event: u32,
    pub silence: u32,
    pub restart: u32,
    pub settlement_rollback: u32,
    /// The window within which messages may come in any order, in milliseconds.
    pub hold_ms: u32,
    /// How long a producer is silent.
    pub silence_seconds: u32,
}

impl Wanted {
    /// No fault at all.
    pub const NONE: Self = Self {
        duplicate: 0,
        reorder: 0,
        reorder_beyond: 0,
        gap: 0,
        gap_filled: 0,
        late: 0,
        clock_skew: 0,
        malformed: 0,
        wrong_sport: 0,
        unknown_event: 0,
        silence: 0,
        restart: 0,
        settlement_rollback: 0,
        hold_ms: HOLD_MS,
        silence_seconds: SILENCE_SECONDS,
    };
}

/// The faults of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// The seed from which they were chosen.
    pub seed: u64,
    /// The window within which messages may come in any order, in milliseconds.
    pub hold_ms: u32,
    /// The speed for which they were chosen: how many times as fast as it was written the schedule is to be gone through.
    #[serde(default = "Factor::one")]
    pub speed: Factor,
    /// The faults, by their time.
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: Kind,
    /// Where it concerns one event: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Where it concerns one message: its sequence before any fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When it happens, in nanoseconds of the schedule after its start, as the messages' own times.
    pub at_ns: u64,
    /// The messages that are sent because of it or otherwise than they would have been, by their place in the schedule. Of a
    /// silence none are named: all of its producer are concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<u64>,
    /// What may come of it: any one of these is right.
    pub outcomes: Vec<Outcome>,
    /// Of what was asked for on the way: the status with which something was answered that was sent because of it and is no message
    /// of the schedule; 0: nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
}

/// What goes wrong. Lengths are nanoseconds of the clock of whoever receives it, whatever the speed, be it planned or asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A message is sent again as it was, so long after it.
    Duplicate {
        /// How long after.
        after_ns: u64,
    },
    /// A message comes after some that follow it, within the window.
    Reorder {
        /// How many overtake it.
        overtaken_by: u32,
    },
    /// A message comes once the window has passed.
    ReorderBeyond {
        /// How long after it was due.
        after_ns: u64,
    },
    /// Messages never come.
    Gap {
        /// How many in a row.
        count: u32,
    },
    /// Messages are missing until the gap has been noticed, and then come.
    GapFilled {
        /// How many in a row.
        count: u32,
        /// How long after the first of them was due.
        after_ns: u64,
    },
    /// An event's messages are held up on their way, and then come in order, with the times at which they were made.
    Late {
        /// How long the first of them is held up.
        by_ns: u64,
    },
    /// A producer's clock is wrong for some of an event's messages.
    ClockSkew {
        /// How many in a row.
        count: u32,
        /// How far it is ahead of the time, in nanoseconds; behind where below 0.
        ahead_ns: i64,
    },
    /// A copy of a message that is none any more.
    Malformed {
        /// In which way.
        how: Malformed,
    },
    /// A copy of a message that names another sport.
    WrongSport {
        /// Which.
        sport: Sport,
    },
    /// A message of an event that nobody has announced.
    UnknownEvent,
    /// A producer says nothing, not even that it is alive; then it says all that was due meanwhile.
    Silence {
        /// Whose feed it is.
        provider: Name,
        /// Which of its producers.
        producer: Name,
        /// For how long.
        for_ns: u64,
    },
    /// A producer begins an event anew: with the next epoch and a snapshot.
    Restart {
        /// The epoch that begins.
        epoch: u64,
    },
    /// A settlement is taken back, and then said again.
    SettlementRollback {
        /// Of how many markets.
        markets: u32,
    },
}

/// Something that may come of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The HTTP statuses that its messages may be answered with; none where none of them is sent.
    pub answers: Vec<u16>,
    /// What happens besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
}

/// What is to be seen of a fault, beside the ledger's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Counted as a duplicate; no version.
    Duplicate,
    /// Counted as stale; no version.
    Stale,
    /// Messages waited for their turn; afterwards nothing tells.
    Held,
    /// A gap was declared, and the event's open markets were suspended: one version, and another when it was filled.
    GapDeclared,
    /// The event stands still before what is missing, its markets shut.
    Stalled,
    /// Refused by ingestion, and kept as a dead letter.
    RefusedAtIngestion,
    /// Accepted, then refused by the processor: a dead letter.
    RefusedByProcessor,
    /// An event that was not there before.
    NewEvent,
    /// The producer was down, its open markets suspended, until it spoke again: versions of every event with open markets.
    ProducerDown,
    /// A snapshot replaced what was known; one more version.
    NewEpoch,
    /// A settlement was taken back and made again; two more versions.
    RolledBack,
}

impl FaultPlan {
    /// One without faults.
    #[must_use]
    pub fn none(seed: u64) -> Self {
        Self { seed, hold_ms: HOLD_MS, speed: Factor::ONE, faults: Vec::new() }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        crate::file::write(path, |out| Ok(serde_json::to_writer_pretty(out, self)?)).context("the faults")
    }

    /// The faults that concern a message, by its place in the schedule, and what it may be answered with; 0 where it is not sent.
    #[must_use]
    pub fn answers(&self) -> std::collections::BTreeMap<u64, Vec<u16>> {
        let mut answers: std::collections::BTreeMap<u64, Vec<u16>> = std::collections::BTreeMap::new();
        for fault in &self.faults {
            for message in &fault.messages {
                let allowed = fault.outcomes.iter().flat_map(|outcome| match &outcome.answers[..] {
                    [] => &[0],
                    answers => answers,
                });
                answers.entry(*message).or_default().extend(allowed);
            }
        }
        answers
    }

    /// The messages whose answers are none of those that they may have.
    #[must_use]
    pub fn unexpected(&self, deliveries: &Deliveries) -> Vec<Unexpected> {
        let planned = self.answers();
        let answers = (0..).zip(deliveries.status.iter().copied());
        let wrong = answers.filter(|(message, status)| !is_right(&planned, *message, *status));
        wrong.map(|(message, status)| Unexpected { message, status }).collect()
    }

    /// Whether something of it holds at one speed only, for the processors' patience is one of real time.
    #[must_use]
    pub fn is_of_one_speed(&self) -> bool {
        let is_timed = |kind: &Kind| {
            matches!(
                kind,
                Kind::Reorder { .. }
                    | Kind::ReorderBeyond { .. }
                    | Kind::GapFilled { .. }
                    | Kind::Silence { .. }
            )
        };
        self.faults.iter().any(|fault| is_timed(&fault.kind))
    }

    /// When something is that begins at a place of the schedule and takes so long for its receiver, in nanoseconds of the schedule.
    pub(crate) fn during_ns(&self, at_ns: u64, real_ns: u64) -> std::ops::Range<u64> {
        at_ns..at_ns.saturating_add(self.speed.scheduled_ns(real_ns))
    }

    /// When which producer says nothing, in nanoseconds after the start.
    pub(crate) fn silences(&self) -> Vec<Quiet> {
        let quiet = |fault: &Fault| match &fault.kind {
            Kind::Silence { provider, producer, for_ns } => Some(Quiet {
                provider: provider.clone(),
                producer: producer.clone(),
                during_ns: self.during_ns(fault.at_ns, *for_ns),
            }),
            _ => None,
        };
        self.faults.iter().filter_map(quiet).collect()
    }
}

/// An answer that is none of those that a message may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unexpected {
    /// The message's place in the schedule.
    pub message: u64,
    /// The HTTP status of its answer; 0 where none came.
    pub status: u16,
}

/// A time in which a producer says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// Whose feed it is.
    pub provider: Name,
    /// Which of its producers.
    pub producer: Name,
    /// When, in nanoseconds after the start.
    pub during_ns: std::ops::Range<u64>,
}

impl Kind {
    /// Whether it is a copy that goes wrong, and the message that it is one of goes as it would have.
    pub(crate) fn is_of_a_copy(&self) -> bool {
        matches!(
            self,
            Self::Duplicate { .. } | Self::Malformed { .. } | Self::WrongSport { .. } | Self::UnknownEvent
        )
    }

    /// Whether it holds back, moves or renumbers an event's messages: then nothing else of the kind may happen to that event, so
    /// that what comes of it is known.
    pub(crate) fn has_its_event_to_itself(&self) -> bool {
        match self {
            Self::Reorder { .. }
            | Self::ReorderBeyond { .. }
            | Self::Gap { .. }
            | Self::GapFilled { .. }
            | Self::Late { .. }
            | Self::ClockSkew { .. }
            | Self::Restart { .. }
            | Self::SettlementRollback { .. } => true,
            Self::Duplicate { .. }
            | Self::Malformed { .. }
            | Self::WrongSport { .. }
            | Self::UnknownEvent
            | Self::Silence { .. } => false,
        }
    }

    /// What may come of it, where what is missing is noticed.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let taken = |effects: &[Effect]| Outcome { answers: vec![202], effects: effects.to_vec() };
        match self {
            Self::Duplicate { .. } => vec![taken(&[Effect::Duplicate]), taken(&[Effect::Stale])],
            // Where all of it is in one batch, nobody need have waited for anything.
            Self::Reorder { .. } => vec![taken(&[Effect::Held]), taken(&[])],
            Self::ReorderBeyond { .. } | Self::GapFilled { .. } => {
                vec![taken(&[Effect::Held, Effect::GapDeclared])]
            }
            Self::Gap { .. } => {
                vec![Outcome { answers: Vec::new(), effects: vec![Effect::GapDeclared, Effect::Stalled] }]
            }
            Self::Late { .. } | Self::ClockSkew { .. } => vec![taken(&[])],
            Self::Malformed { .. } => {
                vec![Outcome { answers: vec![400, 422], effects: vec![Effect::RefusedAtIngestion] }]
            }
            Self::WrongSport { .. } => vec![
                Outcome { answers: vec![422], effects: vec![Effect::RefusedAtIngestion] },
                taken(&[Effect::RefusedByProcessor]),
            ],
            Self::UnknownEvent => vec![taken(&[Effect::NewEvent])],
            Self::Silence { .. } => vec![taken(&[Effect::ProducerDown]), taken(&[])],
            Self::Restart { .. } => vec![taken(&[Effect::NewEpoch])],
            Self::SettlementRollback { .. } => vec![taken(&[Effect::RolledBack])],
        }
    }
}

/// Whether a message may be answered so, where these answers are planned.
pub(crate) fn is_right(
    planned: &std::collections::BTreeMap<u64, Vec<u16>>,
    message: u64,
    status: u16,
) -> bool {
    match planned.get(&message) {
        Some(allowed) => allowed.contains(&status),
        None => status == 202,
    }
}
