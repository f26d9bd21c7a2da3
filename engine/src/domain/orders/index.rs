//! Orders by number and by the channel's id, and where they are kept.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

use super::OrderId;
use super::order::Order;
use crate::domain::table::Table;

/// Orders per block: a block never moves once it is there, so that adding the
/// millionth order copies nothing.
const BLOCK: usize = 4_096;

/// All orders of a merchant.
#[derive(Debug, Default)]
pub struct Orders {
    blocks: Vec<Vec<Order>>,
    by_number: Table<OrderId>,
    by_channel_id: Table<OrderId>,
    hasher: FixedState,
}

impl Orders {
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks
            .last()
            .map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    #[must_use]
    pub fn get(&self, id: OrderId) -> &Order {
        &self.blocks[id as usize / BLOCK][id as usize % BLOCK]
    }

    pub(crate) fn get_mut(&mut self, id: OrderId) -> &mut Order {
        &mut self.blocks[id as usize / BLOCK][id as usize % BLOCK]
    }

    /// By order number only.
    #[must_use]
    pub fn by_number(&self, number: &str) -> Option<OrderId> {
        let hash = self.hasher.hash_one(number);
        self.by_number
            .find(hash, |id| &*self.get(*id).number == number)
            .copied()
    }

    /// By order number, or by the channel's id; of several orders with the same
    /// channel id the newest.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<OrderId> {
        self.by_number(id).or_else(|| {
            let hash = self.hasher.hash_one(id);
            self.by_channel_id
                .iter_hash(hash)
                .filter(|order| self.get(**order).channel_order_id() == id)
                .max()
                .copied()
        })
    }

    pub(crate) fn push(&mut self, order: Order) -> OrderId {
        let id = OrderId::try_from(self.len()).expect("fewer than 2^32 orders of one merchant");
        let number_hash = self.hasher.hash_one(&*order.number);
        let channel_hash = match order.channel_order_id() {
            "" => None,
            text => Some(self.hasher.hash_one(text)),
        };
        if self.blocks.last().is_none_or(|last| last.len() == BLOCK) {
            self.blocks
                .push(Vec::with_capacity(if self.blocks.is_empty() {
                    0
                } else {
                    BLOCK
                }));
        }
        self.blocks
            .last_mut()
            .expect("a block with room")
            .push(order);
        let Self {
            blocks,
            by_number,
            by_channel_id,
            hasher,
        } = self;
        let order_of = |id: &OrderId| &blocks[*id as usize / BLOCK][*id as usize % BLOCK];
        by_number.insert_unique(number_hash, id, |id| hasher.hash_one(&*order_of(id).number));
        if let Some(hash) = channel_hash {
            by_channel_id.insert_unique(hash, id, |id| {
                hasher.hash_one(order_of(id).channel_order_id())
            });
        }
        id
    }

    /// Makes room in the indexes for so many more orders.
    pub(crate) fn reserve(&mut self, additional: usize) {
        let Self {
            blocks,
            by_number,
            by_channel_id,
            hasher,
        } = self;
        let order_of = |id: &OrderId| &blocks[*id as usize / BLOCK][*id as usize % BLOCK];
        by_number.reserve(additional, |id| hasher.hash_one(&*order_of(id).number));
        by_channel_id.reserve(additional, |id| {
            hasher.hash_one(order_of(id).channel_order_id())
        });
    }

    /// Orders in the order of placing, at most `size` at a time.
    pub fn chunks(&self, size: usize) -> impl Iterator<Item = &[Order]> {
        self.blocks.iter().flat_map(move |block| block.chunks(size))
    }

    /// Every order in the order of placing.
    pub fn iter(&self) -> impl Iterator<Item = (OrderId, &Order)> {
        self.blocks
            .iter()
            .flatten()
            .enumerate()
            .map(|(index, order)| (index as OrderId, order))
    }
}
