"""A disk that remembers every write and sync, and what may be left of it when the power goes at any moment.

An apsw VFS logs what SQLite does to its files. `images` then replays the log up to each operation: what was
synced is there; of what was not, any subset of sectors may be. That is what a drive with a volatile cache may do.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
VFS = "crash-log"


@dataclass(frozen=True, slots=True)
class Write:
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    path: str


@dataclass(frozen=True, slots=True)
class Delete:
    path: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """From here on somebody was told that the transactions up to this number are kept."""

    number: int


Operation = Write | Truncate | Sync | Delete | Acknowledged


class LoggingVfs(apsw.VFS):
    """The ordinary VFS, with a log."""

    def __init__(self) -> None:
        self.log: list[Operation] = []
        super().__init__(VFS, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _LoggingFile(self.log, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.log.append(Delete(filename))


class _LoggingFile(apsw.VFSFile):
    def __init__(self, log: list[Operation], name: Any, flags: list[int]) -> None:
        self._log = log
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._log.append(Write(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._log.append(Truncate(self._name, newsize))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._log.append(Sync(self._name))


class ApswConnection:
    """As much of `sqlite3.Connection` over apsw as the store's `Connection` uses."""

    def __init__(self, path: Path) -> None:
        self._apsw = apsw.Connection(str(path), vfs=VFS)

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> "_Result":
        before = self._apsw.total_changes()
        cursor = self._apsw.cursor()
        cursor.execute(sql, parameters or None)
        try:
            description = [(column[0],) for column in cursor.get_description()]
        except apsw.ExecutionCompleteError:
            description = []
        rows = list(cursor)
        return _Result(rows, description, self._apsw.total_changes() - before)

    def executemany(self, sql: str, rows: Any) -> None:
        self._apsw.cursor().executemany(sql, rows)

    def close(self) -> None:
        self._apsw.close()


@dataclass(slots=True)
class _Result:
    rows: list[Any]
    description: list[tuple[str]]
    rowcount: int

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.synced, change)
        self.pending.clear()

    def after_power_cut(self, dice: random.Random) -> bytes:
        content = bytearray(self.synced)
        share = dice.choice((0.0, 0.5, 0.9, 1.0))
        for change in self.pending:
            if isinstance(change, Truncate):
                if dice.random() < share:
                    _apply(content, change)
                continue
            for start in range(0, len(change.data), SECTOR):
                if dice.random() < share:
                    _apply(
                        content,
                        Write(change.path, change.offset + start, change.data[start : start + SECTOR]),
                    )
        return bytes(content)


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        return
    end = change.offset + len(change.data)
    content.extend(b"\0" * (end - len(content)))
    content[change.offset : end] = change.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a power cut left."""

    at: int
    """After this many operations."""
    acknowledged: int
    files: Mapping[str, bytes]


def images(
    log: Sequence[Operation], before: Mapping[str, bytes], *, seed: int, variants: int
) -> Iterator[Image]:
    """Yield what may be on the disk after a power cut at each operation; `before`: what was there, synced."""
    dice = random.Random(seed)
    disk = {name: _File(bytearray(content)) for name, content in before.items()}
    acknowledged = 0
    for at, operation in enumerate(log, start=1):
        match operation:
            case Acknowledged(number):
                acknowledged = number
                continue
            case Write() | Truncate():
                disk.setdefault(operation.path, _File()).pending.append(operation)
            case Sync(path):
                disk.setdefault(path, _File()).sync()
            case Delete(path):
                disk.pop(path, None)
        for _ in range(variants):
            files = {name: file.after_power_cut(dice) for name, file in disk.items()}
            yield Image(at=at, acknowledged=acknowledged, files=files)
