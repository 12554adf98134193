//! One value of an event held against what its messages say.

use domain::Body;
use domain::Key;
use serde_json::Value;
use simulator::ledger::Account;

use crate::anomaly::Kind;
use crate::judge::kind_of_status;

/// The longest value that an example quotes, in bytes.
const QUOTED_MAX: usize = 400;

/// Whether a market that the messages leave open may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is as the messages say.
    Whole,
    /// It must be shut.
    None,
    /// It may be either: what waited is being applied.
    Returning,
}

/// What was compared, and how it came out.
pub(super) struct Compared {
    pub(super) kind: Kind,
    pub(super) agrees: bool,
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) found: String,
}

/// The keys that a message can have changed, once it has been entered.
pub(super) fn touched(body: &Body, account: &Account) -> Vec<Key> {
    let markets = || account.market_keys().cloned().map(Key::Market);
    match body {
        Body::Fixture(_) | Body::FixtureChange(_) => vec![Key::Fixture],
        Body::EventStatus(_) => vec![Key::Status],
        Body::Incident(incident) => vec![Key::Incident(incident.incident_id.clone())],
        Body::OddsChange(odds) => {
            let status = odds.status.iter().map(|_| Key::Status);
            odds.markets.iter().map(|offer| Key::Market(offer.key.clone())).chain(status).collect()
        }
        Body::BetStop(_) => markets().collect(),
        Body::Settlement(it) => it.markets.iter().map(|market| Key::Market(market.key.clone())).collect(),
        Body::SettlementRollback(it) => it.markets.iter().cloned().map(Key::Market).collect(),
        Body::Cancel(it) => it.markets.iter().map(|market| Key::Market(market.key.clone())).collect(),
        Body::CancelRollback(it) => it.markets.iter().cloned().map(Key::Market).collect(),
        Body::Snapshot(_) => {
            let incidents =
                account.incidents.iter().map(|incident| Key::Incident(incident.incident_id.clone()));
            [Key::Fixture, Key::Status].into_iter().chain(markets()).chain(incidents).collect()
        }
    }
}

/// What the messages so far say of a key; null where nothing.
fn accounted(account: &Account, key: &Key) -> Value {
    let json =
        |value: Result<Value, serde_json::Error>| value.expect("the domain's types have string keys only");
    match key {
        Key::Fixture => json(serde_json::to_value(&account.fixture)),
        Key::Status => json(serde_json::to_value(&account.status)),
        Key::Market(key) => json(serde_json::to_value(account.market(key))),
        Key::Incident(id) => {
            let incident = account.incidents.iter().find(|incident| incident.incident_id == *id);
            json(serde_json::to_value(incident))
        }
    }
}

/// Holds a key's value against the messages so far.
pub(super) fn compare(account: &Account, key: &Key, found: &Value, trust: Trust) -> Vec<Compared> {
    let expected = accounted(account, key);
    let is_market = matches!(key, Key::Market(_)) && !expected.is_null() && !found.is_null();
    if !is_market {
        let what = key.to_string();
        return vec![compared(Kind::WrongValueAtVersion, what, &expected, found)];
    }
    vec![status(key, &expected, found, trust), rest(key, expected, found.clone())]
}

/// Whether a market is open, and why not.
fn status(key: &Key, expected: &Value, found: &Value, trust: Trust) -> Compared {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("none").to_owned();
    let (must, is) = (text(expected, "status"), text(found, "status"));
    let agrees = match trust {
        _ if must != "active" => must == is,
        Trust::Whole => must == is,
        Trust::None => is != "active",
        Trust::Returning => is == "active" || is == "suspended",
    };
    let must = match trust {
        Trust::None if must == "active" => "suspended".to_owned(),
        _ => must,
    };
    let kind = kind_of_status(&must, &is, agrees);
    Compared { kind, agrees, what: format!("{key} status"), expected: must, found: is }
}

/// Everything of a market but whether it is open. What differs in results alone is a settlement's.
fn rest(key: &Key, mut expected: Value, mut found: Value) -> Compared {
    for value in [&mut expected, &mut found] {
        if let Value::Object(fields) = value {
            fields.remove("status");
            fields.remove("suspension");
        }
    }
    let is_settlement = expected != found && without_results(&expected) == without_results(&found);
    let kind = if is_settlement { Kind::SettlementWrong } else { Kind::WrongValueAtVersion };
    compared(kind, key.to_string(), &expected, &found)
}

fn without_results(market: &Value) -> Value {
    let mut market = market.clone();
    if let Value::Object(fields) = &mut market {
        fields.remove("void_reason");
        fields.remove("void_windows");
    }
    for outcome in market["outcomes"].as_array_mut().into_iter().flatten() {
        if let Value::Object(fields) = outcome {
            fields.remove("result");
        }
    }
    market
}

fn compared(kind: Kind, what: String, expected: &Value, found: &Value) -> Compared {
    let agrees = expected == found;
    let text = |value: &Value| if agrees { String::new() } else { quoted(value) };
    Compared { kind, agrees, what, expected: text(expected), found: text(found) }
}

fn quoted(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > QUOTED_MAX {
        let end = (0..=QUOTED_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}
