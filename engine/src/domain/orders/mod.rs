//! Orders and parcels: what was promised, where each parcel is, who acts next.

pub mod agenda;
pub mod archived;
pub mod due;
pub mod hold;
pub mod index;
pub mod lifecycle;
pub mod order;
pub mod parcel;
pub mod promise;

/// Number of an order within its merchant, in the order of placing.
pub type OrderId = u32;

/// The id of a part of an order: the order's number, a mark, the part's place from 1 on.
/// Put together by hand: every read of an order tells some, and formatting costs more than all
/// that was looked up for it.
#[must_use]
pub fn part_id(number: &str, mark: char, place: usize) -> String {
    let place = place.to_string();
    let mut id = String::with_capacity(number.len() + mark.len_utf8() + place.len());
    id.push_str(number);
    id.push(mark);
    id.push_str(&place);
    id
}
