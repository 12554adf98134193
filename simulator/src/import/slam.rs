//! Point-by-point tables of Grand Slam tennis, as Jeff Sackmann's tennis_slam_pointbypoint collects them, become
//! recordings of native messages: provider `slam`, producer `live`.
//!
//! Every point is an incident and a status; a game that is won against the server is told as a break. The score is
//! counted from who won each point, by the rules of the tournament and the year; the columns that state games, sets,
//! break points and scores are not read, nor are those of rallies, serves and errors. The tables do not say on which
//! day a match was played, so recordings begin with the year; nor why one stops that nobody has won: then its
//! recording stops there, too. There are no markets: the tables have no odds.

use std::collections::{BTreeMap, HashMap};

use domain::id::Text;
use domain::{
    Body, Competitor, EventStatus, Fixture, Incident, IncidentAction, IncidentId, IncidentKind, MatchStatus,
    Side, Sport, Status, Timestamp, Tournament,
};

use super::csv::{Row, Table};
use super::tale::{Board, Tale, other, urn};
use super::{ImportError, Imported, text};
use score::{Count, Format, Won};

mod score;

const PROVIDER: &str = "slam";
/// How long before its first point a recording begins, and how long after the last one the result is confirmed.
const MARGIN_MICROS: i64 = 60_000_000;
/// Points of one match, each of which is an incident, and some won games besides. The longest ever had 980.
const POINTS_MAX: usize = domain::limit::INCIDENTS_MAX / 2;
/// What is said of a game that is won against the server.
const BREAK: &str = "break";
const SETS: [(MatchStatus, MatchStatus); 5] = [
    (MatchStatus::Set1, MatchStatus::Break1),
    (MatchStatus::Set2, MatchStatus::Break2),
    (MatchStatus::Set3, MatchStatus::Break3),
    (MatchStatus::Set4, MatchStatus::Break4),
    (MatchStatus::Set5, MatchStatus::Ended),
];

/// A tournament's tables.
#[derive(Debug)]
pub struct Tables {
    /// In the order of the table.
    matches: Vec<String>,
    points: HashMap<String, Vec<Point>>,
    /// Rows of each match that stand where nothing was played.
    without_point: HashMap<String, u64>,
    about: HashMap<String, About>,
}

impl Tables {
    /// Reads `{year}-{slam}-points.csv` and `{year}-{slam}-matches.csv`.
    ///
    /// # Errors
    /// When they are no such tables.
    pub fn read(points: &[u8], matches: &[u8]) -> Result<Self, ImportError> {
        let mut tables = Self {
            matches: Vec::new(),
            points: HashMap::new(),
            without_point: HashMap::new(),
            about: read_matches(matches)?,
        };
        read_points(points, &mut tables)?;
        Ok(tables)
    }

    /// The matches of which there are points, in the table's order.
    #[must_use]
    pub fn matches(&self) -> &[String] {
        &self.matches
    }

    /// Imports one match.
    ///
    /// # Errors
    /// When the tables lack it, or contradict themselves.
    pub fn import(&self, match_id: &str) -> Result<Imported, ImportError> {
        let missing =
            |table: &str, what: &str| ImportError::new(table, format!("there is no {what} `{match_id}`"));
        let about = self.about.get(match_id).ok_or_else(|| missing("matches", "match"))?;
        let points = self.points.get(match_id).ok_or_else(|| missing("points", "point of match"))?;
        let wrong = |detail: &str| ImportError::new(format!("matches line {}: match_id", about.line), detail);
        let (year, slam, is_men) = parse_id(match_id).ok_or_else(|| {
            wrong("it is not of the form `2012-wimbledon-1701`, for singles of men (1) or women (2)")
        })?;
        let format = Format::of(slam, year, is_men)
            .ok_or_else(|| wrong("ausopen, frenchopen, wimbledon and usopen are known here"))?;
        let mut narrator = Narrator::new(match_id, year, format, about.players()?);
        narrator.open(match_id, year, slam)?;
        for (index, point) in points.iter().enumerate() {
            // Who serves next stands with the next point; on court it is known before.
            let next_server = points.get(index + 1).map_or(point.server, |next| next.server);
            narrator.tell(index, point, next_server)?;
        }
        narrator.close();
        let mut left_out = BTreeMap::new();
        if let Some(rows) = self.without_point.get(match_id) {
            left_out.insert("row without a point".to_owned(), *rows);
        }
        if !narrator.count.is_over() {
            left_out.insert("the end of the match, before which the points stop".to_owned(), 1);
        }
        Ok(narrator.tale.end(format!("Grand Slam point by point, match {match_id}"), left_out))
    }
}

