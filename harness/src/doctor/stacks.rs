//! Stacks that are there already: one that is up, one that somebody left behind.

use super::{Check, State};
use crate::stack::{Condition, survey};
use std::path::Path;

pub(super) fn checks(stacks: &Path) -> Vec<Check> {
    let found = survey(stacks);
    if found.is_empty() {
        return vec![Check::new("stacks", State::Ok, "none is there")];
    }
    found.into_iter().map(|(name, condition)| check(&name, condition)).collect()
}

fn check(name: &str, condition: Condition) -> Check {
    let what = format!("stack {name}");
    match condition {
        Condition::Up => Check::new(what, State::Ok, "is up"),
        Condition::Owned { pid } => Check::new(what, State::Ok, format!("belongs to process {pid}")),
        Condition::Broken { dead } => {
            let says = format!("is broken, {} not running: make down ends the rest", dead.join(", "));
            Check::new(what, State::Note, says)
        }
        Condition::Unknown { parts } => {
            let says = format!("Docker does not say whether its {} run", parts.join(", "));
            Check::new(what, State::Note, says)
        }
        Condition::LeftOver => {
            let says = "was left behind when its owner was killed: make down, or the next stack, removes it";
            Check::new(what, State::Note, says)
        }
    }
}
