//! The floor: parcels move through their nodes, stop, split, change warehouse.

use super::tx::Tx;
use super::units::movement;
use crate::domain::command::{
    AdvanceParcel, RerouteParcel, ResumeParcel, SplitParcel, SuspendParcel,
};
use crate::domain::event::{
    BatchPinned, Event, Evidence, EvidenceKept, Movement, ParcelAdvanced, ParcelRerouted,
    ParcelResumed, ParcelSplit, ParcelSuspended, PromiseUnits, Rehomed,
};
use crate::domain::names::NameId;
use crate::domain::orders::lifecycle::{Edge, Node};
use crate::domain::orders::parcel::Step;
use crate::domain::orders::{OrderId, part_id};
use crate::domain::outcome::Done;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::time::{MINUTE, Millis, rfc3339};
use crate::domain::words::{Bucket, Flag, OrderStatus};
use crate::planted::planted;

impl Tx<'_> {
    /// A scan or feed. `overriding` skips the checks of role, device and skew.
    pub(super) fn advance_parcel(
        &mut self,
        advance: &AdvanceParcel,
        overriding: bool,
    ) -> Result<Done, Refusal> {
        let (id, index) = self.find_parcel(&advance.parcel_id)?;
        if overriding && advance.reason.is_empty() {
            return Err(
                Refusal::new(RefusalCode::ReasonRequired).fact("why", "a supervisor overrides")
            );
        }
        self.check_standing(id, index, advance)?;
        let parcel = self.parcel(id, index);
        let (from, to) = (parcel.node, advance.node);
        match from.edge(to) {
            Edge::Late => return Ok(self.keep_evidence(id, index, advance, false)),
            Edge::Blocked(Node::Departed) if !overriding => {
                return Ok(self.keep_evidence(id, index, advance, true));
            }
            Edge::Blocked(needed) => {
                return Err(self.illegal(
                    id,
                    index,
                    to,
                    &format!(": {needed} must be recorded by itself"),
                ));
            }
            Edge::Skip if !self.m().policy().infer_nodes => {
                return Err(self.illegal(id, index, to, ": this shop infers no nodes"));
            }
            Edge::Rework if advance.reason.is_empty() => {
                return Err(Refusal::new(RefusalCode::ReasonRequired)
                    .fact("why", format!("rework from {from} to {to}")));
            }
            Edge::Forward | Edge::Skip | Edge::Rework => {}
        }
        if parcel.flags.has(Flag::Suspended) {
            return Err(self.suspended(id, index));
        }
        if from == Node::AwaitingPayment {
            return Err(
                Refusal::new(RefusalCode::NotPaid).fact("order_number", &self.order(id).number)
            );
        }
        if !overriding {
            self.check_scanner(id, index, advance)?;
        }
        self.check_goods(id, index, advance)?;
        if from < Node::WarehouseAssigned || to == Node::WarehouseAssigned {
            self.pin_parcel(id, index)?;
        }
        Ok(self.move_parcel(id, index, advance, overriding))
    }

    /// Cancelled parcels, version.
    fn check_standing(
        &self,
        id: OrderId,
        index: usize,
        advance: &AdvanceParcel,
    ) -> Result<(), Refusal> {
        let parcel = self.parcel(id, index);
        let parcel_id = || self.parcel_id(id, index);
        if parcel.status == OrderStatus::Cancelled {
            let instruction = if parcel.flags.has(Flag::PutbackOpen) {
                "放入退货框 (put it into the returns bin)"
            } else {
                "不要处理 (leave it alone)"
            };
            return Err(Refusal::new(RefusalCode::ParcelCancelled)
                .fact("parcel_id", parcel_id())
                .fact("instruction", instruction));
        }
        let expected = advance.expected_version != 0 && !planted!(IgnoreVersion);
        if expected && advance.expected_version != parcel.version {
            return Err(Refusal::new(RefusalCode::VersionConflict)
                .fact("parcel_id", parcel_id())
                .fact("expected_version", advance.expected_version)
                .fact("current_version", parcel.version)
                .fact("current", parcel.node)
                .fact("allowed", self.allowed(id, index)));
        }
        Ok(())
    }

    /// A device is where it is registered to be.
    pub(super) fn check_device(&self, warehouse: NameId) -> Result<(), Refusal> {
        let m = self.m();
        let home = m.catalogue.devices.get(&self.device());
        if self.device() == 0 || !m.policy().require_registered_device || home == Some(&warehouse) {
            return Ok(());
        }
        let mut refusal = Refusal::new(RefusalCode::DeviceNotRegistered)
            .fact("device", m.names.text(self.device()))
            .fact("warehouse", m.names.text(warehouse));
        if let Some(home) = home {
            refusal = refusal.fact("registered_to", m.names.text(*home));
        }
        Err(refusal)
    }

    /// Role, device and the device's clock.
    fn check_scanner(
        &self,
        id: OrderId,
        index: usize,
        advance: &AdvanceParcel,
    ) -> Result<(), Refusal> {
        let policy = self.m().policy();
        let parcel = self.parcel(id, index);
        if !policy.may_enter(advance.node, self.role()) && !planted!(AnyoneScans) {
            return Err(Refusal::new(RefusalCode::RoleNotAllowed)
                .fact("role", self.role())
                .fact("node", advance.node)
                .fact("allowed", policy.entering_roles(advance.node)));
        }
        self.check_device(parcel.warehouse)?;
        let previous = parcel.last_occurred_at();
        let occurred_at = advance.occurred_at.unwrap_or(self.now);
        if occurred_at < previous - policy.device_skew_minutes * MINUTE {
            return Err(Refusal::new(RefusalCode::OccurredTooEarly)
                .fact("occurred_at", rfc3339(occurred_at))
                .fact("previous", rfc3339(previous))
                .fact("skew_minutes", policy.device_skew_minutes));
        }
        Ok(())
    }

    /// Goods that are not there cannot move on.
    fn check_goods(
        &self,
        id: OrderId,
        index: usize,
        advance: &AdvanceParcel,
    ) -> Result<(), Refusal> {
        let parcel = self.parcel(id, index);
        let parcel_id = || self.parcel_id(id, index);
        let home = self.m().names.text(parcel.warehouse);
        if !advance.warehouse.is_empty() && advance.warehouse != home {
            return Err(Refusal::new(RefusalCode::WarehouseMismatch)
                .fact("parcel_id", parcel_id())
                .fact("warehouse", home)
                .fact("given", &advance.warehouse));
        }
        let (backordered, short) = self.order(id).lacking(index);
        if advance.node > Node::WarehouseAssigned && backordered > 0 {
            return Err(Refusal::new(RefusalCode::BackorderOpen)
                .fact("parcel_id", parcel_id())
                .fact("backordered", backordered));
        }
        if advance.node > Node::WarehouseAssigned && short > 0 && !planted!(SendShort) {
            return Err(Refusal::new(RefusalCode::ShortPromise)
                .fact("parcel_id", parcel_id())
                .fact("short", short));
        }
        Ok(())
    }

    fn move_parcel(
        &mut self,
        id: OrderId,
        index: usize,
        advance: &AdvanceParcel,
        overriding: bool,
    ) -> Done {
        let from = self.parcel(id, index).node;
        let base = if overriding { Step::OVERRIDE } else { 0 };
        let occurred_at = advance.occurred_at.unwrap_or(0);
        let skipped: Vec<Node> = from.between(advance.node).collect();
        let reason = self.name(&advance.reason);
        for node in &skipped {
            let marks = u32::from(base | Step::INFERRED);
            self.enter(id, index, *node, occurred_at, marks, 0, None);
        }
        let marks = if from.edge(advance.node) == Edge::Rework {
            base | Step::REWORK
        } else {
            base
        };
        self.enter(
            id,
            index,
            advance.node,
            occurred_at,
            marks.into(),
            reason,
            Some(advance),
        );
        let mut done = self.parcel_done(id, index);
        done.inferred = skipped.iter().map(|node| node.number().into()).collect();
        done
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one step")]
    fn enter(
        &mut self,
        id: OrderId,
        index: usize,
        node: Node,
        occurred_at: Millis,
        marks: u32,
        reason: NameId,
        scan: Option<&AdvanceParcel>,
    ) {
        let movements = if node == Node::Departed {
            self.departures(id, index)
        } else {
            Vec::new()
        };
        let (due_at, red_at) = self.dues(id, index, node, self.now);
        let advanced = ParcelAdvanced {
            order: id,
            parcel: narrow_index(index),
            node: node.number().into(),
            occurred_at,
            marks,
            reason,
            scan_id: scan.map_or_else(String::new, |scan| scan.scan_id.clone()),
            evidence: scan.map_or_else(Vec::new, evidence_of),
            due_at,
            red_at,
            by_engine: false,
        };
        self.emit_with(Event::ParcelAdvanced(advanced), movements);
    }

    fn departures(&self, id: OrderId, index: usize) -> Vec<Movement> {
        let order = self.order(id);
        let promises = order
            .promised_in(index)
            .into_iter()
            .map(|promise| &order.promises[promise]);
        promises
            .filter(|promise| promise.bucket == Bucket::Allocated && promise.quantity > 0)
            .map(|promise| {
                movement(
                    promise.pool,
                    promise.batch,
                    Bucket::Allocated,
                    Bucket::Customer,
                    promise.units(),
                )
            })
            .collect()
    }

    /// Yellow and red instants of a node entered at `at`.
    pub(super) fn dues(
        &self,
        id: OrderId,
        index: usize,
        node: Node,
        at: Millis,
    ) -> (Millis, Millis) {
        let order = self.order(id);
        let policy = self.m().policy();
        let minutes = policy.sla(node, order.urgency);
        if minutes == 0 || node == Node::AwaitingPayment {
            return (0, 0);
        }
        let after = |minutes: u32| {
            let calendar = self
                .m()
                .catalogue
                .warehouses
                .get(&order.parcels[index].warehouse);
            match calendar {
                Some(warehouse) if node.spec().working_hours => {
                    warehouse.calendar.add_working(at, minutes)
                }
                _ => at + Millis::from(minutes) * MINUTE,
            }
        };
        let due_at = after(minutes);
        if node == Node::Signed {
            return (due_at, 0);
        }
        let promised = order.ship_by - policy.red_before_promise_minutes * MINUTE;
        let twice = after(minutes * 2);
        let red_at = if order.ship_by != 0 && node < Node::Departed {
            twice.min(promised)
        } else {
            twice
        };
        (due_at, red_at.max(1))
    }

    fn keep_evidence(
        &mut self,
        id: OrderId,
        index: usize,
        advance: &AdvanceParcel,
        missing_departure: bool,
    ) -> Done {
        self.emit(Event::EvidenceKept(EvidenceKept {
            order: id,
            parcel: narrow_index(index),
            node: advance.node.number().into(),
            occurred_at: advance.occurred_at.unwrap_or(self.now),
            scan_id: advance.scan_id.clone(),
            evidence: evidence_of(advance),
            missing_departure,
        }));
        let mut done = self.parcel_done(id, index);
        done.evidence_only = true;
        done
    }

    fn illegal(&self, id: OrderId, index: usize, target: Node, because: &str) -> Refusal {
        Refusal::new(RefusalCode::IllegalTransition)
            .fact("parcel_id", self.parcel_id(id, index))
            .fact("current", self.parcel(id, index).node)
            .fact("target", target)
            .fact("because", because)
            .fact("allowed", self.allowed(id, index))
    }

    fn allowed(&self, id: OrderId, index: usize) -> String {
        self.parcel(id, index)
            .node
            .allowed()
            .map(Node::id)
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn suspended(&self, id: OrderId, index: usize) -> Refusal {
        let parcel = self.parcel(id, index);
        Refusal::new(RefusalCode::Suspended)
            .fact("parcel_id", self.parcel_id(id, index))
            .fact("reason", self.m().names.text(parcel.blocked_by))
            .fact("owner", parcel.owner)
    }

    pub(super) fn parcel_id(&self, id: OrderId, index: usize) -> String {
        part_id(&self.order(id).number, '/', index + 1)
    }

    /// Pins every promise of a parcel to batches, first to expire first.
    pub(super) fn pin_parcel(&mut self, id: OrderId, index: usize) -> Result<(), Refusal> {
        for promise in self.order(id).promised_in(index) {
            let target = &self.order(id).promises[promise];
            if target.is_open() && target.batch == 0 {
                self.pin(id, promise)?;
            }
        }
        Ok(())
    }

    /// Pins one promise. Pools without batches need none.
    pub(super) fn pin(&mut self, id: OrderId, index: usize) -> Result<(), Refusal> {
        let promise = &self.order(id).promises[index];
        let (asked, pool) = (promise.units(), self.m().pool(promise.pool));
        if pool.batches.is_empty() || asked == 0 {
            return Ok(());
        }
        let mut left = asked;
        let mut picks: Vec<(NameId, i64)> = Vec::new();
        for batch in pool
            .batches
            .iter()
            .filter(|batch| batch.expires_at > self.now)
        {
            let units = left.min(batch.get(Bucket::Available));
            if units > 0 {
                picks.push((batch.name, units));
                left -= units;
            }
        }
        // Goods that came without a batch serve what the batches cannot.
        if left > self.unbatched(promise.pool) {
            let free = asked - left;
            return Err(Refusal::new(RefusalCode::BatchInsufficient)
                .fact("sku", self.m().names.text(pool.sku))
                .fact("warehouse", self.m().names.text(pool.warehouse))
                .fact("asked", asked)
                .fact("free", free));
        }
        for (batch, quantity) in picks {
            // The pinned part is cut off; what is left stays at this index.
            let promise = u32::try_from(index).expect("few promises an order");
            self.emit(Event::BatchPinned(BatchPinned {
                order: id,
                promise,
                batch,
                quantity,
            }));
        }
        Ok(())
    }

    /// Units on the shelf that belong to no batch and to no pinned promise.
    fn unbatched(&self, pool: u32) -> i64 {
        let pool = self.m().pool(pool);
        let on_shelf = [Bucket::Available, Bucket::Held, Bucket::Allocated]
            .map(|bucket| pool.counters.get(bucket))
            .iter()
            .sum::<i64>();
        let batched: i64 = pool
            .batches
            .iter()
            .map(|batch| {
                batch.get(Bucket::Available)
                    + batch.get(Bucket::Held)
                    + batch.get(Bucket::Allocated)
            })
            .sum();
        (on_shelf - batched).max(0)
    }

    pub(super) fn reroute_parcel(&mut self, reroute: &RerouteParcel) -> Result<Done, Refusal> {
        let (id, index) = self.find_parcel(&reroute.parcel_id)?;
        self.settle(id);
        let warehouse = self.find_warehouse(&reroute.warehouse)?;
        let parcel = self.parcel(id, index);
        self.check_open(id, index)?;
        if parcel.node > Node::WaveAssigned {
            return Err(Refusal::new(RefusalCode::RerouteTooLate)
                .fact("parcel_id", &reroute.parcel_id)
                .fact("current", parcel.node));
        }
        if parcel.warehouse == warehouse {
            return Ok(self.parcel_done(id, index));
        }
        let promises: Vec<usize> = self
            .order(id)
            .promised_in(index)
            .into_iter()
            .filter(|promise| self.order(id).promises[*promise].is_open())
            .collect();
        if promises.is_empty() {
            let state = self
                .order(id)
                .holds
                .last()
                .map_or("none", |hold| hold.state.id());
            return Err(Refusal::new(RefusalCode::HoldNotLive)
                .fact("order_number", &self.order(id).number)
                .fact("hold_state", state));
        }
        let moved = self.rehome(id, &promises, warehouse)?;
        let left = self.pools_of(id);
        let mut movements = Vec::new();
        for (promise_index, target) in promises.iter().zip(&moved) {
            let promise = &self.order(id).promises[*promise_index];
            if promise.quantity > 0 {
                movements.push(movement(
                    promise.pool,
                    promise.batch,
                    promise.bucket,
                    Bucket::Available,
                    promise.units(),
                ));
            }
            let whole = promise.units() + i64::from(promise.backordered + promise.short);
            movements.push(movement(
                target.pool,
                0,
                Bucket::Available,
                promise.bucket,
                whole,
            ));
        }
        let reason = self.name(&reroute.reason);
        self.emit_with(
            Event::ParcelRerouted(ParcelRerouted {
                order: id,
                parcel: narrow_index(index),
                warehouse,
                reason,
                moved,
            }),
            movements,
        );
        for pool in left {
            self.fill_backorders(pool);
        }
        if self.parcel(id, index).node >= Node::WarehouseAssigned {
            // Covered units were checked; batches that do not cover them leave
            // the parcel unpinned, and node 3 is refused again until they do.
            let _ = self.pin_parcel(id, index);
        }
        Ok(self.parcel_done(id, index))
    }

    /// Finds room for a parcel's promises in another warehouse, all or none.
    fn rehome(
        &mut self,
        id: OrderId,
        promises: &[usize],
        warehouse: NameId,
    ) -> Result<Vec<Rehomed>, Refusal> {
        let mut moved = Vec::with_capacity(promises.len());
        let mut needs: Vec<(u32, i64)> = Vec::new();
        for index in promises {
            let promise = &self.order(id).promises[*index];
            let asked = promise.units() + i64::from(promise.backordered + promise.short);
            let sku = self.m().pool(promise.pool).sku;
            let Some(pool) = self.m().pool_of(sku, warehouse) else {
                return Err(self.shortage(
                    Refusal::new(RefusalCode::StockInsufficient),
                    "",
                    sku,
                    warehouse,
                    asked,
                    0,
                ));
            };
            let place = needs
                .iter()
                .position(|(other, _)| *other == pool)
                .unwrap_or_else(|| {
                    needs.push((pool, 0));
                    needs.len() - 1
                });
            needs[place].1 += asked;
            let (need, free) = (needs[place].1, self.free(pool));
            if free < need {
                return Err(self.shortage(
                    Refusal::new(RefusalCode::StockInsufficient),
                    "",
                    sku,
                    warehouse,
                    need,
                    free,
                ));
            }
            moved.push(Rehomed {
                promise: u32::try_from(*index).expect("few promises an order"),
                pool,
            });
        }
        for (pool, need) in needs {
            self.free_up(pool, need);
        }
        Ok(moved)
    }

    fn check_open(&self, id: OrderId, index: usize) -> Result<(), Refusal> {
        let (order, parcel) = (self.order(id), self.parcel(id, index));
        if parcel.is_open() {
            return Ok(());
        }
        Err(Refusal::new(RefusalCode::OrderClosed)
            .fact("order_number", &order.number)
            .fact("status", parcel.status)
            .fact("what", "changes"))
    }

    pub(super) fn split_parcel(&mut self, split: &SplitParcel) -> Result<Done, Refusal> {
        let (id, index) = self.find_parcel(&split.parcel_id)?;
        self.settle(id);
        self.check_open(id, index)?;
        self.check_splits(id, index)?;
        let mut units = Vec::new();
        for (position, (sku, quantity)) in split.units.iter().enumerate() {
            let sku_id = self.find_sku(sku)?;
            let left = self.take_units(id, index, sku_id, *quantity, &mut units);
            if left > 0 {
                return Err(too_many(position, sku, *quantity, left));
            }
        }
        if units.is_empty() || total(&units) >= self.units_of_parcel(id, index) {
            return Err(self.split_too_late(id, index));
        }
        let reason = self.name(&split.reason);
        let new = self.split_off(id, index, units, reason);
        let mut done = self.parcel_done(id, index);
        done.new_parcel = Some(self.m().parcel_view(id, new, self.deadline_now));
        Ok(done)
    }

    /// Chooses units of a SKU among a parcel's promises; gives how many are missing.
    pub(super) fn take_units(
        &self,
        id: OrderId,
        index: usize,
        sku: NameId,
        quantity: i64,
        units: &mut Vec<PromiseUnits>,
    ) -> i64 {
        let order = self.order(id);
        let mut left = quantity;
        for promise_index in order.promised_in(index) {
            let promise = &order.promises[promise_index];
            let used = units
                .iter()
                .any(|units| units.promise as usize == promise_index);
            if used || left == 0 || self.m().pool(promise.pool).sku != sku {
                continue;
            }
            let reserved = left.min(promise.units());
            let awaited = (left - reserved).min(promise.backordered.into());
            if reserved + awaited == 0 {
                continue;
            }
            left -= reserved + awaited;
            units.push(PromiseUnits {
                promise: u32::try_from(promise_index).expect("few promises an order"),
                quantity: reserved,
                backordered: awaited,
            });
        }
        left
    }

    pub(super) fn units_of_parcel(&self, id: OrderId, index: usize) -> i64 {
        let order = self.order(id);
        let promises = order.promised_in(index).into_iter();
        promises
            .map(|promise| {
                order.promises[promise].units() + i64::from(order.promises[promise].backordered)
            })
            .sum()
    }

    /// Units leave for a parcel of their own; gives its place in the order.
    pub(super) fn split_off(
        &mut self,
        id: OrderId,
        index: usize,
        units: Vec<PromiseUnits>,
        reason: NameId,
    ) -> usize {
        self.emit(Event::ParcelSplit(ParcelSplit {
            order: id,
            parcel: narrow_index(index),
            units,
            reason,
        }));
        self.order(id).parcels.len() - 1
    }

    pub(super) fn check_splits(&self, id: OrderId, index: usize) -> Result<(), Refusal> {
        if self.parcel(id, index).node > Node::Packed {
            return Err(self.split_too_late(id, index));
        }
        Ok(())
    }

    fn split_too_late(&self, id: OrderId, index: usize) -> Refusal {
        Refusal::new(RefusalCode::SplitTooLate)
            .fact("parcel_id", self.parcel_id(id, index))
            .fact("current", self.parcel(id, index).node)
    }

    pub(super) fn suspend_parcel(&mut self, suspend: &SuspendParcel) -> Result<Done, Refusal> {
        let (id, index) = self.find_parcel(&suspend.parcel_id)?;
        self.check_open(id, index)?;
        if suspend.reason.is_empty() {
            return Err(
                Refusal::new(RefusalCode::ReasonRequired).fact("why", "a parcel is suspended")
            );
        }
        let reason = self.name(&suspend.reason);
        let minutes = if suspend.review_minutes == 0 {
            self.m().policy().review_minutes
        } else {
            suspend.review_minutes
        };
        let due_at = self.now + minutes * MINUTE;
        self.emit(Event::ParcelSuspended(ParcelSuspended {
            order: id,
            parcel: narrow_index(index),
            reason,
            owner: suspend.owner.number().into(),
            due_at,
        }));
        Ok(self.parcel_done(id, index))
    }

    pub(super) fn resume_parcel(&mut self, resume: &ResumeParcel) -> Result<Done, Refusal> {
        let (id, index) = self.find_parcel(&resume.parcel_id)?;
        self.check_open(id, index)?;
        let parcel = self.parcel(id, index);
        if !parcel.flags.has(Flag::Suspended) && !parcel.flags.has(Flag::Intercept) {
            return Err(
                Refusal::new(RefusalCode::NotSuspended).fact("parcel_id", &resume.parcel_id)
            );
        }
        if resume.reason.is_empty() {
            return Err(Refusal::new(RefusalCode::ReasonRequired)
                .fact("why", "a suspension ends with a decision"));
        }
        // The clock of the node starts again: the wait was not the floor's.
        let (due_at, red_at) = self.dues(id, index, self.parcel(id, index).node, self.now);
        let reason = self.name(&resume.reason);
        self.emit(Event::ParcelResumed(ParcelResumed {
            order: id,
            parcel: narrow_index(index),
            reason,
            due_at,
            red_at,
        }));
        Ok(self.parcel_done(id, index))
    }
}

fn evidence_of(advance: &AdvanceParcel) -> Vec<Evidence> {
    advance
        .evidence
        .iter()
        .map(|(key, value)| Evidence {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
}

pub(super) fn total(units: &[PromiseUnits]) -> i64 {
    let units = units.iter();
    units.map(|units| units.quantity + units.backordered).sum()
}

pub(super) fn too_many(position: usize, sku: &str, asked: i64, missing: i64) -> Refusal {
    Refusal::field(
        format!("units[{position}].quantity"),
        asked,
        format!(
            "at most {} units of {sku}, which are there",
            asked - missing
        ),
    )
}

pub(super) fn narrow_index(index: usize) -> u32 {
    u32::try_from(index).expect("few parcels an order")
}
