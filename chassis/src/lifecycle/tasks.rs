//! The tasks and threads of a process, by name, so that an end can be waited for and a straggler named.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Shutdown;

/// What runs in a process. Clones share it.
#[derive(Clone, Debug)]
pub struct Tasks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    running: Mutex<BTreeMap<u64, String>>,
    next_id: AtomicU64,
    count: watch::Sender<usize>,
    failed: AtomicBool,
    shutdown: Shutdown,
}

impl Tasks {
    /// No tasks; the first that fails begins `shutdown`.
    pub fn new(shutdown: Shutdown) -> Self {
        let shared = Shared {
            running: Mutex::default(),
            next_id: AtomicU64::new(0),
            count: watch::Sender::new(0),
            failed: AtomicBool::new(false),
            shutdown,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Runs a task that must have ended before the process may. Its error, or its panic, stops the process.
    pub fn spawn<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let entry = Entry::new(&self.shared, name.into());
        tokio::spawn(async move {
            let outcome = task.await;
            entry.end(outcome);
        });
    }

    /// Like [`Self::spawn`] for work that blocks: it gets a thread of its own, with the task's name.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn_thread<F>(&self, name: impl Into<String>, work: F) -> io::Result<()>
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        let name = name.into();
        let entry = Entry::new(&self.shared, name.clone());
        std::thread::Builder::new().name(name).spawn(move || entry.end(work()))?;
        Ok(())
    }

    /// The names of the tasks that have not ended, in the order in which they began.
    pub fn running(&self) -> Vec<String> {
        self.shared.running().values().cloned().collect()
    }

    /// Waits until every task has ended.
    pub async fn all_ended(&self) {
        let mut count = self.shared.count.subscribe();
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = count.wait_for(|running| *running == 0).await;
    }

    /// Whether any task failed or panicked so far.
    pub fn any_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.shutdown.begin();
    }
}

/// A task's place in the list; it leaves the list when dropped, also by a panic.
struct Entry {
    shared: Arc<Shared>,
    id: u64,
    name: String,
}

impl Entry {
    fn new(shared: &Arc<Shared>, name: String) -> Self {
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let mut running = shared.running();
        running.insert(id, name.clone());
        shared.count.send_replace(running.len());
        Self { shared: Arc::clone(shared), id, name }
    }

    fn end(self, outcome: anyhow::Result<()>) {
        if let Err(error) = outcome {
            tracing::error!(task = self.name, error = format!("{error:#}"), "task failed");
            self.shared.fail();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "task panicked");
            self.shared.fail();
        }
        let mut running = self.shared.running();
        running.remove(&self.id);
        self.shared.count.send_replace(running.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_counts_as_a_failure_and_begins_the_shutdown() {
        let shutdown = Shutdown::default();
        let tasks = Tasks::new(shutdown.clone());
        tasks.spawn_thread("careless", || panic!("on purpose")).unwrap();
        tasks.all_ended().await;
        assert!(tasks.any_failed());
        assert!(shutdown.has_begun());
    }

    #[tokio::test]
    async fn waits_for_threads_and_tasks_alike() {
        let tasks = Tasks::new(Shutdown::default());
        let (release, wait) = std::sync::mpsc::channel::<()>();
        tasks.spawn_thread("thread", move || Ok(wait.recv()?)).unwrap();
        tasks.spawn("task", async { Ok(()) });
        while tasks.running() != ["thread"] {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        tasks.all_ended().await;
        assert!(!tasks.any_failed());
    }
}
