//! What a batch writes: plain rows, made from applied effects, sorted by primary key.

use bytes::Bytes;
use domain::event::{Feed, Head};
use domain::letter::{LetterId, RedriveOutcome};
use domain::{EventId, EventState, EventStatus, Fixture, Key, Name, Source, Sport, Status, Timestamp};
use serde::Serialize;

use crate::batch::PassedOver;
use crate::producers::{ByPartition, Watched};

/// One event after a batch, with the parts of it that the batch touched.
#[derive(Debug, Clone)]
pub struct EventRows {
    /// The event.
    pub event_id: EventId,
    /// The feed partition it lives in.
    pub partition: i32,
    /// The UTC day on which it was first seen, `YYYY-MM-DD`.
    pub first_seen_day: String,
    /// Its version before the batch.
    pub version_before: u64,
    /// Its version after the batch.
    pub version: u64,
    /// The state of play.
    pub status: Option<Status>,
    /// Who plays and when.
    pub fixture: Option<Fixture>,
    /// Whether messages of it are missing that its provider could send again: not of one that is over and confirmed, nor where
    /// what is missing at its place was refused.
    pub has_gap: bool,
    /// Whether clients see one of its markets open: it must hear of a producer that goes down.
    pub is_open: bool,
    /// Whether one of its markets is shut because its producer is down: it must hear of one that comes up.
    pub is_distrusted: bool,
    /// JSON of [`domain::event::Head`].
    pub state: String,
    /// The fixture, where the batch changed it: since which version, and its JSON.
    pub fixture_value: Option<(u64, String)>,
    /// The state of play, where the batch changed it: since which version, and its JSON.
    pub status_value: Option<(u64, String)>,
    /// Markets whose stored form the batch changed.
    pub markets: Vec<MarketRow>,
    /// Incidents that the batch changed.
    pub incidents: Vec<IncidentRow>,
}

/// One market as stored.
#[derive(Debug, Clone)]
pub struct MarketRow {
    /// Text form of its key.
    pub key: String,
    /// When its public value last changed.
    pub version: u64,
    /// The public status; `None` where the market went away.
    pub status: Option<&'static str>,
    /// JSON of the public value; `None` where the market went away.
    pub value: Option<String>,
    /// JSON of its book.
    pub book: String,
}

/// One incident as stored.
#[derive(Debug, Clone)]
pub struct IncidentRow {
    /// Its id.
    pub id: String,
    /// When it last changed.
    pub version: u64,
    /// JSON of it; `None` where it was deleted.
    pub value: Option<String>,
}

impl EventRows {
    /// The rows of an event whose state has gone on from `version_before`.
    #[must_use]
    pub fn of(state: &mut EventState, partition: i32, first_seen_day: &str, version_before: u64) -> Self {
        let touched = state.take_touched();
        state.note_unasked();
        let head = state.head();
        let fixture = head.fixture.as_ref();
        let status = head.status.as_ref();
        let mut rows = Self {
            event_id: state.event_id().clone(),
            partition,
            first_seen_day: first_seen_day.to_owned(),
            version_before,
            version: state.version(),
            status: status.map(|status| status.value.clone()),
            fixture: fixture.map(|fixture| fixture.value.clone()),
            has_gap: has_gap(head),
            is_open: state.is_open(),
            is_distrusted: state.is_distrusted(),
            state: json(head),
            fixture_value: fixture
                .filter(|f| f.version > version_before)
                .map(|f| (f.version, json(&f.value))),
            status_value: status.filter(|s| s.version > version_before).map(|s| (s.version, json(&s.value))),
            markets: Vec::new(),
            incidents: Vec::new(),
        };
        // Touched keys are in order, so the rows are sorted by key, but for how their texts compare.
        for key in touched {
            match key {
                Key::Market(key) => {
                    if let Some((book, public)) = state.market(&key) {
                        rows.markets.push(MarketRow {
                            key: key.to_string(),
                            version: public.version,
                            status: public.value.as_ref().map(|market| market.status.as_str()),
                            value: public.value.as_ref().map(json),
                            book: json(book),
                        });
                    }
                }
                Key::Incident(id) => {
                    if let Some(incident) = state.incident(&id) {
                        rows.incidents.push(IncidentRow {
                            id: id.to_string(),
                            version: incident.version,
                            value: incident.value.as_ref().map(json),
                        });
                    }
                }
                Key::Fixture | Key::Status => {}
            }
        }
        rows.markets.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        rows.incidents.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        rows
    }
}

