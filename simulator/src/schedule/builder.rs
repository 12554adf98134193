//! Schedules that are being filled, in any order.

use std::collections::HashMap;

use domain::{EventId, Name};

use super::{Channel, Line, Schedule, ScheduleError, Stamp, bytes_max};
use crate::format::{Envelope, Format};

/// A schedule that is being filled, in any order.
#[derive(Debug, Default)]
pub struct ScheduleBuilder {
    pub(super) channels: Vec<Channel>,
    /// Those about events by the event, those of a provider as a whole by the format.
    known: HashMap<(Name, Result<Box<str>, Format>), u32>,
    pub(super) lines: Vec<Line>,
    pub(super) bytes: Vec<u8>,
}

/// How a message is to be sent that is not simply due when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending<'a> {
    /// When it is due, in nanoseconds from the start.
    pub offset_ns: u64,
    /// How long before that it says it was made, in nanoseconds; below 0 where that is yet to come.
    pub late_ns: i64,
    /// The event whose order it keeps, whatever it says itself.
    pub event_id: Option<&'a str>,
    /// Whether it is sent byte for byte in any case: it may not be a message at all.
    pub is_fixed: bool,
}

impl ScheduleBuilder {
    /// Adds a message of `provider`'s feed. One that is not of its format can be sent, too: its channel is then the
    /// provider's and its times are left alone. XML goes without declaration and byte-order mark.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn push(
        &mut self,
        provider: &Name,
        format: Format,
        offset_ns: u64,
        message: &[u8],
    ) -> Result<(), ScheduleError> {
        if format == Format::Json && message.contains(&b'\n') {
            return Err(ScheduleError::LineFeed);
        }
        if message.trim_ascii().is_empty() {
            return Err(ScheduleError::Blank);
        }
        let message = format.in_batch(message);
        let envelope = format.envelope(message).unwrap_or_default();
        let stamps = stamps(format, &envelope, message);
        self.add(provider, format, offset_ns, envelope.event_id, stamps, message)
    }

    /// Adds a message that was made at another time than it is due, or that is none.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn push_as(
        &mut self,
        provider: &Name,
        format: Format,
        sending: &Sending,
        message: &[u8],
    ) -> Result<(), ScheduleError> {
        let Sending { offset_ns, late_ns, event_id, is_fixed } = *sending;
        if format == Format::Json && message.contains(&b'\n') {
            return Err(ScheduleError::LineFeed);
        }
        if is_fixed {
            return self.add(provider, format, offset_ns, event_id, [None; 2], message);
        }
        let message = format.in_batch(message);
        let mut stamps = stamps(format, &format.envelope(message).unwrap_or_default(), message);
        for stamp in stamps.iter_mut().flatten() {
            stamp.lag_micros = stamp.lag_micros.saturating_add(late_ns / 1_000);
        }
        self.add(provider, format, offset_ns, event_id, stamps, message)
    }

    fn add(
        &mut self,
        provider: &Name,
        format: Format,
        offset_ns: u64,
        event_id: Option<&str>,
        stamps: [Option<Stamp>; 2],
        message: &[u8],
    ) -> Result<(), ScheduleError> {
        let length = u32::try_from(message.len()).map_err(|_| ScheduleError::TooLarge)?;
        let channel = self.channel(provider, event_id.map(Box::from), format)?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.lines.push(Line { offset_ns, start, length, channel, is_sought: false, stamps });
        let bytes_max = bytes_max();
        if size_bytes(&self.lines, &self.bytes) > bytes_max {
            return Err(ScheduleError::Full(bytes_max));
        }
        u32::try_from(self.lines.len()).map(drop).map_err(|_| ScheduleError::TooLarge)
    }

    /// Whether the message that was added last is due at once, before a minute that is sought.
    pub(crate) fn last_is_sought(&mut self, is_sought: bool) {
        if let Some(last) = self.lines.last_mut() {
            last.is_sought = is_sought;
        }
    }

    /// The schedule: by due time, messages due at the same time in the order in which they were added.
    #[must_use]
    pub fn build(mut self) -> Schedule {
        self.lines.sort_by_key(|line| line.offset_ns);
        Schedule { channels: self.channels, lines: self.lines, bytes: self.bytes }
    }

    fn channel(
        &mut self,
        provider: &Name,
        event_id: Option<Box<str>>,
        format: Format,
    ) -> Result<u32, ScheduleError> {
        let mut key = (provider.clone(), event_id.ok_or(format));
        if let Some(&index) = self.known.get(&key) {
            let is_of_format = self.channels[index as usize].format == format;
            return if is_of_format { Ok(index) } else { Err(ScheduleError::Format) };
        }
        // What is no id names no event, though others may be called so, too.
        if key.1.as_ref().is_ok_and(|id| EventId::new(&**id).is_err()) {
            key.1 = Err(format);
            if let Some(&index) = self.known.get(&key) {
                return Ok(index);
            }
        }
        let index = u32::try_from(self.channels.len()).map_err(|_| ScheduleError::TooLarge)?;
        self.channels.push(Channel { provider: provider.clone(), event_id: key.1.clone().ok(), format });
        self.known.insert(key, index);
        Ok(index)
    }
}

/// The memory that messages take, in bytes.
pub(super) fn size_bytes(lines: &[Line], bytes: &[u8]) -> usize {
    size_of_val(lines) + bytes.len()
}

/// The times that can be rewritten; none where `generated_at` is missing or no number.
fn stamps(format: Format, envelope: &Envelope, message: &[u8]) -> [Option<Stamp>; 2] {
    let unit_micros = format.unit_micros();
    let number =
        |part: Option<&str>| part.and_then(|part| Some((part.parse::<i64>().ok()?, place(part, message)?)));
    let Some((generated_at, (at, length))) = number(envelope.generated_at) else { return [None; 2] };
    let generated = Stamp { at, length, lag_micros: 0, unit_micros };
    let occurred = number(envelope.occurred_at).map(|(occurred_at, (at, length))| Stamp {
        at,
        length,
        lag_micros: generated_at.saturating_sub(occurred_at).saturating_mul(unit_micros),
        unit_micros,
    });
    match occurred {
        Some(occurred) if occurred.at < generated.at => [Some(occurred), Some(generated)],
        occurred => [Some(generated), occurred],
    }
}

/// Where a borrowed part of `message` stands in it, and its length.
pub(super) fn place(part: &str, message: &[u8]) -> Option<(u32, u32)> {
    let at = part.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    Some((u32::try_from(at).ok()?, u32::try_from(part.len()).ok()?))
}
