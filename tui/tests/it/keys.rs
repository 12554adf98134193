//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui::keys::Action;
use tui::model::Model;
use tui::model::pipeline::Figure;
use tui::source::{Finding, LogLevel, LogLine, Report, Source};
use tui::text::Text;
use tui::theme::{Palette, Theme};
use tui::ui::{Effect, Pane, Ui, View};

use crate::stage::{OPENED, empty, evening, evening_with_a_game, evening_with_runs, screen, two_runs};

const NAMES: [&str; 2] = ["Harriers", "Voyagers"];

fn press(ui: &mut Ui, model: &Model, keys: &str) -> Effect {
    keys.chars().map(|key| press_code(ui, model, KeyCode::Char(key))).last().unwrap_or(Effect::None)
}

/// What is drawn on the smallest terminal.
fn drawn(ui: &Ui, model: &Model) -> String {
    screen(model, ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string()
}

fn press_code(ui: &mut Ui, model: &Model, code: KeyCode) -> Effect {
    ui.press(KeyEvent::new(code, KeyModifiers::NONE), model)
}

#[test]
fn views_are_chosen_by_number_and_by_tab() {
    let (mut ui, model) = (Ui::new(24), empty());
    press(&mut ui, &model, "3");
    assert_eq!(ui.view, View::Kafka);
    press_code(&mut ui, &model, KeyCode::Tab);
    assert_eq!(ui.view, View::Clients);
    press(&mut ui, &model, "1");
    press_code(&mut ui, &model, KeyCode::BackTab);
    assert_eq!(ui.view, View::Logs);
    assert_eq!(press(&mut ui, &model, "q"), Effect::Quit);
}

#[test]
fn the_game_that_is_chosen_stays_chosen_when_the_order_changes() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    press(&mut ui, &model, "2G");
    let chosen = ui.game.clone();
    assert!(chosen.is_some());
    press(&mut ui, &model, "ss");
    let games = ui.games(&model);
    assert_eq!(Some(&games[ui.game_index(&games)].event_id), chosen.as_ref());
    assert_eq!(press_code(&mut ui, &model, KeyCode::Enter), Effect::Open(chosen));
    assert!(ui.is_open);
    assert_eq!(press_code(&mut ui, &model, KeyCode::Esc), Effect::Open(None));
}

#[test]
fn an_open_game_is_scrolled_by_panes_and_never_past_its_end() {
    let (mut ui, model) = (Ui::new(24), evening_with_a_game(NAMES));
    (ui.view, ui.is_open, ui.game) = (View::Games, true, Some(OPENED.parse().expect("an id")));
    press(&mut ui, &model, "l");
    assert_eq!(ui.pane, Pane::Incidents);
    for pane in [Pane::Incidents, Pane::Log] {
        assert_eq!(ui.pane, pane);
        let game = model.games.open.as_ref().expect("a game");
        let rows = match (pane, &game.game) {
            (Pane::Incidents, Some(game)) => game.incidents.len(),
            _ => game.log.len(),
        };
        let shown = |ui: &Ui| {
            let drawn = drawn(ui, &model);
            let title = drawn.lines().find(|line| line.contains(&format!(" of {rows} "))).expect("a title");
            title.trim_end_matches(['"', ' ']).rsplit("  ").next().expect("an excerpt").trim().to_owned()
        };
        let room = 18;
        assert_eq!(shown(&ui), format!("1-{room} of {rows}"));
        press(&mut ui, &model, "G");
        assert_eq!(shown(&ui), format!("{}-{rows} of {rows}", rows - room + 1));
        press(&mut ui, &model, "k");
        assert_eq!(shown(&ui), format!("{}-{} of {rows}", rows - room, rows - 1), "the first key moves");
        press(&mut ui, &model, "l");
    }
    press(&mut ui, &model, "h");
    assert_eq!(ui.pane, Pane::Log);
}

