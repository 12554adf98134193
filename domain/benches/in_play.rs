//! A football match in play, of many markets, and the odds changes that come of it.

use std::ops::Range;

use domain::codec::json;
use domain::{
    Applied, Body, Content, EventState, FeedMessage, MarketKey, MarketStatus, Odds, Position, Timestamp,
    Update,
};

/// Its markets, of three outcomes each.
pub const MARKETS: u32 = 40;

const SAMPLE: &[u8] = include_bytes!("../golden/v1/football_odds_change.json");

/// The match before its first message.
pub fn before() -> EventState {
    let first = odds_change(1, 0..MARKETS);
    let Content::Event(event) = &first.content else { panic!("odds are of an event") };
    EventState::new(event.event_id.clone(), event.sport)
}

/// What comes of the match's next message.
pub fn apply(state: &mut EventState, message: &FeedMessage) -> Update {
    match state.apply(message, Timestamp(2)) {
        Ok(Applied::Updated(update)) => update,
        other => panic!("it is the next message: {other:?}"),
    }
}

/// The message at this place, in which every price of these markets moves.
pub fn odds_change(sequence: u64, markets: Range<u32>) -> FeedMessage {
    let mut message = json::decode(SAMPLE.trim_ascii_end()).expect("a golden message");
    message.message_id = format!("bench-{sequence}").parse().expect("an id");
    let Content::Event(event) = &mut message.content else { panic!("odds are of an event") };
    event.position = Some(Position { epoch: 1, sequence });
    let Body::OddsChange(change) = &mut event.body else { panic!("it is an odds change") };
    let sample = change.markets.first().expect("a market").clone();
    change.markets = markets
        .map(|line| {
            let mut offer = sample.clone();
            offer.key = format!("18:total={line}.5").parse::<MarketKey>().expect("a key");
            offer.status = MarketStatus::Active;
            for (index, outcome) in (0..).zip(&mut offer.outcomes) {
                let odds = 1_500 + 40 * line + 7 * index + 5 * u32::try_from(sequence).expect("small");
                outcome.odds = Odds::from_thousandths(odds).ok();
            }
            offer
        })
        .collect();
    message
}
