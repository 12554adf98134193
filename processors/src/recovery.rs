//! Asks providers to send again what was lost: everything of a producer that is alive again and not trusted yet, or one event
//! of which messages are missing. Of all processes one asks: the one that holds the lease in the database.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chassis::lifecycle::Shutdown;
use domain::{Name, Timestamp};
use hyper::StatusCode;
use sqlx::MySqlPool;
use url::Url;

use crate::metrics;
use crate::processor::now;
use crate::store::recovery as store;

mod asking;
mod client;
mod due;
mod products;
mod providers;

use asking::Asking;
use client::Answer;
pub use client::Client;
pub use due::{Asked, Request, Requests, Target, Want};
pub use products::ProductEntry;
use products::Way;
use providers::Address;
pub use providers::{Entry, Providers, TokenEntry};

/// How long a provider may take to answer a request; what it then sends takes as long as it takes.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long the database may take for one round's statements.
const STATEMENTS_MAX: Duration = Duration::from_secs(5);
/// How often the lease is renewed at least, which lasts for several times as long, however seldom anybody is asked.
const ROUND_MAX: Duration = Duration::from_secs(1);
/// For how long a provider that says so by 429, or 503 with `Retry-After`, is not asked: as long as it says, so long at most, and
/// so long where it does not say.
const REST_MAX: Duration = Duration::from_secs(3_600);
const REST: Duration = Duration::from_secs(60);
/// The same of one that does not know our right to ask: nothing but an operator, or the provider, changes that.
const REST_UNAUTHORISED: Duration = Duration::from_secs(300);
/// How much of what was still trusted is asked for again: what was made just before an `alive` may come after it.
const OVERLAP_MICROS: i64 = 10_000_000;

/// How providers are asked.
#[derive(Debug, Clone)]
pub struct RecoverySettings {
    /// Who is asked, and where.
    pub providers: Providers,
    /// With what.
    pub client: Client,
    /// As which of those that share the provider's account, where several do.
    pub node_id: Option<u32>,
    /// The shortest time between two requests to one provider.
    pub every: Duration,
    /// Microseconds in which a recovery that has begun must bring something, else it is asked for again.
    pub silence_micros: i64,
}

/// Asks whenever something is lost, until the process stops.
pub async fn run(pool: MySqlPool, settings: RecoverySettings, shutdown: Shutdown) -> anyhow::Result<()> {
    let lease = store::Lease::new(now());
    let mut asker = Asker { pool, settings, asking: Asking::default(), window: store::Window::default() };
    let mut rounds = tokio::time::interval(asker.settings.every.min(ROUND_MAX));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = shutdown.begun() => return Ok(()),
        }
        if let Err(error) = asker.round(&lease).await {
            // Another one may have asked meanwhile.
            asker.asking.is_ours(false, Instant::now());
            tracing::warn!(error = format!("{error:#}"), "nobody can be asked for a recovery");
        }
        // From the end of one to the beginning of the next.
        rounds.reset();
    }
}

struct Asker {
    pool: MySqlPool,
    settings: RecoverySettings,
    asking: Asking,
    /// The events that the next round looks at.
    window: store::Window,
}

