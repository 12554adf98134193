//! The documented ports, and who holds the ones that are taken.

use super::{Check, State};
use crate::stack::{
    ComposeProject, DATABASE, DATABASE_PORT, KAFKA, KAFKA_PORT, Project, REDIS, REDIS_PORT, is_free, pipeline,
};
use domain::Sport;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How `/proc/net/tcp` writes that a socket listens.
const LISTENS: &str = "0A";

/// A taken port is no obstacle: a stack takes another, and says so; `docker compose up` can be told to.
pub(super) fn checks(project: &Project) -> Vec<Check> {
    let mut ports: BTreeMap<u16, Needed> = BTreeMap::new();
    for (name, port) in [(KAFKA, KAFKA_PORT), (DATABASE, DATABASE_PORT), (REDIS, REDIS_PORT)] {
        ports.entry(port).or_default().by_us = Some(name.to_owned());
    }
    for service in pipeline(&Sport::ALL) {
        for listener in &service.listeners {
            ports.entry(listener.port).or_default().by_us = Some(service.name.clone());
        }
    }
    // Those of a project that is up are taken by itself.
    if ComposeProject::of(project).is_ok_and(|projects| projects.iter().all(|project| !project.is_own)) {
        for (name, port) in ComposeProject::ports(project).unwrap_or_default() {
            ports.entry(port).or_default().by_compose = Some(name);
        }
    }
    let (free, taken): (Vec<_>, Vec<_>) = ports.into_iter().partition(|(port, _)| is_free(*port));
    let mut checks = Vec::new();
    if !free.is_empty() {
        let free: Vec<String> = free.iter().map(|(port, _)| port.to_string()).collect();
        checks.push(Check::new("free ports", State::Ok, free.join(" ")));
    }
    checks.extend(taken.into_iter().map(|(port, needed)| {
        let holder = holder(port).unwrap_or_else(|| "another process".to_owned());
        let says = format!("held by {holder}: {}; lsof -i :{port} tells whose it is", needed.without());
        Check::new(format!("port {port}"), State::Note, says)
    }));
    checks
}

/// Whose port it is, by name.
#[derive(Debug, Default)]
struct Needed {
    /// In a stack of `matchday up`.
    by_us: Option<String>,
    /// In `docker-compose.yml`, with what `.env` says.
    by_compose: Option<String>,
}

impl Needed {
    /// What becomes of whoever does not get it.
    fn without(&self) -> String {
        let ours = self.by_us.as_ref().map(|name| format!("make up gives {name} another"));
        let compose = self.by_compose.as_ref().map(|name| {
            format!("docker compose up fails on {name} unless .env moves it, by PORT_PREFIX or alone")
        });
        [ours, compose].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The process that listens on a port, where one of this user does: `nginx (812)`.
fn holder(port: u16) -> Option<String> {
    let sockets =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let inode = sockets.iter().find_map(|table| listening_inode(table, port))?;
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    let holds = |process: &Path| {
        let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
        files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target == socket))
    };
    // `/proc/self` is a process listed a second time, and not by its number.
    let is_number = |name: &OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    let process = processes.find(|entry| is_number(&entry.file_name()) && holds(&entry.path()))?.path();
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some(format!("{} ({})", name.trim(), process.file_name()?.display()))
}

/// The inode of the socket that listens on `port`, in a table as in proc(5): the fields are number, local address, remote
/// address, state, …, and the tenth is the inode.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local, 16) == Ok(port) && *fields.get(3)? == LISTENS;
        if is_it { fields.get(9)?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn who_holds_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = holder(port).unwrap();
        assert!(holder.ends_with(&format!("({})", std::process::id())), "{holder}");
    }
}
