"""A call list (CSV or XLSX) to contacts, every bad row named as the spreadsheet shows it.

Columns: contact, person, name, number, language, region, time_zone, status, debt, creditor, amount, currency,
due_date, last4, priority, consents; further columns are taken where the flow declares a var of that name, and
name@en, creditor@en and the like for how a name is said in another language of the flow.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from console.consents import parse_consents
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
    parse_whole,
    parse_word,
)
from console.csv_table import read_table
from console.errors import ContactsFileError
from firmware.dialogue.speaking import LANGUAGES
from firmware.dialogue.variables import IN_LANGUAGE
from firmware.sync.messages import ContactRow

T = TypeVar("T")

COLUMN_OF_VAR = {"callee_name": "name", "amount_due": "amount"}
"""Where a var's column has a shorter name; every other var has a column of its own name."""
REQUIRED_COLUMNS = ("contact", "person", "number", "language")
USUAL_VARS = {
    "callee_name": "name",
    "creditor": "text",
    "amount_due": "money",
    "due_date": "date",
    "last4": "digits",
}
"""What a list is examined for where no flow says what it needs."""
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
    remembered: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Vars that the list left open and the ledger knows (`promise_memory`); they make it no other list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsFile:
    """What a call list holds."""

    rows: tuple[FileRow, ...]
    problems: tuple[RowProblem, ...]
    """Every mistake; a row may have several."""
    ignored_columns: tuple[str, ...]
    header: tuple[str, ...] = ()
    """By our names."""
    cells: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Every row with content, as it was written."""

    @property
    def n_read(self) -> int:
        """Return how many rows with content the file has."""
        return len(self.cells)


class VarsRefusedError(FieldError):
    """The flow cannot speak to this contact; `field` is the var (or ``language``) at fault."""

    def __init__(self, field: str, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.field = field


def read_contacts(
    path: Path,
    *,
    vars_wanted: Mapping[str, str] | None,
    may_lack: Collection[str] = (),
    mapping: Mapping[str, str] | None = None,
    check_vars: VarsCheck | None = None,
    sheet: str | None = None,
) -> ContactsFile:
    """Return the contacts of a CSV or XLSX file. Raises ContactsFileError when it is no call list at all.

    `vars_wanted` are the flow's vars with their kinds (money, date, text, …), None takes what the columns are
    usually for; `may_lack` are those that may have no column and no cell; `mapping` names columns,
    theirs to ours; `check_vars` asks the flow whether it can speak to a contact; `sheet` is the one to read of an XLSX file.
    """
    table = read_table(path, sheet=sheet)
    header = [_mapped(clean(name), mapping or {}) for name in table[0][1]]
    if vars_wanted is None:
        vars_wanted = {var: kind for var, kind in USUAL_VARS.items() if column_of(var) in header}
    wanted = {var: (column_of(var), kind) for var, kind in vars_wanted.items()}
    optional = {wanted[var][0] for var in may_lack if var in wanted}
    needed = {var: each for var, each in wanted.items() if each[0] not in optional or each[0] in header}
    _check_header(path, header, needed, mapping or {})
    said_in = _columns_in_language(header, wanted)
    wanted |= said_in
    needed |= said_in
    optional |= {column for column, _ in said_in.values()}
    rows: list[FileRow] = []
    problems: list[RowProblem] = []
    seen: dict[tuple[str, str], int] = {}
    content = {number: tuple(cells) for number, cells in table[1:] if any(cell.strip() for cell in cells)}
    for number, cells in content.items():
        row = _Row(header, cells)
        contact = row.contact(needed, optional, check_vars)
        if contact is not None:
            for column, value in (("contact", contact.contact), ("person", contact.person)):
                if (first := seen.get((column, value))) is not None:
                    row.fault(
                        column, f"duplicate_{column}", f"row {first} is the same {column}; keep one of them"
                    )
                    break
        problems += [
            RowProblem(row=number, column=column, reason=reason, detail=detail)
            for column, reason, detail in row.faults
        ]
        if contact is None or row.faults:
            continue
        seen["contact", contact.contact] = seen["person", contact.person] = number
        rows.append(FileRow(row=number, contact=contact))
    known = {*REQUIRED_COLUMNS, *OTHER_COLUMNS, *(column for column, _ in wanted.values()), ""}
    return ContactsFile(
        rows=tuple(rows),
        problems=tuple(problems),
        ignored_columns=tuple(name for name in header if name not in known),
        header=tuple(header),
        cells=content,
    )


class _Row:
    """One row being read, cell by cell; every fault is noted, so that all can be mended at once."""

    def __init__(self, header: Sequence[str], cells: Sequence[str]) -> None:
        self.faults: list[tuple[str, str, str]] = []
        """Column, reason, what to do."""
        self._is_too_long = any(cell.strip() for cell in cells[len(header) :])
        self._cells = {name: clean(cell) for name, cell in zip(header, cells, strict=False) if name}

    def fault(self, column: str, reason: str, detail: str) -> None:
        """Note what is wrong."""
        if (column, reason, detail) not in self.faults:
            self.faults.append((column, reason, detail))

    def contact(
        self, wanted: Mapping[str, tuple[str, str]], optional: Collection[str], check_vars: VarsCheck | None
    ) -> ContactRow | None:
        """Return the contact, or None where the row has faults."""
        if self._is_too_long:
            # Every cell may stand under a wrong name: no further fault would be one.
            self.fault("", "too_many_cells", "the row is longer than the header; look for a comma too many")
            return None
        contact, person = self._must("contact", parse_id), self._must("person", parse_id)
        region = self._maybe("region", parse_region)
        number = self._must("number", partial(parse_number, region=region))
        language = self._must("language", parse_language)
        time_zone = self._maybe("time_zone", parse_time_zone)
        status = self._maybe("status", parse_word)
        debt = self._maybe("debt", parse_id)
        consents = self._maybe("consents", parse_consents)
        vars_ = {
            var: self._value(column, kind)
            for var, (column, kind) in wanted.items()
            if column not in optional or self._cells.get(column)
        }
        priority = self._maybe("priority", parse_priority)
        if self.faults or contact is None or person is None or number is None or language is None:
            return None
        made = ContactRow(
            contact=contact,
            person=person,
            numbers=[number],
            language=language,
            region=region,
            time_zone=time_zone,
            status=status or "open",
            debt=debt,
            consents=consents or [],
            vars=vars_,
            priority=priority or 0,
        )
        if check_vars is not None:
            try:
                check_vars(made.vars, made.language)
            except VarsRefusedError as refused:
                self.fault(column_of(refused.field), refused.reason, refused.detail)
                return None
        return made

    def _value(self, column: str, kind: str) -> Any:
        """Return a var in its wire form."""
        if kind == "money":
            currency = self._must("currency", parse_currency)
            if currency is None:
                return None
            money = self._must(column, partial(parse_amount, currency=currency))
            return {"minor": money.minor, "currency": money.currency} if money else None
        if kind == "date":
            day = self._must(column, parse_date)
            return day.isoformat() if day else None
        if kind == "number":
            return self._must(column, parse_whole)
        return self._must(column, parse_text)

    def _must(self, column: str, parse: Callable[[str], T]) -> T | None:
        cell = self._cells.get(column)
        if not cell:
            self.fault(column, "missing", "the cell is empty; fill it in")
            return None
        try:
            return parse(cell)
        except FieldError as error:
            self.fault(column, error.reason, error.detail)
            return None

    def _maybe(self, column: str, parse: Callable[[str], T]) -> T | None:
        return self._must(column, parse) if self._cells.get(column) else None


def column_of(var: str) -> str:
    """Return the column of a var, also of one said in another language."""
    name, at, language = var.partition(IN_LANGUAGE)
    return f"{COLUMN_OF_VAR.get(name, name)}{at}{language.lower()}"


def _columns_in_language(
    header: Sequence[str], wanted: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Return the columns that say a name or text in another language: `creditor@en`, `name@zh-CN`."""
    names = [
        (f"{var}{IN_LANGUAGE}{language}", kind)
        for var, (_, kind) in wanted.items()
        for language in LANGUAGES
        if kind in ("name", "text")
    ]
    return {name: (column_of(name), kind) for name, kind in names if column_of(name) in header}


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
