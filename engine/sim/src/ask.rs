//! What clients ask for, in small numbers, and what it is in the product's words.
//!
//! Requests are data that can be written down: a failure is told as a list of
//! them. Shops, SKUs, warehouses, orders and parcels are numbered from 1; 0
//! stands for none or any.

use std::hash::{Hash, Hasher};

use holdfast_engine::domain::command::{
    AdvanceParcel, AmendOrder, AmendUnits, CancelOrder, Command, ConfigurePool, ConfirmDeposit,
    ConfirmPayment, CountStock, FailPayment, Line, MoveStock, PlaceOrder, Principal, PublishPolicy,
    PutBackParcel, ReceiveStock, ReconcileClock, RegisterDevice, ReleaseHold, RequestKey,
    RerouteParcel, ResumeParcel, SplitParcel, StartPayment, Submission, SuspendParcel,
};
use holdfast_engine::domain::orders::lifecycle::{Node, Role};
use holdfast_engine::domain::time::Millis;
use holdfast_engine::domain::words::{Bucket, SourceChannel, Urgency};
use serde::{Deserialize, Serialize};

use crate::chance::{Trace, mix};

/// One request of a client; sent again it is the same request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Request {
    /// Whose request it is, whatever it asks for.
    pub id: u32,
    pub shop: u8,
    pub client: u8,
    /// Number of a role.
    pub role: u8,
    pub device: u8,
    pub ask: Ask,
}

/// Units of a SKU, from a warehouse or from any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Units {
    pub sku: u8,
    pub warehouse: u8,
    pub quantity: i64,
}

/// A parcel of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParcelRef {
    pub order: u16,
    pub parcel: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placing {
    pub order: u16,
    pub lines: Vec<Units>,
    pub paid: bool,
    pub supersede: bool,
    pub buyer: u8,
    /// Number of an urgency.
    pub urgency: u8,
    pub suspended: bool,
}

/// A scan or feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scan {
    pub at: ParcelRef,
    pub node: u8,
    pub overriding: bool,
    /// 0: the scan has no number of its own.
    pub scan: u32,
    pub reason: bool,
    pub occurred_at: Option<Millis>,
    pub warehouse: u8,
    pub version: u32,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ask {
    Place(Placing),
    StartPayment {
        order: u16,
        payment: u8,
    },
    FailPayment {
        order: u16,
        payment: u8,
    },
    ConfirmPayment {
        order: u16,
        payment: u8,
        units: Vec<Units>,
        keep_rest: bool,
    },
    ConfirmDeposit {
        order: u16,
        balance_due_at: Millis,
    },
    Release {
        order: u16,
    },
    Amend {
        order: u16,
        units: Vec<Units>,
    },
    Cancel {
        order: u16,
        parcels: Vec<u8>,
        units: Vec<Units>,
    },
    Advance(Scan),
    Reroute {
        at: ParcelRef,
        warehouse: u8,
    },
    Split {
        at: ParcelRef,
        units: Vec<Units>,
    },
    Suspend {
        at: ParcelRef,
        reason: bool,
    },
    Resume {
        at: ParcelRef,
        reason: bool,
    },
    PutBack {
        at: ParcelRef,
        scan: u32,
    },
    Receive {
        units: Units,
        to_qc: bool,
    },
    /// From and to are numbers of buckets.
    Move {
        units: Units,
        from: u8,
        to: u8,
    },
    Count {
        units: Units,
        approved: bool,
    },
    ConfigurePool {
        units: Units,
    },
    PublishPolicy(Rules),
    RegisterDevice {
        device: u8,
        warehouse: u8,
        retired: bool,
    },
    ReconcileClock {
        reason: bool,
    },
}

/// The part of a policy that the simulator changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rules {
    pub hold_minutes: i64,
    pub paying_minutes: i64,
    /// The paying deadline counts from the first attempt.
    pub anchored_at_payment: bool,
    pub paying_cap_minutes: i64,
    pub retry_grace_seconds: i64,
    pub outage_credit_minutes: i64,
    pub infer_nodes: bool,
    pub require_registered_device: bool,
    pub allow_split: bool,
    pub most_stock: bool,
    pub auto_review: bool,
    pub refusal_memory_hours: i64,
    pub units_per_buyer_and_sku: Option<i64>,
    pub holds_per_buyer: Option<i64>,
    /// 0: never.
    #[serde(default)]
    pub archive_after_days: i64,
    #[serde(default = "half_a_year")]
    pub request_memory_days: i64,
}

