"""An office, a real broker under its rules, and a box played by the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.ledger import Ledger
from console.office import Office
from firmware.clock import SimulatedClock
from firmware.sync.connection import MqttConnection, Received
from firmware.sync.messages import (
    Ack,
    CampaignManifest,
    ContactBatch,
    Downlink,
    OutcomeMessage,
    RejectedRow,
    Uplink,
    decode_downlink,
    encode,
)
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles
from firmware.sync.signing import Verifier, load_public_key
from firmware.sync.topics import BoxTopics
from firmware.values import Disposition
from tests.console.made_office import make_office
from tests.console.office_broker import Broker
from tests.console.throwaway_postgresql import ThrowawayPostgresql, throwaway_postgresql

NewPlace = Callable[[], Path | str]
NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def flow_file() -> Path:
    return Path(__file__).with_name("console-test-flow.yaml")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return make_office(tmp_path / "office", port=port, hosts=["127.0.0.1"])


@pytest.fixture
def bare_office(tmp_path: Path) -> Office:
    """An office without a box: ledger and keys."""
    return make_office(tmp_path / "office", boxes=())


@pytest.fixture
def broker(office: Office) -> Iterator[Broker]:
    running = Broker(office)
    running.start()
    yield running
    running.stop()


def box_settings(office: Office, box: str) -> MqttSettings:
    folder = office.box_folder(box)
    files = TlsFiles(ca=folder / "ca.crt", certificate=folder / "box.crt", key=folder / "box.key")
    return MqttSettings(
        host=office.broker_host,
        port=office.broker_port,
        client_id=f"{box}-of-test",
        tls=files,
        session_expiry_s=60,
        back_off_s=0.05,
        back_off_cap_s=0.2,
    )


@dataclass
class PlayedBox:
    """A box that takes everything and answers, and remembers what it was told."""

    connection: MqttConnection
    topics: BoxTopics
    verifier: Verifier
    heard: list[Downlink] = field(default_factory=list)
    answer: Callable[[Downlink], Ack | None] = lambda message: None
    n_sent: int = 0

    async def say(self, leaf: str, message: Uplink) -> None:
        await self.connection.publish(self.topics.up(leaf), encode(message))

    async def listen(self) -> None:
        async for received in self.connection.received():
            await self._take(received)

    async def _take(self, received: Received) -> None:
        self.verifier.verify_properties(received.topic, received.payload, received.properties)
        message = decode_downlink(received.payload)
        self.heard.append(message)
        ack = self.answer(message)
        received.ack()
        if ack is not None:
            await self.say("ack", ack)


@asynccontextmanager
async def playing(office: Office, box: str) -> AsyncIterator[PlayedBox]:
    """Connect as a box and listen."""
    topics = BoxTopics(office.tenant, box)
    keys = [load_public_key(path) for path in (office.box_folder(box) / "console-keys").iterdir()]
    async with MqttConnection(box_settings(office, box), subscriptions=topics.subscriptions()) as connection:
        async with asyncio.timeout(5):
            await connection.wait_connected()
        played = PlayedBox(connection, topics, Verifier.of(keys))
        listening = asyncio.create_task(played.listen(), name=f"listen-{box}")
        try:
            yield played
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            if not listening.cancelled():
                listening.result()


@pytest.fixture
def play() -> Callable[[Office, str], object]:
    return playing


class AckWriter:
    """Answers as the firmware does: taken rows, rejected rows, one sequence number each."""

    def __init__(self, *, rejected: Sequence[RejectedRow] = (), refuse: str = "") -> None:
        self._seq = 0
        self._rejected = list(rejected)
        self._refuse = refuse

    def __call__(self, message: Downlink) -> Ack | None:
        if not isinstance(message, CampaignManifest | ContactBatch):
            return None
        self._seq += 1
        is_batch = isinstance(message, ContactBatch)
        rejected = []
        if isinstance(message, ContactBatch):
            places = range(message.first_row, message.first_row + len(message.contacts))
            rejected = [row for row in self._rejected if row.row in places]
        return Ack(
            id=f"ack-{self._seq}",
            at=NOW,
            stream="s1",
            seq=self._seq,
            about=message.id,
            kind="contacts" if is_batch else "campaign",
            accepted=not self._refuse,
            reason=self._refuse,
            detail="",
            campaign=message.campaign,
            taken=len(message.contacts) - len(rejected) if isinstance(message, ContactBatch) else 0,
            rejected=rejected,
        )


@pytest.fixture
def acks() -> type[AckWriter]:
    return AckWriter


def make_outcome(seq: int, **changes: object) -> OutcomeMessage:
    """Return an outcome like one of a box's; the id, attempt and contact follow from the sequence number."""
    fields: dict[str, object] = {
        "id": f"id-{seq:04d}",
        "at": NOW,
        "stream": "s1",
        "seq": seq,
        "attempt": f"attempt-{seq:04d}",
        "campaign": "nov",
        "contact": f"c{seq:02d}",
        "person": f"p{seq:02d}",
        "line": "line-1",
        "disposition": Disposition.NO_ANSWER,
        "reached": False,
        "right_party": False,
        "final": False,
        "reserved_at": NOW,
        "ended_at": NOW,
    }
    return OutcomeMessage(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def outcome() -> Callable[..., OutcomeMessage]:
    return make_outcome


async def until(condition: Callable[[], object], *, timeout_s: float = 5.0) -> None:
    """Return when the condition holds; its change comes from another process, so it is looked at."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
def wait_until() -> Callable[..., object]:
    return until


@pytest.fixture(scope="session")
def postgresql() -> Iterator[ThrowawayPostgresql]:
    """One server for all tests of a process."""
    with throwaway_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewPlace:
    """Return how to name ledgers that are not there yet, on either database."""
    if request.param == "sqlite":
        return lambda: tmp_path_factory.mktemp("ledger") / "ledger.db"
    server: ThrowawayPostgresql = request.getfixturevalue("postgresql")
    return server.new_ledger


@pytest.fixture
def new_ledger(new_place: NewPlace) -> Iterator[Callable[[], Ledger]]:
    """Return how to make empty ledgers, on either database."""
    made: list[Ledger] = []

    def make() -> Ledger:
        made.append(Ledger(new_place()))
        return made[-1]

    yield make
    for ledger in made:
        ledger.close()
