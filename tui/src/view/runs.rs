//! The runs that are over, the newest first.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::{Scene, format, judged, known, nothing, right, title};
use crate::bundle::Verdict;
use crate::theme::Tone;

/// Columns but that of the name.
const STATE: u16 = 17;
const FIGURES: [u16; 4] = [6, 6, 6, 9];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let runs = &model.runs.finished;
    let [above, list, below] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(3)]).areas(area);
    let marked = if ui.runs.marked.is_some() { ", * is compared with the one that is opened" } else { "" };
    let text = format!("{}{marked}", format::count(runs.len(), "run"));
    frame.render_widget(title(&text, Some(&model.runs.contact), scene), above);
    if !model.runs.is_asked {
        return nothing(frame, list, "the folder of runs is not known: --stacks names it", scene);
    }
    if runs.is_empty() {
        return nothing(frame, list, known(&model.runs.contact, judged::NONE, scene), scene);
    }
    let header = ["   verdict", "run"].map(Cell::from).into_iter();
    let header = header.chain(["began", "msg/s", "p99", "anomalies"].map(right));
    let room = list.width.saturating_sub(STATE + FIGURES.iter().map(|width| width + 1).sum::<u16>() + 1);
    let rows = runs.iter().map(|verdict| row(verdict, usize::from(room), scene));
    let widths = [Constraint::Length(STATE), Constraint::Min(0)].into_iter();
    let widths = widths.chain(FIGURES.map(Constraint::Length));
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(theme.style(Tone::Dim)))
        .row_highlight_style(theme.chosen());
    let index = ui.runs.index(model);
    let mut state = TableState::new().with_selected(index);
    frame.render_stateful_widget(table, list, &mut state);
    if let Some(verdict) = runs.get(index) {
        let pieces = format::wrap(verdict.summary.as_str(), usize::from(below.width).saturating_sub(2));
        for (piece, row) in pieces.into_iter().zip(below.rows().skip(1)) {
            frame.render_widget(Line::styled(format!(" {piece}"), theme.style(Tone::Dim)), row);
        }
    }
}

fn row(verdict: &Verdict, room: usize, scene: Scene<'_>) -> Row<'static> {
    let Scene { ui, theme, .. } = scene;
    let mark = if ui.runs.marked.as_ref() == Some(&verdict.folder) { "*" } else { " " };
    let anomalies = verdict.anomalies_found();
    let tone = if anomalies > 0 { Tone::Bad } else { Tone::Plain };
    let p99 = verdict.p99_seconds.map_or_else(|| format::none(theme).to_owned(), format::seconds);
    Row::new(vec![
        Cell::from(Line::from(vec![Span::raw(format!(" {mark} ")), judged::exit(verdict.exit, theme)])),
        Cell::from(format::fit(verdict.name.as_str(), room, theme)),
        right(format::day_time(verdict.started_at)),
        right(format::number(verdict.per_second)),
        right(p99),
        right(Span::styled(anomalies.to_string(), theme.style(tone))),
    ])
}
