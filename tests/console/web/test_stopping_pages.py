"""Somebody is called no more, or taken off the lists; and what boxes say of it is said in the reader's language."""

import re

import pytest
from sqlalchemy import select

from console.ledger import Arrival
from console.ledger_tables import SUPPRESSION
from console.web.roles import Role
from console.web_tables import WEB_ACCESS
from firmware.sync.messages import BoxEvent
from tests.console.web.web_world import NOW, Visitor, World


@pytest.fixture(scope="module")
def supervisor(world: World) -> Visitor:
    return world.visitor(Role.SUPERVISOR)


def test_somebody_is_called_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wish is kept before boxes are told, and written down; it stands on the person's page."""
    monkeypatch.setattr(world.orders, "answer", "done")
    operator = world.visitor(Role.OPERATOR)
    here = {"person": "p11", "action": "suppress"}
    page = operator.text("/people/stop?person=p11&action=suppress")
    assert "This cannot be taken back." in page
    assert "13900000011" not in page, "an operator sees no number"
    told = {**here, "scope": "number", "reason": "wrong_number"}
    assert operator.post("/people/stop", told, form_at="/people").status_code == 302
    assert world.orders.given[-1] == ("*", "*", "suppress")
    page = operator.text("/people/one?person=p11")
    assert "every box is told" in page
    assert re.search(r"number: wrong number", page)
    with world.desk.ledger.reading() as rows:
        kept = (
            rows.execute(select(SUPPRESSION.c.value).where(SUPPRESSION.c.scope == "number")).scalars().all()
        )
    assert kept == ["+8613900000011"]
    for wrong in ({"scope": "campaign"}, {"reason": "because"}, {"person": "nobody"}, {"action": "delete"}):
        assert operator.post("/people/stop", told | wrong, form_at="/people").status_code in {400, 404}
    monkeypatch.setattr(world.orders, "answer", "waits")  # the broker is away
    operator.post("/people/stop", {**told, "scope": "person", "reason": "opt_out"}, form_at="/people")
    page = operator.text("/people/one?person=p11")
    assert "Kept. No box could be told yet: the broker is away" in page
    assert "person: wants no calls" in page
    with world.desk.ledger.reading() as rows:
        assert "person_suppressed" in rows.execute(select(WEB_ACCESS.c.action)).scalars().all()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("done", "Taken off 1 of 1 lists."),
        ("waits", "1 lists: the box is away"),
        ("nothing left", "1 lists had no call left"),
        ("campaign_over: long ago", "The box refuses: campaign_over: long ago"),
    ],
)
def test_somebody_is_taken_off_the_lists(
    world: World, supervisor: Visitor, monkeypatch: pytest.MonkeyPatch, answer: str, said: str
) -> None:
    monkeypatch.setattr(world.orders, "answer", answer)
    supervisor.post("/people/stop", {"person": "p12", "action": "recall"}, form_at="/people")
    assert world.orders.given[-1] == ("b1", "c12", "recall")
    assert said in supervisor.text("/people/one?person=p12")


def test_what_boxes_say_is_said_in_chinese(world: World) -> None:
    hot = BoxEvent(
        id="ev-hot", at=NOW, stream="s1", seq=9999, event="too_hot", severity="alarm", detail="the processor is at 83",
        facts={"value": "83"},
    )  # fmt: skip
    world.desk.ledger.record([Arrival(box="b1", message=hot)], seen_at=NOW)
    visitor = world.visitor(Role.AUDITOR)
    visitor.post("/language", {"language": "zh", "next": "/"}, form_at="/people")
    page = visitor.text("/")
    assert "线路故障" in page
    assert "处理器已达 83 度" in page
    assert "the processor" not in page
    page = visitor.text("/people/one?person=p03")
    assert "不符合规则包中的规定（CN-HOURS-1）" in page, "the box said it in English"
    assert "not before 09:00" not in page
    assert "对方挂断" in page
    page = visitor.text("/measures?days=90")
    assert "不符合规则包中的规定" in page
