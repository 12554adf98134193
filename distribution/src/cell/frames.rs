//! Which frames bring a follower up to date, and those encoded last.

use std::collections::VecDeque;
use std::sync::Arc;

use super::State;
use crate::filter::Markets;
use crate::frame::Frame;
use crate::image::Image;
use crate::outbox::{Follower, Place};

/// Encoded frames kept for sessions that are in step: a few, since clients differ in their market filter.
const ENCODED_MAX: usize = 8;

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

/// The frames encoded last, each for the clients of one market filter.
#[derive(Debug, Default)]
pub(super) struct Encoded(VecDeque<(Markets, Frame)>);

impl Encoded {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The frame that was encoded for another session, or a new one.
    fn get(&mut self, (from, to): (u64, u64), markets: &Markets, encode: impl FnOnce() -> Frame) -> Frame {
        let mut kept = self.0.iter();
        if let Some((_, frame)) =
            kept.find(|(of, frame)| frame.from == from && frame.to == to && of == markets)
        {
            return frame.clone();
        }
        let frame = encode();
        if self.0.len() >= ENCODED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((markets.clone(), frame.clone()));
        frame
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
                follower.advance(self.begin(place.told, markets, out));
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
        follower.advance(place);
        Ok(())
    }

    /// What a subscription begins with that has version `resumed`, 0 for nothing. A version that has not been reached
    /// here comes from elsewhere and is worth nothing.
    fn begin(&mut self, resumed: u64, markets: &Markets, out: &mut Vec<Frame>) -> Place {
        let version = self.image.version();
        let from = if resumed > version { 0 } else { resumed };
        let mut place = Place { told: from, seen: from, is_started: true };
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
        let frame = self.encoded.get((from, to), markets, || encode(&self.image, from));
        out.push(Frame { merged: to - place.seen - 1, ..frame });
        (place.told, place.seen) = (to, to);
    }
}
