//! Recordings cut, merged and looked through: what is left of a game says what the whole of it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::codec::json;
use domain::message::Content;
use domain::{Body, EventId, EventState, FeedMessage, Key, Name, Sport, Timestamp, update::Value};
use simulator::import::nhl;
use simulator::playlist::{Entry, Playlist};
use simulator::recording::{
    Cut, CutError, Header, Message, Reader, RecordingError, cut, inspect, merge, minute,
};
use simulator::world::{self, Formats, Pace, Plan};
use simulator::{Format, Schedule};

use super::imported::sample;

/// A game of ours in a file, as the importer tells it.
fn game(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.rec"));
    nhl::import(&sample(&format!("nhl_{name}"))).unwrap().write(File::create(&path).unwrap()).unwrap();
    path
}

/// Games that the simulator plays, with markets.
fn played(folder: &Path, formats: Formats, seed: u64) -> PathBuf {
    let plan = Plan {
        seed,
        sports: Sport::ALL.to_vec(),
        games: 4,
        formats,
        pace: Pace::Even { messages_per_game: 400, duration: Duration::from_secs(100) },
        start: Timestamp(1_900_000_000_000_000),
    };
    let schedule = world::play(&plan).unwrap().schedule;
    let format = if formats == Formats::Xml { Format::Xml } else { Format::Json };
    let path = folder.join("played.rec");
    let header = Header::new(Name::new("md").unwrap(), format, "a test", Some(seed));
    schedule.record(header, File::create(&path).unwrap()).unwrap();
    path
}

fn open(path: &Path) -> Reader<BufReader<File>> {
    Reader::new(BufReader::new(File::open(path).unwrap())).unwrap()
}

fn messages(path: &Path) -> Vec<Message> {
    open(path).collect::<Result<_, _>>().unwrap()
}

fn decode(path: &Path, bytes: &[u8]) -> FeedMessage {
    match open(path).header().content_type.as_str() {
        "application/xml" => domain::codec::xml::decode(bytes).unwrap(),
        _ => json::decode(bytes).unwrap(),
    }
}

/// What clients see in the end of every event of a recording, each message of which is applied in turn.
fn ends(path: &Path) -> BTreeMap<EventId, BTreeMap<Key, String>> {
    let mut states: BTreeMap<EventId, EventState> = BTreeMap::new();
    for Message { bytes, .. } in messages(path) {
        let message = decode(path, &bytes);
        let Content::Event(event) = &message.content else { continue };
        let new = || EventState::new(event.event_id.clone(), event.sport);
        let state = states.entry(event.event_id.clone()).or_insert_with(new);
        state.apply(&message, Timestamp(0)).unwrap_or_else(|refusal| panic!("{refusal}: {message:?}"));
    }
    let seen = |state: &EventState| {
        let values = state.entries().filter_map(|(key, _, value)| Some((key, said(&value?))));
        values.collect()
    };
    states.iter().map(|(id, state)| (id.clone(), seen(state))).collect()
}

/// A value as far as a snapshot can say it: not by whose word a market was shut.
fn said(value: &Value) -> String {
    match value {
        Value::Market(market) => format!("{:?} {:?}", market.status, market.outcomes),
        other => format!("{other:?}"),
    }
}

fn new_file(folder: &Path, name: &str) -> (PathBuf, File) {
    let path = folder.join(name);
    let file = File::create(&path).unwrap();
    (path, file)
}

#[test]
fn a_recording_cut_in_the_middle_ends_as_the_whole_one_does() {
    let folder = tempfile::tempdir().unwrap();
    for formats in [Formats::Json, Formats::Xml] {
        for seed in [3, 4, 5] {
            println!("seed {seed}");
            let whole = played(folder.path(), formats, seed);
            let end = ends(&whole);
            for percent in [1_u64, 30, 60, 95] {
                let from_ns = 1_000_000_000 * percent;
                let (part, file) = new_file(folder.path(), "part.rec");
                let what = Cut { from_ns, ..Cut::default() };
                let done = cut(&whole, &what, file).unwrap();
                assert_eq!((done.header.images, done.repeated, done.unreadable), (Some(4), 0, 0));
                let left = messages(&whole).iter().filter(|message| message.offset_ns >= from_ns).count();
                assert_eq!(messages(&part).len(), left + 4, "a snapshot of each game and all that follows");
                let snapshots = messages(&part)[..4].iter().all(|message| {
                    let Content::Event(event) = decode(&part, &message.bytes).content else { return false };
                    message.offset_ns == 0 && matches!(event.body, Body::Snapshot(_))
                });
                assert!(snapshots);
                assert_eq!(ends(&part), end, "cut after {percent} s");
                assert_eq!(inspect(&mut open(&part)).unwrap().missing, 0, "numbered without a hole");
            }
        }
    }
}

