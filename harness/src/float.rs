//! Counts as figures for people.

/// A count, for a ratio or a plot: of more than 2^53 the last digits are lost.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}
