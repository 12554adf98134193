//! How long a match has been played at each moment of its recording: as its clock was told, and run on from there until it was told
//! again; without a clock, the time since play began, or was to begin where nobody says that it did.

use domain::message::Snapshot;
use domain::{
    Body, Clock, EventMessage, EventStatus, IncidentAction, IncidentKind, MatchStatus, Sport, Status,
    Timestamp,
};

use crate::uof;

/// How long an overtime is where it is not one of a play-off in hockey, in seconds.
const SHORT_OVERTIME_SECONDS: u32 = 5 * 60;
/// A clock of overtime that is set back by more than this has begun again; by less it was corrected.
const SET_BACK_SECONDS: u32 = 2 * 60;
/// How long games are without overtime whose parts do not say by themselves when they begin, in seconds: basketball by the
/// international rules, and in the NBA.
const GAMES_SECONDS: [u32; 2] = [4 * 10 * 60, 4 * 12 * 60];

/// What was told of a match, and when.
#[derive(Debug, Default)]
pub(super) struct Played {
    sport: Option<Sport>,
    told: Vec<Told>,
    beginning: Beginning,
    /// When something was said of it last.
    last_ns: u64,
}

/// When play began, as its messages tell it.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    /// When it was said to be live, in nanoseconds from the recording's start.
    live_at_ns: Option<u64>,
    /// When something was said first, and what time it was then.
    first: Option<(u64, Timestamp)>,
    /// When it was to begin, as that was told last.
    scheduled: Option<Timestamp>,
}

/// What one message tells of the clock.
#[derive(Debug, Clone, Copy)]
struct Told {
    at_ns: u64,
    part: MatchStatus,
    clock: Option<Clock>,
    /// Whether the clock runs; `None` where that is not told, and so stays as it was.
    runs: Option<bool>,
    /// Whether it is a state of play, or an incident, of which others may be told late or once more.
    is_status: bool,
    /// Whether a further overtime may begin with it.
    may_begin: bool,
}

/// From a moment on so long has been played, and while the clock runs a second more each second, up to an end.
#[derive(Debug, Clone, Copy)]
struct Leg {
    at_ns: u64,
    seconds: u32,
    /// The same as `seconds` where the clock stands.
    end_seconds: u32,
}

impl Beginning {
    /// Takes in what was said at this time, so many nanoseconds after the recording's start.
    pub(crate) fn note(&mut self, at_ns: u64, generated_at: Timestamp, body: &Body) {
        self.first.get_or_insert((at_ns, generated_at));
        self.scheduled = match body {
            Body::Fixture(fixture) => Some(fixture.scheduled_start),
            Body::FixtureChange(change) => change.scheduled_start.or(self.scheduled),
            Body::Snapshot(Snapshot { fixture: Some(fixture), .. }) => Some(fixture.scheduled_start),
            _ => self.scheduled,
        };
        let is_live = state_of_play(body).is_some_and(|(status, ..)| status == EventStatus::Live);
        if is_live {
            self.live_at_ns.get_or_insert(at_ns);
        }
    }

    /// When it was, in nanoseconds from the recording's start: when play was first said to be on; where nobody says so, as in what
    /// tells odds alone, when it was to begin.
    pub(crate) fn at_ns(&self) -> Option<u64> {
        let scheduled_ns = || {
            let ((at_ns, said_at), scheduled) = self.first.zip(self.scheduled)?;
            let after_micros = u64::try_from(scheduled.micros_since(said_at)).unwrap_or(0);
            Some(at_ns.saturating_add(after_micros.saturating_mul(1_000)))
        };
        self.live_at_ns.or_else(scheduled_ns)
    }
}

impl Played {
    /// Takes in what was said at this time, so many nanoseconds after the recording's start.
    pub(super) fn note(&mut self, at_ns: u64, generated_at: Timestamp, message: &EventMessage) {
        self.sport = Some(message.sport);
        self.last_ns = at_ns;
        self.beginning.note(at_ns, generated_at, &message.body);
        let (part, clock, runs, may_begin) = match (state_of_play(&message.body), &message.body) {
            (Some((status, part, clock)), _) => {
                let runs = status == EventStatus::Live && clock.is_none_or(|clock| !clock.stopped);
                (part, clock, Some(runs), true)
            }
            (None, Body::Incident(incident)) if incident.elapsed_seconds.is_some() => {
                let clock = incident.elapsed_seconds.map(|seconds| Clock::new(seconds, false));
                let begins =
                    incident.kind == IncidentKind::PeriodStart && incident.action == IncidentAction::New;
                let ends = incident.kind == IncidentKind::PeriodEnd;
                (incident.match_status, clock, ends.then_some(false), begins)
            }
            _ => return,
        };
        let is_status = !matches!(message.body, Body::Incident(_));
        self.told.push(Told { at_ns, part, clock, runs, is_status, may_begin });
    }

