//! Sends a letter back to where it was refused: to ingestion as a request, or into the feed from which a processor took it.
//!
//! The message brings the letter's name. A processor notes in the transaction of the message's effect what became of it, and
//! leaves out what it has noted before: whoever dies on the way, or sends it twice, the letter has its effect once.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chassis::kafka::{Producer, ProducerSettings, Record};
use domain::codec::{json, xml};
use domain::letter::{LetterMark, REDRIVE_HEADER, Redrive, RedriveOutcome};
use domain::{Content, FeedMessage};
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::MySqlPool;

use super::Place;
use super::letter::{Letter, RefusedBy};
use super::state::{self, State};

/// How often the database is asked what became of a message.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Sends letters of one stack.
pub struct Driver<'a> {
    place: &'a Place,
    producer: Producer,
    client: reqwest::Client,
    token: Option<String>,
    wait: Duration,
}

/// What became of a letter.
#[derive(Debug)]
pub enum Fate {
    /// Nothing was sent: it was dealt with before.
    Before(State),
    /// It was sent, and this came of it.
    Now(RedriveOutcome, String),
    /// It was sent, and is not known to have been taken yet.
    Sent(Duration),
}

impl Fate {
    /// Whether nothing is left to do about the letter.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Before(_) => true,
            Self::Now(outcome, _) => outcome.is_final(),
            Self::Sent(_) => false,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(state) => write!(f, "{state} before, nothing was sent"),
            Self::Now(outcome, reason) if reason.is_empty() => f.write_str(outcome.as_str()),
            Self::Now(outcome, reason) => write!(f, "{}: {reason}", outcome.as_str()),
            Self::Sent(wait) => write!(
                f,
                "sent, but no processor has taken it within {wait:?}; `matchday dlq list` will say what became of it, and \
                 sending it again does no harm"
            ),
        }
    }
}

impl<'a> Driver<'a> {
    pub(super) fn new(place: &'a Place, token: Option<String>, wait: Duration) -> Result<Self> {
        Ok(Self {
            place,
            producer: Producer::new(ProducerSettings::new(&place.kafka, "matchday dlq"))?,
            client: reqwest::Client::builder().no_proxy().timeout(wait.max(ASK_EVERY)).build()?,
            token,
            wait,
        })
    }

    /// Sends `body` in the letter's place and waits for what becomes of it.
    pub async fn redrive(&self, letter: &Letter, body: &[u8]) -> Result<Fate> {
        if let state @ State::Redriven(..) = self.place.state_of(letter).await? {
            return Ok(Fate::Before(state));
        }
        // What took another place would use the letter up, and leave its own place empty for good.
        let said = letter.about.as_ref().zip(letter.read(body));
        if let Some(what) = said.and_then(|(own, said)| own.contradicted_by(&said)) {
            bail!("this does not take the place of letter {}: {what}; nothing was sent", letter.id);
        }
        let mark = Some(LetterMark::of(&letter.bytes));
        let redrive = Redrive { letter: letter.id, attempt: rand::random(), mark };
        let refused = match letter.refused_by {
            RefusedBy::Ingestion => self.push(letter, body, redrive).await?,
            RefusedBy::Processor => {
                self.produce(letter, body, redrive).await?;
                None
            }
        };
        if let Some(reason) = refused {
            return Ok(Fate::Now(RedriveOutcome::Refused, reason));
        }
        self.outcome(letter, redrive).await
    }

    /// Posts the message to ingestion. What it says against it is returned.
    async fn push(&self, letter: &Letter, body: &[u8], redrive: Redrive) -> Result<Option<String>> {
        let url = self.place.ingestion.as_ref().context("say where ingestion is with --ingestion")?;
        let provider = letter.provider().context("the letter does not say who sent it")?;
        let mut request = self
            .client
            .post(format!("{url}/feeds/{provider}"))
            .header("content-type", &letter.content_type)
            .header(REDRIVE_HEADER, redrive.to_string())
            .body(body.to_vec());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &letter.routing_key {
            request = request.header("routing-key", key);
        }
        let answer = request.send().await.context("sending to ingestion")?;
        let status = answer.status();
        if status == StatusCode::ACCEPTED {
            return Ok(None);
        }
        let problem: Value = answer.json().await.unwrap_or_default();
        let said = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        match status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(Some(match said("pointer").as_str() {
                    "" => said("detail"),
                    pointer => format!("{} at {pointer}", said("detail")),
                }))
            }
            StatusCode::UNAUTHORIZED => {
                bail!("ingestion answers {status}: it takes a token of {provider}, which --token shows")
            }
            _ => bail!("ingestion answers {status}: {}", said("detail")),
        }
    }

    /// Puts the message into its sport's feed, as ingestion would have.
    async fn produce(&self, letter: &Letter, body: &[u8], redrive: Redrive) -> Result<()> {
        let message = decode(body)?;
        let provider = &message.source.provider;
        if let Some(known) = letter.provider() {
            ensure!(provider == known, "the letter is {known}'s, the message says {provider}");
        }
        let Content::Event(event) = &message.content else {
            bail!("a dead letter about a producer is not sent again: its next `alive` says how it is")
        };
        let record = Record {
            topic: self.place.topics.feed(event.sport).into(),
            partition: None,
            key: Some(event.event_id.as_str().to_owned().into()),
            payload: json::encode(&message).into(),
            headers: vec![(REDRIVE_HEADER, redrive.to_string().into())],
        };
        self.producer.send(record).await.context("putting the message into its feed")?;
        Ok(())
    }

    /// Waits until a processor has noted what became of this attempt, or of one before it.
    async fn outcome(&self, letter: &Letter, redrive: Redrive) -> Result<Fate> {
        let began = Instant::now();
        loop {
            if let Some(fate) = find(&self.place.database, letter, redrive).await? {
                return Ok(fate);
            }
            if began.elapsed() >= self.wait {
                return Ok(Fate::Sent(self.wait));
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

async fn find(database: &MySqlPool, letter: &Letter, redrive: Redrive) -> Result<Option<Fate>> {
    let offset = letter.id.offset;
    let noted = state::noted(database, offset, offset).await?;
    for noted in noted.iter().filter(|noted| noted.is_of(letter)) {
        let outcome = noted.outcome()?;
        if noted.attempt == redrive.attempt {
            return Ok(Some(Fate::Now(outcome, noted.reason())));
        }
        if outcome.is_final() {
            return Ok(Some(Fate::Before(State::Redriven(outcome, noted.reason(), noted.decided_at))));
        }
    }
    Ok(None)
}

/// A message as feeds hold it.
fn decode(body: &[u8]) -> Result<FeedMessage> {
    let decoded = match body.trim_ascii_start().starts_with(b"<") {
        true => xml::decode(body).map_err(anyhow::Error::from),
        false => json::decode(body).map_err(anyhow::Error::from),
    };
    decoded.context(
        "not a message as it stands in a feed: what a processor refused is put right in native JSON or XML, whatever its \
         provider writes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_processor_refused_is_put_right_as_it_stands_in_the_feed() {
        let golden = include_bytes!("../../../domain/golden/v1/bet_stop.json");
        let message = decode(golden).unwrap();
        assert_eq!(decode(&xml::encode(&message)).unwrap(), message);
        let unified = br#"<bet_stop product="1" event_id="sr:match:7" timestamp="1234" groups="all"/>"#;
        let error = format!("{:#}", decode(unified).unwrap_err());
        assert!(error.contains("native JSON or XML") && error.contains("`schema`"), "{error}");
    }
}
