//! Where in a document something is wrong: found by reading it once more, so that reading it well costs nothing.

use std::collections::HashMap;
use std::fmt;

use quick_xml::Reader;
use quick_xml::events::Event;

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1. A byte-order mark is none.
    pub column: usize,
    /// The element or attribute there, or where it is missing: `/odds_change/market[2]/outcome[1]/@odds`. Elements
    /// are counted from 1 among those of the same name; empty before the first one.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " (`{}`)", self.path) }
    }
}

/// A name in a path longer than this, in bytes, is cut.
const NAME_BYTES_MAX: usize = 64;

impl Place {
    /// The place of byte `at`, and in the element there the part `step` (`score`, `@odds`), where one is meant.
    pub(super) fn of(text: &str, at: usize, step: &str) -> Self {
        let before = &text[..text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let mut path = path(text, at);
        if !step.is_empty() {
            path.push('/');
            path.push_str(step);
        }
        Self {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            path,
        }
    }
}

/// An element that is open, and how many children of each name it has had.
struct Open<'t> {
    step: String,
    children: HashMap<&'t str, usize>,
}

/// The elements that byte `at` stands in.
fn path(text: &str, at: usize) -> String {
    // A second mark is refused before any element, and the parser would not count it.
    if text.starts_with('\u{feff}') {
        return String::new();
    }
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open { step: String::new(), children: HashMap::new() }];
    loop {
        let start = position(&reader);
        let Ok(event) = reader.read_event() else { break };
        let end = position(&reader);
        if start > at || matches!(event, Event::Eof) {
            break;
        }
        match event {
            Event::Start(tag) => open_child(text, start, tag.name().as_ref().len(), &mut open),
            Event::Empty(tag) if end > at => open_child(text, start, tag.name().as_ref().len(), &mut open),
            Event::Empty(tag) => {
                open_child(text, start, tag.name().as_ref().len(), &mut open);
                open.pop();
            }
            Event::End(_) if end <= at => drop(open.pop()),
            _ => {}
        }
        if end > at {
            break;
        }
    }
    open.into_iter().map(|element| element.step).collect()
}

fn open_child<'t>(text: &'t str, start: usize, name_bytes: usize, open: &mut Vec<Open<'t>>) {
    let is_root = open.len() == 1;
    let Some(parent) = open.last_mut() else { return };
    let name = &text[start + 1..start + 1 + name_bytes];
    let count = parent.children.entry(name).or_default();
    *count += 1;
    let shown = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    let step = if is_root { format!("/{shown}") } else { format!("/{shown}[{count}]") };
    open.push(Open { step, children: HashMap::new() });
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).expect("a place in a slice")
}
