"""The declared tables, and one whole order of each channel against a golden file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from channel_payloads import douyin, douyin_page, one, taobao, taobao_page, youzan, youzan_page

from holdfast.channels import CORE_FIELDS
from holdfast.channels.adapter import Adapter
from holdfast.channels.mapping import ADAPTERS

GOLDEN = Path(__file__).parent / "golden"
PAGES = {
    "douyin": douyin_page(douyin()),
    "youzan": youzan_page(youzan()),
    "taobao": taobao_page(taobao()),
}


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=lambda a: a.channel.value)
def test_each_table_declares_the_27_fields_in_canonical_order(adapter: Adapter) -> None:
    assert tuple(adapter.fields) == CORE_FIELDS
    assert len(CORE_FIELDS) == 27


@pytest.mark.parametrize("channel", PAGES)
def test_a_page_maps_to_its_golden_order(channel: str) -> None:
    expected = json.loads((GOLDEN / f"{channel}.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(one(channel, PAGES[channel]).to_json_dict())) == expected


@pytest.mark.parametrize("channel", PAGES)
def test_json_begins_with_the_core_fields_and_ends_with_problems(channel: str) -> None:
    names = list(one(channel, PAGES[channel]).to_json_dict())
    assert tuple(names[:27]) == CORE_FIELDS
    assert names[-1] == "problems"
