//! Messages without a sequence: each part of an event keeps what was said of it last by the time of the message, of two
//! of the same time the more restrictive, whichever came first.
//!
//! So what they lead to depends on which messages came, not on their order, nor on how often each of them came. A bet stop
//! is kept with its time, and holds for every offer that is not later.

use serde::{Deserialize, Serialize};

use super::check::{self, Turn};
use super::step::Step;
use super::{Applied, EventState, Feed, Head, Letter, Refusal};
use crate::fixture::{FixtureChange, FixtureChangeKind};
use crate::id::{Name, Source};
use crate::letter::LetterMark;
use crate::limit::FIXTURE_CHANGES_MAX;
use crate::market::Suspension;
use crate::message::{Body, EventMessage, FeedMessage};
use crate::update::{Cause, Update};
use crate::{Fixture, Standing, Status, Timestamp};

/// When the parts of an event were said that are not a market's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// The fixture's, and the beginning that it named: another one may have replaced that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixture: Option<(Timestamp, Timestamp)>,
    /// That of the last change of the beginning, and the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<(Timestamp, Timestamp)>,
    /// What fixture changes said, and when; the last few by their times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<(Timestamp, FixtureChange)>,
    /// The status'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Timestamp>,
    /// Whether it was told by anybody but pre-match, which does not follow the game: its later word does not outweigh that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_status_of_game: bool,
    /// That of the last that was said of the status without a score, and what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standing: Option<(Timestamp, Standing)>,
    /// The same of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_standing_of_game: bool,
    /// The same of a game that had not begun: its score is known untold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unstarted: Option<(Timestamp, Standing)>,
    /// The status as it was told, where that changes what clients see of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_status: Option<Box<Status>>,
}

impl Times {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl EventState {
    /// Applies a message without a sequence.
    pub(super) fn apply_by_time(
        &mut self,
        message: &FeedMessage,
        event: &EventMessage,
        at: Timestamp,
    ) -> Result<Applied, Refusal> {
        let source = &message.source;
        check::body(self, message, &event.body, Turn::ByTime)?;
        // Before the change: a market's value asks what its source has stopped.
        self.head.feed_entry(source).remember(&message.message_id);
        let stops = match &event.body {
            Body::BetStop(stop) => self.head.feed_entry(source).stop_at(stop, message.generated_at),
            _ => false,
        };
        let mut step = Step::new(self, source);
        let adds = step.change_by_time(&event.body, message.generated_at, message.request_id);
        if stops {
            step.refresh_all();
        }
        let changes = step.finish();
        if !adds && !stops {
            return Err(Refusal::Outdated);
        }
        let mut cause = Cause::message(message);
        // What the event's last change is must not depend on which came first: one that is late is not told as if it were.
        let said = cause.fixture_change.as_deref().map(|change| (message.generated_at, *change));
        if said.is_some() && said.as_ref() != self.head.times.changes.last() {
            cause.fixture_change = None;
        }
        Ok(Applied::Updated(self.publish(cause, at, changes)))
    }
}

/// Messages without a sequence that are refused. Nobody waits for them, and none could tell what they would have said: so
/// they shut what their source has offered until then, as a bet stop would, and a later offer is open again.
impl EventState {
    /// A message of `source` lies among the dead letters. `None` where it shuts nothing.
    pub(crate) fn refuse_by_time(
        &mut self,
        source: &Source,
        letter: Letter,
        at: Timestamp,
    ) -> Option<Update> {
        if self.feed(source).is_some_and(Feed::has_positions) || !self.has_place(source) {
            return None;
        }
        if !self.head.feed_entry(source).letters.add(letter, at) {
            return None;
        }
        self.publish_if_changed(source, Cause::dead_letter(source.clone(), None), at)
    }

    /// The same of one of a provider's messages of which nobody can tell whose it was: each of its producers that have spoken of
    /// the event, and any that will, may have said it.
    pub(crate) fn refuse_anyones(&mut self, provider: &Name, letter: Letter, at: Timestamp) -> Vec<Update> {
        if let Some(anyones) = self.head.anyones_letters(provider) {
            anyones.add(letter, at);
        }
        let sources = self.head.feeds.iter().map(|feed| &feed.source);
        let sources: Vec<Source> = sources.filter(|source| source.provider == *provider).cloned().collect();
        sources.iter().filter_map(|source| self.refuse_by_time(source, letter, at)).collect()
    }

