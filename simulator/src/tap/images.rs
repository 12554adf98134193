//! Images: how games stood that had begun before the tap, asked of those who keep them.
//!
//! A recording of a game's second half alone would be of no use: whoever it is replayed to waits for the first. So the request
//! that brings the first message about a game from its middle waits until REST has applied all that was said before, and what it
//! knows then becomes a snapshot in front of that message. What follows is counted on from it, so it waits until that is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::id::Source;
use domain::update::{Update, Value};
use domain::{
    Body, Content, EventId, EventMessage, FeedMessage, Fixture, Incident, Market, MessageId, Position, Status,
};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ANSWER_TIMEOUT;
use super::scribe::Feed;
use crate::format::Format;
use crate::recording::{bodies_of, snapshot_of};
use crate::sender::with_causes;

/// How long a request may wait until what was said before it has been applied, of however many games it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a request may wait until the first one of a game has been answered and written.
const FIRST_MAX: Duration = PATIENCE.saturating_add(ANSWER_TIMEOUT);
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of how many games it is known that they were met; of further ones no image is asked for.
const MET_MAX: usize = 100_000;
/// How many updates are looked through for what was applied last of a producer.
const LOOKED_THROUGH: u64 = 200;

/// Who is asked, and for which games it was.
#[derive(Debug)]
pub(super) struct Images {
    client: reqwest::Client,
    /// The address of REST; `None` where nobody is to be asked.
    rest: Option<String>,
    met: Mutex<Met>,
}

/// The games that were met.
#[derive(Debug, Default)]
struct Met {
    all: BTreeSet<Key>,
    /// Those whose first message has an image in front of it that may not be written yet; it is, or will not be, once this closes.
    awaited: BTreeMap<Key, watch::Receiver<()>>,
}

/// One producer's part of a game.
type Key = (Source, EventId);

/// What a request's messages begin in the middle of.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Those met for the first time.
    met: Vec<Key>,
    pub(super) images: Vec<Image>,
    /// Games without a beginning, since nobody said how they stood, and why.
    pub(super) headless: Vec<(EventId, String)>,
    /// Who has messages of these games, too, waits until this is gone.
    _written: Option<watch::Sender<()>>,
}

/// What a request is the first to say.
#[derive(Debug, Default)]
struct Claim {
    /// The games that it met.
    met: Vec<Key>,
    /// The first message about each of them that is from its middle.
    firsts: Vec<FeedMessage>,
    written: Option<watch::Sender<()>>,
}

/// How one producer's part of a game stood.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) event_id: EventId,
    pub(super) source: Source,
    /// Up to where it stands for what was said; absent of a source without sequences.
    pub(super) applied: Option<Position>,
    pub(super) messages: Vec<FeedMessage>,
}

/// An event as REST tells it.
#[derive(Debug, Deserialize)]
struct Standing {
    version: u64,
    fixture: Option<Fixture>,
    status: Option<Status>,
    markets: Vec<Market>,
    incidents: Vec<Incident>,
}

#[derive(Debug, Deserialize)]
struct Log {
    updates: Vec<Update>,
}

impl Images {
    pub(super) fn new(client: reqwest::Client, rest: Option<&str>) -> Self {
        let rest = rest.map(|rest| rest.trim_end_matches('/').to_owned());
        Self { client, rest, met: Mutex::default() }
    }

    /// What the messages of a request begin in the middle of. Waits until that is known, or cannot be; and until what comes before
    /// them with an image is written.
    pub(super) async fn before(&self, feed: &Feed, messages: &[&[u8]]) -> Beginnings {
        if self.rest.is_none() {
            return Beginnings::default();
        }
        let latest = Instant::now() + FIRST_MAX;
        let Claim { met, firsts, written } = loop {
            match self.claim(feed, messages) {
                Ok(claim) => break claim,
                // Nothing is ever sent over it: it closes.
                Err(mut written) => {
                    if tokio::time::timeout_at(latest, written.changed()).await.is_err() {
                        return Beginnings::default();
                    }
                }
            }
        };
        let mut beginnings = Beginnings { met, _written: written, ..Beginnings::default() };
        let deadline = Instant::now() + PATIENCE;
        for message in firsts {
            match self.image(feed.format, &message, deadline).await {
                Ok(image) => beginnings.images.extend(image),
                Err(why) => {
                    if let Content::Event(event) = &message.content {
                        beginnings.headless.push((event.event_id.clone(), why));
                    }
                }
            }
        }
        beginnings
    }

