//! The playhead: where on its schedule a drive is. It can be stopped, moved on by a step and let go at another speed,
//! by whoever has it, while the drive goes.
//!
//! While it stands still nothing becomes due, so what goes later is no later than it should be: stopping moves the
//! rest of the timeline. At top speed all is due at once; there it can be stopped, and go on at another speed from what has gone
//! furthest, but not be stepped.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::timeline::{Leg, Speed, Timeline};

/// A handle; clones are of the same playhead.
#[derive(Clone)]
pub struct Playhead(Arc<watch::Sender<Course>>);

/// Finds the least offset greater than one, or the least of all.
type Next = Arc<dyn Fn(Option<u64>) -> Option<u64> + Send + Sync>;

/// What a playhead is about to do, at one moment.
#[derive(Clone)]
pub(crate) struct Course {
    /// Absent before a drive has begun.
    under_way: Option<UnderWay>,
    /// Where it stands still; `None` while it runs.
    held: Option<Stand>,
    /// How long it has stood still since a drive began, and since when it does.
    stood: Duration,
    stands_since: Option<Instant>,
}

/// Where a playhead stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Before everything: nothing goes.
    Before,
    /// Nothing beyond this offset goes.
    At(u64),
    /// Nothing goes: of what is up to this offset some may not have gone yet, as at top speed each connection goes as fast as it can.
    Amid(u64),
}

/// A drive that has begun.
#[derive(Clone)]
struct UnderWay {
    start: Instant,
    timeline: Arc<Timeline>,
    next: Next,
    /// One more than the greatest offset that has been let go; 0 before anything was.
    furthest: Arc<AtomicU64>,
}

impl Default for Playhead {
    /// One that runs as soon as a drive begins.
    fn default() -> Self {
        Self::new(None)
    }
}

impl Playhead {
    /// One that stands still before the first message until it is let go.
    #[must_use]
    pub fn held() -> Self {
        Self::new(Some(Stand::Before))
    }

    fn new(held: Option<Stand>) -> Self {
        Self(Arc::new(watch::Sender::new(Course {
            under_way: None,
            held,
            stood: Duration::ZERO,
            stands_since: None,
        })))
    }

    /// Stops. What is on its way arrives.
    pub fn pause(&self) {
        let now = Instant::now();
        self.0.send_if_modified(|course| course.pause(now));
    }

    /// Lets it go on from where it stands.
    pub fn resume(&self) {
        let now = Instant::now();
        self.0.send_if_modified(|course| course.resume(now));
    }

    /// Moves to the next moment at which something is due, and stands there: whatever is due then goes. Where it runs,
    /// it stops first. Says whether there was such a moment: not before a drive has begun, after its last message, or
    /// at top speed.
    pub fn step(&self) -> bool {
        let now = Instant::now();
        let mut is_stepped = false;
        self.0.send_if_modified(|course| {
            let is_stopped = course.pause(now);
            is_stepped = course.step(now);
            is_stopped || is_stepped
        });
        is_stepped
    }

    /// Goes on at another speed, or will once it is let go: from top speed, where what has not gone yet is due from there on. Says
    /// whether it does: not before a drive has begun.
    pub fn set_speed(&self, speed: Speed) -> bool {
        let now = Instant::now();
        self.0.send_if_modified(|course| course.set_speed(speed, now))
    }

    /// How fast it goes on; before a drive has begun at top speed.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.timeline().speed()
    }

    /// Whether a drive has begun: before, there is nothing to step to.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.borrow().under_way.is_some()
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.borrow().held.is_some()
    }

    /// The offset up to which it has come; 0 before a drive has begun.
    pub(crate) fn place_ns(&self, now: Instant) -> u64 {
        let course = self.0.borrow();
        course.place(now).unwrap_or_default()
    }

    /// How long a drive has gone, without the time in which it stood still.
    pub(crate) fn moved(&self, now: Instant) -> Duration {
        let course = self.0.borrow();
        let Some(under_way) = &course.under_way else { return Duration::ZERO };
        let stands = course.stands_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        now.saturating_duration_since(under_way.start).saturating_sub(course.stood + stands)
    }

    /// A drive begins now. Where the playhead was stopped before, nothing goes until it is let go.
    pub(crate) fn begin(
        &self,
        start: Instant,
        timeline: Timeline,
        next: impl Fn(Option<u64>) -> Option<u64> + Send + Sync + 'static,
    ) {
        self.0.send_modify(|course| {
            course.under_way = Some(UnderWay {
                start,
                timeline: Arc::new(timeline),
                next: Arc::new(next),
                furthest: Arc::default(),
            });
            course.held = course.held.map(|_| Stand::Before);
            course.stood = Duration::ZERO;
            course.stands_since = course.held.map(|_| start);
        });
    }

    /// What it is about to do.
    pub(crate) fn course(&self) -> Course {
        self.0.borrow().clone()
    }

    /// When everything is due, as far as it is known.
    pub(crate) fn timeline(&self) -> Arc<Timeline> {
        match &self.0.borrow().under_way {
            Some(under_way) => Arc::clone(&under_way.timeline),
            None => Arc::new(Timeline::new(Timestamp(0), Speed::Max)),
        }
    }

    /// Waits until it does not stand still.
    pub(crate) async fn goes(&self) {
        // The playhead is borrowed here, so it is there to be let go.
        drop(self.0.subscribe().wait_for(|course| !course.stands()).await);
    }

    /// Waits until what has this offset is due, however often the playhead is stopped and let go meanwhile.
    pub(crate) async fn reach(&self, offset_ns: u64) {
        let mut changes = self.0.subscribe();
        loop {
            let due = changes.borrow_and_update().due(offset_ns);
            let has_changed = changes.changed();
            match due {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => return,
                    _ = has_changed => {}
                },
                // The playhead is borrowed here, so changes do not end.
                None => drop(has_changed.await),
            }
        }
    }
}

