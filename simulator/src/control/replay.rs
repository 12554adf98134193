//! The replay of single events, as a Unified Odds Feed has it: a playlist, and how it is played.
//!
//! An event is the one of that id in the recordings that are there; where none has it, and it is called as matches are
//! (`sr:match:1234`), a game that a world plays from its number: the same URN is the same game. No other event is known.

use std::path::PathBuf;

use anyhow::Context;
use domain::{Body, Content, EventId, Name, Sport, Timestamp};

use self::before::Before;
use self::source::Said;
use crate::faults::Factor;
use crate::format::Format;
use crate::pacer::Speed;
use crate::schedule::{self, Schedule, ScheduleBuilder, Sending};

mod before;
mod source;

/// The most events of a playlist.
pub const EVENTS_MAX: usize = 100;
/// A minute, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;
/// The longest start into an event, in minutes.
pub const START_MINUTES_MAX: u32 = 240;

/// Events in the order in which they are to be played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Playlist(Vec<Listed>);

/// An event of a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The event.
    pub event_id: EventId,
    /// Its sport.
    pub sport: Sport,
    /// With which minute since play began it begins; with 0 nothing is left out.
    pub start_minutes: u32,
    /// The recording in which it is, where there is one.
    pub recording: Option<PathBuf>,
}

/// A playlist that is to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The events.
    pub events: Vec<Listed>,
    /// Whose feed it is.
    pub provider: Name,
    /// The producers that are heard; all where none is named.
    pub product: Option<Name>,
    /// How many times as fast as it was.
    pub speed: f64,
    /// The longest wait between two messages, in milliseconds.
    pub max_delay_ms: Option<u32>,
    /// Whether messages have the time at which they are sent.
    pub is_now: bool,
    /// Whether all events are played at once.
    pub is_parallel: bool,
    /// What stands in the last field of routing keys.
    pub node_id: Option<u32>,
}

/// Why an event cannot be in a playlist, or a playlist be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// No recording has it, and its URN is not that of a match.
    #[error(
        "`{0}` is in no recording that is here, and no match: games are made up for `sr:match:` and a number, such as `sr:match:1234`"
    )]
    Unknown(EventId),
    /// There are too many.
    #[error("a playlist has at most {EVENTS_MAX} events")]
    Full,
    /// There is none.
    #[error("the playlist is empty")]
    Empty,
}

impl Playlist {
    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Listed] {
        &self.0
    }

    /// Adds an event at the end, or changes how it is played where it is in it.
    ///
    /// # Errors
    /// When it cannot be played, or there are too many.
    pub fn add(&mut self, listed: Listed) -> Result<(), ReplayError> {
        if listed.recording.is_none() {
            number(&listed.event_id)?;
        }
        match self.0.iter().position(|known| known.event_id == listed.event_id) {
            Some(known) => self.0[known] = listed,
            None if self.0.len() >= EVENTS_MAX => return Err(ReplayError::Full),
            None => self.0.push(listed),
        }
        Ok(())
    }

    /// Takes an event out; whether it was in it is the answer.
    pub fn remove(&mut self, event_id: &EventId) -> bool {
        let before = self.0.len();
        self.0.retain(|listed| listed.event_id != *event_id);
        self.0.len() < before
    }

    /// Takes all events out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The number of a match that can be made up.
fn number(event_id: &EventId) -> Result<u64, ReplayError> {
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = match event_id.as_str().split(':').collect::<Vec<_>>()[..] {
        [_, "match", number] => Some(number).filter(digits).and_then(|number| number.parse().ok()),
        _ => None,
    };
    number.ok_or_else(|| ReplayError::Unknown(event_id.clone()))
}

impl Replay {
    /// Makes its messages: each at its time, what is to be left out left out.
    ///
    /// # Errors
    /// When there is nothing to be played, or it does not fit.
    pub fn play(&self, start: Timestamp) -> anyhow::Result<Schedule> {
        let mut builder = ScheduleBuilder::default();
        let mut begins_ns = 0;
        for listed in &self.events {
            let messages = self.event(listed, start)?;
            let mut ends_ns = begins_ns;
            for (offset_ns, line) in messages {
                let offset_ns = begins_ns + offset_ns;
                let sending = Sending {
                    offset_ns,
                    late_ns: 0,
                    event_id: Some(listed.event_id.as_str()),
                    is_fixed: false,
                };
                builder.push_as(&self.provider, Format::Uof, &sending, &line)?;
                ends_ns = ends_ns.max(offset_ns);
            }
            if !self.is_parallel {
                begins_ns = ends_ns;
            }
        }
        let schedule = builder.build();
        anyhow::ensure!(!schedule.is_empty(), "nothing of the playlist is to be sent");
        Ok(schedule)
    }

