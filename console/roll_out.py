"""A release for many boxes: group after group, each box asked by a signed command, and no further group once too many failed."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal

from sqlalchemy import select

from console.errors import BoxSilentError, BrokerError
from console.exchange import Exchange, exchange
from console.ledger import Ledger
from console.ledger_facts import Fact
from console.ledger_tables import BOX
from console.office import Office
from console.sent_commands import UPDATE, keep_command
from console.web_tables import UPDATE_ENDS
from firmware.clock import Clock, to_ms
from firmware.sync.messages import Ack, BoxEvent, encode
from firmware.sync.messages_command import Command, Response
from firmware.values import UuidV7

ANSWER_S = 600.0
"""In which a box that is there takes the command; one that is away may find it at the broker later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOut:
    """What is wanted."""

    version: str
    boxes: tuple[str, ...]
    group: int
    most_failed: int
    when: Literal["hours", "now"]
    patience: timedelta


@dataclass(slots=True)
class RolledOut:
    """What came of it."""

    good: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)


async def roll_out(
    office: Office, order: RollOut, clock: Clock[object], *, say: Callable[[str], None]
) -> RolledOut:
    """Ask group after group; boxes that are it already are left alone."""
    ended = RolledOut()
    ledger = Ledger(office.ledger)
    try:
        with ledger.reading() as rows:
            known = {row.box: row.version for row in rows.execute(select(BOX))}
        ended.good = [box for box in order.boxes if known.get(box) == order.version]
        left = [box for box in order.boxes if box not in ended.good]
        while left and len(ended.failed) <= order.most_failed:
            group, left = left[: order.group], left[order.group :]
            say(f"{order.version}: asking {', '.join(group)}")
            asked = [
                asyncio.create_task(_one(office, ledger, clock, order, box), name=f"roll-out:{box}")
                for box in group
            ]
            for box, why in zip(group, await asyncio.gather(*asked), strict=True):
                (ended.failed if why else ended.good).append(box)
                say(f"{box}: {why or f'is {order.version}'}")
        ended.not_asked = left
    finally:
        ledger.close()
    return ended


async def _one(office: Office, ledger: Ledger, clock: Clock[object], order: RollOut, box: str) -> str:
    """Have one box become the release; return why it did not, empty when it did."""
    now = clock.now()
    days = max(1, -(-order.patience // timedelta(days=1)))
    message = Command(
        id=UuidV7().new(to_ms(now)),
        at=now,
        name=UPDATE,
        expires_at=now + order.patience,
        arguments={"version": order.version, "when": order.when, "days": min(days, 30)},
    )
    try:
        async with exchange(office, box, ledger, clock) as with_box:
            with ledger.transaction() as rows:
                keep_command(rows, box, message)
            return await _watch(with_box, message, order)
    except (BoxSilentError, BrokerError) as error:
        return str(error)


async def _watch(with_box: Exchange, message: Command, order: RollOut) -> str:
    send = partial(
        with_box.sender.send,
        with_box.topics.down("command"),
        encode(message),
        response_topic=with_box.topics.up("response"),
        correlation=secrets.token_bytes(8),
    )
    await send()
    patience_s = order.patience.total_seconds()
    response = await with_box.wait(
        lambda fact: (
            isinstance(fact, Response | Ack)
            and fact.about == message.id
            and (isinstance(fact, Response) or not fact.accepted)
        ),
        patience_s=min(patience_s, ANSWER_S),
        what=f"update {order.version}",
        ask_again=send,
    )
    if isinstance(response, Ack) or (isinstance(response, Response) and response.status != "done"):
        return f"{response.reason}: {response.detail}"
    asked = response.result.get(UPDATE, "") if isinstance(response, Response) else ""

    def is_end(fact: Fact) -> bool:
        return isinstance(fact, BoxEvent) and fact.event in UPDATE_ENDS and asked in fact.detail.split()

    ended = await with_box.wait(is_end, patience_s=patience_s, what=f"what came of {order.version}")
    assert isinstance(ended, BoxEvent)
    return "" if ended.event == "update_good" else ended.detail
