//! The rule of shoot-outs: sides take turns, the home side first, until one cannot be caught up with.

use domain::PeriodScore;

/// Whether a shoot-out is decided when `taken` attempts of both sides together have been made. Each side has `rounds`
/// of them, and more in turn while it is level.
pub(super) fn is_decided(score: &PeriodScore, taken: u32, rounds: u32) -> bool {
    let by_home = taken.div_ceil(2);
    let by_away = taken / 2;
    let each = rounds.max(by_home);
    score.home > score.away + (each - by_away) || score.away > score.home + (each - by_home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::MatchStatus;

    #[test]
    fn it_ends_as_soon_as_nobody_can_catch_up() {
        let cases = [
            ((0, 0), 0, 5, false),
            ((3, 0), 6, 5, true),
            ((3, 0), 5, 5, false),
            ((4, 4), 10, 5, false),
            ((5, 4), 10, 5, true),
            ((5, 4), 11, 5, false),
            ((5, 5), 12, 5, false),
            ((5, 6), 12, 5, true),
            ((0, 2), 4, 3, true),
        ];
        for ((home, away), taken, rounds, is_over) in cases {
            let score = PeriodScore { period: MatchStatus::Penalties, home, away };
            assert_eq!(is_decided(&score, taken, rounds), is_over, "{home}:{away} after {taken}");
        }
    }
}
