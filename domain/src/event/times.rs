//! That a message means times of our days: whoever sends seconds for microseconds would else place a game in 1970.

use crate::event::Refusal;
use crate::limit::{TIME_END_MICROS, TIME_MIN_MICROS};
use crate::message::{Body, Content, FeedMessage};
use crate::{Fixture, Timestamp};

/// Checks every time that the sender wrote.
pub(super) fn check(message: &FeedMessage) -> Result<(), Refusal> {
    time("/occurred_at", message.occurred_at)?;
    time("/generated_at", Some(message.generated_at))?;
    let Content::Event(event) = &message.content else { return Ok(()) };
    match &event.body {
        Body::Fixture(it) => fixture("/body", it),
        Body::FixtureChange(change) => {
            time("/body/scheduled_start", change.scheduled_start)?;
            time("/body/next_live_time", change.next_live_time)
        }
        Body::Cancel(cancel) => {
            time("/body/start_time", cancel.window.start_time)?;
            time("/body/end_time", cancel.window.end_time)
        }
        Body::CancelRollback(rollback) => {
            time("/body/start_time", rollback.window.start_time)?;
            time("/body/end_time", rollback.window.end_time)
        }
        Body::Snapshot(snapshot) => match &snapshot.fixture {
            Some(it) => fixture("/body/fixture", it),
            None => Ok(()),
        },
        Body::EventStatus(_)
        | Body::Incident(_)
        | Body::OddsChange(_)
        | Body::BetStop(_)
        | Body::Settlement(_)
        | Body::SettlementRollback(_) => Ok(()),
    }
}

fn fixture(at: &str, fixture: &Fixture) -> Result<(), Refusal> {
    if is_known(fixture.scheduled_start) {
        return Ok(());
    }
    time(&format!("{at}/scheduled_start"), Some(fixture.scheduled_start))
}

fn time(pointer: &str, time: Option<Timestamp>) -> Result<(), Refusal> {
    match time.filter(|time| !is_known(*time)) {
        None => Ok(()),
        Some(Timestamp(micros)) => {
            let mut detail =
                format!("{micros} microseconds since 1970 are not within the years 2000 to 2099");
            if let Some(unit) = unit_meant(micros) {
                detail.push_str(&format!("; these look like {unit}"));
            }
            Err(Refusal::invalid(pointer, detail))
        }
    }
}

fn is_known(time: Timestamp) -> bool {
    (TIME_MIN_MICROS..TIME_END_MICROS).contains(&time.0)
}

/// The unit in which the number would be a time of our days.
fn unit_meant(number: i64) -> Option<&'static str> {
    let fits = |micros: Option<i64>| micros.is_some_and(|micros| is_known(Timestamp(micros)));
    if fits(number.checked_mul(1_000_000)) {
        Some("seconds")
    } else if fits(number.checked_mul(1_000)) {
        Some("milliseconds")
    } else if fits(Some(number / 1_000)) {
        Some("nanoseconds")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;

    fn checked(head: &str, kind: &str, body: &str) -> Result<(), (String, String)> {
        let text = format!(
            r#"{{"schema":"1.0","message_id":"m","provider":"md","producer":"live","sport":"hockey","event_id":"md:match:1","epoch":1,"sequence":1,{head},"type":"{kind}","body":{body}}}"#
        );
        crate::check_alone(&json::decode(text.as_bytes()).expect("a message")).map_err(
            |refusal| match refusal {
                Refusal::Invalid { pointer, detail } => (pointer, detail),
                other => panic!("{other}"),
            },
        )
    }

    #[test]
    fn a_time_in_another_unit_is_refused_and_the_unit_told() {
        const STOP: &str = r#"{"groups":"all"}"#;
        assert_eq!(checked(r#""generated_at":1767225600000000"#, "bet_stop", STOP), Ok(()));
        for (number, unit) in [
            ("1767225600", "; these look like seconds"),
            ("1767225600000", "; these look like milliseconds"),
            ("1767225600000000000", "; these look like nanoseconds"),
            ("0", ""),
            ("-1", ""),
            ("5", ""),
            ("946684799999999", ""),
            ("4102444800000000", ""),
            ("-9223372036854775808", ""),
        ] {
            let (pointer, detail) =
                checked(&format!(r#""generated_at":{number}"#), "bet_stop", STOP).expect_err(number);
            assert_eq!(pointer, "/generated_at");
            let said =
                format!("{number} microseconds since 1970 are not within the years 2000 to 2099{unit}");
            assert_eq!(detail, said);
        }
        let late = r#""occurred_at":1767225600,"generated_at":1767225600000000"#;
        assert_eq!(checked(late, "bet_stop", STOP).expect_err("seconds").0, "/occurred_at");
    }

    #[test]
    fn times_of_the_body_are_looked_at_too() {
        const SEATS: &str = r#""home":{"id":"a:b:1","name":"A"},"away":{"id":"a:b:2","name":"B"}"#;
        let fixture = format!(r#"{{"scheduled_start":5,{SEATS}}}"#);
        for (kind, body, pointer) in [
            ("fixture", fixture.clone(), "/body/scheduled_start"),
            (
                "fixture_change",
                r#"{"change":"start_time","scheduled_start":5}"#.to_owned(),
                "/body/scheduled_start",
            ),
            (
                "fixture_change",
                r#"{"change":"start_time","next_live_time":5}"#.to_owned(),
                "/body/next_live_time",
            ),
            ("cancel", r#"{"markets":[],"start_time":5}"#.to_owned(), "/body/start_time"),
            ("cancel_rollback", r#"{"markets":[],"end_time":5}"#.to_owned(), "/body/end_time"),
            ("snapshot", format!(r#"{{"markets":[],"fixture":{fixture}}}"#), "/body/fixture/scheduled_start"),
        ] {
            let refused = checked(r#""generated_at":1767225600000000"#, kind, &body).expect_err(kind);
            assert_eq!(refused.0, pointer, "{kind}");
        }
    }
}
