//! The NBA's live play-by-play becomes a recording of native messages: provider `nba`, producer `live`.
//!
//! Every action is an incident; what changes the score or the period is a status as well. There are no markets:
//! the file has no odds. It was made after the game, but its times show how the game was written down: actions
//! were entered late, put in between others, and edited, the last of them over an hour later. The recording tells them
//! as they came, each with the true `occurred_at` and a `generated_at` at which the league can have known it; how
//! both are found is in `nba/telling.rs`. So an action that came late leaves the clock and the period where they
//! are, and adds its points to the score as known by then, which therefore never goes down.
//!
//! The score is counted from baskets and free throws. What an action is called here is in `nba/terms.rs`, which
//! team is at home in `nba/sides.rs`.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::Text;
use domain::{
    Body, Clock, Competitor, EventStatus, Fixture, Incident, IncidentAction, IncidentId, IncidentKind,
    MatchStatus, Score, Side, Sport, Timestamp, Tournament,
};

use super::tale::{Board, Tale, urn};
use super::{ImportError, Imported, text};
use file::{Action, Game};
use sides::{Sides, Team};
use telling::{Telling, Word, tellings};
use terms::{after, clock_runs_after, is_shot, kind, length, part, points};

mod file;
mod sides;
mod telling;
mod terms;

const PROVIDER: &str = "nba";
/// How long before the first action a recording begins, and how long after the last word the result is confirmed.
const MARGIN_MICROS: i64 = 60_000_000;
/// How long after its first action a game may still be edited; a longer time is a wrong one.
const EDITING_MICROS_MAX: i64 = 366 * 86_400 * 1_000_000;

/// Imports one game, given the JSON of `liveData/playbyplay/playbyplay_{id}.json`.
///
/// # Errors
/// When it is no such file, contradicts itself, or the game has not ended.
pub fn import(json: &[u8]) -> Result<Imported, ImportError> {
    let game = file::read(json)?;
    check(&game)?;
    let mut narrator = Narrator::new(&game)?;
    narrator.open()?;
    for telling in tellings(&game.actions) {
        match telling.word {
            Word::Only | Word::First => narrator.tell(telling)?,
            Word::Last => narrator.amend(telling)?,
        }
    }
    narrator.close()?;
    let source = format!("NBA live play-by-play, game {}", game.game_id);
    Ok(narrator.tale.end(source, narrator.left_out))
}

fn check(game: &Game) -> Result<(), ImportError> {
    let id = &game.game_id;
    if id.len() != 10 || !id.starts_with("00") || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        let detail = format!("`{id}` is no game of the NBA: ten digits, the first two 00");
        return Err(ImportError::new("game.gameId", detail));
    }
    if game.actions.len() > domain::limit::INCIDENTS_MAX {
        return Err(ImportError::new("game.actions", format!("more than {}", domain::limit::INCIDENTS_MAX)));
    }
    let start = start(game);
    let mut seen = BTreeSet::new();
    for (index, action) in game.actions.iter().enumerate() {
        let wrong = |field: &str, detail: String| {
            Err(ImportError::new(format!("game.actions[{index}].{field}"), detail))
        };
        if !seen.insert(action.action_number) {
            return wrong(
                "actionNumber",
                format!("another action has the number {}, too", action.action_number),
            );
        }
        if action.period == 0 {
            return wrong("period", "periods count from 1".to_owned());
        }
        if action.clock.is_negative() || action.clock > length(action.period) {
            let length = length(action.period);
            return wrong("clock", format!("{:#} are left of a period of {length:#}", action.clock));
        }
        if is_shot(action) && action.shot_result.is_none() {
            return wrong("shotResult", "whether the shot was made is missing".to_owned());
        }
        if is_shot(action) && action.team_id.is_none() {
            return wrong("teamId", "a shot is one team's".to_owned());
        }
        for (field, time) in [("timeActual", action.occurred_at), ("edited", action.edited_at)] {
            if time.micros_since(start) > EDITING_MICROS_MAX {
                return wrong(field, "over a year after the first action".to_owned());
            }
        }
    }
    if game.actions.iter().all(|action| kind(action) != Some(IncidentKind::GameEnd)) {
        return Err(ImportError::new("game.actions", "there is no end of the game: it has not ended"));
    }
    Ok(())
}

/// When the first action happened.
fn start(game: &Game) -> Timestamp {
    game.actions.iter().map(|action| action.occurred_at).min().unwrap_or(Timestamp(0))
}

