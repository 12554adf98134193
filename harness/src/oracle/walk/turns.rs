//! Versions that no message led to: what was declared because of what was not heard.

use super::Walk;
use crate::anomaly::Kind;
use crate::oracle::entry::Cause;
use crate::oracle::gap::Declared;
use crate::oracle::said;

impl Walk<'_> {
    /// No message led to it.
    pub(super) fn turn(&mut self, version: u64, cause: &Cause, at: i64) {
        let is_of_source = cause.provider == self.told.source.0 && cause.producer == self.told.source.1;
        let silences = self.silences_until(at);
        let is_right = is_of_source
            && match &*cause.kind {
                "gap" => self.told.may_have_gap,
                "producer_down" => !self.is_down && self.downs < silences,
                // Where nothing was open when it went down, nothing was said of that.
                "producer_up" => {
                    silences > 0
                        && (!self.told.is_counted || self.heard.may_be_up(&self.told.source, Some(at)))
                }
                _ => false,
            };
        // Since when something was missing is known when the whole log is.
        if !(is_right && cause.kind == "gap") {
            let must_be = ("nothing was missing", "declared");
            self.hold(Kind::FalseGap, Some(version), is_right, &cause.kind, must_be);
        }
        match &*cause.kind {
            "gap" => {
                self.reach_stops();
                self.gaps.push(Declared { version, at, missing: self.next });
                self.gap = Some((self.next, self.last_come_with(self.next)));
            }
            "producer_down" => {
                self.is_down = true;
                self.downs += 1;
            }
            "producer_up" => self.is_down = false,
            _ => {}
        }
    }

    /// How often its producer may have been taken for silent until then. One whose messages have no sequence is down until its
    /// recoveries are over, too.
    pub(super) fn silences_until(&self, at: i64) -> usize {
        if !self.told.is_counted {
            return usize::MAX;
        }
        let planned = if self.oracle.silent.contains(&self.told.source) { usize::MAX } else { 0 };
        self.heard.silences(&self.told.source, at).unwrap_or(planned)
    }

    /// The last message that had come when this one did: those due until then wait for it.
    fn last_come_with(&self, turn: usize) -> usize {
        let Some(line) = self.told.lines.get(turn) else { return usize::MAX };
        let due = self.schedule.offset_ns(*line as usize);
        let is_due = |line: &u32| self.schedule.offset_ns(*line as usize) <= due;
        self.told.lines.iter().rposition(is_due).unwrap_or(turn)
    }

    /// Something must have been missing when a gap was declared, for as long as is waited for it.
    pub(super) fn hold_gap(&mut self, gap: &Declared) {
        let appended_at = |line| {
            let (id, ..) = said(self.schedule, line)?;
            self.heard.messages?.get(id.as_str()).map(|appended| appended.at_ms * 1_000)
        };
        let fault = gap.fault(self.told, &self.trace, self.heard, appended_at);
        let found = fault.as_deref().unwrap_or_default();
        let must_be = ("declared once it was waited long enough for what was missing", found);
        self.hold(Kind::FalseGap, Some(gap.version), fault.is_none(), "gap", must_be);
    }
}
