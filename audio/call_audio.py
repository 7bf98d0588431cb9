"""The frame loop of one call: a frame in, a frame out, and what was heard. Pure: no clock, no I/O, no threads."""

from collections import deque
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer import AnswerDetector, AnswerVerdict
from audio.dsp.answer_parts import AnswerPart
from audio.dsp.beep import BeepDetector
from audio.dsp.dtmf_detector import DtmfDetector, HeardDigit
from audio.dsp.dtmf_generator import digits_clip
from audio.dsp.endpointer import Endpointer
from audio.dsp.fax import FaxDetector
from audio.dsp.level import SILENCE_DBFS, LevelMeter, power_of, to_dbfs
from audio.dsp.line_watch import LineWatch
from audio.dsp.progress import ProgressDetector
from audio.dsp.progress_tones import COUNTRIES
from audio.dsp.sit import SitDetector
from audio.dsp.speech_activity import SpeechActivity, SpeechOffset, SpeechOnset
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.errors import UnsupportedFormatError
from audio.events import (
    AnswerClassified,
    AnswerSpeechHeard,
    AudioEvent,
    BeepHeard,
    DigitHeard,
    FaxHeard,
    LevelReport,
    LineFaultCleared,
    LineFaultRaised,
    PlayFinished,
    ProgressHeard,
    SitHeard,
    SpeechEnded,
    SpeechStarted,
    UtteranceHeard,
    UtterancePaused,
)
from audio.frame import NARROWBAND, AudioFormat, Clip, Frame
from audio.orders import (
    DIGITS,
    AnswerText,
    AudioOrder,
    BargeIn,
    Join,
    Listen,
    Play,
    SendDigits,
    StartRecording,
    StopPlaying,
    StopRecording,
)
from audio.player import Player
from audio.recorder import StereoRecorder

REPORT_FRAMES = 50
ECHO_LOSS_DB = 24.0
"""What comes back this far below our own voice, or lower, is our own voice (G.131 asks networks for 46)."""
ECHO_TAIL_FRAMES = 25
"""500 ms: a GSM round trip and a room."""
KEY_ECHO_FRAMES = 35

_KEY_CLIPS: dict[str, Clip] = {digit: digits_clip(digit) for digit in DIGITS}


