//! A program of somebody else that runs beside a stack's stores, so that a service can be compared with it.

use super::native::{Native, Program};
use super::probe::Probe;
use super::process::{Body, Process};
use super::{Project, READY_DEADLINE, Stack};
use anyhow::Result;
use std::path::PathBuf;
use std::sync::Arc;

/// One such program.
#[derive(Clone, Debug)]
pub struct PeerSpec {
    /// Its name in the stack.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to its environment.
    pub env: Vec<(String, String)>,
    /// What answers a GET with a 2xx once it can work.
    pub ready: String,
}

impl Stack {
    /// The project whose services it runs.
    pub(crate) fn project(&self) -> &Project {
        &self.config.project
    }

    /// A port of 127.0.0.1 for `who`, on which nothing listens and that nobody else in this stack is given.
    ///
    /// # Errors
    /// When none is free.
    pub fn pick_port(&self, who: &str) -> Result<u16> {
        self.state().ports.pick(who, None)
    }

    /// Starts it, and waits until it can work. It ends with the stack.
    ///
    /// # Errors
    /// When it ends or does not become ready: with the end of its log.
    pub async fn start_peer(&self, spec: PeerSpec) -> Result<Arc<Process>> {
        let PeerSpec { name, path, args, env, ready } = spec;
        let program = Program { path, args: args.into_iter().map(Into::into).collect(), env };
        let process = {
            let mut state = self.state();
            let native = Native::spawn(&name, program, &self.folder, self.config.lifetime)?;
            let process = Process::new(&name, Body::Native(Box::new(native)), Probe::Page { url: ready });
            self.add(&mut state, process, None)?
        };
        process.ready(READY_DEADLINE).await?;
        Ok(process)
    }
}
