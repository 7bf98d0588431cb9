"""Turn plays into frames: no copy while one clip covers the frame, silent within one frame when stopped."""

from collections import deque

import numpy as np

from audio.events import AudioEvent, PlayFinished, PlayStarted
from audio.frame import AudioFormat, Clip, Frame, silence
from audio.orders import BargeIn, Play


class Player:
    """Says the plays of one call in the order they came."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._n_samples = audio_format.n_samples
        self._rate_hz = audio_format.rate_hz
        self._silence = silence(self._n_samples)
        self._waiting: deque[Play] = deque()
        self._play: Play | None = None
        self._clip_index = 0
        self._clip_offset = 0
        self._n_played = 0

    @property
    def is_playing(self) -> bool:
        """A play is on or waits."""
        return self._play is not None or bool(self._waiting)

    @property
    def silence(self) -> Frame:
        """The one silent frame, shared: a frame that `is` this one carries no sound."""
        return self._silence

    def add(self, play: Play) -> None:
        """Say `play` after those before it."""
        self._waiting.append(play)

    def stop(self, at_ms: int) -> list[AudioEvent]:
        """Fall silent and forget all plays; each is told as interrupted."""
        return self._interrupt(at_ms, {BargeIn.NONE, BargeIn.DTMF, BargeIn.SPEECH})

    def barge_in(self, by: BargeIn, at_ms: int) -> list[AudioEvent]:
        """Stop the play that is on, and those right behind it, as far as each allows `by` to cut it."""
        allowed = {BargeIn.DTMF, BargeIn.SPEECH} if by is BargeIn.DTMF else {BargeIn.SPEECH}
        return self._interrupt(at_ms, allowed)

    def next_frame(self, at_ms: int) -> tuple[Frame, list[AudioEvent]]:
        """Return the next frame to say (read-only) and what began or ended in it."""
        if self._play is None and not self._waiting:
            return self._silence, []
        events: list[AudioEvent] = []
        clip = self._current_clip(at_ms, events)
        if clip is None:
            return self._silence, events
        begin, end = self._clip_offset, self._clip_offset + self._n_samples
        if end <= len(clip):
            self._clip_offset = end
            self._n_played += self._n_samples
            frame: Frame = clip[begin:end]
        else:
            frame = np.zeros(self._n_samples, dtype=np.int16)
            filled = 0
            while clip is not None and filled < self._n_samples:
                part = clip[self._clip_offset : self._clip_offset + self._n_samples - filled]
                frame[filled : filled + len(part)] = part
                filled += len(part)
                self._clip_offset += len(part)
                self._n_played += len(part)
                clip = self._current_clip(at_ms, events, start_next=filled < self._n_samples)
            return frame, events
        self._current_clip(at_ms, events, start_next=False)
        return frame, events

    def _current_clip(self, at_ms: int, events: list[AudioEvent], *, start_next: bool = True) -> Clip | None:
        """Return the clip that has sound left, telling what ended and began on the way to it."""
        while True:
            if self._play is None:
                if not start_next or not self._waiting:
                    return None
                self._play = self._waiting.popleft()
                self._clip_index = self._clip_offset = self._n_played = 0
                events.append(PlayStarted(play_id=self._play.play_id, at_ms=at_ms))
            clips = self._play.clips
            while self._clip_index < len(clips):
                if self._clip_offset < len(clips[self._clip_index]):
                    return clips[self._clip_index]
                self._clip_index += 1
                self._clip_offset = 0
            events.append(self._finish(at_ms, interrupted=False))

    def _interrupt(self, at_ms: int, allowed: set[BargeIn]) -> list[AudioEvent]:
        events: list[AudioEvent] = []
        if self._play is not None:
            if self._play.barge_in not in allowed:
                return events
            events.append(self._finish(at_ms, interrupted=True))
        while self._waiting and self._waiting[0].barge_in in allowed:
            play = self._waiting.popleft()
            events.append(PlayFinished(play_id=play.play_id, at_ms=at_ms, played_ms=0, interrupted=True))
        return events

    def _finish(self, at_ms: int, *, interrupted: bool) -> PlayFinished:
        play, self._play = self._play, None
        assert play is not None
        played_ms = self._n_played * 1000 // self._rate_hz
        return PlayFinished(play_id=play.play_id, at_ms=at_ms, played_ms=played_ms, interrupted=interrupted)
