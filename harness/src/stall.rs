//! When this process stood still: what it should have sent meanwhile is late by its own doing, and what it waited for may have been there.
//!
//! A thread and a task wake up all the time and note when that took too long: the thread shows that the process had no processor, the
//! task that its own work left it none.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::Timestamp;
use tokio::task::JoinHandle;

/// Between two times that they wake up.
const EVERY: Duration = Duration::from_millis(10);
/// What is shorter is no standing still: a scheduler's turn.
const NOTED: Duration = Duration::from_millis(50);
/// No more are kept, the longest ones.
const KEPT_MAX: usize = 10_000;

/// When it stood still, in microseconds after some start.
pub type Stalls = Vec<Range<i64>>;

/// Notes when it stands still, until it is dropped.
#[derive(Debug)]
pub struct StallWatch {
    noted: Arc<Noted>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Noted {
    start: Instant,
    started_at: Timestamp,
    is_over: AtomicBool,
    stalls: Mutex<Stalls>,
}

impl StallWatch {
    /// Begins.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn begin() -> std::io::Result<Self> {
        let noted = Arc::new(Noted {
            start: Instant::now(),
            started_at: Timestamp(jiff::Timestamp::now().as_microsecond()),
            is_over: AtomicBool::new(false),
            stalls: Mutex::default(),
        });
        let of_thread = Arc::clone(&noted);
        std::thread::Builder::new().name("stall-watch".to_owned()).spawn(move || {
            let mut last = Instant::now();
            while !of_thread.is_over.load(Ordering::Relaxed) {
                std::thread::sleep(EVERY);
                last = of_thread.woke(last);
            }
        })?;
        let of_task = Arc::clone(&noted);
        let task = tokio::spawn(async move {
            let mut last = Instant::now();
            loop {
                tokio::time::sleep(EVERY).await;
                last = of_task.woke(last);
            }
        });
        Ok(Self { noted, task })
    }

    /// When it stood still by now, in microseconds after this moment, in order.
    #[must_use]
    pub fn since(&self, start: Timestamp) -> Stalls {
        let offset = self.noted.started_at.micros_since(start);
        let stalls = self.noted.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Stalls =
            stalls.iter().map(|stall| stall.start + offset..stall.end + offset).collect();
        drop(stalls);
        sorted.sort_by_key(|stall| stall.start);
        let mut apart = Stalls::new();
        sorted.into_iter().for_each(|stall| note(&mut apart, stall));
        apart
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.noted.is_over.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

impl Noted {
    /// Somebody who was awake then is again.
    fn woke(&self, last: Instant) -> Instant {
        let now = Instant::now();
        if now - last > EVERY + NOTED {
            let micros = |at: Instant| {
                i64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(i64::MAX)
            };
            let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut stalls, micros(last + EVERY)..micros(now));
        }
        now
    }
}

/// Two that overlap are one, seen twice.
fn note(stalls: &mut Stalls, stall: Range<i64>) {
    let length = |stall: &Range<i64>| stall.end - stall.start;
    if let Some(last) = stalls.last_mut()
        && stall.start <= last.end
        && last.start <= stall.end
    {
        *last = last.start.min(stall.start)..last.end.max(stall.end);
    } else if stalls.len() < KEPT_MAX {
        stalls.push(stall);
    } else if let Some(shortest) = stalls.iter_mut().min_by_key(|kept| length(kept))
        && length(shortest) < length(&stall)
    {
        *shortest = stall;
    }
}

/// The longest time of a wait that lay in one of them; several of these may be many short turns of others.
#[must_use]
pub fn longest_within(stalls: &[Range<i64>], wait: Range<i64>) -> i64 {
    let first = stalls.partition_point(|stall| stall.end <= wait.start);
    let within = stalls[first..].iter().take_while(|stall| stall.start < wait.end);
    within.map(|stall| stall.end.min(wait.end) - stall.start.max(wait.start)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_seen_twice_is_one() {
        let mut stalls = Stalls::new();
        note(&mut stalls, 10..20);
        note(&mut stalls, 15..30);
        note(&mut stalls, 40..50);
        assert_eq!(stalls, [10..30, 40..50]);
        assert_eq!(longest_within(&stalls, 0..5), 0);
        assert_eq!(longest_within(&stalls, 25..100), 10, "the longest of both");
        assert_eq!(longest_within(&stalls, 12..17), 5);
    }

    #[test]
    fn a_process_whose_work_leaves_no_turn_to_others_stands_still() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (stalls, before) = runtime.block_on(async {
            let start = Timestamp(jiff::Timestamp::now().as_microsecond());
            let watch = StallWatch::begin().unwrap();
            tokio::time::sleep(EVERY).await;
            let before = watch.noted.start.elapsed();
            std::thread::sleep(Duration::from_millis(200));
            tokio::time::sleep(EVERY).await;
            (watch.since(start), before)
        });
        let longest = longest_within(&stalls, 0..i64::MAX);
        assert!(longest >= 150_000, "{stalls:?} after {before:?}");
    }
}
