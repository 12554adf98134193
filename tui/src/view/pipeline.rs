//! The first view: what needs attention, every hop, every sport, and the last minutes of the one that is chosen.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row as TableRow, Table};

use super::{Scene, chart, format, level_span, nothing, right, warnings};
use crate::model::SLOW_P99;
use crate::model::pipeline::{Figure, Place, Row};
use crate::theme::Tone;
use crate::ui::places;

/// Columns of the table before the sparkline, with the spaces between them.
const COLUMNS: [u16; 7] = [12, 13, 8, 7, 7, 8, 7];

/// Which of them is the name.
const NAME: usize = 1;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let places = places(model);
    let warnings = warnings::rows(model, area.height);
    let rows = u16::try_from(places.len()).unwrap_or(u16::MAX).saturating_add(2);
    let [above, table, below] =
        Layout::vertical([Constraint::Length(warnings), Constraint::Length(rows), Constraint::Min(0)])
            .areas(area);
    warnings::draw_worst(frame, above, scene);
    draw_table(frame, table, &places, scene);
    if let Some(place) = places.get(ui.place.min(places.len().saturating_sub(1))) {
        draw_chart(frame, below, *place, scene);
    }
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, places: &[Place], scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let numbers: Vec<Row> = places.iter().map(|place| model.row(*place, ui.window())).collect();
    let mut columns = COLUMNS;
    let names = numbers.iter().filter_map(|row| u16::try_from(label(row).len() + 1).ok());
    columns[NAME] = names.max().unwrap_or_default().max(COLUMNS[NAME]);
    let used: u16 = columns.iter().map(|width| width + 1).sum();
    let bars = usize::from(area.width.saturating_sub(used + 1));
    let window = format::span(ui.window()).replace(" 0s", "");
    let header = [" state", ""].map(Cell::from).into_iter();
    let header = header.chain(["msg/s", "p50", "p99", "lag", "errors"].map(right));
    let header = header.chain([Cell::from(format!("{}, {window}", name(ui.figure)))]);
    let mut rows = Vec::new();
    for (index, (place, row)) in places.iter().zip(&numbers).enumerate() {
        if index == Place::HOPS.len() {
            rows.push(TableRow::new([Cell::default()]));
        }
        let values = model.columns(*place, ui.figure, ui.window(), bars);
        let row = TableRow::new(cells(row, chart::sparkline(&values, theme), scene));
        rows.push(if index == ui.place { row.style(theme.chosen()) } else { row });
    }
    let widths = columns.map(Constraint::Length).into_iter().chain([Constraint::Min(0)]);
    let table = Table::new(rows, widths).header(TableRow::new(header).style(theme.style(Tone::Dim)));
    frame.render_widget(table, area);
}

/// Its name; where it has several processes, how many of how many answer; where those have but some of the partitions, how many of
/// how many.
fn label(row: &Row) -> String {
    let some = row.partitions.map(|owned| format!(" {:.0}/{}", owned.partitions, owned.of));
    let several = row.processes.map(|answering| format!(", {} of {}", answering.processes, answering.of));
    format!("{}{}{}", row.place.name(), several.unwrap_or_default(), some.unwrap_or_default())
}

/// Each figure is judged by itself, with a sign where it is bad: the row has one word, for the worst of all.
fn cells(row: &Row, bars: String, scene: Scene<'_>) -> Vec<Cell<'static>> {
    let theme = scene.theme;
    let told = |value: Option<f64>, tell: fn(f64) -> String, is_bad: bool| {
        let (tone, text) = match value.map(tell) {
            None => (Tone::Dim, format::none(theme).to_owned()),
            Some(text) if is_bad => (Tone::Warning, format!("{}{text}", theme.sign("▲", "!"))),
            Some(text) => (Tone::Plain, text),
        };
        right(Span::styled(text, theme.style(tone)))
    };
    let mut state = level_span(row.state, theme);
    state.content = format!(" {}", state.content).into();
    vec![
        Cell::from(state),
        Cell::from(label(row)),
        told(row.per_second, format::number, false),
        told(row.p50_seconds, format::seconds, false),
        told(row.p99_seconds, format::seconds, row.p99_seconds > Some(SLOW_P99)),
        told(row.lag, format::number, scene.model.lag_level(row.place).is_some()),
        told(row.errors, format::number, row.errors > Some(0.0)),
        Cell::from(Span::styled(bars, theme.style(Tone::Accent))),
    ]
}

fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::Rate => "msg/s",
        Figure::P99 => "p99",
        Figure::Lag => "lag",
    }
}

/// The chosen figure of the chosen row, large; where there is room, the other two below it.
fn draw_chart(frame: &mut Frame<'_>, area: Rect, place: Place, scene: Scene<'_>) {
    let figures = [Figure::Rate, Figure::P99, Figure::Lag];
    let figures: Vec<Figure> = if area.height >= 18 { figures.to_vec() } else { vec![scene.ui.figure] };
    let parts = Layout::vertical(figures.iter().map(|_| Constraint::Fill(1))).split(area);
    for (figure, part) in figures.into_iter().zip(parts.iter()) {
        draw_one(frame, *part, place, figure, scene);
    }
}

fn draw_one(frame: &mut Frame<'_>, area: Rect, place: Place, figure: Figure, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let [above, bars] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let columns = usize::from(bars.width).saturating_sub(chart::SIDE + 1);
    let values = model.columns(place, figure, ui.window(), columns);
    let (what, label): (_, fn(f64) -> String) = match figure {
        Figure::Rate => ("messages a second", format::number),
        Figure::P99 => ("99 of 100 take at most", format::seconds),
        Figure::Lag => (place.waiting(), format::number),
    };
    let minutes = (ui.window() + Duration::from_secs(59)).as_secs() / 60;
    let window =
        if minutes == 1 { "the last minute".to_owned() } else { format!("the last {minutes} minutes") };
    let text = format!(" {}: {what}, {window}", place.name());
    frame.render_widget(Line::styled(text, theme.style(Tone::Strong)), above);
    if values.iter().any(Option::is_some) {
        chart::draw(frame, bars, &values, label, scene);
    } else {
        nothing(frame, bars, "nothing was measured here", scene);
    }
}