fn has_gap(head: &Head) -> bool {
    let status = head.status.as_ref().map(|status| status.value.status);
    let is_over = matches!(status, Some(EventStatus::Closed | EventStatus::Cancelled));
    !is_over && head.feeds.iter().any(Feed::is_recoverable)
}

/// One event of which nothing is known but that messages of it were refused.
#[derive(Debug, Clone)]
pub struct ForeseenRow {
    /// The event.
    pub event_id: EventId,
    /// The processor's clock.
    pub noted_at: Timestamp,
    /// JSON of [`domain::event::Head`].
    pub state: String,
}

impl ForeseenRow {
    /// The row of a foreseen event.
    #[must_use]
    pub fn of(state: &EventState, noted_at: Timestamp) -> Self {
        Self { event_id: state.event_id().clone(), noted_at, state: json(state.head()) }
    }
}

/// One row of the update log.
#[derive(Debug, Clone)]
pub struct UpdateRow {
    /// The feed partition.
    pub partition: i32,
    /// The outbox number.
    pub number: i64,
    /// The day on which the event was first seen.
    pub first_seen_day: String,
    /// The event.
    pub event_id: EventId,
    /// The version it reached.
    pub version: u64,
    /// JSON of [`domain::Update`], exactly as published.
    pub payload: Bytes,
}

/// One message that waits.
#[derive(Debug, Clone)]
pub struct HeldRow {
    /// The feed partition.
    pub partition: i32,
    /// Its offset there.
    pub feed_offset: i64,
    /// The event it belongs to.
    pub event_id: EventId,
    /// When the wait is over, in microseconds since the epoch.
    pub deadline: i64,
    /// Its bytes.
    pub payload: std::sync::Arc<[u8]>,
}

/// What a dead letter's `pointer` is where its event belongs to another sport, and nowhere else.
pub const OF_ANOTHER_SPORT: &str = "/event_id";

/// One message that was refused.
#[derive(Debug, Clone)]
pub struct DeadLetterRow {
    /// The feed partition.
    pub partition: i32,
    /// The outbox number.
    pub number: i64,
    /// Its offset in the feed.
    pub feed_offset: i64,
    /// Its key there.
    pub key: Option<Vec<u8>>,
    /// Why it was refused.
    pub reason: String,
    /// JSON pointer to what is wrong; may be empty.
    pub pointer: String,
    /// When, in microseconds since the epoch.
    pub refused_at: i64,
    /// Its original bytes.
    pub payload: Vec<u8>,
}

/// What became of a message that was sent in a dead letter's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveRow {
    /// Whose message it was.
    pub provider: Name,
    /// The letter.
    pub letter: LetterId,
    /// Which attempt it was.
    pub attempt: u64,
    /// What became of it.
    pub outcome: RedriveOutcome,
    /// Why, where it has had no effect.
    pub reason: String,
    /// JSON pointer to what is wrong; may be empty.
    pub pointer: String,
    /// The feed partition it came in.
    pub partition: i32,
    /// Its offset there.
    pub feed_offset: i64,
    /// The processor's clock.
    pub decided_at: Timestamp,
}

impl RedriveRow {
    /// The primary key.
    #[must_use]
    pub fn key(&self) -> (&Name, LetterId) {
        (&self.provider, self.letter)
    }
}

/// What a partition has heard of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRow {
    /// The feed partition.
    pub partition: i32,
    /// The producer.
    pub source: Source,
    /// What its last `alive` said, where the batch had one.
    pub alive: Option<AliveColumns>,
    /// The processor's clock when it took a message of the producer.
    pub last_message_at: Timestamp,
}

