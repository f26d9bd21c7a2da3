//! Reads: exact at the instant they are asked, from indexes and not from scans.

use super::decode::Query;
use super::dress::{Dress, flags};
use super::fields::{timestamp, timestamp_or_none};
use super::pb;
use super::reply::durability;
use crate::backward::Put;
use crate::domain::inventory::PoolId;
use crate::domain::orders::agenda::Task;
use crate::domain::orders::due::{Due, DueKind};
use crate::domain::orders::lifecycle::{NODES, Node, Role};
use crate::domain::orders::order::Order;
use crate::domain::orders::parcel::{Parcel, Step};
use crate::domain::orders::{OrderId, part_id};
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::state::{Merchant, State};
use crate::domain::time::{Millis, SECOND};
use crate::domain::words::{Flag, HoldState, OrderStatus, SourceChannel};
use crate::journal::Durability;
use crate::vault::DocumentRef;
use crate::views::{self, Locale};

/// What the running engine adds to what the state knows.
#[derive(Debug)]
pub struct EngineFacts {
    pub now: Millis,
    pub durability: Durability,
    pub durable_seq: u64,
    pub persistence: String,
    /// The wall clock is so far ahead and not followed.
    pub clock_step_ms: i64,
}

/// One read at one instant.
struct Reading<'a> {
    state: &'a State,
    merchant: &'a Merchant,
    /// The instant by which deadlines are judged.
    now: Millis,
    facts: &'a EngineFacts,
    locale: Locale,
}

/// Answers a query of a merchant.
///
/// # Errors
/// What was not found, or what is wrong with the page token.
pub fn answer(
    query: &Query,
    state: &State,
    merchant: &str,
    facts: &EngineFacts,
    locale: Locale,
) -> Result<Vec<u8>, Refusal> {
    let empty;
    let merchant = match state.merchant(merchant) {
        Some(merchant) => merchant,
        None => {
            empty = Merchant::new(merchant);
            &empty
        }
    };
    let reading = Reading {
        state,
        merchant,
        now: state.deadline_now(facts.now.max(state.last_at())),
        facts,
        locale,
    };
    match query {
        Query::GetStock {
            sku,
            warehouse,
            source_channel,
        } => reading.stock(sku, warehouse, *source_channel),
        Query::ListStock { size, token } => reading.list_stock(*size, token),
        Query::GetParcel { parcel_id } => reading.parcel(parcel_id),
        Query::ListWork {
            role,
            warehouse,
            size,
            token,
        } => reading.work(*role, warehouse, *size, token),
        Query::GetLifecycle => Ok(reading.lifecycle()),
        Query::GetOrder { order_number } => reading.order(order_number),
        Query::GetOrderStatus { order_number } => reading.order_status(order_number),
        Query::GetOrderDocument { order_number, .. } => Err(not_found(order_number)),
        Query::ListOrders {
            size,
            token,
            node,
            status,
        } => reading.list_orders(*size, token, *node, *status),
        Query::ListHolds { size, token, sku } => reading.list_holds(*size, token, sku),
        Query::GetPolicy { policy_version } => reading.policy(*policy_version),
        Query::GetEngineStatus => Ok(reading.engine_status()),
        Query::Audit => Ok(reading.audit()),
        Query::GetStateHash => Ok(reading.state_hash()),
    }
}

fn not_found(order_number: &str) -> Refusal {
    Refusal::new(RefusalCode::OrderNotFound).fact("order_number", order_number)
}

/// Number and document of an order, for the engine to open.
///
/// # Errors
/// `ORDER_NOT_FOUND`, `DOCUMENT_NOT_FOUND`.
pub fn document_ref(
    state: &State,
    merchant: &str,
    order_number: &str,
) -> Result<(OrderId, DocumentRef), Refusal> {
    let merchant = state
        .merchant(merchant)
        .ok_or_else(|| not_found(order_number))?;
    let id = merchant
        .orders
        .find(order_number)
        .ok_or_else(|| not_found(order_number))?;
    let order = merchant.orders.get(id);
    let none = || {
        Refusal::new(RefusalCode::DocumentNotFound)
            .fact("order_number", &order.number)
            .fact("detail", "it came without one")
    };
    Ok((
        id,
        DocumentRef::from_bytes(&order.document).ok_or_else(none)?,
    ))
}

