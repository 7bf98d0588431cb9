"""What a SIP status, a Reason header and the sounds before an answer say of a call's end; presses told once."""

import pytest

from audio.dsp.progress_tones import ProgressTone
from audio.dsp.sit import SitCode
from audio.events import ProgressHeard, SitHeard
from firmware.lines.line import EndKind
from firmware.lines.sip_digits import DigitMerger
from firmware.lines.sip_ends import early_word, end_of
from firmware.sip.wire import Over

K = EndKind


@pytest.mark.parametrize(
    ("code", "reason", "alerted", "kind", "q850"),
    [
        (486, "486 Busy Here", False, K.BUSY, 17),
        (600, "600 Busy Everywhere", True, K.BUSY, 17),
        (480, "480 Temporarily Unavailable", False, K.UNREACHABLE, 18),
        (480, "480 Temporarily Unavailable", True, K.NO_ANSWER, 18),
        (480, '480 Gone,Q.850;cause=19;text="no answer"', True, K.NO_ANSWER, 19),
        (480, "480 Gone,Q.850;cause=27", False, K.POWERED_OFF, 27),
        (480, "480 Gone,Q.850;cause=20", False, K.UNREACHABLE, 20),
        (404, "404 Not Found", False, K.VACANT_NUMBER, 1),
        (604, "604 Does Not Exist Anywhere", False, K.VACANT_NUMBER, 1),
        (484, "484 Address Incomplete", False, K.VACANT_NUMBER, 28),
        (603, "603 Decline", True, K.REJECTED, 21),
        (301, "301 Moved Permanently", True, K.FORWARDED, None),
        (607, "607 Unwanted", True, K.REJECTED, 21),
        (487, "487 Request Terminated", True, K.NO_ANSWER, None),
        (408, "408 Request Timeout", False, K.UNREACHABLE, None),
        (503, "503 Service Unavailable", False, K.CONGESTION, 42),
        (500, "500 Server Error", False, K.NETWORK_FAULT, 41),
        (503, "503 x,Q.850 ; cause=34", False, K.CONGESTION, 34),
        (500, "500 x,Q.850;cause=17", False, K.BUSY, 17),
        (486, "486 Busy,Q.850;cause=33", False, K.BUSY, 17),
        (486, "486 Busy,Q.850;cause=16", False, K.BUSY, 17),
        (403, "403 Forbidden", False, K.NETWORK_FAULT, None),
        (407, "407 Proxy Authentication Required", False, K.LOCAL_FAULT, None),
        (488, "488 Not Acceptable Here", False, K.LOCAL_FAULT, None),
        (0, "Connection refused", False, K.NETWORK_FAULT, None),
        (0, "engine: the SIP engine was lost in the call", True, K.LOCAL_FAULT, None),
        (302, "302 Moved Temporarily", False, K.FORWARDED, None),
        (410, "410 Gone", False, K.VACANT_NUMBER, 22),
        (481, "481 Call/Transaction Does Not Exist", False, K.NETWORK_FAULT, 41),
        (482, "482 Loop Detected", False, K.NETWORK_FAULT, 25),
        (483, "483 Too Many Hops", False, K.NETWORK_FAULT, 25),
        (485, "485 Ambiguous", False, K.VACANT_NUMBER, 1),
        (423, "423 Interval Too Brief", False, K.LOCAL_FAULT, None),
        (502, "502 Bad Gateway", False, K.NETWORK_FAULT, 38),
        (504, "504 Server Time-out", False, K.NETWORK_FAULT, 102),
        (580, "580 Precondition Failure", False, K.CONGESTION, 47),
        (555, "555 Push Notification Service Not Supported", False, K.NETWORK_FAULT, 41),
        (608, "608 Rejected", False, K.REJECTED, 21),
        (480, "480 x,Q.850;cause=24", False, K.REJECTED, 24),
        (480, "480 x,Q.850;cause=5", False, K.VACANT_NUMBER, 5),
        (500, "500 x,Q.850;cause=95", False, K.NETWORK_FAULT, 95),
        (480, "480 x,Q.850;cause=26", True, K.NO_ANSWER, 18),
    ],
)
def test_an_unanswered_call(code: int, reason: str, alerted: bool, kind: EndKind, q850: int | None) -> None:
    end = end_of(Over(call=1, code=code, reason=reason), saw_alerting=alerted, saw_active=False)
    assert (end.kind, end.q850) == (kind, q850)


@pytest.mark.parametrize(
    ("reason", "is_ours", "kind"),
    [
        ("Connection reset by peer", False, K.RELEASED_BY_CALLEE),
        ("Q.850;cause=16", False, K.RELEASED_BY_CALLEE),
        ("Q.850;cause=38", False, K.NETWORK_FAULT),
        ("Q.850;cause=25", False, K.NETWORK_FAULT),
        ("Q.850;cause=24", False, K.RELEASED_BY_CALLEE),
        ("", True, K.RELEASED_BY_US),
        ("engine: lost", False, K.LOCAL_FAULT),
    ],
)
def test_an_answered_call(reason: str, is_ours: bool, kind: EndKind) -> None:
    over = Over(call=1, reason=reason, is_ours=is_ours)
    assert end_of(over, saw_alerting=True, saw_active=True).kind is kind


