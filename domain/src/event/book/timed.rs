//! What sources say of a market that order by time: the later one stands, of two of the same time the more restrictive
//! one, so that they may be heard in any order and as often as they like.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Book, Certainty, Decision, Offer, SettledMarket, Source, StandingOffer, Text, Verdict, Window};
use crate::Timestamp;
use crate::market::MarketStatus;

/// When the parts of an offer were said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// Of the status, and what comes with it.
    pub(super) at: Timestamp,
    /// Of the outcomes: an offer without any leaves them as they were.
    outcomes_at: Timestamp,
    /// The status with which the outcomes came.
    outcomes_status: MarketStatus,
}

impl Said {
    const NEVER: Self = Self {
        at: Timestamp(i64::MIN),
        outcomes_at: Timestamp(i64::MIN),
        outcomes_status: MarketStatus::Active,
    };
}

/// Each says whether it added anything to what was known.
impl Book {
    pub(crate) fn offer_at(&mut self, source: &Source, offer: &Offer, at: Timestamp) -> bool {
        let known = self.offers.iter().position(|standing| standing.source == *source);
        let mut standing = match known {
            Some(index) => self.offers[index].clone(),
            None => StandingOffer::nothing(source),
        };
        if !standing.take(offer, at) {
            return false;
        }
        if let Some(index) = known {
            self.offers.remove(index);
        }
        let place = standing.place();
        let before = |other: &StandingOffer| other.said.is_none() || other.place() <= place;
        let index = self.offers.iter().rposition(before).map_or(0, |before| before + 1);
        self.offers.insert(index, standing);
        true
    }

    pub(crate) fn settle_at(
        &mut self,
        source: &Source,
        certainty: Certainty,
        market: &SettledMarket,
        at: Timestamp,
    ) -> bool {
        let SettledMarket { void_reason, outcomes, .. } = market.clone();
        self.decide_at(source, Verdict::Settlement { certainty, void_reason, outcomes }, at)
    }

    pub(crate) fn roll_back_settlement_at(&mut self, source: &Source, at: Timestamp) -> bool {
        self.decide_at(source, Verdict::SettlementRollback, at)
    }

    pub(crate) fn cancel_at(
        &mut self,
        source: &Source,
        window: Window,
        void_reason: Option<Text>,
        at: Timestamp,
    ) -> bool {
        self.decide_at(source, Verdict::Cancel { window, void_reason }, at)
    }

    pub(crate) fn roll_back_cancel_at(&mut self, source: &Source, window: Window, at: Timestamp) -> bool {
        self.decide_at(source, Verdict::CancelRollback { window }, at)
    }

    /// Among decisions of sources that order by time its place follows from what it is; beside others, from when it came.
    fn decide_at(&mut self, source: &Source, verdict: Verdict, at: Timestamp) -> bool {
        let decision = Decision { source: source.clone(), verdict, at: Some(at) };
        if self.decisions.contains(&decision) {
            return false;
        }
        let before = |other: &Decision| other.at.is_none() || other.place() < decision.place();
        let index = self.decisions.iter().rposition(before).map_or(0, |before| before + 1);
        self.decisions.insert(index, decision);
        true
    }
}

impl StandingOffer {
    fn take(&mut self, offer: &Offer, at: Timestamp) -> bool {
        let said = self.said.unwrap_or(Said::NEVER);
        let (mut now, restriction) = (said, offer.status.restriction());
        let told = (at, restriction, offer.favourite, offer.cashout);
        let (replaces, replaces_outcomes) = {
            let known = (said.at, self.status.restriction(), self.favourite, self.cashout);
            let known_outcomes =
                (said.outcomes_at, said.outcomes_status.restriction(), Reverse(&self.outcomes));
            let told_outcomes = (at, restriction, Reverse(&offer.outcomes));
            (told > known, !offer.outcomes.is_empty() && told_outcomes > known_outcomes)
        };
        if replaces {
            (self.status, self.favourite, self.cashout) = (offer.status, offer.favourite, offer.cashout);
            now.at = at;
        }
        if replaces_outcomes {
            self.outcomes.clone_from(&offer.outcomes);
            (now.outcomes_at, now.outcomes_status) = (at, offer.status);
        }
        // Groups are only ever added: which of two offers came first must make no difference.
        let groups_before = self.groups.len();
        self.groups.extend(offer.groups.iter().cloned());
        self.said = Some(now);
        replaces || replaces_outcomes || self.groups.len() > groups_before
    }

    /// Where it stands among the offers of sources that order by time: the last one is the one that clients see.
    fn place(&self) -> (Timestamp, u8, Source) {
        let said = self.said.unwrap_or(Said::NEVER);
        (said.at, self.status.restriction(), self.source.clone())
    }
}

impl Decision {
    fn place(&self) -> (Option<Timestamp>, &Verdict, &Source) {
        (self.at, &self.verdict, &self.source)
    }
}
