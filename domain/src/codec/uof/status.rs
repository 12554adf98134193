//! The state of play that comes with odds. What the sport's rules do not allow is left out: the odds are worth no less.

use super::codes;
use super::number;
use super::tree::Tree;
use crate::codec::xml::reader::Read;
use crate::sport::Rules;
use crate::{Clock, MatchStatus, PeriodScore, Score, Standing, Statistics, Status};

/// What is told of the state of play: all of it, or how the event stands where no score is told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) status: Option<Status>,
    pub(super) standing: Option<Standing>,
}

/// What is read before it is known which part of the game is on.
#[derive(Default)]
struct Parts {
    clock: Option<RawClock>,
    period_scores: Vec<PeriodScore>,
    statistics: Option<Statistics>,
}

/// A clock as the feed tells it, in seconds.
#[derive(Clone, Copy)]
struct RawClock {
    of_match: Option<u32>,
    stoppage: u32,
    remaining: Option<u32>,
    remaining_in_period: Option<u32>,
    stopped: bool,
}

/// Reads a status; nothing where it cannot be told or cannot be, which `unusable` then says.
pub(super) fn status(tree: &mut Tree, rules: &Rules, unusable: &mut Option<String>) -> Read<Told> {
    let known_status = tree.code("status", codes::event_status)?;
    let code = tree.reader.parsed("match_status", number::code)?;
    let score = pair(tree, "home_score", "away_score")?;
    let (mut game_score, mut server, mut tie_break, mut penalty_box) = (None, None, false, None);
    if rules.has_game_score {
        game_score = pair(tree, "home_gamescore", "away_gamescore")?;
        server = tree.code("current_server", codes::side)?;
        tie_break = tree.flag("tiebreak")?.unwrap_or_default();
    }
    if rules.has_penalty_box {
        penalty_box = pair(tree, "home_suspend", "away_suspend")?;
    }
    tree.end_attributes("sport_event_status");
    let parts = parts(tree, rules)?;

    let Some(event_status) = known_status else {
        *unusable = Some("it has no status that is known".to_owned());
        return Ok(Told::default());
    };
    let named = code.and_then(|code| codes::match_status(code, rules));
    let Some(match_status) = named.or_else(|| codes::match_status_of(event_status)) else {
        *unusable = Some(format!("`match_status` {code:?} is no part of a {} game", rules.name));
        return Ok(Told::default());
    };
    let clock = parts.clock.and_then(|clock| clock.in_part(match_status, rules));
    let Some(score) = score else {
        let counts = parts.statistics.is_some() || !parts.period_scores.is_empty();
        if counts || tie_break || [game_score, penalty_box].iter().any(Option::is_some) || server.is_some() {
            *unusable = Some("what it counts is told without a score".to_owned());
        }
        let standing = Standing { status: event_status, match_status, clock };
        return Ok(Told { standing: Some(usable_standing(standing, rules, unusable)), status: None });
    };
    let status = Status {
        period_scores: parts.period_scores,
        clock,
        penalty_box,
        game_score,
        server,
        tie_break,
        statistics: parts.statistics,
        ..Status::new(event_status, match_status, score)
    };
    Ok(Told { status: usable(status, rules, unusable), standing: None })
}

/// The same without a clock that cannot be.
fn usable_standing(standing: Standing, rules: &Rules, unusable: &mut Option<String>) -> Standing {
    match rules.check_standing(&standing) {
        Ok(()) => standing,
        Err(illegal) => {
            *unusable = Some(format!("{} (at `{}`)", illegal.detail, illegal.pointer));
            Standing { clock: None, ..standing }
        }
    }
}

/// What of a status its sport's rules allow.
fn usable(mut status: Status, rules: &Rules, unusable: &mut Option<String>) -> Option<Status> {
    while let Err(illegal) = rules.check_status(None, &status) {
        *unusable = Some(format!("{} (at `{}`)", illegal.detail, illegal.pointer));
        if illegal.pointer.starts_with("/period_scores") && !status.period_scores.is_empty() {
            status.period_scores.clear();
        } else if illegal.pointer.starts_with("/clock") && status.clock.is_some() {
            status.clock = None;
        } else {
            return None;
        }
    }
    Some(status)
}

