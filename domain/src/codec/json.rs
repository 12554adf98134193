//! Native JSON: one object per message, `type` naming what `body` is.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use crate::id::{EventId, MessageId, Name, Source};
use crate::limit::POSITION_MAX;
use crate::message::{
    Body, Content, EventMessage, FeedMessage, MessageType, Position, ProducerBody, SchemaVersion,
};
use crate::{Sport, Timestamp};

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON at all.
    #[error("not JSON: {detail} at line {line} column {column}")]
    Syntax {
        /// What the parser stumbled over.
        detail: String,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// JSON, but not a message of this schema.
    #[error("{detail} (at `{pointer}`)")]
    Schema {
        /// JSON pointer to the part that is wrong or missing.
        pointer: String,
        /// What is wrong with it.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(rename = "message", expecting = "an object")]
struct EnvelopeIn<'a> {
    schema: SchemaVersion,
    message_id: MessageId,
    provider: Name,
    producer: Name,
    sport: Option<Sport>,
    event_id: Option<EventId>,
    epoch: Option<u64>,
    sequence: Option<u64>,
    #[serde(rename = "type")]
    message_type: MessageType,
    request_id: Option<u64>,
    occurred_at: Option<Timestamp>,
    generated_at: Timestamp,
    received_at: Option<Timestamp>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Serialize)]
struct EnvelopeOut<'a, B> {
    schema: SchemaVersion,
    message_id: &'a MessageId,
    provider: &'a Name,
    producer: &'a Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    sport: Option<Sport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(rename = "type")]
    message_type: MessageType,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    generated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<Timestamp>,
    body: &'a B,
}

/// Appends a message to `out`, on one line and without a line feed.
pub fn encode_into(message: &FeedMessage, out: &mut Vec<u8>) {
    match &message.content {
        Content::Event(event) => write(message, Some(event), &event.body, out),
        Content::Producer(body) => write(message, None, body, out),
    }
}

/// A message as bytes, on one line.
#[must_use]
pub fn encode(message: &FeedMessage) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    encode_into(message, &mut out);
    out
}

fn write<B: Serialize>(message: &FeedMessage, event: Option<&EventMessage>, body: &B, out: &mut Vec<u8>) {
    let position = event.and_then(|event| event.position);
    let envelope = EnvelopeOut {
        schema: message.schema,
        message_id: &message.message_id,
        provider: &message.source.provider,
        producer: &message.source.producer,
        sport: event.map(|event| event.sport),
        event_id: event.map(|event| &event.event_id),
        epoch: position.map(|position| position.epoch),
        sequence: position.map(|position| position.sequence),
        message_type: message.message_type(),
        request_id: message.request_id,
        occurred_at: message.occurred_at,
        generated_at: message.generated_at,
        received_at: message.received_at,
        body,
    };
    serde_json::to_writer(out, &envelope)
        .expect("a message has string keys only, and a vector takes every byte");
}

/// Reads one message. Unknown fields are ignored: a later minor version may have added them.
pub fn decode(bytes: &[u8]) -> Result<FeedMessage, DecodeError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let detail = "a byte-order mark stands before it".to_owned();
        return Err(DecodeError::Syntax { detail, line: 1, column: 1 });
    }
    // What is known to be text is not checked again, string by string.
    let envelope: EnvelopeIn = match std::str::from_utf8(bytes) {
        Ok(text) => read(|| Deserializer::from_str(text), "")?,
        Err(_) => read(|| Deserializer::from_slice(bytes), "")?,
    };
    let content = match envelope.message_type {
        MessageType::Alive => Content::Producer(ProducerBody::Alive(read_body(envelope.body)?)),
        MessageType::SnapshotComplete => {
            Content::Producer(ProducerBody::SnapshotComplete(read_body(envelope.body)?))
        }
        event_type => Content::Event(EventMessage {
            sport: required(envelope.sport, "sport")?,
            event_id: required(envelope.event_id, "event_id")?,
            position: position(envelope.epoch, envelope.sequence)?,
            body: read_event_body(event_type, envelope.body)?,
        }),
    };
    Ok(FeedMessage {
        schema: envelope.schema,
        message_id: envelope.message_id,
        source: Source { provider: envelope.provider, producer: envelope.producer },
        request_id: envelope.request_id,
        occurred_at: envelope.occurred_at,
        generated_at: envelope.generated_at,
        received_at: envelope.received_at,
        content,
    })
}

