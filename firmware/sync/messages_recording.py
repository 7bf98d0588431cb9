"""Recordings on their way to the console: it asks for chunks, the box sends them, it says that it has the whole.

A chunk is no durable message: whoever misses one asks for it again.
"""

from typing import Annotated, Literal

import msgspec

from firmware.sync.envelope import Id, Instant, Message, NonNegativeInt, PositiveInt, Sha256

CHUNK_BYTES = 32 * 1024
"""Every chunk but the last; in base64 it fits a broker that takes 64 KiB."""
MAX_CHUNKS_A_FETCH = 16


class RecordingFetch(Message, frozen=True, kw_only=True, tag_field="type", tag="recording_fetch"):
    """Send these chunks of a sealed recording on ``up/recording/{recording}``."""

    recording: Id
    chunks: Annotated[list[NonNegativeInt], msgspec.Meta(min_length=1, max_length=MAX_CHUNKS_A_FETCH)]
    """Indices, the first of them to be sent first."""


class RecordingReceipt(Message, frozen=True, kw_only=True, tag_field="type", tag="recording_receipt"):
    """The console has the whole recording on its disk, and its digest is this: the box need not keep it."""

    recording: Id
    sha256: Sha256


class RecordingChunk(Message, frozen=True, kw_only=True, tag_field="type", tag="recording_chunk"):
    """One part of a sealed file; only the console's key opens the whole."""

    recording: Id
    index: NonNegativeInt
    count: PositiveInt
    n_bytes: PositiveInt
    """Of the whole file."""
    sha256: Sha256
    """Of the whole file."""
    data: Annotated[bytes, msgspec.Meta(max_length=CHUNK_BYTES)]
    """Base64."""


class RecordingUnavailable(Message, frozen=True, kw_only=True, tag_field="type", tag="recording_unavailable"):
    """Why no chunk comes."""

    recording: Id
    reason: Literal["unknown_recording", "gone", "not_now", "unreadable"]
    """gone: deleted as retention says; not_now: outside the hours in which this box sends recordings."""
    detail: str = ""
    opens_at: Instant | None = None
    """Of not_now: when to ask again."""
