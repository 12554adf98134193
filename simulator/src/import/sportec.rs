//! Sportec's event feed (the XML that the German leagues are told in) becomes a recording of native messages: provider
//! `sportec`, producer `live`.
//!
//! Shots, goals, set pieces, offences, cards, offsides, substitutions and the attempts of a shoot-out are incidents; what
//! changes the period or the score is a status as well. Every other event is left out. Each is told at the time at which
//! it happened: a document has one time at which all of it was sent. Goals are counted from shots and own goals; the
//! results that stand beside them are not read. There are no markets: the feed has no odds.
//!
//! The feed has ids and no names, of players and of teams; names are in another document. Nor does it say who is at
//! home: that may be an argument, else the team that has its goal on the left at kick-off is named first.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Body, Clock, Competitor, EventStatus, Fixture, Incident, IncidentAction, IncidentId, IncidentKind,
    MatchStatus, Score, Side, Sport, Timestamp,
};

use super::tale::{Board, Tale, other, urn};
use super::{ImportError, Imported, text};
use file::Event;
use terms::{after, begins, is_shot_lost, kinds, part};

mod file;
mod terms;

const PROVIDER: &str = "sportec";
/// How long before kick-off a recording begins, and how long after the end the result is confirmed.
const MARGIN_MICROS: i64 = 60_000_000;

/// Imports one match, given a `PutDataRequest`. `home` is the id of the team that is at home, where that is known.
///
/// # Errors
/// When it is no such document, is about several matches, contradicts itself, or the match has not ended.
pub fn import(xml: &[u8], home: Option<&str>) -> Result<Imported, ImportError> {
    let mut events = file::read(xml)?;
    events.sort_by_key(|event| event.at_micros);
    let mut narrator = Narrator::new(&events, home)?;
    narrator.open()?;
    for (place, event) in events.iter().enumerate() {
        narrator.tell(event, &events[place + 1..])?;
    }
    narrator.close()?;
    Ok(narrator.tale.end(format!("Sportec event feed, match {}", narrator.match_id), narrator.left_out))
}

/// Where an error is: events are known by their ids.
fn path(event: &Event, field: &str) -> String {
    format!("event {}: {field}", event.id)
}

/// Tells a match event by event.
struct Narrator<'a> {
    match_id: &'a str,
    teams: [&'a str; 2],
    kick_off: Timestamp,
    board: Board,
    /// The part that is on and when it began.
    on: Option<(MatchStatus, Timestamp)>,
    told_at: Timestamp,
    tale: Tale,
    left_out: BTreeMap<String, u64>,
}

impl<'a> Narrator<'a> {
    fn new(events: &'a [Event], home: Option<&'a str>) -> Result<Self, ImportError> {
        let is_kick_off =
            |event: &&Event| event.kind() == "KickOff" && event.get("GameSection") == Some("firstHalf");
        let Some(kick_off) = events.iter().find(is_kick_off) else {
            return Err(ImportError::new(".", "there is no kick-off of the first half"));
        };
        let mut seen = BTreeSet::new();
        for event in events {
            if event.match_id != kick_off.match_id {
                let detail = format!("`{}` is another match than `{}`", event.match_id, kick_off.match_id);
                return Err(ImportError::new(path(event, "MatchId"), detail));
            }
            if !seen.insert(&event.id) {
                return Err(ImportError::new(path(event, "EventId"), "another event has it, too"));
            }
        }
        let (Some(left), Some(right)) = (kick_off.get("TeamLeft"), kick_off.get("TeamRight")) else {
            return Err(ImportError::new(path(kick_off, "TeamLeft"), "which teams play is missing"));
        };
        let teams = match home {
            None => [left, right],
            Some(home) if home == left => [left, right],
            Some(home) if home == right => [right, left],
            Some(home) => {
                let detail = format!("`{home}` does not play; `{left}` and `{right}` do");
                return Err(ImportError::new(path(kick_off, "TeamLeft"), detail));
            }
        };
        for id in [&kick_off.match_id, left, right] {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if id.is_empty() || id.len() > 40 || !id.bytes().all(is_plain) {
                return Err(ImportError::new(path(kick_off, "KickOff"), format!("`{id}` is no id")));
            }
        }
        let start = Timestamp(kick_off.at_micros).plus_micros(-MARGIN_MICROS);
        Ok(Self {
            match_id: &kick_off.match_id,
            teams,
            kick_off: Timestamp(kick_off.at_micros),
            board: Board::new(Sport::Football),
            on: None,
            told_at: start,
            tale: Tale::new(PROVIDER, &kick_off.match_id, Sport::Football, start),
            left_out: BTreeMap::new(),
        })
    }

