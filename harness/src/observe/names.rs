//! The names that come again and again, of events and keys: each is kept once, however often it is seen.

use std::collections::HashSet;
use std::sync::Arc;

/// Names, each once.
#[derive(Debug, Clone, Default)]
pub struct Names(HashSet<Arc<str>>);

impl Names {
    /// The one that is kept of it.
    pub fn kept(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        self.0.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::default();
        let (first, again, other) = (names.kept("a"), names.kept("a"), names.kept("b"));
        assert!(Arc::ptr_eq(&first, &again) && *other == *"b");
    }
}
