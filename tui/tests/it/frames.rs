//! Every view at three sizes against the pictures in `tests/golden`; `BLESS=1` draws those anew.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use ratatui::style::Color;
use tui::bundle::Run;
use tui::keys::KEYS;
use tui::model::{Gone, Model};
use tui::order::{Mishap, Order};
use tui::source::{Finding, Part, Report, RunList, SessionList, Source};
use tui::text::Text;
use tui::theme::{Palette, Theme};
use tui::ui::{Menu, Pane, Panel, RunPage, Scroll, Ui, View};

use crate::stage::{
    OPENED, empty, evening, evening_with_a_game, evening_with_a_verification, evening_with_runs,
    evening_without_distribution, evening_without_orders, scrape, screen, two_runs,
};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const NAMES: [&str; 2] = ["Østfold Ørnene 東京", "Zoë O'Keefe"];

/// What a terminal would obey, or what turns text around.
const HOSTILE: [&str; 2] = ["\u{1b}[2J\u{1b}]0;gone\u{7}", "\u{202e}desrever\u{2066}\u{200b}\r\n"];

fn ui(view: View, is_open: bool) -> Ui {
    let mut ui = Ui::new(24);
    (ui.view, ui.is_open) = (view, is_open);
    ui.game = is_open.then(|| OPENED.parse().expect("an id"));
    ui
}

/// Every screen there is: its name, what it shows, what was chosen.
fn screens(names: [&str; 2]) -> Vec<(String, Model, Ui)> {
    let mut screens: Vec<(String, Model, Ui)> = View::ALL
        .into_iter()
        .map(|view| (view.name().to_lowercase(), evening(names), ui(view, false)))
        .collect();
    for pane in Pane::ALL {
        let mut ui = ui(View::Games, true);
        ui.pane = pane;
        screens.push((format!("game-{pane:?}").to_lowercase(), evening_with_a_game(names), ui));
    }
    let mut help = ui(View::Pipeline, false);
    help.shows_help = true;
    screens.push(("help".to_owned(), evening(names), help));
    let mut warned = ui(View::Pipeline, false);
    warned.warnings = Some(Scroll::default());
    screens.push(("warnings".to_owned(), evening(names), warned));
    let mut left = evening(names);
    left.gone = Some(Gone { other: Some(Text::new("demo-7 (native)")) });
    screens.push(("stack-gone".to_owned(), left, ui(View::Pipeline, false)));
    screens.push(("verifying".to_owned(), evening_with_a_verification(names), ui(View::Faults, false)));
    screens.extend(runs(names));
    screens.extend(menus(names));
    screens
}

/// A run on each of its pages, and two that are compared.
fn runs(names: [&str; 2]) -> Vec<(String, Model, Ui)> {
    let both = two_runs(names[0]);
    let look = |runs: &[Arc<Run>]| {
        let mut ui = ui(View::Runs, false);
        ui.look_at_runs(runs.iter().map(|run| run.verdict.folder.clone()).collect());
        (ui.runs.second, ui.runs.curve) = (17, 6);
        (evening_with_runs(names, runs), ui)
    };
    let (one, mut ui) = look(&both[1..]);
    let curves = ("run-curves".to_owned(), one.clone(), ui.clone());
    let mut screens = vec![curves];
    for page in [RunPage::Verdict, RunPage::Figures] {
        ui.runs.page = page;
        screens.push((format!("run-{page:?}").to_lowercase(), one.clone(), ui.clone()));
    }
    let (two, mut ui) = look(&both);
    screens.push(("runs-compared".to_owned(), two.clone(), ui.clone()));
    ui.runs.page = RunPage::Changes;
    screens.push(("runs-compared-changes".to_owned(), two.clone(), ui.clone()));
    ui.runs.page = RunPage::Verdict;
    screens.push(("runs-compared-verdict".to_owned(), two.clone(), ui.clone()));
    ui.runs.page = RunPage::Figures;
    screens.push(("runs-compared-figures".to_owned(), two, ui));
    screens
}

/// What the simulator can be told, and what is asked before it is.
fn menus(names: [&str; 2]) -> Vec<(String, Model, Ui)> {
    let menu = |name: &str, panel, asked| {
        let mut ui = ui(View::Faults, false);
        ui.menu = Some(Menu { panel, index: 1, asked });
        (format!("menu-{name}"), evening(names), ui)
    };
    vec![
        menu("control", Panel::Control, None),
        menu("scenarios", Panel::Scenarios, None),
        menu("asked", Panel::Mishaps, Some(Order::Inject(Mishap::Duplicate, None))),
    ]
}

