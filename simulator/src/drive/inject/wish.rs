//! How the next message is to go wrong, and what may come of it.

use std::time::Duration;

use domain::{Body, Sport};

use crate::faults::{
    Effect, Kind, Malformed, Outcome, is_rolled_back, is_unannounced, sport_that_refuses, unnoticed,
};

/// How the next message goes wrong. Lengths are of the clock of whoever receives it, whatever the speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is sent twice.
    Duplicate,
    /// A copy of it is none any more.
    Malformed(Malformed),
    /// A copy of it names another sport.
    WrongSport,
    /// A copy of it is of an event that nobody has announced.
    UnknownEvent,
    /// So many messages of its event overtake it, within the window.
    Reorder(u32),
    /// It comes so much later, once the window has passed.
    ReorderBeyond(Duration),
    /// It and what follows it of its event are held up for so long, and then come in order.
    Late(Duration),
    /// It and those of its event that follow it are never sent, so many in all.
    Gap(u32),
    /// So many are missing, and come so much later.
    GapFilled(u32, Duration),
    /// It and those of its event that follow it, so many in all, have times that are so many seconds ahead.
    ClockSkew(u32, i32),
    /// Its event begins anew before it, in the next epoch and with a snapshot.
    Restart,
    /// It is a settlement that is taken back behind it, and made again.
    SettlementRollback,
}

impl Wish {
    /// What it is called, as its kind of fault is.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Malformed(_) => "malformed",
            Self::WrongSport => "wrong_sport",
            Self::UnknownEvent => "unknown_event",
            Self::Reorder(_) => "reorder",
            Self::ReorderBeyond(_) => "reorder_beyond",
            Self::Late(_) => "late",
            Self::Gap(_) => "gap",
            Self::GapFilled(..) => "gap_filled",
            Self::ClockSkew(..) => "clock_skew",
            Self::Restart => "restart",
            Self::SettlementRollback => "settlement_rollback",
        }
    }

    /// To how many messages it happens.
    pub(super) fn messages(self) -> u32 {
        match self {
            Self::Gap(count) | Self::GapFilled(count, _) | Self::ClockSkew(count, _) => count,
            _ => 1,
        }
    }

    /// Whether nothing else may hold back, move or renumber the messages of its event.
    pub(super) fn has_its_event_to_itself(self) -> bool {
        self.kind(Sport::Football).has_its_event_to_itself()
    }

    /// Whether it can happen to a message of this sport that says this.
    pub(super) fn fits(self, sport: Sport, body: &Body) -> bool {
        match self {
            Self::WrongSport => sport_that_refuses(sport, body).is_some(),
            Self::UnknownEvent => is_unannounced(body),
            Self::SettlementRollback => is_rolled_back(body),
            _ => true,
        }
    }

    /// What it is once it happens, as far as that is known before; of a copy that names another sport for a message of this one.
    pub(super) fn kind(self, sport: Sport) -> Kind {
        let nanos = |length: Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        match self {
            Self::Duplicate => Kind::Duplicate { after_ns: 0 },
            Self::Malformed(how) => Kind::Malformed { how },
            Self::WrongSport => Kind::WrongSport {
                sport: if sport == Sport::Tennis { Sport::Football } else { Sport::Tennis },
            },
            Self::UnknownEvent => Kind::UnknownEvent,
            Self::Reorder(overtaken_by) => Kind::Reorder { overtaken_by },
            Self::ReorderBeyond(length) => Kind::ReorderBeyond { after_ns: nanos(length) },
            Self::Late(length) => Kind::Late { by_ns: nanos(length) },
            Self::Gap(count) => Kind::Gap { count },
            Self::GapFilled(count, length) => Kind::GapFilled { count, after_ns: nanos(length) },
            Self::ClockSkew(count, seconds) => {
                Kind::ClockSkew { count, ahead_ns: i64::from(seconds) * 1_000_000_000 }
            }
            Self::Restart => Kind::Restart { epoch: 2 },
            Self::SettlementRollback => Kind::SettlementRollback { markets: 0 },
        }
    }

    /// What may come of it. Of a gap, whoever asks to recover the event is sent what was kept back. Of what comes too late nobody knows
    /// beforehand whether anything waits for it, or whether somebody asks for it before it does.
    pub(super) fn outcomes(self) -> Vec<Outcome> {
        let kind = self.kind(Sport::Football);
        match self {
            Self::ReorderBeyond(_) | Self::GapFilled(..) => unnoticed(&kind),
            Self::Gap(_) => {
                let recovered = Outcome { answers: Vec::new(), effects: vec![Effect::GapDeclared] };
                kind.outcomes().into_iter().chain([recovered]).collect()
            }
            _ => kind.outcomes(),
        }
    }
}
