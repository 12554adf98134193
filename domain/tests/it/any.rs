//! Any message that the native schema can express: every type, every field, present and absent.

use domain::fixture::{FixtureChange, FixtureChangeKind};
use domain::id::{OutcomeId, Text};
use domain::market::{Millionths, ResultKind, Specifiers, Void};
use domain::message::{
    Alive, BetStop, Cancel, CancelRollback, CancelledMarket, Certainty, Groups, OddsChange, Offer,
    ProducerBody, SchemaVersion, SettledMarket, SettledOutcome, Settlement, SettlementRollback, Snapshot,
    SnapshotComplete, StopStatus, Window,
};
use domain::{
    Body, Cashout, Clock, Competitor, Content, EventMessage, EventStatus, FeedMessage, Fixture, Incident,
    IncidentAction, IncidentId, IncidentKind, MarketKey, MarketStatus, MatchStatus, MessageId, Name, Odds,
    Outcome, OutcomeResult, PeriodScore, Position, Score, Side, Source, Sport, Standing, Statistics, Status,
    Timestamp, Tournament, Urn,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Any message.
pub fn message() -> impl Strategy<Value = FeedMessage> {
    let times = (of(timestamp()), timestamp(), of(timestamp()));
    (any::<u16>(), message_id(), source(), of(any::<u64>()), times, content()).prop_map(
        |(minor, message_id, source, request_id, (occurred_at, generated_at, received_at), content)| {
            FeedMessage {
                schema: SchemaVersion { major: 1, minor },
                message_id,
                source,
                request_id,
                occurred_at,
                generated_at,
                received_at,
                content,
            }
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let sport = select(Sport::ALL.to_vec());
    let of_event = (sport, urn(), of(position()), body()).prop_map(|(sport, event_id, position, body)| {
        Content::Event(EventMessage { sport, event_id, position, body })
    });
    let alive = any::<bool>().prop_map(|subscribed| ProducerBody::Alive(Alive { subscribed }));
    let complete =
        any::<u64>().prop_map(|request_id| ProducerBody::SnapshotComplete(SnapshotComplete { request_id }));
    prop_oneof![
        10 => of_event,
        1 => alive.prop_map(Content::Producer),
        1 => complete.prop_map(Content::Producer),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let stop = (groups(), select(vec![StopStatus::Suspended, StopStatus::Inactive]))
        .prop_map(|(groups, market_status)| BetStop { groups, market_status });
    let settlement = (certainty(), vec(settled(), 0..4))
        .prop_map(|(certainty, markets)| Settlement { certainty, markets });
    let cancel = (vec(cancelled(), 0..4), window(), of(urn()))
        .prop_map(|(markets, window, superseded_by)| Cancel { markets, window, superseded_by });
    let cancel_rollback =
        (vec(market_key(), 0..4), window()).prop_map(|(markets, window)| CancelRollback { markets, window });
    prop_oneof![
        fixture().prop_map(Body::Fixture),
        fixture_change().prop_map(Body::FixtureChange),
        status().prop_map(Body::EventStatus),
        incident().prop_map(Body::Incident),
        (of(status()), of(standing()), vec(offer(), 0..6)).prop_map(|(status, standing, markets)| {
            Body::OddsChange(OddsChange { status, standing, markets })
        }),
        stop.prop_map(Body::BetStop),
        settlement.prop_map(Body::Settlement),
        vec(market_key(), 0..4).prop_map(|markets| Body::SettlementRollback(SettlementRollback { markets })),
        cancel.prop_map(Body::Cancel),
        cancel_rollback.prop_map(Body::CancelRollback),
        snapshot().prop_map(Body::Snapshot),
    ]
}

fn fixture() -> impl Strategy<Value = Fixture> {
    let tournament = (urn(), text()).prop_map(|(id, name)| Tournament { id, name });
    (timestamp(), of(tournament), competitor(), competitor()).prop_map(
        |(scheduled_start, tournament, home, away)| Fixture { scheduled_start, tournament, home, away },
    )
}

fn competitor() -> impl Strategy<Value = Competitor> {
    (urn(), text(), of(text())).prop_map(|(id, name, abbreviation)| Competitor { id, name, abbreviation })
}

fn fixture_change() -> impl Strategy<Value = FixtureChange> {
    use FixtureChangeKind::{Cancelled, Coverage, Format, New, Pitcher, StartTime};
    let kind = select(vec![New, StartTime, Cancelled, Format, Coverage, Pitcher]);
    (kind, of(timestamp()), of(timestamp())).prop_map(|(change, scheduled_start, next_live_time)| {
        FixtureChange { change, scheduled_start, next_live_time }
    })
}

fn event_status() -> impl Strategy<Value = EventStatus> {
    use EventStatus::{
        Abandoned, Cancelled, Closed, Delayed, Ended, Interrupted, Live, NotStarted, Postponed, Suspended,
    };
    select(vec![
        NotStarted,
        Live,
        Suspended,
        Ended,
        Closed,
        Cancelled,
        Delayed,
        Interrupted,
        Postponed,
        Abandoned,
    ])
}

fn status() -> impl Strategy<Value = Status> {
    let period = (match_status(), any::<u32>(), any::<u32>()).prop_map(|(period, home, away)| PeriodScore {
        period,
        home,
        away,
    });
    let stands = (event_status(), match_status(), score(), vec(period, 0..6), of(clock()), any::<bool>());
    let side = of(select(vec![Side::Home, Side::Away]));
    (stands, of(score()), of(score()), side, any::<bool>(), of(statistics())).prop_map(
        |(stands, penalty_box, game_score, server, tie_break, statistics)| {
            let (status, match_status, score, period_scores, clock, correction) = stands;
            Status {
                status,
                match_status,
                score,
                period_scores,
                clock,
                penalty_box,
                game_score,
                server,
                tie_break,
                statistics,
                correction,
            }
        },
    )
}

fn clock() -> impl Strategy<Value = Clock> {
    (any::<u32>(), any::<bool>(), of(any::<u32>()), of(any::<u32>())).prop_map(
        |(elapsed_seconds, stopped, match_seconds, remaining_seconds)| Clock {
            elapsed_seconds,
            stopped,
            match_seconds,
            remaining_seconds,
        },
    )
}

fn standing() -> impl Strategy<Value = Standing> {
    (event_status(), match_status(), of(clock())).prop_map(|(status, match_status, clock)| Standing {
        status,
        match_status,
        clock,
    })
}

fn statistics() -> impl Strategy<Value = Statistics> {
    (of(score()), of(score()), of(score()), of(score())).prop_map(
        |(yellow_cards, red_cards, yellow_red_cards, corners)| Statistics {
            yellow_cards,
            red_cards,
            yellow_red_cards,
            corners,
        },
    )
}

fn match_status() -> impl Strategy<Value = MatchStatus> {
    let phases = Sport::ALL.into_iter().flat_map(|sport| sport.rules().phases).copied().collect::<Vec<_>>();
    select(phases).boxed().prop_union(select(vec![MatchStatus::Interrupted, MatchStatus::Abandoned]).boxed())
}

fn score() -> impl Strategy<Value = Score> {
    (any::<u32>(), any::<u32>()).prop_map(|(home, away)| Score { home, away })
}

fn incident() -> impl Strategy<Value = Incident> {
    let action = select(vec![IncidentAction::New, IncidentAction::Amended, IncidentAction::Deleted]);
    let kind = select::<IncidentKind>(
        Sport::ALL.into_iter().flat_map(|sport| sport.rules().incidents).copied().collect::<Vec<_>>(),
    );
    let id = "[A-Za-z0-9_.:-]{1,64}".prop_map(|id| IncidentId::new(id).expect("an id"));
    let side = of(select(vec![Side::Home, Side::Away]));
    (id, action, kind, match_status(), of(any::<u32>()), side, of(text()), of(text()), of(score())).prop_map(
        |(incident_id, action, kind, match_status, elapsed_seconds, side, player, detail, score)| Incident {
            incident_id,
            action,
            kind,
            match_status,
            elapsed_seconds,
            side,
            player,
            detail,
            score,
        },
    )
}

fn offer() -> impl Strategy<Value = Offer> {
    use MarketStatus::{Active, Cancelled, HandedOver, Inactive, Settled, Suspended};
    let status = select(vec![Active, Inactive, Suspended, HandedOver, Settled, Cancelled]);
    let cashout = of(select(vec![Cashout::Closed, Cashout::Unavailable, Cashout::Available]));
    let groups = prop::collection::btree_set(name(), 0..3);
    (market_key(), status, any::<bool>(), cashout, groups, vec(outcome(), 0..4)).prop_map(
        |(key, status, favourite, cashout, groups, outcomes)| Offer {
            key,
            status,
            favourite,
            cashout,
            groups,
            outcomes,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let odds = (1_000..=1_000_000_000_u32).prop_map(|odds| Odds::from_thousandths(odds).expect("in range"));
    let side = of(select(vec![Side::Home, Side::Away]));
    (outcome_id(), of(odds), of(share()), any::<bool>(), side, of(result())).prop_map(
        |(id, odds, probability, active, side, result)| Outcome {
            id,
            odds,
            probability,
            active,
            side,
            result,
        },
    )
}

fn result() -> impl Strategy<Value = OutcomeResult> {
    let result = select(vec![ResultKind::Lost, ResultKind::Won, ResultKind::Undecided]);
    (result, of(select(vec![Void::Half, Void::Full])), of(share()))
        .prop_map(|(result, void, dead_heat)| OutcomeResult { result, void, dead_heat })
}

fn settled() -> impl Strategy<Value = SettledMarket> {
    let outcome = (outcome_id(), result()).prop_map(|(id, result)| SettledOutcome { id, result });
    (market_key(), of(text()), vec(outcome, 0..4)).prop_map(|(key, void_reason, outcomes)| SettledMarket {
        key,
        void_reason,
        outcomes,
    })
}

fn cancelled() -> impl Strategy<Value = CancelledMarket> {
    (market_key(), of(text())).prop_map(|(key, void_reason)| CancelledMarket { key, void_reason })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (of(fixture()), of(status()), vec(offer(), 0..6), of(vec(incident(), 0..4)))
        .prop_map(|(fixture, status, markets, incidents)| Snapshot { fixture, status, markets, incidents })
}

fn certainty() -> impl Strategy<Value = Certainty> {
    select(vec![Certainty::LiveScouted, Certainty::Confirmed])
}

fn groups() -> impl Strategy<Value = Groups> {
    prop_oneof![Just(Groups::All), vec(name(), 0..3).prop_map(Groups::Named)]
}

fn window() -> impl Strategy<Value = Window> {
    (of(timestamp()), of(timestamp())).prop_map(|(start_time, end_time)| Window { start_time, end_time })
}

fn market_key() -> impl Strategy<Value = MarketKey> {
    let specifiers = vec(("[a-z]{1,8}", "[!-<>-{}~]{1,12}"), 0..4).prop_map(|mut pairs| {
        pairs.sort();
        pairs.dedup_by(|a, b| a.0 == b.0);
        let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        Specifiers::parse(&pairs.join("|")).expect("distinct keys")
    });
    (any::<u32>(), specifiers).prop_map(|(id, specifiers)| MarketKey { id, specifiers })
}

fn share() -> impl Strategy<Value = Millionths> {
    (0..=1_000_000_u32).prop_map(|millionths| Millionths::new(millionths).expect("in range"))
}

fn position() -> impl Strategy<Value = Position> {
    (1..=1_u64 << 53, 1..=1_u64 << 53).prop_map(|(epoch, sequence)| Position { epoch, sequence })
}

fn source() -> impl Strategy<Value = Source> {
    (name(), name()).prop_map(|(provider, producer)| Source { provider, producer })
}

fn name() -> impl Strategy<Value = Name> {
    "[a-z0-9_-]{1,32}".prop_map(|name| Name::new(name).expect("a name"))
}

fn urn() -> impl Strategy<Value = Urn> {
    "[A-Za-z0-9_.-]{1,8}:[a-z_]{1,12}:[A-Za-z0-9_.:-]{1,40}".prop_map(|urn| Urn::new(urn).expect("a URN"))
}

fn message_id() -> impl Strategy<Value = MessageId> {
    "[!-~]{1,96}".prop_map(|id| MessageId::new(id).expect("an id"))
}

fn outcome_id() -> impl Strategy<Value = OutcomeId> {
    "[!-~]{1,96}".prop_map(|id| OutcomeId::new(id).expect("an id"))
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof!["\\PC{1,40}", "[&<>\"'; #xlt]{1,20}"].prop_map(|text| Text::new(text).expect("a text"))
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}
