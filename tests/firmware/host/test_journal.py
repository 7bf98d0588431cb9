"""No number leaves the box in a log line; dates and ids stay readable."""

import json
import logging
from collections.abc import Mapping

import pytest
import structlog

from firmware.host.journal import JournalEntries, mask_numbers, set_up_journal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ATD+8613123456701;", "ATD+86…01;"),
        ("calls 13123456701 now", "calls 131…01 now"),
        ("+86 131 2345 6701", "+86…01"),
        ("at 2026-11-24 10:00:00", "at 2026-11-24 10:00:00"),
        ("cause 17 after 31 s", "cause 17 after 31 s"),
    ],
)
def test_what_is_masked(text: str, expected: str) -> None:
    assert mask_numbers(None, "info", {"event": text}) == {"event": expected}


def test_nested_fields_are_masked_and_our_ids_are_not() -> None:
    event = {
        "event": "x",
        "lines": ["+8613123456701"],
        "detail": {"n": "13123456701"},
        "attempt": "018f3a5b-1234567890123",
    }
    assert mask_numbers(None, "info", event) == {
        "event": "x",
        "lines": ["+86…01"],
        "detail": {"n": "131…01"},
        "attempt": "018f3a5b-1234567890123",
    }


def test_an_event_becomes_a_journal_entry_with_fields() -> None:
    """Searchable by field, masked in each; what a library says is masked too."""
    sent: list[tuple[str, Mapping[str, str]]] = []
    handler = JournalEntries(lambda message, fields: sent.append((message, fields)))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        set_up_journal()
        root.handlers[:] = [handler]
        log = structlog.get_logger("firmware.test").bind()
        log.warning("line_lost", line="line-2", reason="no answer to ATD+8613123456701;", n_tries=3)
        logging.getLogger("paho").error("cannot reach +8613123456701")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()
    (message, fields), (library, others) = sent
    event = json.loads(message)
    assert (event["event"], event["reason"]) == ("line_lost", "no answer to ATD+86…01;")
    assert fields["PRIORITY"] == "4"
    assert fields["BRANCHLINE_EVENT"] == "line_lost"
    assert fields["BRANCHLINE_LINE"] == "line-2"
    assert fields["BRANCHLINE_N_TRIES"] == "3"
    assert fields["BRANCHLINE_REASON"] == "no answer to ATD+86…01;"
    assert (library, others["PRIORITY"]) == ("cannot reach +86…01", "3")
