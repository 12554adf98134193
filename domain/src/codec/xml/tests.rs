use super::*;

const ODDS: &str = r#"<odds_change schema="1.0" message_id="m1" provider="md" producer="live" sport="hockey" event_id="md:match:1" epoch="1" sequence="1" generated_at="5"><market id="1" status="handed_over"/><market id="406" status="active"><outcome id="4" odds="1850"/></market></odds_change>"#;

fn reads(text: &str) -> FeedMessage {
    decode(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn says_the_same(text: &str) {
    assert_eq!(reads(text), reads(ODDS), "{text}");
}

/// The path of what is wrong, and what is wrong with it.
#[track_caller]
fn schema(text: &str) -> (String, String) {
    match decode(text.as_bytes()).expect_err("it is wrong") {
        DecodeError::Schema { place, detail } => (place.path, detail),
        error => panic!("{error}"),
    }
}

/// Line, column and path of what is not XML, and what it stumbled over.
#[track_caller]
fn syntax(bytes: impl AsRef<[u8]>) -> (usize, usize, String, String) {
    match decode(bytes.as_ref()).expect_err("it is wrong") {
        DecodeError::Syntax { place, detail } => (place.line, place.column, place.path, detail),
        error => panic!("{error}"),
    }
}

#[test]
fn a_message_is_written_as_a_person_would() {
    assert_eq!(String::from_utf8(encode(&reads(ODDS))).expect("UTF-8"), ODDS);
}

#[test]
fn an_error_says_line_column_and_path() {
    let wrong = ODDS.replace("<market", "\n  <market").replace("1850", "12");
    let error = decode(wrong.as_bytes()).expect_err("odds below one");
    assert_eq!(
        error.to_string(),
        "odds of 12 thousandths are outside 1000 to 1000000000 \
         at line 3 column 52 (`/odds_change/market[2]/outcome[1]/@odds`)"
    );
    assert_eq!(
        schema(&ODDS.replace("1850", "1.85")),
        (
            "/odds_change/market[2]/outcome[1]/@odds".to_owned(),
            "`1.85` is not an integer from 0 to 4294967295".to_owned()
        )
    );
}

#[test]
fn an_integer_is_written_as_in_json() {
    for wrong in ["+2", "02", "-0", "00", "", " 2", "2."] {
        let text = ODDS.replace(r#"epoch="1""#, &format!(r#"epoch="{wrong}""#));
        match decode(text.as_bytes()).expect_err(wrong) {
            DecodeError::Schema { place, detail } => {
                assert_eq!((place.line, place.path.as_str()), (1, "/odds_change/@epoch"));
                assert_eq!(place.column, text.find("epoch").expect("there") + 1);
                assert_eq!(detail, format!("`{wrong}` is not an integer from 0 to 18446744073709551615"));
            }
            error => panic!("{error}"),
        }
    }
    for wrong in ["+5", "-0", "-05"] {
        schema(&ODDS.replace(r#"generated_at="5""#, &format!(r#"generated_at="{wrong}""#)));
    }
    assert_eq!(reads(&ODDS.replace(r#"generated_at="5""#, r#"generated_at="-5""#)).generated_at.0, -5);
    assert_eq!(reads(&ODDS.replace(r#"generated_at="5""#, r#"generated_at="0""#)).generated_at.0, 0);
}

#[test]
fn what_is_missing_is_named_where_it_should_be() {
    let without = |part: &str| schema(&ODDS.replace(part, ""));
    assert_eq!(without(r#" sequence="1""#).0, "/odds_change/@sequence");
    assert_eq!(without(r#" status="active""#).0, "/odds_change/market[2]/@status");
    let fixture = ODDS
        .replace("odds_change", "fixture")
        .replace(r#""5">"#, r#""5" scheduled_start="7"><home id="a:b:c" name="C"/>"#);
    assert_eq!(schema(&fixture), ("/fixture/away".to_owned(), "missing element `away`".to_owned()));
}

#[test]
fn what_stands_there_twice_is_refused() {
    assert!(syntax(ODDS.replace("odds=", r#"id="5" odds="#)).3.contains("twice"));
    assert!(syntax(ODDS.replace("odds=", r#"new="" new="" odds="#)).3.contains("twice"));
    let status = ODDS.replace("odds_change", "event_status").replace(
        r#""5">"#,
        r#""5" status="live" match_status="overtime"><score home="1" away="0"/><score home="1" away="0"/>"#,
    );
    assert_eq!(schema(&status).0, "/event_status/score[2]");
}

#[test]
fn names_and_bounds_are_those_of_json() {
    assert_eq!(schema(&ODDS.replace("odds_change", "odds_guess")).0, "/odds_guess");
    assert_eq!(schema(&ODDS.replace("1.0", "2.0")).0, "/odds_change/@schema");
    assert_eq!(schema(&ODDS.replace(r#"epoch="1""#, r#"epoch="0""#)).0, "/odds_change/@epoch");
    let (path, detail) = schema(&ODDS.replace("handed_over", "handed"));
    assert_eq!(path, "/odds_change/market[1]/@status");
    assert!(detail.starts_with("unknown variant `handed`, expected one of `active`"), "{detail}");
}

#[test]
fn what_a_later_minor_version_adds_is_ignored() {
    let added = r#"<new a="1"><market id="x"/>text &amp; <![CDATA[<more>]]><!-- and more --></new>"#;
    says_the_same(&ODDS.replace("<outcome", &format!("{added}<outcome new=\"\"")));
    says_the_same(&ODDS.replace("</odds_change>", &format!("{added}</odds_change>")));
    says_the_same(&ODDS.replace(r#"odds="1850"/>"#, &format!(r#"odds="1850">{added}</outcome>"#)));
    assert!(decode(ODDS.replace("1.0", "1.7").as_bytes()).is_ok());
}

#[test]
fn a_mark_a_declaration_comments_and_space_may_stand_around() {
    for before in [
        "\u{feff}",
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        "\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\r\n",
        "\n\t<!-- odds -->\n",
    ] {
        says_the_same(&format!("{before}{ODDS}\n<!-- done -->\n"));
    }
    says_the_same(
        &ODDS.replace('>', ">\n\t").replace('"', "'").replace(" odds=", "\n\todds\n=\n").replace("/>", " />"),
    );
}

#[test]
fn another_encoding_is_refused_and_named() {
    let latin = format!(r#"<?xml version="1.0" encoding="ISO-8859-1"?>{ODDS}"#);
    assert!(syntax(&latin).3.contains("`ISO-8859-1` is not read"));
    let mut bytes = ODDS.replace("m1", "H m").into_bytes();
    let at = ODDS.find("m1").expect("an id") + 1;
    bytes[at] = 0xe4;
    let (line, column, path, detail) = syntax(&bytes);
    assert_eq!((line, column, path.as_str()), (1, at + 1, ""));
    assert!(detail.contains("0xe4 is not UTF-8"), "{detail}");
    let wide: Vec<u8> = ODDS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    syntax([b"\xff\xfe", wide.as_slice()].concat());
    syntax(&wide);
}

#[test]
fn of_xml_only_what_a_message_needs_is_taken() {
    for (before, what) in [
        ("<!DOCTYPE odds_change>", "document types"),
        (r#"<!DOCTYPE a [<!ENTITY b "bbbb">]>"#, "document types"),
        ("<?xml-stylesheet href='a'?>", "processing instructions"),
        ("\n<?xml version='1.0'?>", "may not stand here"),
        ("<?xml version='1.1'?>", "XML 1.1 is not read"),
        ("<?xml encoding='UTF-8'?>", "version"),
        ("x", "begins with"),
        ("\u{feff}\u{feff}", "begins with"),
        ("<!-- a -- b -->", "--"),
    ] {
        let detail = syntax(format!("{before}{ODDS}")).3;
        assert!(detail.contains(what), "{before}: {detail}");
    }
    for after in [ODDS, "x", "&amp;", "<?a?>", "</odds_change>", "<", "\0"] {
        syntax(format!("{ODDS}{after}"));
    }
    for inside in
        ["<?a?>", "<!DOCTYPE a>", "<?xml version='1.0'?>", "<a></b>", "<a", "<1/>", "< a/>", "<a<b/>"]
    {
        syntax(ODDS.replace("<outcome", &format!("{inside}<outcome")));
    }
    for attribute in
        ["a", "a=", "a=1", "a='1", "a='<'", "a='&b;'", "a='&'", "a='&#0;'", "1='1'", "a='1'b='2'"]
    {
        syntax(ODDS.replace(r#"odds="1850""#, attribute));
    }
    for text in ["5", "&amp;", "<![CDATA[ ]]>"] {
        let (path, detail) = schema(&ODDS.replace("<outcome", &format!("{text}<outcome")));
        assert_eq!((path.as_str(), detail.contains("no text")), ("/odds_change/market[2]/text()", true));
    }
    assert!(syntax(ODDS.replace("<outcome", "<new>&lol;</new><outcome")).3.contains("lol"));
    for empty in ["", " ", "<!-- -->", "<?xml version='1.0'?>"] {
        syntax(empty);
    }
}

#[test]
fn nesting_and_attributes_have_limits() {
    let nested = |depth: usize| {
        let inside = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        ODDS.replace("</odds_change>", &format!("{inside}</odds_change>"))
    };
    says_the_same(&nested(15));
    assert!(syntax(nested(16)).3.contains("deep"));
    syntax(nested(100_000));
    assert!(decode("<odds_change>".repeat(100_000).as_bytes()).is_err());
    let wide = |count: usize| {
        let attributes: String = (0..count).map(|number| format!(" a{number}=''")).collect();
        ODDS.replace("odds=", &format!("{attributes} odds="))
    };
    says_the_same(&wide(62));
    assert!(syntax(wide(63)).3.contains("over 64 attributes"));
}

#[test]
fn an_error_quotes_no_more_than_it_needs() {
    let long = "ä".repeat(100_000);
    for wrong in
        [ODDS.replace("1850", &long), ODDS.replace("active", &long), ODDS.replace("odds_change", &long)]
    {
        assert!(decode(wrong.as_bytes()).expect_err("nonsense").to_string().len() < 1_000);
    }
}

#[test]
fn references_stand_for_what_they_name_and_are_read_once() {
    let named = |value: &str| {
        let text = ODDS.replace(r#"message_id="m1""#, &format!(r#"message_id="{value}""#));
        reads(&text).message_id.as_str().to_owned()
    };
    assert_eq!(named("&lt;&gt;&amp;&quot;&apos;&#65;&#x41;"), "<>&\"'AA");
    assert_eq!(named("&amp;lt;"), "&lt;");
    assert_eq!(named("&#38;lt;"), "&lt;");
}

#[test]
fn a_stop_of_named_groups_is_not_a_stop_of_all() {
    let stop = |groups: &str| {
        let text = ODDS.replace("odds_change", "bet_stop");
        text.replace(r#""5">"#, &format!(r#""5" {groups}>"#))
            .replace("market", "group")
            .replace("id=", "name=")
    };
    let text = |groups: &str| {
        stop(groups).replace("message_name=", "message_id=").replace("event_name=", "event_id=")
    };
    assert_eq!(schema(&text("")).0, "/bet_stop/@groups");
    assert_eq!(schema(&text(r#"groups="total""#)).0, "/bet_stop/@groups");
    assert!(decode(text(r#"groups="named""#).as_bytes()).is_ok());
    assert!(decode(text(r#"groups="all""#).as_bytes()).is_ok());
}

#[test]
fn what_json_wraps_is_not_wrapped() {
    let wrapped = ODDS.replace("<market id=\"1\"", "<markets/><market id=\"1\"");
    let (path, detail) = schema(&wrapped);
    assert_eq!(path, "/odds_change/markets[1]");
    assert!(detail.contains("they stand by themselves"), "{detail}");
}

#[test]
fn half_a_result_is_refused() {
    let outcome = |attributes: &str| ODDS.replace("odds=\"1850\"", attributes);
    assert_eq!(schema(&outcome("void=\"half\"")).0, "/odds_change/market[2]/outcome[1]/@void");
    assert_eq!(schema(&outcome("dead_heat=\"500\"")).0, "/odds_change/market[2]/outcome[1]/@dead_heat");
    let whole = reads(&outcome("result=\"won\" void=\"half\""));
    assert_ne!(whole, reads(ODDS));
}

#[test]
fn no_message_stands_in_another() {
    // A batch would find the next message there, so one message alone must not be read otherwise.
    for inside in [r#"<audit message_id="m0"/>"#, r#"<market id="2" status="active" message_id="m0"/>"#] {
        let (line, _, path, detail) =
            syntax(ODDS.replace("<market id=\"1\"", &format!("{inside}<market id=\"1\"")));
        assert_eq!((line, path.starts_with("/odds_change")), (1, true), "{path}");
        assert!(detail.contains("no message stands in another"), "{detail}");
    }
}
