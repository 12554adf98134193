//! Makes Java trust what the machine trusts: where a company looks into its own traffic, its authority is known to the system,
//! and to Java often not.

use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Where systems keep the certificates of all authorities, in one file.
const SYSTEM: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The password of every store of this kind. It protects nothing: certificates are public.
const PASSWORD: &str = "changeit";

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A store in `folder` with what Java trusts and what the system trusts; `None` where Java knows all that the system knows.
///
/// # Errors
/// When a certificate cannot be added.
pub(super) async fn store(java: &Path, folder: &Path) -> Result<Option<PathBuf>> {
    let Some((keytool, cacerts)) = tools(java) else { return Ok(None) };
    let Some(system) = SYSTEM.iter().find_map(|file| fs::read_to_string(file).ok()) else { return Ok(None) };
    let list = ["-list", "-rfc", "-storepass", PASSWORD, "-keystore"];
    let listed = run(Command::new(&keytool).args(list).arg(&cacerts)).await?;
    let known: HashSet<String> = certificates(&listed).into_iter().collect();
    let unknown: Vec<String> =
        certificates(&system).into_iter().filter(|certificate| !known.contains(certificate)).collect();
    if unknown.is_empty() {
        return Ok(None);
    }
    let store = folder.join("trusted.keystore");
    fs::copy(&cacerts, &store).with_context(|| format!("copying {}", cacerts.display()))?;
    let file = folder.join("trusted.pem");
    for (number, certificate) in unknown.iter().enumerate() {
        fs::write(&file, format!("{BEGIN}\n{certificate}\n{END}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
        let alias = format!("system-{number}");
        let import = ["-importcert", "-noprompt", "-storepass", PASSWORD, "-alias", &alias, "-file"];
        run(Command::new(&keytool).args(import).arg(&file).arg("-keystore").arg(&store)).await?;
    }
    Ok(Some(store))
}

/// The program that knows such stores, and the store that comes with this Java.
fn tools(java: &Path) -> Option<(PathBuf, PathBuf)> {
    let java = java.canonicalize().ok()?;
    let home = java.parent()?.parent()?;
    let (keytool, cacerts) = (home.join("bin/keytool"), home.join("lib/security/cacerts"));
    (keytool.exists() && cacerts.exists()).then_some((keytool, cacerts))
}

/// The bodies of all certificates in a text, in base64 and without the line breaks in which texts differ.
fn certificates(text: &str) -> Vec<String> {
    text.split(BEGIN)
        .skip(1)
        .filter_map(|rest| rest.split_once(END))
        .map(|(body, _)| body.split_whitespace().collect())
        .collect()
}

async fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("running keytool")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("keytool failed with {}\n{}", output.status, said.trim_end());
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_the_same_however_its_lines_are_broken() {
        let one = format!("# an authority\n{BEGIN}\nMIIB\nAgID\n{END}\n");
        let other = format!("Alias: x\r\n{BEGIN}\r\nMIIBAgID\r\n{END}\r\n{BEGIN}\nMIIC\n{END}\n");
        assert_eq!(certificates(&one), ["MIIBAgID"]);
        assert_eq!(certificates(&other), ["MIIBAgID", "MIIC"]);
    }
}
