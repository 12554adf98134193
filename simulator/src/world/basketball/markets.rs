//! Basketball's markets: what each asks, when it is open, and which incidents are told how.

use domain::market::MarketKey;
use domain::sport::{PLAYER_POINTS, RACE_TO_POINTS, TOP_SCORER};
use domain::{IncidentKind, MatchStatus, Score};

use super::course::{Court, RACE_POINTS, STAR_PLACES, Team};
use super::prices::{self, Outlook};
use crate::world::board::{Board, STARS};
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Outcomes, Weight};
use crate::world::lines::{self, Line};
use crate::world::mood::Mood;
use crate::world::names;

/// The lines on offer, by how many half points they are off what is expected. Whole ones may be hit: then stakes go
/// back.
const TOTALS_OFF: [i32; 3] = [-11, 0, 11];
const HANDICAPS_OFF: [i32; 3] = [-9, 0, 9];
/// Races on offer, one after the other: nearly every game comes to the end of the last one.
const RACES: u32 = 4;
pub(super) const QUARTERS: [MatchStatus; 4] =
    [MatchStatus::Quarter1, MatchStatus::Quarter2, MatchStatus::Quarter3, MatchStatus::Quarter4];
/// What comes before each quarter.
const BEFORE: [MatchStatus; 4] =
    [MatchStatus::NotStarted, MatchStatus::Break1, MatchStatus::Break2, MatchStatus::Break3];

/// A game of two teams.
pub(super) struct Basketball {
    pub(super) teams: [Team; 2],
    /// The teams' numbers, of no others in any world.
    pub(super) numbers: [u64; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 219: does home win, overtime included?
    Winner,
    /// 223: does home win with this handicap, overtime included?
    Handicap(Line),
    /// 225: are there more points, overtime included?
    Total(Line),
    /// 235: who has more points in the quarter of this place?
    QuarterResult(usize),
    /// 236: are there more points in the quarter of this place?
    QuarterTotal(usize, Line),
    /// Which side has the points of the race of this number first, from 1 on?
    Race(u32),
    /// Does the star of this place score more, overtime included?
    Points(usize, Line),
    /// Which star scores most, overtime included?
    TopScorer,
}

impl Basketball {
    fn player(&self, star: usize) -> String {
        let (side, place) = (star / STAR_PLACES.len(), STAR_PLACES[star % STAR_PLACES.len()]);
        names::player_id(self.numbers[side], place)
    }
}

impl Game for Basketball {
    type Board = Court;
    type Outlook = Outlook;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let list = |question, key, outcomes| Listed { question, key, outcomes: Outcomes::Fixed(outcomes) };
        let teams = [&self.teams[0], &self.teams[1]];
        let mut markets = vec![list(Question::Winner, MarketKey::plain(219), &["4", "5"])];
        markets.extend(TOTALS_OFF.map(|off| {
            let line = Line::halves(2 * prices::points_expected(teams) + off);
            list(Question::Total(line), line.key(225, "", "total"), &["12", "13"])
        }));
        markets.extend(HANDICAPS_OFF.map(|off| {
            let line = Line::halves(off - 2 * prices::lead_expected(teams));
            list(Question::Handicap(line), line.key(223, "", "hcp"), &["1714", "1715"])
        }));
        for quarter in 0..QUARTERS.len() {
            let number = format!("quarternr={}", quarter + 1);
            markets.push(list(Question::QuarterResult(quarter), names::key(235, &number), &["1", "2", "3"]));
            let line = Line::halves((prices::points_expected(teams) / 2) | 1);
            let key = line.key(236, &format!("{number}|"), "total");
            markets.push(list(Question::QuarterTotal(quarter, line), key, &["12", "13"]));
        }
        markets.extend((1..=RACES).map(|race| {
            let points = format!("pointnr={}", race * RACE_POINTS);
            list(Question::Race(race), names::key(RACE_TO_POINTS, &points), &["4", "5"])
        }));
        markets.extend((0..STARS).map(|star| {
            let line = Line::halves(2 * prices::star_points_expected(teams, star) + 1);
            let key = line.key(PLAYER_POINTS, &format!("player={}|", self.player(star)), "total");
            list(Question::Points(star, line), key, &["12", "13"])
        }));
        let stars = (0..STARS).map(|star| self.player(star)).collect();
        let (question, key) = (Question::TopScorer, MarketKey::plain(TOP_SCORER));
        markets.push(Listed { question, key, outcomes: Outcomes::Players(stars) });
        markets
    }

