//! Writing down what passes a tap.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use axum::http::{HeaderMap, Method, Uri, header};
use bytes::Bytes;
use domain::codec::batch::{self, Pieces};
use domain::{EventId, FeedMessage, Name, Position, Source};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::images::{Beginnings, Headless};
use super::{BODY_BYTES_MAX, TapOptions, text};
use crate::format::{Format, uof_word};
use crate::recording::{self, Header, Writer, renumbered};

/// Feeds that are recorded at once, each of which is an open file; others are only passed on.
const FEEDS_MAX: usize = 64;
/// Messages of one request.
const MESSAGES_MAX: usize = 100_000;

/// A feed, as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Whose it is.
    pub provider: Name,
    /// The format of its messages.
    pub format: Format,
    batch: batch::Format,
    /// A Unified Odds Feed's message brings its key in a header. To one without, which only its document tells from one of our own,
    /// [`Feed::told_by`] gives a key that says no more than what it is.
    routing_key: Option<String>,
}

/// A request that was passed on.
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) feed: Feed,
    /// Its messages, or why there are none.
    pub(super) content: Result<Content, &'static str>,
    /// How games stood that had begun before.
    pub(super) beginnings: Beginnings,
    /// Its part of what may wait.
    pub(super) _room: OwnedSemaphorePermit,
}

/// The messages of a request, unpacked.
pub(super) struct Content {
    body: Vec<u8>,
    pieces: Vec<Range<usize>>,
}

impl Content {
    /// What a body holds.
    pub(super) fn of(feed: &Feed, encoding: &str, body: &Bytes) -> Result<Self, &'static str> {
        let body = unpacked(encoding, body).ok_or("requests that cannot be unpacked")?;
        let pieces = match feed.routing_key {
            Some(_) => std::iter::once(0..body.len()).collect(),
            None => match batch::split(feed.batch, &body, MESSAGES_MAX) {
                Ok(Pieces::Single(piece)) => vec![piece.range],
                Ok(Pieces::Many { pieces, .. }) => pieces.into_iter().map(|piece| piece.range).collect(),
                Err(_) => return Err("requests that hold no messages"),
            },
        };
        Ok(Self { body, pieces })
    }

    /// Its messages.
    pub(super) fn messages(&self) -> Vec<&[u8]> {
        let all = self.pieces.iter().map(|piece| &self.body[piece.clone()]);
        all.filter(|message| !message.trim_ascii().is_empty()).collect()
    }

    /// Without the messages at these places of the request.
    pub(super) fn leave_out(&mut self, places: &BTreeSet<usize>) {
        let mut place = 0..;
        self.pieces.retain(|_| place.next().is_some_and(|place| !places.contains(&place)));
    }

    /// How many bytes it takes.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Written {
    /// The recordings, and what their headers say.
    pub recordings: Vec<(PathBuf, Header)>,
    /// Messages that were not written, by the reason.
    pub left_out: BTreeMap<String, u64>,
    /// How many games had begun before and are without their beginning, by the reason, and the first of them.
    pub headless: BTreeMap<Headless, (u64, String)>,
    /// Why there was nothing more written from some time on, where that was so.
    pub failed: Option<String>,
}

/// Whoever writes.
pub(super) struct Scribe {
    options: TapOptions,
    start: Instant,
    recordings: BTreeMap<(Name, Format), Recording>,
    bytes: u64,
    written: Written,
    is_over: Arc<AtomicBool>,
    /// Up to where the images stand for what was said: what follows is counted on from them.
    imaged: BTreeMap<(EventId, Source), Position>,
}

struct Recording {
    path: PathBuf,
    writer: Writer<BufWriter<File>>,
    last_ns: u64,
}

impl Feed {
    /// The feed that a request belongs to: `POST /feeds/{provider}` in a format that is known here.
    pub(super) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let provider = uri.path().strip_prefix("/feeds/").filter(|_| method == Method::POST)?;
        let provider: Name = provider.parse().ok()?;
        let kind = text(headers, header::CONTENT_TYPE)?.split(';').next()?.trim().to_ascii_lowercase();
        let routing_key = headers.get("routing-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let (format, batch) = match kind.as_str() {
            "application/json" => (Format::Json, batch::Format::Json),
            "application/x-ndjson" => (Format::Json, batch::Format::Lines),
            "application/xml" | "text/xml" if routing_key.is_some() => (Format::Uof, batch::Format::Xml),
            "application/xml" | "text/xml" => (Format::Xml, batch::Format::Xml),
            _ => return None,
        };
        Some(Self { provider, format, batch, routing_key })
    }

    /// The same as its content tells it: who posts a fixture of a Unified Odds Feed need not say its routing key.
    pub(super) fn told_by(self, content: &Content) -> Self {
        let messages = content.messages();
        let word = match messages.as_slice() {
            [document] if self.format == Format::Xml => uof_word(document),
            _ => None,
        };
        let Some(word) = word else { return self };
        let routing_key = Some(format!("-.-.-.{word}.-.-.-.-"));
        Self { format: Format::Uof, routing_key, ..self }
    }
}

