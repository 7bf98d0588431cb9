"""Takes the legal holds that were asked for at the box, and writes every hold and release into the audit log."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from firmware.retention import hold_requests
from firmware.retention.contracts import Chain
from firmware.retention.hold_requests import HoldRequest, HoldRequestError
from firmware.store import legal_holds
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.store.legal_holds import LegalHold
from firmware.store.operator_events import OperatorEvents


class HoldDesk:
    """Where holds come in and are accounted for; asked before anything is deleted."""

    def __init__(
        self,
        *,
        database: Database,
        chain: Chain,
        reports: OperatorEvents,
        now: Callable[[], datetime],
        data_dir: Path,
    ) -> None:
        self._database = database
        self._chain = chain
        self._reports = reports
        self._now = now
        self._data_dir = data_dir

    async def take_requests(self) -> str:
        """Take what was asked for at the box, and return why some of it cannot be taken: then nothing is deleted."""
        problem = ""
        try:
            paths = hold_requests.waiting(self._data_dir)
            for path in paths[: hold_requests.MOST_TAKEN]:
                try:
                    request = hold_requests.read_request(path)
                except HoldRequestError as error:
                    problem = str(error)
                    continue
                await self._take(request)
                path.unlink(missing_ok=True)
            if len(paths) > hold_requests.MOST_TAKEN:
                problem = "more requests for legal holds wait"
        except (HoldRequestError, OSError) as error:
            problem = str(error)
        return problem

    async def _take(self, request: HoldRequest) -> None:
        def work(con: Connection) -> None:
            try:
                apply_request(con, request, self._now())
            except StoreConflictError as error:
                self._reports.event(con, "legal_hold_refused", "warning", detail=str(error))

        await self._database.transact(work)

    async def tell_holds(self) -> None:
        """Write into the audit log what it lacks about holds, once its entries can be dated."""
        if not await self._database.read(legal_holds.unaudited):
            return
        if await self._database.read(self._chain.why_undatable):
            return

        def work(con: Connection) -> None:
            for hold in legal_holds.unaudited(con):
                if legal_holds.n_audited(con, hold.hold) < 1:
                    self._chain.note(con, "legal_hold", self._fields_of(hold, "set"))
                if not hold.is_in_force:
                    self._chain.note(con, "legal_hold", self._fields_of(hold, "released"))
                legal_holds.note_audited(con, hold.hold, 1 if hold.is_in_force else 2)

        await self._database.transact(work)

    def _fields_of(self, hold: LegalHold, action: str) -> dict[str, object]:
        of_person = hold.scope == "person"
        return {
            "action": action,
            "hold": hold.hold,
            "scope": hold.scope,
            "subject": self._chain.person_ref(hold.subject) if of_person else hold.subject,
            "by": hold.by if action == "set" else hold.released_by,
            "reason": hold.reason if action == "set" else hold.release_reason,
            "source": hold.source,
            "since": hold.set_at if action == "set" else hold.released_at,
        }


def apply_request(con: Connection, request: HoldRequest, now: datetime) -> None:
    """Set or release a hold that was asked for at the box. Raises StoreConflictError."""
    if request.action == "release":
        legal_holds.release(con, request.hold, by=request.by, reason=request.reason, at=now)
        return
    assert request.scope is not None
    assert request.subject is not None
    legal_holds.set_hold(
        con,
        LegalHold(
            hold=request.hold,
            scope=request.scope,
            subject=request.subject,
            by=request.by,
            reason=request.reason,
            source="local",
            set_at=now,
        ),
    )
