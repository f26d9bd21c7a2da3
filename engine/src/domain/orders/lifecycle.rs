//! The life of a parcel: twelve nodes, their edges, their people and texts.
//!
//! This file is the one place. The transition check, the state map, the wall
//! poster, the table in the docs and the test that tries every node with every
//! target are all made from `NODES` and `edge`. Times are in `policy.rs`, since
//! a shop may change them; the defaults stand here beside their node.

use crate::domain::closed_enum::closed_enum;

closed_enum! {
    /// A node of a parcel. "Entered" is the fact that is recorded.
    Node {
        AwaitingPayment = 1 "AWAITING_PAYMENT",
        UnderReview = 2 "UNDER_REVIEW",
        WarehouseAssigned = 3 "WAREHOUSE_ASSIGNED",
        WaveAssigned = 4 "WAVE_ASSIGNED",
        Picking = 5 "PICKING",
        Checked = 6 "CHECKED",
        Labeling = 7 "LABELING",
        Packed = 8 "PACKED",
        AwaitingLoading = 9 "AWAITING_LOADING",
        Departed = 10 "DEPARTED",
        WithCarrier = 11 "WITH_CARRIER",
        Signed = 12 "SIGNED",
    }
}

closed_enum! {
    /// Who acts. A credential carries exactly one; ENGINE is never issued.
    Role {
        Admin = 1 "ADMIN",
        Integration = 2 "INTEGRATION",
        Observer = 3 "OBSERVER",
        Supervisor = 4 "SUPERVISOR",
        CustomerService = 5 "CUSTOMER_SERVICE",
        Reviewer = 6 "REVIEWER",
        WavePlanner = 7 "WAVE_PLANNER",
        Picker = 8 "PICKER",
        Checker = 9 "CHECKER",
        Labeler = 10 "LABELER",
        Packer = 11 "PACKER",
        Dispatcher = 12 "DISPATCHER",
        Driver = 13 "DRIVER",
        Carrier = 14 "CARRIER",
        Customer = 15 "CUSTOMER",
        Engine = 16 "ENGINE",
    }
}

/// What cancelling does to a parcel, by the node it is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelMeaning {
    /// Node 1: the hold is released at once.
    Release,
    /// Nodes 2–4: allocated units become available at once.
    Deallocate,
    /// Nodes 5–9: cancelled, and the goods must be put back on the shelf.
    PutBack,
    /// Nodes 10–11: the carrier is asked to bring it back; not cancelled.
    Intercept,
    /// Node 12: refused; open a return.
    Refuse,
}

/// A text in the two languages of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub zh: &'static str,
    pub en: &'static str,
}

const fn text(zh: &'static str, en: &'static str) -> Text {
    Text { zh, en }
}

/// Everything that is fixed about a node.
#[derive(Debug)]
pub struct NodeSpec {
    pub node: Node,
    pub name: Text,
    /// Roles whose scan or feed may enter this node.
    pub triggered_by: &'static [Role],
    /// The device that usually does it.
    pub device: Text,
    /// Allowed minutes before the next node is entered; 0 is untimed.
    pub sla_minutes: u32,
    /// True where only working hours of the warehouse count.
    pub working_hours: bool,
    /// The fact that entering states, as it stands on the wall.
    pub deliverable: Text,
    /// Who acts next.
    pub next_roles: &'static [Role],
    /// What they do.
    pub instruction: Text,
    /// May be written without a scan of its own when a later node is scanned.
    /// Never 2, 3, 6 and 10: they carry money or goods truth.
    pub inferable: bool,
    pub on_cancel: CancelMeaning,
}

use CancelMeaning::{Deallocate, Intercept, PutBack, Refuse, Release};
use Role as R;

