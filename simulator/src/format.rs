//! The formats in which messages go out: what each is called, how a batch looks, and where the times stand.

use std::borrow::Cow;

use domain::codec::{json, xml};
use domain::{FeedMessage, Name};
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::uof;

/// A format of feed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One object per message.
    Json,
    /// One element per message.
    Xml,
    /// A Unified Odds Feed: a message is its routing key, a blank, and one element. It goes out alone, the key in a header.
    Uof,
}

/// What of a message a schedule has to know: parts of it, as they stand there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    pub(crate) message_id: Option<&'a str>,
    pub(crate) event_id: Option<&'a str>,
    pub(crate) producer: Option<&'a str>,
    pub(crate) generated_at: Option<&'a str>,
    pub(crate) occurred_at: Option<&'a str>,
}

impl Format {
    /// The media type of one message.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::Uof => "application/vnd.matchday.uof",
        }
    }

    /// The format of messages of this media type, where it is known here.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        [Self::Json, Self::Xml, Self::Uof].into_iter().find(|format| format.content_type() == content_type)
    }

    /// The media type of a batch.
    pub(crate) fn batch_content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-ndjson",
            Self::Xml | Self::Uof => "application/xml",
        }
    }

    /// What stands before the messages of a batch, and after them; each is followed by a line feed.
    pub(crate) fn batch_ends(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Json | Self::Uof => (b"", b""),
            Self::Xml => (b"<messages>\n", b"</messages>\n"),
        }
    }

    /// A message as it may stand in a batch: XML without what only a document begins with.
    pub(crate) fn in_batch(self, message: &[u8]) -> &[u8] {
        match self {
            Self::Json | Self::Uof => message,
            Self::Xml => root(message).map_or(message, |(root, _)| root.as_bytes()),
        }
    }

    /// The envelope, where the message has one.
    pub(crate) fn envelope(self, message: &[u8]) -> Option<Envelope<'_>> {
        match self {
            Self::Json => json_envelope(message),
            Self::Xml => xml_envelope(message, ["generated_at", "producer"]),
            Self::Uof => uof_envelope(message.get(message.iter().position(|byte| *byte == b'<')?..)?),
        }
    }

    /// The number of the event as it stands in front of the message, where there is one.
    pub(crate) fn routed_event(self, message: &[u8]) -> Option<&str> {
        let (key, _) = (self == Self::Uof).then(|| uof::split(message)).flatten()?;
        key.split('.').nth(6).filter(|number| *number != "-")
    }

    /// The event that takes the place of one that is cancelled, where the message names one.
    pub(crate) fn superseded_by(self, message: &[u8]) -> Option<&str> {
        match self {
            Self::Json => json_superseded_by(message),
            Self::Xml => xml_attribute(message, "superseded_by"),
            // The feed's own spelling.
            Self::Uof => {
                xml_attribute(message.get(message.iter().position(|byte| *byte == b'<')?..)?, "superceded_by")
            }
        }
    }

    /// A message in this format; `None` where it has no words for it.
    pub(crate) fn encode(self, message: &FeedMessage) -> Option<Vec<u8>> {
        match self {
            Self::Json => Some(json::encode(message)),
            Self::Xml => Some(xml::encode(message)),
            Self::Uof => uof::encode(message),
        }
    }

    /// Reads a message of `provider`'s feed; `None` where it is none.
    #[must_use]
    pub fn decode(self, bytes: &[u8], provider: &Name) -> Option<FeedMessage> {
        match self {
            Self::Json => json::decode(bytes).ok(),
            Self::Xml => xml::decode(bytes).ok(),
            Self::Uof => uof::decode(bytes, provider),
        }
    }

    /// The unit of the times in the envelope, in microseconds.
    pub(crate) fn unit_micros(self) -> i64 {
        match self {
            Self::Json | Self::Xml => 1,
            Self::Uof => 1_000,
        }
    }
}

fn json_envelope(message: &[u8]) -> Option<Envelope<'_>> {
    /// Borrowed raw, so that the place in the message is known, too.
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        message_id: Option<&'a RawValue>,
        #[serde(borrow)]
        event_id: Option<&'a RawValue>,
        #[serde(borrow)]
        producer: Option<&'a RawValue>,
        #[serde(borrow)]
        generated_at: Option<&'a RawValue>,
        #[serde(borrow)]
        occurred_at: Option<&'a RawValue>,
    }
    let raw: Raw = serde_json::from_slice(message).ok()?;
    Some(Envelope {
        message_id: raw.message_id.map(text),
        event_id: raw.event_id.map(text),
        producer: raw.producer.map(text),
        generated_at: raw.generated_at.map(RawValue::get),
        occurred_at: raw.occurred_at.map(RawValue::get),
    })
}

/// What stands between the quotes; the last character of a text may be one itself.
fn text(raw: &RawValue) -> &str {
    let raw = raw.get();
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw)
}

fn json_superseded_by(message: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        body: Body<'a>,
    }
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        superseded_by: &'a RawValue,
    }
    serde_json::from_slice(message).ok().map(|raw: Raw| text(raw.body.superseded_by))
}

