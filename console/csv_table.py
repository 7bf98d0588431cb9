"""A list as spreadsheets save it (XLSX; CSV in UTF-8 or GB 18030 with comma, semicolon or tab) to rows of cells."""

import csv
import io
from pathlib import Path

from console.errors import ContactsFileError
from console.xlsx_table import ZIP_SIGNATURE, read_xlsx

MAX_FILE_BYTES = 64 * 1024 * 1024
HEADER_ROW = 1
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"


def read_table(path: Path, *, sheet: str | None = None) -> list[tuple[int, list[str]]]:
    """Return (row number as a spreadsheet shows it, cells), the header first. Raises ContactsFileError.

    `sheet` names the sheet of an XLSX file that has several.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ContactsFileError(f"{path}: {error.strerror}; name an existing CSV file or XLSX file") from None
    if len(content) > MAX_FILE_BYTES:
        raise ContactsFileError(f"{path}: larger than {MAX_FILE_BYTES // 2**20} MiB; split the list")
    if content.startswith(OLE_SIGNATURE):
        raise ContactsFileError(
            f"{path}: an old or locked spreadsheet; save it as CSV (UTF-8) or as XLSX without a password"
        )
    table = read_xlsx(path, content, sheet) if content.startswith(ZIP_SIGNATURE) else _read_csv(path, content)
    if not table or not any(cell.strip() for cell in table[0][1]):
        raise ContactsFileError(f"{path}: row 1 must name the columns, and is empty; add it")
    return table


def _read_csv(path: Path, content: bytes) -> list[tuple[int, list[str]]]:
    text = _decoded(path, content)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    try:
        # A spreadsheet counts records, not lines of the file: a cell may hold line breaks.
        records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return list(enumerate(records, HEADER_ROW))
    except csv.Error as error:
        raise ContactsFileError(f"{path}: no readable CSV: {error}; save it again as CSV (UTF-8)") from None


def _decoded(path: Path, content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):  # what spreadsheets save as CSV, in China the latter
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ContactsFileError(f"{path}: neither UTF-8 nor GB 18030 text; save it as CSV (UTF-8)")
