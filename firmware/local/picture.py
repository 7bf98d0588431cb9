"""Two pictures of the status page as inline SVG: bars of a signal, and the day's calls by the hour (pure)."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from firmware.local.facts import HourFacts
from firmware.local.words import PAGE, Language, say

_WIDTH, _HEIGHT, _FOOT, _HEAD = 720, 200, 30, 26


def signal_bars(bars: int | None) -> str:
    """Return four bars, as many of them full as the signal has; the words stand beside it."""
    drawn = "".join(
        f'<rect x="{2 + place * 7}" y="{14 - place * 4}" width="5" height="{6 + place * 4}" '
        f'class="{"bar" if bars is not None and place < bars else "bar off"}"/>'
        for place in range(4)
    )
    return f'<svg class="bars" viewBox="0 0 30 20" width="30" height="20" aria-hidden="true">{drawn}</svg>'


def day_plot(hours: Sequence[HourFacts], zone: ZoneInfo, language: Language) -> str:
    """Return the calls of each hour as stacked columns, reached below not reached; the same figures stand in a table."""
    by_hour = {each.starts_at.astimezone(zone).hour: each for each in hours}
    first, last = min([8, *by_hour]), max([19, *by_hour])
    top = max((each.reached + each.not_reached for each in hours), default=0)
    scale = (_HEIGHT - _FOOT - _HEAD) / max(top, 4)
    step = _WIDTH / (last - first + 1)
    parts = []
    for place, hour in enumerate(range(first, last + 1)):
        x, width = place * step + step * 0.15, step * 0.7
        middle = f"{place * step + step / 2:.1f}"
        parts.append(f'<text x="{middle}" y="{_HEIGHT - 8}" class="axis">{hour:02d}</text>')
        found = by_hour.get(hour)
        if found is None:
            continue
        low, high = found.reached * scale, found.not_reached * scale
        base = _HEIGHT - _FOOT
        parts.append(
            f'<rect x="{x:.1f}" y="{base - low:.1f}" width="{width:.1f}" height="{low:.1f}" class="yes"/>'
        )
        parts.append(
            f'<rect x="{x:.1f}" y="{base - low - high:.1f}" width="{width:.1f}" height="{high:.1f}" class="no"/>'
        )
        total = found.reached + found.not_reached
        parts.append(f'<text x="{middle}" y="{base - low - high - 4:.1f}" class="axis">{total}</text>')
    line = f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT - _FOOT}" y2="{_HEIGHT - _FOOT}" class="ground"/>'
    title = say(PAGE["by_hour"], language)
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        f"{''.join(parts)}{line}</svg>"
    )
