//! What a person reads after a run.

use std::fmt::Write as _;

use simulator::Format;
use simulator::drive::LATE_MICROS;
use simulator::scenario::Hop;

use crate::anomaly::{Count, Kind};
use crate::bundle::Document;
use crate::exit::Exit;
use crate::float::count;
use crate::gates::invalid;
use crate::judge::Tally;
use crate::latency::{Group, Summary};
use crate::lateness::Lateness;
use crate::run::{CpuUse, Outcome, SportOutcome};

/// How many examples of each kind of anomaly are shown; all are counted.
const SHOWN_MAX: usize = 5;

/// The verdict first, then what it rests on. Where the generator was late that comes before all, for no latency holds then. For who has
/// no gates: everything must be right.
#[must_use]
pub fn report(outcome: &Outcome) -> String {
    let late = outcome.lateness.own.p99_micros.filter(|p99| *p99 > u64::from(LATE_MICROS));
    let late = late.map(|p99| {
        let p99 = milliseconds(count(p99));
        format!(
            "LATE: this machine could not send in time: one message in a hundred went out more than {p99} after it was due. The \
             latencies below are not the pipeline's."
        )
    });
    written(outcome, late.as_deref(), outcome.is_pass())
}

/// The same of a run that was held against gates: what it came to is what they say.
#[must_use]
pub fn report_judged(outcome: &Outcome, document: &Document) -> String {
    let invalid = invalid(&document.gates).map(|why| format!("INVALID: {why}."));
    written(outcome, invalid.as_deref(), document.verdict.exit == Exit::Pass)
}

fn written(outcome: &Outcome, invalid: Option<&str>, is_pass: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, outcome, invalid, is_pass);
    text
}

fn write_report(
    out: &mut String,
    outcome: &Outcome,
    invalid: Option<&str>,
    is_pass: bool,
) -> std::fmt::Result {
    let Lateness { warm_up, waited, held_up, stalls, stalled_micros, .. } = outcome.lateness;
    if let Some(invalid) = invalid {
        writeln!(out, "{invalid}")?;
    }
    if let Some(longest) = stalled_micros.map(count).filter(|longest| *longest > f64::from(LATE_MICROS)) {
        writeln!(
            out,
            "This process had no turn {} times while it sent, once for {}: what waited for an answer meanwhile was late of its own.",
            grouped(stalls),
            milliseconds(longest)
        )?;
    }
    if let Some(p99) = warm_up.p99_micros.map(count).filter(|p99| *p99 > f64::from(LATE_MICROS)) {
        writeln!(
            out,
            "While it warmed up one message in a hundred went out more than {} late; that counts for nothing.",
            milliseconds(p99)
        )?;
    }
    if let Some(p99) = waited.p99_micros.map(count).filter(|p99| *p99 > f64::from(LATE_MICROS)) {
        writeln!(
            out,
            "{} messages waited for ingestion's answer to those before them, one in a hundred of them for more than {}. That is the \
             pipeline's doing: the latency below counts it.",
            grouped(waited.messages),
            milliseconds(p99)
        )?;
    }
    if let Some(p99) = held_up.p99_micros {
        writeln!(
            out,
            "{} messages waited because their way was cut, one in a hundred of them for more than {}. That is an outage's \
             doing, and holds nothing against the run.",
            grouped(held_up.messages),
            milliseconds(count(p99))
        )?;
    }
    write_verdict(out, outcome, is_pass)?;
    write_places(out, outcome)?;
    write_sports(out, outcome)?;
    write_speed(out, outcome)?;
    write_cpu(out, outcome)
}