    /// When so many seconds had been played for the first time, in nanoseconds after the recording's start. Where that never was,
    /// how many were played in all.
    pub(super) fn at_ns(&self, seconds: u32) -> Result<u64, u32> {
        let legs = self.legs();
        let mut most = 0;
        for (place, leg) in legs.iter().enumerate() {
            let next = legs.get(place + 1);
            let lasts_ns = next.map_or(self.last_ns, |next| next.at_ns).saturating_sub(leg.at_ns);
            // What is told next was not yet true before.
            let told = next.map(|next| next.seconds).filter(|told| *told >= leg.seconds);
            let end_seconds = told.map_or(leg.end_seconds, |told| told.min(leg.end_seconds));
            if seconds <= leg.seconds {
                return Ok(leg.at_ns);
            }
            let runs_ns = u64::from(seconds - leg.seconds) * 1_000_000_000;
            if seconds <= end_seconds && runs_ns <= lasts_ns {
                return Ok(leg.at_ns + runs_ns);
            }
            let lasts_seconds = u32::try_from(lasts_ns / 1_000_000_000).unwrap_or(u32::MAX);
            most = most.max(leg.seconds.saturating_add(lasts_seconds).min(end_seconds.max(leg.seconds)));
        }
        Err(most)
    }

    fn legs(&self) -> Vec<Leg> {
        let (Some(sport), true) = (self.sport, self.told.iter().any(|told| self.counts(told))) else {
            let whole = |at_ns| Leg { at_ns, seconds: 0, end_seconds: u32::MAX };
            let began_ns = self.beginning.at_ns().filter(|at_ns| *at_ns <= self.last_ns);
            return began_ns.map(whole).into_iter().collect();
        };
        let game_seconds = self.game_seconds(sport);
        let mut legs: Vec<Leg> = Vec::new();
        let (mut overtimes_seconds, mut overtime_seconds, mut runs) = (0, 0, true);
        let mut part = None;
        for told in &self.told {
            let is_another_part = part != Some(told.part);
            let length = length_seconds(sport, told.part, game_seconds);
            let elapsed_seconds = match (told.clock, length) {
                (Some(clock), Some(_)) => clock.elapsed_seconds,
                // It has just begun.
                (None, Some(_)) if is_another_part && part.is_some() => 0,
                (None, Some(_)) if told.runs == Some(true) => continue,
                // Nothing is played, or not for the time being: what was played stays.
                _ => {
                    if told.is_status {
                        part = Some(told.part);
                        legs.extend(stands(&legs, told.at_ns));
                    }
                    continue;
                }
            };
            if told.part == MatchStatus::Overtime {
                if told.may_begin && elapsed_seconds.saturating_add(SET_BACK_SECONDS) < overtime_seconds {
                    overtimes_seconds += overtime_length_seconds(sport, overtime_seconds);
                    overtime_seconds = 0;
                }
                overtime_seconds = overtime_seconds.max(elapsed_seconds);
            }
            let before = if told.part == MatchStatus::Overtime { overtimes_seconds } else { 0 };
            let begins =
                (sport.rules().begins)(told.part, Some(game_seconds)).unwrap_or(game_seconds) + before;
            let longest = self.next_begins(sport, told.part, game_seconds).unwrap_or(u32::MAX);
            let seconds = begins.saturating_add(elapsed_seconds).min(longest);
            let is_late = legs.last().is_some_and(|leg| seconds < leg.seconds);
            if is_late && !told.is_status {
                continue;
            }
            runs = told.runs.unwrap_or(runs || is_another_part);
            part = Some(told.part);
            let end_seconds = begins.saturating_add(length.unwrap_or_default()).min(longest);
            let end_seconds = if runs { end_seconds.max(seconds) } else { seconds };
            legs.push(Leg { at_ns: told.at_ns, seconds, end_seconds });
        }
        if let (Some(first), Some(live_at_ns)) = (legs.first().copied(), self.beginning.live_at_ns)
            && live_at_ns < first.at_ns
        {
            legs.insert(0, Leg { at_ns: live_at_ns, seconds: 0, end_seconds: 0 });
        }
        legs
    }

    /// Whether it tells a clock that counts.
    fn counts(&self, told: &Told) -> bool {
        told.clock.is_some() && self.sport.is_some_and(|sport| (sport.rules().seconds)(told.part).is_some())
    }

