"""`release`: what boxes may become, signed by several people, and rolled out box by box as long as few of them fail."""

import asyncio
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from console.arguments import JsonOption, OfficeOption, clock_for, office_at
from console.errors import ReleaseError
from console.office import Office
from console.private_files import replace_private
from console.roll_out import RollOut, roll_out
from console.tables import table
from console.terminal import say, say_json
from firmware.clock import SystemClock

if TYPE_CHECKING:
    # The Update Framework takes a tenth of a second to load, and every other command would wait for it.
    from console.release_repository import ReleaseRepository

release_app = typer.Typer(
    help="Releases for boxes: make the repository, add, sign, publish, roll out.", no_args_is_help=True
)
KeysOption = Annotated[
    list[Path] | None,
    typer.Option("--key", help="A release key that signs; again for others.", metavar="FILE"),
]
DaysOption = Annotated[
    int, typer.Option(help="For how many days boxes believe that this is the newest state.", min=1, max=60)
]


@release_app.command("init")
def init(
    context: typer.Context,
    *,
    keys_folder: Annotated[Path, typer.Argument(help="A new folder for the release keys.")],
    keys: Annotated[int, typer.Option(help="How many keys, one for each who may sign.")] = 3,
    threshold: Annotated[int, typer.Option(help="How many of them must sign.")] = 2,
    days: DaysOption = 14,
    folder: OfficeOption = None,
) -> None:
    """Make the repository and the keys. Give each key to one person; none should stay on this computer."""
    from console.release_repository import ReleaseRepository  # noqa: PLC0415 - starts slowly

    office = office_at(folder or context.obj)
    ReleaseRepository.init(
        office.releases, keys_folder, n_keys=keys, threshold=threshold, now=SystemClock().now(), days=days
    )
    say(
        f"{keys} keys in {keys_folder}, {threshold} must sign: give each to one person, on a stick of their own"
    )
    say(
        f"have a web server show {office.releases / 'public'}; boxes that are issued from now on believe these keys"
    )


@release_app.command("add")
def add(
    context: typer.Context,
    *,
    wheel: Annotated[Path, typer.Argument(help="branchline-VERSION-py3-none-any.whl")],
    wheels: Annotated[
        Path | None,
        typer.Option(help="A folder with all that its lock file names, as wheels.", metavar="DIR"),
    ] = None,
    arch: Annotated[
        str, typer.Option(help="The processors these wheels are for, or any.")
    ] = platform.machine(),
    key: KeysOption = None,
    folder: OfficeOption = None,
) -> None:
    """Add a release; boxes see it once enough keys have signed and it is published."""
    from console.release_repository import bundle_of  # noqa: PLC0415 - starts slowly

    found = sorted(wheels.glob("*.whl")) if wheels else []
    with (
        _staging(office_at(folder or context.obj), key) as repository,
        tempfile.TemporaryDirectory(prefix="branchline-release-") as place,
    ):
        bundle = Path(place) / "bundle.tar"
        version = bundle_of(wheel, found, bundle)
        repository.add(bundle, version=version, arch=arch, now=SystemClock().now())


@release_app.command("withdraw")
def withdraw(
    context: typer.Context,
    *,
    version: Annotated[str, typer.Argument(help="The release that no box shall become any more.")],
    key: KeysOption = None,
    folder: OfficeOption = None,
) -> None:
    """Take a release back; boxes that are it already stay so."""
    with _staging(office_at(folder or context.obj), key) as repository:
        repository.withdraw(version, SystemClock().now())


@release_app.command("renew-keys")
def renew_keys(
    context: typer.Context,
    *,
    drop: Annotated[list[str] | None, typer.Option(help="The id of a key that is lost or known.")] = None,
    new: Annotated[list[Path] | None, typer.Option(help="A new release key.", metavar="FILE")] = None,
    key: KeysOption = None,
    folder: OfficeOption = None,
) -> None:
    """Change who may sign, or renew for two years who may; enough of the old and of the new keys must sign."""
    with _staging(office_at(folder or context.obj), key) as repository:
        added = [path.read_bytes() for path in new or ()]
        repository.renew_root(SystemClock().now(), drop=drop or (), add=added)


@release_app.command("sign")
def sign(
    context: typer.Context,
    *,
    key: Annotated[Path, typer.Argument(help="Your release key.")],
    folder: OfficeOption = None,
) -> None:
    """Sign what waits."""
    with _staging(office_at(folder or context.obj), [key]):
        pass  # what waits is there already


