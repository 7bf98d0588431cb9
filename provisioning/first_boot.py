"""From a machine to a box: finish what was begun, make the identity, show the code, ask until granted, start the daemon."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from firmware.sync.claiming import ClaimFile
from firmware.sync.messages_claim import ClaimAnswer
from provisioning.box_folder import put_granted
from provisioning.claim_screen import ClaimBoard, ClaimStanding, ClaimState
from provisioning.claim_sources import Found, find_claim_file
from provisioning.claiming import Claimant, ClaimEndedError, Tell
from provisioning.disk import Disk
from provisioning.factory_reset import box_name, factory_reset, is_reset_begun
from provisioning.identity import Identity, IdentityFolder
from provisioning.installing import InstallError
from provisioning.layout import Layout
from provisioning.machine import Machine

log = structlog.get_logger()
LOOK_EVERY_S = 15.0
"""For a stick that somebody plugs in."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 900.0
_ANOTHER_CODE = {"code_expired", "refused", "bad_request"}
"""Refusals that this session will hear for ever."""


class Asks(Protocol):
    """A claim that can be run: Claimant, or a test's."""

    async def run(self, take: Callable[[ClaimAnswer], None]) -> str:
        """Return the box's name once granted and taken. Raises ClaimEndedError."""


MakeClaim = Callable[[Identity, ClaimFile, Tell], Asks]


class FirstBoot:
    """Runs until the machine is a box."""

    def __init__(
        self,
        layout: Layout,
        machine: Machine,
        *,
        disk: Disk,
        now: Callable[[], datetime],
        version: str,
        look: Callable[[], Found] | None = None,
        make_claim: MakeClaim | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._layout = layout
        self._machine = machine
        self._disk = disk
        self._now = now
        self._folder = IdentityFolder(layout, disk)
        self._board = ClaimBoard(layout)
        self._look = look or partial(find_claim_file, layout, disk)
        self._make_claim = make_claim or partial(_claimant, version, now)
        self._pause = pause
        self._identity: Identity | None = None

    def begin(self) -> Identity | None:
        """Finish a factory reset that was cut off, and make the identity; None for a machine that is a box."""
        if is_reset_begun(self._layout):
            log.warning("factory_reset_goes_on")
            self._show("resetting")
            factory_reset(self._layout, self._machine, self._disk)
        if self._is_box:
            if self._folder.is_begun:
                self.finish()  # cut off after the last of the box's files
            return None
        self._identity = self._folder.prepare()
        self._show("no_file")
        return self._identity

    async def run(self) -> str:
        """Ask until granted; return the box's name."""
        pause_s = FIRST_PAUSE_S
        refused_file = ""
        while not self._is_box:
            found = await asyncio.to_thread(self._look)
            if found.file is None:
                self._show("bad_file" if found.problem else "no_file", found.problem)
                await self._wait(LOOK_EVERY_S)
                continue
            if found.file.id != refused_file:
                pause_s = FIRST_PAUSE_S
            try:
                name = await self._claim(found.file)
            except ClaimEndedError as error:
                log.warning("claim_ended", reason=error.reason, detail=error.detail)
                refused_file = found.file.id
                if error.reason in _ANOTHER_CODE:
                    self._identity = await asyncio.to_thread(self._folder.renew)
                self._show("refused", f"{error.reason}: {error.detail}")
                await self._wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            if name:
                return name
        return box_name(self._layout)  # somebody installed an issued box meanwhile

    @property
    def _is_box(self) -> bool:
        return (self._layout.settings / "box.toml").exists()

    async def _claim(self, file: ClaimFile) -> str:
        """Ask by one claim file; empty when a better one turned up meanwhile. Raises ClaimEndedError."""
        assert self._identity is not None
        claim = self._make_claim(self._identity, file, self._show)
        asking = asyncio.create_task(claim.run(self._take), name="claim")
        looking = asyncio.create_task(self._watch(file), name="claim-files")
        try:
            await asyncio.wait([asking, looking], return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            if looking.exception() is not None:
                looking.result()
            return ""
        finally:
            for task in (asking, looking):
                task.cancel()
            await asyncio.wait([asking, looking])

    async def _watch(self, file: ClaimFile) -> None:
        """Return when another claim file is to be gone by, the code was shown for long enough, or there is a box."""
        while True:
            await self._wait(LOOK_EVERY_S)
            found = await asyncio.to_thread(self._look)
            if self._is_box or (found.file is not None and found.file.id != file.id):
                return
            fresh = await asyncio.to_thread(self._folder.prepare)
            if self._identity is not None and fresh.session != self._identity.session:
                self._identity = fresh
                return

    async def _wait(self, seconds: float) -> None:
        await self._pause(seconds)
        await asyncio.to_thread(self._folder.note_shown, seconds)

    def _take(self, granted: ClaimAnswer) -> None:
        try:
            put_granted(granted.files, self._layout, disk=self._disk)
        except InstallError as error:
            raise ClaimEndedError("bad_grant", str(error)) from None

    def finish(self) -> None:
        """Have the daemon started, and clear up. Raises MachineError."""
        self._machine.restart_daemon()
        self._board.clear()
        self._machine.show_issue()
        self._folder.forget()

    def _show(self, state: str, detail: str = "") -> None:
        known: ClaimState = state  # type: ignore[assignment]
        identity = self._identity
        standing = ClaimStanding(
            state=known,
            code=identity.code if identity else "",
            serial=identity.serial if identity else "",
            detail=detail,
            at=self._now(),
        )
        with contextlib.suppress(OSError):
            if self._board.put(standing):
                self._machine.show_issue()
                log.info("claim_standing", state=state, detail=detail)


def _claimant(
    version: str, now: Callable[[], datetime], identity: Identity, file: ClaimFile, tell: Tell
) -> Claimant:
    return Claimant(identity, file, version=version, now=now, tell=tell)
