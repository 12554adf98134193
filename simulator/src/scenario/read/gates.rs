//! How a scenario's `[gates]` are read.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Wrong, within};
use crate::scenario::gates::{Gates, Hop, LatencyGate, Share};

/// The longest latency and recovery that a gate can allow, in seconds.
const SECONDS_MAX: u32 = 3_600;
/// The most memory that a gate can allow, in MiB.
const MEMORY_MIB_MAX: u32 = 1 << 20;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GatesTable {
    anomalies: Option<u64>,
    unsafe_open_ms: Option<Spanned<u32>>,
    late_ms: Option<Spanned<u32>>,
    latency: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<f64>>>,
    messages_per_second: Option<Spanned<f64>>,
    recovery_seconds: Option<Spanned<f64>>,
    memory_mib: Option<Spanned<u32>>,
}

pub(super) fn gates(table: GatesTable) -> Result<Gates, Wrong> {
    let ms = |value: Option<Spanned<u32>>, what: &str| {
        let checked =
            value.map(|value| within(&value, 0, SECONDS_MAX * 1_000, what).map(|()| value.into_inner()));
        checked.transpose()
    };
    let number = |value: Option<Spanned<f64>>, low: f64, high: f64, what: &str| {
        let checked = value.map(|value| within(&value, low, high, what).map(|()| value.into_inner()));
        checked.transpose()
    };
    let memory = table.memory_mib.map(|mib| {
        within(&mib, 1, MEMORY_MIB_MAX, "memory_mib")?;
        Ok(mib.into_inner())
    });
    Ok(Gates {
        anomalies_max: table.anomalies.unwrap_or(Gates::RIGHT.anomalies_max),
        unsafe_open_ms_max: ms(table.unsafe_open_ms, "unsafe_open_ms")?,
        late_ms_max: ms(table.late_ms, "late_ms")?.unwrap_or(Gates::RIGHT.late_ms_max),
        latency: latency(table.latency)?,
        messages_per_second_min: number(table.messages_per_second, 0.001, 1e9, "messages_per_second")?,
        recovery_seconds_max: number(
            table.recovery_seconds,
            0.001,
            f64::from(SECONDS_MAX),
            "recovery_seconds",
        )?,
        memory_mib_max: memory.transpose()?,
    })
}

fn latency(
    hops: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<f64>>>,
) -> Result<Vec<LatencyGate>, Wrong> {
    let mut gates = Vec::new();
    for (name, shares) in hops {
        let hop = named(&name, &Hop::ALL, Hop::as_str, "how far a message has come")?;
        for (name, ms) in shares {
            let share = named(&name, &Share::ALL, Share::as_str, "a share of the messages")?;
            within(&ms, 0.001, f64::from(SECONDS_MAX) * 1_000.0, share.as_str())?;
            gates.push(LatencyGate { hop, share, ms_max: ms.into_inner() });
        }
    }
    gates.sort_by_key(|gate| (gate.hop, gate.share));
    Ok(gates)
}

/// The one of these that has this name.
fn named<T: Copy>(
    name: &Spanned<String>,
    all: &[T],
    text: fn(T) -> &'static str,
    what: &str,
) -> Result<T, Wrong> {
    let found = all.iter().copied().find(|one| text(*one) == name.get_ref());
    let names = || all.iter().map(|one| text(*one)).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| Wrong::at(name, format!("`{}` is not {what}: {}", name.get_ref(), names())))
}
