//! Which faults a run has: drawn from the seed, before anything is sent.
//!
//! A fault that holds back, moves or renumbers an event's messages has that event to itself, so that what comes of it is known.
//! The others may be anywhere.

use std::collections::BTreeSet;

use domain::{Body, MatchStatus, Source, Sport};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::renumber::body;
use super::{Factor, Fault, FaultPlan, Kind, Malformed, Wanted};
use crate::strand::{Strand, Worlds};

/// The stream of chance that faults are drawn from; worlds have others.
const STREAM: u64 = u64::MAX;
/// How often a place is drawn before it is said that there is none.
const DRAWS_MAX: u32 = 500;
/// The first message that may be missing: by then fixture, state of play and first odds have been told.
const FIRST: usize = 10;
/// Fewer than may wait for what is missing of an event: `MATCHDAY_HELD_MAX` is 1000.
const HELD_MAX: usize = 900;
/// How many in a row are lost, skewed or overtaken, at most.
const ROW_MAX: u32 = 3;

/// A scenario asks for more faults of a kind than its events have room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{room} of {wanted} faults `{kind}` found room; {}", self.needs())]
pub struct TooFewEvents {
    kind: &'static str,
    wanted: u32,
    room: u32,
}

impl TooFewEvents {
    /// What there is too little of.
    fn needs(&self) -> &'static str {
        match self.kind {
            "silence" => {
                "each lies within the first two thirds of the run, and no two of one producer overlap: a longer run, a lower \
                 speed, a shorter `silence_seconds`, or fewer faults"
            }
            _ => {
                "faults that hold back or move messages need an event each, told in JSON or XML: more games, or fewer faults"
            }
        }
    }

    /// Of which kind.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }
}

struct Draw<'a> {
    rng: ChaCha8Rng,
    strands: &'a [Strand],
    worlds: Worlds<'a>,
    wanted: &'a Wanted,
    /// How fast all of it will be sent.
    speed: Factor,
    duration_ns: u64,
    /// The events that have one of those faults already.
    taken: BTreeSet<usize>,
    /// Those of them that stand still for good: nothing else of them would show.
    stalled: BTreeSet<usize>,
    faults: Vec<Fault>,
}

/// Draws the faults that are wanted.
pub(crate) fn choose(
    wanted: &Wanted,
    seed: u64,
    strands: &[Strand],
    worlds: Worlds,
    duration_ns: u64,
    speed: Factor,
) -> Result<FaultPlan, TooFewEvents> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let (taken, stalled) = (BTreeSet::new(), BTreeSet::new());
    let mut draw =
        Draw { rng, strands, worlds, wanted, speed, duration_ns, taken, stalled, faults: Vec::new() };
    // Those that need most of an event come first.
    draw.several("settlement_rollback", wanted.settlement_rollback, Draw::settlement_rollback)?;
    draw.several("restart", wanted.restart, Draw::restart)?;
    draw.several("gap", wanted.gap, Draw::gap)?;
    draw.several("gap_filled", wanted.gap_filled, Draw::gap_filled)?;
    draw.several("reorder_beyond", wanted.reorder_beyond, Draw::reorder_beyond)?;
    draw.several("late", wanted.late, Draw::late)?;
    draw.several("clock_skew", wanted.clock_skew, Draw::clock_skew)?;
    draw.several("silence", wanted.silence, Draw::silence)?;
    draw.several("reorder", wanted.reorder, Draw::reorder)?;
    draw.several("wrong_sport", wanted.wrong_sport, Draw::wrong_sport)?;
    draw.several("duplicate", wanted.duplicate, Draw::duplicate)?;
    draw.several("malformed", wanted.malformed, Draw::malformed)?;
    draw.several("unknown_event", wanted.unknown_event, Draw::unknown_event)?;
    let mut faults = draw.faults;
    faults.sort_by_key(|fault| fault.at_ns);
    Ok(FaultPlan { seed, hold_ms: wanted.hold_ms, speed, faults })
}

