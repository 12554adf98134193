//! A verdict as Markdown: what CI shows at the head of a run.

use std::fmt::Write as _;

use super::write::gate_text;
use super::{Document, GateState, LatencyPart, Since};
use crate::report::{decimal, grouped};

/// The verdict first, then what it rests on.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_markdown(&mut text, document);
    text
}

fn write_markdown(out: &mut String, document: &Document) -> std::fmt::Result {
    let Document { verdict, scenario, versions, .. } = document;
    writeln!(out, "## {}: exit {} ({})\n", scenario.name, verdict.exit_code, verdict.exit.as_str())?;
    writeln!(out, "{}\n", plain(&verdict.summary))?;
    writeln!(
        out,
        "{}. Seed {}, {}; {}.\n",
        plain(&scenario.description),
        scenario.seed,
        versions.database,
        versions.machine
    )?;
    writeln!(out, "| gate | | found |\n| --- | --- | --- |")?;
    for gate in &document.gates {
        let state = match gate.state {
            GateState::Pass => "held",
            GateState::Fail => "**failed**",
            GateState::Inconclusive => "**not measured**",
        };
        writeln!(out, "| {} | {state} | {} |", gate.name, gate_text(gate))?;
    }
    writeln!(out, "\n| anomaly | looked | found |\n| --- | ---: | ---: |")?;
    for part in &document.anomalies {
        writeln!(out, "| {} | {} | {} |", part.kind, grouped(part.checked), grouped(part.found))?;
    }
    for part in document.anomalies.iter().filter(|part| part.found > 0) {
        writeln!(out, "\n**{}**\n", part.kind)?;
        for example in &part.examples {
            writeln!(out, "- {}", plain(&example.to_string()))?;
        }
    }
    writeln!(
        out,
        "\n| from due time until | messages | p50 | p99 | p99.9 | max |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    )?;
    let is_whole = |part: &&LatencyPart| {
        part.since == Since::Due
            && !part.is_warm_up
            && part.class.is_none()
            && (part.sport.is_none() || part.hop == "committed")
    };
    for part in document.latency.iter().filter(is_whole) {
        let of = part.sport.as_ref().map_or_else(String::new, |sport| format!(", {sport}"));
        write!(out, "| {}{of} | {} |", part.hop, grouped(part.count))?;
        for share in ["p50", "p99", "p99_9", "max"] {
            #[expect(clippy::cast_precision_loss, reason = "figures for people")]
            let text = part
                .micros
                .get(share)
                .map_or_else(|| "–".to_owned(), |micros| format!("{} ms", decimal(*micros as f64 / 1e3, 1)));
            write!(out, " {text} |")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\nTo repeat it: `{}`", scenario.repeat)
}

/// Text that does not become Markdown or HTML, on one line.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' | '|' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}
