//! Who is at home: the play-by-play names both teams, and leaves it to the score to say which is which.

use domain::Side;

use super::file::{Action, Game, ShotResult};
use crate::import::ImportError;

/// A team as its actions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Team {
    pub(super) id: u64,
    /// Three letters.
    pub(super) tricode: String,
}

/// Both teams.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) home: Team,
    pub(super) away: Team,
}

impl Sides {
    /// The team whose basket raises the home score is at home.
    pub(super) fn of(game: &Game) -> Result<Self, ImportError> {
        let (one, other) = teams(&game.actions)?;
        match is_home(&game.actions, one.id) {
            Some(true) => Ok(Self { home: one, away: other }),
            Some(false) => Ok(Self { home: other, away: one }),
            None => Err(ImportError::new("game.actions", "no basket says which team is at home")),
        }
    }

    /// Whose action it is, where it is one team's.
    pub(super) fn side(&self, action: &Action) -> Option<Side> {
        let team = action.team_id?;
        Some(if team == self.home.id { Side::Home } else { Side::Away })
    }
}

fn teams(actions: &[Action]) -> Result<(Team, Team), ImportError> {
    let mut found: Vec<Team> = Vec::with_capacity(2);
    for (index, action) in actions.iter().enumerate() {
        let Some(id) = action.team_id else { continue };
        if found.iter().any(|team| team.id == id) {
            continue;
        }
        if found.len() == 2 {
            let detail = format!("team {id} is the third one");
            return Err(ImportError::new(format!("game.actions[{index}].teamId"), detail));
        }
        let tricode = action.team_tricode.clone().ok_or_else(|| {
            ImportError::new(format!("game.actions[{index}].teamTricode"), format!("team {id} has none"))
        })?;
        found.push(Team { id, tricode });
    }
    let [one, other] = <[Team; 2]>::try_from(found)
        .map_err(|found| ImportError::new("game.actions", format!("{} of two teams play", found.len())))?;
    Ok((one, other))
}

/// Whether `team` is at home, by the first basket that raises the score of one side only.
fn is_home(actions: &[Action], team: u64) -> Option<bool> {
    let mut in_order: Vec<&Action> = actions.iter().collect();
    in_order.sort_by_key(|action| action.order_number);
    let mut before = (0, 0);
    for action in in_order {
        let after = (action.score_home, action.score_away);
        let rises = (after.0 > before.0, after.1 > before.1);
        before = after;
        if let (Some(ShotResult::Made), Some(scorer), true) =
            (action.shot_result, action.team_id, rises.0 != rises.1)
        {
            return Some((scorer == team) == rises.0);
        }
    }
    None
}
