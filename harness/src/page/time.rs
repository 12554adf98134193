//! What happened when: rates, latency and lag over the run, with what went wrong on the same axis.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::bundle::{Document, FaultPart, Outage, Series};
use crate::queues::Queue;

use super::at;
use super::plot::{Axis, Band, COLOURS, Line, Plot, Tick};
use super::scale::Scale;
use super::text::{Escaped, bytes, count, duration, float};

/// How many faults of the feed are drawn at most; of more, those that begin close to one another are one. The table counts all.
const TICKS_MAX: usize = 400;

/// Bytes.
const MEBIBYTE: f64 = 1_048_576.0;

/// The section.
pub(super) fn section(out: &mut String, document: &Document, series: &Series) -> fmt::Result {
    out.push_str("<section id=\"time\"><h2>What happened when</h2>\n");
    let (bands, ticks) = (bands(&document.outages), ticks(&document.faults));
    if series.at_micros.is_empty() {
        out.push_str("<p class=\"none\">Nothing was noted second by second.</p>\n");
    } else {
        write_key(out, &bands, &ticks);
        for plot in plots(series, &bands, &ticks) {
            plot.write(out)?;
        }
        write_processes(out, series, &bands)?;
    }
    write_outages(out, &document.outages)?;
    write_faults(out, &document.faults)?;
    out.push_str("</section>\n");
    Ok(())
}

fn write_key(out: &mut String, bands: &[Band], ticks: &[Tick]) {
    if !bands.is_empty() {
        out.push_str(
            "<p class=\"key\"><span class=\"outage\"></span> an outage, by its number below \
             <span class=\"recovery\"></span> until the stack had recovered</p>\n",
        );
    }
    if !ticks.is_empty() {
        out.push_str("<p class=\"key\"><span class=\"fault\">▲</span> a fault of the feed</p>\n");
    }
}

fn plots<'a>(series: &Series, bands: &'a [Band], ticks: &'a [Tick]) -> Vec<Plot<'a>> {
    let lines = |lines: &[(&str, &Vec<Option<u64>>)]| -> Vec<Line> {
        let drawn = lines.iter().filter(|(_, values)| values.iter().any(Option::is_some));
        drawn.map(|(name, values)| line(series, name, values, 1.0)).collect()
    };
    let plot = |title, unit, lines: Vec<Line>, up| Plot {
        title,
        unit,
        lines,
        across: seconds(series),
        up,
        bands,
        ticks,
    };
    let rates = lines(&[
        ("sent", &series.sent),
        ("accepted", &series.accepted),
        ("published", &series.published),
        ("read by clients", &series.at_client),
    ]);
    let latencies = lines(&[
        ("at the client, 50 %", &series.at_client_p50_micros),
        ("at the client, 99 %", &series.at_client_p99_micros),
        ("published, 50 %", &series.published_p50_micros),
        ("published, 99 %", &series.published_p99_micros),
    ]);
    let queues =
        Queue::ALL.into_iter().filter_map(|queue| Some((queue.as_str(), series.queues.get(queue.as_str())?)));
    let queues = lines(&queues.collect::<Vec<_>>());
    // Older bundles know of the feed alone.
    let queues = if queues.is_empty() { lines(&[("feed", &series.lag)]) } else { queues };
    let (most_rate, most_lag, spread) = (most(&rates), most(&queues), spread(&latencies));
    [
        plot("Throughput", "messages a second", rates, from_zero(most_rate, count_of)),
        plot(
            "Latency",
            "from due time, of what came within each second",
            latencies,
            Axis {
                scale: Box::new(move |places| Scale::logarithmic(spread, places)),
                label: |micros| duration(whole(micros)),
            },
        ),
        plot(
            "Queues",
            "messages that waited for the generator, for ingestion's answer, for a processor (feed), to be published (outbox), for \
             distribution (updates), for a client (sockets)",
            queues,
            from_zero(most_lag, count_of),
        ),
    ]
    .into_iter()
    .filter(|plot| !plot.lines.is_empty())
    .collect()
}

/// CPU and memory by process; on request, for they matter where something else looks odd.
fn write_processes(out: &mut String, series: &Series, bands: &[Band]) -> fmt::Result {
    let of = |all: &BTreeMap<String, Vec<Option<u64>>>, scale: f64| -> Vec<Line> {
        all.iter().map(|(name, values)| line(series, name, values, scale)).collect()
    };
    let (cpu, memory) = (of(&series.cpu_micros, 1e-6), of(&series.resident_bytes, 1.0 / MEBIBYTE));
    if cpu.is_empty() && memory.is_empty() {
        return Ok(());
    }
    out.push_str("<details><summary>CPU and memory of each process</summary>\n");
    let (cores, mebibytes) = (most(&cpu), most(&memory));
    let of_memory = from_zero(mebibytes, |mebibytes| bytes(whole(mebibytes * MEBIBYTE)));
    for (title, unit, mut lines, up) in [
        ("CPU", "of one processor core", cpu, from_zero(cores, |cores| format!("{:.0} %", cores * 100.0))),
        ("Memory", "resident", memory, of_memory),
    ] {
        // With more, colours would mean nothing.
        lines.truncate(COLOURS * 2);
        if !lines.is_empty() {
            Plot { title, unit, lines, across: seconds(series), up, bands, ticks: &[] }.write(out)?;
        }
    }
    out.push_str("</details>\n");
    Ok(())
}

