//! A merchant's policy: the numbers a shop may change, as versioned data.
//!
//! Published as JSON, stored whole in the journal, and named by version in
//! every record that was decided under it. Missing keys take the defaults that
//! stand here; unknown keys are refused by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::orders::lifecycle::{Node, Role};
use super::refusal::{Refusal, RefusalCode};
use super::time::{DAY, HOUR, MINUTE, Millis, SECOND};
use super::words::Urgency;

/// From when the paying deadline counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayAnchor {
    /// The hold lives *to* 45 minutes in all; cap 45.
    HoldCreated,
    /// 45 minutes from the first payment attempt; cap 60.
    PaymentStarted,
}

/// How a warehouse is chosen for a line that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SourcingRule {
    /// By the warehouse's rank.
    Priority,
    /// Where most units are free.
    MostStock,
    /// By the warehouse's list of provinces, near to far.
    Nearest,
}

/// Limits against one buyer freezing the shop. Absent means no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Live units of one SKU held by one buyer token.
    pub units_per_buyer_and_sku: Option<i64>,
    /// Live holds of one buyer token.
    pub holds_per_buyer: Option<i64>,
    /// Share of a pool (held units of its free and held ones) in percent.
    pub pool_share_percent: Option<i64>,
}

/// Everything a merchant may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub hold_seconds: i64,
    pub paying_seconds: i64,
    pub pay_anchor: PayAnchor,
    /// Cap after creation when the anchor is PAYMENT_STARTED.
    pub paying_cap_seconds: i64,
    /// How long a hold survives a failed payment after its first deadline.
    pub retry_grace_seconds: i64,
    pub presale_max_days: i64,
    /// Outage credit in total per hold.
    pub outage_credit_minutes: i64,
    pub infer_nodes: bool,
    pub require_registered_device: bool,
    pub device_skew_minutes: i64,
    /// Red also comes this long before the channel's promised time.
    pub red_before_promise_minutes: i64,
    /// Review time of a suspended parcel.
    pub review_minutes: i64,
    /// Minutes per node that differ from the lifecycle's defaults.
    pub sla_minutes: BTreeMap<String, u32>,
    /// Roles per node that differ from the lifecycle's defaults.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Percent of the SLA that remains, by urgency.
    pub urgency_percent: BTreeMap<String, u32>,
    pub sourcing: SourcingRule,
    pub allow_split: bool,
    pub quotas: Quotas,
    pub refusal_memory_hours: i64,
    /// Carries a confirmed order through review without a person.
    pub auto_review: bool,
    /// Days after which an order that is over leaves memory for the archive; 0: never,
    /// absent: [`ARCHIVE_AFTER_DAYS`]. A policy that does not say it is written without it,
    /// so that one of an older version stays as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_after_days: Option<i64>,
    /// Days that an answered request is remembered at least; absent:
    /// [`REQUEST_MEMORY_DAYS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_memory_days: Option<i64>,
}

/// Days from the end of an order, its after-sales window included, until it leaves memory:
/// nobody asks for it daily any more, and a late return finds it in the archive.
pub const ARCHIVE_AFTER_DAYS: i64 = 30;
/// Days until a request that comes again is taken for a new one. Whoever repeats does so
/// within minutes, or within days after an outage.
pub const REQUEST_MEMORY_DAYS: i64 = 180;

impl Default for Policy {
    fn default() -> Self {
        Self {
            hold_seconds: 15 * 60,
            paying_seconds: 45 * 60,
            pay_anchor: PayAnchor::HoldCreated,
            paying_cap_seconds: 60 * 60,
            retry_grace_seconds: 0,
            presale_max_days: 30,
            outage_credit_minutes: 15,
            infer_nodes: true,
            require_registered_device: true,
            device_skew_minutes: 5,
            red_before_promise_minutes: 60,
            review_minutes: 120,
            sla_minutes: BTreeMap::new(),
            roles: BTreeMap::new(),
            urgency_percent: BTreeMap::from([("URGENT".into(), 50), ("CRITICAL".into(), 25)]),
            sourcing: SourcingRule::Priority,
            allow_split: false,
            quotas: Quotas::default(),
            refusal_memory_hours: 24,
            auto_review: false,
            archive_after_days: None,
            request_memory_days: None,
        }
    }
}