/// Tells a game action by action.
struct Narrator<'a> {
    game: &'a Game,
    sides: Sides,
    has_overtime: bool,
    board: Board,
    /// Period and elapsed seconds of the action that is furthest in the game.
    furthest: (u32, u32),
    /// What each action was when it was told first.
    told: Vec<Option<Incident>>,
    /// Baskets and free throws not yet told: the game is not over before they are.
    points_to_tell: usize,
    has_ended: bool,
    told_at: Timestamp,
    tale: Tale,
    left_out: BTreeMap<String, u64>,
}

impl<'a> Narrator<'a> {
    fn new(game: &'a Game) -> Result<Self, ImportError> {
        let start = start(game).plus_micros(-MARGIN_MICROS);
        let scores = |action: &&Action| kind(action).is_some_and(|kind| points(kind) > 0);
        Ok(Self {
            game,
            sides: Sides::of(game)?,
            has_overtime: game.actions.iter().any(|action| part(action.period) == MatchStatus::Overtime),
            board: Board::new(Sport::Basketball),
            furthest: (0, 0),
            told: vec![None; game.actions.len()],
            points_to_tell: game.actions.iter().filter(scores).count(),
            has_ended: false,
            told_at: start,
            tale: Tale::new(PROVIDER, &game.game_id, Sport::Basketball, start),
            left_out: BTreeMap::new(),
        })
    }

    fn open(&mut self) -> Result<(), ImportError> {
        let fixture = fixture(self.game, &self.sides)?;
        self.tale.say(Body::Fixture(fixture), None, self.told_at);
        self.say_status(self.told_at);
        Ok(())
    }

    /// An action, for the first time.
    fn tell(&mut self, Telling { at, index, word }: Telling) -> Result<(), ImportError> {
        let action = &self.game.actions[index];
        let Some(kind) = kind(action) else {
            *self.left_out.entry(action.action_type.clone()).or_default() += 1;
            return Ok(());
        };
        self.told_at = at;
        let side = self.sides.side(action);
        let elapsed_seconds = elapsed_seconds(action);
        // Substitutions of a break are entered into the period to come, whose clock has not run.
        if kind == IncidentKind::PeriodStart || elapsed_seconds > 0 || points(kind) > 0 {
            self.board.begin(part(action.period));
        }
        let score = self.count(part(action.period), kind, side);
        let incident = Incident {
            incident_id: IncidentId::new(action.action_number.to_string())
                .expect("a number is an incident id"),
            action: IncidentAction::New,
            kind,
            match_status: part(action.period),
            elapsed_seconds: Some(elapsed_seconds),
            side,
            player: optional_text(action.player.as_deref(), index, "playerNameI")?,
            detail: detail(action, kind, index, word)?,
            score,
        };
        self.told[index] = Some(incident.clone());
        self.tale.say(Body::Incident(incident), Some(action.occurred_at), at);
        match kind {
            IncidentKind::PeriodEnd => self.board.reach(after(action.period, self.has_overtime)),
            IncidentKind::GameEnd => self.has_ended = true,
            _ => {}
        }
        self.set_clock((action.period, elapsed_seconds), kind);
        let changes_status =
            matches!(kind, IncidentKind::PeriodStart | IncidentKind::PeriodEnd | IncidentKind::GameEnd);
        if changes_status || score.is_some() {
            self.say_status(action.occurred_at);
        }
        Ok(())
    }

    /// An action that was told before, as it stands after its last edit.
    fn amend(&mut self, Telling { at, index, word }: Telling) -> Result<(), ImportError> {
        let action = &self.game.actions[index];
        let Some(told) = self.told[index].take() else { return Ok(()) };
        self.told_at = at;
        let detail = detail(action, told.kind, index, word)?;
        let amended = Incident { action: IncidentAction::Amended, detail, ..told };
        self.tale.say(Body::Incident(amended), Some(action.occurred_at), at);
        Ok(())
    }

    fn close(&mut self) -> Result<(), ImportError> {
        if self.result().is_none() {
            let detail = format!("the game ends {} after overtime", self.board.score);
            return Err(ImportError::new("game.actions", detail));
        }
        self.told_at = self.told_at.plus_micros(MARGIN_MICROS);
        let status = self.board.status(EventStatus::Closed);
        self.tale.say(Body::EventStatus(status), Some(self.told_at), self.told_at);
        Ok(())
    }

