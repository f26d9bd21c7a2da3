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
    let mut id = String::with_capacity(number.len() + 4);
    id.push_str(number);
    id.push(mark);
    match u32::try_from(place)
        .ok()
        .and_then(|place| char::from_digit(place, 10))
    {
        Some(digit) => id.push(digit),
        None => id.push_str(&place.to_string()),
    }
    id
}
