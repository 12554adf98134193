//! What is in a recording: its header, and what its messages are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use domain::message::Content;

use super::say;
use crate::format::Format;
use crate::recording::{Header, Reader};

/// Reads a recording to its end and says what it holds.
pub(super) fn tell(path: &Path) -> anyhow::Result<bool> {
    let contents = read(path).with_context(|| format!("cannot read {}", path.display()))?;
    for line in contents.lines() {
        say::line(&line);
    }
    Ok(true)
}

/// A recording, summed up.
struct Contents {
    header: Header,
    messages: u64,
    bytes: u64,
    duration: Duration,
    events: BTreeSet<String>,
    types: BTreeMap<&'static str, u64>,
    torn_bytes: usize,
}

fn read(path: &Path) -> anyhow::Result<Contents> {
    let mut reader = Reader::new(BufReader::new(File::open(path)?))?;
    let mut contents = Contents {
        header: reader.header().clone(),
        messages: 0,
        bytes: 0,
        duration: Duration::ZERO,
        events: BTreeSet::new(),
        types: BTreeMap::new(),
        torn_bytes: 0,
    };
    let format = Format::of_content_type(&contents.header.content_type);
    for message in &mut reader {
        let message = message?;
        contents.messages += 1;
        contents.bytes += message.bytes.len() as u64;
        contents.duration = Duration::from_nanos(message.offset_ns);
        let decoded = format.and_then(|format| format.decode(&message.bytes, &contents.header.provider));
        let kind = match decoded {
            Some(decoded) => {
                if let Content::Event(event) = &decoded.content {
                    contents.events.insert(event.event_id.to_string());
                }
                decoded.message_type().as_str()
            }
            None => "not readable",
        };
        *contents.types.entry(kind).or_default() += 1;
    }
    contents.torn_bytes = reader.torn_bytes();
    Ok(contents)
}

impl Contents {
    fn lines(&self) -> Vec<String> {
        let Header { provider, source, content_type, seed, messages, images, checksum, .. } = &self.header;
        let mut lines = vec![format!("provider   {provider}"), format!("source     {source}")];
        lines.extend(seed.map(|seed| format!("seed       {seed}")));
        lines.push(format!("format     {content_type}"));
        let (count, bytes) = (say::count(self.messages), say::count(self.bytes));
        lines.push(format!("messages   {count}, {bytes} bytes"));
        lines.push(format!("duration   {}", say::duration(self.duration)));
        lines.push(format!("events     {}", say::count(self.events.len() as u64)));
        lines.extend(
            images.map(|images| format!("images     {} messages: how games stood", say::count(images))),
        );
        // Reading to the end has compared it.
        lines.extend(checksum.as_ref().map(|checksum| format!("checksum   {checksum}, as it was written")));
        lines
            .extend(self.types.iter().map(|(kind, count)| format!("  {kind:<20} {:>9}", say::count(*count))));
        if messages.is_none() {
            lines.push("its writer did not finish it: there may have been more".to_owned());
        }
        if self.torn_bytes > 0 {
            let torn = say::count(self.torn_bytes as u64);
            lines.push(format!("it ends within a message: {torn} bytes are not read"));
        }
        lines
    }
}
