//! The walk over a message's XML tree, in search of each attribute in the native message that it became.
//!
//! It knows of the decoder only what is dropped; where an attribute is to be found, and how its value is told there, is written
//! down here once more.

use domain::codec::uof::{DROPPED, EVERY};
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

/// What stands in one of our samples to be ignored: no feed has it.
const NOT_IN_THE_FEED: &str = "node";

/// An element with its attributes and children.
pub struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
}

/// The root element of a document.
pub fn tree(bytes: &[u8]) -> Element {
    let text = str::from_utf8(bytes).expect("UTF-8").trim_start_matches('\u{feff}');
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = vec![Element { name: String::new(), attributes: Vec::new(), children: Vec::new() }];
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(tag) => open.push(element(&tag)),
            Event::Empty(tag) => {
                let child = element(&tag);
                open.last_mut().expect("the document").children.push(child);
            }
            Event::End(_) => {
                let child = open.pop().expect("it was opened");
                open.last_mut().expect("its parent").children.push(child);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.remove(0).children.remove(0)
}

fn element(tag: &BytesStart) -> Element {
    let attributes = tag.attributes().map(|attribute| {
        let attribute = attribute.expect("an attribute");
        (attribute.key.0.to_owned(), attribute.value.into_owned())
    });
    Element { name: tag.name().0.to_owned(), attributes: attributes.collect(), children: Vec::new() }
}

/// Where the values of an element's attributes are: a JSON pointer to the object that the element became.
fn pointer(at: &str, parent: &str, child: &Element, index: usize) -> String {
    match (parent, child.name.as_str()) {
        ("", _) => String::new(),
        (_, "market") => format!("/body/markets/{index}"),
        (_, "outcome") => format!("{at}/outcomes/{index}"),
        (_, "sport_event_status") if child.attributes.iter().any(|(name, _)| name.ends_with("_score")) => {
            "/body/status".to_owned()
        }
        (_, "sport_event_status") => "/body/standing".to_owned(),
        (_, "clock") => format!("{at}/clock"),
        (_, "period_score") => format!("{at}/period_scores/{index}"),
        (_, "statistics") => format!("{at}/statistics"),
        ("statistics", name) => format!("{at}/{name}"),
        // `odds`, `outcomes` and `period_scores` only hold what they hold.
        _ => at.to_owned(),
    }
}

const EVENT_STATUSES: [&str; 10] = [
    "not_started",
    "live",
    "suspended",
    "ended",
    "closed",
    "cancelled",
    "delayed",
    "interrupted",
    "postponed",
    "abandoned",
];
const CHANGES: [&str; 7] = ["", "new", "start_time", "cancelled", "format", "coverage", "pitcher"];

/// The field in which an attribute is told, and its value there.
fn told(element: &str, attribute: &str, value: &str) -> (&'static str, Value) {
    let number = || -> i64 { value.parse().expect("an integer") };
    let scaled = |scale: f64| json!((value.parse::<f64>().expect("a number") * scale).round() as i64);
    let code = || usize::try_from(number()).expect("a code");
    let side = || json!(if value == "1" { "home" } else { "away" });
    match (element, attribute) {
        (_, "event_id") => ("/event_id", json!(value)),
        (_, "product") => ("/producer", json!(value)),
        ("snapshot_complete", "request_id") => ("/body/request_id", json!(number())),
        (_, "request_id") => ("/request_id", json!(number())),
        (_, "timestamp") => ("/generated_at", json!(number() * 1_000)),
        ("bet_cancel" | "rollback_bet_cancel", "start_time") => ("/body/start_time", json!(number() * 1_000)),
        (_, "end_time") => ("/body/end_time", json!(number() * 1_000)),
        ("bet_cancel", "superceded_by") => ("/body/superseded_by", json!(value)),
        ("fixture_change", "start_time") => ("/body/scheduled_start", json!(number() * 1_000)),
        ("fixture_change", "next_live_time") => ("/body/next_live_time", json!(number() * 1_000)),
        ("fixture_change", "change_type") => ("/body/change", json!(CHANGES[code()])),
        ("alive", "subscribed") => ("/body/subscribed", json!(value == "1")),
        ("bet_settlement", "certainty") => {
            ("/body/certainty", json!(["", "live_scouted", "confirmed"][code()]))
        }
        ("bet_stop", "groups") if value == "all" => ("/body/groups", json!("all")),
        ("bet_stop", "groups") => ("/body/groups/named", json!(value.split('|').collect::<Vec<_>>())),
        ("bet_stop", "market_status") => {
            ("/body/market_status", json!(if value == "0" { "inactive" } else { "suspended" }))
        }
        ("market", "id") => ("/id", json!(number())),
        ("market", "specifiers" | "specifier") => {
            let mut pairs: Vec<&str> = value.split('|').collect();
            pairs.sort_unstable();
            ("/specifiers", json!(pairs.join("|")))
        }
        ("market", "status") => {
            let names = ["cancelled", "settled", "handed_over", "suspended", "inactive", "active"];
            ("/status", json!(names[usize::try_from(number() + 4).expect("a code")]))
        }
        ("market", "favourite") => ("/favourite", json!(value == "1")),
        ("market", "cashout_status") => (
            "/cashout",
            json!(match value {
                "1" => "available",
                "-1" => "unavailable",
                _ => "closed",
            }),
        ),
        ("market", "void_reason") => ("/void_reason", json!(value)),
        ("outcome", "id") => ("/id", json!(value)),
        ("outcome", "odds") => {
            ("/odds", json!((value.parse::<f64>().expect("odds") * 1e3 + 1e-6).floor() as i64))
        }
        ("outcome", "probabilities") => ("/probability", scaled(1e6)),
        // Left out where it is true.
        ("outcome", "active") => ("/active", if value == "1" { Value::Null } else { json!(false) }),
        ("outcome", "team") => ("/side", side()),
        ("outcome", "result") => (
            "/result",
            json!(match value {
                "1" => "won",
                "0" => "lost",
                _ => "undecided",
            }),
        ),
        ("outcome", "void_factor") => ("/void", json!(if value == "0.5" { "half" } else { "full" })),
        ("outcome", "dead_heat_factor") => ("/dead_heat", scaled(1e6)),
        ("sport_event_status", "status") => ("/status", json!(EVENT_STATUSES[code()])),
        ("sport_event_status", "match_status") => ("/match_status", match_status(value)),
        ("period_score", "match_status_code") => ("/period", match_status(value)),
        ("sport_event_status", "home_score") => ("/score/home", json!(number())),
        ("sport_event_status", "away_score") => ("/score/away", json!(number())),
        ("sport_event_status", "home_gamescore") => ("/game_score/home", json!(number())),
        ("sport_event_status", "away_gamescore") => ("/game_score/away", json!(number())),
        ("sport_event_status", "home_suspend") => ("/penalty_box/home", json!(number())),
        ("sport_event_status", "away_suspend") => ("/penalty_box/away", json!(number())),
        ("sport_event_status", "current_server") => ("/server", side()),
        // Left out where it is false.
        ("sport_event_status", "tiebreak") => {
            ("/tie_break", if value == "true" { json!(true) } else { Value::Null })
        }
        ("period_score", "home_score") => ("/home", json!(number())),
        ("period_score", "away_score") => ("/away", json!(number())),
        ("clock", "match_time") => ("/match_seconds", seconds(value)),
        ("clock", "remaining_time_in_period") => ("/remaining_seconds", seconds(value)),
        ("clock", "stopped") => ("/stopped", json!(value == "true")),
        (_, "home") => ("/home", json!(number())),
        (_, "away") => ("/away", json!(number())),
        _ => panic!("nobody has said where `{attribute}` of `{element}` is kept, or that it is dropped"),
    }
}

fn match_status(code: &str) -> Value {
    json!(match code {
        "0" => "not_started",
        "2" => "period_2",
        "6" => "half_1",
        "7" => "half_2",
        "8" => "set_1",
        "9" => "set_2",
        "14" => "quarter_2",
        "100" => "ended",
        other => panic!("match status {other}"),
    })
}

fn seconds(clock: &str) -> Value {
    let (minutes, seconds) = clock.split_once(':').expect("m:ss");
    json!(minutes.parse::<u32>().expect("minutes") * 60 + seconds.parse::<u32>().expect("seconds"))
}

fn is_dropped(element: &str, attribute: &str) -> bool {
    DROPPED
        .iter()
        .any(|known| known.element == element && (known.attribute == attribute || known.attribute == EVERY))
}

/// Looks for every attribute of an element, and of all in it; gives back how many were found.
pub fn find(element: &Element, parent: &str, at: &str, stored: &Value, file: &str) -> usize {
    if is_dropped(&element.name, EVERY) {
        return 0;
    }
    let mut found = 0;
    let kept = element.attributes.iter().filter(|(name, _)| !is_dropped(&element.name, name));
    for (name, value) in kept.filter(|(name, _)| name != NOT_IN_THE_FEED) {
        let (field, expected) = told(&element.name, name, value);
        let of_message = parent.is_empty();
        let place = if of_message { field.to_owned() } else { format!("{at}{field}") };
        let actual = stored.pointer(&place).unwrap_or(&Value::Null);
        assert_eq!(actual, &expected, "{file}: `{name}` of `{}` at {place}", element.name);
        found += 1;
    }
    for (index, child) in element.children.iter().enumerate() {
        let same_before = element.children[..index].iter().filter(|before| before.name == child.name).count();
        let below = pointer(at, &element.name, child, same_before);
        found += find(child, &element.name, &below, stored, file);
    }
    found
}
