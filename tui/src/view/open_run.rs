//! A run that is over: its curves over its seconds, what went wrong on purpose, what it came to, what it measured.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::timeline::{self, Axis};
use super::{Scene, chart, figures, format, judged, nothing};
use crate::bundle::Run;
use crate::theme::Tone;
use crate::ui::{RunPage, Scroll};

/// From this width on the verdict, or the figures, stand beside the curves.
const WIDE: u16 = 150;
/// Columns before a curve: its name and its value.
const NAME: usize = 17;
const VALUE: usize = 9;
/// The most curves that are listed above the large one, where there is room for both.
const LISTED: u16 = 11;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let Some(open) = model.runs.open.first() else { return };
    let run = match &open.found {
        Some(Ok(run)) => run,
        Some(Err(why)) => return nothing(frame, area, why.as_str(), scene),
        None => return nothing(frame, area, "the bundle is read", scene),
    };
    let came_to = format::wrap(run.verdict.summary.as_str(), usize::from(area.width).saturating_sub(2));
    let rows = if came_to.len() > 1 { 2 } else { 1 };
    let [above, summary, rest] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(rows), Constraint::Min(0)]).areas(area);
    draw_head(frame, above, run, scene);
    for (piece, row) in came_to.into_iter().zip(summary.rows()) {
        frame.render_widget(Line::styled(format!(" {piece}"), scene.theme.style(Tone::Dim)), row);
    }
    if area.width >= WIDE {
        let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(rest);
        draw_curves(frame, left, run, scene);
        return draw_page(frame, right, run, &ui.runs.scrolled[0], scene);
    }
    match ui.runs.page {
        RunPage::Curves => draw_curves(frame, rest, run, scene),
        RunPage::Changes | RunPage::Verdict | RunPage::Figures => {
            draw_page(frame, rest, run, &ui.runs.scrolled[0], scene);
        }
    }
}

/// What is shown of a run besides its curves.
pub(super) fn draw_page(frame: &mut Frame<'_>, area: Rect, run: &Run, scroll: &Scroll, scene: Scene<'_>) {
    match scene.ui.runs.page {
        RunPage::Curves | RunPage::Changes | RunPage::Verdict => {
            judged::draw(frame, area, &run.verdict, scroll, scene);
        }
        RunPage::Figures => figures::draw(frame, area, &run.figures, scroll, scene),
    }
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, run: &Run, scene: Scene<'_>) {
    let theme = scene.theme;
    let verdict = &run.verdict;
    let head = Line::from(vec![
        Span::styled(format!(" {}  ", verdict.name), theme.style(Tone::Strong)),
        judged::exit(verdict.exit, theme),
        Span::styled(format!("  {}, seed {}", verdict.scenario, verdict.seed), theme.style(Tone::Dim)),
    ]);
    frame.render_widget(head, area);
}

fn draw_curves(frame: &mut Frame<'_>, area: Rect, run: &Run, scene: Scene<'_>) {
    let Scene { ui, theme, .. } = scene;
    let curves = u16::try_from(run.curves.len()).unwrap_or(u16::MAX);
    let listed = curves.min(if area.height >= 30 { LISTED + 8 } else { LISTED }).min(area.height / 2);
    let [list, marks, large, times, told] = Layout::vertical([
        Constraint::Length(listed),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length(2),
    ])
    .areas(area);
    let side = NAME + VALUE + 2;
    let columns = usize::from(area.width).saturating_sub(side + 1);
    let axis = Axis { side, columns, seconds: run.seconds };
    let chosen = ui.runs.curve.min(run.curves.len().saturating_sub(1));
    let first = (chosen + 1).saturating_sub(usize::from(listed));
    for ((index, curve), row) in run.curves.iter().enumerate().skip(first).zip(list.rows()) {
        let name = format::fit(curve.name.as_str(), NAME, theme);
        let value = timeline::value(curve, ui.runs.second, scene);
        let style = if index == chosen { theme.chosen() } else { theme.style(Tone::Plain) };
        let line = Line::from(vec![
            Span::styled(format!(" {name:<NAME$}"), style),
            Span::styled(format!("{value:>VALUE$} "), theme.style(Tone::Strong)),
            Span::styled(chart::sparkline(&curve.columns(columns), theme), theme.style(Tone::Accent)),
        ]);
        frame.render_widget(line, row);
    }
    frame.render_widget(axis.happened(&run.happened, "faults, outages", scene), marks);
    if let Some(curve) = run.curves.get(chosen) {
        let bars = curve.columns(columns);
        let scale = chart::Scale { side, highest: chart::highest(&bars), label: timeline::tell(curve.unit) };
        chart::draw_to(frame, large, &bars, &scale, scene);
    }
    axis.mark(frame, Rect { height: times.y - area.y, ..area }, ui.runs.second, scene);
    frame.render_widget(axis.times(ui.runs.second, scene), times);
    let room = (usize::from(told.width).saturating_sub(2), usize::from(told.height));
    let pieces = timeline::near(run, ui.runs.second, room, scene);
    for (piece, row) in pieces.into_iter().zip(told.rows()) {
        frame.render_widget(Line::styled(format!(" {piece}"), theme.style(Tone::Warning)), row);
    }
}
