"""The real connection and uplink against a broker that does what brokers must not, and what they may."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.store import outbox
from firmware.sync.connection import MqttConnection, MqttSettings
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.topics import up_filter
from firmware.sync.uplink import Uplink
from tests.firmware.sync.scripted_broker import (
    NOT_AUTHORIZED,
    QUOTA_EXCEEDED,
    Publish,
    ScriptedBroker,
    Tricks,
)
from tests.firmware.sync.sync_world import TOPICS, BoxSide, Console
from tests.firmware.sync.uplink_world import Ledger, empty, running, say, until

DEADLINE_S = 60
"""Of a story that takes a second: it is for the test that never ends, not for a machine that others load."""
Trouble = Callable[[ScriptedBroker], Coroutine[Any, Any, None]]


def settings_for(broker: ScriptedBroker, client_id: str, **changes: Any) -> MqttSettings:
    values: dict[str, Any] = {"back_off_s": 0.01, "back_off_cap_s": 0.1, "publish_timeout_s": 2.0}
    return MqttSettings(host="127.0.0.1", port=broker.port, client_id=client_id, **(values | changes))


def play(
    folder: Path,
    tricks: Tricks,
    *,
    n: int = 40,
    trouble: Trouble | None = None,
    text: str = "text",
) -> tuple[ScriptedBroker, Ledger]:
    """Let a box say `n` things over this broker, until the console's receipts cover them all."""

    async def story() -> tuple[ScriptedBroker, Ledger]:
        console = Console()
        box = BoxSide(folder, console)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(asyncio.timeout(DEADLINE_S))
            broker = await stack.enter_async_context(ScriptedBroker(tricks))
            office = await stack.enter_async_context(
                MqttConnection(settings_for(broker, "console"), subscriptions=[up_filter("acme")])
            )
            link = await stack.enter_async_context(
                MqttConnection(settings_for(broker, "box"), subscriptions=TOPICS.subscriptions())
            )
            await office.wait_connected()
            await link.wait_connected()
            ledger = Ledger(console, office)
            uplink = Uplink(box.database, link, TOPICS, resend_after_s=0.3, refused_retry_s=0.02)
            await stack.enter_async_context(running(uplink.run(), box.downlink.run(link), ledger.run()))
            if trouble is not None:
                await stack.enter_async_context(running(trouble(broker)))
            for first in range(0, n, 10):
                await say(box.database, *(f"{text} {number}" for number in range(first, min(first + 10, n))))
                await asyncio.sleep(0)
            await empty(box, within_s=DEADLINE_S, look_every_s=0.02)
        box.database.close_now()
        return broker, ledger

    broker, ledger = asyncio.run(story())
    assert ledger.texts == {number + 1: f"{text} {number}" for number in range(n)}
    return broker, ledger


@pytest.mark.parametrize(
    ("code", "tricks"),
    [
        pytest.param(NOT_AUTHORIZED, {}, id="not authorized"),
        pytest.param(QUOTA_EXCEEDED, {}, id="quota exceeded"),
        pytest.param(QUOTA_EXCEEDED, {"hold_pubacks": 7}, id="quota exceeded, and acks out of order"),
    ],
)
def test_a_refusing_puback_is_no_receipt(tmp_path: Path, code: int, tricks: dict[str, Any]) -> None:
    """A third of the publications is refused for a while: all arrive, in one unbroken sequence."""
    n_refused = 0

    def refuse(client: str, _topic: str) -> int:
        nonlocal n_refused
        if client != "box" or n_refused >= 12:
            return 0
        n_refused += 1
        return code if n_refused % 3 == 0 else 0

    play(tmp_path, Tricks(puback=refuse, **tricks))
    assert n_refused == 12


def test_what_stands_behind_a_refused_message_does_not_go(tmp_path: Path) -> None:
    """The network thread has some in hand; a refusal withdraws them, or all would go twice over a metered link."""
    n_tried = 0

    def refuse(client: str, _topic: str) -> int:
        nonlocal n_tried
        n_tried += client == "box"
        return QUOTA_EXCEEDED if client == "box" and n_tried == 1 else 0

    play(tmp_path, Tricks(puback=refuse, receive_maximum=2), n=8)
    assert n_tried <= 8 + 2


def test_a_session_that_is_lost_with_everything_in_it(tmp_path: Path) -> None:
    """Queued messages and subscriptions are gone: both sides subscribe anew, and the box says it all again."""

    async def trouble(broker: ScriptedBroker) -> None:
        n_said = 0

        def forget_now_and_then(client: str, _topic: str) -> int:
            nonlocal n_said
            n_said += client == "box"
            if client == "box" and n_said in {10, 25, 40}:
                asyncio.get_running_loop().call_soon(broker.forget_sessions)
            return 0

        broker.change(puback=forget_now_and_then)

    broker, _ = play(tmp_path, Tricks(), n=60, trouble=trouble)
    assert broker.n_connects >= 2 + 3, "the box at least came back each time"


def test_a_receive_maximum_of_one(tmp_path: Path) -> None:
    """Slow, and never two under way."""
    broker, _ = play(tmp_path, Tricks(receive_maximum=1))
    assert broker.most_under_way == 1
    assert broker.faults == []


def test_a_link_that_flaps(tmp_path: Path) -> None:
    broker, _ = play(tmp_path, Tricks(seed=5, cut_before_puback=0.04, cut_after_puback=0.04), n=90)
    assert broker.n_connects > 4


