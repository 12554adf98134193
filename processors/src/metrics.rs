//! What a processor counts and measures.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use domain::producer::{Reason, State};
use domain::{Source, Timestamp};
use metrics::{counter, gauge, histogram};

use crate::batch::Tally;

/// Producers that get a label of their own.
const PRODUCERS_MAX: usize = 32;

/// Describes every metric once.
pub fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("matchday_processor_messages_total", "feed messages by what became of them");
    describe_counter!("matchday_processor_gaps_total", "gaps declared");
    describe_counter!(
        "matchday_processor_producer_updates_total",
        "events that heard of a producer, with something shut or opened by it"
    );
    describe_counter!(
        "matchday_processor_producer_transitions_total",
        "producers that went down, began to recover or came up, once per partition"
    );
    describe_gauge!(
        "matchday_processor_producer_up",
        "1 while the producer is trusted in every partition owned, or not watched in any"
    );
    describe_counter!(
        "matchday_processor_unwatched_messages_total",
        "messages of producers for which there is no room among those that are watched: nothing that they offer is open"
    );
    describe_counter!(
        "matchday_processor_untold_letters_total",
        "dead letters that shut nothing, for the database refused what they lead to"
    );
    describe_counter!(
        "matchday_processor_recovery_requests_total",
        "requests to send again what was lost, by whether the provider took them"
    );
    describe_counter!("matchday_processor_batches_total", "transactions by how they ended");
    describe_counter!(
        "matchday_processor_fence_lost_total",
        "transactions that found their partition taken over"
    );
    describe_counter!("matchday_processor_days_dropped_total", "days of the update log dropped");
    describe_counter!("matchday_processor_images_rewritten_total", "Redis images written as a whole");
    describe_gauge!("matchday_processor_redis_up", "1 while Redis takes images");
    describe_gauge!("matchday_processor_events_in_memory", "events kept in memory");
    describe_gauge!("matchday_processor_held_messages", "early messages that wait, of all events together");
    describe_gauge!(
        "matchday_processor_foreseen_events",
        "events of the sport of which nothing is known but that messages of them were refused"
    );
    describe_gauge!("matchday_processor_partitions_owned", "feed partitions owned");
    describe_gauge!("matchday_processor_lag", "feed messages not yet processed, by owned partition");
    describe_gauge!(
        "matchday_processor_odds_age_seconds",
        "how long ago odds came in of the live game that waits longest for them"
    );
    describe_gauge!(
        "matchday_processor_producer_heard_timestamp_seconds",
        "when a message of the producer was last committed, in seconds since the epoch"
    );
    describe_histogram!("matchday_processor_batch_messages", "feed messages per transaction");
    describe_histogram!("matchday_processor_commit_seconds", "duration of the transaction");
    describe_histogram!(
        "matchday_processor_generated_to_commit_seconds",
        "from a message's generated_at to its commit, of every applied message"
    );
}

/// So many events of the sport are foreseen.
pub fn foreseen_events(count: u64) {
    gauge!("matchday_processor_foreseen_events").set(count as f64);
}

/// Counts a day of the update log that was dropped.
pub fn day_dropped() {
    counter!("matchday_processor_days_dropped_total").increment(1);
}

/// A batch was committed at `now`.
pub fn committed(records: usize, tally: Tally, generated_at: &[Timestamp], now: Timestamp, seconds: f64) {
    for (outcome, count) in [
        ("applied", tally.applied),
        ("duplicate", tally.duplicate),
        ("stale", tally.stale),
        ("held", tally.held),
        ("dead_letter", tally.dead_letters),
        ("producer", tally.producer),
    ] {
        counter!("matchday_processor_messages_total", "outcome" => outcome).increment(count);
    }
    counter!("matchday_processor_gaps_total").increment(tally.gaps);
    counter!("matchday_processor_unwatched_messages_total").increment(tally.unwatched);
    counter!("matchday_processor_untold_letters_total").increment(tally.untold);
    for (to, count) in [("down", tally.distrusted), ("up", tally.trusted)] {
        counter!("matchday_processor_producer_updates_total", "to" => to).increment(count);
    }
    counter!("matchday_processor_batches_total", "outcome" => "committed").increment(1);
    #[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52 messages")]
    histogram!("matchday_processor_batch_messages").record(records as f64);
    histogram!("matchday_processor_commit_seconds").record(seconds);
    let latency = histogram!("matchday_processor_generated_to_commit_seconds");
    for generated_at in generated_at {
        #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 microseconds")]
        latency.record(now.micros_since(*generated_at) as f64 / 1e6);
    }
}

