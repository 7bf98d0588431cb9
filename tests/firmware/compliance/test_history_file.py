"""The JSON file of what went before: what may be left out, and what it then means."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware.calls.outcome import FLAGS
from firmware.compliance.history_file import (
    CONVERSATIONS,
    NOBODY_ANSWERED,
    HistoryFileError,
    box_of,
    consents_of,
    history_of,
    read_history,
    stated_hours_of,
)

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def read(document: Any) -> Any:
    return read_history(json.dumps(document).encode())


def test_dispositions_count_as_the_box_itself_counts_them() -> None:
    assert {said for said, flags in FLAGS.items() if flags.counts_as_conversation} == CONVERSATIONS
    assert not any(FLAGS[said].reached for said in NOBODY_ANSWERED)


def test_whatever_is_left_out_is_the_calls_own(scene: Any) -> None:
    history = history_of(read([{"at": "2026-11-23T10:00:00+08:00"}]), scene.order)
    (past,) = history.attempts
    assert (past.person, past.debt, past.number) == (scene.order.person, scene.order.debt, scene.order.number)
    assert (past.line_number, past.channel) == (scene.order.caller_number, "call")
    assert (past.connected, past.conversation, past.disposition) == (False, False, None)
    assert past.reserved_at == NOW


@pytest.mark.parametrize(
    ("disposition", "connected", "conversation"),
    [
        ("no_answer", False, False),
        ("machine_left_message", True, False),
        ("third_party", True, False),
        ("promise_full", True, True),
        ("technical_failure", False, False),
    ],
)
def test_a_disposition_says_whether_anybody_answered(
    scene: Any, disposition: str, connected: bool, conversation: bool
) -> None:
    (past,) = history_of(
        read([{"at": "2026-11-23T02:00:00Z", "disposition": disposition}]), scene.order
    ).attempts
    assert (past.connected, past.conversation) == (connected, conversation)
    said = {"at": "2026-11-23T02:00:00Z", "disposition": disposition, "connected": True, "conversation": True}
    (told,) = history_of(read([said]), scene.order).attempts
    assert (told.connected, told.conversation) == (True, True), "what is said outright counts"


@pytest.mark.parametrize(
    ("disposition", "scope"), [("opt_out", "person"), ("complaint", "person"), ("wrong_number", "number")]
)
def test_an_outcome_that_suppresses_needs_no_entry_of_its_own(
    scene: Any, disposition: str, scope: str
) -> None:
    history = history_of(read([{"at": "2026-05-23T02:00:00Z", "disposition": disposition}]), scene.order)
    assert [entry.scope for entry in history.suppressions] == [scope]
    asked = scene.gate.decide(scene.order, history, scene.box, NOW, "predial")
    assert asked.rule == "suppressed"


def test_a_suppression_without_a_name_is_this_persons(scene: Any) -> None:
    history = history_of(read({"suppressions": [{}, {"scope": "number"}, {"scope": "debt"}]}), scene.order)
    assert [(one.person, one.number, one.debt) for one in history.suppressions] == [
        (scene.order.person, None, None),
        (None, scene.order.number, None),
        (None, None, scene.order.debt),
    ]


def test_consents_stand_from_when_they_were_given_until_they_are_revoked() -> None:
    hour = timedelta(hours=1)
    file = read(
        {
            "consents": [
                "plain",
                {"kind": "given", "at": (NOW - hour).isoformat()},
                {"kind": "later", "at": (NOW + hour).isoformat()},
                {"kind": "revoked", "revoked_at": NOW.isoformat()},
                {"kind": "still", "revoked_at": (NOW + hour).isoformat()},
            ]
        }
    )
    assert consents_of(file, NOW) == (("plain", "given", "still"), (("given", NOW - hour),))


def test_the_box_is_fit_unless_the_file_says_otherwise() -> None:
    fit = box_of(read({}), NOW)
    assert fit.clock_trusted
    assert fit.suppressions_confirmed_at == NOW
    assert box_of(read({"box": {"suppressions_confirmed_at": None}}), NOW).suppressions_confirmed_at is None
    assert not box_of(read({"box": {"clock_trusted": False}}), NOW).clock_trusted


def test_hours_that_a_person_does_not_want_narrow_the_week(scene: Any) -> None:
    file = read(
        {
            "inconvenient_times": [
                {"days": ["mon"], "start": "09:00", "end": "12:30"},
                {"start": "20:00", "end": "06:00"},
            ]
        }
    )
    week = stated_hours_of(file)
    assert week is not None
    assert week[0] == ((360, 540), (750, 1200))
    assert week[1] == ((360, 1200),)
    assert stated_hours_of(read({})) is None
    decision = scene.ask(stated_hours=week)
    assert (decision.rule, decision.until) == ("stated-hours", NOW + timedelta(hours=2, minutes=30))


@pytest.mark.parametrize("data", [b"", b"\xff", b"nonsense", b"[" * 100_000, b'{"attempts": {}}'])
def test_what_cannot_be_read_is_one_error(data: bytes) -> None:
    with pytest.raises(HistoryFileError, match="cannot be read"):
        read_history(data)


def test_the_names_that_the_database_uses_are_understood_too(scene: Any) -> None:
    row = {"reserved_at": "2026-11-23T02:00:00Z", "outcome": "busy", "line_number": "+8613700137000"}
    (past,) = history_of(read([row]), scene.order).attempts
    assert (past.reserved_at, past.disposition, past.line_number) == (NOW, "busy", "+8613700137000")
    with pytest.raises(HistoryFileError, match="reserved_at"):
        read([{**row, "at": "2026-11-23T02:00:00Z"}])
