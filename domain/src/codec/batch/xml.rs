//! The children of the root element `messages`.
//!
//! A child lasts to the end tag of its own name. What is wrong inside it cannot reach beyond, because a message has
//! three signs that nothing inside a message has: a start tag with the attribute `message_id` begins the next one,
//! `</messages>` ends the batch, and a `<` in a tag or in an attribute's value ends that tag. A comment, a CDATA section
//! or a processing instruction may hold such signs, but only where it ends before another of its kind begins.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use super::{Batch, Fault, SplitError, trim};

/// The root element of a batch.
const ROOT: &[u8] = b"messages";

/// The attribute that every message has and nothing else.
const MESSAGE_ID: &[u8] = b"message_id";

/// Gives every child of the root element; false if the body is no batch: its codec says what it is.
pub(super) fn split(body: &[u8], start: usize, batch: &mut Batch) -> Result<bool, SplitError> {
    if let Some(encoding) = declared_encoding(&body[start..]) {
        return Err(SplitError::Encoding(encoding));
    }
    let Some(prolog) = Outside::read(body, start).filter(|prolog| is_root(body, prolog.end)) else {
        return Ok(false);
    };
    let root = Tag::read(body, prolog.end);
    if !root.is_whole {
        return Ok(false);
    }
    let is_declaration = |range: &Range<usize>| range.start == start && name(body, start + 2) == b"xml";
    for instruction in prolog.instructions.into_iter().filter(|range| !is_declaration(range)) {
        batch.push(instruction, Some(Fault::Between))?;
    }
    if !root.is_empty_element {
        children(body, root.end, batch)?;
    }
    Ok(true)
}

/// Whether the start tag of a message stands at `at`.
pub(super) fn begins_message(body: &[u8], at: usize) -> bool {
    body.get(at) == Some(&b'<') && Tag::read(body, at).has_message_id
}

/// Whether the start tag of a batch stands at `at`.
fn is_root(body: &[u8], at: usize) -> bool {
    body.get(at) == Some(&b'<') && name(body, at + 1) == ROOT
}

fn children(body: &[u8], start: usize, batch: &mut Batch) -> Result<(), SplitError> {
    let mut at = start;
    while let Some(next) = next_markup(body, at) {
        between(body, at..next, batch)?;
        let (end, fault) = match Markup::read(body, next) {
            Markup::Skipped(Some(end)) if body[next..].starts_with(b"<!--") => {
                at = end;
                continue;
            }
            Markup::Skipped(Some(end)) => (end, Some(Fault::Between)),
            Markup::Skipped(None) => (next_sign(body, next), Some(Fault::Unterminated)),
            Markup::Declaration(tag) => (tag.end, Some(Fault::Between)),
            Markup::End(tag) => {
                let behind = if name(body, next + 2) == ROOT && tag.is_whole {
                    Outside::read(body, tag.end).filter(|outside| outside.end == body.len())
                } else {
                    None
                };
                if let Some(epilog) = behind {
                    return epilog
                        .instructions
                        .into_iter()
                        .try_for_each(|range| batch.push(range, Some(Fault::Between)));
                }
                (tag.end, Some(Fault::StrayEnd))
            }
            Markup::Start(tag) => element(body, next, &tag),
        };
        batch.push(trim(body, next..end), fault)?;
        at = end;
    }
    between(body, at..body.len(), batch)?;
    match batch.pieces.last() {
        // The rest of the body belongs to it: that the batch does not end either would say the same twice.
        Some(last) if last.fault == Some(Fault::Unterminated) => Ok(()),
        _ => batch.push(body.len()..body.len(), Some(Fault::MissingEnd)),
    }
}

/// Text between messages is white space, or it is refused.
fn between(body: &[u8], range: Range<usize>, batch: &mut Batch) -> Result<(), SplitError> {
    let text = trim(body, range);
    if text.is_empty() { Ok(()) } else { batch.push(text, Some(Fault::Between)) }
}

/// Where the element ends that begins at `start` with the tag `first`.
fn element(body: &[u8], start: usize, first: &Tag) -> (usize, Option<Fault>) {
    if first.is_empty_element {
        return (first.end, None);
    }
    let own = name(body, start + 1);
    let mut depth = 1_usize;
    let mut at = first.end;
    while let Some(next) = next_markup(body, at) {
        at = match Markup::read(body, next) {
            Markup::Skipped(Some(end)) => end,
            Markup::Skipped(None) => return (next_sign(body, next), Some(Fault::Unterminated)),
            Markup::Declaration(tag) => tag.end,
            Markup::End(tag) => {
                let ended = name(body, next + 2);
                if ended == ROOT {
                    return (next, Some(Fault::Unterminated));
                }
                depth -= usize::from(ended == own);
                if depth == 0 {
                    return (tag.end, (!tag.is_whole).then_some(Fault::Unterminated));
                }
                tag.end
            }
            Markup::Start(tag) => {
                if tag.has_message_id {
                    return (next, Some(Fault::Unterminated));
                }
                depth += usize::from(!tag.is_empty_element && name(body, next + 1) == own);
                tag.end
            }
        };
    }
    (body.len(), Some(Fault::Unterminated))
}

