//! Events as other systems see them, and records as `journal dump` prints them.

use std::collections::BTreeMap;

use super::pb;
use crate::domain::event::{Entry, Event, Movement, Record};
use crate::domain::orders::{OrderId, part_id};
use crate::domain::state::Merchant;
use crate::domain::words::{HoldState, SourceChannel, Urgency};

pub use super::fields::timestamp;

/// Numbers of archived orders, by their ids.
pub type Numbers = BTreeMap<OrderId, String>;

/// Orders that the public events of a record are about and that are not in memory.
#[must_use]
pub fn missing_orders(record: &Record, merchant: &Merchant) -> Vec<OrderId> {
    let events = record
        .events
        .iter()
        .filter_map(|entry| entry.event.as_ref());
    let orders = events
        .filter(|event| is_public(event))
        .filter_map(|event| said(event, merchant).order);
    orders
        .filter(|id| merchant.orders.look(*id).is_none())
        .collect()
}

/// The public events of a record. Names, time stamps, merchants and token
/// hashes are the engine's own business and left out.
#[must_use]
pub fn public_events(
    seq: u64,
    record: &Record,
    merchant: &Merchant,
    archived: &Numbers,
) -> Vec<pb::Event> {
    let public = record
        .events
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.event.as_ref().is_some_and(is_public));
    public
        .map(|(index, entry)| public_event(seq, index, record, entry, merchant, archived))
        .collect()
}

fn is_public(event: &Event) -> bool {
    !matches!(
        event,
        Event::NameDeclared(_)
            | Event::TimeStamped(_)
            | Event::MerchantOpened(_)
            | Event::TokenIssued(_)
            | Event::TokenRevoked(_)
            | Event::EngineStarted(_)
            | Event::OrdersArchived(_)
            | Event::OrderRevived(_)
    )
}

/// What an event says besides its type.
#[derive(Default)]
struct Said<'a> {
    order: Option<u32>,
    /// The order's number, where the event itself says it.
    number: Option<&'a str>,
    parcel: Option<u32>,
    node: u32,
    reason: u32,
    by_engine: bool,
    facts: BTreeMap<String, String>,
}

impl<'a> Said<'a> {
    fn of_order(order: u32) -> Self {
        Self {
            order: Some(order),
            ..Self::default()
        }
    }

    fn of_parcel(order: u32, parcel: u32) -> Self {
        Self {
            order: Some(order),
            parcel: Some(parcel),
            ..Self::default()
        }
    }

    fn fact(mut self, key: &str, value: impl ToString) -> Self {
        self.facts.insert(key.to_owned(), value.to_string());
        self
    }

    fn because(mut self, reason: u32) -> Self {
        self.reason = reason;
        self
    }
}

fn public_event(
    seq: u64,
    index: usize,
    record: &Record,
    entry: &Entry,
    merchant: &Merchant,
    archived: &Numbers,
) -> pb::Event {
    let event = entry.event.as_ref().expect("looked at before");
    let said = said(event, merchant);
    let name = |id: u32| merchant.names.text(id).to_owned();
    let placed = said.number.map(str::to_owned);
    let numbered = || {
        let id = said.order?;
        let here = merchant
            .orders
            .look(id)
            .map(|order| order.number.to_string());
        here.or_else(|| archived.get(&id).cloned())
    };
    let order_number = placed.or_else(numbered).unwrap_or_default();
    let engine = said.by_engine || record.actor == 0;
    pb::Event {
        seq,
        index: u32::try_from(index).unwrap_or(u32::MAX),
        at: Some(timestamp(record.at)),
        r#type: event.kind().to_owned(),
        parcel_id: said.parcel.map_or_else(String::new, |parcel| {
            part_id(&order_number, '/', parcel as usize + 1)
        }),
        order_number,
        node: said.node as i32,
        actor: if engine {
            "engine".into()
        } else {
            name(record.actor)
        },
        role: if engine {
            pb::Role::Engine as i32
        } else {
            record.role as i32
        },
        device: if engine {
            String::new()
        } else {
            name(record.device)
        },
        movements: entry
            .movements
            .iter()
            .map(|movement| public_movement(movement, merchant))
            .collect(),
        reason: name(said.reason),
        facts: said.facts,
        policy_version: record.policy_version,
    }
}

fn public_movement(movement: &Movement, merchant: &Merchant) -> pb::Movement {
    let pool = merchant.pool(movement.pool);
    let name = |id: u32| merchant.names.text(id).to_owned();
    pb::Movement {
        sku: name(pool.sku),
        warehouse: name(pool.warehouse),
        batch: name(movement.batch),
        from: movement.from as i32,
        to: movement.to as i32,
        quantity: movement.quantity,
    }
}

