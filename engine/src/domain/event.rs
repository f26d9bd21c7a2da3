//! Events: facts that changed the state, and the record that keeps them.
//!
//! A record is one transaction: who, when, under which policy and request key,
//! the events, the stock movements they caused, and the outcome that was
//! answered. Replaying records rebuilds the state without deciding anything
//! again, so old journals stay true under new rules.
//!
//! The structs carry their protobuf tags themselves: this is the journal's
//! schema, and writing it twice would only let the two drift apart. Fields are
//! added, never renumbered or reused. Names (SKUs, warehouses, actors) are
//! numbers declared by [`NameDeclared`]; orders and pools are numbered in the
//! order of their birth.

use super::outcome::Outcome;
use crate::backward::Put;

/// One committed transaction.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct Record {
    #[prost(int64, tag = "1")]
    pub at: i64,
    #[prost(uint32, tag = "2")]
    pub merchant: u32,
    #[prost(uint32, tag = "3")]
    pub actor: u32,
    #[prost(uint32, tag = "4")]
    pub role: u32,
    #[prost(uint32, tag = "5")]
    pub device: u32,
    #[prost(uint32, tag = "6")]
    pub policy_version: u32,
    /// 16 bytes; absent for what the engine does by itself.
    #[prost(bytes = "vec", tag = "7")]
    pub key: Vec<u8>,
    #[prost(fixed64, tag = "8")]
    pub fingerprint: u64,
    #[prost(message, repeated, tag = "9")]
    pub events: Vec<Entry>,
    #[prost(message, optional, tag = "10")]
    pub outcome: Option<Outcome>,
    /// Second key of a scan: 16 bytes.
    #[prost(bytes = "vec", tag = "11")]
    pub scan_key: Vec<u8>,
    #[prost(fixed64, tag = "12")]
    pub scan_fingerprint: u64,
}

/// An event with the movements it caused.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct Entry {
    #[prost(
        oneof = "Event",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44"
    )]
    pub event: Option<Event>,
    #[prost(message, repeated, tag = "100")]
    pub movements: Vec<Movement>,
}

/// Units of one pool leave a bucket and enter another (S5). Cause, actor,
/// device and time are those of the record and event around it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message, Put, serde::Serialize)]
pub struct Movement {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    /// Name of the batch; 0 where the units are not pinned to one.
    #[prost(uint32, tag = "2")]
    pub batch: u32,
    #[prost(uint32, tag = "3")]
    pub from: u32,
    #[prost(uint32, tag = "4")]
    pub to: u32,
    #[prost(int64, tag = "5")]
    pub quantity: i64,
}

/// Bytes as people read them in a dump.
fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    serializer.serialize_str(&digits.collect::<String>())
}

