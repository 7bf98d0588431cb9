"""Short messages of this box: desk, inbox and carrier put together; a box without modems has none to carry them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from firmware.calls.desk import Desk
from firmware.calls.judging import Judge
from firmware.calls.placing import FlowBook
from firmware.calls.scheduler import Scheduler
from firmware.lines.texting import TextingLine
from firmware.sms.carrier import Carrier
from firmware.sms.desk import SmsDesk
from firmware.sms.inbox import SmsInbox
from firmware.store.database import Database
from firmware.sync.reports import Reports

WAKES = frozenset({"sms", "campaign", "suppression"})
"""A change of these may let a message go out that waits."""


def messenger(
    lines: Sequence[Any],
    *,
    database: Database,
    judge: Judge,
    desk: Desk,
    reports: Reports,
    scheduler: Scheduler,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
) -> Carrier:
    """Return what sends and reads the short messages of these lines."""
    return Carrier(
        [line for line in lines if isinstance(line, TextingLine)],
        desk=SmsDesk(
            database=database,
            judge=judge,
            calls=desk,
            flows=FlowBook(),  # its own: it is read in the store's thread, that of the calls in the loop's
            reports=reports,
            now=now,
        ),
        inbox=SmsInbox(database=database, judge=judge, reports=reports, now=now, new_id=new_id),
        taken=scheduler.taken,
        why_idle=scheduler.why_idle,
    )
