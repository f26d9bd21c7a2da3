//! Watching events: what is stored from a position on, then what happens.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use prost::Message;

use super::{Reply, Shared};
use crate::backward::Put;
use crate::domain::event::Record;
use crate::domain::orders::OrderId;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::views::Locale;
use crate::wire::decode::WatchQuery;
use crate::wire::{event, pb};

/// Records looked at in one go, so that a narrow filter cannot hold the lock.
const RECORDS_PER_TAKE: u64 = 512;

/// One open stream. It holds a position and nothing else: a slow reader costs
/// no memory, the journal keeps what it has not read.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    merchant: String,
    /// Of the credential; none in process.
    token_sha256: Option<[u8; 32]>,
    query: WatchQuery,
    locale: Locale,
    after_seq: u64,
    /// Events of a record that did not fit into the last take.
    spare: std::collections::VecDeque<Vec<u8>>,
}

impl Watch {
    pub(super) fn open(
        shared: Arc<Shared>,
        merchant: String,
        token_sha256: Option<[u8; 32]>,
        query: WatchQuery,
        locale: Locale,
    ) -> Self {
        let after_seq = query.after_seq;
        Self {
            shared,
            merchant,
            token_sha256,
            query,
            locale,
            after_seq,
            spare: std::collections::VecDeque::new(),
        }
    }

    /// How long the stream may be silent before it owes a heartbeat, in ms.
    #[must_use]
    pub fn heartbeat_ms(&self) -> u32 {
        self.query.heartbeat_ms
    }

    /// Encoded responses that are ready now, at most `limit`; never blocks for
    /// what has not happened. Only durable events are given.
    ///
    /// # Errors
    /// The reply that ends the stream.
    pub fn take(&mut self, limit: usize) -> Result<Vec<Vec<u8>>, Reply> {
        if let Some(hash) = &self.token_sha256 {
            // What ends a credential ends its streams.
            let known = self.shared.recheck(hash);
            known.map_err(|refusal| Reply::refused(&refusal, self.locale))?;
        }
        let durable = self.shared.writer.durable_seq();
        if self.after_seq > durable {
            let ahead = Refusal::new(RefusalCode::WatchTooSlow)
                .fact("seq", self.after_seq)
                .fact("detail", format!("the journal ends at {durable}"));
            return Err(Reply::refused(&ahead, self.locale));
        }
        while self.spare.len() < limit && self.after_seq < durable {
            self.read_on(durable)?;
        }
        let ready = self.spare.len().min(limit);
        Ok(self.spare.drain(..ready).collect())
    }

    /// An encoded heartbeat at the position reached so far.
    #[must_use]
    pub fn heartbeat(&self) -> Vec<u8> {
        let at = self.shared.clock.now();
        let heartbeat = pb::Heartbeat {
            seq: self.after_seq,
            at: Some(event::timestamp(at)),
        };
        pb::WatchEventsResponse {
            item: Some(pb::watch_events_response::Item::Heartbeat(heartbeat)),
        }
        .to_bytes()
    }

    /// Says that records are no longer kept, and goes on behind them.
    fn leap(&mut self, first_seq: u64) {
        let gap = pb::Gap {
            from_seq: self.after_seq + 1,
            upto_seq: first_seq - 1,
            reason: "the journal no longer keeps these records; read the state instead".into(),
        };
        let response = pb::WatchEventsResponse {
            item: Some(pb::watch_events_response::Item::Gap(gap)),
        };
        self.spare.push_back(response.to_bytes());
        self.after_seq = first_seq - 1;
    }

    /// Numbers of the orders of these records that are in the archive.
    fn archived_numbers(&self, records: &[(u64, Record)]) -> Result<event::Numbers, Reply> {
        let Some(archive) = &self.shared.archive else {
            return Ok(event::Numbers::new());
        };
        let (house, missing) = {
            let state = self.shared.core.lock();
            let Some(house) = state.merchant_number(&self.merchant) else {
                return Ok(event::Numbers::new());
            };
            let merchant = &state.merchants()[house as usize];
            let own = records
                .iter()
                .filter(|(_, record)| record.merchant == house);
            let missing = own.flat_map(|(_, record)| event::missing_orders(record, merchant));
            (house, missing.collect::<BTreeSet<OrderId>>())
        };
        let mut numbers = event::Numbers::new();
        for id in missing {
            let found = archive.by_id(house, id).map_err(|error| {
                Reply::refused(&self.shared.incident(&error.to_string()), self.locale)
            })?;
            numbers.extend(found.map(|found| (id, found.order.number.into_string())));
        }
        Ok(numbers)
    }

    fn read_on(&mut self, durable: u64) -> Result<(), Reply> {
        let upto = durable.min(self.after_seq + RECORDS_PER_TAKE);
        let mut records: Vec<(u64, Record)> = Vec::new();
        let scanned = self
            .shared
            .reader
            .scan(self.after_seq + 1, upto, &mut |seq, bytes| {
                if let Ok(record) = Record::decode(bytes) {
                    records.push((seq, record));
                }
                ControlFlow::Continue(())
            });
        // Asked after reading: what went meanwhile was not read whole.
        let first_seq = self.shared.reader.first_seq();
        if first_seq > self.after_seq + 1 {
            self.leap(first_seq);
            return Ok(());
        }
        if let Err(error) = scanned {
            return Err(Reply::refused(
                &self.shared.incident(&error.to_string()),
                self.locale,
            ));
        }
        let archived = self.archived_numbers(&records)?;
        let state = self.shared.core.lock();
        for (seq, record) in &records {
            let Some(merchant) = state.merchants().get(record.merchant as usize) else {
                continue;
            };
            if *merchant.name != *self.merchant {
                continue;
            }
            for public in event::public_events(*seq, record, merchant, &archived) {
                if self.query.wants(&public) {
                    let response = pb::WatchEventsResponse {
                        item: Some(pb::watch_events_response::Item::Event(public)),
                    };
                    self.spare.push_back(response.to_bytes());
                }
            }
        }
        self.after_seq = upto;
        Ok(())
    }
}
