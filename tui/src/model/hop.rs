//! The hops of the pipeline: which of a process's numbers say how much passes, how fast, and what goes wrong.

use std::time::Duration;

use domain::Sport;

use super::part::ProcessNumber;
use super::series::{Counter, Series};
use crate::source::{Part, Samples};

/// A place that messages pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// They leave the provider.
    Simulator,
    /// They are accepted.
    Ingestion,
    /// Kafka has them.
    FeedTopics,
    /// They are applied, one sport's.
    Processors(Sport),
    /// Distribution reads the updates.
    Distribution,
    /// Clients are told.
    Sockets,
}

impl Hop {
    /// The process in which it is.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Simulator => Part::Simulator,
            Self::Ingestion | Self::FeedTopics => Part::Ingestion,
            Self::Processors(sport) => Part::Processors(sport),
            Self::Distribution | Self::Sockets => Part::Distribution,
        }
    }
}

impl Hop {
    /// What waits in it, in words.
    pub(super) fn waiting(self) -> &'static str {
        match self {
            Self::Ingestion => "requests under way",
            Self::Sockets => "events with news for a client",
            _ => "messages that wait",
        }
    }
}

/// What a hop's numbers said at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// Messages that have passed, since the process started.
    passed: Option<f64>,
    /// Those that went wrong, and whatever else did.
    errors: Option<f64>,
    /// The median of its latency, in seconds.
    p50: Option<f64>,
    /// The latency that one in a hundred exceeds, in seconds.
    p99: Option<f64>,
    /// What waits in it, where that is not in a topic: requests under way, events with news for a client.
    lag: Option<f64>,
}

/// What a hop's numbers said over time.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Messages that passed.
    pub passed: Counter,
    /// What went wrong.
    pub errors: Counter,
    /// The median of its latency, in seconds.
    pub p50: Series,
    /// The latency that one in a hundred exceeds, in seconds.
    pub p99: Series,
    /// What waits in it, where that is not in a topic: requests under way, events with news for a client.
    pub lag: Series,
}

impl History {
    /// What each process says of it: what passes and waits adds up. Of latencies the longest counts: of all messages together, no
    /// larger part takes longer than that.
    pub(super) fn take(&mut self, at: Duration, readings: &[(ProcessNumber, Reading)]) {
        // A counter that is not there has counted nothing.
        let counted = |of: fn(&Reading) -> Option<f64>| {
            readings.iter().map(move |(process, reading)| (*process, of(reading).unwrap_or_default()))
        };
        self.passed.push_each(at, counted(|reading| reading.passed));
        self.errors.push_each(at, counted(|reading| reading.errors));
        let all =
            |of: fn(&Reading) -> Option<f64>| readings.iter().filter_map(move |(_, reading)| of(reading));
        let p50 = all(|reading| reading.p50).reduce(f64::max);
        let p99 = all(|reading| reading.p99).reduce(f64::max);
        let lag = all(|reading| reading.lag).reduce(|sum, lag| sum + lag);
        for (series, value) in [(&mut self.p50, p50), (&mut self.p99, p99), (&mut self.lag, lag)] {
            if let Some(value) = value {
                series.push(at, value);
            }
        }
    }
}

/// The hops that the numbers of a service's processes tell of.
pub(super) fn read(
    part: Part,
    told: &[(ProcessNumber, &Samples)],
) -> Vec<(Hop, Vec<(ProcessNumber, Reading)>)> {
    let of = |hop: Hop, read: fn(&Samples) -> Reading| {
        (hop, told.iter().map(|(process, samples)| (*process, read(samples))).collect())
    };
    match part {
        Part::Simulator => vec![of(Hop::Simulator, simulator)],
        Part::Ingestion => vec![of(Hop::Ingestion, ingestion), of(Hop::FeedTopics, feed_topics)],
        Part::Processors(sport) => vec![of(Hop::Processors(sport), processors)],
        Part::Distribution => vec![of(Hop::Distribution, distribution), of(Hop::Sockets, sockets)],
    }
}

fn simulator(samples: &Samples) -> Reading {
    Reading {
        passed: samples.sum("matchday_simulator_sent_messages_total", &[]),
        errors: samples.sum_without("matchday_simulator_messages_total", "outcome", &["accepted"]),
        ..latency(samples, "matchday_simulator_lateness_seconds")
    }
}

fn ingestion(samples: &Samples) -> Reading {
    let messages = "matchday_ingestion_messages_total";
    Reading {
        passed: samples.sum(messages, &[("outcome", "accepted")]),
        errors: add([
            samples.sum_without(messages, "outcome", &["accepted"]),
            samples.sum("matchday_ingestion_rate_limited_messages_total", &[]),
            samples.sum("matchday_ingestion_unauthorised_requests_total", &[]),
            samples.sum("matchday_ingestion_limited_total", &[]),
        ]),
        lag: samples.sum("matchday_ingestion_requests_in_flight", &[]),
        ..latency(samples, "matchday_ingestion_request_seconds")
    }
}

