//! One game: how it stands, its markets, what happened, and its update log.

use domain::MarketStatus;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::games::{clock, quote, status, versus};
use super::{Scene, draw_excerpt, format, nothing, title};
use crate::game::{self, Game, Incident, Market, Update};
use crate::model::OpenGame;
use crate::theme::Tone;
use crate::ui::Pane;

/// From this width on all panes stand side by side.
const WIDE: u16 = 120;

/// How incidents and updates are sorted.
const LAST_FIRST: &str = ", the last first";

/// Columns of a title for which rows are shown, with the spaces around its name.
const EXCERPT: usize = 20;

/// Columns before the further rows of a market.
const INDENT: usize = 4;

/// The least columns of a market's name; where all have room in half of the pane, as many as the longest takes.
const MARKET: usize = 21;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Some(open) = &scene.model.games.open else { return };
    let [above, state, rest] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(2), Constraint::Min(0)]).areas(area);
    frame.render_widget(title(open.event_id.as_str(), Some(&open.contact), scene), above);
    let Some(game) = &open.game else { return nothing(frame, rest, "waiting for the game", scene) };
    draw_state(frame, state, game, scene);
    if area.width >= WIDE {
        let parts = [Constraint::Percentage(38), Constraint::Percentage(29), Constraint::Percentage(33)];
        let areas: [Rect; 3] = Layout::horizontal(parts).areas(rest);
        for (pane, area) in Pane::ALL.into_iter().zip(areas) {
            draw_pane(frame, area, pane, (open, game), scene);
        }
    } else {
        draw_pane(frame, rest, scene.ui.pane, (open, game), scene);
    }
}

/// Who plays, how it stands, how far it is.
fn draw_state(frame: &mut Frame<'_>, area: Rect, game: &Game, scene: Scene<'_>) {
    let theme = scene.theme;
    let fixture = game.fixture.as_ref();
    let (home, away) = (fixture.map(|fixture| &fixture.home.name), fixture.map(|fixture| &fixture.away.name));
    let score = game.status.as_ref().map_or_else(|| "?".to_owned(), |status| status.score.to_string());
    let names = versus(home, away, usize::from(area.width).saturating_sub(score.len() + 4), theme);
    let who = Line::from(vec![
        Span::styled(format!(" {score}  "), theme.style(Tone::Accent)),
        Span::styled(names, theme.style(Tone::Strong)),
    ]);
    let mut told = vec![game.sport.to_string()];
    told.extend(
        fixture.and_then(|fixture| fixture.tournament.as_ref()).map(|tournament| tournament.name.to_string()),
    );
    if let Some(status) = &game.status {
        told.extend([status.status.as_str().to_owned(), status.match_status.to_string()]);
        told.extend(status.game_score.map(|points| format!("points {points}")));
        told.extend(status.clock.map(|_| clock(status.clock, theme)));
        told.extend(status.clock.filter(|clock| clock.stopped).map(|_| "clock stopped".to_owned()));
    }
    told.push(format!("version {}", game.version));
    let how = Line::styled(format!(" {}", told.join(theme.sign(" · ", ", "))), theme.style(Tone::Dim));
    for (line, row) in [who, how].into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
}

/// A pane with a title that says which of its rows are shown; the one that is scrolled has its title reversed.
fn draw_pane(
    frame: &mut Frame<'_>,
    area: Rect,
    pane: Pane,
    (open, game): (&OpenGame, &Game),
    scene: Scene<'_>,
) {
    let Scene { ui, theme, .. } = scene;
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let (name, order, rows) = match pane {
        Pane::Markets => (format::count(game.markets.len(), "market"), "", game.markets.len()),
        Pane::Incidents => {
            (format::count(game.incidents.len(), "incident"), LAST_FIRST, game.incidents.len())
        }
        Pane::Log => (format::count(open.log.len(), "update"), LAST_FIRST, open.log.len()),
    };
    let width = usize::from(list.width);
    let longest = game.markets.iter().map(|market| Span::raw(market_name(market, game)).width()).max();
    let columns = longest.unwrap_or_default().min(width / 2).max(MARKET);
    let lines_of = |index: usize| match pane {
        Pane::Markets => market(&game.markets[index], (open, game), (columns, width), scene),
        Pane::Incidents => vec![incident(&game.incidents[rows - 1 - index], width, scene)],
        Pane::Log => vec![update(&open.log[index], width, scene)],
    };
    let height = |index: usize| lines_of(index).len();
    let shown = ui.scrolled[pane as usize].shown(rows, usize::from(list.height), 0, height);
    // Which rows are shown needs the room more than their order does.
    let has_room = shown.len() == rows || name.len() + order.len() + EXCERPT <= width;
    let style = if pane == ui.pane { theme.chosen() } else { theme.style(Tone::Strong) };
    let name = format!(" {name}{} ", if has_room { order } else { "" });
    let mut heading = vec![Span::raw(" "), Span::styled(name, style)];
    if frame.area().width < WIDE {
        heading.push(Span::styled("  l: the next pane", theme.style(Tone::Dim)));
    }
    frame.render_widget(Line::from(heading), above);
    draw_excerpt(frame, above, &shown, rows, scene);
    for (line, row) in shown.flat_map(lines_of).zip(list.rows()) {
        frame.render_widget(line, row);
    }
}

