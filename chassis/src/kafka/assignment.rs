//! How partitions come and go, and where reading begins when one comes.

use rdkafka::Offset;

/// Where to begin reading a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record there is.
    Beginning,
    /// With the record of this offset. One that is outside the partition is an error that the caller sees.
    At(i64),
}

impl From<Start> for Offset {
    fn from(start: Start) -> Self {
        match start {
            Start::Beginning => Self::Beginning,
            Start::At(offset) => Self::Offset(offset),
        }
    }
}

/// What the owner of a [`Consumer`](super::Consumer) does when its partitions change. The calls come from within
/// [`Consumer::poll_batch`](super::Consumer::poll_batch), on its thread, and never while a batch is in the
/// caller's hands, so that what was polled has been dealt with by then.
pub trait Assignments {
    /// These partitions are now ours. Answers where to begin each of them; a partition left out of the answer is
    /// not read. While this runs, the group waits: at most the poll interval.
    ///
    /// # Errors
    /// An error leaves the partitions unread and is what the poll answers with; [`Consumer::rejoin`] asks for
    /// them again.
    ///
    /// [`Consumer::rejoin`]: super::Consumer::rejoin
    fn assigned(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<(i32, Start)>>;

    /// These partitions go to somebody else, who waits until this returns.
    fn revoked(&mut self, partitions: &[i32]);

    /// These partitions were taken away because we were silent for too long; somebody else may own them already.
    fn lost(&mut self, partitions: &[i32]);
}

/// A change of the assignment that librdkafka reported and nobody has handled yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
    Lost(Vec<i32>),
}
