"""A town in virtual time: an office with its real ingest and ledger, a broker in memory, a box, modems, and people."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from audio.frame import Clip, freeze
from audio.ports.loopback import LoopbackPort
from audio.ports.port import AudioPort
from audio.speech.synthesis import Synthesizer
from console.authority import init_office, issue_box, load_signing_key
from console.ingest import Ingest
from console.ledger import Ledger, Recorded
from console.reports import OutcomeLine, outcome_lines
from console.signed_sender import SignedSender
from firmware.calls.listening import Hearing
from firmware.clock import SimulatedClock, SimulatedWorld, to_ms
from firmware.daemon.app import Box
from firmware.daemon.calling import Workers
from firmware.daemon.worlds import World
from firmware.data_dir import database_path
from firmware.host.clock_trust import SimulatedClockTrust
from firmware.lines.gsm_line import GsmLine
from firmware.lines.gsm_ports import FixedPorts
from firmware.lines.sip_line import SipLine
from firmware.settings import Settings, load_settings
from firmware.settings_sections import ApprovalSection, ComplianceSection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.store.outcomes import list_outcomes
from firmware.store.restoring import open_or_restore
from firmware.sync.envelope import Message
from firmware.sync.memory_connection import MemoryBroker
from firmware.sync.messages import (
    Ack,
    BoxState,
    CampaignManifest,
    ContactBatch,
    ContactRow,
    Control,
    OutcomeMessage,
    PromiseLimits,
    Refusals,
    Suppress,
    SuppressionWire,
    encode,
)
from firmware.sync.messages_sms import SmsTexts
from firmware.sync.reports import renumbered
from firmware.sync.topics import BoxTopics, up_filter
from firmware.values import LineId, UuidV7
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.dialect import AudioPlan
from modem_drivers.hotplug import Change
from modem_drivers.simulator.memory_host import join
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import Person
from modem_drivers.simulator.personality import PERSONALITIES

TENANT, BOX = "town-bank", "branch-7"
TUESDAY_10 = datetime.fromisoformat("2026-11-24T10:00:00+08:00")
FLOW = Path(__file__).resolve().parents[2] / "examples" / "overdue-reminder.yaml"
APPROVALS = [ApprovalSection(pack=pack, version=1, by="Li Wei") for pack in ("floor", "cn")]


class ShortVoice:
    """A synthesizer for tests: noise in the rhythm of the text, 25 ms a character, at prompt level."""

    name = "short-voice"

    def render(self, text: str, language: str) -> Clip:
        del language
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
        n_samples = 200 * max(len(text), 4)
        return freeze(
            np.random.default_rng(seed).normal(0, 3000, n_samples).clip(-12000, 12000).astype(np.int16)
        )


class MemoryPorts(FixedPorts):
    """The two ports of a simulated modem in this process: a simulated world by construction."""

    world = SimulatedWorld

    def __init__(self, modem: SimulatedModem, name: str) -> None:
        self._modem = modem
        self._name = name

    def open_at(self) -> BytePort:
        self._port = MemoryPort(self._name)
        join(self._modem, self._port)
        return self._port

    def unplug(self) -> None:
        """Let the port die, and the modem lose its power."""
        self._port.break_off()
        self._modem.power_off()

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        del plan
        return LoopbackPort(self._modem.pcm_exchange)


class Town:
    """Everything of one story. Make it inside the virtual loop."""

    def __init__(
        self,
        folder: Path,
        people: Iterable[Person],
        *,
        n_modems: int = 4,
        starts_at: datetime = TUESDAY_10,
        compliance: ComplianceSection | None = None,
        refresh_s: float = 10.0,
        voice: Callable[[str, str], bytes] | None = None,
        hearing: Hearing | None = None,
        synthesizer: Synthesizer | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = SimulatedClock(starts_at, self.loop.time)
        self.ids = UuidV7()
        self.broker = MemoryBroker()
        self.network = Network(people, voice=voice)
        self._hearing = hearing
        self._synthesizer = synthesizer or ShortVoice()
        self.topics = BoxTopics(TENANT, BOX)
        self.seen: list[Message] = []
        """Every message that the console committed, in order."""
        self._refresh_s = refresh_s
        self._n_modems = n_modems
        self._hotplug: Callable[[], AsyncIterator[Change]] | None = None
        office = init_office(folder / "office", TENANT, "127.0.0.1", now=self.clock.now())
        self.office = office
        self.key = load_signing_key(office)
        issued = load_settings(issue_box(office, BOX, now=self.clock.now()) / "box.toml")
        self.settings: Settings = msgspec.structs.replace(
            issued, compliance=compliance or ComplianceSection(approval=APPROVALS)
        )
        self.ledger = Ledger(folder / "ledger.db")
        self.box: Box[SimulatedWorld] | None = None

    @contextlib.asynccontextmanager
    async def console(self) -> AsyncIterator[None]:
        """The office at work: ingest with receipts."""
        connection = self.broker.connect("console", [up_filter(TENANT)])
        async with connection:
            self.sender = SignedSender(connection, self.key)
            ingest = Ingest(
                connection=connection,
                sender=self.sender,
                ledger=self.ledger,
                tenant=TENANT,
                clock=self.clock,
                ids=self.ids,
                on_recorded=self._recorded,
            )
            task = asyncio.create_task(ingest.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

    @contextlib.asynccontextmanager
    async def running_box(self) -> AsyncIterator[Box[SimulatedWorld]]:
        """The box, from its start to a polite stop."""
        box, database = self._build()
        stop = asyncio.Event()
        task = asyncio.create_task(box.run(stop), name="box")
        try:
            yield box
        finally:
            stop.set()
            await task
            await database.close()

    @contextlib.asynccontextmanager
    async def dropped_box(self) -> AsyncIterator[Box[SimulatedWorld]]:
        """The box, from its start to a crash: from one instant on nothing it does reaches disk, modem or broker."""
        box, database = self._build()
        task = asyncio.create_task(box.run(asyncio.Event()), name="box")
        try:
            yield box
        finally:
            database.close_now()
            self._modems_gone()
            task.cancel()
            await asyncio.wait([task])

    def _build(self) -> tuple[Box[SimulatedWorld], Database]:
        database = open_or_restore(
            database_path(self.settings),
            at=self.clock.now(),
            renumber=renumbered,
            executor=InlineExecutor(),
        )
        modems = [self._modem(index) for index in range(self._n_modems)]
        world: World[SimulatedWorld] = World(
            clock=self.clock,
            trust=SimulatedClockTrust(),
            lines=self._lines(modems),
            hotplug=self._hotplug,
        )
        inline = InlineExecutor()
        self.box = Box(
            self.settings,
            world,
            database=database,
            connect=lambda topics, will: self.broker.connect(BOX, topics.subscriptions()),
            synthesizer=self._synthesizer,
            workers=Workers(recording=inline, speech=inline),
            hearing=self._hearing,
        )
        return self.box, database

    def _lines(
        self, modems: list[SimulatedModem]
    ) -> Sequence[GsmLine[SimulatedWorld] | SipLine[SimulatedWorld]]:
        self._ports = [MemoryPorts(modem, f"modem-{index + 1}") for index, modem in enumerate(modems)]
        return [
            GsmLine(LineId(f"line-{index + 1}"), ports, now_s=self.loop.time, refresh_s=self._refresh_s)
            for index, ports in enumerate(self._ports)
        ]

    def _modems_gone(self) -> None:
        for ports in self._ports:
            ports.unplug()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Town"]:
        """Office and box together, the suppression list confirmed, the lines ready."""
        async with self.console(), self.running_box():
            await self.renew_lease()
            yield self

    # ---- the console's side ---------------------------------------------------------------------------------

    async def send(self, leaf: str, message: Message) -> None:
        """Send a signed message down."""
        topic = leaf if leaf.startswith("branchline/") else self.topics.down(leaf)
        await self.sender.send(topic, encode(message))

    async def renew_lease(self, suppressions: Sequence[SuppressionWire] = ()) -> None:
        await self.send("suppress", Suppress(**self.head(), suppressions=list(suppressions)))

    async def push(
        self,
        contacts: Sequence[ContactRow],
        *,
        campaign: str = "november",
        flow: str | None = None,
        days: float = 14,
        ring_timeout_s: int = 25,
        version: int = 1,
        sms: SmsTexts | None = None,
    ) -> None:
        """Send a campaign in one batch."""
        text = flow if flow is not None else FLOW.read_text(encoding="utf-8")
        manifest = CampaignManifest(
            **self.head(),
            campaign=campaign,
            version=version,
            name=campaign,
            flow=text,
            flow_sha256=hashlib.sha256(text.encode()).hexdigest(),
            contacts=len(contacts),
            batches=1,
            expires_at=self.clock.now() + timedelta(days=days),
            ring_timeout_s=ring_timeout_s,
            promise=PromiseLimits(max_days=14),
            sms=sms,
        )
        batch = ContactBatch(
            **self.head(),
            campaign=campaign,
            batch=0,
            contacts=[msgspec.Raw(encode(contact)) for contact in contacts],
        )
        await self.send(self.topics.campaign(campaign), manifest)
        await self.send(self.topics.contacts(campaign), batch)

    async def control(self, action: Any, *, campaign: str | None = None, contact: str | None = None) -> None:
        await self.send("control", Control(**self.head(), action=action, campaign=campaign, contact=contact))

    def head(self) -> dict[str, Any]:
        now = self.clock.now()
        return {"id": self.ids.new(to_ms(now)), "at": now}

    # ---- what the console knows -----------------------------------------------------------------------------

    def outcomes(self) -> dict[str, str]:
        """Return the last disposition by contact, as committed at the console."""
        return {m.contact: m.disposition.value for m in self.seen if isinstance(m, OutcomeMessage)}

    def refusals(self) -> dict[str, str]:
        """Return the last refusing rule by contact."""
        return {m.contact: m.rule for m in self.seen if isinstance(m, Refusals)}

    def acks(self) -> list[Ack]:
        return [m for m in self.seen if isinstance(m, Ack)]

    def state(self) -> BoxState | None:
        return next((m for m in reversed(self.seen) if isinstance(m, BoxState)), None)

    def ledger_outcomes(self) -> list[OutcomeLine]:
        with self.ledger.reading() as connection:
            return outcome_lines(connection)

    async def box_outcomes(self) -> list[str]:
        """Return the attempts with an outcome in the box's own database."""
        assert self.box is not None
        rows = await self.box.database.read(lambda con: list_outcomes(con, limit=100_000))
        return [row.attempt for row in rows]

    async def until(self, condition: Any, *, hours: float = 2.0, step_s: float = 0.5) -> None:
        """Let virtual time pass until `condition()` holds; fail when it never does."""
        deadline = self.loop.time() + hours * 3600
        while not condition():
            assert self.loop.time() < deadline, (
                f"never came true: {self.outcomes()} {self.refusals()} {self.state()}"
            )
            await asyncio.sleep(step_s)

    async def until_settled(self, contacts: Sequence[ContactRow], *, hours: float = 2.0) -> None:
        """Let virtual time pass until every contact has an outcome or a refusal at the console."""
        wanted = {contact.contact for contact in contacts}
        await self.until(lambda: wanted <= self.outcomes().keys() | self.refusals().keys(), hours=hours)

    # ---- inside ---------------------------------------------------------------------------------------------

    def _recorded(self, recorded: Recorded) -> None:
        if recorded.is_new or isinstance(recorded.arrival.message, BoxState):
            self.seen.append(recorded.arrival.message)  # type: ignore[arg-type]

    def _modem(self, index: int) -> SimulatedModem:
        return SimulatedModem(
            PERSONALITIES["sim7600" if index % 2 == 0 else "ec25"],
            self.network,
            imei=f"35693803564380{index}",
            number=f"+861312345660{index}",
            schedule=self.loop.call_later,
            now_s=self.loop.time,
        )


def contact(place: int, **fields: Any) -> ContactRow:
    """Return a callable contact number `place`; its person, number and last digits follow from it."""
    given: dict[str, Any] = {
        "contact": f"c{place:02d}",
        "person": f"p{place:02d}",
        "numbers": [f"+86131234567{place:02d}"],
        "language": "zh-CN",
        "region": "CN-SH",
        "vars": {
            "callee_name": "王伟",
            "creditor": "安心银行",
            "amount_due": {"minor": 123450, "currency": "CNY"},
            "due_date": "2026-11-10",
            "last4": f"41{place:02d}",
        },
    }
    return ContactRow(**(given | fields))
