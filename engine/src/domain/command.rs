//! Commands: what callers ask for, already well-formed.
//!
//! `wire` has checked shape and range; whether it may be done is decided in
//! `state`. Quantities are 1 to [`MAX_QUANTITY`]; texts are non-empty where a
//! command needs them; times are UTC milliseconds.

use super::orders::archived::Archived;
use super::orders::lifecycle::{Node, Role};
use super::time::Millis;
use super::words::{Bucket, SourceChannel, Urgency};

/// The largest quantity of one line, so that sums cannot overflow.
pub const MAX_QUANTITY: i64 = 1_000_000_000;
/// The most lines of one order.
pub const MAX_LINES: usize = 1_000;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub actor: String,
    pub role: Role,
    pub device: String,
}

/// The claim of a request on its effect: exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    /// Hash of merchant, caller, command and request_id.
    pub key: u128,
    /// Hash of the payload without request_id.
    pub fingerprint: u64,
}

/// A command with who asks and under which key.
#[derive(Debug, Clone)]
pub struct Submission {
    pub merchant: String,
    pub principal: Principal,
    pub key: RequestKey,
    pub command: Command,
    /// The order that the command names, if it was found in the archive.
    pub archived: Option<Box<Archived>>,
}

/// Everything that changes the state on request.
#[derive(Debug, Clone)]
pub enum Command {
    PlaceOrder(Box<PlaceOrder>),
    StartPayment(StartPayment),
    FailPayment(FailPayment),
    ConfirmPayment(ConfirmPayment),
    ConfirmDeposit(ConfirmDeposit),
    ReleaseHold(ReleaseHold),
    AmendOrder(AmendOrder),
    CancelOrder(CancelOrder),
    AdvanceParcel(Box<AdvanceParcel>),
    OverrideParcel(Box<AdvanceParcel>),
    RerouteParcel(RerouteParcel),
    SplitParcel(SplitParcel),
    SuspendParcel(SuspendParcel),
    ResumeParcel(ResumeParcel),
    PutBackParcel(PutBackParcel),
    ReceiveStock(ReceiveStock),
    MoveStock(MoveStock),
    CountStock(CountStock),
    ConfigurePool(ConfigurePool),
    ConfigureWarehouse(ConfigureWarehouse),
    ConfigureSku(ConfigureSku),
    MapChannelSkus(MapChannelSkus),
    PublishPolicy(PublishPolicy),
    IssueToken(IssueToken),
    RevokeToken(RevokeToken),
    RegisterDevice(RegisterDevice),
    ReconcileClock(ReconcileClock),
}

impl Command {
    /// The order that it is about, by its number or by the channel's id.
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        match self {
            Self::PlaceOrder(c) => Some(&c.order_number),
            Self::StartPayment(c) => Some(&c.order_number),
            Self::FailPayment(c) => Some(&c.order_number),
            Self::ConfirmPayment(c) => Some(&c.order_number),
            Self::ConfirmDeposit(c) => Some(&c.order_number),
            Self::ReleaseHold(c) => Some(&c.order_number),
            Self::AmendOrder(c) => Some(&c.order_number),
            Self::CancelOrder(c) => Some(&c.order_number),
            Self::AdvanceParcel(c) | Self::OverrideParcel(c) => order_of(&c.parcel_id),
            Self::RerouteParcel(c) => order_of(&c.parcel_id),
            Self::SplitParcel(c) => order_of(&c.parcel_id),
            Self::SuspendParcel(c) => order_of(&c.parcel_id),
            Self::ResumeParcel(c) => order_of(&c.parcel_id),
            Self::PutBackParcel(c) => order_of(&c.parcel_id),
            Self::ReceiveStock(_)
            | Self::MoveStock(_)
            | Self::CountStock(_)
            | Self::ConfigurePool(_)
            | Self::ConfigureWarehouse(_)
            | Self::ConfigureSku(_)
            | Self::MapChannelSkus(_)
            | Self::PublishPolicy(_)
            | Self::IssueToken(_)
            | Self::RevokeToken(_)
            | Self::RegisterDevice(_)
            | Self::ReconcileClock(_) => None,
        }
    }
}

/// The order in a parcel id, "order number/n".
#[must_use]
pub fn order_of(parcel_id: &str) -> Option<&str> {
    Some(parcel_id.rsplit_once('/')?.0)
}

#[derive(Debug, Clone)]
pub struct PlaceOrder {
    pub order_number: String,
    pub source_channel: SourceChannel,
    pub urgency: Urgency,
    pub lines: Vec<Line>,
    /// Empty if the order came without one.
    pub channel_order_id: String,
    pub shop_id: String,
    pub buyer_token: String,
    pub province: String,
    pub paid: bool,
    /// Replace a live hold with other lines instead of refusing.
    pub supersede: bool,
    pub ship_by: Option<Millis>,
    pub suspend_reason: String,
    /// Reference of the sealed document, empty if there is none.
    pub document: Vec<u8>,
}

