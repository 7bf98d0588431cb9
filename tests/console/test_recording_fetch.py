"""A recording comes whole or not at all, whatever the link does; and it counts as delivered when it is, not before."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.errors import BoxSilentError, ConsoleError
from console.recording_fetch import RecordingFetcher
from console.signed_sender import SignedSender
from firmware.store import attempts, campaigns, recordings
from firmware.store.connection import Connection
from firmware.store.recordings import StoredRecording
from firmware.sync.memory_connection import MemoryBroker, Mishaps
from firmware.sync.messages import RecordingChunk, RecordingReceipt, decode_uplink
from firmware.sync.messages_recording import CHUNK_BYTES
from firmware.sync.recording_sender import RecordingSender
from firmware.sync.upload_pace import UploadPace, UploadTerms
from firmware.values import UuidV7
from tests.firmware.store.store_rows import Rows
from tests.firmware.sync.sync_world import NOW, TOPICS, BoxSide
from tests.firmware.sync.sync_world import Console as Signer
from tests.firmware.sync.uplink_world import running
from tests.scenarios.virtual_time import run_virtually

SEALED = random.Random(7).randbytes(11 * CHUNK_BYTES + 77)
DIGEST = hashlib.sha256(SEALED).hexdigest()
ANY_HOUR = UploadTerms(kbit_s=2000, opens=time(0), closes=time(0), time_zone=ZoneInfo("Asia/Shanghai"))


class Site:
    """A box with one recording, a broker, and the console's end."""

    def __init__(
        self, folder: Path, *, mishaps: Mishaps | None = None, terms: UploadTerms = ANY_HOUR
    ) -> None:
        self.folder = folder
        self.signer = Signer()
        self.broker = MemoryBroker(mishaps)
        self.box = BoxSide(folder, self.signer)
        self.file = folder / "r1.blrec"
        self.file.write_bytes(SEALED)
        self.terms = terms
        self.box.database.run_now(self._seed)

    def _seed(self, con: Connection) -> None:
        rows = Rows()
        rows.seed(con)
        campaigns.set_in_call(con, rows.campaign().campaign, rows.contact().contact)
        attempts.reserve(con, rows.reservation())
        recordings.add(
            con,
            StoredRecording(
                recording="r1",
                attempt=rows.reservation().attempt,
                path=self.file,
                sha256=DIGEST,
                duration_ms=1000,
                n_bytes=len(SEALED),
                recipients=("age1",),
                notice_at=None,
                delete_after=None,
            ),
        )

    @asynccontextmanager
    async def running_box(self) -> AsyncIterator[None]:
        async with self.broker.connect("box", TOPICS.subscriptions()) as link:
            sender = RecordingSender(
                self.box.database,
                link,
                TOPICS,
                pace=UploadPace(self.terms),
                now=self.box.clock.now,
                new_id=lambda: UuidV7().new(0),
            )
            self.box.on_fetch = sender.fetch
            async with running(sender.run(), self.box.downlink.run(link)):
                yield

    async def fetch(self, *, patience_s: float = 300, known: str | None = DIGEST, name: str = "r1") -> Path:
        target = self.folder / "office" / f"{name}.blrec"
        async with self.broker.connect("office", [TOPICS.up(f"recording/{name}")]) as link:
            fetcher = RecordingFetcher(
                name,
                target,
                connection=link,
                sender=SignedSender(link, self.signer.key),
                topics=TOPICS,
                clock=self.box.clock,
                ids=UuidV7(),
                known_sha256=known,
            )
            await fetcher.run(patience_s=patience_s, on_progress=lambda _n, _of: None)
        return target

    def delivered(self) -> bool:
        stored = self.box.database.run_now(lambda con: recordings.get_recording(con, "r1"))
        assert stored is not None
        return stored.uploaded_at is not None

    def chunks(self) -> list[int]:
        """Return the index of every chunk that the box sent."""
        sent = [decode_uplink(payload) for topic, payload in self.broker.log if "/up/recording/" in topic]
        return [message.index for message in sent if isinstance(message, RecordingChunk)]


def play(site: Site, story: Coroutine[Any, Any, None]) -> None:
    try:
        run_virtually(story)
    finally:
        site.box.database.close_now()


@pytest.mark.parametrize("known", [DIGEST, None], ids=["the outcome is known", "the ledger has no outcome"])
@pytest.mark.parametrize(
    "mishaps",
    [
        pytest.param(Mishaps(), id="a good link"),
        pytest.param(Mishaps(seed=1, duplicate=0.3, max_delay_s=3.0), id="doubled and out of order"),
        pytest.param(Mishaps(seed=2, lose=0.2, hide_puback=0.1), id="lost, and broken off"),
    ],
)
def test_a_recording_comes_whole(tmp_path: Path, mishaps: Mishaps, known: str | None) -> None:
    site = Site(tmp_path, mishaps=mishaps)

    async def story() -> None:
        async with site.running_box():
            while not site.delivered():
                # The receipt may be lost like anything else: then the file is there and fetching is over.
                target = await site.fetch(known=known)
                assert target.read_bytes() == SEALED
                assert target.stat().st_mode & 0o077 == 0
                assert not target.with_name("r1.blrec.part").exists()

    play(site, story())


