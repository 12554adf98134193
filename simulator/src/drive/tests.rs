//! What becomes of a drive of which a part fails.

use domain::Sport;

use super::*;
use crate::run_ledger::tests::games;
use crate::schedule::ScheduleBuilder;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_lane_panics_at_keeps_the_others_and_the_report_from_nothing() {
    let games = games(Sport::Hockey, 2).schedule;
    let of_second = |line: &usize| games.channel(*line) == 1;
    let lost = (0..games.len()).filter(of_second).count();
    let last = (0..games.len()).rfind(of_second).unwrap();
    let schedule = Arc::new(games.clone().with_a_pitfall(last));
    let options = DriveOptions {
        sink: Sink::Null,
        speed: Speed::Max,
        lanes: 2,
        batch: BatchLimits { messages_max: usize::MAX, bytes_max: usize::MAX },
        ..DriveOptions::to("http://127.0.0.1:9")
    };
    let report = drive(schedule, &options, |_| {}).await.unwrap();
    assert!(report.gave_up.is_some_and(|why| why.contains("ended by panic")));
    assert_eq!((report.accepted, report.undelivered), ((games.len() - lost) as u64, lost as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_before_a_minute_that_is_sought_is_not_of_the_rate() {
    let mut builder = ScheduleBuilder::default();
    for line in 0..7 {
        builder.push(&Name::new("md").unwrap(), Format::Json, 0, b"{}").unwrap();
        builder.last_is_sought(line < 5);
    }
    let options = DriveOptions { sink: Sink::Null, ..DriveOptions::to("http://127.0.0.1:9") };
    let report = drive(Arc::new(builder.build()), &options, |_| {}).await.unwrap();
    assert_eq!(report.accepted, 7);
    let accepted = report.rate() * report.elapsed.as_secs_f64();
    assert!((accepted - 2.0).abs() < 1e-3, "{accepted}");
}