    /// Notes of each source since when a recovery may be asked for what its letters keep shut: before the head is stored, whoever
    /// asks reads that alone.
    pub fn note_unasked(&mut self) {
        let Self { head, markets, .. } = self;
        for feed in &mut head.feeds {
            feed.unasked_since = None;
            if !feed.letters.has_unasked() {
                continue;
            }
            let shut = markets.values().filter(|entry| {
                let public = entry.public.value.as_ref();
                public.is_some_and(|market| market.suspension == Some(Suspension::DeadLetter))
                    && entry.book.owner() == Some(&feed.source)
            });
            let since = shut.filter_map(|entry| feed.letters.unasked_since(entry.book.offered_at()?));
            feed.unasked_since = since.max();
        }
    }

    /// A message has been sent in the place of the letter with this mark: what only that kept shut is open again, of each of
    /// the provider's producers, for nobody may have been able to tell whose the letter was. Without a mark the message's time
    /// tells which letter of its own producer it is. `None` where nothing is open again.
    pub fn put_right(
        &mut self,
        message: &FeedMessage,
        mark: Option<LetterMark>,
        at: Timestamp,
    ) -> Option<Update> {
        let source = &message.source;
        let marked = mark.map_or_else(Vec::new, |mark| self.head.put_right(&source.provider, mark));
        let freed = match marked.is_empty() {
            false => marked,
            true => {
                let feed = self.head.feeds.iter_mut().find(|feed| feed.source == *source)?;
                feed.letters
                    .put_right_at(message.generated_at, mark.is_some())
                    .then(|| source.clone())
                    .into_iter()
                    .collect()
            }
        };
        self.publish_freed(&freed, Cause::message(message), at)
    }
}

impl Step<'_> {
    /// Makes of a checked body what it says, as of `at`; says whether it added anything to what was known. What answers a
    /// recovery may have been said before, with another time.
    fn change_by_time(&mut self, body: &Body, at: Timestamp, request_id: Option<u64>) -> bool {
        let (mut adds, said) = (false, (at, request_id));
        match body {
            Body::Fixture(fixture) => adds = self.tell_fixture(fixture, at),
            // That it has changed is news of its own, whatever is known of it.
            Body::FixtureChange(change) => {
                adds = self.state.head.times.add_change(*change, at);
                if let Some(start) = change.scheduled_start {
                    adds |= self.tell_start(start, at);
                }
            }
            Body::EventStatus(status) => adds = self.tell_status(status, at),
            Body::OddsChange(odds) => {
                adds = match (&odds.status, odds.standing) {
                    (Some(status), _) => self.tell_status(status, at),
                    (None, Some(standing)) => self.tell_standing(standing, at),
                    (None, None) => false,
                };
                for offer in &odds.markets {
                    adds |= self.edit(&offer.key, |book, source| book.offer_at(source, offer, at));
                }
            }
            Body::Settlement(settlement) => {
                for market in &settlement.markets {
                    adds |= self.edit(&market.key, |book, source| {
                        book.settle_at(source, settlement.certainty, market, said)
                    });
                }
            }
            Body::SettlementRollback(rollback) => {
                for key in &rollback.markets {
                    adds |= self.edit(key, |book, source| book.roll_back_settlement_at(source, said));
                }
            }
            Body::Cancel(cancel) => {
                for market in &cancel.markets {
                    adds |= self.edit(&market.key, |book, source| {
                        book.cancel_at(source, cancel.window, market.void_reason.clone(), said)
                    });
                }
            }
            Body::CancelRollback(rollback) => {
                for key in &rollback.markets {
                    adds |= self
                        .edit(key, |book, source| book.roll_back_cancel_at(source, rollback.window, said));
                }
            }
            Body::BetStop(_) | Body::Incident(_) | Body::Snapshot(_) => {}
        }
        adds
    }

    fn tell_status(&mut self, status: &Status, at: Timestamp) -> bool {
        let (head, is_of_game) = (&mut self.state.head, !self.source.is_pre_match());
        let known = (head.times.is_status_of_game, head.times.status, head.told_status());
        if known >= (is_of_game, Some(at), Some(status)) {
            return false;
        }
        (head.times.is_status_of_game, head.times.status) = (is_of_game, Some(at));
        self.show_status(Some(status.clone()));
        true
    }

