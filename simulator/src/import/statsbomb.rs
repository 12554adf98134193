//! StatsBomb's open data becomes a recording of native messages: provider `statsbomb`, producer `live`.
//!
//! Of some four thousand events of a match those become incidents that a scout at the ground would send: line-ups, shots,
//! goals, offences and cards, set pieces, offsides, substitutions, injuries. Passes, carries, duels and the rest are left
//! out. Of a line-up the file names those who begin; who sits on the bench is in another one.
//! What changes the period, the score, the cards or the corners is a status as well. Goals are counted from shots and
//! own goals. There are no markets: the file has no odds.
//!
//! The file names neither the match nor its day, nor who is at home: the match is an argument, the day may be one, and
//! the team whose line-up comes first is named first, as in StatsBomb's own lists of matches.

use std::collections::BTreeMap;

use domain::{
    Body, Clock, Competitor, EventStatus, Fixture, Incident, IncidentAction, IncidentId, IncidentKind,
    MatchStatus, Score, Side, Sport, Statistics, Status, Timestamp,
};

use super::tale::{Board, Tale, other, urn};
use super::{ImportError, Imported, text};
use file::{Event, Team};
use terms::{after, is_said_elsewhere, kinds, part};

mod file;
mod terms;

const PROVIDER: &str = "statsbomb";
/// How long before kick-off a recording begins, and how long after the end the result is confirmed.
const MARGIN_MICROS: i64 = 60_000_000;

/// Imports one match, given the JSON of `data/events/{match_id}.json` and the time at which it was kicked off.
///
/// # Errors
/// When it is no such file, contradicts itself, or the match has not ended.
pub fn import(json: &[u8], match_id: u64, kick_off: Timestamp) -> Result<Imported, ImportError> {
    let mut events: Vec<Event> = super::read(json)?;
    events.sort_by_key(|event| event.index);
    let mut narrator = Narrator::new(&events, match_id, kick_off)?;
    narrator.open()?;
    for (place, event) in events.iter().enumerate() {
        let later = events[place..].iter().map(|later| later.period).find(|period| *period > event.period);
        narrator.tell(event, later)?;
    }
    narrator.close()?;
    Ok(narrator.tale.end(format!("StatsBomb open data, match {match_id}"), narrator.left_out))
}

/// Tells a match event by event.
struct Narrator<'a> {
    teams: [&'a Team; 2],
    kick_off: Timestamp,
    board: Board,
    statistics: Statistics,
    /// The period that is on, whether it has ended, and when it began.
    period: u32,
    has_ended: bool,
    began_at: Timestamp,
    told_at: Timestamp,
    incidents: usize,
    tale: Tale,
    left_out: BTreeMap<String, u64>,
}

impl<'a> Narrator<'a> {
    fn new(events: &'a [Event], match_id: u64, kick_off: Timestamp) -> Result<Self, ImportError> {
        let mut line_ups =
            events.iter().filter(|event| event.kind.name == "Starting XI").map(|event| &event.team);
        let (Some(home), Some(away)) = (line_ups.next(), line_ups.next()) else {
            return Err(ImportError::new(".", "there are no two line-ups (`Starting XI`)"));
        };
        let start = kick_off.plus_micros(-MARGIN_MICROS);
        let none = Some(Score::default());
        Ok(Self {
            teams: [home, away],
            kick_off,
            board: Board::new(Sport::Football),
            statistics: Statistics {
                yellow_cards: none,
                red_cards: none,
                yellow_red_cards: none,
                corners: none,
            },
            period: 0,
            has_ended: false,
            began_at: kick_off,
            told_at: start,
            incidents: 0,
            tale: Tale::new(PROVIDER, match_id, Sport::Football, start),
            left_out: BTreeMap::new(),
        })
    }

    fn open(&mut self) -> Result<(), ImportError> {
        let competitor = |team: &Team| {
            let name = text(&team.name, || "team.name".to_owned())?;
            Ok(Competitor { id: urn(PROVIDER, "team", team.id), name, abbreviation: None })
        };
        let [home, away] = self.teams;
        let fixture = Fixture {
            scheduled_start: self.kick_off,
            tournament: None,
            home: competitor(home)?,
            away: competitor(away)?,
        };
        self.tale.say(Body::Fixture(fixture), None, self.told_at);
        self.say_status(EventStatus::NotStarted);
        Ok(())
    }

