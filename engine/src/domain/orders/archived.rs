//! An order as the archive keeps it.

use serde::{Deserialize, Serialize};

use super::OrderId;
use super::order::Order;

/// An order that is over, with its place in the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Position of its merchant.
    pub merchant: u32,
    pub id: OrderId,
    pub order: Order,
}

impl Archived {
    /// Its bytes, the same for equal orders.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("memory takes bytes, and an order has a form")
    }

    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match postcard::take_from_bytes(bytes) {
            Ok((archived, [])) => Ok(archived),
            Ok((_, rest)) => Err(format!("it has {} bytes too many", rest.len())),
            Err(error) => Err(error.to_string()),
        }
    }
}
