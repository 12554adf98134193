//! No bytes make the reader of XML panic; what it reads can be written, and means the same again in both formats.
#![no_main]

use domain::codec::{Envelope, json, xml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(Envelope::of_xml(bytes));
    match xml::decode(bytes) {
        Ok(message) => {
            let through_xml = xml::decode(&xml::encode(&message)).expect("its own XML");
            let through_json = json::decode(&json::encode(&message)).expect("its own JSON");
            assert!(through_xml == message && through_json == message, "{message:?}");
        }
        Err(error) => assert!(error.to_string().len() < 1_000_000),
    }
});
