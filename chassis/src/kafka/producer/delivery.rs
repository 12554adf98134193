//! Where the delivery reports of one batch come together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::Notify;

use super::{Position, SendError};

/// The records of one batch that wait for their reports.
pub(super) struct InFlight {
    reports: Mutex<Reports>,
    all_settled: Notify,
}

struct Reports {
    results: Vec<Option<Result<Position, SendError>>>,
    left: usize,
}

/// One record's claim on its place in the batch; librdkafka carries it and gives it back with the report.
pub(super) struct Ticket {
    batch: Arc<InFlight>,
    index: usize,
}

impl InFlight {
    pub(super) fn new(records: usize) -> Arc<Self> {
        let reports = Mutex::new(Reports { results: vec![None; records], left: records });
        Arc::new(Self { reports, all_settled: Notify::new() })
    }

    /// Writes one record's result; a second one for the same record changes nothing.
    pub(super) fn settle(&self, index: usize, result: Result<Position, SendError>) {
        let mut reports = self.reports();
        let Some(place @ None) = reports.results.get_mut(index) else { return };
        *place = Some(result);
        reports.left -= 1;
        if reports.left == 0 {
            self.all_settled.notify_one();
        }
    }

    /// Waits until every record has its result, or `at_most` so long.
    pub(super) async fn wait(&self, at_most: Duration) {
        if self.reports().left > 0
            && tokio::time::timeout(at_most, self.all_settled.notified()).await.is_err()
        {
            tracing::error!(records = self.reports().left, "no delivery report came at all");
        }
    }

    /// Takes the results; a record without a report counts as not acknowledged in time.
    pub(super) fn take(&self) -> Vec<Result<Position, SendError>> {
        let results = std::mem::take(&mut self.reports().results);
        results.into_iter().map(|result| result.unwrap_or(Err(SendError::TimedOut))).collect()
    }

    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    pub(super) fn new(batch: &Arc<InFlight>, index: usize) -> Box<Self> {
        Box::new(Self { batch: Arc::clone(batch), index })
    }

    pub(super) fn settle(&self, result: Result<Position, SendError>) {
        self.batch.settle(self.index, result);
    }
}

/// What librdkafka's code for one record means to its sender.
pub(super) fn meaning(error: &KafkaError) -> SendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => SendError::QueueFull,
        Some(RDKafkaErrorCode::MessageTimedOut | RDKafkaErrorCode::RequestTimedOut) => SendError::TimedOut,
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => SendError::TooLarge,
        // Records are purged only when a failed producer is dropped under them.
        Some(
            code @ (RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight),
        ) => SendError::Fatal(format!("{code:?}")),
        _ => SendError::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Result<Position, SendError> = Ok(Position { partition: 1, offset: 7 });

    #[tokio::test]
    async fn wakes_once_the_last_report_came_and_keeps_the_order() {
        let batch = InFlight::new(3);
        let tickets: Vec<_> = (0..3).map(|index| Ticket::new(&batch, index)).collect();
        let reporter = std::thread::spawn(move || {
            for ticket in tickets.into_iter().rev() {
                ticket.settle(Ok(Position { partition: 0, offset: ticket.index as i64 }));
            }
        });
        batch.wait(Duration::from_secs(5)).await;
        reporter.join().unwrap();
        let offsets: Vec<_> = batch.take().into_iter().map(|result| result.unwrap().offset).collect();
        assert_eq!(offsets, [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_report_that_never_comes_is_a_timeout_and_a_late_one_is_harmless() {
        let batch = InFlight::new(2);
        let late = Ticket::new(&batch, 1);
        batch.settle(0, AT);
        batch.wait(Duration::from_millis(10)).await;
        assert_eq!(batch.take(), [AT, Err(SendError::TimedOut)]);
        late.settle(AT);
    }

    #[tokio::test]
    async fn an_empty_batch_does_not_wait() {
        let batch = InFlight::new(0);
        batch.wait(Duration::from_secs(60)).await;
        assert!(batch.take().is_empty());
    }
}
