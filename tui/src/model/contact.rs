//! Whether a source still answers, so that what it told last is never taken for what is.

use std::time::Duration;

use crate::text::Text;

/// How many intervals without an answer make figures stale.
const STALE_INTERVALS: u32 = 3;

/// How long that takes at least: an answer may take two seconds.
const STALE_AT_LEAST: Duration = Duration::from_secs(4);

/// When a source answered last, and what it came to since.
#[derive(Clone, Debug)]
pub struct Contact {
    interval: Duration,
    answered: Option<Duration>,
    trouble: Option<Text>,
}

/// How fresh figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Nothing has come yet.
    Waiting,
    /// They are of now.
    Fresh,
    /// They are as old as this: the source has stopped.
    Stale(Duration),
    /// There never were any: the source does not answer.
    Away,
}

impl Contact {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, answered: None, trouble: None }
    }

    pub(super) fn heard(&mut self, at: Duration, trouble: Option<&Text>) {
        self.trouble = trouble.cloned();
        if trouble.is_none() {
            self.answered = Some(at);
        }
    }

    /// How fresh its figures are.
    #[must_use]
    pub fn touch(&self, now: Duration) -> Touch {
        let limit = (self.interval * STALE_INTERVALS).max(STALE_AT_LEAST);
        match self.answered.map(|answered| now.saturating_sub(answered)) {
            Some(age) if age <= limit => Touch::Fresh,
            Some(age) => Touch::Stale(age),
            None if self.trouble.is_some() => Touch::Away,
            None => Touch::Waiting,
        }
    }

    /// Why the last question had no answer.
    #[must_use]
    pub fn trouble(&self) -> Option<&Text> {
        self.trouble.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_grow_stale_when_their_source_stops() {
        let seconds = Duration::from_secs;
        let mut contact = Contact::new(seconds(1));
        assert_eq!(contact.touch(seconds(9)), Touch::Waiting);
        contact.heard(seconds(9), Some(&Text::new("refused")));
        assert_eq!(contact.touch(seconds(9)), Touch::Away);
        contact.heard(seconds(10), None);
        assert_eq!(contact.touch(seconds(13)), Touch::Fresh);
        contact.heard(seconds(14), Some(&Text::new("refused")));
        assert_eq!(contact.touch(seconds(22)), Touch::Stale(seconds(12)));
    }
}
