"""A child process that writes reservations and says on stdout which are on the disk, until it is killed.

Usage: crash_writer.py PATH MODE. The honest mode says so after the commit. The two others are what a wrong program
would do, so that the checker can be seen to notice: `early` says so before the commit, `split` writes the message
in a transaction of its own; both then kill themselves at the worst moment.
"""

import asyncio
import itertools
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from firmware.store import attempts, campaigns, outbox
from firmware.store.campaigns import CampaignState, StoredCampaign, StoredContact
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.values import E164, AttemptId, CampaignId, ContactId, LineId, PersonId
from tests.firmware.store.store_rows import add_contacts

NOW = datetime(2026, 3, 4, tzinfo=UTC)
WRITERS = 4
DIES_AT = 30


def seed(con: Connection) -> None:
    campaigns.add_campaign(
        con,
        StoredCampaign(
            campaign=CampaignId("c1"),
            name="",
            state=CampaignState.READY,
            flow_text="",
            flow_sha256="",
            ring_timeout_s=30,
            promise_max_days=1,
            starts_at=None,
            expires_at=NOW,
            lines=(),
            contacts=WRITERS,
            batches=0,
        ),
        raw=b"",
        received_at=NOW,
    )
    add_contacts(
        con,
        [
            StoredContact(
                contact=ContactId(f"k{writer}"),
                campaign=CampaignId("c1"),
                person=PersonId("p"),
                numbers=(E164("+8613123456789"),),
                language="zh-CN",
            )
            for writer in range(WRITERS)
        ],
    )


def write_attempt(con: Connection, writer: int, name: str) -> None:
    attempts.reserve(
        con,
        attempts.Reservation(
            attempt=AttemptId(name),
            campaign=CampaignId("c1"),
            contact=ContactId(f"k{writer}"),
            person=PersonId("p"),
            debt=None,
            number=E164(f"+861312345678{writer}"),
            line=LineId(f"line-{writer}"),
            reserved_at=NOW,
        ),
    )
    con.execute("UPDATE attempt SET ended_at = 1 WHERE attempt = ?", (name,))


def write_message(con: Connection, name: str) -> None:
    outbox.append(con, "outcome", lambda seq: f"{name} {seq}".encode() * 20, NOW)


async def write(database: Database, writer: int, mode: str) -> None:
    for number in itertools.count():
        name = f"{writer}-{number}"

        def work(con: Connection, name: str = name, number: int = number) -> None:
            write_attempt(con, writer, name)
            if mode == "split":
                return
            write_message(con, name)
            if mode == "early" and number == DIES_AT:
                os.kill(os.getpid(), signal.SIGKILL)

        if mode == "early":
            print(name, flush=True)
        await database.transact(work)
        if mode == "split":
            if number == DIES_AT:
                os.kill(os.getpid(), signal.SIGKILL)
            await database.transact(lambda con, name=name: write_message(con, name))  # type: ignore[misc]
        if mode != "early":
            print(name, flush=True)


async def main(path: Path, mode: str) -> None:
    database = Database.open(path)
    await database.transact(seed)
    writers = WRITERS if mode == "honest" else 1
    await asyncio.gather(*(write(database, writer, mode) for writer in range(writers)))


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
