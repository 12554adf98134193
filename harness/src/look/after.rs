//! What every store has once the stack has recovered from an outage.
//!
//! What clients were shown is committed, so the database and REST have it at once. Redis may be behind them until processors look after
//! it: it is asked again until it has caught up, and accused where it does not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{EVERY, Looks, MYSQL_AFTER, RECOVERED, REDIS_AFTER, REST_AFTER};
use crate::anomaly::{Example, Kind};
use crate::observe::mysql::Mysql;
use crate::observe::{Places, Reading, redis, rest};
use crate::outage::{Happened, RECOVERY_MAX};

/// How long the database and Redis may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// How long Redis may stay behind what clients had been shown: as long as a stack may take to recover. Processors that found it silent
/// leave it alone for 20 s.
const BEHIND_MAX: Duration = RECOVERY_MAX;
/// How often a store is read at the end that did not answer.
const LAST_TRIES: u32 = 3;

/// The highest version of each event that clients had been shown.
pub(super) type Shown = BTreeMap<String, u64>;

/// What reads.
pub(super) struct After {
    mysql: Mysql,
    redis: String,
    rest: String,
    happened: watch::Receiver<Happened>,
    /// After how many outages that were recovered from each place was read.
    read: BTreeMap<&'static str, u64>,
    owed: Option<Owed>,
}

/// What Redis has to come to.
#[derive(Debug)]
struct Owed {
    since: Instant,
    /// What had happened by then: what happens later may be why it does not.
    happened: Happened,
    shown: Shown,
}

impl After {
    pub(super) fn new(places: &Places, mysql: Mysql, happened: watch::Receiver<Happened>) -> Self {
        let read = RECOVERED.into_iter().map(|place| (place, 0)).collect();
        let (redis, rest) = (places.redis.clone(), places.rest.clone());
        Self { mysql, redis, rest, happened, read, owed: None }
    }

    /// After how many outages that were recovered from some place was not read.
    fn unread(&self) -> u64 {
        let least = self.read.values().copied().min().unwrap_or_default();
        self.happened.borrow().recovered() - least
    }

    /// Reads every place that was not read since the stack has recovered.
    pub(super) async fn catch_up(&mut self, shown: &Shown, looks: &mut Looks) {
        let before = self.happened.borrow().clone();
        let recovered = before.recovered();
        for place in RECOVERED {
            if self.read[place] == recovered {
                continue;
            }
            let reading = self.reading(place, shown).await;
            let is_whole = reading.as_ref().is_ok_and(|reading| is_whole(place, reading));
            let is_calm = self.is_calm(&before);
            let behind = looks.note_reading(place, shown, reading, is_calm);
            if is_whole {
                // Only now: a reading that is broken off was none.
                self.read.insert(place, recovered);
            }
            if place == REDIS_AFTER && is_whole {
                let owes = is_calm && !behind.is_empty();
                self.owed =
                    owes.then(|| Owed { since: Instant::now(), happened: before.clone(), shown: behind });
            }
        }
        self.ask_for_owed(looks).await;
    }

    /// The same when the run is over: whatever does not answer is asked again, and what was never read is noted.
    pub(super) async fn finish(&mut self, shown: &Shown, looks: &mut Looks) {
        for tried in 0..LAST_TRIES {
            if tried > 0 {
                sleep(EVERY).await;
            }
            self.catch_up(shown, looks).await;
            if self.unread() == 0 {
                break;
            }
        }
        looks.unread = self.unread();
    }

    async fn reading(&self, place: &str, shown: &Shown) -> Result<Reading> {
        let events: Vec<String> = shown.keys().cloned().collect();
        let read = async {
            match place {
                MYSQL_AFTER => self.mysql.read().await,
                REDIS_AFTER => redis::read(&self.redis, &self.mysql.store_id().await?, &events).await,
                // Each of its answers has a time limit of its own.
                _ => rest::read(&self.rest, &events).await,
            }
        };
        match place {
            REST_AFTER => read.await,
            _ => timeout(READ_WITHIN, read).await.context("it took too long")?,
        }
    }

