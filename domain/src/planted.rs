//! Bugs that are planted on purpose, so that a test can prove that the judge finds each: the list of them, and which is at work.
//!
//! Compiled in only with the feature `planted`, which nothing turns on by itself. Each bug stands in one place, in the code that
//! it breaks, marked `PLANTED` and its name. `harness/tests/it/planted.rs` is what they are for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable that tells a process its bug: a name, and for [`Bug::LoseMessage`] how seldom, `lose-message:500`.
pub const VARIABLE: &str = "MATCHDAY_PLANTED";
/// One message in so many is lost where nothing else is said.
pub const ONE_IN: u64 = 100_000;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Ingestion answers 202 for a message that it does not send to Kafka, once in so many.
    LoseMessage,
    /// A processor writes what changed into an event's image in Redis, of whatever version that is.
    SkipVersionGuard,
    /// A processor publishes a batch before its transaction.
    PublishBeforeCommit,
    /// The first odds after a bet stop open the markets that they name, whatever they say of them.
    ReopenSuspended,
    /// The rollback of a settlement changes nothing.
    ForgetRollback,
    /// REST keeps the first image of each event, and answers with that.
    ServeStaleCache,
    /// A settlement gives the first two outcomes of a market each other's result.
    SettleWrongOutcome,
    /// The frame of a bet stop leaves out one of the markets that it suspends.
    LeaveOutStopped,
    /// A processor takes no producer for silent, however long it says nothing.
    IgnoreSilence,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LoseMessage,
        Self::SkipVersionGuard,
        Self::PublishBeforeCommit,
        Self::ReopenSuspended,
        Self::ForgetRollback,
        Self::ServeStaleCache,
        Self::SettleWrongOutcome,
        Self::LeaveOutStopped,
        Self::IgnoreSilence,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoseMessage => "lose-message",
            Self::SkipVersionGuard => "skip-version-guard",
            Self::PublishBeforeCommit => "publish-before-commit",
            Self::ReopenSuspended => "reopen-suspended",
            Self::ForgetRollback => "forget-rollback",
            Self::ServeStaleCache => "serve-stale-cache",
            Self::SettleWrongOutcome => "settle-wrong-outcome",
            Self::LeaveOutStopped => "leave-out-stopped",
            Self::IgnoreSilence => "ignore-silence",
        }
    }
}

/// What this process has, and how seldom.
static CHOSEN: OnceLock<(Bug, u64)> = OnceLock::new();

/// Chooses this process's bug: what [`VARIABLE`] says; without it there is none.
///
/// # Panics
/// When there is no such bug: a process that should have one must not run without.
pub fn choose(text: Option<&str>) {
    let Some(text) = text else { return };
    let (name, one_in) = text.split_once(':').unwrap_or((text, ""));
    let bug = Bug::ALL.into_iter().find(|bug| bug.as_str() == name);
    let one_in = if one_in.is_empty() { Some(ONE_IN) } else { one_in.parse().ok().filter(|n| *n > 0) };
    let chosen =
        bug.zip(one_in).unwrap_or_else(|| panic!("{VARIABLE}={text} names no bug that can be planted"));
    // A process is told once.
    let _ = CHOSEN.set(chosen);
}

/// Whether this process has the bug.
#[must_use]
pub fn is(bug: Bug) -> bool {
    CHOSEN.get().is_some_and(|(chosen, _)| *chosen == bug)
}

/// Whether this process has the bug, and this time it strikes: each time that so many have gone by.
#[must_use]
pub fn strikes(bug: Bug) -> bool {
    static TURNS: AtomicU64 = AtomicU64::new(0);
    let one_in = CHOSEN.get().filter(|(chosen, _)| *chosen == bug).map(|(_, one_in)| *one_in);
    one_in.is_some_and(|one_in| (TURNS.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(one_in))
}
