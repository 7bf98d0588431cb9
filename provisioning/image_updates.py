"""What `image test` needs to see whole updates: a broker, a repository over HTTP, a release that is good and one that is not.

Both are this checkout under another version; the bad one differs in that its daemon ends at once.
"""

import contextlib
import re
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from console.release_repository import ReleaseRepository, bundle_of, read_signer
from provisioning.installing import InstallError

GOOD, BAD = "9.1", "9.2"
DAEMON = "firmware/daemon/__main__.py"
BROKER_S = 10.0


def publish_two(folder: Path, wheel: Path, wheels: Path) -> Path:
    """Make a repository in `folder` with a good release and a bad one; return what a web server shows of it."""
    now = datetime.now(UTC)
    keys = folder.with_name("release-keys")
    repository = ReleaseRepository.init(folder, keys, n_keys=2, threshold=2, now=now, days=1)
    for version, is_broken in ((GOOD, False), (BAD, True)):
        bundle = folder.with_name(f"{version}.tar")
        bundle_of(as_version(wheel, version, is_broken=is_broken), sorted(wheels.glob("*.whl")), bundle)
        repository.add(bundle, version=version, arch="any", now=now)
        bundle.unlink()
    for number in (1, 2):
        repository.sign(read_signer((keys / f"release-{number}.pem").read_bytes()))
    repository.publish(now, days=1)
    return repository.public


def as_version(wheel: Path, version: str, *, is_broken: bool) -> Path:
    """Write a wheel again as one of another version beside it; broken: its daemon ends as soon as it is started."""
    match = re.fullmatch(r"branchline-(.+)-py3-none-any\.whl", wheel.name)
    if match is None:
        raise InstallError(f"{wheel.name} is no wheel of branchline")
    before, after = f"branchline-{match.group(1)}.", f"branchline-{version}."
    target = wheel.with_name(f"branchline-{version}-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        if is_broken and DAEMON not in source.namelist():
            raise InstallError(f"{wheel.name} has no {DAEMON}: its daemon cannot be broken")
        for name in source.namelist():
            body = source.read(name)
            if name.endswith(".dist-info/METADATA"):
                body = re.sub(rb"(?m)^Version: .*$", f"Version: {version}".encode(), body, count=1)
            elif name.endswith(".dist-info/RECORD"):
                body = body.replace(before.encode(), after.encode())
            elif name == DAEMON and is_broken:
                body = b"raise SystemExit('this release is broken, on purpose')\n"
            written.writestr(name.replace(before, after), body)
    return target


@contextlib.contextmanager
def shown(folder: Path) -> Iterator[str]:
    """Show a folder over HTTP to this machine alone while the block runs; the value is its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, name="releases")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def broker_of(office: Path) -> Iterator[None]:
    """Run the broker that an office has made the files of. Raises InstallError."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise InstallError("mosquitto is missing: apt-get install mosquitto")
    process = subprocess.Popen(
        [program, "-c", str(office / "broker/mosquitto.conf")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise InstallError(f"mosquitto ended with {process.wait(timeout=1.0)}: is its port taken?")
        yield
    finally:
        process.terminate()
        process.wait(timeout=BROKER_S)