/// A producer is in another state in one partition.
pub fn producer_turned(source: &Source, to: State, reason: Reason) {
    if !has_series(source) {
        return;
    }
    counter!(
        "matchday_processor_producer_transitions_total",
        "provider" => source.provider.to_string(), "producer" => source.producer.to_string(),
        "to" => to.as_str(), "reason" => reason.as_str()
    )
    .increment(1);
}

/// Whether a producer is trusted in every partition owned.
pub fn producer_up(source: &Source, up: bool) {
    if !has_series(source) {
        return;
    }
    gauge!(
        "matchday_processor_producer_up",
        "provider" => source.provider.to_string(), "producer" => source.producer.to_string()
    )
    .set(f64::from(u8::from(up)));
}

/// A provider was asked to send again what was lost.
pub fn recovery_asked(source: &Source, is_taken: bool) {
    if !has_series(source) {
        return;
    }
    counter!(
        "matchday_processor_recovery_requests_total",
        "provider" => source.provider.to_string(), "producer" => source.producer.to_string(),
        "outcome" => if is_taken { "taken" } else { "failed" }
    )
    .increment(1);
}

/// A transaction did not come about.
pub fn batch_failed(outcome: &'static str) {
    counter!("matchday_processor_batches_total", "outcome" => outcome).increment(1);
}

/// A transaction found its partition taken over.
pub fn fence_lost() {
    counter!("matchday_processor_fence_lost_total").increment(1);
}

/// Images were written as a whole because what Redis held did not fit.
pub fn images_rewritten(count: usize) {
    counter!("matchday_processor_images_rewritten_total").increment(count as u64);
}

/// Whether Redis takes images.
pub fn redis_up(up: bool) {
    gauge!("matchday_processor_redis_up").set(f64::from(u8::from(up)));
}

/// Feed messages of a partition that are not yet processed.
pub fn lag(partition: i32, messages: i64) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!("matchday_processor_lag", "partition" => partition.to_string()).set(messages as f64);
}

/// How long ago odds came in of the live game that waits longest for them.
pub fn odds_age(micros: i64) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 microseconds")]
    gauge!("matchday_processor_odds_age_seconds").set(micros as f64 / 1e6);
}

/// Whether a producer has series of its own: the first ones do; there may be more than anyone would want to look at.
fn has_series(source: &Source) -> bool {
    static SEEN: Mutex<BTreeSet<Source>> = Mutex::new(BTreeSet::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let has_series = seen.contains(source) || seen.len() < PRODUCERS_MAX;
    if has_series && !seen.contains(source) {
        seen.insert(source.clone());
    }
    has_series
}

/// A message of a producer was committed at `now`.
pub fn producer_heard(source: &Source, now: Timestamp) {
    if !has_series(source) {
        return;
    }
    let (provider, producer) = (source.provider.to_string(), source.producer.to_string());
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a second is enough")]
    gauge!("matchday_processor_producer_heard_timestamp_seconds", "provider" => provider, "producer" => producer)
        .set(now.0 as f64 / 1e6);
}

/// What this process holds.
pub fn holds(events: usize, held: usize, partitions: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    {
        gauge!("matchday_processor_events_in_memory").set(events as f64);
        gauge!("matchday_processor_held_messages").set(held as f64);
        gauge!("matchday_processor_partitions_owned").set(partitions as f64);
    }
}
