//! The state of play as it is written, with its clock that counts through the whole game.

use domain::{Clock, MatchStatus, Score, Side, Sport, Standing, Statistics, Status};

use super::codes;
use super::writer::Writer;

/// A game of basketball without overtime, in seconds; its clock is told with what is left of it.
const BASKETBALL_SECONDS: u32 = 4 * 720;

pub(super) fn status(out: &mut Writer, status: &Status, sport: Sport) {
    let Status { score, period_scores, penalty_box, game_score, server, statistics, .. } = status;
    out.open("sport_event_status");
    out.attribute("status", &codes::event_status(status.status));
    out.attribute("match_status", &codes::match_status(status.match_status));
    out.attribute("home_score", &score.home);
    out.attribute("away_score", &score.away);
    sides(out, ["home_suspend", "away_suspend"], penalty_box.as_ref());
    sides(out, ["home_gamescore", "away_gamescore"], game_score.as_ref());
    out.optional("current_server", server.map(|side| if side == Side::Home { 1 } else { 2 }).as_ref());
    if sport == Sport::Tennis {
        out.attribute("tiebreak", &status.tie_break);
    }
    part_clock(out, status.clock.as_ref(), status.match_status, sport);
    if !period_scores.is_empty() {
        out.open("period_scores");
        for (number, scored) in (1_u32..).zip(period_scores) {
            out.open("period_score");
            out.attribute("match_status_code", &codes::match_status(scored.period));
            out.attribute("number", &number);
            out.attribute("home_score", &scored.home);
            out.attribute("away_score", &scored.away);
            out.close();
        }
        out.close();
    }
    if let Some(statistics) = statistics {
        self::statistics(out, statistics);
    }
    out.close();
}

/// The same where no score is told.
pub(super) fn standing(out: &mut Writer, standing: &Standing, sport: Sport) {
    let Standing { status, match_status, clock } = standing;
    out.open("sport_event_status");
    out.attribute("status", &codes::event_status(*status));
    out.attribute("match_status", &codes::match_status(*match_status));
    part_clock(out, clock.as_ref(), *match_status, sport);
    out.close();
}

fn part_clock(out: &mut Writer, clock: Option<&Clock>, of: MatchStatus, sport: Sport) {
    if let Some((clock, (begins, length))) = clock.zip(part(of)) {
        self::clock(out, clock, begins, length, sport);
    }
}

/// When a part of the game with a clock begins on it, and how long it is without what is added, in seconds.
fn part(part: MatchStatus) -> Option<(u32, u32)> {
    Some(match part {
        MatchStatus::Half1 => (0, 2_700),
        MatchStatus::Half2 => (2_700, 2_700),
        MatchStatus::ExtraTime1 => (5_400, 900),
        MatchStatus::ExtraTime2 => (6_300, 900),
        MatchStatus::Quarter1 => (0, 720),
        MatchStatus::Quarter2 => (720, 720),
        MatchStatus::Quarter3 => (1_440, 720),
        MatchStatus::Quarter4 => (2_160, 720),
        MatchStatus::Period1 => (0, 1_200),
        MatchStatus::Period2 => (1_200, 1_200),
        MatchStatus::Period3 => (2_400, 1_200),
        _ => return None,
    })
}

/// Where a clock that counts through the whole game stands at the end of a part, without what is added, in seconds.
pub(crate) fn part_ends(of: MatchStatus) -> Option<u32> {
    part(of).map(|(begins, length)| begins + length)
}

/// Beyond a part's length the clock stands, and what is added is told beside it.
fn clock(out: &mut Writer, clock: &Clock, begins: u32, length: u32, sport: Sport) {
    let played = clock.elapsed_seconds.min(length);
    let match_seconds = begins + played;
    out.open("clock");
    out.attribute("match_time", &minutes(match_seconds));
    if clock.elapsed_seconds > length {
        out.attribute("stoppage_time", &minutes(clock.elapsed_seconds - length));
    }
    if sport == Sport::Basketball {
        out.attribute("remaining_time", &minutes(BASKETBALL_SECONDS.saturating_sub(match_seconds)));
    }
    if sport != Sport::Football {
        out.attribute("remaining_time_in_period", &minutes(length - played));
    }
    out.attribute("stopped", &clock.stopped);
    out.close();
}

/// `m:ss`
fn minutes(seconds: u32) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn statistics(out: &mut Writer, statistics: &Statistics) {
    let Statistics { yellow_cards, red_cards, yellow_red_cards, corners } = statistics;
    out.open("statistics");
    for (name, counted) in [
        ("yellow_cards", yellow_cards),
        ("red_cards", red_cards),
        ("yellow_red_cards", yellow_red_cards),
        ("corners", corners),
    ] {
        if let Some(counted) = counted {
            out.open(name);
            sides(out, ["home", "away"], Some(counted));
            out.close();
        }
    }
    out.close();
}

fn sides(out: &mut Writer, names: [&str; 2], score: Option<&Score>) {
    if let Some(score) = score {
        out.attribute(names[0], &score.home);
        out.attribute(names[1], &score.away);
    }
}

/// Whether this part of a game is told without its clock.
#[cfg(test)]
pub(super) fn has_no_clock(of: MatchStatus) -> bool {
    part(of).is_none()
}
