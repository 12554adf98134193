//! What a run came to, or has come to: its gates, and its anomalies.

use harness::bundle::GateState;
use harness::exit::Exit;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{Scene, draw_excerpt, format, known, nothing, title};
use crate::bundle::{Anomaly, Gate, Verdict};
use crate::theme::{Theme, Tone};
use crate::ui::Scroll;

mod both;

pub(super) use both::draw_both;

/// Columns of a gate besides its name.
const STATE: usize = 9;
const FIGURE: usize = 9;

/// How a run ended, as sign and word.
pub(super) fn exit(exit: Exit, theme: &Theme) -> Span<'static> {
    let (tone, sign) = match exit {
        Exit::Pass => (Tone::Good, theme.sign("●", "o")),
        Exit::Invalid | Exit::Inconclusive => (Tone::Warning, theme.sign("▲", "!")),
        _ => (Tone::Bad, theme.sign("✖", "X")),
    };
    let word = if exit == Exit::Pass { exit.as_str().to_owned() } else { exit.as_str().to_uppercase() };
    Span::styled(format!("{sign} {word}"), theme.style(tone))
}

/// Both of a run that is over.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, verdict: &Verdict, scroll: &Scroll, scene: Scene<'_>) {
    let width = usize::from(area.width);
    let mut lines = vec![heading("gates", scene)];
    lines.extend(gates(&verdict.gates, false, width, scene));
    lines.push(heading("anomalies", scene));
    lines.extend(anomalies(&verdict.anomalies, width, scene));
    draw_from(frame, area, lines, scroll, scene);
}

fn heading(text: &'static str, scene: Scene<'_>) -> Line<'static> {
    title(text, None, scene)
}

/// Every gate with what was found and what is allowed: those first that did not hold.
pub(super) fn draw_gates(frame: &mut Frame<'_>, area: Rect, all: &[Gate], is_live: bool, scene: Scene<'_>) {
    draw_some(frame, area, gates(all, is_live, usize::from(area.width), scene), scene);
}

fn gates(all: &[Gate], is_live: bool, width: usize, scene: Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let mut gates: Vec<&Gate> = all.iter().collect();
    gates.sort_by_key(|gate| match gate.state {
        GateState::Fail => 0,
        GateState::Inconclusive if !is_live => 1,
        GateState::Pass => 2,
        GateState::Inconclusive => 3,
    });
    let name = width.saturating_sub(STATE + 2 * FIGURE + 3);
    let line = |gate: &Gate| {
        Line::from(vec![
            state(Some(gate), is_live, theme),
            Span::raw(format!("{:<name$}", format::fit(gate.name.as_str(), name, theme))),
            found(Some(gate), theme),
            Span::styled(format!(" {:<FIGURE$}", limit(gate, theme)), theme.style(Tone::Dim)),
        ])
    };
    gates.into_iter().map(line).collect()
}

/// How a run stands to a gate, as sign and word; nothing of a gate that it does not have.
fn state(gate: Option<&Gate>, is_live: bool, theme: &Theme) -> Span<'static> {
    let (tone, state) = match gate.map(|gate| gate.state) {
        None => (Tone::Dim, String::new()),
        Some(GateState::Pass) => (Tone::Good, format!("{} ok", theme.sign("●", "o"))),
        Some(GateState::Fail) => (Tone::Bad, format!("{} FAILED", theme.sign("✖", "X"))),
        Some(GateState::Inconclusive) if is_live => (Tone::Dim, format!("{} later", theme.sign("○", "."))),
        Some(GateState::Inconclusive) => (Tone::Warning, format!("{} none", theme.sign("▲", "!"))),
    };
    Span::styled(format!(" {state:<STATE$}"), theme.style(tone))
}

fn found(gate: Option<&Gate>, theme: &Theme) -> Span<'static> {
    let found = gate.and_then(|gate| Some(figure(gate.found?, gate)));
    let found = found.unwrap_or_else(|| format::none(theme).to_owned());
    Span::styled(format!("{found:>FIGURE$}"), theme.style(Tone::Strong))
}

