//! What is played, by a verification or by the simulator, and how far it is: three rows.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::faults::under;
use super::{Scene, format, nothing};
use crate::bundle::Verifying;
use crate::model::{Model, Touch};
use crate::simulator::{Run, RunState};
use crate::text::Text;
use crate::theme::Tone;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, .. } = scene;
    let elsewhere = elsewhere(model);
    let control = Some(&model.control.contact);
    let (lines, rest) = match (model.verifying(), &model.control.run) {
        (Some(verifying), _) => {
            let rest = under(frame, area, "matchday verify", Some(&model.runs.contact), scene);
            (verified(verifying, rest.width, scene), rest)
        }
        (None, Some(run)) => {
            let orders = if model.takes_no_orders() { ", and takes no orders" } else { "" };
            let rest = under(frame, area, &format!("the simulator plays{orders}{elsewhere}"), control, scene);
            (played(run, rest.width, scene), rest)
        }
        (None, None) => {
            if let Some(program) = model.plays_by_itself() {
                let text = format!("the simulator plays {program}, and takes no orders{elsewhere}");
                let rest = under(frame, area, &text, None, scene);
                let how = "view 1 has how it goes; `simulator serve` starts one that takes orders";
                return nothing(frame, rest, how, scene);
            }
            let rest = under(frame, area, &format!("the simulator{elsewhere}"), control, scene);
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

/// What is verified on another stack, behind what is told of this one.
fn elsewhere(model: &Model) -> String {
    let Some(Verifying { stack, scenario, .. }) = model.verifying_elsewhere() else { return String::new() };
    let stack = stack.as_ref().map_or("another stack", Text::as_str);
    format!("; on {stack}: matchday verify {scenario}")
}

fn verified(run: &Verifying, width: u16, scene: Scene<'_>) -> [Line<'static>; 2] {
    let theme = scene.theme;
    let trouble = run.obstacle.as_ref().map(|what| format!(", in the way: {what}")).unwrap_or_default();
    let head = format!(" {} (seed {}): {}{trouble}", run.scenario, run.seed, run.phase_word());
    let told = [(run.refused, "refused"), (run.sent_again, "sent again")];
    let head = Line::styled(format::fit(&head, usize::from(width), theme), theme.style(Tone::Strong));
    [head, progress((run.accepted, run.messages), Some((run.elapsed, run.seconds)), &told, width, scene)]
}

fn played(run: &Run, width: u16, scene: Scene<'_>) -> [Line<'static>; 2] {
    let theme = scene.theme;
    let is_fresh = scene.model.control.contact.touch(scene.model.now) == Touch::Fresh;
    let (tone, sign) = match run.state {
        _ if !is_fresh && !run.state.is_over() => (Tone::Warning, theme.sign("▲", "!")),
        RunState::Playing => (Tone::Good, theme.sign("●", "o")),
        RunState::Paused | RunState::Stopping => (Tone::Warning, theme.sign("▲", "!")),
        RunState::Failed => (Tone::Bad, theme.sign("✖", "X")),
        RunState::Preparing | RunState::Complete | RunState::Stopped => (Tone::Dim, theme.sign("○", ".")),
    };
    let was = if is_fresh { "" } else { "was " };
    let state = Span::styled(format!(" {sign} {was}{}  ", run.state.word()), theme.style(tone));
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
    [head, progress((run.accepted, run.messages), None, &told, width, scene)]
}

/// How much of it is accepted, as a bar and in numbers; what else is to be told where it is not 0.
fn progress(
    (accepted, messages): (u64, u64),
    seconds: Option<(f64, f64)>,
    told: &[(u64, &str)],
    width: u16,
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
    let text = format::fit(&text, usize::from(width).saturating_sub(BAR + 1), theme);
    Line::from(vec![Span::raw(" "), Span::styled(bar, theme.style(Tone::Accent)), Span::raw(text)])
}
