//! What an update log must hold once it is over: everything that was told and accepted.

use std::collections::HashSet;

use super::Walk;
use crate::anomaly::Kind;
use crate::oracle::gap::waits;
use crate::oracle::heard::Timed;
use crate::oracle::said;

impl Walk<'_> {
    /// What was told and accepted must have been applied.
    pub(super) fn end(&mut self) {
        self.reach_stops();
        let reached = |walk: &Self, turn: usize| turn < walk.next;
        if self.told.is_counted {
            for (turn, line) in self.told.lines.iter().enumerate() {
                if !self.heard.is_accepted(*line) {
                    continue;
                }
                let is_there = self.seen.contains(line) || reached(self, turn) && self.is_stop(*line);
                let id = if is_there { String::new() } else { self.id_of(*line) };
                self.hold_message(Kind::Lost, None, is_there, &id, ("applied", "nowhere"));
            }
        }
        if let Some(timed) = self.heard.timed(self.event_id).filter(|_| !self.told.is_counted) {
            self.end_of_timed(&timed);
        }
        let gaps = std::mem::take(&mut self.gaps);
        for gap in &gaps {
            self.hold_gap(gap);
        }
        let had_gap = !gaps.is_empty();
        if self.told.must_have_gap && (had_gap || self.had_to_declare()) {
            self.hold(Kind::FalseGap, None, had_gap, "gap", ("declared", "never declared"));
        } else if self.trace.messages > 0 && self.trace.turns == 0 {
            // Nothing had to be declared, and nothing was; what was has been judged at its version.
            self.hold(Kind::FalseGap, None, true, "", ("", ""));
        }
    }

    /// Whether a planned gap had to be declared. Where something was done to the stack what waits may have come so late that it
    /// waited long enough for nothing, or nobody may have been there to notice.
    fn had_to_declare(&self) -> bool {
        if self.heard.disturbed.is_empty() {
            return true;
        }
        let came_at = |line| {
            let received = self.trace.versions.values().find(|known| known.line == Some(line));
            received.and_then(|known| known.received_at).or_else(|| self.appended_at(line))
        };
        let waits = waits(self.told, self.heard, came_at);
        waits.iter().any(|wait| !self.heard.is_disturbed(wait))
    }

    /// Whatever was accepted must be in the feed, whatever was applied must have come from there, and whatever is there must have
    /// been applied, unless it was made before what had come already.
    fn end_of_timed(&mut self, timed: &[(&Timed, bool)]) {
        let accepted = self.told.lines.iter().filter(|line| self.heard.is_accepted(**line)).count();
        let there = (accepted.to_string(), timed.len().to_string());
        let what = "messages in the feed";
        self.hold(Kind::Lost, None, timed.len() >= accepted, what, (&there.0, &there.1));
        let mut sent: HashSet<&str> = HashSet::with_capacity(timed.len());
        for (Timed { message_id, .. }, is_overtaken) in timed {
            sent.insert(message_id);
            let is_there = self.ids.contains(message_id);
            if is_there || !is_overtaken {
                self.hold_message(Kind::Lost, None, is_there, message_id, ("applied", "nowhere"));
            }
        }
        let unsent: Vec<String> = self.ids.iter().filter(|id| !sent.contains(id.as_str())).cloned().collect();
        for id in unsent {
            self.hold_message(Kind::Phantom, None, false, &id, ("in the feed", "nowhere in it"));
        }
    }

    fn is_stop(&self, line: u32) -> bool {
        self.seen.contains(&line)
            || matches!(said(self.schedule, line), Some((_, _, domain::Body::BetStop(_))))
    }

    fn id_of(&self, line: u32) -> String {
        said(self.schedule, line).map_or_else(String::new, |(id, _, _)| id.to_string())
    }
}
