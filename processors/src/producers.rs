//! The producers that speak in the owned partitions: which of them are trusted, and how many events have heard of it.

use std::collections::{BTreeMap, BTreeSet};

use domain::limit::WATCHED_MAX;
use domain::producer::{Reason, State, Terms};
use domain::{Producer, Source, Timestamp};

use crate::metrics;
use crate::recovery;
use crate::store::rows::WatchedRow;

/// What is expected of the producers of every provider.
#[derive(Debug, Clone)]
pub struct ProducerTerms {
    /// Microseconds without an `alive` after which a producer is down.
    pub silence_micros: i64,
    /// How many microseconds old what it says may be when it comes.
    pub delay_micros: i64,
    /// With what each provider's come up again.
    pub providers: recovery::Providers,
}

impl ProducerTerms {
    /// What is expected of a producer, whose messages may be unnumbered.
    #[must_use]
    pub fn of(&self, source: &Source, is_unnumbered: bool) -> Terms {
        let Self { silence_micros, delay_micros, providers } = self;
        let recovery = providers.recovery(&source.provider, is_unnumbered);
        Terms { silence_micros: *silence_micros, delay_micros: *delay_micros, recovery }
    }
}

/// One producer in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Whether it is trusted, and why.
    pub producer: Producer,
    /// Events up to this id know of it, and those after it have yet to be gone through; `None`: all know.
    pub swept_to: Option<String>,
}

/// Producers by partition.
pub type ByPartition = BTreeMap<i32, BTreeMap<Source, Watched>>;

/// Where a sweep stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The partition that is gone through.
    pub partition: i32,
    /// The producer that its events are to hear of.
    pub source: Source,
    /// Whether it is trusted.
    pub is_trusted: bool,
    /// Whether the partition has no room for more producers: what those offer that found none must not be open either.
    pub is_full: bool,
    /// The last event that was gone through; empty at the beginning.
    pub after: String,
}

/// The watched producers of the owned partitions, as the database has them.
#[derive(Debug)]
pub struct Producers {
    terms: ProducerTerms,
    watched: ByPartition,
}

impl Producers {
    /// Nobody is watched yet.
    #[must_use]
    pub fn new(terms: ProducerTerms) -> Self {
        Self { terms, watched: ByPartition::new() }
    }

    /// What is expected of a producer, whose messages may be unnumbered.
    #[must_use]
    pub fn terms(&self, source: &Source, is_unnumbered: bool) -> Terms {
        self.terms.of(source, is_unnumbered)
    }

    /// When the silence of a producer will have lasted too long, however it comes up after it.
    fn deadline(&self, source: &Source, watched: &Watched) -> Option<Timestamp> {
        watched.producer.deadline(self.terms.of(source, false))
    }

    /// A producer, where it is watched.
    #[must_use]
    pub fn get(&self, partition: i32, source: &Source) -> Option<&Watched> {
        self.watched.get(&partition)?.get(source)
    }

    /// How many more producers of a partition can be watched.
    #[must_use]
    pub fn room(&self, partition: i32) -> usize {
        WATCHED_MAX.saturating_sub(self.watched.get(&partition).map_or(0, BTreeMap::len))
    }

    /// Those whose silence has lasted too long, each in a partition whose feed has been processed beyond its deadline.
    #[must_use]
    pub fn overdue(&self, heard_until: &BTreeMap<i32, Timestamp>) -> Vec<(i32, Source)> {
        let mut overdue = Vec::new();
        // PLANTED ignore-silence
        #[cfg(feature = "planted")]
        if domain::planted::is(domain::planted::Bug::IgnoreSilence) {
            return overdue;
        }
        for (partition, watched) in &self.watched {
            let Some(heard_until) = heard_until.get(partition) else { continue };
            let is_overdue = |(source, watched): &(&Source, &Watched)| {
                self.deadline(source, watched).is_some_and(|deadline| deadline <= *heard_until)
            };
            overdue.extend(watched.iter().filter(is_overdue).map(|(source, _)| (*partition, source.clone())));
        }
        overdue
    }

