//! How games are told: when, in which bytes and formats, and what is not played.

use std::fs::File;
use std::io::Cursor;
use std::time::Duration;

use domain::Sport;
use domain::codec::{json, xml};
use simulator::recording::Header;
use simulator::run_ledger::RunLedger;
use simulator::world::{self, Formats, Pace, Plan, PlanError, Played};
use simulator::{Format, Schedule};

use super::{messages, plan, play};

#[test]
fn times_are_those_of_the_schedule() {
    let played = play(&Sport::ALL, 3, 4, 500);
    let start = plan(&Sport::ALL, 3, 4, 500).start;
    for (offset_ns, message) in messages(&played) {
        assert_eq!(message.generated_at.micros_since(start), i64::try_from(offset_ns / 1_000).unwrap());
        assert!(message.occurred_at.is_none_or(|at| at <= message.generated_at && at >= start));
    }
}

/// FNV-1a over all messages and the times at which they are due.
fn fingerprint(played: &Played) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for index in 0..played.schedule.len() {
        let due = played.schedule.offset_ns(index).to_le_bytes();
        for byte in due.iter().chain(played.schedule.message(index)) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// By sport: the fingerprint of four games of seed 7 in JSON. It changes only when the games, or how they are told, are
/// meant to change; then it is written here anew.
const STREAMS: [(Sport, u64); 4] = [
    (Sport::Football, 6_477_739_590_060_971_388),
    (Sport::Basketball, 4_528_153_243_288_264_996),
    (Sport::Tennis, 13_829_331_119_610_443_266),
    (Sport::Hockey, 2_170_344_616_722_638_531),
];

#[test]
fn the_same_seed_makes_the_same_bytes_on_every_machine() {
    let streams = STREAMS.map(|(sport, _)| {
        let played = play(&[sport], 7, 4, 1_500);
        assert_eq!(played, play(&[sport], 7, 4, 1_500));
        assert_ne!(fingerprint(&played), fingerprint(&play(&[sport], 8, 4, 1_500)));
        (sport, fingerprint(&played))
    });
    assert_eq!(streams, STREAMS, "the streams of seed 7 are others than they were");
}

#[test]
fn a_ledger_reads_back_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.json");
    let ledger = RunLedger::of(play(&Sport::ALL, 5, 4, 400).ledger, "four games".to_owned());
    ledger.save(&path).unwrap();
    assert_eq!(RunLedger::load(&path).unwrap(), ledger);
    assert_eq!(ledger.producers[0].messages(), 1_600);
}

#[test]
fn a_plan_beyond_what_can_be_played_is_refused() {
    let refused = |plan: &Plan| world::play(plan).unwrap_err();
    let plan = |games, messages| plan(&Sport::ALL, 1, games, messages);
    assert_eq!(refused(&plan(0, 10)), PlanError::Games(0));
    assert_eq!(refused(&plan(1_000, 10)), PlanError::Games(1_000));
    assert_eq!(refused(&plan(100, u32::MAX)), PlanError::Messages(429_496_729_500));
    let at_once = Pace::Even { messages_per_game: 10, duration: Duration::ZERO };
    assert_eq!(refused(&Plan { pace: at_once, ..plan(1, 10) }), PlanError::Duration);
    assert_eq!(refused(&Plan { sports: Vec::new(), ..plan(1, 10) }), PlanError::NoSport);
}

#[test]
fn a_game_says_the_same_in_json_and_in_xml_and_half_of_them_speak_it() {
    let in_json = world::play(&plan(&Sport::ALL, 7, 8, 300)).unwrap().schedule;
    let in_xml =
        world::play(&Plan { formats: Formats::Xml, ..plan(&Sport::ALL, 7, 8, 300) }).unwrap().schedule;
    let half =
        world::play(&Plan { formats: Formats::Half, ..plan(&Sport::ALL, 7, 8, 300) }).unwrap().schedule;
    assert_eq!((in_json.len(), in_xml.len()), (half.len(), half.len()));
    for index in 0..half.len() {
        let message = json::decode(in_json.message(index)).unwrap();
        assert_eq!(xml::decode(in_xml.message(index)).unwrap(), message);
        let of_half = match half.channels()[half.channel(index)].format {
            Format::Json | Format::Uof => json::decode(half.message(index)).unwrap(),
            Format::Xml => xml::decode(half.message(index)).unwrap(),
        };
        assert_eq!(of_half, message);
    }
    let formats: Vec<Format> = half.channels().iter().map(|channel| channel.format).collect();
    assert_eq!(formats, [[Format::Json; 4], [Format::Xml; 4]].concat(), "two games of each of four sports");
}

#[test]
fn a_recording_in_xml_is_replayed_as_it_was_written() {
    let played = world::play(&Plan { formats: Formats::Xml, ..plan(&[Sport::Hockey], 7, 2, 50) }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("played.rec");
    let header = |format| Header::new(played.ledger.provider.clone(), format, "a test", None);
    let written = played.schedule.record(header(Format::Xml), File::create(&path).unwrap()).unwrap();
    assert_eq!(written.content_type, "application/xml");
    let messages = |schedule: &Schedule| -> Vec<(u64, Vec<u8>)> {
        (0..schedule.len())
            .map(|index| (schedule.offset_ns(index), schedule.message(index).to_vec()))
            .collect()
    };
    assert!(
        messages(&simulator::playlist::Playlist::of(&[path]).load().unwrap()) == messages(&played.schedule)
    );
    let refused = played.schedule.record(header(Format::Json), Cursor::new(Vec::new()));
    assert!(refused.unwrap_err().to_string().contains("`application/xml` beside `application/json`"));
}
