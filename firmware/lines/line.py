"""What a line is: one way to place one call at a time, whatever carries it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

from audio.ports.port import AudioPort
from firmware.values import E164, LineId

WorldT_co = TypeVar("WorldT_co", covariant=True)


class LineError(Exception):
    """Root of what a line may raise."""


class LineNotReadyError(LineError):
    """The line cannot dial now; the reason is in the text."""


class LineStatus(StrEnum):
    """Where a line stands."""

    ABSENT = "absent"
    STARTING = "starting"
    SEARCHING = "searching"
    READY = "ready"
    IN_CALL = "in_call"
    FAULTED = "faulted"


class EndKind(StrEnum):
    """How a call ended, as far as the line can know."""

    RELEASED_BY_CALLEE = "released_by_callee"
    RELEASED_BY_US = "released_by_us"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    POWERED_OFF = "powered_off"
    UNREACHABLE = "unreachable"
    VACANT_NUMBER = "vacant_number"
    CONGESTION = "congestion"
    CALL_RESTRICTED = "call_restricted"
    FORWARDED = "forwarded"
    """The callee has their calls go elsewhere, and the network leaves it to us to call there: we do not."""
    NETWORK_FAULT = "network_fault"
    LOCAL_FAULT = "local_fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialing:
    """The network took the order."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """The callee's telephone rings."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """The call was answered and its audio is open."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundQuality:
    """How the network treated one call's sound, where it tells (RTP and RTCP, RFC 3550)."""

    packets_in: int
    packets_out: int
    lost_in: int
    lost_out: int
    """As the far end counts, 0 where it does not say."""
    jitter_in_ms: float
    round_trip_ms: float
    """0 where the far end does not say."""
    starved_frames: int
    """Frames of ours that were late: the callee heard a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The call is over; always the last event, always sent."""

    at_s: float
    kind: EndKind
    q850: int | None = None
    """Cause value of ITU-T Q.850, where the network gave one."""
    confidence: float = 1.0
    saw_alerting: bool = False
    saw_active: bool = False
    evidence: tuple[str, ...] = ()
    """The raw lines behind `kind`, without numbers."""
    quality: SoundQuality | None = None
    """None where the line cannot know."""


CallEvent = Dialing | Alerting | Active | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReport:
    """What the status page and the console see of a line."""

    line: LineId
    status: LineStatus
    detail: str = ""
    model: str = ""
    operator: str = ""
    rssi_dbm: int | None = None
    number: E164 | None = None
    """The line's own number: what the callee sees."""
    asks_pin: bool = False
    """The SIM card waits for its PIN."""
    ailment: str = ""
    """What is wrong with the modem and being treated."""
    treatment: str = ""
    """The last thing done about it; ``dead``: all was in vain, call a technician."""
    healed_by: tuple[tuple[str, int], ...] = ()
    """What has helped so far, and how often, since the daemon began."""


class LineCall(Protocol):
    """One call on a line."""

    audio: AudioPort
    """To be started at `Active`, stopped before the call is left."""

    def events(self) -> AsyncIterator[CallEvent]:
        """Return what happens, ending with `Ended`."""
        ...

    async def hang_up(self) -> None:
        """End the call; `Ended` follows."""
        ...


@runtime_checkable
class CallsAddresses(Protocol):
    """A line that reaches SIP addresses of the office's own people too; no callee is ever called so."""

    async def dial_address(self, address: str, *, ring_timeout_s: float) -> LineCall:
        """Place a call to an extension or a ``sip:`` address. Raises LineNotReadyError or LineError."""
        ...


@runtime_checkable
class TransfersCalls(Protocol):
    """A call that can be handed on without a second line: the network behind it then rings whom it is told."""

    async def transfer(self, to: str, *, timeout_s: float) -> EndKind | None:
        """Hand the call on to an E.164 number, an extension or a ``sip:`` address (blind transfer).

        None when whoever is there has answered, so that our side may hang up; else why they did not.
        """
        ...


class Line(Protocol[WorldT_co]):
    """One way to place a call; carries one call at a time. Belongs to the real or to a simulated world."""

    line_id: LineId

    @property
    def world(self) -> type[WorldT_co]:
        """Return the world whose telephones this line rings."""
        ...

    @property
    def report(self) -> LineReport:
        """Return how the line stands."""
        ...

    async def serve(self) -> None:
        """Open the line and keep it fit; returns never, raises LineError when it is lost."""
        ...

    async def dial(self, number: E164, *, ring_timeout_s: float) -> LineCall:
        """Place a call. Raises LineNotReadyError or LineError when the line would not dial."""
        ...


class AnsweringLine(Line[WorldT_co], Protocol[WorldT_co]):
    """A line on which people can call in."""

    answers_strangers: bool
    """Whether who calls in from a number that this box does not know, or from a withheld one, is talked to too."""
    on_ringing: Callable[[], None] | None
    """Told once when somebody calls in while the line is ready, which it is not until that is over; None: a ring
    is nobody's business, and a call may be placed when it stops."""

    def expect_callers(self) -> None:
        """Take calls that come in; to be said before the line is served."""
        ...

    @property
    def is_rung(self) -> bool:
        """Say whether somebody calls in whose call was neither answered nor turned away."""
        ...

    @property
    def caller(self) -> str:
        """Return the number that calls in, empty if it is withheld or not told yet."""
        ...

    async def answer(self) -> LineCall:
        """Answer who calls in. Raises LineNotReadyError (nobody rings any more) or LineError."""
        ...

    async def turn_away(self) -> None:
        """Refuse who calls in; the line is ready again then."""
        ...
