"""Contact batches may travel compressed (`content-encoding: zstd`): a list over a mobile network is a third of its bytes.

What is signed is what travels. Whether it is compressed is told by its own first bytes, not by the property, which a
broker could take away: JSON cannot begin like a zstd frame (RFC 8878 §3.1.1).
"""

from collections.abc import Mapping

import zstandard

from firmware.sync.errors import SyncError
from firmware.sync.messages import MAX_MESSAGE_BYTES

ENCODING_PROPERTY = "content-encoding"
ZSTD = "zstd"
READABLE = (ZSTD,)
"""What a box of this version says it can read."""
WORTH_BYTES = 1024
"""Less than this is sent as it is."""
_MAGIC = b"\x28\xb5\x2f\xfd"
_MAX_WINDOW_BYTES = 8 * 1024 * 1024
"""RFC 8878 §3.1.1.1.2: what every decoder has to take; more would be memory that the sender chooses."""
_LEVEL = 9
_PIECE_BYTES = 64
"""Of the packed side: what so few bytes unpack to has at most some 2 MiB, blocks of 128 KiB that repeat one byte."""


class EncodingError(SyncError):
    """A payload that cannot be unpacked; the text says what to send instead."""


def is_compressed(payload: bytes) -> bool:
    """Say whether this is a zstd frame."""
    return payload.startswith(_MAGIC)


def compressed(payload: bytes) -> bytes:
    """Return the payload as one zstd frame with its length and a checksum."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(payload)


def plain(payload: bytes, properties: Mapping[str, str]) -> bytes:
    """Return what is written in a payload, at most MAX_MESSAGE_BYTES of it. Raises EncodingError."""
    named = properties.get(ENCODING_PROPERTY, "").lower()
    if named not in ("", "identity", ZSTD):
        raise EncodingError(f"{ENCODING_PROPERTY} {named[:20]!r} is not read here: send zstd, or plain JSON")
    if not is_compressed(payload):
        return payload
    unpacking = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
    found = bytearray()
    try:
        # Piece by piece: a frame of a few bytes may say that it holds gigabytes.
        for first in range(0, len(payload), _PIECE_BYTES):
            found += unpacking.decompress(payload[first : first + _PIECE_BYTES])
            if len(found) > MAX_MESSAGE_BYTES:
                raise EncodingError(
                    f"unpacked it has more than {MAX_MESSAGE_BYTES} bytes: send smaller parts"
                )
            if unpacking.eof:
                break
    except zstandard.ZstdError as error:
        raise EncodingError(f"its zstd frame is damaged ({error}): send it again") from None
    if not unpacking.eof:
        raise EncodingError("its zstd frame is cut off: send it again")
    if unpacking.unused_data or first + _PIECE_BYTES < len(payload):
        raise EncodingError("more follows behind its zstd frame: send one frame")
    return bytes(found)
