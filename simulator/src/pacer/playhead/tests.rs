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
}

#[test]
fn top_speed_can_be_left_from_what_has_gone_furthest() {
    const OFFSETS: &[u64] = &[0, 10 * MS, 110 * MS, 210 * MS];
    let mut drive = Drive::begun(None, OFFSETS, Speed::Max);
    drive.course.let_go(10 * MS);
    assert!(drive.course.set_speed(Speed::Factor(1.0), drive.at(5)));
    let due = [0, 10 * MS, 110 * MS].map(|at| drive.due_ms(at));
    assert_eq!(due, [Some(0), Some(0), Some(105)], "what others have not sent of it yet is due");

    let mut drive = Drive::begun(None, OFFSETS, Speed::Max);
    drive.course.let_go(10 * MS);
    drive.course.pause(drive.at(5));
    assert_eq!(drive.due_ms(0), None, "nothing goes while it stands");
    assert!(drive.course.set_speed(Speed::Factor(2.0), drive.at(20)));
    assert_eq!(drive.due_ms(0), None);
    assert!(drive.course.step(drive.at(30)));
    assert_eq!([110 * MS, 210 * MS].map(|at| drive.due_ms(at)), [Some(30), None]);
    drive.course.resume(drive.at(40));
    assert_eq!(drive.due_ms(210 * MS), Some(90));
}

#[test]
fn top_speed_that_is_chosen_while_it_stands_can_be_taken_back() {
    let mut drive = Drive::begun(None, &[0, 10 * MS, 110 * MS], Speed::Factor(1.0));
    drive.course.let_go(0);
    drive.course.pause(drive.at(60));
    assert!(drive.course.set_speed(Speed::Max, drive.at(70)));
    assert!(drive.course.set_speed(Speed::Factor(1.0), drive.at(80)));
    drive.course.resume(drive.at(100));
    assert_eq!(drive.due_ms(110 * MS), Some(150), "from where it stood");
    assert!(drive.course.set_speed(Speed::Max, drive.at(110)));
    assert_eq!(drive.due_ms(110 * MS), Some(110));
    assert!(drive.course.set_speed(Speed::Factor(1.0), drive.at(120)));
    assert_eq!(drive.due_ms(110 * MS), Some(160), "it has not gone, and no time passed for it meanwhile");
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
fn what_is_sent_once_more_is_what_has_gone_also_at_top_speed() {
    const OFFSETS: &[u64] = &[0, 10 * MS, 20 * MS];
    let come = |drive: &Drive, ms| [0, 10 * MS, 20 * MS].map(|at| drive.course.has_come_to(at, drive.at(ms)));
    let mut drive = Drive::begun(None, OFFSETS, Speed::Max);
    assert_eq!(come(&drive, 5), [false; 3], "nothing has gone");
    drive.course.let_go(10 * MS);
    assert_eq!(come(&drive, 5), [true, true, false]);
    drive.course.pause(drive.at(6));
    assert_eq!(come(&drive, 7), [true, true, false], "it has gone, though nothing goes now");
    let drive = Drive::begun(None, OFFSETS, Speed::Factor(1.0));
    assert_eq!(come(&drive, 15), [true, true, false]);
    let drive = Drive::begun(Some(Stand::Before), OFFSETS, Speed::Factor(1.0));
    assert_eq!(come(&drive, 15), [false; 3]);
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
    playhead.begin(Instant::now(), Timeline::new(Timestamp(0), Speed::Factor(1.0)), move |_| Some(hour_ns));
    let hand = playhead.clone();
    let steps = async move {
        hand.pause();
        tokio::task::yield_now().await;
        hand.step()
    };
    let (stepped, ()) = tokio::join!(steps, playhead.reach(hour_ns));
    assert!(stepped);
}
