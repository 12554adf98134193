//! Images: how games stood that had begun before the tap, asked of those who keep them.
//!
//! A recording of a game's second half alone would be of no use: whoever it is replayed to waits for the first. So the request
//! that brings the first message about a game from its middle waits until REST has applied all that was said before, and what it
//! knows then becomes a snapshot in front of that message. What follows is counted on from it, so it waits until that is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::id::Source;
use domain::{Body, Content, EventId, EventMessage, FeedMessage, Name};
use futures_util::{StreamExt, stream};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ANSWER_TIMEOUT;
use super::scribe::Feed;
use crate::format::Format;
use crate::sender::with_causes;
use crate::uof::FIXTURES;
use log::{Log, Reached};
use standing::{Image, Standing};

pub use headless::Headless;

mod headless;
mod log;
mod standing;

/// How long a request may wait until what was said before it has been applied, of however many games it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a request may wait until the first one of a game has been answered and written.
const FIRST_MAX: Duration = PATIENCE.saturating_add(ANSWER_TIMEOUT);
/// Of how many games of a request it is asked at once.
const ASKED_AT_ONCE: usize = 64;
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of how many games it is known that they were met; of further ones no image is asked for.
pub(in crate::tap) const MET_MAX: usize = 100_000;
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

/// What is known of the game of a message.
#[derive(Debug, PartialEq, Eq)]
enum MetPlace {
    /// It was met, or the message tells of none.
    Met,
    /// It may be met for the first time.
    Free,
    /// There are more games than can be met.
    Beyond(EventId),
}

/// One producer's part of a game.
type Key = (Source, EventId);

/// What a request's messages begin in the middle of.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    /// Those met for the first time.
    met: Vec<Key>,
    pub(super) images: Vec<Image>,
    /// Games without a beginning, since nobody said how they stood, and why; of those beyond the most that can be met one for each
    /// message.
    pub(super) headless: Vec<(EventId, Headless, String)>,
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
    /// The games of its messages that are beyond the most that can be met.
    beyond: Vec<EventId>,
    written: Option<watch::Sender<()>>,
}

impl Images {
    pub(super) fn new(client: reqwest::Client, rest: Option<&str>) -> Self {
        let rest = rest.map(|rest| rest.trim_end_matches('/').to_owned());
        Self { client, rest, met: Mutex::default() }
    }

    /// What the messages of a request begin in the middle of. Waits until that is known, or cannot be; and until what comes before
    /// them with an image is written.
    pub(super) async fn before(&self, feed: &Feed, messages: &[&[u8]]) -> Beginnings {
        self.before_by(feed, messages, Instant::now() + FIRST_MAX).await
    }

