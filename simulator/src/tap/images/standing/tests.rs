use domain::Name;
use serde_json::json;

use super::*;

/// The golden message about a game, as the producer of live odds says it.
fn first() -> (FeedMessage, EventMessage) {
    let golden = include_str!("../../../../../domain/golden/v1/odds_change.json").trim();
    let mut message = Format::Json.decode(golden.as_bytes(), &Name::new("md").unwrap()).unwrap();
    message.source.producer = Name::new("1").unwrap();
    let Content::Event(event) = message.content.clone() else { panic!("of an event") };
    (message, event)
}

fn standing(markets: Vec<Market>) -> Standing {
    Standing { version: 7, fixture: None, status: None, markets, incidents: Vec::new() }
}

#[test]
fn where_time_is_the_order_images_are_of_before_their_message_one_after_the_other() {
    let (first, event) = first();
    let event = EventMessage { position: None, ..event };
    let market = |id: u32, status: &str| -> Market {
        let outcome = json!({ "id": "1", "odds": 1_700 });
        let market = json!({ "id": id, "producer": "1", "status": status, "outcomes": [outcome] });
        serde_json::from_value(market).unwrap()
    };
    let standing = standing(vec![market(1, "active"), market(2, "settled"), market(3, "cancelled")]);
    let image = standing.image(Format::Uof, &first, &event, &Log::default(), None);
    let before: Vec<i64> =
        image.messages.iter().map(|message| first.generated_at.micros_since(message.generated_at)).collect();
    assert_eq!(before, [3_000, 2_000, 1_000]);
}

#[test]
fn a_bet_stop_that_was_heard_ahead_of_its_turn_stands_behind_the_image_at_its_place() {
    let (first, event) = first();
    let Position { epoch, sequence } = event.position.unwrap();
    let applied = Position { epoch, sequence: sequence - 1 };
    let stop = |ahead: u64| -> Cause {
        let cause = json!({ "type": "bet_stop", "provider": "md", "producer": "1", "message_id": format!("stop-{ahead}"),
            "epoch": epoch, "sequence": sequence + ahead, "generated_at": first.generated_at.0 + 5 });
        serde_json::from_value(cause).unwrap()
    };
    let image = |ahead| {
        let reached = Some(Reached { applied, ahead });
        standing(Vec::new()).image(Format::Json, &first, &event, &Log::default(), reached)
    };
    // What comes next is recorded itself, and what it overtakes was never to come this way.
    let Image { messages, stops, .. } = image(vec![stop(0), stop(1)]);
    let ([snapshot], [stop_ahead]) = (&messages[..], &stops[..]) else { panic!("{messages:?} {stops:?}") };
    assert_eq!(snapshot.position(), Some(Position { epoch: epoch + 1, sequence: 1 }));
    assert_eq!(stop_ahead.position(), Some(Position { epoch: epoch + 1, sequence: 3 }));
    assert_eq!(stop_ahead.message_id.as_str(), "stop-1");
    let Content::Event(EventMessage { body: Body::BetStop(said), .. }) = &stop_ahead.content else {
        panic!("{stop_ahead:?}")
    };
    assert_eq!(said.groups, Groups::All);
    assert_eq!(stop_ahead.generated_at, first.generated_at.plus_micros(5));
    assert!(image(Vec::new()).stops.is_empty());
}
