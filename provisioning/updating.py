"""One update, step by step: fetched, installed beside, switched to when nobody is called, kept only if it proves good.

Each step is written down before what follows from it, and can be done again. What runs this is the last release that
proved good (`/opt/branchline/good`), never the one on trial: a release that cannot even start is gone back from.
"""

import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
import structlog

from firmware.local.facts import BoxFacts
from firmware.settings import Settings
from provisioning.disk import Disk
from provisioning.installing import (
    InstallError,
    current_release,
    install_release,
    prune,
    put_system_files,
    switch,
)
from provisioning.layout import Layout
from provisioning.machine import Machine
from provisioning.update_settings import UpdateSettings
from provisioning.update_source import UpdateLaterError, UpdateRefusedError, UpdateSource
from provisioning.update_state import UpdateFiles, UpdateOutcome, UpdateState

log = structlog.get_logger()
TRIES = 3
LOOK_S = 5.0
DRAIN_MINUTES = 30
DRAIN_S = 600.0
"""How long calls that are up may take to end; then it is another day's work."""


class Daemon(Protocol):
    """The daemon, as far as it answers."""

    def facts(self) -> BoxFacts | None:
        """Return how it stands, None while it does not answer."""

    def drain(self, minutes: int) -> int | None:
        """Have no further call begin for a while; return how many are up, None while it does not answer."""

    def resume(self) -> None:
        """Have calls begin again."""


class StoredCalls(Protocol):
    """The database, worked on as the daemon's user while the daemon is stopped."""

    def copy(self) -> None:
        """Copy it as it is. Raises UpdateLaterError."""

    def go_back(self) -> str:
        """Make it one that the release before can use; say how. Raises UpdateLaterError."""

    def forget(self) -> None:
        """Delete the copy."""


