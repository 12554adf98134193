//! What is fetched from Maven Central, once per machine and version: Kafka's jars, a MySQL server.

use super::native::Program;
use super::{Project, Say, program, trust};
use anyhow::{Context, Result};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Something that a pom in `harness/services/<name>` fetches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Download {
    /// Its folder there, which holds the pom.
    pub name: &'static str,
    /// What it is, for a person.
    pub what: &'static str,
    /// How much is fetched, in megabytes.
    pub megabytes: u32,
}

impl Download {
    /// The folder in which it lies once it was fetched.
    pub(super) fn target(self, project: &Project) -> PathBuf {
        self.home(project).join("target")
    }

    /// Whether it is there, fetched for the pom as it is now.
    pub(crate) fn is_fetched(self, project: &Project) -> bool {
        let pom = fs::read(self.home(project).join("pom.xml"));
        let fetched_for = fs::read(self.fetched_for(project));
        pom.is_ok_and(|pom| fetched_for.is_ok_and(|fetched_for| pom == fetched_for))
    }

    /// Fetches it where it is missing or was fetched for another pom, and returns its folder. What has to be made of it is
    /// made by `unpack`, within the same lock.
    pub(super) async fn fetch(
        self,
        project: &Project,
        java: &Path,
        unpack: impl AsyncFnOnce(&Path) -> Result<()>,
        say: Say,
    ) -> Result<PathBuf> {
        let Self { name, what, megabytes } = self;
        let target = self.target(project);
        if self.is_fetched(project) {
            return Ok(target);
        }
        say(&format!("  {name:<22} fetching {what} from Maven Central, this once ({megabytes} MB)"));
        let home = self.home(project);
        fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
        let lock = lock(&home).await?;
        // Another process may have fetched it while this one waited for the lock.
        if !self.is_fetched(project) {
            if target.exists() {
                fs::remove_dir_all(&target).with_context(|| format!("removing {}", target.display()))?;
            }
            fs::create_dir(&target).with_context(|| format!("making {}", target.display()))?;
            let fetched = package(java, &home, &target).await;
            fetched.with_context(|| format!("{what} could not be fetched from Maven Central"))?;
            unpack(&target).await?;
            let fetched_for = self.fetched_for(project);
            fs::copy(home.join("pom.xml"), &fetched_for)
                .with_context(|| format!("writing {}", fetched_for.display()))?;
        }
        drop(lock);
        Ok(target)
    }

    fn home(self, project: &Project) -> PathBuf {
        project.services().join(self.name)
    }

    fn fetched_for(self, project: &Project) -> PathBuf {
        self.target(project).join("fetched-for-pom.xml")
    }
}

/// Runs Maven on the pom in `home`, which fetches into `target`.
async fn package(java: &Path, home: &Path, target: &Path) -> Result<()> {
    let path = program::required(&["mvn"])?;
    let mut options = env::var("MAVEN_OPTS").unwrap_or_default();
    if !options.contains("javax.net.ssl.trustStore")
        && let Some(store) = trust::store(java, target).await?
    {
        options.push_str(&format!(" -Djavax.net.ssl.trustStore={}", store.display()));
    }
    let args = ["--batch-mode", "--no-transfer-progress", "--quiet", "-Dstyle.color=never", "package"];
    let args = args.map(Into::into).to_vec();
    let env = vec![("MAVEN_OPTS".to_owned(), options)];
    program::run(Program { path, args, env }, &target.join("maven.log"), home).await
}

/// Waits for a lock without holding a thread of the runtime.
async fn lock(folder: &Path) -> Result<File> {
    let file = File::open(folder).with_context(|| format!("opening {}", folder.display()))?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .context("waiting for a lock")?
        .with_context(|| format!("locking {}", folder.display()))
}
