//! The seconds of a run from left to right: where something went wrong on purpose, where they are looked at, and what that second had.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Scene, format};
use crate::bundle::{Curve, Happened, Run, Unit};
use crate::theme::Tone;

/// How long before and after the second that is looked at something is told of.
const NEAR_SECONDS: f64 = 5.0;

/// How the first second is written.
const BEGIN: &str = "0:00";

/// Columns that stand for so many seconds.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    /// Columns at the left that are none of it.
    pub(super) side: usize,
    /// Columns of it.
    pub(super) columns: usize,
    /// Seconds that they stand for.
    pub(super) seconds: usize,
}

impl Axis {
    /// The column of a second.
    fn column(self, second: usize) -> usize {
        (second * self.columns + self.columns / 2) / self.seconds.max(1)
    }

    fn x(self, area: Rect, second: usize) -> Option<u16> {
        let column = self.side + self.column(second).min(self.columns.saturating_sub(1));
        u16::try_from(column).ok().map(|column| area.x + column).filter(|x| *x < area.right())
    }

    /// Reverses the column of a second in every row of `area`.
    pub(super) fn mark(self, frame: &mut Frame<'_>, area: Rect, second: usize, scene: Scene<'_>) {
        let Some(x) = self.x(area, second).filter(|_| self.seconds > 0) else { return };
        frame.buffer_mut().set_style(Rect { x, width: 1, ..area }, scene.theme.chosen());
    }

    /// One row with everything that went wrong on purpose: faults as points, outages for as long as they lasted.
    pub(super) fn happened(self, happened: &[Happened], name: &str, scene: Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let mut signs = vec![None; self.columns];
        let point = |seconds: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
            let second = seconds as usize;
            self.column(second)
        };
        for one in happened.iter().filter(|_| self.seconds > 0) {
            let (from, until) = (point(one.at), point(one.until.unwrap_or(one.at)));
            for column in signs.iter_mut().take(until + 1).skip(from) {
                *column = Some(*column == Some(true) || one.is_outage);
            }
        }
        let mut spans = vec![Span::styled(
            format!("{:<width$}", format!(" {name}"), width = self.side),
            theme.style(Tone::Dim),
        )];
        spans.extend(signs.into_iter().map(|sign| match sign {
            Some(true) => Span::styled(theme.sign("▬", "="), theme.style(Tone::Bad)),
            Some(false) => Span::styled(theme.sign("▼", "v"), theme.style(Tone::Warning)),
            None => Span::styled(theme.sign("·", "."), theme.style(Tone::Dim)),
        }));
        Line::from(spans)
    }

    /// The time at its beginning, at the second that is looked at, and at its end.
    pub(super) fn times(self, second: usize, scene: Scene<'_>) -> Line<'static> {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
        let minute = |second: usize| format::minute(second as f64);
        let (end, here) = (minute(self.seconds), minute(second));
        let mut row = vec![' '; self.columns];
        let mut write = |text: &str, at: usize| {
            let at = at.min(self.columns.saturating_sub(text.len()));
            for (place, letter) in row.iter_mut().skip(at).zip(text.chars()) {
                *place = letter;
            }
        };
        let here = format!(" {here} ");
        let at =
            self.column(second).saturating_sub(here.len() / 2).min(self.columns.saturating_sub(here.len()));
        // Where one would cover a part of another, the second that is looked at is told.
        if at >= BEGIN.len() {
            write(BEGIN, 0);
        }
        if at + here.len() + end.len() <= self.columns {
            write(&end, self.columns);
        }
        write(&here, at);
        let row: String = row.into_iter().collect();
        Line::styled(format!("{:side$}{row}", "", side = self.side), scene.theme.style(Tone::Dim))
    }
}

/// What went wrong on purpose around a second, in at most so many lines of so many columns: what is nearest to it, in the order of
/// time, and how much more there was.
pub(super) fn near(
    run: &Run,
    second: usize,
    (width, lines): (usize, usize),
    scene: Scene<'_>,
) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
    let (from, to) = (second as f64, second as f64 + 1.0);
    let is_near = |happened: &&Happened| {
        happened.at < to + NEAR_SECONDS && happened.until.unwrap_or(happened.at) >= from - NEAR_SECONDS
    };
    let tell = |happened: &Happened| {
        let when = match happened.until {
            _ if happened.at >= to => format!("in {:.0} s: ", happened.at - from),
            _ if happened.at >= from => "now: ".to_owned(),
            Some(until) if until >= from => format!("for {:.0} s: ", from - happened.at),
            until => format!("{:.0} s ago: ", from - until.unwrap_or(happened.at)),
        };
        let recovered = match (happened.is_outage, happened.recovered_after) {
            (false, _) => String::new(),
            (true, Some(seconds)) => format!(", recovered after {}", format::seconds(seconds)),
            (true, None) => ", did not recover".to_owned(),
        };
        format!("{when}{}{recovered}", happened.what)
    };
    // How far from the second: what begins in it before what lasts, what is over before what comes.
    let distance = |happened: &Happened| match happened.until.unwrap_or(happened.at) {
        _ if happened.at >= to => happened.at - from,
        _ if happened.at >= from => -1.0,
        until => (from - until).max(0.0),
    };
    let mut near: Vec<&Happened> = run.happened.iter().filter(is_near).collect();
    near.sort_by(|one, other| distance(one).total_cmp(&distance(other)));
    if near.is_empty() {
        return vec!["nothing went wrong on purpose around it".to_owned()];
    }
    let first = |count: usize| {
        let mut nearest = near[..count].to_vec();
        nearest.sort_by(|one, other| one.at.total_cmp(&other.at));
        let mut told: Vec<String> = nearest.into_iter().map(tell).collect();
        let more = near.len() - count;
        told.extend((more > 0).then(|| format!("and {more} more")));
        format::wrap(&told.join(scene.theme.sign(" · ", " | ")), width)
    };
    // No more have room than have a few columns each.
    let most = near.len().min(lines * width / 8).max(1);
    let fitting = (1..=most).rev().map(first).find(|pieces| pieces.len() <= lines);
    fitting.unwrap_or_else(|| first(1))
}

/// A curve's value at a second.
pub(super) fn value(curve: &Curve, second: usize, scene: Scene<'_>) -> String {
    let value = curve.values.get(second).copied().flatten();
    value.map_or_else(|| format::none(scene.theme).to_owned(), tell(curve.unit))
}

/// How values of a unit are written.
pub(super) fn tell(unit: Unit) -> fn(f64) -> String {
    match unit {
        Unit::Messages => format::number,
        Unit::Seconds => format::seconds,
        Unit::Bytes => format::bytes,
        Unit::Cores => |cores| format!("{:.0} %", cores * 100.0),
    }
}
