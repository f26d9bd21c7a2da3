//! Outcomes: what a command answered, small enough to be kept for ever.
//!
//! An outcome stands in the record of its command. A repeated request gets its
//! reply from there, so that the first answer and the hundredth are the same
//! bytes. Views are numbers only; `wire` dresses them with names and texts.

use super::refusal::Refusal;
use crate::backward::Put;

/// The answer to a command.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct Outcome {
    #[prost(oneof = "Answer", tags = "1, 2")]
    pub answer: Option<Answer>,
}

#[derive(Clone, PartialEq, prost::Oneof, Put)]
#[expect(
    clippy::large_enum_variant,
    reason = "one answer a record; a box would cost an allocation"
)]
pub enum Answer {
    #[prost(message, tag = "1")]
    Done(Done),
    #[prost(message, tag = "2")]
    Refused(Refusal),
}

impl From<Result<Done, Refusal>> for Outcome {
    fn from(result: Result<Done, Refusal>) -> Self {
        Self {
            answer: Some(result.map_or_else(Answer::Refused, Answer::Done)),
        }
    }
}

/// What was done; only the parts that the command has are set.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct Done {
    #[prost(message, optional, tag = "1")]
    pub order: Option<OrderView>,
    #[prost(message, optional, tag = "2")]
    pub parcel: Option<ParcelView>,
    #[prost(message, optional, tag = "3")]
    pub new_parcel: Option<ParcelView>,
    #[prost(message, optional, tag = "4")]
    pub stock: Option<StockView>,
    /// Number of a `PaymentResult`.
    #[prost(uint32, tag = "5")]
    pub payment_result: u32,
    #[prost(message, repeated, tag = "6")]
    pub cancels: Vec<CancelView>,
    /// Nodes written as inferred.
    #[prost(uint32, repeated, tag = "7")]
    pub inferred: Vec<u32>,
    #[prost(bool, tag = "8")]
    pub evidence_only: bool,
    #[prost(int64, tag = "9")]
    pub backorders_filled: i64,
    #[prost(sint64, tag = "10")]
    pub difference: i64,
    #[prost(message, repeated, tag = "11")]
    pub short: Vec<ShortView>,
    /// Tokens revoked, or work items closed.
    #[prost(uint32, tag = "12")]
    pub count: u32,
    #[prost(uint32, tag = "13")]
    pub policy_version: u32,
}

/// An order at the instant of the answer.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct OrderView {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(uint32, tag = "2")]
    pub status: u32,
    #[prost(uint32, tag = "3")]
    pub node: u32,
    #[prost(uint32, tag = "4")]
    pub flags: u32,
    /// 1 for the first hold; 0 if there is none.
    #[prost(uint32, tag = "5")]
    pub hold_generation: u32,
    #[prost(uint32, tag = "6")]
    pub hold_state: u32,
    #[prost(int64, tag = "7")]
    pub hold_expires_at: i64,
    #[prost(message, repeated, tag = "8")]
    pub parcels: Vec<ParcelView>,
    /// The order number, where the request did not give it (found by the
    /// channel's id); empty otherwise.
    #[prost(string, tag = "9")]
    pub number: String,
}

/// A parcel at the instant of the answer.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct ParcelView {
    /// 1 for the first.
    #[prost(uint32, tag = "1")]
    pub index: u32,
    #[prost(uint32, tag = "2")]
    pub warehouse: u32,
    #[prost(uint32, tag = "3")]
    pub node: u32,
    #[prost(uint32, tag = "4")]
    pub version: u32,
    #[prost(uint32, tag = "5")]
    pub status: u32,
    #[prost(uint32, tag = "6")]
    pub flags: u32,
    #[prost(int64, tag = "7")]
    pub since: i64,
    #[prost(int64, tag = "8")]
    pub due_at: i64,
    #[prost(int64, tag = "9")]
    pub red_at: i64,
    /// Name of the reason it stands still; 0 if it does not.
    #[prost(uint32, tag = "10")]
    pub blocked_by: u32,
    /// Who decides while it is suspended; 0 otherwise.
    #[prost(uint32, tag = "11")]
    pub owner: u32,
}

/// A pool at the instant of the answer.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct StockView {
    #[prost(uint32, tag = "1")]
    pub pool: u32,
    /// The nine buckets on hand, in order of their number.
    #[prost(int64, repeated, tag = "2")]
    pub buckets: Vec<i64>,
    #[prost(int64, tag = "3")]
    pub backordered: i64,
    #[prost(int64, tag = "4")]
    pub backorder_limit: i64,
}

/// What a cancel did to one parcel.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct CancelView {
    #[prost(uint32, tag = "1")]
    pub parcel: u32,
    /// Number of a `CancelResult`.
    #[prost(uint32, tag = "2")]
    pub result: u32,
    /// Node at which it was caught.
    #[prost(uint32, tag = "3")]
    pub node: u32,
}

/// A promise that a count broke.
#[derive(Clone, PartialEq, prost::Message, Put)]
pub struct ShortView {
    #[prost(string, tag = "1")]
    pub order_number: String,
    #[prost(int64, tag = "2")]
    pub quantity: i64,
}
