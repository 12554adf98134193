//! How a scenario file says how a rate goes.

use serde::Deserialize;
use toml::Spanned;

use super::super::SECONDS_MAX;
use super::{Wrong, within};
use crate::profile::{PARTS_MAX, Profile};
use crate::recording::{Counts, Shelf};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Shape {
    Ramp(Ramp),
    Steps(Spanned<Vec<Spanned<f64>>>),
    Recorded(Recorded),
    Sine(Sine),
    Bursts(Bursts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ramp {
    from: Spanned<f64>,
    to: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sine {
    period_seconds: Spanned<f64>,
    depth: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bursts {
    times: Spanned<f64>,
    seconds: Spanned<f64>,
}

/// As the messages of a recording lie in its time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    recording: Spanned<String>,
    per: Part,
}

/// Of what the messages are counted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Second,
    Minute,
    Hour,
}

/// The profile, where all of it is within its bounds.
pub(super) fn profile(shape: Shape, shelf: Option<&Shelf>) -> Result<Profile, Wrong> {
    Ok(match shape {
        Shape::Ramp(Ramp { from, to }) => {
            within(&from, 0.0, 1e9, "from")?;
            within(&to, 0.0, 1e9, "to")?;
            if from.get_ref() + to.get_ref() <= 0.0 {
                return Err(Wrong::at(&to, "a ramp from nothing to nothing has no messages"));
            }
            Profile::Ramp { from: from.into_inner(), to: to.into_inner() }
        }
        Shape::Steps(steps) => {
            if !(1..=PARTS_MAX).contains(&steps.get_ref().len()) {
                return Err(Wrong::at(&steps, format!("there are 1 to {PARTS_MAX} steps")));
            }
            steps.get_ref().iter().try_for_each(|step| within(step, 0.0, 1e9, "a step"))?;
            if steps.get_ref().iter().all(|step| *step.get_ref() == 0.0) {
                return Err(Wrong::at(&steps, "steps that are all 0 have no messages"));
            }
            Profile::Steps(steps.into_inner().into_iter().map(Spanned::into_inner).collect())
        }
        Shape::Recorded(of) => Profile::Recorded(recorded(&of, shelf)?),
        Shape::Sine(Sine { period_seconds, depth }) => {
            within(&period_seconds, 1.0, f64::from(SECONDS_MAX), "period_seconds")?;
            within(&depth, 0.0, 1.0, "depth")?;
            Profile::Sine { period_seconds: period_seconds.into_inner(), depth: depth.into_inner() }
        }
        Shape::Bursts(Bursts { times, seconds }) => {
            within(&times, 1.0, 1_000.0, "times")?;
            within(&seconds, 0.1, 600.0, "seconds")?;
            Profile::Bursts { times: times.into_inner(), seconds: seconds.into_inner() }
        }
    })
}

fn recorded(Recorded { recording, per }: &Recorded, shelf: Option<&Shelf>) -> Result<Counts, Wrong> {
    let name = recording.get_ref();
    let shelf =
        shelf.ok_or_else(|| Wrong::at(recording, format!("`{name}`: recordings cannot be named here")))?;
    let opened = shelf.open(name).map_err(|error| Wrong::at(recording, error.to_string()))?;
    let part_ns = match per {
        Part::Second => 1_000_000_000,
        Part::Minute => 60_000_000_000,
        Part::Hour => 3_600_000_000_000,
    };
    Counts::of(opened, part_ns, PARTS_MAX).map_err(|error| Wrong::at(recording, format!("{name}: {error}")))
}
