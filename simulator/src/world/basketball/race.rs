//! The race to a number of points: which side has so many first.
//!
//! Sides have the ball in turn, and a possession is worth nothing, one, two or three points by chance, whatever came
//! before (Štrumbelj and Vračar, "Simulating a basketball match with a homogeneous Markov model and forecasting the
//! outcome", International Journal of Forecasting 28, 2012). How the race ends follows backwards from its end.

use domain::Side;

/// How likely a possession of an average side is worth one, two and three points: what the possessions of `course` come
/// to, second chances and all. A fourth point is too rare to matter.
const WORTH: [f64; 3] = [0.027, 0.340, 0.149];

/// How likely home has the points it needs first, where this side, or nobody knows which, has the ball. Both need at least
/// one. `scoring` says how many times as often as an average side's their possessions come off.
pub(super) fn home_is_first(needs: [u32; 2], scoring: [f64; 2], ball: Option<Side>) -> f64 {
    let [home, away] = by_ball(needs, scoring);
    match ball {
        Some(Side::Home) => home,
        Some(Side::Away) => away,
        None => (home + away) / 2.0,
    }
}

/// The same by who has the ball: home, away.
fn by_ball(needs: [u32; 2], scoring: [f64; 2]) -> [f64; 2] {
    let [of_home, of_away] = scoring.map(|times| WORTH.map(|likely| likely * times));
    let [no_home, no_away] = [of_home, of_away].map(|worth| 1.0 - worth.iter().sum::<f64>());
    let [home, away] = needs.map(|points| points as usize);
    // By what home needs and what away needs; who needs nothing has won.
    let mut first = vec![vec![[0.0; 2]; away + 1]; home + 1];
    first[0] = vec![[1.0; 2]; away + 1];
    for own in 1..=home {
        for others in 1..=away {
            let by_home: f64 = (1..)
                .zip(of_home)
                .map(|(points, likely)| likely * first[own.saturating_sub(points)][others][1])
                .sum();
            let by_away: f64 = (1..)
                .zip(of_away)
                .map(|(points, likely)| likely * first[own][others.saturating_sub(points)][0])
                .sum();
            // A possession without points gives the ball to the other side, and may come back.
            let with_home = (by_home + no_home * by_away) / (1.0 - no_home * no_away);
            first[own][others] = [with_home, by_away + no_away * with_home];
        }
    }
    first[home][away]
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn equal_sides_are_even_but_for_the_ball() {
        for points in [1, 2, 20, 80] {
            let [home, away] = by_ball([points; 2], [1.0; 2]);
            assert!((home + away - 1.0).abs() < 1e-12 && home > away, "{points}: {home} and {away}");
            assert!((home_is_first([points; 2], [1.0; 2], None) - 0.5).abs() < 1e-12);
        }
        assert!(by_ball([20; 2], [1.05, 0.95])[1] > 0.5);
        assert!(by_ball([3, 40], [1.0; 2])[1] > 0.999);
    }

    #[test]
    fn races_that_are_run_end_as_often_as_is_said() {
        const RACES: u32 = 40_000;
        let (needs, scoring) = ([12_u32, 9], [1.04, 0.97]);
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let mut first = 0;
        for _ in 0..RACES {
            let (mut left, mut side) = (needs, 0);
            while left[0] > 0 && left[1] > 0 {
                let mut number: f64 = rng.random::<f64>() / scoring[side];
                for (points, likely) in (1_u32..).zip(WORTH) {
                    if (0.0..likely).contains(&number) {
                        left[side] = left[side].saturating_sub(points);
                    }
                    number -= likely;
                }
                side = 1 - side;
            }
            first += u32::from(left[0] == 0);
        }
        let (ran, said) = (f64::from(first) / f64::from(RACES), by_ball(needs, scoring)[0]);
        assert!((ran - said).abs() < 0.01, "{ran}, not {said}");
    }
}
