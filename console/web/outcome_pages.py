"""Outcomes: filtered, by pages from the newest, and as CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, render_template, stream_with_context
from sqlalchemy import ColumnElement, Select, select, tuple_

from console.ledger_tables import BOX, CAMPAIGN, OUTCOME, PROMISE
from console.reports import amount_text, payments_text
from console.web.desk import asked, desk, log_access
from console.web.page_keys import page_key, page_key_text
from console.web.roles import May, needs
from firmware.clock import to_ms
from firmware.values import Disposition

outcome_pages = Blueprint("outcomes", __name__)
PAGE_ROWS = 50
EXPORT_ROWS = 1000
"""Read at a time; the reader's pace must keep no transaction open."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
KEY = (OUTCOME.c.ended_at, OUTCOME.c.box, OUTCOME.c.attempt)
FILTERS = ("campaign", "box", "disposition", "person", "since", "until")
EXPORTED = (
    "ended_at", "box", "campaign", "contact", "person", "disposition", "cause", "reached", "right_party", "talk_s",
    "promise_due", "promise_amount", "promise_currency", "instalments", "every", "callback", "transfer", "suppressed",
    "flow", "flow_version", "attempt", "promise_total", "payments",
)  # fmt: skip


@outcome_pages.get("/outcomes")
@needs(May.SEE_OUTCOMES)
def show() -> str:
    """Show one page of outcomes."""
    conditions, filters = _filters()
    after = page_key(asked("after"))
    with desk().ledger.reading() as rows:
        found = list(rows.execute(_page(conditions, after, PAGE_ROWS + 1)))
        campaigns = rows.execute(select(CAMPAIGN.c.campaign).distinct().order_by(CAMPAIGN.c.campaign))
        boxes = rows.execute(select(BOX.c.box).order_by(BOX.c.box))
        choices = {"campaign": campaigns.scalars().all(), "box": boxes.scalars().all()}
    shown = found[:PAGE_ROWS]
    return render_template(
        "outcomes.html",
        outcomes=shown,
        filters=filters,
        choices=choices,
        dispositions=list(Disposition),
        next_key=page_key_text(shown[-1].ended_at, shown[-1].box, shown[-1].attempt)
        if len(found) > PAGE_ROWS
        else "",
        is_first=after is None,
    )


@outcome_pages.get("/outcomes.csv")
@needs(May.EXPORT_OUTCOMES)
def export() -> Response:
    """Send all outcomes that the filters leave, the newest first."""
    conditions, filters = _filters()
    here = desk()
    with here.ledger.transaction() as rows:
        log_access(rows, "outcomes_exported", " ".join(f"{name}={text}" for name, text in filters.items()))

    def lines() -> Iterator[str]:
        yield "\ufeff" + _csv(EXPORTED)  # spreadsheets read UTF-8 only with this
        after: tuple[int, str, str] | None = None
        while True:
            with here.ledger.reading() as rows:
                found = list(rows.execute(_page(conditions, after, EXPORT_ROWS)))
            yield "".join(_csv(_exported(row)) for row in found)
            if len(found) < EXPORT_ROWS:
                return
            last = found[-1]
            after = (last.ended_at, last.box, last.attempt)

    response = Response(stream_with_context(lines()), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="outcomes.csv"'
    return response


def _page(
    conditions: list[ColumnElement[bool]], after: tuple[int, str, str] | None, n_rows: int
) -> Select[Any]:
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    promise = (
        PROMISE.c.due,
        PROMISE.c.amount_minor,
        PROMISE.c.currency,
        PROMISE.c.instalments,
        PROMISE.c.every,
        PROMISE.c.total_minor,
    )
    query = select(OUTCOME, *promise).select_from(OUTCOME.outerjoin(PROMISE, same)).where(*conditions)
    if after is not None:
        query = query.where(tuple_(*KEY) < tuple_(*after))
    return query.order_by(*(column.desc() for column in KEY)).limit(n_rows)


def _filters() -> tuple[list[ColumnElement[bool]], dict[str, str]]:
    """Return what the address filters by, as conditions and as it was asked; a bad day is a bad request."""
    filters = {name: text for name in FILTERS if (text := asked(name))}
    columns = (OUTCOME.c.campaign, OUTCOME.c.box, OUTCOME.c.disposition, OUTCOME.c.person)
    conditions = [column == filters[column.name] for column in columns if column.name in filters]
    if "since" in filters:
        conditions.append(OUTCOME.c.ended_at >= _day_ms(filters["since"]))
    if "until" in filters:
        conditions.append(OUTCOME.c.ended_at < _day_ms(filters["until"], days=1))
    return conditions, filters


def _day_ms(text: str, *, days: int = 0) -> int:
    try:
        day = datetime.strptime(text, "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007 - local midnight is meant
        return to_ms(day.astimezone())
    except (ValueError, OverflowError):
        abort(400)


def _csv(cells: tuple[object, ...]) -> str:
    line = io.StringIO()
    # A cell that begins as a formula would be run by a spreadsheet: names come from strangers.
    csv.writer(line).writerow(
        f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in cells
    )
    return line.getvalue()


def _exported(row: Any) -> tuple[object, ...]:
    ended = datetime.fromtimestamp(row.ended_at / 1000).astimezone().isoformat(timespec="seconds")
    amount = amount_text(row.amount_minor, row.currency) if row.amount_minor is not None else ""
    return (
        ended, row.box, row.campaign, row.contact, row.person, row.disposition, row.cause, int(row.reached),
        int(row.right_party), row.talk_ms / 1000, row.due or "", amount, row.currency or "",
        row.instalments if row.every else "", row.every or "", row.callback_local or "", row.transfer or "",
        row.suppressed or "", row.flow, row.flow_version, row.attempt,
        amount_text(row.total_minor, row.currency) if row.total_minor is not None else "", payments_text(row),
    )  # fmt: skip
