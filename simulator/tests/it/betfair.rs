//! The Betfair importer: its books against those that an independent client derives line by line, and its messages
//! against what must follow from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::market::{MarketKey, ResultKind};
use domain::{Body, Market, MarketStatus, update::Value};
use serde_json::Value as Json;
use simulator::import::Imported;
use simulator::import::betfair::book::{Books, RunnerKey};
use simulator::import::betfair::{self, changes, unpack};

use super::imported::{body, corpus, play, sample_file, tell};

fn recordings(prefix: &str) -> Vec<PathBuf> {
    corpus("odds/betfair", prefix)
}

fn market(imported: &Imported, key: &str) -> Market {
    let key: MarketKey = key.parse().unwrap();
    let state = play(imported);
    let value = state.entries().find_map(|(found, _, value)| match value {
        Some(Value::Market(market)) if found == domain::Key::Market(key.clone()) => Some(market),
        _ => None,
    });
    value.unwrap_or_else(|| panic!("there is a market {key}"))
}

fn types(imported: &Imported) -> Vec<&'static str> {
    imported.messages.iter().map(|(_, message)| message.message_type().as_str()).collect()
}

#[test]
fn a_market_goes_from_its_first_price_to_its_settlement_and_back() {
    let imported = betfair::import(&sample_file("betfair_tennis.ndjson")).unwrap();
    let expected = [
        "fixture",
        "odds_change",
        "odds_change",
        "odds_change",
        "fixture_change",
        "odds_change",
        "odds_change",
        "odds_change",
        "settlement",
        "settlement_rollback",
        "odds_change",
        "odds_change",
        "settlement",
    ];
    assert_eq!(types(&imported), expected);
    let odds: Vec<Vec<Option<u32>>> = imported
        .messages
        .iter()
        .filter_map(|(_, message)| match body(message) {
            Body::OddsChange(odds) => {
                let outcomes = odds.markets[0].outcomes.iter();
                Some(outcomes.map(|outcome| outcome.odds.map(|odds| odds.thousandths())).collect())
            }
            _ => None,
        })
        .collect();
    // Taking away 1.79 left the best price as it was, which is nothing to tell; a change in two segments is told once.
    assert_eq!(odds[0], [None, None]);
    assert_eq!(odds[1], [Some(1_800), Some(2_200)]);
    assert_eq!(odds[2], [Some(1_750), Some(2_200)]);
    assert_eq!(odds[4], [None, Some(1_400)], "nobody offers a price any more, whatever was traded last");
    let market = market(&imported, "186");
    let results: Vec<ResultKind> =
        market.outcomes.iter().map(|outcome| outcome.result.unwrap().result).collect();
    assert_eq!((market.status, results), (MarketStatus::Settled, vec![ResultKind::Won, ResultKind::Lost]));
    assert_eq!(imported.left_out, BTreeMap::from([("market SET_BETTING".to_owned(), 1)]));
}

/// The odds of each outcome, with its id.
type Priced = Vec<(String, Option<u32>)>;

/// The first offer of each odds change: its market's status and what is offered.
fn offers(imported: &Imported) -> Vec<(MarketStatus, Priced)> {
    let offers = imported.messages.iter().filter_map(|(_, message)| match body(message) {
        Body::OddsChange(odds) => Some(&odds.markets[0]),
        _ => None,
    });
    let odds = |offer: &domain::message::Offer| {
        let outcomes = offer.outcomes.iter();
        outcomes.map(|it| (it.id.to_string(), it.odds.map(domain::Odds::thousandths))).collect()
    };
    offers.map(|offer| (offer.status, odds(offer))).collect()
}

/// The sample as the plan BASIC has it: of prices only those traded last.
fn basic(lines: &[u8]) -> Vec<u8> {
    let mut basic = Vec::new();
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let mut message: Json = serde_json::from_slice(line).unwrap();
        let markets = message.get_mut("mc").and_then(Json::as_array_mut).into_iter().flatten();
        let runners =
            markets.filter_map(|market| market.get_mut("rc").and_then(Json::as_array_mut)).flatten();
        for runner in runners {
            runner.as_object_mut().unwrap().retain(|field, _| matches!(field.as_str(), "id" | "ltp"));
        }
        basic.extend_from_slice(message.to_string().as_bytes());
        basic.push(b'\n');
    }
    basic
}

