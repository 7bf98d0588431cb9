"""One outgoing call as the modem's lines tell it: progress, the signs of its end, what it ended of (pure)."""

from collections import deque
from collections.abc import Sequence

from modem_drivers.at.causes import Evidence, KindHint, ToldCause, classify, told_in_urc
from modem_drivers.at.responses import ListedCall
from modem_drivers.at.urcs import (
    CallChanged,
    CallListed,
    CallResult,
    DtmfHeard,
    Urc,
    VoiceBegan,
    VoiceEnded,
)
from modem_drivers.events import (
    Active,
    Alerting,
    CallProgress,
    CallState,
    Dialing,
    Dtmf,
    Released,
    ReleaseKind,
)
from modem_drivers.masking import mask_numbers

MAX_RAW_LINES = 64
_MISSED_TWICE = 2
_NO_REASON = "NO CARRIER"
# What an OK that means "refused" is worth without a cause, and an ERROR long after ATD.
_REFUSED_BY_OK = KindHint(ReleaseKind.REJECTED, 0.6)
_LATE_ERROR = KindHint(ReleaseKind.NETWORK_FAULT, 0.4)
_OTHER_PARTYS = frozenset({CallState.INCOMING, CallState.WAITING})


class CallTracker:
    """Fold URCs (lost, doubled, stale) and AT+CLCC polls, which have the last word, into call progress."""

    def __init__(self, *, listed_within_s: float, is_outgoing: bool = True) -> None:
        self.is_outgoing = is_outgoing
        self.shows_end = False
        """A URC says that the call is over; only AT+CLCC without it makes that true."""
        self.told: ToldCause | None = None
        """A cause that came with the end itself."""
        self.state = CallState.DIALING if is_outgoing else CallState.INCOMING
        """The newest told; RELEASED only once `released` was asked for."""
        self.index: int | None = None
        """Of this call in AT+CLCC, None until it was listed."""
        self._hint: KindHint | None = None
        self._listed_within_s = listed_within_s
        self._accepted_at_s: float | None = None
        self._was_listed = False
        self._n_missed = 0
        self._saw_alerting = False
        self._saw_active = False
        self._end_was_asked = False
        self._hung_up_locally = False
        self._result: str | None = None
        self._raw_lines: deque[str] = deque(maxlen=MAX_RAW_LINES)

    @property
    def saw_active(self) -> bool:
        """Say whether the call was ever answered."""
        return self._saw_active

    @property
    def is_missing(self) -> bool:
        """Say whether two polls in a row did not list the call: it is over though nothing told so."""
        return self._n_missed >= _MISSED_TWICE

    def accepted(self, at_s: float) -> list[CallProgress]:
        """Note that the modem took the dial command."""
        if self._accepted_at_s is not None:
            return []
        self._accepted_at_s = at_s
        return [Dialing(at_s=at_s)]

    def urc(self, urc: Urc, line: str, at_s: float) -> list[CallProgress]:
        """Take one URC; `line` is its text, kept as evidence if it concerns the call."""
        events: list[CallProgress] = []
        match urc:
            case CallListed(call=call, cause=cause) if call.is_outgoing is self.is_outgoing:
                events = self._state(call.state, at_s)
                self.told = told_in_urc(cause) or self.told
            case CallChanged() if not (self.is_outgoing and urc.state in _OTHER_PARTYS):
                events = self._state(urc.state, at_s)
                self.told = told_in_urc(urc.cause) or self.told
                self._hint = urc.hint or self._hint
                self._saw_active = self._saw_active or urc.was_active
            case VoiceBegan():
                events = self._state(CallState.ACTIVE, at_s)
            case VoiceEnded(duration_s=duration_s):
                # The duration is told only of answered calls: the answer itself may have been lost.
                self._saw_active = self._saw_active or duration_s is not None
                self.shows_end = True
            case CallResult(text=text):
                if self._result in {None, _NO_REASON}:
                    self._result = text
                self.shows_end = True
            case DtmfHeard(digit=digit):
                return [Dtmf(digit=digit, at_s=at_s)]
            case _:
                return []
        self.keep(line)
        return events

    def call_list(self, calls: Sequence[ListedCall], at_s: float) -> list[CallProgress]:
        """Take the answer to one AT+CLCC."""
        ours = [call for call in calls if call.is_outgoing is self.is_outgoing]
        if ours:
            self._was_listed = True
            self._n_missed = 0
            self.index = ours[0].index
            return [event for call in ours for event in self._state(call.state, at_s)]
        since_s = at_s - self._accepted_at_s if self._accepted_at_s is not None else 0.0
        if self._was_listed or since_s >= self._listed_within_s:
            self._n_missed += 1
        return []

    def answered(self, at_s: float) -> list[CallProgress]:
        """Note that the call was answered, where only a result code says so."""
        return self._state(CallState.ACTIVE, at_s)

    def refused(self, *, by_callee: bool) -> None:
        """Note a late end of ATD that means no call: OK from a family whose OK is a refusal, or ERROR."""
        self._hint = _REFUSED_BY_OK if by_callee else _LATE_ERROR
        self.shows_end = True

    def ask_end(self) -> None:
        """Note that we want the call over; it counts as ours unless its end has already shown."""
        self._end_was_asked = True
        self._hung_up_locally = self._hung_up_locally or not self.shows_end

    def retract_end(self) -> None:
        """Forget a sign of the end that AT+CLCC contradicts: it was another call's, or noise."""
        self.shows_end = False
        self._result = None
        self.told = None
        self._hint = None
        self._hung_up_locally = self._end_was_asked

    def keep(self, line: str) -> None:
        """Keep a line as evidence, masked."""
        self._raw_lines.append(mask_numbers(line))

    def released(self, told: ToldCause | None, at_s: float, *, modem_failed: bool) -> Released:
        """Return the last event. `told` is what AT+CEER said."""
        self.state = CallState.RELEASED
        kind, q850, confidence = classify(
            Evidence(
                saw_alerting=self._saw_alerting,
                saw_active=self._saw_active,
                hung_up_locally=self._hung_up_locally,
                modem_failed=modem_failed,
                result=self._result,
                told=self.told or told,
                hint=self._hint,
            )
        )
        return Released(
            kind=kind,
            q850=q850,
            confidence=confidence,
            saw_alerting=self._saw_alerting,
            saw_active=self._saw_active,
            raw_lines=tuple(self._raw_lines),
            at_s=at_s,
        )

    def _state(self, state: CallState, at_s: float) -> list[CallProgress]:
        if state is CallState.RELEASED:
            self.shows_end = True
            return []
        self.state = state
        events = self.accepted(at_s) if self.is_outgoing else []
        if state is CallState.ALERTING and not (self._saw_alerting or self._saw_active):
            self._saw_alerting = True
            events.append(Alerting(at_s=at_s))
        elif state in {CallState.ACTIVE, CallState.HELD} and not self._saw_active:
            self._saw_active = True
            events.append(Active(at_s=at_s))
        return events