#[test]
fn a_filter_is_typed_kept_and_dropped() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    press(&mut ui, &model, "2/harr?q");
    assert_eq!((ui.filter(), ui.is_typing, ui.shows_help), ("harr?q", true, false));
    press_code(&mut ui, &model, KeyCode::Backspace);
    press_code(&mut ui, &model, KeyCode::Backspace);
    press_code(&mut ui, &model, KeyCode::Enter);
    assert!(!ui.games(&model).is_empty());
    press(&mut ui, &model, "/nobody is called this");
    press_code(&mut ui, &model, KeyCode::Enter);
    assert!(ui.games(&model).is_empty());
    press_code(&mut ui, &model, KeyCode::Esc);
    assert_eq!(ui.games(&model).len(), model.games.live.len());
    press(&mut ui, &model, "/\u{202e}");
    assert_eq!(ui.filter(), r"\u{202e}");
}

#[test]
fn a_row_of_the_pipeline_leads_to_what_tells_more_of_it() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    let mut open = |row: usize| {
        press(&mut ui, &model, "1g");
        press(&mut ui, &model, &"j".repeat(row));
        assert_eq!(press_code(&mut ui, &model, KeyCode::Enter), Effect::None);
        (ui.view, ui.topic.clone(), ui.logs_of.as_ref().map(ToString::to_string))
    };
    assert_eq!(open(0).0, View::Faults);
    assert_eq!(open(1), (View::Logs, None, None), "ingestion has logged nothing");
    assert_eq!(open(2).0, View::Kafka);
    assert_eq!(open(3), (View::Logs, None, Some("processors-tennis".to_owned())), "those that are down");
    assert_eq!(open(5).0, View::Clients);
    let hockey = open(9);
    assert_eq!((hockey.0, hockey.1.as_deref()), (View::Kafka, Some("sports-feed-hockey")));
}

#[test]
fn a_row_of_the_pipeline_leads_to_all_of_it_whatever_was_looked_for_there_before() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    for (view, row) in [("7", 3), ("3", 2), ("3", 9)] {
        press(&mut ui, &model, &format!("{view}g/nobody wrote this"));
        press_code(&mut ui, &model, KeyCode::Enter);
        press(&mut ui, &model, "1g");
        press(&mut ui, &model, &"j".repeat(row));
        press_code(&mut ui, &model, KeyCode::Enter);
        assert_eq!((ui.filter(), ui.logs_from), ("", None), "{view}");
    }
}

#[test]
fn what_a_list_can_do_is_told_below_it() {
    let model = evening(NAMES);
    for view in [View::Games, View::Kafka] {
        let mut ui = Ui::new(24);
        ui.view = view;
        let drawn = screen(&model, &ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
        assert!(drawn.contains(" / filter ") && drawn.contains(" s sort "), "{drawn}");
    }
}

#[test]
fn all_that_needs_attention_is_shown_and_scrolled() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    let drawn =
        |ui: &Ui| screen(&model, ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    let warnings = model.warnings();
    let last = &warnings.last().expect("something is wrong").what;
    assert!(!drawn(&ui).contains(last.as_str()), "{}", drawn(&ui));
    press(&mut ui, &model, "5w");
    for warning in &warnings {
        let words = warning.what.split(' ').next_back().expect("words");
        assert!(drawn(&ui).contains(&warning.place) && drawn(&ui).contains(words), "{}", drawn(&ui));
    }
    press(&mut ui, &model, "G");
    assert!(drawn(&ui).contains(last.as_str()), "{}", drawn(&ui));
    press_code(&mut ui, &model, KeyCode::Esc);
    assert_eq!((ui.warnings.is_none(), ui.view), (true, View::Faults));
    press(&mut ui, &model, "w3");
    assert_eq!((ui.warnings.is_none(), ui.view), (true, View::Kafka));
}

#[test]
fn more_room_is_made_for_more_that_needs_attention() {
    let rows = |model: &Model| {
        let drawn = screen(model, &Ui::new(24), &Theme::new(Palette::None, false), (80, 24));
        let drawn = drawn.backend().to_string();
        drawn.lines().position(|line| line.contains("p50     p99")).expect("the table")
    };
    assert_eq!((rows(&empty()), rows(&evening(NAMES))), (4, 6));
}

#[test]
fn control_c_ends_whatever_is_typed() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    press(&mut ui, &model, "2/harr");
    let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    assert_eq!(ui.press(control('b'), &model), Effect::None);
    assert_eq!(ui.filter(), "harr");
    assert_eq!(ui.press(control('c'), &model), Effect::Quit);
}

