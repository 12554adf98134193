//! The way in which a run fails: the names of what is wrong in it, and whether another run fails in the same way.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::anomaly::Kind;
use crate::attempt::Attempted;
use crate::bundle::{Document, GateResult, GateState};
use crate::exit::Exit;

/// The gate that the kinds of anomaly stand for.
const ANOMALIES: &str = "anomalies";

/// The names of what is wrong: kinds of anomaly, and gates of correctness that did not hold.
pub type Failures = BTreeSet<String>;

/// What has to be wrong in a run that fails in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// One of these, and nothing else.
    any: Failures,
    /// All of these.
    all: Failures,
}

impl Way {
    /// The way in which a run failed; of that what is `insisted` on has to be there each time.
    ///
    /// # Errors
    /// When nothing was wrong, or not what is insisted on.
    pub fn of(failures: Failures, insisted: &[String]) -> Result<Self> {
        ensure!(
            !failures.is_empty(),
            "nothing is wrong in this run: what was slow, late or not looked at cannot be cut down"
        );
        let all: Failures = insisted.iter().cloned().collect();
        let missing = all.iter().find(|name| !failures.contains(*name));
        if let Some(missing) = missing {
            anyhow::bail!("`{missing}` is not wrong in this run; wrong is: {}", list(&failures));
        }
        Ok(Self { any: failures, all })
    }

    /// The names of what is wrong in such a run.
    #[must_use]
    pub fn names(&self) -> &Failures {
        &self.any
    }

    /// Whether a run in which this is wrong fails in the same way.
    #[must_use]
    pub fn is(&self, found: &Failures) -> bool {
        !found.is_empty() && found.is_subset(&self.any) && self.all.is_subset(found)
    }

    /// A run of the same case shows more of what follows from what is wrong.
    pub fn widen(&mut self, found: &Failures) {
        if found.iter().any(|name| self.any.contains(name)) && self.all.is_subset(found) {
            self.any.extend(found.iter().cloned());
        }
    }
}

/// What is wrong in a bundle's run.
#[must_use]
pub fn of_document(document: &Document) -> Failures {
    let kinds = document.anomalies.iter().filter(|part| part.found > 0).map(|part| part.kind);
    failures(kinds, &document.gates)
}

/// What is wrong in an attempt.
#[must_use]
pub fn of_attempt(attempted: &Attempted) -> Failures {
    let anomalies = &attempted.outcome.verdict.anomalies;
    let kinds = Kind::ALL.into_iter().filter(|kind| anomalies.of(*kind).found > 0);
    failures(kinds, &attempted.gates)
}

fn failures(kinds: impl Iterator<Item = Kind>, gates: &[GateResult]) -> Failures {
    let failed: BTreeSet<&str> = gates
        .iter()
        .filter(|gate| gate.state == GateState::Fail && gate.exit == Exit::Correctness)
        .map(|gate| gate.name.as_str())
        .collect();
    // As many as a scenario allows are nothing wrong.
    let kinds = kinds.filter(|_| failed.contains(ANOMALIES)).map(|kind| kind.as_str().to_owned());
    let others = failed.iter().filter(|name| **name != ANOMALIES).map(|name| (*name).to_owned());
    kinds.chain(others).collect()
}

/// Names as one text.
#[must_use]
pub fn list(names: &Failures) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Failures {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn gate(name: &str, state: GateState, exit: Exit) -> GateResult {
        GateResult { name: name.to_owned(), limit: 0.0, found: Some(1.0), unit: String::new(), state, exit }
    }

    #[test]
    fn the_same_way_is_something_of_the_same_and_nothing_else() {
        let way = Way::of(names(&["lost", "stale"]), &[]).unwrap();
        assert!(way.is(&names(&["lost"])) && way.is(&names(&["stale", "lost"])));
        assert!(
            !way.is(&names(&[])) && !way.is(&names(&["phantom"])) && !way.is(&names(&["lost", "phantom"]))
        );
        let mut way = Way::of(names(&["lost", "stale"]), &["lost".to_owned()]).unwrap();
        assert!(way.is(&names(&["lost"])) && !way.is(&names(&["stale"])));
        way.widen(&names(&["phantom"]));
        assert!(!way.is(&names(&["lost", "phantom"])), "that is another way");
        way.widen(&names(&["lost", "phantom"]));
        assert!(way.is(&names(&["lost", "phantom"])));
    }

    #[test]
    fn a_run_in_which_nothing_is_wrong_is_not_cut_down() {
        assert!(Way::of(names(&[]), &[]).is_err());
        let error = Way::of(names(&["lost"]), &["stale".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "`stale` is not wrong in this run; wrong is: lost");
    }

    #[test]
    fn what_is_wrong_are_kinds_of_anomaly_and_gates_of_correctness() {
        let gates = [
            gate("anomalies", GateState::Fail, Exit::Correctness),
            gate("not all arrived", GateState::Fail, Exit::Correctness),
            gate("unsafe open", GateState::Pass, Exit::Correctness),
            gate("latency at_client p99", GateState::Fail, Exit::Latency),
        ];
        let found = failures([Kind::Lost].into_iter(), &gates);
        assert_eq!(found, names(&["lost", "not all arrived"]));
        assert_eq!(
            failures([Kind::Lost].into_iter(), &gates[1..]),
            names(&["not all arrived"]),
            "it is allowed"
        );
    }
}
