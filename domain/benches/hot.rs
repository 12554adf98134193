//! What is done once a message: cut it out, read it, apply it, write it. `make bench` runs these; criterion keeps the
//! figures of the run before in `target/criterion` and says what has changed.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::codec::batch::{Format, split};
use domain::codec::{json, xml};

use cases::Uof;

mod cases;
mod in_play;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for name in cases::TYPES {
        let (in_json, in_xml) = (cases::in_json(name), cases::in_xml(name));
        group.throughput(Throughput::Bytes(in_json.len() as u64));
        group
            .bench_function(format!("json/{name}"), |bench| bench.iter(|| json::decode(black_box(&in_json))));
        group.throughput(Throughput::Bytes(in_xml.len() as u64));
        group.bench_function(format!("xml/{name}"), |bench| bench.iter(|| xml::decode(black_box(&in_xml))));
    }
    for name in ["odds_change", "bet_settlement", "bet_stop"] {
        let message = Uof::new(name);
        group.throughput(Throughput::Bytes(message.bytes.len() as u64));
        group.bench_function(format!("uof/{name}"), |bench| {
            bench.iter(|| message.decode(black_box(&message.bytes)));
        });
    }
    group.finish();
}

fn cut(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("split");
    for (name, format) in [("lines", Format::Lines), ("array", Format::Json), ("xml", Format::Xml)] {
        let body = cases::request(format);
        group.throughput(Throughput::ElementsAndBytes {
            elements: cases::REQUEST as u64,
            bytes: body.len() as u64,
        });
        group.bench_function(name, |bench| {
            bench.iter(|| split(format, black_box(&body), cases::REQUEST));
        });
    }
    group.finish();
}

fn apply(criterion: &mut Criterion) {
    let (state, message) = cases::next();
    let mut group = criterion.benchmark_group("apply");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("odds_change of {} markets", in_play::MARKETS), |bench| {
        bench.iter_batched(
            || state.clone(),
            // The state goes out as well, so that its end is not in the figure.
            |mut state| (in_play::apply(&mut state, black_box(&message)), state),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let mut out = Vec::with_capacity(4_096);
    for name in cases::TYPES {
        let message = cases::message(name);
        group.throughput(Throughput::Bytes(json::encode(&message).len() as u64));
        group.bench_function(format!("json/{name}"), |bench| {
            bench.iter(|| {
                out.clear();
                json::encode_into(black_box(&message), &mut out);
            });
        });
    }
    let update = cases::update();
    group.throughput(Throughput::Bytes(serde_json::to_vec(&update).expect("JSON").len() as u64));
    group.bench_function(format!("update of {} markets", in_play::MARKETS), |bench| {
        bench.iter(|| serde_json::to_vec(black_box(&update)));
    });
    group.finish();
}

criterion_group!(hot, decode, cut, apply, encode);
criterion_main!(hot);
