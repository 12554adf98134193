//! Drives `docker compose` on the project's own file, as a project of the test's own, on free ports.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::time::Instant;

use harness::stack::own_binary;
use serde_json::Value;

/// What the names of all tests' projects begin with. They end with the number of the process whose test it is.
const PREFIX: &str = "matchday-test";

/// The variables that move the ports of `docker-compose.yml`.
const PORTS: [&str; 12] = [
    "INGESTION_PORT",
    "FOOTBALL_PORT",
    "BASKETBALL_PORT",
    "TENNIS_PORT",
    "HOCKEY_PORT",
    "REST_PORT",
    "SOCKET_PORT",
    "SIMULATOR_PORT",
    "KAFKA_PORT",
    "REDIS_PORT",
    "MYSQL_PORT",
    "PROMETHEUS_PORT",
];

/// A Compose project. Dropped, it is taken down with its volumes; where a test failed, its end is shown before.
pub struct Compose {
    name: String,
    env: Vec<(&'static str, String)>,
}

impl Compose {
    /// A project of which nothing runs yet, with `what` in its name. It uses the image with this tag.
    pub fn new(what: &str, tag: &str) -> Self {
        static LOOKED: Once = Once::new();
        LOOKED.call_once(remove_left);
        // Held all at once, so that no two are the same. Not from the system's own range, from which an outgoing connection may
        // take one while it is not listened on yet.
        let listeners = PORTS.map(|_| {
            let mut tried =
                (0..100).map(|_| TcpListener::bind(("127.0.0.1", rand::random_range(20_000..32_000))));
            tried.find_map(Result::ok).expect("one of a hundred ports is free")
        });
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port().to_string());
        let mut env: Vec<_> = PORTS.into_iter().zip(ports).collect();
        env.push(("MATCHDAY_TAG", tag.to_owned()));
        env.push(("CARGO_PROFILE", std::env::var("CARGO_PROFILE").unwrap_or_else(|_| "quick".to_owned())));
        Self { name: format!("{PREFIX}-{what}-{}", std::process::id()), env }
    }

    /// The port on this machine that one of the variables says.
    pub fn port(&self, variable: &str) -> &str {
        self.setting(variable)
    }

    fn setting(&self, variable: &str) -> &str {
        &self.env.iter().find(|(name, _)| *name == variable).unwrap().1
    }

    /// Runs `docker compose` to its end and returns what it prints.
    pub fn run(&self, args: &[&str]) -> String {
        stdout(&format!("docker compose {}", args.join(" ")), self.command(args).output().unwrap())
    }

    /// Runs it with its output shown as it comes, and says how long that took.
    pub fn run_timed(&self, what: &str, args: &[&str]) {
        let start = Instant::now();
        let status = self.command(args).status().unwrap();
        assert!(status.success(), "docker compose {} failed with {status}", args.join(" "));
        println!("{what}: {:.1} s", start.elapsed().as_secs_f64());
    }

    /// Runs it whatever comes of it.
    pub fn try_run(&self, args: &[&str]) {
        self.command(args).status().unwrap();
    }

    /// The names of what Docker has of this project: containers, volumes, networks.
    pub fn left(&self) -> String {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let names =
            |what: &[&str], name: &str| docker(&[what, &["--filter", &label, "--format", name]].concat());
        names(&["ps", "--all"], "{{.Names}}")
            + &names(&["volume", "ls"], "{{.Name}}")
            + &names(&["network", "ls"], "{{.Name}}")
    }

    /// The addresses that its containers publish, as Docker shows them.
    pub fn published(&self) -> String {
        let label = format!("label=com.docker.compose.project={}", self.name);
        docker(&["ps", "--filter", &label, "--format", "{{.Ports}}"])
    }

    /// What a label of the image says.
    pub fn image_label(&self, label: &str) -> String {
        let image = format!("matchday:{}", self.setting("MATCHDAY_TAG"));
        let format = format!("{{{{index .Config.Labels \"{label}\"}}}}");
        docker(&["image", "inspect", "--format", &format, &image]).trim().to_owned()
    }

    /// How often Docker started a service's container again by itself.
    pub fn restarts(&self, service: &str) -> u32 {
        let id = self.run(&["ps", "--all", "--quiet", service]);
        docker(&["inspect", "--format", "{{.RestartCount}}", id.trim()]).trim().parse().unwrap()
    }

    /// What the dashboard tells of it.
    pub fn top(&self) -> Value {
        let no_stacks = tempfile::tempdir().unwrap();
        let mut top = Command::new(own_binary("matchday-top").unwrap());
        top.args(["--once", "--json", "--stacks"]).arg(no_stacks.path());
        top.env("COMPOSE_PROJECT_NAME", &self.name).envs(self.env.iter().map(|(name, value)| (name, value)));
        serde_json::from_str(&stdout("matchday-top", top.output().unwrap())).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        // Nothing that a developer has set for a stack of their own.
        command
            .args(["compose", "--progress", "quiet", "--env-file", "/dev/null", "--project-name", &self.name])
            .args(args)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env_remove("COMPOSE_FILE")
            .env_remove("COMPOSE_PROFILES")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.try_run(&["ps", "--all"]);
            self.try_run(&["logs", "--tail", "20"]);
        }
        self.try_run(&["--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10"]);
    }
}

/// Takes down the projects of test runs that were killed: those whose process is no more.
fn remove_left() {
    const PROJECT: &str = "com.docker.compose.project";
    let (filter, format) = (format!("label={PROJECT}"), format!("{{{{.Label \"{PROJECT}\"}}}}"));
    let names = |what: &[&str]| docker(&[what, &["--filter", &filter, "--format", &format]].concat());
    let names = names(&["ps", "--all"]) + &names(&["volume", "ls"]) + &names(&["network", "ls"]);
    let owner = |name: &str| name.strip_prefix(PREFIX)?.rsplit('-').next()?.parse::<u32>().ok();
    let is_left = |name: &str| owner(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
    for name in names.lines().filter(|name| is_left(name)).collect::<BTreeSet<_>>() {
        println!("{name} was left by a test run that was killed");
        drop(Compose { name: name.to_owned(), env: Vec::new() });
    }
}

fn docker(args: &[&str]) -> String {
    stdout(&format!("docker {}", args.join(" ")), Command::new("docker").args(args).output().unwrap())
}

fn stdout(what: &str, output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} failed with {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