#[test]
fn what_is_cut_twice_begins_twice() {
    let folder = tempfile::tempdir().unwrap();
    let whole = game(folder.path(), "overtime");
    let (half, file) = new_file(folder.path(), "half.rec");
    let what = Cut { from_ns: 2_400_000_000_000, ..Cut::default() };
    cut(&whole, &what, file).unwrap();
    let (quarter, file) = new_file(folder.path(), "quarter.rec");
    cut(&half, &what, file).unwrap();
    assert_eq!(ends(&quarter), ends(&whole));
}

#[test]
fn events_are_cut_out_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let whole = played(folder.path(), Formats::Json, 6);
    let event: EventId = "md:match:6002".parse().unwrap();
    let (part, file) = new_file(folder.path(), "part.rec");
    let what = Cut { events: [event.clone()].into(), ..Cut::default() };
    let done = cut(&whole, &what, file).unwrap();
    assert_eq!((done.header.images, done.header.seed), (None, Some(6)));
    let of_event = |message: &Message| {
        let Content::Event(said) = decode(&whole, &message.bytes).content else { return false };
        said.event_id == event
    };
    let expected: Vec<Message> = messages(&whole).into_iter().filter(of_event).collect();
    assert_eq!(messages(&part), expected);
}

#[test]
fn a_cut_keeps_to_its_ends() {
    let folder = tempfile::tempdir().unwrap();
    let whole = played(folder.path(), Formats::Json, 6);
    let (part, file) = new_file(folder.path(), "part.rec");
    let what = Cut { from_ns: 10_000_000_000, to_ns: Some(20_000_000_000), ..Cut::default() };
    cut(&whole, &what, file).unwrap();
    let offsets: Vec<u64> = messages(&part).iter().map(|message| message.offset_ns).collect();
    assert!(*offsets.last().unwrap() < 10_000_000_000);
    let (_, file) = new_file(folder.path(), "nothing.rec");
    let what = Cut { from_ns: u64::MAX, ..Cut::default() };
    let nothing = cut(&whole, &what, file).unwrap_err();
    assert!(matches!(&nothing, CutError::Empty(_)), "{nothing}");
    assert!(nothing.to_string().starts_with("there is nothing in it"), "{nothing}");
}

#[test]
fn a_minute_is_found_by_the_games_clock() {
    let folder = tempfile::tempdir().unwrap();
    let path = game(folder.path(), "regular");
    let at = |minute: u32| minute::offset_ns(open(&path), None, minute).map(|ns| ns / 1_000_000_000);
    // A minute before the start, and a break of 18 minutes after every 20 of play.
    assert_eq!(at(0).unwrap(), 60);
    let second_period = at(20).unwrap();
    assert!((60 + 20 * 60..=60 + 38 * 60).contains(&second_period), "{second_period}");
    assert!(at(41).unwrap() > 60 + 2 * 38 * 60);
    assert_eq!(at(61).unwrap_err().to_string(), "its game comes to minute 60, not to 61");
    let several = played(folder.path(), Formats::Json, 6);
    let error = minute::offset_ns(open(&several), None, 1).unwrap_err().to_string();
    assert!(error.ends_with("a minute is one game's, so cut that out first"), "{error}");
    let tennis: EventId = "md:match:6003".parse().unwrap();
    let without_a_clock = minute::offset_ns(open(&several), Some(&tennis), 1).unwrap();
    assert!(without_a_clock >= 60_000_000_000);
}

#[test]
fn the_minutes_of_a_further_overtime_count_on() {
    let folder = tempfile::tempdir().unwrap();
    let hockey = game(folder.path(), "playoff_overtimes");
    let at = |path: &Path, minute: u32| minute::offset_ns(open(path), None, minute);
    let seconds = |minute: u32| at(&hockey, minute).unwrap() / 1_000_000_000;
    // Six periods of twenty minutes, 18 minutes after one another, the first a minute from the start.
    let begins = |period: u64| 60 + (period - 1) * 38 * 60;
    assert_eq!([60, 80, 100].map(seconds), [begins(4), begins(5), begins(6)].map(|begin| begin - 18 * 60));
    assert_eq!(seconds(83), begins(5) + 180, "in the second overtime the clock runs from its beginning");
    assert_eq!(seconds(108), begins(6) + 480, "just before the goal in the third, at 8:05");
    assert_eq!(at(&hockey, 109).unwrap_err().to_string(), "its game comes to minute 108, not to 109");

    let basketball = folder.path().join("overtimes.rec");
    let file = File::create(&basketball).unwrap();
    simulator::import::nba::import(&sample("nba_pbp_overtimes")).unwrap().write(file).unwrap();
    assert!(at(&basketball, 54).unwrap() > at(&basketball, 53).unwrap());
    assert_eq!(at(&basketball, 59).unwrap_err().to_string(), "its game comes to minute 58, not to 59");
}

