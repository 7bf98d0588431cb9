"""A time that was agreed for ringing back decides when the contact is due again, and the console learns of it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.calls.closing import CallResult, Closing
from firmware.calls.outcome import CallLog, conclude
from firmware.calls.placing import callback_instant
from firmware.calls.recording import RecordingResult
from firmware.lines.line import Ended, EndKind
from firmware.store import attempts, campaigns, outcomes
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.values import AttemptId, CampaignId, ContactId, Disposition, LineId
from tests.firmware.store.store_rows import Rows

ASKED_FOR = datetime(2026, 3, 5, 15, 30)  # noqa: DTZ001  (the callee's own time)


class Console:
    """Takes what is reported."""

    def __init__(self) -> None:
        self.outcomes: list[Any] = []

    def outcome(self, con: Any, attempt: Any, outcome: Any, **_: Any) -> None:
        self.outcomes.append(outcome)

    def standing(self, *_: Any, **__: Any) -> None:
        raise AssertionError

    def event(self, *_: Any, **__: Any) -> None:
        raise AssertionError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "box.db", executor=InlineExecutor())
    yield opened
    opened.close_now()


@pytest.mark.parametrize(
    ("decided", "waits_until"),
    [
        (Disposition.CALLBACK_SET, datetime(2026, 3, 5, 7, 30, tzinfo=UTC)),
        (Disposition.NO_DECISION, Rows.now + timedelta(hours=24, minutes=2)),
    ],
)
def test_when_it_is_due_again(database: Database, decided: Disposition, waits_until: datetime) -> None:
    rows, console = Rows(), Console()
    ended_at = rows.now + timedelta(minutes=2)
    contact = rows.contact(time_zone="Asia/Shanghai")
    log = CallLog(
        ended=Ended(at_s=0, kind=EndKind.RELEASED_BY_US),
        answered=True,
        human_heard=True,
        verified=True,
        decided=decided,
        callback=ASKED_FOR,
        answers={"best_time": "afternoon"},
    )
    conclusion = conclude(log)

    def work(con: Any) -> None:
        rows.seed(con, contact)
        attempts.reserve(con, rows.reservation())
        campaigns.set_in_call(con, contact.campaign, contact.contact)
        Closing(console, lambda: ended_at, lambda: "id-1").conclude(
            con,
            CallResult(
                attempt=AttemptId("a1"),
                contact=contact,
                line=LineId("line-1"),
                conclusion=conclusion,
                log=log,
                events=(),
                reserved_at=rows.now,
                answered_at=rows.now,
                ended_at=ended_at,
                recording=RecordingResult(summary=None),
                recipients=(),
                flow="f",
                flow_version=1,
                callback_at=callback_instant(contact, conclusion.callback) if conclusion.callback else None,
            ),
        )

    asyncio.run(database.transact(work))
    kept = asyncio.run(
        database.read(lambda con: campaigns.get_contact(con, CampaignId("c1"), ContactId("k1")))
    )
    assert kept is not None
    assert kept.waiting_until == waits_until
    (outcome,) = console.outcomes
    assert (outcome.note, outcome.answers) == ("", {"best_time": "afternoon"})
    agreed = ("2026-03-05T15:30", datetime(2026, 3, 5, 7, 30, tzinfo=UTC))
    is_agreed = decided is Disposition.CALLBACK_SET
    assert (outcome.callback_local, outcome.callback_at) == (agreed if is_agreed else (None, None))
    assert asyncio.run(database.read(lambda con: outcomes.get_outcome(con, AttemptId("a1")))) == outcome


@pytest.mark.parametrize(
    ("number", "zone", "expected"),
    [
        ("+8613123456789", None, datetime(2026, 3, 5, 7, 30, tzinfo=UTC)),
        ("+12025550123", "America/New_York", datetime(2026, 3, 5, 20, 30, tzinfo=UTC)),
        ("+18005550123", None, None),
    ],
)
def test_an_unknown_zone_is_never_rung_too_early(
    number: str, zone: str | None, expected: datetime | None
) -> None:
    contact = Rows().contact(numbers=(number,), time_zone=zone)
    at = callback_instant(contact, ASKED_FOR)
    assert at.tzinfo is not None
    assert at >= datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
    assert expected is None or at == expected
