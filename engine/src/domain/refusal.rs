//! Refusals: one closed list of reasons, each with its class, its texts and facts.
//!
//! A refusal is a value, not an accident. Its code is stable for ever; its facts
//! (asked, free, held until when by which order, current node, allowed nodes)
//! are key and value, and the texts in both languages are filled from them, so
//! that a stored refusal reads the same on every repeat. `SPECS` is the one
//! place: the status mapping and docs/refusals.md come from it.

use super::closed_enum::closed_enum;
use crate::backward::Put;

closed_enum! {
    /// Why a command was refused.
    RefusalCode {
        MessageMalformed = 1 "MESSAGE_MALFORMED",
        MessageTooLarge = 2 "MESSAGE_TOO_LARGE",
        RequestIdInvalid = 3 "REQUEST_ID_INVALID",
        FieldInvalid = 4 "FIELD_INVALID",
        KeyReused = 5 "KEY_REUSED",
        SourceChannelRequired = 6 "SOURCE_CHANNEL_REQUIRED",
        UrgencyRequired = 7 "URGENCY_REQUIRED",
        QuantityInvalid = 8 "QUANTITY_INVALID",
        LinesEmpty = 9 "LINES_EMPTY",
        LinesTooMany = 10 "LINES_TOO_MANY",
        ReasonRequired = 11 "REASON_REQUIRED",
        PolicyInvalid = 12 "POLICY_INVALID",
        Unauthenticated = 20 "UNAUTHENTICATED",
        PermissionDenied = 21 "PERMISSION_DENIED",
        RoleNotAllowed = 22 "ROLE_NOT_ALLOWED",
        DeviceNotRegistered = 23 "DEVICE_NOT_REGISTERED",
        MethodUnknown = 30 "METHOD_UNKNOWN",
        OrderNotFound = 31 "ORDER_NOT_FOUND",
        ParcelNotFound = 32 "PARCEL_NOT_FOUND",
        SkuUnknown = 33 "SKU_UNKNOWN",
        WarehouseUnknown = 34 "WAREHOUSE_UNKNOWN",
        BatchUnknown = 35 "BATCH_UNKNOWN",
        DocumentNotFound = 36 "DOCUMENT_NOT_FOUND",
        PolicyNotFound = 37 "POLICY_NOT_FOUND",
        StockInsufficient = 50 "STOCK_INSUFFICIENT",
        AlreadyHeld = 51 "ALREADY_HELD",
        OrderExists = 52 "ORDER_EXISTS",
        HoldExpired = 53 "HOLD_EXPIRED",
        HoldNotLive = 54 "HOLD_NOT_LIVE",
        OrderClosed = 55 "ORDER_CLOSED",
        IllegalTransition = 56 "ILLEGAL_TRANSITION",
        BackorderOpen = 57 "BACKORDER_OPEN",
        Suspended = 58 "SUSPENDED",
        QuotaExceeded = 59 "QUOTA_EXCEEDED",
        SkuUnmapped = 60 "SKU_UNMAPPED",
        CancelRefused = 61 "CANCEL_REFUSED",
        WarehouseMismatch = 62 "WAREHOUSE_MISMATCH",
        RerouteTooLate = 63 "REROUTE_TOO_LATE",
        SplitTooLate = 64 "SPLIT_TOO_LATE",
        OccurredTooEarly = 65 "OCCURRED_TOO_EARLY",
        MovementIllegal = 66 "MOVEMENT_ILLEGAL",
        ParcelCancelled = 67 "PARCEL_CANCELLED",
        PaymentInProgress = 68 "PAYMENT_IN_PROGRESS",
        NotSuspended = 69 "NOT_SUSPENDED",
        NothingToPutBack = 70 "NOTHING_TO_PUT_BACK",
        BundleInvalid = 71 "BUNDLE_INVALID",
        BatchInsufficient = 72 "BATCH_INSUFFICIENT",
        ShortPromise = 73 "SHORT_PROMISE",
        NotPaid = 74 "NOT_PAID",
        VersionConflict = 80 "VERSION_CONFLICT",
        Overloaded = 90 "OVERLOADED",
        Draining = 91 "DRAINING",
        CommitUnknown = 92 "COMMIT_UNKNOWN",
        DeadlineExceeded = 93 "DEADLINE_EXCEEDED",
        Internal = 94 "INTERNAL",
        WatchTooSlow = 96 "WATCH_TOO_SLOW",
        DiskShort = 97 "DISK_SHORT",
        KeyExpired = 98 "KEY_EXPIRED",
        JournalUnreachable = 99 "JOURNAL_UNREACHABLE",
    }
}