    /// How long the game is without overtime, where its parts do not say when they begin: the shortest that nothing told is against.
    fn game_seconds(&self, sport: Sport) -> u32 {
        let [shorter, longer] = GAMES_SECONDS;
        let is_against = |told: &Told| {
            let Some(clock) = told.clock.filter(|_| told.part != MatchStatus::Overtime) else { return false };
            let begins = |game_seconds| (sport.rules().begins)(told.part, Some(game_seconds));
            let is_longer = |seconds: Option<u32>, than: u32| seconds.is_some_and(|seconds| seconds > than);
            let whole = clock.remaining_seconds.map(|left| clock.elapsed_seconds.saturating_add(left));
            let began = clock.match_seconds.and_then(|seconds| seconds.checked_sub(clock.elapsed_seconds));
            clock.elapsed_seconds > shorter / 4
                || is_longer(whole, shorter / 4)
                || begins(shorter).is_some_and(|begins| is_longer(began, begins))
        };
        if self.told.iter().any(is_against) { longer } else { shorter }
    }

    /// At how many seconds the next part begins that was played: what is added to a part before it is none of its minutes.
    fn next_begins(&self, sport: Sport, part: MatchStatus, game_seconds: u32) -> Option<u32> {
        let rules = sport.rules();
        let place = |part| rules.phases.iter().position(|&phase| phase == part);
        let later = self.told.iter().filter(|told| place(told.part) > place(part));
        later.filter_map(|told| (rules.begins)(told.part, Some(game_seconds))).min()
    }
}

/// What was played so far stays; `None` where nothing has been told, or it stands already.
fn stands(legs: &[Leg], at_ns: u64) -> Option<Leg> {
    let last = legs.last()?;
    let ran = u32::try_from(at_ns.saturating_sub(last.at_ns) / 1_000_000_000).unwrap_or(u32::MAX);
    let seconds = last.seconds.saturating_add(ran).min(last.end_seconds);
    (last.end_seconds > last.seconds).then_some(Leg { at_ns, seconds, end_seconds: seconds })
}

/// How long a part may be, in seconds; `None` where no clock runs in it.
fn length_seconds(sport: Sport, part: MatchStatus, game_seconds: u32) -> Option<u32> {
    let longest = (sport.rules().seconds)(part)?;
    Some(match part {
        MatchStatus::Quarter1 | MatchStatus::Quarter2 | MatchStatus::Quarter3 | MatchStatus::Quarter4 => {
            longest.min(game_seconds / 4)
        }
        _ => longest,
    })
}

/// How long an overtime was of which no more than so many seconds were told: in all sports five minutes, but for play-offs in
/// hockey, where each is as long as a period.
fn overtime_length_seconds(sport: Sport, told_seconds: u32) -> u32 {
    match (sport.rules().seconds)(MatchStatus::Overtime) {
        Some(longest) if told_seconds > SHORT_OVERTIME_SECONDS => longest,
        _ => SHORT_OVERTIME_SECONDS,
    }
}

/// How an event stands, which part of it is on, and its clock, where a message tells that.
fn state_of_play(body: &Body) -> Option<(EventStatus, MatchStatus, Option<Clock>)> {
    let (status, standing) = match body {
        Body::EventStatus(status) => (Some(status), None),
        Body::OddsChange(odds) => (odds.status.as_ref(), odds.standing.as_ref()),
        Body::Snapshot(snapshot) => (snapshot.status.as_ref(), None),
        _ => (None, None),
    };
    let status = status.map(|it| (it.status, it.match_status, it.clock));
    status.or(standing.map(|it| (it.status, it.match_status, it.clock)))
}

/// Whether a message tells the clock; a state of play without one leaves it running as it was told.
pub(crate) fn tells_clock(body: &Body) -> bool {
    state_of_play(body).is_some_and(|(.., clock)| clock.is_some())
}

/// The state of play so many seconds later, of which nothing was said: where its clock runs, it ran on, to the end of the part at most.
#[must_use]
pub(crate) fn run_on(mut status: Status, sport: Sport, seconds: u64) -> Status {
    let (part, is_on) = (status.match_status, status.status == EventStatus::Live);
    let Some(longest) = (sport.rules().seconds)(part).filter(|_| is_on) else { return status };
    let Some(clock) = status.clock.as_mut().filter(|clock| !clock.stopped) else { return status };
    let left = longest.saturating_sub(clock.elapsed_seconds).min(clock.remaining_seconds.unwrap_or(u32::MAX));
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX).min(left);
    clock.elapsed_seconds += seconds;
    clock.remaining_seconds = clock.remaining_seconds.map(|remaining| remaining - seconds);
    // A clock that counts through the game stands while time is added.
    let ends = uof::part_ends(part).unwrap_or(u32::MAX);
    clock.match_seconds = clock.match_seconds.map(|told| told.saturating_add(seconds).min(ends.max(told)));
    status
}

#[cfg(test)]
mod tests;
