"""What the demo says at its end: what came of everybody in plain words, what the box refused, what was sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from firmware.demo.screen import NOT_CALLED, ContactView, style_of
from firmware.values import mask

_WORDS: Mapping[str, str] = {
    "promise_full": "will pay all of it; the day and the amount were read back, and confirmed by key",
    "promise_plan": "pays in instalments within the campaign's limits; read back, and confirmed by key",
    "human_bridged": "asked for a person: a second line rang a colleague, who took the call",
    "human_unavailable": "asked for a person who could not be had, and was told so at once",
    "opt_out": "said stop (key 9): never called again, by any campaign",
    "third_party": "somebody else answered: heard nothing of a debt",
    "wrong_number": "a stranger has the number now: it is never called again, heard nothing of a debt",
    "machine_no_message": "a voicemail: hung up without a word about the debt",
    "silence": "nobody spoke: closed politely",
    "hung_up_early": "hung up before it was known who answered: heard nothing of a debt",
    "busy": "tried again another time, as often as the rules allow",
    "no_answer": "the same",
    "powered_off": "the same",
}
"""By disposition, as the people of examples/people.yaml bring it about."""


def texts_received(network_rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the texts that the simulated network took from a modem, for a screen: whose telephone it is stays masked."""
    return [
        f"to {mask(row['number'])}"
        + (f" ({row['n_parts']} messages)" if row["n_parts"] > 1 else "")
        + f": {row['text']}"
        for row in network_rows
        if row["event"] == "text"
    ]


def story_table(contacts: Sequence[ContactView]) -> Table:
    """Return what came of everybody, those that were reached first."""
    table = Table(title="What came of it", title_justify="left", expand=True, pad_edge=False)
    table.add_column("who", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("what happened", ratio=1)
    known = list(_WORDS)
    for row in sorted(contacts, key=lambda row: (_place(known, row.result), row.contact)):
        words = _WORDS.get(row.result, "")
        if row.result == NOT_CALLED:
            words = f"refused before dialling: {row.note}"
        said = f"{words} ({row.agreed})" if row.agreed else words
        table.add_row(f"{row.contact} {row.name}", Text(row.result, style=style_of(row)), said)
    return table


def _place(known: list[str], result: str) -> int:
    return known.index(result) if result in known else len(known)


def show(result: Mapping[str, Any], contacts: Sequence[ContactView], out: Console) -> None:
    """Print the end of the story."""
    out.print(story_table(contacts))
    rows = len(result["rejected_rows"])
    if rows:
        out.print(
            f"Left out before anybody was dialled: {rows} rows of the list, named above with the reason."
        )
    for text in result["instalments"]["texts"]:
        out.print(Group(Text("The text after the call, as the network got it ", style="bold"), Text(text)))