class CallAudio:
    """One call's sound. The same frames and orders give the same frames and events, bit for bit."""

    def __init__(
        self,
        format: AudioFormat = NARROWBAND,
        *,
        recording_chunk_ms: int = 2000,
        countries: tuple[str, ...] = COUNTRIES,
        speech: SpeechActivity | None = None,
        listens: bool = False,
        asks_words: bool = False,
    ) -> None:
        """Make one call's sound; `countries` are those whose call-progress tones may be heard.

        `speech`: a better judge of what is speech than the plain one. `listens`: tell what is said as `UtteranceHeard`.
        `asks_words`: hand out what is said after answering as `AnswerSpeechHeard`, to be ordered back as `AnswerText`.
        """
        if format != NARROWBAND:
            raise UnsupportedFormatError(
                f"calls run at 8 kHz in 20 ms frames, not {format.rate_hz} Hz, {format.ptime_ms} ms"
            )
        self.format = format
        self._recording_chunk_ms = recording_chunk_ms
        self._orders: deque[AudioOrder] = deque()
        self._n_frames = 0
        self._player = Player(format)
        self._keys: deque[str] = deque()
        self._key_offset = 0
        self._key_echo_until: dict[str, int] = {}
        self._dtmf = DtmfDetector()
        self._n_presses = 0
        self._speech = speech or SpeechActivity()
        self._endpointer = Endpointer() if listens else None
        self._beep = BeepDetector()
        self._answer = AnswerDetector(asks_words=asks_words)
        self._progress = ProgressDetector(countries)
        self._sit = SitDetector()
        self._fax = FaxDetector()
        self._watch = LineWatch()
        self._said_dbfs: deque[float] = deque([SILENCE_DBFS], maxlen=ECHO_TAIL_FRAMES)
        self._level_in = LevelMeter()
        self._level_out = LevelMeter()
        self._recorder: StereoRecorder | None = None
        self._joined: Join | None = None

    @property
    def now_ms(self) -> int:
        """How much sound has passed."""
        return self._n_frames * self.format.ptime_ms

    @property
    def n_waiting_orders(self) -> int:
        """Orders that the next frame will apply."""
        return len(self._orders)

    def order(self, order: AudioOrder) -> None:
        """Have `order` applied at the next frame."""
        self._orders.append(order)

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        """Take the far end's next frame; return ours (read it before the next call) and what happened."""
        if frame_in.shape != (self.format.n_samples,):
            raise UnsupportedFormatError(f"a frame is {self.format.n_samples} samples, not {frame_in.shape}")
        events: list[AudioEvent] = []
        at_ms = self.now_ms
        while self._orders:
            self._apply(self._orders.popleft(), at_ms, events)
        if self._joined is None:
            self._listen(frame_in, at_ms, events)
        else:
            self._joined.to_other.put(frame_in)
            self._level_in.add(power_of(frame_in.astype(np.float32)))
        frame_out = self._say(at_ms, events)
        if (
            self._recorder is not None
            and (chunk := self._recorder.add(frame_in, frame_out, at_ms)) is not None
        ):
            events.append(chunk)
        self._n_frames += 1
        if self._n_frames % REPORT_FRAMES == 0:
            in_dbfs, out_dbfs = self._level_in.take(), self._level_out.take()
            events.append(LevelReport(at_ms=self.now_ms, in_dbfs=in_dbfs, out_dbfs=out_dbfs))
        return frame_out, events

    def ask_rest(self) -> list[AudioEvent]:
        """Hand out what was said last, before `finish`: for a recording that ends while somebody talks."""
        events: list[AudioEvent] = []
        if (part := self._answer.rest()) is not None:
            self._ask_words(part, self.now_ms, events)
        return events

    def finish(self) -> list[AudioEvent]:
        """End the call's sound: tell what was still going on, the last recording chunk included."""
        events: list[AudioEvent] = []
        at_ms = self.now_ms
        while self._orders:
            self._apply(self._orders.popleft(), at_ms, events)
        if (heard := self._dtmf.finish()) is not None:
            self._tell_digit(heard, events)
        self._end_speech(at_ms, events)
        if (verdict := self._answer.finish()) is not None:
            self._tell_answer(verdict, events)
        events += self._player.stop(at_ms)
        self._stop_recording(at_ms, events)
        return events

    def _apply(self, order: AudioOrder, at_ms: int, events: list[AudioEvent]) -> None:
        match order:
            case Play():
                self._player.add(order)
            case StopPlaying():
                events += self._player.stop(at_ms)
                self._keys.clear()
                self._key_offset = 0
            case SendDigits(digits=digits):
                self._keys += digits
            case StartRecording():
                if self._recorder is None:
                    self._recorder = StereoRecorder(self.format, self._recording_chunk_ms)
            case StopRecording():
                self._stop_recording(at_ms, events)
            case Listen(patience=patience):
                if self._endpointer is not None:
                    self._endpointer.patience = patience
            case AnswerText(part=part, written=written):
                if (verdict := self._answer.take_text(part, written)) is not None:
                    self._tell_answer(verdict, events)
            case Join():
                self._end_speech(at_ms, events)
                self._joined = order
            case _:
                assert_never(order)

    def _stop_recording(self, at_ms: int, events: list[AudioEvent]) -> None:
        if self._recorder is not None:
            events.append(self._recorder.stop(at_ms))
            self._recorder = None

    def _listen(self, frame_in: Frame, at_ms: int, events: list[AudioEvent]) -> None:
        """Hear keys, speech and beeps in the far end's frame, and let them cut a play short."""
        samples = frame_in.astype(np.float32)
        power = power_of(samples)
        self._level_in.add(power)
        spectrum = spectrum_of(samples, power)
        for heard in self._dtmf.take_block(samples, spectrum):
            self._tell_digit(heard, events)
        if self._dtmf.n_presses != self._n_presses:
            self._n_presses = self._dtmf.n_presses
            if not self._is_key_echo(self._dtmf.digit_down):
                events += self._player.barge_in(BargeIn.DTMF, at_ms)
        is_key, echo_dbfs = self._dtmf.in_tone, self._echo_dbfs()
        change = self._speech.take_block(samples, spectrum, is_tone=is_key, echo_dbfs=echo_dbfs)
        if self._endpointer is not None:
            self._endpointer.take_block(frame_in, is_active=self._speech.is_active)
        if change is not None:
            self._tell_speech(change, at_ms, events)
        if self._endpointer is not None:
            if self._endpointer.is_full:
                self._end_speech(at_ms, events)
            self._speech.hangover_blocks = self._endpointer.hangover_blocks
            self._tell_pause(self._endpointer, events)
        is_speech = self._speech.is_active and self._speech.is_speaking
        beep = self._beep.take_block(spectrum, is_speech=is_speech, is_key=is_key)
        if beep is not None:
            events.append(BeepHeard(at_ms=self._ms(beep.begin), frequency_hz=beep.frequency_hz))
        is_sit, is_fax = self._listen_for_tones(spectrum, events, is_speech=is_speech)
        verdict = self._answer.take_block(
            samples,
            spectrum,
            is_beep=beep is not None,
            is_fax=is_fax,
            is_sit=is_sit,
            is_key=is_key,
            echo_dbfs=echo_dbfs,
        )
        if verdict is not None:
            self._tell_answer(verdict, events)
        if self._answer.part is not None:
            self._ask_words(self._answer.part, at_ms + self.format.ptime_ms, events)
        self._watch_line(samples, spectrum, at_ms, events)

    def _listen_for_tones(
        self, spectrum: BlockSpectrum, events: list[AudioEvent], *, is_speech: bool
    ) -> tuple[bool, bool]:
        """Hear what exchanges and fax machines say; return whether special information tones or a fax came."""
        progress = self._progress.take_block(spectrum, is_speech=is_speech)
        if progress is not None:
            events.append(
                ProgressHeard(
                    at_ms=self._ms(progress.begin),
                    tone=progress.tone,
                    countries=progress.countries,
                    others=progress.others,
                    frequency_hz=progress.frequency_hz,
                )
            )
        sit = self._sit.take_block(spectrum)
        if sit is not None:
            events.append(SitHeard(at_ms=self._ms(sit.begin), code=sit.code))
        fax = self._fax.take_block(spectrum, is_speech=is_speech)
        if fax is not None:
            events.append(FaxHeard(at_ms=self._ms(fax.begin), tone=fax.tone))
        return sit is not None, fax is not None

    def _watch_line(
        self,
        samples: NDArray[np.float32],
        spectrum: BlockSpectrum,
        at_ms: int,
        events: list[AudioEvent],
    ) -> None:
        """Tell what is wrong with the sound."""
        changes = self._watch.take_block(
            samples,
            level_dbfs=spectrum.level_dbfs,
            band_dbfs=spectrum.band_dbfs,
            noise_dbfs=self._speech.noise_floor_dbfs,
            said_dbfs=self._said_dbfs[-1],
        )
        for change in changes:
            kind = LineFaultRaised if change.is_raised else LineFaultCleared
            events.append(kind(at_ms=at_ms, fault=change.fault))

    def _say(self, at_ms: int, events: list[AudioEvent]) -> Frame:
        """Return the frame to send: keys before prompts, prompts before a joined call, that before silence."""
        other = None if self._joined is None else self._joined.from_other.take()
        if self._keys:
            frame = self._next_key_frame()
        else:
            frame, told = self._player.next_frame(at_ms)
            events += told
            if any(isinstance(event, PlayFinished) for event in told):
                self._answer.expect_reply()
        if other is not None and frame is self._player.silence:
            frame = other
        if frame is self._player.silence:
            self._level_out.add(0.0)
            self._said_dbfs.append(SILENCE_DBFS)
            return frame
        power = power_of(frame)
        self._level_out.add(power)
        self._said_dbfs.append(to_dbfs(power))
        return frame

    def _next_key_frame(self) -> Frame:
        digit = self._keys[0]
        clip = _KEY_CLIPS[digit]
        self._key_echo_until[digit] = self._n_frames + KEY_ECHO_FRAMES
        frame = clip[self._key_offset : self._key_offset + self.format.n_samples]
        self._key_offset += self.format.n_samples
        if self._key_offset >= len(clip):
            self._keys.popleft()
            self._key_offset = 0
        return frame

    def _echo_dbfs(self) -> float:
        """Return how loud our own voice may come back at this moment."""
        return max(self._said_dbfs) - ECHO_LOSS_DB

    def _is_key_echo(self, digit: str | None) -> bool:
        return digit is not None and self._key_echo_until.get(digit, -1) >= self._n_frames

    def _tell_digit(self, heard: HeardDigit, events: list[AudioEvent]) -> None:
        if not self._is_key_echo(heard.digit):
            duration_ms = self._ms(heard.end - heard.begin)
            events.append(DigitHeard(digit=heard.digit, at_ms=self._ms(heard.begin), duration_ms=duration_ms))

    def _tell_answer(self, verdict: AnswerVerdict, events: list[AudioEvent]) -> None:
        events.append(
            AnswerClassified(
                at_ms=self._ms(verdict.at),
                answer=verdict.answer,
                confidence=verdict.confidence,
                reason=verdict.reason,
                features=verdict.features,
                subject=verdict.subject,
                cues=verdict.cues,
            )
        )

    def _ask_words(self, part: AnswerPart, at_ms: int, events: list[AudioEvent]) -> None:
        events.append(AnswerSpeechHeard(at_ms=at_ms, part=part.part, pcm=part.pcm.astype("<i2").tobytes()))

    def _tell_speech(self, change: SpeechOnset | SpeechOffset, at_ms: int, events: list[AudioEvent]) -> None:
        match change:
            case SpeechOnset(begin=begin):
                if self._endpointer is not None:
                    self._endpointer.begin(begin)
                events.append(SpeechStarted(at_ms=self._ms(begin)))
                events += self._player.barge_in(BargeIn.SPEECH, at_ms)
            case SpeechOffset(begin=begin, end=end):
                ended_ms, duration_ms = self._ms(end), self._ms(end - begin)
                events.append(SpeechEnded(at_ms=ended_ms, duration_ms=duration_ms))
                if self._endpointer is not None:
                    pcm = self._endpointer.end(begin, end).pcm
                    events.append(UtteranceHeard(at_ms=ended_ms, duration_ms=duration_ms, pcm=pcm))
            case _:
                assert_never(change)

    def _tell_pause(self, endpointer: Endpointer, events: list[AudioEvent]) -> None:
        """Tell what was said so far once a pause begins that may end the turn: its text can be there when it does."""
        so_far = self._speech.so_far()
        if so_far is None or not endpointer.may_end(self._speech.quiet_blocks):
            return
        events.append(
            UtterancePaused(
                at_ms=self._ms(so_far.end),
                duration_ms=self._ms(so_far.end - so_far.begin),
                pcm=endpointer.so_far(so_far.begin, so_far.end).pcm,
            )
        )

    def _end_speech(self, at_ms: int, events: list[AudioEvent]) -> None:
        if (offset := self._speech.finish()) is not None:
            self._tell_speech(offset, at_ms, events)

    def _ms(self, n_samples: int) -> int:
        return n_samples * 1000 // self.format.rate_hz
