//! Where the messages of an event come from: a recording that has it, or a world that plays it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;
use domain::message::{BetStop, Groups, StopStatus};
use domain::{Body, Content, EventId, FeedMessage, MessageId, Name, Position, Source, Sport, Timestamp};

use super::Listed;
use crate::format::Format;
use crate::ledger::{Account, applied};
use crate::recording::{Reader, bodies_of};
use crate::schedule::{ScheduleError, places_by_time};
use crate::tap::ANSWER_TIMEOUT;
use crate::uof;
use crate::world::{self, Formats, Ids, Pace, Plan};

/// The producer of live odds: what is told by one whose name is no number becomes its.
const LIVE: &str = "1";

/// Something that is said of an event.
pub(super) struct Said {
    /// When, in nanoseconds after the first message.
    pub(super) offset_ns: u64,
    pub(super) message: FeedMessage,
    /// The same as a line of a Unified Odds Feed.
    pub(super) line: Vec<u8>,
}

/// What a recording has of an event. One of a Unified Odds Feed keeps every byte; what was said in a format of our own is said
/// in the words of that feed, as far as it has some and its receiver took it.
///
/// # Errors
/// When the file cannot be read, or nothing is left of the event because its receiver refused it; and when what it has of the event
/// takes more than `bytes_max` bytes of memory.
pub(super) fn recorded(
    path: &Path,
    event_id: &EventId,
    provider: &Name,
    bytes_max: usize,
) -> anyhow::Result<Vec<Said>> {
    let cannot = || format!("cannot replay {event_id} of {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    let recording = Reader::new(BufReader::with_capacity(256 * 1024, file)).with_context(cannot)?;
    let (content_type, feed) = (recording.header().content_type.clone(), recording.header().provider.clone());
    let format = Format::of_content_type(&content_type)
        .with_context(|| format!("its messages are `{content_type}`, which are not known here"))
        .with_context(cannot)?;
    let (mut said, mut counted, mut first_ns, mut refused) = (Vec::new(), Vec::new(), None, None);
    let mut size_bytes = 0;
    for message in recording {
        let message = message.with_context(cannot)?;
        let envelope = format.envelope(&message.bytes);
        if envelope.and_then(|envelope| envelope.event_id).is_none_or(|id| id != event_id.as_str()) {
            continue;
        }
        size_bytes += size_of::<Said>() + message.bytes.len();
        if size_bytes > bytes_max {
            return Err(ScheduleError::Full(bytes_max)).with_context(cannot);
        }
        let mut after_first = || message.offset_ns - *first_ns.get_or_insert(message.offset_ns);
        match format {
            Format::Uof => {
                let Some(read) = format.decode(&message.bytes, provider) else { continue };
                said.push(Said { offset_ns: after_first(), message: read, line: message.bytes });
            }
            Format::Json | Format::Xml => match taken(format, &message.bytes, &feed) {
                Ok(read) => counted.push((after_first(), read)),
                Err(why) => {
                    tracing::warn!(%event_id, why, "a recorded message is left out of a replay");
                    refused = Some(why);
                }
            },
        }
    }
    if let (true, Some(why)) = (counted.is_empty(), refused) {
        let why = anyhow::anyhow!("whoever was sent it refused all of it, last because it is {why}");
        return Err(why).with_context(cannot);
    }
    let mut said = in_order(said);
    said.extend(in_words(counted, event_id, provider));
    Ok(said)
}

/// What arrived of an event of a Unified Odds Feed, in the order in which it was made.
fn in_order(arrived: Vec<Said>) -> Vec<Said> {
    let within_ns = u64::try_from(ANSWER_TIMEOUT.as_nanos()).unwrap_or(u64::MAX);
    let times = arrived.iter().map(|said| (0, said.offset_ns, Some(said.message.generated_at.0)));
    let mut placed: Vec<_> = places_by_time(times, within_ns).into_iter().zip(arrived).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|((offset_ns, ..), said)| Said { offset_ns, ..said }).collect()
}

