//! No bets on what is decided: a market is off as soon as it has been told what decides it.

use std::collections::{BTreeMap, BTreeSet};

use domain::market::MarketKey;
use domain::{
    Body, Competitor, EventStatus, Fixture, Incident, IncidentAction, IncidentKind, MarketStatus,
    MatchStatus, Score, Side, Sport, Status,
};
use simulator::world;

use super::players::is_personal_foul;
use super::{body, messages, play};

const SEEDS: u64 = 20;

/// What a client has been told of a game so far.
#[derive(Default)]
struct Told {
    /// Whether all is told that happens: without, it is not known what a player did, nor who is who.
    is_whole: bool,
    fixture: Option<Fixture>,
    status: Option<Status>,
    /// As the last incident or status has it that tells one.
    score: Score,
    incidents: Vec<Incident>,
    /// The markets that have been on offer, as they stand.
    markets: BTreeMap<MarketKey, MarketStatus>,
    /// Markets that are decided: after how many messages they must be off.
    off_by: BTreeMap<MarketKey, usize>,
    /// How many messages there were.
    messages: usize,
}

impl Told {
    fn hear(&mut self, body: &Body) {
        self.messages += 1;
        match body {
            Body::Fixture(fixture) => self.fixture = Some(fixture.clone()),
            Body::EventStatus(status) => {
                self.score = status.score;
                self.status = Some(status.clone());
            }
            Body::Incident(incident) => {
                self.incidents.retain(|told| told.incident_id != incident.incident_id);
                if incident.action != IncidentAction::Deleted {
                    self.score = incident.score.unwrap_or(self.score);
                    self.incidents.push(incident.clone());
                }
            }
            Body::OddsChange(odds) => {
                let offers = odds.markets.iter().map(|offer| (offer.key.clone(), offer.status));
                self.markets.extend(offers);
            }
            Body::BetStop(_) => {
                for status in self.markets.values_mut().filter(|status| **status == MarketStatus::Active) {
                    *status = MarketStatus::Suspended;
                }
            }
            Body::Settlement(settlement) => {
                let settled = settlement.markets.iter().map(|it| (it.key.clone(), MarketStatus::Settled));
                self.markets.extend(settled);
            }
            Body::Cancel(cancel) => {
                let cancelled = cancel.markets.iter().map(|it| (it.key.clone(), MarketStatus::Cancelled));
                self.markets.extend(cancelled);
            }
            _ => {}
        }
        // The scoreboard may follow the incident that decides; then the market has to be off.
        let deadline = self.messages + if matches!(body, Body::Incident(_)) { 2 } else { 1 };
        let decided: BTreeSet<MarketKey> =
            self.markets.keys().filter(|key| self.is_decided(key)).cloned().collect();
        self.off_by.retain(|key, _| decided.contains(key));
        for key in decided {
            self.off_by.entry(key).or_insert(deadline);
        }
    }

    /// The markets on which bets are taken though they are decided.
    fn wrong(&self) -> Vec<&MarketKey> {
        let is_late = |(key, by): &(&MarketKey, &usize)| {
            **by <= self.messages && self.markets[*key] == MarketStatus::Active
        };
        self.off_by.iter().filter(is_late).map(|(key, _)| key).collect()
    }

    /// Whether nothing that may still happen changes a market's outcome. Totals that cannot be reached any more are
    /// not looked for.
    fn is_decided(&self, key: &MarketKey) -> bool {
        let Some(status) = &self.status else { return false };
        if matches!(status.status, EventStatus::Ended | EventStatus::Closed | EventStatus::Abandoned) {
            return true;
        }
        let Score { home, away } = self.score;
        let sum = |parts: &[MatchStatus]| -> f64 {
            let fell = status.period_scores.iter().filter(|score| parts.contains(&score.period));
            fell.map(|part| f64::from(part.home + part.away)).sum()
        };
        let is_over = |part| {
            let begun = status.period_scores.iter().position(|score| score.period == part);
            begun.is_some_and(|place| place + 1 < status.period_scores.len() || status.match_status != part)
        };
        let line = || decimal(key, "total");
        match key.id {
            8 => home + away >= whole(key, "goalnr"),
            29 => home > 0 && away > 0,
            18 | 412 => f64::from(home + away) > line() + 0.25,
            225 => f64::from(home + away) > line(),
            60 => is_over(MatchStatus::Half1),
            68 => is_over(MatchStatus::Half1) || sum(&[MatchStatus::Half1]) > line() + 0.25,
            235 | 236 => {
                let quarter = QUARTERS[whole(key, "quarternr") as usize - 1];
                is_over(quarter) || (key.id == 236 && sum(&[quarter]) > line())
            }
            443 | 446 => {
                let period = PERIODS[whole(key, "periodnr") as usize - 1];
                is_over(period) || (key.id == 446 && sum(&[period]) > line() + 0.25)
            }
            189 => sum(&SETS) > line(),
            202 => home + away >= whole(key, "setnr"),
            204 => sum(&SETS[whole(key, "setnr") as usize - 1..][..1]) > line(),
            210 => {
                let set = whole(key, "setnr");
                let games = sum(&SETS[set as usize - 1..][..1]);
                home + away >= set || games >= f64::from(whole(key, "gamenr"))
            }
            domain::sport::RACE_TO_POINTS => home.max(away) >= whole(key, "pointnr"),
            domain::sport::PLAYER_SCORES | domain::sport::PLAYER_ACES | domain::sport::PLAYER_POINTS
                if !self.is_whole =>
            {
                false
            }
            domain::sport::PLAYER_SCORES => {
                self.has_left(key) || self.has(key, |kind| u32::from(kind == IncidentKind::Goal)) > 0.0
            }
            domain::sport::PLAYER_ACES => self.has(key, |kind| u32::from(kind == IncidentKind::Ace)) > line(),
            domain::sport::PLAYER_POINTS => self.has_left(key) || self.has(key, points) > line(),
            _ => false,
        }
    }

