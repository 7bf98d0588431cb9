"""Asterisk's answering machine detection, written anew from the published description of app_amd.

For comparison only: one frame of 20 ms at a time, the defaults of its sample configuration. Not Asterisk's code.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 20
FRAME_SAMPLES = 160
INITIAL_SILENCE_MS = 2500
GREETING_MS = 1500
AFTER_GREETING_SILENCE_MS = 800
TOTAL_ANALYSIS_MS = 5000
MIN_WORD_MS = 100
BETWEEN_WORDS_SILENCE_MS = 50
MAX_WORDS = 2
"""More than these are a machine."""
SILENCE_THRESHOLD = 256
"""Mean of the frame's magnitudes, of 32767."""
MAX_WORD_MS = 5000


@dataclass(frozen=True, slots=True)
class AmdStatus:
    """HUMAN, MACHINE or NOTSURE, why, and when."""

    status: str
    cause: str
    at_ms: int


def asterisk_amd(pcm: NDArray[np.int16]) -> AmdStatus:
    """Return what app_amd says of a call's sound (8 kHz mono)."""
    in_initial_silence, in_greeting, in_word = True, False, True
    consecutive_voice_ms = voice_ms = silence_ms = total_ms = words = 0
    for begin in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        total_ms += FRAME_MS
        if total_ms >= TOTAL_ANALYSIS_MS:
            return AmdStatus("NOTSURE", "TOOLONG", total_ms)
        frame = pcm[begin : begin + FRAME_SAMPLES].astype(np.int32)
        if float(np.abs(frame).mean()) < SILENCE_THRESHOLD:
            silence_ms += FRAME_MS
            if silence_ms >= BETWEEN_WORDS_SILENCE_MS:
                in_word = False
                consecutive_voice_ms = 0
            if in_initial_silence and silence_ms >= INITIAL_SILENCE_MS:
                return AmdStatus("MACHINE", "INITIALSILENCE", total_ms)
            if in_greeting and silence_ms >= AFTER_GREETING_SILENCE_MS:
                return AmdStatus("HUMAN", "HUMAN", total_ms)
            continue
        silence_ms = 0
        consecutive_voice_ms += FRAME_MS
        voice_ms += FRAME_MS
        if consecutive_voice_ms >= MIN_WORD_MS and not in_word:
            words += 1
            in_word = True
        if consecutive_voice_ms >= MAX_WORD_MS:
            return AmdStatus("MACHINE", "MAXWORDLENGTH", total_ms)
        if words > MAX_WORDS:
            return AmdStatus("MACHINE", "MAXWORDS", total_ms)
        if in_greeting and voice_ms >= GREETING_MS:
            return AmdStatus("MACHINE", "LONGGREETING", total_ms)
        if consecutive_voice_ms >= MIN_WORD_MS and not in_greeting:
            in_initial_silence, in_greeting = False, True
    return AmdStatus("HANGUP", "HANGUP", total_ms)
