//! Stops: bets are open only where nobody knows better, and open again afterwards.

use std::collections::BTreeSet;

use domain::market::MarketKey;
use domain::{Body, EventStatus, FeedMessage, IncidentKind, MarketStatus, Score, Sport};

use super::body;
use super::decided::games;

const SEEDS: u64 = 100;

/// Between a stop and the offer that follows it, of every market that was stopped, no bets are open; and where goals are few the
/// score changes only while they are stopped.
pub fn check(sport: Sport, messages: &[(u64, FeedMessage)]) {
    let may_score = sport == Sport::Basketball;
    let (mut stopped, mut score) = (true, Score::default());
    let (mut open, mut waiting) = (BTreeSet::new(), BTreeSet::new());
    for (_, message) in messages {
        match body(message) {
            Body::BetStop(_) => {
                stopped = true;
                waiting.append(&mut open);
            }
            Body::OddsChange(odds) => {
                for offer in &odds.markets {
                    waiting.remove(&offer.key);
                    match offer.status {
                        MarketStatus::Active => open.insert(&offer.key),
                        MarketStatus::Suspended => waiting.insert(&offer.key),
                        _ => open.remove(&offer.key),
                    };
                }
                stopped = stopped && open.is_empty();
                assert!(stopped || waiting.is_empty(), "{waiting:?} wait after {message:?}");
            }
            Body::Settlement(settlement) => settlement.markets.iter().for_each(|market| {
                open.remove(&market.key);
                waiting.remove(&market.key);
            }),
            Body::EventStatus(status) => {
                assert!(
                    may_score || status.score == score || stopped || status.correction,
                    "a goal while bets are open: {message:?}"
                );
                score = status.score;
            }
            _ => {}
        }
    }
}

/// Whether a message offers bets.
fn opens(body: &Body) -> bool {
    let Body::OddsChange(odds) = body else { return false };
    odds.markets.iter().any(|offer| offer.status == MarketStatus::Active)
}

/// Whether it says that a game is over, or that there is nothing more to bet on.
fn ends(body: &Body) -> bool {
    let over = [EventStatus::Ended, EventStatus::Abandoned];
    matches!(body, Body::EventStatus(status) if over.contains(&status.status))
}

#[test]
fn nobody_bets_while_officials_look_at_a_recording() {
    for sport in Sport::ALL {
        let (mut reviews, mut reopened) = (0, 0);
        for seed in 0..SEEDS {
            for (_, game) in games(sport, seed) {
                let mut open: BTreeSet<&MarketKey> = BTreeSet::new();
                for (place, body) in game.iter().enumerate() {
                    match body {
                        Body::OddsChange(odds) => {
                            for offer in &odds.markets {
                                match offer.status {
                                    MarketStatus::Active => open.insert(&offer.key),
                                    _ => open.remove(&offer.key),
                                };
                            }
                        }
                        Body::BetStop(_) => open.clear(),
                        Body::Settlement(settlement) => {
                            settlement.markets.iter().for_each(|market| _ = open.remove(&market.key));
                        }
                        Body::Incident(incident) if incident.kind == IncidentKind::VideoReview => {
                            assert!(
                                open.is_empty(),
                                "{sport} of seed {seed}, message {}: {open:?}",
                                place + 1
                            );
                            let after = game[place..].iter().find(|body| opens(body) || ends(body)).unwrap();
                            (reviews, reopened) = (reviews + 1, reopened + u32::from(opens(after)));
                        }
                        _ => {}
                    }
                }
            }
        }
        println!("{sport}: {SEEDS} seeds, {reviews} reviews; after {reopened} of them bets were open again");
        assert!(reviews > 20 && 2 * reopened > reviews, "{sport}: {reopened} of {reviews}");
    }
}