/// Who plays a match.
#[derive(Debug)]
struct About {
    players: [String; 2],
    line: usize,
}

impl About {
    fn players(&self) -> Result<[Text; 2], ImportError> {
        let name = |place: usize| {
            text(&self.players[place], || format!("matches line {}: player{}", self.line, place + 1))
        };
        Ok([name(0)?, name(1)?])
    }
}

fn read_matches(bytes: &[u8]) -> Result<HashMap<String, About>, ImportError> {
    let mut table = Table::new("matches", bytes)?;
    let id = table.column("match_id")?;
    let players = [table.column("player1")?, table.column("player2")?];
    let mut matches = HashMap::new();
    while let Some(row) = table.next()? {
        let players = players.map(|column| row.get(column).to_owned());
        matches.insert(row.get(id).to_owned(), About { players, line: row.line });
    }
    Ok(matches)
}

/// Year, tournament and whether men play, as in `2012-wimbledon-1701` and `2022-frenchopen-MS701`.
fn parse_id(match_id: &str) -> Option<(u32, &str, bool)> {
    let mut parts = match_id.splitn(3, '-');
    let year: u32 = parts.next()?.parse().ok().filter(|year| (2000..2100).contains(year))?;
    let (slam, number) = (parts.next()?, parts.next()?);
    let is_men = match number.as_bytes() {
        [b'1', ..] | [b'M', b'S', ..] => true,
        [b'2', ..] | [b'W', b'S', ..] => false,
        _ => return None,
    };
    let is_plain = number.len() <= 8 && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some((year, slam, is_men))
}

/// One point.
#[derive(Debug)]
struct Point {
    line: usize,
    /// From the first point on.
    elapsed_seconds: u32,
    winner: Side,
    server: Option<Side>,
    kind: IncidentKind,
}

fn read_points(bytes: &[u8], tables: &mut Tables) -> Result<(), ImportError> {
    let mut table = Table::new("points", bytes)?;
    let id = table.column("match_id")?;
    let [elapsed, winner, server] =
        [table.column("ElapsedTime")?, table.column("PointWinner")?, table.column("PointServer")?];
    let aces = [table.column("P1Ace")?, table.column("P2Ace")?];
    let faults = [table.column("P1DoubleFault")?, table.column("P2DoubleFault")?];
    while let Some(row) = table.next()? {
        let match_id = row.get(id);
        let side = |column: usize, name: &str| {
            side(row.get(column)).ok_or_else(|| table.error(&row, name, "it is 0, 1 or 2"))
        };
        // A row of winner 0 stands where nothing was played.
        let Some(winner) = side(winner, "PointWinner")? else {
            *tables.without_point.entry(match_id.to_owned()).or_default() += 1;
            continue;
        };
        let is_one = |column: &usize| row.get(*column) == "1";
        let kind = match () {
            () if aces.iter().any(is_one) => IncidentKind::Ace,
            () if faults.iter().any(is_one) => IncidentKind::DoubleFault,
            () => IncidentKind::Point,
        };
        let point = Point {
            line: row.line,
            elapsed_seconds: seconds(&row, elapsed)
                .ok_or_else(|| table.error(&row, "ElapsedTime", "it is no time such as 1:02:03"))?,
            winner,
            server: side(server, "PointServer")?,
            kind,
        };
        if !tables.points.contains_key(match_id) {
            tables.matches.push(match_id.to_owned());
        }
        let points = tables.points.entry(match_id.to_owned()).or_default();
        points.push(point);
        if points.len() > POINTS_MAX {
            return Err(table.error(&row, "match_id", format!("the match has over {POINTS_MAX} points")));
        }
    }
    Ok(())
}

fn side(text: &str) -> Option<Option<Side>> {
    match text {
        "0" | "" => Some(None),
        "1" => Some(Some(Side::Home)),
        "2" => Some(Some(Side::Away)),
        _ => None,
    }
}

fn seconds(row: &Row, column: usize) -> Option<u32> {
    let mut seconds = 0_u32;
    let mut parts = 0;
    for part in row.get(column).split(':') {
        let number: u32 = part.parse().ok().filter(|number| *number < 1_000)?;
        seconds = seconds * 60 + number;
        parts += 1;
    }
    (parts == 3).then_some(seconds)
}

/// Tells a match point by point.
struct Narrator {
    start: Timestamp,
    board: Board,
    count: Count,
    server: Option<Side>,
    players: [Text; 2],
    set: usize,
    told_at: Timestamp,
    incidents: usize,
    tale: Tale,
}

