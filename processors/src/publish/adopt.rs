//! What a former owner of a partition may have left unpublished: all of it is published before anything new is.

use chassis::kafka::Record;

use super::waiting::Task;
use super::{Publisher, RETRY_EVERY};
use crate::store::offsets::OffsetRow;
use crate::store::outbox::{self, LoggedUpdate};
use crate::store::{ANSWER_MAX, within};

/// Rows of the outbox read at once.
const OUTBOX_PAGE: u32 = 500;

impl Publisher {
    /// Publishes what is left of these partitions, and goes on from there.
    pub(super) async fn adopt(&mut self, rows: &[(i32, OffsetRow)]) {
        for &(partition, ref row) in rows {
            if !self.publish_left(partition, row).await {
                return;
            }
            self.owned.insert(partition);
            self.waiting.push(Task::Adopt(partition, row.clone()));
        }
        self.publishing.ready();
    }

    /// Publishes a partition's outbox above `published`, byte for byte as its former owner may have done. False where the
    /// process ended before.
    async fn publish_left(&mut self, partition: i32, row: &OffsetRow) -> bool {
        let (mut letters, mut updates) = (row.published, row.published);
        loop {
            let page = match self.page_left(partition, row, &mut letters, &mut updates).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(partition, %error, "the outbox cannot be read");
                    if self.shutdown.has_begun() {
                        self.gave_up = true;
                        return false;
                    }
                    tokio::time::sleep(RETRY_EVERY).await;
                    continue;
                }
            };
            if page.is_empty() {
                return true;
            }
            tracing::info!(partition, records = page.len(), "publishing what was left in the outbox");
            if !self.send(page).await {
                return false;
            }
        }
    }

    /// The next records of what was left of a partition, and none at its end: dead letters after number `letters`, then
    /// updates after number `updates`, which move on. What is committed meanwhile comes by itself.
    async fn page_left(
        &self,
        partition: i32,
        row: &OffsetRow,
        letters: &mut i64,
        updates: &mut i64,
    ) -> Result<Vec<Record>, sqlx::Error> {
        let (pool, sport) = (&self.pool, self.sport);
        let page = outbox::dead_letters(pool, sport, partition, *letters, OUTBOX_PAGE);
        let mut page = within(ANSWER_MAX, page).await?;
        page.retain(|letter| letter.number < row.next_number);
        if let Some(last) = page.last() {
            *letters = last.number;
            return Ok(page.iter().flat_map(|letter| self.records.letter(letter)).collect());
        }
        let page = outbox::updates(pool, sport, partition, *updates, OUTBOX_PAGE);
        let mut page = within(ANSWER_MAX, page).await?;
        page.retain(|update| update.number < row.next_number);
        *updates = page.last().map_or(*updates, |update| update.number);
        let record =
            |update: LoggedUpdate| self.records.update(partition, &update.event_id, &update.payload.into());
        Ok(page.into_iter().map(record).collect())
    }
}
