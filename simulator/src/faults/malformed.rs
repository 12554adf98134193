//! Ways in which a message is none any more.

use domain::Sport;
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

    /// A copy of a message of our own, wrong in this way and in no other.
    pub(crate) fn copy(self, format: Format, message: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(message).expect("what was encoded here is text");
        let set = |field, value: &str| with_value(format, text, field, Some(value)).into_bytes();
        match self {
            // After its id, by which a batch knows that a message begins.
            Self::Truncated => message[..message.len() - message.len() / 4].to_vec(),
            Self::NotUtf8 => {
                let at = value(format, text, "event_id").map_or(message.len() / 2, |(at, _)| at);
                let mut bytes = message.to_vec();
                bytes[at] = 0xff;
                bytes
            }
            Self::MissingEventId => with_value(format, text, "event_id", None).into_bytes(),
            Self::SequenceInWords => set("sequence", "\"seven\""),
            Self::SequenceBelowZero => set("sequence", "-7"),
            Self::UnknownType => match format {
                Format::Xml => renamed(text, "weather_change").into_bytes(),
                Format::Json | Format::Uof => set("type", "\"weather_change\""),
            },
            Self::UnknownSport => set("sport", "\"curling\""),
            Self::FutureSchema => set("schema", "\"9.0\""),
            Self::EventWithoutNamespace => set("event_id", "\"seven\""),
            Self::TimeInMilliseconds => {
                let micros =
                    value(format, text, "generated_at").and_then(|(at, end)| text[at..end].parse().ok());
                set("generated_at", &(micros.unwrap_or(0_i64) / 1_000).to_string())
            }
            Self::ForeignProvider => set("provider", "\"somebody-else\""),
            Self::TooLong => set("message_id", &format!("\"{}\"", "x".repeat(TOO_LONG))),
        }
    }
}

/// A copy of a message that names another sport.
pub(crate) fn of_another_sport(format: Format, message: &[u8], sport: Sport) -> Vec<u8> {
    let text = std::str::from_utf8(message).expect("what was encoded here is text");
    with_value(format, text, "sport", Some(&format!("\"{sport}\""))).into_bytes()
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

/// The message with another value, as JSON writes it, or with the field under another name.
fn with_value(format: Format, text: &str, field: &str, replaced: Option<&str>) -> String {
    let Some(replaced) = replaced else {
        return match format {
            Format::Xml => text.replacen(&format!(" {field}="), &format!(" former_{field}="), 1),
            Format::Json | Format::Uof => {
                text.replacen(&format!("\"{field}\":"), &format!("\"former_{field}\":"), 1)
            }
        };
    };
    let (start, end) = value(format, text, field).expect("every message of an event has its envelope");
    let is_quoted = text[..start].ends_with('"');
    let (start, end) = match format {
        Format::Xml => return format!("{}{}{}", &text[..start], replaced.trim_matches('"'), &text[end..]),
        _ if is_quoted => (start - 1, end + 1),
        _ => (start, end),
    };
    format!("{}{replaced}{}", &text[..start], &text[end..])
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
    use domain::codec::{json, xml};
    use domain::{FeedMessage, check_alone};

    use super::*;

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
                let bad = how.copy(format, good);
                assert!(!is_taken(format, &bad), "{how:?} in {format:?}");
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
            json::decode(&of_another_sport(Format::Json, &json::encode(&message), Sport::Tennis)).unwrap();
        let bytes = xml::encode(&message);
        let in_xml = of_another_sport(Format::Xml, Format::Xml.in_batch(&bytes), Sport::Tennis);
        assert_eq!(xml::decode(&in_xml).unwrap(), changed);
        assert_ne!(changed, message);
    }
}
