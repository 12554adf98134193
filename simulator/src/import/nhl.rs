//! The NHL's play-by-play becomes a recording of native messages: provider `nhl`, producer `live`.
//!
//! Every play is an incident; what changes the score or the period is a status as well. There are no markets:
//! the file has no odds. Of the players of a play the one is told whose it is; assists and opponents are left out. The
//! line-ups are those who dress for the game: the file does not say who begins. What a play is called here is in
//! `nhl/terms.rs`, when it happened in `nhl/wall_clock.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::id::Text;
use domain::incident::EMPTY_NET;
use domain::{
    Body, Clock, Competitor, EventStatus, Fixture, Incident, IncidentAction, IncidentId, IncidentKind,
    MatchStatus, PeriodScore, Side, Sport, Timestamp, Tournament,
};

use super::tale::{Board, Tale, urn};
use super::{ImportError, Imported, text};
use file::{Game, Period, PeriodType, Play, Situation, Team};
use terms::{after, kind, phase};
use wall_clock::{MARGIN_SECONDS, WallClock};

mod file;
mod terms;
mod wall_clock;

const PROVIDER: &str = "nhl";
/// Each side has so many skaters on the ice, but for penalty shots.
const SKATERS_MIN: u8 = 3;

/// Imports one game, given the JSON of `/v1/gamecenter/{id}/play-by-play`.
///
/// # Errors
/// When it is no such file, contradicts itself, or the game has not ended.
pub fn import(json: &[u8]) -> Result<Imported, ImportError> {
    let game: Game = super::read(json)?;
    let mut plays: Vec<(usize, &Play)> = game.plays.iter().enumerate().collect();
    plays.sort_by_key(|(_, play)| play.sort_order);
    check(&game, &plays)?;
    let mut narrator = Narrator::new(&game)?;
    narrator.open()?;
    for (place, &(index, play)) in plays.iter().enumerate() {
        let later = plays[place..]
            .iter()
            .map(|(_, later)| later.period_descriptor)
            .find(|p| *p > play.period_descriptor);
        narrator.tell(index, play, later)?;
    }
    narrator.close()?;
    Ok(narrator.tale.end(format!("NHL api-web play-by-play, game {}", game.id), narrator.left_out))
}

fn check(game: &Game, plays: &[(usize, &Play)]) -> Result<(), ImportError> {
    if plays.len() + game.roster_spots.len() > domain::limit::INCIDENTS_MAX {
        return Err(ImportError::new("plays", format!("more than {}", domain::limit::INCIDENTS_MAX)));
    }
    let mut seen = BTreeSet::new();
    for (index, play) in plays {
        let period = play.period_descriptor;
        if !seen.insert(play.event_id) {
            let detail = format!("another play has the id {}, too", play.event_id);
            return Err(ImportError::new(format!("plays[{index}].eventId"), detail));
        }
        if (period.period_type == PeriodType::Regular) != (1..=3).contains(&period.number) {
            let detail = format!("period {} is not {:?}", period.number, period.period_type);
            return Err(ImportError::new(format!("plays[{index}].periodDescriptor"), detail));
        }
    }
    if plays.iter().all(|(_, play)| play.kind != "game-end") {
        return Err(ImportError::new("plays", "there is no `game-end`: the game has not ended"));
    }
    Ok(())
}

/// Tells a game play by play.
struct Narrator<'a> {
    game: &'a Game,
    start: Timestamp,
    players: HashMap<u64, (Text, u64)>,
    wall_clock: WallClock,
    board: Board,
    /// Whether each side plays without its goalkeeper.
    is_net_empty: [bool; 2],
    /// Microseconds from the recording's start to the message told last.
    told_micros: i64,
    tale: Tale,
    left_out: BTreeMap<String, u64>,
}

