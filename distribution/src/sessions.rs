//! The sessions that are open, and how each of them keeps up: for whoever watches the process, not for its clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use domain::Timestamp;
use serde::Serialize;

use crate::lock::lock;
use crate::outbox::Outbox;

/// All sessions that are open. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<Mutex<BTreeMap<u64, Arc<SessionFigures>>>>);

/// A session's place among those that are open. Dropped, it is not listed any more.
#[derive(Debug)]
pub struct Listed {
    sessions: Sessions,
    figures: Arc<SessionFigures>,
}

/// What one session counts. Written by its own task, read by whoever asks.
#[derive(Debug)]
struct SessionFigures {
    number: u64,
    peer: SocketAddr,
    opened_at: Timestamp,
    outbox: Arc<Outbox>,
    subscriptions: AtomicUsize,
    /// Events that the session has taken from its outbox and not written yet.
    taken: AtomicUsize,
    is_behind: AtomicBool,
    frames: AtomicU64,
    bytes: AtomicU64,
    conflated: AtomicU64,
}

/// One session, as it is now.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SessionState {
    /// Which one, counted since the process started.
    pub session: u64,
    /// Whoever opened the connection: the client, or what stands before this process.
    pub peer: SocketAddr,
    /// Since when, in microseconds since the Unix epoch.
    pub opened_at: Timestamp,
    /// Subscriptions open.
    pub subscriptions: usize,
    /// Events in which something is new that has not been written yet.
    pub queue: usize,
    /// Whether a write had to wait for the client, and it has not caught up since.
    pub behind: bool,
    /// Messages written.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Updates that reached the client merged with a later one.
    pub conflated: u64,
}

impl Sessions {
    /// Lists a session that has just begun.
    #[must_use]
    pub fn list(&self, number: u64, peer: SocketAddr, opened_at: Timestamp, outbox: &Arc<Outbox>) -> Listed {
        let figures = Arc::new(SessionFigures {
            number,
            peer,
            opened_at,
            outbox: Arc::clone(outbox),
            subscriptions: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            is_behind: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            conflated: AtomicU64::new(0),
        });
        lock(&self.0).insert(number, Arc::clone(&figures));
        Listed { sessions: self.clone(), figures }
    }

    /// How many are open, and `limit` of them: those that are behind before the others, then the longest queues first,
    /// then those for which most was merged.
    #[must_use]
    pub fn slowest(&self, limit: usize) -> (usize, Vec<SessionState>) {
        use std::cmp::Reverse;
        let open = self.open();
        // Each is looked at once: it goes on meanwhile.
        let mut ranked: Vec<_> = open
            .iter()
            .map(|figures| {
                let is_behind = figures.is_behind.load(Ordering::Relaxed);
                let conflated = figures.conflated.load(Ordering::Relaxed);
                let rank = (Reverse(is_behind), Reverse(figures.queue()), Reverse(conflated), figures.number);
                (rank, figures)
            })
            .collect();
        if limit < ranked.len() {
            ranked.select_nth_unstable_by_key(limit, |(rank, _)| *rank);
            ranked.truncate(limit);
        }
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        (open.len(), ranked.into_iter().map(|(_, figures)| figures.state()).collect())
    }

    /// Events in which something is new that has not been written yet, of all sessions.
    #[must_use]
    pub fn queue(&self) -> usize {
        self.open().iter().map(|figures| figures.queue()).sum()
    }

    /// No session waits at the register while others are looked at.
    fn open(&self) -> Vec<Arc<SessionFigures>> {
        lock(&self.0).values().cloned().collect()
    }
}

impl SessionFigures {
    fn queue(&self) -> usize {
        self.taken.load(Ordering::Relaxed) + self.outbox.len()
    }

    fn state(&self) -> SessionState {
        SessionState {
            session: self.number,
            peer: self.peer,
            opened_at: self.opened_at,
            subscriptions: self.subscriptions.load(Ordering::Relaxed),
            queue: self.queue(),
            behind: self.is_behind.load(Ordering::Relaxed),
            frames: self.frames.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            conflated: self.conflated.load(Ordering::Relaxed),
        }
    }
}

impl Listed {
    /// The session has so many subscriptions.
    pub fn subscribed(&self, subscriptions: usize) {
        self.figures.subscriptions.store(subscriptions, Ordering::Relaxed);
    }

    /// The session is about to write, or has; so many events that it took from its outbox wait for a later batch.
    pub fn waits(&self, events: usize) {
        self.figures.taken.store(events, Ordering::Relaxed);
    }

    /// Whether the client keeps up.
    pub fn is_behind(&self, is_behind: bool) {
        self.figures.is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// A batch was written: so many messages, so many bytes, so many updates merged away.
    pub fn written(&self, frames: u64, bytes: usize, conflated: u64) {
        self.figures.frames.fetch_add(frames, Ordering::Relaxed);
        self.figures.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.figures.conflated.fetch_add(conflated, Ordering::Relaxed);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.sessions.0).remove(&self.figures.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sessions: &Sessions, number: u64) -> Listed {
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        sessions.list(number, peer, Timestamp(7), &Arc::default())
    }

    #[test]
    fn whoever_is_behind_is_told_first_then_whoever_waits_for_most_and_nobody_who_has_left() {
        let sessions = Sessions::default();
        let listed: Vec<Listed> = (0..5).map(|number| open(&sessions, number)).collect();
        listed[1].waits(3);
        listed[2].written(1, 10, 4);
        listed[3].is_behind(true);
        listed[4].waits(9);
        let order = |limit| {
            let (open, states) = sessions.slowest(limit);
            (open, states.iter().map(|state| state.session).collect::<Vec<_>>())
        };
        assert_eq!(order(9), (5, vec![3, 4, 1, 2, 0]));
        assert_eq!(order(2), (5, vec![3, 4]));
        assert_eq!(sessions.queue(), 12);
        drop(listed);
        assert_eq!(order(9), (0, Vec::new()));
    }

    #[test]
    fn a_session_tells_what_it_counted() {
        let sessions = Sessions::default();
        let listed = open(&sessions, 3);
        listed.subscribed(2);
        listed.written(4, 1_000, 1);
        listed.written(1, 500, 2);
        let (_, states) = sessions.slowest(1);
        let [state] = states.as_slice() else { panic!("one session: {states:?}") };
        assert_eq!((state.subscriptions, state.frames, state.bytes, state.conflated), (2, 5, 1_500, 3));
        assert_eq!((state.session, state.queue, state.behind), (3, 0, false));
    }
}
