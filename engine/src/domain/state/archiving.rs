//! Orders that are over leave memory for the archive, and come back for late commands.
//!
//! The archive itself is files, and none of the state's business. The state says which
//! orders may go, lets them go once they stand in a run of the archive, and knows the
//! last run by its number and its *chain*, a hash over every run so far. Ids of what
//! left are gaps: whoever names such an order hands it over with the question, and gets
//! the answer that it would have had before. If that changes the order, it stays.

use super::tx::Tx;
use super::{Merchant, State};
use crate::domain::event::{ArchivedOf, Entry, Event, OrderRevived, OrdersArchived, Record};
use crate::domain::orders::archived::Archived;
use crate::domain::time::Millis;
use crate::domain::words::Flag;
use crate::planted::planted;

/// Places of the requests' table that are swept for each order that leaves, which had fewer.
const SWEPT_EACH: usize = 64;

/// How far the archive of a state reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArchiveMark {
    /// The last run; 0: nothing was archived.
    pub run: u64,
    pub chain: [u8; 16],
}

/// The chain with one more run of these orders.
#[must_use]
pub fn chained(chain: [u8; 16], orders: &[Archived]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&chain);
    for archived in orders {
        let bytes = archived.encode();
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    let hash = hasher.finalize();
    hash.as_bytes()[..16]
        .try_into()
        .expect("a hash has 32 bytes")
}

impl State {
    /// How far its archive reaches.
    #[must_use]
    pub fn archive_mark(&self) -> ArchiveMark {
        self.archive
    }

    /// Orders that were placed and are not in memory.
    #[must_use]
    pub fn archived_orders(&self) -> usize {
        let gone = |merchant: &Merchant| merchant.orders.placed() - merchant.orders.len();
        self.merchants.iter().map(gone).sum()
    }

    /// At most `limit` orders that may leave at `now`, in the order of merchants and ids.
    #[must_use]
    pub fn archivable(&self, now: Millis, limit: usize) -> Vec<Archived> {
        let now = self.deadline_now(now.max(self.last_at));
        let mut found = Vec::new();
        for (number, merchant) in (0..).zip(&self.merchants) {
            let Some(after) = merchant.policy().archive_after_ms() else {
                continue;
            };
            let due = merchant
                .closed
                .iter()
                .take_while(|(at, _)| *at + after <= now || planted!(ArchiveEarly));
            found.extend(due.take(limit - found.len()).map(|(_, id)| Archived {
                merchant: number,
                id: *id,
                order: merchant.orders.get(*id).clone(),
            }));
        }
        found.sort_unstable_by_key(|archived| (archived.merchant, archived.id));
        found
    }

    /// Lets orders go that stand in run `run` of the archive, as [`State::archivable`] gave
    /// them. Append the record. None if one of them has changed since: archive again.
    pub fn archive(&mut self, orders: &[Archived], run: u64, now: Millis) -> Option<Record> {
        let is_same = |archived: &Archived| {
            let merchant = self.merchants.get(archived.merchant as usize);
            merchant.and_then(|merchant| merchant.orders.look(archived.id)) == Some(&archived.order)
        };
        if orders.is_empty() || !orders.iter().all(is_same) {
            return None;
        }
        let mut merchants: Vec<ArchivedOf> = Vec::new();
        for archived in orders {
            match merchants.last_mut() {
                Some(last) if last.merchant == archived.merchant => last.orders.push(archived.id),
                _ => merchants.push(ArchivedOf {
                    merchant: archived.merchant,
                    orders: vec![archived.id],
                }),
            }
        }
        let now = now.max(self.last_at);
        let left = OrdersArchived {
            run,
            chain: chained(self.archive.chain, orders).to_vec(),
            merchants,
            forgotten_upto: Some(self.forgettable(now)),
        };
        Some(self.own_record(now, Event::OrdersArchived(left)))
    }

    /// The last record of which requests may be forgotten at `now`: requests of all
    /// merchants stand together, and the longest memory holds for all.
    fn forgettable(&self, now: Millis) -> u64 {
        let memories = self
            .merchants
            .iter()
            .map(|m| m.policy().request_memory_ms());
        let memory = match planted!(ForgetRequestsEarly) {
            true => 0,
            false => memories.max().unwrap_or(Millis::MAX / 2),
        };
        self.requests.floor_at(self.deadline_now(now) - memory)
    }

