"""Tell who answered: a person, a machine, a network's announcement, a fax, or nobody that says anything.

The clock starts at answer, with the first sample. Verdicts come as soon as they are of use and may be taken back:
a short greeting is answered within 300 ms of its end (`human`), and if the greeter then goes on as a recording does,
a later verdict says `machine`. What decides is time alone: how long the far end talks, in how long stretches, with
which gaps, weighed by a logistic model. Syllables and words are not counted, so that Mandarin, where every syllable
is a burst, is no faster than English. Tones decide without the model: fax tones, the special information tone before
an announcement, the beep before a recording. Sound that says the same again, word for word, is an announcement.

What this cannot do: tell an announcement that has no tone before it and is heard only once from any other recorded
message by sound alone. It is a `machine` then.
"""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_weights import BIAS, WEIGHTS
from audio.dsp.beep import BeepDetector
from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES, Blocks
from audio.dsp.fax import FaxDetector
from audio.dsp.level import SILENCE_DBFS
from audio.dsp.repetition import Repetition
from audio.dsp.sit import SitDetector
from audio.dsp.speech_activity import SpeechActivity
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.dsp.utterances import GAP_BLOCKS, Utterances

EVERY_BLOCKS = 5
"""While somebody speaks, the model is asked every 100 ms."""
MACHINE_AT = 0.98
"""While it talks, and after 240 ms of quiet."""
MACHINE_SETTLED_AT = 0.7
"""Once it waits. Both were set by hand: higher ones spare hardly any long greeter more (4 of 327 staged training
calls), lower ones take more of them for machines."""
HUMAN_BELOW = 0.5
TURN_GAP_BLOCKS = 1000 // BLOCK_MS
"""Who waits a second leaves the turn to us."""
SETTLED_BLOCKS = 1200 // BLOCK_MS
"""After this much quiet a doubtful greeting is over."""
HUMAN_SETTLED_BLOCKS = 2000 // BLOCK_MS
"""A person who greeted and now waits: what is said later is conversation, and none of ours."""
MAX_REPLY_PROBABILITY = 0.4
"""A greeting does not wait until we have spoken: only tones and repetition make a machine of a reply."""
SILENCE_BLOCKS = 4000 // BLOCK_MS
LISTEN_BLOCKS = 30_000 // BLOCK_MS
"""After the first live sound."""


