//! Can this process really work? One latch per thing it needs; ready when all of them say so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The latches of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    checks: Arc<Mutex<Vec<Check>>>,
}

/// The state of one latch, as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is needed, `kafka` for one.
    pub name: &'static str,
    /// Whether it is there.
    pub ready: bool,
    /// Why it is not; empty when it is.
    pub reason: String,
}

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True when there is at least one check and all are ready.
    pub ready: bool,
    /// Every check, in the order in which the latches were made.
    pub checks: Vec<Check>,
}

/// One thing that a process needs. Whoever looks after that thing owns the latch; when the owner goes, the
/// thing counts as not ready.
#[derive(Debug)]
pub struct Latch {
    checks: Arc<Mutex<Vec<Check>>>,
    index: usize,
}

impl Readiness {
    /// Adds a check that is not ready yet, for `reason`.
    pub fn latch(&self, name: &'static str, reason: impl Into<String>) -> Latch {
        let mut checks = lock(&self.checks);
        checks.push(Check { name, ready: false, reason: reason.into() });
        Latch { checks: Arc::clone(&self.checks), index: checks.len() - 1 }
    }

    /// The state of all latches now.
    pub fn report(&self) -> Report {
        let checks = lock(&self.checks).clone();
        Report { ready: !checks.is_empty() && checks.iter().all(|check| check.ready), checks }
    }
}

impl Latch {
    /// The thing is there.
    pub fn ready(&self) {
        self.set(true, String::new());
    }

    /// The thing is not there, for a reason that a person reads.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(false, reason.into());
    }

    /// Whether this latch says ready.
    pub fn is_ready(&self) -> bool {
        lock(&self.checks)[self.index].ready
    }

    fn set(&self, ready: bool, reason: String) {
        let mut checks = lock(&self.checks);
        let check = &mut checks[self.index];
        if check.ready == ready && check.reason == reason {
            return;
        }
        if ready {
            tracing::info!(check = check.name, "ready");
        } else {
            tracing::warn!(check = check.name, %reason, "not ready");
        }
        check.ready = ready;
        check.reason = reason;
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        let check = &mut lock(&self.checks)[self.index];
        check.ready = false;
        check.reason = "stopped".to_owned();
    }
}

/// A panic while the lock was held cannot leave a check half written, so a poisoned lock is taken over.
fn lock(checks: &Mutex<Vec<Check>>) -> MutexGuard<'_, Vec<Check>> {
    checks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_checks_is_not_ready() {
        assert!(!Readiness::default().report().ready);
    }

    #[test]
    fn ready_only_when_every_latch_is() {
        let readiness = Readiness::default();
        let kafka = readiness.latch("kafka", "connecting");
        let mysql = readiness.latch("mysql", "connecting");
        kafka.ready();
        assert!(!readiness.report().ready);
        mysql.ready();
        assert!(readiness.report().ready);
        kafka.not_ready("no broker answers");
        let report = readiness.report();
        assert!(!report.ready);
        assert_eq!(report.checks[0].reason, "no broker answers");
        assert_eq!(report.checks[1].reason, "");
    }

    #[test]
    fn a_dropped_latch_is_not_ready() {
        let readiness = Readiness::default();
        let latch = readiness.latch("kafka", "connecting");
        latch.ready();
        drop(latch);
        assert_eq!(
            readiness.report(),
            Report {
                ready: false,
                checks: vec![Check { name: "kafka", ready: false, reason: "stopped".to_owned() }]
            }
        );
    }
}
