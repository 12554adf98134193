//! The numbers that a drive shows, each in one place. Where nothing records them they cost next to nothing.

use metrics::{Histogram, counter, gauge, histogram};
use reqwest::StatusCode;

/// Says what is played, for as long as this process lives.
pub(crate) fn plays(program: &str) {
    gauge!("matchday_simulator_plays", "program" => program.to_owned()).set(1.0);
}

/// Counts messages that go out for the first time.
pub(crate) fn sent(messages: usize) {
    counter!("matchday_simulator_sent_messages_total").increment(messages as u64);
}

/// Counts messages by their final answer, and those that had to go out once more.
pub(crate) fn delivered(accepted: usize, refused: usize, given_up: usize, sent_again: usize) {
    for (outcome, messages) in [("accepted", accepted), ("refused", refused), ("given_up", given_up)] {
        // Those that did not happen, too: what comes into being with its first event hides that event from a rate.
        counter!("matchday_simulator_messages_total", "outcome" => outcome).increment(messages as u64);
    }
    counter!("matchday_simulator_messages_sent_again_total").increment(sent_again as u64);
}

/// Counts a request by its answer's status; `none` where there was no answer.
pub(crate) fn request(status: Option<StatusCode>) {
    let status = status.map_or_else(|| "none".to_owned(), |status| status.as_str().to_owned());
    counter!("matchday_simulator_requests_total", "status" => status).increment(1);
}

/// From due to sent for the first time, of each message.
pub(crate) fn lateness() -> Histogram {
    histogram!("matchday_simulator_lateness_seconds")
}
