//! Carrying out events: the only code that changes the state.
//!
//! Live and on replay the same lines run. An event that does not fit says so
//! instead of changing half of it where that can be seen beforehand.

use smallvec::SmallVec;

use super::merchant::{Merchant, index16};
use super::units::{hash64, narrow};
use super::{State, Token};
use crate::domain::calendar::{Calendar, Day, Window};
use crate::domain::event::{
    BackorderFilled, BatchPinned, EngineStarted, Entry, Event, EvidenceKept, HoldAmended,
    HoldConfirmed, HoldPlaced, Movement, OrderPlaced, ParcelAdvanced, ParcelCancelled,
    ParcelRerouted, ParcelSplit, PromiseShort, Promised, Record, WarehouseConfigured,
};
use crate::domain::inventory::catalogue::{ChannelCode, Sku, Warehouse};
use crate::domain::inventory::pool::{Batch, Pool};
use crate::domain::names::NameId;
use crate::domain::orders::OrderId;
use crate::domain::orders::hold::Hold;
use crate::domain::orders::lifecycle::{Node, Role};
use crate::domain::orders::order::{ChannelOrderId, Listed, Order};
use crate::domain::orders::parcel::{Parcel, Step};
use crate::domain::orders::promise::{NO_HOLD, Promise};
use crate::domain::policy::Policy;
use crate::domain::time::Millis;
use crate::domain::words::{Bucket, Flag, Flags, HoldState, OrderStatus, SourceChannel, Urgency};
use crate::planted::planted;

type Applied = Result<(), String>;

impl State {
    /// Carries out one entry of a record.
    pub(super) fn apply(&mut self, header: &Record, entry: &Entry) -> Applied {
        let event = entry
            .event
            .as_ref()
            .ok_or("an entry without an event; it was written by a newer version")?;
        match event {
            Event::MerchantOpened(opened) => {
                let index =
                    u32::try_from(self.merchants.len()).map_err(|_| "too many merchants")?;
                self.merchants.push(Merchant::new(&opened.merchant));
                self.by_name.insert(opened.merchant.as_str().into(), index);
                return Ok(());
            }
            Event::EngineStarted(started) => return self.apply_start(started),
            Event::ClockReconciled(_) => {
                self.frozen_at = None;
                return Ok(());
            }
            Event::TimeStamped(_) => return Ok(()),
            Event::TokenIssued(issued) => {
                let merchant = self
                    .merchants
                    .get(header.merchant as usize)
                    .ok_or("a token of no merchant")?;
                let token = Token {
                    merchant: header.merchant,
                    actor: merchant.names.text(issued.actor).into(),
                    role: role(issued.role)?,
                    device: merchant.names.text(issued.device).into(),
                    expires_at: issued.expires_at,
                };
                self.tokens.insert(sha256(&issued.token_sha256)?, token);
                return Ok(());
            }
            Event::TokenRevoked(revoked) => {
                self.tokens.remove(&sha256(&revoked.token_sha256)?);
                return Ok(());
            }
            Event::OrdersArchived(archived) => return self.apply_archived(header.at, archived),
            Event::OrderRevived(revived) => return self.apply_revived(header.merchant, revived),
            _ => {}
        }
        let Self {
            board, merchants, ..
        } = self;
        let merchant = merchants
            .get_mut(header.merchant as usize)
            .ok_or_else(|| format!("merchant {} was never opened", header.merchant))?;
        if let Event::PoolOpened(opened) = event {
            let counters = board.open(
                &merchant.name,
                merchant.names.text(opened.sku),
                merchant.names.text(opened.warehouse),
            );
            merchant.open_pool(Pool::new(opened.sku, opened.warehouse, counters));
            return Ok(());
        }
        if let Event::StockReceived(received) = event {
            merchant.open_batch(
                received.pool,
                received.batch,
                received.expires_at,
                received.qc_report,
            )?;
        }
        for movement in &entry.movements {
            merchant.apply_movement(movement)?;
        }
        merchant.apply(header, event)
    }

    fn apply_start(&mut self, started: &EngineStarted) -> Applied {
        self.frozen_at = (started.frozen_at != 0).then_some(started.frozen_at);
        self.requests.floor.sorts |= started.sorts_requests;
        if started.credit_ms > 0 {
            for merchant in &mut self.merchants {
                merchant.credit_outage(started.credit_ms, started.last_at);
            }
        }
        Ok(())
    }
}

impl Merchant {
    fn apply_movement(&mut self, movement: &Movement) -> Applied {
        let (from, to) = (bucket(movement.from)?, bucket(movement.to)?);
        let pool = self
            .pools
            .get_mut(movement.pool as usize)
            .ok_or_else(|| format!("there is no pool {}", movement.pool))?;
        pool.counters
            .shift(from, to, movement.quantity)
            .map_err(|under| {
                format!(
                    "pool {}: {} has {}, asked {}",
                    movement.pool, under.bucket, under.has, under.asked
                )
            })?;
        if movement.batch != 0 {
            let batch = pool
                .batch_mut(movement.batch)
                .ok_or_else(|| format!("pool {} has no batch {}", movement.pool, movement.batch))?;
            batch.add(from, -movement.quantity);
            batch.add(to, movement.quantity);
        }
        Ok(())
    }