/// What a market is called, with its specifiers.
fn market_name(market: &Market, game: &Game) -> String {
    let name = game::market_name(game.sport, market.id).map_or_else(|| market.id.to_string(), str::to_owned);
    let specifiers =
        market.specifiers.as_ref().map(|specifiers| format!(" {specifiers}")).unwrap_or_default();
    format!("{name}{specifiers}")
}

/// A market in as many rows as its outcomes need, each outcome by its id, behind so many columns of its name.
fn market(
    market: &Market,
    (open, game): (&OpenGame, &Game),
    (columns, width): (usize, usize),
    scene: Scene<'_>,
) -> Vec<Line<'static>> {
    let Scene { model, theme, .. } = scene;
    let name = format::fit(&market_name(market, game), columns, theme);
    let pad = columns.saturating_sub(Span::raw(&name).width());
    let mut rows = vec![Line::raw(format!(" {name}{:pad$} ", ""))];
    let mut add = |piece: Line<'static>| {
        let has_room = rows.last().is_some_and(|row| row.width() + piece.width() <= width);
        match rows.last_mut().filter(|_| has_room) {
            Some(row) => row.spans.extend(piece.spans),
            None => {
                let mut row = Line::raw(" ".repeat(INDENT));
                row.spans.extend(piece.spans);
                rows.push(row);
            }
        }
    };
    if market.status != MarketStatus::Active {
        add(Line::from(vec![status(market, theme), Span::raw(" ")]));
    }
    for outcome in &market.outcomes {
        let id = Span::styled(format!("{}:", outcome.id), theme.style(Tone::Dim));
        let said = match &outcome.result {
            Some(result) => {
                let void = result.void.as_ref().map(|void| format!(" void {void}")).unwrap_or_default();
                Span::raw(format!("{}{void} ", result.result))
            }
            None => quote(outcome, theme, open.movement(market, &outcome.id, model.now)),
        };
        add(Line::from(vec![id, said]));
    }
    rows
}

fn incident(incident: &Incident, width: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let at = incident.elapsed_seconds.map_or_else(|| format::none(theme).to_owned(), format::clock);
    let mut told = vec![incident.kind.to_string()];
    told.extend(
        [&incident.side, &incident.player, &incident.detail].into_iter().flatten().map(ToString::to_string),
    );
    let tone = if incident.score.is_some() { Tone::Strong } else { Tone::Plain };
    let score = incident.score.map(|score| format!(" {score}")).unwrap_or_default();
    let text = format!("{}{score}", told.join(" "));
    let when = format!(" {:<9} {at:>5} ", format::fit(incident.match_status.as_str(), 9, theme));
    let text = format::fit(&text, width.saturating_sub(when.len()), theme);
    Line::from(vec![Span::styled(when, theme.style(Tone::Dim)), Span::styled(text, theme.style(tone))])
}

fn update(update: &Update, width: usize, scene: Scene<'_>) -> Line<'static> {
    let theme = scene.theme;
    let took = update.cause.generated_at.and_then(|at| format::between(at, update.applied_at));
    let took = took.unwrap_or_else(|| format::none(theme).to_owned());
    let keys: Vec<&str> = update.changes.iter().map(|change| change.key.as_str()).collect();
    let head = format!(" {:>6} {took:>6} ", update.version);
    let tone = match update.cause.kind.as_str() {
        "gap" => Tone::Bad,
        "bet_stop" | "cancel" | "settlement_rollback" | "cancel_rollback" => Tone::Warning,
        "settlement" => Tone::Accent,
        _ => Tone::Plain,
    };
    let kind = update.cause.kind.to_string();
    let room = width.saturating_sub(head.len() + Span::raw(&kind).width() + 1);
    Line::from(vec![
        Span::styled(head, theme.style(Tone::Dim)),
        Span::styled(format!("{kind} "), theme.style(tone)),
        Span::styled(format::fit(&keys.join(" "), room, theme), theme.style(Tone::Dim)),
    ])
}
