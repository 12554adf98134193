//! What is played, what goes wrong in it on purpose, what the stack notices of that, and what the gates and anomalies have come to.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::{ROOMY, Scene, draw_excerpt, format, judged, nothing, played, title};
use crate::model::{Contact, Mischief, Model, Sign, Touch};
use crate::source::Producer;
use crate::text::Text;
use crate::theme::Tone;

/// Rows above: what is played.
const PLAYED: u16 = 3;

/// Columns of the mark of what is not of now: `✖ STALE for 35 s`.
const MARK: usize = 20;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let [played, middle, below] =
        Layout::vertical([Constraint::Length(PLAYED), Constraint::Fill(5), Constraint::Fill(4)]).areas(area);
    played::draw(frame, played, scene);
    let halves = |area| Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas::<2>(area);
    let [left, right] = halves(middle);
    draw_faults(frame, left, scene);
    draw_noticed(frame, right, scene);
    // The names of gates are long: where there is little room they have more of it.
    let share = if area.width < ROOMY {
        [Constraint::Fill(3), Constraint::Fill(2)]
    } else {
        [Constraint::Fill(1); 2]
    };
    let [left, right] = Layout::horizontal(share).areas(below);
    draw_gates(frame, left, scene);
    draw_anomalies(frame, right, scene);
}

/// A title, and the room below it; marked where whoever tells of it does not now.
pub(super) fn under(
    frame: &mut Frame<'_>,
    area: Rect,
    text: &str,
    contact: Option<&Contact>,
    scene: Scene<'_>,
) -> Rect {
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let is_fresh = contact.is_none_or(|contact| contact.touch(scene.model.now) == Touch::Fresh);
    let marked = if is_fresh { 2 } else { MARK };
    let text = format::fit(text, usize::from(area.width).saturating_sub(marked), scene.theme);
    frame.render_widget(title(&text, contact, scene), above);
    list
}

/// Whether runs are told of, where they are asked for.
fn runs_contact(model: &Model) -> Option<&Contact> {
    Some(&model.runs.contact).filter(|_| model.runs.is_asked)
}

/// What goes wrong on purpose; those of now are shown unless others were scrolled to.
fn draw_faults(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let of_simulator = Some(&model.control.contact).filter(|_| model.control.run.is_some());
    let contact = if model.verifying().is_some() { runs_contact(model) } else { of_simulator };
    let Some(faults) = model.faults() else {
        let list = under(frame, area, "wrong on purpose", contact, scene);
        return nothing(frame, list, untold(model), scene);
    };
    let past = faults.iter().filter(|fault| fault.is_past).count();
    let text = format!("wrong on purpose: {past} of {}", faults.len());
    let list = under(frame, area, &text, contact, scene);
    if faults.is_empty() {
        let is_played = !model.takes_no_orders() && model.playing().is_some_and(|run| !run.state.is_over());
        return nothing(frame, list, if is_played { "nothing; c injects a fault" } else { "nothing" }, scene);
    }
    let room = usize::from(list.height);
    let of_now = past.saturating_sub(room / 2);
    let shown = ui.faults.shown(faults.len(), room, of_now, |_| 1);
    draw_excerpt(frame, Rect { height: 1, ..area }, &shown, faults.len(), scene);
    let width = usize::from(list.width);
    for (fault, row) in faults[shown].iter().zip(list.rows()) {
        frame.render_widget(fault_line(fault, width, scene), row);
    }
}

/// Why it is not known what goes wrong on purpose.
fn untold(model: &Model) -> &'static str {
    match model.control.contact.touch(model.now) {
        _ if !model.control.is_asked => "no simulator is known",
        Touch::Waiting => "the simulator was not heard yet",
        Touch::Fresh => "the simulator does not tell yet",
        _ if model.plays_by_itself().is_some() => "the simulator does not tell",
        Touch::Stale(_) | Touch::Away => "no simulator tells",
    }
}

fn fault_line(fault: &Mischief, width: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let (sign, tone) = match (fault.is_past, fault.is_asked_for) {
        (true, _) => (theme.sign("●", "o"), Tone::Plain),
        (false, true) => (theme.sign("▲", "!"), Tone::Warning),
        (false, false) => (theme.sign("○", "."), Tone::Dim),
    };
    let at = fault.at.map_or_else(|| format::none(theme).to_owned(), format::minute);
    let asked = if fault.is_asked_for { "asked: " } else { "" };
    let text = format!(" {at:>6} {sign} {asked}{}", fault.what);
    Line::styled(format::fit(&text, width, theme), theme.style(tone))
}

