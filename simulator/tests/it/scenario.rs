//! Scenarios played in memory: the ready-made ones, and faults against an account of what is sent.

use std::collections::{BTreeMap, BTreeSet};

use domain::market::Suspension;
use domain::{Body, Content, EventId, FeedMessage, MarketStatus, MatchStatus, Position, Sport, Timestamp};
use proptest::prelude::*;
use simulator::faults::{Effect, Fault, Kind};
use simulator::ledger::{Account, LedgerEvent};
use simulator::pacer::Speed;
use simulator::run_ledger::RunLedger;
use simulator::scenario::{READY, Scene};
use simulator::{Format, Scenario, uof};

const START: Timestamp = Timestamp(1_767_225_600_000_000);

fn played(text: &str) -> Scene {
    Scenario::parse(text).unwrap().play(START).unwrap()
}

/// The message at a place of the schedule, where it is one.
fn message(scene: &Scene, index: usize) -> Option<FeedMessage> {
    let channel = &scene.schedule.channels()[scene.schedule.channel(index)];
    let bytes = scene.schedule.message(index);
    match channel.format {
        Format::Json => domain::codec::json::decode(bytes).ok(),
        Format::Xml => domain::codec::xml::decode(bytes).ok(),
        Format::Uof => uof::decode(bytes, &channel.provider),
    }
}

fn events(ledger: &RunLedger) -> impl Iterator<Item = &LedgerEvent> {
    ledger.producers.iter().flat_map(|ledger| &ledger.events)
}

