//! One game as a client saw it: its messages, when they came, and how it ended.

use domain::market::{MarketKey, ResultKind};
use domain::message::Offer;
use domain::{Body, Incident, IncidentAction, IncidentKind, Market, MatchStatus, Score, Side, Status};

use crate::ledger::LedgerEvent;

/// A game that is over.
pub(super) struct Watched {
    pub(super) event: LedgerEvent,
    /// What was said, and when: in nanoseconds from the beginning.
    messages: Vec<(u64, Body)>,
}

impl Watched {
    pub(super) fn new(event: LedgerEvent, messages: Vec<(u64, Body)>) -> Self {
        Self { event, messages }
    }

    pub(super) fn status(&self) -> &Status {
        &self.event.status
    }

    pub(super) fn score(&self) -> Score {
        self.event.status.score
    }

    /// What fell in one part of the game.
    pub(super) fn part(&self, part: MatchStatus) -> Score {
        let mut parts = self.event.status.period_scores.iter();
        parts
            .find(|score| score.period == part)
            .map_or(Score::default(), |score| Score { home: score.home, away: score.away })
    }

    /// What fell in some parts of the game.
    pub(super) fn parts(&self, parts: &[MatchStatus]) -> Score {
        parts.iter().fold(Score::default(), |sum, part| {
            let Score { home, away } = self.part(*part);
            Score { home: sum.home + home, away: sum.away + away }
        })
    }

    /// Whether the game was played to one of its ends.
    pub(super) fn is_whole(&self) -> bool {
        matches!(
            self.status().match_status,
            MatchStatus::Ended | MatchStatus::EndedAfterOvertime | MatchStatus::EndedAfterPenalties
        )
    }

    /// Incidents that stand, line-ups apart.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.event.incidents.iter().filter(|incident| incident.kind != IncidentKind::LineUp)
    }

    /// How many incidents of these kinds stand.
    pub(super) fn count(&self, kinds: &[IncidentKind]) -> f64 {
        number(self.incidents().filter(|incident| kinds.contains(&incident.kind)).count())
    }

    /// How many incidents of these kinds stand that fell in these parts of the game.
    pub(super) fn count_in(&self, parts: &[MatchStatus], kinds: &[IncidentKind]) -> f64 {
        let falls = |incident: &&Incident| parts.contains(&incident.match_status);
        number(self.incidents().filter(falls).filter(|incident| kinds.contains(&incident.kind)).count())
    }

    /// How many incidents of any kind stand that fell in this part of the game.
    pub(super) fn in_part(&self, part: MatchStatus) -> f64 {
        number(self.incidents().filter(|incident| incident.match_status == part).count())
    }

    /// How many incidents stand that fell in this part of the game, from this minute of its clock on and before that one; those
    /// that are meant.
    pub(super) fn in_minutes(
        &self,
        part: MatchStatus,
        minutes: std::ops::Range<u32>,
        is_meant: impl Fn(IncidentKind) -> bool,
    ) -> f64 {
        let falls = |incident: &&Incident| {
            let at = incident.elapsed_seconds.filter(|_| incident.match_status == part);
            at.is_some_and(|at| minutes.contains(&(at / 60))) && is_meant(incident.kind)
        };
        number(self.incidents().filter(falls).count())
    }

    /// Seconds of the clock from each incident told to the next one of the same part.
    pub(super) fn clock_gaps(&self, is_meant: impl Fn(IncidentKind) -> bool) -> Vec<f64> {
        let told = self.incidents().filter(|incident| is_meant(incident.kind));
        let at: Vec<(MatchStatus, u32)> =
            told.filter_map(|told| Some((told.match_status, told.elapsed_seconds?))).collect();
        let same_part = at.windows(2).filter(|two| two[0].0 == two[1].0);
        same_part.map(|two| f64::from(two[1].1) - f64::from(two[0].1)).collect()
    }

    /// What was said, and after how many seconds.
    pub(super) fn messages(&self) -> impl Iterator<Item = (f64, &Body)> {
        self.messages.iter().map(|(ns, body)| (seconds(*ns), body))
    }

    /// Incidents as they were first told, line-ups apart, and after how many seconds.
    pub(super) fn told(&self) -> impl Iterator<Item = (f64, &Incident)> {
        self.messages().filter_map(|(at, body)| match body {
            Body::Incident(incident) if incident.kind == IncidentKind::LineUp => None,
            Body::Incident(incident) if incident.action == IncidentAction::New => Some((at, incident)),
            _ => None,
        })
    }

    /// Every offer of a market that has prices, and after how many seconds it was made.
    pub(super) fn offers<'a>(&'a self, key: &'a MarketKey) -> impl Iterator<Item = (f64, &'a Offer)> {
        self.messages().flat_map(move |(at, body)| {
            let markets = match body {
                Body::OddsChange(odds) => odds.markets.as_slice(),
                _ => &[],
            };
            let own = markets.iter().filter(move |offer| offer.key == *key && !offer.outcomes.is_empty());
            own.map(move |offer| (at, offer))
        })
    }

    /// The game's first market, the one that is priced most often.
    pub(super) fn main_market(&self) -> &Market {
        self.event.markets.first().expect("a game has a market")
    }

    /// When play began and when it ended, in seconds.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        let first = self.told().next()?.0;
        Some((first, self.told().last()?.0))
    }

    /// The side that the main market has paid for, where it was decided and has two or three outcomes.
    pub(super) fn winner(&self) -> Option<Side> {
        let Score { home, away } = match self.status().match_status {
            MatchStatus::EndedAfterPenalties => self.part(MatchStatus::Penalties),
            _ => self.score(),
        };
        match home.cmp(&away) {
            std::cmp::Ordering::Greater => Some(Side::Home),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => Some(Side::Away),
        }
    }
}

/// Whether the outcome of this place won; `None` where the market was not decided, or stakes went back.
pub(super) fn has_won(market: &Market, place: usize) -> Option<bool> {
    let result = market.outcomes.get(place)?.result?;
    result.void.is_none().then_some(result.result == ResultKind::Won)
}

/// How likely the outcome of this place was held.
pub(super) fn held(offer: &Offer, place: usize) -> Option<f64> {
    Some(f64::from(offer.outcomes.get(place)?.probability?.get()) / 1e6)
}

/// The value below which a part of them lies.
pub(super) fn quantile(mut values: Vec<f64>, part: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
    let place = (number(values.len()) * part) as usize;
    values.get(place).copied()
}

/// One where it is true, nothing where it is not.
pub(super) fn yes(is: bool) -> f64 {
    f64::from(u8::from(is))
}

#[expect(clippy::cast_precision_loss, reason = "a game has few of anything")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a day is few nanoseconds")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