class Updater:
    """Takes an update as far as it goes now."""

    def __init__(
        self,
        layout: Layout,
        settings: Settings,
        machine: Machine,
        daemon: Daemon,
        calls: StoredCalls,
        *,
        disk: Disk,
        source: UpdateSource,
        self_check: Callable[[Path], "SelfChecked | None"],
        now: Callable[[], datetime],
        pause: Callable[[float], None],
        python: str = "/usr/bin/python3",
    ) -> None:
        """`self_check` has a release check the box, and returns what it complains of, None where it cannot be run."""
        self._layout = layout
        self._settings = settings
        self._machine = machine
        self._daemon = daemon
        self._calls = calls
        self._disk = disk
        self._source = source
        self._self_check = self_check
        self._now = now
        self._pause = pause
        self._python = python
        self._files = UpdateFiles(layout, disk)
        self._box_toml = UpdateSettings(layout, disk)

    def run(self) -> UpdateState | None:
        """Take the update that is asked for, or under way, as far as it goes now. Raises UpdateLaterError, MachineError."""
        state = self._begin()
        if state is None:
            return None
        while state.phase not in {"good", "failed"}:
            try:
                state = self._files.put(self._step(state))
            except UpdateRefusedError as error:
                state = self._files.put(
                    msgspec.structs.replace(
                        state, phase="failed", reason=error.reason, detail=error.detail[:500]
                    )
                )
            log.info(
                "update", version=state.version, phase=state.phase, tries=state.tries, reason=state.reason
            )
        self._end(state)
        return state

    def at_boot(self) -> None:
        """Before the daemon starts: count a start on trial, go back when it was one too many."""
        state = self._files.state()
        if state is None or state.phase not in {"switching", "trial", "rolling_back"}:
            return
        if state.phase == "switching":
            self._files.put(msgspec.structs.replace(state, phase="installed"))
        elif state.phase == "trial" and state.tries < TRIES:
            self._files.hold_calls()
            self._use(state.after)
            self._files.put(msgspec.structs.replace(state, tries=state.tries + 1))
        else:
            self._files.put(msgspec.structs.replace(state, phase="rolling_back"))
            self._go_back(state)

    # ---- what there is to do

    def _begin(self) -> UpdateState | None:
        state, wanted = self._files.state(), self._files.wanted()
        if state is not None or wanted is None:
            return state
        return self._files.put(
            UpdateState(
                id=wanted.id, version=wanted.version, until=wanted.until, when=wanted.when, phase="wanted"
            )
        )

    def _step(self, state: UpdateState) -> UpdateState:
        if state.phase in {"wanted", "fetched", "installed"} and self._now() > state.until:
            raise UpdateRefusedError(
                "expired", f"not come as far as switching until {state.until:%Y-%m-%d %H:%M}"
            )
        match state.phase:
            case "wanted":
                return self._fetch(state)
            case "fetched":
                return self._install(state)
            case "installed":
                return self._wait_for_the_moment(state)
            case "switching":
                return self._switch(state)
            case "trial":
                return self._try(state)
            case "rolling_back":
                return self._go_back(state)
        raise AssertionError(state.phase)

    def _end(self, state: UpdateState) -> None:
        self._files.tell(
            UpdateOutcome(
                id=state.id,
                version=state.version,
                good=state.phase == "good",
                reason=state.reason,
                detail=state.detail,
            )
        )
        self._files.let_calls()
        self._calls.forget()
        self._box_toml.forget()
        self._disk.remove(self._layout.updates / "bundles")
        wanted = self._files.wanted()
        if wanted is not None and (wanted.id, wanted.version) == (state.id, state.version):
            self._files.drop_wanted()  # another one may have been asked for meanwhile
        self._files.end(state)

    # ---- the steps

    def _fetch(self, state: UpdateState) -> UpdateState:
        self._source.require_set_up()
        facts = self._daemon.facts()
        if facts is not None and not facts.clock_trusted:
            raise UpdateLaterError(
                "the clock is not trusted: what has run out cannot be told from what has not"
            )
        bundle = self._source.download(self._source.find(state.version))
        return msgspec.structs.replace(state, phase="fetched", bundle=str(bundle))

    def _install(self, state: UpdateState) -> UpdateState:
        folder = self._layout.updates / "unpacked"
        self._disk.remove(folder)
        wheel = unpack(Path(state.bundle), folder)
        try:
            release = install_release(wheel, self._layout, python=self._python, wheels=folder / "wheels")
        except InstallError as error:
            raise UpdateRefusedError("not_installed", str(error)) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if release == current_release(self._layout):
            raise UpdateRefusedError("same", f"{release.name} is the release that runs")
        return msgspec.structs.replace(state, phase="installed", after=release.name)

    def _wait_for_the_moment(self, state: UpdateState) -> UpdateState:
        before = current_release(self._layout)
        if before is None:
            raise UpdateRefusedError("not_installed", "this machine runs no installed release")
        if state.when == "hours" and not self._is_allowed():
            update = self._settings.update
            raise UpdateLaterError(f"switching is allowed from {update.opens} to {update.closes}")
        found = self._self_check(before)
        # What could not be told before, as of a daemon that was stopped, is no fault of the release that comes.
        bad = found.bad | found.unknown if found is not None else frozenset[str]()
        self._end_calls()
        return msgspec.structs.replace(
            state, phase="switching", before=before.name, bad_before=tuple(sorted(bad))
        )

    def _switch(self, state: UpdateState) -> UpdateState:
        self._machine.stop_daemon()
        try:
            self._calls.copy()
            self._box_toml.keep()
        except UpdateLaterError:
            self._files.put(msgspec.structs.replace(state, phase="installed"))
            self._machine.restart_daemon()
            raise
        self._files.hold_calls()
        # Written down first: whatever starts from here on is counted.
        self._files.put(msgspec.structs.replace(state, phase="trial", tries=1))
        self._use(state.after)
        self._machine.restart_daemon()
        return msgspec.structs.replace(state, phase="trial", tries=1)

    def _try(self, state: UpdateState) -> UpdateState:
        why = self._proves_good(state)
        if not why:
            self._disk.link(self._layout.good, Path("releases") / state.after)
            prune(self._layout, spare=[self._layout.releases / state.before])
            return msgspec.structs.replace(state, phase="good")
        log.warning("update_not_good", version=state.version, tries=state.tries, reason=why)
        if state.tries >= TRIES:
            return msgspec.structs.replace(state, phase="rolling_back", detail=why)
        again = self._files.put(msgspec.structs.replace(state, tries=state.tries + 1, detail=why))
        self._use(state.after)
        self._machine.restart_daemon()
        return again

    def _go_back(self, state: UpdateState) -> UpdateState:
        self._machine.stop_daemon()
        self._use(state.before)
        how = self._calls.go_back() + self._box_toml.put_back()
        self._files.let_calls()
        self._machine.restart_daemon()
        return msgspec.structs.replace(
            state,
            phase="failed",
            reason="rolled_back",
            detail=f"{state.detail or 'it did not come up'}; back to {state.before}, database {how}",
        )

    # ---- pieces

    def _is_allowed(self) -> bool:
        local = self._now().astimezone(ZoneInfo(self._settings.box.time_zone)).time()
        opens, closes = (
            time.fromisoformat(each) for each in (self._settings.update.opens, self._settings.update.closes)
        )
        if opens == closes:
            return True
        return opens <= local < closes if opens < closes else local >= opens or local < closes

    def _end_calls(self) -> None:
        """Return when no call is up and none begins. Raises UpdateLaterError."""
        waited_s = 0.0
        up = self._daemon.drain(DRAIN_MINUTES)
        while up:
            if waited_s >= DRAIN_S:
                self._daemon.resume()
                raise UpdateLaterError(f"{up} calls are still up")
            self._pause(LOOK_S)
            waited_s += LOOK_S
            facts = self._daemon.facts()
            up = facts.calls_up if facts is not None else None
        # A daemon that does not answer has no call that could be cut: its watchdog ends it within a minute.

    def _use(self, name: str) -> None:
        """Make a release the current one, with its units; again if it was cut off."""
        try:
            switch(self._layout, self._layout.releases / name)
            put_system_files(self._layout)
        except InstallError as error:
            raise UpdateRefusedError("not_installed", str(error)) from None

    def _proves_good(self, state: UpdateState) -> str:
        """Return why the release on trial does not prove good in time, empty when it does."""
        waited_s, why = 0.0, "the daemon does not answer"
        while waited_s < self._settings.update.trial_minutes * 60:
            self._pause(LOOK_S)
            waited_s += LOOK_S
            facts = self._daemon.facts()
            if facts is None:
                why = "the daemon does not answer"
            elif state.after.split("+")[0] != facts.version.split("+")[0]:
                why = f"the daemon that answers is {facts.version}"
            elif not facts.uplink.connected:
                why = "there is no connection to the broker"
            else:
                found = self._self_check(self._layout.releases / state.after)
                if found is None:
                    why = "its self-check cannot be run"
                elif worse := sorted(
                    code
                    for code in found.bad
                    if not {code, code.partition(":")[0]} & set(state.bad_before)  # a line, or the lines
                ):
                    why = f"its self-check complains of {', '.join(worse)}"
                else:
                    return ""
        return why


