"""Carries one order out: prompts ready, reservation on the disk, the call, its outcome on the disk."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from audio.errors import AudioError
from audio.frame import Clip
from audio.speech.clip_cache import ClipCache
from audio.transcript import to_bytes
from firmware.calls.answer_words import AnswerWords
from firmware.calls.closing import CallResult
from firmware.calls.desk import Desk
from firmware.calls.handing_over import HandOver, Switchboard
from firmware.calls.listening import CallListener, Hearing
from firmware.calls.outcome import conclude
from firmware.calls.recording import RecordingWriter
from firmware.calls.session import CallSession
from firmware.calls.stopping import CallInHand
from firmware.clock import Clock
from firmware.compliance.numbering import number_facts
from firmware.compliance.written import SMS_CONSENT
from firmware.dialogue.errors import ContactRefusedError, FlowProblem, FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.speaking import in_words
from firmware.dialogue.variables import VarKind
from firmware.lines.line import Line, LineStatus
from firmware.store.campaigns import StoredCampaign, StoredContact
from firmware.store.errors import StoreError
from firmware.texts.catalogue import catalogue_of
from firmware.values import AttemptId

log = structlog.get_logger()

MOST_FLOWS_KEPT = 16
PROMPT_DEADLINE_S = 180.0
"""What a flow says to everybody is rendered for its first contact; a slow machine goes on after a put-off."""
STORE_PAUSE_S = 5.0


@dataclass(slots=True, kw_only=True)
class Order(CallInHand):
    """One contact to be called on one line."""

    contact: StoredContact
    line: Line[Any]
    attempt: AttemptId | None = None
    """Set when the reservation is written."""


class FlowBook:
    """Compiled flows by digest; a campaign's flow is compiled once."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}

    def flow_of(self, campaign: StoredCampaign) -> Flow:
        """Return the campaign's flow. Raises FlowRefusedError."""
        flow = self._flows.get(campaign.flow_sha256)
        if flow is None:
            if hashlib.sha256(campaign.flow_text.encode()).hexdigest() != campaign.flow_sha256:
                problem = FlowProblem(
                    line=0,
                    column=0,
                    check="digest",
                    message="it is not the one that came: send the campaign again",
                )
                raise FlowRefusedError((problem,), source=campaign.campaign)
            flow = load_flow(campaign.flow_text, source=campaign.campaign)
            while len(self._flows) >= MOST_FLOWS_KEPT:
                del self._flows[next(iter(self._flows))]
            self._flows[campaign.flow_sha256] = flow
        return flow


