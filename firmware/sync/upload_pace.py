"""When recordings may go up and how fast, for both ways on which they go: asked for over MQTT, or put to an address."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

WIRE_SHARE = 1.4
"""Bytes on the wire for a byte of the file over MQTT: base64, JSON, headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTerms:
    """How much of the link recordings may take, and when."""

    kbit_s: int
    opens: time
    closes: time
    """The same as `opens`: at any time. Earlier: past midnight."""
    time_zone: tzinfo

    def opens_at(self, now: datetime) -> datetime | None:
        """Return when recordings may be sent, None if that is now."""
        local = now.astimezone(self.time_zone)
        at = local.time().replace(tzinfo=None)
        if self.opens == self.closes:
            return None
        if self.opens < self.closes and self.opens <= at < self.closes:
            return None
        if self.opens > self.closes and (at >= self.opens or at < self.closes):
            return None
        opens = local.replace(hour=self.opens.hour, minute=self.opens.minute, second=0, microsecond=0)
        return (opens if opens > local else opens + timedelta(days=1)).astimezone(now.tzinfo)

    def pause_s(self, n_bytes: float) -> float:
        """Return how long so many bytes on the wire take at the allowed rate."""
        return n_bytes * 8 / (self.kbit_s * 1000)


class UploadPace:
    """One allowance for all that sends recordings: the box's own terms, and what the console asks for besides."""

    def __init__(self, own: UploadTerms) -> None:
        self.own = own
        self.asked: UploadTerms | None = None
        self._free_s = 0.0

    def opens_at(self, now: datetime) -> datetime | None:
        """Return when recordings may be sent as far as is known now, None if that is now."""
        terms = (self.own, self.asked) if self.asked else (self.own,)
        return max((at for each in terms if (at := each.opens_at(now)) is not None), default=None)

    async def wait_turn(self) -> None:
        """Return when what was sent before has had its time."""
        while True:
            left_s = self._free_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    def took(self, n_bytes: float) -> None:
        """Note so many bytes on the wire."""
        pause_s = max(each.pause_s(n_bytes) for each in (self.own, self.asked or self.own))
        self._free_s = max(self._free_s, asyncio.get_running_loop().time()) + pause_s
