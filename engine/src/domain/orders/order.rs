//! An order: its promises, its holds, its parcels.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::hold::Hold;
use super::lifecycle::Node;
use super::parcel::Parcel;
use super::promise::Promise;
use crate::domain::names::NameId;
use crate::domain::time::Millis;
use crate::domain::words::{Bucket, Flag, Flags, OrderStatus, SourceChannel, Urgency};

/// The channel's own id of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelOrderId {
    None,
    /// The part of the order number from this byte on.
    Suffix(u16),
    /// Rare, and boxed twice so that the common ones stay small.
    Own(Box<Box<str>>),
}

/// One order of a merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub number: Box<str>,
    pub channel_order_id: ChannelOrderId,
    pub source_channel: SourceChannel,
    pub urgency: Urgency,
    pub status: OrderStatus,
    pub flags: Flags,
    /// Raised by one with every change; starts at 1.
    pub version: u32,
    pub shop: NameId,
    pub province: NameId,
    /// Hash of the buyer token; 0: none.
    pub buyer: u64,
    pub created_at: Millis,
    /// The channel's promised time of shipping; 0: unknown.
    pub ship_by: Millis,
    /// Hash of the lines as they were asked for.
    pub lines_hash: u64,
    /// Reference of the sealed document.
    pub document: Box<[u8]>,
    pub holds: SmallVec<[Hold; 1]>,
    pub promises: SmallVec<[Promise; 1]>,
    pub parcels: SmallVec<[Parcel; 1]>,
    /// It follows from the rest, and so is in no image.
    #[serde(skip)]
    pub(crate) listed: Listed,
}

/// Where an order stands in its merchant's list of closed orders; 0: it does not. Says
/// nothing of the order, and makes no difference between two.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listed(pub Millis);

impl PartialEq for Listed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Listed {}

impl Order {
    #[must_use]
    pub fn channel_order_id(&self) -> &str {
        match &self.channel_order_id {
            ChannelOrderId::None => "",
            ChannelOrderId::Suffix(from) => &self.number[usize::from(*from)..],
            ChannelOrderId::Own(id) => id,
        }
    }

    /// The hold that keeps stock, lapsed or not; a final one keeps none.
    #[must_use]
    pub fn live_hold(&self) -> Option<usize> {
        self.holds.iter().rposition(|hold| hold.state.is_live())
    }

    /// Every hold that keeps stock: a partly confirmed order may have one
    /// beside its allocation.
    pub fn live_holds(&self) -> impl Iterator<Item = (usize, &Hold)> {
        self.holds
            .iter()
            .enumerate()
            .filter(|(_, hold)| hold.state.is_live())
    }

    /// Indexes of the promises of a hold that are still held.
    #[must_use]
    pub fn held_by(&self, hold: usize) -> SmallVec<[usize; 4]> {
        self.promises
            .iter()
            .enumerate()
            .filter(|(_, promise)| {
                usize::from(promise.hold) == hold && promise.bucket == Bucket::Held
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// Indexes of the promises of a parcel that are not over.
    #[must_use]
    pub fn promised_in(&self, parcel: usize) -> SmallVec<[usize; 4]> {
        self.promises
            .iter()
            .enumerate()
            .filter(|(_, promise)| {
                usize::from(promise.parcel) == parcel && promise.bucket != Bucket::Available
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// True once money moved it past node 1.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.parcels
            .iter()
            .any(|parcel| parcel.node > Node::AwaitingPayment)
            || self.flags.has(Flag::StockLostAfterPayment)
    }

    /// The least advanced open parcel speaks for the order; without an open
    /// one, the last parcel does.
    #[must_use]
    pub fn speaking_parcel(&self) -> usize {
        self.parcels
            .iter()
            .enumerate()
            .filter(|(_, parcel)| parcel.is_open())
            .min_by_key(|(_, parcel)| parcel.node)
            .map_or(self.parcels.len().saturating_sub(1), |(index, _)| index)
    }

    /// The last thing that its own record shows, once it is over: every parcel is closed,
    /// nothing is to be put back, no hold lives and no promise keeps stock. An order that
    /// is over leaves for the archive when the policy's days have passed since.
    #[must_use]
    pub fn closed_at(&self) -> Option<Millis> {
        if self.status == OrderStatus::Open {
            return None;
        }
        let is_over = self
            .parcels
            .iter()
            .all(|parcel| !parcel.is_open() && !parcel.needs_work())
            && self.live_hold().is_none()
            && self
                .promises
                .iter()
                .all(|promise| matches!(promise.bucket, Bucket::Available | Bucket::Customer));
        let steps = self.parcels.iter().flat_map(|parcel| &parcel.steps);
        let shown = (steps.map(|step| step.received_at))
            .chain(self.parcels.iter().map(|parcel| parcel.due_at))
            .chain(self.holds.iter().map(|hold| hold.ended_at));
        is_over.then(|| shown.fold(self.created_at, Millis::max))
    }

    #[must_use]
    pub fn node(&self) -> Node {
        self.parcels
            .get(self.speaking_parcel())
            .map_or(Node::AwaitingPayment, |parcel| parcel.node)
    }

    /// Flags of the order and of all its parcels.
    #[must_use]
    pub fn all_flags(&self) -> Flags {
        self.parcels
            .iter()
            .fold(self.flags, |flags, parcel| flags.union(parcel.flags))
    }

    /// Units of a parcel that are awaited or were lost to a count.
    #[must_use]
    pub fn lacking(&self, parcel: usize) -> (u32, u32) {
        self.promises
            .iter()
            .filter(|promise| usize::from(promise.parcel) == parcel && promise.is_open())
            .fold((0, 0), |(backordered, short), promise| {
                (backordered + promise.backordered, short + promise.short)
            })
    }
}
