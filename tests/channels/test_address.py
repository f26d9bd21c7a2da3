"""Address levels in one order of names; privacy states; parcels of gift orders."""

from __future__ import annotations

from typing import Any

import pytest
from channel_payloads import douyin, one, only_problem, taobao, youzan

from holdfast.channels.address import normalise
from holdfast.channels.divisions import justified_code


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("上海市", "市辖区", "浦东新区", "张江镇", "张江路1号"),
         ("上海市", "上海市", "浦东新区", "张江镇张江路1号")),
        (("重庆市", "县", "云阳县", "", "滨江路"), ("重庆市", "重庆市", "云阳县", "滨江路")),
        (("上海", "", "黄浦区", "", "人民路"), ("上海市", "上海市", "黄浦区", "人民路")),
        (("北京市", "朝阳区", "", "", "建国路"), ("北京市", "北京市", "朝阳区", "建国路")),
        (("河南省", "", "济源市", "", "学苑路"), ("河南省", "", "济源市", "学苑路")),
        (("河南省", "省直辖县级行政区划", "济源市", "", "学苑路"),
         ("河南省", "", "济源市", "学苑路")),
        (("新疆维吾尔自治区", "自治区直辖县级行政区划", "石河子市", "", "北一路"),
         ("新疆维吾尔自治区", "", "石河子市", "北一路")),
        (("河南省", "济源市", "", "", "学苑路"), ("河南省", "", "济源市", "学苑路")),
        (("湖北", "仙桃市", "沙嘴街道", "", "丝宝路"), ("湖北省", "", "仙桃市", "沙嘴街道丝宝路")),
        (("广东省", "东莞市", "南城街道", "", "体育路"),
         ("广东省", "东莞市", "", "南城街道体育路")),
        (("广东省", "东莞市", "东莞市", "长安镇", "振安路"),
         ("广东省", "东莞市", "", "长安镇振安路")),
        (("内蒙古", "呼和浩特市", "新城区", "", "a"),
         ("内蒙古自治区", "呼和浩特市", "新城区", "a")),
        (("香港特别行政区", "九龙", "油尖旺区", "", "弥敦道１号"),
         ("香港特别行政区", "九龙", "油尖旺区", "弥敦道1号")),
        (("江苏省", "苏州市", "昆山市", "", "江苏省苏州市昆山市前进路 2 号  "),
         ("江苏省", "苏州市", "昆山市", "前进路 2 号")),
        (("江苏省", "苏州市", "昆山市", "玉山镇", "江苏省 苏州市 昆山市 玉山镇 前进路"),
         ("江苏省", "苏州市", "昆山市", "玉山镇前进路")),
        (("上海", "上海市", "黄浦区", "", "上海 上海市 黄浦区 西藏路"),
         ("上海市", "上海市", "黄浦区", "西藏路")),
        (("江苏省", "无锡市", "梁溪区", "", "上海路3号"),
         ("江苏省", "无锡市", "梁溪区", "上海路3号")),
        (("上海", "市辖区", "黄浦区", "", "上海路3号"),
         ("上海市", "上海市", "黄浦区", "上海路3号")),
    ],
)  # fmt: skip
def test_levels(given: tuple[str, ...], expected: tuple[str, ...]) -> None:
    state, city, district, town, detail = given
    order = one(
        "taobao",
        taobao(receiver_state=state, receiver_city=city, receiver_district=district,
               receiver_town=town, receiver_address=detail),
    )  # fmt: skip
    assert (order.province, order.city, order.district, order.address_detail) == expected
    assert order.problems == ()


def test_a_town_code_of_a_city_without_counties_gives_the_citys_code() -> None:
    order = douyin()
    for key in ("post_addr", "mask_post_addr"):
        order[key] = {
            **order[key],
            "province": {"name": "广东省", "id": "44"},
            "city": {"name": "中山市", "id": "442000"},
            "town": {"name": "小榄镇", "id": "442000100"},
            "street": {"name": "", "id": ""},
        }
    result = one("douyin", order)
    assert (result.district, result.adcode) == ("", "442000")
    assert result.address_detail == "小榄镇诚信路***号"


