//! Versions that no message led to: what was declared because of what was not heard.

use super::Walk;
use crate::anomaly::Kind;
use crate::oracle::entry::Cause;
use crate::oracle::gap::Declared;
use crate::oracle::said;
use crate::oracle::trace::Turn;

impl Walk<'_> {
    /// No message led to it.
    pub(super) fn turn(&mut self, version: u64, cause: &Cause, at: i64) {
        let is_of_source = cause.provider == self.told.source.0 && cause.producer == self.told.source.1;
        // Since when something was missing, and how late it could be noticed, is known when the whole log is.
        let declares = |is_down: bool, is_possible: bool| Turn {
            version,
            at,
            is_down,
            is_possible: is_of_source && is_possible,
            is_of_silence: cause.reason.as_deref().is_none_or(|reason| reason == "alive_interval"),
        };
        match &*cause.kind {
            "gap" => {
                self.reach_stops();
                if is_of_source && self.told.may_have_gap {
                    self.gaps.push(Declared { version, at, missing: self.next });
                } else {
                    self.hold_unfounded(version, &cause.kind);
                }
                self.gap = Some((self.next, self.last_come_with(self.next)));
            }
            "producer_down" => {
                self.trace.declared.push(declares(true, !self.is_down));
                self.is_down = true;
            }
            // Where nothing was open when it went down, nothing was said of that.
            "producer_up" => {
                let may_be_up = self.heard.may_be_up(&self.told.source, Some(at));
                self.trace.declared.push(declares(false, may_be_up));
                self.is_down = false;
            }
            _ => self.hold_unfounded(version, &cause.kind),
        }
    }

    fn hold_unfounded(&mut self, version: u64, kind: &str) {
        self.hold(Kind::FalseGap, Some(version), false, kind, ("nothing was missing", "declared"));
    }

    /// Whether its producer may have been taken for silent by then. One whose messages have no sequence is down until its
    /// recoveries are over, too.
    pub(super) fn may_have_been_silent(&self, at: i64) -> bool {
        let silences = self.heard.silences(&self.told.source);
        let is_planned = || self.oracle.silent.contains(&self.told.source);
        !self.told.is_counted
            || silences.map_or_else(is_planned, |silences| silences.iter().any(|silence| silence.due <= at))
    }

    /// The last message that had come when this one did: those due until then wait for it.
    fn last_come_with(&self, turn: usize) -> usize {
        let Some(line) = self.told.lines.get(turn) else { return usize::MAX };
        let due = self.schedule.offset_ns(*line as usize);
        let is_due = |line: &u32| self.schedule.offset_ns(*line as usize) <= due;
        self.told.lines.iter().rposition(is_due).unwrap_or(turn)
    }

    /// When a line's message came to lie in the feed topic.
    pub(super) fn appended_at(&self, line: u32) -> Option<i64> {
        let (id, ..) = said(self.schedule, line)?;
        self.heard.messages?.get(id.as_str()).map(|appended| appended.at_ms * 1_000)
    }

    /// Something must have been missing when a gap was declared, for as long as is waited for it.
    pub(super) fn hold_gap(&mut self, gap: &Declared) {
        let fault = gap.fault(self.told, &self.trace, self.heard, |line| self.appended_at(line));
        let found = fault.as_deref().unwrap_or_default();
        let must_be = ("declared once it was waited long enough for what was missing", found);
        self.hold(Kind::FalseGap, Some(gap.version), fault.is_none(), "gap", must_be);
    }
}
