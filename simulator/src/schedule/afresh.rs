//! Schedules played once more as other games: with other ids, and everything else as it was.

use std::collections::HashSet;

use domain::Timestamp;
use domain::limit::ID_BYTES_MAX;

use super::builder::place;
use super::{Channel, Schedule, ScheduleBuilder, ScheduleError};
use crate::format::Format;

/// What ids end in of what is played afresh at this time, to the microsecond: whatever was played before had another time.
#[must_use]
pub fn suffix_at(now: Timestamp) -> String {
    format!("-{}", now.0)
}

impl Schedule {
    /// The same once more as other games: event and message ids end in `suffix`, and events that replace others still do.
    /// What is not of its format stays as it is.
    ///
    /// # Errors
    /// When an id would be too long.
    pub fn afresh(&self, suffix: &str) -> Result<Self, ScheduleError> {
        let mut builder = ScheduleBuilder::default();
        let events: HashSet<&str> = self.channels.iter().filter_map(|it| it.event_id.as_deref()).collect();
        for (index, line) in self.lines.iter().enumerate() {
            let Channel { provider, format, .. } = &self.channels[line.channel as usize];
            let message = match renamed(*format, self.message(index), suffix, &events) {
                Ok(message) => message,
                // What must be refused may have any id.
                Err(_) if format.decode(self.message(index), provider).is_none() => {
                    self.message(index).to_vec()
                }
                Err(error) => return Err(error),
            };
            builder.push(provider, *format, line.offset_ns, &message)?;
            builder.last_is_sought(line.is_sought);
        }
        Ok(builder.build())
    }
}