    fn apply(&mut self, header: &Record, event: &Event) -> Applied {
        let at = header.at;
        match event {
            Event::NameDeclared(declared) => {
                self.names.declare(&declared.text);
            }
            Event::PolicyPublished(published) => {
                self.policies.push(
                    Policy::from_json(&published.policy_json)
                        .map_err(|refusal| refusal.to_string())?,
                );
            }
            Event::DeviceRegistered(device) => {
                if device.retired {
                    self.catalogue.devices.remove(&device.device);
                } else {
                    self.catalogue
                        .devices
                        .insert(device.device, device.warehouse);
                }
            }
            Event::PoolConfigured(configured) => {
                let pool = self
                    .pools
                    .get_mut(configured.pool as usize)
                    .ok_or("no such pool")?;
                pool.backorder_limit = configured.backorder_limit;
                pool.buffers = configured
                    .channel_buffers
                    .iter()
                    .filter(|buffer| buffer.quantity > 0)
                    .map(|buffer| (buffer.source_channel as u8, buffer.quantity))
                    .collect();
            }
            Event::WarehouseConfigured(configured) => self.apply_warehouse(configured)?,
            Event::SkuConfigured(configured) => {
                let sku = Sku {
                    pin_batch_at_hold: configured.pin_batch_at_hold,
                    bundle: configured.bundle.clone(),
                };
                self.catalogue.skus.insert(configured.sku, sku);
            }
            Event::SkusMapped(mapped) => self.apply_mappings(mapped),
            Event::UnmappedSkuSeen(seen) => {
                let key = (
                    seen.source_channel as u8,
                    seen.shop,
                    seen.outer_code,
                    seen.channel_sku,
                );
                self.catalogue
                    .unmapped
                    .entry(key)
                    .or_default()
                    .insert(seen.order_number.as_str().into());
            }
            Event::StockReceived(_) | Event::StockMoved(_) | Event::StockCounted(_) => {}
            Event::BackorderFilled(filled) => self.apply_filled(filled),
            Event::PromiseShort(short) => self.apply_short(short),
            Event::OrderPlaced(placed) => self.apply_placed(header, placed)?,
            Event::HoldPlaced(placed) => self.apply_hold_placed(at, placed),
            Event::PaymentStarted(started) => self.change_hold(started.order, at, |hold| {
                hold.state = HoldState::Paying;
                hold.expires_at = started.expires_at;
                if hold.paying_since == 0 {
                    hold.paying_since = at;
                }
                let reference = payment_hash(&started.payment_ref);
                if !hold.open_payments.contains(&reference) {
                    hold.open_payments.push(reference);
                }
            }),
            Event::PaymentFailed(failed) => self.change_hold(failed.order, at, |hold| {
                let reference = payment_hash(&failed.payment_ref);
                hold.open_payments.retain(|open| *open != reference);
                hold.expires_at = failed.expires_at;
                if failed.back_to_held {
                    hold.state = HoldState::Held;
                }
            }),
            Event::DepositConfirmed(deposit) => {
                self.change_hold(deposit.order, at, |hold| {
                    hold.expires_at = deposit.expires_at;
                    hold.deposit = true;
                });
                self.orders
                    .get_mut(deposit.order)
                    .flags
                    .set(Flag::DepositPaid, true);
            }
            Event::HoldConfirmed(confirmed) => self.apply_confirmed(at, confirmed),
            Event::HoldReleased(released) => self.end_hold(
                released.order,
                released.hold as usize,
                HoldState::Released,
                released.reason,
                at,
            ),
            Event::HoldExpired(expired) => self.end_hold(
                expired.order,
                expired.hold as usize,
                HoldState::Expired,
                0,
                at,
            ),
            Event::HoldAmended(amended) => self.apply_amended(amended),
            Event::PaidWithoutStock(paid) => {
                let order = self.orders.get_mut(paid.order);
                let flag = if paid.after_cancel {
                    Flag::PaidAfterCancel
                } else {
                    Flag::StockLostAfterPayment
                };
                order.flags.set(flag, true);
                order.flags.set(
                    Flag::RefundDue,
                    order.flags.has(Flag::RefundDue) || paid.after_cancel,
                );
                self.touch_order(paid.order);
            }
            Event::BatchPinned(pinned) => self.apply_pinned(pinned)?,
            Event::ParcelAdvanced(advanced) => self.apply_advanced(header, advanced)?,
            Event::EvidenceKept(kept) => self.apply_evidence(kept),
            Event::ParcelRerouted(rerouted) => self.apply_rerouted(rerouted),
            Event::ParcelSplit(split) => self.apply_split(split),
            Event::ParcelSuspended(suspended) => {
                self.change_parcel(suspended.order, suspended.parcel as usize, |parcel| {
                    parcel.flags.set(Flag::Suspended, true);
                    parcel.flags.set(Flag::Overdue, false);
                    parcel.red_noted = false;
                    parcel.blocked_by = suspended.reason;
                    parcel.owner = role(suspended.owner).unwrap_or(Role::Supervisor);
                    parcel.due_at = suspended.due_at;
                    parcel.red_at = 0;
                })
            }
            Event::ParcelResumed(resumed) => {
                self.change_parcel(resumed.order, resumed.parcel as usize, |parcel| {
                    for flag in [Flag::Suspended, Flag::Intercept, Flag::Overdue] {
                        parcel.flags.set(flag, false);
                    }
                    parcel.red_noted = false;
                    parcel.blocked_by = 0;
                    parcel.due_at = resumed.due_at;
                    parcel.red_at = resumed.red_at;
                })
            }
            Event::ParcelCancelled(cancelled) => self.apply_cancelled(at, cancelled),
            Event::ParcelPutBack(put_back) => {
                let (id, index) = (put_back.order, put_back.parcel as usize);
                for promise in self.orders.get(id).promised_in(index) {
                    self.orders.get_mut(id).promises[promise].bucket = Bucket::Available;
                }
                self.change_parcel(id, index, |parcel| {
                    parcel.flags.set(Flag::PutbackOpen, false)
                });
            }
            Event::ParcelOverdue(overdue) => {
                self.change_parcel(overdue.order, overdue.parcel as usize, |parcel| {
                    parcel.flags.set(Flag::Overdue, true);
                    parcel.red_noted |= overdue.red;
                })
            }
            Event::ParcelCompleted(completed) => {
                self.change_parcel(completed.order, completed.parcel as usize, |parcel| {
                    parcel.status = OrderStatus::Completed
                });
            }
            Event::DocumentOpened(_) => {}
            Event::MerchantOpened(_)
            | Event::EngineStarted(_)
            | Event::ClockReconciled(_)
            | Event::TimeStamped(_)
            | Event::TokenIssued(_)
            | Event::TokenRevoked(_)
            | Event::OrdersArchived(_)
            | Event::OrderRevived(_)
            | Event::PoolOpened(_) => {
                unreachable!("carried out by the state before it asks a merchant")
            }
        }
        Ok(())
    }

