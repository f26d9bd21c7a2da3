//! How an answer leaves: a message and status 0, or a status with its details.

use std::task::Poll;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use holdfast_engine::domain::refusal::{Refusal, RefusalCode};
use holdfast_engine::engine::Reply;
use holdfast_engine::views::Locale;
use holdfast_engine::wire::status;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// A caller that reads nothing for so long has no use for the rest.
const STALLED: Duration = Duration::from_secs(60);
/// What may not stand in grpc-message as it is, besides whatever is not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// gRPC's codes that the front states itself.
pub(crate) mod code {
    pub(crate) const CANCELLED: u32 = 1;
    pub(crate) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(crate) const UNIMPLEMENTED: u32 = 12;
    pub(crate) const INTERNAL: u32 = 13;
    pub(crate) const UNAVAILABLE: u32 = 14;
}

/// How a call ends.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) code: u32,
    /// Of a refusal.
    pub(crate) reason: String,
    text: String,
    /// Encoded google.rpc.Status; empty if only the framework has a word to say.
    details: Vec<u8>,
}

impl Status {
    /// Of a call that never reached the engine.
    pub(crate) fn bare(code: u32, text: impl Into<String>) -> Self {
        Self {
            code,
            reason: String::new(),
            text: text.into(),
            details: Vec::new(),
        }
    }

    /// Of an engine's refusal.
    pub(crate) fn of(refused: &Reply) -> Self {
        match status::named(&refused.payload) {
            Some(named) => Self {
                code: refused.code,
                reason: named.reason,
                text: named.text,
                details: named.status,
            },
            None => Self::bare(code::INTERNAL, "the engine gave no status"),
        }
    }

    fn write(&self, headers: &mut HeaderMap) {
        headers.insert("grpc-status", HeaderValue::from(self.code));
        let encoded = percent_encode(self.text.as_bytes(), ENCODED).to_string();
        if let Ok(text) = HeaderValue::try_from(encoded) {
            headers.insert("grpc-message", text);
        }
        if !self.details.is_empty()
            && let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(&self.details))
        {
            headers.insert("grpc-status-details-bin", details);
        }
    }
}

/// A refusal that only a front can know of, worded like the engine's own.
pub(crate) fn refusal(refused: RefusalCode, facts: &[(&str, &str)], locale: &str) -> Reply {
    let refusal = facts
        .iter()
        .fold(Refusal::new(refused), |refusal, (key, value)| {
            refusal.fact(*key, *value)
        });
    Reply {
        code: refusal.spec().class as u32,
        payload: status::status(&refusal, Locale::from_accept_language(locale)),
    }
}

pub(crate) fn head() -> Response<()> {
    let mut head = Response::new(());
    head.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    head
}

/// A message as it stands on the wire.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).expect("answers are below 4 GiB"));
    bytes.put_slice(message);
    bytes.freeze()
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    status.write(&mut trailers);
    trailers
}

/// Ends a call whose head was not sent.
///
/// # Errors
/// The caller is gone.
pub(crate) fn end(respond: &mut SendResponse<Bytes>, status: &Status) -> Result<(), h2::Error> {
    let mut head = head();
    status.write(head.headers_mut());
    respond.send_response(head, true).map(drop)
}

/// Ends a call whose head was sent.
///
/// # Errors
/// The caller is gone.
pub(crate) fn end_stream(stream: &mut SendStream<Bytes>, status: &Status) -> Result<(), h2::Error> {
    stream.send_trailers(trailers(status))
}

/// Answers a unary call. What the caller's window has no room for waits in the
/// connection, at most one message a stream.
///
/// # Errors
/// The caller is gone.
pub(crate) fn send(respond: &mut SendResponse<Bytes>, message: &[u8]) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(), false)?;
    stream.send_data(framed(message), false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

/// Sends bytes as the caller's window lets them.
///
/// # Errors
/// The caller is gone, or has read nothing for a minute; the stream is then reset.
pub(crate) async fn send_all(
    stream: &mut SendStream<Bytes>,
    mut bytes: Bytes,
) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|context| match stream.poll_capacity(context) {
            Poll::Ready(Some(Ok(0))) => Poll::Pending,
            other => other,
        });
        match tokio::time::timeout(STALLED, room).await {
            Ok(Some(Ok(room))) => {
                stream.send_data(bytes.split_to(room.min(bytes.len())), false)?;
            }
            Ok(Some(Err(error))) => return Err(error),
            Ok(None) => return Err(Reason::CANCEL.into()),
            Err(_) => {
                stream.send_reset(Reason::CANCEL);
                return Err(Reason::CANCEL.into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_leaves_with_reason_text_and_details() {
        let reply = refusal(
            RefusalCode::OrderNotFound,
            &[("order_number", "100%é\n")],
            "en",
        );
        let status = Status::of(&reply);
        assert_eq!(
            (status.code, status.reason.as_str()),
            (5, "ORDER_NOT_FOUND")
        );
        let headers = trailers(&status);
        let text = headers["grpc-message"].to_str().expect("ASCII");
        assert!(text.starts_with("ORDER_NOT_FOUND: "), "{text}");
        assert!(text.contains("100%25%C3%A9%0A"), "{text}");
        let details = STANDARD_NO_PAD
            .decode(headers["grpc-status-details-bin"].as_bytes())
            .expect("base64");
        assert_eq!(status::parts(&details).reason, "ORDER_NOT_FOUND");
    }
}
