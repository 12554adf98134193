//! Which outages a run has, and when: drawn from the scenario's seed before anything is sent, and written down.

use std::fmt;
use std::time::Duration;

use domain::Sport;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use simulator::scenario::{Outage, OutageKind, Part, Scenario, When};

use crate::stack::{
    CLIENTS, DATABASE, DISTRIBUTION, INGESTION, KAFKA, Link, PROVIDER, REDIS, processors_name,
};

/// The stream of chance that outages are drawn from; worlds and faults of the feed have others.
const STREAM: u64 = u64::MAX - 1;
/// How often a moment is drawn before it is said that there is none.
const DRAWS_MAX: u32 = 500;

/// The outages of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The seed from which their times were drawn.
    pub seed: u64,
    /// The outages, by their time.
    pub outages: Vec<Planned>,
}

/// One outage, with its time. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// What happens.
    #[serde(flatten)]
    pub kind: OutageKind,
    /// To which part, or on the way to which.
    pub target: Part,
    /// On whose way; absent where it is everybody's, or no way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Part>,
    /// When, after the start.
    pub at_ms: u64,
    /// For how long.
    pub for_ms: u64,
}

/// An outage that cannot happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// Not without another of the same part at the same time.
    #[error(
        "`{0}` of {1} finds no moment at which no other outage of it lasts: wider windows, or fewer outages"
    )]
    Taken(&'static str, Part),
    /// The run is over before it is: it was made shorter than its scenario says.
    #[error("`{0}` of {1} would last until second {2}, and the run is over at {3}")]
    TooLate(&'static str, Part, u64, u64),
}

impl Plan {
    /// The plan of a scenario. The same seed gives the same times.
    ///
    /// # Errors
    /// When outages of a part that lie in windows find no room beside one another, or one is after the scenario's end.
    pub fn of(scenario: &Scenario) -> Result<Self, NoRoom> {
        let mut rng = ChaCha8Rng::seed_from_u64(scenario.seed);
        rng.set_stream(STREAM);
        let mut drawn: Vec<(Outage, Planned)> = Vec::new();
        let (fixed, others): (Vec<&Outage>, Vec<&Outage>) =
            scenario.outages.iter().partition(|outage| matches!(outage.at, When::At(_)));
        // Those whose time is fixed have it whatever is drawn.
        for outage in fixed.into_iter().chain(others) {
            let is_free = |at_ms: &u64| {
                let for_ms = millis(outage.lasts);
                drawn.iter().all(|(other, planned)| {
                    !outage.concerns_same(other)
                        || *at_ms >= planned.at_ms + planned.for_ms
                        || planned.at_ms >= at_ms + for_ms
                })
            };
            let at_ms = match outage.at {
                When::At(at) => Some(millis(at)),
                When::Between(from, to) => {
                    let mut draws = (0..DRAWS_MAX).map(|_| rng.random_range(millis(from)..=millis(to)));
                    draws.find(is_free)
                }
            };
            let at_ms = at_ms.ok_or(NoRoom::Taken(outage.kind.as_str(), outage.target))?;
            let Outage { target, from, kind, lasts, .. } = *outage;
            let (end, last) = ((at_ms + millis(lasts)).div_ceil(1_000), scenario.duration.as_secs());
            if end > last {
                return Err(NoRoom::TooLate(kind.as_str(), target, end, last));
            }
            drawn.push((*outage, Planned { kind, target, from, at_ms, for_ms: millis(lasts) }));
        }
        let mut outages: Vec<Planned> = drawn.into_iter().map(|(_, planned)| planned).collect();
        outages.sort_by_key(|planned| (planned.at_ms, planned.target));
        Ok(Self { seed: scenario.seed, outages })
    }

    /// The ways that a stack of these sports needs a proxy on, each once.
    #[must_use]
    pub fn links(&self, sports: &[Sport]) -> Vec<Link> {
        let mut links: Vec<Link> = self.outages.iter().flat_map(|planned| planned.links(sports)).collect();
        links.sort();
        links.dedup();
        links
    }
}

impl Planned {
    /// What happens to what, for a person: `kill processors-hockey`, `cut processors-hockey to mysql`.
    #[must_use]
    pub fn what(&self) -> String {
        let Self { kind, target, from, .. } = self;
        let what = match kind {
            OutageKind::Slow { latency_ms } => format!("slow by {latency_ms} ms"),
            OutageKind::Throttle { kib_per_second } => format!("throttle to {kib_per_second} KiB/s"),
            OutageKind::HalfOpen => "half-open".to_owned(),
            kind => kind.as_str().to_owned(),
        };
        let on_the_way = if kind.is_on_the_way() { "to " } else { "" };
        match from {
            Some(from) => format!("{what} {from} {on_the_way}{target}"),
            None => format!("{what} {on_the_way}{target}"),
        }
    }

    /// Whether it is on the feed's own way: whoever sends may have to wait for it.
    #[must_use]
    pub fn cuts_the_feed(&self) -> bool {
        match self.target {
            Part::Ingestion => true,
            Part::Kafka => self.from.is_none_or(|from| from == Part::Ingestion),
            _ => false,
        }
    }

    /// The ways on which it happens, in a stack of these sports; none where it happens to a process.
    #[must_use]
    pub fn links(&self, sports: &[Sport]) -> Vec<Link> {
        if !self.kind.is_on_the_way() {
            return Vec::new();
        }
        let services = || {
            let processors = sports.iter().map(|sport| processors_name(*sport));
            [INGESTION.to_owned(), DISTRIBUTION.to_owned()].into_iter().chain(processors).collect()
        };
        let from: Vec<String> = match (self.from, self.target) {
            (Some(from), _) => vec![part_name(from)],
            (None, Part::Ingestion) => vec![PROVIDER.to_owned()],
            (None, Part::Distribution) => vec![CLIENTS.to_owned()],
            (None, _) => services(),
        };
        let to = part_name(self.target);
        from.into_iter().map(|from| Link { from, to: to.clone() }).collect()
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Duration::from_millis(self.at_ms).as_secs_f64();
        write!(f, "{} at {at:.1} s", self.what())?;
        match self.for_ms {
            0 => Ok(()),
            for_ms => write!(f, " for {:.1} s", Duration::from_millis(for_ms).as_secs_f64()),
        }
    }
}

/// What a stack calls a part.
pub(super) fn part_name(part: Part) -> String {
    match part {
        Part::Provider => PROVIDER.to_owned(),
        Part::Ingestion => INGESTION.to_owned(),
        Part::Processors(sport) => processors_name(sport),
        Part::Distribution => DISTRIBUTION.to_owned(),
        Part::Clients => CLIENTS.to_owned(),
        Part::Kafka => KAFKA.to_owned(),
        Part::Mysql => DATABASE.to_owned(),
        Part::Redis => REDIS.to_owned(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(seed: u64, outages: &str) -> Scenario {
        let head = format!(
            "description = \"d\"\nseed = {seed}\nseconds = 60\nsports.hockey = {{ games = 2, rate = 100 }}\n"
        );
        Scenario::parse(&(head + outages)).unwrap()
    }

    const KILL: &str =
        "[[outages]]\ntarget = \"kafka\"\nkind = \"kill\"\nbetween_seconds = [0, 20]\nfor_seconds = 4\n";

    #[test]
    fn the_same_seed_draws_the_same_times_within_their_windows_and_no_two_of_a_part_at_once() {
        let outages = KILL.repeat(3)
            + "[[outages]]\ntarget = \"kafka\"\nkind = \"pause\"\nat_seconds = 8\nfor_seconds = 2\n";
        let mut seen = std::collections::BTreeSet::new();
        for seed in 1..=20 {
            let plan = Plan::of(&scenario(seed, &outages)).unwrap();
            assert_eq!(plan, Plan::of(&scenario(seed, &outages)).unwrap(), "seed {seed}");
            assert_eq!(plan.outages.len(), 4);
            for pair in plan.outages.windows(2) {
                assert!(pair[0].at_ms + pair[0].for_ms <= pair[1].at_ms, "seed {seed}: {pair:?}");
            }
            assert!(plan.outages.iter().all(|planned| planned.at_ms <= 20_000), "seed {seed}");
            seen.insert(plan.outages[0].at_ms);
        }
        assert!(seen.len() > 10, "seeds draw other times: {seen:?}");
    }

    #[test]
    fn outages_that_find_no_room_are_named() {
        let error = Plan::of(&scenario(1, &KILL.repeat(7))).unwrap_err().to_string();
        assert!(error.starts_with("`kill` of kafka finds no moment"), "{error}");
    }

    #[test]
    fn an_outage_on_a_way_without_a_beginning_is_on_everybodys() {
        let slow = "[[outages]]\ntarget = \"mysql\"\nkind = \"cut\"\nat_seconds = 1\nfor_seconds = 1\n";
        let socket =
            "[[outages]]\ntarget = \"distribution\"\nkind = \"half_open\"\nat_seconds = 1\nfor_seconds = 1\n";
        let plan = Plan::of(&scenario(1, &(slow.to_owned() + socket))).unwrap();
        let links = plan.links(&[Sport::Hockey]);
        let links: Vec<_> = links.iter().map(|link| (link.from.as_str(), link.to.as_str())).collect();
        let (database, hockey) = (DATABASE, "processors-hockey");
        assert_eq!(
            links,
            [(CLIENTS, DISTRIBUTION), (DISTRIBUTION, database), (INGESTION, database), (hockey, database)]
        );
    }

    #[test]
    fn a_run_that_was_made_too_short_for_it_is_refused() {
        let short = scenario(1, KILL).lasting(Duration::from_secs(3));
        let error = Plan::of(&short).unwrap_err().to_string();
        assert!(error.starts_with("`kill` of kafka would last until second "), "{error}");
        assert!(error.ends_with("and the run is over at 3"), "{error}");
    }

    #[test]
    fn outages_of_a_run_that_is_made_longer_come_at_the_same_share_of_it() {
        let fixed = "[[outages]]\ntarget = \"redis\"\nkind = \"flush\"\nat_seconds = 30\n";
        let long = scenario(1, &(KILL.to_owned() + fixed)).lasting(Duration::from_secs(600));
        let plan = Plan::of(&long).unwrap();
        let [kill, flush] = &plan.outages[..] else { panic!("{plan:?}") };
        assert_eq!((flush.at_ms, kill.for_ms), (300_000, 4_000));
        assert!(kill.at_ms <= 200_000, "{kill}");
        let drawn: Vec<u64> = (0..20)
            .map(|seed| Plan::of(&Scenario { seed, ..long.clone() }).unwrap().outages[0].at_ms)
            .collect();
        assert!(drawn.iter().any(|at_ms| *at_ms > 20_000), "{drawn:?}");
    }

    #[test]
    fn every_ready_made_scenario_has_room_for_its_outages_whatever_the_seed() {
        let mut kinds = std::collections::BTreeSet::new();
        for ready in simulator::scenario::READY {
            let mut scenario = Scenario::parse(ready.text).unwrap();
            for seed in 0..20 {
                scenario.seed = seed;
                let plan = Plan::of(&scenario).unwrap_or_else(|error| panic!("{}: {error}", ready.name));
                kinds.extend(plan.outages.iter().map(|planned| planned.kind.as_str()));
            }
        }
        let all = ["cut", "flush", "half_open", "kill", "pause", "rebalance", "restart", "slow", "throttle"];
        assert!(kinds.iter().eq(&all), "{kinds:?}");
    }

    #[test]
    fn a_plan_is_written_down_and_read_again() {
        let plan = Plan::of(&scenario(3, KILL)).unwrap();
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!(
            (&json["outages"][0]["kind"], &json["outages"][0]["target"]),
            (&"kill".into(), &"kafka".into())
        );
        assert!(plan.outages[0].to_string().starts_with("kill kafka at "), "{}", plan.outages[0]);
        assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
    }
}
