"""Tell who answered: a person, a machine, a network's announcement, a screening assistant, a fax, or nobody.

Verdicts come as soon as they are of use and may be taken back: a short greeting is answered within 300 ms of its end
(`human`), and if the greeter then goes on as a recording does, a later verdict says so. What decides is what the words
sound like and how long they go on (`answer_evidence`), and more surely what a recogniser wrote down of them: with
`asks_words` the detector hands out what was said (`part`), and takes what it was (`take_text`) whenever that is known.
Some sounds decide alone: fax tones, the special information tone before an announcement, the beep before a recording.
Sound that says the same again, word for word, is an announcement.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_content import ContentModel, content_model
from audio.dsp.answer_evidence import AnswerEvidence, AnswerFeatures, has_text, probability_of_recording
from audio.dsp.answer_parts import AnswerPart, AnswerParts
from audio.dsp.answer_words import Written
from audio.dsp.beep import BeepDetector
from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES, Blocks
from audio.dsp.fax import FaxDetector
from audio.dsp.level import SILENCE_DBFS
from audio.dsp.repetition import Repetition
from audio.dsp.sit import SitDetector
from audio.dsp.speech_activity import SpeechActivity
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.dsp.utterances import GAP_BLOCKS

EVERY_BLOCKS = 5
"""While somebody speaks, the model is asked every 100 ms."""
RECORDING_AT = 0.85
"""While it talks, and after 240 ms of quiet."""
RECORDING_SETTLED_AT = 0.5
"""Once it waits."""
HUMAN_BELOW = 0.5
SETTLED_BLOCKS = 1200 // BLOCK_MS
"""After this much quiet a doubtful greeting is over."""
HUMAN_SETTLED_BLOCKS = 2000 // BLOCK_MS
"""A person who greeted and now waits: what is said later is conversation, and none of ours."""
MAX_REPLY_PROBABILITY = 0.4
"""A greeting does not wait until we have spoken: only tones and repetition make a machine of a reply."""
OTHER_KIND_AT = 0.6
"""Share of the recordings' probability at which one kind of recording is told after another."""
SUBJECT_AT = 0.95
"""A wrong subject is worse than none: of five told at 0.5 in held-out voices and texts, none was right."""
SAID_SUBJECT_AT = 0.6
"""Of words that were written down."""
TAKEN_BACK_BELOW = 0.35
"""With words that were written down; without them it takes as much to believe in a person again as in a recording."""
SILENCE_BLOCKS = 4000 // BLOCK_MS
LISTEN_BLOCKS = 30_000 // BLOCK_MS
"""After the first live sound."""


class AnswerClass(StrEnum):
    """Who or what took the call."""

    HUMAN = "human"
    MACHINE = "machine"
    CARRIER_ANNOUNCEMENT = "carrier_announcement"
    SCREENING_ASSISTANT = "screening_assistant"
    FAX = "fax"
    SILENCE = "silence"


