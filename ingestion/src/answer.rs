//! What a request's sender is told of its messages.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use chassis::kafka::SendError;
use chassis::problem::{Problem, retry_after};
use domain::MessageId;
use domain::codec::batch::Piece;
use serde::Serialize;

use crate::metrics::Counts;
use crate::refusal::{self, Refusal};

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// About one message: a problem stands alone.
    Single,
    /// About many: what was accepted is counted, what was not is listed.
    Batch,
}

/// What became of all messages of a request.
#[derive(Debug)]
pub struct Answer {
    counts: Counts,
    /// By the messages' numbers.
    problems: Vec<ItemProblem>,
}

#[derive(Debug, Serialize)]
struct ItemProblem {
    /// Where in the decompressed body it stands, and how many bytes it has.
    offset: usize,
    length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    #[serde(flatten)]
    problem: Problem,
}

#[derive(Serialize)]
struct SingleAnswer {
    accepted: u64,
}

#[derive(Serialize)]
struct BatchAnswer<'a> {
    accepted: u64,
    problems: &'a [ItemProblem],
}

impl Answer {
    /// Puts together what was refused, by the messages' numbers and in their order, and per message where it stands and
    /// what Kafka did not store. A refused message that could not be kept counts as failed: it must be sent again, or nobody would
    /// ever know of it.
    pub fn new(refusals: Vec<(usize, Refusal)>, failures: &[Option<SendError>], pieces: &[Piece]) -> Self {
        let mut counts = Counts::default();
        let mut problems = Vec::with_capacity(refusals.len());
        let mut refusals = refusals.into_iter().peekable();
        for (index, (failure, piece)) in failures.iter().zip(pieces).enumerate() {
            let refusal = refusals.next_if(|(refused, _)| *refused == index).map(|(_, refusal)| refusal);
            let (message_id, problem) = match (refusal, failure) {
                (None, None) => {
                    counts.accepted += 1;
                    continue;
                }
                (refusal, Some(error)) => {
                    counts.failed += 1;
                    (refusal.and_then(|refusal| refusal.message_id), refusal::not_stored(error))
                }
                (Some(refusal), None) => {
                    if refusal.is_final() {
                        counts.refused += 1;
                    } else {
                        counts.failed += 1;
                    }
                    (refusal.message_id, refusal.problem)
                }
            };
            let (offset, length) = (piece.range.start, piece.range.len());
            problems.push(ItemProblem { offset, length, message_id, problem: problem.of_item(index) });
        }
        Self { counts, problems }
    }

    /// How many fared how.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// 202 where all were accepted, 207 where some were, else the worst of the problems' statuses.
    fn status(&self) -> StatusCode {
        match self.problems.iter().map(|item| item.problem.status).max() {
            None => StatusCode::ACCEPTED,
            Some(_) if self.counts.accepted > 0 => StatusCode::MULTI_STATUS,
            Some(worst) => worst,
        }
    }

    /// The HTTP answer.
    pub fn into_response(mut self, shape: Shape) -> Response {
        let status = self.status();
        if shape == Shape::Single {
            return match self.problems.pop() {
                None => (status, Json(SingleAnswer { accepted: self.counts.accepted })).into_response(),
                Some(item) => Problem { index: None, ..item.problem }.into_response(),
            };
        }
        let body = BatchAnswer { accepted: self.counts.accepted, problems: &self.problems };
        let mut response = (status, Json(body)).into_response();
        let wait = self.problems.iter().filter_map(|item| item.problem.retry_after).max();
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after(wait));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(index: usize) -> (usize, Refusal) {
        (index, Refusal::from(refusal::invalid("unknown").at("/type")))
    }

    /// Of pieces of ten bytes each, one after the other.
    fn answer(refusals: Vec<(usize, Refusal)>, failures: &[Option<SendError>]) -> Answer {
        let piece = |index: usize| Piece { range: 10 * index..10 * index + 10, fault: None };
        Answer::new(refusals, failures, &(0..failures.len()).map(piece).collect::<Vec<_>>())
    }

    async fn told(answer: Answer, shape: Shape) -> (u16, Option<String>, String) {
        let response = answer.into_response(shape);
        let status = response.status().as_u16();
        let wait =
            response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, wait, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn one_message() {
        let accepted = answer(vec![], &[None]);
        assert_eq!(told(accepted, Shape::Single).await, (202, None, r#"{"accepted":1}"#.to_owned()));
        let (status, wait, body) = told(answer(vec![refused(0)], &[None]), Shape::Single).await;
        assert_eq!((status, wait), (422, None));
        assert!(body.contains(r#""pointer":"/type""#) && !body.contains("index"), "{body}");
    }

    #[tokio::test]
    async fn a_refused_message_that_could_not_be_kept_is_to_be_sent_again() {
        let failed = answer(vec![refused(0)], &[Some(SendError::TimedOut)]);
        assert_eq!(failed.counts(), Counts { accepted: 0, refused: 0, failed: 1 });
        let (status, wait, _) = told(failed, Shape::Single).await;
        assert_eq!((status, wait), (503, Some("1".to_owned())));
    }

    #[tokio::test]
    async fn a_batch_lists_what_was_not_accepted_and_nothing_else() {
        let all = answer(vec![], &[None, None]);
        assert_eq!(told(all, Shape::Batch).await, (202, None, r#"{"accepted":2,"problems":[]}"#.to_owned()));

        let mixed = answer(vec![refused(1)], &[None, None, Some(SendError::QueueFull), None]);
        assert_eq!(mixed.counts(), Counts { accepted: 2, refused: 1, failed: 1 });
        let (status, wait, body) = told(mixed, Shape::Batch).await;
        assert_eq!((status, wait), (207, Some("1".to_owned())));
        assert!(body.starts_with(r#"{"accepted":2,"problems":[{"#), "{body}");
        assert!(body.contains(r#""offset":10,"length":10"#), "{body}");
        assert!(body.contains(r#""status":422"#) && body.contains(r#""index":1"#), "{body}");
        assert!(body.contains(r#""status":503"#) && body.contains(r#""index":2"#), "{body}");

        let worst = answer(vec![refused(0)], &[None, Some(SendError::QueueFull)]);
        assert_eq!(told(worst, Shape::Batch).await.0, 503);
    }
}