fn write_verdict(out: &mut String, outcome: &Outcome, is_pass: bool) -> std::fmt::Result {
    let drive = &outcome.drive;
    let anomalies = &outcome.verdict.anomalies;
    if is_pass && anomalies.total() == 0 {
        let games: usize = outcome.sports.iter().map(|share| share.games).sum();
        return writeln!(
            out,
            "PASS: {} messages of {games} games went in, and all {} values compared in {} places agree, on {}.",
            grouped(drive.accepted),
            grouped(outcome.verdict.compared()),
            outcome.verdict.places.len(),
            outcome.database
        );
    }
    if is_pass {
        let (wrong, compared) = (grouped(anomalies.total()), grouped(outcome.verdict.compared()));
        writeln!(out, "PASS: {wrong} of {compared} values are not what they must be, and so many may be.")?;
    } else if outcome.is_pass() {
        writeln!(out, "NOT PASSED, though every value that was compared agrees: the gates below say why.")?;
    }
    if !outcome.is_answered {
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
    let verdict = &outcome.verdict;
    if let Some((place, _)) = verdict.places.iter().find(|(_, tally)| tally.compared == 0) {
        writeln!(out, "FAIL: nothing was compared in {place}; that proves nothing.")?;
    } else if verdict.places.is_empty() {
        writeln!(out, "FAIL: nothing was compared; that proves nothing.")?;
    }
    if anomalies.total() > 0 && !is_pass {
        writeln!(out, "FAIL: {} values are not what they must be.", grouped(anomalies.total()))?;
    }
    for kind in Kind::ALL {
        let Count { found, examples, .. } = anomalies.of(kind);
        if *found == 0 {
            continue;
        }
        writeln!(out, "  {kind}: {}", grouped(*found))?;
        for example in examples.iter().take(SHOWN_MAX) {
            writeln!(out, "    {example}")?;
        }
    }
    Ok(())
}

fn write_places(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(out, "\n  {:<30} {:>9} {:>9}", "where", "compared", "differ")?;
    for (place, Tally { compared, differ, unanswered }) in &outcome.verdict.places {
        write!(out, "  {place:<30} {:>9} {:>9}", grouped(*compared), grouped(*differ))?;
        match unanswered {
            0 => writeln!(out)?,
            times => writeln!(out, "   {} times no answer", grouped(*times))?,
        }
    }
    let ended = outcome.seen.iter().filter(|(_, seen)| !seen.ends.is_empty());
    for (name, seen) in ended {
        let (times, last) = (grouped(seen.ends.len() as u64), seen.ends.last());
        let last = last.map_or_else(String::new, |ended| ended.end.to_string());
        writeln!(out, "  {name}: {times} times its connection ended without its doing; last: {last}")?;
    }
    Ok(())
}

fn write_sports(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(out, "\n  {:<24} {:>5} {:>9} {:>9} {:>9}", "sport", "games", "messages", "compared", "differ")?;
    for SportOutcome { sport, games, messages } in &outcome.sports {
        let Tally { compared, differ, .. } = outcome.verdict.sports.get(sport).copied().unwrap_or_default();
        let (messages, compared, differ) = (grouped(*messages), grouped(compared), grouped(differ));
        writeln!(out, "  {sport:<24} {games:>5} {messages:>9} {compared:>9} {differ:>9}")?;
    }
    Ok(())
}

fn write_speed(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(out, "\n  {:<30} {:>9} {:>12} {:>12}", "from due time to", "messages", "p50", "p99")?;
    write_summary(out, "sent", Summary::of(&outcome.drive.lateness_micros))?;
    for SportOutcome { sport, .. } in &outcome.sports {
        write_summary(out, &format!("commit, {sport}"), outcome.latencies.commit(sport))?;
    }
    let latencies = &outcome.latencies;
    let at_client =
        |group| latencies.due_to(Hop::AtClient, group).and_then(|measured| Summary::of(&measured.micros));
    for SportOutcome { sport, .. } in &outcome.sports {
        write_summary(out, &format!("socket, {sport}"), at_client(Group::Sport(sport.clone())))?;
    }
    for format in latencies.formats() {
        let name = match format {
            Format::Json => "socket, sent as JSON",
            Format::Xml => "socket, sent as XML",
            Format::Uof => "socket, sent as a Unified Odds Feed",
        };
        write_summary(out, name, at_client(Group::Format(format)))?;
    }
    write_summary(out, "socket, all", at_client(Group::All))?;
    if latencies.early() > 0 {
        let early = grouped(latencies.early());
        writeln!(out, "  {early} arrived before they were due: a clock is wrong")?;
    }
    let (rate, took) = (decimal(outcome.drive.rate(), 0), outcome.took.as_secs_f64());
    writeln!(out, "  {rate} messages a second went in; the last had arrived everywhere after {took:.1} s")
}

fn write_summary(out: &mut String, name: &str, summary: Option<Summary>) -> std::fmt::Result {
    let Some(Summary { count, p50, p99 }) = summary else {
        return writeln!(out, "  {name:<30} not measured");
    };
    let (count, p50, p99) = (grouped(count), milliseconds(p50), milliseconds(p99));
    writeln!(out, "  {name:<30} {count:>9} {p50:>12} {p99:>12}")
}

fn write_cpu(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(out, "\n  {:<30} {:>9} {:>12} {:>12}", "CPU time of", "messages", "each", "in all")?;
    for CpuUse { process, micros: used, messages, .. } in &outcome.cpu {
        let each = match messages {
            0 => "-".to_owned(),
            messages => format!("{:.1} us", count(*used) / count(*messages)),
        };
        let in_all = format!("{:.1} s", count(*used) / 1e6);
        writeln!(out, "  {process:<30} {:>9} {each:>12} {in_all:>12}", grouped(*messages))?;
    }
    Ok(())
}

fn milliseconds(micros: f64) -> String {
    format!("{} ms", decimal(micros / 1_000.0, 1))
}

/// A figure with so many digits behind the point, those before it in groups of three.
#[must_use]
pub fn decimal(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let sign = if value < 0.0 { "-" } else { "" };
    match whole.parse() {
        Ok(whole) => format!("{sign}{}{rest}", grouped(whole)),
        // No number at all, or one with more digits than anybody reads.
        Err(_) => format!("{sign}{text}"),
    }
}

/// Digits in groups of three.
#[must_use]
pub fn grouped(number: u64) -> String {
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
    use std::collections::BTreeMap;
    use std::time::Duration;

    use simulator::DriveReport;
    use simulator::scenario::Gates;

    use super::*;
    use crate::anomaly::Example;
    use crate::gates;
    use crate::judge::Verdict;
    use crate::latency::Latencies;
    use crate::lateness::Late;
    use crate::page::tests::passed;
    use crate::unsafe_open::UnsafeTimes;

    /// A run in which one value agreed in one place.
    fn outcome() -> Outcome {
        let mut verdict = Verdict::default();
        verdict.compare(Kind::Lost, Some("hockey"), true, Example::default, "mysql");
        Outcome {
            verdict,
            drive: DriveReport::of_nothing(),
            lateness: Lateness::default(),
            stalls: Vec::new(),
            is_answered: true,
            standstill: None,
            unlooked: None,
            took: Duration::ZERO,
            latencies: Latencies::default(),
            unsafe_times: UnsafeTimes::default(),
            cpu: Vec::new(),
            samples: Vec::new(),
            sports: Vec::new(),
            seen: BTreeMap::new(),
            unread_outages: 0,
            database: "MySQL".to_owned(),
        }
    }

    #[test]
    fn a_run_passes_on_the_terminal_where_it_passes_in_its_bundle() {
        let (mut document, _) = passed();
        let said = |outcome: &Outcome, document: &Document| report_judged(outcome, document);
        assert!(said(&outcome(), &document).starts_with("PASS: "));
        document.verdict.exit = Exit::Latency;
        let slow = said(&outcome(), &document);
        assert!(!slow.contains("PASS: ") && slow.starts_with("NOT PASSED"), "{slow}");
        let mut wrong = outcome();
        wrong.verdict.compare(Kind::Lost, None, false, Example::default, "mysql");
        assert!(!wrong.is_pass() && said(&wrong, &document).starts_with("FAIL: 1 values"));
        document.verdict.exit = Exit::Pass;
        let allowed = said(&wrong, &document);
        assert!(allowed.starts_with("PASS: 1 of 2 values") && !allowed.contains("FAIL"), "{allowed}");
    }

    #[test]
    fn the_terminal_says_late_where_the_gate_does() {
        let mut run = outcome();
        run.lateness.own = Late::of(vec![200_000]);
        assert!(report(&run).starts_with("LATE: "), "nobody has said how late it may be");
        let judged = |late_ms_max| {
            let (mut document, _) = passed();
            let gates = Gates { late_ms_max, ..Gates::RIGHT };
            document.gates = gates::judge(&gates, &gates::Figures::of(&run, &[], false), |_| None);
            report_judged(&run, &document)
        };
        assert!(judged(500).starts_with("PASS: "));
        assert!(judged(100).starts_with("INVALID: the generator was late"));
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let decimals = [0.04, 999.96, 12_345.678, -2_000.0, f64::INFINITY].map(|value| decimal(value, 1));
        assert_eq!(decimals, ["0.0", "1,000.0", "12,345.7", "-2,000.0", "inf"]);
        assert_eq!(decimal(12_345.6, 0), "12,346");
    }
}
