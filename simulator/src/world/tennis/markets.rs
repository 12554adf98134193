//! Tennis markets: what each asks, when it is open, and which incidents are told how.

use domain::market::MarketKey;
use domain::sport::PLAYER_ACES;
use domain::{IncidentKind, Side};

use super::course::Style;
use super::court::Court;
use super::position::{Position, SET_GAMES_MAX};
use super::prices::{Chains, Outlook};
use crate::world::game::{Answer, Chances, Game, Listed, Manner, Outcomes, Weight};
use crate::world::lines::{self, Line};
use crate::world::mood::Mood;
use crate::world::names;

const RETIREMENT: &str = "retirement";
/// The lines on offer on the games of a set.
const SET_TOTALS: [Line; 2] = [Line::halves(17), Line::halves(21)];
/// The lines on offer on all games, by how many halves they are off the one that is nearest to even.
const GAME_HANDICAPS_OFF: [i32; 3] = [-4, 0, 4];
/// No player is expected to win by more games than that.
const GAMES_AHEAD: i32 = 16;
/// Points of a game, on average.
const POINTS_OF_A_GAME: f64 = 6.2;

/// A match, as a bookmaker knows it.
pub(super) struct Tennis<'c> {
    pub(super) format: &'static Format,
    pub(super) chains: &'c Chains,
    /// How likely each side wins a point that it serves.
    pub(super) on_serve: [f64; 2],
    /// The players' numbers, of no others in any world.
    pub(super) numbers: [u64; 2],
}

/// How long a match is, and how it is played.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) style: Style,
    /// How likely a player wins a point that he or she serves, at worst and at best.
    pub(super) on_serve: [f64; 2],
    /// The lines on offer, in halves: of all games, and of sets as handicaps.
    pub(super) totals: [i32; 3],
    pub(super) handicaps: [i32; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// 186: does home win the match?
    Winner,
    /// 187: does home win with this handicap, in games?
    GameHandicap(Line),
    /// 188: does home win with this handicap, in sets?
    SetHandicap(Line),
    /// 189: are more games played?
    Total(Line),
    /// 202: does home win the set of this number, from 1 on?
    Set(usize),
    /// 204: are more games played in the set of this number?
    SetTotal(usize, Line),
    /// 210: does home win the game of this number in the set of this number?
    Game(usize, usize),
    /// Does the player of this place serve more aces?
    Aces(usize, Line),
}

/// How a match may go on, and where it stands.
pub(super) struct View<'c> {
    outlook: Outlook<'c>,
    /// Games of the match, and of the set that is on.
    games: usize,
    set_games: usize,
    /// By how many games home leads in the sets that are over.
    games_ahead: i32,
    aces: [u32; 2],
    /// Aces of each player in a game, on average.
    aces_of_a_game: [f64; 2],
}

impl Tennis<'_> {
    fn sets(&self) -> usize {
        2 * self.format.style.sets_to_win - 1
    }

    /// The lines on offer on the games of both: the one that is nearest to even, and one on either side of it.
    fn game_handicaps(&self) -> [Line; 3] {
        let start = Position::new(self.format.style.sets_to_win, Side::Home);
        let outlook = self.chains.outlook(start, Mood::default());
        let is_even = |games: &i32| outlook.games_ahead_by(*games) <= 0.5;
        let even = (-GAMES_AHEAD..GAMES_AHEAD).find(is_even).unwrap_or(GAMES_AHEAD);
        GAME_HANDICAPS_OFF.map(|off| Line::halves(off - 2 * even + 1))
    }

    /// Aces of each player in a game, on average: each serves every other one.
    fn aces_of_a_game(&self) -> [f64; 2] {
        self.on_serve.map(|won| won * self.format.style.aces * POINTS_OF_A_GAME / 2.0)
    }
}

impl<'c> Game for Tennis<'c> {
    type Board = Court;
    type Outlook = View<'c>;
    type Question = Question;

