//! Replies: a stored outcome dressed as the response of its method.
//!
//! The same outcome under the same receipt gives the same bytes, now and on
//! every repeat.

use super::decode::Decoded;
use super::dress::Dress;
use super::fields::timestamp;
use super::{pb, status};
use crate::backward::Put;
use crate::domain::command::Command;
use crate::domain::orders::lifecycle::Node;
use crate::domain::orders::part_id;
use crate::domain::outcome::{CancelView, Done};
use crate::domain::refusal::Refusal;
use crate::domain::state::Merchant;
use crate::domain::time::Millis;
use crate::domain::words::CancelResult;
use crate::journal::Durability;
use crate::views::Locale;

/// What is promised with an answer.
#[derive(Debug, Clone, Copy)]
pub struct Receipt {
    pub seq: u64,
    pub durability: Durability,
    pub replayed: bool,
    pub decided_at: Millis,
}

impl Receipt {
    fn message(self) -> pb::Receipt {
        pb::Receipt {
            seq: self.seq,
            durability: durability(self.durability),
            replayed: self.replayed,
            decided_at: Some(timestamp(self.decided_at)),
        }
    }
}

/// The wire's number of a durability.
#[must_use]
pub fn durability(durability: Durability) -> i32 {
    let value = match durability {
        Durability::Memory => pb::Durability::Memory,
        Durability::Logged => pb::Durability::Logged,
        Durability::Synced => pb::Durability::Synced,
        Durability::Replicated(_) => pb::Durability::Replicated,
        Durability::ReplicatedSynced(_) => pb::Durability::ReplicatedSynced,
    };
    value as i32
}

/// The parts that a response may have.
struct Parts {
    receipt: Option<pb::Receipt>,
    order: Option<pb::OrderState>,
    parcel: Option<pb::ParcelState>,
    new_parcel: Option<pb::ParcelState>,
    stock: Option<pb::PoolStock>,
    cancels: Vec<pb::ParcelCancel>,
}

fn parts(
    decoded: &Decoded,
    done: &Done,
    merchant: &Merchant,
    receipt: Receipt,
    locale: Locale,
) -> Parts {
    let dress = Dress {
        merchant,
        at: receipt.decided_at,
        locale,
    };
    let number = order_number(&decoded.submission.command);
    Parts {
        receipt: Some(receipt.message()),
        order: done.order.as_ref().map(|view| dress.order(view)),
        parcel: done.parcel.as_ref().map(|view| dress.parcel(number, view)),
        new_parcel: done
            .new_parcel
            .as_ref()
            .map(|view| dress.parcel(number, view)),
        stock: done.stock.as_ref().map(|view| dress.stock(view)),
        cancels: done
            .cancels
            .iter()
            .map(|view| {
                cancel(
                    done.order.as_ref().map_or(number, |order| &order.number),
                    view,
                    locale,
                )
            })
            .collect(),
    }
}

/// The number of the order that a parcel command named.
fn order_number(command: &Command) -> &str {
    let parcel_id = match command {
        Command::AdvanceParcel(advance) | Command::OverrideParcel(advance) => &advance.parcel_id,
        Command::RerouteParcel(reroute) => &reroute.parcel_id,
        Command::SplitParcel(split) => &split.parcel_id,
        Command::SuspendParcel(suspend) => &suspend.parcel_id,
        Command::ResumeParcel(resume) => &resume.parcel_id,
        Command::PutBackParcel(put_back) => &put_back.parcel_id,
        _ => return "",
    };
    parcel_id.rsplit_once('/').map_or("", |(number, _)| number)
}

fn cancel(number: &str, view: &CancelView, locale: Locale) -> pb::ParcelCancel {
    let result = CancelResult::from_number(view.result as i32).expect("views name results");
    let node = Node::from_number(view.node as i32).expect("views name nodes");
    let (zh, en) = match result {
        CancelResult::Cancelled if node >= Node::WarehouseAssigned => {
            ("从波次中划掉该行", "strike the line from its wave")
        }
        CancelResult::Cancelled => ("无需处理", "nothing is left to do"),
        CancelResult::PutbackOpen if node == Node::AwaitingLoading => (
            "从道口取回，划掉交接清单行，放入退货框",
            "pull it from the lane, strike the manifest line, put it into the returns bin",
        ),
        CancelResult::PutbackOpen => (
            "面单作废，放入退货框",
            "void the label and put it into the returns bin",
        ),
        CancelResult::InterceptOpened => (
            "已通知承运商拦截，收到退货后处理",
            "the carrier is asked to bring it back; it is settled on receipt",
        ),
        CancelResult::RefusedSigned => ("已签收，请开退货单", "it is signed for; open a return"),
        CancelResult::AlreadyCancelled => ("之前已取消", "it was cancelled before"),
    };
    let instruction = match locale {
        Locale::Zh => zh,
        Locale::En => en,
    };
    pb::ParcelCancel {
        parcel_id: part_id(number, '/', view.parcel as usize),
        result: view.result as i32,
        instruction: instruction.into(),
    }
}

