"""Heads of the audit log to the console, through the outbox; and stretches of the log where it asks for them.

The console keeps what it was told: whoever cuts the log short or writes it anew afterwards contradicts his own signature.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.store import audit_log, outbox
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.answers import Answer, refused
from firmware.sync.device_key import public_text, sign_head
from firmware.sync.messages import encode
from firmware.sync.messages_audit import (
    MAX_ENTRIES_A_REQUEST,
    MAX_SEGMENT_BYTES,
    AuditEntry,
    AuditHead,
    AuditRequest,
    AuditSegment,
)

log = structlog.get_logger(__name__)

PUBLISH_EVERY_S = 3600.0
_RETRY_S = 60.0
_LEAF = "audit"
_READ_AT_ONCE = 64


class Anchors:
    """Publishes the head of the log when it is another one than before: at the start, every hour, at the end."""

    def __init__(
        self,
        database: Database,
        key: Ed25519PrivateKey,
        *,
        box: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._key = key
        self._public = public_text(key.public_key())
        self._box = box
        self._now = now
        self._new_id = new_id
        self._last: tuple[int, str] | None = None

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            is_kept = await self.publish()
            await asyncio.sleep(PUBLISH_EVERY_S if is_kept else _RETRY_S)

    async def publish(self) -> bool:
        """Put the head into the outbox unless it is the one that went last; say whether that could be done."""
        try:
            self._last = await self._database.transact(self._put)
        except StoreError as error:
            log.warning("audit_head_not_kept", reason=str(error))
            return False
        return True

    def _put(self, con: StoreConnection) -> tuple[int, str] | None:
        head = audit_log.head(con)
        if head is None or (head.seq, head.hash) == self._last:
            return self._last
        now, chain = self._now(), self._database.stream

        def build(seq: int) -> bytes:
            signature = sign_head(
                self._key, box=self._box, chain=chain, entry=head.seq, hash=head.hash, signed_at=now
            )
            return encode(
                AuditHead(
                    id=self._new_id(),
                    at=now,
                    stream=chain,
                    seq=seq,
                    box=self._box,
                    chain=chain,
                    entry=head.seq,
                    hash=head.hash,
                    signed_at=now,
                    key=self._public,
                    signature=signature,
                )
            )

        outbox.append(con, _LEAF, build, now)
        return head.seq, head.hash


def answer_request(
    con: StoreConnection,
    request: AuditRequest,
    *,
    stream: str,
    now: datetime,
    new_id: Callable[[], str],
) -> Answer:
    """Put the entries asked for into the outbox, in messages of bounded size."""
    if not request.first <= request.last < request.first + MAX_ENTRIES_A_REQUEST:
        return refused("malformed", f"$.last: ask for 1 to {MAX_ENTRIES_A_REQUEST} entries, first to last")
    head = audit_log.head(con)
    last = min(request.last, 0 if head is None else head.seq)
    if last < request.first:
        return refused("unknown_entry", f"the log ends at entry {0 if head is None else head.seq}")

    def send(entries: list[AuditEntry]) -> None:
        def build(seq: int) -> bytes:
            segment = AuditSegment(
                id=new_id(),
                at=now,
                stream=stream,
                seq=seq,
                about=request.id,
                chain=stream,
                entries=entries,
                is_last=entries[-1].entry >= last,
            )
            return encode(segment)

        outbox.append(con, _LEAF, build, now)

    waiting: list[AuditEntry] = []
    n_bytes = n_sent = 0
    after = request.first - 1
    while after < last and (rows := audit_log.rows(con, after, min(_READ_AT_ONCE, last - after))):
        for row in rows:
            entry = AuditEntry(entry=row.seq, previous=row.previous, body=row.body, hash=row.hash)
            size = len(encode(entry))
            if waiting and n_bytes + size > MAX_SEGMENT_BYTES:
                send(waiting)
                waiting, n_bytes = [], 0
            waiting.append(entry)
            n_bytes += size
            n_sent += 1
        after = rows[-1].seq
    if waiting:
        send(waiting)
    return Answer(accepted=True, taken=n_sent)