impl Course {
    /// Whether nothing goes by itself.
    pub(crate) fn stands(&self) -> bool {
        self.held.is_some()
    }

    /// Whether what has this offset is due.
    pub(crate) fn is_due(&self, offset_ns: u64, now: Instant) -> bool {
        self.due(offset_ns).is_some_and(|due| due <= now)
    }

    /// Whether it goes at top speed, or will once it is let go.
    pub(crate) fn is_at_top(&self) -> bool {
        self.under_way.as_ref().is_some_and(|it| it.timeline.speed() == Speed::Max)
    }

    /// Whether what has this offset had its turn by now: at top speed, where all is due at once, whether what went furthest has.
    pub(crate) fn has_come_to(&self, offset_ns: u64, now: Instant) -> bool {
        self.place(now).is_some_and(|place_ns| offset_ns <= place_ns)
    }

    /// When it is; `None` while the playhead stands before it.
    fn due(&self, offset_ns: u64) -> Option<Instant> {
        let under_way = self.under_way.as_ref()?;
        let is_let_go = match self.held {
            None => true,
            Some(Stand::At(at)) => offset_ns <= at,
            Some(Stand::Before | Stand::Amid(_)) => false,
        };
        is_let_go.then(|| under_way.start + under_way.timeline.due_after(offset_ns))
    }

    /// What has this offset goes.
    pub(crate) fn let_go(&self, offset_ns: u64) {
        if let Some(under_way) = &self.under_way {
            under_way.furthest.fetch_max(offset_ns.saturating_add(1), Ordering::Relaxed);
        }
    }

    /// The offset up to which it has come; `None` where that is not even the first.
    fn place(&self, now: Instant) -> Option<u64> {
        match self.held {
            Some(Stand::Before) => None,
            Some(Stand::At(offset_ns) | Stand::Amid(offset_ns)) => Some(offset_ns),
            None => self.under_way.as_ref().and_then(|under_way| under_way.place(now)),
        }
    }

    fn pause(&mut self, now: Instant) -> bool {
        if self.held.is_some() {
            return false;
        }
        let stand = if self.is_at_top() { Stand::Amid } else { Stand::At };
        self.held = Some(self.place(now).map_or(Stand::Before, stand));
        self.stands_since = self.under_way.as_ref().map(|_| now);
        true
    }

    fn resume(&mut self, now: Instant) -> bool {
        let at = self.place(now);
        if self.held.take().is_none() {
            return false;
        }
        if let Some(since) = self.stands_since.take() {
            self.stood += now.saturating_duration_since(since);
        }
        if let Some(under_way) = &mut self.under_way {
            under_way.go_on(at, at, now, None);
        }
        true
    }

    fn step(&mut self, now: Instant) -> bool {
        let at = self.place(now);
        let (true, Some(under_way)) = (self.held.is_some(), &mut self.under_way) else { return false };
        if under_way.timeline.speed() == Speed::Max {
            return false;
        }
        let Some(next) = (under_way.next)(at) else { return false };
        under_way.go_on(at, Some(next), now, None);
        self.held = Some(Stand::At(next));
        true
    }

    fn set_speed(&mut self, speed: Speed, now: Instant) -> bool {
        let at = self.place(now);
        let Some(under_way) = &mut self.under_way else { return false };
        under_way.go_on(at, at, now, Some(speed));
        true
    }
}

impl UnderWay {
    /// The offset up to which it has come while it runs. At top speed, where all is due, that of what has gone furthest.
    fn place(&self, now: Instant) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.start);
        let furthest = || self.furthest.load(Ordering::Relaxed).checked_sub(1);
        self.timeline.offset_ns(elapsed).or_else(|| furthest().max(self.timeline.last_after_ns()))
    }

    /// What is beyond `after` is due as if `offset_ns` were due now, at the same speed or at another one.
    fn go_on(&mut self, after_ns: Option<u64>, offset_ns: Option<u64>, now: Instant, speed: Option<Speed>) {
        let speed = speed.unwrap_or(self.timeline.speed());
        let elapsed = now.saturating_duration_since(self.start);
        let leg = Leg { after_ns, offset_ns: offset_ns.unwrap_or(0), elapsed, speed };
        Arc::make_mut(&mut self.timeline).turn_to(leg);
    }
}

impl fmt::Debug for Playhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let course = self.0.borrow();
        f.debug_struct("Playhead")
            .field("is_under_way", &course.under_way.is_some())
            .field("held", &course.held)
            .finish()
    }
}

#[cfg(test)]
mod tests;