impl<'a> Narrator<'a> {
    fn new(game: &'a Game) -> Result<Self, ImportError> {
        let mut players = HashMap::new();
        for (index, spot) in game.roster_spots.iter().enumerate() {
            let path = || format!("rosterSpots[{index}]");
            let name = format!("{} {}", spot.first_name.default, spot.last_name.default);
            if players.insert(spot.player_id, (text(name.trim(), path)?, spot.team_id)).is_some() {
                return Err(ImportError::new(path(), format!("player {} is listed twice", spot.player_id)));
            }
        }
        let start =
            game.start_seconds.checked_sub(MARGIN_SECONDS.into()).and_then(|s| s.checked_mul(1_000_000));
        let start = Timestamp(start.ok_or_else(|| ImportError::new("startTimeUTC", "out of range"))?);
        Ok(Self {
            game,
            start,
            players,
            wall_clock: WallClock::new(game),
            board: Board::new(Sport::Hockey),
            is_net_empty: [false; 2],
            told_micros: 0,
            tale: Tale::new(PROVIDER, game.id, Sport::Hockey, start),
            left_out: BTreeMap::new(),
        })
    }

    fn open(&mut self) -> Result<(), ImportError> {
        let fixture = fixture(self.game)?;
        self.say(Body::Fixture(fixture));
        self.say_status(EventStatus::NotStarted);
        self.line_up(&self.game.home_team, Side::Home);
        self.line_up(&self.game.away_team, Side::Away);
        let teams = [self.game.home_team.id, self.game.away_team.id];
        let strangers = self.game.roster_spots.iter().filter(|spot| !teams.contains(&spot.team_id)).count();
        if strangers > 0 {
            self.left_out.insert("player of another team".to_owned(), strangers as u64);
        }
        Ok(())
    }

    /// Names a side's players, in the order of the file.
    fn line_up(&mut self, team: &Team, side: Side) {
        for spot in self.game.roster_spots.iter().filter(|spot| spot.team_id == team.id) {
            let id = format!("line-up-{}", spot.player_id);
            self.say(Body::Incident(Incident {
                incident_id: IncidentId::new(id).expect("a number and letters are an incident id"),
                action: IncidentAction::New,
                kind: IncidentKind::LineUp,
                match_status: self.board.phase,
                elapsed_seconds: None,
                side: Some(side),
                player: self.players.get(&spot.player_id).map(|(name, _)| name.clone()),
                detail: None,
                score: None,
            }));
        }
    }

    /// One play; `later` is the next period with plays, where there is one.
    fn tell(&mut self, index: usize, play: &Play, later: Option<Period>) -> Result<(), ImportError> {
        let Some(kind) = kind(play) else {
            *self.left_out.entry(play.kind.clone()).or_default() += 1;
            return Ok(());
        };
        self.told_micros =
            self.told_micros.max(1_000_000 * i64::from(MARGIN_SECONDS + self.wall_clock.seconds(play)));
        let period = phase(play.period_descriptor);
        // At the latest with its first play.
        self.board.begin(period);
        self.board.clock = clock(self.board.phase, play.seconds, kind != IncidentKind::PeriodStart);
        let side = self.side(index, play)?;
        self.change_goalkeepers(play, kind, period);
        let counted = match (kind, side) {
            (IncidentKind::Goal | IncidentKind::ShootoutGoal, Some(side)) => self.count(period, kind, side),
            (IncidentKind::Goal | IncidentKind::ShootoutGoal, None) => {
                return Err(ImportError::new(
                    format!("plays[{index}].details.eventOwnerTeamId"),
                    "a goal is one team's",
                ));
            }
            _ => false,
        };
        let incident = Incident {
            incident_id: IncidentId::new(play.event_id.to_string()).expect("a number is an incident id"),
            action: IncidentAction::New,
            kind,
            match_status: period,
            elapsed_seconds: (period != MatchStatus::Penalties).then_some(play.seconds),
            side,
            player: self.player(play),
            detail: self.detail(index, play, side.filter(|_| kind == IncidentKind::Goal))?,
            score: counted.then_some(self.board.score),
        };
        self.say(Body::Incident(incident));
        if kind == IncidentKind::PeriodEnd {
            self.board.reach(after(period, later).unwrap_or(period));
            self.board.clock = clock(self.board.phase, play.seconds, true);
        }
        let changes_status = matches!(
            kind,
            IncidentKind::PeriodStart
                | IncidentKind::PeriodEnd
                | IncidentKind::Goal
                | IncidentKind::ShootoutGoal
                | IncidentKind::ShootoutMiss
        );
        if changes_status {
            self.say_status(EventStatus::Live);
        }
        Ok(())
    }

