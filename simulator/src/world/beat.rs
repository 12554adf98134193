//! Beats: what happens in a game, one thing after the other, each with the scoreboard as it then is.

use domain::id::Text;
use domain::{IncidentKind, Side};

/// Something that happens, and how things stand after it.
#[derive(Debug, Clone)]
pub(super) struct Beat<B> {
    /// When, in milliseconds of the game's own time.
    pub(super) at_ms: u64,
    pub(super) what: What,
    pub(super) board: B,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// The game is announced.
    Announced,
    /// Something that decides bets is in the air: no more of them.
    Danger,
    /// Bets again.
    Calm,
    /// An incident.
    Play(Play),
    /// The scoreboard shows something new that is no incident.
    Shown,
    /// What some markets ask is known, before the result stands.
    Decided,
    /// The last whistle.
    Over,
    /// The result stands.
    Confirmed,
}

/// An incident, as far as it is not on the scoreboard.
#[derive(Debug, Clone)]
pub(super) struct Play {
    pub(super) kind: IncidentKind,
    pub(super) side: Option<Side>,
    pub(super) player: Option<Text>,
    pub(super) detail: Option<&'static str>,
}
