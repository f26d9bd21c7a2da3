//! The state as bytes, and back: its image.
//!
//! An image is a list of parts: the house, then each merchant and its orders a few
//! at a time, then the requests that were answered. If orders were archived, their places
//! come behind the house, and from where on requests are remembered. It holds what decides and
//! nothing that follows from it: indexes and totals are built again, by the same
//! functions that keep them while the engine runs. Maps go in the order of their
//! keys, so that equal states have equal images, byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::requests::{Answered, Floor};
use super::{ArchiveMark, Merchant, State, Token};
use crate::domain::inventory::board::Board;
use crate::domain::inventory::catalogue::{Catalogue, ChannelCode, Sku, Warehouse};
use crate::domain::inventory::pool::{Batch, Pool};
use crate::domain::names::{NameId, Names};
use crate::domain::orders::OrderId;
use crate::domain::orders::order::Order;
use crate::domain::orders::promise::{NO_HOLD, Promise};
use crate::domain::policy::Policy;
use crate::domain::time::Millis;
use crate::domain::words::OrderStatus;
use crate::planted::planted;

/// Orders in one part.
const ORDERS: usize = 512;
/// Answered requests in one part.
const ANSWERED: usize = 4_096;

/// Which kind of part follows.
mod tag {
    pub(super) const HOUSE: u8 = 1;
    pub(super) const MERCHANT: u8 = 2;
    pub(super) const ORDERS: u8 = 3;
    pub(super) const ANSWERED: u8 = 4;
    pub(super) const REFUSALS: u8 = 5;
    pub(super) const ARCHIVED: u8 = 6;
    pub(super) const FLOOR: u8 = 7;
}