/// The twelve nodes in order.
pub const NODES: [NodeSpec; 12] = [
    NodeSpec {
        node: Node::AwaitingPayment,
        name: text("待支付", "Awaiting payment"),
        triggered_by: &[R::Integration],
        device: text("渠道适配器", "channel adapter"),
        sla_minutes: 15,
        working_hours: false,
        deliverable: text(
            "订单27字段齐全并已锁库：主表有单、有来源渠道和紧急等级、锁库单号已生成",
            "All 27 fields are there and stock is held: order recorded with source channel and urgency, hold number issued",
        ),
        next_roles: &[R::Customer],
        instruction: text(
            "等待客户付款，超时自动释放库存",
            "The customer pays; otherwise the stock is released by itself",
        ),
        inferable: true,
        on_cancel: Release,
    },
    NodeSpec {
        node: Node::UnderReview,
        name: text("待审核", "Under review"),
        triggered_by: &[R::Engine, R::Reviewer, R::CustomerService],
        device: text("引擎自动", "engine, or by hand"),
        sla_minutes: 10,
        working_hours: true,
        deliverable: text(
            "已付款：金额核对、地址标准化、风控和促销规则已跑；有挂起必须写原因",
            "Paid: amount checked, address standardised, risk and promotion rules run; a suspension states its reason",
        ),
        next_roles: &[R::Reviewer],
        instruction: text(
            "审单：核对金额、地址、风控后分仓",
            "Review amount, address and risk, then assign the warehouse",
        ),
        inferable: false,
        on_cancel: Deallocate,
    },
    NodeSpec {
        node: Node::WarehouseAssigned,
        name: text("已分仓", "Warehouse assigned"),
        triggered_by: &[R::Engine, R::Reviewer],
        device: text("引擎或审单台", "engine or review desk"),
        sla_minutes: 60,
        working_hours: true,
        deliverable: text(
            "仓库与批次已定：每行有仓库、批次、质检报告号；订单快照已封存",
            "Warehouse and batches settled: each line has warehouse, batch and QC report; the order snapshot is sealed",
        ),
        next_roles: &[R::WavePlanner],
        instruction: text(
            "编入波次并下发拣货单",
            "Put it into a wave and send the pick list",
        ),
        inferable: false,
        on_cancel: Deallocate,
    },
    NodeSpec {
        node: Node::WaveAssigned,
        name: text("已分配波次", "Wave assigned"),
        triggered_by: &[R::WavePlanner, R::Integration],
        device: text("WMS", "WMS"),
        sla_minutes: 30,
        working_hours: true,
        deliverable: text(
            "波次号已写上：拣货单已下发到指定PDA，拣货人已指派",
            "Wave number written: pick list is on the chosen PDA, a picker is assigned",
        ),
        next_roles: &[R::Picker],
        instruction: text(
            "领取拣货单，扫第一个库位",
            "Take the pick list and scan the first bin",
        ),
        inferable: true,
        on_cancel: Deallocate,
    },
    NodeSpec {
        node: Node::Picking,
        name: text("正在拣货", "Picking"),
        triggered_by: &[R::Picker],
        device: text("PDA", "PDA"),
        sla_minutes: 40,
        working_hours: true,
        deliverable: text(
            "拣货员扫了本波次第一个库位；周转箱号已绑定",
            "The picker scanned the wave's first bin; the tote is bound",
        ),
        next_roles: &[R::Checker],
        instruction: text("拣完后逐件复核", "When picked, check it item by item"),
        inferable: true,
        on_cancel: PutBack,
    },
    NodeSpec {
        node: Node::Checked,
        name: text("已复核", "Checked"),
        triggered_by: &[R::Checker],
        device: text("复核台扫码枪", "scanner at the check desk"),
        sla_minutes: 15,
        working_hours: true,
        deliverable: text(
            "逐件扫码与快照一致：SKU、批次、数量全部打勾，赠品在箱内",
            "Scanned item by item and equal to the snapshot: SKU, batch, quantity; gifts are in the box",
        ),
        next_roles: &[R::Labeler],
        instruction: text(
            "取运单号并打印面单",
            "Fetch the waybill number and print the label",
        ),
        inferable: false,
        on_cancel: PutBack,
    },
    NodeSpec {
        node: Node::Labeling,
        name: text("正在贴单", "Labeling"),
        triggered_by: &[R::Labeler],
        device: text("面单打印机", "label printer"),
        sla_minutes: 10,
        working_hours: true,
        deliverable: text(
            "运单号已取到且面单已打印，人在贴",
            "The waybill number is there and the label printed; someone is sticking it on",
        ),
        next_roles: &[R::Packer],
        instruction: text(
            "贴好面单，称重，放入指定格口",
            "Stick the label, weigh it, put it into its slot",
        ),
        inferable: true,
        on_cancel: PutBack,
    },
    NodeSpec {
        node: Node::Packed,
        name: text("打包完成", "Packed"),
        triggered_by: &[R::Packer],
        device: text("PDA", "PDA"),
        sla_minutes: 30,
        working_hours: true,
        deliverable: text(
            "打包完成=贴好面单+放入指定格口；称重在公差内，格口码已扫",
            "Packed means labelled and in its slot: weight within tolerance, slot code scanned",
        ),
        next_roles: &[R::Dispatcher],
        instruction: text(
            "运到集货道口，扫道口码和交接清单",
            "Bring it to the loading lane; scan lane and manifest",
        ),
        inferable: true,
        on_cancel: PutBack,
    },
    NodeSpec {
        node: Node::AwaitingLoading,
        name: text("等待装车", "Awaiting loading"),
        triggered_by: &[R::Dispatcher],
        device: text("PDA", "PDA"),
        sla_minutes: 60,
        working_hours: true,
        deliverable: text(
            "包裹已到集货道口：道口码和交接清单号已扫",
            "The parcel is at the lane: lane code and manifest number scanned",
        ),
        next_roles: &[R::Dispatcher, R::Driver],
        instruction: text(
            "装车扫描，核对车牌，过门禁",
            "Scan it onto the vehicle, check the plate, pass the gate",
        ),
        inferable: true,
        on_cancel: PutBack,
    },
    NodeSpec {
        node: Node::Departed,
        name: text("已出库", "Departed"),
        triggered_by: &[R::Driver, R::Dispatcher],
        device: text("装车扫描、门禁", "loading scan, gate"),
        sla_minutes: 240,
        working_hours: false,
        deliverable: text(
            "已上车并过门禁：车牌、装车扫描、交接签名齐；库存此刻减少，渠道此刻回传发货",
            "On the vehicle and past the gate: plate, loading scan, signature; stock goes down now, the channel is told now",
        ),
        next_roles: &[R::Carrier],
        instruction: text("承运商揽收扫描", "The carrier scans it in"),
        inferable: false,
        on_cancel: Intercept,
    },
    NodeSpec {
        node: Node::WithCarrier,
        name: text("运输中", "With the carrier"),
        triggered_by: &[R::Carrier, R::Driver],
        device: text("承运商轨迹、司机APP", "carrier feed, driver's app"),
        sla_minutes: 4320,
        working_hours: false,
        deliverable: text(
            "承运商第一条揽收或到件扫描；有预计送达时间段",
            "The carrier's first scan; a delivery window is known",
        ),
        next_roles: &[R::Carrier],
        instruction: text(
            "派送并取得签收凭证",
            "Deliver it and get the proof of receipt",
        ),
        inferable: true,
        on_cancel: Intercept,
    },
    NodeSpec {
        node: Node::Signed,
        name: text("已签收", "Signed"),
        triggered_by: &[R::Carrier, R::Customer],
        device: text("承运商轨迹、客户", "carrier feed, customer"),
        sla_minutes: 10080,
        working_hours: false,
        deliverable: text(
            "签收人、时间、凭证（照片或签名）已入档",
            "Who signed, when, and the proof (photo or signature) are on file",
        ),
        next_roles: &[R::CustomerService],
        instruction: text(
            "售后窗口期内，有问题开退货单",
            "Within the after-sales window; open a return if needed",
        ),
        inferable: true,
        on_cancel: Refuse,
    },
];

