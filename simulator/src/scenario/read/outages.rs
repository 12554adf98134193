//! How `[[outages]]` are read: what can happen to which part, when, and for how long.

use std::time::Duration;

use domain::Sport;
use serde::Deserialize;
use toml::Spanned;

use super::{Wrong, within};
use crate::scenario::outages::{OUTAGES_MAX, Outage, OutageKind, Part, When};

/// How long a delay may be, in milliseconds.
const LATENCY_MS_MAX: u32 = 60_000;
/// The widest of narrow ways, in KiB a second.
const KIB_PER_SECOND_MAX: u32 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutageTable {
    target: Spanned<Part>,
    #[serde(default)]
    from: Option<Spanned<Part>>,
    kind: Spanned<KindName>,
    #[serde(default)]
    at_seconds: Option<Spanned<f64>>,
    #[serde(default)]
    between_seconds: Option<Spanned<[Spanned<f64>; 2]>>,
    #[serde(default)]
    for_seconds: Option<Spanned<f64>>,
    #[serde(default)]
    latency_ms: Option<Spanned<u32>>,
    #[serde(default)]
    kib_per_second: Option<Spanned<u32>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum KindName {
    Kill,
    Pause,
    Restart,
    Flush,
    Rebalance,
    Slow,
    Throttle,
    Cut,
    HalfOpen,
}

/// Checks them all. `seconds` is how long the scenario takes, `sports` what it plays.
pub(super) fn outages(
    tables: Option<Spanned<Vec<Spanned<OutageTable>>>>,
    seconds: f64,
    sports: &[Sport],
) -> Result<Vec<Outage>, Wrong> {
    let Some(tables) = tables else { return Ok(Vec::new()) };
    if tables.get_ref().len() > OUTAGES_MAX {
        return Err(Wrong::at(&tables, format!("there are at most {OUTAGES_MAX} outages")));
    }
    let mut outages: Vec<Outage> = Vec::new();
    for table in tables.into_inner() {
        let span = table.span();
        let found = outage(table, seconds, sports)?;
        if let Some(other) = outages.iter().find(|other| overlap(other, &found)) {
            let detail = format!(
                "it happens while another outage of {}, `{}`, lasts",
                found.target,
                other.kind.as_str()
            );
            return Err(Wrong { span, detail });
        }
        outages.push(found);
    }
    Ok(outages)
}

/// Whether two happen to the same part, or on the same way, at the same time as far as that is fixed.
fn overlap(one: &Outage, other: &Outage) -> bool {
    let (When::At(first), When::At(second)) = (one.at, other.at) else { return false };
    one.concerns_same(other) && first < second + other.lasts && second < first + one.lasts
}

fn outage(table: Spanned<OutageTable>, seconds: f64, sports: &[Sport]) -> Result<Outage, Wrong> {
    let span = table.span();
    let table = table.into_inner();
    let kind = kind(&table)?;
    target(&table, kind, sports)?;
    let from = table.from.as_ref().map(|from| *from.get_ref());
    if let Some(from) = &table.from {
        way(from, *table.target.get_ref(), kind, sports)?;
    }
    let lasts = lasts(&table, kind, span.clone(), seconds)?;
    let last = seconds - lasts;
    let at = match (&table.at_seconds, &table.between_seconds) {
        (Some(at), None) => {
            within(at, 0.0, last, "at_seconds, so that it ends with the run")?;
            When::At(Duration::from_secs_f64(*at.get_ref()))
        }
        (None, Some(window)) => {
            let [from, to] = window.get_ref();
            within(from, 0.0, last, "the window's begin, so that it ends with the run")?;
            within(to, *from.get_ref(), last, "the window's end, so that it ends with the run")?;
            When::Between(Duration::from_secs_f64(*from.get_ref()), Duration::from_secs_f64(*to.get_ref()))
        }
        _ => {
            let detail = "either at_seconds or between_seconds says when it begins".to_owned();
            return Err(Wrong { span, detail });
        }
    };
    let lasts = Duration::from_secs_f64(lasts);
    Ok(Outage { target: *table.target.get_ref(), from, kind, at, lasts })
}

fn kind(table: &OutageTable) -> Result<OutageKind, Wrong> {
    let name = *table.kind.get_ref();
    let (OutageTable { latency_ms, kib_per_second, .. }, only) =
        (table, |value: &Spanned<u32>, kind| Err(Wrong::at(value, format!("only of an outage `{kind}`"))));
    match (latency_ms, kib_per_second) {
        (Some(value), _) if name != KindName::Slow => return only(value, "slow"),
        (_, Some(value)) if name != KindName::Throttle => return only(value, "throttle"),
        _ => {}
    }
    Ok(match name {
        KindName::Kill => OutageKind::Kill,
        KindName::Pause => OutageKind::Pause,
        KindName::Restart => OutageKind::Restart,
        KindName::Flush => OutageKind::Flush,
        KindName::Rebalance => OutageKind::Rebalance,
        KindName::Cut => OutageKind::Cut,
        KindName::HalfOpen => OutageKind::HalfOpen,
        KindName::Slow => {
            let value = latency_ms
                .as_ref()
                .ok_or_else(|| Wrong::at(&table.kind, "latency_ms says how slow the way is"))?;
            within(value, 1, LATENCY_MS_MAX, "latency_ms")?;
            OutageKind::Slow { latency_ms: *value.get_ref() }
        }
        KindName::Throttle => {
            let value = kib_per_second
                .as_ref()
                .ok_or_else(|| Wrong::at(&table.kind, "kib_per_second says how narrow the way is"))?;
            within(value, 1, KIB_PER_SECOND_MAX, "kib_per_second")?;
            OutageKind::Throttle { kib_per_second: *value.get_ref() }
        }
    })
}

/// Whether that can happen to this part.
fn target(table: &OutageTable, kind: OutageKind, sports: &[Sport]) -> Result<(), Wrong> {
    let target = *table.target.get_ref();
    let wrong = |detail: String| Err(Wrong::at(&table.target, detail));
    if !target.is_process() {
        return wrong(format!("{target} is no part of the stack that could fail"));
    }
    is_played(&table.target, sports)?;
    match kind {
        OutageKind::Flush if target != Part::Redis => wrong(format!("only redis is flushed, not {target}")),
        OutageKind::Rebalance if !matches!(target, Part::Processors(_)) => {
            wrong(format!("only processors share partitions, {target} does not"))
        }
        _ if kind.is_on_the_way() && matches!(target, Part::Processors(_)) => {
            wrong(format!("nobody connects to {target}: kafka, mysql and redis are between the services"))
        }
        _ => Ok(()),
    }
}

/// Whether there is a way from here to the target.
fn way(from: &Spanned<Part>, target: Part, kind: OutageKind, sports: &[Sport]) -> Result<(), Wrong> {
    if !kind.is_on_the_way() {
        let detail = format!(
            "only of what happens on a way: slow, throttle, cut, half_open; not of `{}`",
            kind.as_str()
        );
        return Err(Wrong::at(from, detail));
    }
    is_played(from, sports)?;
    let part = *from.get_ref();
    let is_way = match target {
        Part::Ingestion => part == Part::Provider,
        Part::Distribution => part == Part::Clients,
        _ => part.is_process() && !part.is_store(),
    };
    if is_way { Ok(()) } else { Err(Wrong::at(from, format!("{part} does not connect to {target}"))) }
}

fn is_played(part: &Spanned<Part>, sports: &[Sport]) -> Result<(), Wrong> {
    match *part.get_ref() {
        Part::Processors(sport) if !sports.contains(&sport) => {
            Err(Wrong::at(part, format!("no {sport} is played")))
        }
        _ => Ok(()),
    }
}

/// How long it lasts, in seconds.
fn lasts(
    table: &OutageTable,
    kind: OutageKind,
    span: std::ops::Range<usize>,
    seconds: f64,
) -> Result<f64, Wrong> {
    match (kind, &table.for_seconds) {
        (OutageKind::Flush, Some(value)) => Err(Wrong::at(value, "a flush is over at once")),
        (OutageKind::Flush | OutageKind::Kill | OutageKind::Restart, None) => Ok(0.0),
        (_, Some(value)) => {
            let least = if matches!(kind, OutageKind::Kill | OutageKind::Restart) { 0.0 } else { 0.1 };
            within(value, least, seconds, "for_seconds").map(|()| *value.get_ref())
        }
        (_, None) => Err(Wrong { span, detail: "for_seconds says how long it lasts".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;
    use crate::scenario::outages::{Outage, OutageKind, Part, When};
    use domain::Sport;
    use std::time::Duration;

    const WHOLE: &str = r#"
description = "Everything that can happen"
seed = 7
seconds = 60
sports.hockey = { games = 2, rate = 100 }

[[outages]]
target = "processors-hockey"
kind = "kill"
at_seconds = 5

[[outages]]
target = "mysql"
from = "processors-hockey"
kind = "slow"
latency_ms = 40
between_seconds = [10, 20.5]
for_seconds = 8
"#;

    #[test]
    fn what_goes_wrong_in_the_stack_is_read() {
        let seconds = Duration::from_secs_f64;
        let (kill, slow) = (OutageKind::Kill, OutageKind::Slow { latency_ms: 40 });
        let processors = Part::Processors(Sport::Hockey);
        let outage = |target, from, kind, at, lasts| Outage { target, from, kind, at, lasts: seconds(lasts) };
        assert_eq!(
            Scenario::parse(WHOLE).unwrap().outages,
            [
                outage(processors, None, kill, When::At(seconds(5.0)), 0.0),
                outage(Part::Mysql, Some(processors), slow, When::Between(seconds(10.0), seconds(20.5)), 8.0),
            ]
        );
    }

    #[test]
    fn what_cannot_happen_is_said_with_its_line_and_column() {
        for (from, to, error) in [
            (
                "\"mysql\"",
                "\"oracle\"",
                "13:10: `oracle` is no part of a stack: ingestion, processors-<sport>",
            ),
            ("\"mysql\"", "\"clients\"", "13:10: clients is no part of the stack that could fail"),
            ("\"mysql\"", "\"ingestion\"", "14:8: processors-hockey does not connect to ingestion"),
            ("\"mysql\"", "\"processors-hockey\"", "13:10: nobody connects to processors-hockey"),
            (
                "processors-hockey\"\nkind = \"k",
                "processors-tennis\"\nkind = \"k",
                "8:10: no tennis is played",
            ),
            ("\"kill\"", "\"explode\"", "9:8: unknown variant `explode`, expected one of `kill`, `pause`"),
            ("\"kill\"", "\"flush\"", "8:10: only redis is flushed, not processors-hockey"),
            ("\"kill\"", "\"pause\"", "7:1: for_seconds says how long it lasts"),
            ("\"slow\"", "\"kill\"", "16:14: only of an outage `slow`"),
            ("latency_ms = 40\n", "", "15:8: latency_ms says how slow the way is"),
            ("= 40", "= 0", "16:14: latency_ms: 0 is outside 1 to 60000"),
            (
                "at_seconds = 5",
                "at_seconds = 61",
                "10:14: at_seconds, so that it ends with the run: 61 is outside 0 to 60",
            ),
            ("at_seconds = 5\n", "", "7:1: either at_seconds or between_seconds says when it begins"),
            ("20.5]", "5]", "17:24: the window's end, so that it ends with the run: 5 is outside 10 to 52"),
            ("= 8\n", "= 61\n", "18:15: for_seconds: 61 is outside 0.1 to 60"),
            ("from =", "form =", "14:1: unknown field `form`"),
            (
                "at_seconds = 5\n",
                "at_seconds = 5\nfor_seconds = 3\n[[outages]]\ntarget = \"processors-hockey\"\nkind = \"restart\"\nat_seconds = 7\n",
                "12:1: it happens while another outage of processors-hockey, `kill`, lasts",
            ),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let found = Scenario::parse(&WHOLE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(found.starts_with(error), "{to}: {found}");
        }
    }
}
