"""The office folder: what the console keeps on disk, where, and who may use it at one time."""

import fcntl
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from console.errors import LedgerError, OfficeError
from console.ledger_engine import Place, has_password
from firmware.sync.topics import InvalidNameError, topic_level

OFFICE_FILE = "office.toml"


def console_name(tenant: str) -> str:
    """Return the name in the console's certificate: with a sign that no box's name can have."""
    return f"console@{tenant}"


class _OfficeFile(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    tenant: str
    broker_host: str
    broker_port: int = 8883
    database: str = ""
    """``postgresql://…``; empty: a file in this folder."""
    claim_port: int = 0
    """Where the broker hears machines that are no boxes yet; 0: nowhere, until `claim open`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """One tenant's console: its authority, keys, broker files, boxes and ledger."""

    folder: Path
    tenant: str
    broker_host: str
    broker_port: int
    database: str = ""
    claim_port: int = 0
    """0: no door for claims is open."""

    @property
    def ca_certificate(self) -> Path:
        """Return the certificate that every box and the broker trust."""
        return self.folder / "authority" / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """Return the authority's private key."""
        return self.folder / "authority" / "ca.key"

    @property
    def issued_folder(self) -> Path:
        """Return where certificates lie that boxes got after their first: a folder each."""
        return self.folder / "authority" / "issued"

    @property
    def revoked_folder(self) -> Path:
        """Return where a file for each revoked box says since when."""
        return self.folder / "authority" / "revoked"

    @property
    def revocation_list(self) -> Path:
        """Return the list of withdrawn certificates that the broker reads."""
        return self.folder / "authority" / "revoked.crl"

    @property
    def certificate(self) -> Path:
        """Return the console's own certificate."""
        return self.folder / "console" / "console.crt"

    @property
    def key(self) -> Path:
        """Return the console's private key."""
        return self.folder / "console" / "console.key"

    @property
    def signing_key(self) -> Path:
        """Return the Ed25519 private key that signs every message to a box."""
        return self.folder / "console" / "signing.pem"

    @property
    def recording_identity(self) -> Path:
        """Return the age identity that opens recordings."""
        return self.folder / "console" / "recordings.age"

    @property
    def recording_recipient(self) -> Path:
        """Return the age recipient that boxes seal recordings to."""
        return self.folder / "console" / "recordings.recipient"

    @property
    def broker_folder(self) -> Path:
        """Return where mosquitto's configuration, ACL and certificate lie."""
        return self.folder / "broker"

    @property
    def ledger(self) -> Place:
        """Return where the ledger is: a file of this folder, unless a database was named."""
        return self.database or self.folder / "ledger.db"

    @property
    def releases(self) -> Path:
        """Return the repository of releases, if one was made."""
        return self.folder / "releases"

    def box_folder(self, box: str) -> Path:
        """Return the folder that goes to one box."""
        return self.folder / "boxes" / box

    def boxes(self) -> list[str]:
        """Return the names of the boxes that were issued."""
        folder = self.folder / "boxes"
        if not folder.is_dir():
            return []
        return sorted(
            path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
        )

    def require_box(self, box: str) -> str:
        """Return `box` if it was issued. Raises OfficeError naming those that were."""
        if box not in self.boxes():
            known = ", ".join(self.boxes()) or "none yet"
            raise OfficeError(f"no box {box!r} in this office (boxes: {known}); make it with `box add {box}`")
        return box

    @contextmanager
    def claimed(self, task: str) -> Iterator[None]:
        """Hold a task while the block runs. Raises OfficeError if another process of this office does it."""
        with (self.folder / "console" / f"{task}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OfficeError(
                    f"another `{task}` is running in this office; wait for its end, or stop it"
                ) from None
            yield


def load_office(folder: Path) -> Office:
    """Return the office in `folder`. Raises OfficeError."""
    path = folder / OFFICE_FILE
    try:
        content = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _OfficeFile)
        topic_level(content.tenant)
    except FileNotFoundError:
        raise OfficeError(
            f"{folder} is no office folder; make one with `branchline-console init`, or name it with --office"
        ) from None
    except (
        OSError,
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        msgspec.ValidationError,
        InvalidNameError,
    ) as error:
        raise OfficeError(f"{path} cannot be read: {error}; restore it from a backup") from None
    return Office(
        folder=folder.resolve(),
        tenant=content.tenant,
        broker_host=content.broker_host,
        broker_port=content.broker_port,
        database=_checked_database(path, content.database),
        claim_port=content.claim_port,
    )


def _checked_database(path: Path, database: str) -> str:
    """Return the address if it will do, and no others can read a password in it. Raises OfficeError."""
    try:
        is_secret = bool(database) and has_password(database)
    except LedgerError as error:
        raise OfficeError(f"{path}: {error}") from None
    if is_secret and path.stat().st_mode & 0o077:
        raise OfficeError(f"{path} holds a password and others can read it; chmod 600 {path}")
    return database


def office_text(tenant: str, broker_host: str, broker_port: int) -> str:
    """Return the content of `office.toml`. Raises OfficeError for a name that cannot stand in it."""
    try:
        topic_level(tenant)
    except InvalidNameError as error:
        raise OfficeError(f"the tenant's name will not do: {error}") from None
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,253}", broker_host):
        raise OfficeError(
            f"{broker_host!r} is no host name or address; name the broker as boxes will reach it"
        )
    if not 1 <= broker_port <= 65535:
        raise OfficeError(f"{broker_port} is no port; give --broker-port between 1 and 65535")
    return f'tenant = "{tenant}"\nbroker_host = "{broker_host}"\nbroker_port = {broker_port}\n'
