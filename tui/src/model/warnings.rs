//! Everything that somebody should look at, in words: what the alert rules in `deploy/prometheus/alerts.yml` would tell, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Sport;
use serde::Serialize;

use super::contact::Touch;
use super::hop::{History, Hop};
use super::judge::{ERRORS_OVER, Level, SLOW_P99};
use super::kafka::{Reader, grows, slope};
use super::series::Counter;
use super::{Model, PartState, ProcessState, Sign};
use crate::source::{Part, Producer, Samples};
use crate::text::Text;

/// A live game waits too long for odds from here on, in seconds.
const ODDS_AGE_MAX: f64 = 60.0;

/// A producer that was heard is silent after so long, and nobody's concern any more after so long, in seconds.
const SILENT: std::ops::Range<f64> = 30.0..900.0;

/// Over how long it is looked how many images are found in Redis.
const MISSES_OVER: Duration = Duration::from_secs(60);

/// For how long it is said that events were left open.
const LEFT_OPEN_OVER: Duration = Duration::from_mins(5);

/// Up to so many lookups in that time, one a second, say nothing.
const LOOKUPS_MIN: f64 = 60.0;

/// Where a smaller part of the images is found, Redis does not do what it is there for.
const FOUND_MIN: f64 = 0.5;

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
    /// Everything that somebody should look at, the worst first.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        // That nothing answers is said once of a stack that is gone.
        let asked = self.parts.iter().filter(|_| self.gone.is_none());
        let mut warnings: Vec<Warning> =
            asked.flat_map(|(part, state)| self.part_warnings(*part, state)).collect();
        for (hop, history) in &self.hops {
            if self.is_heard(hop.part()) {
                warnings.extend(self.hop_warnings(*hop, history));
            }
        }
        for sport in Sport::ALL {
            warnings.extend(self.lag_warning(Reader::Processors(sport)));
            warnings.extend(self.lag_warning(Reader::Distribution(sport)));
            warnings.extend(self.sport_warnings(sport));
            warnings.extend(self.unprocessed_warning(sport));
        }
        warnings.extend(self.left_open_warning());
        warnings.extend(self.cache_warning());
        let untrusted = self.untrusted();
        warnings.extend(untrusted.iter().map(|producer| untrusted_warning(producer)));
        // Of one that is not trusted this says nothing more.
        let silent = self.silent_producers().into_iter();
        warnings.extend(
            silent.filter(|warning| untrusted.iter().all(|producer| place_of(producer) != warning.place)),
        );
        if let (true, Touch::Away | Touch::Stale(_)) =
            (self.kafka.is_asked && self.gone.is_none(), self.kafka.contact.touch(self.now))
        {
            let why = self.kafka.contact.trouble().map_or("it tells nothing", |why| why.as_str());
            warnings.push(Warning { level: Level::Down, place: "Kafka".to_owned(), what: why.to_owned() });
        }
        warnings.sort_by_key(|warning| std::cmp::Reverse(warning.level));
        // That says why the others are there.
        warnings.splice(0..0, self.gone_warning());
        warnings
    }

    /// Producers whose markets are suspended, for they are not trusted, as far as distribution tells now.
    #[must_use]
    pub fn untrusted(&self) -> Vec<&Producer> {
        self.producers_now().iter().filter(|producer| !producer.is_trusted()).collect()
    }

    /// Every producer, as far as distribution tells now.
    pub(super) fn producers_now(&self) -> &[Producer] {
        match self.control.producers_contact.touch(self.now) {
            Touch::Fresh => &self.control.producers,
            Touch::Waiting | Touch::Stale(_) | Touch::Away => &[],
        }
    }

    fn gone_warning(&self) -> Option<Warning> {
        let gone = self.gone.as_ref()?;
        // The key first, for a narrow screen cuts what is long.
        let key = gone.other.as_ref().map(|other| format!("; `a` turns to {other}")).unwrap_or_default();
        let what = format!("gone{key}; what it told last is shown until it comes back");
        Some(Warning { level: Level::Down, place: self.stack.to_string(), what })
    }

    /// That processes of a service do not answer, or cannot work; where it has several, each by its address.
    fn part_warnings(&self, part: Part, state: &PartState) -> Vec<Warning> {
        let warning = |process: &ProcessState| {
            let level = self.process_level(part, process);
            let what = match level {
                Level::Down => {
                    let why = process.contact.trouble().map(|why| format!(": {why}")).unwrap_or_default();
                    match process.contact.touch(self.now) {
                        Touch::Stale(age) => format!("no answer for {} s{why}", age.as_secs()),
                        _ => format!("no answer{why}"),
                    }
                }
                Level::NotReady => process.lacks.as_ref()?.to_string(),
                _ => return None,
            };
            let whose = if state.processes.len() > 1 { format!("{}: ", process.url) } else { String::new() };
            Some(Warning { level, place: part.to_string(), what: format!("{whose}{what}") })
        };
        state.processes.iter().filter_map(warning).collect()
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
        if let (true, Some(waits)) = (grows(&history.lag, self.now), history.lag.last(self.now)) {
            let slope = slope(&history.lag, self.now).unwrap_or_default();
            let what = hop.waiting();
            warnings.push(warning(Level::Growing, format!("{waits:.0} {what}, {slope:+.0} a second")));
        }
        if let Some(behind) = self.clients.behind.last(self.now).filter(|_| hop == Hop::Sockets)
            && behind > 0.0
        {
            let what =
                if behind == 1.0 { "1 client does".to_owned() } else { format!("{behind:.0} clients do") };
            warnings.push(warning(Level::Slow, format!("{what} not read fast enough")));
        }
        warnings
    }

    fn lag_warning(&self, reader: Reader) -> Option<Warning> {
        let level = self.reader_level(reader)?;
        let lag = self.lag(reader)?;
        let waits = lag.last(self.now).unwrap_or_default();
        let slope = slope(lag, self.now).unwrap_or_default();
        let (what, read) = match reader {
            Reader::Processors(_) => ("messages wait", "processed"),
            Reader::Distribution(_) => ("updates wait for distribution", "read"),
        };
        let what = match level {
            Level::Stalled => format!("{waits:.0} {what} and none is {read}"),
            _ => format!("{waits:.0} {what}, {slope:+.0} a second"),
        };
        Some(Warning { level, place: reader.sport().to_string(), what })
    }

    /// That markets are open which something unread should have shut.
    fn left_open_warning(&self) -> Option<Warning> {
        let times =
            self.noticed.within(Sign::LeftOpen, self.now, LEFT_OPEN_OVER).filter(|times| *times > 0.0)?;
        let what = format!(
            "left open {times:.0} times: the database refuses what would shut an event, the log says which"
        );
        Some(Warning { level: Level::Stalled, place: "processors".to_owned(), what })
    }

    /// That distribution finds few of the images that it looks up in Redis, and asks the database for the others.
    fn cache_warning(&self) -> Option<Warning> {
        let is_heard = self.is_heard(Part::Distribution);
        let within = |counter: &Counter| counter.added.sum(self.now, MISSES_OVER).unwrap_or_default();
        let (lookups, found) = (within(&self.clients.lookups), within(&self.clients.found));
        let share = found / lookups;
        (is_heard && lookups > LOOKUPS_MIN && share < FOUND_MIN).then(|| {
            let percent = (share * 100.0).floor();
            let what =
                format!("Redis had {percent:.0} % of the {lookups:.0} images asked for in the last minute");
            Warning { level: Level::Slow, place: Part::Distribution.to_string(), what }
        })
    }

    /// The worst that is told of a sport beside what its messages show.
    pub(super) fn sport_level(&self, sport: Sport) -> Option<Level> {
        let told = self.sport_warnings(sport).into_iter().chain(self.unprocessed_warning(sport));
        told.map(|warning| warning.level).max()
    }

    fn sport_warnings(&self, sport: Sport) -> Vec<Warning> {
        let part = Part::Processors(sport);
        let Some(state) = self.parts.get(&part) else { return Vec::new() };
        let warning = |level, what: String| Warning { level, place: sport.to_string(), what };
        let mut warnings = Vec::new();
        let lacks_redis = |samples: &Samples| samples.sum("matchday_processor_redis_up", &[]) == Some(0.0);
        if state.samples(self.now).any(lacks_redis) {
            warnings.push(warning(Level::NotReady, "Redis takes no images".to_owned()));
        }
        let ages = state
            .samples(self.now)
            .flat_map(|samples| samples.each("matchday_processor_odds_age_seconds", &[]));
        if let Some(age) = ages.reduce(f64::max).filter(|age| *age > ODDS_AGE_MAX) {
            warnings.push(warning(Level::Stalled, format!("a live game has had no odds for {age:.0} s")));
        }
        warnings
    }

    /// Partitions of a sport that distribution hears nobody process.
    fn unprocessed_warning(&self, sport: Sport) -> Option<Warning> {
        let state = self.parts.get(&Part::Distribution)?;
        let labels = [("sport", sport.as_str())];
        let told = state.samples(self.now);
        let silent =
            told.filter_map(|samples| samples.sum("matchday_distribution_silent_partitions", &labels));
        let silent = silent.reduce(f64::max).filter(|silent| *silent > 0.0)?;
        let what = format!("nobody processes {silent:.0} partitions: their markets are shown as suspended");
        Some(Warning { level: Level::Stalled, place: sport.to_string(), what })
    }

    /// Producers of whom no processor has heard for a while.
    fn silent_producers(&self) -> Vec<Warning> {
        let mut heard: BTreeMap<String, f64> = BTreeMap::new();
        let told =
            self.parts.values().flat_map(|state| state.samples(self.now).map(|told| (told, state.taken_at)));
        for (samples, taken_at) in told {
            let name = "matchday_processor_producer_heard_timestamp_seconds";
            let providers: BTreeSet<&str> =
                samples.by(name, "provider").map(|(provider, _)| provider).collect();
            for provider in providers {
                for (producer, at) in samples.by_where(name, "producer", &[("provider", provider)]) {
                    let (place, age) = (format!("{provider}/{producer}"), taken_at.as_secs_f64() - at);
                    let least = heard.entry(place).or_insert(age);
                    *least = least.min(age);
                }
            }
        }
        let silent = heard.into_iter().filter(|(_, age)| SILENT.contains(age));
        let warning = |(producer, age): (String, f64)| Warning {
            level: Level::Stalled,
            place: Text::new(&producer).to_string(),
            what: format!("this producer has been silent for {age:.0} s"),
        };
        silent.map(warning).collect()
    }
}

