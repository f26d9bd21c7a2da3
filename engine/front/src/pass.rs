//! Calls that are not hot: passed on to the service behind, and its answer back.
//!
//! Heads, messages and trailers go through as they are, in both directions, no faster
//! than either side reads; whichever side ends a call ends it for the other too. Each
//! connection of a caller has one of its own to the service, so that one caller's
//! unread answers hold nobody else's up.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response, Uri};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use crate::answer::{self, Status, code};
use crate::frames;

/// What a call may have unread on its way, in bytes.
const WINDOW: u32 = 1 << 20;

/// The connection of one caller's connection to the service behind.
#[derive(Debug)]
pub(crate) struct Behind {
    path: PathBuf,
    /// Opened by the first call that needs it.
    open: Mutex<Option<SendRequest<Bytes>>>,
}

impl Behind {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: Mutex::new(None),
        }
    }

    /// A connection that takes a request now.
    async fn ready(&self) -> Result<SendRequest<Bytes>, h2::Error> {
        let mut open = self.open.lock().await;
        if let Some(kept) = open.take()
            && let Ok(ready) = kept.ready().await
        {
            *open = Some(ready.clone());
            return Ok(ready);
        }
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|_| h2::Error::from(Reason::CONNECT_ERROR))?;
        let (fresh, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(16 * WINDOW)
            .handshake(stream)
            .await?;
        // Ends when the last handle is gone, and with it every call.
        tokio::spawn(connection);
        let ready = fresh.ready().await?;
        *open = Some(ready.clone());
        Ok(ready)
    }
}

/// Passes one call on.
pub(crate) async fn on(
    behind: Arc<Behind>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    _open: frames::Call,
) {
    let (mut head, body) = request.into_parts();
    head.uri = absolute(&head.uri);
    let ended = body.is_end_stream();
    let head = Request::from_parts(head, ());
    let begun = match behind.ready().await {
        Ok(mut ready) => ready.send_request(head, ended),
        Err(error) => Err(error),
    };
    let Ok((response, mut up)) = begun else {
        return unreachable(&mut respond);
    };
    let inward = async {
        if !ended && matches!(relay(body, &mut up).await, Err(Broken::From(_))) {
            return;
        }
        // Only the answer is waited for now; a service that wants no more has one.
        std::future::pending().await
    };
    // What is dropped unfinished is cancelled on both sides.
    tokio::select! {
        () = back(response, &mut respond) => {}
        // The caller has left before it had sent everything.
        () = inward => {}
    }
}

/// Passes the answer back.
async fn back(response: ResponseFuture, respond: &mut SendResponse<Bytes>) {
    let response = tokio::select! {
        response = response => response,
        _ = std::future::poll_fn(|context| respond.poll_reset(context)) => return,
    };
    let (head, body) = match response {
        Ok(response) => response.into_parts(),
        Err(error) => {
            return match error.reason() {
                Some(reason) => respond.send_reset(reason),
                None => unreachable(respond),
            };
        }
    };
    let ended = body.is_end_stream();
    if let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), ended)
        && !ended
        && let Err(Broken::From(error) | Broken::To(error)) = relay(body, &mut stream).await
    {
        stream.send_reset(error.reason().unwrap_or(Reason::CANCEL));
    }
}

/// Which side ended a call in the middle.
enum Broken {
    From(h2::Error),
    To(h2::Error),
}

/// Passes messages and trailers on, no faster than they are read.
async fn relay(mut from: RecvStream, to: &mut SendStream<Bytes>) -> Result<(), Broken> {
    loop {
        let chunk = tokio::select! {
            chunk = from.data() => chunk,
            reset = std::future::poll_fn(|context| to.poll_reset(context)) => {
                return Err(Broken::To(reset.unwrap_or(Reason::CANCEL).into()));
            }
        };
        let Some(chunk) = chunk.transpose().map_err(Broken::From)? else {
            break;
        };
        let length = chunk.len();
        answer::send_all(to, chunk).await.map_err(Broken::To)?;
        from.flow_control()
            .release_capacity(length)
            .map_err(Broken::From)?;
    }
    match from.trailers().await.map_err(Broken::From)? {
        Some(trailers) => to.send_trailers(trailers),
        None => to.send_data(Bytes::new(), true),
    }
    .map_err(Broken::To)
}

fn unreachable(respond: &mut SendResponse<Bytes>) {
    let text = "the service behind this front does not answer; try again soon";
    // A caller that has left need not be told.
    let _ = answer::end(respond, &Status::bare(code::UNAVAILABLE, text));
}

/// The same path at the service, whose name nobody asks for.
fn absolute(uri: &Uri) -> Uri {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme("http")
        .authority("localhost")
        .path_and_query(path)
        .build()
        .unwrap_or_default()
}
