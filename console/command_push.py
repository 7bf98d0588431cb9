"""`push`: a spreadsheet and a flow become a campaign on a box."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from console.authority import load_signing_key
from console.broker import connected
from console.campaigns import Terms, build_campaign, check_terms, read_flow
from console.elsewhere import ElsewhereFeed
from console.errors import BoxSilentError, CampaignError, CampaignRefusedError
from console.examination import Examination, Severity
from console.examining import examine_list
from console.lease import SuppressionLease
from console.ledger import Ledger
from console.office import Office
from console.push import Push
from console.reports import BoxAnswer, box_answer
from console.sent_campaigns import SentCampaign, begin_or_resume, unanswered
from console.signed_sender import SignedSender
from console.tables import counts_table, findings_table, printable, rejected_table
from firmware.clock import Clock
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7


class PushOrder(msgspec.Struct, kw_only=True, frozen=True):
    """What the command line asked for."""

    contacts: Path
    flow: Path
    box: str
    terms: Terms
    mapping: Mapping[str, str]
    patience_s: float
    summary: Path | None
    sheet: str | None = None
    source: str | None = None
    leaves_out_doubtful: bool = False


async def push_command(office: Office, order: PushOrder, *, clock: Clock[object], console: Console) -> None:
    """Check, sign, send, wait, and show what was left out. Raises ConsoleError."""
    office.require_box(order.box)
    check_terms(order.terms, clock.now())
    flow_text, flow = read_flow(order.flow)
    ledger = Ledger(office.ledger)
    try:
        with console.status(f"examining {order.contacts.name}"):
            found = examine_list(
                order.contacts,
                flow=flow,
                mapping=order.mapping,
                sheet=order.sheet,
                source=order.source,
                ledger=ledger,
                clock=clock,
            )
        await _push(office, order, found, flow_text, ledger=ledger, clock=clock, console=console)
    finally:
        ledger.close()


async def _push(
    office: Office,
    order: PushOrder,
    found: Examination,
    flow_text: str,
    *,
    ledger: Ledger,
    clock: Clock[object],
    console: Console,
) -> None:
    _show(console, found)
    rows = found.without_doubt() if order.leaves_out_doubtful else found.rows
    ids, topics = UuidV7(), BoxTopics(office.tenant, order.box)
    sent = build_campaign(
        rows, flow_text=flow_text, terms=order.terms, topics=topics, ids=ids, now=clock.now()
    )
    try:
        answer = await _send(office, sent, ledger=ledger, ids=ids, order=order, clock=clock, console=console)
    except BoxSilentError:
        with ledger.reading() as connection:
            _write_summary(order, found, sent, box_answer(connection, sent.box, sent.campaign))
        raise
    _write_summary(order, found, sent, answer)
    if answer.rejected:
        console.print(rejected_table(answer.rejected))
    if answer.refusals:
        raise CampaignRefusedError(
            f"box {order.box} refuses {sent.campaign}: {answer.refusals[0]}; mend that and push again",
            details=answer.refusals[1:],
        )
    console.print(
        printable(
            f"campaign {sent.campaign}: {answer.taken} of {found.n_read} contacts on box {order.box}, "
            f"{found.n_read - len(rows)} left out, {len(answer.rejected)} rejected by the box"
        )
    )


async def _send(
    office: Office,
    sent: SentCampaign,
    *,
    ledger: Ledger,
    ids: UuidV7,
    order: PushOrder,
    clock: Clock[object],
    console: Console,
) -> BoxAnswer:
    topics = BoxTopics(office.tenant, sent.box)
    key = load_signing_key(office)
    async with connected(office, [topics.up("ack"), topics.up("state")], lasting=False) as connection:
        sender = SignedSender(connection, key)
        with ledger.transaction() as rows:
            begin_or_resume(rows, sent, pushed_at=clock.now())
            messages = unanswered(rows, sent.box, sent.campaign)
        lease = SuppressionLease(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
        await lease.renew()
        # Before the first contact: what others did with these people counts from the first decision on.
        await ElsewhereFeed(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids).tell(
            sent.box
        )
        push = Push(messages, connection=connection, sender=sender, ledger=ledger, topics=topics, clock=clock)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
            task = progress.add_task(f"waiting for box {sent.box}", total=len(messages))

            def show(n_answered: int, n_messages: int) -> None:
                progress.update(task, completed=n_answered, total=n_messages, refresh=True)

            await push.run(patience_s=order.patience_s, on_progress=show)
    with ledger.reading() as rows:
        return box_answer(rows, sent.box, sent.campaign)


def _show(console: Console, found: Examination) -> None:
    if found.contacts.ignored_columns:
        console.print(printable(f"columns not used: {', '.join(found.contacts.ignored_columns)}"))
    if found.bad_rows:
        console.print(findings_table("left out", found.of(Severity.BAD)))
    if found.doubtful_rows:
        # Only how many: `examine` names them, and a push must not scroll by its own end.
        console.print(
            counts_table(
                "Doubtful rows (`examine` names them)", "reason", found.rows_by_reason(Severity.DOUBTFUL)
            )
        )


def _write_summary(order: PushOrder, found: Examination, sent: SentCampaign, answer: BoxAnswer) -> None:
    if order.summary is None:
        return
    summary = {
        "campaign": sent.campaign,
        "box": sent.box,
        "rows_read": found.n_read,
        "rows_sent": len(sent.contacts),
        "bad_rows": [
            {"row": each.row, "column": each.column, "reason": each.reason, "detail": each.detail}
            for each in found.of(Severity.BAD)
        ],
        "doubtful_rows": found.rows_by_reason(Severity.DOUBTFUL),
        **msgspec.to_builtins(answer),
    }
    text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    if str(order.summary) == "-":
        print(text, end="")
        return
    try:
        order.summary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CampaignError(
            f"{order.summary}: {error.strerror}; the push itself went on, see `report`"
        ) from None


def run_push(office: Office, order: PushOrder, *, clock: Clock[object], console: Console) -> None:
    """Run `push_command` on a loop of its own."""
    asyncio.run(push_command(office, order, clock=clock, console=console))
