//! What sources say of a market that order by time: the later one stands, of two of the same time the more restrictive
//! one, so that they may be heard in any order and as often as they like.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::decided::{Decision, Verdict};
use super::{Book, Closed, Offer, StandingOffer, is_closed};
use crate::Timestamp;
use crate::id::{Source, Text};
use crate::limit::REPEATS_MAX;
use crate::market::MarketStatus;
use crate::message::{Certainty, SettledMarket, Window};

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
        self.decide_at(source, Verdict::Settlement { certainty, void_reason, outcomes }, (at, false))
    }

    /// `again` says that it answers a recovery.
    pub(crate) fn roll_back_settlement_at(&mut self, source: &Source, at: Timestamp, again: bool) -> bool {
        self.decide_at(source, Verdict::SettlementRollback, (at, again))
    }

    pub(crate) fn cancel_at(
        &mut self,
        source: &Source,
        window: Window,
        void_reason: Option<Text>,
        at: Timestamp,
    ) -> bool {
        self.decide_at(source, Verdict::Cancel { window, void_reason }, (at, false))
    }

    /// `again` says that it answers a recovery.
    pub(crate) fn roll_back_cancel_at(
        &mut self,
        source: &Source,
        window: Window,
        at: Timestamp,
        again: bool,
    ) -> bool {
        self.decide_at(source, Verdict::CancelRollback { window }, (at, again))
    }

    /// Among decisions of sources that order by time its place follows from what it is; beside others, from when it came.
    fn decide_at(&mut self, source: &Source, verdict: Verdict, (at, again): (Timestamp, bool)) -> bool {
        let decision = Decision { source: source.clone(), verdict, at: Some(at), again };
        if let Some(known) = self.decisions.iter_mut().find(|known| known.place() == decision.place()) {
            let is_news = known.again && !again;
            known.again &= again;
            return is_news;
        }
        let before = |other: &Decision| other.at.is_none() || other.place() < decision.place();
        let index = self.decisions.iter().rposition(before).map_or(0, |before| before + 1);
        self.decisions.insert(index, decision);
        self.forget_repeats(index);
        true
    }

    /// Of a decision that is said many times in a row the first and the last few are kept: something else may yet be told to
    /// have been said between them.
    fn forget_repeats(&mut self, index: usize) {
        let same: Vec<usize> = (0..self.decisions.len())
            .filter(|other| self.decisions[*other].is_of_line(&self.decisions[index]))
            .collect();
        let runs = same.chunk_by(|_, next| self.says_again(*next));
        let longest = runs.into_iter().find(|run| run.contains(&index)).filter(|run| run.len() > REPEATS_MAX);
        if let Some(second) = longest.and_then(|run| run.get(1)).copied() {
            self.decisions.remove(second);
        }
    }

    /// Whether a decision only says again what was said last in its line. A rollback may be meant for what was decided before
    /// that, unless it answers a recovery: that repeats, and nobody could tell how often.
    pub(super) fn says_again(&self, index: usize) -> bool {
        let decision = &self.decisions[index];
        let mut before = self.decisions[..index].iter().rev();
        decision.at.is_some()
            && (decision.again || !decision.verdict.is_rollback())
            && before
                .find(|other| other.is_of_line(decision))
                .is_some_and(|last| last.at.is_some() && last.verdict == decision.verdict)
    }

    /// The decisions but those that say again what was said last.
    pub(super) fn said_once(&self) -> impl Iterator<Item = &Decision> {
        let said = self.decisions.iter().enumerate();
        said.filter(|(index, _)| !self.says_again(*index)).map(|(_, decision)| decision)
    }
}

impl StandingOffer {
    fn take(&mut self, offer: &Offer, at: Timestamp) -> bool {
        let said = self.said.unwrap_or(Said::NEVER);
        let (mut now, restriction) = (said, offer.status.restriction());
        let closes = is_closed(offer.status);
        let told = (at, restriction, offer.favourite, offer.cashout);
        let (replaces, replaces_outcomes) = {
            let known = (said.at, self.status.restriction(), self.favourite, self.cashout);
            let known_outcomes =
                (said.outcomes_at, said.outcomes_status.restriction(), Reverse(&self.outcomes));
            let told_outcomes = (at, restriction, Reverse(&offer.outcomes));
            (!closes && told > known, !offer.outcomes.is_empty() && told_outcomes > known_outcomes)
        };
        if replaces {
            (self.status, self.favourite, self.cashout) = (offer.status, offer.favourite, offer.cashout);
            now.at = at;
        }
        if replaces_outcomes {
            self.outcomes.clone_from(&offer.outcomes);
            (now.outcomes_at, now.outcomes_status) = (at, offer.status);
        }
        let is_closed = closes && self.close(offer.status, at);
        self.only_closed &= closes && offer.outcomes.is_empty();
        // Groups are only ever added: which of two offers came first must make no difference.
        let groups_before = self.groups.len();
        self.groups.extend(offer.groups.iter().cloned());
        self.said = Some(now);
        replaces || replaces_outcomes || is_closed || self.groups.len() > groups_before
    }

    /// Takes that the market is said to be settled or cancelled; says whether that is news.
    fn close(&mut self, status: MarketStatus, at: Timestamp) -> bool {
        let closed = Closed { status, at: Some(at) };
        match self.closed.iter_mut().find(|known| known.status == status) {
            Some(known) if known.at >= closed.at => return false,
            Some(known) => *known = closed,
            None => self.closed.push(closed),
        }
        self.closed.sort_by_key(|closed| (closed.at, closed.status.restriction()));
        true
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

    /// Whether one of the two may take back or replace the other: both are of one source, and of settlements or of cancels of
    /// one window.
    fn is_of_line(&self, other: &Self) -> bool {
        self.source == other.source && self.verdict.line() == other.verdict.line()
    }
}
