//! How a run stands, and how it ended.

use serde::Serialize;

use crate::drive::Progress;

/// How a run stands, or ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// Counts the runs of this process, from 1.
    pub number: u64,
    /// What is played.
    pub program: String,
    /// How it stands.
    pub state: RunState,
    /// The seed from which all of it follows, once known.
    pub seed: Option<u64>,
    /// How many times as fast as it was made; absent at top speed.
    pub speed: Option<f64>,
    /// Messages a second that are due on average at that speed; of what is sought, from the minute on.
    pub rate: Option<f64>,
    /// Seconds since it began, without those in which it stood still.
    pub elapsed_seconds: f64,
    /// Messages in all.
    pub messages: u64,
    /// Messages that have gone out at least once.
    pub sent: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages sent again, counted each time.
    pub sent_again: u64,
    /// What goes wrong in it, as it was planned.
    pub faults: u64,
    /// How it ended, once it has.
    pub end: Option<End>,
}

impl Status {
    /// It goes at another speed, and at the rate that follows from the one at which its messages were made.
    pub(super) fn set_speed(&mut self, speed: Option<f64>, made_rate: Option<f64>) {
        self.speed = speed;
        self.rate = speed.zip(made_rate).map(|(speed, made)| speed * made);
    }

    /// It has come so far.
    pub(super) fn note(&mut self, progress: &Progress) {
        let Progress { elapsed, messages, sent, accepted, refused, sent_again, .. } = *progress;
        self.elapsed_seconds = elapsed.as_secs_f64();
        (self.messages, self.sent, self.accepted) = (messages, sent, accepted);
        (self.refused, self.sent_again) = (refused, sent_again);
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its messages are being made.
    #[default]
    Preparing,
    /// Messages go out when they are due.
    Playing,
    /// It stands still.
    Paused,
    /// It has been told to end.
    Stopping,
    /// All was sent.
    Complete,
    /// It was ended before its time.
    Stopped,
    /// It could not be played, or sent.
    Failed,
}

/// What is known of a run when it is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct End {
    /// Messages without a final answer.
    pub undelivered: u64,
    /// Answers that are none of those that may come of its faults, or refusals without one.
    pub unexpected: u64,
    /// Games that were told to be abandoned.
    pub abandoned: u64,
    /// From due to sent, in milliseconds: the middle, 99 of 100, the latest. Absent at top speed.
    pub lateness_ms: Option<[f64; 3]>,
    /// What went wrong, where something did.
    pub error: Option<String>,
}
