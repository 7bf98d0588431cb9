"""Nothing the box has to say is lost, and the sequence has no gap, whatever link, broker and console do."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.store import outbox
from firmware.store.connection import Connection as StoreConnection
from firmware.sync.connection import MqttConnection, MqttSettings
from firmware.sync.memory_connection import MemoryBroker, Mishaps
from firmware.sync.messages import Receipt, encode
from firmware.sync.signing import signed_properties
from firmware.sync.topics import up_filter
from firmware.sync.uplink import Uplink
from tests.firmware.sync.conftest import Mosquitto
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide, Console, run_virtually
from tests.firmware.sync.uplink_world import Ledger, empty, running, say, until


def test_messages_leave_in_order_and_go_when_receipted(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with (
            broker.connect("box", TOPICS.subscriptions()) as link,
            broker.connect("console", [up_filter("acme")]) as office,
        ):
            ledger = Ledger(console, office)
            uplink = Uplink(box.database, link, TOPICS)
            async with running(uplink.run(), box.downlink.run(link), ledger.run()):
                await say(box.database, *(str(number) for number in range(100)))
                await empty(box, within_s=20)
        assert list(ledger.texts.values()) == [str(number) for number in range(100)]
        assert ledger.n_seen == 100, "something was sent twice without need"

    run_virtually(story())


def test_a_puback_alone_deletes_nothing(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with broker.connect("box") as link, running(Uplink(box.database, link, TOPICS).run()):
            await say(box.database, "kept")
            await until(lambda: bool(broker.log), within_s=5)
            await asyncio.sleep(5)
            assert (await box.database.read(outbox.depth)).n_waiting == 1

    run_virtually(story())


def test_a_silent_console_gets_one_window_again_ever_more_rarely(box: BoxSide, console: Console) -> None:
    """256 wait at the broker at most; then a probe of 32 after 30 s, 60 s, 120 s…, at last hourly."""

    async def story() -> None:
        broker = MemoryBroker()
        await say(box.database, *(str(number) for number in range(400)))
        async with broker.connect("box") as link, running(Uplink(box.database, link, TOPICS).run()):
            await asyncio.sleep(29)
            assert len(broker.log) == 256
            await asyncio.sleep(2)
            assert len(broker.log) == 256 + 32
            await asyncio.sleep(62)
            assert len(broker.log) == 256 + 64
            await asyncio.sleep(3 * 24 * 3600)
            assert len(broker.log) < 256 + 32 * (10 + 3 * 24)

    run_virtually(story())


def test_more_may_be_out_to_a_console_that_keeps_up_and_the_first_limit_holds_again_after_a_silence(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with (
            broker.connect("box", TOPICS.subscriptions()) as link,
            broker.connect("console", [up_filter("acme")]) as office,
        ):
            ledger = Ledger(console, office)
            uplink = Uplink(box.database, link, TOPICS, window=8, max_unreceipted=10, resend_after_s=30)
            async with running(uplink.run(), box.downlink.run(link), ledger.run()):
                await say(box.database, *(str(number) for number in range(100)))
                await empty(box, within_s=20)
                ledger.is_deaf = True
                await say(box.database, *(str(number) for number in range(100, 300)))
                await asyncio.sleep(20)
                assert ledger.n_seen == 100 + 80, "eight times the first limit"
                await asyncio.sleep(20)
                assert ledger.n_seen == 100 + 80 + 8, "a probe of one window"
                ledger.is_deaf = False
                await empty(box, within_s=3600)
        assert len(ledger.texts) == 300

    run_virtually(story())


def test_receipts_that_wait_for_the_disk_are_committed_together(tmp_path: Path, console: Console) -> None:
    """Ten receipts while one transaction holds the store: one commit more, and each is acknowledged after it."""

    async def story() -> None:
        box = BoxSide(tmp_path, console, is_threaded=True)
        await say(box.database, *(str(number) for number in range(100)))
        broker = MemoryBroker()
        n_commits = 0
        free, is_held = threading.Event(), threading.Event()

        def on_commit(touched: frozenset[str]) -> None:
            nonlocal n_commits
            n_commits += "outbox" in touched

        def hold(_con: StoreConnection) -> None:
            is_held.set()
            assert free.wait(10)

        async with (
            asyncio.timeout(20),
            broker.connect("box", TOPICS.subscriptions()) as link,
            broker.connect("console") as office,
            running(box.downlink.run(link)),
        ):
            holding = asyncio.create_task(box.database.transact(hold))
            await asyncio.to_thread(is_held.wait, 10)
            unsubscribe = box.database.subscribe(on_commit)
            for up_to in range(10, 101, 10):
                receipt = Receipt(id=console.new_id(), at=NOW, stream=box.database.stream, up_to=up_to)
                topic, payload = TOPICS.down("receipt"), encode(receipt)
                await office.publish(
                    topic, payload, properties=signed_properties(console.key, topic, payload)
                )
                await asyncio.sleep(0)
            assert broker.n_unacknowledged("box") == 10
            free.set()
            await holding
            await empty(box, within_s=10, look_every_s=0.01)
            while broker.n_unacknowledged("box"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            unsubscribe()
        assert n_commits <= 2
        await box.database.close()

    asyncio.run(story())


def test_a_console_that_comes_back_after_days_gets_everything_once_more_in_order(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        link = broker.connect("box", TOPICS.subscriptions())
        uplink = Uplink(box.database, link, TOPICS, max_unreceipted=64)
        async with link, running(uplink.run(), box.downlink.run(link)):
            await say(box.database, *(str(number) for number in range(120)))
            await asyncio.sleep(2 * 24 * 3600)
            async with broker.connect("console", [up_filter("acme")]) as office:
                ledger = Ledger(console, office)
                async with running(ledger.run()):
                    await empty(box, within_s=2 * 3600)
        assert [ledger.texts[seq] for seq in range(1, 121)] == [str(number) for number in range(120)]

    run_virtually(story())


def test_a_refused_message_is_kept_and_everything_behind_it_waits(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        broker.refuse = lambda client, topic: 0x87 if client == "box" else None
        async with (
            broker.connect("box", TOPICS.subscriptions()) as link,
            broker.connect("console", [up_filter("acme")]) as office,
        ):
            ledger = Ledger(console, office)
            async with running(
                Uplink(box.database, link, TOPICS).run(), box.downlink.run(link), ledger.run()
            ):
                await say(box.database, "0", "1", "2")
                await asyncio.sleep(600)
                assert (await box.database.read(outbox.depth)).n_waiting == 3
                broker.refuse = lambda client, topic: None
                await empty(box, within_s=600)
        assert ledger.texts == {1: "0", 2: "1", 3: "2"}

    run_virtually(story())


def test_one_refusal_among_many_skips_nothing_and_costs_one_pause(box: BoxSide, console: Console) -> None:
    """The third message is refused once: well before any silence is noticed, all have arrived."""
    published = 0

    def refuse_third(client: str, _topic: str) -> int | None:
        nonlocal published
        published += client == "box"
        return 0x97 if client == "box" and published == 3 else None

    async def story() -> None:
        broker = MemoryBroker()
        broker.refuse = refuse_third
        async with (
            broker.connect("box", TOPICS.subscriptions()) as link,
            broker.connect("console", [up_filter("acme")]) as office,
        ):
            ledger = Ledger(console, office)
            uplink = Uplink(box.database, link, TOPICS, refused_retry_s=5.0, resend_after_s=30.0)
            async with running(uplink.run(), box.downlink.run(link), ledger.run()):
                await say(box.database, *(str(number) for number in range(10)))
                await empty(box, within_s=10)
        assert ledger.texts == {number + 1: str(number) for number in range(10)}

    run_virtually(story())


def test_a_console_without_receipts_is_a_setting(box: BoxSide) -> None:
    async def story() -> None:
        broker = MemoryBroker()
        async with (
            broker.connect("box") as link,
            running(Uplink(box.database, link, TOPICS, expects_receipts=False).run()),
        ):
            await say(box.database, *(str(number) for number in range(70)))
            await empty(box, within_s=10)
        assert len(broker.log) == 70

    run_virtually(story())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mishaps=st.builds(
        Mishaps,
        seed=st.integers(0, 2**16),
        duplicate=st.sampled_from([0.0, 0.3]),
        lose=st.sampled_from([0.0, 0.2]),
        hide_puback=st.sampled_from([0.0, 0.1]),
        max_delay_s=st.sampled_from([0.0, 0.5]),
    ),
    n=st.integers(0, 20),
    outages=st.lists(st.tuples(st.floats(0, 6), st.floats(1, 100)), max_size=2),
    restart_at=st.none() | st.integers(0, 20),
)
def test_the_console_has_exactly_what_the_box_said(
    tmp_path_factory: pytest.TempPathFactory,
    mishaps: Mishaps,
    n: int,
    outages: list[tuple[float, float]],
    restart_at: int | None,
) -> None:
    """Duplicates, losses after the PUBACK, reordering, hidden PUBACKs, outages and a restarted box."""
    console = Console()
    folder = tmp_path_factory.mktemp("uplink")

    async def trouble(broker: MemoryBroker) -> None:
        for pause_s, length_s in outages:
            await asyncio.sleep(pause_s)
            broker.stop()
            await asyncio.sleep(length_s)
            broker.start()

    async def box_life(broker: MemoryBroker, first: int, last: int, ledger: Ledger) -> None:
        """One life of the box's process, on the same file; it ends abruptly unless it is the last."""
        box = BoxSide(folder, console)
        async with broker.connect("box", TOPICS.subscriptions()) as link:
            uplink = Uplink(box.database, link, TOPICS, window=8, max_unreceipted=20)
            async with running(uplink.run(), box.downlink.run(link)):
                for number in range(first, last):
                    await say(box.database, f"text {number}")
                    await asyncio.sleep(0.3)
                if last == n:
                    await empty(box, within_s=24 * 3600)
        box.database.close_now()

    async def story() -> Ledger:
        broker = MemoryBroker(mishaps)
        async with broker.connect("console", [up_filter("acme")]) as office:
            ledger = Ledger(console, office)
            async with running(ledger.run(), trouble(broker)):
                middle = min(restart_at, n) if restart_at is not None else 0
                if 0 < middle < n:
                    await box_life(broker, 0, middle, ledger)
                    await box_life(broker, middle, n, ledger)
                else:
                    await box_life(broker, 0, n, ledger)
        return ledger

    ledger = run_virtually(story())
    assert ledger.texts == {number + 1: f"text {number}" for number in range(n)}
    assert Counter(ledger.texts.values()) == Counter(f"text {number}" for number in range(n))


