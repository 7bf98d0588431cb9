"""An office with boxes, calls and people, some of whose names mean harm, and a browser without a screen to look at it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

from audio.events import RecordingChunk
from audio.recording import SealedRecording
from audio.transcript import Speaker, TranscriptEntry, to_bytes
from console.claim_book import ClaimBook, FileRecord, SessionRecord
from console.errors import BrokerError
from console.ledger import Arrival, Ledger
from console.ledger_tables import CAMPAIGN, CONTACT
from console.office import Office
from console.release_repository import ReleaseRepository
from console.sent_commands import keep_command
from console.suppressions import add_suppression
from console.web.accounts import add_user
from console.web.desk import Desk
from console.web.ordering import recording_file
from console.web.roles import Role
from firmware.clock import SimulatedClock, to_ms
from firmware.sync.messages import (
    BoxEvent,
    BoxState,
    CallbackWire,
    MoneyWire,
    OutcomeMessage,
    PromiseWire,
    Refusals,
)
from firmware.sync.messages_command import Command, Response
from firmware.sync.messages_sms import SmsOutcome, SmsReply
from firmware.sync.messages_state import LineWire
from firmware.values import Disposition

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
HOSTILE = "<script>alert('x')</script>"
NUMBER = "+8613800138000"
BASE = "https://localhost"
N_OUTCOMES = 120
RECORDED = "attempt-0003"
COMPLAINT = "attempt-0005"
CALLBACK = "attempt-0006"
DISPOSITIONS = (
    Disposition.NO_ANSWER,
    Disposition.BUSY,
    Disposition.PROMISE_FULL,
    Disposition.NO_DECISION,
    Disposition.COMPLAINT,
    Disposition.CALLBACK_SET,
    Disposition.OPT_OUT,
    Disposition.HARDSHIP,
)


@dataclass
class NotedOrders:
    """The way to the boxes, which ends here."""

    answer: str = "done"
    given: list[tuple[str, str, str]] = field(default_factory=list)

    def control(self, box: str, campaign: str, action: str, order: str) -> str:
        self.given.append((box, campaign, action))
        assert order
        return self.answer

    def recall(self, contacts: Sequence[tuple[str, str, str]]) -> list[str]:
        self.given += [(box, contact, "recall") for box, _campaign, contact in contacts]
        return [self.answer for _each in contacts]

    def tell_suppressed(self) -> None:
        if self.answer != "done":
            raise BrokerError("the broker is away")
        self.given.append(("*", "*", "suppress"))

    def fetch(self, box: str, recording: str) -> None:
        self.given.append((box, recording, "fetch"))


def outcome_of(number: int, now: datetime) -> OutcomeMessage:
    disposition = DISPOSITIONS[(number - 1) % len(DISPOSITIONS)]
    ended = now - timedelta(minutes=37 * number)
    answered = disposition not in {Disposition.NO_ANSWER, Disposition.BUSY}
    promise = PromiseWire(due=date(2026, 11, 20), amount=MoneyWire(128050, "CNY"), confirmed=True)
    return OutcomeMessage(
        id=f"id-{number:04d}",
        at=ended,
        stream="s1",
        seq=number,
        attempt=f"attempt-{number:04d}",
        campaign="nov",
        contact=f"c{number % 40:02d}",
        person=f"p{number % 40:02d}",
        line="line-1",
        disposition=disposition,
        reached=answered,
        right_party=disposition is Disposition.PROMISE_FULL,
        final=disposition is Disposition.PROMISE_FULL,
        reserved_at=ended - timedelta(minutes=2),
        answered_at=ended - timedelta(minutes=1) if answered else None,
        ended_at=ended,
        talk_ms=61_000 if answered else 0,
        cause="released_by_callee" if answered else "no_answer",
        promise=promise if disposition is Disposition.PROMISE_FULL else None,
        suppressed="person" if disposition is Disposition.OPT_OUT else None,
        callback=CallbackWire(local="2026-11-05T15:30", at=now + timedelta(days=3))
        if disposition is Disposition.CALLBACK_SET
        else None,
        flow="reminder",
        flow_version=3,
        transfer=HOSTILE if disposition is Disposition.COMPLAINT else None,
        recording="rec-3" if number == 3 else None,
    )


def fill(office: Office, ledger: Ledger, now: datetime) -> None:
    """Let the boxes have called."""
    sha256 = _seal(office)
    lines = [
        LineWire(
            line="line-1", name="东柜台", model="EC25", status="ready", operator="China Mobile", rssi_dbm=-67
        ),
        LineWire(line="line-2", name=HOSTILE, status="faulted", detail="no SIM card", rssi_dbm=-111),
    ]
    state = BoxState(
        id="st-1", at=now, status="online", boot="boot-1", version="0.1.0", lines=lines, outbox=3, clock="trusted",
        dialling="yes",
    )  # fmt: skip
    away = BoxState(id="st-2", at=now, status="offline", boot="boot-2", version="0.1.0")
    event = BoxEvent(
        id="ev-1", at=now, stream="s1", seq=N_OUTCOMES + 1, event="line_faulted", severity="alarm", detail=HOSTILE,
        line="line-2",
    )  # fmt: skip
    refusal = Refusals(
        id="rf-1", at=now, stream="s1", seq=N_OUTCOMES + 2, campaign="nov", contact="c03", verdict="defer",
        rule="CN-HOURS-1", explanation="not before 09:00",
    )  # fmt: skip
    contacts = [
        {
            "box": "b1", "campaign": "nov", "contact": f"c{n:02d}", "place": n, "row": n + 2, "person": f"p{n:02d}",
            "number": NUMBER if n == 5 else f"+86139000000{n:02d}", "debt": f"d{n:02d}", "status": "open",
        }
        for n in range(40)
    ]  # fmt: skip
    with ledger.transaction() as rows:
        rows.execute(
            insert(CAMPAIGN).values(
                box="b1", campaign="nov", name=f"November {HOSTILE}", digest="d", contacts=40, batches=1,
                expires_at=to_ms(now + timedelta(days=9)), pushed_at=to_ms(now),
            )
        )  # fmt: skip
        rows.execute(insert(CONTACT), contacts)
        add_suppression(rows, "person", "p05", "opt_out", now)
        for role in Role:
            add_user(rows, role.value[:3], role, PASSWORD, now)
    _set_up(office, ledger, now)
    messages: list[Any] = [outcome_of(number, now) for number in range(1, N_OUTCOMES + 1)]
    messages[2] = msgspec.structs.replace(messages[2], recording_sha256=sha256)
    text = SmsOutcome(
        id="sm-1", at=now, stream="s1", seq=N_OUTCOMES + 3, sms="sms-1", origin="flow", campaign="nov", contact="c05",
        person="p05", attempt=COMPLAINT, text="payment_link", state="delivered", n_parts=2, ordered_at=now, sent_at=now,
    )  # fmt: skip
    answer = SmsReply(
        id="sr-1", at=now, stream="s1", seq=N_OUTCOMES + 4, reply="r1", line="line-1", number=NUMBER, people=["p05"],
        text=HOSTILE, received_at=now,
    )  # fmt: skip
    said = (*messages, event, refusal, text, answer, state)
    arrivals = [Arrival(box="b1", message=each) for each in said]
    ledger.record([*arrivals, Arrival(box="b2", message=away)], seen_at=now)


def _set_up(office: Office, ledger: Ledger, now: datetime) -> None:
    """Let machines have asked to be boxes, and a release have been rolled out: one box took it, one took it back, one waits."""
    ReleaseRepository.init(
        office.releases, office.folder / "release-keys", n_keys=2, threshold=2, now=now, days=14
    )
    bundle = office.folder / "bundle.tar"
    bundle.write_bytes(b"wheels")
    ReleaseRepository(office.releases).add(bundle, version="1.4.0", arch="any", now=now)
    book = ClaimBook(office)
    whole = {
        "token": "a secret", "issued_at": now, "expires_at": now + timedelta(days=7), "time_zone": "UTC", "language": "en",
    }  # fmt: skip
    book.add_file(FileRecord(id="file-1", used={"b1": "s-2"}, **whole))  # type: ignore[arg-type]
    heard = {
        "file": "file-1",
        "public_key": "00",
        "code_proof": "a proof",
        "version": "1.3.0",
        "first_seen_at": now,
    }
    for session, serial, more in (
        ("s-1", HOSTILE, {}),
        ("s-2", "SN-2", {"state": "taken", "box": "b1"}),
        ("s-3", "SN-3", {"state": "refused", "reason": "code_expired", "detail": "in its own words"}),
    ):
        record = {"session": session, "serial": serial, "last_seen_at": now} | heard | more
        book.put(msgspec.convert(record, SessionRecord))
    ends = {"b1": "update_good", "b2": "update_failed", "b3": ""}
    for number, (box, end) in enumerate(ends.items()):
        asked = Command(
            id=f"cmd-{box}", at=now - timedelta(hours=number), expires_at=now + timedelta(hours=1), name="update",
            arguments={"version": "1.4.0", "when": "hours"},
        )  # fmt: skip
        with ledger.transaction() as rows:
            keep_command(rows, box, asked)
            keep_command(rows, box, asked)
        if not end:
            continue
        told: dict[str, Any] = {"at": now, "stream": "s-up"}
        answer = Response(
            id=f"rs-{box}", seq=1, about=asked.id, name="update", status="done", finished_at=now,
            result={"update": f"u-{box}"}, **told,
        )  # fmt: skip
        event = BoxEvent(
            id=f"up-{box}", seq=2, event=end, severity="warning", detail=f"1.4.0 u-{box} rolled_back",
            facts={"version": "1.4.0", "reason": "rolled_back"}, **told,
        )  # fmt: skip
        ledger.record([Arrival(box=box, message=each) for each in (answer, event)], seen_at=now)


def _seal(office: Office) -> str:
    path = recording_file(office, "rec-3")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    recording = SealedRecording(
        path, [office.recording_recipient.read_text().strip()], started_at="2026-11-02T01:00:00Z"
    )
    moments = np.arange(16_000)
    voice = (8000 * np.sin(moments / 5)).astype("<i2")
    recording.append(
        RecordingChunk(index=0, pcm=np.stack([voice, -voice], axis=1).tobytes(), first_at_ms=0, is_last=True)
    )
    recording.close(
        to_bytes(
            [
                TranscriptEntry(at_ms=-600, speaker=Speaker.BOX, text="这里是晨光银行", prompt="opening"),
                TranscriptEntry(
                    at_ms=900, speaker=Speaker.CALLEE, text=f"下周三我还 {HOSTILE}", confidence=0.87
                ),
                TranscriptEntry(at_ms=1500, speaker=Speaker.CALLEE, text="1", is_key=True),
            ]
        )
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Visitor:
    """A browser without a screen: keeps cookies, finds the token that a form needs."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, base_url=BASE, headers=headers)

    def text(self, path: str) -> str:
        """Return a page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, path
        return answer.get_data(as_text=True)

    def post(self, path: str, fields: dict[str, str], *, form_at: str) -> TestResponse:
        """Send a form as the page at `form_at` would."""
        page = self.get(form_at).get_data(as_text=True)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token, page
        return self.client.post(
            path, data=fields | {"csrf_token": token[1]}, base_url=BASE, headers={"Referer": BASE + form_at}
        )

    def sign_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/sign-in", {"name": name, "password": password, "next": ""}, form_at="/sign-in")


@dataclass
class World:
    """The application and what stands behind it."""

    app: Flask
    desk: Desk
    orders: NotedOrders
    clock: SimulatedClock

    def visitor(self, role: Role | None = None) -> Visitor:
        """Return a visitor, signed in if a role is named."""
        visitor = Visitor(self.app)
        if role is not None:
            answer = visitor.sign_in(role.value[:3])
            assert answer.status_code == 302, answer.get_data(as_text=True)
        return visitor
