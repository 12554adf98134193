//! Cutting a recording: some of its events, from one moment to another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::Path;

use domain::id::Source;
use domain::{Body, Content, EventId, FeedMessage};

use super::image::Image;
use super::{Header, Reader, RecordingError, Writer};
use crate::format::Format;

/// What is cut out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// Nothing from before this, in nanoseconds from the recording's start.
    pub from_ns: u64,
    /// Nothing from here on.
    pub to_ns: Option<u64>,
    /// Only these events; all where there are none. What is said of a producer as a whole stays with all.
    pub events: BTreeSet<EventId>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOut {
    /// The header of what was written.
    pub header: Header,
    /// Messages after the beginning that repeat what the images say.
    pub repeated: u64,
    /// Messages from before the beginning that could not be read, so no image has them.
    pub unreadable: u64,
}

/// Why a recording cannot be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// It cannot be read, or what is cut out not be written.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Its messages are in no format that is known here.
    #[error("its messages are `{0}`, which are not known here")]
    Format(String),
    /// There is nothing to cut out.
    #[error("there is nothing in it{0} from there to there")]
    Empty(String),
}

/// What a cut is made of while the recording is read.
struct Cutting<'a> {
    cut: &'a Cut,
    format: Format,
    header: Header,
    images: BTreeMap<(EventId, Source), Image>,
    /// Of whom something of which event was kept already.
    told: BTreeSet<(EventId, Source)>,
    repeated: u64,
    unreadable: u64,
}

/// Cuts. What an event was when the new recording begins stands first, as a snapshot, and what follows is counted on from
/// it; where nothing had been said, every byte stays as it was.
///
/// # Errors
/// When the recording cannot be read, cut there, or written.
pub fn cut(path: &Path, cut: &Cut, out: impl Write + Seek) -> Result<CutOut, CutError> {
    let open = || -> Result<_, CutError> {
        let file = File::open(path).map_err(RecordingError::from)?;
        Ok(Reader::new(BufReader::with_capacity(256 * 1024, file))?)
    };
    let mut recording = open()?;
    let header = recording.header().clone();
    let format = Format::of_content_type(&header.content_type)
        .ok_or_else(|| CutError::Format(header.content_type.clone()))?;
    let (images, told) = (BTreeMap::new(), BTreeSet::new());
    let mut cutting = Cutting { cut, format, header, images, told, repeated: 0, unreadable: 0 };
    // Which games go on is only known at the end, so it is read twice.
    let going_on = cutting.look(&mut recording)?;
    // In a feed without sequences fixtures are told by somebody else than the game.
    let games: BTreeSet<&EventId> = going_on.iter().map(|(event_id, _)| event_id).collect();
    let goes_on = |key: &(EventId, Source), image: &Image| {
        going_on.contains(key) || image.is_unordered() && games.contains(&key.0)
    };
    cutting.images.retain(|key, image| goes_on(key, image));
    cutting.write(open()?, out)
}

