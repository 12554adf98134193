//! Messages as they are read: each element by a function that takes its attributes first and then its children.

use std::collections::BTreeSet;

use super::reader::{Fault, Read, Reader};
use super::value;
use crate::fixture::FixtureChange;
use crate::id::{IdError, Name, Source};
use crate::limit::POSITION_MAX;
use crate::market::OutcomeResult;
use crate::message::{
    Alive, BetStop, Cancel, CancelRollback, CancelledMarket, Groups, OddsChange, Offer, ProducerBody,
    SettledMarket, SettledOutcome, Settlement, SettlementRollback, Snapshot, SnapshotComplete, Window,
};
use crate::{
    Body, Clock, Competitor, Content, EventMessage, FeedMessage, Fixture, Incident, MarketKey, MessageType,
    Outcome, PeriodScore, Position, Score, Standing, Statistics, Status, Tournament,
};

/// Reads a document that is one message.
pub(super) fn message(text: &str) -> Read<FeedMessage> {
    let reader = &mut Reader::new(text);
    let name = reader.root()?;
    let at = reader.element_at();
    let message_type = value::read(name).map_err(|error| Fault::schema(at, "", error))?;
    let message = FeedMessage {
        schema: reader.required("schema")?,
        message_id: reader.required("message_id")?,
        source: Source { provider: reader.required("provider")?, producer: reader.required("producer")? },
        request_id: reader.optional("request_id")?,
        occurred_at: reader.optional("occurred_at")?,
        generated_at: reader.required("generated_at")?,
        received_at: reader.optional("received_at")?,
        content: content(reader, message_type)?,
    };
    reader.end()?;
    Ok(message)
}

fn content(r: &mut Reader, message_type: MessageType) -> Read<Content> {
    let producer_body = match message_type {
        MessageType::Alive => ProducerBody::Alive(Alive { subscribed: r.required("subscribed")? }),
        MessageType::SnapshotComplete => ProducerBody::SnapshotComplete(SnapshotComplete {
            request_id: r.required("completed_request_id")?,
        }),
        event_type => {
            return Ok(Content::Event(EventMessage {
                sport: r.required("sport")?,
                event_id: r.required("event_id")?,
                position: position(r)?,
                body: body(r, event_type)?,
            }));
        }
    };
    r.close()?;
    Ok(Content::Producer(producer_body))
}

