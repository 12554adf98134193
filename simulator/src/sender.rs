//! Delivery over HTTP: a batch goes out until every message in it has a final answer, or its time is up.
//!
//! What passes by itself (429, 5xx, no connection, no answer) is sent again; what is wrong with a message is
//! told and not repeated. A send without an answer is indeterminate: it is sent again, and the receiver
//! recognises what it has had.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::Name;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, InvalidHeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::format::Format;
use crate::{metrics, uof};
use answer::{Attempt, Indexed};

pub use answer::Problem;
pub(crate) use answer::{again, passes};
pub(crate) use batch::{Batch, Delivery};

mod answer;
mod batch;

/// The header in which a message of a Unified Odds Feed brings its routing key.
const ROUTING_KEY: &str = "routing-key";
/// Messages of one feed that are under way at once where each goes out by itself, whatever the lanes.
pub(crate) const SINGLES_MAX: usize = 32;
/// The answer that takes a message.
pub(crate) const ACCEPTED: u16 = 202;
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The wait before the second attempt, also where `Retry-After` asks for less; each further one waits twice as long.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// The longest wait between two attempts, also where `Retry-After` asks for more.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// How long to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long one request may take.
    pub answer_timeout: Duration,
    /// How long after its first attempt a batch is given up.
    pub give_up_after: Duration,
}

/// What a provider shows to be let in. Its text is told to nobody else, not even in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(HeaderValue);

impl std::str::FromStr for Token {
    type Err = InvalidHeaderValue;
    fn from_str(text: &str) -> Result<Self, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {text}"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// Where batches go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Sink {
    /// To ingestion, over HTTP.
    #[default]
    Http,
    /// Nowhere: each is made whole, counted as accepted and dropped. Says how fast the simulator itself is.
    Null,
}

/// A provider's connection to one feed, for messages of one format. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) sink: Sink,
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) format: Format,
    pub(crate) token: Option<Token>,
    pub(crate) patience: Patience,
    /// How many more messages may be under way, where each goes out by itself.
    pub(crate) singles: Arc<Semaphore>,
}

/// Who is told what becomes of a batch's messages, by their places in it, at the moment at which it does.
pub(crate) trait Witness: Send + Sync {
    /// They go out for the first time.
    fn sent(&self, places: Range<usize>);
    /// Their final answer has come, with this status.
    fn answered(&self, places: &[usize], status: u16);
    /// A request with them had no answer: whatever became of it, they may go once more.
    fn unanswered(&self, _places: &[usize]) {}
    /// Some have none yet, for this reason, and will be sent again where there is time.
    fn hindered(&self, _why: &str) {}
    /// So many were under way that those which have not gone yet had to wait until now.
    fn freed(&self) {}
}

/// Nobody wants to know.
impl Witness for () {
    fn sent(&self, _: Range<usize>) {}
    fn answered(&self, _: &[usize], _: u16) {}
}

impl Sender {
    /// Where messages of `provider` go: `POST {target}/feeds/{provider}`.
    pub(crate) fn url(target: &str, provider: &Name) -> String {
        format!("{}/feeds/{provider}", target.trim_end_matches('/'))
    }