    pub(super) fn open_pool(&mut self, pool: Pool) {
        let id = u32::try_from(self.pools.len()).expect("fewer than 2^32 pools");
        self.pool_index.insert((pool.sku, pool.warehouse), id);
        self.pools_by_sku.entry(pool.sku).or_default().push(id);
        self.catalogue.warehouses.entry(pool.warehouse).or_default();
        self.pools.push(pool);
    }

    fn open_batch(
        &mut self,
        pool: u32,
        name: NameId,
        expires_at: Millis,
        qc_report: NameId,
    ) -> Applied {
        let pool = self.pools.get_mut(pool as usize).ok_or("no such pool")?;
        if name != 0 && pool.batch(name).is_none() {
            let expires_at = if expires_at == 0 {
                Millis::MAX
            } else {
                expires_at
            };
            pool.open_batch(Batch::new(name, expires_at, qc_report));
        }
        Ok(())
    }

    fn apply_warehouse(&mut self, configured: &WarehouseConfigured) -> Applied {
        let calendar = calendar_of(&configured.working_hours, &configured.closed_days)?;
        let warehouse = Warehouse {
            rank: configured.rank,
            province: configured.province,
            serves: configured.serves_provinces.clone(),
            calendar,
        };
        self.catalogue
            .warehouses
            .insert(configured.warehouse, warehouse);
        Ok(())
    }

    fn apply_mappings(&mut self, mapped: &crate::domain::event::SkusMapped) {
        let source_channel = mapped.source_channel as u8;
        for mapping in &mapped.mappings {
            for (by_outer_code, code) in [(true, mapping.outer_code), (false, mapping.channel_sku)]
            {
                if code != 0 {
                    let key = ChannelCode {
                        source_channel,
                        shop: mapped.shop,
                        by_outer_code,
                        code,
                    };
                    self.catalogue.mappings.insert(key, mapping.sku);
                }
            }
        }
        let mut unmapped = std::mem::take(&mut self.catalogue.unmapped);
        unmapped.retain(|(channel, shop, outer, id), _| {
            self.catalogue.map(*channel, *shop, *outer, *id).is_none()
        });
        self.catalogue.unmapped = unmapped;
    }

