//! Elements with attributes, one within the other, on one line.

use std::fmt::{Display, Write as _};

/// Writes elements to the end of some bytes.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The elements that are open, the innermost last.
    open: Vec<&'static str>,
    /// Whether the innermost may still get attributes.
    is_in_tag: bool,
    value: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, open: Vec::with_capacity(4), is_in_tag: false, value: String::new() }
    }

    /// Begins an element.
    pub(super) fn open(&mut self, name: &'static str) {
        self.end_tag();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.open.push(name);
        self.is_in_tag = true;
    }

    /// Ends the innermost element.
    pub(super) fn close(&mut self) {
        let name = self.open.pop().expect("what is closed was opened");
        if std::mem::take(&mut self.is_in_tag) {
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'>');
        }
    }

    /// Gives the innermost element an attribute; none of its children may be there yet.
    pub(super) fn attribute(&mut self, name: &str, value: &impl Display) {
        debug_assert!(self.is_in_tag, "attributes stand before children");
        self.value.clear();
        write!(self.value, "{value}").expect("a string takes everything");
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        for byte in self.value.bytes() {
            match byte {
                b'&' => self.out.extend_from_slice(b"&amp;"),
                b'<' => self.out.extend_from_slice(b"&lt;"),
                b'>' => self.out.extend_from_slice(b"&gt;"),
                b'"' => self.out.extend_from_slice(b"&quot;"),
                byte => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }

    /// An attribute where there is a value.
    pub(super) fn optional(&mut self, name: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.attribute(name, value);
        }
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.is_in_tag) {
            self.out.push(b'>');
        }
    }
}
