//! No bytes make the reader of Unified Odds Feed XML panic; what it reads is a message of both native formats.
#![no_main]

use domain::codec::uof::{Origin, decode};
use domain::codec::{json, xml};
use domain::{Name, Sport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let provider = Name::new("uof").expect("a name");
    for sport in Sport::ALL {
        match decode(bytes, &Origin { provider: &provider, routing_key: None, sport_of: &|_| Some(sport) }) {
            Ok(decoded) => {
                let message = decoded.message;
                let through_xml = xml::decode(&xml::encode(&message)).expect("its own XML");
                let through_json = json::decode(&json::encode(&message)).expect("its own JSON");
                assert!(through_xml == message && through_json == message, "{message:?}");
            }
            Err(error) => assert!(error.to_string().len() < 1_000_000),
        }
    }
});
