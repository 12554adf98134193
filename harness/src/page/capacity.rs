//! The page of a search for a capacity: what was found, every step with the way to its own page, and the queues where it did not hold.

use std::fmt::{self, Write};

use crate::capacity::paper::{Limit, Paper, Step};
use crate::exit::Exit;
use crate::report::{decimal, grouped};

use super::plot::{Axis, Line, Plot};
use super::scale::Scale;
use super::text::{Escaped, float, moment};
use super::{SCRIPT, STYLE};

/// The page.
#[must_use]
pub fn page(paper: &Paper) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, paper);
    out
}

fn write_page(out: &mut String, paper: &Paper) -> fmt::Result {
    let (class, word) = match (paper.limit, paper.exit) {
        (_, Exit::Correctness) => ("fail", "✖ Wrong"),
        (Limit::Open, _) => ("open", "? Not over"),
        (_, Exit::Pass) => ("pass", "✔ Found"),
        (Limit::Generator, _) => ("open", "! The generator's limit"),
        _ => ("fail", "✖ Not found"),
    };
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>Capacity of {}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<header class=\"verdict {class}\">\n<p class=\"word\">{word}</p>\n<h1>{}</h1>\n\
         <p class=\"about\"><b>{}</b> {}</p>\n</header>",
        Escaped(&paper.scenario),
        Escaped(&paper.summary),
        Escaped(&paper.scenario),
        Escaped(&paper.description)
    )?;
    write_steps(out, &paper.steps)?;
    write_queues(out, paper)?;
    writeln!(
        out,
        "<section id=\"run\"><h2>The search</h2>\n<dl>\n<dt>began</dt><dd>{}</dd>\n<dt>steps</dt><dd>of {} s, from {} messages a \
         second on, seed {}, {} clients</dd>\n<dt>on</dt><dd>matchday {}, {}, {}</dd>\n</dl></section>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>",
        moment(paper.started_at),
        paper.seconds,
        grouped(paper.from.into()),
        paper.seed,
        paper.clients,
        Escaped(&paper.versions.matchday),
        Escaped(&paper.versions.database),
        Escaped(&paper.versions.machine)
    )
}

fn write_steps(out: &mut String, steps: &[Step]) -> fmt::Result {
    out.push_str(
        "<section id=\"steps\"><h2>Step by step</h2>\n<div class=\"scroll\"><table><thead><tr><th></th><th class=\"n\">asked</th>\
         <th class=\"n\">held</th><th class=\"n\">published p50</th><th class=\"n\">p99</th><th class=\"n\">client p50</th>\
         <th class=\"n\">p99</th><th>gates missed</th><th>first queue to grow</th></tr></thead><tbody>\n",
    );
    for step in steps {
        let class = match step.word() {
            "held" => "good",
            "missed" => "bad",
            _ => "open",
        };
        let grown = step.grown.first().map(ToString::to_string).unwrap_or_default();
        write!(
            out,
            "<tr><td class=\"{class}\"><a href=\"{}/report.html\">{}</a></td><td class=\"n\">{}/s</td><td class=\"n\">{}/s</td>",
            Escaped(&step.bundle),
            step.word(),
            grouped(step.asked.into()),
            decimal(step.messages_per_second, 0)
        )?;
        for latency in step.latencies() {
            write!(out, "<td class=\"n\">{latency}</td>")?;
        }
        writeln!(out, "<td>{}</td><td>{}</td></tr>", Escaped(&step.gates()), Escaped(&grown))?;
    }
    out.push_str("</tbody></table></div>\n</section>\n");
    Ok(())
}

/// What lay in the queues that grew, second by second.
fn write_queues(out: &mut String, paper: &Paper) -> fmt::Result {
    let (Some(missed), false) = (paper.missed, paper.grown.is_empty()) else { return Ok(()) };
    writeln!(
        out,
        "<section id=\"queues\"><h2>Where messages waited at {} a second</h2>\n<ol>",
        grouped(missed.into())
    )?;
    for growth in &paper.grown {
        writeln!(out, "<li>{}: {}</li>", Escaped(growth.queue.meaning()), Escaped(&growth.to_string()))?;
    }
    out.push_str("</ol>\n");
    let line = |growth: &crate::queues::Growth| Line {
        name: growth.queue.to_string(),
        points: growth.samples.iter().map(|(at, waiting)| (*at, Some(float(*waiting)))).collect(),
    };
    let points = || paper.grown.iter().flat_map(|growth| growth.samples.iter());
    let end = points().map(|(at, _)| *at).fold(1.0, f64::max);
    let most = points().map(|(_, waiting)| float(*waiting)).fold(1.0, f64::max);
    let plot = Plot {
        title: "Queues",
        unit: "messages",
        lines: paper.grown.iter().map(line).collect(),
        across: Axis {
            scale: Box::new(move |places| Scale::linear((0.0, end), places)),
            label: |seconds| format!("{seconds:.0} s"),
        },
        up: Axis {
            scale: Box::new(move |places| Scale::from_zero(most, places)),
            label: |value| decimal(value, 0),
        },
        bands: &[],
        ticks: &[],
    };
    plot.write(out)?;
    out.push_str("</section>\n");
    Ok(())
}
