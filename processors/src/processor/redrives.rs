//! Asks the database which dead letters have had their effect, before their messages may have it again.

use std::collections::HashSet;

use super::{Outcome, Parts, Processor};
use crate::batch::{FeedRecord, Letter};
use crate::store::{ANSWER_MAX, redrives, within};

impl Processor {
    /// Those of the records' letters about which nothing more is to be done.
    pub(super) fn redriven(&self, records: &[FeedRecord]) -> Result<HashSet<Letter>, Outcome> {
        let letters: HashSet<Letter> = records.iter().filter_map(FeedRecord::letter).collect();
        if letters.is_empty() {
            return Ok(letters);
        }
        let Parts { runtime, pool, mysql, shutdown, .. } = &self.parts;
        loop {
            match runtime.block_on(within(ANSWER_MAX, redrives::done(pool, &letters))) {
                Ok(done) => return Ok(done),
                Err(error) => mysql.not_ready(format!("dead letters cannot be looked up: {error}")),
            }
            if shutdown.has_begun() {
                return Err(Outcome::Stop);
            }
            self.pause();
        }
    }
}
