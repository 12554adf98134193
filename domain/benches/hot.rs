//! What is done once a message: read it, apply it, write it. `make bench` runs these; criterion keeps the figures of the run before
//! in `target/criterion` and says what has changed.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::codec::batch::{Format, split};
use domain::codec::uof::{self, Origin, RoutingKey};
use domain::codec::{json, xml};
use domain::{Applied, Body, Content, EventState, FeedMessage, MarketKey, MarketStatus, Name, Timestamp};

/// The types of which a busy feed is made.
const TYPES: [&str; 5] = ["odds_change", "event_status", "incident", "bet_stop", "settlement"];
/// Messages of one request.
const LINES: usize = 1_000;
/// Markets of a football match in play, of three outcomes each.
const MARKETS: u32 = 40;

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A golden message in JSON, without the line's end.
fn line(name: &str) -> Vec<u8> {
    golden(&format!("v1/{name}.json")).trim_ascii_end().to_vec()
}

fn message(name: &str) -> FeedMessage {
    json::decode(&line(name)).expect("a golden message")
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for name in TYPES {
        let (in_json, in_xml) = (line(name), golden(&format!("v1/{name}.xml")));
        group.throughput(Throughput::Bytes(in_json.len() as u64));
        group
            .bench_function(format!("json/{name}"), |bench| bench.iter(|| json::decode(black_box(&in_json))));
        group.throughput(Throughput::Bytes(in_xml.len() as u64));
        group.bench_function(format!("xml/{name}"), |bench| bench.iter(|| xml::decode(black_box(&in_xml))));
    }
    let provider = Name::new("uof").expect("a name");
    let key: RoutingKey = "hi.-.live.any.1.sr:match.1.-".parse().expect("a routing key");
    let origin = Origin { provider: &provider, routing_key: Some(&key), sport_of: &|_| None };
    for name in ["odds_change", "bet_settlement", "bet_stop"] {
        let bytes = golden(&format!("uof/{name}.xml"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("uof/{name}"), |bench| {
            bench.iter(|| uof::decode(black_box(&bytes), &origin));
        });
    }
    group.finish();
}

fn cut(criterion: &mut Criterion) {
    let lines: Vec<Vec<u8>> = TYPES.iter().cycle().take(LINES).map(|name| line(name)).collect();
    let body = lines.join(&b'\n');
    let mut group = criterion.benchmark_group("split");
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("lines", |bench| {
        bench.iter(|| split(Format::Lines, black_box(&body), LINES));
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for name in TYPES {
        let message = message(name);
        let mut out = Vec::with_capacity(4_096);
        group.bench_function(format!("json/{name}"), |bench| {
            bench.iter(|| {
                out.clear();
                json::encode_into(black_box(&message), &mut out);
            });
        });
    }
    let (mut state, next) = in_play();
    let Ok(Applied::Updated(update)) = state.apply(&next, Timestamp(2)) else { panic!("it is the next one") };
    group.bench_function("update/odds_change", |bench| bench.iter(|| serde_json::to_vec(black_box(&update))));
    group.finish();
}

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    let (state, next) = in_play();
    group.bench_function(format!("odds_change/{MARKETS} markets"), |bench| {
        bench.iter_batched(
            || state.clone(),
            // The state goes out as well, so that its end is not in the figure.
            |mut state| (state.apply(black_box(&next), Timestamp(2)), state),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// An event of many markets, and the odds change that comes next: every price moves.
fn in_play() -> (EventState, FeedMessage) {
    let first = offers(1);
    let Content::Event(event) = &first.content else { panic!("odds are of an event") };
    let mut state = EventState::new(event.event_id.clone(), event.sport);
    state.apply(&first, Timestamp(1)).expect("the first message");
    (state, offers(2))
}

fn offers(sequence: u64) -> FeedMessage {
    let mut message = message("football_odds_change");
    message.message_id = format!("bench-{sequence}").parse().expect("an id");
    let Content::Event(event) = &mut message.content else { panic!("odds are of an event") };
    event.position = Some(domain::Position { epoch: 1, sequence });
    let Body::OddsChange(change) = &mut event.body else { panic!("it is an odds change") };
    let sample = change.markets.first().expect("a market").clone();
    change.markets = (0..MARKETS)
        .map(|line| {
            let mut offer = sample.clone();
            offer.key = format!("18:total={line}.5").parse::<MarketKey>().expect("a key");
            offer.status = MarketStatus::Active;
            for (index, outcome) in (0..).zip(&mut offer.outcomes) {
                let odds = 1_500 + 40 * line + 7 * index + 5 * u32::try_from(sequence).expect("small");
                outcome.odds = domain::Odds::from_thousandths(odds).ok();
            }
            offer
        })
        .collect();
    message
}

criterion_group!(hot, decode, cut, encode, apply);
criterion_main!(hot);
