//! Holds the chain against closed forms, against itself, and against matches that are played out.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::super::position::Won;
use super::*;

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() < tolerance, "{what}: {found}, not {expected}");
}

fn start() -> Position {
    Position::new(2, Side::Home)
}

#[test]
fn a_game_is_held_as_by_its_closed_form() {
    for percent in 1..100 {
        let p = f64::from(percent) / 100.0;
        let q = 1.0 - p;
        // Won to love, to fifteen, to thirty, and from deuce, which is reached in twenty ways.
        let deuce = p * p / (p * p + q * q);
        let expected = p.powi(4) * (1.0 + 4.0 * q + 10.0 * q * q) + 20.0 * (p * q).powi(3) * deuce;
        close(holds(p)[0][0], expected, 1e-12, &format!("hold at {p}"));
        close(holds(p)[3][3], deuce, 1e-12, &format!("deuce at {p}"));
    }
    close(holds(0.5)[0][0], 0.5, 1e-12, "hold at even points");
}

#[test]
fn equal_players_are_even_before_the_match_whoever_serves() {
    for p in [0.5, 0.6, 0.68] {
        let chain = Chain::new(2, [p, p]);
        for first_server in SIDES {
            let view = chain.view(Position::new(2, first_server));
            close(view.home_wins_match(), 0.5, 1e-12, "match");
            close(view.home_wins_set(), 0.5, 1e-12, "set");
            close(chain.tie_breaks[first_server as usize][0][0], 0.5, 1e-12, "tie-break");
        }
    }
}

#[test]
fn a_better_server_wins_more_and_the_more_the_longer_it_goes() {
    let chance = |sets_to_win| {
        let chain = Chain::new(sets_to_win, [0.66, 0.62]);
        let view = chain.view(Position::new(sets_to_win, Side::Away));
        (view.home_wins_set(), view.home_wins_match())
    };
    let ((set, of_three), (same_set, of_five)) = (chance(2), chance(3));
    close(set, same_set, 1e-12, "a set is a set");
    // Sets are all but independent of each other.
    close(of_three, set * set * (3.0 - 2.0 * set), 1e-3, "of three");
    assert!(0.5 < set && set < of_three && of_three < of_five, "{set}, {of_three}, {of_five}");
}

#[test]
fn sides_can_be_exchanged() {
    let position = Position { sets: [1, 0], games: [3, 4], points: [1, 3], ..Position::new(3, Side::Home) };
    let mirrored = Position { sets: [0, 1], games: [4, 3], points: [3, 1], ..Position::new(3, Side::Away) };
    let (chain, other_chain) = (Chain::new(3, [0.61, 0.67]), Chain::new(3, [0.67, 0.61]));
    let (view, other_view) = (chain.view(position), other_chain.view(mirrored));
    close(view.home_wins_match(), 1.0 - other_view.home_wins_match(), 1e-12, "match");
    close(view.home_wins_set(), 1.0 - other_view.home_wins_set(), 1e-12, "set");
    for games in 0..60 {
        close(view.at_least(games), other_view.at_least(games), 1e-12, "games");
    }
}

/// The chance now is the mean of the chances after the next point, wherever a match stands.
#[test]
fn a_point_changes_nothing_on_average() {
    const TOTAL: usize = 23;
    let on_serve = [0.65, 0.6];
    let chain = Chain::new(2, on_serve);
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for _ in 0..50 {
        let (mut position, mut played) = (start(), 0);
        while !position.is_over() {
            let likely = home_point(on_serve, position.server());
            let now = values(&chain, position, TOTAL - played.min(TOTAL));
            let after = SIDES.map(|side| {
                let mut next = position;
                let games = played + usize::from(next.point(side) > Won::Point);
                (next, games, values(&chain, next, TOTAL - games.min(TOTAL)))
            });
            for (index, value) in now.into_iter().enumerate() {
                let mean = likely * after[0].2[index] + (1.0 - likely) * after[1].2[index];
                close(value, mean, 1e-9, &format!("{position:?}"));
            }
            let side = if rng.random::<f64>() < likely { 0 } else { 1 };
            (position, played) = (after[side].0, after[side].1);
        }
    }
}

fn values(chain: &Chain, position: Position, games: usize) -> [f64; 2] {
    if position.is_over() {
        let home = f64::from(u8::from(position.sets[0] > position.sets[1]));
        return [home, f64::from(u8::from(games == 0))];
    }
    let view = chain.view(position);
    [view.home_wins_match(), view.at_least(games)]
}

#[test]
fn games_yet_to_come_have_bounds() {
    let chain = Chain::new(2, [0.64, 0.62]);
    let view = chain.view(start());
    close(view.at_least(12), 1.0, 1e-12, "two sets of six games");
    assert!(view.at_least(13) < 1.0);
    assert!(view.at_least(39) > 0.0);
    close(view.at_least(40), 0.0, 1e-12, "three sets of thirteen");
    let last = Position { sets: [1, 1], games: [6, 6], ..start() };
    close(chain.view(last).at_least(1), 1.0, 1e-12, "the tie-break");
    close(chain.view(last).at_least(2), 0.0, 1e-12, "after the tie-break");
}

#[test]
fn matches_played_out_end_as_the_chain_says() {
    const MATCHES: u32 = 20_000;
    let on_serve = [0.66, 0.61];
    let chain = Chain::new(2, on_serve);
    let (seed, mut home, mut set, mut long) = (7, 0, 0, 0);
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..MATCHES {
        let (mut position, mut games) = (start(), 0);
        while !position.is_over() {
            let to_home = rng.random::<f64>() < home_point(on_serve, position.server());
            let side = if to_home { Side::Home } else { Side::Away };
            let won = position.point(side);
            games += u32::from(won > Won::Point);
            set += u32::from(won == Won::Set && position.sets == [1, 0]);
        }
        home += u32::from(position.sets[0] > position.sets[1]);
        long += u32::from(games >= 23);
    }
    let share = |count: u32| f64::from(count) / f64::from(MATCHES);
    let view = chain.view(start());
    close(share(home), view.home_wins_match(), 0.01, "match");
    close(share(long), view.at_least(23), 0.01, "games");
    let first_set = share(set);
    close(first_set, view.home_wins_set(), 0.01, "first set");
}
