//! Where in a recording a minute of its match is: by the game's own clock, where the sport has one, else by the time since
//! play began.

use std::collections::BTreeMap;
use std::io::Read;

use domain::{
    Body, Content, EventId, EventMessage, EventStatus, FeedMessage, IncidentAction, IncidentKind,
    MatchStatus, Sport, Status,
};

use super::{Reader, RecordingError};
use crate::format::Format;

/// How long an overtime is where it is not one of a play-off in hockey, in seconds.
const SHORT_OVERTIME_SECONDS: u32 = 5 * 60;
/// A clock of overtime that is set back by more than this has begun again; by less it was corrected.
const SET_BACK_SECONDS: u32 = 2 * 60;

/// Why there is no such minute.
#[derive(Debug, thiserror::Error)]
pub enum MinuteError {
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Its messages are in no format that is known here.
    #[error("its messages are `{0}`, which are not known here")]
    Format(String),
    /// Nobody said whose minute.
    #[error("it holds {0} and {1}: a minute is one game's, so cut that out first")]
    Events(EventId, EventId),
    /// It ends before.
    #[error("its game comes to minute {reached}, not to {minute}")]
    NotReached {
        /// The minute asked for.
        minute: u32,
        /// The last one that there is.
        reached: u32,
    },
}

/// How long a match has been played, as its messages tell it.
#[derive(Debug, Default)]
pub struct MatchClock {
    /// The longest that each part has lasted so far, in seconds; of overtimes the one that is on.
    parts: BTreeMap<MatchStatus, u32>,
    /// How long the overtimes before that one were, in seconds.
    overtimes_seconds: u32,
    /// When it went live, in nanoseconds from the recording's start.
    live_at_ns: Option<u64>,
    played_seconds: u32,
}

impl MatchClock {
    /// Takes a message in; returns the seconds played since the match began. They never go back.
    pub fn note(&mut self, offset_ns: u64, message: &EventMessage) -> u32 {
        let status = status(&message.body);
        if is_live(&message.body) {
            self.live_at_ns.get_or_insert(offset_ns);
        }
        let (part, elapsed_seconds) = match (status, &message.body) {
            (Some(status), _) => (status.match_status, status.clock.map(|clock| clock.elapsed_seconds)),
            (None, Body::Incident(incident)) => (incident.match_status, incident.elapsed_seconds),
            (None, _) => (MatchStatus::NotStarted, None),
        };
        let played = match elapsed_seconds {
            Some(elapsed_seconds) => {
                if part == MatchStatus::Overtime && self.begins_again(&message.body, elapsed_seconds) {
                    let before = self.parts.remove(&part).unwrap_or_default();
                    self.overtimes_seconds += overtime_seconds(message.sport, before);
                }
                let longest = self.parts.entry(part).or_default();
                *longest = (*longest).max(elapsed_seconds);
                self.begins(message.sport, part).saturating_add(elapsed_seconds)
            }
            None if has_clock(message.sport) => 0,
            None => {
                let live_ns = self.live_at_ns.map_or(0, |live_at_ns| offset_ns.saturating_sub(live_at_ns));
                u32::try_from(live_ns / 1_000_000_000).unwrap_or(u32::MAX)
            }
        };
        self.played_seconds = self.played_seconds.max(played);
        self.played_seconds
    }

    /// At how many seconds a part begins: as the sport has it, else after what was played before. Of overtimes the one that is
    /// on.
    fn begins(&self, sport: Sport, part: MatchStatus) -> u32 {
        let rules = sport.rules();
        let place = |part| rules.phases.iter().position(|&phase| phase == part);
        let before = self.parts.iter().filter(|(earlier, _)| place(**earlier) < place(part));
        let begins = (rules.begins)(part, None).unwrap_or_else(|| before.map(|(_, seconds)| *seconds).sum());
        let overtimes_seconds = if part == MatchStatus::Overtime { self.overtimes_seconds } else { 0 };
        begins.saturating_add(overtimes_seconds)
    }

    /// Whether this is of another overtime than what was said before: all of them are one part, and the clock of each begins
    /// at 0. Of incidents only the one that says so tells, for others may be told late or once more.
    fn begins_again(&self, body: &Body, elapsed_seconds: u32) -> bool {
        let is_told = match body {
            Body::Incident(it) => it.kind == IncidentKind::PeriodStart && it.action == IncidentAction::New,
            _ => true,
        };
        let longest = self.parts.get(&MatchStatus::Overtime).copied().unwrap_or_default();
        is_told && elapsed_seconds.saturating_add(SET_BACK_SECONDS) < longest
    }
}

fn status(body: &Body) -> Option<&Status> {
    match body {
        Body::EventStatus(status) => Some(status),
        Body::OddsChange(odds) => odds.status.as_ref(),
        Body::Snapshot(snapshot) => snapshot.status.as_ref(),
        _ => None,
    }
}

/// Whether a message says that play is on.
pub(crate) fn is_live(body: &Body) -> bool {
    status(body).is_some_and(|status| status.status == EventStatus::Live)
}

/// How long an overtime was of which no more than so many seconds were told: in all sports five minutes, but for play-offs in
/// hockey, where each is as long as a period.
fn overtime_seconds(sport: Sport, told_seconds: u32) -> u32 {
    match (sport.rules().seconds)(MatchStatus::Overtime) {
        Some(longest) if told_seconds > SHORT_OVERTIME_SECONDS => longest,
        _ => SHORT_OVERTIME_SECONDS,
    }
}

fn has_clock(sport: Sport) -> bool {
    let rules = sport.rules();
    rules.phases.iter().any(|&part| (rules.seconds)(part).is_some())
}

/// The offset, in nanoseconds, of the first message that knows of this minute of the match; 0 is its beginning. Of several
/// events only one that is named.
///
/// # Errors
/// When the recording cannot be read, holds several events, or ends before.
pub fn offset_ns<R: Read>(
    mut recording: Reader<R>,
    event: Option<&EventId>,
    minute: u32,
) -> Result<u64, MinuteError> {
    let header = recording.header().clone();
    let format = Format::of_content_type(&header.content_type)
        .ok_or_else(|| MinuteError::Format(header.content_type.clone()))?;
    let (mut clock, mut found, mut reached, mut at) = (MatchClock::default(), event.cloned(), 0, None);
    for message in &mut recording {
        let message = message?;
        let Some(FeedMessage { content: Content::Event(said), .. }) =
            format.decode(&message.bytes, &header.provider)
        else {
            continue;
        };
        match &found {
            Some(found) if *found == said.event_id => {}
            Some(_) if event.is_some() => continue,
            Some(found) => return Err(MinuteError::Events(found.clone(), said.event_id)),
            None => found = Some(said.event_id.clone()),
        }
        let played_seconds = clock.note(message.offset_ns, &said);
        reached = played_seconds / 60;
        let has_begun = clock.live_at_ns.is_some() || played_seconds > 0;
        if has_begun && reached >= minute {
            at.get_or_insert(message.offset_ns);
        }
    }
    at.ok_or(MinuteError::NotReached { minute, reached })
}
