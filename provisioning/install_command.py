"""`branchline install` and `branchline uninstall`: the releases of this machine, or of a tree that becomes one."""

import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from provisioning.box_folder import put_box
from provisioning.installing import (
    AT_BOOT,
    InstallError,
    build_wheel,
    current_release,
    enable,
    install_release,
    prune,
    put_system_files,
    remove,
    switch,
    trust,
)
from provisioning.layout import Layout

CHECKOUT = Path(__file__).resolve().parents[1]
SYSTEMCTL_LIMIT_S = 180.0
install_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
uninstall_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True)

Root = Annotated[
    Path, typer.Option("--root", help="The machine's root, or a tree that becomes one.", metavar="DIR")
]


@install_app.command()
def install(
    wheel: Annotated[
        Path | None, typer.Option(help="The release's wheel; left out, this checkout.", metavar="FILE")
    ] = None,
    root: Root = Path("/"),
    box: Annotated[
        Path | None, typer.Option(help="The folder that the console issued for this box.", metavar="DIR")
    ] = None,
    wheels: Annotated[
        Path | None,
        typer.Option(help="All packages as wheels, for a machine without a network.", metavar="DIR"),
    ] = None,
    python: Annotated[str, typer.Option(help="The Python that releases run on.")] = "/usr/bin/python3",
) -> None:
    """Install a release beside those that are there, and switch to it.

    Settings and data stay as they are; a running daemon is restarted and lets its calls end first.
    """
    layout = Layout(root=root.resolve())
    is_first = current_release(layout) is None
    try:
        with tempfile.TemporaryDirectory(prefix="branchline-") as folder:
            built = wheel or build_wheel(_checkout(), Path(folder))
            release = install_release(built, layout, python=python, wheels=wheels)
        before = switch(layout, release)
        put_system_files(layout)
        trust(layout, release)
        if is_first:
            enable(layout)
        if box is not None:
            out.print(f"key: {put_box(box, layout)}")
        prune(layout, spare=[before] if before else [])
        if layout.is_live:
            _go_live(is_first=is_first)
    except InstallError as error:
        _fail(str(error))
    except PermissionError as error:
        _fail(f"{error.filename}: permission denied; run this as root")
    out.print(
        f"{release.name} is current in {layout.inside(layout.releases)}"
        + (f", before it {before.name}" if before else "")
    )


@uninstall_app.command()
def uninstall(
    root: Root = Path("/"),
    purge: Annotated[
        bool, typer.Option("--purge", help="Keys, settings and data too: nothing brings them back.")
    ] = False,
) -> None:
    """Take every release, unit and rule off the machine; settings and data stay unless --purge."""
    layout = Layout(root=root.resolve())
    if current_release(layout) is None:
        _fail(f"nothing is installed in {layout.releases}")
    try:
        if layout.is_live:
            # What an older release did not have cannot be stopped, and need not be.
            subprocess.run(
                ["systemctl", "stop", *AT_BOOT], capture_output=True, timeout=SYSTEMCTL_LIMIT_S, check=False
            )
            _systemctl("stop", "branchline.service")
        remove(layout, purge=purge)
        if layout.is_live:
            _systemctl("daemon-reload")
    except InstallError as error:
        _fail(str(error))
    except PermissionError as error:
        _fail(f"{error.filename}: permission denied; run this as root")
    out.print("gone, with settings and data" if purge else "gone; settings and data are still there")


def _go_live(*, is_first: bool) -> None:
    for command in (
        ["systemd-sysusers"],
        ["systemd-tmpfiles", "--create"],
        ["udevadm", "control", "--reload"],
    ):
        # A container has no udev; what is missing shows when the daemon starts.
        subprocess.run(command, capture_output=True, timeout=SYSTEMCTL_LIMIT_S, check=False)
    _systemctl("daemon-reload")
    _systemctl("start" if is_first else "try-restart", "branchline.service")
    # On a machine that is a box its condition says no.
    _systemctl("start", "--no-block", *AT_BOOT)


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, timeout=SYSTEMCTL_LIMIT_S, check=False
    )
    if done.returncode:
        raise InstallError(f"systemctl {' '.join(arguments)}: {done.stderr.strip() or 'failed'}")


def _checkout() -> Path:
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise InstallError("this is no checkout: name the release with --wheel FILE")
    return CHECKOUT


def _fail(message: str) -> NoReturn:
    err.print(f"branchline: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
