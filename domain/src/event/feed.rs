//! How far one source has come with one event: position, duplicates, bet stops that ran ahead, gaps. What of an epoch is
//! true is in `feed/epoch.rs`.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::event::Refusal;
use crate::event::group::{ALL, Member};
use crate::id::{MessageId, Name, Source};
use crate::letter::{self, LetterMark};
use crate::limit::{BARRIERS_MAX, EPOCHS_AHEAD_MAX, GROUPS_MAX, LETTERS_MAX, RECENT_MAX};
use crate::message::{BetStop, FeedMessage, Groups, Position, StopStatus};

use epoch::{Ahead, Began};
use far::Far;
pub(crate) use letters::Letter;
pub use letters::Letters;
use places::Places;

mod epoch;
mod far;
mod letters;
mod places;

/// What a source has said of an event so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Who speaks.
    pub source: Source,
    /// The last position applied; epoch 0 before the first.
    pub applied: Position,
    /// The last position known to exist in the epoch applied: applied, held or refused. A gap lasts until it is applied.
    pub heard: Position,
    /// What of the epoch applied is said to be so far ahead that it may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    far: Option<Far>,
    /// What is known to exist of later epochs, which have not begun.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ahead: BTreeMap<u64, Ahead>,
    /// How the epoch applied began, where there can be one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Began>,
    /// When the last message was made that says that an epoch before the one applied goes on: either of the two is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubt: Option<Timestamp>,
    /// Hashes of the last message ids applied, oldest first.
    recent: VecDeque<u64>,
    /// Bet stops that came before their turn; until it comes, their markets stay shut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    barriers: Vec<Barrier>,
    /// Of a source that orders by time: the last bet stops of each group. They hold for every offer that is not later,
    /// of markets not seen yet, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stops: BTreeMap<Name, LastStops>,
    /// Whether messages are missing for good or for too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
    /// When that was declared; `None` also of a gap that was stored before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gap_since: Option<Timestamp>,
    /// Whether its producer is down: nothing that it offers is open until it is up again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
    /// The first positions ahead whose messages were refused and lie among the dead letters: the cause of the gap. Those of an
    /// epoch that nothing speaks of any more mean nothing until something does.
    #[serde(default, skip_serializing_if = "Places::is_empty")]
    refused: Places,
    /// Of each epoch the last position of those for which there was no room there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refused_to: BTreeMap<u64, u64>,
    /// Whether what a letter had kept waiting is being applied, message by message: until all of it is, nothing else is missing.
    #[serde(skip)]
    catches_up: bool,
    /// Of a source that orders by time: its messages that were refused.
    #[serde(flatten)]
    pub(crate) letters: Letters,
    /// Since when a recovery may be asked for what one of them keeps shut that none has brought; as it was when this was last to
    /// be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unasked_since: Option<Timestamp>,
}

/// When bets on a group were last stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct LastStops {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inactive: Option<Timestamp>,
}

/// A bet stop ahead of its sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Barrier {
    position: Position,
    stop: BetStop,
}

impl Feed {
    /// Of a source of which nothing has come, but these may be letters of it.
    pub(crate) fn new(source: Source, letters: Letters) -> Self {
        const NOTHING: Position = Position { epoch: 0, sequence: 0 };
        Self {
            source,
            applied: NOTHING,
            heard: NOTHING,
            far: None,
            ahead: BTreeMap::new(),
            began: None,
            doubt: None,
            recent: VecDeque::new(),
            barriers: Vec::new(),
            stops: BTreeMap::new(),
            gap: false,
            gap_since: None,
            down: false,
            refused: Places::default(),
            refused_to: BTreeMap::new(),
            catches_up: false,
            letters,
            unasked_since: None,
        }
    }

    /// Whether no message of it has come, but such as ingestion has refused.
    pub(crate) fn is_silent(&self) -> bool {
        let is_unheard = self.last_heard().epoch == 0 || self.unsaid_letter().is_some();
        is_unheard && self.applied.epoch == 0 && self.recent.is_empty()
    }

