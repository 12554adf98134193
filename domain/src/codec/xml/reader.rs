//! A pull reader that knows elements and attributes only, keeps to limits, and says where it stumbled.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::{AttrError, Attributes};
use quick_xml::events::{BytesDecl, Event};
use serde::de::DeserializeOwned;

use super::place::Place;
use super::{DecodeError, value};
use crate::limit::{XML_ATTRIBUTES_MAX, XML_DEPTH_MAX};

/// What was read, or what is wrong.
pub(in crate::codec) type Read<T> = Result<T, Box<Fault>>;

/// What is wrong, and at which byte; the rest of the place is found only where it is told.
#[derive(Debug)]
pub(in crate::codec) struct Fault {
    at: usize,
    /// The part of the element there that is meant: `@odds`, `score`.
    step: String,
    detail: String,
    is_syntax: bool,
}

/// How much of a detail is told, in bytes: it may quote what the sender wrote.
const DETAIL_BYTES_MAX: usize = 512;

impl Fault {
    fn syntax(at: usize, detail: impl ToString) -> Box<Self> {
        Box::new(Self { at, step: String::new(), detail: detail.to_string(), is_syntax: true })
    }

    /// Something of this schema is wrong with the element at `at`, or with its part `step`.
    pub(in crate::codec) fn schema(at: usize, step: impl Into<String>, detail: impl ToString) -> Box<Self> {
        Box::new(Self { at, step: step.into(), detail: detail.to_string(), is_syntax: false })
    }

    /// After `text` comes a byte that is not UTF-8.
    pub(in crate::codec) fn encoding(text: &str, byte: u8) -> Box<Self> {
        Self::syntax(
            text.len(),
            format_args!("the byte 0x{byte:02x} is not UTF-8, and no other encoding is read"),
        )
    }

    /// The error with its place in `text`.
    pub(in crate::codec) fn locate(self, text: &str) -> DecodeError {
        let Self { at, step, mut detail, is_syntax } = self;
        if detail.len() > DETAIL_BYTES_MAX {
            detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
            detail.push('…');
        }
        let place = Place::of(text, at, &step);
        if is_syntax { DecodeError::Syntax { detail, place } } else { DecodeError::Schema { detail, place } }
    }
}

struct Attribute<'t> {
    name: &'t str,
    value: Cow<'t, str>,
    at: usize,
}

/// Reads a document element by element: the attributes are those of the element that was entered last, so an
/// element's attributes are read before its children.
pub(in crate::codec) struct Reader<'t> {
    text: &'t str,
    events: quick_xml::Reader<&'t [u8]>,
    attributes: Vec<Attribute<'t>>,
    /// Where the attribute read next will stand, if they come in the order in which they are asked for.
    expected: usize,
    /// Of each attribute a bit that says whether it was asked for.
    asked: u64,
    element_at: usize,
    /// Whether the element entered last has no content, and so no end tag of its own.
    is_empty: bool,
    depth: usize,
}

impl<'t> Reader<'t> {
    pub(in crate::codec) fn new(text: &'t str) -> Self {
        let mut events = quick_xml::Reader::from_str(text);
        events.config_mut().check_comments = true;
        let attributes = Vec::with_capacity(16);
        Self { text, events, attributes, expected: 0, asked: 0, element_at: 0, is_empty: false, depth: 0 }
    }

