//! The playhead: where on its schedule a drive is. It can be stopped, moved on by a step and let go at another speed,
//! by whoever has it, while the drive goes.
//!
//! While it stands still nothing becomes due, so what goes later is no later than it should be: stopping moves the
//! rest of the timeline. At top speed all is due at once; there it can be stopped, but not stepped.

use std::fmt;
use std::sync::Arc;
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
}

/// A drive that has begun.
#[derive(Clone)]
struct UnderWay {
    start: Instant,
    timeline: Arc<Timeline>,
    next: Next,
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

    /// Goes on at another speed, or will once it is let go. Says whether it does: not before a drive has begun, and a
    /// drive at top speed has let everything go.
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

    /// The offset up to which it has come; 0 before a drive has begun, and at top speed, where nothing has a place.
    pub(crate) fn place_ns(&self, now: Instant) -> u64 {
        let course = self.0.borrow();
        let at = |it: &UnderWay| it.timeline.offset_ns(now.saturating_duration_since(it.start));
        match course.held {
            Some(held) => held.offset_ns().unwrap_or_default(),
            None => course.under_way.as_ref().and_then(at).unwrap_or_default(),
        }
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
            course.under_way = Some(UnderWay { start, timeline: Arc::new(timeline), next: Arc::new(next) });
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

    /// When it is; `None` while the playhead stands before it.
    fn due(&self, offset_ns: u64) -> Option<Instant> {
        let under_way = self.under_way.as_ref()?;
        let is_let_go = self.held.is_none_or(|held| held.offset_ns().is_some_and(|at| offset_ns <= at));
        is_let_go.then(|| under_way.start + under_way.timeline.due_after(offset_ns))
    }

    fn pause(&mut self, now: Instant) -> bool {
        if self.held.is_some() {
            return false;
        }
        let at = |it: &UnderWay| it.timeline.offset_ns(now.saturating_duration_since(it.start));
        self.held = Some(self.under_way.as_ref().and_then(at).map_or(Stand::Before, Stand::At));
        self.stands_since = self.under_way.as_ref().map(|_| now);
        true
    }

    fn resume(&mut self, now: Instant) -> bool {
        let Some(held) = self.held.take() else { return false };
        if let Some(since) = self.stands_since.take() {
            self.stood += now.saturating_duration_since(since);
        }
        if let Some(under_way) = &mut self.under_way {
            let at = held.offset_ns();
            under_way.go_on(at, at, now, None);
        }
        true
    }

    fn step(&mut self, now: Instant) -> bool {
        let (Some(held), Some(under_way)) = (self.held, &mut self.under_way) else { return false };
        if under_way.timeline.speed() == Speed::Max {
            return false;
        }
        let at = held.offset_ns();
        let Some(next) = (under_way.next)(at) else { return false };
        under_way.go_on(at, Some(next), now, None);
        self.held = Some(Stand::At(next));
        true
    }

    fn set_speed(&mut self, speed: Speed, now: Instant) -> bool {
        let held = self.held;
        let Some(under_way) = &mut self.under_way else { return false };
        let elapsed = now.saturating_duration_since(under_way.start);
        if under_way.timeline.speed() == Speed::Max {
            return false;
        }
        let at = match held {
            Some(held) => held.offset_ns(),
            None => under_way.timeline.offset_ns(elapsed),
        };
        under_way.go_on(at, at, now, Some(speed));
        true
    }
}

impl Stand {
    /// The last offset that may go, where any may.
    fn offset_ns(self) -> Option<u64> {
        match self {
            Self::Before => None,
            Self::At(offset_ns) => Some(offset_ns),
        }
    }
}

impl UnderWay {
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
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: u64 = 1_000_000;

    /// A drive of messages at these offsets, and its clock.
    struct Drive {
        course: Course,
        start: Instant,
    }

    impl Drive {
        fn begun(held: Option<Stand>, offsets: &'static [u64], speed: Speed) -> Self {
            let playhead = Playhead::new(held);
            let start = Instant::now();
            let next = |after: Option<u64>| {
                offsets.iter().copied().find(|&offset| after.is_none_or(|after| offset > after))
            };
            playhead.begin(start, Timeline::new(Timestamp(0), speed), next);
            Self { course: playhead.course(), start }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn due_ms(&self, offset_ns: u64) -> Option<u128> {
            self.course.due(offset_ns).map(|due| (due - self.start).as_millis())
        }
    }

