"""The door through which a call's sound reaches the host: who may open it when, and the bytes that pass."""

import numpy as np

from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.leg import Leg
from modem_drivers.simulator.personality import Personality
from modem_drivers.simulator.replies import RefusedError
from modem_drivers.simulator.tones import FRAME_SAMPLES, RATE_HZ

FRAME_BYTES = 2 * FRAME_SAMPLES
UPLINK_LIMIT_BYTES = 20 * FRAME_BYTES
"""400 ms of the host's sound wait at most; older sound is dropped."""
FULL_BYTES, LOW_BYTES = 12 * FRAME_BYTES, 4 * FRAME_BYTES
"""Where back-pressure is reported and taken back."""
_ROTTEN_REFUSALS = 3


class SoundPath:
    """The audio path of one modem."""

    def __init__(self, personality: Personality) -> None:
        self.is_open = False
        self.is_armed = False
        """The door opens with every call from the next one on."""
        self.is_asked_to_pause = False
        self._personality = personality
        self._uplink = bytearray()
        self._refusals = 0
        self._will_rot = False
        self._is_rotten = False

    def open_in_call(self, faults: Faults, active_for_s: float | None) -> None:
        """Open the door of a call answered `active_for_s` ago; None: there is none. Raises RefusedError."""
        if active_for_s is None or active_for_s < self._personality.audio_ready_s:
            raise RefusedError
        if self._refusals < max(faults.cpcmreg_refusals, _ROTTEN_REFUSALS if self._is_rotten else 0):
            self._refusals += 1
            raise RefusedError
        self._will_rot |= faults.audio_rot
        self._open()

    def open_while_ringing(self) -> None:
        """Open the door of a call that rings or talks; the caller knows that there is one."""
        self._open()

    def reboot(self) -> None:
        """Close everything; a rotten path is sound again."""
        self.close()
        self._will_rot = self._is_rotten = False

    def arm(self) -> None:
        """Let the door open with the next call; a call that is up already has none."""
        self.is_armed = True

    def call_started(self) -> None:
        """An armed door opens with the call."""
        if self.is_armed:
            self._open()

    def close(self) -> None:
        """Close and disarm the door; sound under way is lost."""
        self.is_open = self.is_armed = self.is_asked_to_pause = False
        self._uplink.clear()

    def call_ended(self) -> None:
        """The door closes with its call; an armed one stays armed."""
        self._refusals = 0
        self._is_rotten |= self._will_rot
        self._uplink.clear()
        self.is_open = self.is_asked_to_pause = False

    def exchange(self, from_host: bytes, leg: Leg | None, faults: Faults) -> bytes:
        """Pass one tick of sound each way; return nothing while the door is closed or there is no call."""
        if leg is None:
            return b""
        if not self.is_open:
            leg.exchange(np.zeros(FRAME_SAMPLES, np.int16))
            return b""
        self._uplink += from_host
        if len(self._uplink) > UPLINK_LIMIT_BYTES:
            excess = len(self._uplink) - UPLINK_LIMIT_BYTES
            del self._uplink[: excess + excess % 2]
        if self._is_rotten:
            self._uplink.clear()
            leg.exchange(np.zeros(FRAME_SAMPLES, np.int16))
            return bytes(FRAME_BYTES)
        made = leg.exchange(self._next_frame())
        return b"" if faults.half_open_audio else made.astype("<i2").tobytes()

    def pressure_change(self) -> bool | None:
        """Return True when the host should pause, False when it may go on, None when nothing has changed."""
        waiting = len(self._uplink)
        if not self.is_asked_to_pause and waiting >= FULL_BYTES:
            self.is_asked_to_pause = True
            return True
        if self.is_asked_to_pause and waiting <= LOW_BYTES:
            self.is_asked_to_pause = False
            return False
        return None

    def _open(self) -> None:
        self.is_open = True
        self._uplink.clear()

    def _next_frame(self) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        if len(self._uplink) < FRAME_BYTES:
            return np.zeros(FRAME_SAMPLES, np.int16)
        frame = np.frombuffer(bytes(self._uplink[:FRAME_BYTES]), dtype="<i2").astype(np.int16)
        del self._uplink[:FRAME_BYTES]
        return frame


assert FRAME_SAMPLES * 50 == RATE_HZ