/// Status class of a refusal, with the number of the gRPC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// What is fixed about a reason. `{key}` in a text stands for a fact.
#[derive(Debug)]
pub struct RefusalSpec {
    pub code: RefusalCode,
    pub class: Class,
    /// A business refusal is remembered under its request_id; one of form,
    /// identity, overload or disk is not, and the same request may come again.
    pub sticky: bool,
    pub en: &'static str,
    pub zh: &'static str,
}

/// A refusal with its facts, in the order in which they were stated.
#[derive(Clone, PartialEq, Eq, prost::Message, Put)]
pub struct Refusal {
    /// Number of a [`RefusalCode`].
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(message, repeated, tag = "2")]
    facts: Vec<Fact>,
}

/// One fact of a refusal.
#[derive(Clone, PartialEq, Eq, prost::Message, Put)]
pub struct Fact {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

impl Refusal {
    #[must_use]
    pub fn new(code: RefusalCode) -> Self {
        Self {
            code: i32::from(code.number()),
            facts: Vec::new(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.facts.push(Fact {
            key: key.into(),
            value: value.to_string(),
        });
        self
    }

    /// A field of the request is wrong: its path, its value, and what is expected.
    #[must_use]
    pub fn field(path: impl ToString, value: impl ToString, expected: impl ToString) -> Self {
        Self::new(RefusalCode::FieldInvalid)
            .fact("field", path)
            .fact("value", value)
            .fact("expected", expected)
    }

    #[must_use]
    pub fn code(&self) -> RefusalCode {
        RefusalCode::from_number(self.code).unwrap_or(RefusalCode::Internal)
    }

    #[must_use]
    pub fn spec(&self) -> &'static RefusalSpec {
        spec(self.code())
    }

    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The value of a fact, empty if it was not stated.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.facts
            .iter()
            .find(|fact| fact.key == key)
            .map_or("", |fact| &fact.value)
    }

    /// The English text with the facts filled in.
    #[must_use]
    pub fn message_en(&self) -> String {
        self.fill(self.spec().en)
    }

    /// The Chinese text with the facts filled in.
    #[must_use]
    pub fn message_zh(&self) -> String {
        self.fill(self.spec().zh)
    }

    fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (key, tail) = after
                .split_once('}')
                .expect("templates close their braces, as a test checks");
            out.push_str(before);
            out.push_str(match self.get(key) {
                "" => "-",
                value => value,
            });
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.message_en())
    }
}

impl std::error::Error for Refusal {}

/// The fixed part of a reason.
#[must_use]
pub fn spec(code: RefusalCode) -> &'static RefusalSpec {
    SPECS
        .iter()
        .find(|spec| spec.code == code)
        .expect("every code has its row, as a test checks")
}

macro_rules! specs {
    ($($code:ident $class:ident $sticky:ident $en:literal $zh:literal;)+) => {
        &[$(RefusalSpec {
            code: RefusalCode::$code,
            class: Class::$class,
            sticky: specs!(@ $sticky),
            en: $en,
            zh: $zh,
        },)+]
    };
    (@ sticky) => { true };
    (@ fresh) => { false };
}

