"""The technician's session: language, PIN, then one screen after the other until logged out or silent for too long."""

import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from firmware.clock import day_began
from firmware.data_dir import database_path
from firmware.host.journal import masked
from firmware.local.client import BoxClient, BoxRefusedError, BoxSilentError
from firmware.local.facts import BoxFacts
from firmware.local.words import Language
from firmware.settings import Settings
from firmware.store import outbox, today
from firmware.store.errors import StoreError
from firmware.store.reading import read_only
from provisioning import network
from provisioning.selfcheck import pin_file, self_check
from provisioning.technician.pin import PinFile
from provisioning.technician.screens import Screens
from provisioning.technician.terminal import LeftError, Terminal

CALL_S, PIN_S, PROGRAM_S = 310.0, 40.0, 600.0
LOG_EVENTS = 60
JOURNAL = ("journalctl", "--unit=branchline", "--output=cat", "--no-pager", f"--lines={LOG_EVENTS}")


class TechnicianConsole:
    """One session on one terminal."""

    def __init__(
        self,
        config: Path,
        settings: Settings,
        terminal: Terminal,
        ask: Callable[[Settings], BoxClient],
        *,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._settings = settings
        self._terminal = terminal
        self._client_of = ask
        self._client = ask(settings)
        self._pause = pause
        self._now = now
        self._screens = Screens("zh" if settings.box.language.lower().startswith("zh") else "en")
        self._entries: dict[str, Callable[[], None]] = {
            "1": self._status,
            "2": self._lines,
            "3": self._sim_pin,
            "4": self._test_call,
            "5": self._network,
            "6": self._gate,
            "7": self._log,
            "8": self._self_check,
            "9": self._diagnostics,
            "10": self._drain,
            "11": self._reboot,
            "12": self._factory_reset,
        }
        self._without = frozenset() if settings.technician.factory_reset else frozenset({"12"})

    def run(self) -> None:
        """Serve one technician. Raises LeftError, PinError."""
        try:
            self._terminal.say("", self._screens.said("greeting", box=self._settings.box.id))
            language: Language = {"1": "en", "2": "zh"}.get(
                self._terminal.ask(self._screens.said("language")), ""
            )  # type: ignore[assignment]
            self._screens = Screens(language or self._screens.language)
            self._log_in(pin_file(self._settings))
            while self._one_choice():
                continue
            self._say("bye")
        finally:
            self._client.close()

    def _log_in(self, pins: PinFile) -> None:
        while True:
            if (wait_s := pins.wait_s(self._now())) > 0:
                self._say("wait", s=int(wait_s) + 1)
                self._pause(wait_s)
                continue
            if pins.is_right(self._terminal.ask_secret(self._screens.said("pin")), self._now()):
                return
            self._say("wrong_pin")

    def _one_choice(self) -> bool:
        self._terminal.say("", *self._screens.menu(without=self._without))
        choice = self._terminal.ask(self._screens.said("choose"))
        if choice == "0":
            return False
        entry = None if choice in self._without else self._entries.get(choice)
        if entry is None:
            if choice:
                self._say("unknown", choice=choice)
            return True
        self._terminal.say("")
        try:
            entry()
        except BoxSilentError:
            self._say("dead_cannot")
        except BoxRefusedError as error:
            self._say("refused", why=error.detail or error.reason)
        self._terminal.ask(self._screens.said("enter"))
        return True

    # ---- looking

    def _facts(self) -> BoxFacts:
        return msgspec.convert(self._client.ask("state"), BoxFacts)

    def _status(self) -> None:
        try:
            self._page(self._screens.status(self._facts()))
        except BoxSilentError:
            self._say("dead")
            now = self._now()
            began = day_began(now, ZoneInfo(self._settings.box.time_zone))
            try:
                with read_only(database_path(self._settings)) as con:
                    shown = self._screens.status_of_files(
                        outbox.depth(con), today.outcomes_by_hour(con, began, now), today.waiting(con), now
                    )
            except StoreError as error:
                shown = [str(error)]
            self._page(shown)

    def _lines(self) -> None:
        try:
            self._page(self._screens.lines(self._facts().lines))
        except BoxSilentError:
            self._say("dead")
            self._page(
                [f"{each.id}: {each.usb_path or each.at_port or 'IMEI'}" for each in self._settings.line]
            )

    def _network(self) -> None:
        mqtt = self._settings.mqtt
        problem = network.reaches(mqtt.host, mqtt.port)
        self._page(
            self._screens.network(
                network.interfaces(),
                network.gateway(),
                network.name_servers(),
                f"{mqtt.host}:{mqtt.port}",
                problem,
            )
        )

    def _log(self) -> None:
        try:
            self._page(self._screens.log(self._client.ask("log", events=LOG_EVENTS)))
        except BoxSilentError:
            self._say("dead")
            self._page(self._log_of_files())

    def _log_of_files(self) -> list[str]:
        try:
            done = subprocess.run(JOURNAL, capture_output=True, text=True, timeout=20, check=False)
            lines = done.stdout.splitlines()
        except (OSError, subprocess.TimeoutExpired):
            lines = []
        own = Path(self._settings.box.data_dir) / "box.log"
        if not lines and own.is_file():
            with own.open("rb") as file:
                file.seek(max(own.stat().st_size - 32768, 0))
                lines = file.read().decode("utf-8", "replace").splitlines()[-LOG_EVENTS:]
        return [masked(line) for line in lines] or [self._screens.said("none")]

    def _gate(self) -> None:
        number = self._terminal.ask(self._screens.said("number"))
        region = self._terminal.ask(self._screens.said("region")).upper() or None
        try:
            said = self._client.ask("gate", number=number, region=region)
        except BoxSilentError:
            self._say("dead")
            self._page([self._screens.said("offline_gate"), *self._gate_of_files(number, region)])
            return
        self._say("listed" if said["on_a_list"] else "unlisted")
        self._page(self._screens.gate(said))

    def _gate_of_files(self, number: str, region: str | None) -> list[str]:
        # The rules take seconds to load on a small board: who asks nothing of them does not wait for that.
        from provisioning.technician.gate_alone import GateAloneError, gate_alone  # noqa: PLC0415

        try:
            return self._screens.gate(gate_alone(self._settings, self._config, number, region, self._now()))
        except GateAloneError as error:
            return [str(error)]

    def _self_check(self) -> None:
        self._say("checking")
        self._page(self._screens.checks(self_check(self._config, self._client_of)))

    # ---- doing

    def _which_line(self) -> str:
        lines = [each.line for each in self._facts().lines]
        if len(lines) < 2:
            return lines[0] if lines else ""
        return self._terminal.ask(self._screens.said("which_line", lines=" ".join(lines)))

    def _sim_pin(self) -> None:
        line = self._which_line()
        pin = self._terminal.ask_secret(self._screens.said("sim_pin"))
        done = self._client.ask("sim-pin", line=line, pin=pin, timeout_s=PIN_S)
        self._say("pin_taken", status=self._screens.status_word(done["status"]))
        self._say("pin_kept" if done["kept"] else "pin_not_kept")

    def _test_call(self) -> None:
        line = self._which_line()
        self._say("calling")
        done: dict[str, Any] = self._client.ask("test-call", line=line, timeout_s=CALL_S)
        self._say("call_good" if done["passed"] else "call_bad", detail=done["detail"])
        self._say("call_ways", heard=done["heard"], sent=done["sent"])

    def _drain(self) -> None:
        text = self._terminal.ask(self._screens.said("minutes"))
        if not text.isdecimal():
            self._say("not_done")
        elif int(text) == 0:
            self._client.ask("resume")
            self._say("resumed")
        else:
            done = self._client.ask("drain", minutes=int(text))
            self._say("drained", n=done["calls_up"])

    def _diagnostics(self) -> None:
        from provisioning.diagnostics import write_bundle  # noqa: PLC0415  # as with the gate: who does not ask does not wait

        self._say("bundling")
        folder = Path(self._settings.technician.bundle_dir or self._settings.box.data_dir)
        try:
            path = write_bundle(
                folder, self._settings, self_check(self._config, self._client_of), self._client_of
            )
        except OSError as error:
            self._say("refused", why=f"{folder}: {error.strerror}")
            return
        self._say("bundle", path=path, kb=path.stat().st_size // 1000 + 1)

    def _reboot(self) -> None:
        if self._terminal.ask(self._screens.said("reboot_sure")) != "yes":
            self._say("not_done")
            return
        if not self._settings.commands.reboot:
            self._say("no_reboot")
            return
        try:
            self._client.ask("reboot", when="when_idle", timeout_s=CALL_S)
        except BoxSilentError:
            # Either the box is on its way down already, or there is no daemon whose calls could be cut.
            if problem := self._run(self._settings.commands.reboot):
                self._say("refused", why=problem)
                return
        self._say("rebooting")

    def _factory_reset(self) -> None:
        if self._terminal.ask(self._screens.said("reset_sure")) != self._settings.box.id:
            self._say("not_done")
            return
        self._say("resetting")
        if problem := self._run(self._settings.technician.factory_reset):
            self._say("reset_failed", why=problem)

    def _run(self, program: Sequence[str]) -> str:
        """Run a program of the settings, without a shell; return why it failed, empty when it did not."""
        try:
            done = subprocess.run(
                program, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROGRAM_S, check=False
            )
        except OSError as error:
            return f"{program[0]}: {error.strerror}"
        except subprocess.TimeoutExpired:
            return f"{program[0]}: not done within {PROGRAM_S:g} s"
        return "" if done.returncode == 0 else f"{program[0]}: exit {done.returncode}"

    def _page(self, lines: Sequence[str]) -> None:
        self._terminal.page(lines, more=self._screens.said("more"))

    def _say(self, name: str, **values: object) -> None:
        self._terminal.say(self._screens.said(name, **values))


__all__ = ["LeftError", "TechnicianConsole"]
