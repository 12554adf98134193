//! Whatever bytes come, decompressing them ends, and the size of the steps changes nothing of what comes out.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Ingestion is a program, not a library, and needs librdkafka: only this file of it is built.
#[path = "../../src/decompress.rs"]
mod decompress;

use decompress::{Decompressor, Encoding};

const CONTENT_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        assert_eq!(content(encoding, bytes, 61), content(encoding, bytes, 64 << 10));
    }
});

/// The content up to the limit; none of a body that is broken before it.
fn content(encoding: Encoding, body: &[u8], step_bytes: usize) -> Option<Vec<u8>> {
    let mut decompressor = Decompressor::new(encoding, body).ok()?;
    let (mut content, mut buffer) = (Vec::new(), vec![0; step_bytes]);
    while content.len() < CONTENT_BYTES_MAX {
        match decompressor.step(&mut buffer).ok()? {
            0 => return Some(content),
            length => content.extend_from_slice(&buffer[..length]),
        }
    }
    content.truncate(CONTENT_BYTES_MAX);
    Some(content)
}