/// Every reason with its class and texts.
#[rustfmt::skip]
pub const SPECS: &[RefusalSpec] = specs! {
    MessageMalformed InvalidArgument fresh "The message is not valid protobuf: {detail}. Send what protos/holdfast/v1 declares." "消息不是合法的 protobuf：{detail}。请按 protos/holdfast/v1 发送。";
    MessageTooLarge InvalidArgument fresh "The message has {size} bytes; at most {limit} are taken. Split it." "消息 {size} 字节，上限 {limit}。请拆分。";
    RequestIdInvalid InvalidArgument fresh "request_id must be 1 to 128 printable ASCII characters; got {length}. Use a new UUID for each new attempt." "request_id 必须为 1 到 128 个可打印 ASCII 字符，收到 {length} 个。每次新的尝试请用新的 UUID。";
    FieldInvalid InvalidArgument fresh "{field} is {value}; expected {expected}." "字段 {field} 的值为 {value}，应为 {expected}。";
    KeyReused InvalidArgument fresh "This request_id was used for another request. Use a new request_id for a new request." "该 request_id 已用于另一个请求。新请求请用新的 request_id。";
    SourceChannelRequired InvalidArgument fresh "source_channel is missing. Name the channel: DOUYIN, YOUZAN, TAOBAO, WECHAT, PHONE or OTHER." "缺少来源渠道 source_channel。请填写 DOUYIN、YOUZAN、TAOBAO、WECHAT、PHONE 或 OTHER。";
    UrgencyRequired InvalidArgument fresh "urgency is missing. State NORMAL, URGENT or CRITICAL." "缺少紧急等级 urgency。请填写 NORMAL、URGENT 或 CRITICAL。";
    QuantityInvalid InvalidArgument fresh "{field} is {value}; a quantity is a whole number from {minimum} to {maximum}." "{field} 的值为 {value}，数量应为 {minimum} 到 {maximum} 的整数。";
    LinesEmpty InvalidArgument fresh "The order has no lines. Send at least one." "订单没有行。请至少提供一行。";
    LinesTooMany InvalidArgument fresh "{count} lines or commands; at most {limit} are taken in one request." "共 {count} 行或指令，单个请求上限 {limit}。";
    ReasonRequired InvalidArgument fresh "A reason is required: {why}." "必须填写原因：{why}。";
    PolicyInvalid InvalidArgument fresh "The policy is not accepted: {detail}." "策略未被接受：{detail}。";
    Unauthenticated Unauthenticated fresh "No valid credential: {detail}. Send 'authorization: Bearer <token>'." "凭证无效：{detail}。请发送 'authorization: Bearer <令牌>'。";
    PermissionDenied PermissionDenied fresh "Role {role} may not call {method}. Roles that may: {allowed}." "角色 {role} 无权调用 {method}。允许的角色：{allowed}。";
    RoleNotAllowed PermissionDenied sticky "Role {role} may not enter node {node}. Roles that may: {allowed}; a supervisor may override with a reason." "角色 {role} 不能进入节点 {node}。允许的角色：{allowed}；主管可填写原因后代办。";
    DeviceNotRegistered PermissionDenied sticky "Device {device} is not registered to warehouse {warehouse}. Register it, or use one that is." "设备 {device} 未登记到仓库 {warehouse}。请先登记或换用已登记设备。";
    MethodUnknown Unimplemented fresh "There is no method {method}." "没有方法 {method}。";
    OrderNotFound NotFound sticky "There is no order {order_number}." "没有订单 {order_number}。";
    ParcelNotFound NotFound sticky "There is no parcel {parcel_id}. It is '<order number>/<n>'." "没有包裹 {parcel_id}。格式为 '<订单号>/<序号>'。";
    SkuUnknown NotFound sticky "SKU {sku} has never been received or configured." "SKU {sku} 从未入库或配置。";
    WarehouseUnknown NotFound sticky "There is no warehouse {warehouse}." "没有仓库 {warehouse}。";
    BatchUnknown NotFound sticky "SKU {sku} has no batch {batch} in warehouse {warehouse}." "SKU {sku} 在仓库 {warehouse} 没有批次 {batch}。";
    DocumentNotFound NotFound fresh "Order {order_number} has no readable document: {detail}." "订单 {order_number} 没有可读的资料：{detail}。";
    PolicyNotFound NotFound fresh "There is no policy version {policy_version}; the newest is {newest}." "没有策略版本 {policy_version}，最新为 {newest}。";
    StockInsufficient FailedPrecondition sticky "Not enough stock of {sku} in {warehouse}: asked {asked}, free {free}; {held} held until {held_until} by order {held_by}. Nothing was held." "{warehouse} 的 {sku} 库存不足：需要 {asked}，可用 {free}；其中 {held} 件由订单 {held_by} 锁定至 {held_until}。未锁定任何库存。";
    AlreadyHeld AlreadyExists sticky "Order {order_number} already has a live hold {hold_id} with other lines until {held_until}. Release it, or place with SUPERSEDE." "订单 {order_number} 已有不同内容的有效锁库 {hold_id}，至 {held_until}。请先释放，或用 SUPERSEDE 替换。";
    OrderExists AlreadyExists sticky "Order {order_number} exists and is at node {node}." "订单 {order_number} 已存在，当前节点 {node}。";
    HoldExpired FailedPrecondition sticky "The hold of order {order_number} ended at {expired_at}. Place the order again with a new request_id." "订单 {order_number} 的锁库已于 {expired_at} 到期。请用新的 request_id 重新下单。";
    HoldNotLive FailedPrecondition sticky "Order {order_number} has no live hold; its last one is {hold_state}." "订单 {order_number} 没有有效锁库，最近一次为 {hold_state}。";
    OrderClosed FailedPrecondition sticky "Order {order_number} is {status}; it takes no further {what}." "订单 {order_number} 已是 {status}，不再接受{what}。";
    IllegalTransition FailedPrecondition sticky "Parcel {parcel_id} is at {current}; it cannot go to {target}{because}. Allowed now: {allowed}." "包裹 {parcel_id} 当前在 {current}，不能到 {target}{because}。现在允许：{allowed}。";
    BackorderOpen FailedPrecondition sticky "Parcel {parcel_id} waits for {backordered} units that are not received yet; it cannot pass node WAREHOUSE_ASSIGNED." "包裹 {parcel_id} 还有 {backordered} 件缺货未到，不能越过 已分仓。";
    Suspended FailedPrecondition sticky "Parcel {parcel_id} is suspended: {reason}. {owner} must decide first." "包裹 {parcel_id} 已挂起：{reason}。须先由 {owner} 处理。";
    QuotaExceeded FailedPrecondition sticky "Quota {quota}: limit {limit}, this order would make it {would_be}." "超过限额 {quota}：上限 {limit}，此单后为 {would_be}。";
    SkuUnmapped FailedPrecondition sticky "Channel SKU {channel_sku} (outer code {outer_code}) of shop {shop_id} is not mapped. Map it, then place the order with a new request_id." "店铺 {shop_id} 的渠道SKU {channel_sku}（商家编码 {outer_code}）未映射。请先映射，再用新的 request_id 下单。";
    CancelRefused FailedPrecondition sticky "Order {order_number} is signed for; it cannot be cancelled. Open a return." "订单 {order_number} 已签收，不能取消。请开退货单。";
    WarehouseMismatch FailedPrecondition sticky "Parcel {parcel_id} holds stock in {warehouse}; it cannot leave from {given}. Re-route it first." "包裹 {parcel_id} 的库存在 {warehouse}，不能从 {given} 发出。请先改仓。";
    RerouteTooLate FailedPrecondition sticky "Parcel {parcel_id} is at {current}; a re-route ends with WAVE_ASSIGNED." "包裹 {parcel_id} 已到 {current}，改仓最晚到 已分配波次。";
    SplitTooLate FailedPrecondition sticky "Parcel {parcel_id} is at {current}; it may be split until PACKED, leaving at least one unit." "包裹 {parcel_id} 在 {current}，拆包最晚到 打包完成，且须留下至少一件。";
    OccurredTooEarly FailedPrecondition sticky "occurred_at {occurred_at} is more than {skew_minutes} minutes before the previous node ({previous}). Check the device's clock." "发生时间 {occurred_at} 比上一节点（{previous}）早超过 {skew_minutes} 分钟。请检查设备时钟。";
    MovementIllegal FailedPrecondition sticky "Stock cannot be moved from {from} to {to} by hand. Allowed: {allowed}." "库存不能手工从 {from} 移到 {to}。允许：{allowed}。";
    ParcelCancelled FailedPrecondition sticky "Parcel {parcel_id} is cancelled. {instruction}" "包裹 {parcel_id} 的订单已取消，{instruction}";
    PaymentInProgress FailedPrecondition sticky "Order {order_number} is being paid until {held_until}; its hold cannot be replaced now." "订单 {order_number} 正在支付，至 {held_until}，现在不能替换锁库。";
    NotSuspended FailedPrecondition sticky "Parcel {parcel_id} is neither suspended nor intercepted." "包裹 {parcel_id} 没有挂起也没有拦截。";
    NothingToPutBack FailedPrecondition sticky "Parcel {parcel_id} has nothing to put back; it is {status} at {current}." "包裹 {parcel_id} 没有待放回的货，状态 {status}，节点 {current}。";
    BundleInvalid FailedPrecondition sticky "Bundle {sku} is not accepted: {detail}." "组合装 {sku} 未被接受：{detail}。";
    BatchInsufficient FailedPrecondition sticky "Unexpired batches of {sku} in {warehouse} cover {free} of {asked} units. Receive stock, count, or re-route." "{warehouse} 的 {sku} 未过期批次只够 {free} / {asked} 件。请入库、盘点或改仓。";
    ShortPromise FailedPrecondition sticky "A count took {short} units from parcel {parcel_id}. Receive stock, re-route or cancel." "盘点使包裹 {parcel_id} 缺 {short} 件。请补货、改仓或取消。";
    NotPaid FailedPrecondition sticky "Order {order_number} is not paid; only a confirmed payment moves it to UNDER_REVIEW." "订单 {order_number} 未付款，只有确认付款才能进入 待审核。";
    VersionConflict Aborted sticky "Parcel {parcel_id} is at version {current_version} ({current}), not {expected_version}. Read it again." "包裹 {parcel_id} 当前版本 {current_version}（{current}），不是 {expected_version}。请重新读取。";
    Overloaded ResourceExhausted fresh "{what} is full: {count} of {limit}. Try again in {retry_ms} ms." "{what} 已满：{count} / {limit}。请在 {retry_ms} 毫秒后重试。";
    Draining Unavailable fresh "The engine is shutting down and takes nothing new. Go to another one or try again." "引擎正在停机，不再接受新请求。请稍后重试。";
    CommitUnknown Unavailable fresh "The outcome is unknown: {detail}. Repeat with the same request_id to learn it." "结果未知：{detail}。请用相同的 request_id 重试以确认。";
    DeadlineExceeded DeadlineExceeded fresh "The deadline passed {when}. Repeat with the same request_id to learn the outcome." "已超过时限（{when}）。请用相同的 request_id 重试以确认结果。";
    Internal Internal fresh "Something is wrong inside the engine; incident {incident}. Report it." "引擎内部错误，编号 {incident}。请上报。";
    WatchTooSlow OutOfRange fresh "Position {seq} cannot be delivered: {detail}. Read the state, then watch from its state_seq." "位置 {seq} 无法送达：{detail}。请先读取状态，再从 state_seq 继续订阅。";
    DiskShort ResourceExhausted fresh "The disk has {free_mib} MiB left and new orders need {needed_mib}. Releases, payments and scans go on. Make room; orders are taken again at once." "磁盘仅剩 {free_mib} MiB，接收新订单需要 {needed_mib} MiB。释放、付款与扫描照常。请清理磁盘，空间恢复后立即接单。";
    KeyExpired AlreadyExists fresh "This request was answered in record {seq}, and the journal keeps records from {first_seq} on. Nothing was done now; read the order to see what became of it." "该请求已在第 {seq} 条记录中处理，日志仅保留第 {first_seq} 条之后的记录。本次未做任何操作，请查询订单了解结果。";
    JournalUnreachable Unavailable fresh "The journal has been out of reach for {seconds} s ({detail}), and its queue is full. Nothing was done. Repeat with the same request_id once it is back." "日志已 {seconds} 秒无法访问（{detail}），等待队列已满。本次未做任何操作。恢复后请用相同的 request_id 重试。";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row_in_order() {
        let rows: Vec<RefusalCode> = SPECS.iter().map(|spec| spec.code).collect();
        assert_eq!(rows, RefusalCode::ALL);
    }

    #[test]
    fn both_languages_state_the_same_facts() {
        fn keys(template: &str) -> Vec<&str> {
            let mut keys: Vec<&str> = template
                .split('{')
                .skip(1)
                .map(|part| part.split_once('}').expect("braces close").0)
                .collect();
            keys.sort_unstable();
            keys
        }
        for spec in SPECS {
            assert_eq!(keys(spec.en), keys(spec.zh), "{}", spec.code);
        }
    }

    #[test]
    fn texts_are_filled_from_facts_and_survive_storage() {
        use prost::Message;
        let refusal = Refusal::new(RefusalCode::SkuUnknown).fact("sku", "A-1");
        let stored = Refusal::decode(refusal.encode_to_vec().as_slice()).expect("own encoding");
        assert_eq!(stored, refusal);
        assert_eq!(
            stored.message_en(),
            "SKU A-1 has never been received or configured."
        );
        assert_eq!(stored.message_zh(), "SKU A-1 从未入库或配置。");
    }
}
