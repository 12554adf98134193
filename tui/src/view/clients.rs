//! Who is served: sockets and those that do not keep up, what they are told, REST; who was sent away and why; below, the sockets.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{Scene, chart, format, level_span, nothing, sessions, title};
use crate::model::series::Series;
use crate::model::{Answering, Hop, Level, SLOW_P99};
use crate::source::Part;
use crate::text::Text;
use crate::theme::Tone;

/// Columns of a row before its sparkline.
const NAME: usize = 26;
const VALUE: usize = 10;
const STATE: usize = 10;

/// Rows for why sessions ended or were refused, with their title.
const REASONS: u16 = 4;

/// A row.
struct Figure<'a> {
    name: &'static str,
    series: &'a Series,
    tell: fn(f64) -> String,
    /// From which value on it is to be looked at, and what it is then.
    limit: Option<(f64, Level)>,
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, .. } = scene;
    let figures = figures(scene);
    let rows = u16::try_from(figures.len()).unwrap_or(u16::MAX);
    let [above, list, reasons, sockets] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(rows),
        Constraint::Length(REASONS),
        Constraint::Min(0),
    ])
    .areas(area);
    frame.render_widget(heading(scene), above);
    for (figure, row) in figures.iter().zip(list.rows()) {
        draw_figure(frame, row, figure, scene);
    }
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(reasons);
    draw_reasons(frame, left, "sessions ended, by reason", &model.clients.closed, scene);
    draw_reasons(frame, right, "refused, by reason", &model.clients.refused, scene);
    sessions::draw(frame, sockets, scene);
}

/// Whose figures they are: those of all that answer, with a mark where some do not.
fn heading<'a>(scene: Scene<'a>) -> Line<'a> {
    let Scene { model, theme, .. } = scene;
    let contact = model.parts.get(&Part::Distribution).map(|state| &state.contact);
    let mut line = title("sockets and REST of distribution", contact, scene);
    let Answering { processes, of } = model.answering(Part::Distribution);
    if processes > 0 && of > 1 {
        let level = model.part_level(Part::Distribution);
        line.push_span(Span::styled(format!(", {processes} of {of}  "), theme.style(Tone::Strong)));
        line.push_span(if level == Level::Fine { Span::raw("") } else { level_span(level, theme) });
    }
    line
}

fn figures<'a>(scene: Scene<'a>) -> Vec<Figure<'a>> {
    let clients = &scene.model.clients;
    let figure = |name, series, tell: fn(f64) -> String| Figure { name, series, tell, limit: None };
    let mut figures = vec![
        figure("sockets open", &clients.sessions, format::number),
        Figure {
            limit: Some((1.0, Level::Slow)),
            ..figure("that do not keep up", &clients.behind, format::number)
        },
        figure("subscriptions", &clients.subscriptions, format::number),
        figure("frames a second", &clients.frames.rate, format::number),
        figure("bytes a second", &clients.bytes.rate, format::bytes),
        figure("writes a second", &clients.writes.rate, format::number),
        figure("updates merged a second", &clients.conflated.rate, format::number),
    ];
    if let Some(sockets) = scene.model.hops.get(&Hop::Sockets) {
        figures.push(figure("half are told within", &sockets.p50, format::seconds));
        let limit = Some((SLOW_P99, Level::Slow));
        figures.push(Figure { limit, ..figure("99 of 100 are told within", &sockets.p99, format::seconds) });
    }
    let failures = &clients.failures.rate;
    figures.extend([
        figure("REST answers a second", &clients.requests.rate, format::number),
        figure("slowest route's p99", &clients.rest_p99, format::seconds),
        Figure {
            limit: Some((0.01, Level::Errors)),
            ..figure("REST 5xx a second", failures, format::number)
        },
    ]);
    figures
}

fn draw_figure(frame: &mut Frame<'_>, area: Rect, figure: &Figure<'_>, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let value = figure.series.last(model.now);
    let level = figure.limit.filter(|(limit, _)| value >= Some(*limit)).map(|(_, level)| level);
    let state = level.map_or_else(|| Span::raw(""), |level| level_span(level, theme));
    let told = value.map_or_else(|| format::none(theme).to_owned(), figure.tell);
    let bars = usize::from(area.width).saturating_sub(NAME + VALUE + STATE + 4);
    let columns = figure.series.columns(model.now, ui.window(), bars);
    let pad = STATE.saturating_sub(state.width());
    frame.render_widget(
        Line::from(vec![
            Span::styled(format!(" {:<NAME$}", figure.name), theme.style(Tone::Plain)),
            Span::styled(format!("{told:>VALUE$} "), theme.style(Tone::Strong)),
            state,
            Span::raw(" ".repeat(pad + 1)),
            Span::styled(chart::sparkline(&columns, theme), theme.style(Tone::Accent)),
        ]),
        area,
    );
}

fn draw_reasons(
    frame: &mut Frame<'_>,
    area: Rect,
    name: &str,
    reasons: &BTreeMap<Text, f64>,
    scene: Scene<'_>,
) {
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(title(name, None, scene), above);
    if reasons.values().all(|count| *count == 0.0) {
        let is_told = scene.model.clients.sessions.last(scene.model.now).is_some();
        return nothing(frame, list, if is_told { "none" } else { "not told" }, scene);
    }
    let mut reasons: Vec<_> = reasons.iter().filter(|(_, count)| **count > 0.0).collect();
    reasons.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    for ((reason, count), row) in reasons.into_iter().zip(list.rows()) {
        frame.render_widget(Line::raw(format!(" {:>8} {reason}", format::number(*count))), row);
    }
}
