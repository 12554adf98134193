//! How each place is: slow, growing, stalled, down, with the limits of the alert rules in `deploy/prometheus/alerts.yml`.

use std::time::Duration;

use domain::Sport;
use serde::{Serialize, Serializer};

use super::Model;
use super::contact::Touch;
use super::hop::Hop;
use super::kafka::{Reader, TopicHistory, grows};
use super::part::{PartState, ProcessState};
use super::pipeline::Place;
use super::series::{Counter, Series};
use crate::source::{Part, Samples};

/// More messages than this that wait are a backlog.
pub(super) const LAG_MAX: f64 = 5_000.0;

/// A latency that one in a hundred messages exceeds is slow from here on, in seconds.
pub const SLOW_P99: f64 = 1.0;

/// How long errors are told of after they happened.
pub(super) const ERRORS_OVER: Duration = Duration::from_secs(60);

/// After how long without a message a place is idle; producers say that they are alive every few seconds.
pub(super) const IDLE_AFTER: Duration = Duration::from_secs(15);

/// How long nothing may pass while something waits.
const STALLED_OVER: Duration = Duration::from_secs(15);

/// How often it must have been seen that something waits.
const STALLED_TIMES: usize = 3;

/// How a place is. The later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is known yet.
    Waiting,
    /// It is not there, and need not be.
    Absent,
    /// Nothing passes.
    Idle,
    /// All is well.
    Fine,
    /// Something went wrong in the last minute.
    Errors,
    /// Takes too long.
    Slow,
    /// What waits becomes more.
    Growing,
    /// Much waits.
    Behind,
    /// Something waits and nothing passes.
    Stalled,
    /// It answers, and says that it cannot work.
    NotReady,
    /// It does not answer.
    Down,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Absent => "none",
            Self::Idle => "idle",
            Self::Fine => "ok",
            Self::Errors => "ERRORS",
            Self::Slow => "SLOW",
            Self::Growing => "GROWING",
            Self::Behind => "BEHIND",
            Self::Stalled => "STALLED",
            Self::NotReady => "NOT READY",
            Self::Down => "DOWN",
        }
    }
}

/// How many processes of a service answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answering {
    /// Those that do.
    pub processes: usize,
    /// Those that are asked.
    pub of: usize,
}

/// How many of a sport's partitions those processes have that are asked. Several share them, and each tells of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Owned {
    /// Those that it has.
    pub partitions: f64,
    /// Those that there are.
    pub of: usize,
}

impl Owned {
    #[expect(clippy::cast_precision_loss, reason = "topics have few partitions")]
    pub(super) fn is_all(self) -> bool {
        self.partitions >= self.of as f64
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word().to_ascii_lowercase().replace(' ', "_"))
    }
}

impl Model {
    /// How a service is, whatever passes through it: the worst of its processes.
    #[must_use]
    pub fn part_level(&self, part: Part) -> Level {
        let Some(state) = self.parts.get(&part) else { return Level::Absent };
        let levels = state.processes.iter().map(|process| self.process_level(part, process));
        levels.max().unwrap_or(Level::Waiting)
    }

    /// How a process of a service is.
    #[must_use]
    pub fn process_level(&self, part: Part, process: &ProcessState) -> Level {
        match process.contact.touch(self.now) {
            Touch::Waiting => Level::Waiting,
            // Whoever plays no games has no simulator, but one that takes orders went on purpose only once none was played.
            Touch::Away | Touch::Stale(_)
                if part == Part::Simulator && (!self.control.is_in_a_run() || self.takes_no_orders()) =>
            {
                Level::Absent
            }
            Touch::Away | Touch::Stale(_) => Level::Down,
            Touch::Fresh if process.lacks.is_some() => Level::NotReady,
            Touch::Fresh => Level::Fine,
        }
    }

    /// How many processes of a service answer, and how many there are.
    #[must_use]
    pub fn answering(&self, part: Part) -> Answering {
        let count = |state: &PartState| Answering {
            processes: state.answering(self.now).count(),
            of: state.processes.len(),
        };
        self.parts.get(&part).map_or(Answering { processes: 0, of: 0 }, count)
    }

    /// How everything is: the worst of what is warned of and of the hops that are there.
    #[must_use]
    pub fn state(&self) -> Level {
        let hops = Place::HOPS.into_iter().map(|place| self.level(place));
        let of_hops = hops.filter(|level| *level != Level::Absent).max().unwrap_or(Level::Waiting);
        self.warnings().first().map_or(of_hops, |warning| warning.level.max(of_hops))
    }

    /// How a topic is: as whoever reads it comes along, or cannot.
    #[must_use]
    pub fn topic_level(&self, topic: &TopicHistory) -> Level {
        let is_written = topic.written.rate.last(self.now) > Some(0.0);
        let of_writing = if is_written { Level::Fine } else { Level::Idle };
        let Some(reader) = topic.reader else { return of_writing };
        let of_process = Some(self.part_level(reader.part())).filter(|level| *level >= Level::NotReady);
        self.reader_level(reader).max(of_process).unwrap_or(of_writing)
    }

