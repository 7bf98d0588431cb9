"""What a connection to the broker needs to know."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the authority that vouches for the broker, and this client's own certificate and key."""

    ca: Path
    certificate: Path
    key: Path
    key_password: str = field(default="", repr=False)
    """What the key is kept under, where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """The retained message that the broker publishes for a client that is gone without a word."""

    topic: str
    payload: bytes
    delay_s: int = 30
    """Hides a short flap: a client that is back within it never seemed away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """One broker and how to stay with it; times are in seconds."""

    host: str
    port: int
    client_id: str
    tls: TlsFiles | None = None
    keep_alive_s: int = 30
    session_expiry_s: int = 7 * 24 * 3600
    """How long the broker keeps queued messages for an absent client."""
    receive_maximum: int = 32
    """Most messages unacknowledged at once, in either direction (the broker may lower the upward one)."""
    connect_timeout_s: float = 10.0
    publish_timeout_s: float = 20.0
    """A PUBACK later than this ends the connection: the broker or the link is not working."""
    back_off_s: float = 1.0
    back_off_cap_s: float = 120.0
    """The wait before try n is uniform in 0 … min(cap, back_off · 2ⁿ): a fleet must not come back in step."""
    user_name: str | None = None
    password: str | None = field(default=None, repr=False)