    /// The orders that an event lets go, as they are in memory before it.
    #[must_use]
    pub fn leaving(&self, left: &OrdersArchived) -> Vec<Archived> {
        let of = |of: &ArchivedOf| {
            let merchant = self.merchants.get(of.merchant as usize);
            let orders = of.orders.iter().filter_map(|id| {
                Some(Archived {
                    merchant: of.merchant,
                    id: *id,
                    order: merchant?.orders.look(*id)?.clone(),
                })
            });
            orders.collect::<Vec<_>>()
        };
        left.merchants.iter().flat_map(of).collect()
    }

    pub(super) fn apply_archived(
        &mut self,
        at: Millis,
        left: &OrdersArchived,
    ) -> Result<(), String> {
        let mut count = 0;
        for of in &left.merchants {
            let merchant = self.merchants.get_mut(of.merchant as usize);
            let merchant = merchant.ok_or("orders of no merchant were archived")?;
            count += of.orders.len();
            for id in &of.orders {
                let taken = merchant.take_closed(*id);
                taken.ok_or_else(|| format!("order {id} was archived and is not over"))?;
            }
        }
        let chain = left.chain.as_slice().try_into();
        self.archive = ArchiveMark {
            run: left.run,
            chain: chain.map_err(|_| "a chain has 16 bytes")?,
        };
        if let Some(upto) = left.forgotten_upto {
            if upto > self.seq {
                return Err(format!("requests of record {upto} are forgotten before it"));
            }
            let places = count * SWEPT_EACH;
            self.requests.raise_floor(upto, at, self.seq + 1, places);
        }
        Ok(())
    }

    pub(super) fn apply_revived(
        &mut self,
        merchant: u32,
        revived: &OrderRevived,
    ) -> Result<(), String> {
        let archived = Archived::decode(&revived.image)?;
        if (archived.merchant, archived.id) != (merchant, revived.order) {
            return Err(format!("order {} was revived as another", revived.order));
        }
        match self.lend(Some(&archived)) {
            Some(_) => Ok(()),
            None => Err(format!("order {} was revived and is here", revived.order)),
        }
    }

    /// Answers a question as if an archived order were in memory.
    pub fn with_archived<R>(&mut self, archived: &Archived, ask: impl FnOnce(&mut Self) -> R) -> R {
        let lent = self.lend(Some(archived));
        let answer = ask(self);
        if let Some(archived) = lent {
            self.merchants[archived.merchant as usize].take_closed(archived.id);
        }
        answer
    }

    /// Puts an archived order in its place; none if it is there, or never was.
    pub(super) fn lend<'a>(&mut self, archived: Option<&'a Archived>) -> Option<&'a Archived> {
        let archived = archived?;
        let merchant = self.merchants.get_mut(archived.merchant as usize)?;
        let orders = &merchant.orders;
        let is_gap = (archived.id as usize) < orders.placed() && orders.look(archived.id).is_none();
        if !is_gap || archived.order.closed_at().is_none() {
            return None;
        }
        let mut order = archived.order.clone();
        if planted!(ReviveWithoutRefund) {
            order.flags.set(Flag::RefundDue, false);
        }
        merchant.put_closed(archived.id, order);
        Some(archived)
    }
}

impl Tx<'_> {
    /// Ends the loan of an archived order: it stays if something was decided about it, and
    /// the record then brings it along.
    pub(super) fn keep_or_return(&mut self, archived: &Archived) {
        let decides = |entry: &Entry| !matches!(entry.event, Some(Event::NameDeclared(_)));
        if !self.entries.iter().any(decides) {
            self.state.merchants[archived.merchant as usize].take_closed(archived.id);
            return;
        }
        let revived = OrderRevived {
            order: archived.id,
            image: archived.encode(),
        };
        let entry = Entry {
            event: Some(Event::OrderRevived(revived)),
            movements: Vec::new(),
        };
        if !planted!(ForgetRevived) {
            self.entries.insert(0, entry);
        }
    }
}
