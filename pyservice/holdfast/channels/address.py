"""Structured address fields: official names, no placeholders, no repetition.

Platforms fill the levels of an address differently: 市辖区 where a municipality
has no city, an empty city for counties run by a province, a town in the
district where a city has no counties. One order of names comes out here. Text
is never searched for places; that is the address resolver's work.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from holdfast.channels import scalars
from holdfast.channels.divisions import (
    COUNTYLESS,
    MUNICIPALITIES,
    PROVINCE_RUN,
    PROVINCES,
    full_province,
    justified_code,
)
from holdfast.channels.privacy import is_ciphertext
from holdfast.channels.table import Conversion, Flaw, Picked, Slot
from holdfast.channels.words import ProblemCode

_PLACEHOLDER: Final = re.compile(
    r"市辖区|县|市辖县|(?:省|自治区|市)?直辖(?:县|县级)?(?:行政)?(?:区划|单位)?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """An address by levels. None: not given. "": the level does not exist there."""

    province: str | None
    city: str | None
    district: str | None
    town: str
    detail: str | None

    @property
    def address_detail(self) -> str | None:
        """Town and street; ciphertext stays by itself, joining would break it."""
        detail = self.detail or ""
        if is_ciphertext(detail):
            return self.town or detail
        return self.town + detail or None


def normalise(
    province: str | None, city: str | None, district: str | None, town: str, detail: str | None
) -> Place:
    """Put a platform's levels into the canonical order of names."""
    if province is None:
        return Place(None, city, district, town, _without_prefix(detail, (city, district, town)))
    full = full_province(province)
    place = Place(full, city or "", district or "", town, detail)
    place = _county_without_city(_city_without_counties(_city(place)))
    bare = _without_prefix(
        detail, (province, full, city, place.city, district, place.district, place.town)
    )
    return replace(place, detail=bare)


def place(level: str) -> Conversion:
    """The conversion for one level: `province`, `city`, `district` or `address_detail`.

    Reads the sources of all four rows, because the levels depend on one
    another. The sources of `address_detail` are those of the town, `+`, those
    of the street and house.
    """

    def convert(slot: Slot) -> Sequence[Picked]:
        value = getattr(_place_of(slot), level)
        path = slot.row.sources.split()[-1]
        return () if value is None else (Picked(value, path),)

    return convert


def known_province(_slot: Slot, picked: Picked) -> Flaw | None:
    """One of the 34, else the name of a lower level or nothing known."""
    if picked.value in PROVINCES:
        return None
    if re.search(r"[市州盟]$", picked.value):
        return Flaw(ProblemCode.WRONG_SLOT, "a city stands where a province belongs", "city")
    return Flaw(ProblemCode.BAD_SHAPE, "not one of the 34 province-level divisions")


def place_name(slot: Slot, picked: Picked) -> Flaw | None:
    """A short name without digits, and not a province's unless they share it."""
    if picked.value in PROVINCES and picked.value not in MUNICIPALITIES:
        return Flaw(ProblemCode.WRONG_SLOT, "a province stands here", "province")
    if len(picked.value) > 20 or re.search(r"\d{3}", picked.value):
        return Flaw(ProblemCode.BAD_SHAPE, f"not the name of a {slot.row.field}")
    return None


def adcode(slot: Slot) -> Sequence[Picked]:
    """The code at the first source, as deep as the standard supports it."""
    for found in slot.found():
        code = scalars.identifier(found.value) or ""
        if not re.fullmatch(r"[1-8][0-9]{5}(?:[0-9]{3})?", code):
            slot.problem(ProblemCode.BAD_SHAPE, "an adcode has 6 digits (a town's has 9)", found)
            continue
        try:
            justified = justified_code(code, slot.value("province"))
        except ValueError as error:
            slot.problem(ProblemCode.BAD_SHAPE, str(error), found)
            return ()
        return (Picked(justified, found.path),) if justified else ()
    return ()


def _place_of(slot: Slot) -> Place:
    rows = slot.reading.rows
    towns, _, details = rows["address_detail"].sources.rpartition("+")
    return normalise(
        _first(slot, rows["province"].sources),
        _first(slot, rows["city"].sources),
        _first(slot, rows["district"].sources),
        _first(slot, towns) or "",
        _first(slot, details),
    )


def _first(slot: Slot, sources: str) -> str | None:
    """The first readable text in compatibility form, else the first ciphertext as it is."""
    raw = (scalars.text(found.value) for source in sources.split() for found in slot.at(source))
    texts = [text for text in raw if text]
    for text in texts:
        if not is_ciphertext(text):
            return unicodedata.normalize("NFKC", text).strip()
    return texts[0] if texts else None


def _city(place: Place) -> Place:
    if place.province in MUNICIPALITIES:
        if place.city and not _PLACEHOLDER.fullmatch(place.city) and not place.district:
            # Some replies put the district of a municipality into the city.
            own = full_province(place.city) == place.province
            return replace(place, city=place.province, district="" if own else place.city)
        return replace(place, city=place.province)
    if place.city and _PLACEHOLDER.fullmatch(place.city):
        return replace(place, city="")
    return place


def _city_without_counties(place: Place) -> Place:
    if place.city not in COUNTYLESS or not place.district:
        return place
    repeated = place.district in (place.city, place.town)
    town = place.town if repeated else place.district + place.town
    return replace(place, district="", town=town)


def _county_without_city(place: Place) -> Place:
    if place.city not in PROVINCE_RUN:
        return place
    # What stood in the district is then a town.
    below = "" if place.district in ("", place.city, place.town) else place.district or ""
    return replace(place, city="", district=place.city, town=below + place.town)


def _without_prefix(detail: str | None, names: Sequence[str | None]) -> str | None:
    """Strip levels that the street repeats at its start, from the province downwards.

    A short name ("上海") is stripped only in front of another level: it may be
    the beginning of a road's name (上海路).
    """
    if detail is None or is_ciphertext(detail):
        return detail
    rest = detail.strip()
    for name in names:
        if not name or not rest.startswith(name):
            continue
        after = rest[len(name) :].lstrip(" ,，")
        certain = len(name) > 2 and name[-1] in "省市区县州盟旗镇乡道"
        if certain or any(after.startswith(other) for other in names if other):
            rest = after
    return rest
