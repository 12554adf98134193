//! Batches: messages that go out in one request, and what became of them.

use bytes::Bytes;

use super::{ACCEPTED, Problem};
use crate::format::Format;

/// Messages that go out in one request, one after the other, each followed by a line feed.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    format: Format,
    /// Where each message ends, its line feed included.
    pub(super) ends: Vec<usize>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) accepted: usize,
    /// By their place in the batch as it was first sent.
    pub(crate) refused: Vec<(usize, Problem)>,
    /// Messages sent more than once, counted each time.
    pub(crate) sent_again: usize,
    /// Requests that had no answer.
    pub(crate) unanswered: usize,
    /// Messages without a final answer when time was up, by their place, and the last thing that stood in the way.
    pub(crate) given_up: Option<(Vec<usize>, String)>,
}

impl Batch {
    /// A batch that takes this many messages of this many bytes in all without growing.
    pub(crate) fn with_capacity(format: Format, messages: usize, bytes: usize) -> Self {
        let (start, end) = format.batch_ends();
        let mut batch = Vec::with_capacity(start.len() + bytes + messages + end.len());
        batch.extend_from_slice(start);
        Self { bytes: batch, format, ends: Vec::with_capacity(messages) }
    }

    /// How many messages it has.
    pub(crate) fn messages(&self) -> usize {
        self.ends.len()
    }

    /// The message at a place, as it was written.
    pub(crate) fn message(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(self.format.batch_ends().0.len(), |before| self.ends[before]);
        &self.bytes[start..self.ends[place] - 1]
    }

    /// Ends the message written last.
    pub(crate) fn end_message(&mut self) {
        self.bytes.push(b'\n');
        self.ends.push(self.bytes.len());
    }

    /// What is sent, and where in it each message ends.
    pub(super) fn finish(mut self) -> (Bytes, Vec<usize>) {
        self.bytes.extend_from_slice(self.format.batch_ends().1);
        (Bytes::from(self.bytes), self.ends)
    }
}

impl Delivery {
    /// What became of the first `messages` of a batch, and how each one behind them was answered: 0 where it was not.
    pub(crate) fn split_off(mut self, messages: usize, behind: usize) -> (Self, Vec<u16>) {
        let mut answers = vec![ACCEPTED; behind];
        self.refused.retain(|(place, problem)| match place.checked_sub(messages) {
            Some(place) => {
                answers[place] = problem.status;
                false
            }
            None => true,
        });
        if let Some((places, _)) = &mut self.given_up {
            places.retain(|place| match place.checked_sub(messages) {
                Some(place) => {
                    answers[place] = 0;
                    false
                }
                None => true,
            });
        }
        self.given_up = self.given_up.filter(|(places, _)| !places.is_empty());
        self.accepted -= answers.iter().filter(|answer| **answer == ACCEPTED).count();
        (self, answers)
    }
}
