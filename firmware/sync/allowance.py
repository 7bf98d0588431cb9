"""A bound on how often something may happen (a token bucket; pure)."""


class Allowance:
    """At most `per_minute` at once, refilled evenly over a minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left = float(per_minute)
        self._last_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Say whether one more may happen now, and count it."""
        if self._last_s is not None:
            refill = max(0.0, now_s - self._last_s) * self._per_minute / 60
            self._left = min(float(self._per_minute), self._left + refill)
        self._last_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
