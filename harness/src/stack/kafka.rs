//! Apache Kafka: its jars from Maven Central, its folder, its command line.

use super::folder::Folder;
use super::process::Program;
use super::program;
use super::trust;
use super::{Project, Say};
use anyhow::{Context, Result};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const PROPERTIES: &str = include_str!("../../services/kafka/server.properties");
const LOG4J: &str = include_str!("../../services/kafka/log4j2.properties");

/// Its name in a stack.
pub const KAFKA: &str = "kafka";

/// Prepares a node that listens on `port`, and on `controller_port` for itself.
pub(super) async fn prepare(
    project: &Project,
    folder: &Folder,
    port: u16,
    controller_port: u16,
    say: Say,
) -> Result<Program> {
    let java = java()?;
    let jars = jars(project, &java, say).await?;
    let home = folder.data(KAFKA)?;
    let properties = home.join("server.properties");
    let log4j = home.join("log4j2.properties");
    let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let data = home.join("data");
    let text = format!(
        "{PROPERTIES}\nlisteners={listeners}\nadvertised.listeners={listeners}\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\nlog.dirs={}\n",
        data.display()
    );
    fs::write(&properties, text).with_context(|| format!("writing {}", properties.display()))?;
    fs::write(&log4j, LOG4J).with_context(|| format!("writing {}", log4j.display()))?;

    let options = |heap: &str| {
        vec![
            format!("-Xmx{heap}"),
            format!("-Dlog4j2.configurationFile={}", log4j.display()),
            "-cp".to_owned(),
            format!("{}/*", jars.display()),
        ]
    };
    let mut format = options("128m");
    format.extend(["kafka.tools.StorageTool", "format", "--standalone", "--cluster-id"].map(str::to_owned));
    format.extend([new_cluster_id(), "--config".to_owned(), properties.display().to_string()]);
    program::run(command(java.clone(), format), &folder.log("kafka-format"), folder.path()).await?;

    let mut serve = options("512m");
    // What Kafka's own start script asks for: short pauses matter more here than the last percent of throughput.
    serve.extend(
        ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError"].map(str::to_owned),
    );
    serve.extend(["kafka.Kafka".to_owned(), properties.display().to_string()]);
    Ok(command(java, serve))
}

fn command(java: PathBuf, args: Vec<String>) -> Program {
    Program { path: java, args: args.into_iter().map(Into::into).collect(), env: Vec::new() }
}

fn java() -> Result<PathBuf> {
    match env::var_os("JAVA_HOME") {
        Some(home) => Ok(Path::new(&home).join("bin/java")),
        None => program::required(&["java"]),
    }
}

/// Sixteen bytes in base64, as Kafka wants it, by a shorter way: 21 hexadecimal digits are base64 too, and cannot begin with
/// the dash that would make an option of it; the last letter holds the two bits that are left, and four that must be zero.
fn new_cluster_id() -> String {
    format!("{:021x}A", rand::random::<u128>() >> 44)
}

/// The folder with Kafka's jars, fetched when they are missing or were fetched for another pom.
async fn jars(project: &Project, java: &Path, say: Say) -> Result<PathBuf> {
    let home = project.services().join("kafka");
    let target = home.join("target");
    let jars = target.join("libs");
    let pom = home.join("pom.xml");
    let fetched_for = target.join("fetched-for-pom.xml");
    let wanted = fs::read(&pom).with_context(|| format!("reading {}", pom.display()))?;
    let is_fetched = || fs::read(&fetched_for).is_ok_and(|fetched| fetched == wanted);
    if is_fetched() {
        return Ok(jars);
    }
    say("  kafka              fetching Apache Kafka from Maven Central, this once (54 MB)");
    fs::create_dir_all(&target).with_context(|| format!("making {}", target.display()))?;
    let lock = lock(&target).await?;
    // Another process may have fetched them while this one waited for the lock.
    if !is_fetched() {
        if jars.exists() {
            fs::remove_dir_all(&jars).with_context(|| format!("removing {}", jars.display()))?;
        }
        fetch(java, &home, &target).await.context("Apache Kafka could not be fetched from Maven Central")?;
        fs::write(&fetched_for, &wanted).with_context(|| format!("writing {}", fetched_for.display()))?;
    }
    drop(lock);
    Ok(jars)
}

async fn fetch(java: &Path, home: &Path, target: &Path) -> Result<()> {
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
    let log = target.join("maven.log");
    // What an earlier try said would only confuse.
    fs::write(&log, "").with_context(|| format!("writing {}", log.display()))?;
    program::run(Program { path, args, env }, &log, home).await
}

/// Waits for a lock without holding a thread of the runtime.
async fn lock(folder: &Path) -> Result<File> {
    let file = File::open(folder).with_context(|| format!("opening {}", folder.display()))?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .context("waiting for a lock")?
        .with_context(|| format!("locking {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::new_cluster_id;

    #[test]
    fn a_cluster_id_is_22_letters_and_no_two_are_the_same() {
        let id = new_cluster_id();
        assert_eq!(id.len(), 22);
        assert_ne!(id, new_cluster_id());
    }
}
