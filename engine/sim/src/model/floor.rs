//! The floor: parcels through their nodes, with the model's own table of them.

use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::time::{MINUTE, Millis};
use holdfast_engine::domain::words::{Bucket, OrderStatus};

use super::cancelling::total;
use super::shop::{Order, Parcel, Shop};
use super::{Moment, Told, Verdict};
use crate::ask::{ParcelRef, Scan, Units};

/// Minutes that a parcel may stay at each node.
const MINUTES: [i64; 12] = [15, 10, 60, 30, 40, 15, 10, 30, 60, 240, 4_320, 10_080];
/// Nodes that are never inferred.
const NEVER_INFERRED: [u8; 4] = [2, 3, 6, 10];
/// Where rework leads back to.
const REWORK: [(u8, u8); 6] = [(3, 2), (4, 3), (6, 5), (7, 6), (8, 7), (9, 8)];

/// Who may scan a parcel into a node.
#[must_use]
pub fn scanners(node: u8) -> &'static [Role] {
    match node {
        1 => &[Role::Integration],
        2 => &[Role::Engine, Role::Reviewer, Role::CustomerService],
        3 => &[Role::Engine, Role::Reviewer],
        4 => &[Role::WavePlanner, Role::Integration],
        5 => &[Role::Picker],
        6 => &[Role::Checker],
        7 => &[Role::Labeler],
        8 => &[Role::Packer],
        9 => &[Role::Dispatcher],
        10 => &[Role::Driver, Role::Dispatcher],
        11 => &[Role::Carrier, Role::Driver],
        _ => &[Role::Carrier, Role::Customer],
    }
}

impl Parcel {
    /// Enters a node; `keeps_dues` while a person's review decides.
    pub(super) fn enter(
        &mut self,
        node: u8,
        now: Millis,
        occurred_at: Millis,
        urgency: u8,
        keeps_dues: bool,
    ) {
        let dues = if keeps_dues {
            (self.due_at, self.red_at)
        } else {
            dues(node, urgency, now)
        };
        self.node = node;
        self.version += 1;
        (self.due_at, self.red_at) = dues;
        self.red_noted = false;
        self.overdue = false;
        self.occurred_at = occurred_at;
        if node >= 10 {
            self.missing_departure = false;
        }
    }

    pub(super) fn suspend(&mut self, due_at: Millis, owner: Role, stock_lost: bool) {
        self.version += 1;
        self.suspended = true;
        self.overdue = false;
        self.red_noted = false;
        self.stock_lost = stock_lost;
        self.owner = owner;
        (self.due_at, self.red_at) = (due_at, 0);
    }

    pub(super) fn resume(&mut self, due_at: Millis, red_at: Millis) {
        self.version += 1;
        self.suspended = false;
        self.intercepted = false;
        self.overdue = false;
        self.red_noted = false;
        self.stock_lost = false;
        (self.due_at, self.red_at) = (due_at, red_at);
    }
}

/// Yellow and red instants of a node that is entered now.
fn dues(node: u8, urgency: u8, now: Millis) -> (Millis, Millis) {
    if node == 1 {
        return (0, 0);
    }
    let whole = MINUTES[usize::from(node) - 1];
    let minutes = match urgency {
        2 if node <= 10 => (whole * 50 + 99) / 100,
        3 if node <= 10 => (whole * 25 + 99) / 100,
        _ => whole,
    };
    let due_at = now + minutes * MINUTE;
    let red_at = now + 2 * minutes * MINUTE;
    (due_at, if node == 12 { 0 } else { red_at })
}

