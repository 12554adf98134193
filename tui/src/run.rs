//! Source, model, view and terminal in one loop. Drawing is bounded: four times a second for figures, at most thirty times for
//! keys.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ratatui::crossterm::event::{Event, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

use crate::model::Model;
use crate::terminal::{Taken, events};
use crate::theme::Theme;
use crate::ui::{Effect, Ui};
use crate::view;
use crate::watch::Watch;

/// How often new figures are drawn.
const FRAME: Duration = Duration::from_millis(250);

/// How soon after another a frame may follow that answers a key.
const FRAME_MIN: Duration = Duration::from_millis(33);

/// How often it is looked whether the stack is another.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What was typed and what came of it.
struct Desk {
    watch: Watch,
    ui: Ui,
    /// The picture that is held, while one is.
    held: Option<Model>,
}

/// What an event of the terminal asks of the loop.
#[derive(PartialEq, Eq)]
enum Then {
    Nothing,
    Draw,
    Redraw,
    Attach,
    End,
}

impl Desk {
    fn take(&mut self, event: &Event) -> Then {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                match self.ui.press(*key, self.held.as_ref().unwrap_or(&self.watch.model)) {
                    Effect::None => {}
                    Effect::Quit => return Then::End,
                    Effect::Open(game) => self.watch.open(game),
                    Effect::OpenRuns(folders) => self.watch.open_runs(folders),
                    Effect::Attach => return Then::Attach,
                    Effect::Redraw => return Then::Redraw,
                    Effect::Tell(order) => {
                        self.watch.tell(order);
                        // What comes of it is not to be seen in a picture that is held.
                        self.ui.is_held = false;
                    }
                }
                self.held = if self.ui.is_held {
                    self.held.take().or_else(|| Some(self.watch.model.clone()))
                } else {
                    None
                };
                Then::Draw
            }
            Event::Resize(columns, rows) => {
                self.ui.resize(*columns, *rows);
                Then::Draw
            }
            _ => Then::Nothing,
        }
    }

    /// Another stack is looked at, or the same one anew: of it no game is open, nothing is asked, and a picture that is held is of the one before.
    fn begin_anew(&mut self) {
        self.ui.is_open = false;
        self.ui.is_held = false;
        // What was chosen there was meant for the simulator of the one before.
        self.ui.menu = None;
        self.held = None;
        self.watch.open_runs(self.ui.runs.opened.clone());
    }

    fn draw(&mut self, terminal: &mut Taken, theme: &Theme) -> anyhow::Result<()> {
        self.watch.step();
        let shown = self.held.as_ref().unwrap_or(&self.watch.model);
        terminal.get().draw(|frame| view::draw(frame, shown, &self.ui, theme)).context("drawing")?;
        Ok(())
    }
}

/// Shows the stack, or these run bundles, until told to end.
///
/// # Errors
/// When the terminal cannot be used, or a source broke down.
pub async fn run(watch: Watch, bundles: Vec<PathBuf>, theme: Theme) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening to SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening to SIGHUP")?;
    let mut terminal = Taken::take()?;
    let size = terminal.get().size().context("asking for the terminal's size")?;
    let mut events = events();
    let mut desk = Desk { watch, ui: Ui::new(size.height), held: None };
    desk.ui.resize(size.width, size.height);
    if !bundles.is_empty() {
        desk.ui.look_at_runs(bundles.clone());
        desk.watch.open_runs(bundles);
    }
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    // When a frame is due that answers a key, and when the last one was drawn.
    let (mut due, mut drawn_at): (Option<Instant>, _) = (None, Instant::now());
    loop {
        tokio::select! {
            report = desk.watch.next() => {
                desk.watch.take(report?);
                continue;
            }
            event = events.recv() => {
                let event = event.context("the keyboard is gone")?.context("reading the keyboard")?;
                match desk.take(&event) {
                    Then::Nothing => {}
                    Then::Draw => due = due.or(Some(drawn_at + FRAME_MIN)),
                    // What others wrote over the screen is not known to whoever draws what has changed alone.
                    Then::Redraw => {
                        terminal.get().clear().context("clearing the terminal")?;
                        due = due.or(Some(drawn_at + FRAME_MIN));
                    }
                    Then::Attach => {
                        if desk.watch.attach_other()? {
                            desk.begin_anew();
                        }
                    }
                    Then::End => return Ok(()),
                }
                continue;
            }
            _ = looks.tick() => {
                if desk.watch.look()? {
                    desk.begin_anew();
                }
                continue;
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            () = tokio::time::sleep_until(due.unwrap_or(drawn_at)), if due.is_some() => {}
            _ = frames.tick() => {}
        }
        desk.draw(&mut terminal, &theme)?;
        (due, drawn_at) = (None, Instant::now());
    }
}
