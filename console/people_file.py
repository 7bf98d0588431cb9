"""Who may be written to: a list of people with e-mail, language and consents; bad rows by row and reason."""

import re
from pathlib import Path

import msgspec

from console.contact_fields import FieldError, clean, parse_id, parse_language, parse_word
from console.csv_table import read_table
from console.errors import ContactsFileError

COLUMNS = ("person", "email", "language", "consents")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")


class Reachable(msgspec.Struct, kw_only=True, frozen=True):
    """A person and where to write."""

    person: str
    email: str
    language: str
    consents: list[str]


def read_people(path: Path) -> tuple[list[Reachable], list[tuple[int, str]]]:
    """Return people, and (row, reason) of what is left out. Raises ContactsFileError."""
    table = read_table(path)
    header = [clean(name).lower() for name in table[0][1]]
    if missing := [name for name in COLUMNS if name not in header]:
        raise ContactsFileError(f"{path}: no column {', '.join(missing)}; add it")
    found: dict[str, Reachable] = {}
    problems = []
    for number, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        values = {name: clean(cell) for name, cell in zip(header, cells, strict=False)}
        try:
            person = parse_id(values.get("person", ""))
            if not person:
                raise FieldError("missing", "fill in the person")
            if person in found:
                raise FieldError("duplicate_person", "keep one row")
            if not _EMAIL.fullmatch(values.get("email", "")):
                raise FieldError("invalid_email", "write name@example.com")
            language = parse_language(values.get("language", ""))
            consents = [
                parse_word(word.strip()) for word in values.get("consents", "").split(";") if word.strip()
            ]
        except FieldError as error:
            problems.append((number, str(error)))
            continue
        found[person] = Reachable(person=person, email=values["email"], language=language, consents=consents)
    return list(found.values()), problems
