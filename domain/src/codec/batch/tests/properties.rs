//! Whatever bytes come, pieces lie within them, and a valid message is found whatever stands beside it.

use proptest::prelude::*;

use super::*;

/// Pieces of every format's grammar in any order, with any bytes between them.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "\\",
        "\n",
        " ",
        "<",
        ">",
        "/>",
        "</",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "?>",
        "'",
        "=",
        "<messages",
        "<messages>",
        "</messages>",
        " message_id=\"",
        "<a>",
        "</a>",
        "a",
        "\u{feff}",
    ]);
    let token = prop_oneof![9 => token.prop_map(|text| text.as_bytes().to_vec()), 1 => any::<[u8; 2]>().prop_map(Vec::from)];
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Format::Json, Format::Lines, Format::Xml])
}

/// A JSON message with whatever may mislead a splitter in its strings.
fn json_message() -> impl Strategy<Value = String> {
    ("[ -~é]{0,12}", 0_u32..99).prop_map(|(text, number)| {
        let text = serde_json::to_string(&text).unwrap();
        format!(r#"{{"a":{text},"b":[{number},{{"c":{text}}}]}}"#)
    })
}

/// An element that closes what it opens, and closes more.
fn json_garbage() -> impl Strategy<Value = String> {
    let part =
        prop::sample::select(vec!["{", "[", "}", "]", "\"a,]\"", "oops", ":", "'", "\\", " ", "<", "1"]);
    prop::collection::vec(part, 0..12).prop_map(|parts| {
        let text = parts.concat();
        let mut open = 0_usize;
        for part in &parts {
            match *part {
                "{" | "[" => open += 1,
                "}" | "]" => open = open.saturating_sub(1),
                _ => {}
            }
        }
        text + &"}".repeat(open)
    })
}

fn xml_message() -> impl Strategy<Value = String> {
    let body = prop::sample::select(vec![
        "",
        "<market id=\"1\"/>",
        "<market id='>'><outcome a=\"message_id='1' \"/></market>",
        "<!-- </odds_change> <a message_id=\"2\"> -->",
        "<odds_change><odds_change/></odds_change>",
    ]);
    (body, "[a-z >='/]{0,8}").prop_map(|(body, text)| {
        format!(
            "<odds_change\n{} message_id = \"{text}\">{body}</odds_change>",
            if text.len() > 4 { "a='\"'" } else { "" }
        )
    })
}

/// Whatever may stand in a child that is none.
fn xml_garbage() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "<odds_change>",
        "</odds_change>",
        "<odds_change a=\"",
        "<a>",
        "</a>",
        "</messages>",
        "<messages>",
        "<",
        ">",
        "\"",
        "'",
        " message_id=\"x\"",
        "text",
        "/>",
        "<!-- a -->",
        "<!--",
        "<![CDATA[",
        "<?",
        "<!x>",
        "<odds_change message_id='2'>",
        " ",
        "=",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// Good messages (true) and garbage in any order, at least one good.
fn mixed(
    good: impl Strategy<Value = String>,
    bad: impl Strategy<Value = String>,
) -> impl Strategy<Value = Vec<(bool, String)>> {
    let element = prop_oneof![good.prop_map(|text| (true, text)), bad.prop_map(|text| (false, text))];
    prop::collection::vec(element, 1..8)
        .prop_filter("a good one", |all| all.iter().any(|(is_good, _)| *is_good))
}

fn pieces_of(format: Format, body: &[u8]) -> Vec<(Vec<u8>, Option<Fault>)> {
    match split(format, body, 10_000).unwrap() {
        Pieces::Single(_) => panic!("a batch"),
        Pieces::Many { pieces, .. } => {
            pieces.into_iter().map(|piece| (body[piece.range].to_vec(), piece.fault)).collect()
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_give_ranges_in_order_within_the_body(format in format(), body in soup(), max in 1_usize..9) {
        match split(format, &body, max) {
            Ok(Pieces::Single(piece)) => prop_assert!(piece.range.end == body.len()),
            Ok(Pieces::Many { pieces, messages }) => {
                prop_assert!((1..=max).contains(&messages));
                prop_assert!((messages..=messages * (FRAGMENTS_MAX + 1)).contains(&pieces.len()));
                let mut end = 0;
                for piece in pieces {
                    prop_assert!(end <= piece.range.start && piece.range.start <= piece.range.end);
                    end = piece.range.end;
                }
                prop_assert!(end <= body.len());
            }
            Err(_) => {}
        }
    }

    #[test]
    fn a_valid_element_is_found_whatever_stands_beside_it(elements in mixed(json_message(), json_garbage())) {
        let joined = elements.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ,\n");
        let pieces = pieces_of(Format::Json, format!("[{joined}]").as_bytes());
        let mut found = pieces.iter();
        for (_, text) in elements.iter().filter(|(is_good, _)| *is_good) {
            let is_it = |(bytes, fault): &(Vec<u8>, Option<Fault>)| bytes == text.as_bytes() && fault.is_none();
            prop_assert!(found.any(is_it), "{} is not in {:?}", text, pieces);
        }
    }

    #[test]
    fn a_message_is_found_behind_any_bytes_at_all(
        elements in prop::collection::vec((soup(), json_message()), 1..6),
    ) {
        let envelope = |text: &str| text.replacen("{\"a\"", "{\"message_id\"", 1);
        let mut body = b"[".to_vec();
        for (garbage, text) in &elements {
            body.extend([garbage, &b" ,"[..], envelope(text).as_bytes(), b", "].concat());
        }
        let pieces = pieces_of(Format::Json, &body);
        let mut found = pieces.iter();
        for (_, text) in &elements {
            let text = envelope(text);
            let is_it = |(bytes, fault): &(Vec<u8>, Option<Fault>)| bytes == text.as_bytes() && fault.is_none();
            prop_assert!(found.any(is_it), "{} is not in {:?}", text, pieces);
        }
    }

    #[test]
    fn valid_elements_before_any_bytes_at_all_are_found(
        elements in prop::collection::vec(json_message(), 1..5),
        rest in soup(),
    ) {
        let body = [b"[", elements.join(",").as_bytes(), b",", &rest].concat();
        let pieces = pieces_of(Format::Json, &body);
        for ((bytes, fault), text) in pieces.iter().zip(&elements) {
            prop_assert_eq!((bytes.as_slice(), *fault), (text.as_bytes(), None));
        }
        prop_assert!(pieces.len() > elements.len());
    }

    #[test]
    fn a_valid_line_is_found_whatever_stands_beside_it(elements in mixed(json_message(), "[^\n]{0,20}")) {
        let joined = elements.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
        let pieces = pieces_of(Format::Lines, joined.as_bytes());
        let mut lines = pieces.iter();
        for (_, text) in elements.iter().filter(|(is_good, _)| *is_good) {
            prop_assert!(lines.any(|(bytes, _)| bytes == text.as_bytes()));
        }
    }

    #[test]
    fn a_valid_child_is_found_whatever_stands_beside_it(elements in mixed(xml_message(), xml_garbage())) {
        let joined: String = elements.iter().map(|(_, text)| text.as_str()).collect();
        let pieces = pieces_of(Format::Xml, format!("<messages>{joined}</messages>").as_bytes());
        let mut children = pieces.iter();
        for (_, text) in elements.iter().filter(|(is_good, _)| *is_good) {
            let is_it = |(bytes, fault): &(Vec<u8>, Option<Fault>)| bytes == text.as_bytes() && fault.is_none();
            prop_assert!(children.any(is_it), "{} is not in {:?}", text, pieces);
        }
    }
}
