//! A dead letter as it lies in Kafka.

use anyhow::{Context, Result, bail};
use chassis::kafka::{ConsumeError, Message, PartitionReader, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
use domain::codec::uof::{self, RoutingKey};
use domain::codec::{Envelope, json, xml};
use domain::letter::LetterId;
use domain::{Content, EventId, FeedMessage, MessageType, Name, Position, Source};
use tokio::sync::mpsc::Receiver;

/// One refused message, and what was noted of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its place among the dead letters.
    pub id: LetterId,
    /// Who refused it.
    pub refused_by: RefusedBy,
    /// Why.
    pub reason: String,
    /// JSON pointer to what is wrong; may be empty.
    pub pointer: String,
    /// Where it stood: of ingestion the request, of a processor topic, partition and offset.
    pub position: String,
    /// In what ingestion read it; empty where it stood in a feed, which is JSON.
    pub content_type: String,
    /// What it came with, of a Unified Odds Feed.
    pub routing_key: Option<String>,
    /// When, in microseconds since the epoch.
    pub refused_at: Option<i64>,
    /// What the message says of itself, where it is readable.
    pub about: Option<About>,
    /// The message as it came.
    pub bytes: Vec<u8>,
    provider: Option<Name>,
    /// Its key, where that is an event.
    keyed: Option<EventId>,
}

/// Who refused a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedBy {
    /// Ingestion, which has told its sender.
    Ingestion,
    /// A processor.
    Processor,
}

/// A message's place, as it says itself.
#[derive(Debug, Clone)]
pub struct About {
    /// What it is; of one that is not read whole that is not told.
    pub message_type: Option<MessageType>,
    /// Whose it is.
    pub provider: Name,
    /// Which of the provider's producers speaks, where it says so itself.
    pub producer: Option<Name>,
    /// Its event, where it is about one.
    pub event_id: Option<EventId>,
    /// The one that its routing key names, where that is another.
    pub other_event_id: Option<EventId>,
    /// Its place, where its feed counts.
    pub position: Option<Position>,
}

impl About {
    fn of(message: &FeedMessage) -> Self {
        let event_id = match &message.content {
            Content::Event(event) => Some(event.event_id.clone()),
            Content::Producer(_) => None,
        };
        Self {
            message_type: Some(message.message_type()),
            provider: message.source.provider.clone(),
            producer: Some(message.source.producer.clone()),
            event_id,
            other_event_id: None,
            position: message.position(),
        }
    }

    /// What a message says of its place, in native JSON or XML, as far as it can be read.
    fn of_native(bytes: &[u8]) -> Option<Self> {
        let decoded = json::decode(bytes).ok().or_else(|| xml::decode(bytes).ok());
        decoded.as_ref().map_or_else(|| Self::of_unreadable(bytes), |it| Some(Self::of(it)))
    }

    /// What a message of a provider's Unified Odds Feed says of its place, with what it came with where it does not say it.
    fn of_unified(bytes: &[u8], provider: &Name, routing_key: Option<&str>) -> Option<Self> {
        let key: Option<RoutingKey> = routing_key.and_then(|key| key.parse().ok());
        // That a message is live is no more than a guess at its producer: one that is put right may be another's.
        let key = key.map(|key| RoutingKey { is_live: false, is_pre: false, ..key });
        let origin = uof::Origin { provider, routing_key: key.as_ref(), sport_of: &|_| None };
        if let Ok(decoded) = uof::decode(bytes, &origin) {
            return Some(Self::of(&decoded.message));
        }
        let Envelope { producer, event_id, other_event_id, .. } = Envelope::of_uof(bytes, &origin);
        let event_id = event_id.or_else(|| key.as_ref()?.event_id.clone());
        event_id.is_some().then(|| Self {
            message_type: None,
            provider: provider.clone(),
            producer,
            event_id,
            other_event_id,
            position: None,
        })
    }

    /// Whose it is, where it says all of that.
    pub fn source(&self) -> Option<Source> {
        Some(Source { provider: self.provider.clone(), producer: self.producer.clone()? })
    }

