"""What a dialogue orders besides speaking is carried out, and reaches the call's log."""

import asyncio
from datetime import date, datetime, time
from typing import Any

import numpy as np

from audio.frame import freeze
from audio.orders import Play
from firmware.calls.outcome import CallLog, PromiseMade
from firmware.calls.session import CallSession
from firmware.dialogue import actions as acts
from firmware.dialogue.events import HandOverEnded
from firmware.dialogue.variables import Moment
from firmware.values import E164, Disposition, Money
from tests.firmware.calls.told_call import ToldLine

CLIP = freeze((np.sin(np.arange(8000) / 5) * 9000).astype(np.int16))


def say(say_id: int, *, is_slow: bool) -> acts.Say:
    return acts.Say(
        prompt="p",
        phrases=("p",),
        barge_in="dtmf",
        roles=frozenset(),
        speaks_debt=False,
        say_id=say_id,
        is_slow=is_slow,
    )


class Orders:
    """A dialogue that orders everything there is, once."""

    next_deadline_s = None
    language = "en"

    def __init__(self) -> None:
        self.heard: list[object] = []

    def start(self, now_s: float) -> list[acts.Action]:
        return [
            say(1, is_slow=False),
            say(2, is_slow=True),
            acts.CallbackSet(at=Moment(date(2026, 12, 8), time(15, 30))),
            acts.Answered(name="satisfaction", value="5"),
            acts.LanguageChanged(language="en"),
            acts.Suppress(scope="debt", reason="dispute"),
            acts.Captured(
                due=date(2026, 12, 11), amount=Money(100, "USD"), confirmed=True, instalments=3, every="month"
            ),
            acts.HandOver(reason="asked"),
        ]

    def on(self, event: object, now_s: float) -> list[acts.Action]:
        self.heard.append(event)
        return [acts.End(disposition=Disposition.CALLBACK_SET, after="now")]


def held() -> tuple[Orders, list[Play], CallLog, list[tuple[str, dict[str, Any]]]]:
    async def run() -> tuple[Orders, list[Play], CallLog, list[tuple[str, dict[str, Any]]]]:
        line: Any = ToldLine([])
        nothing: Any = None
        dialogue: Any = Orders()
        plays: list[Play] = []
        dial = line.dial

        async def recorded(number: E164, *, ring_timeout_s: float) -> Any:
            call = await dial(number, ring_timeout_s=ring_timeout_s)
            call.audio.order = lambda order: plays.append(order) if isinstance(order, Play) else None
            return call

        line.dial = recorded

        async def suppress(scope: str, reason: str) -> None:
            assert (scope, reason) == ("debt", "dispute")

        session = CallSession(
            line=line,
            number=E164("+8613800138000"),
            dialogue=dialogue,
            clip=lambda _phrase: CLIP,
            recorder=nothing,
            may_mention_debt=nothing,
            suppress=suppress,
            on_stage=lambda _stage, _doing: None,
            ring_timeout_s=10.0,
            max_call_s=60.0,
            now_s=lambda: 1.0,
        )
        log = await session.run()
        return dialogue, plays, log, [(event.kind, event.detail) for event in session.events]

    return asyncio.run(run())


def test_everything_reaches_the_log() -> None:
    _dialogue, _plays, log, _notes = held()
    assert log.callback == datetime(2026, 12, 8, 15, 30)  # noqa: DTZ001  (the callee's own time)
    assert log.answers == {"satisfaction": "5"}
    assert log.suppressed == ("debt",)
    assert log.promise == PromiseMade(
        due=date(2026, 12, 11), amount=Money(100, "USD"), confirmed=True, instalments=3, every="month"
    )
    assert log.decided is Disposition.CALLBACK_SET


def test_slower_takes_longer() -> None:
    _dialogue, plays, _log, _notes = held()
    usual, slow = (sum(map(len, play.clips)) for play in plays)
    assert slow == int(usual * 1.3)


def test_a_person_who_cannot_be_put_through_is_told_at_once() -> None:
    dialogue, _plays, _log, _notes = held()
    assert HandOverEnded(connected=False, reason="no_agents") in dialogue.heard


def test_what_somebody_answered_is_not_written_into_the_record() -> None:
    _dialogue, _plays, _log, notes = held()
    assert ("answer_kept", {"name": "satisfaction"}) in notes
    assert ("language", {"language": "en"}) in notes
