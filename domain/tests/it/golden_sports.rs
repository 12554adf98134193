//! Golden messages of each sport, written by hand: what is peculiar to it reads as it was meant, and keeps its rules.

use domain::codec::json;
use domain::message::{OddsChange, Settlement};
use domain::{
    Body, Clock, Content, EventMessage, EventStatus, Fixture, Incident, IncidentAction, IncidentKind,
    MatchStatus, Score, Side, Sport, Status,
};

use crate::build::{at, competitor, period, status, text, urn};
use crate::golden::line;

fn event(name: &str) -> EventMessage {
    match json::decode(line(name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}")).content {
        Content::Event(event) => event,
        Content::Producer(_) => panic!("{name} is of an event"),
    }
}

fn fixture(name: &str) -> Fixture {
    match event(name).body {
        Body::Fixture(fixture) => fixture,
        other => panic!("{name} is {other:?}"),
    }
}

fn status_of(name: &str) -> Status {
    match event(name).body {
        Body::EventStatus(status) => status,
        other => panic!("{name} is {other:?}"),
    }
}

fn incident(name: &str) -> Incident {
    match event(name).body {
        Body::Incident(incident) => incident,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn football_has_added_time_extra_time_and_a_shoot_out_that_does_not_count() {
    let halves = [period(MatchStatus::Half1, 1, 0), period(MatchStatus::Half2, 1, 2)];
    let in_added_time = Status {
        period_scores: vec![halves[0]],
        clock: Some(Clock::new(45 * 60 + 173, false)),
        ..status(EventStatus::Live, MatchStatus::Half1, 1, 0)
    };
    assert_eq!(status_of("football_event_status"), in_added_time);
    let in_extra_time = Status {
        period_scores: [&halves[..], &[period(MatchStatus::ExtraTime1, 0, 0)]].concat(),
        clock: Some(Clock::new(312, false)),
        ..status(EventStatus::Live, MatchStatus::ExtraTime1, 2, 2)
    };
    assert_eq!(status_of("football_event_status_extra_time"), in_extra_time);
    let late = [
        period(MatchStatus::ExtraTime1, 0, 0),
        period(MatchStatus::ExtraTime2, 1, 1),
        period(MatchStatus::Penalties, 4, 2),
    ];
    let ended = Status {
        period_scores: [&halves[..], &late].concat(),
        ..status(EventStatus::Ended, MatchStatus::EndedAfterPenalties, 3, 3)
    };
    assert_eq!(status_of("football_event_status_ended"), ended);

    let goal = incident("football_incident");
    assert_eq!((goal.kind, goal.elapsed_seconds), (IncidentKind::Goal, Some(2_871)));
    assert_eq!(fixture("football_fixture").away, competitor("md:competitor:214", "Vento & Mar", Some("V&M")));
}

#[test]
fn basketball_counts_quarters_and_overtime() {
    let quarters = [
        period(MatchStatus::Quarter1, 28, 25),
        period(MatchStatus::Quarter2, 26, 30),
        period(MatchStatus::Quarter3, 27, 24),
        period(MatchStatus::Quarter4, 24, 26),
    ];
    let in_overtime = Status {
        period_scores: [&quarters[..], &[period(MatchStatus::Overtime, 7, 5)]].concat(),
        clock: Some(Clock::new(187, false)),
        ..status(EventStatus::Live, MatchStatus::Overtime, 112, 110)
    };
    assert_eq!(status_of("basketball_event_status_overtime"), in_overtime);
    let ended = Status {
        period_scores: [&quarters[..], &[period(MatchStatus::Overtime, 11, 9)]].concat(),
        ..status(EventStatus::Ended, MatchStatus::EndedAfterOvertime, 116, 114)
    };
    assert_eq!(status_of("basketball_event_status_ended"), ended);

    let basket = incident("basketball_incident");
    assert_eq!((basket.kind, basket.action), (IncidentKind::ThreePointsMade, IncidentAction::Amended));
    assert_eq!(basket.score, Some(Score { home: 112, away: 110 }));
}

#[test]
fn tennis_has_points_a_server_a_tie_break_and_players_who_give_up() {
    let tie_break = Status {
        period_scores: vec![period(MatchStatus::Set1, 6, 6)],
        game_score: Some(Score { home: 8, away: 7 }),
        server: Some(Side::Away),
        tie_break: true,
        ..status(EventStatus::Live, MatchStatus::Set1, 0, 0)
    };
    assert_eq!(status_of("tennis_event_status"), tie_break);
    let advantage = Status {
        period_scores: vec![period(MatchStatus::Set1, 7, 6), period(MatchStatus::Set2, 3, 2)],
        game_score: Some(Score { home: 40, away: 50 }),
        server: Some(Side::Home),
        ..status(EventStatus::Live, MatchStatus::Set2, 1, 0)
    };
    assert_eq!(status_of("tennis_event_status_advantage"), advantage);
    let retired = Status {
        period_scores: vec![period(MatchStatus::Set1, 7, 6), period(MatchStatus::Set2, 4, 2)],
        ..status(EventStatus::Ended, MatchStatus::AwayRetired, 1, 0)
    };
    assert_eq!(status_of("tennis_event_status_retired"), retired);

    let retirement = incident("tennis_incident");
    assert_eq!((retirement.kind, retirement.side), (IncidentKind::Retirement, Some(Side::Away)));
    assert_eq!(retirement.player, Some(text("Ana-Lucía O'Shea")));
    let fixture = fixture("tennis_fixture");
    assert_eq!(
        (fixture.scheduled_start, fixture.tournament.expect("one").id),
        (at(1_771_340_400_000_000), urn("md:tournament:33"))
    );
}

#[test]
fn golden_messages_keep_the_rules_of_their_sport() {
    for (sport, statuses) in [
        (Sport::Football, ["event_status", "event_status_extra_time", "event_status_ended"]),
        (Sport::Basketball, ["event_status", "event_status_overtime", "event_status_ended"]),
        (Sport::Tennis, ["event_status", "event_status_advantage", "event_status_retired"]),
    ] {
        let rules = sport.rules();
        let mut previous = None;
        for name in statuses {
            let next = status_of(&format!("{sport}_{name}"));
            assert_eq!(rules.check_status(previous.as_ref(), &next), Ok(()), "{sport} {name}");
            previous = Some(next);
        }
        assert!(rules.incidents.contains(&incident(&format!("{sport}_incident")).kind));
        for name in ["odds_change", "settlement"] {
            let event = event(&format!("{sport}_{name}"));
            assert_eq!(event.sport, sport);
            let ids: Vec<u32> = match event.body {
                Body::OddsChange(OddsChange { markets, .. }) => {
                    markets.iter().map(|market| market.key.id).collect()
                }
                Body::Settlement(Settlement { markets, .. }) => {
                    markets.iter().map(|market| market.key.id).collect()
                }
                other => panic!("{name} is {other:?}"),
            };
            assert!(ids.len() >= 3 && ids.iter().all(|&id| rules.market(id).is_some()), "{ids:?}");
        }
    }
}
