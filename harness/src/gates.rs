//! Whether a run kept to its scenario's gates, and what holds where it did not.

use std::collections::BTreeSet;

use simulator::scenario::{Gates, LatencyGate, Share};

use crate::anomaly::Anomalies;
use crate::bundle::{GateResult, GateState, Outage};
use crate::exit::Exit;
use crate::float::count;
use crate::lateness::Late;
use crate::outage::RECOVERY_MAX;
use crate::run::Outcome;
use crate::site::Site;

pub use gate::{Gate, failed, invalid};

mod gate;

/// How much longer than its messages may be late this process may stand still once: what is shorter is among the one in a hundred.
const STALLED_TIMES: u32 = 10;

/// What gates are held against.
#[derive(Debug, Clone)]
pub struct Figures<'a> {
    /// What was looked for, and found.
    pub anomalies: &'a Anomalies,
    /// How many places that were to be looked at were not.
    pub unseen_places: u64,
    /// After how many outages that were recovered from not every store was read.
    pub unread_outages: u64,
    /// Messages without a final answer.
    pub undelivered: u64,
    /// Whether all that had to arrive did.
    pub is_settled: bool,
    /// How late messages were sent, of its own doing.
    pub late: Late,
    /// The longest time that this process stood still while it sent, in microseconds; `None` where that was not watched.
    pub stalled_micros: Option<u64>,
    /// How many messages were at a client before they were due.
    pub early: u64,
    /// The longest time that a market was open which must not be, in microseconds; `None` where nothing had to be shut.
    pub unsafe_open_micros: Option<u64>,
    /// Whether something was planned for which markets have to be shut.
    pub must_shut: bool,
    /// Accepted messages a second.
    pub messages_per_second: f64,
    /// What was done to the stack.
    pub outages: &'a [Outage],
    /// The most memory that each service had, in bytes.
    pub resident_bytes: Vec<(String, u64)>,
}

impl<'a> Figures<'a> {
    /// Of a run in which these outages happened.
    #[must_use]
    pub fn of(outcome: &'a Outcome, outages: &'a [Outage], must_shut: bool) -> Self {
        let services = outcome.cpu.iter().filter(|used| Site::is_service(&used.process));
        let unsafe_times = &outcome.unsafe_times;
        Self {
            anomalies: &outcome.verdict.anomalies,
            unseen_places: outcome.verdict.unseen(),
            unread_outages: outcome.unread_outages,
            undelivered: outcome.drive.undelivered,
            is_settled: outcome.standstill.is_none(),
            late: outcome.lateness.own,
            stalled_micros: outcome.lateness.stalled_micros,
            early: outcome.latencies.early(),
            unsafe_open_micros: (unsafe_times.checked > 0).then_some(unsafe_times.longest_micros),
            must_shut,
            messages_per_second: outcome.drive.rate(),
            outages,
            resident_bytes: services.map(|used| (used.process.clone(), used.resident_max)).collect(),
        }
    }
}

/// Holds a run against its gates. `latency` says how long a share of the messages took, in microseconds.
#[must_use]
pub fn judge(
    gates: &Gates,
    figures: &Figures,
    latency: impl Fn(&LatencyGate) -> Option<u64>,
) -> Vec<GateResult> {
    let mut results = late(gates, figures);
    let flag = |is: bool| count(u64::from(is));
    let of = |gate: Gate, limit, found, exit| at_most(gate.as_str(), limit, Some(found), "", exit);
    results.extend([
        // They are in no percentile: whatever those say is not so.
        of(Gate::Early, 0.0, count(figures.early), Exit::Invalid),
        of(Gate::Anomalies, count(gates.anomalies_max), count(figures.anomalies.total()), Exit::Correctness),
        of(Gate::Unchecked, 0.0, unchecked(figures.anomalies), Exit::Inconclusive),
        of(Gate::Unseen, 0.0, count(figures.unseen_places), Exit::Inconclusive),
        of(Gate::Unanswered, 0.0, count(figures.undelivered), Exit::Correctness),
        of(Gate::Unsettled, 0.0, flag(!figures.is_settled), Exit::Correctness),
    ]);
    if !figures.outages.is_empty() {
        results.push(of(Gate::UnreadOutages, 0.0, count(figures.unread_outages), Exit::Inconclusive));
    }
    results.extend(unsafe_open(gates, figures));
    for gate in &gates.latency {
        let name = format!("latency {} {}", gate.hop, gate.share);
        results.push(at_most(&name, gate.ms_max, latency(gate).map(to_ms), "ms", Exit::Latency));
    }
    if let Some(limit) = gates.messages_per_second_min {
        let found = figures.messages_per_second;
        let state = if found >= limit { GateState::Pass } else { GateState::Fail };
        results.push(GateResult {
            name: Gate::Throughput.as_str().to_owned(),
            limit,
            found: Some(found),
            unit: "messages/s".to_owned(),
            state,
            exit: Exit::Throughput,
        });
    }
    results.extend(recoveries(gates.recovery_seconds_max, figures.outages));
    if let Some(limit) = gates.memory_mib_max {
        results.extend(memory(f64::from(limit), &figures.resident_bytes));
    }
    results
}

