//! The door: listens, lets connections in, and keeps the loop on which all of them live.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::{Phase, Shared, StartError, connection};

/// Pause after the system had no descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Listens on every address of a host, on one port. The port is not shared: two
/// servers there would share calls between two states.
pub(crate) fn listen(host: &str, port: u16) -> Result<Vec<StdListener>, StartError> {
    let failed = |source| StartError::Listen {
        host: host.to_owned(),
        port,
        source,
    };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(failed)?.collect();
    let mut listeners: Vec<StdListener> = Vec::new();
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for mut address in found {
        if let Some(first) = listeners.first() {
            // The second family takes the port that the first was given.
            address.set_port(first.local_addr().map_err(failed)?.port());
        }
        match StdListener::bind(address) {
            Ok(listener) => {
                listener.set_nonblocking(true).map_err(failed)?;
                listeners.push(listener);
            }
            // A machine without IPv6 still has a localhost.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => refused = error,
            Err(error) => return Err(failed(error)),
        }
    }
    match listeners.is_empty() {
        true => Err(failed(refused)),
        false => Ok(listeners),
    }
}

/// Serves until the phase is Closed, or Draining and everything is finished.
pub(crate) fn run(
    shared: &Arc<Shared>,
    listeners: Vec<StdListener>,
    tls: Option<TlsAcceptor>,
    phase: watch::Receiver<Phase>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a loop needs three descriptors, and listening took more");
    runtime.block_on(async {
        let mut ended = phase.clone();
        let mut connections = JoinSet::new();
        for listener in listeners {
            let listener = TcpListener::from_std(listener).expect("it listens, without blocking");
            connections.spawn(accept(
                listener,
                Arc::clone(shared),
                tls.clone(),
                phase.clone(),
            ));
        }
        tokio::select! {
            _ = ended.wait_for(|phase| *phase == Phase::Closed) => {}
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = shared.answers.hand_out() => {}
        }
    });
}

/// Lets connections in until the front drains, then waits for them.
async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    phase: watch::Receiver<Phase>,
) {
    let mut draining = phase.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    // Who is one too many is closed, and may come again.
                    if let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() {
                        let admitted = admit(stream, Arc::clone(&shared), tls.clone(), phase.clone());
                        connections.spawn(async move {
                            admitted.await;
                            drop(place);
                        });
                    }
                }
                // The caller left, or descriptors are short: others may still come.
                Err(_) => tokio::time::sleep(EXHAUSTED).await,
            },
            Some(_) = connections.join_next() => {}
            () = Phase::left_serving(&mut draining) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn admit(
    stream: TcpStream,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    phase: watch::Receiver<Phase>,
) {
    // Answers are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let by = Instant::now() + shared.connections.handshake;
    let Some(tls) = tls else {
        return connection::serve(stream, shared, phase, by).await;
    };
    if let Ok(Ok(stream)) = timeout_at(by, tls.accept(stream)).await {
        connection::serve(stream, shared, phase, by).await;
    }
}
