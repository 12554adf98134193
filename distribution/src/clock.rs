//! The wall clock, asked in one place.

use std::time::SystemTime;

use domain::Timestamp;

/// Now, in microseconds since the Unix epoch.
#[must_use]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