#[test]
fn a_replay_from_a_minute_sends_what_was_before_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = game(folder.path(), "regular");
    let whole = simulator::playlist::Playlist::of(&[&path]).load().unwrap();
    let entry = Entry { path: path.clone(), offset: Duration::from_secs(5), from_minute: Some(41) };
    let playlist = Playlist { entries: vec![entry], ..Playlist::default() };
    let from = playlist.load().unwrap();
    let bytes = |schedule: &Schedule| {
        (0..schedule.len()).map(|index| schedule.message(index).to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&from), bytes(&whole), "the same messages in the same order");
    let second = 1_000_000_000;
    let at_once = (0..from.len()).take_while(|&index| from.offset_ns(index) == 5 * second).count();
    assert!(at_once > from.len() / 2);
    let start = minute::offset_ns(open(&path), None, 41).unwrap();
    assert_eq!(from.duration_ns(), whole.duration_ns() - start + 5 * second);
    let later = (0..whole.len()).filter(|&index| whole.offset_ns(index) >= start).count();
    assert_eq!(from.paced(), later, "the rate is of what comes after the minute");
}

#[test]
fn recordings_of_one_provider_are_merged_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["regular", "overtime"].map(|name| game(folder.path(), name));
    let minute_ns = 60_000_000_000;
    let (merged, file) = new_file(folder.path(), "merged.rec");
    let header = merge(vec![(open(&paths[0]), 0), (open(&paths[1]), minute_ns)], file).unwrap();
    assert_eq!(header.images, None);
    assert_eq!(
        header.source,
        "NHL api-web play-by-play, game 2031020001; NHL api-web play-by-play, game 2031020002"
    );
    let mut expected: Vec<Message> = messages(&paths[0]);
    expected.extend(
        messages(&paths[1]).into_iter().map(|it| Message { offset_ns: it.offset_ns + minute_ns, ..it }),
    );
    expected.sort_by_key(|message| message.offset_ns);
    assert_eq!(messages(&merged), expected);
    let both: BTreeMap<_, _> = paths.iter().flat_map(|path| ends(path)).collect();
    assert_eq!(ends(&merged), both);
}

#[test]
fn snapshots_stay_first_when_recordings_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let parts = ["regular", "overtime"].map(|name| {
        let (part, file) = new_file(folder.path(), &format!("{name}-part.rec"));
        let what = Cut { from_ns: 1_800_000_000_000, ..Cut::default() };
        cut(&game(folder.path(), name), &what, file).unwrap();
        part
    });
    let (merged, file) = new_file(folder.path(), "merged.rec");
    let header = merge(parts.iter().map(|path| (open(path), 0)).collect(), file).unwrap();
    assert_eq!(header.images, Some(2));
    let (beside, file) = new_file(folder.path(), "beside.rec");
    let minute_ns = 60_000_000_000;
    let later =
        merge(parts.iter().zip([0, minute_ns]).map(|(path, at)| (open(path), at)).collect(), file).unwrap();
    assert_eq!(later.images, Some(2), "also of what begins later");
    let images = messages(&beside).into_iter().filter(|message| {
        let Content::Event(event) = decode(&beside, &message.bytes).content else { return false };
        matches!(event.body, Body::Snapshot(_))
    });
    assert_eq!(images.count(), 2);
    let first_two = messages(&merged)[..2].iter().all(|message| {
        let Content::Event(event) = decode(&merged, &message.bytes).content else { return false };
        matches!(event.body, Body::Snapshot(_))
    });
    assert!(first_two);
}