#[test]
fn only_where_no_offers_are_told_the_price_traded_last_is_the_price() {
    let imported = betfair::import(&basic(&sample_file("betfair_tennis.ndjson"))).unwrap();
    let told = offers(&imported);
    assert_eq!(told[0].1, [("4".to_owned(), None), ("5".to_owned(), None)]);
    let traded = [("4".to_owned(), Some(1_800)), ("5".to_owned(), None)];
    assert!(told[1..].iter().all(|(_, odds)| *odds == traded), "{told:?}");
}

#[test]
fn hockey_is_told_as_hockey() {
    let text = String::from_utf8(sample_file("betfair_hockey.ndjson")).unwrap();
    let imported = betfair::import(text.as_bytes()).unwrap();
    let Body::Fixture(fixture) = body(&imported.messages[0].1) else { panic!("a fixture comes first") };
    assert_eq!(
        (fixture.home.name.as_str(), fixture.away.name.as_str()),
        ("Harbour Town Herons", "Pine Ridge Lynx"),
        "the guests are named first"
    );
    let drawn = market(&imported, "1");
    let result = |market: &Market, id: &str| {
        market.outcomes.iter().find(|outcome| outcome.id.as_str() == id).unwrap().result.unwrap().result
    };
    assert_eq!(drawn.status, MarketStatus::Settled);
    assert_eq!(
        ["1", "2", "3"].map(|id| result(&drawn, id)),
        [ResultKind::Lost, ResultKind::Won, ResultKind::Lost]
    );
    let whole_game = market(&imported, "406");
    assert_eq!(["4", "5"].map(|id| result(&whole_game, id)), [ResultKind::Won, ResultKind::Lost]);
    let first = offers(&imported);
    let priced = [("1", 2_300), ("2", 4_100), ("3", 2_900)].map(|(id, odds)| (id.to_owned(), Some(odds)));
    assert!(first.contains(&(MarketStatus::Active, priced.to_vec())), "{first:?}");
    let imported = betfair::import(text.replace(" @ ", " v ").as_bytes()).unwrap();
    let Body::Fixture(fixture) = body(&imported.messages[0].1) else { panic!("a fixture comes first") };
    assert_eq!(fixture.home.name.as_str(), "Pine Ridge Lynx");
}

#[test]
fn what_is_passed_over_is_counted() {
    let text = String::from_utf8(sample_file("betfair_tennis.ndjson")).unwrap();
    let price = |market: &str, at: &str| {
        format!(r#"{{"op":"mcm","pt":{at},"mc":[{{"id":"{market}","rc":[{{"id":81,"atb":[[1.5,9]]}}]}}]}}"#)
    };
    // What is offered on the market is said before it is said what the market is.
    let early = price("1.900000001", "1938060001000");
    let unknown = price("1.900000009", "1938060018100");
    let cut = price("1.900000001", "1938060018200").replacen("{", r#"{"segmentType":"SEG_START","#, 1);
    let status = r#"{"op":"status","id":1,"statusCode":"SUCCESS"}"#;
    let file = [status, &early, text.trim_end(), &unknown, &cut].join("\n");
    let imported = betfair::import(file.as_bytes()).unwrap();
    let left_out: Vec<_> = imported.left_out.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(
        left_out,
        [
            ("change without its last segment", 1),
            ("market SET_BETTING", 1),
            ("market without a definition", 1),
            ("message status", 1)
        ]
    );
    let first = offers(&imported)[0].1.clone();
    assert_eq!(first, [("4".to_owned(), Some(1_500)), ("5".to_owned(), None)]);
}

#[test]
fn what_is_packed_is_unpacked() {
    let plain = betfair::import(&sample_file("betfair_tennis.ndjson")).unwrap();
    let packed = sample_file("betfair_tennis.ndjson.bz2");
    assert_eq!(betfair::import(&packed).unwrap().messages, plain.messages);
    let error = betfair::import(&packed[..packed.len() - 9]).unwrap_err().to_string();
    assert!(error.starts_with(".: cannot unpack it: "), "{error}");
}

#[test]
fn an_error_says_where_in_the_file() {
    let text = String::from_utf8(sample_file("betfair_tennis.ndjson")).unwrap();
    let error = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "the change has found its place");
        betfair::import(changed.as_bytes()).unwrap_err().to_string()
    };
    assert_eq!(
        error("\"eventTypeId\":\"2\"", "\"eventTypeId\":\"7\""),
        "line 1: mc[0].marketDefinition.eventTypeId: event type 7 has no counterpart here; 1 (football), 2 (tennis), 7522 (basketball) and 7524 (ice hockey) do"
    );
    assert!(
        error("\"status\":\"OPEN\"", "\"status\":\"AJAR\"")
            .starts_with("line 1: mc[0].marketDefinition.status: unknown variant `AJAR`")
    );
    assert_eq!(
        error("1938060003000", "1938060001000"),
        "line 2: pt: it was published before the line ahead of it"
    );
    assert_eq!(error("[1.8,50]", "[0.8,50],[1.79,0],[0.9,1]"), "line 3: 0.9 are no odds of runner 81");
    assert_eq!(betfair::import(b"").unwrap_err().to_string(), ".: there is no market definition in it");
}

