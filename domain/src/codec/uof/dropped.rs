//! What of a message is known, and not passed on.

/// A part of messages that is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// The element.
    pub element: &'static str,
    /// Its attribute, or [`EVERY`] for the element with all that is in it.
    pub attribute: &'static str,
    /// Why nobody misses it.
    pub reason: &'static str,
}

/// Every attribute, and every child.
pub const EVERY: &str = "*";

/// All of them. The table in `docs/uof.md` is this one.
pub const DROPPED: &[Dropped] = &[
    dropped("odds_change", "odds_change_reason", "says why the provider moved its odds, not what they are"),
    dropped(
        "odds_generation_properties",
        EVERY,
        "what the provider's model expects; the probabilities are kept",
    ),
    dropped(
        "odds",
        "betting_status",
        "a code from the provider's own list; the markets' statuses say what is open",
    ),
    dropped("odds", "betstop_reason", "a code from the provider's own list; the bet stop itself is kept"),
    dropped("market", "name", "not in the schema; names come from the market descriptions"),
    dropped("market", "extended_specifiers", "is no part of which market it is"),
    dropped("market", "extended_specifers", "the same, misspelt"),
    dropped("market_metadata", EVERY, "announces a bet stop that is sent when it comes"),
    dropped("sport_event_status", "reporting", "says how the match is covered, not how it stands"),
    dropped("clock", "stoppage_time", "is counted into the seconds played"),
    dropped("clock", "remaining_time", "follows from the time left in the period"),
    dropped("period_score", "number", "follows from the period; read where `match_status_code` is missing"),
    dropped("results", EVERY, "the score and the period scores say it"),
];

const fn dropped(element: &'static str, attribute: &'static str, reason: &'static str) -> Dropped {
    Dropped { element, attribute, reason }
}

pub(super) fn is_dropped(element: &str, attribute: &str) -> bool {
    DROPPED.iter().any(|dropped| {
        dropped.element == element && (dropped.attribute == EVERY || dropped.attribute == attribute)
    })
}

pub(super) fn is_dropped_whole(element: &str) -> bool {
    DROPPED.iter().any(|dropped| dropped.element == element && dropped.attribute == EVERY)
}