    fn apply_placed(&mut self, header: &Record, placed: &OrderPlaced) -> Applied {
        let hold = (!placed.paid).then(|| Hold::new(header.at, placed.hold_expires_at));
        let order = Order {
            number: placed.number.as_str().into(),
            channel_order_id: channel_order_id(&placed.number, &placed.channel_order_id),
            source_channel: SourceChannel::from_number(placed.source_channel as i32)
                .ok_or("unknown source channel")?,
            urgency: Urgency::from_number(placed.urgency as i32).ok_or("unknown urgency")?,
            status: OrderStatus::Open,
            flags: Flags::default(),
            version: 0,
            shop: placed.shop,
            province: placed.province,
            buyer: placed.buyer,
            created_at: header.at,
            ship_by: placed.ship_by,
            lines_hash: placed.lines_hash,
            document: placed.document.as_slice().into(),
            holds: hold.into_iter().collect(),
            promises: SmallVec::new(),
            parcels: SmallVec::new(),
            listed: Listed::default(),
        };
        let id = self.orders.push(order);
        self.totals.open_orders += 1;
        let (hold, held_as) = if placed.paid {
            (NO_HOLD, Bucket::Allocated)
        } else {
            (0, Bucket::Held)
        };
        let first = Step {
            node: Node::AwaitingPayment,
            role: role(header.role)?,
            marks: if placed.paid { Step::INFERRED } else { 0 },
            actor: header.actor,
            device: header.device,
            reason: 0,
            occurred_at: header.at,
            received_at: header.at,
        };
        self.add_promises(id, &placed.promises, hold, held_as, &first);
        self.put_hold_of(id, hold);
        self.touch_order(id);
        Ok(())
    }

    /// Adds promises and the parcels they need: one per warehouse.
    fn add_promises(
        &mut self,
        id: OrderId,
        promised: &[Promised],
        hold: u16,
        bucket: Bucket,
        first: &Step,
    ) {
        for promised in promised {
            let warehouse = self.pool(promised.pool).warehouse;
            let parcel = self.open_parcel_at_payment(id, warehouse, first);
            let order = self.orders.get_mut(id);
            order.promises.push(Promise {
                pool: promised.pool,
                batch: promised.batch,
                quantity: narrow(promised.quantity),
                backordered: narrow(promised.backordered),
                short: 0,
                line: promised.line as u16,
                parcel,
                hold,
                bucket,
            });
            let index = order.promises.len() - 1;
            self.put_promise(id, index);
        }
    }

    /// The parcel of a warehouse that still awaits payment; a new one if there
    /// is none.
    fn open_parcel_at_payment(&mut self, id: OrderId, warehouse: NameId, first: &Step) -> u16 {
        let order = self.orders.get_mut(id);
        let waiting = |parcel: &Parcel| {
            parcel.is_open()
                && parcel.node == Node::AwaitingPayment
                && parcel.warehouse == warehouse
        };
        if let Some(index) = order.parcels.iter().position(waiting) {
            return index16(index);
        }
        order.parcels.push(Parcel {
            warehouse,
            node: Node::AwaitingPayment,
            status: OrderStatus::Open,
            flags: Flags::default(),
            version: 1,
            since: first.occurred_at,
            due_at: 0,
            red_at: 0,
            red_noted: false,
            eta: None,
            blocked_by: 0,
            owner: Role::Supervisor,
            steps: {
                // Payment is next for nearly all.
                let mut steps = Vec::with_capacity(2);
                steps.push(first.clone());
                steps
            },
        });
        let index = order.parcels.len() - 1;
        self.put_parcel(id, index);
        index16(index)
    }

    fn put_hold_of(&mut self, id: OrderId, hold: u16) {
        if hold != NO_HOLD {
            self.put_hold(id, usize::from(hold));
        }
    }

    fn apply_hold_placed(&mut self, at: Millis, placed: &HoldPlaced) {
        let id = placed.order;
        self.forget_unpaid_parcels(id);
        let mut hold = Hold::new(placed.created_at, placed.expires_at);
        // A hold that takes another's place has its outage credit behind it.
        hold.credited_ms = match self.orders.get(id).holds.last() {
            _ if planted!(ForgetCredit) => 0,
            Some(replaced) if replaced.created_at == placed.created_at => replaced.credited_ms,
            _ => 0,
        };
        let bucket = if placed.late_reacquired {
            hold.state = HoldState::Confirmed;
            hold.ended_at = at;
            Bucket::Allocated
        } else {
            Bucket::Held
        };
        let order = self.orders.get_mut(id);
        order.lines_hash = placed.lines_hash;
        order.holds.push(hold);
        order.flags.set(
            Flag::LateReacquired,
            order.flags.has(Flag::LateReacquired) || placed.late_reacquired,
        );
        order.flags.set(Flag::StockLostAfterPayment, false);
        let index = index16(order.holds.len() - 1);
        let mut first = order.parcels.first().map_or_else(
            || unreachable!("an order keeps its first parcel"),
            |parcel| {
                parcel
                    .steps
                    .first()
                    .cloned()
                    .expect("a parcel begins with a step")
            },
        );
        first.received_at = at;
        self.add_promises(id, &placed.promises, index, bucket, &first);
        self.drop_empty_parcels(id);
        self.put_hold_of(id, index);
        self.touch_order(id);
    }

