//! Views to messages: numbers get their names, deadlines, texts and colours.

use super::fields::{timestamp, timestamp_or_none};
use super::pb;
use crate::domain::orders::lifecycle::{Node, Role};
use crate::domain::orders::parcel::{Colour, colour};
use crate::domain::orders::part_id;
use crate::domain::outcome::{OrderView, ParcelView, StockView};
use crate::domain::state::Merchant;
use crate::domain::time::Millis;
use crate::domain::words::{Flag, Flags, HoldState, OrderStatus};
use crate::views::Locale;

/// What a view needs to be read by people.
#[derive(Debug, Clone, Copy)]
pub struct Dress<'a> {
    pub merchant: &'a Merchant,
    /// The instant that colours are judged by.
    pub at: Millis,
    pub locale: Locale,
}

impl Dress<'_> {
    #[must_use]
    pub fn order(&self, view: &OrderView) -> pb::OrderState {
        let status = view.status;
        let parcels: Vec<pb::ParcelState> = view
            .parcels
            .iter()
            .map(|parcel| self.parcel(&view.number, parcel))
            .collect();
        let speaking = view
            .parcels
            .iter()
            .zip(&parcels)
            .filter(|(view, _)| view.status == u32::from(OrderStatus::Open.number()))
            .min_by_key(|(view, _)| view.node)
            .or_else(|| view.parcels.iter().zip(&parcels).next_back());
        let mut next = speaking.and_then(|(_, parcel)| parcel.next.clone());
        let live = HoldState::from_number(view.hold_state as i32).is_some_and(HoldState::is_live);
        if let Some(next) = next
            .as_mut()
            .filter(|_| live && view.node == u32::from(Node::AwaitingPayment.number()))
        {
            next.due_at = timestamp_or_none(view.hold_expires_at);
        }
        pb::OrderState {
            version: view.version,
            status: status as i32,
            node: view.node as i32,
            flags: flags(view.flags),
            hold_id: if view.hold_generation == 0 {
                String::new()
            } else {
                part_id(&view.number, '#', view.hold_generation as usize)
            },
            hold_state: view.hold_state as i32,
            hold_expires_at: timestamp_or_none(view.hold_expires_at),
            parcels,
            next,
            order_number: view.number.clone(),
        }
    }

    #[must_use]
    pub fn parcel(&self, order_number: &str, view: &ParcelView) -> pb::ParcelState {
        let node = Node::from_number(view.node as i32).expect("views name nodes");
        let open = view.status == u32::from(OrderStatus::Open.number());
        let judged = if open && node != Node::Signed {
            colour(view.due_at, view.red_at, self.at)
        } else {
            Colour::Green
        };
        pb::ParcelState {
            parcel_id: part_id(order_number, '/', view.index as usize),
            warehouse: self.merchant.names.text(view.warehouse).to_owned(),
            node: view.node as i32,
            version: view.version,
            status: view.status as i32,
            flags: flags(view.flags),
            since: Some(timestamp(view.since)),
            next: Some(self.next(view, node)),
            colour: judged as i32,
            blocked_by: self.merchant.names.text(view.blocked_by).to_owned(),
        }
    }

    /// Who acts next on a parcel, and how.
    fn next(&self, view: &ParcelView, node: Node) -> pb::NextAction {
        let marks = Flags::from_bits(view.flags);
        let is_open = view.status == u32::from(OrderStatus::Open.number());
        let owner = Role::from_number(view.owner as i32).filter(|_| is_open);
        let put_back = marks.has(Flag::PutbackOpen);
        let spec = node.spec();
        let (roles, instruction): (&[Role], String) = if put_back {
            let put_back = self.pick(
                "订单已取消，放入退货框并扫描放回",
                "The order is cancelled: put it into the returns bin and scan it back",
            );
            (&[Role::Picker], put_back.into())
        } else if !is_open {
            (&[], self.pick("无需处理", "Nothing is left to do").into())
        } else if let Some(owner) = owner {
            let decide = self.pick("已挂起，请处理：", "Suspended, decide: ");
            let reason = self.merchant.names.text(view.blocked_by);
            (owner.as_slice(), [decide, reason].concat())
        } else {
            (spec.next_roles, self.locale.of(spec.instruction).into())
        };
        let moves = is_open && !put_back && owner.is_none();
        let allowed = node.allowed().filter(|_| moves);
        let allowed_nodes: Vec<i32> = allowed.map(|node| node.number().into()).collect();
        let here = i32::from(node.number());
        pb::NextAction {
            roles: roles.iter().map(|role| role.number().into()).collect(),
            node: allowed_nodes
                .iter()
                .copied()
                .find(|target| *target > here)
                .unwrap_or(0),
            allowed_nodes,
            due_at: timestamp_or_none(view.due_at),
            instruction,
        }
    }

    #[must_use]
    pub fn stock(&self, view: &StockView) -> pb::PoolStock {
        let pool = self.merchant.pool(view.pool);
        let name = |id| self.merchant.names.text(id).to_owned();
        let bucket = |index: usize| view.buckets.get(index).copied().unwrap_or(0);
        pb::PoolStock {
            sku: name(pool.sku),
            warehouse: name(pool.warehouse),
            available: bucket(0),
            held: bucket(1),
            allocated: bucket(2),
            transfer_out: bucket(3),
            putback: bucket(4),
            safety: bucket(5),
            frozen: bucket(6),
            qc: bucket(7),
            damaged: bucket(8),
            on_hand: view.buckets.iter().sum(),
            backordered: view.backordered,
            backorder_limit: view.backorder_limit,
            sellable: bucket(0),
            batches: Vec::new(),
        }
    }

    fn pick(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.locale {
            Locale::Zh => zh,
            Locale::En => en,
        }
    }
}

/// Flags as the wire lists them.
#[must_use]
pub fn flags(bits: u32) -> Vec<i32> {
    Flags::from_bits(bits)
        .iter()
        .map(|flag| flag.number().into())
        .collect()
}
