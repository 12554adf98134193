//! Programs and libraries: what the install script installs, Rust, what comes from Maven Central, the database server.

use super::{Check, State};
use crate::stack::{
    DatabaseChoice, Download, JARS, MYSQL_8, Project, Server, StoresChoice, docker, store_images,
};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// The oldest versions whose SQL the processors can use: MySQL, MariaDB.
const DATABASES: [(&str, Version); 2] = [("MySQL", Version(8, 0)), ("MariaDB", Version(10, 6))];

/// The oldest Rust that compiles this.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The first two numbers of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32);

impl Version {
    /// The first one in a text: of `rustc 1.95.0 (59807616e 2026-04-14)` it is 1.95.
    pub(super) fn find(text: &str) -> Option<Self> {
        text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.')).find_map(|word| {
            let mut numbers = word.split('.');
            Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        })
    }
}

pub(super) fn checks(project: &Project, stores: StoresChoice, database: &DatabaseChoice) -> Vec<Check> {
    let mut checks = vec![rust()];
    if let Err(error) = stores.check(database) {
        checks.push(Check::new("stores", State::Missing, error.to_string()));
    }
    let in_containers = stores.expects_containers(database);
    checks.extend(packages(project, in_containers, database));
    if in_containers {
        checks.push(images());
    } else {
        checks.push(download(JARS, project));
        checks.push(server(project, database));
    }
    checks
}

fn rust() -> Check {
    let missing = |what: String| {
        Check::new("rust", State::Missing, format!("{what}: https://rustup.rs, or rustup update"))
    };
    let Ok(said) = first_line(Path::new("rustc"), "--version") else {
        return missing(format!("compiles everything, {RUST} or later"));
    };
    if Version::find(&said) >= Version::find(RUST) {
        Check::new("rust", State::Ok, said)
    } else {
        missing(format!("{RUST} or later is needed, this is {said}"))
    }
}

/// What the install script says about every package that it would install.
fn packages(project: &Project, in_containers: bool, database: &DatabaseChoice) -> Vec<Check> {
    let script = project.services().join("install-debian.sh");
    let mut command = Command::new(&script);
    command.arg("--check");
    command.arg(match database {
        _ if in_containers => "--containers",
        DatabaseChoice::MySql => "--mysql",
        _ => "--native",
    });
    let said = match command.stdin(Stdio::null()).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("missing\t{}\tcannot be run: {error}", script.display()),
    };
    said.lines().filter_map(package).collect()
}

/// `missing<tab>cmake<tab>builds librdkafka`.
fn package(line: &str) -> Option<Check> {
    let mut fields = line.split('\t');
    let (state, name, why) = (fields.next()?, fields.next()?, fields.next()?);
    Some(match state {
        "ok" => Check::new(name, State::Ok, why),
        _ => {
            let hint = format!("{why}: make setup installs it (apt-get install {name})");
            Check::new(name, State::Missing, hint)
        }
    })
}

/// The stores' images. Where they cannot be fetched, stores that run natively need what is then not asked for here.
fn images() -> Check {
    let is_missing = |name: &String| docker::ask(&["image", "inspect", name]).is_err();
    let missing: Vec<String> = store_images().filter(is_missing).collect();
    let says = if missing.is_empty() {
        "are there: Kafka, MySQL and Redis run in containers".to_owned()
    } else {
        format!(
            "{} come at the first start; without them: MATCHDAY_STORES=native make setup",
            missing.join(", ")
        )
    };
    Check::new("images", State::Ok, says)
}

fn download(download: Download, project: &Project) -> Check {
    let Download { name, what, megabytes } = download;
    let what = if download.is_fetched(project) {
        format!("{what} was fetched from Maven Central")
    } else {
        format!("{what} is fetched from Maven Central at the first start ({megabytes} MB)")
    };
    Check::new(format!("{name} files"), State::Ok, what)
}

fn server(project: &Project, database: &DatabaseChoice) -> Check {
    const WHAT: &str = "database server";
    let server = match Server::found(database) {
        Ok(Some(server)) => server,
        Ok(None) => return download(MYSQL_8, project),
        Err(error) => return Check::new(WHAT, State::Missing, format!("{error:#}")),
    };
    let said = match first_line(server.program(), "--version") {
        Ok(said) => said,
        Err(error) => {
            let problem = format!("{} cannot be run: {error}", server.program().display());
            return Check::new(WHAT, State::Missing, problem);
        }
    };
    supported(&said).map_or_else(
        |least| Check::new(WHAT, State::Missing, format!("{least} or later is needed, this is {said}")),
        |()| Check::new(WHAT, State::Ok, said.clone()),
    )
}

/// Whether the processors can use the server that says this of itself, with its path first and its version after `Ver`.
fn supported(said: &str) -> Result<(), String> {
    let is_mariadb = said.contains("MariaDB");
    let version = said.split_once("Ver ").and_then(|(_, version)| Version::find(version));
    let [mysql, mariadb] = DATABASES;
    let (name, least) = if is_mariadb { mariadb } else { mysql };
    if version >= Some(least) { Ok(()) } else { Err(format!("{name} {}.{}", least.0, least.1)) }
}

/// The first line that a program prints; the reason where it does not run or ends with a failure.
fn first_line(program: &Path, argument: &str) -> io::Result<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output()?;
    let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    let line = String::from_utf8_lossy(said).lines().next().unwrap_or_default().trim().to_owned();
    if output.status.success() { Ok(line) } else { Err(io::Error::other(line)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_where_it_stands() {
        assert_eq!(Version::find("rustc 1.95.0 (59807616e 2026-04-14)"), Some(Version(1, 95)));
        assert_eq!(Version::find("no number"), None);
        assert!(Version(10, 11) > Version(10, 6));
    }

    #[test]
    fn a_server_too_old_is_told_what_is_needed() {
        let mariadb = |version: &str| supported(&format!("/opt/1.2/mariadbd  Ver {version}-MariaDB for x"));
        assert_eq!(mariadb("10.11.6"), Ok(()));
        assert_eq!(mariadb("10.3.39"), Err("MariaDB 10.6".to_owned()));
        assert_eq!(supported("/opt/mysqld  Ver 8.0.15 for Linux on x86_64 (MySQL)"), Ok(()));
        assert_eq!(supported("/opt/mysqld  Ver 5.7.44 for Linux (MySQL)"), Err("MySQL 8.0".to_owned()));
    }

    #[test]
    fn a_missing_package_says_how_to_install_it() {
        let check = package("missing\tcmake\tbuilds librdkafka").expect("three fields");
        assert_eq!((check.what.as_str(), check.state), ("cmake", State::Missing));
        assert!(
            check.says.contains("make setup") && check.says.contains("apt-get install cmake"),
            "{check:?}"
        );
    }
}
