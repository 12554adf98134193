//! What one session sends next: urgent updates first, then what each subscription's pace allows, then heartbeats.
//!
//! Knows neither the socket nor the clock, so that a test can drive it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::{EventId, Timestamp};
use tokio::time::Instant;

use crate::cell::Scope;
use crate::filter::Filter;
use crate::frame::{Frame, Openings};
use crate::outbox::{Follower, News, Outbox, Pending, Subscriber};
use crate::protocol::{Close, ServerMessage};

/// Messages written with one flush at most.
const BATCH_FRAMES_MAX: usize = 64;
/// Bytes after which a batch takes no more messages. A client must take a batch within the write timeout.
pub const BATCH_BYTES_MAX: usize = 64 << 10;

/// Bytes taken at once for messages: a few small ones share an allocation.
const BUFFER_BYTES: usize = 4 << 10;

/// One client's subscriptions and what they have still to send.
#[derive(Debug)]
pub struct Session {
    outbox: Arc<Outbox>,
    subscriptions: Vec<Subscription>,
    next_number: u32,
    /// Which subscription begins the next batch, so that a busy one does not starve the others.
    turn: usize,
    urgent: VecDeque<Arc<Follower>>,
    /// Memory that is used again by every batch.
    pending: Pending,
    frames: Vec<Frame>,
}

#[derive(Debug)]
struct Subscription {
    id: String,
    subscriber: Arc<Subscriber>,
    openings: Openings,
    conflate: Duration,
    heartbeat: Duration,
    /// Events with news, until it is time to send them.
    waiting: Vec<Arc<Follower>>,
    /// Events whose time has come.
    sending: VecDeque<Arc<Follower>>,
    /// When `waiting` may be sent.
    due: Instant,
    /// When the last frame was written.
    written: Instant,
}

/// Messages to be written with one flush.
#[derive(Debug, Default)]
pub struct Batch {
    /// Where messages are put together; each is split off and shares the allocation.
    buffer: BytesMut,
    messages: Vec<Bytes>,
    bytes: usize,
    /// When the provider made what each frame of news says, where that is known.
    pub generated_at: Vec<Timestamp>,
    /// Updates that were merged with a later one of the same frame.
    pub conflated: u64,
}

impl Batch {
    /// Appends one message.
    pub fn push(&mut self, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        if self.buffer.capacity() < length {
            self.buffer.reserve(length.max(BUFFER_BYTES));
        }
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        let message = self.buffer.split().freeze();
        self.bytes += message.len();
        self.messages.push(message);
    }

    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes of all messages.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the messages out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Bytes> + '_ {
        self.bytes = 0;
        self.messages.drain(..)
    }

    /// Forgets the last batch's figures.
    pub fn reset(&mut self) {
        self.bytes = 0;
        self.messages.clear();
        self.generated_at.clear();
        self.conflated = 0;
    }

    /// Whether more may wait for the next one.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.messages.len() >= BATCH_FRAMES_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    fn push_frame(&mut self, openings: &Openings, frame: &Frame) {
        self.push(&[openings.of(frame.kind), &frame.body]);
        if !frame.is_first {
            self.generated_at.extend(frame.generated_at);
            self.conflated += frame.merged;
        }
    }
}

/// How a subscription wishes to be served, after validation.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The client's name for it.
    pub id: String,
    /// The shortest time between two frames of merged news.
    pub conflate: Duration,
    /// The longest time without a frame.
    pub heartbeat: Duration,
    /// What it is of.
    pub filter: Filter,
    /// The versions it has.
    pub resume: HashMap<EventId, u64>,
}

