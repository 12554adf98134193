//! What is said again takes no room: settlements of the largest events can be upgraded, and repeated by recoveries.

use std::collections::BTreeSet;

use domain::limit::{DECISIONS_MAX, EVENT_OUTCOMES_MAX, GROUPS_MAX, OUTCOMES_MAX};
use domain::market::ResultKind;
use domain::message::{
    BetStop, Cancel, CancelledMarket, Certainty, Groups, OddsChange, Offer, SettledMarket, Settlement,
    StopStatus, Window,
};
use domain::{Body, Content, FeedMessage, MarketKey, MarketStatus, Name, Position};

use crate::build::{outcome, result, settled};
use crate::desk::{Desk, PATIENT, refusals};
use crate::feed::{self, Who};

/// Messages of one source, each made a second after the one before; by time or in sequence.
struct Talk {
    desk: Desk,
    said: u64,
    by_time: bool,
}

impl Talk {
    fn new(by_time: bool) -> Self {
        Self { desk: Desk::new(PATIENT), said: 0, by_time }
    }

    fn message(&mut self, body: Body, request_id: Option<u64>) -> FeedMessage {
        self.said += 1;
        let made = i64::try_from(self.said).expect("few") * 1_000_000;
        let mut message = feed::message(Who::Live, Position { epoch: 1, sequence: self.said }, made, body);
        message.request_id = request_id;
        if let Content::Event(event) = &mut message.content
            && self.by_time
        {
            event.position = None;
        }
        message
    }

    fn is_taken(&mut self, body: Body, request_id: Option<u64>) -> bool {
        let message = self.message(body, request_id);
        refusals(&self.desk.take(&message)).is_empty()
    }
}

/// As many markets as have all the outcomes that an event may have.
fn ids() -> std::ops::Range<u32> {
    0..u32::try_from(EVENT_OUTCOMES_MAX / OUTCOMES_MAX).expect("few")
}

fn offers() -> Body {
    let outcomes: Vec<_> = (0..OUTCOMES_MAX).map(|id| outcome(&id.to_string(), None)).collect();
    let offer = |id| Offer::new(MarketKey::plain(id), MarketStatus::Active, outcomes.clone());
    Body::OddsChange(OddsChange::of(ids().map(offer).collect()))
}

fn settlement(certainty: Certainty, first: &str, markets: std::ops::Range<u32>) -> Body {
    let others = (1..OUTCOMES_MAX).map(|id| id.to_string());
    let ids: Vec<String> = std::iter::once(first.to_owned()).chain(others).collect();
    let outcomes: Vec<_> = ids.iter().map(|id| settled(id, result(ResultKind::Lost))).collect();
    let market =
        |id| SettledMarket { key: MarketKey::plain(id), void_reason: None, outcomes: outcomes.clone() };
    Body::Settlement(Settlement { certainty, markets: markets.map(market).collect() })
}

#[test]
fn the_largest_event_is_settled_upgraded_and_settled_again_by_recoveries() {
    for by_time in [false, true] {
        let mut talk = Talk::new(by_time);
        assert!(talk.is_taken(offers(), None));
        for certainty in [Certainty::LiveScouted, Certainty::Confirmed] {
            assert!(talk.is_taken(settlement(certainty, "0", ids()), None), "{certainty:?}");
        }
        for request_id in 1..5 {
            for certainty in [Certainty::LiveScouted, Certainty::Confirmed] {
                let again = settlement(certainty, "0", ids());
                assert!(talk.is_taken(again, Some(request_id)), "{certainty:?} of recovery {request_id}");
            }
        }
        assert!(talk.is_taken(offers(), None), "offered once more");
        let market = talk.desk.market(&MarketKey::plain(7)).expect("a market");
        assert_eq!((market.status, market.outcomes.len()), (MarketStatus::Settled, OUTCOMES_MAX));
        assert!(
            !talk.is_taken(settlement(Certainty::Confirmed, "one_more", 0..1), None),
            "that is another outcome"
        );
        let before = talk.desk.intake.clone();
        talk.desk.restart();
        assert_eq!(talk.desk.intake, before);
    }
}

#[test]
fn a_decision_that_is_said_again_is_taken_where_no_other_is() {
    let mut talk = Talk::new(true);
    let cancel = |start| {
        let markets = vec![CancelledMarket { key: MarketKey::plain(406), void_reason: None }];
        let window = Window { start_time: Some(domain::Timestamp(start)), end_time: None };
        Body::Cancel(Cancel { markets, window, superseded_by: None })
    };
    let most = i64::try_from(DECISIONS_MAX).expect("few");
    for start in 0..most {
        assert!(talk.is_taken(cancel(start), None), "{start}");
    }
    assert!(!talk.is_taken(cancel(most), None));
    assert!(!talk.is_taken(cancel(most), Some(7)), "nobody has said that");
    assert!(talk.is_taken(cancel(most - 1), None) && talk.is_taken(cancel(0), Some(7)));
    let settle = || settlement(Certainty::Confirmed, "0", 406..407);
    assert!(!talk.is_taken(settle(), None));
}

#[test]
fn groups_that_are_stopped_again_and_again_stop_no_others() {
    let mut talk = Talk::new(true);
    let name = |name: String| Name::new(name).expect("a name");
    let names: Vec<Name> = (0..GROUPS_MAX - 10).map(|number| name(format!("group_{number}"))).collect();
    let mut offer = Offer::new(MarketKey::plain(406), MarketStatus::Active, vec![outcome("4", None)]);
    offer.groups = BTreeSet::from([name("apart".to_owned())]);
    talk.is_taken(Body::OddsChange(OddsChange::of(vec![offer])), None);
    let status = |talk: &Talk| talk.desk.market(&MarketKey::plain(406)).expect("the market").status;
    let mut stop = |names: &[Name]| {
        let groups = Groups::Named(names.to_vec());
        talk.is_taken(Body::BetStop(BetStop { groups, market_status: StopStatus::Suspended }), None);
        status(&talk)
    };
    for _ in 0..3 {
        assert_eq!(stop(&names), MarketStatus::Active);
    }
    let others: Vec<Name> = (0..11).map(|number| name(format!("other_{number}"))).collect();
    assert_eq!(stop(&others[..10]), MarketStatus::Active, "there is room for these");
    assert_eq!(stop(&others), MarketStatus::Suspended, "what cannot be remembered is all of them");
}
