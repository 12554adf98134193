//! A match in play, the updates of it and the sessions that follow it, on the allocator that the service runs on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use distribution::cell::{Cell, FrameBudget, Taken};
use distribution::filter::{Filter, Markets, Sports};
use distribution::image::{Image, RawUpdate, Step};
use distribution::session::{Batch, Session, Terms};
use domain::{EventState, Timestamp};
use tokio::time::Instant;

use crate::in_play::{self, MARKETS};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Updates after which the price of every market has moved once.
pub const UPDATES: u32 = 10;
/// Markets whose prices one of them moves.
const MOVED: u32 = MARKETS / UPDATES;

/// What the processors say of the match, each time another few markets move.
pub struct Updates {
    state: EventState,
    sequence: u64,
}

impl Updates {
    /// The match when all markets are offered, and what comes then.
    pub fn after_all_markets() -> (Image, Self) {
        let mut updates = Self { state: in_play::before(), sequence: 0 };
        let mut image = Image::empty(updates.state.event_id().clone(), updates.state.sport());
        let first = updates.of(0..MARKETS);
        assert_eq!(image.apply(&RawUpdate::parse(&first).expect("an update")), Step::Applied);
        (image, updates)
    }

    /// The next record of the updates topic.
    pub fn record(&mut self) -> Vec<u8> {
        let first = u32::try_from(self.sequence).expect("few") % UPDATES * MOVED;
        self.of(first..first + MOVED)
    }

    /// The next one, read.
    pub fn update(&mut self) -> RawUpdate {
        RawUpdate::parse(&self.record()).expect("an update")
    }

    fn of(&mut self, markets: std::ops::Range<u32>) -> Vec<u8> {
        self.sequence += 1;
        let message = in_play::odds_change(self.sequence, markets);
        serde_json::to_vec(&in_play::apply(&mut self.state, &message)).expect("JSON")
    }
}

/// The match in the hub, and sessions that have been sent all of it.
pub struct Followed {
    cell: Arc<Cell>,
    sessions: Vec<Session>,
    batch: Batch,
    now: Instant,
}

impl Followed {
    pub fn new(image: Image, sessions: usize) -> Self {
        let now = Instant::now();
        let cell = Cell::new(image, 1_000, FrameBudget::new(256 << 20), now);
        let sessions = (0..sessions).map(|_| following(&cell, now)).collect();
        let mut followed = Self { cell, sessions, batch: Batch::default(), now };
        assert_eq!(followed.send(), followed.sessions.len(), "an image each");
        followed
    }

    pub fn take(&self, update: RawUpdate) {
        assert_eq!(self.cell.take(update, self.now), Ok(Taken::Applied));
    }

    /// Fills a batch for every session, as before each write; says how many frames that made.
    pub fn send(&mut self) -> usize {
        let mut frames = 0;
        for session in &mut self.sessions {
            session.fill(&mut self.batch, self.now, Timestamp(3)).expect("nobody is slow");
            frames += self.batch.drain().count();
            self.batch.reset();
        }
        frames
    }
}

/// A session that follows the match, frames as soon as there is news.
fn following(cell: &Arc<Cell>, now: Instant) -> Session {
    let mut session = Session::new();
    let terms = Terms {
        id: "all".to_owned(),
        conflate: Duration::ZERO,
        heartbeat: Duration::from_secs(3_600),
        filter: Filter { sports: Sports::default(), events: None, markets: Markets::default() },
        resume: HashMap::new(),
    };
    let subscriber = session.open(terms, now);
    cell.follow_first(&subscriber).expect("it is in the hub");
    session
}
