"""Calls that came in, on the pages: as a case to work on, and with the person whose number it was."""

import pytest

from console.ledger import Arrival
from console.web.roles import Role
from firmware.sync.messages_inbound import InboundCallback
from firmware.values import Disposition
from tests.console.test_inbound_calls import told
from tests.console.web.web_world import HOSTILE, NOW, World

NUMBER = "+8613900000007"
"""Of p07, as the office's list has it."""
CASE = "/cases/one?box=b2&attempt=call-1"


@pytest.fixture
def called(world: World) -> World:
    back = InboundCallback(local="2026-11-05T15:30", at=NOW)
    wish = told(
        1,
        caller=NUMBER,
        people=["p07"],
        disposition=Disposition.CALLBACK_SET,
        callback=back,
        transfer=HOSTILE,
    )
    complaint = told(2, caller=None, disposition=Disposition.COMPLAINT)
    world.desk.ledger.record([Arrival(box="b2", message=each) for each in (wish, complaint)], seen_at=NOW)
    return world


def test_a_caller_is_a_case_and_in_the_persons_history(called: World) -> None:
    """Their worker alone sees the number; a withheld caller's case names nobody; no text of theirs is more than text."""
    operator = called.visitor(Role.OPERATOR)
    listed = operator.text("/cases?kind=callback")
    assert "attempt=call-1" in listed
    assert "called in" in listed
    page = operator.text(CASE)
    assert "The call that came in" in page
    assert "2026-11-05 15:30" in page
    assert 'person=p07"' in page
    assert HOSTILE not in page
    assert NUMBER not in page
    operator.post("/cases/assign", {"box": "b2", "attempt": "call-1", "assignee": "ope"}, form_at=CASE)
    assert NUMBER in operator.text(CASE)
    operator.post(
        "/cases/note", {"box": "b2", "attempt": "call-1", "state": "done", "note": "rang back"}, form_at=CASE
    )
    assert "attempt=call-1" not in operator.text("/cases?kind=callback")
    nobody = operator.text("/cases/one?box=b2&attempt=call-2")
    assert "people/one?person=" not in nobody
    history = operator.text("/people/one?person=p07")
    assert "Calls that came in" in history
    assert "call-1" in history
    assert HOSTILE not in history
    assert "Calls that came in" not in operator.text("/people/one?person=p08")
    operator.post("/language", {"language": "zh", "next": "/cases"}, form_at="/cases")
    assert "打进来的这通电话" in operator.text(CASE)