/// Bytes are no image of a state.
#[derive(Debug, thiserror::Error)]
#[error("part {number} of the image {detail}")]
pub struct ImageError {
    /// From 1.
    pub number: u64,
    pub detail: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct House {
    seq: u64,
    last_at: Millis,
    frozen_at: Option<Millis>,
    tokens: BTreeMap<[u8; 32], Token>,
    /// So that room is made once.
    answered: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct ArchivedPart {
    run: u64,
    chain: [u8; 16],
    /// By merchant.
    gaps: Vec<Vec<(OrderId, u32)>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct MerchantPart {
    name: Box<str>,
    names: Vec<Box<str>>,
    /// As JSON, which says what each number is.
    policies: Vec<String>,
    warehouses: BTreeMap<NameId, Warehouse>,
    skus: BTreeMap<NameId, Sku>,
    mappings: BTreeMap<ChannelCode, NameId>,
    unmapped: BTreeMap<(u8, NameId, NameId, NameId), BTreeSet<Box<str>>>,
    devices: BTreeMap<NameId, NameId>,
    pools: Vec<PoolPart>,
    orders: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct PoolPart {
    sku: NameId,
    warehouse: NameId,
    units: Vec<i64>,
    backorder_limit: i64,
    buffers: BTreeMap<u8, i64>,
    batches: Vec<Batch>,
}

impl State {
    /// Gives the state's image to `put`, part by part.
    ///
    /// # Errors
    /// Whatever `put` says; it is not called again then.
    pub fn image<E>(&self, put: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut bytes = Vec::new();
        let house = House {
            seq: self.seq,
            last_at: self.last_at,
            frozen_at: self.frozen_at,
            tokens: ordered(&self.tokens),
            answered: self.requests.remembered().count(),
        };
        put(encoded(tag::HOUSE, &house, &mut bytes))?;
        if self.archive.run > 0 {
            let part = ArchivedPart {
                run: self.archive.run,
                chain: self.archive.chain,
                gaps: self.merchants.iter().map(|m| m.orders.gaps()).collect(),
            };
            put(encoded(tag::ARCHIVED, &part, &mut bytes))?;
        }
        if self.requests.floor != Floor::default() {
            put(encoded(tag::FLOOR, &self.requests.floor, &mut bytes))?;
        }
        for merchant in &self.merchants {
            put(encoded(tag::MERCHANT, &merchant.part(), &mut bytes))?;
            let mut orders = merchant.orders.iter().map(|(_, order)| order).peekable();
            while orders.peek().is_some() {
                let some: Vec<&Order> = orders.by_ref().take(ORDERS).collect();
                put(encoded(tag::ORDERS, &some, &mut bytes))?;
            }
        }
        let mut answered: Vec<_> = self.requests.remembered().collect();
        answered.sort_unstable_by_key(|answered| (answered.seq, answered.key));
        if planted!(ForgetAnsweredInImage) {
            answered.clear();
        }
        for answered in answered.chunks(ANSWERED) {
            put(encoded(tag::ANSWERED, answered, &mut bytes))?;
        }
        put(encoded(tag::REFUSALS, &self.requests.refusals, &mut bytes))
    }

    /// The canonical hash of the state: 32 bytes over its image. Two states with
    /// the same hash answer every later command alike.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = ImageDigest::default();
        let hashed = self.image(&mut |part| {
            digest.add(part);
            Ok::<(), Infallible>(())
        });
        hashed.unwrap_or_else(|never| match never {});
        digest.finish()
    }
}

/// Hashes an image part by part.
#[derive(Debug, Default)]
pub struct ImageDigest(blake3::Hasher);

impl ImageDigest {
    pub fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// What [`State::digest`] gives for the state of this image.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// A state that is being built from its image.
#[derive(Debug)]
pub struct Image {
    state: State,
    parts: u64,
    orders_due: usize,
    /// Places of archived orders, by merchant.
    gaps: VecDeque<Gaps>,
    /// Those of the merchant that is being read.
    gaps_here: Gaps,
}

/// First ids and lengths of runs of archived orders.
type Gaps = VecDeque<(OrderId, u32)>;

impl Image {
    /// Nothing yet; counters will be published on `board`.
    #[must_use]
    pub fn new(board: Board) -> Self {
        Self {
            state: State::new(board),
            parts: 0,
            orders_due: 0,
            gaps: VecDeque::new(),
            gaps_here: Gaps::new(),
        }
    }

    /// Takes up the next part from its bytes.
    ///
    /// # Errors
    /// [`ImageError`] if it is none, or not the next one.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.put(Part::decode(self.parts + 1, bytes)?)
    }

    /// Puts the next part where it belongs.
    ///
    /// # Errors
    /// [`ImageError`] if it is not the next one, or does not fit those before.
    pub fn put(&mut self, part: Part) -> Result<(), ImageError> {
        let number = part.number;
        let fits = number == self.parts + 1 && (number == 1) == matches!(part.body, Body::House(_));
        let put = match fits {
            true => self.fit(part.body),
            false => Err("is not where it belongs".into()),
        };
        self.parts = number;
        put.map_err(|detail| ImageError { number, detail })
    }

    /// The state, when all parts have been taken.
    ///
    /// # Errors
    /// [`ImageError`] if orders are missing.
    pub fn finish(self) -> Result<State, ImageError> {
        if self.parts == 0 || self.orders_due > 0 {
            let detail = format!("is missing, and {} orders with it", self.orders_due);
            let number = self.parts + 1;
            return Err(ImageError { number, detail });
        }
        Ok(self.state)
    }

    fn fit(&mut self, body: Body) -> Result<(), String> {
        let state = &mut self.state;
        match body {
            Body::House(house) => {
                state.seq = house.seq + u64::from(planted!(SkipARecordBehindImage));
                state.last_at = house.last_at;
                state.frozen_at = house.frozen_at;
                state.tokens = house.tokens.into_iter().collect();
                state.requests.reserve(house.answered);
            }
            Body::Archived(part) => {
                let chain = part.chain;
                state.archive = ArchiveMark {
                    run: part.run,
                    chain,
                };
                self.gaps = part.gaps.into_iter().map(Gaps::from).collect();
            }
            Body::Merchant(part) => {
                self.orders_due += part.orders;
                let index = u32::try_from(state.merchants.len()).expect("few merchants");
                state.by_name.insert(part.name.clone(), index);
                state
                    .merchants
                    .push(Merchant::from_part(*part, &state.board)?);
                self.gaps_here = self.gaps.pop_front().unwrap_or_default();
                let merchant = state.merchants.last_mut().expect("it was put there");
                merchant.skip_gaps(&mut self.gaps_here);
            }
            Body::Orders(orders) => {
                let merchant = state.merchants.last_mut().ok_or("has orders of nobody")?;
                self.orders_due = (self.orders_due)
                    .checked_sub(orders.len())
                    .ok_or("has more orders than there are")?;
                for order in orders {
                    merchant.restore_order(order)?;
                    merchant.skip_gaps(&mut self.gaps_here);
                }
            }
            Body::Answered(answered) => {
                for answered in answered {
                    state.requests.add(answered);
                }
            }
            Body::Floor(floor) => state.requests.floor = floor,
            Body::Refusals(refusals) => state.requests.refusals = refusals,
        }
        Ok(())
    }
}

/// A part of an image, read but not yet put where it belongs.
#[derive(Debug)]
pub struct Part {
    number: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    House(House),
    Archived(ArchivedPart),
    Floor(Floor),
    Merchant(Box<MerchantPart>),
    Orders(Vec<Order>),
    Answered(Vec<Answered>),
    Refusals(VecDeque<(Millis, u128)>),
}

impl Part {
    /// Reads the bytes of the part with that number, from 1.
    ///
    /// # Errors
    /// [`ImageError`] if they are none.
    pub fn decode(number: u64, bytes: &[u8]) -> Result<Self, ImageError> {
        let body = Body::decode(bytes).map_err(|detail| ImageError { number, detail })?;
        Ok(Self { number, body })
    }
}

impl Body {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (tag, rest) = bytes.split_first().ok_or("is empty")?;
        Ok(match *tag {
            tag::HOUSE => Self::House(decoded(rest)?),
            tag::ARCHIVED => Self::Archived(decoded(rest)?),
            tag::FLOOR => Self::Floor(decoded(rest)?),
            tag::MERCHANT => Self::Merchant(decoded(rest)?),
            tag::ORDERS => Self::Orders(decoded(rest)?),
            tag::ANSWERED => Self::Answered(decoded(rest)?),
            tag::REFUSALS => Self::Refusals(decoded(rest)?),
            other => return Err(format!("is of kind {other}, which is unknown")),
        })
    }
}

impl Merchant {
    fn part(&self) -> MerchantPart {
        let catalogue = &self.catalogue;
        MerchantPart {
            name: self.name.clone(),
            // The empty name is always there.
            names: self.names.iter().skip(1).map(Into::into).collect(),
            policies: self.policies.iter().map(Policy::to_json).collect(),
            warehouses: catalogue.warehouses.clone(),
            skus: ordered(&catalogue.skus),
            mappings: ordered(&catalogue.mappings),
            unmapped: catalogue.unmapped.clone(),
            devices: ordered(&catalogue.devices),
            pools: self.pools.iter().map(PoolPart::of).collect(),
            orders: self.orders.len(),
        }
    }

    fn from_part(part: MerchantPart, board: &Board) -> Result<Self, String> {
        let mut merchant = Self::new(&part.name);
        for name in &part.names {
            merchant.names.declare(name);
        }
        let policies = part.policies.iter().map(|json| Policy::from_json(json));
        merchant.policies = policies
            .collect::<Result<_, _>>()
            .map_err(|refusal| refusal.to_string())?;
        merchant.catalogue = Catalogue {
            warehouses: part.warehouses,
            skus: part.skus.into_iter().collect(),
            mappings: part.mappings.into_iter().collect(),
            unmapped: part.unmapped,
            devices: part.devices.into_iter().collect(),
        };
        for pool in part.pools {
            let pool = pool.restore(&merchant.name, &merchant.names, board)?;
            merchant.open_pool(pool);
        }
        merchant.orders.reserve(part.orders);
        Ok(merchant)
    }

    /// Puts an order back, and its parts into every index.
    fn restore_order(&mut self, order: Order) -> Result<(), String> {
        check_order(&order, self.pools.len())?;
        self.totals.open_orders += i64::from(order.status == OrderStatus::Open);
        let (holds, promises, parcels) =
            (order.holds.len(), order.promises.len(), order.parcels.len());
        let id = self.orders.push(order);
        (0..holds).for_each(|hold| self.put_hold(id, hold));
        if !planted!(ForgetPromisesInImage) {
            (0..promises).for_each(|promise| self.put_promise(id, promise));
        }
        (0..parcels).for_each(|parcel| self.put_parcel(id, parcel));
        self.list_closed(id);
        Ok(())
    }

    /// Leaves the next ids out, if they belong to archived orders.
    fn skip_gaps(&mut self, gaps: &mut Gaps) {
        while let Some((first, count)) = gaps.front().copied()
            && first as usize == self.orders.placed()
        {
            self.orders.skip(count as usize);
            gaps.pop_front();
        }
    }
}

/// What an index would stumble over. A promise that is over may name a parcel that
/// went with it.
fn check_order(order: &Order, pools: usize) -> Result<(), String> {
    let fits = |promise: &Promise| {
        let parts = usize::from(promise.parcel) < order.parcels.len()
            && (promise.hold == NO_HOLD || usize::from(promise.hold) < order.holds.len());
        (promise.pool as usize) < pools && (parts || !promise.is_open())
    };
    match order.promises.iter().find(|promise| !fits(promise)) {
        None => Ok(()),
        Some(promise) => Err(format!(
            "has order {} with {} parcels and {} holds, and {promise:?} of {pools} pools",
            order.number,
            order.parcels.len(),
            order.holds.len()
        )),
    }
}

impl PoolPart {
    fn of(pool: &Pool) -> Self {
        Self {
            sku: pool.sku,
            warehouse: pool.warehouse,
            units: pool.counters.all(),
            backorder_limit: pool.backorder_limit,
            buffers: pool.buffers.clone(),
            batches: pool.batches.clone(),
        }
    }

    fn restore(self, merchant: &str, names: &Names, board: &Board) -> Result<Pool, String> {
        let known = |id| {
            names
                .get(id)
                .ok_or("has a pool of a name that is not there")
        };
        let counters = board.open(merchant, known(self.sku)?, known(self.warehouse)?);
        counters.restore(&self.units);
        let mut pool = Pool::new(self.sku, self.warehouse, counters);
        pool.backorder_limit = self.backorder_limit;
        pool.buffers = self.buffers;
        pool.batches = self.batches;
        Ok(pool)
    }
}

fn ordered<K: Ord + Copy, V: Clone>(map: &HashMap<K, V>) -> BTreeMap<K, V> {
    map.iter()
        .map(|(key, value)| (*key, value.clone()))
        .collect()
}

fn encoded<'a, T: Serialize + ?Sized>(tag: u8, part: &T, bytes: &'a mut Vec<u8>) -> &'a [u8] {
    bytes.clear();
    bytes.push(tag);
    *bytes = postcard::to_extend(part, std::mem::take(bytes))
        .expect("memory takes bytes, and every type of the state has a form");
    bytes
}

fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(body) {
        Ok((part, [])) => Ok(part),
        Ok((_, rest)) => Err(format!("has {} bytes too many", rest.len())),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