fn golden(name: &str, drawn: &str) -> Result<(), String> {
    // Without what is not seen: the ends of lines, and what the backend notes of letters that are two columns wide.
    let seen = |line: &'_ str| line.split_once("\" Hidden").map_or(line, |(seen, _)| seen).to_owned();
    let lines = drawn.lines().map(|line| seen(line).trim_matches('"').trim_end().to_owned());
    let drawn = &lines.map(|line| format!("{line}\n")).collect::<String>();
    let path = Path::new(GOLDEN).join(format!("{name}.txt"));
    if env::var_os("BLESS").is_some() {
        fs::write(&path, drawn).expect("written");
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    let differs = |(wanted, drawn): &(&str, &str)| wanted != drawn;
    match wanted.lines().zip(drawn.lines()).find(differs) {
        Some((wanted, drawn)) => Err(format!("{name}\n  wanted {wanted}\n  drawn  {drawn}")),
        None if wanted.lines().count() == drawn.lines().count() => Ok(()),
        None => Err(format!("{name} has another number of lines")),
    }
}

#[test]
fn every_view_looks_as_it_was_drawn() {
    let theme = Theme::new(Palette::True, false);
    let mut wrong = Vec::new();
    for (name, model, ui) in screens(NAMES) {
        for size in SIZES {
            let drawn = screen(&model, &ui, &theme, size).backend().to_string();
            wrong.extend(golden(&format!("{name}-{}x{}", size.0, size.1), &drawn).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_shows_the_first_view_as_it_is() {
    let pipeline = fs::read_to_string(Path::new(GOLDEN).join("pipeline-80x24.txt")).expect("it was drawn");
    let rows: Vec<&str> = pipeline.lines().collect();
    // All but the chart.
    let (shown, foot) = (rows[..18].join("\n"), rows[23]);
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("{shown}\n{foot}\n")), "{shown}\n{foot}");
}

#[test]
fn a_stack_of_which_nothing_is_known_and_one_that_is_gone_say_so() {
    let theme = Theme::new(Palette::True, false);
    let drawn = screen(&empty(), &ui(View::Pipeline, false), &theme, SIZES[0]).backend().to_string();
    golden("unknown-80x24", &drawn).expect("as drawn");
    let mut gone = evening(NAMES);
    gone.step(Duration::from_secs(95));
    let drawn = screen(&gone, &ui(View::Pipeline, false), &theme, SIZES[0]).backend().to_string();
    golden("gone-80x24", &drawn).expect("as drawn");
    for view in [View::Games, View::Kafka, View::Clients, View::Faults, View::Runs, View::Logs] {
        let drawn = screen(&gone, &ui(view, false), &theme, SIZES[0]).backend().to_string();
        assert!(drawn.contains("STALE for 35 s"), "{drawn}");
    }
}

#[test]
fn what_distribution_alone_told_is_not_said_once_it_is_gone() {
    let theme = Theme::new(Palette::True, false);
    let model = evening_without_distribution(NAMES);
    for size in SIZES {
        let drawn = screen(&model, &ui(View::Faults, false), &theme, size).backend().to_string();
        assert!(!drawn.contains("md/live is down"), "{drawn}");
        let noticed = drawn.lines().find(|line| line.contains("noticed by")).expect("its title");
        assert!(noticed.contains("STALE for 15 s"), "{drawn}");
        assert_eq!(drawn.matches("STALE").count(), 1, "all else is of now: {drawn}");
    }
    let summary = model.summary(Duration::from_secs(60), Duration::ZERO);
    assert!(summary.producers.is_empty(), "{:?}", summary.producers);
    let told = evening(NAMES).summary(Duration::from_secs(60), Duration::ZERO).producers;
    assert_eq!(told.len(), 2);
}

#[test]
fn what_does_not_fit_of_what_is_played_is_said_to_be_cut() {
    let mut model = evening(NAMES);
    let run = model.control.run.as_mut().expect("a run");
    (run.messages, run.accepted, run.refused, run.sent_again) = (9_000_000, 8_000_000, 700_000, 600_000);
    let theme = Theme::new(Palette::True, false);
    let drawn = screen(&model, &ui(View::Faults, false), &theme, SIZES[0]).backend().to_string();
    let line = drawn.lines().find(|line| line.contains("of 9000000 accepted")).expect("the line");
    assert!(line.trim_end_matches(['"', ' ']).ends_with('…'), "{line}");
}

#[test]
fn that_there_is_nothing_is_said_by_those_who_know() {
    let theme = Theme::new(Palette::True, false);
    let says_so = [
        (View::Clients, Source::Sessions, Finding::Sessions(SessionList::default()), "none is open"),
        (View::Logs, Source::Logs, Finding::Lines(Vec::new()), "nothing was logged"),
        (View::Runs, Source::Runs, Finding::Runs(RunList::default()), "no run yet"),
    ];
    for (view, source, found, words) in says_so {
        let mut model = empty();
        let drawn = |model: &Model| screen(model, &ui(view, false), &theme, SIZES[0]).backend().to_string();
        assert!(!drawn(&model).contains(words), "{}", drawn(&model));
        model.take(Report { source, at: Duration::from_secs(1), found: Ok(found) });
        assert!(drawn(&model).contains(words), "{}", drawn(&model));
        model.step(Duration::from_secs(60));
        assert!(!drawn(&model).contains(words), "{}", drawn(&model));
    }
}

#[test]
fn the_faults_of_a_run_that_takes_no_orders_are_shown_as_those_of_any() {
    let theme = Theme::new(Palette::True, false);
    let drawn =
        |model: &Model| screen(model, &ui(View::Faults, false), &theme, SIZES[0]).backend().to_string();
    let by_itself = drawn(&evening_without_orders(NAMES));
    assert!(by_itself.contains("the simulator plays, and takes no orders"), "{by_itself}");
    let served = drawn(&evening(NAMES));
    let rest =
        |drawn: &str| drawn.lines().filter(|line| !line.contains("the simulator plays")).collect::<String>();
    assert_eq!(rest(&by_itself), rest(&served));
    assert!(by_itself.contains("wrong on purpose: 3 of 5"), "{by_itself}");
}

#[test]
fn who_does_not_tell_what_goes_wrong_is_said_not_to() {
    let theme = Theme::new(Palette::True, false);
    let drawn =
        |model: &Model| screen(model, &ui(View::Faults, false), &theme, SIZES[0]).backend().to_string();
    let at = Duration::from_secs(60);
    let tell = |model: &mut Model, found| model.take(Report { source: Source::Control, at, found });
    let nothing = || Ok(Finding::Run { run: None, scenarios: None, faults: None });

    let mut unheard = empty();
    assert!(drawn(&unheard).contains("the simulator was not heard yet"), "{}", drawn(&unheard));
    tell(&mut unheard, Err(Text::new("Connection refused")));
    assert!(drawn(&unheard).contains("no simulator tells"), "{}", drawn(&unheard));
    tell(&mut unheard, nothing());
    assert!(drawn(&unheard).contains("wrong on purpose: 0 of 0"), "it says that it plays nothing");

    let mut older = empty();
    let found = Ok(scrape("matchday_simulator_plays{program=\"all-faults\"} 1\n"));
    older.take(Report { source: Source::Part(Part::Simulator), at, found });
    tell(&mut older, Err(Text::new("it tells nothing of what it plays, and takes no orders")));
    assert!(drawn(&older).contains("the simulator does not tell"), "{}", drawn(&older));
    assert!(drawn(&older).contains("the simulator plays all-faults, and takes no orders"));

    let mut preparing = evening(NAMES);
    preparing.control.faults = None;
    assert!(drawn(&preparing).contains("the simulator does not tell yet"), "{}", drawn(&preparing));
    for model in [&older, &preparing] {
        assert!(!drawn(model).contains("0 of 0"), "{}", drawn(model));
    }
    let summary = preparing.summary(Duration::from_secs(60), Duration::ZERO);
    assert_eq!(summary.playing.map(|playing| (playing.faults, playing.faults_happened)), Some((None, None)));
}

#[test]
fn a_run_of_another_stack_is_said_to_be_one_and_not_mixed_with_this_one() {
    let theme = Theme::new(Palette::True, false);
    let drawn =
        |model: &Model| screen(model, &ui(View::Faults, false), &theme, SIZES[1]).backend().to_string();
    let mut model = evening_with_a_verification(NAMES);
    let here = drawn(&model);
    for words in ["gates so far", "anomalies so far", "kill processors-hockey", "throughput"] {
        assert!(here.contains(words), "{words}: {here}");
    }
    model.runs.verifying.as_mut().expect("a run").stack = Some(Text::new("verify-7"));
    let elsewhere = drawn(&model);
    assert!(
        elsewhere.contains("the simulator plays; on verify-7: matchday verify kill-processors"),
        "{elsewhere}"
    );
    let without = drawn(&{
        let mut model = model.clone();
        model.runs.verifying = None;
        model
    });
    let rest =
        |drawn: &str| drawn.lines().filter(|line| !line.contains("the simulator plays")).collect::<String>();
    assert_eq!(rest(&elsewhere), rest(&without), "nothing else of it is shown");
    model.control.run = None;
    assert!(drawn(&model).contains("the simulator; on verify-7: matchday verify kill-processors"));
}

#[test]
fn a_game_of_which_nobody_has_said_who_plays_is_told_by_its_id() {
    let mut model = evening(NAMES);
    for game in &mut model.games.live {
        (game.home, game.away) = (None, None);
    }
    let theme = Theme::new(Palette::True, false);
    let drawn = screen(&model, &ui(View::Games, false), &theme, SIZES[0]).backend().to_string();
    assert!(drawn.contains("md:match:7") && !drawn.contains("? – ?"), "{drawn}");
}

#[test]
fn without_colours_the_same_is_told() {
    for (name, model, ui) in screens(NAMES) {
        let text = |palette| screen(&model, &ui, &Theme::new(palette, false), SIZES[1]).backend().to_string();
        let plain = screen(&model, &ui, &Theme::new(Palette::None, false), SIZES[1]);
        let coloured = |cell: &&ratatui::buffer::Cell| cell.fg != Color::Reset || cell.bg != Color::Reset;
        assert_eq!(plain.backend().buffer().content.iter().find(coloured), None, "{name}");
        for palette in [Palette::None, Palette::Eight, Palette::Sixteen, Palette::Indexed] {
            assert_eq!(text(palette), text(Palette::True), "{name} {palette:?}");
        }
    }
}

#[test]
fn with_ascii_alone_everything_is_told_in_it() {
    for (name, model, ui) in screens(["Harriers", "Voyagers"]) {
        let terminal = screen(&model, &ui, &Theme::new(Palette::None, true), SIZES[2]);
        let other = terminal.backend().buffer().content.iter().find(|cell| !cell.symbol().is_ascii());
        assert_eq!(other.map(|cell| cell.symbol()), None, "{name}");
    }
}

#[test]
fn what_a_feed_says_is_shown_and_never_obeyed() {
    let theme = Theme::new(Palette::True, false);
    // What is not made visible is not drawn at all: so each screen that shows a name must show this one.
    let shows = |names, wanted: &str| -> Vec<String> {
        let drawn = |model: &Model, ui: &Ui| screen(model, ui, &theme, SIZES[2]).backend().to_string();
        let shown = screens(names).into_iter().filter(|(_, model, ui)| drawn(model, ui).contains(wanted));
        shown.map(|(name, ..)| name).collect()
    };
    let shown = shows(HOSTILE, r"\u{1b}[2J");
    assert_eq!(shown, shows(NAMES, "Østfold"));
    assert!(shown.contains(&"games".to_owned()), "{shown:?}");
    let game = evening_with_a_game(HOSTILE);
    let drawn = screen(&game, &ui(View::Games, true), &theme, SIZES[2]).backend().to_string();
    assert!(drawn.contains(r"\u{1b}[2J") && drawn.contains(r"\u{202e}desrever"), "{drawn}");
}

#[test]
fn any_size_is_drawn_and_one_that_is_too_small_says_what_is_needed() {
    let theme = Theme::new(Palette::True, false);
    for (name, model, ui) in screens(NAMES) {
        for size in [(80, 24), (81, 25), (119, 29), (120, 24), (133, 31), (300, 24), (80, 200), (500, 120)] {
            let drawn = screen(&model, &ui, &theme, size).backend().to_string();
            assert!(drawn.contains("1 Pipeline"), "{name} {size:?}");
        }
        for size in [(79, 24), (80, 23), (30, 5)] {
            let drawn = screen(&model, &ui, &theme, size).backend().to_string().replace("\"\n\"", "");
            assert!(drawn.contains("80x24"), "{name} {size:?}: {drawn}");
        }
        for size in [(1, 1), (2, 60), (200, 1)] {
            screen(&model, &ui, &theme, size);
        }
    }
}

#[test]
fn the_help_names_every_key() {
    let mut help = ui(View::Pipeline, false);
    help.shows_help = true;
    for size in SIZES {
        let drawn = screen(&empty(), &help, &Theme::new(Palette::None, false), size).backend().to_string();
        for binding in KEYS.iter().filter(|binding| !binding.help.is_empty()) {
            assert!(drawn.contains(binding.label) && drawn.contains(binding.help), "{}", binding.label);
        }
    }
}
