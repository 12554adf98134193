//! The first sixteen colours in the words of terminals that know no others.
//!
//! They are written as those of a table of 256 (`38;5;6`), which older terminals do not understand; to them it is said as ever (`36`).

use std::io::{self, Write};

/// Writes what it is given, with its colours in those words. What was written goes out when it is flushed, for a sequence may come
/// in pieces.
#[derive(Debug)]
pub struct Ansi<W> {
    to: W,
    waiting: Vec<u8>,
}

impl<W: Write> Ansi<W> {
    /// To this terminal.
    pub fn new(to: W) -> Self {
        Self { to, waiting: Vec::new() }
    }
}

impl<W: Write> Write for Ansi<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let said = said_of_old(&self.waiting);
        self.waiting.clear();
        self.to.write_all(&said)?;
        self.to.flush()
    }
}

/// The same with every `ESC [ … m` in the older words.
fn said_of_old(bytes: &[u8]) -> Vec<u8> {
    let mut said = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\x1b[") {
        let (before, sequence) = rest.split_at(at + 2);
        said.extend_from_slice(before);
        let length = sequence.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        let (parameters, behind) = sequence.split_at(length);
        match std::str::from_utf8(parameters) {
            Ok(parameters) if behind.first() == Some(&b'm') => {
                said.extend_from_slice(colours(parameters).as_bytes());
            }
            _ => said.extend_from_slice(parameters),
        }
        rest = behind;
    }
    said.extend_from_slice(rest);
    said
}

fn colours(parameters: &str) -> String {
    let mut all = parameters.split(';');
    let mut said: Vec<String> = Vec::new();
    while let Some(one) = all.next() {
        let place = match one {
            "38" => 30,
            "48" => 40,
            _ => {
                said.push(one.to_owned());
                continue;
            }
        };
        match (all.next(), all.next().map(str::parse::<u8>)) {
            (Some("5"), Some(Ok(colour @ 0..8))) => said.push((place + colour).to_string()),
            (Some("5"), Some(Ok(bright @ 8..16))) => said.push((place + 60 + bright - 8).to_string()),
            (Some("5"), Some(Ok(colour))) => said.push(format!("{one};5;{colour}")),
            // Of three parts; their first has been taken.
            (Some(kind), Some(Ok(red))) => said.push(format!("{one};{kind};{red}")),
            _ => return parameters.to_owned(),
        }
    }
    said.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sixteen_are_said_as_ever_and_all_else_as_it_was() {
        for (written, said) in [
            ("\x1b[38;5;6ma", "\x1b[36ma"),
            ("\x1b[1;38;5;8;48;5;15m", "\x1b[1;90;107m"),
            ("\x1b[38;5;214m 38;5;6m", "\x1b[38;5;214m 38;5;6m"),
            ("\x1b[38;2;0;158;115mx\x1b[0m", "\x1b[38;2;0;158;115mx\x1b[0m"),
            ("\x1b[2;5H\x1b[?25l\x1b[39m\x1b", "\x1b[2;5H\x1b[?25l\x1b[39m\x1b"),
        ] {
            assert_eq!(String::from_utf8(said_of_old(written.as_bytes())).unwrap(), said, "{written:?}");
        }
    }

    #[test]
    fn a_sequence_that_comes_in_pieces_is_written_whole() {
        let mut ansi = Ansi::new(Vec::new());
        for piece in ["\x1b[", "38;5;", "5", "m!"] {
            ansi.write_all(piece.as_bytes()).unwrap();
        }
        ansi.flush().unwrap();
        assert_eq!(ansi.to, b"\x1b[35m!");
    }
}
