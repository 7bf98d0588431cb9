"""Answers who calls in: lets them in or turns them away, has the inbound flow talk to them, writes down what came of it.

One task a call. A call of ours that is on, or lent to somebody, goes first: who calls in meanwhile waits for its line.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from functools import partial
from typing import Any, Protocol

import structlog

from audio.errors import AudioError
from audio.events import RecordingChunk
from audio.frame import Clip
from audio.speech.clip_cache import ClipCache
from firmware.calls.borrowing import LineBusyError
from firmware.calls.handing_over import HandOver, Switchboard
from firmware.calls.inbound_desk import InboundDesk, LetIn, Times
from firmware.calls.listening import CallListener, Hearing
from firmware.calls.outcome import CallLog, Conclusion, conclude
from firmware.calls.session import CallSession
from firmware.calls.stopping import CallInHand
from firmware.clock import Clock
from firmware.compliance.numbering import shown_number
from firmware.dialogue.inbound import LAST_CALLED
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.speaking import in_words
from firmware.lines.line import AnsweringLine, Ended, EndKind, LineCall, LineNotReadyError
from firmware.store.errors import StoreError
from firmware.values import E164, Disposition, LineId, mask

log = structlog.get_logger()

CALLER_WITHIN_S = 2.0
"""How long after the first RING a number may still be told."""
CALLER_LOOK_S = 0.1
LINE_WITHIN_S = 20.0
"""How long somebody may ring before who has the line lets it go."""
PROMPTS_WITHIN_S = 10.0
STORE_PAUSE_S = 5.0
LAST_CALLED_FOR = timedelta(days=30)
"""A call of ours longer ago is not spoken of."""


class Taken(Protocol):
    """How a line is kept from calls of ours."""

    def __call__(self, line: LineId, *, deadline_s: float) -> AbstractAsyncContextManager[None]:
        """Keep calls off the line inside the block. Raises LineBusyError."""
        ...


class NoRecording:
    """What comes in is not recorded."""

    def start(self) -> None:
        """Refuse: no inbound flow announces a recording."""
        raise AssertionError("an inbound flow that records was refused when it was read")

    def append(self, chunk: RecordingChunk) -> None:
        """Keep nothing."""


class Reception:
    """Answers the lines it was given while `run` runs."""

    def __init__(
        self,
        lines: Sequence[AnsweringLine[Any]],
        *,
        desk: InboundDesk,
        taken: Taken,
        why_idle: Callable[[LineId], str],
        clips: ClipCache,
        clock: Clock[Any],
        max_call_s: Callable[[], int],
        on_change: Callable[[], None],
        hearing: Hearing | None = None,
        switchboard: Switchboard | None = None,
    ) -> None:
        """Without `hearing` calls go by keys alone, without `switchboard` nobody is put through.

        `why_idle` says why nobody is to be talked to on a line now, empty when nothing forbids it.
        """
        self.visits: dict[LineId, CallInHand] = {}
        wanted = desk.terms.lines
        self._lines = [line for line in lines if not wanted or line.line_id in wanted]
        for line in self._lines:
            line.expect_callers()
        self._desk = desk
        self._taken = taken
        self._why_idle = why_idle
        self._clips = clips
        self._clock = clock
        self._max_call_s = max_call_s
        self._on_change = on_change
        self._hearing = hearing
        self._switchboard = switchboard
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def run(self) -> None:
        """Close what a crash cut short, have the words ready, and answer until cancelled."""
        if cut := await self._desk.close_cut_short():
            log.warning("inbound_calls_recovered", count=cut)
        await self._warm_up()
        for line in self._lines:
            line.on_ringing = partial(self._rang, line)
        try:
            await asyncio.Event().wait()
        finally:
            for line in self._lines:
                line.on_ringing = None
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def finish(self, *, deadline_s: float) -> None:
        """Answer nobody any more and let the calls under way end politely."""
        self._is_closing = True
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=deadline_s)
            if late:
                self._stop_all(Disposition.CANCELLED)
                await asyncio.wait(late, timeout=deadline_s)

    async def heed_console(self) -> None:
        """End every call under way once the console has stopped everything."""
        if self.visits and await self._desk.is_stopped():
            self._stop_all(Disposition.CANCELLED)

    def _stop_all(self, why: Disposition) -> None:
        for visit in list(self.visits.values()):
            visit.stop(why)

    # ---- one call -----------------------------------------------------------------------------------------

    def _rang(self, line: AnsweringLine[Any]) -> None:
        task = asyncio.create_task(self._receive(line), name=f"inbound:{line.line_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._on_change()

    async def _receive(self, line: AnsweringLine[Any]) -> None:
        try:
            caller = await self._caller_of(line)
            async with self._taken(line.line_id, deadline_s=LINE_WITHIN_S):
                if line.is_rung:
                    await self._welcome(line, caller)
        except LineBusyError:
            log.info("caller_not_answered", line=line.line_id, reason="the line is in use")
        except StoreError as error:
            log.warning("caller_not_answered", line=line.line_id, reason=str(error))
        except Exception:
            log.exception("inbound_call_crashed", line=line.line_id)
        finally:
            await line.turn_away()  # whoever still rings; the line is free for calls of ours
            self._on_change()

    async def _caller_of(self, line: AnsweringLine[Any]) -> E164 | None:
        """Return the number shown; None where it is withheld, or is none that could be called.

        A modem tells it after the first RING. Who shows none where it comes at once keeps the line from nobody.
        """
        until_s = self._clock.monotonic_s() + (CALLER_WITHIN_S if line.answers_strangers else 0.0)
        while line.is_rung and not line.caller and self._clock.monotonic_s() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(CALLER_LOOK_S)
        home = line.report.number or await self._desk.number_last_called()
        shown = shown_number(line.caller, home)
        if not line.answers_strangers and line.caller.isdigit():
            # Some SIP servers write whole numbers without a plus.
            whole = shown_number(f"+{line.caller}", home)
            if whole is not None and await self._desk.knows(E164(whole)):
                return E164(whole)
        return E164(shown) if shown is not None else None

    async def _welcome(self, line: AnsweringLine[Any], caller: E164 | None) -> None:
        idle = "the box is stopping" if self._is_closing else self._why_idle(line.line_id)
        let_in = idle or await self._desk.let_in(line.report, caller, is_for_all=line.answers_strangers)
        if isinstance(let_in, str):
            log.info("caller_turned_away", line=line.line_id, caller=mask(caller or ""), reason=let_in)
            return
        visit = self.visits[line.line_id] = CallInHand()
        try:
            await self._talk(line, let_in, visit)
        finally:
            del self.visits[line.line_id]

    async def _talk(self, line: AnsweringLine[Any], let_in: LetIn, visit: CallInHand) -> None:
        began_at, began_s = self._clock.now(), self._clock.monotonic_s()
        dialogue = self._dialogue(line, let_in)
        clips = await self._spoken(dialogue)
        session = self._session(line, let_in, dialogue, clips)
        visit.session = session
        if visit.stopped is not None:
            session.stop(visit.stopped)
        if clips is None:
            call_log = _not_taken(self._clock.monotonic_s(), "the words were not ready in time")
        else:
            call_log = await session.run()
        conclusion = conclude(call_log)
        times = Times(
            began_at=began_at,
            began_s=began_s,
            answered_s=session.answered_s,
            ended_at=self._clock.now(),
        )
        disposition = await self._conclude_for_certain(let_in, session, call_log, conclusion, times)
        log.info(
            "inbound_call_ended",
            call=let_in.call.call,
            line=line.line_id,
            caller=mask(let_in.call.caller or ""),
            disposition=disposition.value,
            suppressed=sorted(conclusion.suppressions),
        )

    async def _conclude_for_certain(
        self,
        let_in: LetIn,
        session: CallSession,
        call_log: CallLog,
        conclusion: Conclusion,
        times: Times,
    ) -> Disposition:
        """Write the outcome, however long the disk refuses: nobody else knows what was said."""
        said = False
        while True:
            try:
                return await self._desk.conclude(let_in, session, call_log, conclusion, at=times)
            except StoreError as error:
                if not said:
                    said = True
                    log.error("outcome_waits_for_disk", call=let_in.call.call, reason=str(error))
                await asyncio.sleep(STORE_PAUSE_S)

    def _session(
        self, line: AnsweringLine[Any], let_in: LetIn, dialogue: Dialogue, clips: Mapping[str, Clip] | None
    ) -> CallSession:
        call = let_in.call

        async def pick_up() -> LineCall:
            if not line.is_rung:
                raise LineNotReadyError("the caller has given up")
            return await line.answer()

        async def never() -> tuple[bool, str]:
            return False, "inbound"

        async def suppress(scope: str, reason: str) -> None:
            try:
                await self._desk.suppress(let_in, scope, reason)
            except StoreError as error:
                # It is written again with the outcome, and until then this line takes no other call.
                log.warning("suppression_waits_for_disk", call=call.call, reason=str(error))

        return CallSession(
            line=line,
            number=call.caller or E164(""),
            dialogue=dialogue,
            clip=(clips or {}).__getitem__,
            recorder=NoRecording(),
            may_mention_debt=never,
            suppress=suppress,
            on_stage=lambda _stage, _doing: self._on_change(),
            ring_timeout_s=0.0,
            max_call_s=self._max_call_s(),
            now_s=self._clock.monotonic_s,
            listener=self._listener(line, let_in, dialogue),
            hand_over=None
            if self._switchboard is None
            else HandOver(
                self._switchboard, attempt=call.call, contact=let_in.contact, line=line.line_id, name=""
            ),
            pick_up=pick_up,
        )

    # ---- what is said -------------------------------------------------------------------------------------

    def _dialogue(self, line: AnsweringLine[Any] | None, let_in: LetIn | None) -> Dialogue:
        """Return the conversation with this caller, in their language where the box knows it."""
        terms = self._desk.terms
        known = let_in.known if let_in is not None else None
        wanted = terms.flow.resolve_language(known.language) if known and known.language else None
        language = wanted if wanted in terms.values else terms.language
        board = self._switchboard
        now = self._clock.now()
        zones = [terms.zone] if let_in is None else self._desk.zones_of(let_in)
        values: dict[str, str] = dict(terms.values[language])
        last = known.last_called_at if known is not None else None
        if LAST_CALLED in terms.flow.vars and last is not None and now - last <= LAST_CALLED_FOR:
            values[LAST_CALLED] = last.astimezone(terms.zone).date().isoformat()
        return Dialogue(
            terms.flow,
            terms.flow.check_vars(values, language),
            language=language,
            today=self._today(let_in),
            promise_max_days=0,
            understands=self._hearing is not None and self._hearing.ears.hears(language),
            local_time=now.astimezone(zones[0]).time() if len(zones) == 1 else None,
            can_hand_over=line is not None
            and board is not None
            and board.why_nobody(language, line.line_id) is None,
        )

    def _today(self, let_in: LetIn | None) -> date:
        zones = [self._desk.terms.zone] if let_in is None else self._desk.zones_of(let_in)
        now = self._clock.now()
        return min(now.astimezone(zone).date() for zone in zones)

    async def _spoken(self, dialogue: Dialogue) -> Mapping[str, Clip] | None:
        """Return every phrase rendered; None when that takes longer than somebody lets it ring."""
        clips: dict[str, Clip] = {}
        try:
            async with asyncio.timeout(PROMPTS_WITHIN_S):
                for language in dialogue.languages:
                    said = {
                        phrase: in_words(phrase, language) for phrase in sorted(dialogue.phrases(language))
                    }
                    rendered = await self._clips.prepare(said.values(), language)
                    clips |= {phrase: rendered[words] for phrase, words in said.items()}
        except (AudioError, TimeoutError) as error:
            log.warning("inbound_words_not_ready", reason=str(error) or "speech synthesis is too slow")
            return None
        return clips

    async def _warm_up(self) -> None:
        """Have everything spoken once before somebody calls: who rings does not wait for a slow voice."""
        for language in self._desk.terms.values:
            values = self._desk.terms.flow.check_vars(self._desk.terms.values[language], language)
            dialogue = Dialogue(
                self._desk.terms.flow, values, language=language, today=self._today(None), promise_max_days=0
            )
            words = [in_words(phrase, language) for phrase in sorted(dialogue.phrases(language))]
            try:
                await self._clips.prepare(words, language)
            except AudioError as error:
                log.warning("inbound_words_not_ready", language=language, reason=str(error))

    def _listener(self, line: AnsweringLine[Any], let_in: LetIn, dialogue: Dialogue) -> CallListener | None:
        if self._hearing is None or not dialogue.understands:
            return None
        return CallListener(
            self._hearing,
            language=dialogue.language,
            today=self._today(let_in),
            now_s=self._clock.monotonic_s,
            name=line.line_id,
        )


def _not_taken(at_s: float, why: str) -> CallLog:
    ended = Ended(at_s=at_s, kind=EndKind.LOCAL_FAULT, evidence=(why,))
    return CallLog(ended=ended, answered=False, human_heard=False, verified=False, decided=None)