#[test]
fn sockets_that_do_not_fit_are_scrolled_to() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    let drawn =
        |ui: &Ui| screen(&model, ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    press(&mut ui, &model, "4");
    assert!(drawn(&ui).contains("#400") && drawn(&ui).contains("1-3 of 120"), "{}", drawn(&ui));
    press(&mut ui, &model, "jj");
    assert!(!drawn(&ui).contains("#401") && drawn(&ui).contains("3-5 of 120"), "{}", drawn(&ui));
    press(&mut ui, &model, "G");
    assert!(drawn(&ui).contains("#459") && drawn(&ui).contains("58-60 of 120"), "{}", drawn(&ui));
    press(&mut ui, &model, "k");
    assert!(drawn(&ui).contains("57-59 of 120"), "{}", drawn(&ui));
    press_code(&mut ui, &model, KeyCode::PageUp);
    assert!(drawn(&ui).contains("54-56 of 120"), "{}", drawn(&ui));
}

#[test]
fn what_is_read_of_the_log_stays_where_it_is_while_more_is_logged() {
    let (mut ui, mut model) = (Ui::new(24), evening(NAMES));
    let read = |ui: &Ui, model: &Model| drawn(ui, model).lines().nth(2).expect("a line").to_owned();
    press(&mut ui, &model, "7");
    read(&ui, &model);
    press(&mut ui, &model, "kkk");
    let before = read(&ui, &model);
    let line = LogLine { part: Text::new("kafka"), level: LogLevel::Plain, text: Text::new("more") };
    let log = |model: &mut Model, count| {
        let found = Ok(Finding::Lines(vec![line.clone(); count]));
        model.take(Report { source: Source::Logs, at: model.now, found });
    };
    log(&mut model, 10);
    assert_eq!(read(&ui, &model), before);
    // As many as are kept, with a few of those before them.
    log(&mut model, 4_960);
    assert_eq!(read(&ui, &model), before);
    press(&mut ui, &model, "G");
    assert_eq!(ui.logs_from, None);
    assert!(read(&ui, &model).contains(" more"), "{}", read(&ui, &model));
}

#[test]
fn every_line_of_the_log_is_reached_however_many_rows_each_takes() {
    let (mut ui, mut model) = (Ui::new(24), empty());
    let lines = (0..100).map(|number| {
        let text = Text::new(&format!("line {number} {}", "that goes on and on ".repeat(9)));
        LogLine { part: Text::new("kafka"), level: LogLevel::Plain, text }
    });
    let found = Ok(Finding::Lines(lines.collect()));
    model.take(Report { source: Source::Logs, at: model.now, found });
    press(&mut ui, &model, "7");
    let shown = |ui: &Ui| -> Vec<u32> {
        let drawn = drawn(ui, &model);
        (0..100).filter(|number| drawn.contains(&format!(" line {number} "))).collect()
    };
    assert!(shown(&ui).ends_with(&[98, 99]), "{:?}", shown(&ui));
    press(&mut ui, &model, "g");
    let mut seen = shown(&ui);
    assert!(seen.starts_with(&[0, 1]), "{seen:?}");
    while ui.logs_from.is_some() && seen.len() < 1_000 {
        press_code(&mut ui, &model, KeyCode::PageDown);
        seen.extend(shown(&ui));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    assert_eq!(ui.logs_from, None, "at the end they are followed");
}

#[test]
fn faults_are_scrolled_from_where_they_stand_and_followed_again() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    press(&mut ui, &model, "5");
    assert!(!ui.is_useful(Action::Back));
    press(&mut ui, &model, "G");
    assert!(ui.faults.is_scrolled() && ui.is_useful(Action::Back));
    press_code(&mut ui, &model, KeyCode::Esc);
    assert!(!ui.faults.is_scrolled() && !ui.is_useful(Action::Back));
}

