//! `case.json`: what a run bundle's case was, so that it can be driven once more. Its messages are in the recordings beside it, the
//! scenario's text in `scenario.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use simulator::tape::{self, Reel};

use super::Case;
use crate::outage;

/// The file of [`Kept`].
pub const CASE: &str = "case.json";
/// The version of [`Kept`]: another minor version only adds fields.
pub const SCHEMA: &str = "1.1";

/// `case.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// `SCHEMA`.
    pub schema: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed from which all of it follows.
    pub seed: u64,
    /// How long it takes to send it.
    pub seconds: f64,
    /// How many messages a second each sport had, by its name: its scenario's, or what was asked for; empty of a bundle before 1.1. Since 1.1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rates: BTreeMap<String, u32>,
    /// What the ids of its events end in, where they are others than its scenario's. Since 1.1.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// How many messages a second must have been accepted; absent where nothing is said. Since 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_per_second_min: Option<f64>,
    /// How many clients looked.
    pub clients: u16,
    /// What happens to the stack.
    pub outages: outage::Plan,
    /// The messages, and what goes wrong in them.
    pub recorded: Reel,
    /// What it was cut from; absent where it was not cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
}

/// What a case was cut from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// The bundle.
    pub from: String,
    /// The names of what is wrong in it.
    pub failures: Vec<String>,
    /// How many messages, events, faults and outages that had.
    pub size_before: String,
    /// How many it has.
    pub size: String,
    /// How many runs it took to find it.
    pub attempts: u32,
    /// How often it was repeated at the end.
    pub repeated: u32,
    /// How often of those it failed in the same way.
    pub failed: u32,
}

impl Kept {
    /// Writes a case into its bundle's folder, its recordings as they went in a run that began then.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(case: &Case, clients: u16, started_at: Timestamp, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let (schedule, bytes_max) = (&case.feed.schedule, case.recording_bytes_max);
        let kept = Self {
            schema: SCHEMA.to_owned(),
            scenario: case.name.clone(),
            seed: case.scenario.seed,
            seconds: case.scenario.duration.as_secs_f64(),
            rates: case.scenario.sports.iter().map(|plan| (plan.sport.to_string(), plan.rate)).collect(),
            suffix: case.scenario.suffix.clone(),
            messages_per_second_min: case.scenario.gates.messages_per_second_min,
            clients,
            outages: case.outages.clone(),
            recorded: tape::save(schedule, &case.ledger.faults, started_at, folder, bytes_max)?,
            shrunk: None,
        };
        kept.write(folder)?;
        Ok(kept)
    }

    /// Writes the file itself.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(CASE);
        let json = serde_json::to_vec_pretty(self).context("the case as JSON")?;
        fs::write(&path, json).with_context(|| format!("writing {}", path.display()))
    }

    /// Reads it from a bundle.
    ///
    /// # Errors
    /// When there is none that is known here.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(CASE);
        let bytes = fs::read(&path)
            .with_context(|| format!("{} is no run bundle whose case was kept", folder.display()))?;
        let kept: Self =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is no case", path.display()))?;
        let is_known = kept.schema.split_once('.').is_some_and(|(major, _)| major == "1");
        ensure!(is_known, "{} is of version {}; {SCHEMA} is known here", path.display(), kept.schema);
        ensure!(
            kept.seconds.is_finite() && (0.0..=86_400.0).contains(&kept.seconds),
            "{} takes {} seconds",
            path.display(),
            kept.seconds
        );
        Ok(kept)
    }

    /// How long it takes to send it.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Asked;

    #[test]
    fn a_case_is_the_same_when_it_comes_out_of_its_bundle() {
        let folder = tempfile::tempdir().unwrap();
        let mut case = Case::of(Asked::load("kill-processors", Some(5), None).unwrap(), None).unwrap();
        let kept = Kept::save(&case, 3, Timestamp(1_760_000_000_000_000), folder.path()).unwrap();
        fs::write(folder.path().join("scenario.toml"), &case.text).unwrap();
        assert_eq!(Kept::load(folder.path()).unwrap(), kept);
        let (again, read) = Case::of_bundle(folder.path(), None, None).unwrap();
        assert_eq!(read, kept);
        assert_eq!((&again.name, &again.outages, again.silence), (&case.name, &case.outages, case.silence));
        assert_eq!(again.scenario, case.scenario);
        assert_eq!(again.feed.schedule.len(), case.feed.schedule.len());
        assert_eq!(again.feed.expected, case.feed.expected);
        // What has no room for all its messages is played from its scenario; that is known before the run.
        assert_eq!(case.recording_mib_lacking(), None);
        let schedule = &case.feed.schedule;
        let all: usize = (0..schedule.len()).map(|line| schedule.message(line).len()).sum();
        case.recording_bytes_max = all as u64;
        let kept = Kept::save(&case, 3, Timestamp(1_760_000_000_000_000), folder.path()).unwrap();
        assert!(kept.recorded.is_whole && case.recording_mib_lacking().is_none());
        case.recording_bytes_max -= 1;
        assert_eq!(case.recording_mib_lacking(), Some((all as u64).div_ceil(1 << 20)));
        let kept = Kept::save(&case, 3, Timestamp(1_760_000_000_000_000), folder.path()).unwrap();
        assert!(!kept.recorded.is_whole);
        let (again, _) = Case::of_bundle(folder.path(), None, None).unwrap();
        assert_eq!(again.feed.schedule.len(), case.feed.schedule.len());
    }

    #[test]
    fn a_run_at_another_rate_and_about_other_events_is_repeated_so_where_its_recordings_were_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = Asked::load("steady-hockey", None, Some(2)).unwrap();
        crate::rate::set(&mut asked.scenario, 333).unwrap();
        asked.scenario.suffix = "-step3".to_owned();
        let mut case = Case::of(asked, None).unwrap();
        case.scenario.gates.messages_per_second_min = Some(300.0);
        case.recording_bytes_max = 10_000;
        let kept = Kept::save(&case, 2, Timestamp(1_760_000_000_000_000), folder.path()).unwrap();
        fs::write(folder.path().join("scenario.toml"), &case.text).unwrap();
        assert!(!kept.recorded.is_whole);
        let (again, _) = Case::of_bundle(folder.path(), None, None).unwrap();
        assert_eq!(again.scenario, case.scenario);
        assert_eq!(again.feed.schedule.len(), case.feed.schedule.len());
        assert!(again.feed.expected.keys().eq(case.feed.expected.keys()), "the same events");
        let (others, _) = Case::of_bundle(folder.path(), None, Some("-again")).unwrap();
        assert!(others.feed.expected.keys().all(|id| id.ends_with("-step3-again")));
        // A bundle from before says nothing of it.
        let mut old: serde_json::Value = serde_json::to_value(&kept).unwrap();
        old["schema"] = "1.0".into();
        for name in ["rates", "suffix", "messages_per_second_min"] {
            old.as_object_mut().unwrap().remove(name);
        }
        fs::write(folder.path().join(CASE), old.to_string()).unwrap();
        let (old, _) = Case::of_bundle(folder.path(), None, None).unwrap();
        assert_ne!(old.scenario, case.scenario);
    }

    #[test]
    fn what_is_no_case_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = format!("{:#}", Kept::load(folder.path()).unwrap_err());
        assert!(error.contains("is no run bundle whose case was kept"), "{error}");
        fs::write(folder.path().join(CASE), "{}").unwrap();
        let error = format!("{:#}", Kept::load(folder.path()).unwrap_err());
        assert!(error.contains("case.json is no case: missing field"), "{error}");
    }
}
