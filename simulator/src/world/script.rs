//! What has to be said of a game, and when: every beat as messages, before prices fill the time between them.

use domain::id::{IncidentId, Text};
use domain::message::Certainty;
use domain::{EventStatus, Incident, IncidentAction, MatchStatus};

use super::beat::{Beat, Earlier, Play, What};
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
    Delay {
        until_ms: u64,
    },
    Status(EventStatus),
    Correction,
    Incident(Incident),
    Stop,
    Offer,
    /// What has no price any more is taken off.
    TakeOff,
    Settlement(Certainty),
    Cancel,
}

/// Everything that has to be said in a game that is to have `messages` messages, in order. What may be left out is,
/// evenly, until at least half of the room beside the rest is free for prices. `questions` are those of all markets.
pub(super) fn script<G: Game>(
    beats: &[Beat<G::Board>],
    questions: Vec<G::Question>,
    messages: usize,
) -> Vec<Planned<'_, G::Board>> {
    let mut planned = planned::<G>(beats, Offered::new(questions));
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

/// Which markets have a price, beat by beat.
struct Offered<G: Game> {
    questions: Vec<G::Question>,
    are_open: Vec<bool>,
    /// Whether bets are stopped: then nothing is on offer, and an offer of all markets follows.
    stopped: bool,
}

impl<G: Game> Offered<G> {
    fn new(questions: Vec<G::Question>) -> Self {
        Self { are_open: vec![false; questions.len()], questions, stopped: false }
    }

    /// Whether a market that had a price until this beat has none any more while bets are taken.
    fn closes_at(&mut self, beat: &Beat<G::Board>) -> bool {
        let is_offer = matches!(beat.what, What::Announced | What::Calm);
        self.stopped = !is_offer && (self.stopped || matches!(beat.what, What::Danger));
        if self.stopped {
            return false;
        }
        let mut closes = false;
        for (question, was_open) in self.questions.iter().zip(&mut self.are_open) {
            let is_open = G::is_open(*question, &beat.board);
            closes |= std::mem::replace(was_open, is_open) && !is_open;
        }
        closes && !is_offer
    }
}

fn planned<G: Game>(beats: &[Beat<G::Board>], mut offered: Offered<G>) -> Vec<Planned<'_, G::Board>> {
    let mut planned = Vec::with_capacity(beats.len() * 2);
    let corrected: Vec<usize> = beats.iter().filter_map(|beat| earlier(&beat.what)).collect();
    for beat in beats {
        let mut add = |weight, what| planned.push(Planned { at_ms: beat.at_ms, weight, beat, what });
        let mut must = |what| add(Weight::Must, what);
        match &beat.what {
            What::Announced => {
                must(Said::Fixture);
                must(Said::Status(EventStatus::NotStarted));
                must(Said::Offer);
            }
            What::Delayed { until_ms } => {
                must(Said::Delay { until_ms: *until_ms });
                must(Said::Status(EventStatus::Delayed));
            }
            What::Danger => must(Said::Stop),
            What::Calm => must(Said::Offer),
            What::Shown => must(Said::Status(EventStatus::Live)),
            What::Halted => must(Said::Status(EventStatus::Interrupted)),
            What::Abandoned => must(Said::Status(EventStatus::Abandoned)),
            What::Corrected => must(Said::Correction),
            What::Amended(earlier) => {
                must(Said::Incident(retold::<G>(earlier, &beat.board, IncidentAction::Amended)));
            }
            What::Deleted(earlier) => {
                must(Said::Incident(retold::<G>(earlier, &beat.board, IncidentAction::Deleted)));
            }
            What::Decided => must(Said::Settlement(Certainty::LiveScouted)),
            What::Over => must(Said::Status(EventStatus::Ended)),
            What::Confirmed => {
                must(Said::Settlement(Certainty::Confirmed));
                if beat.board.common().phase == MatchStatus::Abandoned {
                    must(Said::Cancel);
                }
                must(Said::Status(EventStatus::Closed));
            }
            What::Play(play) => {
                let manner = G::manner(play.kind);
                // What is taken back later has to be told first.
                let weight = if corrected.contains(&beat.number) { Weight::Must } else { manner.weight };
                add(weight, Said::Incident(incident(beat.number, play, &beat.board, manner)));
                if manner.has_status {
                    add(weight, Said::Status(EventStatus::Live));
                }
            }
        }
        if offered.closes_at(beat) {
            add(Weight::Must, Said::TakeOff);
        }
    }
    planned
}

/// The number of the incident that is corrected by this.
fn earlier(what: &What) -> Option<usize> {
    match what {
        What::Amended(earlier) | What::Deleted(earlier) => Some(earlier.number),
        _ => None,
    }
}

fn incident<B: Board>(number: usize, play: &Play, board: &B, manner: Manner) -> Incident {
    let common = board.common();
    let part = common.last().map_or(common.phase, |score| score.period);
    Incident {
        incident_id: IncidentId::new(number.to_string()).expect("a number is an incident id"),
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

/// An incident told again, with the score as it is now.
fn retold<G: Game>(earlier: &Earlier, board: &G::Board, action: IncidentAction) -> Incident {
    let manner = G::manner(earlier.play.kind);
    Incident {
        action,
        match_status: earlier.part,
        elapsed_seconds: G::Board::has_clock(earlier.part).then_some(earlier.seconds),
        ..incident(earlier.number, &earlier.play, board, manner)
    }
}