/// The book that betfairlightweight derives after every line, in its own words.
#[test]
fn books_agree_with_an_independent_client_line_by_line() {
    for path in recordings("horse_BASIC-1.132153978.ndjson") {
        let lines = std::fs::read(&path).unwrap();
        let expected = path.with_file_name("horse_BASIC-1.132153978.expected-books.json");
        let expected = std::fs::read(expected).unwrap();
        let expected: Vec<Json> = serde_json::from_slice(&expected).unwrap();
        let mut books = Books::default();
        let mut compared = Compared::default();
        for (change, expected) in changes(&lines).zip(&expected) {
            let change = change.unwrap();
            assert_eq!(Json::from(change.at.0 / 1_000), expected["publishTime"]);
            for change in &change.changes {
                books.apply(change).unwrap();
            }
            compare(&books, expected, &mut compared);
        }
        assert_eq!(changes(&lines).count(), expected.len());
        let Compared { runners, prices, levels } = compared;
        assert!(runners > 1_000 && prices > 1_000, "{runners} runners, {prices} last prices");
        // This file has last prices only: ladders are held against what was said last, below.
        tell(&format!(
            "{}: {} books, {runners} runners, {prices} last prices, {levels} price levels agree",
            path.display(),
            expected.len()
        ));
    }
}

/// How much of it there was to compare.
#[derive(Default)]
struct Compared {
    runners: usize,
    prices: usize,
    levels: usize,
}

fn compare(books: &Books, expected: &Json, compared: &mut Compared) {
    let book = books.market(expected["marketId"].as_str().unwrap()).unwrap();
    let definition = book.definition.as_ref().unwrap();
    let status = format!("{:?}", definition.status).to_uppercase();
    for (field, value) in [
        ("status", Json::from(status)),
        ("inplay", definition.in_play.into()),
        ("betDelay", definition.bet_delay.into()),
        ("version", definition.version.into()),
        ("bspReconciled", definition.bsp_reconciled.into()),
        ("numberOfRunners", definition.runners.len().into()),
        ("numberOfActiveRunners", definition.number_of_active_runners.into()),
    ] {
        assert_eq!(expected[field], value, "{field}");
    }
    let runners = expected["runners"].as_array().unwrap();
    assert_eq!(runners.len(), definition.runners.len());
    for expected in runners {
        let id = expected["selectionId"].as_u64().unwrap();
        let runner = definition.runners.iter().find(|runner| runner.id == id).unwrap();
        let status = format!("{:?}", runner.status).to_uppercase();
        assert_eq!(expected["status"], Json::from(status));
        assert_eq!(expected["adjustmentFactor"].as_f64(), runner.adjustment_factor);
        assert_eq!(expected["sp"]["actualSP"].as_f64(), runner.bsp);
        let book = book.runners.get(&RunnerKey::new(id, expected["handicap"].as_f64()));
        assert_eq!(expected["lastPriceTraded"].as_f64(), book.and_then(|book| book.last_traded), "of {id}");
        for (field, sizes) in [
            ("availableToBack", book.map(|book| &book.to_back)),
            ("availableToLay", book.map(|book| &book.to_lay)),
            ("tradedVolume", book.map(|book| &book.traded)),
        ] {
            let levels: Vec<(f64, f64)> =
                expected["ex"][field].as_array().unwrap().iter().map(level).collect();
            let found: Vec<(f64, f64)> =
                sizes.into_iter().flatten().map(|(price, size)| (price.0, *size)).collect();
            assert_eq!(found.len(), levels.len(), "{field} of {id}");
            // One side is told from its highest price on, the other one from its lowest.
            assert!(
                levels.iter().all(|level| found.contains(level)),
                "{field} of {id}: {found:?}, not {levels:?}"
            );
            compared.levels += levels.len();
        }
        compared.prices += usize::from(expected["lastPriceTraded"].is_number());
    }
    compared.runners += runners.len();
}

