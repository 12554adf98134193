//! A provider's feed: from a recorded game, or from a world that plays its own.

pub mod cli;
pub mod control;
pub mod drive;
pub mod faults;
mod file;
pub mod format;
pub mod import;
pub mod ledger;
mod metrics;
pub mod pacer;
pub mod playlist;
pub mod profile;
pub mod recording;
pub mod recovery;
pub mod report;
pub mod run_ledger;
pub mod scenario;
pub mod schedule;
mod sender;
mod strand;
pub mod tap;
pub mod tape;
pub mod uof;
pub mod world;

pub use drive::{DriveOptions, DriveReport, drive, drive_and_answer};
pub use format::Format;
pub use scenario::Scenario;
pub use schedule::{Schedule, ScheduleBuilder};
pub use sender::{Patience, Problem, Sink, Token};
pub use tape::Tape;
