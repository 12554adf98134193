//! Trials: what is left of a run is driven through a stack, and kept as a bundle where it fails in the same way.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use simulator::schedule::suffix_at;
use tokio::time::Instant;

use super::failure::{self, Failures, list};
use super::{Answer, Cut, WITHOUT_VERDICT_MAX, Way, command};
use crate::attempt::{Attempt, Attempted, Home, Means, NoVerdict};
use crate::case::{Asked, Case, Kept, Shrunk};
use crate::exit::Exit;
use crate::recoveries::Recoveries;
use crate::report::grouped;
use crate::run::Step;
use crate::site::{Site, SiteArgs};
use crate::stack::Say;
use crate::verify::progress::Teller;

/// Where attempts are made.
#[derive(Clone, Copy)]
pub(super) enum Where<'a> {
    /// Each on a stack of its own.
    Own,
    /// All on one that is up, each about other events.
    Attached(&'a SiteArgs),
}

impl<'a> Where<'a> {
    /// Where that is, where it is up.
    fn attached(self) -> Option<&'a SiteArgs> {
        match self {
            Self::Own => None,
            Self::Attached(site) => Some(site),
        }
    }
}

/// All that were made and may still be made.
pub(super) struct Trials<'a> {
    pub(super) home: &'a Home,
    pub(super) place: Where<'a>,
    pub(super) asked: Asked,
    pub(super) clients: u16,
    pub(super) say: Say,
    pub(super) way: Way,
    /// Where the smallest is kept.
    pub(super) output: &'a Path,
    pub(super) shrunk: Shrunk,
    /// How many messages the whole has that its receiver refuses for what was said before.
    pub(super) refusals: usize,
    /// What is in `output`.
    pub(super) smallest: Option<Cut>,
    pub(super) attempts: u32,
    pub(super) attempts_max: u32,
    pub(super) until: Instant,
    /// Attempts in a row that came to no verdict.
    pub(super) without_verdict: u32,
    /// Why none can be made any more.
    pub(super) error: Option<NoVerdict>,
}

