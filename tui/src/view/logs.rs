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
    let whose = ui.logs_of.as_ref().map_or("all parts", |part| part.as_str());
    let room = usize::from(list.height);
    // A screenful is shown where there is one.
    let end = ui.last_line(&lines).max(room.min(lines.len()));
    let back = lines.len() - end;
    let place = if back == 0 { "following".to_owned() } else { format!("{back} lines back, G follows") };
    let text = format!("{} lines of {whose}, {place}", lines.len());
    frame.render_widget(title(&text, Some(&model.logs.contact), scene), above);
    if !model.logs.is_asked {
        let why = "logs are shown of a stack of `matchday up`, or of Compose in the project's folder";
        return nothing(frame, list, why, scene);
    }
    if lines.is_empty() {
        return nothing(frame, list, known(&model.logs.contact, "nothing was logged", scene), scene);
    }
    // From the newest up, for nobody knows how many rows a line takes before it is cut into them.
    let mut rows: Vec<Line<'static>> = Vec::new();
    for (_, line) in lines[end.saturating_sub(room)..end].iter().rev() {
        let mut pieces = draw_line(line, usize::from(list.width), scene);
        pieces.reverse();
        rows.extend(pieces);
    }
    rows.truncate(room);
    for (line, row) in rows.into_iter().rev().zip(list.rows()) {
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
