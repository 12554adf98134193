//! What Kafka has and Redis does not yet. Where Redis cannot keep up, only which events were left out is remembered, and their images
//! are written anew as MySQL has them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::EventId;
use tokio::sync::{Notify, oneshot};

use crate::store::offsets::OffsetRow;
use crate::store::rows::{Advance, Writes};

/// Batches that may wait for Redis with all that they change.
const BATCHES_MAX: usize = 16;
/// Events of those that had to be left out; of more, all images are written anew.
const LEFT_OUT_MAX: usize = 20_000;

/// What is behind Kafka, in order.
pub(super) enum Task {
    /// A partition was taken, and what its former owner had left is published.
    Adopt(i32, OffsetRow),
    /// Kafka has all of a batch.
    Published(Box<Writes>),
    /// The same of batches for which there was no room.
    LeftOut(LeftOut),
    /// Say when everything before has been noted.
    Flush(oneshot::Sender<()>),
    /// Partitions were given up.
    Release(Vec<i32>),
}

/// What is remembered of batches for which there was no room.
pub(super) struct LeftOut {
    /// The events that they changed; `None` where those are too many.
    pub(super) events: Option<BTreeSet<EventId>>,
    /// The last of each partition.
    pub(super) advances: Vec<Advance>,
}

impl LeftOut {
    fn add(&mut self, writes: Writes) {
        if let Some(events) = &mut self.events {
            events.extend(writes.events.into_iter().map(|event| event.event_id));
        }
        if self.events.as_ref().is_some_and(|events| events.len() > LEFT_OUT_MAX) {
            self.events = None;
        }
        for advance in writes.advances {
            self.advances.retain(|known| known.partition != advance.partition);
            self.advances.push(advance);
        }
    }
}

/// What waits. Whoever hands over never waits. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    batches: usize,
    is_closed: bool,
}

impl Waiting {
    pub(super) fn push(&self, task: Task) {
        let mut queue = self.queue();
        match task {
            Task::Published(writes) if queue.batches >= BATCHES_MAX => {
                if !matches!(queue.tasks.back(), Some(Task::LeftOut(_))) {
                    let nothing = LeftOut { events: Some(BTreeSet::new()), advances: Vec::new() };
                    queue.tasks.push_back(Task::LeftOut(nothing));
                }
                if let Some(Task::LeftOut(left_out)) = queue.tasks.back_mut() {
                    left_out.add(*writes);
                }
            }
            task => {
                queue.batches += usize::from(matches!(task, Task::Published(_)));
                queue.tasks.push_back(task);
            }
        }
        drop(queue);
        self.0.news.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.queue().is_closed = true;
        self.0.news.notify_one();
    }

    /// Waits for the next ones, and takes all there are; none at the end.
    pub(super) async fn take(&self) -> Option<VecDeque<Task>> {
        loop {
            {
                let mut queue = self.queue();
                if !queue.tasks.is_empty() {
                    queue.batches = 0;
                    return Some(std::mem::take(&mut queue.tasks));
                }
                if queue.is_closed {
                    return None;
                }
            }
            self.0.news.notified().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventState, Intake, Sport};

    use super::*;
    use crate::store::rows::EventRows;

    /// A batch that changed one event, after which this is the partition's next number.
    fn batch(event: i64, number_after: i64) -> Box<Writes> {
        let id = EventId::new(format!("md:match:{event}")).unwrap();
        let mut intake = Intake::new(EventState::new(id, Sport::Hockey), []);
        let (generation, offset_before, offset_after, number_before) = (1, 0, 0, 0);
        let advance =
            Advance { partition: 2, generation, offset_before, offset_after, number_before, number_after };
        Box::new(Writes {
            sport: Sport::Hockey,
            advances: vec![advance],
            events: vec![EventRows::of(intake.state_mut(), 2, "2026-01-01", 0)],
            foreseen: Vec::new(),
            no_longer_foreseen: Vec::new(),
            updates: Vec::new(),
            held: Vec::new(),
            released: Vec::new(),
            dead_letters: Vec::new(),
            redrives: Vec::new(),
            passed_over: Vec::new(),
            producers: Vec::new(),
            watched: Vec::new(),
        })
    }

    #[tokio::test]
    async fn of_what_redis_has_no_time_for_it_is_known_which_events_and_how_far() {
        let waiting = Waiting::default();
        let room = i64::try_from(BATCHES_MAX).unwrap();
        (1..=room).for_each(|number| waiting.push(Task::Published(batch(number, number + 1))));
        for number in room + 1..=room + 6 {
            // Each event twice.
            waiting.push(Task::Published(batch(1_000 + number / 2, number + 1)));
        }
        waiting.push(Task::Release(vec![3]));
        waiting.push(Task::Published(batch(1, 100)));
        waiting.close();
        let tasks = waiting.take().await.unwrap();
        let (mut whole, mut left_out) = (0, Vec::new());
        for task in tasks {
            match task {
                Task::Published(_) => whole += 1,
                Task::LeftOut(LeftOut { events, advances }) => {
                    let after: Vec<i64> = advances.iter().map(|advance| advance.number_after).collect();
                    left_out.push((events.unwrap().len(), after));
                }
                _ => left_out.push((0, Vec::new())),
            }
        }
        assert_eq!(whole, BATCHES_MAX);
        assert_eq!(left_out, [(4, vec![room + 7]), (0, vec![]), (1, vec![100])], "in order");
        assert!(waiting.take().await.is_none());
        waiting.push(Task::Published(batch(1, 2)));
        let tasks = waiting.take().await.unwrap();
        assert!(matches!(tasks[0], Task::Published(_)), "there is room again");
    }
}
