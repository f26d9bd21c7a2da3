//! Cancelling an order, parcels or lines, and putting goods back: what it means
//! depends on the node that the goods are at.

use super::floor::{narrow_index, too_many, total};
use super::tx::Tx;
use super::units::movement;
use crate::domain::command::{CancelOrder, PutBackParcel};
use crate::domain::event::{Event, ParcelCancelled, ParcelPutBack, PromiseUnits};
use crate::domain::names::NameId;
use crate::domain::orders::OrderId;
use crate::domain::orders::lifecycle::{CancelMeaning, Node};
use crate::domain::outcome::{CancelView, Done};
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::words::{Bucket, CancelResult, Flag, OrderStatus};
use crate::planted::planted;

/// What a cancel takes of a parcel.
struct Part {
    parcel: usize,
    /// Units that leave it; empty where all of it is cancelled.
    units: Vec<PromiseUnits>,
}

impl Part {
    fn whole(parcel: usize) -> Self {
        Self {
            parcel,
            units: Vec::new(),
        }
    }
}

impl Tx<'_> {
    pub(super) fn put_back_parcel(&mut self, put_back: &PutBackParcel) -> Result<Done, Refusal> {
        let (id, index) = self.find_parcel(&put_back.parcel_id)?;
        let parcel = self.parcel(id, index);
        if !parcel.flags.has(Flag::PutbackOpen) {
            return Err(Refusal::new(RefusalCode::NothingToPutBack)
                .fact("parcel_id", &put_back.parcel_id)
                .fact("status", parcel.status)
                .fact("current", parcel.node));
        }
        self.check_device(parcel.warehouse)?;
        let order = self.order(id);
        let promises = order
            .promised_in(index)
            .into_iter()
            .map(|promise| &order.promises[promise]);
        let movements = promises
            .filter(|promise| promise.bucket == Bucket::Putback && promise.quantity > 0)
            .map(|promise| {
                movement(
                    promise.pool,
                    promise.batch,
                    Bucket::Putback,
                    Bucket::Available,
                    promise.units(),
                )
            })
            .collect();
        let scan_id = put_back.scan_id.clone();
        self.emit_with(
            Event::ParcelPutBack(ParcelPutBack {
                order: id,
                parcel: narrow_index(index),
                scan_id,
            }),
            movements,
        );
        self.fill_backorders_of(id);
        Ok(self.parcel_done(id, index))
    }

    /// Cancels parcel by parcel; what it means depends on the node of each.
    pub(super) fn cancel_order(&mut self, cancel: &CancelOrder) -> Result<Done, Refusal> {
        let id = self.find_order(&cancel.order_number)?;
        self.settle(id);
        let named = self.named_parcels(id, &cancel.parcel_ids)?;
        let refused = named.iter().all(|index| {
            let parcel = self.parcel(id, *index);
            parcel.node == Node::Signed && parcel.status != OrderStatus::Cancelled
        });
        if refused {
            return Err(Refusal::new(RefusalCode::CancelRefused)
                .fact("order_number", &self.order(id).number));
        }
        let parts = if cancel.units.is_empty() {
            named.into_iter().map(Part::whole).collect()
        } else {
            self.parts_of(id, named, &cancel.units)?
        };
        let reason = self.name(if cancel.reason.is_empty() {
            "CANCELLED"
        } else {
            &cancel.reason
        });
        // All parts are split off before any is cancelled, and what comes free goes to
        // who waits at the end: it may be another part of this order that waits.
        let parcels: Vec<usize> = parts
            .into_iter()
            .map(|part| match part.units.is_empty() {
                true => part.parcel,
                false => self.split_off(id, part.parcel, part.units, reason),
            })
            .collect();
        let cancels = parcels
            .into_iter()
            .map(|index| self.cancel_parcel(id, index, reason))
            .collect();
        self.fill_backorders_of(id);
        let mut done = self.order_done(id);
        done.cancels = cancels;
        Ok(done)
    }

    /// The parcels of an order that are named; all of them if none is.
    fn named_parcels(&self, id: OrderId, parcel_ids: &[String]) -> Result<Vec<usize>, Refusal> {
        if parcel_ids.is_empty() {
            return Ok((0..self.order(id).parcels.len()).collect());
        }
        let mut named = Vec::new();
        for parcel_id in parcel_ids {
            let (order, index) = self.find_parcel(parcel_id)?;
            if order != id {
                return Err(Refusal::new(RefusalCode::ParcelNotFound).fact("parcel_id", parcel_id));
            }
            if !named.contains(&index) {
                named.push(index);
            }
        }
        Ok(named)
    }

    /// Finds so many units in these parcels, the least far first.
    fn parts_of(
        &self,
        id: OrderId,
        mut parcels: Vec<usize>,
        units: &[(String, i64)],
    ) -> Result<Vec<Part>, Refusal> {
        parcels.retain(|index| self.parcel(id, *index).status != OrderStatus::Cancelled);
        parcels.sort_by_key(|index| self.parcel(id, *index).node);
        let mut parts: Vec<Part> = parcels.into_iter().map(Part::whole).collect();
        for (position, (sku, quantity)) in units.iter().enumerate() {
            let sku_id = self.find_sku(sku)?;
            let mut left = *quantity;
            for part in &mut parts {
                left = self.take_units(id, part.parcel, sku_id, left, &mut part.units);
            }
            if left > 0 {
                return Err(too_many(position, sku, *quantity, left));
            }
        }
        parts.retain(|part| !part.units.is_empty());
        for part in &mut parts {
            if total(&part.units) == self.units_of_parcel(id, part.parcel) || planted!(CancelAll) {
                part.units.clear();
            } else {
                self.check_splits(id, part.parcel)?;
            }
        }
        Ok(parts)
    }

    fn cancel_parcel(&mut self, id: OrderId, index: usize, reason: NameId) -> CancelView {
        let parcel = self.parcel(id, index);
        let node = parcel.node;
        let answer = |result: CancelResult| CancelView {
            parcel: narrow_index(index) + 1,
            result: result.number().into(),
            node: node.number().into(),
        };
        if parcel.status == OrderStatus::Cancelled {
            return answer(CancelResult::AlreadyCancelled);
        }
        let (result, to) = match node.spec().on_cancel {
            CancelMeaning::Release | CancelMeaning::Deallocate => {
                (CancelResult::Cancelled, Some(Bucket::Available))
            }
            CancelMeaning::PutBack => (CancelResult::PutbackOpen, Some(Bucket::Putback)),
            CancelMeaning::Intercept => (CancelResult::InterceptOpened, None),
            CancelMeaning::Refuse => return answer(CancelResult::RefusedSigned),
        };
        let order = self.order(id);
        let mut movements = Vec::new();
        if let Some(to) = to {
            let promises = order
                .promised_in(index)
                .into_iter()
                .map(|promise| &order.promises[promise]);
            let open = promises.filter(|promise| promise.is_open() && promise.quantity > 0);
            movements.extend(open.map(|promise| {
                movement(
                    promise.pool,
                    promise.batch,
                    promise.bucket,
                    to,
                    promise.units(),
                )
            }));
        }
        let cancelled = ParcelCancelled {
            order: id,
            parcel: narrow_index(index),
            reason,
            putback: result == CancelResult::PutbackOpen,
            intercept: result == CancelResult::InterceptOpened,
            refund_due: node > Node::AwaitingPayment && !planted!(ForgetRefund),
        };
        self.emit_with(Event::ParcelCancelled(cancelled), movements);
        answer(result)
    }
}
