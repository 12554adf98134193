//! A scenario becomes messages: worlds play, profiles move, faults happen, and everybody speaks in the format they have.

use domain::{EventId, Source, Timestamp};

use super::tell::tell;
use super::{Hot, SPORTS, Scenario, SportPlan, Teller, Tempo};
use crate::faults::{Factor, FaultPlan, Inflicted, Quiet, TooFewEvents, Wanted, choose, inflict};
use crate::format::Format;
use crate::ledger::Ledger;
use crate::pacer::Speed;
use crate::profile::Profile;
use crate::run_ledger::RunLedger;
use crate::schedule::{self, Schedule, ScheduleBuilder, ScheduleError, Sending};
use crate::strand::{Entry, Strand, Text, Worlds, signed};
use crate::world::{self, Formats, GAMES_MAX, Ids, Pace, Plan, PlanError, Played};

/// The most worlds of one scenario: of four sports and four producers, with hot games or not.
const WORLDS_MAX: u64 = 32;
/// Where the numbers of scenarios' events begin: beyond those of all games that are played without one.
const FIRST_EVENT: u64 = 1_000_000_000_000;

/// A scenario that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The messages and when each is due.
    pub schedule: Schedule,
    /// What was decided, and must result.
    pub ledger: RunLedger,
}

/// Why a scenario cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// A world refuses its plan.
    #[error("{}{why}", place(*at))]
    Plan {
        /// Where the scenario's file says what is played there: line and column, where they are known.
        at: Option<(usize, usize)>,
        /// What is wrong with it.
        why: PlanError,
    },
    /// Messages that do not fit into a schedule.
    #[error("{}{why}", place(*at))]
    Schedule {
        /// Where the scenario's file says what is played.
        at: Option<(usize, usize)>,
        /// How much would fit.
        why: ScheduleError,
    },
    /// Faults that find no room.
    #[error("{}{why}", place(*at))]
    Faults {
        /// Where it does.
        at: Option<(usize, usize)>,
        /// Which, and how many there is room for.
        why: TooFewEvents,
    },
    /// Faults that need time, at top speed.
    #[error(
        "{}at top speed everything is due at once, and nothing can come too late: play it without `{kind}`, or at a speed",
        place(*at)
    )]
    TopSpeed {
        /// Where the scenario's file asks for them.
        at: Option<(usize, usize)>,
        /// Which.
        kind: &'static str,
    },
}

impl LowerError {
    /// Whether it begins with a line and a column of the scenario's file.
    #[must_use]
    pub fn has_place(&self) -> bool {
        let (Self::Plan { at, .. }
        | Self::Schedule { at, .. }
        | Self::Faults { at, .. }
        | Self::TopSpeed { at, .. }) = self;
        at.is_some()
    }
}

/// As compilers say it.
fn place(at: Option<(usize, usize)>) -> String {
    at.map(|(line, column)| format!("{line}:{column}: ")).unwrap_or_default()
}

impl Scene {
    /// When which producer says nothing, not even that it is alive.
    #[must_use]
    pub fn silences(&self) -> Vec<Quiet> {
        self.ledger.faults.silences()
    }
}

/// Some games of one sport that one producer tells at one rate: a world of its own.
struct Part<'a> {
    sport: &'a SportPlan,
    teller: usize,
    games: u32,
    rate: f64,
}

impl Scenario {
    /// Plays it. `start` is the wall clock from which all times in the messages count.
    ///
    /// # Errors
    /// When it asks for more than can be made.
    pub fn play(&self, start: Timestamp) -> Result<Scene, LowerError> {
        self.play_for(start, Speed::Factor(1.0))
    }

