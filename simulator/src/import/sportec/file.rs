//! What is read of Sportec's event feed: each event with the elements in it, by name and attributes.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event as Xml};

use super::super::ImportError;

/// Elements that stand in each other.
const DEPTH_MAX: usize = 16;

/// One event.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) match_id: String,
    /// Microseconds since the Unix epoch.
    pub(super) at_micros: i64,
    /// The elements in it, from outside in.
    pub(super) elements: Vec<Element>,
}

/// An element and what is said with it.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: BTreeMap<String, String>,
}

impl Element {
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

impl Event {
    /// What it is, by its first element.
    pub(super) fn kind(&self) -> &str {
        self.elements.first().map_or("", |element| &element.name)
    }

    /// The first element of a name.
    pub(super) fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name)
    }

    /// The first value of an attribute, from outside in.
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        self.elements.iter().find_map(|element| element.get(attribute))
    }
}

/// The events of a document, in its order.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Event>, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::new(".", error))?;
    let mut reader = quick_xml::Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut events, mut depth) = (Vec::new(), 0_usize);
    loop {
        let at = reader.buffer_position();
        let wrong = |detail: String| ImportError::new(format!("byte {at}"), detail);
        match reader.read_event().map_err(|error| wrong(error.to_string()))? {
            Xml::Start(start) => {
                take(&start, depth, &mut events).map_err(wrong)?;
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(wrong(format!("over {DEPTH_MAX} elements stand in each other")));
                }
            }
            Xml::Empty(start) => take(&start, depth, &mut events).map_err(wrong)?,
            Xml::End(_) => depth = depth.saturating_sub(1),
            Xml::DocType(_) => return Err(wrong("a document type is not read".to_owned())),
            Xml::Eof if depth > 0 => return Err(wrong("it ends within an element".to_owned())),
            Xml::Eof => return Ok(events),
            _ => {}
        }
    }
}

/// An element at this depth: the root is at 0, its events at 1.
fn take(start: &BytesStart<'_>, depth: usize, events: &mut Vec<Event>) -> Result<(), String> {
    let mut element = Element { name: start.name().0.to_owned(), attributes: BTreeMap::new() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        element.attributes.insert(attribute.key.0.to_owned(), value.into_owned());
    }
    match depth {
        0 if element.name != "PutDataRequest" => {
            Err(format!("the root element is `{}`, not `PutDataRequest`", element.name))
        }
        1 if element.name == "Event" => {
            let required = |name: &str| element.get(name).ok_or_else(|| format!("an event has no `{name}`"));
            let time: jiff::Timestamp =
                required("EventTime")?.parse().map_err(|error| format!("EventTime: {error}"))?;
            let (id, match_id) = (required("EventId")?.to_owned(), required("MatchId")?.to_owned());
            events.push(Event { id, match_id, at_micros: time.as_microsecond(), elements: Vec::new() });
            Ok(())
        }
        0 | 1 => Ok(()),
        _ => {
            if let Some(event) = events.last_mut() {
                event.elements.push(element);
            }
            Ok(())
        }
    }
}
