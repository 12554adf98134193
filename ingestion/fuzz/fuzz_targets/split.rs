//! Whatever bytes a batch holds, its pieces lie within it, in order, and a message before them is found untouched.
#![no_main]

use domain::codec::batch::{Format, Pieces, split};
use libfuzzer_sys::fuzz_target;

const MESSAGES_MAX: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let json = br#"{"a":"],\"","b":[{}]}"#;
    let xml = br#"<a message_id="1"><b c="/a>'"/><!--</a>--></a>"#;
    for (format, message, begin, between) in [
        (Format::Json, &json[..], &b"["[..], &b","[..]),
        (Format::Lines, json, b"", b"\n"),
        (Format::Xml, &xml[..], b"<messages>", b""),
    ] {
        check(format, bytes);
        let body = [begin, message, between, bytes].concat();
        if let Some(first) = check(format, &body) {
            assert_eq!(&body[first], message, "{format:?}");
        }
    }
});

/// The first piece of a batch.
fn check(format: Format, body: &[u8]) -> Option<std::ops::Range<usize>> {
    match split(format, body, MESSAGES_MAX) {
        Ok(Pieces::Many(pieces)) => {
            assert!((1..=MESSAGES_MAX).contains(&pieces.len()));
            let mut end = 0;
            for piece in &pieces {
                assert!(end <= piece.range.start && piece.range.start <= piece.range.end);
                end = piece.range.end;
            }
            assert!(end <= body.len());
            Some(pieces[0].range.clone())
        }
        Ok(Pieces::Single(piece)) => {
            assert_eq!(piece.range.end, body.len());
            None
        }
        Err(_) => None,
    }
}