/// What happened.
#[derive(Clone, PartialEq, prost::Oneof, Put, serde::Serialize)]
pub enum Event {
    #[prost(message, tag = "1")]
    EngineStarted(EngineStarted),
    #[prost(message, tag = "2")]
    TimeStamped(TimeStamped),
    #[prost(message, tag = "3")]
    ClockReconciled(ClockReconciled),
    #[prost(message, tag = "4")]
    MerchantOpened(MerchantOpened),
    #[prost(message, tag = "5")]
    NameDeclared(NameDeclared),
    #[prost(message, tag = "6")]
    PolicyPublished(PolicyPublished),
    #[prost(message, tag = "7")]
    TokenIssued(TokenIssued),
    #[prost(message, tag = "8")]
    TokenRevoked(TokenRevoked),
    #[prost(message, tag = "9")]
    DeviceRegistered(DeviceRegistered),
    #[prost(message, tag = "10")]
    PoolOpened(PoolOpened),
    #[prost(message, tag = "11")]
    PoolConfigured(PoolConfigured),
    #[prost(message, tag = "12")]
    WarehouseConfigured(WarehouseConfigured),
    #[prost(message, tag = "13")]
    SkuConfigured(SkuConfigured),
    #[prost(message, tag = "14")]
    SkusMapped(SkusMapped),
    #[prost(message, tag = "15")]
    StockReceived(StockReceived),
    #[prost(message, tag = "16")]
    StockMoved(StockMoved),
    #[prost(message, tag = "17")]
    StockCounted(StockCounted),
    #[prost(message, tag = "18")]
    BackorderFilled(BackorderFilled),
    #[prost(message, tag = "19")]
    PromiseShort(PromiseShort),
    #[prost(message, tag = "20")]
    OrderPlaced(OrderPlaced),
    #[prost(message, tag = "21")]
    HoldPlaced(HoldPlaced),
    #[prost(message, tag = "22")]
    PaymentStarted(PaymentStarted),
    #[prost(message, tag = "23")]
    PaymentFailed(PaymentFailed),
    #[prost(message, tag = "24")]
    HoldConfirmed(HoldConfirmed),
    #[prost(message, tag = "25")]
    HoldReleased(HoldReleased),
    #[prost(message, tag = "26")]
    HoldExpired(HoldExpired),
    #[prost(message, tag = "27")]
    HoldAmended(HoldAmended),
    #[prost(message, tag = "28")]
    DepositConfirmed(DepositConfirmed),
    #[prost(message, tag = "29")]
    PaidWithoutStock(PaidWithoutStock),
    #[prost(message, tag = "30")]
    BatchPinned(BatchPinned),
    #[prost(message, tag = "31")]
    ParcelAdvanced(ParcelAdvanced),
    #[prost(message, tag = "32")]
    EvidenceKept(EvidenceKept),
    #[prost(message, tag = "33")]
    ParcelRerouted(ParcelRerouted),
    #[prost(message, tag = "34")]
    ParcelSplit(ParcelSplit),
    #[prost(message, tag = "35")]
    ParcelSuspended(ParcelSuspended),
    #[prost(message, tag = "36")]
    ParcelResumed(ParcelResumed),
    #[prost(message, tag = "37")]
    ParcelCancelled(ParcelCancelled),
    #[prost(message, tag = "38")]
    ParcelPutBack(ParcelPutBack),
    #[prost(message, tag = "39")]
    ParcelOverdue(ParcelOverdue),
    #[prost(message, tag = "40")]
    ParcelCompleted(ParcelCompleted),
    #[prost(message, tag = "41")]
    UnmappedSkuSeen(UnmappedSkuSeen),
    #[prost(message, tag = "42")]
    DocumentOpened(DocumentOpened),
    #[prost(message, tag = "43")]
    OrdersArchived(OrdersArchived),
    #[prost(message, tag = "44")]
    OrderRevived(OrderRevived),
}

/// The engine came up after being away (H13).
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct EngineStarted {
    /// Added to every hold that was live at the last durable time.
    #[prost(int64, tag = "1")]
    pub credit_ms: i64,
    /// The last durable time; 0 at the first start.
    #[prost(int64, tag = "2")]
    pub last_at: i64,
    /// Deadlines stand still from this instant until a person reconciles; 0: they run.
    #[prost(int64, tag = "3")]
    pub frozen_at: i64,
    #[prost(string, tag = "4")]
    pub version: String,
    /// From here on requests that are not about an order are told apart: they are never
    /// forgotten.
    #[prost(bool, tag = "5")]
    pub sorts_requests: bool,
}

/// A durable "still alive", written each second while holds live.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct TimeStamped {}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ClockReconciled {
    #[prost(string, tag = "1")]
    pub reason: String,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct MerchantOpened {
    #[prost(string, tag = "1")]
    pub merchant: String,
}

/// Gives the next number to a name.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct NameDeclared {
    #[prost(string, tag = "1")]
    pub text: String,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PolicyPublished {
    #[prost(string, tag = "1")]
    pub policy_json: String,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct TokenIssued {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "as_hex")]
    pub token_sha256: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub actor: u32,
    #[prost(uint32, tag = "3")]
    pub role: u32,
    #[prost(uint32, tag = "4")]
    pub device: u32,
    /// 0 never.
    #[prost(int64, tag = "5")]
    pub expires_at: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct TokenRevoked {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "as_hex")]
    pub token_sha256: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct DeviceRegistered {
    #[prost(uint32, tag = "1")]
    pub device: u32,
    #[prost(uint32, tag = "2")]
    pub warehouse: u32,
    #[prost(uint32, tag = "3")]
    pub kind: u32,
    #[prost(bool, tag = "4")]
    pub retired: bool,
}