def unpack(bundle: Path, folder: Path) -> Path:
    """Unpack a bundle's wheels, and nothing else that may be in it; return ours. Raises UpdateRefusedError."""
    (folder / "wheels").mkdir(mode=0o700, parents=True)
    found = []
    try:
        with tarfile.open(bundle, "r:") as archive:
            for member in archive:
                path = Path(member.name)
                is_ours = len(path.parts) == 1
                known = (
                    member.isreg() and path.suffix == ".whl" and (is_ours or path.parent == Path("wheels"))
                )
                if not known:
                    raise UpdateRefusedError(
                        "bad_bundle", f"it holds {member.name[:100]!r}, which is no wheel"
                    )
                source = archive.extractfile(member)
                assert source is not None
                with source, (folder / path).open("xb") as target:
                    shutil.copyfileobj(source, target)
                if is_ours:
                    found.append(folder / path)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UpdateRefusedError("bad_bundle", f"it cannot be unpacked: {error}") from None
    if len(found) != 1:
        raise UpdateRefusedError("bad_bundle", f"it holds {len(found)} releases")
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfChecked:
    """What a release says of the box, by the codes of its checks."""

    bad: frozenset[str]
    unknown: frozenset[str] = frozenset()


def run_self_check(release: Path, config: Path, *, limit_s: float = 180.0) -> SelfChecked | None:
    """Have a release check the box; None if it cannot be run."""
    command = [str(release / "bin/branchline"), "selfcheck", "--config", str(config), "--json"]
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=limit_s, check=False
        )
        checks = msgspec.json.decode(done.stdout)["checks"]
        bad, unknown = (
            frozenset(each["code"] for each in checks if each["state"] == state)
            for state in ("bad", "unknown")
        )
        return SelfChecked(bad=bad, unknown=unknown)
    except (OSError, subprocess.TimeoutExpired, msgspec.MsgspecError, KeyError, TypeError):
        return None