    /// Whether nothing was wrong with the stack then, and nothing has been since.
    fn is_calm(&self, before: &Happened) -> bool {
        before.is_over() && *self.happened.borrow() == *before
    }

    async fn ask_for_owed(&mut self, looks: &mut Looks) {
        let Some(owed) = self.owed.take() else { return };
        let reading = self.reading(REDIS_AFTER, &owed.shown).await;
        // Whatever happens to the stack meanwhile may keep it.
        if self.is_calm(&owed.happened) {
            let is_over = owed.since.elapsed() > BEHIND_MAX;
            let left = match reading {
                Ok(reading) => looks.note_owed(owed.shown, &reading, is_over),
                Err(_) => owed.shown,
            };
            self.owed = (!left.is_empty()).then_some(Owed { shown: left, ..owed });
        }
    }
}

/// Whether a place was read, so that it needs not be again. What a store cannot have is accused once, and stays.
fn is_whole(place: &str, reading: &Reading) -> bool {
    !reading.is_cut && (place != REST_AFTER || reading.unread.is_empty())
}

impl Looks {
    /// What was read of these events, of which clients had been shown these versions; whether nothing else was wrong with the stack.
    /// Returns what Redis is behind with.
    fn note_reading(
        &mut self,
        place: &'static str,
        shown: &Shown,
        reading: Result<Reading>,
        is_calm: bool,
    ) -> Shown {
        let mut behind = Shown::new();
        // What is away again, as in the next outage, has said nothing wrong.
        let Ok(reading) = reading else {
            self.note_failed(place);
            return behind;
        };
        for (event_id, shown) in shown {
            match reading.pictures.get(event_id) {
                Some(picture) => {
                    let is_behind = place == REDIS_AFTER && picture.version < *shown;
                    if is_behind {
                        behind.insert(event_id.clone(), *shown);
                    }
                    let shown = if is_behind { 0 } else { *shown };
                    self.note(place, event_id, shown, picture);
                }
                None if reading.is_cut || reading.unread.contains(event_id) || !is_calm => {
                    self.note_failed(place);
                }
                None if place == REDIS_AFTER => drop(behind.insert(event_id.clone(), *shown)),
                None => self.broken.push(lacks(place, event_id, *shown, None)),
            }
        }
        let is_wrong =
            |(kind, example): &(Kind, Example)| *kind != Kind::Lost && shown.contains_key(&example.event_id);
        let wrong = reading.broken.into_iter().filter(is_wrong);
        self.broken
            .extend(wrong.map(|(kind, example)| (kind, Example { place: place.to_owned(), ..example })));
        behind
    }

    /// What Redis has of what it owes; where its time is over it is accused of what it lacks. Returns what it still owes.
    fn note_owed(&mut self, owed: Shown, reading: &Reading, is_over: bool) -> Shown {
        let mut left = Shown::new();
        for (event_id, shown) in owed {
            match reading.pictures.get(&event_id) {
                Some(picture) if picture.version >= shown => {
                    self.note(REDIS_AFTER, &event_id, shown, picture);
                }
                // What cannot be read was accused when it was read.
                None if reading.unread.contains(&event_id) => {}
                found if is_over => {
                    let version = found.map(|picture| picture.version);
                    self.broken.push(lacks(REDIS_AFTER, &event_id, shown, version));
                }
                _ => drop(left.insert(event_id, shown)),
            }
        }
        left
    }
}