/// The response with an opened document.
#[must_use]
pub fn document(document: Vec<u8>, reference: &DocumentRef) -> Vec<u8> {
    pb::GetOrderDocumentResponse {
        document,
        document_ref: hex(reference.as_bytes()),
    }
    .to_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A page token is the position of the last entry, in hex, and nothing a caller
/// should build. Numbers of orders and pools never change, so that no entry is
/// given twice or left out while others are written.
fn position<const N: usize>(token: &str) -> Result<Option<[u64; N]>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        Refusal::field(
            "page_token",
            token,
            "the next_page_token of the reply before, or nothing",
        )
    };
    let mut numbers = [0; N];
    let mut parts = token.split('-');
    for number in &mut numbers {
        *number = parts
            .next()
            .and_then(|part| u64::from_str_radix(part, 16).ok())
            .ok_or_else(wrong)?;
    }
    if parts.next().is_some() {
        Err(wrong())
    } else {
        Ok(Some(numbers))
    }
}

fn token(numbers: &[u64]) -> String {
    numbers
        .iter()
        .map(|number| format!("{number:x}"))
        .collect::<Vec<_>>()
        .join("-")
}

impl Reading<'_> {
    fn dress(&self) -> Dress<'_> {
        Dress {
            merchant: self.merchant,
            at: self.now,
            locale: self.locale,
        }
    }

    fn name(&self, id: u32) -> String {
        self.merchant.names.text(id).to_owned()
    }

    fn find(&self, order_number: &str) -> Result<OrderId, Refusal> {
        self.merchant
            .orders
            .find(order_number)
            .ok_or_else(|| not_found(order_number))
    }

    fn pool(&self, id: PoolId, source_channel: Option<SourceChannel>) -> pb::PoolStock {
        let pool = self.merchant.pool(id);
        let mut stock = self.dress().stock(&self.merchant.stock_view(id, self.now));
        stock.sellable = pool.sellable(source_channel.map_or(0, SourceChannel::number), self.now);
        stock.batches = pool
            .batches
            .iter()
            .map(|batch| {
                use crate::domain::words::Bucket::{
                    Allocated, Available, Damaged, Frozen, Held, Putback, Qc, Safety, TransferOut,
                };
                let sum = |buckets: &[crate::domain::words::Bucket]| {
                    buckets.iter().map(|bucket| batch.get(*bucket)).sum()
                };
                pb::BatchStock {
                    batch: self.name(batch.name),
                    expires_at: (batch.expires_at != Millis::MAX)
                        .then(|| timestamp(batch.expires_at)),
                    qc_report: self.name(batch.qc_report),
                    unpinned: batch.get(Available),
                    pinned: sum(&[Held, Allocated]),
                    set_aside: sum(&[Putback, Safety, Frozen, Qc, Damaged, TransferOut]),
                }
            })
            .collect();
        stock
    }

    fn stock(
        &self,
        sku: &str,
        warehouse: &str,
        source_channel: Option<SourceChannel>,
    ) -> Result<Vec<u8>, Refusal> {
        let m = self.merchant;
        let pools = m
            .names
            .find(sku)
            .and_then(|id| m.pools_by_sku.get(&id))
            .ok_or_else(|| Refusal::new(RefusalCode::SkuUnknown).fact("sku", sku))?;
        let wanted = pools.iter().filter(|pool| {
            warehouse.is_empty() || m.names.text(m.pool(**pool).warehouse) == warehouse
        });
        let stock: Vec<pb::PoolStock> = wanted
            .map(|pool| self.pool(*pool, source_channel))
            .collect();
        if stock.is_empty() {
            return Err(Refusal::new(RefusalCode::WarehouseUnknown)
                .fact("warehouse", warehouse)
                .fact("sku", sku));
        }
        Ok(pb::GetStockResponse {
            stock,
            state_seq: self.state.seq(),
        }
        .to_bytes())
    }

    fn list_stock(&self, size: usize, page: &str) -> Result<Vec<u8>, Refusal> {
        let from = position::<1>(page)?.map_or(0, |[last]| last + 1);
        let all = self.merchant.pools.len() as u64;
        let upto = all.min(from + size as u64);
        let stock = (from..upto)
            .map(|id| self.pool(u32::try_from(id).expect("pools have 32 bits"), None))
            .collect();
        let next_page_token = if upto < all {
            token(&[upto - 1])
        } else {
            String::new()
        };
        Ok(pb::ListStockResponse {
            stock,
            next_page_token,
            state_seq: self.state.seq(),
        }
        .to_bytes())
    }

    fn lines(&self, order: &Order, parcel: usize) -> Vec<pb::ParcelLine> {
        let of_parcel = order.promises.iter().filter(|promise| {
            usize::from(promise.parcel) == parcel
                && promise.quantity + promise.backordered + promise.short > 0
        });
        of_parcel
            .map(|promise| {
                let pool = self.merchant.pool(promise.pool);
                pb::ParcelLine {
                    sku: self.name(pool.sku),
                    quantity: promise.units(),
                    backordered: promise.backordered.into(),
                    short_quantity: promise.short.into(),
                    batch: self.name(promise.batch),
                    bucket: promise.bucket.number().into(),
                    line: promise.line.into(),
                    qc_report: pool
                        .batch(promise.batch)
                        .map_or_else(String::new, |batch| self.name(batch.qc_report)),
                }
            })
            .collect()
    }

    fn step(&self, step: &Step) -> pb::TimelineEntry {
        let engine = step.role == Role::Engine;
        pb::TimelineEntry {
            node: step.node.number().into(),
            occurred_at: Some(timestamp(step.occurred_at)),
            received_at: Some(timestamp(step.received_at)),
            actor: if engine {
                "engine".into()
            } else {
                self.name(step.actor)
            },
            role: step.role.number().into(),
            device: self.name(step.device),
            inferred: step.marks & Step::INFERRED != 0,
            rework: step.marks & Step::REWORK != 0,
            r#override: step.marks & Step::OVERRIDE != 0,
            reason: self.name(step.reason),
        }
    }

    fn parcel_state(&self, id: OrderId, index: usize) -> pb::ParcelState {
        let number = &self.merchant.orders.get(id).number;
        self.dress()
            .parcel(number, &self.merchant.parcel_view(id, index, self.now))
    }

    fn parcel(&self, parcel_id: &str) -> Result<Vec<u8>, Refusal> {
        let found = self.merchant.find_parcel(parcel_id);
        let (id, index) = found.ok_or_else(|| {
            Refusal::new(RefusalCode::ParcelNotFound).fact("parcel_id", parcel_id)
        })?;
        let order = self.merchant.orders.get(id);
        let response = pb::GetParcelResponse {
            parcel: Some(self.parcel_state(id, index)),
            timeline: order.parcels[index]
                .steps
                .iter()
                .map(|step| self.step(step))
                .collect(),
            lines: self.lines(order, index),
            state_seq: self.state.seq(),
        };
        Ok(response.to_bytes())
    }

    fn work(
        &self,
        role: Role,
        warehouse: &str,
        size: usize,
        page: &str,
    ) -> Result<Vec<u8>, Refusal> {
        let m = self.merchant;
        let place = match warehouse {
            "" => 0,
            name => m.names.find(name).ok_or_else(|| {
                Refusal::new(RefusalCode::WarehouseUnknown).fact("warehouse", name)
            })?,
        };
        let after = match position::<4>(page)? {
            Some(numbers) => Some(Task::from_position(numbers).ok_or_else(|| {
                Refusal::field(
                    "page_token",
                    page,
                    "the next_page_token of the reply before",
                )
            })?),
            None => None,
        };
        let mut tasks = m.agenda.tasks(role, place, after, size + 1);
        let more = tasks.len() > size;
        tasks.truncate(size);
        let next_page_token = tasks
            .last()
            .filter(|_| more)
            .map_or_else(String::new, |task| token(&task.position()));
        let mut items: Vec<pb::WorkItem> = tasks.iter().map(|task| self.work_item(task)).collect();
        let unmapped = if role == Role::Supervisor || role == Role::Integration {
            m.catalogue.unmapped.len()
        } else {
            0
        };
        if unmapped > 0 && !more {
            items.extend(self.unmapped());
        }
        let total = i64::try_from(m.agenda.count(role, place) + unmapped).unwrap_or(i64::MAX);
        Ok(pb::ListWorkResponse {
            items,
            total,
            next_page_token,
            state_seq: self.state.seq(),
        }
        .to_bytes())
    }

    fn work_item(&self, task: &Task) -> pb::WorkItem {
        let order = self.merchant.orders.get(task.order);
        let index = usize::from(task.parcel);
        let parcel = &order.parcels[index];
        let state = self.parcel_state(task.order, index);
        pb::WorkItem {
            parcel_id: state.parcel_id,
            order_number: String::from(&*order.number),
            warehouse: state.warehouse,
            node: state.node,
            urgency: order.urgency.number().into(),
            due_at: timestamp_or_none(parcel.due_at),
            colour: state.colour,
            instruction: state.next.map_or_else(String::new, |next| next.instruction),
            kind: work_kind(parcel).into(),
            detail: state.blocked_by,
        }
    }

    /// Channel SKUs that orders named and nobody mapped.
    fn unmapped(&self) -> impl Iterator<Item = pb::WorkItem> + '_ {
        let instruction = match self.locale {
            Locale::Zh => "请映射渠道SKU，然后重新下单",
            Locale::En => "Map the channel SKU, then place the orders again",
        };
        self.merchant
            .catalogue
            .unmapped
            .iter()
            .map(move |((channel, shop, outer, id), orders)| pb::WorkItem {
                order_number: orders.first().map_or_else(String::new, ToString::to_string),
                kind: "UNMAPPED_SKU".into(),
                instruction: instruction.into(),
                detail: format!(
                    "{} shop {} outer_code {} channel_sku {}: {} orders",
                    SourceChannel::from_number((*channel).into()).map_or("", SourceChannel::id),
                    self.merchant.names.text(*shop),
                    self.merchant.names.text(*outer),
                    self.merchant.names.text(*id),
                    orders.len()
                ),
                ..pb::WorkItem::default()
            })
    }

    fn lifecycle(&self) -> Vec<u8> {
        let numbers = |roles: &[Role]| roles.iter().map(|role| i32::from(role.number())).collect();
        let nodes = NODES.iter().map(|spec| pb::NodeInfo {
            node: spec.node.number().into(),
            number: spec.node.number().into(),
            name_zh: spec.name.zh.into(),
            name_en: spec.name.en.into(),
            entered_zh: spec.deliverable.zh.into(),
            entered_en: spec.deliverable.en.into(),
            triggered_by: numbers(spec.triggered_by),
            next_roles: numbers(spec.next_roles),
            sla_minutes: i32::try_from(
                self.merchant
                    .policy()
                    .sla(spec.node, crate::domain::words::Urgency::Normal),
            )
            .unwrap_or(i32::MAX),
            forward: spec
                .node
                .allowed()
                .filter(|node| *node > spec.node)
                .map(|node| node.number().into())
                .collect(),
            rework: spec
                .node
                .rework()
                .map(|node| node.number().into())
                .into_iter()
                .collect(),
            inferable: spec.inferable,
            on_cancel_zh: views::cancel_meaning(spec.on_cancel).zh.into(),
            on_cancel_en: views::cancel_meaning(spec.on_cancel).en.into(),
        });
        pb::GetLifecycleResponse {
            nodes: nodes.collect(),
            mermaid: views::mermaid(self.locale),
        }
        .to_bytes()
    }

    fn hold(&self, id: OrderId, index: usize) -> pb::Hold {
        let order = self.merchant.orders.get(id);
        let hold = &order.holds[index];
        let of_hold = order
            .promises
            .iter()
            .filter(|promise| usize::from(promise.hold) == index);
        let units = of_hold.map(|promise| pb::ParcelUnits {
            sku: self.name(self.merchant.pool(promise.pool).sku),
            quantity: promise.units(),
        });
        let lapsed = hold.is_lapsed(self.now);
        pb::Hold {
            hold_id: part_id(&order.number, '#', index + 1),
            order_number: String::from(&*order.number),
            state: self
                .merchant
                .hold_state(id, index, self.now)
                .number()
                .into(),
            created_at: Some(timestamp(hold.created_at)),
            expires_at: Some(timestamp(hold.expires_at)),
            generation: i32::try_from(index + 1).unwrap_or(i32::MAX),
            reason: self.name(hold.reason),
            units: units.collect(),
            ended_at: timestamp_or_none(if lapsed {
                hold.expires_at
            } else {
                hold.ended_at
            }),
        }
    }

    fn order(&self, order_number: &str) -> Result<Vec<u8>, Refusal> {
        let id = self.find(order_number)?;
        let order = self.merchant.orders.get(id);
        let parcels = (0..order.parcels.len()).map(|index| pb::OrderParcel {
            parcel: Some(self.parcel_state(id, index)),
            lines: self.lines(order, index),
            timeline: order.parcels[index]
                .steps
                .iter()
                .map(|step| self.step(step))
                .collect(),
        });
        let response = pb::GetOrderResponse {
            order: Some(self.dress().order(&self.merchant.order_view(id, self.now))),
            source_channel: order.source_channel.number().into(),
            urgency: order.urgency.number().into(),
            channel_order_id: order.channel_order_id().to_owned(),
            shop_id: self.name(order.shop),
            created_at: Some(timestamp(order.created_at)),
            ship_by: timestamp_or_none(order.ship_by),
            parcels: parcels.collect(),
            holds: (0..order.holds.len())
                .map(|index| self.hold(id, index))
                .collect(),
            document_ref: hex(&order.document),
            state_seq: self.state.seq(),
        };
        Ok(response.to_bytes())
    }

    fn order_status(&self, order_number: &str) -> Result<Vec<u8>, Refusal> {
        let id = self.find(order_number)?;
        let order = self.merchant.orders.get(id);
        let view = self.merchant.order_view(id, self.now);
        let state = self.dress().order(&view);
        let speaking = order.speaking_parcel();
        let parcel = &order.parcels[speaking];
        let last = parcel.steps.last().expect("a parcel begins with a step");
        let shown = self.step(last);
        let live = HoldState::from_number(state.hold_state).is_some_and(HoldState::is_live);
        let dwell_seconds = (self.now - parcel.since).max(0) / SECOND;
        let parcel_state = &state.parcels[speaking];
        let mut events: Vec<&Step> = order
            .parcels
            .iter()
            .flat_map(|parcel| parcel.steps.iter())
            .collect();
        events.sort_by_key(|step| std::cmp::Reverse((step.received_at, step.node)));
        let eta = parcel.eta.as_deref().copied().unwrap_or((0, 0));
        let response = pb::GetOrderStatusResponse {
            status: state.status,
            node: state.node,
            node_name: self.locale.of(parcel.node.spec().name).into(),
            summary: self.summary(order, parcel, parcel_state, &shown.actor, dwell_seconds),
            actor: shown.actor,
            device: shown.device,
            since: Some(timestamp(parcel.since)),
            dwell_seconds,
            colour: parcel_state.colour,
            blocked_by: parcel_state.blocked_by.clone(),
            next: state.next.clone(),
            hold_expires_at: if live { state.hold_expires_at } else { None },
            channel_deadline: timestamp_or_none(order.ship_by),
            eta_from: timestamp_or_none(eta.0),
            eta_until: timestamp_or_none(eta.1),
            flags: flags(view.flags),
            last_events: events
                .into_iter()
                .take(5)
                .map(|step| self.step(step))
                .collect(),
            parcels_total: i32::try_from(order.parcels.len()).unwrap_or(i32::MAX),
            parcels_signed: i32::try_from(
                order
                    .parcels
                    .iter()
                    .filter(|parcel| parcel.node == Node::Signed)
                    .count(),
            )
            .unwrap_or(i32::MAX),
            state_seq: self.state.seq(),
            order_number: state.order_number,
        };
        Ok(response.to_bytes())
    }

    /// One sentence that a person can read to the customer.
    fn summary(
        &self,
        order: &Order,
        parcel: &Parcel,
        state: &pb::ParcelState,
        actor: &str,
        dwell_seconds: i64,
    ) -> String {
        let node = self.locale.of(parcel.node.spec().name);
        let minutes = dwell_seconds / 60;
        let next = state
            .next
            .as_ref()
            .map_or("", |next| next.instruction.as_str());
        let cancelled = order.status == OrderStatus::Cancelled;
        match self.locale {
            Locale::Zh if cancelled => format!("订单已取消，取消时在{node}。{next}"),
            Locale::En if cancelled => format!("The order is cancelled; it was at {node}. {next}"),
            Locale::Zh => format!("现在{node}，由{actor}操作，已停留{minutes}分钟。下一步：{next}"),
            Locale::En => format!("Now: {node}, by {actor}, for {minutes} min. Next: {next}"),
        }
    }

    fn list_orders(
        &self,
        size: usize,
        page: &str,
        node: Option<Node>,
        status: Option<OrderStatus>,
    ) -> Result<Vec<u8>, Refusal> {
        // A filter may look at this many orders a page, so that a page is never
        // slower than a constant; an empty page with a token means: go on.
        const LOOKED_AT: u64 = 5_000;
        let all = self.merchant.orders.placed() as u64;
        let from = position::<1>(page)?.map_or(0, |[last]| last + 1);
        let mut orders = Vec::new();
        let mut at = from;
        while at < all && orders.len() < size && at < from + LOOKED_AT {
            let id = OrderId::try_from(at).expect("orders have 32 bits");
            at += 1;
            let Some(order) = self.merchant.orders.look(id) else {
                continue;
            };
            if node.is_none_or(|node| order.node() == node)
                && status.is_none_or(|status| order.status == status)
            {
                orders.push(self.dress().order(&self.merchant.order_view(id, self.now)));
            }
        }
        let next_page_token = if at < all {
            token(&[at - 1])
        } else {
            String::new()
        };
        Ok(pb::ListOrdersResponse {
            orders,
            next_page_token,
            state_seq: self.state.seq(),
        }
        .to_bytes())
    }

    fn list_holds(&self, size: usize, page: &str, sku: &str) -> Result<Vec<u8>, Refusal> {
        let first: Due = match position::<3>(page)? {
            None => (self.now + 1, 0, 0, DueKind::HoldEnds),
            Some([at, order, hold]) => {
                let wrong = || {
                    Refusal::field(
                        "page_token",
                        page,
                        "the next_page_token of the reply before",
                    )
                };
                let at = Millis::try_from(at).map_err(|_| wrong())?;
                let order = OrderId::try_from(order).map_err(|_| wrong())?;
                (
                    at,
                    order,
                    u16::try_from(hold + 1).map_err(|_| wrong())?,
                    DueKind::HoldEnds,
                )
            }
        };
        let wanted = self.merchant.names.find(sku);
        let has_sku = |due: &Due| {
            let order = self.merchant.orders.get(due.1);
            sku.is_empty()
                || order.held_by(usize::from(due.2)).iter().any(|index| {
                    Some(self.merchant.pool(order.promises[*index].pool).sku) == wanted
                })
        };
        let mut dues: Vec<Due> = self
            .merchant
            .due
            .holds_from(first)
            .filter(has_sku)
            .take(size + 1)
            .collect();
        let more = dues.len() > size;
        dues.truncate(size);
        let next_page_token = dues
            .last()
            .filter(|_| more)
            .map_or_else(String::new, |due| {
                token(&[due.0.unsigned_abs(), due.1.into(), due.2.into()])
            });
        let holds = dues
            .iter()
            .map(|due| self.hold(due.1, usize::from(due.2)))
            .collect();
        Ok(pb::ListHoldsResponse {
            holds,
            next_page_token,
            state_seq: self.state.seq(),
        }
        .to_bytes())
    }

    fn policy(&self, version: u32) -> Result<Vec<u8>, Refusal> {
        let newest = self.merchant.policy_version();
        let version = if version == 0 { newest } else { version };
        let policy = self.merchant.policies.get(version as usize - 1);
        let missing = || {
            Refusal::new(RefusalCode::PolicyNotFound)
                .fact("policy_version", version)
                .fact("newest", newest)
        };
        let policy_json = policy.ok_or_else(missing)?.spelled_out().to_json();
        Ok(pb::GetPolicyResponse {
            policy_version: version,
            policy_json,
        }
        .to_bytes())
    }

    fn engine_status(&self) -> Vec<u8> {
        let totals = self.merchant.totals;
        let clock_problem = match (self.state.frozen_at(), self.facts.clock_step_ms) {
            (Some(at), _) => format!(
                "deadlines stand still at {} until the clock is reconciled",
                crate::domain::time::rfc3339(at)
            ),
            (None, 0) => String::new(),
            (None, step) => format!("the wall clock stepped by {step} ms and is not followed"),
        };
        let response = pb::GetEngineStatusResponse {
            version: env!("CARGO_PKG_VERSION").into(),
            persistence: self.facts.persistence.clone(),
            durability: durability(self.facts.durability),
            state_seq: self.state.seq(),
            durable_seq: self.facts.durable_seq,
            live_holds: totals.live_holds,
            open_orders: totals.open_orders,
            open_parcels: totals.open_parcels,
            overdue_parcels: totals.overdue_parcels,
            due_backlog: i64::try_from(self.merchant.due.passed(self.now, 10_000))
                .unwrap_or(i64::MAX),
            now: Some(timestamp(self.facts.now)),
            next_deadline: self.state.next_deadline().map(timestamp),
            clock_problem,
            merchants: 1,
            policy_version: self.merchant.policy_version(),
        };
        response.to_bytes()
    }

    fn audit(&self) -> Vec<u8> {
        let findings = self.merchant.audit().into_iter();
        let findings = findings.map(|finding| pb::AuditFinding {
            identity: finding.identity.into(),
            subject: finding.subject,
            detail: finding.detail,
        });
        pb::AuditResponse {
            findings: findings.collect(),
            pools_checked: i64::try_from(self.merchant.pools.len()).unwrap_or(i64::MAX),
            orders_checked: i64::try_from(self.merchant.orders.len()).unwrap_or(i64::MAX),
            state_seq: self.state.seq(),
        }
        .to_bytes()
    }

    fn state_hash(&self) -> Vec<u8> {
        pb::GetStateHashResponse {
            state_hash: hex(&self.state.digest()),
            state_seq: self.state.seq(),
        }
        .to_bytes()
    }
}

/// Why a parcel is on somebody's list.
fn work_kind(parcel: &Parcel) -> &'static str {
    let kinds = [
        (Flag::PutbackOpen, "PUTBACK"),
        (Flag::Suspended, "SUSPENDED"),
        (Flag::Intercept, "INTERCEPT"),
        (Flag::Short, "SHORT"),
    ];
    kinds
        .iter()
        .find(|(flag, _)| parcel.flags.has(*flag))
        .map_or("NODE", |(_, kind)| kind)
}
