"""What an answer to a message means: whoever wants no more is taken at their word, however they write it."""

import pytest

from firmware.texts.replies import is_opt_out, tells_how_to_stop


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop. ", "STOP!!", "“STOP”", "Please stop", "stop please", "STOP ALL", "Unsubscribe", "ＳＴＯＰ",
        "stop texting me", "Stop sending these", "do not text me again", "Don't contact me", "don’t call me anymore",
        "remove me from your list", "please take me off", "leave me alone", "opt out", "opt-out please", "no more messages",
        "TD", "td", "t", "T", "ＴＤ", "退订", "退订！", "退 订", "請退訂", "请退订谢谢", "回复退订", "拒收", "停", "不要再发了",
        "别再给我发短信了", "不要打电话了", "请不要再联系我", "勿扰", "取消订阅", "我要退订",
    ],
)  # fmt: skip
def test_who_wants_no_more_is_understood(text: str) -> None:
    assert is_opt_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "OK", "Thanks, I will pay on Friday", "I cannot stop by the office today", "好的", "谢谢，周五付", "收到", "多少钱？",
        "Who is this?", "please call me after 5", "my bus stop is far", "TDK", "停车费也在里面吗", "退款什么时候到", "No", "1",
    ],
)  # fmt: skip
def test_an_ordinary_answer_stops_nothing(text: str) -> None:
    assert not is_opt_out(text)


@pytest.mark.parametrize(
    ("text", "language", "tells"),
    [
        ("Reply STOP to end messages.", "en", True),
        ("Text stop to opt out", "en", True),
        ("Call us to end messages.", "en", False),
        ("You cannot be stopped.", "en", False),
        ("回复TD退订", "zh-CN", True),
        ("拒收请回复R", "zh-CN", True),
        ("如有疑问请致电", "zh-CN", False),
        ("Reply STOP", "zh-CN", False),
    ],
)
def test_a_wording_says_how_to_stop_in_its_own_language(text: str, language: str, tells: bool) -> None:
    assert tells_how_to_stop(text, language) is tells
