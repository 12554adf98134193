//! Makes room: once in a while a processor makes the next days of the update log and drops those past retention, and sees that
//! what is foreseen and what was refused does not fill the database.

use std::time::Duration;

use chassis::lifecycle::Shutdown;
use domain::Sport;
use jiff::civil::Date;
use sqlx::MySqlPool;

use crate::metrics;
use crate::processor;
use crate::store::days::{self, DayError, Droppable, Keeper};
use crate::store::{ANSWER_MAX, foreseen, outbox, within};

/// What is kept, and how often it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Days for which the log of an event is kept after the day on which it was first seen, what was refused of one that never
    /// began, and the bytes of a dead letter, which its topic keeps for ever.
    pub days: u16,
    /// How often to look.
    pub every: Duration,
}

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// How many times as long a day is kept on which an event began that is not over. There is always one that never ends.
const PATIENCE: u16 = 4;

/// How often it is looked at how many events of the sport are foreseen.
const FORESEEN_EVERY: Duration = Duration::from_secs(10);

/// Counts the sport's events that are foreseen, and keeps `max` of them at most, until the process ends.
pub async fn keep_foreseen(
    pool: MySqlPool,
    sport: Sport,
    max: u32,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    loop {
        match within(ANSWER_MAX, foreseen::keep(&pool, sport, max)).await {
            Ok(count) => metrics::foreseen_events(count),
            Err(error) => tracing::debug!(%error, "what is foreseen is not counted"),
        }
        tokio::select! {
            () = tokio::time::sleep(FORESEEN_EVERY) => {}
            () = shutdown.begun() => return Ok(()),
        }
    }
}

/// Ends what a process that was killed had begun to drop. What fails is said, and tried again by [`Retention::run`].
pub async fn recover(pool: &MySqlPool) {
    let recovered = async {
        let Some(mut keeper) = Keeper::take(pool).await? else { return Ok(()) };
        let finished = keeper.finish().await;
        keeper.release().await?;
        finished
    };
    let recovered: Result<(), DayError> = recovered.await;
    if let Err(error) = recovered {
        tracing::warn!(%error, "a day of the update log is dropped by half");
    }
}

impl Retention {
    /// Looks after the log until the process ends. What fails is tried again the next time: nothing waits for it.
    pub async fn run(self, pool: MySqlPool, shutdown: Shutdown) -> anyhow::Result<()> {
        loop {
            if let Err(error) = self.turn(&pool).await {
                tracing::warn!(%error, "the update log's days are left as they are");
            }
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = shutdown.begun() => return Ok(()),
            }
        }
    }

    /// Whatever becomes of the days, of what is foreseen, or of dead letters, the others go their way.
    async fn turn(self, pool: &MySqlPool) -> Result<(), DayError> {
        let now = processor::now();
        let kept = self.keep_days(pool, days::day_of(now)).await;
        let since = now.plus_micros(-i64::from(self.days) * DAY_MICROS);
        if let Err(error) = within(ANSWER_MAX, foreseen::forget_before(pool, since)).await {
            tracing::warn!(%error, "what was refused of events that never began is not forgotten");
        }
        if let Err(error) = within(ANSWER_MAX, outbox::forget_letters_before(pool, since)).await {
            tracing::warn!(%error, "dead letters that are published long since are not forgotten");
        }
        kept
    }

    async fn keep_days(self, pool: &MySqlPool, today: Date) -> Result<(), DayError> {
        let Some(mut keeper) = Keeper::take(pool).await? else { return Ok(()) };
        let dropped = async {
            keeper.finish().await?;
            keeper.make_ahead(today).await?;
            let past = days::before(today, self.days);
            let long_past = days::before(today, self.days.saturating_mul(PATIENCE));
            keeper.drop_past(Droppable { past, long_past }).await
        };
        let dropped = dropped.await;
        keeper.release().await?;
        for day in dropped? {
            metrics::day_dropped();
            tracing::info!(day, "a day of the update log is past retention and was dropped");
        }
        Ok(())
    }
}
