//! Two runs side by side: one curve of both on one scale and every figure that both have; or what each came to.

use harness::compare::{Change, Row as FigureRow};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table};

use super::timeline::{self, Axis};
use super::{Scene, chart, draw_excerpt, format, judged, nothing, open_run, right};
use crate::bundle::{Curve, Run};
use crate::text::Text;
use crate::theme::Tone;
use crate::ui::RunPage;

/// Columns of the figures but that of their names.
const FIGURES: [u16; 4] = [8, 8, 9, 10];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let shown = model.runs.shown();
    let [before, after] = shown[..] else {
        let mut troubles = model.runs.open.iter().filter_map(|open| open.found.as_ref()?.as_ref().err());
        let why = troubles.next().map_or("the bundles are read", Text::as_str);
        return nothing(frame, area, why, scene);
    };
    if ui.runs.page != RunPage::Curves {
        return draw_pages(frame, area, [("before", before), ("after", after)], scene);
    }
    let Some(curve) = before.curves.get(ui.runs.curve.min(before.curves.len().saturating_sub(1))) else {
        return nothing(frame, area, "nothing was measured", scene);
    };
    let twin = after.curves.iter().find(|twin| twin.name == curve.name);
    let seconds = before.seconds.max(after.seconds);
    let (upper, lower) = (Constraint::Fill(5), Constraint::Fill(4));
    let [upper, lower] = Layout::vertical([upper, lower]).areas(area);
    let halves: [Rect; 2] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(upper);
    let columns = usize::from(halves[0].width).saturating_sub(chart::SIDE + 1);
    let axis = Axis { side: chart::SIDE, columns, seconds };
    let bars = [Some(curve), twin].map(|curve| curve.map(|curve| stretched(curve, seconds, columns)));
    // On one scale, so that what is higher is more.
    let highest = bars.iter().flatten().map(|bars| chart::highest(bars)).fold(0.0, f64::max);
    let sides = [("before", before, Some(curve)), ("after", after, twin)];
    for ((side, bars), half) in sides.into_iter().zip(bars).zip(halves) {
        draw_side(frame, half, side, (bars.as_deref(), highest, axis), scene);
    }
    draw_changes(frame, lower, scene);
}

/// By how much the figures of both differ, or why that cannot be said.
fn draw_changes(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    match &scene.model.runs.compared {
        Some(Ok(rows)) => draw_figures(frame, area, rows, scene),
        Some(Err(why)) => draw_why(frame, area, why.as_str(), scene),
        None => nothing(frame, area, "the bundles are read", scene),
    }
}

/// Why their figures are not held against each other.
fn draw_why(frame: &mut Frame<'_>, area: Rect, why: &str, scene: Scene<'_>) {
    let pieces = format::wrap(why, usize::from(area.width).saturating_sub(2));
    for (piece, row) in pieces.into_iter().zip(area.rows().skip(1)) {
        frame.render_widget(Line::styled(format!(" {piece}"), scene.theme.style(Tone::Warning)), row);
    }
}

/// What both came to, or what was measured of both.
fn draw_pages(frame: &mut Frame<'_>, area: Rect, sides: [(&str, &Run); 2], scene: Scene<'_>) {
    let [heads, rest] = Layout::vertical([Constraint::Length(2), Constraint::Min(0)]).areas(area);
    let halves = |area| Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas::<2>(area);
    for ((word, run), head) in sides.into_iter().zip(halves(heads)) {
        draw_name(frame, head, word, run, scene);
    }
    match scene.ui.runs.page {
        RunPage::Changes => return draw_changes(frame, rest, scene),
        RunPage::Verdict => {
            return judged::draw_both(frame, rest, sides.map(|(_, run)| &run.verdict), scene);
        }
        RunPage::Curves | RunPage::Figures => {}
    }
    let scrolled = &scene.ui.runs.scrolled;
    for (((_, run), scroll), half) in sides.into_iter().zip(scrolled).zip(halves(rest)) {
        open_run::draw_page(frame, half, run, scroll, scene);
    }
}

/// Which run it is, and how it ended, in two rows.
fn draw_name(frame: &mut Frame<'_>, area: Rect, word: &str, run: &Run, scene: Scene<'_>) {
    let theme = scene.theme;
    let text = format!(" {word}: {}", run.verdict.name);
    let text = format::fit(&text, usize::from(area.width).saturating_sub(1), theme);
    let came_to = vec![
        Span::raw(" "),
        judged::exit(run.verdict.exit, theme),
        Span::styled(format!("  seed {}", run.verdict.seed), theme.style(Tone::Dim)),
    ];
    let name = Line::styled(text, theme.style(Tone::Strong));
    for (line, row) in [name, Line::from(came_to)].into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
}

