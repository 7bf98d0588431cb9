"""The screens of the technician's console as plain lines (pure): facts in, text for 80 columns out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from firmware.local.facts import BoxFacts, LineFacts
from firmware.local.words import (
    ALARMS,
    DIALLING,
    GROUPS,
    LINE_STATUS,
    VERDICTS,
    Both,
    Language,
    clock_words,
    for_how_long,
    say,
)
from firmware.store.outbox import OutboxDepth
from firmware.store.today import HourCount, Waiting
from provisioning.check import Check, State, words_of
from provisioning.network import Interface
from provisioning.technician.terminal import pad
from provisioning.technician.words import LABELS, MENU, OUTCOMES, SAID

LABEL_COLUMNS, MARK_COLUMNS = 16, 5


class Screens:
    """Every screen, in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def said(self, name: str, **values: object) -> str:
        """Return one of the console's sentences."""
        return say(SAID[name], self.language).format(**values)

    def menu(self, *, without: frozenset[str]) -> list[str]:
        """Return the menu in two columns."""
        entries = [
            f"{key:>3}  {say(words, self.language)}" for key, words in MENU.items() if key not in without
        ]
        half = (len(entries) + 1) // 2
        right = [*entries[half:], ""]
        return [f"{pad(left, 38)}{right[place]}".rstrip() for place, left in enumerate(entries[:half])]

    def status(self, facts: BoxFacts) -> list[str]:
        """Return how the box stands."""
        zone = ZoneInfo(facts.time_zone)
        uplink, machine = facts.uplink, facts.machine
        console = self._label("connected" if uplink.connected else "away")
        waiting = f"{uplink.waiting}"
        if uplink.waiting:
            waiting += f", {self._label('oldest')} {for_how_long(uplink.oldest_s, self.language)}"
        clock = self._label("trusted" if facts.clock_trusted else "untrusted")
        rows = [
            ("state", self._of(VERDICTS[facts.verdict])),
            ("dialling", self._of(DIALLING[facts.dialling])),
            (
                "clock",
                f"{clock}: {clock_words(facts.clock, self.language)} ({_local(facts.at, zone)} {facts.time_zone})",
            ),
            ("console", console),
            ("waiting", waiting),
            ("people", str(facts.queue.contacts)),
            ("next", _local(facts.queue.next_call_at, zone) if facts.queue.next_call_at else "-"),
            ("today", self._today(facts.today.calls, facts.today.groups)),
            ("disk", _bytes(machine.disk_free_bytes)),
            ("temperature", "-" if machine.cpu_temp_c is None else f"{machine.cpu_temp_c:.0f} C"),
            ("memory", _bytes(machine.memory_available_bytes)),
            ("up", for_how_long(facts.uptime_s, self.language)),
            ("version", facts.version),
        ]
        lines = [self._row(name, value) for name, value in rows]
        for alarm in facts.alarms:
            what, to_do = ALARMS[alarm.code]
            where = f"{alarm.line}: " if alarm.line else ""
            lines.append(f"{'!' if alarm.urgent else '.'} {where}{self._of(what)} -> {self._of(to_do)}")
        return lines

    def status_of_files(
        self, depth: OutboxDepth, counts: Sequence[HourCount], waiting: Waiting, now: datetime
    ) -> list[str]:
        """Return what the database says while the daemon does not."""
        n_calls = sum(each.n_calls for each in counts)
        sent = f"{depth.n_waiting}, {self._label('oldest')} {for_how_long(depth.age_s(now), self.language)}"
        return [
            self._row("waiting", sent),
            self._row("people", str(waiting.contacts)),
            self._row("today", str(n_calls)),
        ]

    def lines(self, lines: Sequence[LineFacts]) -> list[str]:
        """Return a table of lines, and below it what to do about each that is not well."""
        if not lines:
            return [self.said("no_lines")]
        heads = ("line", "state", "signal", "network", "model")
        widths = (14, 22, 14, 14, 14)
        shown = [_columns([self._label(name) for name in heads], widths)]
        for line in lines:
            signal = "-" if line.rssi_dbm is None else f"{'#' * (line.bars or 0):<4} {line.rssi_dbm} dBm"
            cells = [
                line.name or line.line,
                self._of(LINE_STATUS[line.status]),
                signal,
                line.operator or "-",
                line.model or "-",
            ]
            shown.append(_columns(cells, widths))
        for line in lines:
            if line.trouble:
                what, to_do = ALARMS[f"line_{line.trouble}"]
                shown.append(f"! {line.name or line.line}: {self._of(what)} -> {self._of(to_do)}")
                shown.append(f"    {line.detail}")
        return shown

    def network(
        self, found: Sequence[Interface], gateway: str, servers: Sequence[str], broker: str, problem: str
    ) -> list[str]:
        """Return how the box is wired to the network."""
        rows = [
            self._row(
                "interface",
                f"{each.name} {self._label('up_' if each.is_up else 'down')} {each.address or '-'}",
            )
            for each in found
        ]
        none = self.said("none")
        return [
            *(rows or [self._row("interface", none)]),
            self._row("gateway", gateway or none),
            self._row("dns", ", ".join(servers) or none),
            self._row("broker", f"{broker} {problem or self._label('reached')}"),
        ]

    def gate(self, said: dict[str, Any]) -> list[str]:
        """Return the gate's word about a number, and each rule that is not kept."""
        lines = [
            self._row("answer", f"{self._of(OUTCOMES[said['outcome']])} ({said['rule']})"),
            str(said["explanation"][self.language]),
        ]
        if said["until"]:
            lines.append(self._row("until", said["until"]))
        lines += [f"  - {each['rule']}: {each['detail']}" for each in said["tried"] if not each["passed"]]
        lines.append(self._row("rules", ", ".join(said["packs"]) or self.said("none")))
        return lines

    def log(self, events: Sequence[dict[str, Any]]) -> list[str]:
        """Return log events, one a line, the time first."""
        shown = []
        for event in events:
            rest = " ".join(
                f"{key}={value}"
                for key, value in event.items()
                if key not in {"timestamp", "event", "level"} and value != ""
            )
            at = str(event.get("timestamp", ""))[11:19]
            level = "" if event.get("level") == "info" else f"{str(event.get('level', '')).upper()} "
            shown.append(f"{at} {level}{event.get('event', '')} {rest}".rstrip())
        return shown or [self.said("none")]

    def checks(self, checks: Sequence[Check]) -> list[str]:
        """Return the self-check: what is bad with what to do, then what could not be tried, then what is good."""
        order = {State.BAD: 0, State.UNKNOWN: 1, State.GOOD: 2}
        marks = {State.BAD: "mark_bad", State.UNKNOWN: "mark_unknown", State.GOOD: "mark_good"}
        counts = {state: sum(each.state is state for each in checks) for state in State}
        shown = [
            self.said(
                "check_sum", good=counts[State.GOOD], bad=counts[State.BAD], unknown=counts[State.UNKNOWN]
            )
        ]
        for each in sorted(checks, key=lambda check: order[check.state]):
            what, to_do = words_of(each.code)
            name = f"{self._of(what)} {each.code.partition(':')[2]}".strip()
            shown.append(
                f"{pad(self.said(marks[each.state]), MARK_COLUMNS)}{name}: {each.detail}".rstrip(": ")
            )
            if each.state is State.BAD:
                shown.append(f"{' ' * MARK_COLUMNS}-> {self._of(to_do)}")
        return shown

    def status_word(self, status: str) -> str:
        """Return a line's state."""
        return self._of(LINE_STATUS[status])

    def _today(self, calls: int, groups: dict[str, int]) -> str:
        parts = ", ".join(f"{self._of(GROUPS[group])} {n}" for group, n in groups.items())
        return f"{calls} ({parts})" if parts else str(calls)

    def _row(self, label: str, value: str) -> str:
        return f"{pad(self._label(label), LABEL_COLUMNS)}{value}"

    def _label(self, name: str) -> str:
        return self._of(LABELS[name])

    def _of(self, words: Both) -> str:
        return say(words, self.language)


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{pad(cell, width)} " for cell, width in zip(cells, widths, strict=True)).rstrip()


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _bytes(n_bytes: int | None) -> str:
    return "-" if n_bytes is None else f"{n_bytes / 1e9:.1f} GB"
