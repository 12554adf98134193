//! How many instructions the same work takes: Callgrind counts them, so neither the clock nor what else runs matters.
//! `make bench-counts` runs these and compares them with `harness/counts/kept`.

#![expect(missing_docs, reason = "gungraun's macros make items that are public")]

use std::hint::black_box;

use distribution::filter::Markets;
use distribution::frame::Frame;
use distribution::image::{Image, RawUpdate};
use gungraun::prelude::*;
use gungraun::{Callgrind, library_benchmark_group, main};

use cases::{Followed, UPDATES, Updates};

mod cases;
#[path = "../../domain/benches/in_play.rs"]
mod in_play;

/// Calls counted together: what happens once in a while, as when the allocator takes a page, has its share.
const CALLS: usize = 100;

fn repeat<T>(mut call: impl FnMut() -> T) {
    for _ in 0..CALLS {
        black_box(call());
    }
}

fn record() -> Vec<u8> {
    Updates::after_all_markets().1.record()
}

#[library_benchmark]
#[bench::update(record())]
fn read(record: Vec<u8>) {
    repeat(|| RawUpdate::parse(black_box(&record)));
}

/// The match, one update after the version that is told with it.
fn moved() -> (Image, u64) {
    let (mut image, mut updates) = Updates::after_all_markets();
    let before = image.version();
    image.apply(&updates.update());
    (image, before)
}

#[library_benchmark]
#[bench::one_update(moved())]
fn frame_delta((image, before): (Image, u64)) -> Image {
    repeat(|| Frame::delta(black_box(&image), before, &Markets::default()));
    image
}

#[library_benchmark]
#[bench::all_markets(moved())]
fn frame_image((image, _): (Image, u64)) -> Image {
    repeat(|| Frame::image(black_box(&image), &Markets::default()));
    image
}

/// The match with so many sessions, and as many times so many updates as there are calls.
fn followed(sessions: usize, updates_each: u32) -> (Followed, Vec<Vec<RawUpdate>>) {
    let (image, mut updates) = Updates::after_all_markets();
    let mut of_a_call = || (0..updates_each).map(|_| updates.update()).collect();
    let waiting = (0..CALLS).map(|_| of_a_call()).collect();
    (Followed::new(image, sessions), waiting)
}

#[library_benchmark]
#[bench::one_session(followed(1, 1))]
#[bench::ten_updates(followed(1, UPDATES))]
#[bench::hundred_sessions(followed(100, 1))]
fn send((mut followed, waiting): (Followed, Vec<Vec<RawUpdate>>)) -> Followed {
    for updates in waiting {
        updates.into_iter().for_each(|update| followed.take(update));
        black_box(followed.send());
    }
    followed
}

library_benchmark_group!(name = hot, benchmarks = [read, frame_delta, frame_image, send]);
main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = hot
);
