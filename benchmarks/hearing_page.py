"""The page of the hearing report: sections with what they ran on, tables and pictures, as one HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
table { border-collapse: collapse; margin: 0.8rem 0 1.4rem; font-size: 13px; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { border: 1px solid #c9d2dc; padding: 0.15rem 0.55rem; text-align: right; }
th { background: #eef2f6; } th:first-child, td:first-child { text-align: left; }
.ran { background: #f6f3e7; border-left: 4px solid #c9a227; padding: 0.4rem 0.8rem; }
img { max-width: 100%; margin: 0.6rem 0; } .wrong { color: #a4262c; font-weight: 600; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One table; a row whose first cell begins with `!` is not as it is asked."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the report."""

    title: str
    ran_on: str
    """What was listened to, and what of it is synthetic."""
    grids: tuple[Grid, ...] = ()
    pictures: tuple[str, ...] = ()
    """File names beside the page."""
    notes: tuple[str, ...] = ()


def page(sections: Sequence[Section], summary: str, left_out: Sequence[str]) -> str:
    """Return the whole page; what was not run stands at its top."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>What the box hears</title>",
        f"<style>{STYLE}</style><h1>What the box hears</h1><p>{escape(summary)}</p>",
    ]
    if left_out:
        parts += ["<h2>Not run</h2><ul>", *(f"<li>{escape(one)}</li>" for one in left_out), "</ul>"]
    for section in sections:
        parts.append(f"<h2>{escape(section.title)}</h2><p class='ran'>{escape(section.ran_on)}</p>")
        parts += [f"<p>{escape(note)}</p>" for note in section.notes]
        parts += [_table(grid) for grid in section.grids]
        parts += [f"<img src='{escape(name)}' alt='{escape(name)}'>" for name in section.pictures]
    return "\n".join([*parts, "</html>\n"])


def _table(grid: Grid) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in grid.head)
    rows = []
    for row in grid.rows:
        first, *others = (str(cell) for cell in row)
        is_wrong = first.startswith("!")
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (first.removeprefix("!"), *others))
        rows.append(f"<tr class='wrong'>{cells}</tr>" if is_wrong else f"<tr>{cells}</tr>")
    return f"<table><caption>{escape(grid.caption)}</caption><tr>{head}</tr>{''.join(rows)}</table>"