impl Asker {
    /// At most one request to each provider. What they answer is not waited for.
    async fn round(&mut self, lease: &store::Lease) -> anyhow::Result<()> {
        let mut window = self.window.clone();
        let look = async {
            if !lease.hold(&self.pool).await? {
                return anyhow::Ok(None);
            }
            let is_asked = |provider: &Name| self.settings.providers.address(provider).is_some();
            let wants = store::wants(&self.pool, is_asked, &mut window).await?;
            // Before it is read what was asked: who answers after this was not free, and what its answer says has yet to be read.
            let mut free: BTreeSet<Name> =
                wants.iter().map(|want| want.target.source.provider.clone()).collect();
            free.retain(|provider| self.asking.is_free(provider, self.settings.every, Instant::now()));
            let resting = store::resting(&self.pool).await?;
            free.retain(|provider| !resting.contains(provider.as_str()));
            let requests = store::requests(&self.pool).await?;
            let wanted: BTreeSet<&Target> = wants.iter().map(|want| &want.target).collect();
            let is_over = |target: &Target| !wanted.contains(target) && window.decides(target);
            for (target, asked) in requests.iter().filter(|(target, _)| is_over(target)) {
                let asked_at: Vec<Timestamp> = asked.iter().map(|request| request.asked_at).collect();
                store::forget(&self.pool, target, &asked_at).await?;
            }
            Ok(Some((wants, requests, free)))
        };
        let looked = in_time(look).await?;
        self.asking.is_ours(looked.is_some(), Instant::now());
        let Some((wants, requests, free)) = looked else { return Ok(()) };
        self.window = window.next();
        self.asking.reap();
        let is_free = |provider: &Name| free.contains(provider);
        for (want, request) in due::next(&wants, &requests, is_free, now(), self.settings.silence_micros) {
            let given_up = requests.get(&want.target).map(|asked| due::given_up(asked)).unwrap_or_default();
            let note = async {
                let is_ours = lease.write(&self.pool, &want.target, &request).await?;
                if is_ours {
                    store::forget(&self.pool, &want.target, &given_up).await?;
                }
                Ok(is_ours)
            };
            if !in_time(note).await? {
                // This process stood still for so long that another one asks now, perhaps for the same.
                self.asking.is_ours(false, Instant::now());
                tracing::warn!(target = %want.target, "the right to ask was lost before a recovery was asked for");
                return Ok(());
            }
            let asked = self.ask(want, &request)?;
            let client = self.settings.client.clone();
            let (pool, target) = (self.pool.clone(), want.target.clone());
            let provider = target.source.provider.clone();
            self.asking.begin(provider, Instant::now(), async move {
                let outcome = answer(&client, &asked).await;
                let rest = match &outcome {
                    Ok(()) => {
                        tracing::info!(%target, request_id = request.id(), "a recovery has begun");
                        None
                    }
                    Err(NotBegun { error, rest, .. }) => {
                        let error = format!("{error:#}");
                        tracing::warn!(%target, failures = request.failures, error, ?rest, "a recovery has not begun");
                        *rest
                    }
                };
                let rests = async {
                    match rest {
                        Some(rest) => store::note_rest(&pool, &target.source.provider, rest).await,
                        None => Ok(()),
                    }
                };
                // Who takes over asking has to know it, too.
                if let Err(error) = in_time(rests).await {
                    let error = format!("{error:#}");
                    tracing::warn!(%target, error, "another process will not know that the provider is to be left alone");
                }
                let noted = match &outcome {
                    Ok(()) => in_time(store::note_taken(&pool, &target, request.asked_at)).await,
                    Err(NotBegun { is_refused: true, .. }) => {
                        in_time(store::note_refused(&pool, &target, request.asked_at)).await
                    }
                    Err(_) => Ok(()),
                };
                if let Err(error) = noted {
                    let error = format!("{error:#}");
                    tracing::warn!(%target, error, "nobody can be told what a provider answered");
                }
                metrics::recovery_asked(&target.source, outcome.is_ok());
                rest.map(|rest| rest.time)
            });
        }
        Ok(())
    }

    /// Where a provider is asked for something, and with what right.
    fn ask(&self, want: &Want, request: &Request) -> anyhow::Result<Address> {
        let provider = &want.target.source.provider;
        let address = self.settings.providers.address(provider).context("a provider without a URL")?;
        let way = self.settings.providers.way(&want.target.source);
        let url = url(&address.url, want, &way, request, self.settings.node_id)?;
        Ok(Address { url, rights: address.rights.clone() })
    }
}

/// The request for something that is lost. What was lost longer ago than may be asked for is asked for as far back as may be; what
/// was never there comes with everything.
fn url(base: &Url, want: &Want, way: &Way, request: &Request, node_id: Option<u32>) -> anyhow::Result<Url> {
    let event_id = &want.target.event_id;
    let mut url = base.clone();
    {
        let Ok(mut path) = url.path_segments_mut() else { bail!("a URL that can have no path") };
        path.pop_if_empty().extend(["v1", way.path.as_str()]);
        match event_id {
            None => path.extend(["recovery", "initiate_request"]),
            Some(event_id) => path.extend(["odds", "events", event_id.as_str(), "initiate_request"]),
        };
    }
    let oldest = way.window_micros.map(|window| request.asked_at.0 - window + OVERLAP_MICROS);
    let after = (event_id.is_none() && want.trusted_until.0 > OVERLAP_MICROS)
        .then(|| (want.trusted_until.0 - OVERLAP_MICROS).max(oldest.unwrap_or(i64::MIN)));
    let mut query = url.query_pairs_mut();
    if let Some(after) = after {
        query.append_pair("after", &(after / 1_000).to_string());
    }
    query.append_pair("request_id", &request.id().to_string());
    if let Some(node_id) = node_id {
        query.append_pair("node_id", &node_id.to_string());
    }
    drop(query);
    Ok(url)
}

/// Why a recovery has not begun.
#[derive(Debug)]
struct NotBegun {
    error: anyhow::Error,
    /// Whether the provider said so. One that did not answer may have begun all the same, which it shows by what it sends.
    is_refused: bool,
    /// For how long it is not to be asked for anything, where its answer says so.
    rest: Option<Rest>,
}

