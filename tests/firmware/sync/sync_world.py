"""A console's key, a box's database and messages for tests of the sync package; and an asyncio loop in virtual time."""

import asyncio
import hashlib
import json
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.clock import SimulatedClock
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.answers import Answer, Apply
from firmware.sync.applying_config import ConfigBounds
from firmware.sync.connection import Received
from firmware.sync.content_check import CampaignCheck
from firmware.sync.downlink import Downlink
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import (
    Ack,
    BoxConfig,
    CampaignManifest,
    ContactBatch,
    ContactRow,
    Control,
    Receipt,
    RecordingFetch,
    Suppress,
    SuppressionWire,
    Uplink,
    decode_uplink,
    encode,
)
from firmware.sync.messages_config import ConfigSettings
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import Verifier, signed_properties
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

T = TypeVar("T")
NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
TOPICS = BoxTopics("acme", "box-1")
FLOW = "flow: good"


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing is ready and no timer is set: this would wait for ever")
        self.jumped_s += timeout
        return []


def run_virtually(story: Coroutine[Any, Any, T]) -> T:
    """Run on a loop whose time jumps to the next timer as soon as nothing is ready."""
    selector = _JumpingSelector()

    class Loop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return selector.jumped_s

    with asyncio.Runner(loop_factory=lambda: Loop(selector)) as runner:
        return runner.run(story)


class FlowRefused(Exception):
    """What this world's flow language raises."""

    reason = "flow_refused"


class VarRefused(Exception):
    """What it raises about a contact."""

    reason = "missing_var"
    field = "callee_name"
    detail = "is missing"


def flow_check(text: str) -> str:
    if text != FLOW:
        raise FlowRefused("flow.yaml:1:1: check 1: not good")
    return text


def contact_check(_flow: str, row: ContactRow) -> None:
    if "callee_name" not in row.vars:
        raise VarRefused
    if row.vars["callee_name"] == "bug":
        raise ZeroDivisionError("a fault of ours")


def command_check(name: str, arguments: bytes) -> tuple[str, str] | None:
    """A box that does one thing, and knows one argument."""
    if name != "known":
        return "unknown_command", "$.name: there is only known"
    return ("bad_arguments", "$.arguments: what is bad?") if b"bad" in arguments else None


CHECK = CampaignCheck(flow_check=flow_check, contact_check=contact_check, refusals=(FlowRefused, VarRefused))


class Console:
    """Signs what the console says."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.verifier = Verifier.of([self.key.public_key()])
        self._last_id = 0

    def new_id(self) -> str:
        self._last_id += 1
        return f"m{self._last_id}"

    def received(self, topic: str, payload: bytes, outcomes: list[str] | None = None) -> Received:
        """Return the message as the box gets it; what it does with it is appended to `outcomes`."""
        done: list[str] = [] if outcomes is None else outcomes
        return Received(
            topic=topic,
            payload=payload,
            properties=signed_properties(self.key, topic, payload),
            acknowledge=lambda: done.append("ack"),
            return_it=lambda: done.append("given back"),
        )

    def manifest(self, campaign: str = "c1", **changes: Any) -> CampaignManifest:
        values: dict[str, Any] = {
            "id": self.new_id(),
            "at": NOW,
            "campaign": campaign,
            "name": "Reminder",
            "flow": FLOW,
            "flow_sha256": hashlib.sha256(changes.get("flow", FLOW).encode()).hexdigest(),
            "contacts": 6,
            "batches": 2,
            "expires_at": NOW + timedelta(days=7),
        }
        return CampaignManifest(**{**values, **changes})

    def batch(self, rows: list[Any], campaign: str = "c1", **changes: Any) -> ContactBatch:
        values: dict[str, Any] = {
            "id": self.new_id(),
            "at": NOW,
            "campaign": campaign,
            "batch": 0,
            "contacts": [msgspec.Raw(json.dumps(row).encode()) for row in rows],
        }
        return ContactBatch(**{**values, **changes})

    def control(self, action: Any, **fields: Any) -> Control:
        return Control(id=self.new_id(), at=NOW, action=action, **fields)

    def suppress(self, *entries: SuppressionWire, at: datetime = NOW) -> Suppress:
        return Suppress(id=self.new_id(), at=at, suppressions=list(entries))

    def config(self, version: int, settings: ConfigSettings, *, confirm_within_s: int = 300) -> BoxConfig:
        return BoxConfig(
            id=self.new_id(), at=NOW, version=version, settings=settings, confirm_within_s=confirm_within_s
        )

    def receipt(self, stream: str, up_to: int) -> Receipt:
        return Receipt(id=self.new_id(), at=NOW, stream=stream, up_to=up_to)


def row(contact: str = "k1", **changes: Any) -> dict[str, Any]:
    """Return a good contact row."""
    values = {
        "contact": contact,
        "person": f"p-{contact}",
        "numbers": ["+8613123456789"],
        "language": "zh-CN",
        "vars": {"callee_name": "王小明"},
    }
    return {**values, **changes}


class TakesEveryRelease:
    """Rules are another room's: here every release is good."""

    async def prepare(self, release: PolicyRelease, received: Received) -> Apply:
        del received
        return lambda _: Answer(accepted=True, detail=f"release {release.version}")


class BoxSide:
    """A database and a Downlink over it."""

    def __init__(
        self,
        folder: Path,
        console: Console,
        *,
        monotonic_s: Callable[[], float] = lambda: 0.0,
        is_threaded: bool = False,
    ) -> None:
        self.console = console
        executor = None if is_threaded else InlineExecutor()
        self.database = Database.open(folder / "box.db", executor=executor)
        self.clock = SimulatedClock(NOW, monotonic_s)
        self.n_changes = 0
        self.on_fetch: Callable[[RecordingFetch], None] = lambda _order: None
        self.downlink = Downlink(
            self.database,
            TOPICS,
            KeyRing(console.verifier.keys, self.clock.now),
            clock=self.clock,
            ids=UuidV7(),
            check=CHECK,
            command_check=command_check,
            bounds=ConfigBounds(lines=frozenset({"line-1", "line-2"}), max_call_s=240),
            rules=TakesEveryRelease(),
            on_change=self._changed,
            on_fetch=self._fetch,
        )

    def _changed(self) -> None:
        self.n_changes += 1

    def _fetch(self, order: RecordingFetch) -> None:
        self.on_fetch(order)

    async def tell(self, message: Any, topic: str | None = None) -> list[str]:
        """Give the box a signed message and return what became of it at the broker."""
        outcomes: list[str] = []
        received = self.console.received(topic or topic_of(message), encode(message), outcomes)
        await self.downlink.handle(received)
        return outcomes

    async def outbox(self) -> list[Uplink]:
        """Return what waits for the console."""
        from firmware.store import outbox

        rows = await self.database.read(lambda con: outbox.pending(con, 0, 1000))
        return [decode_uplink(row.body) for row in rows]

    async def acks(self) -> list[Ack]:
        """Return the answers that wait for the console."""
        return [message for message in await self.outbox() if isinstance(message, Ack)]


def topic_of(message: Any) -> str:
    match message:
        case CampaignManifest():
            return TOPICS.campaign(message.campaign)
        case ContactBatch():
            return TOPICS.contacts(message.campaign)
        case Control():
            return TOPICS.down("control")
        case Receipt():
            return TOPICS.down("receipt")
        case BoxConfig():
            return TOPICS.down("config")
        case _:
            return TOPICS.down("suppress")
