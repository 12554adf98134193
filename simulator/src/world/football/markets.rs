//! Football's markets: what each asks of regular time, when it is open, and which incidents are told how.

use domain::market::{MarketKey, Specifiers};
use domain::{IncidentKind, MatchStatus, Score};

use super::course::{Pitch, Team};
use super::prices::Outlook;
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Weight};
use crate::world::mood::Mood;

/// The totals on offer: the line, and the goals from which on it is over.
const TOTALS: [(&str, u32); 3] = [("1.5", 2), ("2.5", 3), ("3.5", 4)];

/// A game of two teams.
pub(super) struct Football {
    pub(super) teams: [Team; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 1: does home win, nobody, away?
    Result,
    /// 18: do at least so many goals fall?
    AtLeast(u32),
    /// 29: do both sides score?
    BothScore,
}

impl Game for Football {
    type Board = Pitch;
    type Outlook = Outlook;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let totals = TOTALS.map(|(line, goals)| {
            let specifiers = Specifiers::parse(&format!("total={line}")).expect("a specifier");
            let key = MarketKey { id: 18, specifiers };
            Listed { question: Question::AtLeast(goals), key, outcomes: &["12", "13"] }
        });
        let result =
            Listed { question: Question::Result, key: MarketKey::plain(1), outcomes: &["1", "2", "3"] };
        let both =
            Listed { question: Question::BothScore, key: MarketKey::plain(29), outcomes: &["74", "76"] };
        std::iter::once(result).chain(totals).chain([both]).collect()
    }

    fn outlook(&self, board: &Pitch, since: u32, mood: Mood) -> Outlook {
        Outlook::new(board, since, [&self.teams[0], &self.teams[1]], mood)
    }

    fn chances(question: Question, outlook: &Outlook) -> Chances {
        match question {
            Question::Result => {
                let [home, draw] = outlook.home_and_draw();
                Chances::Three(home, draw)
            }
            Question::AtLeast(goals) => Chances::Two(outlook.at_least(goals)),
            Question::BothScore => Chances::Two(outlook.both_score()),
        }
    }

    fn is_open(question: Question, board: &Pitch) -> bool {
        let Score { home, away } = board.common.score;
        !is_over(board)
            && match question {
                Question::Result => true,
                Question::AtLeast(goals) => home + away < goals,
                Question::BothScore => home == 0 || away == 0,
            }
    }

    fn answer(question: Question, board: &Pitch) -> Option<Answer> {
        let Score { home, away } = regular(board);
        let place = match question {
            Question::Result if home > away => 0,
            Question::Result if home == away => 1,
            Question::Result => 2,
            Question::AtLeast(goals) => usize::from(home + away < goals),
            Question::BothScore => usize::from(home == 0 || away == 0),
        };
        is_over(board).then_some(Answer::Wins(place))
    }

    fn manner(kind: IncidentKind) -> Manner {
        let has_score = matches!(kind, IncidentKind::Goal | IncidentKind::OwnGoal);
        let (weight, has_status) = match kind {
            IncidentKind::PeriodStart
            | IncidentKind::PeriodEnd
            | IncidentKind::Goal
            | IncidentKind::OwnGoal
            | IncidentKind::ShootoutGoal
            | IncidentKind::ShootoutMiss => (Weight::Must, true),
            IncidentKind::GameEnd
            | IncidentKind::PenaltyKick
            | IncidentKind::VideoReview
            | IncidentKind::RedCard
            | IncidentKind::YellowRedCard => (Weight::Must, false),
            IncidentKind::YellowCard | IncidentKind::Substitution | IncidentKind::CornerKick => {
                (Weight::Major, false)
            }
            _ => (Weight::Minor, false),
        };
        Manner { weight, has_status, has_score }
    }
}

/// Whether regular time is over.
fn is_over(board: &Pitch) -> bool {
    board.common.phase >= MatchStatus::AwaitingOvertime
}

/// The score of regular time.
fn regular(board: &Pitch) -> Score {
    let halves = board.common.periods.iter();
    let halves = halves.filter(|half| matches!(half.period, MatchStatus::Half1 | MatchStatus::Half2));
    halves
        .fold(Score::default(), |sum, half| Score { home: sum.home + half.home, away: sum.away + half.away })
}