/// One line: a SKU, or a channel SKU to be mapped.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub sku: String,
    pub quantity: i64,
    pub warehouse: String,
    pub batch: String,
    pub channel_sku: String,
    pub outer_code: String,
}

#[derive(Debug, Clone)]
pub struct StartPayment {
    pub order_number: String,
    pub payment_ref: String,
}

#[derive(Debug, Clone)]
pub struct FailPayment {
    pub order_number: String,
    pub payment_ref: String,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct ConfirmPayment {
    pub order_number: String,
    pub payment_ref: String,
    pub paid_at: Option<Millis>,
    /// (sku, quantity); empty confirms all.
    pub units: Vec<(String, i64)>,
    pub keep_rest: bool,
    pub amount_minor: i64,
}

#[derive(Debug, Clone)]
pub struct ConfirmDeposit {
    pub order_number: String,
    pub payment_ref: String,
    pub balance_due_at: Millis,
}

#[derive(Debug, Clone)]
pub struct ReleaseHold {
    pub order_number: String,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct AmendOrder {
    pub order_number: String,
    pub units: Vec<AmendUnits>,
}

#[derive(Debug, Clone)]
pub struct AmendUnits {
    pub sku: String,
    /// The new total; 0 drops the SKU.
    pub quantity: i64,
    pub warehouse: String,
}

#[derive(Debug, Clone)]
pub struct CancelOrder {
    pub order_number: String,
    /// Parcel ids; empty means all.
    pub parcel_ids: Vec<String>,
    /// SKUs and how many units of each; empty means everything.
    pub units: Vec<(String, i64)>,
    pub reason: String,
}

/// A scan or feed that a parcel entered a node.
#[derive(Debug, Clone)]
pub struct AdvanceParcel {
    pub parcel_id: String,
    /// 0 skips the check.
    pub expected_version: u32,
    pub node: Node,
    pub occurred_at: Option<Millis>,
    pub scan_id: String,
    pub reason: String,
    pub evidence: Vec<(String, String)>,
    pub warehouse: String,
}

#[derive(Debug, Clone)]
pub struct RerouteParcel {
    pub parcel_id: String,
    pub warehouse: String,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct SplitParcel {
    pub parcel_id: String,
    pub units: Vec<(String, i64)>,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct SuspendParcel {
    pub parcel_id: String,
    pub reason: String,
    pub owner: Role,
    /// 0 takes the policy's.
    pub review_minutes: i64,
}

#[derive(Debug, Clone)]
pub struct ResumeParcel {
    pub parcel_id: String,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct PutBackParcel {
    pub parcel_id: String,
    pub scan_id: String,
}

#[derive(Debug, Clone)]
pub struct ReceiveStock {
    pub sku: String,
    pub warehouse: String,
    pub quantity: i64,
    pub batch: String,
    pub expires_at: Option<Millis>,
    pub qc_report: String,
    /// Into quality control instead of available.
    pub to_qc: bool,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct MoveStock {
    pub sku: String,
    pub warehouse: String,
    pub batch: String,
    pub from: Bucket,
    pub to: Bucket,
    pub quantity: i64,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct CountStock {
    pub sku: String,
    pub warehouse: String,
    pub batch: String,
    pub counted: i64,
    pub reason: String,
    pub approver: String,
}

#[derive(Debug, Clone)]
pub struct ConfigurePool {
    pub sku: String,
    pub warehouse: String,
    pub backorder_limit: i64,
    pub channel_buffers: Vec<(SourceChannel, i64)>,
}

#[derive(Debug, Clone)]
pub struct ConfigureWarehouse {
    pub warehouse: String,
    pub rank: i32,
    pub province: String,
    pub serves_provinces: Vec<String>,
    /// (weekday 0–7, open minute, close minute).
    pub working_hours: Vec<(i32, i32, i32)>,
    pub closed_days: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct ConfigureSku {
    pub sku: String,
    pub pin_batch_at_hold: bool,
    pub bundle: Vec<(String, i64)>,
}

#[derive(Debug, Clone)]
pub struct MapChannelSkus {
    pub source_channel: SourceChannel,
    pub shop_id: String,
    pub mappings: Vec<SkuMapping>,
}

#[derive(Debug, Clone)]
pub struct SkuMapping {
    pub outer_code: String,
    pub channel_sku: String,
    pub sku: String,
}

#[derive(Debug, Clone)]
pub struct PublishPolicy {
    pub policy_json: String,
}

#[derive(Debug, Clone)]
pub struct IssueToken {
    pub token_sha256: [u8; 32],
    pub actor: String,
    pub role: Role,
    pub device: String,
    pub expires_at: Option<Millis>,
    /// Empty: the caller's own merchant.
    pub merchant: String,
}

#[derive(Debug, Clone)]
pub struct RevokeToken {
    /// All zero: by actor.
    pub token_sha256: [u8; 32],
    pub actor: String,
}

#[derive(Debug, Clone)]
pub struct RegisterDevice {
    pub device: String,
    pub warehouse: String,
    pub kind: String,
    pub retired: bool,
}

#[derive(Debug, Clone)]
pub struct ReconcileClock {
    pub reason: String,
}
