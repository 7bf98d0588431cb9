"""Who calls in: the reception of this box, put together from its settings, or the reason why there is none."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from audio.speech.clip_cache import ClipCache
from firmware.calls.handing_over import Switchboard
from firmware.calls.inbound_desk import InboundDesk
from firmware.calls.judging import Judge
from firmware.calls.listening import Hearing
from firmware.calls.reception import Reception
from firmware.calls.scheduler import Scheduler
from firmware.clock import Clock
from firmware.daemon.inbound_in_settings import inbound_terms
from firmware.lines.gsm_line import GsmLine
from firmware.settings import Settings, SettingsError
from firmware.store.database import Database
from firmware.sync.reports import Reports

log = structlog.get_logger()


class Callers:
    """Answers who calls in where the settings say so; everywhere else a caller hears it ring."""

    def __init__(
        self,
        settings: Settings,
        lines: Sequence[Any],
        *,
        database: Database,
        judge: Judge,
        reports: Reports,
        scheduler: Scheduler,
        clips: ClipCache,
        clock: Clock[Any],
        hearing: Hearing | None,
        switchboard: Switchboard | None,
        new_id: Callable[[], str],
        on_change: Callable[[], None],
    ) -> None:
        self.fault = ""
        """Why nobody is answered though the settings want it."""
        self._database = database
        self._reports = reports
        self._reception: Reception | None = None
        try:
            terms = inbound_terms(settings)
        except SettingsError as error:
            self.fault = str(error)
            return
        if terms is None:
            return
        self._reception = Reception(
            [line for line in lines if isinstance(line, GsmLine)],
            desk=InboundDesk(
                terms, database=database, judge=judge, reports=reports, now=clock.now, new_id=new_id
            ),
            taken=scheduler.taken,
            why_idle=scheduler.why_idle,
            clips=clips,
            clock=clock,
            max_call_s=lambda: judge.max_call_s,
            on_change=on_change,
            hearing=hearing,
            switchboard=switchboard,
        )

    @property
    def n_calls(self) -> int:
        """Return how many callers are being talked to."""
        return len(self._reception.visits) if self._reception is not None else 0

    async def run(self) -> None:
        """Answer until cancelled; with a fault, tell the console of it once and let them ring."""
        if self.fault:
            log.error("callers_not_answered", reason=self.fault)
            await self._database.transact(
                lambda con: self._reports.event(con, "callers_not_answered", "alarm", detail=self.fault)
            )
        if self._reception is not None:
            await self._reception.run()

    async def finish(self, *, deadline_s: float) -> None:
        """Answer nobody any more and let the calls under way end politely."""
        if self._reception is not None:
            await self._reception.finish(deadline_s=deadline_s)

    async def heed_console(self) -> None:
        """End what the console's stop forbids."""
        if self._reception is not None:
            await self._reception.heed_console()