    #[test]
    fn standing_still_moves_what_is_to_come_and_nothing_else() {
        let mut drive = Drive::begun(None, &[0, 10 * MS, 20 * MS], Speed::Factor(1.0));
        assert!(drive.course.pause(drive.at(15)));
        assert!(!drive.course.pause(drive.at(16)), "it stands already");
        let due = [0, 10 * MS, 20 * MS].map(|at| drive.due_ms(at));
        assert_eq!(due, [Some(0), Some(10), None], "nothing becomes due meanwhile");
        assert!(drive.course.resume(drive.at(1_015)));
        assert!(!drive.course.resume(drive.at(1_016)), "it runs already");
        let due = [0, 10 * MS, 20 * MS].map(|at| drive.due_ms(at));
        assert_eq!(due, [Some(0), Some(10), Some(1_020)], "five milliseconds were left");
    }

    #[test]
    fn a_step_lets_go_what_is_due_next() {
        let mut drive = Drive::begun(Some(Stand::Before), &[0, 10 * MS, 500 * MS], Speed::Factor(1.0));
        assert_eq!(drive.due_ms(0), None, "nothing before it is let go");
        for (step, at) in [0, 10 * MS, 500 * MS].into_iter().enumerate() {
            let ms = 7 * (step as u64 + 1);
            assert!(drive.course.step(drive.at(ms)));
            assert_eq!(drive.due_ms(at), Some(u128::from(ms)), "it is due when it was let go");
            assert_eq!(drive.due_ms(at + 1), None);
        }
        assert!(!drive.course.step(drive.at(99)), "there is nothing left");
    }

    #[test]
    fn after_steps_it_goes_on_from_there() {
        let mut drive = Drive::begun(Some(Stand::Before), &[0, 10 * MS, 500 * MS], Speed::Factor(10.0));
        assert!(drive.course.step(drive.at(0)) && drive.course.step(drive.at(0)));
        drive.course.resume(drive.at(3));
        assert_eq!(drive.due_ms(500 * MS), Some(3 + 49));
    }

    #[test]
    fn speed_changes_from_here_on() {
        let mut drive = Drive::begun(None, &[0, 10 * MS, 110 * MS], Speed::Factor(1.0));
        assert!(drive.course.set_speed(Speed::Factor(100.0), drive.at(10)));
        assert_eq!([10 * MS, 110 * MS].map(|at| drive.due_ms(at)), [Some(10), Some(11)]);
        assert!(drive.course.set_speed(Speed::Max, drive.at(11)));
        assert_eq!(drive.due_ms(u64::MAX), Some(11));
        assert!(!drive.course.set_speed(Speed::Factor(1.0), drive.at(12)), "all has been let go");
    }

    #[test]
    fn the_speed_of_one_that_stands_is_that_at_which_it_will_go_on() {
        let mut drive = Drive::begun(None, &[0, 10 * MS, 110 * MS], Speed::Factor(1.0));
        drive.course.pause(drive.at(10));
        assert!(drive.course.set_speed(Speed::Factor(2.0), drive.at(20)));
        assert_eq!(drive.due_ms(110 * MS), None);
        drive.course.resume(drive.at(30));
        assert_eq!(drive.due_ms(110 * MS), Some(80));
    }

    #[test]
    fn at_top_speed_it_stops_and_goes_on_but_does_not_step() {
        let mut drive = Drive::begun(None, &[0, 10 * MS], Speed::Max);
        assert_eq!(drive.due_ms(10 * MS), Some(0));
        drive.course.pause(drive.at(5));
        assert_eq!(drive.due_ms(0), None);
        assert!(!drive.course.step(drive.at(6)));
        drive.course.resume(drive.at(7));
        assert!(drive.course.is_due(10 * MS, drive.at(7)));
    }

    #[test]
    fn stopped_before_it_begins_it_waits_at_the_start() {
        let playhead = Playhead::default();
        assert!(!playhead.step() && !playhead.set_speed(Speed::Max), "there is nothing to go through");
        assert!(playhead.is_held(), "a step stops it first");
        playhead.begin(Instant::now(), Timeline::new(Timestamp(0), Speed::Factor(1.0)), |_| Some(0));
        assert_eq!(playhead.course().due(0), None);
        assert!(playhead.step());
        assert!(playhead.course().due(0).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_is_held_and_let_go_with_it() {
        let playhead = Playhead::default();
        let hour_ns = 3_600_000_000_000;
        playhead
            .begin(Instant::now(), Timeline::new(Timestamp(0), Speed::Factor(1.0)), move |_| Some(hour_ns));
        let hand = playhead.clone();
        let steps = async move {
            hand.pause();
            tokio::task::yield_now().await;
            hand.step()
        };
        let (stepped, ()) = tokio::join!(steps, playhead.reach(hour_ns));
        assert!(stepped);
    }
}
