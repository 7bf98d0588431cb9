"""A call list (CSV from a spreadsheet) to contacts, every bad row named as the spreadsheet shows it.

Columns: contact, person, name, number, language, region, time_zone, status, debt, creditor, amount, currency,
due_date, last4, priority, consents; further columns are taken where the flow declares a var of that name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from console.contact_fields import (
    FieldError,
    clean,
    parse_amount,
    parse_currency,
    parse_date,
    parse_id,
    parse_language,
    parse_number,
    parse_priority,
    parse_region,
    parse_text,
    parse_time_zone,
    parse_word,
)
from console.csv_table import read_table
from console.errors import ContactsFileError
from firmware.sync.messages import Consent, ContactRow

T = TypeVar("T")

COLUMN_OF_VAR = {"callee_name": "name", "amount_due": "amount"}
"""Where a var's column has a shorter name; every other var has a column of its own name."""
REQUIRED_COLUMNS = ("contact", "person", "number", "language")
OTHER_COLUMNS = ("region", "time_zone", "status", "debt", "currency", "priority", "consents")

VarsCheck = Callable[[Mapping[str, Any], str], None]
"""Given vars and language, raises VarsRefusedError when the flow cannot speak to this contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A row that is left out, and why."""

    row: int
    """As the spreadsheet shows it: the header is row 1."""
    column: str
    reason: str
    """A name, e.g. ``invalid_number``, ``missing``, ``duplicate_person``, ``impossible_date``."""
    detail: str
    """What to do; never the value itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A good row."""

    row: int
    contact: ContactRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsFile:
    """What a call list holds."""

    rows: tuple[FileRow, ...]
    problems: tuple[RowProblem, ...]
    ignored_columns: tuple[str, ...]

    @property
    def n_read(self) -> int:
        """Return how many rows with content the file has."""
        return len(self.rows) + len(self.problems)


class VarsRefusedError(FieldError):
    """The flow cannot speak to this contact; `field` is the var (or ``language``) at fault."""

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.field = field


def read_contacts(
    path: Path,
    *,
    vars_wanted: Mapping[str, str],
    mapping: Mapping[str, str] | None = None,
    check_vars: VarsCheck | None = None,
) -> ContactsFile:
    """Return the contacts of a CSV file. Raises ContactsFileError when it is no call list at all.

    `vars_wanted` are the flow's vars with their kinds (money, date, text, …); `mapping` names columns, theirs
    to ours; `check_vars` asks the flow whether it can speak to a contact.
    """
    table = read_table(path)
    header = [_mapped(clean(name), mapping or {}) for name in table[0][1]]
    wanted = {var: (COLUMN_OF_VAR.get(var, var), kind) for var, kind in vars_wanted.items()}
    _check_header(path, header, wanted, mapping or {})
    rows: list[FileRow] = []
    problems: list[RowProblem] = []
    seen: dict[tuple[str, str], int] = {}
    for number, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            contact = _Row(header, cells).contact(wanted, check_vars)
            for column, value in (("contact", contact.contact), ("person", contact.person)):
                if (first := seen.get((column, value))) is not None:
                    detail = f"row {first} is the same {column}; keep one of them"
                    raise _ColumnError(column, FieldError(f"duplicate_{column}", detail))
        except _ColumnError as error:
            reason, detail = error.fault.reason, error.fault.detail
            problems.append(RowProblem(row=number, column=error.column, reason=reason, detail=detail))
            continue
        seen["contact", contact.contact] = seen["person", contact.person] = number
        rows.append(FileRow(row=number, contact=contact))
    known = {*REQUIRED_COLUMNS, *OTHER_COLUMNS, *(column for column, _ in wanted.values()), ""}
    ignored = tuple(name for name in header if name not in known)
    return ContactsFile(rows=tuple(rows), problems=tuple(problems), ignored_columns=ignored)


class _ColumnError(Exception):
    def __init__(self, column: str, fault: FieldError) -> None:
        super().__init__(column, fault.reason)
        self.column = column
        self.fault = fault


class _Row:
    """One row being read, cell by cell."""

    def __init__(self, header: Sequence[str], cells: Sequence[str]) -> None:
        if any(cell.strip() for cell in cells[len(header) :]):
            detail = "the row is longer than the header; look for a comma too many"
            raise _ColumnError("", FieldError("too_many_cells", detail))
        self._cells = {name: clean(cell) for name, cell in zip(header, cells, strict=False) if name}

    def contact(self, wanted: Mapping[str, tuple[str, str]], check_vars: VarsCheck | None) -> ContactRow:
        region = self._maybe("region", parse_region)
        contact = ContactRow(
            contact=self._must("contact", parse_id),
            person=self._must("person", parse_id),
            numbers=[self._must("number", partial(parse_number, region=region))],
            language=self._must("language", parse_language),
            region=region,
            time_zone=self._maybe("time_zone", parse_time_zone),
            status=self._maybe("status", parse_word) or "open",
            debt=self._maybe("debt", parse_id),
            consents=[Consent(kind=kind) for kind in self._maybe("consents", _parse_words) or []],
            vars={var: self._value(column, kind) for var, (column, kind) in wanted.items()},
            priority=self._maybe("priority", parse_priority) or 0,
        )
        if check_vars is not None:
            try:
                check_vars(contact.vars, contact.language)
            except VarsRefusedError as refused:
                raise _ColumnError(COLUMN_OF_VAR.get(refused.field, refused.field), refused) from None
        return contact

    def _value(self, column: str, kind: str) -> Any:
        """Return a var in its wire form."""
        if kind == "money":
            currency = self._must("currency", parse_currency)
            money = self._must(column, partial(parse_amount, currency=currency))
            return {"minor": money.minor, "currency": money.currency}
        if kind == "date":
            return self._must(column, parse_date).isoformat()
        return self._must(column, parse_text)

    def _must(self, column: str, parse: Callable[[str], T]) -> T:
        cell = self._cells.get(column)
        if not cell:
            raise _ColumnError(column, FieldError("missing", "the cell is empty; fill it in"))
        try:
            return parse(cell)
        except FieldError as error:
            raise _ColumnError(column, error) from None

    def _maybe(self, column: str, parse: Callable[[str], T]) -> T | None:
        return self._must(column, parse) if self._cells.get(column) else None


def _parse_words(cell: str) -> list[str]:
    return [parse_word(word.strip()) for word in cell.replace("|", ";").split(";") if word.strip()]


def _mapped(name: str, mapping: Mapping[str, str]) -> str:
    return mapping.get(name, name.lower().replace(" ", "_"))


def _check_header(
    path: Path, header: Sequence[str], wanted: Mapping[str, tuple[str, str]], mapping: Mapping[str, str]
) -> None:
    for name in header:
        if name and header.count(name) > 1:
            raise ContactsFileError(f"{path}: two columns are called {name!r}; rename or remove one")
    for ours in mapping.values():
        if ours not in header:
            raise ContactsFileError(
                f"{path}: --mapping …={ours}: no column has the name you gave; names are in row 1"
            )
    needed = [*REQUIRED_COLUMNS, *(column for column, _ in wanted.values())]
    if any(kind == "money" for _, kind in wanted.values()):
        needed.append("currency")
    if missing := [name for name in dict.fromkeys(needed) if name not in header]:
        raise ContactsFileError(
            f"{path}: no column {', '.join(missing)}; add it, or name yours: --mapping 'yours={missing[0]}'"
        )