/// Producers that are not trusted, and everything that is counted.
fn draw_noticed(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let window = format::span(ui.window()).replace(" 0s", "");
    let contact = Some(&model.control.producers_contact).filter(|_| model.games.is_asked);
    let list = under(frame, area, &format!("noticed by the stack, {window}"), contact, scene);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let untrusted = model.untrusted().into_iter();
    lines.extend(untrusted.map(|producer| producer_line(producer, usize::from(list.width), scene)));
    let mut signs: Vec<(Sign, Option<f64>)> = Sign::ALL
        .into_iter()
        .map(|sign| (sign, model.noticed.within(sign, model.now, ui.window())))
        .collect();
    // What was noticed comes before what was not.
    signs.sort_by_key(|(_, count)| !count.is_some_and(|count| count > 0.0));
    for (sign, count) in signs {
        let is_seen = count.is_some_and(|count| count > 0.0);
        let tone = match (is_seen, sign) {
            (false, _) => Tone::Dim,
            (true, Sign::Gap | Sign::DeadLetter | Sign::Refused | Sign::ProducerDown | Sign::TakenOver) => {
                Tone::Warning
            }
            (true, _) => Tone::Plain,
        };
        let count = count.map_or_else(|| format::none(theme).to_owned(), |count| format!("{count:.0}"));
        let last = model.noticed.last(sign, model.now);
        let last = last.map(|ago| format!("{} ago", format::span(ago))).unwrap_or_default();
        let text = format!(" {:<24}{count:>6}  {last}", sign.name());
        lines.push(Line::styled(format::fit(&text, usize::from(list.width), theme), theme.style(tone)));
    }
    judged::draw_some(frame, list, lines, scene);
}

fn producer_line(producer: &Producer, width: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let Producer { provider, producer: name, .. } = producer;
    let text = format!(" {} {provider}/{name} is {}", theme.sign("✖", "X"), producer.standing());
    Line::styled(format::fit(&text, width, theme), theme.style(Tone::Bad))
}

fn draw_gates(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, .. } = scene;
    let contact = runs_contact(model);
    match (model.verifying(), model.runs.last()) {
        (Some(verifying), _) => {
            let list = under(frame, area, "gates so far", contact, scene);
            judged::draw_gates(frame, list, &verifying.gates, true, scene);
        }
        (None, Some(verdict)) => {
            let list = under(frame, area, &format!("gates of {}", verdict.name), contact, scene);
            judged::draw_gates(frame, list, &verdict.gates, false, scene);
        }
        (None, None) => {
            let list = under(frame, area, "gates", contact, scene);
            judged::draw_none(frame, list, scene);
        }
    }
}

fn draw_anomalies(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, theme, .. } = scene;
    let contact = runs_contact(model);
    let list = match (model.verifying(), model.runs.last()) {
        (Some(verifying), _) => {
            let list = under(frame, area, "anomalies so far", contact, scene);
            let line = |(count, what): (u64, &str)| {
                let (tone, sign) = match count {
                    0 => (Tone::Good, theme.sign("●", "o")),
                    _ => (Tone::Bad, theme.sign("✖", "X")),
                };
                Line::styled(format!(" {sign} {count} {what}"), theme.style(tone))
            };
            let found = [
                (verifying.breaks, "frames do not follow on"),
                (verifying.ahead, "times clients ahead of the database"),
                (verifying.unexpected, "unexpected answers"),
            ];
            // Room is scarce: of what did not happen one line is enough.
            let told = found.into_iter().enumerate().filter(|(place, (count, _))| *place == 0 || *count > 0);
            let mut lines: Vec<Line<'static>> = told.map(|(_, found)| line(found)).collect();
            lines.push(Line::styled(" all else is compared at the end", theme.style(Tone::Dim)));
            return judged::draw_some(frame, list, lines, scene);
        }
        (None, Some(verdict)) => {
            let text = Text::new(&format!("anomalies of {}", verdict.name));
            let list = under(frame, area, text.as_str(), contact, scene);
            judged::draw_anomalies(frame, list, &verdict.anomalies, scene);
            return;
        }
        (None, None) => under(frame, area, "anomalies", contact, scene),
    };
    judged::draw_none(frame, list, scene);
}