    /// Plays it to be sent at this speed: what goes wrong is planned so that it goes wrong at that speed, for the processors'
    /// patience is one of real time.
    ///
    /// # Errors
    /// When it asks for more than can be made, or at top speed for faults that need time.
    pub fn play_for(&self, start: Timestamp, speed: Speed) -> Result<Scene, LowerError> {
        self.check_speed(speed)?;
        let duration_ns = u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX);
        let parts: Vec<Part> = self.sports.iter().flat_map(|plan| self.parts(plan)).collect();
        let mut ledgers: Vec<Ledger> = self.producers.iter().map(|teller| self.ledger(teller)).collect();
        let (mut schedules, mut strands) = (Vec::new(), Vec::new());
        let ids = Ids { first: FIRST_EVENT, suffix: self.suffix.clone() };
        for (number, part) in (0..).zip(&parts) {
            let teller = &self.producers[part.teller];
            let at = self.places.get(part.sport.sport.as_str()).copied();
            let Played { schedule, ledger } =
                world::play_as(&self.plan(part, number, start), &teller.source(), &ids)
                    .map_err(|why| LowerError::Plan { at, why })?;
            let world = schedules.len();
            strands.extend(unravel(&schedule, &ledger, teller, world, &part.sport.profile, duration_ns));
            ledgers[part.teller].events.extend(ledger.events);
            schedules.push(schedule);
            if schedules.iter().map(Schedule::size_bytes).sum::<usize>() > schedule::bytes_max() {
                return Err(LowerError::Schedule { at, why: ScheduleError::Full(schedule::bytes_max()) });
            }
        }
        let duration_ns = match self.tempo {
            Tempo::Rate => duration_ns,
            Tempo::Own => schedules.iter().map(Schedule::duration_ns).max().unwrap_or_default(),
        };
        let worlds = Worlds { schedules: &schedules, start };
        let no_room =
            |why: TooFewEvents| LowerError::Faults { at: self.places.get(why.kind()).copied(), why };
        let mut faults = choose(&self.faults, self.seed, &strands, worlds, duration_ns, Factor::of(speed))
            .map_err(no_room)?;
        let Inflicted { stalled, unannounced } = inflict(&faults, &mut strands, worlds, &mut ledgers);
        for strand in strands.iter_mut().filter(|strand| strand.is_uof) {
            tell(strand, worlds, &mut ledgers[teller_of(&self.producers, &strand.source)]);
        }
        let at = self.places.get(SPORTS).copied();
        let schedule =
            weave(&strands, worlds, &mut faults).map_err(|why| LowerError::Schedule { at, why })?;
        faults.admit(&schedule);
        let (description, seed) = (self.description.clone(), self.seed);
        let ledger = RunLedger {
            description,
            seed,
            producers: ledgers,
            stalled,
            unannounced,
            faults,
            cut_short: None,
            deliveries: None,
        };
        Ok(Scene { schedule, ledger })
    }

    /// At top speed nothing comes too late.
    fn check_speed(&self, speed: Speed) -> Result<(), LowerError> {
        let Wanted { reorder_beyond, gap_filled, silence, .. } = self.faults;
        let kinds = [("reorder_beyond", reorder_beyond), ("gap_filled", gap_filled), ("silence", silence)];
        match kinds.into_iter().find(|(_, count)| speed == Speed::Max && *count > 0) {
            Some((kind, _)) => Err(LowerError::TopSpeed { at: self.places.get(kind).copied(), kind }),
            None => Ok(()),
        }
    }

    /// Games are dealt to producers in turn; hot ones are apart, for they have a rate of their own.
    fn parts<'a>(&self, plan: &'a SportPlan) -> Vec<Part<'a>> {
        let rate = f64::from(plan.rate);
        let Hot { games: hot, share } = plan.hot.unwrap_or(Hot { games: 0, share: 0.0 });
        let groups = [(0..hot, rate * share), (hot..plan.games, rate * (1.0 - share))];
        let mut parts = Vec::new();
        for (games, rate) in groups {
            let all = f64::from(games.end - games.start);
            for (turn, &teller) in plan.producers.iter().enumerate() {
                let count =
                    games.clone().filter(|game| *game as usize % plan.producers.len() == turn).count();
                let count = u32::try_from(count).expect("games are few");
                if count > 0 {
                    parts.push(Part {
                        sport: plan,
                        teller,
                        games: count,
                        rate: rate * f64::from(count) / all,
                    });
                }
            }
        }
        parts
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are checked, and casts saturate"
    )]
    fn plan(&self, part: &Part, number: u64, start: Timestamp) -> Plan {
        debug_assert!(number < WORLDS_MAX && part.games <= GAMES_MAX);
        let pace = match self.tempo {
            Tempo::Own => Pace::Own,
            Tempo::Rate => Pace::Even {
                messages_per_game: (part.rate * self.duration.as_secs_f64() / f64::from(part.games)) as u32,
                duration: self.duration,
            },
        };
        Plan {
            seed: world::seed_of(self.seed, number, WORLDS_MAX),
            sports: vec![part.sport.sport],
            games: part.games,
            formats: match self.producers[part.teller].format {
                Format::Xml => Formats::Xml,
                Format::Json | Format::Uof => Formats::Json,
            },
            pace,
            start,
        }
    }

    fn ledger(&self, teller: &Teller) -> Ledger {
        let Source { provider, producer } = teller.source();
        Ledger { seed: self.seed, provider, producer, events: Vec::new() }
    }
}

impl Teller {
    /// Who speaks.
    #[must_use]
    pub fn source(&self) -> Source {
        Source { provider: self.provider.clone(), producer: self.name.clone() }
    }
}

