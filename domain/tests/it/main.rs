//! What the whole of `domain` promises: its bytes, its order, its inverses.
//!
//! A property test that fails prints the smallest feed it found and writes its seed to `proptest-regressions/`, which
//! is read first on the next run. To try more feeds: `PROPTEST_CASES=10000 cargo test --release -p domain`; to try
//! the same ones again: `PROPTEST_RNG_SEED=<number>` beside it.

mod any;
mod build;
mod closed;
mod codec_properties;
mod cost;
mod desk;
mod epochs;
mod far;
mod feed;
mod golden;
mod golden_sports;
mod golden_updates;
mod market_cases;
mod order_cases;
mod order_properties;
mod producer_cases;
mod producer_properties;
mod refused;
mod rollback;
mod rollback_cases;
mod room;
mod timed;
mod uof;
mod uof_corpus;
mod xml_properties;
