//! What a receiver would say to a recording: messages that it would refuse, and such as come too late, twice or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use domain::codec::{json, xml};
use domain::id::Source;
use domain::{Body, Content, EventId, FeedMessage, Name, Position, Refusal};

use super::{Place, Reader, RecordingError};
use crate::format::Format;
use crate::uof;

/// How many of each kind are told; all are counted.
pub const TOLD_MAX: usize = 20;
/// Missing messages that are waited for, of one producer and event.
const MISSING_MAX: usize = 10_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Messages in all.
    pub messages: u64,
    /// Events of which something is said.
    pub events: BTreeSet<EventId>,
    /// Messages that would be refused.
    pub refused: u64,
    /// The first of them, and why.
    pub refused_first: Vec<(Place, String)>,
    /// Messages that come after a later one of their sequence; where there is none, after one that was made later.
    pub out_of_order: u64,
    /// The first of them.
    pub out_of_order_first: Vec<Place>,
    /// Messages that were there before.
    pub repeated: u64,
    /// Messages that are missing in the end.
    pub missing: u64,
    /// Events that begin with an image, told by one producer.
    pub imaged: u64,
    /// Events without their beginning, told by one producer: whoever receives them waits for it.
    pub headless: u64,
}

/// How far a producer has come with an event.
#[derive(Debug, Default)]
struct Course {
    /// Whether it began with a snapshot.
    is_imaged: bool,
    highest: Option<Position>,
    missing: BTreeSet<Position>,
    /// Further ones, of which only the number is known: one that comes yet is taken for repeated.
    missing_besides: u64,
    latest_micros: i64,
}

/// Reads a recording to its end.
///
/// # Errors
/// When it cannot be read.
pub fn inspect<R: Read>(recording: &mut Reader<R>) -> Result<Inspection, RecordingError> {
    let header = recording.header().clone();
    let Some(format) = Format::of_content_type(&header.content_type) else {
        return Err(RecordingError::Header(format!(
            "its messages are `{}`, which are not known here",
            header.content_type
        )));
    };
    let mut found = Inspection::default();
    let mut courses: BTreeMap<(EventId, Source), Course> = BTreeMap::new();
    while let Some(message) = recording.next() {
        let message = message?;
        found.messages += 1;
        let decoded = decode(format, &message.bytes, &header.provider);
        if let Err(why) =
            decoded.as_ref().map_err(Clone::clone).and_then(|read| check(read, &header.provider))
        {
            found.refused += 1;
            if found.refused_first.len() < TOLD_MAX {
                found.refused_first.push((recording.place(), why));
            }
            continue;
        }
        let Ok(FeedMessage { content: Content::Event(event), source, generated_at, .. }) = decoded else {
            continue;
        };
        found.events.insert(event.event_id.clone());
        let is_image = matches!(event.body, Body::Snapshot(_));
        let course = courses.entry((event.event_id, source)).or_default();
        course.is_imaged |= course.highest.is_none() && is_image;
        match course.note(event.position, generated_at.0) {
            Order::Next => {}
            Order::Late => {
                found.out_of_order += 1;
                if found.out_of_order_first.len() < TOLD_MAX {
                    found.out_of_order_first.push(recording.place());
                }
            }
            Order::Repeated => found.repeated += 1,
        }
    }
    found.missing = courses.values().map(|course| course.missing.len() as u64 + course.missing_besides).sum();
    found.imaged = courses.values().filter(|course| course.is_imaged).count() as u64;
    found.headless = courses.values().filter(|course| course.is_headless()).count() as u64;
    Ok(found)
}

fn decode(format: Format, bytes: &[u8], provider: &Name) -> Result<FeedMessage, String> {
    match format {
        Format::Json => json::decode(bytes).map_err(|error| error.to_string()),
        Format::Xml => xml::decode(bytes).map_err(|error| error.to_string()),
        Format::Uof => uof::read(bytes, provider),
    }
}

/// Whether it would be taken in this provider's feed.
fn check(message: &FeedMessage, provider: &Name) -> Result<(), String> {
    if message.source.provider != *provider {
        return Err(format!("it is one of `{}`, and the feed is `{provider}`'s", message.source.provider));
    }
    domain::check_alone(message).map_err(|refusal| match refusal {
        Refusal::Invalid { pointer, detail } => format!("{detail} (at `{pointer}`)"),
        other => other.to_string(),
    })
}

/// How a message stands to those before it.
#[derive(Debug, PartialEq, Eq)]
enum Order {
    Next,
    Late,
    Repeated,
}