fn line(series: &Series, name: &str, values: &[Option<u64>], scale: f64) -> Line {
    let at = series.at_micros.iter().zip(values);
    let points = at.map(|(at, value)| (time(*at), value.map(|value| float(value) * scale)));
    Line { name: name.to_owned(), points: points.collect() }
}

fn seconds(series: &Series) -> Axis {
    let end = series.at_micros.last().copied().map_or(1.0, time);
    Axis {
        scale: Box::new(move |places| Scale::linear((0.0, end), places)),
        label: |seconds| {
            if seconds < 600.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
        },
    }
}

fn from_zero(most: f64, label: fn(f64) -> String) -> Axis {
    Axis { scale: Box::new(move |places| Scale::from_zero(most, places)), label }
}

fn values(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value))
}

fn most(lines: &[Line]) -> f64 {
    values(lines).fold(0.0, f64::max)
}

fn spread(lines: &[Line]) -> (f64, f64) {
    let low = values(lines).filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    (if low.is_finite() { low } else { 1.0 }, most(lines))
}

fn count_of(value: f64) -> String {
    count(whole(value))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts saturate; figures for people"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// Seconds.
#[expect(clippy::cast_precision_loss, reason = "times of a run")]
fn time(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn bands(outages: &[Outage]) -> Vec<Band> {
    let band = |(number, outage): (usize, &Outage)| {
        let to = outage.ended_micros.unwrap_or(outage.at_micros);
        let recovered = outage.recovered_after_micros.and_then(|after| i64::try_from(after).ok());
        let recovered = recovered.map(|after| time(to.saturating_add(after)));
        Band { number, from: time(outage.at_micros), to: time(to), recovered }
    };
    (1..).zip(outages).map(band).collect()
}

fn ticks(faults: &[FaultPart]) -> Vec<Tick> {
    let tick = |fault: &FaultPart| Tick {
        at: time(fault.at_micros),
        to: fault.ended_micros.map(time),
        what: format!(
            "{} at {}{}",
            fault.kind,
            at(fault.at_micros),
            fault.event_id.as_ref().map_or_else(String::new, |event| format!(", {event}"))
        ),
    };
    if faults.len() <= TICKS_MAX {
        return faults.iter().map(tick).collect();
    }
    let last = faults.iter().map(|fault| fault.at_micros).max().unwrap_or_default();
    let wide = (last / i64::try_from(TICKS_MAX).unwrap_or(i64::MAX)).max(1);
    let mut drawn: BTreeMap<i64, (Tick, u64)> = BTreeMap::new();
    for fault in faults {
        let next = tick(fault);
        drawn
            .entry(fault.at_micros / wide)
            .and_modify(|(first, more)| {
                first.to = first.to.into_iter().chain(next.to).reduce(f64::max);
                *more += 1;
            })
            .or_insert((next, 0));
    }
    let told = |(mut tick, more): (Tick, u64)| {
        if more > 0 {
            tick.what = format!("{}, and {more} more", tick.what);
        }
        tick
    };
    drawn.into_values().map(told).collect()
}

fn write_outages(out: &mut String, outages: &[Outage]) -> fmt::Result {
    if outages.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<h3 id=\"outages\">Done to the stack</h3>\n<div class=\"scroll\"><table><thead><tr><th class=\"n\"></th><th>what</th>\
         <th class=\"n\">at</th><th class=\"n\">lasted</th><th class=\"n\">recovered after</th></tr></thead><tbody>\n",
    );
    for (number, outage) in (1..).zip(outages) {
        let lasted = outage.ended_micros.map(|ended| ended - outage.at_micros);
        let recovered = match outage.recovered_after_micros {
            Some(after) => format!("<td class=\"n\">{}</td>", duration(after)),
            None => "<td class=\"n bad\">✖ never</td>".to_owned(),
        };
        writeln!(
            out,
            "<tr><td class=\"n\">{number}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{recovered}</tr>",
            Escaped(&outage.what),
            at(outage.at_micros),
            lasted.map_or_else(|| "–".to_owned(), at)
        )?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

fn write_faults(out: &mut String, faults: &[FaultPart]) -> fmt::Result {
    if faults.is_empty() {
        return Ok(());
    }
    let mut kinds: BTreeMap<&str, (u64, i64, i64)> = BTreeMap::new();
    for fault in faults {
        let (number, first, last) = kinds.entry(&fault.kind).or_insert((0, fault.at_micros, fault.at_micros));
        (*number, *first, *last) = (*number + 1, (*first).min(fault.at_micros), (*last).max(fault.at_micros));
    }
    out.push_str(
        "<h3 id=\"faults\">Wrong in the feed</h3>\n<div class=\"scroll\"><table><thead><tr><th>what</th><th class=\"n\">times</th>\
         <th class=\"n\">first</th><th class=\"n\">last</th></tr></thead><tbody>\n",
    );
    for (kind, (number, first, last)) in kinds {
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Escaped(&kind.replace('_', " ")),
            count(number),
            at(first),
            at(last)
        )?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}
