//! How many instructions the same work takes: Callgrind counts them, so neither the clock nor what else runs matters.
//! `make bench-counts` runs these and compares them with `harness/counts/kept`.

#![expect(missing_docs, reason = "gungraun's macros make items that are public")]

use std::hint::black_box;

use domain::codec::batch::{Format, split};
use domain::codec::{json, xml};
use domain::{EventState, FeedMessage, Update};
use gungraun::prelude::*;
use gungraun::{Callgrind, library_benchmark_group, main};

use cases::{Uof, in_json, in_xml, message};

mod cases;
mod in_play;

/// Calls counted together: what happens once in a while, as when the allocator takes a page, has its share.
const CALLS: usize = 100;

fn repeat<T>(mut call: impl FnMut() -> T) {
    for _ in 0..CALLS {
        black_box(call());
    }
}

#[library_benchmark(setup = in_json)]
#[bench::odds_change("odds_change")]
#[bench::event_status("event_status")]
#[bench::incident("incident")]
#[bench::bet_stop("bet_stop")]
#[bench::settlement("settlement")]
fn decode_json(bytes: Vec<u8>) {
    repeat(|| json::decode(black_box(&bytes)));
}

#[library_benchmark(setup = in_xml)]
#[bench::odds_change("odds_change")]
#[bench::event_status("event_status")]
#[bench::incident("incident")]
#[bench::bet_stop("bet_stop")]
#[bench::settlement("settlement")]
fn decode_xml(bytes: Vec<u8>) {
    repeat(|| xml::decode(black_box(&bytes)));
}

#[library_benchmark(setup = Uof::new)]
#[bench::odds_change("odds_change")]
#[bench::bet_settlement("bet_settlement")]
#[bench::bet_stop("bet_stop")]
fn decode_uof(message: Uof) {
    repeat(|| message.decode(black_box(&message.bytes)));
}

#[library_benchmark]
#[bench::lines(Format::Lines, cases::request(Format::Lines))]
#[bench::array(Format::Json, cases::request(Format::Json))]
#[bench::xml(Format::Xml, cases::request(Format::Xml))]
fn split_request(format: Format, body: Vec<u8>) {
    // Once: it is long enough.
    let _ = black_box(split(format, black_box(&body), cases::REQUEST));
}

/// As many matches as there are calls, and the message that comes next in each.
fn matches() -> (Vec<EventState>, FeedMessage) {
    let (state, message) = cases::next();
    (vec![state; CALLS], message)
}

#[library_benchmark]
#[bench::odds_change(matches())]
fn apply((mut states, message): (Vec<EventState>, FeedMessage)) -> Vec<EventState> {
    for state in &mut states {
        black_box(in_play::apply(state, black_box(&message)));
    }
    // Their end is not counted.
    states
}

#[library_benchmark(setup = message)]
#[bench::odds_change("odds_change")]
#[bench::event_status("event_status")]
#[bench::incident("incident")]
#[bench::bet_stop("bet_stop")]
#[bench::settlement("settlement")]
fn encode_json(message: FeedMessage) {
    let mut out = Vec::with_capacity(4_096);
    repeat(|| {
        out.clear();
        json::encode_into(black_box(&message), &mut out);
    });
}

#[library_benchmark]
#[bench::odds_change(cases::update())]
fn encode_update(update: Update) {
    repeat(|| serde_json::to_vec(black_box(&update)));
}

library_benchmark_group!(
    name = hot,
    benchmarks = [decode_json, decode_xml, decode_uof, split_request, apply, encode_json, encode_update]
);
main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = hot
);