/// The response message of a unary call.
#[must_use]
pub fn encode(
    decoded: &Decoded,
    done: &Done,
    merchant: &Merchant,
    receipt: Receipt,
    locale: Locale,
) -> Vec<u8> {
    let p = parts(decoded, done, merchant, receipt, locale);
    match &decoded.submission.command {
        Command::PlaceOrder(_) => pb::PlaceOrderResponse {
            receipt: p.receipt,
            order: p.order,
        }
        .to_bytes(),
        Command::StartPayment(_) => pb::StartPaymentResponse {
            receipt: p.receipt,
            order: p.order,
        }
        .to_bytes(),
        Command::FailPayment(_) => pb::FailPaymentResponse {
            receipt: p.receipt,
            order: p.order,
        }
        .to_bytes(),
        Command::ConfirmPayment(_) => pb::ConfirmPaymentResponse {
            receipt: p.receipt,
            order: p.order,
            result: done.payment_result as i32,
        }
        .to_bytes(),
        Command::ConfirmDeposit(_) => pb::ConfirmDepositResponse {
            receipt: p.receipt,
            order: p.order,
        }
        .to_bytes(),
        Command::ReleaseHold(_) => pb::ReleaseHoldResponse {
            receipt: p.receipt,
            order: p.order,
        }
        .to_bytes(),
        Command::AmendOrder(_) => pb::AmendOrderResponse {
            receipt: p.receipt,
            order: p.order,
        }
        .to_bytes(),
        Command::CancelOrder(_) => pb::CancelOrderResponse {
            receipt: p.receipt,
            order: p.order,
            parcels: p.cancels,
        }
        .to_bytes(),
        Command::AdvanceParcel(_) => advanced(p, done).to_bytes(),
        Command::OverrideParcel(_) => pb::OverrideParcelResponse {
            receipt: p.receipt,
            parcel: p.parcel,
        }
        .to_bytes(),
        Command::RerouteParcel(_) => pb::RerouteParcelResponse {
            receipt: p.receipt,
            parcel: p.parcel,
        }
        .to_bytes(),
        Command::SplitParcel(_) => pb::SplitParcelResponse {
            receipt: p.receipt,
            parcel: p.parcel,
            new_parcel: p.new_parcel,
        }
        .to_bytes(),
        Command::SuspendParcel(_) => pb::SuspendParcelResponse {
            receipt: p.receipt,
            parcel: p.parcel,
        }
        .to_bytes(),
        Command::ResumeParcel(_) => pb::ResumeParcelResponse {
            receipt: p.receipt,
            parcel: p.parcel,
        }
        .to_bytes(),
        Command::PutBackParcel(_) => pb::PutBackParcelResponse {
            receipt: p.receipt,
            parcel: p.parcel,
        }
        .to_bytes(),
        Command::ReceiveStock(_) => received(p, done).to_bytes(),
        Command::MoveStock(_) => pb::MoveStockResponse {
            receipt: p.receipt,
            stock: p.stock,
        }
        .to_bytes(),
        Command::CountStock(_) => {
            let short = done.short.iter().map(|short| pb::ShortPromise {
                order_number: short.order_number.clone(),
                quantity: short.quantity,
            });
            pb::CountStockResponse {
                receipt: p.receipt,
                stock: p.stock,
                difference: done.difference,
                short: short.collect(),
            }
            .to_bytes()
        }
        Command::ConfigurePool(_) => pb::ConfigurePoolResponse {
            receipt: p.receipt,
            stock: p.stock,
        }
        .to_bytes(),
        Command::ConfigureWarehouse(_) => {
            pb::ConfigureWarehouseResponse { receipt: p.receipt }.to_bytes()
        }
        Command::ConfigureSku(_) => pb::ConfigureSkuResponse { receipt: p.receipt }.to_bytes(),
        Command::MapChannelSkus(_) => pb::MapChannelSkusResponse {
            receipt: p.receipt,
            work_items_closed: i32::try_from(done.count).unwrap_or(i32::MAX),
        }
        .to_bytes(),
        Command::PublishPolicy(_) => pb::PublishPolicyResponse {
            receipt: p.receipt,
            policy_version: done.policy_version,
        }
        .to_bytes(),
        Command::IssueToken(_) => pb::IssueTokenResponse { receipt: p.receipt }.to_bytes(),
        Command::RevokeToken(_) => pb::RevokeTokenResponse {
            receipt: p.receipt,
            revoked: i32::try_from(done.count).unwrap_or(i32::MAX),
        }
        .to_bytes(),
        Command::RegisterDevice(_) => pb::RegisterDeviceResponse { receipt: p.receipt }.to_bytes(),
        Command::ReconcileClock(_) => pb::ReconcileClockResponse {
            receipt: p.receipt,
            now: Some(timestamp(receipt.decided_at)),
        }
        .to_bytes(),
    }
}

