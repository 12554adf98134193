//! The last line: what can be typed here, the filter while it is typed, what is asked, what came of an order; and the stack.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{Scene, format};
use crate::keys::{Binding, KEYS};
use crate::model::Told;
use crate::theme::Tone;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let (gone, tone) = if model.gone.is_some() { (" GONE", Tone::Bad) } else { ("", Tone::Dim) };
    let stack = Line::from(Span::styled(format!(" {}{gone} ", model.stack), theme.style(tone)));
    let width = u16::try_from(stack.width()).unwrap_or(area.width).min(area.width / 3);
    let [left, right] = Layout::horizontal([Constraint::Min(0), Constraint::Length(width)]).areas(area);
    frame.render_widget(stack, right);
    let room = usize::from(left.width);
    let asked = ui.menu.as_ref().and_then(|menu| menu.asked.as_ref());
    let line = if ui.is_typing {
        filter(scene)
    } else if let Some(order) = asked {
        let question = format!(" Really {}? y: yes, n: no", order.words());
        Line::styled(format::fit(&question, room, theme), theme.style(Tone::Warning))
    } else if let Some(remark) = ui.remark {
        said(Tone::Warning, ("▲", "!"), remark, room, scene)
    } else if let Some(told) = model.control.last_order(model.now) {
        order(told, room, scene)
    } else {
        hints(room, scene)
    };
    frame.render_widget(line, left);
}

/// The filter while it is typed.
fn filter(scene: Scene<'_>) -> Line<'static> {
    let Scene { ui, theme, .. } = scene;
    let cursor = Span::styled(" ", theme.chosen());
    let hint = Span::styled("  Enter keeps it, Esc drops it", theme.style(Tone::Dim));
    Line::from(vec![Span::raw(format!(" / {}", ui.filter())), cursor, hint])
}

/// What came of the last order.
fn order(told: &Told, room: usize, scene: Scene<'_>) -> Line<'static> {
    let words = told.order.words();
    match &told.answer {
        None => said(Tone::Dim, ("○", "."), &format!("simulator: to {words} …"), room, scene),
        Some(Ok(())) => said(Tone::Good, ("●", "o"), &format!("simulator: to {words}: done"), room, scene),
        Some(Err(why)) => {
            let whole = format!("not done, to {words}: {why}");
            // Why matters more than what was asked a moment ago.
            let text = if Span::raw(&whole).width() + 3 > room { format!("not done: {why}") } else { whole };
            said(Tone::Bad, ("✖", "X"), &text, room, scene)
        }
    }
}

fn said(tone: Tone, (sign, ascii): (&str, &str), text: &str, room: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let text = if theme.is_ascii { text.replace('…', "...") } else { text.to_owned() };
    let text = format!(" {} {text}", theme.sign(sign, ascii));
    Line::styled(format::fit(&text, room, theme), theme.style(tone))
}

/// The keys that are of use here, as many as there is room for.
fn hints(room: usize, scene: Scene<'_>) -> Line<'static> {
    let Scene { ui, theme, .. } = scene;
    let mut line = Line::default();
    if !ui.filter().is_empty() {
        line.push_span(Span::styled(format!(" only \"{}\" ", ui.filter()), theme.style(Tone::Warning)));
    }
    let useful = KEYS.iter().filter(|binding| !binding.hint.is_empty() && ui.is_useful(binding.action));
    // What is of use on this screen alone comes first.
    let (own, everywhere): (Vec<&Binding>, Vec<&Binding>) =
        useful.partition(|binding| ui.is_of_this_screen(binding.action));
    for binding in everywhere.iter().take(2).chain(&own).chain(everywhere.iter().skip(2)) {
        let key = binding.label.split(',').next().unwrap_or_default();
        if line.width() + key.len() + binding.hint.len() + 3 > room {
            break;
        }
        line.push_span(Span::styled(format!(" {key}"), theme.style(Tone::Strong)));
        line.push_span(Span::styled(format!(" {} ", binding.hint), theme.style(Tone::Dim)));
    }
    line
}