/// A price and what stands at it.
fn level(level: &Json) -> (f64, f64) {
    (level["price"].as_f64().unwrap(), level["size"].as_f64().unwrap())
}

/// What was said last of each price is what stands, looked at every hundred lines.
#[test]
fn a_ladder_is_what_was_said_last_of_each_price() {
    for path in recordings("tennis_29788105") {
        let lines = std::fs::read(&path).unwrap();
        let texts = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let mut books = Books::default();
        let mut last = Ladder::new();
        let mut most = 0;
        for (place, (change, text)) in changes(&lines).zip(texts).enumerate() {
            for change in &change.unwrap().changes {
                books.apply(change).unwrap();
            }
            note(&mut last, &serde_json::from_slice(text).unwrap());
            if place % 100 == 0 {
                assert_eq!(ladder(&books), last, "after line {}", place + 1);
                most = most.max(last.len());
            }
        }
        assert!(most > 50, "there were prices to compare");
        tell(&format!("{}: at most {most} prices stood at once", path.display()));
    }
}

/// Sizes by runner, side and price; the price as text, so that nothing of a book's own order counts.
type Ladder = BTreeMap<(u64, &'static str, String), f64>;

fn note(last: &mut Ladder, line: &Json) {
    let runners =
        line["mc"].as_array().unwrap().iter().filter_map(|change| change["rc"].as_array()).flatten();
    for runner in runners {
        for side in ["atb", "atl", "trd"] {
            for level in runner[side].as_array().into_iter().flatten() {
                let key = (runner["id"].as_u64().unwrap(), side, level[0].as_f64().unwrap().to_string());
                match level[1].as_f64().unwrap() {
                    0.0 => last.remove(&key),
                    size => last.insert(key, size),
                };
            }
        }
    }
}

fn ladder(books: &Books) -> Ladder {
    let mut found = Ladder::new();
    for (key, runner) in &books.market("1.170370562").unwrap().runners {
        for (side, sizes) in [("atb", &runner.to_back), ("atl", &runner.to_lay), ("trd", &runner.traded)] {
            found.extend(sizes.iter().map(|(price, size)| ((key.id, side, price.0.to_string()), *size)));
        }
    }
    found
}

/// A market's last odds knew the result that it was settled with.
#[test]
fn every_real_market_ends_as_its_last_odds_had_it() {
    for (prefix, key, winner) in [
        ("tennis_29788105", "186", "5"),
        ("tennis_1.223716976", "186", "4"),
        ("football_1.145405534", "29", "74"),
    ] {
        for path in recordings(prefix) {
            let file = std::fs::read(&path).unwrap();
            let imported = betfair::import(&file).unwrap();
            let market = market(&imported, key);
            assert_eq!(market.status, MarketStatus::Settled);
            let won: Vec<&str> = market
                .outcomes
                .iter()
                .filter(|outcome| outcome.result.unwrap().result == ResultKind::Won)
                .map(|outcome| outcome.id.as_str())
                .collect();
            assert_eq!(won, [winner]);
            // Before nobody offers a price on one of them any more.
            let is_priced =
                |offer: &&domain::message::Offer| offer.outcomes.iter().all(|outcome| outcome.odds.is_some());
            let is_priced =
                |offer: &&domain::message::Offer| offer.status == MarketStatus::Active && is_priced(offer);
            let last = imported.messages.iter().rev().find_map(|(_, message)| match body(message) {
                Body::OddsChange(odds) => odds.markets.iter().find(|offer| is_priced(offer)),
                _ => None,
            });
            let (winners, others): (Vec<_>, Vec<_>) =
                last.unwrap().outcomes.iter().partition(|outcome| outcome.id.as_str() == winner);
            let (won, lost) = (winners[0].odds, others[0].odds);
            let lines = unpack(&file).unwrap().split(|&byte| byte == b'\n').count();
            tell(&format!(
                "{}: {lines} lines, {} messages, odds at the end {won:?} against {lost:?}",
                path.display(),
                imported.messages.len()
            ));
            assert!(won < lost, "{won:?} {lost:?}");
        }
    }
}
