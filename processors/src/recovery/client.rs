//! The client with which providers are asked: a POST without a body, over TLS where the address says `https`. It follows no
//! redirects and takes no proxy.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use url::Url;

/// What a provider answers to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether it takes it.
    pub status: StatusCode,
    /// When it wants to be asked again, in seconds from now; a date is not read.
    pub retry_after: Option<Duration>,
}

/// A client; clones share its connections.
#[derive(Debug, Clone)]
pub struct Client(Pool<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Client {
    /// One that trusts, over TLS, whoever this machine trusts.
    ///
    /// # Errors
    /// Where that is nobody.
    pub fn trusting_as_the_machine_does() -> Result<Self> {
        let config = tls()?.with_native_roots().context(
            "a provider is to be asked over TLS, and this machine trusts nobody: install ca-certificates, or name a file of \
             certificates in SSL_CERT_FILE",
        )?;
        Ok(Self::of(config.with_no_client_auth()))
    }

    /// One that trusts only these over TLS.
    ///
    /// # Errors
    /// Where TLS cannot be had.
    pub fn trusting(roots: RootCertStore) -> Result<Self> {
        Ok(Self::of(tls()?.with_root_certificates(roots).with_no_client_auth()))
    }

    fn of(config: ClientConfig) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Self(Pool::builder(TokioExecutor::new()).build(connector))
    }

    /// Asks, and says what was answered.
    ///
    /// # Errors
    /// Where there was no answer.
    pub async fn post(&self, url: &Url, rights: &[(HeaderName, HeaderValue)]) -> Result<Answer> {
        // Some servers take no POST that does not say how long it is.
        let no_bytes = HeaderValue::from_static("0");
        let mut request = Request::post(url.as_str()).header(CONTENT_LENGTH, no_bytes);
        for (name, value) in rights {
            request = request.header(name, value);
        }
        let answer = self.0.request(request.body(Empty::new())?).await;
        let answer = answer.map_err(|error| anyhow::Error::msg(reason(&error)))?;
        Ok(Answer { status: answer.status(), retry_after: retry_after(answer.headers()) })
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?)
}

/// Why there was no answer: the first source of an error. Those after it only say where that came up.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut first = error;
    while let Some(source) = first.source() {
        first = source;
    }
    match of_tls(first) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => {
            format!("{error}: nobody vouches for it whom this machine trusts, or the file in SSL_CERT_FILE")
        }
        _ => first.to_string(),
    }
}

/// An error of input and output holds that of TLS without naming it as its source.
fn of_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = || error.downcast_ref::<io::Error>()?.get_ref();
    error.downcast_ref::<rustls::Error>().or_else(|| of_tls(inner()?))
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use hyper::header::AUTHORIZATION;

    /// Of `127.0.0.1`, by itself, until the year 2120; the key is used for nothing else.
    const CERTIFICATE: &[u8] = include_bytes!("client/certificate.pem");
    const KEY: &[u8] = include_bytes!("client/key.pem");

    fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(CERTIFICATE).unwrap()
    }

    /// A provider that speaks TLS: takes requests and returns the head of the last one it could read.
    async fn provider() -> (Url, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url =
            format!("https://{}/v1/1/recovery/initiate_request?request_id=7", listener.local_addr().unwrap());
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let asked = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // Whoever does not trust it goes away.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                stream
                    .write_all(b"HTTP/1.1 202 Accepted\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n")
                    .await
                    .unwrap();
                stream.shutdown().await.unwrap();
                return String::from_utf8(head).unwrap();
            }
        });
        (url.parse().unwrap(), asked)
    }

    #[tokio::test]
    async fn a_provider_that_is_trusted_is_asked_over_tls() {
        let (url, asked) = provider().await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate()).unwrap();
        let rights = [(AUTHORIZATION, HeaderValue::from_static("Bearer secret"))];
        let answer = Client::trusting(roots).unwrap().post(&url, &rights).await.unwrap();
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(answer, Answer { status: StatusCode::ACCEPTED, retry_after });
        let head = asked.await.unwrap();
        let first = "POST /v1/1/recovery/initiate_request?request_id=7 HTTP/1.1\r\n";
        assert!(head.starts_with(first), "{head}");
        assert!(
            head.contains("authorization: Bearer secret\r\n") && head.contains("content-length: 0\r\n"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn one_that_is_not_is_told_nothing_and_why_is_said() {
        let (url, asked) = provider().await;
        let client = Client::trusting(RootCertStore::empty()).unwrap();
        let error = client.post(&url, &[]).await.unwrap_err().to_string();
        assert!(
            error.contains("invalid peer certificate: UnknownIssuer") && error.contains("SSL_CERT_FILE"),
            "{error}"
        );
        assert!(!asked.is_finished());
        asked.abort();
        let nobody: Url = "http://127.0.0.1:1/".parse().unwrap();
        let error = client.post(&nobody, &[]).await.unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
    }
}