/// A SKU is kept in a warehouse from now on. Gives the next pool number.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PoolOpened {
    #[prost(uint32, tag = "1")]
    pub sku: u32,
    #[prost(uint32, tag = "2")]
    pub warehouse: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PoolConfigured {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    #[prost(int64, tag = "2")]
    pub backorder_limit: i64,
    #[prost(message, repeated, tag = "3")]
    pub channel_buffers: Vec<ChannelBuffer>,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ChannelBuffer {
    #[prost(uint32, tag = "1")]
    pub source_channel: u32,
    #[prost(int64, tag = "2")]
    pub quantity: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct WarehouseConfigured {
    #[prost(uint32, tag = "1")]
    pub warehouse: u32,
    #[prost(sint32, tag = "2")]
    pub rank: i32,
    #[prost(uint32, tag = "3")]
    pub province: u32,
    #[prost(uint32, repeated, tag = "4")]
    pub serves_provinces: Vec<u32>,
    /// Triples of weekday, open minute, close minute.
    #[prost(int32, repeated, tag = "5")]
    pub working_hours: Vec<i32>,
    #[prost(string, repeated, tag = "6")]
    pub closed_days: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct SkuConfigured {
    #[prost(uint32, tag = "1")]
    pub sku: u32,
    #[prost(bool, tag = "2")]
    pub pin_batch_at_hold: bool,
    #[prost(message, repeated, tag = "3")]
    pub bundle: Vec<Component>,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize, serde::Deserialize)]
pub struct Component {
    #[prost(uint32, tag = "1")]
    pub sku: u32,
    #[prost(int64, tag = "2")]
    pub quantity: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct SkusMapped {
    #[prost(uint32, tag = "1")]
    pub source_channel: u32,
    #[prost(uint32, tag = "2")]
    pub shop: u32,
    #[prost(message, repeated, tag = "3")]
    pub mappings: Vec<Mapping>,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct Mapping {
    #[prost(uint32, tag = "1")]
    pub outer_code: u32,
    #[prost(uint32, tag = "2")]
    pub channel_sku: u32,
    #[prost(uint32, tag = "3")]
    pub sku: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct StockReceived {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    #[prost(uint32, tag = "2")]
    pub batch: u32,
    /// 0 never.
    #[prost(int64, tag = "3")]
    pub expires_at: i64,
    #[prost(uint32, tag = "4")]
    pub qc_report: u32,
    #[prost(uint32, tag = "5")]
    pub reason: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct StockMoved {
    #[prost(uint32, tag = "1")]
    pub reason: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct StockCounted {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    #[prost(int64, tag = "2")]
    pub counted: i64,
    #[prost(sint64, tag = "3")]
    pub difference: i64,
    #[prost(uint32, tag = "4")]
    pub reason: u32,
    #[prost(uint32, tag = "5")]
    pub approver: u32,
}

/// Received units went to a back-ordered promise.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct BackorderFilled {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub promise: u32,
    #[prost(int64, tag = "3")]
    pub quantity: i64,
}

/// A count took units away from a promise (S8).
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PromiseShort {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub promise: u32,
    #[prost(int64, tag = "3")]
    pub quantity: i64,
}

/// An order entered the house. Gives the next order number.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct OrderPlaced {
    #[prost(string, tag = "1")]
    pub number: String,
    /// Empty if it is the part of `number` after the last colon.
    #[prost(string, tag = "2")]
    pub channel_order_id: String,
    #[prost(uint32, tag = "3")]
    pub source_channel: u32,
    #[prost(uint32, tag = "4")]
    pub urgency: u32,
    #[prost(uint32, tag = "5")]
    pub shop: u32,
    /// Hash of the buyer token; 0 if there is none.
    #[prost(fixed64, tag = "6")]
    pub buyer: u64,
    #[prost(uint32, tag = "7")]
    pub province: u32,
    #[prost(int64, tag = "8")]
    pub ship_by: i64,
    #[prost(bytes = "vec", tag = "9")]
    #[serde(serialize_with = "as_hex")]
    pub document: Vec<u8>,
    #[prost(fixed64, tag = "10")]
    pub lines_hash: u64,
    /// Already paid: no hold, promises are allocated, node 2.
    #[prost(bool, tag = "11")]
    pub paid: bool,
    #[prost(int64, tag = "12")]
    pub hold_expires_at: i64,
    #[prost(message, repeated, tag = "13")]
    pub promises: Vec<Promised>,
    /// What sourcing looked at, where there was a choice.
    #[prost(message, repeated, tag = "14")]
    pub considered: Vec<Considered>,
}

/// A line's promise: reserved units of a pool, and units that are awaited.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct Promised {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    #[prost(uint32, tag = "2")]
    pub batch: u32,
    #[prost(int64, tag = "3")]
    pub quantity: i64,
    #[prost(int64, tag = "4")]
    pub backordered: i64,
    #[prost(uint32, tag = "5")]
    pub line: u32,
}

/// A pool that sourcing weighed.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct Considered {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    #[prost(int64, tag = "2")]
    pub free: i64,
}

/// A further hold of an order: placed again, superseding, or re-acquired late.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct HoldPlaced {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(int64, tag = "2")]
    pub created_at: i64,
    #[prost(int64, tag = "3")]
    pub expires_at: i64,
    #[prost(fixed64, tag = "4")]
    pub lines_hash: u64,
    #[prost(message, repeated, tag = "5")]
    pub promises: Vec<Promised>,
    /// Confirmed at birth: a late payment found the stock again (H6).
    #[prost(bool, tag = "6")]
    pub late_reacquired: bool,
    #[prost(message, repeated, tag = "7")]
    pub considered: Vec<Considered>,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PaymentStarted {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(string, tag = "2")]
    pub payment_ref: String,
    #[prost(int64, tag = "3")]
    pub expires_at: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PaymentFailed {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(string, tag = "2")]
    pub payment_ref: String,
    /// The deadline afterwards.
    #[prost(int64, tag = "3")]
    pub expires_at: i64,
    /// No attempt is open any more.
    #[prost(bool, tag = "4")]
    pub back_to_held: bool,
    #[prost(uint32, tag = "5")]
    pub reason: u32,
}

/// Held units became allocated.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct HoldConfirmed {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(string, tag = "2")]
    pub payment_ref: String,
    #[prost(int64, tag = "3")]
    pub paid_at: i64,
    #[prost(int64, tag = "4")]
    pub amount_minor: i64,
    /// Empty: all. Otherwise units per promise that are confirmed.
    #[prost(message, repeated, tag = "5")]
    pub partial: Vec<PromiseUnits>,
    /// The rest stays held as a further hold with this deadline; 0: released.
    #[prost(int64, tag = "6")]
    pub rest_expires_at: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PromiseUnits {
    #[prost(uint32, tag = "1")]
    pub promise: u32,
    #[prost(int64, tag = "2")]
    pub quantity: i64,
    #[prost(int64, tag = "3")]
    pub backordered: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct HoldReleased {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub reason: u32,
    /// Index of the hold within the order.
    #[prost(uint32, tag = "3")]
    pub hold: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct HoldExpired {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub hold: u32,
}

/// Quantities of a live hold after an amend, per promise; new ones at the end.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct HoldAmended {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(message, repeated, tag = "2")]
    pub units: Vec<PromiseUnits>,
    #[prost(message, repeated, tag = "3")]
    pub added: Vec<Promised>,
    #[prost(fixed64, tag = "4")]
    pub lines_hash: u64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct DepositConfirmed {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(string, tag = "2")]
    pub payment_ref: String,
    #[prost(int64, tag = "3")]
    pub expires_at: i64,
}

/// Money came for an order without stock: gone (H6), or after a cancel.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct PaidWithoutStock {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(string, tag = "2")]
    pub payment_ref: String,
    #[prost(bool, tag = "3")]
    pub after_cancel: bool,
    #[prost(int64, tag = "4")]
    pub amount_minor: i64,
}

/// Units of a promise were pinned to a batch; a part splits the promise.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct BatchPinned {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub promise: u32,
    #[prost(uint32, tag = "3")]
    pub batch: u32,
    #[prost(int64, tag = "4")]
    pub quantity: i64,
}

/// A parcel entered a node.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelAdvanced {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(uint32, tag = "3")]
    pub node: u32,
    /// 0: at the record's time.
    #[prost(int64, tag = "4")]
    pub occurred_at: i64,
    /// Bits of `parcel::Step`.
    #[prost(uint32, tag = "5")]
    pub marks: u32,
    #[prost(uint32, tag = "6")]
    pub reason: u32,
    #[prost(string, tag = "7")]
    pub scan_id: String,
    #[prost(message, repeated, tag = "8")]
    pub evidence: Vec<Evidence>,
    #[prost(int64, tag = "9")]
    pub due_at: i64,
    #[prost(int64, tag = "10")]
    pub red_at: i64,
    /// True if the engine did it rather than the record's actor.
    #[prost(bool, tag = "11")]
    pub by_engine: bool,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct Evidence {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A scan that moves nothing: late, or ahead of a departure nobody recorded.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct EvidenceKept {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(uint32, tag = "3")]
    pub node: u32,
    #[prost(int64, tag = "4")]
    pub occurred_at: i64,
    #[prost(string, tag = "5")]
    pub scan_id: String,
    #[prost(message, repeated, tag = "6")]
    pub evidence: Vec<Evidence>,
    #[prost(bool, tag = "7")]
    pub missing_departure: bool,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelRerouted {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(uint32, tag = "3")]
    pub warehouse: u32,
    #[prost(uint32, tag = "4")]
    pub reason: u32,
    #[prost(message, repeated, tag = "5")]
    pub moved: Vec<Rehomed>,
}

/// A promise that goes to another pool.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct Rehomed {
    #[prost(uint32, tag = "1")]
    pub promise: u32,
    #[prost(uint32, tag = "2")]
    pub pool: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelSplit {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(message, repeated, tag = "3")]
    pub units: Vec<PromiseUnits>,
    #[prost(uint32, tag = "4")]
    pub reason: u32,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelSuspended {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(uint32, tag = "3")]
    pub reason: u32,
    #[prost(uint32, tag = "4")]
    pub owner: u32,
    #[prost(int64, tag = "5")]
    pub due_at: i64,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelResumed {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(uint32, tag = "3")]
    pub reason: u32,
    #[prost(int64, tag = "4")]
    pub due_at: i64,
    #[prost(int64, tag = "5")]
    pub red_at: i64,
}

