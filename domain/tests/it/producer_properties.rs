//! What holds while producers go down and come up, whatever their messages say and however they come.

use std::collections::BTreeSet;

use domain::market::Suspension;
use domain::update::CauseKind;
use domain::{FeedMessage, MarketStatus};
use proptest::prelude::*;

use crate::desk::Desk;
use crate::feed::Who;
use crate::order_properties::{limits, shuffled};
use crate::timed;

/// Before a message: a producer goes down or comes up, again and again perhaps.
type Turn = Option<(Who, bool)>;

/// What arrives of messages with sequences, or without.
fn anything() -> impl Strategy<Value = (Vec<FeedMessage>, Vec<FeedMessage>)> {
    prop_oneof![shuffled(), timed::shuffled()]
}

/// Messages in the order in which they arrive, each with what happens before it.
fn disturbed(
    messages: impl Strategy<Value = (Vec<FeedMessage>, Vec<FeedMessage>)>,
) -> impl Strategy<Value = Vec<(Turn, FeedMessage)>> {
    let turn = prop::option::weighted(0.3, (prop::sample::select(Who::BOTH.to_vec()), any::<bool>()));
    messages.prop_flat_map(move |(_, arriving)| {
        let turns = prop::collection::vec(turn.clone(), arriving.len());
        turns.prop_map(move |turns| turns.into_iter().zip(arriving.iter().cloned()).collect())
    })
}

proptest! {
    #[test]
    fn nothing_of_a_producer_that_is_down_is_open(arriving in disturbed(anything()), limits in limits()) {
        let mut desk = Desk::new(limits);
        let mut down = BTreeSet::new();
        for (turn, message) in &arriving {
            if let Some((who, is_trusted)) = *turn {
                desk.trusts(who, is_trusted);
                if is_trusted { down.remove(&who) } else { down.insert(who) };
            }
            desk.take(message);
            desk.wait(500);
            for who in &down {
                let open = desk.markets(*who).into_iter().find(|market| market.status == MarketStatus::Active);
                prop_assert_eq!(open, None);
            }
            let blamed = desk.markets_of_all().into_iter();
            let mut blamed = blamed.filter(|market| market.suspension == Some(Suspension::ProducerDown));
            prop_assert!(blamed.all(|market| down.iter().any(|who| who.source().producer == market.producer)));
        }
    }

    #[test]
    fn once_all_are_up_the_event_is_as_if_none_had_been_down(arriving in disturbed(anything()), limits in limits()) {
        let (mut desk, mut undisturbed) = (Desk::new(limits), Desk::new(limits));
        for (turn, message) in &arriving {
            if let Some((who, is_trusted)) = *turn {
                desk.trusts(who, is_trusted);
            }
            // The same time for both: deadlines are part of what is compared.
            undisturbed.now = desk.now;
            desk.take(message);
            undisturbed.take(message);
            desk.wait(500);
            undisturbed.wait(500);
        }
        for who in Who::BOTH {
            desk.trusts(who, true);
        }
        prop_assert_eq!(desk.values(), undisturbed.values());
    }

    #[test]
    fn every_turn_that_is_seen_is_a_version_and_is_stored(arriving in disturbed(shuffled()), limits in limits()) {
        let mut desk = Desk::new(limits);
        for (turn, message) in &arriving {
            if let Some((who, is_trusted)) = *turn {
                let before = desk.values();
                let update = desk.trusts(who, is_trusted);
                prop_assert_eq!(update.is_some(), desk.values() != before);
                let expected = if is_trusted { CauseKind::ProducerUp } else { CauseKind::ProducerDown };
                prop_assert!(update.is_none_or(|update| update.cause.kind == expected));
                prop_assert_eq!(desk.trusts(who, is_trusted), None, "once is enough");
            }
            desk.take(message);
            prop_assert_eq!(&desk.entries(), desk.client());
            prop_assert_eq!(&desk.restored(), &desk.intake);
        }
        for (version, update) in (1..).zip(&desk.updates) {
            prop_assert_eq!((update.version, update.previous_version), (version, version - 1));
        }
        prop_assert_eq!(desk.intake.state().version(), desk.updates.len() as u64);
    }
}
