//! Plots, as SVG: drawn twice, for wide and for narrow windows, since letters that shrink with a picture cannot be read.

use std::fmt::{self, Write};

use serde_json::json;

use super::scale::Scale;
use super::text::Escaped;

/// How many lines of a plot have a colour of their own.
pub(super) const COLOURS: usize = 8;

/// A plot over a common axis.
pub(super) struct Plot<'a> {
    /// What it shows, for its heading.
    pub title: &'a str,
    /// What its values are, beside the heading.
    pub unit: &'a str,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The axis below.
    pub across: Axis,
    /// The axis at its side.
    pub up: Axis,
    /// Times in which something was wrong.
    pub bands: &'a [Band],
    /// Moments at which something went wrong.
    pub ticks: &'a [Tick],
}

/// One line.
pub(super) struct Line {
    /// What it is of.
    pub name: String,
    /// Its points, from left to right; a line is broken where there is no value.
    pub points: Vec<(f64, Option<f64>)>,
}

/// An axis: its scale, before it is known how large the plot is, and how values of it are written.
pub(super) struct Axis {
    /// The scale between these two places.
    pub scale: Box<dyn Fn((f64, f64)) -> Scale>,
    /// A value in words.
    pub label: fn(f64) -> String,
}

/// A time in which something was wrong.
pub(super) struct Band {
    /// The number that it has in the table.
    pub number: usize,
    /// From when, on the axis below.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// Until when it was recovered from; absent where it was not.
    pub recovered: Option<f64>,
}

/// A moment at which something went wrong, or a span.
pub(super) struct Tick {
    /// When, on the axis below.
    pub at: f64,
    /// Until when, where it lasted.
    pub to: Option<f64>,
    /// What.
    pub what: String,
}

/// How large a drawing is, and what is left free at its sides.
struct Size {
    class: &'static str,
    width: f64,
    height: f64,
}

const SIZES: [Size; 2] = [
    Size { class: "wide", width: 1_040.0, height: 210.0 },
    Size { class: "narrow", width: 380.0, height: 190.0 },
];
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 26.0;

