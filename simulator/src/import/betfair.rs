//! Betfair's exchange stream becomes a recording of native messages: provider `betfair`, producer `live`.
//!
//! It reads files of the historical data service and what anybody wrote down of the Exchange Stream API: a change a
//! line, packed by bzip2 or not. `betfair/book.rs` applies the changes; whenever what a market offers is another than
//! before, that is an odds change, and a market that is closed with its winners known is settled.
//!
//! An outcome's odds are the best price to back, and it has none while nobody offers any. Where the file never says what is
//! offered (plan BASIC), they are the price traded last. Sizes, the prices to lay and the volumes are not told: a feed has no place for them. Nothing of
//! the score or the clock is, either: the stream has none. Which market is which here is in `betfair/markets.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use domain::message::{
    Certainty, OddsChange, Offer, SettledMarket, SettledOutcome, Settlement, SettlementRollback,
};
use domain::{Body, MarketKey, Sport, Timestamp};

use super::tale::Tale;
use super::{ImportError, Imported};
use book::Books;
use markets::{counterpart, sport};
use stream::{MarketChange, RunnerChange, Segment, StreamMessage};
use telling::{fixture, offer, results};

pub mod book;
mod markets;
pub mod stream;
mod telling;

const PROVIDER: &str = "betfair";
/// The `op` of messages that change markets.
const MARKETS: &str = "mcm";
/// The largest file after unpacking, in bytes.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most changes of one segmented message.
const SEGMENTED_MAX: usize = 10_000;

/// Imports the markets of one event, given a file of the stream.
///
/// # Errors
/// When it is no such file, speaks of several events, or of none that can be told here. A path begins with the line.
pub fn import(file: &[u8]) -> Result<Imported, ImportError> {
    let lines = unpack(file)?;
    let Survey { has_offers, passed_over } = Survey::of(&lines)?;
    let mut early = Books::default();
    let mut narrator: Option<Narrator> = None;
    for change in changes(&lines) {
        let Change { line, at, changes } = change?;
        let narrator = match &mut narrator {
            Some(narrator) => narrator,
            None => match Narrator::new(line, at, &changes, has_offers)? {
                Some(new) => narrator.insert(Narrator { books: std::mem::take(&mut early), ..new }),
                // Nobody knows yet of which event it speaks.
                None => {
                    apply(&mut early, line, &changes)?;
                    continue;
                }
            },
        };
        narrator.tell(line, at, &changes)?;
    }
    let Some(narrator) = narrator else {
        return Err(ImportError::new(".", "there is no market definition in it"));
    };
    narrator.end(passed_over)
}

/// What is to be known of a file before it is told.
#[derive(Default)]
struct Survey {
    /// Whether it says anywhere what is offered.
    has_offers: bool,
    /// Messages that are not about markets, by their kind, and changes that the file breaks off in.
    passed_over: BTreeMap<String, u64>,
}

impl Survey {
    fn of(lines: &[u8]) -> Result<Self, ImportError> {
        let mut survey = Self::default();
        let mut unfinished = 0;
        for message in messages(lines) {
            let (_, StreamMessage { op, segment, mc, .. }) = message?;
            if op != MARKETS {
                *survey.passed_over.entry(format!("message {op}")).or_default() += 1;
                continue;
            }
            survey.has_offers |= mc.iter().flat_map(|market| &market.rc).any(RunnerChange::has_offers);
            let goes_on = matches!(segment, Some(Segment::Start | Segment::Middle));
            unfinished = if goes_on { unfinished + mc.len() as u64 } else { 0 };
        }
        if unfinished > 0 {
            survey.passed_over.insert("change without its last segment".to_owned(), unfinished);
        }
        Ok(survey)
    }
}

/// The messages of a file, each with its line, from 1.
fn messages(lines: &[u8]) -> impl Iterator<Item = Result<(usize, StreamMessage), ImportError>> + '_ {
    let numbered = lines.split(|&byte| byte == b'\n').enumerate().map(|(index, text)| (index + 1, text));
    numbered.filter(|(_, text)| !text.trim_ascii().is_empty()).map(|(line, text)| {
        super::read(text)
            .map(|message| (line, message))
            .map_err(|ImportError { path, detail }| ImportError::new(format!("line {line}: {path}"), detail))
    })
}

