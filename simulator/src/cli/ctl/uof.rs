//! The calls that the replay of a Unified Odds Feed has, and its requests for recovery, from the command line.

use clap::{Args, Subcommand};
use domain::{EventId, Name, Sport};
use reqwest::Method;

/// What a replay is told.
#[derive(Debug, Subcommand)]
pub(super) enum Uof {
    /// Say what is in the playlist
    List,
    /// Add an event to the playlist, or change how it is played
    Add {
        /// The event
        event: EventId,
        /// The minute from which on it is played
        #[arg(long, default_value_t = 0, value_name = "MINUTES")]
        start_time: u32,
        /// Which sport it is of
        #[arg(long, default_value_t = Sport::Football, value_name = "SPORT")]
        sport: Sport,
    },
    /// Take an event out of the playlist
    Remove {
        /// The event
        event: EventId,
    },
    /// Play the playlist; what is played before is ended first
    Play {
        /// How many times as fast
        #[arg(long, default_value_t = 10.0, value_name = "FACTOR")]
        speed: f64,
        /// The longest wait between two messages
        #[arg(long, default_value_t = 10_000, value_name = "MS")]
        max_delay: u32,
        /// Give messages the times at which they are sent
        #[arg(long)]
        use_replay_timestamp: bool,
        /// Play all events at once
        #[arg(long)]
        run_parallel: bool,
        /// Let this producer alone be heard
        #[arg(long, value_name = "NUMBER")]
        product: Option<Name>,
        /// What stands last in routing keys
        #[arg(long, value_name = "N")]
        node_id: Option<u32>,
        /// Whose feed it is sent to
        #[arg(long, default_value = "uof", value_name = "PROVIDER")]
        provider: Name,
    },
    /// End what is being played
    Stop,
    /// End it, and empty the playlist
    Reset,
    /// Say whether something is being played
    Status,
    /// List the ready-made scenarios in which somebody tells this feed, by their numbers
    Scenarios,
    /// Play one of them
    PlayScenario {
        /// Its number
        id: usize,
        /// How many times as fast
        #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
        speed: f64,
    },
}

/// What a producer is to send again.
#[derive(Debug, Args)]
pub(super) struct Recover {
    /// Which producer
    producer: Name,
    /// Of this event alone
    #[arg(long, value_name = "URN", conflicts_with = "after")]
    event: Option<EventId>,
    /// Nothing from before this, in milliseconds since the Unix epoch
    #[arg(long, value_name = "MS")]
    after: Option<i64>,
    /// What every message of the answer carries
    #[arg(long, default_value_t = 1, value_name = "N")]
    request_id: u64,
}

impl Uof {
    pub(super) fn request(&self) -> (Method, String) {
        match self {
            Self::List => (Method::GET, "/v1/replay/".to_owned()),
            Self::Add { event, start_time, sport } => (
                Method::PUT,
                format!("/v1/replay/events/{event}?start_time={start_time}&sport={}", sport.as_str()),
            ),
            Self::Remove { event } => (Method::DELETE, format!("/v1/replay/events/{event}")),
            Self::Play {
                speed,
                max_delay,
                use_replay_timestamp,
                run_parallel,
                product,
                node_id,
                provider,
            } => {
                let mut path = format!(
                    "/v1/replay/play?speed={speed}&max_delay={max_delay}&provider={provider}\
                     &use_replay_timestamp={use_replay_timestamp}&run_parallel={run_parallel}"
                );
                path.extend(product.iter().map(|product| format!("&product={product}")));
                path.extend(node_id.iter().map(|node| format!("&node_id={node}")));
                (Method::POST, path)
            }
            Self::Stop => (Method::POST, "/v1/replay/stop".to_owned()),
            Self::Reset => (Method::POST, "/v1/replay/reset".to_owned()),
            Self::Status => (Method::GET, "/v1/replay/status".to_owned()),
            Self::Scenarios => (Method::GET, "/v1/replay/scenario".to_owned()),
            Self::PlayScenario { id, speed } => {
                (Method::POST, format!("/v1/replay/scenario/play/{id}?speed={speed}"))
            }
        }
    }
}

impl Recover {
    pub(super) fn request(&self) -> (Method, String) {
        let Self { producer, event, after, request_id } = self;
        let of = match event {
            Some(event) => format!("odds/events/{event}"),
            None => "recovery".to_owned(),
        };
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        (Method::POST, format!("/v1/{producer}/{of}/initiate_request?request_id={request_id}{after}"))
    }
}
