//! Mistakes that can be switched on, to show that the simulator finds them.
//!
//! With the feature `planted`, `planted!(Name)` is true while that mistake is
//! switched on in this thread; without it, it is `false` and nothing is left of
//! it. No release is built with the feature.

#[cfg(feature = "planted")]
use std::cell::Cell;

#[cfg(feature = "planted")]
macro_rules! mistakes {
    ($($(#[doc = $doc:literal])* $name:ident,)+) => {
        /// A mistake that is not there unless it is switched on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mistake { $($(#[doc = $doc])* $name,)+ }

        impl Mistake {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What the product does wrong while it is on.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)+ }
            }
        }
    };
}

#[cfg(feature = "planted")]
mistakes! {
    /// A snapshot forgets which requests were answered.
    ForgetAnsweredInImage,
    /// A state that is loaded forgets which units wait.
    ForgetPromisesInImage,
    /// A snapshot is used with whatever journal there is, and its records begin one later.
    SkipARecordBehindImage,
    /// A reply does not wait for its record.
    AnswerBeforeDurable,
    /// A durable group releases the replies of the next one too.
    ReleaseNextGroup,
    /// A group is written and not synced.
    SkipSync,
    /// The name of a new segment is not synced.
    ForgetFolderSync,
    /// A group takes the number of the one before it.
    ReuseGroupNumber,
    /// A new owner writes under the epoch of the last one.
    KeepEpoch,
    /// A second group of one epoch is taken for damage.
    RefuseSameEpoch,
    /// A group that was found is followed although it may not be durable.
    TrustFoundGroup,
    /// A torn tail takes the good groups of its segment along.
    CutGoodGroup,
    /// A segment that was never begun stays in the folder.
    LeaveUnfinished,
    /// A segment that was found is written although its name may be lost.
    TrustFoundName,
    /// A group is read whatever its checksum says.
    IgnoreChecksum,
    /// A repeated request is decided again.
    ForgetRequests,
    /// Another request under a used key gets the first one's answer.
    IgnoreFingerprint,
    /// A scan that a device repeats under another request counts twice.
    ForgetScans,
    /// Refusals are forgotten with the next record.
    ForgetRefusals,
    /// An outage is not given back to the holds that it hit.
    MissOutageCredit,
    /// An outage is given back twice.
    DoubleOutageCredit,
    /// Nobody is told to put the goods of a cancelled parcel back.
    LosePutBack,
    /// A step is signed by the engine instead of who scanned it.
    UnsignedStep,
    /// A hold that replaces another may be given the whole outage credit again.
    ForgetCredit,
    /// Units that are split off stay where they were, too.
    SplitDoubles,
    /// A unit that was awaited is awaited still after it came.
    FillTwice,
    /// A parcel that changed is on nobody's list any more.
    LoseTask,
    /// A hold that ended still counts against its buyer.
    KeepQuota,
    /// A hold lives on at the very millisecond at which it ends.
    ExpireLate,
    /// A payment moves the deadline beyond the cap.
    IgnoreCap,
    /// A payment moves the deadline a millisecond too far.
    ExtendByOneMore,
    /// A late payment takes its units without looking whether they are there.
    TrustLatePayment,
    /// One failed payment ends the others too.
    FailAllPayments,
    /// Units of a partly paid hold that are not paid are not given back.
    LoseRest,
    /// Cancelling a line cancels the whole parcel.
    CancelAll,
    /// A cancelled order that was paid asks for no refund.
    ForgetRefund,
    /// Units of an ended hold do not go to those who wait for them.
    StarveWaiting,
    /// The units of one line stay held when their hold ends.
    LoseMovement,
    /// One more unit is promised than is there.
    SellOneMore,
    /// A deadline falls due a millisecond before its time.
    ExpireEarly,
    /// A tick writes more than its limit.
    UnboundedTick,
    /// Anybody may scan a parcel into any node.
    AnyoneScans,
    /// A parcel goes on without the units that a count has lost.
    SendShort,
    /// A change that was made from an old view is accepted.
    IgnoreVersion,
    /// Replacing a hold gives it a new deadline.
    RenewByReplacing,
    /// A buyer may hold as much as there is.
    IgnoreQuotas,
    /// A count takes units from who ordered first.
    OldestGoesShort,
    /// An engine writes on although another took its folder over.
    WriteBesideRival,
    /// Trimming removes a segment, or a group, that is still needed.
    TrimTooMuch,
    /// A run of the archive is named by a record and was not synced.
    SkipRunSync,
    /// The name of a run is not synced.
    ForgetRunName,
    /// A merge removes its runs before what they became is there.
    RemoveBeforeMerged,
    /// Of two images of an order a merge keeps the older one.
    KeepOlderImage,
    /// A run that was merged with later ones is used although the journal lost those.
    TrustMergedBeyond,
    /// A look-up does not ask the newest run.
    SkipNewestRun,
    /// What is decided about an archived order is written without the order.
    ForgetRevived,
    /// An order that comes back lacks its refund.
    ReviveWithoutRefund,
    /// The id of the youngest order is given again once that is archived.
    ReuseArchivedId,
    /// Orders leave memory whatever the policy's days say.
    ArchiveEarly,
    /// Requests are forgotten whatever the policy's days say.
    ForgetRequestsEarly,
    /// Requests about stock are forgotten too.
    ForgetStockRequests,
    /// A request that was let go is known until it is swept out.
    RememberUnswept,
    /// A reply does not wait for the replicas of its mode.
    ForgetReplicas,
    /// A group is taken for written although no reply came.
    TrustLostReply,
    /// A stream that lost groups is taken for whole.
    IgnoreLostGroups,
    /// An engine goes on although another took its stream over.
    IgnoreFence,
    /// The settings of a server are looked at only once.
    LookOnce,
    /// What a failed sync left in memory is synced again, and not written.
    TrustPageCache,
    /// A log does not say which of its groups a power cut may lose.
    HideUnsynced,
    /// A log is written and never synced by itself.
    NeverSyncLog,
}

#[cfg(feature = "planted")]
thread_local! {
    static ON: Cell<Option<Mistake>> = const { Cell::new(None) };
}

/// Switches one mistake on in this thread, or all off.
#[cfg(feature = "planted")]
pub fn plant(mistake: Option<Mistake>) {
    ON.set(mistake);
}

/// True while a mistake is on.
#[cfg(feature = "planted")]
#[must_use]
pub fn is_on(mistake: Mistake) -> bool {
    ON.get() == Some(mistake)
}

#[cfg(feature = "planted")]
macro_rules! planted {
    ($mistake:ident) => {
        $crate::planted::is_on($crate::planted::Mistake::$mistake)
    };
}

#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($mistake:ident) => {
        false
    };
}

pub(crate) use planted;
