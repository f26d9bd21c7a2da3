//! Calls a second with 64 in flight: an echo of the same framework as the floor, and
//! running servers beside it, turn about.
//!
//! `cargo bench -p holdfast-front --bench calls -- NAME,ADDRESS,TOKEN …`; without
//! servers it measures only the floor. Only the ratios mean something elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use holdfast_engine::wire::pb;
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const PLACE: &str = "/holdfast.v1.OrderService/PlaceOrder";
const RECEIVE: &str = "/holdfast.v1.StockService/ReceiveStock";

struct Target {
    name: String,
    address: SocketAddr,
    token: String,
    calls: Vec<f64>,
}

fn main() {
    let mut targets = vec![Target {
        name: "echo".into(),
        address: echo(),
        token: String::new(),
        calls: Vec::new(),
    }];
    let given = std::env::args().skip(1).filter(|arg| arg.contains(','));
    targets.extend(given.map(|arg| {
        let parts: Vec<&str> = arg.splitn(3, ',').collect();
        Target {
            name: parts[0].into(),
            address: parts[1].parse().expect("an address with a port"),
            token: parts[2].into(),
            calls: Vec::new(),
        }
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a loop");
    // The first round warms up.
    for round in 0..=ROUNDS {
        for target in &mut targets {
            let calls = runtime.block_on(load(target.address, &target.token));
            if round > 0 {
                target.calls.push(calls);
            }
        }
    }
    let floor = median(&targets[0].calls);
    for target in &targets {
        let calls = median(&target.calls);
        println!(
            "{:<8} {:>9.0} calls/s, {:.2} of the echo, rounds {:.0?}",
            target.name,
            calls,
            calls / floor,
            target.calls
        );
    }
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Places orders for a while; gives calls a second.
async fn load(address: SocketAddr, token: &str) -> f64 {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let receive = pb::ReceiveStockRequest {
        request_id: unique(),
        sku: "cup".into(),
        warehouse: "hz".into(),
        quantity: 1_000_000,
        ..Default::default()
    };
    one(&sender, RECEIVE, token, &receive.encode_to_vec()).await;
    let done = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let clients: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (sender, token, done) = (sender.clone(), token.to_owned(), Arc::clone(&done));
            tokio::spawn(async move {
                while began.elapsed() < ROUND {
                    one(&sender, PLACE, &token, &place()).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no call fails");
    }
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn place() -> Vec<u8> {
    pb::PlaceOrderRequest {
        request_id: unique(),
        order_number: unique(),
        source_channel: pb::SourceChannel::Douyin.into(),
        urgency: pb::Urgency::Normal.into(),
        lines: vec![pb::OrderLine {
            sku: "cup".into(),
            quantity: 1,
            ..Default::default()
        }],
        ..Default::default()
    }
    .encode_to_vec()
}

fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-{number:016x}", std::process::id())
}

async fn one(sender: &SendRequest<Bytes>, path: &str, token: &str, message: &[u8]) {
    let request = Request::post(format!("http://bench{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "10S")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .expect("a request");
    let mut ready = sender.clone().ready().await.expect("it answers");
    let (response, mut up) = ready.send_request(request, false).expect("it answers");
    up.send_data(framed(message), true).expect("it answers");
    let mut body = response.await.expect("it answers").into_body();
    while let Some(chunk) = body.data().await {
        let length = chunk.expect("it answers").len();
        let _ = body.flow_control().release_capacity(length);
    }
    let trailers = body.trailers().await.expect("it answers");
    let status = trailers.as_ref().and_then(|it| it.get("grpc-status"));
    assert_eq!(status.expect("a status"), "0", "{trailers:?}");
}

fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).expect("short"));
    bytes.put_slice(message);
    bytes.freeze()
}

/// A server that does nothing but answer, in one thread.
fn echo() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("a port");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a loop");
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("it listens");
            loop {
                let (stream, _) = listener.accept().await.expect("it listens");
                stream.set_nodelay(true).expect("a socket");
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request.into_body(), respond));
                    }
                });
            }
        });
    });
    address
}

async fn answer(mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut message = Bytes::new();
    while let Some(chunk) = body.data().await.transpose()? {
        body.flow_control().release_capacity(chunk.len())?;
        message = chunk;
    }
    let head = Response::builder().header("content-type", "application/grpc");
    let head = head
        .body(())
        .map_err(|_| h2::Error::from(Reason::INTERNAL_ERROR))?;
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}
