//! Ways in which a message is none any more.

use domain::Sport;
use domain::codec::{json, xml};
use serde::{Deserialize, Serialize};

use crate::format::Format;

/// Longer than a message may be, in bytes.
const TOO_LONG: usize = 300_000;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Malformed {
    /// It ends in the middle.
    Truncated,
    /// A byte of it is no UTF-8.
    NotUtf8,
    /// It does not say of which event it is.
    MissingEventId,
    /// Its sequence is a word.
    SequenceInWords,
    /// Its sequence is below zero.
    SequenceBelowZero,
    /// It is of a type that nobody knows.
    UnknownType,
    /// It is of a sport that nobody plays.
    UnknownSport,
    /// It is of a schema to come.
    FutureSchema,
    /// Its event is no URN.
    EventWithoutNamespace,
    /// It counts milliseconds where microseconds are meant.
    TimeInMilliseconds,
    /// It is another provider's.
    ForeignProvider,
    /// It is longer than any message.
    TooLong,
}

impl Malformed {
    /// Every way.
    pub const ALL: [Self; 12] = [
        Self::Truncated,
        Self::NotUtf8,
        Self::MissingEventId,
        Self::SequenceInWords,
        Self::SequenceBelowZero,
        Self::UnknownType,
        Self::UnknownSport,
        Self::FutureSchema,
        Self::EventWithoutNamespace,
        Self::TimeInMilliseconds,
        Self::ForeignProvider,
        Self::TooLong,
    ];

    /// A copy of a message of our own, wrong in this way and in no other; `None` where it is no such message, or has nothing that
    /// could be wrong so.
    pub(crate) fn copy(self, format: Format, message: &[u8]) -> Option<Vec<u8>> {
        let text = as_written_here(format, message)?;
        let set = |field, value: &str| Some(with_value(format, &text, field, value)?.into_bytes());
        match self {
            // After its id, by which a batch knows that a message begins.
            Self::Truncated => Some(text.as_bytes()[..text.len() - text.len() / 4].to_vec()),
            Self::NotUtf8 => {
                let (at, _) = value(format, &text, "event_id")?;
                let mut bytes = text.into_bytes();
                bytes[at] = 0xff;
                Some(bytes)
            }
            Self::MissingEventId => Some(match format {
                Format::Xml => text.replacen(" event_id=", " former_event_id=", 1).into_bytes(),
                Format::Json | Format::Uof => {
                    text.replacen("\"event_id\":", "\"former_event_id\":", 1).into_bytes()
                }
            }),
            Self::SequenceInWords => set("sequence", "\"seven\""),
            Self::SequenceBelowZero => set("sequence", "-7"),
            Self::UnknownType => match format {
                Format::Xml => Some(renamed(&text, "weather_change").into_bytes()),
                Format::Json | Format::Uof => set("type", "\"weather_change\""),
            },
            Self::UnknownSport => set("sport", "\"curling\""),
            Self::FutureSchema => set("schema", "\"9.0\""),
            Self::EventWithoutNamespace => set("event_id", "\"seven\""),
            Self::TimeInMilliseconds => {
                let (at, end) = value(format, &text, "generated_at")?;
                let micros: i64 = text[at..end].parse().ok()?;
                set("generated_at", &(micros / 1_000).to_string())
            }
            Self::ForeignProvider => set("provider", "\"somebody-else\""),
            Self::TooLong => set("message_id", &format!("\"{}\"", "x".repeat(TOO_LONG))),
        }
    }
}

/// A copy of a message that names another sport; `None` where it is no message of our own.
pub(crate) fn of_another_sport(format: Format, message: &[u8], sport: Sport) -> Option<Vec<u8>> {
    let text = as_written_here(format, message)?;
    Some(with_value(format, &text, "sport", &format!("\"{sport}\""))?.into_bytes())
}

/// A message in the words of this program, whoever wrote it: with its quotes and blanks, and the envelope before the body.
fn as_written_here(format: Format, message: &[u8]) -> Option<String> {
    let read = match format {
        Format::Json => json::decode(message).ok()?,
        Format::Xml => xml::decode(message).ok()?,
        Format::Uof => return None,
    };
    let written = format.encode(&read)?;
    String::from_utf8(format.in_batch(&written).to_vec()).ok()
}

/// Where the value of a field of the envelope stands, without quotes: the envelope comes first.
fn value(format: Format, text: &str, field: &str) -> Option<(usize, usize)> {
    let name = match format {
        Format::Xml => format!(" {field}=\""),
        Format::Json | Format::Uof => format!("\"{field}\":"),
    };
    let mut start = text.find(&name)? + name.len();
    let is_quoted = format == Format::Xml || text[start..].starts_with('"');
    if is_quoted && format != Format::Xml {
        start += 1;
    }
    let ends: &[char] = if is_quoted { &['"'] } else { &[',', '}'] };
    Some((start, start + text[start..].find(ends)?))
}

