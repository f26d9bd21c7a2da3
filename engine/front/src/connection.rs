//! One connection: lets calls in, answers or passes them on, and ends in time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Ping, Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::answer::{self, Status, code};
use crate::call::{self, Asked};
use crate::frames::{Gauge, Gauged};
use crate::lifetime::{Life, Step};
use crate::pass::{self, Behind};
use crate::{Phase, Shared, headers, stream};

/// Calls of one connection at once.
const MAX_STREAMS: u32 = 1_000;
/// What a call and a connection may have on its way unread, in bytes.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Metadata beyond this is not even read.
const MAX_HEADERS: u32 = 4 * headers::MAX_METADATA as u32;
/// How long a peer that is sent away has to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection until it ends. Its first bytes must have come `by` then.
pub(crate) async fn serve<T>(
    io: T,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
    by: Instant,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let allowed = shared.connections;
    let gauge = Arc::new(Gauge::new(Instant::now(), allowed.ping_spacing));
    let handshake = h2::server::Builder::new()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        // A caller may give all its calls up at once; who does so all the time has
        // used its credit up.
        .max_pending_accept_reset_streams(MAX_STREAMS as usize)
        .handshake(Gauged::new(io, Arc::clone(&gauge)));
    let Ok(Ok(mut connection)) = timeout_at(by, handshake).await else {
        return;
    };
    let mut pings = connection
        .ping_pong()
        .expect("nobody else has asked for it");
    let place = shared.begun.fetch_add(1, Ordering::Relaxed);
    let mut life = Life::new(allowed, place, Instant::now());
    let look = sleep_until(life.due(&gauge, Instant::now()));
    tokio::pin!(look);
    let calls = Calls {
        behind: Arc::new(Behind::new(shared.behind.clone())),
        shared,
        phase: phase.clone(),
        gauge: Arc::clone(&gauge),
    };
    loop {
        tokio::select! {
            biased;
            call = connection.accept() => match call {
                Some(Ok((request, respond))) => calls.begin(request, respond),
                Some(Err(_)) | None => return,
            },
            // Asked each time that the connection was read.
            () = overdrawn(&gauge) => return dismiss(connection).await,
            () = Phase::left_serving(&mut phase), if !life.is_leaving() => {
                connection.graceful_shutdown();
                // The front ends what takes too long.
                life.leave(Instant::now());
                look.as_mut().reset(life.due(&gauge, Instant::now()));
            }
            () = look.as_mut() => {
                match life.step(&gauge, Instant::now()) {
                    Step::Nothing => {}
                    // One ping is under way at most; another is not needed.
                    Step::Ping => drop(pings.send_ping(Ping::opaque())),
                    Step::Leave => connection.graceful_shutdown(),
                    Step::End => return,
                }
                look.as_mut().reset(life.due(&gauge, Instant::now()));
            }
            _ = std::future::poll_fn(|context| pings.poll_pong(context)) => {}
        }
    }
}

/// What the calls of a connection need.
struct Calls {
    shared: Arc<Shared>,
    behind: Arc<Behind>,
    phase: watch::Receiver<Phase>,
    gauge: Arc<Gauge>,
}

impl Calls {
    /// Begins one call, in a task of its own.
    fn begin(&self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        if headers::is_too_much(request.headers()) {
            let text = format!("metadata is beyond {} bytes", headers::MAX_METADATA);
            let status = Status::bare(code::RESOURCE_EXHAUSTED, text);
            // A caller that has left need not be told.
            let _ = answer::end(&mut respond, &status);
            return;
        }
        let open = self.gauge.call();
        let shared = Arc::clone(&self.shared);
        match self.shared.hot(&request) {
            None => {
                tokio::spawn(pass::on(Arc::clone(&self.behind), request, respond, open));
            }
            Some(method) => {
                let asked = Asked::of(method, request.headers(), &shared);
                let body = request.into_body();
                if asked.is_stream() {
                    let phase = self.phase.clone();
                    tokio::spawn(stream::commands(shared, asked, body, respond, phase, open));
                } else {
                    tokio::spawn(call::unary(shared, asked, body, respond, open));
                }
            }
        }
    }
}

impl Shared {
    /// The place of a hot method in the table, while there is an engine to answer it.
    fn hot<B>(&self, request: &Request<B>) -> Option<usize> {
        self.core.get()?.read().as_ref()?;
        headers::hot(request)
    }
}

/// Done once the connection has used its credit up; asked again whenever it is read.
async fn overdrawn(gauge: &Gauge) {
    std::future::poll_fn(|_| match gauge.is_overdrawn() {
        true => std::task::Poll::Ready(()),
        false => std::task::Poll::Pending,
    })
    .await;
}

/// Tells a peer to go, and why.
async fn dismiss<T>(mut connection: Connection<T, Bytes>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    let farewell = async { while let Some(Ok(_)) = connection.accept().await {} };
    let _ = timeout(FAREWELL, farewell).await;
}
