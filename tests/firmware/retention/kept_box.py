"""A box's data directory with people in it, some of whom were called long ago: real store, real packs, real audit log."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firmware.calls.auditing import Auditor, load_audit_key
from firmware.calls.judging import Judge, debt_of
from firmware.clock import ClockState
from firmware.compliance.call import Point
from firmware.compliance.gate import Gate
from firmware.compliance.library import load_packs
from firmware.host.disk_space import DiskBudget
from firmware.lines.line import LineReport, LineStatus
from firmware.retention.keeper import Keeper
from firmware.retention.periods import Defaults
from firmware.rules.in_force import everything_approved
from firmware.store import attempts, campaigns, outbox, outcomes, recordings, retention, sms, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.reports import Reports
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, LineId, PersonId, UuidV7
from tests.firmware.store.store_rows import Rows, add_contacts

DAY = timedelta(days=1)
CALLED = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
NAME = "Ulrike Möglicher-Fundort"
WORDS = "ich zahle am Freitag ganz bestimmt"
LINE = LineReport(line=LineId("line-1"), status=LineStatus.READY, number=E164("+8613123456600"))


class Budget(DiskBudget):
    """A disk with as much room as a test says."""

    free = 10**12

    def free_bytes(self) -> int:
        return type(self).free


class KeptBox:
    """Everything that retention works on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = CALLED
        self.monotonic_s = 0.0
        self.is_trusted = True
        self.is_busy = False
        self.campaign_name, self.flow_text = "Reminder", "flow"
        self.call_log: list[attempts.CallEvent] = []
        (folder / "recordings").mkdir(parents=True, exist_ok=True)
        self.open()

    def open(self, *, database: Database | None = None) -> None:
        """Start the daemon's parts, as after a power cut if they ran before."""
        self.database = database or Database.open(self.folder / "box.db", executor=InlineExecutor())
        approvals = everything_approved(load_packs())
        gate = Gate(load_packs(), approvals)
        ids = UuidV7()
        self.key = load_audit_key(self.folder / "audit.key")
        self.judge = Judge(
            gate=gate,
            approvals=approvals,
            rules=Auditor(self.key, box="b", boot="1"),
            now=lambda: self.now,
            judge_clock=lambda now, high: ClockState(
                trusted=self.is_trusted and not (high and now < high), reason="waiting for the time"
            ),
            lease_s=86400,
            max_call_s=240,
        )
        self.database.run_now(self.judge.check_audit)
        self.keeper = Keeper(
            database=self.database,
            chain=self.judge,
            rules=lambda: gate,
            reports=Reports(self.database.stream, lambda: self.now, lambda: ids.new(1)),
            now=lambda: self.now,
            monotonic_s=lambda: self.monotonic_s,
            data_dir=self.folder,
            defaults=Defaults(),
            disk=Budget(folder=self.folder, low_bytes=2000, scarce_bytes=1000),
            files=InlineExecutor(),
            is_busy=lambda: self.is_busy,
        )

    def wait(self, time: timedelta) -> None:
        self.now += time
        self.monotonic_s += time.total_seconds()

    async def until(self, later: timedelta) -> None:
        """Let days pass up to an age of the calls: a pass soon, another at the end, as if each day had seen one."""
        for step in (min(5 * DAY, CALLED + later - self.now), None):
            self.wait(CALLED + later - self.now if step is None else step)
            self.database.run_now(lambda con: retention.note_pass(con, self.now - DAY))
            await self.keeper.run_pass()

    def person(self, place: int, *, called: bool = True, uploaded: bool = True) -> None:
        """Keep one contact, and one call to them with all that comes of a call."""
        self.database.run_now(lambda con: self._person(con, place, called=called, uploaded=uploaded))

    def _person(self, con: Connection, place: int, *, called: bool, uploaded: bool) -> None:
        rows, campaign = Rows(), CampaignId("c1")
        if campaigns.get_campaign(con, campaign) is None:
            end = CALLED + 10 * DAY
            stored = replace(rows.campaign(expires_at=end), name=self.campaign_name, flow_text=self.flow_text)
            campaigns.add_campaign(con, stored, raw=b"{}", received_at=CALLED)
        number, attempt = number_of(place), AttemptId(f"attempt-{place}")
        contact = rows.contact(
            f"k{place}",
            person=PersonId(f"mensch-{place}"),
            numbers=(number,),
            region="CN-SH",
            vars={"callee_name": f"{NAME} {place}"},
            row=place,
        )
        add_contacts(con, [contact])
        point = Point.PREDIAL if called else Point.ENQUEUE
        judged = self.judge.decide(con, contact, LINE, point, audio_ready=True)
        self.judge.write_audit(con, judged, attempt if called else None)
        if not called:
            return
        attempts.reserve(
            con,
            rows.reservation(
                attempt,
                contact=contact.contact,
                person=contact.person,
                number=number,
                debt=debt_of(contact),
                line_number=LINE.number,
                reserved_at=CALLED,
            ),
        )
        said = json.dumps({"text": f"{WORDS} {place}"}, ensure_ascii=False)
        spoken = attempts.CallEvent(at=CALLED, kind="utterance", detail=said)
        attempts.add_call_events(con, attempt, [*self.call_log, spoken])
        attempts.finish(con, attempt, ended_at=CALLED, disposition=Disposition.NO_DECISION)
        outcomes.add_outcome(
            con,
            outcomes.Outcome(
                attempt=attempt,
                campaign=campaign,
                contact=ContactId(contact.contact),
                person=contact.person,
                disposition=Disposition.NO_DECISION,
                reached=True,
                right_party=True,
                final=False,
                ended_at=CALLED,
                note=f"kept: {NAME} {place}",
            ),
        )
        thanks = sms.SmsOrdered(
            sms=f"{attempt}.0",
            origin="flow",
            attempt=attempt,
            campaign=campaign,
            contact=contact.contact,
            person=contact.person,
            number=number,
            text="thanks",
            language="zh-CN",
            slots=json.dumps({"callee_name": f"{NAME} {place}"}),
            ordered_at=CALLED,
            expires_at=CALLED + DAY,
        )
        sms.add(con, thanks)
        sealed = self.judge.seal_text(con, contact.person, WORDS)
        sms.reserve(con, thanks.sms, line=LINE.line, at=CALLED, n_parts=1, sealed=sealed)
        sms.mark_sent(con, thanks.sms, (7,), CALLED)
        path = self.folder / "recordings" / f"{attempt}.blrec"
        path.write_bytes(b"sealed")
        recordings.add(
            con,
            recordings.StoredRecording(
                recording=attempt,
                attempt=attempt,
                path=path,
                sha256="ab" * 32,
                duration_ms=1000,
                n_bytes=6,
                recipients=("age1x",),
                notice_at=CALLED,
                delete_after=None,
                uploaded_at=CALLED if uploaded else None,
            ),
        )

    # ---- what is there --------------------------------------------------------------------------------------

    def entries(self, kind: str) -> list[dict[str, object]]:
        rows = self.database.run_now(lambda con: con.rows("SELECT body FROM audit ORDER BY seq"))
        bodies = [json.loads(row["body"]) for row in rows]
        return [body["fields"] for body in bodies if body["kind"] == kind]

    def value(self, sql: str) -> object:
        return self.database.run_now(lambda con: con.value(sql))

    def events(self) -> list[str]:
        rows = self.database.run_now(lambda con: outbox.pending(con, 0, 1000))
        return [json.loads(row.body)["event"] for row in rows if b'"event":' in row.body]

    def received(self) -> None:
        """The console has everything so far."""
        self.database.run_now(lambda con: outbox.receipt(con, self.database.stream, outbox.heads(con)[1]))

    def files_with(self, text: str | bytes) -> list[str]:
        """Return the files below the data directory that hold a text, in whatever encoding of JSON."""
        wanted = {text} if isinstance(text, bytes) else {text.encode(), json.dumps(text)[1:-1].encode()}
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and any(piece in path.read_bytes() for piece in wanted)
        )

    def opt_out(self, place: int) -> None:
        entry = suppressions.Suppression(
            id=f"s{place}",
            scope="person",
            person=PersonId(f"mensch-{place}"),
            reason="opt_out",
            source="call",
            at=CALLED,
        )
        self.database.run_now(lambda con: suppressions.add(con, entry))

    def expire(self) -> None:
        self.database.run_now(lambda con: campaigns.expire(con, CALLED + 11 * DAY))


def number_of(place: int) -> E164:
    return E164(f"+8613123456{700 + place}")