    /// Adds points; the score after them, where there are any.
    fn count(&mut self, period: MatchStatus, kind: IncidentKind, side: Option<Side>) -> Option<Score> {
        let (side, points) = (side?, points(kind));
        if points == 0 {
            return None;
        }
        self.points_to_tell -= 1;
        self.board.count_in_period(period, side, points);
        self.board.count(side, points);
        Some(self.board.score)
    }

    /// The clock stands where the action furthest in the game has left it, and only in the parts in which it runs.
    fn set_clock(&mut self, place: (u32, u32), kind: IncidentKind) {
        if place >= self.furthest {
            self.furthest = place;
            let clock = Clock::new(place.1, !clock_runs_after(kind));
            self.board.clock = Some(clock);
        }
        if part(self.furthest.0) != self.board.phase {
            self.board.clock = None;
        }
    }

    /// How the game ended; `None` while overtime has no winner.
    fn result(&self) -> Option<MatchStatus> {
        let Score { home, away } = self.board.score;
        match (self.has_overtime, home == away) {
            (false, _) => Some(MatchStatus::Ended),
            (true, false) => Some(MatchStatus::EndedAfterOvertime),
            (true, true) => None,
        }
    }

    fn say_status(&mut self, occurred_at: Timestamp) {
        let result = self.result().filter(|_| self.has_ended && self.points_to_tell == 0);
        let status = match (result, self.board.phase) {
            (Some(result), _) => {
                self.board.reach(result);
                self.board.clock = None;
                EventStatus::Ended
            }
            (None, MatchStatus::NotStarted) => EventStatus::NotStarted,
            (None, _) => EventStatus::Live,
        };
        let status = self.board.status(status);
        self.tale.say(Body::EventStatus(status), Some(occurred_at), self.told_at);
    }
}

/// Whole seconds played in the action's period.
fn elapsed_seconds(action: &Action) -> u32 {
    let elapsed = length(action.period).saturating_sub(action.clock);
    u32::try_from(elapsed.as_secs()).unwrap_or_default()
}

/// More about an action in words; what is entered after the fact is left out of a first word.
fn detail(
    action: &Action,
    kind: IncidentKind,
    index: usize,
    word: Word,
) -> Result<Option<Text>, ImportError> {
    if matches!(kind, IncidentKind::PeriodStart | IncidentKind::PeriodEnd | IncidentKind::GameEnd) {
        return Ok(None);
    }
    let is_whole = word != Word::First;
    let words = [action.descriptor.as_deref().filter(|_| is_whole), action.sub_type.as_deref()];
    let words = words.into_iter().flatten().filter(|word| !word.is_empty());
    let mut said = words.collect::<Vec<_>>().join(" ");
    if let Some(assist) = action.assist.as_deref().filter(|_| is_whole) {
        said.push_str(", assisted by ");
        said.push_str(assist);
    }
    optional_text(Some(&said), index, "descriptor")
}

fn optional_text(said: Option<&str>, index: usize, field: &str) -> Result<Option<Text>, ImportError> {
    let said = said.filter(|said| !said.is_empty());
    said.map(|said| text(said, || format!("game.actions[{index}].{field}"))).transpose()
}

/// The file has no schedule: the game is said to begin with its first action. Teams have no name there but three letters.
fn fixture(game: &Game, sides: &Sides) -> Result<Fixture, ImportError> {
    let competitor = |team: &Team| {
        let tricode = text(&team.tricode, || "game.actions[].teamTricode".to_owned())?;
        let abbreviation = Some(tricode.clone());
        Ok(Competitor { id: urn(PROVIDER, "team", team.id), name: tricode, abbreviation })
    };
    Ok(Fixture {
        scheduled_start: start(game),
        tournament: Some(tournament(&game.game_id)),
        home: competitor(&sides.home)?,
        away: competitor(&sides.away)?,
    })
}

/// The season and the kind of game stand in the id, such as 0022000001.
fn tournament(game_id: &str) -> Tournament {
    let (kind, year) = (&game_id[2..3], &game_id[3..5]);
    let year: u32 = year.parse().expect("the id has been checked to be digits");
    // The league's first season was 1946/47.
    let year = if year >= 46 { 1900 + year } else { 2000 + year };
    let part = match kind {
        "1" => " pre-season",
        "2" => " regular season",
        "4" => " play-offs",
        "5" => " play-in",
        _ => "",
    };
    let name = format!("NBA {year}/{:02}{part}", (year + 1) % 100);
    Tournament {
        id: urn(PROVIDER, "tournament", format_args!("{year}-{kind}")),
        name: Text::new(name).expect("a season's name is short"),
    }
}