    /// Whether all that it has said was refused, if nothing of it waits.
    pub(crate) fn has_said_nothing(&self) -> bool {
        self.applied.epoch == 0 && self.recent.is_empty() && self.barriers.is_empty()
    }

    /// The first of the letters of which nobody has been told yet: they were there before any other message of it.
    pub(crate) fn unsaid_letter(&self) -> Option<Position> {
        self.first_refused().filter(|_| !self.gap)
    }

    /// The same, and from now on it is said: what is missing is a gap.
    pub(crate) fn say_refused(&mut self, at: Timestamp) -> Option<Position> {
        let position = self.unsaid_letter()?;
        self.open_gap(at);
        Some(position)
    }

    /// Messages are missing, which is said at this time unless it was before.
    pub(crate) fn open_gap(&mut self, at: Timestamp) {
        if !self.gap {
            (self.gap, self.gap_since) = (true, Some(at));
        }
    }

    /// When its gap was declared; 0 where that is not known.
    #[must_use]
    pub fn gap_since(&self) -> Timestamp {
        self.gap_since.unwrap_or(Timestamp(0))
    }

    /// Whether messages of it lie among the dead letters.
    pub(crate) fn has_letters(&self) -> bool {
        self.has_refused() || !self.letters.is_empty()
    }

    /// The first position known to be missing: of a later epoch that was heard of, its snapshot.
    #[must_use]
    pub fn missing(&self) -> Position {
        self.expected_towards(self.last_heard().epoch)
    }

    /// The position whose turn it is on the way to a later one of `epoch`.
    fn expected_towards(&self, epoch: u64) -> Position {
        if epoch > self.applied.epoch { Position { epoch, sequence: 1 } } else { self.applied.next() }
    }

    /// Whether it is the turn of a message at `position`; otherwise whether its turn has not come, or is over.
    pub(crate) fn turn(&self, position: Position, message: &FeedMessage) -> Result<(), Refusal> {
        if self.is_ordered_by_time() {
            return Err(Refusal::invalid(
                "/sequence",
                "messages of this producer have had none, and this one has",
            ));
        }
        let expected = self.expected_towards(position.epoch);
        if position == expected || self.is_put_right_by(position, message) {
            Ok(())
        } else if position > self.applied {
            Err(Refusal::Early { expected })
        } else if self.recent.contains(&hash(&message.message_id)) {
            Err(Refusal::Duplicate)
        } else {
            Err(Refusal::Stale { applied: self.applied })
        }
    }

    /// Whether a message without a position may be looked at: not twice, and not of a source that counts its messages.
    pub(crate) fn turn_without_position(&self, id: &MessageId) -> Result<(), Refusal> {
        if self.has_positions() {
            return Err(Refusal::invalid(
                "/sequence",
                "messages of this producer have one, and this one has none",
            ));
        }
        if self.recent.contains(&hash(id)) { Err(Refusal::Duplicate) } else { Ok(()) }
    }

    /// Whether a message at `position` is yet to come, with at most so many of its epoch before it.
    pub(crate) fn awaits(&self, position: Position, ahead_max: usize) -> bool {
        let expected = self.expected_towards(position.epoch);
        let ahead = position.sequence.saturating_sub(expected.sequence);
        !self.is_ordered_by_time() && position >= expected && ahead <= ahead_max as u64
    }

    /// Whether its messages have had no sequence so far.
    pub(crate) fn is_ordered_by_time(&self) -> bool {
        !self.has_positions() && !self.recent.is_empty()
    }

    /// Whether its messages have had a sequence so far.
    pub(crate) fn has_positions(&self) -> bool {
        self.last_heard().epoch > 0
    }

