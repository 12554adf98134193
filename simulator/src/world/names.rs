//! Invented teams and players.

use domain::id::Text;
use fake::Fake;
use fake::faker::address::raw::CityName;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::EN;
use rand::Rng;
use rand::seq::IndexedRandom;

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

/// A team's name and its abbreviation, another one than `other`.
pub(super) fn team(rng: &mut impl Rng, other: Option<&Text>) -> (Text, Text) {
    loop {
        let city: String = CityName(EN).fake_with_rng(rng);
        let nickname = NICKNAMES.choose(rng).expect("there are nicknames");
        let letters = city.chars().filter(char::is_ascii_alphabetic).take(3).collect::<String>();
        let name = text(&format!("{city} {nickname}"));
        if other != Some(&name) {
            return (name, text(&letters.to_ascii_uppercase()));
        }
    }
}

/// A team's players, each with another name.
pub(super) fn players(rng: &mut impl Rng, count: usize) -> Vec<Text> {
    let mut players: Vec<Text> = Vec::with_capacity(count);
    while players.len() < count {
        let first: String = FirstName(EN).fake_with_rng(rng);
        let last: String = LastName(EN).fake_with_rng(rng);
        let name = text(&format!("{first} {last}"));
        if !players.contains(&name) {
            players.push(name);
        }
    }
    players
}

fn text(text: &str) -> Text {
    Text::new(text).expect("invented names are short and of letters")
}
