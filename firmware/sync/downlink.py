"""The console's messages, from the broker into the database.

Signature, schema and content are checked; what is good is written in one transaction together with the
message's id and the answer to it; only after the commit does the broker hear that it may forget the message.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar, assert_never

import msgspec
import structlog

from firmware.clock import Clock
from firmware.store import campaigns, inbox, outbox
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError, StoreError
from firmware.store.key_sets import StoredKeySet
from firmware.sync.allowance import Allowance
from firmware.sync.anchoring import answer_request
from firmware.sync.answers import Answer, Apply, refused
from firmware.sync.applying import (
    apply_batch,
    apply_control,
    apply_manifest,
    apply_recording_receipt,
    apply_suppress,
    batch_problem,
)
from firmware.sync.applying_command import (
    MAX_CORRELATION_BYTES,
    CommandCheck,
    apply_command,
    no_commands,
    response_leaf,
)
from firmware.sync.applying_config import NOTHING_CONFIGURABLE, ConfigBounds, apply_config
from firmware.sync.applying_elsewhere import apply_elsewhere
from firmware.sync.applying_sms import apply_sms_order
from firmware.sync.connection import Connection, Received
from firmware.sync.content_check import CampaignCheck, check_row, reason_of
from firmware.sync.doors import NO_CERTIFICATES, CertificateDoor, RulesDoor
from firmware.sync.in_flow import in_flow
from firmware.sync.key_ring import KeyRing
from firmware.sync.messages import (
    Ack,
    BoxConfig,
    CampaignManifest,
    Command,
    ContactBatch,
    Control,
    KeySet,
    Receipt,
    RecordingFetch,
    RecordingReceipt,
    Suppress,
    decode_uplink,
    encode,
)
from firmware.sync.messages_audit import AuditRequest
from firmware.sync.messages_certificate import Certificate
from firmware.sync.messages_policy import PeopleElsewhere, PolicyRelease
from firmware.sync.messages_sms import SmsOrder
from firmware.sync.reading import MessageRefusedError, Reader, claim_of, kind_of
from firmware.sync.responding import Responder
from firmware.sync.signing import KID_PROPERTY, SIGNATURE_PROPERTY
from firmware.sync.topics import BoxTopics
from firmware.values import CampaignId, UuidV7

log = structlog.get_logger(__name__)
FlowT = TypeVar("FlowT")
Kept = (
    AuditRequest
    | BoxConfig
    | CampaignManifest
    | Certificate
    | Command
    | ContactBatch
    | Control
    | KeySet
    | PeopleElsewhere
    | PolicyRelease
    | RecordingReceipt
    | SmsOrder
    | Suppress
)
"""Messages that are answered, and remembered by their id."""

REFUSALS_PER_MINUTE = 20
"""Answers to messages that are not the console's or make no sense: more would fill the outbox."""
_MAX_FLOWS = 8
_ROWS_AT_ONCE = 50


