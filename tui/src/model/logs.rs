//! What the parts of a stack logged last.

use std::collections::VecDeque;
use std::time::Duration;

use super::contact::Contact;
use crate::source::LogLine;
use crate::text::Text;

/// Lines that are kept, of all parts together.
const LINES_MAX: usize = 5000;

/// The last lines of all parts, in the order in which they were read.
#[derive(Clone, Debug)]
pub struct Logs {
    /// Whether they can be read.
    pub contact: Contact,
    /// Whether it is known where they are.
    pub is_asked: bool,
    /// The lines, oldest first.
    lines: VecDeque<LogLine>,
    /// How many there were before them.
    forgotten: u64,
}

impl Logs {
    pub(super) fn new(interval: Duration, is_asked: bool) -> Self {
        Self { contact: Contact::new(interval), is_asked, lines: VecDeque::new(), forgotten: 0 }
    }

    pub(super) fn take(&mut self, lines: Vec<LogLine>) {
        self.lines.extend(lines);
        let surplus = self.lines.len().saturating_sub(LINES_MAX);
        self.lines.drain(..surplus);
        self.forgotten += surplus as u64;
    }

    /// The lines, oldest first, each with a number that it keeps whatever is added or forgotten.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &LogLine)> {
        (self.forgotten..).zip(&self.lines)
    }

    /// Who has written any, by name.
    #[must_use]
    pub fn parts(&self) -> Vec<&Text> {
        let mut parts: Vec<&Text> = self.lines.iter().map(|line| &line.part).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }
}
