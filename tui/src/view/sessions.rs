//! The sockets that keep up least, a row each: what waits for them, what was merged for them, what they were told.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{Cell, Row, Table};

use super::{Scene, draw_excerpt, format, known, level_span, nothing, right, title};
use crate::model::Level;
use crate::source::{Part, Session, SessionList};
use crate::theme::Tone;

/// Columns, the peer's apart, which takes what is left.
const COLUMNS: [u16; 7] = [9, 9, 6, 8, 8, 9, 9];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let contact = Some(&model.clients.sockets_contact);
    // Whoever has several asks the first.
    let heading = match model.answering(Part::Distribution).of {
        0 | 1 => "sockets, those that keep up least first".to_owned(),
        of => format!("sockets of 1 of {of} distributions, those that keep up least first"),
    };
    frame.render_widget(title(&heading, contact, scene), above);
    let SessionList { open, sessions: sockets } = &model.clients.sockets;
    if sockets.is_empty() {
        return nothing(frame, list, known(&model.clients.sockets_contact, "none is open", scene), scene);
    }
    let shown = ui.sockets.shown(sockets.len(), usize::from(list.height).saturating_sub(1), 0, |_| 1);
    draw_excerpt(frame, above, &shown, *open, scene);
    let rows = sockets[shown].iter().map(|socket| row(socket, scene));
    let header = [Cell::from(" state"), right("session")].into_iter();
    let header = header.chain(["subs", "queue", "merged", "frames", "bytes"].map(right));
    let header = header.chain([Cell::from("peer")]);
    let widths = COLUMNS.map(Constraint::Length).into_iter().chain([Constraint::Min(0)]);
    let table = Table::new(rows, widths).header(Row::new(header).style(theme.style(Tone::Dim)));
    frame.render_widget(table, list);
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn row<'a>(socket: &'a Session, scene: Scene<'_>) -> Row<'a> {
    let mut state = level_span(if socket.behind { Level::Slow } else { Level::Fine }, scene.theme);
    state.content = format!(" {}", state.content).into();
    let count = |count: u64| right(format::number(count as f64));
    Row::new([
        Cell::from(state),
        right(format!("#{}", socket.session)),
        right(socket.subscriptions.to_string()),
        right(socket.queue.to_string()),
        count(socket.conflated),
        count(socket.frames),
        right(format::bytes(socket.bytes as f64)),
        Cell::from(socket.peer.as_str()),
    ])
}