    /// One event; `later` is the next period with events, where there is one.
    fn tell(&mut self, event: &Event, later: Option<u32>) -> Result<(), ImportError> {
        let path = |field: &str| format!("[{}].{field}", event.index.saturating_sub(1));
        let Some(part) = part(event.period) else {
            return Err(ImportError::new(
                path("period"),
                format!("{} is no period of football", event.period),
            ));
        };
        match event.kind.name.as_str() {
            "Half Start" if event.period > self.period => return self.begin(event, part),
            "Half End" if event.period == self.period && !self.has_ended => {
                return self.end_period(event, part, later);
            }
            "Starting XI" => return self.line_up(event),
            _ => {}
        }
        let kinds = kinds(event);
        if kinds.is_empty() && !is_said_elsewhere(event) {
            *self.left_out.entry(event.kind.name.clone()).or_default() += 1;
        }
        if !kinds.is_empty() && event.period != self.period {
            return Err(ImportError::new(path("period"), format!("period {} has not begun", event.period)));
        }
        for kind in kinds {
            self.tell_incident(event, part, kind)?;
        }
        Ok(())
    }

    /// Says who begins.
    fn line_up(&mut self, event: &Event) -> Result<(), ImportError> {
        let side = self.side(event)?;
        let Some(tactics) = &event.tactics else {
            *self.left_out.entry(event.kind.name.clone()).or_default() += 1;
            return Ok(());
        };
        for (place, position) in tactics.lineup.iter().enumerate() {
            let path = || format!("[{}].tactics.lineup[{place}].player.name", event.index.saturating_sub(1));
            let incident = Incident {
                incident_id: self.next_id()?,
                action: IncidentAction::New,
                kind: IncidentKind::LineUp,
                match_status: self.board.phase,
                elapsed_seconds: None,
                side: Some(side),
                player: Some(text(&position.player.name, path)?),
                detail: Some(text("starts", String::new)?),
                score: None,
            };
            self.tale.say(Body::Incident(incident), Some(self.told_at), self.told_at);
        }
        Ok(())
    }

    fn begin(&mut self, event: &Event, part: MatchStatus) -> Result<(), ImportError> {
        if self.period > 0 {
            let (_, pause_seconds) = after(self.period, Some(event.period)).unwrap_or((part, 0));
            self.began_at = self.told_at.plus_micros(1_000_000 * i64::from(pause_seconds));
        }
        (self.period, self.has_ended) = (event.period, false);
        self.board.begin(part);
        self.reach(event);
        self.say_incident(event, part, IncidentKind::PeriodStart, None, None)?;
        self.say_status(EventStatus::Live);
        Ok(())
    }

    fn end_period(
        &mut self,
        event: &Event,
        part: MatchStatus,
        later: Option<u32>,
    ) -> Result<(), ImportError> {
        self.has_ended = true;
        self.reach(event);
        self.say_incident(event, part, IncidentKind::PeriodEnd, None, None)?;
        if let Some((pause, _)) = after(event.period, later) {
            self.board.clock = None;
            self.board.reach(pause);
            self.say_status(EventStatus::Live);
        }
        Ok(())
    }

    fn tell_incident(
        &mut self,
        event: &Event,
        part: MatchStatus,
        kind: IncidentKind,
    ) -> Result<(), ImportError> {
        let team = self.side(event)?;
        // A penalty kick is the other side's.
        let side = if kind == IncidentKind::PenaltyKick { other(team) } else { team };
        self.reach(event);
        let counts = matches!(kind, IncidentKind::Goal | IncidentKind::OwnGoal);
        if counts || kind == IncidentKind::ShootoutGoal {
            self.board.count_in_period(part, side, 1);
        }
        if counts {
            self.board.count(side, 1);
        }
        let is_counted = self.note(kind, side);
        self.say_incident(event, part, kind, Some(side), counts.then_some(self.board.score))?;
        let is_attempt = matches!(kind, IncidentKind::ShootoutGoal | IncidentKind::ShootoutMiss);
        if counts || is_counted || is_attempt {
            self.say_status(EventStatus::Live);
        }
        Ok(())
    }

