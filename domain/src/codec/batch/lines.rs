//! One message a line; blank lines are nothing.

use super::{Batch, SplitError, trim};

/// Gives every line of `body` from `start` that is not blank.
pub(super) fn split(body: &[u8], start: usize, batch: &mut Batch) -> Result<(), SplitError> {
    let mut from = start;
    for end in memchr::memchr_iter(b'\n', &body[start..]).map(|at| start + at).chain([body.len()]) {
        let line = trim(body, from..end);
        if !line.is_empty() {
            batch.push(line, None)?;
        }
        from = end + 1;
    }
    Ok(())
}
