//! How large the parts of one event may grow; what is larger is refused, never cut.

/// Markets of one event, tombstones included.
pub const MARKETS_MAX: usize = 2_000;
/// Outcomes of one market.
pub const OUTCOMES_MAX: usize = 500;
/// Outcomes of all markets of one event together, in offers and in settlements, each once however often it is said: what one update may have to carry at
/// once, and what Kafka must still take.
pub const EVENT_OUTCOMES_MAX: usize = 20_000;
/// Incidents of one event, tombstones included.
pub const INCIDENTS_MAX: usize = 5_000;
/// Points, goals or games of one side, in the whole or in a period.
pub const SCORE_MAX: u32 = 9_999;
/// Period scores in one status.
pub const PERIODS_MAX: usize = 20;
/// Settlements and cancels kept for one market, and, apart from them, their rollbacks; each once, however often it is repeated.
pub const DECISIONS_MAX: usize = 100;
/// How often one decision of a source without sequences is kept that says the same several times in a row.
pub const REPEATS_MAX: usize = 8;
/// Fixture changes without a sequence that an event remembers, to tell news from what it has heard.
pub const FIXTURE_CHANGES_MAX: usize = 16;
/// Bytes of an identifier.
pub const ID_BYTES_MAX: usize = 96;
/// Bytes of a name or another short text that a provider sends.
pub const TEXT_BYTES_MAX: usize = 256;
/// Message ids remembered per producer and event, to tell a duplicate from a stale message.
pub const RECENT_MAX: usize = 16;
/// Dead letters of a source that an event keeps apart: without sequences the last ones, and those before them open nothing any more;
/// with sequences the first ones.
pub const LETTERS_MAX: usize = 64;
/// Bet stops of one producer that overtook their sequence, per event.
pub const BARRIERS_MAX: usize = 32;
/// Epochs of one producer and event of which messages wait although they have not begun.
pub const EPOCHS_AHEAD_MAX: usize = 16;
/// How far a message may be ahead of the last place known of its producer and event, as long as nothing contradicts it.
pub const SEQUENCES_AHEAD_MAX: u64 = 1_000;
/// Groups that one bet stop names.
pub const GROUPS_MAX: usize = 64;
/// Providers and producers that speak of one event.
pub const SOURCES_MAX: usize = 16;
/// Producers that one partition of the feed watches: of one more nobody would notice the silence.
pub const WATCHED_MAX: usize = 1_000;
/// The largest epoch and the largest sequence: what a signed database column and every JSON reader hold exactly.
pub const POSITION_MAX: u64 = 1 << 53;
/// The earliest time that a message may name, in microseconds since 1970: the beginning of 2000, UTC.
pub const TIME_MIN_MICROS: i64 = 946_684_800_000_000;
/// The first time that is too late: the beginning of 2100. Times in another unit lie outside of the two.
pub const TIME_END_MICROS: i64 = 4_102_444_800_000_000;
/// How far a provider's clock may be ahead of the receiver's, in microseconds, where its messages are ordered by time.
pub const AHEAD_MICROS_MAX: i64 = 10_000_000;
/// Elements of an XML message that stand in each other.
pub const XML_DEPTH_MAX: usize = 16;
/// Attributes of one element of an XML message: as many as a word has bits, in which the reader marks those asked for.
pub const XML_ATTRIBUTES_MAX: usize = 64;