    /// The request will come again, and its messages are met then.
    pub(super) fn forget(&self, beginnings: &Beginnings) {
        let mut met = self.met();
        for key in &beginnings.met {
            met.all.remove(key);
        }
    }

    /// The rest of the request will come again: these of its messages were taken.
    pub(super) fn forget_all_but(&self, beginnings: &mut Beginnings, feed: &Feed, taken: &[&[u8]]) {
        let taken: BTreeSet<Key> =
            taken.iter().filter_map(|message| key_of(&feed.decode(message)?)).collect();
        let (kept, forgotten) =
            std::mem::take(&mut beginnings.met).into_iter().partition(|key| taken.contains(key));
        beginnings.met = forgotten;
        self.forget(beginnings);
        beginnings.met = kept;
        beginnings.images.retain(|image| taken.contains(&(image.source.clone(), image.event_id.clone())));
        beginnings.headless.retain(|(event_id, _)| taken.iter().any(|(_, taken)| taken == event_id));
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The games of which a request is the first to say something, each of one producer; where another request is that of one of
    /// them, and its image may not be written yet, what tells when it is.
    fn claim(&self, feed: &Feed, messages: &[&[u8]]) -> Result<Claim, watch::Receiver<()>> {
        let unmet = messages.iter().filter(|bytes| !self.is_met(feed, bytes));
        let read: Vec<FeedMessage> = unmet.filter_map(|bytes| feed.decode(bytes)).collect();
        let mut met = self.met();
        met.awaited.retain(|_, written| written.has_changed().is_ok());
        if !met.awaited.is_empty() {
            let mut keys = messages.iter().filter_map(|bytes| feed.key(bytes));
            if let Some(written) = keys.find_map(|key| met.awaited.get(&key)) {
                return Err(written.clone());
            }
        }
        let (written, awaited) = watch::channel(());
        let mut claim = Claim::default();
        for message in read {
            let Content::Event(event) = &message.content else { continue };
            let Some(key) = key_of(&message) else { continue };
            if met.all.len() >= MET_MAX || !met.all.insert(key.clone()) {
                continue;
            }
            claim.met.push(key.clone());
            if is_from_the_middle(event) {
                met.awaited.insert(key, awaited.clone());
                claim.firsts.push(message);
            }
        }
        claim.written = (!claim.firsts.is_empty()).then_some(written);
        Ok(claim)
    }

    /// Whether no image is asked for because of a message any more, which then need not be read.
    fn is_met(&self, feed: &Feed, message: &[u8]) -> bool {
        let met = self.met();
        met.all.len() >= MET_MAX || feed.key(message).is_some_and(|key| met.all.contains(&key))
    }

    /// How a game stood before a message; `None` where nobody knows of it: then that is its beginning.
    async fn image(
        &self,
        format: Format,
        first: &FeedMessage,
        deadline: Instant,
    ) -> Result<Option<Image>, String> {
        let Content::Event(event) = &first.content else { return Ok(None) };
        let path = format!("/v1/events/{}", event.event_id);
        loop {
            let Some(standing) = self.get::<Standing>(&path, deadline).await? else { return Ok(None) };
            let Some(position) = event.position else {
                return Ok(Some(standing.image(format, first, event, None)));
            };
            let after = standing.version.saturating_sub(LOOKED_THROUGH);
            let log = self
                .get::<Log>(&format!("{path}/updates?after={after}&limit={LOOKED_THROUGH}"), deadline)
                .await?;
            let applied = log.and_then(|log| log.applied(&first.source, standing.version));
            let is_whole = |applied: &Position| {
                applied.epoch == position.epoch && applied.sequence + 1 >= position.sequence
            };
            if let Some(applied) = applied.filter(is_whole) {
                return Ok(Some(standing.image(format, first, event, Some(applied))));
            }
            if Instant::now() >= deadline {
                let applied = applied.map_or("nothing".to_owned(), |applied| applied.to_string());
                return Err(format!("what comes before {position} was not applied in time, but {applied}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The answer; `None` where there is no such thing. Once patience has ended nobody is asked.
    async fn get<T: DeserializeOwned>(&self, path: &str, deadline: Instant) -> Result<Option<T>, String> {
        let rest = self.rest.as_deref().unwrap_or_default();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("there was no time left to ask for {path}"));
        }
        let answer = self.client.get(format!("{rest}{path}")).timeout(left).send().await;
        let answer = answer.map_err(|error| with_causes(&error))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => answer.json().await.map(Some).map_err(|error| with_causes(&error)),
            status => Err(format!("{path} is answered with {status}")),
        }
    }
}

fn key_of(message: &FeedMessage) -> Option<Key> {
    let Content::Event(event) = &message.content else { return None };
    Some((message.source.clone(), event.event_id.clone()))
}

/// Whether something was said of an event before. A source without sequences begins with who plays whom.
fn is_from_the_middle(event: &EventMessage) -> bool {
    match event.position {
        Some(position) => position.sequence > 1,
        None => !matches!(event.body, Body::Fixture(_)),
    }
}

impl Log {
    /// Up to where messages of a source had been applied at a version.
    fn applied(&self, source: &Source, version: u64) -> Option<Position> {
        let is_theirs = |update: &&Update| {
            update.version <= version && update.cause.source == *source && update.cause.message_id.is_some()
        };
        self.updates.iter().filter(is_theirs).filter_map(|update| update.cause.position).max()
    }
}

impl Standing {
    fn image(
        self,
        format: Format,
        first: &FeedMessage,
        event: &EventMessage,
        applied: Option<Position>,
    ) -> Image {
        let Self { fixture, status, markets, incidents, .. } = self;
        let own = markets.into_iter().filter(|market| market.producer == first.source.producer);
        let values = fixture
            .map(Value::Fixture)
            .into_iter()
            .chain(status.map(Value::Status))
            .chain(own.map(Value::Market))
            .chain(incidents.into_iter().map(Value::Incident));
        let bodies = match format {
            Format::Uof => bodies_of(values),
            Format::Json | Format::Xml => vec![Body::Snapshot(snapshot_of(values, true))],
        };
        let position = applied.map(|applied| Position { epoch: applied.epoch + 1, sequence: 1 });
        // Where time is the order, each is of a millisecond before that of the message that comes next.
        let apart_micros = if position.is_none() { Format::Uof.unit_micros() } else { 0 };
        let first_at = first.generated_at.plus_micros(-apart_micros * bodies.len() as i64);
        let say = |(number, body): (i64, Body)| {
            let id = format!("image-{}-{number}", first.message_id);
            FeedMessage {
                message_id: MessageId::new(id).unwrap_or_else(|_| first.message_id.clone()),
                request_id: None,
                occurred_at: None,
                generated_at: first_at.plus_micros(apart_micros * (number - 1)),
                content: Content::Event(EventMessage { position, body, ..event.clone() }),
                ..first.clone()
            }
        };
        let messages = (1..).zip(bodies).map(say).collect();
        Image { event_id: event.event_id.clone(), source: first.source.clone(), applied, messages }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
    use domain::Name;

    use super::*;

    /// A message about a game in each format, how its request is labelled, and what tells that it cannot be read.
    fn feeds() -> Vec<(Feed, Vec<u8>)> {
        let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim();
        let mut message = Format::Json.decode(golden.as_bytes(), &Name::new("md").unwrap()).unwrap();
        message.source.producer = Name::new("1").unwrap();
        let feed = |format: Format, key: Option<&str>| {
            let mut headers = HeaderMap::new();
            let kind = if format == Format::Json { "application/json" } else { "application/xml" };
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            if let Some(key) = key {
                headers.insert("routing-key", HeaderValue::from_str(key).unwrap());
            }
            Feed::of(&Method::POST, &Uri::from_static("/feeds/md"), &headers).unwrap()
        };
        let own = [Format::Json, Format::Xml]
            .map(|format| (feed(format, None), format.in_batch(&format.encode(&message).unwrap()).to_vec()));
        let line = Format::Uof.encode(&message).unwrap();
        let (key, document) = crate::uof::split(&line).unwrap();
        own.into_iter().chain([(feed(Format::Uof, Some(key)), document.to_vec())]).collect()
    }

    #[test]
    fn a_message_about_a_game_that_was_met_is_not_read_again() {
        for (feed, message) in feeds() {
            let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
            assert!(!images.is_met(&feed, &message), "{:?}", feed.format);
            let Claim { met, firsts, .. } = images.claim(&feed, &[&message, &message]).unwrap();
            assert_eq!(firsts.len(), 1, "{:?}", feed.format);
            assert!(images.is_met(&feed, &message), "{:?}", feed.format);
            images.forget(&Beginnings { met, ..Beginnings::default() });
            assert!(!images.is_met(&feed, &message), "it will come again: {:?}", feed.format);
        }
    }

    #[test]
    fn who_follows_waits_until_the_image_is_written_and_is_the_first_where_it_never_will_be() {
        for (feed, message) in feeds() {
            let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
            let Claim { met, written, .. } = images.claim(&feed, &[&message]).unwrap();
            let waits = images.claim(&feed, &[&message]).unwrap_err();
            images.forget(&Beginnings { met, ..Beginnings::default() });
            assert!(images.claim(&feed, &[&message]).is_err(), "it is still on its way: {:?}", feed.format);
            drop(written);
            assert!(waits.has_changed().is_err(), "it is told: {:?}", feed.format);
            let Claim { firsts, written, .. } = images.claim(&feed, &[&message]).unwrap();
            assert_eq!(firsts.len(), 1, "{:?}", feed.format);
            drop(written);
            assert!(images.claim(&feed, &[&message]).unwrap().firsts.is_empty(), "{:?}", feed.format);
        }
    }

    #[test]
    fn where_time_is_the_order_images_are_of_before_their_message_one_after_the_other() {
        let (feed, message) = feeds().pop().unwrap();
        let first = feed.decode(&message).unwrap();
        let Content::Event(event) = first.content.clone() else { panic!("of an event") };
        let market = |id: u32, status: &str| -> Market {
            let outcome = serde_json::json!({ "id": "1", "odds": 1_700 });
            let market =
                serde_json::json!({ "id": id, "producer": "1", "status": status, "outcomes": [outcome] });
            serde_json::from_value(market).unwrap()
        };
        let (fixture, status, incidents) = (None, None, Vec::new());
        let markets = vec![market(1, "active"), market(2, "settled"), market(3, "cancelled")];
        let standing = Standing { version: 7, fixture, status, markets, incidents };
        let image = standing.image(Format::Uof, &first, &event, None);
        let before: Vec<i64> = image
            .messages
            .iter()
            .map(|message| first.generated_at.micros_since(message.generated_at))
            .collect();
        assert_eq!(before, [3_000, 2_000, 1_000]);
    }

    #[tokio::test]
    async fn once_a_request_has_waited_long_enough_nobody_is_asked_of_its_other_games() {
        let rest = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rest.set_nonblocking(true).unwrap();
        let address = format!("http://{}", rest.local_addr().unwrap());
        let images = Images::new(reqwest::Client::new(), Some(&address));
        let (feed, message) = feeds().remove(0);
        let image = images.image(feed.format, &feed.decode(&message).unwrap(), Instant::now()).await;
        let why = image.unwrap_err();
        assert!(why.contains("no time left"), "{why}");
        assert_eq!(rest.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_will_come_again_of_a_request_is_met_then() {
        for (feed, message) in feeds() {
            let images = Images::new(reqwest::Client::new(), Some("http://127.0.0.1:9"));
            let Claim { met, .. } = images.claim(&feed, &[&message]).unwrap();
            let mut beginnings = Beginnings { met, ..Beginnings::default() };
            images.forget_all_but(&mut beginnings, &feed, &[&message]);
            assert!(images.is_met(&feed, &message), "{:?}", feed.format);
            images.forget_all_but(&mut beginnings, &feed, &[]);
            assert!(!images.is_met(&feed, &message), "{:?}", feed.format);
        }
    }
}