fn parts(tree: &mut Tree, rules: &Rules) -> Read<Parts> {
    let mut parts = Parts::default();
    tree.children(|tree, child| {
        match child {
            "clock" => tree.once(&mut parts.clock, clock)?,
            "period_scores" => {
                tree.end_attributes(child);
                tree.children(|tree, child| {
                    if child != "period_score" {
                        return Ok(false);
                    }
                    period_score(tree, rules, &mut parts.period_scores)?;
                    Ok(true)
                })?;
            }
            "statistics" => tree.once(&mut parts.statistics, statistics)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(parts)
}

fn clock(tree: &mut Tree) -> Read<RawClock> {
    let clock = RawClock {
        of_match: tree.seconds("match_time")?,
        stoppage: tree.seconds("stoppage_time")?.unwrap_or_default(),
        remaining: tree.seconds("remaining_time")?,
        remaining_in_period: tree.seconds("remaining_time_in_period")?,
        stopped: tree.flag("stopped")?.unwrap_or_default(),
    };
    tree.leaf("clock")?;
    Ok(clock)
}

impl RawClock {
    /// The clock of the part that is on; `None` where the part's beginning on it cannot be told.
    fn in_part(self, part: MatchStatus, rules: &Rules) -> Option<Clock> {
        let of_match = self.of_match?;
        let game_seconds = self.remaining.and_then(|remaining| remaining.checked_add(of_match));
        let elapsed = match (rules.begins)(part, game_seconds) {
            Some(begins) => of_match.checked_sub(begins)?.checked_add(self.stoppage)?,
            // Between the parts nothing is played.
            None if (rules.seconds)(part).is_none() => 0,
            None => return None,
        };
        Some(Clock {
            elapsed_seconds: elapsed,
            stopped: self.stopped,
            match_seconds: Some(of_match),
            remaining_seconds: self.remaining_in_period,
        })
    }
}

/// A period that the sport does not have is not told; one that stands there twice, as overtimes do, is one.
fn period_score(tree: &mut Tree, rules: &Rules, scores: &mut Vec<PeriodScore>) -> Read<()> {
    let code = tree.reader.parsed("match_status_code", number::code)?;
    let number = tree.reader.parsed("number", number::code)?;
    let Score { home, away } = pair(tree, "home_score", "away_score")?.unwrap_or_default();
    tree.leaf("period_score")?;
    let Some(period) = code.or(number).and_then(|code| codes::match_status(code, rules)) else {
        tree.unknown = tree.unknown.saturating_add(1);
        return Ok(());
    };
    match scores.iter_mut().find(|score| score.period == period) {
        Some(score) => {
            (score.home, score.away) = (score.home.saturating_add(home), score.away.saturating_add(away));
        }
        None => scores.push(PeriodScore { period, home, away }),
    }
    Ok(())
}

fn statistics(tree: &mut Tree) -> Read<Statistics> {
    let mut statistics = Statistics::default();
    tree.end_attributes("statistics");
    tree.children(|tree, child| {
        let slot = match child {
            "yellow_cards" => &mut statistics.yellow_cards,
            "red_cards" => &mut statistics.red_cards,
            "yellow_red_cards" => &mut statistics.yellow_red_cards,
            "corners" => &mut statistics.corners,
            _ => return Ok(false),
        };
        tree.once(slot, |tree| {
            let counted = pair(tree, "home", "away")?.unwrap_or_default();
            tree.leaf(child)?;
            Ok(counted)
        })?;
        Ok(true)
    })?;
    Ok(statistics)
}

/// What both sides have; a side that is not told has nothing.
fn pair(tree: &mut Tree, home: &str, away: &str) -> Read<Option<Score>> {
    let (home, away) = (tree.count(home)?, tree.count(away)?);
    if home.is_none() && away.is_none() {
        return Ok(None);
    }
    Ok(Some(Score { home: home.unwrap_or_default(), away: away.unwrap_or_default() }))
}