#[test]
fn every_figure_of_two_runs_is_reached() {
    let mut ui = Ui::new(24);
    let runs = two_runs("x");
    let model = evening_with_runs(NAMES, &runs);
    ui.look_at_runs(runs.iter().map(|run| run.verdict.folder.clone()).collect());
    let rows = model.runs.compared.as_ref().expect("read").as_ref().expect("comparable");
    let last = rows.last().expect("figures");
    let last = format!(" {} {} ", last.name, last.unit);
    assert!(!drawn(&ui, &model).contains(last.as_str()), "{}", drawn(&ui, &model));
    press(&mut ui, &model, "v");
    drawn(&ui, &model);
    press(&mut ui, &model, &"j".repeat(rows.len()));
    assert!(drawn(&ui, &model).contains(last.as_str()), "{}", drawn(&ui, &model));
}

#[test]
fn what_is_looked_for_and_not_found_is_said_whatever_its_case() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    press(&mut ui, &model, "3/HOCKEY");
    assert_eq!(ui.topics(&model).len(), 2);
    for view in ["3", "7"] {
        press_code(&mut ui, &model, KeyCode::Enter);
        press(&mut ui, &model, &format!("{view}/nobody wrote this"));
        assert!(drawn(&ui, &model).contains("Esc drops the filter"), "{}", drawn(&ui, &model));
    }
}

#[test]
fn the_screen_is_drawn_anew_whatever_is_typed() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    let redraw = KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL);
    assert_eq!(ui.press(redraw, &model), Effect::Redraw);
    press(&mut ui, &model, "2/harr");
    assert_eq!((ui.press(redraw, &model), ui.filter()), (Effect::Redraw, "harr"));
}

#[test]
fn the_window_the_chart_and_the_pause_are_chosen() {
    let (mut ui, model) = (Ui::new(24), evening(NAMES));
    press(&mut ui, &model, "+++++");
    assert_eq!(ui.window().as_secs(), 15 * 60);
    press(&mut ui, &model, "-----l");
    assert_eq!((ui.window().as_secs(), ui.figure), (60, Figure::P99));
    press(&mut ui, &model, " ");
    assert!(ui.is_held);
    let drawn = screen(&model, &ui, &Theme::new(Palette::None, false), (80, 24)).backend().to_string();
    assert!(drawn.contains("PAUSED"), "{drawn}");
    press(&mut ui, &model, " ");
    assert!(!ui.is_held);
}

#[test]
fn no_key_breaks_any_view_whatever_is_known() {
    let codes = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Left,
    ];
    let keys: Vec<KeyCode> =
        codes.into_iter().chain("?? jkhlgGs+-/cnNvmw<y".chars().map(KeyCode::Char)).collect();
    for model in
        [empty(), evening(NAMES), evening_with_a_game(NAMES), evening_with_runs(NAMES, &two_runs("x"))]
    {
        let mut ui = Ui::new(24);
        for view in '1'..='7' {
            press_code(&mut ui, &model, KeyCode::Esc);
            press(&mut ui, &model, &view.to_string());
            for first in &keys {
                for second in &keys {
                    press_code(&mut ui, &model, *first);
                    press_code(&mut ui, &model, *second);
                    screen(&model, &ui, &Theme::new(Palette::True, false), (80, 24));
                    press_code(&mut ui, &model, KeyCode::Esc);
                }
            }
        }
    }
}