impl Draw<'_> {
    fn several(
        &mut self,
        kind: &'static str,
        wanted: u32,
        draw: fn(&mut Self, u32) -> Option<Fault>,
    ) -> Result<(), TooFewEvents> {
        for room in 0..wanted {
            let drawn = (0..DRAWS_MAX).find_map(|_| draw(self, room));
            self.faults.push(drawn.ok_or(TooFewEvents { kind, wanted, room })?);
        }
        Ok(())
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u32::try_from(end.max(1)).unwrap_or(u32::MAX);
        self.rng.random_range(0..end) as usize
    }

    fn up_to(&mut self, most: u32) -> u32 {
        self.rng.random_range(1..=most)
    }

    /// An event told in a format of our own that is long enough, with one of its messages, not among the last ones.
    fn message(&mut self) -> Option<(usize, usize)> {
        let strand = self.below(self.strands.len());
        let Strand { entries, is_uof, .. } = self.strands.get(strand)?;
        if *is_uof || entries.len() < FIRST * 2 || self.stalled.contains(&strand) {
            return None;
        }
        let last = entries.len() * 4 / 5;
        Some((strand, FIRST + self.below(last - FIRST)))
    }

    /// The same, of an event that has no other such fault; from here on it has.
    fn free_message(&mut self, is_fit: impl Fn(&Strand, usize) -> bool) -> Option<(usize, usize)> {
        let (strand, place) = self.message()?;
        if self.taken.contains(&strand) || !is_fit(&self.strands[strand], place) {
            return None;
        }
        self.taken.insert(strand);
        Some((strand, place))
    }

    fn fault(&self, kind: Kind, strand: usize, place: usize) -> Fault {
        let strand = &self.strands[strand];
        let entry = &strand.entries[place];
        Fault {
            outcomes: kind.outcomes(),
            kind,
            event_id: Some(strand.event_id.clone()),
            sequence: Some(entry.origin),
            at_ns: entry.due_ns,
            messages: Vec::new(),
            answer: None,
        }
    }

    /// How long somebody waits, on the schedule.
    fn scheduled_hold_ns(&self) -> u64 {
        self.speed.scheduled_ns(self.hold_ns())
    }

    fn hold_ns(&self) -> u64 {
        u64::from(self.wanted.hold_ms) * 1_000_000
    }

    /// Long enough that nobody waits any more.
    fn beyond_ns(&mut self) -> u64 {
        let hold = self.hold_ns();
        hold * 2 + 1_000_000_000 + u64::from(self.up_to(1_000)) * (hold / 1_000)
    }

    fn duplicate(&mut self, _: u32) -> Option<Fault> {
        let (strand, place) = self.message()?;
        let after_ns = u64::from(self.up_to(5_000)) * 1_000_000;
        Some(self.fault(Kind::Duplicate { after_ns }, strand, place))
    }

    /// Those that overtake it come well within the window.
    fn reorder(&mut self, _: u32) -> Option<Fault> {
        let (overtaken_by, window) = (self.up_to(ROW_MAX), self.scheduled_hold_ns() / 2);
        let ahead = overtaken_by as usize;
        let (strand, place) = self.free_message(|strand, place| {
            let due = |place: usize| strand.entries.get(place).map(|entry| entry.due_ns);
            due(place + ahead).zip(due(place)).is_some_and(|(last, first)| last - first < window)
        })?;
        Some(self.fault(Kind::Reorder { overtaken_by }, strand, place))
    }

    fn reorder_beyond(&mut self, _: u32) -> Option<Fault> {
        let (after_ns, hold) = (self.beyond_ns(), self.scheduled_hold_ns());
        let comes = self.speed.scheduled_ns(after_ns);
        let (strand, place) = self.free_message(|strand, place| is_noticed(strand, place, 1, comes, hold))?;
        Some(self.fault(Kind::ReorderBeyond { after_ns }, strand, place))
    }

    fn gap(&mut self, _: u32) -> Option<Fault> {
        let count = self.up_to(ROW_MAX);
        let (strand, place) = self.free_message(|_, _| true)?;
        self.stalled.insert(strand);
        // All that follows waits for good: more than may would be dead letters.
        let place = place.max(self.strands[strand].entries.len().saturating_sub(HELD_MAX));
        Some(self.fault(Kind::Gap { count }, strand, place))
    }

    fn gap_filled(&mut self, _: u32) -> Option<Fault> {
        let (count, after_ns, hold) = (self.up_to(ROW_MAX), self.beyond_ns(), self.scheduled_hold_ns());
        let comes = self.speed.scheduled_ns(after_ns);
        let (strand, place) =
            self.free_message(|strand, place| is_noticed(strand, place, count as usize, comes, hold))?;
        Some(self.fault(Kind::GapFilled { count, after_ns }, strand, place))
    }

    fn late(&mut self, _: u32) -> Option<Fault> {
        let by_ns = u64::from(self.up_to(10_000)) * 1_000_000;
        let (strand, place) = self.free_message(|_, _| true)?;
        Some(self.fault(Kind::Late { by_ns }, strand, place))
    }

    /// Up to a minute ahead or behind.
    fn clock_skew(&mut self, _: u32) -> Option<Fault> {
        let count = self.up_to(ROW_MAX) * 10;
        let seconds = i64::from(self.up_to(60));
        let ahead_ns = if self.rng.random::<bool>() { seconds } else { -seconds } * 1_000_000_000;
        let (strand, place) = self.free_message(|_, _| true)?;
        Some(self.fault(Kind::ClockSkew { count, ahead_ns }, strand, place))
    }

    /// One kind after the other, so that a few show all.
    fn malformed(&mut self, number: u32) -> Option<Fault> {
        let how = Malformed::ALL[number as usize % Malformed::ALL.len()];
        let (strand, place) = self.message()?;
        Some(self.fault(Kind::Malformed { how }, strand, place))
    }

    fn wrong_sport(&mut self, _: u32) -> Option<Fault> {
        let (index, place) = self.message()?;
        let own = self.strands[index].sport;
        let sport = if own == Sport::Tennis { Sport::Football } else { Sport::Tennis };
        let place = self.find(index, place, |body| sport_that_refuses(own, body).is_some())?;
        Some(self.fault(Kind::WrongSport { sport }, index, place))
    }

    fn unknown_event(&mut self, _: u32) -> Option<Fault> {
        let (strand, place) = self.message()?;
        let place = self.find(strand, place, is_unannounced)?;
        Some(self.fault(Kind::UnknownEvent, strand, place))
    }

    /// In the first two thirds of the run, so that it is heard again.
    fn silence(&mut self, number: u32) -> Option<Fault> {
        let mut sources: Vec<&Source> = self.strands.iter().map(|strand| &strand.source).collect();
        sources.sort();
        sources.dedup();
        let Source { provider, producer } =
            sources.get(number as usize % sources.len().max(1))?.to_owned().clone();
        let for_ns = u64::from(self.wanted.silence_seconds) * 1_000_000_000;
        let length = self.speed.scheduled_ns(for_ns);
        let room = (self.duration_ns * 2 / 3).checked_sub(length)?;
        let at_ns = self.rng.random_range(0..=room);
        let is_quiet_then = |fault: &Fault| match &fault.kind {
            // All last as long.
            Kind::Silence { provider: of, producer: other, .. } => {
                (of, other) == (&provider, &producer) && fault.at_ns.abs_diff(at_ns) < length
            }
            _ => false,
        };
        if self.faults.iter().any(is_quiet_then) {
            return None;
        }
        let kind = Kind::Silence { provider, producer, for_ns };
        let (outcomes, messages) = (kind.outcomes(), Vec::new());
        Some(Fault { kind, event_id: None, sequence: None, at_ns, messages, outcomes, answer: None })
    }

    fn restart(&mut self, _: u32) -> Option<Fault> {
        let (strand, place) = self.free_message(|_, _| true)?;
        Some(self.fault(Kind::Restart { epoch: 2 }, strand, place))
    }

    fn settlement_rollback(&mut self, _: u32) -> Option<Fault> {
        let (strand, place) = self.message()?;
        if self.taken.contains(&strand) {
            return None;
        }
        let place = self.find(strand, place, is_rolled_back)?;
        let entry = &self.strands[strand].entries[place];
        let message = self.strands[strand].message(entry, self.worlds);
        let Body::Settlement(settlement) = body(&message) else { return None };
        let markets = u32::try_from(settlement.markets.len()).unwrap_or(u32::MAX);
        self.taken.insert(strand);
        Some(self.fault(Kind::SettlementRollback { markets }, strand, place))
    }

    /// The next message from there on that says such a thing.
    fn find(&self, strand: usize, from: usize, is_such: impl Fn(&Body) -> bool) -> Option<usize> {
        let strand = &self.strands[strand];
        (from..strand.entries.len())
            .find(|&place| is_such(body(&strand.message(&strand.entries[place], self.worlds))))
    }
}

