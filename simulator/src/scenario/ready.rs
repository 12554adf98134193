//! The scenarios that come with the simulator: part of the program, so that they are where it is.

/// A scenario that is there already.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// What it is called.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! ready {
    ($($name:literal),* $(,)?) => {
        &[$(Ready { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them: the files in `simulator/scenarios`.
pub const READY: &[Ready] = ready![
    "all-faults",
    "broken-network",
    "broker-outage",
    "capacity",
    "final",
    "goal-rush",
    "kill-processors",
    "many-providers",
    "own-pace",
    "producer-outage",
    "ramp",
    "rebalance",
    "redis-flush",
    "saturday-afternoon",
    "settlement-trouble",
    "slow-database",
    "soak",
    "steady-basketball",
    "steady-football",
    "steady-hockey",
    "steady-tennis",
    "unified-odds-feed",
    "wimbledon-day",
];