    /// Enters the document's element and gives its name.
    pub(in crate::codec) fn root(&mut self) -> Read<&'t str> {
        if !self.text.starts_with(['<', ' ', '\t', '\r', '\n']) {
            return Err(Fault::syntax(0, "a document begins with `<`"));
        }
        loop {
            let at = self.position();
            match self.event()? {
                Event::Decl(declaration) if at == 0 => check_declaration(&declaration)?,
                Event::Start(_) => return self.enter(at, false),
                Event::Empty(_) => return self.enter(at, true),
                Event::Eof => return Err(Fault::syntax(at, "the document has no element")),
                other => self.pass_over(at, &other, false)?,
            }
        }
    }

    /// Makes sure that nothing follows the document's element.
    pub(in crate::codec) fn end(&mut self) -> Read<()> {
        loop {
            let at = self.position();
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Start(_) | Event::Empty(_) => {
                    return Err(Fault::syntax(at, "a second element follows the document's one"));
                }
                other => self.pass_over(at, &other, false)?,
            }
        }
    }

    /// Enters the next child of the element entered last that has not ended yet, and gives its name; `None` ends
    /// that element. What is entered must be read to its end: by this, by [`Self::close`] or by [`Self::skip`].
    pub(in crate::codec) fn next_child(&mut self) -> Read<Option<&'t str>> {
        self.advance(false)
    }

    /// Ends an element of which no children are known.
    pub(in crate::codec) fn close(&mut self) -> Read<()> {
        while self.advance(false)?.is_some() {
            self.skip()?;
        }
        Ok(())
    }

    /// Passes over an element that is not known, whatever is in it.
    pub(in crate::codec) fn skip(&mut self) -> Read<()> {
        while self.advance(true)?.is_some() {
            self.skip()?;
        }
        Ok(())
    }

    /// Reads a child that may stand there once.
    pub(in crate::codec) fn once<T>(
        &mut self,
        slot: &mut Option<T>,
        read: fn(&mut Self) -> Read<T>,
    ) -> Read<()> {
        if slot.is_some() {
            return Err(Fault::schema(self.element_at, "", "this element stands there twice"));
        }
        *slot = Some(read(self)?);
        Ok(())
    }

    /// Where the element entered last begins.
    pub(in crate::codec) fn element_at(&self) -> usize {
        self.element_at
    }

    /// The value of an attribute of the element entered last.
    pub(in crate::codec) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Read<T> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => Err(self.lacks(name)),
        }
    }

    /// That the element entered last lacks an attribute.
    pub(in crate::codec) fn lacks(&self, name: &str) -> Box<Fault> {
        let detail = format_args!("missing attribute `{name}`");
        Fault::schema(self.element_at, format!("@{name}"), detail)
    }

    /// The value of an attribute of the element entered last, where it has it.
    pub(in crate::codec) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Read<Option<T>> {
        let Some(attribute) = self.attribute(name) else { return Ok(None) };
        match value::read(&attribute.value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Fault::schema(attribute.at, format!("@{name}"), error)),
        }
    }

    /// The text of an attribute of the element entered last, where it has it.
    pub(in crate::codec) fn text(&mut self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| &*attribute.value)
    }

    /// The value of an attribute of the element entered last as `parse` reads its text, where it has it and it is not
    /// empty.
    pub(in crate::codec) fn parsed<T, E: ToString>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        let Some(attribute) = self.attribute(name) else { return Ok(None) };
        if attribute.value.is_empty() {
            return Ok(None);
        }
        match parse(&attribute.value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Fault::schema(attribute.at, format!("@{name}"), error)),
        }
    }

    /// The names of the attributes of the element entered last that nobody asked for.
    pub(in crate::codec) fn unasked(&self) -> impl Iterator<Item = &'t str> + '_ {
        let asked = self.asked;
        let unasked = self.attributes.iter().enumerate().filter(move |(place, _)| asked & (1 << place) == 0);
        unasked.map(|(_, attribute)| attribute.name)
    }

    /// That something is wrong with the value of an attribute of the element entered last.
    pub(in crate::codec) fn wrong(&mut self, name: &str, detail: impl ToString) -> Box<Fault> {
        let at = self.attribute(name).map(|attribute| attribute.at);
        Fault::schema(at.unwrap_or(self.element_at), format!("@{name}"), detail)
    }

    fn attribute(&mut self, name: &str) -> Option<&Attribute<'t>> {
        let has_name = |attribute: &Attribute| attribute.name == name;
        let place = match self.attributes.get(self.expected) {
            Some(attribute) if has_name(attribute) => self.expected,
            _ => self.attributes.iter().position(has_name)?,
        };
        self.expected = place + 1;
        self.asked |= 1 << place;
        self.attributes.get(place)
    }

    fn advance(&mut self, may_have_text: bool) -> Read<Option<&'t str>> {
        if self.is_empty {
            self.is_empty = false;
            self.depth -= 1;
            return Ok(None);
        }
        loop {
            let at = self.position();
            match self.event()? {
                Event::Start(_) => return self.enter(at, false).map(Some),
                Event::Empty(_) => return self.enter(at, true).map(Some),
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(None);
                }
                Event::Eof => return Err(Fault::syntax(at, "the document ends within an element")),
                other => self.pass_over(at, &other, may_have_text)?,
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.events.buffer_position()).expect("a place in a slice")
    }

    fn event(&mut self) -> Read<Event<'t>> {
        self.events.read_event().map_err(|error| {
            let at = usize::try_from(self.events.error_position()).expect("a place in a slice");
            Fault::syntax(at, error)
        })
    }

    /// What is neither an element nor its end: comments and space between elements, and what is refused.
    fn pass_over(&self, at: usize, event: &Event, may_have_text: bool) -> Read<()> {
        match event {
            Event::Comment(_) => Ok(()),
            Event::Text(_) if self.text[at..self.position()].bytes().all(is_space) => Ok(()),
            Event::Text(_) | Event::CData(_) if may_have_text => Ok(()),
            Event::GeneralRef(reference) if may_have_text => {
                check_reference(reference).map_err(|detail| Fault::syntax(at, detail))
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) if self.depth == 0 => {
                Err(Fault::syntax(at, "there is text outside the document's element"))
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                Err(Fault::schema(at, "text()", "this element has attributes and children, no text"))
            }
            Event::DocType(_) => Err(Fault::syntax(at, "document types are not taken")),
            Event::PI(_) => Err(Fault::syntax(at, "processing instructions are not taken")),
            _ => Err(Fault::syntax(at, "this may not stand here")),
        }
    }

    /// Takes the start tag that begins at `at` and has just been read, and gives its name.
    fn enter(&mut self, at: usize, is_empty: bool) -> Read<&'t str> {
        let end = self.position() - if is_empty { "/>".len() } else { ">".len() };
        let text = self.text;
        let tag = &text[at + 1..end];
        let name_bytes = tag.bytes().position(is_space).unwrap_or(tag.len());
        let name = &tag[..name_bytes];
        if !is_name(name) {
            return Err(Fault::syntax(at, "this is no name of an element"));
        }
        if self.depth == XML_DEPTH_MAX {
            return Err(Fault::syntax(at, format_args!("elements stand in each other {XML_DEPTH_MAX} deep")));
        }
        self.depth += 1;
        self.is_empty = is_empty;
        self.element_at = at;
        (self.expected, self.asked) = (0, 0);
        self.attributes.clear();
        let mut attributes = Attributes::new(tag, name_bytes);
        for attribute in attributes.with_checks(false) {
            let attribute = attribute.map_err(|error| attribute_fault(at + 1, &error))?;
            let offset = attribute.key.0.as_ptr().addr() - text.as_ptr().addr();
            let Cow::Borrowed(value) = attribute.value else { unreachable!("read from borrowed text") };
            self.take_attribute(offset, attribute.key.0, value)?;
        }
        Ok(name)
    }

    fn take_attribute(&mut self, at: usize, name: &'t str, raw: &'t str) -> Read<()> {
        let syntax = |detail: &str| Err(Fault::syntax(at, detail));
        if !is_name(name) {
            return syntax("this is no name of an attribute");
        }
        if !self.text.as_bytes()[..at].last().copied().is_some_and(is_space) {
            return syntax("there is no space before this attribute");
        }
        // Behind a broken message it is the sign by which a batch finds the next one.
        if self.depth > 1 && name == "message_id" {
            return syntax("only a message has a `message_id`, and no message stands in another");
        }
        if self.attributes.iter().any(|before| before.name == name) {
            return syntax("this attribute stands there twice");
        }
        if self.attributes.len() == XML_ATTRIBUTES_MAX {
            return Err(Fault::syntax(
                at,
                format_args!("an element has over {XML_ATTRIBUTES_MAX} attributes"),
            ));
        }
        let value = if raw.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'\t' | b'\r' | b'\n')) {
            if raw.contains('<') {
                return syntax("the value of this attribute holds a `<`");
            }
            let attribute = quick_xml::events::attributes::Attribute {
                key: quick_xml::name::QName(name),
                value: Cow::Borrowed(raw),
            };
            let normalized = attribute.normalized_value(XmlVersion::Implicit1_0);
            Cow::Owned(normalized.map_err(|error| Fault::syntax(at, error))?.into_owned())
        } else {
            Cow::Borrowed(raw)
        };
        self.attributes.push(Attribute { name, value, at });
        Ok(())
    }
}

