//! Placing an order: map, expand, source, hold. All lines or none.

use smallvec::SmallVec;

use super::tx::Tx;
use super::units::movement;
use crate::domain::command::{Line, MAX_QUANTITY, PlaceOrder};
use crate::domain::digest::hash64;
use crate::domain::event::{
    Considered, Event, HoldPlaced, HoldReleased, Movement, OrderPlaced, ParcelSuspended, Promised,
    UnmappedSkuSeen,
};
use crate::domain::inventory::PoolId;
use crate::domain::inventory::sourcing::{Demand, Offer, Offers, Take, choose};
use crate::domain::names::NameId;
use crate::domain::orders::lifecycle::Role;
use crate::domain::orders::{OrderId, part_id};
use crate::domain::outcome::Done;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::time::{MINUTE, Millis, rfc3339};
use crate::domain::words::{Bucket, HoldState, OrderStatus};
use crate::planted::planted;

/// What sourcing settled: the takes, and what was weighed where there was a choice.
pub(super) struct Sourced {
    pub takes: Vec<Take>,
    pub considered: Vec<Considered>,
}

impl Tx<'_> {
    pub(super) fn place_order(&mut self, place: &PlaceOrder) -> Result<Done, Refusal> {
        if let Some(existing) = self.m().orders.by_number(&place.order_number) {
            return self.place_again(existing, place);
        }
        let demands = self.demands(place)?;
        let sourced = self.source(&demands, &place.province, None)?;
        let buyer = buyer_hash(&place.buyer_token);
        if !place.paid && !planted!(IgnoreQuotas) {
            self.check_quotas(buyer, &demands, &sourced.takes, None)?;
        }
        self.make_room(&sourced.takes);
        let promises = self.promised(&demands, &sourced.takes)?;
        let movements = self.take_movements(
            &promises,
            if place.paid {
                Bucket::Allocated
            } else {
                Bucket::Held
            },
        );
        let hold_expires_at = if place.paid {
            0
        } else {
            self.now + self.m().policy().hold_ms()
        };
        let placed = OrderPlaced {
            number: place.order_number.clone(),
            channel_order_id: self.own_channel_id(place),
            source_channel: place.source_channel.number().into(),
            urgency: place.urgency.number().into(),
            shop: self.name(&place.shop_id),
            buyer,
            province: self.name(&place.province),
            ship_by: place.ship_by.unwrap_or(0),
            document: place.document.clone(),
            lines_hash: lines_hash(&demands),
            paid: place.paid,
            hold_expires_at,
            promises,
            considered: sourced.considered,
        };
        self.emit_with(Event::OrderPlaced(placed), movements);
        let newest = self.m().orders.placed() - 1;
        let id = OrderId::try_from(newest).expect("fewer than 2^32 orders of one merchant");
        self.pin_at_hold(id);
        if !place.suspend_reason.is_empty() {
            self.suspend_from_start(id, &place.suspend_reason);
        }
        if place.paid {
            self.enter_review(id);
        }
        Ok(self.order_done(id))
    }

    /// The same order number again: the same hold, a new one, or a refusal.
    fn place_again(&mut self, id: OrderId, place: &PlaceOrder) -> Result<Done, Refusal> {
        self.settle(id);
        let order = self.order(id);
        let number = order.number.to_string();
        if order.status != OrderStatus::Open {
            return Err(Refusal::new(RefusalCode::OrderClosed)
                .fact("order_number", number)
                .fact("status", order.status)
                .fact("what", "holds"));
        }
        if order.is_paid() {
            return Err(Refusal::new(RefusalCode::OrderExists)
                .fact("order_number", number)
                .fact("node", order.node()));
        }
        let demands = self.demands(place)?;
        let lines_hash = lines_hash(&demands);
        let order = self.order(id);
        if let Some(hold) = order.live_hold() {
            let live = &order.holds[hold];
            if order.lines_hash == lines_hash {
                return Ok(self.order_done(id));
            }
            if live.state == HoldState::Paying {
                return Err(Refusal::new(RefusalCode::PaymentInProgress)
                    .fact("order_number", number)
                    .fact("held_until", rfc3339(live.expires_at)));
            }
            if !place.supersede {
                return Err(Refusal::new(RefusalCode::AlreadyHeld)
                    .fact("order_number", &number)
                    .fact("hold_id", part_id(&number, '#', hold + 1))
                    .fact("held_until", rfc3339(live.expires_at)));
            }
            return self.supersede(id, hold, &demands, place, lines_hash);
        }
        let sourced = self.source(&demands, &place.province, None)?;
        self.check_quotas(self.order(id).buyer, &demands, &sourced.takes, None)?;
        let times = (self.now, self.now + self.m().policy().hold_ms());
        self.hold_again(id, &demands, sourced, times, lines_hash)
    }

    /// Replaces a live hold in one step; its own units count as free, and the
    /// first hold's creation and deadline are kept.
    fn supersede(
        &mut self,
        id: OrderId,
        hold: usize,
        demands: &[Demand],
        place: &PlaceOrder,
        lines_hash: u64,
    ) -> Result<Done, Refusal> {
        let live = &self.order(id).holds[hold];
        let times = if planted!(RenewByReplacing) {
            (self.now, self.now + self.m().policy().hold_ms())
        } else {
            (live.created_at, live.expires_at)
        };
        let sourced = self.source(demands, &place.province, Some((id, hold)))?;
        self.check_quotas(self.order(id).buyer, demands, &sourced.takes, Some(id))?;
        let freed = self.pools_of(id);
        let movements = self.give_back(id, hold);
        let reason = self.name("SUPERSEDED");
        let hold = u32::try_from(hold).expect("few holds an order");
        self.emit_with(
            Event::HoldReleased(HoldReleased {
                order: id,
                reason,
                hold,
            }),
            movements,
        );
        let mut done = self.hold_again(id, demands, sourced, times, lines_hash)?;
        for pool in freed {
            self.fill_backorders(pool);
        }
        done.order = self.order_done(id).order;
        Ok(done)
    }

    fn hold_again(
        &mut self,
        id: OrderId,
        demands: &[Demand],
        sourced: Sourced,
        times: (Millis, Millis),
        lines_hash: u64,
    ) -> Result<Done, Refusal> {
        self.make_room(&sourced.takes);
        let promises = self.promised(demands, &sourced.takes)?;
        let movements = self.take_movements(&promises, Bucket::Held);
        let (created_at, expires_at) = times;
        let placed = HoldPlaced {
            order: id,
            created_at,
            expires_at,
            lines_hash,
            promises,
            late_reacquired: false,
            considered: sourced.considered,
        };
        self.emit_with(Event::HoldPlaced(placed), movements);
        self.pin_at_hold(id);
        Ok(self.order_done(id))
    }

    /// Stored only where it is not the end of the order number.
    fn own_channel_id(&self, place: &PlaceOrder) -> String {
        let id = place.channel_order_id.as_str();
        let before = place.order_number.strip_suffix(id);
        if before.is_some_and(|before| before.ends_with(':')) && !id.contains(':') {
            return String::new();
        }
        id.to_owned()
    }

    /// The order's lines as SKUs of the merchant: channel codes mapped, bundles
    /// expanded, equal asks merged.
    fn demands(&mut self, place: &PlaceOrder) -> Result<Vec<Demand>, Refusal> {
        // A hold of nothing would live without keeping anything.
        if place.lines.is_empty() {
            return Err(Refusal::new(RefusalCode::LinesEmpty).fact("field", "lines"));
        }
        let mut demands: Vec<Demand> = Vec::with_capacity(place.lines.len());
        for (index, line) in place.lines.iter().enumerate() {
            let sku = self.sku_of(place, line)?;
            let warehouse = if line.warehouse.is_empty() {
                0
            } else {
                self.find_warehouse(&line.warehouse)?
            };
            let batch = self.batch_of(line, sku, warehouse)?;
            let index = u16::try_from(index).expect("lines are limited to 1,000");
            for (sku, quantity) in self.expand(sku, line.quantity) {
                merge(
                    &mut demands,
                    Demand {
                        sku,
                        warehouse,
                        batch,
                        quantity,
                        line: index,
                    },
                );
            }
        }
        if let Some(index) = demands
            .iter()
            .position(|demand| demand.quantity > MAX_QUANTITY)
        {
            let sku = self.m().names.text(demands[index].sku);
            return Err(Refusal::new(RefusalCode::QuantityInvalid)
                .fact("field", format!("lines of {sku}"))
                .fact("value", demands[index].quantity)
                .fact("minimum", 1)
                .fact("maximum", MAX_QUANTITY));
        }
        Ok(demands)
    }

    fn sku_of(&mut self, place: &PlaceOrder, line: &Line) -> Result<NameId, Refusal> {
        if !line.sku.is_empty() {
            return self.find_sku(&line.sku);
        }
        let names = &self.m().names;
        let known = |text: &str| names.find(text).unwrap_or(0);
        let channel = place.source_channel.number();
        let codes = (
            known(&place.shop_id),
            known(&line.outer_code),
            known(&line.channel_sku),
        );
        if let Some(sku) = self.m().catalogue.map(channel, codes.0, codes.1, codes.2) {
            return Ok(sku);
        }
        let seen = UnmappedSkuSeen {
            source_channel: channel.into(),
            shop: self.name(&place.shop_id),
            outer_code: self.name(&line.outer_code),
            channel_sku: self.name(&line.channel_sku),
            order_number: place.order_number.clone(),
        };
        self.emit(Event::UnmappedSkuSeen(seen));
        Err(Refusal::new(RefusalCode::SkuUnmapped)
            .fact("channel_sku", &line.channel_sku)
            .fact("outer_code", &line.outer_code)
            .fact("shop_id", &place.shop_id))
    }

    fn batch_of(&self, line: &Line, sku: NameId, warehouse: NameId) -> Result<NameId, Refusal> {
        if line.batch.is_empty() {
            return Ok(0);
        }
        let m = self.m();
        let pools = m
            .pools_by_sku
            .get(&sku)
            .into_iter()
            .flatten()
            .map(|pool| m.pool(*pool));
        let batch = m.names.find(&line.batch);
        batch
            .filter(|batch| {
                pools.clone().any(|pool| {
                    (warehouse == 0 || pool.warehouse == warehouse) && pool.batch(*batch).is_some()
                })
            })
            .ok_or_else(|| {
                Refusal::new(RefusalCode::BatchUnknown)
                    .fact("sku", m.names.text(sku))
                    .fact("batch", &line.batch)
                    .fact("warehouse", &line.warehouse)
            })
    }

    /// A bundle's components, or the SKU itself.
    pub(super) fn expand(&self, sku: NameId, quantity: i64) -> SmallVec<[(NameId, i64); 2]> {
        match self.m().catalogue.skus.get(&sku) {
            Some(bundle) if !bundle.bundle.is_empty() => bundle
                .bundle
                .iter()
                .map(|part| (part.sku, part.quantity.saturating_mul(quantity)))
                .collect(),
            _ => smallvec::smallvec![(sku, quantity)],
        }
    }

    /// Chooses pools; units of `own` (an order's hold) count as free.
    pub(super) fn source(
        &mut self,
        demands: &[Demand],
        province: &str,
        own: Option<(OrderId, usize)>,
    ) -> Result<Sourced, Refusal> {
        let province = self.m().names.find(province).unwrap_or(0);
        let offers: SmallVec<[Offers; 4]> = demands
            .iter()
            .map(|demand| self.offers(demand, province, own))
            .collect();
        let policy = self.m().policy();
        let (rule, allow_split) = (policy.sourcing, policy.allow_split);
        let takes = choose(demands, &offers, rule, allow_split).map_err(|missing| {
            let mut refusal = Refusal::new(RefusalCode::StockInsufficient);
            for (position, lack) in missing.iter().enumerate() {
                let demand = &demands[lack.demand];
                let suffix = if position == 0 {
                    String::new()
                } else {
                    format!(".{}", position + 1)
                };
                refusal = self.shortage(
                    refusal,
                    &suffix,
                    demand.sku,
                    demand.warehouse,
                    demand.quantity,
                    lack.free,
                );
            }
            refusal.fact("short_pools", missing.len())
        })?;
        let choice = offers.iter().filter(|offers| offers.len() > 1).flatten();
        let mut considered: Vec<Considered> = choice
            .map(|offer| Considered {
                pool: offer.pool,
                free: offer.free,
            })
            .collect();
        considered.dedup();
        Ok(Sourced { takes, considered })
    }

    fn offers(
        &mut self,
        demand: &Demand,
        province: NameId,
        own: Option<(OrderId, usize)>,
    ) -> Offers {
        let m = self.m();
        let wanted =
            |pool: &PoolId| demand.warehouse == 0 || m.pool(*pool).warehouse == demand.warehouse;
        let pools: SmallVec<[PoolId; 4]> = m
            .pools_by_sku
            .get(&demand.sku)
            .into_iter()
            .flatten()
            .copied()
            .filter(wanted)
            .collect();
        pools
            .into_iter()
            .map(|id| {
                // Asking what is free may give the own hold units that it waits for.
                let free = self.free(id);
                let free = free + own.map_or(0, |(order, hold)| self.own_units(order, hold, id));
                let pool = self.m().pool(id);
                let free = if demand.batch == 0 {
                    free
                } else {
                    pool.batch(demand.batch)
                        .map_or(0, |batch| batch.get(Bucket::Available))
                        .min(free)
                };
                let place = &self.m().catalogue.warehouses[&pool.warehouse];
                let distance = place
                    .serves
                    .iter()
                    .position(|served| province != 0 && *served == province);
                Offer {
                    pool: id,
                    warehouse: pool.warehouse,
                    free,
                    backorder_room: if demand.batch == 0 {
                        (pool.backorder_limit - pool.backordered).max(0)
                    } else {
                        0
                    },
                    rank: place.rank,
                    distance: match distance {
                        _ if province != 0 && place.province == province => 0,
                        Some(position) => u32::try_from(position + 1).unwrap_or(u32::MAX),
                        None => u32::MAX,
                    },
                }
            })
            .collect()
    }

    fn own_units(&self, order: OrderId, hold: usize, pool: PoolId) -> i64 {
        let order = self.order(order);
        order
            .held_by(hold)
            .iter()
            .map(|index| &order.promises[*index])
            .filter(|promise| promise.pool == pool)
            .map(|promise| promise.units())
            .sum()
    }

    /// Writes the expiries that the takes need.
    pub(super) fn make_room(&mut self, takes: &[Take]) {
        for take in takes {
            let need = takes
                .iter()
                .filter(|other| other.pool == take.pool)
                .map(|other| other.quantity)
                .sum();
            self.free_up(take.pool, need);
        }
    }

    pub(super) fn promised(
        &self,
        demands: &[Demand],
        takes: &[Take],
    ) -> Result<Vec<Promised>, Refusal> {
        takes
            .iter()
            .map(|take| {
                let demand = &demands[take.demand];
                Ok(Promised {
                    pool: take.pool,
                    batch: demand.batch,
                    quantity: take.quantity,
                    backordered: take.backordered,
                    line: demand.line.into(),
                })
            })
            .collect()
    }

    pub(super) fn take_movements(&self, promises: &[Promised], to: Bucket) -> Vec<Movement> {
        let some = promises.iter().filter(|promise| promise.quantity > 0);
        some.map(|promise| {
            movement(
                promise.pool,
                promise.batch,
                Bucket::Available,
                to,
                promise.quantity,
            )
        })
        .collect()
    }

    /// Pins batches at hold time for SKUs that ask for it (cold chain).
    fn pin_at_hold(&mut self, id: OrderId) {
        let m = self.m();
        let pins = |sku: &NameId| {
            let sku = m.catalogue.skus.get(sku);
            sku.is_some_and(|sku| sku.pin_batch_at_hold)
        };
        let promises = self.order(id).promises.iter().enumerate();
        let flagged = promises.filter(|(_, promise)| {
            promise.is_open() && promise.batch == 0 && pins(&m.pool(promise.pool).sku)
        });
        let flagged: SmallVec<[usize; 4]> = flagged.map(|(index, _)| index).collect();
        for index in flagged {
            // What no batch covers now is pinned, or refused, at node 3.
            let _ = self.pin(id, index);
        }
    }

    fn suspend_from_start(&mut self, id: OrderId, reason: &str) {
        let reason = self.name(reason);
        let due_at = self.now + self.m().policy().review_minutes * MINUTE;
        for parcel in 0..self.order(id).parcels.len() {
            let parcel = u32::try_from(parcel).expect("few parcels an order");
            self.emit(Event::ParcelSuspended(ParcelSuspended {
                order: id,
                parcel,
                reason,
                owner: Role::Supervisor.number().into(),
                due_at,
            }));
        }
    }
}