    /// Promises that are over make room for those of the next hold.
    fn forget_unpaid_parcels(&mut self, id: OrderId) {
        let order = self.orders.get_mut(id);
        if order
            .promises
            .iter()
            .all(|promise| promise.bucket == Bucket::Available)
        {
            order.promises.clear();
        }
    }

    /// Unpaid parcels at the end of the list that nothing is promised for are
    /// dropped; the first one stays, so that an order always has one.
    fn drop_empty_parcels(&mut self, id: OrderId) {
        loop {
            let order = self.orders.get(id);
            let last = order.parcels.len() - 1;
            let empty = order.parcels[last].node == Node::AwaitingPayment
                && order.promised_in(last).is_empty();
            if last == 0 || !empty {
                break;
            }
            self.lift_parcel(id, last);
            self.orders.get_mut(id).parcels.pop();
        }
        let order = self.orders.get(id);
        let (unpaid, empty) = (
            order.parcels[0].node == Node::AwaitingPayment,
            order.promised_in(0).is_empty(),
        );
        if unpaid && empty && order.parcels.len() > 1 {
            self.merge_into_first(id);
        }
    }

    /// The second parcel takes the place of an empty first one.
    fn merge_into_first(&mut self, id: OrderId) {
        let count = self.orders.get(id).parcels.len();
        for index in 0..count {
            self.lift_parcel(id, index);
        }
        let order = self.orders.get_mut(id);
        let gone = order.parcels.remove(0);
        for promise in &mut order.promises {
            promise.parcel = promise.parcel.saturating_sub(1);
        }
        for parcel in &mut order.parcels {
            parcel.version = parcel.version.max(gone.version + 1);
        }
        for index in 0..count - 1 {
            self.put_parcel(id, index);
        }
    }

    /// Changes the live hold of an order and its place in the queues.
    fn change_hold(&mut self, id: OrderId, _at: Millis, change: impl FnOnce(&mut Hold)) {
        let Some(hold) = self.orders.get(id).live_hold() else {
            return;
        };
        self.lift_hold(id, hold);
        change(&mut self.orders.get_mut(id).holds[hold]);
        self.put_hold(id, hold);
        self.touch_order(id);
    }

    /// Gives an outage back to every hold that was live when it began (H13).
    fn credit_outage(&mut self, credit_ms: i64, last_at: Millis) {
        let most = self.policy().outage_credit_ms();
        let live: Vec<(OrderId, u16)> = self
            .due
            .holds_from((
                Millis::MIN,
                0,
                0,
                crate::domain::orders::due::DueKind::HoldEnds,
            ))
            .filter(|due| due.0 > last_at)
            .map(|due| (due.1, due.2))
            .collect();
        for (id, hold) in live {
            let hold = usize::from(hold);
            self.lift_hold(id, hold);
            let target = &mut self.orders.get_mut(id).holds[hold];
            let credit = credit_ms.min(most - target.credited_ms).max(0);
            let credit = if planted!(MissOutageCredit) {
                0
            } else {
                credit
            };
            target.credited_ms += credit;
            target.expires_at += credit
                + if planted!(DoubleOutageCredit) {
                    credit
                } else {
                    0
                };
            self.put_hold(id, hold);
        }
    }

    /// Ends a hold; its promises are over. The movements came before.
    fn end_hold(&mut self, id: OrderId, hold: usize, state: HoldState, reason: NameId, at: Millis) {
        self.lift_hold(id, hold);
        for index in self.orders.get(id).held_by(hold) {
            self.set_promise_bucket(id, index, Bucket::Available);
        }
        let target = &mut self.orders.get_mut(id).holds[hold];
        target.state = state;
        target.reason = reason;
        target.ended_at = at;
        self.touch_order(id);
    }

    fn set_promise_bucket(&mut self, id: OrderId, index: usize, bucket: Bucket) {
        self.lift_promise(id, index);
        // What it was is kept: a late payment asks for the same again.
        self.orders.get_mut(id).promises[index].bucket = bucket;
        self.put_promise(id, index);
    }

    /// Cuts `quantity` reserved and `backordered` awaited units off a promise
    /// and gives the index of the part.
    fn cut_promise(&mut self, id: OrderId, index: usize, quantity: u32, backordered: u32) -> usize {
        let promise = &self.orders.get(id).promises[index];
        if promise.quantity == quantity && promise.backordered == backordered {
            return index;
        }
        self.lift_promise(id, index);
        let order = self.orders.get_mut(id);
        let whole = &mut order.promises[index];
        whole.quantity -= if planted!(SplitDoubles) { 0 } else { quantity };
        whole.backordered -= backordered;
        let mut part = whole.clone();
        part.quantity = quantity;
        part.backordered = backordered;
        part.short = 0;
        order.promises.push(part);
        let new = order.promises.len() - 1;
        self.put_promise(id, index);
        self.put_promise(id, new);
        new
    }

