//! Frames: pure functions of the model, what was chosen, and the theme.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Clear, Paragraph, Wrap};

use crate::keys::KEYS;
use crate::model::{Contact, Level, Model, Touch};
use crate::theme::{Theme, Tone};
use crate::ui::{Ui, View};

mod chart;
mod clients;
mod compare;
mod faults;
mod figures;
mod foot;
mod format;
mod games;
mod judged;
mod kafka;
mod logs;
mod menu;
mod open_game;
mod open_run;
mod pipeline;
mod played;
mod runs;
mod sessions;
mod timeline;
mod warnings;

/// The smallest terminal that everything fits into.
pub const WIDTH_MIN: u16 = 80;
/// The smallest terminal that everything fits into.
pub const HEIGHT_MIN: u16 = 24;

/// What a view is made of.
#[derive(Clone, Copy)]
struct Scene<'a> {
    model: &'a Model,
    ui: &'a Ui,
    theme: &'a Theme,
}

/// Draws one frame.
pub fn draw(frame: &mut Frame<'_>, model: &Model, ui: &Ui, theme: &Theme) {
    let scene = Scene { model, ui, theme };
    let area = frame.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        return too_small(frame, area);
    }
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    draw_head(frame, head, scene);
    foot::draw(frame, foot, scene);
    if ui.shows_help {
        return draw_help(frame, body, scene);
    }
    match &ui.warnings {
        Some(scroll) => warnings::draw_all(frame, body, scroll, scene),
        None => draw_view(frame, body, scene),
    }
    if let Some(menu) = &ui.menu {
        menu::draw(frame, body, menu, scene);
    }
}

fn draw_view(frame: &mut Frame<'_>, body: Rect, scene: Scene<'_>) {
    let ui = scene.ui;
    match ui.view {
        View::Pipeline => pipeline::draw(frame, body, scene),
        View::Games if ui.is_open => open_game::draw(frame, body, scene),
        View::Games => games::draw(frame, body, scene),
        View::Kafka => kafka::draw(frame, body, scene),
        View::Clients => clients::draw(frame, body, scene),
        View::Faults => faults::draw(frame, body, scene),
        View::Runs if ui.runs.opened.len() > 1 => compare::draw(frame, body, scene),
        View::Runs if ui.runs.is_open() => open_run::draw(frame, body, scene),
        View::Runs => runs::draw(frame, body, scene),
        View::Logs => logs::draw(frame, body, scene),
    }
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = format!(
        "This terminal has {}x{} characters, the dashboard needs {WIDTH_MIN}x{HEIGHT_MIN}. q quits.",
        area.width, area.height
    );
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

/// From this width on the views have room around their names.
const ROOMY: u16 = 100;

/// The views, and on the right how everything is.
fn draw_head(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let is_roomy = area.width >= ROOMY;
    let mut spans = vec![Span::raw(" ")];
    if is_roomy {
        spans.push(Span::styled("Matchday  ", theme.style(Tone::Strong)));
    }
    for (index, view) in View::ALL.into_iter().enumerate() {
        let style = if view == ui.view { theme.chosen() } else { theme.style(Tone::Dim) };
        let name = format!("{} {}", index + 1, view.name());
        spans.push(Span::styled(if is_roomy { format!(" {name} ") } else { name }, style));
        spans.push(Span::raw(if is_roomy { "" } else { " " }));
    }
    frame.render_widget(Line::from(spans), area);
    let worst = model.state();
    // Of finished runs alone there is nothing that could be well or not.
    let has_stack = !model.parts.is_empty();
    let mut state =
        if has_stack { vec![Span::raw(" "), level_span(worst, theme), Span::raw(" ")] } else { Vec::new() };
    if ui.is_held {
        state.insert(0, Span::styled(" PAUSED ", theme.chosen()));
    }
    let line = Line::from(state).alignment(Alignment::Right);
    let width = u16::try_from(line.width()).unwrap_or(area.width).min(area.width);
    frame.render_widget(line, Rect { x: area.right() - width, width, ..area });
}

/// Every key, and what the figures mean.
fn draw_help(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let theme = scene.theme;
    let line = |key: &'static str, help: &'static str| {
        Line::from(vec![Span::styled(format!(" {key:<13}"), theme.style(Tone::Strong)), Span::raw(help)])
    };
    let keys = KEYS
        .iter()
        .filter(|binding| !binding.help.is_empty())
        .map(|binding| line(binding.label, binding.help));
    let meaning = [
        ("p50, p99", "at most: half, 99 of 100"),
        ("simulator", "how late it sends"),
        ("ingestion", "until it has answered"),
        ("feed topics", "until Kafka has them"),
        ("processors", "provider to commit"),
        ("distribution", "provider to its memory"),
        ("sockets", "provider to client"),
        ("lag", "what waits there"),
        ("errors", "in the window"),
    ];
    let title = Line::styled(" What the figures say", theme.style(Tone::Strong));
    let meaning = std::iter::once(title).chain(meaning.map(|(figure, means)| line(figure, means)));
    let all: Vec<Line<'_>> = keys.chain(meaning).collect();
    let (left, right) = all.split_at(all.len().div_ceil(2));
    let halves: [Rect; 2] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    for (lines, half) in [left, right].into_iter().zip(halves) {
        frame.render_widget(Paragraph::new(lines.to_vec()), half);
    }
}

/// A level as sign and word, in its colour.
fn level_span(level: Level, theme: &Theme) -> Span<'static> {
    let tone = level_tone(level);
    let sign = match tone {
        Tone::Bad => theme.sign("✖", "X"),
        Tone::Warning => theme.sign("▲", "!"),
        Tone::Good => theme.sign("●", "o"),
        _ => theme.sign("○", "."),
    };
    Span::styled(format!("{sign} {}", level.word()), theme.style(tone))
}