/// What a move from one node to another is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// To the next node.
    Forward,
    /// Past nodes that may all be written as inferred.
    Skip,
    /// Back along an allowed edge; a reason is required.
    Rework,
    /// To a node that was already passed: kept as evidence.
    Late,
    /// Past this node, which is never inferred.
    Blocked(Node),
}

impl Node {
    #[must_use]
    pub const fn spec(self) -> &'static NodeSpec {
        &NODES[self as usize - 1]
    }

    /// The node after this one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::from_number(self as i32 + 1)
    }

    /// The node that rework leads back to.
    #[must_use]
    pub const fn rework(self) -> Option<Self> {
        match self {
            Self::WarehouseAssigned => Some(Self::UnderReview), // review again
            Self::WaveAssigned => Some(Self::WarehouseAssigned), // wave cancelled
            Self::Checked => Some(Self::Picking),               // mis-pick
            Self::Labeling => Some(Self::Checked),              // label spoilt
            Self::Packed => Some(Self::Labeling),               // label again
            Self::AwaitingLoading => Some(Self::Packed),        // weigh again
            // Picking goes on; nothing leaves node 10 backwards: intercept or return.
            Self::AwaitingPayment
            | Self::UnderReview
            | Self::Picking
            | Self::Departed
            | Self::WithCarrier
            | Self::Signed => None,
        }
    }

    /// The nodes strictly between this one and a later one.
    pub fn between(self, later: Self) -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(move |node| *node > self && *node < later)
    }

    /// Classifies the move from this node to `target`.
    #[must_use]
    pub fn edge(self, target: Self) -> Edge {
        if self.rework() == Some(target) {
            return Edge::Rework;
        }
        if target <= self {
            return Edge::Late;
        }
        if self.next() == Some(target) {
            return Edge::Forward;
        }
        match self.between(target).find(|node| !node.spec().inferable) {
            Some(node) => Edge::Blocked(node),
            None => Edge::Skip,
        }
    }

    /// Every node that a parcel here may be moved to: back along rework, or onward up to
    /// the first one that is never inferred.
    pub fn allowed(self) -> impl Iterator<Item = Self> {
        let onward = &Self::ALL[self as usize..];
        let fixed = onward.iter().position(|node| !node.spec().inferable);
        let reached = fixed.map_or(onward.len(), |fixed| fixed + 1);
        let onward = onward[..reached].iter().copied();
        self.rework().into_iter().chain(onward)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_neither_late_nor_blocked() {
        for node in Node::ALL {
            let moves = Node::ALL.iter().copied().filter(|target| {
                matches!(
                    node.edge(*target),
                    Edge::Forward | Edge::Skip | Edge::Rework
                )
            });
            assert!(node.allowed().eq(moves), "{node}");
        }
    }

    #[test]
    fn specs_stand_in_the_order_of_their_nodes() {
        for (index, spec) in NODES.iter().enumerate() {
            assert_eq!(spec.node.number() as usize, index + 1);
        }
    }

    #[test]
    fn every_node_with_every_target_has_one_meaning() {
        for from in Node::ALL.iter().copied() {
            for to in Node::ALL.iter().copied() {
                let skipped_truth = from
                    .between(to)
                    .find(|node| matches!(node.number(), 2 | 3 | 6 | 10));
                let expected = match (from.number(), to.number()) {
                    (3, 2) | (4, 3) | (6, 5) | (7, 6) | (8, 7) | (9, 8) => Edge::Rework,
                    (f, t) if t <= f => Edge::Late,
                    (f, t) if t == f + 1 => Edge::Forward,
                    _ => skipped_truth.map_or(Edge::Skip, Edge::Blocked),
                };
                assert_eq!(from.edge(to), expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn money_and_goods_truth_is_never_inferred() {
        let never: Vec<u8> = NODES
            .iter()
            .filter(|s| !s.inferable)
            .map(|s| s.node.number())
            .collect();
        assert_eq!(never, [2, 3, 6, 10]);
    }

    #[test]
    fn nothing_leaves_the_gate_backwards() {
        for node in [Node::Departed, Node::WithCarrier, Node::Signed] {
            assert!(node.allowed().all(|target| target > node));
        }
    }
}
