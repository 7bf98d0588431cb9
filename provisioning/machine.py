"""What provisioning asks of the running machine: start and stop services, show something on its consoles."""

import subprocess
from typing import Protocol

from provisioning.layout import Layout

SYSTEMCTL_LIMIT_S = 180.0


class Machine(Protocol):
    """A machine with services."""

    def stop_daemon(self) -> None:
        """Have the daemon be stopped. Raises MachineError."""

    def stop_updates(self) -> None:
        """Have no update be under way. Raises MachineError."""

    def restart_daemon(self) -> None:
        """Have the daemon be started anew, by the units and the release that are there now. Raises MachineError."""

    def start_first_boot(self) -> None:
        """Have the machine ask to become a box."""

    def show_issue(self) -> None:
        """Have consoles show again what stands above their login prompt."""


class MachineError(Exception):
    """A service does not do what it should; the text says what to look at."""


class SystemdMachine:
    """The machine that runs; nothing to ask of a tree that only becomes one."""

    def __init__(self, layout: Layout) -> None:
        self._is_live = layout.is_live

    def stop_daemon(self) -> None:
        """Have the daemon be stopped; its calls end first. Raises MachineError."""
        self._systemctl("stop", "branchline.service")

    def stop_updates(self) -> None:
        """Have no update be under way. Raises MachineError."""
        self._systemctl("stop", "branchline-update.service")

    def restart_daemon(self) -> None:
        """Have the daemon be started anew. Raises MachineError."""
        self._systemctl("daemon-reload")
        self._systemctl("restart", "--no-block", "branchline.service")

    def reboot(self) -> None:
        """Have the machine go down and come up again. Raises MachineError."""
        if not self._is_live:
            raise MachineError("systemd does not run this machine: restart it as it is restarted")
        self._systemctl("--no-block", "reboot")

    def start_first_boot(self) -> None:
        """Have the machine ask to become a box."""
        self._systemctl("restart", "--no-block", "branchline-first-boot.service")

    def show_issue(self) -> None:
        """Have consoles show again what stands above their login prompt."""
        if self._is_live:
            _run(["agetty", "--reload"])

    def _systemctl(self, *arguments: str) -> None:
        if self._is_live and (problem := _run(["systemctl", *arguments])):
            raise MachineError(f"systemctl {' '.join(arguments)}: {problem}")


def _run(command: list[str]) -> str:
    """Return why a program failed, empty when it did not."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SYSTEMCTL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit {done.returncode}")
