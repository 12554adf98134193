//! What has to be said of a game, and when: every beat as messages, before prices fill the time between them.

use domain::id::{IncidentId, Text};
use domain::message::Certainty;
use domain::{EventStatus, Incident, IncidentAction};

use super::beat::{Beat, Play, What};
use super::board::Board;
use super::game::{Game, Manner, Weight};

/// A message that has its place in the game; odds are made when their time comes.
pub(super) struct Planned<'b, B> {
    pub(super) at_ms: u64,
    weight: Weight,
    pub(super) beat: &'b Beat<B>,
    pub(super) what: Said,
}

pub(super) enum Said {
    Fixture,
    Status(EventStatus),
    Incident(Incident),
    Stop,
    Offer,
    Settlement(Certainty),
}

/// Everything that has to be said in a game that is to have `messages` messages, in order. What may be left out is,
/// evenly, until at least half of the room beside the rest is free for prices.
pub(super) fn script<G: Game>(beats: &[Beat<G::Board>], messages: usize) -> Vec<Planned<'_, G::Board>> {
    let mut planned = planned::<G>(beats);
    let count = |weight| planned.iter().filter(|planned| planned.weight == weight).count();
    let room = messages.saturating_sub(count(Weight::Must));
    let major = Thinning::new(count(Weight::Major), room / 2);
    let minor = Thinning::new(count(Weight::Minor), room / 2 - major.kept);
    let mut thinnings = (major, minor);
    planned.retain(|planned| match planned.weight {
        Weight::Must => true,
        Weight::Major => thinnings.0.keeps_next(),
        Weight::Minor => thinnings.1.keeps_next(),
    });
    planned
}

/// Keeps some of many, evenly.
struct Thinning {
    all: usize,
    kept: usize,
    seen: usize,
}

impl Thinning {
    fn new(all: usize, room: usize) -> Self {
        Self { all, kept: all.min(room), seen: 0 }
    }

    fn keeps_next(&mut self) -> bool {
        self.seen += 1;
        self.seen * self.kept / self.all > (self.seen - 1) * self.kept / self.all
    }
}

fn planned<G: Game>(beats: &[Beat<G::Board>]) -> Vec<Planned<'_, G::Board>> {
    let mut planned = Vec::with_capacity(beats.len() * 2);
    for (index, beat) in beats.iter().enumerate() {
        let mut add = |weight, what| planned.push(Planned { at_ms: beat.at_ms, weight, beat, what });
        match &beat.what {
            What::Announced => {
                add(Weight::Must, Said::Fixture);
                add(Weight::Must, Said::Status(EventStatus::NotStarted));
                add(Weight::Must, Said::Offer);
            }
            What::Danger => add(Weight::Must, Said::Stop),
            What::Calm => add(Weight::Must, Said::Offer),
            What::Shown => add(Weight::Must, Said::Status(EventStatus::Live)),
            What::Decided => add(Weight::Must, Said::Settlement(Certainty::LiveScouted)),
            What::Over => add(Weight::Must, Said::Status(EventStatus::Ended)),
            What::Confirmed => {
                add(Weight::Must, Said::Settlement(Certainty::Confirmed));
                add(Weight::Must, Said::Status(EventStatus::Closed));
            }
            What::Play(play) => {
                let manner = G::manner(play.kind);
                add(manner.weight, Said::Incident(incident(index, play, &beat.board, manner)));
                if manner.has_status {
                    add(manner.weight, Said::Status(EventStatus::Live));
                }
            }
        }
    }
    planned
}

fn incident<B: Board>(index: usize, play: &Play, board: &B, manner: Manner) -> Incident {
    let common = board.common();
    let part = common.last().map_or(common.phase, |score| score.period);
    Incident {
        incident_id: IncidentId::new(index.to_string()).expect("a number is an incident id"),
        action: IncidentAction::New,
        kind: play.kind,
        match_status: part,
        elapsed_seconds: B::has_clock(part).then_some(common.seconds),
        side: play.side,
        player: play.player.clone(),
        detail: play.detail.map(|detail| Text::new(detail).expect("a word of this program")),
        score: manner.has_score.then_some(common.score),
    }
}
