//! A list to choose from, over what is shown.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use super::{Scene, format};
use crate::model::Touch;
use crate::theme::Tone;
use crate::ui::{Menu, Panel};

/// The widest that a list is.
const WIDTH_MAX: u16 = 76;
/// Columns of a row before its note.
const LABEL: usize = 36;
/// Rows of a list that are none of its items: border, question.
const AROUND: u16 = 3;

const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, menu: &Menu, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let items = ui.items(menu.panel, model);
    let rows = u16::try_from(items.len()).unwrap_or(u16::MAX).max(1).saturating_add(AROUND);
    let (width, height) = (WIDTH_MAX.min(area.width), rows.min(area.height));
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    let border = if theme.is_ascii { ASCII } else { border::PLAIN };
    let block = Block::bordered()
        .border_set(border)
        .border_style(theme.style(Tone::Dim))
        .title(Line::styled(format!(" {} ", menu.panel.title()), theme.style(Tone::Strong)));
    let inside = block.inner(place);
    frame.render_widget(block, place);
    let below = Rect { y: inside.bottom().saturating_sub(1), height: 1, ..inside };
    let list = Rect { height: inside.height.saturating_sub(1), ..inside };
    frame.render_widget(question(menu, usize::from(below.width), scene), below);
    if items.is_empty() {
        let line = Line::styled(format!(" {}", nothing_known(menu.panel, scene)), theme.style(Tone::Dim));
        return frame.render_widget(line, list);
    }
    let room = usize::from(list.height);
    let index = menu.index.min(items.len() - 1);
    let first = (index + 1).saturating_sub(room);
    for ((number, item), row) in items.iter().enumerate().skip(first).zip(list.rows()) {
        let label = if theme.is_ascii { item.label.replace('…', "...") } else { item.label.clone() };
        let has_note = !item.note.is_empty();
        let of_label = if has_note { LABEL } else { usize::from(row.width).saturating_sub(2) };
        let label = format::fit(&label, of_label, theme);
        let note = format::fit(&item.note, usize::from(row.width).saturating_sub(LABEL + 3), theme);
        let line = if number == index {
            let text = if has_note { format!(" {label:<LABEL$} {note}") } else { format!(" {label}") };
            Line::styled(format!("{text:<width$}", width = usize::from(row.width)), theme.chosen())
        } else {
            Line::from(vec![
                Span::raw(format!(" {label:<LABEL$} ")),
                Span::styled(note, theme.style(Tone::Dim)),
            ])
        };
        frame.render_widget(line, row);
    }
}

/// What is asked, or how to choose.
fn question(menu: &Menu, room: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    match &menu.asked {
        Some(order) => {
            let text = format!(" {} Really {}? y: yes, n: no", theme.sign("▲", "!"), order.words());
            Line::styled(format::fit(&text, room, theme), theme.style(Tone::Warning))
        }
        None => Line::styled(" Enter chooses, Esc leaves", theme.style(Tone::Dim)),
    }
}

/// Why a list has nothing in it.
fn nothing_known(panel: Panel, scene: Scene<'_>) -> String {
    let model = scene.model;
    let control = &model.control;
    match (panel, control.contact.touch(model.now)) {
        _ if model.takes_no_orders() => {
            "it takes no orders: `simulator serve` starts one that does".to_owned()
        }
        (Panel::Providers, _) => match control.producers_contact.touch(model.now) {
            Touch::Fresh => "distribution knows of no producer".to_owned(),
            _ => "distribution does not say which producers there are".to_owned(),
        },
        _ if !control.is_asked => "the simulator's address is not known".to_owned(),
        (_, Touch::Fresh) => "it has no scenarios".to_owned(),
        (_, Touch::Waiting) => "waiting for the simulator".to_owned(),
        _ => {
            let why = control.contact.trouble().map(|why| format!(": {why}")).unwrap_or_default();
            format!("no answer from the simulator{why}")
        }
    }
}
