//! How a run ended: the exit codes of `matchday verify`, for scripts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How a run can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Every gate held.
    Pass,
    /// Something went wrong that is not the pipeline's doing: there is no verdict.
    Internal,
    /// The command or the scenario was not understood.
    Usage,
    /// Something is not as it must be.
    Correctness,
    /// It took too long.
    Latency,
    /// Too little went through.
    Throughput,
    /// The generator was late, or a clock is wrong, so that nothing that was measured is the pipeline's.
    Invalid,
    /// The stack could not be started, reached or looked at.
    Environment,
    /// Nothing was looked at of something that was to be judged.
    Inconclusive,
    /// It is worse than another run.
    Regression,
}

impl Exit {
    /// All of them but [`Exit::Pass`], the weightiest first.
    pub const BY_WEIGHT: [Self; 9] = [
        Self::Internal,
        Self::Usage,
        Self::Environment,
        Self::Correctness,
        Self::Invalid,
        Self::Inconclusive,
        Self::Latency,
        Self::Throughput,
        Self::Regression,
    ];

    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Correctness => 10,
            Self::Latency => 11,
            Self::Throughput => 12,
            Self::Invalid => 13,
            Self::Environment => 14,
            Self::Inconclusive => 15,
            Self::Regression => 16,
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Correctness => "correctness",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Invalid => "invalid",
            Self::Environment => "environment",
            Self::Inconclusive => "inconclusive",
            Self::Regression => "regression",
        }
    }

    /// Of several that hold the one to exit with; [`Exit::Pass`] where there is none.
    #[must_use]
    pub fn first(of: &BTreeSet<Self>) -> Self {
        Self::BY_WEIGHT.into_iter().find(|exit| of.contains(exit)).unwrap_or(Self::Pass)
    }
}

/// Whether an error is our own: a task of this process panicked.
#[must_use]
pub fn is_panic(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<tokio::task::JoinError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_the_weightiest_is_the_exit_code() {
        let code = |exits: &[Exit]| Exit::first(&exits.iter().copied().collect()).code();
        assert_eq!(code(&[]), 0);
        let weights: Vec<u8> = Exit::BY_WEIGHT.into_iter().map(Exit::code).collect();
        assert_eq!(weights, [1, 2, 14, 10, 13, 15, 11, 12, 16]);
        for (place, exit) in Exit::BY_WEIGHT.into_iter().enumerate() {
            assert_eq!(code(&Exit::BY_WEIGHT[place..]), exit.code(), "{exit:?} comes before what follows it");
        }
    }
}
