//! Short locks around plain data.

use std::sync::{Mutex, MutexGuard};

/// Takes a lock. A panic of a former holder may have left the data half changed: then this panics too, the reader
/// task ends, and with it the process.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("a holder of this lock panicked, what it guards cannot be trusted")
}
