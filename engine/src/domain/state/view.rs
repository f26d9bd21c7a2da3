//! Views: what an answer says of an order, a parcel or a pool at one instant.

use super::merchant::Merchant;
use super::tx::Tx;
use crate::domain::inventory::PoolId;
use crate::domain::orders::OrderId;
use crate::domain::outcome::{Done, OrderView, ParcelView, StockView};
use crate::domain::time::Millis;
use crate::domain::words::{Bucket, Flag, HoldState};

impl Tx<'_> {
    pub(super) fn order_done(&self, id: OrderId) -> Done {
        Done {
            order: Some(self.m().order_view(id, self.deadline_now)),
            ..Done::default()
        }
    }

    pub(super) fn parcel_done(&self, id: OrderId, index: usize) -> Done {
        Done {
            parcel: Some(self.m().parcel_view(id, index, self.deadline_now)),
            ..Done::default()
        }
    }

    pub(super) fn stock_done(&self, pool: PoolId) -> Done {
        Done {
            stock: Some(self.m().stock_view(pool, self.deadline_now)),
            ..Done::default()
        }
    }
}

impl Merchant {
    /// An order as it is at `now`: a lapsed hold has ended, whether or not that
    /// is written.
    #[must_use]
    pub fn order_view(&self, id: OrderId, now: Millis) -> OrderView {
        let order = self.orders.get(id);
        let newest = order
            .live_hold()
            .or_else(|| order.holds.len().checked_sub(1));
        let state = newest.map(|hold| self.hold_state(id, hold, now));
        let mut flags = order.all_flags();
        if state == Some(HoldState::Expired) && order.live_hold().is_some() {
            flags.set(Flag::NoHold, true);
        }
        OrderView {
            version: order.version,
            status: order.status.number().into(),
            node: order.node().number().into(),
            flags: flags.bits(),
            hold_generation: newest.map_or(0, |hold| {
                u32::try_from(hold + 1).expect("few holds an order")
            }),
            hold_state: state.map_or(0, |state| state.number().into()),
            hold_expires_at: newest.map_or(0, |hold| order.holds[hold].expires_at),
            parcels: (0..order.parcels.len())
                .map(|index| self.parcel_view(id, index, now))
                .collect(),
            number: String::from(&*order.number),
        }
    }

    #[must_use]
    pub fn parcel_view(&self, id: OrderId, index: usize, _now: Millis) -> ParcelView {
        let parcel = &self.orders.get(id).parcels[index];
        let suspended = parcel.flags.has(Flag::Suspended);
        ParcelView {
            index: u32::try_from(index + 1).expect("few parcels an order"),
            warehouse: parcel.warehouse,
            node: parcel.node.number().into(),
            version: parcel.version,
            status: parcel.status.number().into(),
            flags: parcel.flags.bits(),
            since: parcel.since,
            due_at: parcel.due_at,
            red_at: parcel.red_at,
            blocked_by: parcel.blocked_by,
            owner: if suspended {
                parcel.owner.number().into()
            } else {
                0
            },
        }
    }

    /// A pool as it is at `now`: lapsed holds count as available, but for the
    /// units that others wait for, which stay held.
    #[must_use]
    pub fn stock_view(&self, id: PoolId, now: Millis) -> StockView {
        let pool = self.pool(id);
        let due = pool.free(now) - pool.counters.get(Bucket::Available);
        let buckets = Bucket::ALL
            .iter()
            .filter(|bucket| bucket.is_on_hand())
            .map(|bucket| {
                let units = pool.counters.get(*bucket);
                match bucket {
                    Bucket::Available => units + due,
                    Bucket::Held => units - due,
                    _ => units,
                }
            })
            .collect();
        StockView {
            pool: id,
            buckets,
            backordered: pool.backordered,
            backorder_limit: pool.backorder_limit,
        }
    }
}
