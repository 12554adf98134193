//! Ice hockey's markets: what each asks, when it is open, and which incidents are told how.

use domain::market::{MarketKey, Specifiers};
use domain::{IncidentKind, MatchStatus};

use super::course::{Rink, Team};
use super::prices::Outlook;
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Weight};
use crate::world::mood::Mood;

/// The totals on offer: the line, and the goals from which on it is over.
const TOTALS: [(&str, u32); 3] = [("4.5", 5), ("5.5", 6), ("6.5", 7)];

/// A game of two teams.
pub(super) struct Hockey {
    pub(super) teams: [Team; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 406: does home win, overtime and penalties included?
    Winner,
    /// 412: do at least so many goals fall, overtime and penalties included?
    AtLeast(u32),
}

impl Game for Hockey {
    type Board = Rink;
    type Outlook = Outlook;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let totals = TOTALS.map(|(line, goals)| {
            let specifiers = Specifiers::parse(&format!("total={line}")).expect("a specifier");
            let key = MarketKey { id: 412, specifiers };
            Listed { question: Question::AtLeast(goals), key, outcomes: &["12", "13"] }
        });
        let winner = Listed { question: Question::Winner, key: MarketKey::plain(406), outcomes: &["4", "5"] };
        std::iter::once(winner).chain(totals).collect()
    }

    fn outlook(&self, board: &Rink, since: u32, mood: Mood) -> Outlook {
        Outlook::new(board, since, [&self.teams[0], &self.teams[1]], mood)
    }

    fn chances(question: Question, outlook: &Outlook) -> Chances {
        Chances::Two(match question {
            Question::Winner => outlook.home_wins(),
            Question::AtLeast(goals) => outlook.at_least(goals),
        })
    }

    fn is_open(question: Question, board: &Rink) -> bool {
        match question {
            Question::Winner => true,
            Question::AtLeast(goals) => {
                board.common.phase < MatchStatus::AwaitingOvertime && board.common.total() < goals
            }
        }
    }

    /// A goal may be taken back for as long as the game is on: only its end gives answers.
    fn answer(question: Question, board: &Rink) -> Option<Answer> {
        let score = board.common.score;
        let first_wins = match question {
            Question::Winner => score.home > score.away,
            Question::AtLeast(goals) => board.common.total() >= goals,
        };
        let is_over = board.common.phase >= MatchStatus::Ended;
        is_over.then_some(Answer::Wins(usize::from(!first_wins)))
    }

    fn manner(kind: IncidentKind) -> Manner {
        let (weight, has_status) = match kind {
            IncidentKind::GameEnd => (Weight::Must, false),
            IncidentKind::PeriodStart
            | IncidentKind::PeriodEnd
            | IncidentKind::Goal
            | IncidentKind::Penalty
            | IncidentKind::ShootoutGoal
            | IncidentKind::ShootoutMiss => (Weight::Must, true),
            IncidentKind::FaceOff | IncidentKind::Stoppage => (Weight::Minor, true),
            _ => (Weight::Minor, false),
        };
        Manner { weight, has_status, has_score: kind == IncidentKind::Goal }
    }
}
