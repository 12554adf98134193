//! Whole, cut, damaged and joined bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn compress(encoding: Encoding, content: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// The whole content, by steps of `step` bytes; none of it is more than `max`.
fn decompress(encoding: Encoding, body: &[u8], step: usize, max: usize) -> Result<Vec<u8>, DecompressError> {
    let mut decompressor = Decompressor::new(encoding, body)?;
    let (mut content, mut buffer) = (Vec::new(), vec![0; step]);
    while content.len() <= max {
        match decompressor.step(&mut buffer)? {
            0 => return Ok(content),
            length => content.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(content)
}

const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

#[test]
fn parts_are_joined_and_garbage_behind_them_is_refused() {
    for encoding in BOTH {
        let empty = compress(encoding, b"");
        assert_eq!(decompress(encoding, &empty, 10, 10).unwrap(), b"");
        let joined = [compress(encoding, b"one, "), empty, compress(encoding, b"two")].concat();
        assert_eq!(decompress(encoding, &joined, 3, 100).unwrap(), b"one, two");
        for garbage in [&b"garbage that is long enough for a head"[..], &[0; 20], b"\n", &[0], b"\0\0\0"] {
            let error = decompress(encoding, &[&joined, garbage].concat(), 100, 100).unwrap_err();
            assert_eq!(error, DecompressError::TrailingGarbage(garbage.len()), "{encoding:?}");
        }
        let cut = &compress(encoding, b"three")[..3];
        let error = decompress(encoding, &[&joined, cut].concat(), 100, 100).unwrap_err();
        assert_eq!(error, DecompressError::Truncated, "{encoding:?}");
        let skippable = [&[0x5f, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7][..], &joined].concat();
        let with_skippable = decompress(encoding, &[&joined[..], &skippable].concat(), 100, 100);
        assert_eq!(with_skippable.is_ok(), encoding == Encoding::Zstd);
    }
}

#[test]
fn parts_without_end_are_refused() {
    for encoding in BOTH {
        let part = compress(encoding, b"");
        assert!(decompress(encoding, &part.repeat(MEMBERS_MAX), 10, 10).is_ok());
        let error = decompress(encoding, &part.repeat(MEMBERS_MAX + 1), 10, 10).unwrap_err();
        assert_eq!(error, DecompressError::TooManyMembers);
    }
}

#[test]
fn a_cut_body_is_truncated_wherever_it_is_cut() {
    for encoding in BOTH {
        let body = compress(encoding, b"some content, some content, some more content");
        for length in 0..body.len() {
            let error = decompress(encoding, &body[..length], 16, 1_000).unwrap_err();
            assert_eq!(error, DecompressError::Truncated, "{encoding:?} {length} of {}", body.len());
        }
    }
}

#[test]
fn a_damaged_body_is_corrupt() {
    for encoding in BOTH {
        let mut body = compress(encoding, &b"some content, some content, some more content".repeat(20));
        let checksum = body.len() - if encoding == Encoding::Gzip { 8 } else { 4 };
        body[checksum] ^= 1;
        let error = decompress(encoding, &body, 100, 10_000).unwrap_err();
        assert!(matches!(error, DecompressError::Corrupt(_)), "{encoding:?} {error}");
        let error = decompress(encoding, b"{\"not\":\"compressed at all\"}", 100, 10_000).unwrap_err();
        assert!(matches!(error, DecompressError::Corrupt(_)), "{encoding:?} {error}");
    }
}

#[test]
fn a_frame_may_ask_for_a_window_of_8_mib_and_no_more() {
    for (log, is_taken) in [(23, true), (24, false)] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        encoder.write_all(b"small").unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(decompress(Encoding::Zstd, &body, 100, 100).is_ok(), is_taken, "{log}");
    }
}

proptest! {
    #[test]
    fn what_was_compressed_comes_back(
        content in prop::collection::vec(any::<u8>(), 0..2_000),
        repeat in 1_usize..20,
        step in 1_usize..5_000,
        encoding in prop::sample::select(BOTH.to_vec()),
    ) {
        let content = content.repeat(repeat);
        let body = compress(encoding, &content);
        prop_assert_eq!(decompress(encoding, &body, step, content.len()).unwrap(), content);
    }

    #[test]
    fn any_bytes_end_in_an_error_and_what_is_damaged_is_never_read_as_something_else(
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        content in prop::collection::vec(any::<u8>(), 0..300),
        place in any::<prop::sample::Index>(),
        encoding in prop::sample::select(BOTH.to_vec()),
    ) {
        let _ = decompress(encoding, &garbage, 64, 1_000);
        let mut body = compress(encoding, &content);
        // The fifth byte of a zstd frame says whether there is a checksum: of a frame that says no, nobody can tell.
        let at = place.index(body.len()).max(5);
        body.splice(at..at, garbage);
        if let Ok(read) = decompress(encoding, &body, 64, 1_000) {
            prop_assert_eq!(read, content, "the checksum is that of the content");
        }
    }
}
