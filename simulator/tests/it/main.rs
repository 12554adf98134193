//! The simulator from outside: against a receiver over HTTP, on samples, and over many seeds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]
#![expect(clippy::print_stdout, reason = "a test says its seed")]

mod aloud;
mod betfair;
mod cli;
mod control;
mod drive;
mod imported;
mod nba;
mod nhl;
mod record;
mod recordings;
mod replay;
mod report;
mod scenario;
mod slam;
mod sportec;
mod statsbomb;
mod world;
