use domain::{Body, FeedMessage, MatchStatus, Name, Position, Sport};

use super::*;
use crate::ScheduleBuilder;
use crate::faults::Effect;
use crate::run_ledger::tests::{first_status, games, lines_of, with_copies};
use crate::schedule::Times;

/// Messages of two events in turn, and some that are not counted.
fn schedule() -> Schedule {
    let mut builder = ScheduleBuilder::default();
    let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
    let md = Name::new("md").unwrap();
    for index in 0..8_u64 {
        let id = format!("md:match:{}", 1 + index % 2);
        let message = golden
            .replace("md:match:1001", &id)
            .replace("\"sequence\":60", &format!("\"sequence\":{}", index / 2 + 1));
        builder.push(&md, Format::Json, index, message.as_bytes()).unwrap();
    }
    builder.push(&md, Format::Json, 9, b"not json").unwrap();
    builder.build()
}

/// One whole game.
pub(super) fn game() -> Schedule {
    games(Sport::Hockey, 1).schedule
}

fn fates(inject: &Inject, schedule: &Schedule) -> Vec<Fate> {
    let due = |line| Due { schedule, line, generated_at: Timestamp(5_000_000), speed: None };
    (0..schedule.len()).map(|line| inject.fate(due(line))).collect()
}

fn of(number: u32) -> Option<EventId> {
    Some(EventId::new(format!("md:match:{number}")).unwrap())
}

fn factor(speed: f64) -> Factor {
    Factor::of(crate::pacer::Speed::Factor(speed))
}

fn copied(number: usize) -> Fate {
    Fate::Goes { copies: vec![number], before: Vec::new(), behind: Vec::new() }
}

fn goes() -> Fate {
    Fate::Goes { copies: Vec::new(), before: Vec::new(), behind: Vec::new() }
}

/// All that goes out of a schedule, in order, as its receiver reads it.
fn sent(inject: &Inject, schedule: &Schedule) -> Vec<FeedMessage> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for (line, fate) in fates(inject, schedule).into_iter().enumerate() {
        let Fate::Goes { before, behind, .. } = fate else { continue };
        let mut own = Vec::new();
        inject.revisions().write(schedule, line, Times::AsWritten, &mut own);
        lines.extend(before.into_iter().map(|(_, bytes)| bytes));
        lines.push(own);
        lines.extend(behind.into_iter().map(|(_, bytes)| bytes));
    }
    let md = Name::new("md").unwrap();
    lines.iter().filter_map(|line| Format::Json.decode(line, &md)).collect()
}

#[test]
fn a_fault_happens_to_the_next_message_that_it_fits() {
    let inject = Inject::default();
    for (wish, event_id) in [
        (Wish::Gap(2), of(2)),
        (Wish::Duplicate, None),
        (Wish::Malformed(crate::faults::Malformed::NotUtf8), of(1)),
        (Wish::Duplicate, of(3)),
        (Wish::Late(Duration::from_secs(1)), None),
    ] {
        inject.ask(Order { wish, event_id }).unwrap();
    }
    let held = Fate::Held { length: Duration::from_secs(1), with_followers: true };
    let copied = Fate::Goes { copies: vec![1, 2], before: Vec::new(), behind: Vec::new() };
    let expected = [held, Fate::Dropped, copied, Fate::Dropped, goes()];
    assert_eq!(fates(&inject, &schedule())[..5], expected, "what is held up has no copies");
    let injected = inject.injected();
    let gap = injected[0].fault.as_ref().unwrap();
    assert_eq!((&gap.messages[..], gap.sequence, gap.at_ns), (&[1, 3][..], Some(1), 1));
    assert_eq!(gap.outcomes.len(), 2, "it stands still, or somebody recovers it");
    assert!(!injected[3].has_happened, "nothing is said of that event");
    let awaited = serde_json::to_value(&injected[3]).unwrap();
    let expected = serde_json::json!({"kind": "duplicate", "event_id": of(3), "has_happened": false});
    assert_eq!(awaited, expected, "it is said what waits, and for whom");
    assert!(injected[..3].iter().all(|injected| injected.awaited.is_none()));
    inject.answered(1, 202);
    inject.answered(2, 0);
    assert_eq!((inject.unexpected(), inject.injected()[2].answer), (0, Some(0)), "nobody answered");
    inject.answered(2, 500);
    inject.answered(2, 400);
    assert_eq!((inject.unexpected(), inject.injected()[2].answer), (1, Some(500)));
    inject.recovered(2);
    assert!(!inject.injected()[0].is_recovered, "that message was never lost");
    inject.recovered(3);
    assert!(!inject.injected()[0].is_recovered, "the other one still is");
    inject.recovered(1);
    assert!(inject.injected()[0].is_recovered);
}

