"""Read and examine a call list, with what the ledger knows of its people, and note how good it was."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from console.campaigns import check_vars_of, var_kinds
from console.contacts_file import read_contacts
from console.errors import ContactsFileError
from console.examination import Examination, digest, examine
from console.known_people import NOTHING_KNOWN, known_people
from console.ledger import Ledger
from console.quality_history import keep_examination, source_of
from firmware.clock import Clock
from firmware.dialogue.flow import Flow


def examine_list(
    path: Path,
    *,
    flow: Flow | None,
    mapping: Mapping[str, str],
    sheet: str | None,
    source: str | None,
    ledger: Ledger | None,
    clock: Clock[object],
) -> Examination:
    """Return what is right and wrong with a list. Raises ContactsFileError, LedgerError."""
    contacts = read_contacts(
        path,
        vars_wanted=var_kinds(flow) if flow else None,
        may_lack=flow.optional if flow else (),
        mapping=mapping,
        check_vars=partial(check_vars_of, flow) if flow else None,
        sheet=sheet,
    )
    now = clock.now()
    if ledger is None:
        return examine(contacts, today=now.date(), known=NOTHING_KNOWN)
    with ledger.reading() as rows:
        known = known_people(rows, contacts.rows)
    found = examine(contacts, today=now.date(), known=known)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ContactsFileError(f"{path}: {error.strerror}; leave the file where it is meanwhile") from None
    with ledger.transaction() as rows:
        keep_examination(rows, found, source=source or source_of(path.stem), digest=digest(content), at=now)
    return found