    /// Counts cards and corners; says whether it is one.
    fn note(&mut self, kind: IncidentKind, side: Side) -> bool {
        let counted = match kind {
            IncidentKind::YellowCard => &mut self.statistics.yellow_cards,
            IncidentKind::RedCard => &mut self.statistics.red_cards,
            IncidentKind::YellowRedCard => &mut self.statistics.yellow_red_cards,
            IncidentKind::CornerKick => &mut self.statistics.corners,
            _ => return false,
        };
        let counted = counted.get_or_insert_default();
        match side {
            Side::Home => counted.home += 1,
            Side::Away => counted.away += 1,
        }
        true
    }

    /// Moves the clocks to an event. A few are noted some milliseconds before the one ahead of them.
    fn reach(&mut self, event: &Event) {
        self.told_at = self.told_at.max(self.began_at.plus_micros(1_000 * i64::from(event.at_millis)));
        let runs = self.board.phase != MatchStatus::Penalties;
        self.board.clock = runs.then(|| Clock::new(event.at_millis / 1_000, self.has_ended));
    }

    fn close(&mut self) -> Result<(), ImportError> {
        if self.period < 2 || !self.has_ended {
            return Err(ImportError::new(
                ".",
                "there is no `Half End` of the last period: the match has not ended",
            ));
        }
        let result = match self.period {
            2 => MatchStatus::Ended,
            5 => MatchStatus::EndedAfterPenalties,
            _ => MatchStatus::EndedAfterOvertime,
        };
        let shoot_out = self.board.period_scores.iter().find(|score| score.period == MatchStatus::Penalties);
        if let Some(level) = shoot_out.filter(|score| score.home == score.away) {
            return Err(ImportError::new(".", format!("the shoot-out ends {}:{}", level.home, level.away)));
        }
        self.board.clock = None;
        self.board.reach(result);
        self.say_status(EventStatus::Ended);
        self.told_at = self.told_at.plus_micros(MARGIN_MICROS);
        self.say_status(EventStatus::Closed);
        Ok(())
    }

    fn side(&self, event: &Event) -> Result<Side, ImportError> {
        let place = self.teams.iter().position(|team| team.id == event.team.id);
        match place {
            Some(0) => Ok(Side::Home),
            Some(_) => Ok(Side::Away),
            None => {
                let path = format!("[{}].team", event.index.saturating_sub(1));
                Err(ImportError::new(path, format!("team {} does not play", event.team.id)))
            }
        }
    }

    fn say_incident(
        &mut self,
        event: &Event,
        part: MatchStatus,
        kind: IncidentKind,
        side: Option<Side>,
        score: Option<Score>,
    ) -> Result<(), ImportError> {
        let path = |field: &str| format!("[{}].{field}", event.index.saturating_sub(1));
        let player =
            event.player.as_ref().map(|player| text(&player.name, || path("player.name"))).transpose()?;
        let incident = Incident {
            incident_id: self.next_id()?,
            action: IncidentAction::New,
            kind,
            match_status: part,
            elapsed_seconds: (part != MatchStatus::Penalties).then_some(event.at_millis / 1_000),
            side,
            player: player.filter(|_| side.is_some()),
            detail: detail(event, kind).map(|detail| text(&detail, || path("type"))).transpose()?,
            score,
        };
        self.tale.say(Body::Incident(incident), Some(self.told_at), self.told_at);
        Ok(())
    }

    /// Incidents are numbered as they are told.
    fn next_id(&mut self) -> Result<IncidentId, ImportError> {
        self.incidents += 1;
        if self.incidents > domain::limit::INCIDENTS_MAX {
            let detail = format!("more than {} incidents", domain::limit::INCIDENTS_MAX);
            return Err(ImportError::new(".", detail));
        }
        Ok(IncidentId::new(self.incidents.to_string()).expect("a number is an incident id"))
    }

    fn say_status(&mut self, status: EventStatus) {
        let status = Status { statistics: Some(self.statistics), ..self.board.status(status) };
        self.tale.say(Body::EventStatus(status), Some(self.told_at), self.told_at);
    }
}

/// More in words: who comes on, what the offence was, where the shot went.
fn detail(event: &Event, kind: IncidentKind) -> Option<String> {
    match kind {
        IncidentKind::Substitution => {
            Some(format!("replaced by {}", event.substitution.as_ref()?.replacement.name))
        }
        IncidentKind::Foul => Some(event.foul_committed.as_ref()?.kind.as_ref()?.name.clone()),
        IncidentKind::MissedShot => Some(event.shot.as_ref()?.outcome.name.clone()),
        _ => None,
    }
}