/// A message with `suffix` at the end of its ids.
pub(crate) fn renamed(
    format: Format,
    message: &[u8],
    suffix: &str,
    events: &HashSet<&str>,
) -> Result<Vec<u8>, ScheduleError> {
    let envelope = format.envelope(message).unwrap_or_default();
    let replaced = format.superseded_by(message).filter(|id| events.contains(id));
    let mut ends = Vec::with_capacity(4);
    let routed = format.routed_event(message);
    for id in [envelope.message_id, envelope.event_id, replaced, routed].into_iter().flatten() {
        // It is none already, whatever it ends in.
        if id.len() > ID_BYTES_MAX {
            continue;
        }
        if id.len() + suffix.len() > ID_BYTES_MAX {
            return Err(ScheduleError::IdTooLong(id.to_owned()));
        }
        ends.extend(place(id, message).map(|(at, length)| (at + length) as usize));
    }
    ends.sort_unstable();
    let mut out = Vec::with_capacity(message.len() + ends.len() * suffix.len());
    let mut copied = 0;
    for end in ends {
        out.extend_from_slice(&message[copied..end]);
        out.extend_from_slice(suffix.as_bytes());
        copied = end;
    }
    out.extend_from_slice(&message[copied..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use domain::Name;

    use super::*;

    fn schedule(messages: &[(u64, &str)]) -> Schedule {
        let mut builder = ScheduleBuilder::default();
        for (offset_ns, message) in messages {
            builder.push(&Name::new("md").unwrap(), Format::Json, *offset_ns, message.as_bytes()).unwrap();
        }
        builder.build()
    }

    #[test]
    fn played_afresh_ids_are_others_and_nothing_else() {
        let cancel = r#"{"event_id":"md:match:1","message_id":"m1","generated_at":5,"body":{"superseded_by":"md:match:2","note":"md:match:1"}}"#;
        let other = r#"{"message_id":"m2","event_id":"md:match:2","body":{"superseded_by":"md:match:3"}}"#;
        let afresh = schedule(&[(0, cancel), (1, other), (2, "none")]).afresh("-r2").unwrap();
        let message = |index: usize| String::from_utf8(afresh.message(index).to_vec()).unwrap();
        assert_eq!(
            message(0),
            r#"{"event_id":"md:match:1-r2","message_id":"m1-r2","generated_at":5,"body":{"superseded_by":"md:match:2-r2","note":"md:match:1"}}"#
        );
        assert_eq!(
            message(1),
            r#"{"message_id":"m2-r2","event_id":"md:match:2-r2","body":{"superseded_by":"md:match:3"}}"#
        );
        assert_eq!(message(2), "none");
    }

    #[test]
    fn an_id_that_would_be_too_long_is_refused_unless_its_message_is() {
        let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim();
        let with_id = |length: usize| {
            let id = format!("md:match:{}", "1".repeat(length - 9));
            golden.replace("\"md:match:1001\"", &format!("\"{id}\""))
        };
        let long = with_id(ID_BYTES_MAX);
        assert!(matches!(schedule(&[(0, &long)]).afresh("-r2"), Err(ScheduleError::IdTooLong(_))));
        let too_long = with_id(5_000);
        let of_no_schema = long.replace("\"schema\":\"1.0\"", "\"schema\":\"9.0\"");
        assert_ne!(of_no_schema, long);
        let afresh = schedule(&[(0, &too_long), (1, &of_no_schema), (2, golden)]).afresh("-r2").unwrap();
        let message = |index: usize| String::from_utf8(afresh.message(index).to_vec()).unwrap();
        assert!(
            message(0).contains(&"1".repeat(4_991))
                && Format::Json.decode(afresh.message(0), &Name::new("md").unwrap()).is_none()
        );
        assert_eq!(message(1), of_no_schema);
        assert!(message(2).contains("\"md:match:1001-r2\""));
    }

    #[test]
    fn xml_is_played_afresh_like_json() {
        let mut builder = ScheduleBuilder::default();
        let message = b"<cancel message_id='m1' event_id=\"md:match:1\" superseded_by='md:match:1'><a event_id='md:match:1'/></cancel>";
        builder.push(&Name::new("md").unwrap(), Format::Xml, 0, message).unwrap();
        let afresh = builder.build().afresh("-r2").unwrap();
        assert_eq!(
            std::str::from_utf8(afresh.message(0)).unwrap(),
            "<cancel message_id='m1-r2' event_id=\"md:match:1-r2\" superseded_by='md:match:1-r2'><a event_id='md:match:1'/></cancel>"
        );
    }

    #[test]
    fn a_unified_odds_feed_is_played_afresh_with_its_routing_keys_and_fixtures() {
        let mut builder = ScheduleBuilder::default();
        let lines = [
            r#"lo.pre.-.fixture.4.md:match.7.- <fixtures_fixture generated_at="2026-01-01T00:00:00+00:00"><fixture id="md:match:7" start_time="x"><tournament id="md:match:7"/></fixture></fixtures_fixture>"#,
            r#"hi.-.live.bet_stop.4.md:match.7.- <bet_stop product="1" event_id="md:match:7" timestamp="5" groups="all"/>"#,
            r#"-.-.-.alive.-.-.-.- <alive product="1" timestamp="5" subscribed="1"/>"#,
        ];
        for line in lines {
            builder.push(&Name::new("uof").unwrap(), Format::Uof, 0, line.as_bytes()).unwrap();
        }
        let afresh = builder.build().afresh("-r2").unwrap();
        let found = [0, 1, 2].map(|index| String::from_utf8(afresh.message(index).to_vec()).unwrap());
        assert_eq!(
            found,
            [
                lines[0].replace("match.7", "match.7-r2").replacen(
                    r#"id="md:match:7""#,
                    r#"id="md:match:7-r2""#,
                    1
                ),
                lines[1].replace("match.7", "match.7-r2").replace("match:7", "match:7-r2"),
                lines[2].to_owned(),
            ]
        );
        let events: Vec<_> = afresh.channels().iter().map(|channel| channel.event_id.as_deref()).collect();
        assert_eq!(events, [Some("md:match:7-r2"), None], "an event's fixture comes before its odds");
        let provider = Name::new("uof").unwrap();
        for message in &found[1..] {
            assert!(Format::Uof.decode(message.as_bytes(), &provider).is_some(), "{message}");
        }
    }
}