@pytest.mark.parametrize(("alerted", "kind"), [(True, K.NO_ANSWER), (False, K.UNREACHABLE)])
def test_ringing_given_up(alerted: bool, kind: EndKind) -> None:
    over = Over(call=1, code=487, reason="487 Request Terminated", is_ours=True)
    end = end_of(over, saw_alerting=alerted, saw_active=False, gave_up_ringing=True)
    assert end.kind is kind


def test_a_tone_before_the_answer_explains_an_end_that_says_little_and_no_other() -> None:
    heard = ProgressHeard(at_ms=0, tone=ProgressTone.BUSY, countries=("cn",), others=(), frequency_hz=450.0)
    early = early_word(heard)
    gone = Over(call=1, code=480, reason="480 Temporarily Unavailable")
    busy = end_of(gone, saw_alerting=False, saw_active=False, early=early)
    assert (busy.kind, busy.evidence[-1]) == (K.BUSY, "busy tone")
    told = Over(call=1, code=404, reason="404 Not Found")
    assert end_of(told, saw_alerting=False, saw_active=False, early=early).kind is K.VACANT_NUMBER
    ours = Over(call=1, is_ours=True)
    assert end_of(ours, saw_alerting=False, saw_active=False, early=early).kind is K.RELEASED_BY_US


REGISTERED = (
    *range(400, 408), *range(408, 418), *range(420, 426), 428, 429, 430, 433, 436, 437, 438, 439, 440, 469, 470,
    *range(480, 490), 491, 493, 494, *range(500, 506), 513, 555, 580, 600, 603, 604, 606, 607, 608,
)  # fmt: skip
"""The registry of SIP's final failures; 401 and 407 with them."""


@pytest.mark.parametrize("code", [code for code in REGISTERED if code != 409])
def test_no_registered_status_is_without_a_meaning(code: int) -> None:
    end = end_of(Over(call=1, code=code, reason=f"{code} x"), saw_alerting=False, saw_active=False)
    assert end.kind not in {K.UNKNOWN, K.RELEASED_BY_US}


def test_every_cause_of_q850_is_read() -> None:
    """Table 1 of Q.850 without what is reserved; those that decide nothing say so."""
    causes = [
        *range(1, 10),
        14,
        *range(16, 32),
        34,
        *range(38, 45),
        46,
        47,
        49,
        50,
        53,
        55,
        57,
        58,
        62,
        63,
        65,
        66,
        69,
    ]
    causes += [70, 79, *range(81, 89), 90, 91, *range(95, 104), 110, 111, 127]
    told = {
        cause: end_of(
            Over(call=1, code=499, reason=f"499 x,Q.850;cause={cause}"), saw_alerting=False, saw_active=False
        )
        for cause in causes
    }
    assert {cause for cause, end in told.items() if end.kind is K.UNKNOWN} == {16, 23, 26, 30, 31}
    assert all(end.q850 == cause for cause, end in told.items() if end.kind is not K.UNKNOWN)


def test_information_tones_and_ringing() -> None:
    vacant = early_word(SitHeard(at_ms=0, code=SitCode.VACANT))
    assert vacant is not None
    assert vacant.kind is K.VACANT_NUMBER
    ringing = ProgressHeard(
        at_ms=0, tone=ProgressTone.RINGBACK, countries=("cn",), others=(), frequency_hz=450.0
    )
    assert early_word(ringing) is None


@pytest.mark.parametrize(
    ("presses", "told"),
    [
        pytest.param([("5", "rfc4733", 0), ("5", "tone", 80)], "5", id="both ways"),
        pytest.param([("5", "tone", 0), ("5", "rfc4733", 200)], "5", id="the tone first"),
        pytest.param([("5", "rfc4733", 0), ("5", "rfc4733", 200)], "55", id="pressed twice, one way"),
        pytest.param(
            [("1", "rfc4733", 0), ("1", "tone", 50), ("1", "rfc4733", 250), ("1", "tone", 300)],
            "11",
            id="pressed twice, both ways",
        ),
        pytest.param([("1", "tone", 0), ("2", "rfc4733", 50)], "12", id="two keys"),
        pytest.param([("1", "tone", 0), ("1", "rfc4733", 2000)], "11", id="long apart"),
    ],
)
def test_a_press_is_told_once(presses: list[tuple[str, str, float]], told: str) -> None:
    merger = DigitMerger()
    assert "".join(key for key, source, at_ms in presses if merger.is_new(key, source, at_ms)) == told