    /// The messages of one event and when each is due, in nanoseconds from its first one on.
    fn event(&self, listed: &Listed, start: Timestamp) -> anyhow::Result<Vec<(u64, Vec<u8>)>> {
        let said = self.said(listed, start)?;
        let skipped_ns =
            before::begins_ns(listed, &said).with_context(|| format!("cannot replay {}", listed.event_id))?;
        let (mut messages, mut due_ns, mut before_ns) = (Vec::new(), 0, None);
        let (mut skipped, mut last_skipped) = (Before::default(), None);
        for Said { offset_ns, message, line } in said {
            let Content::Event(event) = &message.content else { continue };
            // Who plays whom, and when, is told however late one comes.
            let is_fixture = matches!(event.body, Body::Fixture(_) | Body::FixtureChange(_));
            if !is_fixture && self.product.as_ref().is_some_and(|product| *product != message.source.producer)
            {
                continue;
            }
            if offset_ns < skipped_ns && !is_fixture {
                skipped.enter(offset_ns, &message.source.producer, event);
                last_skipped = Some(message);
                continue;
            }
            if !is_fixture {
                // How things stand comes first.
                let stands = std::mem::take(&mut skipped).tell(offset_ns, &message, event);
                let lines = stands.iter().filter_map(crate::uof::encode);
                messages.extend(lines.map(|line| (due_ns, self.to_node(line))));
                let waited = before_ns.map_or(0, |before| offset_ns.saturating_sub(before));
                due_ns += self.wait_ns(waited);
                before_ns = Some(offset_ns);
            }
            messages.push((due_ns, self.to_node(line)));
        }
        // Who says nothing from then on has said how things stand.
        if let Some(message) = last_skipped
            && let Content::Event(event) = &message.content
        {
            let stands = skipped.tell(skipped_ns, &message, event);
            messages.extend(
                stands.iter().filter_map(crate::uof::encode).map(|line| (due_ns, self.to_node(line))),
            );
        }
        Ok(messages)
    }

    /// All that is said of an event, in the words of this feed.
    fn said(&self, listed: &Listed, start: Timestamp) -> anyhow::Result<Vec<Said>> {
        match &listed.recording {
            Some(path) => source::recorded(path, &listed.event_id, &self.provider, schedule::bytes_max()),
            // A game that keeps its times ends now: what is sent faster than it was played would else come from the future.
            None => source::played(number(&listed.event_id)?, listed, &self.provider, start, !self.is_now),
        }
    }

    /// A wait of the game as it is kept, before the speed.
    fn wait_ns(&self, waited_ns: u64) -> u64 {
        let speed = Factor::of(Speed::Factor(self.speed));
        let longest_ns = self.max_delay_ms.map(|ms| speed.scheduled_ns(u64::from(ms) * 1_000_000));
        longest_ns.map_or(waited_ns, |longest_ns| waited_ns.min(longest_ns))
    }

