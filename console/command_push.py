"""`push`: a spreadsheet and a flow become a campaign on a box."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from console.authority import load_signing_key
from console.broker import connected
from console.campaign_updates import (
    Standing,
    begin_update,
    new_rows,
    standing,
    undo_if_refused,
)
from console.campaigns import Terms, build_campaign, check_terms, read_flow
from console.contacts_file import FileRow
from console.elsewhere import ElsewhereFeed
from console.errors import BoxSilentError, CampaignError, CampaignRefusedError, ConsoleError
from console.examination import Examination, Severity
from console.examining import examine_list
from console.lease import SuppressionLease
from console.ledger import Ledger
from console.office import Office
from console.owners import claim, deal, leases, release
from console.promise_memory import remembering
from console.push import Push
from console.reports import BoxAnswer, box_answer
from console.sent_campaigns import SentCampaign, begin_or_resume, unanswered, was_refused
from console.signed_sender import SignedSender
from console.sms_texts_file import read_texts, require_no_texts, text_lines
from console.tables import counts_table, findings_table, printable, rejected_table, table
from firmware.clock import Clock
from firmware.dialogue.flow import Flow
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

_NOTHING = Standing(version=0, contacts=0, batches=0, name="", digest="", expires_at=0)


class PushOrder(msgspec.Struct, kw_only=True, frozen=True):
    """What the command line asked for."""

    contacts: Path
    flow: Path
    texts: Path | None = None
    """What may be sent by SMS."""
    box: str
    other_boxes: tuple[str, ...] = ()
    """Boxes among which, with `box`, the people are dealt out."""
    terms: Terms
    mapping: Mapping[str, str]
    patience_s: float
    summary: Path | None
    sheet: str | None = None
    source: str | None = None
    leaves_out_doubtful: bool = False
    changes: bool = False
    """The boxes have the campaign: other terms, and whom the list holds besides."""


async def push_command(office: Office, order: PushOrder, *, clock: Clock[object], console: Console) -> None:
    """Check, sign, send, wait, and show what was left out. Raises ConsoleError."""
    boxes = tuple(dict.fromkeys(office.require_box(box) for box in (order.box, *order.other_boxes)))
    check_terms(order.terms, clock.now())
    flow_text, flow = read_flow(order.flow)
    order = _with_texts(order, flow, console)
    ids, now = UuidV7(), clock.now()
    ledger = Ledger(office.ledger)
    done: list[dict[str, Any]] = []
    failed: ConsoleError | None = None
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
        _show_found(console, found)
        wanted: Sequence[FileRow] = found.without_doubt() if order.leaves_out_doubtful else found.rows
        with ledger.reading() as connection:
            wanted = remembering(connection, wanted, flow, now.date())
            shares = deal(wanted, boxes, leases(connection, wanted, now))
        before: dict[str, Standing] = {}
        campaigns = []
        for box, rows in shares.items():
            if not rows and len(boxes) > 1:
                continue
            more: Sequence[FileRow] = rows
            if order.changes:
                with ledger.reading() as connection:
                    before[box] = standing(connection, box, order.terms.campaign)
                    more = new_rows(connection, box, order.terms.campaign, rows)
            known = before.get(box, _NOTHING)
            campaigns.append(
                build_campaign(
                    more,
                    flow_text=flow_text,
                    terms=order.terms,
                    topics=BoxTopics(office.tenant, box),
                    ids=ids,
                    now=now,
                    version=known.version + 1,
                    contacts_before=known.contacts,
                    batches_before=known.batches,
                )
            )
        async with connected(office, [], lasting=False) as connection_up:
            with ledger.transaction() as connection:
                for sent in campaigns:
                    claim(connection, sent.box, shares[sent.box], until=sent.expires_at, now=now)
                    if order.changes:
                        begin_update(connection, sent, pushed_at=now)
                    else:
                        begin_or_resume(connection, sent, pushed_at=now)
            sender = SignedSender(connection_up, load_signing_key(office))
            lease = SuppressionLease(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
            await lease.renew()
            # Before the first contact: what others did with these people counts from the first decision on.
            feed = ElsewhereFeed(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
            for sent in campaigns:
                await feed.tell(sent.box)
        for sent in campaigns:
            # What one box leaves unanswered keeps nobody from the next one.
            try:
                await _send(office, sent, ledger=ledger, order=order, clock=clock, console=console)
            except BoxSilentError as error:
                failed = failed or error
            with ledger.reading() as connection:
                answer = box_answer(connection, sent.box, sent.campaign)
            done.append(_summary(found, sent, answer, len(shares[sent.box])))
            refused = _show(console, found.n_read, found.n_read - len(wanted), sent, answer)
            with ledger.transaction() as connection:
                if sent.box in before:
                    undo_if_refused(connection, sent, before[sent.box], now=clock.now())
                elif was_refused(connection, sent.box, sent.campaign):
                    release(connection, sent.box, sent.campaign, clock.now())
            failed = failed or refused
    finally:
        ledger.close()
    _write_summary(order, done)
    if failed is not None:
        raise failed


def _with_texts(order: PushOrder, flow: Flow, console: Console) -> PushOrder:
    """Return the order with its texts read, after showing what they cost. Raises CampaignError."""
    if order.texts is None:
        require_no_texts(flow)
        return order
    texts = read_texts(order.texts, flow)
    rows = [
        (each.text, each.language, str(each.n_parts), each.alphabet, "yes" if each.about_debt else "")
        for each in text_lines(texts, flow)
    ]
    console.print(
        table("Texts", ("text", "language", "messages", "alphabet", "after verification only"), rows)
    )
    return msgspec.structs.replace(order, terms=replace(order.terms, texts=texts))


async def _send(
    office: Office,
    sent: SentCampaign,
    *,
    ledger: Ledger,
    order: PushOrder,
    clock: Clock[object],
    console: Console,
) -> None:
    """Send what the box has not answered, and wait. Raises BoxSilentError, BrokerError, LedgerError."""
    topics = BoxTopics(office.tenant, sent.box)
    async with connected(office, [topics.up("ack"), topics.up("state")], lasting=False) as connection:
        sender = SignedSender(connection, load_signing_key(office))
        with ledger.reading() as rows:
            messages = unanswered(rows, sent.box, sent.campaign)
        push = Push(messages, connection=connection, sender=sender, ledger=ledger, topics=topics, clock=clock)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
            task = progress.add_task(f"waiting for box {sent.box}", total=len(messages))

            def show(n_answered: int, n_messages: int) -> None:
                progress.update(task, completed=n_answered, total=n_messages, refresh=True)

            await push.run(patience_s=order.patience_s, on_progress=show)


def _show_found(console: Console, found: Examination) -> None:
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


def _show(
    console: Console, n_read: int, n_left_out: int, sent: SentCampaign, answer: BoxAnswer
) -> CampaignRefusedError | None:
    if answer.rejected:
        console.print(rejected_table(answer.rejected))
    if answer.refusals:
        return CampaignRefusedError(
            f"box {sent.box} refuses {sent.campaign}: {answer.refusals[0]}; mend that and push again",
            details=answer.refusals[1:],
        )
    if answer.accepted:
        console.print(
            printable(
                f"campaign {sent.campaign}: {answer.taken} of {n_read} contacts on box {sent.box}, "
                f"{n_left_out} left out, {len(answer.rejected)} rejected by the box"
            )
        )
    return None


def _summary(found: Examination, sent: SentCampaign, answer: BoxAnswer, n_sent: int) -> dict[str, Any]:
    return {
        "campaign": sent.campaign,
        "box": sent.box,
        "rows_read": found.n_read,
        "rows_sent": n_sent,
        "bad_rows": [
            {"row": each.row, "column": each.column, "reason": each.reason, "detail": each.detail}
            for each in found.of(Severity.BAD)
        ],
        "doubtful_rows": found.rows_by_reason(Severity.DOUBTFUL),
        **msgspec.to_builtins(answer),
    }


def _write_summary(order: PushOrder, done: Sequence[dict[str, Any]]) -> None:
    """Write what became of it: of one box an object, of several a list."""
    if order.summary is None:
        return
    summary = done[0] if len(done) == 1 else done
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