/// A curve's columns where the run was as long as the longer of both.
fn stretched(curve: &Curve, seconds: usize, columns: usize) -> Vec<Option<f64>> {
    let mut values = curve.values.clone();
    values.resize(seconds, None);
    Curve { values, ..curve.clone() }.columns(columns)
}

fn draw_side(
    frame: &mut Frame<'_>,
    area: Rect,
    (word, run, curve): (&str, &Run, Option<&Curve>),
    (bars, highest, axis): (Option<&[Option<f64>]>, f64, Axis),
    scene: Scene<'_>,
) {
    let Scene { ui, theme, .. } = scene;
    let [name, what, marks, large, times] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_name(frame, name, word, run, scene);
    if let (Some(curve), Some(bars)) = (curve, bars) {
        let value = timeline::value(curve, ui.runs.second, scene);
        let style = if word == "before" { theme.chosen() } else { theme.style(Tone::Strong) };
        let line = Line::from(vec![
            Span::raw(" "),
            Span::styled(
                format::fit(curve.name.as_str(), usize::from(area.width).saturating_sub(14), theme),
                style,
            ),
            Span::styled(format!("  {value}"), theme.style(Tone::Strong)),
        ]);
        frame.render_widget(line, what);
        let scale = chart::Scale { side: axis.side, highest, label: timeline::tell(curve.unit) };
        chart::draw_to(frame, large, bars, &scale, scene);
    } else {
        nothing(frame, what, "this run has no such curve", scene);
    }
    frame.render_widget(axis.happened(&run.happened, "faults", scene), marks);
    axis.mark(frame, Rect { y: marks.y, height: times.y - marks.y, ..area }, ui.runs.second, scene);
    frame.render_widget(axis.times(ui.runs.second, scene), times);
}

/// By how much it changed. Of what was nothing before, no share can be told.
fn change(row: &FigureRow) -> String {
    match row.before {
        0.0 => format::signed(row.after),
        _ => format!("{:+.1} %", row.difference * 100.0),
    }
}

/// The worst change first; how many more there are where they do not fit, or on their own page which of them are shown.
fn draw_figures(frame: &mut Frame<'_>, area: Rect, rows: &[FigureRow], scene: Scene<'_>) {
    let Scene { ui, theme, .. } = scene;
    let room = usize::from(area.height).saturating_sub(1);
    let has_all = rows.len() <= room;
    let fitting = if has_all { rows.len() } else { room.saturating_sub(1) };
    let is_page = ui.runs.page == RunPage::Changes;
    let shown = if is_page { ui.runs.scrolled[0].shown(rows.len(), fitting, 0, |_| 1) } else { 0..fitting };
    let told = rows[shown.clone()].iter().map(|row| {
        let (tone, word) = match row.change {
            Change::Same => (Tone::Dim, "same"),
            Change::Better => (Tone::Good, "better"),
            Change::Worse => (Tone::Bad, "WORSE"),
            // One run each: nothing says how much repeating it would make.
            Change::Unknown => (Tone::Warning, "differs"),
        };
        let sign = match row.change {
            Change::Same => " ",
            Change::Better => theme.sign("●", "o"),
            Change::Worse => theme.sign("✖", "X"),
            Change::Unknown => theme.sign("▲", "!"),
        };
        Row::new([
            Cell::from(format!(" {} {}", Text::new(&row.name), row.unit)),
            right(format::number(row.before)),
            right(format::number(row.after)),
            right(change(row)),
            Cell::from(Span::styled(format!(" {sign} {word}"), theme.style(tone))),
        ])
    });
    let last = (!has_all && !is_page).then(|| {
        let more = format!(" and {} more: v", rows.len() - shown.len());
        Row::new([Cell::from(Span::styled(more, theme.style(Tone::Dim)))])
    });
    let header = std::iter::once(Cell::from(" figure"))
        .chain(["before", "after", "change"].map(right))
        .chain([Cell::from(" ")]);
    let widths = std::iter::once(Constraint::Min(0)).chain(FIGURES.map(Constraint::Length));
    let table = Table::new(told.chain(last), widths).header(Row::new(header).style(theme.style(Tone::Dim)));
    frame.render_widget(table, area);
    if is_page {
        let below = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
        draw_excerpt(frame, below, &shown, rows.len(), scene);
    }
}
