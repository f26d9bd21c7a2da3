//! Holdfast, in process and served: the same bytes in and out.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_engine::engine::{Call, Engine, Reply as EngineReply, Settings};
use holdfast_engine::wire::pb;
use prost::Message;
use tokio::sync::oneshot;

use super::grpc::Channel;
use crate::contender::{
    Answer, Books, Drive, Failure, Lane, Request, Stock, Store, Verb, request_id,
};
use crate::process::Process;
use crate::workload;

const PLACE: &str = "/holdfast.v1.OrderService/PlaceOrder";
const START_PAYMENT: &str = "/holdfast.v1.OrderService/StartPayment";
const CONFIRM: &str = "/holdfast.v1.OrderService/ConfirmPayment";
const RELEASE: &str = "/holdfast.v1.OrderService/ReleaseHold";
const CANCEL: &str = "/holdfast.v1.OrderService/CancelOrder";
const BATCH: &str = "/holdfast.v1.OrderService/BatchSubmit";
const LIST_STOCK: &str = "/holdfast.v1.StockService/ListStock";
const STATUS: &str = "/holdfast.v1.AdminService/GetEngineStatus";
const PUBLISH_POLICY: &str = "/holdfast.v1.AdminService/PublishPolicy";
/// gRPC's FAILED_PRECONDITION: the request was sound, the stock or the hold is not there.
const FAILED_PRECONDITION: u32 = 9;
const LARGEST_BATCH: usize = 1_000;

/// Where calls go.
pub trait Door {
    async fn call(&mut self, method: &str, message: &[u8]) -> Result<Told, Failure>;
}

/// A status code, and the response or the refusal's text.
pub struct Told {
    code: u32,
    payload: Bytes,
    text: String,
}

/// The engine in this process.
pub struct InProcess(Arc<Engine>);

/// The same for callers that do not wait in the call: lanes are tasks, woken by the journal's thread.
pub struct Awaited(InProcess);

/// A caller of it.
pub struct Handle(Arc<Engine>);

/// The engine behind a front.
pub struct Served {
    process: Process,
    channels: Vec<Channel>,
    lanes: usize,
}

/// A caller of either.
pub struct HoldfastLane<D>(D);

fn embedded<'a>(method: &'a str, request: &'a [u8]) -> Call<'a> {
    Call {
        method,
        request,
        token: None,
        deadline: None,
        locale: "",
    }
}

impl From<EngineReply> for Told {
    fn from(reply: EngineReply) -> Self {
        let text = String::from_utf8_lossy(if reply.code == 0 { b"" } else { &reply.payload });
        Self {
            code: reply.code,
            text: text.into_owned(),
            payload: reply.payload.into(),
        }
    }
}

impl Door for Arc<Engine> {
    async fn call(&mut self, method: &str, request: &[u8]) -> Result<Told, Failure> {
        Ok(Engine::call(self, embedded(method, request)).into())
    }
}

impl Door for Handle {
    async fn call(&mut self, method: &str, request: &[u8]) -> Result<Told, Failure> {
        let (sender, reply) = oneshot::channel();
        let done = Box::new(move |reply| {
            // Nobody may wait any more.
            let _ = sender.send(reply);
        });
        self.0.submit(embedded(method, request), done);
        Ok(reply.await?.into())
    }
}

impl Door for Channel {
    async fn call(&mut self, method: &str, message: &[u8]) -> Result<Told, Failure> {
        let reply = Channel::call(self, method, message).await?;
        Ok(Told {
            code: reply.code,
            payload: reply.payload,
            text: reply.message,
        })
    }
}

async fn expect(
    door: &mut impl Door,
    method: &str,
    message: &impl Message,
) -> Result<Bytes, Failure> {
    let told = door.call(method, &message.encode_to_vec()).await?;
    if told.code != 0 {
        return Err(format!("{method} was refused with {}: {}", told.code, told.text).into());
    }
    Ok(told.payload)
}

fn sku_name(sku: u16) -> String {
    format!("sku-{sku:04}")
}

