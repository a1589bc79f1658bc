//! Accepting agents, and letting them finish when the proxy stops.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::stream::Peer;

/// How far the proxy is in stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    Serving,
    /// No new session; those that wait for a statement end, those with a transaction may finish it.
    Draining,
    /// Everything ends now.
    Stopping,
}

/// A connection that was accepted, before a byte was read.
#[derive(Debug)]
pub enum Accepted {
    Tcp(TcpStream, Peer),
    Unix(UnixStream),
}

pub struct Listeners {
    tcp: Vec<TcpListener>,
    unix: Option<UnixSocket>,
}

struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listeners {
    pub async fn bind(tcp: &[std::net::SocketAddr], unix: Option<PathBuf>) -> io::Result<Listeners> {
        let mut listeners = Vec::with_capacity(tcp.len());
        for address in tcp {
            let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}"));
            listeners.push(TcpListener::bind(address).await.map_err(named)?);
        }
        let unix = match unix {
            Some(path) => Some(
                bind_unix(path.clone())
                    .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {}: {e}", path.display())))?,
            ),
            None => None,
        };
        Ok(Listeners { tcp: listeners, unix })
    }

    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.tcp.iter().filter_map(|l| l.local_addr().ok()).collect()
    }
}

/// A socket left by a process that is gone is replaced; one that answers is not.
fn bind_unix(path: PathBuf) -> io::Result<UnixSocket> {
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path)?;
    // As Postgres's unix_socket_permissions: the token is what lets one in.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777))?;
    Ok(UnixSocket { listener, path })
}

/// How long sessions may take to say goodbye when everything ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serves until `running` leaves `Serving`, then waits for the sessions, at most `drain` long.
pub async fn serve<S, F>(
    listeners: Listeners,
    sessions: usize,
    mut running: watch::Receiver<Running>,
    stop: watch::Sender<Running>,
    drain: Duration,
    session: S,
) where
    S: Fn(Accepted, Option<tokio::sync::OwnedSemaphorePermit>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(sessions));
    let mut tasks = JoinSet::new();
    let mut accepting = JoinSet::new();
    let (send, mut accepted) = tokio::sync::mpsc::channel::<Accepted>(64);
    for listener in listeners.tcp {
        accepting.spawn(accept_tcp(listener, send.clone()));
    }
    if let Some(unix) = listeners.unix {
        accepting.spawn(accept_unix(unix, send.clone()));
    }
    drop(send);
    loop {
        tokio::select! {
            _ = running.wait_for(|r| *r != Running::Serving) => break,
            next = accepted.recv() => {
                let Some(next) = next else { break };
                // Without a place the session still hears why: it is told and closed.
                let place = places.clone().try_acquire_owned().ok();
                tasks.spawn(session(next, place));
            }
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
        }
    }
    accepting.shutdown().await;
    drop(accepted);
    let finished = async { while tasks.join_next().await.is_some() {} };
    // Who was told to stop at once has nothing to finish.
    let drain = if *running.borrow() == Running::Stopping { drain.min(GOODBYE) } else { drain };
    if tokio::time::timeout(drain, finished).await.is_err() {
        let _ = stop.send(Running::Stopping);
        let rest = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GOODBYE, rest).await;
        tasks.shutdown().await;
    }
}

async fn accept_tcp(listener: TcpListener, to: tokio::sync::mpsc::Sender<Accepted>) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                keep_alive(&stream);
                if to.send(Accepted::Tcp(stream, Peer::Tcp(address))).await.is_err() {
                    return;
                }
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

async fn accept_unix(unix: UnixSocket, to: tokio::sync::mpsc::Sender<Accepted>) {
    loop {
        match unix.listener.accept().await {
            Ok((stream, _)) => {
                if to.send(Accepted::Unix(stream)).await.is_err() {
                    return;
                }
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

/// Out of file descriptors, mostly: trying again at once would spin.
async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Agents behind a dead network must not hold a place for ever.
fn keep_alive(stream: &TcpStream) {
    let keep_alive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".s.PGSQL.1");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = Listeners::bind(&[], Some(path.clone())).await.unwrap();
        assert!(Listeners::bind(&[], Some(path.clone())).await.is_err());
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn draining_ends_when_the_last_session_does() {
        let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()], None).await.unwrap();
        let address = listeners.addresses()[0];
        let (stop, running) = watch::channel(Running::Serving);
        let seen = running.clone();
        let session = move |_accepted, _place| {
            let mut seen = seen.clone();
            async move {
                let _ = seen.wait_for(|r| *r == Running::Draining).await;
            }
        };
        let served = tokio::spawn(serve(listeners, 10, running, stop.clone(), Duration::from_secs(5), session));
        let _client = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(Running::Draining).unwrap();
        tokio::time::timeout(Duration::from_secs(2), served).await.unwrap().unwrap();
    }
}
