//! Unified Odds Feed XML: golden messages written by hand, what is odd in real ones, and no bytes that make the reader
//! panic.

use std::fs;
use std::path::PathBuf;

use domain::codec::uof::{self, DecodeError, Decoded, Origin, RoutingKey};
use domain::codec::{Envelope, json, xml};
use domain::message::{Certainty, Groups, StopStatus};
use domain::{Body, Content, EventId, EventMessage, FeedMessage, Name, Sport, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/uof")
}

/// The names and the bytes of all golden messages.
pub fn goldens() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder()).expect("the golden folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let of_xml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "xml"));
    let mut goldens: Vec<_> = of_xml
        .map(|path| {
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            (name, fs::read(path).expect("a golden file"))
        })
        .collect();
    goldens.sort();
    goldens
}

/// Reads a message of the provider `uof` whose sport the routing key tells.
pub fn decode_as(sport: Sport, bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let key: RoutingKey = format!("hi.-.live.any.{}.-.-.-", sport.rules().id).parse().expect("a routing key");
    let provider = Name::new("uof").expect("a name");
    uof::decode(bytes, &Origin { provider: &provider, routing_key: Some(&key), sport_of: &|_| None })
}

/// The sport that a golden message's name tells; football where it tells none.
pub fn sport_of(name: &str) -> Sport {
    Sport::ALL.into_iter().find(|sport| name.ends_with(sport.as_str())).unwrap_or(Sport::Football)
}

fn event(text: &str) -> EventMessage {
    match decode_as(Sport::Football, text.as_bytes()).expect("a message").message.content {
        Content::Event(event) => event,
        Content::Producer(body) => panic!("{body:?} is about no event"),
    }
}

fn refused(text: &str) -> (String, String) {
    let error = decode_as(Sport::Football, text.as_bytes()).expect_err("it is wrong");
    (error.to_string(), error.place().path.clone())
}