fn read_event_body(message_type: MessageType, raw: &RawValue) -> Result<Body, DecodeError> {
    Ok(match message_type {
        MessageType::Fixture => Body::Fixture(read_body(raw)?),
        MessageType::FixtureChange => Body::FixtureChange(read_body(raw)?),
        MessageType::EventStatus => Body::EventStatus(read_body(raw)?),
        MessageType::Incident => Body::Incident(read_body(raw)?),
        MessageType::OddsChange => Body::OddsChange(read_body(raw)?),
        MessageType::BetStop => Body::BetStop(read_body(raw)?),
        MessageType::Settlement => Body::Settlement(read_body(raw)?),
        MessageType::SettlementRollback => Body::SettlementRollback(read_body(raw)?),
        MessageType::Cancel => Body::Cancel(read_body(raw)?),
        MessageType::CancelRollback => Body::CancelRollback(read_body(raw)?),
        MessageType::Snapshot => Body::Snapshot(read_body(raw)?),
        MessageType::Alive | MessageType::SnapshotComplete => {
            return Err(schema("/type", "a producer's message has no event"));
        }
    })
}

/// Both or neither: of a provider without sequences messages have no place.
fn position(epoch: Option<u64>, sequence: Option<u64>) -> Result<Option<Position>, DecodeError> {
    if epoch.is_none() && sequence.is_none() {
        return Ok(None);
    }
    let position = Position { epoch: required(epoch, "epoch")?, sequence: required(sequence, "sequence")? };
    for (pointer, value) in [("/epoch", position.epoch), ("/sequence", position.sequence)] {
        if !(1..=POSITION_MAX).contains(&value) {
            return Err(schema(pointer, &format!("{value} is not between 1 and 2^53")));
        }
    }
    Ok(Some(position))
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, DecodeError> {
    field.ok_or_else(|| schema(&format!("/{name}"), &format!("missing field `{name}`")))
}

fn schema(pointer: &str, detail: &str) -> DecodeError {
    DecodeError::Schema { pointer: pointer.to_owned(), detail: detail.to_owned() }
}

fn read_body<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, DecodeError> {
    read(|| Deserializer::from_str(raw.get()), "/body")
}

/// Reads the fast way; only where that fails, once more in a way that knows where it is.
fn read<'a, T, R>(begin: impl Fn() -> Deserializer<R>, at: &str) -> Result<T, DecodeError>
where
    T: Deserialize<'a>,
    R: serde_json::de::Read<'a>,
{
    let mut deserializer = begin();
    let read = T::deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        // A number where a name should be is no fault of JSON, though it is told as one. A body has been found to be JSON with the
        // envelope around it; what it still stumbles over is a value.
        let is_fault = error.is_syntax() || error.is_eof();
        if at.is_empty() && is_fault && !is_json(begin()) {
            return DecodeError::Syntax {
                detail: without_place(&error),
                line: error.line(),
                column: error.column(),
            };
        }
        match serde_path_to_error::deserialize::<_, T>(&mut begin()) {
            Ok(_) => schema(at, &without_place(&error)),
            Err(located) => {
                let told = without_place(located.inner());
                let detail = if told == "expected value" {
                    "not a value that may stand here".to_owned()
                } else {
                    told
                };
                DecodeError::Schema { pointer: pointer(at, located.path(), &detail), detail }
            }
        }
    })
}

fn is_json<'a, R: serde_json::de::Read<'a>>(mut deserializer: Deserializer<R>) -> bool {
    IgnoredAny::deserialize(&mut deserializer).and_then(|_| deserializer.end()).is_ok()
}

/// A JSON pointer to what is wrong; of a missing field, to where it should be.
fn pointer(at: &str, path: &serde_path_to_error::Path, detail: &str) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = at.to_owned();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => push_escaped(&mut pointer, key),
            Segment::Unknown => {}
        }
    }
    if let Some((name, _)) = detail.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        push_escaped(&mut pointer, name);
    }
    pointer
}

