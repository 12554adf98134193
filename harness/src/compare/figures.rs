//! The figures of runs that are worth comparing.

use std::collections::BTreeMap;

use simulator::scenario::Hop;

use super::noise::Sample;
use crate::bundle::{Document, GateResult, GateState, Since};
use crate::exit::Exit;
use crate::float::count;
use crate::gates::Gate;

/// A figure of several runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Figure {
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
    /// How many runs there are of both sides.
    pub(super) runs: usize,
    pub(super) unit: &'static str,
    /// Whether more of it is better.
    pub(super) is_gain: bool,
    /// Whether any difference counts: a run repeats it exactly.
    pub(super) is_exact: bool,
    /// Less than that is as good as nothing.
    pub(super) least: f64,
}

impl Figure {
    /// What is shown of a side.
    pub(super) fn shown(&self, side: &[f64]) -> f64 {
        if self.is_exact { most(side) } else { median(side) }
    }

    /// Whether a side has nothing of it: what it came to there is not known.
    pub(super) fn is_of_one_side(&self) -> bool {
        self.before.is_empty() != self.after.is_empty()
    }

    /// How far the figure goes up, as a share of what it was.
    pub(super) fn difference(&self) -> f64 {
        if self.is_exact {
            // One run in which something is wrong is one too many.
            let (before, after) = (most(&self.before), most(&self.after));
            return (after - before) / before.max(1.0);
        }
        if self.is_of_one_side() {
            return 0.0;
        }
        (self.mean(&self.after) - self.mean(&self.before)).exp_m1()
    }

    /// What its noise is learnt from; `None` where it is not of every run.
    pub(super) fn sample(&self) -> Option<Sample> {
        let sign = if self.is_gain { -1.0 } else { 1.0 };
        let side = |side: &[f64]| side.iter().map(|value| sign * self.logarithm(*value)).collect();
        let is_whole =
            !self.is_exact && !self.is_of_one_side() && self.before.len() + self.after.len() == self.runs;
        is_whole.then(|| Sample { before: side(&self.before), after: side(&self.after) })
    }

    fn mean(&self, side: &[f64]) -> f64 {
        side.iter().map(|value| self.logarithm(*value)).sum::<f64>() / count(side.len().max(1) as u64)
    }

    fn logarithm(&self, value: f64) -> f64 {
        value.max(self.least).max(1e-9).ln()
    }
}

/// The classes of message whose updates are never merged: what is lost for them is lost at a client.
const URGENT: [&str; 5] = ["bet_stop", "settlement", "settlement_rollback", "cancel", "cancel_rollback"];

/// The figures of outages.
const RECOVERY: &str = "slowest recovery";
const NEVER_RECOVERED: &str = "outages never recovered from";

/// The runs of a side, and those of which nothing counts but what was wrong.
pub(super) type Side<'a> = (&'a [Document], &'a [Document]);

/// Every figure that a side has, by name.
pub(super) fn figures(before: Side, after: Side) -> BTreeMap<String, Figure> {
    let mut figures: BTreeMap<String, Figure> = BTreeMap::new();
    for ((runs, others), is_before) in [(before, true), (after, false)] {
        let runs = runs.iter().flat_map(of_run);
        let is_wrong = |(_, value, kind): &(String, f64, Figure)| kind.is_exact && *value > 0.0;
        for (name, value, kind) in runs.chain(others.iter().flat_map(of_run).filter(is_wrong)) {
            let figure = figures.entry(name).or_insert_with(|| kind.clone());
            let side = if is_before { &mut figure.before } else { &mut figure.after };
            side.push(value);
        }
    }
    // How long it took is not missing where it is known that it never was.
    let never = figures.get(NEVER_RECOVERED);
    if never.is_some_and(|never| never.before.iter().chain(&never.after).any(|outages| *outages > 0.0)) {
        figures.remove(RECOVERY);
    }
    figures.values_mut().for_each(|figure| figure.runs = before.0.len() + after.0.len());
    figures
}

fn of_run(document: &Document) -> Vec<(String, f64, Figure)> {
    let loss = |unit, least| Figure { unit, least, ..Figure::default() };
    let gain = |unit, least| Figure { unit, least, is_gain: true, ..Figure::default() };
    let exact = Figure { is_exact: true, ..Figure::default() };
    let anomalies: u64 = document.anomalies.iter().map(|part| part.found).sum();
    let mut figures = vec![
        (Gate::Anomalies.as_str().to_owned(), count(anomalies), exact.clone()),
        ("throughput".to_owned(), document.drive.messages_per_second, gain("messages/s", 1.0)),
        ("unsafe open".to_owned(), count(document.unsafe_open.longest_micros) / 1e3, loss("ms", 1.0)),
    ];
    // Fewer of one kind make up for none of another. A kind of which none was found anywhere has no figure.
    for part in document.anomalies.iter().filter(|part| part.found > 0) {
        figures.push((format!("anomalies: {}", part.kind), count(part.found), exact.clone()));
    }
    // What a run has to keep to in any case; how many anomalies there are is said by themselves, and how many never recovered below.
    let is_of_it = |gate: &&GateResult| {
        gate.exit == Exit::Correctness && !gate.is(Gate::Anomalies) && !gate.name.starts_with("recovery")
    };
    for gate in document.gates.iter().filter(is_of_it) {
        let failed = count(u64::from(gate.state == GateState::Fail));
        figures.push((format!("failed: {}", gate.name), failed, exact.clone()));
    }
    if !document.outages.is_empty() {
        let never = document.outages.iter().filter(|outage| outage.recovered_after_micros.is_none());
        figures.push((NEVER_RECOVERED.to_owned(), count(never.count() as u64), exact));
    }
    for part in &document.latency {
        // What services say of themselves is of each sport.
        let is_told = part.hop == Hop::Committed.as_str();
        let is_urgent =
            |class: &String| part.hop == Hop::AtClient.as_str() && URGENT.contains(&class.as_str());
        let is_shown = part.class.as_ref().is_none_or(is_urgent) && (part.sport.is_none() || is_told);
        if part.since != Since::Due || part.is_warm_up || !is_shown {
            continue;
        }
        let of = [&part.sport, &part.class].into_iter().flatten();
        let of: String = of.map(|of| format!(" {}", of.replace('_', " "))).collect();
        // The rarest ones are another from run to run, whatever was changed.
        for share in ["p50", "p90", "p99", "p99_9"] {
            if let Some(micros) = part.micros.get(share) {
                let name = format!("latency {}{of} {}", part.hop.replace('_', " "), share.replace('_', "."));
                // Kafka's times are whole milliseconds.
                figures.push((name, count(*micros) / 1e3, loss("ms", 1.0)));
            }
        }
    }
    for part in document.processes.iter().filter(|part| part.messages > 0) {
        let each = count(part.cpu_micros) / count(part.messages);
        figures.push((format!("CPU a message {}", part.name), each, loss("us", 0.1)));
        let mebibytes = count(part.resident_bytes_max) / 1_048_576.0;
        figures.push((format!("memory {}", part.name), mebibytes, loss("MiB", 1.0)));
    }
    let recovered: Option<Vec<u64>> =
        document.outages.iter().map(|outage| outage.recovered_after_micros).collect();
    if let Some(slowest) = recovered.and_then(|all| all.into_iter().max()) {
        // It is looked every tenth of a second.
        figures.push((RECOVERY.to_owned(), count(slowest) / 1e6, loss("s", 0.1)));
    }
    figures
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(middle), 1) => *middle,
        (Some(upper), _) => (upper + sorted[sorted.len() / 2 - 1]) / 2.0,
    }
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
