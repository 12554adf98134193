//! MariaDB, or MySQL 8 where that is installed instead: a new database of its own for every stack.

use super::folder::{Folder, write_private};
use super::process::Program;
use super::program;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SETTINGS: &str = include_str!("../../services/database/my.cnf");

/// Its name in a stack.
pub const DATABASE: &str = "database";

/// The user's name, and the database's.
pub(super) const MATCHDAY: &str = "matchday";

/// The two servers that speak this protocol differ in how a new data folder is made.
enum Server {
    MariaDb { server: PathBuf, install: PathBuf },
    MySql { server: PathBuf },
}

/// A password that nobody needs to type.
pub(super) fn new_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Prepares a server that listens on `port`, with a database and a user for it.
pub(super) async fn prepare(folder: &Folder, port: u16, password: &str) -> Result<Program> {
    let home = folder.data(DATABASE)?;
    let data = home.join("data");
    let server = installed()?;
    // A server refuses to run as root unless it is told that this is meant.
    let is_root = fs::metadata(&home).with_context(|| format!("looking at {}", home.display()))?.uid() == 0;

    let make = make_data_folder(&server, &home, &data, is_root);
    program::run(make, &folder.log("database-install"), folder.path()).await?;

    let init = home.join("init.sql");
    write_private(&init, &init_sql(password))?;
    let settings = home.join("my.cnf");
    let mut text = format!(
        "{SETTINGS}\nport = {port}\ndatadir = {}\ntmpdir = {}\npid_file = {}\ninit_file = {}\n",
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

    let (Server::MariaDb { server, .. } | Server::MySql { server }) = server;
    let args = vec![option("--defaults-file=", &settings)];
    Ok(Program { path: server, args, env: Vec::new() })
}

fn installed() -> Result<Server> {
    if let Some(server) = program::installed(&["mariadbd"]) {
        return Ok(Server::MariaDb { server, install: program::required(&["mariadb-install-db"])? });
    }
    let server = program::installed(&["mysqld"]);
    Ok(Server::MySql {
        server: server.context("neither mariadbd nor mysqld is installed: `make setup` installs one")?,
    })
}

fn make_data_folder(server: &Server, home: &Path, data: &Path, is_root: bool) -> Program {
    let (path, mut args) = match server {
        Server::MariaDb { install, .. } => {
            let options =
                ["--auth-root-authentication-method=socket", "--skip-test-db", "--skip-name-resolve"];
            (install, ["--no-defaults"].into_iter().chain(options).map(Into::into).collect::<Vec<OsString>>())
        }
        Server::MySql { server } => (server, vec!["--no-defaults".into(), "--initialize-insecure".into()]),
    };
    args.push(option("--datadir=", data));
    // Two that are made at once would remove one another's temporary tables from a folder they share.
    args.push(option("--tmpdir=", home));
    if is_root {
        args.push("--user=root".into());
    }
    Program { path: path.clone(), args, env: Vec::new() }
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Runs at every start of the server, so it can run twice. One statement a line: the server asks for that.
///
/// The user may make more databases of that name's beginning: a test has one of its own.
fn init_sql(password: &str) -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS {MATCHDAY};\n\
         CREATE USER IF NOT EXISTS '{MATCHDAY}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON `{MATCHDAY}%`.* TO '{MATCHDAY}'@'127.0.0.1';\n"
    )
}
