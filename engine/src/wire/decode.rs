//! Requests: bytes to commands and queries, refused by field where they are wrong.

use prost::Message;

use super::fields::{
    self, name, note, optional_name, order_number, page_size, quantity, quantity_from, time, word,
};
use super::limits;
use super::methods::MethodSpec;
use super::pb;
use crate::backward::Put;
use crate::domain::command::{
    AdvanceParcel, AmendOrder, AmendUnits, CancelOrder, Command, ConfigurePool, ConfigureSku,
    ConfigureWarehouse, ConfirmDeposit, ConfirmPayment, CountStock, FailPayment, IssueToken, Line,
    MAX_LINES, MapChannelSkus, MoveStock, PlaceOrder, Principal, PublishPolicy, PutBackParcel,
    ReceiveStock, ReconcileClock, RegisterDevice, ReleaseHold, RequestKey, RerouteParcel,
    ResumeParcel, RevokeToken, SkuMapping, SplitParcel, StartPayment, Submission, SuspendParcel,
    order_of,
};
use crate::domain::digest::hash128;
use crate::domain::orders::lifecycle::{Node, Role};
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::words::{Bucket, OrderStatus, SourceChannel, Urgency};

/// Most bytes of a sealed document or a policy.
const MAX_DOCUMENT: usize = 256 << 10;
/// Most facts of one scan, and their longest key and value.
const MAX_EVIDENCE: (usize, usize, usize) = (32, 64, 512);

/// Actors that no credential may be issued to: the operator of the process.
pub const RESERVED_ACTORS: [&str; 3] = ["operator", "embedded", "engine"];

/// A well-formed request.
#[derive(Debug)]
pub enum Request {
    Command(Box<Decoded>),
    Batch(Vec<Result<Decoded, Refusal>>),
    Query(Query),
    Watch(WatchQuery),
}

/// A command as it came in.
#[derive(Debug)]
pub struct Decoded {
    /// Name of the method, also for items of a batch.
    pub method: &'static str,
    /// The command as the state takes it, in the name of who acts: for callers that act
    /// for others, of the one they named.
    pub submission: Submission,
    /// The clear document of a PlaceOrder; the engine seals it.
    pub document: Vec<u8>,
}

impl Query {
    /// The one order that it is about, by its number or by the channel's id.
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        match self {
            Self::GetOrder { order_number }
            | Self::GetOrderStatus { order_number }
            | Self::GetOrderDocument { order_number, .. } => Some(order_number),
            Self::GetParcel { parcel_id } => order_of(parcel_id),
            Self::GetStock { .. }
            | Self::ListStock { .. }
            | Self::ListWork { .. }
            | Self::GetLifecycle
            | Self::ListOrders { .. }
            | Self::ListHolds { .. }
            | Self::GetPolicy { .. }
            | Self::GetEngineStatus
            | Self::Audit
            | Self::GetStateHash => None,
        }
    }
}

/// A read.
#[derive(Debug)]
pub enum Query {
    GetStock {
        sku: String,
        warehouse: String,
        source_channel: Option<SourceChannel>,
    },
    ListStock {
        size: usize,
        token: String,
    },
    GetParcel {
        parcel_id: String,
    },
    ListWork {
        role: Role,
        warehouse: String,
        size: usize,
        token: String,
    },
    GetLifecycle,
    GetOrder {
        order_number: String,
    },
    GetOrderStatus {
        order_number: String,
    },
    GetOrderDocument {
        order_number: String,
        purpose: String,
    },
    ListOrders {
        size: usize,
        token: String,
        node: Option<Node>,
        status: Option<OrderStatus>,
    },
    ListHolds {
        size: usize,
        token: String,
        sku: String,
    },
    GetPolicy {
        policy_version: u32,
    },
    GetEngineStatus,
    Audit,
    GetStateHash,
}

/// A stream of events.
#[derive(Debug)]
pub struct WatchQuery {
    pub after_seq: u64,
    pub types: Vec<String>,
    pub order_number: String,
    pub sku: String,
    pub heartbeat_ms: u32,
}

