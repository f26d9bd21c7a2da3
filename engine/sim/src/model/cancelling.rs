//! Cancelling: what it means depends on where the goods are.

use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::words::{Bucket, CancelResult, HoldState, OrderStatus};

use super::shop::{Order, Shop};
use super::{Moment, Told, Verdict, Wrong};
use crate::ask::{ParcelRef, Units};

/// Units that leave a promise: its index, reserved, awaited.
pub(super) type Cut = (usize, i64, i64);

impl Shop {
    pub(super) fn find_parcel(&self, at: ParcelRef) -> Result<(usize, usize), RefusalCode> {
        let order = self.find(at.order).ok_or(RefusalCode::ParcelNotFound)?;
        let parcel = usize::from(at.parcel).wrapping_sub(1);
        if parcel < self.orders[order].parcels.len() {
            Ok((order, parcel))
        } else {
            Err(RefusalCode::ParcelNotFound)
        }
    }

    pub(super) fn cancel(&mut self, number: u16, parcels: &[u8], units: &[Units]) -> Verdict {
        let Some(order) = self.find(number) else {
            return Ok(Err(RefusalCode::OrderNotFound));
        };
        let mut named: Vec<usize> = Vec::new();
        for parcel in parcels {
            let at = ParcelRef {
                order: number,
                parcel: *parcel,
            };
            match self.find_parcel(at) {
                Ok((_, parcel)) if !named.contains(&parcel) => named.push(parcel),
                Ok(_) => {}
                Err(code) => return Ok(Err(code)),
            }
        }
        if parcels.is_empty() {
            named = (0..self.orders[order].parcels.len()).collect();
        }
        let known = &self.orders[order];
        let signed = |index: &usize| {
            let parcel = &known.parcels[*index];
            parcel.node == 12 && parcel.status != OrderStatus::Cancelled
        };
        if named.iter().all(signed) {
            return Ok(Err(RefusalCode::CancelRefused));
        }
        let parts: Vec<(usize, Vec<Cut>)> = if units.is_empty() {
            named
                .into_iter()
                .map(|parcel| (parcel, Vec::new()))
                .collect()
        } else {
            match self.parts(order, named, units) {
                Ok(parts) => parts,
                Err(code) => return Ok(Err(code)),
            }
        };
        let mut told = Told::order(order);
        let known = &mut self.orders[order];
        let parcels: Vec<usize> = parts
            .into_iter()
            .map(|(parcel, cuts)| match cuts.is_empty() {
                true => parcel,
                false => known.split_off(parcel, &cuts),
            })
            .collect();
        for parcel in parcels {
            told.cancels.push(self.cancel_parcel(order, parcel)?);
        }
        self.fill_all_of(order)?;
        Ok(Ok(told))
    }

    /// The named units among parcels, the least far first.
    fn parts(
        &self,
        order: usize,
        mut named: Vec<usize>,
        units: &[Units],
    ) -> Result<Vec<(usize, Vec<Cut>)>, RefusalCode> {
        let known = &self.orders[order];
        named.retain(|parcel| known.parcels[*parcel].status != OrderStatus::Cancelled);
        named.sort_by_key(|parcel| known.parcels[*parcel].node);
        let mut parts: Vec<(usize, Vec<Cut>)> = named
            .into_iter()
            .map(|parcel| (parcel, Vec::new()))
            .collect();
        for asked in units {
            if !self.knows_sku(asked.sku) {
                return Err(RefusalCode::SkuUnknown);
            }
            let mut left = asked.quantity;
            for (parcel, cuts) in &mut parts {
                left = self.take_units(order, *parcel, asked.sku, left, cuts);
            }
            if left > 0 {
                return Err(RefusalCode::FieldInvalid);
            }
        }
        parts.retain(|(_, cuts)| !cuts.is_empty());
        for (parcel, cuts) in &mut parts {
            if total(cuts) == known.units_of(*parcel) {
                cuts.clear();
            } else if known.parcels[*parcel].node > 8 {
                return Err(RefusalCode::SplitTooLate);
            }
        }
        Ok(parts)
    }

    /// Takes units of a SKU from a parcel's promises; gives what is missing.
    pub(super) fn take_units(
        &self,
        order: usize,
        parcel: usize,
        sku: u8,
        mut left: i64,
        cuts: &mut Vec<Cut>,
    ) -> i64 {
        let known = &self.orders[order];
        for index in known.promised_in(parcel) {
            let promise = &known.promises[index];
            let used = cuts.iter().any(|(used, ..)| *used == index);
            if used || self.shelves[promise.shelf].sku != sku {
                continue;
            }
            let now = left.min(promise.units);
            let later = (left - now).min(promise.awaited);
            if now + later > 0 {
                left -= now + later;
                cuts.push((index, now, later));
            }
        }
        left
    }

