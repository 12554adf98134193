//! Who does what: players do what their places have them do, and nothing while they are off.

use std::collections::BTreeMap;

use domain::id::Text;
use domain::{Body, Incident, IncidentAction, IncidentKind, MatchStatus, Side, Sport};
use simulator::world;

const SEEDS: u64 = 60;
const SIDES: [Side; 2] = [Side::Home, Side::Away];

/// All incidents of a game, as they are told.
fn incidents(sport: Sport, seed: u64) -> Vec<Incident> {
    let mut incidents = Vec::new();
    world::watch(sport, seed, 0, &mut |_, body| {
        if let Body::Incident(incident) = body {
            incidents.push(incident);
        }
    });
    incidents
}

/// A side's players in the order in which they are listed.
fn line_up(incidents: &[Incident], side: Side) -> Vec<&Text> {
    let is_listed = |it: &&Incident| it.kind == IncidentKind::LineUp && it.side == Some(side);
    incidents.iter().filter(is_listed).filter_map(|it| it.player.as_ref()).collect()
}

/// What the players of some places did in the games of all seeds, by kind: how often, and how often anybody did.
fn counted(sport: Sport, places: &[usize]) -> BTreeMap<String, [u32; 2]> {
    let mut counts: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for seed in 0..SEEDS {
        let incidents = incidents(sport, seed);
        for side in SIDES {
            let listed = line_up(&incidents, side);
            let chosen: Vec<&Text> = places.iter().map(|place| listed[*place]).collect();
            for incident in incidents.iter().filter(|it| it.side == Some(side)) {
                let Some(player) = &incident.player else { continue };
                let [of_them, of_all] = counts.entry(format!("{:?}", incident.kind)).or_default();
                *of_them += u32::from(chosen.contains(&player));
                *of_all += 1;
            }
        }
    }
    println!("{sport}, {SEEDS} seeds, players {places:?}: {counts:?}");
    counts
}

#[test]
fn goalkeepers_of_hockey_only_leave_their_net_and_come_back() {
    for (kind, [of_them, of_all]) in counted(Sport::Hockey, &[0, 19]) {
        match kind.as_str() {
            "LineUp" => assert_eq!(of_them, 4 * u32::try_from(SEEDS).unwrap()),
            "GoalkeeperPulled" | "GoalkeeperReturned" => assert_eq!(of_them, of_all, "{kind}"),
            _ => assert_eq!(of_them, 0, "{kind}, of {of_all}"),
        }
    }
    let defenders = counted(Sport::Hockey, &[13, 14, 15, 16, 17, 18]);
    assert_eq!(defenders["FaceOff"][0], 0);
    assert!(defenders["Hit"][0] > 0);
}

#[test]
fn a_goalkeeper_of_football_kicks_off_goal_and_does_little_else() {
    let counts = counted(Sport::Football, &[0]);
    let [of_them, of_all] = counts["GoalKick"];
    assert!(10 * of_them > 9 * of_all, "{of_them} of {of_all} goal kicks");
    for kind in ["ThrowIn", "CornerKick", "Offside", "Goal", "ShotOnGoal", "MissedShot", "PenaltyKick"] {
        assert!(counts[kind][0] == 0 && counts[kind][1] > 0, "{kind}: {:?}", counts[kind]);
    }
    let [fouls, of_all] = counts["Foul"];
    assert!(fouls > 0 && 20 * fouls < of_all, "{fouls} of {of_all} fouls");
}

/// Who is to shoot is the one who does.
#[test]
fn a_penalty_kick_is_taken_by_whom_it_was_told_of() {
    let mut kicks = 0;
    for seed in 0..SEEDS {
        let incidents = incidents(Sport::Football, seed);
        for (place, kick) in incidents.iter().enumerate() {
            if kick.kind != IncidentKind::PenaltyKick {
                continue;
            }
            let is_shot = |it: &&Incident| it.detail.as_ref().is_some_and(|it| it.as_str() == "penalty");
            let shot = incidents[place..]
                .iter()
                .filter(|it| it.kind != IncidentKind::VideoReview)
                .find(is_shot)
                .unwrap();
            assert_eq!((&shot.player, shot.side), (&kick.player, kick.side), "seed {seed}");
            kicks += 1;
        }
    }
    assert!(kicks > 0);
}

#[test]
fn nobody_shoots_twice_in_a_shoot_out_before_the_others_have() {
    for (sport, others) in [(Sport::Football, 8), (Sport::Hockey, 18)] {
        let mut shots = 0;
        for seed in 0..4 * SEEDS {
            let incidents = incidents(sport, seed);
            for side in SIDES {
                let is_shot = |it: &&Incident| {
                    matches!(it.kind, IncidentKind::ShootoutGoal | IncidentKind::ShootoutMiss)
                        && it.side == Some(side)
                };
                let shooters: Vec<_> =
                    incidents.iter().filter(is_shot).take(others).map(|it| &it.player).collect();
                shots += shooters.len();
                let mut different = shooters.clone();
                different.sort();
                different.dedup();
                assert_eq!(different.len(), shooters.len(), "{sport} of seed {seed}: {shooters:?}");
            }
        }
        assert!(shots > 20, "{sport}: {shots} shots");
    }
}

/// Players in the penalty box: of which side, who, and how much of the game has been played when they come back.
type PenaltyBox = Vec<(Side, Text, u32)>;

