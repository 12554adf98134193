//! Redis: a cache that keeps nothing on disk.

use super::container::{REDIS_IMAGE, Recipe};
use super::folder::Folder;
use super::native::Program;
use super::program;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const SETTINGS: &str = include_str!("../../services/redis/redis.conf");

/// Its name in a stack.
pub const REDIS: &str = "redis";

/// A server in a container, which nothing but its published port leads to.
pub(super) fn recipe() -> Recipe {
    const FILE: &str = "/etc/matchday-redis.conf";
    Recipe {
        image: REDIS_IMAGE,
        port: 6379,
        files: vec![(FILE, format!("{SETTINGS}\nbind *\nprotected-mode no\n"))],
        env: Vec::new(),
        command: vec!["redis-server", FILE],
        memory_mib: 512,
    }
}

/// Prepares a server that listens on `port`.
pub(super) fn prepare(folder: &Folder, port: u16) -> Result<Program> {
    let home = folder.data(REDIS)?;
    let settings = home.join("redis.conf");
    let text = format!("{SETTINGS}\nport {port}\ndir \"{}\"\n", home.display());
    fs::write(&settings, text).with_context(|| format!("writing {}", settings.display()))?;
    Ok(Program { path: server(&home)?, args: vec![settings.into()], env: Vec::new() })
}

/// Redis is one program that does what its name says. Debian's `redis-tools` brings it as `redis-check-rdb`; the package
/// `redis-server` adds the other name, and a service of the system that would start at once.
fn server(home: &Path) -> Result<PathBuf> {
    if let Some(server) = program::installed(&["redis-server"]) {
        return Ok(server);
    }
    let tool = program::required(&["redis-check-rdb"])?;
    let server = home.join("redis-server");
    symlink(&tool, &server).with_context(|| format!("linking {}", server.display()))?;
    Ok(server)
}
