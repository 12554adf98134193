//! Why a game is recorded without its beginning.

use std::fmt;

use super::MET_MAX;

/// Why a game is recorded without its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Headless {
    /// Nobody was to be asked how it stood.
    Unasked,
    /// Who was asked does not know it.
    Unknown,
    /// Who was asked did not say it in time, or nothing that can be used.
    Unsaid,
    /// Its first message had waited for the image of another game for as long as a message may.
    Waited,
    /// So many games had been met that this one is not told apart from further ones: of these messages are counted, not games.
    Beyond,
}

impl Headless {
    /// What is counted, and what it lacks.
    #[must_use]
    pub fn without(self) -> &'static str {
        match self {
            Self::Unasked | Self::Unknown | Self::Unsaid | Self::Waited => {
                "games that had begun before are without their beginning"
            }
            Self::Beyond => "messages are of games that lack their beginning where they had begun before",
        }
    }
}

impl fmt::Display for Headless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("nobody was to be asked how they stood"),
            Self::Unknown => f.write_str("who was asked does not know them"),
            Self::Unsaid => f.write_str("nobody said in time how they stood"),
            Self::Waited => f.write_str("they had waited for the image of another game for too long"),
            Self::Beyond => write!(f, "images are asked for of the first {MET_MAX} games alone"),
        }
    }
}
