//! Floors of the transport: services that send back what they got, called as W calls.
//!
//! The native one is this program again, `holdfast-race echo`, with the library that the client
//! uses; the other is the framework of the Python front. A floor keeps nothing, so that it has
//! no books; what it sent back must be what it got.

use std::io::Write;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use http::{HeaderMap, HeaderValue, Request as HttpRequest, Response};
use tokio::net::{TcpListener, TcpStream};

use super::grpc::Channel;
use super::holdfast::encoded;
use crate::contender::{Answer, Books, Drive, Failure, Lane, Request, Store, Verb};
use crate::process::Process;

const METHOD: &str = "/echo.Echo/Echo";

/// A server that does nothing.
pub struct Echo {
    process: Process,
    channels: Vec<Channel>,
    lanes: usize,
}

/// One call at a time.
pub struct EchoLane(Channel);

impl Echo {
    /// # Errors
    /// It does not start.
    pub async fn open(process: Process, port: &str, connections: usize) -> Result<Self, Failure> {
        let mut channels = Vec::new();
        for _ in 0..connections {
            channels.push(Channel::connect(&format!("127.0.0.1:{}", port.trim()), None).await?);
        }
        Ok(Self {
            process,
            channels,
            lanes: 0,
        })
    }
}

impl Lane for EchoLane {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let (_, message) = encoded(request);
            let reply = self.0.call(METHOD, &message).await?;
            if reply.code != 0 || reply.payload != message {
                return Err(format!("an echo differs: {reply:?}").into());
            }
            answers.push(match request.verb {
                Verb::Place => Answer::Held,
                Verb::StartPayment => Answer::Paying,
                Verb::Pay => Answer::Sold,
                Verb::Release | Verb::Close => Answer::Closed,
            });
        }
        Ok(answers)
    }
}

impl Store for Echo {
    type Lane = EchoLane;
    const DRIVE: Drive = Drive::Tasks;

    async fn lane(&mut self) -> Result<EchoLane, Failure> {
        self.lanes += 1;
        Ok(EchoLane(
            self.channels[self.lanes % self.channels.len()].clone(),
        ))
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        Ok(0)
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        Ok(None)
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.id())
    }
}

/// Serves until it is killed; prints its port.
///
/// # Errors
/// It cannot listen.
pub async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::task::spawn_local(async move {
            // A client that goes away takes its connection with it.
            let _ = answer_all(stream).await;
        });
    }
}

async fn answer_all(stream: TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut connection = server::Builder::new()
        .max_concurrent_streams(1_000)
        .handshake(stream)
        .await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::task::spawn_local(async move {
            let _ = answer(request, respond).await;
        });
    }
    Ok(())
}

async fn answer(
    request: HttpRequest<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), Failure> {
    let mut body = request.into_body();
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())?;
    let mut sending = respond.send_response(head, false)?;
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        sending.send_data(piece, false)?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    Ok(sending.send_trailers(trailers)?)
}
