"""All that talks to people on this box, wired: the desk, who places calls, when, and who answers those that ring back."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Set
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from audio.speech.clip_cache import ClipCache
from audio.speech.synthesis import Synthesizer
from audio.speech.voices import Voices
from firmware.calls.desk import Desk
from firmware.calls.handing_over import Switchboard
from firmware.calls.judging import Judge
from firmware.calls.listening import Hearing
from firmware.calls.placing import CallPlacer, FlowBook
from firmware.calls.prompts_ahead import PromptsAhead
from firmware.calls.scheduler import Scheduler
from firmware.daemon.agents_in_settings import roster_of
from firmware.daemon.callers import Callers
from firmware.daemon.line_history import LineHistory
from firmware.daemon.messenger import WAKES, messenger
from firmware.daemon.worlds import World
from firmware.lines.line import LineReport, LineStatus
from firmware.lines.supervisor import keep_alive
from firmware.lines.texting import TextingLine
from firmware.settings import Settings
from firmware.store.database import Database
from firmware.sync.reports import Reports

log = structlog.get_logger()
WorldT = TypeVar("WorldT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Where blocking work goes; tests in virtual time give inline executors."""

    recording: Executor
    speech: Executor


class Calling(Generic[WorldT]):
    """The parts of the box that hold conversations; `tasks` names what runs while it serves."""

    def __init__(
        self,
        settings: Settings,
        world: World[WorldT],
        *,
        database: Database,
        judge: Judge,
        reports: Reports,
        synthesizer: Synthesizer | Voices,
        workers: Workers,
        hearing: Hearing | None,
        recordings: Path,
        why_no_room: Callable[[], str],
        new_id: Callable[[], str],
        on_change: Callable[[], None],
    ) -> None:
        """Wire the parts; without `hearing` calls go by keys alone. `recordings` is a folder."""
        clock = world.clock
        self._lines = world.lines
        self._on_change = on_change
        self.desk = Desk(
            database=database,
            judge=judge,
            reports=reports,
            now=clock.now,
            new_id=new_id,
            language=settings.box.language,
            why_no_room=why_no_room,
        )
        clips = ClipCache(synthesizer, recordings.parent / "prompts", executor=workers.speech)
        roster = roster_of(settings)
        board = (
            None
            if roster is None
            else Switchboard(
                roster,
                desk=self.desk,
                borrow=lambda *, deadline_s, among: self.scheduler.borrowed(
                    deadline_s=deadline_s, among=among
                ),
                line_ids=lambda: [line.line_id for line in world.lines],
                clips=clips,
                now=clock.now,
                now_s=clock.monotonic_s,
            )
        )
        self.placer = CallPlacer(
            desk=self.desk,
            flows=FlowBook(),
            clips=clips,
            clock=clock,
            recordings=recordings,
            recipients=tuple(settings.console.recording_recipients),
            recording_executor=workers.recording,
            max_call_s=settings.dialling.max_call_s,
            hearing=hearing,
            switchboard=board,
            sends_texts=any(isinstance(line, TextingLine) for line in world.lines),
        )
        self._prompts_ahead = PromptsAhead(desk=self.desk, placer=self.placer, now=clock.now)
        self.scheduler: Scheduler = Scheduler(
            lines=world.lines, desk=self.desk, placer=self.placer, now=clock.now, on_change=on_change
        )
        self.callers = Callers(
            settings,
            world.lines,
            database=database,
            judge=judge,
            reports=reports,
            scheduler=self.scheduler,
            clips=clips,
            clock=clock,
            hearing=hearing,
            switchboard=board,
            new_id=new_id,
            on_change=on_change,
        )
        self.messenger = messenger(
            world.lines,
            database=database,
            judge=judge,
            desk=self.desk,
            reports=reports,
            scheduler=self.scheduler,
            now=clock.now,
            new_id=new_id,
        )
        self._line_history = LineHistory(database, now=clock.now)
        for line in world.lines:
            line.on_change = self._line_changed

    @property
    def n_calls(self) -> int:
        """Return how many people are being rung up, talked to or answered."""
        return len(self.scheduler.active) + self.callers.n_calls

    @property
    def is_busy(self) -> bool:
        """Whether a call is up."""
        return self.n_calls > 0

    def line_tasks(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what keeps each line in service, with its name."""
        for line in self._lines:
            yield f"line:{line.line_id}", keep_alive(line)
        yield "line-history", self._line_history.run()

    def tasks(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what calls and what answers, with its name; not to be run where the gate cannot be trusted."""
        yield "scheduler", self.scheduler.run()
        yield "prompts-ahead", self._prompts_ahead.run()
        yield "callers", self.callers.run()
        yield "texts", self.messenger.run()

    async def finish(self, *, deadline_s: float) -> None:
        """Start no call any more; those under way end politely, or are ended at the deadline."""
        await asyncio.gather(
            self.scheduler.finish(deadline_s=deadline_s),
            self.callers.finish(deadline_s=deadline_s),
            self.messenger.finish(deadline_s=deadline_s),
        )

    def heed_database(self, touched: Set[str]) -> None:
        """Look whether a message may go out now that something was committed."""
        if touched & WAKES:
            self.messenger.wake()

    def _line_changed(self, report: LineReport) -> None:
        log.info(
            "line", line=report.line, status=report.status.value, detail=report.detail, model=report.model
        )
        self._line_history.see(report)
        self._on_change()
        if report.status is LineStatus.READY:
            self.scheduler.wake()
            self.messenger.wake()
