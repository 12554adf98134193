//! A case: what is driven through a stack, what must come of it, what happens to the stack meanwhile, and the gates that it is held
//! against.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use domain::Sport;
use simulator::faults::Quiet;
use simulator::run_ledger::RunLedger;
use simulator::scenario::{READY, Scene};
use simulator::{DriveOptions, Scenario, Token};

use crate::feed::Feed;
use crate::live;
use crate::outage::{self, Backlog};
use crate::site::Site;
use crate::stack::{ServiceSpec, pipeline};

/// The longest warm-up, and the share of the run that it takes where that is shorter.
const WARM_UP_MAX: Duration = Duration::from_secs(5);
const WARM_UP_SHARE: u32 = 10;
/// How long a producer may be silent until a stack of our own takes notice, where the scenario's silences are long enough.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// A scenario as somebody asks for it: another seed, length or rate than its file's may be in it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// The text of its file.
    pub text: String,
    /// What is to be played.
    pub scenario: Scenario,
}

/// A scenario that is ready to be driven.
#[derive(Debug, Clone)]
pub struct Case {
    /// The scenario's name.
    pub name: String,
    /// The text of its file.
    pub text: String,
    /// Who tells what of which sports, and the gates.
    pub scenario: Scenario,
    /// What was decided of its messages before they are sent.
    pub ledger: RunLedger,
    /// Who says nothing when.
    pub silences: Vec<Quiet>,
    /// What goes in, and what must come of it.
    pub feed: Feed,
    /// What happens to the stack meanwhile.
    pub outages: outage::Plan,
    /// How long the stack waits for what is not heard.
    pub silence: Duration,
}

impl Asked {
    /// A scenario's file, or the ready-made one of that name.
    ///
    /// # Errors
    /// When there is neither, or what is there is no scenario.
    pub fn load(scenario: &str, seed: Option<u64>, seconds: Option<u32>) -> Result<Self> {
        let path = Path::new(scenario);
        let name =
            path.file_stem().map_or_else(|| scenario.to_owned(), |name| name.to_string_lossy().into_owned());
        let ready = || READY.iter().find(|ready| ready.name == scenario).map(|ready| ready.text.to_owned());
        let mut asked = Self {
            name,
            scenario: Scenario::load(scenario)?,
            text: std::fs::read_to_string(path).ok().or_else(ready).context("the scenario is gone")?,
        };
        asked.scenario.seed = seed.unwrap_or(asked.scenario.seed);
        asked.scenario.duration =
            seconds.map_or(asked.scenario.duration, |seconds| Duration::from_secs(seconds.into()));
        Ok(asked)
    }
}

impl Case {
    /// Plays it. `silence` is how long a stack that is up waits for what is not heard; one of our own is told.
    ///
    /// # Errors
    /// When the scenario asks for more than can be made, or its outages find no room.
    pub fn of(asked: Asked, silence: Option<Duration>) -> Result<Self> {
        let Asked { name, text, scenario } = asked;
        let scene = scenario.play(now())?;
        let (silences, Scene { schedule, ledger }) = (scene.silences(), scene);
        let silence = silence.unwrap_or_else(|| {
            SILENCE_MAX.min(Duration::from_secs(scenario.faults.silence_seconds.into()) * 3 / 5)
        });
        let mut feed = Feed::of_scenario(Arc::new(schedule), &ledger);
        feed.patience.silence_micros = i64::try_from(silence.as_micros()).unwrap_or(i64::MAX);
        let outages = outage::Plan::of(&scenario)?;
        feed.oracle.is_disturbed = !outages.outages.is_empty();
        Ok(Self { name, text, scenario, ledger, silences, feed, outages, silence })
    }

    /// How long messages do not count for the latency.
    #[must_use]
    pub fn warm_up(&self) -> Duration {
        (self.scenario.duration / WARM_UP_SHARE).min(WARM_UP_MAX)
    }

    /// What is said of it while it goes.
    #[must_use]
    pub fn about(&self) -> live::About<'_> {
        live::About {
            name: &self.name,
            scenario: &self.scenario,
            messages: self.feed.schedule.len() as u64,
            faults: &self.ledger.faults.faults,
            outages: &self.outages.outages,
        }
    }

    /// What is played.
    #[must_use]
    pub fn sports(&self) -> Vec<Sport> {
        self.scenario.sports.iter().map(|plan| plan.sport).collect()
    }

    /// What its stack consists of: processors that wait as long as the scenario takes for granted.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceSpec> {
        let settings = [
            ("MATCHDAY_HOLD_MS", self.scenario.faults.hold_ms.to_string()),
            ("MATCHDAY_PRODUCER_SILENCE_MS", self.silence.as_millis().to_string()),
        ];
        let mut services = pipeline(&self.sports());
        for service in services.iter_mut().filter(|service| service.name.starts_with("processors-")) {
            let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            service.env.extend(settings);
        }
        services
    }

    /// How it is sent to a stack.
    ///
    /// # Errors
    /// When the stack's token is none that can be sent.
    pub fn options(&self, site: &Site) -> Result<DriveOptions> {
        let token =
            |text: String| text.parse::<Token>().map_err(|_| anyhow::anyhow!("a token is no header's value"));
        let mut options = DriveOptions::to(&site.ingestion);
        options.silences.clone_from(&self.silences);
        options.alive_every = Some(self.silence / 4);
        options.progress_every = Backlog::TELL_EVERY;
        if let Some(first) = &site.token {
            options.token = Some(token(first.clone())?);
            // Those of our own stacks are made of the first one's.
            let others = self.scenario.producers.iter().filter(|_| site.own().is_some());
            for provider in others.map(|teller| &teller.provider).filter(|provider| provider.as_str() != "md")
            {
                options.tokens.insert(provider.clone(), token(format!("{first}-{provider}"))?);
            }
        }
        Ok(options)
    }
}

/// The wall clock.
fn now() -> domain::Timestamp {
    domain::Timestamp(jiff::Timestamp::now().as_microsecond())
}
