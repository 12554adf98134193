use super::*;
use crate::scenario::{Gates, Hop, LatencyGate, Share};

const WHOLE: &str = r#"
description = "Everything that can be said"
seed = 7
seconds = 60

[[producers]]
provider = "md"
name = "live"
format = "json"

[[producers]]
provider = "uof"
name = "1"
format = "uof"

[sports.football]
games = 12
rate = 600
profile.bursts = { times = 8, seconds = 2.5 }
hot = { games = 1, share = 0.6 }
producers = ["live"]

[sports.tennis]
games = 2
rate = 100
profile.steps = [1, 4, 2.5]

[faults]
duplicate = 3
hold_ms = 500

[gates]
late_ms = 250
messages_per_second = 400
recovery_seconds = 30
latency.at_client = { p99 = 1500.5, p50 = 100 }
latency.received = { max = 2000 }
"#;

#[test]
fn everything_that_can_be_said_is_read() {
    let scenario = Scenario::parse(WHOLE).unwrap();
    assert_eq!((scenario.seed, scenario.duration.as_secs(), scenario.messages()), (7, 60, 42_000));
    let [football, tennis] = &scenario.sports[..] else { panic!("two sports") };
    assert_eq!(
        (football.sport, football.games, football.producers.as_slice()),
        (Sport::Football, 12, &[0][..])
    );
    assert_eq!(football.profile, Profile::Bursts { times: 8.0, seconds: 2.5 });
    assert_eq!(football.hot, Some(Hot { games: 1, share: 0.6 }));
    assert_eq!(tennis.producers, [0, 1], "all tell where none is named");
    assert_eq!(tennis.profile, Profile::Steps(vec![1.0, 4.0, 2.5]));
    assert_eq!(scenario.producers[1].format, Format::Uof);
    assert_eq!((scenario.faults.duplicate, scenario.faults.hold_ms, scenario.faults.gap), (3, 500, 0));
    let latency = |hop, share, ms_max| LatencyGate { hop, share, ms_max };
    let gates = Gates {
        late_ms_max: 250,
        messages_per_second_min: Some(400.0),
        recovery_seconds_max: Some(30.0),
        latency: vec![
            latency(Hop::Received, Share::Max, 2_000.0),
            latency(Hop::AtClient, Share::P50, 100.0),
            latency(Hop::AtClient, Share::P99, 1_500.5),
        ],
        ..Gates::RIGHT
    };
    assert_eq!(scenario.gates, gates);
}

#[test]
fn where_no_gates_are_named_everything_must_be_right() {
    let none = &WHOLE[..WHOLE.find("[gates]").unwrap()];
    assert_eq!(Scenario::parse(none).unwrap().gates, Gates::RIGHT);
}

/// What is said of the file once this text in it is replaced.
fn refused(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    Scenario::parse(&WHOLE.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_column() {
    for (from, to, error) in [
        ("seed = 7", "sede = 7", "3:1: unknown field `sede`, expected one of "),
        ("seed = 7", "seed = -7", "3:8: invalid value: integer `-7`, expected u64"),
        ("seed = 7\n", "", "1:1: missing field `seed`"),
        ("seconds = 60", "seconds = 0", "4:11: seconds: 0 is outside 1 to 86400"),
        ("\"json\"", "\"csv\"", "9:10: unknown variant `csv`, expected one of `json`, `xml`, `uof`"),
        (
            "\"1\"",
            "\"one\"",
            "11:1: a producer of a Unified Odds Feed is a number from 1 to 65535, not `one`",
        ),
        ("\"uof\"", "\"md\"", "11:1: `md` has a Unified Odds Feed or a feed of our own, not both"),
        ("name = \"1\"", "name = \"live\"", "11:1: there is a producer `live` already"),
        ("football", "curling", "16:9: unknown variant `curling`"),
        ("games = 12", "games = 1000", "17:9: games: 1000 is outside 1 to 999"),
        ("rate = 600", "rate = 1e3", "18:8: invalid type: floating point `1000.0`, expected u32"),
        ("bursts", "waves", "19:9: unknown variant `waves`"),
        ("times = 8", "times = nan", "19:28: times: NaN is outside 1 to 1000"),
        ("seconds = 2.5", "minutes = 2.5", "19:31: unknown field `minutes`"),
        ("games = 1,", "games = 12,", "20:17: hot games: 12 is outside 1 to 11"),
        ("[\"live\"]", "[\"dead\"]", "21:14: there is no producer `dead`"),
        ("[\"live\"]", "[\"live\", \"1\", \"live\"]", "21:27: `live` is named already"),
        ("[1, 4, 2.5]", "[0, 0]", "26:17: steps that are all 0 have no messages"),
        ("duplicate", "duplicates", "29:1: unknown field `duplicates`"),
        ("[faults]", "[faults", "28:8: "),
        ("late_ms = 250", "late_ms = 250.5", "33:11: invalid type: floating point `250.5`, expected u32"),
        ("late_ms = 250", "late_ms = 3600001", "33:11: late_ms: 3600001 is outside 0 to 3600000"),
        ("messages_per_second = 400", "messages = 400", "34:1: unknown field `messages`"),
        (
            "latency.at_client",
            "latency.at_home",
            "36:9: `at_home` is not how far a message has come: sent, received,",
        ),
        (
            "p99 = 1500.5",
            "p98 = 1500.5",
            "36:23: `p98` is not a share of the messages: p50, p90, p99, p99_9, p99_99, max",
        ),
        ("p99 = 1500.5", "p99 = 0", "36:29: p99: 0 is outside 0.001 to 3600000"),
        ("rate = 100\n", "rate = 1000000\n", "16:2: 60036000 messages in all; at most 20000000 can be made"),
    ] {
        let found = refused(from, to);
        assert!(found.starts_with(error), "{to}: {found}");
    }
}

#[test]
fn a_file_that_is_no_text_is_so_at_a_line_and_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    let mut bytes = WHOLE.replacen("seed = 7", "seed = #7", 1).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'#').unwrap();
    bytes[at] = 0xE9;
    std::fs::write(&path, bytes).unwrap();
    let name = path.to_str().unwrap();
    let error = Scenario::load(name).unwrap_err().to_string();
    assert_eq!(error, format!("{name}:3:8: this is no UTF-8"));
    assert_eq!(Scenario::text_of(&path).unwrap_err().to_string(), error, "and who sends it says the same");
}