@pytest.mark.parametrize(
    ("code", "province", "justified"),
    [("330212", "浙江省", "330212"), ("510191", "四川省", None), ("130171", "河北省", None),
     ("133100", "河北省", None), ("810005", "香港特别行政区", "810000"), ("441901", None, "441900"),
     ("990101", None, None)],
)  # fmt: skip
def test_vendor_codes_are_cut_to_the_standard(code: str, province: Any, justified: Any) -> None:
    assert justified_code(code, province) == justified


def test_a_code_of_another_province_is_a_problem() -> None:
    order = one("youzan", youzan(address_info={"address_extra": '{"areaCode":"330106"}'}))
    assert order.adcode is None
    assert only_problem(order).field == "adcode"


def test_a_zone_code_is_left_out_quietly() -> None:
    order = one("youzan", youzan(address_info={"address_extra": {"areaCode": 430191}}))
    assert (order.adcode, order.problems) == (None, ())


def test_a_pick_up_order_has_the_place_where_it_waits() -> None:
    blank = dict.fromkeys(
        ("receiver_name", "receiver_tel", "delivery_province", "delivery_city",
         "delivery_district", "delivery_address", "address_extra"), "",
    )  # fmt: skip
    fetch = (
        '{"name":"门店一","province":"福建省","city":"泉州市","county":"丰泽区",'
        '"address_detail":"安吉路2号","user_name":"来取的人","user_tel":"13700002222"}'
    )
    order = one("youzan", youzan(address_info=blank | {"self_fetch_info": fetch}))
    assert (order.province, order.city, order.district) == ("福建省", "泉州市", "丰泽区")
    assert (order.receiver_name, order.address_detail) == ("来取的人", "安吉路2号")
    assert order.problems == ()


def test_a_gift_order_has_a_parcel_per_receiver_and_no_address() -> None:
    blank = dict.fromkeys(
        ("receiver_name", "receiver_tel", "delivery_province", "delivery_city",
         "delivery_district", "delivery_address", "address_extra"), "",
    )  # fmt: skip
    child = {
        "tid": "C20241108000000000000001", "user_name": "收礼人", "user_tel": "13700003333",
        "province": "湖北省", "city": "潜江市", "county": "", "address_detail": "园林路1号",
        "order_state": "5",
    }  # fmt: skip
    for children in ([child], child):
        order = one(
            "youzan",
            youzan(order_info={"type": 1}, address_info=blank,
                   child_info={"child_orders": children}),
        )  # fmt: skip
        assert (order.province, order.receiver_name) == (None, None)
        (parcel,) = order.parcels
        assert (parcel.order_id, parcel.city, parcel.district) == (child["tid"], "", "潜江市")
        assert order.problems == ()


def test_an_order_to_ship_without_a_receiver_is_a_problem() -> None:
    order = one("taobao", taobao(receiver_name="", receiver_state=None))
    assert {p.field for p in order.problems} >= {"receiver_name", "province"}
    unpaid = taobao(status="WAIT_BUYER_PAY", pay_time=None, receiver_name="")
    assert one("taobao", unpaid).problems == ()


def test_masks_win_over_ciphertext_and_clear_text_over_both() -> None:
    assert one("douyin", douyin()).privacy == "MASKED"
    bare = douyin(mask_post_receiver=None, mask_post_tel=None, mask_post_addr=None)
    encrypted = one("douyin", bare)
    assert encrypted.privacy == "ENCRYPTED"
    assert encrypted.receiver_name == "##bmFtZQ==*dGFpbA=#1##"
    assert encrypted.address_detail == "下应街道"
    assert encrypted.privacy_token is not None
    assert encrypted.privacy_token["address_detail"] == "##YWRkcg==*dGFpbA=#1##"
    clear = douyin(post_receiver="林立", post_tel="18400913965-7576")
    clear["post_addr"] = {**clear["post_addr"], "detail": "诚信路8号"}
    decrypted = one("douyin", clear)
    assert decrypted.privacy == "CLEAR"
    assert decrypted.receiver_phone == "18400913965-7576"


def test_a_province_is_needed_before_levels_are_moved() -> None:
    place = normalise(None, "济源市", None, "", "学苑路")
    assert (place.city, place.district) == ("济源市", None)
