//! Invented fixtures, teams and players.

use domain::id::{Text, Urn};
use domain::market::{MarketKey, Specifiers};
use domain::{Competitor, Fixture, Sport, Timestamp, Tournament};
use fake::Fake;
use fake::faker::address::raw::CityName;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::EN;
use rand::Rng;
use rand::seq::IndexedRandom;

use crate::uof::sport_number;

const NICKNAMES: [&str; 24] = [
    "Anvils",
    "Badgers",
    "Comets",
    "Drakes",
    "Embers",
    "Falcons",
    "Gales",
    "Harriers",
    "Icebreakers",
    "Jesters",
    "Kestrels",
    "Lanterns",
    "Mariners",
    "Nomads",
    "Otters",
    "Pilots",
    "Quarrymen",
    "Ravens",
    "Stags",
    "Tritons",
    "Umbras",
    "Voyagers",
    "Wolverines",
    "Zephyrs",
];

/// The fixture of a game, but for its time.
pub(super) fn fixture(sport: Sport, tournament: &str, [home, away]: [Competitor; 2]) -> Fixture {
    let tournament = Some(self::tournament(sport_number(sport), tournament));
    Fixture { scheduled_start: Timestamp(0), tournament, home, away }
}

/// A competition; a sport's first one has the number that a Unified Odds Feed gives the sport.
pub(super) fn tournament(number: u32, name: &str) -> Tournament {
    let id = Urn::new(format!("md:tournament:{number}")).expect("a number is an id");
    Tournament { id, name: text(name) }
}

/// A team, of another name than `other`; `number` tells it from all others of its world.
pub(super) fn team(rng: &mut impl Rng, number: u64, other: Option<&Text>) -> Competitor {
    loop {
        let city: String = CityName(EN).fake_with_rng(rng);
        let nickname = NICKNAMES.choose(rng).expect("there are nicknames");
        let letters = city.chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>();
        let name = text(&format!("{city} {nickname}"));
        if other != Some(&name) {
            return competitor(number, name, &letters.to_ascii_uppercase());
        }
    }
}

/// A player who competes alone, of another name than `other`; `number` tells the player from all others of the world.
pub(super) fn player(rng: &mut impl Rng, number: u64, other: Option<&Text>) -> Competitor {
    loop {
        let (name, last) = person(rng);
        let letters = last.chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>();
        if other != Some(&name) {
            return competitor(number, name, &letters.to_ascii_uppercase());
        }
    }
}

/// The numbers of the two who compete in a game: those of its event, so that nobody else has them in any part of a run.
pub(super) fn numbers(seed: u64, game: u32) -> [u64; 2] {
    let event = super::event_number(seed, game);
    [event * 2 - 1, event * 2]
}

/// Somebody who competes.
pub(super) fn competitor(number: u64, name: Text, abbreviation: &str) -> Competitor {
    let id = Urn::new(format!("md:competitor:{number}")).expect("a number is an id");
    Competitor { id, name, abbreviation: Some(text(abbreviation)) }
}

/// A team's players, each with another name.
pub(super) fn players(rng: &mut impl Rng, count: usize) -> Vec<Text> {
    let mut players: Vec<Text> = Vec::with_capacity(count);
    while players.len() < count {
        let (name, _) = person(rng);
        if !players.contains(&name) {
            players.push(name);
        }
    }
    players
}

/// A market of these specifiers.
pub(super) fn key(id: u32, specifiers: &str) -> MarketKey {
    MarketKey { id, specifiers: Specifiers::parse(specifiers).expect("specifiers of this program") }
}

/// The id of a player of a team: the team's number and the player's place in it.
pub(super) fn player_id(number: u64, place: usize) -> String {
    format!("md:player:{number}{place:02}")
}

/// A name, and the last part of it.
fn person(rng: &mut impl Rng) -> (Text, String) {
    let first: String = FirstName(EN).fake_with_rng(rng);
    let last: String = LastName(EN).fake_with_rng(rng);
    (text(&format!("{first} {last}")), last)
}

fn text(text: &str) -> Text {
    Text::new(text).expect("invented names are short and of letters")
}