/// A place does not have what clients had been shown.
fn lacks(place: &str, event_id: &str, shown: u64, found: Option<u64>) -> (Kind, Example) {
    let example = Example {
        place: place.to_owned(),
        event_id: event_id.to_owned(),
        version: found,
        what: "event".to_owned(),
        expected: format!("there, at version {shown} at least, which a client had been shown"),
        found: found.map_or_else(|| "missing".to_owned(), |version| format!("at version {version}")),
        record: None,
    };
    (if found.is_some() { Kind::Stale } else { Kind::Lost }, example)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Picture;

    const A: &str = "md:match:1";
    const B: &str = "md:match:2";

    fn shown() -> Shown {
        Shown::from([(A.to_owned(), 3), (B.to_owned(), 3)])
    }

    fn reading(there: &[(&str, u64)]) -> Reading {
        let picture = |version| Picture { version, ..Picture::default() };
        let pictures = there.iter().map(|(id, version)| ((*id).to_owned(), picture(*version))).collect();
        Reading { pictures, ..Reading::default() }
    }

    /// What is wrong with a place that has these, and how often it did not answer.
    fn noted(place: &'static str, there: &[(&str, u64)], is_calm: bool) -> (Vec<Kind>, u64, Shown) {
        let mut looks = Looks::default();
        let behind = looks.note_reading(place, &shown(), Ok(reading(there)), is_calm);
        let kinds = looks.broken.iter().map(|(kind, _)| *kind).collect();
        (kinds, looks.failed.values().sum(), behind)
    }

    #[test]
    fn an_event_that_a_store_lacks_once_nothing_is_wrong_any_more_is_lost() {
        for place in [MYSQL_AFTER, REST_AFTER] {
            assert_eq!(noted(place, &[(A, 3)], true), (vec![Kind::Lost], 0, Shown::new()), "{place}");
            assert_eq!(noted(place, &[(A, 3)], false), (vec![], 1, Shown::new()), "another outage is on");
        }
        let owed = Shown::from([(B.to_owned(), 3)]);
        assert_eq!(noted(REDIS_AFTER, &[(A, 3)], true), (vec![], 0, owed.clone()));
        assert_eq!(noted(REDIS_AFTER, &[(A, 3), (B, 2)], true), (vec![], 0, owed));
    }

    #[test]
    fn what_could_not_be_read_is_not_missing() {
        let mut looks = Looks::default();
        let mut cut = reading(&[(A, 3)]);
        cut.is_cut = true;
        assert!(!is_whole(REST_AFTER, &cut));
        looks.note_reading(REST_AFTER, &shown(), Ok(cut), true);
        looks.note_reading(REST_AFTER, &shown(), Err(anyhow::anyhow!("away")), true);
        assert!(looks.broken.is_empty());
        assert_eq!(looks.failed, [(REST_AFTER, 2)].into());
    }

    #[test]
    fn redis_is_accused_of_what_it_lacks_once_its_time_is_over() {
        let owed = |there: &[(&str, u64)], is_over| {
            let mut looks = Looks::default();
            let left = looks.note_owed(shown(), &reading(there), is_over);
            let kinds: Vec<Kind> = looks.broken.iter().map(|(kind, _)| *kind).collect();
            (left.len(), looks.answers.len(), kinds)
        };
        assert_eq!(owed(&[(A, 3)], false), (1, 1, vec![]));
        assert_eq!(owed(&[(A, 3), (B, 4)], true), (0, 2, vec![]));
        assert_eq!(owed(&[(A, 2)], true), (0, 0, vec![Kind::Stale, Kind::Lost]));
    }

    #[tokio::test]
    async fn an_outage_after_which_a_store_was_not_read_is_counted_until_it_is() {
        let nowhere = Places {
            mysql: "mysql://nobody:none@127.0.0.1:1/none".to_owned(),
            redis: "redis://127.0.0.1:1".to_owned(),
            rest: "http://127.0.0.1:1".to_owned(),
        };
        let mut one = Happened::default();
        let number = one.begin(1);
        one.recover(number, 2);
        let (told, happened) = watch::channel(one.clone());
        let mut after = After::new(&nowhere, Mysql::new(&nowhere.mysql).unwrap(), happened);
        let mut looks = Looks::default();
        after.read = [(MYSQL_AFTER, 1), (REDIS_AFTER, 1), (REST_AFTER, 0)].into();
        after.finish(&shown(), &mut looks).await;
        assert_eq!((looks.unread, looks.broken.len()), (1, 0), "nobody answers");
        after.read.insert(REST_AFTER, 1);
        after.finish(&shown(), &mut looks).await;
        assert_eq!(looks.unread, 0);
        assert!(after.is_calm(&one));
        told.send_modify(|happened| {
            let _ = happened.begin(3);
        });
        assert!(!after.is_calm(&one));
    }
}