impl Shop {
    pub(super) fn advance(&mut self, scan: &Scan, at: Moment) -> Verdict {
        let (order, index) = match self.find_parcel(scan.at) {
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        if scan.overriding && !scan.reason {
            return Ok(Err(RefusalCode::ReasonRequired));
        }
        let parcel = &self.orders[order].parcels[index];
        if parcel.status == OrderStatus::Cancelled {
            return Ok(Err(RefusalCode::ParcelCancelled));
        }
        if scan.version != 0 && scan.version != parcel.version {
            return Ok(Err(RefusalCode::VersionConflict));
        }
        let (from, to) = (parcel.node, scan.node);
        let rework = REWORK.contains(&(from, to));
        let evidence = || {
            let mut told = Told::parcel(order, index);
            told.evidence_only = true;
            Ok(Ok(told))
        };
        if to <= from && !rework {
            return evidence();
        }
        let skipped: Vec<u8> = if rework {
            vec![]
        } else {
            (from + 1..to).collect()
        };
        let needed = skipped.iter().find(|node| NEVER_INFERRED.contains(node));
        if needed == Some(&10) && !scan.overriding {
            let parcel = &mut self.orders[order].parcels[index];
            parcel.missing_departure = true;
            parcel.version += 1;
            return evidence();
        }
        if needed.is_some() || !skipped.is_empty() && !self.rules.infer_nodes {
            return Ok(Err(RefusalCode::IllegalTransition));
        }
        if rework && !scan.reason {
            return Ok(Err(RefusalCode::ReasonRequired));
        }
        if let Err(code) = self.check_scan(order, index, scan, at) {
            return Ok(Err(code));
        }
        let occurred_at = scan.occurred_at.unwrap_or(at.now);
        for node in skipped.iter().copied().chain([to]) {
            if node == 10 {
                for promise in self.orders[order].promised_in(index) {
                    self.put_promise(order, promise, Bucket::Customer)?;
                }
            }
            let urgency = self.orders[order].urgency;
            self.orders[order].parcels[index].enter(node, at.now, occurred_at, urgency, false);
        }
        let mut told = Told::parcel(order, index);
        told.inferred = skipped.into_iter().map(u32::from).collect();
        Ok(Ok(told))
    }

    /// What may stop a scan of a parcel that could move there.
    fn check_scan(
        &self,
        order: usize,
        index: usize,
        scan: &Scan,
        at: Moment,
    ) -> Result<(), RefusalCode> {
        let parcel = &self.orders[order].parcels[index];
        if parcel.suspended {
            return Err(RefusalCode::Suspended);
        }
        if parcel.node == 1 {
            return Err(RefusalCode::NotPaid);
        }
        if !scan.overriding {
            if !scanners(scan.node).contains(&at.role) {
                return Err(RefusalCode::RoleNotAllowed);
            }
            if !self.device_is_at(at.device, parcel.warehouse) {
                return Err(RefusalCode::DeviceNotRegistered);
            }
            if scan.occurred_at.unwrap_or(at.now) < parcel.occurred_at - 5 * MINUTE {
                return Err(RefusalCode::OccurredTooEarly);
            }
        }
        if scan.warehouse != 0 && scan.warehouse != parcel.warehouse {
            return Err(RefusalCode::WarehouseMismatch);
        }
        let (awaited, short) = self.orders[order].lacking(index);
        if scan.node > 3 && awaited > 0 {
            return Err(RefusalCode::BackorderOpen);
        }
        if scan.node > 3 && short > 0 {
            return Err(RefusalCode::ShortPromise);
        }
        Ok(())
    }

    pub(super) fn reroute(&mut self, at: ParcelRef, warehouse: u8, moment: Moment) -> Verdict {
        let (order, index) = match self.find_parcel(at) {
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        if !self.knows_warehouse(warehouse) {
            return Ok(Err(RefusalCode::WarehouseUnknown));
        }
        let parcel = &self.orders[order].parcels[index];
        if !parcel.is_open() {
            return Ok(Err(RefusalCode::OrderClosed));
        }
        if parcel.node > 4 {
            return Ok(Err(RefusalCode::RerouteTooLate));
        }
        if parcel.warehouse == warehouse {
            return Ok(Ok(Told::parcel(order, index)));
        }
        let known = &self.orders[order];
        let mut promises = known.promised_in(index);
        promises.retain(|promise| known.promises[*promise].is_open());
        if promises.is_empty() {
            return Ok(Err(RefusalCode::HoldNotLive));
        }
        let mut needs = vec![0; self.shelves.len()];
        let mut targets = Vec::new();
        for promise in &promises {
            let promise = &known.promises[*promise];
            let sku = self.shelves[promise.shelf].sku;
            let Some(target) = self.shelf(sku, warehouse) else {
                return Ok(Err(RefusalCode::StockInsufficient));
            };
            needs[target] += promise.units + promise.awaited + promise.short;
            if self.free(target, moment.deadline_now) < needs[target] {
                return Ok(Err(RefusalCode::StockInsufficient));
            }
            targets.push(target);
        }
        let mut left: Vec<usize> = Vec::new();
        for (index, target) in promises.into_iter().zip(targets) {
            let promise = &mut self.orders[order].promises[index];
            let old = &mut self.shelves[promise.shelf];
            old.shift(promise.at, Bucket::Available, promise.units)?;
            old.awaited -= promise.awaited;
            left.push(promise.shelf);
            promise.units += promise.awaited + promise.short;
            (promise.awaited, promise.short, promise.shelf) = (0, 0, target);
            self.shelves[target].shift(Bucket::Available, promise.at, promise.units)?;
        }
        let parcel = &mut self.orders[order].parcels[index];
        parcel.warehouse = warehouse;
        parcel.version += 1;
        left.sort_unstable();
        left.dedup();
        for shelf in left {
            self.fill(shelf)?;
        }
        Ok(Ok(Told::parcel(order, index)))
    }

    pub(super) fn split(&mut self, at: ParcelRef, units: &[Units]) -> Result<Told, RefusalCode> {
        let (order, index) = self.find_parcel(at)?;
        let parcel = &self.orders[order].parcels[index];
        if !parcel.is_open() {
            return Err(RefusalCode::OrderClosed);
        }
        if parcel.node > 8 {
            return Err(RefusalCode::SplitTooLate);
        }
        let mut cuts = Vec::new();
        for asked in units {
            if !self.knows_sku(asked.sku) {
                return Err(RefusalCode::SkuUnknown);
            }
            if self.take_units(order, index, asked.sku, asked.quantity, &mut cuts) > 0 {
                return Err(RefusalCode::FieldInvalid);
            }
        }
        if cuts.is_empty() || total(&cuts) >= self.orders[order].units_of(index) {
            return Err(RefusalCode::SplitTooLate);
        }
        let new = self.orders[order].split_off(index, &cuts);
        let mut told = Told::parcel(order, index);
        told.new_parcel = Some(new);
        Ok(told)
    }

    pub(super) fn suspend(
        &mut self,
        at: ParcelRef,
        reason: bool,
        moment: Moment,
    ) -> Result<Told, RefusalCode> {
        let (order, index) = self.find_parcel(at)?;
        if !self.orders[order].parcels[index].is_open() {
            return Err(RefusalCode::OrderClosed);
        }
        if !reason {
            return Err(RefusalCode::ReasonRequired);
        }
        let due_at = moment.now + self.review_ms();
        self.orders[order].parcels[index].suspend(due_at, Role::Reviewer, false);
        Ok(Told::parcel(order, index))
    }

    pub(super) fn resume(
        &mut self,
        at: ParcelRef,
        reason: bool,
        moment: Moment,
    ) -> Result<Told, RefusalCode> {
        let (order, index) = self.find_parcel(at)?;
        let urgency = self.orders[order].urgency;
        let parcel = &mut self.orders[order].parcels[index];
        if !parcel.is_open() {
            return Err(RefusalCode::OrderClosed);
        }
        if !parcel.suspended && !parcel.intercepted {
            return Err(RefusalCode::NotSuspended);
        }
        if !reason {
            return Err(RefusalCode::ReasonRequired);
        }
        let (due_at, red_at) = dues(parcel.node, urgency, moment.now);
        parcel.resume(due_at, red_at);
        Ok(Told::parcel(order, index))
    }
}

impl Order {
    /// When a parcel falls due by itself.
    #[must_use]
    pub fn due_of(&self, index: usize) -> Option<Millis> {
        let parcel = &self.parcels[index];
        if !parcel.is_open() || parcel.due_at == 0 {
            return None;
        }
        if parcel.node == 12 {
            return Some(parcel.due_at);
        }
        if !parcel.overdue {
            let both = parcel.red_at != 0 && parcel.red_at < parcel.due_at;
            return Some(if both { parcel.red_at } else { parcel.due_at });
        }
        (parcel.red_at != 0 && !parcel.red_noted).then_some(parcel.red_at)
    }
}
