//! What was decided about a market: settlements, cancels and rollbacks, and what of them stands.

use serde::{Deserialize, Deserializer, Serialize};

use super::Book;
use super::timed::follows_itself;
use crate::Timestamp;
use crate::id::{Source, Text};
use crate::market::{MarketStatus, VoidWindow};
use crate::message::{Certainty, SettledMarket, SettledOutcome, Window};

/// Something decided about the market, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) source: Source,
    pub(super) verdict: Verdict,
    /// When it was decided; of sources that order by time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// Of such a source: which recovery it answered, where it did, and so may say again what was said before.
    #[serde(
        default,
        alias = "again",
        deserialize_with = "which_recovery",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) request_id: Option<u64>,
}

/// What is stored under `again` says only whether it was one: those count as one recovery.
fn which_recovery<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        RequestId(u64),
        Again(bool),
    }
    Ok(match Stored::deserialize(deserializer)? {
        Stored::RequestId(request_id) => Some(request_id),
        Stored::Again(again) => again.then_some(0),
    })
}

/// Ordered by how much it restricts: of those decided at the same time the last one has the last word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    SettlementRollback,
    CancelRollback { window: Window },
    Settlement { certainty: Certainty, void_reason: Option<Text>, outcomes: Vec<SettledOutcome> },
    Cancel { window: Window, void_reason: Option<Text> },
}

impl Verdict {
    pub(super) fn is_rollback(&self) -> bool {
        matches!(self, Self::SettlementRollback | Self::CancelRollback { .. })
    }

    /// The window of a cancel or its rollback; none of a settlement or its rollback.
    pub(super) fn line(&self) -> Option<Window> {
        match self {
            Self::Settlement { .. } | Self::SettlementRollback => None,
            Self::Cancel { window, .. } | Self::CancelRollback { window } => Some(*window),
        }
    }

    /// The results, where this is a settlement.
    pub(super) fn settled(&self) -> Option<&[SettledOutcome]> {
        match self {
            Self::Settlement { outcomes, .. } => Some(outcomes),
            Self::SettlementRollback | Self::Cancel { .. } | Self::CancelRollback { .. } => None,
        }
    }

    /// Whether this is a settlement with these results, in whatever order.
    pub(super) fn has_results(&self, results: &[SettledOutcome]) -> bool {
        let Self::Settlement { outcomes, .. } = self else { return false };
        outcomes.len() == results.len() && results.iter().all(|result| outcomes.contains(result))
    }

    /// Whether this takes back that an offer is said to be so.
    pub(super) fn reopens(&self, status: MarketStatus) -> bool {
        match self {
            Self::SettlementRollback => status == MarketStatus::Settled,
            Self::CancelRollback { window } => status == MarketStatus::Cancelled && window.is_whole(),
            Self::Settlement { .. } | Self::Cancel { .. } => false,
        }
    }

    /// Whether this is a rollback of such verdicts as `other`.
    pub(super) fn takes_back(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SettlementRollback, Self::Settlement { .. }) => true,
            (Self::CancelRollback { window }, Self::Cancel { window: cancelled, .. }) => window == cancelled,
            _ => false,
        }
    }
}

/// The decisions that stand after all rollbacks.
#[derive(Default)]
pub(super) struct Standing<'a> {
    /// Of several settlements the surest, of equally sure ones the last.
    pub(super) settlement: Option<(&'a Source, &'a Option<Text>, &'a [SettledOutcome])>,
    /// The last cancel of the market as a whole.
    pub(super) cancel: Option<(&'a Source, &'a Option<Text>)>,
    /// Cancels of some of its time.
    pub(super) windows: Vec<(&'a Source, VoidWindow)>,
}

/// A decision that nothing has taken back, and the last recovery that said so.
struct Stood<'a> {
    decision: &'a Decision,
    request_id: Option<u64>,
}

impl Stood<'_> {
    /// Whether a recovery says this one again, and has not done so before.
    fn is_said_by(&self, decision: &Decision) -> bool {
        decision.request_id.is_some()
            && self.request_id != decision.request_id
            && self.decision.is_of_line(decision)
            && self.decision.verdict == decision.verdict
    }
}

impl Book {
    /// Settlements and cancels, whether they stand or were rolled back. What says again what was said before counts once.
    pub(crate) fn verdicts(&self) -> usize {
        self.said_once().filter(|decision| !decision.verdict.is_rollback()).count()
    }

    /// Rollbacks of them.
    pub(crate) fn rollbacks(&self) -> usize {
        self.said_once().filter(|decision| decision.verdict.is_rollback()).count()
    }

    pub(crate) fn settle(&mut self, source: &Source, certainty: Certainty, market: &SettledMarket) {
        let SettledMarket { void_reason, outcomes, .. } = market.clone();
        #[cfg(feature = "planted")]
        let mut outcomes = outcomes;
        // PLANTED settle-wrong-outcome
        #[cfg(feature = "planted")]
        if let [first, second, ..] = outcomes.as_mut_slice()
            && crate::planted::is(crate::planted::Bug::SettleWrongOutcome)
        {
            std::mem::swap(&mut first.result, &mut second.result);
        }
        self.decide(source, Verdict::Settlement { certainty, void_reason, outcomes });
    }

    pub(crate) fn roll_back_settlement(&mut self, source: &Source) {
        self.roll_back(source, Verdict::SettlementRollback);
    }