    /// The line with the node in its routing key.
    fn to_node(&self, line: Vec<u8>) -> Vec<u8> {
        let Some(node) = self.node_id else { return line };
        let Some((key, document)) = crate::uof::split(&line) else { return line };
        let key = key.strip_suffix(".-").unwrap_or(key);
        [format!("{key}.{node} ").as_bytes(), document].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(change: impl FnOnce(&mut Replay)) -> Vec<(u64, String)> {
        let event = |id: &str, sport| Listed {
            event_id: EventId::new(id).unwrap(),
            sport,
            start_minutes: 0,
            recording: None,
        };
        let mut replay = Replay {
            events: vec![event("sr:match:11", Sport::Football), event("sr:match:12", Sport::Hockey)],
            provider: Name::new("uof").unwrap(),
            product: None,
            speed: 10.0,
            max_delay_ms: None,
            is_now: true,
            is_parallel: false,
            node_id: None,
        };
        change(&mut replay);
        let schedule = replay.play(Timestamp(1_767_225_600_000_000)).unwrap();
        let line = |index| String::from_utf8(schedule.message(index).to_vec()).unwrap();
        (0..schedule.len()).map(|index| (schedule.offset_ns(index), line(index))).collect()
    }

    #[test]
    fn events_follow_each_other_or_are_played_at_once() {
        let one_by_one = replay(|_| {});
        let second = one_by_one.iter().position(|(_, line)| line.contains("sr:match:12")).unwrap();
        assert!(one_by_one[..second].iter().all(|(_, line)| line.contains("sr:match:11")));
        assert!((95 * MINUTE..130 * MINUTE).contains(&one_by_one[second].0), "{}", one_by_one[second].0);
        let at_once = replay(|replay| replay.is_parallel = true);
        assert_eq!(at_once.len(), one_by_one.len());
        let first_lasts = one_by_one[second].0;
        let second_lasts = one_by_one.last().unwrap().0 - first_lasts;
        assert_eq!(at_once.last().unwrap().0, first_lasts.max(second_lasts));
    }

    #[test]
    fn long_waits_shrink_and_minutes_are_left_out() {
        let shrunk = replay(|replay| replay.max_delay_ms = Some(10));
        let longest = shrunk.windows(2).map(|two| two[1].0 - two[0].0).max().unwrap();
        assert_eq!(longest, 100_000_000, "10 ms at ten times the speed");
        let late = replay(|replay| replay.events[0].start_minutes = 75);
        assert!(late.len() < replay(|_| {}).len() - 200);
        assert!(late[0].1.contains("<fixtures_fixture "), "{}", late[0].1);
        assert!(late[1].0 < MINUTE);
        let stands = &late[1].1;
        assert!(stands.contains(r#"match_status="7""#) && stands.matches("<market ").count() > 3, "{stands}");
        assert!(!stands.contains(r#"status="-3""#) && !stands.contains(r#"status="-4""#), "{stands}");
        let settled = &late[2].1;
        assert!(settled.contains("<bet_settlement ") && settled.contains(r#"<market id="60""#), "{settled}");
        assert!(settled.contains(r#" result="1""#) && settled.contains(r#" result="0""#), "{settled}");
        let times: Vec<u64> = late.iter().map(|(due_ns, _)| *due_ns).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn a_minute_is_counted_from_when_play_began_however_long_before_it_was_announced() {
        use crate::recording::{Header, Writer};
        use crate::world::{self, Formats, Pace, Plan};
        let plan = Plan {
            seed: 7,
            sports: vec![Sport::Hockey],
            games: 1,
            formats: Formats::Json,
            pace: Pace::Own,
            start: Timestamp(1_767_225_600_000_000),
        };
        let game = world::play(&plan).unwrap().schedule;
        let event_id = EventId::new(game.channels()[0].event_id.as_deref().unwrap()).unwrap();
        let from_minute_20 = |announced_ns: u64| {
            let file = tempfile::NamedTempFile::new().unwrap();
            let header = Header::new(Name::new("md").unwrap(), Format::Json, "a test", None);
            let mut writer = Writer::new(file.reopen().unwrap(), header).unwrap();
            for line in 0..game.len() {
                let offset_ns = if line == 0 { 0 } else { game.offset_ns(line) + announced_ns };
                writer.write(offset_ns, game.message(line)).unwrap();
            }
            writer.finish().unwrap();
            replay(|replay| {
                let recording = Some(file.path().to_owned());
                let (event_id, sport) = (event_id.clone(), Sport::Hockey);
                replay.events = vec![Listed { event_id, sport, start_minutes: 20, recording }];
            })
        };
        let at_once = from_minute_20(0);
        assert_eq!(from_minute_20(30 * MINUTE), at_once);
        assert!(at_once.len() > 100, "{} messages", at_once.len());
    }

    #[test]
    fn what_keeps_its_times_is_of_the_past_however_fast_it_is_sent() {
        let now_ms = 1_767_225_600_000_i64;
        let time = |line: &str| {
            let (_, time) = line.split_once(r#" timestamp=""#)?;
            time.split_once('"')?.0.parse::<i64>().ok()
        };
        let kept = replay(|replay| (replay.is_now, replay.max_delay_ms) = (false, Some(10_000)));
        let times: Vec<i64> = kept.iter().filter_map(|(_, line)| time(line)).collect();
        let latest = *times.iter().max().unwrap();
        assert!((now_ms - 60_000..=now_ms + 100).contains(&latest), "{} ms ahead", latest - now_ms);
        assert!(*times.iter().min().unwrap() < now_ms - 90 * 60_000, "it takes as long as it took");
    }

    #[test]
    fn one_product_and_a_node_may_be_asked_for() {
        let of_node =
            replay(|replay| (replay.product, replay.node_id) = (Some(Name::new("1").unwrap()), Some(7)));
        assert!(of_node.iter().all(|(_, line)| line.split(' ').next().unwrap().ends_with(".7")));
        assert!(of_node.iter().all(|(_, line)| {
            line.split(' ').next().unwrap().parse::<domain::codec::uof::RoutingKey>().is_ok()
        }));
    }

    #[test]
    fn a_playlist_is_bounded_and_knows_each_event_once() {
        let mut playlist = Playlist::default();
        let listed = |id: &str| Listed {
            event_id: EventId::new(id).unwrap(),
            sport: Sport::Tennis,
            start_minutes: 0,
            recording: None,
        };
        for number in 0..EVENTS_MAX {
            playlist.add(listed(&format!("sr:match:{number}"))).unwrap();
        }
        assert_eq!(playlist.add(listed("sr:match:100")), Err(ReplayError::Full));
        playlist.add(Listed { start_minutes: 5, ..listed("sr:match:7") }).unwrap();
        assert_eq!(playlist.events()[7].start_minutes, 5);
        assert!(playlist.remove(&EventId::new("sr:match:7").unwrap()));
        assert!(!playlist.remove(&EventId::new("sr:match:7").unwrap()));
        for wrong in
            ["sr:match:final", "sr:mtach:123", "sr:match:-5", "sr:match:5:6", "sr:match:99999999999999999999"]
        {
            assert!(matches!(playlist.add(listed(wrong)), Err(ReplayError::Unknown(_))), "{wrong}");
        }
        playlist.clear();
        assert!(playlist.events().is_empty());
    }
}