#[test]
fn every_golden_message_means_what_is_written_beside_it() {
    let goldens = goldens();
    assert!(goldens.len() >= 14, "a golden message of every type");
    for (name, bytes) in goldens {
        let expected = fs::read_to_string(folder().join(format!("{name}.json"))).expect("what it means");
        let decoded = decode_as(sport_of(&name), &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let in_json = json::encode(&decoded.message);
        assert_eq!(String::from_utf8(in_json).expect("UTF-8"), expected.trim_end(), "{name}");
        assert_eq!(decoded.unusable_status, None, "{name}");
        // Only `node` is a stranger, in one message.
        assert_eq!(decoded.unknown, u32::from(name == "odds_change"), "{name}");
    }
}

#[test]
fn a_decoded_message_is_one_of_both_native_formats() {
    for (name, bytes) in goldens() {
        let message = decode_as(sport_of(&name), &bytes).expect("a golden message").message;
        assert_eq!(json::decode(&json::encode(&message)).as_ref(), Ok(&message), "{name}");
        assert_eq!(xml::decode(&xml::encode(&message)).as_ref(), Ok(&message), "{name}");
        assert_eq!(domain::check_alone(&message), Ok(()), "{name}");
    }
}

#[test]
fn the_id_is_that_of_what_is_said_whoever_asked_for_it() {
    let id = |text: &str| decode_as(Sport::Football, text.as_bytes()).expect("a message").message.message_id;
    let stop = r#"<bet_stop product="1" event_id="a:b:1" timestamp="5" groups="all"/>"#;
    let asked_for = stop.replace("<bet_stop", r#"<?xml version="1.0"?><bet_stop request_id="7" more="1""#);
    assert_eq!(id(stop), id(&asked_for));
    for (part, other) in
        [("\"5\"", "\"6\""), ("b:1", "b:2"), ("product=\"1\"", "product=\"3\""), ("all", "a")]
    {
        assert_ne!(id(stop), id(&stop.replace(part, other)), "{other}");
    }
    assert_eq!(id(stop).as_str(), "f623a1897ee3b5fb3fe7dd20a0f725f4", "ids are the same in every release");
}

#[test]
fn the_sport_is_that_of_the_routing_key_else_that_of_the_event() {
    let stop = br#"<bet_stop product="1" event_id="sr:match:1" timestamp="5"/>"#;
    let provider = Name::new("uof").expect("a name");
    let sport = |key: Option<&str>, known: Option<Sport>| -> Result<Sport, DecodeError> {
        let key = key.map(|key| key.parse().expect("a routing key"));
        let origin = Origin { provider: &provider, routing_key: key.as_ref(), sport_of: &|_| known };
        match uof::decode(stop, &origin)?.message.content {
            Content::Event(event) => Ok(event.sport),
            Content::Producer(_) => panic!("a bet stop is about an event"),
        }
    };
    let tennis = "hi.-.live.bet_stop.5.sr:match.1.-";
    assert_eq!(sport(Some(tennis), None), Ok(Sport::Tennis));
    assert_eq!(sport(Some(tennis), Some(Sport::Tennis)), Ok(Sport::Tennis));
    assert_eq!(sport(None, Some(Sport::Hockey)), Ok(Sport::Hockey));
    let cricket = "hi.-.live.bet_stop.21.sr:match.1.-";
    assert_eq!(sport(Some(cricket), Some(Sport::Hockey)), Ok(Sport::Hockey));
    for key in [None, Some(cricket)] {
        let error = sport(key, None).expect_err("nobody knows");
        assert_eq!(error.place().path, "/bet_stop/@event_id");
    }
}

#[test]
fn what_is_no_message_at_all_is_told_so_and_not_what_it_lacks() {
    let provider = Name::new("uof").expect("a name");
    let origin = Origin { provider: &provider, routing_key: None, sport_of: &|_| None };
    for document in [&br#"<foo product="1"/>"#[..], b"<foo/>"] {
        let error = uof::decode(document, &origin).expect_err("it is no message");
        let said = "`foo` is no message of the Unified Odds Feed";
        assert!(error.to_string().contains(said) && error.place().path == "/foo", "{error}");
    }
}

#[test]
fn of_two_sports_of_one_event_neither_is_taken() {
    let provider = Name::new("uof").expect("a name");
    let tennis = "hi.-.live.bet_stop.5.sr:match.7.-".parse().expect("a routing key");
    let origin =
        Origin { provider: &provider, routing_key: Some(&tennis), sport_of: &|_| Some(Sport::Football) };
    let stop = br#"<bet_stop product="1" event_id="sr:match:7" timestamp="5"/>"#;
    let error = uof::decode(stop, &origin).expect_err("its sport is in doubt");
    assert_eq!(error.place().path, "/bet_stop/@event_id");
    let said = "the routing key says that this event is tennis, its fixture that it is football";
    assert!(error.to_string().contains(said), "{error}");
    let told = Envelope::of_uof(stop, &origin);
    assert_eq!(
        (told.sport, told.is_of_another_sport),
        (None, false),
        "whoever knows the event is to hear of it"
    );
    let fixture =
        uof::decode(FIXTURE.as_bytes(), &origin).expect("a fixture says itself of which sport it is");
    let Content::Event(event) = fixture.message.content else { panic!("it is about an event") };
    assert_eq!(event.sport, Sport::Hockey);
}

#[test]
fn of_two_events_neither_is_taken() {
    let provider = Name::new("uof").expect("a name");
    let key = |text: &str| text.parse::<RoutingKey>().expect("a routing key");
    let other = key("hi.-.live.bet_stop.21.sr:match.8.-");
    let origin =
        Origin { provider: &provider, routing_key: Some(&other), sport_of: &|_| Some(Sport::Hockey) };
    let stop = br#"<bet_stop product="1" event_id="sr:match:7" timestamp="5"/>"#;
    let error = uof::decode(stop, &origin).expect_err("its event is in doubt");
    assert_eq!(error.place().path, "/bet_stop/@event_id");
    let said = "the routing key names the event sr:match:8, the message sr:match:7";
    assert!(error.to_string().contains(said), "{error}");
    let told = Envelope::of_uof(stop, &origin);
    let events = [told.event_id, told.other_event_id];
    assert_eq!(
        events.map(|event| event.map(|id| id.to_string())),
        ["sr:match:7", "sr:match:8"].map(|id| Some(id.to_owned()))
    );
    assert_eq!(
        (told.sport, told.is_of_another_sport),
        (None, false),
        "whoever knows either is to hear of it"
    );
    assert_eq!(told.producer.map(|producer| producer.to_string()).as_deref(), Some("1"));
    let unsaid = br#"<bet_stop event_id="sr:match:7" timestamp="5"/>"#;
    assert_eq!(
        Envelope::of_uof(unsaid, &origin).producer,
        None,
        "the key of another event tells nothing of it"
    );
    for same in ["hi.-.live.bet_stop.4.sr:match.7.-", "hi.-.live.bet_stop.4.-.-.-"].map(key) {
        let origin = Origin { routing_key: Some(&same), ..origin };
        assert!(uof::decode(stop, &origin).is_ok(), "{same:?}");
        assert_eq!(Envelope::of_uof(stop, &origin).other_event_id, None);
    }
}

const FIXTURE: &str = r#"<fixtures_fixture generated_at="2026-01-01T12:00:00+00:00"><fixture id="sr:match:7"
    scheduled="2026-01-02T18:00:00+00:00" start_time="2026-01-02T19:00:00+01:00" status="not_started">
  <tournament id="sr:tournament:8" name="Nordic Cup"><sport id="sr:sport:4" name="Ice Hockey"/><category id="sr:category:9"/></tournament>
  <competitors>
    <competitor id="sr:competitor:2" name="Hämeen Karhut" qualifier="away"><players><player id="sr:player:1"/></players></competitor>
    <competitor id="sr:competitor:1" name="Nordvik Bears" abbreviation="NVB" qualifier="home"/>
  </competitors>
  <venue name="Nordvik Ice Hall"/>
</fixture></fixtures_fixture>"#;

#[test]
fn a_fixture_names_who_plays_and_tells_the_sport() {
    let provider = Name::new("uof").expect("a name");
    let read = |text: &str, sport| {
        let origin = Origin { provider: &provider, routing_key: None, sport_of: &move |_| sport };
        uof::decode(text.as_bytes(), &origin)
    };
    let Decoded { message, unknown, .. } = read(FIXTURE, None).expect("a fixture");
    assert_eq!((message.source.producer.as_str(), unknown), ("fixtures", 0));
    assert_eq!(message.generated_at, Timestamp(1_767_268_800_000_000));
    let Content::Event(event) = &message.content else { panic!("it is about an event") };
    assert_eq!((event.event_id.as_str(), event.sport), ("sr:match:7", Sport::Hockey));
    let Body::Fixture(fixture) = &event.body else { panic!("it is a fixture") };
    assert_eq!(fixture.scheduled_start, Timestamp(1_767_376_800_000_000));
    assert_eq!((fixture.home.name.as_str(), fixture.away.name.as_str()), ("Nordvik Bears", "Hämeen Karhut"));
    assert_eq!(fixture.tournament.as_ref().expect("a tournament").name.as_str(), "Nordic Cup");

    let refused = |text: &str| read(text, None).expect_err("it is refused").to_string();
    let elsewhere = FIXTURE.replace("sr:sport:4", "sr:sport:21");
    assert!(refused(&elsewhere).contains("no sport of ours"));
    assert!(read(&elsewhere, Some(Sport::Hockey)).is_ok(), "it is known already");
    assert!(refused(&FIXTURE.replace(r#"qualifier="home""#, r#"qualifier="guest""#)).contains("neither"));
    assert!(refused(&FIXTURE.replace(r#"qualifier="home""#, r#"qualifier="away""#)).contains("twice"));
    assert!(refused(r#"<fixtures_fixture generated_at="2026-01-01T12:00:00Z"/>"#).contains("`fixture`"));
}

#[test]
fn a_missing_product_is_told_by_the_routing_key_where_it_can_be() {
    let provider = Name::new("uof").expect("a name");
    let producer = |key: Option<&str>| {
        let key = key.map(|key| key.parse().expect("a routing key"));
        let origin =
            Origin { provider: &provider, routing_key: key.as_ref(), sport_of: &|_| Some(Sport::Football) };
        let bytes = br#"<rollback_bet_cancel event_id="sr:match:1" timestamp="5"/>"#;
        let producer = uof::decode(bytes, &origin).map(|decoded| decoded.message.source.producer.to_string());
        let told = Envelope::of_uof(bytes, &origin);
        assert_eq!(told.producer.map(|name| name.to_string()), producer.as_ref().ok().cloned());
        assert_eq!(told.event_id, EventId::new("sr:match:1").ok(), "whatever is wrong with it");
        producer.map_err(|error| error.to_string())
    };
    assert_eq!(producer(Some("hi.-.live.rollback_bet_cancel.1.sr:match.1.-")).as_deref(), Ok("1"));
    assert_eq!(producer(Some("hi.pre.-.rollback_bet_cancel.1.sr:match.1.-")).as_deref(), Ok("3"));
    for (key, why) in [
        (Some("hi.pre.live.rollback_bet_cancel.1.sr:match.1.-"), "does not tell it"),
        (None, "no routing key"),
    ] {
        let refused = producer(key).expect_err("nobody knows");
        assert!(
            refused.starts_with("missing attribute `product`, and") && refused.contains(why),
            "{refused}"
        );
    }
}

#[test]
fn a_producer_that_is_no_number_and_a_certainty_that_is_not_known_are_refused() {
    let settlement = |attributes: &str| {
        format!(r#"<bet_settlement event_id="a:b:1" timestamp="5" {attributes}><outcomes/></bet_settlement>"#)
    };
    for (attributes, at, why) in [
        (r#"product="-1""#, "@product", "`-1` is not the number of a producer"),
        (r#"product="abc""#, "@product", "`abc` is not the number of a producer"),
        (r#"product="99999999999""#, "@product", "`99999999999` is not the number of a producer"),
        (r#"certainty="3""#, "@certainty", "3 is no certainty: 1 is live-scouted, 2 confirmed"),
        (r#"certainty="sure""#, "@certainty", "`sure` is not a code"),
    ] {
        let (told, path) = refused(&settlement(attributes));
        assert!(told.starts_with(why) && path.ends_with(at), "{told}");
    }
    for nothing in ["", r#"certainty="""#] {
        let Body::Settlement(settlement) = event(&settlement(nothing)).body else { panic!("a settlement") };
        assert_eq!(settlement.certainty, domain::message::Certainty::LiveScouted);
    }
}

#[test]
fn a_time_in_seconds_is_refused_and_others_are_what_they_say() {
    let told = |at: &str| {
        let stop = format!(r#"<bet_stop product="1" event_id="sr:match:7" timestamp="{at}"/>"#);
        decode_as(Sport::Hockey, stop.as_bytes()).map(|decoded| decoded.message.generated_at.0)
    };
    for seconds in ["946684800", "1767204993", "4102444799"] {
        let error = told(seconds).expect_err("seconds");
        assert_eq!(error.place().path, "/bet_stop/@timestamp");
        assert!(error.to_string().contains("it looks like seconds"), "{error}");
    }
    for millis in ["1234", "946684799", "4102444800", "1767204993250"] {
        assert_eq!(told(millis), Ok(millis.parse::<i64>().expect("a number") * 1_000));
    }
}

#[test]
fn of_a_message_that_is_no_xml_its_routing_key_tells_the_event() {
    let provider = Name::new("uof").expect("a name");
    let told = |bytes: &[u8], key: &str| {
        let key = key.parse().expect("a routing key");
        let origin = Origin { provider: &provider, routing_key: Some(&key), sport_of: &|_| None };
        uof::decode(bytes, &origin).expect_err("it is broken");
        let told = Envelope::of_uof(bytes, &origin);
        (told.event_id.map(|id| id.to_string()), told.sport, told.producer.map(|name| name.to_string()))
    };
    let live = "hi.-.live.bet_stop.4.sr:match.7.-";
    let whose = |event: &str, producer: &str| {
        // Of two events the key tells the sport of neither.
        let sport = (event == "sr:match:7").then_some(Sport::Hockey);
        (Some(event.into()), sport, Some(producer.into()))
    };
    for broken in [&b"<bet_stop product=\"3\" event_id=\"sr:ma"[..], b"\xff\xfe<\0b\0", b"not XML"] {
        assert_eq!(told(broken, live), whose("sr:match:7", "1"), "{}", String::from_utf8_lossy(broken));
    }
    let both = live.replace(".-.live.", ".pre.live.");
    assert_eq!(told(b"<bet_stop", &both), (Some("sr:match:7".to_owned()), Some(Sport::Hockey), None));
    assert_eq!(told(b"<alive", "-.-.-.alive.-.-.-.-"), (None, None, None));
    let twice = br#"<bet_stop product="3" event_id="sr:match:9" event_id="sr:match:9" timestamp="5"/>"#;
    assert_eq!(told(twice, live), whose("sr:match:9", "3"), "what stands before the fault counts");
    assert_eq!(told(br#"<bet_stop product="3" timestamp="5"/>"#, live), whose("sr:match:7", "3"));
    assert_eq!(told(b"<later/>", live), whose("sr:match:7", "1"), "a message that is none that is known");
    let later = br#"<later product="3" event_id="sr:match:9" timestamp="5"/>"#;
    assert_eq!(told(later, live), whose("sr:match:9", "3"));
    let nobodys = "-.-.-.later.-.-.-.-";
    assert_eq!(told(later, nobodys), (Some("sr:match:9".to_owned()), None, Some("3".to_owned())));
    for of_no_event in [&b"<later/>"[..], b"<later event_id=\"9\"/>", b"<fixtures_fixture/>"] {
        assert_eq!(told(of_no_event, nobodys), (None, None, None));
    }
}

#[test]
fn what_is_odd_in_real_messages_is_survived() {
    let odds = |inner: &str| {
        event(&format!(r#"<odds_change event_id="a:b:1" timestamp="5">{inner}</odds_change>"#)).body
    };
    for nothing in ["", "<odds/>", "<odds></odds>", "<odds betting_status='1'/><later><x y='1'/></later>"] {
        let Body::OddsChange(change) = odds(nothing) else { panic!("an odds change") };
        assert!(change.markets.is_empty() && change.status.is_none(), "{nothing}");
    }
    let misspelt =
        odds(r#"<odds><market id="1" specifier="b=2|a=1" extended_specifers="x=y" status="7"/></odds>"#);
    let Body::OddsChange(change) = misspelt else { panic!("an odds change") };
    assert_eq!(change.markets[0].key.to_string(), "1:a=1|b=2");
    assert_eq!(change.markets[0].status, domain::MarketStatus::Inactive, "what nobody knows is not open");

    let settlement = event(r#"<bet_settlement event_id="a:b:1" timestamp="5"><outcomes/></bet_settlement>"#);
    let Body::Settlement(settlement) = settlement.body else { panic!("a settlement") };
    assert_eq!(settlement.certainty, Certainty::LiveScouted);

    let stop = |attributes: &str| match event(&format!(
        r#"<bet_stop event_id="a:b:1" timestamp="5" {attributes}/>"#
    ))
    .body
    {
        Body::BetStop(stop) => (stop.groups, stop.market_status),
        other => panic!("{other:?}"),
    };
    assert_eq!(stop(""), (Groups::All, StopStatus::Suspended));
    assert_eq!(stop(r#"groups="score|all" market_status="-1""#), (Groups::All, StopStatus::Suspended));
    assert_eq!(stop(r#"groups="SCORE!" market_status="0""#), (Groups::All, StopStatus::Inactive));
    let score = Groups::Named(vec![Name::new("score").expect("a name")]);
    assert_eq!(stop(r#"groups="score""#), (score, StopStatus::Suspended));
}

#[test]
fn a_state_of_play_that_cannot_be_costs_the_odds_nothing() {
    let with_status = |status: &str| {
        let text = format!(
            r#"<odds_change event_id="a:b:1" timestamp="5">{status}<odds><market id="1"/></odds></odds_change>"#
        );
        let decoded = decode_as(Sport::Football, text.as_bytes()).expect("a message");
        let Content::Event(EventMessage { body: Body::OddsChange(change), .. }) = decoded.message.content
        else {
            panic!("an odds change")
        };
        assert_eq!(change.markets.len(), 1);
        (change.status, decoded.unusable_status)
    };
    for hopeless in [
        r#"<sport_event_status status="1" match_status="3"/>"#,
        r#"<sport_event_status status="1" match_status="999"/>"#,
        r#"<sport_event_status status="77"/>"#,
        r#"<sport_event_status status="1" match_status="6" home_score="10000"/>"#,
    ] {
        let (status, why) = with_status(hopeless);
        assert!(status.is_none() && why.is_some(), "{hopeless}");
    }
    let (status, why) = with_status(
        r#"<sport_event_status status="1" match_status="7" home_score="1"><clock match_time="10:00"/><period_scores>
        <period_score match_status_code="6" home_score="3" away_score="0"/></period_scores></sport_event_status>"#,
    );
    let status = status.expect("the score is right");
    assert_eq!((status.score.home, status.period_scores.len(), status.clock), (1, 0, None));
    assert!(why.expect("the periods add up to another score").contains("/period_scores"));
    let (status, why) =
        with_status(r#"<sport_event_status status="3" match_status="999" home_score="1" away_score="0"/>"#);
    assert_eq!((status.expect("it has ended").match_status, why), (domain::MatchStatus::Ended, None));
}

#[test]
fn a_state_of_play_without_a_score_tells_none() {
    let told = |status: &str| {
        let text = format!(r#"<odds_change event_id="a:b:1" timestamp="5">{status}<odds/></odds_change>"#);
        let decoded = decode_as(Sport::Football, text.as_bytes()).expect("a message");
        assert_eq!(json::decode(&json::encode(&decoded.message)).as_ref(), Ok(&decoded.message));
        assert_eq!(xml::decode(&xml::encode(&decoded.message)).as_ref(), Ok(&decoded.message));
        let Content::Event(EventMessage { body: Body::OddsChange(change), .. }) = decoded.message.content
        else {
            panic!("an odds change")
        };
        assert_eq!(change.status, None, "no score is no score of nothing");
        (change.standing.expect("how it stands"), decoded.unusable_status)
    };
    let (ended, why) = told(r#"<sport_event_status status="4" match_status="100"/>"#);
    assert_eq!((ended.status, ended.match_status), (domain::EventStatus::Closed, domain::MatchStatus::Ended));
    assert_eq!((ended.clock, why), (None, None));
    let (live, why) = told(
        r#"<sport_event_status status="1" match_status="7"><clock match_time="50:00"/></sport_event_status>"#,
    );
    assert_eq!((live.clock.map(|clock| clock.elapsed_seconds), why), (Some(300), None));
    let (live, why) = told(
        r#"<sport_event_status status="1" match_status="7"><clock match_time="10:00"/></sport_event_status>"#,
    );
    assert_eq!((live.clock, why), (None, None), "the clock of another part");
    let (_, why) = told(
        r#"<sport_event_status status="1" match_status="7"><statistics><corners home="1" away="0"/></statistics></sport_event_status>"#,
    );
    assert!(why.expect("that is left out").contains("without a score"));
}

#[test]
fn a_match_that_was_given_up_is_over() {
    use domain::MatchStatus as S;
    let status = |sport, code: u32, sets: &str| {
        let text = format!(
            r#"<odds_change event_id="a:b:1" timestamp="5"><sport_event_status status="3" match_status="{code}" home_score="1" away_score="0"><period_scores>{sets}</period_scores></sport_event_status></odds_change>"#
        );
        let decoded = decode_as(sport, text.as_bytes()).expect("a message");
        let Content::Event(EventMessage { body: Body::OddsChange(change), .. }) = decoded.message.content
        else {
            panic!("an odds change")
        };
        change.status
    };
    let sets = r#"<period_score match_status_code="8" home_score="6" away_score="1"/><period_score match_status_code="9" home_score="2" away_score="3"/>"#;
    for (code, expected) in [(95, S::HomeRetired), (96, S::AwayRetired)] {
        let status = status(Sport::Tennis, code, sets).expect("a status");
        assert!(status.status.is_final() && status.match_status == expected, "{status:?}");
        assert_eq!(status.period_scores.len(), 2);
    }
    // A walkover names the winner: who did not appear is the other one.
    for (code, expected) in [(93, S::AwayWalkover), (94, S::HomeWalkover)] {
        assert_eq!(status(Sport::Tennis, code, "").expect("a status").match_status, expected);
    }
    let of_football = status(Sport::Football, 95, "").expect("it has ended all the same");
    assert_eq!(of_football.match_status, S::Ended);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let odds = |market: &str| {
        format!("<odds_change event_id=\"a:b:1\" timestamp=\"5\">\n<odds>{market}</odds></odds_change>")
    };
    let (error, path) =
        refused(&odds(r#"<market id="1"/><market id="2"><outcome id="1" odds="0.99"/></market>"#));
    assert_eq!(path, "/odds_change/odds[1]/market[2]/outcome[1]/@odds");
    assert!(error.contains("line 2"), "{error}");
    assert_eq!(refused(&odds(r#"<market id="x"/>"#)).1, "/odds_change/odds[1]/market[1]/@id");
    assert_eq!(
        refused(&odds(r#"<market id="1"><outcome odds="2"/></market>"#)).1,
        "/odds_change/odds[1]/market[1]/outcome[1]/@id"
    );
    assert_eq!(
        refused(&odds(r#"<market id="1" specifiers="a"/>"#)).1,
        "/odds_change/odds[1]/market[1]/@specifiers"
    );
    assert_eq!(refused(r#"<bet_stop event_id="a:b:1"/>"#).1, "/bet_stop/@timestamp");
    assert_eq!(refused(r#"<bet_stop timestamp="5"/>"#).1, "/bet_stop/@event_id");
    assert_eq!(refused(r#"<alive timestamp="5"/>"#).1, "/alive/@subscribed");
    assert_eq!(refused(r#"<snapshot_complete timestamp="5"/>"#).1, "/snapshot_complete/@request_id");
    assert!(refused(r#"<bet_go event_id="a:b:1" timestamp="5"/>"#).0.contains("bet_go"));
    assert!(refused("<!DOCTYPE alive><alive/>").0.contains("document types"));
    assert!(refused("").0.starts_with("not XML"));
}

/// Any golden message, by its place among them.
fn golden() -> impl Strategy<Value = (String, Vec<u8>)> {
    prop::sample::select(goldens())
}

fn read_or_refuse(bytes: &[u8]) -> Result<(), TestCaseError> {
    for sport in Sport::ALL {
        match decode_as(sport, bytes) {
            Ok(Decoded { message, .. }) => means_the_same_again(&message)?,
            Err(error) => prop_assert!(error.to_string().len() < 4_096, "an error stays short"),
        }
    }
    Ok(())
}

#[test]
fn descriptions_say_how_markets_are_called_and_in_which_groups_they_are() {
    let text = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
        <market_descriptions response_code="OK">
          <market id="21" name="Exact goals" groups="all|score|regular_play" includes_outcomes_of_type="sr:outcometext">
            <specifiers><specifier name="variant" type="variable_text"/></specifiers>
            <mappings><mapping product_id="1" sport_id="sr:sport:1" market_id="8:27"><mapping_outcome outcome_id="9"/></mapping></mappings>
          </market>
          <market id="21" name="Exact goals" variant="sr:exact_goals:6+">
            <outcomes><outcome id="sr:exact_goals:6+:68" name="0" description="none"/></outcomes>
          </market>
          <market id="7" name="In a group whose name cannot be kept" groups="all|Score!"/>
        </market_descriptions>"#;
    let described = uof::descriptions(text.as_bytes()).expect("descriptions");
    let json = serde_json::to_value(&described).expect("JSON");
    assert_eq!(
        json,
        serde_json::json!([
            {"id": 21, "name": "Exact goals", "groups": ["all", "regular_play", "score"]},
            {"id": 21, "variant": "sr:exact_goals:6+", "name": "Exact goals", "outcomes": [{"id": "sr:exact_goals:6+:68", "name": "0"}]},
            {"id": 7, "name": "In a group whose name cannot be kept"},
        ])
    );
    assert_eq!(serde_json::from_value::<Vec<uof::Description>>(json).expect("descriptions"), described);
    let refused = |text: &str| uof::descriptions(text.as_bytes()).expect_err("it is wrong").to_string();
    assert!(refused("<odds_change/>").starts_with("`odds_change` is not `market_descriptions` at"));
    let unnamed = refused("<market_descriptions>\n<market id='1'/></market_descriptions>");
    assert!(unnamed.contains("missing attribute `name` at") && unnamed.contains("line 2"), "{unnamed}");
}

fn means_the_same_again(message: &FeedMessage) -> Result<(), TestCaseError> {
    prop_assert_eq!(&json::decode(&json::encode(message)).expect("its own JSON"), message);
    prop_assert_eq!(&xml::decode(&xml::encode(message)).expect("its own XML"), message);
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_or_refuse(&bytes)?;
    }

    #[test]
    fn damaged_messages_are_read_or_refused(
        (_, mut bytes) in golden(),
        damage in prop::collection::vec((any::<Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"<>/&='\" 0123456789.eE-:|".to_vec())]), 1..8),
    ) {
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read_or_refuse(&bytes)?;
    }

    #[test]
    fn any_number_is_read_or_refused(text in "[0-9.eE:-]{0,12}", attribute in prop::sample::select(vec!["odds", "probabilities", "active", "team", "id"])) {
        let outcome = format!(r#"<outcome id="1" odds="2" {attribute}="{text}"/>"#);
        let outcome = if matches!(attribute, "odds" | "id") { format!(r#"<outcome {attribute}="{text}"/>"#) } else { outcome };
        read_or_refuse(format!(r#"<odds_change event_id="a:b:1" timestamp="5"><odds><market id="1">{outcome}</market></odds></odds_change>"#).as_bytes())?;
    }
}