/// The message with another value, as JSON writes it; `None` where it has no such field.
fn with_value(format: Format, text: &str, field: &str, replaced: &str) -> Option<String> {
    let (start, end) = value(format, text, field)?;
    let is_quoted = text[..start].ends_with('"');
    let (start, end) = match format {
        Format::Xml => {
            return Some(format!("{}{}{}", &text[..start], replaced.trim_matches('"'), &text[end..]));
        }
        _ if is_quoted => (start - 1, end + 1),
        _ => (start, end),
    };
    Some(format!("{}{replaced}{}", &text[..start], &text[end..]))
}

/// The element under another name.
fn renamed(text: &str, name: &str) -> String {
    let end = text.find([' ', '>', '/']).unwrap_or(text.len());
    let old = &text[1..end];
    let close = format!("</{old}>");
    let body = text[end..].strip_suffix(&close).map(|body| format!("{body}</{name}>"));
    format!("<{name}{}", body.unwrap_or_else(|| text[end..].to_owned()))
}

#[cfg(test)]
mod tests {
    use domain::codec::batch::{self, Format as Split, Pieces};
    use domain::{FeedMessage, Name, check_alone};

    use super::*;
    use crate::schedule::Channel;

    const JSON: &str = include_str!("../../../domain/golden/v1/odds_change.json");

    /// Whether ingestion would take it on the feed of `md`.
    fn is_taken(format: Format, bytes: &[u8]) -> bool {
        let of_md = |message: FeedMessage| {
            message.source.provider.as_str() == "md"
                && check_alone(&message).is_ok()
                && bytes.len() < 256 * 1024
        };
        match format {
            Format::Xml => xml::decode(bytes).is_ok_and(of_md),
            Format::Json | Format::Uof => json::decode(bytes).is_ok_and(of_md),
        }
    }

    #[test]
    fn a_malformed_message_is_refused_and_its_neighbours_are_not() {
        let message = json::decode(JSON.trim().as_bytes()).unwrap();
        for (format, split, bytes) in [
            (Format::Json, Split::Lines, json::encode(&message)),
            (Format::Xml, Split::Xml, xml::encode(&message)),
        ] {
            let good = format.in_batch(&bytes);
            assert!(is_taken(format, good));
            for how in Malformed::ALL {
                let bad = how.copy(format, good).unwrap();
                assert!(!is_taken(format, &bad), "{how:?} in {format:?}");
                let channel = Channel { provider: Name::new("md").unwrap(), event_id: None, format };
                assert!(
                    channel.read(good).is_some() && channel.read(&bad).is_none(),
                    "{how:?} in {format:?}"
                );
                let mut body = format.batch_ends().0.to_vec();
                for message in [good, &bad, good] {
                    body.extend_from_slice(message);
                    body.push(b'\n');
                }
                body.extend_from_slice(format.batch_ends().1);
                let Pieces::Many { pieces, messages } = batch::split(split, &body, 100).unwrap() else {
                    panic!("a batch");
                };
                assert_eq!((pieces.len(), messages), (3, 3), "{how:?} in {format:?}");
                for place in [0, 2] {
                    assert!(is_taken(format, &body[pieces[place].range.clone()]), "{how:?} in {format:?}");
                }
            }
        }
    }

    #[test]
    fn another_sport_is_all_that_changes() {
        let message = json::decode(JSON.trim().as_bytes()).unwrap();
        let changed =
            json::decode(&of_another_sport(Format::Json, &json::encode(&message), Sport::Tennis).unwrap())
                .unwrap();
        let bytes = xml::encode(&message);
        let in_xml = of_another_sport(Format::Xml, Format::Xml.in_batch(&bytes), Sport::Tennis).unwrap();
        assert_eq!(xml::decode(&in_xml).unwrap(), changed);
        assert_ne!(changed, message);
    }

    #[test]
    fn whoever_wrote_a_message_a_copy_of_it_can_go_wrong() {
        let message = json::decode(JSON.trim().as_bytes()).unwrap();
        let spaced = String::from_utf8(json::encode(&message)).unwrap();
        let spaced = spaced.replace("\":", "\" : ").replace(",\"", ", \"");
        let in_xml = String::from_utf8(Format::Xml.in_batch(&xml::encode(&message)).to_vec()).unwrap();
        let single_quoted = in_xml.replace('"', "'").replace(" sport=", "\tsport = ");
        for (format, bytes) in [(Format::Json, spaced.as_bytes()), (Format::Xml, single_quoted.as_bytes())] {
            assert!(is_taken(format, bytes), "{}", String::from_utf8_lossy(bytes));
            let other = of_another_sport(format, bytes, Sport::Tennis).unwrap();
            let other = format.decode(&other, &message.source.provider).unwrap();
            let domain::Content::Event(event) = &other.content else { panic!("of an event") };
            assert_eq!(event.sport, Sport::Tennis);
            for how in Malformed::ALL {
                assert!(!is_taken(format, &how.copy(format, bytes).unwrap()), "{how:?} in {format:?}");
            }
        }
        assert_eq!(of_another_sport(Format::Json, b"[]", Sport::Tennis), None, "what is none has no copy");
    }
}