impl Session {
    /// A session without subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self {
            outbox: Arc::default(),
            subscriptions: Vec::new(),
            next_number: 0,
            turn: 0,
            urgent: VecDeque::new(),
            pending: Pending::default(),
            frames: Vec::new(),
        }
    }

    /// What wakes the session.
    #[must_use]
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Events that were taken from the outbox and wait for a later batch.
    #[must_use]
    pub fn taken(&self) -> usize {
        let of = |subscription: &Subscription| subscription.waiting.len() + subscription.sending.len();
        self.urgent.len() + self.subscriptions.iter().map(of).sum::<usize>()
    }

    /// Whether there is a subscription of this name.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.id == id)
    }

    /// The name of the subscription with this number.
    #[must_use]
    pub fn id(&self, number: u32) -> Option<&str> {
        let mut subscriptions = self.subscriptions.iter();
        subscriptions
            .find(|subscription| subscription.subscriber.number() == number)
            .map(|found| found.id.as_str())
    }

    /// Begins a subscription; the events it is to follow are up to the caller.
    pub fn open(&mut self, terms: Terms, now: Instant) -> Arc<Subscriber> {
        let subscriber =
            Subscriber::new(Arc::clone(&self.outbox), self.next_number, &terms.filter, terms.resume);
        self.next_number += 1;
        self.subscriptions.push(Subscription {
            openings: Openings::new(&terms.id),
            id: terms.id,
            subscriber: Arc::clone(&subscriber),
            conflate: terms.conflate,
            heartbeat: terms.heartbeat,
            waiting: Vec::new(),
            sending: VecDeque::new(),
            due: now,
            written: now,
        });
        subscriber
    }

    /// Ends a subscription; says whether there was one of this name.
    pub fn close(&mut self, id: &str) -> bool {
        let Some(index) = self.subscriptions.iter().position(|subscription| subscription.id == id) else {
            return false;
        };
        self.subscriptions.remove(index).subscriber.close();
        true
    }

    /// Puts what may be sent now into `batch`, until that is full. `clock` is what heartbeats tell.
    pub fn fill(&mut self, batch: &mut Batch, now: Instant, clock: Timestamp) -> Result<(), Close> {
        self.collect();
        while !batch.is_full()
            && let Some(follower) = self.urgent.pop_front()
        {
            self.write(&follower, News::Urgent, batch, now)?;
        }
        self.turn = self.turn.wrapping_add(1);
        for step in 0..self.subscriptions.len() {
            let index = self.turn.wrapping_add(step) % self.subscriptions.len();
            self.subscriptions[index].release(now);
            while !batch.is_full()
                && let Some(follower) = self.subscriptions[index].sending.pop_front()
            {
                self.write(&follower, News::Dirty, batch, now)?;
            }
        }
        for subscription in &mut self.subscriptions {
            subscription.beat(batch, now, clock);
        }
        Ok(())
    }

    /// When [`Session::fill`], which has just had nothing to do, will have something although nothing new comes.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let due = self.subscriptions.iter().map(|subscription| {
            let beat = subscription.written + subscription.heartbeat;
            if subscription.waiting.is_empty() { beat } else { beat.min(subscription.due) }
        });
        due.min()
    }

    /// Hands out what the outbox has gathered to the subscriptions it belongs to.
    fn collect(&mut self) {
        self.outbox.take(&mut self.pending);
        self.urgent.extend(self.pending.urgent.drain(..));
        for follower in self.pending.dirty.drain(..) {
            let number = follower.subscriber().number();
            let mut subscriptions = self.subscriptions.iter_mut();
            if let Some(found) = subscriptions.find(|subscription| subscription.subscriber.number() == number)
            {
                found.waiting.push(follower);
            }
        }
    }

    fn write(
        &mut self,
        follower: &Arc<Follower>,
        news: News,
        batch: &mut Batch,
        now: Instant,
    ) -> Result<(), Close> {
        let number = follower.subscriber().number();
        let mut subscriptions = self.subscriptions.iter_mut();
        let Some(subscription) = subscriptions.find(|open| open.subscriber.number() == number) else {
            return Ok(()); // Unsubscribed meanwhile.
        };
        let scope = match news {
            News::Urgent => Scope::Urgent,
            News::Dirty => Scope::All,
        };
        follower.attend(news);
        follower
            .cell()
            .write_frames(follower, scope, &mut self.frames)
            .map_err(|_| Close::Slow { reason: "too many urgent updates wait" })?;
        if !self.frames.is_empty() {
            subscription.written = now;
        }
        for frame in self.frames.drain(..) {
            batch.push_frame(&subscription.openings, &frame);
        }
        Ok(())
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for subscription in &self.subscriptions {
            subscription.subscriber.close();
        }
    }
}

impl Subscription {
    /// When it is time, what waits is to be sent, and what comes after waits for the next time.
    fn release(&mut self, now: Instant) {
        if self.sending.is_empty() && !self.waiting.is_empty() && self.due <= now {
            self.sending.extend(self.waiting.drain(..));
            self.due = now + self.conflate;
        }
    }

    fn beat(&mut self, batch: &mut Batch, now: Instant, clock: Timestamp) {
        if now >= self.written + self.heartbeat {
            batch.push(&[&ServerMessage::Heartbeat { id: &self.id, time: clock }.encode()]);
            self.written = now;
        }
    }
}

#[cfg(test)]
mod tests;
