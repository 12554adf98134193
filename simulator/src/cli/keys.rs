//! Keys that stop a replay, let it go on, or move it by one step, where somebody sits at a terminal.

use std::io::{IsTerminal, Read};

use nix::sys::termios::{self, LocalFlags, SetArg, Termios};

use super::say;
use crate::pacer::{Playhead, Speed};

/// The terminal while it gives each key at once and unseen; it is as before when this is dropped.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// Listens, where input and errors are a terminal's.
    pub(super) fn listen(playhead: Playhead) -> Option<Self> {
        let input = std::io::stdin();
        if !input.is_terminal() || !std::io::stderr().is_terminal() {
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
        Some(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
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
    if let Speed::Factor(factor) = playhead.speed() {
        let factor = (factor * by).clamp(*Speed::FACTORS.start(), *Speed::FACTORS.end());
        playhead.set_speed(Speed::Factor(factor));
    }
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
