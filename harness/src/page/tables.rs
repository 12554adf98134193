//! What was wrong, what must have held, what was compared, and what each process used.

use std::fmt::{self, Write};

use crate::anomaly::{Example, Kind};
use crate::bundle::{AnomalyPart, Document, GateResult, GateState};
use crate::report::decimal;

use super::text::{Escaped, bytes, count, duration, float};

/// Every kind of anomaly: those that were found first, with their examples.
pub(super) fn anomalies(out: &mut String, document: &Document) -> fmt::Result {
    out.push_str("<section id=\"anomalies\"><h2>What was wrong</h2>\n");
    let (found, fine): (Vec<_>, Vec<_>) = document.anomalies.iter().partition(|anomaly| anomaly.found > 0);
    let (fine, unknown): (Vec<_>, Vec<_>) = fine.into_iter().partition(|anomaly| anomaly.checked > 0);
    if found.is_empty() {
        out.push_str("<p class=\"none\">Nothing that was looked for was found.</p>\n");
    }
    for anomaly in found {
        write_found(out, anomaly)?;
    }
    if !unknown.is_empty() {
        out.push_str("<ul class=\"kinds open\">");
        for AnomalyPart { kind, .. } in unknown {
            write!(out, "<li><b>? {kind}</b> was not looked for: of it nothing is known</li>")?;
        }
        out.push_str("</ul>\n");
    }
    if !fine.is_empty() {
        out.push_str("<ul class=\"kinds\">");
        for AnomalyPart { kind, checked, .. } in fine {
            write!(
                out,
                "<li title=\"{}\"><b>✔ {kind}</b> {} times looked for</li>",
                Escaped(meaning(*kind)),
                count(*checked)
            )?;
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

fn write_found(out: &mut String, anomaly: &AnomalyPart) -> fmt::Result {
    let AnomalyPart { kind, checked, found, examples } = anomaly;
    writeln!(
        out,
        "<article class=\"anomaly\"><h3>✖ {kind} <span>{} of {} times</span></h3><p>{}</p>",
        count(*found),
        count(*checked),
        Escaped(meaning(*kind))
    )?;
    out.push_str(
        "<div class=\"scroll\"><table><thead><tr><th>where</th><th>event</th><th class=\"n\">version</th><th>what</th>\
         <th>must be</th><th>is</th><th>record</th></tr></thead><tbody>\n",
    );
    for Example { place, event_id, version, record, what, expected, found } in examples {
        writeln!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td class=\"n\">{}</td><td>{}</td><td><code>{}</code></td>\
             <td class=\"bad\"><code>{}</code></td><td><code>{}</code></td></tr>",
            Escaped(place),
            Escaped(event_id),
            version.map_or_else(String::new, |version| version.to_string()),
            Escaped(what),
            Escaped(expected),
            Escaped(found),
            Escaped(&record.as_ref().map_or_else(String::new, ToString::to_string))
        )?;
    }
    out.push_str("</tbody></table></div>\n");
    let more = found.saturating_sub(examples.len() as u64);
    if more > 0 {
        writeln!(out, "<p class=\"none\">and {} more</p>", count(more))?;
    }
    out.push_str("</article>\n");
    Ok(())
}

/// What a kind means, for who meets it for the first time.
fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Lost => "What was accepted, committed or held is not there.",
        Kind::DuplicateEffect => "A message has had its effect more than once.",
        Kind::Phantom => "What nobody has sent is there.",
        Kind::Stale => "A store, a topic or a client stays behind.",
        Kind::NonMonotonic => "A version, or a message's turn, goes back.",
        Kind::Skipped => "A version was left out.",
        Kind::WrongValueAtVersion => "At some version something is not what the messages up to it say.",
        Kind::StoreDivergence => "Two places say different things of one version.",
        Kind::WrongDeadLetterDecision => {
            "A message was refused that had to be taken, or taken that had to be refused, or kept otherwise than once."
        }
        Kind::FalseGap => {
            "A gap or a silence was declared where nothing was missing, or none where something was."
        }
        Kind::MarketOpenWhileUnsafe => "A market was open that could not be trusted.",
        Kind::SettlementWrong => "A market was settled, cancelled or left open otherwise than was decided.",
    }
}