    fn outlook(&self, board: &Court, since: u32, mood: Mood) -> Outlook {
        Outlook::new(board, since, [&self.teams[0], &self.teams[1]], mood)
    }

    fn chances(question: Question, outlook: &Outlook) -> Chances {
        match question {
            Question::Winner => Chances::Two(outlook.home_wins()),
            Question::Handicap(line) => outlook.handicap(line).chances(),
            Question::Total(line) => outlook.total(line).chances(),
            Question::QuarterResult(_) => {
                let [home, draw] = outlook.quarter_home_and_draw();
                Chances::Three(home, draw)
            }
            Question::QuarterTotal(_, line) => outlook.quarter_total(line).chances(),
            Question::Race(number) => Chances::Two(outlook.home_wins_race(number)),
            Question::Points(star, line) => outlook.star_points(star, line).chances(),
            Question::TopScorer => Chances::Many(outlook.top_scorer()),
        }
    }

    fn is_bound(question: Question) -> bool {
        !matches!(question, Question::Race(_) | Question::Points(..) | Question::TopScorer)
    }

    fn is_open(question: Question, board: &Court) -> bool {
        let common = &board.0;
        let is_on = |quarter: usize| [QUARTERS[quarter], BEFORE[quarter]].contains(&common.phase);
        common.phase < MatchStatus::Abandoned
            && match question {
                Question::Winner | Question::Handicap(_) => true,
                Question::Total(line) => line.over(common.total()) < 2,
                Question::QuarterResult(quarter) => is_on(quarter),
                Question::QuarterTotal(quarter, line) => {
                    let Score { home, away } = common.fell_in(&QUARTERS[quarter..=quarter]);
                    is_on(quarter) && line.over(home + away) < 2
                }
                Question::Race(number) => number == common.goals.count() + 1,
                Question::Points(star, line) => {
                    let star = common.stars[star];
                    !star.has_left && line.over(star.tally) < 2
                }
                Question::TopScorer => true,
            }
    }

    /// Points may be taken back for as long as the game is on: only the end of it, or of a quarter, gives answers.
    fn answer(question: Question, board: &Court) -> Option<Answer> {
        let common = &board.0;
        let Score { home, away } = common.score;
        let ended = common.phase >= MatchStatus::Ended;
        let quarter = |quarter: usize| {
            common.is_over(QUARTERS[quarter]).then(|| common.fell_in(&QUARTERS[quarter..=quarter]))
        };
        match question {
            Question::Winner => ended.then(|| Answer::Wins(usize::from(home < away))),
            Question::Handicap(line) => ended.then(|| lines::answer(line.ahead(home, away))),
            Question::Total(line) => ended.then(|| lines::answer(line.over(home + away))),
            Question::QuarterResult(of) => quarter(of).map(|Score { home, away }| match home.cmp(&away) {
                std::cmp::Ordering::Greater => Answer::Wins(0),
                std::cmp::Ordering::Equal => Answer::Wins(1),
                std::cmp::Ordering::Less => Answer::Wins(2),
            }),
            Question::QuarterTotal(of, line) => {
                quarter(of).map(|Score { home, away }| lines::answer(line.over(home + away)))
            }
            Question::Race(number) => match common.goals.of(number) {
                Some(side) => (!Court::has_clock(common.phase)).then_some(Answer::Wins(side as usize)),
                None => ended.then_some(Answer::Void("nobody came to it")),
            },
            Question::Points(star, line) if common.stars[star].took_part => {
                ended.then(|| lines::answer(line.over(common.stars[star].tally)))
            }
            Question::Points(..) => ended.then_some(Answer::Void("did not take part")),
            Question::TopScorer => ended.then(|| top_scorer(board)),
        }
    }

    fn manner(kind: IncidentKind) -> Manner {
        let has_score = matches!(
            kind,
            IncidentKind::TwoPointsMade | IncidentKind::ThreePointsMade | IncidentKind::FreeThrowMade
        );
        let (weight, has_status) = match kind {
            IncidentKind::PeriodStart | IncidentKind::PeriodEnd => (Weight::Must, true),
            IncidentKind::Injury => (Weight::Must, true),
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

/// Who has most points; where several have, they share.
fn top_scorer(board: &Court) -> Answer {
    let stars = &board.0.stars;
    let most = stars.iter().map(|star| star.tally).max().unwrap_or(0);
    let places = (0..STARS).filter(|&place| stars[place].tally == most);
    let bits = places.fold(0_u16, |bits, place| bits | 1 << place);
    if bits.count_ones() == 1 { Answer::Wins(bits.trailing_zeros() as usize) } else { Answer::Tie(bits) }
}