/// In time of its own: 99 of 100 messages, and every larger share whose latency is held against a gate, for then it is in that.
fn late(gates: &Gates, figures: &Figures) -> Vec<GateResult> {
    let limit = ms(gates.late_ms_max);
    let of =
        |name: &str, limit, micros: Option<u64>| at_most(name, limit, micros.map(to_ms), "ms", Exit::Invalid);
    let larger = gates.latency.iter().map(|gate| gate.share).filter(|share| *share > Share::P99);
    let shares: BTreeSet<Share> = larger.chain([Share::P99]).collect();
    let mut results: Vec<GateResult> =
        shares.into_iter().map(|share| of(&Gate::late(share), limit, figures.late.at(share))).collect();
    if let Some(micros) = figures.stalled_micros {
        results.push(of(Gate::Stalled.as_str(), ms(gates.late_ms_max * STALLED_TIMES), Some(micros)));
    }
    results
}

/// Where nothing had to be shut, nothing can have been open for too long; but where it was planned that something had to, and what
/// that may take, nothing is known then.
fn unsafe_open(gates: &Gates, figures: &Figures) -> Option<GateResult> {
    let found = figures.unsafe_open_micros.map(to_ms);
    let is_judged = found.is_some() || figures.must_shut && gates.unsafe_open_ms_max.is_some();
    let limit = ms(gates.unsafe_open_ms_max.unwrap_or_default());
    is_judged.then(|| at_most(Gate::UnsafeOpen.as_str(), limit, found, "ms", Exit::Correctness))
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

/// What never recovered has failed, however long it was given: without a limit, as long as was waited for it.
fn recoveries(limit: Option<f64>, outages: &[Outage]) -> Vec<GateResult> {
    let gate = |name: &str, limit, found| at_most(name, limit, found, "s", Exit::Correctness);
    let recovery = |outage: &Outage| {
        let name = format!("recovery after {}", outage.what);
        match outage.recovered_after_micros {
            Some(micros) => Some(gate(&name, limit?, Some(to_ms(micros) / 1_000.0))),
            None => {
                let limit = limit.unwrap_or(RECOVERY_MAX.as_secs_f64());
                Some(GateResult { state: GateState::Fail, ..gate(&name, limit, None) })
            }
        }
    };
    match (limit, outages) {
        (Some(limit), []) => vec![gate("recovery", limit, None)],
        _ => outages.iter().filter_map(recovery).collect(),
    }
}

/// How much memory each service had; where none is known, nothing is known.
fn memory(limit: f64, resident_bytes: &[(String, u64)]) -> Vec<GateResult> {
    let gate = |name: &str, found| at_most(name, limit, found, "MiB", Exit::Throughput);
    let of = |(name, bytes): &(String, u64)| {
        let found = (*bytes > 0).then(|| count(*bytes) / 1_048_576.0);
        gate(&format!("memory {name}"), found)
    };
    match resident_bytes {
        [] => vec![gate("memory", None)],
        services => services.iter().map(of).collect(),
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
    use simulator::scenario::Hop;

    use super::*;
    use crate::anomaly::{Example, Kind};

    /// How late messages were that were so late.
    fn late(micros: &[u64]) -> Late {
        Late::of(micros.to_vec())
    }

    fn looked_everywhere() -> Anomalies {
        let mut anomalies = Anomalies::default();
        Kind::ALL.into_iter().for_each(|kind| anomalies.checked(kind, 1));
        anomalies
    }

    fn figures(anomalies: &Anomalies) -> Figures<'_> {
        Figures {
            anomalies,
            unseen_places: 0,
            unread_outages: 0,
            undelivered: 0,
            is_settled: true,
            late: late(&[900]),
            stalled_micros: Some(0),
            early: 0,
            unsafe_open_micros: None,
            must_shut: false,
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
        let behind = Figures { late: late(&[100_001]), ..is.clone() };
        assert_eq!(held(&Gates::RIGHT, &behind), [Exit::Invalid]);
        let stalled = |micros| Figures { stalled_micros: Some(micros), ..is.clone() };
        assert_eq!(held(&Gates::RIGHT, &stalled(1_000_001)), [Exit::Invalid]);
        assert_eq!(held(&Gates::RIGHT, &stalled(1_000_000)), []);
        assert_eq!(held(&Gates::RIGHT, &Figures { stalled_micros: None, ..is.clone() }), []);
        assert_eq!(held(&Gates::RIGHT, &Figures { early: 1, ..is.clone() }), [Exit::Invalid]);
        assert_eq!(held(&Gates::RIGHT, &Figures { unseen_places: 1, ..is.clone() }), [Exit::Inconclusive]);
        let open = Figures { unsafe_open_micros: Some(1), ..is.clone() };
        assert_eq!(held(&Gates::RIGHT, &open), [Exit::Correctness]);
        assert_eq!(held(&Gates { unsafe_open_ms_max: Some(1), ..Gates::RIGHT }, &open), []);
        assert_eq!(held(&Gates::RIGHT, &Figures { undelivered: 1, ..is.clone() }), [Exit::Correctness]);
        assert_eq!(held(&Gates::RIGHT, &Figures { is_settled: false, ..is }), [Exit::Correctness]);
    }

    #[test]
    fn the_generator_is_in_time_for_every_share_whose_latency_has_a_gate() {
        let anomalies = looked_everywhere();
        // One message in 1,000 went out a second late.
        let micros: Vec<u64> = (0..1_000).map(|place| if place == 0 { 1_000_000 } else { 900 }).collect();
        let is = Figures { late: late(&micros), ..figures(&anomalies) };
        let gate = |share| LatencyGate { hop: Hop::AtClient, share, ms_max: 1e6 };
        let gates = |share| Gates { latency: vec![gate(share), gate(Share::P50)], ..Gates::RIGHT };
        assert_eq!(held(&gates(Share::P99), &is), []);
        assert_eq!(held(&gates(Share::P99_9), &is), []);
        assert_eq!(held(&gates(Share::Max), &is), [Exit::Invalid]);
        let results = judge(&gates(Share::Max), &is, |_| Some(1));
        assert!(results.iter().any(|gate| gate.name == "generator late max" && gate.found == Some(1_000.0)));
    }

    #[test]
    fn an_outage_after_which_not_every_store_was_read_is_inconclusive() {
        let anomalies = looked_everywhere();
        let outages = [Outage {
            what: "kill redis".to_owned(),
            part: "redis".to_owned(),
            at_micros: 0,
            ended_micros: None,
            recovered_after_micros: Some(1),
        }];
        let unread = Figures { outages: &outages, unread_outages: 1, ..figures(&anomalies) };
        assert_eq!(held(&Gates::RIGHT, &unread), [Exit::Inconclusive]);
        assert_eq!(held(&Gates::RIGHT, &Figures { unread_outages: 0, ..unread }), []);
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
        let unsent = Figures { late: Late::default(), ..figures(&anomalies) };
        assert_eq!(held(&Gates::RIGHT, &unsent), [Exit::Inconclusive]);
        let gate = LatencyGate { hop: Hop::Written, share: Share::P99_99, ms_max: 1e6 };
        let gates = Gates { latency: vec![gate], ..Gates::RIGHT };
        let results = judge(&gates, &figures(&anomalies), |_| None);
        assert_eq!(holds(&results).into_iter().collect::<Vec<_>>(), [Exit::Inconclusive]);
    }

    #[test]
    fn a_limit_without_a_figure_is_inconclusive() {
        let anomalies = looked_everywhere();
        let is = figures(&anomalies);
        let memory = Gates { memory_mib_max: Some(64), ..Gates::RIGHT };
        let unknown = Figures { resident_bytes: Vec::new(), ..is.clone() };
        assert_eq!(held(&memory, &unknown), [Exit::Inconclusive]);
        assert_eq!(held(&Gates::RIGHT, &unknown), []);
        let recovery = Gates { recovery_seconds_max: Some(2.0), ..Gates::RIGHT };
        assert_eq!(held(&recovery, &is), [Exit::Inconclusive]);
        let shut = Gates { unsafe_open_ms_max: Some(3_000), ..Gates::RIGHT };
        let planned = Figures { must_shut: true, ..is.clone() };
        assert_eq!(
            held(&shut, &planned),
            [Exit::Inconclusive],
            "nothing had to be shut, although that was planned"
        );
        assert_eq!(held(&shut, &Figures { unsafe_open_micros: Some(0), ..planned.clone() }), []);
        assert_eq!(held(&shut, &is), [], "nothing was planned for which anything has to be shut");
        assert_eq!(held(&Gates::RIGHT, &planned), [], "nobody has said how long that may take");
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
        for (gates, recovered, held_then) in [
            (&gates, Some(2_000_000), vec![]),
            (&gates, Some(2_000_001), vec![Exit::Correctness]),
            (&gates, None, vec![Exit::Correctness]),
            (&Gates::RIGHT, Some(50_000_000), vec![]),
            (&Gates::RIGHT, None, vec![Exit::Correctness]),
        ] {
            let outages = [outage(recovered)];
            assert_eq!(held(gates, &Figures { outages: &outages, ..figures(&anomalies) }), held_then);
        }
    }
}