fn level_tone(level: Level) -> Tone {
    match level {
        Level::Waiting | Level::Absent | Level::Idle => Tone::Dim,
        Level::Fine => Tone::Good,
        Level::Errors | Level::Slow | Level::Growing => Tone::Warning,
        Level::Behind | Level::Stalled | Level::NotReady | Level::Down => Tone::Bad,
    }
}

/// A title over a part of the screen, with a mark where what stands below is not of now.
fn title<'a>(text: &'a str, contact: Option<&'a Contact>, scene: Scene<'_>) -> Line<'a> {
    let Scene { model, theme, .. } = scene;
    let mut spans = vec![Span::styled(format!(" {text}"), theme.style(Tone::Strong))];
    let why = |contact: &Contact| contact.trouble().map(|why| format!(": {why}")).unwrap_or_default();
    if let Some(contact) = contact {
        let (tone, told) = match contact.touch(model.now) {
            Touch::Fresh => return Line::from(spans),
            Touch::Waiting => (Tone::Dim, format!("  {} waiting", theme.sign("○", "."))),
            Touch::Stale(age) => (
                Tone::Bad,
                format!("  {} STALE for {} s{}", theme.sign("✖", "X"), age.as_secs(), why(contact)),
            ),
            Touch::Away => (Tone::Bad, format!("  {} NO ANSWER{}", theme.sign("✖", "X"), why(contact))),
        };
        spans.push(Span::styled(told, theme.style(tone)));
    }
    Line::from(spans)
}

/// A table's cell with a number in it.
fn right<'a>(text: impl Into<Span<'a>>) -> Cell<'a> {
    Cell::from(Line::from(text.into()).right_aligned())
}

/// Says at the right of a list's title which of its rows are shown, where that is not all.
fn draw_excerpt(frame: &mut Frame<'_>, title: Rect, shown: &Range<usize>, rows: usize, scene: Scene<'_>) {
    if shown.len() < rows {
        let text = format!(" {}-{} of {rows} ", shown.start + 1, shown.end);
        let line = Line::styled(text, scene.theme.style(Tone::Dim)).right_aligned();
        frame.render_widget(line, title);
    }
}

/// Why there is nothing to see, which is known only while it is told.
fn known(contact: &Contact, why: &'static str, scene: Scene<'_>) -> &'static str {
    if contact.touch(scene.model.now) == Touch::Fresh { why } else { "nothing is known of it now" }
}

/// A line that says why there is nothing to see.
fn nothing(frame: &mut Frame<'_>, area: Rect, why: &str, scene: Scene<'_>) {
    frame.render_widget(Line::styled(format!(" {why}"), scene.theme.style(Tone::Dim)), area);
}