impl Cutting<'_> {
    /// Reads to the end; returns who says something of which event after the beginning.
    fn look(
        &mut self,
        recording: &mut Reader<BufReader<File>>,
    ) -> Result<BTreeSet<(EventId, Source)>, CutError> {
        let mut going_on = BTreeSet::new();
        let mut kept = 0;
        for message in recording {
            let message = message?;
            if self.is_over(message.offset_ns) {
                continue;
            }
            let is_before = message.offset_ns < self.cut.from_ns;
            let Some(said) = self.format.decode(&message.bytes, &self.header.provider) else {
                self.unreadable += u64::from(is_before);
                continue;
            };
            let Content::Event(event) = &said.content else { continue };
            if !self.is_chosen(&event.event_id) {
                continue;
            }
            let key = (event.event_id.clone(), said.source.clone());
            if !is_before {
                going_on.insert(key);
                kept += 1;
            } else {
                let new = || Image::new(said.source.clone(), event);
                self.images.entry(key).or_insert_with(new).note(message.offset_ns, said);
            }
        }
        if kept > 0 {
            return Ok(going_on);
        }
        let events: Vec<&str> = self.cut.events.iter().map(EventId::as_str).collect();
        let of_events = if events.is_empty() { String::new() } else { format!(" of {}", events.join(", ")) };
        Err(CutError::Empty(of_events))
    }

    fn write(
        mut self,
        recording: Reader<BufReader<File>>,
        out: impl Write + Seek,
    ) -> Result<CutOut, CutError> {
        // Before what waits for its turn stands what every event was.
        let is_image = |message: &FeedMessage| match &message.content {
            Content::Event(event) => event.position.is_none() || matches!(event.body, Body::Snapshot(_)),
            Content::Producer(_) => false,
        };
        let (told, waiting): (Vec<_>, Vec<_>) =
            self.images.values().flat_map(|image| image.messages(self.cut.from_ns)).partition(is_image);
        let images = told.len() as u64;
        let header = Header {
            images: (images > 0).then_some(images),
            source: format!("cut from: {}", self.header.source),
            ..self.header.clone()
        };
        let mut writer = Writer::new(out, header)?;
        for message in told.iter().chain(&waiting) {
            writer.write(0, &self.encoded(message)?)?;
        }
        for message in recording {
            let message = message?;
            if message.offset_ns < self.cut.from_ns || self.is_over(message.offset_ns) {
                continue;
            }
            let offset_ns = message.offset_ns - self.cut.from_ns;
            if self.is_image_of_old(&message.bytes) {
                writer.count_image();
            }
            if let Some(bytes) = self.kept(message.bytes)? {
                writer.write(offset_ns, &bytes)?;
            }
        }
        let header = writer.finish()?;
        Ok(CutOut { header, repeated: self.repeated, unreadable: self.unreadable })
    }

    /// Whether a message from after the beginning is the image with which a game begins in the recording that is cut.
    fn is_image_of_old(&mut self, bytes: &[u8]) -> bool {
        if self.header.images.is_none() {
            return false;
        }
        let Some(said) = self.format.decode(bytes, &self.header.provider) else { return false };
        let Content::Event(event) = said.content else { return false };
        if !self.is_chosen(&event.event_id) {
            return false;
        }
        let key = (event.event_id, said.source);
        let is_first = !self.images.contains_key(&key) && self.told.insert(key);
        is_first && matches!(event.body, Body::Snapshot(_))
    }

    /// A message from after the beginning, as it is kept.
    fn kept(&mut self, bytes: Vec<u8>) -> Result<Option<Vec<u8>>, CutError> {
        let Some(said) = self.format.decode(&bytes, &self.header.provider) else {
            return Ok(self.cut.events.is_empty().then_some(bytes));
        };
        let Content::Event(event) = &said.content else {
            return Ok(self.cut.events.is_empty().then_some(bytes));
        };
        if !self.is_chosen(&event.event_id) {
            return Ok(None);
        }
        let key = (event.event_id.clone(), said.source.clone());
        let Some(image) = self.images.get(&key).filter(|image| image.is_counted()) else {
            return Ok(Some(bytes));
        };
        match image.renumbered(said) {
            Some(renumbered) => self.encoded(&renumbered).map(Some),
            None => {
                self.repeated += 1;
                Ok(None)
            }
        }
    }

    fn encoded(&self, message: &FeedMessage) -> Result<Vec<u8>, CutError> {
        self.format.encode(message).ok_or_else(|| CutError::Format(self.header.content_type.clone()))
    }

    fn is_over(&self, offset_ns: u64) -> bool {
        self.cut.to_ns.is_some_and(|to_ns| offset_ns >= to_ns)
    }

    fn is_chosen(&self, event_id: &EventId) -> bool {
        self.cut.events.is_empty() || self.cut.events.contains(event_id)
    }
}
