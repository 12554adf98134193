//! What is known of markets after each line: deltas applied exactly as the Exchange Stream API says.
//!
//! A change with `img` replaces the market; a definition is always whole; a price or a level is set, or taken away by
//! a size of 0; a runner is told from others by its id and its handicap.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::stream::{Definition, MarketChange, RunnerChange};

/// Markets of one recording: a stream subscription has at most as many.
const MARKETS_MAX: usize = 1_000;
/// Runners of one market; the Grand National has 40, a correct score some 20, an outright some hundred.
const RUNNERS_MAX: usize = 1_000;

/// A number that orders, which JSON's are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price(pub f64);

impl Eq for Price {}

impl Ord for Price {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Price {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A runner's place in its market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunnerKey {
    /// Its id.
    pub id: u64,
    /// Its handicap; 0 where there is none.
    pub handicap: Price,
}

impl RunnerKey {
    /// `hc` as the stream tells it.
    #[must_use]
    pub fn new(id: u64, hc: Option<f64>) -> Self {
        // Adding 0 makes of -0 what it is equal to.
        Self { id, handicap: Price(hc.unwrap_or(0.0) + 0.0) }
    }
}

/// All markets so far.
#[derive(Debug, Clone, Default)]
pub struct Books {
    markets: BTreeMap<String, MarketBook>,
}

/// One market as it stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MarketBook {
    /// What is known of it besides prices, once it was told.
    pub definition: Option<Definition>,
    /// Money matched on it.
    pub matched: Option<f64>,
    /// Prices of those runners that have had any.
    pub runners: BTreeMap<RunnerKey, RunnerBook>,
}

/// A runner's prices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunnerBook {
    /// The price traded last.
    pub last_traded: Option<f64>,
    /// Money matched on it.
    pub matched: Option<f64>,
    /// Available to back: sizes by price.
    pub to_back: BTreeMap<Price, f64>,
    /// Available to lay: sizes by price.
    pub to_lay: BTreeMap<Price, f64>,
    /// Traded: sizes by price.
    pub traded: BTreeMap<Price, f64>,
    /// The best offers to back by level, from 0: price and size.
    pub best_to_back: BTreeMap<u32, (f64, f64)>,
    /// The best offers to lay by level.
    pub best_to_lay: BTreeMap<u32, (f64, f64)>,
    /// As `best_to_back`, with what is offered across outcomes.
    pub best_displayed_to_back: BTreeMap<u32, (f64, f64)>,
    /// As `best_to_lay`, with what is offered across outcomes.
    pub best_displayed_to_lay: BTreeMap<u32, (f64, f64)>,
}

impl Books {
    /// Applies what changes about one market; returns how it stands then.
    ///
    /// # Errors
    /// When there are too many markets or runners.
    pub fn apply(&mut self, change: &MarketChange) -> Result<&MarketBook, String> {
        if self.markets.len() >= MARKETS_MAX && !self.markets.contains_key(&change.id) {
            return Err(format!("more than {MARKETS_MAX} markets"));
        }
        let book = self.markets.entry(change.id.clone()).or_default();
        if change.img {
            *book = MarketBook::default();
        }
        if let Some(definition) = &change.definition {
            book.definition = Some(definition.clone());
        }
        book.matched = change.tv.or(book.matched);
        for runner in &change.rc {
            book.runners.entry(RunnerKey::new(runner.id, runner.hc)).or_default().apply(runner);
        }
        let runners = book.runners.len().max(book.definition.as_ref().map_or(0, |it| it.runners.len()));
        if runners > RUNNERS_MAX {
            return Err(format!("more than {RUNNERS_MAX} runners in market {}", change.id));
        }
        Ok(book)
    }

    /// How many markets have changed that nobody has said what they are.
    #[must_use]
    pub fn undefined(&self) -> u64 {
        self.markets.values().filter(|market| market.definition.is_none()).count() as u64
    }

    /// A market as it stands.
    #[must_use]
    pub fn market(&self, id: &str) -> Option<&MarketBook> {
        self.markets.get(id)
    }
}