fn push_escaped(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((detail, _)) => detail.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODDS: &str = r#"{"schema":"1.0","message_id":"m1","provider":"md","producer":"live","sport":"hockey","event_id":"md:match:1","epoch":1,"sequence":1,"type":"odds_change","generated_at":5,"body":{"markets":[{"id":406,"status":"active","outcomes":[{"id":"4","odds":ODDS}]}]}}"#;

    fn error(text: &str) -> (String, String) {
        match decode(text.as_bytes()).expect_err("it is wrong") {
            DecodeError::Schema { pointer, detail } => (pointer, detail),
            DecodeError::Syntax { detail, line, column } => (format!("{line}:{column}"), detail),
        }
    }

    #[test]
    fn an_error_points_at_the_part_that_is_wrong() {
        let (pointer, detail) = error(&ODDS.replace("ODDS", "12"));
        assert_eq!(pointer, "/body/markets/0/outcomes/0/odds");
        assert_eq!(detail, "odds of 12 thousandths are outside 1000 to 1000000000");
        assert_eq!(error(&ODDS.replace("ODDS", "1.85")).0, "/body/markets/0/outcomes/0/odds");
    }

    #[test]
    fn a_missing_field_is_named_where_it_should_be() {
        let text = ODDS.replace("ODDS", "1850");
        assert_eq!(error(&text.replace(r#""sequence":1,"#, "")).0, "/sequence");
        assert_eq!(error(&text.replace(r#""generated_at":5,"#, "")).0, "/generated_at");
        assert_eq!(error(&text.replace(r#""status":"active","#, "")).0, "/body/markets/0/status");
    }

    #[test]
    fn an_unknown_major_version_or_type_is_refused_and_a_minor_one_is_not() {
        let text = ODDS.replace("ODDS", "1850");
        assert_eq!(error(&text.replace("1.0", "2.0")).0, "/schema");
        assert_eq!(error(&text.replace("odds_change", "odds_guess")).0, "/type");
        assert!(
            decode(text.replace("1.0", "1.7").replace(r#""epoch""#, r#""new":[{}],"epoch""#).as_bytes())
                .is_ok()
        );
    }

    #[test]
    fn broken_json_is_told_with_line_and_column() {
        assert_eq!(error("{\n  \"schema\": nope}").0, "2:14");
    }

    #[test]
    fn a_number_where_a_name_should_be_is_json_and_pointed_at() {
        let text = ODDS.replace("ODDS", "1850");
        assert_eq!(
            error(r#"{"sport":4}"#),
            ("/sport".to_owned(), "not a value that may stand here".to_owned())
        );
        assert_eq!(error(&text.replace(r#""hockey""#, "4")).0, "/sport");
        assert_eq!(error(&text.replace(r#""odds_change""#, "4")).0, "/type");
        assert_eq!(error(r#"{"sport":4"#).0, "1:10", "this is none");
    }

    #[test]
    fn what_is_no_text_is_refused_where_it_is_read_and_nowhere_else() {
        let text = ODDS.replace("ODDS", "1850");
        let broken = |name: &str| {
            let at = text.find(name).expect("a name") + name.len() - 1;
            let mut bytes = text.clone().into_bytes();
            bytes[at] = 0xff;
            decode(&bytes).map(|message| message.message_type())
        };
        for read in ["\"m1", "\"active"] {
            assert!(broken(read).is_err(), "{read}");
        }
        let mut unknown = text.replace(r#""epoch""#, r#""new":"?","epoch""#).into_bytes();
        let at = unknown.iter().position(|byte| *byte == b'?').expect("it is there");
        unknown[at] = 0xff;
        assert_eq!(
            decode(&unknown).expect("an unknown field is ignored").message_type(),
            MessageType::OddsChange
        );
    }

    #[test]
    fn a_value_that_only_its_body_cannot_read_is_pointed_at() {
        let text = ODDS.replace("ODDS", "1850");
        assert_eq!(error(&text.replace("1850", "1e999")).0, "/body/markets/0/outcomes/0/odds");
        assert_eq!(
            error(&text.replace(r#""id":"4""#, r#""id":"\ud800""#)).0,
            "/body/markets/0/outcomes/0/id"
        );
    }

    #[test]
    fn an_error_beside_a_flattened_part_points_at_its_own_field() {
        let text = ODDS.replace("ODDS", "1850").replace("odds_change", "settlement");
        let text = text
            .replace(r#""status":"active""#, r#""status":1"#)
            .replace(r#""body":{"#, r#""body":{"certainty":"confirmed","#);
        assert_eq!(
            error(&text.replace(r#""odds":1850"#, r#""result":"drawn""#)).0,
            "/body/markets/0/outcomes/0/result"
        );
        assert_eq!(error(&text).0, "/body/markets/0/outcomes/0/result");
    }

    #[test]
    fn deeply_nested_json_is_refused_and_does_not_overflow() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(decode(ODDS.replace("ODDS", &deep).as_bytes()).is_err());
    }
}