fn said<'a>(event: &'a Event, merchant: &Merchant) -> Said<'a> {
    let name = |id: u32| merchant.names.text(id).to_owned();
    let pool = |id: u32| {
        (
            name(merchant.pool(id).sku),
            name(merchant.pool(id).warehouse),
        )
    };
    match event {
        Event::PoolOpened(e) => Said::default()
            .fact("sku", name(e.sku))
            .fact("warehouse", name(e.warehouse)),
        Event::PoolConfigured(e) => {
            let (sku, warehouse) = pool(e.pool);
            Said::default()
                .fact("sku", sku)
                .fact("warehouse", warehouse)
                .fact("backorder_limit", e.backorder_limit)
        }
        Event::WarehouseConfigured(e) => Said::default()
            .fact("warehouse", name(e.warehouse))
            .fact("rank", e.rank),
        Event::SkuConfigured(e) => Said::default()
            .fact("sku", name(e.sku))
            .fact("components", e.bundle.len()),
        Event::SkusMapped(e) => Said::default()
            .fact("source_channel", channel(e.source_channel))
            .fact("shop_id", name(e.shop))
            .fact("mappings", e.mappings.len()),
        Event::StockReceived(e) => Said::default()
            .because(e.reason)
            .fact("batch", name(e.batch))
            .fact("qc_report", name(e.qc_report)),
        Event::StockMoved(e) => Said::default().because(e.reason),
        Event::StockCounted(e) => Said::default()
            .because(e.reason)
            .fact("counted", e.counted)
            .fact("difference", e.difference)
            .fact("approver", name(e.approver)),
        Event::BackorderFilled(e) => Said::of_order(e.order).fact("quantity", e.quantity),
        Event::PromiseShort(e) => Said::of_order(e.order).fact("quantity", e.quantity),
        Event::OrderPlaced(e) => {
            let urgency = Urgency::from_number(e.urgency as i32).map_or("", Urgency::id);
            let said = Said {
                number: Some(&e.number),
                ..Said::default()
            };
            said.fact("source_channel", channel(e.source_channel))
                .fact("urgency", urgency)
                .fact("paid", e.paid)
                .fact("hold_expires_at_ms", e.hold_expires_at)
        }
        Event::HoldPlaced(e) => Said::of_order(e.order)
            .fact("expires_at_ms", e.expires_at)
            .fact("late_reacquired", e.late_reacquired),
        Event::PaymentStarted(e) => Said::of_order(e.order)
            .fact("payment_ref", &e.payment_ref)
            .fact("expires_at_ms", e.expires_at),
        Event::PaymentFailed(e) => Said::of_order(e.order)
            .because(e.reason)
            .fact("payment_ref", &e.payment_ref)
            .fact("expires_at_ms", e.expires_at),
        Event::HoldConfirmed(e) => Said::of_order(e.order)
            .fact("payment_ref", &e.payment_ref)
            .fact("amount_minor", e.amount_minor)
            .fact("partial", !e.partial.is_empty()),
        Event::HoldReleased(e) => Said::of_order(e.order)
            .because(e.reason)
            .fact("generation", e.hold + 1)
            .fact("hold_state", HoldState::Released),
        Event::HoldExpired(e) => Said {
            by_engine: true,
            ..Said::of_order(e.order)
        }
        .fact("generation", e.hold + 1)
        .fact("hold_state", HoldState::Expired),
        Event::HoldAmended(e) => Said::of_order(e.order)
            .fact("changed", e.units.len())
            .fact("added", e.added.len()),
        Event::DepositConfirmed(e) => Said::of_order(e.order)
            .fact("payment_ref", &e.payment_ref)
            .fact("expires_at_ms", e.expires_at),
        Event::PaidWithoutStock(e) => Said::of_order(e.order)
            .fact("payment_ref", &e.payment_ref)
            .fact("after_cancel", e.after_cancel),
        Event::BatchPinned(e) => Said::of_order(e.order)
            .fact("batch", name(e.batch))
            .fact("quantity", e.quantity),
        Event::ParcelAdvanced(e) => {
            let mut said = Said::of_parcel(e.order, e.parcel)
                .because(e.reason)
                .fact("marks", e.marks)
                .fact("occurred_at_ms", e.occurred_at);
            said.node = e.node;
            said.by_engine = e.by_engine;
            for evidence in &e.evidence {
                said = said.fact(&format!("evidence.{}", evidence.key), &evidence.value);
            }
            said
        }
        Event::EvidenceKept(e) => {
            let mut said = Said::of_parcel(e.order, e.parcel)
                .fact("occurred_at_ms", e.occurred_at)
                .fact("missing_departure", e.missing_departure);
            said.node = e.node;
            said
        }
        Event::ParcelRerouted(e) => Said::of_parcel(e.order, e.parcel)
            .because(e.reason)
            .fact("warehouse", name(e.warehouse)),
        Event::ParcelSplit(e) => Said::of_parcel(e.order, e.parcel).because(e.reason),
        Event::ParcelSuspended(e) => Said::of_parcel(e.order, e.parcel)
            .because(e.reason)
            .fact("due_at_ms", e.due_at),
        Event::ParcelResumed(e) => Said::of_parcel(e.order, e.parcel).because(e.reason),
        Event::ParcelCancelled(e) => Said::of_parcel(e.order, e.parcel)
            .because(e.reason)
            .fact("putback", e.putback)
            .fact("intercept", e.intercept),
        Event::ParcelPutBack(e) => Said::of_parcel(e.order, e.parcel),
        Event::ParcelOverdue(e) => Said {
            by_engine: true,
            ..Said::of_parcel(e.order, e.parcel)
        }
        .fact("red", e.red),
        Event::ParcelCompleted(e) => Said {
            by_engine: true,
            ..Said::of_parcel(e.order, e.parcel)
        },
        Event::UnmappedSkuSeen(e) => Said::default()
            .fact("source_channel", channel(e.source_channel))
            .fact("shop_id", name(e.shop))
            .fact("outer_code", name(e.outer_code))
            .fact("channel_sku", name(e.channel_sku))
            .fact("order_number", &e.order_number),
        Event::DocumentOpened(e) => Said::of_order(e.order).fact("purpose", &e.purpose),
        Event::PolicyPublished(_) => Said::default(),
        Event::ClockReconciled(e) => Said::default().fact("why", &e.reason),
        Event::DeviceRegistered(e) => Said::default()
            .fact("device", name(e.device))
            .fact("warehouse", name(e.warehouse))
            .fact("retired", e.retired),
        Event::EngineStarted(_)
        | Event::TimeStamped(_)
        | Event::MerchantOpened(_)
        | Event::NameDeclared(_)
        | Event::TokenIssued(_)
        | Event::TokenRevoked(_)
        | Event::OrdersArchived(_)
        | Event::OrderRevived(_) => Said::default(),
    }
}

