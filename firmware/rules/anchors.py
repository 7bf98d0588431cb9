"""Signed heads of an audit log, from the console's file: does a log still hold every one of them?"""

from datetime import UTC, datetime

import msgspec

from firmware.compliance.audit import AuditRow
from firmware.sync.device_key import HeadForgedError, head_kid
from firmware.sync.messages_audit import AuditHead

FORMAT = "branchline-anchors-1"


class AnchorFileError(ValueError):
    """The file is none that `branchline-console audit anchors` wrote, or somebody changed it."""


class _Head(msgspec.Struct, frozen=True):
    chain: str
    entry: int
    hash: str
    signed_at: datetime
    key: str
    signature: str


class _File(msgspec.Struct, frozen=True):
    format: str
    box: str
    keys: list[str]
    heads: list[_Head]


class Anchors:
    """Sees every entry of a log go by, then says which head it contradicts."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self._wanted = {head.entry for head in file.heads}
        self._seen: dict[int, str] = {}
        self._last = 0

    @classmethod
    def read(cls, data: bytes) -> "Anchors":
        """Return the heads of a file, each signed by one of its keys. Raises AnchorFileError."""
        try:
            file = msgspec.json.decode(data, type=_File)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AnchorFileError(f"not a file of anchors: {error}") from None
        if file.format != FORMAT or not file.heads:
            raise AnchorFileError("it holds no anchors: let `branchline-console audit anchors` write it")
        for head in file.heads:
            try:
                head_kid(_as_message(file.box, head))
            except HeadForgedError as error:
                raise AnchorFileError(str(error)) from None
            if head.key not in file.keys:
                raise AnchorFileError(
                    f"the head at entry {head.entry} is by a key that the office does not know"
                )
        return cls(file)

    def see(self, row: AuditRow) -> None:
        """Take note of an entry."""
        self._last = row.seq
        if row.seq in self._wanted:
            self._seen[row.seq] = row.hash

    def problem(self, chain: str | None) -> str:
        """Return the first head that the log does not hold, empty when it holds all.

        `chain` is the database that the log lies in; None: that of the last head. Heads of a database before it was
        restored are another log's.
        """
        of_chain = chain if chain is not None else self._file.heads[-1].chain
        heads = sorted(
            (head for head in self._file.heads if head.chain == of_chain), key=lambda head: head.entry
        )
        if not heads:
            return (
                "none of the anchors is of this database: it was replaced since, or the file is another box's"
            )
        for head in heads:
            found = self._seen.get(head.entry)
            when = f"{head.signed_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
            if found is None:
                return f"the log was cut short: it ends at entry {self._last}, but entry {head.entry} was signed at {when}"
            if found != head.hash:
                return (
                    f"the log was written anew: entry {head.entry} is not the one that was signed at {when}"
                )
        return ""


def _as_message(box: str, head: _Head) -> AuditHead:
    return AuditHead(
        id="anchor",
        at=head.signed_at,
        stream=head.chain,
        seq=1,
        box=box,
        chain=head.chain,
        entry=head.entry,
        hash=head.hash,
        signed_at=head.signed_at,
        key=head.key,
        signature=head.signature,
    )
