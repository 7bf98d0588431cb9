"""From a real broker into the ledger: commit, then acknowledge, then receipt."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from console.authority import load_signing_key
from console.broker import connected
from console.errors import BrokerError, LedgerError
from console.ingest import Ingest, read_arrival
from console.lease import SuppressionLease
from console.ledger import Ledger, Recorded
from console.ledger_facts import Unread
from console.office import Office
from console.signed_sender import SignedSender
from firmware.clock import SimulatedClock
from firmware.sync.connection import Received
from firmware.sync.messages import BoxState, OutcomeMessage, Receipt, Suppress, encode
from firmware.sync.topics import up_filter
from firmware.values import Disposition, UuidV7

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Playing = Callable[[Office, str], AbstractAsyncContextManager[Any]]
Outcome = Callable[..., OutcomeMessage]
WaitUntil = Callable[..., Awaitable[None]]


@asynccontextmanager
async def ingesting(
    office: Office, ledger: Ledger, seen: list[Recorded]
) -> AsyncIterator[asyncio.Task[None]]:
    async with connected(office, [up_filter("demo")], lasting=True) as connection:
        ingest = Ingest(
            connection=connection,
            sender=SignedSender(connection, load_signing_key(office)),
            ledger=ledger,
            tenant="demo",
            clock=SimulatedClock(NOW),
            ids=UuidV7(),
            on_recorded=seen.append,
        )
        task = asyncio.create_task(ingest.run(), name="ingest")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


def receipts(box: Any) -> list[tuple[str, int]]:
    return [(each.stream, each.up_to) for each in box.heard if isinstance(each, Receipt)]


@pytest.fixture
def ledger(office: Office) -> Ledger:
    return Ledger(office.ledger)


@pytest.mark.usefixtures("broker")
def test_a_receipt_says_what_is_committed_and_stops_at_a_gap(
    office: Office, ledger: Ledger, play: Playing, outcome: Outcome, wait_until: WaitUntil
) -> None:
    async def story() -> None:
        seen: list[Recorded] = []
        async with play(office, "b1") as box, ingesting(office, ledger, seen):
            for seq in (1, 2, 4, 2):
                await box.say("outcome", outcome(seq))
            await wait_until(lambda: receipts(box) and len(seen) == 4)
            assert receipts(box)[-1] == ("s1", 2)
            assert ledger.high_water() == {("b1", "s1"): 2}
            await box.say("outcome", outcome(3))
            await wait_until(lambda: receipts(box)[-1] == ("s1", 4))
            assert [each.is_new for each in seen] == [True, True, True, False, True]

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.usefixtures("broker")
def test_a_duplicate_is_receipted_again(
    office: Office, ledger: Ledger, play: Playing, outcome: Outcome, wait_until: WaitUntil
) -> None:
    """The box sends again because it never saw the receipt: it must get one, or it sends for ever."""

    async def story() -> None:
        async with play(office, "b1") as box, ingesting(office, ledger, []):
            for n_receipts in (1, 2):
                await box.say("outcome", outcome(1))
                await wait_until(lambda n=n_receipts: receipts(box) == [("s1", 1)] * n)

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.usefixtures("broker")
def test_receipts_are_few(
    office: Office, ledger: Ledger, play: Playing, outcome: Outcome, wait_until: WaitUntil
) -> None:
    async def story() -> None:
        async with play(office, "b1") as box, ingesting(office, ledger, []):
            await asyncio.gather(*(box.say("outcome", outcome(seq)) for seq in range(1, 121)))
            await wait_until(lambda: receipts(box) and receipts(box)[-1] == ("s1", 120))
            assert len(receipts(box)) < 20

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.usefixtures("broker")
def test_what_was_not_committed_is_neither_acknowledged_nor_receipted_and_comes_again(
    office: Office,
    ledger: Ledger,
    play: Playing,
    outcome: Outcome,
    wait_until: WaitUntil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> list[Recorded]:
        raise LedgerError("disk full")

    async def story() -> None:
        async with play(office, "b1") as box:
            with monkeypatch.context() as broken:
                broken.setattr(ledger, "record", fail)
                async with ingesting(office, ledger, []) as failing:
                    await box.say("outcome", outcome(1))
                    await asyncio.wait([failing])
                    with pytest.raises(LedgerError):
                        failing.result()
            assert receipts(box) == []
            seen: list[Recorded] = []
            async with ingesting(office, ledger, seen):
                await wait_until(lambda: receipts(box) == [("s1", 1)])
            assert [each.is_new for each in seen] == [True]

    asyncio.run(asyncio.wait_for(story(), 20))


def test_a_broker_that_dies_is_waited_for(
    office: Office, broker: Any, ledger: Ledger, play: Playing, outcome: Outcome, wait_until: WaitUntil
) -> None:
    async def story() -> None:
        seen: list[Recorded] = []
        async with play(office, "b1") as box, ingesting(office, ledger, seen):
            await box.say("outcome", outcome(1))
            await wait_until(lambda: len(seen) == 1)
            broker.stop()
            await wait_until(lambda: not box.connection.connected)
            broker.start()
            async with asyncio.timeout(10):
                await box.connection.wait_connected()
            await box.say("outcome", outcome(2))
            await wait_until(lambda: receipts(box) and receipts(box)[-1] == ("s1", 2), timeout_s=10)

    asyncio.run(asyncio.wait_for(story(), 30))


def test_without_a_broker_there_is_one_line(office: Office) -> None:
    async def story() -> None:
        async with connected(office, [], lasting=False):
            raise AssertionError("there is no broker")

    with pytest.raises(BrokerError) as caught:
        asyncio.run(asyncio.wait_for(story(), 20))
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("broker")
def test_every_box_is_told_whom_not_to_call(
    office: Office, ledger: Ledger, play: Playing, outcome: Outcome, wait_until: WaitUntil
) -> None:
    """The list goes out at the start, and at once when a call on b1 adds to it; b2 is told as well."""

    def suppressed(box: Any) -> list[list[str | None]]:
        return [
            [each.person for each in message.suppressions]
            for message in box.heard
            if isinstance(message, Suppress)
        ]

    async def story() -> None:
        async with (
            play(office, "b1") as b1,
            play(office, "b2") as b2,
            connected(office, [], lasting=False) as connection,
        ):
            sender = SignedSender(connection, load_signing_key(office))
            lease = SuppressionLease(
                sender=sender, ledger=ledger, tenant="demo", clock=SimulatedClock(NOW), ids=UuidV7()
            )
            running = asyncio.create_task(lease.run())
            seen: list[Recorded] = []
            await wait_until(lambda: suppressed(b1) == suppressed(b2) == [[]])
            async with ingesting(office, ledger, seen):
                await b1.say("outcome", outcome(7, disposition=Disposition.OPT_OUT, suppressed="person"))
                await wait_until(lambda: seen)
                lease.changed()
                await wait_until(lambda: suppressed(b2) == [[], ["p07"]])
            running.cancel()
            await asyncio.wait([running])

    asyncio.run(asyncio.wait_for(story(), 20))


def arrival(payload: bytes, topic: str = "branchline/1/demo/b1/up/outcome") -> Any:
    return read_arrival(Received(topic=topic, payload=payload, properties={}), "demo")


NEWER = {"type": "hologram", "id": "x", "at": "2026-11-02T02:00:00Z", "stream": "s1", "seq": 4, "extra": 1}


def test_a_newer_boxs_message_is_kept_as_it_came() -> None:
    message = arrival(json.dumps(NEWER).encode()).message
    assert isinstance(message, Unread)
    assert (message.stream, message.seq) == ("s1", 4)
    assert json.loads(message.payload) == NEWER


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        json.dumps(NEWER | {"seq": 0}).encode(),
        json.dumps(NEWER | {"seq": 2**62}).encode(),
        json.dumps(NEWER | {"seq": 10**40}).encode(),
        json.dumps(NEWER | {"id": ""}).encode(),
        json.dumps(NEWER | {"stream": "s" * 65}).encode(),
        json.dumps({"type": "outcome"}).encode(),
    ],
)
def test_what_has_no_readable_number_is_not_kept(payload: bytes) -> None:
    assert arrival(payload) is None


def test_a_number_beyond_every_ledger_is_not_kept(outcome: Outcome) -> None:
    assert arrival(encode(outcome(2**62))) is None
    assert arrival(encode(outcome(2**62 - 1))) is not None


@pytest.mark.parametrize(
    "topic",
    [
        "branchline/1/other/b1/up/outcome",
        "branchline/1/demo/b1/down/receipt",
        "branchline/1/demo/b1/up/telemetry",
        "branchline/1/demo/all/up/outcome",
        "elsewhere",
    ],
)
def test_other_topics_are_not_the_ledgers(topic: str, outcome: Outcome) -> None:
    assert arrival(encode(outcome(1)), topic) is None


def test_the_topic_says_which_box_it_was_and_nothing_in_the_message(outcome: Outcome) -> None:
    assert arrival(encode(outcome(1)), "branchline/1/demo/b2/up/outcome").box == "b2"


def test_a_state_is_kept_and_needs_no_receipt(ledger: Ledger) -> None:
    state = BoxState(id="x", at=NOW, status="online", boot="b")
    [recorded] = ledger.record([arrival(encode(state), "branchline/1/demo/b1/up/state")], seen_at=NOW)
    assert recorded.stream is None
    assert arrival(b"", "branchline/1/demo/b1/up/state") is None, "a cleared retained message says nothing"