fn channel(number: u32) -> &'static str {
    SourceChannel::from_number(number as i32).map_or("", SourceChannel::id)
}

/// A record's bytes as one JSON object; what cannot be read says so.
#[must_use]
pub fn decode_json(seq: u64, bytes: &[u8]) -> serde_json::Value {
    use prost::Message;
    match Record::decode(bytes) {
        Ok(record) => record_json(seq, &record),
        Err(error) => {
            serde_json::json!({"seq": seq, "unreadable": error.to_string(), "bytes": bytes.len()})
        }
    }
}

/// The fields of an event, under the names that the schema gives them.
fn fields_json(event: &Event) -> serde_json::Value {
    let tagged = serde_json::to_value(event).expect("an event has only plain keys and values");
    match tagged {
        // An enum's value stands under the name of its variant.
        serde_json::Value::Object(variant) => variant.into_iter().next().map(|(_, fields)| fields),
        _ => None,
    }
    .unwrap_or_default()
}

/// A record as one JSON object: numbers as the journal has them, no names
/// looked up. There is no personal data in a journal.
#[must_use]
pub fn record_json(seq: u64, record: &Record) -> serde_json::Value {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let events: Vec<serde_json::Value> = record
        .events
        .iter()
        .map(|entry| {
            let kind = entry.event.as_ref().map_or("Unknown", Event::kind);
            let fields = entry.event.as_ref().map(fields_json);
            serde_json::json!({"type": kind, "fields": fields, "movements": entry.movements})
        })
        .collect();
    serde_json::json!({
        "seq": seq,
        "at_ms": record.at,
        "merchant": record.merchant,
        "actor": record.actor,
        "role": record.role,
        "device": record.device,
        "policy_version": record.policy_version,
        "request": hex(&record.key),
        "events": events,
        "refused": record.outcome.as_ref().and_then(|outcome| match &outcome.answer {
            Some(crate::domain::outcome::Answer::Refused(refusal)) => Some(refusal.code().id()),
            _ => None,
        }),
    })
}
