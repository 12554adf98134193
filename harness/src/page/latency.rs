//! How long messages took: the whole distribution of each hop as a plot, its percentiles as a table.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use simulator::scenario::{Hop, Share};

use crate::bundle::{Document, LatencyPart, Since};

use super::plot::{Axis, Line, Plot};
use super::scale::Scale;
use super::text::{Escaped, count, duration, float};

/// Of all messages, from due time to the client.
pub(super) fn end_to_end(document: &Document) -> Option<&LatencyPart> {
    of_all(document, Since::Due).into_iter().find(|part| part.hop == Hop::AtClient.as_str())
}

/// The parts of all messages behind the warm-up, in the order of a message's way.
fn of_all(document: &Document, since: Since) -> Vec<&LatencyPart> {
    let is_such = |part: &&LatencyPart| {
        part.since == since && !part.is_warm_up && part.sport.is_none() && part.class.is_none()
    };
    let mut parts: Vec<&LatencyPart> = document.latency.iter().filter(is_such).collect();
    parts.sort_by_key(|part| place(&part.hop));
    parts
}

fn place(hop: &str) -> usize {
    Hop::ALL.iter().position(|known| known.as_str() == hop).unwrap_or(Hop::ALL.len())
}

/// The section.
pub(super) fn section(out: &mut String, document: &Document) -> fmt::Result {
    out.push_str("<section id=\"latency\"><h2>How long messages took</h2>\n");
    if document.latency.iter().all(|part| part.count == 0) {
        out.push_str("<p class=\"none\">Nothing was measured.</p>\n</section>\n");
        return Ok(());
    }
    write_plot(out, &of_all(document, Since::Due))?;
    for (since, title) in [
        (Since::Due, "From due time"),
        (Since::Sent, "From sending: raw, what a late generator hides"),
        (Since::HopBefore, "From the hop before"),
    ] {
        let parts = of_all(document, since);
        if !parts.is_empty() {
            writeln!(out, "<h3>{title}</h3>")?;
            table(out, "hop", parts.iter().map(|part| (hop(part), *part)))?;
        }
    }
    write_groups(out, document)?;
    write_warm_up(out, document)?;
    out.push_str("</section>\n");
    Ok(())
}

/// One line a hop; from left to right each nine tenths of what is left, as latency is read.
fn write_plot(out: &mut String, parts: &[&LatencyPart]) -> fmt::Result {
    let line = |part: &&LatencyPart| {
        let most = float(part.count.max(1));
        let points = part.distribution.iter().map(|step| {
            let rest = 1.0 / (1.0 - step.quantile).max(1.0 / most);
            (rest, Some(float(step.micros.max(1))))
        });
        Line { name: hop(part), points: points.collect() }
    };
    let lines: Vec<Line> = parts.iter().filter(|part| !part.distribution.is_empty()).map(line).collect();
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let across = points().map(|(rest, _)| *rest).fold(10.0, f64::max);
    let low = points().filter_map(|(_, micros)| *micros).fold(f64::INFINITY, f64::min);
    let high = points().filter_map(|(_, micros)| *micros).fold(1.0, f64::max);
    if lines.is_empty() {
        return Ok(());
    }
    let plot = Plot {
        title: "From due time",
        unit: "how long so many of the messages took at most",
        lines,
        across: Axis {
            scale: Box::new(move |places| Scale::logarithmic((1.0, across), places)),
            label: share,
        },
        up: Axis {
            scale: Box::new(move |places| Scale::logarithmic((low, high), places)),
            label: |micros| duration(whole(micros)),
        },
        bands: &[],
        ticks: &[],
    };
    plot.write(out)
}

/// 1 is none of them, 10 is 90 %, 1,000 is 99.9 %.
fn share(rest: f64) -> String {
    let percent = 100.0 - 100.0 / rest;
    match rest {
        ..2.0 => "0 %".to_owned(),
        ..=100.0 => format!("{percent:.0} %"),
        _ => {
            let digits = format!("{percent:.6}");
            format!("{} %", digits.trim_end_matches('0'))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts saturate; figures for people"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn hop(part: &LatencyPart) -> String {
    part.hop.replace('_', " ")
}

/// By sport and by type of message, to the client and as far as else it was measured so.
fn write_groups(out: &mut String, document: &Document) -> fmt::Result {
    let is_group = |part: &&LatencyPart| {
        part.since == Since::Due && !part.is_warm_up && (part.sport.is_some() || part.class.is_some())
    };
    let mut parts: Vec<&LatencyPart> = document.latency.iter().filter(is_group).collect();
    if parts.is_empty() {
        return Ok(());
    }
    parts.sort_by_key(|part| (place(&part.hop), part.sport.clone(), part.class.clone()));
    out.push_str("<details><summary>By sport and type of message, from due time</summary>\n");
    let hops: BTreeSet<(usize, &str)> =
        parts.iter().map(|part| (place(&part.hop), part.hop.as_str())).collect();
    for (_, name) in hops {
        writeln!(out, "<h4>{}</h4>", Escaped(&name.replace('_', " ")))?;
        let of_hop = parts.iter().filter(|part| part.hop == name).map(|part| {
            let words = [part.sport.as_deref(), part.class.as_deref()];
            (words.into_iter().flatten().collect::<Vec<_>>().join(", ").replace('_', " "), *part)
        });
        table(out, "messages", of_hop)?;
    }
    out.push_str("</details>\n");
    Ok(())
}

fn write_warm_up(out: &mut String, document: &Document) -> fmt::Result {
    let is_such = |part: &&LatencyPart| {
        part.is_warm_up && part.since == Since::Due && part.sport.is_none() && part.class.is_none()
    };
    let mut parts: Vec<&LatencyPart> = document.latency.iter().filter(is_such).collect();
    if parts.is_empty() {
        return Ok(());
    }
    parts.sort_by_key(|part| place(&part.hop));
    writeln!(
        out,
        "<details><summary>The first {:.0} s, which do not count</summary>",
        document.scenario.warm_up_seconds
    )?;
    table(out, "hop", parts.iter().map(|part| (hop(part), *part)))?;
    out.push_str("</details>\n");
    Ok(())
}

fn table<'a>(
    out: &mut String,
    first: &str,
    rows: impl Iterator<Item = (String, &'a LatencyPart)>,
) -> fmt::Result {
    write!(out, "<div class=\"scroll\"><table><thead><tr><th>{first}</th><th class=\"n\">messages</th>")?;
    for share in Share::ALL {
        let name = share.as_str().replace('_', ".");
        write!(out, "<th class=\"n\">{name}</th>")?;
    }
    out.push_str("</tr></thead><tbody>\n");
    for (name, part) in rows {
        write!(out, "<tr><td>{}</td><td class=\"n\">{}</td>", Escaped(&name), count(part.count))?;
        for share in Share::ALL {
            let micros = part.micros.get(share.as_str());
            write!(
                out,
                "<td class=\"n\">{}</td>",
                micros.map_or_else(|| "–".to_owned(), |micros| duration(*micros))
            )?;
        }
        out.push_str("</tr>\n");
        if part.negative > 0 {
            writeln!(
                out,
                "<tr class=\"note\"><td colspan=\"8\">{} of them were there before they could be: a clock is wrong, or read \
                 to the millisecond only. They are in no percentile.</td></tr>",
                count(part.negative)
            )?;
        }
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn what_is_left_is_said_as_a_share() {
        assert_eq!(
            [1.0, 10.0, 100.0, 1_000.0, 10_000.0].map(share),
            ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
    }
}
