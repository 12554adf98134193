//! The flags that several processes share, each with its environment variable.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

/// What every process takes: how loud it is and how long it may take to stop.
#[derive(Args, Clone, Debug)]
pub struct ProcessArgs {
    /// Which log lines are written to stderr, in the syntax of tracing's `EnvFilter`
    #[arg(long, env = "MATCHDAY_LOG", default_value = "info,sqlx_core::pool=warn", value_name = "FILTER")]
    pub log: String,

    /// How long work in hand may take to finish after SIGTERM
    #[arg(long, env = "MATCHDAY_GRACE_SECONDS", default_value_t = 20, value_name = "SECONDS")]
    pub grace_seconds: u64,
}

impl ProcessArgs {
    /// The grace time as a duration.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// Where Kafka is.
#[derive(Args, Clone, Debug)]
pub struct KafkaArgs {
    /// Kafka's bootstrap servers, separated by commas
    #[arg(
        id = "kafka",
        long = "kafka",
        env = "MATCHDAY_KAFKA",
        default_value = "127.0.0.1:9092",
        value_name = "HOST:PORT"
    )]
    pub brokers: String,
}

/// Where MySQL or MariaDB is.
#[derive(Args, Clone, Debug)]
pub struct MysqlArgs {
    /// The database's address, `mysql://user:password@host:port/database`
    #[arg(id = "mysql", long = "mysql", env = "MATCHDAY_MYSQL", hide_env_values = true, value_name = "URL")]
    pub url: String,

    /// A file with the password, for an address that has none
    #[arg(
        id = "mysql_password_file",
        long = "mysql-password-file",
        env = "MATCHDAY_MYSQL_PASSWORD_FILE",
        value_name = "FILE"
    )]
    pub password_file: Option<PathBuf>,
}

impl MysqlArgs {
    /// The address, with the password of the file where there is one. A line feed at its end is not part of it.
    ///
    /// # Errors
    /// When the file cannot be read, or the address has no user whose password it could be, or has one already.
    pub fn url(&self) -> anyhow::Result<String> {
        let Some(file) = &self.password_file else { return Ok(self.url.clone()) };
        let password = std::fs::read_to_string(file)
            .with_context(|| format!("reading the database's password from {}", file.display()))?;
        with_password(&self.url, password.trim_end_matches(['\r', '\n']))
    }
}

/// Puts a password behind the user: `mysql://user@host/database` is `mysql://user:password@host/database` then.
fn with_password(url: &str, password: &str) -> anyhow::Result<String> {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)));
    // Not the address itself: what is wrong with it may be the password that it holds.
    let (scheme, (user, rest)) = parts.context("the database's address names no user")?;
    ensure!(!user.contains(':'), "the database's address has a password, and there is a file of it as well");
    let mut url = format!("{scheme}://{user}:");
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("a string takes every letter");
        }
    }
    Ok(format!("{url}@{rest}"))
}

/// Where Redis is.
#[derive(Args, Clone, Debug)]
pub struct RedisArgs {
    /// The cache's address, `redis://host:port`
    #[arg(
        id = "redis",
        long = "redis",
        env = "MATCHDAY_REDIS",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        value_name = "URL"
    )]
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_a_file_may_hold_any_letter() {
        let url = with_password("mysql://matchday@mysql:3306/matchday", "a@b/ü").unwrap();
        assert_eq!(url, "mysql://matchday:a%40b%2F%C3%BC@mysql:3306/matchday");
    }

    #[test]
    fn an_address_has_one_password_or_none() {
        for address in ["mysql://matchday:x@mysql/matchday", "mysql://mysql/matchday", "mysql"] {
            assert!(with_password(address, "secret").is_err(), "{address}");
        }
    }
}