#[test]
fn what_comes_too_late_lasts_by_the_clock_of_who_asks_and_may_be_noticed_or_not() {
    let (schedule, length) = (schedule(), Duration::from_secs(7));
    for speed in [None, Some(factor(0.1)), Some(factor(50.0))] {
        let inject = Inject::default();
        inject.ask(Order { wish: Wish::GapFilled(1, length), event_id: of(1) }).unwrap();
        let fate = inject.fate(Due { schedule: &schedule, line: 0, generated_at: Timestamp(0), speed });
        assert_eq!(fate, Fate::Held { length, with_followers: false });
        let fault = inject.injected()[0].fault.clone().unwrap();
        assert_eq!(fault.kind, Kind::GapFilled { count: 1, after_ns: 7_000_000_000 });
        let declared = fault.outcomes.iter().map(|it| it.effects.contains(&Effect::GapDeclared));
        assert_eq!(declared.collect::<Vec<_>>(), [true, false, false]);
    }
}

#[test]
fn an_event_has_one_fault_that_moves_its_messages() {
    let inject = Inject::default();
    inject.ask(Order { wish: Wish::Gap(1), event_id: of(1) }).unwrap();
    let again = inject.ask(Order { wish: Wish::Restart, event_id: of(1) });
    assert_eq!(again, Err(OrderRefused::Taken));
    inject.ask(Order { wish: Wish::Duplicate, event_id: of(1) }).unwrap();
    // One that names no event takes another one.
    inject.ask(Order { wish: Wish::Gap(1), event_id: None }).unwrap();
    fates(&inject, &schedule());
    let taken: Vec<_> = inject.injected().into_iter().map(|it| it.fault.unwrap().event_id).collect();
    assert_eq!(taken, [of(1), of(1), of(2)]);
    let mut plan = FaultPlan::none(1);
    plan.faults.push(inject.injected()[0].fault.clone().unwrap());
    let beside = Inject::beside(&plan);
    let planned = beside.ask(Order { wish: Wish::Late(Duration::from_secs(1)), event_id: of(1) });
    assert_eq!(planned, Err(OrderRefused::Taken), "nor beside one that was planned");
}

#[test]
fn there_is_an_end_to_what_can_be_asked_for() {
    let inject = Inject::default();
    let order = Order { wish: Wish::Duplicate, event_id: None };
    assert!((0..ORDERS_MAX).all(|_| inject.ask(order.clone()).is_ok()));
    assert_eq!(inject.ask(order), Err(OrderRefused::TooMany));
}

#[test]
fn silences_have_an_end_too_and_all_of_one_are_written_down_or_none() {
    let inject = Inject::default();
    let [md, live] = ["md", "live"].map(|name| Name::new(name).unwrap());
    let kind = Kind::Silence { provider: md, producer: live, for_ns: 5 };
    let (outcomes, messages) = (kind.outcomes(), Vec::new());
    let silence = Fault { kind, event_id: None, sequence: None, at_ns: 0, messages, outcomes, answer: None };
    assert!((1..ORDERS_MAX).all(|_| inject.note(vec![silence.clone()]).is_ok()));
    assert_eq!(inject.note(vec![silence.clone(), silence.clone()]), Err(OrderRefused::TooMany));
    let injected = inject.injected();
    assert!(injected.len() == ORDERS_MAX - 1 && injected.iter().all(|it| it.has_happened));
    inject.ask(Order { wish: Wish::Duplicate, event_id: None }).unwrap();
    assert_eq!(inject.note(vec![silence]), Err(OrderRefused::TooMany));
    assert_eq!(fates(&inject, &schedule())[0], copied(ORDERS_MAX - 1), "it happens beside them");
}