/// Every gate: those that failed first.
pub(super) fn gates(out: &mut String, document: &Document) -> fmt::Result {
    if document.gates.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section id=\"gates\"><h2>What had to hold</h2>\n<div class=\"scroll\"><table class=\"gates\"><thead><tr><th></th>\
         <th>gate</th><th class=\"n\">found</th><th class=\"n\">limit</th><th class=\"bar\"></th></tr></thead><tbody>\n",
    );
    let weight = |gate: &&GateResult| match gate.state {
        GateState::Fail => 0,
        GateState::Inconclusive => 1,
        GateState::Pass => 2,
    };
    let mut gates: Vec<&GateResult> = document.gates.iter().collect();
    gates.sort_by_key(weight);
    for gate in gates {
        let (class, state) = match gate.state {
            GateState::Pass => ("good", "✔ held"),
            GateState::Fail => ("bad", "✖ failed"),
            GateState::Inconclusive => ("open", "? unknown"),
        };
        let figure = |value: f64| format!("{} {}", number(value), gate.unit);
        writeln!(
            out,
            "<tr><td class=\"{class}\">{state}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"bar\">{}</td></tr>",
            Escaped(&gate.name.replace('_', " ")),
            Escaped(&gate.found.map_or_else(|| "not measured".to_owned(), figure)),
            Escaped(&figure(gate.limit)),
            bar(gate, class)
        )?;
    }
    out.push_str("</tbody></table></div>\n</section>\n");
    Ok(())
}

/// How much of what is allowed was used; nothing where that is no share of anything.
fn bar(gate: &GateResult, class: &str) -> String {
    let Some(found) = gate.found.filter(|_| gate.limit > 0.0) else { return String::new() };
    let share = (found / gate.limit * 100.0).clamp(0.0, 100.0);
    format!("<i class=\"{class}\"><u style=\"width:{share:.1}%\"></u></i>")
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => decimal(value, 0),
        size if size >= 1.0 => decimal(value, 1),
        _ => decimal(value, 3),
    }
}

/// What was compared, by place and by sport.
pub(super) fn places(out: &mut String, document: &Document) -> fmt::Result {
    out.push_str("<section id=\"compared\"><h2>What was compared</h2>\n<div class=\"columns\">\n");
    let row = |out: &mut String, first: String, compared: u64, differ: u64| {
        let class = if differ > 0 { "n bad" } else { "n" };
        writeln!(
            out,
            "<tr>{first}<td class=\"n\">{}</td><td class=\"{class}\">{}</td></tr>",
            count(compared),
            count(differ)
        )
    };
    let heads = "<th class=\"n\">compared</th><th class=\"n\">differ</th></tr></thead><tbody>\n";
    write!(out, "<div class=\"scroll\"><table><thead><tr><th>where</th>{heads}")?;
    for part in &document.places {
        row(out, format!("<td>{}</td>", Escaped(&part.place)), part.compared, part.differ)?;
    }
    out.push_str("</tbody></table></div>\n");
    write!(
        out,
        "<div class=\"scroll\"><table><thead><tr><th>sport</th><th class=\"n\">games</th><th class=\"n\">messages</th>{heads}"
    )?;
    for part in &document.sports {
        let first = format!(
            "<td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            Escaped(&part.sport),
            count(part.games),
            count(part.messages)
        );
        row(out, first, part.compared, part.differ)?;
    }
    out.push_str("</tbody></table></div>\n</div>\n");
    let unsafe_open = &document.unsafe_open;
    if unsafe_open.checked > 0 {
        writeln!(
            out,
            "<p>{} times a market had to be shut for what was not heard in time. It was open for {} after the deadline at most, \
             and for {} before it, which nobody can avoid.</p>",
            count(unsafe_open.checked),
            duration(unsafe_open.longest_micros),
            duration(unsafe_open.exposed_micros)
        )?;
    }
    for client in document.clients.iter().filter(|client| !client.ended.is_empty()) {
        let ways = client.ended.iter().map(|(how, times)| format!("{} times {how}", count(*times)));
        let ways = ways.collect::<Vec<_>>().join(", ");
        writeln!(
            out,
            "<p>The connection of {} ended without its doing: {}.</p>",
            Escaped(&client.name),
            Escaped(&ways)
        )?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// What each process used.
pub(super) fn processes(out: &mut String, document: &Document) -> fmt::Result {
    if document.processes.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section id=\"processes\"><h2>What it cost</h2>\n<div class=\"scroll\"><table><thead><tr><th>process</th>\
         <th class=\"n\">CPU</th><th class=\"n\">messages</th><th class=\"n\">CPU a message</th>\
         <th class=\"n\">memory at most</th></tr></thead><tbody>\n",
    );
    for part in &document.processes {
        let each = match part.messages {
            0 => "–".to_owned(),
            messages => format!("{:.1} µs", float(part.cpu_micros) / float(messages)),
        };
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{each}</td><td class=\"n\">{}</td></tr>",
            Escaped(&part.name),
            duration(part.cpu_micros),
            count(part.messages),
            bytes(part.resident_bytes_max)
        )?;
    }
    out.push_str("</tbody></table></div>\n</section>\n");
    Ok(())
}
