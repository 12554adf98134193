//! Writing down what passes a tap.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use axum::http::{HeaderMap, Method, Uri, header};
use bytes::Bytes;
use domain::Name;
use domain::codec::batch::{self, Pieces};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::{BODY_BYTES_MAX, TapOptions, text};
use crate::format::Format;
use crate::recording::{self, Header, Writer};

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
    /// A Unified Odds Feed's message brings its key in a header.
    routing_key: Option<String>,
}

/// A request that was passed on.
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) feed: Feed,
    pub(super) encoding: String,
    pub(super) body: Bytes,
    /// Its part of what may wait.
    pub(super) _room: OwnedSemaphorePermit,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Written {
    /// The recordings, and what their headers say.
    pub recordings: Vec<(PathBuf, Header)>,
    /// Messages that were not written, by the reason.
    pub left_out: BTreeMap<String, u64>,
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
        let Arrival { at, feed, encoding, body, .. } = arrival;
        if self.written.failed.is_some() {
            return Ok(());
        }
        let Some(body) = unpacked(encoding, body) else {
            self.leave_out("requests that cannot be unpacked", 1);
            return Ok(());
        };
        let messages = match feed.routing_key {
            Some(_) => vec![body.as_slice()],
            None => match batch::split(feed.batch, &body, MESSAGES_MAX) {
                Ok(Pieces::Single(piece)) => vec![&body[piece.range]],
                Ok(Pieces::Many { pieces, .. }) => {
                    pieces.into_iter().map(|piece| &body[piece.range]).collect()
                }
                Err(_) => {
                    self.leave_out("requests that hold no messages", 1);
                    return Ok(());
                }
            },
        };
        let offset_ns =
            u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        for message in messages.into_iter().filter(|message| !message.trim_ascii().is_empty()) {
            if self.bytes + message.len() as u64 > self.options.bytes_max {
                anyhow::bail!("there are {} bytes, as many as may be written", self.bytes);
            }
            self.bytes += message.len() as u64;
            self.write_message(feed, offset_ns, message)?;
        }
        Ok(())
    }

    fn write_message(&mut self, feed: &Feed, offset_ns: u64, message: &[u8]) -> anyhow::Result<()> {
        let Some(recording) = self.recording(feed)? else {
            self.leave_out("messages of more feeds than can be recorded at once", 1);
            return Ok(());
        };
        // Of two requests under way at once the later one may be answered first.
        let offset_ns = offset_ns.max(recording.last_ns);
        recording.last_ns = offset_ns;
        match &feed.routing_key {
            None => recording.writer.write(offset_ns, message)?,
            Some(key) => recording.writer.write(offset_ns, &[key.as_bytes(), b" ", message].concat())?,
        }
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
        self.finish();
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
