"""A box without modems: the firmware's own database, downlink, uplink, outcomes and recordings; only the call is told, not made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from audio.events import RecordingChunk
from audio.recording import SealedRecording
from console.office import Office
from firmware.calls.closing import CallResult, Closing
from firmware.calls.outcome import CallLog, PromiseMade, conclude
from firmware.calls.recording import RecordingResult
from firmware.clock import SimulatedClock, to_ms
from firmware.daemon.campaign_checks import campaign_check
from firmware.lines.line import Ended, EndKind
from firmware.store import attempts, contacts, outbox, sms
from firmware.store.attempts import Reservation
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.connection import MqttConnection
from firmware.sync.downlink import Downlink
from firmware.sync.key_ring import KeyRing
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles
from firmware.sync.recording_sender import RecordingSender
from firmware.sync.reports import Reports
from firmware.sync.signing import key_id, load_public_key
from firmware.sync.topics import BoxTopics
from firmware.sync.uplink import Uplink
from firmware.sync.upload_pace import UploadPace, UploadTerms
from firmware.values import AttemptId, Disposition, LineId, Money, UuidV7
from tests.firmware.sync.sync_world import TakesEveryRelease

AT_ONCE = 100
"""Calls in one transaction: it is the console that is looked at."""
RINGS, TALKS = timedelta(seconds=12), timedelta(seconds=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What becomes of a call."""

    ended: EndKind
    answered: bool = False
    decided: Disposition | None = None
    promises: Money | None = None
    suppresses: str = ""
    is_recorded: bool = False


Behaviour = Callable[[StoredContact], Told | None]
"""What becomes of a call to somebody; None: the rules hold it back."""


Noted = tuple[datetime, str, dict[str, Any]]