    fn apply_confirmed(&mut self, at: Millis, confirmed: &HoldConfirmed) {
        let id = confirmed.order;
        let Some(hold) = self.orders.get(id).live_hold() else {
            return;
        };
        self.lift_hold(id, hold);
        let chosen: Vec<usize> = if confirmed.partial.is_empty() {
            self.orders.get(id).held_by(hold).to_vec()
        } else {
            let cut = confirmed.partial.iter();
            cut.map(|units| {
                self.cut_promise(
                    id,
                    units.promise as usize,
                    narrow(units.quantity),
                    narrow(units.backordered),
                )
            })
            .collect()
        };
        for index in &chosen {
            self.set_promise_bucket(id, *index, Bucket::Allocated);
        }
        let rest = self.orders.get(id).held_by(hold);
        let target = &mut self.orders.get_mut(id).holds[hold];
        let mut kept = Hold::new(target.created_at, confirmed.rest_expires_at);
        kept.credited_ms = target.credited_ms;
        target.state = HoldState::Confirmed;
        target.ended_at = at;
        if confirmed.rest_expires_at == 0 {
            for index in rest {
                self.set_promise_bucket(id, index, Bucket::Available);
            }
        } else {
            self.keep_rest(id, &rest, kept);
        }
        self.touch_order(id);
    }

    /// The units that were not confirmed stay held in parcels of their own.
    fn keep_rest(&mut self, id: OrderId, rest: &[usize], hold: Hold) {
        let order = self.orders.get_mut(id);
        order.holds.push(hold);
        let hold = order.holds.len() - 1;
        let mut moved: Vec<(u16, u16)> = Vec::new();
        for index in rest {
            let old = self.orders.get(id).promises[*index].parcel;
            let shared = self
                .orders
                .get(id)
                .promises
                .iter()
                .any(|other| other.parcel == old && other.bucket == Bucket::Allocated);
            let new = match moved.iter().find(|(from, _)| *from == old) {
                Some((_, new)) => *new,
                None if shared => self.twin_parcel(id, usize::from(old)),
                None => old,
            };
            moved.push((old, new));
            let promise = &mut self.orders.get_mut(id).promises[*index];
            promise.parcel = new;
            promise.hold = index16(hold);
        }
        self.put_hold(id, hold);
    }

    /// A new parcel beside another, with the same past.
    fn twin_parcel(&mut self, id: OrderId, index: usize) -> u16 {
        let order = self.orders.get_mut(id);
        let twin = Parcel {
            version: 1,
            ..order.parcels[index].clone()
        };
        order.parcels.push(twin);
        let new = order.parcels.len() - 1;
        self.put_parcel(id, new);
        index16(new)
    }

    fn apply_amended(&mut self, amended: &HoldAmended) {
        let id = amended.order;
        let Some(hold) = self.orders.get(id).live_hold() else {
            return;
        };
        self.lift_hold(id, hold);
        for units in &amended.units {
            let index = units.promise as usize;
            self.lift_promise(id, index);
            let promise = &mut self.orders.get_mut(id).promises[index];
            promise.quantity = narrow(units.quantity);
            promise.backordered = narrow(units.backordered);
            if units.quantity == 0 && units.backordered == 0 {
                promise.bucket = Bucket::Available;
            }
            self.put_promise(id, index);
        }
        let order = self.orders.get_mut(id);
        order.lines_hash = amended.lines_hash;
        let first = order.parcels[0].steps[0].clone();
        self.add_promises(id, &amended.added, index16(hold), Bucket::Held, &first);
        self.drop_empty_parcels(id);
        self.put_hold(id, hold);
        self.touch_order(id);
    }

    fn apply_filled(&mut self, filled: &BackorderFilled) {
        let (id, index) = (filled.order, filled.promise as usize);
        let hold = self.orders.get(id).promises[index].hold;
        let held = self.orders.get(id).promises[index].bucket == Bucket::Held;
        if held {
            self.lift_hold(id, usize::from(hold));
        }
        self.lift_promise(id, index);
        let promise = &mut self.orders.get_mut(id).promises[index];
        promise.quantity += narrow(filled.quantity);
        promise.backordered -= if planted!(FillTwice) {
            0
        } else {
            narrow(filled.quantity)
        };
        self.put_promise(id, index);
        if held {
            self.put_hold(id, usize::from(hold));
        }
        self.touch_order(id);
    }

    fn apply_short(&mut self, short: &PromiseShort) {
        let (id, index) = (short.order, short.promise as usize);
        let hold = self.orders.get(id).promises[index].hold;
        let held = self.orders.get(id).promises[index].bucket == Bucket::Held;
        if held {
            self.lift_hold(id, usize::from(hold));
        }
        let promise = &mut self.orders.get_mut(id).promises[index];
        promise.quantity -= narrow(short.quantity);
        promise.short += narrow(short.quantity);
        if held {
            self.put_hold(id, usize::from(hold));
        }
        self.touch_order(id);
    }

