"""A transcript lies in the recording's notes; whatever else lies there is no transcript and no fault."""

import json

import pytest

from audio.transcript import MAX_LINES, MAX_TEXT, Speaker, TranscriptEntry, from_bytes, to_bytes

SAID = TranscriptEntry(at_ms=-800, speaker=Speaker.BOX, text="您好，这里是安心银行", prompt="opening")
HEARD = TranscriptEntry(at_ms=2400, speaker=Speaker.CALLEE, text="下周三我还", confidence=0.91)
KEY = TranscriptEntry(at_ms=3100, speaker=Speaker.CALLEE, text="2", is_key=True)


def test_what_was_said_comes_back() -> None:
    assert from_bytes(to_bytes([SAID, HEARD, KEY])) == [SAID, HEARD, KEY]
    assert from_bytes(to_bytes([])) == []


def test_an_endless_call_stays_within_bounds() -> None:
    kept = from_bytes(
        to_bytes(
            [TranscriptEntry(at_ms=n, speaker=Speaker.BOX, text="x" * 9999) for n in range(MAX_LINES + 5)]
        )
    )
    assert len(kept) == MAX_LINES
    assert {len(each.text) for each in kept} == {MAX_TEXT}


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", b"[]", b"{}", b'{"transcript": 7}', b'{"transcript": [{"at_ms": "soon"}]}',
        json.dumps({"transcript": [{"at_ms": 1, "speaker": "ghost", "text": ""}]}).encode(),
        b'{"transcript": [null]}', b'{"transcript": null}',
    ],
)  # fmt: skip
def test_what_is_no_transcript_is_none(data: bytes) -> None:
    assert from_bytes(data) == []