    /// What the player whom a market is about has to the name, as far as it was told.
    fn has(&self, key: &MarketKey, worth: impl Fn(IncidentKind) -> u32) -> f64 {
        f64::from(self.of_player(key).map(|incident| worth(incident.kind)).sum::<u32>())
    }

    /// Whether the player whom a market is about was sent off, or has as many fouls as basketball allows.
    fn has_left(&self, key: &MarketKey) -> bool {
        let is_sent_off = |incident: &Incident| {
            let kinds = [IncidentKind::RedCard, IncidentKind::YellowRedCard, IncidentKind::Ejection];
            kinds.contains(&incident.kind)
        };
        let is_basketball = key.id == domain::sport::PLAYER_POINTS;
        self.of_player(key).any(is_sent_off)
            || (is_basketball && self.of_player(key).filter(|it| is_personal_foul(it)).count() >= 6)
    }

    /// What was told of the player whom a market is about.
    fn of_player(&self, key: &MarketKey) -> impl Iterator<Item = &Incident> {
        let number = specifier(key, "player").strip_prefix("md:player:").unwrap();
        let (team, place) = number.split_at(number.len() - 2);
        let is = |of: &Competitor| of.id.to_string() == format!("md:competitor:{team}");
        let side = if is(&self.fixture.as_ref().unwrap().home) { Side::Home } else { Side::Away };
        let of_side = move |incident: &&Incident| incident.side == Some(side);
        let is_listed = |incident: &&Incident| of_side(incident) && incident.kind == IncidentKind::LineUp;
        let place: usize = place.parse().unwrap();
        let name = self.incidents.iter().filter(is_listed).nth(place).and_then(|it| it.player.as_ref());
        // A tennis player is not listed, and the only one of the side.
        let is_own = move |it: &&Incident| name.is_none_or(|name| it.player.as_ref() == Some(name));
        self.incidents.iter().filter(of_side).filter(is_own)
    }
}

const QUARTERS: [MatchStatus; 4] =
    [MatchStatus::Quarter1, MatchStatus::Quarter2, MatchStatus::Quarter3, MatchStatus::Quarter4];
const PERIODS: [MatchStatus; 3] = [MatchStatus::Period1, MatchStatus::Period2, MatchStatus::Period3];
const SETS: [MatchStatus; 5] =
    [MatchStatus::Set1, MatchStatus::Set2, MatchStatus::Set3, MatchStatus::Set4, MatchStatus::Set5];

fn points(kind: IncidentKind) -> u32 {
    match kind {
        IncidentKind::FreeThrowMade => 1,
        IncidentKind::TwoPointsMade => 2,
        IncidentKind::ThreePointsMade => 3,
        _ => 0,
    }
}

fn specifier<'k>(key: &'k MarketKey, name: &str) -> &'k str {
    let mut pairs = key.specifiers.as_str().split('|').filter_map(|pair| pair.split_once('='));
    pairs.find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{key} has no {name}")).1
}

pub fn whole(key: &MarketKey, name: &str) -> u32 {
    specifier(key, name).parse().unwrap()
}

pub fn decimal(key: &MarketKey, name: &str) -> f64 {
    specifier(key, name).parse().unwrap()
}

/// A game in its own time, with all that happens in it, and one of few messages.
pub fn games(sport: Sport, seed: u64) -> [(bool, Vec<Body>); 2] {
    let mut whole = Vec::new();
    world::watch(sport, seed, 0, &mut |_, body| whole.push(body));
    let few = messages(&play(&[sport], seed, 1, 300)).map(|(_, message)| body(&message).clone()).collect();
    [(true, whole), (false, few)]
}

#[test]
fn nothing_decided_is_on_offer() {
    for sport in Sport::ALL {
        let mut decided = BTreeSet::new();
        for seed in 0..SEEDS {
            for (is_whole, game) in games(sport, seed) {
                let mut told = Told { is_whole, ..Told::default() };
                for body in &game {
                    told.hear(body);
                    let wrong = told.wrong();
                    assert!(
                        wrong.is_empty(),
                        "{sport} of seed {seed}, message {}: bets on {} after {body:?}",
                        told.messages,
                        wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    );
                    decided.extend(told.off_by.keys().map(|key| key.id));
                }
            }
        }
        println!("{sport}: {SEEDS} seeds; there were decided the markets {decided:?}");
        assert!(decided.len() >= 6, "{sport}: only {decided:?} were decided");
    }
}

/// Who has won a game of tennis is settled before the next point is played.
#[test]
fn a_game_of_tennis_is_settled_when_it_is_won() {
    let mut settled = 0;
    for seed in 0..SEEDS {
        for (is_whole, game) in games(Sport::Tennis, seed) {
            let mut told = Told { is_whole, ..Told::default() };
            for body in &game {
                told.hear(body);
                let Body::Incident(incident) = body else { continue };
                let is_point = matches!(
                    incident.kind,
                    IncidentKind::Point | IncidentKind::Ace | IncidentKind::DoubleFault
                );
                if !is_point {
                    continue;
                }
                let (due, open): (Vec<_>, Vec<_>) = told
                    .markets
                    .iter()
                    .filter(|(key, _)| key.id == 210 && told.off_by.contains_key(*key))
                    .partition(|(_, status)| **status == MarketStatus::Settled);
                assert!(open.is_empty(), "seed {seed}, message {}: {open:?}", told.messages);
                settled = settled.max(due.len());
            }
        }
    }
    assert!(settled > 20, "at most {settled} games of a match were settled");
}
