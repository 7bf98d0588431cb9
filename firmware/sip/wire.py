"""What crosses between the daemon and an engine process: JSON lines of orders and happenings, datagrams of sound.

Every call has a number that the daemon gives (an engine numbers incoming calls from `FIRST_INCOMING` up). The sound of
one slot crosses on a datagram socket of its own: a head of `SOUND_HEAD`, then one frame of 20 ms at 8 kHz, s16 mono.
"""

import struct
from typing import Literal, TypeAlias

import msgspec

EngineKind = Literal["baresip", "pjsua2"]
Codec = Literal["pcma", "pcmu", "g722", "opus"]

FRAME_BYTES = 320
SOUND_HEAD = struct.Struct("<IB")
"""Number of the call, and what follows: `FRAME`, or nothing after `FLUSH`."""
FRAME, FLUSH = 0, 1
MAX_LINE_BYTES = 16384
FIRST_INCOMING = 1 << 30


class Account(msgspec.Struct, kw_only=True, frozen=True):
    """Who an engine is to the trunk's server. Holds the password: never logged, never in a command line."""

    user: str
    domain: str
    password: str = ""
    auth_user: str = ""
    proxy: str = ""
    """host:port of an outbound proxy, "" for none."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    registers: bool = True
    register_s: int = 600
    retry_s: int = 5
    """From a registration that failed to the next try, at first; a server that stays away is asked more rarely."""
    keep_alive_s: int = 30
    """How often something goes to the server over UDP, so that no NAT on the way forgets us; 0 for never."""
    codecs: tuple[Codec, ...] = ("pcma", "pcmu")
    """What is offered, the preferred first; the box's own sound is 8 kHz whatever is spoken."""
    is_srtp: bool = False
    """SDES keys in the offer, and no call without them."""
    ca_file: str = ""
    takes_calls: bool = False
    """Calls from outside are wanted; otherwise nothing is asked about them."""
    peers: tuple[str, ...] = ()
    """Addresses from which the trunk's calls come, besides its server's."""
    interface: str = ""
    """A local address or interface to speak from, "" for whatever the route says."""

    def __repr__(self) -> str:
        return f"Account(user=…, domain={self.domain!r}, transport={self.transport!r})"


class _Order(msgspec.Struct, kw_only=True, frozen=True, tag_field="order"):
    pass


class Open(_Order, kw_only=True, frozen=True, tag="open"):
    """Begin: the first order, given once."""

    account: Account


class Dial(_Order, kw_only=True, frozen=True, tag="dial"):
    """Call `uri`; the call's sound crosses on `slot`."""

    call: int
    slot: int
    uri: str
    headers: dict[str, str] = {}


class Answer(_Order, kw_only=True, frozen=True, tag="answer"):
    """Take an incoming call."""

    call: int
    slot: int


class HangUp(_Order, kw_only=True, frozen=True, tag="hang_up"):
    """End a call; an incoming one that was not answered is refused."""

    call: int


class SendKeys(_Order, kw_only=True, frozen=True, tag="send_keys"):
    """Press keys as RFC 4733 events."""

    call: int
    keys: str


class Refer(_Order, kw_only=True, frozen=True, tag="refer"):
    """Ask the far end to call `uri` instead of us (RFC 3515); `Referred` follows."""

    call: int
    uri: str


class Ping(_Order, kw_only=True, frozen=True, tag="ping"):
    """Say that the SIP thread still runs."""


Order: TypeAlias = Open | Dial | Answer | HangUp | SendKeys | Refer | Ping


class _Happening(msgspec.Struct, kw_only=True, frozen=True, tag_field="what"):
    pass


class Up(_Happening, kw_only=True, frozen=True, tag="up"):
    """The engine runs; said once, first."""

    engine: str
    version: str
    tls: str = ""
    codecs: tuple[str, ...] = ()
    """What it can speak, whether the account offers it or not."""


class Pong(_Happening, kw_only=True, frozen=True, tag="pong"):
    """The SIP thread runs."""


class Failed(_Happening, kw_only=True, frozen=True, tag="failed"):
    """The engine cannot run, in words; the process ends."""

    reason: str


class Registration(_Happening, kw_only=True, frozen=True, tag="registration"):
    """The registrar took us, or did not."""

    is_registered: bool
    code: int = 0
    detail: str = ""
    server: str = ""
    """The address of whoever answered, where the engine tells."""


class Incoming(_Happening, kw_only=True, frozen=True, tag="incoming"):
    """Somebody calls; take or refuse it at once."""

    call: int
    caller: str = ""
    """The number shown as it is written there, "" where it is withheld or none."""
    source: str = ""
    """The address that it was sent from, "" where the engine cannot tell; it stays in the engine's process."""
    is_trunks: bool = False
    """It came from a server of the trunk's."""


class Ringing(_Happening, kw_only=True, frozen=True, tag="ringing"):
    """180: the callee's telephone rings."""

    call: int


class EarlyMedia(_Happening, kw_only=True, frozen=True, tag="early_media"):
    """183 with SDP: the network speaks before the answer."""

    call: int


class Answered(_Happening, kw_only=True, frozen=True, tag="answered"):
    """200: sound runs both ways."""

    call: int


class KeyHeard(_Happening, kw_only=True, frozen=True, tag="key"):
    """One key pressed at the far end, as an RFC 4733 event or a SIP INFO."""

    call: int
    key: str
    duration_ms: int


class Referred(_Happening, kw_only=True, frozen=True, tag="referred"):
    """What came of a `Refer`; where it worked, the call is over soon."""

    call: int
    code: int
    detail: str = ""


class Quality(msgspec.Struct, kw_only=True, frozen=True):
    """How the network treated one call's sound, as RTP and RTCP tell."""

    packets_in: int = 0
    packets_out: int = 0
    lost_in: int = 0
    lost_out: int = 0
    jitter_in_ms: float = 0.0
    round_trip_ms: float = 0.0
    starved_frames: int = 0
    """Frames of ours that were late: the callee heard a gap."""


class Over(_Happening, kw_only=True, frozen=True, tag="over"):
    """The call ended; always said, always last."""

    call: int
    code: int = 0
    """Final SIP status of the INVITE; 0 after an answer, or where there was none."""
    reason: str = ""
    """Reason header (RFC 3326), raw, or the engine's words."""
    is_ours: bool = False
    """We hung up."""
    quality: Quality | None = None


Happening: TypeAlias = (
    Up
    | Pong
    | Failed
    | Registration
    | Incoming
    | Ringing
    | EarlyMedia
    | Answered
    | KeyHeard
    | Referred
    | Over
)
CallHappening: TypeAlias = Ringing | EarlyMedia | Answered | KeyHeard | Referred | Over


def line_of(message: Order | Happening) -> bytes:
    """Return a message as one line."""
    return msgspec.json.encode(message) + b"\n"


def order_of(line: bytes) -> Order:
    """Return the order in a line. Raises ValueError."""
    order: Order = msgspec.json.decode(line, type=Order)
    return order


def happening_of(line: bytes) -> Happening:
    """Return the happening in a line. Raises ValueError."""
    happening: Happening = msgspec.json.decode(line, type=Happening)
    return happening
