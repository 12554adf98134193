//! The pipeline in a few rows, in the order in which messages pass: what each consists of, and its numbers.

use std::time::Duration;

use domain::Sport;
use serde::{Serialize, Serializer};

use super::hop::{History, Hop};
use super::judge::{Answering, IDLE_AFTER, Owned};
use super::kafka::{Reader, grows};
use super::series::Series;
use super::{Level, Model, Touch};
use crate::source::Part;

/// Over how long a rate is averaged that is told as a number.
const RATE_OVER: Duration = Duration::from_secs(5);

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What the provider sends.
    Simulator,
    /// What is accepted.
    Ingestion,
    /// What is written to the feed topics, and waits there.
    FeedTopics,
    /// What all processors apply.
    Processors,
    /// What distribution reads.
    Distribution,
    /// What clients are told.
    Sockets,
    /// What the processors of one sport apply, and what of it waits in either of its topics.
    Sport(Sport),
}

/// One of a row's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Messages a second.
    Rate,
    /// The latency that one in a hundred exceeds, in seconds.
    P99,
    /// What waits.
    Lag,
}

/// A row's numbers now. What is not measured there, or not known, is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which it is.
    pub place: Place,
    /// How it is.
    pub state: Level,
    /// Messages a second.
    pub per_second: Option<f64>,
    /// The median of the latency, in seconds.
    pub p50_seconds: Option<f64>,
    /// The latency that one in a hundred exceeds, in seconds.
    pub p99_seconds: Option<f64>,
    /// What waits there: messages in the topics that it reads; at ingestion requests under way, at sockets events with news for a
    /// client.
    pub lag: Option<f64>,
    /// What went wrong within the window.
    pub errors: Option<f64>,
    /// How many processes it has, and how many of them answer, where any service of it has several: rate, errors and what waits in them
    /// are of all that answer together, latencies those of the slowest.
    pub processes: Option<Answering>,
    /// Where those processes that are asked do not have all partitions: rate, latency and errors are of theirs alone.
    pub partitions: Option<Owned>,
}

impl Place {
    /// The hops, in the order in which messages pass.
    pub const HOPS: [Self; 6] = [
        Self::Simulator,
        Self::Ingestion,
        Self::FeedTopics,
        Self::Processors,
        Self::Distribution,
        Self::Sockets,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Ingestion => "ingestion",
            Self::FeedTopics => "feed topics",
            Self::Processors => "processors",
            Self::Distribution => "distribution",
            Self::Sockets => "sockets",
            Self::Sport(sport) => sport.as_str(),
        }
    }

    /// What waits there, in words.
    #[must_use]
    pub fn waiting(self) -> &'static str {
        self.hops().first().map_or("", |hop| hop.waiting())
    }

    /// The hops that it consists of.
    fn hops(self) -> Vec<Hop> {
        match self {
            Self::Simulator => vec![Hop::Simulator],
            Self::Ingestion => vec![Hop::Ingestion],
            Self::FeedTopics => vec![Hop::FeedTopics],
            Self::Processors => Sport::ALL.map(Hop::Processors).to_vec(),
            Self::Distribution => vec![Hop::Distribution],
            Self::Sockets => vec![Hop::Sockets],
            Self::Sport(sport) => vec![Hop::Processors(sport)],
        }
    }

    /// Those for whom what waits there waits in topics.
    fn readers(self) -> Vec<Reader> {
        match self {
            Self::FeedTopics | Self::Processors => Sport::ALL.map(Reader::Processors).to_vec(),
            Self::Distribution => Sport::ALL.map(Reader::Distribution).to_vec(),
            Self::Sport(sport) => vec![Reader::Processors(sport), Reader::Distribution(sport)],
            Self::Simulator | Self::Ingestion | Self::Sockets => Vec::new(),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name().replace(' ', "_"))
    }
}

impl Figure {
    /// Several of them as one: rates and lags add up, of latencies the longest counts.
    fn join(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        match self {
            Self::Rate | Self::Lag => values.reduce(|sum, value| sum + value),
            Self::P99 => values.reduce(f64::max),
        }
    }
}

impl Model {
    /// A row's numbers, its errors those of the last `window`.
    #[must_use]
    pub fn row(&self, place: Place, window: Duration) -> Row {
        let histories: Vec<&History> = self.histories(place).collect();
        let now = self.now;
        let last = |of: fn(&History) -> &Series, figure: Figure| {
            figure.join(histories.iter().filter_map(|history| of(history).last(now)))
        };
        let fresh = self.series(place, Figure::Rate).into_iter().filter(|series| series.last(now).is_some());
        let errors = histories.iter().filter_map(|history| history.errors.added.sum(now, window));
        let waits = self.series(place, Figure::Lag).into_iter().filter_map(|series| series.last(now));
        let lag = Figure::Lag.join(waits);
        Row {
            place,
            state: self.level(place),
            per_second: Figure::Rate.join(fresh.filter_map(|series| series.mean(now, RATE_OVER))),
            p50_seconds: last(|history| &history.p50, Figure::P99),
            p99_seconds: last(|history| &history.p99, Figure::P99),
            lag,
            errors: Figure::Rate.join(errors),
            processes: self.processes(place),
            partitions: self.part_of(place),
        }
    }

