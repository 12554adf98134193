//! Text that came from outside, made safe to show: a name in a feed must not move the cursor or turn a line around.

use std::fmt::{self, Write};

use serde::{Deserialize, Deserializer};

/// Characters that are kept of one text; no line of any screen is longer.
const CHARACTERS_MAX: usize = 400;

/// Text whose every character is what it looks like. What a terminal would obey, and what only changes how its neighbours look,
/// stands there escaped: `\u{1b}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// Escapes `raw`, and cuts what is too long.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let mut text = String::with_capacity(raw.len().min(CHARACTERS_MAX));
        for (index, character) in raw.chars().enumerate() {
            if index == CHARACTERS_MAX {
                text.push('…');
                break;
            }
            if is_harmless(character) {
                text.push(character);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(text, "{}", character.escape_unicode());
            }
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Neither a control character, nor one of those that are not seen but work on others: direction marks and overrides,
/// separators of lines, joiners and other signs of no width, tags, variation selectors.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|raw| Self::new(&raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_not_sent() {
        for (raw, shown) in [
            ("Østfold 東京", "Østfold 東京"),
            ("\u{1b}[2J\u{7}", r"\u{1b}[2J\u{7}"),
            ("a\nb\tc\r", r"a\u{a}b\u{9}c\u{d}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("abc\u{202e}cba", r"abc\u{202e}cba"),
            ("\u{2066}x\u{2069}\u{200b}", r"\u{2066}x\u{2069}\u{200b}"),
        ] {
            assert_eq!(Text::new(raw).as_str(), shown);
        }
    }

    #[test]
    fn text_without_end_is_cut() {
        let text = Text::new(&"x".repeat(1_000_000));
        assert_eq!(text.as_str().chars().count(), CHARACTERS_MAX + 1);
        assert!(text.as_str().ends_with('…'));
    }
}
