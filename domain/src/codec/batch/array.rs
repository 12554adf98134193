//! The elements of a JSON array, whatever is wrong with some of them.
//!
//! What is JSON ends where JSON says. What is not has no sure end, for its brackets or quotes may be what is wrong: it
//! lasts to the next comma that is in no string and in no bracket, or to the sign that the next message begins,
//! whatever is still open: a `{` and the name of a field of the envelope.

use serde::de::IgnoredAny;

use super::{Batch, Fault, SplitError, trim};

/// The fields of a message's envelope: with one of them a message begins.
pub(super) const ENVELOPE: [&[u8]; 14] = [
    b"schema",
    b"message_id",
    b"provider",
    b"producer",
    b"sport",
    b"event_id",
    b"epoch",
    b"sequence",
    b"type",
    b"request_id",
    b"occurred_at",
    b"generated_at",
    b"received_at",
    b"body",
];

/// Gives every element of the array whose opening bracket stands before `start`. The array ends with the body's last
/// bracket; what stands behind an earlier one costs the message before it nothing.
pub(super) fn split(body: &[u8], start: usize, batch: &mut Batch) -> Result<(), SplitError> {
    let inside = trim(body, start..body.len());
    let is_closed = body[inside.clone()].ends_with(b"]");
    let text = &body[..if is_closed { inside.end - 1 } else { inside.end }];
    let missing_end = (!is_closed).then_some(Fault::MissingEnd);
    let mut values = Values { text, read_in_vain: 0 };
    let mut at = skip_space(text, start);
    if is_closed && at == text.len() {
        return Ok(());
    }
    while at < text.len() {
        let next = match values.end_of(at) {
            Some(end) => {
                batch.push(at..end, None)?;
                behind(text, end, batch)?
            }
            None => {
                let broken = values.broken(at);
                batch.push(at..broken.end, broken.fault)?;
                broken.next
            }
        };
        match next {
            Some(next) => at = skip_space(text, next),
            // That the batch does not end either would say the same twice.
            None if is_closed || batch.pieces.last().is_some_and(|last| last.fault.is_some()) => {
                return Ok(());
            }
            None => at = text.len(),
        }
    }
    batch.push(at..at, missing_end)
}

/// Where the element after the one that ended at `end` may begin; none if there is none.
fn behind(text: &[u8], end: usize, batch: &mut Batch) -> Result<Option<usize>, SplitError> {
    let at = skip_space(text, end);
    match text.get(at) {
        None => Ok(None),
        Some(b',') => Ok(Some(at + 1)),
        Some(b']') => {
            let stray = Broken::read(text, at);
            batch.push(at..stray.end, Some(Fault::Between))?;
            Ok(stray.next)
        }
        Some(_) => {
            batch.push(at..at, Some(Fault::MissingComma))?;
            Ok(Some(at))
        }
    }
}

/// Reads the elements that are JSON.
struct Values<'a> {
    text: &'a [u8],
    /// Bytes that were read although their element then ended earlier. Once they are as many as the text has, nothing
    /// is read ahead any more: elements that are broken on purpose must not cost a look at all that follows them.
    read_in_vain: usize,
}

impl Values<'_> {
    /// Where the value ends that begins at `at`; none if there is none, or if it does not end its element.
    fn end_of(&mut self, at: usize) -> Option<usize> {
        if self.read_in_vain >= self.text.len() {
            return None;
        }
        let mut values = serde_json::Deserializer::from_slice(&self.text[at..]).into_iter::<IgnoredAny>();
        let end = match values.next()? {
            Ok(_) => at + values.byte_offset(),
            Err(error) => {
                self.read_in_vain += read_until(&self.text[at..], &error);
                return None;
            }
        };
        let behind = skip_space(self.text, end);
        let is_end = match self.text.get(behind) {
            None | Some(b',' | b']') => true,
            Some(_) => begins_message(self.text, behind),
        };
        if !is_end {
            self.read_in_vain += end - at;
        }
        is_end.then_some(end)
    }

    /// The element at `at`, which is no value.
    fn broken(&mut self, at: usize) -> Broken {
        let broken = Broken::read(self.text, at);
        self.read_in_vain = self.read_in_vain.saturating_sub(broken.end - at);
        broken
    }
}

/// How much of `text` was read before it turned out to be no value.
fn read_until(text: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line = match lines_before {
        0 => 0,
        count => memchr::memchr_iter(b'\n', text).nth(count - 1).map_or(text.len(), |end| end + 1),
    };
    (line + error.column()).min(text.len())
}

/// An element that is no JSON, or stands where none may.
struct Broken {
    /// Its end.
    end: usize,
    /// Where the next one may begin; none if there is none.
    next: Option<usize>,
    /// That it does not end, where a bracket or a quote is open.
    fault: Option<Fault>,
}

impl Broken {
    /// Finds the end of the element that begins at `start`.
    fn read(text: &[u8], start: usize) -> Self {
        let (mut depth, mut is_in_string) = (0_usize, false);
        let fault = |depth, is_in_string| (depth > 0 || is_in_string).then_some(Fault::Unterminated);
        let mut at = start;
        while let Some(&byte) = text.get(at) {
            match byte {
                // The quotes so far may be what is wrong, so a string hides no message.
                b'{' if at > start && begins_message(text, at) => {
                    let end = without_comma(text, start, at);
                    return Self { end, next: Some(at), fault: fault(depth, is_in_string) };
                }
                b'"' => is_in_string = !is_in_string,
                b'\\' if is_in_string => at += 1,
                _ if is_in_string => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => {
                    return Self { end: trim(text, start..at).end, next: Some(at + 1), fault: None };
                }
                _ => {}
            }
            at += 1;
        }
        Self { end: trim(text, start..text.len()).end, next: None, fault: fault(depth, is_in_string) }
    }
}

/// The end of what lasts from `start` to `end`, without the comma that separates it from what begins there.
fn without_comma(text: &[u8], start: usize, end: usize) -> usize {
    let range = trim(text, start..end);
    match text[range.clone()].strip_suffix(b",") {
        Some(rest) => start + rest.trim_ascii_end().len(),
        None => range.end,
    }
}

/// Whether a message begins with the `{` at `at`: it has a name of its envelope, and is no value of another name.
fn begins_message(text: &[u8], at: usize) -> bool {
    let Some(name) =
        text[at..].strip_prefix(b"{").and_then(|rest| rest.trim_ascii_start().strip_prefix(b"\""))
    else {
        return false;
    };
    let is_envelope = ENVELOPE.iter().any(|field| {
        let behind = name.strip_prefix(*field).and_then(|rest| rest.strip_prefix(b"\""));
        behind.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
    });
    is_envelope && !text[..at].trim_ascii_end().ends_with(b":")
}

fn skip_space(text: &[u8], from: usize) -> usize {
    text.len() - text[from..].trim_ascii_start().len()
}
