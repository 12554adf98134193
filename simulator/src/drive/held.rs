//! Messages that are held up on their way out, because somebody has asked for it.

use std::time::Duration;

use tokio::time::Instant;

/// What one lane holds up.
#[derive(Debug, Default)]
pub(super) struct HeldUp(Vec<Held>);

/// Messages about one event.
#[derive(Debug)]
struct Held {
    channel: usize,
    lines: Vec<u32>,
    until: Until,
    /// Whether what follows of the event waits behind them.
    with_followers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Moment(Instant),
    /// So many of the event have gone out that come later.
    Overtaken(u32),
}

impl HeldUp {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds a message up for so long; further ones of its event join it, all of them or those that are held up, too.
    pub(super) fn hold(&mut self, channel: usize, line: u32, length: Duration, with_followers: bool) {
        let is_same = |held: &&mut Held| {
            held.channel == channel
                && held.with_followers == with_followers
                && matches!(held.until, Until::Moment(_))
        };
        match self.0.iter_mut().find(is_same) {
            Some(held) => held.lines.push(line),
            None => {
                let until = Until::Moment(Instant::now() + length);
                self.0.push(Held { channel, lines: vec![line], until, with_followers });
            }
        }
    }

    /// Holds a message up until so many of its event have overtaken it.
    pub(super) fn let_overtake(&mut self, channel: usize, line: u32, count: u32) {
        let until = Until::Overtaken(count);
        self.0.push(Held { channel, lines: vec![line], until, with_followers: false });
    }

    /// Whether a message waits behind others of its event; then it has joined them.
    pub(super) fn joins(&mut self, channel: usize, line: u32) -> bool {
        let held = self.0.iter_mut().find(|held| held.channel == channel && held.with_followers);
        held.map(|held| held.lines.push(line)).is_some()
    }

    /// A message of the event goes out; the answer is what goes behind it, because it has been overtaken enough.
    pub(super) fn passes(&mut self, channel: usize) -> Vec<u32> {
        for held in self.0.iter_mut().filter(|held| held.channel == channel) {
            if let Until::Overtaken(count) = &mut held.until {
                *count = count.saturating_sub(1);
            }
        }
        self.take(|held| held.channel == channel && held.until == Until::Overtaken(0)).unwrap_or_default()
    }

    /// Messages whose time has come; where nothing else is to be sent that could overtake them, also those that wait for that.
    pub(super) fn release(&mut self, now: Instant, is_last: bool) -> Option<Vec<u32>> {
        self.take(|held| match held.until {
            Until::Moment(until) => until <= now,
            Until::Overtaken(_) => is_last,
        })
    }

    /// When the next ones are to go; `None` where none wait for a time.
    pub(super) fn next(&self) -> Option<Instant> {
        let moment = |held: &Held| match held.until {
            Until::Moment(until) => Some(until),
            Until::Overtaken(_) => None,
        };
        self.0.iter().filter_map(moment).min()
    }

    fn take(&mut self, is_meant: impl Fn(&Held) -> bool) -> Option<Vec<u32>> {
        let place = self.0.iter().position(is_meant)?;
        Some(self.0.remove(place).lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_takes_its_event_with_it_and_what_is_missing_does_not() {
        let mut held = HeldUp::default();
        held.hold(1, 10, Duration::from_secs(5), true);
        held.hold(2, 20, Duration::from_secs(9), false);
        held.hold(2, 21, Duration::from_secs(9), false);
        assert!(held.joins(1, 11) && !held.joins(2, 22) && !held.joins(3, 30));
        assert_eq!(held.release(Instant::now(), true), None);
        let later = Instant::now() + Duration::from_secs(20);
        assert!(held.next().is_some_and(|next| next < later));
        assert_eq!(held.release(later, false), Some(vec![10, 11]));
        assert_eq!(held.release(later, false), Some(vec![20, 21]));
        assert!(held.is_empty());
    }

    #[test]
    fn what_is_overtaken_goes_behind_those_that_did_or_at_the_end() {
        let mut held = HeldUp::default();
        held.let_overtake(1, 10, 2);
        assert!(held.passes(2).is_empty());
        assert!(held.passes(1).is_empty());
        assert_eq!(held.passes(1), [10]);
        held.let_overtake(1, 12, 2);
        assert_eq!(held.release(Instant::now(), false), None);
        assert_eq!(held.release(Instant::now(), true), Some(vec![12]));
    }
}