#[test]
fn what_cannot_be_played_is_said_with_its_place() {
    use crate::pacer::Speed;
    use domain::Timestamp;
    let silent = WHOLE.replacen("duplicate = 3", "silence = 1", 1);
    assert_ne!(silent, WHOLE);
    let error = Scenario::parse(&silent).unwrap().play_for(Timestamp(0), Speed::Max).unwrap_err();
    assert!(error.has_place());
    assert!(error.to_string().starts_with("29:11: at top speed everything is due at once"), "{error}");
    let mut scenario = Scenario::parse(WHOLE).unwrap();
    scenario.duration = Duration::ZERO;
    let error = scenario.play(Timestamp(0)).unwrap_err();
    assert!(error.to_string().starts_with("16:"), "{error}");
}

/// A recording of these moments, in seconds, in a folder, and the scenario with it as the profile of tennis.
fn beside(seconds: &[u64], recorded: &str) -> Result<Scenario, String> {
    use crate::recording::{Header, Writer};
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("day.rec")).unwrap();
    let header = Header::new(Name::new("md").unwrap(), Format::Json, "a test", None);
    let mut writer = Writer::new(file, header).unwrap();
    seconds.iter().for_each(|second| writer.write(second * 1_000_000_000, b"{}").unwrap());
    writer.finish().unwrap();
    let text = WHOLE.replacen("steps = [1, 4, 2.5]", recorded, 1);
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).unwrap();
    let said = |error: anyhow::Error| error.to_string().replace(path.to_str().unwrap(), "scenario.toml");
    Scenario::load(path.to_str().unwrap()).map_err(said)
}

#[test]
fn a_recorded_day_is_read_from_beside_the_scenario() {
    let recorded = "recorded = { recording = \"day.rec\", per = \"minute\" }";
    let Profile::Recorded(counts) = &beside(&[0, 1, 59, 150], recorded).unwrap().sports[1].profile else {
        panic!("a recorded day")
    };
    assert_eq!((counts.messages.as_slice(), counts.length_ns), (&[3, 0, 1][..], 150_000_000_000));
    for (seconds, recorded, error) in [
        (
            &[0, 20_000][..],
            recorded.replace("minute", "second"),
            "26:34: day.rec: it has more than 10000 parts",
        ),
        (&[5, 5], recorded.replace("minute", "hour"), ""),
        (&[0], recorded.to_owned(), "26:34: day.rec: it has no two messages of different times"),
        (&[], recorded.replace("day", "night"), "26:34: cannot read night.rec: No such file"),
        (&[], recorded.replace("day", "../day"), "26:34: `../day.rec` is no name of a recording"),
        (&[], recorded.replace("minute", "day"), "26:51: unknown variant `day`, expected one of "),
        (&[], recorded.replace(", per = \"minute\"", ""), "26:20: missing field `per`"),
    ] {
        match beside(seconds, &recorded) {
            Ok(_) => assert_eq!(error, "", "{recorded}"),
            Err(found) => {
                assert!(found.starts_with(&format!("scenario.toml:{error}")), "{recorded}: {found}")
            }
        }
    }
    assert!(
        refused("steps = [1, 4, 2.5]", recorded)
            .ends_with("26:34: `day.rec`: recordings cannot be named here")
    );
}
