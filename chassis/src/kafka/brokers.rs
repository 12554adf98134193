//! Whether a client still knows a broker that it could ask.
//!
//! A broker that stood still for longer than its session is shut out, and answers with topics and no brokers. librdkafka 2.12
//! then forgets every broker it had and may lose the timer with which it would begin anew: such a client asks nobody again
//! (its issue 5301). It says so nowhere but in its statistics, which are told to clients that are polled. Clients that are not
//! are replaced when a question of theirs remains without an answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::{forward_error, forward_log};

/// A client that only asks and was not answered for so long is replaced: slow answers are no reason, since a new one asks for more
/// before it is answered.
const REPLACE_AFTER: Duration = Duration::from_secs(10);
/// How often a client tells its statistics.
const TOLD_EVERY_MS: u32 = 1_000;
/// So many times in a row: a client that begins anew by itself has forgotten the old ones for a moment, too.
const LOST_AFTER: u32 = 2;

/// What a client's statistics have said of its brokers.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    /// How many times in a row there was none.
    none: AtomicU32,
}

impl Brokers {
    /// Lets a client tell its statistics.
    pub(super) fn ask(config: &mut ClientConfig) {
        config.set("statistics.interval.ms", TOLD_EVERY_MS.to_string());
    }

    /// Takes note of a client's statistics.
    pub(super) fn hear(&self, statistics: &[u8]) {
        if is_any(statistics) {
            self.none.store(0, Ordering::Relaxed);
        } else {
            self.none.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the client knows none, and has to be replaced.
    pub(super) fn are_lost(&self) -> bool {
        self.none.load(Ordering::Relaxed) >= LOST_AFTER
    }
}

/// Another client stands in the place of one that could not go on: said in the log and a metric.
pub(super) fn note_replaced(client: &'static str) {
    tracing::warn!(client, "a client of kafka's could not go on and was replaced");
    metrics::counter!("matchday_kafka_client_replaced_total", "client" => client).increment(1);
}

/// The context of a client that is polled, and in no group.
#[derive(Debug, Default)]
pub(super) struct PolledContext {
    pub(super) brokers: Brokers,
}

impl ClientContext for PolledContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        forward_log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        forward_error(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.brokers.hear(statistics);
    }
}

impl ConsumerContext for PolledContext {}

/// Since when a client that only asks has not been answered.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Option<Instant>);

impl Unanswered {
    /// Takes note of a question; says whether the client has to be replaced.
    pub(super) fn note<T>(&mut self, asked_at: Instant, answer: &KafkaResult<T>, now: Instant) -> bool {
        if !answer.as_ref().is_err_and(is_silence) {
            self.0 = None;
            return false;
        }
        let is_long = now.duration_since(*self.0.get_or_insert(asked_at)) >= REPLACE_AFTER;
        if is_long {
            self.0 = None;
        }
        is_long
    }
}

/// Whether nobody has answered. A broker that says what is wrong has, and a new client would hear the same. A client that knows no
/// broker any more asks none: what it says from then on is that it knows no such topic, or partition, itself.
fn is_silence(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        AllBrokersDown, BrokerTransportFailure, MessageTimedOut, OperationTimedOut, RequestTimedOut, Resolve,
        TimedOutQueue, UnknownPartition, UnknownTopic,
    };
    let code = match error {
        KafkaError::Canceled => return true,
        // Of which the library tells no code.
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(
            AllBrokersDown
                | BrokerTransportFailure
                | MessageTimedOut
                | OperationTimedOut
                | RequestTimedOut
                | Resolve
                | TimedOutQueue
                | UnknownPartition
                | UnknownTopic
        )
    )
}

/// Whether there is a broker that was configured or learnt of. A group's coordinator and librdkafka's own queue are listed as
/// brokers, too; they lead to nobody. Brokers come first in what is searched, which is some 100 KB.
fn is_any(statistics: &[u8]) -> bool {
    const NAME: &[u8] = br#""source":""#;
    let mut sources = statistics.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    sources.any(|(at, _)| {
        let source = &statistics[at + NAME.len()..];
        source.starts_with(b"learned") || source.starts_with(b"configured")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(sources: &[&str]) -> Vec<u8> {
        let brokers: Vec<String> =
            sources.iter().map(|source| format!(r#""b": {{ "source":"{source}" }}"#)).collect();
        format!(r#"{{ "name": "x", "brokers":{{ {} }}, "topics":{{ }} }}"#, brokers.join(", ")).into_bytes()
    }

    #[test]
    fn a_client_is_replaced_once_nobody_has_answered_it_for_long() {
        let (mut unanswered, began) = (Unanswered::default(), Instant::now());
        let half = REPLACE_AFTER / 2;
        let silence = || Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
        let mut note = |at, is_answered| {
            let answer = if is_answered { Ok(()) } else { silence() };
            unanswered.note(began + at, &answer, began + at + half)
        };
        assert!(!note(Duration::ZERO, false));
        assert!(!note(half, true) && !note(half, false), "it was answered in between");
        assert!(note(REPLACE_AFTER, false));
        assert!(!note(REPLACE_AFTER, false), "the new one has as long");
    }

    #[test]
    fn who_is_told_what_is_wrong_is_answered() {
        use RDKafkaErrorCode as Code;
        let silent: &[_] = &[
            Code::AllBrokersDown,
            Code::BrokerTransportFailure,
            Code::OperationTimedOut,
            Code::UnknownPartition,
        ];
        let told = [Code::UnknownTopicOrPartition, Code::GroupAuthorizationFailed, Code::LeaderNotAvailable];
        for (codes, is_silent) in [(silent, true), (&told, false)] {
            for &code in codes {
                for error in [
                    KafkaError::MetadataFetch(code),
                    KafkaError::OffsetFetch(code),
                    KafkaError::AdminOp(code),
                ] {
                    assert_eq!(is_silence(&error), is_silent, "{error}");
                }
            }
        }
        assert!(is_silence(&KafkaError::Canceled));
    }

    #[test]
    fn a_client_that_twice_knows_no_broker_is_lost_and_a_coordinator_is_none() {
        let known = Brokers::default();
        known.hear(&statistics(&["logical", "learned"]));
        known.hear(&statistics(&["internal", "logical"]));
        assert!(!known.are_lost(), "it may just begin anew");
        known.hear(&statistics(&["configured"]));
        known.hear(&statistics(&[]));
        assert!(!known.are_lost());
        known.hear(&statistics(&["internal", "logical"]));
        assert!(known.are_lost());
    }
}
