"""The console's configuration at work: tried, kept if the console hears of it in time, else undone.

A trial is on the disk before anything changes, so whatever a crash interrupts is undone at the next start, or was
finished: the receipt for what the box sent under it decides, and nothing else.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec
import structlog

from firmware.store import configurations, inbox, outbox
from firmware.store.configurations import StoredConfig
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.store.insisting import transact_for_certain
from firmware.sync.answers import Answer
from firmware.sync.applying_config import IN_FORCE, ROLLED_BACK, settings_of
from firmware.sync.connection import Connection
from firmware.sync.errors import NotConnectedError
from firmware.sync.messages import BoxEvent, encode
from firmware.sync.messages_config import ConfigSettings

log = structlog.get_logger()
Enforce = Callable[[ConfigSettings], None]

STORE_PAUSE_S = 2.0


class Configuration:
    """What is in force now, and the one trial that may be under way."""

    def __init__(self, database: Database, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        """Settle what the last run left on trial, in the moment before anything else begins."""
        self._database = database
        self._now = now
        self._new_id = new_id
        self._stirred = asyncio.Event()
        self._enforce: Sequence[Enforce] = ()
        self._in_force = database.run_now(self._settle)
        self.current = _readable(self._in_force)
        """In force, or on trial."""
        self.on_trial = 0
        """Version that is being tried, 0 for none."""

    @property
    def version(self) -> int:
        """Return the version in force, 0 for none."""
        return self._in_force.version if self._in_force else 0

    async def run(self, connection: Connection, enforce: Sequence[Enforce]) -> None:
        """Have every part go by the configuration, and try what the console sends; until cancelled."""
        self._enforce = enforce
        self._use(self.current)
        unsubscribe = self._database.subscribe(self._on_commit)
        try:
            while True:
                self._stirred.clear()
                before = self.version
                trial = await self._read_trial()
                if self.version != before:
                    self._use(self.current)
                if trial is not None:
                    await self._try(trial, connection)
                    continue
                await self._stirred.wait()
        finally:
            unsubscribe()

    def _on_commit(self, touched: frozenset[str]) -> None:
        if touched & {"configuration", "outbox"}:
            self._stirred.set()

    async def _read_trial(self) -> StoredConfig | None:
        """Return the trial; follow what is in force, which an equal configuration may have renewed."""
        while True:
            try:
                self._in_force, trial = await self._database.read(
                    lambda con: (configurations.in_force(con), configurations.on_trial(con))
                )
            except StoreError:
                await asyncio.sleep(STORE_PAUSE_S)
            else:
                return trial

    async def _try(self, trial: StoredConfig, connection: Connection) -> None:
        log.info("config_on_trial", version=trial.version, confirm_within_s=trial.confirm_within_s)
        self.on_trial = trial.version
        reason = ""
        try:
            # The enforcing is inside the window too: whatever it breaks is undone.
            self._use(settings_of(trial))
            async with asyncio.timeout(trial.confirm_within_s):
                is_done = await self._prove(trial.version, connection)
        except TimeoutError:
            is_done = False
            reason = (
                f"no receipt for what was sent under it came within {trial.confirm_within_s} s"
                if connection.connected
                else f"the broker could not be reached under it within {trial.confirm_within_s} s"
            )
        except Exception as error:
            # Whatever it is that this configuration does to us: the last good one did not.
            log.exception("config_fault", version=trial.version)
            is_done = False
            reason = f"it could not be put in force: {type(error).__name__}"
        self.on_trial = 0
        if reason:
            self._use(_readable(self._in_force))
            await transact_for_certain(self._database, partial(self._roll_back, trial=trial, reason=reason))
            log.warning("config_rolled_back", version=trial.version, reason=reason)
        elif is_done:
            log.info("config_in_force", version=trial.version)

    async def _prove(self, version: int, connection: Connection) -> bool:
        """Return True once the console has what was sent under the trial; False if another took its place."""
        told = False
        while True:
            self._stirred.clear()
            trial = await self._read_trial()
            if trial is None or trial.version != version:
                return False
            if not told:
                await self._wait_connected(connection)
                told = await self._tell_console(trial)
            elif await self._decide(trial):
                return True
            else:
                await self._stirred.wait()

    async def _wait_connected(self, connection: Connection) -> None:
        connected = asyncio.ensure_future(connection.wait_connected())
        stirred = asyncio.ensure_future(self._stirred.wait())
        try:
            await asyncio.wait({connected, stirred}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            connected.cancel()
            stirred.cancel()

    async def _tell_console(self, trial: StoredConfig) -> bool:
        """Send something by the configuration on trial: its receipt is the proof. False when it could not be."""

        def work(con: StoreConnection) -> None:
            seq = self._event(con, "config_on_trial", "info", f"version {trial.version} is tried")
            configurations.note_proof(con, trial.version, seq)

        try:
            await self._database.transact(work)
        except (StoreError, NotConnectedError):
            await asyncio.sleep(STORE_PAUSE_S)
            return False
        return True

    async def _decide(self, trial: StoredConfig) -> bool:
        def work(con: StoreConnection) -> bool:
            fresh = configurations.on_trial(con)
            if fresh is None or fresh.version != trial.version or not configurations.is_proved(con, fresh):
                return False
            self._confirm(con, fresh)
            return True

        if not await self._database.read(lambda con: configurations.is_proved(con, trial)):
            return False
        try:
            return await self._database.transact(work)
        except StoreError:
            await asyncio.sleep(STORE_PAUSE_S)
            self._stirred.set()
            return False

    def _use(self, settings: ConfigSettings) -> None:
        self.current = settings
        for enforce in self._enforce:
            enforce(settings)

    # ---- inside one transaction

    def _settle(self, con: StoreConnection) -> StoredConfig | None:
        """Finish or undo what was on trial when the last run ended."""
        trial = configurations.on_trial(con)
        if trial is not None:
            if configurations.is_proved(con, trial):
                self._confirm(con, trial)
            else:
                self._roll_back(con, trial=trial, reason="the box restarted while it was tried")
        return configurations.in_force(con)

    def _confirm(self, con: StoreConnection, trial: StoredConfig) -> None:
        configurations.confirm(con, trial.version, self._now())
        self._answer(con, trial, Answer(accepted=True, reason=IN_FORCE))

    def _roll_back(self, con: StoreConnection, *, trial: StoredConfig, reason: str) -> None:
        if not configurations.roll_back(con, trial.version, self._now(), reason):
            return  # a newer one took its place meanwhile
        self._answer(con, trial, Answer(accepted=False, reason=ROLLED_BACK, detail=reason))
        self._event(con, "config_rolled_back", "alarm", f"version {trial.version}: {reason}")

    def _answer(self, con: StoreConnection, trial: StoredConfig, answer: Answer) -> None:
        """Say what became of it, now and to a console that asks again."""
        made: list[bytes] = []

        def build(seq: int) -> bytes:
            ack = answer.to_ack(
                about=trial.message,
                kind="config",
                id=self._new_id(),
                at=self._now(),
                stream=self._database.stream,
                seq=seq,
            )
            made.append(encode(ack))
            return made[0]

        seq = outbox.append(con, "ack", build, self._now())
        inbox.answer_anew(con, trial.message, seq=seq, answer=made[0])

    def _event(self, con: StoreConnection, name: str, severity: Literal["info", "alarm"], detail: str) -> int:
        at = self._now()
        return outbox.append(
            con,
            "event",
            lambda seq: encode(
                BoxEvent(
                    id=self._new_id(),
                    at=at,
                    stream=self._database.stream,
                    seq=seq,
                    event=name,
                    severity=severity,
                    detail=detail,
                )
            ),
            at,
        )


def _readable(stored: StoredConfig | None) -> ConfigSettings:
    """Return what a configuration in force says; one that this version cannot read must not become no limit."""
    try:
        return settings_of(stored)
    except msgspec.MsgspecError as error:
        log.error("config_unreadable", version=stored.version if stored else 0, reason=str(error))
        return ConfigSettings(hours=[])
