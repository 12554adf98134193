//! The database server of a stack: MariaDB or MySQL 8, a new one for every stack.
//!
//! What the two differ in is in [`mariadb`] and [`mysql`]: where they are found, how a data folder is made, settings.

mod mariadb;
mod mysql;

use super::container::{MYSQL_IMAGE, Recipe};
use super::folder::{Folder, write_private};
use super::native::Program;
use super::{Project, Say, program};
use anyhow::{Context, Result, bail};
use sqlx::{Connection, MySqlConnection};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(crate) use self::mysql::MYSQL_8;

const SETTINGS: &str = include_str!("../../services/database/common.cnf");

/// Its name in a stack.
pub const DATABASE: &str = "database";

/// The user's name, and the database's.
pub(super) const MATCHDAY: &str = "matchday";

/// The environment variable that chooses the server.
const VARIABLE: &str = "MATCHDAY_DATABASE";

/// Which database server a stack runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// The one that is installed; MariaDB where both are.
    #[default]
    Installed,
    /// MariaDB, which must be installed.
    MariaDb,
    /// MySQL 8: the one that is installed, else the one that Maven Central has.
    MySql,
    /// The server in this folder, as an archive of it is unpacked: `bin/mysqld` or `bin/mariadbd` is there.
    Folder(PathBuf),
}

impl DatabaseChoice {
    /// What `MATCHDAY_DATABASE` says; the default where it says nothing.
    ///
    /// # Errors
    /// When it says something else than the command line takes.
    pub fn of_environment() -> Result<Self> {
        match env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => text.parse().context(VARIABLE),
            _ => Ok(Self::default()),
        }
    }
}

impl FromStr for DatabaseChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "installed" => Ok(Self::Installed),
            "mariadb" => Ok(Self::MariaDb),
            "mysql" => Ok(Self::MySql),
            path if path.starts_with('/') => Ok(Self::Folder(path.into())),
            other => bail!("`{other}` is none of installed, mariadb, mysql and /the/folder/of/a/server"),
        }
    }
}

/// A server that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// MariaDB, and the script that makes its data folder.
    MariaDb { server: PathBuf, install: PathBuf },
    /// MySQL, which makes its data folder itself.
    MySql { server: PathBuf },
}

impl Server {
    /// The executable.
    pub(crate) fn program(&self) -> &Path {
        let (Self::MariaDb { server, .. } | Self::MySql { server }) = self;
        server
    }

    fn installed() -> Result<Self> {
        if let Some(server) = mariadb::installed()? {
            return Ok(server);
        }
        mysql::installed().context(
            "neither mariadbd nor mysqld is installed: `MATCHDAY_STORES=native make setup` installs one",
        )
    }

    fn in_folder(folder: &Path) -> Result<Self> {
        let has = |name: &str| Some(folder.join(name)).filter(|file| program::is_executable(file));
        if let Some((server, install)) = has("bin/mariadbd").zip(has("scripts/mariadb-install-db")) {
            return Ok(Self::MariaDb { server, install });
        }
        let server = has("bin/mysqld").or_else(|| has("sbin/mysqld"));
        let server = server.with_context(|| format!("there is no bin/mysqld in {}", folder.display()))?;
        Ok(Self::MySql { server })
    }

    /// The one that was chosen; `None` where it is the one to be fetched from Maven Central.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn found(choice: &DatabaseChoice) -> Result<Option<Self>> {
        Ok(match choice {
            DatabaseChoice::Installed => Some(Self::installed()?),
            DatabaseChoice::MariaDb => {
                let server = mariadb::installed()?;
                Some(
                    server.context(
                        "mariadbd is not installed: `MATCHDAY_STORES=native make setup` installs it",
                    )?,
                )
            }
            DatabaseChoice::MySql => mysql::installed(),
            DatabaseChoice::Folder(folder) => Some(Self::in_folder(folder)?),
        })
    }

    /// The program that makes a data folder, without the options that both know.
    fn install(&self) -> (PathBuf, &'static [&'static str]) {
        match self {
            Self::MariaDb { install, .. } => (install.clone(), mariadb::INSTALL_OPTIONS),
            Self::MySql { server } => (server.clone(), mysql::INSTALL_OPTIONS),
        }
    }

    fn own_settings(&self) -> &'static str {
        match self {
            Self::MariaDb { .. } => "",
            Self::MySql { .. } => mysql::SETTINGS,
        }
    }
}

