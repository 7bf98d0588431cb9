"""`watch`: keep what the boxes report, send receipts, keep the suppression lease alive, and show it."""

import asyncio
import signal
from collections.abc import Callable, Sequence

from console.authority import load_signing_key
from console.broker import connected
from console.certifier import Certifier
from console.elsewhere import ElsewhereFeed
from console.hold_sender import HoldSender
from console.ingest import Ingest
from console.lease import SuppressionLease
from console.ledger import Ledger, Recorded
from console.office import Office
from console.signed_sender import SignedSender
from console.watch_view import View
from firmware.clock import Clock
from firmware.sync.messages import OutcomeMessage, Telemetry
from firmware.sync.messages_sms import SmsOutcome, SmsReply
from firmware.sync.topics import up_filter
from firmware.values import UuidV7

TICK_S = 1.0


async def watch_command(
    office: Office, make_view: Callable[[Ledger], View], *, until_idle_s: float | None, clock: Clock[object]
) -> None:
    """Run until SIGINT or SIGTERM, or until nothing came for `until_idle_s`. Raises ConsoleError."""
    with office.claimed("watch"):
        ledger = Ledger(office.ledger)
        try:
            await keep_reports(
                office,
                ledger,
                make_view(ledger),
                [up_filter(office.tenant)],
                lasting=True,
                until_idle_s=until_idle_s,
                clock=clock,
            )
        finally:
            ledger.close()


async def keep_reports(
    office: Office,
    ledger: Ledger,
    view: View,
    subscriptions: Sequence[str],
    *,
    lasting: bool,
    until_idle_s: float | None,
    clock: Clock[object],
) -> None:
    """Keep, receipt and show what comes, until told to stop or idle; renew leases. Raises ConsoleError."""
    key, ids = load_signing_key(office), UuidV7()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    async with connected(office, subscriptions, lasting=lasting) as connection:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        sender = SignedSender(connection, key)
        lease = SuppressionLease(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
        holds = HoldSender(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock)
        feed = ElsewhereFeed(sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=ids)
        last_s = loop.time()

        def on_recorded(recorded: Recorded) -> None:
            nonlocal last_s
            view.show(recorded)
            message = recorded.arrival.message
            if not isinstance(message, Telemetry):
                last_s = loop.time()  # a box that only says each minute how it feels is idle
            if recorded.is_new and isinstance(message, OutcomeMessage | SmsOutcome):
                feed.changed()
            if recorded.is_new and isinstance(message, OutcomeMessage | SmsReply) and message.suppressed:
                lease.changed()

        async def draw() -> None:
            while until_idle_s is None or loop.time() < last_s + until_idle_s:
                await view.tick()
                await asyncio.sleep(min(TICK_S, until_idle_s or TICK_S))

        ingest = Ingest(
            connection=connection,
            sender=sender,
            ledger=ledger,
            tenant=office.tenant,
            clock=clock,
            ids=ids,
            on_recorded=on_recorded,
            certifier=Certifier(office, sender, clock=clock, ids=ids) if office.ca_key.is_file() else None,
        )
        with view:
            tasks = {
                asyncio.create_task(ingest.run(), name="watch-ingest"),
                asyncio.create_task(lease.run(), name="watch-lease"),
                asyncio.create_task(feed.run(), name="watch-elsewhere"),
                asyncio.create_task(holds.run(), name="watch-holds"),
                asyncio.create_task(draw(), name="watch-draw"),
                asyncio.create_task(stopped.wait(), name="watch-stop"),
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await view.tick()
