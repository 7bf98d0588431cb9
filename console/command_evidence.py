"""`audit evidence FILE`: is a box's evidence of a call what that box wrote, and does it agree with the heads kept here?"""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, select

from console.arguments import JsonOption, OfficeOption, office_at
from console.audit_tables import ANCHOR, AUDIT_ENTRY, BOX_KEY
from console.errors import ConsoleError
from console.ledger import Ledger
from console.terminal import say, say_json
from firmware.evidence.checking import NotEvidenceError, check_evidence, read_evidence
from firmware.evidence.facts import Evidence
from firmware.evidence.seal import SUFFIX, seal_problem


class EvidenceError(ConsoleError):
    """The evidence cannot be relied on."""


def evidence(
    context: typer.Context,
    *,
    file: Annotated[
        Path, typer.Argument(help="What `branchline audit evidence` wrote; its seal lies beside it.")
    ],
    as_json: JsonOption = False,
    folder: OfficeOption = None,
) -> None:
    """Say whether evidence holds together, was sealed by its box's own key, and agrees with the heads that are here."""
    here = office_at(folder or context.obj)
    seal = file.with_name(file.name + SUFFIX)
    try:
        found, problem = read_evidence(file)
        problem = problem or check_evidence(found)
        if not problem and not seal.exists():
            problem = f"no seal lies beside it: fetch {seal.name} from the box as well"
        kid = ""
        if not problem:
            kid, problem = seal_problem(seal.read_bytes(), found, file.read_bytes())
    except (NotEvidenceError, OSError) as error:
        raise EvidenceError(f"{error}; name the file that the box wrote") from None
    ledger = Ledger(here.ledger)
    try:
        with ledger.reading() as rows:
            if not problem and not _is_known(rows, found.box, kid):
                problem = (
                    f"it is sealed by {kid}, which is not known as {found.box}'s: compare with `audit status`"
                )
            n_heads, contradiction = _compare(rows, found)
    finally:
        ledger.close()
    problem = problem or contradiction
    if as_json:
        say_json({"whole": not problem, "problem": problem, "box": found.box, "call": found.call.attempt,
                  "sealed_by": kid, "agrees_with": n_heads})  # fmt: skip
    elif not problem:
        say(
            f"whole: call {found.call.attempt} of {found.box}, sealed by its key {kid}; "
            f"{n_heads} heads and entries here say the same"
        )
    if problem:
        raise EvidenceError(f"{file}: {problem}")


def _is_known(rows: Connection, box: str, kid: str) -> bool:
    asked = select(BOX_KEY.c.kid).where((BOX_KEY.c.box == box) & (BOX_KEY.c.kid == kid))
    return rows.execute(asked).first() is not None


def _compare(rows: Connection, evidence: Evidence) -> tuple[int, str]:
    """Return how many heads and entries here are in the evidence's stretch of the log, and which it contradicts.

    A box whose database was restored has had several logs: one of them must hold the whole stretch.
    """
    own = {link.seq: link.hash for link in evidence.chain}
    logs: dict[str, dict[int, str]] = {}
    for table in (ANCHOR, AUDIT_ENTRY):
        asked = select(table.c.chain, table.c.entry, table.c.hash).where(table.c.box == evidence.box)
        for row in rows.execute(asked.where(table.c.entry.in_(own))):
            logs.setdefault(row.chain, {})[row.entry] = row.hash
    best, wrong = 0, ""
    for known in logs.values():
        differing = sorted(entry for entry, digest in known.items() if own[entry] != digest)
        if not differing:
            best = max(best, len(known))
        else:
            wrong = wrong or f"entry {differing[0]} is not the one whose hash the box has signed"
    return best, "" if best else wrong
