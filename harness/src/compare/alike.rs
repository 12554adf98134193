//! Whether runs are of the same: what else differs between them is no change of the pipeline.

use anyhow::{Result, ensure};

use crate::bundle::Document;

/// Seeds make a few messages more or less of the same rate.
const MESSAGES_APART: u64 = 50;

/// Refuses runs that are not of the same scenario, length, rate and clients; says what else differs. Whether all were on one machine is
/// the answer.
pub(super) fn check_alike(before: &[Document], after: &[Document], say: &impl Fn(&str)) -> Result<bool> {
    let first = &before[0];
    let mut is_one_machine = true;
    for document in before.iter().chain(after) {
        let (one, other) = (&first.scenario, &document.scenario);
        let same = |what: &str, one: String, other: String| {
            ensure!(
                one == other,
                "`{}` and `{}` cannot be compared: {what} {one} and {other}",
                first.name,
                document.name
            );
            Ok(())
        };
        same("their scenarios are", one.name.clone(), other.name.clone())?;
        same("they last, in seconds,", one.seconds.to_string(), other.seconds.to_string())?;
        same("they play so many games:", one.games.to_string(), other.games.to_string())?;
        same("so many clients looked:", clients(first).to_string(), clients(document).to_string())?;
        ensure!(
            one.messages.abs_diff(other.messages) * MESSAGES_APART <= one.messages.max(other.messages),
            "`{}` and `{}` cannot be compared: they sent {} and {} messages, which are other rates",
            first.name,
            document.name,
            one.messages,
            other.messages
        );
        if document.versions.machine != first.versions.machine {
            is_one_machine = false;
            say(&format!(
                "`{}` ran on another machine than `{}` ({}, not {}): what takes time says nothing of the pipeline there",
                document.name, first.name, document.versions.machine, first.versions.machine
            ));
        }
        if document.versions.is_own_stack != first.versions.is_own_stack {
            say(&format!("of `{}` and `{}` only one had a stack of its own", first.name, document.name));
        }
    }
    let (Some(last), Some(next)) = (latest(before), earliest(after)) else { return Ok(is_one_machine) };
    let is_apart = last < next || latest(after) < earliest(before);
    if is_apart && before.len() > 1 && after.len() > 1 {
        say(
            "All runs of one side were before all of the other: what changed on the machine meanwhile counts as a change, too. \
             Repeat them in turns.",
        );
    }
    Ok(is_one_machine)
}

fn clients(document: &Document) -> usize {
    document.places.iter().filter(|part| part.place.starts_with("socket")).count()
}

fn earliest(documents: &[Document]) -> Option<i64> {
    documents.iter().map(|document| document.started_at).min()
}

fn latest(documents: &[Document]) -> Option<i64> {
    documents.iter().map(|document| document.started_at).max()
}
