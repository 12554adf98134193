//! Gates: what a run of a scenario must keep to, for whoever judges it. The simulator itself takes no notice of them.

use std::fmt;

/// How late the generator may be where nothing else is said, in milliseconds.
pub const LATE_MS: u32 = 100;

/// What a run must keep to.
#[derive(Debug, Clone, PartialEq)]
pub struct Gates {
    /// How many anomalies there may be, all kinds together.
    pub anomalies_max: u64,
    /// For how long markets may be served open that must not be, in milliseconds; not at all where nothing is said.
    pub unsafe_open_ms_max: Option<u32>,
    /// How late the generator may send, 99 of 100 messages, in milliseconds: beyond it the run is invalid.
    pub late_ms_max: u32,
    /// How long messages may take.
    pub latency: Vec<LatencyGate>,
    /// How many messages a second must have gone in.
    pub messages_per_second_min: Option<f64>,
    /// How long anything may take until it works again, in seconds.
    pub recovery_seconds_max: Option<f64>,
    /// How much memory each service may have at most, in MiB.
    pub memory_mib_max: Option<u32>,
}

impl Gates {
    /// What holds where a scenario says nothing: everything must be right, and the generator in time.
    pub const RIGHT: Self = Self {
        anomalies_max: 0,
        unsafe_open_ms_max: None,
        late_ms_max: LATE_MS,
        latency: Vec::new(),
        messages_per_second_min: None,
        recovery_seconds_max: None,
        memory_mib_max: None,
    };
}

/// How long a share of the messages may take from the time when they were due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyGate {
    /// Until they were where.
    pub hop: Hop,
    /// Which share.
    pub share: Share,
    /// How long, in milliseconds.
    pub ms_max: f64,
}

/// How far a message has come, in the order of its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// The generator has sent it.
    Sent,
    /// Ingestion has it.
    Received,
    /// It is in Kafka's feed topic.
    InKafka,
    /// A processor has applied it, and commits.
    Applied,
    /// Its transaction is over.
    Committed,
    /// Its update is in Kafka's updates topic.
    Published,
    /// Distribution has written it to a socket.
    Written,
    /// A client has read it.
    AtClient,
}

impl Hop {
    /// All of them, in the order of a message's way.
    pub const ALL: [Self; 8] = [
        Self::Sent,
        Self::Received,
        Self::InKafka,
        Self::Applied,
        Self::Committed,
        Self::Published,
        Self::Written,
        Self::AtClient,
    ];

    /// Its name in scenarios and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::InKafka => "in_kafka",
            Self::Applied => "applied",
            Self::Committed => "committed",
            Self::Published => "published",
            Self::Written => "written",
            Self::AtClient => "at_client",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A share of messages: the fastest ones that make it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// Half of them.
    P50,
    /// Nine of ten.
    P90,
    /// 99 of a hundred.
    P99,
    /// 999 of a thousand.
    P99_9,
    /// 9,999 of ten thousand.
    P99_99,
    /// All.
    Max,
}

impl Share {
    /// All of them, the smallest first.
    pub const ALL: [Self; 6] = [Self::P50, Self::P90, Self::P99, Self::P99_9, Self::P99_99, Self::Max];

    /// Its name in scenarios and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P99_9 => "p99_9",
            Self::P99_99 => "p99_99",
            Self::Max => "max",
        }
    }

    /// How much of the whole it is, 0 to 1.
    #[must_use]
    pub fn quantile(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P99_9 => 0.999,
            Self::P99_99 => 0.9999,
            Self::Max => 1.0,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