/// Both or neither: of a provider without sequences messages have no place.
fn position(r: &mut Reader) -> Read<Option<Position>> {
    let (epoch, sequence) = (place(r, "epoch")?, place(r, "sequence")?);
    match (epoch, sequence) {
        (Some(epoch), Some(sequence)) => Ok(Some(Position { epoch, sequence })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(r.lacks("epoch")),
        (Some(_), None) => Err(r.lacks("sequence")),
    }
}

fn place(r: &mut Reader, name: &str) -> Read<Option<u64>> {
    let number = r.optional(name)?;
    match number {
        Some(number) if !(1..=POSITION_MAX).contains(&number) => {
            Err(r.wrong(name, format_args!("{number} is not between 1 and 2^53")))
        }
        _ => Ok(number),
    }
}

fn body(r: &mut Reader, message_type: MessageType) -> Read<Body> {
    Ok(match message_type {
        MessageType::Fixture => Body::Fixture(fixture(r)?),
        MessageType::FixtureChange => Body::FixtureChange(fixture_change(r)?),
        MessageType::EventStatus => Body::EventStatus(status(r)?),
        MessageType::Incident => Body::Incident(incident(r)?),
        MessageType::OddsChange => Body::OddsChange(odds_change(r)?),
        MessageType::BetStop => Body::BetStop(bet_stop(r)?),
        MessageType::Settlement => {
            let certainty = r.required("certainty")?;
            Body::Settlement(Settlement { certainty, markets: children(r, "market", settled_market)? })
        }
        MessageType::SettlementRollback => {
            let markets = children(r, "market", market_key)?;
            Body::SettlementRollback(SettlementRollback { markets })
        }
        MessageType::Cancel => {
            let (window, superseded_by) = (window(r)?, r.optional("superseded_by")?);
            let markets = children(r, "market", cancelled_market)?;
            Body::Cancel(Cancel { markets, window, superseded_by })
        }
        MessageType::CancelRollback => {
            let window = window(r)?;
            Body::CancelRollback(CancelRollback { markets: children(r, "market", market_key)?, window })
        }
        MessageType::Snapshot => Body::Snapshot(snapshot(r)?),
        MessageType::Alive | MessageType::SnapshotComplete => {
            return Err(Fault::schema(r.element_at(), "", "a producer's message has no event"));
        }
    })
}

/// All children of one name, to the end of the element.
fn children<'t, T>(r: &mut Reader<'t>, name: &str, read: fn(&mut Reader<'t>) -> Read<T>) -> Read<Vec<T>> {
    let mut all = Vec::new();
    while let Some(child) = r.next_child()? {
        if child == name { all.push(read(r)?) } else { unknown(r, child)? }
    }
    Ok(all)
}

/// Passes over an element of a later version. One that is named as JSON names a list is none: whoever wraps markets into
/// it would find none of them.
fn unknown(r: &mut Reader, name: &str) -> Read<()> {
    const LISTS: [&str; 5] = ["markets", "outcomes", "period_scores", "groups", "messages"];
    if LISTS.contains(&name) {
        let detail = format_args!("there is no `{name}` around its elements: they stand by themselves");
        return Err(Fault::schema(r.element_at(), "", detail));
    }
    r.skip()
}

/// An element without children: what its attributes say, once it has ended.
fn leaf<T>(r: &mut Reader, value: T) -> Read<T> {
    r.close()?;
    Ok(value)
}

/// What is wrong where the element that begins at `at` lacks a child.
fn missing(at: usize, child: &str) -> Box<Fault> {
    Fault::schema(at, child, format_args!("missing element `{child}`"))
}

fn fixture(r: &mut Reader) -> Read<Fixture> {
    let at = r.element_at();
    let scheduled_start = r.required("scheduled_start")?;
    let (mut tournament, mut home, mut away) = (None, None, None);
    while let Some(child) = r.next_child()? {
        match child {
            "tournament" => r.once(&mut tournament, self::tournament)?,
            "home" => r.once(&mut home, competitor)?,
            "away" => r.once(&mut away, competitor)?,
            other => unknown(r, other)?,
        }
    }
    Ok(Fixture {
        scheduled_start,
        tournament,
        home: home.ok_or_else(|| missing(at, "home"))?,
        away: away.ok_or_else(|| missing(at, "away"))?,
    })
}

fn tournament(r: &mut Reader) -> Read<Tournament> {
    let tournament = Tournament { id: r.required("id")?, name: r.required("name")? };
    leaf(r, tournament)
}

fn competitor(r: &mut Reader) -> Read<Competitor> {
    let competitor = Competitor {
        id: r.required("id")?,
        name: r.required("name")?,
        abbreviation: r.optional("abbreviation")?,
    };
    leaf(r, competitor)
}

fn fixture_change(r: &mut Reader) -> Read<FixtureChange> {
    let change = FixtureChange {
        change: r.required("change")?,
        scheduled_start: r.optional("scheduled_start")?,
        next_live_time: r.optional("next_live_time")?,
    };
    leaf(r, change)
}

fn status(r: &mut Reader) -> Read<Status> {
    let at = r.element_at();
    let mut status = Status {
        server: r.optional("server")?,
        tie_break: r.optional("tie_break")?.unwrap_or_default(),
        correction: r.optional("correction")?.unwrap_or_default(),
        ..Status::new(r.required("status")?, r.required("match_status")?, Score::default())
    };
    let mut score = None;
    while let Some(child) = r.next_child()? {
        match child {
            "score" => r.once(&mut score, self::score)?,
            "period_score" => status.period_scores.push(period_score(r)?),
            "clock" => r.once(&mut status.clock, clock)?,
            "penalty_box" => r.once(&mut status.penalty_box, self::score)?,
            "game_score" => r.once(&mut status.game_score, self::score)?,
            "statistics" => r.once(&mut status.statistics, statistics)?,
            other => unknown(r, other)?,
        }
    }
    status.score = score.ok_or_else(|| missing(at, "score"))?;
    Ok(status)
}

fn score(r: &mut Reader) -> Read<Score> {
    let score = Score { home: r.required("home")?, away: r.required("away")? };
    leaf(r, score)
}

fn statistics(r: &mut Reader) -> Read<Statistics> {
    let mut statistics = Statistics::default();
    while let Some(child) = r.next_child()? {
        match child {
            "yellow_cards" => r.once(&mut statistics.yellow_cards, score)?,
            "red_cards" => r.once(&mut statistics.red_cards, score)?,
            "yellow_red_cards" => r.once(&mut statistics.yellow_red_cards, score)?,
            "corners" => r.once(&mut statistics.corners, score)?,
            other => unknown(r, other)?,
        }
    }
    Ok(statistics)
}

fn period_score(r: &mut Reader) -> Read<PeriodScore> {
    let score =
        PeriodScore { period: r.required("period")?, home: r.required("home")?, away: r.required("away")? };
    leaf(r, score)
}

fn clock(r: &mut Reader) -> Read<Clock> {
    let clock = Clock {
        elapsed_seconds: r.required("elapsed_seconds")?,
        stopped: r.optional("stopped")?.unwrap_or_default(),
        match_seconds: r.optional("match_seconds")?,
        remaining_seconds: r.optional("remaining_seconds")?,
    };
    leaf(r, clock)
}

fn incident(r: &mut Reader) -> Read<Incident> {
    let mut incident = Incident {
        incident_id: r.required("incident_id")?,
        action: r.required("action")?,
        kind: r.required("kind")?,
        match_status: r.required("match_status")?,
        elapsed_seconds: r.optional("elapsed_seconds")?,
        side: r.optional("side")?,
        player: r.optional("player")?,
        detail: r.optional("detail")?,
        score: None,
    };
    while let Some(child) = r.next_child()? {
        match child {
            "score" => r.once(&mut incident.score, score)?,
            other => unknown(r, other)?,
        }
    }
    Ok(incident)
}

fn market_key_attributes(r: &mut Reader) -> Read<MarketKey> {
    Ok(MarketKey { id: r.required("id")?, specifiers: r.optional("specifiers")?.unwrap_or_default() })
}

fn market_key(r: &mut Reader) -> Read<MarketKey> {
    let key = market_key_attributes(r)?;
    leaf(r, key)
}

fn offer(r: &mut Reader) -> Read<Offer> {
    let (key, status) = (market_key_attributes(r)?, r.required("status")?);
    let (favourite, cashout) = (r.optional("favourite")?.unwrap_or_default(), r.optional("cashout")?);
    let groups = r.parsed("groups", group_names)?.unwrap_or_default();
    Ok(Offer { key, status, favourite, cashout, groups, outcomes: children(r, "outcome", outcome)? })
}

/// Names with a bar between them.
fn group_names(text: &str) -> Result<BTreeSet<Name>, IdError> {
    text.split('|').map(Name::new).collect()
}

fn odds_change(r: &mut Reader) -> Read<OddsChange> {
    let (mut status, mut standing, mut markets) = (None, None, Vec::new());
    while let Some(child) = r.next_child()? {
        match child {
            "status" => r.once(&mut status, self::status)?,
            "standing" => r.once(&mut standing, self::standing)?,
            "market" => markets.push(offer(r)?),
            other => unknown(r, other)?,
        }
    }
    Ok(OddsChange { status, standing, markets })
}

fn standing(r: &mut Reader) -> Read<Standing> {
    let mut standing =
        Standing { status: r.required("status")?, match_status: r.required("match_status")?, clock: None };
    while let Some(child) = r.next_child()? {
        match child {
            "clock" => r.once(&mut standing.clock, clock)?,
            other => unknown(r, other)?,
        }
    }
    Ok(standing)
}

fn outcome(r: &mut Reader) -> Read<Outcome> {
    let outcome = Outcome {
        id: r.required("id")?,
        odds: r.optional("odds")?,
        probability: r.optional("probability")?,
        active: r.optional("active")?.unwrap_or(true),
        side: r.optional("side")?,
        result: result(r)?,
    };
    leaf(r, outcome)
}

/// Half a result is none: a void factor says nothing where the outcome has neither won nor lost.
fn result(r: &mut Reader) -> Read<Option<OutcomeResult>> {
    let (void, dead_heat) = (r.optional("void")?, r.optional("dead_heat")?);
    match r.optional("result")? {
        Some(result) => Ok(Some(OutcomeResult { result, void, dead_heat })),
        None if void.is_some() => Err(r.wrong("void", "there is no `result` that it belongs to")),
        None if dead_heat.is_some() => Err(r.wrong("dead_heat", "there is no `result` that it belongs to")),
        None => Ok(None),
    }
}

fn settled_market(r: &mut Reader) -> Read<SettledMarket> {
    let (key, void_reason) = (market_key_attributes(r)?, r.optional("void_reason")?);
    Ok(SettledMarket { key, void_reason, outcomes: children(r, "outcome", settled_outcome)? })
}

fn settled_outcome(r: &mut Reader) -> Read<SettledOutcome> {
    let outcome = SettledOutcome {
        id: r.required("id")?,
        result: OutcomeResult {
            result: r.required("result")?,
            void: r.optional("void")?,
            dead_heat: r.optional("dead_heat")?,
        },
    };
    leaf(r, outcome)
}

fn cancelled_market(r: &mut Reader) -> Read<CancelledMarket> {
    let market = CancelledMarket { key: market_key_attributes(r)?, void_reason: r.optional("void_reason")? };
    leaf(r, market)
}

fn window(r: &mut Reader) -> Read<Window> {
    Ok(Window { start_time: r.optional("start_time")?, end_time: r.optional("end_time")? })
}

fn bet_stop(r: &mut Reader) -> Read<BetStop> {
    let market_status = r.optional("market_status")?.unwrap_or_default();
    let groups: String = r.required("groups")?;
    let groups = match groups.as_str() {
        "all" => leaf(r, Groups::All)?,
        "named" => Groups::Named(children(r, "group", |r| {
            let name = r.required("name")?;
            leaf(r, name)
        })?),
        other => return Err(r.wrong("groups", format_args!("`{other}` is neither `all` nor `named`"))),
    };
    Ok(BetStop { groups, market_status })
}

fn snapshot(r: &mut Reader) -> Read<Snapshot> {
    let (mut fixture, mut status, mut markets, mut incidents) = (None, None, Vec::new(), None);
    while let Some(child) = r.next_child()? {
        match child {
            "fixture" => r.once(&mut fixture, self::fixture)?,
            "status" => r.once(&mut status, self::status)?,
            "market" => markets.push(offer(r)?),
            "incidents" => r.once(&mut incidents, |r| children(r, "incident", incident))?,
            other => unknown(r, other)?,
        }
    }
    Ok(Snapshot { fixture, status, markets, incidents })
}
