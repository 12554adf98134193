//! The elements of a JSON array: what stands between commas that are in no string and in no bracket.
//!
//! The array ends with the body's last bracket, so a closing bracket too many belongs to the element in which it
//! stands. Where brackets or quotes never close, the rest belongs to that element.

use super::{Batch, Fault, SplitError, trim};

/// Gives every element of the array whose opening bracket stands before `start`.
pub(super) fn split(body: &[u8], start: usize, batch: &mut Batch) -> Result<(), SplitError> {
    let inside = trim(body, start..body.len());
    let is_closed = body[inside.clone()].ends_with(b"]");
    let end = if is_closed { inside.end - 1 } else { inside.end };
    if is_closed && trim(body, start..end).is_empty() {
        return Ok(());
    }
    let mut from = start;
    loop {
        let Element { length, is_open } = scan(&body[from..end]);
        let element = trim(body, from..from + length);
        let is_last = from + length == end;
        let is_missing = is_last && !is_closed && element.is_empty();
        let fault = match is_open {
            true => Some(Fault::Unterminated),
            false => is_missing.then_some(Fault::MissingEnd),
        };
        batch.push(element, fault)?;
        if is_last && fault.is_none() && !is_closed {
            batch.push(end..end, Some(Fault::MissingEnd))?;
        }
        if is_last {
            return Ok(());
        }
        from += length + 1;
    }
}

/// An element with the white space around it.
struct Element {
    /// Up to its comma, or to the end.
    length: usize,
    /// Whether a bracket or a quote was still open at the end.
    is_open: bool,
}

/// What a byte is outside strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Quote,
    Open,
    Close,
    Comma,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    classes[b'"' as usize] = Class::Quote;
    classes[b'{' as usize] = Class::Open;
    classes[b'[' as usize] = Class::Open;
    classes[b'}' as usize] = Class::Close;
    classes[b']' as usize] = Class::Close;
    classes[b',' as usize] = Class::Comma;
    classes
};

/// The element at the beginning of `text`.
fn scan(text: &[u8]) -> Element {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match CLASSES[usize::from(byte)] {
            Class::Plain => {}
            Class::Quote => match after_string(text, at) {
                Some(after) => at = after,
                None => return Element { length: text.len(), is_open: true },
            },
            Class::Open => depth += 1,
            Class::Close => depth = depth.saturating_sub(1),
            Class::Comma if depth == 0 => return Element { length: at - 1, is_open: false },
            Class::Comma => {}
        }
    }
    Element { length: text.len(), is_open: depth > 0 }
}

/// Behind the string whose opening quote stands before `from`.
fn after_string(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}
