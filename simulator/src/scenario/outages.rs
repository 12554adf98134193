//! Outages: what is to go wrong in the stack while a scenario is played, and to which of its parts.
//!
//! The simulator reads them, so that a scenario is one file, and leaves them to whoever runs the stack: `matchday verify`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use domain::Sport;
use serde::{Deserialize, Serialize};

/// The most outages of one scenario.
pub const OUTAGES_MAX: usize = 32;

/// Something that goes wrong in the stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// To which part it happens, or on the way to which.
    pub target: Part,
    /// Where it happens on the way to the target: whose way; `None`: that of everybody who goes there.
    pub from: Option<Part>,
    /// What happens.
    pub kind: OutageKind,
    /// When it begins, after the start.
    pub at: When,
    /// How long it lasts; a process that ended stays away for so long.
    pub lasts: Duration,
}

/// A part of a stack, or who is at one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Part {
    /// Who pushes the feed.
    Provider,
    /// The service that takes it.
    Ingestion,
    /// The processors of a sport.
    Processors(Sport),
    /// The service that serves REST and sockets.
    Distribution,
    /// Who listens there.
    Clients,
    /// The broker.
    Kafka,
    /// The database.
    Mysql,
    /// The cache.
    Redis,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OutageKind {
    /// The process is ended as a crash does it (`SIGKILL`), and started again.
    Kill,
    /// It is stopped (`SIGSTOP`), keeps its sockets and answers nothing, and goes on (`SIGCONT`).
    Pause,
    /// It is asked to end (`SIGTERM`), and started again.
    Restart,
    /// Redis forgets everything, and runs on.
    Flush,
    /// A second process of the sport's processors joins, and leaves again.
    Rebalance,
    /// All that goes over the way arrives later, in each direction.
    Slow {
        /// By so much.
        latency_ms: u32,
    },
    /// So much goes over the way and no more, in each direction.
    Throttle {
        /// KiB a second, per connection.
        kib_per_second: u32,
    },
    /// Connections are reset, and new ones as well.
    Cut,
    /// The target's end of each connection is closed, and who is at the other end hears nothing of it, of new ones as little.
    HalfOpen,
}

/// When an outage begins, after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Then.
    At(Duration),
    /// At a moment from the first to the second, drawn from the scenario's seed.
    Between(Duration, Duration),
}

impl Outage {
    /// Whether it happens to the same part as another, or on a way that is the other's as well.
    #[must_use]
    pub fn concerns_same(&self, other: &Self) -> bool {
        let is_same_way = match (self.from, other.from) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.target == other.target
            && self.kind.is_on_the_way() == other.kind.is_on_the_way()
            && (!self.kind.is_on_the_way() || is_same_way)
    }
}

impl OutageKind {
    /// Whether it happens on the way to a part, and not to the part itself.
    #[must_use]
    pub fn is_on_the_way(self) -> bool {
        matches!(self, Self::Slow { .. } | Self::Throttle { .. } | Self::Cut | Self::HalfOpen)
    }

    /// Its name in a scenario.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Restart => "restart",
            Self::Flush => "flush",
            Self::Rebalance => "rebalance",
            Self::Slow { .. } => "slow",
            Self::Throttle { .. } => "throttle",
            Self::Cut => "cut",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Part {
    /// Whether it is a process of a stack, and not somebody outside of it.
    #[must_use]
    pub fn is_process(self) -> bool {
        !matches!(self, Self::Provider | Self::Clients)
    }

    /// Whether it is one of the stores, to which every service goes.
    #[must_use]
    pub fn is_store(self) -> bool {
        matches!(self, Self::Kafka | Self::Mysql | Self::Redis)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider => f.write_str("provider"),
            Self::Ingestion => f.write_str("ingestion"),
            Self::Processors(sport) => write!(f, "processors-{sport}"),
            Self::Distribution => f.write_str("distribution"),
            Self::Clients => f.write_str("clients"),
            Self::Kafka => f.write_str("kafka"),
            Self::Mysql => f.write_str("mysql"),
            Self::Redis => f.write_str("redis"),
        }
    }
}

/// A name that no part of a stack has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no part of a stack: ingestion, processors-<sport>, distribution, kafka, mysql, redis, and at its ends provider \
     and clients"
)]
pub struct UnknownPart(String);

impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(name: &str) -> Result<Self, UnknownPart> {
        let unknown = || UnknownPart(name.to_owned());
        Ok(match name {
            "provider" => Self::Provider,
            "ingestion" => Self::Ingestion,
            "distribution" => Self::Distribution,
            "clients" => Self::Clients,
            "kafka" => Self::Kafka,
            "mysql" => Self::Mysql,
            "redis" => Self::Redis,
            _ => {
                let sport = name.strip_prefix("processors-").ok_or_else(unknown)?;
                Self::Processors(sport.parse().map_err(|_| unknown())?)
            }
        })
    }
}

impl TryFrom<String> for Part {
    type Error = UnknownPart;

    fn try_from(name: String) -> Result<Self, UnknownPart> {
        name.parse()
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}
