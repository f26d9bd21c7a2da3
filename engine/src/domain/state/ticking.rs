//! What happens by itself: deadlines, time stamps, the start after an outage.

use super::tx::Tx;
use super::{Inconsistent, State};
use crate::domain::event::{
    EngineStarted, Entry, Event, ParcelCompleted, ParcelOverdue, Record, TimeStamped,
};
use crate::domain::orders::due::{Due, DueKind};
use crate::domain::time::{DAY, Millis};
use crate::planted::planted;

/// What a tick did.
#[derive(Debug, Default)]
pub struct Advance {
    pub records: Vec<Record>,
    /// More is due already: tick again soon.
    pub more: bool,
}

impl State {
    /// Lets at most `limit` deadlines fall due.
    ///
    /// The bound keeps 100,000 deadlines of one second from stalling requests;
    /// it never shows in an answer, since every command and read judges
    /// deadlines by `now` and not by what is written.
    pub fn advance(&mut self, now: Millis, limit: usize) -> Advance {
        let now = now.max(self.last_at);
        let mut advance = Advance::default();
        let mut left = limit;
        for index in 0..self.merchants.len() {
            let merchant = u32::try_from(index).expect("fewer than 2^32 merchants");
            let mut tx = Tx::new(self, merchant, now, Vec::new());
            while (left > 0 || planted!(UnboundedTick)) && tx.next_due() {
                left = left.saturating_sub(1);
            }
            if !tx.entries.is_empty() {
                let record = tx.finish(None, None, None);
                self.remember(&record);
                advance.records.push(record);
            }
            let horizon = self.deadline_now(now);
            advance.more |= self.merchants[index]
                .due
                .first()
                .is_some_and(|due| due.0 <= horizon);
        }
        advance
    }

    /// When the next thing falls due; none while deadlines stand still.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.frozen_at.is_some() {
            return None;
        }
        self.merchants
            .iter()
            .filter_map(|merchant| merchant.due.first())
            .map(|due| due.0)
            .min()
    }

    /// A durable "still alive", so that an outage can be told by its length.
    #[must_use]
    pub fn stamp(&mut self, now: Millis) -> Record {
        self.own_record(now, Event::TimeStamped(TimeStamped {}))
    }

    /// The first record after a start (H13): holds that were live at the last
    /// durable time get the outage back, up to the policy's limit. If the clock
    /// runs before that time, or more than a day after it, deadlines stand
    /// still until a person reconciles it.
    #[must_use]
    pub fn start(&mut self, now: Millis, version: &str) -> Record {
        let last_at = self.last_at;
        let first = self.seq == 0;
        let outage = now - last_at;
        let implausible = !first
            && !(0..=DAY).contains(&outage)
            && self.merchants.iter().any(|m| !m.due.is_empty());
        let still_frozen = self.frozen_at.is_some();
        let frozen_at = if implausible || still_frozen {
            self.frozen_at.unwrap_or(last_at)
        } else {
            0
        };
        let credit_ms = if first || implausible {
            0
        } else {
            outage.max(0)
        };
        let started = EngineStarted {
            credit_ms,
            last_at,
            frozen_at,
            version: version.to_owned(),
            sorts_requests: true,
        };
        self.own_record(now.max(last_at), Event::EngineStarted(started))
    }

    /// True while some hold is live.
    #[must_use]
    pub fn has_live_holds(&self) -> bool {
        self.merchants
            .iter()
            .any(|merchant| merchant.totals.live_holds > 0)
    }

    pub(super) fn own_record(&mut self, now: Millis, event: Event) -> Record {
        let role = crate::domain::orders::lifecycle::Role::Engine
            .number()
            .into();
        let record = Record {
            at: now,
            role,
            events: vec![Entry {
                event: Some(event),
                movements: Vec::new(),
            }],
            ..Record::default()
        };
        let applied: Result<(), Inconsistent> = self.replay(&record);
        applied.expect("the engine's own events fit any state");
        record
    }
}

impl Tx<'_> {
    /// Lets the first due thing happen, if its time has come.
    fn next_due(&mut self) -> bool {
        let first = self.m().due.first().copied();
        let Some((at, order, place, kind)): Option<Due> = first else {
            return false;
        };
        if at > self.deadline_now + Millis::from(planted!(ExpireEarly)) {
            return false;
        }
        let parcel = u32::from(place);
        match kind {
            DueKind::HoldEnds => self.expire(order, usize::from(place)),
            DueKind::TurnsYellow => {
                let red_at = self.parcel(order, usize::from(place)).red_at;
                let red = red_at != 0 && red_at <= self.deadline_now;
                self.emit(Event::ParcelOverdue(ParcelOverdue { order, parcel, red }));
            }
            DueKind::TurnsRed => self.emit(Event::ParcelOverdue(ParcelOverdue {
                order,
                parcel,
                red: true,
            })),
            DueKind::Completes => {
                self.emit(Event::ParcelCompleted(ParcelCompleted { order, parcel }))
            }
        }
        true
    }
}
