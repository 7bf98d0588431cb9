"""`suppress`: a person's own wish, taken here, goes to every box."""

from console.authority import load_signing_key
from console.broker import connected
from console.lease import SuppressionLease
from console.ledger import Ledger
from console.office import Office
from console.signed_sender import SignedSender
from console.suppressions import add_suppression
from firmware.clock import Clock
from firmware.values import UuidV7


async def run_suppress(office: Office, *, scope: str, value: str, reason: str, clock: Clock[object]) -> bool:
    """Add the suppression and tell every box. Return whether it is new. Raises ConsoleError.

    It is kept before it is sent: if the broker is away, the next `watch` or `push` sends it.
    """
    ledger = Ledger(office.ledger)
    try:
        with ledger.transaction() as rows:
            is_new = add_suppression(rows, scope, value, reason, clock.now())
        await tell_suppressed(office, ledger, clock)
    finally:
        ledger.close()
    return is_new


async def tell_suppressed(office: Office, ledger: Ledger, clock: Clock[object]) -> None:
    """Tell every box whom it may not call. Raises ConsoleError."""
    async with connected(office, [], lasting=False) as connection:
        sender = SignedSender(connection, load_signing_key(office))
        lease = SuppressionLease(
            sender=sender, ledger=ledger, tenant=office.tenant, clock=clock, ids=UuidV7()
        )
        await lease.renew()
