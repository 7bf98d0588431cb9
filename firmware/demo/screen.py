"""The live picture of the demo: what the console knows, as it learns it."""

from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

NOT_CALLED = "not called"
_BARS = "▁▃▅▇"
_GOOD = {"promise_full", "promise_partial", "promise_plan", "paying_now", "already_paid", "human_bridged"}
_SENT_FOR_GOOD = {"delivered", "failed", "uncertain", "refused", "expired"}
_NOT_HANDED_OVER = {
    "no_agent": "no colleague speaks their language",
    "hours_closed": "no colleague is there now",
    "no_line": "no second line was free",
}
_STOP = {"opt_out", "wrong_number", "complaint"}


@dataclass(slots=True)
class ContactView:
    """One row of the picture."""

    contact: str
    name: str
    language: str
    stage: str = ""
    line: str = ""
    result: str = ""
    note: str = ""
    agreed: str = ""
    """What was promised, or how long two people talked."""

    @property
    def is_settled(self) -> bool:
        """Whether the console knows what came of this contact."""
        return bool(self.result)


@dataclass(slots=True)
class Picture:
    """Everything the console heard so far."""

    contacts: dict[str, ContactView] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    dialling: str = "starting"
    status: str = "offline"
    outbox: int = 0
    outcomes: int = 0
    messages: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """What became of each text, by its id."""
    awaits_text: str = ""
    """The disposition after which a text is sent; empty: no line of this demo can."""

    def take(self, message: dict[str, Any]) -> None:
        """Take one line of `branchline-console watch --json`."""
        match message.get("type"):
            case "state":
                self.status = message["status"]
                self.dialling = message.get("dialling", "")
                self.outbox = message.get("outbox", 0)
                self.lines = message.get("lines", [])
                self._stages()
            case "outcome":
                self.outcomes += 1
                row = self._row(message["contact"])
                row.result = message["disposition"]
                row.stage = ""
                row.line = message["line"]
                row.agreed = _agreed(message)
                row.note = _outcome_note(message, row.agreed)
            case "sms":
                self.texts[message["sms"]] = message["state"]
                self._row(message["contact"]).note = f"{message['n_parts']} SMS {message['state']}"
            case "refusals":
                row = self._row(message["contact"])
                if not row.result:
                    row.result = NOT_CALLED
                    row.note = f"{message['rule']}: {message.get('explanation', '')}"
            case "event":
                self.messages.append(f"{message['event']}: {message.get('detail', '')}".strip(": "))
            case _:
                pass

    @property
    def is_complete(self) -> bool:
        """Whether every contact is settled and nothing waits to be sent."""
        rows = self.contacts.values()
        n_texts = sum(row.result == self.awaits_text for row in rows if self.awaits_text)
        sent = [state for state in self.texts.values() if state in _SENT_FOR_GOOD]
        return (
            bool(rows) and all(row.is_settled for row in rows) and self.outbox == 0 and len(sent) >= n_texts
        )

    def _row(self, contact: str) -> ContactView:
        return self.contacts.setdefault(contact, ContactView(contact=contact, name="", language=""))

    def _stages(self) -> None:
        busy = {line.get("contact"): line for line in self.lines if line.get("contact")}
        for row in self.contacts.values():
            line = busy.get(row.contact)
            if line is not None and not row.result:
                row.line, row.stage = line["line"], line.get("detail") or line.get("call", "")
            elif not row.result:
                row.stage = ""

    def draw(self, title: str, seconds: float) -> Group:
        """Return the picture for the terminal."""
        lines = Table(box=None, pad_edge=False, expand=True)
        for head in ("line", "modem", "network", "signal", "state"):
            lines.add_column(head, style="bold" if head == "line" else "", no_wrap=True)
        for line in self.lines:
            doing = (
                line["status"]
                if not line.get("contact")
                else f"{line.get('call') or line['status']} → {line['contact']}"
            )
            lines.add_row(
                line["line"],
                line.get("model", ""),
                line.get("operator", ""),
                _bars(line.get("rssi_dbm")),
                doing,
            )
        people = Table(box=None, pad_edge=False, expand=True)
        for head, width in (("who", 3), ("name", 12), ("line", 6), ("now, then outcome", 18)):
            people.add_column(head, width=width, no_wrap=True, overflow="ellipsis")
        people.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for row in sorted(self.contacts.values(), key=lambda row: row.contact):
            style = style_of(row)
            people.add_row(
                row.contact,
                row.name,
                row.line,
                Text(row.result, style=style) if row.result else Text(row.stage, style="cyan"),
                row.note,
            )
        foot = (
            f"box {self.status}, dialling: {self.dialling} · {self.outcomes} outcomes at the console · "
            f"{self.outbox} waiting to sync · {seconds:.0f} s"
        )
        return Group(
            Panel(lines, title=title, title_align="left"), Panel(people, subtitle=foot, subtitle_align="left")
        )


def _agreed(message: dict[str, Any]) -> str:
    """Return what a call came to beside its disposition: a promise, a plan, a conversation with a person."""
    over = message.get("hand_over")
    if over and over["result"] == "answered":
        return f"{over['agent']}, they talked {over['talk_ms'] / 1000:.0f} s"
    if over:
        return _NOT_HANDED_OVER.get(over["result"], str(over["result"]).replace("_", " "))
    promise = message.get("promise")
    if not promise:
        return ""
    payments = (promise.get("plan") or {}).get("payments") or []
    amount = promise.get("amount")
    if payments:
        first, last = payments[0], payments[-1]
        tail = f", last {_money(last)}" if last["minor"] != first["minor"] else ""
        return f"{len(payments)} x {_money(first)}{tail}, from {first['due']}"
    return f"{_money(amount)} by {promise['due']}" if amount else f"by {promise['due']}"


def _money(amount: dict[str, Any]) -> str:
    return f"{amount['minor'] / 100:,.2f} {amount['currency']}"


def _outcome_note(message: dict[str, Any], agreed: str) -> str:
    parts = [agreed] if agreed else []
    if message.get("suppressed"):
        parts.append(f"never again: {message['suppressed']}")
    if message.get("talk_ms"):
        parts.append(f"{message['talk_ms'] / 1000:.0f} s, {message.get('digits_heard', 0)} keys")
    elif message.get("cause"):
        q850 = message.get("cause_q850")
        parts.append(f"cause {q850}" if q850 is not None else str(message["cause"]).replace("_", " "))
    return " · ".join(parts)


def _bars(rssi_dbm: int | None) -> str:
    if rssi_dbm is None:
        return ""
    strength = min(max((rssi_dbm + 110) // 12, 1), 4)
    return _BARS[:strength] + f" {rssi_dbm} dBm"


def style_of(row: ContactView) -> str:
    """Return the colour of an outcome: reached something, stopped for good, or neither."""
    if row.result in _GOOD:
        return "green"
    if row.result in _STOP or row.result == NOT_CALLED:
        return "magenta"
    return "yellow" if row.result else ""
