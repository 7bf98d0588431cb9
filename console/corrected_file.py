"""Write an examined list again: what can be sent in its proper form, what cannot with the reasons beside it."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from console.cell_safety import plain_cell
from console.consents import consents_text
from console.contacts_file import ContactsFile, column_of
from console.errors import ContactsFileError
from console.examination import Examination, Finding, Severity
from console.private_files import write_private
from console.reports import amount_text
from firmware.sync.messages import ContactRow

SENT, LEFT_OUT = "contacts", "left out"
REASON_COLUMNS = ("row", "column", "reason", "what to do")
_COLUMNS = ("contact", "person", "number", "language", "region", "time_zone", "status", "debt")
Table = list[list[str]]


def write_corrected(target: Path, examination: Examination) -> list[Path]:
    """Write the list, and beside it what is left out. Return the files. Raises ContactsFileError.

    XLSX gets both as sheets; CSV gets a second file ``… left out.csv``. Both hold people's data: mode 0600.
    """
    sent, left = _sent(examination), _left_out(examination)
    match target.suffix.lower():
        case ".xlsx":
            contents = {target: _xlsx({SENT: sent, LEFT_OUT: left})}
        case ".csv":
            contents = {target: _csv(sent)}
            if len(left) > 1:
                contents[target.with_name(f"{target.stem} left out.csv")] = _csv(left)
        case _:
            raise ContactsFileError(f"{target}: call it .csv or .xlsx")
    if taken := [path for path in contents if path.exists()]:
        raise ContactsFileError(f"{taken[0]} is there already; name a new file")
    for path, content in contents.items():
        try:
            write_private(path, content)
        except OSError as error:
            raise ContactsFileError(f"{path}: {error.strerror}; name a file that can be written") from None
    return list(contents)


def _sent(examination: Examination) -> Table:
    columns = _columns(examination.contacts)
    table = [columns]
    for row in examination.rows:
        cells = _cells(row.contact)
        # A column that the flow does not speak is kept as it was typed.
        typed = dict(zip(examination.contacts.header, examination.contacts.cells[row.row], strict=False))
        table.append([cells[name] if name in cells else typed.get(name, "").strip() for name in columns])
    return table


def _columns(contacts: ContactsFile) -> list[str]:
    names = [name for name in contacts.header if name]
    needed = [name for row in contacts.rows[:1] for name in _cells(row.contact) if name in names]
    return list(dict.fromkeys([*needed, *names]))


def _cells(contact: ContactRow) -> dict[str, str]:
    values: dict[str, Any] = {name: getattr(contact, name, None) or "" for name in _COLUMNS}
    values["number"] = contact.numbers[0]
    values["consents"] = consents_text(contact.consents)
    values["priority"] = str(contact.priority)
    for var, value in contact.vars.items():
        column = column_of(var)
        if isinstance(value, Mapping):
            values[column] = amount_text(value["minor"], value["currency"])
            values["currency"] = value["currency"]
        else:
            values[column] = value.isoformat() if isinstance(value, date) else str(value)
    return values


def _left_out(examination: Examination) -> Table:
    header = [name or "" for name in examination.contacts.header]
    table = [[*REASON_COLUMNS, *header]]
    of_row: dict[int, list[Finding]] = {}
    for each in examination.of(Severity.BAD):
        of_row.setdefault(each.row, []).append(each)
    for row, found in sorted(of_row.items()):
        reasons = [
            "; ".join(dict.fromkeys(getattr(each, name) for each in found))
            for name in ("column", "reason", "detail")
        ]
        table.append([str(row), *reasons, *examination.contacts.cells[row]])
    return table


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([plain_cell(cell) for cell in row] for row in table)
    # With the mark Excel reads it as UTF-8; without, Chinese names come out broken.
    return text.getvalue().encode("utf-8-sig")


def _xlsx(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    # openpyxl brings numpy: a third of a second that only a command with a sheet need wait for.
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook(write_only=True)
    for title, table in sheets.items():
        sheet = book.create_sheet(title)
        for row in table:
            sheet.append([_text_cell(sheet, cell) for cell in row])
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def _text_cell(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as in _xlsx

    cell = WriteOnlyCell(sheet, "".join(letter for letter in text if letter >= " " or letter in "\n\t"))
    cell.data_type = "s"  # never a formula, whatever it starts with
    cell.number_format = "@"
    return cell
