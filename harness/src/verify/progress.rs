//! What is said while a run goes: one line that changes where somebody watches, plain lines from time to time where not.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use simulator::drive::Progress;

use crate::report::{decimal, grouped};
use crate::run::Step;
use crate::stack::Say;

/// Between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// Says how far a run is.
pub(crate) struct Teller {
    say: Say,
    /// How long the scenario takes.
    whole: Duration,
    is_watched: bool,
    lag: Option<u64>,
    /// What looking at the stack has found so far.
    seen: u64,
    before: Option<(Duration, u64)>,
    told: Duration,
}

impl Teller {
    pub(crate) fn new(say: Say, whole: Duration) -> Self {
        let is_watched = std::io::stdout().is_terminal();
        Self { say, whole, is_watched, lag: None, seen: 0, before: None, told: Duration::ZERO }
    }

    pub(crate) fn tell(&mut self, step: Step) {
        match step {
            Step::Sending(progress) => self.sending(progress),
            Step::Looked(sample) => (self.lag, self.seen) = (sample.lag, sample.breaks + sample.ahead),
            Step::Settling => self.line("  all is sent; waiting until all has arrived"),
            Step::Judging => self.line("  comparing every place with what must be"),
        }
    }

    fn sending(&mut self, progress: &Progress) {
        let every = if self.is_watched { Duration::from_secs(1) } else { PLAIN_EVERY };
        let (since, before) = self.before.unwrap_or_default();
        if progress.elapsed < self.told + every {
            return;
        }
        let seconds = (progress.elapsed - since).as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = progress.accepted.saturating_sub(before) as f64 / seconds;
        self.before = Some((progress.elapsed, progress.accepted));
        self.told = progress.elapsed;
        let Progress { messages, accepted, refused, sent_again, .. } = progress;
        let lag = self.lag.map_or_else(|| "not known".to_owned(), grouped);
        let left = self.whole.saturating_sub(progress.elapsed).as_secs();
        let mut line = format!(
            "  {:>4} s  {} of {} accepted, {} a second, lag {lag}, anomalies so far {}, {left} s left",
            progress.elapsed.as_secs(),
            grouped(*accepted),
            grouped(*messages),
            decimal(rate, 0),
            grouped(self.seen + progress.unexpected)
        );
        if refused + sent_again > 0 {
            line.push_str(&format!(" ({refused} refused, {sent_again} sent again)"));
        }
        if self.is_watched {
            // The line before is overwritten; who reads may have gone.
            let mut out = std::io::stdout();
            let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
        } else {
            (self.say)(&line);
        }
    }

    fn line(&mut self, text: &str) {
        self.end();
        (self.say)(text);
    }

    /// Leaves the line that changes.
    pub(crate) fn end(&mut self) {
        if self.is_watched && self.before.take().is_some() {
            (self.say)("");
        }
    }
}
