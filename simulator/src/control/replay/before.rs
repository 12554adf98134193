//! What was said of an event before the minute with which it is to begin, summed up: each producer for itself.

use std::collections::BTreeMap;

use domain::update::Value;
use domain::{Content, EventMessage, FeedMessage, Name};

use super::source::Said;
use super::{Listed, MINUTE};
use crate::ledger::Account;
use crate::recording::minute::MinuteError;
use crate::recording::{Beginning, bodies_of, run_on, tells_clock};

/// What comes before the minute.
#[derive(Default)]
pub(super) struct Before(BTreeMap<Name, Summed>);

/// What one producer said.
struct Summed {
    account: Account,
    /// When it told the clock last.
    clock_at_ns: u64,
}

/// When the minute is with which an event begins, in nanoseconds after its first message.
///
/// # Errors
/// When nothing is said from then on.
pub(super) fn begins_ns(listed: &Listed, said: &[Said]) -> Result<u64, MinuteError> {
    let minute = listed.start_minutes;
    if minute == 0 {
        return Ok(0);
    }
    let (began_ns, last_ns) =
        (began_ns(said), said.iter().map(|said| said.offset_ns).max().unwrap_or_default());
    let begins_ns = began_ns + u64::from(minute) * MINUTE;
    if last_ns < begins_ns {
        let reached = u32::try_from(last_ns.saturating_sub(began_ns) / MINUTE).unwrap_or(u32::MAX);
        return Err(MinuteError::NotReached { minute, reached });
    }
    Ok(begins_ns)
}

/// When play began, as its messages tell it; of what was never to begin, with the first of them.
fn began_ns(said: &[Said]) -> u64 {
    let mut beginning = Beginning::default();
    for Said { offset_ns, message, .. } in said {
        if let Content::Event(event) = &message.content {
            beginning.note(*offset_ns, message.generated_at, &event.body);
        }
    }
    beginning.at_ns().unwrap_or_default()
}

impl Before {
    /// Takes in what was said, so long after the first message.
    pub(super) fn enter(&mut self, offset_ns: u64, producer: &Name, event: &EventMessage) {
        let new = || Summed { account: Account::new(producer.clone(), event.sport), clock_at_ns: 0 };
        let summed = self.0.entry(producer.clone()).or_insert_with(new);
        summed.account.enter(&event.body);
        if tells_clock(&event.body) {
            summed.clock_at_ns = offset_ns;
        }
    }

    /// How things stand so long after the first message, in messages made before the one that comes next. Who told the clock last
    /// says last how play stands.
    pub(super) fn tell(self, offset_ns: u64, next: &FeedMessage, event: &EventMessage) -> Vec<FeedMessage> {
        let mut producers: Vec<(Name, Summed)> = self.0.into_iter().collect();
        producers.sort_by_key(|(_, summed)| summed.clock_at_ns);
        let mut told = Vec::new();
        for (producer, Summed { account, clock_at_ns }) in producers {
            let since_seconds = offset_ns.saturating_sub(clock_at_ns) / 1_000_000_000;
            let values = account.values().filter_map(|value| match value {
                // Who plays whom has been told.
                Value::Fixture(_) => None,
                Value::Status(status) => Some(Value::Status(run_on(status, event.sport, since_seconds))),
                value => Some(value),
            });
            for body in bodies_of(values) {
                let mut stands = next.clone();
                stands.source.producer = producer.clone();
                stands.content = Content::Event(EventMessage { body, ..event.clone() });
                told.push(stands);
            }
        }
        for (before, stands) in (1..).zip(told.iter_mut().rev()) {
            stands.generated_at = next.generated_at.plus_micros(-1_000 * before);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventId, Sport};

    use super::super::Replay;
    use crate::format::Format;
    use crate::recording::{Header, Writer};

    use super::*;

    /// A recording of a Unified Odds Feed, each message after so many minutes.
    fn recording(messages: &[(u64, String)]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let header = Header::new(Name::new("uof").unwrap(), Format::Uof, "a tap", None);
        let mut writer = Writer::new(file.as_file_mut(), header).unwrap();
        for (minutes, message) in messages {
            writer.write(minutes * MINUTE, message.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    fn odds(product: u8, made_ms: u64, status: &str, market: u32, odds: &str) -> String {
        format!(
            r#"hi.-.live.odds_change.4.sr:match.7.- <odds_change product="{product}" event_id="sr:match:7" timestamp="{made_ms}">{status}<odds><market id="{market}" status="1"><outcome id="1" odds="{odds}" active="1"/></market></odds></odds_change>"#
        )
    }

    /// A game of which two producers tell: who offered it before, and who offers it now. Both offer one market.
    fn game() -> tempfile::NamedTempFile {
        let live = |clock: u8| {
            format!(
                r#"<sport_event_status status="1" match_status="1" home_score="0" away_score="0"><clock match_time="{clock}:00"/></sport_event_status>"#
            )
        };
        recording(&[
            (0, odds(3, 1_767_225_600_000, "", 1, "1.5")),
            (10, odds(1, 1_767_226_200_000, &live(0), 1, "1.6")),
            (12, odds(3, 1_767_226_320_000, "", 60, "1.7")),
            (14, odds(1, 1_767_226_440_000, "", 18, "1.8")),
            (20, odds(1, 1_767_226_800_000, &live(10), 1, "1.9")),
        ])
    }

    fn from_minute(start_minutes: u32) -> anyhow::Result<Vec<String>> {
        let file = game();
        let replay = Replay {
            events: vec![Listed {
                event_id: EventId::new("sr:match:7").unwrap(),
                sport: Sport::Hockey,
                start_minutes,
                recording: Some(file.path().to_owned()),
            }],
            provider: Name::new("uof").unwrap(),
            product: None,
            speed: 1.0,
            max_delay_ms: None,
            is_now: false,
            is_parallel: false,
            node_id: None,
        };
        let schedule = replay.play(domain::Timestamp(1_767_225_600_000_000))?;
        let line = |index| String::from_utf8(schedule.message(index).to_vec()).unwrap();
        Ok((0..schedule.len()).map(line).collect())
    }

    #[test]
    fn each_producer_says_how_its_own_offers_stand() {
        let lines = from_minute(9).unwrap();
        let [before, live, next] = &lines[..] else { panic!("{lines:#?}") };
        let has = |line: &str, parts: &[&str]| parts.iter().all(|part| line.contains(part));
        assert!(
            has(before, &[r#"product="3""#, r#"<market id="1""#, r#"odds="1.5""#, r#"<market id="60""#]),
            "{before}"
        );
        assert!(
            has(live, &[r#"product="1""#, r#"<market id="1""#, r#"odds="1.6""#, r#"<market id="18""#]),
            "{live}"
        );
        // What was told without a clock leaves it running.
        assert!(has(live, &[r#"match_time="10:00""#]), "{live}");
        assert!(next.contains(r#"odds="1.9""#), "{next}");
    }

    #[test]
    fn a_minute_beyond_the_end_is_refused() {
        let why = format!("{:#}", from_minute(11).unwrap_err());
        assert_eq!(why, "cannot replay sr:match:7: its game comes to minute 10, not to 11");
        assert_eq!(from_minute(10).unwrap().len(), 3);
    }
}
