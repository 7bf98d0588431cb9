"""A wording is a list of clips and slots: text alike for all, values with what cannot be said without them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.dialogue.template import Words, parse_template

LATE = frozenset({"late"})


def clips(text: str) -> list[str]:
    return [
        "".join(part.text if isinstance(part, Words) else f"<{part.name}>" for part in phrase)
        for phrase in parse_template(text).phrases(LATE)
    ]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("您好，请问是{n}吗？是请按1，不是按2。", ["您好，请问是", "<n>吗？", "是请按1，不是按2。"]),
        ("温馨提醒：您有{a}，已于{d}到期。", ["温馨提醒：您有", "<a>，", "已于<d>到期。"]),
        ("您有{a}，已于{d}到期。", ["您有<a>，", "已于<d>到期。"]),
        ("{a}于{d}到期", ["<a>", "于<d>到期"]),
        ("{d}前能还请按1", ["<d>前", "能还请按1"]),
        ("请在{d}之前还{a}。", ["请在<d>之前", "还<a>。"]),
        ("我是{c}的智能语音助手。", ["我是<c>的", "智能语音助手。"]),
        ("{n}先生，您好", ["<n>先生，您好"]),
        ("您尚有（{a}）未还", ["您尚有（<a>）未还"]),
        ("您目前尚有（{a}）没有还清", ["您目前尚有", "（<a>）", "没有还清"]),
        ("Hello {n}, it is due by {d}.", ["Hello ", "<n>, ", "it is due by ", "<d>."]),
        ("this is {c}'s assistant.", ["this is ", "<c>'s ", "assistant."]),
        ("{a} by {b}: if that is right", ["<a> ", "by <b>: ", "if that is right"]),
        ("Pay {a} on {d}", ["Pay <a> ", "on <d>"]),
        ("{n}, {a}!", ["<n>, ", "<a>!"]),
        ("Thank you. Goodbye.", ["Thank you. Goodbye."]),
        ("您有{late}，再见", ["您有", "<late>", "，再见"]),
        ("{n}{late}", ["<n>", "<late>"]),
        ("{late}", ["<late>"]),
        ("是{n}", ["是<n>"]),
        ("{n}吗", ["<n>吗"]),
    ],
)
def test_where_a_wording_is_cut(text: str, cut: list[str]) -> None:
    assert clips(text) == cut


@given(
    st.lists(
        st.one_of(st.sampled_from(["{n}", "{a}", "{late}"]), st.text("您还前的，。 abc'.,?1", max_size=8)),
        min_size=1,
        max_size=8,
    )
)
def test_nothing_is_lost_or_said_twice(pieces: list[str]) -> None:
    text = "您好" + "".join(pieces)
    said = "".join(clips(text)).replace("<", "{").replace(">", "}")
    assert [c for c in said if c.isalnum() or c in "{}"] == [c for c in text if c.isalnum() or c in "{}"]
    for phrase in parse_template(text).phrases(LATE):
        slots = [part for part in phrase if not isinstance(part, Words)]
        assert len(slots) <= 1, "one value a clip"
        assert len(phrase) == 1 or not any(slot.name == "late" for slot in slots)
