"""Small charts as SVG text: lines over time, bars, and a grid; they stand in a page or in a file of their own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 34, 46
COLOURS = ("#24527a", "#b3541e", "#1f6f3d", "#7a2fa0", "#5a5a5a", "#b00020")
BAR, LABEL = 22, 200
MAX_LINES = len(COLOURS)


def lines(title: str, series: Mapping[str, Sequence[tuple[int, float]]], *, unit: str = "%") -> str:
    """Return lines of (ms UTC, value) by name; at most six are drawn, the first ones."""
    shown = dict(list(series.items())[:MAX_LINES])
    points = [point for each in shown.values() for point in each]
    if not points:
        return _frame(title, '<text x="60" y="120" fill="#666">—</text>')
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    top = max(value for _, value in points) or 1.0
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(at: int) -> float:
        return LEFT + (across * (at - first) / (last - first) if last > first else across / 2)

    def y(value: float) -> float:
        return TOP + down * (1 - value / top)

    parts = [
        f'<line x1="{LEFT}" y1="{y(share * top):.1f}" x2="{WIDTH - RIGHT}" y2="{y(share * top):.1f}" '
        f'stroke="#ddd"/><text x="{LEFT - 6}" y="{y(share * top) + 4:.1f}" text-anchor="end">'
        f"{share * top:.3g}{escape(unit)}</text>"
        for share in (0.0, 0.5, 1.0)
    ]
    for place, (name, found) in enumerate(shown.items()):
        colour = COLOURS[place]
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in sorted(found))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        parts += [
            f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}">'
            f"<title>{escape(name)} {_day(at)}: {value:.3g}{escape(unit)}</title></circle>"
            for at, value in found
        ]
        parts.append(
            f'<text x="{LEFT + place * across / MAX_LINES:.0f}" y="{HEIGHT - 6}" fill="{colour}">{escape(name[:16])}</text>'
        )
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 26}" fill="#666">{_day(first)}</text>')
    if last > first:
        end = f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 26}" text-anchor="end" fill="#666">{_day(last)}</text>'
        parts.append(end)
    return _frame(title, "".join(parts))


def bars(title: str, values: Mapping[str, float], *, colour: str = COLOURS[0]) -> str:
    """Return one bar a name, from the left."""
    top = max(values.values(), default=0) or 1
    parts = []
    for place, (name, value) in enumerate(values.items()):
        y = TOP + place * BAR
        width = (WIDTH - LABEL - 80) * value / top
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name[:28])}</text>'
            f'<rect x="{LABEL}" y="{y + 3}" width="{width:.1f}" height="{BAR - 6}" fill="{colour}"/>'
            f'<text x="{LABEL + width + 6:.1f}" y="{y + 15}">{value:g}</text>'
        )
    return _frame(title, "".join(parts), height=TOP + BAR * max(len(values), 1) + 10)


def grid(
    title: str, rows: Sequence[str], columns: Sequence[str], cells: Mapping[tuple[int, int], float]
) -> str:
    """Return a heat map of shares from 0 to 1 by (row, column); an empty cell has no data."""
    size = (WIDTH - LABEL / 2 - RIGHT) / max(len(columns), 1)
    left = LABEL / 2
    top = max(cells.values(), default=0) or 1
    parts = []
    for place, name in enumerate(rows):
        y = TOP + place * BAR
        parts.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
        for column in range(len(columns)):
            share = cells.get((place, column))
            fill = "#fff" if share is None else COLOURS[0]
            opacity = 1.0 if share is None else 0.08 + 0.92 * share / top
            said = (
                ""
                if share is None
                else f"<title>{escape(name)} {escape(columns[column])}: {share:.0%}</title>"
            )
            parts.append(
                f'<rect x="{left + column * size:.1f}" y="{y}" width="{size - 1:.1f}" height="{BAR - 1}" '
                f'fill="{fill}" fill-opacity="{opacity:.2f}" stroke="#eee">{said}</rect>'
            )
    bottom = TOP + len(rows) * BAR + 14
    parts += [
        f'<text x="{left + (column + 0.5) * size:.1f}" y="{bottom}" text-anchor="middle">{escape(name)}</text>'
        for column, name in enumerate(columns)
    ]
    return _frame(title, "".join(parts), height=bottom + 10)


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


def _frame(title: str, content: str, *, height: float = HEIGHT) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" role="img" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif" font-size="12">'
        f'<title>{escape(title)}</title><text x="8" y="20" font-size="15">{escape(title)}</text>{content}</svg>'
    )