fn half_a_year() -> i64 {
    180
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hold_minutes: 15,
            paying_minutes: 45,
            anchored_at_payment: false,
            paying_cap_minutes: 60,
            retry_grace_seconds: 0,
            outage_credit_minutes: 15,
            infer_nodes: true,
            require_registered_device: true,
            allow_split: false,
            most_stock: false,
            auto_review: false,
            refusal_memory_hours: 24,
            units_per_buyer_and_sku: None,
            holds_per_buyer: None,
            archive_after_days: 30,
            request_memory_days: half_a_year(),
        }
    }
}

impl Rules {
    fn to_json(&self) -> String {
        let anchor = if self.anchored_at_payment {
            "PAYMENT_STARTED"
        } else {
            "HOLD_CREATED"
        };
        let sourcing = if self.most_stock {
            "MOST_STOCK"
        } else {
            "PRIORITY"
        };
        serde_json::json!({
            "hold_seconds": self.hold_minutes * 60,
            "paying_seconds": self.paying_minutes * 60,
            "pay_anchor": anchor,
            "paying_cap_seconds": self.paying_cap_minutes * 60,
            "retry_grace_seconds": self.retry_grace_seconds,
            "outage_credit_minutes": self.outage_credit_minutes,
            "infer_nodes": self.infer_nodes,
            "require_registered_device": self.require_registered_device,
            "allow_split": self.allow_split,
            "sourcing": sourcing,
            "auto_review": self.auto_review,
            "refusal_memory_hours": self.refusal_memory_hours,
            "quotas": {
                "units_per_buyer_and_sku": self.units_per_buyer_and_sku,
                "holds_per_buyer": self.holds_per_buyer,
            },
            "archive_after_days": self.archive_after_days,
            "request_memory_days": self.request_memory_days,
        })
        .to_string()
    }
}

impl Hasher for Trace {
    fn finish(&self) -> u64 {
        self.hash()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }
}

impl Request {
    /// What the request says, apart from its id.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut trace = Trace::default();
        (self.client, self.role, self.device, &self.ask).hash(&mut trace);
        trace.hash()
    }

    #[must_use]
    pub fn key(&self) -> u128 {
        let low = mix(u64::from(self.id) << 8 | u64::from(self.shop));
        u128::from(mix(low)) << 64 | u128::from(low)
    }

    /// The request as the engine gets it.
    #[must_use]
    pub fn submission(&self) -> Submission {
        Submission {
            merchant: shop(self.shop),
            principal: Principal {
                actor: format!("client-{}", self.client),
                role: role(self.role),
                device: named("pda", self.device),
            },
            key: RequestKey {
                key: self.key(),
                fingerprint: self.fingerprint(),
            },
            command: self.ask.command(),
            archived: None,
        }
    }
}

#[must_use]
pub fn shop(shop: u8) -> String {
    named("shop", shop)
}

#[must_use]
pub fn sku(sku: u8) -> String {
    named("sku", sku)
}

#[must_use]
pub fn warehouse(warehouse: u8) -> String {
    named("house", warehouse)
}

#[must_use]
pub fn order(order: u16) -> String {
    format!("o{order}")
}

/// The id that an order has in its channel, which two of them share.
#[must_use]
pub fn channel_id(order: u16) -> String {
    format!("c{}", order / 2)
}

fn named(kind: &str, number: u8) -> String {
    match number {
        0 => String::new(),
        number => format!("{kind}-{number}"),
    }
}

fn role(number: u8) -> Role {
    Role::from_number(number.into()).expect("the generator knows the roles")
}

fn bucket(number: u8) -> Bucket {
    Bucket::from_number(number.into()).expect("the generator knows the buckets")
}

fn reason(given: bool) -> String {
    if given {
        "as found".into()
    } else {
        String::new()
    }
}

fn scan_id(scan: u32) -> String {
    match scan {
        0 => String::new(),
        scan => format!("scan-{scan}"),
    }
}

