//! How a scenario file is read: every key known, every value within its bounds, every error with its line.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use domain::codec::uof;
use domain::{Name, Sport};
use serde::Deserialize;
use toml::Spanned;

use self::outages::OutageTable;
use self::shape::{Shape, profile};
use super::{Hot, OWN_PACE_MAX, PRODUCERS_MAX, SECONDS_MAX, SPORTS, Scenario, SportPlan, Teller, Tempo};
use crate::faults::{HOLD_MS, KIND_MAX, SILENCE_SECONDS, Wanted};
use crate::format::Format;
use crate::profile::Profile;
use crate::recording::Shelf;
use crate::world::{GAMES_MAX, MESSAGES_MAX};

mod shape;

/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 200;
/// The highest rate that can be asked for, in messages a second.
const RATE_MAX: u32 = 1_000_000;

/// Why some keys stand beside `pace = "own"` in vain.
const OWN_PACE: &str = "games at their own pace take the time and have the messages that they have";

/// Why a text is no scenario, and where. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// In which line.
    pub line: usize,
    /// In which column of it.
    pub column: usize,
    /// What is wrong there.
    pub detail: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.detail)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: Spanned<String>,
    seed: u64,
    #[serde(default)]
    pace: Tempo,
    #[serde(default)]
    seconds: Option<Spanned<u32>>,
    #[serde(default)]
    producers: Option<Spanned<Vec<Spanned<Producer>>>>,
    sports: Spanned<BTreeMap<Sport, Spanned<Games>>>,
    #[serde(default)]
    faults: FaultCounts,
    #[serde(default)]
    outages: Option<Spanned<Vec<Spanned<OutageTable>>>>,
    #[serde(default)]
    gates: gates::GatesTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Producer {
    provider: Name,
    name: Name,
    format: Format,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Games {
    games: Spanned<u32>,
    #[serde(default)]
    rate: Option<Spanned<u32>>,
    #[serde(default)]
    profile: Option<Spanned<Shape>>,
    #[serde(default)]
    hot: Option<Spanned<HotGames>>,
    #[serde(default)]
    producers: Option<Spanned<Vec<Spanned<Name>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HotGames {
    games: Spanned<u32>,
    share: Spanned<f64>,
}

/// How many of each kind.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct FaultCounts {
    duplicate: Option<Spanned<u32>>,
    reorder: Option<Spanned<u32>>,
    reorder_beyond: Option<Spanned<u32>>,
    gap: Option<Spanned<u32>>,
    gap_filled: Option<Spanned<u32>>,
    late: Option<Spanned<u32>>,
    clock_skew: Option<Spanned<u32>>,
    malformed: Option<Spanned<u32>>,
    wrong_sport: Option<Spanned<u32>>,
    unknown_event: Option<Spanned<u32>>,
    silence: Option<Spanned<u32>>,
    restart: Option<Spanned<u32>>,
    settlement_rollback: Option<Spanned<u32>>,
    hold_ms: Option<Spanned<u32>>,
    silence_seconds: Option<Spanned<u32>>,
}

/// A value that is out of its bounds, and where it stands.
struct Wrong {
    span: Range<usize>,
    detail: String,
}

impl Wrong {
    fn at<T>(value: &Spanned<T>, detail: impl Into<String>) -> Self {
        Self { span: value.span(), detail: detail.into() }
    }
}

pub(super) fn read(text: &str, shelf: Option<&Shelf>) -> Result<Scenario, ScenarioError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        place(text, &span, error.message().trim_end().replace('\n', ", "))
    })?;
    let mut spans = fault_spans(&file.faults);
    spans.push((SPORTS, file.sports.span()));
    spans.extend(file.sports.get_ref().iter().map(|(sport, games)| (sport.as_str(), games.span())));
    let mut scenario = check(file, shelf).map_err(|Wrong { span, detail }| place(text, &span, detail))?;
    let places = spans.into_iter().map(|(kind, span)| {
        let ScenarioError { line, column, .. } = place(text, &span, String::new());
        (kind, (line, column))
    });
    scenario.places = places.collect();
    Ok(scenario)
}

/// A file's bytes as text.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, ScenarioError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        place(&before, &(valid..valid), "this is no UTF-8".to_owned())
    })
}

/// Where kinds of faults are asked for.
fn fault_spans(counts: &FaultCounts) -> Vec<(&'static str, Range<usize>)> {
    let all = [
        ("duplicate", &counts.duplicate),
        ("reorder", &counts.reorder),
        ("reorder_beyond", &counts.reorder_beyond),
        ("gap", &counts.gap),
        ("gap_filled", &counts.gap_filled),
        ("late", &counts.late),
        ("clock_skew", &counts.clock_skew),
        ("malformed", &counts.malformed),
        ("wrong_sport", &counts.wrong_sport),
        ("unknown_event", &counts.unknown_event),
        ("silence", &counts.silence),
        ("restart", &counts.restart),
        ("settlement_rollback", &counts.settlement_rollback),
    ];
    all.into_iter().filter_map(|(kind, value)| Some((kind, value.as_ref()?.span()))).collect()
}

