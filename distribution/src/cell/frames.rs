//! Which frames bring a follower up to date, and those encoded last.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::State;
use crate::filter::Markets;
use crate::frame::Frame;
use crate::image::Image;
use crate::outbox::{Follower, Place};

/// Encoded frames of one event kept for sessions that are in step. Clients differ in their market filter, and where they
/// resume in the version that they go on from.
const ENCODED_MAX: usize = 256;
/// Bytes of them, but for a single one that is larger.
const ENCODED_BYTES_MAX: usize = 4 << 20;

/// How much of an event is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Up to the last urgent update.
    Urgent,
    /// Everything.
    All,
}

/// A follower is behind by more urgent updates than are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

/// What the encoded frames kept of all events may weigh together. Beyond it frames are encoded for each session anew.
#[derive(Debug)]
pub struct FrameBudget {
    left: AtomicUsize,
}

impl FrameBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// From where to where, of which markets, and whether what a silence changes is in it.
type Step = (u64, u64, Markets, bool);

/// The frames encoded since the event last changed, each for the clients of one market filter at one version.
#[derive(Debug)]
pub(super) struct Encoded {
    frames: HashMap<Step, Frame>,
    bytes: usize,
    budget: Arc<FrameBudget>,
}

impl Encoded {
    pub(super) fn new(budget: Arc<FrameBudget>) -> Self {
        Self { frames: HashMap::new(), bytes: 0, budget }
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.budget.give_back(std::mem::take(&mut self.bytes));
    }

    /// As [`Encoded::clear`], and the room for them is given back as well.
    pub(super) fn forget(&mut self) {
        self.clear();
        self.frames.shrink_to_fit();
    }

    /// The frame that was encoded for another session, or a new one.
    fn get(&mut self, step: Step, encode: impl FnOnce() -> Frame) -> Frame {
        if let Some(frame) = self.frames.get(&step) {
            return frame.clone();
        }
        let frame = encode();
        self.make_room(frame.body.len());
        if self.budget.take(frame.body.len()) {
            self.bytes += frame.body.len();
            self.frames.insert(step, frame.clone());
        }
        frame
    }

    /// Drops any frames, not the oldest: sessions that take turns would come to each just after it was dropped.
    fn make_room(&mut self, bytes: usize) {
        while self.frames.len() >= ENCODED_MAX || self.bytes + bytes > ENCODED_BYTES_MAX {
            let Some(step) = self.frames.keys().next().cloned() else { return };
            let bytes = self.frames.remove(&step).map_or(0, |frame| frame.body.len());
            self.bytes -= bytes;
            self.budget.give_back(bytes);
        }
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.clear();
    }
}

impl State {
    /// See [`super::Cell::write_frames`].
    pub(super) fn write_frames(
        &mut self,
        follower: &Follower,
        scope: Scope,
        out: &mut Vec<Frame>,
    ) -> Result<(), Overflow> {
        let version = self.image.version();
        if version == 0 {
            return Ok(()); // The image is still being loaded; when it is there, that is news.
        }
        let markets = follower.subscriber().markets();
        let mut place = follower.place();
        if !place.is_started {
            if scope == Scope::All {
                let mut place = self.begin(place.told, markets, out);
                self.turn(&mut place, markets, out);
                follower.advance(place);
            }
            return Ok(());
        }
        if place.seen < self.urgent_lost {
            return Err(Overflow);
        }
        if place.seen < self.replaced_at {
            follower.advance(self.begin(0, markets, out));
            return Ok(());
        }
        let first = self.urgent.partition_point(|update| update.version <= place.seen);
        for index in first..self.urgent.len() {
            let update = Arc::clone(&self.urgent[index]);
            if markets.concern(&update) {
                self.push_frame(&mut place, update.version, markets, out, |image, from| {
                    Frame::urgent(image, from, &update, markets)
                });
            } else if !self.concerns(markets, place.seen, update.version) {
                place.seen = update.version;
            }
        }
        if scope == Scope::All && self.concerns(markets, place.seen, version) {
            self.push_frame(&mut place, version, markets, out, |image, from| {
                Frame::delta(image, from, markets)
            });
        } else if scope == Scope::All {
            place.seen = version;
        }
        self.turn(&mut place, markets, out);
        follower.advance(place);
        Ok(())
    }

    /// What a subscription begins with that has version `resumed`, 0 for nothing. A version that has not been reached
    /// here comes from elsewhere and is worth nothing.
    fn begin(&mut self, resumed: u64, markets: &Markets, out: &mut Vec<Frame>) -> Place {
        let version = self.image.version();
        let from = if resumed > version { 0 } else { resumed };
        let is_silent = from == 0 && self.image.is_silent();
        let mut place = Place { told: from, seen: from, is_started: true, is_silent, said_silent: false };
        if from == 0 || self.concerns(markets, from, version) {
            self.push_frame(&mut place, version, markets, out, |image, from| match from {
                0 => Frame::image(image, markets),
                from => Frame::delta(image, from, markets),
            });
            if let Some(frame) = out.last_mut() {
                frame.is_first = true;
            }
        }
        place.seen = version;
        place
    }

