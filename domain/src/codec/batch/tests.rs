//! What splitting finds, and that garbage never costs a neighbour.

use super::*;

mod properties;

/// Every piece with its offset and its text; a fault stands behind it.
fn found(format: Format, body: &str) -> Vec<(usize, String)> {
    let pieces = match split(format, body.as_bytes(), 100).unwrap() {
        Pieces::Single(piece) => vec![piece],
        Pieces::Many { pieces, .. } => pieces,
    };
    let text = |piece: Piece| {
        let fault = piece.fault.map(|fault| format!(" !{fault:?}")).unwrap_or_default();
        (piece.range.start, format!("{}{fault}", &body[piece.range]))
    };
    pieces.into_iter().map(text).collect()
}

fn texts(format: Format, body: &str) -> Vec<String> {
    found(format, body).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn an_array_gives_each_element_its_place() {
    let pieces = found(Format::Json, r#" [{"a":1}, "]", {"b":[2]} ] "#);
    let expected = [(2, r#"{"a":1}"#), (11, r#""]""#), (16, r#"{"b":[2]}"#)];
    assert_eq!(pieces, expected.map(|(offset, text)| (offset, text.to_owned())));
}

#[test]
fn a_broken_element_costs_its_neighbours_nothing() {
    for (body, expected) in [
        (r#"[{"a":1}, {oops}, {"b":2}]"#, vec![r#"{"a":1}"#, "{oops}", r#"{"b":2}"#]),
        (r#"[{"a":1},,{"b":2}]"#, vec![r#"{"a":1}"#, "", r#"{"b":2}"#]),
        (r#"[{"a":1}, ], {"b":2}]"#, vec![r#"{"a":1}"#, "]", r#"{"b":2}"#]),
        (r#"[{"a":1}, [}, {"b":2}]"#, vec![r#"{"a":1}"#, "[}", r#"{"b":2}"#]),
        (r#"[{"a":1}, {"b":2},]"#, vec![r#"{"a":1}"#, r#"{"b":2}"#, ""]),
        (r#"[{"a":1}, {"b":2}] x"#, vec![r#"{"a":1}"#, r#"{"b":2}"#, "] x !Between"]),
        (r#"[{"a":1}, {"b":2}],"#, vec![r#"{"a":1}"#, r#"{"b":2}"#, "] !Between", " !MissingEnd"]),
        (r#"[{"a":1}]["b"]"#, vec![r#"{"a":1}"#, r#"]["b" !Between"#]),
        (r#"[{"a":1} x, {"b":2}]"#, vec![r#"{"a":1} x"#, r#"{"b":2}"#]),
        (r#"[{"a":1}, {"b":2}"#, vec![r#"{"a":1}"#, r#"{"b":2}"#, " !MissingEnd"]),
        (r#"[{"a":1}, {"b":"2}, {"c":3}]"#, vec![r#"{"a":1}"#, r#"{"b":"2}, {"c":3} !Unterminated"#]),
        (r#"[{"a":1}, {"b":2"#, vec![r#"{"a":1}"#, r#"{"b":2 !Unterminated"#]),
        (r#"[{"a":"\"]\\"}, 2]"#, vec![r#"{"a":"\"]\\"}"#, "2"]),
        ("[", vec![" !MissingEnd"]),
    ] {
        let expected: Vec<String> = expected.into_iter().map(str::trim_start).map(str::to_owned).collect();
        let texts: Vec<String> =
            texts(Format::Json, body).iter().map(|text| text.trim_start().to_owned()).collect();
        assert_eq!(texts, expected, "{body}");
    }
}

#[test]
fn a_message_that_does_not_end_costs_those_behind_it_nothing() {
    const GOOD: &str = r#"{"schema":"1.0","message_id":"1","body":{"markets":[{"id":1}]}}"#;
    for (broken, fault) in [
        // A bracket, several, a quote, the end of a name or of all are missing.
        (&GOOD[..GOOD.len() - 1], " !Unterminated"),
        (&GOOD[..GOOD.len() - 2], " !Unterminated"),
        (&GOOD[..GOOD.len() - 3], " !Unterminated"),
        (&GOOD[..GOOD.len() - 5], " !Unterminated"),
        (r#"{"schema":"1.0","message_id":"1}"#, " !Unterminated"),
        (r#"{"schema":"1.0","message_id":"1\"}"#, " !Unterminated"),
        (r#"{"schema":"1.0","message_id":"1","bo"#, " !Unterminated"),
        (r#"{"schema":"1.0","message_id"#, " !Unterminated"),
        (r#"{"schema":"1.0""#, " !Unterminated"),
        (r#"{"x":{"schema":"1.0"}"#, " !Unterminated"),
        (r#"{"x"#, " !Unterminated"),
        ("{", " !Unterminated"),
        // Others are too many, or stand where they must not.
        (r#"{"schema":"1.0"}}"#, ""),
        (r#"{"schema":"1.0"]}"#, ""),
        (r#"{"schema":"1.0""}"#, " !Unterminated"),
        ("]", ""),
        ("\"", " !Unterminated"),
    ] {
        let (good, broken_piece) = (GOOD.to_owned(), format!("{broken}{fault}"));
        let body = format!("[{GOOD}, {broken}, {GOOD} ,\n{broken},{GOOD}]");
        let expected = [&good, &broken_piece, &good, &broken_piece, &good];
        assert_eq!(texts(Format::Json, &body).iter().collect::<Vec<_>>(), expected, "{body}");
    }
    let joined = format!("[{GOOD}{GOOD}, {GOOD}][{GOOD}] {GOOD}\n");
    let expected =
        [GOOD, " !MissingComma", GOOD, GOOD, "][ !Between", GOOD, "] !Between", GOOD, " !MissingEnd"];
    assert_eq!(texts(Format::Json, &joined), expected.map(str::to_owned));
}

#[test]
fn a_message_may_hold_what_looks_like_messages() {
    let holder = r#"{"schema":"1.0","x":[{"schema":"1.0"},{"message_id":"1"}],"y":"{\"schema\":\"1.0\"}"}"#;
    assert_eq!(texts(Format::Json, &format!("[{holder}, {holder}]")), [holder, holder]);
}

#[test]
fn a_message_begins_with_a_field_of_its_envelope() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/v1")).unwrap() {
        let path = file.unwrap().path();
        let is_message = !path.file_name().unwrap().to_string_lossy().starts_with("update");
        if is_message && path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read(&path).unwrap();
            let message: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).unwrap();
            for name in message.keys() {
                assert!(array::ENVELOPE.contains(&name.as_bytes()), "{name} in {}", path.display());
            }
        }
    }
}

#[test]
fn elements_that_never_end_cost_no_more_than_a_few_looks() {
    // Each opens a list in which all that follow could stand, so that only the end tells that it is broken.
    let broken = r#"{"message_id":[1,"#.repeat(300_000);
    let began = std::time::Instant::now();
    let Pieces::Many { messages, .. } =
        split(Format::Json, format!("[{broken}").as_bytes(), 1_000_000).unwrap()
    else {
        panic!("a batch");
    };
    assert_eq!(messages, 300_000);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn what_is_no_batch_is_one_message_whole() {
    for (format, body) in [
        (Format::Json, r#" {"a":1} "#),
        (Format::Json, "nonsense"),
        (Format::Xml, r#"<?xml version="1.0"?><alive message_id="1"/>"#),
        (Format::Xml, "<!DOCTYPE messages [<!ENTITY a 'b'>]><messages><a/></messages>"),
        (Format::Xml, "<messages <a/></messages>"),
        (Format::Xml, "<!-- "),
        (Format::Xml, "xmessages>"),
    ] {
        assert_eq!(found(format, body), [(0, body.to_owned())]);
        assert!(matches!(split(format, body.as_bytes(), 1), Ok(Pieces::Single(_))), "{body}");
    }
}

#[test]
fn lines_are_split_whatever_is_in_them() {
    let pieces = found(Format::Lines, "{\"a\":1}\r\n\n  oops [\n{\"b\":2}");
    assert_eq!(
        pieces,
        [(0, r#"{"a":1}"#), (12, "oops ["), (19, r#"{"b":2}"#)].map(|(at, text)| (at, text.to_owned()))
    );
}

#[test]
fn a_batch_of_xml_gives_each_child_its_place() {
    let body = "<?xml version='1.0' encoding='UTF-8'?>\n<!-- two --><messages a='>'>\n \
                <alive message_id=\"a\"/> <!-- </messages> -->\n\
                <cancel message_id=\"b\"><market>]]</market><![CDATA[</cancel>]]></cancel ></messages>\n<!-- end -->";
    let texts = texts(Format::Xml, body);
    assert_eq!(texts[0], "<alive message_id=\"a\"/>");
    assert_eq!(texts[1], "<cancel message_id=\"b\"><market>]]</market><![CDATA[</cancel>]]></cancel >");
    assert_eq!(texts.len(), 2);
}

#[test]
fn a_broken_child_costs_its_neighbours_nothing() {
    const GOOD: &str = r#"<bet_stop message_id="1" detail="a > b, message_id='2'"><x/></bet_stop>"#;
    for (broken, pieces) in [
        ("<oops/>", vec!["<oops/>"]),
        ("<oops><a></b></oops>", vec!["<oops><a></b></oops>"]),
        ("<oops><oops></oops></oops>", vec!["<oops><oops></oops></oops>"]),
        ("<bet_stop message_id='2'><x>", vec!["<bet_stop message_id='2'><x> !Unterminated"]),
        ("<bet_stop", vec!["<bet_stop !Unterminated"]),
        ("<bet_stop detail=\"a", vec!["<bet_stop detail=\"a !Unterminated"]),
        ("</oops>", vec!["</oops> !StrayEnd"]),
        ("</messages>", vec!["</messages> !StrayEnd"]),
        ("text", vec!["text !Between"]),
        ("<![CDATA[ <a> ]]>", vec!["<![CDATA[ <a> ]]> !Between"]),
        ("<!ELEMENT a b>", vec!["<!ELEMENT a b> !Between"]),
    ] {
        let body = format!("<messages>{GOOD}{broken}{GOOD}</messages>");
        let expected = [vec![GOOD], pieces.clone(), vec![GOOD]].concat();
        assert_eq!(texts(Format::Xml, &body), expected, "{body}");
        let last = format!("<messages>{GOOD}{broken}</messages>");
        assert_eq!(texts(Format::Xml, &last), [vec![GOOD], pieces].concat(), "{last}");
    }
    assert_eq!(texts(Format::Xml, &format!("<messages>{GOOD} ")), [GOOD, " !MissingEnd"]);
}

#[test]
fn a_comment_that_does_not_end_hides_no_message() {
    let good = |inside: &str| format!(r#"<bet_stop message_id="1">{inside}</bet_stop>"#);
    for (begin, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")] {
        let whole = good(&format!("{begin} <x message_id='2'/></messages> {end}"));
        let open = format!("<bet_stop message_id='3'>{begin} <x/></bet_stop>");
        for (pieces, is_open) in [
            (vec![good(""), open.clone(), good("")], [false, true, false]),
            (vec![good(""), open.clone(), whole.clone()], [false, true, false]),
            (vec![whole.clone(), open.clone(), open.clone()], [false, true, true]),
            (vec![open.clone(), whole.clone(), begin.to_owned()], [true, false, true]),
            (vec![begin.to_owned(), whole.clone(), open.clone()], [true, false, true]),
        ] {
            let body = format!("<messages>{}</messages>", pieces.concat());
            let fault = |is_open| if is_open { " !Unterminated" } else { "" };
            let expected: Vec<String> = pieces
                .iter()
                .zip(is_open)
                .map(|(piece, is_open)| format!("{piece}{}", fault(is_open)))
                .collect();
            assert_eq!(texts(Format::Xml, &body), expected, "{body}");
        }
        // Without the batch's end tag, too.
        let body = format!("<messages>{open}{}", good(""));
        assert_eq!(
            texts(Format::Xml, &body),
            [format!("{open} !Unterminated"), good(""), " !MissingEnd".to_owned()]
        );
    }
}

#[test]
fn a_processing_instruction_is_no_part_of_a_batch() {
    let body = "<?xml version='1.0'?><?a?><messages><?b?><x/><!-- c --></messages><?d?>";
    assert_eq!(texts(Format::Xml, body), ["<?a?> !Between", "<?b?> !Between", "<x/>", "<?d?> !Between"]);
}

#[test]
fn sections_that_never_end_cost_no_more_than_a_few_looks() {
    for begin in ["<!--", "<![CDATA[", "<?", "<a message_id='1'><!--", "<a message_id='1'><![CDATA["] {
        let body = format!("<messages>{}", begin.repeat(4_000_000 / begin.len()));
        let began = std::time::Instant::now();
        assert!(split(Format::Xml, body.as_bytes(), 1_000_000).is_ok());
        assert!(began.elapsed().as_secs() < 5, "{begin} {:?}", began.elapsed());
    }
}

#[test]
fn a_byte_order_mark_belongs_to_no_message_and_other_encodings_are_named() {
    for (format, text) in [
        (Format::Json, "{}"),
        (Format::Json, "[{},{}]"),
        (Format::Lines, "{}\n{}"),
        (Format::Xml, "<alive/>"),
    ] {
        let plain = found(format, text);
        let marked = found(format, &format!("\u{feff}{text}"));
        let moved: Vec<_> = plain.into_iter().map(|(offset, text)| (offset + 3, text)).collect();
        assert_eq!(marked, moved);
    }
    let refused = |format, body: &[u8]| split(format, body, 9).unwrap_err().to_string();
    assert!(refused(Format::Json, b"\xff\xfe{\0}\0").contains("UTF-16"));
    let latin = b"<?xml version='1.0' encoding = 'ISO-8859-1'?><messages><a/></messages>";
    assert!(refused(Format::Xml, latin).contains("ISO-8859-1"));
}

#[test]
fn nothing_and_too_much_are_refused_whole() {
    for (format, body) in [
        (Format::Json, ""),
        (Format::Json, " \n"),
        (Format::Json, " [ ] "),
        (Format::Lines, "\r\n \n"),
        (Format::Xml, " "),
        (Format::Xml, "<messages/>"),
        (Format::Xml, "<messages> <!-- --> </messages>"),
    ] {
        assert_eq!(split(format, body.as_bytes(), 3), Err(SplitError::Empty), "{body}");
    }
    for (format, three, four) in [
        (Format::Json, "[M,M,M]", "[M,M,M,M]"),
        (Format::Json, "[M,1,2,M]", "[M,1,2,M,3]"),
        (Format::Lines, "1\n2\n3", "1\n2\n3\n4\n"),
        (Format::Xml, "<messages>XXX</messages>", "<messages>XXXX</messages>"),
        (Format::Xml, "<messages>X<a/><a/>X</messages>", "<messages>X<a/><a/>X<a/></messages>"),
    ] {
        let body = |text: &str| text.replace('M', r#"{"message_id":1}"#).replace('X', "<a message_id='1'/>");
        let counted = split(format, body(three).as_bytes(), 3);
        assert!(matches!(counted, Ok(Pieces::Many { messages: 3, .. })), "{three}");
        assert_eq!(split(format, body(four).as_bytes(), 3), Err(SplitError::TooMany { max: 3 }), "{four}");
    }
}

#[test]
fn what_one_broken_message_falls_into_is_told_in_a_few_pieces_and_counts_as_one() {
    const GOOD: &str = r#"{"message_id":"1","body":{}}"#;
    let markets = r#",{"id":1}"#.repeat(2_000);
    let body = format!("[{GOOD},{GOOD}{markets}]}}}},{GOOD}]");
    let Pieces::Many { pieces, messages } = split(Format::Json, body.as_bytes(), 4).unwrap() else {
        panic!("a batch");
    };
    assert_eq!((pieces.len(), messages), (2 + FRAGMENTS_MAX + 1, 4));
    assert_eq!(&body[pieces.last().unwrap().range.clone()], GOOD);
    assert!(pieces.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));

    let good = "<alive message_id='1'/>";
    let markets = "<market id='1'></market>".repeat(2_000);
    let body =
        format!("<messages>{good}<odds_change message_id='2'/>{markets}</odds_change>{good}</messages>");
    let Pieces::Many { pieces, messages } = split(Format::Xml, body.as_bytes(), 4).unwrap() else {
        panic!("a batch");
    };
    assert_eq!((pieces.len(), messages), (2 + FRAGMENTS_MAX + 1, 4));
    assert_eq!(&body[pieces.last().unwrap().range.clone()], good);
}

#[test]
fn depth_costs_no_stack() {
    let depth = 200_000;
    let array = format!("[{}{}]", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(found(Format::Json, &array).len(), 1);
    let xml = format!("<messages>{}{}</messages>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert_eq!(found(Format::Xml, &xml).len(), 1);
}
