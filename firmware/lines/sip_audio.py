"""Carry a SIP call's sound between its slot's socket and its CallAudio, on the thread that moves the frames of all calls.

The far end's frames clock the call; when none come for a ptime it goes on with silence in. Keys that the engine heard as
RFC 4733 events join the sound's events here, each press told once.
"""

import os
import socket
import time
from collections.abc import Callable

from audio.errors import PortOpenError, PortStateError
from audio.events import AudioEvent, DigitHeard
from audio.frame import NARROWBAND, AudioFormat, frame_from_bytes, frame_to_bytes
from audio.orders import AudioOrder, StopPlaying
from audio.ports.frame_thread import FrameThread
from audio.ports.port import ClockSource, FrameHandler, PortClock, PortStatistics
from audio.ports.seat import CallSeat, SeatPace
from firmware.lines.sip_digits import DigitMerger
from firmware.sip.engine_process import EngineCall
from firmware.sip.wire import FLUSH, FRAME, FRAME_BYTES, SOUND_HEAD

MAX_FRAMES_A_TURN = 50
IN_SOUND, IN_EVENTS = "tone", "rfc4733"


class SipAudioPort:
    """One call's sound on one slot of an engine: 8 kHz 16-bit mono in both directions."""

    def __init__(self, call: EngineCall, *, frames: FrameThread | None = None, speaks: bool = True) -> None:
        """Prepare it. One that does not speak is for what the network says before the answer."""
        self.format: AudioFormat = NARROWBAND
        self.clock = PortClock(source=ClockSource.DEVICE, name=f"sip:{call.number}")
        self._call = call
        self._frames = frames or FrameThread()
        self._speaks = speaks
        self._seat = CallSeat("the SIP call's sound")
        self._pace = SeatPace(self._seat, self.format)
        self._socket: socket.socket | None = None
        self._digits = DigitMerger()
        self._handler: FrameHandler | None = None
        self._on_events: Callable[[list[AudioEvent]], None] | None = None
        self._silent_frame = bytes(self.format.n_bytes)

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Begin to move frames. Raises PortOpenError when the call is over."""
        if self._seat.is_taken:
            raise PortStateError("a port carries one call: make another port")
        try:
            self._socket = socket.socket(fileno=os.dup(self._call.sound.fileno()))
        except OSError as error:
            raise PortOpenError("the SIP call's sound", f"{error.strerror}: the engine was lost") from None
        self._socket.setblocking(False)
        self._handler, self._on_events = call_audio, on_events
        self._frames.start(self._seat, self, call_audio, self._tell)

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        self._seat.order(order)

    async def stop(self) -> PortStatistics:
        """End the frame loop and deliver its last events."""
        return await self._pace.stop()

    def key_heard(self, key: str, duration_ms: int) -> None:
        """Tell a key that came as an event, unless the sound has told it; from the loop."""
        if self._handler is None or self._on_events is None or self._seat.is_stopping:
            return
        if self._digits.is_new(key, IN_EVENTS, time.monotonic() * 1000):
            at_ms = max(0, self._handler.now_ms - duration_ms)
            self._on_events([DigitHeard(digit=key, at_ms=at_ms, duration_ms=duration_ms)])

    def _tell(self, events: list[AudioEvent]) -> None:
        """Runs on the loop."""
        assert self._on_events is not None
        now_ms = time.monotonic() * 1000
        kept = [
            event
            for event in events
            if not isinstance(event, DigitHeard) or self._digits.is_new(event.digit, IN_SOUND, now_ms)
        ]
        if kept:
            self._on_events(kept)

    # What follows runs on the frame thread: `audio.ports.frame_thread.FrameMover`.

    @property
    def fd(self) -> int:
        """What to wait for."""
        return self._socket.fileno() if self._socket is not None else -1

    @property
    def wake_s(self) -> float:
        """When silence has to stand in for what did not come."""
        return self._pace.wake_s

    def move(self, *, is_ready: bool) -> None:
        """Take the frames that came, and say as many."""
        heard = self._receive() if is_ready else []
        turn = self._pace.turn(time.monotonic(), len(heard))
        frames_in = heard[turn.n_drop : turn.n_drop + turn.n_heard]
        for frame_in in frames_in or [self._silent_frame] * turn.n_silent:
            falls_silent = any(isinstance(order, StopPlaying) for order in self._seat.orders)
            frame_out = self._seat.process(frame_from_bytes(frame_in))
            if self._speaks:
                if falls_silent:
                    self._send(SOUND_HEAD.pack(self._call.number, FLUSH))
                self._send(SOUND_HEAD.pack(self._call.number, FRAME) + frame_to_bytes(frame_out))

    def release(self) -> None:
        """Give our copy of the socket back."""
        if self._socket is not None:
            self._socket.close()

    def _receive(self) -> list[bytes]:
        """Return what came for this call. Raises OSError when the engine is lost."""
        assert self._socket is not None
        frames: list[bytes] = []
        while len(frames) < MAX_FRAMES_A_TURN:
            try:
                data = self._socket.recv(SOUND_HEAD.size + FRAME_BYTES)
            except BlockingIOError:
                break
            if not data:
                raise OSError("the SIP engine was lost")
            if (
                len(data) == SOUND_HEAD.size + FRAME_BYTES
                and SOUND_HEAD.unpack_from(data)[0] == self._call.number
            ):
                frames.append(data[SOUND_HEAD.size :])
        return frames

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.send(data)
        except BlockingIOError:
            self._pace.dropped_out += 1
