//! What the benchmarks read and write, and the allocator that the services run on.

use std::fs;
use std::path::PathBuf;

use domain::codec::batch::{Format, Pieces, split};
use domain::codec::uof::{self, Decoded, Origin, RoutingKey};
use domain::codec::{json, xml};
use domain::{EventState, FeedMessage, Name, Update};

use crate::in_play;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages of one request.
pub const REQUEST: usize = 1_000;

/// The types of which a busy feed is made.
pub const TYPES: [&str; 5] = ["odds_change", "event_status", "incident", "bet_stop", "settlement"];

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A golden message in JSON, without the line's end.
pub fn in_json(name: &str) -> Vec<u8> {
    let bytes = golden(&format!("v1/{name}.json")).trim_ascii_end().to_vec();
    json::decode(&bytes).expect("a golden message");
    bytes
}

/// The same message in XML.
pub fn in_xml(name: &str) -> Vec<u8> {
    let bytes = golden(&format!("v1/{name}.xml")).trim_ascii_end().to_vec();
    xml::decode(&bytes).expect("a golden message");
    bytes
}

/// The same message, read.
pub fn message(name: &str) -> FeedMessage {
    json::decode(&in_json(name)).expect("a golden message")
}

/// A request of the types in turn.
pub fn request(format: Format) -> Vec<u8> {
    let (open, between, close, read): (_, _, _, fn(&str) -> Vec<u8>) = match format {
        Format::Lines => ("", "\n", "\n", in_json),
        Format::Json => ("[", ",", "]", in_json),
        Format::Xml => ("<messages>", "\n", "</messages>", in_xml),
    };
    let messages: Vec<Vec<u8>> = TYPES.iter().cycle().take(REQUEST).map(|name| read(name)).collect();
    let body = [open.as_bytes(), &messages.join(between.as_bytes()), close.as_bytes()].concat();
    let pieces = split(format, &body, REQUEST).expect("a request");
    assert!(matches!(pieces, Pieces::Many { messages: REQUEST, .. }), "not cut as it was put together");
    body
}

/// A golden message of a Unified Odds Feed, and what is known of it without looking into it.
pub struct Uof {
    pub bytes: Vec<u8>,
    provider: Name,
    routing_key: RoutingKey,
}

impl Uof {
    pub fn new(name: &str) -> Self {
        let message = Self {
            bytes: golden(&format!("uof/{name}.xml")),
            provider: Name::new("uof").expect("a name"),
            routing_key: "hi.-.live.any.1.-.-.-".parse().expect("a routing key"),
        };
        message.decode(&message.bytes).expect("a golden message");
        message
    }

    /// Reads `bytes` as what came with this message's routing key.
    pub fn decode(&self, bytes: &[u8]) -> Result<Decoded, uof::DecodeError> {
        let routing_key = Some(&self.routing_key);
        uof::decode(bytes, &Origin { provider: &self.provider, routing_key, sport_of: &|_| None })
    }
}

/// A match whose markets are all offered, and its next message, in which every price moves.
pub fn next() -> (EventState, FeedMessage) {
    let mut state = in_play::before();
    in_play::apply(&mut state, &in_play::odds_change(1, 0..in_play::MARKETS));
    // As after each transaction.
    state.take_touched();
    (state, in_play::odds_change(2, 0..in_play::MARKETS))
}

/// What that message leads to.
pub fn update() -> Update {
    let (mut state, message) = next();
    in_play::apply(&mut state, &message)
}
