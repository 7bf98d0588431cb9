"""Commands one after the other, each once: begun on the disk before it is done, its answer stored when it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from firmware.commands.catalogue import COMMANDS, read_arguments
from firmware.commands.errors import CommandFailedError, CommandRefusedError
from firmware.store import commands
from firmware.store.commands import StoredCommand
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.store.insisting import transact_for_certain
from firmware.sync.messages_command import CommandStatus
from firmware.sync.responding import Responder

log = structlog.get_logger()
Doer = Callable[[Any], Awaitable[Mapping[str, Any]]]
"""A command's arguments to its result; raises CommandRefusedError or CommandFailedError."""

STORE_PAUSE_S = 2.0
KERNEL_BOOT = Path("/proc/sys/kernel/random/boot_id")


def kernel_boot() -> str:
    """Return what the kernel calls this boot; empty where it does not say."""
    try:
        return KERNEL_BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class CommandRunner:
    """Does what waits in the database, for as long as it runs."""

    def __init__(
        self,
        database: Database,
        responder: Responder,
        doers: Mapping[str, Doer],
        *,
        now: Callable[[], datetime],
        boot: str,
    ) -> None:
        self._database = database
        self._responder = responder
        self._doers = doers
        self._now = now
        self._boot = boot
        self._stirred = asyncio.Event()

    async def run(self) -> None:
        """Say what a crash interrupted, then do commands until cancelled."""
        unsubscribe = self._database.subscribe(self._on_commit)
        try:
            await transact_for_certain(self._database, self._settle)
            while True:
                self._stirred.clear()
                try:
                    command = await self._database.read(commands.next_waiting)
                except StoreError:
                    await asyncio.sleep(STORE_PAUSE_S)
                    continue
                if command is None:
                    await self._stirred.wait()
                else:
                    await self._do(command)
        finally:
            unsubscribe()

    def _on_commit(self, touched: frozenset[str]) -> None:
        if "command" in touched:
            self._stirred.set()

    async def _do(self, command: StoredCommand) -> None:
        now = self._now()
        if command.expires_at <= now:
            await self._finish(command, "expired", "expired", "its time had passed when its turn came")
            return
        await transact_for_certain(
            self._database, lambda con: commands.begin(con, command.id, at=now, boot=self._boot)
        )  # from here on it is never begun again
        log.info("command_begins", command=command.name, message=command.id)
        limit_s = COMMANDS[command.name].limit_s
        if limit_s is None:
            limit_s = (command.expires_at - now).total_seconds()
        try:
            async with asyncio.timeout(limit_s):
                result = await self._doers[command.name](read_arguments(command.name, command.arguments))
        except CommandRefusedError as error:
            await self._finish(command, "refused", error.reason, error.detail)
        except CommandFailedError as error:
            await self._finish(command, "failed", error.reason, error.detail)
        except TimeoutError:
            await self._finish(command, "failed", "timeout", f"not done within {limit_s:g} s: given up")
        except Exception as error:
            log.exception("command_fault", command=command.name)
            await self._finish(
                command, "failed", "internal_error", f"{type(error).__name__}: see the box's log"
            )
        else:
            await self._finish(command, "done", "", "", result)

    async def _finish(
        self,
        command: StoredCommand,
        status: CommandStatus,
        reason: str,
        detail: str,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        def work(con: Connection) -> None:
            fresh = commands.get(con, command.id)
            self._responder.finish(con, fresh, status, reason=reason, detail=detail, result=result)

        await transact_for_certain(self._database, work)
        log.info("command_ended", command=command.name, message=command.id, status=status, reason=reason)

    def _settle(self, con: Connection) -> None:
        for command in commands.begun(con):
            if command.name == "reboot" and command.boot and command.boot != self._boot:
                self._responder.finish(con, command, "done", result={"restarted": True})
            else:
                self._responder.finish(
                    con,
                    command,
                    "interrupted",
                    reason="interrupted",
                    detail="the box stopped in the middle of it; how far it came is not known: it is not done again",
                )