    fn apply_pinned(&mut self, pinned: &BatchPinned) -> Applied {
        let (id, index) = (pinned.order, pinned.promise as usize);
        let promise = &self.orders.get(id).promises[index];
        let (bucket, pool, backordered, hold) = (
            promise.bucket,
            promise.pool,
            promise.backordered,
            promise.hold,
        );
        let held = bucket == Bucket::Held;
        if held {
            self.lift_hold(id, usize::from(hold));
        }
        // Awaited units stay with the part that is not pinned.
        let whole =
            self.orders.get(id).promises[index].units() == pinned.quantity && backordered == 0;
        let part = if whole {
            index
        } else {
            self.cut_promise(id, index, narrow(pinned.quantity), 0)
        };
        self.orders.get_mut(id).promises[part].batch = pinned.batch;
        if held {
            self.put_hold(id, usize::from(hold));
        }
        let batch = self.pools[pool as usize]
            .batch_mut(pinned.batch)
            .ok_or("pinned to an unknown batch")?;
        batch.add(Bucket::Available, -pinned.quantity);
        batch.add(bucket, pinned.quantity);
        Ok(())
    }

    /// Changes a parcel and its place in the queues.
    fn change_parcel(&mut self, id: OrderId, index: usize, change: impl FnOnce(&mut Parcel)) {
        self.lift_parcel(id, index);
        let parcel = &mut self.orders.get_mut(id).parcels[index];
        parcel.version += 1;
        change(parcel);
        self.put_parcel(id, index);
        self.touch_order(id);
    }

    fn apply_advanced(&mut self, header: &Record, advanced: &ParcelAdvanced) -> Applied {
        let (id, index) = (advanced.order, advanced.parcel as usize);
        let node = Node::from_number(advanced.node as i32).ok_or("unknown node")?;
        let occurred_at = if advanced.occurred_at == 0 {
            header.at
        } else {
            advanced.occurred_at
        };
        let (actor, device, role) = if advanced.by_engine || planted!(UnsignedStep) {
            (0, 0, Role::Engine)
        } else {
            (header.actor, header.device, role(header.role)?)
        };
        let step = Step {
            node,
            role,
            marks: advanced.marks as u8,
            actor,
            device,
            reason: advanced.reason,
            occurred_at,
            received_at: header.at,
        };
        if node == Node::Departed {
            for promise in self.orders.get(id).promised_in(index) {
                self.set_promise_bucket(id, promise, Bucket::Customer);
            }
        }
        let eta = eta_of(advanced);
        self.change_parcel(id, index, |parcel| {
            parcel.node = node;
            parcel.since = header.at;
            parcel.due_at = advanced.due_at;
            parcel.red_at = advanced.red_at;
            parcel.red_noted = false;
            parcel.flags.set(Flag::Overdue, false);
            if node >= Node::Departed {
                parcel.flags.set(Flag::MissingDeparture, false);
            }
            if eta.is_some() {
                parcel.eta = eta;
            }
            if parcel.steps.len() == parcel.steps.capacity() {
                // Twelve steps at most come one by one; doubling would waste half.
                parcel.steps.reserve_exact(2);
            }
            parcel.steps.push(step);
        });
        Ok(())
    }

    fn apply_evidence(&mut self, kept: &EvidenceKept) {
        if kept.missing_departure {
            self.change_parcel(kept.order, kept.parcel as usize, |parcel| {
                parcel.flags.set(Flag::MissingDeparture, true)
            });
        }
    }

    fn apply_rerouted(&mut self, rerouted: &ParcelRerouted) {
        let (id, index) = (rerouted.order, rerouted.parcel as usize);
        let live: Vec<usize> = self
            .orders
            .get(id)
            .live_holds()
            .map(|(hold, _)| hold)
            .collect();
        for hold in &live {
            self.lift_hold(id, *hold);
        }
        for moved in &rerouted.moved {
            let promise_index = moved.promise as usize;
            self.lift_promise(id, promise_index);
            let promise = &mut self.orders.get_mut(id).promises[promise_index];
            promise.pool = moved.pool;
            promise.batch = 0;
            promise.quantity += promise.backordered + promise.short;
            promise.backordered = 0;
            promise.short = 0;
            self.put_promise(id, promise_index);
        }
        for hold in &live {
            self.put_hold(id, *hold);
        }
        self.change_parcel(id, index, |parcel| parcel.warehouse = rerouted.warehouse);
    }