def test_what_broke_off_is_resumed_and_not_sent_again(tmp_path: Path) -> None:
    """A slow link, given up in the middle; the second run asks only for what is missing."""
    site = Site(tmp_path, terms=UploadTerms(kbit_s=64, opens=time(0), closes=time(0), time_zone=UTC))

    async def story() -> None:
        async with site.running_box():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(30):
                    await site.fetch()
            assert not site.delivered()
            part = site.folder / "office" / "r1.blrec.part"
            n_kept = part.stat().st_size // CHUNK_BYTES
            assert 0 < n_kept < 11
            assert SEALED.startswith(part.read_bytes())
            site.broker.refuse = lambda client, _topic: 0x87 if client == "box" else None
            with pytest.raises(BoxSilentError, match="run the same again"):
                await site.fetch(patience_s=20)
            site.broker.refuse = lambda _client, _topic: None
            before = len(site.chunks())
            assert (await site.fetch()).read_bytes() == SEALED
            await asyncio.sleep(1)
            assert site.delivered()
            again = site.chunks()[before:]
            assert sorted(again) == sorted(set(again)), "nothing twice"
            assert len(again) <= 12 - n_kept + 1

    play(site, story())


def test_no_faster_than_the_cap(tmp_path: Path) -> None:
    site = Site(tmp_path, terms=UploadTerms(kbit_s=100, opens=time(0), closes=time(0), time_zone=UTC))

    async def story() -> None:
        async with site.running_box():
            began_s = asyncio.get_running_loop().time()
            await site.fetch()
            took_s = asyncio.get_running_loop().time() - began_s
            on_the_wire = sum(len(payload) for topic, payload in site.broker.log if "/up/" in topic)
            assert on_the_wire * 8 / took_s < 100_000 * 1.12, "the last chunk is paid for after it went"
            assert took_s < 2 * on_the_wire * 8 / 100_000

    play(site, story())


def test_another_content_is_refused_and_not_delivered(tmp_path: Path) -> None:
    """A bit has turned on the box's disk: the digest of the outcome does not fit, and nothing is kept of it."""
    site = Site(tmp_path)
    spoiled = bytearray(SEALED)
    spoiled[CHUNK_BYTES * 5] ^= 1
    site.file.write_bytes(spoiled)

    async def story() -> None:
        async with site.running_box():
            with pytest.raises(ConsoleError, match="another digest"):
                await site.fetch()
            assert not list((tmp_path / "office").iterdir())
            with pytest.raises(ConsoleError, match="another recording"):
                await site.fetch(known="0" * 64)
            assert not site.delivered()

    play(site, story())


def test_a_receipt_for_another_content_counts_for_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def story() -> None:
        for recording, sha256 in (("r1", "0" * 64), ("r2", DIGEST)):
            receipt = RecordingReceipt(id=f"m-{recording}", at=NOW, recording=recording, sha256=sha256)
            await site.box.tell(receipt, TOPICS.recording(recording))
            assert (await site.box.acks())[-1].reason == "unknown_recording"
        assert not site.delivered()

    play(site, story())


def test_what_the_box_cannot_send_is_said_in_one_line(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def story() -> None:
        async with site.running_box():
            with pytest.raises(ConsoleError, match="no such recording"):
                await site.fetch(name="r2")
            site.file.write_bytes(SEALED[:-1])
            with pytest.raises(ConsoleError, match="shorter"):
                await site.fetch()
            site.file.unlink()
            with pytest.raises(ConsoleError, match="has deleted it"):
                await site.fetch()

    play(site, story())


def test_a_replayed_order_sends_nothing_again(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def story() -> None:
        async with site.running_box():
            await site.fetch()
            before = len(site.chunks())
            orders = [
                site.signer.received(topic, payload)
                for topic, payload in site.broker.log
                if "/down/recording/" in topic and b"recording_fetch" in payload
            ]
            assert orders
            for order in orders:
                await site.box.downlink.handle(order)
            await asyncio.sleep(60)
            assert len(site.chunks()) == before

    play(site, story())


@pytest.mark.parametrize(
    ("opens", "closes", "at", "next_open"),
    [
        ("00:00", "00:00", "12:00", None),
        ("20:00", "06:00", "23:59", None),
        ("20:00", "06:00", "05:59", None),
        ("20:00", "06:00", "06:00", "04T20:00"),
        ("20:00", "06:00", "19:59", "04T20:00"),
        ("09:00", "17:00", "08:59", "04T09:00"),
        ("09:00", "17:00", "09:00", None),
        ("09:00", "17:00", "17:00", "05T09:00"),
    ],
)
def test_hours_are_the_boxs_own(opens: str, closes: str, at: str, next_open: str | None) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    terms = UploadTerms(
        kbit_s=1, opens=time.fromisoformat(opens), closes=time.fromisoformat(closes), time_zone=zone
    )
    now = datetime.fromisoformat(f"2026-03-04T{at}:30").replace(tzinfo=zone).astimezone(UTC)
    now = now.replace(second=0)
    expected = datetime.fromisoformat(f"2026-03-{next_open}").replace(tzinfo=zone) if next_open else None
    assert terms.opens_at(now) == expected


def test_outside_the_hours_the_console_says_when_to_come_again(tmp_path: Path) -> None:
    # It is 10:00 in Shanghai.
    terms = UploadTerms(kbit_s=2000, opens=time(20), closes=time(6), time_zone=ZoneInfo("Asia/Shanghai"))
    site = Site(tmp_path, terms=terms)

    async def story() -> None:
        async with site.running_box():
            with pytest.raises(ConsoleError, match="at this hour; run the same again later"):
                await site.fetch()
            assert site.chunks() == []

    play(site, story())
