//! The book of a whole game: no bets on several of its markets win whatever happens.

use std::collections::BTreeMap;

use domain::market::MarketKey;
use domain::message::Offer;
use domain::{Body, MarketStatus, Sport};

use super::decided::{decimal, games, whole};

const SEEDS: u64 = 20;

/// What a bet is on: a number that is known in the end, or sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Lead,
    Total,
    /// By the part's number.
    TotalOfPart(u32),
    /// Games of tennis that home wins more.
    Games,
    /// By the set's number: who wins it.
    Set(u32),
}

/// Bets that pay whenever the number is above a bound, or below it, and at worst go back at it.
#[derive(Debug, Clone, Copy)]
struct Bet {
    of: Of,
    pays_above: bool,
    bound: f64,
    /// What must be staked for one to come back.
    costs: f64,
}

/// The bets that can be made on a market as it is offered.
fn bets(sport: Sport, sets_max: u32, offer: &Offer) -> Vec<Bet> {
    let key = &offer.key;
    let costs = |place: usize| 1_000.0 / f64::from(offer.outcomes[place].odds.unwrap().thousandths());
    let above = |of, bound, costs| Bet { of, pays_above: true, bound, costs };
    let below = |of, bound, costs| Bet { of, pays_above: false, bound, costs };
    let line = |of, bound: f64| vec![above(of, bound, costs(0)), below(of, bound, costs(1))];
    let sides = |of| vec![above(of, -0.5, costs(0)), below(of, 0.5, costs(1))];
    // Where somebody always leads, every line between one down and one up asks who does.
    let lead = |bound: f64| {
        let asks_who = bound.abs() < 1.0 && sport != Sport::Football;
        if asks_who { sides(Of::Lead) } else { line(Of::Lead, bound) }
    };
    match (sport, key.id) {
        // A tie of regular time is followed by a goal of overtime: then somebody leads by one.
        (Sport::Hockey, 1) => vec![
            above(Of::Lead, 1.5, costs(0)),
            above(Of::Lead, -0.5, costs(0) + costs(1)),
            below(Of::Lead, 0.5, costs(1) + costs(2)),
            below(Of::Lead, -1.5, costs(2)),
        ],
        (_, 1) => vec![
            above(Of::Lead, 0.5, costs(0)),
            above(Of::Lead, -0.5, costs(0) + costs(1)),
            below(Of::Lead, 0.5, costs(1) + costs(2)),
            below(Of::Lead, -0.5, costs(2)),
        ],
        (Sport::Football, 8) => {
            let bound = f64::from(whole(key, "goalnr")) - 0.5;
            vec![above(Of::Total, bound, costs(0) + costs(2)), below(Of::Total, bound, costs(1))]
        }
        (_, 219 | 406) => sides(Of::Lead),
        // The winner of the last set that is possible has won the match, and who wins the thirteenth game its set.
        (_, 186) => [sides(Of::Lead), sides(Of::Set(sets_max))].concat(),
        (_, 202) => sides(Of::Set(whole(key, "setnr"))),
        (_, 210) if whole(key, "gamenr") == 13 => sides(Of::Set(whole(key, "setnr"))),
        (_, 16 | 223 | 410 | 188) => lead(-decimal(key, "hcp")),
        (_, 187) => line(Of::Games, -decimal(key, "hcp")),
        (_, 18 | 225 | 412 | 189) => line(Of::Total, decimal(key, "total")),
        (_, 68) => line(Of::TotalOfPart(1), decimal(key, "total")),
        (_, 236) => line(Of::TotalOfPart(whole(key, "quarternr")), decimal(key, "total")),
        (_, 446) => line(Of::TotalOfPart(whole(key, "periodnr")), decimal(key, "total")),
        (_, 204) => line(Of::TotalOfPart(whole(key, "setnr")), decimal(key, "total")),
        _ => Vec::new(),
    }
}

/// The bets that a client can make, as far as it was told.
struct Book {
    sport: Sport,
    /// Sets of a match of tennis, at most.
    sets_max: u32,
    open: BTreeMap<MarketKey, Vec<Bet>>,
}

impl Book {
    fn new(sport: Sport) -> Self {
        Self { sport, sets_max: 3, open: BTreeMap::new() }
    }

    fn hear(&mut self, body: &Body) {
        match body {
            Body::OddsChange(odds) => {
                for offer in &odds.markets {
                    let is_long = offer.key.id == 189 && decimal(&offer.key, "total") > 30.0;
                    self.sets_max = if is_long { 5 } else { self.sets_max };
                    match offer.status {
                        MarketStatus::Active => {
                            let bets = bets(self.sport, self.sets_max, offer);
                            self.open.insert(offer.key.clone(), bets);
                        }
                        _ => drop(self.open.remove(&offer.key)),
                    }
                }
            }
            Body::BetStop(_) => self.open.clear(),
            Body::Settlement(settlement) => {
                settlement.markets.iter().for_each(|market| drop(self.open.remove(&market.key)));
            }
            Body::Cancel(cancel) => {
                cancel.markets.iter().for_each(|market| drop(self.open.remove(&market.key)));
            }
            _ => {}
        }
    }

    /// Two bets, one of which always pays, that cost less than it does.
    fn sure(&self) -> Option<[(&MarketKey, Bet); 2]> {
        let all = || self.open.iter().flat_map(|(key, bets)| bets.iter().map(move |bet| (key, *bet)));
        let pair = |(key, bet): (_, Bet)| {
            let covers = |other: Bet| other.of == bet.of && !other.pays_above && bet.bound <= other.bound;
            let cheap = |other: Bet| bet.costs + other.costs < 1.0 - 1e-9;
            let other = all().find(|(_, other)| covers(*other) && cheap(*other))?;
            Some([(key, bet), other])
        };
        all().filter(|(_, bet)| bet.pays_above).find_map(pair)
    }
}

#[test]
fn no_bets_on_several_markets_win_whatever_happens() {
    let mut wrong = Vec::new();
    for sport in Sport::ALL {
        let (mut prices, mut sure, mut example) = (0, 0, None);
        for seed in 0..SEEDS {
            for (_, game) in games(sport, seed) {
                let mut book = Book::new(sport);
                for (place, body) in game.iter().enumerate() {
                    book.hear(body);
                    if !matches!(body, Body::OddsChange(_)) {
                        continue;
                    }
                    prices += 1;
                    if let Some(pair) = book.sure() {
                        sure += 1;
                        let told = || format!("seed {seed}, message {}: {pair:?}", place + 1);
                        example.get_or_insert_with(told);
                    }
                }
            }
        }
        println!("{sport}: {SEEDS} seeds, {prices} messages with prices, {sure} with bets that cannot lose");
        assert!(prices > 5_000, "{sport}: {prices} prices");
        wrong.extend(example.map(|example| format!("{sport}, {sure} times; {example}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