/// A rate must be reached, everything else must not be exceeded.
fn limit(gate: &Gate, theme: &Theme) -> String {
    let is_rate = gate.unit.as_str() == "messages/s";
    let bound = if is_rate { theme.sign("≥", ">=") } else { theme.sign("≤", "<=") };
    format!("{bound}{}", figure(gate.limit, gate))
}

/// What was found of anomalies, with examples; what nothing was looked at for.
pub(super) fn draw_anomalies(frame: &mut Frame<'_>, area: Rect, all: &[Anomaly], scene: Scene<'_>) {
    draw_some(frame, area, anomalies(all, usize::from(area.width), scene), scene);
}

fn anomalies(anomalies: &[Anomaly], width: usize, scene: Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let width = width.saturating_sub(2);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for anomaly in anomalies.iter().filter(|anomaly| anomaly.found > 0) {
        let text = format!(" {} {} {}", theme.sign("✖", "X"), anomaly.found, anomaly.kind);
        lines.push(Line::styled(format::fit(&text, width + 1, theme), theme.style(Tone::Bad)));
        for example in &anomaly.examples {
            let pieces = format::wrap(example.as_str(), width.saturating_sub(4));
            lines.extend(pieces.into_iter().map(|piece| Line::raw(format!("     {piece}"))));
        }
    }
    if lines.is_empty() {
        let looked = anomalies.iter().filter(|anomaly| anomaly.checked > 0).count();
        let text = format!(" {} none of {looked} kinds", theme.sign("●", "o"));
        lines.push(Line::styled(text, theme.style(Tone::Good)));
    }
    let unlooked = anomalies.iter().filter(|anomaly| anomaly.checked == 0);
    let unlooked: Vec<&str> = unlooked.map(|anomaly| anomaly.kind.as_str()).collect();
    if !unlooked.is_empty() {
        let text = format!("{} nothing was looked at for: {}", theme.sign("▲", "!"), unlooked.join(", "));
        let pieces = format::wrap(&text, width);
        let line = |piece| Line::styled(format!(" {piece}"), theme.style(Tone::Warning));
        lines.extend(pieces.into_iter().map(line));
    }
    lines
}

/// The lines that were scrolled to, where not all have room: which they are is said below them.
pub(super) fn draw_from(
    frame: &mut Frame<'_>,
    area: Rect,
    lines: Vec<Line<'static>>,
    scroll: &Scroll,
    scene: Scene<'_>,
) {
    let (rows, room) = (lines.len(), usize::from(area.height));
    let has_all = rows <= room || room == 0;
    let shown = scroll.shown(rows, if has_all { rows } else { room - 1 }, 0, |_| 1);
    if has_all {
        return draw_some(frame, area, lines, scene);
    }
    let [list, below] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    for (line, row) in lines.into_iter().skip(shown.start).zip(list.rows()) {
        frame.render_widget(line, row);
    }
    draw_excerpt(frame, below, &shown, rows, scene);
}

/// As many lines as there is room for; how many more there are where that is not all.
pub(super) fn draw_some(frame: &mut Frame<'_>, area: Rect, mut lines: Vec<Line<'static>>, scene: Scene<'_>) {
    let room = usize::from(area.height);
    if room == 0 {
        return;
    }
    if lines.len() > room {
        let more = lines.len() + 1 - room;
        lines.truncate(room - 1);
        lines.push(Line::styled(format!(" and {more} more"), scene.theme.style(Tone::Dim)));
    }
    for (line, row) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
}

/// That nothing has been verified yet, and how to.
pub(super) const NONE: &str = "no run yet: `matchday verify` makes one";

/// Says so.
pub(super) fn draw_none(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    nothing(frame, area, known(&scene.model.runs.contact, NONE, scene), scene);
}

/// A number in its unit, short: `212 ms`, `480/s`, `64 MiB`.
fn figure(value: f64, gate: &Gate) -> String {
    let number =
        if value.fract() == 0.0 && value.abs() < 1e6 { format!("{value:.0}") } else { format::number(value) };
    match gate.unit.as_str() {
        "" => number,
        "messages/s" => format!("{number}/s"),
        unit => format!("{number} {unit}"),
    }
}