#[test]
fn after_a_restart_an_event_is_counted_on_in_the_next_epoch() {
    let schedule = game();
    let inject = Inject::default();
    // The first message has nothing before it, so it begins with the second one.
    inject.ask(Order { wish: Wish::Restart, event_id: None }).unwrap();
    let sent = sent(&inject, &schedule);
    assert_eq!(sent.len(), schedule.len() + 1);
    let positions: Vec<Position> = sent.iter().map(|message| message.position().unwrap()).collect();
    let expected = (1..).map(|sequence| Position { epoch: 2, sequence });
    assert_eq!(positions[0], Position { epoch: 1, sequence: 1 });
    assert!(positions[1..].iter().copied().eq(expected.take(schedule.len())));
    let Some(Body::Snapshot(snapshot)) = body(&sent[1]) else { panic!("a snapshot") };
    assert!(snapshot.fixture.is_some() && snapshot.status.is_none(), "what had been said by then");
    let fault = inject.injected()[0].fault.clone().unwrap();
    assert_eq!((fault.kind, fault.sequence), (Kind::Restart { epoch: 2 }, Some(2)));
    let [before, behind] = inject.revisions().beside(&schedule, 1);
    assert!(before.len() == 1 && behind.is_empty(), "who asks once more is sent it, too");
}

#[test]
fn copies_on_its_way_change_no_snapshot_and_none_is_what_an_event_begins_anew_with() {
    let (played, copied) = (game(), with_copies(&game()));
    let from = played.len() / 2;
    let new = lines_of(&copied, |message| message.position().is_some_and(|it| it.sequence > from as u64))[0];
    let anew = |schedule: &Schedule, line: usize| {
        let inject = Inject::default();
        inject.ask(Order { wish: Wish::Restart, event_id: None }).unwrap();
        let due = Due { schedule, line, generated_at: Timestamp(5_000_000), speed: None };
        let Fate::Goes { before, .. } = inject.fate(due) else { panic!("it goes") };
        before.into_iter().map(|(_, bytes)| bytes).next()
    };
    assert!(anew(&played, from).is_some());
    assert_eq!(anew(&copied, new), anew(&played, from), "as it was applied");
    let copy = new - 1;
    assert_eq!(copied.message(copy), played.message(first_status(&played)));
    assert_eq!(anew(&copied, copy), None, "what is said once more is waited past");
}

#[test]
fn a_settlement_is_taken_back_and_made_again_and_what_follows_is_counted_on() {
    let schedule = game();
    let inject = Inject::default();
    inject.ask(Order { wish: Wish::SettlementRollback, event_id: None }).unwrap();
    let sent = sent(&inject, &schedule);
    let sequences: Vec<u64> = sent.iter().map(|message| message.position().unwrap().sequence).collect();
    assert!((1..).take(schedule.len() + 2).eq(sequences), "none is missing or said twice");
    let bodies: Vec<&Body> = sent.iter().filter_map(body).collect();
    let first = bodies.iter().position(|body| matches!(body, Body::Settlement(_))).unwrap();
    let Body::SettlementRollback(rollback) = bodies[first + 1] else { panic!("{:?}", bodies[first + 1]) };
    assert_eq!(bodies[first], bodies[first + 2]);
    let fault = inject.injected()[0].fault.clone().unwrap();
    assert_eq!(fault.kind, Kind::SettlementRollback { markets: rollback.markets.len() as u32 });
    let ids: BTreeSet<_> = sent.iter().map(|message| message.message_id.clone()).collect();
    assert_eq!(ids.len(), sent.len(), "each is a message of its own");
}

