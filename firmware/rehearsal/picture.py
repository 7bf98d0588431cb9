"""A flow as a picture: every node with its words and every way between them, laid out by Graphviz."""

import re
import subprocess
from collections.abc import Iterator
from typing import assert_never

from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import (
    AskNode,
    CaptureNode,
    ChooseNode,
    EndNode,
    LanguageNode,
    MessageNode,
    Node,
    PlanNode,
    PromiseNode,
    SayNode,
    SmsNode,
    Switch,
    Target,
    TransferNode,
    VerifyNode,
)

LAYOUT_TIMEOUT_S = 60.0
_PIECE = re.compile(r"\{[a-z0-9_]+\}|.")
LINE_CHARS = {"zh": 18, "en": 38}
MAX_LINES = 4
_FILLS = {
    "say": "#eef4ff", "ask": "#fff7e0", "verify": "#f3e8ff", "capture": "#e9f8ee", "plan": "#e9f8ee",
    "choose": "#f2f2f2", "transfer": "#e0f5f7", "sms": "#e0f5f7", "language": "#f2f2f2", "message": "#eef4ff", "end": "#ffffff",
}  # fmt: skip


class PictureError(RuntimeError):
    """The picture could not be drawn; the text says what to do."""


def draw_svg(flow: Flow, language: str) -> str:
    """Return the picture as SVG. Raises PictureError when Graphviz is not there."""
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"],
            input=dot_text(flow, language).encode(),
            capture_output=True,
            timeout=LAYOUT_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise PictureError(
            "Graphviz is not installed: apt-get install graphviz, or ask for its input with --dot"
        ) from None
    except subprocess.TimeoutExpired:
        raise PictureError(f"Graphviz found no layout within {LAYOUT_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        raise PictureError(f"Graphviz refused: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


def dot_text(flow: Flow, language: str) -> str:
    """Return the picture as Graphviz reads it."""
    lines = [
        "digraph flow {",
        f"  label={_quoted(f'{flow.name} version {flow.version}')}; labelloc=t; fontsize=18;",
        '  rankdir=TB; nodesep=0.35; ranksep=0.55; bgcolor=white; fontname="Noto Sans CJK SC, sans-serif";',
        '  node [shape=box, style="filled,rounded", fontsize=11, fontname="Noto Sans CJK SC, sans-serif", margin="0.14,0.08"];',
        '  edge [fontsize=10, color="#555555", fontname="Noto Sans CJK SC, sans-serif"];',
        '  " start" [label="", shape=circle, width=0.18, fillcolor="#333333"];',
        f'  " start" -> {_quoted(flow.start)};',
    ]
    lines += [_box(flow, node, language) for node in flow.nodes.values()]
    for node in flow.nodes.values():
        for target, labels in _grouped(ways(node)).items():
            lines.append(f"  {_quoted(node.id)} -> {_quoted(target)} [label={_quoted(_folded(labels))}];")
    always: dict[str, list[str]] = {}
    for name, handler in flow.anytime.items():
        if isinstance(handler, Target):
            always.setdefault(handler.node, []).append(name)
        elif isinstance(handler, Switch) and handler.not_possible is not None:
            always.setdefault(handler.not_possible, []).append(f"{name}, not possible")
    if always:
        lines.append('  " anytime" [label="at any time", shape=ellipse, fillcolor="#ffe9e9"];')
        lines += [
            f'  " anytime" -> {_quoted(target)} [label={_quoted(_folded(labels))}, style=dashed];'
            for target, labels in always.items()
        ]
    return "\n".join([*lines, "}", ""])


def ways(node: Node) -> Iterator[tuple[str, str]]:
    """Yield (what leads there, target) for every way out of a node."""
    match node:
        case SayNode():
            yield "", node.next
        case AskNode():
            yield from ((f"key {key}", target) for key, target in node.keys.items())
            yield from node.intents.items()
            yield "silence", node.silence.then
            yield "no match", node.no_match.then
        case VerifyNode():
            yield "passed", node.passed
            yield "failed", node.failed
        case CaptureNode():
            yield "", node.next
            yield "failed", node.failed
            if node.rejected is not None:
                yield "rejected", node.rejected
        case PromiseNode():
            yield "confirmed", node.confirmed
            yield "rejected", node.rejected
            yield "failed", node.failed
            yield "not possible", node.not_possible
        case PlanNode():
            yield "confirmed", node.confirmed
            yield "declined", node.declined
            yield "failed", node.failed
            yield "not possible", node.not_possible
        case ChooseNode():
            yield from ((condition.source, target) for condition, target in node.when)
            yield "else", node.otherwise
        case TransferNode():
            yield "nobody there", node.unavailable
        case LanguageNode() | SmsNode():
            yield "", node.next
            yield "not possible", node.not_possible
        case MessageNode() | EndNode():
            pass
        case _:
            assert_never(node)
    if node.limit is not None:
        yield f"after {node.limit.visits} visits", node.limit.then


def _kind(node: Node) -> tuple[str, str, str | None]:
    """Return (kind, what it is about, prompt)."""
    match node:
        case SayNode():
            return "say", "", node.prompt
        case AskNode():
            return "ask", str(node.asked) if node.asked != "nothing" else "", node.prompt
        case VerifyNode():
            return "verify", node.var, node.prompt
        case CaptureNode():
            return "capture", f"{node.kind} into {node.into}", node.prompt
        case PromiseNode():
            return "capture", f"promise by {node.due}", node.read_back
        case PlanNode():
            return "plan", f"{', '.join(map(str, node.offers))} instalments", node.prompt
        case ChooseNode():
            return "choose", f"by {node.on}", None
        case TransferNode():
            return "transfer", node.reason, node.prompt
        case SmsNode():
            return "sms", node.text, None
        case LanguageNode():
            return "language", node.language, None
        case MessageNode():
            return "message", "", node.prompt
        case EndNode():
            return "end", str(node.disposition), node.prompt
        case _:
            assert_never(node)


def _box(flow: Flow, node: Node, language: str) -> str:
    kind, about, prompt = _kind(node)
    head = f"{node.id} · {kind}{f' {about}' if about else ''}"
    words = flow.prompts[prompt].texts[language].source if prompt is not None else ""
    border = "#c0392b" if prompt in flow.debt_prompts else "#8a8a8a"
    label = "\\l".join([_escaped(head), *(_escaped(line) for line in _lines(words, language))]) + "\\l"
    shape = ', shape=diamond, style="filled"' if kind == "choose" else ", penwidth=2" if kind == "end" else ""
    return f'  {_quoted(node.id)} [label="{label}", fillcolor="{_FILLS[kind]}", color="{border}"{shape}];'


def _lines(words: str, language: str) -> list[str]:
    """Cut words for a box: English between words, Chinese anywhere."""
    most = LINE_CHARS[language.partition("-")[0]]
    lines = [""]
    for piece in words.split(" ") if language.startswith("en") else _PIECE.findall(words):
        gap = " " if lines[-1] and language.startswith("en") else ""
        if lines[-1] and len(lines[-1]) + len(gap) + len(piece) > most:
            lines.append("")
            gap = ""
        lines[-1] += gap + piece
    kept = [line for line in lines if line]
    return kept if len(kept) <= MAX_LINES else [*kept[: MAX_LINES - 1], kept[MAX_LINES - 1] + "…"]


def _grouped(pairs: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for label, target in pairs:
        grouped.setdefault(target, []).append(label)
    return grouped


def _folded(labels: list[str]) -> str:
    """Return labels as lines of a few each."""
    kept = [label for label in dict.fromkeys(labels) if label]
    return "\n".join(", ".join(kept[start : start + 3]) for start in range(0, len(kept), 3))


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace("\n", "\\n") + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
