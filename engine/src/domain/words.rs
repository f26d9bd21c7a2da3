//! Closed vocabularies shared by commands, events and answers.

use super::closed_enum::closed_enum;
use serde::{Deserialize, Serialize};

closed_enum! {
    /// Where an order came from. There is no default.
    SourceChannel {
        Douyin = 1 "DOUYIN",
        Youzan = 2 "YOUZAN",
        Taobao = 3 "TAOBAO",
        Wechat = 4 "WECHAT",
        Phone = 5 "PHONE",
        Other = 6 "OTHER",
    }
}

closed_enum! {
    /// How much working times are shortened. There is no default.
    Urgency {
        Normal = 1 "NORMAL",
        Urgent = 2 "URGENT",
        Critical = 3 "CRITICAL",
    }
}

closed_enum! {
    /// Life of a hold; the last three are final.
    HoldState {
        Held = 1 "HELD",
        Paying = 2 "PAYING",
        Confirmed = 3 "CONFIRMED",
        Released = 4 "RELEASED",
        Expired = 5 "EXPIRED",
    }
}

impl HoldState {
    /// True while the hold keeps stock from others.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Paying)
    }
}

closed_enum! {
    /// Whether an order or parcel is alive and, if not, how it ended.
    OrderStatus {
        Open = 1 "OPEN",
        Cancelled = 2 "CANCELLED",
        Completed = 3 "COMPLETED",
    }
}

closed_enum! {
    /// Marks beside the node, kept as bits.
    Flag {
        Suspended = 1 "SUSPENDED",
        Intercept = 2 "INTERCEPT",
        Overdue = 3 "OVERDUE",
        NoHold = 4 "NO_HOLD",
        LateReacquired = 5 "LATE_REACQUIRED",
        StockLostAfterPayment = 6 "STOCK_LOST_AFTER_PAYMENT",
        PaidAfterCancel = 7 "PAID_AFTER_CANCEL",
        DepositPaid = 8 "DEPOSIT_PAID",
        MissingDeparture = 9 "MISSING_DEPARTURE",
        PutbackOpen = 10 "PUTBACK_OPEN",
        Backordered = 11 "BACKORDERED",
        Short = 12 "SHORT",
        RefundDue = 13 "REFUND_DUE",
    }
}

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags(u32);

impl Flags {
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag.number()) != 0
    }

    pub const fn set(&mut self, flag: Flag, on: bool) {
        let bit = 1 << flag.number();
        if on { self.0 |= bit } else { self.0 &= !bit }
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL
            .iter()
            .copied()
            .filter(move |flag| self.has(*flag))
    }
}

closed_enum! {
    /// What a confirmation of payment did.
    PaymentResult {
        Confirmed = 1 "CONFIRMED",
        LateReacquired = 2 "LATE_REACQUIRED",
        PaidNoStock = 3 "PAID_NO_STOCK",
        PaidAfterCancel = 4 "PAID_AFTER_CANCEL",
        AlreadyConfirmed = 5 "ALREADY_CONFIRMED",
    }
}

closed_enum! {
    /// What a cancel did to one parcel.
    CancelResult {
        Cancelled = 1 "CANCELLED",
        PutbackOpen = 2 "PUTBACK_OPEN",
        InterceptOpened = 3 "INTERCEPT_OPENED",
        RefusedSigned = 4 "REFUSED_SIGNED",
        AlreadyCancelled = 5 "ALREADY_CANCELLED",
    }
}

closed_enum! {
    /// What a stock unit is doing. The first nine are on hand; only AVAILABLE
    /// is sellable. The last four are outside parties, so that every movement
    /// has two ends.
    Bucket {
        Available = 1 "AVAILABLE",
        Held = 2 "HELD",
        Allocated = 3 "ALLOCATED",
        TransferOut = 4 "TRANSFER_OUT",
        Putback = 5 "PUTBACK",
        Safety = 6 "SAFETY",
        Frozen = 7 "FROZEN",
        Qc = 8 "QC",
        Damaged = 9 "DAMAGED",
        InTransit = 10 "IN_TRANSIT",
        Supplier = 11 "SUPPLIER",
        Customer = 12 "CUSTOMER",
        Loss = 13 "LOSS",
        Count = 14 "COUNT",
    }
}

impl Bucket {
    /// True for the nine buckets whose sum is the stock on hand.
    #[must_use]
    pub const fn is_on_hand(self) -> bool {
        self.number() <= Self::Damaged.number()
    }
}
