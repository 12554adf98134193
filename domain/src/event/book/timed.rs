//! What sources say of a market that order by time: the later one stands, of two of the same time the more restrictive
//! one, so that they may be heard in any order and as often as they like.

use std::cmp::Reverse;
use std::collections::BTreeMap;

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
        self.in_game = self.in_game || !source.is_pre_match();
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

    /// `request_id` is that of the recovery that it answers; so of all that is decided.
    pub(crate) fn settle_at(
        &mut self,
        source: &Source,
        certainty: Certainty,
        market: &SettledMarket,
        said: (Timestamp, Option<u64>),
    ) -> bool {
        let SettledMarket { void_reason, outcomes, .. } = market.clone();
        self.decide_at(source, Verdict::Settlement { certainty, void_reason, outcomes }, said)
    }

    pub(crate) fn roll_back_settlement_at(
        &mut self,
        source: &Source,
        said: (Timestamp, Option<u64>),
    ) -> bool {
        self.decide_at(source, Verdict::SettlementRollback, said)
    }

    pub(crate) fn cancel_at(
        &mut self,
        source: &Source,
        window: Window,
        void_reason: Option<Text>,
        said: (Timestamp, Option<u64>),
    ) -> bool {
        self.decide_at(source, Verdict::Cancel { window, void_reason }, said)
    }

    pub(crate) fn roll_back_cancel_at(
        &mut self,
        source: &Source,
        window: Window,
        said: (Timestamp, Option<u64>),
    ) -> bool {
        self.decide_at(source, Verdict::CancelRollback { window }, said)
    }

    /// Whether a settlement only says again what is known, and takes no room; so of a cancel.
    pub(crate) fn has_settlement(
        &self,
        source: &Source,
        certainty: Certainty,
        market: &SettledMarket,
        request_id: Option<u64>,
    ) -> bool {
        let is_it = |known: &Verdict| {
            let Verdict::Settlement { certainty: of, void_reason, outcomes } = known else { return false };
            *of == certainty && *void_reason == market.void_reason && *outcomes == market.outcomes
        };
        self.has_said(source, None, request_id, is_it)
    }

    pub(crate) fn has_cancel(
        &self,
        source: &Source,
        window: Window,
        reason: Option<&Text>,
        request_id: Option<u64>,
    ) -> bool {
        let is_it = |known: &Verdict| match known {
            Verdict::Cancel { window: of, void_reason } => *of == window && void_reason.as_ref() == reason,
            _ => false,
        };
        self.has_said(source, Some(window), request_id, is_it)
    }

    /// Whether a source has said last in a line what it says now, or at all where that answers a recovery: it repeats.
    fn has_said(
        &self,
        source: &Source,
        line: Option<Window>,
        request_id: Option<u64>,
        is_it: impl Fn(&Verdict) -> bool,
    ) -> bool {
        let own =
            self.decisions.iter().filter(|known| known.source == *source && known.verdict.line() == line);
        let mut said = own.rev().map(|known| &known.verdict);
        match request_id {
            Some(_) => said.any(is_it),
            None => said.next().is_some_and(is_it),
        }
    }

    /// Among decisions of sources that order by time its place follows from what it is; beside others, from when it came.
    fn decide_at(
        &mut self,
        source: &Source,
        verdict: Verdict,
        (at, request_id): (Timestamp, Option<u64>),
    ) -> bool {
        let decision = Decision { source: source.clone(), verdict, at: Some(at), request_id };
        if let Some(known) = self.decisions.iter_mut().find(|known| known.place() == decision.place()) {
            // Said first by none, or by the first of them: whichever came first.
            let is_news = request_id < known.request_id;
            known.request_id = known.request_id.min(request_id);
            return is_news;
        }
        let before = |other: &Decision| other.at.is_none() || other.place() < decision.place();
        let index = self.decisions.iter().rposition(before).map_or(0, |before| before + 1);
        self.decisions.insert(index, decision);
        self.forget_repeats(index);
        true
    }

    /// Of a decision that is said many times in a row the first and the last few are kept, and of all that repeats what was said
    /// the last few recoveries: something else may yet be told to have been said between them.
    fn forget_repeats(&mut self, index: usize) {
        let line: Vec<usize> = (0..self.decisions.len())
            .filter(|other| self.decisions[*other].is_of_line(&self.decisions[index]))
            .collect();
        let said: Vec<&Decision> = line.iter().map(|index| &self.decisions[*index]).collect();
        let places: Vec<usize> = (0..line.len()).collect();
        let mut runs = places.chunk_by(|_, next| follows_itself(&said, *next));
        let longest = runs.find(|run| run.iter().any(|place| line[*place] == index));
        let second = longest.filter(|run| run.len() > REPEATS_MAX).and_then(|run| run.get(1));
        let second = second.map(|place| vec![line[*place]]);

        // Those that came last, last.
        let mut recoveries: Vec<u64> = Vec::new();
        for request_id in said.iter().rev().filter_map(|decision| decision.request_id) {
            if !recoveries.contains(&request_id) {
                recoveries.push(request_id);
            }
        }
        let older = recoveries.iter().skip(REPEATS_MAX).rev().map(|request_id| {
            let is_of = |index: &usize| self.decisions[*index].request_id == Some(*request_id);
            line.iter().copied().filter(is_of).collect::<Vec<usize>>()
        });
        let mut forgotten = second.into_iter().chain(older);
        if let Some(kept) = forgotten.find_map(|forgotten| self.without(&forgotten)) {
            self.decisions = kept;
        }
    }

    /// The decisions without these; `None` where something else would stand then.
    fn without(&self, forgotten: &[usize]) -> Option<Vec<Decision>> {
        let kept = self.decisions.iter().enumerate().filter(|(index, _)| !forgotten.contains(index));
        let decisions = kept.map(|(_, decision)| decision.clone()).collect();
        let book = Self { offers: self.offers.clone(), decisions, in_game: self.in_game };
        let what = |decision: &Decision| (decision.source.clone(), decision.verdict.clone());
        let is_same = book.stood().into_iter().map(what).eq(self.stood().into_iter().map(what))
            && self.offers.iter().all(|offer| book.closed(offer) == self.closed(offer));
        is_same.then_some(book.decisions)
    }

    /// The decisions in the order in which they count: what answers one recovery as a whole, where the last of it was said. What
    /// is said for the first time meanwhile comes before that, and so do those of another recovery.
    pub(super) fn as_counted(&self) -> Vec<&Decision> {
        let mut counted = Vec::with_capacity(self.decisions.len());
        for (index, decision) in self.decisions.iter().enumerate() {
            let is_of_it = |other: &&Decision| other.is_of_recovery(decision);
            if decision.request_id.is_none() {
                counted.push(decision);
            } else if !self.decisions[index + 1..].iter().any(|later| is_of_it(&later)) {
                counted.extend(self.decisions[..=index].iter().filter(is_of_it));
            }
        }
        counted
    }

    /// The decisions but those that say again what was said before.
    pub(super) fn said_once(&self) -> impl Iterator<Item = &Decision> {
        let said: Vec<&Decision> = self.decisions.iter().collect();
        self.decisions
            .iter()
            .enumerate()
            .filter(move |(index, _)| !says_again(&said, *index))
            .map(|(_, once)| once)
    }
}