class CallPlacer:
    """Places calls; one instance for all lines."""

    def __init__(
        self,
        *,
        desk: Desk,
        flows: FlowBook,
        clips: ClipCache,
        clock: Clock[Any],
        recordings: Path,
        recipients: tuple[str, ...],
        recording_executor: Executor,
        max_call_s: int,
        hearing: Hearing | None = None,
        switchboard: Switchboard | None = None,
        sends_texts: bool = False,
    ) -> None:
        """Take what calls need; without `hearing` they go by keys alone, without `switchboard` nobody is put through."""
        self._desk = desk
        self._flows = flows
        self._clips = clips
        self._clock = clock
        self._recordings = recordings
        self._recipients = recipients
        self._recording_executor = recording_executor
        self.max_call_s = max_call_s
        """Of calls that begin from now on."""
        self._hearing = hearing
        self._switchboard = switchboard
        self._sends_texts = sends_texts

    async def place(self, order: Order, on_stage: Callable[[str, str], None]) -> None:
        """Call the contact once, if the gate still allows it when everything is ready."""
        contact, line = order.contact, order.line
        campaign = await self._desk.campaign_of(contact)
        prepared = await self._prepare(order, campaign)
        if prepared is None or order.stopped is not None:
            return
        flow, dialogue, clips = prepared
        if line.report.status is not LineStatus.READY:
            return  # somebody has begun to call in, or the modem was lost: nothing was reserved, the contact waits
        order.attempt = await self._desk.reserve(contact, line.report, audio_ready=True)
        if order.attempt is None:
            return
        attempt = order.attempt
        reserved_at, started_s = self._clock.now(), self._clock.monotonic_s()
        recorder = RecordingWriter(
            self._recordings / f"{attempt}.blrec",
            self._recipients,
            started_at=reserved_at.isoformat(timespec="milliseconds"),
            executor=self._recording_executor,
        )

        def instant(at_s: float) -> datetime:
            return reserved_at + timedelta(seconds=max(0.0, at_s - started_s))

        async def may_mention_debt() -> tuple[bool, str]:
            answered_s = session.answered_s
            assert answered_s is not None
            try:
                decision = await self._desk.at_answer(
                    attempt, contact, line.report, answered_at=instant(answered_s)
                )
            except StoreError as error:
                # A decision that cannot be written down is a no.
                log.warning("gate_at_answer_unwritten", attempt=attempt, reason=str(error))
                return False, "store"
            return decision.is_allowed, decision.rule

        async def suppress(scope: str, reason: str) -> None:
            try:
                await self._desk.suppress(contact, scope, reason)
            except StoreError as error:
                # It is written again with the outcome, and until then this line takes no other call.
                log.warning("suppression_waits_for_disk", attempt=attempt, reason=str(error))

        session = CallSession(
            line=line,
            number=contact.numbers[0],
            dialogue=dialogue,
            clip=clips.__getitem__,
            recorder=recorder,
            may_mention_debt=may_mention_debt,
            suppress=suppress,
            on_stage=on_stage,
            ring_timeout_s=campaign.ring_timeout_s,
            max_call_s=self.max_call_s,
            now_s=self._clock.monotonic_s,
            listener=self._listener(dialogue, order),
            answer_words=self._answer_words(dialogue, order),
            hand_over=self._hand_over(order, flow, attempt),
        )
        order.session = session
        if order.stopped is not None:
            session.stop(order.stopped)
        call_log = await session.run()
        recording = await recorder.close(to_bytes(session.transcript()))
        ended_at = self._clock.now()
        conclusion = conclude(call_log)
        await self._conclude_for_certain(
            CallResult(
                attempt=attempt,
                contact=contact,
                line=line.line_id,
                conclusion=conclusion,
                log=call_log,
                events=tuple((instant(event.at_s), event.kind, event.detail) for event in session.events),
                reserved_at=reserved_at,
                answered_at=instant(session.answered_s) if session.answered_s is not None else None,
                ended_at=ended_at,
                recording=recording,
                recipients=self._recipients,
                callback_at=None
                if conclusion.callback is None
                else callback_instant(contact, conclusion.callback),
                flow=flow.name,
                flow_version=flow.version,
            )
        )
        log.info(
            "call_ended",
            attempt=attempt,
            line=line.line_id,
            disposition=conclusion.disposition.value,
            cause=call_log.ended.kind.value,
        )

    async def _conclude_for_certain(self, result: CallResult) -> None:
        """Write the outcome, however long the disk refuses: nobody else knows what was said."""
        said = False
        while True:
            try:
                await self._desk.conclude(result)
            except StoreError as error:
                if not said:
                    said = True
                    log.error("outcome_waits_for_disk", attempt=result.attempt, reason=str(error))
                await asyncio.sleep(STORE_PAUSE_S)
            else:
                return

    async def _prepare(
        self, order: Order, campaign: StoredCampaign
    ) -> tuple[Flow, Dialogue, Mapping[str, Clip]] | None:
        """Return flow and dialogue with every phrase rendered; otherwise put the contact away and return None."""
        contact = order.contact
        try:
            flow = self._flows.flow_of(campaign)
            dialogue = self._dialogue(
                flow, contact, campaign, can_hand_over=self._can_hand_over(contact, order)
            )
        except (FlowRefusedError, ContactRefusedError) as error:
            # Checked when they came in; a newer program may see what an older one did not.
            await self._desk.put_away(contact, "unspeakable", str(error))
            return None
        unmet = self._desk.unmet_demands(contact, flow)
        if unmet:
            await self._desk.put_away(contact, "flow-demands", "; ".join(unmet))
            return None
        try:
            async with asyncio.timeout(PROMPT_DEADLINE_S):
                clips: dict[str, Clip] = {}
                for language in dialogue.languages:
                    said = _words(dialogue, language)
                    rendered = await self._clips.prepare(said.values(), language)
                    clips |= {phrase: rendered[words] for phrase, words in said.items()}
        except (AudioError, TimeoutError) as error:
            await self._desk.put_off(
                contact, "prompts-not-ready", str(error) or "speech synthesis is too slow"
            )
            return None
        return flow, dialogue, clips

    async def render_ahead(self, contact: StoredContact, campaign: StoredCampaign) -> int:
        """Have what a call to this contact may say rendered, phrase by phrase; return how many there are.

        Raises:
            DialogueError: the flow or the contact cannot be spoken.
            AudioError: no engine speaks.

        """
        flow = self._flows.flow_of(campaign)
        dialogue = self._dialogue(flow, contact, campaign, can_hand_over=self._switchboard is not None)
        count = 0
        for language in dialogue.languages:
            for words in _words(dialogue, language).values():
                await self._clips.prepare([words], language)
                count += 1
        return count

    def _dialogue(
        self, flow: Flow, contact: StoredContact, campaign: StoredCampaign, *, can_hand_over: bool
    ) -> Dialogue:
        """Return the conversation with this contact. Raises ContactRefusedError."""
        return Dialogue(
            flow,
            flow.check_vars(contact.vars, contact.language),
            language=contact.language,
            today=self._today(contact),
            promise_max_days=campaign.promise_max_days,
            promise_min_part=campaign.promise_min_part,
            understands=self._hears(contact.language),
            local_time=self._local_time(contact),
            can_hand_over=can_hand_over,
            texts=_texts_for(flow, contact, campaign) if self._sends_texts else {},
        )

    def _hears(self, language: str) -> bool:
        return self._hearing is not None and self._hearing.ears.hears(language)

    def _can_hand_over(self, contact: StoredContact, order: Order) -> bool:
        """Say whether somebody who wishes for a person may be told to wait for one."""
        board = self._switchboard
        return board is not None and board.why_nobody(contact.language, order.line.line_id) is None

    def _hand_over(self, order: Order, flow: Flow, attempt: AttemptId) -> HandOver | None:
        if self._switchboard is None:
            return None
        contact = order.contact
        named = [name for name, type_ in flow.vars.items() if type_.kind is VarKind.NAME and not type_.debt]
        return HandOver(
            self._switchboard,
            attempt=attempt,
            contact=contact,
            line=order.line.line_id,
            name=next((str(contact.vars[name]) for name in named if contact.vars.get(name)), ""),
        )

    def _listener(self, dialogue: Dialogue, order: Order) -> CallListener | None:
        """Return what listens in the call, if its dialogue was promised that somebody does."""
        if self._hearing is None or not dialogue.understands:
            return None
        return CallListener(
            self._hearing,
            language=dialogue.language,
            today=self._today(order.contact),
            now_s=self._clock.monotonic_s,
            name=order.line.line_id,
        )

    def _answer_words(self, dialogue: Dialogue, order: Order) -> AnswerWords | None:
        """Return what has a greeting written down, where there are recognisers at all."""
        if self._hearing is None or self._hearing.aside is None:
            return None
        return AnswerWords(self._hearing.aside, language=dialogue.language, name=order.line.line_id)

    def _today(self, contact: StoredContact) -> Any:
        """Return the callee's date: of all plausible zones the earliest, so that "today" is not over for them."""
        now = self._clock.now()
        return min((now.astimezone(zone).date() for zone in _zones(contact)), default=now.date())

    def _local_time(self, contact: StoredContact) -> time | None:
        """Return the callee's time of day, None where it is not certain: then nothing is agreed for today."""
        zones = _zones(contact)
        return self._clock.now().astimezone(zones[0]).time() if len(zones) == 1 else None


