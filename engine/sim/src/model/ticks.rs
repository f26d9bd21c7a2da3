//! What happens by itself, checked against its time.

use holdfast_engine::domain::event::{Event, Record};
use holdfast_engine::domain::time::Millis;
use holdfast_engine::domain::words::OrderStatus;

use super::shop::{Hold, Shop};
use super::{Wrong, must};

impl Shop {
    /// Carries out a tick's events in their order.
    pub(super) fn tick(&mut self, record: &Record, deadline_now: Millis) -> Result<(), Wrong> {
        for entry in &record.events {
            match &entry.event {
                Some(Event::HoldExpired(expired)) => {
                    self.expire(expired.order as usize, expired.hold as usize, deadline_now)?;
                }
                Some(Event::ParcelOverdue(overdue)) => {
                    let (order, index) = (overdue.order as usize, overdue.parcel as usize);
                    self.check_due(order, index, deadline_now)?;
                    let parcel = &mut self.orders[order].parcels[index];
                    parcel.version += 1;
                    parcel.overdue = true;
                    let red = parcel.red_at != 0 && parcel.red_at <= deadline_now;
                    must!(
                        overdue.red == red,
                        "a parcel turned red: {}, expected {red}",
                        overdue.red
                    );
                    parcel.red_noted |= red;
                }
                Some(Event::ParcelCompleted(completed)) => {
                    let (order, index) = (completed.order as usize, completed.parcel as usize);
                    self.check_due(order, index, deadline_now)?;
                    let order = &mut self.orders[order];
                    must!(
                        order.parcels[index].node == 12,
                        "a parcel of o{} completed before it was signed for",
                        order.number
                    );
                    order.parcels[index].version += 1;
                    order.parcels[index].status = OrderStatus::Completed;
                    order.settle_status();
                }
                // Foretold with what caused it; the shelves are compared.
                Some(Event::BackorderFilled(_)) => {}
                other => return Err(Wrong::new(format!("a tick wrote {other:?}"))),
            }
        }
        Ok(())
    }

    fn check_due(&self, order: usize, index: usize, deadline_now: Millis) -> Result<(), Wrong> {
        let known = self.orders.get(order);
        let due = known
            .filter(|order| index < order.parcels.len())
            .and_then(|order| order.due_of(index));
        must!(
            due.is_some_and(|due| due <= deadline_now),
            "parcel {index} of order {order} fell due at {deadline_now}, it is due at {due:?}"
        );
        Ok(())
    }

    /// When the next thing falls due by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        let holds = self
            .live
            .iter()
            .flat_map(|order| &self.orders[*order].holds);
        let ends = holds
            .filter(|hold| Hold::keeps(hold))
            .map(|hold| hold.expires_at);
        let parcels = self
            .orders
            .iter()
            .flat_map(|order| (0..order.parcels.len()).filter_map(|parcel| order.due_of(parcel)));
        ends.chain(parcels).min()
    }
}
