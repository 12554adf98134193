//! What an update log must hold once it is over: everything that was told and accepted.

use std::collections::HashSet;

use super::Walk;
use crate::anomaly::Kind;
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
        for gap in gaps.iter().filter(|_| self.told.may_have_gap) {
            self.hold_gap(gap);
        }
        self.hold_silences();
        // Where something was done to the stack what waits may have come so late that it waited long enough for nothing.
        if self.told.must_have_gap && !(self.heard.is_disturbed && gaps.is_empty()) {
            let had_gap = !gaps.is_empty();
            self.hold(Kind::FalseGap, None, had_gap, "gap", ("declared", "never declared"));
        } else if self.trace.messages > 0 && self.trace.turns == 0 {
            // Nothing had to be declared, and nothing was; what was has been judged at its version.
            self.hold(Kind::FalseGap, None, true, "", ("", ""));
        }
    }

    /// Nothing stays open while its producer says nothing for long.
    fn hold_silences(&mut self) {
        for silence in self.heard.noticeable(&self.told.source) {
            let before = self.offered.iter().rev().find(|(at, ..)| *at <= silence.start);
            let Some((_, version, true)) = before.copied() else { continue };
            let mut meanwhile = self.offered.iter().filter(|(at, ..)| silence.contains(at));
            let is_shut = meanwhile.any(|(.., is_open)| !is_open);
            let seconds = (silence.end - silence.start + self.heard.silence_micros) / 1_000_000;
            let what = format!("what is open while its producer says nothing for {seconds} s");
            self.hold(Kind::MarketOpenWhileUnsafe, Some(version), is_shut, &what, ("shut", "left open"));
        }
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
