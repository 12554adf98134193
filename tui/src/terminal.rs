//! The terminal: taken, and given back as it was however the program ends.

use std::io;
use std::thread;

use anyhow::Context;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// Keys that may wait.
const EVENTS_MAX: usize = 64;

/// The terminal while it is ours. Dropped, it is as it was; a panic gives it back before it is told.
#[derive(Debug)]
pub struct Taken(DefaultTerminal);

impl Taken {
    /// Takes it: no echo, the alternate screen, no mouse.
    ///
    /// # Errors
    /// When it is none.
    pub fn take() -> anyhow::Result<Self> {
        ratatui::try_init().map(Self).context("taking the terminal")
    }

    /// What is drawn on.
    pub fn get(&mut self) -> &mut DefaultTerminal {
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