    /// How many messages of one feed may be under way, where each goes out by itself.
    pub(crate) fn singles() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(SINGLES_MAX))
    }

    /// Sends until everything is answered or time is up.
    pub(crate) async fn deliver(&self, batch: Batch, witness: &Arc<impl Witness + 'static>) -> Delivery {
        match (self.sink, self.format) {
            (Sink::Null, _) => {
                let places: Vec<usize> = (0..batch.finish().1.len()).collect();
                witness.sent(0..places.len());
                witness.answered(&places, ACCEPTED);
                Delivery { accepted: places.len(), ..Delivery::default() }
            }
            (Sink::Http, Format::Uof) => self.deliver_singly(&batch, witness).await,
            (Sink::Http, Format::Json | Format::Xml) => {
                self.deliver_whole(batch, 0, None, self.give_up_at(), &**witness).await
            }
        }
    }

    /// When what goes out from now on is given up.
    fn give_up_at(&self) -> Instant {
        Instant::now() + self.patience.give_up_after
    }

    /// Each message by itself, several at once: what has no sequence may come in any order. All of them have the time of one batch;
    /// once one had to be given up, no further one goes out.
    async fn deliver_singly(&self, batch: &Batch, witness: &Arc<impl Witness + 'static>) -> Delivery {
        let mut delivery = Delivery::default();
        let mut on_their_way: JoinSet<Delivery> = JoinSet::new();
        let (give_up_at, gives_up) = (self.give_up_at(), Arc::new(AtomicBool::new(false)));
        let mut unsent = 0..0;
        let starts = std::iter::once(0).chain(batch.ends.iter().copied());
        for (place, (start, end)) in starts.zip(batch.ends.iter().copied()).enumerate() {
            let (key, document) = uof::split(batch.bytes[start..end].trim_ascii_end()).unwrap_or_default();
            let mut single = Batch::with_capacity(self.format, 1, document.len());
            single.bytes.extend_from_slice(document);
            single.end_message();
            let permit = self.permit(&**witness).await;
            if gives_up.load(Ordering::Acquire) {
                unsent = place..batch.messages();
                break;
            }
            let (sender, witness, key) = (self.clone(), Arc::clone(witness), HeaderValue::from_str(key).ok());
            let gives_up = Arc::clone(&gives_up);
            on_their_way.spawn(async move {
                let delivery = sender.deliver_whole(single, place, key, give_up_at, &*witness).await;
                gives_up.fetch_or(delivery.given_up.is_some(), Ordering::Release);
                drop(permit);
                delivery
            });
            while let Some(done) = on_their_way.try_join_next() {
                delivery.add(done.expect("sending does not panic"));
            }
        }
        while let Some(done) = on_their_way.join_next().await {
            delivery.add(done.expect("sending does not panic"));
        }
        delivery.refused.sort_by_key(|(place, _)| *place);
        if let Some((places, _)) = &mut delivery.given_up {
            places.extend(unsent);
        }
        delivery
    }

    /// Leave to send one more; `witness` hears where it had to be waited for.
    async fn permit(&self, witness: &dyn Witness) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.singles).try_acquire_owned() {
            return permit;
        }
        let permit = Arc::clone(&self.singles).acquire_owned().await.expect("nobody closes it");
        witness.freed();
        permit
    }

    /// The messages in one request, until then; the first of them has the place `first`.
    async fn deliver_whole(
        &self,
        batch: Batch,
        first: usize,
        routing_key: Option<HeaderValue>,
        give_up_at: Instant,
        witness: &dyn Witness,
    ) -> Delivery {
        let mut delivery = Delivery::default();
        let (mut body, mut ends) = batch.finish();
        let mut places: Vec<usize> = (first..first + ends.len()).collect();
        let mut backoff = Backoff::default();
        witness.sent(first..first + ends.len());
        loop {
            let (why, retry_after) =
                match self.attempt(body.clone(), places.len(), routing_key.as_ref()).await {
                    Attempt::Refused(problem) => {
                        witness.answered(&places, problem.status);
                        delivery.refused.extend(places.iter().map(|&place| (place, problem.clone())));
                        return delivery;
                    }
                    Attempt::Answered { problems, retry_after } => {
                        let again = sort_out(&problems, &places, &mut delivery, witness);
                        let Some(first) = again.first() else { return delivery };
                        let why = problems.iter().find(|p| p.index == *first).map(|p| p.problem.to_string());
                        (body, ends) = select(self.format, &body, &ends, &again);
                        places = again.iter().map(|&index| places[index]).collect();
                        (why.unwrap_or_default(), retry_after)
                    }
                    Attempt::Again { why, retry_after, unanswered } => {
                        if unanswered {
                            delivery.unanswered += 1;
                            witness.unanswered(&places);
                        }
                        (why, retry_after)
                    }
                };
            witness.hindered(&why);
            let left = give_up_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                delivery.given_up = Some((places, why));
                return delivery;
            }
            // The last attempt is made when patience ends, not where another wait would be too long.
            let wait = backoff.next(retry_after).min(left);
            tracing::info!(url = self.url, messages = places.len(), why, "will send again");
            tokio::time::sleep(wait).await;
            delivery.sent_again += places.len();
        }
    }

    async fn attempt(&self, body: Bytes, messages: usize, routing_key: Option<&HeaderValue>) -> Attempt {
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, self.format.batch_content_type())
            .timeout(self.patience.answer_timeout)
            .body(body);
        if let Some(Token(token)) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        if let Some(key) = routing_key {
            request = request.header(ROUTING_KEY, key.clone());
        }
        let no_answer = |error: &reqwest::Error| Attempt::Again {
            why: with_causes(error),
            retry_after: None,
            unanswered: !error.is_connect(),
        };
        let sent = request.send().await;
        metrics::request(sent.as_ref().ok().map(reqwest::Response::status));
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return no_answer(&error),
        };
        let status = response.status();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    body.extend_from_slice(&chunk)
                }
                Ok(Some(_)) => {
                    let why = format!("the answer has over {ANSWER_BYTES_MAX} bytes");
                    return Attempt::Again { why, retry_after: None, unanswered: true };
                }
                Ok(None) => break,
                Err(error) => return no_answer(&error),
            }
        }
        answer::read(status, retry_after.map(Duration::from_secs), &body, messages)
    }
}

