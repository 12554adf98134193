//! Whatever bytes a batch holds, its pieces lie within it, in order, and messages before and behind them are found
//! untouched.
#![no_main]

use domain::codec::batch::{Format, Piece, Pieces, split};
use libfuzzer_sys::fuzz_target;

const MESSAGES_MAX: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let json = br#"{"message_id":"],\"","b":[{}]}"#;
    let xml = br#"<a message_id="1"><b c="/a>'"/><!--</a>--></a>"#;
    for (format, message, begin, between, end) in [
        (Format::Json, &json[..], &b"["[..], &b","[..], &b"]"[..]),
        (Format::Lines, json, b"", b"\n", b""),
        (Format::Xml, &xml[..], b"<messages>", b"", b"</messages>"),
    ] {
        check(format, bytes);
        let body = [begin, message, between, bytes].concat();
        if let Some(pieces) = check(format, &body) {
            assert_eq!(&body[pieces[0].range.clone()], message, "{format:?}");
        }
        let body = [begin, bytes, between, message, end].concat();
        if let Some(pieces) = check(format, &body) {
            let range = body.len() - end.len() - message.len()..body.len() - end.len();
            assert!(pieces.contains(&Piece { range, fault: None }), "{format:?}");
        }
    }
});

/// The pieces of a batch.
fn check(format: Format, body: &[u8]) -> Option<Vec<Piece>> {
    match split(format, body, MESSAGES_MAX) {
        Ok(Pieces::Many { pieces, messages }) => {
            assert!((1..=MESSAGES_MAX).contains(&messages) && messages <= pieces.len());
            let mut end = 0;
            for piece in &pieces {
                assert!(end <= piece.range.start && piece.range.start <= piece.range.end);
                end = piece.range.end;
            }
            assert!(end <= body.len());
            Some(pieces)
        }
        Ok(Pieces::Single(piece)) => {
            assert_eq!(piece.range.end, body.len());
            None
        }
        Err(_) => None,
    }
}