def test_everything_is_delivered_twice(tmp_path: Path) -> None:
    _, ledger = play(tmp_path, Tricks(duplicate=1.0))
    assert ledger.n_seen >= 80


def test_what_is_confirmed_and_lost_is_said_again(tmp_path: Path) -> None:
    broker, _ = play(tmp_path, Tricks(seed=2, lose=0.15))
    assert len([each for each in broker.taken if "/up/event" in each.topic]) > 40


def test_acknowledgements_out_of_order_and_in_pieces(tmp_path: Path) -> None:
    broker, _ = play(tmp_path, Tricks(seed=3, hold_pubacks=9, slice_bytes=1))
    assert broker.faults == []


def test_everything_at_once(tmp_path: Path) -> None:
    play(
        tmp_path,
        Tricks(
            seed=11,
            receive_maximum=5,
            duplicate=0.2,
            lose=0.05,
            cut_before_puback=0.02,
            cut_after_puback=0.02,
            hold_pubacks=3,
        ),
        n=60,
    )


def test_a_maximum_packet_size_of_64_kib() -> None:
    """The largest message that fits is sent, one that does not is refused here; the link never breaks for it."""
    limit = 64 * 1024

    async def story() -> None:
        async with (
            asyncio.timeout(DEADLINE_S),
            ScriptedBroker(Tricks(maximum_packet_bytes=limit)) as broker,
            MqttConnection(settings_for(broker, "box")) as link,
        ):
            await link.wait_connected()
            for size in (limit - 2000, limit - 200):
                await link.publish("t", b"x" * size, properties={"schema": "event/1"})
            with pytest.raises(PublishRefusedError, match=str(limit)):
                await link.publish("t", b"x" * limit, properties={"schema": "event/1"})
            await link.publish("t", b"still here")
            assert broker.faults == []
            assert broker.n_connects == 1

    asyncio.run(story())


def test_an_ack_for_what_was_never_sent_and_one_that_comes_twice() -> None:
    """Packet ids that mean nothing disturb nothing: the answers that count are told from them."""

    async def story() -> None:
        async with (
            asyncio.timeout(DEADLINE_S),
            ScriptedBroker() as broker,
            MqttConnection(settings_for(broker, "box")) as link,
        ):
            await link.wait_connected()
            wire = broker.sessions["box"].link
            assert wire is not None
            for round_ in range(20):
                wire.write(b"\x40\x02\x30\x39\x40\x02\x00\x01")
                await link.publish("t", b"%d" % round_)
            assert [each.payload for each in broker.taken] == [b"%d" % round_ for round_ in range(20)]
            assert broker.n_connects == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(b"\x40\xff\xff\xff\xff\xff", id="a length that never ends"),
        pytest.param(b"\xf0\x00", id="a packet of no kind"),
        pytest.param(b"\x32\x05\x00\x09ab\x00", id="a topic longer than its packet"),
        pytest.param(b"\x32\x08\x00\x01t\x00\x01\x02\xfe\x01", id="a property that does not exist"),
        pytest.param(b"\xe0\x01\x8e", id="a disconnect: session taken over"),
        pytest.param(bytes(range(256)), id="anything"),
    ],
)
def test_bytes_that_are_no_mqtt_cost_a_connection_and_nothing_else(rubbish: bytes) -> None:
    async def story() -> None:
        async with (
            asyncio.timeout(DEADLINE_S),
            ScriptedBroker() as broker,
            MqttConnection(settings_for(broker, "box", publish_timeout_s=0.3)) as link,
        ):
            await link.wait_connected()
            wire = broker.sessions["box"].link
            assert wire is not None
            wire.write(rubbish)
            while True:
                await link.wait_connected()
                try:
                    await link.publish("t", b"after")
                except NotConnectedError:
                    continue
                break
            assert broker.taken[-1] == Publish("t", b"after", broker.taken[-1].properties)

    asyncio.run(story())


@pytest.mark.parametrize("jump_h", [-26, 26])
def test_a_clock_that_jumps_changes_nothing_of_what_is_sent(tmp_path: Path, jump_h: int) -> None:
    """The wall clock leaps a day while messages wait: waits and resends go by the loop's clock alone."""

    async def story() -> None:
        console = Console()
        box = BoxSide(tmp_path, console)
        async with (
            asyncio.timeout(DEADLINE_S),
            ScriptedBroker(Tricks(seed=4, lose=0.2)) as broker,
            MqttConnection(settings_for(broker, "console"), subscriptions=[up_filter("acme")]) as office,
            MqttConnection(settings_for(broker, "box"), subscriptions=TOPICS.subscriptions()) as link,
        ):
            await office.wait_connected()
            await link.wait_connected()
            ledger = Ledger(console, office)
            uplink = Uplink(box.database, link, TOPICS, resend_after_s=0.2)
            async with running(uplink.run(), box.downlink.run(link), ledger.run()):
                await say(box.database, *(f"before {n}" for n in range(20)))
                await until(lambda: ledger.n_seen > 5, within_s=DEADLINE_S)
                box.clock._starts_at += timedelta(hours=jump_h)
                await say(box.database, *(f"after {n}" for n in range(20)))
                await empty(box, within_s=DEADLINE_S, look_every_s=0.02)
                assert len(ledger.texts) == 40
                assert (await box.database.read(outbox.depth)).last_seq == 40
        box.database.close_now()

    asyncio.run(story())
