//! Beats: what happens in a game, one thing after the other, each with the scoreboard as it then is.

use domain::id::Text;
use domain::{IncidentKind, Side};

/// Something that happens, and how things stand after it.
#[derive(Debug, Clone)]
pub(super) struct Beat<B> {
    /// Counted from 0: an incident's id.
    pub(super) number: usize,
    /// When, in milliseconds of the game's own time.
    pub(super) at_ms: u64,
    pub(super) what: What,
    pub(super) board: B,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// The game is announced.
    Announced,
    /// It will begin later than was said: when, in milliseconds of the game's own time.
    Delayed { until_ms: u64 },
    /// Something that decides bets is in the air: no more of them.
    Danger,
    /// Bets again.
    Calm,
    /// An incident.
    Play(Play),
    /// An earlier incident was otherwise than said.
    Amended(Earlier),
    /// An earlier incident was none.
    Deleted(Earlier),
    /// The scoreboard takes back what it showed.
    Corrected,
    /// Play is broken off, and may go on.
    Halted,
    /// Play is broken off for good.
    Abandoned,
    /// The scoreboard shows something new that is no incident.
    Shown,
    /// What some markets ask is known, before the result stands.
    Decided,
    /// The last whistle.
    Over,
    /// The result stands.
    Confirmed,
}

/// An incident that was told before, as it stands now.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    /// The number of its beat.
    pub(super) number: usize,
    pub(super) play: Play,
    /// When it happened: part of the game and seconds of its clock.
    pub(super) part: domain::MatchStatus,
    pub(super) seconds: u32,
}

/// An incident, as far as it is not on the scoreboard.
#[derive(Debug, Clone)]
pub(super) struct Play {
    pub(super) kind: IncidentKind,
    pub(super) side: Option<Side>,
    pub(super) player: Option<Text>,
    pub(super) detail: Option<&'static str>,
}