fn pairs(units: &[Units]) -> Vec<(String, i64)> {
    let pairs = units.iter();
    pairs
        .map(|units| (sku(units.sku), units.quantity))
        .collect()
}

impl ParcelRef {
    #[must_use]
    pub fn id(self) -> String {
        format!("{}/{}", order(self.order), self.parcel)
    }
}

impl Placing {
    fn command(&self) -> Command {
        let lines = self.lines.iter().map(|line| Line {
            sku: sku(line.sku),
            quantity: line.quantity,
            warehouse: warehouse(line.warehouse),
            ..Line::default()
        });
        Command::PlaceOrder(Box::new(PlaceOrder {
            order_number: order(self.order),
            source_channel: SourceChannel::Douyin,
            urgency: Urgency::from_number(self.urgency.into())
                .expect("the generator knows the urgencies"),
            lines: lines.collect(),
            channel_order_id: channel_id(self.order),
            shop_id: String::new(),
            buyer_token: named("buyer", self.buyer),
            province: String::new(),
            paid: self.paid,
            supersede: self.supersede,
            ship_by: None,
            suspend_reason: if self.suspended {
                "LOOK".into()
            } else {
                String::new()
            },
            document: Vec::new(),
        }))
    }
}

impl Scan {
    fn command(&self) -> Command {
        let advance = Box::new(AdvanceParcel {
            parcel_id: self.at.id(),
            expected_version: self.version,
            node: Node::from_number(self.node.into()).expect("the generator knows the nodes"),
            occurred_at: self.occurred_at,
            scan_id: scan_id(self.scan),
            reason: reason(self.reason),
            evidence: Vec::new(),
            warehouse: warehouse(self.warehouse),
        });
        if self.overriding {
            Command::OverrideParcel(advance)
        } else {
            Command::AdvanceParcel(advance)
        }
    }
}

impl Ask {
    /// Something is done to an order, which tells of it ever after.
    #[must_use]
    pub fn is_about_an_order(&self) -> bool {
        !matches!(
            self,
            Self::Receive { .. }
                | Self::Move { .. }
                | Self::Count { .. }
                | Self::ConfigurePool { .. }
                | Self::PublishPolicy(_)
                | Self::RegisterDevice { .. }
                | Self::ReconcileClock { .. }
        )
    }

