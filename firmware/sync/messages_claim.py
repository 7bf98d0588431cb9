"""What a machine that is no box yet says to the console, and what it hears: over a claim file's own credential alone."""

from typing import Annotated, Literal

import msgspec

from firmware.sync.envelope import Instant, Message

Session = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
"""One try of one machine: its MQTT client id and the last level but one of its topics; nobody else can guess it."""
Serial = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._:-]{0,64}$")]
Proof = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
ClaimStatus = Literal["waiting", "granted", "refused"]
MAX_FILES = 12
MAX_FILE_CHARACTERS = 16_384


class ClaimRequest(Message, frozen=True, kw_only=True, tag_field="type", tag="claim"):
    """Let me be a box of yours; said again until it is answered."""

    session: Session
    serial: Serial = ""
    """What the maker of the computer calls it; empty where it does not say."""
    certificate_request: Annotated[str, msgspec.Meta(max_length=4096)]
    """PKCS #10, PEM, over the key that was made on the box."""
    token_proof: Proof
    """That the sender has the claim file: HMAC with the file's token over session, serial and key."""
    code_proof: Proof
    """The same with the code that the machine shows; who types that code at the console can tell it is this one."""
    version: Annotated[str, msgspec.Meta(max_length=64)] = ""
    is_taken: bool = False
    """True: the certificate is in place, and the box goes by it from now on."""


class ClaimAnswer(Message, frozen=True, kw_only=True, tag_field="type", tag="claim-answer"):
    """What the console says to it, signed like every message to a box."""

    session: Session
    status: ClaimStatus
    reason: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Of refused: unknown_file, file_expired, code_expired, used, refused, bad_request, box_exists."""
    detail: Annotated[str, msgspec.Meta(max_length=500)] = ""
    box: Annotated[str, msgspec.Meta(max_length=64)] = ""
    files: Annotated[
        dict[str, Annotated[str, msgspec.Meta(max_length=MAX_FILE_CHARACTERS)]],
        msgspec.Meta(max_length=MAX_FILES),
    ] = {}
    """Of granted, by name: box.toml, box.crt, ca.crt, console-keys/KEY.pem. Nothing in them is secret."""
    until: Instant | None = None
    """Of waiting: when the code that the machine shows ends."""
