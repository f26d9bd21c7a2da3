//! The shop: one request after the other, numbered, so that whoever reads its
//! output knows what was asked, what was acknowledged and what is in doubt.

use holdfast_engine::engine::{Call, Engine, Reply};
use holdfast_engine::wire::pb;
use prost::Message;

/// Units of stock; no run uses them up.
pub const STOCK: i64 = 1_000_000_000;

/// A request of the shop. Every order is two of them: place it with an odd number, then
/// pay, release or cancel it with the next one.
pub struct Request {
    pub method: &'static str,
    pub bytes: Vec<u8>,
}

/// The request of a number; 0 receives the stock.
pub fn request(number: u64) -> Request {
    if number == 0 {
        let receive = pb::ReceiveStockRequest {
            request_id: "request-0".into(),
            sku: "cup".into(),
            warehouse: "hz".into(),
            quantity: STOCK,
            ..pb::ReceiveStockRequest::default()
        };
        return of("/holdfast.v1.StockService/ReceiveStock", &receive);
    }
    let order = (number - 1) / 2;
    let request_id = format!("request-{number}");
    let order_number = format!("A{order}");
    if number % 2 == 1 {
        return of(
            "/holdfast.v1.OrderService/PlaceOrder",
            &pb::PlaceOrderRequest {
                request_id,
                order_number,
                source_channel: 1,
                urgency: 1,
                lines: vec![pb::OrderLine {
                    sku: "cup".into(),
                    quantity: 1,
                    ..pb::OrderLine::default()
                }],
                document: format!("receiver of {order}").into_bytes(),
                ..pb::PlaceOrderRequest::default()
            },
        );
    }
    match order % 3 {
        0 => of(
            "/holdfast.v1.OrderService/ConfirmPayment",
            &pb::ConfirmPaymentRequest {
                request_id,
                order_number,
                payment_ref: "paid".into(),
                ..pb::ConfirmPaymentRequest::default()
            },
        ),
        1 => of(
            "/holdfast.v1.OrderService/ReleaseHold",
            &pb::ReleaseHoldRequest {
                request_id,
                order_number,
                ..pb::ReleaseHoldRequest::default()
            },
        ),
        _ => of(
            "/holdfast.v1.OrderService/CancelOrder",
            &pb::CancelOrderRequest {
                request_id,
                order_number,
                ..pb::CancelOrderRequest::default()
            },
        ),
    }
}

/// Lets orders leave memory a day after they are over. Asked again, it is a repeat.
pub fn archive_after_a_day(engine: &Engine) {
    let publish = of(
        "/holdfast.v1.AdminService/PublishPolicy",
        &pb::PublishPolicyRequest {
            request_id: "policy".into(),
            policy_json: r#"{"archive_after_days": 1}"#.into(),
        },
    );
    // Whoever is killed meanwhile asks again.
    let _ = reply(engine, &publish);
}

fn reply(engine: &Engine, request: &Request) -> Reply {
    engine.call(Call {
        method: request.method,
        request: &request.bytes,
        token: None,
        deadline: None,
        locale: "en",
    })
}

fn of(method: &'static str, message: &impl Message) -> Request {
    Request {
        method,
        bytes: message.encode_to_vec(),
    }
}

/// An acknowledged answer.
pub struct Answer {
    pub seq: u64,
    pub replayed: bool,
    /// Hash of the answer without what may differ when it is repeated.
    pub hash: String,
}

/// Asks; `Err` carries code and text of anything that is no acknowledgement.
pub fn ask(engine: &Engine, number: u64) -> Result<Answer, (u32, String)> {
    let reply = reply(engine, &request(number));
    if reply.code != 0 {
        return Err((reply.code, String::from_utf8_lossy(&reply.payload).into()));
    }
    // Every answer of these methods has its receipt in field 1, and in field 2 the
    // order or pool as it was then.
    let mut answer = Acknowledged::decode(reply.payload.as_slice())
        .map_err(|error| (0, format!("an answer that cannot be read: {error}")))?;
    let receipt = answer
        .receipt
        .take()
        .ok_or((0, "an answer without a receipt".to_owned()))?;
    Ok(Answer {
        seq: receipt.seq,
        replayed: receipt.replayed,
        hash: blake3::hash(&answer.what).to_hex()[..16].to_owned(),
    })
}

/// What the answers of the shop's methods have in common.
#[derive(Clone, PartialEq, Message)]
struct Acknowledged {
    #[prost(message, optional, tag = "1")]
    receipt: Option<pb::Receipt>,
    #[prost(bytes = "vec", tag = "2")]
    what: Vec<u8>,
}
