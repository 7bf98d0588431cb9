"""Tables for the terminal; text that came from elsewhere is shown as text and nothing more."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from console.contacts_file import RowProblem
from console.examination import Finding
from console.inbound_calls import InboundLine
from console.reports import CampaignReport, OutcomeLine, RejectedLine
from firmware.clock import from_ms

MAX_FINDINGS = 200
"""A terminal shows no more; `examine --json`, `--html` and `--corrected` have all."""
BAD = {"opt_out", "complaint", "technical_failure", "blocked"}
GOOD = {"promise_full", "promise_partial", "promise_plan", "paying_now", "already_paid"}


def printable(text: object) -> Text:
    """Return text without control characters and without markup: it may come from a box or a spreadsheet."""
    return Text("".join(letter if letter.isprintable() else "·" for letter in str(text)))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table; numbers stand at the right."""
    made = Table(title=title, title_justify="left", title_style="bold")
    content = [list(row) for row in rows]
    for place, name in enumerate(columns):
        is_number = bool(content) and all(isinstance(row[place], int | float) for row in content)
        made.add_column(name, justify="right" if is_number else "left")
    for row in content:
        made.add_row(*(cell if isinstance(cell, Text) else printable(cell) for cell in row))
    return made


def findings_table(title: str, findings: Sequence[Finding]) -> Table:
    """Return rows and what was found in them; of very many only the first."""
    rows = [(each.row, each.column, each.reason, each.detail) for each in findings[:MAX_FINDINGS]]
    more = f", the first {MAX_FINDINGS} of {len(findings)} findings" if len(findings) > MAX_FINDINGS else ""
    n_rows = len({each.row for each in findings})
    return table(f"{n_rows} row(s) {title}{more}", ("row", "column", "reason", "what to do"), rows)


def problems_table(problems: Sequence[RowProblem]) -> Table:
    """Return the rows of a file that are left out."""
    rows = [(each.row, each.column, each.reason, each.detail) for each in problems]
    return table(f"{len(rows)} row(s) left out", ("row", "column", "reason", "what to do"), rows)


def rejected_table(rejected: Sequence[RejectedLine]) -> Table:
    """Return the rows that the box did not take."""
    rows = [(each.row, each.contact, each.reason, each.detail) for each in rejected]
    return table(f"{len(rows)} row(s) rejected by the box", ("row", "contact", "reason", "detail"), rows)


def outcomes_table(outcomes: Sequence[OutcomeLine]) -> Table:
    """Return attempts and what came of them."""
    rows = [
        (
            f"{from_ms(each.ended_at_ms):%Y-%m-%d %H:%M:%S}Z",
            each.box,
            each.campaign,
            each.contact,
            disposition(each.disposition),
            each.cause,
            each.talk_s,
            each.promise,
            _kept(each),
            each.suppressed,
        )
        for each in outcomes
    ]
    names = ("ended", "box", "campaign", "contact", "outcome", "cause", "talk s", "promise", "kept", "stops")
    return table("Outcomes", names, rows)


def inbound_table(calls: Sequence[InboundLine]) -> Table:
    """Return calls that came in."""
    rows = [
        (
            f"{from_ms(each.ended_at_ms):%Y-%m-%d %H:%M:%S}Z",
            each.box,
            each.caller or "withheld",
            ", ".join(each.people),
            disposition(each.disposition),
            each.callback,
            each.hand_over or each.transfer,
            each.suppressed,
        )
        for each in calls
    ]
    names = ("ended", "box", "caller", "known as", "outcome", "ring back", "person", "stops")
    return table("Calls that came in", names, rows)


def _kept(outcome: OutcomeLine) -> str:
    """Return what was agreed or answered besides a promise, on one line."""
    parts = [f"ring back {outcome.callback}"] if outcome.callback else []
    parts += [f"wants a person: {outcome.transfer}"] if outcome.transfer else []
    parts += [f"hand-over: {outcome.hand_over}"] if outcome.hand_over else []
    parts += [f"{name} {value}" for name, value in outcome.answers.items()]
    return "; ".join(parts)


def disposition(name: str) -> Text:
    """Return an outcome's name in its colour."""
    text = printable(name)
    text.stylize("green" if name in GOOD else "red" if name in BAD else "")
    return text


def funnel_table(reports: Sequence[CampaignReport]) -> Table:
    """Return campaigns from list to promise."""
    names = ("campaign", "box", "sent", "taken", "called", "attempts", "answered", "reached", "right party")
    rows = [
        (
            each.campaign,
            each.box,
            each.sent,
            each.taken,
            each.contacts_attempted,
            each.attempts,
            each.answered,
            each.reached,
            each.right_party,
            each.promises,
            " ".join(f"{amount} {currency}" for currency, amount in each.promised.items()),
            each.stopped,
        )
        for each in reports
    ]
    return table("Campaigns", (*names, "promises", "promised", "stopped"), rows)


def counts_table(title: str, what: str, counts: dict[str, int]) -> Table:
    """Return names with how often, the most frequent first."""
    rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return table(title, (what, "count"), rows)