    /// In what another message says of its place otherwise; what one of them does not tell is no contradiction.
    pub fn contradicted_by(&self, other: &Self) -> Option<String> {
        fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        if self.provider != other.provider || differ(self.producer.as_ref(), other.producer.as_ref()) {
            let [own, said] = [self, other].map(|about| about.producer.as_ref().map_or("?", Name::as_str));
            Some(format!(
                "it is of {}'s producer {own}, and not of {}'s {said}",
                self.provider, other.provider
            ))
        } else if differ(self.event_id.as_ref(), other.event_id.as_ref())
            && (self.other_event_id.is_none() || self.other_event_id != other.event_id)
        {
            let [own, said] = [self, other].map(|about| about.event_id.as_ref().map_or("", EventId::as_str));
            Some(format!("it is about {own}, and not about {said}"))
        } else if differ(self.position.as_ref(), other.position.as_ref()) {
            let place = |about: &Self| {
                let position = about.position.unwrap_or(Position { epoch: 0, sequence: 0 });
                format!("sequence {} of epoch {}", position.sequence, position.epoch)
            };
            Some(format!("it is {}, and not {}", place(self), place(other)))
        } else {
            None
        }
    }

    /// Of a message that cannot be read, where it says whose it is before that.
    fn of_unreadable(bytes: &[u8]) -> Option<Self> {
        let read = match bytes.trim_ascii_start().starts_with(b"<") {
            true => Envelope::of_xml(bytes),
            false => Envelope::of_json(bytes),
        };
        let Envelope { provider, producer, event_id, position, .. } = read;
        let (provider, producer) = (provider?, Some(producer?));
        Some(Self { message_type: None, provider, producer, event_id, other_event_id: None, position })
    }
}

impl Letter {
    /// The provider that sent it, where that is known.
    pub fn provider(&self) -> Option<&Name> {
        self.provider.as_ref()
    }

    /// Its events, as far as they could be read: of several it may be about any.
    pub fn event_ids(&self) -> impl Iterator<Item = &EventId> {
        let about = self.about.as_ref();
        let read = about.and_then(|about| about.event_id.as_ref()).or(self.keyed.as_ref());
        read.into_iter().chain(about.and_then(|about| about.other_event_id.as_ref()))
    }

    /// Gives it another routing key, where one is given.
    ///
    /// # Errors
    /// When a processor refused it: what goes into a feed has none.
    pub fn set_routing_key(&mut self, key: Option<&str>) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        if self.refused_by == RefusedBy::Processor {
            bail!("letter {} was refused by a processor, where no message has a routing key", self.id);
        }
        self.routing_key = Some(key.to_owned());
        Ok(())
    }

    /// By which letters of one event stand in their order.
    pub fn order(&self) -> impl Ord + '_ {
        let about = self.about.as_ref();
        let provider = about.map(|about| &about.provider);
        let producer = about.and_then(|about| about.producer.as_ref());
        let position = about.and_then(|about| about.position);
        (self.event_ids().next(), provider, producer, position, self.id)
    }

    /// What a message says of its place that is sent in the letter's, as far as it can be read: in the native schema, or as its
    /// provider writes.
    pub fn read(&self, bytes: &[u8]) -> Option<About> {
        read_as((self.refused_by, &self.content_type), bytes, self.provider(), self.routing_key.as_deref())
    }

    fn of(message: &Message<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let header = |name: &str| message.header(name).map(text).unwrap_or_default();
        let bytes = message.payload().to_vec();
        let provider = Name::new(header("provider")).ok();
        let refused_by = match message.header("source") {
            Some(b"processor") => RefusedBy::Processor,
            _ => RefusedBy::Ingestion,
        };
        let (content_type, routing_key) = (header("content_type"), message.header("routing_key").map(text));
        let about = read_as((refused_by, &content_type), &bytes, provider.as_ref(), routing_key.as_deref());
        Self {
            id: LetterId { partition: message.partition(), offset: message.offset() },
            refused_by,
            reason: header("reason"),
            pointer: header("pointer"),
            position: header("position"),
            content_type,
            routing_key,
            refused_at: header("refused_at").parse().ok(),
            provider: provider.or_else(|| about.as_ref().map(|about| about.provider.clone())),
            about,
            bytes,
            keyed: message.key().and_then(|key| EventId::new(text(key)).ok()),
        }
    }
}

/// What bytes say of their place that were refused as this type by whom, or are sent in their place. What ingestion refused may
/// be native XML or a Unified Odds Feed's: no letter says which.
fn read_as(
    (refused_by, content_type): (RefusedBy, &str),
    bytes: &[u8],
    provider: Option<&Name>,
    routing_key: Option<&str>,
) -> Option<About> {
    let may_be_unified = refused_by == RefusedBy::Ingestion && content_type == "application/xml";
    About::of_native(bytes).or_else(|| {
        let provider = provider.filter(|_| may_be_unified)?;
        About::of_unified(bytes, provider, routing_key)
    })
}

