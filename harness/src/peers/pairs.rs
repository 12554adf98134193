//! Rounds in the order A B B A, and what their figures come to: a ratio per pair, the median of them and their spread.

use std::fmt::Write as _;

use anyhow::Result;

use crate::stack::Say;

/// Whose round it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A service of this project.
    Ours,
    /// What it is compared with.
    Peer,
}

/// What is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A cost.
    Less,
    /// A yield.
    More,
}

/// One figure of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// What it is, with its unit.
    pub name: &'static str,
    /// What of it is better.
    pub better: Better,
    /// What the ratio, ours over the peer's, is to be: at most, where less is better, else at least.
    pub goal: Option<f64>,
}

/// Two rounds of the same work.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// What ours came to, in the order of the metrics.
    pub ours: Vec<f64>,
    /// What the peer's came to.
    pub peer: Vec<f64>,
}

/// A median, and between what it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The median.
    pub median: f64,
    /// The greatest.
    pub most: f64,
}

/// Whose round comes first in each pair: A B, B A, A B …, so that what grows or shrinks slowly is for nobody's good.
fn order(pairs: usize) -> impl Iterator<Item = [Side; 2]> {
    let turns = [[Side::Ours, Side::Peer], [Side::Peer, Side::Ours]];
    turns.into_iter().cycle().take(pairs)
}

/// Runs the pairs, after one more that does not count: what is started for the first time is slower.
///
/// # Errors
/// When a round fails.
pub async fn measure(
    metrics: &[Metric],
    pairs: usize,
    say: Say,
    mut round: impl AsyncFnMut(Side) -> Result<Vec<f64>>,
) -> Result<Vec<Pair>> {
    let mut measured = Vec::new();
    for (number, sides) in order(pairs + 1).enumerate() {
        let mut pair = Pair { ours: Vec::new(), peer: Vec::new() };
        for side in sides {
            let figures = round(side).await?;
            match side {
                Side::Ours => pair.ours = figures,
                Side::Peer => pair.peer = figures,
            }
        }
        let name = if number == 0 { "first, not counted".to_owned() } else { format!("pair {number}") };
        say(&format!("  {name:<22} {}", told(metrics, &pair)));
        if number > 0 {
            measured.push(pair);
        }
    }
    Ok(measured)
}

fn told(metrics: &[Metric], pair: &Pair) -> String {
    let one = |(metric, (ours, peer)): (&Metric, (&f64, &f64))| {
        format!("{} {} : {}", metric.name, figure(*ours), figure(*peer))
    };
    metrics.iter().zip(pair.ours.iter().zip(&pair.peer)).map(one).collect::<Vec<_>>().join(", ")
}

/// What the pairs come to, a line per metric.
#[must_use]
pub fn report(peer: &str, metrics: &[Metric], pairs: &[Pair]) -> String {
    let mut text = format!(
        "  {:<26} {:>12} {:>12}   {:<28}\n",
        "median of the rounds", "matchday", peer, "ratio, from least to most"
    );
    for (index, metric) in metrics.iter().enumerate() {
        let of = |value: &dyn Fn(&Pair) -> f64| spread(pairs.iter().map(value).collect());
        let (ours, theirs) = (of(&|pair| pair.ours[index]), of(&|pair| pair.peer[index]));
        let ratio = of(&|pair| pair.ours[index] / pair.peer[index]);
        let ratios = format!("{:.2} ({:.2} to {:.2})", ratio.median, ratio.least, ratio.most);
        let _ = writeln!(
            text,
            "  {:<26} {:>12} {:>12}   {ratios:<28} {}",
            metric.name,
            figure(ours.median),
            figure(theirs.median),
            verdict(metric, ratio.median)
        );
    }
    text
}

/// What a ratio says.
fn verdict(metric: &Metric, ratio: f64) -> String {
    let (is_worse, most_or_least) = match metric.better {
        Better::Less => (ratio > 1.0, "at most"),
        Better::More => (ratio < 1.0, "at least"),
    };
    let worse = if is_worse { "WORSE than the peer" } else { "" };
    let Some(goal) = metric.goal else { return worse.to_owned() };
    let is_held = match metric.better {
        Better::Less => ratio <= goal,
        Better::More => ratio >= goal,
    };
    let held = if is_held { "held" } else { "MISSED" };
    let comma = if is_worse { ", " } else { "" };
    format!("goal {most_or_least} {goal}: {held}{comma}{worse}")
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    Spread {
        least: at(0),
        median: f64::midpoint(at(low), at(high)),
        most: at(values.len().saturating_sub(1)),
    }
}

/// Three digits at least.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Metric = Metric { name: "CPU, µs", better: Better::Less, goal: Some(0.5) };
    const YIELD: Metric = Metric { name: "rows a second", better: Better::More, goal: Some(1.5) };

    #[test]
    fn who_is_first_changes_with_every_pair() {
        let first: Vec<Side> = order(4).flatten().collect();
        let [a, b] = [Side::Ours, Side::Peer];
        assert_eq!(first, [a, b, b, a, a, b, b, a]);
    }

    #[tokio::test]
    async fn the_first_pair_does_not_count_and_figures_stay_with_their_side() {
        let mut number = 0.0;
        let round = async |side: Side| {
            number += 1.0;
            Ok(vec![if side == Side::Ours { number } else { -number }])
        };
        let pairs = measure(&[COST], 2, |_| (), round).await.unwrap();
        let ours: Vec<f64> = pairs.iter().map(|pair| pair.ours[0]).collect();
        let peer: Vec<f64> = pairs.iter().map(|pair| pair.peer[0]).collect();
        assert_eq!((ours, peer), (vec![4.0, 5.0], vec![-3.0, -6.0]));
    }

    #[test]
    fn the_median_lies_in_the_middle_and_of_two_between_them() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0]), Spread { least: 1.0, median: 2.0, most: 3.0 });
        assert_eq!(spread(vec![4.0, 1.0, 2.0, 3.0]), Spread { least: 1.0, median: 2.5, most: 4.0 });
    }

    #[test]
    fn a_ratio_is_held_missed_or_against_us() {
        assert_eq!(verdict(&COST, 0.5), "goal at most 0.5: held");
        assert_eq!(verdict(&COST, 0.6), "goal at most 0.5: MISSED");
        assert_eq!(verdict(&COST, 1.1), "goal at most 0.5: MISSED, WORSE than the peer");
        assert_eq!(verdict(&YIELD, 1.5), "goal at least 1.5: held");
        assert_eq!(verdict(&YIELD, 0.9), "goal at least 1.5: MISSED, WORSE than the peer");
        assert_eq!(verdict(&Metric { goal: None, ..YIELD }, 0.9), "WORSE than the peer");
        assert_eq!(verdict(&Metric { goal: None, ..YIELD }, 1.0), "");
    }

    #[test]
    fn a_report_divides_pair_by_pair() {
        let pair = |ours, peer| Pair { ours: vec![ours], peer: vec![peer] };
        let text = report("peer", &[COST], &[pair(1.0, 4.0), pair(3.0, 4.0), pair(2.0, 10.0)]);
        assert!(text.contains("0.25 (0.20 to 0.75)") && text.contains("goal at most 0.5: held"), "{text}");
    }
}
