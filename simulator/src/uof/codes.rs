//! The feed's codes. Source: the documentation of the Unified Odds Feed, and its messages.

use domain::fixture::FixtureChangeKind;
use domain::id::Text;
use domain::market::Cashout;
use domain::message::Certainty;
use domain::{EventStatus, MarketStatus, MatchStatus, Side, Sport};

/// The number of a sport in this feed.
pub(crate) fn sport(sport: Sport) -> u32 {
    match sport {
        Sport::Football => 1,
        Sport::Basketball => 2,
        Sport::Hockey => 4,
        Sport::Tennis => 5,
    }
}

pub(super) fn market_status(status: MarketStatus) -> i32 {
    match status {
        MarketStatus::Active => 1,
        MarketStatus::Inactive => 0,
        MarketStatus::Suspended => -1,
        MarketStatus::HandedOver => -2,
        MarketStatus::Settled => -3,
        MarketStatus::Cancelled => -4,
    }
}

pub(super) fn cashout(cashout: Cashout) -> i32 {
    match cashout {
        Cashout::Available => 1,
        Cashout::Unavailable => -1,
        Cashout::Closed => -2,
    }
}

pub(super) fn side(side: Side) -> u32 {
    match side {
        Side::Home => 1,
        Side::Away => 2,
    }
}

pub(super) fn certainty(certainty: Certainty) -> u32 {
    match certainty {
        Certainty::LiveScouted => 1,
        Certainty::Confirmed => 2,
    }
}

pub(super) fn fixture_change(change: FixtureChangeKind) -> u32 {
    match change {
        FixtureChangeKind::New => 1,
        FixtureChangeKind::StartTime => 2,
        FixtureChangeKind::Cancelled => 3,
        FixtureChangeKind::Format => 4,
        FixtureChangeKind::Coverage => 5,
        FixtureChangeKind::Pitcher => 6,
    }
}

pub(super) fn event_status(status: EventStatus) -> u32 {
    match status {
        EventStatus::NotStarted => 0,
        EventStatus::Live => 1,
        EventStatus::Suspended => 2,
        EventStatus::Ended => 3,
        EventStatus::Closed => 4,
        EventStatus::Cancelled => 5,
        EventStatus::Delayed => 6,
        EventStatus::Interrupted => 7,
        EventStatus::Postponed => 8,
        EventStatus::Abandoned => 9,
    }
}

pub(super) fn match_status(status: MatchStatus) -> u32 {
    use MatchStatus as S;
    match status {
        S::NotStarted => 0,
        S::Period1 => 1,
        S::Period2 => 2,
        S::Period3 => 3,
        S::Half1 => 6,
        S::Half2 => 7,
        S::Set1 => 8,
        S::Set2 => 9,
        S::Set3 => 10,
        S::Set4 => 11,
        S::Set5 => 12,
        S::Quarter1 => 13,
        S::Quarter2 => 14,
        S::Quarter3 => 15,
        S::Quarter4 => 16,
        S::HalfTime => 31,
        S::AwaitingOvertime => 32,
        S::ExtraTimeBreak => 33,
        S::AwaitingPenalties => 34,
        S::Overtime => 40,
        S::ExtraTime1 => 41,
        S::ExtraTime2 => 42,
        S::Penalties => 50,
        S::Interrupted => 80,
        S::Abandoned => 90,
        S::AwayWalkover => 93,
        S::HomeWalkover => 94,
        S::HomeRetired => 95,
        S::AwayRetired => 96,
        S::Ended => 100,
        S::EndedAfterOvertime => 110,
        S::EndedAfterPenalties => 120,
        S::Break1 => 301,
        S::Break2 => 302,
        S::Break3 => 303,
        S::Break4 => 304,
    }
}

/// Why a market is void, as `/v1/descriptions/void_reasons.xml` numbers it. What is a number already stays.
pub(crate) fn void_reason(reason: &Text) -> u32 {
    const OTHER: u32 = 0;
    const RETIRED_OR_DEFAULTED: u32 = 9;
    const EVENT_ABANDONED: u32 = 10;
    const NO_RESULT_ASSIGNABLE: u32 = 14;
    match reason.as_str() {
        "abandoned" => EVENT_ABANDONED,
        "retirement" => RETIRED_OR_DEFAULTED,
        "nobody came to it" => NO_RESULT_ASSIGNABLE,
        code => code.parse().unwrap_or(OTHER),
    }
}
