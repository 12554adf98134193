//! A provider whose messages are Unified Odds Feed XML.

use domain::message::Groups;

use super::*;

const FILE: &str = r#"
[providers.uof]
tokens = ["the-token-of-uof-1"]
messages_per_second = 1000
burst = 1000
format = "uof"
"#;

pub const STOP: &str =
    r#"<bet_stop product="1" event_id="sr:match:7" timestamp="1234" groups="all" odd="1"/>"#;
pub const FIXTURE: &str = r#"<fixtures_fixture generated_at="2026-01-01T12:00:00+00:00">
  <fixture id="sr:match:7" start_time="2026-01-02T18:00:00+00:00">
    <tournament id="sr:tournament:8" name="Nordic Cup"><sport id="sr:sport:4"/></tournament>
    <competitors>
      <competitor id="sr:competitor:1" name="Bears" qualifier="home"/><competitor id="sr:competitor:2" name="Owls" qualifier="away"/>
    </competitors>
  </fixture>
</fixtures_fixture>"#;
const HOCKEY: &str = "hi.-.live.bet_stop.4.sr:match.7.-";

pub async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("providers.toml");
    std::fs::write(&path, FILE).unwrap();
    Bench::of(small(), Providers::new(Some(path)).unwrap()).await
}

pub async fn post(bench: &Bench, content_type: &str, routing_key: Option<&str>, body: &str) -> Told {
    let mut request = Request::post("/feeds/uof")
        .header("authorization", "Bearer the-token-of-uof-1")
        .header("content-type", content_type);
    if let Some(key) = routing_key {
        request = request.header("Routing-Key", key);
    }
    bench.call(request.body(body.to_owned().into()).unwrap()).await
}

