use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::message::OddsChange;
use domain::{EventId, Incident, Score};

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A match of which these states of play are told, each after so many seconds.
fn played(sport: Sport, told: &[(u64, MatchStatus, Option<Clock>)]) -> Played {
    let mut played = Played::default();
    for (after, part, clock) in told {
        let status = match part {
            MatchStatus::NotStarted => EventStatus::NotStarted,
            MatchStatus::Ended => EventStatus::Ended,
            _ => EventStatus::Live,
        };
        let status = Status { clock: *clock, ..Status::new(status, *part, Score::default()) };
        played.note(after * SECOND, at(*after), &message(sport, Body::EventStatus(status)));
    }
    played
}

fn message(sport: Sport, body: Body) -> EventMessage {
    EventMessage { sport, event_id: EventId::new("md:match:7").unwrap(), position: None, body }
}

fn runs(seconds: u32) -> Option<Clock> {
    Some(Clock::new(seconds, false))
}

/// The time so many seconds after the recording's start.
fn at(seconds: u64) -> Timestamp {
    Timestamp(1_767_225_600_000_000 + i64::try_from(seconds).unwrap() * 1_000_000)
}

/// After how many seconds a minute begins.
fn begins(played: &Played, minute: u32) -> Result<u64, u32> {
    played.at_ns(minute * 60).map(|at_ns| at_ns / SECOND)
}

#[test]
fn a_clock_that_runs_is_run_on_until_it_is_told_again() {
    let football = played(
        Sport::Football,
        &[
            (0, MatchStatus::NotStarted, None),
            (100, MatchStatus::Half1, runs(0)),
            (160, MatchStatus::Half1, runs(60)),
            // It was stopped for two minutes, which nobody said.
            (2_020, MatchStatus::Half1, runs(1_800)),
            (2_920, MatchStatus::HalfTime, None),
            (3_820, MatchStatus::Half2, runs(0)),
            (6_700, MatchStatus::Ended, None),
        ],
    );
    assert_eq!(begins(&football, 0), Ok(100));
    assert_eq!(begins(&football, 17), Ok(160 + 16 * 60), "between two told clocks");
    assert_eq!(begins(&football, 30), Ok(160 + 29 * 60));
    assert_eq!(begins(&football, 31), Ok(2_080), "no more than is told next was played before it");
    assert_eq!(begins(&football, 46), Ok(3_880), "time added to the first half is none of the second");
    assert_eq!(begins(&football, 92), Ok(3_820 + 47 * 60), "what is added at the end is not said to be over");
    assert_eq!(begins(&football, 94), Err(93 * 60));
}

#[test]
fn where_nobody_says_that_play_is_on_its_minutes_are_counted_from_when_it_was_to_begin() {
    let mut odds = Played::default();
    let change = |seconds| {
        Body::FixtureChange(FixtureChange {
            change: FixtureChangeKind::StartTime,
            scheduled_start: Some(at(seconds)),
            next_live_time: None,
        })
    };
    let offers = || Body::OddsChange(OddsChange::of(Vec::new()));
    for (after, body) in [(100, change(600)), (500, change(900)), (6_000, offers())] {
        odds.note(after * SECOND, at(after), &message(Sport::Football, body));
    }
    assert_eq!([0, 10].map(|minute| begins(&odds, minute)), [Ok(900), Ok(1_500)]);
    assert_eq!(begins(&odds, 86), Err(5_100));
    odds.note(6_100 * SECOND, at(6_100), &message(Sport::Football, change(7_000)));
    assert_eq!(begins(&odds, 0), Err(0), "it has not begun");
}

#[test]
fn a_clock_that_stands_is_not_run_on() {
    let stopped = Some(Clock::new(60, true));
    let told = [(0, MatchStatus::Period1, stopped), (600, MatchStatus::Period1, runs(61))];
    let mut hockey = played(Sport::Hockey, &told);
    hockey.last_ns = 700 * SECOND;
    assert_eq!(begins(&hockey, 1), Ok(0));
    assert_eq!(begins(&hockey, 2), Ok(659));
    assert_eq!(begins(&hockey, 3), Err(161));
}

#[test]
fn quarters_are_as_long_as_what_is_told_of_them_and_not_as_the_last_clock_told() {
    let quarters = |last: u32| {
        let told = [
            (0, MatchStatus::Quarter1, runs(0)),
            (500, MatchStatus::Quarter1, runs(last)),
            (1_000, MatchStatus::Break1, None),
            (1_100, MatchStatus::Quarter2, runs(0)),
            (1_500, MatchStatus::Quarter2, runs(400)),
        ];
        played(Sport::Basketball, &told)
    };
    assert_eq!(begins(&quarters(480), 11), Ok(1_160), "ten minutes, though eight were told");
    assert_eq!(begins(&quarters(601), 13), Ok(1_160), "twelve, for ten were not all");
    let mut left = quarters(480);
    left.told[1].clock = Some(Clock { remaining_seconds: Some(240), ..Clock::new(480, false) });
    assert_eq!(begins(&left, 13), Ok(1_160), "twelve, as it is told");
    let mut of_match = quarters(480);
    of_match.told[4].clock = Some(Clock { match_seconds: Some(1_120), ..Clock::new(400, false) });
    assert_eq!(begins(&of_match, 13), Ok(1_160), "twelve, by the clock of the match");
}

#[test]
fn an_incident_that_is_told_late_moves_nothing() {
    let told = [(0, MatchStatus::Half1, runs(0)), (600, MatchStatus::Half1, runs(600))];
    let mut football = played(Sport::Football, &told);
    let shot = r#"{"incident_id":"i1","action":"new","kind":"missed_shot","match_status":"half_1","elapsed_seconds":420}"#;
    let shot: Incident = serde_json::from_str(shot).unwrap();
    football.note(700 * SECOND, at(700), &message(Sport::Football, Body::Incident(shot)));
    football.last_ns = 1_000 * SECOND;
    assert_eq!(begins(&football, 15), Ok(900));
}

#[test]
fn a_clock_runs_on_to_the_end_of_its_part() {
    let state = |part, clock| Status { clock, ..Status::new(EventStatus::Live, part, Score::default()) };
    let told = Clock { match_seconds: Some(2_640), ..Clock::new(2_640, false) };
    let later = run_on(state(MatchStatus::Half1, Some(told)), Sport::Football, 90).clock.unwrap();
    assert_eq!((later.elapsed_seconds, later.match_seconds), (2_730, Some(2_700)), "time is added");
    let told = Clock { match_seconds: Some(1_400), remaining_seconds: Some(40), ..Clock::new(680, false) };
    let later = run_on(state(MatchStatus::Quarter2, Some(told)), Sport::Basketball, 90).clock.unwrap();
    assert_eq!((later.elapsed_seconds, later.remaining_seconds), (720, Some(0)));
    let stands = state(MatchStatus::Quarter2, Some(Clock::new(680, true)));
    assert_eq!(run_on(stands.clone(), Sport::Basketball, 90), stands);
    let paused = state(MatchStatus::HalfTime, None);
    assert_eq!(run_on(paused.clone(), Sport::Football, 90), paused);
}
