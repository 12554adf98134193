//! What happened second by second, for whoever draws lines.

use std::collections::{BTreeMap, BTreeSet};

use simulator::ledger::NEVER;

use super::Series;
use crate::queues::{self, Queue};
use crate::run::Outcome;

const SECOND: i64 = 1_000_000;
/// A day; later seconds are left out.
const SECONDS_MAX: usize = 86_400;

/// A value a second, from the start until the last thing that happened.
#[must_use]
pub fn series(outcome: &Outcome) -> Series {
    let deliveries = &outcome.drive.deliveries;
    let started = outcome.drive.timeline.started_at.0;
    let length = seconds(i64::try_from(outcome.took.as_micros()).unwrap_or(i64::MAX)) + 1;
    let length = length.min(SECONDS_MAX);
    let counted = |times: &mut dyn Iterator<Item = i64>| {
        let mut counts = vec![Some(0); length];
        for second in times.filter(|at| *at >= 0).map(seconds).filter(|second| *second < length) {
            counts[second] = counts[second].map(|count| count + 1);
        }
        counts
    };
    let accepted = deliveries.answered_micros.iter().zip(&deliveries.status);
    let accepted = accepted.filter(|(_, status)| **status == 202).map(|(at, _)| *at);
    let (published, at_client) = (&outcome.latencies.published, &outcome.latencies.at_client);
    let [published_p50_micros, published_p99_micros] = percentiles(published, started, length);
    let [at_client_p50_micros, at_client_p99_micros] = percentiles(at_client, started, length);
    let sampled = |of: &dyn Fn(usize) -> Option<u64>| {
        let mut values = vec![None; length];
        for (number, sample) in outcome.samples.iter().enumerate() {
            if let Some(value) = values.get_mut(seconds(sample.at_micros)) {
                *value = of(number);
            }
        }
        values
    };
    let samples = &outcome.samples;
    let looks = queues::looks(outcome);
    let names: BTreeSet<&String> = samples.iter().flat_map(|sample| sample.processes.keys()).collect();
    let (mut resident_bytes, mut cpu_micros) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        let used = |number: usize| samples.get(number)?.processes.get(name).copied();
        resident_bytes.insert(name.clone(), sampled(&|number| used(number).map(|(_, bytes)| bytes)));
        let cpu = |number: usize| {
            let (now, _) = used(number)?;
            let before = used(number.checked_sub(1)?).map_or(0, |(before, _)| before);
            // Started anew, it has used less than before.
            Some(now.checked_sub(before).unwrap_or(now))
        };
        cpu_micros.insert(name.clone(), sampled(&cpu));
    }
    Series {
        at_micros: (1..).take(length).map(|second: i64| second * SECOND).collect(),
        sent: counted(&mut deliveries.sent_micros.iter().copied().filter(|at| *at != NEVER)),
        accepted: counted(&mut accepted.into_iter()),
        published: counted(&mut published.iter().map(|(_, at)| at - started)),
        at_client: counted(&mut at_client.iter().map(|(_, at)| at - started)),
        lag: sampled(&|number| samples.get(number)?.lag),
        queues: Queue::ALL
            .into_iter()
            .map(|queue| {
                let waiting = |number: usize| looks.get(number)?.waiting.get(&queue).copied();
                (queue.as_str().to_owned(), sampled(&waiting))
            })
            .collect(),
        at_client_p50_micros,
        at_client_p99_micros,
        published_p50_micros,
        published_p99_micros,
        resident_bytes,
        cpu_micros,
    }
}

/// The latency of what came within each second: half of it was faster, and 99 of 100.
fn percentiles(times: &[(i64, i64)], started: i64, length: usize) -> [Vec<Option<u64>>; 2] {
    let mut within: Vec<Vec<u64>> = vec![Vec::new(); length];
    for (due, at) in times {
        let (second, latency) = (seconds((at - started).max(0)), u64::try_from(at - due).unwrap_or_default());
        if let Some(latencies) = within.get_mut(second) {
            latencies.push(latency);
        }
    }
    within.iter_mut().for_each(|latencies| latencies.sort_unstable());
    let at = |hundredth: usize| {
        within
            .iter()
            .map(move |latencies| latencies.get(latencies.len() * hundredth / 100).copied())
            .collect()
    };
    [at(50), at(99)]
}

fn seconds(micros: i64) -> usize {
    usize::try_from(micros / SECOND).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_the_latency_of_what_came_within_it() {
        let ms = 1_000;
        let times = [(0, 10 * ms), (0, 30 * ms), (0, 20 * ms), (900 * ms, 1_400 * ms)];
        let times = times.map(|(due, at)| (5 * SECOND + due, 5 * SECOND + at));
        let [p50, p99] = percentiles(&times, 5 * SECOND, 3);
        assert_eq!(p50, [Some(20_000), Some(500_000), None]);
        assert_eq!(p99, [Some(30_000), Some(500_000), None]);
    }
}