/// Receives the stock of W and publishes how long a hold lives.
async fn prepare(door: &mut impl Door, hold: Duration) -> Result<(), Failure> {
    let seconds = hold.as_secs();
    // The cap may not be shorter than a payment; an hour is the engine's own.
    let paying = 2 * seconds;
    let cap = paying.max(3_600);
    let policy = pb::PublishPolicyRequest {
        request_id: "race-policy".into(),
        policy_json: format!(
            r#"{{"hold_seconds":{seconds},"paying_seconds":{paying},"paying_cap_seconds":{cap}}}"#
        ),
    };
    expect(door, PUBLISH_POLICY, &policy).await?;
    let receipts: Vec<pb::Command> = workload::received()
        .map(|(sku, units)| {
            command(pb::command::Command::ReceiveStock(
                pb::ReceiveStockRequest {
                    request_id: format!("race-stock-{sku}"),
                    sku: sku_name(sku),
                    warehouse: "hz".into(),
                    quantity: units,
                    ..pb::ReceiveStockRequest::default()
                },
            ))
        })
        .collect();
    for commands in receipts.chunks(LARGEST_BATCH) {
        let batch = pb::BatchSubmitRequest {
            commands: commands.to_vec(),
        };
        let outcomes: Outcomes = Outcomes::decode(expect(door, BATCH, &batch).await?)?;
        if let Some(refused) = outcomes
            .outcomes
            .into_iter()
            .find_map(|outcome| outcome.refused)
        {
            return Err(format!("stock was refused: {}", refused.reason).into());
        }
    }
    Ok(())
}

fn command(command: pb::command::Command) -> pb::Command {
    pb::Command {
        command: Some(command),
    }
}

fn order_number(request: &Request) -> String {
    format!("douyin:7784061:{:019}", request.order.number)
}

fn placing(request: &Request) -> pb::PlaceOrderRequest {
    let lines = request.order.lines().iter().map(|line| pb::OrderLine {
        sku: sku_name(line.sku),
        quantity: line.units.into(),
        ..pb::OrderLine::default()
    });
    pb::PlaceOrderRequest {
        request_id: format!("{:016x}", request_id(request)),
        order_number: order_number(request),
        source_channel: pb::SourceChannel::Douyin.into(),
        urgency: pb::Urgency::Normal.into(),
        lines: lines.collect(),
        ..pb::PlaceOrderRequest::default()
    }
}

fn starting(request: &Request) -> pb::StartPaymentRequest {
    pb::StartPaymentRequest {
        request_id: format!("{:016x}", request_id(request)),
        order_number: order_number(request),
        ..pb::StartPaymentRequest::default()
    }
}

fn confirming(request: &Request) -> pb::ConfirmPaymentRequest {
    pb::ConfirmPaymentRequest {
        request_id: format!("{:016x}", request_id(request)),
        order_number: order_number(request),
        ..pb::ConfirmPaymentRequest::default()
    }
}

fn releasing(request: &Request) -> pb::ReleaseHoldRequest {
    pb::ReleaseHoldRequest {
        request_id: format!("{:016x}", request_id(request)),
        order_number: order_number(request),
        reason: "customer".into(),
    }
}

fn cancelling(request: &Request) -> pb::CancelOrderRequest {
    pb::CancelOrderRequest {
        request_id: format!("{:016x}", request_id(request)),
        order_number: order_number(request),
        reason: "customer".into(),
        ..pb::CancelOrderRequest::default()
    }
}

/// Method and message of a unary call.
pub fn encoded(request: &Request) -> (&'static str, Vec<u8>) {
    match request.verb {
        Verb::Place => (PLACE, placing(request).encode_to_vec()),
        Verb::StartPayment => (START_PAYMENT, starting(request).encode_to_vec()),
        Verb::Pay => (CONFIRM, confirming(request).encode_to_vec()),
        Verb::Release => (RELEASE, releasing(request).encode_to_vec()),
        Verb::Close => (CANCEL, cancelling(request).encode_to_vec()),
    }
}