async fn answer(client: &Client, Address { url, rights }: &Address) -> Result<(), NotBegun> {
    let answer = match tokio::time::timeout(ANSWER_MAX, client.post(url, rights)).await {
        Ok(answer) => answer,
        Err(_) => Err(anyhow::anyhow!("there was no answer in {ANSWER_MAX:?}")),
    };
    let answer = answer.map_err(|error| NotBegun { error, is_refused: false, rest: None })?;
    match answer.status {
        status if status.is_success() => Ok(()),
        status => Err(NotBegun {
            error: match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => anyhow::anyhow!(
                    "the answer is {status}: MATCHDAY_RECOVERY_TOKENS has no token for it, or one that it does not take"
                ),
                _ => anyhow::anyhow!("the answer is {status}"),
            },
            is_refused: true,
            rest: rest(&answer),
        }),
    }
}

/// For how long a provider is left alone.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    /// So long after its answer.
    pub time: Duration,
    /// Why, as it is stored and told.
    pub reason: &'static str,
}

/// For how long a provider that has not taken a request is not to be asked for anything else either.
fn rest(answer: &Answer) -> Option<Rest> {
    let said = answer.retry_after.map(|rest| rest.min(REST_MAX));
    let (time, reason) = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => (Some(said.unwrap_or(REST)), "rate_limited"),
        StatusCode::SERVICE_UNAVAILABLE => (said, "unavailable"),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (Some(REST_UNAUTHORISED), "unauthorised"),
        _ => return None,
    };
    time.map(|time| Rest { time, reason })
}

async fn in_time<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(STATEMENTS_MAX, work).await.context("the database does not answer")?
}

#[cfg(test)]
mod tests {
    use domain::{EventId, Source};

    use super::*;

    #[test]
    fn a_provider_is_left_alone_for_as_long_as_it_says_and_not_for_ever() {
        let rests = |status: u16, seconds: Option<u64>| {
            let status = StatusCode::from_u16(status).unwrap();
            rest(&Answer { status, retry_after: seconds.map(Duration::from_secs) })
                .map(|rest| rest.time.as_secs())
        };
        assert_eq!(rests(429, Some(7)), Some(7));
        assert_eq!(rests(429, None), Some(60), "it does not say");
        assert_eq!(rests(429, Some(u64::MAX)), Some(3_600), "nor for ever");
        assert_eq!((rests(503, Some(20)), rests(503, None)), (Some(20), None));
        assert_eq!((rests(401, None), rests(403, Some(1))), (Some(300), Some(300)));
        assert_eq!(rests(500, Some(5)), None, "that is about this request");
    }

    #[test]
    fn a_request_says_since_when_by_the_providers_clock_and_who_asks() {
        let name = |text| Name::new(text).unwrap();
        let source = Source { provider: name("uof"), producer: name("1") };
        let want = |event: Option<&str>, trusted_until| Want {
            target: Target { source: source.clone(), event_id: event.map(|id| EventId::new(id).unwrap()) },
            since: Timestamp(0),
            trusted_until: Timestamp(trusted_until),
            is_once: false,
            is_waiting: false,
        };
        let base: Url = "http://127.0.0.1:4004/base/".parse().unwrap();
        let asked_at = Timestamp(1_767_225_600_000_123);
        let way = Way::of_product(&source.producer);
        let request = Request { asked_at, is_taken: false, failures: 0, recovered_at: None };
        let of = |want: &Want, node_id| url(&base, want, &way, &request, node_id).unwrap().to_string();
        assert_eq!(
            of(&want(None, 1_767_225_000_000_000), Some(7)),
            "http://127.0.0.1:4004/base/v1/liveodds/recovery/initiate_request?after=1767224990000&request_id=1767225600000123&node_id=7"
        );
        assert_eq!(
            of(&want(None, 0), None),
            "http://127.0.0.1:4004/base/v1/liveodds/recovery/initiate_request?request_id=1767225600000123"
        );
        let window = way.window_micros.unwrap();
        for trusted_until in
            [asked_at.0 - 2 * window, asked_at.0 - window, asked_at.0 - window + 2 * OVERLAP_MICROS]
        {
            let asked = of(&want(None, trusted_until), None);
            assert!(asked.contains("?after=1767189610000&"), "ten hours ago at most: {asked}");
        }
        let later = of(&want(None, asked_at.0 - window + 2 * OVERLAP_MICROS + 1_000), None);
        assert!(later.contains("?after=1767189610001&"), "{later}");
        assert_eq!(
            of(&want(Some("sr:match:4"), 5), None),
            "http://127.0.0.1:4004/base/v1/liveodds/odds/events/sr:match:4/initiate_request?request_id=1767225600000123"
        );
    }
}