#[tokio::test]
async fn a_message_is_stored_in_the_topic_that_its_routing_key_names() {
    let bench = bench().await;
    let told = post(&bench, XML, Some(HOCKEY), STOP).await;
    assert_eq!((told.status, told.body.to_string()), (StatusCode::ACCEPTED, r#"{"accepted":1}"#.to_owned()));
    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let record = batches[0].get(0).unwrap();
    assert_eq!(record.key(), Some(&b"sr:match:7"[..]));
    let message = json::decode(record.payload()).unwrap();
    assert_eq!((message.source.to_string(), message.position()), ("uof/1".to_owned(), None));
    assert_eq!(message.generated_at, Timestamp(1_234_000));
}

#[tokio::test]
async fn what_a_producer_says_of_itself_is_marked_as_of_one_whose_messages_are_unnumbered() {
    let bench = bench().await;
    let alive = r#"<alive product="1" timestamp="1234" subscribed="1"/>"#;
    let told = post(&bench, XML, Some("-.-.-.alive.-.-.-.-"), alive).await;
    assert_eq!(told.status, StatusCode::ACCEPTED, "{}", told.body);
    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    assert_eq!(batches[0].get(0).unwrap().header(domain::producer::UNNUMBERED_HEADER), Some(&b"true"[..]));
}

#[tokio::test]
async fn a_fixture_tells_the_sport_of_what_comes_without_a_routing_key() {
    let bench = bench().await;
    assert_eq!(post(&bench, XML, None, STOP).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = post(&bench, XML, None, FIXTURE).await;
    assert_eq!(told.status, StatusCode::ACCEPTED, "{}", told.body);
    assert_eq!(post(&bench, XML, None, STOP).await.status, StatusCode::ACCEPTED);
    let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
    let records = batches.iter().flat_map(Batch::iter);
    assert_eq!(records.filter(|record| record.header(REFUSED_HEADER).is_none()).count(), 2);
    // Whoever reads this topic knows it, too.
    let batches = bench.read(&Topics::default().events()).await;
    let known = batches[0].get(0).unwrap();
    assert_eq!((known.key(), known.payload()), (Some(&b"sr:match:7"[..]), &b"hockey"[..]));
}

#[tokio::test]
async fn a_message_without_a_sport_is_kept_with_the_routing_key_that_it_came_with() {
    let bench = bench().await;
    let cricket = HOCKEY.replace(".4.", ".21.");
    let told = post(&bench, XML, Some(&cricket), STOP).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    assert!(told.body["detail"].as_str().unwrap().contains("sport"), "{}", told.body);
    let batches = bench.read(&Topics::default().dead_letters()).await;
    let letter = batches[0].get(0).unwrap();
    assert_eq!(letter.payload(), STOP.as_bytes());
    assert_eq!(letter.header("routing_key"), Some(cricket.as_bytes()));
    assert_eq!(letter.header("content_type"), Some(&b"application/xml"[..]));
    assert_eq!(post(&bench, XML, None, STOP).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_comes_with_a_routing_key_that_is_none_is_kept_and_told_by_its_event() {
    let bench = bench().await;
    let told = post(&bench, XML, Some("hockey"), STOP).await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST);
    assert!(told.body["detail"].as_str().unwrap().contains("is not a routing key"), "{}", told.body);
    let batches = bench.read(&Topics::default().dead_letters()).await;
    let letter = batches[0].get(0).unwrap();
    assert_eq!((letter.payload(), letter.key()), (STOP.as_bytes(), Some(&b"sr:match:7"[..])));
    assert_eq!(letter.header("routing_key"), Some(&b"hockey"[..]));
    for sport in Sport::ALL {
        let batches = bench.read(&Topics::default().feed(sport)).await;
        let record = batches[0].get(0).unwrap();
        assert!(record.header(REFUSED_HEADER).is_some());
        let told = domain::refused::RefusedMessage::decode(record.payload()).unwrap();
        assert_eq!((told.event_id.as_str(), told.producer.as_ref().unwrap().as_str()), ("sr:match:7", "1"));
    }
    // Twice is once too often, and in another script it is none.
    for (keys, kept) in
        [(&[HOCKEY.as_bytes(), b"a"][..], format!("{HOCKEY}, a")), (&[b"\xff"], "\u{fffd}".to_owned())]
    {
        let mut request = Request::post("/feeds/uof")
            .header("authorization", "Bearer the-token-of-uof-1")
            .header("content-type", XML);
        for key in keys {
            request = request.header("Routing-Key", axum::http::HeaderValue::from_bytes(key).unwrap());
        }
        let told = bench.call(request.body(STOP.into()).unwrap()).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{}", told.body);
        let batches = bench.read(&Topics::default().dead_letters()).await;
        let letter = batches.iter().flat_map(Batch::iter).last().unwrap();
        assert_eq!(letter.header("routing_key"), Some(kept.as_bytes()));
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_place_in_the_xml() {
    let bench = bench().await;
    let refused = async |content: &str| {
        let odds = format!(
            r#"<odds_change product="1" event_id="sr:match:7" timestamp="1234">{content}</odds_change>"#
        );
        let told = post(&bench, XML, Some(HOCKEY), &odds).await;
        assert_eq!((told.status, told.body.get("pointer")), (StatusCode::UNPROCESSABLE_ENTITY, None));
        told.body["detail"].as_str().unwrap().to_owned()
    };
    let twice = refused(r#"<odds><market id="1"/><market id="1"/></odds>"#).await;
    assert!(twice.ends_with("(at `/odds_change/odds/market[2]`)"), "{twice}");
    let outcome = refused(r#"<odds><market id="1"><outcome id="1"/><outcome id="1"/></market></odds>"#).await;
    assert!(outcome.contains("(at `/odds_change/odds/market[1]"), "{outcome}");
}

#[tokio::test]
async fn only_its_own_format_and_a_routing_key_that_is_one_are_taken() {
    let bench = bench().await;
    assert_eq!(post(&bench, JSON, Some(HOCKEY), "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&bench, XML, Some("hockey"), STOP).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(post(&bench, XML, Some(HOCKEY), " \n").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(post(&bench, XML, Some(HOCKEY), "<bet_stop").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_writes_natively_counts_their_messages() {
    let bench = Bench::new().await;
    let uncounted = stop(1, 1).replace(r#""epoch":1,"sequence":1,"#, "");
    let told = bench.post("/feeds/md", JSON, uncounted).await;
    assert_eq!((told.status, &told.body["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &"/sequence".into()));
}

const DESCRIPTIONS: &str = r#"<market_descriptions response_code="OK">
  <market id="1" name="1x2" groups="all|score|regular_play"><outcomes><outcome id="1" name="{$competitor1}"/></outcomes></market>
  <market id="9575" name="Corners from {from} to {to}" groups="all|10_min|corners"/>
  <market id="9021" name="Exact goals" variant="sr:exact_goals:6+" groups="ALL"/>
</market_descriptions>"#;

#[tokio::test]
async fn described_markets_are_offered_with_their_groups() {
    let bench = bench().await;
    let odds = r#"<odds_change product="1" event_id="sr:match:7" timestamp="1234"><odds><market id="9575"/><market id="7"/></odds></odds_change>"#;
    let offered_groups = async || {
        post(&bench, XML, Some(HOCKEY), odds).await;
        let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
        let record = batches.iter().flat_map(Batch::iter).last().unwrap();
        let message = json::decode(record.payload()).unwrap();
        let Content::Event(event) = message.content else { panic!("it is about an event") };
        let domain::Body::OddsChange(odds) = event.body else { panic!("it is an odds change") };
        let names = |offer: &domain::message::Offer| {
            offer.groups.iter().map(|name| name.as_str().to_owned()).collect()
        };
        (message.message_id, odds.markets.iter().map(names).collect::<Vec<Vec<String>>>())
    };
    let (undescribed, groups) = offered_groups().await;
    assert_eq!(groups, [vec![] as Vec<String>, vec![]]);
    let describe = async |body: String| {
        let request = Request::post("/feeds/uof/descriptions")
            .header("authorization", "Bearer the-token-of-uof-1")
            .header("content-type", XML);
        bench.call(request.body(body.into()).unwrap()).await
    };
    let told = describe(DESCRIPTIONS.to_owned()).await;
    assert_eq!((told.status, told.body.to_string()), (StatusCode::ACCEPTED, r#"{"accepted":3}"#.to_owned()));
    let (described, groups) = offered_groups().await;
    assert_eq!(groups[0], ["10_min", "all", "corners"]);
    assert!(groups[1].is_empty());
    assert_eq!(described, undescribed, "what a message says is the same whatever is known of its markets");

    let batches = bench.read(&Topics::default().descriptions()).await;
    let kept: Vec<_> =
        batches.iter().flat_map(Batch::iter).map(|record| record.key().unwrap().to_vec()).collect();
    assert_eq!(kept, [&b"uof/1/"[..], b"uof/9575/", b"uof/9021/sr:exact_goals:6+"]);

    for (body, status) in [
        (DESCRIPTIONS.replace("id=\"9575\"", ""), StatusCode::UNPROCESSABLE_ENTITY),
        (FIXTURE.to_owned(), StatusCode::UNPROCESSABLE_ENTITY),
        ("<market_descriptions".to_owned(), StatusCode::BAD_REQUEST),
        ("<market_descriptions/>".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let told = describe(body).await;
        assert_eq!(told.status, status, "{}", told.body);
    }
}

#[tokio::test]
async fn a_bet_stop_of_a_group_that_is_in_no_description_means_every_market() {
    let bench = bench().await;
    let meant = async |groups: &str| {
        post(&bench, XML, Some(HOCKEY), &STOP.replace("\"all\"", &format!("\"{groups}\""))).await;
        let batches = bench.read(&Topics::default().feed(Sport::Hockey)).await;
        let record = batches.iter().flat_map(Batch::iter).last().unwrap();
        let message = json::decode(record.payload()).unwrap();
        let Content::Event(event) = message.content else { panic!("it is about an event") };
        let domain::Body::BetStop(stop) = event.body else { panic!("it is a bet stop") };
        stop.groups
    };
    let named = |names: &[&str]| Groups::Named(names.iter().map(|name| Name::new(*name).unwrap()).collect());
    assert_eq!(meant("nosuch").await, named(&["nosuch"]), "nothing is described yet");
    let request = Request::post("/feeds/uof/descriptions")
        .header("authorization", "Bearer the-token-of-uof-1")
        .header("content-type", XML);
    assert_eq!(bench.call(request.body(DESCRIPTIONS.into()).unwrap()).await.status, StatusCode::ACCEPTED);
    assert_eq!(meant("corners|score").await, named(&["corners", "score"]));
    for unknown in ["nosuch", "corners|nosuch", "total"] {
        assert_eq!(meant(unknown).await, Groups::All, "{unknown}");
    }
}

#[tokio::test]
async fn a_feed_of_another_format_has_no_descriptions() {
    let told = Bench::new().await.post("/feeds/md/descriptions", XML, DESCRIPTIONS).await;
    assert_eq!(told.status, StatusCode::NOT_FOUND, "{}", told.body);
}

#[tokio::test]
async fn a_time_that_has_yet_to_come_is_refused_and_kept() {
    let bench = bench().await;
    let in_a_minute = (super::now().0 + 60_000_000) / 1_000;
    let told = post(&bench, XML, Some(HOCKEY), &STOP.replace("1234", &in_a_minute.to_string())).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    assert!(told.body["detail"].as_str().unwrap().contains("ahead of ours"), "{}", told.body);
    assert_eq!(bench.read(&Topics::default().dead_letters()).await.iter().flat_map(Batch::iter).count(), 1);
}
