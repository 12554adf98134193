//! The feed's codes.

use crate::fixture::FixtureChangeKind;
use crate::market::Cashout;
use crate::message::Certainty;
use crate::sport::Rules;
use crate::{EventStatus, MarketStatus, MatchStatus, Side, Sport};

pub(super) fn sport(id: u32) -> Option<Sport> {
    Sport::ALL.into_iter().find(|sport| sport.rules().id == id)
}

pub(super) fn market_status(code: i32) -> Option<MarketStatus> {
    Some(match code {
        1 => MarketStatus::Active,
        0 => MarketStatus::Inactive,
        -1 => MarketStatus::Suspended,
        -2 => MarketStatus::HandedOver,
        -3 => MarketStatus::Settled,
        -4 => MarketStatus::Cancelled,
        _ => return None,
    })
}

pub(super) fn cashout(code: i32) -> Option<Cashout> {
    Some(match code {
        1 => Cashout::Available,
        -1 => Cashout::Unavailable,
        -2 => Cashout::Closed,
        _ => return None,
    })
}

/// Sides and players of sides are numbered.
pub(super) fn side(number: i32) -> Option<Side> {
    match number {
        1 => Some(Side::Home),
        2 => Some(Side::Away),
        _ => None,
    }
}

pub(super) fn certainty(code: i32) -> Option<Certainty> {
    match code {
        1 => Some(Certainty::LiveScouted),
        2 => Some(Certainty::Confirmed),
        _ => None,
    }
}

pub(super) fn fixture_change(code: i32) -> Option<FixtureChangeKind> {
    Some(match code {
        1 => FixtureChangeKind::New,
        2 => FixtureChangeKind::StartTime,
        3 => FixtureChangeKind::Cancelled,
        4 => FixtureChangeKind::Format,
        5 => FixtureChangeKind::Coverage,
        6 => FixtureChangeKind::Pitcher,
        _ => return None,
    })
}

pub(super) fn event_status(code: i32) -> Option<EventStatus> {
    Some(match code {
        0 => EventStatus::NotStarted,
        1 => EventStatus::Live,
        2 => EventStatus::Suspended,
        3 => EventStatus::Ended,
        4 => EventStatus::Closed,
        5 => EventStatus::Cancelled,
        6 => EventStatus::Delayed,
        7 => EventStatus::Interrupted,
        8 => EventStatus::Postponed,
        9 => EventStatus::Abandoned,
        _ => return None,
    })
}

/// The part of a game that a code names. One code names parts of several sports: of those it is the one that the sport
/// has.
pub(super) fn match_status(code: i32, rules: &Rules) -> Option<MatchStatus> {
    use MatchStatus as S;
    let candidates: &[S] = match code {
        0 => &[S::NotStarted],
        1 => &[S::Period1, S::Quarter1, S::Half1, S::Set1],
        2 => &[S::Period2, S::Quarter2, S::Half2, S::Set2],
        3 => &[S::Period3, S::Quarter3, S::Set3],
        4 => &[S::Quarter4, S::Set4],
        5 => &[S::Set5],
        6 => &[S::Half1],
        7 => &[S::Half2],
        8 => &[S::Set1],
        9 => &[S::Set2],
        10 => &[S::Set3],
        11 => &[S::Set4],
        12 => &[S::Set5],
        13 => &[S::Quarter1],
        14 => &[S::Quarter2],
        15 => &[S::Quarter3],
        16 => &[S::Quarter4],
        31 => &[S::HalfTime, S::Break2],
        32 => &[S::AwaitingOvertime],
        33 => &[S::ExtraTimeBreak],
        34 => &[S::AwaitingPenalties],
        40 => &[S::Overtime, S::ExtraTime1],
        41 => &[S::ExtraTime1],
        42 => &[S::ExtraTime2],
        50 => &[S::Penalties],
        80 | 81 => &[S::Interrupted],
        90 => &[S::Abandoned],
        // The feed says of a walkover who has won, of a retirement who gave up.
        93 => &[S::AwayWalkover],
        94 => &[S::HomeWalkover],
        95 => &[S::HomeRetired],
        96 => &[S::AwayRetired],
        100 => &[S::Ended],
        110 => &[S::EndedAfterOvertime],
        120 => &[S::EndedAfterPenalties],
        301 => &[S::Break1],
        302 => &[S::Break2],
        303 => &[S::Break3],
        304 => &[S::Break4],
        _ => &[],
    };
    candidates.iter().copied().find(|status| rules.has_part(*status))
}

/// What is on in an event of which no more is known; `None` where it may be any part.
pub(super) fn match_status_of(status: EventStatus) -> Option<MatchStatus> {
    match status {
        EventStatus::NotStarted | EventStatus::Cancelled | EventStatus::Delayed | EventStatus::Postponed => {
            Some(MatchStatus::NotStarted)
        }
        EventStatus::Ended | EventStatus::Closed => Some(MatchStatus::Ended),
        EventStatus::Interrupted => Some(MatchStatus::Interrupted),
        EventStatus::Abandoned => Some(MatchStatus::Abandoned),
        EventStatus::Live | EventStatus::Suspended => None,
    }
}
