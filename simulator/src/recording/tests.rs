use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn header() -> Header {
    Header::new(Name::new("md").unwrap(), Format::Json, "a test", Some(7))
}

fn recording(messages: &[(u64, &[u8])]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, header()).unwrap();
    for (offset_ns, bytes) in messages {
        writer.write(*offset_ns, bytes).unwrap();
    }
    writer.finish().unwrap();
    out.into_inner()
}

fn read(bytes: &[u8]) -> Result<Vec<Message>, RecordingError> {
    Reader::new(bytes)?.collect()
}

fn after_header(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let bytes = recording(&[(1, b"{}"), (258, b"[]")]);
    let (line, messages) = bytes.split_at(after_header(&bytes));
    // The checksum is `sha256sum`'s.
    let header = r#"{"format":"matchday-recording","version":1,"content_type":"application/json","provider":"md","source":"a test","messages":2,"duration_ns":258,"seed":7,"checksum":"sha256:51085437bd3f28b31331eefa12679800c0000551cbfeb3a9165ebc3be78058ef"}"#;
    assert_eq!(std::str::from_utf8(line).unwrap().trim_end(), header);
    assert_eq!(messages, b"\x01\0\0\0\0\0\0\0\x02\0\0\0{}\x02\x01\0\0\0\0\0\0\x02\0\0\0[]");
}

proptest! {
    #[test]
    fn what_was_written_is_read(steps in prop::collection::vec((0_u64..1 << 40, prop::collection::vec(any::<u8>(), 0..64)), 0..32)) {
        let mut offset_ns = 0;
        let messages: Vec<Message> = steps
            .into_iter()
            .map(|(step, bytes)| {
                offset_ns += step;
                Message { offset_ns, bytes }
            })
            .collect();
        let pairs: Vec<(u64, &[u8])> = messages.iter().map(|m| (m.offset_ns, m.bytes.as_slice())).collect();
        let bytes = recording(&pairs);
        let reader = Reader::new(bytes.as_slice()).unwrap();
        prop_assert_eq!(reader.header().messages, Some(messages.len() as u64));
        prop_assert_eq!(reader.header().duration_ns, Some(offset_ns));
        prop_assert_eq!(reader.collect::<Result<Vec<_>, _>>().unwrap(), messages);
    }

    #[test]
    fn a_recording_cut_anywhere_is_told_from_a_whole_one(cut in 0_usize..200) {
        let bytes = recording(&[(0, b"first"), (5, b"second"), (9, b"third")]);
        prop_assume!(cut < bytes.len());
        prop_assert!(read(&bytes[..cut]).is_err());
    }
}

#[test]
fn a_cut_names_the_message_and_the_byte() {
    let bytes = recording(&[(0, b"first"), (5, b"second")]);
    let second = after_header(&bytes) + FRAME_BYTES + 5;
    let error = read(&bytes[..second + FRAME_BYTES + 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("message 2 at byte {second} is cut off: 6 bytes were to follow, 2 do")
    );
    assert!(matches!(
        read(&bytes[..second + 3]),
        Err(RecordingError::Truncated { message: 2, found: 3, .. })
    ));
    assert!(matches!(read(&bytes[..second]), Err(RecordingError::Count { expected: 2, found: 1, .. })));
}

#[test]
fn messages_after_the_last_are_an_error() {
    let mut bytes = recording(&[(0, b"first")]);
    bytes.extend_from_slice(&[0; FRAME_BYTES]);
    assert!(matches!(read(&bytes), Err(RecordingError::Count { expected: 1, found: 2, .. })));
}

#[test]
fn a_recording_whose_writer_died_is_read_as_far_as_it_goes() {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, header()).unwrap();
    writer.write(3, b"first").unwrap();
    drop(writer);
    let bytes = out.into_inner();
    let reader = Reader::new(bytes.as_slice()).unwrap();
    assert_eq!(reader.header().messages, None);
    assert_eq!(reader.count(), 1);
}

#[test]
fn a_message_that_its_writer_did_not_finish_is_left_out() {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, header()).unwrap();
    writer.write(3, b"first").unwrap();
    writer.write(4, b"second").unwrap();
    drop(writer);
    let bytes = out.into_inner();
    let second = bytes.len() - FRAME_BYTES - 6;
    for end in second..bytes.len() {
        let mut reader = Reader::new(&bytes[..end]).unwrap();
        let messages: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
        assert_eq!(messages, [Message { offset_ns: 3, bytes: b"first".to_vec() }]);
        assert_eq!(reader.torn_bytes(), end - second);
    }
}

#[test]
fn what_was_changed_is_found_by_its_checksum() {
    let bytes = recording(&[(1, b"first"), (2, b"second")]);
    let start = after_header(&bytes);
    for at in [start, start + FRAME_BYTES, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let error = read(&changed).unwrap_err();
        assert!(matches!(error, RecordingError::Checksum { .. }), "{error}");
    }
    let reader = Reader::new(bytes.as_slice()).unwrap();
    assert!(reader.header().checksum.as_ref().unwrap().starts_with(CHECKSUM));
}

#[test]
fn a_message_names_its_place() {
    let bytes = recording(&[(0, b"first"), (5, b"second")]);
    let mut reader = Reader::new(bytes.as_slice()).unwrap();
    let start = after_header(&bytes) as u64;
    let places: Vec<_> = std::iter::from_fn(|| reader.next().map(|_| reader.place())).collect();
    let second = start + FRAME_BYTES as u64 + 5;
    assert_eq!(places, [Place { message: 1, at: start }, Place { message: 2, at: second }]);
    assert_eq!(places[1].to_string(), format!("message 2 at byte {second}"));
}

