"""The list of destroyed audit keys, a file beside the database: no copy that is restored brings one of them back.

One line a key, written before the key is deleted: ``+`` and the SHA-256 of the key; ``-`` takes a line back when the key
stayed after all. Only ever added to; a last line that a power cut tore is no line.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from firmware.store.connection import Connection
from firmware.store.errors import StoreFailedError
from firmware.store.snapshot import sync_file

_LINE = re.compile(rb"([+-])([0-9a-f]{64})")


def list_of(database: Path) -> Path:
    """Return where the list of this database is."""
    return database.with_name(f"{database.name}.destroyed-keys")


def destroyed(database: Path) -> set[str]:
    """Return the digests of every key on the list. Raises StoreFailedError."""
    found: set[str] = set()
    try:
        lines = list_of(database).read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    except OSError as error:
        raise StoreFailedError(f"{list_of(database)}: {error.strerror}") from None
    for line in lines:
        if (match := _LINE.fullmatch(line)) is not None:
            (found.add if match[1] == b"+" else found.discard)(match[2].decode())
    return found


def announce(database: Path, digests: Iterable[str], *, stays: bool = False) -> None:
    """Put keys on the list, or take back what stays; on the disk when this returns. Raises StoreFailedError."""
    path = list_of(database)
    sign = b"-" if stays else b"+"
    # A leading line end closes whatever a power cut left without one.
    text = b"".join(b"\n%b%b" % (sign, digest.encode()) for digest in digests)
    if not text:
        return
    try:
        is_new = not path.exists()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_file(path.parent)
    except OSError as error:
        raise StoreFailedError(f"{path}: {error.strerror}: nothing is erased before it is listed") from None


def destroy_listed(con: Connection, database: Path) -> int:
    """Delete every key of this (restored) database that is on the list, and return how many those were."""
    gone = destroyed(database)
    if not gone:
        return 0
    rows = con.rows("SELECT person_ref, key FROM audit_secret")
    listed = [row["person_ref"] for row in rows if hashlib.sha256(bytes(row["key"])).hexdigest() in gone]
    con.execute_many("DELETE FROM audit_secret WHERE person_ref = ?", [(ref,) for ref in listed])
    return len(listed)