#[test]
fn a_recording_is_not_merged_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = game(folder.path(), "regular");
    for offset_ns in [0, 60_000_000_000] {
        let (_, file) = new_file(folder.path(), "merged.rec");
        let error = merge(vec![(open(&path), 0), (open(&path), offset_ns)], file).unwrap_err().to_string();
        let expected =
            "recordings 1 and 2 both tell `nhl:game:2031020001` as `live` does, over the same time";
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn recordings_of_several_feeds_are_not_merged() {
    let folder = tempfile::tempdir().unwrap();
    let (hockey, own) = (game(folder.path(), "regular"), played(folder.path(), Formats::Json, 6));
    let (_, file) = new_file(folder.path(), "merged.rec");
    let error = merge(vec![(open(&hockey), 0), (open(&own), 0)], file).unwrap_err().to_string();
    assert_eq!(
        error,
        "a recording is one provider's and of one format: the first is `nhl application/json`, recording 2 is `md application/json`; replay them side by side"
    );
}

#[test]
fn what_a_receiver_would_refuse_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = game(folder.path(), "regular");
    let mut told: Vec<Vec<u8>> = messages(&path).into_iter().map(|message| message.bytes).collect();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    told[4] = text(&told[4]).replacen("generated_at\":1", "generated_at\":9", 1).into_bytes();
    told[7] = b"{\"schema\":\"1.0\"".to_vec();
    told.swap(10, 12);
    let repeated = told[20].clone();
    told.push(repeated);
    told.remove(30);
    let (broken, file) = new_file(folder.path(), "broken.rec");
    let mut writer = simulator::recording::Writer::new(file, open(&path).header().clone()).unwrap();
    for bytes in &told {
        writer.write(0, bytes).unwrap();
    }
    writer.finish().unwrap();
    let found = inspect(&mut open(&broken)).unwrap();
    assert_eq!(found.refused, 2);
    let first: Vec<(u64, &str)> =
        found.refused_first.iter().map(|(place, why)| (place.message, why.as_str())).collect();
    assert!(first[0].0 == 5 && first[0].1.contains("are not within the years 2000 to 2099"), "{first:?}");
    assert!(first[1].0 == 8 && first[1].1.contains("EOF"), "{first:?}");
    // Places 11 and 12 come behind 13; the two refused and the one taken out are missing.
    assert_eq!((found.out_of_order, found.repeated, found.missing), (2, 1, 3));
    assert_eq!(found.out_of_order_first.iter().map(|place| place.message).collect::<Vec<_>>(), [12, 13]);
}

#[test]
fn a_changed_recording_is_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = game(folder.path(), "regular");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (_, file) = new_file(folder.path(), "part.rec");
    let error = cut(&path, &Cut::default(), file).unwrap_err();
    assert!(matches!(error, CutError::Recording(RecordingError::Checksum { .. })), "{error}");
}

/// A scenario of a Unified Odds Feed in a file.
fn unordered(folder: &Path) -> PathBuf {
    let scenario = simulator::Scenario::load("unified-odds-feed").unwrap();
    let schedule = scenario.play(Timestamp(1_900_000_000_000_000)).unwrap().schedule;
    let (provider, format) = schedule.feeds().into_iter().find(|(_, format)| *format == Format::Uof).unwrap();
    let path = folder.join("uof.rec");
    let header = Header::new(provider, format, "a test", None);
    schedule.record_feed(header, File::create(&path).unwrap()).unwrap();
    path
}

/// What a receiver of a Unified Odds Feed makes of a recording: of each event its values, without what prices its settled
/// and void markets had.
fn received(path: &Path) -> BTreeMap<EventId, BTreeMap<Key, Value>> {
    let provider = open(path).header().provider.clone();
    let mut states: BTreeMap<EventId, EventState> = BTreeMap::new();
    for Message { bytes, .. } in messages(path) {
        let message = simulator::uof::decode(&bytes, &provider).unwrap();
        let Content::Event(event) = &message.content else { continue };
        let new = || EventState::new(event.event_id.clone(), event.sport);
        let state = states.entry(event.event_id.clone()).or_insert_with(new);
        state.apply(&message, message.generated_at).unwrap();
    }
    let without_prices = |(key, _, value): (Key, _, Option<Value>)| {
        let mut value = value?;
        if let Value::Market(market) = &mut value {
            match market.status {
                domain::MarketStatus::Settled => {
                    for outcome in &mut market.outcomes {
                        (outcome.odds, outcome.probability) = (None, None);
                    }
                }
                domain::MarketStatus::Cancelled => market.outcomes.clear(),
                _ => {}
            }
        }
        Some((key, value))
    };
    let values = |state: EventState| state.entries().filter_map(without_prices).collect();
    states.into_iter().map(|(id, state)| (id, values(state))).collect()
}

#[test]
fn a_feed_without_sequences_is_cut_in_the_middle_and_comes_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = unordered(folder.path());
    let end_ns = open(&path).header().duration_ns.unwrap();
    let whole = received(&path);
    for eighths in 1..8 {
        let out = folder.path().join("cut.rec");
        let wanted = Cut { from_ns: end_ns / 8 * eighths, ..Cut::default() };
        let cut_out = cut(&path, &wanted, File::create(&out).unwrap()).unwrap();
        assert!(cut_out.header.images.unwrap() > 0 && cut_out.repeated == 0, "{eighths} eighths");
        let rest = messages(&path).into_iter().filter(|message| message.offset_ns >= wanted.from_ns).count();
        let kept = messages(&out).len() as u64 - cut_out.header.images.unwrap();
        assert_eq!(kept, rest as u64, "what follows keeps every byte");
        for (id, values) in received(&out) {
            assert_eq!(values, whole[&id], "{id}, cut after {eighths} eighths");
        }
    }
}
