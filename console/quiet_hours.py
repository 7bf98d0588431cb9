"""Hours in which nobody is written to: pure, and of a zone that the office names."""

from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
Clock = Annotated[str, msgspec.Meta(pattern=_CLOCK)]


class QuietHours(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """From `begins` to `ends` by the clock of `zone`, past midnight if it ends earlier; none where both are the same."""

    begins: Clock = "21:00"
    ends: Clock = "08:00"
    zone: str

    def over_at(self, now: datetime) -> datetime | None:
        """Return when the quiet that holds now is over, None while there is none."""
        begins, ends = time.fromisoformat(self.begins), time.fromisoformat(self.ends)
        local = now.astimezone(ZoneInfo(self.zone))
        at = local.time()
        is_quiet = begins <= at < ends if begins <= ends else at >= begins or at < ends
        if begins == ends or not is_quiet:
            return None
        over = datetime.combine(local.date(), ends, local.tzinfo)
        return over if over > local else over + timedelta(days=1)

    def problem(self) -> str | None:
        """Return why it will not do."""
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            return f"[quiet] zone {self.zone!r}: write an IANA name such as Asia/Shanghai"
        return None
