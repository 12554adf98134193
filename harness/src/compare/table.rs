//! What a comparison says.

use std::fmt::Write as _;

use super::{Change, RELEVANT, Row};
use crate::report::decimal;

/// Every figure on a line.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "  {:<34} {:>12} {:>12} {:<11} {:>8} {:>7}\n",
        "figure", "before", "after", "", "change", "noise"
    );
    for Row { name, before, after, unit, difference, noise, change, is_exact, .. } in rows {
        let word = match change {
            Change::Same => "",
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::Unknown => "?",
        };
        let noise = noise.map_or_else(|| "?".to_owned(), |noise| format!("{:.0} %", noise * 100.0));
        let noise = if *is_exact { "none".to_owned() } else { noise };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {name:<34} {:>12} {:>12} {unit:<11} {:>+7.1}% {noise:>7} {word}",
            decimal(*before, 2),
            decimal(*after, 2),
            difference * 100.0
        );
    }
    text
}

/// That nothing is worse, and what would not have been seen.
pub(super) fn pass(rows: &[Row]) -> String {
    let widest = rows.iter().filter_map(|row| Some((row.noise?, row.name.as_str())));
    let widest = widest.filter(|(noise, _)| *noise > RELEVANT).max_by(|one, other| one.0.total_cmp(&other.0));
    match widest {
        None => "PASS: nothing is worse by more than the noise.".to_owned(),
        Some((noise, name)) => format!(
            "PASS: nothing is worse by more than the noise. That is {:.0} % of {name}, and less of others: what is smaller would \
             not have been seen.",
            noise * 100.0
        ),
    }
}