impl Narrator {
    fn new(match_id: &str, year: u32, format: Format, players: [Text; 2]) -> Self {
        let day = jiff::civil::date(i16::try_from(year).unwrap_or_default(), 1, 1);
        let new_year =
            day.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |day| day.timestamp().as_microsecond());
        let start = Timestamp(new_year);
        Self {
            start: start.plus_micros(MARGIN_MICROS),
            board: Board::new(Sport::Tennis),
            count: Count::new(format),
            server: None,
            players,
            set: 0,
            told_at: start,
            incidents: 0,
            tale: Tale::new(PROVIDER, match_id, Sport::Tennis, start),
        }
    }

    fn open(&mut self, match_id: &str, year: u32, slam: &str) -> Result<(), ImportError> {
        let competitor = |place: usize| {
            let id = urn(PROVIDER, "player", format_args!("{match_id}-{}", place + 1));
            Competitor { id, name: self.players[place].clone(), abbreviation: None }
        };
        let name = match slam {
            "ausopen" => "Australian Open",
            "frenchopen" => "French Open",
            "usopen" => "US Open",
            _ => "Wimbledon",
        };
        let name = text(&format!("{name} {year}"), String::new)?;
        let fixture = Fixture {
            scheduled_start: self.start,
            tournament: Some(Tournament {
                id: urn(PROVIDER, "tournament", format_args!("{year}-{slam}")),
                name,
            }),
            home: competitor(0),
            away: competitor(1),
        };
        self.tale.say(Body::Fixture(fixture), None, self.told_at);
        self.say_status(EventStatus::NotStarted);
        Ok(())
    }

    fn tell(&mut self, index: usize, point: &Point, next_server: Option<Side>) -> Result<(), ImportError> {
        if self.count.is_over() {
            let detail = format!("the match was won {} before this point", self.count.sets);
            return Err(ImportError::new(format!("points line {}: PointWinner", point.line), detail));
        }
        let at = self.start.plus_micros(1_000_000 * i64::from(point.elapsed_seconds));
        // In a few places the clock of the table goes back by some seconds.
        self.told_at = self.told_at.max(at);
        if index == 0 || self.count.is_between_sets() {
            self.set += usize::from(index > 0);
            self.board.begin(SETS[self.set].0);
            self.say_incident(IncidentKind::PeriodStart, None, None);
        }
        let is_tie_break = self.count.tie_break().is_some();
        let won = self.count.point(point.winner);
        self.say_incident(point.kind, Some(point.winner), None);
        self.server = next_server;
        if won >= Won::Game {
            self.board.count_in_period(SETS[self.set].0, point.winner, 1);
            let is_break = !is_tie_break && point.server == Some(other(point.winner));
            self.say_incident(IncidentKind::GameWon, Some(point.winner), is_break.then_some(BREAK));
        }
        if won >= Won::Set {
            self.board.count(point.winner, 1);
            self.say_incident(IncidentKind::SetWon, Some(point.winner), None);
            self.say_incident(IncidentKind::PeriodEnd, None, None);
            self.board.reach(if won == Won::Match { MatchStatus::Ended } else { SETS[self.set].1 });
        }
        if won == Won::Match {
            self.server = None;
            self.say_incident(IncidentKind::GameEnd, None, None);
            self.say_status(EventStatus::Ended);
        } else {
            self.say_status(EventStatus::Live);
        }
        Ok(())
    }

    fn close(&mut self) {
        if self.count.is_over() {
            self.told_at = self.told_at.plus_micros(MARGIN_MICROS);
            self.say_status(EventStatus::Closed);
        }
    }

    fn say_incident(&mut self, kind: IncidentKind, side: Option<Side>, detail: Option<&str>) {
        self.incidents += 1;
        // Whose the point is; a double fault is the server's who loses it.
        let by = if kind == IncidentKind::DoubleFault { side.map(other) } else { side };
        let incident = Incident {
            incident_id: IncidentId::new(self.incidents.to_string()).expect("a number is an incident id"),
            action: IncidentAction::New,
            kind,
            match_status: SETS[self.set].0,
            elapsed_seconds: None,
            side,
            player: by.map(|by| self.players[by as usize].clone()),
            detail: detail.map(|detail| Text::new(detail).expect("a word of this program")),
            score: (kind == IncidentKind::SetWon).then_some(self.board.score),
        };
        self.tale.say(Body::Incident(incident), Some(self.told_at), self.told_at);
    }

    fn say_status(&mut self, status: EventStatus) {
        let is_on = status == EventStatus::Live;
        let status = Status {
            game_score: is_on.then(|| self.count.game_score()),
            server: self.server.filter(|_| is_on),
            tie_break: is_on && self.count.tie_break().is_some(),
            ..self.board.status(status)
        };
        self.tale.say(Body::EventStatus(status), Some(self.told_at), self.told_at);
    }
}
