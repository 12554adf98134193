//! What is played, what goes wrong in it on purpose, what the stack notices of that, and what the gates and anomalies have come to.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::{ROOMY, Scene, draw_excerpt, excerpt, format, judged, nothing, title};
use crate::bundle::Verifying;
use crate::model::{Mischief, Sign, Touch};
use crate::simulator::{Run, RunState};
use crate::source::Producer;
use crate::text::Text;
use crate::theme::Tone;

/// Rows above: what is played.
const PLAYED: u16 = 3;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let [played, middle, below] =
        Layout::vertical([Constraint::Length(PLAYED), Constraint::Fill(5), Constraint::Fill(4)]).areas(area);
    draw_played(frame, played, scene);
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

/// A title, and the room below it.
fn under(frame: &mut Frame<'_>, area: Rect, text: &str, scene: Scene<'_>) -> Rect {
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let text = format::fit(text, usize::from(area.width).saturating_sub(2), scene.theme);
    frame.render_widget(title(&text, None, scene), above);
    list
}

fn draw_played(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, .. } = scene;
    let [above, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let lines = match (model.verifying(), &model.control.run) {
        (Some(verifying), _) => {
            frame.render_widget(title("matchday verify", Some(&model.runs.contact), scene), above);
            verified(verifying, rest.width, scene)
        }
        (None, Some(run)) => {
            frame.render_widget(title("the simulator plays", Some(&model.control.contact), scene), above);
            played(run, rest.width, scene)
        }
        (None, None) => {
            frame.render_widget(title("the simulator", Some(&model.control.contact), scene), above);
            let why = match model.control.contact.touch(model.now) {
                _ if !model.control.is_asked => "no simulator is known",
                Touch::Away => "none takes orders: `simulator serve` starts one that does",
                _ => "nothing is being played: c tells it to play a scenario",
            };
            return nothing(frame, rest, why, scene);
        }
    };
    for (line, row) in lines.into_iter().zip(rest.rows()) {
        frame.render_widget(line, row);
    }
}

fn verified(run: &Verifying, width: u16, scene: Scene<'_>) -> [Line<'static>; 2] {
    let theme = scene.theme;
    let trouble = run.obstacle.as_ref().map(|what| format!(", in the way: {what}")).unwrap_or_default();
    let head = format!(" {} (seed {}): {}{trouble}", run.scenario, run.seed, run.phase_word());
    let told = [(run.refused, "refused"), (run.sent_again, "sent again")];
    let head = Line::styled(format::fit(&head, usize::from(width), theme), theme.style(Tone::Strong));
    [head, progress(run.accepted, run.messages, Some((run.elapsed, run.seconds)), &told, scene)]
}

fn played(run: &Run, width: u16, scene: Scene<'_>) -> [Line<'static>; 2] {
    let theme = scene.theme;
    let (tone, sign) = match run.state {
        RunState::Playing => (Tone::Good, theme.sign("●", "o")),
        RunState::Paused | RunState::Stopping => (Tone::Warning, theme.sign("▲", "!")),
        RunState::Failed => (Tone::Bad, theme.sign("✖", "X")),
        RunState::Preparing | RunState::Complete | RunState::Stopped => (Tone::Dim, theme.sign("○", ".")),
    };
    let state = Span::styled(format!(" {sign} {}  ", run.state.word()), theme.style(tone));
    let mut told = Vec::new();
    told.extend(run.rate.map(|rate| format!("{} messages a second", format::number(rate))));
    told.extend(run.speed.filter(|speed| *speed != 1.0).map(|speed| format!("{speed:.2} times as fast")));
    told.extend(run.seed.map(|seed| format!("seed {seed}")));
    told.extend(run.end.as_ref().and_then(|end| end.error.as_ref()).map(ToString::to_string));
    let told = format!("  {}", told.join(", "));
    let room = usize::from(width).saturating_sub(state.width());
    let program = format::fit(run.program.as_str(), room.saturating_sub(told.len().min(room / 2)), theme);
    let told = format::fit(&told, room.saturating_sub(Span::raw(&program).width()), theme);
    let head = Line::from(vec![
        state,
        Span::styled(program, theme.style(Tone::Strong)),
        Span::styled(told, theme.style(Tone::Dim)),
    ]);
    let end = run.end.as_ref();
    let told = [
        (run.refused, "refused"),
        (run.sent_again, "sent again"),
        (end.map_or(0, |end| end.undelivered), "without an answer"),
        (end.map_or(0, |end| end.unexpected), "answered otherwise than they may be"),
    ];
    [head, progress(run.accepted, run.messages, None, &told, scene)]
}

