//! Apache Kafka: its jars, its folder, its command line.

use super::container::{KAFKA_IMAGE, Recipe};
use super::folder::Folder;
use super::link::KafkaListener;
use super::maven::Download;
use super::native::Program;
use super::{Project, Say, program};
use anyhow::{Context, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const PROPERTIES: &str = include_str!("../../services/kafka/server.properties");
const LOG4J: &str = include_str!("../../services/kafka/log4j2.properties");

/// Its name in a stack.
pub const KAFKA: &str = "kafka";

/// Where the controller listens in a container.
const CONTROLLER_PORT: u16 = 9093;

/// What `server.properties` says of its own listeners.
const PROTOCOLS: &str = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT";

/// Its jars.
pub(crate) const JARS: Download = Download { name: "kafka", what: "Apache Kafka", megabytes: 54 };

/// A node in a container. It listens inside on the port on which it is reached from outside: the address that it advertises
/// leads to it from either side.
pub(super) fn recipe(port: u16) -> Recipe {
    let controller_port = if port == CONTROLLER_PORT { CONTROLLER_PORT + 1 } else { CONTROLLER_PORT };
    let properties = format!(
        "{PROPERTIES}\nlisteners=PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\nlog.dirs=/var/lib/kafka/data\n"
    );
    Recipe {
        image: KAFKA_IMAGE,
        port,
        files: vec![("/mnt/shared/config/server.properties", properties)],
        // The image's own id is the same everywhere, and offsets are only good where they were made.
        env: vec![("KAFKA_HEAP_OPTS", "-Xmx512m".to_owned()), ("CLUSTER_ID", new_cluster_id())],
        command: Vec::new(),
        memory_mib: 1_024,
    }
}

/// Prepares a node that listens on `port`, on `controller_port` for itself, and for each proxy before it on a port that
/// advertises the proxy's: who comes through a proxy stays on that way.
pub(super) async fn prepare(
    project: &Project,
    folder: &Folder,
    (port, controller_port): (u16, u16),
    proxied: &[KafkaListener],
    say: Say,
) -> Result<Program> {
    let java = java()?;
    let jars = JARS.fetch(project, &java, async |_| Ok(()), say).await?.join("libs");
    let home = folder.data(KAFKA)?;
    let properties = home.join("server.properties");
    let log4j = home.join("log4j2.properties");
    let own = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let named = |what: &dyn Fn(&KafkaListener, usize) -> String| -> String {
        (1..).zip(proxied).map(|(number, listener)| what(listener, number)).collect()
    };
    let listeners = named(&|listener, number| format!(",PROXIED{number}://127.0.0.1:{}", listener.port));
    let advertised =
        named(&|listener, number| format!(",PROXIED{number}://127.0.0.1:{}", listener.advertised));
    let protocols = named(&|_, number| format!(",PROXIED{number}:PLAINTEXT"));
    let data = home.join("data");
    let text = format!(
        "{PROPERTIES}\nlisteners={own}{listeners}\nadvertised.listeners={own}{advertised}\n\
         listener.security.protocol.map={PROTOCOLS}{protocols}\n\
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
    // The collector is as Kafka's own start script asks for: short pauses matter more here than the last percent of throughput. The quick
    // compiler alone: what the other one saves, a stack that runs for minutes never gets back (docs/adr/0011-what-kafka-costs.md).
    serve.extend(
        ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"]
            .map(str::to_owned),
    );
    serve.extend(["kafka.Kafka".to_owned(), properties.display().to_string()]);
    Ok(command(java, serve))
}

fn command(java: PathBuf, args: Vec<String>) -> Program {
    Program { path: java, args: args.into_iter().map(Into::into).collect(), env: Vec::new() }
}

/// The Java runtime: of `JAVA_HOME`, else the one on the path.
pub(crate) fn java() -> Result<PathBuf> {
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

#[cfg(test)]
mod tests {
    use super::{PROPERTIES, PROTOCOLS, new_cluster_id};

    #[test]
    fn the_protocols_of_its_own_listeners_are_those_of_its_settings() {
        assert!(PROPERTIES.contains(&format!("listener.security.protocol.map={PROTOCOLS}\n")));
    }

    #[test]
    fn a_cluster_id_is_22_letters_and_no_two_are_the_same() {
        let id = new_cluster_id();
        assert_eq!(id.len(), 22);
        assert_ne!(id, new_cluster_id());
    }
}