    fn command(&self) -> Command {
        match self {
            Self::Place(placing) => placing.command(),
            Self::Advance(scan) => scan.command(),
            Self::StartPayment { .. }
            | Self::FailPayment { .. }
            | Self::ConfirmPayment { .. }
            | Self::ConfirmDeposit { .. }
            | Self::Release { .. }
            | Self::Amend { .. }
            | Self::Cancel { .. } => self.order_command(),
            Self::Reroute { .. }
            | Self::Split { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::PutBack { .. } => self.parcel_command(),
            Self::Receive { .. }
            | Self::Move { .. }
            | Self::Count { .. }
            | Self::ConfigurePool { .. } => self.stock_command(),
            Self::PublishPolicy(rules) => Command::PublishPolicy(PublishPolicy {
                policy_json: rules.to_json(),
            }),
            Self::RegisterDevice {
                device,
                warehouse: house,
                retired,
            } => Command::RegisterDevice(RegisterDevice {
                device: named("pda", *device),
                warehouse: warehouse(*house),
                kind: "PDA".into(),
                retired: *retired,
            }),
            Self::ReconcileClock { reason: given } => Command::ReconcileClock(ReconcileClock {
                reason: reason(*given),
            }),
        }
    }

    fn order_command(&self) -> Command {
        match self {
            Self::StartPayment { order: o, payment } => Command::StartPayment(StartPayment {
                order_number: order(*o),
                payment_ref: named("pay", *payment),
            }),
            Self::FailPayment { order: o, payment } => Command::FailPayment(FailPayment {
                order_number: order(*o),
                payment_ref: named("pay", *payment),
                reason: "DECLINED".into(),
            }),
            Self::ConfirmPayment {
                order: o,
                payment,
                units,
                keep_rest,
            } => Command::ConfirmPayment(ConfirmPayment {
                order_number: order(*o),
                payment_ref: named("pay", *payment),
                paid_at: None,
                units: pairs(units),
                keep_rest: *keep_rest,
                amount_minor: 9_900,
            }),
            Self::ConfirmDeposit {
                order: o,
                balance_due_at,
            } => Command::ConfirmDeposit(ConfirmDeposit {
                order_number: order(*o),
                payment_ref: "deposit".into(),
                balance_due_at: *balance_due_at,
            }),
            Self::Release { order: o } => Command::ReleaseHold(ReleaseHold {
                order_number: order(*o),
                reason: "BECAUSE".into(),
            }),
            Self::Amend { order: o, units } => {
                let units = units.iter().map(|units| AmendUnits {
                    sku: sku(units.sku),
                    quantity: units.quantity,
                    warehouse: warehouse(units.warehouse),
                });
                Command::AmendOrder(AmendOrder {
                    order_number: order(*o),
                    units: units.collect(),
                })
            }
            Self::Cancel {
                order: o,
                parcels,
                units,
            } => {
                let parcel_ids = parcels
                    .iter()
                    .map(|parcel| format!("{}/{parcel}", order(*o)));
                Command::CancelOrder(CancelOrder {
                    order_number: order(*o),
                    parcel_ids: parcel_ids.collect(),
                    units: pairs(units),
                    reason: "customer".into(),
                })
            }
            other => unreachable!("{other:?} is no command about an order"),
        }
    }

    fn parcel_command(&self) -> Command {
        match self {
            Self::Reroute {
                at,
                warehouse: house,
            } => Command::RerouteParcel(RerouteParcel {
                parcel_id: at.id(),
                warehouse: warehouse(*house),
                reason: String::new(),
            }),
            Self::Split { at, units } => Command::SplitParcel(SplitParcel {
                parcel_id: at.id(),
                units: pairs(units),
                reason: "as asked".into(),
            }),
            Self::Suspend { at, reason: given } => Command::SuspendParcel(SuspendParcel {
                parcel_id: at.id(),
                reason: reason(*given),
                owner: Role::Reviewer,
                review_minutes: 0,
            }),
            Self::Resume { at, reason: given } => Command::ResumeParcel(ResumeParcel {
                parcel_id: at.id(),
                reason: reason(*given),
            }),
            Self::PutBack { at, scan } => Command::PutBackParcel(PutBackParcel {
                parcel_id: at.id(),
                scan_id: scan_id(*scan),
            }),
            other => unreachable!("{other:?} is no command about a parcel"),
        }
    }

    fn stock_command(&self) -> Command {
        match self {
            Self::Receive { units, to_qc } => Command::ReceiveStock(ReceiveStock {
                sku: sku(units.sku),
                warehouse: warehouse(units.warehouse),
                quantity: units.quantity,
                batch: String::new(),
                expires_at: None,
                qc_report: String::new(),
                to_qc: *to_qc,
                reason: String::new(),
            }),
            Self::Move { units, from, to } => Command::MoveStock(MoveStock {
                sku: sku(units.sku),
                warehouse: warehouse(units.warehouse),
                batch: String::new(),
                from: bucket(*from),
                to: bucket(*to),
                quantity: units.quantity,
                reason: "by hand".into(),
            }),
            Self::Count { units, approved } => Command::CountStock(CountStock {
                sku: sku(units.sku),
                warehouse: warehouse(units.warehouse),
                batch: String::new(),
                counted: units.quantity,
                reason: "cycle".into(),
                approver: reason(*approved),
            }),
            Self::ConfigurePool { units } => Command::ConfigurePool(ConfigurePool {
                sku: sku(units.sku),
                warehouse: warehouse(units.warehouse),
                backorder_limit: units.quantity,
                channel_buffers: Vec::new(),
            }),
            other => unreachable!("{other:?} is no command about stock"),
        }
    }

    /// The number of the scan, its parcel and node, if it is one that a device
    /// may repeat under another request.
    #[must_use]
    pub fn scan(&self) -> Option<(u32, ParcelRef, u8)> {
        match self {
            Self::Advance(scan) if scan.scan != 0 && !scan.overriding => {
                Some((scan.scan, scan.at, scan.node))
            }
            Self::PutBack { at, scan } if *scan != 0 => Some((*scan, *at, 0)),
            _ => None,
        }
    }
}
