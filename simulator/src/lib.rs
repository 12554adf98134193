//! A provider's feed: from a recorded game, or from a world that plays its own.

pub mod cli;
pub mod drive;
pub mod format;
pub mod import;
pub mod ledger;
mod metrics;
pub mod pacer;
pub mod presence;
pub mod recording;
pub mod schedule;
mod sender;
pub mod world;

pub use drive::{DriveOptions, DriveReport, drive, drive_and_answer};
pub use format::Format;
pub use schedule::{Schedule, ScheduleBuilder};
pub use sender::{Patience, Problem, Token};