/// Seconds of the whole game, where its clock counts.
fn played(incident: &Incident) -> Option<u32> {
    let before = match incident.match_status {
        MatchStatus::Period1 => 0,
        MatchStatus::Period2 => 1_200,
        MatchStatus::Period3 => 2_400,
        MatchStatus::Overtime => 3_600,
        _ => return None,
    };
    Some(before + incident.elapsed_seconds?)
}

#[test]
fn nobody_plays_while_in_the_penalty_box() {
    let mut penalties = 0;
    for seed in 0..SEEDS {
        let mut penalty_box = PenaltyBox::new();
        let mut before_goal = PenaltyBox::new();
        for incident in incidents(Sport::Hockey, seed) {
            if (incident.action, incident.kind) == (IncidentAction::Deleted, IncidentKind::Goal) {
                penalty_box.clone_from(&before_goal);
                continue;
            }
            let (Some(now), Some(side)) = (played(&incident), incident.side) else { continue };
            penalty_box.retain(|(_, _, until)| *until > now);
            if let Some(player) = &incident.player {
                let is_in_box = penalty_box.iter().any(|(of, name, _)| *of == side && name == player);
                assert!(!is_in_box, "seed {seed}: {incident:?} with {penalty_box:?}");
            }
            match (incident.kind, incident.player) {
                (IncidentKind::Penalty, Some(player)) => {
                    penalties += 1;
                    penalty_box.push((side, player, now + 120));
                }
                (IncidentKind::Goal, _) => {
                    before_goal.clone_from(&penalty_box);
                    let of = |of: bool| penalty_box.iter().filter(|it| (it.0 == side) == of).count();
                    if of(false) > of(true) {
                        penalty_box.remove(penalty_box.iter().position(|it| it.0 != side).unwrap());
                    }
                }
                _ => {}
            }
        }
    }
    assert!(penalties > 100, "{penalties} penalties");
}

/// What a player's last incident of a kind is, after which nothing more may be told of the player.
fn is_last(incident: &Incident) -> bool {
    matches!(incident.kind, IncidentKind::RedCard | IncidentKind::YellowRedCard | IncidentKind::Ejection)
}

#[test]
fn nobody_who_was_sent_off_does_anything_more() {
    for (sport, at_least) in [(Sport::Football, 10), (Sport::Basketball, 3)] {
        let mut sent_off = 0;
        for seed in 0..4 * SEEDS {
            let incidents = incidents(sport, seed);
            for (place, last) in incidents.iter().enumerate().filter(|(_, it)| is_last(it)) {
                sent_off += 1;
                let by = |it: &&Incident| (it.side, &it.player) == (last.side, &last.player);
                let more = incidents[place + 1..].iter().find(by);
                assert!(more.is_none(), "{sport} of seed {seed}: {more:?} after {last:?}");
            }
        }
        assert!(sent_off >= at_least, "{sport}: {sent_off} were sent off");
    }
}

/// Fouls that count for the player; one in attack is told as a turnover.
pub fn is_personal_foul(incident: &Incident) -> bool {
    let is_offensive = incident.detail.as_ref().is_some_and(|detail| detail.as_str() == "offensive-foul");
    incident.kind == IncidentKind::Foul || (incident.kind == IncidentKind::Turnover && is_offensive)
}

#[test]
fn the_sixth_personal_foul_ends_a_players_game() {
    let mut fouled_out = 0;
    for seed in 0..SEEDS {
        let incidents = incidents(Sport::Basketball, seed);
        let mut fouls: BTreeMap<(Side, &Text), u32> = BTreeMap::new();
        for (place, incident) in incidents.iter().enumerate() {
            let (Some(side), Some(player)) = (incident.side, &incident.player) else { continue };
            let of_player = fouls.entry((side, player)).or_default();
            let may_be_told = *of_player < 6 || incident.kind == IncidentKind::Ejection;
            assert!(may_be_told, "seed {seed}: {incident:?} after six fouls");
            *of_player += u32::from(is_personal_foul(incident));
            if *of_player == 6 {
                fouled_out += 1;
                let next = &incidents[place + 1..][..2];
                let is_replaced =
                    |it: &Incident| it.kind == IncidentKind::Substitution && it.side == Some(side);
                assert!(next.iter().any(is_replaced), "seed {seed}: {next:?} after {incident:?}");
            }
        }
    }
    println!("{fouled_out} players fouled out of {SEEDS} games");
    assert!(fouled_out > 0);
}

#[test]
fn who_is_hurt_in_basketball_goes_off_for_good_while_the_clock_stands() {
    let mut hurt = 0;
    for seed in 0..4 * SEEDS {
        let mut bodies = Vec::new();
        world::watch(Sport::Basketball, seed, 0, &mut |_, body| bodies.push(body));
        let injuries = bodies.iter().enumerate().filter_map(|(place, body)| match body {
            Body::Incident(incident) if incident.kind == IncidentKind::Injury => Some((place, incident)),
            _ => None,
        });
        for (place, injury) in injuries {
            hurt += 1;
            let shown = bodies[place..].iter().find_map(|body| match body {
                Body::EventStatus(status) => status.clock,
                _ => None,
            });
            assert!(shown.is_some_and(|clock| clock.stopped), "seed {seed}: {shown:?} after {injury:?}");
            let more = bodies[place + 1..].iter().find_map(|body| match body {
                Body::Incident(it) if (it.side, &it.player) == (injury.side, &injury.player) => Some(it),
                _ => None,
            });
            assert!(more.is_none(), "seed {seed}: {more:?} after {injury:?}");
        }
    }
    println!("{hurt} players were hurt in {} games", 4 * SEEDS);
    assert!(hurt > 0);
}
