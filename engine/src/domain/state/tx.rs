//! A transaction: decides against the state and emits the events of one record.
//!
//! A handler first refuses, then emits; only the expiry of lapsed holds may be
//! emitted earlier, since it is true whatever the handler decides.

use crate::domain::command::{Principal, RequestKey};
use crate::domain::event::{Entry, Event, HoldExpired, Movement, NameDeclared, Record};
use crate::domain::inventory::PoolId;
use crate::domain::names::NameId;
use crate::domain::orders::OrderId;
use crate::domain::orders::order::Order;
use crate::domain::orders::parcel::Parcel;
use crate::domain::outcome::Outcome;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::time::Millis;
use crate::domain::words::Bucket;

use super::units::movement;
use super::{Merchant, State};
use crate::planted::planted;

/// One command's or one tick's worth of events.
pub(super) struct Tx<'a> {
    pub(super) state: &'a mut State,
    pub(super) merchant: u32,
    pub(super) now: Millis,
    /// The instant by which deadlines are judged.
    pub(super) deadline_now: Millis,
    header: Box<Record>,
    pub(super) entries: Vec<Entry>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        state: &'a mut State,
        merchant: u32,
        now: Millis,
        entries: Vec<Entry>,
    ) -> Self {
        let deadline_now = state.deadline_now(now);
        let policy_version = state.merchants[merchant as usize].policy_version();
        let role = crate::domain::orders::lifecycle::Role::Engine
            .number()
            .into();
        let header = Box::new(Record {
            at: now,
            merchant,
            policy_version,
            role,
            ..Record::default()
        });
        Self {
            state,
            merchant,
            now,
            deadline_now,
            header,
            entries,
        }
    }

    /// Names who does it; without it, the engine does.
    pub(super) fn sign(&mut self, principal: &Principal) {
        self.header.actor = self.name(&principal.actor);
        self.header.device = self.name(&principal.device);
        self.header.role = principal.role.number().into();
    }

    pub(super) fn finish(
        self,
        key: Option<RequestKey>,
        scan: Option<RequestKey>,
        outcome: Option<Outcome>,
    ) -> Box<Record> {
        let bytes = |key: Option<RequestKey>| {
            key.map_or_else(Vec::new, |key| key.key.to_le_bytes().to_vec())
        };
        // A record is large: it is filled where it lies.
        let mut record = self.header;
        record.key = bytes(key);
        record.fingerprint = key.map_or(0, |key| key.fingerprint);
        record.scan_key = bytes(scan);
        record.scan_fingerprint = scan.map_or(0, |scan| scan.fingerprint);
        record.events = self.entries;
        record.outcome = outcome;
        record
    }

    pub(super) fn m(&self) -> &Merchant {
        &self.state.merchants[self.merchant as usize]
    }

    pub(super) fn device(&self) -> NameId {
        self.header.device
    }

    pub(super) fn role(&self) -> crate::domain::orders::lifecycle::Role {
        i32::try_from(self.header.role)
            .ok()
            .and_then(crate::domain::orders::lifecycle::Role::from_number)
            .expect("the header's role was written from a role")
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.emit_with(event, Vec::new());
    }

    pub(super) fn emit_with(&mut self, event: Event, movements: Vec<Movement>) {
        let entry = Entry {
            event: Some(event),
            movements,
        };
        self.state
            .apply(&self.header, &entry)
            .unwrap_or_else(|detail| panic!("a decided event must apply: {detail}: {entry:?}"));
        self.entries.push(entry);
    }

    /// The number of a name, declared on first use.
    pub(super) fn name(&mut self, text: &str) -> NameId {
        match self.m().names.find(text) {
            Some(id) => id,
            None => {
                self.emit(Event::NameDeclared(NameDeclared {
                    text: text.to_owned(),
                }));
                self.m().names.find(text).expect("declared just now")
            }
        }
    }

    pub(super) fn order(&self, id: OrderId) -> &Order {
        self.m().orders.get(id)
    }

    pub(super) fn parcel(&self, id: OrderId, parcel: usize) -> &Parcel {
        &self.order(id).parcels[parcel]
    }

    /// An order by its number or by the channel's id.
    pub(super) fn find_order(&self, number: &str) -> Result<OrderId, Refusal> {
        self.m()
            .orders
            .find(number)
            .ok_or_else(|| Refusal::new(RefusalCode::OrderNotFound).fact("order_number", number))
    }

    /// A parcel by "order number/n".
    pub(super) fn find_parcel(&self, parcel_id: &str) -> Result<(OrderId, usize), Refusal> {
        self.m()
            .find_parcel(parcel_id)
            .ok_or_else(|| Refusal::new(RefusalCode::ParcelNotFound).fact("parcel_id", parcel_id))
    }

    /// A known SKU.
    pub(super) fn find_sku(&self, sku: &str) -> Result<NameId, Refusal> {
        let m = self.m();
        m.names
            .find(sku)
            .filter(|id| m.pools_by_sku.contains_key(id) || m.catalogue.skus.contains_key(id))
            .ok_or_else(|| Refusal::new(RefusalCode::SkuUnknown).fact("sku", sku))
    }

    /// A known warehouse.
    pub(super) fn find_warehouse(&self, warehouse: &str) -> Result<NameId, Refusal> {
        let m = self.m();
        m.names
            .find(warehouse)
            .filter(|id| m.catalogue.warehouses.contains_key(id))
            .ok_or_else(|| Refusal::new(RefusalCode::WarehouseUnknown).fact("warehouse", warehouse))
    }

    /// The pool of a known SKU in a known warehouse.
    pub(super) fn find_pool(&self, sku: &str, warehouse: &str) -> Result<PoolId, Refusal> {
        let (sku_id, warehouse_id) = (self.find_sku(sku)?, self.find_warehouse(warehouse)?);
        self.m().pool_of(sku_id, warehouse_id).ok_or_else(|| {
            Refusal::new(RefusalCode::SkuUnknown).fact("sku", format!("{sku} in {warehouse}"))
        })
    }

    /// Writes the expiry of an order's lapsed holds, so that what follows sees
    /// them as ended.
    pub(super) fn settle(&mut self, id: OrderId) {
        let lapsed: Vec<usize> = self
            .order(id)
            .live_holds()
            .filter(|(_, hold)| hold.is_lapsed(self.deadline_now))
            .map(|(index, _)| index)
            .collect();
        for hold in lapsed {
            self.expire(id, hold);
        }
    }

    /// Ends a hold whose deadline has passed, on all its lines at once. Whoever
    /// waits for its units comes first, whoever it was that wrote it.
    pub(super) fn expire(&mut self, id: OrderId, hold: usize) {
        let movements = self.give_back(id, hold);
        let hold = u32::try_from(hold).expect("few holds an order");
        self.emit_with(
            Event::HoldExpired(HoldExpired { order: id, hold }),
            movements,
        );
        if !planted!(StarveWaiting) {
            self.fill_backorders_of(id);
        }
    }

    /// The movements that free everything a hold keeps.
    pub(super) fn give_back(&self, id: OrderId, hold: usize) -> Vec<Movement> {
        let order = self.order(id);
        order
            .held_by(hold)
            .iter()
            .map(|index| &order.promises[*index])
            .filter(|promise| promise.quantity > 0)
            .skip(usize::from(planted!(LoseMovement)))
            .map(|promise| {
                movement(
                    promise.pool,
                    promise.batch,
                    Bucket::Held,
                    Bucket::Available,
                    promise.units(),
                )
            })
            .collect()
    }

    /// Makes `need` units of a pool really available by writing as many expiries
    /// of lapsed holds as that takes, and no more.
    pub(super) fn free_up(&mut self, pool: PoolId, need: i64) {
        while self.m().pool(pool).counters.get(Bucket::Available) < need {
            let Some((_, order, hold)) = self.m().pool(pool).first_due(self.deadline_now) else {
                return;
            };
            self.expire(order, usize::from(hold));
        }
    }

    /// Units of a pool that can be promised now. Where others wait for units,
    /// what has lapsed is written first and goes to them, so that the answer does
    /// not depend on how far the ticker has come.
    pub(super) fn free(&mut self, pool: PoolId) -> i64 {
        let now = self.deadline_now;
        let waiting: Vec<OrderId> = self.m().pool(pool).waiting().map(|key| key.0).collect();
        for order in waiting {
            self.settle(order);
        }
        while self.m().pool(pool).backordered > 0
            && let Some((_, order, hold)) = self.m().pool(pool).first_due(now)
        {
            self.expire(order, usize::from(hold));
        }
        let pool = &mut self.state.merchants[self.merchant as usize].pools[pool as usize];
        pool.lapse(now);
        pool.free(now) + i64::from(planted!(SellOneMore))
    }

    /// STOCK_INSUFFICIENT for one pool, with who holds it until when.
    pub(super) fn shortage(
        &self,
        refusal: Refusal,
        suffix: &str,
        sku: NameId,
        warehouse: NameId,
        asked: i64,
        free: i64,
    ) -> Refusal {
        let m = self.m();
        let pools: Vec<PoolId> = match m.pool_of(sku, warehouse) {
            Some(pool) => vec![pool],
            None => m
                .pools_by_sku
                .get(&sku)
                .map_or_else(Vec::new, |pools| pools.to_vec()),
        };
        let held: i64 = pools
            .iter()
            .map(|pool| m.pool(*pool))
            .map(|pool| pool.counters.get(Bucket::Held) - pool.due(self.deadline_now))
            .sum();
        let next = pools
            .iter()
            .filter_map(|pool| m.pool(*pool).next_to_end(self.deadline_now))
            .min();
        let place = if warehouse == 0 {
            "any warehouse"
        } else {
            m.names.text(warehouse)
        };
        let mut refusal = refusal
            .fact(format!("sku{suffix}"), m.names.text(sku))
            .fact(format!("warehouse{suffix}"), place)
            .fact(format!("asked{suffix}"), asked)
            .fact(format!("free{suffix}"), free)
            .fact(format!("held{suffix}"), held);
        if let Some((until, order, _)) = next {
            refusal = refusal
                .fact(
                    format!("held_until{suffix}"),
                    crate::domain::time::rfc3339(until),
                )
                .fact(format!("held_by{suffix}"), &self.order(order).number);
        }
        refusal
    }
}
