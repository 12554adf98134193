//! Bytes of strangers on a terminal: nothing in them moves its cursor, changes its colours or its title, or hides what is there.

use std::fmt::Write as _;

/// Bytes of a line in hexadecimal.
const HEX_BYTES: usize = 16;

/// Text on one line, with whatever is no visible character as an escape.
#[must_use]
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Text of several lines, or hexadecimal where the bytes are no text.
#[must_use]
pub fn block(bytes: &[u8], as_hex: bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !as_hex => escaped(text, |letter| matches!(letter, '\n' | '\t')),
        _ => hex(bytes),
    }
}

fn escaped(text: &str, is_allowed: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_visible(letter) || is_allowed(letter) {
            safe.push(letter);
        } else {
            safe.extend(letter.escape_default());
        }
    }
    safe
}

/// No control character, and none of Unicode's that reorder, join or hide what stands beside them.
fn is_visible(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5);
    for (index, row) in bytes.chunks(HEX_BYTES).enumerate() {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown: String = row
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        let offset = index * HEX_BYTES;
        let width = HEX_BYTES * 3 - 1;
        writeln!(text, "{offset:08x}  {:width$}  {shown}", digits.join(" "))
            .expect("a string takes every line");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        assert_eq!(
            line("a\u{1b}]0;x\u{7}\r\nb\u{202e}c\u{9b}31m"),
            "a\\u{1b}]0;x\\u{7}\\r\\nb\\u{202e}c\\u{9b}31m"
        );
        assert_eq!(line("Hämeen Karhut"), "Hämeen Karhut");
        assert_eq!(block("{\n\t\"a\":\u{1b}1}".as_bytes(), false), "{\n\t\"a\":\\u{1b}1}");
    }

    #[test]
    fn what_is_no_text_is_shown_in_hexadecimal() {
        assert_eq!(
            block(b"\xff\xfe<a>", false),
            "00000000  ff fe 3c 61 3e                                   ..<a>\n"
        );
        assert!(block(b"text", true).starts_with("00000000  74 65 78 74"));
    }
}