impl Feed {
    /// Who speaks of which event in a message, as its envelope says it, which need not be read for that.
    pub(super) fn key(&self, message: &[u8]) -> Option<(Source, EventId)> {
        let envelope = self.format.envelope(message)?;
        let producer = Name::new(envelope.producer?).ok()?;
        let source = Source { provider: self.provider.clone(), producer };
        Some((source, EventId::new(envelope.event_id?).ok()?))
    }

    /// A message of it; `None` where it is none.
    pub(super) fn decode(&self, message: &[u8]) -> Option<FeedMessage> {
        match &self.routing_key {
            None => self.format.decode(message, &self.provider),
            Some(key) => self.format.decode(&[key.as_bytes(), b" ", message].concat(), &self.provider),
        }
    }
}

impl Scribe {
    pub(super) fn new(options: &TapOptions, start: Instant) -> anyhow::Result<Self> {
        let folder = &options.folder;
        let cannot = || format!("cannot record into {}", folder.display());
        std::fs::create_dir_all(folder).with_context(cannot)?;
        for entry in std::fs::read_dir(folder).with_context(cannot)? {
            let path = entry.with_context(cannot)?.path();
            let is_recording = path.extension().is_some_and(|ending| ending == "rec");
            ensure!(!is_recording, "{} has recordings already: name another folder", folder.display());
        }
        Ok(Self {
            options: options.clone(),
            start,
            recordings: BTreeMap::new(),
            bytes: 0,
            written: Written::default(),
            is_over: Arc::default(),
            imaged: BTreeMap::new(),
        })
    }

    /// Writes what arrives until nothing more does. What waits together is brought to the disk together.
    pub(super) fn write(mut self, mut waiting: mpsc::Receiver<Arrival>) -> Written {
        while let Some(arrival) = waiting.blocking_recv() {
            let mut next = Some(arrival);
            while let Some(arrival) = next {
                if let Err(error) = self.note(&arrival) {
                    self.give_up(&error);
                }
                next = waiting.try_recv().ok();
            }
            let flushed = self.recordings.values_mut().try_for_each(|recording| recording.writer.flush());
            if let Err(error) = flushed {
                self.give_up(&error.into());
            }
        }
        self.finish();
        self.written
    }

