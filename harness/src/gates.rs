//! Whether a run kept to its scenario's gates, and what holds where it did not.

use std::collections::BTreeSet;

use simulator::scenario::{Gates, LatencyGate};

use crate::anomaly::Anomalies;
use crate::bundle::{GateResult, GateState, Outage};
use crate::exit::Exit;
use crate::float::count;

/// What gates are held against.
#[derive(Debug, Clone)]
pub struct Figures<'a> {
    /// What was looked for, and found.
    pub anomalies: &'a Anomalies,
    /// Messages without a final answer.
    pub undelivered: u64,
    /// Whether all that had to arrive did.
    pub is_settled: bool,
    /// How late 99 of 100 messages were sent at most, in microseconds; `None` where nothing was sent.
    pub late_micros: Option<u64>,
    /// The longest time that a market was open which must not be, in microseconds; `None` where nothing had to be shut.
    pub unsafe_open_micros: Option<u64>,
    /// Accepted messages a second.
    pub messages_per_second: f64,
    /// What was done to the stack.
    pub outages: &'a [Outage],
    /// The most memory that each service had, in bytes.
    pub resident_bytes: Vec<(String, u64)>,
}

/// Holds a run against its gates. `latency` says how long a share of the messages took, in microseconds.
#[must_use]
pub fn judge(
    gates: &Gates,
    figures: &Figures,
    latency: impl Fn(&LatencyGate) -> Option<u64>,
) -> Vec<GateResult> {
    let mut results = vec![
        at_most(
            "generator late p99",
            ms(gates.late_ms_max),
            figures.late_micros.map(to_ms),
            "ms",
            Exit::Invalid,
        ),
        at_most(
            "anomalies",
            count(gates.anomalies_max),
            Some(count(figures.anomalies.total())),
            "",
            Exit::Correctness,
        ),
        at_most(
            "kinds of anomaly not looked for",
            0.0,
            Some(unchecked(figures.anomalies)),
            "",
            Exit::Inconclusive,
        ),
        at_most("messages without an answer", 0.0, Some(count(figures.undelivered)), "", Exit::Correctness),
        at_most(
            "not all arrived",
            0.0,
            Some(f64::from(u8::from(!figures.is_settled))),
            "",
            Exit::Correctness,
        ),
    ];
    // Where nothing had to be shut, nothing can have been open for too long.
    if let Some(micros) = figures.unsafe_open_micros {
        let limit = ms(gates.unsafe_open_ms_max);
        results.push(at_most("unsafe open", limit, Some(to_ms(micros)), "ms", Exit::Correctness));
    }
    for gate in &gates.latency {
        let name = format!("latency {} {}", gate.hop, gate.share);
        results.push(at_most(&name, gate.ms_max, latency(gate).map(to_ms), "ms", Exit::Latency));
    }
    if let Some(limit) = gates.messages_per_second_min {
        let found = figures.messages_per_second;
        let state = if found >= limit { GateState::Pass } else { GateState::Fail };
        results.push(GateResult {
            name: "throughput".to_owned(),
            limit,
            found: Some(found),
            unit: "messages/s".to_owned(),
            state,
            exit: Exit::Throughput,
        });
    }
    if let Some(limit) = gates.recovery_seconds_max {
        results.extend(figures.outages.iter().map(|outage| recovery(limit, outage)));
    }
    if let Some(limit) = gates.memory_mib_max {
        let gate = |(name, bytes): &(String, u64)| {
            let found = (*bytes > 0).then(|| count(*bytes) / 1_048_576.0);
            at_most(&format!("memory {name}"), f64::from(limit), found, "MiB", Exit::Throughput)
        };
        results.extend(figures.resident_bytes.iter().map(gate));
    }
    results
}

/// All that hold because of gates that did not.
#[must_use]
pub fn holds(results: &[GateResult]) -> BTreeSet<Exit> {
    let holds = results.iter().filter_map(|gate| match gate.state {
        GateState::Pass => None,
        GateState::Fail => Some(gate.exit),
        GateState::Inconclusive => Some(Exit::Inconclusive),
    });
    holds.collect()
}

/// What never recovered has failed, however long was waited.
fn recovery(limit: f64, outage: &Outage) -> GateResult {
    let name = format!("recovery after {}", outage.what);
    match outage.recovered_after_micros {
        Some(micros) => at_most(&name, limit, Some(to_ms(micros) / 1_000.0), "s", Exit::Correctness),
        None => GateResult { state: GateState::Fail, ..at_most(&name, limit, None, "s", Exit::Correctness) },
    }
}

fn at_most(name: &str, limit: f64, found: Option<f64>, unit: &str, exit: Exit) -> GateResult {
    let state = match found {
        None => GateState::Inconclusive,
        Some(found) if found <= limit => GateState::Pass,
        Some(_) => GateState::Fail,
    };
    GateResult { name: name.to_owned(), limit, found, unit: unit.to_owned(), state, exit }
}

fn unchecked(anomalies: &Anomalies) -> f64 {
    count(anomalies.unchecked().len() as u64)
}

