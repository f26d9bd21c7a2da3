//! gRPC as a client that costs little: raw messages over h2, many streams on few connections.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request, Uri};
use tokio::net::TcpStream;

use crate::contender::Failure;

/// Bytes that a server may send before it waits for us.
const WINDOW: u32 = 4 << 20;

/// A handle on one HTTP/2 connection.
#[derive(Debug, Clone)]
pub struct Channel {
    streams: SendRequest<Bytes>,
    address: String,
    token: Option<String>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Reply {
    /// gRPC status code; 0 is OK.
    pub code: u32,
    /// The response message, or nothing.
    pub payload: Bytes,
    /// What a refusal says.
    pub message: String,
}

impl Channel {
    /// # Errors
    /// Nobody listens there, or it is not HTTP/2.
    pub async fn connect(address: &str, token: Option<String>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (streams, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(stream)
            .await?;
        tokio::task::spawn_local(async move {
            // Whoever calls sees how it ended.
            let _ = connection.await;
        });
        Ok(Self {
            streams,
            address: address.to_owned(),
            token,
        })
    }

    /// One unary call.
    ///
    /// # Errors
    /// The connection broke; a refusal is a reply.
    pub async fn call(&mut self, method: &str, message: &[u8]) -> Result<Reply, Failure> {
        let uri: Uri = format!("http://{}{method}", self.address).parse()?;
        let mut request = Request::post(uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut streams = self.streams.clone().ready().await?;
        let (response, mut sending) = streams.send_request(request.body(())?, false)?;
        sending.send_data(framed(message)?, true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut frame = BytesMut::new();
        while let Some(piece) = body.data().await {
            let piece = piece?;
            body.flow_control().release_capacity(piece.len())?;
            frame.extend_from_slice(&piece);
        }
        // A refusal without a message may have its status in the head.
        let trailers = body.trailers().await?.unwrap_or(head.headers);
        let text = |name: &str| text_of(&trailers, name);
        let code = text("grpc-status")
            .ok_or("a reply without a status")?
            .parse()?;
        let payload = frame.freeze();
        let payload = if payload.len() > PREFIX {
            payload.slice(PREFIX..)
        } else {
            Bytes::new()
        };
        Ok(Reply {
            code,
            payload,
            message: text("grpc-message").unwrap_or_default().to_owned(),
        })
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// One byte for compression, four for the length.
const PREFIX: usize = 5;

fn framed(message: &[u8]) -> Result<Bytes, Failure> {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len())?);
    frame.put_slice(message);
    Ok(frame.freeze())
}
