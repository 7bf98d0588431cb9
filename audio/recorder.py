"""Gather both directions of a call into chunks, time-aligned; writes no file."""

import numpy as np

from audio.events import RecordingChunk
from audio.frame import AudioFormat, Frame


class StereoRecorder:
    """One recording in the making: a frame of each direction in, a chunk out when it is full."""

    def __init__(self, audio_format: AudioFormat, chunk_ms: int) -> None:
        self._n_frame = audio_format.n_samples
        n_frames = max(1, chunk_ms // audio_format.ptime_ms)
        self._buffer = np.zeros((n_frames * self._n_frame, 2), dtype="<i2")
        self._n_filled = 0
        self._first_at_ms = 0
        self._index = 0

    def add(self, heard: Frame, said: Frame, at_ms: int) -> RecordingChunk | None:
        """Keep one frame of each direction; return the chunk it fills."""
        if self._n_filled == 0:
            self._first_at_ms = at_ms
        end = self._n_filled + self._n_frame
        part = self._buffer[self._n_filled : end]
        part[:, 0] = heard
        part[:, 1] = said
        self._n_filled = end
        return self._take(is_last=False) if end == len(self._buffer) else None

    def stop(self, at_ms: int) -> RecordingChunk:
        """Return the last chunk, which may be empty."""
        if self._n_filled == 0:
            self._first_at_ms = at_ms
        return self._take(is_last=True)

    def _take(self, *, is_last: bool) -> RecordingChunk:
        pcm = self._buffer[: self._n_filled].tobytes()
        chunk = RecordingChunk(index=self._index, pcm=pcm, first_at_ms=self._first_at_ms, is_last=is_last)
        self._index += 1
        self._n_filled = 0
        return chunk