/// The line and column at which a span begins.
fn place(text: &str, span: &Range<usize>, detail: String) -> ScenarioError {
    let before = &text.as_bytes()[..span.start.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    ScenarioError { line, column, detail }
}

fn check(file: File, shelf: Option<&Shelf>) -> Result<Scenario, Wrong> {
    let File { description, seed, pace: tempo, seconds, producers, sports, faults, outages, gates } = file;
    if !(1..=DESCRIPTION_BYTES_MAX).contains(&description.get_ref().len()) {
        return Err(Wrong::at(&description, format!("a description has 1 to {DESCRIPTION_BYTES_MAX} bytes")));
    }
    let duration = duration(tempo, seconds)?;
    if let (Tempo::Own, Some(outages)) = (tempo, &outages) {
        return Err(Wrong::at(
            outages,
            "outages have their times, which games at their own pace would not keep to",
        ));
    }
    let producers = tellers(producers)?;
    if sports.get_ref().is_empty() {
        return Err(Wrong::at(&sports, "no sport is to be played"));
    }
    let span = sports.span();
    let sports: Vec<SportPlan> = sports
        .into_inner()
        .into_iter()
        .map(|(sport, games)| sport_plan(sport, games, tempo, &producers, shelf))
        .collect::<Result<_, _>>()?;
    let description = description.into_inner();
    let played: Vec<Sport> = sports.iter().map(|plan| plan.sport).collect();
    let outages = outages::outages(outages, duration.as_secs_f64(), &played)?;
    let (faults, gates, suffix) = (wanted(&faults)?, gates::gates(gates)?, String::new());
    let scenario = Scenario {
        description,
        seed,
        tempo,
        duration,
        producers,
        sports,
        faults,
        places: BTreeMap::new(),
        outages,
        gates,
        suffix,
    };
    let messages = scenario.messages();
    if messages > MESSAGES_MAX {
        let detail = format!("{messages} messages in all; at most {MESSAGES_MAX} can be made");
        return Err(Wrong { span, detail });
    }
    Ok(scenario)
}

/// How long it takes: as long as is said, or as games do.
fn duration(tempo: Tempo, seconds: Option<Spanned<u32>>) -> Result<Duration, Wrong> {
    match (tempo, seconds) {
        (Tempo::Own, None) => Ok(OWN_PACE_MAX),
        (Tempo::Own, Some(seconds)) => Err(Wrong::at(&seconds, format!("seconds: {OWN_PACE}"))),
        (Tempo::Rate, None) => Err(Wrong { span: 0..0, detail: "missing field `seconds`".to_owned() }),
        (Tempo::Rate, Some(seconds)) => {
            within(&seconds, 1, SECONDS_MAX, "seconds")?;
            Ok(Duration::from_secs(u64::from(seconds.into_inner())))
        }
    }
}

/// How many messages a second; none where games have their own pace, which leaves nothing to be said of it.
fn rate(tempo: Tempo, games: &Spanned<Games>) -> Result<u32, Wrong> {
    let Games { rate, profile, hot, .. } = games.get_ref();
    match (tempo, rate) {
        (Tempo::Rate, Some(rate)) => within(rate, 1, RATE_MAX, "rate").map(|()| *rate.get_ref()),
        (Tempo::Rate, None) => Err(Wrong { span: games.span(), detail: "missing field `rate`".to_owned() }),
        (Tempo::Own, rate) => {
            let said = [
                ("rate", rate.as_ref().map(Spanned::span)),
                ("profile", profile.as_ref().map(Spanned::span)),
                ("hot", hot.as_ref().map(Spanned::span)),
            ];
            match said.into_iter().find_map(|(name, span)| Some((name, span?))) {
                Some((name, span)) => Err(Wrong { span, detail: format!("{name}: {OWN_PACE}") }),
                None => Ok(0),
            }
        }
    }
}

/// Where none is named, one tells everything: what `simulator play` does.
fn tellers(producers: Option<Spanned<Vec<Spanned<Producer>>>>) -> Result<Vec<Teller>, Wrong> {
    let Some(producers) = producers else {
        let name = |text| Name::new(text).expect("lower-case letters are a name");
        return Ok(vec![Teller { provider: name("md"), name: name("live"), format: Format::Json }]);
    };
    if !(1..=PRODUCERS_MAX).contains(&producers.get_ref().len()) {
        return Err(Wrong::at(&producers, format!("there are 1 to {PRODUCERS_MAX} producers")));
    }
    let mut tellers: Vec<Teller> = Vec::new();
    for producer in producers.into_inner() {
        let span = producer.span();
        let Producer { provider, name, format } = producer.into_inner();
        let wrong = |detail: String| Err(Wrong { span: span.clone(), detail });
        if tellers.iter().any(|known| known.name == name) {
            return wrong(format!("there is a producer `{name}` already"));
        }
        if format == Format::Uof && !uof::is_product(&name) {
            return wrong(format!(
                "a producer of a Unified Odds Feed is a number from 1 to 65535, not `{name}`"
            ));
        }
        // What a provider writes in is settled with ingestion, for all it sends.
        let is_uof = |format| format == Format::Uof;
        if tellers.iter().any(|known| known.provider == provider && is_uof(known.format) != is_uof(format)) {
            return wrong(format!("`{provider}` has a Unified Odds Feed or a feed of our own, not both"));
        }
        tellers.push(Teller { provider, name, format });
    }
    Ok(tellers)
}

fn sport_plan(
    sport: Sport,
    games: Spanned<Games>,
    tempo: Tempo,
    tellers: &[Teller],
    shelf: Option<&Shelf>,
) -> Result<SportPlan, Wrong> {
    let rate = rate(tempo, &games)?;
    let Games { games, profile: shape, hot, producers, .. } = games.into_inner();
    within(&games, 1, GAMES_MAX, "games")?;
    let profile = shape.map_or(Ok(Profile::Constant), |shape| profile(shape.into_inner(), shelf))?;
    let games = games.into_inner();
    let hot = hot.map(|hot| hot_games(hot.get_ref(), games)).transpose()?;
    let producers = match producers {
        None => (0..tellers.len()).collect(),
        Some(names) if names.get_ref().is_empty() => {
            return Err(Wrong::at(&names, "somebody has to tell the games"));
        }
        Some(names) => named(names.into_inner(), tellers)?,
    };
    Ok(SportPlan { sport, games, rate, profile, hot, producers })
}

/// Who they are, each named once: games are dealt to them in turn.
fn named(names: Vec<Spanned<Name>>, tellers: &[Teller]) -> Result<Vec<usize>, Wrong> {
    let mut places = Vec::with_capacity(tellers.len());
    for name in names {
        let place = teller(&name, tellers)?;
        if places.contains(&place) {
            return Err(Wrong::at(&name, format!("`{}` is named already", name.get_ref())));
        }
        places.push(place);
    }
    Ok(places)
}

fn teller(name: &Spanned<Name>, tellers: &[Teller]) -> Result<usize, Wrong> {
    let place = tellers.iter().position(|teller| teller.name == *name.get_ref());
    place.ok_or_else(|| Wrong::at(name, format!("there is no producer `{}`", name.get_ref())))
}

fn hot_games(hot: &HotGames, games: u32) -> Result<Hot, Wrong> {
    if games < 2 {
        return Err(Wrong::at(&hot.games, "of one game alone none is hot"));
    }
    within(&hot.games, 1, games - 1, "hot games")?;
    within(&hot.share, 0.0, 1.0, "share")?;
    let (hot_ones, share) = (*hot.games.get_ref(), *hot.share.get_ref());
    if share * f64::from(games) <= f64::from(hot_ones) {
        let detail =
            format!("share: {hot_ones} of {games} games are hot with more than their part, not with {share}");
        return Err(Wrong::at(&hot.share, detail));
    }
    Ok(Hot { games: hot_ones, share })
}

fn wanted(counts: &FaultCounts) -> Result<Wanted, Wrong> {
    let count = |value: &Option<Spanned<u32>>| match value {
        None => Ok(0),
        Some(value) => within(value, 0, KIND_MAX, "faults of a kind").map(|()| *value.get_ref()),
    };
    let or = |value: &Option<Spanned<u32>>, by_default, low, high, what| match value {
        None => Ok(by_default),
        Some(value) => within(value, low, high, what).map(|()| *value.get_ref()),
    };
    Ok(Wanted {
        duplicate: count(&counts.duplicate)?,
        reorder: count(&counts.reorder)?,
        reorder_beyond: count(&counts.reorder_beyond)?,
        gap: count(&counts.gap)?,
        gap_filled: count(&counts.gap_filled)?,
        late: count(&counts.late)?,
        clock_skew: count(&counts.clock_skew)?,
        malformed: count(&counts.malformed)?,
        wrong_sport: count(&counts.wrong_sport)?,
        unknown_event: count(&counts.unknown_event)?,
        silence: count(&counts.silence)?,
        restart: count(&counts.restart)?,
        settlement_rollback: count(&counts.settlement_rollback)?,
        hold_ms: or(&counts.hold_ms, HOLD_MS, 10, 600_000, "hold_ms")?,
        silence_seconds: or(&counts.silence_seconds, SILENCE_SECONDS, 1, 3_600, "silence_seconds")?,
    })
}

/// Numbers that are no numbers are out of every bounds.
fn within<T: PartialOrd + fmt::Display>(
    value: &Spanned<T>,
    low: T,
    high: T,
    what: &str,
) -> Result<(), Wrong> {
    let found = value.get_ref();
    if *found >= low && *found <= high {
        return Ok(());
    }
    Err(Wrong::at(value, format!("{what}: {found} is outside {low} to {high}")))
}

mod gates;
mod outages;

#[cfg(test)]
mod tests;
