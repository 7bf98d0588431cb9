"""The sound of one simulated SIP call: G.711 in RTP (RFC 3550, RFC 3551), a frame of 20 ms each way at every tick."""

import socket
import struct
from collections import deque
from contextlib import suppress

import numpy as np

from modem_drivers.simulator.leg import Leg
from modem_drivers.simulator.sip_messages import Session
from modem_drivers.simulator.tones import FRAME_SAMPLES, Pcm

_HEAD = struct.Struct("!BBHII")
_CUSHION_FRAMES, _MOST_FRAMES = 2, 10
"""So much waits before the person hears the first of it, and no more ever does."""
_MAX_DATAGRAMS = 50
_SOURCE_ID = 0x51B
_CLIP = 32635


def decoded(payload: int, data: bytes) -> Pcm:
    """Return G.711 bytes as int16 samples."""
    return _DECODED[payload][np.frombuffer(data, np.uint8)]


def encoded(payload: int, pcm: Pcm) -> bytes:
    """Return int16 samples as G.711 bytes."""
    return _ENCODED[payload][pcm.astype(np.int32) + 32768].tobytes()


class RtpSound:
    """One call's socket, from the first sound that either side may hear to the end of the call."""

    def __init__(self, address: str) -> None:
        """Bind a port of `address`; what comes is thrown away until the far end's session is known."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((address, 0))
        self._peer: Session | None = None
        self._heard: deque[Pcm] = deque(maxlen=_MOST_FRAMES)
        self._is_dry = True
        self._n_sent = 0

    @property
    def port(self) -> int:
        """Where the sound is to be sent."""
        return int(self._socket.getsockname()[1])

    def speak_to(self, peer: Session) -> None:
        """Send the sound there from now on."""
        self._peer = peer

    def tick(self, leg: Leg) -> None:
        """Let the person hear one frame and say one."""
        made = leg.exchange(self._next())
        peer = self._peer
        if peer is None or not peer.port:
            return
        marker = 0x80 if self._n_sent == 0 else 0
        head = _HEAD.pack(
            0x80, peer.payload | marker, self._n_sent & 0xFFFF, self._n_sent * FRAME_SAMPLES & 0xFFFFFFFF, _SOURCE_ID
        )  # fmt: skip
        self._n_sent += 1
        with suppress(OSError):  # nobody there, or a full buffer: a frame is lost as in any network
            self._socket.sendto(head + encoded(peer.payload, made), (peer.address, peer.port))

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

    def _next(self) -> Pcm:
        for _ in range(_MAX_DATAGRAMS):
            try:
                data = self._socket.recv(2048)
            except OSError:
                break
            self._take(data)
        if self._is_dry and len(self._heard) < _CUSHION_FRAMES:
            return np.zeros(FRAME_SAMPLES, np.int16)
        self._is_dry = not self._heard
        return self._heard.popleft() if self._heard else np.zeros(FRAME_SAMPLES, np.int16)

    def _take(self, data: bytes) -> None:
        if self._peer is None or len(data) != _HEAD.size + FRAME_SAMPLES or data[0] & 0xC0 != 0x80:
            return
        if data[1] & 0x7F == self._peer.payload:
            self._heard.append(decoded(self._peer.payload, data[_HEAD.size :]))


def _a_law() -> Pcm:
    code = np.arange(256) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    level = np.where(segment == 0, (step << 4) + 8, (step << 4) + 0x108 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, level, -level).astype(np.int16)


def _mu_law() -> Pcm:
    code = ~np.arange(256) & 0xFF
    level = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -level, level).astype(np.int16)


def _nearest(levels: Pcm) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    """Return for each of the 65536 samples the code whose level is nearest."""
    order = np.argsort(levels, kind="stable")
    ranked = levels[order].astype(np.int32)
    samples = np.clip(np.arange(-32768, 32768), -_CLIP, _CLIP)
    above = np.clip(np.searchsorted(ranked, samples), 1, 255)
    is_lower = samples - ranked[above - 1] < ranked[above] - samples
    return order[np.where(is_lower, above - 1, above)].astype(np.uint8)


_DECODED = {0: _mu_law(), 8: _a_law()}
_ENCODED = {payload: _nearest(levels) for payload, levels in _DECODED.items()}