fn encoded_batch(requests: &[Request]) -> Vec<u8> {
    let commands = requests.iter().map(|request| {
        command(match request.verb {
            Verb::Place => pb::command::Command::PlaceOrder(placing(request)),
            Verb::StartPayment => pb::command::Command::StartPayment(starting(request)),
            Verb::Pay => pb::command::Command::ConfirmPayment(confirming(request)),
            Verb::Release => pb::command::Command::ReleaseHold(releasing(request)),
            Verb::Close => pb::command::Command::CancelOrder(cancelling(request)),
        })
    });
    pb::BatchSubmitRequest {
        commands: commands.collect(),
    }
    .encode_to_vec()
}

/// The part of a BatchSubmitResponse that W needs; a caller need not read the rest.
#[derive(Clone, PartialEq, Message)]
struct Outcomes {
    #[prost(message, repeated, tag = "1")]
    outcomes: Vec<Outcome>,
}

#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(message, optional, tag = "4")]
    confirmed: Option<Confirmed>,
    #[prost(message, optional, tag = "15")]
    refused: Option<pb::Refused>,
}

/// The same of a ConfirmPaymentResponse.
#[derive(Clone, PartialEq, Message)]
struct Confirmed {
    #[prost(enumeration = "pb::PaymentResult", tag = "3")]
    result: i32,
}

fn accepted(verb: Verb, confirmed: Option<&Confirmed>) -> Result<Answer, Failure> {
    match (verb, confirmed) {
        (Verb::Place, _) => Ok(Answer::Held),
        (Verb::StartPayment, _) => Ok(Answer::Paying),
        (Verb::Release | Verb::Close, _) => Ok(Answer::Closed),
        (Verb::Pay, None) => Err("a confirmation without a result".into()),
        (Verb::Pay, Some(confirmed)) => match confirmed.result() {
            pb::PaymentResult::Confirmed | pb::PaymentResult::LateReacquired => Ok(Answer::Sold),
            pb::PaymentResult::PaidNoStock => Ok(Answer::Lapsed),
            result @ (pb::PaymentResult::Unspecified
            | pb::PaymentResult::PaidAfterCancel
            | pb::PaymentResult::AlreadyConfirmed) => {
                Err(format!("a payment was {result:?}").into())
            }
        },
    }
}

fn refused(verb: Verb, code: u32, text: &str) -> Result<Answer, Failure> {
    match (verb, code) {
        (Verb::Place, FAILED_PRECONDITION) => Ok(Answer::Short),
        (Verb::StartPayment, FAILED_PRECONDITION) => Ok(Answer::Lapsed),
        _ => Err(format!("{verb:?} was refused with {code}: {text}").into()),
    }
}

impl<D: Door> HoldfastLane<D> {
    async fn one(&mut self, request: &Request) -> Result<Answer, Failure> {
        let (method, message) = encoded(request);
        let told = self.0.call(method, &message).await?;
        if told.code != 0 {
            return refused(request.verb, told.code, &told.text);
        }
        let confirmed = match request.verb {
            Verb::Pay => Some(Confirmed::decode(told.payload)?),
            Verb::Place | Verb::StartPayment | Verb::Release | Verb::Close => None,
        };
        accepted(request.verb, confirmed.as_ref())
    }
}

impl<D: Door> Lane for HoldfastLane<D> {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        if let [request] = requests {
            return Ok(vec![self.one(request).await?]);
        }
        let told = self.0.call(BATCH, &encoded_batch(requests)).await?;
        if told.code != 0 {
            return Err(format!("a batch was refused with {}: {}", told.code, told.text).into());
        }
        let outcomes = Outcomes::decode(told.payload)?.outcomes;
        let answer = |(request, outcome): (&Request, Outcome)| match outcome.refused {
            Some(refusal) => {
                let code = refusal.code.cast_unsigned();
                refused(request.verb, code, &refusal.reason)
            }
            None => accepted(request.verb, outcome.confirmed.as_ref()),
        };
        requests.iter().zip(outcomes).map(answer).collect()
    }
}

async fn held_units(door: &mut impl Door) -> Result<i64, Failure> {
    let status = expect(door, STATUS, &pb::GetEngineStatusRequest {}).await?;
    let status = pb::GetEngineStatusResponse::decode(status)?;
    Ok(status.live_holds + status.due_backlog)
}

