//! The games that are live, which way their odds move, and the one that is open.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use domain::{EventId, Odds};

use super::contact::Contact;
use crate::game::{Game, Market, Match, Update};
use crate::text::Text;

/// For how long it is shown which way odds have moved.
const MOVEMENT_SHOWN: Duration = Duration::from_secs(10);

/// Entries of an open game's log that are kept.
const LOG_MAX: usize = 1000;

/// Which way odds have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// They are longer.
    Up,
    /// They are shorter.
    Down,
}

/// All that REST told of games.
#[derive(Clone, Debug)]
pub struct Games {
    /// Whether it answers.
    pub contact: Contact,
    /// Whether its address is known.
    pub is_asked: bool,
    /// Every game that is live, by its id.
    pub live: Vec<Match>,
    /// The one that is open.
    pub open: Option<OpenGame>,
    odds: BTreeMap<EventId, OddsBook>,
    interval: Duration,
}

/// A game that is looked at.
#[derive(Clone, Debug)]
pub struct OpenGame {
    /// Which one.
    pub event_id: EventId,
    /// Whether it is told.
    pub contact: Contact,
    /// How it is; not known until the first answer.
    pub game: Option<Game>,
    /// Its update log, newest first.
    pub log: VecDeque<Update>,
    odds: OddsBook,
}

/// The last odds of outcomes, and which way each has moved when.
#[derive(Clone, Debug, Default)]
struct OddsBook(BTreeMap<OutcomeKey, Quote>);

/// A market's id and specifiers, and the outcome's id.
type OutcomeKey = (u32, Option<Text>, Text);

/// The last odds of an outcome.
#[derive(Clone, Copy, Debug)]
struct Quote {
    odds: Odds,
    /// Which way they moved last, and when.
    moved: Option<(Movement, Duration)>,
}

impl OddsBook {
    /// Takes markets' odds; those of others are forgotten.
    fn take<'a>(&mut self, at: Duration, markets: impl IntoIterator<Item = &'a Market>) {
        let mut taken = BTreeMap::new();
        for market in markets {
            for outcome in &market.outcomes {
                let Some(odds) = outcome.odds else { continue };
                let key = (market.id, market.specifiers.clone(), outcome.id.clone());
                let before = self.0.get(&key);
                let moved = match before.map(|before| odds.cmp(&before.odds)) {
                    Some(Ordering::Greater) => Some((Movement::Up, at)),
                    Some(Ordering::Less) => Some((Movement::Down, at)),
                    Some(Ordering::Equal) | None => before.and_then(|before| before.moved),
                };
                taken.insert(key, Quote { odds, moved });
            }
        }
        self.0 = taken;
    }

    fn movement(&self, market: &Market, outcome: &Text, now: Duration) -> Option<Movement> {
        let key = (market.id, market.specifiers.clone(), outcome.clone());
        let (movement, at) = self.0.get(&key)?.moved?;
        (now.saturating_sub(at) <= MOVEMENT_SHOWN).then_some(movement)
    }
}

impl Games {
    pub(super) fn new(interval: Duration, is_asked: bool) -> Self {
        let contact = Contact::new(interval);
        Self { contact, is_asked, live: Vec::new(), open: None, odds: BTreeMap::new(), interval }
    }

    pub(super) fn take_list(&mut self, at: Duration, matches: Vec<Match>) {
        let mut before = std::mem::take(&mut self.odds);
        for one in &matches {
            let mut book = before.remove(&one.event_id).unwrap_or_default();
            book.take(at, &one.main_market);
            self.odds.insert(one.event_id.clone(), book);
        }
        self.live = matches;
    }

    pub(super) fn take_game(&mut self, at: Duration, game: Game, updates: Vec<Update>) {
        let Some(open) = self.open.as_mut().filter(|open| open.event_id == game.event_id) else { return };
        open.odds.take(at, &game.markets);
        let mut last = open.log.front().map_or(0, |update| update.version);
        // The page may hold what came after the game was asked for; the game is never behind what was read before it.
        if open.game.as_ref().is_some_and(|known| game.version < known.version) {
            open.log.clear();
            last = 0;
        }
        for update in updates.into_iter().filter(|update| update.version > last) {
            open.log.push_front(update);
        }
        open.log.truncate(LOG_MAX);
        open.game = Some(game);
    }

    /// Looks at a game, or at none.
    pub fn open(&mut self, event_id: Option<EventId>) {
        if self.open.as_ref().map(|open| &open.event_id) == event_id.as_ref() {
            return;
        }
        self.open = event_id.map(|event_id| OpenGame {
            event_id,
            contact: Contact::new(self.interval),
            game: None,
            log: VecDeque::new(),
            odds: OddsBook::default(),
        });
    }

    /// Which way the odds of a game's main market have moved lately.
    #[must_use]
    pub fn movement(
        &self,
        event: &EventId,
        market: &Market,
        outcome: &Text,
        now: Duration,
    ) -> Option<Movement> {
        self.odds.get(event)?.movement(market, outcome, now)
    }
}

impl OpenGame {
    /// Which way the odds of an outcome have moved lately.
    #[must_use]
    pub fn movement(&self, market: &Market, outcome: &Text, now: Duration) -> Option<Movement> {
        self.odds.movement(market, outcome, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(odds: u32) -> Vec<Match> {
        let json = format!(
            r#"[{{"event_id":"md:match:1","sport":"hockey","version":1,"home":"a","away":"b","status":"live",
                "match_status":"period_1","score":{{"home":0,"away":0}},"clock":null,
                "main_market":{{"id":406,"status":"active","outcomes":[{{"id":"4","odds":{odds}}}]}}}}]"#
        );
        serde_json::from_str(&json).expect("a list")
    }

    #[test]
    fn odds_point_the_way_they_moved_for_a_while() {
        let seconds = Duration::from_secs;
        let mut games = Games::new(seconds(1), true);
        for (at, odds) in [(1, 1850), (2, 1900), (3, 1900)] {
            games.take_list(seconds(at), list(odds));
        }
        let one = &games.live[0];
        let market = one.main_market.as_ref().expect("a market");
        let movement = |now| games.movement(&one.event_id, market, &market.outcomes[0].id, seconds(now));
        assert_eq!(movement(3), Some(Movement::Up));
        assert_eq!(movement(13), None);
    }
}
