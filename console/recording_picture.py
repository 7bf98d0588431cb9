"""Draw an opened recording as SVG: both directions over time, and what was heard in them."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from audio.recording_marks import Mark, MarkKind

WIDTH, LEFT, RIGHT = 1200, 100, 20
TITLE, LANE, GAP, LABELS = 46, 130, 14, 54
N_LABEL_ROWS = 3
LABEL_CHARS_PX = 7
COLOURS = {
    MarkKind.SPEECH: "#cfe3f5",
    MarkKind.KEY: "#b3541e",
    MarkKind.BEEP: "#7a2fa0",
    MarkKind.ANSWER: "#1f6f3d",
    MarkKind.TONE: "#7a2fa0",
    MarkKind.FAULT: "#b00020",
}
WAVE = ("#24527a", "#5a5a5a")
LANES = ("person called", "box")
FULL_SCALE = 32768
MIN_SCALE = 0.05
"""The lane's top: a quiet recording is drawn larger, up to 20 times."""


def draw_recording(
    sound: NDArray[np.int16], rate_hz: int, marks: Sequence[Mark], *, title: str, note: str = ""
) -> str:
    """Return the picture of `sound` (int16, shape (n_samples, 2)) as an SVG document."""
    seconds = len(sound) / rate_hz
    per_s = (WIDTH - LEFT - RIGHT) / max(seconds, 0.001)
    height = TITLE + 2 * (LANE + GAP) + LABELS + 30
    peak = max(MIN_SCALE, float(np.abs(sound.astype(np.int32)).max(initial=0)) / FULL_SCALE)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT}" y="37" fill="#666">{escape(note)}</text>',
    ]
    for lane, name in enumerate(LANES):
        top = TITLE + lane * (LANE + GAP + (LABELS if lane else 0))
        middle = top + LANE / 2
        parts.append(
            f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{LANE}" fill="#f6f6f6"/>'
        )
        parts += [
            f'<rect x="{LEFT + mark.begin_ms / 1000 * per_s:.1f}" y="{top}" '
            f'width="{max(1.0, (mark.end_ms - mark.begin_ms) / 1000 * per_s):.1f}" height="{LANE}" '
            f'fill="{COLOURS[mark.kind]}"><title>{escape(_words(mark))}</title></rect>'
            for mark in marks
            if mark.kind is MarkKind.SPEECH and mark.is_callee == (lane == 0)
        ]
        parts.append(_wave(sound[:, lane], middle, peak, WAVE[lane]))
        parts.append(f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{name}</text>')
    parts += _labels([mark for mark in marks if mark.kind is not MarkKind.SPEECH], per_s)
    parts += _axis(seconds, per_s, height - 34)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _wave(samples: NDArray[np.int16], middle: float, peak: float, colour: str) -> str:
    """Return the outline of one direction: the highest and the lowest sample of every column."""
    n_columns = WIDTH - LEFT - RIGHT
    if not len(samples):
        return ""
    edges = np.linspace(0, len(samples), min(n_columns, len(samples)) + 1).astype(int)
    columns = np.linspace(LEFT, WIDTH - RIGHT, len(edges) - 1)
    scale = LANE / 2 / (peak * FULL_SCALE)
    tops = middle - np.maximum.reduceat(samples, edges[:-1]) * scale
    bottoms = middle - np.minimum.reduceat(samples, edges[:-1]) * scale
    outline = [*zip(columns, tops, strict=True), *reversed(list(zip(columns, bottoms, strict=True)))]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in outline)
    return f'<polygon points="{points}" fill="{colour}" stroke="{colour}" stroke-width="0.6"/>'


def _labels(marks: Sequence[Mark], per_s: float) -> list[str]:
    """Return the events between the lanes, each below the one before where they would overlap."""
    parts, row_ends = [], [0.0] * N_LABEL_ROWS
    top = TITLE + LANE
    for mark in marks:
        x = LEFT + mark.begin_ms / 1000 * per_s
        text = mark.label or mark.kind.value
        width = len(text) * LABEL_CHARS_PX + 6
        row = next((row for row in range(N_LABEL_ROWS) if row_ends[row] <= x), N_LABEL_ROWS - 1)
        row_ends[row] = x + width
        y = top + 18 + row * 17
        tick = (TITLE, y - 10) if mark.is_callee else (y + 3, TITLE + 2 * LANE + GAP + LABELS)
        anchor = "end" if x + width > WIDTH - RIGHT else "start"
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{tick[0]}" y2="{tick[1]}" stroke="{COLOURS[mark.kind]}" '
            f'stroke-dasharray="3 2"/><text x="{x:.1f}" y="{y}" text-anchor="{anchor}" '
            f'fill="{COLOURS[mark.kind]}">{escape(text)}<title>{escape(_words(mark))}</title></text>'
        )
    return parts


def _axis(seconds: float, per_s: float, y: int) -> list[str]:
    step = next(step for step in (0.5, 1, 2, 5, 10, 30, 60, 300, 1e9) if seconds / step <= 15)
    parts = [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#666"/>']
    for number in range(int(seconds / step) + 1):
        x = LEFT + number * step * per_s
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}" stroke="#666"/>'
            f'<text x="{x:.1f}" y="{y + 19}" text-anchor="middle" fill="#666">{number * step:g} s</text>'
        )
    return parts


def _words(mark: Mark) -> str:
    who = LANES[0] if mark.is_callee else LANES[1]
    return f"{mark.begin_ms / 1000:.2f} s: {mark.label or mark.kind.value} ({who})"
