"""The sound of one call of pjsua2's: a port of its bridge, filled and emptied by us."""

import threading
from typing import Any

import pjsua2 as pj

from firmware.sip.wire import FRAME_BYTES

MAX_HEARD_BYTES = 25 * FRAME_BYTES
"""500 ms that nobody took: older sound is of no use."""


class CallSound(pj.AudioMediaPort):  # type: ignore[misc]
    """Our side of one call's sound; the two callbacks come on pjsua's own thread."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._heard = bytearray()
        self._queued = bytearray()
        self.starved = 0

    def onFrameRequested(self, frame: Any) -> None:
        """Give the next frame, silence where there is none."""
        with self._lock:
            data = bytes(self._queued[:FRAME_BYTES])
            del self._queued[:FRAME_BYTES]
        if 0 < len(data) < FRAME_BYTES:
            self.starved += 1
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(data.ljust(FRAME_BYTES, b"\0"))

    def onFrameReceived(self, frame: Any) -> None:
        """Keep a frame of the far end's."""
        data = bytes(frame.buf)
        with self._lock:
            self._heard += data
            del self._heard[:-MAX_HEARD_BYTES]

    def take(self) -> bytes:
        """Return what was heard since the last time."""
        with self._lock:
            data, self._heard = bytes(self._heard), bytearray()
        return data

    def queued(self) -> int:
        """Return the bytes that wait."""
        return len(self._queued)

    def put(self, pcm: bytes) -> None:
        """Queue sound."""
        with self._lock:
            self._queued += pcm

    def flush(self) -> None:
        """Forget what is queued."""
        with self._lock:
            self._queued.clear()
