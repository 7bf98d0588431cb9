"""A call in hand that may be told to end, whether its session has begun or not."""

from dataclasses import dataclass

from firmware.calls.session import CallSession
from firmware.values import Disposition


@dataclass(slots=True, kw_only=True)
class CallInHand:
    """What may become a call, and the call once it is one."""

    session: CallSession | None = None
    stopped: Disposition | None = None

    def stop(self, why: Disposition) -> None:
        """End the call, or never begin it; the first reason counts."""
        self.stopped = self.stopped or why
        if self.session is not None:
            self.session.stop(why)