/// MySQL in a container, with a database and a user that may come from anywhere: only its published port leads to it.
pub(super) fn recipe(password: &str) -> Recipe {
    let settings = format!("{SETTINGS}\n{}\nbind_address = *\n", mysql::SETTINGS);
    Recipe {
        image: MYSQL_IMAGE,
        port: 3306,
        files: vec![
            ("/etc/mysql/conf.d/matchday.cnf", settings),
            ("/docker-entrypoint-initdb.d/matchday.sql", init_sql(password, "%")),
        ],
        env: vec![("MYSQL_RANDOM_ROOT_PASSWORD", "yes".to_owned())],
        command: Vec::new(),
        memory_mib: 1_024,
    }
}

/// Prepares a server that listens on `port`, with a database and a user for it.
pub(super) async fn prepare(
    choice: &DatabaseChoice,
    project: &Project,
    folder: &Folder,
    port: u16,
    password: &str,
    say: Say,
) -> Result<Program> {
    let server = match Server::found(choice)? {
        Some(server) => server,
        None => mysql::fetched(project, say).await?,
    };
    let home = folder.data(DATABASE)?;
    let data = home.join("data");
    // A server refuses to run as root unless it is told that this is meant.
    let is_root = fs::metadata(&home).with_context(|| format!("looking at {}", home.display()))?.uid() == 0;

    let make = make_data_folder(&server, &home, &data, is_root);
    program::run(make, &folder.log("database-install"), folder.path()).await?;

    let init = home.join("init.sql");
    write_private(&init, &init_sql(password, "127.0.0.1"))?;
    let settings = home.join("my.cnf");
    let mut text = format!(
        "{SETTINGS}\n{}\nport = {port}\ndatadir = {}\ntmpdir = {}\npid_file = {}\ninit_file = {}\n",
        server.own_settings(),
        data.display(),
        home.display(),
        home.join("pid").display(),
        init.display()
    );
    // Relative to the data folder: the address of a local socket may not be longer than 107 bytes, and a path may.
    text.push_str("socket = socket\n");
    if is_root {
        text.push_str("user = root\n");
    }
    fs::write(&settings, text).with_context(|| format!("writing {}", settings.display()))?;

    let args = vec![option("--defaults-file=", &settings)];
    Ok(Program { path: server.program().to_owned(), args, env: Vec::new() })
}

fn make_data_folder(server: &Server, home: &Path, data: &Path, is_root: bool) -> Program {
    let (path, options) = server.install();
    let mut args: Vec<OsString> = ["--no-defaults"].iter().chain(options).map(Into::into).collect();
    args.push(option("--datadir=", data));
    // Two that are made at once would remove one another's temporary tables from a folder they share.
    args.push(option("--tmpdir=", home));
    if is_root {
        args.push("--user=root".into());
    }
    Program { path, args, env: Vec::new() }
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Runs at every start of the server, so it can run twice. One statement a line: the server asks for that.
///
/// The user may make more databases of that name's beginning: a test has one of its own.
fn init_sql(password: &str, host: &str) -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS {MATCHDAY};\n\
         CREATE USER IF NOT EXISTS '{MATCHDAY}'@'{host}' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON `{MATCHDAY}%`.* TO '{MATCHDAY}'@'{host}';\n"
    )
}

/// What a server that runs says it is: `MariaDB 10.11.6`, `MySQL 8.0.15`.
pub(super) async fn version(url: &str) -> Result<String> {
    let mut connection =
        MySqlConnection::connect(url).await.context("asking the database for its version")?;
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(product(&version))
}

/// Whose version it is stands behind the number, where it stands at all: `10.11.6-MariaDB-0+deb12u1`, `8.0.15`.
fn product(version: &str) -> String {
    let name = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
    let number = version.split('-').next().unwrap_or_default();
    format!("{name} {number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_chosen_by_name_or_by_its_folder() {
        for (text, choice) in [
            ("installed", DatabaseChoice::Installed),
            ("mariadb", DatabaseChoice::MariaDb),
            ("mysql", DatabaseChoice::MySql),
            ("/opt/mysql", DatabaseChoice::Folder("/opt/mysql".into())),
        ] {
            assert_eq!(text.parse::<DatabaseChoice>().unwrap(), choice);
        }
        let error = "oracle".parse::<DatabaseChoice>().unwrap_err().to_string();
        assert!(error.contains("`oracle`") && error.contains("mariadb"), "{error}");
    }

    #[test]
    fn a_version_says_whose_it_is() {
        assert_eq!(product("10.11.6-MariaDB-0+deb12u1"), "MariaDB 10.11.6");
        assert_eq!(product("8.0.15"), "MySQL 8.0.15");
        assert_eq!(product("8.4.2-0ubuntu1"), "MySQL 8.4.2");
    }

    #[test]
    fn a_folder_without_a_server_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Server::in_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    }
}