fn apply(books: &mut Books, line: usize, changes: &[MarketChange]) -> Result<(), ImportError> {
    for (index, change) in changes.iter().enumerate() {
        books
            .apply(change)
            .map_err(|detail| ImportError::new(format!("line {line}: mc[{index}]"), detail))?;
    }
    Ok(())
}

/// What the stream publishes at once.
pub struct Change {
    /// The line that ends it, from 1.
    pub line: usize,
    /// When it was published.
    pub at: Timestamp,
    /// The markets that change.
    pub changes: Vec<MarketChange>,
}

/// The changes of a file, in order. Heartbeats and what is not about markets are passed over.
pub fn changes(lines: &[u8]) -> impl Iterator<Item = Result<Change, ImportError>> + '_ {
    let mut segments: Vec<MarketChange> = Vec::new();
    messages(lines).filter_map(move |message| {
        let (line, message) = match message {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        if message.op != MARKETS {
            return None;
        }
        let Some(at) = message.pt.and_then(|ms| ms.checked_mul(1_000)) else {
            return Some(Err(ImportError::new(
                format!("line {line}: pt"),
                "the time of publication is missing",
            )));
        };
        if segments.len() + message.mc.len() > SEGMENTED_MAX {
            let detail = format!("over {SEGMENTED_MAX} changes at once");
            return Some(Err(ImportError::new(format!("line {line}: mc"), detail)));
        }
        segments.extend(message.mc);
        if matches!(message.segment, Some(Segment::Start | Segment::Middle)) || segments.is_empty() {
            return None;
        }
        Some(Ok(Change { line, at: Timestamp(at), changes: std::mem::take(&mut segments) }))
    })
}

/// The lines, where they are packed by bzip2, as Betfair serves them.
///
/// # Errors
/// When what is packed is damaged or larger than 256 MiB.
pub fn unpack(file: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, ImportError> {
    if !file.starts_with(b"BZh") {
        return Ok(file.into());
    }
    let mut lines = Vec::new();
    let mut unpacking = bzip2::read::MultiBzDecoder::new(file).take(UNPACKED_BYTES_MAX + 1);
    unpacking
        .read_to_end(&mut lines)
        .map_err(|error| ImportError::new(".", format!("cannot unpack it: {error}")))?;
    if lines.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(ImportError::new(".", format!("over {UNPACKED_BYTES_MAX} bytes when unpacked")));
    }
    Ok(lines.into())
}

/// Tells an event's markets.
struct Narrator {
    event_id: String,
    sport: Sport,
    /// Whether the file says what is offered.
    has_offers: bool,
    books: Books,
    /// What was told of each market, by Betfair's id.
    told: BTreeMap<String, Told>,
    scheduled_start: Option<Timestamp>,
    told_at: Timestamp,
    tale: Tale,
    /// Markets that have no counterpart, by their type.
    left_out: BTreeMap<String, BTreeSet<String>>,
}

/// What a change is to be told as, in this order.
#[derive(Default)]
struct News {
    /// With the time of the beginning that it tells.
    fixture: Option<(Body, Timestamp)>,
    reopened: Vec<MarketKey>,
    offers: Vec<Offer>,
    settled: Vec<SettledMarket>,
}

/// How a market was told last.
struct Told {
    offer: Offer,
    settled: Option<Vec<SettledOutcome>>,
}

