//! A verdict can fail, and says where.

use serde_json::json;

use super::*;

fn expected() -> BTreeMap<String, Expected> {
    let outcomes = BTreeMap::from([("4".to_owned(), (Some(1_850), Some(json!({"result": "won"}))))]);
    let market = ExpectedMarket { status: "settled".to_owned(), outcomes };
    let expected = Expected {
        sport: "hockey".to_owned(),
        messages: 7,
        turns: 0,
        status: "closed".to_owned(),
        match_status: "ended".to_owned(),
        score: (2, 1),
        periods: Some(vec![("period_1".to_owned(), 2, 1)]),
        markets: Some(BTreeMap::from([("406".to_owned(), market)])),
        exact: BTreeMap::from([("incident:1".to_owned(), json!({"kind": "goal"}))]),
    };
    BTreeMap::from([("md:match:1".to_owned(), expected)])
}

fn found() -> Pictures {
    let mut picture = Picture { version: 7, ..Picture::default() };
    picture.set(
        "status",
        json!({"status": "closed", "match_status": "ended", "score": {"home": 2, "away": 1},
            "period_scores": [{"period": "period_1", "home": 2, "away": 1}]}),
    );
    picture.set(
        "market:406",
        json!({"id": 406, "status": "settled", "outcomes": [{"id": "4", "odds": 1850, "result": {"result": "won"}}]}),
    );
    picture.set("incident:1", json!({"kind": "goal"}));
    BTreeMap::from([("md:match:1".to_owned(), picture)])
}

fn first(verdict: &Verdict) -> (Kind, Example) {
    let (kind, example) = verdict.anomalies.examples().next().expect("something is wrong");
    (kind, example.clone())
}

#[test]
fn what_agrees_passes() {
    let mut verdict = Verdict::default();
    verdict.judge_place("mysql", &expected(), &found());
    assert!(verdict.is_pass(), "{:?}", verdict.anomalies);
    assert_eq!(verdict.places["mysql"], verdict.sports["hockey"]);
}

#[test]
fn nothing_compared_is_no_pass() {
    assert!(!Verdict::default().is_pass());
    let mut verdict = Verdict::default();
    verdict.judge_place("mysql", &BTreeMap::new(), &Pictures::new());
    assert!(!verdict.is_pass());
}

#[test]
fn one_wrong_value_is_named_with_its_place() {
    for (pointer, wrong, what) in [
        ("/score/home", json!(3), "score"),
        ("/status", json!("live"), "status"),
        ("/period_scores/0/away", json!(2), "periods"),
    ] {
        let mut found = found();
        let status = found.get_mut("md:match:1").and_then(|picture| picture.values.get_mut("status"));
        *status.and_then(|status| status.pointer_mut(pointer)).expect("it is there") = wrong;
        let mut verdict = Verdict::default();
        verdict.judge_place("redis", &expected(), &found);
        assert!(!verdict.is_pass());
        assert_eq!((first(&verdict).1.place.as_str(), first(&verdict).1.what.as_str()), ("redis", what));
    }
}

#[test]
fn a_missing_event_and_one_that_nobody_sent_are_both_named() {
    let mut verdict = Verdict::default();
    verdict.judge_place("rest", &expected(), &Pictures::new());
    assert_eq!(first(&verdict).1.found, "missing");
    let mut verdict = Verdict::default();
    verdict.judge_place("rest", &BTreeMap::new(), &found());
    assert_eq!(first(&verdict).1.found, "there");
}

/// How often it was looked for each of these where a market must be so and is.
fn looked_for(status: &str, result: Option<Value>) -> [u64; 3] {
    let (mut expected, mut found) = (expected(), found());
    for event in expected.values_mut() {
        for market in event.markets.iter_mut().flat_map(BTreeMap::values_mut) {
            status.clone_into(&mut market.status);
            market.outcomes.insert("4".to_owned(), (Some(1_850), result.clone()));
        }
    }
    let market = found.get_mut("md:match:1").and_then(|picture| picture.values.get_mut("market:406"));
    let market = market.expect("it is there");
    market["status"] = json!(status);
    market["outcomes"] = json!([{"id": "4", "odds": 1850}]);
    if let Some(result) = result {
        market["outcomes"][0]["result"] = result;
    }
    let mut verdict = Verdict::default();
    verdict.judge_place("mysql", &expected, &found);
    assert!(verdict.is_pass(), "{:?}", verdict.anomalies);
    let kinds = [Kind::MarketOpenWhileUnsafe, Kind::SettlementWrong, Kind::WrongValueAtVersion];
    kinds.map(|kind| verdict.anomalies.of(kind).checked)
}

#[test]
fn what_agrees_counts_as_what_it_could_have_been() {
    let [open, settled, values] = looked_for("active", None);
    assert_eq!((open, settled), (0, 0), "it may be open, and nothing was settled");
    assert_eq!(looked_for("suspended", None), [1, 0, values - 1], "it could have been open");
    assert_eq!(
        looked_for("settled", Some(json!({"result": "won"}))),
        [0, 2, values - 1],
        "its status, and an outcome"
    );
}

#[test]
fn a_place_that_nothing_was_compared_in_is_unseen_and_no_pass() {
    let mut verdict = Verdict::default();
    verdict.judge_place("mysql", &expected(), &found());
    assert_eq!(verdict.unseen(), 0);
    verdict.unanswered("rest, meanwhile", 3);
    assert_eq!((verdict.unseen(), verdict.is_pass()), (1, false));
    verdict.compare(Kind::Stale, None, true, Example::default, "rest, meanwhile");
    assert_eq!((verdict.unseen(), verdict.is_pass()), (0, true));
}
