//! What is done once an update and once a frame: read it, take it, merge it with others, say it. `make bench` runs these.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use distribution::filter::Markets;
use distribution::frame::Frame;
use distribution::image::RawUpdate;

use cases::{Followed, UPDATES, Updates};

mod cases;
#[path = "../../domain/benches/in_play.rs"]
mod in_play;

/// Sessions that share each frame.
const SESSIONS: usize = 100;

fn read(criterion: &mut Criterion) {
    let (_, mut updates) = Updates::after_all_markets();
    let record = updates.record();
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Bytes(record.len() as u64));
    group.bench_function("update", |bench| bench.iter(|| RawUpdate::parse(black_box(&record))));
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let (mut image, mut updates) = Updates::after_all_markets();
    let all = Markets::default();
    let before = image.version();
    image.apply(&updates.update());
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Bytes(Frame::delta(&image, before, &all).body.len() as u64));
    group.bench_function("delta", |bench| bench.iter(|| Frame::delta(black_box(&image), before, &all)));
    group.throughput(Throughput::Bytes(Frame::image(&image, &all).body.len() as u64));
    group.bench_function("image", |bench| bench.iter(|| Frame::image(black_box(&image), &all)));
    group.finish();
}

fn conflate(criterion: &mut Criterion) {
    let (image, mut updates) = Updates::after_all_markets();
    let mut followed = Followed::new(image, 1);
    let mut group = criterion.benchmark_group("conflate");
    group.throughput(Throughput::Elements(u64::from(UPDATES)));
    group.bench_function(format!("{UPDATES} updates"), |bench| {
        bench.iter_batched(
            || (0..UPDATES).map(|_| updates.update()).collect::<Vec<_>>(),
            |waiting| {
                waiting.into_iter().for_each(|update| followed.take(update));
                assert_eq!(followed.send(), 1);
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let (image, mut updates) = Updates::after_all_markets();
    let mut followed = Followed::new(image, SESSIONS);
    let mut group = criterion.benchmark_group("fan out");
    group.throughput(Throughput::Elements(SESSIONS as u64));
    group.bench_function(format!("{SESSIONS} sessions"), |bench| {
        bench.iter_batched(
            || updates.update(),
            |update| {
                followed.take(update);
                assert_eq!(followed.send(), SESSIONS);
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(hot, read, encode, conflate, fan_out);
criterion_main!(hot);
