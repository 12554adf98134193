//! What is left of a run: its messages with what goes wrong in them, and what happens to the stack. And what can be taken from that.

use std::fmt;
use std::time::Duration;

use simulator::Tape;

use crate::outage::Plan;
use crate::report::grouped;

/// The shortest time that is tried.
const SHORTEST: Duration = Duration::from_millis(500);

/// What is left of a run.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Its messages, and what goes wrong in them.
    pub tape: Tape,
    /// What happens to the stack.
    pub outages: Plan,
}

impl Cut {
    /// How long it takes to send it, and for everything to happen.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let outages = self.outages.outages.iter().map(|outage| outage.at_ms + outage.for_ms).max();
        let outages = Duration::from_millis(outages.unwrap_or_default());
        // Whole seconds, as scenarios have them.
        let longest = Duration::from_nanos(self.tape.duration_ns()).max(outages);
        Duration::from_secs(longest.as_secs() + 1)
    }

    /// With these messages in place of its own.
    #[must_use]
    pub fn with(&self, tape: Tape) -> Self {
        Self { tape, outages: self.outages.clone() }
    }

    /// With those of its outages alone that stand at these places.
    #[must_use]
    pub fn with_outages(&self, places: &[usize]) -> Self {
        let outages = places.iter().map(|place| self.outages.outages[*place].clone()).collect();
        Self { tape: self.tape.clone(), outages: Plan { seed: self.outages.seed, outages } }
    }

    /// The moments between which its end is looked for: what goes wrong in it has to be over by then.
    #[must_use]
    pub fn ends(&self) -> (u64, u64) {
        let outages = self.outages.outages.iter().map(|outage| (outage.at_ms + outage.for_ms) * 1_000_000);
        let shortest = u64::try_from(SHORTEST.as_nanos()).unwrap_or(u64::MAX);
        let silences = self.tape.quiet_until_ns();
        let last = self.tape.last_ns();
        (outages.chain([shortest, silences]).max().unwrap_or(shortest).min(last), last)
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (messages, events) = (grouped(self.tape.len() as u64), self.tape.events().len());
        let (faults, outages) = (self.tape.faults(), self.outages.outages.len());
        let last = Duration::from_nanos(self.tape.last_ns()).as_secs_f64();
        write!(
            f,
            "{events} event{}, {messages} message{} over {last:.1} s, {faults} fault{}, {outages} outage{}",
            plural(events),
            plural(self.tape.len()),
            plural(faults),
            plural(outages)
        )
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