    fn cancel_parcel(&mut self, order: usize, index: usize) -> Result<(u32, u32, u32), Wrong> {
        let parcel = &self.orders[order].parcels[index];
        let node = parcel.node;
        let answer = |result: CancelResult| {
            let place = u32::try_from(index + 1).expect("few parcels");
            (place, u32::from(result.number()), u32::from(node))
        };
        if parcel.status == OrderStatus::Cancelled {
            return Ok(answer(CancelResult::AlreadyCancelled));
        }
        let (result, to) = match node {
            12 => return Ok(answer(CancelResult::RefusedSigned)),
            10 | 11 => {
                let order = &mut self.orders[order];
                order.refund_due = true;
                order.parcels[index].intercepted = true;
                order.parcels[index].version += 1;
                order.parcels[index].stock_lost = false;
                return Ok(answer(CancelResult::InterceptOpened));
            }
            5..=9 => (CancelResult::PutbackOpen, Bucket::Putback),
            _ => (CancelResult::Cancelled, Bucket::Available),
        };
        for promise in self.orders[order].promised_in(index) {
            self.put_promise(order, promise, to)?;
        }
        let known = &mut self.orders[order];
        known.refund_due |= node > 1;
        for hold in 0..known.holds.len() {
            if known.holds[hold].keeps() && known.held_by(hold).is_empty() {
                known.holds[hold].state = HoldState::Released;
            }
        }
        let parcel = &mut known.parcels[index];
        parcel.version += 1;
        parcel.status = OrderStatus::Cancelled;
        parcel.suspended = false;
        parcel.overdue = false;
        parcel.to_put_back = result == CancelResult::PutbackOpen;
        parcel.stock_lost = false;
        (parcel.due_at, parcel.red_at) = (0, 0);
        known.settle_status();
        self.note_live(order);
        Ok(answer(result))
    }

    pub(super) fn put_back(&mut self, at: ParcelRef, moment: Moment) -> Verdict {
        let (order, index) = match self.find_parcel(at) {
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        let parcel = &self.orders[order].parcels[index];
        if !parcel.to_put_back {
            return Ok(Err(RefusalCode::NothingToPutBack));
        }
        if !self.device_is_at(moment.device, parcel.warehouse) {
            return Ok(Err(RefusalCode::DeviceNotRegistered));
        }
        for promise in self.orders[order].promised_in(index) {
            self.put_promise(order, promise, Bucket::Available)?;
        }
        let parcel = &mut self.orders[order].parcels[index];
        parcel.to_put_back = false;
        parcel.version += 1;
        self.fill_all_of(order)?;
        Ok(Ok(Told::parcel(order, index)))
    }
}

pub(super) fn total(cuts: &[Cut]) -> i64 {
    cuts.iter().map(|(_, units, awaited)| units + awaited).sum()
}

impl Order {
    pub(super) fn units_of(&self, parcel: usize) -> i64 {
        let promises = self.promised_in(parcel).into_iter();
        promises
            .map(|index| self.promises[index].units + self.promises[index].awaited)
            .sum()
    }

    /// Cuts units off a promise; gives the index of the part.
    pub(super) fn cut(&mut self, index: usize, units: i64, awaited: i64) -> usize {
        let whole = &mut self.promises[index];
        if whole.units == units && whole.awaited == awaited {
            return index;
        }
        whole.units -= units;
        whole.awaited -= awaited;
        let mut part = whole.clone();
        (part.units, part.awaited, part.short) = (units, awaited, 0);
        self.promises.push(part);
        self.promises.len() - 1
    }

    /// A new parcel beside another, with the same past.
    pub(super) fn twin(&mut self, parcel: usize) -> usize {
        let mut twin = self.parcels[parcel].clone();
        twin.version = 1;
        self.parcels.push(twin);
        self.parcels.len() - 1
    }

    /// Units leave for a parcel of their own; gives its place.
    pub(super) fn split_off(&mut self, parcel: usize, cuts: &[Cut]) -> usize {
        let new = self.twin(parcel);
        for (index, units, awaited) in cuts {
            let part = self.cut(*index, *units, *awaited);
            self.promises[part].parcel = new;
        }
        self.parcels[parcel].version += 1;
        new
    }
}