/// One letter.
pub async fn read(kafka: &str, topic: &str, id: LetterId) -> Result<Letter> {
    let reader = open(kafka, topic).await?;
    let end = reader.ends().iter().find(|end| end.partition == id.partition && id.offset < end.offset);
    let Some(end) = end.cloned() else { bail!("there is no dead letter {id}") };
    let from = vec![TopicOffset { offset: id.offset, ..end }];
    let letters = read_from(reader, from, 1).await?;
    letters
        .into_iter()
        .find(|letter| letter.id == id)
        .with_context(|| format!("dead letter {id} was deleted"))
}

/// The letters of a topic, a page at a time, of each partition the oldest first. Reading ends where this is dropped.
pub struct Pages {
    events: Receiver<ReadEvent>,
}

impl Pages {
    /// The last so many of each partition, or all of them.
    pub async fn open(kafka: &str, topic: &str, last: Option<i64>) -> Result<Self> {
        let reader = open(kafka, topic).await?;
        let begin = |end: &TopicOffset| last.map_or(0, |last| end.offset.saturating_sub(last).max(0));
        let from = reader.ends().iter().zip(reader.starts());
        let from =
            from.map(|(end, start)| TopicOffset { offset: begin(end).max(start.offset), ..end.clone() });
        let (from, shutdown) = (from.collect(), Shutdown::default());
        Ok(Self { events: reader.start(from, &Tasks::new(shutdown.clone()), shutdown)? })
    }

    /// The next letters; `None` after the last that was there at the beginning.
    pub async fn next(&mut self) -> Result<Option<Vec<Letter>>> {
        match self.events.recv().await {
            Some(ReadEvent::Batch(batch)) => {
                Ok(Some(batch.iter().map(|message| Letter::of(&message)).collect()))
            }
            Some(ReadEvent::CaughtUp) => Ok(None),
            Some(ReadEvent::Failed(error)) => Err(error).context("reading dead letters"),
            None => bail!("reading dead letters ended early"),
        }
    }
}

async fn open(kafka: &str, topic: &str) -> Result<PartitionReader> {
    let settings = ReaderSettings::new(kafka, "matchday dlq");
    PartitionReader::open(settings, &[topic]).await.with_context(|| format!("asking Kafka for {topic}"))
}

/// Letters from these offsets on to the end, or so many.
async fn read_from(reader: PartitionReader, from: Vec<TopicOffset>, count: usize) -> Result<Vec<Letter>> {
    let shutdown = Shutdown::default();
    let mut events = reader.start(from, &Tasks::new(shutdown.clone()), shutdown)?;
    let mut letters = Vec::new();
    while letters.len() < count {
        match events.recv().await {
            Some(ReadEvent::Batch(batch)) => letters.extend(batch.iter().map(|message| Letter::of(&message))),
            Some(ReadEvent::CaughtUp) => break,
            Some(ReadEvent::Failed(ConsumeError::OffsetOutOfRange(_))) => {
                bail!("the dead letters asked for were deleted; ask for newer ones with --last")
            }
            Some(ReadEvent::Failed(error)) => return Err(error).context("reading dead letters"),
            None => bail!("reading dead letters ended early"),
        }
    }
    Ok(letters)
}