@release_app.command("publish")
def publish(context: typer.Context, *, days: DaysOption = 14, folder: OfficeOption = None) -> None:
    """Show boxes what is signed, and that it is the newest state: do it again before the days are over."""
    repository = _repository(office_at(folder or context.obj))
    repository.publish(SystemClock().now(), days=days)
    say(
        f"published; boxes believe it until {repository.expires_at():%Y-%m-%d %H:%M} UTC: publish again before",
        expires_at=repository.expires_at().isoformat(),
    )


@release_app.command("list")
def list_releases(context: typer.Context, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """Show what boxes may become."""
    repository = _repository(office_at(folder or context.obj))
    found = sorted(repository.releases(), key=lambda each: (each.version, each.arch))
    if as_json:
        say_json([{"version": each.version, "arch": each.arch, "size": each.size} for each in found])
        return
    rows = [(each.version, each.arch, f"{each.size / 1e6:.1f} MB") for each in found]
    Console().print(table("Releases", ("version", "processors", "size"), rows))
    say(f"boxes believe it until {repository.expires_at():%Y-%m-%d %H:%M} UTC")


@release_app.command("root")
def root(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Argument(help="The file to write.")] = Path("release-root.json"),
    folder: OfficeOption = None,
) -> None:
    """Write what a box must know beforehand, for a box that was issued earlier: /etc/branchline/release-root.json."""
    replace_private(out.absolute(), _repository(office_at(folder or context.obj)).first_root())
    out.chmod(0o644)
    say(f"{out} written; it is no secret, and must come to the box on a way that you trust")


@release_app.command("roll-out")
def roll_out_command(
    context: typer.Context,
    *,
    version: Annotated[str, typer.Argument(help="The release.")],
    box: Annotated[list[str] | None, typer.Option(help="A box; left out, all of them.")] = None,
    group: Annotated[int, typer.Option(help="So many boxes at a time.", min=1, max=50)] = 5,
    most_failed: Annotated[int, typer.Option(help="Go on while no more than this have failed.", min=0)] = 0,
    at_once: Annotated[bool, typer.Option("--at-once", help="Do not wait for the boxes' own hours.")] = False,
    patience: Annotated[float, typer.Option(help="Hours to wait for a group.", min=0.01)] = 24.0,
    folder: OfficeOption = None,
) -> None:
    """Have boxes become a release, group after group; stop when more fail than is allowed."""
    office = office_at(folder or context.obj)
    wanted = [office.require_box(each) for each in box] if box else office.boxes()
    if version not in {each.version for each in _repository(office).releases()}:
        raise ReleaseError(f"{version} is not published; see `release list`")
    order = RollOut(
        version=version,
        boxes=tuple(wanted),
        group=group,
        most_failed=most_failed,
        when="now" if at_once else "hours",
        patience=timedelta(hours=patience),
    )
    ended = asyncio.run(roll_out(office, order, clock_for(None), say=say))
    say(
        f"{len(ended.good)} are {version}; {len(ended.failed)} failed; {len(ended.not_asked)} were not asked",
        version=version, good=ended.good, failed=ended.failed, not_asked=ended.not_asked,
    )  # fmt: skip
    if ended.failed or ended.not_asked:
        raise ReleaseError(
            f"not every box is {version}: {', '.join(sorted({*ended.failed, *ended.not_asked}))}; mend them, and run it again"
        )


def _repository(office: Office) -> "ReleaseRepository":
    from console.release_repository import ReleaseRepository  # noqa: PLC0415 - starts slowly

    return ReleaseRepository(office.releases)


@contextmanager
def _staging(office: Office, keys: Sequence[Path] | None) -> "Iterator[ReleaseRepository]":
    """Have the block stage something, sign it with the keys, and say how many have signed. Raises ReleaseError."""
    from console.release_repository import read_signer  # noqa: PLC0415 - starts slowly

    try:
        # Before anything is staged: a key that cannot be read leaves everything as it was.
        signers = [read_signer(path.read_bytes()) for path in keys or ()]
    except OSError as error:
        raise ReleaseError(f"{error.filename}: {error.strerror}; name a release key") from None
    repository = _repository(office)
    yield repository
    for signer in signers:
        repository.sign(signer)
    for role, (n, wanted) in repository.staged().items():
        what = "the releases" if role == "targets" else "the keys"
        told = f"{what}: {n} of {wanted} have signed" + ("; `release publish`" if n >= wanted else "")
        say(told, role=role, signed=n, wanted=wanted)
