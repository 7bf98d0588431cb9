"""A page that needs nothing but itself: no script, no font, no picture from elsewhere."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from console.errors import ConsoleError

_STYLE = """
body{font:16px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;color:#1c1c1c;
max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;
vertical-align:top}th:first-child,td:first-child{min-width:5em}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
svg{max-width:100%;height:auto}p.note{color:#555}.wide{overflow-x:auto}
@page{size:A4 landscape;margin:14mm 12mm;@bottom-right{content:counter(page) " / " counter(pages);font-size:9px}}
@media print{body{font-size:11px;margin:0;padding:0;max-width:none}h2{break-after:avoid}svg{break-inside:avoid;max-width:75%}
tr{break-inside:avoid}thead{display:table-header-group}.wide{overflow:visible}th,td{padding:.2rem .35rem}}
"""


def page(title: str, parts: Iterable[str], *, language: str) -> str:
    """Return a whole page; `parts` are HTML already."""
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>\n"
    )


def heading(text: str) -> str:
    """Return a section's heading."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, *, is_note: bool = False) -> str:
    """Return a paragraph."""
    return f"<p{' class=note' if is_note else ''}>{escape(text)}</p>"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; a column of numbers stands at the right."""
    right = [
        bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        for place in range(len(columns))
    ]
    marks = [" class=n" if each else "" for each in right]
    head = "".join(
        f"<th scope=col{mark}>{escape(name)}</th>" for mark, name in zip(marks, columns, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{escape(str(cell))}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def write_page(target: Path, text: str) -> None:
    """Write a page. Raises ConsoleError."""
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConsoleError(f"{target}: {error.strerror}; name a file that can be written") from None
