//! Basketball's markets: what each asks of the whole game, when it is open, and which incidents are told how.

use domain::market::{MarketKey, Specifiers};
use domain::{IncidentKind, MatchStatus};

use super::course::{Court, Team};
use super::prices::{self, Outlook};
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Weight};
use crate::world::mood::Mood;

/// The totals on offer: by how many half points their lines are off the whole points that are expected. The one in
/// the middle is a whole number and may be hit: then stakes go back.
const TOTALS_OFF: [i32; 3] = [-11, 0, 11];

/// A game of two teams.
pub(super) struct Basketball {
    pub(super) teams: [Team; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 219: does home win, overtime included?
    Winner,
    /// 225: are there more points than so many halves, overtime included?
    Over { halves: u32 },
}

impl Game for Basketball {
    type Board = Court;
    type Outlook = Outlook;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let expected = prices::points_expected([&self.teams[0], &self.teams[1]]);
        let totals = TOTALS_OFF.map(|off| {
            let halves = (2 * expected).saturating_add_signed(off);
            let line = if halves % 2 == 0 { "" } else { ".5" };
            let specifiers = Specifiers::parse(&format!("total={}{line}", halves / 2)).expect("a specifier");
            let key = MarketKey { id: 225, specifiers };
            Listed { question: Question::Over { halves }, key, outcomes: &["12", "13"] }
        });
        let winner = Listed { question: Question::Winner, key: MarketKey::plain(219), outcomes: &["4", "5"] };
        std::iter::once(winner).chain(totals).collect()
    }

    fn outlook(&self, board: &Court, since: u32, mood: Mood) -> Outlook {
        Outlook::new(board, since, [&self.teams[0], &self.teams[1]], mood)
    }

    fn chances(question: Question, outlook: &Outlook) -> Chances {
        Chances::Two(match question {
            Question::Winner => outlook.home_wins(),
            Question::Over { halves } => outlook.over(halves),
        })
    }

    fn is_open(question: Question, board: &Court) -> bool {
        match question {
            Question::Winner => true,
            Question::Over { halves } => 2 * board.0.total() <= halves,
        }
    }

    fn answer(question: Question, board: &Court) -> Option<Answer> {
        let over = |halves| (2 * board.0.total()).cmp(&halves);
        let answer = match question {
            Question::Winner => Answer::Wins(usize::from(board.0.score.home < board.0.score.away)),
            Question::Over { halves } => match over(halves) {
                std::cmp::Ordering::Greater => Answer::Wins(0),
                std::cmp::Ordering::Equal => Answer::Void("the total is the line"),
                std::cmp::Ordering::Less => Answer::Wins(1),
            },
        };
        (board.0.phase >= MatchStatus::Ended).then_some(answer)
    }

    fn manner(kind: IncidentKind) -> Manner {
        let has_score = matches!(
            kind,
            IncidentKind::TwoPointsMade | IncidentKind::ThreePointsMade | IncidentKind::FreeThrowMade
        );
        let (weight, has_status) = match kind {
            IncidentKind::PeriodStart | IncidentKind::PeriodEnd => (Weight::Must, true),
            IncidentKind::GameEnd | IncidentKind::VideoReview | IncidentKind::Ejection => {
                (Weight::Must, false)
            }
            IncidentKind::Timeout => (Weight::Minor, true),
            _ if has_score => (Weight::Major, true),
            _ => (Weight::Minor, false),
        };
        Manner { weight, has_status, has_score }
    }
}
