//! A TCP proxy on the way between two parts of a stack: what goes over it can be delayed, throttled, cut off or swallowed.
//!
//! Both ends run on this machine, where nothing of that happens by itself. Bytes are passed on as they are, in order.

use anyhow::{Context, Result};
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// How many connections it has at once; the next one waits to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// The most that is read at once, in bytes.
const CHUNK_BYTES: usize = 16 << 10;
/// How many chunks are on their way in one direction of a connection: 1 MiB. Beyond that its sender has to wait.
const CHUNKS_MAX: usize = 64;
/// A narrow way is used in steps of so long.
const STEP: Duration = Duration::from_millis(20);

/// How bytes get over a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// At once.
    Clear,
    /// Each arrives so much later, in either direction.
    Slow(Duration),
    /// So many bytes a second and no more, in each direction of each connection.
    Throttled(u64),
    /// Not at all: connections are reset, new ones too.
    Cut,
    /// Not at all, and the one who connected does not hear of it: at the other end its connection is reset, what it sends is
    /// lost, and nothing comes. New ones are accepted and treated alike. Once the way is another, they are reset.
    HalfOpen,
}

/// A proxy that listens. Dropped, it and all of its connections end.
#[derive(Debug)]
pub struct Proxy {
    flow: watch::Sender<Flow>,
    port: u16,
    task: AbortHandle,
}

impl Proxy {
    /// Listens on `port` of 127.0.0.1, any free one where that is 0, and passes on to `target` there.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn open(port: u16, target: u16) -> Result<Self> {
        let opening = || format!("listening on port {port} before port {target}");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(opening)?;
        listener.set_nonblocking(true).with_context(opening)?;
        let port = listener.local_addr().with_context(opening)?.port();
        let listener = TcpListener::from_std(listener).with_context(opening)?;
        let (flow, seen) = watch::channel(Flow::Clear);
        let task = tokio::spawn(accept(listener, target, seen)).abort_handle();
        Ok(Self { flow, port, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on bytes get over it so.
    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: u16, flow: watch::Receiver<Flow>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                // One that ended with an error has ended.
                Ok((client, _)) => drop(connections.spawn(serve(client, target, flow.clone()))),
                // Out of files, as a rule: somebody else has to close one first.
                Err(_) => sleep(STEP).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, from its first byte to its end.
async fn serve(mut client: TcpStream, target: u16, mut flow: watch::Receiver<Flow>) -> io::Result<()> {
    let now = *flow.borrow_and_update();
    if let Some(end) = end_of(now) {
        return close(client, end, flow).await;
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
        return client.set_zero_linger();
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut closing = flow.clone();
    let outcome = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(pass(from_client, to_server, &flow), pass(from_server, to_client, &flow))
        };
        tokio::select! {
            done = both => Ok(done),
            end = closed(&mut closing) => Err(end),
        }
    };
    match outcome {
        Ok(Ok(_)) => Ok(()),
        // What one end broke the other hears of.
        Ok(Err(_)) => server.set_zero_linger().and(client.set_zero_linger()),
        Err(end) => {
            server.set_zero_linger()?;
            drop(server);
            close(client, end, closing).await
        }
    }
}

/// How a connection ends before its time.
#[derive(Clone, Copy)]
enum End {
    Reset,
    Unnoticed,
}

fn end_of(flow: Flow) -> Option<End> {
    match flow {
        Flow::Clear | Flow::Slow(_) | Flow::Throttled(_) => None,
        Flow::Cut => Some(End::Reset),
        Flow::HalfOpen => Some(End::Unnoticed),
    }
}

/// Waits until the way is closed; for ever where nobody can close it any more.
async fn closed(flow: &mut watch::Receiver<Flow>) -> End {
    loop {
        if let Some(end) = end_of(*flow.borrow_and_update()) {
            return end;
        }
        if flow.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn close(mut client: TcpStream, end: End, mut flow: watch::Receiver<Flow>) -> io::Result<()> {
    if matches!(end, End::Unnoticed) {
        let mut lost = vec![0; CHUNK_BYTES];
        loop {
            tokio::select! {
                read = client.read(&mut lost) => if read? == 0 { break },
                changed = flow.changed() => {
                    if changed.is_err() || *flow.borrow_and_update() != Flow::HalfOpen {
                        break;
                    }
                }
            }
        }
    }
    client.set_zero_linger()
}

/// Passes on what comes from one end to the other, as late and as slowly as the way is at that moment, until there is no more.
async fn pass(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, flow: &watch::Receiver<Flow>) -> io::Result<()> {
    let (chunks, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let read = async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let bytes = from.read(&mut buffer).await?;
            let due = match *flow.borrow() {
                Flow::Slow(by) => Instant::now() + by,
                _ => Instant::now(),
            };
            let chunk = (due, buffer[..bytes].to_vec());
            if bytes == 0 || chunks.send(chunk).await.is_err() {
                return io::Result::Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = on_the_way.recv().await {
            sleep_until(due).await;
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let share = share(*flow.borrow());
                let (now, later) = rest.split_at(share.unwrap_or(rest.len()).min(rest.len()));
                to.write_all(now).await?;
                if share.is_some() {
                    sleep(STEP).await;
                }
                rest = later;
            }
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(|_| ())
}

/// How many bytes go over a narrow way in one step; `None` where it is not narrow.
fn share(flow: Flow) -> Option<usize> {
    let Flow::Throttled(bytes_per_second) = flow else { return None };
    let steps = 1_000 / u64::try_from(STEP.as_millis()).unwrap_or(1);
    Some(usize::try_from(bytes_per_second / steps).unwrap_or(usize::MAX).max(1))
}

#[cfg(test)]
mod tests;
