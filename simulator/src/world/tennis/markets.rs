//! Tennis markets: what each asks, when it is open, and which incidents are told how.

use domain::IncidentKind;
use domain::market::{MarketKey, Specifiers};

use super::court::Court;
use super::prices::{Chains, Outlook};
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Weight};
use crate::world::mood::Mood;

const RETIREMENT: &str = "retirement";

/// A match, as a bookmaker knows it.
pub(super) struct Tennis<'c> {
    pub(super) format: &'static Format,
    pub(super) chains: &'c Chains,
}

/// How long a match is.
#[derive(Debug)]
pub(super) struct Format {
    /// Sets that win it.
    pub(super) sets_to_win: usize,
    /// The totals on offer: the line, and the games from which on it is over.
    pub(super) totals: [(&'static str, usize); 3],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 186: does home win the match?
    Winner,
    /// 202: does home win the set of this number, from 1 on?
    Set(usize),
    /// 189: are at least so many games played?
    AtLeast(usize),
}

impl<'c> Game for Tennis<'c> {
    type Board = Court;
    /// With the games played so far.
    type Outlook = (Outlook<'c>, usize);
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let key = |id, specifiers: String| MarketKey {
            id,
            specifiers: Specifiers::parse(&specifiers).expect("a specifier"),
        };
        let winner = Listed { question: Question::Winner, key: MarketKey::plain(186), outcomes: &["4", "5"] };
        let sets = (1..2 * self.format.sets_to_win).map(|set| Listed {
            question: Question::Set(set),
            key: key(202, format!("setnr={set}")),
            outcomes: &["4", "5"],
        });
        let totals = self.format.totals.iter().map(|(line, games)| Listed {
            question: Question::AtLeast(*games),
            key: key(189, format!("total={line}")),
            outcomes: &["12", "13"],
        });
        std::iter::once(winner).chain(sets).chain(totals).collect()
    }

    /// The clock has no say.
    fn outlook(&self, court: &Court, _: u32, mood: Mood) -> Self::Outlook {
        (self.chains.outlook(court.position, mood), court.games())
    }

    fn chances(question: Question, (outlook, games): &Self::Outlook) -> Chances {
        Chances::Two(match question {
            Question::Winner => outlook.home_wins_match(),
            Question::Set(_) => outlook.home_wins_set(),
            Question::AtLeast(total) => outlook.at_least(total.saturating_sub(*games)),
        })
    }

    /// A set is offered from the end of the one before it on.
    fn is_open(question: Question, court: &Court) -> bool {
        let has_come = match question {
            Question::Set(set) => set == court.sets_over() + 1,
            Question::Winner | Question::AtLeast(_) => true,
        };
        has_come && !court.position.is_over() && Self::answer(question, court).is_none()
    }

    /// Where a player gives up, bets stand on which nothing more could have changed; all others are void.
    fn answer(question: Question, court: &Court) -> Option<Answer> {
        let home_wins = |home_wins: bool| Answer::Wins(usize::from(!home_wins));
        let decided = match question {
            Question::Winner => {
                let [home, away] = court.position.sets;
                court.position.is_over().then(|| home_wins(home > away))
            }
            Question::Set(set) if set <= court.sets_over() => {
                court.common.periods.get(set - 1).map(|games| home_wins(games.home > games.away))
            }
            Question::Set(_) => None,
            Question::AtLeast(total) => {
                let (least, most) = court.position.games_to_come();
                let is_over = court.games() + least >= total;
                let is_under = court.games() + most < total;
                (is_over || is_under).then_some(Answer::Wins(usize::from(is_under)))
            }
        };
        decided.or(court.is_retired().then_some(Answer::Void(RETIREMENT)))
    }

    fn manner(kind: IncidentKind) -> Manner {
        let (weight, has_status) = match kind {
            IncidentKind::PeriodStart | IncidentKind::PeriodEnd | IncidentKind::GameWon => {
                (Weight::Must, true)
            }
            IncidentKind::SetWon
            | IncidentKind::Injury
            | IncidentKind::Retirement
            | IncidentKind::GameEnd => (Weight::Must, false),
            _ => (Weight::Minor, true),
        };
        Manner { weight, has_status, has_score: kind == IncidentKind::SetWon }
    }
}
