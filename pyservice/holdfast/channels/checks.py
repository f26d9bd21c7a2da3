"""Shape checks: whether a value can be the field's, and whose it is if not."""

from __future__ import annotations

import re
from typing import Final

from holdfast.channels.privacy import is_ciphertext
from holdfast.channels.scalars import ascii_digits
from holdfast.channels.table import Check, Flaw, Picked, Slot
from holdfast.channels.words import TO_BE_SHIPPED, OrderType, ProblemCode

#: A mainland mobile number, written together or in groups, with or without +86.
_MOBILE: Final = re.compile(
    r"(?<![0-9])(?:(?:\+|00)?86[- ]?)?1[3-9][0-9](?:[- ]?[0-9]{4}){2}(?:-[0-9]{1,6})?(?![0-9])"
)
#: Anything a receiver's phone may be: mobile, land line, abroad, virtual with extension, masked.
_PHONE: Final = re.compile(r"\+?[0-9*（(][0-9* ()（）,-]{4,31}")
_REDACTED: Final = "***********"


def has_mobile(value: str) -> bool:
    """Whether a mobile number in clear stands anywhere in the text."""
    return _MOBILE.search(ascii_digits(value)) is not None


def is_mobile(value: str) -> bool:
    """Whether the text is a mobile number in clear and nothing else."""
    return _MOBILE.fullmatch(ascii_digits(value).strip()) is not None


def to_be_shipped(slot: Slot) -> bool:
    """Goods still have to go to an address of this order itself."""
    kind = slot.value("order_type")
    return slot.value("status") in TO_BE_SHIPPED and kind not in (OrderType.GIFT, OrderType.VIRTUAL)


def shaped(pattern: str, words: str) -> Check:
    """The text must match; `words` says what is expected."""
    compiled = re.compile(pattern, re.ASCII)

    def check(slot: Slot, picked: Picked) -> Flaw | None:
        if compiled.fullmatch(picked.value):
            return None
        if is_mobile(picked.value):
            return _wrong("receiver_phone", "a phone number")
        return Flaw(ProblemCode.BAD_SHAPE, f"{slot.row.field} must be {words}")

    return check


def shop(slot: Slot, picked: Picked) -> Flaw | None:
    """A shop's id or name, not the order's."""
    if picked.value in slot.evidence.orders:
        return _wrong("order_id", "an order id")
    return _talent_or_coupon(slot, picked)


def coupon_id(shape: str, talent_shape: str) -> Check:
    """A coupon's id: never a talent's id, which `talent_shape` describes by itself."""
    expected, talent = re.compile(shape, re.ASCII), re.compile(talent_shape, re.ASCII)

    def check(slot: Slot, picked: Picked) -> Flaw | None:
        if picked.value in slot.evidence.talents:
            return _wrong("talent_id", "a talent id")
        if is_mobile(picked.value):
            return _wrong("receiver_phone", "a phone number")
        if picked.value in slot.evidence.orders:
            return _wrong("order_id", "an order id")
        if talent.fullmatch(picked.value):
            return _wrong("talent_id", "the shape of a talent id")
        if expected.fullmatch(picked.value):
            return None
        return Flaw(ProblemCode.BAD_SHAPE, "not the shape of a coupon id")

    return check


def talent_id(
    shape: str, coupon_shape: str, talent_shape: str, *, may_look_like_phone: bool
) -> Check:
    """A talent's id or name: never a coupon's id, which `coupon_shape` describes.

    Both kinds of id may be plain digits. A value of the coupon's shape is
    refused where the order also has it as a coupon, or where a coupon slot of
    the order holds what only a talent can look like: then the two were swapped.
    """
    expected, coupon = re.compile(shape), re.compile(coupon_shape, re.ASCII)
    talent_only = re.compile(talent_shape, re.ASCII)

    def check(slot: Slot, picked: Picked) -> Flaw | None:
        coupons = slot.evidence.coupons
        if coupon.fullmatch(picked.value) and (
            picked.value in coupons or any(talent_only.fullmatch(other) for other in coupons)
        ):
            return _wrong("coupon_code", "a coupon id")
        if picked.value in slot.evidence.orders:
            return _wrong("order_id", "an order id")
        if not may_look_like_phone and has_mobile(picked.value):
            return _wrong("receiver_phone", "a phone number")
        if expected.fullmatch(picked.value):
            return None
        return Flaw(ProblemCode.BAD_SHAPE, "not the shape of a talent id")

    return check


def goods_id(slot: Slot, picked: Picked) -> Flaw | None:
    """An id or code of goods: never an order's, talent's or coupon's."""
    if picked.value in slot.evidence.orders:
        return _wrong("order_id", "an order id")
    return _talent_or_coupon(slot, picked)


def buyer(_slot: Slot, picked: Picked) -> Flaw | None:
    """An opaque buyer id, not a phone."""
    return _wrong("receiver_phone", "a phone number") if is_mobile(picked.value) else None


def receiver_name(_slot: Slot, picked: Picked) -> Flaw | None:
    """A name, a masked name or ciphertext; no phone, not only digits."""
    if is_ciphertext(picked.value):
        return None
    if has_mobile(picked.value):
        return _wrong("receiver_phone", "a phone number")
    if re.fullmatch(r"[\d\s-]{5,}", picked.value):
        return Flaw(ProblemCode.BAD_SHAPE, "a name cannot be a number")
    return None


def receiver_phone(_slot: Slot, picked: Picked) -> Flaw | None:
    """A phone, a masked phone or ciphertext; extensions of virtual numbers stay."""
    digits = ascii_digits(picked.value)
    if is_ciphertext(picked.value) or _PHONE.fullmatch(digits):
        return None
    if not any(c.isdigit() for c in digits):
        return _wrong("receiver_name", "a name")
    return Flaw(ProblemCode.BAD_SHAPE, "not the shape of a phone number")


def note(_slot: Slot, picked: Picked) -> Flaw | None:
    """Words of a person. A phone in them is taken out, the other words stay."""
    if not has_mobile(picked.value):
        return None
    rest = _MOBILE.sub(_REDACTED, picked.value)
    return Flaw(
        ProblemCode.WRONG_SLOT,
        "a phone number stands in a note; it was not written",
        "receiver_phone",
        None if is_mobile(picked.value) else rest,
    )


def address(_slot: Slot, picked: Picked) -> Flaw | None:
    """Street and house, not a bare phone."""
    return _wrong("receiver_phone", "a phone number") if is_mobile(picked.value) else None


def _talent_or_coupon(slot: Slot, picked: Picked) -> Flaw | None:
    if picked.value in slot.evidence.talents:
        return _wrong("talent_id", "a talent id")
    if picked.value in slot.evidence.coupons:
        return _wrong("coupon_code", "a coupon id")
    return None


def _wrong(owner: str, what: str) -> Flaw:
    return Flaw(ProblemCode.WRONG_SLOT, f"{what} stands here; it belongs to {owner}", owner)
