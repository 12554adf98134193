//! The verdict: what must be, held against what each store and each client ended with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::anomaly::{Anomalies, Example, Kind};
use crate::observe::{Picture, Pictures};

/// What one event must have come to, as whoever sent it decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expected {
    /// Its sport's name on the wire.
    pub sport: String,
    /// How many messages were sent of it: each is one version.
    pub messages: u64,
    /// How often something of it was shut or opened because a producer went down or came up: each is one version, too.
    pub turns: u64,
    /// `status` of the state of play.
    pub status: String,
    /// `match_status` of the state of play.
    pub match_status: String,
    /// The final score: home, away.
    pub score: (u32, u32),
    /// Each period's score: name, home, away; `None` where periods are not judged.
    pub periods: Option<Vec<(String, u32, u32)>>,
    /// Every market, by its key's text form; `None` where markets are not judged.
    pub markets: Option<BTreeMap<String, ExpectedMarket>>,
    /// Other keys, each with its whole value: the fixture, the incidents.
    pub exact: BTreeMap<String, Value>,
}

impl Expected {
    /// The version in which it must end.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.messages + self.turns
    }

    /// What a list must say of the event: nothing of its periods, markets and incidents.
    #[must_use]
    pub fn listed(&self) -> Self {
        Self { periods: None, markets: None, exact: BTreeMap::new(), ..self.clone() }
    }
}

/// What one market must have come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedMarket {
    /// Its status.
    pub status: String,
    /// Per outcome: the last odds in thousandths, and how it ended where it was settled, refunds included:
    /// `{"result":"lost","void":"full"}`.
    pub outcomes: BTreeMap<String, (Option<u32>, Option<Value>)>,
}

/// Values held against each other, and how many of them did not agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub compared: u64,
    /// Those that did not agree.
    pub differ: u64,
    /// How often there was no answer to compare.
    pub unanswered: u64,
}

impl Tally {
    /// Counts one comparison.
    pub fn count(&mut self, agrees: bool) {
        self.compared += 1;
        self.differ += u64::from(!agrees);
    }
}

/// Counts what was compared, keeps what did not agree.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// What was compared in each place.
    pub places: BTreeMap<String, Tally>,
    /// What was compared of each sport's events, in all places.
    pub sports: BTreeMap<String, Tally>,
    /// What did not agree, by what is wrong with it.
    pub anomalies: Anomalies,
}

impl Verdict {
    /// Says that a place is to be looked at: where nothing comes to be compared in it, nothing is proven.
    pub fn look_at(&mut self, place: &str) {
        self.places.entry(place.to_owned()).or_default();
    }

    /// Notes that a place was looked at so often without an answer.
    pub fn unanswered(&mut self, place: &str, times: u64) {
        self.places.entry(place.to_owned()).or_default().unanswered += times;
    }

