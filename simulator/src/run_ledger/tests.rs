use domain::{Body, Content, Name, Sport, Timestamp};

use super::*;
use crate::ScheduleBuilder;
use crate::faults::of_another_sport;
use crate::format::Format;
use crate::world::{self, Formats, Pace, Plan, Played};

/// When its games begin.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// Whole games of seed 7, in which everything happens.
pub(crate) fn games(sport: Sport, games: u32) -> Played {
    let (sports, formats, pace) = (vec![sport], Formats::Json, Pace::Own);
    world::play(&Plan { seed: 7, sports, games, formats, pace, start: START }).unwrap()
}

fn game() -> Played {
    games(Sport::Hockey, 1)
}

/// The first message that tells the state of play.
pub(crate) fn first_status(game: &Schedule) -> usize {
    let is_status = |message: &domain::FeedMessage| matches!(&message.content, Content::Event(event) if matches!(event.body, Body::EventStatus(_)));
    lines_of(game, is_status)[0]
}

/// The game with copies on its way: its first state of play comes again before every later message, some come twice, some of
/// another sport, some as another provider's.
pub(crate) fn with_copies(game: &Schedule) -> Schedule {
    let first = first_status(game);
    let md = Name::new("md").unwrap();
    let mut builder = ScheduleBuilder::default();
    for line in 0..game.len() {
        let (at, message) = (game.offset_ns(line), game.message(line));
        let mut push = |message: &[u8]| builder.push(&md, Format::Json, at, message).unwrap();
        if line > first {
            push(game.message(first));
        }
        push(message);
        match line % 5 {
            1 => push(message),
            2 => push(&of_another_sport(Format::Json, message, Sport::Tennis).unwrap()),
            3 => push(String::from_utf8_lossy(message).replacen("\"md\"", "\"somebody-else\"", 1).as_bytes()),
            _ => {}
        }
    }
    builder.build()
}

/// The lines of messages that are so.
pub(crate) fn lines_of(schedule: &Schedule, is_so: impl Fn(&domain::FeedMessage) -> bool) -> Vec<usize> {
    (0..schedule.len()).filter(|line| schedule.read(*line).is_some_and(|message| is_so(&message))).collect()
}

fn lost(game: &Played, kind: Kind, messages: &[usize], at_ns: u64) -> Fault {
    Fault {
        outcomes: kind.outcomes(),
        kind,
        event_id: Some(game.ledger.events[0].event_id.clone()),
        sequence: None,
        at_ns,
        messages: messages.iter().map(|line| *line as u64).collect(),
        answer: None,
    }
}

#[test]
fn copies_are_no_versions_of_what_stands_still() {
    let game = game();
    let copied = with_copies(&game.schedule);
    let from = game.schedule.len() as u64 / 2;
    let with_gap = |schedule: &Schedule| {
        let is_lost = |message: &domain::FeedMessage| {
            message.position().is_some_and(|it| (from..from + 2).contains(&it.sequence))
        };
        let mut ledger = RunLedger::of(game.ledger.clone(), "a gap".to_owned());
        let gap = lost(&game, Kind::Gap { count: 2 }, &lines_of(schedule, is_lost), 5);
        ledger.add(gap, false, schedule);
        (ledger.producers, ledger.stalled)
    };
    let (producers, stalled) = with_gap(&copied);
    assert_eq!((producers[0].events[0].messages, stalled.len()), (from - 1, 1));
    assert_eq!(producers[0].events[0].due_ns.len() as u64, from - 1, "each version has its time");
    assert_eq!((producers, stalled), with_gap(&game.schedule));
}

#[test]
fn what_comes_again_is_not_missing() {
    let game = game();
    let copied = with_copies(&game.schedule);
    let first = first_status(&copied);
    let mut ledger = RunLedger::of(game.ledger.clone(), "a gap".to_owned());
    ledger.add(lost(&game, Kind::Gap { count: 1 }, &[first], 5), false, &copied);
    assert_eq!((&ledger.producers[0], ledger.stalled.len()), (&game.ledger, 0));
}

#[test]
fn what_is_said_besides_stands_among_the_times_of_the_event_where_it_was_said() {
    let game = game();
    let copied = with_copies(&game.schedule);
    let from = game.schedule.len() / 2;
    let is_there =
        |message: &domain::FeedMessage| message.position().is_some_and(|it| it.sequence == from as u64 + 1);
    let line = lines_of(&copied, is_there)[0];
    let mut ledger = RunLedger::of(game.ledger.clone(), "anew".to_owned());
    ledger.add(lost(&game, Kind::Restart { epoch: 2 }, &[line], copied.offset_ns(line)), false, &copied);
    let event = &ledger.producers[0].events[0];
    assert_eq!(event.messages, game.ledger.messages() + 1);
    assert_eq!(event.due_ns.iter().position(|due| *due == copied.offset_ns(line)), Some(from), "in its turn");
    assert!(event.due_ns.is_sorted());
}

#[test]
fn of_a_copy_that_went_wrong_the_answer_is_written_down_and_no_message_of_the_schedule() {
    let game = game();
    let mut ledger = RunLedger::of(game.ledger.clone(), "a copy".to_owned());
    let malformed = lost(&game, Kind::Malformed { how: crate::faults::Malformed::Truncated }, &[1], 5);
    ledger.add(Fault { answer: Some(422), ..malformed }, false, &game.schedule);
    assert!(ledger.faults.answers().is_empty(), "the message itself may be answered with 202 only");
    assert_eq!(ledger.faults.faults[0].answer, Some(422));
}
