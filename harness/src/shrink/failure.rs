//! The way in which a run fails: the names of what is wrong in it and where that was seen first, and whether another run fails in the
//! same way.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, ensure};

use crate::anomaly::{Example, Kind};
use crate::attempt::Attempted;
use crate::bundle::{Document, GateResult, GateState};
use crate::exit::Exit;
use crate::gates::Gate;

/// Something that is wrong: a kind of anomaly, or a gate of correctness that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Its name.
    pub name: String,
    /// Of an anomaly the place in which it was seen first on a message's way: what is lost in the feed is lost otherwise than what is lost
    /// at a client.
    pub place: Option<String>,
}

/// What is wrong.
pub type Failures = BTreeSet<Failure>;

/// What has to be wrong in a run that fails in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// One of these at least, and nothing else by name.
    any: Failures,
    /// All of these, by name.
    all: BTreeSet<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.place {
            Some(place) => write!(f, " in {place}"),
            None => Ok(()),
        }
    }
}

impl Failure {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.to_string() == name
    }
}

impl Way {
    /// The way in which a run failed; of that what is `insisted` on has to be there each time: by its name, or with its place.
    ///
    /// # Errors
    /// When nothing was wrong, or not what is insisted on.
    pub fn of(failures: Failures, insisted: &[String]) -> Result<Self> {
        ensure!(
            !failures.is_empty(),
            "nothing is wrong in this run: what was slow, late or not looked at cannot be cut down"
        );
        let all: BTreeSet<String> = insisted.iter().cloned().collect();
        let missing = all.iter().find(|name| !failures.iter().any(|failure| failure.is_called(name)));
        if let Some(missing) = missing {
            anyhow::bail!("`{missing}` is not wrong in this run; wrong is: {}", list(&failures));
        }
        Ok(Self { any: failures, all })
    }

    /// What is wrong in such a run.
    #[must_use]
    pub fn names(&self) -> &Failures {
        &self.any
    }

    /// Whether a run in which this is wrong fails in the same way: something of it was seen first where it was, and nothing else is wrong.
    #[must_use]
    pub fn is(&self, found: &Failures) -> bool {
        let names: BTreeSet<&str> = self.any.iter().map(|failure| failure.name.as_str()).collect();
        self.has_some(found) && found.iter().all(|failure| names.contains(failure.name.as_str()))
    }

    /// A run of the same case shows more of what follows from what is wrong.
    pub fn widen(&mut self, found: &Failures) {
        if self.has_some(found) {
            self.any.extend(found.iter().cloned());
        }
    }

    fn has_some(&self, found: &Failures) -> bool {
        let is_there = |name: &String| found.iter().any(|failure| failure.is_called(name));
        found.iter().any(|failure| self.any.contains(failure)) && self.all.iter().all(is_there)
    }
}

/// What is wrong in a bundle's run.
#[must_use]
pub fn of_document(document: &Document) -> Failures {
    let wrong = document.anomalies.iter().filter(|part| part.found > 0);
    failures(wrong.map(|part| (part.kind, part.examples.first())), &document.gates)
}

/// What is wrong in an attempt.
#[must_use]
pub fn of_attempt(attempted: &Attempted) -> Failures {
    let anomalies = &attempted.outcome.verdict.anomalies;
    let wrong = Kind::ALL.into_iter().map(|kind| (kind, anomalies.of(kind))).filter(|(_, of)| of.found > 0);
    failures(wrong.map(|(kind, of)| (kind, of.examples.first())), &attempted.gates)
}

/// What is wrong, of each kind of anomaly with its first example.
fn failures<'a>(wrong: impl Iterator<Item = (Kind, Option<&'a Example>)>, gates: &[GateResult]) -> Failures {
    let is_failed = |gate: &&GateResult| gate.state == GateState::Fail && gate.exit == Exit::Correctness;
    let failed: Vec<&GateResult> = gates.iter().filter(is_failed).collect();
    // As many as a scenario allows are nothing wrong.
    let is_wrong = failed.iter().any(|gate| gate.is(Gate::Anomalies));
    let anomaly = |(kind, example): (Kind, Option<&Example>)| Failure {
        name: kind.as_str().to_owned(),
        place: example.map(|example| place(&example.place)),
    };
    let others = failed.iter().filter(|gate| !gate.is(Gate::Anomalies));
    let others = others.map(|gate| Failure { name: gate.name.clone(), place: None });
    wrong.filter(|_| is_wrong).map(anomaly).chain(others).collect()
}

/// A place, whichever client it is: those take turns, and one is as good as the other.
fn place(name: &str) -> String {
    if name.starts_with("socket") { "a socket".to_owned() } else { name.to_owned() }
}

/// Names as one text.
#[must_use]
pub fn list(failures: &Failures) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, each with its place where it has one: `lost@mysql`.
    fn names(names: &[&str]) -> Failures {
        let failure = |name: &&str| match name.split_once('@') {
            Some((name, place)) => Failure { name: name.to_owned(), place: Some(place.to_owned()) },
            None => Failure { name: (*name).to_owned(), place: None },
        };
        names.iter().map(failure).collect()
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
    fn what_was_lost_elsewhere_first_is_another_way() {
        let way = Way::of(names(&["lost@feed topic", "stale@mysql"]), &[]).unwrap();
        assert!(!way.is(&names(&["lost@a socket"])));
        assert!(way.is(&names(&["lost@feed topic"])));
        assert!(
            way.is(&names(&["lost@feed topic", "stale@rest"])),
            "what follows from it may show elsewhere"
        );
        let insisted = Way::of(names(&["lost@feed topic", "stale@mysql"]), &["stale in mysql".to_owned()]);
        let insisted = insisted.unwrap();
        assert!(!insisted.is(&names(&["lost@feed topic"])) && insisted.is(&names(&["stale@mysql"])));
    }

    #[test]
    fn a_run_in_which_nothing_is_wrong_is_not_cut_down() {
        assert!(Way::of(names(&[]), &[]).is_err());
        let error = Way::of(names(&["lost@mysql"]), &["stale".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "`stale` is not wrong in this run; wrong is: lost in mysql");
    }

    #[test]
    fn what_is_wrong_are_kinds_of_anomaly_and_gates_of_correctness() {
        let gates = [
            gate("anomalies", GateState::Fail, Exit::Correctness),
            gate("not all arrived", GateState::Fail, Exit::Correctness),
            gate("unsafe open", GateState::Pass, Exit::Correctness),
            gate("latency at_client p99", GateState::Fail, Exit::Latency),
        ];
        let example = Example { place: "socket 3 (reconnecting)".to_owned(), ..Example::default() };
        let lost = || [(Kind::Lost, Some(&example))].into_iter();
        let found = failures(lost(), &gates);
        assert_eq!(found, names(&["lost@a socket", "not all arrived"]));
        assert_eq!(failures(lost(), &gates[1..]), names(&["not all arrived"]), "it is allowed");
    }
}
