//! The gates that are the same in every run, by name: those of a hop, a service or an outage have its name in theirs.

use simulator::scenario::Share;

use crate::bundle::{GateResult, GateState};
use crate::exit::Exit;

/// A gate whose name is the same in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The generator was in time, of its own.
    Late,
    /// This process went on all the time.
    Stalled,
    /// Nothing was at a client before it was due.
    Early,
    /// Nothing was wrong.
    Anomalies,
    /// Every kind of anomaly was looked for.
    Unchecked,
    /// Every place was looked at.
    Unseen,
    /// Every store was read after every outage.
    UnreadOutages,
    /// Every message had an answer.
    Unanswered,
    /// All that had to arrive did.
    Unsettled,
    /// No market was open that must not be, for longer than allowed.
    UnsafeOpen,
    /// Enough went through.
    Throughput,
}

impl Gate {
    /// Those of which nothing is known before everything was compared.
    pub const AT_THE_END: [Self; 6] =
        [Self::Early, Self::Unchecked, Self::Unseen, Self::UnreadOutages, Self::Unanswered, Self::Unsettled];
    /// Those that say whether everything is right, however fast it was.
    pub const RIGHT: [Self; 4] = [Self::Anomalies, Self::Unseen, Self::Unanswered, Self::Unsettled];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "generator late p99",
            Self::Stalled => "generator stood still",
            Self::Early => "arrived before they were due",
            Self::Anomalies => "anomalies",
            Self::Unchecked => "kinds of anomaly not looked for",
            Self::Unseen => "places not looked at",
            Self::UnreadOutages => "outages after which nothing was read",
            Self::Unanswered => "messages without an answer",
            Self::Unsettled => "not all arrived",
            Self::UnsafeOpen => "unsafe open",
            Self::Throughput => "throughput",
        }
    }

    /// The name of the gate on how late this share of the messages was sent; that of 99 in a hundred is [`Gate::Late`].
    pub(super) fn late(share: Share) -> String {
        format!("generator late {share}")
    }
}

impl GateResult {
    /// Whether it is this gate's.
    #[must_use]
    pub fn is(&self, gate: Gate) -> bool {
        self.name == gate.as_str()
    }
}

/// Whether a gate failed.
#[must_use]
pub fn failed(gates: &[GateResult], gate: Gate) -> bool {
    gates.iter().any(|result| result.is(gate) && result.state == GateState::Fail)
}

/// Why nothing that was measured is the pipeline's; `None` where it is.
#[must_use]
pub fn invalid(gates: &[GateResult]) -> Option<&'static str> {
    let is_invalid = |gate: &GateResult| gate.exit == Exit::Invalid && gate.state == GateState::Fail;
    match () {
        () if failed(gates, Gate::Early) => {
            Some("messages arrived before they were due, so a clock is wrong and no latency holds")
        }
        () if failed(gates, Gate::Stalled) => {
            Some("the generator stood still, so no latency of this run is the pipeline's")
        }
        () if gates.iter().any(is_invalid) => {
            Some("the generator was late, so no latency of this run is the pipeline's")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_on_99_in_a_hundred_has_the_name_that_it_always_has() {
        assert_eq!(Gate::late(Share::P99), Gate::Late.as_str());
    }

    #[test]
    fn what_makes_a_run_invalid_is_said_as_it_is() {
        let gate = |gate: Gate| GateResult {
            name: gate.as_str().to_owned(),
            limit: 0.0,
            found: Some(1.0),
            unit: String::new(),
            state: GateState::Fail,
            exit: Exit::Invalid,
        };
        assert!(invalid(&[gate(Gate::Early)]).is_some_and(|why| why.contains("a clock is wrong")));
        assert!(invalid(&[gate(Gate::Late)]).is_some_and(|why| why.contains("was late")));
        let held = GateResult { state: GateState::Pass, ..gate(Gate::Late) };
        assert_eq!(invalid(&[held]), None);
    }
}