    /// The same where it waits for the images of others until then.
    async fn before_by(&self, feed: &Feed, messages: &[&[u8]], latest: Instant) -> Beginnings {
        let mut may_wait = true;
        let Claim { met, firsts, beyond, written } = loop {
            match self.claim(feed, messages, may_wait) {
                Ok(claim) => break claim,
                // Nothing is ever sent over it: it closes.
                Err(mut written) => {
                    may_wait = tokio::time::timeout_at(latest, written.changed()).await.is_ok();
                }
            }
        };
        let mut beginnings = Beginnings { met, _written: written, ..Beginnings::default() };
        let beyond = beyond.into_iter().map(|event_id| (event_id, Headless::Beyond, String::new()));
        beginnings.headless.extend(beyond);
        let deadline = Instant::now() + PATIENCE;
        // Side by side: a game of which something is missing keeps no other waiting.
        let asked = firsts.into_iter().map(async |message| {
            let image = match (&self.rest, may_wait) {
                (None, _) => Err((Headless::Unasked, String::new())),
                (Some(_), false) => Err((Headless::Waited, format!("after {} s", FIRST_MAX.as_secs()))),
                (Some(_), true) => self.image(feed.format, &message, deadline).await,
            };
            (image, message)
        });
        let mut asked = stream::iter(asked).buffered(ASKED_AT_ONCE);
        while let Some((image, message)) = asked.next().await {
            match (image, &message.content) {
                (Err((headless, why)), Content::Event(event)) => {
                    beginnings.headless.push((event.event_id.clone(), headless, why));
                }
                (image, _) => beginnings.images.extend(image.ok().flatten()),
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
        beginnings.headless.retain(|(event_id, ..)| taken.iter().any(|(_, taken)| taken == event_id));
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The games of which a request is the first to say something, each of one producer; where another request is that of one of
    /// them, and its image may not be written yet, what tells when it is, as long as there is time to wait.
    fn claim(&self, feed: &Feed, messages: &[&[u8]], may_wait: bool) -> Result<Claim, watch::Receiver<()>> {
        let (mut read, mut beyond) = (Vec::new(), Vec::new());
        for bytes in messages {
            match self.place_of(feed, bytes) {
                MetPlace::Met => {}
                MetPlace::Free => read.extend(feed.decode(bytes)),
                MetPlace::Beyond(event_id) => beyond.push(event_id),
            }
        }
        let mut met = self.met();
        met.awaited.retain(|_, written| written.has_changed().is_ok());
        if may_wait && !met.awaited.is_empty() {
            let mut keys = messages.iter().filter_map(|bytes| feed.key(bytes));
            if let Some(written) = keys.find_map(|key| met.awaited.get(&key)) {
                return Err(written.clone());
            }
        }
        let (written, awaited) = watch::channel(());
        let mut claim = Claim { beyond, ..Claim::default() };
        for message in read {
            let Content::Event(event) = &message.content else { continue };
            let Some(key) = key_of(&message) else { continue };
            if met.all.contains(&key) {
                continue;
            }
            if met.all.len() >= MET_MAX {
                claim.beyond.push(key.1);
                continue;
            }
            met.all.insert(key.clone());
            claim.met.push(key.clone());
            // Without anybody to ask, a fixture that passed is taken for its beginning.
            let is_begun = self.rest.is_none()
                && event.position.is_none()
                && met.all.contains(&(fixtures_of(&message.source), event.event_id.clone()));
            if is_from_the_middle(event) && !is_begun {
                if self.rest.is_some() && may_wait {
                    met.awaited.insert(key, awaited.clone());
                }
                claim.firsts.push(message);
            }
        }
        claim.written = (!claim.firsts.is_empty()).then_some(written);
        Ok(claim)
    }

    /// Whether an image may be asked for because of a message, which else need not be read.
    fn place_of(&self, feed: &Feed, message: &[u8]) -> MetPlace {
        let key = feed.key(message);
        let met = self.met();
        match key {
            Some(key) if met.all.contains(&key) => MetPlace::Met,
            Some((_, event_id)) if met.all.len() >= MET_MAX => MetPlace::Beyond(event_id),
            None if met.all.len() >= MET_MAX => MetPlace::Met,
            _ => MetPlace::Free,
        }
    }

    /// How a game stood before a message; `None` where nobody knows of it, and its source does not count: then that is its beginning.
    async fn image(
        &self,
        format: Format,
        first: &FeedMessage,
        deadline: Instant,
    ) -> Result<Option<Image>, (Headless, String)> {
        let Content::Event(event) = &first.content else { return Ok(None) };
        let path = format!("/v1/events/{}", event.event_id);
        let mut headless = Headless::Unsaid;
        loop {
            let unsaid = |why: String| (headless, why);
            let standing = self.get::<Standing>(&path, deadline).await.map_err(unsaid)?;
            let log = match &standing {
                None => None,
                Some(standing) => {
                    let after = standing.version.saturating_sub(LOOKED_THROUGH);
                    let path = format!("{path}/updates?after={after}&limit={LOOKED_THROUGH}");
                    self.get::<Log>(&path, deadline).await.map_err(unsaid)?
                }
            };
            let log = log.unwrap_or_default();
            let Some(position) = event.position else {
                // Of which nothing but who plays whom is known, that begins with this message.
                let standing = standing.filter(|standing| standing.has_begun(&first.source));
                return Ok(standing.map(|standing| standing.image(format, first, event, &log, None)));
            };
            let reached = standing.as_ref().and_then(|it| log.reached(&first.source, it.version));
            let is_whole = |Reached { applied, .. }: &Reached| {
                applied.epoch == position.epoch && applied.sequence + 1 >= position.sequence
            };
            headless = if standing.is_some() { Headless::Unsaid } else { Headless::Unknown };
            if let (Some(standing), Some(true)) = (standing, reached.as_ref().map(is_whole)) {
                return Ok(Some(standing.image(format, first, event, &log, reached)));
            }
            if Instant::now() + LOOK_EVERY >= deadline {
                let applied = reached.map_or("nothing".to_owned(), |reached| reached.applied.to_string());
                let why = format!("what comes before {position} was not applied in time, but {applied}");
                return Err((headless, why));
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

/// Who tells the fixtures of a source that does not count.
fn fixtures_of(source: &Source) -> Source {
    let producer = Name::new(FIXTURES).expect("it is a name");
    Source { provider: source.provider.clone(), producer }
}

/// Whether something was said of an event before. A source without sequences begins with who plays whom.
fn is_from_the_middle(event: &EventMessage) -> bool {
    match event.position {
        Some(position) => position.sequence > 1,
        None => !matches!(event.body, Body::Fixture(_)),
    }
}

#[cfg(test)]
mod tests;