class CallingBox:
    """Takes lists, says what it was told came of the calls, keeps all of it until the console has it."""

    def __init__(self, office: Office, box: str, folder: Path, clock: SimulatedClock) -> None:
        files = office.box_folder(box)
        tls = TlsFiles(ca=files / "ca.crt", certificate=files / "box.crt", key=files / "box.key")
        self._settings = MqttSettings(
            host=office.broker_host, port=office.broker_port, client_id=box, tls=tls, session_expiry_s=600
        )
        self._topics = BoxTopics(office.tenant, box)
        keys = [load_public_key(path) for path in (files / "console-keys").iterdir()]
        self._keys = KeyRing({key_id(key): key for key in keys}, clock.now)
        self._recipient = office.recording_recipient.read_text(encoding="utf-8").strip()
        self._folder = folder
        self._clock = clock
        self._ids = UuidV7()
        self.database = Database.open(folder / "box.db", executor=InlineExecutor())
        self._reports = Reports(self.database.stream, clock.now, self._new_id)
        self._closing = Closing(self._reports, clock.now, self._new_id)

    @asynccontextmanager
    async def online(self) -> AsyncIterator["CallingBox"]:
        """Be connected, listen and speak."""
        async with MqttConnection(self._settings, subscriptions=self._topics.subscriptions()) as link:
            recordings = RecordingSender(
                self.database, link, self._topics,
                pace=UploadPace(UploadTerms(kbit_s=100_000, opens=time(0), closes=time(0), time_zone=UTC)),
                now=self._clock.now, new_id=self._new_id,
            )  # fmt: skip
            downlink = Downlink(
                self.database, self._topics, self._keys, clock=self._clock, ids=self._ids, check=campaign_check(),
                rules=TakesEveryRelease(), on_fetch=recordings.fetch,
            )  # fmt: skip
            uplink = Uplink(self.database, link, self._topics)
            tasks = [
                asyncio.create_task(each) for each in (recordings.run(), downlink.run(link), uplink.run())
            ]
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                await self.database.close()
                assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended

    async def call_everybody(self, behaviour: Behaviour) -> int:
        """Call who is due until nobody is. Return how many calls there were."""
        n_calls = 0
        while due := await self.database.read(
            lambda con: contacts.due_contacts(con, self._clock.now(), AT_ONCE)
        ):
            n_calls += await self.database.transact(partial(self._call, due, behaviour))
        return n_calls

    async def send_texts(self, *, n_expected: int) -> int:
        """Wait until so many messages were ordered, and tell that each was sent. Return how many those are."""
        ordered = asyncio.Event()
        unsubscribe = self.database.subscribe(lambda _tables: ordered.set())
        while await self.database.read(sms.n_waiting) < n_expected:
            ordered.clear()
            await ordered.wait()
        unsubscribe()

        def work(con: Connection) -> int:
            waiting = sms.due(con, self._clock.now(), n_expected)
            for each in waiting:
                sms.reserve(con, each.sms, line=LineId(each.sms), at=self._clock.now(), n_parts=1, sealed=b"")
                sms.mark_sent(con, each.sms, (1,), self._clock.now())
                message = sms.get(con, each.sms)
                assert message is not None
                self._reports.sms(con, message)
            return len(waiting)

        return await self.database.transact(work)

    async def until_told(self) -> None:
        """Wait until the console has receipted everything."""
        changed = asyncio.Event()
        unsubscribe = self.database.subscribe(lambda _tables: changed.set())
        try:
            while True:
                changed.clear()
                if not (await self.database.read(outbox.depth)).n_waiting:
                    return
                await changed.wait()
        finally:
            unsubscribe()

    def _call(self, due: list[StoredContact], behaviour: Behaviour, con: Connection) -> int:
        n_calls = 0
        for contact in due:
            told = behaviour(contact)
            if told is None:
                self._reports.standing(con, contact, "refuse", "ALL-STS-1")
                contacts.set_done(con, contact.campaign, contact.contact, Disposition.BLOCKED)
                continue
            n_calls += 1
            self._closing.conclude(con, self._result(con, contact, told))
        return n_calls

    def _result(self, con: Connection, contact: StoredContact, told: Told) -> CallResult:
        attempt, reserved_at = AttemptId(self._new_id()), self._clock.now()
        attempts.reserve(
            con,
            Reservation(
                attempt=attempt, campaign=contact.campaign, contact=contact.contact, person=contact.person,
                debt=contact.debt, number=contact.numbers[0], line=LineId("line-1"), reserved_at=reserved_at,
            ),
        )  # fmt: skip
        contacts.set_in_call(con, contact.campaign, contact.contact)
        answered_at = reserved_at + RINGS if told.answered else None
        promise = (
            None
            if told.promises is None
            else PromiseMade(
                due=(reserved_at + timedelta(days=5)).date(), amount=told.promises, confirmed=True
            )
        )
        log = CallLog(
            ended=Ended(at_s=0, kind=told.ended), answered=told.answered, human_heard=told.answered,
            verified=told.answered, decided=told.decided, promise=promise,
            suppressed=(told.suppresses,) if told.suppresses else (),
        )  # fmt: skip
        return CallResult(
            attempt=attempt, contact=contact, line=LineId("line-1"), conclusion=conclude(log), log=log,
            events=self._events(answered_at, told), reserved_at=reserved_at, answered_at=answered_at,
            ended_at=reserved_at + (RINGS + TALKS if told.answered else RINGS),
            recording=self._recording(attempt, reserved_at) if told.is_recorded else RecordingResult(summary=None),
            recipients=(self._recipient,), flow="overdue-reminder", flow_version=1,
        )  # fmt: skip

    def _events(self, answered_at: datetime | None, told: Told) -> tuple[Noted, ...]:
        if answered_at is None:
            return ()
        events: list[Noted] = [
            (answered_at + timedelta(milliseconds=640), "prompt_started", {"prompt": "opening"})
        ]
        if told.suppresses:
            events.append((answered_at, "suppress", {"scope": told.suppresses, "reason": str(told.decided)}))
        return tuple(events)

    def _recording(self, attempt: AttemptId, at: datetime) -> RecordingResult:
        sealed = SealedRecording(
            self._folder / f"{attempt}.blrec", [self._recipient], started_at=at.isoformat()
        )
        moments = np.arange(16_000)
        sound = np.stack([6000 * np.sin(moments / 4), 3000 * np.sin(moments / 9)], axis=1).astype("<i2")
        sealed.append(RecordingChunk(index=0, pcm=sound.tobytes(), first_at_ms=0, is_last=True))
        return RecordingResult(summary=sealed.close())

    def _new_id(self) -> str:
        return self._ids.new(to_ms(self._clock.now()))
