//! Stock by hand, and units that others wait for.

use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::time::Millis;
use holdfast_engine::domain::words::Bucket;

use super::shop::{Shelf, Shop};
use super::{Moment, Told, Verdict, Wrong};
use crate::ask::Units;

/// What may be moved by hand, from and to.
pub const BY_HAND: [(Bucket, Bucket); 7] = [
    (Bucket::Available, Bucket::Frozen),
    (Bucket::Frozen, Bucket::Available),
    (Bucket::Available, Bucket::Safety),
    (Bucket::Safety, Bucket::Available),
    (Bucket::Qc, Bucket::Available),
    (Bucket::Qc, Bucket::Damaged),
    (Bucket::Damaged, Bucket::Loss),
];

impl Shop {
    #[must_use]
    pub fn knows_sku(&self, sku: u8) -> bool {
        self.shelves.iter().any(|shelf| shelf.sku == sku)
    }

    #[must_use]
    pub fn knows_warehouse(&self, warehouse: u8) -> bool {
        self.shelves
            .iter()
            .any(|shelf| shelf.warehouse == warehouse)
    }

    #[must_use]
    pub fn shelf(&self, sku: u8, warehouse: u8) -> Option<usize> {
        let here = |shelf: &Shelf| shelf.sku == sku && shelf.warehouse == warehouse;
        self.shelves.iter().position(here)
    }

    /// Held units whose deadline has passed, written down or not.
    #[must_use]
    pub fn lapsed(&self, shelf: usize, deadline_now: Millis) -> i64 {
        let mut units = 0;
        for order in &self.live {
            let order = &self.orders[*order];
            for promise in &order.promises {
                if promise.shelf == shelf
                    && promise.at == Bucket::Held
                    && order.holds[promise.hold].expires_at <= deadline_now
                {
                    units += promise.units;
                }
            }
        }
        units
    }

    /// Units that may be promised: none while others wait for them.
    #[must_use]
    pub fn free(&self, shelf: usize, deadline_now: Millis) -> i64 {
        let known = &self.shelves[shelf];
        if known.awaited > 0 {
            return 0;
        }
        known.at(Bucket::Available) + self.lapsed(shelf, deadline_now)
    }

    fn shelf_on_first_sight(&mut self, units: Units) -> usize {
        self.shelf(units.sku, units.warehouse).unwrap_or_else(|| {
            self.shelves.push(Shelf {
                sku: units.sku,
                warehouse: units.warehouse,
                units: [0; 15],
                backorder_limit: 0,
                awaited: 0,
            });
            self.shelves.len() - 1
        })
    }

    fn find_shelf(&self, units: Units) -> Result<usize, RefusalCode> {
        if !self.knows_sku(units.sku) {
            return Err(RefusalCode::SkuUnknown);
        }
        if !self.knows_warehouse(units.warehouse) {
            return Err(RefusalCode::WarehouseUnknown);
        }
        self.shelf(units.sku, units.warehouse)
            .ok_or(RefusalCode::SkuUnknown)
    }

    pub(super) fn receive(&mut self, units: Units, to_qc: bool) -> Verdict {
        let shelf = self.shelf_on_first_sight(units);
        let to = if to_qc { Bucket::Qc } else { Bucket::Available };
        self.shelves[shelf].shift(Bucket::Supplier, to, units.quantity)?;
        let told = Told {
            backorders_filled: self.fill(shelf)?,
            ..Told::default()
        };
        Ok(Ok(told))
    }