impl Plot<'_> {
    /// Writes it, with its legend and what a pointer over it shows.
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<figure class=\"plot\"><figcaption><b>{}</b> <span>{}</span></figcaption>",
            Escaped(self.title),
            Escaped(self.unit)
        )?;
        self.write_legend(out)?;
        for size in &SIZES {
            self.draw(out, size)?;
        }
        self.write_values(out)?;
        out.push_str("</figure>\n");
        Ok(())
    }

    fn write_legend(&self, out: &mut String) -> fmt::Result {
        out.push_str("<ul class=\"legend\">");
        for (number, line) in self.lines.iter().enumerate() {
            write!(out, "<li class=\"c{}\">{}</li>", number % COLOURS, Escaped(&line.name))?;
        }
        out.push_str("</ul>\n");
        Ok(())
    }

    fn draw(&self, out: &mut String, size: &Size) -> fmt::Result {
        let Size { class, width, height } = size;
        let (right, bottom) = (width - RIGHT, height - BOTTOM);
        let (across, up) = ((self.across.scale)((LEFT, right)), (self.up.scale)((bottom, TOP)));
        writeln!(
            out,
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" data-left=\"{LEFT}\" \
             data-right=\"{right}\">",
            Escaped(self.title)
        )?;
        self.draw_bands(out, &across, bottom)?;
        for mark in up.marks() {
            let y = up.place(mark);
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"up\" x=\"{:.1}\" \
                 y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                Escaped(&(self.up.label)(mark))
            )?;
        }
        for mark in across.marks() {
            let x = across.place(mark);
            // The last one has no room to its right.
            let anchor = if x > right - 20.0 { "end" } else { "middle" };
            writeln!(
                out,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{:.1}\"/><text class=\"across\" \
                 text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 4.0,
                bottom + 17.0,
                Escaped(&(self.across.label)(mark))
            )?;
        }
        for (number, line) in self.lines.iter().enumerate() {
            writeln!(out, "<path class=\"c{}\" d=\"{}\"/>", number % COLOURS, path(line, &across, &up))?;
        }
        self.draw_ticks(out, &across, bottom)?;
        writeln!(
            out,
            "<line class=\"cross\" y1=\"{TOP}\" y2=\"{bottom}\" x1=\"0\" x2=\"0\" visibility=\"hidden\"/></svg>"
        )
    }

    fn draw_bands(&self, out: &mut String, across: &Scale, bottom: f64) -> fmt::Result {
        let height = bottom - TOP;
        for Band { number, from, to, recovered } in self.bands {
            let (x, end) = (across.place(*from), across.place(*to));
            let width = (end - x).max(2.0);
            write!(
                out,
                "<rect class=\"outage\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/>"
            )?;
            if let Some(recovered) = recovered {
                let width = (across.place(*recovered) - end).max(0.0);
                write!(
                    out,
                    "<rect class=\"recovery\" x=\"{end:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/>"
                )?;
            }
            writeln!(out, "<text class=\"number\" x=\"{x:.1}\" y=\"{:.1}\">{number}</text>", TOP - 5.0)?;
        }
        Ok(())
    }

    fn draw_ticks(&self, out: &mut String, across: &Scale, bottom: f64) -> fmt::Result {
        for Tick { at, to, what } in self.ticks {
            let x = across.place(*at);
            let what = Escaped(what);
            match to {
                Some(to) => writeln!(
                    out,
                    "<rect class=\"fault\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"3\"><title>{what}</title></rect>",
                    bottom - 3.0,
                    (across.place(*to) - x).max(2.0)
                )?,
                None => writeln!(
                    out,
                    "<path class=\"fault\" d=\"M{x:.1} {:.1}l-3 6h6z\"><title>{what}</title></path>",
                    bottom - 6.0
                )?,
            }
        }
        Ok(())
    }

    /// What the script shows: each line's values in words.
    fn write_values(&self, out: &mut String) -> fmt::Result {
        let at: Vec<f64> =
            self.lines.first().map_or_else(Vec::new, |line| line.points.iter().map(|(x, _)| *x).collect());
        let Some(span) = at.first().zip(at.last()) else { return Ok(()) };
        // Values of one moment side by side: only where all lines have the same ones.
        if self.lines.iter().any(|line| line.points.len() != at.len()) {
            return Ok(());
        }
        let in_words = |line: &Line| -> Vec<Option<String>> {
            line.points.iter().map(|(_, value)| value.map(self.up.label)).collect()
        };
        let across = (self.across.scale)((0.0, 1.0));
        let places: Vec<f64> = at.iter().map(|x| (across.place(*x) * 1e4).round() / 1e4).collect();
        let moments: Vec<String> = at.iter().map(|x| (self.across.label)(*x)).collect();
        let values = json!({
            "span": span, "places": places, "moments": moments,
            "lines": self.lines.iter().map(|line| json!({"name": line.name, "values": in_words(line)})).collect::<Vec<_>>(),
        });
        // As a script's text it must not look like markup.
        let values = values.to_string().replace('<', "\\u003c").replace('&', "\\u0026");
        writeln!(out, "<script type=\"application/json\">{values}</script>")
    }
}

/// The path of a line; a value between two that are missing is a dot.
fn path(line: &Line, across: &Scale, up: &Scale) -> String {
    let mut path = String::new();
    let mut is_drawing = false;
    for (x, value) in &line.points {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let (x, y) = (across.place(*x), up.place(*value));
        let begin = if is_drawing { "L" } else { "M" };
        // Writing to a string cannot fail.
        let _ = write!(path, "{begin}{x:.1} {y:.1}");
        if !is_drawing {
            path.push_str("h.1");
        }
        is_drawing = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_nothing_is_known_and_a_lonely_value_is_a_dot() {
        let (across, up) =
            (Scale::linear((0.0, 10.0), (0.0, 100.0)), Scale::linear((0.0, 10.0), (100.0, 0.0)));
        let values = [Some(0.0), Some(10.0), None, Some(5.0), None];
        let points =
            values.into_iter().enumerate().map(|(x, value)| (f64::from(u8::try_from(x).unwrap()), value));
        let line = Line { name: "sent".to_owned(), points: points.collect() };
        assert_eq!(path(&line, &across, &up), "M0.0 100.0h.1L10.0 0.0M30.0 50.0h.1");
    }
}
