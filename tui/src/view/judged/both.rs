//! What two runs came to, beside each other.

use harness::bundle::GateState;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{FIGURE, STATE, anomalies, draw_from, draw_some, found, heading, limit, state};
use crate::bundle::{Gate, Verdict};
use crate::text::Text;
use crate::theme::Tone;
use crate::view::{Scene, format};

/// Both of two runs: their gates in one table, the anomalies of each in its half.
pub(in crate::view) fn draw_both(frame: &mut Frame<'_>, area: Rect, both: [&Verdict; 2], scene: Scene<'_>) {
    let lines = both_gates(both.map(|verdict| verdict.gates.as_slice()), usize::from(area.width), scene);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height * 3 / 5);
    let [upper, lower] = Layout::vertical([Constraint::Length(rows), Constraint::Min(0)]).areas(area);
    draw_from(frame, upper, lines, &scene.ui.runs.scrolled[0], scene);
    let halves: [Rect; 2] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(lower);
    for (verdict, half) in both.into_iter().zip(halves) {
        let mut lines = vec![heading("anomalies", scene)];
        lines.extend(anomalies(&verdict.anomalies, usize::from(half.width), scene));
        draw_some(frame, half, lines, scene);
    }
}

/// Every gate that either run has, with how both stood to it: those first that the later did not hold.
fn both_gates([before, after]: [&[Gate]; 2], width: usize, scene: Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let of = |gates: &'_ [Gate], name: &Text| gates.iter().position(|gate| gate.name == *name);
    let only_before = before.iter().filter(|gate| of(after, &gate.name).is_none());
    let mut names: Vec<&Text> = after.iter().chain(only_before).map(|gate| &gate.name).collect();
    let has_failed = |gates: &[Gate], name: &Text| {
        of(gates, name).is_some_and(|index| gates[index].state == GateState::Fail)
    };
    names.sort_by_key(|name| (!has_failed(after, name), !has_failed(before, name)));
    let pairs =
        names.into_iter().map(|name| (name, [before, after].map(|gates| Some(&gates[of(gates, name)?]))));
    let allowed = |[before, after]: [Option<&Gate>; 2]| match (before, after) {
        (Some(before), Some(after)) if before.limit != after.limit => {
            format!("{}, was {}", limit(after, theme), limit(before, theme))
        }
        (before, after) => after.or(before).map(|gate| limit(gate, theme)).unwrap_or_default(),
    };
    let pairs: Vec<(&Text, [Option<&Gate>; 2], String)> =
        pairs.map(|(name, pair)| (name, pair, allowed(pair))).collect();
    let last = pairs.iter().map(|(.., allowed)| Span::raw(allowed).width()).max().unwrap_or_default();
    let room = width.saturating_sub(2 * (STATE + FIGURE + 1) + last + 3);
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {:<room$} ", "gates"), theme.style(Tone::Strong)),
        Span::styled(
            format!("{:>side$}{:>side$}", "before", "after", side = STATE + FIGURE + 1),
            theme.style(Tone::Dim),
        ),
    ])];
    lines.extend(pairs.into_iter().map(|(name, [before, after], allowed)| {
        Line::from(vec![
            Span::raw(format!(" {:<room$} ", format::fit(name.as_str(), room, theme))),
            state(before, false, theme),
            found(before, theme),
            state(after, false, theme),
            found(after, theme),
            Span::styled(format!(" {allowed}"), theme.style(Tone::Dim)),
        ])
    }));
    lines
}
