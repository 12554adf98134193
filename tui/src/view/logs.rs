//! What the parts of the stack log, all or one of them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{Scene, format, known, nothing, title};
use crate::source::{LogLevel, LogLine};
use crate::theme::Tone;

/// Columns for the part's name.
const PART: usize = 21;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let lines = ui.lines(model);
    let is_filtered = !ui.filter().is_empty();
    let whose = ui.logs_of.as_ref().map_or("all parts", |part| part.as_str());
    let drawn = |index: usize| draw_line(lines[index].1, usize::from(list.width), scene);
    let home = ui.first_line(&lines).unwrap_or(lines.len());
    let shown = ui.logs.shown(lines.len(), usize::from(list.height), home, |index| drawn(index).len());
    let back = lines.len() - shown.end;
    let place = if back == 0 { "following".to_owned() } else { format!("{back} lines back, G follows") };
    let text = format!("{} lines of {whose}, {place}", lines.len());
    frame.render_widget(title(&text, Some(&model.logs.contact), scene), above);
    if !model.logs.is_asked {
        let why = "logs are shown of a stack of `matchday up`, or of Compose in the project's folder";
        return nothing(frame, list, why, scene);
    }
    if lines.is_empty() {
        let why = if is_filtered {
            "no line that was logged contains that; Esc drops the filter"
        } else {
            "nothing was logged"
        };
        return nothing(frame, list, known(&model.logs.contact, why, scene), scene);
    }
    for (line, row) in shown.flat_map(drawn).zip(list.rows()) {
        frame.render_widget(line, row);
    }
}

/// A line in as many rows as it needs; the part's name stands before the first.
fn draw_line(line: &LogLine, width: usize, scene: Scene<'_>) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let (sign, tone) = match line.level {
        LogLevel::Plain => (" ", Tone::Plain),
        LogLevel::Warning => (theme.sign("▲", "!"), Tone::Warning),
        LogLevel::Error => (theme.sign("✖", "X"), Tone::Bad),
    };
    let part = format::fit(line.part.as_str(), PART, theme);
    let pieces = format::wrap(line.text.as_str(), width.saturating_sub(PART + 4));
    let row = |(index, piece): (usize, String)| {
        let (sign, part) = if index == 0 { (sign, part.as_str()) } else { (" ", "") };
        Line::from(vec![
            Span::styled(format!(" {sign} "), theme.style(tone)),
            Span::styled(format!("{part:<PART$} "), theme.style(Tone::Dim)),
            Span::styled(piece, theme.style(tone)),
        ])
    };
    pieces.into_iter().enumerate().map(row).collect()
}
