"""What a call's own detectors hear in a recording of both directions: marks for a picture, found anew each time."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from audio.call_audio import CallAudio
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.speech_activity import SpeechActivity, SpeechOffset
from audio.events import (
    AnswerClassified,
    AudioEvent,
    BeepHeard,
    DigitHeard,
    FaxHeard,
    LineFaultRaised,
    ProgressHeard,
    SitHeard,
    SpeechEnded,
)
from audio.frame import NARROWBAND, freeze
from audio.orders import Play
from audio.sound_file import frames_of


class MarkKind(StrEnum):
    """What was heard."""

    SPEECH = "speech"
    KEY = "key"
    BEEP = "beep"
    ANSWER = "answer"
    TONE = "tone"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something heard from `begin_ms` to `end_ms` of the recording."""

    kind: MarkKind
    is_callee: bool
    begin_ms: int
    end_ms: int
    label: str = ""


def marks_of(sound: NDArray[np.int16]) -> list[Mark]:
    """Return what is heard in `sound` (int16, shape (n_samples, 2): callee, box), in order of time."""
    callee, box = freeze(np.ascontiguousarray(sound[:, 0])), freeze(np.ascontiguousarray(sound[:, 1]))
    call = CallAudio()
    if len(box):
        # Said again, so that the box's own voice in the callee's echo is told from the callee as in the call itself.
        call.order(Play(play_id=0, clips=(box,)))
    marks = []
    for frame in frames_of(callee):
        _, events = call.process(frame)
        marks += [mark for event in events if (mark := _mark_of(event)) is not None]
    marks += [mark for event in call.finish() if (mark := _mark_of(event)) is not None]
    marks += _said_by_the_box(box)
    return sorted(marks, key=lambda mark: (mark.begin_ms, mark.kind, not mark.is_callee))


def _mark_of(event: AudioEvent) -> Mark | None:
    """Return the mark of what the callee's side sent; None for what is no part of a picture."""
    match event:
        case SpeechEnded(at_ms=at_ms, duration_ms=duration_ms):
            return _callee(MarkKind.SPEECH, at_ms - duration_ms, duration_ms)
        case DigitHeard(digit=digit, at_ms=at_ms, duration_ms=duration_ms):
            return _callee(MarkKind.KEY, at_ms, duration_ms, digit)
        case BeepHeard(at_ms=at_ms, frequency_hz=hz):
            return _callee(MarkKind.BEEP, at_ms, 0, f"beep {hz:.0f} Hz")
        case AnswerClassified(at_ms=at_ms, answer=answer):
            return _callee(MarkKind.ANSWER, at_ms, 0, answer.replace("_", " "))
        case ProgressHeard(at_ms=at_ms, tone=tone):
            return _callee(MarkKind.TONE, at_ms, 0, tone.replace("_", " "))
        case SitHeard(at_ms=at_ms, code=code):
            return _callee(MarkKind.TONE, at_ms, 0, f"information tone, {code.replace('_', ' ')}")
        case FaxHeard(at_ms=at_ms, tone=fax):
            return _callee(MarkKind.TONE, at_ms, 0, f"fax {fax}")
        case LineFaultRaised(at_ms=at_ms, fault=fault):
            return _callee(MarkKind.FAULT, at_ms, 0, fault.replace("_", " "))
        case _:
            return None


def _callee(kind: MarkKind, begin_ms: int, duration_ms: int, label: str = "") -> Mark:
    return Mark(kind=kind, is_callee=True, begin_ms=begin_ms, end_ms=begin_ms + duration_ms, label=label)


def _said_by_the_box(box: NDArray[np.int16]) -> list[Mark]:
    speech, keys = SpeechActivity(), DtmfDetector()
    spoken = [*speech.feed(box), speech.finish()]
    pressed = [*keys.feed(box), keys.finish()]
    spans = [(MarkKind.SPEECH, one.begin, one.end, "") for one in spoken if isinstance(one, SpeechOffset)]
    spans += [(MarkKind.KEY, one.begin, one.end, one.digit) for one in pressed if one is not None]
    per_ms = NARROWBAND.rate_hz // 1000
    return [
        Mark(kind=kind, is_callee=False, begin_ms=begin // per_ms, end_ms=end // per_ms, label=label)
        for kind, begin, end, label in spans
    ]