#[test]
fn a_wrong_clock_is_wrong_for_so_many_messages() {
    let schedule = schedule();
    let inject = Inject::default();
    inject.ask(Order { wish: Wish::ClockSkew(2, -30), event_id: of(2) }).unwrap();
    assert!(fates(&inject, &schedule).iter().all(|fate| *fate == goes()));
    let at = Timestamp(1_767_225_600_000_000);
    let made = |line| {
        let mut out = Vec::new();
        inject.revisions().write(&schedule, line, Times::Generated(at), &mut out);
        Format::Json.decode(&out, &Name::new("md").unwrap()).unwrap().generated_at
    };
    let behind = at.plus_micros(-30_000_000);
    assert_eq!([0, 1, 2, 3, 4, 5].map(made), [at, behind, at, behind, at, at]);
}

#[test]
fn a_clock_is_wrong_also_where_messages_keep_their_own_times() {
    let schedule = schedule();
    let inject = Inject::default();
    inject.ask(Order { wish: Wish::ClockSkew(1, 45), event_id: of(1) }).unwrap();
    fates(&inject, &schedule);
    let made = |line| {
        let mut out = Vec::new();
        inject.revisions().write(&schedule, line, Times::AsWritten, &mut out);
        Format::Json.decode(&out, &Name::new("md").unwrap()).unwrap().generated_at
    };
    let written = schedule.read(0).unwrap().generated_at;
    assert_eq!([0, 1, 2].map(made), [written.plus_micros(45_000_000), written, written]);
}

#[test]
fn what_overtakes_a_message_comes_within_the_window() {
    let schedule = schedule();
    let fate = |speed| {
        let inject = Inject::default();
        inject.ask(Order { wish: Wish::Reorder(2), event_id: of(1) }).unwrap();
        inject.fate(Due { schedule: &schedule, line: 0, generated_at: Timestamp(0), speed })
    };
    assert_eq!(fate(Some(factor(1.0))), Fate::Overtaken(2));
    assert_eq!(fate(Some(factor(1e-9))), goes(), "at that speed they come much later");
    let inject = Inject::default();
    inject.ask(Order { wish: Wish::Reorder(2), event_id: of(1) }).unwrap();
    let last = Due { schedule: &schedule, line: 4, generated_at: Timestamp(0), speed: None };
    assert_eq!(inject.fate(last), goes(), "there are no two more");
}

#[test]
fn a_copy_names_a_sport_that_refuses_it_or_an_event_that_nobody_knows() {
    let schedule = game();
    let inject = Inject::default();
    for wish in [Wish::WrongSport, Wish::UnknownEvent] {
        inject.ask(Order { wish, event_id: None }).unwrap();
    }
    let all = fates(&inject, &schedule);
    let injected = inject.injected();
    let [wrong, unknown] = [0, 1].map(|number| injected[number].fault.clone().unwrap());
    assert_eq!(wrong.kind, Kind::WrongSport { sport: Sport::Tennis });
    let line = usize::try_from(wrong.messages[0]).unwrap();
    let Some(Body::EventStatus(status)) = schedule.read(line).as_ref().and_then(body).cloned() else {
        panic!("a state of play")
    };
    assert_eq!(status.match_status, MatchStatus::Period1, "which tennis does not have");
    let nobody = unknown.event_id.unwrap();
    assert!(!events(&schedule).contains(&nobody), "{nobody}");
    let Fate::Goes { behind, .. } = &all[usize::try_from(unknown.messages[0]).unwrap()] else { panic!() };
    let copy = Format::Json.decode(&behind[0].1, &Name::new("md").unwrap()).unwrap();
    assert_eq!(copy.position(), Some(Position { epoch: 1, sequence: 1 }));
}

/// What a message says of its event.
fn body(message: &FeedMessage) -> Option<&Body> {
    match &message.content {
        domain::Content::Event(event) => Some(&event.body),
        domain::Content::Producer(_) => None,
    }
}
