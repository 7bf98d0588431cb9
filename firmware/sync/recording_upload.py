"""Sealed recordings, put to an HTTPS address in ranges, going on where an earlier try was cut off.

Before the first byte a HEAD asks how much is there (`Upload-Offset`, else `Content-Length`); each PUT carries one
`Content-Range` and the digest of the whole (`Repr-Digest`, RFC 9530). Nothing is deleted for it: only the console's signed
receipt says that a recording has arrived, whichever way it took.
"""

import asyncio
import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from firmware.store import recordings
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.store.recordings import StoredRecording
from firmware.sync.byte_budget import ByteBudget, Thrift
from firmware.sync.errors import HttpsFailedError, SyncError
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.upload_pace import UploadPace

if TYPE_CHECKING:
    from firmware.sync.https_link import HttpsLink, Reply

log = structlog.get_logger(__name__)

RANGE_BYTES = 128 * 1024
LOOK_EVERY_S = 60.0
BACK_OFF_S, BACK_OFF_CAP_S = 30.0, 3600.0
ASK_AGAIN_S = 3600.0
"""A receiver that has it all and whose receipt did not come is asked again: then it says so once more."""
REFUSED_S = 24 * 3600.0
MAX_TRIES = 3
_HEAD_BYTES = 512
_AT_ONCE = 50


class UploadRefusedError(SyncError):
    """The receiver will not have this recording; another try now changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTarget:
    """Where recordings are put, and how we prove who we are."""

    url: str
    """``https://host[:port]/path``; the box's id and the recording's follow."""
    tls: Callable[[], TlsFiles]
    """Asked at each connection: a certificate may have been renewed."""


class RecordingUpload:
    """Puts every recording that the console has no receipt for, one after the other, for as long as it runs."""

    def __init__(
        self,
        database: Database,
        target: UploadTarget | None,
        *,
        box: str,
        pace: UploadPace,
        budget: ByteBudget,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self.target = target
        """None: nothing is put anywhere."""
        self._box = box
        self._pace = pace
        self._budget = budget
        self._now = now
        self._not_before_s: dict[str, float] = {}
        """When to look at a recording again that is there already, or that was refused."""
        self._changed = asyncio.Event()
        self._told = ""

    async def run(self) -> None:
        """Put until cancelled."""
        unsubscribe = self._database.subscribe(self._on_commit)
        failures = 0
        try:
            while True:
                self._changed.clear()
                try:
                    is_idle = not await self._put_some()
                    failures, self._told = 0, ""
                except (HttpsFailedError, StoreError, OSError) as error:
                    failures += 1
                    self._say_once(str(error))
                    limit_s = min(BACK_OFF_CAP_S, BACK_OFF_S * 2 ** min(failures, 16))
                    await asyncio.sleep(random.uniform(BACK_OFF_S / 2, limit_s))
                    continue
                if is_idle:
                    await self._wait()
        finally:
            unsubscribe()

    def _on_commit(self, touched: frozenset[str]) -> None:
        if "recording" in touched:
            self._changed.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _put_some(self) -> bool:
        """Put what waits over one connection; return whether something did."""
        target = self.target
        if (
            target is None
            or self._pace.opens_at(self._now()) is not None
            or self._budget.thrift is not Thrift.FREE
        ):
            return False
        waiting = await self._database.read(
            lambda con: recordings.undelivered(con, limit=_AT_ONCE, but=self._later())
        )
        waiting = [each for each in waiting if each.path.is_file()]
        if not waiting:
            return False
        from firmware.sync.https_link import HttpsLink  # noqa: PLC0415 - memory of a box that puts nothing anywhere

        path = f"{urlsplit(target.url).path.rstrip('/')}/{self._box}"
        async with HttpsLink(target.url, target.tls()) as link:
            for stored in waiting:
                if self._pace.opens_at(self._now()) is not None:
                    break
                await self._put(link, f"{path}/{stored.recording}", stored)
        return True

    def _later(self) -> list[str]:
        now_s = asyncio.get_running_loop().time()
        self._not_before_s = {name: at_s for name, at_s in self._not_before_s.items() if at_s > now_s}
        return list(self._not_before_s)

    async def _put(self, link: "HttpsLink", target: str, stored: StoredRecording) -> None:
        loop = asyncio.get_running_loop()
        try:
            if await self._put_whole(link, target, stored):
                self._not_before_s[stored.recording] = loop.time() + ASK_AGAIN_S
        except UploadRefusedError as error:
            log.warning("recording_refused", recording=stored.recording, reason=str(error))
            self._not_before_s[stored.recording] = loop.time() + REFUSED_S

    async def _put_whole(self, link: "HttpsLink", target: str, stored: StoredRecording) -> bool:
        """Say whether the receiver has it all now. Raises UploadRefusedError, HttpsFailedError."""
        offset, tries = await self._offset(link, target, stored), 0
        while offset < stored.n_bytes:
            if self._pace.opens_at(self._now()) is not None:
                return False  # the rest goes when the hours begin again
            data = _read(stored, offset)
            last = offset + len(data) - 1
            await self._pace.wait_turn()
            await self._budget.spend(_HEAD_BYTES + len(data))
            reply = await link.ask(
                "PUT",
                target,
                {
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"bytes {offset}-{last}/{stored.n_bytes}",
                    "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(stored.sha256)).decode()}:",
                },
                data,
            )
            self._pace.took(_HEAD_BYTES + len(data))
            if 200 <= reply.status < 300:
                offset = last + 1
                continue
            tries += 1
            if reply.status in (409, 416, 422) and tries < MAX_TRIES:
                # Somebody else's bytes, or a beginning that was spoilt: what is there now?
                offset = await self._offset(link, target, stored)
                continue
            raise _error(reply)
        log.info("recording_put", recording=stored.recording, n_bytes=stored.n_bytes)
        return True

    async def _offset(self, link: "HttpsLink", target: str, stored: StoredRecording) -> int:
        reply = await link.ask("HEAD", target, {})
        if reply.status == 404:
            return 0
        if not 200 <= reply.status < 300:
            raise _error(reply)
        text = reply.headers.get("upload-offset", reply.headers.get("content-length", "0"))
        if not text.isascii() or not text.isdigit() or int(text) > stored.n_bytes:
            raise UploadRefusedError(f"the receiver has {text[:20]!r} of {stored.n_bytes} bytes")
        return int(text)

    def _say_once(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            log.warning("recordings_not_put", reason=reason)


def _read(stored: StoredRecording, offset: int) -> bytes:
    # 128 KiB from a local disk between two waits for the network: no thread for it.
    try:
        with stored.path.open("rb") as file:
            file.seek(offset)
            data = file.read(RANGE_BYTES)
    except OSError as error:
        raise UploadRefusedError(f"its file cannot be read: {error.strerror}") from None
    if len(data) != min(RANGE_BYTES, stored.n_bytes - offset):
        raise UploadRefusedError("its file is shorter than it was")
    return data


def _error(reply: "Reply") -> SyncError:
    if reply.status >= 500 or reply.status in (408, 425, 429):
        return HttpsFailedError(f"the receiver answers {reply.status}: later")
    return UploadRefusedError(f"the receiver answers {reply.status}")
