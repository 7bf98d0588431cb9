"""What the office remembers of claims: the claim files it made, the machines that asked, the codes that were mistyped.

Files in the office folder, each written whole: they belong beside the authority's key, which lies there too.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from console.errors import OfficeError
from console.office import Office
from console.private_files import replace_private

CODE_LIFE = timedelta(hours=24)
"""After a machine was heard first, its code can be approved for that long."""
MAX_WAITING = 500
FREE_TRIES, FIRST_WAIT_S, LONGEST_WAIT_S = 3, 5.0, 900.0
Record = TypeVar("Record", bound=msgspec.Struct)
SessionState = Literal["waiting", "granting", "granted", "taken", "refused"]


class FileRecord(msgspec.Struct, kw_only=True, frozen=True):
    """A claim file that was made here."""

    id: str
    token: str
    issued_at: datetime
    expires_at: datetime
    box: str = ""
    """Whoever asks first becomes it; empty: by serial number, or by a person's word."""
    serials: dict[str, str] = {}
    """Serial number to box."""
    replaces: bool = False
    time_zone: str
    language: str
    used: dict[str, str] = {}
    """Box to the session that became it."""


class SessionRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One machine's claim."""

    session: str
    file: str
    serial: str
    public_key: str
    """DER, hex."""
    code_proof: str
    version: str
    first_seen_at: datetime
    last_seen_at: datetime
    state: SessionState = "waiting"
    box: str = ""
    reason: str = ""
    detail: str = ""


class _Wrong(msgspec.Struct, kw_only=True, frozen=True):
    failed: int = 0
    failed_at: datetime | None = None


class ClaimBook:
    """The claims of one office. What reads and then writes does so inside `locked`."""

    def __init__(self, office: Office) -> None:
        self._folder = office.folder / "claims"
        for name in ("files", "sessions"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes of this office out while the block runs; blocks are short."""
        with (self._folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def add_file(self, record: FileRecord) -> None:
        """Remember a claim file, or what became of it."""
        replace_private(self._folder / "files" / f"{record.id}.json", msgspec.json.encode(record))

    def drop_file(self, id: str) -> None:
        """Forget a claim file: nobody can use it any more."""
        (self._folder / "files" / f"{id}.json").unlink(missing_ok=True)

    def file(self, id: str) -> FileRecord | None:
        """Return a claim file that was made here."""
        return _read(self._folder / "files" / f"{id}.json", FileRecord)

    def files(self) -> list[FileRecord]:
        """Return every claim file, the newest first."""
        found = [_read(path, FileRecord) for path in (self._folder / "files").glob("*.json")]
        return sorted((each for each in found if each), key=lambda each: each.issued_at, reverse=True)

    def put(self, record: SessionRecord) -> None:
        """Remember a machine's claim as it now is."""
        replace_private(self._folder / "sessions" / f"{record.session}.json", msgspec.json.encode(record))

    def session(self, session: str) -> SessionRecord | None:
        """Return a machine's claim."""
        return _read(self._folder / "sessions" / f"{session}.json", SessionRecord)

    def sessions(self) -> list[SessionRecord]:
        """Return every machine that asked, the latest first."""
        found = [_read(path, SessionRecord) for path in (self._folder / "sessions").glob("*.json")]
        return sorted((each for each in found if each), key=lambda each: each.last_seen_at, reverse=True)

    def make_room(self) -> None:
        """Forget who has waited longest without a word, where too many wait."""
        waiting = [each for each in self.sessions() if each.state in {"waiting", "refused"}]
        for each in waiting[MAX_WAITING - 1 :]:
            (self._folder / "sessions" / f"{each.session}.json").unlink(missing_ok=True)

    # ---- mistyped codes

    def code_wait_s(self, now: datetime) -> float:
        """Return for how long no code is taken after so many wrong ones."""
        wrong = _read(self._folder / "wrong.json", _Wrong) or _Wrong()
        if wrong.failed < FREE_TRIES or wrong.failed_at is None:
            return 0.0
        pause_s: float = min(FIRST_WAIT_S * 2.0 ** min(wrong.failed - FREE_TRIES, 12), LONGEST_WAIT_S)
        return max(pause_s - max((now - wrong.failed_at).total_seconds(), 0.0), 0.0)

    def note_code(self, *, is_right: bool, now: datetime) -> None:
        """Count a wrong code, or forget the wrong ones."""
        wrong = _read(self._folder / "wrong.json", _Wrong) or _Wrong()
        fresh = _Wrong() if is_right else _Wrong(failed=wrong.failed + 1, failed_at=now)
        replace_private(self._folder / "wrong.json", msgspec.json.encode(fresh))


def _read(path: Path, kind: type[Record]) -> Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise OfficeError(f"{path} cannot be read: {error}; restore it from a backup, or remove it") from None
