//! A case: what is driven through a stack, what must come of it, what happens to the stack meanwhile, and the gates that it is held
//! against. It comes from a scenario, or from a run bundle, which keeps its run's.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::Sport;
use simulator::faults::Quiet;
use simulator::run_ledger::RunLedger;
use simulator::scenario::{READY, Scene, Tempo};
use simulator::{DriveOptions, Scenario, Tape, Token};

use crate::feed::Feed;
use crate::live;
use crate::outage::{self, Backlog, RECOVERY_MAX};
use crate::recoveries::{self, Recoveries, SETTING};
use crate::site::Site;
use crate::stack::{ServiceSpec, pipeline};

pub use kept::{CASE, Kept, Shrunk};

mod kept;

/// How many bytes of messages a bundle's recordings hold, where nothing else is said.
pub const RECORDING_MIB: u32 = 256;
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
    /// How many bytes of messages its bundle may hold.
    pub recording_bytes_max: u64,
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
        if let Some(seconds) = seconds {
            ensure!(
                asked.scenario.tempo == Tempo::Rate,
                "--seconds {seconds}: the games of `{}` have their own pace, and take as long as games do",
                asked.name
            );
            asked.scenario = asked.scenario.lasting(Duration::from_secs(seconds.into()));
        }
        Ok(asked)
    }

    /// What a run bundle's run was asked for.
    ///
    /// # Errors
    /// When the bundle has no scenario that is known here.
    pub fn of_bundle(folder: &Path, kept: &Kept) -> Result<Self> {
        let path = folder.join("scenario.toml");
        let reading = || format!("cannot read {}", path.display());
        let bytes = std::fs::metadata(&path).with_context(reading)?.len();
        ensure!(bytes <= simulator::scenario::BYTES_MAX as u64, "{} is too large", path.display());
        let text = std::fs::read_to_string(&path).with_context(reading)?;
        let mut scenario =
            Scenario::parse(&text).map_err(|error| anyhow::anyhow!("{}:{error}", path.display()))?;
        scenario = scenario.lasting(kept.duration());
        scenario.seed = kept.seed;
        scenario.suffix.clone_from(&kept.suffix);
        for plan in &mut scenario.sports {
            plan.rate = kept.rates.get(plan.sport.as_str()).copied().unwrap_or(plan.rate);
        }
        let least = &mut scenario.gates.messages_per_second_min;
        *least = kept.messages_per_second_min.or(*least);
        Ok(Self { name: kept.scenario.clone(), text, scenario })
    }
}

impl Case {
    /// Plays it. `silence` is how long a stack that is up waits for what is not heard; one of our own is told.
    ///
    /// # Errors
    /// When the scenario asks for more than can be made, or its outages find no room.
    pub fn of(asked: Asked, silence: Option<Duration>) -> Result<Self> {
        let (scene, outages) = (asked.scenario.play(now())?, outage::Plan::of(&asked.scenario)?);
        Ok(Self::made(asked, scene, outages, silence))
    }

    /// A tape in place of what the scenario would play, and these outages in place of those that it would draw. What must come of it
    /// follows from its messages.
    ///
    /// # Errors
    /// When the tape cannot be played.
    pub fn of_tape(
        asked: Asked,
        tape: &Tape,
        outages: outage::Plan,
        silence: Option<Duration>,
    ) -> Result<Self> {
        let scene = tape.scene(&asked.scenario.description)?;
        Ok(Self::made(asked, scene, outages, silence))
    }

    /// The case of a run bundle: from its recordings; where those are not whole, from its scenario and seed. With a suffix it is about
    /// other events, whose ids end in it.
    ///
    /// # Errors
    /// When the folder is no bundle whose case was kept, or that cannot be read.
    pub fn of_bundle(folder: &Path, silence: Option<Duration>, suffix: Option<&str>) -> Result<(Self, Kept)> {
        let kept = Kept::load(folder)?;
        let mut asked = Asked::of_bundle(folder, &kept)?;
        if !kept.recorded.is_whole {
            asked.scenario.suffix.push_str(suffix.unwrap_or_default());
            return Ok((Self::of(asked, silence)?, kept));
        }
        let mut tape = kept.recorded.load(folder)?;
        if let Some(suffix) = suffix {
            tape = tape.afresh(suffix)?;
        }
        Ok((Self::of_tape(asked, &tape, kept.outages.clone(), silence)?, kept))
    }

    fn made(asked: Asked, scene: Scene, outages: outage::Plan, silence: Option<Duration>) -> Self {
        let Asked { name, text, scenario } = asked;
        let (silences, Scene { schedule, ledger }) = (scene.silences(), scene);
        let silence = silence.unwrap_or_else(|| {
            SILENCE_MAX.min(Duration::from_secs(scenario.faults.silence_seconds.into()) * 3 / 5)
        });
        let mut feed = Feed::of_scenario(Arc::new(schedule), &ledger);
        feed.patience.silence_micros = i64::try_from(silence.as_micros()).unwrap_or(i64::MAX);
        let recording_bytes_max = u64::from(RECORDING_MIB) << 20;
        Self { name, text, scenario, ledger, silences, feed, outages, silence, recording_bytes_max }
    }

    /// How long messages do not count for the latency.
    #[must_use]
    pub fn warm_up(&self) -> Duration {
        (self.scenario.duration / WARM_UP_SHARE).min(WARM_UP_MAX)
    }

    /// How many MiB its bundle would have to hold for all of its messages, where it may not hold so many.
    #[must_use]
    pub fn recording_mib_lacking(&self) -> Option<u64> {
        let schedule = &self.feed.schedule;
        let bytes: u64 = (0..schedule.len()).map(|line| schedule.message(line).len() as u64).sum();
        (bytes > self.recording_bytes_max).then(|| bytes.div_ceil(1 << 20))
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

    /// Who answers while it is driven, where a source of it writes without sequences: what it lost is asked for then. Of a
    /// stack that is up, by where its ingestion is, it is where that asks; one of our own is told.
    ///
    /// # Errors
    /// When somebody else listens there.
    pub async fn recoveries(&self, attached: Option<&str>) -> Result<Option<Recoveries>> {
        if recoveries::unnumbered(&self.feed.schedule).is_empty() {
            return Ok(None);
        }
        match attached {
            Some(ingestion) => Recoveries::beside(ingestion).await.map(Some),
            None => Recoveries::listen(0).await.map(Some),
        }
    }

    /// What its stack consists of: processors that wait as long as the scenario takes for granted.
    #[must_use]
    pub fn services(&self, recoveries: Option<&Recoveries>) -> Vec<ServiceSpec> {
        let asked = recoveries.map(|recoveries| (SETTING, recoveries.setting(&self.feed.schedule)));
        let settings = [
            ("MATCHDAY_HOLD_MS", self.scenario.faults.hold_ms.to_string()),
            ("MATCHDAY_PRODUCER_SILENCE_MS", self.silence.as_millis().to_string()),
        ];
        let settings: Vec<_> = settings.into_iter().chain(asked).collect();
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
        options.answers = Arc::new(self.feed.faults.answers());
        options.alive_every = Some(self.silence / 4);
        // What is done to the stack is waited for as long as it may take to recover from it.
        let longest = self.outages.outages.iter().map(|planned| planned.for_ms).max();
        let patience = longest.map_or(Duration::ZERO, |for_ms| Duration::from_millis(for_ms) + RECOVERY_MAX);
        options.patience.give_up_after = options.patience.give_up_after.max(patience);
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