    /// How many of the places that were to be looked at were not.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        self.places.values().filter(|tally| tally.compared == 0).count() as u64
    }

    /// Whether all agreed. Where nothing was compared nothing is proven.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.anomalies.total() == 0
            && !self.places.is_empty()
            && self.places.values().chain(self.sports.values()).all(|tally| tally.compared > 0)
    }

    /// How many values were compared, all places together.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.places.values().map(|tally| tally.compared).sum()
    }

    /// Holds one place's events against what must be, and says that the place was looked at.
    pub fn judge_place(&mut self, place: &str, expected: &BTreeMap<String, Expected>, found: &Pictures) {
        self.look_at(place);
        for (event_id, expected) in expected {
            let picture = found.get(event_id);
            let version = picture.map(|picture| picture.version);
            let mut at = At { verdict: self, place, event_id, version, sport: Some(&expected.sport) };
            match picture {
                None => at.compare(Kind::Lost, "event", "there".to_owned(), "missing".to_owned()),
                Some(picture) => at.judge(expected, picture),
            }
        }
        for event_id in found.keys().filter(|id| !expected.contains_key(*id)) {
            let mut at = At { verdict: self, place, event_id, version: None, sport: None };
            at.compare(Kind::Phantom, "event", "absent".to_owned(), "there".to_owned());
        }
    }

    /// Holds every value of two places against each other, those that no ledger speaks of included.
    pub fn judge_equal(
        &mut self,
        place: &str,
        expected: &BTreeMap<String, Expected>,
        found: &Pictures,
        reference: &Pictures,
    ) {
        for (event_id, Expected { sport, .. }) in expected {
            // Where one of the two lacks the event, that has been said of it.
            let Some((picture, reference)) = found.get(event_id).zip(reference.get(event_id)) else {
                continue;
            };
            let keys: BTreeSet<&String> = reference.values.keys().chain(picture.values.keys()).collect();
            let version = Some(picture.version);
            let mut at = At { verdict: self, place, event_id, version, sport: Some(sport) };
            for key in keys {
                let (expected, found) = (text(reference.values.get(key)), text(picture.values.get(key)));
                at.compare(Kind::StoreDivergence, key, expected, found);
            }
        }
    }

    /// Notes a statement that must hold, such as that a client's frames joined without a break.
    pub fn judge_none(&mut self, kind: Kind, place: &str, what: &str, found: &[String]) {
        let summary = match found {
            [] => "none".to_owned(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        };
        let mut at = At { verdict: self, place, event_id: "", version: None, sport: None };
        at.compare(kind, what, "none".to_owned(), summary);
    }

    /// Counts a comparison in a place, of a sport where it is about an event that somebody has sent.
    pub fn compare(
        &mut self,
        kind: Kind,
        sport: Option<&str>,
        agrees: bool,
        example: impl FnOnce() -> Example,
        place: &str,
    ) {
        // Most are of a place and a sport that are known.
        count(&mut self.places, place, agrees);
        if let Some(sport) = sport {
            count(&mut self.sports, sport, agrees);
        }
        self.anomalies.hold(kind, agrees, example);
    }
}

fn count(tallies: &mut BTreeMap<String, Tally>, name: &str, agrees: bool) {
    match tallies.get_mut(name) {
        Some(tally) => tally.count(agrees),
        None => tallies.entry(name.to_owned()).or_default().count(agrees),
    }
}

/// Where a comparison takes place.
struct At<'a> {
    verdict: &'a mut Verdict,
    place: &'a str,
    event_id: &'a str,
    /// The version in which the place has the event.
    version: Option<u64>,
    /// The event's sport, where somebody has sent it.
    sport: Option<&'a str>,
}