impl Narrator {
    /// Begins with the first change that tells its event.
    fn new(
        line: usize,
        at: Timestamp,
        changes: &[MarketChange],
        has_offers: bool,
    ) -> Result<Option<Self>, ImportError> {
        let defined =
            changes.iter().enumerate().find_map(|(index, change)| Some((index, change.definition.as_ref()?)));
        let Some((index, definition)) = defined else { return Ok(None) };
        let path = |field: &str| format!("line {line}: mc[{index}].marketDefinition.{field}");
        let sport = sport(&definition.event_type_id)
            .map_err(|detail| ImportError::new(path("eventTypeId"), detail))?;
        let event_id = definition.event_id.clone();
        if event_id.is_empty() || event_id.len() > 20 || !event_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ImportError::new(path("eventId"), format!("`{event_id}` is no number")));
        }
        Ok(Some(Self {
            tale: Tale::new(PROVIDER, &event_id, sport, at),
            event_id,
            sport,
            has_offers,
            books: Books::default(),
            told: BTreeMap::new(),
            scheduled_start: None,
            told_at: at,
            left_out: BTreeMap::new(),
        }))
    }

    fn tell(&mut self, line: usize, at: Timestamp, changes: &[MarketChange]) -> Result<(), ImportError> {
        if at < self.told_at {
            let detail = "it was published before the line ahead of it";
            return Err(ImportError::new(format!("line {line}: pt"), detail));
        }
        self.told_at = at;
        apply(&mut self.books, line, changes)?;
        let is_other = |definition: &stream::Definition| definition.event_id != self.event_id;
        if let Some(index) =
            changes.iter().position(|change| change.definition.as_ref().is_some_and(is_other))
        {
            let detail = format!("it is about another event than {}", self.event_id);
            return Err(ImportError::new(format!("line {line}: mc[{index}]"), detail));
        }
        let mut news = News::default();
        for id in changes.iter().map(|change| change.id.as_str()).collect::<BTreeSet<_>>() {
            self.look(line, id, &mut news)?;
        }
        self.say(news);
        Ok(())
    }

    /// Finds what is to be told of a market that changed.
    fn look(&mut self, line: usize, id: &str, news: &mut News) -> Result<(), ImportError> {
        let Some(book) = self.books.market(id) else { return Ok(()) };
        let Some(definition) = &book.definition else { return Ok(()) };
        let Some(counterpart) = counterpart(self.sport, definition) else {
            let kind = definition.market_type.clone().unwrap_or_default();
            self.left_out.entry(kind).or_default().insert(id.to_owned());
            return Ok(());
        };
        let offer = offer(line, book, definition, &counterpart, self.has_offers)?;
        let results = results(definition, &counterpart);
        news.fixture = fixture(line, definition, &counterpart, self.scheduled_start)?.or(news.fixture.take());
        let told = self.told.get(id);
        if told.is_none_or(|told| told.offer != offer) {
            news.offers.push(offer.clone());
        }
        match (told.and_then(|told| told.settled.as_ref()), &results) {
            (before, Some(now)) if before != Some(now) => {
                let (key, outcomes) = (offer.key.clone(), now.clone());
                news.settled.push(SettledMarket { key, void_reason: None, outcomes });
            }
            (Some(_), None) => news.reopened.push(offer.key.clone()),
            _ => {}
        }
        self.told.insert(id.to_owned(), Told { offer, settled: results });
        Ok(())
    }

    fn say(&mut self, News { fixture, reopened, offers, settled }: News) {
        let at = self.told_at;
        if let Some((body, scheduled_start)) = fixture {
            self.scheduled_start = Some(scheduled_start);
            self.tale.say(body, None, at);
        }
        if !reopened.is_empty() {
            self.tale.say(Body::SettlementRollback(SettlementRollback { markets: reopened }), None, at);
        }
        if !offers.is_empty() {
            self.tale.say(Body::OddsChange(OddsChange::of(offers)), None, at);
        }
        if !settled.is_empty() {
            let settlement = Settlement { certainty: Certainty::Confirmed, markets: settled };
            self.tale.say(Body::Settlement(settlement), None, at);
        }
    }

    /// The whole of it; what was `passed_over` before is left out, too.
    fn end(self, passed_over: BTreeMap<String, u64>) -> Result<Imported, ImportError> {
        let left_out =
            self.left_out.into_iter().map(|(kind, markets)| (format!("market {kind}"), markets.len() as u64));
        let mut left_out: BTreeMap<String, u64> = left_out.collect();
        if self.told.is_empty() {
            let kinds = left_out.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(ImportError::new(
                ".",
                format!("none of its markets has a counterpart here: {kinds}"),
            ));
        }
        left_out.extend(passed_over);
        let undefined = self.books.undefined();
        if undefined > 0 {
            left_out.insert("market without a definition".to_owned(), undefined);
        }
        Ok(self.tale.end(format!("Betfair exchange stream, event {}", self.event_id), left_out))
    }
}
