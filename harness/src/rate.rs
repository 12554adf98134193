//! A scenario at another rate: the same games, with more or less told of them in the same time.

use anyhow::{Result, ensure};
use simulator::Scenario;
use simulator::scenario::Tempo;
use simulator::world::MESSAGES_MAX;

/// The messages a second of all sports together, on average.
#[must_use]
pub fn rate(scenario: &Scenario) -> u32 {
    scenario.sports.iter().map(|plan| plan.rate).sum()
}

/// Shares this rate among the scenario's sports as its own is shared; each has one message a second at least.
///
/// # Errors
/// When its games have their own pace, or that would be more messages than can be made.
pub fn set(scenario: &mut Scenario, asked: u32) -> Result<()> {
    ensure!(
        scenario.tempo == Tempo::Rate,
        "its games have their own pace: there is no rate that could be another"
    );
    let messages = u64::from(asked) * scenario.duration.as_secs();
    ensure!(
        messages <= MESSAGES_MAX,
        "{asked} messages a second are {messages} in {} s; at most {MESSAGES_MAX} can be made",
        scenario.duration.as_secs()
    );
    let whole = u64::from(rate(scenario)).max(1);
    let (mut before, mut given) = (0, 0);
    for plan in &mut scenario.sports {
        // What each has up to here, so that rounding loses nothing of the sum.
        before += u64::from(plan.rate);
        let up_to_here = u64::from(asked) * before / whole;
        plan.rate = u32::try_from(up_to_here - given).unwrap_or(u32::MAX).max(1);
        given = up_to_here;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "description = \"d\"\nseed = 1\nseconds = 10\n[sports.football]\ngames = 3\nrate = 50\n\
                        [sports.hockey]\ngames = 2\nrate = 30\n[sports.tennis]\ngames = 2\nrate = 20\n";

    fn rates(asked: u32) -> Vec<u32> {
        let mut scenario = Scenario::parse(TEXT).unwrap();
        set(&mut scenario, asked).unwrap();
        scenario.sports.iter().map(|plan| plan.rate).collect()
    }

    #[test]
    fn a_rate_is_shared_as_the_scenarios_own_is() {
        assert_eq!(rates(1_000).iter().sum::<u32>(), 1_000);
        let mut shares = rates(1_000);
        shares.sort_unstable();
        assert_eq!(shares, [200, 300, 500]);
        for asked in [3, 7, 101, 9_999] {
            assert!(rates(asked).iter().all(|rate| *rate >= 1), "{asked}");
            assert!(rates(asked).iter().sum::<u32>().abs_diff(asked) <= 2, "{asked}");
        }
    }

    #[test]
    fn what_cannot_have_that_rate_is_refused() {
        let mut scenario = Scenario::parse(TEXT).unwrap();
        let error = set(&mut scenario, 3_000_000).unwrap_err().to_string();
        assert!(error.contains("30000000 in 10 s; at most 20000000"), "{error}");
        let mut scenario = scenario.at(Tempo::Own).unwrap();
        let error = set(&mut scenario, 10).unwrap_err().to_string();
        assert!(error.contains("own pace"), "{error}");
    }
}
