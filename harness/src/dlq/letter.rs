//! A dead letter as it lies in Kafka.

use anyhow::{Context, Result, bail};
use chassis::kafka::{ConsumeError, Message, PartitionReader, ReadEvent, ReaderSettings, TopicOffset};
use chassis::lifecycle::{Shutdown, Tasks};
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
    key: String,
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
    pub source: Source,
    /// Its event, where it is about one.
    pub event_id: Option<EventId>,
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
            source: message.source.clone(),
            event_id,
            position: message.position(),
        }
    }

    /// What a message says of its place, in native JSON or XML, as far as it can be read.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let decoded = json::decode(bytes).ok().or_else(|| xml::decode(bytes).ok());
        decoded.as_ref().map_or_else(|| Self::of_unreadable(bytes), |it| Some(Self::of(it)))
    }

    /// In what another message says of its place otherwise; what one of them does not tell is no contradiction.
    pub fn contradicted_by(&self, other: &Self) -> Option<String> {
        fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        if self.source != other.source {
            let (Source { provider, producer }, said) = (&self.source, &other.source);
            Some(format!(
                "it is of {provider}'s producer {producer}, and not of {}'s {}",
                said.provider, said.producer
            ))
        } else if differ(self.event_id.as_ref(), other.event_id.as_ref()) {
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
        let source = Source { provider: provider?, producer: producer? };
        Some(Self { message_type: None, source, event_id, position })
    }
}

impl Letter {
    /// The provider that sent it, where that is known.
    pub fn provider(&self) -> Option<&Name> {
        self.provider.as_ref()
    }

    /// Its event, where that could be read.
    pub fn event_id(&self) -> Option<&str> {
        let read = self.about.as_ref().and_then(|about| about.event_id.as_ref()).map(EventId::as_str);
        read.or_else(|| EventId::new(&self.key).ok().map(|_| self.key.as_str()))
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
    pub fn order(&self) -> (&str, Option<&Source>, Option<Position>, LetterId) {
        let about = self.about.as_ref();
        let (source, position) = (about.map(|about| &about.source), about.and_then(|about| about.position));
        (self.event_id().unwrap_or_default(), source, position, self.id)
    }

    fn of(message: &Message<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let header = |name: &str| message.header(name).map(text).unwrap_or_default();
        let bytes = message.payload().to_vec();
        let about = About::read(&bytes);
        let provider = Name::new(header("provider")).ok();
        Self {
            id: LetterId { partition: message.partition(), offset: message.offset() },
            refused_by: match message.header("source") {
                Some(b"processor") => RefusedBy::Processor,
                _ => RefusedBy::Ingestion,
            },
            reason: header("reason"),
            pointer: header("pointer"),
            position: header("position"),
            content_type: header("content_type"),
            routing_key: message.header("routing_key").map(text),
            refused_at: header("refused_at").parse().ok(),
            provider: provider.or_else(|| about.as_ref().map(|about| about.source.provider.clone())),
            about,
            bytes,
            key: message.key().map(text).unwrap_or_default(),
        }
    }
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
        Self {
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
            key: "uof".to_owned(),
        }
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
}