impl Course {
    /// Whether what an epoch begins with is missing.
    fn is_headless(&self) -> bool {
        self.missing.iter().any(|position| position.sequence == 1)
    }

    fn note(&mut self, position: Option<Position>, generated_micros: i64) -> Order {
        let Some(position) = position else {
            let is_late = generated_micros < self.latest_micros;
            self.latest_micros = self.latest_micros.max(generated_micros);
            return if is_late { Order::Late } else { Order::Next };
        };
        match self.highest {
            Some(highest) if position <= highest => {
                if self.missing.remove(&position) {
                    Order::Late
                } else {
                    Order::Repeated
                }
            }
            highest => {
                let first = match highest {
                    Some(highest) if highest.epoch == position.epoch => highest.sequence + 1,
                    _ => 1,
                };
                let room = MISSING_MAX.saturating_sub(self.missing.len());
                let gap = position.sequence.saturating_sub(first);
                self.missing_besides += gap.saturating_sub(room as u64);
                let between = (first..position.sequence).take(room);
                self.missing.extend(between.map(|sequence| Position { sequence, ..position }));
                self.highest = Some(position);
                Order::Next
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Header, Writer};

    #[test]
    fn what_is_late_repeated_or_missing_is_told_apart() {
        let mut course = Course::default();
        let mut note = |epoch, sequence| course.note(Some(Position { epoch, sequence }), 0);
        let orders =
            [note(1, 1), note(1, 4), note(1, 2), note(1, 2), note(1, 5), note(2, 1), note(1, 3), note(2, 3)];
        use Order::{Late, Next, Repeated};
        assert_eq!(orders, [Next, Next, Late, Repeated, Next, Next, Late, Next]);
        assert_eq!(course.missing, BTreeSet::from([Position { epoch: 2, sequence: 2 }]));
        assert!(!course.is_headless());
        course.note(Some(Position { epoch: 3, sequence: 2 }), 0);
        assert!(course.is_headless());
    }

    #[test]
    fn however_many_are_missing_all_are_counted() {
        let mut course = Course::default();
        course.note(Some(Position { epoch: 1, sequence: 1_000_001 }), 0);
        assert_eq!((course.missing.len(), course.missing_besides), (MISSING_MAX, 990_000));
    }

    #[test]
    fn without_a_sequence_the_time_counts() {
        let mut course = Course::default();
        let orders = [5, 5, 4, 6].map(|micros| course.note(None, micros));
        assert_eq!(orders, [Order::Next, Order::Next, Order::Late, Order::Next]);
    }

    /// What is said of a recording of `provider` that holds this.
    fn refused(provider: &str, format: Format, message: &[u8]) -> String {
        let mut file = std::io::Cursor::new(Vec::new());
        let header = Header::new(Name::new(provider).unwrap(), format, "a test", None);
        let mut writer = Writer::new(&mut file, header).unwrap();
        writer.write(0, message).unwrap();
        writer.finish().unwrap();
        let found = inspect(&mut Reader::new(&file.get_ref()[..]).unwrap()).unwrap();
        assert_eq!((found.messages, found.refused), (1, found.refused_first.len() as u64));
        found.refused_first.first().map(|(_, why)| why.clone()).unwrap_or_default()
    }

    #[test]
    fn what_is_refused_of_any_format_is_said_with_why_and_where() {
        let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim().as_bytes();
        assert_eq!(refused("md", Format::Json, golden), "");
        assert_eq!(
            refused("nhl", Format::Json, golden),
            "it is one of `md`, and the feed is `nhl`'s",
            "whoever posts to /feeds/nhl is told so"
        );
        let key = "hi.-.live.bet_stop.4.md:match.7.-";
        let stop = |timestamp: &str| {
            format!(
                "{key} <bet_stop product=\"1\" event_id=\"md:match:7\" timestamp=\"{timestamp}\" groups=\"all\"/>"
            )
        };
        let of_uof = |line: &str| refused("uof", Format::Uof, line.as_bytes());
        assert_eq!(of_uof(&stop("1767225600000")), "");
        assert!(of_uof(&stop("noon")).contains("timestamp"), "{}", of_uof(&stop("noon")));
        assert!(of_uof("hi.live <a/>").starts_with("`hi.live`: "), "{}", of_uof("hi.live <a/>"));
        assert_eq!(of_uof("<bet_stop/>"), "there is no routing key before the document");
    }
}