class AnswerClass(StrEnum):
    """Who or what took the call."""

    HUMAN = "human"
    MACHINE = "machine"
    CARRIER_ANNOUNCEMENT = "carrier_announcement"
    FAX = "fax"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFeatures:
    """What the model knows, in seconds; logged with the verdict, so that recordings can be labelled anew."""

    onset_s: float = 0.0
    """From the first live sound to the first word; digital silence does not count."""
    speech_s: float = 0.0
    """All speech so far, short gaps within it included."""
    first_s: float = 0.0
    longest_s: float = 0.0
    gap_s: float = 0.0
    """Quiet since the last word; 0 while the far end speaks."""
    longest_gap_s: float = 0.0
    """Between two utterances."""
    span_s: float = 0.0
    """Since the first word."""
    n_utterances: int = 0
    talk_s: float = 0.0
    """The most that was said without a pause of a second: one turn."""
    talk_utterances: int = 0

    def as_dict(self) -> dict[str, float]:
        """Return the features by name."""
        return {name: round(value, 2) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerVerdict:
    """What is believed from sample `at` on, until the next verdict."""

    answer: AnswerClass
    confidence: float
    at: int
    reason: str
    """What decided: greeting, monologue, beep, fax_tone, information_tone, repetition, quiet."""
    features: AnswerFeatures


class AnswerDetector:
    """Follows one direction from answer on. Verdicts never depend on how the samples were sliced."""

    def __init__(self) -> None:
        self.verdict: AnswerVerdict | None = None
        """The newest."""
        self.is_done = False
        """No verdict follows, and blocks cost nothing."""
        self._blocks = Blocks()
        self._own_speech = SpeechActivity()
        self._own_beep = BeepDetector()
        self._own_fax = FaxDetector()
        self._own_sit = SitDetector()
        self._utterances = Utterances()
        self._repetition = Repetition()
        self._first_live: int | None = None
        self._is_reply = False

    def feed(self, samples: NDArray[np.int16]) -> list[AnswerVerdict]:
        """Take samples of any number and return the verdicts that they bring."""
        told = []
        for block in self._blocks.feed(samples):
            spectrum = spectrum_of(block)
            self._own_speech.take_block(block, spectrum)
            is_speech = self._own_speech.is_active and self._own_speech.is_speaking
            beep = self._own_beep.take_block(spectrum, is_speech=is_speech)
            fax = self._own_fax.take_block(spectrum, is_speech=is_speech)
            sit = self._own_sit.take_block(spectrum)
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
        if self.is_done:
            return None
        heard = self._utterances
        heard.take_block(block, spectrum, is_tone=is_key, echo_dbfs=echo_dbfs)
        if self._first_live is None and heard.n_live_blocks:
            self._first_live = heard.n_blocks - 1
        is_repeated = self._repetition.take_block(block, is_speech=heard.is_speaking)
        verdict = self._judge(is_beep=is_beep, is_fax=is_fax, is_sit=is_sit, is_repeated=is_repeated)
        if verdict is not None:
            self.verdict = verdict
        self.is_done = self._is_over()
        return verdict

    def expect_reply(self) -> None:
        """Say that we spoke first and have ended: who speaks only now replies, and may do so at any length."""
        if not self._utterances.spoken():
            self._is_reply = True

    def finish(self) -> AnswerVerdict | None:
        """End the sound and return the verdict that its end brings, if it brings one."""
        if self.is_done:
            return None
        self.is_done = True
        features = self._features()
        if features.n_utterances:
            p_machine = self._probability(features)
            is_machine = p_machine >= MACHINE_SETTLED_AT
            answer = AnswerClass.MACHINE if is_machine else AnswerClass.HUMAN
            if self.verdict is None or self.verdict.answer is AnswerClass.SILENCE:
                confidence = p_machine if is_machine else max(0.5, 1 - p_machine)
                self.verdict = self._tell(
                    answer, confidence, "monologue" if is_machine else "greeting", features
                )
                return self.verdict
        elif self.verdict is None:
            self.verdict = self._tell(AnswerClass.SILENCE, 0.5, "quiet", features)
            return self.verdict
        return None

    def _judge(self, *, is_beep: bool, is_fax: bool, is_sit: bool, is_repeated: bool) -> AnswerVerdict | None:
        believed = self.verdict.answer if self.verdict else None
        if is_fax and believed is not AnswerClass.FAX:
            return self._tell(AnswerClass.FAX, 0.99, "fax_tone", self._features())
        if believed in (AnswerClass.FAX, AnswerClass.CARRIER_ANNOUNCEMENT):
            return None
        if is_sit:
            return self._tell(AnswerClass.CARRIER_ANNOUNCEMENT, 0.98, "information_tone", self._features())
        if is_repeated:
            return self._tell(AnswerClass.CARRIER_ANNOUNCEMENT, 0.9, "repetition", self._features())
        if is_beep and self.reason != "beep":
            return self._tell(AnswerClass.MACHINE, 0.98, "beep", self._features())
        if self.reason == "beep":
            return None
        heard = self._utterances
        gap = heard.gap_blocks
        if gap is None:
            return self._wait(believed)
        if gap != GAP_BLOCKS and heard.n_blocks % EVERY_BLOCKS:
            return None
        return self._weigh(believed, gap)

    def _wait(self, believed: AnswerClass | None) -> AnswerVerdict | None:
        """Nobody has spoken: only live quiet is evidence, and tones are not."""
        heard = self._utterances
        if believed is None and heard.n_quiet_blocks >= SILENCE_BLOCKS:
            return self._tell(AnswerClass.SILENCE, 0.8, "quiet", self._features())
        return None

    def _weigh(self, believed: AnswerClass | None, gap: int) -> AnswerVerdict | None:
        features = self._features()
        p_machine = self._probability(features)
        is_settled = gap >= SETTLED_BLOCKS
        if believed is not AnswerClass.MACHINE and p_machine >= (
            MACHINE_SETTLED_AT if is_settled else MACHINE_AT
        ):
            return self._tell(AnswerClass.MACHINE, p_machine, "monologue", features)
        # A verdict that may have stopped a prompt is taken back only on good evidence.
        below = 1 - MACHINE_AT if believed is AnswerClass.MACHINE else HUMAN_BELOW
        if is_settled and believed is not AnswerClass.MACHINE:
            below = MACHINE_SETTLED_AT
        if believed is not AnswerClass.HUMAN and gap >= GAP_BLOCKS and p_machine < below:
            return self._tell(AnswerClass.HUMAN, max(0.5, 1 - p_machine), "greeting", features)
        return None

    @property
    def reason(self) -> str:
        """Why the newest verdict was given."""
        return self.verdict.reason if self.verdict else ""

    def _is_over(self) -> bool:
        if self._first_live is None:
            return False
        if self._utterances.n_blocks - self._first_live >= LISTEN_BLOCKS:
            return True
        gap = self._utterances.gap_blocks
        believed = self.verdict.answer if self.verdict else None
        return believed is AnswerClass.HUMAN and gap is not None and gap >= HUMAN_SETTLED_BLOCKS

    def _probability(self, features: AnswerFeatures) -> float:
        p_machine = probability_of_machine(features)
        return min(p_machine, MAX_REPLY_PROBABILITY) if self._is_reply else p_machine

    def _features(self) -> AnswerFeatures:
        return features_of(self._utterances, self._first_live or 0)

    def _tell(
        self, answer: AnswerClass, confidence: float, reason: str, features: AnswerFeatures
    ) -> AnswerVerdict:
        return AnswerVerdict(
            answer=answer,
            confidence=round(confidence, 3),
            at=self._utterances.n_blocks * BLOCK_SAMPLES,
            reason=reason,
            features=features,
        )


def features_of(heard: Utterances, first_live: int = 0) -> AnswerFeatures:
    """Return the features of what was heard so far; all zero before the first word."""
    spoken = heard.spoken()
    if not spoken:
        return AnswerFeatures()
    lengths = [one.end - one.begin for one in spoken]
    gaps = [later.begin - earlier.end for earlier, later in pairwise(spoken)]
    turns = [[lengths[0]]]
    for gap, length in zip(gaps, lengths[1:], strict=True):
        if gap < TURN_GAP_BLOCKS:
            turns[-1].append(length)
        else:
            turns.append([length])
    talk = max(turns, key=sum)
    scale = BLOCK_MS / 1000
    return AnswerFeatures(
        onset_s=max(0, spoken[0].begin - first_live) * scale,
        speech_s=sum(lengths) * scale,
        first_s=lengths[0] * scale,
        longest_s=max(lengths) * scale,
        gap_s=(heard.n_blocks - spoken[-1].end) * scale,
        longest_gap_s=max(gaps, default=0) * scale,
        span_s=(heard.n_blocks - spoken[0].begin) * scale,
        n_utterances=len(spoken),
        talk_s=sum(talk) * scale,
        talk_utterances=len(talk),
    )


BASIS = (
    "talk",
    "talk_over_1",
    "talk_over_2",
    "talk_over_3",
    "longest_over_1",
    "longest_over_2",
    "quiet",
    "waited",
    "waited_talk_over_1",
    "waited_talk_over_2",
    "turns",
)
"""What the model weighs, in the order of `basis_of`."""
SIGNS = (1, 1, 1, 1, 1, 1, -1, -1, 1, 1, -1)
"""More talk never speaks for a person, and waiting never for a machine, whatever a training set may say."""


def basis_of(features: AnswerFeatures) -> tuple[float, ...]:
    """Return the features bent so that a straight line through them will do."""
    f = features
    turns = 1 + (f.n_utterances - f.talk_utterances)
    over_1, over_2 = min(max(f.talk_s - 1.0, 0.0), 1.5), min(max(f.talk_s - 2.0, 0.0), 1.5)
    quiet_s = f.gap_s - GAP_BLOCKS * BLOCK_MS / 1000
    waited = min(max(quiet_s, 0.0), 1.0)
    return (
        min(f.talk_s, 6.0),
        over_1,
        over_2,
        min(max(f.talk_s - 3.0, 0.0), 3.0),
        min(max(f.longest_s - 1.0, 0.0), 1.5),
        min(max(f.longest_s - 2.0, 0.0), 2.0),
        float(quiet_s >= 0.0),
        waited,
        waited * over_1,
        waited * over_2,
        float(min(turns, 4)),
    )


def probability_of_machine(features: AnswerFeatures) -> float:
    """Return how likely a recording speaks, given only when and how long."""
    weighed = zip(WEIGHTS, basis_of(features), strict=True)
    score = BIAS + sum(weight * value for weight, value in weighed)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