RECORDINGS = (AnswerClass.MACHINE, AnswerClass.CARRIER_ANNOUNCEMENT, AnswerClass.SCREENING_ASSISTANT)
"""Speech in which no person speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerVerdict:
    """What is believed from sample `at` on, until the next verdict."""

    answer: AnswerClass
    confidence: float
    at: int
    reason: str
    """What decided: greeting, words, transcript, beep, fax_tone, information_tone, repetition, quiet."""
    features: AnswerFeatures
    subject: str = ""
    """What an announcement is about (busy, switched_off, vacant, ...); empty when that cannot be told."""
    cues: tuple[str, ...] = field(default=(), repr=False)
    """Of words that were written down: those that spoke the most for what they speak for."""


class _OwnEars:
    """What a detector hears that is fed with samples; in a call its own detectors tell."""

    def __init__(self) -> None:
        self.speech = SpeechActivity()
        self.beep = BeepDetector()
        self.fax = FaxDetector()
        self.sit = SitDetector()


class AnswerDetector:
    """Follows one direction from answer on. Verdicts never depend on how the samples were sliced."""

    def __init__(self, model: ContentModel | None = None, *, asks_words: bool = False) -> None:
        self.verdict: AnswerVerdict | None = None
        """The newest."""
        self.is_done = False
        """No verdict follows, and blocks cost nothing."""
        self._blocks = Blocks()
        self._own: _OwnEars | None = None
        self._evidence = AnswerEvidence(model or content_model())
        self._repetition: Repetition | None = Repetition()
        self._is_reply = False
        self._parts = AnswerParts() if asks_words else None
        self.part: AnswerPart | None = None
        """What was said, to be written down by a recogniser; set with the block that completes it, until the next."""

    def feed(self, samples: NDArray[np.int16]) -> list[AnswerVerdict]:
        """Take samples of any number and return the verdicts that they bring."""
        told = []
        own = self._own = self._own or _OwnEars()
        for block in self._blocks.feed(samples):
            spectrum = spectrum_of(block)
            own.speech.take_block(block, spectrum)
            is_speech = own.speech.is_active and own.speech.is_speaking
            beep = own.beep.take_block(spectrum, is_speech=is_speech)
            fax = own.fax.take_block(spectrum, is_speech=is_speech)
            sit = own.sit.take_block(spectrum)
            verdict = self.take_block(
                block.astype(np.float32),
                spectrum,
                is_beep=beep is not None,
                is_fax=fax is not None,
                is_sit=sit is not None,
            )
            if verdict is not None:
                told.append(verdict)
        return told

    def take_block(
        self,
        block: NDArray[np.float32],
        spectrum: BlockSpectrum,
        *,
        is_beep: bool = False,
        is_fax: bool = False,
        is_sit: bool = False,
        is_key: bool = False,
        echo_dbfs: float = SILENCE_DBFS,
    ) -> AnswerVerdict | None:
        """Take one block and what the other detectors say of it; what is not above `echo_dbfs` is our own voice."""
        self.part = None
        if self.is_done:
            return None
        self._evidence.take_block(block, spectrum, is_key=is_key, echo_dbfs=echo_dbfs)
        if self._parts is not None:
            self.part = self._parts.take_block(block, is_speaking=self._evidence.heard.is_speaking)
        assert self._repetition is not None
        is_repeated = self._repetition.take_block(block, is_speech=self._evidence.heard.is_speaking)
        verdict = self._judge(is_beep=is_beep, is_fax=is_fax, is_sit=is_sit, is_repeated=is_repeated)
        if verdict is not None:
            self.verdict = verdict
        if self._is_over():
            self._let_go()
        return verdict

    def take_text(self, part: int, written: tuple[Written, ...]) -> AnswerVerdict | None:
        """Take what a recogniser wrote down of one piece of the speech, and return the verdict that it brings."""
        if self.is_done or self._is_reply or self.reason in ("fax_tone", "beep"):
            return None
        self._evidence.take_text(part, written)
        gap = self._evidence.heard.gap_blocks
        if gap is None or self._evidence.said is None:
            return None
        if self._is_decided_by_tones():
            verdict = self._named_subject(GAP_BLOCKS)
        else:
            verdict = self._weigh(self.verdict.answer if self.verdict else None, gap)
        self.verdict = verdict or self.verdict
        return verdict

    def rest(self) -> AnswerPart | None:
        """Return what was said last and not yet handed out, where the sound ends."""
        return self._parts.rest() if self._parts is not None and not self.is_done else None

    def expect_reply(self) -> None:
        """Say that we spoke first and have ended: who speaks only now replies, and may do so at any length."""
        if not self._evidence.heard.spoken():
            self._is_reply = True

    def finish(self) -> AnswerVerdict | None:
        """End the sound and return the verdict that its end brings, if it brings one."""
        if self.is_done:
            return None
        self._evidence.flush()
        self._let_go()
        features = self._evidence.features()
        believed = self.verdict.answer if self.verdict else None
        told: AnswerVerdict | None = None
        if features.n_utterances and not self._is_decided_by_tones():
            told = self._at_last(believed, features)
        elif self.verdict is None:
            told = self._tell(AnswerClass.SILENCE, 0.5, "quiet", features)
        self.verdict = told or self.verdict
        return told

    def _let_go(self) -> None:
        """Decide nothing more, and hold nothing that only deciding needs: 140 KB, most of what a call holds."""
        self.is_done = True
        self._evidence.stop_listening()
        self._repetition = self._parts = None

    def _at_last(self, believed: AnswerClass | None, features: AnswerFeatures) -> AnswerVerdict | None:
        """Weigh all of a sound that has ended: nothing better will come."""
        p_recording = self._probability(features)
        if believed in RECORDINGS and p_recording >= HUMAN_BELOW:
            return self._other_kind(p_recording, features)
        if believed not in RECORDINGS and p_recording >= RECORDING_SETTLED_AT:
            return self._recording(p_recording, features)
        if believed is not AnswerClass.HUMAN and p_recording < HUMAN_BELOW:
            return self._tell(AnswerClass.HUMAN, 1 - p_recording, "greeting", features)
        if believed in (None, AnswerClass.SILENCE):
            return self._tell(AnswerClass.HUMAN, 0.5, "greeting", features)
        return None

    def _judge(self, *, is_beep: bool, is_fax: bool, is_sit: bool, is_repeated: bool) -> AnswerVerdict | None:
        believed = self.verdict.answer if self.verdict else None
        if is_fax and believed is not AnswerClass.FAX:
            return self._tell(AnswerClass.FAX, 0.99, "fax_tone", self._evidence.features())
        if believed is AnswerClass.FAX:
            return None
        carrier = AnswerClass.CARRIER_ANNOUNCEMENT
        if is_sit and self.reason != "information_tone":
            return self._tell(carrier, 0.98, "information_tone", self._evidence.features())
        if is_repeated and self.reason not in ("information_tone", "repetition"):
            return self._tell(carrier, 0.9, "repetition", self._evidence.features())
        if is_beep and not self._is_decided_by_tones():
            return self._tell(AnswerClass.MACHINE, 0.98, "beep", self._evidence.features())
        if self.reason == "beep":
            return None
        heard = self._evidence.heard
        gap = heard.gap_blocks
        if gap is None:
            return self._wait(believed)
        if gap != GAP_BLOCKS and heard.n_blocks % EVERY_BLOCKS:
            return None
        if self._is_decided_by_tones():
            return self._named_subject(gap)
        return self._weigh(believed, gap)

    def _wait(self, believed: AnswerClass | None) -> AnswerVerdict | None:
        """Nobody has spoken: only live quiet is evidence, and tones are not."""
        if believed is None and self._evidence.heard.n_quiet_blocks >= SILENCE_BLOCKS:
            return self._tell(AnswerClass.SILENCE, 0.8, "quiet", self._evidence.features())
        return None

    def _weigh(self, believed: AnswerClass | None, gap: int) -> AnswerVerdict | None:
        features = self._evidence.features()
        p_recording = self._probability(features)
        is_settled = gap >= (GAP_BLOCKS if has_text(features) else SETTLED_BLOCKS)
        if believed not in RECORDINGS:
            if p_recording >= (RECORDING_SETTLED_AT if is_settled else RECORDING_AT):
                return self._recording(p_recording, features)
            below = RECORDING_SETTLED_AT if is_settled else HUMAN_BELOW
            if believed is not AnswerClass.HUMAN and gap >= GAP_BLOCKS and p_recording < below:
                return self._tell(AnswerClass.HUMAN, max(0.5, 1 - p_recording), "greeting", features)
            return None
        # A verdict that may have stopped a prompt is taken back only on good evidence.
        if gap >= GAP_BLOCKS and p_recording < (TAKEN_BACK_BELOW if has_text(features) else 1 - RECORDING_AT):
            return self._tell(AnswerClass.HUMAN, 1 - p_recording, "greeting", features)
        return self._other_kind(p_recording, features) if gap >= GAP_BLOCKS else None

    def _recording(self, p_recording: float, features: AnswerFeatures) -> AnswerVerdict:
        answer, share = _kind_of(features)
        subject = self._subject() if answer is AnswerClass.CARRIER_ANNOUNCEMENT else ""
        reason = "transcript" if has_text(features) else "words"
        return self._tell(answer, p_recording * max(share, 0.5), reason, features, subject)

    def _other_kind(self, p_recording: float, features: AnswerFeatures) -> AnswerVerdict | None:
        """Tell a recording's kind or subject anew when more of it has been heard."""
        assert self.verdict is not None
        answer, share = _kind_of(features)
        if answer is self.verdict.answer:
            return self._named_subject(GAP_BLOCKS)
        return self._recording(p_recording, features) if share >= OTHER_KIND_AT else None

    def _named_subject(self, gap: int) -> AnswerVerdict | None:
        """Tell what an announcement is about once its words say so."""
        last = self.verdict
        if last is None or last.answer is not AnswerClass.CARRIER_ANNOUNCEMENT or gap < GAP_BLOCKS:
            return None
        subject = self._subject()
        if not subject or subject == last.subject:
            return None
        return self._tell(last.answer, last.confidence, last.reason, self._evidence.features(), subject)

    def _subject(self) -> str:
        for content, least in (
            (self._evidence.said.content if self._evidence.said else None, SAID_SUBJECT_AT),
            (self._evidence.content, SUBJECT_AT),
        ):
            if content is not None:
                subject, share = max(content.subject.items(), key=lambda one: one[1])
                if share >= least:
                    return subject
        return ""

    @property
    def reason(self) -> str:
        """Why the newest verdict was given."""
        return self.verdict.reason if self.verdict else ""

    def _is_decided_by_tones(self) -> bool:
        return self.reason in ("beep", "fax_tone", "information_tone", "repetition")

    def _is_over(self) -> bool:
        first_live, heard = self._evidence.first_live, self._evidence.heard
        if first_live is None:
            return False
        if heard.n_blocks - first_live >= LISTEN_BLOCKS:
            return True
        gap = heard.gap_blocks
        believed = self.verdict.answer if self.verdict else None
        return believed is AnswerClass.HUMAN and gap is not None and gap >= HUMAN_SETTLED_BLOCKS

    def _probability(self, features: AnswerFeatures) -> float:
        p_recording = probability_of_recording(features)
        return min(p_recording, MAX_REPLY_PROBABILITY) if self._is_reply else p_recording

    def _tell(
        self, answer: AnswerClass, confidence: float, reason: str, features: AnswerFeatures, subject: str = ""
    ) -> AnswerVerdict:
        return AnswerVerdict(
            answer=answer,
            confidence=round(confidence, 3),
            at=self._evidence.heard.n_blocks * BLOCK_SAMPLES,
            reason=reason,
            features=features,
            subject=subject,
            cues=self._evidence.said.cues if self._evidence.said else (),
        )


def _kind_of(features: AnswerFeatures) -> tuple[AnswerClass, float]:
    """Return what kind of recording the words sound like, and its share among the three."""
    f = features
    told = (f.words_machine, f.words_carrier, f.words_screening)
    if has_text(features):
        told = (f.said_machine, f.said_carrier, f.said_screening)
    shares = dict(zip(RECORDINGS, told, strict=True))
    total = sum(shares.values())
    answer = max(shares, key=lambda one: shares[one])
    return (answer, shares[answer] / total) if total > 0 else (AnswerClass.MACHINE, 0.5)