#[test]
fn time_does_not_run_backwards() {
    let mut bytes = recording(&[(5, b""), (5, b"")]);
    let second = after_header(&bytes) + FRAME_BYTES;
    bytes[second] = 4;
    let error = read(&bytes).unwrap_err();
    assert!(
        matches!(error, RecordingError::OutOfOrder { message: 2, offset_ns: 4, previous_ns: 5, .. }),
        "{error}"
    );

    let mut writer = Writer::new(Cursor::new(Vec::new()), header()).unwrap();
    writer.write(5, b"").unwrap();
    assert!(matches!(writer.write(4, b""), Err(RecordingError::OutOfOrder { message: 2, .. })));
}

#[test]
fn a_length_out_of_bounds_is_refused_before_memory_is_taken() {
    let mut bytes = recording(&[(5, b"x")]);
    let length = after_header(&bytes) + 8;
    bytes[length..length + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&bytes), Err(RecordingError::TooLong { message: 1, .. })));
}

#[test]
fn another_file_or_version_is_refused() {
    assert!(matches!(read(b"hello\n"), Err(RecordingError::Header(_))));
    assert!(matches!(read(b""), Err(RecordingError::Header(_))));
    assert!(matches!(read(&vec![b' '; HEADER_BYTES_MAX + 9]), Err(RecordingError::Header(_))));
    let other = String::from_utf8(recording(&[])).unwrap().replace("matchday-recording", "another-recording");
    assert!(matches!(read(other.as_bytes()), Err(RecordingError::Header(_))));
    let later = String::from_utf8(recording(&[])).unwrap().replace(r#""version":1"#, r#""version":2"#);
    assert!(matches!(read(later.as_bytes()), Err(RecordingError::Version(2))));
}

#[test]
fn the_clock_of_a_game_that_is_cut_has_run_on_to_the_cut() {
    let body = r#"{"status":"live","match_status":"half_1","score":{"home":0,"away":0},"clock":{"elapsed_seconds":600}}"#;
    let message = |sequence: u32, kind: &str, body: &str| {
        let (id, at) = (format!("m{sequence}"), 1_767_225_600_000_000_u64 + u64::from(sequence));
        format!(
            r#"{{"schema":"1.0","message_id":"{id}","provider":"md","producer":"live","sport":"football","event_id":"md:match:7","epoch":1,"sequence":{sequence},"type":"{kind}","generated_at":{at},"body":{body}}}"#
        )
    };
    let stop = r#"{"groups":"all","market_status":"suspended"}"#;
    let second = 1_000_000_000;
    let standing = r#"{"standing":{"status":"live","match_status":"half_1"},"markets":[]}"#;
    let told = [
        message(1, "event_status", body),
        message(2, "bet_stop", stop),
        message(3, "odds_change", standing),
        message(4, "bet_stop", stop),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    let [first, stopped, no_clock, last] = [0, 1, 2, 3].map(|place: usize| told[place].as_bytes());
    let whole = recording(&[
        (10 * second, first),
        (70 * second, stopped),
        (80 * second, no_clock),
        (400 * second, last),
    ]);
    std::fs::write(file.path(), whole).unwrap();
    let mut out = Cursor::new(Vec::new());
    cut(file.path(), &Cut { from_ns: 100 * second, ..Cut::default() }, &mut out).unwrap();
    let images = read(out.get_ref()).unwrap();
    let snapshot: serde_json::Value = serde_json::from_slice(&images[0].bytes).unwrap();
    assert_eq!(snapshot["body"]["status"]["clock"]["elapsed_seconds"], 690);
    assert_eq!(snapshot["generated_at"], 1_767_225_600_000_003_u64 + 20_000_000, "it is of that moment");
}

#[test]
fn a_cut_still_says_how_many_games_begin_with_an_image() {
    let message = |game: u32, sequence: u32, kind: &str, body: &str| {
        let at = 1_767_225_600_000_000_u64 + u64::from(sequence);
        format!(
            r#"{{"schema":"1.0","message_id":"m{game}-{sequence}","provider":"md","producer":"live","sport":"football","event_id":"md:match:{game}","epoch":1,"sequence":{sequence},"type":"{kind}","generated_at":{at},"body":{body}}}"#
        )
    };
    let (snapshot, stop) = (r#"{"markets":[]}"#, r#"{"groups":"all","market_status":"suspended"}"#);
    let second = 1_000_000_000;
    let told = [
        (0, message(7, 1, "snapshot", snapshot)),
        (0, message(8, 1, "snapshot", snapshot)),
        (5, message(7, 2, "bet_stop", stop)),
        (5, message(8, 2, "bet_stop", stop)),
        (6, message(8, 3, "snapshot", snapshot)),
        (7, message(9, 1, "snapshot", snapshot)),
        (9, message(8, 4, "bet_stop", stop)),
    ];
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = Writer::new(file.as_file_mut(), header()).unwrap();
    for (seconds, message) in &told {
        writer.write(seconds * second, message.as_bytes()).unwrap();
    }
    for _ in 0..3 {
        writer.count_image();
    }
    assert_eq!(writer.finish().unwrap().images, Some(3));
    let images = |from_seconds: u64, events: &[&str]| {
        let events = events.iter().map(|id| domain::EventId::new(*id).unwrap()).collect();
        let wanted = Cut { from_ns: from_seconds * second, events, ..Cut::default() };
        cut(file.path(), &wanted, Cursor::new(Vec::new())).unwrap().header.images
    };
    assert_eq!(images(0, &[]), Some(3), "as they were");
    assert_eq!(images(0, &["md:match:8"]), Some(1));
    assert_eq!(images(6, &[]), Some(2), "one of the cut, and one of old");
}