fn merge(demands: &mut Vec<Demand>, demand: Demand) {
    let same = |other: &&mut Demand| {
        (other.sku, other.warehouse, other.batch) == (demand.sku, demand.warehouse, demand.batch)
    };
    match demands.iter_mut().find(same) {
        Some(merged) => merged.quantity = merged.quantity.saturating_add(demand.quantity),
        None => demands.push(demand),
    }
}

/// Hash of what was asked for, whatever the order of its lines.
pub(super) fn lines_hash(demands: &[Demand]) -> u64 {
    let mut rows: SmallVec<[[u8; 20]; 4]> = demands
        .iter()
        .map(|demand| {
            let mut row = [0; 20];
            row[..4].copy_from_slice(&demand.sku.to_le_bytes());
            row[4..8].copy_from_slice(&demand.warehouse.to_le_bytes());
            row[8..12].copy_from_slice(&demand.batch.to_le_bytes());
            row[12..].copy_from_slice(&demand.quantity.to_le_bytes());
            row
        })
        .collect();
    rows.sort_unstable();
    let rows: SmallVec<[&[u8]; 4]> = rows.iter().map(<[u8; 20]>::as_slice).collect();
    hash64(&rows)
}

fn buyer_hash(token: &str) -> u64 {
    if token.is_empty() {
        0
    } else {
        hash64(&[b"buyer", token.as_bytes()])
    }
}