    fn apply_split(&mut self, split: &ParcelSplit) {
        let (id, index) = (split.order, split.parcel as usize);
        let live: Vec<usize> = self
            .orders
            .get(id)
            .live_holds()
            .map(|(hold, _)| hold)
            .collect();
        for hold in &live {
            self.lift_hold(id, *hold);
        }
        let new = self.twin_parcel(id, index);
        for units in &split.units {
            let part = self.cut_promise(
                id,
                units.promise as usize,
                narrow(units.quantity),
                narrow(units.backordered),
            );
            self.orders.get_mut(id).promises[part].parcel = new;
        }
        for hold in &live {
            self.put_hold(id, *hold);
        }
        self.change_parcel(id, index, |_| {});
    }

    fn apply_cancelled(&mut self, at: Millis, cancelled: &ParcelCancelled) {
        let (id, index) = (cancelled.order, cancelled.parcel as usize);
        if cancelled.refund_due {
            self.orders.get_mut(id).flags.set(Flag::RefundDue, true);
        }
        if cancelled.intercept {
            self.change_parcel(id, index, |parcel| {
                parcel.flags.set(Flag::Intercept, true);
                parcel.blocked_by = cancelled.reason;
            });
            return;
        }
        let live: Vec<usize> = self
            .orders
            .get(id)
            .live_holds()
            .map(|(hold, _)| hold)
            .collect();
        for hold in &live {
            self.lift_hold(id, *hold);
        }
        let over = if cancelled.putback {
            Bucket::Putback
        } else {
            Bucket::Available
        };
        for promise in self.orders.get(id).promised_in(index) {
            self.set_promise_bucket(id, promise, over);
        }
        for hold in live {
            if self.orders.get(id).held_by(hold).is_empty() {
                let target = &mut self.orders.get_mut(id).holds[hold];
                target.state = HoldState::Released;
                target.reason = cancelled.reason;
                target.ended_at = at;
            }
            self.put_hold(id, hold);
        }
        self.change_parcel(id, index, |parcel| {
            parcel.status = OrderStatus::Cancelled;
            for flag in [
                Flag::Suspended,
                Flag::Overdue,
                Flag::Backordered,
                Flag::Short,
            ] {
                parcel.flags.set(flag, false);
            }
            parcel.flags.set(
                Flag::PutbackOpen,
                cancelled.putback && !planted!(LosePutBack),
            );
            parcel.blocked_by = cancelled.reason;
            parcel.due_at = 0;
            parcel.red_at = 0;
        });
    }
}

pub(super) fn payment_hash(payment_ref: &str) -> u64 {
    hash64(&[b"payment", payment_ref.as_bytes()])
}

/// Working hours as they stand in an event.
pub(super) fn calendar_of(hours: &[i32], closed_days: &[String]) -> Result<Calendar, String> {
    if hours.is_empty() && closed_days.is_empty() {
        return Ok(Calendar::round_the_clock());
    }
    let windows = if hours.is_empty() {
        vec![Window {
            weekday: 0,
            open_minute: 0,
            close_minute: 1_440,
        }]
    } else {
        hours
            .chunks_exact(3)
            .map(window)
            .collect::<Result<_, _>>()?
    };
    let days = closed_days
        .iter()
        .map(|day| Day::parse(day).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    Calendar::new(windows, days).map_err(|error| error.to_string())
}

fn window(triple: &[i32]) -> Result<Window, String> {
    let narrow =
        |value: i32| u16::try_from(value).map_err(|_| format!("{value} is no minute of a day"));
    Ok(Window {
        weekday: u8::try_from(triple[0]).map_err(|_| "weekday must be 0 to 7")?,
        open_minute: narrow(triple[1])?,
        close_minute: narrow(triple[2])?,
    })
}

fn channel_order_id(number: &str, given: &str) -> ChannelOrderId {
    let suffix = number.rfind(':').map(|colon| colon + 1);
    match (given, suffix) {
        ("", None) => ChannelOrderId::None,
        ("", Some(from)) => {
            u16::try_from(from).map_or(ChannelOrderId::None, ChannelOrderId::Suffix)
        }
        (given, _) => ChannelOrderId::Own(Box::new(given.into())),
    }
}

/// The delivery window in a carrier's evidence, in UTC milliseconds.
fn eta_of(advanced: &ParcelAdvanced) -> Option<Box<(Millis, Millis)>> {
    let find = |key: &str| {
        advanced
            .evidence
            .iter()
            .find(|evidence| evidence.key == key)?
            .value
            .parse::<Millis>()
            .ok()
    };
    Some(Box::new((find("eta_from_ms")?, find("eta_until_ms")?)))
}

fn bucket(number: u32) -> Result<Bucket, String> {
    i32::try_from(number)
        .ok()
        .and_then(Bucket::from_number)
        .ok_or_else(|| format!("there is no bucket {number}"))
}

fn role(number: u32) -> Result<Role, String> {
    i32::try_from(number)
        .ok()
        .and_then(Role::from_number)
        .ok_or_else(|| format!("there is no role {number}"))
}

fn sha256(bytes: &[u8]) -> Result<[u8; 32], String> {
    bytes
        .try_into()
        .map_err(|_| format!("a token hash has 32 bytes, not {}", bytes.len()))
}
