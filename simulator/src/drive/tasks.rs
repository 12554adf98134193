//! Tasks that each speak for one provider: where one of them panics, it is said for whom nobody speaks any more.

use std::collections::HashMap;

use domain::Name;
use tokio::task::{Id, JoinError, JoinSet};

/// They end when this is dropped.
#[derive(Debug)]
pub(super) struct Tasks<T> {
    tasks: JoinSet<T>,
    providers: HashMap<Id, Name>,
}

/// A task that did not come to its end.
#[derive(Debug)]
struct Lost {
    provider: Option<Name>,
    error: JoinError,
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), providers: HashMap::new() }
    }
}

impl<T: Send + 'static> Tasks<T> {
    /// Begins one for a provider.
    pub(super) fn spawn(&mut self, provider: Name, task: impl Future<Output = T> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.providers.insert(id, provider);
    }

    /// How many have not been looked at since they ended, or go on.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// What the next one to end comes to; `None` where there is none left. Of those that panicked that is logged. May be dropped
    /// and called again.
    pub(super) async fn next(&mut self) -> Option<T> {
        loop {
            match self.ended().await? {
                Ok(result) => return Some(result),
                Err(Lost { provider, error }) => log_panic(provider.as_ref(), &error),
            }
        }
    }

    async fn ended(&mut self) -> Option<Result<T, Lost>> {
        Some(match self.tasks.join_next_with_id().await? {
            Ok((id, result)) => {
                self.providers.remove(&id);
                Ok(result)
            }
            Err(error) => Err(Lost { provider: self.providers.remove(&error.id()), error }),
        })
    }
}

/// Says that what was done for a provider did not come to its end.
pub(super) fn log_panic(provider: Option<&Name>, error: &JoinError) {
    let provider = provider.map_or("", Name::as_str);
    tracing::error!(provider, %error, "what was done for a provider ended by panic");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_task_that_panics_it_is_known_for_whom_it_spoke() {
        let [a, b] = ["a", "b"].map(|name| Name::new(name).unwrap());
        let mut tasks = Tasks::default();
        tasks.spawn(a.clone(), async { panic!("it has nothing to say") });
        let Some(Err(lost)) = tasks.ended().await else { panic!("it did not come to its end") };
        assert_eq!(lost.provider, Some(a.clone()));
        assert!(lost.error.to_string().contains("it has nothing to say"), "{}", lost.error);
        tasks.spawn(a, async { panic!("again") });
        tasks.spawn(b, async { 7 });
        assert_eq!((tasks.next().await, tasks.next().await), (Some(7), None), "the others go on");
        assert!(tasks.providers.is_empty());
    }
}