fn xml_attribute<'a>(message: &'a [u8], name: &str) -> Option<&'a str> {
    let (root, tag_bytes) = root(message)?;
    let tag = root[1..tag_bytes].trim_end_matches(['>', '/']);
    let name_bytes = tag.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tag.len());
    let mut attributes = quick_xml::events::attributes::Attributes::new(tag, name_bytes);
    let found = attributes.with_checks(false).find_map(|it| it.ok().filter(|it| it.key.0 == name));
    match found?.value {
        Cow::Borrowed(value) => Some(value),
        Cow::Owned(_) => None,
    }
}

fn xml_envelope<'a>(message: &'a [u8], [generated_at, producer]: [&str; 2]) -> Option<Envelope<'a>> {
    let (root, tag_bytes) = root(message)?;
    let tag = root[1..tag_bytes].trim_end_matches(['>', '/']);
    let name_bytes = tag.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tag.len());
    let mut envelope = Envelope::default();
    for attribute in quick_xml::events::attributes::Attributes::new(tag, name_bytes).with_checks(false) {
        let attribute = attribute.ok()?;
        let Cow::Borrowed(value) = attribute.value else { return None };
        match attribute.key.0 {
            "message_id" => envelope.message_id = Some(value),
            "event_id" => envelope.event_id = Some(value),
            name if name == producer => envelope.producer = Some(value),
            name if name == generated_at => envelope.generated_at = Some(value),
            "occurred_at" => envelope.occurred_at = Some(value),
            _ => {}
        }
    }
    Some(envelope)
}

/// What a document of a Unified Odds Feed says that it is, the word in its routing key; `None` where it is none of that feed. Our own
/// messages have no `timestamp`.
pub(crate) fn uof_word(document: &[u8]) -> Option<&str> {
    let (root, tag_bytes) = root(document)?;
    let tag = root[1..tag_bytes].trim_end_matches(['>', '/']);
    let name = tag.split(|c: char| c.is_ascii_whitespace()).next()?;
    if name == "fixtures_fixture" {
        return Some("fixture");
    }
    let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_ours = xml_attribute(document, "generated_at").is_some();
    (is_word && !is_ours && xml_attribute(document, "timestamp").is_some()).then_some(name)
}

/// Who plays whom is told of an event within the message.
fn uof_envelope(message: &[u8]) -> Option<Envelope<'_>> {
    let envelope = xml_envelope(message, ["timestamp", "product"])?;
    let (root, tag_bytes) = root(message)?;
    if envelope.event_id.is_some() || !root.starts_with("<fixtures_fixture") {
        return Some(envelope);
    }
    let fixture = root.get(tag_bytes..)?.as_bytes();
    Some(Envelope { event_id: xml_attribute(fixture, "id"), ..envelope })
}

/// A document from its element on, and the length of the start tag.
fn root(message: &[u8]) -> Option<(&str, usize)> {
    let text = str::from_utf8(message).ok()?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        let start = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(_) | Event::Empty(_) => {
                let end = usize::try_from(reader.buffer_position()).ok()?;
                return Some((text.get(start..)?, end - start));
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_xml_message_begins_with_its_element_and_has_its_envelope_in_it() {
        let message = "\u{feff}<?xml version=\"1.0\"?>\n<!-- a --><alive generated_at='5' x='>' event_id = \"a:b:c\"/>\n";
        let bare = Format::Xml.in_batch(message.as_bytes());
        assert_eq!(bare, b"<alive generated_at='5' x='>' event_id = \"a:b:c\"/>\n");
        let envelope = Format::Xml.envelope(bare).unwrap();
        assert_eq!(
            envelope,
            Envelope { event_id: Some("a:b:c"), generated_at: Some("5"), ..Envelope::default() }
        );
    }

    #[test]
    fn a_text_of_json_stands_between_its_quotes_as_it_is_written() {
        let envelope =
            Format::Json.envelope(br#"{"message_id":"\"a\"","event_id":"","generated_at":5}"#).unwrap();
        let expected = Envelope {
            message_id: Some(r#"\"a\""#),
            event_id: Some(""),
            generated_at: Some("5"),
            ..Envelope::default()
        };
        assert_eq!(envelope, expected);
    }

    #[test]
    fn a_document_of_a_unified_odds_feed_is_told_from_our_own() {
        let uof = [
            (
                "<?xml version=\"1.0\"?><fixtures_fixture generated_at=\"2019\"><fixture/></fixtures_fixture>",
                "fixture",
            ),
            ("<bet_stop product=\"1\" event_id=\"sr:match:1\" timestamp=\"5\"/>", "bet_stop"),
        ];
        for (document, word) in uof {
            assert_eq!(uof_word(document.as_bytes()), Some(word), "{document}");
        }
        for document in
            ["<bet_stop producer='live' generated_at='5'/>", "<a.b timestamp='5'/>", "<messages/>", "<a", ""]
        {
            assert_eq!(uof_word(document.as_bytes()), None, "{document}");
        }
    }

    #[test]
    fn what_is_no_message_has_no_envelope() {
        for format in [Format::Json, Format::Xml] {
            for message in ["", "not a message", "<a", "<a b>", "{", "\u{feff}\u{feff}<a/>"] {
                assert!(format.envelope(message.as_bytes()).is_none_or(|it| it.generated_at.is_none()));
                format.in_batch(message.as_bytes());
            }
        }
    }
}