    fn processes(&self, place: Place) -> Option<Answering> {
        let hops = place.hops().into_iter();
        let of: Vec<Answering> = hops.map(|hop| self.answering(hop.part())).collect();
        let sum = |of: &[Answering], count: fn(&Answering) -> usize| of.iter().map(count).sum();
        of.iter().any(|answering| answering.of > 1).then(|| Answering {
            processes: sum(&of, |answering| answering.processes),
            of: sum(&of, |answering| answering.of),
        })
    }

    /// How many partitions those processes have that are asked, where that is not all.
    fn part_of(&self, place: Place) -> Option<Owned> {
        let sports: Vec<Sport> = match place {
            Place::Processors => self.sports().collect(),
            Place::Sport(sport) => vec![sport],
            _ => return None,
        };
        let owned = sports.into_iter().filter_map(|sport| self.owned(sport));
        let together = |one: Owned, other: Owned| Owned {
            partitions: one.partitions + other.partitions,
            of: one.of + other.of,
        };
        owned.reduce(together).filter(|owned| !owned.is_all())
    }

    /// The last `window` of a figure in so many columns.
    #[must_use]
    pub fn columns(
        &self,
        place: Place,
        figure: Figure,
        window: Duration,
        columns: usize,
    ) -> Vec<Option<f64>> {
        let series = self.series(place, figure);
        let all: Vec<Vec<Option<f64>>> =
            series.iter().map(|series| series.columns(self.now, window, columns)).collect();
        (0..columns).map(|column| figure.join(all.iter().filter_map(|one| one[column]))).collect()
    }

    /// The series that a figure of a row consists of.
    fn series(&self, place: Place, figure: Figure) -> Vec<&Series> {
        match (place, figure) {
            (Place::FeedTopics, Figure::Rate) => {
                self.kafka.feeds().map(|topic| &topic.written.rate).collect()
            }
            (_, Figure::Lag) if !place.readers().is_empty() => {
                place.readers().into_iter().filter_map(|reader| self.lag(reader)).collect()
            }
            (_, Figure::Lag) => self.histories(place).map(|history| &history.lag).collect(),
            (_, Figure::Rate) => self.histories(place).map(|history| &history.passed.rate).collect(),
            (_, Figure::P99) => self.histories(place).map(|history| &history.p99).collect(),
        }
    }

    fn histories(&self, place: Place) -> impl Iterator<Item = &History> {
        place.hops().into_iter().filter_map(|hop| self.hops.get(&hop))
    }

    /// How a row is: the worst of what it consists of. Where some of that is idle and some is not, it is not idle.
    #[must_use]
    pub fn level(&self, place: Place) -> Level {
        if place == Place::FeedTopics {
            return self.feed_topics_level();
        }
        let hops = place.hops().into_iter().filter(|hop| self.parts.contains_key(&hop.part()));
        let worst = hops.map(|hop| self.hop_level(hop)).max().unwrap_or(Level::Absent);
        match place {
            // Whoever is sent away for not reading is an error, so errors are no reason to be silent of the slow.
            Place::Sockets if worst >= Level::Idle && self.clients.behind.last(self.now) > Some(0.0) => {
                worst.max(Level::Slow)
            }
            Place::Sport(sport) => {
                let read =
                    self.reader_level(Reader::Distribution(sport)).map_or(worst, |read| worst.max(read));
                self.sport_level(sport).map_or(read, |level| read.max(level))
            }
            Place::Processors => {
                let sports = self.sports().filter_map(|sport| self.sport_level(sport));
                sports.fold(worst, Level::max)
            }
            _ => worst,
        }
    }

    /// What there is to be said against what waits at a row, whatever else is wrong there.
    #[must_use]
    pub fn lag_level(&self, place: Place) -> Option<Level> {
        let of_readers = place.readers().into_iter().filter_map(|reader| self.reader_level(reader)).max();
        let is_within = place.readers().is_empty();
        let grows = || self.histories(place).any(|history| grows(&history.lag, self.now));
        of_readers.or_else(|| (is_within && grows()).then_some(Level::Growing))
    }

    fn feed_topics_level(&self) -> Level {
        let worst =
            Place::FeedTopics.readers().into_iter().filter_map(|reader| self.reader_level(reader)).max();
        let of_kafka = match self.kafka.contact.touch(self.now) {
            _ if !self.kafka.is_asked => Level::Absent,
            Touch::Waiting => Level::Waiting,
            Touch::Away | Touch::Stale(_) => Level::Down,
            Touch::Fresh => {
                let written =
                    self.kafka.feeds().filter_map(|topic| topic.written.rate.mean(self.now, IDLE_AFTER));
                if written.sum::<f64>() > 0.0 { Level::Fine } else { Level::Idle }
            }
        };
        // Whether ingestion answers at all is told where it stands.
        let is_of_writing = |level: &Level| matches!(level, Level::Errors | Level::Slow);
        let of_writing = Some(self.hop_level(Hop::FeedTopics)).filter(is_of_writing);
        of_kafka.max(worst.unwrap_or(of_kafka)).max(of_writing.unwrap_or(of_kafka))
    }

    /// The sports that have processors here.
    pub fn sports(&self) -> impl Iterator<Item = Sport> {
        Sport::ALL.into_iter().filter(|sport| self.parts.contains_key(&Part::Processors(*sport)))
    }
}