fn advanced(p: Parts, done: &Done) -> pb::AdvanceParcelResponse {
    let inferred = done.inferred.iter().map(|node| *node as i32).collect();
    pb::AdvanceParcelResponse {
        receipt: p.receipt,
        parcel: p.parcel,
        inferred,
        evidence_only: done.evidence_only,
    }
}

fn received(p: Parts, done: &Done) -> pb::ReceiveStockResponse {
    pb::ReceiveStockResponse {
        receipt: p.receipt,
        stock: p.stock,
        backorders_filled: done.backorders_filled,
    }
}

/// The outcome of one item of a batch or stream.
#[must_use]
pub fn done_outcome(
    decoded: &Decoded,
    done: &Done,
    merchant: &Merchant,
    receipt: Receipt,
    locale: Locale,
) -> pb::CommandOutcome {
    use pb::command_outcome::Outcome;
    let p = parts(decoded, done, merchant, receipt, locale);
    let outcome = match &decoded.submission.command {
        Command::PlaceOrder(_) => Outcome::PlaceOrder(pb::PlaceOrderResponse {
            receipt: p.receipt,
            order: p.order,
        }),
        Command::StartPayment(_) => Outcome::StartPayment(pb::StartPaymentResponse {
            receipt: p.receipt,
            order: p.order,
        }),
        Command::FailPayment(_) => Outcome::FailPayment(pb::FailPaymentResponse {
            receipt: p.receipt,
            order: p.order,
        }),
        Command::ConfirmPayment(_) => Outcome::ConfirmPayment(pb::ConfirmPaymentResponse {
            receipt: p.receipt,
            order: p.order,
            result: done.payment_result as i32,
        }),
        Command::ReleaseHold(_) => Outcome::ReleaseHold(pb::ReleaseHoldResponse {
            receipt: p.receipt,
            order: p.order,
        }),
        Command::CancelOrder(_) => Outcome::CancelOrder(pb::CancelOrderResponse {
            receipt: p.receipt,
            order: p.order,
            parcels: p.cancels,
        }),
        Command::AdvanceParcel(_) => Outcome::AdvanceParcel(advanced(p, done)),
        Command::ReceiveStock(_) => Outcome::ReceiveStock(received(p, done)),
        other => unreachable!("holdfast.v1.Command has no {other:?}"),
    };
    pb::CommandOutcome {
        outcome: Some(outcome),
    }
}

/// A refusal of one item; with a receipt where it is remembered.
#[must_use]
pub fn refused_outcome(
    refusal: &Refusal,
    receipt: Option<Receipt>,
    locale: Locale,
) -> pb::CommandOutcome {
    let refused = pb::Refused {
        code: refusal.spec().class as i32,
        reason: refusal.code().id().into(),
        message: status::message(refusal, locale),
        facts: status::facts(refusal),
        receipt: receipt.map(Receipt::message),
    };
    pb::CommandOutcome {
        outcome: Some(pb::command_outcome::Outcome::Refused(refused)),
    }
}

/// Adds an outcome to the response of a batch: written one after another, messages with
/// an item each are one message with all of them.
pub fn add_outcome(outcome: pb::CommandOutcome, response: &mut Vec<u8>) {
    let item = pb::BatchSubmitResponse {
        outcomes: vec![outcome],
    };
    item.with_bytes(|bytes| response.extend_from_slice(bytes));
}

#[must_use]
pub fn stream_item(outcome: pb::CommandOutcome) -> Vec<u8> {
    pb::StreamSubmitResponse {
        outcome: Some(outcome),
    }
    .to_bytes()
}
