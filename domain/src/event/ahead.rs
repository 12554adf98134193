//! What is known of messages ahead of their turn: that they exist, that they stop bets, that they were refused, and that
//! what comes before them is missing.

use super::{EventState, Feed, Letters};
use crate::id::Source;
use crate::letter::LetterMark;
use crate::message::{Body, Content, EventMessage, FeedMessage, Position};
use crate::{Cause, Timestamp, Update};

impl EventState {
    /// Takes note that `source` has a message at `position`, made at this time, that is not applied yet: no gap ends before it
    /// is.
    pub(crate) fn hear(&mut self, source: &Source, position: Position, said_at: Timestamp) {
        self.head.feed_entry(source).hear(position, said_at);
    }

    /// A bet stop that came before its turn shuts its markets at once, until the turn comes. `None` where it is
    /// no such message, or has done so before.
    pub(crate) fn overtake(&mut self, message: &FeedMessage, at: Timestamp) -> Option<Update> {
        let Content::Event(EventMessage { body: Body::BetStop(stop), position: Some(position), .. }) =
            &message.content
        else {
            return None;
        };
        let feed = self.head.feed_entry(&message.source);
        if feed.has_barrier_at(*position) {
            return None;
        }
        if !feed.raise_barrier(*position, stop) {
            // It cannot be remembered, so everything of its source is shut until all is there.
            return self.declare_gap(&message.source, at);
        }
        Some(self.publish_refreshed(&message.source, Cause::message(message), at))
    }

    /// Messages of `source` are missing: its open markets are suspended until they come. `None` where that was
    /// said before.
    pub fn declare_gap(&mut self, source: &Source, at: Timestamp) -> Option<Update> {
        if !self.has_place(source) {
            return None;
        }
        let feed = self.head.feed_entry(source);
        if feed.gap {
            return None;
        }
        feed.open_gap(at);
        let missing = feed.missing();
        Some(self.publish_refreshed(source, Cause::gap(source.clone(), missing), at))
    }

    /// A message came too late because of its epoch. Where it shows that this epoch may be the true one, nobody can tell which
    /// is, and all that its source offers is shut. `None` where it does not, or that was said before.
    pub(crate) fn contradict(&mut self, message: &FeedMessage, at: Timestamp) -> Option<Update> {
        let position = message.position()?;
        let feed = self.head.feeds.iter_mut().find(|feed| feed.source == message.source)?;
        if !feed.contradict(position, message.generated_at) || feed.gap {
            return None;
        }
        feed.open_gap(at);
        let cause = Cause::gap(message.source.clone(), position);
        Some(self.publish_refreshed(&message.source, cause, at))
    }

    /// Whether a message of `source` at `position` is yet to come, and no more than so many before it.
    pub(crate) fn awaits(&self, source: &Source, position: Position, ahead_max: usize) -> bool {
        match self.feed(source) {
            Some(feed) => feed.awaits(position, ahead_max),
            None => Feed::new(source.clone(), Letters::default()).awaits(position, ahead_max),
        }
    }

    /// A message of `source`, made or received at this time, was refused and lies among the dead letters, known by a mark: its
    /// open markets are suspended for that reason until a message that is right takes its place. `None` where that was said before.
    pub(crate) fn refuse(
        &mut self,
        source: &Source,
        (position, mark): (Position, Option<LetterMark>),
        said_at: Timestamp,
        at: Timestamp,
    ) -> Option<Update> {
        if !self.has_place(source) {
            return None;
        }
        let is_news = self.head.feed_entry(source).refuse((position, mark), said_at, at);
        is_news
            .then(|| self.publish_refreshed(source, Cause::dead_letter(source.clone(), Some(position)), at))
    }

    /// What was refused of `source` at this place has come, and is right, ahead of its turn: until then what comes before it is
    /// missing, as with any gap. `None` where clients see no difference.
    pub(crate) fn put_right_ahead(
        &mut self,
        source: &Source,
        position: Position,
        at: Timestamp,
    ) -> Option<Update> {
        let feed = self.head.feeds.iter_mut().find(|feed| feed.source == *source)?;
        if !feed.forget_refused(position) {
            return None;
        }
        let missing = feed.missing();
        self.publish_if_changed(source, Cause::gap(source.clone(), missing), at)
    }

    /// A message of `source` was refused, and nothing else is known of the event: it begins with the next one that is right, and
    /// is shut from there on.
    pub(crate) fn foresee_refused(
        &mut self,
        source: &Source,
        letter: (Position, Option<LetterMark>),
        said_at: Timestamp,
    ) {
        if self.has_place(source) {
            self.head.feed_entry(source).foresee_refused(letter, said_at);
        }
    }

    /// Whether messages of `source` were refused before any other of it had come.
    pub(crate) fn has_unsaid_letter(&self, source: &Source) -> bool {
        self.head.feeds.iter().any(|feed| feed.unsaid_letter().is_some() && feed.source == *source)
    }

    /// Says so of every source, now that something else of the event has come. Nothing is left to be said of the right ones.
    pub(crate) fn say_refused(&mut self, at: Timestamp) -> Vec<Update> {
        let feeds = self.head.feeds.iter_mut();
        let said: Vec<(Source, Position)> =
            feeds.filter_map(|feed| feed.say_refused(at).map(|place| (feed.source.clone(), place))).collect();
        let tell = |(source, position): (Source, Position)| {
            self.publish_refreshed(&source, Cause::dead_letter(source.clone(), Some(position)), at)
        };
        said.into_iter().map(tell).collect()
    }
}