/// FNV-1a over all messages and the times at which they are due.
fn fingerprint(scene: &Scene) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for index in 0..scene.schedule.len() {
        let due = scene.schedule.offset_ns(index).to_le_bytes();
        for byte in due.iter().chain(scene.schedule.message(index)) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// What a receiver makes of the events that are counted: every message in its turn, once.
#[derive(Default)]
struct Receiver {
    next: BTreeMap<EventId, Position>,
    held: BTreeMap<EventId, BTreeMap<Position, FeedMessage>>,
    accounts: BTreeMap<EventId, Account>,
    applied: BTreeMap<EventId, u64>,
    unreadable: usize,
    late: usize,
}

impl Receiver {
    fn of(scene: &Scene) -> Self {
        let mut receiver = Self::default();
        for index in 0..scene.schedule.len() {
            match message(scene, index) {
                Some(message) if domain::check_alone(&message).is_ok() => receiver.take(message),
                _ => receiver.unreadable += 1,
            }
        }
        receiver
    }

    fn take(&mut self, message: FeedMessage) {
        let Content::Event(event) = &message.content else { return };
        let (id, position) = (event.event_id.clone(), event.position);
        let account =
            self.accounts.entry(id.clone()).or_insert_with(|| Account::new(message.source.producer.clone()));
        let Some(position) = position else {
            account.enter(&event.body);
            *self.applied.entry(id).or_default() += 1;
            return;
        };
        let next = self.next.entry(id.clone()).or_insert(Position { epoch: 1, sequence: 1 });
        let begins = position.sequence == 1 && position.epoch > next.epoch;
        if position < *next {
            self.late += 1;
            return;
        }
        if begins {
            self.held.remove(&id);
            *next = position;
        }
        let held = self.held.entry(id.clone()).or_default();
        held.insert(position, message);
        while let Some(message) = held.remove(next) {
            let Content::Event(event) = &message.content else { continue };
            account.enter(&event.body);
            *self.applied.entry(id.clone()).or_default() += 1;
            *next = next.next();
        }
    }
}

/// Holds a run's ledger against an account of its messages, event by event.
fn agrees(scene: &Scene) {
    let receiver = Receiver::of(scene);
    let ledger = &scene.ledger;
    for event in events(ledger) {
        let account = &receiver.accounts[&event.event_id];
        let id = &event.event_id;
        assert_eq!(receiver.applied[id], event.messages, "{id}");
        assert_eq!(event.due_ns.len() as u64, event.messages, "{id}");
        assert_eq!(account.fixture.as_ref(), Some(&event.fixture), "{id}");
        let is_uof = message_format(scene, id) == Format::Uof;
        assert_eq!(account.status.as_ref(), Some(&event.status), "{id}");
        assert_eq!(account.incidents, event.incidents, "{id}");
        let by_key = |markets: &[domain::Market]| -> BTreeMap<String, domain::Market> {
            markets.iter().map(|market| (market.key.to_string(), market.clone())).collect()
        };
        let (found, mut expected) = (account.markets(), by_key(&event.markets));
        if ledger.stalled.contains(id) {
            assert!(event.markets.iter().all(|market| market.status != MarketStatus::Active), "{id}");
        }
        // The reason of a void is not told by a snapshot.
        let is_restarted =
            ledger.faults.faults.iter().any(|fault| {
                matches!(fault.kind, Kind::Restart { .. }) && fault.event_id.as_ref() == Some(id)
            });
        let mut found = by_key(&found);
        if ledger.stalled.contains(id) {
            // What was open is shut, by a bet stop that waits where there is one, and nothing else is otherwise than it was said.
            let is_stop = |message: &FeedMessage| matches!(&message.content, Content::Event(event) if matches!(event.body, Body::BetStop(_)));
            let is_stopped = receiver.held[id].values().any(is_stop);
            let reason = if is_stopped { Suspension::BetStop } else { Suspension::Gap };
            for market in found.values_mut().filter(|market| market.status == MarketStatus::Active) {
                market.status = MarketStatus::Suspended;
                market.suspension = Some(reason);
            }
        }
        if is_uof {
            // The first of whom anything is heard is who tells fixtures.
            for (key, market) in &mut found {
                expected.get(key).inspect(|meant| market.producer.clone_from(&meant.producer));
            }
        }
        if is_restarted {
            found.values_mut().chain(expected.values_mut()).for_each(|market| market.void_reason = None);
        }
        assert_eq!(found, expected, "{id}");
    }
    let known: BTreeSet<&EventId> = events(ledger).map(|event| &event.event_id).collect();
    let others: Vec<&EventId> = receiver.accounts.keys().filter(|id| !known.contains(id)).collect();
    assert_eq!(others, ledger.unannounced.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}

fn is_given_up(event: &LedgerEvent) -> bool {
    matches!(event.status.match_status, MatchStatus::HomeRetired | MatchStatus::AwayRetired)
}

fn message_format(scene: &Scene, id: &EventId) -> Format {
    let channels = scene.schedule.channels();
    channels.iter().find(|channel| channel.event_id.as_deref() == Some(id.as_str())).unwrap().format
}

#[test]
fn every_ready_made_scenario_can_be_played_and_its_ledger_is_true() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = READY.iter().map(|ready| format!("{}.toml", ready.name)).collect();
    assert_eq!(files.collect::<BTreeSet<String>>(), names, "every file is part of the program");
    let mut known: BTreeMap<EventId, &str> = BTreeMap::new();
    for ready in READY {
        let scenario = Scenario::load(ready.name).unwrap();
        let scene = scenario.play(START).unwrap();
        let (asked, made) = (scenario.messages(), scene.schedule.len() as u64);
        println!(
            "{}: {made} messages, {asked} asked for, {} faults",
            ready.name,
            scene.ledger.faults.faults.len()
        );
        // A Unified Odds Feed says nothing of incidents; games in which much happens have more messages than asked for.
        assert!((asked / 2..asked * 3 / 2).contains(&made), "{}: {made} instead of {asked}", ready.name);
        agrees(&scene);
        for event in events(&scene.ledger) {
            let other = known.insert(event.event_id.clone(), ready.name);
            assert_eq!(other, None, "{} is an event of {}, too", event.event_id, ready.name);
        }
    }
}

#[test]
fn games_that_are_played_without_a_scenario_are_none_of_its() {
    let scenario = Scenario::load("all-faults").unwrap();
    let of_scenario: BTreeSet<EventId> =
        events(&scenario.play(START).unwrap().ledger).map(|event| event.event_id.clone()).collect();
    // The seed of the scenario, and that of the first of its worlds.
    for seed in [scenario.seed, scenario.seed * 32] {
        let games = simulator::control::Games {
            sports: vec![Sport::Hockey],
            games: 3,
            rate: Some(simulator::control::ConstantRate { per_second: 10, seconds: 10 }),
            formats: simulator::world::Formats::Json,
        };
        let played = simulator::world::play(&games.plan(seed, START)).unwrap();
        assert!(played.ledger.events.iter().all(|event| !of_scenario.contains(&event.event_id)), "{seed}");
    }
}

#[test]
fn played_afresh_a_scenario_is_of_other_events_and_its_ledger_is_true_of_them() {
    for name in ["all-faults", "many-providers"] {
        let scenario = Scenario::load(name).unwrap();
        let afresh = Scenario { suffix: "-1767225600000000".to_owned(), ..scenario.clone() };
        let (before, after) = (scenario.play(START).unwrap(), afresh.play(START).unwrap());
        agrees(&after);
        assert_eq!(before.schedule.len(), after.schedule.len());
        let ids = |scene: &Scene| -> BTreeSet<EventId> {
            events(&scene.ledger).map(|event| event.event_id.clone()).collect()
        };
        assert!(ids(&before).is_disjoint(&ids(&after)) && ids(&before).len() == ids(&after).len());
        let concerned = after.ledger.faults.faults.iter().filter_map(|fault| fault.event_id.as_ref());
        assert!(concerned.chain(&after.ledger.stalled).all(|id| ids(&after).contains(id)));
    }
}

/// A game of each sport, at its own pace.
const OWN_PACE: &str = "description = \"d\"\nseed = 4\npace = \"own\"\n[sports.football]\ngames = 1\n[sports.basketball]\ngames = 1\n[sports.tennis]\ngames = 1\n[sports.hockey]\ngames = 1\n[faults]\nrestart = 1\nsilence = 1\n";

#[test]
fn at_their_own_pace_games_take_as_long_as_real_ones_and_say_everything_when_it_happens() {
    let scenario = Scenario::parse(OWN_PACE).unwrap();
    let scene = scenario.play(START).unwrap();
    assert_eq!(scene, scenario.play(START).unwrap());
    agrees(&scene);
    let quiet = scene.silences()[0].during_ns.clone();
    for event in events(&scene.ledger) {
        let minutes = *event.due_ns.iter().max().unwrap() / 60_000_000_000;
        // Its breaks are shorter than real ones, as docs/realism.md says.
        let real = if event.sport == Sport::Tennis { 45..330 } else { 80..200 };
        println!("{}: {minutes} minutes, {} messages", event.sport, event.messages);
        assert!(real.contains(&minutes), "{}: {minutes} minutes", event.sport);
    }
    // On the field it happened when it is said, or, where its producer was silent, before.
    let mut told = 0;
    for (index, message) in
        (0..scene.schedule.len()).filter_map(|index| Some((index, message(&scene, index)?)))
    {
        let due = START.plus_micros(i64::try_from(scene.schedule.offset_ns(index) / 1_000).unwrap());
        let Some(occurred_at) = message.occurred_at else { continue };
        let held_up = (quiet.end - quiet.start) / 1_000;
        let late = u64::try_from(due.micros_since(occurred_at)).unwrap();
        assert!(late == 0 || late <= held_up, "{message:?}");
        told += usize::from(late == 0);
    }
    assert!(told > 1_000, "{told} were told when they happened");
}

#[test]
fn a_scenario_with_rates_can_be_played_at_its_games_own_pace_but_for_one_with_outages() {
    use simulator::scenario::Tempo;
    let own = Scenario::load("final").unwrap().at(Tempo::Own).unwrap();
    let scene = own.play(START).unwrap();
    agrees(&scene);
    assert!(scene.schedule.duration_ns() > 90 * 60 * 1_000_000_000);
    let error = Scenario::load("redis-flush").unwrap().at(Tempo::Own).unwrap_err().to_string();
    assert!(error.contains("its outages have their times"), "{error}");
    assert!(own.at(Tempo::Rate).is_err(), "nobody says at which");
    for (from, to, expected) in [
        (
            "[sports.football]\ngames = 1",
            "[sports.football]\ngames = 1\nrate = 5",
            "6:8: rate: games at their own pace",
        ),
        ("seed = 4", "seed = 4\nseconds = 60", "3:11: seconds: games at their own pace"),
        ("pace = \"own\"", "pace = \"slow\"", "3:8: unknown variant `slow`"),
        ("pace = \"own\"\n", "", "1:1: missing field `seconds`"),
        ("restart = 1", "restart = 9", "13:11: "),
    ] {
        let text = OWN_PACE.replacen(from, to, 1);
        let found = match Scenario::parse(&text) {
            Err(error) => error.to_string(),
            Ok(scenario) => scenario.play(START).unwrap_err().to_string(),
        };
        assert!(found.starts_with(expected), "{to}: {found}");
    }
}

/// A snapshot with which an event begins anew, held against what its receiver makes of all that it stands for. The receiver's own
/// state shares nothing with the account from which the snapshot was made.
#[test]
fn a_restart_says_all_that_was_said_before() {
    let text = "description = \"d\"\nseed = 11\nseconds = 60\n[sports.hockey]\ngames = 8\nrate = 200\n[faults]\nrestart = 8\n";
    let scene = Scenario::parse(text).unwrap().play(START).unwrap();
    let mut states: BTreeMap<EventId, domain::EventState> = BTreeMap::new();
    let (mut held, mut incidents) = (0, 0);
    for message in (0..scene.schedule.len()).filter_map(|index| message(&scene, index)) {
        let Content::Event(event) = &message.content else { continue };
        let id = event.event_id.clone();
        let fresh = || domain::EventState::new(id.clone(), event.sport);
        if matches!(event.body, Body::Snapshot(_)) {
            let before = values(&states[&id]);
            let mut anew = fresh();
            anew.apply(&message, START).unwrap();
            let mut after = values(&anew);
            // A snapshot does not say why a market is void.
            let without_reason = |(key, value): (String, String)| {
                (key, value.split(", void_reason").next().unwrap().to_owned())
            };
            let before: BTreeMap<_, _> = before.into_iter().map(without_reason).collect();
            after = after.into_iter().map(without_reason).collect();
            assert_eq!(after, before, "{id}");
            incidents += before.keys().filter(|key| key.contains("ncident")).count();
            held += 1;
            states.insert(id, anew);
        } else {
            states.entry(id.clone()).or_insert_with(fresh).apply(&message, START).unwrap();
        }
    }
    assert!(held == 8 && incidents > 20, "{held} snapshots with {incidents} incidents");
}

/// What stands of an event, by its key.
fn values(state: &domain::EventState) -> BTreeMap<String, String> {
    // A snapshot does not say what has suspended a market.
    let said = |value: domain::update::Value| {
        format!("{value:?}").replace("suspension: Some(BetStop)", "suspension: None")
    };
    let told = state.entries().filter_map(|(key, _, value)| Some((format!("{key:?}"), said(value?))));
    told.collect()
}

/// What an event with a gap comes to, told by hand: what was said before it stands, and what was open is shut for want of it.
#[test]
fn an_event_stands_still_before_what_never_comes() {
    let text = "description = \"d\"\nseed = 12\nseconds = 60\n[sports.hockey]\ngames = 6\nrate = 120\n[faults]\ngap = 6\n";
    let scene = Scenario::parse(text).unwrap().play(START).unwrap();
    let mut shut = 0;
    for fault in &scene.ledger.faults.faults {
        let (id, missing) = (fault.event_id.clone().unwrap(), fault.sequence.unwrap());
        let event = events(&scene.ledger).find(|event| event.event_id == id).unwrap();
        assert_eq!(event.messages, missing - 1, "{id}");
        // The last status, and of each market the last offer, that came before.
        let (mut status, mut offers, mut stopped) = (None, BTreeMap::new(), false);
        for message in (0..scene.schedule.len()).filter_map(|index| message(&scene, index)) {
            let Content::Event(said) = &message.content else { continue };
            if said.event_id != id {
                continue;
            }
            if said.position.unwrap().sequence > missing {
                stopped |= matches!(said.body, Body::BetStop(_));
                continue;
            }
            match &said.body {
                Body::EventStatus(now) => status = Some(now.clone()),
                Body::OddsChange(odds) => {
                    for offer in &odds.markets {
                        offers.insert(offer.key.to_string(), offer.status);
                    }
                }
                Body::BetStop(_) => offers
                    .values_mut()
                    .filter(|it| **it == MarketStatus::Active)
                    .for_each(|it| *it = MarketStatus::Suspended),
                Body::Settlement(settlement) => {
                    for market in &settlement.markets {
                        offers.insert(market.key.to_string(), MarketStatus::Settled);
                    }
                }
                _ => {}
            }
        }
        assert_eq!(Some(&event.status), status.as_ref(), "{id}");
        for market in &event.markets {
            let last = offers[&market.key.to_string()];
            let expected = if last == MarketStatus::Active { MarketStatus::Suspended } else { last };
            assert_eq!(market.status, expected, "{id} {}", market.key);
            if last == MarketStatus::Active {
                let reason = if stopped { Suspension::BetStop } else { Suspension::Gap };
                assert_eq!(market.suspension, Some(reason), "{id} {}", market.key);
                shut += 1;
            }
        }
    }
    assert!(shut > 6, "{shut} markets were open");
}

/// The fingerprints of ready-made scenarios, every message of them, faults and all, and when each is due. They change only
/// when what is sent is meant to change; then they are written here anew.
const STREAMS: [(&str, u64); 2] =
    [("all-faults", 15_712_700_792_235_803_030), ("many-providers", 8_620_967_682_866_601_749)];

#[test]
fn the_same_scenario_makes_the_same_bytes_on_every_machine() {
    let streams = STREAMS.map(|(name, _)| {
        let scenario = Scenario::load(name).unwrap();
        let scene = scenario.play(START).unwrap();
        assert_eq!(scene, scenario.play(START).unwrap());
        let other = Scenario { seed: scenario.seed + 1, ..scenario };
        assert_ne!(fingerprint(&scene), fingerprint(&other.play(START).unwrap()));
        (name, fingerprint(&scene))
    });
    assert_eq!(streams, STREAMS, "the streams are others than they were");
}

#[test]
fn messages_say_the_times_at_which_they_are_due_whatever_the_profile() {
    for profile in
        ["ramp = { from = 1, to = 9 }", "bursts = { times = 10, seconds = 1 }", "steps = [1, 0, 5]"]
    {
        let scene = played(&format!(
            "description = \"d\"\nseed = 4\nseconds = 20\n[sports.hockey]\ngames = 3\nrate = 100\nprofile.{profile}\n"
        ));
        for index in 0..scene.schedule.len() {
            let due = i64::try_from(scene.schedule.offset_ns(index) / 1_000).unwrap();
            assert_eq!(message(&scene, index).unwrap().generated_at.micros_since(START), due);
        }
        agrees(&scene);
    }
}

#[test]
fn games_that_begin_late_are_given_up_or_abandoned_are_told_in_a_unified_odds_feed_too() {
    let sports = Sport::ALL.map(|sport| format!("[sports.{sport}]\ngames = 100\nrate = 100\n")).concat();
    let uof = "[[producers]]\nprovider = \"uof\"\nname = \"1\"\nformat = \"uof\"\n";
    let (mut late, mut given_up, mut abandoned) = (0, 0, 0);
    for seed in 4..8 {
        let scene = played(&format!("description = \"d\"\nseed = {seed}\nseconds = 60\n{uof}{sports}"));
        agrees(&scene);
        let is_late = |index: &usize| {
            let Content::Event(event) = message(&scene, *index).unwrap().content else { return false };
            matches!(event.body, Body::FixtureChange(_))
        };
        late += (0..scene.schedule.len()).filter(is_late).count();
        let is_abandoned = |event: &&LedgerEvent| event.status.match_status == MatchStatus::Abandoned;
        abandoned += events(&scene.ledger).filter(is_abandoned).count();
        given_up += events(&scene.ledger).filter(|event| is_given_up(event)).count();
    }
    let seen = format!("{late} begin late, {given_up} are given up, {abandoned} are abandoned");
    println!("{seen}");
    assert!(late > 0 && given_up > 0 && abandoned > 0, "{seen}");
}

#[test]
fn whoever_competes_has_an_id_of_their_own_in_the_whole_run() {
    let scene = Scenario::load("many-providers").unwrap().play(START).unwrap();
    let competitors = events(&scene.ledger).flat_map(|event| [&event.fixture.home, &event.fixture.away]);
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for competitor in competitors {
        let before = names.insert(competitor.id.to_string(), competitor.name.as_str());
        assert_eq!(before, None, "{} is somebody already", competitor.id);
    }
    assert!(names.len() > 4);
}

#[test]
fn a_hot_game_has_its_share() {
    let scene = played(
        "description = \"d\"\nseed = 4\nseconds = 60\n[sports.football]\ngames = 6\nrate = 400\nhot = { games = 1, share = 0.7 }\n",
    );
    let all: u64 = events(&scene.ledger).map(|event| event.messages).sum();
    let most = events(&scene.ledger).map(|event| event.messages).max().unwrap();
    assert!((0.68..0.72).contains(&(most as f64 / all as f64)), "{most} of {all}");
}

#[test]
fn games_are_dealt_to_producers_and_each_speaks_in_its_format() {
    let scene = Scenario::load("many-providers").unwrap().play(START).unwrap();
    for (ledger, format) in scene.ledger.producers.iter().zip([Format::Json, Format::Xml, Format::Uof]) {
        let sports: Vec<Sport> = ledger.events.iter().map(|event| event.sport).collect();
        assert_eq!(
            sports,
            [[Sport::Football; 3].as_slice(), &[Sport::Basketball; 2], &[Sport::Hockey; 2]].concat()
        );
        for event in &ledger.events {
            assert_eq!(message_format(&scene, &event.event_id), format);
        }
    }
    let mut last: BTreeMap<usize, Timestamp> = BTreeMap::new();
    for index in 0..scene.schedule.len() {
        let channel = scene.schedule.channel(index);
        if scene.schedule.channels()[channel].format != Format::Uof {
            continue;
        }
        let at = message(&scene, index).unwrap().generated_at;
        let before = last.insert(channel, at);
        assert!(before.is_none_or(|before| before.0 / 1_000 < at.0 / 1_000), "no two of one millisecond");
    }
}

/// The scenario with room for every fault, and this many of each.
fn with_faults(seed: u64, counts: &[(&str, u32)]) -> Result<Scene, String> {
    let mut text = format!(
        "description = \"d\"\nseed = {seed}\nseconds = 40\n\
         [[producers]]\nprovider = \"md\"\nname = \"live\"\nformat = \"json\"\n\
         [[producers]]\nprovider = \"md\"\nname = \"second\"\nformat = \"xml\"\n\
         [sports.football]\ngames = 8\nrate = 80\n[sports.tennis]\ngames = 8\nrate = 80\n\
         [sports.hockey]\ngames = 8\nrate = 80\n[faults]\nhold_ms = 500\nsilence_seconds = 3\n"
    );
    for (kind, count) in counts {
        text.push_str(&format!("{kind} = {count}\n"));
    }
    Scenario::parse(&text).unwrap().play(START).map_err(|error| error.to_string())
}

/// Each fault did what it says, and its messages are where it says.
fn shows(scene: &Scene, fault: &Fault) {
    let id = fault.event_id.as_ref();
    let messages: Vec<usize> = fault.messages.iter().map(|place| *place as usize).collect();
    let is_of_event = |place: &usize| {
        let channel = &scene.schedule.channels()[scene.schedule.channel(*place)];
        id.is_none_or(|id| channel.event_id.as_deref() == Some(id.as_str()))
    };
    assert!(messages.iter().all(is_of_event), "{fault:?}");
    assert!(!fault.outcomes.is_empty(), "{fault:?}");
    if scene.silences().iter().any(|quiet| quiet.during_ns.end > fault.at_ns) {
        return;
    }
    let due = |place: usize| scene.schedule.offset_ns(place);
    let read = |place: usize| message(scene, place);
    match &fault.kind {
        Kind::Duplicate { .. } | Kind::UnknownEvent => assert_eq!(messages.len(), 1, "{fault:?}"),
        Kind::Gap { .. } => {
            assert!(messages.is_empty() && scene.ledger.stalled.contains(id.unwrap()), "{fault:?}");
        }
        Kind::Reorder { .. } => assert!(due(messages[0]) - fault.at_ns <= 250_000_001, "{fault:?}"),
        Kind::ReorderBeyond { after_ns } | Kind::GapFilled { after_ns, .. } => {
            assert!(
                *after_ns > 500_000_000 && messages.iter().all(|&place| due(place) >= fault.at_ns + after_ns)
            );
        }
        Kind::Silence { .. } => assert!(messages.is_empty(), "{fault:?}"),
        Kind::Late { .. } => {
            let late = |&place: &usize| {
                let made = read(place).map(|message| message.generated_at.micros_since(START));
                made.is_none_or(|made| made <= i64::try_from(due(place) / 1_000).unwrap())
            };
            assert!(messages.iter().all(late), "{fault:?}");
        }
        Kind::ClockSkew { ahead_ns, .. } => {
            for &place in &messages {
                let made = read(place).unwrap().generated_at.micros_since(START);
                let skew = made - i64::try_from(due(place) / 1_000).unwrap();
                assert!((skew - ahead_ns / 1_000).abs() <= 3_000_001, "{fault:?}: {skew}");
            }
        }
        Kind::Malformed { .. } => {
            let bytes = scene.schedule.message(messages[0]);
            let is_taken = read(messages[0]).is_some_and(|message| {
                message.source.provider.as_str() == "md"
                    && domain::check_alone(&message).is_ok()
                    && bytes.len() < 262_144
            });
            assert!(!is_taken && fault.outcomes[0].answers == [400, 422], "{fault:?}");
        }
        Kind::WrongSport { .. } => {
            let message = read(messages[0]).unwrap();
            assert!(domain::check_alone(&message).is_err(), "{fault:?}");
        }
        Kind::Restart { epoch } => {
            let first = read(messages[0]).unwrap().position().unwrap();
            assert_eq!(first, Position { epoch: *epoch, sequence: 1 }, "{fault:?}");
        }
        Kind::SettlementRollback { markets } => {
            assert_eq!(messages.len(), 3, "{fault:?}");
            let types: Vec<&str> =
                messages.iter().map(|&place| read(place).unwrap().message_type().as_str()).collect();
            assert_eq!(types, ["settlement", "settlement_rollback", "settlement"]);
            assert!(*markets > 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_the_ledger_says_what_must_come_of_it(
        seed in 0_u64..1_000_000,
        single in prop::array::uniform5(0_u32..6),
        owning in prop::array::uniform7(0_u32..3),
        silence in 0_u32..2,
    ) {
        println!("seed {seed}");
        let names = ["duplicate", "reorder", "malformed", "wrong_sport", "unknown_event"];
        let owners =
            ["reorder_beyond", "gap", "gap_filled", "late", "clock_skew", "restart", "settlement_rollback"];
        let counts: Vec<(&str, u32)> = names.into_iter().zip(single).chain(owners.into_iter().zip(owning))
            .chain([("silence", silence)]).collect();
        let wanted: u32 = counts.iter().map(|(_, count)| count).sum();
        let scene = with_faults(seed, &counts).unwrap();
        prop_assert_eq!(scene.ledger.faults.faults.len(), wanted as usize);
        agrees(&scene);
        for fault in &scene.ledger.faults.faults {
            shows(&scene, fault);
        }
    }
}

#[test]
fn nobody_speaks_while_a_producer_is_silent() {
    let scene = with_faults(5, &[("silence", 2), ("duplicate", 20)]).unwrap();
    let silences = scene.silences();
    assert_eq!(silences.len(), 2);
    for index in 0..scene.schedule.len() {
        let source = message(&scene, index).unwrap().source;
        let at = scene.schedule.offset_ns(index);
        let is_silent =
            silences.iter().any(|quiet| quiet.producer == source.producer && quiet.during_ns.contains(&at));
        assert!(!is_silent, "message {index} of {} at {at}", source.producer);
    }
}

#[test]
fn behind_what_never_comes_no_more_waits_than_may() {
    for seed in 0..5 {
        println!("seed {seed}");
        let scene = played(&format!(
            "description = \"A long game\"\nseed = {seed}\nseconds = 600\n[sports.football]\ngames = 1\nrate = 10\n[faults]\ngap = 1\n"
        ));
        let messages = scene.schedule.len() as u64;
        let first = scene.ledger.faults.faults[0].sequence.unwrap();
        assert!(messages > 5_000 && messages - first <= 900, "message {first} of {messages} is missing");
    }
}

#[test]
fn what_goes_wrong_is_planned_for_the_speed_at_which_it_is_sent() {
    let text = |faults: &str| {
        format!(
            "description = \"Games\"\nseed = 3\nseconds = 600\n[sports.hockey]\ngames = 4\nrate = 20\n[faults]\n{faults}\n"
        )
    };
    let late = |speed: Speed| {
        let scene = Scenario::parse(&text("reorder_beyond = 1\nsilence = 1\nhold_ms = 1000")).unwrap();
        let faults = scene.play_for(START, speed).map(|scene| scene.ledger.faults.faults)?;
        Ok::<_, simulator::scenario::LowerError>(faults.into_iter().fold((0, 0), |(after, silent), fault| {
            match fault.kind {
                Kind::ReorderBeyond { after_ns } => (after_ns, silent),
                Kind::Silence { for_ns, .. } => (after, for_ns),
                _ => (after, silent),
            }
        }))
    };
    let ((after, silent), (after_at_four, silent_at_four)) =
        (late(Speed::Factor(1.0)).unwrap(), late(Speed::Factor(4.0)).unwrap());
    assert_eq!(
        (silent, silent_at_four),
        (25_000_000_000, 100_000_000_000),
        "25 s of the clock, at any speed"
    );
    assert!(after >= 3_000_000_000 && after_at_four >= 12_000_000_000, "{after}, {after_at_four}");
    let error = late(Speed::Max).unwrap_err().to_string();
    assert_eq!(
        error,
        "at top speed everything is due at once, and nothing can come too late: play it without `reorder_beyond`, or at a speed"
    );
}

#[test]
fn more_faults_than_there_is_room_for_are_refused() {
    let refused = with_faults(1, &[("gap", 30)]).unwrap_err();
    assert!(refused.starts_with("24:7: 24 of 30 faults `gap` found room; "), "{refused}");
}

#[test]
fn a_run_is_written_down_with_its_faults_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let scene = with_faults(2, &[("gap", 1), ("malformed", 3)]).unwrap();
    scene.ledger.save(&path).unwrap();
    assert_eq!(RunLedger::load(&path).unwrap(), scene.ledger);
    let beside = std::fs::read(RunLedger::faults_path(&path)).unwrap();
    let plan: simulator::faults::FaultPlan = serde_json::from_slice(&beside).unwrap();
    assert_eq!(plan, scene.ledger.faults);
    let of_gap = plan.faults.iter().find(|fault| matches!(fault.kind, Kind::Gap { .. })).unwrap();
    assert_eq!(of_gap.outcomes[0].effects, [Effect::GapDeclared, Effect::Stalled]);
}