impl At<'_> {
    fn judge(&mut self, expected: &Expected, picture: &Picture) {
        // What MySQL has more or less than it must was done twice or never; whoever follows it stays behind or runs ahead.
        let kinds = match self.place {
            "mysql" => (Kind::Lost, Kind::DuplicateEffect),
            _ => (Kind::Stale, Kind::Phantom),
        };
        self.compare_numbers(kinds, "version", expected.version(), picture.version);
        let status = picture.status();
        let part = |name: &str| text(status.and_then(|status| status.pointer(name)));
        self.compare_value("status", quoted(&expected.status), part("/status"));
        self.compare_value("match status", quoted(&expected.match_status), part("/match_status"));
        let (home, away) = expected.score;
        self.compare_value(
            "score",
            format!("{home}:{away}"),
            format!("{}:{}", part("/score/home"), part("/score/away")),
        );
        if let Some(periods) = &expected.periods {
            let periods = periods.iter().map(|(name, home, away)| format!("{name} {home}:{away}"));
            self.compare_value("periods", periods.collect::<Vec<_>>().join(", "), periods_of(status));
        }
        if let Some(expected) = &expected.markets {
            self.judge_markets(expected, picture);
        }
        for (key, value) in &expected.exact {
            self.compare_value(key, value.to_string(), text(picture.values.get(key)));
        }
    }

    fn judge_markets(&mut self, expected: &BTreeMap<String, ExpectedMarket>, picture: &Picture) {
        let found: BTreeMap<&str, &Value> = picture.markets().collect();
        for key in found.keys().filter(|key| !expected.contains_key(**key)) {
            self.compare(Kind::Phantom, &format!("market {key}"), "absent".to_owned(), "there".to_owned());
        }
        for (key, expected) in expected {
            let Some(market) = found.get(key.as_str()) else {
                self.compare(Kind::Lost, &format!("market {key}"), "there".to_owned(), "missing".to_owned());
                continue;
            };
            let status = market.get("status").and_then(Value::as_str).unwrap_or("none");
            self.compare(
                kind_of_status(&expected.status, status, expected.status == status),
                &format!("market {key} status"),
                quoted(&expected.status),
                quoted(status),
            );
            for (id, (odds, result)) in &expected.outcomes {
                let outcomes = market.get("outcomes").and_then(Value::as_array);
                let outcome =
                    outcomes.and_then(|all| all.iter().find(|outcome| outcome["id"] == id.as_str()));
                let what = format!("market {key} outcome {id}");
                let found_odds = text(outcome.and_then(|outcome| outcome.get("odds")));
                self.compare_value(
                    &format!("{what} odds"),
                    odds.map_or_else(none, |odds| odds.to_string()),
                    found_odds,
                );
                let found_result = outcome.and_then(|outcome| outcome.get("result"));
                // Where none must be and none is, no settlement has been looked at.
                if result.is_some() || found_result.is_some() {
                    let what = format!("{what} result");
                    self.compare(Kind::SettlementWrong, &what, text(result.as_ref()), text(found_result));
                }
            }
        }
    }

    fn compare_value(&mut self, what: &str, expected: String, found: String) {
        self.compare(Kind::WrongValueAtVersion, what, expected, found);
    }

    /// What it is where there are fewer, and where there are more.
    fn compare_numbers(&mut self, (fewer, more): (Kind, Kind), what: &str, expected: u64, found: u64) {
        let (kind, other) = if found > expected { (more, fewer) } else { (fewer, more) };
        self.verdict.anomalies.checked(other, 1);
        self.compare(kind, what, expected.to_string(), found.to_string());
    }

    fn compare(&mut self, kind: Kind, what: &str, expected: String, found: String) {
        let agrees = expected == found;
        let (place, event_id, version) = (self.place, self.event_id, self.version);
        let example = || Example {
            place: place.to_owned(),
            event_id: event_id.to_owned(),
            version,
            what: what.to_owned(),
            expected,
            found,
            ..Example::default()
        };
        self.verdict.compare(kind, self.sport, agrees, example, place);
    }
}

/// What it is when a market has another status than it must have; where it agrees, what it was looked for.
pub(crate) fn kind_of_status(expected: &str, found: &str, agrees: bool) -> Kind {
    let is_decided = |status: &str| matches!(status, "settled" | "cancelled");
    if is_decided(expected) || is_decided(found) {
        Kind::SettlementWrong
    } else if expected != "active" && (agrees || found == "active") {
        // What must be shut could have been open; what may be open could not be so wrongly.
        Kind::MarketOpenWhileUnsafe
    } else {
        Kind::WrongValueAtVersion
    }
}

fn periods_of(status: Option<&Value>) -> String {
    let periods = status.and_then(|status| status.get("period_scores")).and_then(Value::as_array);
    let period = |period: &Value| {
        format!(
            "{} {}:{}",
            period["period"].as_str().unwrap_or("?"),
            text(period.get("home")),
            text(period.get("away"))
        )
    };
    periods.into_iter().flatten().map(period).collect::<Vec<_>>().join(", ")
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(none, Value::to_string)
}

fn quoted(text: impl AsRef<str>) -> String {
    format!("\"{}\"", text.as_ref())
}

fn none() -> String {
    "none".to_owned()
}

#[cfg(test)]
mod tests;
