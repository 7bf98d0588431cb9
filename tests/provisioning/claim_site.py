"""An office whose broker has a door for claims, and machines in trees that want to be boxes."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from console.authority import init_office
from console.claim_desk import ClaimDesk
from console.claim_files import issue_claim, open_claims
from console.claim_serving import serving_claims
from console.office import Office
from firmware.clock import SystemClock
from firmware.sync.claiming import CLAIM_FILE, ClaimFile
from provisioning.claim_screen import ClaimBoard
from provisioning.claiming import Claimant, Tell
from provisioning.disk import Disk
from provisioning.first_boot import FirstBoot
from provisioning.identity import Identity
from provisioning.layout import Layout

Value = TypeVar("Value")
ROOT = Path(__file__).resolve().parents[2]


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def utc_now() -> datetime:
    return datetime.now(UTC)


def office_with_door(folder: Path) -> Office:
    port, claim_port = free_ports(2)
    office = init_office(
        folder, "demo", "localhost", now=utc_now(), broker_port=port, other_hosts=["127.0.0.1"]
    )
    opened, is_replaced = open_claims(office, claim_port, now=utc_now())
    assert is_replaced
    return opened


class RecordedMachine:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop_daemon(self) -> None:
        self.asked.append("stop")

    def stop_updates(self) -> None:
        self.asked.append("no updates")

    def restart_daemon(self) -> None:
        self.asked.append("restart")

    def start_first_boot(self) -> None:
        self.asked.append("first-boot")

    def show_issue(self) -> None:
        pass


class Hardware:
    """A machine in a tree: with a serial number, a release, a boot partition."""

    def __init__(self, folder: Path, serial: str = "SN-1") -> None:
        self.layout = Layout(root=folder)
        self.machine = RecordedMachine()
        dmi = folder / "sys/class/dmi/id"
        dmi.mkdir(parents=True)
        (dmi / "product_serial").write_text(f"{serial}\n", encoding="ascii")
        shutil.copytree(ROOT / "systemd", self.layout.releases / "1.0/share/branchline/systemd")
        self.layout.current.symlink_to("releases/1.0")

    def plug_in(self, claim_file: Path) -> None:
        (self.layout.root / "boot/firmware").mkdir(parents=True, exist_ok=True)
        shutil.copy(claim_file, self.layout.root / "boot/firmware" / CLAIM_FILE)

    def boot(self, disk: Disk | None = None, **changes: object) -> FirstBoot:
        return FirstBoot(
            self.layout,
            self.machine,
            disk=disk or Disk(),
            now=utc_now,
            version="1.0",
            **({"make_claim": quick_claim} | changes),  # type: ignore[arg-type]
        )

    def says(self, text: str) -> bool | None:
        """Say whether the machine shows a text, for `until`."""
        shown = ClaimBoard(self.layout).read()
        return True if shown is not None and text in shown.detail else None

    @property
    def credentials(self) -> Path:
        return self.layout.root / "etc/credstore"


def quick_claim(identity: Identity, file: ClaimFile, tell: Tell) -> Claimant:
    """A claim that asks often: nobody waits in a test."""
    return Claimant(identity, file, version="1.0", now=utc_now, tell=tell, ask_every_s=0.1)


async def claimed(boot: FirstBoot, *, timeout_s: float = 20.0) -> str:
    boot.begin()
    async with asyncio.timeout(timeout_s):
        name = await boot.run()
    boot.finish()
    return name


@asynccontextmanager
async def console(office: Office) -> AsyncIterator[ClaimDesk]:
    async with serving_claims(office, SystemClock()) as desk:
        yield desk


async def until(ask: Callable[[], Value | None], *, timeout_s: float = 20.0) -> Value:
    """Return what is there once it is: it comes from another process."""
    async with asyncio.timeout(timeout_s):
        while (found := ask()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return found


def issue(office: Office, target: Path, **terms: Any) -> Path:
    given: dict[str, Any] = {"now": utc_now(), "days": 7} | terms
    issue_claim(office, target, **given)
    return target
