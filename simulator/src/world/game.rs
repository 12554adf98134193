//! What a sport gives so that its games can be told: how its incidents are told, what its markets ask, and how
//! likely it holds the answers.

use domain::IncidentKind;
use domain::market::MarketKey;

use super::board::Board;
use super::mood::Mood;

/// One game of a sport, as a bookmaker knows its sides.
pub(super) trait Game {
    /// How a game stands.
    type Board: Board;
    /// How a game may go on.
    type Outlook;
    /// What a market asks.
    type Question: Copy;

    /// The markets, each on offer from when it first is open; the first one is priced most often.
    fn markets(&self) -> Vec<Listed<Self::Question>>;

    /// The outlook when `since` seconds of the clock have passed after the scoreboard was last changed.
    fn outlook(&self, board: &Self::Board, since: u32, mood: Mood) -> Self::Outlook;

    /// How likely each outcome is.
    fn chances(question: Self::Question, outlook: &Self::Outlook) -> Chances;

    /// Whether others of the markets ask something that its answer says or leaves out: then it is priced with them.
    fn is_bound(question: Self::Question) -> bool;

    /// Whether a price makes sense as things stand; where none does, the market is taken off.
    fn is_open(question: Self::Question, board: &Self::Board) -> bool;

    /// The answer, where the game has given it. In the end each market that has been open has one, unless the game was
    /// abandoned: what nothing could have changed any more is answered then, all else is cancelled.
    fn answer(question: Self::Question, board: &Self::Board) -> Option<Answer>;

    /// How an incident is told.
    fn manner(kind: IncidentKind) -> Manner;
}

/// A market on offer.
pub(super) struct Listed<Q> {
    pub(super) question: Q,
    pub(super) key: MarketKey,
    pub(super) outcomes: Outcomes,
}

/// The ids of a market's outcomes.
pub(super) enum Outcomes {
    /// Numbers, as the Unified Odds Feed gives them.
    Fixed(&'static [&'static str]),
    /// Players.
    Players(Vec<String>),
}

/// The most outcomes of a market.
pub(super) const OUTCOMES_MAX: usize = super::board::STARS;

/// How likely each outcome of a market is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chances {
    /// The first of two; the other one happens otherwise.
    Two(f64),
    /// Of three: the first, the second; the third happens otherwise.
    Three(f64, f64),
    /// Of [`OUTCOMES_MAX`], each.
    Many([f64; OUTCOMES_MAX]),
}

/// What became of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The outcome of this place wins.
    Wins(usize),
    /// Half of the stakes on the outcome of this place, one of two, win; the other halves go back.
    HalfWins(usize),
    /// The outcomes of these places, as bits, tie: each wins its share.
    Tie(u16),
    /// No outcome does, for this reason: stakes go back.
    Void(&'static str),
}

/// How an incident is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) weight: Weight,
    /// Whether the scoreboard is told with it.
    pub(super) has_status: bool,
    /// Whether it tells the score it led to.
    pub(super) has_score: bool,
}

/// Whether a message may be left out where room is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Never.
    Must,
    /// After all minor ones.
    Major,
    /// First.
    Minor,
}
