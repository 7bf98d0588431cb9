"""Somebody calls in over a SIP trunk: who is known is answered as on a modem, nobody else is."""

from functools import partial
from pathlib import Path

import structlog

from modem_drivers.simulator.people import Press, Reaction
from tests.scenarios.sip_town import SipTown
from tests.scenarios.test_inbound import CALLEE, HEARS, STRANGER, Story, person
from tests.scenarios.town import contact
from tests.scenarios.virtual_time import run_virtually

TRUNKS = "+862134567800"


def test_who_is_known_is_answered_on_a_sip_line_and_nobody_else(tmp_path: Path) -> None:
    """A stranger and a withheld number are refused unheard; a callee rings back, says 9, and is never called again."""
    make_town = partial(SipTown, n_sip_lines=2)

    async def told() -> None:
        people = [
            person(HEARS, Press(keys="9"), number=CALLEE, reaction=Reaction.NO_ANSWER),
            person(HEARS, HEARS),
        ]
        story = Story(tmp_path, people, n_modems=0, make_town=make_town, own=TRUNKS)
        town = story.town
        async with town.open():
            await story.ready()
            for is_withheld in (False, True):
                assert story.ring(STRANGER, is_withheld=is_withheld)
                await town.until(lambda: story.heard(STRANGER)[-1] == "released")
                await story.quiet()
            assert "answered" not in story.heard(STRANGER)
            await town.push([contact(1)])
            await town.until(lambda: "c01" in town.outcomes())
            counted = await story.rows("SELECT contact, attempts, state FROM contact")
            known = await story.call(CALLEE)
            assert (await story.said(known))[:2] == ["opening", "we_called"]
            assert (known.disposition, known.caller, known.people) == ("opt_out", CALLEE, ["p01"])
            assert (known.line, known.suppressed) == ("trunk-1", "person")
            assert await story.rows("SELECT contact, attempts, state FROM contact") == counted
            await story.quiet()
            assert [each.disposition for each in story.told()] == ["opt_out"]
            assert await story.rows("SELECT call FROM inbound_call WHERE caller IS NULL") == []

    with structlog.testing.capture_logs() as logs:
        run_virtually(told())
    turned = [each for each in logs if each["event"] == "caller_turned_away"]
    assert [(each["line"], each["caller"]) for each in turned] == [("trunk-1", "+86…23"), ("trunk-1", "…")]
    assert {each["reason"] for each in turned} == {"this line answers those alone whom the box knows"}
