//! A game as an importer tells it: its messages, numbered from 1, and how the game stands.

use std::collections::BTreeMap;
use std::fmt::Display;

use domain::message::SCHEMA;
use domain::{
    Body, Clock, Content, EventId, EventMessage, EventStatus, FeedMessage, MatchStatus, MessageId, Name,
    PeriodScore, Position, Score, Side, Source, Sport, Status, Timestamp, Urn,
};

use super::Imported;
use crate::format::Format;
use crate::recording::Header;

/// The messages of one game, of its provider's producer `live`.
pub(super) struct Tale {
    sport: Sport,
    source: Source,
    event_id: EventId,
    /// What message ids begin with.
    ids: String,
    start: Timestamp,
    messages: Vec<(u64, FeedMessage)>,
}

impl Tale {
    /// Nothing is told before `start`. The event becomes `{provider}:game:{game_id}`, its messages
    /// `{provider}:{game_id}:1` and so on; neither part may hold what does not belong in a URN.
    pub(super) fn new(provider: &str, game_id: impl Display, sport: Sport, start: Timestamp) -> Self {
        let name = |name| Name::new(name).expect("providers and producers have plain names");
        Self {
            sport,
            source: Source { provider: name(provider), producer: name("live") },
            event_id: urn(provider, "game", &game_id),
            ids: format!("{provider}:{game_id}"),
            start,
            messages: Vec::new(),
        }
    }

    /// Says something at `generated_at`, which is never before what was said last.
    pub(super) fn say(&mut self, body: Body, occurred_at: Option<Timestamp>, generated_at: Timestamp) {
        let sequence = self.messages.len() as u64 + 1;
        let message = FeedMessage {
            schema: SCHEMA,
            message_id: MessageId::new(format!("{}:{sequence}", self.ids))
                .expect("URN characters are visible"),
            source: self.source.clone(),
            request_id: None,
            occurred_at,
            generated_at,
            received_at: None,
            content: Content::Event(EventMessage {
                sport: self.sport,
                event_id: self.event_id.clone(),
                position: Some(Position { epoch: 1, sequence }),
                body,
            }),
        };
        let offset_micros = generated_at.micros_since(self.start);
        self.messages.push((offset_micros.unsigned_abs() * 1_000, message));
    }

    /// The whole game; `source` says in words where it comes from.
    pub(super) fn end(self, source: String, left_out: BTreeMap<String, u64>) -> Imported {
        Imported {
            header: Header::new(self.source.provider, Format::Json, source, None),
            messages: self.messages,
            left_out,
        }
    }
}

/// How a game stands.
pub(super) struct Board {
    sport: Sport,
    pub(super) phase: MatchStatus,
    pub(super) clock: Option<Clock>,
    pub(super) score: Score,
    pub(super) period_scores: Vec<PeriodScore>,
}

impl Board {
    pub(super) fn new(sport: Sport) -> Self {
        Self {
            sport,
            phase: MatchStatus::NotStarted,
            clock: None,
            score: Score::default(),
            period_scores: Vec::new(),
        }
    }

    /// The game comes to a part of it. What was entered late does not bring back a part that is over.
    pub(super) fn reach(&mut self, part: MatchStatus) {
        let place = |part| self.sport.rules().phases.iter().position(|&phase| phase == part);
        if place(part) > place(self.phase) {
            self.phase = part;
        }
    }

    /// The game comes to a part that has a score of its own.
    pub(super) fn begin(&mut self, period: MatchStatus) {
        self.reach(period);
        if !self.period_scores.iter().any(|score| score.period == period) {
            self.period_scores.push(PeriodScore { period, home: 0, away: 0 });
        }
    }

    /// Adds to the score of a period that has begun.
    pub(super) fn count_in_period(&mut self, period: MatchStatus, side: Side, points: u32) {
        for score in self.period_scores.iter_mut().filter(|score| score.period == period) {
            match side {
                Side::Home => score.home += points,
                Side::Away => score.away += points,
            }
        }
    }

    /// Adds to the score that counts.
    pub(super) fn count(&mut self, side: Side, points: u32) {
        match side {
            Side::Home => self.score.home += points,
            Side::Away => self.score.away += points,
        }
    }

    pub(super) fn status(&self, status: EventStatus) -> Status {
        Status {
            period_scores: self.period_scores.clone(),
            clock: self.clock,
            ..Status::new(status, self.phase, self.score)
        }
    }
}

/// An id in the provider's namespace, of parts that belong in a URN.
pub(super) fn urn(provider: &str, kind: &str, id: impl Display) -> Urn {
    Urn::new(format!("{provider}:{kind}:{id}")).expect("letters, digits and hyphens belong in a URN")
}

/// The side that is not this one.
pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Home => Side::Away,
        Side::Away => Side::Home,
    }
}
