//! Football's markets: what each asks of regular time, when it is open, and which incidents are told how.

use domain::market::MarketKey;
use domain::sport::PLAYER_SCORES;
use domain::{IncidentKind, MatchStatus, Score};

use super::course::{STAR_PLACES, Team};
use super::pitch::Pitch;
use super::prices::{self, Outlook};
use crate::world::board::STARS;
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Outcomes, Weight};
use crate::world::lines::{self, Line};
use crate::world::mood::Mood;
use crate::world::names;

/// The totals on offer, of the game and of its first half. A quarter line pays half of a stake back.
const TOTALS: [Line; 4] =
    [Line { quarters: 6 }, Line { quarters: 9 }, Line { quarters: 10 }, Line { quarters: 14 }];
const HALF_TOTALS: [Line; 2] = [Line { quarters: 2 }, Line { quarters: 6 }];
/// The handicaps on offer: by how many quarters they are off the lead that is expected.
const HANDICAPS_OFF: [i32; 3] = [-2, 0, 2];
/// Goals for which there is a market that asks who scores them.
const NEXT_GOALS: u32 = 12;
const HALVES: [MatchStatus; 2] = [MatchStatus::Half1, MatchStatus::Half2];

/// A game of two teams.
pub(super) struct Football {
    pub(super) teams: [Team; 2],
    /// The teams' numbers, of no others in any world.
    pub(super) numbers: [u64; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 1: does home win, nobody, away?
    Result,
    /// 8: whose is the goal of this number, or will there be none?
    NextGoal(u32),
    /// 16: does home win with this handicap?
    Handicap(Line),
    /// 18: do more goals fall?
    Total(Line),
    /// 29: do both sides score?
    BothScore,
    /// 60: who has more goals in the first half?
    HalfResult,
    /// 68: do more goals fall in the first half?
    HalfTotal(Line),
    /// Does the star of this place score?
    Scores(usize),
}

impl Game for Football {
    type Board = Pitch;
    type Outlook = Outlook;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let list = |question, key, outcomes| Listed { question, key, outcomes: Outcomes::Fixed(outcomes) };
        let plain = |question, id, outcomes| list(question, MarketKey::plain(id), outcomes);
        let mut markets = vec![plain(Question::Result, 1, &["1", "2", "3"])];
        markets
            .extend(TOTALS.map(|line| list(Question::Total(line), line.key(18, "", "total"), &["12", "13"])));
        let expected = prices::quarters_expected([&self.teams[0], &self.teams[1]]);
        markets.extend(HANDICAPS_OFF.map(|off| {
            let line = Line { quarters: off - expected };
            list(Question::Handicap(line), line.key(16, "", "hcp"), &["1714", "1715"])
        }));
        markets.push(plain(Question::BothScore, 29, &["74", "76"]));
        markets.push(plain(Question::HalfResult, 60, &["1", "2", "3"]));
        let of_half = |line: Line| list(Question::HalfTotal(line), line.key(68, "", "total"), &["12", "13"]);
        markets.extend(HALF_TOTALS.map(of_half));
        markets.extend((1..=NEXT_GOALS).map(|goal| {
            list(Question::NextGoal(goal), names::key(8, &format!("goalnr={goal}")), &["6", "7", "8"])
        }));
        markets.extend((0..STARS).map(|star| {
            let (side, place) = (star / STAR_PLACES.len(), STAR_PLACES[star % STAR_PLACES.len()]);
            let player = names::player_id(self.numbers[side], place);
            list(
                Question::Scores(star),
                names::key(PLAYER_SCORES, &format!("player={player}")),
                &["74", "76"],
            )
        }));
        markets
    }

    fn outlook(&self, board: &Pitch, since: u32, mood: Mood) -> Outlook {
        Outlook::new(board, since, [&self.teams[0], &self.teams[1]], mood)
    }

    fn chances(question: Question, outlook: &Outlook) -> Chances {
        let three = |[home, draw]: [f64; 2]| Chances::Three(home, draw);
        match question {
            Question::Result => three(outlook.grid.home_and_draw()),
            Question::NextGoal(_) => three(outlook.next_goal()),
            Question::Handicap(line) => outlook.grid.handicap(line).chances(),
            Question::Total(line) => outlook.grid.total(line).chances(),
            Question::BothScore => Chances::Two(outlook.grid.both_score()),
            Question::HalfResult => three(outlook.half_grid().home_and_draw()),
            Question::HalfTotal(line) => outlook.half_grid().total(line).chances(),
            Question::Scores(star) => Chances::Two(outlook.scores(star)),
        }
    }

    fn is_bound(question: Question) -> bool {
        !matches!(question, Question::Scores(_))
    }

    fn is_open(question: Question, board: &Pitch) -> bool {
        let Score { home, away } = board.common.score;
        let is_first_half = matches!(board.common.phase, MatchStatus::NotStarted | MatchStatus::Half1);
        !is_over(board)
            && match question {
                Question::Result | Question::Handicap(_) => true,
                Question::NextGoal(goal) => goal == board.common.goals.count() + 1,
                Question::Total(line) => line.over(home + away) < 2,
                Question::BothScore => home == 0 || away == 0,
                Question::HalfResult => is_first_half,
                Question::HalfTotal(line) => is_first_half && line.over(home + away) < 2,
                Question::Scores(star) => {
                    let star = board.common.stars[star];
                    star.tally == 0 && (star.is_on || board.common.phase == MatchStatus::NotStarted)
                }
            }
    }

    /// What nothing can change any more is answered at once.
    fn answer(question: Question, board: &Pitch) -> Option<Answer> {
        let common = &board.common;
        let ended = is_over(board) && common.phase != MatchStatus::Abandoned;
        let score = common.fell_in(&HALVES);
        let half = common.fell_in(&HALVES[..1]);
        let half_ended = common.is_over(MatchStatus::Half1);
        match question {
            Question::Result => ended.then(|| three_way(score)),
            Question::NextGoal(goal) => match common.goals.of(goal) {
                Some(side) => Some(Answer::Wins(2 * side as usize)),
                None => ended.then_some(Answer::Wins(1)),
            },
            Question::Handicap(line) => ended.then(|| lines::answer(line.ahead(score.home, score.away))),
            Question::Total(line) => total(line, score, ended),
            Question::BothScore if score.home > 0 && score.away > 0 => Some(Answer::Wins(0)),
            Question::BothScore => ended.then_some(Answer::Wins(1)),
            Question::HalfResult => half_ended.then(|| three_way(half)),
            Question::HalfTotal(line) => total(line, half, half_ended),
            Question::Scores(star) if common.stars[star].tally > 0 => Some(Answer::Wins(0)),
            Question::Scores(star) if common.stars[star].took_part => ended.then_some(Answer::Wins(1)),
            Question::Scores(_) => ended.then_some(Answer::Void("did not take part")),
        }
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
            | IncidentKind::Stoppage
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

/// Whether regular time is over, or the game.
fn is_over(board: &Pitch) -> bool {
    board.common.phase >= MatchStatus::AwaitingOvertime
}

fn three_way(Score { home, away }: Score) -> Answer {
    Answer::Wins(match home.cmp(&away) {
        std::cmp::Ordering::Greater => 0,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Less => 2,
    })
}

/// Goals are only added, so a total that is over its line stays so.
fn total(line: Line, Score { home, away }: Score, ended: bool) -> Option<Answer> {
    let over = line.over(home + away);
    (ended || over >= 2).then(|| lines::answer(over))
}