class Downlink(Generic[FlowT]):
    """Applies each message of the console exactly once."""

    def __init__(
        self,
        database: Database,
        topics: BoxTopics,
        keys: KeyRing,
        *,
        clock: Clock[Any],
        ids: UuidV7,
        check: CampaignCheck[FlowT],
        bounds: ConfigBounds = NOTHING_CONFIGURABLE,
        command_check: CommandCheck = no_commands,
        rules: RulesDoor,
        certificates: CertificateDoor = NO_CERTIFICATES,
        on_change: Callable[[], None] = lambda: None,
        on_fetch: Callable[[RecordingFetch], None] = lambda _message: None,
        on_signed: Callable[[datetime], None] = lambda _at: None,
    ) -> None:
        """`on_signed` hears the own time of every message that the console signed: a source for the clock."""
        self._database = database
        self._keys = keys
        database.run_now(self._keys.load)
        self._reader = Reader(topics, self._keys)
        self._clock = clock
        self._ids = ids
        self._check = check
        self._bounds = bounds
        self._command_check = command_check
        self._responder = Responder(database.stream, clock.now, self._new_id)
        self._topics = topics
        self._rules = rules
        self._certificates = certificates
        self._on_change = on_change
        self._on_signed = on_signed
        self._on_fetch = on_fetch
        self._flows: OrderedDict[str, FlowT] = OrderedDict()
        self._allowance = Allowance(REFUSALS_PER_MINUTE)
        self.n_unanswered = 0
        """Messages refused without an answer because too many came."""

    async def run(self, connection: Connection) -> None:
        """Handle what the connection receives until it is closed, in order as far as order matters."""
        await in_flow(connection, self.handle, self._topics)

    async def handle(self, received: Received) -> None:
        """Apply one message, then acknowledge it; one that cannot be kept now is given back."""
        try:
            try:
                await self._apply(received)
            except MessageRefusedError as refusal:
                await self._refuse(received, refusal.reason, refusal.detail)
            except StoreConflictError as error:
                log.warning("downlink_conflict", topic=received.topic, reason=str(error))
                await self._refuse(received, "conflict", "the message does not fit what this box has")
        except StoreError as error:
            log.warning("downlink_not_kept", topic=received.topic, reason=str(error))
            received.give_back()
            return
        except Exception:
            # Refused like any bad message: redelivered for ever, it would keep everything behind it away.
            log.exception("downlink_fault", topic=received.topic)
            await self._refuse_last(received)
            return
        received.ack()

    async def _apply(self, received: Received) -> None:
        message = self._reader.read(received)
        if not received.retain:
            # What the broker kept may be days old: no word about the time.
            self._on_signed(message.at)
        self._keys.heard(received.properties.get(KID_PROPERTY, ""), message.at)
        now = self._clock.now()
        match message:
            case Receipt():
                ahead = [(run.first, run.last) for run in message.ahead]
                await self._database.transact(
                    lambda con: outbox.receipt(con, message.stream, message.up_to, ahead, at=now)
                )
                return
            case CampaignManifest():
                await self._apply_once(message, self._prepare_manifest(message, received.payload))
            case ContactBatch():
                await self._apply_once(message, await self._prepare_batch(message))
            case Control():
                await self._apply_once(message, lambda con: apply_control(con, message))
            case Suppress():
                await self._apply_once(message, lambda con: apply_suppress(con, message, now=now))
            case RecordingFetch():
                await self._fetch_once(message)
            case RecordingReceipt():
                await self._apply_once(message, lambda con: apply_recording_receipt(con, message, now=now))
            case BoxConfig():
                await self._apply_once(message, lambda con: apply_config(con, message, self._bounds, now=now))
            case KeySet():
                signed = StoredKeySet(
                    version=message.version,
                    body=received.payload,
                    topic=received.topic,
                    kid=received.properties[KID_PROPERTY],
                    signature=received.properties[SIGNATURE_PROPERTY],
                )
                await self._apply_once(message, lambda con: self._keys.apply(con, message, signed, now=now))
                await self._database.read(self._keys.load)
            case Command():
                await self._apply_once(message, self._prepare_command(message, received))
            case PolicyRelease():
                await self._apply_release(message, received)
            case SmsOrder():
                await self._apply_once(message, lambda con: apply_sms_order(con, message, now=now))
            case PeopleElsewhere():
                await self._apply_once(message, lambda con: apply_elsewhere(con, message))
            case Certificate():
                await self._apply_once(message, self._certificates.prepare(message))
            case AuditRequest():
                await self._apply_once(message, lambda con: self._answer_audit(con, message))
            case _:
                assert_never(message)

    async def _fetch_once(self, message: RecordingFetch) -> None:
        """Hand an order for chunks on, once: the chunks are its answer, and a replayed one sends nothing again."""

        def work(con: StoreConnection) -> bool:
            if inbox.seen(con, message.id) is not None:
                return False
            now = self._clock.now()
            inbox.remember(con, message.id, kind=kind_of(message), received_at=now, seq=0, answer=b"")
            return True

        if await self._database.transact(work):
            self._on_fetch(message)

    def _prepare_command(self, message: Command, received: Received) -> Apply:
        leaf = response_leaf(self._topics, received.response_topic)
        if leaf is None:
            raise MessageRefusedError(
                "bad_response_topic", f"the Response Topic must be {self._topics.up('response')} or below it"
            )
        if len(received.correlation) > MAX_CORRELATION_BYTES:
            raise MessageRefusedError(
                "malformed", f"Correlation Data has more than {MAX_CORRELATION_BYTES} bytes"
            )
        return lambda con: apply_command(
            con,
            message,
            leaf=leaf,
            correlation=received.correlation,
            check=self._command_check,
            responder=self._responder,
            now=self._clock.now(),
        )

    def _prepare_manifest(self, message: CampaignManifest, raw: bytes) -> Apply:
        now = self._clock.now()
        problem = None
        if hashlib.sha256(message.flow.encode()).hexdigest() != message.flow_sha256:
            problem = ("malformed", "$.flow_sha256: the digest is not this flow's")
        elif message.expires_at <= now or (message.starts_at and message.starts_at >= message.expires_at):
            problem = ("expired", "$.expires_at: the campaign would end before it begins")
        else:
            try:
                self._check.texts_check(self._flow(message.flow, message.flow_sha256), message.sms)
            except self._check.refusals as error:
                problem = reason_of(error, "flow_refused")
        if problem is not None:
            answer = refused(*problem, campaign=message.campaign)
            return lambda _: answer
        return lambda con: apply_manifest(con, message, raw=raw, now=now)

    async def _prepare_batch(self, message: ContactBatch) -> Apply:
        now = self._clock.now()
        name = CampaignId(message.campaign)
        campaign = await self._database.read(lambda con: campaigns.get_campaign(con, name))
        problem = batch_problem(campaign, message)
        if campaign is None:
            # Not remembered: it may have overtaken its manifest, and then it comes again under the same id.
            raise MessageRefusedError("unknown_campaign", "send the campaign's manifest before its contacts")
        if problem is not None:
            return lambda _: problem
        try:
            flow = self._flow(campaign.flow_text, campaign.flow_sha256)
        except self._check.refusals as error:
            # Accepted once, by an older version of this program perhaps.
            answer = refused(*reason_of(error, "flow_refused"), campaign=name, batch=message.batch)
            return lambda _: answer
        checked = []
        for index, raw in enumerate(message.contacts):
            if index % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
                await asyncio.sleep(0)  # calls go on meanwhile
            row = message.first_row + index
            checked.append(check_row(raw, campaign=name, row=row, flow=flow, check=self._check, now=now))
        return lambda con: apply_batch(con, message, checked, now=now)

    def _flow(self, text: str, sha256: str) -> FlowT:
        flow = self._flows.get(sha256)
        if flow is None:
            flow = self._flows[sha256] = self._check.flow_check(text)
            while len(self._flows) > _MAX_FLOWS:
                self._flows.popitem(last=False)
        self._flows.move_to_end(sha256)
        return flow

    async def _apply_release(self, message: PolicyRelease, received: Received) -> None:
        is_known = await self._database.read(lambda con: inbox.seen(con, message.id) is not None)
        if received.retain and is_known:
            return  # it comes again at every connection, and is answered once
        await self._apply_once(message, await self._rules.prepare(message, received))

    def _answer_audit(self, con: StoreConnection, message: AuditRequest) -> Answer:
        return answer_request(
            con, message, stream=self._database.stream, now=self._clock.now(), new_id=self._new_id
        )

    async def _apply_once(self, message: Kept, apply: Apply) -> None:
        """Apply, answer and remember in one transaction; a message that is remembered has no effect."""

        def work(con: StoreConnection) -> Answer | None:
            before = inbox.seen(con, message.id)
            if before is not None:
                self._answer_again(con, message.id, before)
                if isinstance(message, Command):
                    self._responder.again(con, message.id)
                return None
            answer = apply(con)
            ack = self._answer(con, answer, about=message.id, kind=kind_of(message))
            inbox.remember(
                con,
                message.id,
                kind=kind_of(message),
                received_at=self._clock.now(),
                seq=ack.seq,
                answer=encode(ack),
            )
            return answer

        answer = await self._database.transact(work)
        if answer is None:
            return
        log.info(
            "downlink_applied",
            kind=kind_of(message),
            accepted=answer.accepted,
            reason=answer.reason,
            campaign=answer.campaign,
            taken=answer.taken,
            rejected=len(answer.rejected),
        )
        self._on_change()

    def _answer(self, con: StoreConnection, answer: Answer, *, about: str, kind: str) -> Ack:
        now = self._clock.now()
        made: list[Ack] = []

        def build(seq: int) -> bytes:
            made.append(
                answer.to_ack(
                    about=about, kind=kind, id=self._new_id(), at=now, stream=self._database.stream, seq=seq
                )
            )
            return encode(made[0])

        outbox.append(con, "ack", build, now)
        return made[0]

    def _answer_again(self, con: StoreConnection, message_id: str, before: inbox.Answered) -> None:
        # An answer that waits in the outbox will arrive; later, a console that asks again gets it again.
        if outbox.is_pending(con, before.seq) or not self._allowance.take(self._clock.monotonic_s()):
            return
        ack = decode_uplink(before.answer)
        now = self._clock.now()
        seq = outbox.append(
            con,
            "ack",
            lambda seq: encode(msgspec.structs.replace(ack, id=self._new_id(), at=now, seq=seq)),
            now,
        )
        inbox.renumber(con, message_id, seq)

    async def _refuse(self, received: Received, reason: str, detail: str) -> None:
        log.warning("downlink_refused", topic=received.topic, reason=reason, detail=detail)
        if not self._allowance.take(self._clock.monotonic_s()):
            self.n_unanswered += 1
            return
        claim = claim_of(received.payload)
        answer = refused(reason, detail)
        await self._database.transact(
            lambda con: self._answer(con, answer, about=claim.id[:64], kind=claim.type[:64] or "unknown")
        )

    async def _refuse_last(self, received: Received) -> None:
        try:
            await self._refuse(
                received, "internal_error", "the box could not handle this message: see its log"
            )
        except StoreError:
            received.give_back()
        else:
            received.ack()

    def _new_id(self) -> str:
        return self._ids.new(round(self._clock.now().timestamp() * 1000))
