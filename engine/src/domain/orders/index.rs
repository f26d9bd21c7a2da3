//! Orders by number and by the channel's id, and where they are kept.
//!
//! An order's id is its place in the order of placing and never given again. What
//! left for the archive leaves a gap: a block that is nearly empty gives its memory
//! back, and the few that stayed stand apart.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::OrderId;
use super::order::Order;
use crate::domain::table::Table;
use crate::planted::planted;

/// Orders per block: a block never moves once it is there, so that adding the
/// millionth order copies nothing.
const BLOCK: usize = 4_096;
/// A full block of which no more than this is left is given up.
const FEW: usize = BLOCK / 8;

/// Orders of consecutive ids.
#[derive(Debug, Default)]
struct Block {
    slots: Vec<Option<Order>>,
    /// How many of the slots have an order.
    there: usize,
    /// Its orders stand apart.
    given_up: bool,
}

/// All orders of a merchant that are in memory.
#[derive(Debug, Default)]
pub struct Orders {
    blocks: Vec<Block>,
    /// What is left of blocks that were given up.
    apart: BTreeMap<OrderId, Order>,
    /// How many were placed; the next id.
    placed: usize,
    there: usize,
    by_number: Table<OrderId>,
    by_channel_id: Table<OrderId>,
    hasher: FixedState,
}

