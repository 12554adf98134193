//! What only MariaDB needs: a script makes its data folder.

use super::super::program;
use super::Server;
use anyhow::Result;

/// What the script is told besides folders.
pub(super) const INSTALL_OPTIONS: &[&str] =
    &["--auth-root-authentication-method=socket", "--skip-test-db", "--skip-name-resolve"];

/// The one that is installed.
///
/// # Errors
/// When the server is there and its script is not.
pub(super) fn installed() -> Result<Option<Server>> {
    let Some(server) = program::installed(&["mariadbd"]) else { return Ok(None) };
    Ok(Some(Server::MariaDb { server, install: program::required(&["mariadb-install-db"])? }))
}