class Watched(MqttConnection):
    """Notices a publication that failed."""

    refused: asyncio.Event

    def on_confirmed(self, epoch: int, confirmed: list[tuple[int, int, str]]) -> None:
        super().on_confirmed(epoch, confirmed)
        if any(code for _, code, _ in confirmed):
            self.refused.set()


def test_a_refusing_mosquitto_loses_nothing(
    start_mosquitto: Callable[..., Mosquitto], tmp_path: Path, console: Console
) -> None:
    """The broker's ACL forbids `up/`: the row stays. The ACL is mended, the broker restarted: it arrives."""
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite nothing/#\n")
    broker = start_mosquitto(extra=f"acl_file {acl}")

    def settings_for(client_id: str) -> MqttSettings:
        return MqttSettings(
            host="127.0.0.1", port=broker.port, client_id=client_id, back_off_s=0.02, back_off_cap_s=0.2
        )

    async def story() -> None:
        box = BoxSide(tmp_path, console)
        link = Watched(settings_for("box"), subscriptions=TOPICS.subscriptions())
        link.refused = asyncio.Event()
        office = MqttConnection(settings_for("console"), subscriptions=[up_filter("acme")])
        async with asyncio.timeout(20), link, office:
            await office.wait_connected()
            await link.wait_connected()
            ledger = Ledger(console, office)
            # Sent before the console is back, it may be lost by the restarted broker: then it is sent again.
            uplink = Uplink(box.database, link, TOPICS, refused_retry_s=0.05, resend_after_s=0.5)
            async with running(uplink.run(), box.downlink.run(link), ledger.run()):
                await say(box.database, "important")
                await link.refused.wait()
                assert (await box.database.read(outbox.depth)).n_waiting == 1
                acl.write_text("topic readwrite branchline/#\n")
                await asyncio.to_thread(broker.stop)
                await asyncio.to_thread(broker.start)
                await empty(box, within_s=15, look_every_s=0.02)
        assert ledger.texts == {1: "important"}
        box.database.close_now()

    asyncio.run(story())
