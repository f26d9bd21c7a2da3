"""The few facts about Chinese divisions that mapping needs, as of 2026.

Not a division table: only the top level, and the places whose shape is an
exception (cities without counties, counties without a city).
"""

from __future__ import annotations

from typing import Final

#: Two-digit GB/T 2260 prefix of each province-level division, by full official name.
PROVINCES: Final = {
    "北京市": "11", "天津市": "12", "河北省": "13", "山西省": "14", "内蒙古自治区": "15",
    "辽宁省": "21", "吉林省": "22", "黑龙江省": "23", "上海市": "31", "江苏省": "32",
    "浙江省": "33", "安徽省": "34", "福建省": "35", "江西省": "36", "山东省": "37",
    "河南省": "41", "湖北省": "42", "湖南省": "43", "广东省": "44", "广西壮族自治区": "45",
    "海南省": "46", "重庆市": "50", "四川省": "51", "贵州省": "52", "云南省": "53",
    "西藏自治区": "54", "陕西省": "61", "甘肃省": "62", "青海省": "63", "宁夏回族自治区": "64",
    "新疆维吾尔自治区": "65", "台湾省": "71", "香港特别行政区": "81", "澳门特别行政区": "82",
}  # fmt: skip
MUNICIPALITIES: Final = frozenset({"北京市", "天津市", "上海市", "重庆市"})
#: Codes below these differ between all vendors, so only the region itself is claimed.
UNSETTLED_BELOW: Final = frozenset({"71", "81", "82"})

#: Prefectures without counties (their towns carry nine-digit codes), by four-digit prefix.
COUNTYLESS: Final = {
    "东莞市": "4419", "中山市": "4420", "儋州市": "4604", "嘉峪关市": "6202",
}  # fmt: skip

#: Counties and cities that a province runs directly: they have no prefecture.
PROVINCE_RUN: Final = frozenset({
    "济源市", "仙桃市", "潜江市", "天门市", "神农架林区", "五指山市", "琼海市", "文昌市",
    "万宁市", "东方市", "定安县", "屯昌县", "澄迈县", "临高县", "白沙黎族自治县",
    "昌江黎族自治县", "乐东黎族自治县", "陵水黎族自治县", "保亭黎族苗族自治县",
    "琼中黎族苗族自治县", "石河子市", "阿拉尔市", "图木舒克市", "五家渠市", "北屯市",
    "铁门关市", "双河市", "可克达拉市", "昆玉市", "胡杨河市", "新星市", "白杨市",
})  # fmt: skip
#: Prefixes in vendors' tables that GB/T 2260 does not have (雄安).
INVENTED: Final = frozenset({"1331"})


def _short(name: str) -> str:
    for ending in ("特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


_FULL_NAMES: Final = {_short(name): name for name in PROVINCES}
# Names that are in use beside the official and the bare one.
_FULL_NAMES.update({f"{_short(name)}省": name for name in PROVINCES if name.endswith("省")})
_FULL_NAMES.update({f"{_short(name)}市": name for name in MUNICIPALITIES})
_FULL_NAMES.update({f"{_short(name)}自治区": name for name in PROVINCES if "自治区" in name})


def full_province(name: str) -> str:
    """The full official name of a province given in short; any other text unchanged."""
    return name if name in PROVINCES else _FULL_NAMES.get(name, name)


def justified_code(code: str, province: str | None) -> str | None:
    """The deepest GB/T 2260 code that a platform's code supports, or None.

    Vendors extend the standard with zones (county part 71 to 79 and 91 to 99),
    with towns of county-less cities and with regions of their own.

    Args:
        code: Six digits, or nine where the platform gives a town.
        province: Full name of the province that the order names.

    Raises:
        ValueError: The code lies in another province than the order's.
    """
    county = code[:6]
    if province in PROVINCES and PROVINCES[province] != county[:2]:
        raise ValueError(f"code {county[:2]}xxxx lies outside the order's province")
    if county[:2] not in PROVINCES.values() or county[:4] in INVENTED:
        return None
    if county[:2] in UNSETTLED_BELOW:
        return f"{county[:2]}0000"
    if county[:4] in COUNTYLESS.values():
        return f"{county[:4]}00"
    part = int(county[4:])
    return None if 71 <= part <= 79 or 91 <= part <= 99 else county