    /// Takes note, at `at`, that the message at `position` was refused: a gap whose cause is known. Says whether that is news.
    pub(crate) fn refuse(
        &mut self,
        (position, mark): (Position, Option<LetterMark>),
        said_at: Timestamp,
        at: Timestamp,
    ) -> bool {
        let is_known = self.gap && self.has_refused();
        self.foresee_refused((position, mark), said_at);
        self.open_gap(at);
        self.catches_up = false;
        !is_known
    }

    /// The same before any other message of it: what is missing is a gap once there is something that it keeps shut.
    pub(crate) fn foresee_refused(
        &mut self,
        (position, mark): (Position, Option<LetterMark>),
        said_at: Timestamp,
    ) {
        self.hear(position, said_at);
        self.refused.insert(position, mark);
        if self.refused.len() > LETTERS_MAX
            && let Some(Position { epoch, sequence }) = self.refused.pop_last()
        {
            let last = self.refused_to.entry(epoch).or_default();
            *last = sequence.max(*last);
            if self.refused_to.len() > EPOCHS_AHEAD_MAX {
                self.refused_to.pop_last();
            }
        }
    }

    /// The right message for `position` waits for its turn; says whether it had been refused.
    pub(crate) fn forget_refused(&mut self, position: Position) -> bool {
        self.refused.remove(position)
    }

    /// Nobody will send what this letter at `position` keeps waiting; says whether it was the last one there.
    pub(crate) fn close_letter(&mut self, position: Position, mark: Option<LetterMark>) -> bool {
        self.refused.close(position, mark)
    }

    /// Whether the message at `position` is known to be a dead letter, or may be one of those that were too many, whether or not
    /// its epoch goes on.
    #[must_use]
    pub fn has_letter_at(&self, position: Position) -> bool {
        let is_forgotten = |sequence: &u64| position.sequence <= *sequence;
        self.refused.contains(position) || self.refused_to.get(&position.epoch).is_some_and(is_forgotten)
    }

    /// Whether messages ahead were refused.
    pub(crate) fn has_refused(&self) -> bool {
        self.first_refused().is_some() || self.forgotten().any(|position| self.is_yet_to_come(position))
    }

    /// Whether it is a dead letter that keeps its markets shut, or had done so until what is being applied.
    pub(crate) fn is_shut_by_letter(&self) -> bool {
        self.catches_up || self.has_refused()
    }

    /// The first place ahead that is known to be a letter's.
    fn first_refused(&self) -> Option<Position> {
        self.refused.iter().find(|position| self.is_yet_to_come(*position))
    }