impl WatchQuery {
    /// True if the filter lets this event through.
    #[must_use]
    pub fn wants(&self, event: &pb::Event) -> bool {
        (self.types.is_empty() || self.types.contains(&event.r#type))
            && (self.order_number.is_empty() || self.order_number == event.order_number)
            && (self.sku.is_empty()
                || event
                    .movements
                    .iter()
                    .any(|movement| movement.sku == self.sku))
    }
}

/// The key under which a request is remembered.
#[must_use]
pub fn request_key(merchant: &str, caller: &str, method: &str, request_id: &str) -> u128 {
    hash128(&[merchant, caller, method, request_id].map(str::as_bytes))
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub merchant: &'a str,
    /// Of the credential; its actor owns the request_id.
    pub principal: &'a Principal,
}

/// Reads a request of a method.
///
/// # Errors
/// What is wrong with it, by field. Nothing of it was looked at further.
pub fn decode(method: &MethodSpec, bytes: &[u8], caller: Caller<'_>) -> Result<Request, Refusal> {
    limits::check(method, bytes)?;
    if let Some(query) = query(method.name, bytes, caller.principal)? {
        return Ok(query);
    }
    match method.name {
        "BatchSubmit" => {
            let batch: pb::BatchSubmitRequest = parse(bytes)?;
            Ok(Request::Batch(
                batch
                    .commands
                    .into_iter()
                    .map(|command| item(command, caller))
                    .collect(),
            ))
        }
        "StreamSubmit" => {
            let message: pb::StreamSubmitRequest = parse(bytes)?;
            item(message.command.unwrap_or_default(), caller)
                .map(|decoded| Request::Command(Box::new(decoded)))
        }
        name => single(name, bytes, caller).map(|decoded| Request::Command(Box::new(decoded))),
    }
}

fn parse<M: Message + Default>(bytes: &[u8]) -> Result<M, Refusal> {
    M::decode(bytes)
        .map_err(|error| Refusal::new(RefusalCode::MessageMalformed).fact("detail", error))
}

fn single(name: &str, bytes: &[u8], caller: Caller<'_>) -> Result<Decoded, Refusal> {
    match name {
        "ReceiveStock" => command(parse::<pb::ReceiveStockRequest>(bytes)?, caller),
        "MoveStock" => command(parse::<pb::MoveStockRequest>(bytes)?, caller),
        "CountStock" => command(parse::<pb::CountStockRequest>(bytes)?, caller),
        "ConfigurePool" => command(parse::<pb::ConfigurePoolRequest>(bytes)?, caller),
        "ConfigureWarehouse" => command(parse::<pb::ConfigureWarehouseRequest>(bytes)?, caller),
        "ConfigureSku" => command(parse::<pb::ConfigureSkuRequest>(bytes)?, caller),
        "MapChannelSkus" => command(parse::<pb::MapChannelSkusRequest>(bytes)?, caller),
        "AdvanceParcel" => command(parse::<pb::AdvanceParcelRequest>(bytes)?, caller),
        "OverrideParcel" => command(parse::<pb::OverrideParcelRequest>(bytes)?, caller),
        "RerouteParcel" => command(parse::<pb::RerouteParcelRequest>(bytes)?, caller),
        "SplitParcel" => command(parse::<pb::SplitParcelRequest>(bytes)?, caller),
        "SuspendParcel" => command(parse::<pb::SuspendParcelRequest>(bytes)?, caller),
        "ResumeParcel" => command(parse::<pb::ResumeParcelRequest>(bytes)?, caller),
        "PutBackParcel" => command(parse::<pb::PutBackParcelRequest>(bytes)?, caller),
        "PlaceOrder" => command(parse::<pb::PlaceOrderRequest>(bytes)?, caller),
        "StartPayment" => command(parse::<pb::StartPaymentRequest>(bytes)?, caller),
        "FailPayment" => command(parse::<pb::FailPaymentRequest>(bytes)?, caller),
        "ConfirmPayment" => command(parse::<pb::ConfirmPaymentRequest>(bytes)?, caller),
        "ConfirmDeposit" => command(parse::<pb::ConfirmDepositRequest>(bytes)?, caller),
        "ReleaseHold" => command(parse::<pb::ReleaseHoldRequest>(bytes)?, caller),
        "AmendOrder" => command(parse::<pb::AmendOrderRequest>(bytes)?, caller),
        "CancelOrder" => command(parse::<pb::CancelOrderRequest>(bytes)?, caller),
        "PublishPolicy" => command(parse::<pb::PublishPolicyRequest>(bytes)?, caller),
        "IssueToken" => command(parse::<pb::IssueTokenRequest>(bytes)?, caller),
        "RevokeToken" => command(parse::<pb::RevokeTokenRequest>(bytes)?, caller),
        "RegisterDevice" => command(parse::<pb::RegisterDeviceRequest>(bytes)?, caller),
        "ReconcileClock" => command(parse::<pb::ReconcileClockRequest>(bytes)?, caller),
        other => Err(Refusal::new(RefusalCode::MethodUnknown).fact("method", other)),
    }
}

/// One command of a batch or stream.
fn item(item: pb::Command, caller: Caller<'_>) -> Result<Decoded, Refusal> {
    use pb::command::Command as Item;
    match item.command {
        Some(Item::PlaceOrder(request)) => command(request, caller),
        Some(Item::StartPayment(request)) => command(request, caller),
        Some(Item::FailPayment(request)) => command(request, caller),
        Some(Item::ConfirmPayment(request)) => command(request, caller),
        Some(Item::ReleaseHold(request)) => command(request, caller),
        Some(Item::CancelOrder(request)) => command(request, caller),
        Some(Item::AdvanceParcel(request)) => command(request, caller),
        Some(Item::ReceiveStock(request)) => command(request, caller),
        None => Err(Refusal::field(
            "command",
            "absent",
            "one of the commands of holdfast.v1.Command",
        )),
    }
}

/// A request message that asks for a command.
trait Ask: Message + Put + Sized {
    const METHOD: &'static str;
    /// Takes the request_id out, so that the rest can be fingerprinted.
    fn take_request_id(&mut self) -> String;
    fn into_command(self) -> Result<Command, Refusal>;
    /// Actor, role and device that the caller acts for.
    fn on_behalf(&mut self) -> (String, i32, String) {
        (String::new(), 0, String::new())
    }
    /// A document that travels beside the command.
    fn take_document(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

fn command<M: Ask>(mut request: M, caller: Caller<'_>) -> Result<Decoded, Refusal> {
    let request_id = request.take_request_id();
    fields::request_id(&request_id)?;
    let fingerprint = request.with_bytes(fingerprint);
    let principal = principal(request.on_behalf(), caller.principal)?;
    let document = request.take_document();
    if document.len() > MAX_DOCUMENT {
        return Err(Refusal::field(
            "document",
            format!("{} bytes long", document.len()),
            format!("at most {MAX_DOCUMENT} bytes"),
        ));
    }
    let command = request.into_command()?;
    let merchant = match &command {
        // The operator issues credentials to others.
        Command::IssueToken(issue) if !issue.merchant.is_empty() => &issue.merchant,
        _ => caller.merchant,
    };
    let key = request_key(merchant, &caller.principal.actor, M::METHOD, &request_id);
    Ok(Decoded {
        method: M::METHOD,
        submission: Submission {
            merchant: merchant.to_owned(),
            principal,
            key: RequestKey { key, fingerprint },
            command,
            archived: None,
        },
        document,
    })
}

/// Hash of a payload without its request_id, whatever its encoding was.
fn fingerprint(payload: &[u8]) -> u64 {
    let hash = blake3::hash(payload);
    let (start, _) = (hash.as_bytes().split_first_chunk()).expect("a hash has 32 bytes");
    u64::from_le_bytes(*start)
}

/// Who acts: the caller, or whom a caller with that right names.
fn principal(
    (actor, role, device): (String, i32, String),
    caller: &Principal,
) -> Result<Principal, Refusal> {
    let mut principal = caller.clone();
    let acts_for_others = matches!(caller.role, Role::Admin | Role::Integration);
    let own = |given: &str, own: &str| given.is_empty() || given == own;
    let role_is_own = role == 0 || role == i32::from(caller.role.number());
    let only_own = own(&actor, &caller.actor) && own(&device, &caller.device) && role_is_own;
    if !acts_for_others && !only_own {
        return Err(Refusal::new(RefusalCode::PermissionDenied)
            .fact("role", caller.role)
            .fact("method", "a scan for somebody else")
            .fact("allowed", "ADMIN, INTEGRATION"));
    }
    if !actor.is_empty() {
        principal.actor = name("actor", actor)?;
    }
    if !device.is_empty() {
        principal.device = name("device", device)?;
    }
    if role != 0 {
        principal.role = word("role", role, Role::from_number, Role::ALL)?;
        if principal.role == Role::Engine {
            return Err(Refusal::field(
                "role",
                principal.role,
                "a role of a person or system",
            ));
        }
    }
    Ok(principal)
}

macro_rules! ask {
    ($request:ident $method:literal, $self:ident => $body:expr $(; $extra:item)*) => {
        impl Ask for pb::$request {
            const METHOD: &'static str = $method;
            fn take_request_id(&mut self) -> String {
                std::mem::take(&mut self.request_id)
            }
            fn into_command($self) -> Result<Command, Refusal> {
                $body
            }
            $($extra)*
        }
    };
}

ask!(PlaceOrderRequest "PlaceOrder", self => {
    let source_channel = SourceChannel::from_number(self.source_channel).ok_or_else(|| Refusal::new(RefusalCode::SourceChannelRequired).fact("field", "source_channel").fact("value", self.source_channel))?;
    let urgency = Urgency::from_number(self.urgency).ok_or_else(|| Refusal::new(RefusalCode::UrgencyRequired).fact("field", "urgency").fact("value", self.urgency))?;
    if self.lines.is_empty() {
        return Err(Refusal::new(RefusalCode::LinesEmpty).fact("field", "lines"));
    }
    few(self.lines.len())?;
    let lines = self.lines.into_iter().enumerate().map(line).collect::<Result<_, _>>()?;
    Ok(Command::PlaceOrder(Box::new(PlaceOrder {
        order_number: order_number("order_number", self.order_number)?,
        source_channel,
        urgency,
        lines,
        channel_order_id: optional_name("channel_order_id", self.channel_order_id)?,
        shop_id: optional_name("shop_id", self.shop_id)?,
        buyer_token: note("buyer_token", self.buyer_token)?,
        province: optional_name("province", self.province)?,
        paid: self.paid,
        supersede: self.on_live_hold == pb::OnLiveHold::Supersede as i32,
        ship_by: time("ship_by", self.ship_by)?,
        suspend_reason: note("suspend_reason", self.suspend_reason)?,
        document: Vec::new(),
    })))
};
    fn take_document(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.document)
    });

fn line((index, line): (usize, pb::OrderLine)) -> Result<Line, Refusal> {
    let line = Line {
        quantity: quantity(format_args!("lines[{index}].quantity"), line.quantity)?,
        sku: optional_name(format_args!("lines[{index}].sku"), line.sku)?,
        warehouse: optional_name(format_args!("lines[{index}].warehouse"), line.warehouse)?,
        batch: optional_name(format_args!("lines[{index}].batch"), line.batch)?,
        channel_sku: optional_name(format_args!("lines[{index}].channel_sku"), line.channel_sku)?,
        outer_code: optional_name(format_args!("lines[{index}].outer_code"), line.outer_code)?,
    };
    if line.sku.is_empty() && line.channel_sku.is_empty() && line.outer_code.is_empty() {
        return Err(Refusal::field(
            format_args!("lines[{index}].sku"),
            "empty",
            "a SKU, or a channel_sku or outer_code to be mapped",
        ));
    }
    Ok(line)
}

ask!(StartPaymentRequest "StartPayment", self => Ok(Command::StartPayment(StartPayment {
    order_number: name("order_number", self.order_number)?,
    payment_ref: optional_name("payment_ref", self.payment_ref)?,
})));

ask!(FailPaymentRequest "FailPayment", self => Ok(Command::FailPayment(FailPayment {
    order_number: name("order_number", self.order_number)?,
    payment_ref: optional_name("payment_ref", self.payment_ref)?,
    reason: note("reason", self.reason)?,
})));

ask!(ConfirmPaymentRequest "ConfirmPayment", self => {
    let units = units("units", self.units.into_iter().map(|units| (units.sku, units.quantity)))?;
    if self.amount_minor < 0 {
        return Err(Refusal::field("amount_minor", self.amount_minor, "0 or more, in fen"));
    }
    Ok(Command::ConfirmPayment(ConfirmPayment {
        order_number: name("order_number", self.order_number)?,
        payment_ref: optional_name("payment_ref", self.payment_ref)?,
        paid_at: time("paid_at", self.paid_at)?,
        units,
        keep_rest: self.keep_rest,
        amount_minor: self.amount_minor,
    }))
});

/// SKUs and how many units of each, those of the same SKU together.
fn units(
    list: &str,
    given: impl ExactSizeIterator<Item = (String, i64)>,
) -> Result<Vec<(String, i64)>, Refusal> {
    few(given.len())?;
    let mut merged: Vec<(String, i64)> = Vec::with_capacity(given.len());
    for (index, (sku, units)) in given.enumerate() {
        let sku = name(format_args!("{list}[{index}].sku"), sku)?;
        let units = quantity(format_args!("{list}[{index}].quantity"), units)?;
        match merged.iter_mut().find(|(known, _)| *known == sku) {
            Some((_, all)) => *all += units,
            None => merged.push((sku, units)),
        }
    }
    Ok(merged)
}

/// Lists are short: what is decided under one lock is bounded.
fn few(count: usize) -> Result<(), Refusal> {
    if count > MAX_LINES {
        return Err(Refusal::new(RefusalCode::LinesTooMany)
            .fact("count", count)
            .fact("limit", MAX_LINES));
    }
    Ok(())
}

ask!(ConfirmDepositRequest "ConfirmDeposit", self => Ok(Command::ConfirmDeposit(ConfirmDeposit {
    order_number: name("order_number", self.order_number)?,
    payment_ref: optional_name("payment_ref", self.payment_ref)?,
    balance_due_at: time("balance_due_at", self.balance_due_at)?
        .ok_or_else(|| Refusal::field("balance_due_at", "absent", "the channel's deadline of the balance"))?,
})));

ask!(ReleaseHoldRequest "ReleaseHold", self => Ok(Command::ReleaseHold(ReleaseHold {
    order_number: name("order_number", self.order_number)?,
    reason: note("reason", self.reason)?,
})));

ask!(AmendOrderRequest "AmendOrder", self => {
    if self.units.is_empty() {
        return Err(Refusal::new(RefusalCode::LinesEmpty).fact("field", "units"));
    }
    few(self.units.len())?;
    let units = self.units.into_iter().enumerate().map(|(index, units)| Ok(AmendUnits {
        sku: name(format_args!("units[{index}].sku"), units.sku)?,
        quantity: quantity_from(format_args!("units[{index}].quantity"), units.quantity, 0)?,
        warehouse: optional_name(format_args!("units[{index}].warehouse"), units.warehouse)?,
    })).collect::<Result<_, Refusal>>()?;
    Ok(Command::AmendOrder(AmendOrder { order_number: name("order_number", self.order_number)?, units }))
});

ask!(CancelOrderRequest "CancelOrder", self => Ok(Command::CancelOrder(CancelOrder {
    order_number: name("order_number", self.order_number)?,
    parcel_ids: few(self.parcel_ids.len()).map(|()| self.parcel_ids)?,
    units: units("units", self.units.into_iter().map(|units| (units.sku, units.quantity)))?,
    reason: note("reason", self.reason)?,
})));

ask!(AdvanceParcelRequest "AdvanceParcel", self => Ok(Command::AdvanceParcel(Box::new(AdvanceParcel {
    parcel_id: parcel_id(self.parcel_id)?,
    expected_version: self.expected_version,
    node: word("node", self.node, Node::from_number, Node::ALL)?,
    occurred_at: time("occurred_at", self.occurred_at)?,
    scan_id: optional_name("scan_id", self.scan_id)?,
    reason: note("reason", self.reason)?,
    evidence: evidence(self.evidence)?,
    warehouse: optional_name("warehouse", self.warehouse)?,
})));
    fn on_behalf(&mut self) -> (String, i32, String) {
        (std::mem::take(&mut self.actor), self.role, std::mem::take(&mut self.device))
    });

fn parcel_id(value: String) -> Result<String, Refusal> {
    if !value.contains('/') {
        return Err(Refusal::field("parcel_id", &value, "'<order number>/<n>'"));
    }
    fields::optional_name("parcel_id", value)
}

fn evidence(
    given: std::collections::BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, Refusal> {
    let (count, key_limit, value_limit) = MAX_EVIDENCE;
    if given.len() > count {
        return Err(Refusal::field(
            "evidence",
            format!("{} entries", given.len()),
            format!("at most {count}"),
        ));
    }
    for (key, value) in &given {
        if key.len() > key_limit || value.len() > value_limit {
            return Err(Refusal::field(
                format_args!("evidence[{key:.64}]"),
                "too long",
                format!("a key of {key_limit} and a value of {value_limit} bytes"),
            ));
        }
    }
    Ok(given.into_iter().collect())
}

ask!(OverrideParcelRequest "OverrideParcel", self => Ok(Command::OverrideParcel(Box::new(AdvanceParcel {
    parcel_id: parcel_id(self.parcel_id)?,
    expected_version: self.expected_version,
    node: word("node", self.node, Node::from_number, Node::ALL)?,
    occurred_at: time("occurred_at", self.occurred_at)?,
    scan_id: String::new(),
    reason: note("reason", self.reason)?,
    evidence: evidence(self.evidence)?,
    warehouse: String::new(),
}))));

ask!(RerouteParcelRequest "RerouteParcel", self => Ok(Command::RerouteParcel(RerouteParcel {
    parcel_id: parcel_id(self.parcel_id)?,
    warehouse: name("warehouse", self.warehouse)?,
    reason: note("reason", self.reason)?,
})));

ask!(SplitParcelRequest "SplitParcel", self => Ok(Command::SplitParcel(SplitParcel {
    parcel_id: parcel_id(self.parcel_id)?,
    units: units("units", self.units.into_iter().map(|units| (units.sku, units.quantity)))?,
    reason: note("reason", self.reason)?,
})));

ask!(SuspendParcelRequest "SuspendParcel", self => {
    if !(0..=527_040).contains(&self.review_minutes) {
        return Err(Refusal::field("review_minutes", self.review_minutes, "0 (the policy's) to 527040"));
    }
    Ok(Command::SuspendParcel(SuspendParcel {
        parcel_id: parcel_id(self.parcel_id)?,
        reason: note("reason", self.reason)?,
        owner: if self.owner == 0 { Role::Supervisor } else { word("owner", self.owner, Role::from_number, Role::ALL)? },
        review_minutes: self.review_minutes.into(),
    }))
});

ask!(ResumeParcelRequest "ResumeParcel", self => Ok(Command::ResumeParcel(ResumeParcel {
    parcel_id: parcel_id(self.parcel_id)?,
    reason: note("reason", self.reason)?,
})));

ask!(PutBackParcelRequest "PutBackParcel", self => Ok(Command::PutBackParcel(PutBackParcel {
    parcel_id: parcel_id(self.parcel_id)?,
    scan_id: optional_name("scan_id", self.scan_id)?,
}));
    fn on_behalf(&mut self) -> (String, i32, String) {
        (std::mem::take(&mut self.actor), self.role, std::mem::take(&mut self.device))
    });

ask!(ReceiveStockRequest "ReceiveStock", self => Ok(Command::ReceiveStock(ReceiveStock {
    sku: name("sku", self.sku)?,
    warehouse: name("warehouse", self.warehouse)?,
    quantity: quantity("quantity", self.quantity)?,
    batch: optional_name("batch", self.batch)?,
    expires_at: time("expires_at", self.expires_at)?,
    qc_report: optional_name("qc_report", self.qc_report)?,
    to_qc: match self.to {
        0 => false,
        to if to == i32::from(Bucket::Available.number()) => false,
        to if to == i32::from(Bucket::Qc.number()) => true,
        to => return Err(Refusal::field("to", to, "AVAILABLE or QC")),
    },
    reason: note("reason", self.reason)?,
})));

ask!(MoveStockRequest "MoveStock", self => Ok(Command::MoveStock(MoveStock {
    sku: name("sku", self.sku)?,
    warehouse: name("warehouse", self.warehouse)?,
    batch: optional_name("batch", self.batch)?,
    from: word("from", self.from, Bucket::from_number, Bucket::ALL)?,
    to: word("to", self.to, Bucket::from_number, Bucket::ALL)?,
    quantity: quantity("quantity", self.quantity)?,
    reason: note("reason", self.reason)?,
})));

ask!(CountStockRequest "CountStock", self => Ok(Command::CountStock(CountStock {
    sku: name("sku", self.sku)?,
    warehouse: name("warehouse", self.warehouse)?,
    batch: optional_name("batch", self.batch)?,
    counted: quantity_from("counted", self.counted, 0)?,
    reason: note("reason", self.reason)?,
    approver: optional_name("approver", self.approver)?,
})));

ask!(ConfigurePoolRequest "ConfigurePool", self => {
    let channel_buffers = self.channel_buffers.into_iter().enumerate().map(|(index, buffer)| Ok((
        word(format_args!("channel_buffers[{index}].source_channel"), buffer.source_channel, SourceChannel::from_number, SourceChannel::ALL)?,
        quantity_from(format_args!("channel_buffers[{index}].quantity"), buffer.quantity, 0)?,
    ))).collect::<Result<_, Refusal>>()?;
    Ok(Command::ConfigurePool(ConfigurePool {
        sku: name("sku", self.sku)?,
        warehouse: name("warehouse", self.warehouse)?,
        backorder_limit: quantity_from("backorder_limit", self.backorder_limit, 0)?,
        channel_buffers,
    }))
});

ask!(ConfigureWarehouseRequest "ConfigureWarehouse", self => Ok(Command::ConfigureWarehouse(ConfigureWarehouse {
    warehouse: name("warehouse", self.warehouse)?,
    rank: self.rank,
    province: optional_name("province", self.province)?,
    serves_provinces: self.serves_provinces.into_iter().map(|province| name("serves_provinces", province)).collect::<Result<_, _>>()?,
    working_hours: self.working_hours.iter().map(|window| (window.weekday, window.open_minute, window.close_minute)).collect(),
    closed_days: self.closed_days,
})));

ask!(ConfigureSkuRequest "ConfigureSku", self => {
    let bundle = units("bundle", self.bundle.into_iter().map(|part| (part.sku, part.quantity)))?;
    Ok(Command::ConfigureSku(ConfigureSku { sku: name("sku", self.sku)?, pin_batch_at_hold: self.pin_batch_at_hold, bundle }))
});

ask!(MapChannelSkusRequest "MapChannelSkus", self => {
    let mappings = self.mappings.into_iter().enumerate().map(|(index, mapping)| {
        if mapping.outer_code.is_empty() && mapping.channel_sku.is_empty() {
            return Err(Refusal::field(format_args!("mappings[{index}]"), "no code", "an outer_code or a channel_sku"));
        }
        Ok(SkuMapping {
            outer_code: optional_name(format_args!("mappings[{index}].outer_code"), mapping.outer_code)?,
            channel_sku: optional_name(format_args!("mappings[{index}].channel_sku"), mapping.channel_sku)?,
            sku: name(format_args!("mappings[{index}].sku"), mapping.sku)?,
        })
    }).collect::<Result<_, Refusal>>()?;
    Ok(Command::MapChannelSkus(MapChannelSkus {
        source_channel: SourceChannel::from_number(self.source_channel)
            .ok_or_else(|| Refusal::new(RefusalCode::SourceChannelRequired).fact("field", "source_channel").fact("value", self.source_channel))?,
        shop_id: optional_name("shop_id", self.shop_id)?,
        mappings,
    }))
});

ask!(PublishPolicyRequest "PublishPolicy", self => {
    if self.policy_json.len() > MAX_DOCUMENT {
        return Err(Refusal::field("policy_json", format!("{} bytes long", self.policy_json.len()), format!("at most {MAX_DOCUMENT} bytes")));
    }
    Ok(Command::PublishPolicy(PublishPolicy { policy_json: self.policy_json }))
});

ask!(IssueTokenRequest "IssueToken", self => {
    let role = word("role", self.role, Role::from_number, Role::ALL)?;
    if matches!(role, Role::Engine | Role::Customer) {
        return Err(Refusal::field("role", role, "a role of a person or system"));
    }
    if RESERVED_ACTORS.contains(&self.actor.as_str()) {
        return Err(Refusal::field("actor", &self.actor, "a name other than operator, embedded, engine"));
    }
    Ok(Command::IssueToken(IssueToken {
        token_sha256: sha256("token_sha256", &self.token_sha256)?,
        actor: name("actor", self.actor)?,
        role,
        device: optional_name("device", self.device)?,
        expires_at: time("expires_at", self.expires_at)?,
        merchant: optional_name("merchant", self.merchant)?,
    }))
});

ask!(RevokeTokenRequest "RevokeToken", self => {
    let token_sha256 = if self.token_sha256.is_empty() { [0; 32] } else { sha256("token_sha256", &self.token_sha256)? };
    if self.token_sha256.is_empty() == self.actor.is_empty() {
        return Err(Refusal::field("actor", &self.actor, "either a token_sha256 or an actor"));
    }
    Ok(Command::RevokeToken(RevokeToken { token_sha256, actor: optional_name("actor", self.actor)? }))
});

fn sha256(path: &str, bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    bytes
        .try_into()
        .map_err(|_| Refusal::field(path, format!("{} bytes long", bytes.len()), "32 bytes"))
}

ask!(RegisterDeviceRequest "RegisterDevice", self => Ok(Command::RegisterDevice(RegisterDevice {
    device: name("device", self.device)?,
    warehouse: if self.retired { String::new() } else { name("warehouse", self.warehouse)? },
    kind: optional_name("kind", self.kind)?,
    retired: self.retired,
})));

ask!(ReconcileClockRequest "ReconcileClock", self => Ok(Command::ReconcileClock(ReconcileClock { reason: note("reason", self.reason)? })));

/// Reads, and the stream of events. `None`: the method is a command.
fn query(method: &str, bytes: &[u8], caller: &Principal) -> Result<Option<Request>, Refusal> {
    let query = match method {
        "GetStock" => {
            let request: pb::GetStockRequest = parse(bytes)?;
            let source_channel = SourceChannel::from_number(request.source_channel);
            Query::GetStock {
                sku: name("sku", request.sku)?,
                warehouse: optional_name("warehouse", request.warehouse)?,
                source_channel,
            }
        }
        "ListStock" => {
            let request: pb::ListStockRequest = parse(bytes)?;
            Query::ListStock {
                size: page_size(request.page_size)?,
                token: request.page_token,
            }
        }
        "GetParcel" => Query::GetParcel {
            parcel_id: parcel_id(parse::<pb::GetParcelRequest>(bytes)?.parcel_id)?,
        },
        "ListWork" => {
            let request: pb::ListWorkRequest = parse(bytes)?;
            let role = if request.role == 0 {
                caller.role
            } else {
                word("role", request.role, Role::from_number, Role::ALL)?
            };
            Query::ListWork {
                role,
                warehouse: optional_name("warehouse", request.warehouse)?,
                size: page_size(request.page_size)?,
                token: request.page_token,
            }
        }
        "GetLifecycle" => Query::GetLifecycle,
        "GetOrder" => Query::GetOrder {
            order_number: name(
                "order_number",
                parse::<pb::GetOrderRequest>(bytes)?.order_number,
            )?,
        },
        "GetOrderStatus" => Query::GetOrderStatus {
            order_number: name(
                "order_number",
                parse::<pb::GetOrderStatusRequest>(bytes)?.order_number,
            )?,
        },
        "GetOrderDocument" => {
            let request: pb::GetOrderDocumentRequest = parse(bytes)?;
            Query::GetOrderDocument {
                order_number: name("order_number", request.order_number)?,
                purpose: name("purpose", request.purpose)?,
            }
        }
        "ListOrders" => {
            let request: pb::ListOrdersRequest = parse(bytes)?;
            let (node, status) = (
                Node::from_number(request.node),
                OrderStatus::from_number(request.status),
            );
            Query::ListOrders {
                size: page_size(request.page_size)?,
                token: request.page_token,
                node,
                status,
            }
        }
        "ListHolds" => {
            let request: pb::ListHoldsRequest = parse(bytes)?;
            Query::ListHolds {
                size: page_size(request.page_size)?,
                token: request.page_token,
                sku: optional_name("sku", request.sku)?,
            }
        }
        "GetPolicy" => Query::GetPolicy {
            policy_version: parse::<pb::GetPolicyRequest>(bytes)?.policy_version,
        },
        "GetEngineStatus" => Query::GetEngineStatus,
        "Audit" => Query::Audit,
        "GetStateHash" => Query::GetStateHash,
        "WatchEvents" => return watch(bytes).map(Some),
        _ => return Ok(None),
    };
    Ok(Some(Request::Query(query)))
}

fn watch(bytes: &[u8]) -> Result<Request, Refusal> {
    let request: pb::WatchEventsRequest = parse(bytes)?;
    let heartbeat_ms = match request.heartbeat_ms {
        0 => 5_000,
        ms @ 100..=60_000 => ms.unsigned_abs(),
        other => {
            return Err(Refusal::field(
                "heartbeat_ms",
                other,
                "0 (5000) or 100 to 60000",
            ));
        }
    };
    Ok(Request::Watch(WatchQuery {
        after_seq: request.after_seq,
        types: request.types,
        order_number: request.order_number,
        sku: request.sku,
        heartbeat_ms,
    }))
}
