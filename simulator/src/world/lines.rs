//! Lines: handicaps and totals, in quarters of a goal or point, and what becomes of stakes on them.
//!
//! Where the line is hit stakes go back; where it is missed by a quarter half of the stake does, as Asian handicaps have it.

use domain::market::{MarketKey, Specifiers};

use super::game::{Answer, Chances};

/// What a settlement says where stakes go back.
const HIT: &str = "the line was hit";

/// A line; of a handicap what the home side is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) quarters: i32,
}

/// Of stakes on the first outcome: the part that wins and the part that loses, on average. What is missing goes back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stakes {
    won: f64,
    lost: f64,
}

impl Line {
    pub(super) const fn halves(halves: i32) -> Self {
        Self { quarters: 2 * halves }
    }

    /// The market of this line, of other specifiers `before` it where it has some: `quarternr=2|`.
    pub(super) fn key(self, id: u32, before: &str, name: &str) -> MarketKey {
        let sign = if self.quarters < 0 { "-" } else { "" };
        let far = self.quarters.unsigned_abs();
        let part = ["", ".25", ".5", ".75"][far as usize % 4];
        let text = format!("{before}{name}={sign}{}{part}", far / 4);
        MarketKey { id, specifiers: Specifiers::parse(&text).expect("a specifier") }
    }

    /// By how many quarters a total is over the line.
    pub(super) fn over(self, total: u32) -> i32 {
        4 * i32::try_from(total).unwrap_or(i32::MAX / 4) - self.quarters
    }

    /// By how many quarters home leads, the handicap counted.
    pub(super) fn ahead(self, home: u32, away: u32) -> i32 {
        self.ahead_by(i32::try_from(home).unwrap_or(0) - i32::try_from(away).unwrap_or(0))
    }

    /// The same where home leads by so many.
    pub(super) fn ahead_by(self, lead: i32) -> i32 {
        4 * lead + self.quarters
    }
}

/// What becomes of a market whose first outcome is so many quarters ahead of the line.
pub(super) fn answer(ahead: i32) -> Answer {
    match ahead {
        0 => Answer::Void(HIT),
        1 => Answer::HalfWins(0),
        -1 => Answer::HalfWins(1),
        _ => Answer::Wins(usize::from(ahead < 0)),
    }
}

impl Stakes {
    /// Adds a way to be so many quarters ahead that is as likely as this.
    pub(super) fn add(&mut self, ahead: i32, likely: f64) {
        match ahead {
            2.. => self.won += likely,
            1 => self.won += likely / 2.0,
            0 => {}
            -1 => self.lost += likely / 2.0,
            _ => self.lost += likely,
        }
    }

    /// Of two ways in which it may go on, the second one as likely as this.
    pub(super) fn mixed(self, other: Self, likely: f64) -> Self {
        let mix = |here: f64, there: f64| here * (1.0 - likely) + there * likely;
        Self { won: mix(self.won, other.won), lost: mix(self.lost, other.lost) }
    }

    /// What the first outcome is worth where no stake went back: the price at which neither side has an advantage.
    pub(super) fn chances(self) -> Chances {
        let decided = self.won + self.lost;
        Chances::Two(if decided > 1e-9 { self.won / decided } else { 0.5 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_in_decimals() {
        let texts = [(-5, "hcp=-1.25"), (-2, "hcp=-0.5"), (0, "hcp=0"), (7, "hcp=1.75"), (8, "hcp=2")];
        for (quarters, text) in texts {
            assert_eq!(Line { quarters }.key(16, "", "hcp").specifiers.as_str(), text);
        }
        assert_eq!(
            Line::halves(89).key(236, "quarternr=2|", "total").to_string(),
            "236:quarternr=2|total=44.5"
        );
    }

    #[test]
    fn stakes_go_back_where_the_line_is_hit_and_half_of_them_a_quarter_beside_it() {
        assert_eq!(answer(Line { quarters: 8 }.over(2)), Answer::Void(HIT));
        assert_eq!(answer(Line { quarters: 9 }.over(2)), Answer::HalfWins(1));
        assert_eq!(answer(Line { quarters: -1 }.ahead(1, 1)), Answer::HalfWins(1));
        assert_eq!(answer(Line { quarters: 1 }.ahead(1, 1)), Answer::HalfWins(0));
        assert_eq!(answer(Line { quarters: -6 }.ahead(2, 0)), Answer::Wins(0));
    }

    #[test]
    fn a_price_leaves_out_what_goes_back() {
        let mut stakes = Stakes::default();
        for (ahead, likely) in [(4, 0.4), (0, 0.2), (-1, 0.2), (-4, 0.2)] {
            stakes.add(ahead, likely);
        }
        let Chances::Two(first) = stakes.chances() else { panic!("two outcomes") };
        assert!((first - 0.4 / 0.7).abs() < 1e-12);
    }
}