impl Delivery {
    /// What became of further messages of the same batch.
    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused.extend(other.refused);
        self.sent_again += other.sent_again;
        self.unanswered += other.unanswered;
        if let Some((places, why)) = other.given_up {
            self.given_up.get_or_insert((Vec::new(), why)).0.extend(places);
        }
    }
}

/// How long to wait between attempts.
#[derive(Debug)]
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(BACKOFF_MIN)
    }
}

impl Backoff {
    /// The wait before the next attempt, with what the receiver asked for.
    fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        let wait = retry_after.unwrap_or(self.0).clamp(BACKOFF_MIN, BACKOFF_MAX);
        self.0 = (self.0 * 2).min(BACKOFF_MAX);
        wait
    }
}

/// Notes what has its final answer; returns the indexes of what is to be sent again.
fn sort_out(
    problems: &[Indexed],
    places: &[usize],
    delivery: &mut Delivery,
    witness: &dyn Witness,
) -> Vec<usize> {
    let mut again = Vec::new();
    let mut accepted = Vec::with_capacity(places.len());
    let mut problems = problems.iter().peekable();
    for (index, place) in places.iter().enumerate() {
        match problems.next_if(|it| it.index == index) {
            None => accepted.push(*place),
            Some(Indexed { problem, .. }) if answer::passes(problem.status) => again.push(index),
            Some(Indexed { problem, .. }) => {
                witness.answered(&[*place], problem.status);
                delivery.refused.push((*place, problem.clone()));
            }
        }
    }
    witness.answered(&accepted, ACCEPTED);
    delivery.accepted += accepted.len();
    again
}

/// A batch of the messages at these indexes, and where each ends.
fn select(format: Format, body: &[u8], ends: &[usize], indexes: &[usize]) -> (Bytes, Vec<usize>) {
    let mut batch = Batch::with_capacity(format, indexes.len(), 0);
    for &index in indexes {
        let start = index.checked_sub(1).map_or(format.batch_ends().0.len(), |before| ends[before]);
        batch.bytes.extend_from_slice(&body[start..ends[index]]);
        batch.ends.push(batch.bytes.len());
    }
    batch.finish()
}

/// An error and what led to it: reqwest's own text leaves out why a connection failed.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