    fn markets(&self) -> Vec<Listed<Question>> {
        let list = |question, key, outcomes| Listed { question, key, outcomes: Outcomes::Fixed(outcomes) };
        let mut markets = vec![list(Question::Winner, MarketKey::plain(186), &["4", "5"])];
        markets.extend(
            self.format
                .handicaps
                .map(Line::halves)
                .map(|line| list(Question::SetHandicap(line), line.key(188, "", "hcp"), &["1714", "1715"])),
        );
        markets.extend(
            self.format
                .totals
                .map(Line::halves)
                .map(|line| list(Question::Total(line), line.key(189, "", "total"), &["12", "13"])),
        );
        markets.extend(
            self.game_handicaps()
                .map(|line| list(Question::GameHandicap(line), line.key(187, "", "hcp"), &["1714", "1715"])),
        );
        for set in 1..=self.sets() {
            let number = format!("setnr={set}");
            markets.push(list(Question::Set(set), names::key(202, &number), &["4", "5"]));
            markets.extend(SET_TOTALS.map(|line| {
                let key = line.key(204, &format!("{number}|"), "total");
                list(Question::SetTotal(set, line), key, &["12", "13"])
            }));
            markets.extend((1..=SET_GAMES_MAX).map(|game| {
                let key = names::key(210, &format!("{number}|gamenr={game}"));
                list(Question::Game(set, game), key, &["4", "5"])
            }));
        }
        let games = f64::from(self.format.totals[1]) / 2.0;
        for (place, aces) in self.aces_of_a_game().into_iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "a few aces")]
            let line = Line::halves((aces * games) as i32 * 2 + 1);
            let player = names::player_id(self.numbers[place], 0);
            let key = line.key(PLAYER_ACES, &format!("player={player}|"), "total");
            markets.push(list(Question::Aces(place, line), key, &["12", "13"]));
        }
        markets
    }

    /// The clock has no say.
    fn outlook(&self, court: &Court, _: u32, mood: Mood) -> Self::Outlook {
        View {
            outlook: self.chains.outlook(court.position, mood),
            games: court.games(),
            set_games: court.position.games.iter().sum(),
            games_ahead: court.games_ahead(),
            aces: aces(court),
            aces_of_a_game: self.aces_of_a_game(),
        }
    }

    fn chances(question: Question, view: &Self::Outlook) -> Chances {
        let outlook = &view.outlook;
        Chances::Two(match question {
            Question::Winner => outlook.home_wins_match(),
            Question::GameHandicap(line) => {
                outlook.games_ahead_by(whole_over(-line.quarters) - view.games_ahead)
            }
            Question::SetHandicap(line) => outlook.home_ahead_by(whole_over(-line.quarters)),
            Question::Total(line) => outlook.at_least(left(line, view.games)),
            Question::Set(_) => outlook.home_wins_set(),
            Question::SetTotal(_, line) => outlook.at_least_in_set(left(line, view.set_games)),
            Question::Game(..) => outlook.home_wins_game(),
            Question::Aces(place, line) => {
                let needed = left(line, view.aces[place] as usize);
                outlook.aces_at_least(u32::try_from(needed).unwrap_or(0), view.aces_of_a_game[place])
            }
        })
    }

    fn is_bound(question: Question) -> bool {
        !matches!(question, Question::Aces(..))
    }

    /// A set, and a game, is offered from the end of the one before it on.
    fn is_open(question: Question, court: &Court) -> bool {
        let next_set = court.sets_over() + 1;
        let has_come = match question {
            Question::Set(set) | Question::SetTotal(set, _) => set == next_set,
            Question::Game(set, game) => {
                set == next_set && game == court.position.games.iter().sum::<usize>() + 1
            }
            Question::Winner
            | Question::GameHandicap(_)
            | Question::SetHandicap(_)
            | Question::Total(_)
            | Question::Aces(..) => true,
        };
        has_come && !court.position.is_over() && Self::answer(question, court).is_none()
    }

    /// Where a player gives up, bets stand on which nothing more could have changed; all others are void.
    fn answer(question: Question, court: &Court) -> Option<Answer> {
        let home_wins = |home_wins: bool| Answer::Wins(usize::from(!home_wins));
        let is_over = court.position.is_over();
        let decided = match question {
            Question::Winner => {
                let [home, away] = court.position.sets;
                is_over.then(|| home_wins(home > away))
            }
            Question::GameHandicap(line) => {
                let to_come = court.position.games_ahead_to_come();
                handicap(line, to_come.map(|games| court.games_ahead() + games))
            }
            Question::SetHandicap(line) => handicap(line, court.position.sets_ahead_in_the_end()),
            Question::Total(line) => {
                let (least, most) = court.position.games_to_come();
                between(line, court.games() + least, court.games() + most)
            }
            Question::Set(set) if set <= court.sets_over() => {
                court.common.periods.get(set - 1).map(|games| home_wins(games.home > games.away))
            }
            Question::Set(_) => None,
            Question::SetTotal(set, line) => {
                let games = court.common.periods.get(set - 1).map(|games| (games.home + games.away) as usize);
                let most = if set <= court.sets_over() { games } else { Some(SET_GAMES_MAX) };
                between(line, games.unwrap_or(0), most.unwrap_or(SET_GAMES_MAX))
            }
            Question::Game(set, game) => court.winner_of(set, game).map(|side| Answer::Wins(side as usize)),
            Question::Aces(place, line) => {
                let aces = aces(court)[place] as usize;
                between(line, aces, if is_over { aces } else { usize::MAX / 8 })
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
            | IncidentKind::Stoppage
            | IncidentKind::VideoReview
            | IncidentKind::Timeout
            | IncidentKind::Retirement
            | IncidentKind::GameEnd => (Weight::Must, false),
            _ => (Weight::Minor, true),
        };
        Manner { weight, has_status, has_score: kind == IncidentKind::SetWon }
    }
}

/// Aces of each player.
fn aces(court: &Court) -> [u32; 2] {
    [court.common.stars[0].tally, court.common.stars[1].tally]
}

/// The least whole number above so many quarters.
fn whole_over(quarters: i32) -> i32 {
    quarters.div_euclid(4) + 1
}

/// The answer of a handicap where home will lead by at least and at most so many, as far as both say the same.
fn handicap(line: Line, [least, most]: [i32; 2]) -> Option<Answer> {
    let [worst, best] = [least, most].map(|ahead| lines::answer(4 * ahead + line.quarters));
    (worst == best).then_some(worst)
}

/// How many more make more than the line, where there are so many.
fn left(line: Line, have: usize) -> usize {
    usize::try_from(whole_over(line.quarters)).unwrap_or(0).saturating_sub(have)
}

/// The answer of a line where it will be at least and at most so many, as far as both say the same.
fn between(line: Line, least: usize, most: usize) -> Option<Answer> {
    let enough = left(line, 0);
    let (is_over, is_under) = (least >= enough, most < enough);
    (is_over || is_under).then_some(Answer::Wins(usize::from(is_under)))
}
