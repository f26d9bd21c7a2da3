//! Stock by hand: receive, move, count, and the settings around it.

use super::apply::calendar_of;
use super::tx::Tx;
use super::units::movement;
use crate::domain::command::{
    ConfigurePool, ConfigureSku, ConfigureWarehouse, CountStock, MapChannelSkus, MoveStock,
    ReceiveStock,
};
use crate::domain::event::{
    BackorderFilled, ChannelBuffer, Component, Event, Mapping, Movement, PoolConfigured,
    PoolOpened, PromiseShort, SkuConfigured, SkusMapped, StockCounted, StockMoved, StockReceived,
    WarehouseConfigured,
};
use crate::domain::inventory::PoolId;
use crate::domain::inventory::matrix;
use crate::domain::names::NameId;
use crate::domain::orders::OrderId;
use crate::domain::outcome::{Done, ShortView};
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::words::Bucket;
use crate::planted::planted;

impl Tx<'_> {
    pub(super) fn receive_stock(&mut self, receive: &ReceiveStock) -> Result<Done, Refusal> {
        let pool = self.pool_on_first_sight(&receive.sku, &receive.warehouse)?;
        let batch = self.name(&receive.batch);
        let to = if receive.to_qc {
            Bucket::Qc
        } else {
            Bucket::Available
        };
        let received = StockReceived {
            pool,
            batch,
            expires_at: receive.expires_at.unwrap_or(0),
            qc_report: self.name(&receive.qc_report),
            reason: self.name(&receive.reason),
        };
        self.emit_with(
            Event::StockReceived(received),
            vec![movement(
                pool,
                batch,
                Bucket::Supplier,
                to,
                receive.quantity,
            )],
        );
        let filled = self.fill_backorders(pool);
        let mut done = self.stock_done(pool);
        done.backorders_filled = filled;
        Ok(done)
    }

    /// The pool of a SKU in a warehouse, opened on first sight. A bundle is
    /// stocked as its components.
    fn pool_on_first_sight(&mut self, sku: &str, warehouse: &str) -> Result<PoolId, Refusal> {
        let (sku_id, warehouse_id) = (self.name(sku), self.name(warehouse));
        if self
            .m()
            .catalogue
            .skus
            .get(&sku_id)
            .is_some_and(|sku| !sku.bundle.is_empty())
        {
            return Err(Refusal::new(RefusalCode::BundleInvalid)
                .fact("sku", sku)
                .fact(
                    "detail",
                    "a bundle has no stock of its own; use its components",
                ));
        }
        if let Some(pool) = self.m().pool_of(sku_id, warehouse_id) {
            return Ok(pool);
        }
        self.emit(Event::PoolOpened(PoolOpened {
            sku: sku_id,
            warehouse: warehouse_id,
        }));
        Ok(self
            .m()
            .pool_of(sku_id, warehouse_id)
            .expect("opened just now"))
    }

    /// Gives free units to waiting promises, oldest first (S7).
    pub(super) fn fill_backorders(&mut self, pool: PoolId) -> i64 {
        let mut filled = 0;
        loop {
            let target = self.m().pool(pool);
            let free = target.counters.get(Bucket::Available);
            let Some((order, index)) = target.first_waiting().filter(|_| free > 0) else {
                return filled;
            };
            let promise = &self.order(order).promises[usize::from(index)];
            let quantity = free.min(promise.backordered.into());
            let moved = movement(pool, 0, Bucket::Available, promise.bucket, quantity);
            let event = BackorderFilled {
                order,
                promise: index.into(),
                quantity,
            };
            self.emit_with(Event::BackorderFilled(event), vec![moved]);
            filled += quantity;
        }
    }

    /// After units of an order came free: others may be waiting for them.
    pub(super) fn fill_backorders_of(&mut self, id: OrderId) {
        for pool in self.pools_of(id) {
            self.fill_backorders(pool);
        }
    }

    /// The pools of an order's promises, each once.
    pub(super) fn pools_of(&self, id: OrderId) -> Vec<PoolId> {
        let promises = self.order(id).promises.iter();
        let mut pools: Vec<PoolId> = promises.map(|promise| promise.pool).collect();
        pools.sort_unstable();
        pools.dedup();
        pools
    }

    pub(super) fn move_stock(&mut self, command: &MoveStock) -> Result<Done, Refusal> {
        let pool = self.find_pool(&command.sku, &command.warehouse)?;
        let (from, to) = (command.from, command.to);
        if !matrix::BY_HAND.contains(&(from, to)) {
            return Err(Refusal::new(RefusalCode::MovementIllegal)
                .fact("from", from)
                .fact("to", to)
                .fact("allowed", matrix::by_hand_text()));
        }
        let batch = self.known_batch(pool, &command.batch, &command.sku, &command.warehouse)?;
        let has = match (from, batch) {
            (Bucket::Available, 0) => self.free(pool),
            (Bucket::Available, batch) => self.free(pool).min(self.batch_units(pool, batch, from)),
            (_, 0) => self.m().pool(pool).counters.get(from),
            (_, batch) => self.batch_units(pool, batch, from),
        };
        if has < command.quantity {
            let target = self.m().pool(pool);
            let (sku, warehouse) = (target.sku, target.warehouse);
            let refusal = self.shortage(
                Refusal::new(RefusalCode::StockInsufficient),
                "",
                sku,
                warehouse,
                command.quantity,
                has,
            );
            return Err(refusal.fact("bucket", from));
        }
        if from == Bucket::Available {
            self.free_up(pool, command.quantity);
        }
        let reason = self.name(&command.reason);
        self.emit_with(
            Event::StockMoved(StockMoved { reason }),
            vec![movement(pool, batch, from, to, command.quantity)],
        );
        if to == Bucket::Available {
            self.fill_backorders(pool);
        }
        Ok(self.stock_done(pool))
    }

    fn batch_units(&self, pool: PoolId, batch: NameId, bucket: Bucket) -> i64 {
        self.m()
            .pool(pool)
            .batch(batch)
            .map_or(0, |batch| batch.get(bucket))
    }

    fn known_batch(
        &self,
        pool: PoolId,
        batch: &str,
        sku: &str,
        warehouse: &str,
    ) -> Result<NameId, Refusal> {
        if batch.is_empty() {
            return Ok(0);
        }
        let known = self
            .m()
            .names
            .find(batch)
            .filter(|id| self.m().pool(pool).batch(*id).is_some());
        known.ok_or_else(|| {
            Refusal::new(RefusalCode::BatchUnknown)
                .fact("sku", sku)
                .fact("batch", batch)
                .fact("warehouse", warehouse)
        })
    }

    pub(super) fn count_stock(&mut self, count: &CountStock) -> Result<Done, Refusal> {
        let pool = self.find_pool(&count.sku, &count.warehouse)?;
        let batch = self.known_batch(pool, &count.batch, &count.sku, &count.warehouse)?;
        if count.reason.is_empty() || count.approver.is_empty() {
            return Err(Refusal::new(RefusalCode::ReasonRequired)
                .fact("why", "a count needs a reason and an approver"));
        }
        let on_shelf = [Bucket::Available, Bucket::Held, Bucket::Allocated];
        let expected: i64 = if batch == 0 {
            on_shelf
                .iter()
                .map(|bucket| self.m().pool(pool).counters.get(*bucket))
                .sum()
        } else {
            on_shelf
                .iter()
                .map(|bucket| self.batch_units(pool, batch, *bucket))
                .sum()
        };
        let difference = count.counted - expected;
        let mut movements = Vec::new();
        if difference > 0 {
            movements.push(movement(
                pool,
                batch,
                Bucket::Count,
                Bucket::Available,
                difference,
            ));
        }
        let mut missing = (-difference).max(0);
        if missing > 0 {
            // No lapsed hold may lose units in place of a live one.
            self.free_up(pool, i64::MAX);
            let unpinned = if batch == 0 {
                i64::MAX
            } else {
                self.batch_units(pool, batch, Bucket::Available)
            };
            let free = missing
                .min(self.m().pool(pool).counters.get(Bucket::Available))
                .min(unpinned);
            if free > 0 {
                movements.push(movement(
                    pool,
                    batch,
                    Bucket::Available,
                    Bucket::Count,
                    free,
                ));
                missing -= free;
            }
        }
        let counted = StockCounted {
            pool,
            counted: count.counted,
            difference,
            reason: self.name(&count.reason),
            approver: self.name(&count.approver),
        };
        self.emit_with(Event::StockCounted(counted), movements);
        let short = self.mark_short(pool, batch, missing);
        if difference > 0 {
            self.fill_backorders(pool);
        }
        let mut done = self.stock_done(pool);
        done.difference = difference;
        done.short = short;
        Ok(done)
    }

    /// Takes missing units from the newest promises, unpaid before paid (S8).
    fn mark_short(&mut self, pool: PoolId, batch: NameId, mut missing: i64) -> Vec<ShortView> {
        let mut views = Vec::new();
        for bucket in [Bucket::Held, Bucket::Allocated] {
            let newest: Vec<(OrderId, u16)> = self.m().pool(pool).newest_promises().collect();
            let newest = if planted!(OldestGoesShort) {
                newest.into_iter().rev().collect()
            } else {
                newest
            };
            for (id, index) in newest {
                if missing == 0 {
                    return views;
                }
                let promise = &self.order(id).promises[usize::from(index)];
                let foreign = batch != 0 && promise.batch != 0 && promise.batch != batch;
                if promise.bucket != bucket || promise.quantity == 0 || foreign {
                    continue;
                }
                let quantity = missing.min(promise.units());
                let movements = short_movements(pool, promise.batch, batch, bucket, quantity);
                self.emit_with(
                    Event::PromiseShort(PromiseShort {
                        order: id,
                        promise: index.into(),
                        quantity,
                    }),
                    movements,
                );
                views.push(ShortView {
                    order_number: self.order(id).number.to_string(),
                    quantity,
                });
                missing -= quantity;
            }
        }
        views
    }

    pub(super) fn configure_pool(&mut self, configure: &ConfigurePool) -> Result<Done, Refusal> {
        let pool = self.pool_on_first_sight(&configure.sku, &configure.warehouse)?;
        let channel_buffers = configure
            .channel_buffers
            .iter()
            .map(|(source_channel, quantity)| ChannelBuffer {
                source_channel: source_channel.number().into(),
                quantity: *quantity,
            })
            .collect();
        self.emit(Event::PoolConfigured(PoolConfigured {
            pool,
            backorder_limit: configure.backorder_limit,
            channel_buffers,
        }));
        Ok(self.stock_done(pool))
    }

    pub(super) fn configure_warehouse(
        &mut self,
        configure: &ConfigureWarehouse,
    ) -> Result<Done, Refusal> {
        let working_hours: Vec<i32> = configure
            .working_hours
            .iter()
            .flat_map(|(weekday, open, close)| [*weekday, *open, *close])
            .collect();
        calendar_of(&working_hours, &configure.closed_days)
            .map_err(|detail| Refusal::field("working_hours", "this calendar", detail))?;
        let event = WarehouseConfigured {
            warehouse: self.name(&configure.warehouse),
            rank: configure.rank,
            province: self.name(&configure.province),
            serves_provinces: configure
                .serves_provinces
                .iter()
                .map(|province| self.name(province))
                .collect(),
            working_hours,
            closed_days: configure.closed_days.clone(),
        };
        self.emit(Event::WarehouseConfigured(event));
        Ok(Done::default())
    }

    pub(super) fn configure_sku(&mut self, configure: &ConfigureSku) -> Result<Done, Refusal> {
        let refuse = |detail: &str| {
            Err(Refusal::new(RefusalCode::BundleInvalid)
                .fact("sku", &configure.sku)
                .fact("detail", detail))
        };
        let sku = self.name(&configure.sku);
        if !configure.bundle.is_empty() && self.m().pools_by_sku.contains_key(&sku) {
            return refuse("it has stock of its own, so it cannot become a bundle");
        }
        let mut bundle: Vec<Component> = Vec::new();
        for (component, quantity) in &configure.bundle {
            let component = self.find_sku(component)?;
            if component == sku
                || self
                    .m()
                    .catalogue
                    .skus
                    .get(&component)
                    .is_some_and(|sku| !sku.bundle.is_empty())
            {
                return refuse("a component must be a plain SKU");
            }
            if bundle.iter().any(|other| other.sku == component) {
                return refuse("a component stands twice");
            }
            bundle.push(Component {
                sku: component,
                quantity: *quantity,
            });
        }
        self.emit(Event::SkuConfigured(SkuConfigured {
            sku,
            pin_batch_at_hold: configure.pin_batch_at_hold,
            bundle,
        }));
        Ok(Done::default())
    }

    pub(super) fn map_channel_skus(&mut self, map: &MapChannelSkus) -> Result<Done, Refusal> {
        let mut mappings = Vec::with_capacity(map.mappings.len());
        for mapping in &map.mappings {
            let sku = self.find_sku(&mapping.sku)?;
            mappings.push(Mapping {
                outer_code: self.name(&mapping.outer_code),
                channel_sku: self.name(&mapping.channel_sku),
                sku,
            });
        }
        let before = self.m().catalogue.unmapped.len();
        let shop = self.name(&map.shop_id);
        self.emit(Event::SkusMapped(SkusMapped {
            source_channel: map.source_channel.number().into(),
            shop,
            mappings,
        }));
        let closed = before - self.m().catalogue.unmapped.len();
        Ok(Done {
            count: u32::try_from(closed).unwrap_or(u32::MAX),
            ..Done::default()
        })
    }
}

/// A promise that is not pinned gives its units back first, and the count then
/// takes them from the batch that was counted.
fn short_movements(
    pool: PoolId,
    pinned: NameId,
    counted: NameId,
    bucket: Bucket,
    quantity: i64,
) -> Vec<Movement> {
    if pinned == counted {
        return vec![movement(pool, pinned, bucket, Bucket::Count, quantity)];
    }
    if pinned != 0 {
        // The whole pool was counted; the pinned batch lost the units.
        return vec![movement(pool, pinned, bucket, Bucket::Count, quantity)];
    }
    vec![
        movement(pool, 0, bucket, Bucket::Available, quantity),
        movement(pool, counted, Bucket::Available, Bucket::Count, quantity),
    ]
}
