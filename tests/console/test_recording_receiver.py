"""Recordings put over HTTPS: resumed where they were cut off, believed by their digest, and only from their own box."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, time
from http import HTTPStatus
from pathlib import Path

import pytest

from console.command_recording import receive_recordings
from console.membership import revoke
from console.office import Office
from console.recording_receiver import RecordingReceiver
from firmware.clock import SystemClock
from firmware.sync.byte_budget import ByteBudget
from firmware.sync.connection import MqttConnection
from firmware.sync.errors import HttpsFailedError
from firmware.sync.https_link import HttpsLink
from firmware.sync.messages import RecordingReceipt, decode_downlink
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.recording_upload import RANGE_BYTES, RecordingUpload, UploadTarget
from firmware.sync.topics import BoxTopics
from firmware.sync.upload_pace import UploadPace, UploadTerms
from tests.console.conftest import box_settings
from tests.console.made_office import make_office
from tests.console.test_recording_fetch import DIGEST, SEALED, Site

QUICK = UploadTerms(kbit_s=100_000, opens=time(0), closes=time(0), time_zone=UTC)


class Place:
    """A receiver at the office, and what was told of it."""

    def __init__(self, office: Office, folder: Path, known: str | None = None) -> None:
        self.office = office
        self.whole: list[tuple[str, str, str]] = []
        self.ranges: list[str] = []
        self.fails: Callable[[int], bool] = lambda _n: False
        self.folder = folder / "put"
        place = self

        class Watched(RecordingReceiver):
            def put(self, client: str, path: str, *, content_range: str, digest: str, data: bytes) -> bool:
                place.ranges.append(content_range)
                if place.fails(len(place.ranges)):
                    raise OSError(28, "No space left on device")
                return super().put(client, path, content_range=content_range, digest=digest, data=data)

        self.receiver = Watched(
            office,
            self.folder,
            host="127.0.0.1",
            port=0,
            known_sha256=lambda _box, _recording: known,
            on_complete=lambda *told: self.whole.append(told),
        )

    @property
    def file(self) -> Path:
        return self.folder / "b1" / "r1.blrec"

    def upload(self, site: Site, *, box: str = "b1", terms: UploadTerms = QUICK) -> RecordingUpload:
        folder = self.office.box_folder("b1")
        tls = TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")
        return RecordingUpload(
            site.box.database,
            UploadTarget(url=f"https://localhost:{self.receiver.port}/in/", tls=lambda: tls),
            box=box,
            pace=UploadPace(terms),
            budget=ByteBudget(site.box.database, now=site.box.clock.now),
            now=site.box.clock.now,
        )


@pytest.fixture(scope="module")
def one_office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return make_office(tmp_path_factory.mktemp("o") / "office", hosts=["127.0.0.1"])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def place(one_office: Office, tmp_path: Path) -> Place:
    return Place(one_office, tmp_path)


def test_it_arrives_whole_and_the_box_keeps_it_until_a_receipt(site: Site, place: Place) -> None:
    async def story() -> None:
        upload = place.upload(site)
        assert await upload._put_some()
        assert not await upload._put_some(), "it is there: asked again in an hour"
        # A new start knows nothing of it: the receiver says once more that it is there.
        assert await place.upload(site)._put_some()

    with place.receiver:
        asyncio.run(story())
    assert place.file.read_bytes() == SEALED
    assert place.file.stat().st_mode & 0o077 == 0
    assert place.whole == [("b1", "r1", DIGEST)] * 2
    ends = [RANGE_BYTES, 2 * RANGE_BYTES, len(SEALED)]
    assert place.ranges == [
        f"bytes {first}-{end - 1}/{len(SEALED)}" for first, end in zip([0, *ends], ends, strict=False)
    ]
    assert not site.delivered()
    assert site.file.is_file()


def test_it_goes_on_where_it_was_cut_off(site: Site, place: Place) -> None:
    place.fails = lambda n: n == 2

    async def story() -> None:
        with pytest.raises(HttpsFailedError, match="507"):
            await place.upload(site)._put_some()
        assert await place.upload(site)._put_some()

    with place.receiver:
        asyncio.run(story())
    assert place.file.read_bytes() == SEALED
    assert [each.split("-")[0] for each in place.ranges] == [
        "bytes 0", f"bytes {RANGE_BYTES}", f"bytes {RANGE_BYTES}", f"bytes {2 * RANGE_BYTES}",
    ]  # fmt: skip


def test_a_spoilt_beginning_is_thrown_away_and_sent_again(site: Site, place: Place) -> None:
    place.file.parent.mkdir(parents=True)
    place.file.with_name("r1.blrec.part").write_bytes(bytes(RANGE_BYTES))

    async def story() -> None:
        assert await place.upload(site)._put_some()

    with place.receiver:
        asyncio.run(story())
    assert place.file.read_bytes() == SEALED
    assert len(place.ranges) == 2 + 3


def test_another_content_than_the_outcomes_is_refused_once(
    site: Site, one_office: Office, tmp_path: Path
) -> None:
    place = Place(one_office, tmp_path, known="0" * 64)

    async def story() -> None:
        upload = place.upload(site)
        await upload._put_some()
        assert not await upload._put_some(), "not tried again today"

    with place.receiver:
        asyncio.run(story())
    assert len(place.ranges) == 1
    assert not place.folder.exists()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/in/b2/r1", HTTPStatus.FORBIDDEN),
        ("/in/b9/r1", HTTPStatus.FORBIDDEN),
        ("/b1/..%2f..%2fbox.toml", HTTPStatus.NOT_FOUND),
        ("/../b1/..", HTTPStatus.NOT_FOUND),
        ("/r1", HTTPStatus.NOT_FOUND),
        ("/in/b1/nothing-yet", HTTPStatus.NOT_FOUND),
    ],
)
def test_a_box_reaches_its_own_recordings_alone(place: Place, target: str, status: HTTPStatus) -> None:
    folder = place.office.box_folder("b1")
    tls = TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")

    async def story() -> int:
        async with HttpsLink(f"https://localhost:{place.receiver.port}", tls) as link:
            return (await link.ask("HEAD", target, {})).status

    with place.receiver:
        assert asyncio.run(story()) == status


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"abc", 400),
        ({"Content-Range": "bytes 0-2/3"}, b"abc", 400),
        ({"Content-Range": "bytes 0-1/3", "Repr-Digest": f"sha-256=:{'A' * 43}=:"}, b"abc", 416),
        ({"Content-Range": "bytes 5-7/9", "Repr-Digest": f"sha-256=:{'A' * 43}=:"}, b"abc", 409),
        ({"Content-Range": "bytes 0-2/3", "Repr-Digest": f"sha-256=:{'A' * 43}=:"}, b"abc", 422),
        ({"Content-Range": f"bytes 0-2/{2**40}", "Repr-Digest": f"sha-256=:{'A' * 43}=:"}, b"abc", 400),
    ],
)
def test_ranges_that_do_not_fit(place: Place, headers: dict[str, str], body: bytes, status: int) -> None:
    folder = place.office.box_folder("b1")
    tls = TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")

    async def story() -> int:
        async with HttpsLink(f"https://localhost:{place.receiver.port}", tls) as link:
            return (await link.ask("PUT", "/b1/r2", headers, body)).status

    with place.receiver:
        assert asyncio.run(story()) == status
    assert place.whole == []


def test_neither_end_speaks_to_a_stranger(site: Site, place: Place, tmp_path: Path) -> None:
    other = make_office(tmp_path / "other", boxes=["b1"])
    theirs, ours = other.box_folder("b1"), place.office.box_folder("b1")

    async def connect(ca: Path, who: Path) -> int:
        tls = TlsFiles(ca=ca / "ca.crt", certificate=who / "box.crt", key=who / "box.key")
        async with HttpsLink(f"https://localhost:{place.receiver.port}", tls) as link:
            return (await link.ask("HEAD", "/b1/r1", {})).status

    with place.receiver:
        with pytest.raises(HttpsFailedError, match="certificate is refused"):
            asyncio.run(connect(theirs, ours))
        with pytest.raises((HttpsFailedError, ssl.SSLError)):
            asyncio.run(connect(ours, theirs))
        assert asyncio.run(connect(ours, ours)) == 404


def test_a_revoked_box_puts_nothing(site: Site, tmp_path: Path) -> None:
    office = make_office(tmp_path / "o", boxes=["b1"])
    revoke(office, "b1", now=datetime.now(UTC))
    place = Place(office, tmp_path)
    with place.receiver, pytest.raises((HttpsFailedError, ssl.SSLError)):
        asyncio.run(place.upload(site)._put_some())
    assert place.ranges == []


def test_outside_the_hours_and_on_a_spent_budget_nothing_goes(site: Site, place: Place) -> None:
    """NOW is 02:00 UTC: open from three to four, and what the console asks for holds besides."""

    async def story() -> None:
        closed = UploadTerms(kbit_s=1000, opens=time(3), closes=time(4), time_zone=UTC)
        assert not await place.upload(site, terms=closed)._put_some()
        asked = place.upload(site)
        asked._pace.asked = closed
        assert not await asked._put_some()
        thrifty = place.upload(site)
        thrifty._budget.bytes_per_day = 100
        await thrifty._budget.spend(80)
        assert not await thrifty._put_some()

    with place.receiver:
        asyncio.run(story())
    assert place.ranges == []


@pytest.mark.usefixtures("broker")
def test_the_command_says_over_mqtt_what_has_arrived(office: Office, site: Site, tmp_path: Path) -> None:
    async def story() -> RecordingReceipt:
        bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        topics = BoxTopics("demo", "b1")
        settings = box_settings(office, "b1")
        async with asyncio.timeout(20), MqttConnection(settings, subscriptions=topics.subscriptions()) as box:
            await box.wait_connected()
            receiving = asyncio.create_task(
                receive_recordings(
                    office, tmp_path / "put", host="127.0.0.1", port=0, clock=SystemClock(), stop=stop, ready=bound.set_result,
                )
            )  # fmt: skip
            port = await bound
            folder = office.box_folder("b1")
            tls = TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")
            upload = RecordingUpload(
                site.box.database,
                UploadTarget(url=f"https://localhost:{port}", tls=lambda: tls),
                box="b1",
                pace=UploadPace(QUICK),
                budget=ByteBudget(site.box.database, now=site.box.clock.now),
                now=site.box.clock.now,
            )
            assert await upload._put_some()
            receipt: RecordingReceipt | None = None
            async for received in box.received():
                received.ack()
                message = decode_downlink(received.payload)
                if isinstance(message, RecordingReceipt):
                    receipt = message
                    break
            stop.set()
            await receiving
        assert receipt is not None
        return receipt

    receipt = asyncio.run(story())
    assert (receipt.recording, receipt.sha256) == ("r1", DIGEST)
