//! Settlements: what the final one says of a market is what was said when it was decided.

use std::collections::BTreeMap;

use domain::market::MarketKey;
use domain::message::{Certainty, SettledMarket};
use domain::{Body, Sport};

use super::decided::games;

const SEEDS: u64 = 150;

#[test]
fn a_confirmed_settlement_repeats_the_one_before() {
    for sport in Sport::ALL {
        let (mut repeated, mut void) = (0, 0);
        for seed in 0..SEEDS {
            for (_, game) in games(sport, seed) {
                let mut decided: BTreeMap<MarketKey, SettledMarket> = BTreeMap::new();
                for body in &game {
                    let settlement = match body {
                        Body::Settlement(settlement) => settlement,
                        Body::SettlementRollback(rollback) => {
                            rollback.markets.iter().for_each(|key| drop(decided.remove(key)));
                            continue;
                        }
                        _ => continue,
                    };
                    for market in &settlement.markets {
                        let before = decided.insert(market.key.clone(), market.clone());
                        let Some(before) = before else { continue };
                        assert_eq!(
                            (settlement.certainty, &before),
                            (Certainty::Confirmed, market),
                            "{sport} of seed {seed}"
                        );
                        repeated += 1;
                        void += u32::from(market.void_reason.is_some());
                    }
                }
            }
        }
        println!("{sport}: {SEEDS} seeds, {repeated} markets were settled twice, {void} of them void");
        assert!(repeated > 100, "{sport}: {repeated}");
        // Whoever does not take part is told of before the end in football alone.
        assert!(void > 0 || sport != Sport::Football, "{sport}: {void} void");
    }
}