def _zones(contact: StoredContact) -> list[ZoneInfo]:
    """Return the zones the callee may be in."""
    names = [contact.time_zone] if contact.time_zone else sorted(number_facts(contact.numbers[0]).zones)
    return [ZoneInfo(name) for name in names]


def _texts_for(flow: Flow, contact: StoredContact, campaign: StoredCampaign) -> dict[str, bool]:
    """Return what may be sent to this contact, each with whether it tells of the debt; the gate is asked when it is sent."""
    catalogue = catalogue_of(campaign.texts) if SMS_CONSENT in contact.consents else None
    if catalogue is None:
        return {}
    tell_debt = catalogue.debt_texts(flow)
    return {name: name in tell_debt for name in catalogue.texts}


def callback_instant(contact: StoredContact, asked_for: datetime) -> datetime:
    """Return when to ring back somebody who named a local time: of all plausible instants the last, never too early."""
    return max(
        (asked_for.replace(tzinfo=zone) for zone in _zones(contact)), default=asked_for.replace(tzinfo=UTC)
    )


def _words(dialogue: Dialogue, language: str) -> dict[str, str]:
    """Return every phrase that the dialogue may say, with its words as an engine is given them."""
    return {phrase: in_words(phrase, language) for phrase in sorted(dialogue.phrases(language))}