/// Where the next message begins or the batch ends behind the markup at `from`, which does not end and hides nothing.
fn next_sign(body: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(next) = next_markup(body, at) {
        let tag = Tag::read(body, next);
        match body.get(next + 1) {
            Some(b'!' | b'?') => {}
            Some(b'/') if name(body, next + 2) == ROOT => return next,
            Some(b'/') | None => {}
            Some(_) if tag.has_message_id => return next,
            Some(_) => {}
        }
        at = next + 1;
    }
    body.len()
}

/// What begins with `<`.
enum Markup {
    /// A comment, a processing instruction or a CDATA section, with its end; none if another of its kind or the body's
    /// end comes first.
    Skipped(Option<usize>),
    /// `<!` and anything else.
    Declaration(Tag),
    Start(Tag),
    End(Tag),
}

impl Markup {
    /// Reads what stands at `at`, which is a `<`.
    fn read(body: &[u8], at: usize) -> Self {
        let rest = &body[at..];
        for (begin, end) in [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")] {
            if rest.starts_with(begin) {
                return Self::Skipped(section(body, at, begin, end));
            }
        }
        let tag = Tag::read(body, at);
        match rest.get(1) {
            Some(b'/') => Self::End(tag),
            Some(b'!') => Self::Declaration(tag),
            _ => Self::Start(tag),
        }
    }
}

/// What of a tag matters.
struct Tag {
    /// Behind its `>`; of one that is not whole, where the next markup begins, or the end of the body.
    end: usize,
    /// Whether it has its `>`.
    is_whole: bool,
    /// Whether it ends with `/>`.
    is_empty_element: bool,
    /// Whether it has the attribute that begins a message.
    has_message_id: bool,
}

impl Tag {
    /// Reads the tag whose `<` stands at `start`.
    fn read(body: &[u8], start: usize) -> Self {
        let mut has_message_id = false;
        let mut at = start + 1;
        let broken =
            |end, has_message_id| Self { end, is_whole: false, is_empty_element: false, has_message_id };
        while let Some(&byte) = body.get(at) {
            match byte {
                b'>' => {
                    let is_empty_element = body[at - 1] == b'/';
                    return Self { end: at + 1, is_whole: true, is_empty_element, has_message_id };
                }
                b'<' => return broken(at, has_message_id),
                b'"' | b'\'' => {
                    has_message_id |= is_value_of_message_id(&body[start..at]);
                    match memchr2(byte, b'<', &body[at + 1..]).map(|length| at + 1 + length) {
                        Some(end) if body[end] == byte => at = end + 1,
                        Some(end) => return broken(end, has_message_id),
                        None => break,
                    }
                }
                _ => at += 1,
            }
        }
        broken(body.len(), has_message_id)
    }
}

/// Whether a quote behind `before` opens the value of `message_id`.
fn is_value_of_message_id(before: &[u8]) -> bool {
    let name = before.trim_ascii_end().strip_suffix(b"=").map(<[u8]>::trim_ascii_end);
    let ahead = name.and_then(|name| name.strip_suffix(MESSAGE_ID));
    ahead.and_then(<[u8]>::last).is_some_and(u8::is_ascii_whitespace)
}

/// What may stand before and behind the root element.
struct Outside {
    /// Behind white space, comments and processing instructions.
    end: usize,
    /// The processing instructions among them.
    instructions: Vec<Range<usize>>,
}

impl Outside {
    /// What stands at `start`; none if something of it does not end.
    fn read(body: &[u8], start: usize) -> Option<Self> {
        let mut at = start;
        let mut instructions = Vec::new();
        loop {
            let rest = body[at..].trim_ascii_start();
            at = body.len() - rest.len();
            if rest.starts_with(b"<!--") {
                at = section(body, at, b"<!--", b"-->")?;
            } else if rest.starts_with(b"<?") {
                let end = section(body, at, b"<?", b"?>")?;
                instructions.push(at..end);
                at = end;
            } else {
                return Some(Self { end: at, instructions });
            }
        }
    }
}

/// The encoding that an XML declaration names, where it is neither UTF-8 nor ASCII, which is part of it.
fn declared_encoding(text: &[u8]) -> Option<String> {
    let declaration = text.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memmem::find(declaration, b"?>")?];
    let value = &declaration[memmem::find(declaration, b"encoding")? + b"encoding".len()..];
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(**quote, b'"' | b'\''))?;
    let value = &value[..memchr(*quote, value)?];
    let is_known = [&b"utf-8"[..], b"us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known));
    (!is_known).then(|| {
        value.iter().take(32).map(|byte| char::from(*byte)).collect::<String>().escape_default().to_string()
    })
}

/// The name that begins at `at`.
fn name(body: &[u8], at: usize) -> &[u8] {
    let rest = body.get(at..).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'<');
    &rest[..rest.iter().position(ends).unwrap_or(rest.len())]
}

fn next_markup(body: &[u8], from: usize) -> Option<usize> {
    memchr(b'<', &body[from..]).map(|at| from + at)
}

/// Behind the `end` of what begins at `at` with `begin`; none if another one begins before.
fn section(body: &[u8], at: usize, begin: &[u8], end: &[u8]) -> Option<usize> {
    let content = &body[at + begin.len()..];
    let content = &content[..memmem::find(content, begin).unwrap_or(content.len())];
    memmem::find(content, end).map(|length| at + begin.len() + length + end.len())
}
