"""Whether somebody is calling in, out of RINGs that repeat while it rings and say nothing when it stops (pure)."""

from modem_drivers.events import CallState

# RING comes every 5 to 6 s; two missed in a row mean that the caller has given up.
STOPS_AFTER_S = 12.0


class RingWatch:
    """One modem's bell."""

    def __init__(self) -> None:
        self._rang_at_s: float | None = None
        self._caller = ""

    def rang(self, now_s: float, caller: str = "") -> None:
        """Take a RING, or a +CLIP with the caller's number."""
        if not self.is_ringing(now_s):
            self._caller = ""
        self._rang_at_s = now_s
        self._caller = caller or self._caller

    def told(self, state: CallState, now_s: float) -> bool:
        """Take the state of an incoming call; say whether it rings."""
        rings = state in {CallState.INCOMING, CallState.WAITING}
        if rings:
            self.rang(now_s)
        else:
            self.stopped()
        return rings

    def stopped(self) -> None:
        """Note that the call was answered, refused or missed."""
        self._rang_at_s = None
        self._caller = ""

    def is_ringing(self, now_s: float) -> bool:
        """Say whether it rings now, as far as one can know between two RINGs."""
        return self._rang_at_s is not None and now_s - self._rang_at_s < STOPS_AFTER_S

    def caller(self, now_s: float) -> str:
        """Return the number that calls, empty if it is withheld, not told yet, or nobody calls."""
        return self._caller if self.is_ringing(now_s) else ""
