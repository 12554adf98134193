//! What the feed is told of messages that were refused.

use domain::limit::AHEAD_MICROS_MAX;
use domain::refused::{Place, RefusedMessage};
use domain::{Name, Position};

use super::*;

impl Bench {
    /// What a sport's feed is told of refused messages, with the position of each one's dead letter, and how many messages it
    /// has besides.
    async fn told_of_refused(&self, sport: Sport) -> (Vec<(RefusedMessage, String)>, usize) {
        let batches = self.read(&Topics::default().feed(sport)).await;
        let (mut told, mut messages) = (Vec::new(), 0);
        for record in batches.iter().flat_map(Batch::iter) {
            match record.header(REFUSED_HEADER) {
                Some(letter) => {
                    let refused = RefusedMessage::decode(record.payload()).unwrap();
                    assert_eq!(record.key(), Some(refused.event_id.as_str().as_bytes()));
                    told.push((refused, String::from_utf8(letter.to_vec()).unwrap()));
                }
                None => messages += 1,
            }
        }
        told.sort_by(|(a, _), (b, _)| a.event_id.cmp(&b.event_id));
        (told, messages)
    }
}

#[tokio::test]
async fn the_feed_is_told_of_each_refused_message_that_has_a_place_in_it() {
    let bench = Bench::with(Limits { max_messages: 9, ..small() }).await;
    let wrong = |sequence: u32| stop(1, sequence).replace(r#""all""#, "7");
    let cut = stop(2, 3).replace(r#""all"}}"#, r#""al"#);
    let nowhere = [
        wrong(4).replace("\"md\"", "\"other\""),
        wrong(4).replace("\"sequence\":4", "\"sequence\":\"4\""),
        r#"{"schema":"1.0"}"#.to_owned(),
    ];
    let of_any = wrong(4).replace("hockey", "curling");
    let to_come = stop(1, 5).replace("\"1.0\"", "\"2.0\"");
    let body = format!("{}\n{}\n{to_come}\n{cut}\n{of_any}\n{}\n", stop(1, 1), wrong(2), nowhere.join("\n"));
    let told = bench.post("/feeds/md", LINES, body).await;
    assert_eq!((told.status, &told.body["accepted"]), (StatusCode::MULTI_STATUS, &1.into()), "{}", told.body);

    let (told, messages) = bench.told_of_refused(Sport::Hockey).await;
    let places: Vec<_> = told.iter().map(|(refused, _)| (refused.event_id.as_str(), refused.place)).collect();
    let place = |sequence| Place::Sequence(Position { epoch: 1, sequence });
    let expected = vec![
        ("md:match:1", place(2)),
        ("md:match:1", place(5)),
        ("md:match:1", place(4)),
        ("md:match:2", place(3)),
    ];
    assert_eq!((places, messages), (expected, 1));
    let (others, _) = bench.told_of_refused(Sport::Football).await;
    let others: Vec<_> = others.iter().map(|(refused, _)| (refused.sport, refused.place)).collect();
    assert_eq!(others, [(Sport::Football, place(4))], "it may be any sport's");
    let letters = bench.read(&Topics::default().dead_letters()).await;
    let letters: Vec<_> = letters.iter().flat_map(Batch::iter).collect();
    assert_eq!(letters.len(), 4 + nowhere.len());
    let position = told[0].1.as_bytes();
    let letter = letters.iter().find(|letter| letter.header("position") == Some(position)).unwrap();
    assert_eq!((letter.payload(), letter.key()), (wrong(2).as_bytes(), Some(&b"md:match:1"[..])));
}

#[tokio::test]
async fn what_is_sent_in_a_letters_place_and_refused_again_is_told_once() {
    let bench = Bench::new().await;
    let wrong = stop(1, 2).replace(r#""all""#, "7");
    bench.post("/feeds/md", JSON, wrong.clone()).await;
    let again = Request::post("/feeds/md")
        .header("content-type", JSON)
        .header("redrive", "0/0/00c0ffee00c0ffee")
        .body(wrong.into())
        .unwrap();
    assert_eq!(bench.call(again).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(bench.told_of_refused(Sport::Hockey).await.0.len(), 1);
}

#[tokio::test]
async fn one_producer_too_many_shuts_no_event() {
    let bench = Bench::with(Limits { max_producers: 1, ..small() }).await;
    assert_eq!(bench.post("/feeds/md", JSON, stop(1, 1)).await.status, StatusCode::ACCEPTED);
    let of_other = stop(1, 1).replace("\"live\"", "\"other\"");
    for wrong in [of_other.clone(), of_other.replace(r#""all""#, "7")] {
        assert_eq!(bench.post("/feeds/md", JSON, wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert!(bench.told_of_refused(Sport::Hockey).await.0.is_empty());
}

#[tokio::test]
async fn a_unified_odds_feed_is_told_the_time_of_what_was_refused() {
    let bench = unified::bench().await;
    let wrong = unified::STOP
        .replace("<bet_stop", "<odds_change")
        .replace("groups=\"all\" odd=\"1\"/>", "><odds><market id=\"x\"/></odds></odds_change>");
    let nobodys = unified::STOP.replace("product=\"1\"", "");
    let ahead = unified::STOP.replace("1234", "9999999999999");
    let hockey = "hi.pre.live.bet_stop.4.sr:match.7.-";
    for body in [&wrong, &nobodys, &ahead] {
        let told = unified::post(&bench, XML, Some(hockey), body).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    }
    let (told, messages) = bench.told_of_refused(Sport::Hockey).await;
    assert_eq!((told.len(), messages), (3, 0));
    let live = Name::new("1").ok();
    let producers: Vec<_> = told.iter().map(|(refused, _)| refused.producer.clone()).collect();
    assert_eq!(producers, [live.clone(), None, live]);
    let time = |generated_at| Place::Time { generated_at };
    assert_eq!((told[0].0.place, told[1].0.place), (time(Timestamp(1_234_000)), time(Timestamp(1_234_000))));
    let latest = told[2].0.received_at.plus_micros(AHEAD_MICROS_MAX);
    assert_eq!(told[2].0.place, time(latest), "a later time would outweigh all until then");
}

#[tokio::test]
async fn every_sport_is_told_of_a_message_whose_routing_key_and_fixture_name_two_sports() {
    let bench = unified::bench().await;
    let told = unified::post(&bench, XML, None, unified::FIXTURE).await;
    assert_eq!(told.status, StatusCode::ACCEPTED, "{}", told.body);
    let football = "hi.-.live.bet_stop.1.sr:match.7.-";
    let told = unified::post(&bench, XML, Some(football), unified::STOP).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    let why = "the routing key says that this event is football, its fixture that it is hockey";
    assert!(told.body["detail"].as_str().unwrap().contains(why), "{}", told.body);
    for sport in Sport::ALL {
        let (told, messages) = bench.told_of_refused(sport).await;
        assert_eq!((told.len(), messages), (1, usize::from(sport == Sport::Hockey)), "{sport}");
        assert_eq!((told[0].0.sport, told[0].0.event_id.as_str()), (sport, "sr:match:7"));
    }
    let letters = bench.read(&Topics::default().dead_letters()).await;
    assert_eq!(letters[0].get(0).unwrap().header("routing_key"), Some(football.as_bytes()));
    // A fixture that is put right decides anew.
    let corrected = unified::FIXTURE.replace("sr:sport:4", "sr:sport:1");
    assert_eq!(unified::post(&bench, XML, None, &corrected).await.status, StatusCode::ACCEPTED);
    assert_eq!(unified::post(&bench, XML, Some(football), unified::STOP).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn both_events_hear_of_a_message_whose_routing_key_names_another_than_it_does() {
    let bench = unified::bench().await;
    let other = "hi.-.live.bet_stop.4.sr:match.8.-";
    let told = unified::post(&bench, XML, Some(other), unified::STOP).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    let why = "the routing key names the event sr:match:8, the message sr:match:7";
    assert!(told.body["detail"].as_str().unwrap().contains(why), "{}", told.body);
    for sport in Sport::ALL {
        let (told, messages) = bench.told_of_refused(sport).await;
        let mut events: Vec<&str> = told.iter().map(|(refused, _)| refused.event_id.as_str()).collect();
        events.sort_unstable();
        assert_eq!((events, messages), (vec!["sr:match:7", "sr:match:8"], 0), "{sport}");
    }
}

#[tokio::test]
async fn of_a_unified_odds_feed_whose_xml_is_broken_the_routing_key_tells_whose_it_was() {
    let bench = unified::bench().await;
    for broken in [unified::STOP.replace("groups=", "product="), unified::STOP[..20].to_owned()] {
        let told = unified::post(&bench, XML, Some("hi.-.live.bet_stop.4.sr:match.7.-"), &broken).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{}", told.body);
    }
    let (told, _) = bench.told_of_refused(Sport::Hockey).await;
    let live = Name::new("1").ok();
    assert!(
        told.iter().all(|(refused, _)| refused.event_id.as_str() == "sr:match:7" && refused.producer == live)
    );
    let places: Vec<_> = told.iter().map(|(refused, _)| refused.place).collect();
    let latest = told[1].0.received_at.plus_micros(AHEAD_MICROS_MAX);
    assert_eq!(places, [Timestamp(1_234_000), latest].map(|generated_at| Place::Time { generated_at }));
    let letters = bench.read(&Topics::default().dead_letters()).await;
    let keys = letters.iter().flat_map(Batch::iter).map(|letter| letter.key().unwrap().to_vec());
    assert_eq!(keys.collect::<Vec<_>>(), [b"sr:match:7", b"sr:match:7"]);
}

#[tokio::test]
async fn of_a_unified_odds_feed_every_sport_is_told_of_an_event_whose_sport_nobody_knows() {
    let bench = unified::bench().await;
    for key in [None, Some("hi.-.live.bet_stop.-.sr:match.7.-"), Some("hi.-.live.bet_stop.21.sr:match.7.-")] {
        let told = unified::post(&bench, XML, key, unified::STOP).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.body);
    }
    for sport in Sport::ALL {
        let (told, _) = bench.told_of_refused(sport).await;
        assert_eq!(told.len(), 2, "what is of a sport that is none of ours is in no feed");
        assert!(told.iter().all(|(refused, _)| refused.sport == sport), "{told:?}");
    }
}
