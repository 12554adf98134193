//! Ice hockey's markets: what each asks, when it is open, and which incidents are told how.

use domain::market::MarketKey;
use domain::sport::PLAYER_SCORES;
use domain::{IncidentKind, MatchStatus, Score};

use super::course::{STAR_PLACES, Team};
use super::late::Late;
use super::prices::Outlook;
use super::rink::Rink;
use crate::world::board::STARS;
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Outcomes, Weight};
use crate::world::lines::{self, Line};
use crate::world::mood::Mood;
use crate::world::names;

/// The totals on offer, of the game and of a period. A whole one may be hit: then stakes go back.
const TOTALS: [Line; 4] = [Line::halves(9), Line::halves(11), Line::halves(12), Line::halves(13)];
const PERIOD_TOTALS: [Line; 2] = [Line::halves(3), Line::halves(5)];
const HANDICAPS: [Line; 3] = [Line::halves(-3), Line::halves(-2), Line::halves(3)];
/// Goals for which there is a market that asks who scores them.
const NEXT_GOALS: u32 = 15;
pub(super) const PERIODS: [MatchStatus; 3] =
    [MatchStatus::Period1, MatchStatus::Period2, MatchStatus::Period3];
/// What comes before each period.
const BEFORE: [MatchStatus; 3] = [MatchStatus::NotStarted, MatchStatus::Break1, MatchStatus::Break2];

/// A game of two teams.
pub(super) struct Hockey {
    pub(super) teams: [Team; 2],
    /// The teams' numbers, of no others in any world.
    pub(super) numbers: [u64; 2],
    pub(super) late: Late,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 406: does home win, overtime and penalties included?
    Winner,
    /// 1: does home win regular time, nobody, away?
    Result,
    /// 8: whose is the goal of this number, or will there be none in regular time?
    NextGoal(u32),
    /// 410: does home win with this handicap, overtime and penalties included?
    Handicap(Line),
    /// 412: do more goals fall, overtime and penalties included?
    Total(Line),
    /// 443: who has more goals in the period of this place?
    PeriodResult(usize),
    /// 446: do more goals fall in the period of this place?
    PeriodTotal(usize, Line),
    /// Does the star of this place score in regular time?
    Scores(usize),
}

impl Game for Hockey {
    type Board = Rink;
    type Outlook = Outlook;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let list = |question, key, outcomes| Listed { question, key, outcomes: Outcomes::Fixed(outcomes) };
        let mut markets = vec![
            list(Question::Winner, MarketKey::plain(406), &["4", "5"]),
            list(Question::Result, MarketKey::plain(1), &["1", "2", "3"]),
        ];
        markets.extend(
            TOTALS.map(|line| list(Question::Total(line), line.key(412, "", "total"), &["12", "13"])),
        );
        let handicap =
            |line: Line| list(Question::Handicap(line), line.key(410, "", "hcp"), &["1714", "1715"]);
        markets.extend(HANDICAPS.map(handicap));
        for period in 0..PERIODS.len() {
            let number = format!("periodnr={}", period + 1);
            markets.push(list(Question::PeriodResult(period), names::key(443, &number), &["1", "2", "3"]));
            markets.extend(PERIOD_TOTALS.map(|line| {
                let key = line.key(446, &format!("{number}|"), "total");
                list(Question::PeriodTotal(period, line), key, &["12", "13"])
            }));
        }
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

    fn outlook(&self, board: &Rink, since: u32, mood: Mood) -> Outlook {
        Outlook::new(board, since, self, mood)
    }

    fn chances(question: Question, outlook: &Outlook) -> Chances {
        let three = |[home, draw]: [f64; 2]| Chances::Three(home, draw);
        match question {
            Question::Winner => Chances::Two(outlook.home_wins()),
            Question::Result => three(outlook.grid.home_and_draw()),
            Question::NextGoal(_) => three(outlook.next_goal()),
            Question::Handicap(line) => outlook.handicap(line).chances(),
            Question::Total(line) => outlook.total(line).chances(),
            Question::PeriodResult(_) => three(outlook.period_grid().home_and_draw()),
            Question::PeriodTotal(_, line) => outlook.period_grid().total(line).chances(),
            Question::Scores(star) => Chances::Two(outlook.scores(star)),
        }
    }

    fn is_bound(question: Question) -> bool {
        !matches!(question, Question::Scores(_))
    }

    fn is_open(question: Question, board: &Rink) -> bool {
        let common = &board.common;
        let is_regular = common.phase < MatchStatus::AwaitingOvertime;
        let is_on = |period: usize| [PERIODS[period], BEFORE[period]].contains(&common.phase);
        match question {
            Question::Winner => common.phase < MatchStatus::Abandoned,
            Question::Result | Question::Handicap(_) => is_regular,
            Question::NextGoal(goal) => is_regular && goal == common.goals.count() + 1,
            Question::Total(line) => is_regular && line.over(common.total()) < 2,
            Question::PeriodResult(period) => is_on(period),
            Question::PeriodTotal(period, line) => {
                let Score { home, away } = common.fell_in(&PERIODS[period..=period]);
                is_on(period) && line.over(home + away) < 2
            }
            Question::Scores(star) => {
                let star = common.stars[star];
                let may_play = star.is_on || common.phase == MatchStatus::NotStarted;
                is_regular && star.tally == 0 && may_play
            }
        }
    }

    /// What nothing can change any more is answered at once.
    fn answer(question: Question, board: &Rink) -> Option<Answer> {
        let common = &board.common;
        let is_abandoned = common.phase == MatchStatus::Abandoned;
        let ended = common.phase >= MatchStatus::Ended;
        let regular_ended = common.phase >= MatchStatus::AwaitingOvertime && !is_abandoned;
        let Score { home, away } = common.score;
        match question {
            Question::Winner => ended.then(|| Answer::Wins(usize::from(home < away))),
            Question::Result => regular_ended.then(|| three_way(common.fell_in(&PERIODS))),
            Question::NextGoal(goal) => match common.goals.of(goal) {
                Some(side) => Some(Answer::Wins(2 * side as usize)),
                None => regular_ended.then_some(Answer::Wins(1)),
            },
            Question::Handicap(line) => ended.then(|| lines::answer(line.ahead(home, away))),
            Question::Total(line) => total(line, common.score, ended),
            Question::PeriodResult(period) => {
                common.is_over(PERIODS[period]).then(|| three_way(common.fell_in(&PERIODS[period..=period])))
            }
            Question::PeriodTotal(period, line) => {
                total(line, common.fell_in(&PERIODS[period..=period]), common.is_over(PERIODS[period]))
            }
            Question::Scores(star) if common.stars[star].tally > 0 => Some(Answer::Wins(0)),
            Question::Scores(star) if common.stars[star].took_part => {
                regular_ended.then_some(Answer::Wins(1))
            }
            Question::Scores(_) => regular_ended.then_some(Answer::Void("did not take part")),
        }
    }

    fn manner(kind: IncidentKind) -> Manner {
        let (weight, has_status) = match kind {
            IncidentKind::GameEnd
            | IncidentKind::VideoReview
            | IncidentKind::GoalkeeperPulled
            | IncidentKind::GoalkeeperReturned => (Weight::Must, false),
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
