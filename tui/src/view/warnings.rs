//! What needs attention, the worst first: as much of it as there is room for above the pipeline, or all of it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{Scene, draw_excerpt, format, level_span, nothing, title};
use crate::model::{Level, Model, Warning};
use crate::theme::Tone;
use crate::ui::Scroll;

/// Columns of a warning before what it says.
const STATE: usize = 13;
const PLACE: usize = 22;

/// Rows above the pipeline: more of them, up to a quarter of the screen, where there is more to say.
pub(super) fn rows(model: &Model, height: u16) -> u16 {
    let least = if height < 30 { 3 } else { 6 };
    let wanted = u16::try_from(model.warnings().len()).unwrap_or(u16::MAX);
    wanted.clamp(least, least.max(height / 4))
}

/// The worst; how many more there are where they do not fit.
pub(super) fn draw_worst(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, theme, .. } = scene;
    let warnings = model.warnings();
    if warnings.is_empty() {
        return draw_none(frame, area, scene);
    }
    let room = usize::from(area.height);
    let shown = if warnings.len() > room { room.saturating_sub(1) } else { warnings.len() };
    let width = usize::from(area.width).saturating_sub(STATE + PLACE);
    let fitting = |warning: &Warning| line(warning, format::fit(&warning.what, width, theme), scene);
    let mut lines: Vec<Line<'_>> = warnings[..shown].iter().map(fitting).collect();
    if shown < warnings.len() {
        let more = format!(" {:<11} and {} more: w", "", warnings.len() - shown);
        lines.push(Line::styled(more, theme.style(Tone::Dim)));
    }
    for (line, row) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
}

/// Everything, in as many lines as it takes.
pub(super) fn draw_all(frame: &mut Frame<'_>, area: Rect, scroll: &Scroll, scene: Scene<'_>) {
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let warnings = scene.model.warnings();
    let count = match warnings.len() {
        1 => "1 needs".to_owned(),
        count => format!("{count} need"),
    };
    frame.render_widget(title(&format!("{count} attention, the worst first; w leaves"), None, scene), above);
    if warnings.is_empty() {
        return draw_none(frame, list, scene);
    }
    let width = usize::from(list.width).saturating_sub(STATE + PLACE + 1);
    let lines_of = |warning: &Warning| {
        let mut pieces = format::wrap(&warning.what, width).into_iter();
        let head = line(warning, pieces.next().unwrap_or_default(), scene);
        let rest = pieces.map(|piece| Line::raw(format!("{:1$}{piece}", "", STATE + PLACE)));
        std::iter::once(head).chain(rest).collect::<Vec<_>>()
    };
    let height = |index: usize| lines_of(&warnings[index]).len();
    let shown = scroll.shown(warnings.len(), usize::from(list.height), 0, height);
    draw_excerpt(frame, above, &shown, warnings.len(), scene);
    for (line, row) in warnings[shown].iter().flat_map(lines_of).zip(list.rows()) {
        frame.render_widget(line, row);
    }
}

fn line(warning: &Warning, what: String, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let mut level = level_span(warning.level, theme);
    level.content = format!(" {:<11} ", level.content).into();
    let place = format!("{:<21} ", warning.place);
    Line::from(vec![level, Span::styled(place, theme.style(Tone::Strong)), Span::raw(what)])
}

fn draw_none(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let is_known = scene.model.known() != Level::Waiting;
    nothing(frame, area, if is_known { "nothing needs attention" } else { "nothing is known yet" }, scene);
}
