//! The games that are live: who plays, how it stands, and the odds that most people look at.

use domain::MarketStatus;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::{Scene, format, nothing, title};
use crate::game::{Market, Match, Outcome};
use crate::model::{Movement, Touch};
use crate::text::Text;
use crate::theme::{Theme, Tone};
use crate::ui::Sort;

/// Columns but that of the competitors.
const SPORT: u16 = 11;
const PART: u16 = 9;
const CLOCK: u16 = 6;
const SCORE: u16 = 7;
const ODDS: u16 = 20;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let games = ui.games(model);
    let by = match ui.games_by {
        Sort::Name => "sport and name",
        Sort::Most => "how far they are",
        Sort::Busiest => "number of updates",
    };
    let text = format!("{} of {} live games, by {by}", games.len(), model.games.live.len());
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(title(&text, Some(&model.games.contact), scene), above);
    if !model.games.is_asked {
        return nothing(frame, list, "the address of REST is not known", scene);
    }
    if games.is_empty() {
        let why = match model.games.contact.touch(model.now) {
            Touch::Fresh if model.games.live.is_empty() => "no game is live",
            Touch::Fresh => "no live game has this text",
            _ => "",
        };
        return nothing(frame, list, why, scene);
    }
    let fixed = SPORT + PART + CLOCK + SCORE + ODDS + 5;
    let names = list.width.saturating_sub(fixed);
    let header = [" sport", "part", "clock", "competitors", "score", "odds"].map(Cell::from);
    let rows = games.iter().map(|game| row(game, usize::from(names), scene));
    let widths = [SPORT, PART, CLOCK, names, SCORE, ODDS].map(Constraint::Length);
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(theme.style(Tone::Dim)))
        .row_highlight_style(theme.chosen());
    let mut state = TableState::new().with_selected(ui.game_index(&games));
    frame.render_stateful_widget(table, list, &mut state);
}

fn row(game: &Match, names: usize, scene: Scene<'_>) -> Row<'static> {
    let Scene { model, theme, .. } = scene;
    let odds = match &game.main_market {
        None => Line::styled(format::none(theme), theme.style(Tone::Dim)),
        Some(market) => {
            odds(market, theme, |outcome| model.games.movement(&game.event_id, market, outcome, model.now))
        }
    };
    Row::new(vec![
        Cell::from(format!(" {}", game.sport)),
        Cell::from(game.match_status.to_string()),
        Cell::from(clock(game.clock, theme)),
        Cell::from(match (&game.home, &game.away) {
            // Nobody has said yet who plays.
            (None, None) => format::fit(game.event_id.as_str(), names, theme),
            (home, away) => versus(home.as_ref(), away.as_ref(), names, theme),
        }),
        Cell::from(Span::styled(game.score.to_string(), theme.style(Tone::Strong))),
        Cell::from(odds),
    ])
}

/// The game clock; one that stands still says so.
pub(super) fn clock(clock: Option<domain::Clock>, theme: &Theme) -> String {
    match clock {
        None => format::none(theme).to_owned(),
        Some(clock) => {
            let stands = if clock.stopped { theme.sign("‖", "=") } else { "" };
            format!("{}{stands}", format::clock(clock.elapsed_seconds))
        }
    }
}

/// Both competitors, each cut to its half where they do not fit.
pub(super) fn versus(home: Option<&Text>, away: Option<&Text>, width: usize, theme: &Theme) -> String {
    let name = |name: Option<&Text>| name.map_or("?", Text::as_str).to_owned();
    let (home, away) = (name(home), name(away));
    let between = theme.sign(" – ", " - ");
    let room = width.saturating_sub(3);
    let long = |text: &str| Span::raw(text).width();
    let of_home = room.saturating_sub(long(&away).min(room / 2));
    let home = format::fit(&home, of_home, theme);
    let away = format::fit(&away, room.saturating_sub(long(&home)), theme);
    format!("{home}{between}{away}")
}

/// A market's odds, each with the way it has moved; of one that takes no bets, why.
fn odds(market: &Market, theme: &Theme, movement: impl Fn(&Text) -> Option<Movement>) -> Line<'static> {
    if market.status != MarketStatus::Active {
        return Line::from(status(market, theme));
    }
    market.outcomes.iter().map(|outcome| quote(outcome, theme, movement(&outcome.id))).collect()
}

/// The odds of an outcome, and the way they have moved.
pub(super) fn quote(outcome: &Outcome, theme: &Theme, movement: Option<Movement>) -> Span<'static> {
    let (sign, tone) = match movement {
        Some(Movement::Up) => (theme.sign("▲", "^"), Tone::Accent),
        Some(Movement::Down) => (theme.sign("▼", "v"), Tone::Warning),
        None => (" ", Tone::Plain),
    };
    let odds = outcome.odds.map_or_else(|| format::none(theme).to_owned(), format::odds);
    Span::styled(format!("{odds}{sign} "), theme.style(tone))
}

/// Whether bets may be placed on a market, and why not.
pub(super) fn status(market: &Market, theme: &Theme) -> Span<'static> {
    let (tone, sign) = match market.status {
        MarketStatus::Active => (Tone::Good, theme.sign("●", "o")),
        MarketStatus::Suspended => (Tone::Warning, theme.sign("▲", "!")),
        MarketStatus::Cancelled => (Tone::Bad, theme.sign("✖", "X")),
        MarketStatus::Inactive | MarketStatus::HandedOver | MarketStatus::Settled => {
            (Tone::Dim, theme.sign("○", "."))
        }
    };
    let why = market.suspension.as_ref().map(|why| format!(" {why}")).unwrap_or_default();
    Span::styled(format!("{sign} {}{why}", market.status.as_str()), theme.style(tone))
}
