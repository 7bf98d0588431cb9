"""What the box and a worker process say to each other: length-prefixed MessagePack, every size bounded."""

import struct
from typing import Any, TypeVar

import msgspec

from audio.errors import RecogniserDiedError
from audio.listening.recogniser import MAX_EXPECTED, MAX_PHRASE_CHARS, MAX_TEXT_CHARS

MAX_MESSAGE_BYTES = 1 << 20
"""A request of 15 s of sound is 240 kB."""
HEADER_BYTES = 4

T = TypeVar("T")


class Request(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Transcribe this."""

    id: int
    pcm: bytes
    """s16 little endian, 8 kHz mono."""
    language: str
    expected: list[str]

    def __repr__(self) -> str:
        """Return what says nothing of the call."""
        return f"Request({self.id})"


class Engine(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One engine that a worker has."""

    name: str
    languages: list[str]


class Ready(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="ready"):
    """The worker has loaded its engines."""

    engines: list[Engine]
    missing: list[str] = []
    """Why the others are not there."""


class Guess(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A text and how sure it is."""

    text: str
    confidence: float


class Reply(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="reply"):
    """What the utterance with this id was."""

    id: int
    text: str
    confidence: float
    engine: str
    alternatives: list[Guess] = []


class Failed(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="failed"):
    """The utterance with this id could not be transcribed; the worker goes on."""

    id: int
    reason: str


FromWorker = Ready | Reply | Failed


def frame(message: msgspec.Struct) -> bytes:
    """Return a message as it goes over the pipe."""
    body = msgspec.msgpack.encode(message)
    return struct.pack(">I", len(body)) + body


def body_length(header: bytes) -> int:
    """Return how long the message behind this header is. Raises RecogniserDiedError."""
    (length,) = struct.unpack(">I", header)
    if not 0 < length <= MAX_MESSAGE_BYTES:
        raise RecogniserDiedError("the recogniser sent what is no message")
    return int(length)


def parse(body: bytes, kind: Any) -> Any:
    """Return the message in `body`. Raises RecogniserDiedError."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError:
        # `from None`: the error behind it may quote what was said.
        raise RecogniserDiedError("the recogniser sent what is no message") from None


def bounded(expected: tuple[str, ...]) -> tuple[str, ...]:
    """Return the expected phrases that a request may carry."""
    return tuple(phrase for phrase in expected if 0 < len(phrase) <= MAX_PHRASE_CHARS)[:MAX_EXPECTED]


def is_sane(reply: Reply) -> bool:
    """Say whether a reply is within what the contract allows."""
    guesses = [Guess(text=reply.text, confidence=reply.confidence), *reply.alternatives]
    return len(guesses) <= MAX_EXPECTED and all(
        len(one.text) <= MAX_TEXT_CHARS and 0.0 <= one.confidence <= 1.0 for one in guesses
    )
