//! What is slow, growing or wrong, with the limits of the alert rules in `deploy/prometheus/alerts.yml`.

use std::time::Duration;

use domain::Sport;
use serde::{Serialize, Serializer};

use super::contact::Touch;
use super::hop::{History, Hop};
use super::kafka::{grows, slope};
use super::series::Series;
use super::{Model, PartState};
use crate::source::Part;

/// More messages than this that wait are a backlog.
const LAG_MAX: f64 = 5_000.0;

/// A latency that one in a hundred messages exceeds is slow from here on, in seconds.
const SLOW_P99: f64 = 1.0;

/// A live game waits too long for odds from here on, in seconds.
const ODDS_AGE_MAX: f64 = 60.0;

/// A producer that was heard is silent after so long, and nobody's concern any more after so long, in seconds.
const SILENT: std::ops::Range<f64> = 30.0..900.0;

/// How long errors are told of after they happened.
const ERRORS_OVER: Duration = Duration::from_secs(60);

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

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word().to_ascii_lowercase().replace(' ', "_"))
    }
}

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// How bad it is.
    pub level: Level,
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
}

impl Model {
    /// How a process is, whatever passes through it.
    #[must_use]
    pub fn part_level(&self, part: Part) -> Level {
        let Some(state) = self.parts.get(&part) else { return Level::Absent };
        match state.contact.touch(self.now) {
            Touch::Waiting => Level::Waiting,
            // Whoever plays no games has no simulator.
            Touch::Away | Touch::Stale(_) if part == Part::Simulator => Level::Absent,
            Touch::Away | Touch::Stale(_) => Level::Down,
            Touch::Fresh if state.lacks.is_some() => Level::NotReady,
            Touch::Fresh => Level::Fine,
        }
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
            Hop::Processors(sport) => self.lag(sport).and_then(|lag| lag_level(lag, history, now)),
            _ => None,
        };
        let worst = of_errors.max(of_latency).max(of_lag);
        let passes = history.passed.rate.last(now).is_some_and(|rate| rate > 0.0);
        worst.unwrap_or(if passes { Level::Fine } else { Level::Idle })
    }

    /// What waits before a sport's processors: as they say themselves, who know it exactly; where they do not answer, as Kafka
    /// says, to whom they tell how far they are every now and then only.
    #[must_use]
    pub fn lag(&self, sport: Sport) -> Option<&Series> {
        let told = self.hops.get(&Hop::Processors(sport)).map(|history| &history.lag);
        let told = told.filter(|_| self.is_heard(Part::Processors(sport)));
        told.or_else(|| self.kafka.feed(sport).map(|topic| &topic.lag))
    }

    /// As [`Model::lag`], of one partition.
    #[must_use]
    pub fn partition_lag(&self, sport: Sport, partition: i32) -> Option<&Series> {
        let told = self.kafka.told(sport, partition, self.now);
        let told = told.filter(|_| self.is_heard(Part::Processors(sport)));
        told.or_else(|| self.kafka.feed(sport)?.partitions.get(&partition).map(|partition| &partition.lag))
    }

    fn is_heard(&self, part: Part) -> bool {
        self.parts.get(&part).is_some_and(|state| state.contact.touch(self.now) == Touch::Fresh)
    }

    /// How a sport's feed topic is.
    #[must_use]
    pub fn feed_level(&self, sport: Sport) -> Option<Level> {
        self.lag(sport).and_then(|lag| lag_level(lag, self.hops.get(&Hop::Processors(sport))?, self.now))
    }

    /// Whether anything is known yet: it is waited for, or all is well as far as no [warning](Self::warnings) says otherwise.
    #[must_use]
    pub fn known(&self) -> Level {
        let is_waiting = |part: &Part| matches!(self.part_level(*part), Level::Waiting | Level::Absent);
        if self.parts.keys().all(is_waiting) { Level::Waiting } else { Level::Fine }
    }

    /// Everything that somebody should look at, the worst first.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings: Vec<Warning> =
            self.parts.iter().filter_map(|(part, state)| self.part_warning(*part, state)).collect();
        for (hop, history) in &self.hops {
            if self.part_level(hop.part()) == Level::Fine {
                warnings.extend(self.hop_warnings(*hop, history));
            }
        }
        for sport in Sport::ALL {
            warnings.extend(self.lag_warning(sport));
            warnings.extend(self.sport_warnings(sport));
        }
        warnings.extend(self.silent_producers());
        if let (true, Touch::Away | Touch::Stale(_)) =
            (self.kafka.is_asked, self.kafka.contact.touch(self.now))
        {
            let why = self.kafka.contact.trouble().map_or("it tells nothing", |why| why.as_str());
            warnings.push(Warning { level: Level::Down, place: "Kafka".to_owned(), what: why.to_owned() });
        }
        warnings.sort_by_key(|warning| std::cmp::Reverse(warning.level));
        warnings
    }

    fn part_warning(&self, part: Part, state: &PartState) -> Option<Warning> {
        let level = self.part_level(part);
        let what = match level {
            Level::Down => {
                let why = state.contact.trouble().map(|why| format!(": {why}")).unwrap_or_default();
                match state.contact.touch(self.now) {
                    Touch::Stale(age) => format!("no answer for {} s{why}", age.as_secs()),
                    _ => format!("no answer{why}"),
                }
            }
            Level::NotReady => state.lacks.as_ref()?.to_string(),
            _ => return None,
        };
        Some(Warning { level, place: part.to_string(), what })
    }

    fn hop_warnings(&self, hop: Hop, history: &History) -> Vec<Warning> {
        let place = match hop {
            Hop::Sockets => "sockets".to_owned(),
            Hop::FeedTopics => "feed topics".to_owned(),
            _ => hop.part().to_string(),
        };
        let warning = |level, what| Warning { level, place: place.clone(), what };
        let mut warnings = Vec::new();
        if let Some(errors) = history.errors.added.sum(self.now, ERRORS_OVER).filter(|errors| *errors > 0.0) {
            warnings.push(warning(Level::Errors, format!("{errors:.0} went wrong in the last minute")));
        }
        if let Some(p99) = history.p99.last(self.now).filter(|p99| *p99 > SLOW_P99) {
            warnings.push(warning(Level::Slow, format!("one message in a hundred takes over {p99:.1} s")));
        }
        if let Some(behind) = self.clients.behind.last(self.now).filter(|_| hop == Hop::Sockets)
            && behind > 0.0
        {
            warnings.push(warning(Level::Slow, format!("{behind:.0} clients do not read fast enough")));
        }
        warnings
    }

    fn lag_warning(&self, sport: Sport) -> Option<Warning> {
        let level = self.feed_level(sport)?;
        let lag = self.lag(sport)?;
        let waits = lag.last(self.now).unwrap_or_default();
        let slope = slope(lag, self.now).unwrap_or_default();
        let what = match level {
            Level::Stalled => format!("{waits:.0} messages wait and none is processed"),
            _ => format!("{waits:.0} messages wait, {slope:+.0} a second"),
        };
        Some(Warning { level, place: sport.to_string(), what })
    }

    fn sport_warnings(&self, sport: Sport) -> Vec<Warning> {
        let part = Part::Processors(sport);
        let Some(state) = self.parts.get(&part).filter(|_| self.part_level(part) == Level::Fine) else {
            return Vec::new();
        };
        let warning = |level, what: String| Warning { level, place: sport.to_string(), what };
        let mut warnings = Vec::new();
        if state.samples.sum("matchday_processor_redis_up", &[]) == Some(0.0) {
            warnings.push(warning(Level::NotReady, "Redis takes no images".to_owned()));
        }
        let age = state.samples.each("matchday_processor_odds_age_seconds", &[]).reduce(f64::max);
        if let Some(age) = age.filter(|age| *age > ODDS_AGE_MAX) {
            warnings.push(warning(Level::Stalled, format!("a live game has had no odds for {age:.0} s")));
        }
        warnings
    }

    /// Producers of whom no processor has heard for a while.
    fn silent_producers(&self) -> Vec<Warning> {
        let mut heard: Vec<(String, f64)> = Vec::new();
        for (_, state) in self.parts.iter().filter(|(part, _)| self.part_level(**part) == Level::Fine) {
            let name = "matchday_processor_producer_heard_timestamp_seconds";
            for (producer, at) in state.samples.by(name, "producer") {
                let age = state.taken_at.as_secs_f64() - at;
                match heard.iter_mut().find(|(known, _)| known == producer) {
                    Some((_, least)) => *least = least.min(age),
                    None => heard.push((producer.to_owned(), age)),
                }
            }
        }
        let silent = heard.into_iter().filter(|(_, age)| SILENT.contains(age));
        let warning = |(producer, age): (String, f64)| Warning {
            level: Level::Stalled,
            place: crate::text::Text::new(&producer).to_string(),
            what: format!("this producer has been silent for {age:.0} s"),
        };
        silent.map(warning).collect()
    }
}

/// What a lag says of the processors that it waits for.
fn lag_level(lag: &Series, processors: &History, now: Duration) -> Option<Level> {
    let waits = lag.last(now)?;
    let has_passed = processors.passed.added.sum(now, STALLED_OVER) > Some(0.0);
    let waited = lag.within(now, STALLED_OVER).take_while(|(_, waits)| *waits > 0.0).count();
    let has_waited = waited >= STALLED_TIMES && waited == lag.within(now, STALLED_OVER).count();
    if has_waited && !has_passed {
        Some(Level::Stalled)
    } else if waits > LAG_MAX {
        Some(Level::Behind)
    } else if grows(lag, now) {
        Some(Level::Growing)
    } else {
        None
    }
}