fn check_declaration(declaration: &BytesDecl) -> Read<()> {
    let version = declaration.version().map_err(|error| Fault::syntax(0, error))?;
    if version != "1.0" {
        return Err(Fault::syntax(0, format_args!("XML {version} is not read; XML 1.0 is")));
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") || is_ascii(&encoding) => Ok(()),
        Some(Ok(encoding)) => {
            Err(Fault::syntax(0, format_args!("the encoding `{encoding}` is not read; UTF-8 is")))
        }
        Some(Err(error)) => Err(Fault::syntax(0, error)),
    }
}

/// ASCII is UTF-8, too.
fn is_ascii(encoding: &str) -> bool {
    encoding.eq_ignore_ascii_case("us-ascii")
}

fn check_reference(name: &str) -> Result<(), String> {
    let text = format!("&{name};");
    quick_xml::escape::unescape(&text).map(drop).map_err(|error| error.to_string())
}

fn attribute_fault(tag_at: usize, error: &AttrError) -> Box<Fault> {
    let (place, detail) = match *error {
        AttrError::ExpectedEq(place) => (place, "an attribute has no value"),
        AttrError::ExpectedValue(place) => (place, "an attribute has no value"),
        AttrError::UnquotedValue(place) => (place, "a value stands without quotes"),
        AttrError::ExpectedQuote(place, _) => (place, "a value has no closing quote"),
        AttrError::Duplicated(place, _) => (place, "this attribute stands there twice"),
    };
    Fault::syntax(tag_at + place, detail)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a text may be a name: of ASCII what XML allows, and all beyond it.
fn is_name(text: &str) -> bool {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | 0x80..);
    let goes_on = |byte: u8| starts(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    text.bytes().next().is_some_and(starts) && text.bytes().all(goes_on)
}