/// As ingestion finds it, which waits until Kafka has acknowledged what it sends.
fn feed_topics(samples: &Samples) -> Reading {
    Reading {
        passed: samples.sum("matchday_kafka_produced_total", &[]),
        errors: samples.sum("matchday_kafka_produce_failed_total", &[]),
        ..latency(samples, "matchday_kafka_produce_seconds")
    }
}

fn processors(samples: &Samples) -> Reading {
    let messages = "matchday_processor_messages_total";
    Reading {
        passed: samples.sum(messages, &[]),
        errors: add([
            samples.sum(messages, &[("outcome", "dead_letter")]),
            samples.sum("matchday_processor_gaps_total", &[]),
            samples.sum_without("matchday_processor_batches_total", "outcome", &["committed"]),
            samples.sum("matchday_processor_fence_lost_total", &[]),
            samples.sum("matchday_kafka_produce_failed_total", &[]),
        ]),
        ..latency(samples, "matchday_processor_generated_to_commit_seconds")
    }
}

fn distribution(samples: &Samples) -> Reading {
    let updates = "matchday_distribution_updates_total";
    Reading {
        passed: samples.sum(updates, &[("outcome", "applied")]),
        errors: add([
            samples.sum(updates, &[("outcome", "unreadable")]),
            samples.sum(updates, &[("outcome", "hole")]),
            samples.sum("matchday_distribution_store_reads_total", &[("outcome", "failed")]),
            Some(failed_answers(samples)),
        ]),
        ..latency(samples, "matchday_distribution_generated_to_hub_seconds")
    }
}

/// Answers of REST that say that it is the server's fault; but `/readyz` says with such a one that it waits for something, which
/// is told as that.
pub(super) fn failed_answers(samples: &Samples) -> f64 {
    const ANSWERS: &str = "matchday_distribution_rest_requests_total";
    let failed = |labels| {
        let answers = samples.by_where(ANSWERS, "status", labels);
        answers.filter(|(status, _)| status.starts_with('5')).map(|(_, count)| count).sum::<f64>()
    };
    failed(&[]) - failed(&[("route", "/readyz")])
}

fn sockets(samples: &Samples) -> Reading {
    Reading {
        passed: samples.sum("matchday_distribution_frames_total", &[]),
        errors: add([
            samples.sum_without("matchday_distribution_closed_total", "reason", &["closed", "restart"]),
            samples.sum("matchday_distribution_refused_total", &[]),
        ]),
        lag: samples.sum("matchday_distribution_queue", &[]),
        ..latency(samples, "matchday_distribution_generated_to_socket_seconds")
    }
}

fn latency(samples: &Samples, name: &str) -> Reading {
    let (p50, p99) = (samples.quantile(name, "0.5"), samples.quantile(name, "0.99"));
    Reading { p50, p99, ..Reading::default() }
}

fn add<const N: usize>(numbers: [Option<f64>; N]) -> Option<f64> {
    numbers.into_iter().flatten().reduce(|sum, number| sum + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_and_what_goes_wrong_are_told_apart() {
        let samples = Samples::parse(
            "matchday_processor_messages_total{outcome=\"applied\"} 90\n\
             matchday_processor_messages_total{outcome=\"dead_letter\"} 3\n\
             matchday_processor_gaps_total 2\n\
             matchday_processor_batches_total{outcome=\"committed\"} 40\n\
             matchday_processor_batches_total{outcome=\"failed\"} 1\n\
             matchday_processor_generated_to_commit_seconds{quantile=\"0.5\"} 0.004\n\
             matchday_processor_generated_to_commit_seconds{quantile=\"0.99\"} 0.1\n",
        );
        let read = read(Part::Processors(Sport::Tennis), &[(0, &samples)]);
        let reading =
            Reading { passed: Some(93.0), errors: Some(6.0), p50: Some(0.004), p99: Some(0.1), lag: None };
        assert_eq!(read, [(Hop::Processors(Sport::Tennis), vec![(0, reading)])]);
    }

    #[test]
    fn a_service_that_waits_for_something_has_answered_nothing_wrongly() {
        let samples = Samples::parse(
            "matchday_distribution_rest_requests_total{route=\"/readyz\",status=\"503\"} 77\n\
             matchday_distribution_rest_requests_total{route=\"/readyz\",status=\"200\"} 5\n\
             matchday_distribution_rest_requests_total{route=\"/v1/events\",status=\"503\"} 2\n",
        );
        assert_eq!(failed_answers(&samples), 2.0);
    }

    #[test]
    fn clients_that_leave_are_no_errors() {
        let samples = Samples::parse(
            "matchday_distribution_closed_total{reason=\"closed\"} 100\n\
             matchday_distribution_closed_total{reason=\"the client does not read\"} 2\n",
        );
        assert_eq!(sockets(&samples).errors, Some(2.0));
    }
}
