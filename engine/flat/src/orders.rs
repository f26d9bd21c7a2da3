//! The orders of a full house, as messages: each a function of its number alone.
//!
//! 1,000 SKUs in one warehouse. Every second order has two lines; every fourth wants the
//! first SKU, which is therefore in as many promises as there are orders. Of ten orders
//! eight are paid, one is held and one is in payment, so that all of them stay open.

use holdfast_engine::wire::pb;

/// The SKU that every fourth order wants is the first of these.
const SKUS: u64 = 1_000;
/// Units of each: more than anybody asks for.
const UNITS: i64 = 1_000_000_000;
/// Apart from each other for neighbours, so that no two of them meet in one pool.
const STRIDE: u64 = 389;

/// What becomes of an order while the house is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Held,
    Paying,
    Paid,
}

impl Fate {
    /// That of an order that only fills the house.
    pub fn of(number: u64) -> Self {
        match number % 10 {
            8 => Self::Held,
            9 => Self::Paying,
            _ => Self::Paid,
        }
    }
}

fn sku_name(sku: u64) -> String {
    format!("sku-{sku:04}")
}

/// As long for every number, as are the ids of requests.
pub fn order_number(number: u64) -> String {
    format!("douyin:7784061:{number:019}")
}

fn request_id(verb: &str, number: u64) -> String {
    format!("{verb}-{number:019}")
}

pub fn receipts() -> impl Iterator<Item = pb::ReceiveStockRequest> {
    (0..SKUS).map(|sku| pb::ReceiveStockRequest {
        request_id: request_id("s", sku),
        sku: sku_name(sku),
        warehouse: "hz".into(),
        quantity: UNITS,
        ..pb::ReceiveStockRequest::default()
    })
}

fn line(sku: u64) -> pb::OrderLine {
    pb::OrderLine {
        sku: sku_name(sku),
        quantity: 1,
        ..pb::OrderLine::default()
    }
}

/// SKUs of an order that fills the house.
fn lines(number: u64) -> Vec<pb::OrderLine> {
    let own = 1 + number * STRIDE % (SKUS - 2);
    match number % 4 {
        0 => vec![line(0), line(own)],
        2 => vec![line(own), line(own + 1)],
        _ => vec![line(own)],
    }
}

/// SKUs of an order that is measured: two lines, the first SKU among them.
fn measured_lines(number: u64) -> Vec<pb::OrderLine> {
    vec![line(0), line(1 + number * STRIDE % (SKUS - 1))]
}

fn placing(number: u64, lines: Vec<pb::OrderLine>) -> pb::PlaceOrderRequest {
    pb::PlaceOrderRequest {
        request_id: request_id("p", number),
        order_number: order_number(number),
        source_channel: pb::SourceChannel::Douyin.into(),
        urgency: pb::Urgency::Normal.into(),
        lines,
        ..pb::PlaceOrderRequest::default()
    }
}

pub fn place(number: u64) -> pb::PlaceOrderRequest {
    placing(number, lines(number))
}

pub fn place_measured(number: u64) -> pb::PlaceOrderRequest {
    placing(number, measured_lines(number))
}

pub fn start_payment(number: u64) -> pb::StartPaymentRequest {
    pb::StartPaymentRequest {
        request_id: request_id("b", number),
        order_number: order_number(number),
        ..pb::StartPaymentRequest::default()
    }
}

pub fn confirm_payment(number: u64) -> pb::ConfirmPaymentRequest {
    pb::ConfirmPaymentRequest {
        request_id: request_id("c", number),
        order_number: order_number(number),
        amount_minor: 9_900,
        ..pb::ConfirmPaymentRequest::default()
    }
}

pub fn release_hold(number: u64) -> pb::ReleaseHoldRequest {
    pb::ReleaseHoldRequest {
        request_id: request_id("r", number),
        order_number: order_number(number),
        reason: "customer".into(),
    }
}

pub fn cancel_order(number: u64) -> pb::CancelOrderRequest {
    pb::CancelOrderRequest {
        request_id: request_id("x", number),
        order_number: order_number(number),
        reason: "customer".into(),
        ..pb::CancelOrderRequest::default()
    }
}

/// The first step of a paid parcel.
pub fn advance_parcel(number: u64) -> pb::AdvanceParcelRequest {
    pb::AdvanceParcelRequest {
        request_id: request_id("a", number),
        parcel_id: format!("{}/1", order_number(number)),
        node: pb::Node::WarehouseAssigned.into(),
        scan_id: request_id("scan", number),
        actor: "rita".into(),
        role: pb::Role::Reviewer.into(),
        ..pb::AdvanceParcelRequest::default()
    }
}

pub fn get_order(number: u64) -> pb::GetOrderRequest {
    pb::GetOrderRequest {
        order_number: order_number(number),
    }
}

/// What is free of the SKU that most orders want.
pub fn get_stock() -> pb::GetStockRequest {
    pb::GetStockRequest {
        sku: sku_name(0),
        ..pb::GetStockRequest::default()
    }
}
