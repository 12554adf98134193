//! Distributions as `.hgrm` files: the text that HdrHistogram's own tools write and its plotter reads, in milliseconds.

use std::fmt::Write as _;

use super::{Document, LatencyPart, Since};
use crate::float::count;

/// The files of a run by what they are: one for each hop, of all messages behind the warm-up, from when they were due (the
/// corrected ones) and from when they were sent (the raw ones).
#[must_use]
pub fn files(document: &Document) -> Vec<(String, String)> {
    parts(document).map(|(name, _)| (name.clone(), format!("{name}.hgrm"))).collect()
}

/// Each distribution that was measured, with its name.
pub(super) fn parts(document: &Document) -> impl Iterator<Item = (String, &LatencyPart)> {
    let is_whole = |part: &&LatencyPart| {
        !part.is_warm_up && part.sport.is_none() && part.class.is_none() && !part.distribution.is_empty()
    };
    document.latency.iter().filter(is_whole).filter_map(|part| {
        let since = match part.since {
            Since::Due => "due",
            Since::Sent => "sent",
            Since::HopBefore => return None,
        };
        Some((format!("latency-{since}-{}", part.hop), part))
    })
}

/// The text of a distribution. Mean and deviation are those of its steps.
#[must_use]
pub fn hgrm(part: &LatencyPart) -> String {
    let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let mut before = 0;
    let (mut sum, mut squares) = (0.0, 0.0);
    for step in &part.distribution {
        let ms = ms(step.micros);
        let rest = 1.0 - step.quantile;
        // Writing to a string cannot fail.
        let _ = write!(text, "{ms:12.3} {:14.12} {:10}", step.quantile, step.count);
        let _ = if rest > 0.0 { writeln!(text, " {:14.2}", 1.0 / rest) } else { writeln!(text) };
        let many = count(step.count.saturating_sub(before));
        before = step.count;
        sum += ms * many;
        squares += ms * ms * many;
    }
    let total = count(before).max(1.0);
    let mean = sum / total;
    let deviation = (squares / total - mean * mean).max(0.0).sqrt();
    let most = part.distribution.last().map_or(0.0, |step| ms(step.micros));
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(text, "#[Max     = {most:12.3}, Total count    = {before:12}]");
    text
}

fn ms(micros: u64) -> f64 {
    count(micros) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Step;

    #[test]
    fn a_distribution_is_written_as_other_tools_read_it() {
        let step = |micros, quantile, count| Step { micros, quantile, count };
        let part = LatencyPart {
            hop: "at_client".to_owned(),
            since: Since::Due,
            is_warm_up: false,
            sport: None,
            class: None,
            count: 4,
            negative: 0,
            micros: std::collections::BTreeMap::new(),
            distribution: vec![step(1_000, 0.0, 1), step(2_000, 0.5, 3), step(8_000, 1.0, 4)],
        };
        let expected = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n\
                        \x20      1.000 0.000000000000          1           1.00\n\
                        \x20      2.000 0.500000000000          3           2.00\n\
                        \x20      8.000 1.000000000000          4\n\
                        #[Mean    =        3.250, StdDeviation   =        2.773]\n\
                        #[Max     =        8.000, Total count    =            4]\n";
        assert_eq!(hgrm(&part), expected);
    }
}