impl RunnerBook {
    fn apply(&mut self, change: &RunnerChange) {
        self.last_traded = change.ltp.or(self.last_traded);
        self.matched = change.tv.or(self.matched);
        for (sizes, changes) in [
            (&mut self.to_back, &change.atb),
            (&mut self.to_lay, &change.atl),
            (&mut self.traded, &change.trd),
        ] {
            for &(price, size) in changes {
                set(sizes, Price(price), size, size);
            }
        }
        for (levels, changes) in [
            (&mut self.best_to_back, &change.batb),
            (&mut self.best_to_lay, &change.batl),
            (&mut self.best_displayed_to_back, &change.bdatb),
            (&mut self.best_displayed_to_lay, &change.bdatl),
        ] {
            for &(level, price, size) in changes {
                set(levels, level, (price, size), size);
            }
        }
    }

    /// The best odds at which it can be backed: the highest offered, as far as the recording has what is offered.
    #[must_use]
    pub fn best_back(&self) -> Option<f64> {
        let displayed = self.best_displayed_to_back.first_key_value().or(self.best_to_back.first_key_value());
        let offered = self.to_back.last_key_value().map(|(price, _)| price.0);
        displayed.map(|(_, (price, _))| *price).or(offered)
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, size: f64) {
    if size == 0.0 {
        map.remove(&key);
    } else {
        map.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(changes: &[&str]) -> Books {
        let mut books = Books::default();
        for change in changes {
            books.apply(&serde_json::from_str(change).unwrap()).unwrap();
        }
        books
    }

    fn runner(books: &Books, id: u64, hc: Option<f64>) -> &RunnerBook {
        &books.market("1.1").unwrap().runners[&RunnerKey::new(id, hc)]
    }

    #[test]
    fn a_size_of_zero_takes_a_price_away() {
        let books = books(&[
            r#"{"id":"1.1","rc":[{"id":7,"atb":[[1.5,10],[1.6,5]],"atl":[[1.7,2]],"ltp":1.6,"tv":100.5}]}"#,
            r#"{"id":"1.1","rc":[{"id":7,"atb":[[1.6,0],[1.4,3.25]]}]}"#,
        ]);
        let runner = runner(&books, 7, None);
        assert_eq!(runner.to_back, BTreeMap::from([(Price(1.4), 3.25), (Price(1.5), 10.0)]));
        assert_eq!(runner.to_lay, BTreeMap::from([(Price(1.7), 2.0)]));
        assert_eq!(
            (runner.last_traded, runner.matched, runner.best_back()),
            (Some(1.6), Some(100.5), Some(1.5))
        );
    }

    #[test]
    fn levels_are_replaced_and_taken_away() {
        let books = books(&[
            r#"{"id":"1.1","rc":[{"id":7,"batb":[[0,1.5,10],[1,1.49,5]]}]}"#,
            r#"{"id":"1.1","rc":[{"id":7,"batb":[[0,1.49,5],[1,0,0]]}]}"#,
        ]);
        let runner = runner(&books, 7, None);
        assert_eq!(runner.best_to_back, BTreeMap::from([(0, (1.49, 5.0))]));
        assert_eq!(runner.best_back(), Some(1.49));
    }

    #[test]
    fn an_image_replaces_the_market() {
        let books = books(&[
            r#"{"id":"1.1","rc":[{"id":7,"ltp":2}],"tv":5}"#,
            r#"{"id":"1.1","img":true,"rc":[{"id":8,"ltp":3}]}"#,
        ]);
        let market = books.market("1.1").unwrap();
        assert_eq!(market.runners.keys().map(|key| key.id).collect::<Vec<_>>(), [8]);
        assert_eq!(market.matched, None);
    }

    #[test]
    fn the_same_runner_with_another_handicap_is_another() {
        let books = books(&[
            r#"{"id":"1.1","rc":[{"id":7,"hc":-1.5,"ltp":2},{"id":7,"hc":1.5,"ltp":3},{"id":7,"hc":-0.0,"ltp":4}]}"#,
        ]);
        let last = [Some(-1.5), Some(1.5), None].map(|hc| runner(&books, 7, hc).last_traded);
        assert_eq!(last, [Some(2.0), Some(3.0), Some(4.0)]);
    }
}