    pub(crate) fn cancel(&mut self, source: &Source, window: Window, void_reason: Option<Text>) {
        self.decide(source, Verdict::Cancel { window, void_reason });
    }

    pub(crate) fn roll_back_cancel(&mut self, source: &Source, window: Window) {
        self.roll_back(source, Verdict::CancelRollback { window });
    }

    /// One that takes nothing back never will, and is not kept: there are never more of them than what can be taken back.
    pub(super) fn roll_back(&mut self, source: &Source, rollback: Verdict) {
        if let Some(offer) = self.offers.iter_mut().find(|offer| offer.source == *source) {
            offer.closed.retain(|closed| !rollback.reopens(closed.status));
        }
        self.offers.retain(|offer| !offer.only_closed || offer.said.is_some() || !offer.closed.is_empty());
        let own = self.decisions.iter().filter(|decision| decision.source == *source);
        let stands = own.fold(0_usize, |standing, Decision { verdict, .. }| match verdict {
            _ if rollback.takes_back(verdict) => standing + 1,
            _ if *verdict == rollback => standing.saturating_sub(1),
            _ => standing,
        });
        if stands > 0 {
            self.decide(source, rollback);
        }
    }

    pub(super) fn decide(&mut self, source: &Source, verdict: Verdict) {
        self.decisions.push(Decision { source: source.clone(), verdict, at: None, request_id: None });
    }

    pub(super) fn standing(&self) -> Standing<'_> {
        if self.decisions.is_empty() {
            return Standing::default();
        }
        let stood = self.stood();
        let settlements = stood.iter().filter_map(|decision| match &decision.verdict {
            Verdict::Settlement { certainty, void_reason, outcomes } => {
                Some((*certainty, (&decision.source, void_reason, outcomes.as_slice())))
            }
            _ => None,
        });
        let cancels = stood.iter().filter_map(|decision| match &decision.verdict {
            Verdict::Cancel { window, void_reason } => Some((&decision.source, *window, void_reason)),
            _ => None,
        });
        let whole = cancels.clone().rfind(|(_, window, _)| window.is_whole());
        let windows = cancels.filter(|(_, window, _)| !window.is_whole()).map(|(source, window, reason)| {
            let Window { start_time, end_time } = window;
            (source, VoidWindow { start_time, end_time, void_reason: reason.clone() })
        });
        Standing {
            settlement: settlements.max_by_key(|(certainty, _)| *certainty).map(|(_, settlement)| settlement),
            cancel: whole.map(|(source, _, void_reason)| (source, void_reason)),
            windows: windows.collect(),
        }
    }

    /// The settlements and cancels that stand, the last one last.
    pub(super) fn stood(&self) -> Vec<&Decision> {
        let mut standing: Vec<Stood> = Vec::new();
        let counted = self.as_counted();
        for (place, decision) in counted.iter().copied().enumerate() {
            let request_id = decision.request_id;
            let own: Vec<usize> =
                (0..standing.len()).filter(|index| standing[*index].decision.is_of_line(decision)).collect();
            let Some(&last) = own.last() else {
                if !decision.verdict.is_rollback() {
                    standing.push(Stood { decision, request_id });
                }
                continue;
            };
            if decision.verdict.is_rollback() {
                // One of a recovery repeats the one before it, unless it follows what its own recovery has said.
                let follows_own = standing[last].request_id == request_id;
                // What the same recovery goes on to say was decided after it, and keeps its place.
                let is_before = || {
                    let mut later = counted[place + 1..].iter();
                    later.any(|later| standing[last].is_said_by(later) && later.request_id == request_id)
                };
                let is_news = || !follows_itself(&counted, place) && !is_before();
                if request_id.is_none() || follows_own || is_news() {
                    standing.remove(last);
                }
            } else if decision.at.is_some() && standing[last].decision.verdict == decision.verdict {
                // A source without sequences says again what it has said last: that adds nothing to take back.
                standing[last].request_id = request_id.or(standing[last].request_id);
            } else if let Some(from) = own.iter().rposition(|index| standing[*index].is_said_by(decision)) {
                // What a recovery repeats is moved to where it says it, among its line: others keep their places.
                own[from..].windows(2).for_each(|pair| standing.swap(pair[0], pair[1]));
                standing[last].request_id = request_id;
            } else {
                standing.push(Stood { decision, request_id });
            }
        }
        standing.into_iter().map(|stood| stood.decision).collect()
    }

    /// The settlements and the cancels of the whole market that stand of those of a source.
    pub(super) fn standing_of(&self, source: &Source) -> (Vec<Verdict>, Vec<Verdict>) {
        let (mut settlements, mut cancels) = (Vec::new(), Vec::new());
        for Decision { verdict, .. } in self.decisions.iter().filter(|decision| decision.source == *source) {
            match verdict {
                Verdict::Settlement { .. } => settlements.push(verdict.clone()),
                Verdict::SettlementRollback => drop(settlements.pop()),
                Verdict::Cancel { window, .. } if window.is_whole() => cancels.push(verdict.clone()),
                Verdict::CancelRollback { window } if window.is_whole() => drop(cancels.pop()),
                Verdict::Cancel { .. } | Verdict::CancelRollback { .. } => {}
            }
        }
        (settlements, cancels)
    }
}
