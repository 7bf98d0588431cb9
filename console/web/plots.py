"""Plots as SVG: drawn here, no script, every value also readable as text on the page or in a title."""

from collections.abc import Sequence

from markupsafe import Markup, escape

INK, FAINT, BAR, SECOND = "#1c2733", "#d5dde5", "#1f5f8b", "#b3541e"
SHADES = ("#eef4f9", "#cfe1ee", "#9cc3de", "#5f9cc6", "#2b74a6", "#134a70")
FEW = 10
"""A share of fewer calls is drawn as unknown."""


def funnel(steps: Sequence[tuple[str, int]], *, title: str) -> Markup:
    """Return bars from the whole to what is left of it."""
    top = max((n for _name, n in steps), default=0) or 1
    height = len(steps) * 34 + 6
    parts = []
    for place, (name, n) in enumerate(steps):
        y = place * 34 + 4
        width = 400 * n / top
        parts.append(
            f'<text x="150" y="{y + 18}" text-anchor="end" fill="{INK}">{escape(name)}</text>'
            f'<rect x="160" y="{y}" width="{max(width, 1):.1f}" height="26" rx="2" fill="{BAR}"/>'
            f'<text x="{168 + width:.1f}" y="{y + 18}" fill="{INK}">{n}</text>'
        )
    return _svg(640, height, title, parts)


def heat_map(shares: Sequence[Sequence[tuple[int, int]]], *, names: Sequence[str], title: str) -> Markup:
    """Return weekday rows and hour columns of (part, whole), shaded by the share."""
    known = [part / whole for row in shares for part, whole in row if whole >= FEW]
    top = max(known, default=0.0) or 1.0
    parts = []
    for hour in range(0, 24, 3):
        parts.append(f'<text x="{66 + hour * 24}" y="12" fill="{INK}">{hour:02d}</text>')
    for day, row in enumerate(shares):
        y = 20 + day * 24
        parts.append(f'<text x="56" y="{y + 16}" text-anchor="end" fill="{INK}">{escape(names[day])}</text>')
        for hour, (part, whole) in enumerate(row):
            x = 62 + hour * 24
            if whole < FEW:
                parts.append(
                    f'<rect x="{x}" y="{y}" width="22" height="22" fill="none" stroke="{FAINT}">'
                    f"<title>{escape(names[day])} {hour:02d}: {part}/{whole}</title></rect>"
                )
                continue
            shade = SHADES[min(int(part / whole / top * len(SHADES)), len(SHADES) - 1)]
            parts.append(
                f'<rect x="{x}" y="{y}" width="22" height="22" fill="{shade}">'
                f"<title>{escape(names[day])} {hour:02d}: {part}/{whole} = {part / whole:.0%}</title></rect>"
            )
    return _svg(644, 20 + 24 * len(shares), title, parts)


def trend(days: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]], *, title: str) -> Markup:
    """Return shares (0 to 1) by day as lines; None leaves a gap."""
    top = (
        max((value for _name, values in series for value in values if value is not None), default=0.0) or 1.0
    )
    step = 560 / max(len(days) - 1, 1)
    parts = [
        f'<line x1="50" x2="610" y1="{y}" y2="{y}" stroke="{FAINT}"/>'
        f'<text x="44" y="{y + 4}" text-anchor="end" fill="{INK}">{top * share:.0%}</text>'
        for share, y in ((0.0, 170), (0.5, 90), (1.0, 10))
    ]
    for place in range(0, len(days), max(1, len(days) // 6)):
        parts.append(
            f'<text x="{50 + place * step:.1f}" y="188" text-anchor="middle" fill="{INK}">{days[place]}</text>'
        )
    for colour, (name, values) in zip((BAR, SECOND), series, strict=False):
        run: list[str] = []
        for place, value in enumerate([*values, None]):
            if value is not None:
                x, y = 50 + place * step, 170 - 160 * value / top
                run.append(f"{x:.1f},{y:.1f}")
                parts.append(
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}">'
                    f"<title>{days[place]} {escape(name)}: {value:.1%}</title></circle>"
                )
            elif run:
                parts.append(
                    f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="2"/>'
                )
                run = []
    for place, (colour, (name, _values)) in enumerate(zip((BAR, SECOND), series, strict=False)):
        x = 60 + place * 240
        parts.append(
            f'<rect x="{x}" y="200" width="12" height="12" fill="{colour}"/>'
            f'<text x="{x + 18}" y="211" fill="{INK}">{escape(name)}</text>'
        )
    return _svg(640, 220, title, parts)


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> Markup:
    return Markup(  # every text in it went through escape
        f'<svg class="plot" role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" '
        f'xmlns="http://www.w3.org/2000/svg" font-size="13">{"".join(parts)}</svg>'
    )