/// The longest time any number of a policy may ask for.
const LONGEST_MINUTES: i64 = 366 * 24 * 60;
const LONGEST_SECONDS: i64 = LONGEST_MINUTES * 60;

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// `POLICY_INVALID` naming the key, the value and what is allowed.
    pub fn from_json(json: &str) -> Result<Self, Refusal> {
        let policy: Self =
            serde_json::from_str(json).map_err(|error| invalid(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// The policy as it is kept: what it does not say stays unsaid.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a policy has only plain keys and values")
    }

    /// The policy with every default said, for whoever reads it.
    #[must_use]
    pub fn spelled_out(&self) -> Self {
        Self {
            archive_after_days: Some(self.archive_after_days.unwrap_or(ARCHIVE_AFTER_DAYS)),
            request_memory_days: Some(self.request_memory_days.unwrap_or(REQUEST_MEMORY_DAYS)),
            ..self.clone()
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let ranges = [
            ("hold_seconds", self.hold_seconds, 1, LONGEST_SECONDS),
            (
                "paying_seconds",
                self.paying_seconds,
                self.hold_seconds,
                LONGEST_SECONDS,
            ),
            (
                "paying_cap_seconds",
                self.paying_cap_seconds,
                self.paying_seconds,
                LONGEST_SECONDS,
            ),
            ("retry_grace_seconds", self.retry_grace_seconds, 0, 300),
            ("presale_max_days", self.presale_max_days, 1, 366),
            (
                "outage_credit_minutes",
                self.outage_credit_minutes,
                0,
                24 * 60,
            ),
            ("device_skew_minutes", self.device_skew_minutes, 0, 24 * 60),
            (
                "red_before_promise_minutes",
                self.red_before_promise_minutes,
                0,
                LONGEST_MINUTES,
            ),
            ("review_minutes", self.review_minutes, 1, LONGEST_MINUTES),
            (
                "refusal_memory_hours",
                self.refusal_memory_hours,
                1,
                24 * 366,
            ),
            (
                "archive_after_days",
                self.archive_after_days.unwrap_or(0),
                0,
                3_660,
            ),
            (
                "request_memory_days",
                self.request_memory_days.unwrap_or(1),
                1,
                3_660,
            ),
        ];
        for (key, value, minimum, maximum) in ranges {
            if !(minimum..=maximum).contains(&value) {
                return Err(invalid(format!(
                    "{key} is {value}; allowed {minimum} to {maximum}"
                )));
            }
        }
        for (key, minutes) in &self.sla_minutes {
            known_node(key)?;
            if i64::from(*minutes) > LONGEST_MINUTES {
                return Err(invalid(format!(
                    "sla_minutes.{key} is {minutes}; at most {LONGEST_MINUTES}"
                )));
            }
        }
        for (node, roles) in &self.roles {
            known_node(node)?;
            for role in roles {
                if Role::from_id(role).is_none() {
                    return Err(invalid(format!(
                        "roles.{node} names {role}; known are {}",
                        ids(Role::ALL)
                    )));
                }
            }
        }
        for (urgency, percent) in &self.urgency_percent {
            if Urgency::from_id(urgency).is_none() || !(1..=100).contains(percent) {
                return Err(invalid(format!(
                    "urgency_percent.{urgency} is {percent}; known are {}, 1 to 100",
                    ids(Urgency::ALL)
                )));
            }
        }
        let quotas = [
            (
                "units_per_buyer_and_sku",
                self.quotas.units_per_buyer_and_sku,
            ),
            ("holds_per_buyer", self.quotas.holds_per_buyer),
            ("pool_share_percent", self.quotas.pool_share_percent),
        ];
        for (key, value) in quotas {
            if value.is_some_and(|limit| limit < 1) {
                return Err(invalid(format!(
                    "quotas.{key} must be 1 or more, or absent"
                )));
            }
        }
        Ok(())
    }

    #[must_use]
    pub fn hold_ms(&self) -> Millis {
        self.hold_seconds * SECOND
    }

    #[must_use]
    pub fn paying_ms(&self) -> Millis {
        self.paying_seconds * SECOND
    }

    /// The farthest deadline of a hold created at `created_at` (H3).
    #[must_use]
    pub fn cap(&self, created_at: Millis) -> Millis {
        match self.pay_anchor {
            PayAnchor::HoldCreated => created_at + self.paying_ms(),
            PayAnchor::PaymentStarted => created_at + self.paying_cap_seconds * SECOND,
        }
    }

    #[must_use]
    pub fn retry_grace_ms(&self) -> Millis {
        self.retry_grace_seconds * SECOND
    }

    #[must_use]
    pub fn presale_max_ms(&self) -> Millis {
        self.presale_max_days * DAY
    }

    #[must_use]
    pub fn outage_credit_ms(&self) -> Millis {
        self.outage_credit_minutes * MINUTE
    }

    /// How long an order that is over stays in memory; none for ever.
    #[must_use]
    pub fn archive_after_ms(&self) -> Option<Millis> {
        let days = self.archive_after_days.unwrap_or(ARCHIVE_AFTER_DAYS);
        (days > 0).then_some(days * DAY)
    }

    /// How long an answered request is remembered at least.
    #[must_use]
    pub fn request_memory_ms(&self) -> Millis {
        self.request_memory_days.unwrap_or(REQUEST_MEMORY_DAYS) * DAY
    }

    #[must_use]
    pub fn refusal_memory_ms(&self) -> Millis {
        self.refusal_memory_hours * HOUR
    }

    /// Working minutes a parcel may stay at a node. Urgency shortens nodes 2–10.
    #[must_use]
    pub fn sla(&self, node: Node, urgency: Urgency) -> u32 {
        let minutes = self
            .sla_minutes
            .get(node.id())
            .copied()
            .unwrap_or(node.spec().sla_minutes);
        let shortened = node > Node::AwaitingPayment && node <= Node::Departed;
        let percent = self
            .urgency_percent
            .get(urgency.id())
            .copied()
            .filter(|_| shortened);
        percent.map_or(minutes, |percent| (minutes * percent).div_ceil(100))
    }

    /// True if this role may enter the node.
    #[must_use]
    pub fn may_enter(&self, node: Node, role: Role) -> bool {
        match self.roles.get(node.id()) {
            Some(roles) => roles.iter().any(|id| id == role.id()),
            None => node.spec().triggered_by.contains(&role),
        }
    }

    /// The roles that may enter a node, for a refusal's text.
    #[must_use]
    pub fn entering_roles(&self, node: Node) -> String {
        match self.roles.get(node.id()) {
            Some(roles) => roles.join(", "),
            None => ids(node.spec().triggered_by),
        }
    }
}

fn ids<T: std::fmt::Display>(values: &[T]) -> String {
    values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn known_node(id: &str) -> Result<Node, Refusal> {
    Node::from_id(id)
        .ok_or_else(|| invalid(format!("{id} is no node; known are {}", ids(Node::ALL))))
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::PolicyInvalid).fact("detail", detail.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refusal = Policy::from_json(r#"{"hold_minuts": 10}"#).expect_err("unknown key");
        assert!(refusal.message_en().contains("hold_minuts"), "{refusal}");
    }

    #[test]
    fn defaults_survive_a_round_trip() {
        assert_eq!(
            Policy::from_json(&Policy::default().to_json()),
            Ok(Policy::default())
        );
        assert_eq!(Policy::from_json("{}"), Ok(Policy::default()));
    }

    /// What an older version published, or nobody did, is kept as it was then.
    #[test]
    fn what_a_policy_does_not_say_stays_unsaid_and_has_its_default() {
        let silent = Policy::from_json("{}").expect("a policy");
        assert!(!silent.to_json().contains("archive_after"), "{silent:?}");
        assert!(!silent.to_json().contains("request_memory"), "{silent:?}");
        assert_eq!(silent.archive_after_ms(), Some(30 * DAY));
        assert_eq!(silent.request_memory_ms(), 180 * DAY);
        let told = silent.spelled_out();
        assert_eq!(
            (told.archive_after_days, told.request_memory_days),
            (Some(30), Some(180))
        );
        let never = Policy::from_json(r#"{"archive_after_days": 0}"#).expect("a policy");
        assert_eq!(never.archive_after_ms(), None);
        assert_eq!(Policy::from_json(&never.to_json()), Ok(never));
    }

    #[test]
    fn urgency_shortens_working_nodes_only() {
        let policy = Policy::default();
        assert_eq!(policy.sla(Node::WarehouseAssigned, Urgency::Normal), 60);
        assert_eq!(policy.sla(Node::WarehouseAssigned, Urgency::Urgent), 30);
        assert_eq!(policy.sla(Node::Checked, Urgency::Critical), 4);
        assert_eq!(policy.sla(Node::AwaitingPayment, Urgency::Critical), 15);
        assert_eq!(policy.sla(Node::WithCarrier, Urgency::Critical), 4320);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for json in [
            r#"{"hold_seconds": 0}"#,
            r#"{"paying_seconds": 5}"#,
            r#"{"sla_minutes": {"NOWHERE": 5}}"#,
            r#"{"roles": {"PICKING": ["ROBOT"]}}"#,
            r#"{"urgency_percent": {"URGENT": 0}}"#,
            r#"{"quotas": {"holds_per_buyer": 0}}"#,
            r#"{"archive_after_days": -1}"#,
            r#"{"request_memory_days": 0}"#,
        ] {
            let refusal = Policy::from_json(json).expect_err(json);
            assert_eq!(refusal.code(), RefusalCode::PolicyInvalid);
        }
    }
}