fn place_of(producer: &Producer) -> String {
    format!("{}/{}", producer.provider, producer.producer)
}

fn untrusted_warning(producer: &Producer) -> Warning {
    Warning {
        level: Level::Stalled,
        place: place_of(producer),
        what: format!("this producer is {}", producer.standing()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge::LAG_MAX;
    use super::*;

    /// Each rule, and what tells the same here.
    const TOLD: [(&str, &str); 13] = [
        ("ProcessDown", "part_warnings"),
        ("NothingProcessed", "lag_warning"),
        ("FeedLag", "lag_warning"),
        ("UnreadUntold", "part_warnings: ingestion is not ready"),
        ("UpdatesLag", "lag_warning"),
        ("SlowToClients", "hop_warnings"),
        ("DeadLetters", "hop_warnings"),
        ("LeftOpen", "left_open_warning"),
        ("CacheMisses", "cache_warning"),
        ("RedisAway", "sport_warnings"),
        ("ProducerDown", "untrusted_warning"),
        ("ProcessorSilent", "unprocessed_warning"),
        ("NoOddsForLiveGame", "sport_warnings"),
    ];

    #[test]
    fn every_alert_rule_is_told_here_too() {
        let rules = include_str!("../../../deploy/prometheus/alerts.yml");
        let rules: Vec<&str> =
            rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
        assert_eq!(rules, TOLD.map(|(rule, _)| rule), "name what tells a new rule");
    }

    #[test]
    fn limits_are_those_of_the_alert_rules() {
        let rules = include_str!("../../../deploy/prometheus/alerts.yml");
        let lookups = LOOKUPS_MIN / MISSES_OVER.as_secs_f64();
        let limits = [
            ("FeedLag", format!("> {LAG_MAX}")),
            ("UpdatesLag", format!("> {LAG_MAX}")),
            ("SlowToClients", format!("> {SLOW_P99}")),
            ("CacheMisses", format!("> {lookups}) < {FOUND_MIN}")),
            ("NoOddsForLiveGame", format!("> {ODDS_AGE_MAX}")),
        ];
        for (name, limit) in limits {
            let (_, rule) = rules.split_once(&format!("- alert: {name}\n")).expect(name);
            let expression =
                rule.lines().take_while(|line| !line.contains("for:")).collect::<Vec<_>>().join("\n");
            assert!(expression.ends_with(&limit), "{name}: {limit} is not in {expression}");
        }
    }
}
