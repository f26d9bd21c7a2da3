//! What a merchant sells and where: SKUs, bundles, channel mappings, warehouses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::calendar::Calendar;
use crate::domain::event::Component;
use crate::domain::names::{ByName, NameId};
use serde::{Deserialize, Serialize};

/// A warehouse as sourcing and deadlines see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Warehouse {
    /// Smaller comes first.
    pub rank: i32,
    pub province: NameId,
    /// Provinces from near to far.
    pub serves: Vec<NameId>,
    pub calendar: Calendar,
}

impl Default for Warehouse {
    fn default() -> Self {
        Self {
            rank: 0,
            province: 0,
            serves: Vec::new(),
            calendar: Calendar::round_the_clock(),
        }
    }
}

/// A SKU's own settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sku {
    pub pin_batch_at_hold: bool,
    /// Components, if it is a bundle.
    pub bundle: Vec<Component>,
}

/// A channel SKU: channel, shop, code; `by_outer_code` tells the two code
/// spaces apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChannelCode {
    pub source_channel: u8,
    pub shop: NameId,
    pub by_outer_code: bool,
    pub code: NameId,
}

/// Everything declared about goods and places.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub warehouses: BTreeMap<NameId, Warehouse>,
    pub skus: ByName<Sku>,
    pub mappings: HashMap<ChannelCode, NameId>,
    /// Channel SKUs that orders named and nobody has mapped, with the orders.
    pub unmapped: BTreeMap<(u8, NameId, NameId, NameId), BTreeSet<Box<str>>>,
    /// Warehouse of each device in service.
    pub devices: ByName<NameId>,
}

impl Catalogue {
    /// The SKU of a channel's line: outer code first, then the channel's id.
    #[must_use]
    pub fn map(
        &self,
        source_channel: u8,
        shop: NameId,
        outer: NameId,
        id: NameId,
    ) -> Option<NameId> {
        let find = |by_outer_code, code| {
            let key = ChannelCode {
                source_channel,
                shop,
                by_outer_code,
                code,
            };
            (code != 0)
                .then(|| self.mappings.get(&key).copied())
                .flatten()
        };
        find(true, outer).or_else(|| find(false, id))
    }
}