    fn open(&mut self) -> Result<(), ImportError> {
        let competitor = |id: &str| {
            let name = text(id, || "TeamLeft".to_owned())?;
            Ok(Competitor { id: urn(PROVIDER, "team", id), name, abbreviation: None })
        };
        let fixture = Fixture {
            scheduled_start: self.kick_off,
            tournament: None,
            home: competitor(self.teams[0])?,
            away: competitor(self.teams[1])?,
        };
        self.tale.say(Body::Fixture(fixture), None, self.told_at);
        self.say_status(EventStatus::NotStarted);
        Ok(())
    }

    /// One event, and those after it.
    fn tell(&mut self, event: &Event, later: &[Event]) -> Result<(), ImportError> {
        let on = self.on.map(|(part, _)| part);
        let is_shoot_out = on == Some(MatchStatus::Penalties);
        let section = |event: &Event| {
            let section = event.get("GameSection").unwrap_or_default();
            part(section).ok_or_else(|| {
                ImportError::new(path(event, "GameSection"), format!("`{section}` is not known here"))
            })
        };
        match event.kind() {
            // Of a shoot-out both may stand there.
            "KickOff" | "StartPenaltyShootOut" if is_shoot_out && begins(event) == on => {}
            "KickOff" if event.get("GameSection").is_some() => self.begin(event, section(event)?)?,
            "StartPenaltyShootOut" => self.begin(event, MatchStatus::Penalties)?,
            "FinalWhistle" if is_shoot_out && event.get("GameSection").is_none() => {
                self.end_part(event, MatchStatus::Penalties, later)?;
            }
            "FinalWhistle" => self.end_part(event, section(event)?, later)?,
            // After a goal; it may be shot at once from there, too.
            _ => {
                let kinds = kinds(event, on);
                // Of a shot from a set piece it may not be known what became of it.
                if kinds.is_empty() || is_shot_lost(event, &kinds) {
                    let kind = if kinds.is_empty() { event.kind() } else { "ShotAtGoal" };
                    *self.left_out.entry(kind.to_owned()).or_default() += 1;
                }
                for (place, kind) in kinds.into_iter().enumerate() {
                    self.tell_incident(event, place, kind)?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, event: &Event, part: MatchStatus) -> Result<(), ImportError> {
        self.on = Some((part, Timestamp(event.at_micros)));
        self.board.begin(part);
        self.reach(event);
        self.say_incident(event, 0, part, IncidentKind::PeriodStart, None, None)?;
        self.say_status(EventStatus::Live);
        Ok(())
    }

    fn end_part(&mut self, event: &Event, part: MatchStatus, later: &[Event]) -> Result<(), ImportError> {
        if self.on.is_none_or(|(on, _)| on != part) {
            return Err(ImportError::new(path(event, "GameSection"), format!("`{part}` is not on")));
        }
        self.reach(event);
        self.say_incident(event, 0, part, IncidentKind::PeriodEnd, None, None)?;
        self.board.clock = None;
        self.on = None;
        if let Some(later) = later.iter().find_map(begins) {
            self.board.reach(after(part, later));
            self.say_status(EventStatus::Live);
        }
        Ok(())
    }

    fn tell_incident(&mut self, event: &Event, place: usize, kind: IncidentKind) -> Result<(), ImportError> {
        let counts = matches!(kind, IncidentKind::Goal | IncidentKind::OwnGoal);
        // Players are cautioned and replaced during the breaks, too.
        let part = match self.on {
            Some((part, _)) => part,
            None if !counts => self.board.phase,
            None => {
                let detail = "nothing is on then: it stands before a kick-off or after a whistle";
                return Err(ImportError::new(path(event, "EventTime"), detail));
            }
        };
        let team = event.get("Team").or(event.get("TeamFouler"));
        let team = team.map(|team| self.side(event, team)).transpose()?;
        let side = if kind == IncidentKind::OwnGoal { team.map(other) } else { team };
        self.reach(event);
        let mut score = None;
        if counts || kind == IncidentKind::ShootoutGoal {
            let side = side.ok_or_else(|| ImportError::new(path(event, "Team"), "a goal is one team's"))?;
            self.board.count_in_period(part, side, 1);
            if counts {
                self.board.count(side, 1);
                score = Some(self.board.score);
            }
        }
        self.say_incident(event, place, part, kind, side, score)?;
        if counts || part == MatchStatus::Penalties {
            self.say_status(EventStatus::Live);
        }
        Ok(())
    }

    fn reach(&mut self, event: &Event) {
        self.told_at = Timestamp(event.at_micros).max(self.told_at);
        self.board.clock = self.elapsed_seconds(event).map(|seconds| Clock::new(seconds, false));
    }

    /// Whole seconds since the part that is on began; a shoot-out has no clock.
    fn elapsed_seconds(&self, event: &Event) -> Option<u32> {
        let (_, began_at) = self.on.filter(|(part, _)| *part != MatchStatus::Penalties)?;
        let seconds = (event.at_micros - began_at.0).max(0) / 1_000_000;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    fn close(&mut self) -> Result<(), ImportError> {
        let result = match self.board.phase {
            _ if self.on.is_some() => None,
            MatchStatus::Half2 => Some(MatchStatus::Ended),
            MatchStatus::ExtraTime2 => Some(MatchStatus::EndedAfterOvertime),
            MatchStatus::Penalties => Some(MatchStatus::EndedAfterPenalties),
            _ => None,
        };
        let shoot_out = self.board.period_scores.iter().find(|score| score.period == MatchStatus::Penalties);
        if let Some(level) = shoot_out.filter(|score| self.on.is_none() && score.home == score.away) {
            return Err(ImportError::new(".", format!("the shoot-out ends {}:{}", level.home, level.away)));
        }
        let result = result
            .ok_or_else(|| ImportError::new(".", "there is no final whistle: the match has not ended"))?;
        self.board.reach(result);
        self.say_status(EventStatus::Ended);
        self.told_at = self.told_at.plus_micros(MARGIN_MICROS);
        self.say_status(EventStatus::Closed);
        Ok(())
    }

    fn side(&self, event: &Event, team: &str) -> Result<Side, ImportError> {
        match self.teams.iter().position(|id| *id == team) {
            Some(0) => Ok(Side::Home),
            Some(_) => Ok(Side::Away),
            None => Err(ImportError::new(path(event, "Team"), format!("`{team}` does not play"))),
        }
    }

    fn say_incident(
        &mut self,
        event: &Event,
        place: usize,
        part: MatchStatus,
        kind: IncidentKind,
        side: Option<Side>,
        score: Option<Score>,
    ) -> Result<(), ImportError> {
        let id = if place == 0 { event.id.clone() } else { format!("{}-{}", event.id, place + 1) };
        let incident_id =
            IncidentId::new(id).map_err(|error| ImportError::new(path(event, "EventId"), error))?;
        let player = event.get("Player").or(event.get("Fouler")).or(event.get("PlayerOut"));
        let player = player.map(|player| text(player, || path(event, "Player"))).transpose()?;
        let detail = event.get("PlayerIn").filter(|_| kind == IncidentKind::Substitution);
        let detail = detail
            .map(|player| text(&format!("replaced by {player}"), || path(event, "PlayerIn")))
            .transpose()?;
        let incident = Incident {
            incident_id,
            action: IncidentAction::New,
            kind,
            match_status: part,
            elapsed_seconds: self.elapsed_seconds(event),
            side,
            player: player.filter(|_| side.is_some()),
            detail,
            score,
        };
        self.tale.say(Body::Incident(incident), Some(self.told_at), self.told_at);
        Ok(())
    }

    fn say_status(&mut self, status: EventStatus) {
        self.tale.say(Body::EventStatus(self.board.status(status)), Some(self.told_at), self.told_at);
    }
}
