"""Where releases come from: metadata checked by TUF, the bundle fetched in pieces and kept only if it is what was signed.

Who sits on the server or on the way can withhold a release. He can neither change one, nor bring an old state back, nor
keep a box on an old one without its noticing: the metadata runs out.
"""

import hashlib
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urljoin

import urllib3
from tuf.api.exceptions import DownloadError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater

from provisioning.disk import Disk

VERSION = re.compile(r"[0-9][A-Za-z0-9_.!+]{0,40}")
CHUNK_BYTES = 64 * 1024
MAX_BUNDLE_BYTES = 2_000_000_000
CONNECT_S, READ_S = 15.0, 60.0
LONGEST_S = 2 * 3600.0
"""One go at a download; the next one goes on where it stopped."""


class UpdateLaterError(Exception):
    """Not now: the network, the hour, a call. It is tried again by itself."""


class UpdateRefusedError(Exception):
    """Not this one, ever: a name for the console, and the words for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A release that the repository offers and that its signers vouch for."""

    version: str
    file: TargetFile


class UpdateSource:
    """One repository, and the folder with what is known of it."""

    def __init__(self, url: str, folder: Path, *, root: bytes, arch: str = "") -> None:
        """`root` is what the box was given when it became one; every later one follows from it."""
        self._url = url if url.endswith("/") else f"{url}/"
        self._folder = folder
        self._root = root
        self._arch = arch or platform.machine()

    def require_set_up(self) -> None:
        """Raise UpdateRefusedError unless it is known where and whom to ask."""
        if self._url == "/" or not self._root:
            raise UpdateRefusedError(
                "not_set_up",
                "[update] repository and /etc/branchline/release-root.json say where and whom to ask",
            )

    def find(self, version: str) -> Wanted:
        """Return what the repository says of a version. Raises UpdateLaterError, UpdateRefusedError."""
        self.require_set_up()
        metadata = self._folder / "metadata"
        metadata.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            updater = Updater(
                str(metadata), metadata_base_url=urljoin(self._url, "metadata/"), bootstrap=self._root
            )
            updater.refresh()
            for arch in (self._arch, "any"):
                name = f"branchline-{version}-{arch}.tar"
                if (found := updater.get_targetinfo(name)) is not None:
                    return Wanted(version=version, file=_checked(found, version))
        except DownloadError as error:
            raise UpdateLaterError(f"{self._url} cannot be read: {error}") from None
        except ExpiredMetadataError as error:
            # Either somebody keeps the newest state from us, or nobody at the office has published for too long.
            raise UpdateRefusedError("stale", f"what {self._url} says has run out: {error}") from None
        except (RepositoryError, OSError, ValueError) as error:
            raise UpdateRefusedError("untrusted", f"what {self._url} says is not believed: {error}") from None
        raise UpdateRefusedError("unknown_version", f"there is no release {version} for {self._arch}")

    def download(self, wanted: Wanted) -> Path:
        """Return the bundle, on the disk and as it was signed. Raises UpdateLaterError, UpdateRefusedError."""
        digest = wanted.file.hashes["sha256"]
        final = self._folder / "bundles" / f"{digest}.tar"
        part = final.with_suffix(".part")
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if final.exists():
            return final
        for other in final.parent.iterdir():
            if other != part:
                other.unlink()  # of another release: the disk is small
        if not part.exists() or part.stat().st_size != wanted.file.length:
            self._fetch(wanted, part)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest or part.stat().st_size != wanted.file.length:
            part.unlink()
            raise UpdateRefusedError("untrusted", "the bundle is not the one that was signed")
        Disk().rename(part, final)
        return final

    def _fetch(self, wanted: Wanted, part: Path) -> None:
        """Bring `part` to its whole length, from wherever an earlier go left it."""
        have = part.stat().st_size if part.exists() else 0
        if have > wanted.file.length:
            part.unlink()
            have = 0
        name = f"{wanted.file.hashes['sha256']}.{wanted.file.path}"
        url = urljoin(self._url, f"targets/{quote(name)}")
        ends_s = time.monotonic() + LONGEST_S
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S), retries=False)
        try:
            answer = pool.request(
                "GET",
                url,
                headers={"Range": f"bytes={have}-"} if have else {},
                preload_content=False,
                decode_content=False,
            )
            try:
                self._take(answer, part, have, wanted.file.length, ends_s)
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UpdateLaterError(f"the download stopped: {type(error).__name__}") from None
        finally:
            pool.clear()

    def _take(
        self, answer: urllib3.BaseHTTPResponse, part: Path, have: int, length: int, ends_s: float
    ) -> None:
        match answer.status:
            case 206 if answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                mode = "ab"
            case 200:
                mode, have = "wb", 0  # a server that knows no ranges begins anew
            case _:
                raise UpdateLaterError(f"the server answered {answer.status}")
        with part.open(mode) as file:
            for chunk in answer.stream(CHUNK_BYTES):
                have += len(chunk)
                if have > length:
                    break
                file.write(chunk)
                if time.monotonic() > ends_s:
                    raise UpdateLaterError("the download takes too long; it goes on later")
        if have != length:
            if have > length:
                part.unlink()
            raise UpdateLaterError(f"{have} of {length} bytes came")


def _checked(file: TargetFile, version: str) -> TargetFile:
    custom = file.unrecognized_fields.get("custom", {})
    if custom.get("version") != version or "sha256" not in file.hashes or file.length > MAX_BUNDLE_BYTES:
        raise UpdateRefusedError("untrusted", f"the entry of {version} contradicts itself")
    return file