    /// When the first of those will be overdue that are not yet at `now`.
    #[must_use]
    pub fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let watched = self.watched.values().flatten();
        let deadlines = watched.filter_map(|(source, watched)| self.deadline(source, watched));
        deadlines.filter(|deadline| *deadline > now).min()
    }

    /// The sweeps that are not at their end.
    pub fn sweeps(&self) -> impl Iterator<Item = Sweep> + '_ {
        self.watched.iter().flat_map(|(&partition, watched)| {
            let is_full = self.room(partition) == 0;
            watched.iter().filter_map(move |(source, Watched { producer, swept_to })| {
                let (source, after) = (source.clone(), swept_to.clone()?);
                Some(Sweep { partition, source, is_trusted: producer.is_trusted(), is_full, after })
            })
        })
    }

    /// A sweep came by events that need not hear of anything.
    pub fn swept(&mut self, sweep: &Sweep, to: String) {
        let watched = self.watched.get_mut(&sweep.partition).and_then(|all| all.get_mut(&sweep.source));
        if let Some(watched) = watched {
            watched.swept_to = Some(to);
        }
    }

    /// Partitions were taken: these producers are watched there.
    pub fn adopt(&mut self, rows: Vec<WatchedRow>) {
        let sources: BTreeSet<Source> = rows.iter().map(|row| row.source.clone()).collect();
        for WatchedRow { partition, source, watched } in rows {
            let known = self.watched.entry(partition).or_default();
            known.insert(source, watched);
            warn_where_full(partition, known.len());
        }
        sources.iter().for_each(|source| self.measure(source));
    }

    /// What has been committed.
    pub fn committed(&mut self, rows: &[WatchedRow]) {
        for WatchedRow { partition, source, watched } in rows {
            let known = self.watched.entry(*partition).or_default();
            let before = known.insert(source.clone(), watched.clone()).map(|before| before.producer);
            if before.is_none() {
                warn_where_full(*partition, known.len());
            }
            let Producer { state, reason, .. } = watched.producer;
            let is_news = before.is_none_or(|before| before.reason != reason);
            if is_news && reason == Reason::RecoveryNotConfigured {
                let provider = &source.provider;
                tracing::warn!(
                    partition, %source,
                    "a producer stays down: its messages are unnumbered, and MATCHDAY_RECOVERY does not say where to ask for \
                     what was lost ({provider}=uof@http://host:port), nor that its `alive` is enough ({provider}=alive)"
                );
            }
            if before.is_some_and(|before| before.state == state) {
                continue;
            }
            match state {
                State::Up => tracing::info!(partition, %source, %reason, "producer up"),
                State::Recovering => tracing::info!(partition, %source, %reason, "producer recovering"),
                State::Down => tracing::warn!(partition, %source, %reason, "producer down"),
            }
            metrics::producer_turned(source, state, reason);
            self.measure(source);
        }
    }

    /// Forgets the producers of partitions that are no longer owned.
    pub fn forget(&mut self, is_gone: impl Fn(i32) -> bool) {
        let sources: BTreeSet<Source> =
            self.watched.values().flat_map(|watched| watched.keys().cloned()).collect();
        self.watched.retain(|partition, _| !is_gone(*partition));
        sources.iter().for_each(|source| self.measure(source));
    }

    fn measure(&self, source: &Source) {
        let is_up = self.watched.values().filter_map(|watched| watched.get(source));
        metrics::producer_up(source, is_up.into_iter().all(|watched| watched.producer.is_trusted()));
    }
}

/// Says it once, when the last place is taken.
fn warn_where_full(partition: i32, watched: usize) {
    if watched == WATCHED_MAX {
        tracing::warn!(
            partition,
            watched,
            "no more producers can be watched here: nothing that others offer is open (`not_watched`)"
        );
    }
}
