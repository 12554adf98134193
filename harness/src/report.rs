//! What a person reads after a run.

use std::fmt::Write as _;

use crate::latency::{Hop, Summary};
use crate::run::Outcome;

/// How many discrepancies are shown; all are counted.
const SHOWN_MAX: usize = 20;

/// The verdict first, then what it rests on.
#[must_use]
pub fn report(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, outcome);
    text
}

fn write_report(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    write_verdict(out, outcome)?;
    write_places(out, outcome)?;
    write_speed(out, outcome)?;
    write_cpu(out, outcome)
}

fn write_verdict(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let drive = &outcome.drive;
    let discrepancies = &outcome.verdict.discrepancies;
    if outcome.is_pass() {
        let compared: u64 = outcome.verdict.compared.values().sum();
        let places = outcome.verdict.compared.len();
        return writeln!(
            out,
            "PASS: {} messages went in, and all {} values compared in {places} places agree.",
            grouped(drive.accepted),
            grouped(compared)
        );
    }
    if !drive.is_complete() {
        writeln!(
            out,
            "FAIL: of {} messages {} were accepted, {} refused, {} had no answer in time.",
            grouped(drive.messages),
            grouped(drive.accepted),
            grouped(drive.refused),
            grouped(drive.undelivered)
        )?;
        for problem in drive.refused_first.values().take(SHOWN_MAX) {
            writeln!(out, "  refused: {problem}")?;
        }
        if let Some(reason) = &drive.gave_up {
            writeln!(out, "  gave up: {reason}")?;
        }
    }
    if let Some(place) =
        outcome.verdict.compared.iter().find(|(_, count)| **count == 0).map(|(place, _)| place)
    {
        writeln!(out, "FAIL: nothing was compared in {place}; that proves nothing.")?;
    } else if outcome.verdict.compared.is_empty() {
        writeln!(out, "FAIL: nothing was compared; that proves nothing.")?;
    }
    if !discrepancies.is_empty() {
        writeln!(out, "FAIL: {} values are not what they must be.", grouped(discrepancies.len() as u64))?;
    }
    for discrepancy in discrepancies.iter().take(SHOWN_MAX) {
        writeln!(out, "  {discrepancy}")?;
    }
    let more = discrepancies.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        writeln!(out, "  and {} more", grouped(more as u64))?;
    }
    Ok(())
}

fn write_places(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(out, "\n  {:<18} {:>12} {:>12}", "where", "compared", "differ")?;
    for (place, compared) in &outcome.verdict.compared {
        let differ = outcome.verdict.discrepancies.iter().filter(|found| found.place == *place).count();
        writeln!(out, "  {place:<18} {:>12} {:>12}", grouped(*compared), grouped(differ as u64))?;
    }
    Ok(())
}

fn write_speed(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let late = &outcome.drive.lateness_micros;
    writeln!(out, "\n  {:<30} {:>9} {:>12} {:>12}", "from due time to", "messages", "p50", "p99")?;
    let sent = Summary {
        count: late.len(),
        p50: micros(late.value_at_quantile(0.5)),
        p99: micros(late.value_at_quantile(0.99)),
    };
    let hops = [
        ("sent", (!late.is_empty()).then_some(sent)),
        ("committed in MySQL", outcome.latencies.summary(Hop::Commit)),
        ("read at the socket's client", outcome.latencies.summary(Hop::Socket)),
    ];
    for (name, summary) in hops {
        match summary {
            Some(Summary { count, p50, p99 }) => {
                writeln!(
                    out,
                    "  {name:<30} {:>9} {:>12} {:>12}",
                    grouped(count),
                    milliseconds(p50),
                    milliseconds(p99)
                )?;
            }
            None => writeln!(out, "  {name:<30} not measured")?,
        }
    }
    if outcome.latencies.early > 0 {
        writeln!(
            out,
            "  {} arrived before they were due: a clock is wrong",
            grouped(outcome.latencies.early)
        )?;
    }
    writeln!(
        out,
        "  {:.0} messages a second went in; the last had arrived everywhere after {:.1} s",
        outcome.drive.rate(),
        outcome.took.as_secs_f64()
    )
}

fn write_cpu(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(out, "\n  {:<30} {:>16}", "CPU time of", "per message")?;
    for (name, used) in &outcome.cpu_micros {
        let per_message = micros(*used) / micros(outcome.drive.accepted.max(1));
        writeln!(out, "  {name:<30} {:>16}", format!("{per_message:.1} us"))?;
    }
    Ok(())
}

fn milliseconds(micros: f64) -> String {
    format!("{:.1} ms", micros / 1_000.0)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn micros(value: u64) -> f64 {
    value as f64
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