/// The sport that refuses what is said of another one: a state of play whose part of the game it does not have.
pub(crate) fn sport_that_refuses(own: Sport, body: &Body) -> Option<Sport> {
    use MatchStatus as S;
    let Body::EventStatus(status) = body else { return None };
    let of_others = [S::Half1, S::Half2, S::Quarter1, S::Quarter2, S::Quarter3, S::Quarter4];
    let of_hockey_and_tennis = [S::Period1, S::Period2, S::Period3, S::Set1, S::Set2, S::Set3];
    let is_own_part =
        of_others.contains(&status.match_status) || of_hockey_and_tennis.contains(&status.match_status);
    is_own_part.then_some(if own == Sport::Tennis { Sport::Football } else { Sport::Tennis })
}

/// Whether what says this is taken also of an event that nobody has announced.
pub(crate) fn is_unannounced(body: &Body) -> bool {
    matches!(body, Body::OddsChange(_))
}

/// Whether this is a settlement that can be taken back.
pub(crate) fn is_rolled_back(body: &Body) -> bool {
    matches!(body, Body::Settlement(settlement) if !settlement.markets.is_empty())
}

/// Whether somebody waits for the messages that come only so much later until the window has passed, and no more wait than may.
fn is_noticed(strand: &Strand, place: usize, count: usize, late_ns: u64, hold_ns: u64) -> bool {
    let entries = &strand.entries;
    let come_ns = entries[place].due_ns.saturating_add(late_ns);
    let Some(next) = entries.get(place + count) else { return false };
    let waiting = entries[place + count..].partition_point(|entry| entry.due_ns <= come_ns);
    next.due_ns.saturating_add(hold_ns * 3 / 2) < come_ns && waiting <= HELD_MAX
}
