//! Words that pictures need beside the texts of the lifecycle.

use super::locale::Locale;
use crate::domain::orders::lifecycle::{CancelMeaning, Node, NodeSpec, Role, Text};

const fn text(zh: &'static str, en: &'static str) -> Text {
    Text { zh, en }
}

/// What a role is called on the floor.
#[must_use]
pub const fn role_name(role: Role) -> Text {
    match role {
        Role::Admin => text("管理员", "admin"),
        Role::Integration => text("对接系统", "integration"),
        Role::Observer => text("观察员", "observer"),
        Role::Supervisor => text("主管", "supervisor"),
        Role::CustomerService => text("客服", "customer service"),
        Role::Reviewer => text("审单员", "reviewer"),
        Role::WavePlanner => text("波次员", "wave planner"),
        Role::Picker => text("拣货员", "picker"),
        Role::Checker => text("复核员", "checker"),
        Role::Labeler => text("打单员", "labeler"),
        Role::Packer => text("打包员", "packer"),
        Role::Dispatcher => text("出库员", "dispatcher"),
        Role::Driver => text("司机", "driver"),
        Role::Carrier => text("承运商", "carrier"),
        Role::Customer => text("客户", "customer"),
        Role::Engine => text("引擎", "engine"),
    }
}

/// What cancelling does, as it stands after "Cancel".
#[must_use]
pub const fn cancel_meaning(meaning: CancelMeaning) -> Text {
    match meaning {
        CancelMeaning::Release => text("立即取消，释放锁库", "done at once, the hold is released"),
        CancelMeaning::Deallocate => {
            text("立即取消，库存恢复可售", "done at once, units are for sale")
        }
        CancelMeaning::PutBack => text(
            "可以取消，货品须放回货架",
            "done, goods go back on the shelf",
        ),
        CancelMeaning::Intercept => text(
            "不算取消，请承运商拦截",
            "not done, carrier asked to return it",
        ),
        CancelMeaning::Refuse => text("不能取消，请开退货单", "refused, open a return"),
    }
}

/// Why a parcel goes back from this node; none where no rework leads back.
pub(super) const fn rework_cause(from: Node) -> Option<Text> {
    match from {
        Node::WarehouseAssigned => Some(text("重新审核", "review again")),
        Node::WaveAssigned => Some(text("波次取消", "wave cancelled")),
        Node::Checked => Some(text("拣错重拣", "mis-pick")),
        Node::Labeling => Some(text("面单作废", "label spoilt")),
        Node::Packed => Some(text("重新贴单", "label again")),
        Node::AwaitingLoading => Some(text("重新称重", "weigh again")),
        Node::AwaitingPayment
        | Node::UnderReview
        | Node::Picking
        | Node::Departed
        | Node::WithCarrier
        | Node::Signed => None,
    }
}

/// Roles as a list.
pub(super) fn roles(roles: &[Role], locale: Locale) -> String {
    let names: Vec<&str> = roles
        .iter()
        .map(|role| locale.of(role_name(*role)))
        .collect();
    names.join(locale.comma())
}

/// Minutes in words: "15 min", "1 h 30 min", "3 days".
pub(super) fn duration(minutes: u32, locale: Locale) -> String {
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let mut parts = Vec::new();
    for (count, unit) in [
        (days, text("天", if days == 1 { " day" } else { " days" })),
        (hours, text("小时", " h")),
        (rest, text("分钟", " min")),
    ] {
        if count > 0 {
            parts.push(format!("{count}{}", locale.of(unit)));
        }
    }
    match locale {
        Locale::Zh => parts.concat(),
        Locale::En => parts.join(" "),
    }
}

/// How long a parcel may stay at a node, in words. After the last node the time
/// is a window, not a limit.
pub(super) fn time_limit(spec: &NodeSpec, locale: Locale) -> String {
    if spec.sla_minutes == 0 {
        return locale.of(text("不限时", "untimed")).to_owned();
    }
    let kind = match spec.node.next() {
        Some(_) => text("限时", "within "),
        None => text("窗口期", "window of "),
    };
    let hours = if spec.working_hours {
        text("（工作时间）", " (working time)")
    } else {
        text("", "")
    };
    format!(
        "{}{}{}",
        locale.of(kind),
        duration(spec.sla_minutes, locale),
        locale.of(hours)
    )
}

/// The mark of a node that is never written without a scan of its own.
pub(super) const NEVER_SKIPPED: Text = text("不可跳过", "never skipped");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rework_has_a_cause_exactly_where_it_leads_back() {
        for node in Node::ALL {
            assert_eq!(
                rework_cause(*node).is_some(),
                node.rework().is_some(),
                "{node}"
            );
        }
    }

    #[test]
    fn minutes_are_put_in_words() {
        for (minutes, zh, en) in [
            (15, "15分钟", "15 min"),
            (60, "1小时", "1 h"),
            (90, "1小时30分钟", "1 h 30 min"),
            (1_440, "1天", "1 day"),
            (4_320, "3天", "3 days"),
            (1_561, "1天2小时1分钟", "1 day 2 h 1 min"),
        ] {
            assert_eq!(duration(minutes, Locale::Zh), zh);
            assert_eq!(duration(minutes, Locale::En), en);
        }
    }

    #[test]
    fn a_limit_says_whether_only_working_time_counts() {
        let limit = |node: Node| time_limit(node.spec(), Locale::Zh);
        assert_eq!(limit(Node::AwaitingPayment), "限时15分钟");
        assert_eq!(limit(Node::AwaitingLoading), "限时1小时（工作时间）");
        assert_eq!(limit(Node::Signed), "窗口期7天");
    }
}
