"""`ingest`: one of any number of readers that keep what boxes report, as `watch` does, and share the work."""

import asyncio
import time
from typing import Annotated

import typer

from console.arguments import NowOption, OfficeOption, clock_for, office_at
from console.command_watch import keep_reports
from console.ledger import Ledger, Recorded
from console.office import Office
from console.terminal import say
from console.watch_view import Lines
from firmware.clock import Clock
from firmware.sync.topics import shared, up_filter

GROUP = "console-ingest"
TELL_EVERY_S = 60.0


class Tally(Lines):
    """Counts, said once a minute and at the end."""

    def __init__(self) -> None:
        self._n_messages = self._n_new = 0
        self._told = (0, 0)
        self._tell_at_s = time.monotonic() + TELL_EVERY_S

    def show(self, recorded: Recorded) -> None:
        """Count one message."""
        self._n_messages += 1
        self._n_new += recorded.is_new

    async def tick(self) -> None:
        """Say how many there were, if any came since."""
        if time.monotonic() >= self._tell_at_s:
            self.tell()

    def tell(self) -> None:
        """Say how many there were, if any came since."""
        self._tell_at_s = time.monotonic() + TELL_EVERY_S
        if self._told != (self._n_messages, self._n_new):
            self._told = (self._n_messages, self._n_new)
            say(
                f"{self._n_messages} messages kept, {self._n_new} of them new",
                messages=self._n_messages,
                new=self._n_new,
            )


async def ingest_command(office: Office, *, until_idle_s: float | None, clock: Clock[object]) -> None:
    """Run until SIGINT or SIGTERM, or until nothing came for `until_idle_s`. Raises ConsoleError."""
    ledger, tally = Ledger(office.ledger), Tally()
    # What is retained goes to no shared subscription: every reader hears by itself how each box stands.
    subscriptions = [shared(GROUP, up_filter(office.tenant)), up_filter(office.tenant, "state")]
    try:
        await keep_reports(
            office,
            ledger,
            tally,
            subscriptions,
            # Nothing may wait for a reader that is gone: what it had not acknowledged, boxes send again.
            lasting=False,
            until_idle_s=until_idle_s,
            clock=clock,
        )
    finally:
        ledger.close()
        tally.tell()


def ingest(
    context: typer.Context,
    *,
    until_idle: Annotated[
        float | None, typer.Option(help="Stop when nothing came for so many seconds.", metavar="S")
    ] = None,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Keep what boxes report beside other readers: start as many as are needed, on one machine or on several.

    Use PostgreSQL for more than one: a file lets one write at a time.
    """
    here = office_at(folder or context.obj)
    asyncio.run(ingest_command(here, until_idle_s=until_idle, clock=clock_for(now)))
