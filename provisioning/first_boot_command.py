"""`branchline first-boot`, `claim` and `factory-reset`: how a machine becomes a box, and stops being one."""

import asyncio
import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import structlog
import typer

from firmware.local.web import open_page
from firmware.local.words import Language
from provisioning.claim_page import ClaimDoor
from provisioning.claim_screen import ClaimBoard, ClaimStanding, screen
from provisioning.claim_sources import copy_from_sticks
from provisioning.disk import Disk
from provisioning.factory_reset import ask_for_reset, box_name, factory_reset, is_reset_begun
from provisioning.first_boot import FirstBoot
from provisioning.installing import current_release
from provisioning.layout import Layout
from provisioning.machine import MachineError, SystemdMachine

log = structlog.get_logger()
PAGE_PORT = 8480
first_boot_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
claim_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
reset_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
Root = Annotated[
    Path, typer.Option("--root", help="The machine's root, or a tree that becomes one.", metavar="DIR")
]


@first_boot_app.command()
def first_boot(
    root: Root = Path("/"),
    page: Annotated[
        int, typer.Option(help="Port of the page that shows the code in the office's network; 0: none.")
    ] = PAGE_PORT,
    wait: Annotated[bool, typer.Option(help="Ask until the machine is a box.")] = True,
    sticks: Annotated[
        bool, typer.Option("--sticks", hidden=True, help="Copy claim files from sticks, and no more.")
    ] = False,
) -> None:
    """Make the machine's key and claim code, show them, and ask the console until this machine is a box.

    It can be run as often as anybody likes: what is there stays, what was cut off is finished.
    """
    layout = Layout(root=root.resolve())
    if sticks:
        copy_from_sticks(layout)
        return
    boot = FirstBoot(
        layout,
        SystemdMachine(layout),
        disk=Disk(),
        now=lambda: datetime.now(UTC),
        version=_version(layout),
    )
    try:
        if boot.begin() is None:
            print("This machine is a box.")
            return
        if not wait:
            print("\n".join(screen(ClaimBoard(layout).read() or ClaimStanding(state="no_file"), "en")))
            return
        name = asyncio.run(_until_box(boot, layout, page))
        boot.finish()
    except MachineError as error:
        _fail(str(error))
    except PermissionError as error:
        _fail(f"{error.filename}: permission denied; run this as root")
    print(f"This machine is the box {name}.")


@claim_app.command()
def claim(
    root: Root = Path("/"),
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show this machine's claim code, as text and as a QR code, and what it waits for."""
    standing = standing_of(Layout(root=root.resolve()))
    if as_json:
        print(json.dumps(msgspec.to_builtins(standing), ensure_ascii=False))
        return
    shown: Language = "zh" if language.lower().startswith("zh") else "en"
    print("\n".join(screen(standing, shown)))


@reset_app.command()
def reset(
    root: Root = Path("/"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the box's name.")] = False,
) -> None:
    """Wipe this box: keys first, then settings and data; nothing brings them back. Then it can be claimed again."""
    layout = Layout(root=root.resolve())
    machine = SystemdMachine(layout)
    name = box_name(layout)
    if not yes and not is_reset_begun(layout):
        typed = typer.prompt(
            f"This ERASES keys, lists, results and recordings. Type {name or 'RESET'} to go on"
        )
        if typed != (name or "RESET"):
            _fail("nothing was done")
    try:
        if layout.is_live and os.geteuid() != 0:
            ask_for_reset(layout)
            print("asked: it begins when root's service has seen it")
            return
        factory_reset(layout, machine, Disk())
        machine.start_first_boot()
    except MachineError as error:
        _fail(f"{error}; it goes on at the next start")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}; run this as root, it goes on where it stopped")
    print("wiped: this machine is no box any more")


def standing_of(layout: Layout) -> ClaimStanding:
    """Return how a machine stands that may or may not be a box."""
    if is_reset_begun(layout):
        return ClaimStanding(state="resetting")
    if (layout.settings / "box.toml").exists():
        return ClaimStanding(state="is_box")
    return ClaimBoard(layout).read() or ClaimStanding(
        state="no_file", detail="branchline-first-boot.service does not run"
    )


async def _until_box(boot: FirstBoot, layout: Layout, port: int) -> str:
    async with contextlib.AsyncExitStack() as stack:
        if port:
            door = ClaimDoor(ClaimBoard(layout), language="zh")
            try:
                # Peers outside private networks get no answer: firmware.local.web.
                await stack.enter_async_context(open_page(door, host="0.0.0.0", port=port))
            except OSError as error:
                log.error("claim_page_closed", port=port, reason=error.strerror)
        return await boot.run()


def _version(layout: Layout) -> str:
    release = current_release(layout)
    return release.name if release else ""


def _fail(message: str) -> NoReturn:
    print(f"branchline: {message}", file=sys.stderr)
    raise typer.Exit(1)
