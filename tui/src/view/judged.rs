//! What a run came to, or has come to: its gates, and its anomalies.

use harness::bundle::GateState;
use harness::exit::Exit;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{Scene, format, nothing, title};
use crate::bundle::{Anomaly, Gate, Verdict};
use crate::theme::{Theme, Tone};

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
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, verdict: &Verdict, scene: Scene<'_>) {
    let gates = u16::try_from(verdict.gates.len()).unwrap_or(u16::MAX).saturating_add(1);
    let gates = Constraint::Length(gates.min(area.height * 3 / 5));
    let [upper, lower] = Layout::vertical([gates, Constraint::Min(0)]).areas(area);
    let under = |area| Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas::<2>(area);
    let [above, gates] = under(upper);
    frame.render_widget(title("gates", None, scene), above);
    draw_gates(frame, gates, &verdict.gates, false, scene);
    let [above, anomalies] = under(lower);
    frame.render_widget(title("anomalies", None, scene), above);
    draw_anomalies(frame, anomalies, &verdict.anomalies, scene);
}

/// Every gate with what was found and what is allowed: those first that did not hold.
pub(super) fn draw_gates(frame: &mut Frame<'_>, area: Rect, gates: &[Gate], is_live: bool, scene: Scene<'_>) {
    let theme = scene.theme;
    let mut gates: Vec<&Gate> = gates.iter().collect();
    gates.sort_by_key(|gate| match gate.state {
        GateState::Fail => 0,
        GateState::Inconclusive if !is_live => 1,
        GateState::Pass => 2,
        GateState::Inconclusive => 3,
    });
    let name = usize::from(area.width).saturating_sub(STATE + 2 * FIGURE + 3);
    let line = |gate: &&Gate| {
        let (tone, state) = match gate.state {
            GateState::Pass => (Tone::Good, format!("{} ok", theme.sign("●", "o"))),
            GateState::Fail => (Tone::Bad, format!("{} FAILED", theme.sign("✖", "X"))),
            GateState::Inconclusive if is_live => (Tone::Dim, format!("{} later", theme.sign("○", "."))),
            GateState::Inconclusive => (Tone::Warning, format!("{} none", theme.sign("▲", "!"))),
        };
        let found = gate.found.map_or_else(|| format::none(theme).to_owned(), |found| figure(found, gate));
        // A rate must be reached, everything else must not be exceeded.
        let is_rate = gate.unit.as_str() == "messages/s";
        let bound = if is_rate { theme.sign("≥", ">=") } else { theme.sign("≤", "<=") };
        let limit = format!("{bound}{}", figure(gate.limit, gate));
        Line::from(vec![
            Span::styled(format!(" {state:<STATE$}"), theme.style(tone)),
            Span::raw(format!("{:<name$}", format::fit(gate.name.as_str(), name, theme))),
            Span::styled(format!("{found:>FIGURE$}"), theme.style(Tone::Strong)),
            Span::styled(format!(" {limit:<FIGURE$}"), theme.style(Tone::Dim)),
        ])
    };
    draw_some(frame, area, gates.iter().map(line).collect(), scene);
}

/// What was found of anomalies, with examples; what nothing was looked at for.
pub(super) fn draw_anomalies(frame: &mut Frame<'_>, area: Rect, anomalies: &[Anomaly], scene: Scene<'_>) {
    let theme = scene.theme;
    let width = usize::from(area.width).saturating_sub(2);
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
    draw_some(frame, area, lines, scene);
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

/// Says that nothing has been verified yet, and how to.
pub(super) fn draw_none(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    nothing(frame, area, "no run yet: `matchday verify` makes one", scene);
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
