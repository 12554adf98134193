//! The terminal: taken, and given back as it was however the program ends.

use std::io::{self, Stdout};
use std::thread;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

use crate::ansi::Ansi;

/// Keys that may wait.
const EVENTS_MAX: usize = 64;

/// The terminal while it is ours. Dropped, it is as it was; a panic gives it back before it is told.
#[derive(Debug)]
pub struct Taken(Terminal<CrosstermBackend<Ansi<Stdout>>>);

impl Taken {
    /// Takes it: no echo, the alternate screen, no mouse.
    ///
    /// # Errors
    /// When it is none.
    pub fn take() -> anyhow::Result<Self> {
        ratatui::try_init().context("taking the terminal")?;
        let terminal = Terminal::new(CrosstermBackend::new(Ansi::new(io::stdout())));
        terminal.map(Self).context("taking the terminal")
    }

    /// What is drawn on.
    pub fn get(&mut self) -> &mut Terminal<CrosstermBackend<Ansi<Stdout>>> {
        &mut self.0
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What is typed, and every change of the terminal's size. A thread of its own reads it, for reading blocks; it ends with the
/// program, or when nobody listens any more.
#[must_use]
pub fn events() -> mpsc::Receiver<io::Result<Event>> {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    thread::spawn(move || {
        loop {
            let read = event::read();
            let is_last = read.is_err();
            if sender.blocking_send(read).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}