impl Trials<'_> {
    /// Tries what is left: whether it fails in the same way. What tells nothing that could be judged was not made to be tried.
    pub(super) async fn attempt(&mut self, cut: &Cut) -> Answer {
        if self.error.is_some() || self.attempts >= self.attempts_max || Instant::now() >= self.until {
            return Answer::Over;
        }
        let is_sound =
            !cut.tape.is_empty() && cut.tape.ends_after_its_gaps() && cut.tape.refusals() <= self.refusals;
        if !is_sound {
            return Answer::Passes;
        }
        let Ok(case) = self.case(cut) else { return Answer::Passes };
        self.attempts += 1;
        let started = Instant::now();
        let found = self.run(cut, &case, false).await;
        let (number, of) = (self.attempts, self.attempts_max);
        let outcome = match &found {
            Ok(found) => said(&self.way, found),
            Err(error) => format!("no verdict: {:#}", error.error),
        };
        (self.say)(&format!(
            "  attempt {number} of {of}, {:>3.0} s: {cut}: {outcome}",
            started.elapsed().as_secs_f64()
        ));
        match found {
            Ok(found) => {
                self.without_verdict = 0;
                if self.way.is(&found) { Answer::Fails } else { Answer::Passes }
            }
            Err(error) => match too_many(&mut self.without_verdict, error) {
                None => Answer::Passes,
                error => {
                    self.error = error;
                    Answer::Over
                }
            },
        }
    }

    /// Runs it until there is a verdict.
    async fn judged(&mut self, cut: &Cut, case: &Case, is_whole: bool) -> Result<Failures, NoVerdict> {
        loop {
            let error = match self.run(cut, case, is_whole).await {
                Ok(found) => {
                    self.without_verdict = 0;
                    return Ok(found);
                }
                Err(error) => error,
            };
            (self.say)(&format!("  no verdict: {:#}", error.error));
            if let Some(error) = too_many(&mut self.without_verdict, error) {
                return Err(error);
            }
        }
    }

    /// Runs the whole until it fails as it did; other names that are wrong then belong to that way.
    pub(super) async fn fails_again(&mut self, whole: &Cut, times: u32) -> Result<bool, NoVerdict> {
        let case = self.case(whole).means(Exit::Usage)?;
        for number in 1..=times {
            (self.say)(&format!("\nThe whole once more ({number} of at most {times})"));
            let found = self.judged(whole, &case, true).await?;
            (self.say)(&format!("  {}", said(&self.way, &found)));
            if self.way.is(&found) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Repeats the smallest; how often of how many times it failed.
    pub(super) async fn repeat(&mut self, cut: &Cut, times: u32) -> Result<(u32, u32), NoVerdict> {
        (self.say)(&format!("\nThe smallest, {times} times more: {cut}"));
        let case = self.case(cut).means(Exit::Usage)?;
        let mut failed = 0;
        for number in 1..=times {
            let found = self.judged(cut, &case, false).await?;
            failed += u32::from(self.way.is(&found));
            (self.say)(&format!("  {number} of {times}: {}", said(&self.way, &found)));
        }
        self.note(|shrunk| (shrunk.repeated, shrunk.failed) = (times, failed)).means(Exit::Internal)?;
        Ok((failed, times))
    }

    fn case(&self, cut: &Cut) -> Result<Case> {
        let mut asked = self.asked.clone();
        asked.scenario.duration = cut.duration();
        Case::of_tape(asked, &cut.tape, cut.outages.clone(), self.silence())
    }

    /// The same about events that no stack has.
    fn afresh(&self, cut: &Cut) -> Result<Case> {
        let now = domain::Timestamp(jiff::Timestamp::now().as_microsecond());
        self.case(&cut.with(cut.tape.afresh(&suffix_at(now))?))
    }

    /// How long the stack waits for what is not heard, where it was told already.
    fn silence(&self) -> Option<Duration> {
        match self.place {
            Where::Own => None,
            Where::Attached(site) => Some(site.silence()),
        }
    }

    /// Drives a case; where it fails in the same way, its bundle is the smallest's. Returns what was wrong. Of the whole, other names
    /// that are wrong beside those belong to that way.
    async fn run(&mut self, cut: &Cut, case: &Case, is_whole: bool) -> Result<Failures, NoVerdict> {
        match self.place {
            Where::Own => {
                let recoveries = case.recoveries(None).await.means(Exit::Environment)?;
                let start = case.start(self.home, recoveries.as_ref(), |_| {});
                let stack = Box::pin(start).await.means(Exit::Environment)?;
                let site = Site::of(&stack).means(Exit::Environment)?;
                let found = self.run_at(cut, (case, case), &site, recoveries.as_ref(), is_whole).await?;
                stack.down().await.means(Exit::Environment)?;
                Ok(found)
            }
            Where::Attached(site) => {
                let afresh = self.afresh(cut).means(Exit::Usage)?;
                let site = afresh.attach(self.home, site).await.means(Exit::Environment)?;
                let recoveries = afresh.recoveries(Some(&site.ingestion)).await.means(Exit::Environment)?;
                self.run_at(cut, (case, &afresh), &site, recoveries.as_ref(), is_whole).await
            }
        }
    }

    async fn run_at(
        &mut self,
        cut: &Cut,
        (case, driven): (&Case, &Case),
        site: &Site<'_>,
        recoveries: Option<&Recoveries>,
        is_whole: bool,
    ) -> Result<Failures, NoVerdict> {
        let attempt = Attempt { case: driven, site, recoveries, clients: self.clients };
        // Where nobody watches, a line for each attempt is enough.
        let mut teller =
            std::io::stdout().is_terminal().then(|| Teller::new(self.say, case.scenario.duration));
        let hear = |step: Step| {
            if let Some(teller) = &mut teller {
                teller.tell(step);
            }
        };
        let attempted = attempt.go(hear).await?.whole()?;
        if let Some(teller) = &mut teller {
            teller.end();
        }
        let found = failure::of_attempt(&attempted);
        if is_whole {
            self.way.widen(&found);
        }
        if self.way.is(&found) {
            self.keep(cut, case, (&attempt, &attempted), &found).means(Exit::Internal)?;
        }
        Ok(found)
    }

    /// Puts the bundle of what was tried into the place of the smallest one so far, whole or not at all.
    fn keep(
        &mut self,
        cut: &Cut,
        case: &Case,
        (attempt, attempted): (&Attempt, &Attempted),
        found: &Failures,
    ) -> Result<()> {
        let name = self.output.file_name().context("the bundle's folder has no name")?;
        let made = beside(self.output, ".new")?;
        let written = made.join(name);
        clear(&made)?;
        let repeat = command(self.output, self.place.attached());
        attempt.write(attempted, &written, repeat)?;
        // What is kept are the events as they were, whatever they were called in this stack.
        let started_at = attempted.outcome.drive.timeline.started_at;
        let mut kept = Kept::save(case, self.clients, started_at, &written)?;
        self.shrunk.failures = found.iter().map(ToString::to_string).collect();
        (self.shrunk.size, self.shrunk.attempts) = (cut.to_string(), self.attempts);
        kept.shrunk = Some(self.shrunk.clone());
        kept.write(&written)?;
        let replaced = beside(self.output, ".old")?;
        clear(&replaced)?;
        let moving = || format!("moving the bundle to {}", self.output.display());
        if self.output.exists() {
            fs::rename(self.output, &replaced).with_context(moving)?;
        }
        fs::rename(&written, self.output).with_context(moving)?;
        clear(&replaced)?;
        clear(&made)?;
        self.smallest = Some(cut.clone());
        Ok(())
    }

    /// Writes into the smallest's bundle how it was found.
    fn note(&mut self, change: impl FnOnce(&mut Shrunk)) -> Result<()> {
        let mut kept = Kept::load(self.output)?;
        self.shrunk.attempts = self.attempts;
        change(&mut self.shrunk);
        kept.shrunk = Some(self.shrunk.clone());
        kept.write(self.output)
    }

    /// Says what was found; `repeated` is how often of how many times the smallest failed, where that is known.
    pub(super) fn tell(&self, repeated: Option<(u32, u32)>) -> Exit {
        let say = self.say;
        let Some(smallest) = &self.smallest else {
            say(match repeated {
                Some(_) => "\nThe whole did not fail again in the same way: there is nothing to cut down.",
                None => "\nInterrupted before the whole had failed again: nothing was cut down.",
            });
            return Exit::Inconclusive;
        };
        say(&format!("\nBefore: {}", self.shrunk.size_before));
        say(&format!("After:  {smallest}, in {} attempts", grouped(self.attempts.into())));
        if repeated.is_some() && (self.attempts >= self.attempts_max || Instant::now() >= self.until) {
            say("No attempt was left, or no time: there may be a smaller one.");
        }
        say(&format!("It fails like this: {}", self.shrunk.failures.join(", ")));
        if let Some((failed, times)) = repeated {
            say(&format!("Repeated, it failed {failed} of {times} times."));
        }
        say(&format!("Everything that is known of it: {}", self.output.display()));
        say(&format!("To repeat it: {}", command(self.output, self.place.attached())));
        match repeated {
            Some((0, _)) => Exit::Inconclusive,
            _ => Exit::Pass,
        }
    }
}

/// Counts one more run in a row without a verdict; gives back why none can be made any more, where there were too many. Whatever each of
/// them had, it was no verdict: that nothing can be said of the runs is the environment's doing, unless it is our own.
fn too_many(without_verdict: &mut u32, NoVerdict { exit, error }: NoVerdict) -> Option<NoVerdict> {
    *without_verdict += 1;
    let exit = if exit == Exit::Correctness { Exit::Environment } else { exit };
    (*without_verdict >= WITHOUT_VERDICT_MAX).then_some(NoVerdict { exit, error })
}

/// Whether that is the same way, and what it is.
fn said(way: &Way, found: &Failures) -> String {
    match (way.is(found), found.is_empty()) {
        (true, _) => format!("fails the same way ({})", list(found)),
        (false, true) => "nothing is wrong".to_owned(),
        (false, false) => format!("fails in another way ({})", list(found)),
    }
}

/// A hidden folder beside another one.
fn beside(folder: &Path, ending: &str) -> Result<PathBuf> {
    let name = folder.file_name().context("the bundle's folder has no name")?.to_string_lossy();
    Ok(folder.with_file_name(format!(".{name}{ending}")))
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_without_a_verdict_ends_nothing_and_three_in_a_row_are_no_anomaly() {
        let none = |exit| NoVerdict { exit, error: anyhow::anyhow!("a service died") };
        let mut without_verdict = 0;
        let mut ended = |exit| too_many(&mut without_verdict, none(exit)).map(|error| error.exit);
        assert_eq!(ended(Exit::Correctness), None);
        assert_eq!(ended(Exit::Correctness), None);
        assert_eq!(ended(Exit::Correctness), Some(Exit::Environment));
        assert_eq!(ended(Exit::Internal), Some(Exit::Internal));
    }
}
