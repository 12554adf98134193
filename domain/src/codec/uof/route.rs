//! The routing key that a message came with: it tells the sport, which the message does not, and the event, should the
//! message be broken.

use std::str::FromStr;

use super::codes;
use crate::Sport;
use crate::id::EventId;

/// What the key `hi.-.live.odds_change.1.sr:match.123.-` tells. Its fields: priority, `pre` or `-`, `live` or `-`, message
/// type, sport id, kind of event, number of the event and, where there are several receivers, node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingKey {
    /// The sport, where it is one of ours.
    pub sport: Option<Sport>,
    /// Whether it names a sport that is none of ours.
    pub is_of_another_sport: bool,
    /// The event, where it is about one: `sr:match` and `123` are `sr:match:123`.
    pub event_id: Option<EventId>,
    /// Whether it is meant for who follows events before they begin.
    pub is_pre: bool,
    /// Whether it is meant for who follows events that are on.
    pub is_live: bool,
}

/// A text that is no routing key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a routing key such as `hi.-.live.odds_change.1.sr:match.123.-`")]
pub struct RoutingKeyError(String);

impl FromStr for RoutingKey {
    type Err = RoutingKeyError;
    fn from_str(text: &str) -> Result<Self, RoutingKeyError> {
        let fields: Vec<&str> = text.split('.').collect();
        let [_priority, pre, live, _message_type, sport, kind, event, ..] = *fields else {
            return Err(RoutingKeyError(text.to_owned()));
        };
        let id: Option<u32> = sport.parse().ok();
        let sport = id.and_then(codes::sport);
        Ok(Self {
            sport,
            is_of_another_sport: id.is_some() && sport.is_none(),
            event_id: EventId::new(format!("{kind}:{event}")).ok(),
            is_pre: pre == "pre",
            is_live: live == "live",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_and_the_seventh_field_are_the_event() {
        let event = |text: &str| text.parse::<RoutingKey>().expect("a routing key").event_id;
        assert_eq!(event("hi.-.live.odds_change.1.sr:match.123.-"), EventId::new("sr:match:123").ok());
        assert_eq!(
            event("lo.pre.-.bet_settlement.5.sr:simple_tournament.7"),
            EventId::new("sr:simple_tournament:7").ok()
        );
        assert_eq!(event("-.-.-.alive.-.-.-.-"), None);
        assert_eq!(event("-.-.-.snapshot_complete.-.-.-"), None);
    }

    #[test]
    fn the_fifth_field_is_the_sport() {
        let key = |text: &str| text.parse::<RoutingKey>().expect("a routing key");
        let sport = |text: &str| key(text).sport;
        assert_eq!(sport("hi.-.live.odds_change.1.sr:match.123.-"), Some(Sport::Football));
        assert_eq!(sport("lo.pre.-.bet_settlement.5.sr:match.123"), Some(Sport::Tennis));
        assert_eq!(sport("hi.pre.live.fixture_change.4.sr:match.123.-"), Some(Sport::Hockey));
        assert_eq!(sport("hi.-.live.odds_change.21.sr:match.123.-"), None);
        assert_eq!(sport("-.-.-.alive.-.-.-.-"), None);
        assert!(key("hi.-.live.odds_change.21.sr:match.123.-").is_of_another_sport);
        assert!(!key("hi.-.live.odds_change.1.sr:match.123.-").is_of_another_sport);
        assert!(!key("hi.-.live.odds_change.-.sr:match.123.-").is_of_another_sport, "it names none");
        assert!("odds_change".parse::<RoutingKey>().is_err());
    }
}
