"""How a machine becomes a box: the claim file, the claim's topics, the code that a person reads off it, the proofs (pure)."""

import hashlib
import hmac
import secrets
import tomllib
from datetime import datetime
from typing import Annotated

import msgspec

from firmware.sync.topics import API, topic_level

CLAIM_FILE = "branchline-claim.toml"
MAX_CLAIM_FILE_BYTES = 64 * 1024
CLAIM_LEVEL = "@claim"
"""A topic level that no box can have as its name."""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: none that is taken for another; I, L and O are read as 1, 1 and 0, and there is no U."""
_CODE_LETTERS = 12
"""60 bits: with scrypt's cost out of reach of whoever hears the proof before the code ends."""
_PURPOSE = b"branchline-claim-1"


class ClaimFileError(ValueError):
    """The claim file cannot be used; the text says what to do."""


class ClaimFile(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`branchline-claim.toml`: where to ask, by what right, and whom to believe. It names no box's key."""

    format: Annotated[int, msgspec.Meta(ge=1, le=1)]
    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    tenant: str
    host: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,253}$")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    expires: datetime
    token: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    language: str = "zh-CN"
    """In which the machine speaks to whoever stands before it."""
    ca: str
    """PEM: who vouches for the broker."""
    certificate: str
    key: str
    """PEM: they open the broker's door for claims, and no other."""
    console_keys: Annotated[list[str], msgspec.Meta(min_length=1, max_length=8)]
    """PEM: the Ed25519 keys whose answers are believed."""


class ClaimTopics(msgspec.Struct, frozen=True):
    """The two topics of one machine's claim."""

    tenant: str
    file: str
    session: str

    @property
    def _root(self) -> str:
        return f"{API}/{topic_level(self.tenant)}/{CLAIM_LEVEL}/{topic_level(self.file)}/{topic_level(self.session)}"

    @property
    def request(self) -> str:
        """Return where the machine asks."""
        return f"{self._root}/request"

    @property
    def answer(self) -> str:
        """Return where it hears."""
        return f"{self._root}/answer"


def requests_filter(tenant: str) -> str:
    """Return what the console subscribes to for every claim of the tenant."""
    return f"{API}/{topic_level(tenant)}/{CLAIM_LEVEL}/+/+/request"


def split_request(topic: str) -> ClaimTopics | None:
    """Return whose request came over a topic, None for any other topic."""
    parts = topic.split("/")
    if len(parts) != 7 or "/".join(parts[:2]) != API or parts[3] != CLAIM_LEVEL or parts[6] != "request":
        return None
    return ClaimTopics(parts[2], parts[4], parts[5])


def read_claim_file(body: bytes) -> ClaimFile:
    """Return what a claim file says. Raises ClaimFileError."""
    if len(body) > MAX_CLAIM_FILE_BYTES:
        raise ClaimFileError(f"{CLAIM_FILE} is too long to be one: make another with `claim issue`")
    try:
        return msgspec.convert(tomllib.loads(body.decode("utf-8")), ClaimFile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ClaimFileError(
            f"{CLAIM_FILE} is damaged ({error}): make another with `branchline-console claim issue`"
        ) from None


def new_session() -> str:
    """Return a session that nobody can guess."""
    return secrets.token_hex(16)


def new_code() -> str:
    """Return a code for people: three groups of four letters and digits."""
    letters = [secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, _CODE_LETTERS, 4))


def plain_code(typed: str) -> str | None:
    """Return a code as it was made from what somebody typed, None if it cannot be one."""
    letters = typed.upper().translate(str.maketrans("ILO", "110", " -.\t\r\n"))
    if len(letters) != _CODE_LETTERS or set(letters) - set(_LETTERS):
        return None
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_LETTERS, 4))


def token_proof(token: str, *, session: str, serial: str, public_der: bytes) -> str:
    """Return the proof that whoever asks has the claim file."""
    return _tag(bytes.fromhex(token), session, serial, public_der)


def code_proof(code: str, *, session: str, serial: str, public_der: bytes) -> str:
    """Return the proof that the machine that asks for this key shows this code.

    The code itself never travels; guessing it from the proof costs 16 MiB and some 50 ms a try (scrypt).
    """
    key = hashlib.scrypt(
        code.encode(), salt=session.encode(), n=1 << 14, r=8, p=1, maxmem=64 * 1024 * 1024, dklen=32
    )
    return _tag(key, session, serial, public_der)


def same_proof(one: str, other: str) -> bool:
    """Compare without telling by the time it takes."""
    return hmac.compare_digest(one.encode(), other.encode())


def _tag(key: bytes, session: str, serial: str, public_der: bytes) -> str:
    text = b"\0".join((_PURPOSE, session.encode(), serial.encode(), public_der))
    return hmac.new(key, text, hashlib.sha256).hexdigest()