/// How much of it is accepted, as a bar and in numbers; what else is to be told where it is not 0.
fn progress(
    accepted: u64,
    messages: u64,
    seconds: Option<(f64, f64)>,
    told: &[(u64, &str)],
    scene: Scene<'_>,
) -> Line<'static> {
    const BAR: usize = 20;
    let theme = scene.theme;
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = accepted as f64 / messages.max(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the bar's width")]
    let full = ((share * BAR as f64) as usize).min(BAR);
    let bar = theme.sign("█", "#").repeat(full) + &theme.sign("░", ".").repeat(BAR - full);
    let mut text = format!(" {:.0} %  {accepted} of {messages} accepted", (share * 100.0).floor());
    if let Some((elapsed, whole)) = seconds {
        text.push_str(&format!(", {elapsed:.0} of {whole:.0} s"));
    }
    for (count, what) in told.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    Line::from(vec![Span::raw(" "), Span::styled(bar, theme.style(Tone::Accent)), Span::raw(text)])
}

/// What goes wrong on purpose; those of now are shown unless others were scrolled to.
fn draw_faults(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let faults = model.faults();
    let past = faults.iter().filter(|fault| fault.is_past).count();
    let text = format!("wrong on purpose: {past} of {}", faults.len());
    let list = under(frame, area, &text, scene);
    if faults.is_empty() {
        let is_played = model.playing().is_some_and(|run| !run.state.is_over());
        return nothing(frame, list, if is_played { "nothing; c injects a fault" } else { "nothing" }, scene);
    }
    let room = usize::from(list.height);
    let of_now = past.saturating_sub(room / 2);
    let shown = excerpt(ui.faults_from.unwrap_or(of_now), faults.len(), room);
    draw_excerpt(frame, Rect { height: 1, ..area }, &shown, faults.len(), scene);
    let width = usize::from(list.width);
    for (fault, row) in faults[shown].iter().zip(list.rows()) {
        frame.render_widget(fault_line(fault, width, scene), row);
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
    let list = under(frame, area, &format!("noticed by the stack, {window}"), scene);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let untrusted = model.control.untrusted();
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
    let runs = &scene.model.runs;
    match (&runs.verifying, runs.last()) {
        (Some(verifying), _) => {
            let list = under(frame, area, "gates so far", scene);
            judged::draw_gates(frame, list, &verifying.gates, true, scene);
        }
        (None, Some(verdict)) => {
            let list = under(frame, area, &format!("gates of {}", verdict.name), scene);
            judged::draw_gates(frame, list, &verdict.gates, false, scene);
        }
        (None, None) => {
            let list = under(frame, area, "gates", scene);
            judged::draw_none(frame, list, scene);
        }
    }
}

fn draw_anomalies(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, theme, .. } = scene;
    let list = match (&model.runs.verifying, model.runs.last()) {
        (Some(verifying), _) => {
            let list = under(frame, area, "anomalies so far", scene);
            let (tone, sign) = match verifying.breaks {
                0 => (Tone::Good, theme.sign("●", "o")),
                _ => (Tone::Bad, theme.sign("✖", "X")),
            };
            let text = format!(" {sign} {} frames do not follow on", verifying.breaks);
            let rest = Line::styled(" all else is compared at the end", theme.style(Tone::Dim));
            return judged::draw_some(frame, list, vec![Line::styled(text, theme.style(tone)), rest], scene);
        }
        (None, Some(verdict)) => {
            let text = Text::new(&format!("anomalies of {}", verdict.name));
            let list = under(frame, area, text.as_str(), scene);
            judged::draw_anomalies(frame, list, &verdict.anomalies, scene);
            return;
        }
        (None, None) => under(frame, area, "anomalies", scene),
    };
    judged::draw_none(frame, list, scene);
}