/// A cancel reached one parcel.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelCancelled {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(uint32, tag = "3")]
    pub reason: u32,
    /// Goods are off the shelf and must be put back.
    #[prost(bool, tag = "4")]
    pub putback: bool,
    /// On the road: the carrier is asked, the parcel is not cancelled.
    #[prost(bool, tag = "5")]
    pub intercept: bool,
    #[prost(bool, tag = "6")]
    pub refund_due: bool,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelPutBack {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(string, tag = "3")]
    pub scan_id: String,
}

#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelOverdue {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
    #[prost(bool, tag = "3")]
    pub red: bool,
}

/// Signed, and the after-sales window is over.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ParcelCompleted {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(uint32, tag = "2")]
    pub parcel: u32,
}

/// An order came with a channel SKU that nobody has mapped: work for a person.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct UnmappedSkuSeen {
    #[prost(uint32, tag = "1")]
    pub source_channel: u32,
    #[prost(uint32, tag = "2")]
    pub shop: u32,
    #[prost(uint32, tag = "3")]
    pub outer_code: u32,
    #[prost(uint32, tag = "4")]
    pub channel_sku: u32,
    #[prost(string, tag = "5")]
    pub order_number: String,
}

/// Somebody read an order's sealed document. Changes nothing; it is the proof
/// of who saw a receiver's data, when and why.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct DocumentOpened {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    #[prost(string, tag = "2")]
    pub purpose: String,
}