impl Orders {
    /// How many are in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.there
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.there == 0
    }

    /// How many were ever placed: ids are below it.
    #[must_use]
    pub fn placed(&self) -> usize {
        self.placed
    }

    /// The order of an id that is known to be in memory.
    ///
    /// # Panics
    /// If it is in the archive, or was never placed.
    #[must_use]
    pub fn get(&self, id: OrderId) -> &Order {
        self.look(id)
            .expect("whoever has its id knows that it is here")
    }

    /// The order of an id, unless it is in the archive.
    #[must_use]
    pub fn look(&self, id: OrderId) -> Option<&Order> {
        look(&self.blocks, &self.apart, id)
    }

    pub(crate) fn get_mut(&mut self, id: OrderId) -> &mut Order {
        let place = id as usize;
        let slot = self.blocks[place / BLOCK].slots.get_mut(place % BLOCK);
        slot.and_then(Option::as_mut)
            .or_else(|| self.apart.get_mut(&id))
            .expect("whoever has its id knows that it is here")
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
        let id = OrderId::try_from(self.placed).expect("fewer than 2^32 orders of one merchant");
        self.placed += 1;
        self.put(id, order);
        id
    }

    /// Leaves out ids of orders that are in the archive.
    pub(crate) fn skip(&mut self, count: usize) {
        self.placed += count;
    }

    /// Puts an order where its id says. Nothing is there.
    pub(crate) fn put(&mut self, id: OrderId, order: Order) {
        debug_assert!((id as usize) < self.placed && self.look(id).is_none());
        let number_hash = self.hasher.hash_one(&*order.number);
        let channel_hash = match order.channel_order_id() {
            "" => None,
            text => Some(self.hasher.hash_one(text)),
        };
        self.there += 1;
        match self.slot(id) {
            Some(slot) => *slot = Some(order),
            None => drop(self.apart.insert(id, order)),
        }
        let Self {
            blocks,
            apart,
            by_number,
            by_channel_id,
            hasher,
            ..
        } = self;
        let order_of =
            |id: &OrderId| look(blocks, apart, *id).expect("an index names what is here");
        by_number.insert_unique(number_hash, id, |id| hasher.hash_one(&*order_of(id).number));
        if let Some(hash) = channel_hash {
            by_channel_id.insert_unique(hash, id, |id| {
                hasher.hash_one(order_of(id).channel_order_id())
            });
        }
    }

    /// The free slot of an id; none if its block was given up.
    fn slot(&mut self, id: OrderId) -> Option<&mut Option<Order>> {
        let (number, place) = (id as usize / BLOCK, id as usize % BLOCK);
        while self.blocks.len() <= number {
            let before = self.blocks.len().checked_sub(1);
            self.blocks.push(Block::default());
            if let Some(before) = before {
                self.give_up(before);
            }
        }
        let block = &mut self.blocks[number];
        if block.given_up {
            return None;
        }
        if number > 0 && block.slots.capacity() == 0 {
            // The first one grows: most merchants of a test have few orders.
            block.slots.reserve_exact(BLOCK);
        }
        if place >= block.slots.len() {
            block.slots.resize_with(place + 1, || None);
        }
        block.there += 1;
        Some(&mut block.slots[place])
    }

    /// Gives a block's memory back if few of its orders are left and no more will come.
    fn give_up(&mut self, number: usize) {
        let is_last = number + 1 == self.blocks.len();
        let block = &mut self.blocks[number];
        if is_last || block.given_up || block.there > FEW {
            return;
        }
        block.given_up = true;
        let slots = std::mem::take(&mut block.slots).into_iter().enumerate();
        let first = number * BLOCK;
        let left = slots.filter_map(|(place, order)| Some(((first + place) as OrderId, order?)));
        self.apart.extend(left);
    }

    /// Takes an order out; its id stays its own.
    pub(crate) fn take(&mut self, id: OrderId) -> Option<Order> {
        let order = self.take_slot(id).or_else(|| self.apart.remove(&id))?;
        self.there -= 1;
        if planted!(ReuseArchivedId) && id as usize + 1 == self.placed {
            self.placed -= 1;
        }
        let hash = self.hasher.hash_one(&*order.number);
        self.by_number.remove(hash, |other| *other == id);
        if order.channel_order_id() != "" {
            let hash = self.hasher.hash_one(order.channel_order_id());
            self.by_channel_id.remove(hash, |other| *other == id);
        }
        Some(order)
    }

    fn take_slot(&mut self, id: OrderId) -> Option<Order> {
        let number = id as usize / BLOCK;
        let block = self.blocks.get_mut(number)?;
        let order = block.slots.get_mut(id as usize % BLOCK)?.take()?;
        block.there -= 1;
        self.give_up(number);
        Some(order)
    }

    /// Makes room in the indexes for so many more orders.
    pub(crate) fn reserve(&mut self, additional: usize) {
        let Self {
            blocks,
            apart,
            by_number,
            by_channel_id,
            hasher,
            ..
        } = self;
        let order_of =
            |id: &OrderId| look(blocks, apart, *id).expect("an index names what is here");
        by_number.reserve(additional, |id| hasher.hash_one(&*order_of(id).number));
        by_channel_id.reserve(additional, |id| {
            hasher.hash_one(order_of(id).channel_order_id())
        });
    }

    /// Every order in memory, in the order of placing.
    pub fn iter(&self) -> impl Iterator<Item = (OrderId, &Order)> {
        self.range(0, self.placed)
    }

    /// Those with ids from one up to another.
    pub fn range(&self, from: usize, upto: usize) -> impl Iterator<Item = (OrderId, &Order)> {
        let upto = upto.min(self.placed).max(from);
        (from / BLOCK..upto.div_ceil(BLOCK)).flat_map(move |number| {
            let first = number * BLOCK;
            let (from, upto) = (from.max(first), upto.min(first + BLOCK));
            let slots = self
                .blocks
                .get(number)
                .map_or(&[][..], |block| &block.slots);
            let slots = &slots[(from - first).min(slots.len())..(upto - first).min(slots.len())];
            let here = slots.iter().enumerate();
            let here =
                here.filter_map(move |(at, order)| Some(((from + at) as OrderId, order.as_ref()?)));
            // A block has its orders in its slots or apart, never in both.
            let apart = self.apart.range(from as OrderId..upto as OrderId);
            here.chain(apart.map(|(id, order)| (*id, order)))
        })
    }

    /// Ids that were placed and are not in memory: first one and count of each run of them.
    #[must_use]
    pub fn gaps(&self) -> Vec<(OrderId, u32)> {
        let mut gaps = Vec::new();
        let mut next = 0;
        let mut gap_to = |next: OrderId, id: OrderId| {
            if id > next {
                gaps.push((next, id - next));
            }
        };
        for (id, _) in self.iter() {
            gap_to(next, id);
            next = id + 1;
        }
        gap_to(next, self.placed as OrderId);
        gaps
    }
}

fn look<'a>(
    blocks: &'a [Block],
    apart: &'a BTreeMap<OrderId, Order>,
    id: OrderId,
) -> Option<&'a Order> {
    let place = id as usize;
    let slot = blocks.get(place / BLOCK)?.slots.get(place % BLOCK);
    match slot {
        Some(slot) => slot.as_ref(),
        None => apart.get(&id),
    }
}
