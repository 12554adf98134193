//! The ports that `docker-compose.yml` publishes, as the environment and the project's `.env` set them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;

/// What `docker-compose.yml` calls its project.
const PROJECT: &str = "matchday";

/// What is set.
#[derive(Debug, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Of the environment, over those of the file.
    pub(super) fn read(project: Option<&Path>) -> Self {
        let file = project.and_then(|project| fs::read_to_string(project.join(".env")).ok());
        let mut settings = Self::parse(&file.unwrap_or_default());
        settings.0.extend(
            env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        settings
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let settings = lines.filter_map(|line| line.split_once('='));
        Self(
            settings
                .map(|(name, value)| {
                    (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned())
                })
                .collect(),
        )
    }

    /// The name of the Compose project.
    pub(super) fn project(&self) -> String {
        let set = self.0.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        set.map_or(PROJECT, String::as_str).to_owned()
    }

    /// The port that `<name>_PORT` gives, else `PORT_PREFIX` before the documented one.
    pub(super) fn port(&self, name: &str, documented: u16) -> u16 {
        let set = |name: &str| self.0.get(name).filter(|value| !value.is_empty());
        let own = set(&format!("{name}_PORT")).and_then(|port| port.parse().ok());
        let shifted = || format!("{}{documented}", set("PORT_PREFIX")?).parse().ok();
        own.or_else(shifted).unwrap_or(documented)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ports_and_a_prefix_shift_what_is_documented() {
        let settings = Settings::parse("# a comment\nPORT_PREFIX=2\nREST_PORT = '5002'\n#KAFKA_PORT=1\n");
        assert_eq!(settings.port("REST", 4002), 5002);
        assert_eq!(settings.port("KAFKA", 9092), 29092);
        assert_eq!(Settings::default().port("KAFKA", 9092), 9092);
    }

    #[test]
    fn the_project_is_called_as_compose_calls_it() {
        let compose = include_str!("../../../docker-compose.yml");
        assert!(compose.contains(&format!("\nname: {}\n", Settings::default().project())));
        assert_eq!(Settings::parse("COMPOSE_PROJECT_NAME=other").project(), "other");
    }
}
