//! How far the messages about each event have come before a line of a schedule: what goes no further is a copy.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Position;

use crate::schedule::Schedule;

/// Of one drive.
#[derive(Debug, Default)]
pub(super) struct Heights(Mutex<BTreeMap<usize, Height>>);

/// Of one channel.
#[derive(Debug, Clone, Copy, Default)]
struct Height {
    /// Lines before this one have been read.
    until: usize,
    /// The highest position among them.
    highest: Option<Position>,
}

impl Heights {
    /// The highest position among the messages of a line's channel before it. Whoever asks in the order of the lines, as a lane
    /// does, reads each message once, and keeps nobody waiting meanwhile.
    pub(super) fn before(&self, schedule: &Schedule, line: usize) -> Option<Position> {
        let channel = schedule.channel(line);
        let known = self.of_channels().get(&channel).copied().unwrap_or_default();
        let from = if known.until <= line { known } else { Height::default() };
        let unread = (from.until..line).filter(|unread| schedule.channel(*unread) == channel);
        let positions = unread.map(|unread| schedule.read(unread)?.position());
        let highest = positions.fold(from.highest, Option::max);
        if known.until < line {
            self.of_channels().insert(channel, Height { until: line, highest });
        }
        highest
    }

    fn of_channels(&self) -> MutexGuard<'_, BTreeMap<usize, Height>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;
    use rand::seq::SliceRandom;

    use super::*;
    use crate::drive::inject::tests::game;
    use crate::run_ledger::tests::with_copies;

    #[test]
    fn in_whatever_order_it_is_asked_it_is_the_highest_of_all_before() {
        let schedule = with_copies(&game());
        let all = |line: usize| {
            let channel = schedule.channel(line);
            let before = (0..line).filter(|before| schedule.channel(*before) == channel);
            before.filter_map(|before| schedule.read(before)?.position()).max()
        };
        let mut lines: Vec<usize> = (0..schedule.len()).step_by(7).collect();
        let in_order = Heights::default();
        assert!(lines.iter().all(|line| in_order.before(&schedule, *line) == all(*line)));
        let seed = 7;
        lines.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let shuffled = Heights::default();
        for line in lines {
            assert_eq!(shuffled.before(&schedule, line), all(line), "line {line}, seed {seed}");
        }
    }

    #[test]
    fn what_was_read_is_not_read_again() {
        let schedule = with_copies(&game());
        let heights = Heights::default();
        let last = schedule.len() - 1;
        let (channel, highest) = (schedule.channel(last), heights.before(&schedule, last));
        let Height { until, highest: kept } = heights.of_channels()[&channel];
        assert_eq!((until, kept), (last, highest));
        heights.before(&schedule, 1);
        assert_eq!(heights.of_channels()[&channel].until, last, "who goes back makes nobody forget");
    }
}
