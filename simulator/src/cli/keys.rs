//! Keys that stop a replay, let it go on, or move it by one step, where somebody sits at a terminal.

use std::io::{IsTerminal, Read, Stdin};
use std::sync::{Mutex, PoisonError};

use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use nix::unistd;

use super::say;
use crate::pacer::{Playhead, Speed};

/// How the terminal was before it gave each key at once; `None` while it is as it was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal while it gives each key at once and unseen; it is as before when this is dropped.
pub(super) struct Keys(());

impl Keys {
    /// Listens, where input and errors are a terminal's and this is what its keys are for: a process in the background that
    /// sets the terminal would be stopped.
    pub(super) fn listen(playhead: Playhead) -> Option<Self> {
        let input = std::io::stdin();
        if !input.is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        if is_background(&input) {
            return None;
        }
        let before = termios::tcgetattr(&input).ok()?;
        let mut at_once = before.clone();
        at_once.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        termios::tcsetattr(&input, SetArg::TCSANOW, &at_once).ok()?;
        say::error("keys: space stops and goes on, n is one step, + and - change the speed");
        // It waits for a key when the replay is over, too, and ends with the process.
        std::thread::spawn(move || {
            let mut key = [0];
            while std::io::stdin().read(&mut key).is_ok_and(|count| count == 1) {
                press(key[0], &playhead);
            }
        });
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        Some(Self(()))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// The terminal becomes as it was before, also where a process ends without coming to its own end.
pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before.filter(|_| !is_background(&std::io::stdin())) {
        let _ = termios::tcsetattr(std::io::stdin(), SetArg::TCSANOW, &before);
    }
}

/// Whether another job has the terminal that this one was started from.
fn is_background(input: &Stdin) -> bool {
    unistd::tcgetpgrp(input).is_ok_and(|foreground| foreground != unistd::getpgrp())
}

fn press(key: u8, playhead: &Playhead) {
    match key {
        b' ' if playhead.is_held() => playhead.resume(),
        b' ' => playhead.pause(),
        b'n' => drop(playhead.step()),
        b'+' => change_speed(playhead, 2.0),
        b'-' => change_speed(playhead, 0.5),
        _ => {}
    }
}

fn change_speed(playhead: &Playhead, by: f64) {
    let (slowest, fastest) = (*Speed::FACTORS.start(), *Speed::FACTORS.end());
    let factor = match playhead.speed() {
        Speed::Factor(factor) => factor * by,
        // Nothing is faster; what is slower is the fastest that there is below.
        Speed::Max if by < 1.0 => fastest,
        Speed::Max => return,
    };
    playhead.set_speed(Speed::Factor(factor.clamp(slowest, fastest)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_the_playhead() {
        let playhead = Playhead::default();
        press(b' ', &playhead);
        assert!(playhead.is_held());
        press(b'x', &playhead);
        assert!(playhead.is_held());
        press(b' ', &playhead);
        assert!(!playhead.is_held());
        press(b'n', &playhead);
        assert!(playhead.is_held(), "a step stops it");
    }
}
