//! One container of a stack: started through testcontainers, then watched, disturbed and started again by its id.

use super::docker;
use super::folder::Folder;
use super::process::log_end_of;
use super::process_id::ProcessId;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

/// An image of a registry, pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image {
    pub name: &'static str,
    pub tag: &'static str,
}

/// The images of all stores: the same as in `docker-compose.yml`.
pub(crate) const IMAGES: [Image; 3] = [KAFKA_IMAGE, MYSQL_IMAGE, REDIS_IMAGE];

/// The full names of [`IMAGES`].
pub(crate) fn store_images() -> impl Iterator<Item = String> {
    IMAGES.into_iter().map(Image::full_name)
}

pub(super) const KAFKA_IMAGE: Image = Image { name: "apache/kafka", tag: "4.3.1" };
pub(super) const MYSQL_IMAGE: Image = Image { name: "mysql", tag: "8.4.7" };
pub(super) const REDIS_IMAGE: Image = Image { name: "redis", tag: "7.4.7-bookworm" };

impl Image {
    /// `mysql:8.4`.
    pub(crate) fn full_name(self) -> String {
        format!("{}:{}", self.name, self.tag)
    }
}

/// How a store is started from its image.
#[derive(Debug)]
pub(super) struct Recipe {
    pub image: Image,
    /// Where it listens inside.
    pub port: u16,
    /// Files that it finds as it starts: where, and what is in them.
    pub files: Vec<(&'static str, String)>,
    /// Its environment.
    pub env: Vec<(&'static str, String)>,
    /// What is run in place of the image's own command; nothing where it is that one.
    pub command: Vec<&'static str>,
    /// What it may use; beyond that the kernel kills it, which shows as exit code 137.
    pub memory_mib: i64,
}

/// A container that was started. Nothing ends it but [`super::end`], which finds it by its label.
#[derive(Debug)]
pub(super) struct Container {
    id: String,
}

/// What the engine says of a container.
struct Condition {
    is_running: bool,
    exit_code: i32,
    pid: u32,
}

impl Container {
    /// Starts the store `name` of the stack in `folder`, reached on `port` of this machine alone.
    ///
    /// # Errors
    /// When the engine refuses: no such image, a port that was taken meanwhile.
    pub(super) async fn start(name: &str, recipe: Recipe, folder: &Folder, port: u16) -> Result<Self> {
        let Recipe { image, port: inside, files, env, command, memory_mib } = recipe;
        let stack = folder.path().file_name().unwrap_or_default().display();
        let full_name = image.full_name();
        let mut request = GenericImage::new(image.name, image.tag)
            .with_container_name(format!("matchday-{stack}-{name}-{:06x}", rand::random::<u32>() >> 8))
            .with_label(docker::LABEL, folder.path().display().to_string())
            // The same after every restart, which a port of the engine's choice would not be.
            .with_mapped_port(port, inside.tcp())
            .with_host_config_modifier(move |host| {
                let bindings = host.port_bindings.iter_mut().flat_map(|ports| ports.values_mut());
                bindings.flatten().flatten().for_each(|port| port.host_ip = Some("127.0.0.1".to_owned()));
                host.memory = Some(memory_mib << 20);
            });
        for (target, text) in files {
            request = request.with_copy_to(target, text.into_bytes());
        }
        for (key, value) in env {
            request = request.with_env_var(key, value);
        }
        if !command.is_empty() {
            request = request.with_cmd(command);
        }
        let started = request.start().await.with_context(|| format!("starting {full_name}"))?;
        let id = started.id().to_owned();
        // Dropped, it would remove the container, be it one that is to outlive this process.
        std::mem::forget(started);
        Ok(Self { id })
    }

    /// The name by which the record of a stack knows it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Ends it as a crash does, and returns when it has ended.
    pub(super) fn kill(&self) -> Result<()> {
        docker::run(&["kill", &self.id], docker::WORK)?;
        docker::run(&["wait", &self.id], docker::WORK)?;
        Ok(())
    }

    /// Stops its clock.
    pub(super) fn pause(&self) -> Result<()> {
        docker::run(&["pause", &self.id], docker::WORK).map(|_| ())
    }

    /// Lets it go on.
    pub(super) fn resume(&self) -> Result<()> {
        docker::run(&["unpause", &self.id], docker::WORK).map(|_| ())
    }

    /// Asks it to end, and kills it when the grace time is over.
    pub(super) fn stop(&self) -> Result<()> {
        let grace = super::process::GRACE.as_secs().to_string();
        docker::run(&["stop", "-t", &grace, &self.id], docker::WORK).map(|_| ())
    }

    /// Starts it again, with the same port and the same data.
    pub(super) fn start_again(&self) -> Result<()> {
        docker::run(&["start", &self.id], docker::WORK).map(|_| ())
    }

    /// How it ended, where it is known to have; one that was removed has ended as a crash does.
    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        let code = match self.condition().ok()? {
            Some(condition) if condition.is_running => return None,
            Some(condition) => condition.exit_code,
            None => super::process::KILLED,
        };
        // A process's own exit code is the second byte of what `wait` tells.
        Some(ExitStatus::from_raw(code << 8))
    }

    /// The process of this machine that it is, where the engine runs on this machine and not in a virtual one.
    pub(super) fn process(&self) -> Option<ProcessId> {
        let pid = self.condition().ok()??.pid;
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        if groups.contains(&self.id) { ProcessId::of(pid) } else { None }
    }

    /// The last lines that it said.
    pub(super) fn log_end(&self) -> String {
        let name = self.id.get(..12).unwrap_or_default();
        log_end_of(&format!("container {name}"), &log(&self.id, super::process::LOG_LINES))
    }

    /// `None` when it was removed. An error says nothing about it: its engine does not answer.
    fn condition(&self) -> Result<Option<Condition>> {
        let format = "{{.State.Running}} {{.State.ExitCode}} {{.State.Pid}}";
        let said = match docker::ask(&["inspect", "--format", format, &self.id]) {
            Ok(said) => said,
            Err(error) => return if docker::has(&self.id)? { Err(error) } else { Ok(None) },
        };
        let mut words = said.split(' ');
        let mut next = || words.next().context("the engine says too little of a container");
        let (is_running, exit_code, pid) = (next()? == "true", next()?.parse()?, next()?.parse()?);
        Ok(Some(Condition { is_running, exit_code, pid }))
    }
}

/// The last lines that a container said, on either stream.
pub(super) fn log(id: &str, lines: usize) -> String {
    let lines = lines.to_string();
    docker::ask_both(&["logs", "--tail", &lines, id]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::IMAGES;

    #[test]
    fn the_images_are_those_of_the_compose_file() {
        let compose = include_str!("../../../docker-compose.yml");
        for image in IMAGES {
            let line = format!("image: {}\n", image.full_name());
            assert!(compose.contains(&line), "docker-compose.yml has another than {}", image.full_name());
        }
    }
}