    /// Tells of a silence that has begun or ended since the follower was last told of one. Where that changes nothing that it has,
    /// it hears of the end alone, and that only where its last frame said that the event is silent.
    fn turn(&mut self, place: &mut Place, markets: &Markets, out: &mut Vec<Frame>) {
        let is_silent = self.image.is_silent();
        if place.is_silent == is_silent {
            return;
        }
        let (from, to) = (place.told, self.image.version());
        if (is_silent || !place.said_silent) && !Frame::turns(&self.image, from, markets) {
            place.is_silent = is_silent;
            return;
        }
        let step = (from, to, markets.clone(), true);
        let frame = self.encoded.get(step, || Frame::turn(&self.image, from, markets));
        out.push(Frame { merged: to.saturating_sub(place.seen + 1), ..frame });
        *place = Place { told: to, seen: to, is_silent, said_silent: is_silent, ..*place };
    }

    /// Whether what changed in these versions makes a frame. Without a filter every version does, so that clients see
    /// it reached.
    fn concerns(&self, markets: &Markets, after: u64, until: u64) -> bool {
        after < until
            && (markets.is_all() || self.image.changed(after, until).any(|(key, _)| markets.takes(key)))
    }

    /// Appends the frame that leads on to version `to`.
    fn push_frame(
        &mut self,
        place: &mut Place,
        to: u64,
        markets: &Markets,
        out: &mut Vec<Frame>,
        encode: impl FnOnce(&Image, u64) -> Frame,
    ) {
        let from = place.told;
        let step = (from, to, markets.clone(), false);
        let frame = self.encoded.get(step, || encode(&self.image, from));
        out.push(Frame { merged: to - place.seen - 1, ..frame });
        (place.told, place.seen, place.said_silent) = (to, to, self.image.is_silent());
    }
}

#[cfg(test)]
mod tests {
    use domain::Sport;

    use super::*;
    use crate::filter::{Filter, FilterLimits};

    fn markets(id: usize) -> Markets {
        let text = format!(r#"{{"id":"a","markets":[{id}]}}"#);
        let subscribe = serde_json::from_str(&text).expect("a subscribe");
        Filter::new(&subscribe, FilterLimits { events: 1, markets: 1 }).expect("a filter").markets
    }

    /// How many frames are encoded for clients of so many market filters that take turns, so many times each.
    fn encoded(filters: usize, turns: usize, bytes: usize) -> usize {
        let image = Image::empty("md:match:1".parse().expect("a URN"), Sport::Hockey);
        let frame = Frame { body: vec![b' '; bytes].into(), ..Frame::image(&image, &Markets::default()) };
        let filters: Vec<Markets> = (0..filters).map(markets).collect();
        let budget = FrameBudget::new(usize::MAX);
        let mut kept = Encoded::new(Arc::clone(&budget));
        let mut encodings = 0;
        for markets in filters.iter().cycle().take(filters.len() * turns) {
            let frame = kept.get((1, 2, markets.clone(), false), || {
                encodings += 1;
                frame.clone()
            });
            assert_eq!(frame.body.len(), bytes);
            assert!(kept.frames.len() <= ENCODED_MAX);
            assert!(kept.bytes <= ENCODED_BYTES_MAX.max(bytes), "{} bytes", kept.bytes);
            assert_eq!(budget.left.load(Ordering::Relaxed), usize::MAX - kept.bytes);
        }
        drop(kept);
        assert_eq!(budget.left.load(Ordering::Relaxed), usize::MAX, "all is given back");
        encodings
    }

    #[test]
    fn events_together_keep_no_more_than_the_budget() {
        let image = Image::empty("md:match:1".parse().expect("a URN"), Sport::Hockey);
        let frame = Frame { body: vec![b' '; 100].into(), ..Frame::image(&image, &Markets::default()) };
        let budget = FrameBudget::new(250);
        let mut events = [(); 3].map(|()| Encoded::new(Arc::clone(&budget)));
        for kept in &mut events {
            assert_eq!(kept.get((1, 2, Markets::default(), false), || frame.clone()).body.len(), 100);
        }
        assert_eq!(events.each_ref().map(|kept| kept.frames.len()), [1, 1, 0]);
        events[0].clear();
        let _ = events[2].get((1, 2, Markets::default(), false), || frame.clone());
        assert_eq!(events.each_ref().map(|kept| kept.frames.len()), [0, 1, 1]);
    }

    #[test]
    fn clients_of_many_market_filters_share_what_is_encoded_once_for_each() {
        assert_eq!(encoded(ENCODED_MAX, 10, 100), ENCODED_MAX);
        let some_more = encoded(ENCODED_MAX + 50, 10, 100);
        assert!(some_more < 5 * ENCODED_MAX, "{some_more} of {}", 10 * (ENCODED_MAX + 50));
    }

    #[test]
    fn large_frames_are_bounded_by_their_bytes() {
        assert_eq!(encoded(4, 10, ENCODED_BYTES_MAX / 4), 4);
        encoded(100, 3, ENCODED_BYTES_MAX / 10);
        assert_eq!(encoded(2, 3, ENCODED_BYTES_MAX + 1), 6);
    }
}
