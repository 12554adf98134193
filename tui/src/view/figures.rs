//! What was measured of a run as a whole: how long messages took, what was compared, and what repeats it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Scene, format, judged};
use crate::bundle::{Compared, Figures, Measured, SHARES};
use crate::theme::Tone;
use crate::ui::Scroll;

/// Columns of a row: what it is of, and each number.
const NAME: usize = 15;
const NUMBER: usize = 8;
/// Columns for the word behind what differs.
const WRONG: usize = 8;

/// The shares that are told where there is no room for all of [`SHARES`].
const FEW: [usize; 3] = [0, 2, 4];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, figures: &Figures, scroll: &Scroll, scene: Scene<'_>) {
    let has_room = usize::from(area.width) > NAME + (1 + SHARES.len()) * NUMBER;
    let shares: Vec<usize> = if has_room { (0..SHARES.len()).collect() } else { FEW.to_vec() };
    let names = || std::iter::once("messages").chain(shares.iter().map(|share| SHARES[*share].1));
    let mut lines = Vec::new();
    for (title, rows) in [("from due to", &figures.hops), ("to the client", &figures.sports)] {
        if !rows.is_empty() {
            lines.push(heading(title, NAME, names(), scene));
            lines.extend(rows.iter().map(|row| measured(row, &shares, scene)));
            lines.push(Line::default());
        }
    }
    if !figures.compared.is_empty() {
        let longest = figures.compared.iter().map(|row| Span::raw(row.what.as_str()).width()).max();
        let room = usize::from(area.width).saturating_sub(2 * NUMBER + WRONG + 1);
        let name = longest.unwrap_or_default().max(NAME).min(room);
        lines.push(heading("compared", name, ["values", "differ"].into_iter(), scene));
        lines.extend(figures.compared.iter().map(|row| compared(row, name, scene)));
        lines.push(Line::default());
    }
    lines.extend(again(figures, usize::from(area.width).saturating_sub(2), scene));
    judged::draw_from(frame, area, lines, scroll, scene);
}

fn heading<'a>(
    title: &str,
    name: usize,
    columns: impl Iterator<Item = &'a str>,
    scene: Scene<'_>,
) -> Line<'static> {
    let columns: String = columns.map(|column| format!("{column:>NUMBER$}")).collect();
    let title = Span::styled(format!(" {title:<name$}"), scene.theme.style(Tone::Strong));
    Line::from(vec![title, Span::styled(columns, scene.theme.style(Tone::Dim))])
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn measured(row: &Measured, shares: &[usize], scene: Scene<'_>) -> Line<'static> {
    let told = |share: &usize| {
        row.seconds[*share].map_or_else(|| format::none(scene.theme).to_owned(), format::seconds)
    };
    let numbers = std::iter::once(format::number(row.count as f64)).chain(shares.iter().map(told));
    let numbers: String = numbers.map(|number| format!("{number:>NUMBER$}")).collect();
    Line::raw(format!(" {:<NAME$}{numbers}", format::fit(row.what.as_str(), NAME, scene.theme)))
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn compared(row: &Compared, width: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let (values, differ) = (format::number(row.compared as f64), row.differ);
    let name = format::fit(row.what.as_str(), width, theme);
    let text = Span::raw(format!(" {name:<width$}{values:>NUMBER$}"));
    let (tone, word) = match differ {
        0 => (Tone::Plain, String::new()),
        _ => (Tone::Bad, format!(" {} WRONG", theme.sign("✖", "X"))),
    };
    Line::from(vec![text, Span::styled(format!("{differ:>NUMBER$}{word}"), theme.style(tone))])
}

/// How the run is repeated, and by which messages.
fn again(figures: &Figures, width: usize, scene: Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let recordings: Vec<&str> = figures.recordings.iter().map(|file| file.as_str()).collect();
    let mut lines = vec![Line::styled(" once more", theme.style(Tone::Strong))];
    let mut tell = |text: &str| {
        let pieces = format::wrap(text, width);
        lines.extend(pieces.into_iter().map(|piece| Line::raw(format!(" {piece}"))));
    };
    tell(figures.repeat.as_str());
    if !recordings.is_empty() {
        tell(&format!("every message as it went: {}", recordings.join(", ")));
    }
    lines
}
