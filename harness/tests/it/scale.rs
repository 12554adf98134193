//! More than one process of a service: two processors of a sport and two distributions share the load, and of each the one that
//! is left carries all of it when the other is killed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::{Sport, Timestamp};
use futures_util::future::try_join_all;
use harness::feed::Feed;
use harness::init::InitConfig;
use harness::observe::socket::{Client, End, Seen};
use harness::report::report;
use harness::run::{judge, run, settle};
use harness::stack::{DISTRIBUTION, Stack, pipeline, processors_name};
use simulator::DriveOptions;
use simulator::world::{Formats, Pace, Plan};

use crate::support::metric::metric_at;
use crate::support::{committed, guest, until};

/// What is found with one seed is found again with it.
const SEED: u64 = 61;
const SPORT: Sport = Sport::Football;
/// Clients of each distribution.
const CLIENTS: u32 = 3;
/// How long anything may take to be noticed on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Two of each, by their names.
struct Pairs {
    processors: [String; 2],
    distributions: [String; 2],
}

/// A client that lost its server, went on at the other, and may have needed so many images until then.
struct Moved {
    client: Client,
    images: u64,
}

impl Pairs {
    /// Adds the second of each.
    async fn complete(stack: &Stack) -> Result<Self> {
        Ok(Self {
            processors: [processors_name(SPORT), stack.add_processors(SPORT).await?],
            distributions: [DISTRIBUTION.to_owned(), stack.add_distribution().await?],
        })
    }

    /// Waits until every one of them has its share, and has done some of the work.
    async fn all_work(&self, stack: &Stack) -> Result<()> {
        for name in &self.processors {
            let half = Some(f64::from(InitConfig::PARTITIONS / 2));
            // Who has just been given them has written nothing yet.
            until("processors to have half of the partitions each, and to write", DEADLINE, async || {
                Ok(partitions(stack, name).await? == half && applied(stack, name).await? > Some(0.0))
            })
            .await?;
        }
        // The first has the run's own client, too.
        for (name, sockets) in self.distributions.iter().zip([CLIENTS + 1, CLIENTS]) {
            until("every socket to be there, and to be told something", DEADLINE, async || {
                let found = value(stack, name, "matchday_distribution_sessions").await?;
                let frames = value(stack, name, "matchday_distribution_frames_total").await?;
                Ok(found == Some(f64::from(sockets)) && frames > Some(0.0))
            })
            .await?;
        }
        Ok(())
    }
}

async fn value(stack: &Stack, service: &str, metric: &str) -> Result<Option<f64>> {
    metric_at(&stack.url(service, 0)?, metric).await
}

async fn partitions(stack: &Stack, processors: &str) -> Result<Option<f64>> {
    value(stack, processors, "matchday_processor_partitions_owned").await
}

async fn applied(stack: &Stack, processors: &str) -> Result<Option<f64>> {
    value(stack, processors, r#"matchday_processor_messages_total{outcome="applied"}"#).await
}

async fn subscribe(stack: &Stack, distribution: &str) -> Result<Vec<Client>> {
    let url = stack.url(distribution, 1)?;
    try_join_all((0..CLIENTS).map(|_| Client::subscribe(&url, SPORT.as_str(), Seen::default()))).await
}

/// Goes on at another server with what the one that died had told. It must know how to go on from there, although it may have known
/// less, but where what it was told was of no version.
async fn go_on(client: Client, url: &str) -> Result<Moved> {
    let ended = tokio::time::timeout(DEADLINE, client.ended()).await;
    let (seen, end) = ended.context("the connection outlives its server")??;
    ensure!(matches!(end, End::Broke(_)), "{end}");
    ensure!(!seen.arrivals.is_empty(), "it was told nothing before");
    let images = seen.images + seen.silent.len() as u64;
    Ok(Moved { client: Client::subscribe(url, SPORT.as_str(), seen).await?, images })
}

fn feed() -> Feed {
    println!("seed {SEED}");
    let plan = Plan {
        seed: SEED,
        sports: vec![SPORT],
        games: 12,
        formats: Formats::Half,
        pace: Pace::Even { messages_per_game: 1_000, duration: Duration::from_secs(24) },
        start: Timestamp(1_767_225_600_000_000),
    };
    Feed::played(&plan).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processors_of_a_sport_and_two_distributions_share_the_load_and_one_of_each_may_die() {
    let folder = tempfile::tempdir().unwrap();
    let stack = guest(folder.path().join("stacks"), "scale", pipeline(&[SPORT])).await;
    let feed = feed();
    let pairs = Pairs::complete(&stack).await.unwrap();
    let [stays, dies] = &pairs.distributions;
    let stayed = subscribe(&stack, stays).await.unwrap();
    let to_move = subscribe(&stack, dies).await.unwrap();
    let mut moved = Vec::new();
    let mut of_survivor = None;
    let disturb = async {
        committed(&stack, &feed, 20).await?;
        pairs.all_work(&stack).await?;
        // So that the clients of the one that dies were told more than the one that stays knows when they come to it.
        let slower = stack.process(stays)?;
        slower.pause()?;
        committed(&stack, &feed, 25).await?;
        stack.process(dies)?.kill()?;
        let url = stack.url(stays, 1)?;
        let move_on = try_join_all(to_move.into_iter().map(|client| go_on(client, &url)));
        let go_on_later = async {
            committed(&stack, &feed, 30).await?;
            slower.resume()
        };
        (moved, ()) = tokio::try_join!(move_on, go_on_later)?;
        committed(&stack, &feed, 40).await?;
        // The one that was there first, so that what it had goes to the other.
        let [dies, survives] = &pairs.processors;
        of_survivor = applied(&stack, survives).await?;
        stack.process(dies)?.kill()?;
        until("the other to have every partition", DEADLINE, async || {
            Ok(partitions(&stack, survives).await? == Some(f64::from(InitConfig::PARTITIONS)))
        })
        .await
    };
    let options = DriveOptions::to(stack.ingestion_url().unwrap());
    let outcome = run(&stack, &feed, &options, |_| {}, disturb).await.unwrap();
    assert!(outcome.is_pass(), "{}", report(&outcome));
    assert!(applied(&stack, &pairs.processors[1]).await.unwrap() > of_survivor);

    let places = stack.places().unwrap();
    let mut seen = Vec::new();
    for client in stayed {
        settle(&places, &feed, std::slice::from_ref(&client)).await.unwrap();
        seen.push(("a client that stayed", client.cut().await.unwrap()));
    }
    for Moved { client, images } in moved {
        settle(&places, &feed, std::slice::from_ref(&client)).await.unwrap();
        let moved = client.cut().await.unwrap();
        assert_eq!(moved.images, images, "a client that goes on needs no image");
        seen.push(("a client that moved", moved));
    }
    assert_eq!(seen.len(), 2 * CLIENTS as usize);
    let seen: Vec<(&str, &Seen)> = seen.iter().map(|(name, seen)| (*name, seen)).collect();
    let verdict = judge(&places, &feed, &seen).await.unwrap();
    println!("{} values compared, {} differ", verdict.compared(), verdict.anomalies.total());
    assert!(verdict.is_pass(), "{:?}", verdict.anomalies);
    stack.down().await.unwrap();
}
