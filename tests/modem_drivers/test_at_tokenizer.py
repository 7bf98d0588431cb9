"""Bytes to tokens, whatever the slicing, gluing and noise."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.tokenizer import MAX_LINE_BYTES, AtTokenizer, Final, Line, Overlong, Token

STREAMS = [
    pytest.param(b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n", [Line("+CSQ: 18,99"), Final("OK")], id="response"),
    pytest.param(b"AT+CFUN=1\r\r\nOK\r\n", [Line("AT+CFUN=1"), Final("OK")], id="echo left on"),
    pytest.param(b"\r\nNO CARRIER\r\n", [Line("NO CARRIER")], id="call end is not a final result"),
    pytest.param(b"\r\r\n+RXDTMF: 8\r\r\n", [Line("+RXDTMF: 8")], id="doubled carriage returns"),
    pytest.param(b"\r\n+CME ERROR: 14\r\n", [Final("+CME ERROR: 14")], id="numbered error"),
    pytest.param(
        b"\r\n+CME ERROR: SIM not inserted\r\n", [Final("+CME ERROR: SIM not inserted")], id="error in words"
    ),
    pytest.param(b"\x00\xff\r\nRDY\r\n", [Line("RDY")], id="power-up noise"),
    pytest.param(b"\r\nCOMMAND NOT SUPPORT\r\n", [Final("COMMAND NOT SUPPORT")], id="Huawei's own error"),
    pytest.param(
        b'\r\n+CLCC: 1,0,6,0,0,"+861",145,""NO CARRIER\r\n',
        [Line('+CLCC: 1,0,6,0,0,"+861",145,""'), Line("NO CARRIER")],
        id="SIM800 glues NO CARRIER to +CLCC",
    ),
    pytest.param(
        b"\r\nERROR+CNUM: 1\r\n", [Final("ERROR"), Line("+CNUM: 1")], id="error with a URC glued on"
    ),
    pytest.param(
        b"\r\nOK+CLCC: 1,0,2,0,0\r\n", [Final("OK"), Line("+CLCC: 1,0,2,0,0")], id="OK with a URC glued on"
    ),
    pytest.param(b"\r\n+CSQ: 18,99OK\r\n", [Line("+CSQ: 18,99"), Final("OK")], id="OK glued to its response"),
    pytest.param(
        b"\r\nVOICE CALL: END: 000012NO CARRIER\r\n",
        [Line("VOICE CALL: END: 000012"), Line("NO CARRIER")],
        id="two ends of one call glued",
    ),
    pytest.param(
        b"\r\nVOICE CALL: BEGIN+CLCC: 1,0,0,0,0\r\n",
        [Line("VOICE CALL: BEGIN"), Line("+CLCC: 1,0,0,0,0")],
        id="answer with +CLCC glued on",
    ),
    pytest.param(
        b'\r\n+CLCC: 1,0,0,0,0,"1",129+CLCC: 2,0,2,0,0,"2",129OK\r\n',
        [Line('+CLCC: 1,0,0,0,0,"1",129'), Line('+CLCC: 2,0,2,0,0,"2",129'), Final("OK")],
        id="three lines glued",
    ),
    pytest.param(
        b"\r\n+CEER: NO CARRIER\r\n", [Line("+CEER: NO CARRIER")], id="a cause in the same words stays whole"
    ),
    pytest.param(
        b'\r\n+COPS: 0,0,"4BUSY",7\r\n', [Line('+COPS: 0,0,"4BUSY",7')], id="quoted text is never cut"
    ),
    pytest.param(
        b'\r\n+CUSD: 0,"paid 100+TAX: 5",15\r\n',
        [Line('+CUSD: 0,"paid 100+TAX: 5",15')],
        id="not even what looks glued",
    ),
    pytest.param(b"\r\nEC25EFAR06A06M4G\r\n", [Line("EC25EFAR06A06M4G")], id="a revision stays whole"),
    pytest.param(b"  \r\n \r\n", [], id="blank lines"),
]


@pytest.mark.parametrize(("stream", "tokens"), STREAMS)
def test_tokens(stream: bytes, tokens: list[Token]) -> None:
    assert AtTokenizer().feed(stream) == tokens


@given(
    stream=st.lists(
        st.one_of(
            st.sampled_from([param.values[0] for param in STREAMS]),
            st.binary(max_size=30),
            st.integers(MAX_LINE_BYTES - 2, MAX_LINE_BYTES + 2).map(lambda n: b"x" * n),
        ),
        max_size=6,
    ).map(b"".join),  # type: ignore[arg-type]
    cuts=st.lists(st.integers(0, 6000), max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_tokens_whatever_the_slicing(stream: bytes, cuts: list[int]) -> None:
    whole = AtTokenizer().feed(stream)
    sliced = AtTokenizer()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert [token for start, end in pairwise(edges) for token in sliced.feed(stream[start:end])] == whole


def test_a_line_without_end_is_reported_once_and_forgotten() -> None:
    tokenizer = AtTokenizer()
    for _ in range(100):
        assert tokenizer.feed(b"$" * 1000) == []
    assert tokenizer.feed(b"\r\nOK\r\n") == [Overlong(100_000), Final("OK")]


def test_the_longest_line_still_passes() -> None:
    text = "x" * MAX_LINE_BYTES
    assert AtTokenizer().feed(text.encode() + b"\r") == [Line(text)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("+CME ERROR: 14", 14),
        ("+CMS ERROR: 500", 500),
        ("ERROR", None),
        ("+CME ERROR: SIM busy", None),
        ("OK", None),
    ],
)
def test_error_numbers(text: str, code: int | None) -> None:
    assert Final(text).code == code
