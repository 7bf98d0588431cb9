"""`branchline image`: a bootable tree by one command, and a look at it running."""

import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from provisioning.debian_tree import machine_arch, machine_suite
from provisioning.foreign_wheels import collect_wheels
from provisioning.image import fill_tree, make_tree
from provisioning.image_look import Finding, look_at_tree
from provisioning.install_command import CHECKOUT
from provisioning.installing import InstallError, build_wheel

image_app = typer.Typer(
    name="image",
    help="A machine in a folder, for systemd-nspawn or a disk.",
    no_args_is_help=True,
    add_completion=False,
)
err = Console(stderr=True)
Tree = Annotated[Path, typer.Argument(help="The folder.", metavar="DIR")]
Wheels = Annotated[
    Path | None, typer.Option(help="All packages as wheels, for a machine without a network.", metavar="DIR")
]
Arch = Annotated[
    str,
    typer.Option(help="Debian's name of the processor: amd64, arm64; left out, this one's.", metavar="ARCH"),
]
Suite = Annotated[str, typer.Option(help="The Debian release; left out, this machine's.", metavar="NAME")]


@image_app.command("make")
def make(
    tree: Tree,
    arch: Arch = "",
    suite: Suite = "",
    wheels: Wheels = None,
) -> None:
    """Make a Debian tree with this checkout's release installed and enabled. Needs root and mmdebstrap."""
    try:
        make_tree(tree, CHECKOUT, arch=arch or machine_arch(), suite=suite or machine_suite(), wheels=wheels)
    except InstallError as error:
        _fail(str(error))


@image_app.command("wheels")
def wheels_for(folder: Tree, arch: Arch = "", suite: Suite = "") -> None:
    """Collect all packages of a box as wheels, for a processor: for `--wheels` here and of `branchline-console release add`.

    What has no wheel is built in a throw-away Debian of that processor: as root, with mmdebstrap.
    """
    try:
        built = collect_wheels(
            folder,
            CHECKOUT / "requirements.lock",
            arch=arch or machine_arch(),
            suite=suite or machine_suite(),
        )
    except InstallError as error:
        _fail(str(error))
    print(f"{len(list(folder.iterdir()))} wheels; built here: {', '.join(built) or 'none'}")


@image_app.command("refill")
def refill(tree: Tree, arch: Arch = "", wheels: Wheels = None) -> None:
    """Install this checkout's release into a tree that was made before."""
    try:
        fill_tree(tree, CHECKOUT, arch=arch or machine_arch(), wheels=wheels)
    except InstallError as error:
        _fail(str(error))


@image_app.command("test")
def look(tree: Tree, wheels: Wheels = None) -> None:
    """Boot a tree under systemd-nspawn as a throw-away box and say what was observed; the tree stays as it is.

    With --wheels it also becomes a good release over the network, and goes back from one that does not start.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="branchline-look-") as folder:
            found = _look(tree, Path(folder), wheels)
    except InstallError as error:
        _fail(str(error))
    for each in found:
        print(f"{'good' if each.is_right else 'BAD '}  {each.what}: {each.words}")
    if not all(each.is_right for each in found):
        _fail("the tree does not do what it should")


def _look(tree: Path, folder: Path, wheels: Path | None) -> list[Finding]:
    # The office is the console's; here it only issues a box to look at, and releases for it.
    from console.authority import init_office, issue_box  # noqa: PLC0415
    from provisioning.image_updates import broker_of, publish_two, shown  # noqa: PLC0415

    now = datetime.now(UTC)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    office = init_office(folder / "office", "look", "127.0.0.1", now=now, broker_port=port)
    if wheels is None:
        return look_at_tree(tree, issue_box(office, "look-1", now=now))
    public = publish_two(office.releases, build_wheel(CHECKOUT, folder), wheels)
    with shown(public) as address, broker_of(office.folder):
        return look_at_tree(tree, issue_box(office, "look-1", now=now), repository=address)


def _fail(message: str) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