    /// How a hop is.
    #[must_use]
    pub fn hop_level(&self, hop: Hop) -> Level {
        let of_part = self.part_level(hop.part());
        let (Level::Fine, Some(history)) = (of_part, self.hops.get(&hop)) else { return of_part };
        let now = self.now;
        let of_errors = history
            .errors
            .added
            .sum(now, ERRORS_OVER)
            .is_some_and(|errors| errors > 0.0)
            .then_some(Level::Errors);
        let of_latency = history.p99.last(now).is_some_and(|p99| p99 > SLOW_P99).then_some(Level::Slow);
        let of_lag = match hop {
            Hop::Processors(sport) => self.reader_level(Reader::Processors(sport)),
            Hop::Distribution => Sport::ALL
                .map(Reader::Distribution)
                .map(|reader| self.reader_level(reader))
                .into_iter()
                .max()
                .flatten(),
            // What waits within a process.
            _ => grows(&history.lag, now).then_some(Level::Growing),
        };
        let worst = of_errors.max(of_latency).max(of_lag);
        let passes = history.passed.rate.mean(now, IDLE_AFTER) > Some(0.0);
        worst.unwrap_or(if passes { Level::Fine } else { Level::Idle })
    }

    /// What waits for a reader: as he says himself, who knows it exactly; of processors that do not answer, or have but some of
    /// the partitions, as Kafka says, to whom they tell how far they are every now and then only.
    #[must_use]
    pub fn lag(&self, reader: Reader) -> Option<&Series> {
        let told = self.kafka.told(reader).filter(|_| self.tells_of_all(reader));
        told.or_else(|| self.kafka.read_by(reader).map(|topic| &topic.lag))
    }

    /// As [`Model::lag`], of one partition.
    #[must_use]
    pub fn partition_lag(&self, reader: Reader, partition: i32) -> Option<&Series> {
        let told = self.kafka.told_of(reader, partition, self.now);
        let told = told.filter(|_| self.tells_of_all(reader));
        told.or_else(|| {
            self.kafka.read_by(reader)?.partitions.get(&partition).map(|partition| &partition.lag)
        })
    }

    /// Whether any process of a service answers.
    pub(super) fn is_heard(&self, part: Part) -> bool {
        self.parts.get(&part).is_some_and(|state| state.contact.touch(self.now) == Touch::Fresh)
    }

    /// Whether the process that is asked answers, and has all that there is to read.
    fn tells_of_all(&self, reader: Reader) -> bool {
        let has_all = match reader {
            Reader::Processors(sport) => self.owned(sport).is_none_or(Owned::is_all),
            Reader::Distribution(_) => true,
        };
        self.is_heard(reader.part()) && has_all
    }

    /// How many of a sport's partitions those processes have that answer; `None` where none does, or Kafka has not said how many
    /// there are.
    #[must_use]
    pub fn owned(&self, sport: Sport) -> Option<Owned> {
        let part = Part::Processors(sport);
        let state = self.parts.get(&part).filter(|_| self.is_heard(part))?;
        let of = self.kafka.read_by(Reader::Processors(sport))?.partitions.len();
        let owned = |samples: &Samples| samples.sum("matchday_processor_partitions_owned", &[]);
        // Of none, `sum` is -0.
        let has = state.samples(self.now).filter_map(owned).fold(0.0, |sum, owned| sum + owned);
        Some(Owned { partitions: has, of })
    }

    /// How what a reader reads is; `None` where there is nothing to be said against it.
    #[must_use]
    pub fn reader_level(&self, reader: Reader) -> Option<Level> {
        let has_passed = |passed: &Counter| passed.added.sum(self.now, STALLED_OVER) > Some(0.0);
        // What a process passes that is not asked, Kafka alone tells.
        let is_read = self.kafka.read_by(reader).is_some_and(|topic| has_passed(&topic.read));
        let by_itself = || self.hops.get(&reader.hop()).map(|hop| &hop.passed);
        let passed = self.kafka.read_as_told(reader).or_else(by_itself);
        let is_read = is_read || passed.is_some_and(has_passed);
        lag_level(self.lag(reader)?, is_read, reader.stalls_from(), self.now)
    }

    /// Whether anything is known yet: it is waited for, or all is well as far as no [warning](Self::warnings) says otherwise.
    #[must_use]
    pub fn known(&self) -> Level {
        let is_waiting = |part: &Part| matches!(self.part_level(*part), Level::Waiting | Level::Absent);
        if self.parts.keys().all(is_waiting) { Level::Waiting } else { Level::Fine }
    }
}

/// What a lag says of the reader that it waits for. From `stalls_from` messages on it matters that he reads none.
fn lag_level(lag: &Series, is_read: bool, stalls_from: f64, now: Duration) -> Option<Level> {
    let waits = lag.last(now)?;
    let waited = lag.within(now, STALLED_OVER).take_while(|(_, waits)| *waits >= stalls_from).count();
    let has_waited = waited >= STALLED_TIMES && waited == lag.within(now, STALLED_OVER).count();
    if has_waited && !is_read {
        Some(Level::Stalled)
    } else if waits > LAG_MAX {
        Some(Level::Behind)
    } else if grows(lag, now) {
        Some(Level::Growing)
    } else {
        None
    }
}
