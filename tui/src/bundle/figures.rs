//! What a run's `verdict.json` has measured as a whole: how long messages took, what was compared where, and what repeats the run.

use harness::bundle::{Document, LatencyPart, Since};

use super::seconds;
use crate::text::Text;

/// The shares of messages whose latency is told, as the bundle names them and as people do.
pub const SHARES: [(&str, &str); 5] =
    [("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99_9", "p99.9"), ("max", "max")];

/// Figures of a whole run, without its warm-up.
#[derive(Clone, Debug)]
pub struct Figures {
    /// How long messages took from when they were due until they were at each hop, in the order in which they are there.
    pub hops: Vec<Measured>,
    /// And to the client, by sport.
    pub sports: Vec<Measured>,
    /// What was compared, by place and by sport.
    pub compared: Vec<Compared>,
    /// The command that repeats it.
    pub repeat: Text,
    /// The files in its bundle that hold every message as it went.
    pub recordings: Vec<Text>,
}

/// How long messages took.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Until where, or which messages.
    pub what: Text,
    /// How many there were.
    pub count: u64,
    /// What so many of them took at most, in seconds, in the order of [`SHARES`].
    pub seconds: [Option<f64>; SHARES.len()],
}

/// Values that were held against what they must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Where they stood, or of which sport they were.
    pub what: Text,
    /// How many.
    pub compared: u64,
    /// How many of them were others.
    pub differ: u64,
}

impl Figures {
    pub(super) fn new(document: &Document) -> Self {
        let since_due = document.latency.iter().filter(|part| part.since == Since::Due && !part.is_warm_up);
        let (of_sports, of_all): (Vec<_>, Vec<_>) =
            since_due.filter(|part| part.class.is_none()).partition(|part| part.sport.is_some());
        let mut hops: Vec<Measured> = of_all.iter().map(|part| Measured::new(&part.hop, part)).collect();
        // Time only adds up on the way, so the median tells which hop comes first.
        hops.sort_by(|one, other| one.median().total_cmp(&other.median()));
        let at_client = of_sports.iter().filter(|part| part.hop == "at_client");
        let sports = at_client.filter_map(|part| Some(Measured::new(part.sport.as_ref()?, part)));
        let places =
            document.places.iter().map(|part| Compared::new(&part.place, part.compared, part.differ));
        let by_sport =
            document.sports.iter().map(|part| Compared::new(&part.sport, part.compared, part.differ));
        let recordings = document.files.iter().filter(|(what, _)| what.starts_with("recording "));
        Self {
            hops,
            sports: sports.collect(),
            compared: places.chain(by_sport).collect(),
            repeat: Text::new(&document.scenario.repeat),
            recordings: recordings.map(|(_, file)| Text::new(file)).collect(),
        }
    }
}

impl Measured {
    fn new(what: &str, part: &LatencyPart) -> Self {
        Self {
            what: Text::new(&what.replace('_', " ")),
            count: part.count,
            seconds: SHARES.map(|(share, _)| part.micros.get(share).map(|micros| seconds(*micros))),
        }
    }

    /// Those that were never measured stand last.
    fn median(&self) -> f64 {
        self.seconds[0].unwrap_or(f64::INFINITY)
    }
}

impl Compared {
    fn new(what: &str, compared: u64, differ: u64) -> Self {
        Self { what: Text::new(&what.replace('_', " ")), compared, differ }
    }
}
