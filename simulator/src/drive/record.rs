//! Recordings of what a drive sent: every message that went out, as it went, when it did.

use std::io::{Seek, Write};

use domain::Timestamp;

use super::DriveReport;
use crate::ledger::NEVER;
use crate::recording::{Header, RecordingError, Writer};
use crate::schedule::{Schedule, Times};

impl DriveReport {
    /// Writes what went to the header's provider in its format. What was sent again is written once; signs of life are not in
    /// it, nor messages that say that a game is abandoned.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn record_feed(
        &self,
        schedule: &Schedule,
        header: Header,
        out: impl Write + Seek,
    ) -> Result<Header, RecordingError> {
        let is_of_feed = schedule.is_of_feed(&header.provider, &header.content_type);
        let sent = &self.deliveries.sent_micros;
        let is_sent = |line: &usize| sent[*line] != NEVER && is_of_feed[schedule.channel(*line)];
        let mut lines: Vec<usize> = (0..schedule.len()).filter(is_sent).collect();
        lines.sort_by_key(|line| sent[*line]);
        let mut writer = Writer::new(out, header)?;
        let mut message = Vec::new();
        for line in lines {
            let micros = u64::try_from(sent[line]).unwrap_or_default();
            message.clear();
            schedule.write(line, times_of(self.timeline.started_at, self.made_micros[line]), &mut message);
            writer.write(micros.saturating_mul(1_000), &message)?;
        }
        writer.finish()
    }
}

/// The times with which a line went out that said it was made so long after the start.
pub(super) fn times_of(started_at: Timestamp, made_micros: i64) -> Times {
    match made_micros {
        NEVER => Times::AsWritten,
        made => Times::Generated(started_at.plus_micros(made)),
    }
}