    /// Gives what is free to those who wait, oldest first.
    pub(super) fn fill(&mut self, shelf: usize) -> Result<i64, Wrong> {
        let mut filled = 0;
        while self.shelves[shelf].awaited > 0 && self.shelves[shelf].at(Bucket::Available) > 0 {
            let all = self.orders.iter_mut().flat_map(|order| &mut order.promises);
            let waiting = all.filter(|promise| {
                promise.shelf == shelf && promise.is_open() && promise.awaited > 0
            });
            let Some(oldest) = waiting.into_iter().next() else {
                return Err(Wrong::new("units are awaited by nobody"));
            };
            let quantity = oldest
                .awaited
                .min(self.shelves[shelf].at(Bucket::Available));
            oldest.awaited -= quantity;
            oldest.units += quantity;
            let to = oldest.at;
            self.shelves[shelf].awaited -= quantity;
            self.shelves[shelf].shift(Bucket::Available, to, quantity)?;
            filled += quantity;
        }
        Ok(filled)
    }

    /// After units of an order came free.
    pub(super) fn fill_all_of(&mut self, order: usize) -> Result<(), Wrong> {
        let promises = self.orders[order].promises.iter();
        let mut shelves: Vec<usize> = promises.map(|promise| promise.shelf).collect();
        shelves.sort_unstable();
        shelves.dedup();
        for shelf in shelves {
            self.fill(shelf)?;
        }
        Ok(())
    }

    pub(super) fn move_stock(&mut self, units: Units, from: u8, to: u8, at: Moment) -> Verdict {
        let shelf = match self.find_shelf(units) {
            Ok(shelf) => shelf,
            Err(code) => return Ok(Err(code)),
        };
        let by_hand = |(a, b): &&(Bucket, Bucket)| (a.number(), b.number()) == (from, to);
        let Some((from, to)) = BY_HAND.iter().find(by_hand).copied() else {
            return Ok(Err(RefusalCode::MovementIllegal));
        };
        let has = if from == Bucket::Available {
            self.free(shelf, at.deadline_now)
        } else {
            self.shelves[shelf].at(from)
        };
        if has < units.quantity {
            return Ok(Err(RefusalCode::StockInsufficient));
        }
        self.shelves[shelf].shift(from, to, units.quantity)?;
        if to == Bucket::Available {
            self.fill(shelf)?;
        }
        Ok(Ok(Told::default()))
    }

    pub(super) fn count(&mut self, units: Units, approved: bool, at: Moment) -> Verdict {
        let shelf = match self.find_shelf(units) {
            Ok(shelf) => shelf,
            Err(code) => return Ok(Err(code)),
        };
        if !approved {
            return Ok(Err(RefusalCode::ReasonRequired));
        }
        let known = &self.shelves[shelf];
        let expected =
            known.at(Bucket::Available) + known.at(Bucket::Held) + known.at(Bucket::Allocated);
        let mut told = Told {
            difference: units.quantity - expected,
            ..Told::default()
        };
        if told.difference >= 0 {
            self.shelves[shelf].shift(Bucket::Count, Bucket::Available, told.difference)?;
            if told.difference > 0 {
                self.fill(shelf)?;
            }
            return Ok(Ok(told));
        }
        let mut missing = -told.difference;
        let free = missing.min(self.free(shelf, at.deadline_now));
        self.shelves[shelf].shift(Bucket::Available, Bucket::Count, free)?;
        missing -= free;
        for bucket in [Bucket::Held, Bucket::Allocated] {
            for order in self.orders.iter_mut().rev() {
                let number = order.number;
                for promise in order.promises.iter_mut().rev() {
                    let lost = missing.min(promise.units);
                    if promise.shelf == shelf && promise.at == bucket && lost > 0 {
                        promise.units -= lost;
                        promise.short += lost;
                        missing -= lost;
                        self.shelves[shelf].shift(bucket, Bucket::Count, lost)?;
                        told.short.push((number, lost));
                    }
                }
            }
        }
        Ok(Ok(told))
    }

    pub(super) fn configure_pool(&mut self, units: Units) -> Result<Told, RefusalCode> {
        let shelf = self.shelf_on_first_sight(units);
        self.shelves[shelf].backorder_limit = units.quantity;
        Ok(Told::default())
    }
}