/// Whether a decision only says again what was said before: last in its line, or as often by another recovery or by none.
fn says_again(said: &[&Decision], index: usize) -> bool {
    let decision = said[index];
    let follows = follows_itself(said, index);
    if follows || decision.request_id.is_none() {
        return follows;
    }
    let mut told: BTreeMap<Option<u64>, usize> = BTreeMap::new();
    let is_same = |other: &&&Decision| other.is_of_line(decision) && other.verdict == decision.verdict;
    for same in said[..index].iter().filter(is_same) {
        *told.entry(same.request_id).or_default() += 1;
    }
    let own = told.remove(&decision.request_id).unwrap_or(0);
    told.into_values().any(|others| others > own)
}

/// Whether a decision says what was said last in its line. A rollback may be meant for what was decided before that, unless it
/// answers a recovery: that repeats.
pub(super) fn follows_itself(said: &[&Decision], index: usize) -> bool {
    let decision = said[index];
    let mut before = said[..index].iter().rev();
    decision.at.is_some()
        && (decision.request_id.is_some() || !decision.verdict.is_rollback())
        && before
            .find(|other| other.is_of_line(decision))
            .is_some_and(|last| last.at.is_some() && last.verdict == decision.verdict)
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
    pub(super) fn is_of_line(&self, other: &Self) -> bool {
        self.source == other.source && self.verdict.line() == other.verdict.line()
    }

    /// Whether both are of one line, and answer the same recovery.
    fn is_of_recovery(&self, other: &Self) -> bool {
        self.request_id.is_some() && self.request_id == other.request_id && self.is_of_line(other)
    }
}