    fn note(&mut self, arrival: &Arrival) -> anyhow::Result<()> {
        let Arrival { at, feed, content, beginnings, .. } = arrival;
        if self.written.failed.is_some() {
            return Ok(());
        }
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                self.leave_out(why, 1);
                return Ok(());
            }
        };
        let offset_ns =
            u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        self.begin(feed, beginnings, offset_ns)?;
        for message in content.messages() {
            match self.counted_on(feed, message) {
                Some(message) => self.write_message(feed, offset_ns, &message)?,
                None => self.leave_out("messages that the image of their game says already", 1),
            }
        }
        Ok(())
    }

    /// Writes how games stood that had begun before.
    fn begin(&mut self, feed: &Feed, beginnings: &Beginnings, offset_ns: u64) -> anyhow::Result<()> {
        for image in &beginnings.images {
            for message in &image.messages {
                let Some(encoded) = feed.format.encode(message) else { continue };
                self.write_line(feed, offset_ns, feed.format.in_batch(&encoded))?;
                if let Some(recording) = self.recording(feed)? {
                    recording.writer.count_image();
                }
            }
            for encoded in image.stops.iter().filter_map(|stop| feed.format.encode(stop)) {
                self.write_line(feed, offset_ns, feed.format.in_batch(&encoded))?;
            }
            if let Some(applied) = image.applied {
                self.imaged.insert((image.event_id.clone(), image.source.clone()), applied);
            }
        }
        for (event_id, headless, why) in &beginnings.headless {
            let first = || if why.is_empty() { event_id.to_string() } else { format!("{event_id}: {why}") };
            let (count, _) = self.written.headless.entry(*headless).or_insert_with(|| (0, first()));
            *count += 1;
        }
        Ok(())
    }

    /// A message as it is written: where its game has an image, counted on from that; `None` where the image says it already.
    fn counted_on<'m>(&self, feed: &Feed, message: &'m [u8]) -> Option<Cow<'m, [u8]>> {
        if self.imaged.is_empty() || feed.format == Format::Uof {
            return Some(message.into());
        }
        // Nothing is read of those that go on from no image.
        if feed.key(message).is_some_and(|(source, event_id)| !self.imaged.contains_key(&(event_id, source)))
        {
            return Some(message.into());
        }
        let Some(read) = feed.decode(message) else { return Some(message.into()) };
        let domain::Content::Event(event) = &read.content else { return Some(message.into()) };
        let key = (event.event_id.clone(), read.source.clone());
        let Some(applied) = self.imaged.get(&key) else { return Some(message.into()) };
        let encoded = feed.format.encode(&renumbered(read, *applied)?)?;
        Some(feed.format.in_batch(&encoded).to_vec().into())
    }

    fn write_message(&mut self, feed: &Feed, offset_ns: u64, message: &[u8]) -> anyhow::Result<()> {
        match &feed.routing_key {
            None => self.write_line(feed, offset_ns, message),
            Some(key) => self.write_line(feed, offset_ns, &[key.as_bytes(), b" ", message].concat()),
        }
    }

    fn write_line(&mut self, feed: &Feed, offset_ns: u64, line: &[u8]) -> anyhow::Result<()> {
        if self.bytes + line.len() as u64 > self.options.bytes_max {
            anyhow::bail!("there are {} bytes, as many as may be written", self.bytes);
        }
        let Some(recording) = self.recording(feed)? else {
            self.leave_out("messages of more feeds than can be recorded at once", 1);
            return Ok(());
        };
        // Of two requests under way at once the later one may be answered first.
        let offset_ns = offset_ns.max(recording.last_ns);
        recording.last_ns = offset_ns;
        recording.writer.write(offset_ns, line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// The recording of a feed, begun with its first message.
    fn recording(&mut self, feed: &Feed) -> anyhow::Result<Option<&mut Recording>> {
        let key = (feed.provider.clone(), feed.format);
        if !self.recordings.contains_key(&key) {
            if self.recordings.len() >= FEEDS_MAX {
                return Ok(None);
            }
            let name = recording::file_name(&feed.provider, feed.format);
            let path = self.options.folder.join(name);
            let file = File::create_new(&path).with_context(|| format!("cannot write {}", path.display()))?;
            let source = format!("recorded on its way to {}", self.options.target);
            let header = Header::new(feed.provider.clone(), feed.format, source, None);
            let writer = Writer::new(BufWriter::with_capacity(256 * 1024, file), header)?;
            self.recordings.insert(key.clone(), Recording { path, writer, last_ns: 0 });
        }
        Ok(self.recordings.get_mut(&key))
    }

    /// Nothing more is written; what was is finished.
    fn give_up(&mut self, error: &anyhow::Error) {
        let why = format!("{error:#}");
        tracing::error!(why, "nothing more is recorded");
        self.written.failed.get_or_insert(why);
        self.is_over.store(true, Ordering::Relaxed);
        self.finish();
    }

    /// Becomes true once nothing more is written.
    pub(super) fn is_over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_over)
    }

    fn finish(&mut self) {
        for (_, Recording { path, writer, .. }) in std::mem::take(&mut self.recordings) {
            match writer.finish() {
                Ok(header) => self.written.recordings.push((path, header)),
                Err(error) => {
                    let why = format!("cannot write {}: {error}", path.display());
                    self.written.failed.get_or_insert(why);
                }
            }
        }
    }

    fn leave_out(&mut self, what: &str, count: u64) {
        *self.written.left_out.entry(what.to_owned()).or_default() += count;
    }
}

/// A body without what it is packed in; `None` where that is damaged, too large or not known.
fn unpacked(encoding: &str, body: &Bytes) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = BODY_BYTES_MAX as u64 + 1;
    let read = match encoding.trim() {
        "" | "identity" => return Some(body.to_vec()),
        "gzip" | "x-gzip" => flate2::read::MultiGzDecoder::new(&body[..]).take(limit).read_to_end(&mut plain),
        "zstd" => zstd::stream::read::Decoder::new(&body[..]).ok()?.take(limit).read_to_end(&mut plain),
        _ => return None,
    };
    read.ok().filter(|_| plain.len() <= BODY_BYTES_MAX).map(|_| plain)
}