fn ms(limit: u32) -> f64 {
    f64::from(limit)
}

fn to_ms(micros: u64) -> f64 {
    count(micros) / 1_000.0
}

#[cfg(test)]
mod tests {
    use simulator::scenario::{Hop, Share};

    use super::*;
    use crate::anomaly::{Example, Kind};

    fn looked_everywhere() -> Anomalies {
        let mut anomalies = Anomalies::default();
        Kind::ALL.into_iter().for_each(|kind| anomalies.checked(kind, 1));
        anomalies
    }

    fn figures(anomalies: &Anomalies) -> Figures<'_> {
        Figures {
            anomalies,
            undelivered: 0,
            is_settled: true,
            late_micros: Some(900),
            unsafe_open_micros: None,
            messages_per_second: 499.5,
            outages: &[],
            resident_bytes: vec![("ingestion".to_owned(), 64 << 20)],
        }
    }

    /// What holds of these figures behind these gates, at a latency of 25 ms.
    fn held(gates: &Gates, figures: &Figures) -> Vec<Exit> {
        holds(&judge(gates, figures, |_| Some(25_000))).into_iter().collect()
    }

    #[test]
    fn a_run_that_keeps_to_everything_passes() {
        let anomalies = looked_everywhere();
        let gates = Gates {
            latency: vec![LatencyGate { hop: Hop::AtClient, share: Share::P99, ms_max: 25.0 }],
            messages_per_second_min: Some(499.5),
            memory_mib_max: Some(64),
            ..Gates::RIGHT
        };
        assert_eq!(held(&gates, &figures(&anomalies)), []);
    }

    #[test]
    fn each_gate_that_does_not_hold_has_its_exit() {
        let anomalies = looked_everywhere();
        let is = figures(&anomalies);
        let latency = vec![LatencyGate { hop: Hop::AtClient, share: Share::P99, ms_max: 24.9 }];
        assert_eq!(held(&Gates { latency, ..Gates::RIGHT }, &is), [Exit::Latency]);
        let rate = Gates { messages_per_second_min: Some(499.6), ..Gates::RIGHT };
        assert_eq!(held(&rate, &is), [Exit::Throughput]);
        assert_eq!(held(&Gates { memory_mib_max: Some(63), ..Gates::RIGHT }, &is), [Exit::Throughput]);
        let late = Figures { late_micros: Some(100_001), ..is.clone() };
        assert_eq!(held(&Gates::RIGHT, &late), [Exit::Invalid]);
        let open = Figures { unsafe_open_micros: Some(1), ..is.clone() };
        assert_eq!(held(&Gates::RIGHT, &open), [Exit::Correctness]);
        assert_eq!(held(&Gates { unsafe_open_ms_max: 1, ..Gates::RIGHT }, &open), []);
        assert_eq!(held(&Gates::RIGHT, &Figures { undelivered: 1, ..is.clone() }), [Exit::Correctness]);
        assert_eq!(held(&Gates::RIGHT, &Figures { is_settled: false, ..is }), [Exit::Correctness]);
    }

    #[test]
    fn an_anomaly_is_a_failure_unless_the_gate_allows_it() {
        let mut anomalies = looked_everywhere();
        anomalies.found(Kind::Lost, Example::default());
        assert_eq!(held(&Gates::RIGHT, &figures(&anomalies)), [Exit::Correctness]);
        assert_eq!(held(&Gates { anomalies_max: 1, ..Gates::RIGHT }, &figures(&anomalies)), []);
    }

    #[test]
    fn what_nothing_was_looked_at_for_is_inconclusive() {
        let nothing = Anomalies::default();
        assert_eq!(held(&Gates::RIGHT, &figures(&nothing)), [Exit::Inconclusive]);
        let anomalies = looked_everywhere();
        let unsent = Figures { late_micros: None, ..figures(&anomalies) };
        assert_eq!(held(&Gates::RIGHT, &unsent), [Exit::Inconclusive]);
        let gate = LatencyGate { hop: Hop::Written, share: Share::P99_99, ms_max: 1e6 };
        let gates = Gates { latency: vec![gate], ..Gates::RIGHT };
        let results = judge(&gates, &figures(&anomalies), |_| None);
        assert_eq!(holds(&results).into_iter().collect::<Vec<_>>(), [Exit::Inconclusive]);
    }

    #[test]
    fn what_never_recovered_has_failed() {
        let anomalies = looked_everywhere();
        let outage = |recovered_after_micros| Outage {
            what: "kill redis".to_owned(),
            part: "redis".to_owned(),
            at_micros: 0,
            ended_micros: None,
            recovered_after_micros,
        };
        let gates = Gates { recovery_seconds_max: Some(2.0), ..Gates::RIGHT };
        for (recovered, held_then) in [
            (Some(2_000_000), vec![]),
            (Some(2_000_001), vec![Exit::Correctness]),
            (None, vec![Exit::Correctness]),
        ] {
            let outages = [outage(recovered)];
            assert_eq!(held(&gates, &Figures { outages: &outages, ..figures(&anomalies) }), held_then);
        }
    }
}
