"""`branchline reboot`: what `[commands] reboot` names on an installed box. Who is not root asks root's service by a file."""

import os
import sys
from pathlib import Path

import typer

from provisioning.layout import Layout
from provisioning.machine import MachineError, SystemdMachine

reboot_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@reboot_app.command()
def reboot() -> None:
    """Restart this machine at once; from the menu and from the console it is done when the calls that are up have ended."""
    try:
        if os.geteuid() == 0:
            SystemdMachine(Layout()).reboot()
        else:
            ask_for_reboot(Layout())
    except MachineError as error:
        print(f"branchline: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def ask_for_reboot(layout: Layout) -> None:
    """Ask root for a restart of the machine (branchline-reboot.path watches). Raises MachineError."""
    watcher: Path = layout.wanted("branchline-reboot.path")
    if not watcher.is_symlink():
        # What nobody takes away would restart the machine whenever somebody begins to watch.
        raise MachineError("nobody watches for it: systemctl enable --now branchline-reboot.path, as root")
    try:
        layout.reboot_asked.touch(mode=0o600)
    except OSError as error:
        raise MachineError(f"{layout.reboot_asked}: {error.strerror}; run this as root") from None