    /// The end: a shoot-out now counts as one goal of its winner.
    fn close(&mut self) -> Result<(), ImportError> {
        self.board.clock = None;
        self.board.phase = match self.board.period_scores.last().copied() {
            Some(PeriodScore { period: MatchStatus::Penalties, home, away }) => {
                match home.cmp(&away) {
                    std::cmp::Ordering::Greater => self.board.score.home += 1,
                    std::cmp::Ordering::Less => self.board.score.away += 1,
                    std::cmp::Ordering::Equal => {
                        return Err(ImportError::new("plays", format!("the shoot-out ends {home}:{away}")));
                    }
                }
                MatchStatus::EndedAfterPenalties
            }
            // Before shoot-outs were brought in, a game could end tied after overtime.
            Some(PeriodScore { period: MatchStatus::Overtime, .. })
                if self.board.score.home != self.board.score.away =>
            {
                MatchStatus::EndedAfterOvertime
            }
            _ => MatchStatus::Ended,
        };
        self.say_status(EventStatus::Ended);
        self.told_micros += 1_000_000 * i64::from(MARGIN_SECONDS);
        self.say_status(EventStatus::Closed);
        Ok(())
    }

    /// Adds a goal; says whether it changed the score that counts.
    fn count(&mut self, period: MatchStatus, kind: IncidentKind, side: Side) -> bool {
        let counts = kind == IncidentKind::Goal;
        self.board.count_in_period(period, side, 1);
        self.board.count(side, u32::from(counts));
        counts
    }

    /// Whose play it is. Of a blocked shot the owner is the shooting team in some seasons and the blocking one in
    /// others: there the shooter decides.
    fn side(&self, index: usize, play: &Play) -> Result<Option<Side>, ImportError> {
        let shooter = play.details.shooting_player_id.filter(|_| play.kind == "blocked-shot");
        let shooters_team = shooter.and_then(|id| self.players.get(&id)).map(|(_, team)| *team);
        let Some(team) = shooters_team.or(play.details.event_owner_team_id) else { return Ok(None) };
        match team {
            team if team == self.game.home_team.id => Ok(Some(Side::Home)),
            team if team == self.game.away_team.id => Ok(Some(Side::Away)),
            other => {
                let path = format!("plays[{index}].details.eventOwnerTeamId");
                Err(ImportError::new(path, format!("team {other} does not play")))
            }
        }
    }

    fn player(&self, play: &Play) -> Option<Text> {
        let details = &play.details;
        let id = details
            .scoring_player_id
            .or(details.shooting_player_id)
            .or(details.hitting_player_id)
            .or(details.winning_player_id)
            .or(details.committed_by_player_id)
            .or(details.player_id)?;
        self.players.get(&id).map(|(name, _)| name.clone())
    }

