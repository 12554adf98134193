//! What the simulator is told, and what becomes of what it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui::attach::Given;
use tui::model::Model;
use tui::order::{Mishap, Order};
use tui::source::Part;
use tui::text::Text;
use tui::ui::{Choice, Effect, Panel, Ui, View};
use tui::watch::Watch;

use crate::stage::{OPENED, empty, evening, evening_without_orders};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a scenario takes until it is made, and its order answered: longer than a look may take.
const MADE_IN: Duration = Duration::from_millis(2_500);

/// A simulator that plays something: what it was told, in order.
#[derive(Clone, Default)]
struct Simulator {
    told: Arc<Mutex<Vec<String>>>,
    has_ended: Arc<Mutex<bool>>,
    /// It plays what it was begun with, as `simulator run --listen` does.
    takes_no_orders: bool,
}

impl Simulator {
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let simulator = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let simulator = simulator.clone();
                thread::spawn(move || simulator.serve(stream));
            }
        });
        format!("http://{address}")
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push(line.trim().to_ascii_lowercase());
            }
            let length =
                head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).ok()?;
            let request = head.first()?;
            if request.starts_with("post /v1/run http") {
                thread::sleep(MADE_IN);
            }
            let (status, answer) = self.answer(request, &String::from_utf8_lossy(&body));
            let length = answer.len();
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{answer}").ok()?;
        }
    }

    fn answer(&self, request: &str, body: &str) -> (&'static str, String) {
        let mut has_ended = self.has_ended.lock().expect("the lock");
        let state = if *has_ended { "stopped" } else { "playing" };
        let run_at = |rate: u32| {
            format!(
                r#"{{"run":{{"number":1,"program":"games","state":"{state}","seed":1,"speed":1,"rate":{rate},"elapsed_seconds":1,
                    "messages":9,"sent":1,"accepted":1,"refused":0,"sent_again":0,"faults":0,"end":null}}}}"#
            )
        };
        let run = run_at(100);
        let request = request.trim_end_matches(" http/1.1");
        if !request.starts_with("get ") {
            self.told.lock().expect("the lock").push(format!("{request} {body}").trim_end().to_owned());
        }
        match request {
            "get /v1/run/faults" if self.takes_no_orders => {
                let gap = r#"{"kind":"gap","count":2,"event_id":"md:match:7","at_ns":500000000}"#;
                ("200 OK", format!(r#"{{"seed":1,"faults":[{gap}],"injected":[]}}"#))
            }
            "get /v1/scenarios" if self.takes_no_orders => ("404 Not Found", String::new()),
            _ if self.takes_no_orders && !request.starts_with("get ") => {
                let problem =
                    r#"{"type":"urn:matchday:problem:no-orders","detail":"this run takes no orders"}"#;
                ("409 Conflict", problem.to_owned())
            }
            "get /v1/run" => ("200 OK", run),
            "get /v1/scenarios" => ("200 OK", r#"{"scenarios":[]}"#.to_owned()),
            "get /v1/run/faults" => ("200 OK", r#"{"faults":[],"injected":[]}"#.to_owned()),
            "delete /v1/run" => {
                *has_ended = true;
                ("202 Accepted", run)
            }
            "post /v1/run" if *has_ended => ("202 Accepted", run),
            "post /v1/run" => ("409 Conflict", String::new()),
            "put /v1/run/rate" if body.contains(":125.0") => ("200 OK", run_at(125)),
            "put /v1/run/rate" => {
                let detail = r#"{"title":"Not now","detail":"no speed that can be set leads to this rate"}"#;
                ("409 Conflict", detail.to_owned())
            }
            _ => ("404 Not Found", String::new()),
        }
    }
}

/// Follows the simulator until something is known of it.
async fn until(watch: &mut Watch, is_known: impl Fn(&Model) -> bool) {
    let waiting = async {
        while !is_known(&watch.model) {
            let report = watch.next().await.expect("a report");
            watch.take(report);
            watch.step();
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it becomes known");
}

fn follow(url: &str, stacks: &std::path::Path) -> Watch {
    let parts = [(Part::Simulator, url), (Part::Distribution, "http://127.0.0.1:1")];
    let parts = parts.into_iter().map(|(part, url)| (part, vec![url.to_owned()])).collect();
    let kafka = Some("127.0.0.1:1".to_owned());
    let given = Given { stacks: Some(stacks.to_owned()), parts, kafka, ..Given::default() };
    Watch::start(given, Duration::from_millis(200)).expect("it starts")
}

#[tokio::test]
async fn what_is_played_is_ended_before_a_scenario_is_begun_afresh() {
    let (simulator, stacks) = (Simulator::default(), tempfile::tempdir().expect("a folder"));
    let mut watch = follow(&simulator.start(), stacks.path());
    until(&mut watch, |model| model.control.run.is_some()).await;
    watch.tell(Order::Start(Text::new("final")));
    until(&mut watch, |model| model.control.orders[0].answer.is_some()).await;
    assert_eq!(watch.model.control.orders[0].answer, Some(Ok(())));
    let told = simulator.told.lock().expect("the lock").clone();
    assert_eq!(told, ["delete /v1/run", r#"post /v1/run {"fresh":true,"scenario":"final"}"#]);
}

#[tokio::test]
async fn a_refusal_is_told_as_the_simulator_words_it() {
    let (simulator, stacks) = (Simulator::default(), tempfile::tempdir().expect("a folder"));
    let mut watch = follow(&simulator.start(), stacks.path());
    watch.tell(Order::Rate(5e5));
    until(&mut watch, |model| model.control.orders[0].answer.is_some()).await;
    let why = Text::new("no speed that can be set leads to this rate");
    assert_eq!(watch.model.control.orders[0].answer, Some(Err(why)));
}

#[tokio::test]
async fn what_an_order_came_to_is_known_with_its_answer() {
    let (simulator, stacks) = (Simulator::default(), tempfile::tempdir().expect("a folder"));
    let mut watch = follow(&simulator.start(), stacks.path());
    until(&mut watch, |model| model.control.run.is_some()).await;
    watch.tell(Order::Rate(125.0));
    until(&mut watch, |model| model.control.orders[0].answer.is_some()).await;
    // Whoever asks how the run stands is told of the rate before.
    assert_eq!(watch.model.control.run.as_ref().and_then(|run| run.rate), Some(125.0));
}

#[tokio::test]
async fn a_run_that_takes_no_orders_tells_its_faults_and_why_it_does_not_obey() {
    let simulator = Simulator { takes_no_orders: true, ..Simulator::default() };
    let stacks = tempfile::tempdir().expect("a folder");
    let mut watch = follow(&simulator.start(), stacks.path());
    until(&mut watch, |model| model.faults().is_some_and(|faults| !faults.is_empty())).await;
    let faults = watch.model.faults().expect("it tells");
    assert_eq!((faults.len(), faults[0].at, faults[0].is_past), (1, Some(0.5), true), "{faults:?}");
    watch.tell(Order::Start(Text::new("final")));
    until(&mut watch, |model| model.control.orders[0].answer.is_some()).await;
    assert_eq!(watch.model.control.orders[0].answer, Some(Err(Text::new("this run takes no orders"))));
}

#[test]
fn who_takes_no_orders_is_offered_none() {
    let (mut ui, model) = (Ui::new(24), evening_without_orders(["a", "b"]));
    letters(&mut ui, &model, "5");
    for key in [">", "<", "p", "b"] {
        assert_eq!(letters(&mut ui, &model, key), Effect::None, "{key}");
        assert!(ui.remark.is_some_and(|remark| remark.contains("takes no orders")), "{:?}", ui.remark);
    }
    letters(&mut ui, &model, "c");
    assert_eq!(ui.items(Panel::Control, &model), []);
    assert_eq!(press(&mut ui, &model, KeyCode::Enter), Effect::None);
}

#[test]
fn a_step_counts_from_the_one_before_though_that_is_not_answered_yet() {
    let (mut ui, mut model) = (Ui::new(24), evening(["a", "b"]));
    letters(&mut ui, &model, "5");
    for rate in [2_500.0, 3_125.0, 3_906.25] {
        let asked = letters(&mut ui, &model, ">");
        assert_eq!(asked, Effect::Tell(Order::Rate(rate)));
        model.control.ask(model.now, Order::Rate(rate));
    }
    for rate in [2_500.0, 3_125.0, 3_906.25] {
        model.control.answer(model.now, &Order::Rate(rate), Err(Text::new("not now")));
    }
    assert_eq!(letters(&mut ui, &model, ">"), Effect::Tell(Order::Rate(2_500.0)), "from what is played");
}

#[test]
fn a_rate_is_not_changed_while_it_is_that_of_a_burst() {
    let (mut ui, mut model) = (Ui::new(24), evening(["a", "b"]));
    letters(&mut ui, &model, "5");
    model.control.ask(model.now, Order::Burst);
    model.control.answer(model.now, &Order::Burst, Ok(()));
    assert_eq!(letters(&mut ui, &model, ">"), Effect::None);
    assert!(ui.remark.is_some_and(|remark| remark.contains("once that is over")), "{:?}", ui.remark);
    assert!(
        ui.items(Panel::Control, &model)
            .iter()
            .all(|item| !matches!(item.choice, Choice::Tell(Order::Rate(_))))
    );
    model.step(model.now + Duration::from_secs(13));
    assert_eq!(letters(&mut ui, &model, ">"), Effect::Tell(Order::Rate(2_500.0)));
}

#[test]
fn nobody_waits_for_the_answer_of_a_simulator_that_is_gone() {
    let mut model = evening(["a", "b"]);
    model.control.ask(model.now, Order::Start(Text::new("final")));
    model.control.give_up(model.now, "the stack is gone");
    assert_eq!(model.control.orders[0].answer, Some(Err(Text::new("the stack is gone"))));
    assert_eq!(model.control.last_order(model.now + Duration::from_secs(11)), None);
}

fn press(ui: &mut Ui, model: &Model, code: KeyCode) -> Effect {
    ui.press(KeyEvent::new(code, KeyModifiers::NONE), model)
}

fn letters(ui: &mut Ui, model: &Model, letters: &str) -> Effect {
    letters.chars().map(|letter| press(ui, model, KeyCode::Char(letter))).last().unwrap_or(Effect::None)
}

/// Chooses the row that says so.
fn choose(ui: &mut Ui, model: &Model, label: &str) -> Effect {
    let panel = ui.menu.as_ref().expect("a list").panel;
    let index = ui.items(panel, model).iter().position(|item| item.label.contains(label));
    letters(ui, model, "g");
    letters(ui, model, &"j".repeat(index.expect("the row")));
    press(ui, model, KeyCode::Enter)
}

#[test]
fn keys_steer_the_feed_at_once() {
    let (mut ui, model) = (Ui::new(24), evening(["a", "b"]));
    letters(&mut ui, &model, "5");
    assert_eq!(letters(&mut ui, &model, ">"), Effect::Tell(Order::Rate(2_500.0)));
    assert_eq!(letters(&mut ui, &model, "<"), Effect::Tell(Order::Rate(1_600.0)));
    assert_eq!(letters(&mut ui, &model, "p"), Effect::Tell(Order::Pause));
    assert_eq!(letters(&mut ui, &model, "b"), Effect::Tell(Order::Burst));
    assert_eq!(letters(&mut ui, &empty(), "b"), Effect::None);
    assert!(ui.remark.is_some_and(|remark| remark.contains("plays nothing")), "it says why");
    letters(&mut ui, &empty(), "1");
    assert_eq!(ui.remark, None);
}

#[test]
fn the_feed_is_steered_where_it_is_seen_and_nowhere_else() {
    let model = evening(["a", "b"]);
    for view in View::ALL {
        let mut ui = Ui::new(24);
        ui.view = view;
        for key in [">", "<", "p", "b"] {
            let is_told = matches!(letters(&mut ui, &model, key), Effect::Tell(_));
            assert_eq!(is_told, view == View::Faults, "{view:?} {key}");
            assert_eq!(ui.remark.is_some(), !is_told, "{view:?} {key}");
        }
    }
    let mut ui = Ui::new(24);
    ui.view = View::Faults;
    for (size, is_shown) in [((79, 24), false), ((80, 23), false), ((80, 24), true)] {
        ui.resize(size.0, size.1);
        assert_eq!(
            letters(&mut ui, &model, "b"),
            if is_shown { Effect::Tell(Order::Burst) } else { Effect::None }
        );
    }
    ui.resize(10, 10);
    assert_eq!(letters(&mut ui, &model, "q"), Effect::Quit);
}

#[test]
fn what_cannot_be_taken_back_is_asked_for_twice() {
    let (mut ui, model) = (Ui::new(24), evening(["a", "b"]));
    letters(&mut ui, &model, "c");
    assert_eq!(choose(&mut ui, &model, "end what is played"), Effect::None);
    assert_eq!(ui.menu.as_ref().and_then(|menu| menu.asked.clone()), Some(Order::Stop));
    assert_eq!(letters(&mut ui, &model, "jx "), Effect::None, "neither yes nor no");
    assert_eq!(press(&mut ui, &model, KeyCode::Enter), Effect::None, "it has chosen, and does not say yes");
    assert_eq!(letters(&mut ui, &model, "n"), Effect::None);
    assert!(ui.menu.as_ref().is_some_and(|menu| menu.asked.is_none()));
    choose(&mut ui, &model, "end what is played");
    assert_eq!(letters(&mut ui, &model, "y"), Effect::Tell(Order::Stop));
    assert_eq!(ui.menu, None);
    letters(&mut ui, &model, "c");
    assert_eq!(choose(&mut ui, &model, "times as fast"), Effect::Tell(Order::Burst), "it passes by itself");
}

#[test]
fn scenarios_and_producers_are_chosen_from_what_is_there() {
    let (mut ui, model) = (Ui::new(24), evening(["a", "b"]));
    letters(&mut ui, &model, "c");
    choose(&mut ui, &model, "play a scenario");
    assert_eq!(ui.menu.as_ref().map(|menu| menu.panel), Some(Panel::Scenarios));
    choose(&mut ui, &model, "final");
    assert_eq!(letters(&mut ui, &model, "y"), Effect::Tell(Order::Start(Text::new("final"))));
    letters(&mut ui, &model, "c");
    choose(&mut ui, &model, "silence a producer");
    press(&mut ui, &model, KeyCode::Esc);
    assert_eq!(ui.menu.as_ref().map(|menu| menu.panel), Some(Panel::Control), "one list back");
    choose(&mut ui, &model, "silence a producer");
    choose(&mut ui, &model, "silence uof/");
    let Effect::Tell(Order::Silence(provider, Some(_))) = letters(&mut ui, &model, "y") else {
        panic!("one producer is to be silenced");
    };
    assert_eq!(provider, Text::new("uof"));
}

#[test]
fn a_fault_concerns_the_game_that_is_open_and_else_any() {
    let (mut ui, model) = (Ui::new(24), evening(["a", "b"]));
    let inject = |ui: &mut Ui| {
        letters(ui, &model, "c");
        choose(ui, &model, "inject a fault");
        choose(ui, &model, "lose the next message");
        letters(ui, &model, "y")
    };
    assert_eq!(inject(&mut ui), Effect::Tell(Order::Inject(Mishap::Gap, None)));
    let event: Option<domain::EventId> = OPENED.parse().ok();
    (ui.view, ui.is_open, ui.game) = (View::Games, true, event.clone());
    assert_eq!(inject(&mut ui), Effect::Tell(Order::Inject(Mishap::Gap, event)));
}