fn teller_of(tellers: &[Teller], source: &Source) -> usize {
    tellers.iter().position(|teller| teller.source() == *source).expect("a world speaks for its teller")
}

/// A world's schedule, event by event, at the times that the profile gives.
fn unravel(
    schedule: &Schedule,
    ledger: &Ledger,
    teller: &Teller,
    world: usize,
    profile: &Profile,
    duration_ns: u64,
) -> Vec<Strand> {
    let mut lines: Vec<Vec<u32>> = vec![Vec::new(); schedule.channels().len()];
    for line in 0..schedule.len() {
        lines[schedule.channel(line)]
            .push(u32::try_from(line).expect("a schedule holds at most 2^32 messages"));
    }
    let common = profile.warp(duration_ns);
    let mut strands = Vec::with_capacity(lines.len());
    for (channel, lines) in schedule.channels().iter().zip(lines) {
        let event_id = channel.event_id.as_deref().unwrap_or_default();
        let event = ledger.events.iter().find(|event| event.event_id.as_str() == event_id);
        let event = event.expect("a world keeps a ledger of every event");
        let mut strand = Strand {
            source: teller.source(),
            format: channel.format,
            is_uof: teller.format == Format::Uof,
            sport: event.sport,
            event_id: EventId::new(event_id).expect("it is one already"),
            world,
            entries: Vec::with_capacity(lines.len()),
        };
        let warp = match &common {
            Some(_) => None,
            None => profile.after(&goals(schedule, &lines, &strand), duration_ns),
        };
        let warp = common.as_ref().or(warp.as_ref());
        for (origin, line) in (1..).zip(lines) {
            let offset_ns = schedule.offset_ns(line as usize);
            let due_ns = warp.map_or(offset_ns, |warp| warp.of(offset_ns));
            let (made_ns, text) = (signed(due_ns), Text::Line(line));
            strand.entries.push(Entry { origin, due_ns, made_ns, text, faults: Vec::new() });
        }
        strands.push(strand);
    }
    strands
}

/// When goals fall, or what is one in the sport: three points at once, a game of tennis.
fn goals(schedule: &Schedule, lines: &[u32], strand: &Strand) -> Vec<u64> {
    use domain::IncidentKind as Is;
    let is_goal = |line: &&u32| {
        let message = schedule.message(**line as usize);
        // A look before it is read: few messages are incidents.
        let is_incident = match strand.format {
            Format::Xml => message.starts_with(b"<incident "),
            Format::Json | Format::Uof => message.windows(18).any(|part| part == br#""type":"incident","#),
        };
        let read = || strand.format.decode(message, &strand.source.provider);
        let kind = is_incident.then(read).flatten().and_then(|message| match message.content {
            domain::Content::Event(event) => match event.body {
                domain::Body::Incident(incident) => Some(incident.kind),
                _ => None,
            },
            domain::Content::Producer(_) => None,
        });
        kind.is_some_and(|kind| matches!(kind, Is::Goal | Is::OwnGoal | Is::ThreePointsMade | Is::GameWon))
    };
    lines.iter().filter(is_goal).map(|line| schedule.offset_ns(*line as usize)).collect()
}

/// All strands as one schedule; each fault learns where its messages are in it.
fn weave(strands: &[Strand], worlds: Worlds, faults: &mut FaultPlan) -> Result<Schedule, ScheduleError> {
    let mut builder = ScheduleBuilder::default();
    let mut marked: Vec<(u64, usize, &[u32])> = Vec::new();
    let mut pushed = 0;
    for strand in strands {
        let format = if strand.is_uof { Format::Uof } else { strand.format };
        for entry in &strand.entries {
            let sending = Sending {
                offset_ns: entry.due_ns,
                // By the clock of whoever receives it: what was held up by ten seconds says that it was made ten before.
                late_ns: faults.speed.real_signed_ns(signed(entry.due_ns) - entry.made_ns),
                event_id: Some(strand.event_id.as_str()),
                is_fixed: matches!(entry.text, Text::Fixed(_)),
            };
            builder.push_as(&strand.source.provider, format, &sending, &strand.text(entry, worlds))?;
            if !faults.faults.is_empty() {
                marked.push((entry.due_ns, pushed, &entry.faults));
            }
            pushed += 1;
        }
    }
    // In the schedule's order: by due time, then as they were added.
    marked.sort_by_key(|(due_ns, pushed, _)| (*due_ns, *pushed));
    for (place, (_, _, concerned)) in (0..).zip(marked) {
        for fault in concerned {
            faults.faults[*fault as usize].messages.push(place);
        }
    }
    Ok(builder.build())
}