async fn told_books(door: &mut impl Door) -> Result<Books, Failure> {
    let skus = workload::received().count();
    let mut books = Books {
        stock: vec![Stock::default(); skus],
        orders: 0,
    };
    let mut page_token = String::new();
    loop {
        let request = pb::ListStockRequest {
            page_size: 500,
            page_token,
        };
        let page = pb::ListStockResponse::decode(expect(door, LIST_STOCK, &request).await?)?;
        for pool in page.stock {
            let sku: usize = pool.sku.trim_start_matches("sku-").parse()?;
            *books.stock.get_mut(sku).ok_or("a SKU that is not W's")? = Stock {
                free: pool.available,
                held: pool.held,
                sold: pool.allocated,
            };
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let status = expect(door, STATUS, &pb::GetEngineStatusRequest {}).await?;
    books.orders = pb::GetEngineStatusResponse::decode(status)?
        .open_orders
        .cast_unsigned();
    Ok(books)
}

impl InProcess {
    /// # Errors
    /// The folder cannot be used.
    pub async fn open(folder: &Path, hold: Duration) -> Result<Self, Failure> {
        let settings = Settings {
            path: Some(folder.join("data")),
            ..Settings::default()
        };
        let mut engine = Arc::new(Engine::open(settings)?);
        prepare(&mut engine, hold).await?;
        Ok(Self(engine))
    }
}

impl Store for InProcess {
    type Lane = HoldfastLane<Arc<Engine>>;
    const DRIVE: Drive = Drive::Threads;

    async fn lane(&mut self) -> Result<Self::Lane, Failure> {
        Ok(HoldfastLane(Arc::clone(&self.0)))
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        held_units(&mut self.0).await
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        Ok(Some(told_books(&mut self.0).await?))
    }
}

impl Awaited {
    /// # Errors
    /// The folder cannot be used.
    pub async fn open(folder: &Path, hold: Duration) -> Result<Self, Failure> {
        Ok(Self(InProcess::open(folder, hold).await?))
    }
}

impl Store for Awaited {
    type Lane = HoldfastLane<Handle>;
    const DRIVE: Drive = Drive::Tasks;

    async fn lane(&mut self) -> Result<Self::Lane, Failure> {
        Ok(HoldfastLane(Handle(Arc::clone(&self.0.0))))
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        self.0.held().await
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        self.0.books().await
    }
}

impl Served {
    /// Starts `holdfast serve` with one more flag or two.
    ///
    /// # Errors
    /// It does not start, or refuses the stock.
    pub async fn open(
        python: &str,
        folder: &Path,
        flags: &[&str],
        connections: usize,
        hold: Duration,
    ) -> Result<Self, Failure> {
        let data = folder.join("data").display().to_string();
        let mut command = vec![python, "-m", "holdfast", "serve", "--data", &data];
        command.extend([
            "--port",
            "0",
            "--metrics-port",
            "0",
            "--drain-grace-s",
            "0",
            "--json",
        ]);
        command.extend(flags);
        let (process, line) = Process::start_and_read(&command, &folder.join("log"))?;
        let told: HashMap<String, serde_json::Value> = serde_json::from_str(&line)?;
        let word = |name: &str| {
            told.get(name)
                .and_then(serde_json::Value::as_str)
                .ok_or("no address")
        };
        let token = std::fs::read_to_string(word("token_file")?)?
            .trim()
            .to_owned();
        let mut channels = Vec::new();
        for _ in 0..connections {
            channels.push(Channel::connect(word("address")?, Some(token.clone())).await?);
        }
        prepare(&mut channels[0], hold).await?;
        Ok(Self {
            process,
            channels,
            lanes: 0,
        })
    }
}

impl Store for Served {
    type Lane = HoldfastLane<Channel>;
    const DRIVE: Drive = Drive::Tasks;

    async fn lane(&mut self) -> Result<Self::Lane, Failure> {
        self.lanes += 1;
        Ok(HoldfastLane(
            self.channels[self.lanes % self.channels.len()].clone(),
        ))
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        held_units(&mut self.channels[0]).await
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        Ok(Some(told_books(&mut self.channels[0]).await?))
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.id())
    }
}