/// A message of our own as the receiver of this feed takes it; why he refuses it, where he does. What he refused was of no
/// consequence, and may mean times that no calendar has.
fn taken(format: Format, bytes: &[u8], feed: &Name) -> Result<FeedMessage, String> {
    let message = format.decode(bytes, feed).ok_or("no message")?;
    if message.source.provider != *feed {
        return Err(format!("one of `{}`", message.source.provider));
    }
    match domain::check_alone(&message) {
        Ok(()) => Ok(message),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// What arrived of an event in a format of our own, in the words of this feed, and as it was applied: where time is the order, a
/// copy would be news, and so would what was overtaken, or is of another sport.
fn in_words(arrived: Vec<(u64, FeedMessage)>, event_id: &EventId, provider: &Name) -> Vec<Said> {
    let Some(sport) = sport(&arrived) else { return Vec::new() };
    // Each source counts for itself.
    let mut of_sources: BTreeMap<Source, Vec<(u64, FeedMessage)>> = BTreeMap::new();
    for (offset_ns, message) in arrived {
        of_sources.entry(message.source.clone()).or_default().push((offset_ns, message));
    }
    let mut in_turn = Vec::new();
    for arrived in of_sources.into_values() {
        let mut last_ns = 0;
        for (offset_ns, message) in up_to_holes(applied(event_id, sport, arrived)) {
            // What had overtaken a message waited for it.
            last_ns = offset_ns.max(last_ns);
            in_turn.push((last_ns, message));
        }
    }
    in_turn.sort_by_key(|(offset_ns, _)| *offset_ns);
    let mut words = Words::default();
    in_turn.into_iter().flat_map(|(offset_ns, message)| words.say(offset_ns, message, provider)).collect()
}

/// The sport that most messages name: a copy may name another one.
fn sport(messages: &[(u64, FeedMessage)]) -> Option<Sport> {
    let mut named: BTreeMap<Sport, usize> = BTreeMap::new();
    for (_, message) in messages {
        if let Content::Event(event) = &message.content {
            *named.entry(event.sport).or_default() += 1;
        }
    }
    named.into_iter().max_by_key(|(_, count)| *count).map(|(sport, _)| sport)
}

/// Of one source's messages, in their turn, those before one that is missing, and those of later epochs: whoever counts them waits for
/// it, with the markets shut. Who does not count them is told so by a bet stop.
fn up_to_holes(in_turn: Vec<(u64, FeedMessage)>) -> Vec<(u64, FeedMessage)> {
    let mut told: Vec<(u64, FeedMessage)> = Vec::new();
    let mut waits = false;
    for (offset_ns, message) in in_turn {
        let Some(Position { epoch, sequence }) = message.position() else {
            told.push((offset_ns, message));
            continue;
        };
        let last = told.last().and_then(|(_, last)| last.position());
        let is_next = match last {
            // A recording may have begun in the middle of a game.
            None => true,
            Some(last) if last.epoch == epoch => !waits && sequence == last.sequence + 1,
            Some(_) => sequence == 1,
        };
        if is_next {
            waits = false;
            told.push((offset_ns, message));
        } else if let (false, Some(last)) = (waits, told.last()) {
            waits = true;
            let stop = stop_after(&last.1, message.generated_at);
            told.push((offset_ns, stop));
        }
    }
    told
}

/// Nobody is to bet from then on.
fn stop_after(last: &FeedMessage, at: Timestamp) -> FeedMessage {
    let mut stop = last.clone();
    stop.generated_at = at;
    if let Content::Event(event) = &mut stop.content {
        event.body = Body::BetStop(BetStop { groups: Groups::All, market_status: StopStatus::Suspended });
    }
    stop
}

/// The game of a number, at its own pace: from `start` on, or so that it ends then.
pub(super) fn played(
    number: u64,
    listed: &Listed,
    provider: &Name,
    start: Timestamp,
    ends_then: bool,
) -> anyhow::Result<Vec<Said>> {
    let source = Source { provider: provider.clone(), producer: live() };
    let mut plan = Plan {
        seed: number,
        sports: vec![listed.sport],
        games: 1,
        formats: Formats::Json,
        pace: Pace::Own,
        start,
    };
    let mut schedule = world::play_as(&plan, &source, &Ids::default())?.schedule;
    if ends_then {
        let length_micros = i64::try_from(schedule.duration_ns() / 1_000).unwrap_or(i64::MAX);
        plan.start = start.plus_micros(-length_micros);
        schedule = world::play_as(&plan, &source, &Ids::default())?.schedule;
    }
    let (mut said, mut words) = (Vec::new(), Words::default());
    for line in 0..schedule.len() {
        let Some(mut message) = Format::Json.decode(schedule.message(line), provider) else { continue };
        if let Content::Event(event) = &mut message.content {
            event.event_id = listed.event_id.clone();
        }
        said.extend(words.say(schedule.offset_ns(line), message, provider));
    }
    Ok(said)
}

fn live() -> Name {
    Name::new(LIVE).expect("a digit is a name")
}

/// Messages of our own in the words of a Unified Odds Feed, where their time is their order: no two are of one millisecond.
#[derive(Default)]
struct Words {
    last_ms: Option<i64>,
}

impl Words {
    fn say(&mut self, offset_ns: u64, message: FeedMessage, provider: &Name) -> Vec<Said> {
        let parts = parts(message);
        parts.into_iter().filter_map(|message| self.say_part(offset_ns, message, provider)).collect()
    }

    fn say_part(&mut self, offset_ns: u64, mut message: FeedMessage, provider: &Name) -> Option<Said> {
        message.source.provider = provider.clone();
        if !domain::codec::uof::is_product(&message.source.producer) {
            message.source.producer = live();
        }
        message.message_id = MessageId::new("-").expect("a hyphen is visible");
        let millisecond = message.generated_at.0.div_euclid(1_000);
        let millisecond = self.last_ms.map_or(millisecond, |last| millisecond.max(last + 1));
        message.generated_at = Timestamp(millisecond * 1_000);
        let line = uof::encode(&message)?;
        self.last_ms = Some(millisecond);
        Some(Said { offset_ns, message, line })
    }
}

/// A snapshot is told as its fixture, its state of play with what is open, what is settled and what is void; there is none in this
/// feed.
fn parts(message: FeedMessage) -> Vec<FeedMessage> {
    let Content::Event(event) = &message.content else { return vec![message] };
    if !matches!(event.body, Body::Snapshot(_)) {
        return vec![message];
    }
    let mut account = Account::new(message.source.producer.clone(), event.sport);
    account.enter(&event.body);
    let saying = |body: Body| {
        let mut part = message.clone();
        if let Content::Event(event) = &mut part.content {
            event.body = body;
        }
        part
    };
    bodies_of(account.values()).into_iter().map(saying).collect()
}

#[cfg(test)]
mod tests {
    use domain::market::{OutcomeResult, ResultKind};
    use domain::message::{Offer, Snapshot};
    use domain::{EventMessage, MarketStatus, Outcome};

    use super::*;
    use crate::faults::of_another_sport;
    use crate::recording::{Header, Writer};
    use crate::schedule::Schedule;

    /// A recording of messages in JSON, each a second after the one before.
    fn recording(messages: &[Vec<u8>]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = Header::new(Name::new("md").unwrap(), Format::Json, "a test", None);
        let mut writer = Writer::new(file.reopen().unwrap(), header).unwrap();
        for (second, message) in (0..).zip(messages) {
            writer.write(second * 1_000_000_000, message).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    fn hockey() -> Schedule {
        let plan = Plan {
            seed: 7,
            sports: vec![domain::Sport::Hockey],
            games: 1,
            formats: Formats::Json,
            pace: Pace::Own,
            start: Timestamp(1_767_225_600_000_000),
        };
        world::play(&plan).unwrap().schedule
    }

    #[test]
    fn copies_are_no_news_and_neither_is_what_was_overtaken_or_is_of_another_sport() {
        let game = hockey();
        let uof = Name::new("uof").unwrap();
        let event_id = EventId::new(game.channels()[0].event_id.as_deref().unwrap()).unwrap();
        let told = |messages: &[Vec<u8>]| {
            let said = recorded(recording(messages).path(), &event_id, &uof, usize::MAX).unwrap();
            assert!(said.is_sorted_by_key(|said| said.offset_ns));
            said.into_iter().map(|said| String::from_utf8(said.line).unwrap()).collect::<Vec<_>>()
        };
        let messages: Vec<Vec<u8>> = (0..game.len()).map(|line| game.message(line).to_vec()).collect();
        let expected = told(&messages);
        assert!(expected.len() > 100, "{} messages", expected.len());
        let mut arriving = Vec::new();
        for (number, message) in messages.iter().enumerate() {
            // Some come late, some twice, some are said of another sport, and some come once more long after.
            match number % 7 {
                2 => arriving.insert(arriving.len() - 1, message.clone()),
                3 => arriving.extend([message.clone(), message.clone()]),
                4 => {
                    arriving.push(message.clone());
                    let other = of_another_sport(Format::Json, message, domain::Sport::Tennis).unwrap();
                    arriving.push(other);
                }
                5 => arriving.extend([message.clone(), messages[number / 2].clone()]),
                _ => arriving.push(message.clone()),
            }
        }
        assert_eq!(told(&arriving), expected);
    }

    #[test]
    fn a_unified_odds_feed_is_said_in_the_order_in_which_it_was_made() {
        let stop = |made: u32| {
            format!(
                r#"hi.-.live.bet_stop.4.md:match.7.- <bet_stop product="1" event_id="md:match:7" timestamp="{made}" groups="all"/>"#
            )
        };
        let uof = Name::new("uof").unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = Header::new(uof.clone(), Format::Uof, "a tap", None);
        let mut writer = Writer::new(file.reopen().unwrap(), header).unwrap();
        for (second, made) in [(1, 100), (2, 300), (3, 200), (4, 400)] {
            writer.write(second * 1_000_000_000, stop(made).as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let event_id = EventId::new("md:match:7").unwrap();
        let said = recorded(file.path(), &event_id, &uof, usize::MAX).unwrap();
        let said: Vec<_> = said
            .into_iter()
            .map(|it| (it.offset_ns / 1_000_000_000, String::from_utf8(it.line).unwrap()))
            .collect();
        assert_eq!(said, [(0, 100), (1, 200), (1, 300), (3, 400)].map(|(second, made)| (second, stop(made))));
    }

    #[test]
    fn where_a_message_is_missing_its_markets_are_shut_and_nothing_of_its_epoch_follows() {
        let game = hockey();
        let uof = Name::new("uof").unwrap();
        let event_id = EventId::new(game.channels()[0].event_id.as_deref().unwrap()).unwrap();
        let told = |messages: &[Vec<u8>]| {
            let said = recorded(recording(messages).path(), &event_id, &uof, usize::MAX).unwrap();
            said.into_iter().map(|said| said.message).collect::<Vec<_>>()
        };
        let messages: Vec<Vec<u8>> = (0..game.len()).map(|line| game.message(line).to_vec()).collect();
        let whole = told(&messages);
        // A copy that comes first and names another sport.
        let other = of_another_sport(Format::Json, &messages[1], domain::Sport::Tennis).unwrap();
        assert_eq!(told(&[&[other], &messages[..]].concat()), whole);

        let mut holed = messages.clone();
        holed.remove(200);
        let (before, beyond) = (told(&messages[..200]), told(&holed));
        let (stop, kept) = beyond.split_last().unwrap();
        assert_eq!(kept, before);
        let Content::Event(EventMessage { body: Body::BetStop(stop), .. }) = &stop.content else {
            panic!("{stop:?}")
        };
        assert_eq!((&stop.groups, stop.market_status), (&Groups::All, StopStatus::Suspended));
    }

    #[test]
    fn more_of_an_event_than_may_be_kept_is_not_read() {
        let game = hockey();
        let (md, uof) = (Name::new("md").unwrap(), Name::new("uof").unwrap());
        let event_id = EventId::new(game.channels()[0].event_id.as_deref().unwrap()).unwrap();
        let messages: Vec<Vec<u8>> = (0..game.len()).map(|line| game.message(line).to_vec()).collect();
        let file = recording(&messages);
        let why =
            |bytes_max| format!("{:#}", recorded(file.path(), &event_id, &uof, bytes_max).err().unwrap());
        assert!(
            why(messages.concat().len()).contains("the most that is allowed"),
            "its own bytes are not all"
        );
        let of_another = EventId::new("md:match:1").unwrap();
        assert!(
            recorded(file.path(), &of_another, &md, 1).unwrap().is_empty(),
            "what is passed over takes none"
        );
    }

    #[test]
    fn what_was_refused_is_left_out_and_where_nothing_else_is_said_why() {
        let fixture = include_str!("../../../../domain/golden/v1/fixture.json").trim();
        let odds = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
        let (uof, event_id) = (Name::new("uof").unwrap(), EventId::new("md:match:1001").unwrap());
        let told = |messages: &[String]| {
            let messages: Vec<Vec<u8>> = messages.iter().map(|it| it.clone().into_bytes()).collect();
            recorded(recording(&messages).path(), &event_id, &uof, usize::MAX)
        };
        let of_no_calendar = fixture.replace("1767200400000000", "9223372036854775807");
        let why = format!("{:#}", told(std::slice::from_ref(&of_no_calendar)).err().unwrap());
        assert!(why.contains("cannot replay md:match:1001 of "), "{why}");
        assert!(
            why.contains("/body/scheduled_start") && why.contains("within the years 2000 to 2099"),
            "{why}"
        );
        let of_another = odds.replacen("\"md\"", "\"somebody-else\"", 1);
        let said = told(&[of_no_calendar, of_another, odds.to_owned()]).unwrap();
        assert!(matches!(&said[..], [Said { offset_ns: 0, .. }]), "{} messages", said.len());
    }

    #[test]
    fn a_snapshot_is_told_with_the_results_of_what_is_settled() {
        let golden = include_str!("../../../../domain/golden/v1/odds_change.json").trim();
        let mut message = Format::Json.decode(golden.as_bytes(), &Name::new("md").unwrap()).unwrap();
        let Content::Event(event) = &mut message.content else { panic!("of an event") };
        let Body::OddsChange(odds) = &event.body else { panic!("odds") };
        let mut open = odds.markets[0].clone();
        open.status = MarketStatus::Active;
        let won = OutcomeResult { result: ResultKind::Won, void: None, dead_heat: None };
        let result = |outcome: &Outcome| Outcome { result: Some(won), ..outcome.clone() };
        let mut key = open.key.clone();
        key.id += 1;
        let settled =
            Offer::new(key.clone(), MarketStatus::Settled, open.outcomes.iter().map(result).collect());
        let snapshot =
            Snapshot { fixture: None, status: None, markets: vec![open.clone(), settled], incidents: None };
        event.body = Body::Snapshot(snapshot);
        let bodies: Vec<Body> = parts(message)
            .into_iter()
            .filter_map(|part| match part.content {
                Content::Event(event) => Some(event.body),
                Content::Producer(_) => None,
            })
            .collect();
        let [Body::OddsChange(odds), Body::Settlement(settlement)] = &bodies[..] else {
            panic!("{bodies:?}")
        };
        assert_eq!(odds.markets.iter().map(|offer| &offer.key).collect::<Vec<_>>(), [&open.key]);
        assert_eq!(settlement.markets[0].key, key);
        assert_eq!(settlement.markets[0].outcomes.len(), open.outcomes.len());
    }
}