    /// Of each epoch the last place of the letters that were too many.
    fn forgotten(&self) -> impl Iterator<Item = Position> + '_ {
        self.refused_to.iter().map(|(epoch, sequence)| Position { epoch: *epoch, sequence: *sequence })
    }

    /// Whether what is missing could be sent once more. What was refused at its place would only be refused again; what has none
    /// is told anew by a recovery.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        (self.gap && !self.refused.contains(self.missing())) || self.unasked_since.is_some()
    }

    /// Since when a recovery may be asked for what a dead letter keeps shut, once; `None` where none does that answers no recovery.
    #[must_use]
    pub fn unasked_since(&self) -> Option<Timestamp> {
        self.unasked_since
    }

    /// Takes the next position, which another at hand may follow. Barriers up to it have had their time, and a gap ends with the
    /// last message heard of. Says whether something that kept markets shut is gone.
    pub(crate) fn advance(&mut self, position: Position, message: &FeedMessage, follows: bool) -> bool {
        let before = self.shutters();
        self.catches_up = follows && self.is_shut_by_letter();
        if position.epoch == self.applied.epoch {
            self.forget_far(message);
        }
        self.settle_epochs(position, message.generated_at);
        self.reach_far();
        let mut barriers = std::mem::take(&mut self.barriers);
        barriers.retain(|barrier| self.is_yet_to_come(barrier.position));
        self.barriers = barriers;
        // An epoch that was forgotten may be spoken of again, and its letters are what is missing then.
        let Self { applied, refused, refused_to, .. } = self;
        refused.retain(|place| place > *applied);
        refused_to.retain(|epoch, sequence| Position { epoch: *epoch, sequence: *sequence } > *applied);
        self.gap &= self.doubt.is_some() || self.far.is_some() || self.last_heard() > position;
        self.gap_since = self.gap_since.filter(|_| self.gap);
        self.remember(&message.message_id);
        before != self.shutters()
    }

    /// Whether there may yet be a message at `position`: its turn is not over, and nothing has shown that its place or its epoch is
    /// none.
    pub(crate) fn is_yet_to_come(&self, position: Position) -> bool {
        let Position { epoch, sequence } = position;
        position > self.applied
            && if epoch == self.applied.epoch {
                self.is_known_place(sequence)
            } else {
                self.ahead.contains_key(&epoch)
            }
    }

    /// Takes note of a message that has been applied.
    pub(crate) fn remember(&mut self, id: &MessageId) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(hash(id));
    }

    /// All that keeps markets shut, in a form that tells whether some of it went.
    fn shutters(&self) -> (bool, bool, usize) {
        (self.gap, self.is_shut_by_letter(), self.barriers.len())
    }

    /// Takes note of a bet stop of a source that orders by time; says whether it adds anything.
    pub(crate) fn stop_at(&mut self, stop: &BetStop, at: Timestamp) -> bool {
        let all = Name::new(ALL).expect("three letters are a name");
        let names = match &stop.groups {
            Groups::All => vec![all],
            // What cannot be remembered group by group is remembered of all.
            Groups::Named(names) if self.stops.len() + self.not_stopped_before(names) > GROUPS_MAX => {
                vec![all]
            }
            Groups::Named(names) => names.clone(),
        };
        let mut adds = false;
        for name in names {
            let last = self.stops.entry(name).or_default();
            let known = match stop.market_status {
                StopStatus::Suspended => &mut last.suspended,
                StopStatus::Inactive => &mut last.inactive,
            };
            adds |= *known < Some(at);
            *known = (*known).max(Some(at));
        }
        adds
    }

    fn not_stopped_before(&self, names: &[Name]) -> usize {
        names.iter().filter(|name| !self.stops.contains_key(*name)).count()
    }

    /// What bet stops since `offered_at`, that time included, make of an offer of a source that orders by time: of
    /// several the more restrictive one stands.
    pub(crate) fn stopped_since(&self, market: Member, offered_at: Timestamp) -> Option<StopStatus> {
        let since = |stop: Option<Timestamp>| stop.is_some_and(|stop| stop >= offered_at);
        let meant = || self.stops.iter().filter(|(name, _)| market.is_in(name));
        if meant().any(|(_, last)| since(last.inactive)) {
            return Some(StopStatus::Inactive);
        }
        meant().any(|(_, last)| since(last.suspended)).then_some(StopStatus::Suspended)
    }

    pub(crate) fn has_barrier_at(&self, position: Position) -> bool {
        self.barriers.iter().any(|barrier| barrier.position == position)
    }

    /// Remembers a bet stop ahead of its turn; `false` where it is too large or there are too many.
    pub(crate) fn raise_barrier(&mut self, position: Position, stop: &BetStop) -> bool {
        let too_large = matches!(&stop.groups, Groups::Named(names) if names.len() > GROUPS_MAX);
        if too_large || self.barriers.len() >= BARRIERS_MAX {
            return false;
        }
        self.barriers.push(Barrier { position, stop: stop.clone() });
        true
    }

    /// The bet stop ahead that keeps a market shut.
    pub(crate) fn barrier_for(&self, market: Member) -> Option<&BetStop> {
        self.barriers.iter().map(|barrier| &barrier.stop).find(|stop| market.is_meant_by(&stop.groups))
    }
}

fn hash(id: &MessageId) -> u64 {
    letter::hash(id.as_str().as_bytes())
}
