//! How many messages a provider may send: a token bucket that is a single point in time.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How fast a provider may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub messages_per_second: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

/// A provider's bucket. It holds `burst` messages when full and fills with `messages_per_second`.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    /// When it is full again; what is missing until then has been taken.
    full_at: Mutex<Option<Instant>>,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// There will be enough after this time, if nobody else takes it.
    Wait(Duration),
    /// There will never be enough: the bucket is smaller than the request.
    LargerThanBurst(NonZeroU32),
}

impl Rate {
    /// How long the bucket needs to fill by so many messages.
    fn time_of(&self, messages: u64) -> Duration {
        Duration::from_nanos(
            messages.saturating_mul(1_000_000_000) / u64::from(self.messages_per_second.get()),
        )
    }
}

impl Bucket {
    /// A full one.
    pub fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::new(None) }
    }

    /// Its rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes all messages of a request, or none.
    pub fn take(&self, messages: usize, now: Instant) -> Result<(), Limited> {
        let (messages, burst) = (messages as u64, u64::from(self.rate.burst.get()));
        if messages > burst {
            return Err(Limited::LargerThanBurst(self.rate.burst));
        }
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let then = full_at.unwrap_or(now).max(now) + self.rate.time_of(messages);
        let missing = then - now;
        let holds = self.rate.time_of(burst);
        if missing > holds {
            return Err(Limited::Wait(missing - holds));
        }
        *full_at = Some(then);
        Ok(())
    }

    /// Takes what a message costs beyond itself, even if the bucket does not hold it all: as long as it lacks nothing. What
    /// comes next waits for what is then missing.
    ///
    /// # Errors
    /// When something is missing already: how long until nothing is.
    pub fn overdraw(&self, messages: usize, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let then = full_at.unwrap_or(now).max(now);
        let holds = self.rate.time_of(u64::from(self.rate.burst.get()));
        match (then - now).checked_sub(holds) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *full_at = Some(then + self.rate.time_of(messages as u64));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(messages_per_second: u32, burst: u32) -> Bucket {
        let [messages_per_second, burst] = [messages_per_second, burst].map(|n| NonZeroU32::new(n).unwrap());
        Bucket::new(Rate { messages_per_second, burst })
    }

    #[test]
    fn a_request_is_taken_whole_or_told_when_to_come_again() {
        let (bucket, start) = (bucket(10, 20), Instant::now());
        assert_eq!(bucket.take(15, start), Ok(()));
        assert_eq!(bucket.take(6, start), Err(Limited::Wait(Duration::from_millis(100))));
        assert_eq!(bucket.take(5, start), Ok(()));
        assert_eq!(bucket.take(1, start), Err(Limited::Wait(Duration::from_millis(100))));
        assert_eq!(
            bucket.take(20, start + Duration::from_secs(1)),
            Err(Limited::Wait(Duration::from_secs(1)))
        );
        assert_eq!(bucket.take(20, start + Duration::from_secs(60)), Ok(()), "full, not fuller");
        assert!(bucket.take(1, start + Duration::from_secs(60)).is_err());
    }

    #[test]
    fn what_no_bucket_can_hold_is_told_so() {
        let bucket = bucket(1_000, 20);
        assert_eq!(
            bucket.take(21, Instant::now()),
            Err(Limited::LargerThanBurst(NonZeroU32::new(20).unwrap()))
        );
    }

    #[test]
    fn what_is_overdrawn_is_waited_for_before_anything_else_is_taken() {
        let (bucket, start) = (bucket(10, 4), Instant::now());
        assert_eq!(bucket.take(1, start), Ok(()));
        assert_eq!(bucket.overdraw(15, start), Ok(()));
        assert_eq!(bucket.overdraw(15, start), Err(Duration::from_millis(1_200)));
        assert_eq!(bucket.take(1, start), Err(Limited::Wait(Duration::from_millis(1_300))));
        assert_eq!(bucket.take(1, start + Duration::from_millis(1_300)), Ok(()));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_and_the_wait_told_is_enough(
            rate in 1_u32..5_000,
            burst in 1_u32..500,
            requests in prop::collection::vec((0_u64..400, 1_usize..600), 1..60),
        ) {
            let (bucket, start) = (bucket(rate, burst), Instant::now());
            let (mut now, mut taken) = (start, 0);
            for (pause_ms, messages) in requests {
                now += Duration::from_millis(pause_ms);
                match bucket.take(messages, now) {
                    Ok(()) => taken += messages,
                    Err(Limited::LargerThanBurst(_)) => prop_assert!(messages > burst as usize),
                    Err(Limited::Wait(wait)) => {
                        now += wait;
                        prop_assert_eq!(bucket.take(messages, now), Ok(()));
                        taken += messages;
                    }
                }
                let allowed = f64::from(burst) + f64::from(rate) * (now - start).as_secs_f64();
                prop_assert!(taken as f64 <= allowed + 0.01, "{taken} of {allowed}");
            }
        }
    }
}