/// What is kept of an `alive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliveColumns {
    /// Whether the producer says that it has lost nothing.
    pub subscribed: bool,
    /// When the provider made the message.
    pub generated_at: Timestamp,
    /// When ingestion received it.
    pub received_at: Option<Timestamp>,
}

/// Whether a partition trusts a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedRow {
    /// The feed partition.
    pub partition: i32,
    /// The producer.
    pub source: Source,
    /// What is known of it.
    pub watched: Watched,
}

impl WatchedRow {
    /// A row for each.
    #[must_use]
    pub fn all_of(watched: ByPartition) -> Vec<Self> {
        let rows = watched.into_iter().flat_map(|(partition, watched)| {
            watched.into_iter().map(move |(source, watched)| Self { partition, source, watched })
        });
        rows.collect()
    }
}

/// How far a batch takes one partition: nowhere, where all it does is to say something of producers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// The feed partition.
    pub partition: i32,
    /// The generation under which this process owns it.
    pub generation: i64,
    /// The offset that must be next in the database.
    pub offset_before: i64,
    /// The offset that is next after the batch.
    pub offset_after: i64,
    /// The outbox number that must be next in the database: a declared gap moves nothing else.
    pub number_before: i64,
    /// The outbox number that is next after the batch.
    pub number_after: i64,
}

impl Advance {
    /// Whether the partition's row tells if the batch was committed.
    #[must_use]
    pub fn is_move(&self) -> bool {
        (self.offset_before, self.number_before) != (self.offset_after, self.number_after)
    }
}

/// Everything one transaction writes.
#[derive(Debug, Clone)]
pub struct Writes {
    /// The sport all of it belongs to.
    pub sport: Sport,
    /// The fences and new offsets, sorted by partition.
    pub advances: Vec<Advance>,
    /// Events, sorted by id.
    pub events: Vec<EventRows>,
    /// Events that have not begun, sorted by id.
    pub foreseen: Vec<ForeseenRow>,
    /// Events that were among those, and have begun, or have no letter any more, sorted by id.
    pub no_longer_foreseen: Vec<EventId>,
    /// The update log's new rows.
    pub updates: Vec<UpdateRow>,
    /// Messages that now wait.
    pub held: Vec<HeldRow>,
    /// Messages that no longer wait: partition and feed offset.
    pub released: Vec<(i32, i64)>,
    /// Messages refused.
    pub dead_letters: Vec<DeadLetterRow>,
    /// What became of dead letters that were sent again, sorted by provider and letter.
    pub redrives: Vec<RedriveRow>,
    /// Messages that have waited in vain: a dead letter that one of them took the place of is superseded.
    pub passed_over: Vec<PassedOver>,
    /// What was heard of producers, sorted by partition and source.
    pub producers: Vec<ProducerRow>,
    /// Which producers are trusted now, sorted by partition and source.
    pub watched: Vec<WatchedRow>,
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the domain's types have string keys only")
}

/// Characters of a reason, in `dead_letters` and `redrives`.
pub const REASON_CHARS_MAX: usize = 1_024;
/// Characters of a pointer.
pub const POINTER_CHARS_MAX: usize = 512;
/// Bytes of a dead letter's key.
const KEY_BYTES_MAX: usize = 1_024;

/// A reason as its column holds it.
pub fn reason(text: String) -> String {
    cut(text, REASON_CHARS_MAX)
}

/// A pointer as its column holds it.
pub fn pointer(text: String) -> String {
    cut(text, POINTER_CHARS_MAX)
}

/// A key as its column holds it: one that is too long is none.
pub fn key(key: Option<Vec<u8>>) -> Option<Vec<u8>> {
    key.filter(|key| key.len() <= KEY_BYTES_MAX)
}

fn cut(text: String, chars_max: usize) -> String {
    if text.len() <= chars_max { text } else { text.chars().take(chars_max).collect() }
}