/// Orders that are over left memory. They stand in a run of the archive, which was
/// durable before this was written.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct OrdersArchived {
    #[prost(uint64, tag = "1")]
    pub run: u64,
    /// Names this run and all before it: 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(serialize_with = "as_hex")]
    pub chain: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub merchants: Vec<ArchivedOf>,
    /// Requests about orders that were answered in records up to this one are no longer
    /// remembered; absent in what was written before requests were let go.
    #[prost(uint64, optional, tag = "4")]
    pub forgotten_upto: Option<u64>,
}

/// The orders of one merchant that left, by their ids.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct ArchivedOf {
    #[prost(uint32, tag = "1")]
    pub merchant: u32,
    #[prost(uint32, repeated, tag = "2")]
    pub orders: Vec<u32>,
}

/// A late command changes an archived order, which is in memory again.
#[derive(Clone, PartialEq, prost::Message, Put, serde::Serialize)]
pub struct OrderRevived {
    #[prost(uint32, tag = "1")]
    pub order: u32,
    /// The order as it was archived, in its form as part of an image.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(serialize_with = "as_hex")]
    pub image: Vec<u8>,
}

impl Event {
    /// The event's name, as other systems see it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EngineStarted(_) => "EngineStarted",
            Self::TimeStamped(_) => "TimeStamped",
            Self::ClockReconciled(_) => "ClockReconciled",
            Self::MerchantOpened(_) => "MerchantOpened",
            Self::NameDeclared(_) => "NameDeclared",
            Self::PolicyPublished(_) => "PolicyPublished",
            Self::TokenIssued(_) => "TokenIssued",
            Self::TokenRevoked(_) => "TokenRevoked",
            Self::DeviceRegistered(_) => "DeviceRegistered",
            Self::PoolOpened(_) => "PoolOpened",
            Self::PoolConfigured(_) => "PoolConfigured",
            Self::WarehouseConfigured(_) => "WarehouseConfigured",
            Self::SkuConfigured(_) => "SkuConfigured",
            Self::SkusMapped(_) => "SkusMapped",
            Self::StockReceived(_) => "StockReceived",
            Self::StockMoved(_) => "StockMoved",
            Self::StockCounted(_) => "StockCounted",
            Self::BackorderFilled(_) => "BackorderFilled",
            Self::PromiseShort(_) => "PromiseShort",
            Self::OrderPlaced(_) => "OrderPlaced",
            Self::HoldPlaced(_) => "HoldPlaced",
            Self::PaymentStarted(_) => "PaymentStarted",
            Self::PaymentFailed(_) => "PaymentFailed",
            Self::HoldConfirmed(_) => "HoldConfirmed",
            Self::HoldReleased(_) => "HoldReleased",
            Self::HoldExpired(_) => "HoldExpired",
            Self::HoldAmended(_) => "HoldAmended",
            Self::DepositConfirmed(_) => "DepositConfirmed",
            Self::PaidWithoutStock(_) => "PaidWithoutStock",
            Self::BatchPinned(_) => "BatchPinned",
            Self::ParcelAdvanced(_) => "ParcelAdvanced",
            Self::EvidenceKept(_) => "EvidenceKept",
            Self::ParcelRerouted(_) => "ParcelRerouted",
            Self::ParcelSplit(_) => "ParcelSplit",
            Self::ParcelSuspended(_) => "ParcelSuspended",
            Self::ParcelResumed(_) => "ParcelResumed",
            Self::ParcelCancelled(_) => "ParcelCancelled",
            Self::ParcelPutBack(_) => "ParcelPutBack",
            Self::ParcelOverdue(_) => "ParcelOverdue",
            Self::ParcelCompleted(_) => "ParcelCompleted",
            Self::UnmappedSkuSeen(_) => "UnmappedSkuSeen",
            Self::DocumentOpened(_) => "DocumentOpened",
            Self::OrdersArchived(_) => "OrdersArchived",
            Self::OrderRevived(_) => "OrderRevived",
        }
    }
}

#[cfg(test)]
mod tests {
    /// Every kind has its line in docs/events.md.
    #[test]
    fn the_page_names_every_kind() {
        let page = include_str!("../../../docs/events.md");
        let source = include_str!("event.rs");
        let kinds: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("(_) => \""))
            .map(|(kind, _)| kind)
            .collect();
        assert!(kinds.len() > 40, "{kinds:?}");
        for kind in kinds {
            let named = page
                .lines()
                .filter_map(|line| line.strip_prefix("| "))
                .filter_map(|line| line.split(" |").next())
                .any(|names| names.split(", ").any(|name| name == kind));
            assert!(named, "docs/events.md does not name {kind}");
        }
    }
}