#[cfg(test)]
impl Letter {
    /// The letter with this offset, which ingestion refused.
    pub fn of_ingestion(offset: i64, bytes: &[u8], routing_key: Option<&str>) -> Self {
        let mut letter = Self {
            id: LetterId { partition: 0, offset },
            refused_by: RefusedBy::Ingestion,
            reason: String::new(),
            pointer: String::new(),
            position: String::new(),
            content_type: "application/xml".to_owned(),
            routing_key: routing_key.map(str::to_owned),
            refused_at: None,
            about: None,
            bytes: bytes.to_vec(),
            provider: Name::new("uof").ok(),
            keyed: None,
        };
        letter.about = letter.read(bytes);
        letter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routing_key_is_put_right_where_one_was_asked_for() {
        let mut letter = Letter::of_ingestion(17, b"<bet_stop/>", Some("hi.-.live.bet_stop.-.sr:match.7.-"));
        letter.set_routing_key(None).unwrap();
        assert_eq!(letter.routing_key.as_deref(), Some("hi.-.live.bet_stop.-.sr:match.7.-"));
        letter.set_routing_key(Some("hi.-.live.bet_stop.4.sr:match.7.-")).unwrap();
        assert_eq!(letter.routing_key.as_deref(), Some("hi.-.live.bet_stop.4.sr:match.7.-"));
        let mut of_processor = Letter { refused_by: RefusedBy::Processor, ..letter };
        assert!(of_processor.set_routing_key(Some("a.b.c.d.4.e.f")).is_err());
    }
    const KEY: &str = "hi.-.live.bet_stop.4.sr:match.7.-";

    #[test]
    fn a_letter_of_a_unified_odds_feed_says_what_it_is_and_of_which_event() {
        let stop = br#"<bet_stop product="3" event_id="sr:match:7" timestamp="1234" groups="all"/>"#;
        let told = |bytes: &[u8], key| {
            let letter = Letter::of_ingestion(17, bytes, key);
            let About { message_type, provider, producer, event_id, position, .. } = letter.about.clone()?;
            assert_eq!(
                (provider.as_str(), position, letter.event_ids().next()),
                ("uof", None, event_id.as_ref())
            );
            Some((message_type, producer.map(|name| name.to_string()), event_id.map(|id| id.to_string())))
        };
        let (event, three) = (Some("sr:match:7".to_owned()), Some("3".to_owned()));
        assert_eq!(told(stop, Some(KEY)), Some((Some(MessageType::BetStop), three.clone(), event.clone())));
        assert_eq!(told(stop, None), Some((None, three, event.clone())), "nothing tells its sport");
        let unsaid = String::from_utf8_lossy(stop).replace(r#" product="3""#, "");
        assert_eq!(told(unsaid.as_bytes(), Some(KEY)), Some((None, None, event.clone())));
        assert_eq!(told(b"<bet_stop produ", Some(KEY)), Some((None, None, event.clone())));
        assert_eq!(told(b"<bet_sotp/>", Some(KEY)), Some((None, None, event)));
        assert_eq!(told(b"<bet_stop produ", None), None);
        let alive = br#"<alive product="1" timestamp="1234" subscribed="1"/>"#;
        assert_eq!(told(alive, None), Some((Some(MessageType::Alive), Some("1".to_owned()), None)));
    }

    #[test]
    fn what_is_about_another_event_or_of_another_producer_does_not_take_a_letters_place() {
        let stop = |product: &str, event: u32| {
            format!(r#"<bet_stop{product} event_id="sr:match:{event}" timestamp="1234" groups="all"/>"#)
        };
        let against = |letter: &Letter, body: &str| {
            letter.about.as_ref().unwrap().contradicted_by(&letter.read(body.as_bytes()).unwrap())
        };
        let one = r#" product="1""#;
        let whole = Letter::of_ingestion(17, stop(one, 7).replace("1234", "soon").as_bytes(), Some(KEY));
        assert_eq!(against(&whole, &stop(one, 7)), None);
        let other = "it is about sr:match:7, and not about sr:match:8".to_owned();
        assert_eq!(against(&whole, &stop(one, 8)), Some(other.clone()));
        let pre = r#" product="3""#;
        let of_another = "it is of uof's producer 1, and not of uof's 3".to_owned();
        assert_eq!(against(&whole, &stop(pre, 7)), Some(of_another));
        // The routing key tells the event; of the producer it is a guess.
        let cut = Letter::of_ingestion(17, b"<bet_stop", Some(KEY));
        assert_eq!((against(&cut, &stop(one, 7)), against(&cut, &stop(pre, 7))), (None, None));
        assert_eq!(against(&cut, &stop(one, 8)), Some(other.clone()));
        assert_eq!(against(&cut, "<bet_stop produ"), None);
        // Whichever of two events it was about, its place is there.
        let of_two = Letter::of_ingestion(17, stop(one, 8).as_bytes(), Some(KEY));
        let mut named: Vec<&str> = of_two.event_ids().map(EventId::as_str).collect();
        named.sort_unstable();
        assert_eq!(named, ["sr:match:7", "sr:match:8"]);
        let third = "it is about sr:match:8, and not about sr:match:9".to_owned();
        assert_eq!([7, 8, 9].map(|event| against(&of_two, &stop(one, event))), [None, None, Some(third)]);
        // With another key it is still the same letter.
        let mut rerouted = cut;
        rerouted.set_routing_key(Some("hi.-.live.bet_stop.4.sr:match.8.-")).unwrap();
        assert_eq!(against(&rerouted, &stop(one, 8)), Some(other));
    }
}
