//! The page that a person reads after a run: one HTML file that needs nothing else, made of a run bundle's two documents.
//!
//! The verdict comes first, then what was wrong, then what must have held, then what happened when. It is well-formed XML, refers
//! to nothing outside its bundle, and says as much without its script as with it.

use std::fmt::{self, Write};

use crate::bundle::{Document, Series};
use crate::exit::Exit;
use crate::gates::invalid;
use crate::report::decimal;

pub mod capacity;
mod latency;
mod plot;
mod scale;
mod tables;
mod text;
mod time;

use text::{Escaped, count, duration, signed_duration};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page of a run.
#[must_use]
pub fn page(document: &Document, series: &Series) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, document, series);
    out
}

fn write_page(out: &mut String, document: &Document, series: &Series) -> fmt::Result {
    let Document { name, verdict, .. } = document;
    let word = if verdict.exit == Exit::Pass { "pass" } else { "fail" };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{} · {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        Escaped(name),
        word.to_uppercase()
    )?;
    out.push_str("<main>\n");
    write_verdict(out, document)?;
    write_figures(out, document)?;
    tables::anomalies(out, document)?;
    tables::gates(out, document)?;
    time::section(out, document, series)?;
    latency::section(out, document)?;
    tables::places(out, document)?;
    tables::processes(out, document)?;
    write_run(out, document)?;
    write!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

fn write_verdict(out: &mut String, document: &Document) -> fmt::Result {
    let Document { verdict, scenario, .. } = document;
    let (class, symbol, word) = match verdict.exit {
        Exit::Pass => ("pass", "✔", "Pass"),
        Exit::Inconclusive => ("open", "?", "Inconclusive"),
        Exit::Invalid => ("open", "!", "Invalid"),
        _ => ("fail", "✖", "Fail"),
    };
    writeln!(out, "<header class=\"verdict {class}\">")?;
    if let Some(why) = invalid(&document.gates) {
        writeln!(out, "<p class=\"late\"><strong>Invalid:</strong> {}.</p>", Escaped(why))?;
    }
    writeln!(
        out,
        "<p class=\"word\"><span class=\"symbol\" aria-hidden=\"true\">{symbol}</span> {word}</p>\n<h1>{}</h1>",
        Escaped(&verdict.summary)
    )?;
    writeln!(
        out,
        "<p class=\"about\"><b>{}</b> {}</p>",
        Escaped(&scenario.name),
        Escaped(&scenario.description)
    )?;
    if !verdict.holds.is_empty() {
        out.push_str("<ul class=\"holds\">");
        for exit in &verdict.holds {
            write!(out, "<li>{} <span>exit {}</span></li>", exit.as_str(), exit.code())?;
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</header>\n");
    Ok(())
}

/// The few figures that everybody asks for.
fn write_figures(out: &mut String, document: &Document) -> fmt::Result {
    out.push_str("<section class=\"figures\" aria-label=\"In figures\">\n");
    let mut figure = |value: &str, what: &str| {
        writeln!(out, "<div><b>{}</b><span>{}</span></div>", Escaped(value), Escaped(what))
    };
    let found: u64 = document.anomalies.iter().map(|anomaly| anomaly.found).sum();
    figure(&count(found), if found == 1 { "anomaly" } else { "anomalies" })?;
    let drive = &document.drive;
    figure(&count(drive.accepted), &format!("of {} messages accepted", count(drive.messages)))?;
    figure(&format!("{}/s", decimal(drive.messages_per_second, 0)), "messages went in")?;
    for (name, what) in [("p50", "half of them at the client within"), ("p99", "99 of 100 within")] {
        let micros = latency::end_to_end(document).and_then(|part| part.micros.get(name));
        figure(&micros.map_or("–".to_owned(), |micros| duration(*micros)), what)?;
    }
    let unsafe_open = &document.unsafe_open;
    let longest =
        if unsafe_open.checked == 0 { "–".to_owned() } else { duration(unsafe_open.longest_micros) };
    figure(&longest, "a market open too long, at most")?;
    if !document.outages.is_empty() {
        let recovered: Option<Vec<u64>> =
            document.outages.iter().map(|outage| outage.recovered_after_micros).collect();
        let slowest = recovered.map(|all| all.into_iter().max().unwrap_or_default());
        figure(&slowest.map_or("never".to_owned(), duration), "the slowest recovery")?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn write_run(out: &mut String, document: &Document) -> fmt::Result {
    let Document { scenario, versions, drive, .. } = document;
    out.push_str("<section id=\"run\"><h2>The run</h2>\n<dl>\n");
    let mut row =
        |what: &str, value: &str| writeln!(out, "<dt>{}</dt><dd>{}</dd>", Escaped(what), Escaped(value));
    row("began", &text::moment(document.started_at))?;
    row("took", &duration(document.took_micros))?;
    row(
        "played",
        &format!(
            "{} messages of {} games over {:.0} s, seed {}",
            count(scenario.messages),
            count(scenario.games),
            scenario.seconds,
            scenario.seed
        ),
    )?;
    row(
        "sent",
        &format!(
            "{} accepted, {} refused, {} sent again, {} without an answer, {} of requests",
            count(drive.accepted),
            count(drive.refused),
            count(drive.sent_again),
            count(drive.undelivered),
            text::bytes(drive.bytes)
        ),
    )?;
    if let Some(late) = drive.warm_up_late_p99_micros {
        row(
            "late",
            &format!("99 of 100 by no more than {} in the warm-up, which does not count", duration(late)),
        )?;
    }
    if let Some(waited) = &drive.waited {
        row(
            "waited",
            &format!(
                "{} for ingestion's answer to those before them, 99 of 100 of these no longer than {}; the latency counts it",
                count(waited.messages),
                duration(waited.p99_micros)
            ),
        )?;
    }
    if let Some(stalled) = &drive.stalled {
        row(
            "stood still",
            &format!(
                "{} times while it sent, at most {}: what waited for an answer meanwhile was late of its own",
                count(stalled.times),
                duration(stalled.longest_micros)
            ),
        )?;
    }
    row("on", &format!("matchday {}, {}, {}", versions.matchday, versions.database, versions.machine))?;
    row("stack", if versions.is_own_stack { "started for this run" } else { "was up already" })?;
    out.push_str("</dl>\n");
    writeln!(out, "<p>To repeat it:</p>\n<pre><code>{}</code></pre>", Escaped(&scenario.repeat))?;
    if !document.files.is_empty() {
        out.push_str("<p>Beside this page: ");
        for (index, (what, file)) in document.files.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(out, "{separator}<a href=\"{}\">{}</a>", Escaped(file), Escaped(what))?;
        }
        out.push_str(".</p>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

/// When something happened, with its sign: what was planned may lie before the start.
fn at(micros: i64) -> String {
    signed_duration(micros)
}

#[cfg(test)]
pub(crate) mod tests;
