"""Who answered reaches the call's outcome: a recording is no person, and no verdict by words hangs up on anybody."""

import pytest

from audio import AnswerClassified, AudioEvent, BeepHeard, DigitHeard, SpeechEnded
from audio.dsp.answer import AnswerClass
from audio.dsp.answer_content import SUBJECTS
from audio.dsp.answer_evidence import AnswerFeatures
from firmware.calls.outcome import FLAGS, answered_by, conclude
from firmware.values import Disposition
from tests.firmware.calls.told_call import call_with

H, M, A, P, F, S = AnswerClass
D = Disposition
SPEECH = SpeechEnded(at_ms=2000, duration_ms=900)
BEEP = BeepHeard(at_ms=2500, frequency_hz=1000.0)
KEY = DigitHeard(digit="1", at_ms=3000, duration_ms=100)


def answered(
    answer: AnswerClass, reason: str = "words", subject: str = "", confidence: float = 0.97
) -> AnswerClassified:
    return AnswerClassified(
        at_ms=3000,
        answer=answer,
        confidence=confidence,
        reason=reason,
        features=AnswerFeatures(talk_s=2.9),
        subject=subject,
    )


@pytest.mark.parametrize(
    ("told", "disposition", "hung_up"),
    [
        pytest.param([SPEECH, answered(H, "greeting")], D.HUNG_UP_EARLY, False, id="a person"),
        pytest.param(
            [SPEECH, answered(M)], D.MACHINE_NO_MESSAGE, False, id="a machine's words are no person's"
        ),
        pytest.param([SPEECH, answered(P)], D.SCREENING_ASSISTANT, False, id="an assistant"),
        pytest.param([SPEECH, answered(A, subject="switched_off")], D.POWERED_OFF, False, id="switched off"),
        pytest.param([SPEECH, answered(A, subject="vacant")], D.VACANT_NUMBER, False, id="vacant"),
        pytest.param(
            [SPEECH, answered(A, subject="vacant", confidence=0.7)], D.UNREACHABLE, False, id="perhaps vacant"
        ),
        pytest.param([SPEECH, answered(A)], D.UNREACHABLE, False, id="an announcement of something"),
        pytest.param(
            [SPEECH, answered(A, "information_tone", "busy")], D.BUSY, True, id="after information tones"
        ),
        pytest.param([answered(F, "fax_tone")], D.FAX, True, id="a fax"),
        pytest.param([answered(S, "quiet")], D.SILENCE, False, id="nobody"),
        pytest.param(
            [SPEECH, answered(H), answered(M)], D.MACHINE_NO_MESSAGE, False, id="corrected to a machine"
        ),
        pytest.param([SPEECH, answered(M), answered(H)], D.HUNG_UP_EARLY, False, id="corrected to a person"),
        pytest.param(
            [KEY, SPEECH, answered(M)], D.HUNG_UP_EARLY, False, id="who pressed a key is no machine"
        ),
        pytest.param(
            [BEEP, answered(A, subject="vacant")],
            D.MACHINE_NO_MESSAGE,
            False,
            id="after a beep words decide nothing",
        ),
        pytest.param([KEY, answered(F, "fax_tone")], D.HUNG_UP_EARLY, False, id="nor a fax"),
    ],
)
def test_what_the_sound_makes_of_the_call(
    told: list[AudioEvent], disposition: Disposition, hung_up: bool
) -> None:
    log, has_hung_up, _ = call_with(told)
    assert (conclude(log).disposition, has_hung_up) == (disposition, hung_up)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_of_an_announcement_has_its_word(subject: str) -> None:
    told = answered_by(AnswerClass.CARRIER_ANNOUNCEMENT, subject, 0.95)
    assert told is not None
    assert not FLAGS[told].reached


def test_the_features_are_kept_with_the_verdict() -> None:
    *_, events = call_with([answered(M)])
    (detail,) = [detail for kind, detail in events if kind == "answer"]
    assert (detail["answer"], detail["reason"], detail["decision_ms"]) == ("machine", "words", 3000)
    assert detail["features"]["talk_s"] == 2.9
