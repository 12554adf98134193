//! How meaning looks: colours for terminals of every depth, and signs for those that have no others than ASCII.
//!
//! No meaning is told by colour alone: each has a sign and a word besides. The colours are those of Okabe and Ito, which people
//! with any kind of colour vision tell apart; red and green never stand against each other.

use std::env;

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Palette {
    /// None: bold, dim and reversed have to do.
    None,
    /// The eight of old.
    #[value(name = "8")]
    Eight,
    /// Those and their bright twins.
    #[value(name = "16")]
    Sixteen,
    /// Those of xterm.
    #[value(name = "256")]
    Indexed,
    /// All.
    #[value(name = "true")]
    True,
}

impl Palette {
    /// What the environment says of the terminal: `NO_COLOR` (<https://no-color.org>), `COLORTERM`, `TERM`.
    #[must_use]
    pub fn detect() -> Self {
        let of = |name: &str| env::var(name).unwrap_or_default();
        Self::of(&of("NO_COLOR"), &of("COLORTERM"), &of("TERM"))
    }

    fn of(no_color: &str, colorterm: &str, term: &str) -> Self {
        match (colorterm, term) {
            _ if !no_color.is_empty() => Self::None,
            ("truecolor" | "24bit", _) => Self::True,
            (_, "dumb" | "") => Self::None,
            (_, term) if term.contains("direct") => Self::True,
            (_, term) if term.contains("256") => Self::Indexed,
            (_, "linux" | "xterm-color" | "ansi") => Self::Eight,
            _ => Self::Sixteen,
        }
    }
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Anything.
    Plain,
    /// Of less importance.
    Dim,
    /// A title.
    Strong,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Wrong.
    Bad,
    /// What the eye is to find: a chart, the view that is shown.
    Accent,
}

/// Signs and colours.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    palette: Palette,
    /// Whether only ASCII may be shown.
    pub is_ascii: bool,
}

impl Theme {
    /// Takes both.
    #[must_use]
    pub fn new(palette: Palette, is_ascii: bool) -> Self {
        Self { palette, is_ascii }
    }

    /// How text of this tone looks.
    #[must_use]
    pub fn style(&self, tone: Tone) -> Style {
        let style = Style::new();
        let emphasis = match tone {
            Tone::Strong | Tone::Bad => style.add_modifier(Modifier::BOLD),
            Tone::Dim if self.palette == Palette::None => style.add_modifier(Modifier::DIM),
            _ => style,
        };
        self.colour(tone).map_or(emphasis, |colour| emphasis.fg(colour))
    }

    /// The row or tab that is chosen. Reversed, which every terminal shows.
    #[must_use]
    pub fn chosen(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn colour(&self, tone: Tone) -> Option<Color> {
        let (eight, sixteen, indexed, exact) = match tone {
            Tone::Plain | Tone::Strong => return None,
            // Black on black where there are eight: dim is left to the terminal's own foreground.
            Tone::Dim => (None, Color::DarkGray, 245, (140, 140, 140)),
            Tone::Good => (Some(Color::Cyan), Color::Cyan, 36, (0, 158, 115)),
            Tone::Warning => (Some(Color::Yellow), Color::LightYellow, 214, (230, 159, 0)),
            Tone::Bad => (Some(Color::Magenta), Color::LightMagenta, 202, (213, 94, 0)),
            // The blue of eight is too dark to read on black.
            Tone::Accent => (None, Color::LightBlue, 74, (86, 180, 233)),
        };
        match self.palette {
            Palette::None => None,
            Palette::Eight => eight,
            Palette::Sixteen => Some(sixteen),
            Palette::Indexed => Some(Color::Indexed(indexed)),
            Palette::True => Some(Color::Rgb(exact.0, exact.1, exact.2)),
        }
    }

    /// One of two signs: the one of ASCII, where only that may be shown.
    #[must_use]
    pub fn sign<'a>(&self, sign: &'a str, ascii: &'a str) -> &'a str {
        if self.is_ascii { ascii } else { sign }
    }

    /// Heights of a bar, from nothing to full.
    #[must_use]
    pub fn levels(&self) -> &'static [char] {
        if self.is_ascii {
            &[' ', '.', ':', '-', '=', '+', '*', '#']
        } else {
            &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 7] =
        [Tone::Plain, Tone::Dim, Tone::Strong, Tone::Good, Tone::Warning, Tone::Bad, Tone::Accent];

    #[test]
    fn the_environment_tells_the_palette() {
        assert_eq!(Palette::of("1", "truecolor", "xterm-256color"), Palette::None);
        assert_eq!(Palette::of("", "truecolor", "xterm"), Palette::True);
        assert_eq!(Palette::of("", "", "xterm-256color"), Palette::Indexed);
        assert_eq!(Palette::of("", "", "xterm"), Palette::Sixteen);
        assert_eq!(Palette::of("", "", "linux"), Palette::Eight);
        assert_eq!(Palette::of("", "", "dumb"), Palette::None);
    }

    #[test]
    fn every_palette_shows_only_colours_that_it_has() {
        for tone in TONES {
            let colour = |palette| Theme::new(palette, false).style(tone).fg;
            assert_eq!(colour(Palette::None), None);
            assert!(!matches!(
                colour(Palette::Eight),
                Some(Color::Indexed(_) | Color::Rgb(..) | Color::LightYellow)
            ));
            assert!(!matches!(colour(Palette::Sixteen), Some(Color::Indexed(_) | Color::Rgb(..))));
            assert!(matches!(colour(Palette::Indexed), None | Some(Color::Indexed(16..))));
        }
    }

    #[test]
    fn good_warning_and_bad_differ_in_every_palette_with_colours() {
        for palette in [Palette::Eight, Palette::Sixteen, Palette::Indexed, Palette::True] {
            let theme = Theme::new(palette, false);
            let [good, warning, bad] =
                [Tone::Good, Tone::Warning, Tone::Bad].map(|tone| theme.style(tone).fg);
            assert!(good != warning && warning != bad && good != bad, "{palette:?}");
        }
    }
}