    fn tell_standing(&mut self, standing: Standing, at: Timestamp) -> bool {
        let head = &mut self.state.head;
        let told = head.told_status().cloned();
        let (said, times) = (Some((at, standing)), &mut head.times);
        let is_unstarted = standing.alone().is_some() && times.unstarted < said;
        let known = (times.is_standing_of_game, times.standing);
        let last = known.max((!self.source.is_pre_match(), said));
        if !is_unstarted && last == known {
            return false;
        }
        (times.is_standing_of_game, times.standing) = last;
        times.unstarted = if is_unstarted { said } else { times.unstarted };
        self.show_status(told);
        true
    }

    /// Shows the status that was told, and over it what was said later without a score.
    fn show_status(&mut self, told: Option<Status>) {
        let times = &mut self.state.head.times;
        times.told_status = None;
        let is_later = |at| (times.is_standing_of_game, Some(at)) > (times.is_status_of_game, times.status);
        let later = times.standing.filter(|(at, _)| is_later(*at)).map(|(_, standing)| standing);
        let shown = match (told, later) {
            (Some(told), Some(standing)) => {
                let shown = standing.over(&told);
                times.told_status = Some(Box::new(told));
                Some(shown)
            }
            (Some(told), None) => Some(told),
            (None, _) => times.unstarted.and_then(|(_, standing)| standing.alone()),
        };
        if let Some(shown) = shown {
            self.set_status(&shown);
        }
    }

    fn tell_fixture(&mut self, fixture: &Fixture, at: Timestamp) -> bool {
        let head = &mut self.state.head;
        let told = head.times.fixture;
        let known = head
            .fixture
            .as_ref()
            .zip(told)
            .map(|(known, (_, scheduled_start))| Fixture { scheduled_start, ..known.value.clone() });
        if (told.map(|(told_at, _)| told_at), known.as_ref()) >= (Some(at), Some(fixture)) {
            return false;
        }
        head.times.fixture = Some((at, fixture.scheduled_start));
        let scheduled_start = head.times.start_of(fixture.scheduled_start, at);
        self.set_fixture(&Fixture { scheduled_start, ..fixture.clone() });
        true
    }

    fn tell_start(&mut self, start: Timestamp, at: Timestamp) -> bool {
        let head = &mut self.state.head;
        if head.times.start >= Some((at, start)) {
            return false;
        }
        head.times.start = Some((at, start));
        if let Some(known) = head.fixture.as_ref().map(|known| known.value.clone()) {
            let (told_at, told_start) =
                head.times.fixture.unwrap_or((Timestamp(i64::MIN), known.scheduled_start));
            let scheduled_start = head.times.start_of(told_start, told_at);
            self.set_fixture(&Fixture { scheduled_start, ..known });
        }
        true
    }
}

impl Head {
    /// The letter with this mark keeps nothing of any of the provider's producers shut any more; says of which it did.
    pub(super) fn put_right(&mut self, provider: &Name, mark: LetterMark) -> Vec<Source> {
        if let Some(anyones) = self.letters.get_mut(provider) {
            anyones.put_right(mark);
        }
        let feeds = self.feeds.iter_mut().filter(|feed| feed.source.provider == *provider);
        feeds.filter_map(|feed| feed.letters.put_right(mark).then(|| feed.source.clone())).collect()
    }

    /// The status as it was told whole, where it was.
    fn told_status(&self) -> Option<&Status> {
        let Times { status, standing, told_status, .. } = &self.times;
        let shown = || self.status.as_ref().map(|known| &known.value);
        // Without a time of its own it is what a standing alone made of it.
        told_status.as_deref().or_else(|| shown().filter(|_| status.is_some() || standing.is_none()))
    }
}

impl Times {
    /// Says whether that is news: neither known, nor older than all that are.
    fn add_change(&mut self, change: FixtureChange, at: Timestamp) -> bool {
        // Of two of the same time one that says that there is no event is the last.
        let place = |(at, change): &(Timestamp, FixtureChange)| {
            (*at, change.change == FixtureChangeKind::Cancelled, *change)
        };
        let told = (at, change);
        let Err(index) = self.changes.binary_search_by_key(&place(&told), place) else { return false };
        self.changes.insert(index, told);
        if self.changes.len() <= FIXTURE_CHANGES_MAX {
            return true;
        }
        self.changes.remove(0);
        index > 0
    }

    /// The beginning of a fixture that named `start` at `told_at`: a change of the same time or later outweighs it.
    fn start_of(&self, start: Timestamp, told_at: Timestamp) -> Timestamp {
        self.start.filter(|(changed_at, _)| *changed_at >= told_at).map_or(start, |(_, changed)| changed)
    }
}
