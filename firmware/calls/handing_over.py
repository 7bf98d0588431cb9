"""Handing a call over to a person: finds an agent for one call, in order, and keeps the agent's call until it is over.

One task per hand-over owns the borrowed line and the agent's leg; it tells the call's session what it has found.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog

from audio.errors import AudioError
from audio.frame import Clip
from audio.speech.clip_cache import ClipCache
from firmware.calls.agent_leg import UNANSWERED, AgentLeg
from firmware.calls.agents import Agent, HandOverFacts, HandOverResult, Roster
from firmware.calls.borrowing import Borrow, LineBusyError
from firmware.calls.desk import Desk
from firmware.calls.whisper import Briefing, briefing_words, invitation
from firmware.lines.line import LineCall, LineError, TransfersCalls
from firmware.store.campaigns import StoredContact
from firmware.store.errors import StoreError
from firmware.values import AttemptId, LineId

log = structlog.get_logger()

CLIP_DEADLINE_S = 5.0
"""How long an agent who answered may wait for a voice that is slow."""
LAST_WORD_S = 5.0
REFER_GRACE_S = 5.0
"""What a trunk may take, beside the ringing, to put a call through."""
R = HandOverResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An agent has taken the call, and waits to be joined."""

    leg: AgentLeg


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """No agent took the call."""

    result: HandOverResult


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLeft:
    """The agent hung up, or their call was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """An agent has taken the call, and the trunk has put it through: ours may end."""


HandOverNews = Found | Nobody | AgentLeft | Transferred


class Switchboard:
    """All that hand-overs of one box share: who may be called, over which lines, and who is being called."""

    def __init__(
        self,
        roster: Roster,
        *,
        desk: Desk,
        borrow: Borrow,
        line_ids: Callable[[], Sequence[LineId]],
        clips: ClipCache,
        now: Callable[[], datetime],
        now_s: Callable[[], float],
    ) -> None:
        """Take what hand-overs need; `line_ids` are those of all lines of the box."""
        self.roster = roster
        self.desk = desk
        self.borrow = borrow
        self.clips = clips
        self.now_s = now_s
        self._line_ids = line_ids
        self._now = now
        self._engaged: set[str] = set()

    def why_nobody(self, language: str, own_line: LineId) -> HandOverResult | None:
        """Return why it is vain to seek an agent now for a call on `own_line`."""
        return self.roster.why_nobody(language, self._now(), self._others(own_line), own_line)

    def on_duty(self, language: str, own_line: LineId) -> list[Agent]:
        """Return who may be called now for a call on `own_line`."""
        others = self._others(own_line)
        there = self.roster.on_duty(language, self._now())
        return [agent for agent in there if agent.is_reached(others, own_line)]

    def _others(self, own_line: LineId) -> frozenset[LineId]:
        return frozenset(self._line_ids()) - {own_line}

    @contextlib.contextmanager
    def engaging(self, agent: Agent) -> Iterator[bool]:
        """Keep other calls from ringing the same agent; False when one has them already."""
        if agent.agent in self._engaged:
            yield False
            return
        self._engaged.add(agent.agent)
        try:
            yield True
        finally:
            self._engaged.discard(agent.agent)


class HandOver:
    """The hand-over of one call. `attach` before anything else; `close` when the call is over."""

    def __init__(
        self,
        switchboard: Switchboard,
        *,
        attempt: AttemptId,
        contact: StoredContact,
        line: LineId,
        name: str,
    ) -> None:
        """`name`: who was called, for the agent's ear alone."""
        self.terms = switchboard.roster.terms
        self.began_s: float | None = None
        self.joined_s: float | None = None
        self._switchboard = switchboard
        self._attempt = attempt
        self._contact = contact
        self._line = line
        self._name = name
        self._post: Callable[[HandOverNews], None] = lambda _news: None
        self._callee: Callable[[], LineCall | None] = lambda: None
        self._note: Callable[..., None] = lambda _kind, **_detail: None
        self._task: asyncio.Task[None] | None = None
        self._agent = ""
        self._n_called = 0
        self._result: HandOverResult | None = None
        self._over_s: float | None = None
        self._transferring: asyncio.Task[Any] | None = None
        self._was_taken = False

    def attach(
        self,
        post: Callable[[HandOverNews], None],
        note: Callable[..., None],
        callee: Callable[[], LineCall | None],
    ) -> None:
        """Say where the news go, what is to be kept in the call's record, and which call is to be handed over."""
        self._post, self._note, self._callee = post, note, callee

    @property
    def is_open(self) -> bool:
        """Say whether an agent is being sought."""
        return self._task is not None and not self._task.done() and self._result is None

    @property
    def facts(self) -> HandOverFacts | None:
        """Return what became of it, None when nobody was wished for."""
        if self._result is None:
            return None
        begun_s = self.began_s if self.began_s is not None else 0.0
        until_s = self.joined_s if self.joined_s is not None else self._over_s
        over_s = self._over_s if self._over_s is not None else self._switchboard.now_s()
        return HandOverFacts(
            result=self._result,
            agent=self._agent,
            n_called=self._n_called,
            waited_ms=0 if until_s is None else round(1000 * (until_s - begun_s)),
            talk_ms=0 if self.joined_s is None else round(1000 * (over_s - self.joined_s)),
        )

    def why_nobody(self, language: str) -> HandOverResult | None:
        """Return why it is vain to seek an agent now."""
        return self._switchboard.why_nobody(language, self._line)

    def not_possible(self, language: str) -> None:
        """Keep why a person who was wished for was not even sought."""
        if self._result is None:
            self.began_s = self._over_s = self._switchboard.now_s()
            self._result = self.why_nobody(language) or R.NO_AGENT
            self._note("hand_over", result=self._result.value)

    def begin(self, briefing: Briefing) -> None:
        """Seek an agent; news follow."""
        if self._task is not None and not self._task.done():
            self._post(Nobody(result=R.BUSY))  # the line of an earlier search is still being released
            return
        self.began_s, self._over_s, self._result = self._switchboard.now_s(), None, None
        self._note("hand_over_begun", reason=briefing.reason)
        self._task = asyncio.create_task(self._seek(briefing), name=f"hand-over:{self._line}")

    def joined(self) -> None:
        """Keep that the two talk from now on."""
        self._result, self.joined_s = R.ANSWERED, self._switchboard.now_s()
        self._note("hand_over", result=self._result.value, agent=self._agent)

    def give_up(self, why: HandOverResult) -> None:
        """Seek nobody any more and release the agent's line; harmless when nothing is going on."""
        if self._task is not None and self._result is None:
            self._end(why)
        if self._task is not None:
            self._task.cancel()

    async def close(self, why: HandOverResult) -> None:
        """The call is over: release the agent too, under the leg's deadline."""
        self.give_up(why)
        if self._task is not None:
            if self._over_s is None:
                self._over_s = self._switchboard.now_s()
            await asyncio.wait([self._task])

    async def last_word(self) -> bool:
        """Return, when the callee's call is over, whether that is because the trunk has put it through."""
        if self._transferring is not None:
            await asyncio.wait([self._transferring], timeout=LAST_WORD_S)
        return self.was_put_through

    @property
    def was_put_through(self) -> bool:
        """Say whether the trunk has told that an agent took the call, and nothing was made of it yet."""
        return self._was_taken and self._result is None

    def briefing(self, *, reason: str, verified: bool, language: str, promised: Any) -> Briefing:
        """Return what is known of the callee."""
        return Briefing(
            name=self._name, reason=reason, verified=verified, language=language, promised=promised
        )

    # ---- the task -----------------------------------------------------------------------------------------

    async def _seek(self, briefing: Briefing) -> None:
        result = self._switchboard.why_nobody(briefing.language, self._line)
        until_s = self._switchboard.now_s() + self.terms.search_s
        for agent in self._switchboard.on_duty(briefing.language, self._line) if result is None else ():
            left_s = until_s - self._switchboard.now_s()
            if left_s <= 0:
                break
            with self._switchboard.engaging(agent) as is_mine:
                if not is_mine:
                    result = result or R.BUSY
                    continue
                self._agent = agent.agent
                by = self._refer if agent.is_referred else self._try
                result = await by(agent, briefing, left_s)
            if result is R.ANSWERED:
                return
            self._note("hand_over_try", agent=agent.agent, result=result.value)
            if result in {R.NO_LINE, R.STOPPED}:
                break
        result = result or R.NO_ANSWER
        self._end(result)
        self._note("hand_over", result=result.value)
        self._post(Nobody(result=result))

    async def _refer(self, agent: Agent, briefing: Briefing, left_s: float) -> HandOverResult:
        """Have the trunk put the callee's own call through to one agent."""
        call = self._callee()
        if not isinstance(call, TransfersCalls):
            return R.FAILED
        try:
            if refusal := await self._switchboard.desk.may_reach_agent(
                agent.agent, self._line, self._attempt
            ):
                log.info("agent_not_called", agent=agent.agent, reason=refusal)
                return R.STOPPED
            self._n_called += 1
            limit_s = min(self.terms.ring_s + REFER_GRACE_S, left_s)
            self._transferring = asyncio.current_task()
            why_not = await call.transfer(agent.address, timeout_s=limit_s)
            if why_not is None:
                self._was_taken = True
                await self._tell(agent, briefing, self._line)
        except StoreError as error:
            log.warning("agent_call_failed", agent=agent.agent, reason=str(error))
            return R.FAILED
        finally:
            self._transferring = None
        if why_not is not None:
            return UNANSWERED.get(why_not, R.FAILED)
        self._post(Transferred())
        return R.ANSWERED

    async def _try(self, agent: Agent, briefing: Briefing, left_s: float) -> HandOverResult:
        """Call one agent; when they take the call, keep theirs until it is over."""
        board = self._switchboard
        until_s = board.now_s() + left_s
        try:
            # Without a line soon, nobody: another agent needs one just as well.
            async with board.borrow(deadline_s=left_s, among=agent.lines) as line:
                if refusal := await board.desk.may_reach_agent(agent.agent, line.line_id, self._attempt):
                    log.info("agent_not_called", agent=agent.agent, reason=refusal)
                    return R.STOPPED
                self._n_called += 1
                ring_s = min(self.terms.ring_s, max(1.0, until_s - board.now_s()))
                async with self._voice(agent, briefing) as voice:
                    leg = AgentLeg(line, agent, self.terms, ring_s=ring_s)
                    async with leg:
                        result = await self._offer(leg, voice)
                        if result is R.ANSWERED:
                            self._post(Found(leg=leg))
                            await self._tell(agent, briefing, line.line_id)
                            await leg.until_over()
                            self._over_s = board.now_s()
                            self._post(AgentLeft())
                        return result
        except LineBusyError:
            return R.NO_LINE
        except (LineError, AudioError, StoreError, TimeoutError) as error:
            log.warning("agent_call_failed", agent=agent.agent, reason=str(error) or type(error).__name__)
            return R.FAILED

    async def _offer(self, leg: AgentLeg, voice: "asyncio.Task[list[Clip]]") -> HandOverResult:
        if (unanswered := await leg.rings()) is not None:
            return unanswered
        async with asyncio.timeout(CLIP_DEADLINE_S):
            invites, *tells = await asyncio.shield(voice)
        result = await leg.asks(invites)
        return await leg.hears(tells) if result is R.ANSWERED else result

    @contextlib.asynccontextmanager
    async def _voice(self, agent: Agent, briefing: Briefing) -> AsyncIterator["asyncio.Task[list[Clip]]"]:
        """Have spoken, while the telephone rings, what the agent will hear."""
        task = asyncio.create_task(self._spoken(agent, briefing), name=f"whisper:{self._line}")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # who waited for it was told; who did not needs it no more

    async def _spoken(self, agent: Agent, briefing: Briefing) -> list[Clip]:
        """Return the invitation and the sentences of the briefing."""
        language = agent.languages[0]
        texts = [invitation(language), *briefing_words(briefing, language)]
        clips = await self._switchboard.clips.prepare(texts, language)
        return [clips[text] for text in texts]

    async def _tell(self, agent: Agent, briefing: Briefing, line: LineId) -> None:
        detail = {
            "attempt": self._attempt,
            "contact": self._contact.contact,
            "agent": agent.agent,
            "reason": briefing.reason,
            "verified": briefing.verified,
            "language": briefing.language,
            "promised": briefing.promised,
        }
        try:
            text = msgspec.json.encode(detail).decode()
            await self._switchboard.desk.tell_hand_over(self._contact, line, text)
        except StoreError as error:
            log.warning("hand_over_not_told", attempt=self._attempt, reason=str(error))

    def _end(self, result: HandOverResult) -> None:
        self._result, self._over_s = result, self._switchboard.now_s()