    /// The file has no play for a goalkeeper who goes off or comes back: what it says of who is on the ice at the next play
    /// tells. Who is there when an attempt is made that all others stand aside for, or between the periods, tells nothing.
    fn change_goalkeepers(&mut self, play: &Play, kind: IncidentKind, period: MatchStatus) {
        let is_whistle =
            matches!(kind, IncidentKind::PeriodStart | IncidentKind::PeriodEnd | IncidentKind::GameEnd);
        let is_played = |it: &Situation| it.skaters.iter().all(|skaters| *skaters >= SKATERS_MIN);
        let Some(situation) = play.situation.filter(|it| !is_whistle && is_played(it)) else { return };
        for (side, name) in [(Side::Home, "home"), (Side::Away, "away")] {
            let is_empty = !situation.has_goalkeeper[side as usize];
            if std::mem::replace(&mut self.is_net_empty[side as usize], is_empty) == is_empty {
                continue;
            }
            let id = format!("{}-{name}-goalkeeper", play.event_id);
            self.say(Body::Incident(Incident {
                incident_id: IncidentId::new(id).expect("a number and letters are an incident id"),
                action: IncidentAction::New,
                kind: if is_empty {
                    IncidentKind::GoalkeeperPulled
                } else {
                    IncidentKind::GoalkeeperReturned
                },
                match_status: period,
                elapsed_seconds: Some(play.seconds),
                side: Some(side),
                player: None,
                detail: None,
                score: None,
            }));
        }
    }

    /// What the file says in words, or of a goal that this side scored that nobody was in the net.
    fn detail(&self, index: usize, play: &Play, scored: Option<Side>) -> Result<Option<Text>, ImportError> {
        let (field, said) = match (&play.details.reason, &play.details.desc_key) {
            (Some(reason), _) => ("reason", reason.as_str()),
            (None, Some(offence)) => ("descKey", offence.as_str()),
            (None, None) if scored.is_some_and(|side| self.is_net_empty[1 - side as usize]) => {
                ("situationCode", EMPTY_NET)
            }
            (None, None) => return Ok(None),
        };
        text(said, || format!("plays[{index}].details.{field}")).map(Some)
    }

    /// The file does not say when a penalty ends, so no status tells who is in the penalty box.
    fn say_status(&mut self, status: EventStatus) {
        self.say(Body::EventStatus(self.board.status(status)));
    }

    fn say(&mut self, body: Body) {
        let at = self.start.plus_micros(self.told_micros);
        let happens = matches!(body, Body::Incident(_) | Body::EventStatus(_));
        self.tale.say(body, happens.then_some(at), at);
    }
}

/// The clock, in the parts of the game in which it runs.
fn clock(phase: MatchStatus, elapsed_seconds: u32, stopped: bool) -> Option<Clock> {
    let runs = matches!(
        phase,
        MatchStatus::Period1 | MatchStatus::Period2 | MatchStatus::Period3 | MatchStatus::Overtime
    );
    runs.then_some(Clock::new(elapsed_seconds, stopped))
}

fn fixture(game: &Game) -> Result<Fixture, ImportError> {
    let season = game.season / 10_000;
    let part = match game.game_type {
        1 => " pre-season",
        2 => " regular season",
        file::PLAY_OFFS => " play-offs",
        _ => "",
    };
    let name = format!("NHL {season}/{:02}{part}", (season + 1) % 100);
    Ok(Fixture {
        scheduled_start: Timestamp(game.start_seconds.saturating_mul(1_000_000)),
        tournament: Some(Tournament {
            id: urn(PROVIDER, "tournament", format_args!("{}-{}", game.season, game.game_type)),
            name: Text::new(name).expect("a season's name is short"),
        }),
        home: competitor(&game.home_team, "homeTeam")?,
        away: competitor(&game.away_team, "awayTeam")?,
    })
}

fn competitor(team: &Team, path: &str) -> Result<Competitor, ImportError> {
    let place = team.place_name.as_ref().map(|place| place.default.as_str()).unwrap_or_default();
    let name = format!("{place} {}", team.common_name.default);
    Ok(Competitor {
        id: urn(PROVIDER, "team", team.id),
        name: text(name.trim(), || format!("{path}.commonName.default"))?,
        abbreviation: Some(text(&team.abbrev, || format!("{path}.abbrev"))?),
    })
}
