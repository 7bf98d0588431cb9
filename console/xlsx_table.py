"""One sheet of an XLSX file to rows of cells, each as the sheet shows it; formulas count by their last result."""

import io
import zipfile
import zlib
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from console.errors import ContactsFileError

ZIP_SIGNATURE = b"PK\x03\x04"
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_COLUMNS = 256
SPARE_COLUMNS = 8
"""Cells beyond the header are read as far as this, so that a row that is too long is found."""
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
)
"""What openpyxl lets through from a file that is none of its own."""


def read_xlsx(path: Path, content: bytes, sheet: str | None) -> list[tuple[int, list[str]]]:
    """Return (row number as the sheet shows it, cells) of `sheet`, or of the only one with content.

    Raises ContactsFileError.
    """
    # openpyxl brings numpy: a third of a second that only a command with a sheet need wait for.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            n_bytes = sum(each.file_size for each in packed.infolist())
        if n_bytes > MAX_UNPACKED_BYTES:
            raise ContactsFileError(f"{path}: unpacks to {n_bytes // 2**20} MiB; split the list")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            tables = {
                each.title: each
                for each in book.worksheets
                if each.title == sheet or (sheet is None and each.sheet_state == "visible")
            }
            found = {title: rows for title, each in tables.items() if (rows := _rows(each))}
        finally:
            book.close()
    except (*_BROKEN, InvalidFileException) as error:
        raise ContactsFileError(
            f"{path}: no readable XLSX ({type(error).__name__}); save it as CSV (UTF-8) or as XLSX again"
        ) from None
    if sheet is not None and not tables:
        raise ContactsFileError(f"{path}: no sheet is called {sheet!r}; look at the names at the bottom")
    if len(found) > 1:
        names = ", ".join(found)
        raise ContactsFileError(f"{path}: several sheets hold something ({names}); choose one with --sheet")
    return next(iter(found.values()), [])


def _rows(sheet: Any) -> list[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # what a file says of its own size is often wrong
    first = next(sheet.iter_rows(min_row=1, max_row=1, max_col=MAX_COLUMNS), ())
    header = [_text(cell) for cell in first]
    while header and not header[-1].strip():
        header.pop()
    width = min(len(header) + SPARE_COLUMNS, MAX_COLUMNS)
    table = []
    for number, row in enumerate(sheet.iter_rows(max_col=width), 1):
        cells = [_text(cell) for cell in row]
        if number == 1 or any(cells):
            table.append((number, cells if number > 1 else header))
    return table if any(any(cells) for _, cells in table) else []


def _text(cell: Any) -> str:
    """Return a cell as a person sees it: whole numbers without a point, days without a time."""
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int():
            text = str(value)
        case float():
            # A sheet keeps 15 digits; more would be dust such as 0.30000000000000004.
            text = format(Decimal(format(value, ".15g")), "f")
        case datetime():
            is_day = value.time() == time()
            return value.date().isoformat() if is_day else value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
    layout = str(getattr(cell, "number_format", "") or "")
    # A column "0000" shows 41 as 0041: the last four digits of a card are kept so.
    is_padded = len(layout) > 1 and set(layout) == {"0"} and text.isdigit()
    return text.zfill(len(layout)) if is_padded else text
