//! What is not read yet must not be deleted: while too much of a sport's feed is unread, no more of it is taken.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chassis::kafka::BacklogReader;
use chassis::lifecycle::Shutdown;
use chassis::problem::Problem;
use chassis::readiness::Latch;
use domain::{Sport, Topics};
use tokio::runtime::Handle;

use crate::limit::Limits;
use crate::{metrics, refusal};

/// How often it is looked how much is unread; at most so long more is taken than should be.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whoever is not told for so long how much is unread says that it is not ready: nothing keeps Kafka from deleting it.
const UNTOLD_MAX: Duration = Duration::from_secs(30);

/// How many times as long as it came a message may be stored.
const JSON_GROWTH_MAX: u64 = 4;

/// How much may be unread.
#[derive(Clone, Copy, Debug)]
pub struct UnreadLimits {
    /// In percent of what Kafka keeps of a partition at least.
    pub percent_max: u64,
    /// Bytes of one record of a feed, at most.
    pub record_bytes_max: u64,
}

/// Of which sports no more is taken.
#[derive(Clone, Debug, Default)]
pub struct Backlogs(Arc<[AtomicBool; Sport::ALL.len()]>);

impl UnreadLimits {
    /// A message is stored as JSON of ours, whatever it was sent as: that is longer than the tersest way to say it.
    pub fn of(percent_max: u64, limits: &Limits) -> Self {
        Self { percent_max, record_bytes_max: limits.max_message_bytes as u64 * JSON_GROWTH_MAX }
    }
}

impl Backlogs {
    /// Whether anything is written to a sport's feed now.
    pub fn is_open(&self, sport: Sport) -> bool {
        !self.state(sport).load(Ordering::Relaxed)
    }

    /// Why nothing is written to a sport's feed now, where nothing is; counted, since its sender is told.
    ///
    /// # Errors
    /// A problem for its sender, who has to send again later.
    pub fn admit(&self, sport: Sport) -> Result<(), Problem> {
        if self.is_open(sport) {
            return Ok(());
        }
        metrics::limited("unread");
        Err(refusal::unread(sport))
    }

    fn state(&self, sport: Sport) -> &AtomicBool {
        let index = Sport::ALL.iter().position(|known| *known == sport);
        &self.0[index.expect("every sport is one of all")]
    }

    /// So much of a sport is unread, of at most so much.
    pub fn note(&self, sport: Sport, unread_percent: u64, percent_max: u64) {
        metrics::unread(sport.as_str(), unread_percent);
        let is_too_much = unread_percent >= percent_max;
        if self.state(sport).swap(is_too_much, Ordering::Relaxed) != is_too_much {
            if is_too_much {
                tracing::warn!(%sport, unread_percent, "too much is unread: no more is taken before kafka deletes any of it");
            } else {
                tracing::info!(%sport, unread_percent, "processed far enough: messages are taken again");
            }
        }
    }

    /// Looks after the sports' feeds until the process ends. Blocks.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn watch(
        &self,
        brokers: &str,
        topics: &Topics,
        limits: UnreadLimits,
        latch: Latch,
        (shutdown, runtime): (&Shutdown, &Handle),
    ) -> anyhow::Result<()> {
        let mut telling = Telling::new(latch);
        let mut readers = Vec::with_capacity(Sport::ALL.len());
        for sport in Sport::ALL {
            let (group, topic) = (topics.group(sport), topics.feed(sport));
            let reader =
                BacklogReader::new(brokers, (&group, &topic), limits.record_bytes_max, runtime.clone())?;
            readers.push((sport, reader));
        }
        while !shutdown.has_begun() {
            for (sport, reader) in &mut readers {
                match reader.unread_percent(now_ms()) {
                    Ok(percent) => {
                        self.note(*sport, percent, limits.percent_max);
                        telling.told(*sport);
                    }
                    // What was true before may be true still.
                    Err(error) => telling.untold(*sport, &error, Instant::now()),
                }
                telling.report(Instant::now());
                if shutdown.has_begun() {
                    return Ok(());
                }
            }
            thread::park_timeout(LOOK_EVERY);
        }
        Ok(())
    }
}

/// Whether the brokers tell how much is unread.
struct Telling {
    latch: Latch,
    /// The sports of which they do not, since when, and why.
    untold: BTreeMap<Sport, (Instant, String)>,
}

impl Telling {
    /// Nothing was asked yet; that keeps nobody from being ready.
    fn new(latch: Latch) -> Self {
        latch.ready();
        Self { latch, untold: BTreeMap::new() }
    }

    fn told(&mut self, sport: Sport) {
        metrics::unread_untold(sport.as_str(), false);
        if self.untold.remove(&sport).is_some() {
            tracing::info!(%sport, "kafka tells again how much is unread");
        }
    }

    fn untold(&mut self, sport: Sport, error: &impl Display, now: Instant) {
        metrics::unread_untold(sport.as_str(), true);
        self.untold.entry(sport).or_insert_with(|| {
            tracing::warn!(%sport, %error, "kafka does not tell how much is unread: it may delete what nobody has read");
            (now, error.to_string())
        });
    }

    fn report(&self, now: Instant) {
        let is_long = |since: &Instant| now.duration_since(*since) >= UNTOLD_MAX;
        match self.untold.iter().find(|(_, (since, _))| is_long(since)) {
            None => self.latch.ready(),
            Some((sport, (_, error))) => self.latch.not_ready(format!(
                "kafka does not tell how much of {sport} is unread, and may delete it: {error}; --unread-percent 0 does without"
            )),
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use chassis::readiness::Readiness;

    use super::*;

    #[test]
    fn who_is_not_told_how_much_is_unread_is_not_ready_before_long_and_says_why() {
        let readiness = Readiness::default();
        let mut telling = Telling::new(readiness.latch("unread", ""));
        let begin = Instant::now();
        telling.report(begin);
        assert!(readiness.report().ready, "a broker that is asked for the first time may take its time");
        for seconds in [0, 10, 29] {
            let now = begin + Duration::from_secs(seconds);
            telling.untold(Sport::Hockey, &"not authorised to describe the topic", now);
            telling.told(Sport::Football);
            telling.report(now);
            assert!(readiness.report().ready, "{seconds} s");
        }
        telling.report(begin + UNTOLD_MAX);
        let report = readiness.report();
        let reason = &report.checks[0].reason;
        assert!(!report.ready && reason.contains("hockey") && reason.contains("not authorised"), "{reason}");
        telling.told(Sport::Hockey);
        telling.report(begin + UNTOLD_MAX);
        assert!(readiness.report().ready);
    }

    #[test]
    fn a_sport_of_which_too_much_is_unread_does_not_stop_the_others() {
        let backlogs = Backlogs::default();
        backlogs.note(Sport::Hockey, 80, 80);
        backlogs.note(Sport::Football, 79, 80);
        let problem = backlogs.admit(Sport::Hockey).unwrap_err();
        assert_eq!(problem.status.as_u16(), 503);
        assert!(problem.detail.contains("hockey"), "{}", problem.detail);
        assert!(backlogs.admit(Sport::Football).is_ok());
        backlogs.note(Sport::Hockey, 12, 80);
        assert!(backlogs.admit(Sport::Hockey).is_ok());
    }
}
